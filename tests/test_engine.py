"""Engines: kills, other processes, lost servers, files that are none, and every flipped byte."""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
import threading
import warnings
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import NamedTuple

import psycopg
import pytest
from sqlalchemy import MetaData
from sqlcipher3 import dbapi2 as sqlcipher
from tests.support import reopened

from jukinet.errors import Damaged, JukinetError, Malformed, OutOfStep
from jukinet.store import engine
from jukinet.store.engine import PRAGMAS, Store, open_store
from jukinet.store.failures import BUSY, FULL, KEY_EXISTS, LOST, in_our_words
from jukinet.store.rows import Rows, blob, decayed, integer, text

METADATA = MetaData()


class Count(NamedTuple):
    name: str
    size: int


COUNTS = Rows("count", METADATA, Count, [text("name", key=True), integer("size")])


class Leaf(NamedTuple):
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


class Tag(NamedTuple):
    tag: bytes
    number: int


TAGS = Rows("tag", METADATA, Tag, [blob("tag", key=True), integer("number")], compact=True)


@pytest.fixture
def counts(store):
    with store.begin() as tx:
        tx.create(*METADATA.sorted_tables)
    return store


@pytest.fixture(params=["store", "sealed"])
def path(request, tmp_path) -> Path:
    """Where a file is to be, bare and sealed."""
    return tmp_path / f"{request.param}.db"


@pytest.fixture
def second(counts):
    """A second connection to the same database, as another process has one."""
    other = reopened(counts.url, patience_seconds=0.05)
    yield other
    other.close()


def size(store: Store, name: str = "a") -> int:
    with store.begin() as tx:
        row = COUNTS.get(tx, name)
    return row.size if row else 0


def raise_by_one(store: Store, name: str = "a") -> None:
    with store.begin() as tx:
        row = COUNTS.get(tx, name) or Count(name, 0)
        COUNTS.put(tx, row._replace(size=row.size + 1))


# --- opening ----------------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_damaged(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_bytes(b"Dear clerk, " * 100)
    with pytest.raises(Damaged, match="not a database"):
        open_store(path)
    assert path.read_bytes() == b"Dear clerk, " * 100


def test_a_folder_and_a_file_in_no_folder_cannot_be_opened(tmp_path):
    with pytest.raises(OutOfStep, match="unable to open"):
        open_store(tmp_path)
    with pytest.raises(OutOfStep, match="unable to open"):
        open_store(tmp_path / "missing" / "store.db")


@pytest.mark.parametrize("url", ["store.db", "mysql://host/db", "", "postgres://host/db"])
def test_other_addresses_are_refused(url):
    with pytest.raises(Malformed, match="wants a path, sqlite:// or postgresql://"):
        open_store(url)


@pytest.mark.parametrize("name", ["a b.db", "a?b=c.db", "a#b.db", "a%20b.db", "町.db", "'a'.db"])
def test_a_file_may_have_any_name(tmp_path, name):
    store = open_store(tmp_path / name)
    with store.begin() as tx:
        tx.create(COUNTS.table)
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_server_that_is_not_there_is_out_of_step(tmp_path):
    with pytest.raises(OutOfStep, match="connection") as caught:
        open_store(f"postgresql://clerk:secret@/db?host={tmp_path}")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param("ENCODING 'SQL_ASCII' LOCALE 'C'", id="another encoding"),
        pytest.param("ENCODING 'EUC_JP' LOCALE 'C'", id="an old encoding"),
    ],
)
def test_a_database_of_another_encoding_is_refused(postgres, options):
    with psycopg.connect(postgres, autocommit=True) as driver:
        driver.execute(f"CREATE DATABASE otherwise TEMPLATE template0 {options}")
        with pytest.raises(OutOfStep, match="TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"):
            open_store(postgres.replace("/postgres?", "/otherwise?"))
        driver.execute("DROP DATABASE otherwise")


