"""Inquiries (照会の取扱い): the four steps of the door, and the waits between them.

A question by name, birth date and place: found (still sealed) → disclosure leaf → opened on its
receipt → answered. A question by handle: inquiry leaf → handle opened on its receipt → disclosure
leaf → opened → answered. Between the steps an inquiry is a frozen `Pending`; what comes next is
kept beside it as a continuation (`groups`).

What cannot go on is refused, and the refusal is written down like everything else.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from msgspec.structs import replace

from jukinet.disclosure import door, pseudonyms
from jukinet.disclosure.door import ASKED_WITHIN, Candidate, Pending
from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.keys.seal import SealKey
from jukinet.keys.sign import VerifyKey
from jukinet.law.inquiry import ByHandle, BySearch, Inquiry, Receipt, decode, decode_order
from jukinet.law.notice import Notice
from jukinet.law.schedule import Kind, Receiver, Schedule
from jukinet.ledger.chains import Nonce
from jukinet.ledger.writer import Draft, Ledger, Part
from jukinet.nodes.centre import answering
from jukinet.nodes.centre.answering import unsealed
from jukinet.nodes.centre.groups import Groups, Staged
from jukinet.nodes.centre.searching import Searching
from jukinet.nodes.centre.shelves import Shelves
from jukinet.nodes.keyring import AgencyEntry, CentreRing, Directory
from jukinet.nodes.message import (
    HISTORY_MAX,
    Ask,
    AskMany,
    MakeNumber,
    OpenHandle,
    OpenKey,
    Out,
    Task,
)

Values = Sequence[bytes | None]
Next = Callable[[Pending, tuple[Receipt, ...]], None]
Kept = Callable[[Pending, Values], None]


class Order(NamedTuple):
    """Many inquiries that were signed as one, and the digest of what was signed."""

    members: tuple[Pending, ...]
    digest: str


class Inquiries:
    """All inquiries under way at the centre."""

    def __init__(
        self,
        shelves: Shelves,
        ledger: Ledger,
        groups: Groups,
        ring: CentreRing,
        directory: Directory,
        schedule: Schedule,
        out_of_step: list[str],
    ) -> None:
        self.out_of_step = out_of_step  # for the operator
        self.closed = ""  # why no question is taken just now
        self._ledger = ledger
        self._ring = ring
        self._directory = directory
        self._schedule = schedule
        self._searching = Searching(shelves, ring)
        self._groups = groups
        self._verify = {name: VerifyKey(entry.verify) for name, entry in directory.agencies.items()}
        self._keepers = SealKey(directory.payload_seal)
        self._seals = {sector: SealKey(key) for sector, key in directory.sector_seals.items()}
        self._out: Out = []

    def take_out(self) -> Out:
        """The answers that are ready."""
        out, self._out = self._out, []
        return out

    # --- what comes from agencies -------------------------------------------------------------

    def ask(self, sender: str, ask: Ask, now: datetime) -> None:
        """Take a question as far as the ledger's next group."""
        try:
            entry, receiver = self._asker(sender, ask.agency)
            self._verify[ask.agency].verify(ask.inquiry, ask.signature)
            inquiry = self._own(decode(ask.inquiry), ask.agency)
        except (Malformed, Refused) as error:
            self._out.append(answering.rejection(sender, b"", str(error)))
            return
        if self.closed:
            self._out.append(answering.rejection(sender, inquiry.nonce, self.closed))
            return
        pending = _pending(sender, ask.inquiry, inquiry, entry, receiver, now)
        with self._or_refused(pending, first=True):
            self._begin(pending, now)

    def ask_many(self, sender: str, ask: AskMany, now: datetime) -> None:
        """Take an order of many inquiries: one leaf stands for all of them that are answered."""
        try:
            entry, receiver = self._asker(sender, ask.agency)
            self._verify[ask.agency].verify(ask.order, ask.signature)
            asked = [(one, self._own(q, ask.agency)) for one, q in decode_order(ask.order)]
        except (Malformed, Refused) as error:
            self._out.append(answering.rejection(sender, b"", str(error)))
            return
        if self.closed:
            for _, inquiry in asked:
                self._out.append(answering.rejection(sender, inquiry.nonce, self.closed))
            return
        order = Order(
            tuple(_pending(sender, one, q, entry, receiver, now) for one, q in asked),
            sha256(ask.order).hexdigest(),
        )
        self._begin_order(order, now)

    def _asker(self, sender: str, agency: str) -> tuple[AgencyEntry, Receiver]:
        entry = self._directory.agencies.get(agency)
        receiver = self._schedule.receivers.get(entry.receiver) if entry else None
        if entry is None or receiver is None or sender != agency:
            raise Refused("agency: it is not in the directory")
        return entry, receiver

    # --- a question arrives: is it allowed? ---------------------------------------------------

    def _own(self, inquiry: Inquiry, agency: str) -> Inquiry:
        if inquiry.agency != agency:
            raise Refused("agency: the inquiry names another")
        return inquiry

    def _begin(self, pending: Pending, now: datetime) -> None:
        pending = self._covered(pending, now)
        if isinstance(pending.inquiry.subject, BySearch):
            self._found(self._searched(pending))
            return
        draft = Draft(door.inquiry_leaf(pending), nonce=nonce_of(pending))
        self._stage(pending, (draft,), self._open_handle)

    def _covered(self, pending: Pending, now: datetime) -> Pending:
        """The inquiry with the row that covers it, its handle seen from outside; or Refused."""
        rows = self._ledger.noted.rows
        grant = door.covering(pending.inquiry, pending.receiver, self._schedule, rows, now)
        if grant.sector not in self._seals:
            raise Refused(
                f"row {grant.id}: the keepers have no keys for it yet; ask again later",
                rule="no-keys",
            )
        subject = pending.inquiry.subject
        if isinstance(subject, ByHandle):
            pseudonyms.check_handle(self._ring.door, grant.sector, subject.handle)
        return replace(pending, grant=grant)

    def _searched(self, pending: Pending) -> Pending:
        assert isinstance(pending.inquiry.subject, BySearch)
        candidates, known_at = self._searching.by_search(pending.inquiry.subject)
        return replace(pending, candidates=candidates, known_at=known_at)

    def _stage(self, pending: Pending, drafts: tuple[Draft, ...], then: Next) -> None:
        """Have drafts of an inquiry written, and go on with it."""
        again = partial(self._repeated, pending)
        self._groups.stage(Staged(drafts, partial(then, pending), again))

    def _order(
        self, pending: Pending, tasks: tuple[Task, ...], receipts: tuple[Receipt, ...], then: Kept
    ) -> None:
        """Have the keepers do some tasks for an inquiry, and go on with it."""
        self._groups.order(tasks, receipts, partial(then, pending))

    # --- by handle: the inquiry's leaf, then the handle ---------------------------------------

    def _open_handle(self, pending: Pending, receipts: tuple[Receipt, ...]) -> None:
        task = OpenHandle(receipt=0, sector=pending.sector, sealed=_sealed_handle(pending))
        pending = replace(pending, inquiry_receipt=receipts[0])
        self._order(pending, (task,), receipts, self._handle_opened)

    def _handle_opened(self, pending: Pending, values: Values) -> None:
        with self._or_refused(pending):
            self._found(self._meant(pending, values[0]))

    def _meant(self, pending: Pending, opened: bytes | None) -> Pending:
        """The inquiry with the person whom its handle means."""
        meant = pseudonyms.meant(opened or b"", door.day(pending.received_at))
        candidate = self._searching.by_locator(meant.prefecture, meant.locator)
        return replace(pending, candidates=(candidate,))

    # --- an order of many: one leaf, then each goes its own way -------------------------------

    def _begin_order(self, order: Order, now: datetime) -> None:
        """Those of an order that the law covers; by handle, they have one inquiry leaf."""
        begun = []
        for pending in order.members:
            with self._or_refused(pending, first=True):
                if pending.inquiry.defer_to is not None:
                    raise Refused(
                        "defer_to: an order of many is never kept from its residents; ask one by "
                        "one",
                        rule="no-deferral",
                    )
                found = self._covered(pending, now)
                by_search = isinstance(found.inquiry.subject, BySearch)
                begun.append(self._searched(found) if by_search else found)
        if begun and isinstance(begun[0].inquiry.subject, ByHandle):
            nonces = tuple(map(nonce_of, begun))
            leaf = door.inquiry_leaf(begun[0], order=order.digest, count=len(begun))
            then = partial(self._open_handles, begun)
            self._groups.stage(Staged((Draft(leaf, nonces=nonces),), then, self._again(begun)))
        elif begun:
            self._found_many(begun)

    def _open_handles(self, members: Sequence[Pending], receipts: tuple[Receipt, ...]) -> None:
        asked = [replace(one, inquiry_receipt=receipts[0]) for one in members]
        steps = [f"handle-{place}" for place in range(len(asked))] if len(asked) > 1 else ["handle"]
        tasks = tuple(
            OpenHandle(receipt=0, sector=one.sector, sealed=_sealed_handle(one), step=step)
            for one, step in zip(asked, steps, strict=True)
        )
        self._groups.order(tasks, receipts, partial(self._handles_opened, asked))

    def _handles_opened(self, members: Sequence[Pending], values: Values) -> None:
        found, failed = [], []
        for pending, opened in zip(members, values, strict=True):
            try:
                found.append(self._meant(pending, opened))
            except (Refused, OutOfStep) as error:
                failed.append((pending, error))
        for place, (pending, why) in enumerate(failed):
            # The bundle answers the inquiry's leaf; where there is none, the first refusal does.
            answered = bool(found) or place > 0
            with self._or_refused(replace(pending, answered=answered)):
                raise why
        if found:
            self._found_many(found)

    def _found_many(self, members: Sequence[Pending]) -> None:
        """One bundle for all candidates of all members."""
        first = members[0].inquiry_receipt is None
        parts = tuple(Part(one.body, who.locator) for one in members for who in one.candidates)
        nonces = tuple(map(nonce_of, members)) if first else ()
        draft = Draft(door.bundle_leaf(members[0]), parts=parts, nonces=nonces)
        then = partial(self._open_many, members)
        self._groups.stage(Staged((draft,), then, self._again(members) if first else None))

    def _open_many(self, members: Sequence[Pending], receipts: tuple[Receipt, ...]) -> None:
        start = 0
        for pending in members:
            end = start + len(pending.candidates)
            self._open(pending, receipts[start:end])
            start = end

    def _again(self, members: Sequence[Pending]) -> Callable[[], Staged]:
        """What is written for an order of which a part was taken before: a refusal for each."""

        def refused() -> Staged:
            each = [self._repeated(pending) for pending in members]
            drafts = tuple(draft for one in each for draft in one.drafts)

            def then(receipts: tuple[Receipt, ...]) -> None:
                for one, receipt in zip(each, receipts, strict=True):
                    one.then((receipt,))

            return Staged(drafts, then)

        return refused

    # --- the disclosure's leaf, then the payload ----------------------------------------------

    def _found(self, pending: Pending) -> None:
        """Write a leaf for each candidate; nothing has been opened yet."""
        first = nonce_of(pending) if pending.inquiry_receipt is None else None
        drafts = tuple(
            self._disclosure(pending, candidate, first if place == 0 else None)
            for place, candidate in enumerate(pending.candidates)
        )
        self._stage(pending, drafts, self._open)

    def _disclosure(self, pending: Pending, candidate: Candidate, nonce: Nonce | None) -> Draft:
        """The leaf about one candidate; kept from the resident for a while, where that is asked."""
        if pending.inquiry.defer_to is None:
            leaf = door.disclosure_leaf(pending)
            return Draft(leaf, pending.body, candidate.locator, nonce)
        deferred = door.deferred_leaf(pending, pending.inquiry.defer_to)
        keepers = self._keepers
        return Draft(deferred, pending.body, candidate.locator, nonce, keepers=keepers)

    def _open(self, pending: Pending, receipts: tuple[Receipt, ...]) -> None:
        with self._or_refused(pending):
            candidates = tuple(self._with_chain(one) for one in pending.candidates)
            pending = replace(pending, receipts=receipts, candidates=candidates)
            self._order(pending, _open_tasks(candidates, "open-1"), receipts, self._opened)

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
            self._order(pending, tasks, pending.receipts, self._opened_elsewhere)

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
        self._order(pending, tuple(tasks), (pending.receipt,), self._numbered)

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
            self._groups.stage(self._refusal(pending, error.rule, str(error), nonce))
        except OutOfStep as error:
            self.out_of_step.append(str(error))
            nonce = nonce_of(pending) if first else None
            reason = "centre: something of its own is damaged, the operator knows; ask again later"
            self._groups.stage(self._refusal(pending, "out-of-step", reason, nonce))

    def _repeated(self, pending: Pending) -> Staged:
        """What is written down for an inquiry that was taken before."""
        reason = "nonce: this inquiry was taken already; sign a new one to ask again"
        return self._refusal(pending, "repeated", reason, None)

    def _refusal(self, pending: Pending, rule: str, reason: str, nonce: Nonce | None) -> Staged:
        refused = replace(pending, rule=rule, reason=reason)
        draft = Draft(door.refusal_leaf(refused), refused.body, nonce=nonce)
        again = partial(self._repeated, pending) if nonce else None
        return Staged((draft,), partial(self._refused, refused), again)

    def _refused(self, pending: Pending, receipts: tuple[Receipt, ...]) -> None:
        self._out.append(answering.refusal(pending, receipts[0]))


