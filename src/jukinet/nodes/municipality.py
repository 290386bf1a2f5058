"""A municipality (市区町村): register and outbox in one transaction; it works alone.

Notifications that arrive together are accepted together, up to fifty in one commit; one that
arrives alone is committed at once. An entry, the records after it, and the notice that tells of it
are one transaction: a crash leaves all of them or none, and the desk asks again (the same number
is recognised). Only then does the feed go out, and what is not acknowledged goes out again.

Order of writes: the town's store alone. Nothing is told to anybody before it is committed here.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from hashlib import sha256

import msgspec

from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.feed import inbox, outbox, reconcile
from jukinet.feed.link import Batch, Item, stream_name
from jukinet.keys.chance import Chance
from jukinet.keys.seal import OpenKey, SealKey
from jukinet.keys.sign import VerifyKey
from jukinet.law import notification as law
from jukinet.law.identity import LOCATOR_BYTES, ROOT_BYTES, SEED_BYTES, Attachment
from jukinet.law.notice import Notice, Reason
from jukinet.law.record import Record
from jukinet.law.transfer import (
    Letter,
    MeasuresNotice,
    MoveInNotice,
    TransferCertificate,
    TransferRefused,
    TransferRequest,
    TransferWithdrawn,
)
from jukinet.names.era import PartialDate
from jukinet.nodes.feeding import Sender
from jukinet.nodes.keyring import Directory, TownRing, signing_key
from jukinet.nodes.letters import Relayed, open_letter, seal_letter
from jukinet.nodes.message import (
    CENTRE,
    Compare,
    Compared,
    Feed,
    FeedAck,
    Filed,
    Filing,
    Message,
    NotFiled,
    Out,
    Tick,
    Wake,
)
from jukinet.nodes.pools import PoolGrant, PoolRequest
from jukinet.nodes.sealing import seal_notice
from jukinet.numbers.individual_number import IndividualNumber
from jukinet.numbers.municipality_code import MunicipalityCode, same_city
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register import book, codes, transfers
from jukinet.register.acceptance import accept, concerned
from jukinet.register.moves import certificate_of
from jukinet.register.worksheet import Accepted, Situation
from jukinet.store.engine import Store, Transaction

GROUP_MAX = 50
POOL_LOW = 200  # a pool that falls below this asks for more
POOL_REFILL = 1000

METADATA = (
    book.METADATA,
    codes.METADATA,
    transfers.METADATA,
    outbox.METADATA,
    inbox.METADATA,
    reconcile.METADATA,
)


class Municipality:
    """One town's node."""

    def __init__(
        self, town: str, store: Store, ring: TownRing, directory: Directory, chance: Chance
    ) -> None:
        self.name = town
        self.town = MunicipalityCode(town)
        self.store = store
        self.to_centre = stream_name(town, CENTRE)
        self.from_centre = stream_name(CENTRE, town)
        self._ring = ring
        self._directory = directory
        self._chance = chance
        self._signing = signing_key(ring.signing)
        self._opening = OpenKey(ring.opening)
        self._payload_seal = SealKey(directory.payload_seal)
        self._waiting: list[tuple[str, law.Notification]] = []
        self._feed = Sender(store, self.to_centre, sender=town, receiver=CENTRE, key=self._signing)
        self._asked_for_codes = False
        self._last = book.Last(0, 0, 0, "")
        self.compared: Compared | None = None

    # --- driving --------------------------------------------------------------------------

    def start(self, now: datetime) -> Out:
        """Come up: read where the book stands, send what is not acknowledged, see what is due."""
        with self.store.begin() as tx:
            self._last = book.last(tx)
            self._refill(tx)
        return [*self._feed.start(now), *self._due(now), self._tomorrow(now)]

    def step(self, message: Message, now: datetime) -> Out:
        """One message at a time."""
        body = message.body
        if isinstance(body, Filing):
            return self._file(message.sender, body.notification, now)
        if isinstance(body, Tick):
            return self._tick(now)
        if isinstance(body, Feed):
            return self._receive(body.batch, now)
        if isinstance(body, FeedAck):
            return self._feed.acknowledged(body, now)
        if isinstance(body, Compared):
            self.compared = body
            return []
        raise Malformed(f"message: a municipality takes no {type(body).__name__}")

    def _file(self, sender: str, notification: law.Notification, now: datetime) -> Out:
        self._waiting.append((sender, notification))
        if len(self._waiting) >= GROUP_MAX:
            return self._commit_group(now)
        return [Wake(at=now)] if len(self._waiting) == 1 else []

    def _tick(self, now: datetime) -> Out:
        out = self._commit_group(now)
        out += self._feed.tick(now)
        if now.time() == time(0, 0):
            out += [*self._due(now), self._tomorrow(now)]
        return out

    def _tomorrow(self, now: datetime) -> Wake:
        return Wake(at=datetime.combine(now.date() + timedelta(days=1), time(0), now.tzinfo))

    # --- accepting ------------------------------------------------------------------------

    def _commit_group(self, now: datetime) -> Out:
        """Accept what waits, in one transaction; then answer the desks and push the feed."""
        group, self._waiting = self._waiting, []
        if not group:
            return []
        replies: list[Filed | NotFiled] = []
        before = self._last
        try:
            with self.store.begin() as tx:
                for _, notification in group:
                    replies.append(self._accept(tx, notification, now.date()))
                self._refill(tx)
        except BaseException:
            self._last = before
            raise
        answers = [
            Message(sender=self.name, receiver=sender, body=reply)
            for (sender, _), reply in zip(group, replies, strict=True)
        ]
        return [*answers, *self._feed.push(now)]

    def _accept(
        self, tx: Transaction, notification: law.Notification, today: date
    ) -> Filed | NotFiled:
        """Accept one notification in an open transaction; a refusal says why and writes nothing."""
        number = notification.filed.number
        try:
            again = book.FILINGS.get(tx, number)
            if again is not None:
                return self._again(again, notification)
            today = max(today, date.fromisoformat(self._last.day)) if self._last.day else today
            situation = self._situation(tx, notification, today)
            draw = Supply(tx, self._last, self._chance)
            accepted = accept(notification, situation, draw, first_entry=self._last.entry + 1)
        except Malformed as error:
            return NotFiled(number=number, malformed=True, reason=str(error))
        except Refused as error:
            return NotFiled(number=number, malformed=False, reason=str(error))
        self._write(tx, notification, accepted, today)
        self._last = book.Last(
            self._last.entry + len(accepted.entries),
            draw.last_person,
            draw.last_household,
            today.isoformat(),
        )
        return Filed(
            number=number,
            persons=accepted.persons,
            households=_homes(accepted),
            late=accepted.late,
            again=False,
        )

    def _again(self, row: book.FilingRow, notification: law.Notification) -> Filed:
        """The same number twice is the same notification, or a mistake of the desk's."""
        if row.content != _encode(notification):
            raise Refused(
                f"number {row.number}: another notification bears it already; give this one its own"
            )
        persons, households = _decode_persons(row.persons)
        return Filed(
            number=row.number,
            persons=persons,
            households=households,
            late=bool(row.late),
            again=True,
        )

    def _situation(self, tx: Transaction, notification: law.Notification, today: date) -> Situation:
        """What the town knows of the people and households concerned."""
        persons, homes = concerned(notification)
        cancelled: Sequence[book.Entry] = ()
        if isinstance(notification, law.Cancellation):
            filing = book.FILINGS.get(tx, notification.cancels)
            if filing is not None and not filing.cancelled_by:
                cancelled = book.entries_filed_as(tx, notification.cancels)
                persons = tuple(dict.fromkeys(entry.person for entry in cancelled))
        kept = book.records(tx, persons) if persons else {}
        around = {*homes, *(one.record.household for one in kept.values())}
        if isinstance(notification, law.Cancellation):
            around |= _former_homes(cancelled)
        if around:
            kept |= book.members(tx, around)
        on = min(notification.filed.event_date, notification.filed.notice_date)
        reread = [
            person
            for person, one in kept.items()
            if one.last_event > on or (cancelled and person in persons)
        ]
        certificates = self._certificates(tx, notification)
        return Situation(
            town=self.town,
            today=today,
            people={person: one.record for person, one in kept.items()},
            last_events={person: one.last_event for person, one in kept.items()},
            entries={person: book.entries_of(tx, person) for person in reread},
            due=_due_households(tx, around),
            certificates=certificates,
            cancelled=cancelled,
            residents=self._residents(tx, certificates.values()),
        )

    def _certificates(
        self, tx: Transaction, notification: law.Notification
    ) -> dict[str, TransferCertificate]:
        if not isinstance(notification, law.MoveIn) or notification.came_from is None:
            return {}
        return transfers.waiting(
            tx, [mover.code.digits for mover in notification.movers if mover.code]
        )

    def _residents(
        self, tx: Transaction, certificates: Iterable[TransferCertificate]
    ) -> dict[bytes, int]:
        return {
            kept.record.attachment.locator: kept.record.number
            for certificate in certificates
            for kept in book.by_locator(tx, certificate.attachment.locator)
            if kept.record.live and kept.record.attachment
        }

    def _write(
        self, tx: Transaction, notification: law.Notification, accepted: Accepted, today: date
    ) -> None:
        """Everything that an accepted notification amounts to, in one transaction."""
        number = notification.filed.number
        book.append(tx, accepted.entries)
        book.put(tx, accepted.after, accepted.last_events)
        book.put_households(tx, accepted.households)
        codes.hold(tx, accepted.bearers)
        for code in accepted.released:
            codes.release(tx, code)
        book.FILINGS.put(
            tx,
            book.FilingRow(
                number,
                accepted.entries[0].cause if accepted.entries else "",
                today.isoformat(),
                int(accepted.late),
                "",
                _encode((accepted.persons, _homes(accepted))),
                _encode(notification),
            ),
        )
        if isinstance(notification, law.Cancellation):
            cancelled = book.FILINGS.get(tx, notification.cancels)
            assert cancelled is not None
            book.FILINGS.put(tx, cancelled._replace(cancelled_by=number))
        if isinstance(notification, law.MoveIn):
            for mover in notification.movers:
                if mover.code is not None:
                    transfers.use(tx, mover.code.digits)
        self._tell(tx, accepted)

    # --- telling --------------------------------------------------------------------------

    def _tell(self, tx: Transaction, accepted: Accepted) -> None:
        """Put into the outbox what changed of the six items, and the letters to other towns."""
        items, told = [], []
        number = outbox.standing(tx, self.to_centre).last
        for person in accepted.persons:
            before, after = accepted.before.get(person), accepted.after[person]
            if not _transmits(before, after):
                continue
            number += 1
            item = self._notice(before, after, accepted.reason, accepted)
            items.append(item)
            told.append(_told(after, number, item))
        for town, letter in accepted.letters:
            sealed = seal_letter(letter, self.name, town.digits, self._signing, self._directory)
            items.append(Item(kind="letter", body=_encode(sealed)))
        if items:
            outbox.append(tx, self.to_centre, items)
            reconcile.TOLD.put(tx, *told)

    def _notice(
        self, before: Record | None, after: Record, reason: Reason, accepted: Accepted
    ) -> Item:
        assert after.attachment is not None
        event_date = max(
            entry.event_date for entry in accepted.entries if entry.person == after.number
        )
        first_told = before is None or before.attachment is None
        if first_told and reason is Reason.MOVE_IN:
            event_date = after.resident_since
        notice = Notice(
            person=after.identification,
            reason=reason,
            event_date=event_date,
            live=after.live,
            hidden=after.hidden,
            root=after.attachment.root,
        )
        came_along = first_told and after.former_town is not None
        fresh = first_told or (
            before is not None
            and before.attachment is not None
            and before.attachment.epoch != after.attachment.epoch
        )
        sealed = seal_notice(
            notice,
            town=self.name,
            attachment=after.attachment,
            version=after.version,
            fresh_chain=fresh and not came_along,
            tag_key=self._ring.tags,
            code_key=self._ring.codes,
            seal=self._payload_seal,
            chance=self._chance,
        )
        return Item(kind="notice", body=_encode(sealed))

    def _refill(self, tx: Transaction) -> None:
        """Ask for more codes ahead of need."""
        if self._asked_for_codes or codes.level(tx) >= POOL_LOW:
            return
        request = PoolRequest(count=POOL_REFILL, level=codes.level(tx))
        outbox.append(tx, self.to_centre, [Item(kind="pool_request", body=_encode(request))])
        self._asked_for_codes = True

    # --- what comes from the centre ---------------------------------------------------------

    def _receive(self, batch: Batch, now: datetime) -> Out:
        """Apply a batch from the centre: pools and letters, each once, in one transaction."""
        if batch.stream != self.from_centre:
            raise Malformed("feed: this stream is not for this town")
        before = self._last
        try:
            with self.store.begin() as tx:
                new = inbox.new_items(tx, batch, now)
                if new.items:
                    self._check_signature(batch)
                    for number, item in new.items:
                        self._apply(tx, number, item, now.date())
                    inbox.advance(tx, new.standing)
        except BaseException:
            self._last = before
            raise
        ack = FeedAck(stream=batch.stream, last=new.standing.last, gap=new.gap)
        return [Message(sender=self.name, receiver=CENTRE, body=ack), *self._feed.push(now)]

    def _check_signature(self, batch: Batch) -> None:
        try:
            VerifyKey(self._directory.centre).verify(batch.signed, batch.signature)
        except (Malformed, Refused):
            raise OutOfStep(f"feed {batch.stream}: the centre has not signed this batch") from None

    def _apply(self, tx: Transaction, number: int, item: Item, today: date) -> None:
        if item.kind == "pool":
            codes.allot(tx, _decode_grant(item.body).pairs)
            self._asked_for_codes = False
        elif item.kind == "letter":
            relayed = _decode_relayed(item.body)
            letter = open_letter(relayed, self.name, self._opening, self._directory)
            self._read(tx, letter, relayed.sender, f"letter/{relayed.sender}/{number}", today)

    def _read(
        self,
        tx: Transaction,
        letter: Letter,
        town: str,
        number: str,
        today: date,
    ) -> None:
        """Act on a letter from another town; what needs a clerk waits in the work queue."""
        if isinstance(letter, TransferCertificate):
            transfers.keep(tx, letter, town)
            self._complete(tx, letter, number, today)
        elif isinstance(letter, TransferRequest):
            self._answer_request(tx, letter, town, number, today)
        elif isinstance(letter, MoveInNotice):
            self._moved_in_elsewhere(tx, letter, town, number, today)
        elif isinstance(letter, MeasuresNotice):
            for kept in book.by_locator(tx, letter.locator)[:1]:
                arrived = law.MeasuresArrived(
                    filed=_office(number, today, today),
                    person=kept.record.number,
                    measures=letter.measures,
                )
                self._accept(tx, arrived, today)
        elif isinstance(letter, TransferWithdrawn):
            transfers.withdraw(tx, letter.locator, town)

    def _complete(
        self,
        tx: Transaction,
        certificate: TransferCertificate,
        number: str,
        today: date,
    ) -> None:
        """A certificate that came after its mover completes the record."""
        for kept in book.by_code(tx, certificate.code):
            record = kept.record
            if record.live and record.attachment is None:
                arrived = law.AttachmentArrived(
                    filed=_office(number, today, today),
                    person=record.number,
                    attachment=certificate.attachment,
                    version=certificate.version,
                    individual_number=certificate.individual_number,
                    measures=certificate.measures,
                )
                if isinstance(self._accept(tx, arrived, today), Filed):
                    transfers.use(tx, certificate.code.digits)

    def _answer_request(
        self,
        tx: Transaction,
        request: TransferRequest,
        town: str,
        number: str,
        today: date,
    ) -> None:
        """Give a certificate where a move-out is planned or done, else say that none is."""
        letter: Letter = TransferRefused(code=request.code)
        for kept in self._bearing(tx, request.code, request.birth_date):
            record = kept.record
            between_wards = same_city(self.town, MunicipalityCode(town))
            if record.live and record.planned is None and between_wards:
                # Between the wards of one city no move-out is notified (Act, art. 38).
                planned = law.MoveOut(
                    filed=_office(number, request.moved_on, today),
                    persons=(record.number,),
                    destination=MunicipalityCode(town),
                )
                self._accept(tx, planned, today)
                return  # the acceptance has put the certificate into the outbox
            if record.attachment and (record.planned or record.deleted):
                letter = certificate_of(record)
                break
        sealed = seal_letter(letter, self.name, town, self._signing, self._directory)
        outbox.append(tx, self.to_centre, [Item(kind="letter", body=_encode(sealed))])

    def _bearing(
        self, tx: Transaction, code: ResidentCode, birth_date: PartialDate
    ) -> list[book.Kept]:
        """The records that bear or bore a code and have the birth date, newest first."""
        found = book.by_code(tx, code)
        person = codes.bearer(tx, code)
        if not found and person is not None:
            found = list(book.records(tx, [person]).values())
        return [kept for kept in found if kept.record.birth_date == birth_date]

    def _moved_in_elsewhere(
        self,
        tx: Transaction,
        letter: MoveInNotice,
        town: str,
        number: str,
        today: date,
    ) -> None:
        for kept in book.by_locator(tx, letter.locator):
            if kept.record.live:
                moved = law.MovedInElsewhere(
                    filed=_office(number, letter.moved_on, today),
                    person=kept.record.number,
                    town=MunicipalityCode(town),
                )
                self._accept(tx, moved, today)

    # --- what falls due ---------------------------------------------------------------------

    def _due(self, now: datetime) -> Out:
        """Delete the records of those whose planned day of leaving the country has come."""
        before = self._last
        try:
            with self.store.begin() as tx:
                for kept in book.due(tx, now.date()):
                    planned = kept.record.planned
                    if planned is not None and planned.destination is None:
                        number = f"due/{planned.filed_as}/{kept.record.number}"
                        due = law.MoveOutDue(
                            filed=_office(number, planned.on, now.date()),
                            persons=(kept.record.number,),
                        )
                        self._accept(tx, due, now.date())
        except BaseException:
            self._last = before
            raise
        return self._feed.push(now)

    # --- reconciliation ---------------------------------------------------------------------

    def compare(self) -> Message:
        """The night's question to the centre: do you hold what I told?"""
        with self.store.begin() as tx:
            leaves = reconcile.leaves_told(tx, self._ring.reconcile)
            standing = outbox.standing(tx, self.to_centre)
        digest = reconcile.digest(leaves)
        body = Compare(town=self.name, last=standing.last, count=digest.size, root=digest.root)
        return Message(sender=self.name, receiver=CENTRE, body=body)


