"""Identification information (本人確認情報): the few items that may leave a town hall.

Six items: name, birth date, sex, address, resident record code and individual number (Act, arts.
7 and 30-6). There is no field for household, relationship, family register or an earlier address,
so none of them can be sent. Of the six an agency can ask for four (`Item`): the two numbers stay
in the registers.

The bytes of `pack` are what a town seals for the index; they are padded to one size, so that a
long name does not show through the seal.
"""

from collections.abc import Sequence
from enum import StrEnum

from jukinet.errors import Damaged
from jukinet.law.personal import Personal
from jukinet.names.address import Address
from jukinet.names.era import PartialDate, parse_iso
from jukinet.names.legal import LegalName, Reading
from jukinet.numbers.individual_number import IndividualNumber
from jukinet.numbers.resident_code import ResidentCode


class Item(StrEnum):
    """An item that an affair may need (項目); there are no others to ask for."""

    NAME = "name"
    BIRTH_DATE = "birth_date"
    SEX = "sex"
    ADDRESS = "address"


class Sex(StrEnum):
    """Sex (性別) as the register has it."""

    FEMALE = "female"
    MALE = "male"
    UNSTATED = "unstated"


class Name(Personal, frozen=True, kw_only=True):
    """A person's name (氏名), its reading (振り仮名), and the other names the law lets be written.

    The alias (通称) is a foreign resident's; the former surname (旧氏) stands on request.
    """

    legal: LegalName
    reading: Reading | None = None
    alias: LegalName | None = None
    alias_reading: Reading | None = None
    former_surname: LegalName | None = None


class Identification(Personal, frozen=True, kw_only=True):
    """The six items of one person (本人確認情報)."""

    name: Name
    birth_date: PartialDate
    sex: Sex
    address: Address
    code: ResidentCode
    individual_number: IndividualNumber | None = None

    def pack(self) -> tuple[str, ...]:
        """The six items as texts, in a fixed order."""
        name, place = self.name, self.address
        return (
            name.legal.text,
            _text(name.reading),
            _text(name.alias),
            _text(name.alias_reading),
            _text(name.former_surname),
            self.birth_date.iso,
            self.sex.value,
            place.municipality,
            place.postal_code,
            place.town,
            place.block,
            place.building,
            self.code.digits,
            self.individual_number.digits if self.individual_number else "",
        )


def unpack(texts: Sequence[str]) -> Identification:
    """The six items from their texts; they were parsed when they were written.

    Raises Damaged where the texts are not fourteen.
    """
    if len(texts) != 14:
        raise Damaged(f"identification information: want 14 texts, got {len(texts)}")
    return Identification(
        name=Name(
            legal=LegalName(texts[0]),
            reading=Reading(texts[1]) if texts[1] else None,
            alias=LegalName(texts[2]) if texts[2] else None,
            alias_reading=Reading(texts[3]) if texts[3] else None,
            former_surname=LegalName(texts[4]) if texts[4] else None,
        ),
        birth_date=parse_iso(texts[5]),
        sex=Sex(texts[6]),
        address=Address(
            municipality=texts[7],
            postal_code=texts[8],
            town=texts[9],
            block=texts[10],
            building=texts[11],
        ),
        code=ResidentCode(texts[12]),
        individual_number=IndividualNumber(texts[13]) if texts[13] else None,
    )


def _text(name: LegalName | Reading | None) -> str:
    return name.text if name else ""


class Attachment(Personal, frozen=True, kw_only=True):
    """The technical attachment (技術的附帯情報): opaque bytes that no door can answer with.

    `locator` names the person between registers and index; `root` is what sector numbers are made
    from; `seed` starts the chain of labels under which disclosures are written down, and `epoch`
    counts fresh seeds. All are random; none says anything about the person.
    """

    locator: bytes
    root: bytes
    epoch: int
    seed: bytes


LOCATOR_BYTES = 16
ROOT_BYTES = 16
SEED_BYTES = 32


def items_of(person: Identification) -> dict[Item, tuple[str, ...]]:
    """What an answer may show of a person, item by item."""
    texts = person.pack()
    return {
        Item.NAME: texts[0:5],
        Item.BIRTH_DATE: texts[5:6],
        Item.SEX: texts[6:7],
        Item.ADDRESS: texts[7:12],
    }
