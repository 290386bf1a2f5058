"""Reading (届出書の読み取り): from a form as a clerk filled it in to the Act's own noun.

One function for each kind of notification. Each reads all its fields and gives a notification, or
None where something is amiss; the form then says what.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import partial
from typing import Final, NamedTuple

from jukinet.errors import Malformed
from jukinet.law import notification as law
from jukinet.law.identity import Name, Sex
from jukinet.law.protection import Threat
from jukinet.law.record import (
    FamilyRegister,
    Foreigner,
    Record,
    Relationship,
    ResidentClass,
    parse_relationship,
)
from jukinet.law.transfer import TransferCertificate
from jukinet.names import address as addresses
from jukinet.names import era, legal
from jukinet.names.address import Address
from jukinet.names.characters import refuse_unfit
from jukinet.names.era import PartialDate
from jukinet.numbers import municipality_code, resident_code
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.web.desk.search import number_of
from jukinet.web.forms import NEEDED, Form
from jukinet.web.marks import mark

MOVERS_MAX: Final = 12
ABROAD, NEW, JOIN = "abroad", "new", "join"
CITIZEN, FOREIGNER = "citizen", "foreigner"
PLACE_MAX: Final = 200

WHO: Final = {
    law.Who.SELF: mark("the person"),
    law.Who.HOUSEHOLD: mark("a member of the household"),
    law.Who.PROXY: mark("a proxy with a letter"),
    law.Who.OFFICE: mark("another office's notice"),
}
STEPS: Final = {
    law.MeasureStep.BEGIN: mark("begin"),
    law.MeasureStep.RENEW: mark("renew"),
    law.MeasureStep.END: mark("end, as the person wishes"),
}
THREATS: Final = {
    Threat.VIOLENCE: mark("violence of a spouse or partner"),
    Threat.STALKING: mark("stalking"),
    Threat.CHILD_ABUSE: mark("child abuse"),
    Threat.OTHER: mark("something like these"),
}
PROOFS: Final = {
    law.Proof.NUMBER_CARD: mark("individual number card"),
    law.Proof.DRIVING_LICENCE: mark("driving licence"),
    law.Proof.PASSPORT: mark("passport"),
    law.Proof.RESIDENCE_CARD: mark("residence card"),
    law.Proof.TWO_PAPERS: mark("two other papers"),
    law.Proof.OFFICE_PAPER: mark("an office's own paper"),
}


class About(NamedTuple):
    """Whom a form is about, and at which desk."""

    town: MunicipalityCode
    today: date
    record: Record | None
    members: tuple[Record, ...]

    def __repr__(self) -> str:
        return "<About>"


def move_in(form: Form, about: About) -> law.MoveIn | None:
    """Move-in: one or more people, from another town or from abroad."""
    filed = _filed(form, about)
    movers = [_entrant(form, prefix) for prefix in movers_of(form)]
    address = _address(form, about)
    household = _household(form)
    came_from = _town(form, "came_from")
    whole = [mover for mover in movers if mover]
    if filed is None or address is None or len(whole) < len(movers) or not form.sound:
        return None
    return law.MoveIn(
        filed=filed,
        movers=tuple(whole),
        address=address,
        household=household,
        came_from=came_from,
    )


def birth(form: Form, about: About) -> law.Birth | None:
    """Birth: a child of the household."""
    form.put("m0_birth", form["event_date"])
    filed, child = _filed(form, about), _entrant(form, "m0_", born=True)
    if filed is None or child is None or about.record is None or not form.sound:
        return None
    return law.Birth(filed=filed, child=child, household=about.record.household)


def death(form: Form, about: About) -> law.Death | None:
    """Death: the record's, and whoever becomes the head."""
    filed = _filed(form, about)
    others = [one for one in about.members if about.record and one.number != about.record.number]
    placements = _changed(form, others)
    if filed is None or about.record is None or not form.sound:
        return None
    return law.Death(filed=filed, person=about.record.number, placements=placements)


def move_inside(form: Form, about: About) -> law.MoveInside | None:
    """Move inside the town: some of a household, or all."""
    filed, address, household = _filed(form, about), _address(form, about), _household(form)
    going = _going(form, about.members)
    placements = [
        law.Placement(person=one.number, relationship=relationship, household=household)
        for one in going
        if (relationship := _relationship(form, f"rel_{one.number}")) is not None
    ]
    staying = _changed(form, [one for one in about.members if one not in going])
    if filed is None or address is None or not form.sound:
        return None
    if household is None and len(going) == len(about.members):
        household = about.members[0].household  # a whole household moves and stays one
        placements = [
            law.Placement(person=one.person, relationship=one.relationship, household=household)
            for one in placements
        ]
    return law.MoveInside(
        filed=filed, placements=tuple(placements), address=address, staying=staying
    )


