"""Codes (付番): draw from the pool once, keep for life, change on request, never reuse.

The centre allots each town a pool of codes that overlaps with no other; each comes with the
individual number made from it. A town draws in the order of allotment and works alone as long as
the pool lasts. A drawn code is never free again: its row stays, with the record that bears it.

How many were drawn and granted is counted by day, so that the town asks ahead of need: when what
is left would not last `AHEAD_DAYS` at the rate of late. `level_of` says how it stands.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from math import ceil
from typing import NamedTuple

import msgspec
from sqlalchemy import MetaData, bindparam, func, select

from jukinet.errors import Refused
from jukinet.numbers.individual_number import IndividualNumber
from jukinet.numbers.resident_code import ResidentCode
from jukinet.store.engine import Statement, Transaction
from jukinet.store.rows import Number, Rows, integer, text

METADATA = MetaData()

FREE, HELD, FORMER = "free", "held", "former"


class CodeRow(NamedTuple):
    """A code that this town knows: free in its pool, held by a record, or held formerly."""

    code: str
    individual_number: str
    ordinal: int  # order of allotment; 0: the code came with a person
    state: str
    person: int  # 0: nobody yet

    def __repr__(self) -> str:
        return "<CodeRow>"


CODES = Rows(
    "code",
    METADATA,
    CodeRow,
    [
        text("code", key=True),
        text("individual_number"),
        integer("ordinal"),
        text("state"),
        integer("person"),
    ],
    indexes=[("state", "ordinal")],
)


class PoolDay(NamedTuple):
    """What became of a town's pool on one day: what it asked for, was granted, and drew."""

    day: str
    requests: int
    requested: int  # codes
    grants: int
    granted: int  # codes
    drawn: int


DAYS = Rows(
    "pool_day",
    METADATA,
    PoolDay,
    [
        text("day", key=True),
        integer("requests"),
        integer("requested"),
        integer("grants"),
        integer("granted"),
        integer("drawn"),
    ],
)

LOW = 200  # a pool that falls below this asks for more, however few are drawn
LOW_MAX = 5_000
AHEAD_DAYS = 14  # ... and below what these many days need at the rate of late
RATE_DAYS = 28  # how many days make the rate
BUSY_DAYS = 2  # days that make no rate
_READ_AHEAD = 64

_FREE = CODES.query(CODES.table.c.state == FREE, order_by=[CODES.table.c.ordinal], limit=True)
_NEXT = CODES.query(
    CODES.table.c.state == FREE,
    CODES.table.c.ordinal > bindparam("after", type_=Number),
    order_by=[CODES.table.c.ordinal],
    limit=True,
)
_SINCE = DAYS.query(DAYS.table.c.day > bindparam("day"), order_by=[DAYS.table.c.day])
_TOTALS = Statement(
    select(*[func.sum(DAYS.table.c[name]) for name in PoolDay._fields if name != "day"])
)
_LEVEL = Statement(select(func.count()).where(CODES.table.c.state == FREE))
_SOME = select(CODES.table.c.code).where(CODES.table.c.state == FREE)
_UP_TO = Statement(
    select(func.count()).select_from(_SOME.limit(bindparam("limit", type_=Number)).subquery())
)
_LAST = Statement(select(func.max(CODES.table.c.ordinal)))
_HELD = CODES.query(CODES.table.c.person == bindparam("person"))


class Drawn(NamedTuple):
    """A code and the individual number that belongs to it."""

    code: ResidentCode
    individual_number: IndividualNumber


class Bearer(NamedTuple):
    """A code that a record bears from now on, and the individual number beside it."""

    code: ResidentCode
    individual_number: IndividualNumber | None
    person: int


def allot(tx: Transaction, pool: Iterable[tuple[str, str]]) -> int:
    """Take in a pool from the centre: (code, individual number) in order; how many were new."""
    row = tx.one(_LAST)
    ordinal = (row[0] if row else None) or 0
    pairs = list(dict(pool).items())
    known = {row.code for row in CODES.get_many(tx, "code", [code for code, _ in pairs])}
    new = [pair for pair in pairs if pair[0] not in known]
    CODES.add(
        tx,
        *[
            CodeRow(code, number, ordinal + place, FREE, 0)
            for place, (code, number) in enumerate(new, start=1)
        ],
    )
    return len(new)


def free(tx: Transaction, count: int) -> list[Drawn]:
    """The next free codes of the pool, not yet drawn."""
    return [
        Drawn(ResidentCode(row.code), IndividualNumber(row.individual_number))
        for row in _FREE.all(tx, limit=count)
    ]


class Stock:
    """The free codes of a pool, in order, as one transaction draws them: read once for many.

    Whoever holds codes in the same transaction says so (`spent`), so that they are not drawn again.
    """

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx
        self.drawn = 0  # codes of the pool that were given to somebody
        self._rows: list[CodeRow] = []
        self._read_to = 0

    def at(self, place: int) -> CodeRow | None:
        """The free code in a place of the order, counted from 0; None where the pool ends."""
        while place >= len(self._rows):
            more = _NEXT.all(self.tx, after=self._read_to, limit=_READ_AHEAD)
            if not more:
                return None
            self._rows += more
            self._read_to = more[-1].ordinal
        return self._rows[place]

    def spent(self, held: Collection[str], drawn: Collection[str]) -> None:
        """Some codes are records' from now on; of those `drawn` came out of this stock."""
        self.drawn += sum(code in drawn for code in held)
        if held:
            self._rows = [row for row in self._rows if row.code not in held]