@pytest.mark.parametrize(
    ("version", "encoding", "in_code_points", "message"),
    [
        pytest.param(140011, "UTF8", True, "PostgreSQL 14; it wants 15", id="an old server"),
        pytest.param(160003, "UTF8", False, "LOCALE 'C'", id="another order of texts"),
    ],
)
def test_a_server_that_would_do_otherwise_than_sqlite_is_refused(
    version, encoding, in_code_points, message
):
    """What the server of the tests cannot be: it has no other orders to choose from."""

    class Driver:
        info = SimpleNamespace(server_version=version)

        def execute(self, _sql):
            return SimpleNamespace(fetchone=lambda: (encoding, in_code_points))

    with pytest.raises(OutOfStep, match=message):
        engine._refuse_unfit(Driver())


def test_sqlite_runs_with_its_promises_on(path):
    store = reopened(path)
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "cell_size_check": 1,
        "secure_delete": 1,
        "trusted_schema": 0,
    }
    with store.begin() as tx:
        found = {name: tx.execute(f"PRAGMA {name}")[0][0] for name in wanted}
    assert found == wanted
    assert {pragma.split()[1].split("=")[0] for pragma in PRAGMAS} >= set(wanted)
    store.close()


def test_postgresql_runs_with_its_promises_on(postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as driver:
        driver.execute("ALTER ROLE postgres SET synchronous_commit = off")
    store = open_store(postgres_url)
    try:
        with store.begin() as tx:
            assert tx.execute("SHOW transaction_isolation") == [("serializable",)]
            assert tx.execute("SHOW synchronous_commit") == [("on",)]
            assert tx.execute("SHOW client_encoding") == [("UTF8",)]
            assert tx.execute("SHOW lock_timeout") == [("10s",)]
    finally:
        store.close()
        with psycopg.connect(postgres_url, autocommit=True) as driver:
            driver.execute("ALTER ROLE postgres RESET synchronous_commit")


# --- sealed -----------------------------------------------------------------------------------

SECRET = b"the surname of one person".ljust(80, b".")


def test_a_sealed_file_and_the_log_beside_it_show_nothing(tmp_path):
    """While it is open, after a kill (a copy of both), and closed."""
    store = reopened(tmp_path / "sealed.db")
    with store.begin() as tx:
        tx.create(*METADATA.sorted_tables)
        LEAVES.add(tx, *[Leaf(n, b"label", SECRET) for n in range(300)])
    running = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(running) == {"sealed.db", "sealed.db-wal", "sealed.db-shm"}
    assert len(running["sealed.db-wal"]) > 300 * len(SECRET)
    store.close()
    for content in (*running.values(), (tmp_path / "sealed.db").read_bytes()):
        for word in (SECRET, b"CREATE TABLE", engine.UNSEALED_HEAD):
            assert word not in content


@pytest.mark.parametrize("key", [None, bytes(32)], ids=["without a key", "with another key"])
def test_a_sealed_file_is_not_opened_otherwise(tmp_path, key, capfd):
    store = reopened(tmp_path / "sealed.db")
    raise_by_one_anew(store)
    store.close()
    before = (tmp_path / "sealed.db").read_bytes()
    with pytest.raises(Damaged, match="not a database" if key is None else "another folder or key"):
        open_store(tmp_path / "sealed.db", key=key)
    assert (tmp_path / "sealed.db").read_bytes() == before
    assert capfd.readouterr() == ("", "")


def test_a_bare_file_is_not_opened_with_a_key(tmp_path):
    store = open_store(tmp_path / "store.db")
    raise_by_one_anew(store)
    store.close()
    with pytest.raises(OutOfStep, match="is not sealed, and a key was given"):
        open_store(tmp_path / "store.db", key=bytes(32))


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_a_key_of_another_size_is_refused(tmp_path, key):
    with pytest.raises(Malformed, match="wants a key of 32 bytes"):
        open_store(tmp_path / "store.db", key=key)


def test_a_server_gets_no_key():
    with pytest.raises(Malformed, match="only for a file"):
        open_store("postgresql://clerk@/db", key=bytes(32))


def test_the_same_rows_under_the_same_key_are_sealed_anew(tmp_path):
    images = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        store = reopened(tmp_path / name / "sealed.db")
        raise_by_one_anew(store)
        store.close()
        images.append((tmp_path / name / "sealed.db").read_bytes())
    assert len(images[0]) == len(images[1])
    assert sum(map(int.__eq__, *images)) < len(images[0]) / 100


def test_a_store_shows_no_key_and_overwrites_its_copy(tmp_path):
    key = b"not to be seen".ljust(32, b"!")
    store = open_store(tmp_path / "store.db", key=key)
    assert store.sealed
    assert "not to be seen" not in f"{store!r} {store.url}"
    copy = store._key
    assert copy == key
    del store
    gc.collect()
    assert copy == bytes(32)


def raise_by_one_anew(store: Store) -> None:
    with store.begin() as tx:
        tx.create(COUNTS.table)
    raise_by_one(store)


# --- closing ----------------------------------------------------------------------------------


def test_a_closed_store_closes_again_and_opens_on_use(counts):
    raise_by_one(counts)
    counts.close()
    counts.close()
    assert size(counts) == 1
    counts.close()


def test_a_forgotten_store_gives_its_connection_back(fresh_url):
    """And warns of nothing: whatever a collected connection complained of would fail this test."""
    store = reopened(fresh_url)
    with store.begin() as tx:
        tx.create(COUNTS.table)
    driver = store._driver
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del store, tx
        gc.collect()
    closed = sqlite3.ProgrammingError, sqlcipher.ProgrammingError, psycopg.OperationalError
    with pytest.raises(closed, match="closed"):
        driver.execute("SELECT 1")


def test_a_closed_sqlite_store_is_one_file(path):
    """What was committed is in the file itself, not in a log beside it: it can be copied."""
    store = reopened(path)
    with store.begin() as tx:
        tx.create(COUNTS.table)
        COUNTS.put(tx, *[Count(str(n), n) for n in range(1000)])
        next(COUNTS.everything(tx))
    store.close()
    assert [*path.parent.iterdir()] == [path]


def test_a_store_may_be_used_in_another_thread_than_it_was_opened_in(counts):
    worker = threading.Thread(target=raise_by_one, args=(counts,))
    worker.start()
    worker.join()
    assert size(counts) == 1


def test_what_was_removed_is_not_in_the_file(path):
    secret = b"the wrapped key of one person".ljust(80, b".")
    store = reopened(path)
    with store.begin() as tx:
        tx.create(*METADATA.sorted_tables)
        LEAVES.add(tx, *[Leaf(n, b"label", secret) for n in range(500)])
    with store.begin() as tx:
        for n in range(500):
            LEAVES.remove(tx, n)
    store.close()
    assert secret not in path.read_bytes()


# --- other processes --------------------------------------------------------------------------


def test_a_second_writer_is_told_that_another_is_at_work_and_goes_on_later(counts, second):
    with counts.begin() as tx:
        COUNTS.put(tx, Count("a", 5))
        with pytest.raises(OutOfStep, match="another process is writing in it; do it again"):
            raise_by_one(second)
    raise_by_one(second)
    assert size(counts) == size(second) == 6


def test_a_second_writer_waits_as_long_as_its_patience(counts):
    """On SQLite it then goes on; PostgreSQL tells it that its row was changed. Nothing is lost."""
    patient = reopened(counts.url, patience_seconds=30)
    outcomes = []

    def wait() -> None:
        try:
            raise_by_one(patient)
            outcomes.append("")
        except OutOfStep as error:
            outcomes.append(str(error))

    with counts.begin() as tx:
        COUNTS.put(tx, Count("a", 5))
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.1)
        assert waiting.is_alive()
    waiting.join()
    patient.close()
    assert (outcomes, size(counts)) == (([""], 6) if counts.dialect == "sqlite" else ([BUSY], 5))


