"""Distributed key generation: keys that nobody ever holds, dealt by all to all.

Each member draws a polynomial for each key, shows its coefficients as elements with a proof that
it knows the first, and seals one value to each other member. What everybody's values add up to is
everybody's share; the key is the value at 0, which is nowhere. Any number of keys in three words:

    join      keys to seal to, drawn for this ceremony, one for each dealer
    deal      polynomials in elements, proofs, sealed values
    agree     a signature over all dealings and the keys that they make

or, in the place of any of them, `accuse`: the ceremony ends with a name and a proof. A member that
says nothing is named too, without a proof, as the carrier of the messages may have lost them.

Sans-IO: give each message to every member in any order and as often as you like; whoever carries
them sees no share and can change nothing, only be silent. It is not for an unknown crowd: members
know each other's signing keys from the plan. Nothing here outlives the process; a member that
restarts begins another ceremony, or has its share recovered. One member may be done when another
is told of a fault: shares that new ones replace are kept until every member is done.

Source: C2SP cocktail-dkg, v0.0.1 (three rounds, proofs of possession, signed transcript); T.
Pedersen, "A threshold cryptosystem without a trusted party" (1991).

>>> from random import Random
>>> signing = SigningKey(bytes(32))
>>> alone = Member(name="keeper-1", verify=signing.public_bytes, deals=1, holds=1)
>>> plan = Generation(nonce=bytes(16), names=("index",), threshold=1, members=(alone,))
>>> member = Participant(plan, "keeper-1", signing=signing, chance=Random(1).randbytes)
>>> waiting = member.start()
>>> while waiting:
...     waiting += member.take(waiting.pop(0))
>>> member.outcome().shares["index"]
KeyShare(index=1, public=GroupKey(name='index', ...
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec

from jukinet.errors import Damaged, JukinetError, Malformed, OutOfStep
from jukinet.keys import ceremony, dleq, group
from jukinet.keys.ceremony import (
    Accusation,
    Agreement,
    Blamed,
    Certificate,
    Dealing,
    Generation,
    Handing,
    Joining,
    Member,
    Message,
    Plan,
)
from jukinet.keys.chance import Chance
from jukinet.keys.group import SCALAR_SIZE, Element
from jukinet.keys.seal import OpenKey, SealKey
from jukinet.keys.secret import Secret
from jukinet.keys.sign import SigningKey
from jukinet.keys.threshold import GroupKey, KeyShare

__all__ = ["Blamed", "Generation", "Member", "Outcome", "Participant"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a ceremony gives one member: its shares by name (none if it holds none), and the proof.

    The certificate is the same for all; whoever has it can convince anybody with the plan.
    """

    shares: Mapping[str, KeyShare] = field(repr=False)
    certificate: Certificate

    @property
    def keys(self) -> tuple[GroupKey, ...]:
        """The public halves, in the order of the plan."""
        return self.certificate.keys


