"""The book (台帳): the tables in which entries stand, and what they amount to today.

Rows of `entry` are only added. The tables `record`, `household` and `filing` are what the entries
amount to today, kept so that a desk need not fold; `verify` folds and compares. How a record comes
from entries, as of any day and as known on any day, says `entries`.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

import msgspec
from sqlalchemy import MetaData, bindparam, func, select

from jukinet.law.record import Record
from jukinet.names.match import kana_key, name_key
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register.entries import Changes as Changes
from jukinet.register.entries import Entry as Entry
from jukinet.register.entries import EntryKind as EntryKind
from jukinet.register.entries import apply as apply
from jukinet.register.entries import fold as fold
from jukinet.register.households import Household
from jukinet.store.engine import Statement, Transaction
from jukinet.store.rows import Rows, blob, integer, text

METADATA = MetaData()


class EntryRow(NamedTuple):
    """An entry as stored."""

    number: int
    person: int
    kind: str
    cause: str
    event_date: str
    notice_date: str
    recorded_on: str
    filed_as: str
    version: int
    content: bytes  # (reverses, changes)

    def __repr__(self) -> str:
        return "<EntryRow>"


ENTRIES = Rows(
    "entry",
    METADATA,
    EntryRow,
    [
        integer("number", key=True),
        integer("person"),
        text("kind"),
        text("cause"),
        text("event_date"),
        text("notice_date"),
        text("recorded_on"),
        text("filed_as"),
        integer("version"),
        blob("content"),
    ],
    indexes=[("person",), ("filed_as",)],
)


class RecordRow(NamedTuple):
    """Today's record of a person, and what a desk finds it by."""

    person: int
    live: int
    household: int
    code: str
    locator: bytes
    name_key: str
    kana_key: str
    birth_date: str
    planned_on: str  # "" or the day of a planned move-out
    measures_until: str  # "" or the last day of a support measure that hides the person
    last_event: str
    state: bytes

    def __repr__(self) -> str:
        return "<RecordRow>"


RECORDS = Rows(
    "record",
    METADATA,
    RecordRow,
    [
        integer("person", key=True),
        integer("live"),
        integer("household"),
        text("code"),
        blob("locator"),
        text("name_key"),
        text("kana_key"),
        text("birth_date"),
        text("planned_on"),
        text("measures_until"),
        text("last_event"),
        blob("state"),
    ],
    indexes=[
        ("household",),
        ("code",),
        ("locator",),
        ("kana_key", "birth_date"),
        ("name_key",),
        ("planned_on",),
    ],
)


class HouseholdRow(NamedTuple):
    """A household as it stands today."""

    number: int
    head: int | None
    members: int
    head_due: str  # "" or the day by which a head is to be named
    last_event: str  # the latest event on which anybody came, went or stood otherwise in it
    former: bytes  # the record numbers of those who lived in it and do not now


HOUSEHOLDS = Rows(
    "household",
    METADATA,
    HouseholdRow,
    [
        integer("number", key=True),
        integer("head", optional=True),
        integer("members"),
        text("head_due"),
        text("last_event"),
        blob("former"),
    ],
    indexes=[("head_due",)],
)


class FilingRow(NamedTuple):
    """A notification that was accepted, as the desk has it."""

    number: str
    kind: str
    recorded_on: str
    late: int
    cancelled_by: str  # "" or the number of the cancellation
    persons: bytes  # the records that it touched, in its order, and the household of each
    content: bytes

    def __repr__(self) -> str:
        return "<FilingRow>"


FILINGS = Rows(
    "filing",
    METADATA,
    FilingRow,
    [
        text("number", key=True),
        text("kind"),
        text("recorded_on"),
        integer("late"),
        text("cancelled_by"),
        blob("persons"),
        blob("content"),
    ],
)

