"""Numbers (付番): every code of a town is free, held or former, as records and pools have it.

A code of the pool stands in the order in which the centre allotted it, with the individual number
that belongs to it; a code in use leads to a record that bears it, or bore it; and a record's code
is nobody else's.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from jukinet.law.record import Record
from jukinet.numbers.individual_number import IndividualNumber
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register.codes import CODES, FORMER, FREE, HELD, CodeRow
from jukinet.tasks.verifying.findings import short
from jukinet.tasks.verifying.persons import Person
from jukinet.tasks.verifying.stores import Shelf

Pair = tuple[str, str]


class Numbered(NamedTuple):
    """The codes of a town: all rows, and those of its pool in order of allotment."""

    rows: dict[str, CodeRow]
    places: dict[str, int]  # how findings call them: their place in the table


def read_codes(shelf: Shelf) -> Numbered:
    """All codes of a town."""
    rows = shelf.all_of(CODES, lambda row: row.code)
    shelf.findings.counts["codes"] += len(rows)
    return Numbered(rows, {code: place for place, code in enumerate(rows, start=1)})


def check_codes(shelf: Shelf, codes: Numbered, people: Mapping[int, Person]) -> None:
    """Codes against the records and entries."""
    for code, row in codes.rows.items():
        wrong = _wrong(row, people.get(row.person))
        if wrong:
            shelf.note(f"code in place {codes.places[code]}", wrong)
    for number, person in people.items():
        if person.record is not None:
            _check_bearer(shelf, number, person.record, codes, people)


def _wrong(row: CodeRow, person: Person | None) -> str:
    """What is wrong with a code, or nothing."""
    if row.state == FREE:
        return "" if row.person == 0 and row.ordinal > 0 else "is free, and is not as in a pool"
    if row.state not in (HELD, FORMER) or row.ordinal < 0:
        return "is neither free, nor held, nor former"
    if person is None or person.record is None:
        return "is in use, and there is no record that bears or bore it"
    held = person.record.code.digits == row.code
    if held != (row.state == HELD):
        return "is held and its record bears another, or the other way round"
    if not held and ResidentCode(row.code) not in _borne(person):
        return "is former, and no entry says that its record bore it"
    number = person.record.individual_number
    if held and number is not None and row.individual_number != number.digits:
        return "stands beside another individual number than its record's"
    if row.ordinal == 0 and row.individual_number not in {"", *_numbers(person)}:
        return "stands beside an individual number that its record never had"
    return ""


def _borne(person: Person) -> set[object]:
    return {entry.changes.code for entry in person.entries}


def _check_bearer(
    shelf: Shelf, number: int, record: Record, codes: Numbered, people: Mapping[int, Person]
) -> None:
    """A record's code leads to it, or to a later record of the same person."""
    row = codes.rows.get(record.code.digits)
    if row is None or row.state == FREE:
        shelf.note(f"record {number}", "bears a code that the codes do not say is in use")
    elif row.person != number:
        other = people[row.person].record if row.person in people else None
        if other is None or row.person < number or _locator(other) != _locator(record):
            shelf.note(f"record {number}", "bears a code that the codes say is another record's")


def _locator(record: Record) -> bytes:
    return record.attachment.locator if record.attachment else b""


# --- the pool ------------------------------------------------------------------------------------


def check_pool(
    shelf: Shelf, codes: Numbered, people: Mapping[int, Person], pools: Sequence[Sequence[Pair]]
) -> None:
    """The codes of a town against the pools that it has taken in, in their order."""
    ordinal = 0
    for pool in pools:
        for code, number in pool:
            row = codes.rows.get(code)
            if row is not None and row.ordinal == 0:
                continue  # it had come with a person before the pool came
            ordinal += 1
            if row is None:
                shelf.note(f"code {ordinal} of the pool", "is missing")
            elif row.ordinal != ordinal:
                about = f"code in place {codes.places[code]}"
                shelf.note(about, "stands elsewhere in the pool than the centre allotted it")
            else:
                _check_number(shelf, codes, row, number, people)
    beyond = [code for code, row in codes.rows.items() if row.ordinal > ordinal]
    for code in beyond:
        shelf.note(f"code in place {codes.places[code]}", "is in no pool that the centre allotted")


def _check_number(
    shelf: Shelf, codes: Numbered, row: CodeRow, number: str, people: Mapping[int, Person]
) -> None:
    """The individual number beside a code: the pool's, or one that its record has had."""
    if row.individual_number == number:
        return
    person = people.get(row.person)
    had = _numbers(person) if person is not None else set()
    if row.state == FREE or row.individual_number not in had:
        about = f"code in place {codes.places[row.code]}"
        shelf.note(about, "stands beside another individual number than the centre allotted")


def _numbers(person: Person) -> set[str]:
    found = {entry.changes.individual_number for entry in person.entries}
    return {one.digits for one in found if isinstance(one, IndividualNumber)}


def borne_by_two(told: Collection[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """Code tags that are told of two people: by tag, the people's locators, cut short."""
    bearers: dict[bytes, set[bytes]] = {}
    for tag, locator in told:
        bearers.setdefault(tag, set()).add(locator)
    return {
        tag: " and ".join(sorted(map(short, who))) for tag, who in bearers.items() if len(who) > 1
    }
