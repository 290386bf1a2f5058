"""Ceremony (鍵生成の儀): what its members agree upon beforehand, and what they say to each other.

A plan names everybody with their signing keys, the keys to be made or shared anew, and a nonce; its
hash stands in every message, so that nothing said in one ceremony counts in another. Every message
is signed by its sender and may be seen by all: shares are sealed inside, to keys that their
receivers draw for this ceremony only, one for each dealer. Whoever sees two signed messages that
contradict each other, or opens one wrong share, has a proof against its dealer for all to see.

It is not the run of a ceremony: see `dkg` for that, and `refresh` for shares of keys that exist.

Source: C2SP cocktail-dkg, v0.0.1; docs/decisions/0020 says where and why we differ.

>>> plan = Generation(nonce=bytes(16), names=("index",), threshold=1, members=(
...     Member(name="keeper-1", verify=SigningKey(bytes(32)).public_bytes, deals=1, holds=1),))
>>> plan.check()
>>> plan.id().hex()[:8]
'c9068a9b'
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, TypeAlias

import msgspec

from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.keys import dleq, group
from jukinet.keys.group import Element
from jukinet.keys.sign import SigningKey, VerifyKey
from jukinet.keys.threshold import SHARES_MAX, GroupKey

NONCE_SIZE_MIN: Final = 16
KEYS_MAX: Final = 4_096

_SIGNED: Final = b"jukinet ceremony v1 "


class Blamed(OutOfStep):
    """A ceremony ended without keys, and this is who ended it."""

    def __init__(self, *names: str, reason: str) -> None:
        super().__init__(f"ceremony: {', '.join(names)} {reason}; begin another one")
        self.names = names
        self.reason = reason

    @property
    def name(self) -> str:
        """The only one, or the first."""
        return self.names[0]


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One who takes part: `deals` is the share it brings, `holds` the one it is to have; 0: none.

    `verify` is its Ed25519 key, 32 bytes.
    """

    name: str
    verify: bytes
    deals: int = 0
    holds: int = 0


class Plan(msgspec.Struct, frozen=True, kw_only=True, tag_field="plan"):
    """What every member knows before the ceremony begins; the threshold is that of new shares."""

    nonce: bytes
    members: tuple[Member, ...]
    threshold: int

    def id(self) -> bytes:
        """What stands in each message of this ceremony, 32 bytes."""
        return sha256(b"jukinet ceremony plan v1" + msgspec.msgpack.encode(self)).digest()

    def member(self, name: str) -> Member:
        """Raises Malformed when nobody has this name."""
        for member in self.members:
            if member.name == name:
                return member
        raise Malformed("ceremony: a message names somebody who takes no part in it")

    @property
    def dealers(self) -> tuple[Member, ...]:
        """Those who bring a polynomial."""
        return tuple(member for member in self.members if member.deals)

    @property
    def receivers(self) -> tuple[Member, ...]:
        """Those who are to hold a share of each key."""
        return tuple(member for member in self.members if member.holds)

    @property
    def key_names(self) -> tuple[str, ...]:
        """The keys, in the order of every list in every message."""
        raise NotImplementedError

    @property
    def epoch(self) -> int:
        """The epoch of the new shares."""
        raise NotImplementedError

    @property
    def holders(self) -> int:
        """How many shares there are to be, present or not."""
        return len(self.receivers)

    def constants(self, dealer: Member) -> tuple[Element, ...]:
        """The elements of what a dealer shares out, where that is known; none where it draws it."""
        raise NotImplementedError

    def check(self) -> None:
        """Raises Malformed unless the plan can be carried out."""
        if len(self.nonce) < NONCE_SIZE_MIN:
            raise Malformed(f"plan: wants a nonce of {NONCE_SIZE_MIN} bytes or more")
        if not 0 < len(self.key_names) <= KEYS_MAX or _twice(self.key_names):
            raise Malformed(f"plan: wants 1 to {KEYS_MAX} keys, each name once")
        if not self.members or _twice([member.name for member in self.members]):
            raise Malformed("plan: wants members, each name once")
        if _twice([VerifyKey(member.verify).raw for member in self.members]):
            raise Malformed("plan: wants a signing key of its own for each member")
        for numbers in (
            [member.deals for member in self.dealers],
            [member.holds for member in self.receivers],
        ):
            if _twice(numbers) or not all(0 < number <= SHARES_MAX for number in numbers):
                raise Malformed(f"plan: a share has a number from 1 to {SHARES_MAX}, each once")
        if not 1 <= self.threshold <= len(self.receivers):
            raise Malformed("plan: wants at least as many new holders as its threshold")
        if max(member.holds for member in self.receivers) > self.holders:
            raise Malformed(f"plan: a share has a number from 1 to {self.holders}")