def nonce_of(pending: Pending) -> Nonce:
    """What is remembered of an inquiry until a repeat of it would be stale."""
    until = pending.inquiry.asked_at + ASKED_WITHIN
    return Nonce(int(until.timestamp()), pending.inquiry.agency, pending.inquiry.nonce)


def _pending(
    sender: str,
    signed: bytes,
    inquiry: Inquiry,
    entry: AgencyEntry,
    receiver: Receiver,
    now: datetime,
) -> Pending:
    return Pending(
        asker=sender,
        inquiry=inquiry,
        signed=signed,
        receiver=receiver,
        asker_prefecture=entry.prefecture,
        received_at=now,
    )


def _sealed_handle(pending: Pending) -> bytes:
    assert isinstance(pending.inquiry.subject, ByHandle)
    return pending.inquiry.subject.handle[: -pseudonyms.MAC_BYTES]


def _place(inquiry: Inquiry) -> str:
    """The municipality that was asked about, where one was."""
    return inquiry.subject.place.digits if isinstance(inquiry.subject, BySearch) else ""


def _open_tasks(candidates: Sequence[Candidate], step: str) -> tuple[Task, ...]:
    return tuple(_open_task(one, place, step) for place, one in enumerate(candidates))


def _open_task(one: Candidate, receipt: int, step: str) -> Task:
    return OpenKey(receipt=receipt, step=step, wrapped=one.wrapped, context=one.context)
