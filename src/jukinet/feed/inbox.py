"""Inbox: apply each item once, in order; ask for a gap, never guess it.

The inbox keeps the number and link of the last item applied, in the same transaction as what the
item did. So a repeated batch is recognised, one that starts too far on is answered with the number
that is wanted, and one that does not follow from what was received is refused.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import MetaData

from jukinet.errors import OutOfStep
from jukinet.feed.link import START, Batch, Item, check, refuse_fork
from jukinet.store.engine import Transaction
from jukinet.store.rows import Rows, blob, integer, text

METADATA = MetaData()


class Incoming(NamedTuple):
    """Where a stream stands at its receiver."""

    stream: str
    last: int
    link: bytes
    heard_at: str


STREAMS = Rows(
    "inbox_stream",
    METADATA,
    Incoming,
    [text("stream", key=True), integer("last"), blob("link"), text("heard_at")],
)


class New(NamedTuple):
    """What of a batch is new, and where the stream stands once it is applied."""

    items: tuple[tuple[int, Item], ...]  # numbered
    standing: Incoming
    gap: bool  # the batch starts too far on; ask again from `standing.last`


def standing(tx: Transaction, stream: str) -> Incoming:
    """Where a stream stands; nothing was heard of a new one."""
    return STREAMS.get(tx, stream) or Incoming(stream, 0, START, "")


def new_items(tx: Transaction, batch: Batch, now: datetime) -> New:
    """The items of a batch that have not been applied yet.

    Raises OutOfStep where the chain does not follow. Apply the items, then `advance`. Whether the
    sender signed the batch is for the caller to see, before anything of it is applied.
    """
    before = standing(tx, batch.stream)
    if batch.first < 1 or not batch.items:
        raise OutOfStep(f"feed {batch.stream}: a batch has items, and the first ever is number 1")
    if batch.first > before.last + 1:
        return New((), before, gap=True)
    skip = before.last + 1 - batch.first
    if skip >= len(batch.items):
        if batch.last == before.last:
            refuse_fork(batch, before.link)
        return New((), before, gap=False)
    last = check(batch, before.link, skip=skip)
    numbered = tuple(enumerate(batch.items[skip:], start=before.last + 1))
    heard_at = max(before.heard_at, now.isoformat())  # a clock that was put back changes no order
    return New(numbered, Incoming(batch.stream, batch.last, last, heard_at), gap=False)


def advance(tx: Transaction, now: Incoming) -> None:
    """Write down that a stream has been applied up to a number."""
    STREAMS.put(tx, now)


def streams(tx: Transaction) -> list[Incoming]:
    """All streams."""
    return list(STREAMS.everything(tx))
