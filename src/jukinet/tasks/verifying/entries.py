"""Entries and filings: the book is numbered without a gap, and every entry has been filed.

What a filing says of itself (kind, days, whether it was late, whom it touched and into which
household, what cancelled it) is made again from its notification and its entries.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from jukinet.law import notification as law
from jukinet.law.record import HEAD, Deletion, DeletionCause, Relationship
from jukinet.register.book import (
    ENTRIES,
    FILINGS,
    Changes,
    Entry,
    EntryKind,
    EntryRow,
    FilingRow,
)
from jukinet.register.worksheet import NOTICE_PERIOD_DAYS
from jukinet.tasks.verifying.findings import UNREADABLE
from jukinet.tasks.verifying.stores import Shelf


class Filing(NamedTuple):
    """A filing, its notification and its entries."""

    row: FilingRow
    notification: law.Notification
    entries: list[Entry]

    @property
    def tag(self) -> str:
        """The kind of the notification, as entries and filings name it."""
        return str(type(self.notification).__struct_config__.tag)

    @property
    def on(self) -> date:
        """The day as of which it is entered."""
        filed = self.notification.filed
        return min(filed.event_date, filed.notice_date)


def read_entries(shelf: Shelf) -> list[Entry]:
    """The whole book in order."""
    entries: list[Entry] = []
    last, day = 0, ""
    for row in shelf.rows(ENTRIES):
        if row.number != last + 1:
            missing = f"entry {last + 1}" + f" to {row.number - 1}" * (row.number > last + 2)
            shelf.note(missing, "is missing: entries are numbered without a gap")
        if row.recorded_on < day:
            shelf.note(f"entry {row.number}", "was recorded on an earlier day than the one before")
        last, day = row.number, max(day, row.recorded_on)
        try:
            entries.append(_entry(row))
        except UNREADABLE:
            shelf.note(f"entry {row.number}", "cannot be decoded")
    shelf.findings.counts["entries"] += len(entries)
    return entries


def read_filings(shelf: Shelf, entries: Iterable[Entry]) -> dict[str, Filing]:
    """All filings with their entries; every entry must have one."""
    filings: dict[str, Filing] = {}
    for row in shelf.rows(FILINGS):
        try:
            notification = _decode_notification(row.content)
            _decode_persons(row.persons)
        except UNREADABLE:
            shelf.note(f"filing {row.number}", "cannot be decoded")
            continue
        filings[row.number] = Filing(row, notification, [])
    for entry in entries:
        filing = filings.get(entry.filed_as)
        if filing is None:
            shelf.note(f"entry {entry.number}", "was filed under a number that no filing has")
        else:
            filing.entries.append(entry)
    shelf.findings.counts["filings"] += len(filings)
    return filings


def check_filings(
    shelf: Shelf, filings: Mapping[str, Filing], homes: Mapping[tuple[str, int], int]
) -> None:
    """Every filing against its entries; `homes` are the households of each person after it."""
    cancelled_by = {
        filing.notification.cancels: number
        for number, filing in filings.items()
        if isinstance(filing.notification, law.Cancellation)
    }
    for number, filing in filings.items():
        wrong = [*_differing(filing), *_differing_people(filing, homes)]
        if filing.row.cancelled_by != cancelled_by.get(number, ""):
            wrong.append("cancelled_by")
        if wrong:
            fields = ", ".join(wrong)
            shelf.note(f"filing {number}", f"its notification and entries make another {fields}")
        for entry in filing.entries:
            if not _filed_so(entry, filing):
                shelf.note(f"entry {entry.number}", "says another kind or day than its filing")


def _differing(filing: Filing) -> list[str]:
    """The columns of a filing that its notification and entries do not explain."""
    row, filed = filing.row, filing.notification.filed
    days = {entry.recorded_on.isoformat() for entry in filing.entries}
    wanted = {
        "number": filed.number,
        "kind": filing.tag if filing.entries else "",
        "recorded_on": days.pop() if len(days) == 1 else row.recorded_on if not days else None,
        "late": int(_late(filing)),
    }
    return [name for name, value in wanted.items() if getattr(row, name) != value]


def _late(filing: Filing) -> bool:
    filed = filing.notification.filed
    delay = date.fromisoformat(filing.row.recorded_on) - filed.event_date
    return delay > timedelta(days=NOTICE_PERIOD_DAYS) and filed.who != law.Who.OFFICE


def _differing_people(filing: Filing, homes: Mapping[tuple[str, int], int]) -> list[str]:
    persons, households = _decode_persons(filing.row.persons)
    touched = tuple(dict.fromkeys(entry.person for entry in filing.entries))
    number = filing.row.number
    wanted = tuple(homes.get((number, person)) for person in touched)
    return [] if (persons, households) == (touched, wanted) else ["persons"]


def _filed_so(entry: Entry, filing: Filing) -> bool:
    """Whether an entry says the kind and the days of its filing.

    An entry that deletes a record that never was bears the day of the entry that it undoes; one
    that makes head whoever is left, the day since which nobody else is there.
    """
    deleted = entry.changes.deleted
    undone = (
        isinstance(deleted, Deletion)
        and deleted.cause is DeletionCause.NEVER_WAS
        and entry.event_date == deleted.on
    )
    alone = entry.changes == _MADE_HEAD and filing.entries[0] is not entry
    return (entry.cause, entry.notice_date) == (
        filing.tag,
        filing.notification.filed.notice_date,
    ) and (entry.event_date == filing.on or undone or alone)


def kind_of(entry: Entry, *, first: bool) -> EntryKind:
    """The kind that an entry must have, by what it does."""
    if entry.reverses:
        return EntryKind.REVERSAL
    if isinstance(entry.changes.deleted, Deletion):
        return EntryKind.DELETION
    if first or entry.cause in ("naturalisation", "loss_of_nationality"):
        return EntryKind.ENTRY
    return EntryKind.CORRECTION


def _entry(row: EntryRow) -> Entry:
    reverses, changes = _decode_content(row.content)
    return Entry(
        number=row.number,
        person=row.person,
        kind=EntryKind(row.kind),
        cause=row.cause,
        event_date=_day(row.event_date),
        notice_date=_day(row.notice_date),
        recorded_on=_day(row.recorded_on),
        filed_as=row.filed_as,
        version=row.version,
        changes=changes,
        reverses=reverses,
    )


def _day(text: str) -> date:
    """A day in the one spelling that the book uses."""
    day = date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError
    return day


_MADE_HEAD = Changes(relationship=Relationship(text=HEAD))
_decode_content = msgspec.msgpack.Decoder(tuple[tuple[int, ...], Changes]).decode
_decode_notification = msgspec.msgpack.Decoder(law.Notification).decode
_decode_persons = msgspec.msgpack.Decoder(tuple[tuple[int, ...], tuple[int, ...]]).decode
