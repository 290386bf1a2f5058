"""Looks (閲覧の記録): each time a record was shown to somebody at a desk, before it was shown.

Rows are only added. Each bears a link over the one before it, so that none can be taken out of the
middle unseen. A search without a hit is a look at nobody (person 0). The resident reads the looks
at the own record; nobody else does but who supervises the desk.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import MetaData, bindparam, select

from jukinet.store.engine import Statement, Transaction
from jukinet.store.rows import Rows, blob, integer, text

METADATA = MetaData()
START: Final = bytes(32)
NOBODY: Final = 0


class Screen(StrEnum):
    """On what kind of screen a record was shown."""

    SEARCH = "search"  # in a list of those found
    RECORD = "record"
    HISTORY = "history"
    FORM = "form"  # while a notification was taken
    CERTIFICATE = "certificate"
    SELF = "self"  # to the resident


class LookRow(NamedTuple):
    """One look."""

    number: int
    at: str
    official: str
    person: int
    screen: str
    why: str  # said before a protected record was opened, or ""
    link: bytes

    def __repr__(self) -> str:
        return "<LookRow>"


LOOKS = Rows(
    "look",
    METADATA,
    LookRow,
    [
        integer("number", key=True),
        text("at"),
        text("official"),
        integer("person"),
        text("screen"),
        text("why"),
        blob("link"),
    ],
    indexes=[("person",)],
)

_LAST = Statement(
    select(LOOKS.table.c.number, LOOKS.table.c.link).order_by(LOOKS.table.c.number.desc()).limit(1)
)
_OF = LOOKS.query(
    LOOKS.table.c.person == bindparam("person"),
    order_by=[LOOKS.table.c.number.desc()],
    limit=True,
)
_encode = msgspec.msgpack.Encoder().encode


def note(
    tx: Transaction,
    persons: Iterable[int],
    *,
    at: datetime,
    official: str,
    screen: Screen,
    why: str = "",
) -> None:
    """Write down that some records are about to be shown; call it before they are read."""
    row = tx.one(_LAST)
    last, link = (int(row[0]), bytes(row[1])) if row else (0, START)
    rows = []
    for number, person in enumerate(persons, start=last + 1):
        said = (number, at.isoformat(timespec="seconds"), official, person, screen.value, why)
        link = link_after(link, said)
        rows.append(LookRow(*said, link))
    LOOKS.add(tx, *rows)


def link_after(link: bytes, said: tuple[object, ...]) -> bytes:
    """The link of a look: over the one before, and over what this one says."""
    return sha256(link + _encode(said)).digest()


def looks_at(tx: Transaction, person: int, *, limit: int = 200) -> list[LookRow]:
    """The looks at one record, the newest first."""
    return _OF.all(tx, person=person, limit=limit)


def broken(tx: Transaction) -> int | None:
    """The first look that does not follow from the one before, or None."""
    link = START
    for place, row in enumerate(LOOKS.everything(tx), start=1):
        link = link_after(link, tuple(row[:-1]))
        if row.number != place or row.link != link:
            return place
    return None
