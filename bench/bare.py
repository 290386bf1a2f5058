"""The bare engine: the very statements of a run, replayed through `sqlite3` and nothing else.

A recorder stands between our code and the driver and keeps every statement with its values and
every commit. The replay runs them against a copy of the database as it was before the run: so the
bare engine does the same rows, in the same order, with the same commits, without our work. Stores
are sealed; the copy is not, so that the ratio is what sealing and our work cost together.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from jukinet.store import engine
from jukinet.store.engine import PRAGMAS, Store

Step = tuple[str, str, Any]  # kind, statement, values


class Recorder:
    """Everything that one store was asked to do."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.steps: list[Step] = []


@contextmanager
def recording(*stores: Store) -> Iterator[list[Recorder]]:
    """Record what some stores are asked to do; the originals are put back at the end."""
    recorders = {id(store): Recorder(store) for store in stores}
    begin = engine.Store.begin

    @contextmanager
    def recorded(self: Store) -> Iterator[Any]:
        recorder = recorders.get(id(self))
        with begin(self) as tx:
            if recorder is None:
                yield tx
                return
            recorder.steps.append(("begin", "", None))
            tx._cursor = _Cursor(tx._cursor, recorder.steps)
            yield tx
        recorder.steps.append(("commit", "", None))

    engine.Store.begin = recorded  # type: ignore[method-assign]
    try:
        yield list(recorders.values())
    finally:
        engine.Store.begin = begin  # type: ignore[method-assign]


class _Cursor:
    """A driver's cursor that keeps what it is asked."""

    def __init__(self, cursor: Any, steps: list[Step]) -> None:
        self._cursor = cursor
        self._steps = steps

    def execute(self, sql: str, values: Any = ()) -> Any:
        self._steps.append(("one", sql, values))
        return self._cursor.execute(sql, values)

    def executemany(self, sql: str, rows: Any) -> Any:
        rows = list(rows)
        self._steps.append(("many", sql, rows))
        return self._cursor.executemany(sql, rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


def copy_of(store: Store, folder: Path) -> Path:
    """A copy of a store's database as it stands now."""
    path = folder / f"bare-{id(store)}.db"
    if store.sealed:
        driver = store._connected()
        driver.execute("ATTACH DATABASE ? AS bare KEY ''", (str(path),))
        driver.execute("SELECT sqlcipher_export('bare')")
        driver.execute("DETACH DATABASE bare")
        return path
    source = Path(store.url.removeprefix("sqlite:///"))
    with sqlite3.connect(source) as old, sqlite3.connect(path) as new:
        old.backup(new)
    new.close()
    return path


def replay(path: Path, steps: list[Step]) -> float:
    """Seconds that the bare engine takes for the same statements."""
    driver = sqlite3.connect(path, isolation_level=None)
    for pragma in PRAGMAS:
        driver.execute(pragma)
    cursor = driver.cursor()
    began = perf_counter()
    for kind, sql, values in steps:
        if kind == "begin":
            driver.execute("BEGIN IMMEDIATE")
        elif kind == "commit":
            driver.execute("COMMIT")
        elif kind == "one":
            cursor.execute(sql, values).fetchall()
        else:
            cursor.executemany(sql, values)
    seconds = perf_counter() - began
    driver.close()
    return seconds


def beside_bare(stores: list[Store], folder: Path, work: Callable[[], None]) -> tuple[float, float]:
    """Seconds of some work, and of the bare engine for the same statements."""
    folder.mkdir(parents=True, exist_ok=True)
    copies = [copy_of(store, folder) for store in stores]
    with recording(*stores) as recorders:
        began = perf_counter()
        work()
        seconds = perf_counter() - began
    bare = sum(
        replay(path, recorder.steps) for path, recorder in zip(copies, recorders, strict=True)
    )
    shutil.rmtree(folder)
    return seconds, bare
