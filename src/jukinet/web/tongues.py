"""Tongues (言語): the catalogues from which every string of a page comes.

Pages are written in English, which is the key of each string; a catalogue (Babel's .po) has it in
another tongue. Japanese is whole, by test. Easy Japanese (やさしい日本語) has what it says in its
own way, and else what Japanese says. Refusals of the register are whole sentences with a number or
a name in them: their catalogue has a pattern of each, with holes.

>>> tongue("ja").say("Desk"), tongue("en").say("Desk")
('窓口', 'Desk')
>>> tongue("ja").refusal("record 17: no move abroad is planned")
'記録 17：国外への転出は予定されていません。'
>>> choose("", "fr, ja;q=0.5, en;q=0.9")
'en'
"""

import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Final

from babel.messages.pofile import read_po

NAMES: Final = {"ja": "日本語", "ja-easy": "やさしい日本語", "en": "English"}
DEFAULT: Final = "ja"
_BEHIND: Final = {"ja-easy": "ja"}
_HOLE: Final = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, eq=False)
class Tongue:
    """One language of the pages."""

    code: str
    strings: dict[str, str] = field(repr=False)
    refusals: tuple[tuple[re.Pattern[str], str], ...] = field(repr=False)

    @property
    def html(self) -> str:
        """What the page's `lang` says."""
        return self.code.split("-")[0]

    @property
    def japanese(self) -> bool:
        """Whether it is written in Japanese."""
        return self.html == "ja"

    def say(self, text: str) -> str:
        """A string of the pages in this tongue."""
        return self.strings.get(text, text)

    def say_of(self, one: str, many: str, count: int) -> str:
        """A string that counts; English has two forms, Japanese one."""
        return self.say(one if count == 1 and not self.japanese else many)

    def refusal(self, sentence: str) -> str:
        """A refusal's sentence in this tongue, or as it is where the catalogue has no pattern."""
        for pattern, said in self.refusals:
            if match := pattern.fullmatch(sentence):
                return said.format(*map(self._filled, match.groups()))
        return sentence

    def _filled(self, hole: str) -> str:
        """What fills a hole: a field's name, half a sentence, or a number as it is."""
        return self.strings.get(hole) or self.refusal(hole)


@cache
def tongue(code: str) -> Tongue:
    """A tongue by its code, one of `NAMES`."""
    behind = tongue(_BEHIND[code]) if code in _BEHIND else None
    strings = {**(behind.strings if behind else {}), **_strings(f"{code}.po")}
    if behind:
        return Tongue(code, strings, behind.refusals)
    refusals = _strings(f"refusals.{code}.po")
    exact_first = sorted(refusals, key=lambda text: -len(_HOLE.sub("", text)))
    patterns = tuple((_pattern(text), refusals[text]) for text in exact_first)
    return Tongue(code, strings, patterns)


def choose(asked: str, accepted: str) -> str:
    """The tongue that was asked for, else the best that the browser's header accepts."""
    if asked in NAMES:
        return asked
    for wanted in _by_weight(accepted):
        if wanted.split("-")[0] in NAMES:
            return wanted.split("-")[0]
    return DEFAULT


def _by_weight(accepted: str) -> list[str]:
    """The tongues of an Accept-Language header, the dearest first."""
    found = []
    for one in accepted[:200].split(","):
        name, _, weight = one.strip().partition(";q=")
        try:
            found.append((-float(weight or 1), name.lower()))
        except ValueError:
            continue
    return [name for _, name in sorted(found, key=lambda pair: pair[0])]


def _strings(name: str) -> dict[str, str]:
    file = resources.files("jukinet.web").joinpath("catalogues", name)
    if not file.is_file():
        return {}
    with file.open("rb") as opened:
        catalogue = read_po(opened)
    return {str(one.id): str(one.string) for one in catalogue if one.id and one.string}


def _pattern(text: str) -> re.Pattern[str]:
    """A sentence with holes, as an expression that finds what fills them."""
    parts = _HOLE.split(text)
    return re.compile("(.*?)".join(re.escape(part) for part in parts), re.DOTALL)
