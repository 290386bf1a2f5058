"""Resident (行の読取り): one row of an export, cell by cell, as a person to be entered.

Each cell is read by the parser of its own kind, and all faults of a row are found at once. A fault
says the column, the rule and the way out, never what stood in the cell. Spaces around a cell's text
are padding and left out; nothing else is repaired, and no relationship or date is guessed.

Sources: Basic Resident Registration Act, arts. 7 and 30-45; ISO 5218 (sex).
"""

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Final, NamedTuple, TypeVar, cast
from unicodedata import normalize

import msgspec

from jukinet.errors import Malformed
from jukinet.law import notification as law
from jukinet.law.identity import Identification, Name, Sex
from jukinet.law.notice import Notice, Reason
from jukinet.law.personal import Personal
from jukinet.law.protection import SupportMeasure, Threat
from jukinet.law.record import (
    HEAD,
    FamilyRegister,
    Foreigner,
    Relationship,
    ResidentClass,
    parse_relationship,
)
from jukinet.names import address as addresses
from jukinet.names import era, legal
from jukinet.names.address import Address
from jukinet.names.characters import refuse_unfit
from jukinet.nodes.sealing import PLAIN_BYTES
from jukinet.numbers import individual_number, resident_code
from jukinet.numbers.individual_number import IndividualNumber
from jukinet.numbers.municipality_code import Municipality, prefecture_name
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register.entrants import check_entrant
from jukinet.register.worksheet import Draw, Sheet, Situation
from jukinet.tasks.importing.columns import BY_ENGLISH, Header

T = TypeVar("T")

_SPACES: Final = " \u3000"
_HOUSEHOLD: Final = re.compile(r"[0-9A-Za-z._-]{1,40}")
_CARD: Final = re.compile("[0-9A-Z]{1,20}")
_LONG_MAX: Final = 200
_CITIZEN: Final = ("日本", "日本国")
_FOREIGN: Final = ("nationality", "resident_class", "status", "period_until", "card_number")
_PREFECTURES: Final = tuple(prefecture_name(f"{number:02}") for number in range(1, 48))

_SEXES: Final = {
    **dict.fromkeys(("男", "男性", "1", "M", "MALE"), Sex.MALE),
    **dict.fromkeys(("女", "女性", "2", "F", "FEMALE"), Sex.FEMALE),
    **dict.fromkeys(("不明", "不詳", "未記載", "0", "9", "UNSTATED"), Sex.UNSTATED),
}
_CLASSES: Final = {
    "中長期在留者": ResidentClass.MID_LONG_TERM,
    "特別永住者": ResidentClass.SPECIAL_PERMANENT,
    "一時庇護許可者": ResidentClass.PROVISIONAL,
    "仮滞在許可者": ResidentClass.PROVISIONAL,
    "経過滞在者": ResidentClass.TRANSITIONAL,
    "出生による経過滞在者": ResidentClass.TRANSITIONAL,
    "国籍喪失による経過滞在者": ResidentClass.TRANSITIONAL,
}
_THREATS: Final = {
    "配偶者からの暴力": Threat.VIOLENCE,
    "配偶者暴力": Threat.VIOLENCE,
    "DV": Threat.VIOLENCE,
    "ストーカー行為等": Threat.STALKING,
    "ストーカー": Threat.STALKING,
    "児童虐待": Threat.CHILD_ABUSE,
    "その他": Threat.OTHER,
}
# The fields that acceptance names, and the columns they come from.
_COLUMN_OF_FIELD: Final = {
    "birth date": "birth_date",
    "family register": "family_register",
    "alias": "alias",
    "period": "period_until",
    "status": "status",
    "code": "code",
    "address": "town",
}


class Fault(NamedTuple):
    """What is wrong with a row: the column (English alias, or nothing) and a sentence.

    `more` has what else is wrong with it.
    """

    column: str
    reason: str
    more: str = ""


def fault_of(refusal: str) -> Fault:
    """What acceptance says of a notification, as the fault of a row."""
    field, _, _ = refusal.partition(": ")
    return Fault(_COLUMN_OF_FIELD.get(field, ""), refusal)


