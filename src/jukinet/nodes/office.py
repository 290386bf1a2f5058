"""A keeper's office (保管者の役所): takes part in ceremonies, and holds what comes of them.

In a ceremony every word goes out in the open and is carried by anybody; what a keeper adds to the
machine of `keys.dkg` is its word and its memory. Its word: it takes part only with those whom its
operator has told it to trust, under the threshold that it was told. So whoever convenes a ceremony
can neither put a key of his own among the keepers' nor have a share given to himself.

Its memory is what makes an epoch count at all or at none:

1. the seed of all that it draws, and every word that it took or said, are safe on the disk before
   a word leaves              crash: it goes on from there, and says the same again
2. its agreement, the last word, is its promise: the new shares can be made again from what is safe
3. once the agreements of all are there the new shares are written in the place of the old ones, in
   one file that is renamed   crash: the old epoch or the new one, each of them whole
4. then what was kept of ceremonies up to that epoch is removed

After its agreement a keeper keeps a ceremony, whatever comes: another may have all agreements
already, and must not be alone in the new epoch. Who comes later is given them by whoever has them,
in its standing. The old shares are gone only where all have promised the new ones.

A keeper that has said its agreement for an epoch takes part in another ceremony for the same epoch,
too: only one of the two can count, as it needs everybody, and who counts one refuses the other.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import shake_256
from typing import Final, Protocol, TypeVar

import msgspec

from jukinet.errors import Damaged, JukinetError, Malformed, OutOfStep, Refused
from jukinet.keys import ceremony as words
from jukinet.keys.ceremony import Agreement, Certificate, Generation, Member, Plan
from jukinet.keys.chance import Chance, drawn
from jukinet.keys.dkg import Outcome
from jukinet.keys.refresh import (
    AnyPlan,
    Participant,
    Recovery,
    Resharing,
    decode_plan,
    encode_plan,
)
from jukinet.keys.sign import SigningKey
from jukinet.keys.threshold import GroupKey, KeyShare, read_share, write_share
from jukinet.law.inquiry import UNREADABLE
from jukinet.law.personal import Personal
from jukinet.nodes.keyring import KeeperEntry
from jukinet.nodes.message import AskStanding, Convene, Mail, NotHeld, Said, Standing

EPOCH: Final = "epoch"
UNDER_WAY: Final = "ceremony-"
SEED_SIZE: Final = 32
PROMISED_MAX: Final = 16
"""Ceremonies that a keeper has promised and that came to no end; then it takes part in no other."""
NO_EPOCH: Final = -1

T = TypeVar("T")


class Papers(Protocol):
    """A keeper's secret papers: small files, each written whole or not at all, and sealed."""

    def get(self, name: str) -> bytes | None:
        """What a paper says, or None where there is none; raises Damaged."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """Write a paper, in the place of the old one; it is safe when this returns."""
        ...

    def remove(self, name: str) -> None:
        """Take a paper away, if it is there."""
        ...

    def names(self) -> list[str]:
        """All papers, sorted."""
        ...


class Trusted(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a keeper's operator has told it to work with: all keepers by their places, and k."""

    threshold: int
    keepers: tuple[KeeperEntry, ...]

    def members(self, *, deals: Container[int] = range(256)) -> tuple[Member, ...]:
        """As a ceremony has them in which all are to hold shares, and some deal their own."""
        return tuple(
            Member(
                name=one.name,
                verify=one.verify,
                deals=one.index if one.index in deals else 0,
                holds=one.index,
            )
            for one in self.keepers
        )

    def same(self, member: Member, index: int) -> bool:
        """Whether a member is the keeper of that place."""
        return any(
            (one.name, one.verify, one.index) == (member.name, member.verify, index)
            for one in self.keepers
        )


NOBODY: Final = Trusted(threshold=0, keepers=())


