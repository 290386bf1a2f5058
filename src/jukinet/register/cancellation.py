"""Cancellation (異動の取消): a notification is reversed by further entries, never erased.

What it changed is reversed; a record that it entered is deleted as one that never was. Where later
entries build on it, it is refused, naming them.
"""

from collections.abc import Sequence

from jukinet.errors import Refused
from jukinet.law import notification as law
from jukinet.law.notice import Reason
from jukinet.law.record import Deletion, DeletionCause
from jukinet.law.transfer import TransferWithdrawn
from jukinet.register.book import Entry, EntryKind
from jukinet.register.worksheet import Sheet, later_events, standing, touched


def cancellation(sheet: Sheet, notification: law.Cancellation) -> None:
    """Reverse what a notification did."""
    entries = sheet.situation.cancelled
    if not entries:
        raise Refused("cancels: no notification of that number stands in this town's book")
    _refuse_dependents(sheet, entries)
    for person in dict.fromkeys(entry.person for entry in entries):
        mine = [entry for entry in entries if entry.person == person]
        before = sheet.record(person)
        if any(entry.kind is EntryKind.ENTRY for entry in mine) and not any(
            entry.kind is EntryKind.DELETION for entry in mine
        ):
            sheet.may_be_open = True
            entered_on = mine[0].event_date
            never = Deletion(cause=DeletionCause.NEVER_WAS, on=entered_on)
            sheet.delete(person, never, on=entered_on)
            sheet.reason = Reason.EX_OFFICIO_DELETION
            continue
        planned = before.planned
        if planned is not None and planned.destination is not None and before.attachment:
            withdrawn = TransferWithdrawn(locator=before.attachment.locator)
            sheet.letters.append((planned.destination, withdrawn))
        after = sheet.reverse(person, tuple(entry.number for entry in mine))
        if after.code != before.code:
            sheet.bearers.append((after.code, after.individual_number, person))
            sheet.released.append(before.code)
        if after.live and not before.live:
            sheet.reason = Reason.EX_OFFICIO_ENTRY


def _refuse_dependents(sheet: Sheet, entries: Sequence[Entry]) -> None:
    """A notification on which later entries build is not cancelled from under them."""
    for person in dict.fromkeys(entry.person for entry in entries):
        mine = [entry for entry in entries if entry.person == person]
        fields = frozenset().union(*(touched(entry.changes) for entry in mine))
        entered = any(entry.kind is EntryKind.ENTRY for entry in mine)
        later = [
            entry
            for entry in standing(sheet.situation.entries[person])
            if entry.number > mine[-1].number
            and entry.kind is not EntryKind.REVERSAL
            and (entered or fields & touched(entry.changes))
        ]
        if later:
            raise Refused(later_events(person, later))
