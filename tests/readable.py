"""What a finder of files could read of people: personal values in every form, and the search.

Every text of a record that is at least eight bytes long in an encoding is looked for in it; surname
and given name, which may be shorter, are looked for together, with what may stand between them.
What everybody may know anyway (names of municipalities, days on which leaves were written) is left
out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from jukinet.law.record import Record, written_out
from jukinet.numbers.municipality_code import in_force

ENCODINGS = ("utf-8", "cp932", "utf-16-le", "utf-16-be")
SIZE_MIN, NAME_SIZE_MIN = 8, 6
BETWEEN = ("", " ", "\u3000")
RECENT = re.compile(r"202[4-9]-\d\d-\d\d")


def personal_texts(record: Record) -> Iterator[str]:
    """Every text of a record, however deep, and its address as it is written out."""
    yield from _texts(msgspec.to_builtins(record))
    yield written_out(record.address)


def names_together(record: Record) -> Iterator[str]:
    """Surname and given name (and their readings) together."""
    for name in (record.name.legal.text, record.name.reading.text if record.name.reading else ""):
        parts = name.split("\u3000" if "\u3000" in name else " ")
        if len(parts) > 1:
            yield from (between.join(parts) for between in BETWEEN)


def forms(records: Iterable[Record]) -> set[bytes]:
    """The bytes to look for."""
    public = {one.full_name for one in in_force(date(2025, 1, 1))}
    found = set()
    for record in records:
        for text in personal_texts(record):
            if not RECENT.fullmatch(text) and not any(text in name for name in public):
                found |= {one for one in _encoded(text) if len(one) >= SIZE_MIN}
        for text in names_together(record):
            found |= {one for one in _encoded(text) if len(one) >= NAME_SIZE_MIN}
    return found


class Finder:
    """Looks for many strings of bytes at once."""

    def __init__(self, sought: Iterable[bytes]) -> None:
        self.sought = set(sought)
        self._by_head: dict[bytes, list[bytes]] = defaultdict(list)
        for one in self.sought:
            self._by_head[one[:NAME_SIZE_MIN]].append(one)

    def found_in(self, content: bytes) -> set[bytes]:
        """Those that stand in some content."""
        heads, found = self._by_head, set()
        for at in range(len(content) - NAME_SIZE_MIN + 1):
            for one in heads.get(content[at : at + NAME_SIZE_MIN], ()):
                if content.startswith(one, at):
                    found.add(one)
        return found

    def found_below(self, root: Path) -> dict[str, set[bytes]]:
        """Those that stand in the files below a folder, in their names or their content, by file."""
        found = {}
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root))
            content = path.read_bytes() if path.is_file() else b""
            if seen := self.found_in(name.encode() + b"\n" + content):
                found[name] = seen
        return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def _encoded(text: str) -> Iterator[bytes]:
    for encoding in ENCODINGS:
        try:
            yield text.encode(encoding)
        except UnicodeEncodeError:
            continue
