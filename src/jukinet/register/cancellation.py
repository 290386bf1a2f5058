"""Cancellation (異動の取消): a notification is reversed by further entries, never erased.

What it changed is reversed; a record that it entered is deleted as one that never was. Where later
entries build on it, it is refused, naming them. Two things do not go back: a chain of labels, once
fresh, stays fresh; and the person version only ever rises.
"""

from collections.abc import Sequence

from jukinet.errors import Refused
from jukinet.law import notification as law
from jukinet.law.notice import Reason
from jukinet.law.record import Deletion, DeletionCause, Record
from jukinet.law.transfer import MoveInWithdrawn
from jukinet.register.certificates import next_residence
from jukinet.register.entries import Changes, Entry, EntryKind, standing, touched
from jukinet.register.lateness import later_events
from jukinet.register.measures import tell_former_town
from jukinet.register.worksheet import Sheet

# What another town's letter adds to a record; a record that never was does not need it taken back.
ARRIVALS = frozenset({"attachment_arrived", "measures_arrived"})


def cancellation(sheet: Sheet, notification: law.Cancellation) -> None:
    """Reverse what a notification did."""
    entries = sheet.situation.cancelled
    if not entries:
        raise Refused("cancels: no notification of that number stands in this town's book")
    if entries[0].cause == "cancellation":
        raise Refused("cancels: a cancellation is not cancelled; file what it took back anew")
    if entries[0].cause == "attachment_arrived":
        raise Refused("cancels: a certificate that came stays; cancel the move-in itself")
    by_person: dict[int, list[Entry]] = {}
    for entry in entries:
        by_person.setdefault(entry.person, []).append(entry)
    for person, mine in by_person.items():
        _refuse_dependents(sheet, person, mine)
    sheet.may_be_open = True  # as the household may have stood before
    for person, mine in by_person.items():
        if _entered(mine):
            _never_was(sheet, person, mine)
        else:
            _reverse(sheet, person, mine)


def _entered(entries: Sequence[Entry]) -> bool:
    """Whether a notification entered a record that was not there before."""
    kinds = {entry.kind for entry in entries}
    return EntryKind.ENTRY in kinds and EntryKind.DELETION not in kinds


def _refuse_dependents(sheet: Sheet, person: int, entries: Sequence[Entry]) -> None:
    """A notification on which later entries build is not cancelled from under them."""
    fields = frozenset().union(*(touched(entry.changes) for entry in entries))
    entered = _entered(entries)
    later = [
        entry
        for entry in standing(sheet.situation.entries[person])
        if entry.number > entries[-1].number
        and entry.kind is not EntryKind.REVERSAL
        and (entry.cause not in ARRIVALS if entered else fields & touched(entry.changes))
    ]
    if later:
        raise Refused(f"record {person}: {later_events(later)}")


def _never_was(sheet: Sheet, person: int, entries: Sequence[Entry]) -> None:
    """The record was entered by mistake: it is deleted as of the day of its entry."""
    record, entered_on = sheet.live(person), entries[0].event_date
    sheet.delete(person, Deletion(cause=DeletionCause.NEVER_WAS, on=entered_on), on=entered_on)
    sheet.reason = Reason.EX_OFFICIO_DELETION
    if record.former_town and record.attachment:
        sheet.tell(record.former_town, MoveInWithdrawn(locator=record.attachment.locator))


def _reverse(sheet: Sheet, person: int, entries: Sequence[Entry]) -> None:
    before = sheet.record(person)
    fields = frozenset().union(*(touched(entry.changes) for entry in entries))
    fresh = Changes(attachment=before.attachment) if "attachment" in fields else None
    numbers = tuple(entry.number for entry in entries)
    after = sheet.reverse(person, numbers, fresh, version=_version(before, entries))
    if after.live and not before.live:
        sheet.refuse_twin(person)
        sheet.bear(after)
    if after.code != before.code:
        sheet.bear(after)
        sheet.released.append(before.code)
    sheet.reason = _reason(before, after) or sheet.reason
    tell_former_town(sheet, before, after)


def _version(before: Record, entries: Sequence[Entry]) -> int | None:
    """Above all that the other town has given, where it is its move-in that is taken back."""
    if entries[0].cause != "moved_in_elsewhere":
        return None
    return next_residence(next_residence(before.version))


def _reason(before: Record, after: Record) -> Reason | None:
    if before.live != after.live:
        return Reason.EX_OFFICIO_ENTRY if after.live else Reason.EX_OFFICIO_DELETION
    return Reason.EX_OFFICIO_CODE if after.code != before.code else None
