"""Outbox: a notice is written with the entry that caused it, or not at all; no gaps.

`append` takes part in the caller's transaction, so an entry of the book and its notice commit
together. What was sent stays until it is acknowledged and after: the outbox is the town's own
proof of what it told, and the centre can be filled from it again.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import MetaData, bindparam

from jukinet.errors import OutOfStep
from jukinet.feed.link import START, Batch, Item, follow
from jukinet.store.engine import Transaction
from jukinet.store.rows import Rows, blob, integer, text

METADATA = MetaData()


class ItemRow(NamedTuple):
    """One item as it was written, with its link."""

    stream: str
    number: int
    kind: str
    body: bytes
    link: bytes


ITEMS = Rows(
    "outbox_item",
    METADATA,
    ItemRow,
    [
        text("stream", key=True),
        integer("number", key=True),
        text("kind"),
        blob("body"),
        blob("link"),
    ],
)


class Outgoing(NamedTuple):
    """Where a stream stands: the last item written, its link, the last acknowledged."""

    stream: str
    last: int
    link: bytes
    acknowledged: int


STREAMS = Rows(
    "outbox_stream",
    METADATA,
    Outgoing,
    [text("stream", key=True), integer("last"), blob("link"), integer("acknowledged")],
)

_AFTER = ITEMS.query(
    ITEMS.table.c.stream == bindparam("stream"),
    ITEMS.table.c.number > bindparam("number"),
    order_by=[ITEMS.table.c.number],
    limit=True,
)
_ALL = ITEMS.query(ITEMS.table.c.stream == bindparam("stream"), order_by=[ITEMS.table.c.number])


def standing(tx: Transaction, stream: str) -> Outgoing:
    """Where a stream stands; a new one has nothing yet."""
    return STREAMS.get(tx, stream) or Outgoing(stream, 0, START, 0)


def append(tx: Transaction, stream: str, items: Iterable[Item]) -> int:
    """Add items to a stream; the number of the last."""
    items = list(items)
    now = standing(tx, stream)
    if not items:
        return now.last
    links = follow(stream, now.last + 1, now.link, items)
    ITEMS.add(
        tx,
        *[
            ItemRow(stream, number, item.kind, item.body, one)
            for number, (item, one) in enumerate(zip(items, links, strict=True), start=now.last + 1)
        ],
    )
    STREAMS.put(tx, now._replace(last=now.last + len(items), link=links[-1]))
    return now.last + len(items)


def batch(tx: Transaction, stream: str, *, after: int, size: int) -> Batch | None:
    """The items that follow a number, at most `size` of them, unsigned; None where none do.

    Raises OutOfStep where an item is missing.
    """
    rows = _AFTER.all(tx, stream=stream, number=after, limit=size)
    if [row.number for row in rows] != list(range(after + 1, after + 1 + len(rows))):
        raise OutOfStep(f"feed {stream}: our own copy misses items after {after}; restore it")
    if not rows:
        return None
    return Batch(
        stream=stream,
        first=rows[0].number,
        items=tuple(Item(kind=row.kind, body=row.body) for row in rows),
        link=rows[-1].link,
    )


def acknowledge(tx: Transaction, stream: str, number: int) -> None:
    """The receiver has applied everything up to a number.

    Raises OutOfStep where that is more than was ever written: this copy is older than what was
    sent, and numbers that the receiver has already must not be given to other items.
    """
    now = standing(tx, stream)
    if number > now.last:
        raise OutOfStep(
            f"feed {stream}: the receiver has {number} items and we have {now.last}; our store was "
            "put back to an older state, restore a newer one"
        )
    if number > now.acknowledged:
        STREAMS.put(tx, now._replace(acknowledged=number))


def streams(tx: Transaction) -> list[Outgoing]:
    """All streams."""
    return list(STREAMS.everything(tx))


def items(tx: Transaction, stream: str) -> Iterator[ItemRow]:
    """Everything that was ever written to a stream, in order."""
    return _ALL.stream(tx, stream=stream)