class Supply:
    """Fresh numbers for one acceptance (付番); they count only once the book is written."""

    def __init__(self, tx: Transaction, last: book.Last, chance: Chance) -> None:
        self.last_person = last.person
        self.last_household = last.household
        self._tx = tx
        self._chance = chance
        self._drawn = 0

    def person(self) -> int:
        """The next record number."""
        self.last_person += 1
        return self.last_person

    def household(self) -> int:
        """The next household number."""
        self.last_household += 1
        return self.last_household

    def code(self) -> tuple[ResidentCode, IndividualNumber]:
        """The next code of the pool and its individual number, or Refused where it is empty."""
        self._drawn += 1
        free = codes.free(self._tx, self._drawn)
        if len(free) < self._drawn:
            raise Refused(
                "code: this town's pool is empty; connect to the centre to have it refilled, the "
                "notification can wait (art. 30-2)"
            )
        return free[-1]

    def claim(self, code: ResidentCode) -> None:
        """Refused where a stated code belongs to a record of this town already."""
        codes.refuse_if_taken(self._tx, code)

    def attachment(self) -> Attachment:
        """A fresh locator, root and seed."""
        return Attachment(
            locator=self._chance(LOCATOR_BYTES),
            root=self._chance(ROOT_BYTES),
            epoch=0,
            seed=self.seed(),
        )

    def seed(self) -> bytes:
        """A fresh seed."""
        return self._chance(SEED_BYTES)


