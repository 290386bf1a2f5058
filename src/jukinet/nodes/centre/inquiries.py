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
from jukinet.disclosure.pseudonyms import Issued
from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.index.generations import Generations
from jukinet.keys import group
from jukinet.keys.chance import Chance
from jukinet.keys.sign import VerifyKey
from jukinet.law import order as orders
from jukinet.law.inquiry import ByHandle, BySearch, Inquiry, Receipt
from jukinet.law.notice import Notice
from jukinet.law.order import Order, SignedOrder
from jukinet.law.schedule import Grant, Kind, Receiver, Schedule
from jukinet.law.signing import Signatures
from jukinet.ledger.chains import Nonce
from jukinet.ledger.writer import Draft, Ledger, Part
from jukinet.nodes import keeping
from jukinet.nodes.centre import answering
from jukinet.nodes.centre.answering import unsealed
from jukinet.nodes.centre.groups import Groups, Staged, Written
from jukinet.nodes.centre.keepers import Keepers, Wanted
from jukinet.nodes.centre.searching import Searching
from jukinet.nodes.keyring import (
    DEFERRED,
    INDEX,
    AgencyEntry,
    CentreRing,
    Directory,
    opening_key,
)
from jukinet.nodes.message import (
    CENTRE,
    HISTORY_MAX,
    NO_ORDER,
    Ask,
    Converted,
    ConvertedOne,
    MakeNumber,
    Message,
    OpenHandle,
    OpenKey,
    Out,
)

Values = Sequence[bytes | None]
Kept = Callable[[Pending, Values], None]


class Target(NamedTuple):
    """In whose numbers a conversion ends."""

    agency: str
    row: str
    sector: str


class _Part(NamedTuple):
    """A piece of an order's first group: its drafts, and what comes when they stand."""

    drafts: tuple[Draft, ...]
    then: Written