def move_out(form: Form, about: About) -> law.MoveOut | None:
    """Move-out, beforehand: some of a household, or all."""
    filed, going = _filed(form, about), _going(form, about.members)
    destination = _town(form, "destination")
    if filed is None or not form.sound:
        return None
    return law.MoveOut(
        filed=filed, persons=tuple(one.number for one in going), destination=destination
    )


def household_change(form: Form, about: About) -> law.HouseholdChange | None:
    """Change of household or head: who stands otherwise, and who makes a household of their own."""
    filed = _filed(form, about)
    leaving = [one for one in about.members if form.has("goes", str(one.number))]
    own = [
        law.Placement(person=one.number, relationship=relationship, household=None)
        for one in leaving
        if (relationship := _relationship(form, f"rel_{one.number}")) is not None
    ]
    staying = _changed(form, [one for one in about.members if one not in leaving])
    if filed is None or not form.sound:
        return None
    return law.HouseholdChange(filed=filed, placements=(*own, *staying))


def measures(form: Form, about: About) -> law.MeasureRequest | None:
    """Support measures begun, renewed or ended, for a person and those who live with them."""
    form.put("event_date", about.today.isoformat())
    filed, going = _filed(form, about), _going(form, about.members)
    step = form.read("measure", law.MeasureStep)
    ending = step is law.MeasureStep.END
    threat = form.read("threat", Threat, need=step is law.MeasureStep.BEGIN)
    until = form.read("until", _day_of("until"), need=not ending)
    if filed is None or step is None or not form.sound:
        return None
    return law.MeasureRequest(
        filed=filed,
        persons=tuple(one.number for one in going),
        step=step,
        threat=threat or Threat.OTHER,
        until=None if ending else until,
    )


def code_change(form: Form, about: About) -> law.CodeChange | None:
    """Change of the code: nothing but who asks, and no reason."""
    form.put("event_date", about.today.isoformat())
    filed = _filed(form, about)
    if filed is None or about.record is None or not form.sound:
        return None
    return law.CodeChange(filed=filed, person=about.record.number)


# --- parts ----------------------------------------------------------------------------------------


def movers_of(form: Form) -> list[str]:
    """The prefixes of the people on a form: m0_, m1_, ..."""
    count = int(form["count"]) if form["count"].isascii() and form["count"].isdecimal() else 1
    return [f"m{place}_" for place in range(min(max(count, 1), MOVERS_MAX))]


def _filed(form: Form, about: About) -> law.Filed | None:
    event_date = form.read("event_date", _day)
    who = form.read("who", law.Who)
    proof = form.read("proof", law.Proof)
    if event_date is None or who is None or proof is None:
        return None
    return law.Filed(
        number=form["number"],
        event_date=event_date,
        notice_date=about.today,
        who=who,
        proof=proof,
    )


def _day(text: str) -> date:
    return _day_of("event date")(text)


def _day_of(field: str) -> Callable[[str], date]:
    """Reads a day of which nothing may be unknown."""

    def read(text: str) -> date:
        found = era.parse(text, field=field).date
        if found is None:
            raise Malformed(f"{field}: the day is missing; write it, or 日不詳")
        return found

    return read


def _entrant(form: Form, prefix: str, *, born: bool = False) -> law.Entrant | None:
    """A person to be entered, from the fields of one prefix."""

    def read(name: str, parse: Callable[[str], PartialDate]) -> PartialDate | None:
        return form.read(prefix + name, parse)

    name = form.read(f"{prefix}name", legal.parse)
    kana = form.read(f"{prefix}kana", legal.parse_reading)
    birth_date = read("birth", partial(era.parse, field="birth date"))
    sex = form.read(f"{prefix}sex", Sex)
    relationship = _relationship(form, f"{prefix}rel")
    code = None if born else form.read(f"{prefix}code", resident_code.parse, need=False)
    register, held = _citizen_or_foreigner(form, prefix)
    if name is None or birth_date is None or sex is None or relationship is None:
        return None
    return law.Entrant(
        name=Name(legal=name, reading=kana),
        birth_date=birth_date,
        sex=sex,
        relationship=relationship,
        family_register=register,
        foreigner=held,
        code=code,
    )


