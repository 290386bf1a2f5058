"""Persons (身分・職権): births, deaths, names, nationality, codes, and what is done ex officio."""

import msgspec

from jukinet.errors import Malformed, Refused
from jukinet.law import notification as law
from jukinet.law.identity import Name
from jukinet.law.notice import Reason
from jukinet.law.record import Deletion, DeletionCause, FamilyRegister, Record
from jukinet.register.entrants import (
    check_address,
    check_alias,
    check_born,
    check_foreigner,
    check_home,
    check_register,
    claim_codes,
    enter_new,
)
from jukinet.register.entries import Changes, EntryKind
from jukinet.register.measures import keep_hidden
from jukinet.register.worksheet import Sheet


def birth(sheet: Sheet, notification: law.Birth) -> None:
    """Birth: a new record with a code from the pool."""
    members = sheet.members(notification.household)
    if not members:
        raise Refused(
            f"household {notification.household}: nobody lives in it; a newborn is entered in the "
            "household of a parent"
        )
    if notification.child.code is not None:
        raise Malformed("code: a newborn has none; leave it out and one is drawn (art. 30-3)")
    born = notification.child.birth_date
    if not born.earliest <= sheet.on <= born.latest:
        raise Malformed("birth date: the event date of a birth is the day of the birth (art. 7 ii)")
    enter_new(sheet, notification.child, members[0].address, notification.household)


def death(sheet: Sheet, notification: law.Death) -> None:
    """Death: the record is deleted; a head's leaves the household open, or names the next."""
    sheet.may_be_open = True
    check_born(sheet, sheet.live(notification.person).birth_date)
    sheet.delete(notification.person, Deletion(cause=DeletionCause.DIED, on=sheet.on))
    sheet.place(notification.placements)


def ex_officio_entry(sheet: Sheet, notification: law.ExOfficioEntry) -> None:
    """Ex officio entry (art. 8)."""
    check_address(sheet, notification.address)
    if not notification.entrants:
        raise Malformed("entrants: name at least one person (art. 8)")
    claim_codes(sheet, notification.entrants)
    home = check_home(sheet, notification.household)
    for entrant in notification.entrants:
        enter_new(sheet, entrant, notification.address, home)


def ex_officio_correction(sheet: Sheet, notification: law.ExOfficioCorrection) -> None:
    """Ex officio correction (art. 8)."""
    fields = {
        name: value
        for name in ("name", "birth_date", "sex", "address", "relationship", "family_register")
        if (value := getattr(notification, name)) is not None
    }
    if not fields:
        raise Malformed("correction: say which item is to read what (art. 8)")
    if notification.address is not None:
        check_address(sheet, notification.address)
    if notification.birth_date is not None:
        check_born(sheet, notification.birth_date)
    _check_paper(sheet.live(notification.person), notification.name, notification.family_register)
    sheet.correct(notification.person, Changes(**fields))


def _check_paper(record: Record, name: Name | None, register: FamilyRegister | None) -> None:
    """Malformed where a name or family register would not be one of the record's kind."""
    if name is not None:
        check_alias(name, record.foreigner)
    check_register(register)
    if register is not None and record.foreigner is not None:
        raise Malformed("family register: a foreign resident's record has none (art. 30-45)")


def ex_officio_deletion(sheet: Sheet, notification: law.ExOfficioDeletion) -> None:
    """Ex officio deletion (art. 8)."""
    sheet.may_be_open = True
    sheet.delete(notification.person, Deletion(cause=DeletionCause.EX_OFFICIO, on=sheet.on))
    sheet.place(notification.placements)


def double_registration(sheet: Sheet, notification: law.DoubleRegistration) -> None:
    """Two records of one person united: one is deleted, and leads to the one that is kept.

    Whoever was hidden by either stays hidden: support measures of both stand on the one kept.
    """
    gone, kept = sheet.live(notification.person), sheet.live(notification.kept)
    _refuse_two_people(gone, kept)
    assert kept.attachment is not None
    sheet.may_be_open = True
    deletion = Deletion(cause=DeletionCause.UNITED, on=sheet.on, kept=kept.attachment.locator)
    sheet.delete(gone.number, deletion)
    sheet.place(notification.placements)
    keep_hidden(sheet, kept, gone.measures)


