"""Sector numbers and handles: one person, another name for every agency."""

from datetime import date, timedelta
from itertools import combinations
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.nation import KEEPER_RING, Nation, search
from tests.support import CHIYODA, SAPPORO_CHUO, chance

from jukinet.disclosure.pseudonyms import (
    HANDLE_BYTES,
    HANDLE_DAYS,
    MAC_BYTES,
    check_handle,
    fresh_handle,
    meant,
    sector_context,
    sector_number,
)
from jukinet.errors import Damaged, Refused
from jukinet.keys import crockford
from jukinet.law.inquiry import ByHandle
from jukinet.law.schedule import load
from jukinet.nodes.agency import ASKED, SUBJECTS
from jukinet.nodes.keyring import sector_number_key, sector_opening

DAY = date(2026, 4, 1)
DOOR = b"d" * 32
LOCATOR = bytes(range(16))
SECTORS = sorted(grant.sector for grant in load().grants.values())
PENSION, TAX = "pension/1-73", "tax/1-39"


def handle(sector=PENSION, locator=LOCATOR, prefecture="13", on=DAY, door=DOOR):
    key = sector_opening(KEEPER_RING, sector).public
    return fresh_handle(key, door, sector, locator=locator, prefecture=prefecture, on=on)


def opened(sector, sealed):
    return sector_opening(KEEPER_RING, sector).open(sealed, context=sector_context(sector))


def number(sector, root):
    return sector_number(sector_number_key(KEEPER_RING, sector), sector, root)


# --- numbers -------------------------------------------------------------------------------------


@given(st.binary(min_size=16, max_size=16))
def test_a_person_has_another_number_in_every_sector_and_the_same_one_each_time(root):
    numbers = {sector: number(sector, root) for sector in SECTORS}
    assert len(set(numbers.values())) == len(SECTORS)
    assert numbers == {sector: number(sector, root) for sector in SECTORS}


def test_a_number_is_what_a_person_can_read_out():
    written = number(PENSION, bytes(16))
    assert crockford.parse(written)
    assert len(written.replace("-", "")) == 21


@given(st.data())
def test_two_people_have_two_numbers(data):
    roots = data.draw(st.lists(st.binary(min_size=16, max_size=16), min_size=2, unique=True))
    assert len({number(PENSION, root) for root in roots}) == len(roots)


def test_numbers_of_two_sectors_have_nothing_in_common():
    """Neither a character more often than chance has it, nor the order of the people."""
    draw = chance("roots")
    roots = [draw(16) for _ in range(400)]
    one, other = (
        [number(sector, root).replace("-", "") for root in roots] for sector in (PENSION, TAX)
    )
    alike = sum(a == b for a, b in zip("".join(one), "".join(other), strict=True))
    assert 0.8 < alike * 32 / len("".join(one)) < 1.2
    ordered = [(one[i] < one[j]) == (other[i] < other[j]) for i, j in combinations(range(100), 2)]
    assert 0.4 < sum(ordered) / len(ordered) < 0.6


# --- handles -------------------------------------------------------------------------------------


@given(st.binary(min_size=16, max_size=16), st.integers(1, 47))
def test_a_handle_opens_to_whom_it_was_made_for(locator, prefecture):
    made = handle(locator=locator, prefecture=f"{prefecture:02}")
    assert len(made) == HANDLE_BYTES
    found = meant(opened(PENSION, check_handle(DOOR, PENSION, made)), DAY)
    assert (found.locator, found.prefecture) == (locator, f"{prefecture:02}")
    assert found.expires == DAY + timedelta(days=HANDLE_DAYS)


def test_two_handles_for_one_person_have_nothing_in_common():
    one, other = handle(), handle()
    assert one[:32] != other[:32]
    assert sum(a == b for a, b in zip(one, other, strict=True)) < 8


def test_a_handle_shows_nobody():
    assert LOCATOR not in handle()
    assert repr(meant(opened(PENSION, handle()[:-MAC_BYTES]), DAY)) == "<Meant>"


@pytest.mark.parametrize("sector", [one for one in SECTORS if one != PENSION])
def test_another_sectors_handle_is_refused_and_does_not_open(sector):
    made = handle()
    with pytest.raises(Refused) as refused:
        check_handle(DOOR, sector, made)
    assert refused.value.rule == "not-your-handle"
    with pytest.raises(Damaged):
        opened(sector, made[:-MAC_BYTES])


