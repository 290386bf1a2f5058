"""Naming (命名): names that could be anybody's, drawn from public counts and lists.

Surnames by their counts with the variant shapes that registers are full of, some of which need a
variation selector or lie outside the basic plane; given names by sex and decade of birth; names
of foreign residents in Latin letters, some with ideographs, some with an alias (通称). Readings
are katakana. Surname and given name are drawn apart, so no real person is copied.

>>> from random import Random
>>> name = japanese(Random(1), "女", 1950)
>>> (len(name.text.split("　")), name.latin)
(2, False)
"""

from bisect import bisect
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import accumulate
from random import Random

from japanese_personal_name_dataset import load_dataset

from jukinet.world.name_tables import FOREIGN, GIVEN, NATIONALITIES
from jukinet.world.people import MALE, Name, Surname

# Shape in the counts, shape in some registers, and the share written so. Assumed (docs/data.md);
# a pair is skipped where the counts already hold the variant surname in its own right.
VARIANTS: tuple[tuple[str, str, float], ...] = (
    ("高", "髙", 0.05),
    ("吉", "𠮷", 0.03),
    ("崎", "﨑", 0.08),
    ("浜", "濱", 0.12),
    ("沢", "澤", 0.12),
    ("広", "廣", 0.08),
    ("国", "國", 0.05),
    ("桜", "櫻", 0.12),
    ("島", "嶋", 0.06),
    ("富", "冨", 0.08),
    ("黒", "黑", 0.01),
    ("真", "眞", 0.04),
    ("徳", "德", 0.04),
    ("瀬", "瀨", 0.03),
    ("柳", "栁", 0.04),
    ("辻", "辻\U000e0100", 0.3),
    ("葛", "葛\U000e0100", 0.25),
    ("邉", "邉\U000e0104", 0.15),
    ("邊", "邊\U000e0104", 0.1),
    ("樋", "樋\U000e0101", 0.1),
    ("塚", "\ufa10", 0.02),
    ("福", "\ufa1b", 0.004),
    ("神", "\ufa19", 0.01),
)

Given = tuple[str, str]
Entry = tuple[str, str, str]


def surname(rng: Random) -> Surname:
    """A Japanese surname, by its count."""
    cumulative, surnames = _surnames()
    return surnames[bisect(cumulative, rng.random() * cumulative[-1])]


