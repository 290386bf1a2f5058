"""The feed on a bad line: whatever is lost, doubled, reordered, altered or killed, once and in order.

A sender with two streams, a receiver, and between them a line that does what it likes. Both ends
crash before or after a commit, and then know only what is in their stores. What must hold all the
time is written as invariants; at the end the line is good again, and everything must arrive.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import MetaData

from jukinet.errors import OutOfStep, Refused
from jukinet.feed import inbox, outbox
from jukinet.feed.link import START, Batch, Item, follow
from jukinet.keys.sign import SigningKey
from jukinet.store.engine import Store, Transaction
from jukinet.store.rows import Rows, blob, integer, text
from support import memory

NOON = datetime(2026, 4, 1, 12, tzinfo=timezone(timedelta(hours=9)))
STREAMS = ("131016>centre", "131016>131041")
SENDER = SigningKey(b"s" * 32)
FORGER = SigningKey(b"f" * 32)
METADATA = MetaData()


class Applied(NamedTuple):
    """What an item did at the receiver, or what caused it at the sender."""

    stream: str
    number: int
    kind: str
    body: bytes


def table(name: str) -> Rows[Applied]:
    columns = [text("stream", key=True), integer("number", key=True), text("kind"), blob("body")]
    return Rows(name, METADATA, Applied, columns)


CAUSES, APPLIED = table("cause"), table("applied")


class Crash(Exception):
    """The process is killed here."""


class Ack(NamedTuple):
    stream: str
    last: int
    gap: bool


class Sender:
    """As a node does it: it pushes what was not put on the line, and again from what is acked."""

    def __init__(self) -> None:
        self.store = memory(outbox.METADATA, METADATA)
        self.sent = dict.fromkeys(STREAMS, 0)

    def write(self, stream: str, items: list[Item], crash: str) -> None:
        """Something happens, and is told: in one transaction."""
        with self.store.begin() as tx:
            first = outbox.standing(tx, stream).last + 1
            causes = [Applied(stream, n, *_fields(item)) for n, item in enumerate(items, first)]
            CAUSES.add(tx, *causes)
            outbox.append(tx, stream, items)
            if crash == "before":
                raise Crash
        if crash == "after":
            raise Crash

    def push(self, stream: str, size: int) -> Batch | None:
        with self.store.begin() as tx:
            batch = outbox.batch(tx, stream, after=self.sent[stream], size=size)
        if batch is not None:
            self.sent[stream] = batch.last
            batch = msgspec.structs.replace(batch, signature=SENDER.sign(batch.signed))
        return batch

    def acknowledged(self, ack: Ack, crash: str) -> None:
        with self.store.begin() as tx:
            outbox.acknowledge(tx, ack.stream, ack.last)
            if crash == "before":
                raise Crash
        if crash == "after":
            raise Crash
        if ack.gap:
            self.start(ack.stream)

    def start(self, *streams: str) -> None:
        """Begin again from what is acknowledged: after a crash, a gap, or a long silence."""
        with self.store.begin() as tx:
            for stream in streams or STREAMS:
                self.sent[stream] = outbox.standing(tx, stream).acknowledged


class Receiver:
    """As a node does it: new items, signature, what they do, how far it is; all or nothing."""

    def __init__(self) -> None:
        self.store = memory(inbox.METADATA, METADATA)

    def receive(self, batch: Batch, crash: str) -> Ack:
        with self.store.begin() as tx:
            new = inbox.new_items(tx, batch, NOON)
            if new.items:
                _verify(batch)
                rows = [Applied(batch.stream, n, *_fields(item)) for n, item in new.items]
                APPLIED.add(tx, *rows)
                inbox.advance(tx, new.standing)
            if crash == "before":
                raise Crash
        if crash == "after":
            raise Crash
        return Ack(batch.stream, new.standing.last, new.gap)


def _fields(item: Item) -> tuple[str, bytes]:
    return item.kind, item.body


def _verify(batch: Batch) -> None:
    try:
        SENDER.public.verify(batch.signed, batch.signature)
    except Refused:
        raise OutOfStep("not signed") from None


def rows_of(store: Store, rows: Rows[Applied], stream: str) -> list[Item]:
    """The items of a stream in a table, whose numbers must be 1, 2, 3, ..."""

    def read(tx: Transaction) -> list[Applied]:
        return [row for row in rows.everything(tx) if row.stream == stream]

    with store.begin() as tx:
        found = read(tx)
    assert [row.number for row in found] == list(range(1, len(found) + 1))
    return [Item(kind=row.kind, body=row.body) for row in found]


streams = st.sampled_from(STREAMS)
items = st.builds(Item, kind=st.sampled_from(["notice", "letter"]), body=st.binary(max_size=2))
crashes = st.sampled_from(["", "", "", "before", "after"])
places = st.integers(0, 99)
sizes = st.integers(1, 5)


class Feed(RuleBasedStateMachine):
    """Two nodes and a line."""

    @initialize()
    def begin(self) -> None:
        self.sender, self.receiver = Sender(), Receiver()
        self.line: list[bytes] = []
        self.acks: list[Ack] = []
        self.written: dict[str, list[Item]] = {stream: [] for stream in STREAMS}
        self.seen = dict.fromkeys(STREAMS, 0)  # the highest acknowledgement that ever left

    # --- the sender

    @rule(stream=streams, some=st.lists(items, max_size=4), crash=crashes)
    def write(self, stream: str, some: list[Item], crash: str) -> None:
        try:
            self.sender.write(stream, some, crash)
        except Crash:
            self.sender.start()
        if crash != "before":
            self.written[stream] += some

    @rule(stream=streams, size=sizes)
    def push(self, stream: str, size: int) -> None:
        batch = self.sender.push(stream, size)
        if batch is not None:
            self.line.append(msgspec.msgpack.encode(batch))

    @rule()
    def send_again(self) -> None:
        self.sender.start()

    @precondition(lambda self: self.acks)
    @rule(place=places, stays=st.booleans(), crash=crashes)
    def acknowledge(self, place: int, stays: bool, crash: str) -> None:
        ack = self.acks[place % len(self.acks)]
        if not stays:
            self.acks.remove(ack)
        try:
            self.sender.acknowledged(ack, crash)
        except Crash:
            self.sender.start()

    # --- the receiver

    def receive(self, batch: Batch, crash: str = "") -> Ack | None:
        """Give a batch to the receiver; None where it crashed."""
        try:
            ack = self.receiver.receive(batch, crash)
        except Crash:
            return None
        with self.receiver.store.begin() as tx:
            assert ack.last == inbox.standing(tx, batch.stream).last
        self.acks.append(ack)
        self.seen[batch.stream] = max(self.seen[batch.stream], ack.last)
        return ack

    def last(self, stream: str) -> int:
        with self.receiver.store.begin() as tx:
            return inbox.standing(tx, stream).last

    @precondition(lambda self: self.line)
    @rule(place=places, stays=st.booleans(), crash=crashes)
    def deliver(self, place: int, stays: bool, crash: str) -> None:
        """Any batch that is under way, and perhaps once more later."""
        place %= len(self.line)
        batch = _batch(self.line[place] if stays else self.line.pop(place))
        before = self.last(batch.stream)
        ack = self.receive(batch, crash)
        if ack is not None:
            assert ack.gap == (batch.first > before + 1)
            assert ack.last == (before if ack.gap else max(before, batch.last))

    # --- the line

    @precondition(lambda self: self.line)
    @rule(place=places)
    def lose_batch(self, place: int) -> None:
        self.line.pop(place % len(self.line))

    @precondition(lambda self: self.acks)
    @rule(place=places)
    def lose_acknowledgement(self, place: int) -> None:
        self.acks.pop(place % len(self.acks))

    @precondition(lambda self: self.line)
    @rule(place=places, cut=st.integers(1, 200))
    def truncate_bytes(self, place: int, cut: int) -> None:
        """Half a message is no message."""
        with pytest.raises(msgspec.MsgspecError):
            _batch(self.line[place % len(self.line)][:-cut])

    @precondition(lambda self: self.line)
    @rule(place=places, how=st.integers(0, 7), at=places, forged=items, linked=st.booleans())
    def deliver_altered(self, place: int, how: int, at: int, forged: Item, linked: bool) -> None:
        """A batch that is not what was sent is refused, or nothing of it is new; by no means more.

        A clever forger makes the link fit what is in it; then it is the signature that does not.
        """
        batch = _batch(self.line[place % len(self.line)])
        altered = _altered(batch, how, at % len(batch.items), forged)
        if linked and altered.items:
            known = self.written[altered.stream][: altered.first - 1]
            whole = [*known, *altered.items]
            link = follow(altered.stream, 1, START, whole)[-1]
            altered = msgspec.structs.replace(altered, link=link)
        if altered == batch:
            return
        before = {stream: self.last(stream) for stream in STREAMS}
        applies = altered.first <= before[altered.stream] + 1 <= altered.last
        try:
            self.receive(altered)
        except OutOfStep:
            applies = False
        if applies:  # then only items that were known already were altered
            SENDER.public.verify(altered.signed, altered.signature)
            assert (altered.link, altered.last) == (batch.link, batch.last)
        else:
            assert before == {stream: self.last(stream) for stream in STREAMS}

    @rule(stream=streams, back=st.integers(1, 5), more=st.lists(items, min_size=1, max_size=9))
    def fork(self, stream: str, back: int, more: list[Item]) -> None:
        """A copy of the sender that was put back writes other items under numbers in use."""
        last = self.last(stream)
        if not last:
            return
        kept = self.written[stream][: max(0, last - back)]
        forked = [*kept, *more]
        if forked[:last] == self.written[stream][: len(forked)][:last]:
            return  # it differs, if at all, only beyond what was received: nobody could tell
        batch = Batch(
            stream=stream,
            first=len(kept) + 1,
            items=tuple(more),
            link=follow(stream, 1, START, forked)[-1],
        )
        batch = msgspec.structs.replace(batch, signature=SENDER.sign(batch.signed))
        if batch.last >= last:
            with pytest.raises(OutOfStep):
                self.receiver.receive(batch, "")
        else:
            assert self.receiver.receive(batch, "").last == last
        assert self.last(stream) == last

    # --- what must hold

    @invariant()
    def each_item_was_applied_once_in_order(self) -> None:
        for stream in STREAMS:
            applied = rows_of(self.receiver.store, APPLIED, stream)
            assert applied == self.written[stream][: len(applied)]
            with self.receiver.store.begin() as tx:
                standing = inbox.standing(tx, stream)
            assert standing.last == len(applied)
            assert standing.link == ([START, *follow(stream, 1, START, applied)])[-1]

    @invariant()
    def what_was_told_is_what_happened(self) -> None:
        for stream in STREAMS:
            assert rows_of(self.sender.store, CAUSES, stream) == self.written[stream]
            with self.sender.store.begin() as tx:
                told = [Item(kind=r.kind, body=r.body) for r in outbox.items(tx, stream)]
                assert outbox.standing(tx, stream).last == len(told)
            assert told == self.written[stream]

    @invariant()
    def no_acknowledgement_passes_what_was_applied(self) -> None:
        for stream in STREAMS:
            with self.sender.store.begin() as tx:
                acknowledged = outbox.standing(tx, stream).acknowledged
            assert acknowledged <= self.seen[stream] <= self.last(stream)

    def teardown(self) -> None:
        """The line is good again: sending again from what is acknowledged brings everything."""
        if not hasattr(self, "sender"):
            return
        self.sender.start()
        for stream in STREAMS:
            while (batch := self.sender.push(stream, 3)) is not None:
                ack = self.receive(_batch(msgspec.msgpack.encode(batch)))
                self.sender.acknowledged(ack, "")
            with self.sender.store.begin() as tx:
                standing = outbox.standing(tx, stream)
            assert standing.acknowledged == standing.last == len(self.written[stream])
            assert rows_of(self.receiver.store, APPLIED, stream) == self.written[stream]
        self.sender.store.close()
        self.receiver.store.close()


def _batch(encoded: bytes) -> Batch:
    return msgspec.msgpack.decode(encoded, type=Batch)


def _altered(batch: Batch, how: int, at: int, forged: Item) -> Batch:
    changed = list(batch.items)
    match how:
        case 0:
            changed[at] = forged
        case 1:
            changed.insert(at, forged)
        case 2:
            del changed[at]
        case 3:
            changed.reverse()
        case 4:
            changed = changed[: at + 1]
    alterations = {
        5: {"first": batch.first + 1 - 2 * (at % 2)},
        6: {"stream": STREAMS[STREAMS[0] == batch.stream]},
        7: {"signature": FORGER.sign(batch.signed)},
    }
    return msgspec.structs.replace(batch, items=tuple(changed), **alterations.get(how, {}))


TestFeed = Feed.TestCase
TestFeed.settings = settings(
    max_examples=120,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.long
class TestFeedForLong(Feed.TestCase):
    """The same for minutes."""

    settings = settings(TestFeed.settings, max_examples=3000, stateful_step_count=80)
