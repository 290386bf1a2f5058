"""A municipality (市区町村): register and outbox in one transaction; it works alone.

Notifications that arrive together are accepted together, up to fifty in one commit; one that
arrives alone is committed at once. An entry, the records after it, and the notice that tells of it
are one transaction: a crash leaves all of them or none, and the desk asks again (the same number
is recognised). Only then does the feed go out, and what is not acknowledged goes out again.

Order of writes: the town's store alone. Nothing is told to anybody before it is committed here;
what is counted in memory goes back where the store could not commit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta

import msgspec

from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.feed import inbox, outbox, reconcile
from jukinet.feed.link import Batch, Item, stream_name
from jukinet.keys.chance import Chance
from jukinet.keys.seal import OpenKey
from jukinet.keys.sign import VerifyKey
from jukinet.law import notification as law
from jukinet.law.record import Record
from jukinet.nodes.correspondence import Letterbox
from jukinet.nodes.counter import Counter
from jukinet.nodes.feeding import Sender
from jukinet.nodes.keyring import Directory, TownRing, signing_key
from jukinet.nodes.mass_changes import MassChanges
from jukinet.nodes.message import (
    CENTRE,
    ChangeCodes,
    Compare,
    Compared,
    Feed,
    FeedAck,
    Filed,
    Filing,
    Message,
    NotFiled,
    NotGiven,
    NumberIsFresh,
    OrderCodes,
    Out,
    Tick,
    ViewKeyStands,
    Wake,
)
from jukinet.nodes.pools import GRANT_MAX, PoolGrant, PoolRequest
from jukinet.nodes.reception import DUE, Reception, by_office
from jukinet.nodes.telling import Teller
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.register import book, codes, looks, mass_change, passkeys, transfers
from jukinet.store.engine import Store, Transaction

GROUP_MAX = 50
BY_HAND_MAX = 10_000_000
POOL_REFILL = 1000  # codes to a request, or as many as last four times as long as the low mark

METADATA = (
    book.METADATA,
    codes.METADATA,
    mass_change.METADATA,
    transfers.METADATA,
    looks.METADATA,
    passkeys.METADATA,
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
        self.compared: Compared | None = None
        self._ring = ring
        self._centre_verify = VerifyKey(directory.centre)
        self._waiting: list[tuple[str, law.Notification]] = []
        self._low = codes.LOW
        signing = signing_key(ring.signing)
        self._feed = Sender(store, self.to_centre, sender=town, receiver=CENTRE, key=signing)
        self._teller = Teller(
            town, self.to_centre, ring=ring, signing=signing, directory=directory, chance=chance
        )
        self._counter = Counter(town, directory, chance)
        self._reception = Reception(self.town, frozenset(directory.towns), self._teller, chance)
        self._mass_changes = MassChanges(town, self._transaction, self._reception)
        self._letterbox = Letterbox(
            self.town,
            opening=OpenKey(ring.opening),
            directory=directory,
            reception=self._reception,
            teller=self._teller,
        )

    @property
    def set_aside(self) -> list[str]:
        """What other towns' letters ask and only a clerk can settle, since this node came up."""
        return self._letterbox.set_aside

    @property
    def counter(self) -> Counter:
        """Where view keys are given out, and fresh sector numbers asked for."""
        return self._counter

    @property
    def mass_changes(self) -> MassChanges:
        """Where many codes are changed at once."""
        return self._mass_changes

    # --- driving --------------------------------------------------------------------------

    def start(self, now: datetime) -> Out:
        """Come up: read where the book stands, send what is not acknowledged, see what is due."""
        with self._transaction(now) as tx:
            self._reception.last = book.last(tx)
            self._low = codes.low_mark(codes.drawn_a_day(tx, now.date()))
            self._refill(tx, now)
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
        if isinstance(body, OrderCodes):
            return self.ask_for_codes(body.count, now)
        if isinstance(body, ChangeCodes):
            done = self._mass_changes.go_on(body.number, body.count, now)
            reply = Message(sender=self.name, receiver=message.sender, body=done)
            return [reply, *self._feed.push(now)]
        if isinstance(body, Compared):
            self.compared = body
            return []
        if isinstance(body, ViewKeyStands | NotGiven):
            self._counter.answered(body)
        if isinstance(body, NumberIsFresh | NotGiven):
            self._counter.renewed(body)
        if isinstance(body, ViewKeyStands | NumberIsFresh | NotGiven):
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
            out += [*self._due(now), *self._look_ahead(now), self._tomorrow(now)]
        return out

    def _tomorrow(self, now: datetime) -> Wake:
        return Wake(at=datetime.combine(now.date() + timedelta(days=1), time(0), now.tzinfo))

    @contextmanager
    def _transaction(self, now: datetime) -> Iterator[Transaction]:
        """One transaction, with all it tells at its end.

        Where it fails, what was counted in memory goes back with it.
        """
        last = self._reception.last
        aside = len(self.set_aside)
        try:
            with self.store.begin() as tx:
                yield tx
                if drawn := self._reception.stock(tx).drawn:
                    codes.note(tx, now.date(), drawn=drawn)
                self._teller.write(tx)
        except BaseException:
            self._teller.forget()
            self._reception.last = last
            del self.set_aside[aside:]
            raise

    # --- accepting ------------------------------------------------------------------------

    def _commit_group(self, now: datetime) -> Out:
        """Accept what waits, in one transaction; then answer the desks and push the feed."""
        group, self._waiting = self._waiting, []
        if not group:
            return []
        replies: list[Filed | NotFiled] = []
        with self._transaction(now) as tx:
            for _, notification in group:
                replies.append(self._reception.at_desk(tx, notification, now.date()))
            self._refill(tx, now)
        answers = [
            Message(sender=self.name, receiver=sender, body=reply)
            for (sender, _), reply in zip(group, replies, strict=True)
        ]
        return [*answers, *self._feed.push(now)]

    def _refill(self, tx: Transaction, now: datetime) -> None:
        """Ask for more codes ahead of need, unless what was asked for is still to come."""
        if codes.runs_low(tx, self._low) and not codes.waits(tx):
            self._request(tx, min(max(POOL_REFILL, 4 * self._low), GRANT_MAX), now)

    def _look_ahead(self, now: datetime) -> Out:
        """Once a day: how many codes are needed ahead, at the rate of late."""
        with self._transaction(now) as tx:
            self._low = codes.low_mark(codes.drawn_a_day(tx, now.date()))
            self._refill(tx, now)
        return self._feed.push(now)

    def _request(self, tx: Transaction, count: int, now: datetime) -> None:
        request = PoolRequest(count=count, level=codes.level(tx))
        outbox.append(tx, self.to_centre, [Item(kind="pool_request", body=_encode(request))])
        codes.note(tx, now.date(), requested=count)

    def ask_for_codes(self, count: int, now: datetime) -> Out:
        """Ask the centre for codes by hand, for what lies ahead; Malformed for none or too many.

        More than one grant holds are asked for in several requests.
        """
        if not 1 <= count <= BY_HAND_MAX:
            raise Malformed(f"count: want 1 to {BY_HAND_MAX:,} codes")
        with self._transaction(now) as tx:
            for start in range(0, count, GRANT_MAX):
                self._request(tx, min(GRANT_MAX, count - start), now)
        return self._feed.push(now)

    # --- what comes from the centre ---------------------------------------------------------

    def _receive(self, batch: Batch, now: datetime) -> Out:
        """Apply a batch from the centre: pools and letters, each once, in one transaction."""
        if batch.stream != self.from_centre:
            raise Malformed("feed: this stream is not for this town")
        self._check_signature(batch)
        with self._transaction(now) as tx:
            new = inbox.new_items(tx, batch, now)
            for number, item in new.items:
                self._apply(tx, number, item, now.date())
            if new.items:
                inbox.advance(tx, new.standing)
        ack = FeedAck(stream=batch.stream, last=new.standing.last, gap=new.gap)
        return [Message(sender=self.name, receiver=CENTRE, body=ack), *self._feed.push(now)]

    def _check_signature(self, batch: Batch) -> None:
        try:
            self._centre_verify.verify(batch.signed, batch.signature)
        except (Malformed, Refused):
            raise OutOfStep(f"feed {batch.stream}: the centre has not signed this batch") from None

    def _apply(self, tx: Transaction, number: int, item: Item, today: date) -> None:
        if item.kind == "pool":
            pairs = _decode_grant(item.body).pairs
            codes.allot(tx, pairs)
            codes.note(tx, today, granted=len(pairs))
        elif item.kind == "letter":
            self._letterbox.receive(tx, item.body, number, today)

    # --- what falls due ---------------------------------------------------------------------

    def _due(self, now: datetime) -> Out:
        """Delete the records of those whose planned day of leaving the country has come."""
        with self._transaction(now) as tx:
            for kept in book.due(tx, now.date()):
                planned = kept.record.planned
                if planned is not None and planned.destination is None:
                    self._gone(tx, kept.record, planned.on, now.date())
        return self._feed.push(now)

    def _gone(self, tx: Transaction, record: Record, planned: date, today: date) -> None:
        """As of the planned day, or of today where later events stand on record."""
        number = f"{DUE}{record.number}/{record.version}"
        attempts = [
            law.MoveOutDue(filed=by_office(number, day, today), persons=(record.number,))
            for day in (planned, today)
        ]
        refused = self._reception.first_of(tx, attempts, today)
        if refused is not None:
            self.set_aside.append(f"{number}: {refused.reason}")

    # --- reconciliation ---------------------------------------------------------------------

    def compare(self) -> Message:
        """The night's question to the centre: do you hold what I told?"""
        with self.store.begin() as tx:
            leaves = reconcile.leaves_told(tx, self._ring.reconcile)
            standing = outbox.standing(tx, self.to_centre)
        digest = reconcile.digest(leaves)
        body = Compare(town=self.name, last=standing.last, count=digest.size, root=digest.root)
        return Message(sender=self.name, receiver=CENTRE, body=body)


_encode = msgspec.msgpack.Encoder().encode
_decode_grant = msgspec.msgpack.Decoder(PoolGrant).decode
