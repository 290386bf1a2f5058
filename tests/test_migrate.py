"""Migrations: seven kinds of store, each equal to what its stations declare; old or new, never half."""

from __future__ import annotations

import os
import pkgutil
import re
import signal
import threading
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import Integer, LargeBinary, Text, inspect
from tests.support import key_of, reopened

from jukinet.errors import Damaged, OutOfStep
from jukinet.nodes import agency, keeper, municipality, witness
from jukinet.nodes.centre import shelves
from jukinet.store.engine import Statement, Store, open_store
from jukinet.store.migrate import migrate, version
from jukinet.store.rows import Query, Rows, decayed

SCRIPTS = Path(municipality.__file__).parent / "migrations"
KINDS = {
    "town": municipality.METADATA,
    "prefecture": shelves.PREFECTURE,
    "national": shelves.NATIONAL,
    "chains": shelves.CHAINS,
    "keeper": keeper.METADATA,
    "agency": agency.METADATA,
    "witness": witness.METADATA,
}


@pytest.fixture
def another(store, request, tmp_path):
    """A second empty store on the same engine."""
    if store.dialect == "sqlite":
        opened = open_store(tmp_path / "another.db", key=key_of(store.url))
        yield opened
        opened.close()
        return
    with store.begin() as tx:
        schema = tx.execute("SELECT current_schema()")[0][0] + "_other"
        tx.execute(f"CREATE SCHEMA {schema}")
    opened = open_store(re.sub("test_[0-9]+", schema, store.url))
    yield opened
    opened.close()
    with store.begin() as tx:
        tx.execute("SET LOCAL client_min_messages = warning")
        tx.execute(f"DROP SCHEMA {schema} CASCADE")


def tables(store: Store) -> dict:
    """All that there is to know of a store's tables: columns, types, keys, indexes."""
    with store.connection() as connection:
        seen = inspect(connection)
        found = {
            name: {
                "columns": [
                    (column["name"], str(column["type"]), column["nullable"], column["default"])
                    for column in seen.get_columns(name)
                ],
                "key": seen.get_pk_constraint(name)["constrained_columns"],
                "indexes": sorted(
                    (index["name"], index["column_names"], index["unique"])
                    for index in seen.get_indexes(name)
                ),
                "others": [seen.get_unique_constraints(name), seen.get_foreign_keys(name)],
            }
            for name in sorted(seen.get_table_names())
        }
    found.pop("alembic_version", None)
    return found


def texts(store: Store) -> dict[str, str]:
    """What SQLite keeps of each table and index: its own text, without line ends."""
    with store.begin() as tx:
        rows = tx.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: " ".join(text.split()) for name, text in rows if name != "alembic_version"}


def test_there_are_scripts_for_every_kind_and_a_kind_for_all_scripts():
    assert {path.name for path in SCRIPTS.iterdir() if path.name != "__pycache__"} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_scripts_of_a_kind_make_what_its_stations_declare(store, another, kind):
    migrate(store, SCRIPTS / kind)
    with another.begin() as tx:
        tx.create(*[table for one in KINDS[kind] for table in one.sorted_tables])
    assert tables(store) == tables(another)
    assert tables(store)
    if store.dialect == "sqlite":
        assert texts(store) == texts(another)
        assert all("STRICT" in text for text in texts(store).values() if "TABLE" in text)


def test_every_station_of_the_package_is_in_a_kind():
    declared = {id(one) for metadatas in KINDS.values() for one in metadatas}
    for rows, where in stations():
        assert id(rows.table.metadata) in declared, where


@pytest.mark.parametrize("kind", KINDS)
def test_migrating_again_changes_nothing(store, kind):
    head = migrate(store, SCRIPTS / kind)
    before = tables(store)
    assert migrate(store, SCRIPTS / kind) == head == version(store)
    assert tables(store) == before


@pytest.mark.parametrize("metadatas", KINDS.values(), ids=KINDS)
def test_every_table_of_the_index_begins_its_key_with_the_prefecture(metadatas):
    if metadatas is shelves.PREFECTURE:
        for table in metadatas[0].sorted_tables:
            assert next(iter(table.primary_key.columns)).name == "prefecture", table.name