class Sharing(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody may know of an epoch: who holds shares, how many must work, of which keys."""

    epoch: int
    among: Trusted
    keys: tuple[GroupKey, ...]


class Held(Personal, frozen=True, kw_only=True):
    """The epoch that counts, this keeper's shares, and the ceremonies that made them."""

    sharing: Sharing
    shares: tuple[bytes, ...]
    made: tuple[tuple[bytes, Certificate], ...]  # plan, encoded, and certificate


class UnderWay(Personal, frozen=True, kw_only=True):
    """What a keeper knows of a ceremony; with it, it can be gone through again to the same end."""

    plan: bytes
    seed: bytes
    taken: tuple[bytes, ...] = ()
    said: tuple[bytes, ...] = ()

    @property
    def promised(self) -> bool:
        """Whether new shares have been agreed to; a share that is recovered changes nobody's."""
        recovers = isinstance(decode_plan(self.plan), Recovery)
        said = map(words.decode, self.said)
        return not recovers and any(isinstance(one, Agreement) for one in said)


class Office:
    """One keeper in its ceremonies."""

    def __init__(
        self,
        name: str,
        signing: SigningKey,
        seal: bytes,
        papers: Papers,
        trusted: Trusted,
        chance: Chance,
        note: Callable[[str, datetime], None] = lambda text, now: None,
    ) -> None:
        """`seal` is its public seal key; `note` writes a line of the keeper's own log."""
        self.name = name
        self._signing = signing
        self._seal = seal
        self._papers = papers
        self._trusted = trusted
        self._chance = chance
        self._note = note
        self._held = self._read_held()
        self._machines: dict[bytes, Participant] = {}

    # --- what it holds ----------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """Of the shares that count; -1 where there are none."""
        return self._held.sharing.epoch if self._held else NO_EPOCH

    @property
    def held(self) -> Held | None:
        """The epoch that counts."""
        return self._held

    @property
    def under_way(self) -> int:
        """Ceremonies that have come to no end yet."""
        return len(self._all_under_way())

    def shares(self) -> dict[str, KeyShare]:
        """The shares that count, by the names of their keys."""
        found = map(read_share, self._held.shares if self._held else ())
        return {share.name: share for share in found}

    def _read_held(self) -> Held | None:
        content = self._papers.get(EPOCH)
        return None if content is None else _decoded(content, Held)

    # --- what it is told --------------------------------------------------------------------

    def answer(
        self, body: Convene | Mail | AskStanding, now: datetime
    ) -> Said | NotHeld | Standing:
        """What it says to a word of a ceremony, for whoever carries it."""
        if isinstance(body, AskStanding):
            return self.standing()
        ceremony = body.ceremony if isinstance(body, Mail) else b""
        try:
            if isinstance(body, Mail):
                return self._take(body, now)
            plan = decode_plan(body.plan)
            ceremony = plan.id()
            return self._convene(plan, body.number, now)
        except (Malformed, Refused, OutOfStep) as error:
            return NotHeld(number=body.number, ceremony=ceremony, reason=str(error))

    def standing(self) -> Standing:
        """Who it is, and which shares it holds."""
        held = self._held
        return Standing(
            verify=self._signing.public_bytes,
            seal=self._seal,
            epoch=self.epoch,
            sharing=_encode(held.sharing) if held else b"",
            made=tuple(
                (plan, _encode(certificate)) for plan, certificate in (held.made if held else ())
            ),
        )

    # --- a ceremony -------------------------------------------------------------------------

    def _convene(self, plan: AnyPlan, number: int, now: datetime) -> Said:
        """Begin, or say again what was said; what nobody was promised makes room."""
        ceremony = plan.id()
        if self._counts(ceremony):
            return Said(number=number, ceremony=ceremony, letters=(), epoch=self.epoch)
        found = self._under_way(ceremony)
        if found is None:
            self._refuse_plan(plan)
            self._make_room()
            seed = drawn(SEED_SIZE, self._chance)
            found = UnderWay(plan=encode_plan(plan), seed=seed)
            found = self._go_on(ceremony, found, ())
            self._note(f"ceremony {_short(ceremony)}: takes part", now)
        return Said(number=number, ceremony=ceremony, letters=found.said, epoch=NO_EPOCH)

    def _take(self, mail: Mail, now: datetime) -> Said:
        """Take what others said; count the new epoch where that was the last word."""
        if self._counts(mail.ceremony):
            return Said(number=mail.number, ceremony=mail.ceremony, letters=(), epoch=self.epoch)
        found = self._under_way(mail.ceremony)
        if found is None:
            raise OutOfStep(
                "ceremony: this keeper was not called to it, or it has ended; begin one"
            )
        known = set(found.taken)
        new = [one for one in dict.fromkeys(mail.letters) if one not in known]
        if new:
            found = self._go_on(mail.ceremony, found, new)
        said = Said(number=mail.number, ceremony=mail.ceremony, letters=found.said, epoch=NO_EPOCH)
        machine = self._machine(mail.ceremony, found)
        outcome = _outcome(machine)
        if machine.blamed and found.promised:
            outcome = self._outcome_all_the_same(found)
        if outcome is not None:
            self._count(decode_plan(found.plan), outcome, now)
            return msgspec.structs.replace(said, epoch=self.epoch)
        if machine.blamed is None:
            return said
        if not found.promised:
            self._forget(mail.ceremony)
        self._note(f"ceremony {_short(mail.ceremony)}: {machine.blamed}", now)
        return msgspec.structs.replace(
            said, blamed=machine.blamed.names, reason=machine.blamed.reason
        )

    def _go_on(self, ceremony: bytes, found: UnderWay, new: Sequence[bytes]) -> UnderWay:
        """Let the machine take some letters. What it says is safe before it leaves."""
        machine = self._machine(ceremony, found)
        said, taken = list(found.said), list(found.taken)
        if not found.said:
            said += map(words.encode, machine.start())
        for one in new:
            try:
                said += map(words.encode, machine.take(words.decode(one)))
                taken.append(one)
            except JukinetError:
                continue  # anybody can have sent it: it is not believed, and blames nobody
        after = msgspec.structs.replace(found, taken=tuple(taken), said=tuple(said))
        if after != found:
            self._papers.put(_paper(ceremony), _encode(after))
        return after

    def _machine(self, ceremony: bytes, found: UnderWay) -> Participant:
        """The machine of a ceremony; after a restart it is brought to where it was."""
        if ceremony not in self._machines:
            self._machines[ceremony] = self._replayed(found, map(words.decode, found.taken))
        return self._machines[ceremony]

    def _replayed(self, found: UnderWay, taken: Iterable[words.Message]) -> Participant:
        machine = participant(
            decode_plan(found.plan), self.name, self._signing, found.seed, self.shares()
        )
        if found.said:
            machine.start()
        for word in taken:
            machine.take(word)
        return machine

    def _outcome_all_the_same(self, found: UnderWay) -> Outcome | None:
        """What a ceremony comes to for one that has agreed, whoever accuses or contradicts since.

        Another may have the agreements of all already: where they are here, too, they count.
        """
        mine = next(one for one in map(words.decode, found.said) if isinstance(one, Agreement))
        machine = self._replayed(found, ())
        agreed = False
        for word in map(words.decode, found.taken):
            same = isinstance(word, Agreement) and _content(word) == _content(mine)
            if same or not agreed:
                said = machine.take(word)
                agreed = agreed or any(isinstance(one, Agreement) for one in said)
        return _outcome(machine)

    # --- what it may take part in -----------------------------------------------------------

    def _refuse_plan(self, plan: AnyPlan) -> None:
        """Refused unless the operator has told this keeper of just such a sharing."""
        if self._trusted == NOBODY:
            raise Refused(
                f"{self.name}: does not know the other keepers yet; tell it with "
                "`jukinet keeper trust`"
            )
        if plan.threshold != self._trusted.threshold:
            raise Refused(
                f"plan: wants {plan.threshold} keepers to work together, {self.name} was told "
                f"{self._trusted.threshold}; tell it with `jukinet keeper trust`"
            )
        if isinstance(plan, Generation):
            self._refuse_generation(plan)
        elif isinstance(plan, Resharing):
            self._refuse_resharing(plan)
        else:
            self._refuse_recovery(plan)

    def _refuse_generation(self, plan: Generation) -> None:
        if plan.members != self._trusted.members():
            raise Refused(f"plan: its keepers are not those that {self.name} was told to trust")
        held = {key.name for key in self._held.sharing.keys} if self._held else set()
        if held & set(plan.names):
            raise Refused("plan: makes keys anew that the keepers hold already; refresh those")
        if held and plan.epoch != self.epoch:
            raise Refused(f"plan: is of epoch {plan.epoch}, the other keys are of {self.epoch}")

    def _refuse_resharing(self, plan: Resharing) -> None:
        """The new holders are those that it trusts; the dealers are of those that hold shares."""
        whole = plan.size == len(plan.receivers) == len(self._trusted.keepers)
        if not whole or not all(self._trusted.same(one, one.holds) for one in plan.receivers):
            raise Refused(f"plan: its keepers are not those that {self.name} was told to trust")
        self._refuse_keys(plan)
        now = self._held.sharing.among if self._held else None
        if now and not all(
            now.same(one, one.deals) or self._trusted.same(one, one.deals) for one in plan.dealers
        ):
            raise Refused("plan: a keeper deals in it who holds no share")

    def _refuse_recovery(self, plan: Recovery) -> None:
        """A share goes to the keeper that it trusts in the lost one's place, and to nobody else."""
        if not self._trusted.same(plan.loser, plan.lost):
            raise Refused(
                f"plan: gives a share to a key that {self.name} was not told to trust; tell it "
                "with `jukinet keeper trust` once you know whose it is"
            )
        if not all(self._trusted.same(one, one.deals) for one in plan.dealers):
            raise Refused(f"plan: its keepers are not those that {self.name} was told to trust")
        if plan.loser.name != self.name:
            self._refuse_keys(plan)

    def _refuse_keys(self, plan: Resharing | Recovery) -> None:
        """Whoever holds shares knows the keys, and all of them go on together."""
        if (
            self._held
            and self._held.shares
            and _by_name(plan.keys) != _by_name(self._held.sharing.keys)
        ):
            raise Refused(
                f"plan: is not of the keys that {self.name} holds in epoch {self.epoch}; "
                "see `jukinet keeper show`"
            )

    def _make_room(self) -> None:
        """Ceremonies in which nothing was promised are given up for a new one."""
        promised = 0
        for ceremony, found in self._all_under_way():
            if found.promised:
                promised += 1
            else:
                self._forget(ceremony)
        if promised >= PROMISED_MAX:
            raise Refused(
                f"{self.name}: {promised} ceremonies that it has agreed to have come to no end; "
                "finish one, or have it forget them with `jukinet keeper forget`"
            )

    # --- the new epoch ----------------------------------------------------------------------

    def _count(self, plan: AnyPlan, outcome: Outcome, now: datetime) -> None:
        """From here on the new shares count, and the old ones are gone."""
        if isinstance(plan, Recovery) and plan.loser.name != self.name:
            return
        after = self._after(plan, outcome)
        self._papers.put(EPOCH, _encode(after))
        self._held = after
        for ceremony, found in self._all_under_way():
            if decode_plan(found.plan).epoch <= self.epoch:
                self._forget(ceremony)
        self._note(f"ceremony {_short(plan.id())}: epoch {self.epoch} counts", now)

    def _after(self, plan: AnyPlan, outcome: Outcome) -> Held:
        """What this keeper holds when a ceremony counts."""
        keys = plan.keys if isinstance(plan, Recovery) else outcome.keys
        shares = dict(outcome.shares)
        made: tuple[tuple[bytes, Certificate], ...] = ((encode_plan(plan), outcome.certificate),)
        if isinstance(plan, Generation) and self._held:
            keys = (*self._held.sharing.keys, *keys)
            shares = {**self.shares(), **shares}
            made = (*self._held.made, *made)
        elif isinstance(plan, Resharing):
            self._refuse_left_behind(plan)
        if any(key.epoch != plan.epoch for key in keys):
            raise OutOfStep(f"{self.name}: the ceremony is of another epoch; begin another one")
        return Held(
            sharing=Sharing(epoch=plan.epoch, among=self._trusted, keys=tuple(keys)),
            shares=tuple(bytes(write_share(share)) for share in shares.values()),
            made=made,
        )

    def _refuse_left_behind(self, plan: Resharing) -> None:
        held = {key.name for key in self._held.sharing.keys} if self._held else set()
        if not held <= set(plan.key_names):
            raise OutOfStep(
                f"{self.name}: keys were added since this ceremony began, which it does not "
                "share anew; begin another one"
            )

    def forget(self) -> int:
        """Give up every ceremony under way, promised or not; how many there were.

        Only where no other keeper counts one of them: this one would be left behind.
        """
        found = [ceremony for ceremony, _ in self._all_under_way()]
        for ceremony in found:
            self._forget(ceremony)
        return len(found)

    # --- papers -----------------------------------------------------------------------------

    def _counts(self, ceremony: bytes) -> bool:
        made = self._held.made if self._held else ()
        return any(_of(certificate) == ceremony for _, certificate in made)

    def _under_way(self, ceremony: bytes) -> UnderWay | None:
        content = self._papers.get(_paper(ceremony))
        return None if content is None else _decoded(content, UnderWay)

    def _all_under_way(self) -> list[tuple[bytes, UnderWay]]:
        names = [name for name in self._papers.names() if name.startswith(UNDER_WAY)]
        ceremonies = [bytes.fromhex(name.removeprefix(UNDER_WAY)) for name in names]
        return [(one, found) for one in ceremonies if (found := self._under_way(one)) is not None]

    def _forget(self, ceremony: bytes) -> None:
        self._papers.remove(_paper(ceremony))
        self._machines.pop(ceremony, None)


def shares_in(paper: bytes) -> dict[str, KeyShare]:
    """The shares in the paper of an epoch; raises Damaged or Malformed."""
    found = map(read_share, _decoded(paper, Held).shares)
    return {share.name: share for share in found}


def participant(
    plan: Plan, name: str, signing: SigningKey, seed: bytes, shares: Mapping[str, KeyShare]
) -> Participant:
    """The machine of a member in a ceremony. All that it draws comes of the seed."""
    return Participant(plan, name, signing=signing, chance=stream(seed), shares=shares)


def stream(seed: bytes) -> Chance:
    """Chance that is the same for the same seed: SHAKE-256 of it and a count."""
    count = 0

    def more(size: int) -> bytes:
        nonlocal count
        count += 1
        return shake_256(b"jukinet ceremony seed v1" + seed + count.to_bytes(8, "big")).digest(size)

    return more


def agreements(certificate: Certificate) -> Mail:
    """The last words of all members, as a certificate has them: with these one can finish."""
    letters = tuple(map(words.encode, certificate.agreements))
    return Mail(number=0, ceremony=_of(certificate), letters=letters)


def ceremonies(standing: Standing) -> list[tuple[AnyPlan, Certificate]]:
    """The ceremonies that a keeper says have made its shares; Malformed where they are none."""
    try:
        return [(decode_plan(plan), _decode_certificate(made)) for plan, made in standing.made]
    except UNREADABLE:
        raise Malformed("standing: its certificates are none") from None


def proved(standing: Standing, among: Trusted) -> Sharing:
    """What a keeper says of its epoch, where as many whom one trusts as must work have signed it.

    Raises Refused where they have not, Malformed for what is no standing.
    """
    try:
        sharing = _decode_sharing(standing.sharing)
    except UNREADABLE:
        raise Malformed("standing: its sharing is none") from None
    found: dict[str, GroupKey] = {}
    for plan, certificate in ceremonies(standing):
        certificate.check(plan)
        known = sum(among.same(one, one.holds) for one in plan.receivers)
        if known >= among.threshold:  # so many know the keys, and would be enough to make them
            keys = plan.keys if isinstance(plan, Recovery) else certificate.keys
            found.update(_by_name(keys))
    if _by_name(sharing.keys) != found or sharing.among.threshold != among.threshold:
        raise Refused(
            "standing: these keepers have not signed the keys that one of them shows; see that "
            "the file of the keepers is the one that they were told to trust"
        )
    return Sharing(epoch=sharing.epoch, among=among, keys=sharing.keys)


def _outcome(machine: Participant) -> Outcome | None:
    """What a ceremony came to, once all have agreed."""
    try:
        return machine.outcome()
    except OutOfStep:  # Blamed is one, too
        return None


def _by_name(keys: Iterable[GroupKey]) -> dict[str, GroupKey]:
    return {key.name: key for key in keys}


def _content(agreement: Agreement) -> tuple[tuple[bytes, ...], bytes]:
    """What is agreed to: these dealings, and the keys that they make."""
    return agreement.digests, agreement.keys


def _of(certificate: Certificate) -> bytes:
    """The ceremony that a certificate is of."""
    return certificate.agreements[0].ceremony


def _short(ceremony: bytes) -> str:
    return ceremony.hex()[:16]


def _paper(ceremony: bytes) -> str:
    return UNDER_WAY + ceremony.hex()


def _decoded(content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(content, type=kind)
    except UNREADABLE:
        raise Damaged(
            "a keeper's paper: another version of Jukinet wrote it; use that one"
        ) from None


_encode = msgspec.msgpack.Encoder().encode
_decode_certificate: Callable[[bytes], Certificate] = msgspec.msgpack.Decoder(Certificate).decode
_decode_sharing: Callable[[bytes], Sharing] = msgspec.msgpack.Decoder(Sharing).decode
