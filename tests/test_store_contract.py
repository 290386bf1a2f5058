"""The contract of a store: every sentence holds on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from sqlalchemy import Column, MetaData, Table, Text, bindparam, func, select
from tests.support import new_folder, reopened

from jukinet.errors import Malformed, OutOfStep
from jukinet.store.engine import Statement, Store, open_store
from jukinet.store.rows import Number, Rows, blob, integer, text
from jukinet.tasks import keeping, network, witnessing
from jukinet.tasks.demo import Size, run

METADATA = MetaData()


class Thing(NamedTuple):
    key: str
    number: int
    body: bytes
    note: str | None = None
    size: int | None = None
    seal: bytes | None = None


THINGS = Rows(
    "thing",
    METADATA,
    Thing,
    [
        text("key", key=True),
        integer("number"),
        blob("body"),
        text("note", optional=True),
        integer("size", optional=True),
        blob("seal", optional=True),
    ],
    indexes=[("number",)],
)


class Place(NamedTuple):
    town: str
    block: int
    parcel: bytes
    owner: str


PLACES = Rows(
    "place",
    METADATA,
    Place,
    [text("town", key=True), integer("block", key=True), blob("parcel", key=True), text("owner")],
    compact=True,
)

_OVER = THINGS.query(
    THINGS.table.c.number > bindparam("number"), order_by=[THINGS.table.c.number], limit=True
)
_IN_BETWEEN = Statement(
    select(THINGS.table.c.key).where(
        THINGS.table.c.number > bindparam("low"),
        THINGS.table.c.key != "not me",
        THINGS.table.c.number < bindparam("high"),
    )
)


@pytest.fixture
def things(store):
    with store.begin() as tx:
        tx.create(*METADATA.sorted_tables)
    return store


def kept(store, key: str = "a") -> Thing | None:
    with store.begin() as tx:
        return THINGS.get(tx, key)


# --- transactions -----------------------------------------------------------------------------


def test_what_was_committed_is_seen_by_another_connection(things):
    with things.begin() as tx:
        THINGS.add(tx, Thing("a", 1, b"x"))
    other = reopened(things.url)
    assert kept(other) == Thing("a", 1, b"x")
    other.close()


def test_what_was_committed_is_there_after_closing(things):
    with things.begin() as tx:
        THINGS.add(tx, Thing("a", 1, b"x"))
    things.close()
    assert kept(things) == Thing("a", 1, b"x")


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_a_block_that_raises_leaves_nothing(things, error):
    def interrupted():
        with things.begin() as tx:
            THINGS.add(tx, Thing("a", 1, b"x"))
            raise error

    with pytest.raises(error):
        interrupted()
    assert kept(things) is None


def test_a_block_that_raises_its_own_unicode_error_raises_just_that(things):
    with pytest.raises(UnicodeEncodeError), things.begin():
        "\ud800".encode()


def test_one_transaction_at_a_time(things):
    with things.begin() as tx:
        THINGS.add(tx, Thing("a", 1, b"x"))
        with pytest.raises(OutOfStep, match="open already; hand it on"), things.begin():
            pytest.fail("a second one was begun")
    assert kept(things) == Thing("a", 1, b"x")


def test_a_transaction_that_writes_nothing_ends_well(things):
    with things.begin():
        pass
    with things.begin():
        pass


def test_nothing_runs_in_a_transaction_that_has_ended(things):
    with things.begin() as tx:
        THINGS.add(tx, *[Thing(f"{n:05d}", n, b"x") for n in range(2500)])
        stream = THINGS.everything(tx)
        assert next(stream).key == "00000"
    for late in (
        lambda: THINGS.get(tx, "00000"),
        lambda: THINGS.put(tx, Thing("late", 1, b"x")),
        lambda: list(stream),
        lambda: list(THINGS.everything(tx)),
    ):
        with pytest.raises(OutOfStep, match="has ended"):
            late()
    assert kept(things, "late") is None


def test_a_statement_that_failed_fails_the_transaction_though_its_error_was_caught(things):
    with things.begin() as tx:
        THINGS.add(tx, Thing("a", 1, b"x"))
    failed = pytest.raises(OutOfStep, match="a statement of this transaction failed")
    with failed, things.begin() as tx:
        THINGS.add(tx, Thing("b", 2, b"x"))
        with pytest.raises(OutOfStep, match="with this key is there already"):
            THINGS.add(tx, Thing("a", 3, b"x"))
    assert kept(things, "b") is None
    assert kept(things, "a") == Thing("a", 1, b"x")


def test_a_commit_that_fails_leaves_nothing_and_a_store_that_works(things, monkeypatch):
    def fails(driver):
        raise OSError("the disk said no")

    with monkeypatch.context() as patch:
        patch.setattr(things, "commit", fails)
        with pytest.raises(OSError, match="no"), things.begin() as tx:
            THINGS.add(tx, Thing("a", 1, b"x"))
    assert kept(things) is None
    with things.begin() as tx:
        THINGS.add(tx, Thing("a", 2, b"x"))
    assert kept(things) == Thing("a", 2, b"x")


def test_a_commit_that_the_engine_refuses_leaves_nothing_and_a_store_that_works(things):
    with things.begin() as tx:
        tx.execute("CREATE TABLE parent (n INTEGER PRIMARY KEY)")
        tx.execute(
            "CREATE TABLE child (n INTEGER REFERENCES parent (n) DEFERRABLE INITIALLY DEFERRED)"
        )
    begun = things.begin()
    tx = begun.__enter__()
    THINGS.add(tx, Thing("a", 1, b"x"))
    tx.execute("INSERT INTO child VALUES (1)")
    with pytest.raises(Malformed):
        begun.__exit__(None, None, None)
    assert kept(things) is None
    with things.begin() as tx:
        THINGS.add(tx, Thing("a", 2, b"x"))
    assert kept(things) == Thing("a", 2, b"x")


def test_tables_made_in_a_transaction_that_fails_are_gone(store):
    def interrupted():
        with store.begin() as tx:
            tx.create(THINGS.table)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    with pytest.raises(OutOfStep, match="thing"), store.begin() as tx:
        THINGS.count(tx)


# --- statements -------------------------------------------------------------------------------


def test_parameters_go_to_their_places_in_whatever_order_they_are_named(things):
    with things.begin() as tx:
        THINGS.add(tx, *[Thing(key, n, b"") for n, key in enumerate(["a", "b", "not me", "d"])])
        assert sorted(tx.all(_IN_BETWEEN, high=4, low=0)) == [("b",), ("d",)]
        assert sorted(tx.all(_IN_BETWEEN, low=0, high=4)) == [("b",), ("d",)]
        assert tx.all(_IN_BETWEEN, low=4, high=0) == []


def test_a_missing_parameter_is_a_mistake_of_the_program(things):
    with things.begin() as tx, pytest.raises(KeyError, match="high"):
        tx.all(_IN_BETWEEN, low=0)


def test_one_gives_the_first_row_or_none(things):
    with things.begin() as tx:
        assert tx.one(Statement(select(func.max(THINGS.table.c.number)))) == (None,)
        assert tx.one(_IN_BETWEEN, low=0, high=9) is None
        THINGS.add(tx, Thing("a", 1, b""), Thing("b", 2, b""))
        assert tx.one(_IN_BETWEEN, low=1, high=9) == ("b",)


def test_run_counts_the_rows_that_it_touched(things):
    emptied = Statement(THINGS.table.delete().where(THINGS.table.c.number < bindparam("number")))
    with things.begin() as tx:
        THINGS.add(tx, *[Thing(str(n), n, b"") for n in range(5)])
        assert tx.run(emptied, number=3) == 3
        assert tx.run(emptied, number=3) == 0


def test_a_percent_sign_and_a_question_mark_are_just_text(things):
    found = Statement(select(THINGS.table.c.key).where(THINGS.table.c.key.like("100\\%?%", "\\")))
    with things.begin() as tx:
        THINGS.add(tx, Thing("100%? sure", 1, b""), Thing("100 sure", 2, b""))
        assert tx.all(found) == [("100%? sure",)]


def test_running_many_of_nothing_does_nothing(things):
    with things.begin() as tx:
        THINGS.add(tx)
        THINGS.put(tx)
        assert THINGS.count(tx) == 0


# --- rows -------------------------------------------------------------------------------------


def test_a_new_row_must_be_new(things):
    with things.begin() as tx:
        THINGS.add(tx, Thing("a", 1, b"x"))
    for rows in ([Thing("a", 2, b"y")], [Thing("b", 2, b"y"), Thing("a", 2, b"y")]):
        with pytest.raises(OutOfStep, match="with this key"), things.begin() as tx:
            THINGS.add(tx, *rows)
    assert kept(things) == Thing("a", 1, b"x")
    assert kept(things, "b") is None


def test_put_writes_whole_rows_over_those_with_the_same_key(things):
    with things.begin() as tx:
        THINGS.put(tx, Thing("a", 1, b"x", "note", 5, b"seal"), Thing("b", 1, b"x"))
        THINGS.put(tx, Thing("a", 2, b""), Thing("c", 3, b"z"))
        assert THINGS.get(tx, "a") == Thing("a", 2, b"", None, None, None)
        assert THINGS.count(tx) == 3


def test_of_two_rows_put_at_once_under_one_key_the_later_stays(things):
    with things.begin() as tx:
        THINGS.put(tx, Thing("a", 1, b"x"), Thing("a", 2, b"y"), Thing("a", 3, b"z"))
        assert THINGS.get(tx, "a") == Thing("a", 3, b"z")
        assert THINGS.count(tx) == 1


def test_a_row_is_found_by_its_whole_key(things):
    places = [Place("t", 1, b"p", "A"), Place("t", 1, b"q", "B"), Place("u", 1, b"p", "C")]
    with things.begin() as tx:
        PLACES.add(tx, *places)
        for place in places:
            assert PLACES.get(tx, *place[:3]) == place
        assert PLACES.get(tx, "u", 1, b"q") is None
        PLACES.put(tx, Place("t", 1, b"q", "D"))
        assert PLACES.get(tx, "t", 1, b"q") == Place("t", 1, b"q", "D")
        assert PLACES.count(tx) == 3


def test_a_removed_row_is_gone_and_no_other(things):
    with things.begin() as tx:
        PLACES.add(tx, Place("t", 1, b"p", "A"), Place("t", 2, b"p", "B"))
        assert PLACES.remove(tx, "t", 1, b"p") == 1
        assert PLACES.remove(tx, "t", 1, b"p") == 0
        assert list(PLACES.everything(tx)) == [Place("t", 2, b"p", "B")]


@pytest.mark.parametrize("wanted", [0, 1, 2, 3, 5, 255, 256, 257, 513, 1000])
def test_many_are_found_in_chunks_of_any_size(things, wanted):
    rows = [Thing(f"{n:04d}", n, b"") for n in range(1000)]
    with things.begin() as tx:
        THINGS.add(tx, *rows)
        found = THINGS.get_many(tx, "key", [row.key for row in rows[:wanted]])
        assert sorted(found) == rows[:wanted]


def test_many_are_found_once_however_often_they_are_asked_for(things):
    with things.begin() as tx:
        THINGS.add(tx, Thing("a", 1, b""), Thing("b", 2, b""), Thing("c", 2, b""))
        assert THINGS.get_many(tx, "key", ["a"] * 700) == [Thing("a", 1, b"")]
        assert THINGS.get_many(tx, "key", ["nobody"] * 3) == []
        found = THINGS.get_many(tx, "number", [2, 2, 9])
        assert sorted(found) == [Thing("b", 2, b""), Thing("c", 2, b"")]


def test_many_are_found_by_bytes_and_beside_fixed_columns(things):
    rows = [Place(town, n, bytes([n]), owner) for n in range(9) for town, owner in ("tA", "uB")]
    with things.begin() as tx:
        PLACES.add(tx, *rows)
        parcels = [bytes([n]) for n in (0, 3, 8, 77)]
        found = PLACES.get_many(tx, "parcel", parcels, town="u", owner="B")
        assert sorted(row.block for row in found) == [0, 3, 8]
        assert {row.town for row in found} == {"u"}
        again = PLACES.get_many(tx, "parcel", parcels, owner="B", town="u")
        assert sorted(again) == sorted(found)
        assert PLACES.get_many(tx, "parcel", parcels, town="u", owner="A") == []


def test_a_query_has_a_limit_and_an_order(things):
    with things.begin() as tx:
        THINGS.add(tx, *[Thing(f"k{n}", n, b"") for n in (5, 1, 4, 2, 3)])
        assert [row.number for row in _OVER.all(tx, number=1, limit=3)] == [2, 3, 4]
        assert _OVER.all(tx, number=1, limit=0) == []
        assert _OVER.one(tx, number=4, limit=9) == Thing("k5", 5, b"")
        assert _OVER.one(tx, number=5, limit=9) is None


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2500])
def test_a_stream_gives_every_row_in_the_order_of_the_keys(things, size):
    with things.begin() as tx:
        PLACES.add(tx, *[Place("t", n, b"", "") for n in reversed(range(size))])
        assert [row.block for row in PLACES.everything(tx)] == list(range(size))


def test_streams_run_beside_each_other_and_beside_writes_elsewhere(things):
    with things.begin() as tx:
        PLACES.add(tx, *[Place("t", n, b"", "") for n in range(2500)])
        one, two = PLACES.everything(tx), PLACES.everything(tx)
        assert [next(one).block, next(one).block, next(two).block] == [0, 1, 0]
        THINGS.put(tx, *[Thing(str(row.block), row.block, b"") for row in one])
        assert next(two).block == 1
        two.close()
        assert THINGS.count(tx) == 2498


def test_a_stream_that_is_left_in_the_middle_does_not_stop_the_commit(things):
    with things.begin() as tx:
        PLACES.add(tx, *[Place("t", n, b"", "") for n in range(2500)])
        next(PLACES.everything(tx))
        left = PLACES.everything(tx)
        next(left)
    with things.begin() as tx:
        assert PLACES.count(tx) == 2500


def test_text_is_ordered_by_code_points_and_bytes_by_bytes(things):
    keys = ["", " ", "A", "B", "a", "b", "ア", "亜", "\ue000", "𠮷"]
    with things.begin() as tx:
        PLACES.add(tx, *[Place(key, 0, b"", "") for key in reversed(keys)])
        assert [row.town for row in PLACES.everything(tx)] == keys
        PLACES.add(tx, *[Place("t", 0, key, "") for key in (b"\xff", b"\x00", b"", b"\x00\x00")])
        assert [row.parcel for row in PLACES.everything(tx) if row.town == "t"] == [
            b"",
            b"\x00",
            b"\x00\x00",
            b"\xff",
        ]


# --- values -----------------------------------------------------------------------------------

TEXTS = [
    pytest.param("", id="empty"),
    pytest.param("葛\U000e0100城市", id="a character and its variant (IVS)"),
    pytest.param("𠮷野家", id="outside the Basic Multilingual Plane"),
    pytest.param("か\u3099が", id="combined and composed, as they are"),
    pytest.param("\u0001\t\r\n\x7f\u0085\u2028", id="control characters and line ends"),
    pytest.param("\ufeff\ufffe\uffff\U0010ffff", id="mark of byte order, non-characters"),
    pytest.param("外字\ue000\U000f0000", id="private use"),
    pytest.param("\uff21\uff41\u3000\uff8a\uff9f", id="full and half width"),
    pytest.param(
        "'; DROP TABLE thing; --\\ % ? %s :x $1", id="what a parser might take for its own"
    ),
    pytest.param("あ" * 40_000, id="long"),
]


@pytest.mark.parametrize("value", TEXTS)
def test_text_comes_back_as_it_went_in_and_is_found_by_it(things, value):
    with things.begin() as tx:
        THINGS.put(tx, Thing(value[:500], 1, b"", value))
        PLACES.put(tx, Place(value[:500], 1, b"", value))
    with things.begin() as tx:
        assert THINGS.get(tx, value[:500]).note == value
        assert PLACES.get_many(tx, "owner", [value]) == [Place(value[:500], 1, b"", value)]


def test_texts_that_look_alike_are_different_keys(things):
    keys = ["葛", "葛\U000e0100", "葛\U000e0101", "が", "か\u3099", "ｶ", "カ", "a", "A", "a "]
    with things.begin() as tx:
        THINGS.add(tx, *[Thing(key, n, b"") for n, key in enumerate(keys)])
        assert [THINGS.get(tx, key).number for key in keys] == list(range(len(keys)))


@pytest.mark.parametrize("value", [0, 1, -1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63)])
def test_whole_numbers_of_64_bits_come_back_as_they_went_in(things, value):
    with things.begin() as tx:
        THINGS.put(tx, Thing("a", value, b"", None, value))
        assert THINGS.get(tx, "a") == Thing("a", value, b"", None, value)
        assert THINGS.get_many(tx, "number", [value]) == [Thing("a", value, b"", None, value)]
        assert _OVER.all(tx, number=value, limit=9) == []


@pytest.mark.parametrize("value", [b"", b"\x00", bytes(range(256)), b"\\x00'", b"\xff" * 200_000])
def test_bytes_come_back_as_they_went_in(things, value):
    with things.begin() as tx:
        THINGS.put(tx, Thing("a", 1, value, None, None, value))
        assert THINGS.get(tx, "a") == Thing("a", 1, value, None, None, value)
        PLACES.put(tx, Place("t", 1, value[:500], ""))
        assert PLACES.get(tx, "t", 1, value[:500]) == Place("t", 1, value[:500], "")


UNSTORABLE = [
    pytest.param(Thing("a\x00b", 1, b""), "thing.key: wants text without U[+]0000", id="U+0000"),
    pytest.param(Thing("a", 1, b"", "\x00"), "thing.note: wants text without", id="U+0000 alone"),
    pytest.param(Thing("a\ud800", 1, b""), "half of a surrogate pair", id="half a pair"),
    pytest.param(Thing("a", 2**63, b""), "thing.number: wants a whole number of 64", id="2**63"),
    pytest.param(Thing("a", 2**64, b""), "thing.number: wants a whole number of 64", id="2**64"),
    pytest.param(Thing("a", -(2**63) - 1, b""), "thing.number: wants a whole", id="-2**63 - 1"),
    pytest.param(
        Thing("a", 1, b"", None, 2**63), "thing.size: wants a whole", id="2**63, optional"
    ),
    pytest.param(Thing("a", True, b""), "thing.number: wants int, got bool", id="a truth value"),
    pytest.param(Thing("a", 1.0, b""), "thing.number: wants int, got float", id="a float"),
    pytest.param(Thing("a", "1", b""), "thing.number: wants int, got str", id="digits"),
    pytest.param(Thing("a", None, b""), "thing.number: wants int, got NoneType", id="nothing"),
    pytest.param(Thing("a", 1, "b"), "thing.body: wants bytes, got str", id="text for bytes"),
    pytest.param(Thing("a", 1, bytearray(b"b")), "wants bytes, got bytearray", id="bytearray"),
    pytest.param(Thing(b"a", 1, b""), "thing.key: wants str, got bytes", id="bytes for text"),
    pytest.param(Thing(7, 1, b""), "thing.key: wants str, got int", id="a number for text"),
]


@pytest.mark.parametrize("write", ["add", "put"])
@pytest.mark.parametrize(("row", "message"), UNSTORABLE)
def test_what_one_engine_could_not_keep_neither_does(things, row, message, write):
    with things.begin() as tx:
        with pytest.raises(Malformed, match=message):
            getattr(THINGS, write)(tx, Thing("fine", 1, b""), row)
        assert THINGS.count(tx) == 0  # nothing of it went to the engine, so the transaction goes on
        THINGS.add(tx, Thing("fine", 2, b""))
    assert kept(things, "fine").number == 2


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param("a\x00", r"U\+0000", id="U+0000"),
        pytest.param("\udfff", "surrogate", id="half a pair"),
        pytest.param(2**63, "64 bits", id="2**63"),
        pytest.param(True, "type bool", id="a truth value"),
        pytest.param(1.5, "type float", id="a float"),
    ],
)
def test_what_cannot_be_kept_cannot_be_asked_for(things, value, message):
    column = "number" if isinstance(value, int | float) else "key"
    asked = Statement(select(THINGS.table).where(THINGS.table.c[column] == bindparam("value")))
    for ask in (
        lambda tx: THINGS.get_many(tx, column, [value]),
        lambda tx: tx.one(asked, value=value),
        lambda tx: tx.all(asked, value=value),
        lambda tx: tx.run(asked, value=value),
        lambda tx: list(tx.stream(asked, value=value)),
    ):
        with pytest.raises(Malformed, match=message), things.begin() as tx:
            ask(tx)


SECRET = "山田花子 12345678901"


def test_no_error_shows_what_was_to_be_stored(things):
    bare = Table("bare", MetaData(), Column("key", Text, primary_key=True), Column("n", Number))
    insert, cast_to_number = Statement(bare.insert()), Statement(select(func.abs(bindparam("x"))))
    with things.begin() as tx:
        tx.execute("CREATE TABLE bare (key TEXT PRIMARY KEY, n INTEGER NOT NULL CHECK (n < 5))")
        tx.run(insert, key=SECRET, n=1)
        THINGS.add(tx, Thing(SECRET, 1, b"x"))
    attempts = [
        lambda tx: tx.run(insert, key=SECRET, n=2),
        lambda tx: tx.run_many(insert, [(SECRET + "2", 2), (SECRET, 2)]),
        lambda tx: tx.run(insert, key=SECRET + "3", n=7),
        lambda tx: tx.run(insert, key=SECRET + "4", n=None),
        lambda tx: tx.run(insert, key=SECRET + "\x00", n=1),
        lambda tx: tx.run(insert, key=SECRET + "\ud800", n=1),
        lambda tx: tx.run_many(insert, [(SECRET, 2**70), (SECRET, 1)]),
        lambda tx: THINGS.add(tx, Thing(SECRET, 2, b"x")),
        lambda tx: THINGS.add(tx, Thing(SECRET + "\x00", 2, b"x")),
        lambda tx: THINGS.add(tx, Thing(SECRET, 2**63, b"x")),
        lambda tx: THINGS.put(tx, Thing(SECRET + "\ud800", 2, b"x")),
        lambda tx: tx.all(cast_to_number, x=SECRET) and THINGS.get(tx, SECRET + "\x00"),
    ]
    for attempt in attempts:
        with pytest.raises((Malformed, OutOfStep)) as caught, things.begin() as tx:
            attempt(tx)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
        shown = "".join(traceback.format_exception_only(caught.value)) + repr(caught.value)
        assert "山田" not in shown
        assert "12345678901" not in shown


# --- everything that stands on a store --------------------------------------------------------

SMALL = [
    pytest.param(Size(towns=2, residents=60, inquiries=15), id="60 residents"),
    pytest.param(Size(towns=4, residents=600, inquiries=120), id="600", marks=pytest.mark.long),
]


@pytest.mark.parametrize("size", SMALL)
def test_a_small_japan_lives_the_same_year_on_both_engines(postgres, tmp_path, monkeypatch, size):
    """Registers, feeds, index, door, ledger, keeper, witnesses and agencies, each on its engine."""

    def on_the_server(path: Path, key: bytes) -> Store:
        assert len(key) == 32
        schema = "_".join([f"lives_{size.residents}", *path.with_suffix("").parts[-2:]])
        with psycopg.connect(postgres, autocommit=True) as driver:
            driver.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        return open_store(f"{postgres}&options=-csearch_path%3D{schema}")

    one = run(new_folder(tmp_path / "one"), 7, size)
    for where in (network, witnessing, keeping):
        monkeypatch.setattr(where, "open_store", on_the_server)
    other = run(new_folder(tmp_path / "other"), 7, size)
    assert not list((tmp_path / "other").rglob("*.db"))
    assert one.index_equals_registers
    assert one.problems == []
    assert other._replace(ledger_root=one.ledger_root) == one  # keys are drawn anew, so the root is
