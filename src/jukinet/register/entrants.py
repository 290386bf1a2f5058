"""Entrants (記載される者): what a new record needs, checked field by field.

A citizen has a family register, a foreign resident a nationality, class, status and period in its
place (Act, arts. 7 and 30-45); a code is brought along or drawn.
"""

from datetime import timedelta
from typing import Any

from jukinet.errors import Malformed, Refused
from jukinet.law import notification as law
from jukinet.law.record import Foreigner, ResidentClass
from jukinet.names.address import Address
from jukinet.register.book import Changes
from jukinet.register.worksheet import Sheet

TRANSITIONAL_DAYS = 60  # art. 30-45


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
    if entrant.birth_date.earliest > sheet.on:
        raise Malformed("birth date: it is after the event date; check both (art. 7 ii)")
    if (entrant.family_register is None) == (entrant.foreigner is None):
        raise Malformed(
            "family register: a citizen has one (art. 7 v) and a foreign resident a nationality "
            "and class in its place (art. 30-45); give one of the two"
        )
    if entrant.name.alias and entrant.foreigner is None:
        raise Malformed("alias: only a foreign resident's record has one (Order, art. 30-16)")
    check_foreigner(sheet, entrant.foreigner)


def check_foreigner(sheet: Sheet, foreigner: Foreigner | None) -> None:
    """Malformed where class, status and period do not fit together (art. 30-45)."""
    if foreigner is None:
        return
    until, kind = foreigner.period_until, foreigner.resident_class
    if kind is ResidentClass.SPECIAL_PERMANENT:
        if until is not None:
            raise Malformed("period: a special permanent resident has none (art. 30-45)")
        return
    if kind is ResidentClass.TRANSITIONAL and (
        until is None or until > sheet.on + timedelta(days=TRANSITIONAL_DAYS)
    ):
        raise Malformed(
            f"period: a transitional resident's ends within {TRANSITIONAL_DAYS} days (art. 30-45)"
        )
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


def enter_new(sheet: Sheet, entrant: law.Entrant, address: Address, home: int) -> None:
    """A person without a former town: a code of one's own, or one drawn now."""
    if entrant.code is not None:
        sheet.draw.claim(entrant.code)
        code, number = entrant.code, entrant.individual_number
    else:
        code, number = sheet.draw.code()
    sheet.enter(
        entrant_changes(
            sheet,
            entrant,
            address,
            home,
            code=code,
            individual_number=number,
            attachment=sheet.draw.attachment(),
        )
    )
