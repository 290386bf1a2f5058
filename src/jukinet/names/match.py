"""Match key (突合用): sound and shape folded together; versioned, and never shown as a name.

A key is equal where a clerk would at least look twice. It finds candidates and decides nothing:
two people may share a key, and only the legal names tell them apart.

Version 1 of the name key: NFKC and case folding (Latin letters, widths, compatibility
ideographs); variation selectors, spaces and points dropped; hiragana as katakana, ヶ as ケ;
variant shapes as the ordinary one (`shapes`); 々 as the character it repeats.

Version 1 of the kana key: full-width katakana, small kana as large ones, voiced and half-voiced
marks dropped (清音化), ヲ ヱ ヰ as オ エ イ, and ツ as ス, チ as シ. The last two are needed
because ヅ sounds like ズ, and is written ツ where marks are left out: only one group ス ズ ツ ヅ
and one group シ ジ チ ヂ keep both. The long mark ー is dropped; long vowels that are written out
stay, or 大野 (オオノ) and 小野 (オノ) would be one.

>>> name_key("渡邉 髙志") == name_key("渡辺高志")
True
>>> kana_key("しづお") == kana_key("ｼｽﾞｵ") == kana_key("シツオ")
True
>>> name_key("渡邉 髙志")
MatchKey(version=1)
"""

import re
from dataclasses import dataclass, field
from typing import Final
from unicodedata import normalize

from jukinet.names.characters import SELECTORS
from jukinet.names.shapes import ORDINARY

VERSION: Final = 1

_DROPPED: Final = re.compile(rf"[{SELECTORS}\s\-\u2010-\u2015\u2212'\u2019,.\u30fb]")
_REPEATS: Final = "\u3005\u303b"
_TO_KATAKANA: Final = {code: code + 0x60 for code in range(0x3041, 0x3097)} | {
    0x309D: 0x30FD,
    0x309E: 0x30FE,
}
_SHAPES: Final = {**ORDINARY, ord("ヶ"): "ケ", ord("ヵ"): "カ"}
_SOUNDS: Final = str.maketrans(
    "ァィゥェォッャュョヮヵヶヲヱヰツチ",
    "アイウエオスヤユヨワカケオエイスシ",
    "\u3099\u309a\u309b\u309cー",
)


@dataclass(frozen=True, slots=True)
class MatchKey:
    """A key to compare and to look up with. Keys of different versions are never equal."""

    value: str = field(repr=False)
    version: int = VERSION


def name_key(text: str) -> MatchKey:
    """The key of a name: equal for the variant shapes of one name."""
    plain = _plain(text).translate(_TO_KATAKANA).translate(_SHAPES)
    return MatchKey(_repeated(plain))


def kana_key(text: str) -> MatchKey:
    """The key of a reading: equal for spellings that are confused or sound the same."""
    katakana = _plain(text).translate(_TO_KATAKANA)
    return MatchKey(normalize("NFD", katakana).translate(_SOUNDS))


def _plain(text: str) -> str:
    """Widths, case and compatibility folded; nothing left but letters."""
    folded = normalize("NFKC", normalize("NFKC", text).casefold())
    return normalize("NFKC", _DROPPED.sub("", folded))


def _repeated(text: str) -> str:
    """佐々木 as 佐佐木."""
    if not any(mark in text for mark in _REPEATS):
        return text
    written: list[str] = []
    for character in text:
        written.append(written[-1] if character in _REPEATS and written else character)
    return "".join(written)
