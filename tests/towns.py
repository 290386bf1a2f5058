"""Towns and what leaves them: notices and letters opened again, and a centre that only relays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import NamedTuple

import msgspec

from jukinet.feed import inbox, outbox
from jukinet.feed.link import Item, stream_name
from jukinet.keys.seal import OpenKey
from jukinet.keys.sign import SigningKey
from jukinet.law import notification as law
from jukinet.law.notice import Notice, SealedNotice
from jukinet.law.transfer import Letter
from jukinet.nodes.feeding import Sender
from jukinet.nodes.keyring import INDEX
from jukinet.nodes.letters import Posted, Relayed, open_letter, seal_letter
from jukinet.nodes.message import (
    CENTRE,
    DESK,
    Feed,
    FeedAck,
    Filed,
    Filing,
    Message,
    NotFiled,
    Out,
    Tick,
)
from jukinet.nodes.municipality import METADATA
from jukinet.nodes.pools import PoolGrant, PoolRequest
from jukinet.nodes.sealing import context_of, open_payload
from jukinet.register import book
from jukinet.wire.line import Line
from support import (
    JST,
    NOON,
    SHINJUKU,
    Town,
    fresh_codes,
    memory,
    opened_by_keepers,
    town_ring,
)

_encode = msgspec.msgpack.Encoder().encode


# --- what leaves a town -------------------------------------------------------------------------


class Told(NamedTuple):
    """A notice, sealed and opened."""

    sealed: SealedNotice
    notice: Notice


def items(town: Town) -> list[outbox.ItemRow]:
    with town.store.begin() as tx:
        return list(outbox.items(tx, town.node.to_centre))


def opened(item: Item | outbox.ItemRow) -> Told:
    sealed = msgspec.msgpack.decode(item.body, type=SealedNotice)
    context = context_of(sealed.town, sealed.locator, sealed.version)
    key = opened_by_keepers(INDEX, sealed.wrapped, context)
    return Told(sealed, open_payload(key, sealed.payload, context))


def notices(town: Town) -> list[Told]:
    """All notices that a town has put into its outbox."""
    return [opened(item) for item in items(town) if item.kind == "notice"]


def letters(town: Town) -> list[tuple[str, Letter]]:
    """All letters that a town has put into its outbox: to whom, and what."""
    found = []
    for item in items(town):
        if item.kind == "letter":
            posted = msgspec.msgpack.decode(item.body, type=Posted)
            ring = town_ring(town.centre_ring, posted.receiver)
            relayed = Relayed(sender=town.node.name, sealed=posted.sealed)
            opening = OpenKey(ring.opening)
            letter = open_letter(relayed, posted.receiver, opening, town.directory)
            found.append((posted.receiver, letter))
    return found


# --- what a town's store holds -------------------------------------------------------------------


def image(town: Town) -> bytes:
    """The whole store, byte for byte."""
    return town.store._driver.serialize()


def counts(town: Town) -> dict[str, int]:
    """The number of rows of every table."""
    tables = [rows for metadata in METADATA for rows in metadata.info["rows"]]
    with town.store.begin() as tx:
        return {rows.table.name: rows.count(tx) for rows in tables}


def homes(town: Town) -> dict[int, book.HouseholdRow]:
    with town.store.begin() as tx:
        return {row.number: row for row in book.HOUSEHOLDS.everything(tx)}


def everybody(town: Town) -> dict[int, book.Kept]:
    with town.store.begin() as tx:
        return {kept.record.number: kept for kept in book.everybody(tx)}


def later(town: Town, day: date) -> None:
    """Noon of a later day."""
    town.now = datetime.combine(day, time(12), JST)


# --- a letter that comes in ------------------------------------------------------------------------


def deliver(town: Town, letter: Letter, sender: str = SHINJUKU) -> None:
    """Hand a town a letter from another one, signed and sealed and in order."""
    ring = town_ring(town.centre_ring, sender)
    key = SigningKey(ring.signing)
    posted = seal_letter(letter, sender, town.node.name, key, town.directory)
    hand_over(town, Item(kind="letter", body=_encode(Relayed(sender=sender, sealed=posted.sealed))))


def hand_over(town: Town, *some: Item) -> Out:
    """Hand a town items of the centre's feed; what was handed over before stands in `town.fed`."""
    if not hasattr(town, "fed"):
        town.fed = memory(outbox.METADATA)
    stream = stream_name(CENTRE, town.node.name)
    with town.fed.begin() as tx:
        before = outbox.standing(tx, stream).last
        outbox.append(tx, stream, some)
        batch = outbox.batch(tx, stream, after=before, size=len(some))
    signature = SigningKey(town.centre_ring.signing).sign(batch.signed)
    body = Feed(batch=msgspec.structs.replace(batch, signature=signature))
    out = town.node.step(Message(sender=CENTRE, receiver=town.node.name, body=body), town.now)
    assert any(isinstance(m, Message) and isinstance(m.body, FeedAck) for m in out)
    return out


# --- several towns --------------------------------------------------------------------------------


