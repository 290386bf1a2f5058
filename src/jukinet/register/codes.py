"""Codes (付番): draw from the pool once, keep for life, change on request, never reuse.

The centre allots each town a pool of codes that overlaps with no other; each comes with the
individual number made from it. A town draws in the order of allotment and works alone as long as
the pool lasts. A drawn code is never free again: its row stays, with the record that bears it.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

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

_FREE = CODES.query(CODES.table.c.state == FREE, order_by=[CODES.table.c.ordinal], limit=True)
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
        for row in free_rows(tx, count)
    ]


def free_rows(tx: Transaction, count: int) -> list[CodeRow]:
    """The same, as the pool has them."""
    return _FREE.all(tx, limit=count)


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