class Inquiries:
    """All inquiries under way at the centre."""

    def __init__(
        self,
        searching: Searching,
        ledger: Ledger,
        groups: Groups,
        keepers: Keepers,
        generations: Generations,
        ring: CentreRing,
        directory: Directory,
        schedule: Schedule,
        chance: Chance,
        out_of_step: list[str],
    ) -> None:
        self.out_of_step = out_of_step  # for the operator
        self.closed = ""  # why no question is taken just now
        self._ledger = ledger
        self._door_key = ring.door
        self._directory = directory
        self._schedule = schedule
        self._searching = searching
        self._groups = groups
        self._keepers = keepers
        self._generations = generations
        self._chance = chance
        self._signatures = Signatures(
            {name: VerifyKey(entry.verify) for name, entry in directory.agencies.items()}
        )
        self._conversions: dict[tuple[str, int, Target], list[tuple[ConvertedOne, Receipt]]] = {}
        self._out: Out = []

    def take_out(self) -> Out:
        """The answers that are ready."""
        self._tell_converted()
        out, self._out = self._out, []
        return out

    # --- what comes from agencies -------------------------------------------------------------

    def ask(self, sender: str, ask: Ask, now: datetime) -> None:
        """Take an order as far as the ledger's next group.

        One question has a leaf for each candidate; many have one leaf for all that are answered.
        """
        try:
            entry, receiver = self._asker(sender, ask.agency)
            self._signatures.verify(ask.agency, ask.order, ask.signature)
            order = self._own(orders.decode(ask.order), ask.agency)
            inquiries = orders.questions(order, ask.questions)
        except (Malformed, Refused) as error:
            self._out.append(answering.rejection(sender, b"", str(error)))
            return
        if self.closed:
            for inquiry in inquiries:
                self._out.append(answering.rejection(sender, inquiry.nonce, self.closed))
            return
        signed = SignedOrder(content=ask.order, signature=ask.signature)
        digest = orders.signed_digest(ask.order)
        members = [
            Pending(
                asker=sender,
                inquiry=inquiry,
                signed=signed,
                order=digest,
                place=place,
                of_many=order.count > 1,
                receiver=receiver,
                asker_prefecture=entry.prefecture,
                received_at=now,
            )
            for place, inquiry in enumerate(inquiries)
        ]
        self._begin(order, members, now)

    def _asker(self, sender: str, agency: str) -> tuple[AgencyEntry, Receiver]:
        entry = self._directory.agencies.get(agency)
        receiver = self._schedule.receivers.get(entry.receiver) if entry else None
        if entry is None or receiver is None or sender != agency:
            raise Refused("agency: it is not in the directory")
        return entry, receiver

    def _own(self, order: Order, agency: str) -> Order:
        if order.agency != agency:
            raise Refused("agency: the order names another")
        return order

    # --- an order arrives: is it allowed? -----------------------------------------------------

    def _begin(self, order: Order, members: Sequence[Pending], now: datetime) -> None:
        """What the law covers goes on, the rest is refused; all of it in one group."""
        nonce: Nonce | None = nonce_of(order)
        try:
            grant = self._covered(members, now)
        except Refused as error:
            if error.rule == "stale":  # a repeat of it would be stale as well
                nonce = None
            parts = [self._refused_for(one, error) for one in members]
        else:
            parts = self._sorted([replace(one, grant=grant) for one in members])
        self._stage(members, parts, nonce)

    def _covered(self, members: Sequence[Pending], now: datetime) -> Grant:
        """The row that covers an order; Refused where none does."""
        first, rows = members[0], self._ledger.noted.rows
        grant = door.covering(first.inquiry, first.receiver, self._schedule, rows, now)
        if opening_key(grant.sector) not in self._directory.group_keys:
            raise Refused(
                f"row {grant.id}: the keepers have no keys for it yet; ask again later",
                rule="no-keys",
            )
        if len(members) > 1 and first.inquiry.defer_to is not None:
            raise Refused(
                "defer_to: an order of many is never kept from its residents; ask one by one",
                rule="no-deferral",
            )
        return grant

    def _sorted(self, members: Sequence[Pending]) -> list[_Part]:
        """What is staged for an order: its questions that can go on, and a refusal for each other.

        By handle, its questions have one inquiry leaf; by search, many have one bundle.
        """
        begun, parts = [], []
        for one in members:
            try:
                begun.append(self._ready(one))
            except (Refused, OutOfStep) as error:
                parts.append(self._refused_for(one, error))
        if begun and isinstance(begun[0].inquiry.subject, ByHandle):
            leaf = door.inquiry_leaf(begun[0], count=len(begun))
            parts.append(_Part((Draft(leaf),), partial(self._open_handles, begun)))
        elif begun and len(members) > 1:
            parts.append(self._bundle(begun))
        elif begun:
            parts.append(self._disclosures(begun[0]))
        return parts

    def _ready(self, pending: Pending) -> Pending:
        """A question whose handle is this door's for the asker, or whose person is looked up."""
        subject = pending.inquiry.subject
        if isinstance(subject, ByHandle):
            asker = pending.inquiry.agency
            pseudonyms.check_handle(self._door_key, pending.sector, asker, subject.handle)
            return pending
        candidates, known_at = self._searching.by_search(subject)
        return replace(pending, candidates=candidates, known_at=known_at)

    def _stage(
        self, members: Sequence[Pending], parts: Sequence[_Part], nonce: Nonce | None
    ) -> None:
        """Have all parts of an order written; once, whatever the line does."""
        drafts = [draft for part in parts for draft in part.drafts]
        drafts[0] = drafts[0]._replace(nonce=nonce)
        again = partial(self._repeated, members) if nonce else None
        self._groups.stage(Staged(tuple(drafts), partial(_dealt, parts), again))

    def _repeated(self, members: Sequence[Pending]) -> Staged:
        """What is written down for an order that was taken before: a refusal for each question."""
        reason = "nonce: this order was taken already; sign a new one to ask again"
        parts = [self._refusal(one, "repeated", reason) for one in members]
        drafts = tuple(draft for part in parts for draft in part.drafts)
        return Staged(drafts, partial(_dealt, parts))

    def _order(
        self,
        pending: Pending,
        wanted: Sequence[Wanted],
        receipts: Sequence[Receipt],
        then: Kept,
    ) -> None:
        """Have the keepers do some tasks for an inquiry, and go on with it."""
        self._keepers.order(wanted, receipts, partial(then, pending), pending.signed)

    # --- by handle: the inquiry's leaf, then the handle ---------------------------------------

    def _open_handles(self, members: Sequence[Pending], receipts: tuple[Receipt, ...]) -> None:
        asked = [replace(one, inquiry_receipt=receipts[0]) for one in members]
        wanted = [self._handle_task(one) for one in asked]
        then = partial(self._handles_opened, asked)
        self._keepers.order(wanted, receipts, then, members[0].signed)

    def _handle_task(self, pending: Pending) -> Wanted:
        agency, handle = pending.inquiry.agency, orders.handle_of(pending.inquiry)
        public = self._directory.public(opening_key(pending.sector))
        task = OpenHandle(
            receipt=0,
            order=NO_ORDER,
            question=pending.place,
            agency=agency,
            sector=pending.sector,
            handle=handle,
            beside=orders.beside(pending.inquiry),
            step=f"handle-{pending.place}" if pending.of_many else "handle",
        )
        sealed = handle[: -pseudonyms.MAC_BYTES]
        context = pseudonyms.handle_context(pending.sector, agency, public)
        return Wanted(task, sealed, context, proved=True)

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
        if not found:
            return
        part = self._bundle(found) if found[0].of_many else self._disclosures(found[0])
        self._groups.stage(Staged(part.drafts, part.then))

    def _meant(self, pending: Pending, opened: bytes | None) -> Pending:
        """The inquiry with the person whom its handle means, as one knows the record today."""
        meant = pseudonyms.meant(opened, door.day(pending.received_at))
        if meant.generation != self._generations.of(meant.locator, pending.sector):
            raise Refused(
                "handle: its person has wanted fresh numbers since; ask by name, birth date and "
                "place",
                rule="old-generation",
            )
        kept = self._generations.kept(meant.locator)
        where, locator = (kept.prefecture, kept.kept) if kept else (meant.prefecture, meant.locator)
        candidate = self._searching.by_locator(where, locator)
        return replace(pending, candidates=(candidate,), renumbered=kept is not None)

    # --- what is written before anything is opened --------------------------------------------

    def _bundle(self, members: Sequence[Pending]) -> _Part:
        """One bundle for all candidates of all members."""
        parts = tuple(Part(one.body, who.locator) for one in members for who in one.candidates)
        draft = Draft(door.bundle_leaf(members[0]), parts=parts)
        return _Part((draft,), partial(self._open_many, members))

    def _open_many(self, members: Sequence[Pending], receipts: tuple[Receipt, ...]) -> None:
        start = 0
        for pending in members:
            end = start + len(pending.candidates)
            self._open(pending, receipts[start:end])
            start = end

    def _disclosures(self, pending: Pending) -> _Part:
        """A leaf for each candidate."""
        drafts = tuple(self._disclosure(pending, one) for one in pending.candidates)
        return _Part(drafts, partial(self._open, pending))

    def _disclosure(self, pending: Pending, candidate: Candidate) -> Draft:
        """The leaf about one candidate; kept from the resident for a while, where that is asked."""
        if pending.inquiry.defer_to is None:
            return Draft(door.disclosure_leaf(pending), pending.body, candidate.locator)
        deferred = door.deferred_leaf(pending, pending.inquiry.defer_to)
        keepers = self._directory.public(DEFERRED)
        return Draft(deferred, pending.body, candidate.locator, keepers=keepers)

    # --- the disclosure's leaf, then the payload ----------------------------------------------

    def _open(self, pending: Pending, receipts: tuple[Receipt, ...]) -> None:
        with self._or_refused(pending):
            candidates = tuple(self._with_chain(one) for one in pending.candidates)
            pending = replace(pending, receipts=receipts, candidates=candidates)
            tasks = _open_tasks(pending, candidates, "open-1")
            self._order(pending, tasks, receipts, self._opened)

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
            tasks = _open_tasks(pending, elsewhere, "open-2")
            self._order(pending, tasks, pending.receipts, self._opened_elsewhere)

    def _opened_elsewhere(self, pending: Pending, values: Values) -> None:
        with self._or_refused(pending):
            self._decide(pending, tuple(map(unsealed, pending.elsewhere, values)))

    # --- what is least, and the answer --------------------------------------------------------

    def _decide(self, pending: Pending, opened: Sequence[Notice | None]) -> None:
        pending = door.decide(pending, opened)
        person = pending.person
        if person is None:
            self._out.append(answering.answer(pending))
            return
        if person.town != _place(pending.inquiry):
            pending = replace(pending, known_at=self._searching.heard(person))
        if pending.inquiry.kind is Kind.CONVERT:
            self._convert(pending, person)
            return
        tasks = []
        if door.needs_number(pending):
            pending = self._with_blind(pending, person, pending.sector)
            tasks.append(self._number_task(pending, pending.inquiry.agency, pending.sector))
        if pending.inquiry.kind is Kind.CHANGES:
            past = self._searching.past(person.locator, at_most=HISTORY_MAX)
            pending = replace(pending, past=tuple(past))
            tasks += [_open_task(pending, one, 0, f"history-{at}") for at, one in enumerate(past)]
        if tasks:
            self._order(pending, tasks, (pending.receipt,), self._numbered)
        else:
            self._out.append(answering.answer(pending, self._issued(pending, b"")))

    # --- conversion: one agency's handle, another's number ------------------------------------

    def _convert(self, pending: Pending, person: Candidate) -> None:
        """The number of the person in the row that the asker's row leads to, for its receiver."""
        with self._or_refused(pending):
            target = self._target(pending)
            pending = self._with_blind(pending, person, target.sector)
            task = self._number_task(pending, target.agency, target.sector)
            then = partial(self._converted, target)
            self._order(pending, [task], (pending.receipt,), then)

    def _target(self, pending: Pending) -> Target:
        """Whose numbers a conversion ends in; Refused where the directory has nobody for it."""
        assert pending.grant is not None
        grant = self._schedule.grants[pending.grant.to]
        of = [one.id for one in self._directory.agencies.values() if one.receiver == grant.receiver]
        if len(of) != 1 or opening_key(grant.sector) not in self._directory.group_keys:
            raise Refused(f"row {grant.id}: nobody is there to be given it", rule="no-target")
        return Target(of[0], grant.id, grant.sector)

    def _converted(self, target: Target, pending: Pending, values: Values) -> None:
        """The receiver is told; the asker hears that it was done, and gets its own handle anew."""
        with self._or_refused(pending):
            assert pending.person is not None
            if not values[0]:
                raise Refused("number: the keepers would not make it; ask again", rule="not-opened")
            handle = self._handle(pending, pending.person, target.sector, target.agency)
            one = ConvertedOne(parts=values[0], blind=pending.blind, handle=handle)
            order = (pending.order, pending.receipt.index, target)
            self._conversions.setdefault(order, []).append((one, pending.receipt))
            self._out.append(answering.answer(pending, self._issued(pending, b"")))

    def _tell_converted(self) -> None:
        """What was converted since the last time, order by order, sorted by what says nothing."""
        for (_, _, target), found in self._conversions.items():
            people = sorted((one for one, _ in found), key=lambda one: sha256(one.blind).digest())
            receipt = replace(found[0][1], salt=b"", body=b"", record=b"", place=0, path=())
            body = Converted(row=target.row, people=tuple(people), receipt=receipt)
            self._out.append(Message(sender=CENTRE, receiver=target.agency, body=body))
        self._conversions.clear()

    # --- numbers and handles ------------------------------------------------------------------

    def _with_blind(self, pending: Pending, person: Candidate, sector: str) -> Pending:
        return replace(
            pending,
            blind=group.draw_scalar(self._chance).publish(),
            generation=self._generations.of(person.locator, sector),
        )

    def _number_task(self, pending: Pending, agency: str, sector: str) -> Wanted:
        assert pending.seen is not None
        root = pending.seen.now.root
        task = MakeNumber(
            receipt=0,
            order=NO_ORDER,
            question=pending.place,
            agency=agency,
            sector=sector,
            blinded=pseudonyms.blinded(sector, root, pending.generation, pending.blind),
        )
        return Wanted(task)

    def _numbered(self, pending: Pending, values: Values) -> None:
        """The parts of the number are with the agency; the states before are open."""
        with self._or_refused(pending):
            parts, past = b"", values
            if door.needs_number(pending):
                parts, past = values[0] or b"", values[1:]
                if not parts:
                    raise Refused(
                        "number: the keepers would not make it; ask again", rule="not-opened"
                    )
            pending = door.with_history(pending, tuple(map(unsealed, pending.past, past)))
            self._out.append(answering.answer(pending, self._issued(pending, parts)))

    def _issued(self, pending: Pending, parts: bytes) -> Issued:
        """By what the agency is to know the person: a handle where one is wanted, or a ticket."""
        assert pending.person is not None
        agency, sector, person = pending.inquiry.agency, pending.sector, pending.person
        if not door.needs_handle(pending):
            key = self._door_key
            ticket = pseudonyms.ticket(key, sector, agency, person.locator, self._chance)
            return Issued(ticket=ticket)
        handle = self._handle(pending, person, sector, agency)
        if not parts:
            return Issued(handle=handle)
        renumbered = pending.renumbered
        return Issued(handle=handle, blind=pending.blind, parts=parts, renumbered=renumbered)

    def _handle(self, pending: Pending, person: Candidate, sector: str, agency: str) -> bytes:
        """A fresh handle of a person for an agency's sector."""
        return pseudonyms.fresh_handle(
            self._directory.public(opening_key(sector)),
            self._door_key,
            sector,
            agency,
            means=pseudonyms.Meant(
                person.locator,
                person.prefecture,
                pseudonyms.lasts(door.day(pending.received_at)),
                self._generations.of(person.locator, sector),
            ),
            chance=self._chance,
        )

    # --- refusals -----------------------------------------------------------------------------

    @contextmanager
    def _or_refused(self, pending: Pending) -> Iterator[None]:
        """Have a refusal written down where the law, or something damaged, stops an inquiry."""
        try:
            yield
        except (Refused, OutOfStep) as error:
            part = self._refused_for(pending, error)
            self._groups.stage(Staged(part.drafts, part.then))

    def _refused_for(self, pending: Pending, error: Refused | OutOfStep) -> _Part:
        """The refusal of a question; what is damaged is the operator's to know."""
        if isinstance(error, Refused):
            return self._refusal(pending, error.rule, str(error))
        self.out_of_step.append(str(error))
        reason = "centre: something of its own is damaged, the operator knows; ask again later"
        return self._refusal(pending, "out-of-step", reason)

    def _refusal(self, pending: Pending, rule: str, reason: str) -> _Part:
        refused = replace(pending, rule=rule, reason=reason)
        draft = Draft(door.refusal_leaf(refused), refused.body)
        return _Part((draft,), partial(self._refused, refused))

    def _refused(self, pending: Pending, receipts: tuple[Receipt, ...]) -> None:
        self._out.append(answering.refusal(pending, receipts[0]))