def _citizen_or_foreigner(
    form: Form, prefix: str
) -> tuple[FamilyRegister | None, Foreigner | None]:
    if form[f"{prefix}kind"] == FOREIGNER:
        nationality = form.read(f"{prefix}nationality", _text)
        resident_class = form.read(f"{prefix}class", ResidentClass)
        until = form.read(f"{prefix}until", partial(era.parse, field="period"), need=False)
        if nationality is None or resident_class is None:
            return None, None
        return None, Foreigner(
            nationality=nationality,
            resident_class=resident_class,
            status=form[f"{prefix}status"],
            period_until=until.date if until else None,
            card_number=form[f"{prefix}card"],
        )
    place = form.read(f"{prefix}domicile", _text)
    first_named = form.read(f"{prefix}first", _text)
    if place is None or first_named is None:
        return None, None
    return FamilyRegister(place=place, first_named=first_named), None


def _text(text: str) -> str:
    refuse_unfit(text, field="text", length_max=PLACE_MAX)
    return text


def _relationship(form: Form, name: str) -> Relationship | None:
    return form.read(name, parse_relationship)


def _changed(form: Form, people: Iterable[Record]) -> tuple[law.Placement, ...]:
    """Those who stand otherwise from now on, and stay in their household."""
    found = []
    for one in people:
        said = form.read(f"rel_{one.number}", parse_relationship, need=False)
        if said is not None and said != one.relationship:
            found.append(
                law.Placement(person=one.number, relationship=said, household=one.household)
            )
    return tuple(found)


def _going(form: Form, members: Iterable[Record]) -> list[Record]:
    going = [one for one in members if form.has("goes", str(one.number))]
    if not going:
        form.amiss["goes"] = NEEDED
    return going


def _household(form: Form) -> int | None:
    """The number of a household to join, or None for a new one."""
    if form["home"] != JOIN:
        return None
    return form.read("household", number_of)


def _address(form: Form, about: About) -> Address | None:
    if not form["postal"] or not form["town"]:
        for name in ("postal", "town"):
            if not form[name]:
                form.amiss[name] = NEEDED
        return None
    try:
        return addresses.parse(
            municipality=about.town.digits,
            postal_code=form["postal"],
            town=form["town"],
            block=form["block"],
            building=form["building"],
        )
    except Malformed as error:
        form.blame(str(error), {"postal code": "postal", **{one: one for one in _ADDRESS}})
        return None


_ADDRESS: Final = ("town", "block", "building")


def _town(form: Form, name: str) -> MunicipalityCode | None:
    """A municipality by its name or code; None for abroad, and where it cannot be read."""
    if form[f"{name}_kind"] == ABROAD:
        return None
    return form.read(name, _municipality)


def _municipality(text: str) -> MunicipalityCode:
    found = municipality_code.find(text)
    today = [one for one in found if one.valid_to is None]
    if len(today) > 1:
        named = ", ".join(f"{one.full_name} {one.code.digits}" for one in today[:8])
        raise Malformed(f"municipality: more than one has that name: {named}; write the code")
    if found:
        return (today or list(found))[0].code
    code = municipality_code.parse(text)
    municipality_code.municipality(code)
    return code


def from_certificates(form: Form, certificates: Iterable[tuple[str, TransferCertificate]]) -> None:
    """Fill a move-in in from the former town's certificates: (town, what it says) of each."""
    count = 0
    for place, (town, one) in enumerate(list(certificates)[:MOVERS_MAX]):
        count = place + 1
        form.put("came_from", town)
        form.put("event_date", one.planned_on.isoformat())
        for name, value in _of_certificate(one).items():
            form.put(f"m{place}_{name}", value)
    form.put("count", str(max(count, 1)))


def _of_certificate(one: TransferCertificate) -> Mapping[str, str]:
    held, register = one.foreigner, one.family_register
    return {
        "name": one.name.legal.text,
        "kana": one.name.reading.text if one.name.reading else "",
        "birth": era.to_era(one.birth_date),
        "sex": one.sex.value,
        "code": one.code.digits,
        "kind": FOREIGNER if held else CITIZEN,
        "domicile": register.place if register else "",
        "first": register.first_named if register else "",
        "nationality": held.nationality if held else "",
        "class": held.resident_class.value if held else "",
        "status": held.status if held else "",
        "until": held.period_until.isoformat() if held and held.period_until else "",
        "card": held.card_number if held else "",
    }
