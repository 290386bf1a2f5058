"""Persons: the fold of each person's entries is the record, and says what was told of it.

The entries of a person are followed filing by filing. The last state must be the row of `record`,
column by column; each state that differs in what the centre is to hear of makes one notice, with
its reason and day: so the whole list of notices is made again from the book.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import NamedTuple

from jukinet.law import notification as law
from jukinet.law.notice import Reason
from jukinet.law.record import DeletionCause, Record
from jukinet.register.book import (
    RECORDS,
    Entry,
    RecordRow,
    apply,
    fold,
    record_row,
)
from jukinet.register.worksheet import RESIDENCE
from jukinet.tasks.verifying.entries import Filing, kind_of
from jukinet.tasks.verifying.findings import listed
from jukinet.tasks.verifying.stores import Shelf


class Step(NamedTuple):
    """A record before and after one filing."""

    filing: str
    entries: list[Entry]
    before: Record | None
    after: Record | None


class Person(NamedTuple):
    """One record of the book: its entries, and what they amount to."""

    number: int
    entries: list[Entry]
    steps: list[Step]

    @property
    def record(self) -> Record | None:
        """The record of today; None where there is none, or its entries do not fold."""
        return self.steps[-1].after if self.steps else None

    @property
    def last_event(self) -> date:
        """The day of its last event."""
        return max(entry.event_date for entry in self.entries)


class Expected(NamedTuple):
    """A notice that the book says must have been told."""

    person: int
    after: Record
    reason: Reason
    event_date: date
    begins_chain: bool


def follow(shelf: Shelf, entries: Iterable[Entry]) -> dict[int, Person]:
    """Everybody in the book, followed from the first entry to the last."""
    by_person: dict[int, list[Entry]] = {}
    for entry in entries:
        by_person.setdefault(entry.person, []).append(entry)
    people = {}
    for number, own in by_person.items():
        people[number] = person = Person(number, own, [])
        with shelf.findings.reading(shelf.place, f"record {number}", "its entries do not fold"):
            person.steps.extend(steps(own))
    return people


def steps(entries: Sequence[Entry]) -> Iterator[Step]:
    """The record after each filing; a late event or a reversal is folded anew."""
    known: list[Entry] = []
    record: Record | None = None
    plain = True
    for filing, group in groupby(entries, key=lambda entry: entry.filed_as):
        own, before = list(group), record
        for entry in own:
            late = bool(known) and entry.event_date < known[-1].event_date
            plain = plain and not late and not entry.reverses
            known.append(entry)
            record = apply(record, entry) if plain else record
        if not plain:
            record = fold(known)
        yield Step(filing, own, before, record)


def check_entries(shelf: Shelf, people: Iterable[Person]) -> None:
    """Kinds, versions and reversals of everybody's entries."""
    for person in people:
        before: Entry | None = None
        numbers: set[int] = set()
        for entry in person.entries:
            if entry.kind is not kind_of(entry, first=before is None):
                shelf.note(f"entry {entry.number}", "is of another kind than what it does")
            if not _follows(before, entry):
                shelf.note(f"entry {entry.number}", "its person version does not follow")
            if not numbers.issuperset(entry.reverses):
                shelf.note(f"entry {entry.number}", "reverses what is no earlier entry of it")
            numbers.add(entry.number)
            before = entry


def _follows(before: Entry | None, entry: Entry) -> bool:
    """A person version begins with a residence and goes up by one.

    What another town's certificate or its withdrawal brings goes up by more, and a mover who was
    here before begins above that.
    """
    if before is None:
        return entry.version >= 0 and (entry.version % RESIDENCE == 0 or entry.cause == "move_in")
    if entry.version == before.version + 1:
        return True
    jumps = entry.cause == "attachment_arrived" or (
        entry.cause == "cancellation" and entry.version % RESIDENCE == 0
    )
    return jumps and entry.version > before.version


def check_records(shelf: Shelf, people: Mapping[int, Person]) -> None:
    """The rows of `record` against the folds, column by column."""
    rows = shelf.all_of(RECORDS, lambda row: row.person)
    shelf.findings.counts["records"] += len(rows)
    for number in sorted({*rows, *people}):
        row, person = rows.get(number), people.get(number)
        record = person.record if person else None
        if row is None or person is None or record is None:
            what = "has no entries" if row else "is missing: there are entries of it"
            shelf.note(f"record {number}", what)
            continue
        made = record_row(record, person.last_event)
        if row != made:
            fields = listed(_differing(row, made))
            shelf.note(f"record {number}", f"its entries amount to another {fields}")
    _check_one_live(shelf, people)


def _differing(row: RecordRow, made: RecordRow) -> list[str]:
    return [name for name in row._fields if getattr(row, name) != getattr(made, name)]


def _check_one_live(shelf: Shelf, people: Mapping[int, Person]) -> None:
    living: dict[bytes, int] = {}
    for number, person in people.items():
        record = person.record
        if record is None or not record.live or record.attachment is None:
            continue
        other = living.setdefault(record.attachment.locator, number)
        if other != number:
            shelf.note(f"records {other} and {number}", "are both live, of one person")


