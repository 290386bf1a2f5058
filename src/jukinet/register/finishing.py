"""Finishing (世帯の整理と決裁): settle the households that a worksheet touches, and hand it over.

A household is weighed as it stands now and, where an event came late or was taken back, as it
stood on every day since. Where one person of fifteen or more is left, that person is head from the
day on which everybody else was gone.
"""

from collections.abc import Collection
from datetime import date

from msgspec import UNSET

from jukinet.errors import Malformed, Refused
from jukinet.law.notice import Reason
from jukinet.law.record import HEAD, Record, Relationship
from jukinet.register import certificates, households
from jukinet.register.entries import Changes, standing
from jukinet.register.households import Household
from jukinet.register.lateness import came_late, later_events, moves_house
from jukinet.register.worksheet import Accepted, Sheet

SIX_ITEMS_BYTES_MAX = 900  # what a notice has room for, whoever it is about


def finish(sheet: Sheet, reason: Reason) -> Accepted:
    """Settle the households and hand over what the notification amounts to."""
    if not sheet.entries:
        raise Refused("notification: everything stands as it says already; nothing to enter")
    settled: tuple[Household, ...] = ()
    if any(moves_house(entry) for entry in sheet.entries):
        touched_ones = (*_before(sheet).values(), *sheet.after.values())
        homes = sorted({record.household for record in touched_ones})
        settled = tuple(_settle(sheet, number) for number in homes)
    before = _before(sheet)  # of those, too, whom settling has made head
    for person, after in sheet.after.items():
        _refuse_too_long(before.get(person), after)
        for town, letter in certificates.letters(before.get(person), after):
            sheet.tell(town, letter)
    return Accepted(
        entries=tuple(sheet.entries),
        persons=tuple(sheet.after),
        before=before,
        after=sheet.after,
        last_events=sheet.last_events,
        households=settled,
        reason=sheet.reason or reason,
        letters=tuple(sheet.letters),
        bearers=tuple(sheet.bearers),
        released=tuple(sheet.released),
        used=tuple(sheet.used),
        late=came_late(sheet.filed, sheet.situation.today),
    )


def _before(sheet: Sheet) -> dict[int, Record]:
    """The records on a sheet as they stood; new ones did not."""
    people = sheet.situation.people
    return {person: people[person] for person in sheet.after if person in people}


def _settle(sheet: Sheet, number: int) -> Household:
    """What a household amounts to, now and on every day since the event."""
    home, left = sheet.situation.homes.get(number), _left(sheet, number)
    since, past = _since(sheet), set[int]()
    if home is not None and home.last_event > since:
        past = {*home.former, *left, *(record.number for record in sheet.members(number))}
    _name_sole_head(sheet, number, past, since)
    settled = households.settle(
        number,
        sheet.members(number),
        may_be_open=sheet.may_be_open,
        event_date=sheet.on,
        latest=max(entry.event_date for entry in sheet.entries),
        before=home,
        left=left,
    )
    if past:
        _refuse_broken_past(sheet, number, past, since)
    return settled


def _since(sheet: Sheet) -> date:
    """The day of the first event that a sheet enters or takes back."""
    reversed_ = {number for entry in sheet.entries for number in entry.reverses}
    taken_back = [e.event_date for e in sheet.situation.cancelled if e.number in reversed_]
    return min([sheet.on, *taken_back, *(entry.event_date for entry in sheet.entries)])


def _left(sheet: Sheet, number: int) -> list[int]:
    """Those who lived in a household before this notification and do not after it."""
    people, staying = sheet.situation.people, {r.number for r in sheet.members(number)}
    return [
        person
        for person in sheet.after
        if person in people
        and people[person].live
        and people[person].household == number
        and person not in staying
    ]


def _name_sole_head(sheet: Sheet, number: int, past: Collection[int], since: date) -> None:
    """The one of fifteen or more who is left is head, unless the desk has said otherwise."""
    alone = households.sole_head(sheet.members(number), sheet.on)
    if alone is None or any(
        entry.person == alone.number and entry.changes.relationship is not UNSET
        for entry in sheet.entries
    ):
        return
    on = sheet.on
    if past:
        histories = {person: sheet.history(person) for person in past}
        placed = [
            entry.event_date
            for entry in standing(histories[alone.number])
            if entry.changes.relationship is not UNSET
        ]
        on = max([households.alone_since(number, alone.number, histories, since), *placed])
    sheet.correct(alone.number, Changes(relationship=Relationship(text=HEAD)), on=on)


def _refuse_broken_past(sheet: Sheet, number: int, past: Collection[int], since: date) -> None:
    """Refused where some later day would see two heads, or lose its one."""
    before = {person: sheet.situation.entries.get(person, ()) for person in past}
    after = {person: sheet.history(person) for person in past}
    day = households.broken_day(number, before, after, since, may_be_open=sheet.may_be_open)
    if day is None:
        return
    mine = {entry.number for entry in sheet.situation.cancelled}
    later = [
        entry
        for entries in before.values()
        for entry in standing(entries)
        if entry.event_date >= day and moves_house(entry) and entry.number not in mine
    ]
    later.sort(key=lambda entry: entry.number)
    raise Refused(
        f"household {number}: it would have two heads at one time, or none (art. 7 iv); "
        f"{later_events(later)}"
    )


def _refuse_too_long(before: Record | None, after: Record) -> None:
    """Malformed where name and address are longer than any notice has room for."""
    if before is not None and (before.name, before.address) == (after.name, after.address):
        return
    texts = after.identification.pack()
    if 4 * sum(map(len, texts)) <= SIX_ITEMS_BYTES_MAX:  # no character takes more than four
        return
    size = sum(len(text.encode()) for text in texts)
    if size > SIX_ITEMS_BYTES_MAX:
        raise Malformed(
            f"name, address: together they take {size} bytes, and a notice has room for "
            f"{SIX_ITEMS_BYTES_MAX} (a kanji takes three); shorten the building's name"
        )
