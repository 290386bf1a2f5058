"""Feeds: every link is made again from the first item on, on both sides of the line.

The sender's row of a stream must stand at its last item; the receiver's at an item whose link is
the sender's; and nothing may be acknowledged that has not been applied. What the receiver has not
applied yet is under way: that is counted, and is no finding.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from jukinet.feed import inbox, outbox
from jukinet.feed.inbox import Incoming
from jukinet.feed.link import START, Item, link
from jukinet.feed.outbox import ItemRow
from jukinet.tasks.verifying.stores import Shelf

NO_LINK = b""


class Stream(NamedTuple):
    """A stream as its sender has it: all links in order, and what is acknowledged."""

    links: list[bytes]  # NO_LINK where an item is missing
    acknowledged: int

    @property
    def last(self) -> int:
        """The number of the last item."""
        return len(self.links)


def follow_streams(shelf: Shelf, take: Callable[[ItemRow], None]) -> dict[str, Stream]:
    """Every stream of an outbox, its links made again; `take` is given each item."""
    links: dict[str, list[bytes]] = {}
    for row in shelf.rows(outbox.ITEMS):
        known = links.setdefault(row.stream, [])
        number = len(known) + 1
        if row.number < number:
            shelf.note(_item(row.stream, row.number), "is numbered below the first")
            continue
        if row.number > number:
            last = f" to {row.number - 1}" * (row.number > number + 1)
            about = _item(row.stream, number) + last
            shelf.note(about, "is missing: items are numbered without a gap")
            known += [NO_LINK] * (row.number - number)
        before = known[-1] if known else START
        item = Item(kind=row.kind, body=row.body)
        if before != NO_LINK and link(row.stream, row.number, before, item) != row.link:
            shelf.note(_item(row.stream, row.number), "its link is not what the item makes")
        known.append(row.link)
        take(row)
    return _standings(shelf, links)


def _standings(shelf: Shelf, links: dict[str, list[bytes]]) -> dict[str, Stream]:
    """The rows of the streams against their items."""
    rows = shelf.all_of(outbox.STREAMS, lambda row: row.stream)
    for stream in sorted({*rows, *links}):
        row, known = rows.get(stream), links.get(stream, [])
        if row is None:
            shelf.note(f"stream {stream}", "has items, and its row is missing")
        elif (row.last, row.link) != (len(known), known[-1] if known else START):
            shelf.note(f"stream {stream}", "its row does not stand at its last item")
        elif not 0 <= row.acknowledged <= row.last:
            shelf.note(f"stream {stream}", "more is acknowledged than was written")
    return {
        stream: Stream(known, rows[stream].acknowledged if stream in rows else 0)
        for stream, known in links.items()
    }


def read_inbox(shelf: Shelf, streams: Iterable[str]) -> dict[str, Incoming]:
    """Where the streams stand at their receiver; there are no others."""
    rows = shelf.all_of(inbox.STREAMS, lambda row: row.stream)
    for stream in sorted({*rows} - {*streams}):
        shelf.note(f"stream {stream}", "comes from nobody who sends here")
    for stream, row in rows.items():
        with shelf.findings.reading(shelf.place, f"stream {stream}", "its time cannot be read"):
            if datetime.fromisoformat(row.heard_at).tzinfo is None:
                raise ValueError
    return rows


def check_received(shelf: Shelf, stream: str, sent: Stream, row: Incoming | None) -> int:
    """The receiver's side of a stream; how many items it has applied."""
    applied = row.last if row else 0
    if not 0 <= applied <= sent.last:
        shelf.note(f"stream {stream}", "more is applied than its sender has written")
    elif row is not None and row.link != (sent.links[applied - 1] if applied else START):
        shelf.note(f"stream {stream}", "its link is not the sender's of that number")
    if sent.acknowledged > applied:
        shelf.note(f"stream {stream}", "less is applied than its sender was told")
    shelf.findings.counts["items_under_way"] += max(0, sent.last - applied)
    return applied


def _item(stream: str, number: int) -> str:
    return f"item {number} of {stream}"
