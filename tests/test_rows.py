"""Rows: the check that each of them carries, and that every change of a stored byte is found by it."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import MetaData, bindparam, literal_column

from jukinet.errors import Damaged
from jukinet.store.engine import Statement
from jukinet.store.rows import CHECK, CHECK_BYTES, Decay, Rows, blob, decayed, integer, text

METADATA = MetaData()


class Thing(NamedTuple):
    name: str
    number: int
    seal: bytes
    note: str
    size: int | None
    body: bytes | None


def columns():
    return [
        text("name", key=True),
        integer("number", key=True),
        blob("seal", key=True),
        text("note"),
        integer("size", optional=True),
        blob("body", optional=True),
    ]


THINGS = Rows("thing", METADATA, Thing, columns(), indexes=[("note",)])
COMPACT = Rows("compact", METADATA, Thing, columns(), compact=True)
TABLES = [pytest.param(THINGS, id="thing"), pytest.param(COMPACT, id="compact")]

_NOTED = {
    rows: rows.query(rows.table.c.note >= bindparam("note"), order_by=[rows.table.c.name])
    for rows in (THINGS, COMPACT)
}

FIRST = Thing("a", 1, b"s", "note", 300, b"body")
SECOND = Thing("b", 2, b"t", "", None, None)
THIRD = Thing("c", 3, b"u", "note", 0, b"")


@pytest.fixture
def things(store):
    with store.begin() as tx:
        tx.create(*METADATA.sorted_tables)
        for rows in (THINGS, COMPACT):
            rows.add(tx, FIRST, SECOND, THIRD)
    return store


def alter(store, rows, row: Thing, **columns) -> None:
    """Change some columns of a stored row behind the program's back."""
    table = rows.table
    change = (
        table.update()
        .where(table.c.name == bindparam("k"))
        .values({name: bindparam(f"v_{name}") for name in columns})
    )
    with store.begin() as tx:
        values = {f"v_{name}": value for name, value in columns.items()}
        assert tx.run(Statement(change), k=row.name, **values) == 1


CHANGES = [
    pytest.param("name", "A", id="text of the key"),
    pytest.param("name", "", id="text of the key, emptied"),
    pytest.param("number", 0, id="number of the key"),
    pytest.param("number", 1 + 2**40, id="number of the key, one bit"),
    pytest.param("seal", b"S", id="bytes of the key"),
    pytest.param("seal", b"s\x00", id="bytes of the key, one more"),
    pytest.param("note", "note ", id="text, a space more"),
    pytest.param("note", "nоte", id="text, a letter that looks the same"),  # noqa: RUF001
    pytest.param("note", "", id="text, emptied"),
    pytest.param("size", 301, id="number"),
    pytest.param("size", -300, id="number, its sign"),
    pytest.param("size", None, id="number, gone"),
    pytest.param("body", b"bodY", id="bytes"),
    pytest.param("body", b"", id="bytes, emptied"),
    pytest.param("body", None, id="bytes, gone"),
    pytest.param(CHECK, bytes(CHECK_BYTES), id="the check itself"),
    pytest.param(CHECK, b"", id="the check, emptied"),
]


@pytest.mark.parametrize("rows", TABLES)
@pytest.mark.parametrize(("column", "value"), CHANGES)
def test_a_changed_value_of_every_type_is_found(things, rows, column, value):
    alter(things, rows, FIRST, **{column: value})
    now = FIRST._replace(**{column: value}) if column != CHECK else FIRST
    for read in (
        lambda tx: rows.get(tx, *now[:3]),
        lambda tx: rows.get_many(tx, "seal", [now.seal, b"u"]),
        lambda tx: list(rows.everything(tx)),
        lambda tx: _NOTED[rows].all(tx, note=""),
        lambda tx: list(_NOTED[rows].stream(tx, note="")),
    ):
        with pytest.raises(Damaged) as caught, things.begin() as tx:
            read(tx)
        name = rows.table.name
        assert str(caught.value) == f"{name}: the check of a stored row does not fit its values"
    assert decayed(things, METADATA) == [Decay(rows.table.name, 1, "")]


@pytest.mark.parametrize("rows", TABLES)
def test_the_rows_beside_a_decayed_one_can_be_read(things, rows):
    alter(things, rows, FIRST, note="x")
    with things.begin() as tx:
        assert rows.get(tx, *SECOND[:3]) == SECOND
        assert rows.get_many(tx, "seal", [b"t", b"u"]) in ([SECOND, THIRD], [THIRD, SECOND])