def _homes(accepted: Accepted) -> tuple[int, ...]:
    return tuple(accepted.after[person].household for person in accepted.persons)


def _transmits(before: Record | None, after: Record) -> bool:
    """Whether the centre is to hear of a change: one of the six items, the standing, the seal."""
    if after.attachment is None:
        return False
    if before is None or before.attachment is None:
        return after.live
    return _told_of(before) != _told_of(after)


def _told_of(record: Record) -> tuple[object, ...]:
    return (record.identification.pack(), record.live, record.hidden, record.attachment)


def _told(record: Record, number: int, item: Item) -> reconcile.Told:
    assert record.attachment is not None
    return reconcile.Told(
        record.attachment.locator, record.version, number, sha256(item.body).digest()
    )


def _office(number: str, event_date: date, today: date) -> law.Filed:
    """How a notification that another office sends is filed."""
    return law.Filed(
        number=number,
        event_date=min(event_date, today),
        notice_date=today,
        who=law.Who.OFFICE,
        proof=law.Proof.OFFICE_PAPER,
    )


def _former_homes(entries: Iterable[book.Entry]) -> set[int]:
    return {
        entry.changes.household for entry in entries if isinstance(entry.changes.household, int)
    }


def _due_households(tx: Transaction, homes: Iterable[int]) -> dict[int, date]:
    rows = book.HOUSEHOLDS.get_many(tx, "number", homes)
    return {row.number: date.fromisoformat(row.head_due) for row in rows if row.head_due}


_encode = msgspec.msgpack.Encoder().encode
_decode_persons = msgspec.msgpack.Decoder(tuple[tuple[int, ...], tuple[int, ...]]).decode
_decode_grant = msgspec.msgpack.Decoder(PoolGrant).decode
_decode_relayed = msgspec.msgpack.Decoder(Relayed).decode