_BY_PERSON = ENTRIES.query(
    ENTRIES.table.c.person == bindparam("person"), order_by=[ENTRIES.table.c.number]
)
_BY_FILING = ENTRIES.query(
    ENTRIES.table.c.filed_as == bindparam("filed_as"), order_by=[ENTRIES.table.c.number]
)
_SINCE = ENTRIES.query(
    ENTRIES.table.c.recorded_on >= bindparam("day"), order_by=[ENTRIES.table.c.number]
)
_BY_LOCATOR = RECORDS.query(
    RECORDS.table.c.locator == bindparam("locator"), order_by=[RECORDS.table.c.person.desc()]
)
_BY_CODE = RECORDS.query(
    RECORDS.table.c.code == bindparam("code"), order_by=[RECORDS.table.c.person.desc()]
)
_DUE = RECORDS.query(
    RECORDS.table.c.planned_on != "",
    RECORDS.table.c.planned_on <= bindparam("day"),
    RECORDS.table.c.live == 1,
    order_by=[RECORDS.table.c.person],
)
_LAST_ENTRY = Statement(select(func.max(ENTRIES.table.c.number)))
_LAST_PERSON = Statement(select(func.max(RECORDS.table.c.person)))
_LAST_HOUSEHOLD = Statement(select(func.max(HOUSEHOLDS.table.c.number)))
_LAST_DAY = Statement(select(func.max(ENTRIES.table.c.recorded_on)))

_encode = msgspec.msgpack.Encoder().encode
_decode_content = msgspec.msgpack.Decoder(tuple[tuple[int, ...], Changes]).decode
_decode_record = msgspec.msgpack.Decoder(Record).decode
_decode_numbers = msgspec.msgpack.Decoder(tuple[int, ...]).decode


class Last(NamedTuple):
    """The highest numbers in use, from which the next ones follow, and the last day recorded."""

    entry: int
    person: int
    household: int
    day: str


def last(tx: Transaction) -> Last:
    """The highest entry, person and household numbers of the book, and its last day."""
    numbers = [tx.one(question) for question in (_LAST_ENTRY, _LAST_PERSON, _LAST_HOUSEHOLD)]
    day = tx.one(_LAST_DAY)
    entry, person, household = [(row[0] if row else None) or 0 for row in numbers]
    return Last(entry, person, household, (day[0] if day else None) or "")


def append(tx: Transaction, entries: Iterable[Entry]) -> None:
    """Add entries; their numbers follow the last one."""
    ENTRIES.add(tx, *map(_entry_row, entries))


def put(tx: Transaction, records: Mapping[int, Record], last_events: Mapping[int, date]) -> None:
    """Write what records amount to today."""
    RECORDS.put(
        tx, *[record_row(record, last_events[person]) for person, record in records.items()]
    )


def put_households(tx: Transaction, households: Iterable[Household]) -> None:
    """Write what households amount to today."""
    HOUSEHOLDS.put(tx, *map(household_row, households))


def entries_of(tx: Transaction, person: int) -> list[Entry]:
    """All entries of one person, in the order in which they were entered."""
    return [_entry(row) for row in _BY_PERSON.all(tx, person=person)]


def histories(tx: Transaction, persons: Iterable[int]) -> dict[int, list[Entry]]:
    """All entries of some persons, in the order in which they were entered."""
    found: dict[int, list[Entry]] = {}
    for row in ENTRIES.get_many(tx, "person", persons):
        found.setdefault(row.person, []).append(_entry(row))
    return {person: sorted(own, key=_by_number) for person, own in found.items()}


def entries_filed_as(tx: Transaction, number: str) -> list[Entry]:
    """All entries that one notification made."""
    return [_entry(row) for row in _BY_FILING.all(tx, filed_as=number)]


def record_as(
    tx: Transaction, person: int, *, as_of: date | None = None, known_on: date | None = None
) -> Record | None:
    """One person's record as of a day, as known on a day."""
    return fold(entries_of(tx, person), as_of=as_of, known_on=known_on)


def entries_since(tx: Transaction, day: date) -> Iterable[Entry]:
    """All entries that the book learned of since a day, in order, streamed."""
    return map(_entry, _SINCE.stream(tx, day=day.isoformat()))


class Kept(NamedTuple):
    """A record as it stands today, with the day of its last event."""

    record: Record
    last_event: date


