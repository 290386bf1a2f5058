"""Secrets: they are zeroed where they lie, and nothing of them gets out by accident."""

import copy
import pickle
import traceback

import msgspec
import pytest

from jukinet.errors import JukinetError, Refused
from jukinet.keys import group, kem, threshold
from jukinet.keys.secret import Secret

CONTENT = b"SECRET-0123456789-SECRET-9876543"


def test_a_secret_is_zeroed_where_it_lies_when_wiped():
    secret = Secret(CONTENT)
    lies = secret._held
    view = secret.reveal()
    secret.wipe()
    assert bytes(lies) == bytes(32)
    assert bytes(view) == bytes(32)


def test_a_secret_is_zeroed_when_nothing_refers_to_it():
    secret = Secret(CONTENT)
    lies = secret._held
    del secret
    assert bytes(lies) == bytes(32)


def test_a_secret_is_zeroed_when_its_block_ends_with_an_error():
    secret = Secret(CONTENT)
    lies = secret._held
    with pytest.raises(KeyError), secret:
        raise KeyError
    assert bytes(lies) == bytes(32)


def test_a_secret_cannot_move_and_leave_a_copy_behind():
    secret = Secret(CONTENT)
    with pytest.raises(BufferError):
        secret._held.extend(b"x")


def test_what_is_revealed_cannot_be_written():
    with pytest.raises(TypeError):
        Secret(CONTENT).reveal()[0] = 1


@pytest.mark.parametrize("start", [-1, 1, 32])
def test_a_secret_is_written_into_another_only_where_it_fits(start):
    into = Secret(bytes(32))
    with pytest.raises(Refused):
        into.write(start, Secret(CONTENT))
    into.write(0, Secret(CONTENT))
    assert into == Secret(CONTENT)
    into.wipe()
    with pytest.raises(Refused):
        into.write(0, Secret(CONTENT))


def test_the_original_may_be_wiped_and_the_secret_stays():
    original = bytearray(CONTENT)
    secret = Secret(original)
    original[:] = bytes(32)
    assert secret.publish() == CONTENT


def test_a_wiped_secret_is_no_key_of_zeros():
    secret = Secret(CONTENT)
    assert len(secret) == 32
    assert secret
    secret.wipe()
    assert not secret
    for use in (
        secret.reveal,
        secret.publish,
        lambda: secret == Secret(CONTENT),
        lambda: group.base(secret),
        lambda: group.times(secret, group.base(group.scalar_of(1))),
        lambda: group.scalar_add(secret, group.scalar_of(1)),
        lambda: group.scalar_invert(secret),
        lambda: group.weigh([secret], [group.base(group.scalar_of(1))]),
    ):
        with pytest.raises(JukinetError):
            use()


def test_secrets_are_equal_when_their_bytes_are():
    assert Secret(CONTENT) == Secret(CONTENT)
    assert Secret(CONTENT) != Secret(bytes(32))
    assert Secret(CONTENT) != Secret(CONTENT[:31])
    assert Secret(CONTENT) != CONTENT


def test_a_secret_shows_nothing_of_itself():
    secret = Secret(CONTENT)
    share = threshold.KeyShare(1, secret, _key())
    for shown in (repr(secret), str(secret), f"{secret}", "%r" % secret, repr(share), str(share)):  # noqa: UP031
        assert "SECRET" not in shown
        assert CONTENT.hex() not in shown
    assert not hasattr(secret, "__dict__")
    with pytest.raises(TypeError):
        hash(secret)
    with pytest.raises(TypeError):
        bytes(secret)


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_not_written_out_by_accident(way):
    with pytest.raises(Refused):
        way(Secret(CONTENT))
    with pytest.raises((Refused, TypeError)):
        pickle.dumps(threshold.KeyShare(1, Secret(CONTENT), _key()))


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.msgpack.encode])
def test_no_encoder_takes_a_secret(encode):
    with pytest.raises(TypeError) as error:
        encode({"share": Secret(CONTENT)})
    assert "SECRET" not in str(error.value)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            lambda: group.keep_scalar(b"\xff" * 24 + b"SECRET!!"), id="a scalar too large"
        ),
        pytest.param(lambda: group.keep_scalar(CONTENT[:30]), id="a short scalar"),
        pytest.param(lambda: group.times(Secret(CONTENT), b"x" * 32), id="no element"),
        pytest.param(lambda: group.times(Secret(CONTENT), bytes(32)), id="the identity"),
        pytest.param(lambda: group.times(Secret(CONTENT[:5]), bytes(32)), id="a short secret"),
        pytest.param(lambda: threshold.read_share(b"\x01" + CONTENT + b"\xc0"), id="no share"),
        pytest.param(lambda: threshold.KeyShare(9, Secret(CONTENT), _key()), id="no such holder"),
        pytest.param(lambda: threshold.KeyShare(1, Secret(CONTENT), _key()).check(), id="not it"),
        pytest.param(
            lambda: kem.seal(bytes(32), CONTENT, context=b"", chance=lambda size: CONTENT * 2),
            id="sealed to nothing",
        ),
        pytest.param(
            lambda: kem.open_with(CONTENT, b"SECRET" * 20, context=CONTENT), id="not sealed so"
        ),
    ],
)
def test_no_error_shows_a_secret(fault):
    with pytest.raises(JukinetError) as error:
        fault()
    told = "".join(traceback.format_exception(error.value, chain=True)[-1:]) + repr(error.value)
    assert "SECRET-" not in told
    assert "SECRET!" not in told
    assert CONTENT[:8].hex() not in told
    assert error.value.__cause__ is None


def _key():
    element = group.base(group.scalar_of(2))
    return threshold.GroupKey(
        name="key", epoch=0, threshold=1, public=element, shares=(element, element)
    )