@given(st.integers(0, HANDLE_BYTES * 8 - 1))
def test_a_handle_with_a_changed_bit_is_refused(bit):
    made = bytearray(handle())
    made[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Refused, match="not given to you"):
        check_handle(DOOR, PENSION, bytes(made))


@given(st.binary(max_size=200))
def test_a_made_up_handle_is_refused(made):
    with pytest.raises(Refused, match="not given to you"):
        check_handle(DOOR, PENSION, made)


def test_a_handle_of_another_door_is_refused():
    with pytest.raises(Refused, match="not given to you"):
        check_handle(b"e" * 32, PENSION, handle())


@pytest.mark.parametrize(
    ("on", "expired"),
    [
        pytest.param(DAY, False, id="the day it is given"),
        pytest.param(DAY + timedelta(days=HANDLE_DAYS), False, id="the last day"),
        pytest.param(DAY + timedelta(days=HANDLE_DAYS + 1), True, id="the day after"),
    ],
)
def test_a_handle_lasts_thirteen_months(on, expired):
    inside = opened(PENSION, handle()[:-MAC_BYTES])
    if not expired:
        assert meant(inside, on).locator == LOCATOR
        return
    with pytest.raises(Refused) as refused:
        meant(inside, on)
    assert refused.value.rule == "handle-expired"


@pytest.mark.parametrize("inside", [b"", bytes(21), bytes(23), bytes(32)])
def test_what_opens_to_something_else_is_refused(inside):
    with pytest.raises(Refused) as refused:
        meant(inside, DAY)
    assert refused.value.rule == "handle-not-opened"


def test_a_handle_for_more_than_a_place_has_no_room():
    assert 32 + 16 + len(LOCATOR + pack(">HI", 13, 1)) + MAC_BYTES == HANDLE_BYTES


# --- two agencies --------------------------------------------------------------------------------


def test_what_two_agencies_hold_of_one_person_cannot_be_joined():
    """Their numbers, handles and receipts differ; only the columns that both asked for agree."""
    nation = Nation((CHIYODA,), ("pension", "tax"))
    records = [nation.record(CHIYODA, nation.enter(CHIYODA)[0])]
    held = {}
    for name, row in (("pension", "1-77"), ("tax", "1-39")):
        outcome = nation.ask(name, row, "items", search(records[0]))
        with nation.stores[name].begin() as tx:
            held[name] = agency_rows(tx)
        assert outcome.content.number
    numbers = {name: {row.number for row in subjects} for name, (subjects, _) in held.items()}
    assert not numbers["pension"] & numbers["tax"]
    entries = {name: {row.entry for row in asked} for name, (_, asked) in held.items()}
    assert not entries["pension"] & entries["tax"]


def agency_rows(tx):
    return list(SUBJECTS.everything(tx)), list(ASKED.everything(tx))


def test_an_agency_finds_the_same_number_by_search_by_handle_and_after_a_move():
    nation = Nation((CHIYODA, SAPPORO_CHUO), ("pension",))
    (person,) = nation.enter(CHIYODA)
    record = nation.record(CHIYODA, person)
    first = nation.ask("pension", "1-73", "items", search(record)).content
    by_handle = nation.ask("pension", "1-73", "items", ByHandle(handle=first.handle)).content
    nation.move(person, CHIYODA, SAPPORO_CHUO)
    moved = nation.ask("pension", "1-73", "items", ByHandle(handle=first.handle)).content
    assert first.number == by_handle.number == moved.number != ""
    assert len({first.handle, by_handle.handle, moved.handle}) == 3
    assert first.items != moved.items


def test_two_rows_of_one_agency_are_two_sectors():
    nation = Nation((CHIYODA,), ("pension",))
    record = nation.record(CHIYODA, nation.enter(CHIYODA)[0])
    one = nation.ask("pension", "1-73", "standing", search(record)).content
    other = nation.ask("pension", "1-78", "standing", search(record)).content
    assert one.number != other.number
    refused = nation.ask("pension", "1-78", "standing", ByHandle(handle=one.handle))
    assert refused.rule == "not-your-handle"
