"""Engines and transactions: SQLite by default, PostgreSQL where a city or a nation wants it.

A store holds one connection and one open transaction at most: whoever has the transaction may
write, and hands it to each station that takes part, so that they commit together or not at all.
Statements are SQLAlchemy Core, compiled once for each engine and then run by the driver itself
(compiling costs twenty times what SQLite needs for a row).

SQLite runs in WAL mode with synchronous=FULL: a commit that has returned survives a loss of power.

>>> from sqlalchemy import Column, MetaData, Table, Text, select
>>> store = open_store("sqlite://")
>>> town = Table("town", MetaData(), Column("name", Text))
>>> with store.begin() as tx:
...     tx.create(town)
...     _ = tx.run(Statement(town.insert()), name="Chiyoda")
>>> with store.begin() as tx:
...     tx.all(Statement(select(town.c.name)))
[('Chiyoda',)]
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

from sqlalchemy import Connection, Executable, Table, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.engine import Dialect
from sqlalchemy.pool import NullPool, StaticPool
from sqlalchemy.sql.compiler import SQLCompiler

from jukinet.errors import Damaged, OutOfStep

PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=10000",
    "PRAGMA cache_size=-65536",
    "PRAGMA cell_size_check=ON",
)

# One dialect object an engine, only to compile with: both write their parameters in order.
_DIALECTS: Mapping[str, Dialect] = {
    "sqlite": sqlite.dialect(paramstyle="qmark"),
    "postgresql": cast(Any, psycopg.dialect)(paramstyle="format"),
}


class Cursor(Protocol):
    """What is used of a driver's cursor."""

    rowcount: int

    def execute(self, sql: str, values: Any = ...) -> Any: ...
    def executemany(self, sql: str, values: Iterable[Any]) -> Any: ...
    def fetchall(self) -> list[tuple[Any, ...]]: ...
    def fetchone(self) -> tuple[Any, ...] | None: ...
    def fetchmany(self, size: int) -> list[tuple[Any, ...]]: ...
    def close(self) -> Any: ...


class Statement:
    """A Core statement, compiled once for each engine on first use."""

    __slots__ = ("_compiled", "core")

    def __init__(self, core: Executable) -> None:
        self.core = core
        self._compiled: dict[str, tuple[str, tuple[str, ...], Mapping[str, Any]]] = {}

    def sql(self, dialect: str) -> tuple[str, tuple[str, ...], Mapping[str, Any]]:
        """The text for an engine, the names of its parameters in order, and their defaults."""
        found = self._compiled.get(dialect)
        if found is None:
            compiled = cast(Any, self.core).compile(dialect=_DIALECTS[dialect])
            assert isinstance(compiled, SQLCompiler)
            order = tuple(compiled.positiontup or ())
            defaults = {name: value for name, value in compiled.params.items() if value is not None}
            found = self._compiled[dialect] = (str(compiled), order, defaults)
        return found


class Transaction:
    """An open transaction: run, read, and nothing else. Made by `Store.begin` alone."""

    __slots__ = ("_cursor", "_fresh", "dialect")

    def __init__(self, dialect: str, fresh: Any) -> None:
        self.dialect = dialect
        self._fresh = fresh
        self._cursor: Cursor = fresh()

    def run(self, statement: Statement, **values: Any) -> int:
        """Run once; the number of rows it touched."""
        sql, order, defaults = statement.sql(self.dialect)
        self._cursor.execute(sql, _in_order(order, defaults, values))
        return self._cursor.rowcount

    def run_many(self, statement: Statement, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run for each row; its values stand in the order of the statement's parameters."""
        self._cursor.executemany(statement.sql(self.dialect)[0], rows)

    def all(self, statement: Statement, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        sql, order, defaults = statement.sql(self.dialect)
        self._cursor.execute(sql, _in_order(order, defaults, values))
        return self._cursor.fetchall()

    def one(self, statement: Statement, **values: Any) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        sql, order, defaults = statement.sql(self.dialect)
        self._cursor.execute(sql, _in_order(order, defaults, values))
        return self._cursor.fetchone()

    def stream(self, statement: Statement, **values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query a thousand at a time, on a cursor of its own."""
        sql, order, defaults = statement.sql(self.dialect)
        cursor: Cursor = self._fresh()
        try:
            cursor.execute(sql, _in_order(order, defaults, values))
            while rows := cursor.fetchmany(1000):
                yield from rows
        finally:
            cursor.close()

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one text as it is: pragmas and the like."""
        self._cursor.execute(sql)
        return self._cursor.fetchall()

    def create(self, *tables: Table) -> None:
        """Create tables; only for tests and benchmarks, nodes migrate."""
        from sqlalchemy.schema import CreateIndex, CreateTable

        for table in tables:
            self._cursor.execute(str(CreateTable(table).compile(dialect=_DIALECTS[self.dialect])))
            for index in table.indexes:
                text = CreateIndex(index).compile(dialect=_DIALECTS[self.dialect])
                self._cursor.execute(str(text))


def _in_order(
    order: tuple[str, ...], defaults: Mapping[str, Any], values: Mapping[str, Any]
) -> tuple[Any, ...]:
    return tuple([values[name] if name in values else defaults[name] for name in order])


class Store:
    """One database behind one connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = create_engine(
            url, poolclass=StaticPool if url.startswith("sqlite") else NullPool
        )
        self.dialect = self._engine.dialect.name
        if self.dialect == "sqlite":
            event.listen(self._engine, "connect", _prepare_sqlite)
        self._connection: Connection | None = None
        self._open: Transaction | None = None

    def __repr__(self) -> str:
        return f"<Store {self.dialect}>"

    @property
    def _driver(self) -> Any:
        """The driver's own connection, opened on first use."""
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection.connection.driver_connection

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        if self._open is not None:
            raise OutOfStep("store: a transaction is open already; hand it on instead")
        driver = self._driver
        if self.dialect == "sqlite":
            driver.execute("BEGIN IMMEDIATE")
        self._open = Transaction(self.dialect, driver.cursor)
        try:
            yield self._open
            self.commit(driver)
        except BaseException:
            driver.rollback()
            raise
        finally:
            self._open = None

    def commit(self, driver: Any) -> None:
        """Make the transaction durable; the one place where a store's writes become true."""
        driver.commit()

    def connection(self) -> Connection:
        """A second SQLAlchemy connection, for migrations."""
        return self._engine.connect()

    def close(self) -> None:
        """Give the connection back. A store that is closed opens again on use."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()

    def check_pages(self) -> list[str]:
        """What the engine itself finds wrong with its pages; empty when all is well."""
        if self.dialect != "sqlite":
            return []
        try:
            found = self._driver.execute("PRAGMA integrity_check").fetchall()
        except sqlite3.DatabaseError as error:
            return [str(error)]
        return [text for (text,) in found if text != "ok"]


def _prepare_sqlite(driver: Any, _record: Any) -> None:
    driver.isolation_level = None  # transactions are begun by us, never by the driver
    for pragma in PRAGMAS:
        driver.execute(pragma)


def open_store(url: str | Path) -> Store:
    """Open a store: a path is an SQLite file, a text is an SQLAlchemy URL.

    Raises Damaged where the file is not a database at all.
    """
    if isinstance(url, Path):
        url = f"sqlite:///{url}"
    elif url.startswith("postgresql://"):
        url = "postgresql+psycopg://" + url.removeprefix("postgresql://")
    store = Store(url)
    try:
        _ = store._driver
    except sqlite3.DatabaseError as error:
        raise Damaged(f"store: {error}") from error
    return store
