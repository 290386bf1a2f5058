"""Gathering (事情の調べ): what a town knows of those whom a notification concerns.

Reads, and writes nothing. Most notifications concern people of whom nothing later is on record;
only where one comes late, or takes another one back, are whole histories read: those of the people
named, and of everybody who ever lived in their households.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from jukinet.law import notification as law
from jukinet.law.record import Record
from jukinet.law.transfer import TransferCertificate
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register import book, codes, transfers
from jukinet.register.acceptance import concerned
from jukinet.register.entries import Entry
from jukinet.register.lateness import entered_on
from jukinet.register.worksheet import Situation
from jukinet.store.engine import Transaction


def gather(
    tx: Transaction,
    notification: law.Notification,
    *,
    town: MunicipalityCode,
    network: frozenset[str],
    today: date,
) -> Situation:
    """What the town knows of the people and households concerned."""
    named = concerned(notification)
    cancelled = _cancelled(tx, notification)
    persons = named.persons
    if cancelled:
        persons = tuple(dict.fromkeys(entry.person for entry in cancelled))
    kept = book.records(tx, persons) if persons else {}
    around = {*named.homes, *(one.record.household for one in kept.values())}
    if cancelled:
        around |= _homes_ever(book.histories(tx, persons))
    homes = book.households(tx, around) if around else {}
    if around:
        kept |= book.members(tx, around)
    since = min([entered_on(notification.filed), *(entry.event_date for entry in cancelled)])
    reread = {person for person, one in kept.items() if one.last_event > since}
    reread.update(entry.person for entry in cancelled)
    late = [home for home in homes.values() if home.last_event > since]
    if late:  # whoever is in a household now, or comes into it, is weighed on every day since
        reread.update(kept, *(home.former for home in late))
    stated = _stated(tx, notification)
    return Situation(
        town=town,
        today=today,
        people={person: one.record for person, one in kept.items()},
        last_events={person: one.last_event for person, one in kept.items()},
        entries=book.histories(tx, reread) if reread else {},
        homes=homes,
        network=network,
        bearers=stated.bearers,
        certificates=stated.certificates,
        withdrawn=stated.withdrawn,
        namesakes=stated.namesakes,
        twins=_twins(tx, notification, [kept[p].record for p in persons if p in kept]),
        cancelled=cancelled,
    )


def _cancelled(tx: Transaction, notification: law.Notification) -> Sequence[Entry]:
    """The entries of the notification that is to be cancelled, if it stands."""
    if not isinstance(notification, law.Cancellation):
        return ()
    filing = book.FILINGS.get(tx, notification.cancels)
    if filing is None or filing.cancelled_by:
        return ()
    return book.entries_filed_as(tx, notification.cancels)


def _homes_ever(histories: Mapping[int, Iterable[Entry]]) -> set[int]:
    """Every household that people were ever put into: to one of them they may come back."""
    named = (entry.changes.household for own in histories.values() for entry in own)
    return {home for home in named if isinstance(home, int)}


class _Stated:
    """What is known of the codes that a notification states."""

    def __init__(self) -> None:
        self.bearers: dict[str, Record] = {}
        self.certificates: dict[str, TransferCertificate] = {}
        self.withdrawn: frozenset[str] = frozenset()
        self.namesakes: dict[bytes, list[Record]] = {}


def _stated(tx: Transaction, notification: law.Notification) -> _Stated:
    found, stated = _Stated(), stated_codes(notification)
    if not stated and not isinstance(notification, law.AttachmentArrived):
        return found
    if isinstance(notification, law.MoveIn) and notification.came_from is not None:
        came = transfers.of_codes(tx, [code.digits for code in stated], notification.came_from)
        found.certificates = came.waiting
        found.withdrawn = came.withdrawn
        stated = [*stated, *(one.code for one in came.waiting.values())]
    locators = {one.attachment.locator for one in found.certificates.values()}
    if isinstance(notification, law.AttachmentArrived):
        locators.add(notification.attachment.locator)
    if stated:
        found.bearers = _bearers(tx, stated)
    for locator in locators:
        found.namesakes[locator] = [one.record for one in book.by_locator(tx, locator)]
    return found


def stated_codes(notification: law.Notification) -> list[ResidentCode]:
    """The codes that a notification states."""
    if isinstance(notification, law.MoveIn):
        return [mover.code for mover in notification.movers if mover.code]
    if isinstance(notification, law.ExOfficioEntry):
        return [entrant.code for entrant in notification.entrants if entrant.code]
    if isinstance(notification, law.AttachmentArrived) and notification.code:
        return [notification.code]
    return []


def _bearers(tx: Transaction, stated: Sequence[ResidentCode]) -> dict[str, Record]:
    persons = codes.bearers(tx, stated)
    kept = book.records(tx, persons.values()) if persons else {}
    return {digits: kept[person].record for digits, person in persons.items()}


def _twins(
    tx: Transaction, notification: law.Notification, records: Iterable[Record]
) -> dict[int, int]:
    """The live records of people whose deleted ones this notification may bring back."""
    if not isinstance(notification, law.Cancellation | law.ReRegistration):
        return {}
    found = {}
    for record in records:
        same = book.by_code(tx, record.code)
        if record.attachment:
            same += book.by_locator(tx, record.attachment.locator)
        for kept in same:
            if kept.record.live and kept.record.number != record.number:
                found[record.number] = kept.record.number
    return found