def test_a_row_under_another_rows_key_is_found(things):
    with things.begin() as tx:
        check = tx.one(Statement(THINGS.table.select().where(THINGS.table.c.name == "c")))[-1]
    alter(things, THINGS, FIRST, note=THIRD.note, size=THIRD.size, body=THIRD.body, chk=check)
    assert decayed(things, METADATA) == [Decay("thing", 1, "")]


def test_a_row_of_another_table_is_found(things):
    with things.begin() as tx:
        tx.execute("DELETE FROM compact")
        tx.execute("INSERT INTO compact SELECT * FROM thing")
    assert decayed(things, METADATA) == [Decay("compact", 3, "")]


def test_every_decayed_row_of_every_table_is_counted(things):
    with things.begin() as tx:
        THINGS.add(tx, *[FIRST._replace(number=n) for n in range(10, 3000)])
        change = THINGS.table.update().where(literal_column("number % 100") == 0)
        tx.run(Statement(change.values(note="x")))
    alter(things, COMPACT, SECOND, note="x")
    assert decayed(things, METADATA) == [Decay("thing", 29, ""), Decay("compact", 1, "")]


def test_nothing_decayed_is_nothing_found(things):
    assert decayed(things, METADATA) == []
    with things.begin() as tx:
        assert list(THINGS.everything(tx)) == list(COMPACT.everything(tx)) == [FIRST, SECOND, THIRD]


def test_a_table_that_cannot_be_read_hides_no_other(things):
    alter(things, COMPACT, SECOND, note="x")
    with things.begin() as tx:
        tx.execute("ALTER TABLE thing RENAME TO thinh")
    missing, other = decayed(things, METADATA)
    assert missing.table == "thing"
    assert "thing" in missing.stopped
    assert other == Decay("compact", 1, "")


def test_what_was_written_by_add_and_by_put_reads_the_same(things):
    with things.begin() as tx:
        THINGS.put(tx, FIRST)
        THINGS.put(tx, *[FIRST._replace(name=name) for name in "xyz"])
        THINGS.add(tx, FIRST._replace(name="w"))
    assert decayed(things, METADATA) == []


values = st.tuples(
    st.text(max_size=4),
    st.integers(-(2**63), 2**63 - 1),
    st.binary(max_size=4),
    st.text(max_size=4),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.binary(max_size=4),
).map(Thing._make)


@given(values, values)
def test_two_rows_have_two_checks(one, other):
    assume(one != other)
    assert THINGS.check(one) != THINGS.check(other)


@given(values, st.integers(0, 5), st.integers(0, 5))
def test_what_moves_from_one_column_to_the_next_shows(row, source, target):
    """The check is over the values with their lengths and types, not over their bytes in a row."""
    moved = list(row)
    moved[source], moved[target] = moved[target], moved[source]
    assume(tuple(moved) != tuple(row))
    assert THINGS.check(tuple(moved)) != THINGS.check(row)


@given(values)
def test_the_same_row_has_another_check_in_another_table(row):
    assert THINGS.check(row) != COMPACT.check(row)
    assert len(THINGS.check(row)) == CHECK_BYTES


def test_the_check_is_the_one_of_stored_files():
    """A vector, by `b2sum -l 64`: a later program must be able to read what an earlier one wrote."""
    encoded = b"thing\0" + b"\x96\xa1a\x01\xc4\x01s\xa4note\xcd\x01\x2c\xc4\x04body"
    assert blake2b(encoded, digest_size=CHECK_BYTES).hexdigest() == "f1f196980d3f0982"
    assert THINGS.check(FIRST).hex() == "f1f196980d3f0982"


@pytest.mark.parametrize("value", [None, "text", 7, 7.5, b"bytes", "\udcff"])
def test_a_stored_value_of_any_type_fits_or_does_not(value):
    """A decayed header makes another type of a value; no error of its own may come of it."""
    stored = (*FIRST[:3], value, *FIRST[4:], THINGS.check(FIRST))
    assert THINGS.fits(stored) is False
    assert THINGS.fits((*FIRST, value)) is False


@pytest.mark.parametrize("place", range(CHECK_BYTES))
def test_every_byte_of_a_check_counts(place):
    check = bytearray(THINGS.check(FIRST))
    assert THINGS.fits((*FIRST, bytes(check)))
    check[place] ^= 0x10
    assert not THINGS.fits((*FIRST, bytes(check)))
    assert not THINGS.fits((*FIRST, bytes(check[:place])))