# --- versions ---------------------------------------------------------------------------------

FIRST = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0001", None
def upgrade():
    op.create_table("town", sa.Column("name", sa.Text(), primary_key=True))
"""
SECOND = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0002", "0001"
def upgrade():
    op.create_table("city", sa.Column("name", sa.Text(), primary_key=True))
    op.add_column("town", sa.Column("people", sa.Integer(), nullable=False, server_default="0"))
    op.execute("INSERT INTO city SELECT name FROM town")
    {then}
    op.drop_table("town")
"""


def scripts(folder: Path, *texts: str) -> Path:
    folder.mkdir()
    for number, text in enumerate(texts, start=1):
        (folder / f"v{number:04d}_step.py").write_text(text)
    return folder


@pytest.fixture
def first(store, tmp_path):
    """A store of the first version, with a row."""
    assert migrate(store, scripts(tmp_path / "first", FIRST)) == "0001"
    with store.begin() as tx:
        tx.execute("INSERT INTO town VALUES ('千代田')")
    return store


def read(store: Store, table: str) -> list[tuple]:
    with store.begin() as tx:
        return tx.execute(f"SELECT * FROM {table}")


def test_a_store_knows_no_version_before_the_first_script(store):
    assert version(store) is None


def test_a_later_script_takes_the_rows_along(first, tmp_path):
    assert migrate(first, scripts(tmp_path / "both", FIRST, SECOND.format(then="pass"))) == "0002"
    assert version(first) == "0002"
    assert read(first, "city") == [("千代田",)]
    assert list(tables(first)) == ["city"]


def test_a_new_store_runs_all_scripts_in_order(store, tmp_path):
    assert migrate(store, scripts(tmp_path / "both", FIRST, SECOND.format(then="pass"))) == "0002"
    assert list(tables(store)) == ["city"]


def test_a_store_newer_than_the_program_is_refused_and_left_alone(first, tmp_path):
    both = scripts(tmp_path / "both", FIRST, SECOND.format(then="pass"))
    migrate(first, both)
    with pytest.raises(OutOfStep, match="tables are of version 0002, this program knows 0001"):
        migrate(first, tmp_path / "first")
    assert version(first) == "0002"
    assert read(first, "city") == [("千代田",)]


@pytest.mark.parametrize(
    "then",
    [
        pytest.param("raise ZeroDivisionError", id="the script raises"),
        pytest.param("op.execute('SELECT * FROM nowhere')", id="the engine refuses"),
        pytest.param("raise KeyboardInterrupt", id="somebody interrupts"),
    ],
)
def test_a_script_that_fails_leaves_the_old_tables(first, tmp_path, then):
    before = tables(first)
    with pytest.raises((ZeroDivisionError, OutOfStep, KeyboardInterrupt)):
        migrate(first, scripts(tmp_path / "bad", FIRST, SECOND.format(then=then)))
    assert version(first) == "0001"
    assert tables(first) == before
    assert read(first, "town") == [("千代田",)]
    migrate(first, scripts(tmp_path / "good", FIRST, SECOND.format(then="pass")))
    assert read(first, "city") == [("千代田",)]


def test_a_process_killed_in_a_script_leaves_the_old_tables(first, tmp_path):
    kill = f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"
    killing = scripts(tmp_path / "killing", FIRST, SECOND.format(then=kill))
    before = tables(first)
    first.close()
    child = os.fork()
    if child == 0:
        try:
            migrate(reopened(first.url), killing)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert version(first) == "0001"
    assert tables(first) == before
    migrate(first, scripts(tmp_path / "good", FIRST, SECOND.format(then="pass")))
    assert read(first, "city") == [("千代田",)]


def test_two_processes_that_migrate_at_once_do_it_once(store, tmp_path):
    slow = SECOND.format(then="import time; time.sleep(0.05)")
    both = scripts(tmp_path / "both", FIRST, slow)
    heads = []
    start = threading.Barrier(3)

    def one() -> None:
        own = reopened(store.url)
        start.wait()
        heads.append(migrate(own, both))
        own.close()

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heads == ["0002"] * 3
    assert list(tables(store)) == ["city"]


