"""Moves (転入, 転居, 転出): into the town, inside it, and out of it.

A move-out is planned beforehand and ends with the new town's notice of the move-in. A move-in may
come before the former town's certificate: the person is entered, and the certificate is asked for.
"""

import msgspec

from jukinet.errors import Malformed, Refused
from jukinet.law import notification as law
from jukinet.law.record import Deletion, DeletionCause, PlannedMoveOut, Record, written_out
from jukinet.law.transfer import MoveInNotice, TransferCertificate, TransferRequest
from jukinet.names.address import Address
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.register.book import Changes
from jukinet.register.entrants import check_address, check_home, enter_new, entrant_changes
from jukinet.register.worksheet import RESIDENCE, Sheet


def next_residence(version: int) -> int:
    """The first person version of the next residence: above all that this town will ever give."""
    return (version // RESIDENCE + 1) * RESIDENCE


def move_in(sheet: Sheet, notification: law.MoveIn) -> None:
    """Move-in (art. 22)."""
    check_address(sheet, notification.address)
    if not notification.movers:
        raise Malformed("movers: name at least one person who moves in (art. 22)")
    home = check_home(sheet, notification.household)
    for mover in notification.movers:
        if notification.came_from is None:
            enter_new(sheet, mover, notification.address, home)
        else:
            _enter_mover(sheet, mover, notification.address, home, notification.came_from)


def _enter_mover(
    sheet: Sheet, mover: law.Entrant, address: Address, home: int, town: MunicipalityCode
) -> None:
    """A person from another town: with its certificate, or ahead of it (then it is asked for)."""
    if mover.code is None:
        raise Malformed("code: a person from another town has one; read it off the paper (art. 22)")
    certificate = sheet.situation.certificates.get(mover.code.digits)
    if certificate is None:
        sheet.draw.claim(mover.code)
        changes = entrant_changes(
            sheet,
            mover,
            address,
            home,
            code=mover.code,
            individual_number=None,
            attachment=None,
            former_town=town,
        )
        sheet.enter(changes, version=0)
        request = TransferRequest(code=mover.code, birth_date=mover.birth_date, moved_on=sheet.on)
        sheet.letters.append((town, request))
        return
    already = sheet.situation.residents.get(certificate.attachment.locator)
    if already is not None:
        raise Refused(f"record {already}: this person is a resident here already (art. 22)")
    if mover.birth_date != certificate.birth_date:
        raise Malformed(
            "birth date: the former town's certificate has another; compare the two papers"
        )
    entrant = msgspec.structs.replace(
        mover,
        previous_address=certificate.former_address,
        measures=certificate.measures,
    )
    changes = entrant_changes(
        sheet,
        entrant,
        address,
        home,
        code=certificate.code,
        individual_number=certificate.individual_number,
        attachment=certificate.attachment,
        former_town=town,
    )
    sheet.enter(changes, version=certificate.version)
    notice = MoveInNotice(locator=certificate.attachment.locator, moved_on=sheet.on)
    sheet.letters.append((town, notice))


def attachment_arrived(sheet: Sheet, notification: law.AttachmentArrived) -> None:
    """The former town's certificate came after the move-in."""
    record = sheet.live(notification.person)
    if record.attachment is not None:
        raise Refused(f"record {record.number}: its attachment has come already")
    assert record.former_town is not None
    sheet.correct(
        notification.person,
        Changes(
            attachment=notification.attachment,
            individual_number=notification.individual_number,
            measures=notification.measures,
        ),
        version=notification.version,
    )
    sheet.bearers.append((record.code, notification.individual_number, record.number))
    notice = MoveInNotice(locator=notification.attachment.locator, moved_on=record.resident_since)
    sheet.letters.append((record.former_town, notice))


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
    """Move-out (art. 24): a plan, and a certificate to the destination."""
    destination = notification.destination
    if destination == sheet.situation.town:
        raise Malformed("destination: that is this town; a move inside is another form (art. 23)")
    if not notification.persons:
        raise Malformed("persons: name at least one person who moves out (art. 24)")
    for person in notification.persons:
        record = sheet.live(person)
        if record.planned is not None:
            raise Refused(
                f"record {person}: a move-out is planned for {record.planned.on} already; "
                "cancel that notification first"
            )
        plan = PlannedMoveOut(
            on=notification.filed.event_date,
            destination=destination,
            filed_as=notification.filed.number,
        )
        record = sheet.correct(person, Changes(planned=plan))
        if destination is not None and record.attachment is not None:
            sheet.letters.append((destination, certificate_of(record)))


def certificate_of(record: Record) -> TransferCertificate:
    """The move-out certificate of a record whose move-out is planned or done (Order, art. 23)."""
    assert record.attachment is not None
    planned = record.planned.on if record.planned else None
    deleted = record.deleted.on if record.deleted else None
    day = planned or deleted
    assert day is not None
    return TransferCertificate(
        name=record.name,
        birth_date=record.birth_date,
        sex=record.sex,
        code=record.code,
        individual_number=record.individual_number,
        family_register=record.family_register,
        foreigner=record.foreigner,
        former_address=written_out(record.address),
        planned_on=day,
        attachment=record.attachment,
        version=next_residence(record.version),
        measures=record.measures,
    )


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
    for person in notification.persons:
        record = sheet.live(person)
        if record.planned is None or record.planned.destination is not None:
            raise Refused(f"record {person}: no move abroad is planned")
        sheet.delete(person, Deletion(cause=DeletionCause.MOVED_OUT, on=sheet.on))