def joined(faults: Sequence[Fault]) -> Fault:
    """All faults of a row in one, under the column of the first."""
    first, *others = faults
    sentences = [
        f"{BY_ENGLISH[fault.column].name}: {fault.reason}" if fault.column else fault.reason
        for fault in others
    ]
    return first._replace(more=" / ".join(sentences))


class Resident(Personal, frozen=True, kw_only=True, array_like=True):
    """A row that can be read: the person, the address as the row has it.

    `measure_opens` says that the row has a support measure without a first day: it begins on the
    day of the entry.
    """

    entrant: law.Entrant
    address: Address
    measure_opens: bool = False

    @property
    def is_head(self) -> bool:
        """Whether the row is a head's."""
        return self.entrant.relationship.is_head

    @property
    def draws(self) -> bool:
        """Whether a code has to be drawn for the person."""
        return self.entrant.code is None

    def entered_on(self, day: date) -> law.Entrant:
        """The person as entered on a day."""
        if not self.measure_opens:
            return self.entrant
        opened = [
            SupportMeasure(threat=one.threat, since=min(day, one.until), until=one.until)
            for one in self.entrant.measures
        ]
        return msgspec.structs.replace(self.entrant, measures=tuple(opened))


class Reading(NamedTuple):
    """What came of a row; household, head and numbers as far as they could be read."""

    household: str
    head: bool
    numbers: tuple[str, ...]
    resident: Resident | None
    faults: tuple[Fault, ...]


class Reader:
    """Reads the rows of one import into one town."""

    def __init__(self, header: Header, place: Municipality, today: date) -> None:
        self._header = header
        self._place = place
        self._today = today
        self._sheet = _sheet(place, today)

    def read(self, cells: Sequence[str]) -> Reading:
        """One row; its cells are as many as the header's."""
        row = _Row(self._header, cells)
        household = row.need("household", _household) or ""
        relationship = row.need("relationship", _relationship)
        address = self._address(row)
        code = row.read("code", resident_code.parse)
        number = row.read("individual_number", individual_number.parse)
        entrant = self._entrant(row, relationship, code, number)
        if entrant is not None:
            self._check(row, entrant)
        resident = None
        if entrant is not None and address is not None and not row.faults:
            opens = bool(entrant.measures) and not row.text("measure_since")
            resident = Resident(entrant=entrant, address=address, measure_opens=opens)
        head = relationship is not None and relationship.is_head
        numbers = tuple(one.digits for one in (code, number) if one is not None)
        return Reading(household, head, numbers, resident, tuple(row.faults))

    def _address(self, row: "_Row") -> Address | None:
        row.read("municipality", self._this_town)
        postal_code = row.need("postal_code", _postal_code)
        town = row.need("town", self._town)
        block = row.read("block", lambda text: _text(text, "block", addresses.LENGTH_MAX))
        building = row.read("building", lambda text: _text(text, "building", addresses.LENGTH_MAX))
        if postal_code is None or town is None:
            return None
        return Address(
            municipality=self._place.code.digits,
            postal_code=postal_code,
            town=town,
            block=block or "",
            building=building or "",
        )

    def _this_town(self, text: str) -> None:
        digits = normalize("NFKC", text)
        if digits not in (self._place.code.digits, self._place.code.digits[:5]):
            raise Malformed("another municipality's; import each into its own register (art. 5)")

    def _town(self, text: str) -> str:
        town = text.removeprefix(self._place.full_name).lstrip(_SPACES)
        if town.startswith(_PREFECTURES):
            raise Malformed(
                f"town: it lies outside {self._place.full_name}; import each person into the "
                "register of the own town (art. 5)"
            )
        return _text(town, "town", addresses.LENGTH_MAX)

    def _entrant(
        self,
        row: "_Row",
        relationship: Relationship | None,
        code: ResidentCode | None,
        number: IndividualNumber | None,
    ) -> law.Entrant | None:
        """The person, if nothing that a record cannot do without is missing."""
        name = _name(row)
        birth_date = row.need("birth_date", lambda text: era.parse(text, field="birth date"))
        sex = row.need("sex", _sex)
        if row.text("individual_number") and not row.text("code"):
            row.fault("code", "empty beside an individual number; give the code it was made from")
        since = row.need("resident_since", self._past)
        at_address = row.read("address_since", self._past)
        previous = row.read("previous_address", lambda text: _text(text, "text", _LONG_MAX))
        foreigner = _foreigner(row)
        register = _family_register(row) if foreigner is None else None
        measures = self._measures(row)
        if name is None or birth_date is None or sex is None or relationship is None:
            return None
        if birth_date.earliest > self._today:
            row.fault("birth_date", "after the day of the import; check the date")
        elif since is not None and since < birth_date.earliest:
            row.fault("resident_since", "before the birth date; check both")
        return law.Entrant(
            name=name,
            birth_date=birth_date,
            sex=sex,
            relationship=relationship,
            family_register=register,
            foreigner=foreigner,
            code=code,
            individual_number=number,
            resident_since=since,
            address_since=at_address or since,
            previous_address=previous or "",
            measures=measures,
        )

    def _check(self, row: "_Row", entrant: law.Entrant) -> None:
        """What acceptance asks of every person, so that one bad row does not cost a household."""
        if row.faults:
            return
        try:
            check_entrant(self._sheet, entrant)
        except Malformed as error:
            fault = fault_of(str(error))
            row.fault(fault.column, fault.reason)

    def _past(self, text: str) -> date:
        day = _whole_date(text)
        if day > self._today:
            raise Malformed("after the day of the import; check the date")
        return day

    def _measures(self, row: "_Row") -> tuple[SupportMeasure, ...]:
        until = row.read("measure_until", _whole_date)
        since = row.read("measure_since", self._past)
        threat = row.read("measure_threat", _threat)
        if until is None:
            if row.text("measure_since") or row.text("measure_threat"):
                row.need("measure_until", _whole_date)
            return ()
        if since is not None and since > until:
            row.fault("measure_since", "after the last day of the measure; check both")
        return (SupportMeasure(threat=threat or Threat.OTHER, since=since or until, until=until),)


