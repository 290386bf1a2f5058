"""Entries (記載事項): what a notification writes into the book, and the record as their fold.

An entry is added and never changed. Two dates make the book bitemporal: the day of the event
(異動日) and the day on which the book learned of it. `fold` gives the record as of a day, as known
on a day; what was known on a past day can never change afterwards, since every later entry bears a
later day of knowledge. A mistake is reversed by a further entry (取消). Nothing is stored here.

>>> monday, friday = date(2026, 4, 6), date(2026, 4, 10)
>>> def entry(number, day, **changes):
...     kind = EntryKind.CORRECTION
...     return Entry(
...         number=number, person=1, kind=kind, cause="", event_date=day, notice_date=friday,
...         recorded_on=friday, filed_as="", version=number, changes=Changes(**changes),
...     )
>>> fold([entry(1, monday, household=7)], as_of=friday) is None  # nothing was ever entered
True
>>> [one.number for one in standing([entry(1, monday), entry(2, friday)])]
[1, 2]
"""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

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
from jukinet.numbers.individual_number import IndividualNumber
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.numbers.resident_code import ResidentCode


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


def standing(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that no other one has reversed."""
    entries = list(entries)
    reversed_ = {number for entry in entries for number in entry.reverses}
    return [entry for entry in entries if entry.number not in reversed_]


def touched(changes: Changes) -> frozenset[str]:
    """The names of the fields that an entry sets."""
    return frozenset(changes.fields())
