"""Rows: a table whose every row carries its own check, so that one flipped bit is found.

Engines find a torn page, not a byte that changed inside a value. Each row therefore ends with
a check (検査値): eight bytes of BLAKE2b over the table's name and the row's values. It is
made on writing, compared on every reading of a whole row, and by `verify` for all rows. It
guards against decay and mistakes; against malice stand the chains, the tree and the seals.

A row is a NamedTuple with the columns' names, so a reader sees fields and a writer cannot
forget one. Rows are written whole: there is no update of a part. A value that is not just of its
column's type is refused when it is written: an engine would quietly make another of it (1 of True),
and the check would never fit again.

>>> from typing import NamedTuple
>>> from sqlalchemy import MetaData
>>> from jukinet.store.engine import open_store
>>> class Town(NamedTuple):
...     code: str
...     people: int
>>> towns = Rows("town", MetaData(), Town, [text("code", key=True), integer("people")])
>>> with (store := open_store("sqlite://")).begin() as tx:
...     tx.create(towns.table)
...     towns.add(tx, Town("131016", 66680))
...     towns.put(tx, Town("131016", 66681))
...     towns.get(tx, "131016")
Town(code='131016', people=66681)
>>> with store.begin() as tx:
...     _ = tx.execute("UPDATE town SET people = 66682")
...     towns.get(tx, "131016")
Traceback (most recent call last):
...
jukinet.errors.Damaged: town: the check of a stored row does not fit its values
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    delete,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from jukinet.errors import Damaged, Malformed, OutOfStep
from jukinet.store.engine import Statement, Store, Transaction

T = TypeVar("T", bound=tuple[Any, ...])

CHECK = "chk"
CHECK_BYTES = 8
AMONG = 256
"""How many values a query looks for at once."""
LEAST, MOST = -(2**63), 2**63 - 1
"""The whole numbers that a column can hold."""
Number = BigInteger().with_variant(Integer, "sqlite")
_encode = msgspec.msgpack.Encoder().encode


def text(name: str, *, key: bool = False, optional: bool = False) -> Column[str]:
    """A column of text."""
    return Column(name, Text, primary_key=key, nullable=optional)


def integer(name: str, *, key: bool = False, optional: bool = False) -> Column[int]:
    """A column of whole numbers, 64 bits."""
    return Column(name, Number, primary_key=key, nullable=optional, autoincrement=False)


def blob(name: str, *, key: bool = False, optional: bool = False) -> Column[bytes]:
    """A column of bytes."""
    return Column(name, LargeBinary, primary_key=key, nullable=optional)


class Query(Generic[T]):
    """A prepared question to one table; every row it gives has passed its check."""

    __slots__ = ("_rows", "_statement")

    def __init__(self, rows: "Rows[T]", statement: Statement) -> None:
        self._rows = rows
        self._statement = statement

    def all(self, tx: Transaction, **values: Any) -> list[T]:
        """All rows."""
        return [self._rows.checked(row) for row in tx.all(self._statement, **values)]

    def one(self, tx: Transaction, **values: Any) -> T | None:
        """The first row, or None."""
        row = tx.one(self._statement, **values)
        return None if row is None else self._rows.checked(row)

    def stream(self, tx: Transaction, **values: Any) -> Iterator[T]:
        """All rows, a thousand at a time in memory."""
        for row in tx.stream(self._statement, **values):
            yield self._rows.checked(row)


class Rows(Generic[T]):
    """A table of checked rows.

    A `compact` one is stored in its key's own tree (SQLite's WITHOUT ROWID): for small rows.
    """

    def __init__(
        self,
        name: str,
        metadata: MetaData,
        row: type[T],
        columns: Sequence[Column[Any]],
        *,
        indexes: Iterable[Sequence[str]] = (),
        compact: bool = False,
    ) -> None:
        fields: tuple[str, ...] = row._fields  # type: ignore[attr-defined]  # a NamedTuple
        assert tuple(column.name for column in columns) == fields, name
        self.row = row
        self.table = Table(
            name,
            metadata,
            *columns,
            blob(CHECK),
            *[Index(f"{name}_by_{'_'.join(index)}", *index) for index in indexes],
            sqlite_strict=True,
            sqlite_with_rowid=not compact,
        )
        metadata.info.setdefault("rows", []).append(self)
        self._name = name.encode() + b"\x00"
        self._columns = tuple(columns)
        self._kinds = tuple(column.type.python_type for column in columns)
        self._texts = [place for place, kind in enumerate(self._kinds) if kind is str]
        self._wholes = [place for place, kind in enumerate(self._kinds) if kind is int]
        self._keys = [column for column in columns if column.primary_key]
        where = [column == bindparam(f"k_{column.name}") for column in self._keys]
        self._insert = Statement(self.table.insert())
        self._upsert = _Upsert(self.table, self._keys)
        self._by_key = Statement(select(self.table).where(*where))
        self._delete = Statement(delete(self.table).where(*where))
        self._count = Statement(select(func.count()).select_from(self.table))
        self._among: dict[tuple[str, int, tuple[str, ...]], Statement] = {}
        self._everything: Query[T] = self.query(order_by=self._keys)

    def check(self, row: tuple[Any, ...]) -> bytes:
        """The eight bytes that belong to a row."""
        return blake2b(self._name + _encode(row), digest_size=CHECK_BYTES).digest()

    def checked(self, row: tuple[Any, ...]) -> T:
        """The row without its check, or Damaged."""
        if not self.fits(row):
            raise Damaged(f"{self.table.name}: the check of a stored row does not fit its values")
        return self.row._make(row[:-1])  # type: ignore[attr-defined, no-any-return]

    def fits(self, row: tuple[Any, ...]) -> bool:
        """Whether a stored row is what was written."""
        try:
            return bool(self.check(row[:-1]) == row[-1])
        except (TypeError, UnicodeError, OverflowError):
            return False

    def add(self, tx: Transaction, *rows: T) -> None:
        """Write new rows; OutOfStep where the key of one is there already."""
        tx.run_many(self._insert, [self._kept(row) for row in rows])

    def put(self, tx: Transaction, *rows: T) -> None:
        """Write rows whole, new or in the place of those with the same key."""
        tx.run_many(self._upsert.of(tx.dialect), [self._kept(row) for row in rows])

    def get(self, tx: Transaction, *key: Any) -> T | None:
        """The row of a key, or None."""
        found = tx.find(self._by_key, key)
        return self.checked(found[0]) if found else None

    def get_many(
        self, tx: Transaction, column: str, values: Iterable[Any], **fixed: Any
    ) -> list[T]:
        """The rows whose column holds one of some values; `fixed` columns have one value."""
        wanted = list(dict.fromkeys(values))
        found: list[T] = []
        for start in range(0, len(wanted), AMONG):
            part = wanted[start : start + AMONG]
            size = 1 << (len(part) - 1).bit_length()  # few sizes, so few statements
            part += part[-1:] * (size - len(part))
            statement = self._look_among(column, size, tuple(fixed))
            found += map(self.checked, tx.find(statement, (*fixed.values(), *part)))
        return found

    def remove(self, tx: Transaction, *key: Any) -> int:
        """Remove the row of a key; how many went."""
        return tx.run(self._delete, **_named(self._keys, key))

    def count(self, tx: Transaction) -> int:
        """How many rows there are."""
        row = tx.one(self._count)
        assert row is not None
        return int(row[0])

    def everything(self, tx: Transaction) -> Iterator[T]:
        """All rows in the order of their keys, streamed."""
        return self._everything.stream(tx)

    def query(
        self,
        *where: ColumnElement[bool],
        order_by: Sequence[Any] = (),
        limit: bool = False,
    ) -> Query[T]:
        """A prepared question; with `limit` it takes a value of that name."""
        core = select(self.table).where(*where).order_by(*order_by)
        if limit:
            core = core.limit(bindparam("limit", type_=Number))
        return Query(self, Statement(core))

    def _kept(self, row: T) -> tuple[Any, ...]:
        """A row as the engines get it, with its check; Malformed where they could not keep it."""
        if tuple(map(type, row)) != self._kinds:
            self._refuse_kinds(row)
        for place in self._texts:
            if "\x00" in (row[place] or ""):
                raise self._malformed(place, "text without U+0000")
        for place in self._wholes:
            if not LEAST <= (row[place] or 0) <= MOST:
                raise self._malformed(place, "a whole number of 64 bits")
        try:
            return (*row, self.check(row))
        except UnicodeEncodeError:
            raise Malformed(
                f"{self.table.name}: wants text of whole characters, got half of a surrogate pair"
            ) from None

    def _refuse_kinds(self, row: T) -> None:
        for place, (value, kind) in enumerate(zip(row, self._kinds, strict=True)):
            optional = value is None and self._columns[place].nullable
            if type(value) is not kind and not optional:
                raise self._malformed(place, f"{kind.__name__}, got {type(value).__name__}")

    def _malformed(self, place: int, wanted: str) -> Malformed:
        return Malformed(f"{self.table.name}.{self._columns[place].name}: wants {wanted}")

    def _look_among(self, column: str, size: int, fixed: tuple[str, ...]) -> Statement:
        """The statement that looks for `size` values; theirs come after those of `fixed`."""
        name = (column, size, fixed)
        if name not in self._among:
            among: list[Any] = [bindparam(f"v_{n}") for n in range(size)]
            where = [self.table.c[other] == bindparam(f"f_{other}") for other in fixed]
            listed = self.table.c[column].in_(among)
            self._among[name] = Statement(select(self.table).where(*where, listed))
        return self._among[name]


def _named(keys: Sequence[Column[Any]], key: tuple[Any, ...]) -> dict[str, Any]:
    return {f"k_{column.name}": value for column, value in zip(keys, key, strict=True)}


class _Upsert:
    """Insert or replace, as each engine says it."""

    def __init__(self, table: Table, keys: Sequence[Column[Any]]) -> None:
        names = [column.name for column in keys]
        self._statements = {}
        for dialect, insert in (("sqlite", insert_sqlite), ("postgresql", insert_postgresql)):
            core: Any = insert(table)
            rest = {c.name: core.excluded[c.name] for c in table.c if c.name not in names}
            core = core.on_conflict_do_update(index_elements=names, set_=rest)
            self._statements[dialect] = Statement(core)

    def of(self, dialect: str) -> Statement:
        return self._statements[dialect]


class Decay(NamedTuple):
    """A table that decayed."""

    table: str
    rows: int  # that do not fit their checks
    stopped: str  # "", or why the engine could not read the table to its end


def decayed(store: Store, *metadatas: MetaData) -> list[Decay]:
    """Read every row of every table of some stations and count those that decayed.

    Each table is read in a transaction of its own, so that one that cannot be read hides no other.
    """
    every = [rows for metadata in metadatas for rows in metadata.info.get("rows", [])]
    found = [_decay(store, rows) for rows in every]
    return [one for one in found if one.rows or one.stopped]


def _decay(store: Store, rows: Rows[Any]) -> Decay:
    bad, stopped = 0, ""
    try:
        with store.begin() as tx:
            for row in tx.as_found(Statement(select(rows.table))):
                bad += not rows.fits(row)
    except OutOfStep as error:
        stopped = str(error)
    return Decay(rows.table.name, bad, stopped)
