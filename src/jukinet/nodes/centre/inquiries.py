"""Inquiries (照会の取扱い): the four steps of the door, and the waits between them.

A question by name, birth date and place: found (still sealed) → disclosure leaf → opened on its
receipt → answered. A question by handle: inquiry leaf → handle opened on its receipt → disclosure
leaf → opened → answered. Between the steps an inquiry is a frozen `Pending`; what comes next is
kept beside it as a continuation (`groups`).

What cannot go on is refused, and the refusal is written down like everything else.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from msgspec.structs import replace

from jukinet.disclosure import door, pseudonyms
from jukinet.disclosure.door import ASKED_WITHIN, Candidate, Pending
from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.keys.chance import Chance
from jukinet.keys.seal import SealKey
from jukinet.keys.sign import VerifyKey
from jukinet.law.inquiry import ByHandle, BySearch, Inquiry, Receipt, decode
from jukinet.law.notice import Notice
from jukinet.law.schedule import Kind, Schedule
from jukinet.ledger.chains import Nonce
from jukinet.ledger.writer import Draft, Ledger
from jukinet.nodes.centre import answering
from jukinet.nodes.centre.answering import unsealed
from jukinet.nodes.centre.groups import Groups, Staged
from jukinet.nodes.centre.searching import Searching
from jukinet.nodes.centre.shelves import Shelves
from jukinet.nodes.keyring import CentreRing, Directory
from jukinet.nodes.message import (
    HISTORY_MAX,
    Ask,
    KeeperReply,
    MakeNumber,
    OpenHandle,
    OpenKey,
    Out,
    Task,
)

Values = Sequence[bytes | None]


class Inquiries:
    """All inquiries under way at the centre."""

    def __init__(
        self,
        shelves: Shelves,
        ledger: Ledger,
        ring: CentreRing,
        directory: Directory,
        schedule: Schedule,
        chance: Chance,
    ) -> None:
        self.out_of_step: list[str] = []  # for the operator
        self.closed = ""  # why no question is taken just now
        self._ledger = ledger
        self._ring = ring
        self._directory = directory
        self._schedule = schedule
        self._searching = Searching(shelves, ring)
        self._groups = Groups(ledger, chance, self._repeated)
        self._verify = {name: VerifyKey(entry.verify) for name, entry in directory.agencies.items()}
        self._seals = {sector: SealKey(key) for sector, key in directory.sector_seals.items()}
        self._out: Out = []

    @property
    def staged(self) -> int:
        """How many inquiries wait for the ledger."""
        return self._groups.staged

    # --- what drives them -------------------------------------------------------------------

    def ask(self, sender: str, ask: Ask, now: datetime) -> Out:
        """Take a question as far as the ledger's next group."""
        entry = self._directory.agencies.get(ask.agency)
        receiver = self._schedule.receivers.get(entry.receiver) if entry else None
        if entry is None or receiver is None or sender != ask.agency:
            return [answering.rejection(sender, b"", "agency: it is not in the directory")]
        try:
            inquiry = self._read(ask)
        except (Malformed, Refused) as error:
            return [answering.rejection(sender, b"", str(error))]
        if self.closed:
            return [answering.rejection(sender, inquiry.nonce, self.closed)]
        pending = Pending(
            asker=sender,
            inquiry=inquiry,
            signed=ask.inquiry,
            receiver=receiver,
            asker_prefecture=entry.prefecture,
            received_at=now,
        )
        with self._or_refused(pending, first=True):
            self._begin(pending, now)
        return self._take_out()

    def write(self, now: datetime) -> Out:
        """Write what is staged as one group, and go on; raises what the ledger raises."""
        self._groups.write(now)
        return self._take_out()

    def kept(self, reply: KeeperReply) -> Out:
        """The keepers have answered; go on."""
        self._groups.kept(reply)
        return self._take_out()

    def _take_out(self) -> Out:
        out, self._out = self._out, []
        return [*out, *self._groups.orders()]

    # --- a question arrives: is it allowed? ---------------------------------------------------

    def _read(self, ask: Ask) -> Inquiry:
        self._verify[ask.agency].verify(ask.inquiry, ask.signature)
        inquiry = decode(ask.inquiry)
        if inquiry.agency != ask.agency:
            raise Refused("agency: the inquiry names another")
        return inquiry

    def _begin(self, pending: Pending, now: datetime) -> None:
        grant = door.covering(pending.inquiry, pending.receiver, self._schedule, now)
        if grant.sector not in self._seals:
            raise Refused(
                f"row {grant.id}: the keepers have no keys for it yet; ask again later",
                rule="no-keys",
            )
        pending = replace(pending, grant=grant)
        subject = pending.inquiry.subject
        if isinstance(subject, BySearch):
            candidates, known_at = self._searching.by_search(subject)
            self._found(replace(pending, candidates=candidates, known_at=known_at))
            return
        pseudonyms.check_handle(self._ring.door, grant.sector, subject.handle)
        draft = Draft(door.inquiry_leaf(pending), nonce=nonce_of(pending))
        self._groups.stage(pending, (draft,), self._open_handle)

    # --- by handle: the inquiry's leaf, then the handle ---------------------------------------

    def _open_handle(self, pending: Pending, receipts: tuple[Receipt, ...]) -> None:
        assert isinstance(pending.inquiry.subject, ByHandle)
        sealed = pending.inquiry.subject.handle[: -pseudonyms.MAC_BYTES]
        task = OpenHandle(receipt=0, sector=pending.sector, sealed=sealed)
        pending = replace(pending, inquiry_receipt=receipts[0])
        self._groups.order(pending, (task,), receipts, self._handle_opened)

    def _handle_opened(self, pending: Pending, values: Values) -> None:
        with self._or_refused(pending):
            meant = pseudonyms.meant(values[0] or b"", door.day(pending.received_at))
            candidate = self._searching.by_locator(meant.prefecture, meant.locator)
            self._found(replace(pending, candidates=(candidate,)))

    # --- the disclosure's leaf, then the payload ----------------------------------------------

    def _found(self, pending: Pending) -> None:
        """Write a leaf for each candidate; nothing has been opened yet."""
        first = nonce_of(pending) if pending.inquiry_receipt is None else None
        drafts = tuple(
            Draft(
                door.disclosure_leaf(pending),
                pending.body,
                candidate.locator,
                first if place == 0 else None,
            )
            for place, candidate in enumerate(pending.candidates)
        )
        self._groups.stage(pending, drafts, self._open)

    def _open(self, pending: Pending, receipts: tuple[Receipt, ...]) -> None:
        with self._or_refused(pending):
            candidates = tuple(self._with_chain(one) for one in pending.candidates)
            pending = replace(pending, receipts=receipts, candidates=candidates)
            self._groups.order(pending, _open_tasks(candidates, "open-1"), receipts, self._opened)

    def _with_chain(self, candidate: Candidate) -> Candidate:
        """A candidate whose leaf stands on no chain, where they could find it, is not opened."""
        if candidate.locator not in self._ledger.chainless:
            return candidate
        self.out_of_step.append("ledger: a chain is missing; have the towns send their feeds again")
        return self._searching.decoy(candidate.prefecture)

    def _opened(self, pending: Pending, values: Values) -> None:
        with self._or_refused(pending):
            opened = tuple(map(unsealed, pending.candidates, values))
            if not door.needs_second_round(pending, opened):
                self._decide(pending, opened)
                return
            elsewhere = self._searching.elsewhere(pending.candidates, pending.inquiry.subject)
            pending = replace(pending, opened=opened, elsewhere=elsewhere)
            tasks = _open_tasks(elsewhere, "open-2")
            self._groups.order(pending, tasks, pending.receipts, self._opened_elsewhere)

    def _opened_elsewhere(self, pending: Pending, values: Values) -> None:
        with self._or_refused(pending):
            self._decide(pending, tuple(map(unsealed, pending.elsewhere, values)))

    # --- what is least, and the answer --------------------------------------------------------

    def _decide(self, pending: Pending, opened: Sequence[Notice | None]) -> None:
        pending = door.decide(pending, opened)
        if pending.person is None:
            self._out.append(answering.answer(pending))
        else:
            self._number(pending, pending.person)

    def _number(self, pending: Pending, person: Candidate) -> None:
        """The sector number, and for a question about changes the states before."""
        assert pending.seen is not None
        root = pending.seen.now.root
        tasks: list[Task] = [MakeNumber(receipt=0, sector=pending.sector, root=root)]
        if pending.inquiry.kind is Kind.CHANGES:
            past = self._searching.past(person.locator, at_most=HISTORY_MAX)
            pending = replace(pending, past=tuple(past))
            tasks += [_open_task(one, 0, f"history-{place}") for place, one in enumerate(past)]
        if person.town != _place(pending.inquiry):
            pending = replace(pending, known_at=self._searching.heard(person))
        self._groups.order(pending, tuple(tasks), (pending.receipt,), self._numbered)

    def _numbered(self, pending: Pending, values: Values) -> None:
        with self._or_refused(pending):
            if values[0] is None:
                raise Refused("number: the keepers would not make it; ask again", rule="not-opened")
            pending = door.with_history(pending, tuple(map(unsealed, pending.past, values[1:])))
            number, handle = values[0].decode(), self._fresh_handle(pending)
            self._out.append(answering.answer(pending, number=number, handle=handle))

    def _fresh_handle(self, pending: Pending) -> bytes:
        assert pending.person is not None
        return pseudonyms.fresh_handle(
            self._seals[pending.sector],
            self._ring.door,
            pending.sector,
            locator=pending.person.locator,
            prefecture=pending.person.prefecture,
            on=door.day(pending.received_at),
        )

    # --- refusals -----------------------------------------------------------------------------

    @contextmanager
    def _or_refused(self, pending: Pending, *, first: bool = False) -> Iterator[None]:
        """Have a refusal written down where the law, or something damaged, stops an inquiry."""
        try:
            yield
        except Refused as error:
            nonce = nonce_of(pending) if first and error.rule != "stale" else None
            self._groups.stage(*self._refusal(pending, error.rule, str(error), nonce))
        except OutOfStep as error:
            self.out_of_step.append(str(error))
            nonce = nonce_of(pending) if first else None
            reason = "centre: something of its own is damaged, the operator knows; ask again later"
            self._groups.stage(*self._refusal(pending, "out-of-step", reason, nonce))

    def _repeated(self, pending: Pending) -> Staged:
        """What is written down for an inquiry that was taken before."""
        reason = "nonce: this inquiry was taken already; sign a new one to ask again"
        return self._refusal(pending, "repeated", reason, None)

    def _refusal(self, pending: Pending, rule: str, reason: str, nonce: Nonce | None) -> Staged:
        refused = replace(pending, rule=rule, reason=reason)
        draft = Draft(door.refusal_leaf(refused), refused.body, nonce=nonce)
        return Staged(refused, (draft,), self._refused)

    def _refused(self, pending: Pending, receipts: tuple[Receipt, ...]) -> None:
        self._out.append(answering.refusal(pending, receipts[0]))


def nonce_of(pending: Pending) -> Nonce:
    """What is remembered of an inquiry until a repeat of it would be stale."""
    until = pending.inquiry.asked_at + ASKED_WITHIN
    return Nonce(int(until.timestamp()), pending.inquiry.agency, pending.inquiry.nonce)


def _place(inquiry: Inquiry) -> str:
    """The municipality that was asked about, where one was."""
    return inquiry.subject.place.digits if isinstance(inquiry.subject, BySearch) else ""


def _open_tasks(candidates: Sequence[Candidate], step: str) -> tuple[Task, ...]:
    return tuple(_open_task(one, place, step) for place, one in enumerate(candidates))


def _open_task(one: Candidate, receipt: int, step: str) -> Task:
    return OpenKey(receipt=receipt, step=step, wrapped=one.wrapped, context=one.context)
