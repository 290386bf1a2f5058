"""Whereabouts (所在): in which prefecture the newest state of a locator stands.

The one table that spans prefectures, partitioned by locator: it says nothing but a prefecture.
When a person moves between prefectures the old one is told to point to the new one, so old handles
still open and an old address still finds.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import MetaData

from jukinet.store.engine import Transaction
from jukinet.store.rows import Rows, blob, integer, text

METADATA = MetaData()


class Whereabout(NamedTuple):
    """Where a locator's newest state stands."""

    locator: bytes
    version: int
    prefecture: str


WHEREABOUTS = Rows(
    "whereabout",
    METADATA,
    Whereabout,
    [blob("locator", key=True), integer("version"), text("prefecture")],
    compact=True,
)


class Left(NamedTuple):
    """A prefecture that a person has left, and where the newer state stands."""

    prefecture: str
    locator: bytes
    version: int
    gone_to: str


class Moves(NamedTuple):
    """What newer states in a prefecture mean: whom to tell, then what to write down here."""

    left: tuple[Left, ...]
    rows: tuple[Whereabout, ...]


def moves(tx: Transaction, prefecture: str, versions: Iterable[tuple[bytes, int]]) -> Moves:
    """Who moves by newer states in a prefecture: which prefectures are to be told what.

    Where the newest state stands elsewhere already, it is this prefecture that is told; of two as
    new that of the lower prefecture stands, as in `people`. Nothing is written: tell them first,
    then `note`, so that a crash between the two tells them again. Of those who left, only the last
    prefecture is named; the ones before point to it, so whoever tells it tells them as well.
    """
    news: dict[bytes, int] = {}
    for locator, version in versions:
        news[locator] = max(version, news.get(locator, -1))
    known = {row.locator: row for row in WHEREABOUTS.get_many(tx, "locator", news)}
    left, rows = [], []
    for locator, version in news.items():
        row = known.get(locator)
        if row is None or row.prefecture == prefecture:
            if row is None or version > row.version:
                rows.append(Whereabout(locator, version, prefecture))
        elif (-version, prefecture) < (-row.version, row.prefecture):
            rows.append(Whereabout(locator, version, prefecture))
            left.append(Left(row.prefecture, locator, version, prefecture))
        else:
            left.append(Left(prefecture, locator, row.version, row.prefecture))
    return Moves(tuple(left), tuple(rows))


def note(tx: Transaction, found: Moves) -> None:
    """Write down where the newest states stand, once the other prefectures have been told."""
    WHEREABOUTS.put(tx, *found.rows)
