"""Letters of codes, written out: what goes by post and what waits at the desk, in files apart.

Files are for their owner alone, and their folder is new: nothing is overwritten and nothing left
lying about without somebody having said where. Sealed to a printer's key, the data can be carried
by anybody. The report counts letters and gives each file's SHA-256, and names nobody.
"""

import os
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from jukinet.errors import Refused
from jukinet.keys.seal import SealKey
from jukinet.law.record import Record
from jukinet.tasks.network import Network
from jukinet.tasks.papers.code_letter import (
    CodeLetter,
    Letters,
    Why,
    letters_of,
    letters_page,
    sealed_letters,
)

A_FILE: Final = 500
"""Letters to a file of sheets: what a printer takes at once."""
REPORT: Final = "letters.json"


def of(
    network: Network, town: str, people: Sequence[Record], *, series: str, why: Why
) -> list[CodeLetter]:
    """The letters of some records of a town, written today."""
    name = network.directory.towns[town].name
    day = network.line.now.date()
    return list(letters_of(people, series=series, town=name, why=why, on=day))


def write(
    folder: Path, town: str, letters: Sequence[CodeLetter], *, key: SealKey | None
) -> dict[str, Any]:
    """Write letters into a new folder, as sheets or sealed; the report. Refused where it stands."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise Refused(f"{folder}: it is there already; name a new folder for the letters") from None
    by_post = [letter for letter in letters if not letter.at_desk]
    at_desk = [letter for letter in letters if letter.at_desk]
    files: dict[str, str] = {}
    for name, some in (("by-post", by_post), ("at-desk", at_desk)):
        for file, content in _contents(name, town, some, key):
            _put(folder / file, content)
            files[file] = sha256(content).hexdigest()
    report = {"town": town, "by_post": len(by_post), "at_desk": len(at_desk), "sha256": files}
    _put(folder / REPORT, msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    return report


def _contents(
    name: str, town: str, letters: Sequence[CodeLetter], key: SealKey | None
) -> Iterable[tuple[str, bytes]]:
    if not letters:
        return
    if key is not None:
        yield f"{name}.sealed", sealed_letters(Letters(town=town, letters=tuple(letters)), key)
        return
    for place, some in enumerate(_in_files(letters), start=1):
        yield f"{name}-{place:04d}.html", letters_page(some).encode()


def _in_files(letters: Sequence[CodeLetter]) -> Iterable[Sequence[CodeLetter]]:
    return (letters[start : start + A_FILE] for start in range(0, len(letters), A_FILE))


def _put(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
