"""Pools and mass changes: what a town counted of its pool, and whose codes it changed under whom.

The days must add up to the requests that the town told and the pools that came. A mass change must
be the one that was approved, by two, before anybody's code was changed; whoever it changed has the
notification that did it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from jukinet.nodes.reception import MASS
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register import codes, mass_change
from jukinet.register.entries import Entry
from jukinet.register.gathering import stated_codes
from jukinet.register.mass_change import (
    APPROVALS_WANTED,
    CHANGED,
    REFUSED,
    STATES,
    WAITING,
    Planned,
)
from jukinet.tasks.verifying.entries import Filing
from jukinet.tasks.verifying.findings import listed
from jukinet.tasks.verifying.numbers import Numbered, Pair
from jukinet.tasks.verifying.persons import Person
from jukinet.tasks.verifying.stores import Shelf


def drawn_from_pool(
    numbered: Numbered, people: Iterable[Person], filings: Mapping[str, Filing]
) -> int:
    """How many codes of the pool were drawn: in use, and not brought by their first bearer."""
    first: dict[str, Entry] = {}
    for person in people:
        for entry in person.entries:
            code = entry.changes.code
            if isinstance(code, ResidentCode):
                known = first.setdefault(code.digits, entry)
                first[code.digits] = min(known, entry, key=lambda one: one.number)
    brought = {
        digits
        for digits, entry in first.items()
        if (filing := filings.get(entry.filed_as)) is not None
        and ResidentCode(digits) in stated_codes(filing.notification)
    }
    in_use = {
        digits
        for digits, row in numbered.rows.items()
        if row.ordinal > 0 and row.state != codes.FREE
    }
    return len(in_use - brought)


def check_days(
    shelf: Shelf, pools: Sequence[Sequence[Pair]], requests: Collection[int], drawn: int
) -> None:
    """The counts by day against what the town asked for, what came, and what was drawn."""
    days = shelf.all_of(codes.DAYS, lambda row: row.day).values()
    same = {
        "requests": sum(day.requests for day in days) == len(requests),
        "requested": sum(day.requested for day in days) == sum(requests),
        "grants": sum(day.grants for day in days) == len(pools),
        "granted": sum(day.granted for day in days) == sum(map(len, pools)),
        "drawn": sum(day.drawn for day in days) == drawn,
    }
    wrong = [name for name, is_same in same.items() if not is_same]
    if wrong:
        shelf.note("pool_day", f"its days do not add up to the {listed(wrong)} that there were")


def check_mass_changes(shelf: Shelf, filings: Collection[str]) -> None:
    """Each plan against its persons, its approvals and the notifications that it made."""
    plans = shelf.all_of(mass_change.PLANS, lambda row: row.number)
    persons: dict[str, list[Planned]] = {}
    for one in shelf.all_of(mass_change.PERSONS, lambda row: (row.number, row.person)).values():
        persons.setdefault(one.number, []).append(one)
    approvals = shelf.all_of(mass_change.APPROVALS, lambda row: (row.number, row.official)).values()
    for number in sorted({*plans, *persons, *(row.number for row in approvals)}):
        made, own = plans.get(number), persons.get(number, [])
        given = sum(
            made is not None and (row.number, row.digest) == (number, made.digest)
            for row in approvals
        )
        if wrong := _wrong(made, own, given, filings):
            shelf.note(f"mass_change {number}", wrong)


def _wrong(
    made: mass_change.MassChange | None,
    own: Sequence[Planned],
    given: int,
    filings: Collection[str],
) -> str:
    """What is wrong with a plan, or nothing."""
    if made is None:
        return "has persons or approvals, and was never fixed"
    digest = mass_change.digest_of(made.incident, made.planned_on, own)
    if (made.persons, made.digest) != (len(own), digest):
        return "is of other persons or codes than were approved"
    begun = [one for one in own if one.state != WAITING]
    if begun and given < APPROVALS_WANTED:
        return "was begun without the approval of two officials"
    if bool(made.ended_on) != (len(begun) == len(own)):
        return "has ended and somebody waits, or the other way round"
    filed = {one.person for one in own if f"{MASS}{one.number}/{one.person}" in filings}
    changed = {one.person for one in own if one.state == CHANGED}
    if filed != changed or any(one.state not in STATES for one in own):
        return "says of others that their codes were changed than the notifications do"
    if any(bool(one.reason) != (one.state == REFUSED) for one in own):
        return "gives a reason where nobody was refused, or none where somebody was"
    return ""


def requests_of(told: Mapping[int, int]) -> list[int]:
    """How many codes the town asked for each time, in the order in which it did."""
    return [told[number] for number in sorted(told)]