def tried(change, *args) -> bool:
    """Whether a change came about; if not, it says that another process is at work."""
    try:
        change(*args)
    except OutOfStep as error:
        return str(error) != BUSY and pytest.fail(str(error))
    return True


def test_no_raise_is_lost_between_two_writers_that_read_first(counts, second):
    def raise_between() -> None:
        with counts.begin() as tx:
            row = COUNTS.get(tx, "a") or Count("a", 0)
            raised.append(tried(raise_by_one, second))
            COUNTS.put(tx, row._replace(size=row.size + 1))

    raised: list[bool] = []
    for _ in range(10):
        raised.append(tried(raise_between))
    assert size(counts) == sum(raised) >= 10


def test_two_who_each_read_what_the_other_writes_do_not_both_commit(counts, second):
    """Write skew: each sees that the other's flag is down, and raises its own."""

    def raise_flag(store: Store, name: str, other: str, meanwhile=lambda: None) -> None:
        with store.begin() as tx:
            if COUNTS.get(tx, other) is None:
                meanwhile()
                COUNTS.put(tx, Count(name, 1))

    def both() -> None:
        raise_flag(counts, "a", "b", lambda: tried(raise_flag, second, "b", "a"))

    tried(both)
    assert size(counts, "a") + size(counts, "b") == 1