def given(rng: Random, sex: str, year: int) -> Given:
    """A Japanese given name and its reading, for a person born in `year`."""
    popular, cumulative, tail = _given_names(sex, min(max(year // 10 * 10, 1910), 2020))
    spot = rng.random()
    if spot < cumulative[-1]:
        return popular[bisect(cumulative, spot)]
    return tail[int(rng.random() * len(tail))]


def japanese(rng: Random, sex: str, year: int, family: Surname | None = None) -> Name:
    """A Japanese name; with `family`, that surname is kept."""
    family = family or surname(rng)
    text, kana = given(rng, sex, year)
    return Name(family.text, text, family.kana, kana)


def renamed(name: Name, family: Surname) -> Name:
    """The same given name under another surname."""
    return Name(family.text, name.given, family.kana, name.given_kana)


def nationality(rng: Random) -> str:
    """A nationality or region (国籍・地域), by the number of residents."""
    cumulative, names = _nationalities()
    return names[bisect(cumulative, rng.random() * cumulative[-1])]


def foreign_family(rng: Random, nation: str) -> Entry:
    """A family name of that country: Latin letters, katakana, ideographs or nothing."""
    return _pick(rng, FOREIGN[nation][0])


def foreign(rng: Random, nation: str, sex: str, family: Entry | None = None) -> Name:
    """A name in Latin letters, with ideographs beside it for most people who have them."""
    family = family or foreign_family(rng, nation)
    own = _pick(rng, FOREIGN[nation][1 if sex == MALE else 2])
    kanji = f"{family[2]}　{own[2]}" if family[2] and own[2] and rng.random() < 0.7 else ""
    return Name(family[0], own[0], _wide(family[1]), _wide(own[1]), latin=True, kanji=kanji)


def in_kanji(rng: Random, nation: str, sex: str, family: Entry | None = None) -> Name:
    """A name in ideographs only, as special permanent residents and their kin write it."""
    family = family or foreign_family(rng, nation)
    own = _pick(rng, FOREIGN[nation][1 if sex == MALE else 2])
    return Name(family[2], own[2], family[1], own[1])


def romanised(name: Name) -> Name:
    """A Japanese name in Latin letters, as a foreign passport would show it."""
    parts = _latin(name.surname_kana), _latin(name.given_kana)
    return Name(parts[0], parts[1], name.surname_kana, name.given_kana, latin=True)


def _pick(rng: Random, entries: Sequence[Entry]) -> Entry:
    """The first entries are the commonest: the square of a uniform draw prefers them."""
    return entries[int(rng.random() ** 2 * len(entries))]


@cache
def _surnames() -> tuple[list[float], list[Surname]]:
    _, _, rows = load_dataset("org", True)
    counted = _with_variants({text: (row["count"], row["reading"]) for text, row in rows.items()})
    surnames = [Surname(text, _katakana(kana)) for text, (_, kana) in counted.items()]
    return list(accumulate(count for count, _ in counted.values())), surnames


def _with_variants(counted: dict[str, tuple[int, str]]) -> dict[str, tuple[float, str]]:
    spread: dict[str, tuple[float, str]] = dict(counted)
    for usual, rare, part in VARIANTS:
        for text, (count, kana) in list(spread.items()):
            variant = text.replace(usual, rare)
            if usual in text and variant not in spread:
                spread[text] = (count * (1 - part), kana)
                spread[variant] = (count * part, kana)
    return spread


@cache
def _nationalities() -> tuple[list[int], list[str]]:
    return list(accumulate(NATIONALITIES.values())), list(NATIONALITIES)


# Share of a decade's children whose name stands in the short list; the rest is the long tail.
_HEAD = {1910: 0.4, 1940: 0.4, 1970: 0.3, 1990: 0.2, 2010: 0.12}


@cache
def _given_names(sex: str, decade: int) -> tuple[tuple[Given, ...], list[float], list[Given]]:
    head = _HEAD[max(start for start in _HEAD if start <= decade)]
    popular = GIVEN[sex][decade]
    weights = [1 / (rank + 4) for rank in range(len(popular))]
    cumulative = list(accumulate(weight * head / sum(weights) for weight in weights))
    era = "old" if decade < 1950 else "middle" if decade < 1990 else "new"
    return popular, cumulative, _tail(sex, era)


# What readings of the long tail end in, and how many characters a spelling may have, so that a
# grandmother is not called like her granddaughter.
_OLD_WOMAN = ("こ", "え", "よ", "の", "み")
_NEW_WOMAN = ("な", "か", "り", "み", "ほ", "の", "ね", "は", "ゆ", "お", "き", "さ", "ん")
_OLD_MAN = (
    "お",
    "じ",
    "いち",
    "ぞう",
    "ろう",
    "し",
    "のぶ",
    "よし",
    "はる",
    "まさ",
    "ひこ",
    "のり",
)
_NEW_MAN = ("と", "た", "ま", "き", "すけ", "せい", "や", "と", "ん", "ろう", "あ", "が", "ひろ")
_ENDINGS: dict[tuple[str, str], tuple[tuple[str, ...], int]] = {
    ("女", "old"): (_OLD_WOMAN, 2),
    ("女", "middle"): (("こ", "み", "え", "か", "り", "ほ", "よ", "き"), 3),
    ("女", "new"): (_NEW_WOMAN, 3),
    ("男", "old"): (_OLD_MAN, 2),
    ("男", "middle"): (("お", "し", "いち", "じ", "や", "き", "ろう", "ひこ", "ゆき", "と"), 3),
    ("男", "new"): (_NEW_MAN, 3),
}


@cache
def _tail(sex: str, era: str) -> list[Given]:
    men, women = load_dataset("opti")
    endings, longest = _ENDINGS[sex, era]
    found: list[Given] = []
    for kana, entry in (men if sex == MALE else women).items():
        if kana.endswith(endings) and 2 <= len(kana) <= 5:
            spellings = [text for text in entry["kanji"] if _is_plain(text, longest)]
            found += [(text, _katakana(kana)) for text in _at_most(spellings, 12)]
    return found


def _at_most(spellings: list[str], count: int) -> Iterable[str]:
    """Evenly spaced, so that a reading with hundreds of spellings does not drown the others."""
    step = max(len(spellings) / count, 1.0)
    return (spellings[int(i * step)] for i in range(min(count, len(spellings))))


def _is_plain(text: str, longest: int) -> bool:
    """Whether a spelling is short and written in kana and kanji of JIS X 0208's first level."""
    return len(text) <= longest and all(map(_is_level_one, text))


def _is_level_one(char: str) -> bool:
    if "ぁ" <= char <= "ヶ":
        return True
    code = char.encode("euc_jp", errors="ignore")
    return len(code) == 2 and 0xB0 <= code[0] <= 0xCF


_TO_KATAKANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}


def _katakana(kana: str) -> str:
    return kana.translate(_TO_KATAKANA)


def _wide(reading: str) -> str:
    return reading.replace(" ", "　")


_ROWS = (
    ("アイウエオ", "A I U E O"),
    ("カキクケコ", "KA KI KU KE KO"),
    ("サシスセソ", "SA SHI SU SE SO"),
    ("タチツテト", "TA CHI TSU TE TO"),
    ("ナニヌネノ", "NA NI NU NE NO"),
    ("ハヒフヘホ", "HA HI FU HE HO"),
    ("マミムメモ", "MA MI MU ME MO"),
    ("ヤユヨ", "YA YU YO"),
    ("ラリルレロ", "RA RI RU RE RO"),
    ("ワヲン", "WA O N"),
    ("ガギグゲゴ", "GA GI GU GE GO"),
    ("ザジズゼゾ", "ZA JI ZU ZE ZO"),
    ("ダヂヅデド", "DA JI ZU DE DO"),
    ("バビブベボ", "BA BI BU BE BO"),
    ("パピプペポ", "PA PI PU PE PO"),
)
_LATIN = {
    kana: latin for row, text in _ROWS for kana, latin in zip(row, text.split(), strict=True)
} | {"ヴ": "VU"}
_SMALL = {"ャ": "YA", "ュ": "YU", "ョ": "YO"}


def _latin(kana: str) -> str:
    """Hepburn capitals without long vowels, as in passports.

    >>> _latin("サトウ"), _latin("ショウタロウ"), _latin("ハットリ")
    ('SATO', 'SHOTARO', 'HATTORI')
    """
    out, double = "", False
    for char in kana:
        if char in _SMALL:
            vowel = _SMALL[char]
            out = out[:-1] + (vowel[1:] if out[-2:] in ("HI", "JI") else vowel)
            continue
        if char == "ッ":
            double = True
            continue
        sound = _LATIN.get(char, "")
        out += (sound[:1] if double else "") + sound
        double = False
    return out.replace("OU", "O").replace("OO", "O").replace("UU", "U")
