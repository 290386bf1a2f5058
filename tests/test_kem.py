"""Sealing to a threshold key: k holders open; whatever was changed or moved does not."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Damaged, JukinetError, Malformed, Refused
from jukinet.keys import group, kem, threshold
from shares import dealt

SHARES = dealt(Random(7))
KEY = SHARES[0].public.public
AMONG = (1, 3)
FORMS = {
    "plain": (kem.seal, kem.encapsulated, kem.open_with, kem.OVERHEAD),
    "proved": (
        kem.seal_proved,
        lambda sealed: kem.check_proof(sealed, context=b"c"),
        kem.open_proved,
        kem.OVERHEAD_PROVED,
    ),
}
forms = pytest.mark.parametrize("form", FORMS)


def opened_by(shares, point):
    return threshold.combine([threshold.partial(share, AMONG, point) for share in shares])


@forms
@given(text=st.binary(max_size=200), seed=st.integers(0, 2**32))
def test_k_holders_open_what_anybody_sealed(form, text, seed):
    seal, point_of, open_, overhead = FORMS[form]
    sealed = seal(KEY, text, context=b"c", chance=Random(seed).randbytes)
    assert len(sealed) == len(text) + overhead
    shared = opened_by((SHARES[0], SHARES[2]), point_of(sealed))
    assert open_(shared, sealed, context=b"c") == text


@forms
def test_one_holder_or_other_holders_do_not_open(form):
    seal, point_of, open_, _ = FORMS[form]
    sealed = seal(KEY, b"text", context=b"c", chance=Random(1).randbytes)
    point = point_of(sealed)
    strangers = dealt(Random(8))
    for shared in (
        threshold.partial(SHARES[0], AMONG, point),
        opened_by((SHARES[0], strangers[2]), point),
        opened_by((strangers[0], strangers[2]), point),
        point,
    ):
        with pytest.raises(Damaged):
            open_(shared, sealed, context=b"c")


@forms
def test_another_context_does_not_open(form):
    seal, point_of, open_, _ = FORMS[form]
    sealed = seal(KEY, b"text", context=b"c", chance=Random(1).randbytes)
    with pytest.raises(Damaged):
        open_(opened_by((SHARES[0], SHARES[2]), point_of(sealed)), sealed, context=b"d")


def test_the_two_forms_do_not_pass_for_each_other():
    proved = kem.seal_proved(KEY, b"text", context=b"c", chance=Random(1).randbytes)
    plain = proved[:32] + proved[96:]
    shared = opened_by((SHARES[0], SHARES[2]), kem.encapsulated(plain))
    assert kem.open_proved(shared, proved, context=b"c") == b"text"
    with pytest.raises(Damaged):
        kem.open_with(shared, plain, context=b"c")


@forms
@given(data=st.data())
def test_a_flipped_bit_is_noticed(form, data):
    seal, point_of, open_, _ = FORMS[form]
    sealed = bytearray(seal(KEY, b"text", context=b"c", chance=Random(2).randbytes))
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8

    def opened():
        shared = opened_by((SHARES[0], SHARES[2]), point_of(bytes(sealed)))
        return open_(shared, bytes(sealed), context=b"c")

    with pytest.raises(JukinetError):
        opened()


@given(st.data())
def test_no_holder_works_on_a_proved_text_that_was_touched(data):
    """The proof alone notices, before any share is used: no one is an oracle for mauled texts."""
    sealed = bytearray(kem.seal_proved(KEY, b"text", context=b"c", chance=Random(2).randbytes))
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises((Malformed, Refused)):
        kem.check_proof(bytes(sealed), context=b"c")


def test_a_proof_holds_in_its_own_context_only():
    sealed = kem.seal_proved(KEY, b"text", context=b"sector 1", chance=Random(2).randbytes)
    kem.check_proof(sealed, context=b"sector 1")
    for context in (b"sector 2", b"", b"sector 1" + sealed[96:97]):
        with pytest.raises(Refused):
            kem.check_proof(sealed, context=context)
    moved = sealed[:96] + sealed[97:]
    with pytest.raises(Refused):
        kem.check_proof(moved, context=b"sector 1" + sealed[96:97])


def test_nobody_proves_a_text_around_an_element_taken_from_another():
    """Shifted by a known scalar or taken as it is, the thief does not know its logarithm."""
    victim = kem.seal_proved(KEY, b"text", context=b"c", chance=Random(2).randbytes)
    own = kem.seal_proved(KEY, b"text", context=b"c", chance=Random(3).randbytes)
    shifted = group.plus(victim[:32], group.base(group.scalar_of(5)))
    answer = group.scalar_add(victim[64:96], group.scalar_mul(victim[32:64], group.scalar_of(5)))
    for mauled in (
        victim[:32] + own[32:],
        victim[:96] + own[96:],
        shifted + victim[32:],
        shifted + victim[32:64] + answer.publish() + victim[96:],
    ):
        with pytest.raises(Refused):
            kem.check_proof(mauled, context=b"c")


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(bytes(32), id="the identity"),
        pytest.param(b"\xff" * 32, id="no element"),
        pytest.param(KEY[:31] + bytes([KEY[31] | 0x80]), id="an element with the top bit"),
    ],
)
def test_what_does_not_begin_with_an_element_is_malformed(point):
    plain = kem.seal(KEY, b"text", context=b"c", chance=Random(2).randbytes)
    proved = kem.seal_proved(KEY, b"text", context=b"c", chance=Random(2).randbytes)
    with pytest.raises(Malformed):
        kem.encapsulated(point + plain[32:])
    with pytest.raises(Malformed):
        kem.check_proof(point + proved[32:], context=b"c")
    for seal in (kem.seal, kem.seal_proved):
        with pytest.raises(Malformed):
            seal(point, b"text", context=b"c", chance=Random(2).randbytes)


@pytest.mark.parametrize("place", [32, 64])
def test_a_proof_written_another_way_is_malformed(place):
    sealed = kem.seal_proved(KEY, b"text", context=b"c", chance=Random(2).randbytes)
    scalar = int.from_bytes(sealed[place : place + 32], "little") + group.ORDER
    other = sealed[:place] + scalar.to_bytes(32, "little") + sealed[place + 32 :]
    with pytest.raises(Malformed):
        kem.check_proof(other, context=b"c")


@given(st.binary(max_size=kem.OVERHEAD_PROVED - 1))
def test_what_is_shorter_than_its_overhead_is_malformed(sealed):
    with pytest.raises(Malformed):
        kem.check_proof(sealed, context=b"")
    with pytest.raises(Malformed):
        kem.open_proved(KEY, sealed, context=b"")
    with pytest.raises(Malformed):
        kem.encapsulated(sealed[: kem.OVERHEAD - 1])
    with pytest.raises(Malformed):
        kem.open_with(KEY, sealed[: kem.OVERHEAD - 1], context=b"")


@forms
def test_the_same_text_is_sealed_another_way_each_time(form):
    seal = FORMS[form][0]
    rng = Random(4)
    assert seal(KEY, b"x", context=b"", chance=rng.randbytes) != seal(
        KEY, b"x", context=b"", chance=rng.randbytes
    )