# --- levels ---------------------------------------------------------------------------------------


class PoolLevel(msgspec.Struct, frozen=True, kw_only=True):
    """How a town's pool stands. Nothing of a person: counts and days."""

    free: int
    low: int  # below this the town asks for more
    waiting: bool  # a request of the town's is not answered yet
    drawn_a_day: float  # of late
    days_left: float | None  # at that rate; None: nothing is drawn
    requests: int
    requested: int
    grants: int
    granted: int
    drawn: int


def note(
    tx: Transaction, day: date, *, requested: int = 0, granted: int | None = None, drawn: int = 0
) -> None:
    """Count what became of the pool on a day; `requested` and `granted` each stand for one."""
    row = DAYS.get(tx, day.isoformat()) or PoolDay(day.isoformat(), 0, 0, 0, 0, 0)
    DAYS.put(
        tx,
        row._replace(
            requests=row.requests + bool(requested),
            requested=row.requested + requested,
            grants=row.grants + (granted is not None),
            granted=row.granted + (granted or 0),
            drawn=row.drawn + drawn,
        ),
    )


def waits(tx: Transaction) -> bool:
    """Whether a request for codes is not answered yet."""
    totals = _totals(tx)
    return totals.requests > totals.grants


def drawn_a_day(tx: Transaction, today: date) -> float:
    """How many codes are drawn a day, of late: over four weeks, or since the first draw.

    The two busiest days are left out: a book that is filled, and a change of many codes at once,
    are no rate, and are asked for apart.
    """
    since = today - timedelta(days=RATE_DAYS)
    days = [row for row in _SINCE.all(tx, day=since.isoformat()) if row.drawn]
    if not days:
        return 0.0
    over = (today - date.fromisoformat(days[0].day)).days + 1
    usual = sorted(row.drawn for row in days)[:-BUSY_DAYS]
    return sum(usual) / max(1, over)


def low_mark(rate: float) -> int:
    """Below how many free codes a town asks for more, at a rate of draws a day."""
    return min(LOW_MAX, max(LOW, ceil(AHEAD_DAYS * rate)))


def level_of(tx: Transaction, today: date) -> PoolLevel:
    """How the pool stands on a day."""
    totals, left, rate = _totals(tx), level(tx), drawn_a_day(tx, today)
    return PoolLevel(
        free=left,
        low=low_mark(rate),
        waiting=totals.requests > totals.grants,
        drawn_a_day=round(rate, 3),
        days_left=round(left / rate, 1) if rate else None,
        requests=totals.requests,
        requested=totals.requested,
        grants=totals.grants,
        granted=totals.granted,
        drawn=totals.drawn,
    )


def _totals(tx: Transaction) -> PoolDay:
    row = tx.one(_TOTALS)
    return PoolDay("", *(int(one or 0) for one in row or ()))


def level(tx: Transaction) -> int:
    """How many codes are free."""
    row = tx.one(_LEVEL)
    assert row is not None
    return int(row[0])


def runs_low(tx: Transaction, below: int) -> bool:
    """Whether fewer codes than that are free; a full pool is not counted to its end."""
    row = tx.one(_UP_TO, limit=below)
    assert row is not None
    return int(row[0]) < below


def hold(
    tx: Transaction, held: Iterable[Bearer], drawn: Mapping[str, CodeRow] | None = None
) -> None:
    """Write down that records bear codes: drawn from the pool just now, or brought along.

    That a code is nobody else's has been seen to in acceptance.
    """
    wanted = {code.digits: (number, person) for code, number, person in held}
    known = dict(drawn or {})
    if unread := [code for code in wanted if code not in known]:
        known |= {row.code: row for row in CODES.get_many(tx, "code", unread)}
    rows = []
    for code, (number, person) in wanted.items():
        row = known.get(code)
        digits = number.digits if number else ""
        if row is None:
            row = CodeRow(code, digits, 0, HELD, person)
        rows.append(
            row._replace(
                state=HELD, person=person, individual_number=digits or row.individual_number
            )
        )
    CODES.put(tx, *rows)


def release(tx: Transaction, code: ResidentCode) -> None:
    """Write down that a record bears a code no more; nobody ever will again."""
    row = CODES.get(tx, code.digits)
    if row is not None:
        CODES.put(tx, row._replace(state=FORMER))


def bearer(tx: Transaction, code: ResidentCode) -> int | None:
    """The record that bears or bore a code, or None where it is free or unknown here."""
    row = CODES.get(tx, code.digits)
    return row.person if row is not None and row.person else None


def formerly(tx: Transaction, person: int) -> list[ResidentCode]:
    """The codes that a record bore before its present one (旧住民票コード)."""
    return [ResidentCode(row.code) for row in _HELD.all(tx, person=person) if row.state == FORMER]


def bearers(tx: Transaction, codes: Iterable[ResidentCode]) -> dict[str, int]:
    """The records that bear or bore some codes, by their digits."""
    rows = CODES.get_many(tx, "code", [code.digits for code in codes])
    return {row.code: row.person for row in rows if row.person}


def refuse_if_taken(tx: Transaction, code: ResidentCode) -> None:
    """Refused where a stated code already belongs to a record of this town."""
    person = bearer(tx, code)
    if person is not None:
        raise belongs_already(person)


def belongs_already(person: int) -> Refused:
    """The refusal of a stated code that a record of this town bears or bore."""
    return Refused(
        f"code: it belongs to record {person} of this town already; "
        "look at that record, or leave the code out to have one drawn (art. 30-3)"
    )
