"""Stores, read only: every page, every table, every row against its check.

A file is opened so that nothing can be written to it. Where the last process was killed, what it
committed last stands beside the file in its write-ahead log: that is read where it lies, not folded
in, and only the index of it (`-shm`, which holds nothing that is not in the other two) may be made
anew. Where there is no such log the file is opened as immutable, and nothing at all is touched.

A row whose check does not fit is noted and left out of what is recomputed from it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, select
from sqlcipher3 import dbapi2 as sqlcipher

from jukinet.errors import Damaged, JukinetError
from jukinet.nodes import agency, keeper, municipality, witness
from jukinet.nodes.centre import shelves
from jukinet.store.engine import Statement, Transaction, connect_sqlite, open_store
from jukinet.store.migrate import migrate
from jukinet.store.rows import Rows
from jukinet.tasks.verifying.findings import Findings, short

T = TypeVar("T", bound=tuple[Any, ...])

MIGRATIONS = Path(municipality.__file__).parent / "migrations"
ENGINE = (sqlcipher.Error, UnicodeError)
"""What the engine raises of a damaged file; its messages may be damaged themselves."""

UNFIT = "the check of this row does not fit its values"

TABLES: Mapping[str, tuple[MetaData, ...]] = {
    "town": municipality.METADATA,
    "prefecture": shelves.PREFECTURE,
    "national": shelves.NATIONAL,
    "chains": shelves.CHAINS,
    "keeper": keeper.METADATA,
    "agency": agency.METADATA,
    "witness": witness.METADATA,
}

_PRAGMAS = ("PRAGMA cell_size_check=ON", "PRAGMA cache_size=-65536")
_NUMBERED = frozenset({"code", "certificate", "subject", "given"})  # their keys are not to be shown
_HIDDEN_KEYS = frozenset({"prefecture"})


class Shelf:
    """One store that is read and never written."""

    def __init__(self, place: str, connection: Any, findings: Findings) -> None:
        self.place = place
        self.findings = findings
        self._tx = Transaction("sqlite", connection.cursor)
        self._read: set[str] = set()

    def note(self, about: str, sentence: str) -> None:
        """Note a finding in this store."""
        self.findings.note(self.place, about, sentence)

    def rows(self, table: Rows[T]) -> Iterator[T]:
        """All rows of a table in the order of their keys; those that do not fit are noted."""
        self._read.add(table.table.name)
        make = table.row._make  # type: ignore[attr-defined]  # a NamedTuple
        place = 0
        try:
            for place, row in enumerate(self._tx.stream(_everything(table)), start=1):
                if _fits(table, row):
                    yield make(row[:-1])
                else:
                    self.note(named(table, row, place), UNFIT)
        except ENGINE as error:
            self.note(table.table.name, f"cannot be read to its end ({_kind(error)})")
        self.findings.counts["rows"] += place

    def all_of(self, table: Rows[T], key: Callable[[T], Any]) -> dict[Any, T]:
        """All rows of a table by a key of theirs."""
        return {key(row): row for row in self.rows(table)}

    def read_rest(self, kind: str) -> None:
        """The tables that nothing was recomputed from: their rows against their checks."""
        for metadata in TABLES[kind]:
            for table in metadata.info["rows"]:
                if table.table.name not in self._read:
                    for _ in self.rows(table):
                        pass

    def check_frame(self, kind: str) -> None:
        """The engine's own check of its pages, the version of the tables, and the tables."""
        try:
            pages = self._tx.execute("PRAGMA integrity_check")
            pages += self._tx.execute("PRAGMA cipher_integrity_check")
            for (text,) in pages:
                if text != "ok":
                    self.note(text.splitlines()[-1][:80], "so says the engine of its own pages")
            found = self._tx.execute("SELECT version_num FROM alembic_version")
            if found != [(head(kind),)]:
                self.note("alembic_version", "says another version of the tables than the newest")
            tables = dict(self._tx.execute("SELECT name, sql FROM sqlite_master"))
        except ENGINE as error:
            self.note("pages", f"the engine cannot read them ({_kind(error)})")
            return
        wanted = schema(kind)
        for name in sorted({*wanted, *tables}):
            if wanted.get(name) != tables.get(name):
                self.note(name, "is not the table or index that the migrations make")


@contextmanager
def opened(
    path: Path, place: str, kind: str, findings: Findings, key: bytes
) -> Iterator[Shelf | None]:
    """A store of some kind, its frame checked; None, and a finding, where it cannot be opened."""
    try:
        connection, _ = connect_sqlite(_address(path), key, pragmas=_PRAGMAS, uri=True)
    except Damaged:
        findings.note(place, "file", "is not a database that can be read with its key")
        yield None
        return
    except JukinetError as error:
        findings.note(place, "file", f"cannot be opened ({type(error).__name__})")
        yield None
        return
    connection.text_factory = _text
    shelf = Shelf(place, connection, findings)
    shelf.check_frame(kind)
    findings.counts["stores"] += 1
    try:
        yield shelf
        shelf.read_rest(kind)
    finally:
        connection.close()


def named(table: Rows[Any], row: tuple[Any, ...], place: int) -> str:
    """What a finding calls a row: its table and key, or its place where the key is not shown."""
    name = table.table.name
    if name in _NUMBERED:
        return f"{name} in place {place}"
    keys = [
        _shown(value)
        for column, value in zip(table.table.columns, row, strict=False)
        if column.primary_key and column.name not in _HIDDEN_KEYS
    ]
    return " ".join([name, *keys])


@cache
def _everything(table: Rows[Any]) -> Statement:
    """The question for all rows of a table, in the order of their keys."""
    keys = [column for column in table.table.columns if column.primary_key]
    return Statement(select(table.table).order_by(*keys))


@cache
def head(kind: str) -> str:
    """The number of the newest script of a kind of store."""
    scripts = str(MIGRATIONS / kind)
    found = ScriptDirectory(scripts, version_locations=[scripts]).get_current_head()
    assert found is not None, kind
    return found


@cache
def schema(kind: str) -> Mapping[str, str | None]:
    """The tables and indexes that a new store of a kind has, by name."""
    store = open_store("sqlite://")
    migrate(store, MIGRATIONS / kind)
    with store.begin() as tx:
        found = dict(tx.execute("SELECT name, sql FROM sqlite_master"))
    store.close()
    return found


def _address(path: Path) -> str:
    log = path.with_name(path.name + "-wal")
    killed = log.exists() and log.stat().st_size > 0
    return f"file:{quote(str(path.absolute()))}?mode=ro" + ("" if killed else "&immutable=1")


def _fits(table: Rows[Any], row: tuple[Any, ...]) -> bool:
    try:
        return bool(table.check(row[:-1]) == row[-1])
    except (TypeError, ValueError, OverflowError):
        return False


def _text(raw: bytes) -> str:
    """Text as stored; bytes that are no UTF-8 become what no check fits."""
    return raw.decode("utf-8", "surrogateescape")


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return short(value)
    return str(value).encode("ascii", "replace").decode()


def _kind(error: Exception) -> str:
    return getattr(error, "sqlite_errorname", "") or type(error).__name__