class Generation(Plan, frozen=True, kw_only=True, tag="generation"):
    """New keys: every member deals and holds, numbered from 1 in order."""

    names: tuple[str, ...]
    first_epoch: int = 0

    @property
    def key_names(self) -> tuple[str, ...]:
        """As the plan lists them."""
        return self.names

    @property
    def epoch(self) -> int:
        """Of the first shares."""
        return self.first_epoch

    def constants(self, dealer: Member) -> tuple[Element, ...]:
        """None: each dealer draws its own, and proves that it knows them."""
        return ()

    def check(self) -> None:
        """Raises Malformed unless every member deals and holds the share of its place."""
        for place, member in enumerate(self.members, start=1):
            if (member.deals, member.holds) != (place, place):
                raise Malformed("plan: of new keys, each member deals and holds its own share")
        if self.first_epoch < 0:
            raise Malformed(f"plan: an epoch is 0 or more, got {self.first_epoch}")
        Plan.check(self)


class Joining(msgspec.Struct, frozen=True, kw_only=True, tag="joining"):
    """First word: the keys to which each dealer seals to me, drawn for this ceremony."""

    ceremony: bytes
    sender: str
    seals: tuple[bytes, ...]
    signature: bytes = b""


class Dealing(msgspec.Struct, frozen=True, kw_only=True, tag="dealing"):
    """Second word: one polynomial for each key, hidden in elements, and its values, sealed.

    commitments[key][power]; proofs[key], where the constants are drawn; sealed[receiver] holds the
    values of all keys, in order.
    """

    ceremony: bytes
    sender: str
    joinings: tuple[Joining, ...]
    commitments: tuple[tuple[Element, ...], ...]
    proofs: tuple[bytes, ...]
    sealed: tuple[bytes, ...]
    signature: bytes = b""


class Agreement(msgspec.Struct, frozen=True, kw_only=True, tag="agreement"):
    """Third word: I saw these dealings, signed by their dealers, and they make these keys."""

    ceremony: bytes
    sender: str
    dealt: tuple[tuple[bytes, bytes], ...]
    keys: bytes
    signature: bytes = b""

    @property
    def digests(self) -> tuple[bytes, ...]:
        """Of the dealings; a dealer's two signatures of one dealing are no contradiction."""
        return tuple(digest for digest, _ in self.dealt)


class Handing(msgspec.Struct, frozen=True, kw_only=True, tag="handing"):
    """In a recovery: my value of each new polynomial, sealed to the one whose share was lost."""

    ceremony: bytes
    sender: str
    sealed: bytes
    signature: bytes = b""


class Accusation(msgspec.Struct, frozen=True, kw_only=True, tag="accusation"):
    """Last word: the ceremony ends, and this is the proof against the accused.

    Two joinings that differ, or one whose keys nobody can seal to; a dealing that is wrong for all
    to see, or for the accuser, who then shows `opened`, the key to which its values were sealed; a
    dealing and the digest and signature of `another`; two agreements, or one to something else.
    """

    ceremony: bytes
    sender: str
    accused: str
    joinings: tuple[Joining, ...] = ()
    dealing: Dealing | None = None
    another: tuple[bytes, bytes] | None = None
    agreements: tuple[Agreement, ...] = ()
    opened: bytes = b""
    signature: bytes = b""

    def __repr__(self) -> str:
        """Without the key that opened the values."""
        return f"Accusation(sender={self.sender!r}, accused={self.accused!r})"


Message: TypeAlias = Joining | Dealing | Agreement | Handing | Accusation

