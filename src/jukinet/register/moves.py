"""Moves (転入, 転居, 転出): into the town, inside it, and out of it.

A move-out is planned beforehand and ends with the new town's notice of the move-in. A move-in may
come before the former town's certificate: the person is entered, and the certificate is asked for.
"""

from collections.abc import Iterable

import msgspec

from jukinet.errors import Malformed, Refused
from jukinet.law import notification as law
from jukinet.law.notice import Reason
from jukinet.law.record import Deletion, DeletionCause, PlannedMoveOut, Record, written_out
from jukinet.law.transfer import MoveInNotice, TransferCertificate
from jukinet.names.address import Address
from jukinet.numbers.municipality_code import MunicipalityCode, municipality
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register.codes import belongs_already
from jukinet.register.entrants import (
    check_address,
    check_home,
    claim_codes,
    enter_ahead,
    enter_new,
    entrant_changes,
    own_deleted,
    still_protected,
)
from jukinet.register.entries import Changes
from jukinet.register.measures import fresh_chain, tell_former_town, together
from jukinet.register.worksheet import Sheet


def move_in(sheet: Sheet, notification: law.MoveIn) -> None:
    """Move-in (art. 22)."""
    address, town = notification.address, notification.came_from
    check_address(sheet, address)
    if not notification.movers:
        raise Malformed("movers: name at least one person who moves in (art. 22)")
    if town is not None:
        municipality(town)
    claim_codes(sheet, notification.movers)
    home = check_home(sheet, notification.household)
    for mover in notification.movers:
        if town is None or town == sheet.situation.town:  # from abroad; lived here before
            enter_new(sheet, mover, address, home)
        elif town.digits not in sheet.situation.network:
            enter_new(sheet, mover, address, home, came_from=town)
        else:
            _enter_mover(sheet, mover, address, home, town)


def _enter_mover(
    sheet: Sheet, mover: law.Entrant, address: Address, home: int, town: MunicipalityCode
) -> None:
    """A person from another town: with its certificate, or ahead of it (then it is asked for)."""
    if mover.code is None:
        raise Malformed("code: a person from another town has one; read it off the paper (art. 22)")
    if mover.code.digits in sheet.situation.withdrawn:
        raise Refused(
            "code: the former town has taken this certificate back (転出の取消); the move-out must "
            "be notified there anew (art. 24)"
        )
    certificate = sheet.situation.certificates.get(mover.code.digits)
    if certificate is None:
        known = own_deleted(sheet, mover.code, mover.birth_date)
        enter_ahead(sheet, still_protected(mover, known), mover.code, address, home, town)
    else:
        _enter_with(sheet, mover, certificate, address, home, town)


def _enter_with(
    sheet: Sheet,
    mover: law.Entrant,
    certificate: TransferCertificate,
    address: Address,
    home: int,
    town: MunicipalityCode,
) -> None:
    locator = certificate.attachment.locator
    own = sheet.situation.namesakes.get(locator, ())
    for record in own:
        if record.live:
            raise Refused(
                f"record {record.number}: this person is a resident here already (art. 22)"
            )
    _refuse_borne(sheet, certificate.code)
    if mover.birth_date != certificate.birth_date:
        raise Malformed(
            "birth date: the former town's certificate has another; compare the two papers"
        )
    attachment, measures = certificate.attachment, together(certificate.measures, mover.measures)
    if measures != certificate.measures:  # some begin with the move
        attachment = fresh_chain(sheet, attachment)
    entrant = msgspec.structs.replace(
        mover, previous_address=certificate.former_address, measures=measures
    )
    changes = entrant_changes(
        sheet,
        entrant,
        address,
        home,
        code=certificate.code,
        individual_number=certificate.individual_number,
        attachment=attachment,
        former_town=town,
    )
    record = sheet.enter(changes, version=_above(own, certificate.version))
    sheet.used.append(certificate.code)
    sheet.tell(town, MoveInNotice(locator=locator, moved_on=sheet.on))
    known_there = msgspec.structs.replace(record, measures=certificate.measures)
    tell_former_town(sheet, known_there, record)


def _refuse_borne(sheet: Sheet, code: ResidentCode) -> None:
    """Refused where a code that comes with a certificate is some resident's already."""
    bearer = sheet.situation.bearers.get(code.digits)
    if bearer is not None and bearer.live:
        raise belongs_already(bearer.number)


def _never_was(record: Record) -> bool:
    return record.deleted is not None and record.deleted.cause is DeletionCause.NEVER_WAS


