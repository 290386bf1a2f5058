"""Threshold keys: a key in n shares, of which any k do what the key does and k - 1 know nothing.

The shares are values of a polynomial at 1 to n, the key its value at 0, which nobody ever computes.
A holder multiplies an element by its share and its Lagrange factor among those who answer; the sum
of k such parts is the key's work. Every share has a public element, so that each part can be proved
by itself: it is what RFC 9497 calls an evaluation, under the key "factor times share".

A share belongs to an epoch. Shares of two epochs lie on two polynomials; parts of both add up to
nothing, and neither this module nor a proof lets them meet.

Source: A. Shamir, "How to share a secret" (1979); RFC 9497 (proofs); RFC 9591, section 4.2
(Lagrange factors).

>>> among = (1, 3)
>>> [int.from_bytes(lagrange(index, among), "little") * 2 % group.ORDER for index in among]
[3, 7237005577332262213973186563042994240857116359379907606001950938285454250988]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import msgspec

from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.keys import dleq, group, oprf
from jukinet.keys.chance import Chance
from jukinet.keys.group import Element
from jukinet.keys.secret import Secret

SHARES_MAX: Final = 255

_CACHED_MAX: Final = 4_096


class GroupKey(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold key, as everybody may know it: shares[i - 1] is the element of share i."""

    name: str
    epoch: int
    threshold: int
    public: Element
    shares: tuple[Element, ...]

    def __post_init__(self) -> None:
        """Raises Malformed unless 1 <= k <= n <= 255 and the epoch is 0 or more."""
        if not 1 <= self.threshold <= len(self.shares) <= SHARES_MAX:
            raise Malformed(
                f"group key: wants 1 <= k <= n <= {SHARES_MAX},"
                f" got k = {self.threshold}, n = {len(self.shares)}"
            )
        if self.epoch < 0:
            raise Malformed(f"group key: an epoch is 0 or more, got {self.epoch}")

    def check(self) -> None:
        """Raises Malformed unless all shares lie on one polynomial of degree k - 1 with the key.

        n - k + 1 sums of k products: once, where a key comes in.
        """
        first = tuple(range(1, self.threshold + 1))
        known = [group.parse_element(share) for share in self.shares[: self.threshold]]
        for index in (0, *range(self.threshold + 1, len(self.shares) + 1)):
            found = group.weigh([lagrange(other, first, at=index) for other in first], known)
            if found != (self.shares[index - 1] if index else self.public):
                raise Malformed(f"group key: share {index} does not belong to the others")


@dataclass(frozen=True, slots=True)
class KeyShare:
    """One holder's share of one key in one epoch. Prints no secret."""

    index: int
    secret: Secret = field(repr=False)
    public: GroupKey

    def __post_init__(self) -> None:
        """Raises Malformed unless the index is one of the key's."""
        if not 1 <= self.index <= len(self.public.shares):
            raise Malformed(f"share: wants an index from 1 to {len(self.public.shares)}")

    @property
    def name(self) -> str:
        """The key's."""
        return self.public.name

    @property
    def epoch(self) -> int:
        """The key's."""
        return self.public.epoch

    def check(self) -> None:
        """Raises Malformed unless the share is the one behind its public element."""
        if group.base(self.secret) != self.public.shares[self.index - 1]:
            raise Malformed("share: is not the one behind its public element; recover it")

    def wipe(self) -> None:
        """Zeros in its place."""
        self.secret.wipe()


@dataclass(frozen=True, slots=True)
class Parts:
    """What one holder made of some elements, and the proof where one was asked for."""

    index: int
    epoch: int
    values: tuple[Element, ...]
    proof: bytes = b""


def lagrange(index: int, among: Sequence[int], *, at: int = 0) -> bytes:
    """The weight of share `index` in the polynomial's value `at`, when `among` are the shares.

    Raises Malformed unless `among` are different indexes from 1 to 255 with this one.
    """
    return _lagrange(index, tuple(among), at)


@lru_cache(maxsize=_CACHED_MAX)
def _lagrange(index: int, among: tuple[int, ...], at: int) -> bytes:
    if index not in among or len(set(among)) < len(among):
        raise Malformed("shares: wants each index once, and the holder's own among them")
    if min(among) < 1 or max(among) > SHARES_MAX:
        raise Malformed(f"shares: an index is 1 to {SHARES_MAX}")
    above = below = 1
    for other in among:
        if other != index:
            above = above * (at - other) % group.ORDER
            below = below * (index - other) % group.ORDER
    return group.scalar_of(above * pow(below, -1, group.ORDER))


def partial(share: KeyShare, among: Sequence[int], element: Element) -> Element:
    """This holder's part of the key's work on the element, when exactly `among` answer.

    Raises Malformed unless k different holders are among them, itself one, or for no element.
    """
    with _factored(share, among) as key:
        return group.times(key, element)


