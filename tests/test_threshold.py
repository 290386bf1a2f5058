"""Threshold keys: any k holders do what the key does; fewer, others or a cheat do not."""

from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.keys import group, oprf, threshold
from jukinet.keys.secret import Secret
from jukinet.keys.threshold import KeyShare, Parts, lagrange
from shares import dealt

SECRET = 424242
SHARES = dealt(Random(1), secret=SECRET)
KEY = SHARES[0].public
ELEMENTS = tuple(group.base(group.scalar_of(number)) for number in (3, 5, 8))
WORK = group.times_each(group.scalar_of(SECRET), ELEMENTS)
sizes = st.integers(1, 5).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n)))


def parts_of(among, shares=SHARES, elements=ELEMENTS, proof=True):
    return [
        threshold.partials(
            shares[index - 1], among, elements, proof=proof, chance=Random(index).randbytes
        )
        for index in among
    ]


@given(sizes, st.integers(0, 2**32))
def test_any_k_holders_do_what_the_key_does_and_prove_it(size, seed):
    k, n = size
    rng = Random(seed)
    shares = dealt(rng, k=k, n=n, secret=SECRET)
    key = shares[0].public
    key.check()
    for among in combinations(range(1, n + 1), k):
        lots = parts_of(among, shares)
        for parts in lots:
            threshold.verify_partials(key, among, ELEMENTS, parts)
        assert threshold.combine_each(lots, among) == WORK
        one = {index: threshold.partial(shares[index - 1], among, ELEMENTS[0]) for index in among}
        assert threshold.combine(one) == WORK[0]


@given(sizes.filter(lambda size: size[0] > 1), st.integers(0, 2**32))
def test_shares_of_two_epochs_never_make_the_key(size, seed):
    k, n = size
    rng = Random(seed)
    old = dealt(rng, k=k, n=n, secret=SECRET, epoch=1)
    new = dealt(rng, k=k, n=n, secret=SECRET, epoch=2)
    among = tuple(range(1, k + 1))
    mixed = [*parts_of(among, new)[:1], *parts_of(among, old)[1:]]
    with pytest.raises(OutOfStep):
        threshold.combine_each(mixed, among)
    with pytest.raises(OutOfStep):
        threshold.verify_partials(old[0].public, among, ELEMENTS, mixed[0])
    lying = Parts(1, 1, mixed[0].values, mixed[0].proof)
    with pytest.raises(Refused):
        threshold.verify_partials(old[0].public, among, ELEMENTS, lying)
    assert threshold.combine_each([lying, *mixed[1:]], among) != WORK


def test_fewer_than_k_holders_or_more_do_nothing():
    for among in ((1,), (1, 2, 3), (2, 3), (1, 4), (1, 1), (), (0, 1)):
        with pytest.raises(Malformed):
            threshold.partial(SHARES[0], among, ELEMENTS[0])
        with pytest.raises(Malformed):
            threshold.factored_public(KEY, 1, among)


def test_k_minus_one_shares_fit_every_key():
    """Whatever the key, some last share makes it: those who lack one learn nothing."""
    (one, *_), guess = SHARES, 777
    factor = {index: int.from_bytes(lagrange(index, (1, 2)), "little") for index in (1, 2)}
    held = int.from_bytes(one.secret.publish(), "little")
    fitting = (guess - factor[1] * held) * pow(factor[2], -1, group.ORDER)
    other = KeyShare(2, Secret(group.scalar_of(fitting)), KEY)
    parts = [threshold.partial(share, (1, 2), ELEMENTS[0]) for share in (one, other)]
    assert threshold.combine(parts) == group.times(group.scalar_of(guess), ELEMENTS[0])


@pytest.mark.parametrize("wrong", range(3))
def test_a_cheating_holder_is_named(wrong):
    honest, cheat = parts_of((1, 3))
    values = list(cheat.values)
    values[wrong] = group.plus(values[wrong], ELEMENTS[0])
    forged = threshold.prove_partials(
        SHARES[2], (1, 3), ELEMENTS, values, chance=Random(9).randbytes
    )
    threshold.verify_partials(KEY, (1, 3), ELEMENTS, honest)
    for proof in (cheat.proof, forged, honest.proof):
        with pytest.raises(Refused, match="holder 3"):
            threshold.verify_partials(KEY, (1, 3), ELEMENTS, Parts(3, 0, tuple(values), proof))