def _refuse_two_people(gone: Record, kept: Record) -> None:
    """Refused where two records are not, on their face, of one person whom the network knows."""
    if gone.attachment is None or kept.attachment is None:
        raise Refused(
            "records: the former town's certificate has not come for one of them; unite them "
            "when it has"
        )
    if (gone.birth_date, gone.sex) != (kept.birth_date, kept.sex):
        raise Refused(
            f"records {gone.number} and {kept.number}: birth date or sex differ; correct the wrong "
            "one first, or these are two people (art. 8)"
        )


def re_registration(sheet: Sheet, notification: law.ReRegistration) -> None:
    """Restoration of a deleted record."""
    record = sheet.record(notification.person)
    if record.deleted is None:
        raise Refused(f"record {record.number}: it stands; there is nothing to restore")
    if record.deleted.cause is DeletionCause.MOVED_OUT:
        raise Refused(
            f"record {record.number}: the person moved out; a return is a move-in (art. 22)"
        )
    if record.deleted.cause is DeletionCause.NEVER_WAS:
        raise Refused(f"record {record.number}: it never was; make a new entry instead (art. 8)")
    if record.deleted.cause is DeletionCause.UNITED:
        raise Refused(
            f"record {record.number}: it was united with another; cancel that notification instead"
        )
    sheet.refuse_twin(record.number)
    home = sheet.home(notification.placement.household)
    changes = Changes(
        deleted=None, household=home, relationship=notification.placement.relationship
    )
    sheet.bear(sheet.correct(record.number, changes))


def name_change(sheet: Sheet, notification: law.NameChange) -> None:
    """Change of name."""
    record, register = sheet.live(notification.person), notification.family_register
    _check_paper(record, notification.name, register)
    changes = Changes(name=notification.name)
    if register is not None:
        changes = Changes(name=notification.name, family_register=register)
    sheet.correct(notification.person, changes)


def _change_nationality(sheet: Sheet, person: int, changes: Changes) -> None:
    """One record deleted and the other entered, of the same person with the same code."""
    gone = Deletion(cause=DeletionCause.EX_OFFICIO, on=sheet.on)
    sheet.write(EntryKind.DELETION, person, Changes(deleted=gone))
    sheet.write(EntryKind.ENTRY, person, msgspec.structs.replace(changes, deleted=None))


def naturalisation(sheet: Sheet, notification: law.Naturalisation) -> None:
    """Naturalisation: the same person and code, a citizen's record."""
    if sheet.live(notification.person).foreigner is None:
        raise Refused(f"record {notification.person}: it is a citizen's already")
    check_alias(notification.name, None)
    check_register(notification.family_register)
    changes = Changes(
        name=notification.name, family_register=notification.family_register, foreigner=None
    )
    _change_nationality(sheet, notification.person, changes)


def loss_of_nationality(sheet: Sheet, notification: law.LossOfNationality) -> None:
    """Loss of nationality: the same person and code, a foreign resident's record."""
    if sheet.live(notification.person).foreigner is not None:
        raise Refused(f"record {notification.person}: it is a foreign resident's already")
    check_foreigner(sheet, notification.foreigner)
    changes = Changes(
        name=notification.name, family_register=None, foreigner=notification.foreigner
    )
    _change_nationality(sheet, notification.person, changes)


def status_change(sheet: Sheet, notification: law.StatusChange) -> None:
    """A foreign resident's status or period."""
    if sheet.live(notification.person).foreigner is None:
        raise Refused(f"record {notification.person}: a citizen has no status of residence")
    check_foreigner(sheet, notification.foreigner)
    sheet.correct(notification.person, Changes(foreigner=notification.foreigner))


def code_change(sheet: Sheet, notification: law.CodeChange) -> None:
    """Change of the code (art. 30-4); the individual number stays as it is, or as it will come."""
    record = sheet.live(notification.person)
    code, number = sheet.draw.code()
    changes = Changes(code=code)
    if record.individual_number is None and record.attachment is not None:
        changes = Changes(code=code, individual_number=number)
    sheet.bear(sheet.correct(notification.person, changes))
    sheet.released.append(record.code)
    if notification.ex_officio:
        sheet.reason = Reason.EX_OFFICIO_CODE


def household_change(sheet: Sheet, notification: law.HouseholdChange) -> None:
    """Change of household or head (art. 25)."""
    if not notification.placements:
        raise Malformed("placements: say who is in which household, as what (art. 25)")
    sheet.place(notification.placements)
    if not sheet.entries:
        raise Refused("placements: everybody stands as you say already; nothing to enter")