class Relay:
    """A centre that only relays: it opens nothing, keeps what it was told, and can hold letters."""

    name = CENTRE

    def __init__(self, towns: list[str], signing: bytes) -> None:
        self.store = memory(inbox.METADATA, outbox.METADATA)
        self.told: list[Item] = []
        self.held: set[tuple[str, str]] = set()  # letters from one town to another wait
        self._waiting: list[tuple[str, str, Item]] = []
        key = SigningKey(signing)
        self._feeds = {
            town: Sender(
                self.store, stream_name(CENTRE, town), sender=CENTRE, receiver=town, key=key
            )
            for town in towns
        }

    def start(self, now: datetime) -> Out:
        return []

    def step(self, message: Message, now: datetime) -> Out:
        town, body = message.sender, message.body
        if isinstance(body, FeedAck):
            return self._feeds[town].acknowledged(body, now)
        if isinstance(body, Tick):
            return [one for feed in self._feeds.values() for one in feed.tick(now)]
        assert isinstance(body, Feed)
        with self.store.begin() as tx:
            new = inbox.new_items(tx, body.batch, now)
            for _, item in new.items:
                self.take(tx, town, item)
            inbox.advance(tx, new.standing)
        ack = FeedAck(stream=body.batch.stream, last=new.standing.last, gap=new.gap)
        return [Message(sender=CENTRE, receiver=town, body=ack), *self.push(now)]

    def push(self, now: datetime) -> Out:
        """What is not on the line yet."""
        return [one for feed in self._feeds.values() for one in feed.push(now)]

    def take(self, tx, town: str, item: Item | outbox.ItemRow) -> None:
        """Keep a notice, hand a letter on, grant a pool."""
        if item.kind == "notice":
            self.told.append(item)
        elif item.kind == "pool_request":
            count = msgspec.msgpack.decode(item.body, type=PoolRequest).count
            pairs = tuple(fresh_codes(count, f"{town} {len(self.told)}"))
            grant = Item(kind="pool", body=_encode(PoolGrant(pairs=pairs)))
            outbox.append(tx, stream_name(CENTRE, town), [grant])
        else:
            posted = msgspec.msgpack.decode(item.body, type=Posted)
            relayed = Item(kind="letter", body=_encode(Relayed(sender=town, sealed=posted.sealed)))
            if (town, posted.receiver) in self.held:
                self._waiting.append((town, posted.receiver, relayed))
            else:
                outbox.append(tx, stream_name(CENTRE, posted.receiver), [relayed])

    def let_go(self, sender: str, receiver: str) -> None:
        """Let go of the letters that were held."""
        self.held.discard((sender, receiver))
        with self.store.begin() as tx:
            for one, other, item in self._waiting:
                if (one, other) == (sender, receiver):
                    outbox.append(tx, stream_name(CENTRE, receiver), [item])
        self._waiting = [w for w in self._waiting if w[:2] != (sender, receiver)]


class OnLine(Town):
    """A town on a line with the relay; its desk is called like a function."""

    def __init__(self, code: str, line: Line) -> None:
        super().__init__(code, seed=code, pool=300)
        self.line = line
        self._replies = line.listen(f"{DESK} {code}")
        line.join(self.node)

    def file(self, notification: law.Notification) -> Filed | NotFiled:
        desk = f"{DESK} {self.node.name}"
        filing = Filing(notification=notification)
        self.line.post(Message(sender=desk, receiver=self.node.name, body=filing))
        self.line.run()
        (reply,) = self._replies
        self._replies.clear()
        assert isinstance(reply.body, Filed | NotFiled)
        return reply.body


class Country:
    """Some towns, a relay between them, and the time."""

    def __init__(self, *towns: str) -> None:
        self.line = Line(NOON)
        first = Town(towns[0])
        self.relay = Relay(list(towns), first.centre_ring.signing)
        self.line.join(self.relay)
        self.towns = {code: OnLine(code, self.line) for code in towns}
        self.line.run()

    def __iter__(self) -> Iterator[OnLine]:
        return iter(self.towns.values())

    def until(self, day: date) -> None:
        """Noon of a later day, everything under way delivered."""
        self.line.until(datetime.combine(day, time(12), JST))
        self.line.run()

    def hold(self, sender: Town, receiver: Town) -> None:
        """Letters of one town to another wait at the centre."""
        self.relay.held.add((sender.node.name, receiver.node.name))

    def let_go(self, sender: Town, receiver: Town) -> None:
        """They wait no more."""
        self.relay.let_go(sender.node.name, receiver.node.name)
        self._push()

    def relay_again(self, sender: Town, item: Item | outbox.ItemRow) -> None:
        """The relay hands an item on once more, by mistake."""
        with self.relay.store.begin() as tx:
            self.relay.take(tx, sender.node.name, item)
        self._push()

    def _push(self) -> None:
        self.line.post(*[m for m in self.relay.push(self.line.now) if isinstance(m, Message)])
        self.line.run()

    def believed(self) -> dict[bytes, Told]:
        """What the centre holds to be the newest state of everybody: the highest version counts."""
        newest: dict[bytes, Told] = {}
        for told in map(opened, self.relay.told):
            before = newest.get(told.sealed.locator)
            if before is None or told.sealed.version > before.sealed.version:
                newest[told.sealed.locator] = told
        return newest


__all__ = [name for name in dir() if not name.startswith("_")]
