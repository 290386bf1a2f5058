"""Legal name (氏名, 振り仮名): exact code points and variation selectors, never normalised.

The name in the register has the characters of the family register, shape by shape. A compatibility
ideograph or a variation selector that a normal form would take away is part of it, so the text is
kept as it came, code point by code point; screens use `display`, searches use `match`.

A name is written in ideographs, kana, or Latin letters (foreign residents, or as a passport has
it), with at most one space between surname and given name; a Latin name may have more words. The
reading (振り仮名) is katakana. It is an item of the register since 26 May 2025.

Sources: Basic Resident Registration Act, art. 7 (i) and 30-45.

>>> parse("\\u9089\\U000e0101 花子").text == "\\u9089\\U000e0101 花子"
True
>>> parse("山田 花子")
LegalName()
>>> parse_reading("ﾔﾏﾀﾞ はなこ").text
'ヤマダ　ハナコ'
>>> parse(" 花子")
Traceback (most recent call last):
...
jukinet.errors.Malformed: name: begins or ends with a space; leave it out
"""

import re
from dataclasses import dataclass, field
from typing import Final
from unicodedata import normalize

from jukinet.errors import Malformed
from jukinet.names.characters import (
    HIRAGANA,
    IDEOGRAPHS,
    KATAKANA,
    SELECTORS,
    SPACES,
    refuse_unfit,
)

LENGTH_MAX: Final = 100

_LATIN: Final = (
    "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a"
)
_MARKS: Final = "\u0300-\u036f"
_KANA: Final = rf"{HIRAGANA}{KATAKANA}\u30fd\u30fe\u309d\u309e\uff66-\uff6f\uff71-\uff9d"
_POINTS: Final = r"\-'\u2019,.\uff0d\uff07\uff0c\uff0e\u30fb\uff65\u30fc\uff70\uff9e\uff9f"
_UNIT: Final = rf"[{IDEOGRAPHS}][{SELECTORS}]?|[{_LATIN}][{_MARKS}]*|[{_KANA}{_POINTS}]"
_NAME: Final = re.compile(rf"(?:{_UNIT})+(?:[{SPACES}](?:{_UNIT})+)*")
_NAME_STEP: Final = re.compile(rf"{_UNIT}|[{SPACES}]")
_LETTER: Final = re.compile(rf"[{IDEOGRAPHS}{_LATIN}{_KANA}]")
_IDEOGRAPH: Final = re.compile(rf"[{IDEOGRAPHS}]")

_READING: Final = re.compile(rf"[{KATAKANA}][{KATAKANA}ー・]*(?:　[{KATAKANA}][{KATAKANA}ー・]*)*")
# Hiragana stands 0x60 below katakana in Unicode, letter by letter.
_TO_KATAKANA: Final = {code: code + 0x60 for code in range(0x3041, 0x3097)} | {0x20: 0x3000}


@dataclass(frozen=True, slots=True)
class LegalName:
    """A name (氏名) as the law has it. Its repr never shows it."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading (振り仮名) in full-width katakana. Its repr never shows it."""

    text: str = field(repr=False)


def parse(text: str, *, field: str = "name") -> LegalName:
    """Take a name as it is written, or raise Malformed with the rule it breaks."""
    refuse_unfit(text, field=field, length_max=LENGTH_MAX)
    if not _NAME.fullmatch(text):
        raise Malformed(
            f"{field}: character {_first_foreign(text)} is no ideograph, kana, Latin letter, "
            "hyphen, apostrophe, comma, period or middle dot, or a mark without its letter"
        )
    if not _LETTER.search(text):
        raise Malformed(f"{field}: want at least one letter")
    if _IDEOGRAPH.search(text) and sum(text.count(space) for space in SPACES) > 1:
        raise Malformed(f"{field}: want at most one space, between surname and given name")
    return LegalName(text)


def parse_reading(text: str, *, field: str = "reading") -> Reading:
    """Take a reading as people type it: hiragana, half-width and full-width katakana.

    Stored as full-width katakana, with ー and ・, its words set apart by one full-width space.
    """
    refuse_unfit(text, field=field, length_max=LENGTH_MAX)
    katakana = normalize("NFKC", text).translate(_TO_KATAKANA)
    if not _READING.fullmatch(katakana):
        raise Malformed(
            f"{field}: want kana with ー and ・, each word beginning with a kana; "
            "write a Latin name as it is spoken"
        )
    return Reading(katakana)


def _first_foreign(text: str) -> int:
    """The place, from 1, of the first character that no name has."""
    end = 0
    while (unit := _NAME_STEP.match(text, end)) is not None:
        end = unit.end()
    return end + 1
