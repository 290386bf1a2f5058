"""Acceptance (受理): turn a notification into entries, or say what is missing.

A pure function: what the town knows of the people concerned (`Situation`), the notification, and
a supply of fresh numbers go in; entries, the records after them, the households as they then
stand, and letters to other towns come out. Nothing is written here, so a refusal writes nothing.

Every rule names the field, the rule and the article, and the way out. A notification that comes
late (its event is older than others on record) is entered where it belongs in the order of
events, unless a later event has already changed the very same items, or a household would have
two heads on some later day: then it is refused, naming those later entries.
"""

from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

from jukinet.errors import Malformed, Refused
from jukinet.law import notification as law
from jukinet.law.notice import Reason
from jukinet.law.personal import Personal
from jukinet.register import cancellation, measures, moves, persons
from jukinet.register.finishing import finish
from jukinet.register.worksheet import Accepted, Draw, Sheet, Situation

NUMBER_MAX = 2**63 - 1  # what a store can hold


class Concerned(Personal, frozen=True, kw_only=True):
    """The record and household numbers that a notification itself names, in its order."""

    persons: tuple[int, ...]
    homes: tuple[int, ...]


def concerned(notification: law.Notification) -> Concerned:
    """Whom a notification names; Malformed where it names a person twice, or an unfit number."""
    persons: list[int] = []
    homes: list[int] = []
    for name in _named_by(type(notification)):
        value = getattr(notification, name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, law.Placement):
                persons.append(one.person)
                homes += [] if one.household is None else [one.household]
            elif one is not None:
                (homes if name == "household" else persons).append(one)
    if not all(0 < number <= NUMBER_MAX for number in (*persons, *homes)):
        raise Malformed("number: records and households are numbered 1, 2, 3, ...; look it up")
    if isinstance(notification, law.ReRegistration):
        persons = _same_person(notification)
    if len(set(persons)) < len(persons):
        raise Malformed("persons: a record is named twice; name each once")
    return Concerned(persons=tuple(persons), homes=tuple(dict.fromkeys(homes)))


@cache
def _named_by(kind: type) -> list[str]:
    """The fields of a notification that name people and households."""
    names = ("person", "persons", "kept", "household", "placements", "placement", "staying")
    return [name for name in names if hasattr(kind, name)]


def _same_person(notification: law.ReRegistration) -> list[int]:
    if notification.placement.person != notification.person:
        raise Malformed("placement: it is another record's than the one to be restored")
    return [notification.person]


def accept(
    notification: law.Notification, situation: Situation, draw: Draw, *, first_entry: int
) -> Accepted:
    """Accept a notification, or raise Malformed (the form) or Refused (the law)."""
    check_dates(notification, situation.today)
    sheet = Sheet(notification, situation, draw, first_entry)
    rule, reason = _RULES[type(notification)]
    rule(sheet, notification)
    return finish(sheet, reason)


def check_dates(notification: law.Notification, today: date) -> None:
    """The two dates of a notification must make sense to each other and to today."""
    filed = notification.filed
    check_number(filed.number)
    if filed.notice_date > today:
        raise Malformed("notice date: it lies in the future; enter the day of the notification")
    beforehand = isinstance(notification, law.MoveOut)
    if filed.event_date > filed.notice_date and not beforehand:
        raise Refused(
            "event date: it is after the notice date, and only a move-out is notified beforehand "
            "(arts. 22-25)"
        )


def check_number(number: str) -> None:
    """The desk's number of a notification must be one that can be kept and shown."""
    if not (1 <= len(number) <= 64 and number.isprintable()):
        raise Malformed("number: want the desk's number of the notification, 1-64 characters")


_RULES: dict[type, tuple[Callable[[Sheet, Any], None], Reason]] = {
    law.MoveIn: (moves.move_in, Reason.MOVE_IN),
    law.MoveInside: (moves.move_inside, Reason.MOVE_INSIDE),
    law.MoveOut: (moves.move_out, Reason.MOVE_OUT),
    law.HouseholdChange: (persons.household_change, Reason.EX_OFFICIO_CORRECTION),
    law.Birth: (persons.birth, Reason.BIRTH),
    law.Death: (persons.death, Reason.DEATH),
    law.ExOfficioEntry: (persons.ex_officio_entry, Reason.EX_OFFICIO_ENTRY),
    law.ExOfficioCorrection: (persons.ex_officio_correction, Reason.EX_OFFICIO_CORRECTION),
    law.ExOfficioDeletion: (persons.ex_officio_deletion, Reason.EX_OFFICIO_DELETION),
    law.DoubleRegistration: (persons.double_registration, Reason.EX_OFFICIO_DELETION),
    law.NameChange: (persons.name_change, Reason.EX_OFFICIO_CORRECTION),
    law.Naturalisation: (persons.naturalisation, Reason.EX_OFFICIO_ENTRY),
    law.LossOfNationality: (persons.loss_of_nationality, Reason.EX_OFFICIO_ENTRY),
    law.StatusChange: (persons.status_change, Reason.EX_OFFICIO_CORRECTION),
    law.CodeChange: (persons.code_change, Reason.CODE_CHANGE),
    law.ReRegistration: (persons.re_registration, Reason.EX_OFFICIO_ENTRY),
    law.MeasureRequest: (measures.measure_request, Reason.EX_OFFICIO_CORRECTION),
    law.Cancellation: (cancellation.cancellation, Reason.EX_OFFICIO_CORRECTION),
    law.MovedInElsewhere: (moves.moved_in_elsewhere, Reason.MOVE_OUT),
    law.MoveOutDue: (moves.move_out_due, Reason.MOVE_OUT),
    law.AttachmentArrived: (moves.attachment_arrived, Reason.MOVE_IN),
    law.MeasuresArrived: (measures.measures_arrived, Reason.EX_OFFICIO_CORRECTION),
}
