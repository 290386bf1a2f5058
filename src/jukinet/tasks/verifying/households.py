"""Households: what each amounts to today follows from the records of those who live in it.

Exactly one head, or a day by which one is to be named; that day is fourteen days after the event
that left the household without a head. Who went from it, and when anything last changed in it,
follows from the records before and after each filing.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta

import msgspec

from jukinet.law.record import Record
from jukinet.register.book import HOUSEHOLDS, HouseholdRow
from jukinet.register.households import HEAD_TO_BE_NAMED_DAYS
from jukinet.register.lateness import moves_house
from jukinet.tasks.verifying.entries import Filing
from jukinet.tasks.verifying.persons import Person
from jukinet.tasks.verifying.stores import Shelf


def check_households(
    shelf: Shelf, people: Collection[Person], filings: Mapping[str, Filing]
) -> None:
    """The rows of `household` against the records."""
    rows = shelf.all_of(HOUSEHOLDS, lambda row: row.number)
    shelf.findings.counts["households"] += len(rows)
    living: dict[int, list[Record]] = {number: [] for number in _entered(people)}
    for person in people:
        if person.record is not None and person.record.live:
            living.setdefault(person.record.household, []).append(person.record)
    former, last_events = _former(people), _last_events(people, filings)
    for number in sorted({*rows, *living}):
        row, members = rows.get(number), living.get(number)
        if row is not None and _decode_former(row) != former.get(number, ()):
            shelf.note(f"household {number}", "names others who have gone from it than records do")
        if row is not None and row.last_event != last_events.get(number):
            shelf.note(f"household {number}", "names another day of its last event than entries do")
        if row is None or members is None:
            what = "is in no entry" if row else "is missing: there are entries of it"
            shelf.note(f"household {number}", what)
        else:
            _check_one(shelf, row, members, people, filings)


def _entered(people: Collection[Person]) -> set[int]:
    """All households that any entry has put anybody into."""
    return {
        entry.changes.household
        for person in people
        for entry in person.entries
        if isinstance(entry.changes.household, int)
    }


def _former(people: Iterable[Person]) -> dict[int, tuple[int, ...]]:
    """By household, the records of all who have ever gone from it."""
    gone: dict[int, set[int]] = {}
    for person in people:
        for step in person.steps:
            before, after = step.before, step.after
            if before is None or after is None or not before.live:
                continue
            if not after.live or after.household != before.household:
                gone.setdefault(before.household, set()).add(person.number)
    return {number: tuple(sorted(some)) for number, some in gone.items()}


def _last_events(people: Collection[Person], filings: Mapping[str, Filing]) -> dict[int, str]:
    """By household, the latest day of the filings that have put anybody in, out, or otherwise."""
    moving = {
        number: max([filing.on, *(entry.event_date for entry in filing.entries)])
        for number, filing in filings.items()
        if any(moves_house(entry) for entry in filing.entries)
    }
    latest: dict[int, date] = {}
    for person in people:
        for step in person.steps:
            day = moving.get(step.filing)
            for record in (step.before, step.after):
                if day is not None and record is not None:
                    home = record.household
                    latest[home] = max(day, latest.get(home, day))
    return {home: day.isoformat() for home, day in latest.items()}


def _decode_former(row: HouseholdRow) -> tuple[int, ...] | None:
    try:
        return _decode(row.former)
    except msgspec.MsgspecError:
        return None


def _check_one(
    shelf: Shelf,
    row: HouseholdRow,
    members: Collection[Record],
    people: Collection[Person],
    filings: Mapping[str, Filing],
) -> None:
    heads = [record.number for record in members if record.is_head]
    about = f"household {row.number}"
    if row.members != len(members):
        shelf.note(about, "counts other members than there are records that live in it")
    if len(heads) > 1:
        shelf.note(about, "has more than one head")
    elif row.head != (heads[0] if heads else None):
        shelf.note(about, "names another head than the records do")
    open_since = bool(members) and not heads
    if open_since != bool(row.head_due):
        shelf.note(about, "should have one head, or a day by which one is to be named")
    elif open_since and row.head_due not in _due_days(row.number, people, filings):
        shelf.note(about, "names another day for its head than fourteen days after an event")


def _due_days(number: int, people: Collection[Person], filings: Mapping[str, Filing]) -> set[str]:
    """Fourteen days after each event of those who live in a household or lived there once."""
    days: set[date] = set()
    for person in people:
        if any(entry.changes.household == number for entry in person.entries):
            days.update(
                filings[entry.filed_as].on for entry in person.entries if entry.filed_as in filings
            )
    return {(day + timedelta(days=HEAD_TO_BE_NAMED_DAYS)).isoformat() for day in days}


_decode = msgspec.msgpack.Decoder(tuple[int, ...]).decode
