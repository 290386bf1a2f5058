"""Proofs of equal logarithms: none verifies with another key, element, value, order or context."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import JukinetError, Malformed, Refused
from jukinet.keys import dleq, group

KEY = group.scalar_of(1234567)
PUBLIC = group.base(KEY)
ELEMENTS = tuple(group.base(group.scalar_of(number)) for number in (3, 5, 8))
VALUES = group.times_each(KEY, ELEMENTS)
OTHER = group.base(group.scalar_of(99))


def proof_of(elements=ELEMENTS, values=VALUES, key=KEY, seed=1):
    return dleq.prove(key, elements, values, context=b"c", chance=Random(seed).randbytes)


PROOF = proof_of()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"public": OTHER}, id="another key"),
        pytest.param({"elements": ELEMENTS[::-1]}, id="elements in another order"),
        pytest.param({"elements": ELEMENTS[::-1], "values": VALUES[::-1]}, id="another order"),
        pytest.param({"elements": (*ELEMENTS[:2], OTHER)}, id="another element"),
        pytest.param({"values": (*VALUES[:2], OTHER)}, id="another value"),
        pytest.param({"elements": ELEMENTS[:2], "values": VALUES[:2]}, id="fewer"),
        pytest.param(
            {"elements": (*ELEMENTS, OTHER), "values": (*VALUES, group.times(KEY, OTHER))},
            id="one more, and right",
        ),
        pytest.param({"context": b"d"}, id="another context"),
        pytest.param({"proof": proof_of(seed=2)[:32] + PROOF[32:]}, id="another's challenge"),
        pytest.param({"proof": PROOF[:32] + proof_of(seed=2)[32:]}, id="another's answer"),
        pytest.param(
            {"proof": proof_of(values=(*VALUES[:2], OTHER)), "values": (*VALUES[:2], OTHER)},
            id="a proof of a wrong value by the holder of the key",
        ),
        pytest.param({"proof": proof_of(key=group.scalar_of(2))}, id="a proof by another key"),
    ],
)
def test_a_proof_of_something_else_is_refused(change):
    case = {
        "public": PUBLIC,
        "elements": ELEMENTS,
        "values": VALUES,
        "proof": PROOF,
        "context": b"c",
    }
    verified(**case)
    with pytest.raises(Refused):
        verified(**{**case, **change})


def verified(public, elements, values, proof, context):
    dleq.verify(public, elements, values, proof, context=context)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"elements": (), "values": ()}, id="nothing"),
        pytest.param({"values": VALUES[:2]}, id="fewer values"),
        pytest.param({"elements": ELEMENTS[:2]}, id="fewer elements"),
        pytest.param({"elements": [OTHER] * 65_536, "values": [OTHER] * 65_536}, id="too many"),
        pytest.param({"elements": (bytes(32), *ELEMENTS[1:])}, id="the identity"),
        pytest.param({"values": (b"\xff" * 32, *VALUES[1:])}, id="no element"),
        pytest.param({"public": bytes(32)}, id="the identity as key"),
        pytest.param({"proof": PROOF[:63]}, id="a short proof"),
        pytest.param({"proof": PROOF + b"x"}, id="a long proof"),
        pytest.param({"proof": b""}, id="no proof"),
        pytest.param({"proof": PROOF[:32] + b"\xff" * 32}, id="an answer above the order"),
        pytest.param(
            {
                "proof": PROOF[:32]
                + (int.from_bytes(PROOF[32:], "little") + group.ORDER).to_bytes(32, "little")
            },
            id="the same answer, written another way",
        ),
    ],
)
def test_what_is_no_proof_is_malformed(change):
    case = {
        "public": PUBLIC,
        "elements": ELEMENTS,
        "values": VALUES,
        "proof": PROOF,
        "context": b"c",
    }
    with pytest.raises(Malformed):
        verified(**{**case, **change})


@given(st.integers(0, 8 * 64 - 1))
def test_a_flipped_bit_in_a_proof_is_noticed(bit):
    proof = bytearray(PROOF)
    proof[bit // 8] ^= 1 << bit % 8
    with pytest.raises(JukinetError):
        verified(PUBLIC, ELEMENTS, VALUES, bytes(proof), b"c")


@given(st.integers(1, 5), st.integers(0, 4), st.integers(0, 2**32))
def test_one_wrong_value_anywhere_spoils_the_proof_of_all(count, wrong, seed):
    rng = Random(seed)
    key = group.draw_scalar(rng.randbytes)
    elements = [group.base(group.draw_scalar(rng.randbytes)) for _ in range(count)]
    values = list(group.times_each(key, elements))
    proof = dleq.prove(key, elements, values, context=b"", chance=rng.randbytes)
    dleq.verify(group.base(key), elements, values, proof, context=b"")
    values[wrong % count] = group.plus(values[wrong % count], OTHER)
    for shown in (proof, dleq.prove(key, elements, values, context=b"", chance=rng.randbytes)):
        with pytest.raises(Refused):
            dleq.verify(group.base(key), elements, values, shown, context=b"")


def test_two_proofs_of_the_same_are_not_the_same():
    assert proof_of(seed=1) != proof_of(seed=2)
