"""Generations (符号の世代): who has other sector numbers than at first, and who is one with whom.

A person's numbers are made from the root and a generation, which is 0 for almost everybody. Each
wish for a fresh number, for one affair or for all, makes it greater by one; handles of the
generation before lead nowhere then. Where two records turn out to be of one person, the one leads
to the other: its handles lead there, and its numbers count no more.

Both are few beside the population, and are read into memory when the centre comes up.
"""

from typing import Final, NamedTuple

from sqlalchemy import MetaData

from jukinet.errors import Refused
from jukinet.store.engine import Store
from jukinet.store.rows import Rows, blob, integer, text

METADATA = MetaData()
EVERY: Final = ""
"""In the place of a sector: all of them."""


class Generation(NamedTuple):
    """How often a person has wanted fresh numbers, in one sector or in all."""

    locator: bytes
    sector: str
    generation: int

    def __repr__(self) -> str:
        """Shows nobody."""
        return "<Generation>"


GENERATIONS = Rows(
    "generation",
    METADATA,
    Generation,
    [blob("locator", key=True), text("sector", key=True), integer("generation")],
    compact=True,
)


class Merged(NamedTuple):
    """A record that has become one with another, and where that one stood then."""

    locator: bytes
    kept: bytes
    prefecture: str

    def __repr__(self) -> str:
        """Shows nobody."""
        return "<Merged>"


MERGED = Rows(
    "merged",
    METADATA,
    Merged,
    [blob("locator", key=True), blob("kept"), text("prefecture")],
    compact=True,
)


class Generations:
    """All of them, in memory, as the national store has them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._of: dict[tuple[bytes, str], int] = {}
        self._merged: dict[bytes, Merged] = {}
        with store.begin() as tx:
            for row in GENERATIONS.everything(tx):
                self._of[row.locator, row.sector] = row.generation
            for merged in MERGED.everything(tx):
                self._merged[merged.locator] = merged

    def of(self, locator: bytes, sector: str) -> int:
        """The generation of a person's number in a sector."""
        if not self._of:
            return 0
        return self._of.get((locator, sector), 0) + self._of.get((locator, EVERY), 0)

    def renew(self, locator: bytes, sector: str) -> int:
        """One generation more, in one sector or in all of them; durable when it returns."""
        row = Generation(locator, sector, self._of.get((locator, sector), 0) + 1)
        with self._store.begin() as tx:
            GENERATIONS.put(tx, row)
        self._of[locator, sector] = row.generation
        return row.generation

    def merge(self, locator: bytes, kept: bytes, prefecture: str) -> None:
        """A record has become one with another; durable when it returns."""
        row = Merged(locator, kept, prefecture)
        with self._store.begin() as tx:
            MERGED.put(tx, row)
        self._merged[locator] = row

    def part(self, locator: bytes) -> None:
        """A record lives again by itself: it leads nowhere any more; durable when it returns."""
        if locator in self._merged:
            with self._store.begin() as tx:
                MERGED.remove(tx, locator)
            del self._merged[locator]

    def refuse_circle(self, locator: bytes, kept: bytes) -> None:
        """Refused where a record is one with another one already, or with itself."""
        end, now = self.kept(kept), self._merged.get(locator)
        circle = locator == kept or (end is not None and end.kept == locator)
        if circle or (now is not None and now.kept != kept):
            raise Refused("merge: this record is one with another already")

    def kept(self, locator: bytes) -> Merged | None:
        """The record that one has become one with, at the end of all mergers, if any."""
        found = self._merged.get(locator)
        while found is not None and found.kept in self._merged:
            found = self._merged[found.kept]
        return found