def _above(own: Iterable[Record], version: int) -> int:
    """A version above all that this town has given the person under earlier records."""
    return max([version, *(record.version + 1 for record in own)])


def attachment_arrived(sheet: Sheet, notification: law.AttachmentArrived) -> None:
    """The former town's certificate came after the move-in.

    The person may have died or left meanwhile: then the centre hears that, in the end, too.
    """
    record, arrived = sheet.record(notification.person), notification.attachment
    if record.attachment or record.former_town is None or _never_was(record):
        raise Refused(f"record {record.number}: it waits for no attachment")
    measures = together(notification.measures, record.measures)
    if measures != notification.measures:  # some began here, before the former town was heard
        arrived = fresh_chain(sheet, arrived)
    changes = Changes(
        attachment=arrived,
        individual_number=notification.individual_number,
        measures=measures,
    )
    if notification.code is not None:
        _refuse_borne(sheet, notification.code)
        changes = msgspec.structs.replace(changes, code=notification.code)
        sheet.released.append(record.code)
    own = sheet.situation.namesakes.get(arrived.locator, ())
    after = sheet.correct(
        record.number, changes, version=_above([*own, record], notification.version)
    )
    if after.live or notification.code is not None:
        sheet.bear(after)
    sheet.reason = _REASON_GONE[after.deleted.cause] if after.deleted else None
    sheet.tell(
        record.former_town, MoveInNotice(locator=arrived.locator, moved_on=record.resident_since)
    )
    tell_former_town(sheet, msgspec.structs.replace(after, measures=notification.measures), after)


_REASON_GONE = {
    DeletionCause.DIED: Reason.DEATH,
    DeletionCause.MOVED_OUT: Reason.MOVE_OUT,
    DeletionCause.EX_OFFICIO: Reason.EX_OFFICIO_DELETION,
    DeletionCause.NEVER_WAS: Reason.EX_OFFICIO_DELETION,
    DeletionCause.UNITED: Reason.EX_OFFICIO_DELETION,
}


def move_inside(sheet: Sheet, notification: law.MoveInside) -> None:
    """Move inside (art. 23)."""
    check_address(sheet, notification.address)
    if not notification.placements:
        raise Malformed("placements: name at least one person who moves (art. 23)")
    for placement in notification.placements:
        record = sheet.live(placement.person)
        if record.address == notification.address:
            raise Refused(f"record {record.number}: that is the present address already")
        sheet.correct(
            placement.person,
            Changes(
                address=notification.address,
                address_since=sheet.on,
                previous_address=written_out(record.address),
                household=sheet.home(placement.household),
                relationship=placement.relationship,
            ),
        )
    sheet.place(notification.staying)


def move_out(sheet: Sheet, notification: law.MoveOut) -> None:
    """Move-out (art. 24): a plan; the certificate goes to the destination with it."""
    destination = notification.destination
    if destination == sheet.situation.town:
        raise Malformed("destination: that is this town; a move inside is another form (art. 23)")
    if destination is not None:
        municipality(destination)
    if not notification.persons:
        raise Malformed("persons: name at least one person who moves out (art. 24)")
    for person in notification.persons:
        if sheet.live(person).planned is not None:
            raise Refused(
                f"record {person}: a move-out is planned already; cancel that notification first"
            )
        plan = PlannedMoveOut(
            on=notification.filed.event_date,
            destination=destination,
            filed_as=notification.filed.number,
        )
        sheet.correct(person, Changes(planned=plan))


def moved_in_elsewhere(sheet: Sheet, notification: law.MovedInElsewhere) -> None:
    """The new town's notice deletes the record (art. 9)."""
    sheet.may_be_open = True
    sheet.delete(
        notification.person,
        Deletion(cause=DeletionCause.MOVED_OUT, on=sheet.on, destination=notification.town),
    )


def move_out_due(sheet: Sheet, notification: law.MoveOutDue) -> None:
    """The planned day of a move abroad has come."""
    sheet.may_be_open = True
    if not notification.persons:
        raise Malformed("persons: name at least one person whose day has come")
    for person in notification.persons:
        record = sheet.live(person)
        if record.planned is None or record.planned.destination is not None:
            raise Refused(f"record {person}: no move abroad is planned")
        if record.planned.on > sheet.on:
            raise Refused(f"record {person}: the planned day has not come yet (art. 24)")
        sheet.delete(person, Deletion(cause=DeletionCause.MOVED_OUT, on=sheet.on))
