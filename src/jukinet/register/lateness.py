"""Lateness (届出の遅れ): which later entries stand against one that is entered late.

A late event is entered where it belongs in the order of events. What has been entered of a later
day stands against it where it set the same items; against a deletion stands everything that was
done with the record since.

>>> entered_on(law.Filed(number="1", event_date=date(2026, 4, 9), notice_date=date(2026, 4, 1)))
datetime.date(2026, 4, 1)
"""

from collections.abc import Iterable
from datetime import date, timedelta

from msgspec import UNSET

from jukinet.law import notification as law
from jukinet.law.record import Deletion, DeletionCause
from jukinet.register.entries import Changes, Entry, touched

NOTICE_PERIOD_DAYS = 14  # arts. 22, 23, 25

# What arrives by itself and says nothing of where a person lives or whether.
_APART = frozenset({"measures", "attachment", "individual_number"})


def entered_on(filed: law.Filed) -> date:
    """The day as of which a notification is entered; a planned move-out on that of its notice."""
    return min(filed.event_date, filed.notice_date)


def came_late(filed: law.Filed, today: date) -> bool:
    """Whether a notification came after its fourteen days; another office's never does."""
    delay = today - filed.event_date
    return delay > timedelta(days=NOTICE_PERIOD_DAYS) and filed.who != law.Who.OFFICE


def bears_on(mine: Changes, later: Changes) -> bool:
    """Whether a later entry stands against one that comes late."""
    theirs = touched(later)
    if isinstance(mine.deleted, Deletion) and mine.deleted.cause is not DeletionCause.NEVER_WAS:
        return bool(theirs - _APART)
    return bool(touched(mine) & theirs)


def moves_house(entry: Entry) -> bool:
    """Whether an entry can change who lives in a household, or as what."""
    set_ = entry.changes
    return bool(entry.reverses) or not (
        set_.household is UNSET and set_.relationship is UNSET and set_.deleted is UNSET
    )


def later_events(entries: Iterable[Entry]) -> str:
    """The half of a sentence that names the later events in the way.

    A birth's day is left out: it is the child's birth date.
    """
    named = ", ".join(map(_named, entries))
    return (
        f"later events stand on record: {named}; "
        "cancel those first, or correct the record ex officio (art. 8)"
    )


def not_yet(first: Entry) -> str:
    """The half of a sentence that says that a record had not begun."""
    return (
        f"it begins only with {_named(first)}; enter the event as of that day, or correct what "
        "was entered ex officio (art. 8)"
    )


def _named(entry: Entry) -> str:
    if entry.cause == "birth":
        return f"{entry.cause} (entry {entry.number})"
    return f"{entry.cause} of {entry.event_date} (entry {entry.number})"
