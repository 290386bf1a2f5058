"""Engines and transactions: SQLite by default, PostgreSQL where a city or a nation wants it.

A store holds one connection and one open transaction at most: whoever has the transaction may
write, and hands it to each station that takes part, so that they commit together or not at all.
Statements are SQLAlchemy Core, compiled once for each engine and then run by the driver itself
(compiling costs twenty times what SQLite needs for a row).

Both engines keep the same promises:

- a commit that has returned survives a loss of power (SQLite: WAL and synchronous=FULL);
- a transaction reads and writes as if it were alone: SQLite lets one in at a time, PostgreSQL runs
  them SERIALIZABLE; whoever waits longer than the store's patience is told who is in the way;
- a statement that failed makes the whole transaction fail, even where its error was caught;
- no driver's error gets out, and no value in an error (`failures`).

A file can be sealed (封): with a key, SQLCipher takes SQLite's place. It encrypts and authenticates
each page before it is written, into the file and into the log beside it; what SQLite sorts stays in
memory. The key is used as it is, so it must be one that was drawn. Who has lost it has lost the
file. A server's files are not ours to seal: for PostgreSQL its disk must be.

>>> from sqlalchemy import Column, MetaData, Table, Text, select
>>> store = open_store("sqlite://")
>>> town = Table("town", MetaData(), Column("name", Text))
>>> with store.begin() as tx:
...     tx.create(town)
...     _ = tx.run(Statement(town.insert()), name="Chiyoda")
>>> with store.begin() as tx:
...     tx.all(Statement(select(town.c.name)))
[('Chiyoda',)]
>>> store.close()
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, cast

from sqlalchemy import Connection, Executable, Table, create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.engine import Dialect
from sqlalchemy.pool import StaticPool
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlcipher3 import dbapi2 as sqlcipher

from jukinet.errors import Damaged, JukinetError, Malformed, OutOfStep
from jukinet.store.failures import in_our_words, refuse_unstorable

SQLITE, POSTGRESQL = "sqlite", "postgresql"

PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-16384",
    "PRAGMA cell_size_check=ON",
    "PRAGMA secure_delete=ON",  # what was removed is overwritten: a shredded key must be gone
    "PRAGMA trusted_schema=OFF",
)

SEAL_KEY_SIZE = 32

SealKey: TypeAlias = bytes | bytearray | memoryview
"""What a file is sealed with: 32 bytes that were drawn, never a passphrase."""

SEALING = (
    "PRAGMA cipher_log=off",  # it would complain of a wrong key on our standard error
    "PRAGMA cipher_hmac_algorithm=HMAC_SHA256",  # faster than its SHA-512 where pages are read
)
"""How a file is sealed, beside what is SQLCipher's default: pages of 4096 bytes, AES-256-CBC."""

UNSEALED_HEAD = b"SQLite format 3\x00"

PREPARED = 512
"""How many prepared statements a connection keeps: more than a node has."""

AT_ONCE = 1000
"""How many rows of a stream are in memory."""

ENDED = "store: this transaction has ended; begin another"

# One dialect object an engine, only to compile with: both write their parameters in order.
_DIALECTS: Mapping[str, Dialect] = {
    SQLITE: sqlite.dialect(paramstyle="qmark"),
    POSTGRESQL: cast(Any, psycopg.dialect)(paramstyle="format"),
}


class Cursor(Protocol):
    """What is used of a driver's cursor."""

    connection: Any
    description: Any
    rowcount: int

    def execute(self, sql: str, values: Any = ...) -> Any: ...
    def executemany(self, sql: str, values: Iterable[Any]) -> Any: ...
    def fetchall(self) -> list[tuple[Any, ...]]: ...
    def fetchone(self) -> tuple[Any, ...] | None: ...
    def fetchmany(self, size: int) -> list[tuple[Any, ...]]: ...
    def close(self) -> Any: ...


