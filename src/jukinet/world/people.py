"""People (架空の住民): the plain nouns of a false world; nothing here knows the register.

Values are frozen: an event holds a person as he or she was on that day. Every personal field is
`repr=False`, so neither a log nor a traceback shows anybody, not even somebody who never lived.

>>> from datetime import date
>>> Address("131016", "1000001", "東京都千代田区", "丸の内一丁目", "１番１号")
Address(town='131016', place='東京都千代田区')
"""

from dataclasses import dataclass, field
from datetime import date

MALE = "男"
FEMALE = "女"

HEAD = "世帯主"
WIFE = "妻"
HUSBAND = "夫"
CHILD = "子"
FATHER = "父"
MOTHER = "母"
CHILDS_WIFE = "子の妻"
CHILDS_HUSBAND = "子の夫"
GRANDCHILD = "子の子"
WIFE_UNREGISTERED = "妻(未届)"
HUSBAND_UNREGISTERED = "夫(未届)"
RELATIVE = "縁故者"
LODGER = "同居人"

MID_TO_LONG_TERM = "中長期在留者"
SPECIAL_PERMANENT = "特別永住者"
TEMPORARY_REFUGE = "一時庇護許可者"
PROVISIONAL_STAY = "仮滞在許可者"
TRANSITIONAL_BY_BIRTH = "出生による経過滞在者"
TRANSITIONAL_BY_LOSS = "国籍喪失による経過滞在者"


@dataclass(frozen=True, slots=True)
class Address:
    """An address (住所): municipality code (6 digits), postal code (7 digits), and its texts.

    `place` is prefecture and municipality, `area` the town or 大字 with its 丁目, `block` the
    numbers (番地・号), `building` the block of flats and the room (方書) or nothing.
    """

    town: str
    postal: str = field(repr=False)
    place: str
    area: str = field(repr=False)
    block: str = field(repr=False)
    building: str = field(default="", repr=False)

    @property
    def text(self) -> str:
        """The whole address as the register prints it, from the prefecture on."""
        street = self.place + self.area + self.block
        return f"{street}　{self.building}" if self.building else street


@dataclass(frozen=True, slots=True)
class Surname:
    """A surname (氏) and its reading in katakana."""

    text: str = field(repr=False)
    kana: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A name (氏名) in two parts with their readings in katakana.

    `kanji` is the name in ideographs that a residence card may show beside a name in Latin
    letters, otherwise empty.
    """

    surname: str = field(repr=False)
    given: str = field(repr=False)
    surname_kana: str = field(repr=False)
    given_kana: str = field(repr=False)
    latin: bool = False
    kanji: str = field(default="", repr=False)

    @property
    def text(self) -> str:
        """The name as one line: an ideographic space between parts, a plain one in Latin."""
        return (" " if self.latin else "　").join(
            part for part in (self.surname, self.given) if part
        )

    @property
    def kana(self) -> str:
        """The reading as one line, parts joined by an ideographic space."""
        return "　".join(part for part in (self.surname_kana, self.given_kana) if part)


@dataclass(frozen=True, slots=True)
class Registry:
    """The place of the family register (本籍) and its first-named person (筆頭者)."""

    place: str = field(repr=False)
    first: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Foreign:
    """What the record of a foreign resident adds (法第30条の45).

    `kind` is one of the classes above; `period` is a text such as 3年; `until` is the last day of
    the stay, None where it has no end; `card` is two letters, eight digits, two letters, or empty.
    """

    nationality: str = field(repr=False)
    kind: str = field(repr=False)
    status: str = field(default="", repr=False)
    period: str = field(default="", repr=False)
    until: date | None = field(default=None, repr=False)
    card: str = field(default="", repr=False)
    alias: Name | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Measure:
    """A support measure (支援措置): its ground, first day and last day."""

    ground: str = field(repr=False)
    since: date = field(repr=False)
    until: date = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ties:
    """Who belongs to whom, by person id; known to the world, not to a register.

    A negative id is a parent who never lived in this world; it only tells siblings apart from
    others. `maiden` is the surname before the present marriage, where the world knows it.
    """

    mother: int | None = None
    father: int | None = None
    spouse: int | None = None
    partner: int | None = None
    maiden: Surname | None = field(default=None, repr=False)


NO_TIES = Ties()


@dataclass(frozen=True, slots=True)
class Person:
    """One resident. `id` and `household` are numbers of this world, never a resident code.

    `birth_known` says what of the birth date is certain: "day", "month" (the day is unknown) or
    "year" (month and day are); the unknown part of `birth` is 1. `ties` take no part in equality:
    two values are equal when the register's record would be.
    """

    id: int
    household: int
    relation: str = field(repr=False)
    name: Name = field(repr=False)
    sex: str = field(repr=False)
    birth: date = field(repr=False)
    birth_known: str = field(repr=False)
    address: Address = field(repr=False)
    resident_since: date = field(repr=False)
    address_since: date = field(repr=False)
    notified: date = field(repr=False)
    previous: str | None = field(repr=False)
    registry: Registry | None = field(repr=False)
    former_surname: Surname | None = field(default=None, repr=False)
    foreign: Foreign | None = field(default=None, repr=False)
    measure: Measure | None = field(default=None, repr=False)
    ties: Ties = field(default=NO_TIES, repr=False, compare=False)

    @property
    def town(self) -> str:
        """Code of the municipality of residence, 6 digits."""
        return self.address.town


@dataclass(frozen=True, slots=True)
class Household:
    """One household (世帯): members in the order of the record, the head first.

    `kind` is its shape when it was built, in English; it is empty for a household that came to be
    later. While a head is still to be named (`head_open`), nobody in it is 世帯主.
    """

    id: int
    town: str
    kind: str
    address: Address = field(repr=False)
    members: tuple[Person, ...] = field(repr=False)
    head_open: bool = False

    @property
    def head(self) -> Person | None:
        """The head, or None while one is still to be named."""
        return None if self.head_open else self.members[0]


def age_on(day: date, birth: date) -> int:
    """Age in whole years on `day`.

    >>> age_on(date(2025, 2, 28), date(2000, 2, 29)), age_on(date(2025, 3, 1), date(2000, 3, 1))
    (24, 25)
    """
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
