"""The book (台帳): entries are only added; the record of any day is a fold over them.

Two dates make it bitemporal: the day of the event (異動日) and the day on which the book learned
of it. `fold` gives the record as of a day, as known on a day. What was known on a past day can
never change afterwards, since every later entry bears a later day of knowledge; a mistake is
reversed by a further entry.

The tables `record`, `household` and `filing` are what the entries amount to today, kept so that a
desk need not fold; `verify` folds and compares.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import MetaData, bindparam, func, select

from jukinet.law.identity import Attachment, Name, Sex
from jukinet.law.personal import Personal
from jukinet.law.protection import SupportMeasure
from jukinet.law.record import (
    Deletion,
    FamilyRegister,
    Foreigner,
    PlannedMoveOut,
    Record,
    Relationship,
)
from jukinet.names.address import Address
from jukinet.names.era import PartialDate
from jukinet.names.match import kana_key, name_key
from jukinet.numbers.individual_number import IndividualNumber
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register.households import Household
from jukinet.store.engine import Statement, Transaction
from jukinet.store.rows import Rows, blob, integer, text

METADATA = MetaData()


class EntryKind(StrEnum):
    """What an entry does to a record (記載, 修正, 消除, 取消)."""

    ENTRY = "entry"
    CORRECTION = "correction"
    DELETION = "deletion"
    REVERSAL = "reversal"


class Changes(Personal, frozen=True, kw_only=True, omit_defaults=True):
    """What an entry sets; a field that is unset stays as it was."""

    code: ResidentCode | UnsetType = UNSET
    individual_number: IndividualNumber | UnsetType | None = UNSET
    name: Name | UnsetType = UNSET
    birth_date: PartialDate | UnsetType = UNSET
    sex: Sex | UnsetType = UNSET
    address: Address | UnsetType = UNSET
    household: int | UnsetType = UNSET
    relationship: Relationship | UnsetType = UNSET
    resident_since: date | UnsetType = UNSET
    address_since: date | UnsetType = UNSET
    previous_address: str | UnsetType = UNSET
    family_register: FamilyRegister | UnsetType | None = UNSET
    foreigner: Foreigner | UnsetType | None = UNSET
    planned: PlannedMoveOut | UnsetType | None = UNSET
    deleted: Deletion | UnsetType | None = UNSET
    measures: tuple[SupportMeasure, ...] | UnsetType = UNSET
    attachment: Attachment | UnsetType | None = UNSET
    former_town: MunicipalityCode | UnsetType | None = UNSET

    def fields(self) -> dict[str, Any]:
        """The fields that are set, by name."""
        return {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(self, name)) is not UNSET
        }


class Entry(Personal, frozen=True, kw_only=True):
    """One entry of the book."""

    number: int  # 1, 2, 3, ... through the town's book, without a gap
    person: int
    kind: EntryKind
    cause: str  # the kind of notification
    event_date: date
    notice_date: date
    recorded_on: date
    filed_as: str
    version: int
    changes: Changes
    reverses: tuple[int, ...] = ()


def apply(record: Record | None, entry: Entry) -> Record | None:
    """The record after one more entry (in order of events)."""
    fields = entry.changes.fields()
    if record is not None:
        return msgspec.structs.replace(record, version=max(record.version, entry.version), **fields)
    if entry.kind is not EntryKind.ENTRY:
        return None
    return Record(number=entry.person, version=entry.version, **fields)


def fold(
    entries: Iterable[Entry], *, as_of: date | None = None, known_on: date | None = None
) -> Record | None:
    """The record as of a day, as known on a day; None where there was none.

    `entries` are all of one person, in any order; a missing day means the latest.
    """
    known = [entry for entry in entries if known_on is None or entry.recorded_on <= known_on]
    reversed_ = {number for entry in known for number in entry.reverses}
    record: Record | None = None
    version = 0
    for entry in sorted(known, key=_by_event):
        version = max(version, entry.version)
        if entry.number in reversed_ or (as_of is not None and entry.event_date > as_of):
            continue
        record = apply(record, entry)
    if record is not None and as_of is None and record.version != version:
        record = msgspec.structs.replace(record, version=version)
    return record


def _by_event(entry: Entry) -> tuple[date, int]:
    return entry.event_date, entry.number


# --- the tables -------------------------------------------------------------------------------


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


HOUSEHOLDS = Rows(
    "household",
    METADATA,
    HouseholdRow,
    [
        integer("number", key=True),
        integer("head", optional=True),
        integer("members"),
        text("head_due"),
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

_BY_PERSON = ENTRIES.query(ENTRIES.table.c.person == bindparam("person"))
_BY_FILING = ENTRIES.query(
    ENTRIES.table.c.filed_as == bindparam("filed_as"), order_by=[ENTRIES.table.c.number]
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
    """All entries of one person."""
    return [_entry(row) for row in _BY_PERSON.all(tx, person=person)]


def entries_filed_as(tx: Transaction, number: str) -> list[Entry]:
    """All entries that one notification made."""
    return [_entry(row) for row in _BY_FILING.all(tx, filed_as=number)]


def record_as(
    tx: Transaction, person: int, *, as_of: date | None = None, known_on: date | None = None
) -> Record | None:
    """One person's record as of a day, as known on a day."""
    return fold(entries_of(tx, person), as_of=as_of, known_on=known_on)


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
    due_on = household.head_due.isoformat() if household.head_due else ""
    return HouseholdRow(household.number, household.head, household.members, due_on)


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