def test_nobody_migrates_beside_an_open_transaction(first, tmp_path):
    with first.begin(), pytest.raises(OutOfStep, match="a transaction is open"):
        migrate(first, tmp_path / "first")


def test_whoever_waits_too_long_for_a_migration_is_told(first, tmp_path):
    both = scripts(tmp_path / "both", FIRST, SECOND.format(then="pass"))
    other = reopened(first.url, patience_seconds=0.05)
    with first.begin() as tx:
        tx.execute("INSERT INTO town VALUES ('新宿')")
        with pytest.raises(OutOfStep, match="another process is writing in it"):
            migrate(other, both)
    assert version(other) == "0001"
    assert migrate(other, both) == "0002"
    assert len(read(other, "city")) == 2
    other.close()


def test_a_damaged_file_is_not_migrated(tmp_path):
    path = tmp_path / "store.db"
    store = open_store(path)
    migrate(store, SCRIPTS / "keeper")
    store.close()
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * 100 + content[200:])
    with pytest.raises(Damaged):
        migrate(open_store(path), SCRIPTS / "keeper")


# --- every station on every engine ------------------------------------------------------------


def modules():
    for floor in ("register", "feed", "index", "disclosure", "ledger", "client", "nodes"):
        package = import_module(f"jukinet.{floor}")
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield import_module(found.name)


def objects(kind: type) -> list[tuple[object, str]]:
    """The objects of a kind that stand in any module, with a name for each."""
    found = {}
    for module in modules():
        for name, value in vars(module).items():
            if isinstance(value, kind):
                found.setdefault(id(value), (value, f"{module.__name__}.{name}"))
    return list(found.values())


def stations() -> list[tuple[Rows, str]]:
    return objects(Rows)


def statements() -> list[tuple[Statement, str]]:
    asked = [(query._statement, name) for query, name in objects(Query)]
    return [*asked, *objects(Statement)]


def some(kind: object, n: int = 1) -> object:
    """A value for a column or a parameter of a type."""
    if isinstance(kind, Text):
        return f"町{n}"
    if isinstance(kind, LargeBinary):
        return bytes([n])
    assert isinstance(kind, Integer), kind
    return n


@pytest.fixture
def everything(store):
    """A store with the tables of all kinds, each once."""
    made = {}
    for metadatas in KINDS.values():
        for metadata in metadatas:
            made |= metadata.tables
    with store.begin() as tx:
        tx.create(*made.values())
    return store


def test_every_statement_of_every_station_runs(everything):
    ran = set()
    for statement, name in statements():
        _, order, defaults = statement.sql(everything.dialect)
        binds = statement.core.compile().binds
        values = {one: some(binds[one].type) for one in order if one not in defaults}
        with everything.begin() as tx:
            if statement.core.is_select:
                rows = tx.all(statement, **values)
                assert rows == list(tx.stream(statement, **values)), name
            else:
                assert tx.run(statement, **values) == 0, name
        ran.add(name)
    assert len(ran) >= 15, sorted(ran)


def test_every_table_of_every_station_keeps_a_row(everything):
    kept = set()
    for rows, name in stations():
        columns = list(rows.table.columns)[:-1]
        row, other = (rows.row._make(some(column.type, n) for column in columns) for n in (3, 4))
        key = [value for column, value in zip(columns, row, strict=True) if column.primary_key]
        with everything.begin() as tx:
            rows.add(tx, row)
            rows.put(tx, row, other)
            assert rows.get(tx, *key) == row, name
            for column, value in zip(columns, row, strict=True):
                fixed = {columns[0].name: row[0]} if column is not columns[0] else {}
                assert rows.get_many(tx, column.name, [value], **fixed) == [row], name
            assert list(rows.everything(tx)) == [row, other], name
            assert rows.count(tx) == 2
            assert rows.remove(tx, *key) == 1
            assert rows.get(tx, *key) is None
        kept.add(name)
    assert len(kept) >= 20, sorted(kept)
    assert decayed(everything, *[one for kinds in KINDS.values() for one in kinds]) == []
