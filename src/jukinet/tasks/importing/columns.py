"""Columns (項目): what the header of an export may say, and what each column means.

The table is `columns.toml`; docs/import.md shows it. A header is compared without regard to width,
case, spaces and underscores. A column is needed, useful or unknown; what is wrong with a header is
said at once and before any row is read. A first line that is no header may hold a person, so
nothing of it is ever repeated: cells are quoted only from a header that has all it needs.

>>> header = read_header("世帯番号 氏名 生年月日 性別 続柄 郵便番号 住所 住民となった日".split())
>>> header.places["birth_date"], header.title("birth_date")
(2, '生年月日')
>>> read_header(["世帯番号", "氏名"])  # doctest: +ELLIPSIS
Traceback (most recent call last):
...
jukinet.errors.Malformed: columns: missing are 生年月日 (birth_date), 性別 (sex), 続柄 (...
"""

import tomllib
from collections import Counter
from collections.abc import Sequence
from importlib import resources
from typing import Final, NamedTuple
from unicodedata import normalize

import msgspec

from jukinet.errors import Malformed

TITLE_MAX: Final = 40


class Column(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One column: its name, an English alias, other names seen, and what its cells hold."""

    name: str
    english: str
    also: tuple[str, ...]
    required: bool
    meaning: str
    form: str

    @property
    def both(self) -> str:
        """The name and its alias, as messages have them."""
        return f"{self.name} ({self.english})"


class Header(NamedTuple):
    """Where each column stands, from 0, and how many cells a row has."""

    places: dict[str, int]
    width: int

    def title(self, english: str) -> str:
        """The Japanese name of a column."""
        return BY_ENGLISH[english].name


def _load() -> tuple[Column, ...]:
    text = resources.files(__package__).joinpath("columns.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["column"], tuple[Column, ...])


def _harmless(title: str) -> str:
    """A title of somebody else's, as far as a terminal can be shown it."""
    shown = "".join(character if character.isprintable() else "?" for character in title)
    return shown if len(shown) <= TITLE_MAX else shown[:TITLE_MAX] + "…"


def _plain(title: str) -> str:
    """A title without what spellings of it differ in."""
    folded = normalize("NFKC", title).casefold()
    return "".join(character for character in folded if character not in " _\t\r\n")


COLUMNS: Final = _load()
BY_ENGLISH: Final = {column.english: column for column in COLUMNS}
_BY_TITLE: Final = {
    _plain(title): column
    for column in COLUMNS
    for title in (column.name, column.english, *column.also)
}


def known(cells: Sequence[str]) -> int:
    """How many cells of a first line are names of columns."""
    return sum(_plain(cell) in _BY_TITLE for cell in cells)


def read_header(cells: Sequence[str], *, ignore_columns: bool = False) -> Header:
    """Where each column stands, or Malformed with everything that is wrong with the header."""
    found = [_BY_TITLE.get(_plain(cell)) for cell in cells]
    missing = [column.both for column in COLUMNS if column.required and column not in found]
    if not any(found):
        raise Malformed(
            "columns: the first line names none of them; it has to be a header such as "
            "世帯番号,氏名,生年月日, …; see docs/import.md"
        )
    if missing:
        raise Malformed(f"columns: missing are {', '.join(missing)}; see docs/import.md")
    twice = [column.both for column, times in Counter(filter(None, found)).items() if times > 1]
    if twice:
        raise Malformed(f"columns: more than once there are {', '.join(twice)}; leave one of each")
    unknown = [
        f"{place} “{_harmless(cell)}”"
        for place, (cell, column) in enumerate(zip(cells, found, strict=True), start=1)
        if column is None
    ]
    if unknown and not ignore_columns:
        raise Malformed(
            f"columns: not known are {', '.join(unknown)}; see docs/import.md for other names, "
            "or read the file without them (--ignore-columns)"
        )
    places = {column.english: place for place, column in enumerate(found) if column is not None}
    return Header(places, len(cells))
