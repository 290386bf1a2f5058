"""Relay (中継): letters between towns, handed on by the centre exactly once.

The letter goes into the receiving town's feed together with a note of where it came from, in one
transaction of the receiver's prefecture; only then does the sender's feed count as applied. A
batch that comes again finds the note and adds nothing.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import MetaData

from jukinet.feed import outbox
from jukinet.feed.link import Item
from jukinet.store.engine import Transaction
from jukinet.store.rows import Rows, integer, text

METADATA = MetaData()


class Handed(NamedTuple):
    """An item of a town's feed that has been handed on."""

    stream: str
    number: int


HANDED = Rows(
    "handed_on",
    METADATA,
    Handed,
    [text("stream", key=True), integer("number", key=True)],
    compact=True,
)


def handed(tx: Transaction, source: Handed) -> bool:
    """Whether something was handed on account of an item."""
    return HANDED.get(tx, *source) is not None


def hand_on(tx: Transaction, source: Handed, stream: str, items: Iterable[Item]) -> bool:
    """Put items into a feed on account of another feed's item; False where that was done before."""
    if handed(tx, source):
        return False
    HANDED.add(tx, source)
    outbox.append(tx, stream, items)
    return True