def nonce_of(order: Order) -> Nonce:
    """What is remembered of an order until a repeat of it would be stale."""
    until = order.asked_at + ASKED_WITHIN
    return Nonce(int(until.timestamp()), order.agency, order.nonce)


def _dealt(parts: Sequence[_Part], receipts: tuple[Receipt, ...]) -> None:
    """Give each part of an order its receipts."""
    start = 0
    for part in parts:
        end = start + sum(draft.receipts for draft in part.drafts)
        part.then(receipts[start:end])
        start = end


def _place(inquiry: Inquiry) -> str:
    """The municipality that was asked about, where one was."""
    return inquiry.subject.place.digits if isinstance(inquiry.subject, BySearch) else ""


def _open_tasks(pending: Pending, candidates: Sequence[Candidate], step: str) -> list[Wanted]:
    return [_open_task(pending, one, place, step) for place, one in enumerate(candidates)]


def _open_task(pending: Pending, one: Candidate, receipt: int, step: str) -> Wanted:
    task = OpenKey(
        receipt=receipt,
        order=NO_ORDER,
        question=pending.place,
        step=step,
        key=INDEX,
        sealed=one.wrapped[: keeping.ELEMENT_BYTES] or keeping.STAND_IN,
    )
    return Wanted(task, one.wrapped, one.context)
