"""Staging (仮置き): rows on disk until the last row of their household has been read.

Rows of one household need not stand together, so all rows are read before the first household is
entered. They wait in one file beside the town's own: it holds what the export holds, sealed under a
key that is drawn for it and that only this process has. It is removed at the end, and by the next
import into that town where a crash left it; nobody can read it then. Nothing of it goes into any
other file: no journal, and what SQLite sorts stays in memory. It is nobody's record, so nothing
here is ever fsynced.

A number that two different rows bear is found on the way: neither row is entered, since nobody can
say which is right. A row that is there word by word a second time is left out once.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from secrets import token_bytes
from typing import Any, NamedTuple

import msgspec

from jukinet.errors import OutOfStep
from jukinet.numbers.resident_code import ResidentCode
from jukinet.store.engine import SEAL_KEY_SIZE, connect_sqlite
from jukinet.tasks.importing.resident import Fault, Resident

CACHE_KIB = 32 * 1024
CACHE_KIB_THEN = 2 * 1024  # when all rows are in and only pages in the file's order are wanted

_PRAGMAS = (
    "PRAGMA journal_mode=OFF",
    "PRAGMA synchronous=OFF",
    "PRAGMA locking_mode=EXCLUSIVE",
    "PRAGMA temp_store=MEMORY",
    f"PRAGMA cache_size=-{CACHE_KIB}",
)
# A household is numbered by the line of its first row, so that the file's order is the key's.
_TABLES = (
    """CREATE TABLE home (
        first INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, size INTEGER NOT NULL DEFAULT 0,
        draws INTEGER NOT NULL DEFAULT 0, settled INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE resident (
        line INTEGER PRIMARY KEY, home INTEGER NOT NULL, head INTEGER NOT NULL,
        good INTEGER NOT NULL, content BLOB NOT NULL)""",
    "CREATE INDEX resident_by_home ON resident (home, line)",
    """CREATE TABLE number (digits TEXT PRIMARY KEY, line INTEGER NOT NULL, digest BLOB NOT NULL)
        WITHOUT ROWID""",
    """CREATE TABLE reject (
        line INTEGER PRIMARY KEY, field TEXT NOT NULL, reason TEXT NOT NULL,
        more TEXT NOT NULL)""",
)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Resident).decode


class Staged(NamedTuple):
    """A row that waits: its line, whether it is a head's, and the person unless it is rejected."""

    line: int
    head: bool
    resident: Resident | None


class Clash(NamedTuple):
    """An earlier row that bears the same number; `same` where the two are one row, repeated."""

    line: int
    same: bool


class Home(NamedTuple):
    """A household of the file, by the line of its first row."""

    first: int
    number: str
    size: int  # rows, the rejected ones too
    draws: int  # of them, how many have no code


class Reject(NamedTuple):
    """A row that is not entered, and why."""

    line: int
    fault: Fault


class Staging:
    """The rows of one import, waiting."""

    def __init__(self, connection: Any, failures: tuple[type[Exception], ...]) -> None:
        """`failures` are what the connection's driver raises."""
        self._connection = connection
        self._failures = failures
        self._number, self._home = "", 0
        for sentence in ("BEGIN", *_TABLES):
            self._run(sentence)

    def _run(self, sql: str, values: tuple[object, ...] = ()) -> Any:
        try:
            return self._connection.execute(sql, values)
        except self._failures as error:
            raise OutOfStep(
                f"staging: {error}; the rows of an import wait beside the town's file and need "
                "about a kilobyte each, make room and import again"
            ) from None

    # --- taking rows in ---------------------------------------------------------------------

    def put(self, line: int, household: str, *, head: bool, resident: Resident | None) -> None:
        """A row of a household; without a person where it has been rejected."""
        home = self._home_of(household, line)
        draws = int(resident is not None and resident.draws)
        self._run(
            "UPDATE home SET size = size + 1, draws = draws + ? WHERE first = ?", (draws, home)
        )
        content = b"" if resident is None else _encode(resident)
        self._run(
            "INSERT INTO resident VALUES (?, ?, ?, ?, ?)",
            (line, home, int(head), int(resident is not None), content),
        )

    def claim(self, line: int, digits: Sequence[str], content: str) -> Clash | None:
        """Say that a row bears some numbers (or none); the earlier row that stands against it."""
        digest = blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        for one in digits or [digest.hex()]:
            claimed = self._run(
                "INSERT INTO number VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (one, line, digest)
            )
            if claimed.rowcount == 0:
                ((earlier, its_digest),) = self._run(
                    "SELECT line, digest FROM number WHERE digits = ?", (one,)
                )
                return Clash(earlier, its_digest == digest)
        return None

    def reject(self, line: int, fault: Fault) -> bool:
        """Write down that a row is not entered; whether that is news."""
        self._run("UPDATE resident SET good = 0, content = x'' WHERE line = ?", (line,))
        rejected = self._run(
            "INSERT INTO reject VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", (line, *fault)
        )
        return bool(rejected.rowcount == 1)

    def all_in(self) -> None:
        """All rows have been put; give the memory back that looking for numbers took."""
        for sentence in (
            "COMMIT",
            f"PRAGMA cache_size=-{CACHE_KIB_THEN}",
            "PRAGMA shrink_memory",
            "BEGIN",
        ):
            self._run(sentence)

    def _home_of(self, number: str, line: int) -> int:
        if number != self._number:
            self._run(
                "INSERT INTO home (first, number) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (line, number),
            )
            ((self._home,),) = self._run("SELECT first FROM home WHERE number = ?", (number,))
            self._number = number
        return self._home

    # --- giving households out ----------------------------------------------------------------

    @property
    def households(self) -> int:
        """How many households there are."""
        ((count,),) = self._run("SELECT count(*) FROM home")
        return int(count)

    def waiting(self, *, drawing: bool, limit: int) -> Iterator[list[Home]]:
        """Households that are not settled, a page at a time, in the order of the file.

        With `drawing` those in which somebody needs a code, else those in which nobody does.
        """
        after = 0
        while True:
            rows = self._run(
                "SELECT first, number, size, draws FROM home WHERE first > ? AND settled = 0 "
                "AND (draws > 0) = ? ORDER BY first LIMIT ?",
                (after, int(drawing), limit),
            ).fetchall()
            if not rows:
                return
            after = rows[-1][0]
            yield [Home(*row) for row in rows]

    def bearing(self, codes: Iterable[ResidentCode]) -> list[Home]:
        """The households, not settled yet, in which somebody brings one of some codes along."""
        found = {}
        for code in codes:
            for row in self._run(
                "SELECT first, home.number, size, draws FROM number "
                "JOIN resident USING (line) JOIN home ON first = home "
                "WHERE digits = ? AND good = 1 AND settled = 0",
                (code.digits,),
            ):
                found[row[0]] = Home(*row)
        return [found[first] for first in sorted(found)]

    def rows(self, home: Home) -> list[Staged]:
        """The rows of a household, in the order of the file."""
        return [
            Staged(line, bool(head), _decode(content) if good else None)
            for line, head, good, content in self._run(
                "SELECT line, head, good, content FROM resident WHERE home = ? ORDER BY line",
                (home.first,),
            )
        ]

    def lines(self, home: Home) -> Iterator[int]:
        """The lines of a household's rows that have not been rejected, a page at a time."""
        after = 0
        while True:
            page = self._run(
                "SELECT line FROM resident WHERE home = ? AND line > ? AND good = 1 "
                "ORDER BY line LIMIT 1000",
                (home.first, after),
            ).fetchall()
            if not page:
                return
            after = page[-1][0]
            yield from (line for (line,) in page)

    def settle(self, homes: Iterable[Home]) -> None:
        """These households have been seen to."""
        for home in homes:
            self._run("UPDATE home SET settled = 1 WHERE first = ?", (home.first,))

    def rejects(self) -> Iterator[Reject]:
        """All rejected rows in the order of the file."""
        for line, *fault in self._run("SELECT * FROM reject ORDER BY line"):
            yield Reject(line, Fault(*fault))


def staging_file(folder: Path, town: str) -> Path:
    """Where the rows of an import into a town wait."""
    return folder / f"{town}.import"


def sweep(folder: Path) -> list[Path]:
    """Remove what crashed imports have left in a folder of towns; call it with the folder held."""
    left = sorted(folder.glob("[0-9]" * 6 + ".import"))
    for path in left:
        path.unlink(missing_ok=True)
    return left


@contextmanager
def staged_rows(folder: Path, town: str) -> Iterator[Staging]:
    """A new, empty staging, removed when the block ends."""
    path = staging_file(folder, town)
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    key = token_bytes(SEAL_KEY_SIZE)
    connection, failures = connect_sqlite(str(path), key, pragmas=_PRAGMAS)
    try:
        yield Staging(connection, failures)
    finally:
        connection.close()
        path.unlink(missing_ok=True)