# --- kills ------------------------------------------------------------------------------------


def killed_writer(url: str, wait: int) -> int:
    """A child that raises two counts in each transaction, killed after some; the last it saw."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            store = reopened(url)
            for n in range(size(store) + 1, 10**6):
                with store.begin() as tx:
                    COUNTS.put(tx, Count("a", n))
                    LEAVES.add(tx, Leaf(n, b"label", b"x" * 700))
                    COUNTS.put(tx, Count("b", n))
                os.write(writes, b"%d\n" % n)
        finally:
            os._exit(1)
    os.close(writes)
    seen = b""
    with open(reads, "rb", buffering=0) as pipe:
        while seen.count(b"\n") <= wait:
            seen += pipe.read(4096)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        seen += pipe.read()
    return int(seen.splitlines()[-1])


@pytest.mark.parametrize("rounds", [8, pytest.param(150, marks=pytest.mark.long)])
def test_a_killed_process_leaves_every_commit_that_it_saw_and_no_half_of_one(counts, rounds):
    counts.close()
    waits = Random(rounds)
    for _ in range(rounds):
        last = killed_writer(counts.url, waits.randrange(40))
        store = reopened(counts.url)
        with store.begin() as tx:
            a, b = COUNTS.get(tx, "a"), COUNTS.get(tx, "b")
            assert a.size == b.size == LEAVES.count(tx)
            assert last <= a.size <= last + 1
        assert store.check_pages() == []
        assert decayed(store, METADATA) == []
        store.close()


def test_a_server_that_drops_the_connection_leaves_a_store_that_works(postgres_url):
    store = open_store(postgres_url)
    with store.begin() as tx:
        tx.create(COUNTS.table)
    raise_by_one(store)
    end = "SELECT pg_terminate_backend({})"
    with psycopg.connect(postgres_url, autocommit=True) as driver:
        driver.execute(end.format(store._driver.info.backend_pid))
        with pytest.raises(OutOfStep) as idle:
            raise_by_one(store)
        assert str(idle.value) == LOST
        assert size(store) == 1
        begun = store.begin()
        COUNTS.put(begun.__enter__(), Count("a", 7))
        driver.execute(end.format(store._driver.info.backend_pid))
        with pytest.raises(OutOfStep) as at_commit:
            begun.__exit__(None, None, None)
        assert str(at_commit.value) == LOST
    assert size(store) == 1
    raise_by_one(store)
    assert size(store) == 2
    store.close()


def test_a_full_disk_leaves_what_was_there_and_a_store_that_works(path):
    store = reopened(path)
    with store.begin() as tx:
        tx.create(*METADATA.sorted_tables)
        LEAVES.add(tx, Leaf(1, b"", b""))
        pages = tx.execute("PRAGMA page_count")[0][0]
    with store.begin() as tx:
        tx.execute(f"PRAGMA max_page_count={pages + 5}")
    many = [Leaf(n, b"", b"x" * 1000) for n in range(2, 100)]
    with pytest.raises(OutOfStep) as caught, store.begin() as tx:
        LEAVES.add(tx, *many)
    assert str(caught.value) == FULL
    with store.begin() as tx:
        assert LEAVES.count(tx) == 1
        tx.execute("PRAGMA max_page_count=1000000")
        LEAVES.add(tx, *many)
    store.close()


# --- streams and statements at the server -----------------------------------------------------


def test_a_stream_stands_at_the_server_and_is_closed_there(postgres_url):
    store = open_store(postgres_url)
    with store.begin() as tx:
        tx.create(COUNTS.table)
        COUNTS.add(tx, *[Count(f"{n:05d}", n) for n in range(2500)])
        cursors = "SELECT count(*) FROM pg_cursors"
        one, two = COUNTS.everything(tx), COUNTS.everything(tx)
        assert next(one) == next(two)
        assert tx.execute(cursors) == [(2,)]
        one.close()
        assert tx.execute(cursors) == [(1,)]
        assert sum(1 for _ in two) == 2499
        assert tx.execute(cursors) == [(0,)]
    store.close()


def test_a_statement_is_prepared_once_whatever_the_size_of_its_numbers(postgres_url):
    store = open_store(postgres_url)
    with store.begin() as tx:
        tx.create(COUNTS.table)
        for n in range(100):
            COUNTS.put(tx, Count(str(n), [n, n << 20, n << 40][n % 3]))
            COUNTS.get(tx, str(n))
        assert tx.execute("SELECT count(*) FROM pg_prepared_statements") == [(2,)]
    store.close()


def test_an_error_that_no_table_names_says_no_more_than_its_kind(postgres_url):
    store = open_store(postgres_url)
    with pytest.raises(OutOfStep) as caught, store.begin() as tx:
        tx.execute("DO $$ BEGIN RAISE 'Hanako' USING ERRCODE = 'P0001'; END $$")
    assert str(caught.value) == "store: the server refused (RaiseException, P0001)"
    with pytest.raises(Damaged) as caught, store.begin() as tx:
        tx.execute("DO $$ BEGIN RAISE 'Hanako' USING ERRCODE = 'XX001'; END $$")
    assert "Hanako" not in str(caught.value)
    store.close()


def test_the_same_trouble_has_the_same_words_on_both_engines():
    def of(driver_errors):
        return [type(error)(*error.args) for error in map(in_our_words, driver_errors)]

    class Sqlite(sqlite3.OperationalError):
        def __init__(self, code: int) -> None:
            super().__init__("x")
            self.sqlite_errorcode = code

    codes = [
        (sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, psycopg.errors.UniqueViolation),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, psycopg.errors.SerializationFailure),
        (sqlite3.SQLITE_BUSY, psycopg.errors.LockNotAvailable),
        (sqlite3.SQLITE_LOCKED_SHAREDCACHE, psycopg.errors.DeadlockDetected),
        (sqlite3.SQLITE_FULL, psycopg.errors.DiskFull),
    ]
    for code, other in codes:
        one, two = of([Sqlite(code), other("secret")])
        assert (type(one), str(one)) == (type(two), str(two))
    assert str(in_our_words(Sqlite(sqlite3.SQLITE_CONSTRAINT_UNIQUE))) == KEY_EXISTS
    assert isinstance(in_our_words(Sqlite(sqlite3.SQLITE_CORRUPT_VTAB)), Damaged)
    assert isinstance(in_our_words(psycopg.errors.IndexCorrupted("x")), Damaged)


# --- flipped bytes ----------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["flipped", "sealed"])
def whole(request, tmp_path_factory) -> tuple[bytes, list[tuple], str]:
    """A small database file with every kind of page, its rows, and its name."""
    path = tmp_path_factory.mktemp("whole") / f"{request.param}.db"
    store = reopened(path)
    with store.begin() as tx:
        tx.create(*METADATA.sorted_tables)
        tx.execute("PRAGMA user_version=7")
        COUNTS.add(tx, *[Count(f"町{n}", n * n * n) for n in range(60)])
        LEAVES.add(tx, *[Leaf(n, b"%d" % (n % 7), b"%d" % n * 40) for n in range(80)])
        LEAVES.add(tx, Leaf(99, b"over", b"flow" * 2500))
        TAGS.add(tx, *[Tag(b"%d" % (n * n), n) for n in range(100)])
        for n in range(0, 60, 3):
            COUNTS.remove(tx, f"町{n}")
    with store.begin() as tx:
        rows = [row for table in (COUNTS, LEAVES, TAGS) for row in table.everything(tx)]
    store.close()
    return path.read_bytes(), rows, path.name


def found_wrong(path: Path, rows: list[tuple]) -> bool:
    """Whether a file is noticed to be damaged; if not, it must read as it was written."""
    try:
        store = reopened(path)
    except JukinetError:
        return True
    try:
        if store.check_pages() or decayed(store, METADATA):
            return True
        with store.begin() as tx:
            assert [row for table in (COUNTS, LEAVES, TAGS) for row in table.everything(tx)] == rows
            for table, column in ((COUNTS, "name"), (LEAVES, "label"), (TAGS, "tag")):
                places = table.row._fields.index(column)
                own = [row for row in rows if isinstance(row, table.row)]
                sought = [row[places] for row in own]
                assert sorted(table.get_many(tx, column, sought)) == sorted(own)
        return False
    finally:
        store.close()


def flipped(whole, tmp_path: Path, places) -> float:
    """The share of places at which a flipped byte is noticed."""
    content, rows, name = whole
    path = tmp_path / name
    noticed = 0
    places = list(places)
    for place, mask in places:
        path.write_bytes(content[:place] + bytes([content[place] ^ mask]) + content[place + 1 :])
        noticed += found_wrong(path, rows)
        for stray in tmp_path.glob(f"{name}*"):
            stray.unlink()
    return noticed / len(places)


def test_a_flipped_byte_anywhere_in_a_file_is_noticed_or_changes_nothing(whole, tmp_path):
    chance = Random(2002)
    places = [(chance.randrange(len(whole[0])), chance.randrange(1, 256)) for _ in range(700)]
    assert flipped(whole, tmp_path, places) >= (0.99 if whole[2] == "sealed.db" else 0.3)


@pytest.mark.long
@pytest.mark.parametrize("bit", range(8))
def test_each_bit_of_a_file_flipped_is_noticed_or_changes_nothing(whole, tmp_path, bit):
    places = ((place, 1 << bit) for place in range(len(whole[0])))
    assert flipped(whole, tmp_path, places) > 0.3


@pytest.mark.parametrize("cut", [0, 1, 50, 99, 100, 4096, 8191, 12288])
def test_a_file_that_was_cut_short_is_noticed(whole, tmp_path, cut):
    path = tmp_path / whole[2]
    path.write_bytes(whole[0][:cut])
    assert found_wrong(path, whole[1])


def test_bytes_that_are_no_text_any_more_are_counted_row_by_row(path):
    store = reopened(path)
    with store.begin() as tx:
        tx.create(COUNTS.table)
        COUNTS.add(tx, *[Count(f"{n:03d}", n) for n in range(100)])
        tx.execute("UPDATE count SET name = CAST(x'ff' || name AS TEXT) WHERE size % 10 = 3")
    no_text = pytest.raises(Damaged, match="a text is not UTF-8 any more")
    with no_text as caught, store.begin() as tx:
        list(COUNTS.everything(tx))
    assert "003" not in str(caught.value)
    assert [(one.table, one.rows) for one in decayed(store, COUNTS.table.metadata)][:1] == [
        ("count", 10)
    ]
    with store.begin() as tx:
        assert COUNTS.get(tx, "004") == Count("004", 4)
    store.close()