def partials(
    share: KeyShare,
    among: Sequence[int],
    elements: Sequence[Element],
    *,
    proof: bool = False,
    chance: Chance | None = None,
) -> Parts:
    """This holder's parts for many elements, with one proof for all if asked for.

    Raises Malformed as partial does, and for a proof without chance.
    """
    with _factored(share, among) as key:
        values = group.times_each(key, elements)
        if not proof:
            return Parts(share.index, share.epoch, values)
        if chance is None:
            raise Malformed("parts: a proof wants chance")
        public = factored_public(share.public, share.index, among)
        proved = dleq.prove(key, elements, values, context=oprf.VOPRF, chance=chance, public=public)
    return Parts(share.index, share.epoch, values, proved)


def prove_partials(
    share: KeyShare,
    among: Sequence[int],
    elements: Sequence[Element],
    values: Sequence[Element],
    *,
    chance: Chance,
) -> bytes:
    """A proof for parts that were given without one. Raises Malformed as partials does.

    A holder makes one only for values that it signed: a proof of others would not verify anyway.
    """
    with _factored(share, among) as key:
        public = factored_public(share.public, share.index, among)
        return dleq.prove(key, elements, values, context=oprf.VOPRF, chance=chance, public=public)


def verify_partials(
    key: GroupKey,
    among: Sequence[int],
    elements: Sequence[Element],
    parts: Parts,
) -> None:
    """Returns only if the holder made every part with its share of this key in this epoch.

    Raises OutOfStep for another epoch; Refused, or Malformed for what is no element or proof:
    each of the last two names the holder.
    """
    if parts.epoch != key.epoch:
        raise OutOfStep(
            f"parts of holder {parts.index}: are of epoch {parts.epoch}, the key is of {key.epoch};"
            " ask again with the key of today"
        )
    public = factored_public(key, parts.index, among)
    try:
        dleq.verify(public, elements, parts.values, parts.proof, context=oprf.VOPRF)
    except Malformed as fault:
        raise Malformed(f"parts of holder {parts.index}: {fault}") from None
    except Refused:
        raise Refused(
            f"parts of holder {parts.index}: were not made with its share; ask another holder",
            rule="proof",
        ) from None


def combine(parts: Mapping[int, Element] | Sequence[Element]) -> Element:
    """The key's work out of the parts of exactly those who were to answer.

    It is right if every part is: verify them, or open what is sealed under it. Raises Malformed
    for no part, and for what is no element.
    """
    return group.sum_of(tuple(parts.values()) if isinstance(parts, Mapping) else parts)


def combine_each(all_parts: Sequence[Parts], among: Sequence[int]) -> tuple[Element, ...]:
    """The key's work on many elements, out of everybody's parts.

    Raises OutOfStep for parts of two epochs; Malformed unless each of `among` gave as many.
    """
    if sorted(parts.index for parts in all_parts) != sorted(among):
        raise Malformed("parts: wants one lot from each of those who were to answer")
    if len({parts.epoch for parts in all_parts}) != 1:
        raise OutOfStep("parts: are of two epochs; ask all holders again")
    if len({len(parts.values) for parts in all_parts}) != 1:
        raise Malformed("parts: wants the same number from each holder")
    return tuple(
        [group.sum_of(values) for values in zip(*(lot.values for lot in all_parts), strict=True)]
    )


def factored_public(key: GroupKey, index: int, among: Sequence[int]) -> Element:
    """The element behind "Lagrange factor times share": what a part is proved against."""
    _refuse_among(key, index, among)
    return _factored_public(key.shares[index - 1], lagrange(index, among))


@lru_cache(maxsize=_CACHED_MAX)
def _factored_public(share: Element, factor: bytes) -> Element:
    return group.times(factor, share)


def _factored(share: KeyShare, among: Sequence[int]) -> Secret:
    _refuse_among(share.public, share.index, among)
    return group.scalar_mul(lagrange(share.index, among), share.secret)


def _refuse_among(key: GroupKey, index: int, among: Sequence[int]) -> None:
    if index not in among or len(among) != key.threshold or max(among) > len(key.shares):
        raise Malformed(
            f"shares: wants exactly {key.threshold} holders from 1 to {len(key.shares)},"
            f" holder {index} among them"
        )


def write_share(share: KeyShare) -> bytearray:
    """The share and its public key, to be sealed; the caller wipes it."""
    public = msgspec.msgpack.encode(share.public)
    return bytearray(share.index.to_bytes(1, "big")) + share.secret.reveal() + public


def read_share(written: bytes | bytearray | memoryview) -> KeyShare:
    """What write_share wrote. Raises Malformed, without showing it, unless the share fits."""
    start = 1 + group.SCALAR_SIZE
    try:
        public = msgspec.msgpack.decode(bytes(written[start:]), type=GroupKey)
    except msgspec.DecodeError:
        raise Malformed("share: is not written as shares are; recover it") from None
    share = KeyShare(written[0], group.keep_scalar(written[1:start]), public)
    share.check()
    return share
