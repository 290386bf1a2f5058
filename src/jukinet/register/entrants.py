"""Entrants (記載される者): what a new record needs, checked field by field.

A citizen has a family register, a foreign resident a nationality, class, status and period in its
place (Act, arts. 7 and 30-45); a code is brought along or drawn.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec

from jukinet.errors import Malformed, Refused
from jukinet.law import notification as law
from jukinet.law.identity import Name
from jukinet.law.record import DeletionCause, FamilyRegister, Foreigner, Record, ResidentClass
from jukinet.law.transfer import TransferRequest
from jukinet.names.address import Address
from jukinet.names.era import PartialDate
from jukinet.numbers.individual_number import IndividualNumber
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register.certificates import next_residence
from jukinet.register.codes import belongs_already
from jukinet.register.entries import Changes
from jukinet.register.worksheet import Sheet

TRANSITIONAL_DAYS = 60  # art. 30-45
TEXT_MAX = 200  # characters of a text that is kept as it came


def entrant_changes(
    sheet: Sheet, entrant: law.Entrant, address: Address, home: int, **more: Any
) -> Changes:
    """What the entry of a new record sets; the entrant's paper has been checked."""
    check_entrant(sheet, entrant)
    return Changes(
        name=entrant.name,
        birth_date=entrant.birth_date,
        sex=entrant.sex,
        address=address,
        household=home,
        relationship=entrant.relationship,
        resident_since=entrant.resident_since or sheet.on,
        address_since=entrant.address_since or sheet.on,
        previous_address=entrant.previous_address,
        family_register=entrant.family_register,
        foreigner=entrant.foreigner,
        measures=entrant.measures,
        **more,
    )


def check_entrant(sheet: Sheet, entrant: law.Entrant) -> None:
    """Malformed where the paper of an entrant does not hold together."""
    check_born(sheet, entrant.birth_date)
    if (entrant.family_register is None) == (entrant.foreigner is None):
        raise Malformed(
            "family register: a citizen has one (art. 7 v) and a foreign resident a nationality "
            "and class in its place (art. 30-45); give one of the two"
        )
    check_alias(entrant.name, entrant.foreigner)
    check_register(entrant.family_register)
    check_foreigner(sheet, entrant.foreigner)
    _check_length("previous address", entrant.previous_address)


def check_born(sheet: Sheet, birth_date: PartialDate) -> None:
    """Malformed where somebody would be born only after the event."""
    if birth_date.earliest > sheet.on:
        raise Malformed("birth date: it is after the event date; check both (art. 7 ii)")


def check_alias(name: Name, foreigner: Foreigner | None) -> None:
    """Malformed where a citizen would have an alias."""
    if foreigner is None and (name.alias or name.alias_reading):
        raise Malformed("alias: only a foreign resident's record has one (Order, art. 30-16)")


def check_register(register: FamilyRegister | None) -> None:
    """Malformed where a family register's texts are longer than any certificate has room for."""
    if register is not None:
        _check_length("family register", register.place)
        _check_length("family register", register.first_named)


def _check_length(field: str, text: str) -> None:
    if len(text) > TEXT_MAX:
        raise Malformed(f"{field}: {len(text)} characters; at most {TEXT_MAX} have room")


def check_foreigner(sheet: Sheet, foreigner: Foreigner | None) -> None:
    """Malformed where class, status and period do not fit together (art. 30-45)."""
    if foreigner is None:
        return
    for field in ("nationality", "status", "card_number"):
        _check_length(field.replace("_", " "), getattr(foreigner, field))
    until, kind = foreigner.period_until, foreigner.resident_class
    if kind is ResidentClass.SPECIAL_PERMANENT and until is not None:
        raise Malformed("period: a special permanent resident has none (art. 30-45)")
    if kind is ResidentClass.TRANSITIONAL and (
        until is None or not sheet.on <= until <= sheet.on + timedelta(days=TRANSITIONAL_DAYS)
    ):
        raise Malformed(
            f"period: a transitional resident's ends within {TRANSITIONAL_DAYS} days (art. 30-45)"
        )
    if kind is ResidentClass.PROVISIONAL and until is None:
        raise Malformed("period: give the last day of the provisional stay (art. 30-45)")
    if kind is ResidentClass.MID_LONG_TERM and not foreigner.status:
        raise Malformed("status: a mid- or long-term resident's is written (art. 30-45)")


