"""Inspection (検査): how those who check the whole read the index, and nothing else of it.

The index is the centre's own; tasks that verify it, attack it or back it up read it through these
functions alone. Whoever inspects brings the reading (`Read`: from a table to its rows), so that a
damaged file can be read as far as it goes; nothing here writes, and no table is handed out.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar

from jukinet.index.generations import GENERATIONS, MERGED, Generation, Merged
from jukinet.index.numbering import (
    ALLOTMENTS,
    CODE_DIGITS,
    CODES_IN_USE,
    Allotment,
    CodeInUse,
    individual_numbers,
)
from jukinet.index.people import (
    PEOPLE,
    RESIDENCES,
    STATES,
    TAGS,
    WRAPPED,
    Person,
    Residence,
    State,
    Tag,
    WrappedKey,
)
from jukinet.index.whereabouts import WHEREABOUTS, Whereabout
from jukinet.keys.ff1 import FF1
from jukinet.nodes.centre.decoy import DECOY, nobody
from jukinet.store.rows import Rows

T = TypeVar("T", bound=tuple[Any, ...])


class Read(Protocol):
    """A reading of one table: its rows, in the order of their keys."""

    def __call__(self, table: Rows[T], /) -> Iterator[T]: ...


def states(read: Read) -> Iterator[State]:
    """Every notice that a prefecture holds."""
    return read(STATES)


def wrapped_keys(read: Read) -> Iterator[WrappedKey]:
    """The key of every notice that has not been shredded."""
    return read(WRAPPED)


def residences(read: Read) -> Iterator[Residence]:
    """What each town of a prefecture last told of each person."""
    return read(RESIDENCES)


def people(read: Read) -> Iterator[Person]:
    """Where each person's newest state stands, as a prefecture knows it."""
    return read(PEOPLE)


def tags(read: Read) -> Iterator[Tag]:
    """Every tag of a prefecture and the locator that it leads to."""
    return read(TAGS)


def whereabouts(read: Read) -> Iterator[Whereabout]:
    """In which prefecture each person's newest state stands."""
    return read(WHEREABOUTS)


def codes_in_use(read: Read) -> Iterator[CodeInUse]:
    """The tags of all codes in use."""
    return read(CODES_IN_USE)


def allotments(read: Read) -> Iterator[Allotment]:
    """How far the codes have been given out."""
    return read(ALLOTMENTS)


def generations(read: Read) -> Iterator[Generation]:
    """Who has wanted fresh numbers, and how often."""
    return read(GENERATIONS)


def merged(read: Read) -> Iterator[Merged]:
    """Which records have become one with others."""
    return read(MERGED)


def positions(codes: Sequence[str], pool_key: bytes) -> list[int]:
    """The place of each code in the order in which the centre gives them out."""
    tens = [int(code[:CODE_DIGITS]) for code in codes]
    return FF1(pool_key).decrypt_many(tens, CODE_DIGITS) if tens else []


__all__ = [
    "DECOY",
    "Allotment",
    "CodeInUse",
    "Generation",
    "Merged",
    "Person",
    "Read",
    "Residence",
    "State",
    "Tag",
    "Whereabout",
    "WrappedKey",
    "allotments",
    "codes_in_use",
    "generations",
    "individual_numbers",
    "merged",
    "nobody",
    "people",
    "positions",
    "residences",
    "states",
    "tags",
    "whereabouts",
    "wrapped_keys",
]