def _sheet(place: Municipality, today: date) -> Sheet:
    """A sheet on which nobody is entered, to ask acceptance about one person at a time."""
    entry = law.ExOfficioEntry(
        filed=law.Filed(number="import", event_date=today, notice_date=today),
        entrants=(),
        address=Address(municipality=place.code.digits, postal_code="", town=""),
        household=None,
    )
    nobody = Situation(town=place.code, today=today, people={}, last_events={}, entries={})
    return Sheet(entry, nobody, cast(Draw, None), first_entry=1)  # looking at a paper draws nothing


class _Row:
    """The cells of a row by column, and the faults found in them so far."""

    def __init__(self, header: Header, cells: Sequence[str]) -> None:
        self._places = header.places
        self._cells = cells
        self.faults: list[Fault] = []

    def text(self, column: str) -> str:
        """What stands in a column, without padding; nothing where the file has no such column."""
        place = self._places.get(column)
        return "" if place is None else self._cells[place].strip(_SPACES)

    def read(self, column: str, parse: Callable[[str], T]) -> T | None:
        """The value of a cell; None where it is empty, or unfit and now among the faults."""
        text = self.text(column)
        if not text:
            return None
        try:
            return parse(text)
        except Malformed as error:
            self.fault(column, str(error))
            return None

    def need(self, column: str, parse: Callable[[str], T]) -> T | None:
        """The value of a cell that must not be empty."""
        if not self.text(column):
            self.fault(column, "empty; every row needs it")
        return self.read(column, parse)

    def fault(self, column: str, reason: str) -> None:
        """Write a fault down; of one column only the first."""
        if not any(fault.column == column for fault in self.faults):
            self.faults.append(Fault(column, reason))


def _name(row: _Row) -> Name | None:
    """The name with its reading and the names beside it."""
    name = row.need("name", legal.parse)
    reading = row.read("reading", legal.parse_reading)
    alias = row.read("alias", lambda text: legal.parse(text, field="alias"))
    alias_reading = row.read("alias_reading", legal.parse_reading)
    former = row.read("former_surname", lambda text: legal.parse(text, field="former surname"))
    if row.text("alias_reading") and not row.text("alias"):
        row.fault("alias_reading", "there is no alias beside it; give both or none")
    if name is None:
        return None
    return Name(
        legal=name,
        reading=reading,
        alias=alias,
        alias_reading=alias_reading,
        former_surname=former,
    )


