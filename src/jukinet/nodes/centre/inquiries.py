"""Inquiries (照会の取扱い): the four steps of the door, and the waits between them.

A question by name, birth date and place: found (still sealed) → disclosure leaf → opened on its
receipt → answered. A question by handle: inquiry leaf → handle opened on its receipt → disclosure
leaf → opened → answered. Between the steps an inquiry is a frozen `Pending`; what comes next is
kept beside it as a continuation.

Leaves that are to be written at the same moment are written as one group.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from jukinet.disclosure import door, pseudonyms
from jukinet.disclosure.door import Candidate, Pending
from jukinet.errors import JukinetError, Malformed, Refused
from jukinet.feed import inbox
from jukinet.feed.link import stream_name
from jukinet.index import people, search
from jukinet.keys.seal import SealKey, pad
from jukinet.keys.sign import VerifyKey
from jukinet.law.inquiry import Answer, ByHandle, BySearch, Receipt, Refusal, decode
from jukinet.law.notice import Notice
from jukinet.law.schedule import Kind, Schedule
from jukinet.ledger.writer import Draft, Ledger
from jukinet.nodes.centre.decoy import DECOY
from jukinet.nodes.centre.shelves import Shelves
from jukinet.nodes.keyring import CentreRing, Directory
from jukinet.nodes.message import (
    CENTRE,
    KEEPER,
    Ask,
    KeeperOrder,
    KeeperReply,
    MakeNumber,
    Message,
    OpenHandle,
    OpenKey,
    Out,
    Rejected,
    Task,
)
from jukinet.nodes.sealing import context_of, open_payload
from jukinet.numbers.municipality_code import wards_of
from jukinet.store.engine import Transaction

GROUP_MAX = 256
SIZES = (1024, 4096, 16384, 65536)  # answers are padded to one of these

Written = Callable[[Pending, tuple[Receipt, ...]], None]
Kept = Callable[[Pending, Sequence[bytes | None]], None]


class _Staged(NamedTuple):
    pending: Pending
    drafts: tuple[Draft, ...]
    then: Written


class _Ordered(NamedTuple):
    pending: Pending
    tasks: tuple[Task, ...]  # their `receipt` is a place in `receipts`
    receipts: tuple[Receipt, ...]
    then: Kept


class Inquiries:
    """All inquiries under way at the centre."""

    def __init__(
        self,
        shelves: Shelves,
        ledger: Ledger,
        ring: CentreRing,
        directory: Directory,
        schedule: Schedule,
    ) -> None:
        self._shelves = shelves
        self._ledger = ledger
        self._ring = ring
        self._directory = directory
        self._schedule = schedule
        self._verify = {name: VerifyKey(entry.verify) for name, entry in directory.agencies.items()}
        self._seals = {sector: SealKey(key) for sector, key in directory.sector_seals.items()}
        self._staged: list[_Staged] = []
        self._orders: dict[int, list[_Ordered]] = {}
        self._ordered: list[_Ordered] = []
        self._next_order = 0
        self._out: Out = []

    @property
    def staged(self) -> int:
        """How many inquiries wait for the ledger."""
        return len(self._staged)

    # --- a question arrives -----------------------------------------------------------------

    def ask(self, sender: str, ask: Ask, now: datetime) -> Out:
        """Take a question as far as the ledger's next group."""
        entry = self._directory.agencies.get(ask.agency)
        if entry is None or sender != ask.agency:
            return [_reject(sender, b"", "agency: it is not in the directory")]
        try:
            self._verify[ask.agency].verify(ask.inquiry, ask.signature)
            inquiry = decode(ask.inquiry)
        except (Malformed, Refused) as error:
            return [_reject(sender, b"", str(error))]
        if inquiry.agency != ask.agency:
            return [_reject(sender, inquiry.nonce, "agency: the inquiry names another")]
        pending = Pending(
            asker=sender,
            inquiry=inquiry,
            signed=ask.inquiry,
            receiver=self._schedule.receivers[entry.receiver],
            asker_prefecture=entry.prefecture,
            received_at=now,
        )
        try:
            self._begin(pending, now)
        except Refused as error:
            self._refuse(pending, error)
        return self._take_out()

    def _begin(self, pending: Pending, now: datetime) -> None:
        inquiry = pending.inquiry
        grant = door.covering(inquiry, pending.receiver, self._schedule, now)
        pending = msgspec.structs.replace(pending, grant=grant)
        if isinstance(inquiry.subject, ByHandle):
            pseudonyms.check_handle(self._ring.door, grant.sector, inquiry.subject.handle)
            self._stage(pending, (Draft(door.inquiry_leaf(pending)),), self._open_handle)
        else:
            self._search(pending, inquiry.subject)

    def _search(self, pending: Pending, subject: BySearch) -> None:
        prefecture = subject.place.prefecture
        if prefecture not in self._shelves.prefectures:
            raise Refused(
                f"place: the index holds nothing of prefecture {prefecture}; "
                "ask the town itself, absence here proves nothing",
                rule="place-not-connected",
            )
        wards = [ward.code.digits for ward in wards_of(subject.place)]
        with self._shelves.of(prefecture).begin() as tx:
            locators = search.locators(
                tx,
                subject,
                prefecture_key=self._ring.tags[prefecture],
                index_key=self._ring.index[prefecture],
                towns=wards or [subject.place.digits],
            )
            candidates = tuple(
                self._candidate(tx, prefecture, locator) for locator in locators or [DECOY]
            )
            heard = _heard(tx, wards or [subject.place.digits])
        self._found(msgspec.structs.replace(pending, candidates=candidates, known_at=heard))

    def _candidate(self, tx: Transaction, prefecture: str, locator: bytes) -> Candidate:
        """Somebody as one prefecture has them, still sealed."""
        person = people.found(tx, prefecture, locator)
        sealed = people.newest_here(tx, prefecture, locator)
        assert person is not None
        assert sealed is not None
        return Candidate(
            prefecture=prefecture,
            locator=locator,
            payload=sealed.state.payload,
            wrapped=sealed.wrapped,
            context=context_of(sealed.state.town, locator, sealed.state.version),
            gone_to=person.gone_to,
        )

    # --- by handle: the inquiry's leaf, then the handle --------------------------------------

    def _open_handle(self, pending: Pending, receipts: tuple[Receipt, ...]) -> None:
        assert isinstance(pending.inquiry.subject, ByHandle)
        sealed = pending.inquiry.subject.handle[: -pseudonyms.MAC_BYTES]
        task = OpenHandle(receipt=0, sector=pending.sector, sealed=sealed)
        pending = msgspec.structs.replace(pending, inquiry_receipt=receipts[0])
        self._order(pending, (task,), receipts, self._handle_opened)

    def _handle_opened(self, pending: Pending, values: Sequence[bytes | None]) -> None:
        try:
            if values[0] is None:
                raise Refused("handle: the keepers cannot open it", rule="handle-not-opened")
            meant = pseudonyms.meant(values[0], pending.received_at.date())
            with self._shelves.of(meant.prefecture).begin() as tx:
                person = people.found(tx, meant.prefecture, meant.locator)
                if person is None:
                    raise Refused("handle: nobody stands behind it any more", rule="shredded")
                candidate = self._candidate(tx, meant.prefecture, meant.locator)
                heard = _heard(tx, [person.town])
        except Refused as error:
            self._refuse(pending, error)
            return
        self._found(msgspec.structs.replace(pending, candidates=(candidate,), known_at=heard))

    # --- the disclosure's leaf, then the payload ---------------------------------------------

    def _found(self, pending: Pending) -> None:
        """Write a leaf for each candidate; nothing has been opened yet."""
        drafts = tuple(
            Draft(door.disclosure_leaf(pending), pending.body, candidate.locator)
            for candidate in pending.candidates
        )
        self._stage(pending, drafts, self._open)

    def _open(self, pending: Pending, receipts: tuple[Receipt, ...]) -> None:
        pending = msgspec.structs.replace(pending, receipts=receipts)
        self._order(pending, _open_tasks(pending), receipts, self._opened)

    def _opened(self, pending: Pending, values: Sequence[bytes | None]) -> None:
        opened = [
            _unseal(candidate, key)
            for candidate, key in zip(pending.candidates, values, strict=True)
        ]
        if door.second_round(pending, opened):
            pending = msgspec.structs.replace(
                pending,
                round=2,
                candidates=tuple(self._elsewhere(one) for one in pending.candidates),
            )
            self._order(pending, _open_tasks(pending), pending.receipts, self._opened)
            return
        pending = door.decide(pending, opened)
        if pending.rule:
            self._answer_refusal(pending, pending.receipts[0])
        elif pending.seen is None:
            self._answer(pending, number="", handle=b"")
        else:
            self._number(pending)

    def _elsewhere(self, candidate: Candidate) -> Candidate:
        """The newer state in another prefecture; where there is none, the decoy here."""
        prefecture = candidate.gone_to or candidate.prefecture
        gone = candidate.gone_to in self._shelves.prefectures
        with self._shelves.of(prefecture if gone else candidate.prefecture).begin() as tx:
            if gone and people.found(tx, prefecture, candidate.locator) is not None:
                return self._candidate(tx, prefecture, candidate.locator)
        with self._shelves.of(candidate.prefecture).begin() as tx:
            return self._candidate(tx, candidate.prefecture, DECOY)

    def _number(self, pending: Pending) -> None:
        """The sector number, and for a question about changes the states before."""
        assert pending.seen is not None
        number = MakeNumber(
            receipt=pending.chosen, sector=pending.sector, root=pending.seen.now.root
        )
        tasks: list[Task] = [number]
        if pending.inquiry.kind is Kind.CHANGES:
            past = self._past(pending.candidates[pending.chosen].locator)
            tasks += [
                OpenKey(
                    receipt=pending.chosen,
                    step=f"history-{place}",
                    wrapped=one.wrapped,
                    context=one.context,
                )
                for place, one in enumerate(past)
            ]
            pending = msgspec.structs.replace(pending, candidates=tuple(past))
        self._order(pending, tuple(tasks), pending.receipts, self._numbered)

    def _past(self, locator: bytes) -> list[Candidate]:
        """All states of a person, from every prefecture that has any, oldest first."""
        states = []
        for prefecture, store in self._shelves.prefectures.items():
            with store.begin() as tx:
                states += [
                    (
                        sealed.state.version,
                        Candidate(
                            prefecture=prefecture,
                            locator=locator,
                            payload=sealed.state.payload,
                            wrapped=sealed.wrapped,
                            context=context_of(sealed.state.town, locator, sealed.state.version),
                        ),
                    )
                    for sealed in people.history(tx, prefecture, locator)
                ]
        return [candidate for _, candidate in sorted(states, key=lambda one: one[0])]

    def _numbered(self, pending: Pending, values: Sequence[bytes | None]) -> None:
        number = values[0].decode() if values[0] else ""
        candidate = pending.candidates[min(pending.chosen, len(pending.candidates) - 1)]
        if len(values) > 1:
            opened = [
                _unseal(one, key) for one, key in zip(pending.candidates, values[1:], strict=True)
            ]
            history = tuple(notice for notice in opened if notice is not None)
            pending = msgspec.structs.replace(pending, history=history)
            candidate = pending.candidates[-1]
        handle = pseudonyms.fresh_handle(
            self._seals[pending.sector],
            self._ring.door,
            pending.sector,
            locator=candidate.locator,
            prefecture=candidate.prefecture,
            on=pending.received_at.date(),
        )
        self._answer(pending, number=number, handle=handle)

    # --- answers ----------------------------------------------------------------------------

    def _answer(self, pending: Pending, *, number: str, handle: bytes) -> None:
        content = door.content(pending, number=number, handle=handle).encode()
        size = next(size for size in SIZES if len(content) < size)
        place = pending.chosen if pending.chosen < len(pending.receipts) else 0
        body = Answer(
            nonce=pending.inquiry.nonce,
            content=pad(content, size),
            receipt=pending.receipts[place],
        )
        self._send(pending.asker, body)

    def _refuse(self, pending: Pending, error: Refused) -> None:
        """Write a refusal down; it is answered with its receipt."""
        pending = msgspec.structs.replace(pending, rule=error.rule or "refused", reason=str(error))
        draft = Draft(door.refusal_leaf(pending), pending.body)
        self._stage(pending, (draft,), self._refused)

    def _refused(self, pending: Pending, receipts: tuple[Receipt, ...]) -> None:
        self._answer_refusal(pending, receipts[0])

    def _answer_refusal(self, pending: Pending, receipt: Receipt) -> None:
        body = Refusal(
            nonce=pending.inquiry.nonce,
            reason=pending.reason,
            rule=pending.rule,
            receipt=receipt,
        )
        self._send(pending.asker, body)

    def _send(self, receiver: str, body: Answer | Refusal) -> None:
        self._out.append(Message(sender=CENTRE, receiver=receiver, body=body))

    # --- groups -----------------------------------------------------------------------------

    def _stage(self, pending: Pending, drafts: tuple[Draft, ...], then: Written) -> None:
        self._staged.append(_Staged(pending, drafts, then))

    def commit(self) -> Out:
        """Write what is staged as one group, and go on with each inquiry."""
        staged, self._staged = self._staged, []
        if not staged:
            return []
        try:
            receipts = self._ledger.commit([draft for one in staged for draft in one.drafts])
        except BaseException:
            self._staged = staged + self._staged
            raise
        start = 0
        for one in staged:
            end = start + len(one.drafts)
            one.then(one.pending, tuple(receipts[start:end]))
            start = end
        return self._take_out()

    def _order(
        self,
        pending: Pending,
        tasks: tuple[Task, ...],
        receipts: tuple[Receipt, ...],
        then: Kept,
    ) -> None:
        self._ordered.append(_Ordered(pending, tasks, receipts, then))

    def _take_out(self) -> Out:
        """What is to be sent; orders to the keepers are joined into one."""
        out, self._out = self._out, []
        ordered, self._ordered = self._ordered, []
        if ordered:
            receipts: list[Receipt] = []
            tasks: list[Task] = []
            for one in ordered:
                first = len(receipts)
                receipts += one.receipts
                tasks += [
                    msgspec.structs.replace(task, receipt=first + task.receipt)
                    for task in one.tasks
                ]
            order = KeeperOrder(
                order=self._next_order, receipts=tuple(receipts), tasks=tuple(tasks)
            )
            self._orders[self._next_order] = ordered
            self._next_order += 1
            out.append(Message(sender=CENTRE, receiver=KEEPER, body=order))
        return out

    def kept(self, reply: KeeperReply) -> Out:
        """The keeper has answered; go on with each inquiry."""
        start = 0
        for one in self._orders.pop(reply.order, []):
            end = start + len(one.tasks)
            one.then(one.pending, reply.values[start:end])
            start = end
        return self._take_out()


def _open_tasks(pending: Pending) -> tuple[Task, ...]:
    return tuple(
        OpenKey(
            receipt=place,
            step=f"open-{pending.round}",
            wrapped=candidate.wrapped,
            context=candidate.context,
        )
        for place, candidate in enumerate(pending.candidates)
    )


def _unseal(candidate: Candidate, key: bytes | None) -> Notice | None:
    """The notice of a candidate; None where the keepers would not, or it was shredded."""
    if key is None:
        return None
    try:
        return open_payload(key, candidate.payload, candidate.context)
    except JukinetError:
        return None


def _heard(tx: Transaction, towns: Sequence[str]) -> datetime | None:
    """Since when the centre has not heard of a place: the town that was silent longest."""
    heard = [inbox.standing(tx, stream_name(town, CENTRE)).heard_at for town in towns]
    return datetime.fromisoformat(min(heard)) if all(heard) else None


def _reject(receiver: str, nonce: bytes, reason: str) -> Message:
    return Message(sender=CENTRE, receiver=receiver, body=Rejected(nonce=nonce, reason=reason))
