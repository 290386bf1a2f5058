"""Rejects (取込不可一覧): which rows were not entered, and why; a table to work through.

CSV in UTF-8 with a byte order mark and CRLF, so that spreadsheets open it. It has the line, the
column and a sentence with the way out, and nothing of what stood in the row. A cell that a
spreadsheet would take for a formula begins with an apostrophe. Only its owner can read it.

It is written under another name and takes its name when it is whole. A file of that name that is
not such a table is never touched.

Source: OWASP, CSV injection.

>>> inert("=1+1"), inert("年"), inert("@x"), inert("\\tx")
("'=1+1", '年', "'@x", "'\\tx")
"""

import csv
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from jukinet.errors import Malformed, Refused
from jukinet.tasks.importing.columns import BY_ENGLISH
from jukinet.tasks.importing.staging import Reject

TITLES: Final = ("行 (line)", "項目 (field)", "理由 (reason)")
SUFFIX: Final = ".rejects.csv"
_MARK: Final = "\ufeff"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def rejects_file(file: Path) -> Path:
    """Where the rejects of a file go unless another place is chosen."""
    return file.with_name(file.name + SUFFIX)


class RejectsFile:
    """The table of one import; `write` once, at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._new = path.with_name(path.name + ".new")

    def write(self, rejects: Iterable[Reject]) -> None:
        """Write the table in the place of the one that may be there."""
        descriptor = os.open(self._new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8", newline="") as out:
            out.write(_MARK)
            table = csv.writer(out, lineterminator="\r\n")
            table.writerow(TITLES)
            for reject in rejects:
                table.writerow(inert(cell) for cell in _cells(reject))
            out.flush()
            os.fsync(out.fileno())
        os.replace(self._new, self.path)

    def discard(self) -> None:
        """Leave no part of a table behind."""
        self._new.unlink(missing_ok=True)


@contextmanager
def rejects_at(path: Path) -> Iterator[RejectsFile]:
    """A place for the table: Refused where something else is there, Malformed where none can be.

    An older table is removed at once, so that what is there afterwards is of this import.
    """
    table = RejectsFile(path)
    try:
        if path.exists():
            _refuse_foreign(path)
        table.write(())
        path.unlink()
    except OSError as error:
        raise Malformed(
            f"rejects: {path}: {error.strerror}; name another file with --rejects"
        ) from None
    try:
        yield table
    finally:
        table.discard()


def inert(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _cells(reject: Reject) -> tuple[str, str, str]:
    fault = reject.fault
    column = BY_ENGLISH.get(fault.column)
    sentences = f"{fault.reason} / {fault.more}" if fault.more else fault.reason
    return str(reject.line), column.both if column else "", sentences


def _refuse_foreign(path: Path) -> None:
    start = (_MARK + TITLES[0]).encode()
    if path.is_dir() or not _begins_with(path, start):
        raise Refused(
            f"rejects: {path}: it is not a table of rejects; name another file with --rejects"
        )


def _begins_with(path: Path, start: bytes) -> bool:
    with path.open("rb") as content:
        return content.read(len(start)) == start
