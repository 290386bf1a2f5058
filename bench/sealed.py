"""What sealing a store costs: durable commits, rows, and look-ups, beside both bare engines.

The same rows go through our store with a key, through `sqlcipher3` alone, and through `sqlite3`
alone. Look-ups are of rows in SQLite's cache, and of rows that are not: those pages are read,
checked and decrypted each time.
"""

import os
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from sqlalchemy import MetaData, bindparam, select

from figure import Figure
from jukinet.store.engine import PRAGMAS, Statement, Store, connect_sqlite, open_store
from jukinet.store.rows import Rows, blob, integer

KEY = bytes(range(32))
SINGLE, GROUPS, GROUP, LOOKUPS, ROUNDS = 1_000, 200, 100, 10_000, 3
METADATA = MetaData()


class Leaf(NamedTuple):
    """A row of the bench, about as large as a state of a person."""

    number: int
    label: bytes
    body: bytes


LEAVES = Rows(
    "leaf",
    METADATA,
    Leaf,
    [integer("number", key=True), blob("label"), blob("body")],
    indexes=[("label",)],
)
INSERT = "INSERT INTO leaf VALUES (?, ?, ?, ?)"
FIND = Statement(select(LEAVES.table).where(LEAVES.table.c.number == bindparam("number")))
SMALL_CACHE = "PRAGMA cache_size=-256"
Run = Callable[[Path], tuple[float, ...]]


def figures() -> list[Figure]:
    """The figures of this script."""
    ways: dict[str, Run] = {
        "ours": _ours,
        "sqlcipher3": lambda path: _bare(path, KEY),
        "sqlite3": lambda path: _bare(path, None),
    }
    rounds: dict[str, list[tuple[float, ...]]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(prefix="jukinet-bench-") as name:
        for number in range(ROUNDS):
            for way, run in ways.items():
                rounds[way].append(run(Path(name) / f"{way}-{number}.db"))
    medians = {
        way: [median(each) for each in zip(*found, strict=True)] for way, found in rounds.items()
    }
    whats = (
        "sealed store: durable commits, one row each",
        f"sealed store: rows, {GROUP} a commit",
        "sealed store: look-ups in the cache",
        "sealed store: look-ups past the cache",
    )
    found = []
    for at, what in enumerate(whats):
        for bare in ("sqlcipher3", "sqlite3"):
            found.append(Figure(what, medians["ours"][at], medians[bare][at], f"bare {bare}"))
    return found


def _rows(start: int, count: int) -> list[Leaf]:
    rng = Random(start)
    return [
        Leaf(number, rng.randbytes(16), rng.randbytes(300))
        for number in range(start, start + count)
    ]


def _timed(count: int, work: Callable[[], Any]) -> float:
    began = perf_counter()
    work()
    return count / (perf_counter() - began)


def _sought() -> list[int]:
    return [Random(at).randrange(SINGLE + GROUPS * GROUP) for at in range(LOOKUPS)]


def _ours(path: Path) -> tuple[float, ...]:
    with closing(open_store(path, key=KEY)) as store:
        with store.begin() as tx:
            tx.create(LEAVES.table)
        single, many = _rows(0, SINGLE), _rows(SINGLE, GROUPS * GROUP)

        def one_by_one() -> None:
            for row in single:
                with store.begin() as tx:
                    LEAVES.add(tx, row)

        def in_groups() -> None:
            for start in range(0, len(many), GROUP):
                with store.begin() as tx:
                    LEAVES.add(tx, *many[start : start + GROUP])

        figures = [_timed(SINGLE, one_by_one), _timed(len(many), in_groups)]
        figures.append(_timed(LOOKUPS, lambda: _look_up(store)))
        with store.begin() as tx:
            tx.execute(SMALL_CACHE)
        figures.append(_timed(LOOKUPS, lambda: _look_up(store)))
    return tuple(figures)


def _look_up(store: Store) -> None:
    with store.begin() as tx:
        for number in _sought():
            assert tx.all(FIND, number=number)


def _bare(path: Path, key: bytes | None) -> tuple[float, ...]:
    driver, _ = connect_sqlite(str(path), key, pragmas=PRAGMAS)
    with closing(driver):
        driver.execute(
            "CREATE TABLE leaf (number INTEGER PRIMARY KEY, label BLOB NOT NULL,"
            " body BLOB NOT NULL, chk BLOB NOT NULL) STRICT"
        )
        driver.execute("CREATE INDEX leaf_by_label ON leaf (label)")
        single = [(*row, os.urandom(8)) for row in _rows(0, SINGLE)]
        many = [(*row, os.urandom(8)) for row in _rows(SINGLE, GROUPS * GROUP)]
        cursor = driver.cursor()

        def one_by_one() -> None:
            for row in single:
                driver.execute("BEGIN IMMEDIATE")
                cursor.execute(INSERT, row)
                driver.execute("COMMIT")

        def in_groups() -> None:
            for start in range(0, len(many), GROUP):
                driver.execute("BEGIN IMMEDIATE")
                cursor.executemany(INSERT, many[start : start + GROUP])
                driver.execute("COMMIT")

        def look_up() -> None:
            for number in _sought():
                cursor.execute("SELECT * FROM leaf WHERE number = ?", (number,)).fetchall()

        figures = [_timed(SINGLE, one_by_one), _timed(len(many), in_groups)]
        figures.append(_timed(LOOKUPS, look_up))
        driver.execute(SMALL_CACHE)
        figures.append(_timed(LOOKUPS, look_up))
    return tuple(figures)