class Compiled(NamedTuple):
    """A statement as an engine takes it."""

    text: str
    order: tuple[str, ...]  # the names of its parameters, as they stand in the text
    defaults: Mapping[str, Any]


class Statement:
    """A Core statement, compiled once for each engine on first use."""

    __slots__ = ("_compiled", "core")

    def __init__(self, core: Executable) -> None:
        self.core = core
        self._compiled: dict[str, Compiled] = {}

    def sql(self, dialect: str) -> Compiled:
        """The statement as an engine takes it."""
        found = self._compiled.get(dialect)
        if found is None:
            compiled = cast(Any, self.core).compile(dialect=_DIALECTS[dialect])
            assert isinstance(compiled, SQLCompiler)
            order = tuple(compiled.positiontup or ())
            defaults = {name: value for name, value in compiled.params.items() if value is not None}
            found = self._compiled[dialect] = Compiled(str(compiled), order, defaults)
        return found


class Transaction:
    """An open transaction: run, read, and nothing else. Made by `Store.begin` alone.

    Raises Malformed for a value that is not text, a 64-bit integer, bytes or None; OutOfStep where
    a key is there already, another process is in the way, or the transaction has ended.
    """

    __slots__ = (
        "_cursor",
        "_ended",
        "_failed",
        "_failures",
        "_fresh",
        "_streamed",
        "_streams",
        "dialect",
    )

    def __init__(
        self, dialect: str, fresh: Callable[..., Any], failures: tuple[type[Exception], ...] = ()
    ) -> None:
        """`fresh` makes a cursor; `failures` are the driver's errors that get our words."""
        self.dialect = dialect
        self._fresh = fresh
        self._failures = failures
        self._cursor: Cursor = fresh()
        self._streams: list[Cursor] = []
        self._streamed = 0
        self._failed = self._ended = False

    def run(self, statement: Statement, **values: Any) -> int:
        """Run once; the number of rows it touched."""
        text, in_order = self._filled(statement, values)
        try:
            self._cursor.execute(text, in_order)
        except self._failures as error:
            raise self._failure(error) from None
        return self._cursor.rowcount

    def run_many(self, statement: Statement, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run for each row; its values stand in the order of the statement's parameters.

        Whoever calls it has looked at the values (`rows.Rows` does).
        """
        text = statement.sql(self.dialect).text
        try:
            if len(rows) == 1:
                self._cursor.execute(text, rows[0])
            elif rows:
                self._cursor.executemany(text, rows)
        except self._failures as error:
            raise self._failure(error) from None

    def all(self, statement: Statement, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        text, in_order = self._filled(statement, values)
        return self._fetched(text, in_order)

    def one(self, statement: Statement, **values: Any) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        text, in_order = self._filled(statement, values)
        try:
            self._cursor.execute(text, in_order)
            return self._cursor.fetchone()
        except self._failures as error:
            raise self._failure(error) from None

    def find(self, statement: Statement, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """All rows of a query; the values stand in the order of its parameters."""
        refuse_unstorable(values)
        return self._fetched(statement.sql(self.dialect).text, values)

    def stream(self, statement: Statement, **values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query a thousand at a time, on a cursor of its own.

        It ends with the transaction. Leave the rows that are still to come alone meanwhile: whether
        a stream shows such a change depends on the engine.
        """
        text, in_order = self._filled(statement, values)
        cursor = self._cursor_for_stream()
        try:
            cursor.execute(text, in_order)
            while rows := cursor.fetchmany(AT_ONCE):
                yield from rows
        except self._failures as error:
            raise self._failure(error) from None
        finally:
            self._close(cursor)

    def as_found(self, statement: Statement) -> Iterator[tuple[Any, ...]]:
        """Like `stream`, but a text that has decayed comes with half surrogates in it.

        A driver otherwise stops at the first one, and how many there are stays unknown.
        """
        if self.dialect != SQLITE:  # PostgreSQL cannot hold such a text; it fails a page's checksum
            yield from self.stream(statement)
            return
        connection = self._cursor.connection
        connection.text_factory = _decoded
        try:
            yield from self.stream(statement)
        finally:
            connection.text_factory = str

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one text as it is: pragmas and the like."""
        try:
            self._cursor.execute(sql)
            return self._cursor.fetchall() if self._cursor.description else []
        except self._failures as error:
            raise self._failure(error) from None

    def create(self, *tables: Table) -> None:
        """Create tables; only for tests and benchmarks, nodes migrate."""
        for table in tables:
            self.execute(str(CreateTable(table).compile(dialect=_DIALECTS[self.dialect])))
            for index in table.indexes:
                self.execute(str(CreateIndex(index).compile(dialect=_DIALECTS[self.dialect])))

    def end(self) -> None:
        """Close all cursors, so that nothing is read or written on it any more. For the store."""
        self._ended = True
        for cursor in [*self._streams]:
            self._close(cursor)
        with suppress(*self._failures):
            self._cursor.close()

    def refuse_failed(self) -> None:
        """OutOfStep where a statement has failed; for the store, before it commits."""
        if self._failed:
            raise OutOfStep(
                "store: a statement of this transaction failed, so nothing of it is kept; "
                "let its error end the transaction and do it again"
            )

    def _filled(
        self, statement: Statement, values: Mapping[str, Any]
    ) -> tuple[str, tuple[Any, ...]]:
        """A statement's text, and its values in their order."""
        text, order, defaults = statement.sql(self.dialect)
        in_order = tuple([values[name] if name in values else defaults[name] for name in order])
        refuse_unstorable(in_order)
        return text, in_order

    def _fetched(self, text: str, in_order: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            self._cursor.execute(text, in_order)
            return self._cursor.fetchall()
        except self._failures as error:
            raise self._failure(error) from None

    def _cursor_for_stream(self) -> Cursor:
        """A cursor that does not fetch everything at once: in PostgreSQL one at the server."""
        if self._ended:
            raise OutOfStep(ENDED)
        self._streamed += 1
        named = {} if self.dialect == SQLITE else {"name": f"stream_{self._streamed}"}
        cursor: Cursor = self._fresh(**named)
        self._streams.append(cursor)
        return cursor

    def _close(self, cursor: Cursor) -> None:
        if cursor in self._streams:
            self._streams.remove(cursor)
        with suppress(*self._failures):
            cursor.close()

    def _failure(self, error: Exception) -> JukinetError:
        """What to raise in the place of a driver's error; the transaction has failed by it."""
        if self._ended:
            return OutOfStep(ENDED)
        self._failed = True
        return in_our_words(error)


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


class Store:
    """One database behind one connection. Made by `open_store`."""

    def __init__(self, url: str, *, patience_seconds: float, key: SealKey | None = None) -> None:
        self._key = None if key is None else bytearray(key)  # ours alone, zeroed in the end
        self.url = url
        self.dialect = POSTGRESQL if url.startswith("postgresql://") else SQLITE
        self._patience_seconds = patience_seconds
        self._driver: Any = None
        self._failures: tuple[type[Exception], ...] = ()
        self._open: Transaction | None = None

    def __repr__(self) -> str:
        return f"<Store {self.dialect}>"

    @property
    def sealed(self) -> bool:
        """Whether its file can be read with its key alone."""
        return self._key is not None

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """One transaction: committed when the block ends, rolled back when it or that fails.

        Raises OutOfStep where one is open already, where another process is in the way, and where
        the commit did not come about: then nothing of it is kept, and the store can be used on.
        Only when a server is lost while it commits is it unknown; the next transaction shows.
        """
        if self._open is not None:
            raise OutOfStep("store: a transaction is open already; hand it on instead")
        driver = self._connected()
        try:
            if self.dialect == SQLITE:
                driver.execute("BEGIN IMMEDIATE")
            self._open = tx = Transaction(self.dialect, driver.cursor, self._failures)
        except self._failures as error:
            self._roll_back(driver)
            raise in_our_words(error) from None
        try:
            yield tx
            tx.end()
            tx.refuse_failed()
            self._commit(driver)
        except BaseException:
            tx.end()
            self._roll_back(driver)
            raise
        finally:
            self._open = None

    def _commit(self, driver: Any) -> None:
        try:
            self.commit(driver)
        except self._failures as error:
            raise in_our_words(error) from None

    def commit(self, driver: Any) -> None:
        """Make the transaction durable; the one place where a store's writes become true."""
        driver.commit()

    def connection(self) -> Connection:
        """The store's connection as SQLAlchemy's, for migrations; close it when done."""
        if self._open is not None:
            raise OutOfStep("store: a transaction is open; end it before the tables are changed")
        url = "postgresql+psycopg://" if self.dialect == POSTGRESQL else "sqlite://"
        driver: dict[str, Any] = {"module": sqlcipher} if self.sealed else {}
        engine = create_engine(url, creator=self._connected, poolclass=StaticPool, **driver)
        return engine.connect()

    def close(self) -> None:
        """Give the connection back. A store that is closed opens again on use."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def __del__(self) -> None:
        """A store that is forgotten is closed, and its key overwritten."""
        self.close()
        if self._key is not None:
            self._key[:] = bytes(len(self._key))

    def check_pages(self) -> list[str]:
        """What the engine itself finds wrong with its pages; empty when all is well.

        PostgreSQL has no such question: it compares a page's checksum whenever it reads it, so
        `rows.decayed` finds there what is found here.
        """
        if self.dialect != SQLITE:
            return []
        driver = self._connected()
        try:
            found = driver.execute("PRAGMA integrity_check").fetchall()
            if self.sealed:  # free pages too
                found += driver.execute("PRAGMA cipher_integrity_check").fetchall()
        except self._failures as error:
            return [str(in_our_words(error))]
        return [text for (text,) in found if text != "ok"]

    def _connected(self) -> Any:
        """The driver's own connection, opened on first use."""
        if self._driver is None:
            self._driver, self._failures = self._connect()
        return self._driver

    def _connect(self) -> tuple[Any, tuple[type[Exception], ...]]:
        if self.dialect == POSTGRESQL:
            return _connect_postgresql(self.url, self._patience_seconds)
        path = self.url.removeprefix("sqlite:///").removeprefix("sqlite://") or ":memory:"
        return connect_sqlite(path, self._key, patience_seconds=self._patience_seconds)

    def _roll_back(self, driver: Any) -> None:
        """Undo; a connection that cannot even do that is given up, and the next one is new."""
        try:
            driver.rollback()
            lost = getattr(driver, "closed", False)
        except self._failures:
            lost = True
        if lost:
            with suppress(*self._failures):
                self.close()


def open_store(
    url: str | Path, *, key: SealKey | None = None, patience_seconds: float = 10
) -> Store:
    """Open a store: a path is an SQLite file, a text is sqlite:// (in memory) or postgresql://...

    With a `key` of 32 bytes the file is sealed, when it is made and from then on; the store keeps a
    copy of its own, so the caller may overwrite it. `patience_seconds` is how long a transaction
    waits for another process's. Raises Damaged where the file is no database, or does not open with
    this key; OutOfStep where it or the server cannot be reached, and where a database is not as
    this program needs it; Malformed for an address or a key that is none.
    """
    if isinstance(url, Path):
        url = f"sqlite:///{url}"
    if not url.startswith(("sqlite://", "postgresql://")):
        raise Malformed("store: wants a path, sqlite:// or postgresql://")
    if key is not None and (len(key) != SEAL_KEY_SIZE or url.startswith("postgresql://")):
        raise Malformed(f"store: wants a key of {SEAL_KEY_SIZE} bytes, and only for a file")
    store = Store(url, patience_seconds=patience_seconds, key=key)
    store._connected()
    return store


def connect_sqlite(
    path: str,
    key: SealKey | None,
    *,
    patience_seconds: float = 10,
    pragmas: Sequence[str] = PRAGMAS,
    uri: bool = False,
) -> tuple[Any, tuple[type[Exception], ...]]:
    """A driver's connection to a file, and the errors that it raises.

    For the store, and for whoever needs a file that is no store, or one without writing to it:
    `pragmas` are run once the key fits, and with `uri` the path is one of SQLite's addresses.
    """
    module: Any = sqlite3 if key is None else sqlcipher
    failures = (module.Error, UnicodeError, OverflowError)
    try:
        driver = module.connect(
            path,
            timeout=patience_seconds,
            isolation_level=None,  # transactions are begun by us, never by the driver
            cached_statements=PREPARED,
            check_same_thread=False,  # one at a time, whichever that is: `begin` sees to it
            uri=uri,
        )
    except failures as error:
        raise in_our_words(error) from None
    try:
        if key is not None:
            _unseal(driver, key)
        for pragma in pragmas:
            driver.execute(pragma)
    except failures as error:
        driver.close()
        raise (in_our_words(error) if key is None else _in_words_of_a_seal(error, path)) from None
    return driver, failures


def _unseal(driver: Any, key: SealKey) -> None:
    """Hand SQLCipher the key itself (not a passphrase to be stretched), and read the first page."""
    words = bytearray(b"x'" + bytes(key).hex().encode() + b"'")
    try:
        driver.set_key(words)
    finally:
        words[:] = bytes(len(words))
    for pragma in SEALING:
        driver.execute(pragma)
    driver.execute("SELECT count(*) FROM sqlite_master").fetchall()


def _in_words_of_a_seal(error: Exception, path: str) -> JukinetError:
    """Why a sealed file does not open."""
    found = in_our_words(error)
    if not isinstance(found, Damaged):
        return found
    with suppress(OSError), open(path, "rb") as file:
        if file.read(len(UNSEALED_HEAD)) == UNSEALED_HEAD:
            return OutOfStep(
                "store: the file is not sealed, and a key was given; make the store anew, or open "
                "it with the version of Jukinet that made it"
            )
    return Damaged(
        "store: the file does not open with this key; either it belongs to another folder or key, "
        "or its first page has decayed: restore it from a back-up"
    )


def _connect_postgresql(
    url: str, patience_seconds: float
) -> tuple[Any, tuple[type[Exception], ...]]:
    import psycopg  # only where it is wanted: it costs more than all of SQLite
    from psycopg.types.numeric import Int8BinaryDumper

    failures = (psycopg.Error, UnicodeError, OverflowError)
    try:
        driver = psycopg.connect(url, client_encoding="utf8", application_name="jukinet")
    except psycopg.Error as error:
        raise OutOfStep(f"store: {error}".rstrip()) from None
    try:
        driver.adapters.register_dumper(int, Int8BinaryDumper)  # one size, one prepared statement
        driver.prepared_max = PREPARED
        driver.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        _refuse_unfit(driver)
        driver.execute(f"SET lock_timeout = {max(1, round(patience_seconds * 1000))}")
        driver.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )
        driver.commit()
    except psycopg.Error as error:
        driver.close()
        raise in_our_words(error) from None
    except OutOfStep:
        driver.close()
        raise
    return driver, failures


def _refuse_unfit(driver: Any) -> None:
    """OutOfStep for a server or a database that would not do as SQLite does."""
    version = driver.info.server_version // 10000
    if version < 15:
        raise OutOfStep(f"store: PostgreSQL {version}; it wants 15 or newer")
    encoding, in_code_points = driver.execute(
        "SELECT current_setting('server_encoding'), 'B' < 'a' AND 'a b' < 'aa'"
    ).fetchone()
    if encoding != "UTF8" or not in_code_points:
        raise OutOfStep(
            "store: the database has another encoding or order of texts; make one with "
            "CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
        )
