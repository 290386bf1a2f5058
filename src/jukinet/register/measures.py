"""Support measures at the desk (支援措置の申出): begun, renewed, ended, and told to both towns."""

from datetime import date

import msgspec

from jukinet.errors import Malformed, Refused
from jukinet.law import notification as law
from jukinet.law.protection import SupportMeasure
from jukinet.law.record import Record
from jukinet.law.transfer import MeasuresNotice
from jukinet.register.book import Changes
from jukinet.register.worksheet import Sheet

MEASURE_DAYS_MAX = 366


def measure_request(sheet: Sheet, notification: law.MeasureRequest) -> None:
    """Support measures begun, renewed or ended."""
    until = notification.until
    if notification.step is not law.MeasureStep.END and (
        until is None or not 0 < (until - sheet.on).days <= MEASURE_DAYS_MAX
    ):
        raise Malformed("until: a support measure lasts up to a year; give its last day")
    for person in notification.persons:
        record = sheet.live(person)
        measures = _stepped(record, notification, sheet.on)
        changes = Changes(measures=measures)
        if notification.step is law.MeasureStep.BEGIN and record.attachment is not None:
            # A fresh seed: whoever holds the old view key sees nothing from here on.
            fresh = msgspec.structs.replace(
                record.attachment, epoch=record.attachment.epoch + 1, seed=sheet.draw.seed()
            )
            changes = Changes(measures=measures, attachment=fresh)
        record = sheet.correct(person, changes)
        _tell_former_town(sheet, record)


def _stepped(
    record: Record, notification: law.MeasureRequest, on: date
) -> tuple[SupportMeasure, ...]:
    standing = [measure for measure in record.measures if measure.hides]
    rest = tuple(measure for measure in record.measures if not measure.hides)
    if notification.step is law.MeasureStep.BEGIN:
        if standing:
            raise Refused(f"record {record.number}: a support measure stands; renew that one")
        assert notification.until is not None
        begun = SupportMeasure(threat=notification.threat, since=on, until=notification.until)
        return (*rest, begun)
    if not standing:
        raise Refused(f"record {record.number}: no support measure stands; begin one")
    if notification.step is law.MeasureStep.END:
        ended = [msgspec.structs.replace(measure, ended=on) for measure in standing]
        return (*rest, *ended)
    assert notification.until is not None
    renewed = [msgspec.structs.replace(measure, until=notification.until) for measure in standing]
    return (*rest, *renewed)


def _tell_former_town(sheet: Sheet, record: Record) -> None:
    """Support measures reach the town that keeps the former record, too."""
    if record.former_town is not None and record.attachment is not None:
        letter = MeasuresNotice(locator=record.attachment.locator, measures=record.measures)
        sheet.letters.append((record.former_town, letter))


def measures_arrived(sheet: Sheet, notification: law.MeasuresArrived) -> None:
    """Another town's word on support measures."""
    sheet.correct(notification.person, Changes(measures=notification.measures))
