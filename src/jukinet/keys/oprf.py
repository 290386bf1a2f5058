"""Oblivious pseudorandom function: whoever has the key computes an output it does not see.

The asker blinds the input, the holder of the key evaluates what it got, the asker takes the blind
off: the asker learns no key, the holder neither input nor output. In the verifiable mode a proof
shows that the holder used the key behind its public element.

It is not anonymity: the holder sees who asks, and how often.

Source: RFC 9497, ristretto255-SHA512, modes OPRF (section 3.3.1) and VOPRF (section 3.3.2).

>>> key, blinding = group.scalar_of(11), group.scalar_of(13)
>>> value = evaluate(key, blind(b"input", blinding))
>>> output(b"input", unblind(value, blinding)).hex()[:8]
'03648c8f'
>>> output(b"input", evaluate(key, hashed(b"input"))).hex()[:8]
'03648c8f'
"""

from collections.abc import Sequence
from hashlib import sha512
from typing import Final

from jukinet.errors import Malformed, OutOfStep
from jukinet.keys import dleq, group
from jukinet.keys.chance import Chance
from jukinet.keys.group import Element, Scalar
from jukinet.keys.secret import Secret

OPRF: Final = b"OPRFV1-\x00-ristretto255-SHA512"
VOPRF: Final = b"OPRFV1-\x01-ristretto255-SHA512"
"""The context string of each mode (section 3.1)."""
OUTPUT_SIZE: Final = 64
INPUT_SIZE_MAX: Final = 65_535

_TRIES_MAX: Final = 256


def hashed(text: bytes, *, mode: bytes = VOPRF) -> Element:
    """The element of an input. Raises Malformed for one of more than 65,535 bytes."""
    _refuse_input(text)
    return group.hash_to_group(text, b"HashToGroup-" + mode)


def blind(text: bytes, blinding: Scalar, *, mode: bytes = VOPRF) -> Element:
    """The input's element, blinded: nobody who lacks the blinding can tell inputs apart.

    A blinding is drawn anew for each input and each asking. Raises Malformed as hashed does.
    """
    return group.times(blinding, hashed(text, mode=mode))


def evaluate(key: Scalar, blinded: Element) -> Element:
    """The key times what was blinded. Raises Malformed for what is no element."""
    return group.times(key, blinded)


def evaluate_proved(
    key: Scalar, blinded: Sequence[Element], *, chance: Chance, public: Element | None = None
) -> tuple[tuple[Element, ...], bytes]:
    """The key times each, and one proof for all. Raises Malformed as dleq.prove does."""
    values = group.times_each(key, blinded)
    proof = dleq.prove(key, blinded, values, context=VOPRF, chance=chance, public=public)
    return values, proof


def unblind(value: Element, blinding: Scalar) -> Element:
    """The value without the blinding. Raises Malformed for what is no element, and for zero."""
    with group.scalar_invert(blinding) as inverse:
        return group.times(inverse, value)


def unblind_each(values: Sequence[Element], blindings: Sequence[Scalar]) -> tuple[Element, ...]:
    """Each value without its blinding, by one inversion for all. Raises Malformed as unblind."""
    inverses = group.invert_each(blindings)
    return tuple(
        [group.times(inverse, value) for inverse, value in zip(inverses, values, strict=True)]
    )


def output(text: bytes, unblinded: Element) -> bytes:
    """The output, 64 bytes (the end of Finalize)."""
    _refuse_input(text)
    return sha512(
        b"%b%b\x00\x20%bFinalize" % (len(text).to_bytes(2, "big"), text, unblinded)
    ).digest()


def derive_key(seed: bytes, label: bytes, *, mode: bytes = VOPRF) -> Secret:
    """A key out of a seed and a public label (section 3.2.1); threshold keys are never made so."""
    start = seed + len(label).to_bytes(2, "big") + label
    for count in range(_TRIES_MAX):
        key = group.hash_to_scalar(start + count.to_bytes(1, "big"), b"DeriveKeyPair" + mode)
        if any(key):
            return Secret(key)
    raise OutOfStep("key: 256 hashes in a row were zero")


def _refuse_input(text: bytes) -> None:
    if len(text) > INPUT_SIZE_MAX:
        raise Malformed(f"input: at most {INPUT_SIZE_MAX} bytes, got {len(text)}")