def test_a_holder_whose_parts_are_no_elements_is_named():
    cheat = parts_of((1, 3))[1]
    for bad in (group.IDENTITY, b"\xff" * 32, b"", WORK[0][:31] + bytes([WORK[0][31] | 128])):
        parts = Parts(3, 0, (bad, *cheat.values[1:]), cheat.proof)
        with pytest.raises(Malformed, match="holder 3"):
            threshold.verify_partials(KEY, (1, 3), ELEMENTS, parts)
    with pytest.raises(Malformed, match="holder 3"):
        threshold.verify_partials(KEY, (1, 3), ELEMENTS, Parts(3, 0, cheat.values, b""))


def test_parts_for_one_set_of_holders_do_not_pass_for_another():
    parts = parts_of((1, 3))[0]
    with pytest.raises(Refused, match="holder 1"):
        threshold.verify_partials(KEY, (1, 2), ELEMENTS, parts)


def test_parts_given_without_a_proof_are_proved_later():
    parts = parts_of((1, 2), proof=False)[0]
    assert parts.proof == b""
    proof = threshold.prove_partials(
        SHARES[0], (1, 2), ELEMENTS, parts.values, chance=Random(3).randbytes
    )
    threshold.verify_partials(KEY, (1, 2), ELEMENTS, Parts(1, 0, parts.values, proof))


def test_a_part_is_what_the_rfc_calls_an_evaluation():
    """Any library of RFC 9497 verifies it, with "factor times share" as the server's key."""
    parts = parts_of((1, 2))[0]
    key = group.scalar_mul(lagrange(1, (1, 2)), SHARES[0].secret)
    values, proof = oprf.evaluate_proved(key, ELEMENTS, chance=Random(1).randbytes)
    assert (parts.values, parts.proof) == (values, proof)


def test_a_number_is_the_same_through_any_two_of_three():
    text, blinding = b"person 7", group.draw_scalar(Random(4).randbytes)
    blinded = oprf.blind(text, blinding)
    found = {
        oprf.output(
            text,
            oprf.unblind(
                threshold.combine(
                    [threshold.partial(SHARES[index - 1], among, blinded) for index in among]
                ),
                blinding,
            ),
        )
        for among in combinations((1, 2, 3), 2)
    }
    assert found == {oprf.output(text, oprf.evaluate(group.scalar_of(SECRET), oprf.hashed(text)))}


@pytest.mark.parametrize(
    "lots",
    [
        pytest.param(lambda one, two: [one], id="one is missing"),
        pytest.param(lambda one, two: [one, one], id="one twice"),
        pytest.param(lambda one, two: [one, two, two], id="one too many"),
        pytest.param(lambda one, two: [], id="none"),
        pytest.param(lambda one, two: [one, Parts(3, 0, two.values[:2])], id="fewer values"),
    ],
)
def test_only_the_parts_of_those_asked_are_combined(lots):
    with pytest.raises(Malformed):
        threshold.combine_each(lots(*parts_of((1, 3))), (1, 3))


def test_a_key_whose_shares_are_not_on_one_polynomial_is_malformed():
    KEY.check()
    for change in (
        {"public": ELEMENTS[0]},
        {"shares": (KEY.shares[1], KEY.shares[0], KEY.shares[2])},
        {"shares": (*KEY.shares[:2], ELEMENTS[0])},
        {"shares": (*KEY.shares[:2], group.IDENTITY)},
        {"threshold": 1},
    ):
        with pytest.raises(Malformed):
            threshold.msgspec.structs.replace(KEY, **change).check()


@pytest.mark.parametrize(
    "change", [{"threshold": 0}, {"threshold": 4}, {"epoch": -1}, {"shares": ()}]
)
def test_a_key_of_impossible_numbers_is_malformed(change):
    with pytest.raises(Malformed):
        threshold.msgspec.structs.replace(KEY, **change)


def test_a_share_is_written_and_read_and_wiped():
    written = threshold.write_share(SHARES[1])
    found = threshold.read_share(written)
    assert (found.index, found.public, found.name, found.epoch) == (2, KEY, "key", 0)
    assert found.secret == SHARES[1].secret
    found.wipe()
    with pytest.raises(Malformed):
        threshold.partial(found, (1, 2), ELEMENTS[0])


@given(st.data())
def test_what_is_not_written_so_is_no_share(data):
    written = bytearray(threshold.write_share(SHARES[1]))
    place = data.draw(st.integers(0, 32))
    written[place] ^= data.draw(st.integers(1, 255))
    for other in (written, written[:20], b"", b"\x02" + bytes(32), written[:33] + b"\xc1"):
        with pytest.raises(Malformed):
            threshold.read_share(other)


def test_a_proof_wants_chance():
    with pytest.raises(Malformed):
        threshold.partials(SHARES[0], (1, 2), ELEMENTS, proof=True)
