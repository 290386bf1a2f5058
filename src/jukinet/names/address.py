"""Address (住所): municipality, town and block as they are written, and a key to compare with.

The parts are kept as the register has them, with the numerals and hyphens of whoever wrote them.
`key` folds what writers differ in: 十二丁目３番地の１号 and 12-3-1 are one place. Two addresses
with one key are the same as written on an envelope; whether somebody lives there is another
question. The municipality is six digits here and gets its name elsewhere.

Sources: Basic Resident Registration Act, art. 7 (vii); Act on Indication of Residential Address.

>>> home = parse(
...     municipality="131016", postal_code="〒100-0001", town="千代田", block="１丁目１番２－３号"
... )
>>> home
Address()
>>> home.one_line
'千代田１丁目１番２－３号'
>>> again = parse(municipality="131016", postal_code="1000001", town="千代田一丁目", block="1-2-3")
>>> home.key() == again.key()
True
"""

import re
from dataclasses import dataclass, field
from typing import Final
from unicodedata import normalize

from jukinet.errors import Malformed
from jukinet.names.characters import IDEOGRAPHS, SELECTORS, refuse_unfit
from jukinet.names.shapes import ORDINARY

LENGTH_MAX: Final = 100

_POSTAL_CODE: Final = re.compile("〒?([0-9]{3})-?([0-9]{4})")
_HYPHENS: Final = r"\-\u2010-\u2015\u2212\u30fc"
_KANJI_DIGITS: Final = {digit: value for value, digit in enumerate("〇一二三四五六七八九")}
_UNITS: Final = {"百": 100, "十": 10}

_DROPPED: Final = re.compile(rf"[{SELECTORS}\s]|大字")
# 霞ヶ関, 霞ケ関 and 霞が関 are one town.
_SMALL_KE: Final = re.compile(rf"(?<=[{IDEOGRAPHS}])[ヶケがガ](?=[{IDEOGRAPHS}])")
_NUMERAL: Final = re.compile(r"[〇一二三四五六七八九十百]+(?=丁目|番地|番(?!町)|号)")
_SEPARATOR: Final = re.compile(
    rf"(?<=[0-9])(?:(?:丁目|番地|番(?!町)|号)[のノ{_HYPHENS}]?|[のノ{_HYPHENS}](?=[0-9]))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address of the register. Its repr shows nothing of it.

    `municipality` is a municipality code of six digits, `postal_code` seven digits; `block`
    (番地・号) and `building` (方書) may be empty.
    """

    municipality: str = field(repr=False)
    postal_code: str = field(repr=False)
    town: str = field(repr=False)
    block: str = field(default="", repr=False)
    building: str = field(default="", repr=False)

    @property
    def one_line(self) -> str:
        """Town, block and building as a paper has them, after the municipality's name."""
        street = self.town + self.block
        return f"{street}　{self.building}" if self.building else street

    def key(self) -> str:
        """A text that is equal for two ways of writing one address; not for showing."""
        return f"{self.municipality} {_street_key(self.town, self.block)} {_fold(self.building)}"


def parse(
    *, municipality: str, postal_code: str, town: str, block: str = "", building: str = ""
) -> Address:
    """Take an address as it is written, or raise Malformed with the field and its rule."""
    _refuse_code(municipality)
    digits = _POSTAL_CODE.fullmatch(_digits_typed(postal_code))
    if digits is None:
        raise Malformed("postal code: want seven digits, like 100-0001")
    refuse_unfit(town, field="town", length_max=LENGTH_MAX)
    for text, name in ((block, "block"), (building, "building")):
        if text:
            refuse_unfit(text, field=name, length_max=LENGTH_MAX)
    return Address(
        municipality=municipality,
        postal_code="".join(digits.groups()),
        town=town,
        block=block,
        building=building,
    )


def _refuse_code(municipality: str) -> None:
    if not (len(municipality) == 6 and municipality.isascii() and municipality.isdecimal()):
        raise Malformed("municipality: want a municipality code of six ASCII digits")


def _digits_typed(text: str) -> str:
    """Full-width digits and hyphens as ASCII; nothing where the text is too long to be one."""
    return re.sub(f"[{_HYPHENS}]", "-", normalize("NFKC", text.strip())) if len(text) < 20 else ""


def _street_key(town: str, block: str) -> str:
    """Town and block with one kind of numeral and one kind of separator."""
    town, block = _fold(town), _fold(block)
    both_digits = town[-1:].isdecimal() and block[:1].isdecimal()
    street = f"{town}-{block}" if both_digits else town + block
    street = _NUMERAL.sub(lambda match: str(_number(match[0])), street)
    return _SEPARATOR.sub("-", street).rstrip("-")


def _fold(text: str) -> str:
    """Widths, shapes, spaces and the small ヶ folded."""
    plain = _DROPPED.sub("", normalize("NFKC", text)).casefold().translate(ORDINARY)
    return _SMALL_KE.sub("ケ", plain)


def _number(numeral: str) -> int:
    """十二 as 12, 一〇三 as 103."""
    if not any(unit in numeral for unit in _UNITS):
        return int("".join(str(_KANJI_DIGITS[digit]) for digit in numeral))
    total, digit = 0, None
    for character in numeral:
        if character in _UNITS:
            total += (1 if digit is None else digit) * _UNITS[character]
            digit = None
        else:
            digit = (digit or 0) * 10 + _KANJI_DIGITS[character]
    return total + (digit or 0)
