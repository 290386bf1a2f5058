"""Proofs: that values were made with the key behind a public element, or that one knows the key.

One proof of 64 bytes covers one value or 65,535: both sides weigh all elements by hashes of all of
them and prove the one sum. A value that the key did not make spoils the sum whatever the others
are, but the proof does not say which one it was; prove fewer to learn that.

It hides the key and nothing else: who holds the elements sees that the values belong to them.

Source: RFC 9497, sections 2.2.1 (GenerateProof), 2.2.2 (VerifyProof), of ristretto255-SHA512;
C. P. Schnorr, "Efficient signature generation by smart cards" (1991) for proofs of knowledge.

>>> from jukinet.keys import group
>>> key, element = group.scalar_of(5), group.base(group.scalar_of(7))
>>> value = group.times(key, element)
>>> proof = prove(key, [element], [value], context=b"doctest", chance=lambda size: b"4" * size)
>>> verify(group.base(key), [element], [value], proof, context=b"doctest")
>>> verify(group.base(key), [element], [element], proof, context=b"doctest")
Traceback (most recent call last):
    ...
jukinet.errors.Refused: proof: the values were not made with this key
"""

from collections.abc import Sequence
from hashlib import sha512
from typing import Final

from jukinet.errors import Malformed, Refused
from jukinet.keys import group
from jukinet.keys.chance import Chance
from jukinet.keys.group import Element, Scalar

PROOF_SIZE: Final = 64
BATCH_MAX: Final = 65_535
"""The weight of an element hashes its place in two bytes."""

_KNOWLEDGE: Final = b"jukinet proof of knowledge v1"


def prove(
    key: Scalar,
    elements: Sequence[Element],
    values: Sequence[Element],
    *,
    context: bytes,
    chance: Chance,
    public: Element | None = None,
) -> bytes:
    """A proof that each value is the key times its element, 64 bytes.

    `public` is the key's element, where it is at hand. Raises Malformed for no element, too many,
    or another number of values.
    """
    public = public or group.base(key)
    weights = _weights(public, elements, values, context)
    weighed = group.weigh(weights, elements)
    with group.draw_scalar(chance) as nonce:
        shown = (
            weighed,
            group.times(key, weighed),
            group.base(nonce),
            group.times(nonce, weighed),
        )
        challenge = _challenge(public, shown, context)
        with group.scalar_mul(challenge, key) as product, group.scalar_sub(nonce, product) as rest:
            return challenge + rest.publish()


def verify(
    public: Element,
    elements: Sequence[Element],
    values: Sequence[Element],
    proof: bytes,
    *,
    context: bytes,
) -> None:
    """Returns only if the key of `public` made each value of its element.

    Raises Refused otherwise, Malformed for what is no element, scalar or batch.
    """
    challenge, answer = _scalars(proof)
    weights = _weights(public, elements, values, context)
    weighed = group.weigh(weights, elements)
    worth = group.weigh(weights, values)
    shown = (
        weighed,
        worth,
        group.plus(group.base(answer), group.times(challenge, public)),
        group.weigh((answer, challenge), (weighed, worth)),
    )
    if _challenge(public, shown, context) != challenge:
        raise Refused("proof: the values were not made with this key", rule="proof")


def prove_knowledge(key: Scalar, public: Element, *, bound: bytes, chance: Chance) -> bytes:
    """A proof of 64 bytes that one knows the key of `public`, and for what: it binds `bound`."""
    with group.draw_scalar(chance) as nonce:
        challenge = _challenge_of_knowledge(public, group.base(nonce), bound)
        with group.scalar_mul(challenge, key) as product, group.scalar_add(nonce, product) as rest:
            return challenge + rest.publish()


def verify_knowledge(public: Element, proof: bytes, *, bound: bytes) -> None:
    """Returns only if whoever made the proof knew the key of `public` and bound the same to it.

    Raises Refused otherwise, Malformed for what is no element or scalar. A generator and a key
    cost a third of what two keys do.
    """
    challenge, answer = _scalars(proof)
    shown = group.minus(group.base(answer), group.times(challenge, public))
    if _challenge_of_knowledge(public, shown, bound) != challenge:
        raise Refused("proof of knowledge: does not fit its element or text", rule="proof")


def _scalars(proof: bytes) -> tuple[bytes, bytes]:
    if len(proof) != PROOF_SIZE:
        raise Malformed(f"proof: wants {PROOF_SIZE} bytes, got {len(proof)}")
    half = group.SCALAR_SIZE
    return group.parse_scalar(proof[:half]), group.parse_scalar(proof[half:])


def _challenge_of_knowledge(public: Element, shown: Element, bound: bytes) -> bytes:
    return group.reduced(sha512(b"".join((_KNOWLEDGE, public, shown, bound))).digest())


def _weights(
    public: Element, elements: Sequence[Element], values: Sequence[Element], context: bytes
) -> list[bytes]:
    """The weights of the sums, each a hash of everything (ComputeComposites)."""
    if not 0 < len(elements) <= BATCH_MAX:
        raise Malformed(f"proof: wants 1 to {BATCH_MAX} elements, got {len(elements)}")
    if len(values) != len(elements):
        raise Malformed(f"proof: wants {len(elements)} values, got {len(values)}")
    seed = sha512(_prefixed(public) + _prefixed(b"Seed-" + context)).digest()
    start = _prefixed(seed)
    domain = b"HashToScalar-" + context
    hashed = group.hash_to_scalar
    return [
        hashed(
            b"%b%b\x00\x20%b\x00\x20%bComposite"
            % (start, place.to_bytes(2, "big"), element, value),
            domain,
        )
        for place, (element, value) in enumerate(zip(elements, values, strict=True))
    ]


def _challenge(public: Element, shown: tuple[Element, ...], context: bytes) -> bytes:
    transcript = b"".join(_prefixed(element) for element in (public, *shown))
    return group.hash_to_scalar(transcript + b"Challenge", b"HashToScalar-" + context)


def _prefixed(part: bytes) -> bytes:
    return len(part).to_bytes(2, "big") + part