def _foreigner(row: _Row) -> Foreigner | None:
    """A foreign resident's items, or None for a citizen's row."""
    citizen = row.text("nationality") in _CITIZEN
    given = [column for column in _FOREIGN if row.text(column)]
    if not given or (citizen and given == ["nationality"]):
        return None
    if citizen:
        row.fault("nationality", "a citizen's, beside items of a foreign resident; give one kind")
    nationality = row.need("nationality", lambda text: _text(text, "nationality", 100))
    kind = row.need("resident_class", _class)
    status = row.read("status", lambda text: _text(text, "status", 100))
    until = row.read("period_until", _whole_date)
    card = row.read("card_number", _card)
    if row.text("family_register") or row.text("first_named"):
        row.fault("family_register", "a foreign resident's row has none; give it or 国籍, not both")
    if nationality is None or kind is None:
        return None
    return Foreigner(
        nationality=nationality,
        resident_class=kind,
        status=status or "",
        period_until=until,
        card_number=card or "",
    )


def _family_register(row: _Row) -> FamilyRegister | None:
    """A citizen's family register."""
    if any(fault.column in _FOREIGN for fault in row.faults):
        return None
    place = row.need("family_register", lambda text: _text(text, "family register", _LONG_MAX))
    first = row.need("first_named", lambda text: legal.parse(text, field="first-named"))
    return FamilyRegister(place=place, first_named=first.text) if place and first else None


def _household(text: str) -> str:
    number = normalize("NFKC", text)
    if not _HOUSEHOLD.fullmatch(number):
        raise Malformed("want 1 to 40 letters, digits, hyphens, points or underscores")
    return number


def _relationship(text: str) -> Relationship:
    return Relationship(text=HEAD) if text == "本人" else parse_relationship(text)


def _postal_code(text: str) -> str:
    return addresses.parse(municipality="000000", postal_code=text, town="x").postal_code


def _sex(text: str) -> Sex:
    sex = _SEXES.get(normalize("NFKC", text).upper())
    if sex is None:
        raise Malformed("want 男 or 1, 女 or 2, 不明 or 0")
    return sex


def _class(text: str) -> ResidentClass:
    kind = _CLASSES.get(text)
    if kind is None:
        raise Malformed(f"want one of {', '.join(list(_CLASSES)[:5])} (art. 30-45)")
    return kind


def _threat(text: str) -> Threat:
    threat = _THREATS.get(normalize("NFKC", text).upper())
    if threat is None:
        raise Malformed("want 配偶者からの暴力, ストーカー行為等, 児童虐待 or その他")
    return threat


def _card(text: str) -> str:
    number = normalize("NFKC", text).upper()
    if not _CARD.fullmatch(number):
        raise Malformed("want at most 20 letters and digits")
    return number


def _whole_date(text: str) -> date:
    day = era.parse(text).date
    if day is None:
        raise Malformed("want a whole date; look the missing part up, or enter the person by hand")
    return day


def _text(text: str, field: str, length_max: int) -> str:
    refuse_unfit(text, field=field, length_max=length_max)
    return text


def fits_a_notice(entrant: law.Entrant, address: Address) -> bool:
    """Whether the items that leave the town fit into a notice, which has one size for all."""
    person = Identification(
        name=entrant.name,
        birth_date=entrant.birth_date,
        sex=entrant.sex,
        address=address,
        code=entrant.code or ANY_CODE,
        individual_number=entrant.individual_number or ANY_NUMBER,
    )
    notice = Notice(
        person=person,
        reason=Reason.EX_OFFICIO_ENTRY,
        event_date=date.max,
        live=True,
        hidden=True,
        root=bytes(16),
    )
    return len(notice.pack()) < PLAIN_BYTES


ANY_CODE: Final = ResidentCode("0" * resident_code.LENGTH)
ANY_NUMBER: Final = IndividualNumber("0" * individual_number.LENGTH)