class Participant:
    """One member in one ceremony: words in, words out, for all members to see."""

    def __init__(
        self,
        plan: Plan,
        name: str,
        *,
        signing: SigningKey,
        chance: Chance,
        shares: Mapping[str, KeyShare] | None = None,
    ) -> None:
        """Raises Malformed for a plan that cannot be carried out or a key that is not this
        member's, Refused when the shares that it deals are not those of the plan.

        A member carries out a plan once and keeps its id: words of a first run would be taken for
        lies in a second. Whether the plan should be, it decides before.
        """
        plan.check()
        self._plan, self._id = plan, plan.id()
        self._me = plan.member(name)
        if self._me.verify != signing.public_bytes:
            raise Malformed("ceremony: the signing key is not the one in the plan")
        self._signing, self._chance = signing, chance
        self._constants = self._constants_of(shares or {}) if self._me.deals else []
        self._opening = {dealer.name: OpenKey.draw(chance) for dealer in plan.dealers}
        self._joinings: dict[str, Joining] = {}
        self._dealings: dict[str, Dealing] = {}
        self._agreements: dict[str, Agreement] = {}
        self._accusations: list[Accusation] = []
        self._said: set[type] = set()
        self._shares: list[Secret] = []
        self._keys: tuple[GroupKey, ...] = ()
        self._outcome: Outcome | None = None
        self.blamed: Blamed | None = None

    # What the carrier of the messages calls.

    def start(self) -> list[Message]:
        """The first word."""
        seals = tuple(self._opening[dealer.name].public.raw for dealer in self._plan.dealers)
        return self._say(Joining(ceremony=self._id, sender=self._me.name, seals=seals))

    def take(self, message: Message) -> list[Message]:
        """What this member says to it, for all members.

        Raises OutOfStep for a message of another ceremony, Refused for one that its sender did not
        sign, Malformed for one by a stranger: all three say nothing against the sender, as anybody
        could have sent them, and change nothing here.
        """
        self._refuse_foreign(message)
        if self.blamed or self._outcome:
            return []
        try:
            self._note(message)
            return self._go_on()
        except Fault as fault:
            return self._end(fault)

    def missing(self) -> tuple[str, ...]:
        """Those whose next word this member waits for."""
        waiting: Mapping[str, object] = self._agreements
        names = [member.name for member in self._plan.members]
        if len(self._joinings) < len(names):
            waiting = self._joinings
        elif len(self._dealings) < len(self._plan.dealers):
            waiting, names = self._dealings, [dealer.name for dealer in self._plan.dealers]
        return tuple(name for name in names if name not in waiting)

    def give_up(self) -> Blamed | None:
        """Ends a ceremony whose time is over, and names those who are missing. None if it is done.

        It proves nothing: the carrier may have lost their words.
        """
        if self._outcome is None and self.blamed is None:
            self.blamed = Blamed(*self.missing(), reason="did not say the next word in time")
            self._wipe()
        return self.blamed

    def outcome(self) -> Outcome:
        """The keys and this member's shares, once all have agreed.

        Raises Blamed when the ceremony ended without, OutOfStep while it goes on.
        """
        if self.blamed:
            raise self.blamed
        if self._outcome is None:
            raise OutOfStep(f"ceremony: still waits for {', '.join(self.missing())}")
        return self._outcome

    # How a message is noted: what contradicts an earlier one, or itself, is a fault.

    def _refuse_foreign(self, message: Message) -> None:
        if message.ceremony != self._id:
            raise OutOfStep("ceremony: the message belongs to another one, or to another epoch")
        ceremony.refuse_unsigned(message, self._plan.member(message.sender))

    def _note(self, message: Message) -> None:
        if isinstance(message, Joining):
            self._note_joining(message)
        elif isinstance(message, Dealing):
            self._note_dealing(message)
        elif isinstance(message, Agreement):
            self._note_agreement(message)
        elif isinstance(message, Accusation):
            self._accusations.append(message)
        elif isinstance(message, Handing):
            self._note_handing(message)

    def _note_joining(self, joining: Joining) -> None:
        known = self._joinings.setdefault(joining.sender, joining)
        if known.seals != joining.seals:
            raise Fault(joining.sender, "joined in two ways", joinings=(known, joining))
        if len(joining.seals) != len(self._plan.dealers) or not _can_be_sealed_to(joining):
            raise Fault(joining.sender, "joined with keys for nobody", joinings=(joining,))

    def _note_dealing(self, dealing: Dealing) -> None:
        if not self._plan.member(dealing.sender).deals:
            raise Malformed("ceremony: a dealing comes from one who deals nothing")
        known = self._dealings.setdefault(dealing.sender, dealing)
        if ceremony.digest(known) != ceremony.digest(dealing):
            raise Fault.of_two_dealings(known, _seen(dealing))

    def _note_agreement(self, agreement: Agreement) -> None:
        known = self._agreements.setdefault(agreement.sender, agreement)
        if ceremony.digest(known) != ceremony.digest(agreement):
            both = (known, agreement)
            raise Fault(agreement.sender, "agreed to two things", agreements=both)

    def _note_handing(self, handing: Handing) -> None:
        raise Malformed("ceremony: nothing is handed over in this one")

    # How the ceremony goes on: each word is said once, when all that it rests on is there.

    def _go_on(self) -> list[Message]:
        said: list[Message] = []
        if len(self._joinings) < len(self._plan.members):
            return said
        self._judge_all()
        if self._me.deals and Dealing not in self._said:
            said += self._say(self._deal())
        if len(self._dealings) < len(self._plan.dealers):
            return said
        if Agreement not in self._said:
            self._receive()
            dealt, keys = self._mine()
            said += self._say(
                Agreement(ceremony=self._id, sender=self._me.name, dealt=dealt, keys=keys)
            )
        self._judge_all()
        for agreement in self._agreements.values():
            self._compare(agreement)
        if len(self._agreements) == len(self._plan.members):
            said += self._finish()
        return said

    def _say(self, message: Message) -> list[Message]:
        signed = ceremony.sign(message, self._signing)
        self._said.add(type(message))
        return [signed]

    def _end(self, fault: "Fault") -> list[Message]:
        self.blamed = fault.blamed
        self._wipe()
        return self._say(fault.accusation(self._id, self._me.name)) if fault.proof else []

    def _wipe(self) -> None:
        for secret in (*self._constants, *self._shares):
            secret.wipe()
        self._opening.clear()

    # Dealing.

    def _constants_of(self, shares: Mapping[str, KeyShare]) -> list[Secret]:
        """What this member shares out: for new keys, secrets that it draws."""
        return [group.draw_scalar(self._chance) for _ in self._plan.key_names]

    def _deal(self) -> Dealing:
        polynomials = [self._polynomial(constant) for constant in self._constants]
        commitments = tuple(
            tuple(group.base(coefficient) for coefficient in polynomial)
            for polynomial in polynomials
        )
        dealing = Dealing(
            ceremony=self._id,
            sender=self._me.name,
            joinings=tuple(self._joinings[member.name] for member in self._plan.members),
            commitments=commitments,
            proofs=self._proofs(commitments),
            sealed=tuple(self._sealed(polynomials, to) for to in self._plan.receivers),
        )
        for polynomial in polynomials:
            for coefficient in polynomial:
                coefficient.wipe()
        return dealing

    def _polynomial(self, constant: Secret) -> list[Secret]:
        higher = (group.draw_scalar(self._chance) for _ in range(self._plan.threshold - 1))
        return [constant, *higher]

    def _proofs(self, commitments: tuple[tuple[Element, ...], ...]) -> tuple[bytes, ...]:
        if self._plan.constants(self._me):
            return ()
        return tuple(
            dleq.prove_knowledge(
                constant,
                committed[0],
                bound=ceremony.bound(self._plan, self._me, name),
                chance=self._chance,
            )
            for name, constant, committed in zip(
                self._plan.key_names, self._constants, commitments, strict=True
            )
        )

    def _sealed(self, polynomials: Sequence[Sequence[Secret]], receiver: Member) -> bytes:
        values = [_value(polynomial, receiver.holds) for polynomial in polynomials]
        return self._seal_to(receiver, self._me, values)

    def _seal_to(self, receiver: Member, dealer: Member, values: Sequence[Secret]) -> bytes:
        """Some values to the key that the receiver drew for this dealer; they are wiped."""
        key = SealKey(self._joinings[receiver.name].seals[self._plan.dealers.index(dealer)])
        with Secret(bytes(SCALAR_SIZE * len(values))) as plain:
            for place, value in enumerate(values):
                plain.write(SCALAR_SIZE * place, value)
                value.wipe()
            return key.seal(plain.reveal(), _place_of(self._id, dealer, receiver))

    # Receiving.

    def _receive(self) -> None:
        dealings = [self._dealings[dealer.name] for dealer in self._plan.dealers]
        for dealer, dealing in zip(self._plan.dealers, dealings, strict=True):
            self._refuse_dealing(dealer, dealing)
        if self._me.holds:
            dealt = [self._values(dealing) for dealing in dealings]
            self._shares = [_sum(values) for values in zip(*dealt, strict=True)]
        self._keys = ceremony.keys_of(self._plan, tuple(dealings))

    def _refuse_dealing(self, dealer: Member, dealing: Dealing) -> None:
        """Raises a fault when all can see that a dealing is wrong."""
        self._compare_joinings(dealing)
        fault = ceremony.public_fault(self._plan, dealer, dealing)
        if fault:
            raise Fault(dealer.name, fault, dealing=dealing)

    def _compare_joinings(self, dealing: Dealing) -> None:
        names = tuple(member.name for member in self._plan.members)
        if tuple(joining.sender for joining in dealing.joinings) != names:
            raise Fault(dealing.sender, "dealt to other members", dealing=dealing)
        for shown in dealing.joinings:
            known = self._joinings[shown.sender]
            if shown.seals == known.seals and shown.ceremony == known.ceremony:
                continue
            try:
                self._refuse_foreign(shown)
            except JukinetError:
                raise Fault(dealing.sender, "made up a joining", dealing=dealing) from None
            raise Fault(shown.sender, "joined in two ways", joinings=(known, shown))

    def _values(self, dealing: Dealing) -> list[Secret]:
        opening = self._opening[dealing.sender]
        try:
            return self._opened(dealing, self._me, opening)
        except (Damaged, Malformed):
            raise Fault(
                dealing.sender,
                "dealt a wrong share",
                dealing=dealing,
                opened=opening.reveal_secret(),
            ) from None

    def _opened(self, dealing: Dealing, receiver: Member, opening: OpenKey) -> list[Secret]:
        """The values in a dealing. Raises Damaged or Malformed unless all fit its polynomials."""
        dealer = self._plan.member(dealing.sender)
        sealed = dealing.sealed[self._plan.receivers.index(receiver)]
        return self._unsealed(sealed, dealer, receiver, dealing.commitments, opening)

    def _unsealed(
        self,
        sealed: bytes,
        dealer: Member,
        receiver: Member,
        commitments: tuple[tuple[Element, ...], ...],
        opening: OpenKey | None = None,
    ) -> list[Secret]:
        opening = opening or self._opening[dealer.name]
        plain = opening.open(sealed, _place_of(self._id, dealer, receiver))
        with Secret(plain) as kept:
            return _fitting(kept, commitments, receiver.holds)

    # Agreeing.

    def _mine(self) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        """What this member signs: every dealing as it saw it, and the keys that they make."""
        dealt = tuple(_seen(self._dealings[dealer.name]) for dealer in self._plan.dealers)
        return dealt, ceremony.digest_of_keys(self._keys)

    def _compare(self, agreement: Agreement) -> None:
        dealt, keys = self._mine()
        if agreement.digests == tuple(digest for digest, _ in dealt):
            if agreement.keys != keys:
                raise Fault(agreement.sender, "agreed to other keys", agreements=(agreement,))
            return
        for dealer, mine, theirs in zip(self._plan.dealers, dealt, agreement.dealt, strict=False):
            if mine[0] != theirs[0] and ceremony.signed_dealing(theirs, dealer):
                raise Fault.of_two_dealings(self._dealings[dealer.name], theirs)
        raise Fault(agreement.sender, "agreed to what nobody dealt", agreements=(agreement,))

    def _finish(self) -> list[Message]:
        pairs = zip(self._keys, self._shares, strict=bool(self._shares))
        shares = {key.name: KeyShare(self._me.holds, secret, key) for key, secret in pairs}
        self._shares = []
        self._conclude(shares)
        return []

    def _conclude(self, shares: Mapping[str, KeyShare]) -> None:
        self._outcome = Outcome(shares, self._certificate())
        self._wipe()

    def _certificate(self) -> Certificate:
        return Certificate(
            keys=self._keys,
            agreements=tuple(self._agreements[member.name] for member in self._plan.members),
        )

    # Judging: an accusation without a proof falls back on the accuser.

    def _judge_all(self) -> None:
        """Raises the fault that an accusation proves, or that it is: one ends the ceremony.

        One that rests on all dealings waits until they are there.
        """
        for accusation in self._accusations:
            if accusation.agreements and not self._keys:
                continue
            try:
                self._weigh(accusation)
            except JukinetError:
                pass
            except Fault as fault:
                raise Fault(fault.blamed.name, fault.blamed.reason) from None
            raise Fault(accusation.sender, "accused another without a proof")

    def _weigh(self, accusation: Accusation) -> None:
        """Raises the fault that an accusation proves; returns, or refuses it, when it does not."""
        words: tuple[Message, ...] = (*accusation.joinings, *accusation.agreements)
        for word in words:
            self._refuse_foreign(word)
            self._note(word)
        for agreement in accusation.agreements:
            self._compare(agreement)
        if accusation.dealing:
            self._weigh_dealing(accusation, accusation.dealing)

    def _weigh_dealing(self, accusation: Accusation, dealing: Dealing) -> None:
        self._refuse_foreign(dealing)
        self._note_dealing(dealing)
        dealer = self._plan.member(dealing.sender)
        another = accusation.another or _seen(dealing)
        if another[0] != ceremony.digest(dealing) and ceremony.signed_dealing(another, dealer):
            raise Fault.of_two_dealings(dealing, another)
        self._refuse_dealing(dealer, dealing)
        if accusation.opened:
            self._open_as(accusation, dealer, dealing)

    def _open_as(self, accusation: Accusation, dealer: Member, dealing: Dealing) -> None:
        """Opens what was sealed to the accuser, with the key that it shows for that."""
        opening = OpenKey(accusation.opened)
        receiver = self._plan.member(accusation.sender)
        drawn = self._joinings[receiver.name].seals[self._plan.dealers.index(dealer)]
        if drawn != opening.public.raw or not receiver.holds:
            return
        try:
            self._opened(dealing, receiver, opening)
        except (Damaged, Malformed):
            raise Fault(dealer.name, "dealt a wrong share", dealing=dealing) from None