_DECODER: Final = msgspec.msgpack.Decoder(Message)


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What every member signed: that the same dealings of one plan make these keys."""

    keys: tuple[GroupKey, ...]
    agreements: tuple[Agreement, ...]

    def check(self, plan: Plan) -> None:
        """Raises Refused unless all members of the plan signed it, Malformed for another plan."""
        if [each.sender for each in self.agreements] != [each.name for each in plan.members]:
            raise Malformed("certificate: is not by the members of this plan")
        signed = digest_of_keys(self.keys)
        for member, agreement in zip(plan.members, self.agreements, strict=True):
            if agreement.ceremony != plan.id():
                raise Malformed("certificate: belongs to another ceremony")
            refuse_unsigned(agreement, member)
            if agreement.keys != signed or agreement.digests != self.agreements[0].digests:
                raise Refused("certificate: a member signed other keys", rule="certificate")


def encode(message: Message) -> bytes:
    """A message as MessagePack."""
    return msgspec.msgpack.encode(message)


def decode(encoded: bytes) -> Message:
    """The message. Raises Malformed when it is none."""
    try:
        message: Message = _DECODER.decode(encoded)
    except msgspec.DecodeError:
        raise Malformed("ceremony: what came is no message of a ceremony") from None
    return message


def digest(message: Message) -> bytes:
    """What is signed of a message: all of it but the signature."""
    bare = msgspec.structs.replace(message, signature=b"")
    return sha256(msgspec.msgpack.encode(bare)).digest()


def digest_of_keys(keys: tuple[GroupKey, ...]) -> bytes:
    """What is signed of the keys at the end."""
    return sha256(msgspec.msgpack.encode(keys)).digest()


def sign(message: Message, key: SigningKey) -> Message:
    """The message with its sender's signature."""
    return msgspec.structs.replace(message, signature=key.sign(signed_form(message)))


def signed_form(message: Message) -> bytes:
    """The bytes under the signature."""
    return _signed(type(message), digest(message))


def refuse_unsigned(message: Message, sender: Member) -> None:
    """Raises Refused unless the sender signed this very message."""
    VerifyKey(sender.verify).verify(signed_form(message), message.signature)


def signed_dealing(shown: tuple[bytes, bytes], dealer: Member) -> bool:
    """Whether a digest and a signature are those of a dealing by this dealer."""
    try:
        VerifyKey(dealer.verify).verify(_signed(Dealing, shown[0]), shown[1])
    except Refused:
        return False
    return True


def public_fault(plan: Plan, dealer: Member, dealing: Dealing) -> str:
    """What is wrong with a dealing for all to see; nothing when nothing is."""
    wanted = (len(plan.key_names), plan.threshold, len(plan.receivers))
    powers = {len(commitments) for commitments in dealing.commitments}
    if (len(dealing.commitments), *powers, len(dealing.sealed)) != wanted:
        return "dealt another number of keys, powers or shares"
    try:
        for commitments in dealing.commitments:
            for element in commitments:
                group.parse_element(element)
    except Malformed:
        return "committed to what is no element"
    constants = tuple(commitments[0] for commitments in dealing.commitments)
    known = plan.constants(dealer)
    if known:
        return "" if (constants, dealing.proofs) == (known, ()) else "dealt another share than its"
    return "" if _proved(plan, dealer, constants, dealing.proofs) else "proved no knowledge"


def bound(plan: Plan, dealer: Member, name: str) -> bytes:
    """What a proof of knowledge binds: ceremony, dealer and key."""
    return msgspec.msgpack.encode((plan.id(), dealer.name, name))


def value_fits(commitments: tuple[Element, ...], index: int, value: group.Scalar) -> bool:
    """Whether a value is that of the hidden polynomial at an index."""
    try:
        return group.base(value) == value_of(commitments, index)
    except Malformed:
        return False


def value_of(commitments: tuple[Element, ...], index: int) -> Element:
    """The element of a hidden polynomial's value. Raises Malformed when it is the identity."""
    powers = [group.scalar_of(index**power) for power in range(len(commitments))]
    return group.weigh(powers, commitments)


def keys_of(plan: Plan, dealings: tuple[Dealing, ...]) -> tuple[GroupKey, ...]:
    """The keys that some dealings make. Raises Malformed when one would be the identity."""
    return tuple(
        _key_of(plan, name, [dealing.commitments[place] for dealing in dealings])
        for place, name in enumerate(plan.key_names)
    )


def _key_of(plan: Plan, name: str, dealt: list[tuple[Element, ...]]) -> GroupKey:
    total = tuple(group.sum_of(of_power) for of_power in zip(*dealt, strict=True))
    return GroupKey(
        name=name,
        epoch=plan.epoch,
        threshold=plan.threshold,
        public=total[0],
        shares=tuple(value_of(total, index) for index in range(1, plan.holders + 1)),
    )


def _proved(
    plan: Plan, dealer: Member, constants: tuple[Element, ...], proofs: tuple[bytes, ...]
) -> bool:
    if len(proofs) != len(constants):
        return False
    try:
        for name, constant, proof in zip(plan.key_names, constants, proofs, strict=True):
            dleq.verify_knowledge(constant, proof, bound=bound(plan, dealer, name))
    except (Malformed, Refused):
        return False
    return True


def _signed(kind: type, digest_of_it: bytes) -> bytes:
    return _SIGNED + kind.__name__.encode() + b"\x00" + digest_of_it


def _twice(values: Sequence[object]) -> bool:
    return len(set(values)) < len(values)
