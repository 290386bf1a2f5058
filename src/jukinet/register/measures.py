"""Support measures at the desk (支援措置の申出): begun, renewed, ended, and told to both towns.

Whenever a person's protection begins, a fresh chain begins: whoever holds an old view key sees
nothing from there on. The town that keeps the former record is told of each change, and tells on.
"""

from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

from jukinet.errors import Malformed, Refused
from jukinet.law import notification as law
from jukinet.law.identity import Attachment
from jukinet.law.protection import RENEWAL_FROM_DAYS, SupportMeasure
from jukinet.law.record import Record
from jukinet.law.transfer import MeasuresNotice
from jukinet.register.entries import Changes
from jukinet.register.worksheet import Sheet

MEASURE_DAYS_MAX = 366
ENDED_KEPT = 20  # ended measures that stand on a record; the entries have them all

Measures = tuple[SupportMeasure, ...]


def measure_request(sheet: Sheet, notification: law.MeasureRequest) -> None:
    """Support measures begun, renewed or ended."""
    if not notification.persons:
        raise Malformed("persons: name at least one person to be protected")
    for person in notification.persons:
        record = sheet.live(person)
        changes = Changes(measures=_stepped(record, notification, sheet.on))
        if notification.step is law.MeasureStep.BEGIN and record.attachment is not None:
            fresh = fresh_chain(sheet, record.attachment)
            changes = msgspec.structs.replace(changes, attachment=fresh)
        tell_former_town(sheet, record, sheet.correct(person, changes))


def fresh_chain(sheet: Sheet, attachment: Attachment) -> Attachment:
    """The same locator and root, with a fresh seed: the next epoch of the person's labels."""
    return msgspec.structs.replace(attachment, epoch=attachment.epoch + 1, seed=sheet.draw.seed())


def _stepped(record: Record, notification: law.MeasureRequest, on: date) -> Measures:
    """A record's measures after a step."""
    stands = [measure for measure in record.measures if measure.hides]
    rest = [measure for measure in record.measures if not measure.hides][-ENDED_KEPT:]
    if notification.step is law.MeasureStep.BEGIN:
        if stands:
            raise Refused(f"record {record.number}: a support measure stands; renew that one")
        until = _last_day(notification, on)
        return (*rest, SupportMeasure(threat=notification.threat, since=on, until=until))
    if not stands:
        raise Refused(f"record {record.number}: no support measure stands; begin one")
    if notification.step is law.MeasureStep.END:
        return (*rest, *(msgspec.structs.replace(measure, ended=on) for measure in stands))
    latest = max(measure.until for measure in stands)
    if on < latest - timedelta(days=RENEWAL_FROM_DAYS):
        raise Refused(
            f"record {record.number}: a renewal is accepted in the {RENEWAL_FROM_DAYS} days before "
            "the measure's last day; come back then"
        )
    until = _last_day(notification, max(on, latest))
    return (*rest, *(msgspec.structs.replace(measure, until=until) for measure in stands))


def _last_day(notification: law.MeasureRequest, since: date) -> date:
    """The day that the desk has given, within a year."""
    until = notification.until
    if until is None or not 0 < (until - since).days <= MEASURE_DAYS_MAX:
        raise Malformed("until: a support measure lasts up to a year; give its last day")
    return until


def tell_former_town(sheet: Sheet, before: Record, after: Record) -> None:
    """Support measures reach the town that keeps the former record, too."""
    if before.measures == after.measures or after.attachment is None:
        return
    notice = MeasuresNotice(locator=after.attachment.locator, measures=after.measures)
    sheet.tell(after.former_town, notice)


def keep_hidden(sheet: Sheet, record: Record, measures: Measures) -> None:
    """What protects a person under another record protects under this one, too.

    A record that was not hidden begins a fresh chain: old view keys end with the protection.
    """
    both = together(record.measures, measures)
    if both == record.measures:
        return
    changes = Changes(measures=both)
    if not record.hidden and record.attachment and any(measure.hides for measure in both):
        changes = Changes(measures=both, attachment=fresh_chain(sheet, record.attachment))
    tell_former_town(sheet, record, sheet.correct(record.number, changes))


def measures_arrived(sheet: Sheet, notification: law.MeasuresArrived) -> None:
    """Another town's word on support measures."""
    record = sheet.record(notification.person)
    changes = Changes(measures=notification.measures)
    if notification.attachment is not None:
        changes = msgspec.structs.replace(changes, attachment=notification.attachment)
    elif record.measures == notification.measures:
        raise Refused(f"record {record.number}: its support measures stand so already")
    tell_former_town(sheet, record, sheet.correct(notification.person, changes))


def together(theirs: Iterable[SupportMeasure], ours: Iterable[SupportMeasure]) -> Measures:
    """The measures that two towns know of one person; what both know is as the first has it."""
    theirs = tuple(theirs)
    known = {(measure.threat, measure.since) for measure in theirs}
    return (*theirs, *(one for one in ours if (one.threat, one.since) not in known))
