"""Who asked about me? A year of Hanako Yamada's, as she, her town, and two agencies live it.

Read it from top to bottom; each test goes on where the one before ended.
"""

from datetime import date, datetime, timedelta

import pytest
from tests.nation import Nation, claim, search
from tests.support import CHIYODA, JST, SAPPORO_CHUO, entrant, name

from jukinet.client.statement import parse_view_key, statement
from jukinet.law.identity import Item
from jukinet.law.inquiry import ByHandle, Standing, Verdict
from jukinet.names import legal

SPRING = datetime(2026, 4, 1, 10, tzinfo=JST)


class Year:
    """What everybody has in hand as the year goes on."""

    nation: Nation
    person: int  # her record at Chiyoda
    key: bytes  # the file with her view key
    handle: bytes  # what the pension service holds


@pytest.fixture(scope="module")
def year():
    found = Year()
    found.nation = Nation((CHIYODA, SAPPORO_CHUO), ("pension", "passport", "tax"), now=SPRING)
    return found


def asked(year, key=None):
    """What her statement says: who, as whom, under which row, of which kind."""
    found = statement(parse_view_key(key or year.key), year.nation.mirror())
    return [
        (one.body.agency, one.body.official, one.body.row, one.body.kind) for one in found.entries
    ]


def test_1_she_is_entered_and_takes_her_view_key_home(year):
    (year.person,) = year.nation.enter(CHIYODA, entrant(name=name("渡邊 花子", "ワタナベ ハナコ")))
    year.key = year.nation.view_key(CHIYODA, year.person).encode()
    assert asked(year) == []


def test_2_the_pension_service_asks_whether_she_lives(year):
    """It writes her name another way, and learns one word, a number of its own, and a handle."""
    record = year.nation.record(CHIYODA, year.person)
    content = year.nation.ask(
        "pension",
        "1-73",
        "standing",
        search(record, name=legal.parse("渡辺花子")),
        official="P-12",
    ).content
    assert content.standing is Standing.RESIDENT
    assert content.items == {}
    year.handle = content.handle
    assert asked(year) == [("pension", "P-12", "1-73", "standing")]


def test_3_the_passport_office_compares_what_she_wrote_in_her_application(year):
    record = year.nation.record(CHIYODA, year.person)
    wrote = claim(record, Item.NAME, Item.BIRTH_DATE, Item.SEX, Item.ADDRESS)
    content = year.nation.ask(
        "passport", "1-32", "confirm", search(record), claim=wrote, official="V-3"
    ).content
    assert content.verdict is Verdict.SAME
    assert content.items == {}
    assert asked(year)[1:] == [("passport", "V-3", "1-32", "confirm")]


def test_4_a_curious_official_asks_under_a_row_that_is_not_the_offices(year):
    """He is refused; the refusal is public, and she is none the wiser, as nothing was opened."""
    record = year.nation.record(CHIYODA, year.person)
    before = asked(year)
    outcome = year.nation.ask("tax", "1-73", "standing", search(record), official="T-1")
    assert outcome.rule == "not-your-row"
    assert year.nation.leaves()[-1].rule == "not-your-row"
    assert asked(year) == before


def test_5_and_asks_by_name_whether_she_is_at_another_town(year):
    """A question under his own row about a place where she is not: nobody, and not on her list."""
    record = year.nation.record(CHIYODA, year.person)
    before = asked(year)
    outcome = year.nation.ask(
        "tax", "1-40", "standing", search(record, place=SAPPORO_CHUO), official="T-1"
    )
    assert outcome.content.standing is Standing.UNKNOWN
    assert asked(year) == before


def test_6_she_moves_to_sapporo_and_the_pension_service_asks_again(year):
    """The handle of spring opens in autumn, in another prefecture; the number is the same."""
    year.nation.line.until(SPRING + timedelta(days=150))
    there = year.nation.move(year.person, CHIYODA, SAPPORO_CHUO)
    content = year.nation.ask(
        "pension", "1-73", "items", ByHandle(handle=year.handle), official="P-40"
    ).content
    assert content.items == {
        Item.ADDRESS: (SAPPORO_CHUO, "1000001", "千代田", "2番2号", ""),
    }
    assert asked(year)[2:] == [("pension", "P-40", "1-73", "items")]
    year.person = there


def test_7_she_has_to_hide(year):
    """From the day of the measure, she is nobody: to agencies, and to whoever has her old key."""
    old_key = year.key
    record = year.nation.record(SAPPORO_CHUO, year.person)
    year.nation.hide(SAPPORO_CHUO, year.person)
    known = asked(year, old_key)
    for subject in (search(record), search(record, place=CHIYODA), ByHandle(handle=year.handle)):
        outcome = year.nation.ask("pension", "1-73", "items", subject)
        content = outcome.content
        assert (content.standing, content.items) == (Standing.UNKNOWN, {})
        assert (outcome.number, content.handle) == ("", b"")
    assert asked(year, old_key) == known, "the old key ends here"
    year.key = year.nation.view_key(SAPPORO_CHUO, year.person).encode()
    assert len(asked(year)) == 3, "hers shows that she was asked about in hiding"


def test_8_a_year_later_she_can_still_prove_who_asked(year):
    """From the public files alone, on another machine, each entry with its proof."""
    year.nation.line.until(SPRING + timedelta(days=365))
    mirror = year.nation.mirror()
    found = statement(parse_view_key(year.key), mirror)
    assert found.size == year.nation.centre.ledger.log.size
    assert [entry.leaf.time[:10] for entry in found.entries] == ["2026-08-29"] * 3
    assert all(entry.proof.startswith(b"c2sp.org/tlog-proof@v1") for entry in found.entries)
    assert (
        date.fromisoformat(found.entries[0].leaf.time[:10]) == (SPRING + timedelta(days=150)).date()
    )