def records(tx: Transaction, persons: Iterable[int]) -> dict[int, Kept]:
    """Today's records of some persons."""
    return {row.person: _kept(row) for row in RECORDS.get_many(tx, "person", persons)}


def members(tx: Transaction, households: Iterable[int]) -> dict[int, Kept]:
    """Today's live members of some households."""
    rows = RECORDS.get_many(tx, "household", households, live=1)
    return {row.person: _kept(row) for row in rows}


def households(tx: Transaction, numbers: Iterable[int]) -> dict[int, Household]:
    """Today's households of some numbers, those in which nobody lives any more, too."""
    rows = HOUSEHOLDS.get_many(tx, "number", numbers)
    return {row.number: _household(row) for row in rows}


def by_locator(tx: Transaction, locator: bytes) -> list[Kept]:
    """The records of one person in this town, newest first (one live at most)."""
    return [_kept(row) for row in _BY_LOCATOR.all(tx, locator=locator)]


def by_code(tx: Transaction, code: ResidentCode) -> list[Kept]:
    """The records that bear a code today, newest first."""
    return [_kept(row) for row in _BY_CODE.all(tx, code=code.digits)]


def due(tx: Transaction, day: date) -> list[Kept]:
    """The live records whose planned move-out day has come."""
    return [_kept(row) for row in _DUE.all(tx, day=day.isoformat())]


def everybody(tx: Transaction) -> Iterable[Kept]:
    """All records as they stand today, deleted ones too, streamed."""
    return map(_kept, RECORDS.everything(tx))


def all_entries(tx: Transaction) -> Iterable[Entry]:
    """The whole book in the order of its entries, streamed."""
    return map(_entry, ENTRIES.everything(tx))


def record_row(record: Record, last_event: date) -> RecordRow:
    """The row that a record has."""
    reading = record.name.reading
    hidden = [measure.until for measure in record.measures if measure.hides]
    return RecordRow(
        person=record.number,
        live=int(record.live),
        household=record.household,
        code=record.code.digits,
        locator=record.attachment.locator if record.attachment else b"",
        name_key=name_key(record.name.legal.text).value,
        kana_key=kana_key(reading.text).value if reading else "",
        birth_date=record.birth_date.iso,
        planned_on=record.planned.on.isoformat() if record.planned and record.live else "",
        measures_until=max(hidden).isoformat() if hidden else "",
        last_event=last_event.isoformat(),
        state=_encode(record),
    )


def household_row(household: Household) -> HouseholdRow:
    """The row that a household has."""
    return HouseholdRow(
        household.number,
        household.head,
        household.members,
        household.head_due.isoformat() if household.head_due else "",
        household.last_event.isoformat(),
        _encode(household.former),
    )


def _household(row: HouseholdRow) -> Household:
    return Household(
        number=row.number,
        head=row.head,
        members=row.members,
        head_due=date.fromisoformat(row.head_due) if row.head_due else None,
        last_event=date.fromisoformat(row.last_event),
        former=_decode_numbers(row.former),
    )


def _by_number(entry: Entry) -> int:
    return entry.number


def _kept(row: RecordRow) -> Kept:
    return Kept(_decode_record(row.state), date.fromisoformat(row.last_event))


def _entry_row(entry: Entry) -> EntryRow:
    return EntryRow(
        entry.number,
        entry.person,
        entry.kind.value,
        entry.cause,
        entry.event_date.isoformat(),
        entry.notice_date.isoformat(),
        entry.recorded_on.isoformat(),
        entry.filed_as,
        entry.version,
        _encode((entry.reverses, entry.changes)),
    )


def _entry(row: EntryRow) -> Entry:
    reverses, changes = _decode_content(row.content)
    return Entry(
        number=row.number,
        person=row.person,
        kind=EntryKind(row.kind),
        cause=row.cause,
        event_date=date.fromisoformat(row.event_date),
        notice_date=date.fromisoformat(row.notice_date),
        recorded_on=date.fromisoformat(row.recorded_on),
        filed_as=row.filed_as,
        version=row.version,
        changes=changes,
        reverses=reverses,
    )