def check_address(sheet: Sheet, address: Address) -> None:
    """Malformed where an address lies in another municipality."""
    if address.municipality != sheet.situation.town.digits:
        raise Malformed(
            f"address: it lies in {address.municipality}, and this desk registers residents of "
            f"{sheet.situation.town.digits} only (art. 5)"
        )


def check_home(sheet: Sheet, household: int | None) -> int:
    """The household to enter people into; Refused where nobody lives in it."""
    if household is not None and not sheet.members(household):
        raise Refused(f"household {household}: nobody lives in it; leave it out for a new one")
    return sheet.home(household)


def claim_codes(sheet: Sheet, entrants: Iterable[law.Entrant]) -> None:
    """Keep the codes that people state from being drawn for the others."""
    for entrant in entrants:
        if entrant.code is not None:
            sheet.draw.claim(entrant.code)


def enter_new(
    sheet: Sheet,
    entrant: law.Entrant,
    address: Address,
    home: int,
    *,
    came_from: MunicipalityCode | None = None,
) -> None:
    """A person whom no town of the network sends: with a code of one's own, or one drawn now.

    Whoever lived in this town before comes back as the same person, to index and sectors too.
    """
    known = own_deleted(sheet, entrant.code, entrant.birth_date) if entrant.code else None
    if known and known.attachment is None and known.former_town is not None:
        # What the former town still has to send is this person's, not the deleted record's.
        protected = still_protected(entrant, known)
        enter_ahead(sheet, protected, known.code, address, home, known.former_town)
        return
    code, number = _numbers(sheet, entrant, known)
    attachment = known.attachment if known else None
    changes = entrant_changes(
        sheet,
        still_protected(entrant, known),
        address,
        home,
        code=code,
        individual_number=number,
        attachment=attachment or sheet.draw.attachment(),
        former_town=came_from,
    )
    # The person may have lived in one other town meanwhile; this residence is above that one.
    version = next_residence(next_residence(known.version)) if known and attachment else None
    sheet.enter(changes, version=version)


def enter_ahead(
    sheet: Sheet,
    entrant: law.Entrant,
    code: ResidentCode,
    address: Address,
    home: int,
    town: MunicipalityCode,
) -> None:
    """A person ahead of the certificate of the town of before, which is asked for it."""
    changes = entrant_changes(
        sheet,
        entrant,
        address,
        home,
        code=code,
        individual_number=None,
        attachment=None,
        former_town=town,
    )
    sheet.enter(changes, version=0)
    request = TransferRequest(code=code, birth_date=entrant.birth_date, moved_on=sheet.on)
    sheet.tell(town, request)


def _numbers(
    sheet: Sheet, entrant: law.Entrant, known: Record | None
) -> tuple[ResidentCode, IndividualNumber | None]:
    """The numbers that a person has in this town's book, states, or is now given."""
    if known is not None:
        return known.code, known.individual_number
    if entrant.code is not None:
        return entrant.code, entrant.individual_number
    return sheet.draw.code()


def own_deleted(sheet: Sheet, code: ResidentCode, birth_date: PartialDate) -> Record | None:
    """This town's deleted record of a person who states a code; None where it has none.

    Refused where the code belongs to anybody else: no code is ever another person's.
    """
    bearer = sheet.situation.bearers.get(code.digits)
    if bearer is None:
        return None
    if bearer.deleted is None or bearer.deleted.cause is DeletionCause.DIED:
        raise belongs_already(bearer.number)
    if bearer.deleted.cause is DeletionCause.UNITED:
        raise Refused(
            f"code: record {bearer.number}, which bore it, was united with another record of the "
            "same person; look that one up and state its code (art. 8)"
        )
    if bearer.birth_date != birth_date and bearer.deleted.cause is not DeletionCause.NEVER_WAS:
        raise belongs_already(bearer.number)
    return bearer


def still_protected(entrant: law.Entrant, known: Record | None) -> law.Entrant:
    """Support measures that stood when the person left stand until they are ended."""
    if known is None or entrant.measures or not known.measures:
        return entrant
    return msgspec.structs.replace(entrant, measures=known.measures)