# --- what must have been told --------------------------------------------------------------------


def expected(
    shelf: Shelf, people: Collection[Person], filings: Mapping[str, Filing]
) -> dict[tuple[bytes, int], Expected]:
    """All notices that the book says must have been told, by locator and person version."""
    reasons = {number: _reason(filing) for number, filing in filings.items()}
    overruled = _overruled(people)
    notices: dict[tuple[bytes, int], Expected] = {}
    for person in people:
        for step in person.steps:
            reason = overruled.get(step.filing) or reasons.get(step.filing)
            notice = _told(person.number, step, reason) if reason else None
            if notice is None:
                continue
            assert notice.after.attachment is not None
            key = notice.after.attachment.locator, notice.after.version
            other = notices.setdefault(key, notice)
            if other is not notice:
                about = f"records {other.person} and {person.number}"
                shelf.note(about, "are of one person, and bear the same person version")
    return notices


def _told(number: int, step: Step, reason: Reason) -> Expected | None:
    """The notice that a step makes, if any."""
    before, after = step.before, step.after
    if after is None or after.attachment is None:
        return None
    first = before is None or before.attachment is None
    if not first and _transmitted(before) == _transmitted(after):
        return None
    if after.live and reason is Reason.EX_OFFICIO_DELETION:
        reason = Reason.EX_OFFICIO_CORRECTION  # another record is deleted, this one corrected
    day = max(entry.event_date for entry in step.entries)
    if first and reason is Reason.MOVE_IN:
        day = after.resident_since
    elif first and after.deleted is not None:
        day = after.deleted.on
    if first:
        begins = after.version < 2 * RESIDENCE or after.attachment.epoch > 0
    else:
        assert before is not None
        assert before.attachment is not None
        begins = before.attachment.epoch != after.attachment.epoch
    return Expected(number, after, reason, day, begins)


def _transmitted(record: Record | None) -> tuple[object, ...]:
    """What of a record the centre is to hear of."""
    assert record is not None
    return (record.identification.pack(), record.live, record.hidden, record.attachment)


def _reason(filing: Filing) -> Reason:
    """The coarse reason of a notification (異動事由)."""
    notification = filing.notification
    if isinstance(notification, law.CodeChange) and notification.ex_officio:
        return Reason.EX_OFFICIO_CODE
    return _REASONS.get(filing.tag, Reason.EX_OFFICIO_CORRECTION)


def _overruled(people: Iterable[Person]) -> dict[str, Reason]:
    """Cancellations that delete a record, bring one back or give a code back say so.

    So does a certificate that comes for somebody who is gone. The last of them counts.
    """
    found: dict[str, tuple[int, Reason]] = {}
    for person in people:
        for step in person.steps:
            reason = _overruling(step)
            if reason is not None:
                number = step.entries[0].number
                found[step.filing] = max(found.get(step.filing, (0, reason)), (number, reason))
    return {filing: reason for filing, (_, reason) in found.items()}


def _overruling(step: Step) -> Reason | None:
    before, after, cause = step.before, step.after, step.entries[0].cause
    if before is None or after is None:
        return None
    if cause == "attachment_arrived" and after.deleted is not None:
        return _GONE[after.deleted.cause]
    if cause != "cancellation":
        return None
    if before.live != after.live:
        return Reason.EX_OFFICIO_ENTRY if after.live else Reason.EX_OFFICIO_DELETION
    return Reason.EX_OFFICIO_CODE if before.code != after.code else None


_GONE: Mapping[DeletionCause, Reason] = {
    DeletionCause.DIED: Reason.DEATH,
    DeletionCause.MOVED_OUT: Reason.MOVE_OUT,
    DeletionCause.EX_OFFICIO: Reason.EX_OFFICIO_DELETION,
    DeletionCause.NEVER_WAS: Reason.EX_OFFICIO_DELETION,
    DeletionCause.UNITED: Reason.EX_OFFICIO_DELETION,
}


_REASONS: Mapping[str, Reason] = {
    "move_in": Reason.MOVE_IN,
    "attachment_arrived": Reason.MOVE_IN,
    "move_inside": Reason.MOVE_INSIDE,
    "move_out": Reason.MOVE_OUT,
    "moved_in_elsewhere": Reason.MOVE_OUT,
    "move_out_due": Reason.MOVE_OUT,
    "birth": Reason.BIRTH,
    "death": Reason.DEATH,
    "ex_officio_entry": Reason.EX_OFFICIO_ENTRY,
    "naturalisation": Reason.EX_OFFICIO_ENTRY,
    "loss_of_nationality": Reason.EX_OFFICIO_ENTRY,
    "re_registration": Reason.EX_OFFICIO_ENTRY,
    "ex_officio_deletion": Reason.EX_OFFICIO_DELETION,
    "double_registration": Reason.EX_OFFICIO_DELETION,
    "code_change": Reason.CODE_CHANGE,
}