class Fault(Exception):
    """What ends a ceremony from within: who did what, and the proof, as parts of an accusation.

    There is none where it came by an accusation of another's.
    """

    def __init__(self, name: str, reason: str, **proof: Any) -> None:
        super().__init__(reason)
        self.blamed = Blamed(name, reason=reason)
        self.proof = proof

    @classmethod
    def of_two_dealings(cls, dealing: Dealing, another: tuple[bytes, bytes]) -> Self:
        return cls(dealing.sender, "dealt in two ways", dealing=dealing, another=another)

    def accusation(self, ceremony_id: bytes, sender: str) -> Accusation:
        return Accusation(
            ceremony=ceremony_id, sender=sender, accused=self.blamed.name, **self.proof
        )


def _seen(dealing: Dealing) -> tuple[bytes, bytes]:
    return ceremony.digest(dealing), dealing.signature


def _can_be_sealed_to(joining: Joining) -> bool:
    """Whether its keys are keys; a few points of the curve are not."""
    try:
        for raw in joining.seals:
            SealKey(raw).seal(b"", b"")
    except Malformed:
        return False
    return True


def _place_of(ceremony_id: bytes, dealer: Member, receiver: Member) -> bytes:
    """What sealed values are bound to."""
    return msgspec.msgpack.encode((ceremony_id, dealer.name, receiver.name))


def _value(polynomial: Sequence[Secret], index: int) -> Secret:
    """The value of a polynomial, by Horner's rule."""
    at = group.scalar_of(index)
    value = Secret(bytes(SCALAR_SIZE))
    for coefficient in reversed(polynomial):
        with value, group.scalar_mul(value, at) as product:
            value = group.scalar_add(product, coefficient)
    return value


def _fitting(
    kept: Secret, commitments: tuple[tuple[Element, ...], ...], index: int
) -> list[Secret]:
    """The values in a row of bytes. Raises Malformed unless each fits its polynomial."""
    if len(kept) != SCALAR_SIZE * len(commitments):
        raise Malformed("dealing: seals another number of values")
    values = []
    for place, committed in enumerate(commitments):
        start = SCALAR_SIZE * place
        value = group.keep_scalar(kept.reveal()[start : start + SCALAR_SIZE])
        if not ceremony.value_fits(committed, index, value):
            raise Malformed("dealing: a value does not fit its polynomial")
        values.append(value)
    return values


def _sum(values: Sequence[Secret]) -> Secret:
    total = Secret(bytes(SCALAR_SIZE))
    for value in values:
        with total, value:
            total = group.scalar_add(total, value)
    return total
