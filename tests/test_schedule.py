"""Schedules: which rows there are, and what a row that is not well formed is told."""

from datetime import date
from importlib.resources import files

import pytest

from jukinet.errors import Malformed
from jukinet.law import leaf
from jukinet.law.identity import Item
from jukinet.law.schedule import AFFAIR_BYTES_MAX, Grant, Kind, load, parse
from jukinet.numbers import corporate_number

TEXT = files("jukinet.law").joinpath("schedule.toml").read_text(encoding="utf-8")
ROWS = sorted(load().grants.values(), key=lambda grant: (grant.table, grant.row))
RECEIVERS = list(load().receivers.values())

BODY = """
[[receiver]]
id = "pension"
name = "Pension"
name_ja = "年金"
corporate_number = "4011305001653"

[[receiver]]
id = "town"
name = "Towns"
name_ja = "市町村"
corporate_number = "8000020131016"
municipal = true

[[grant]]
table = 1
row = 73
ordinance_item = "76(1)"
affair = "that the payee lives"
affair_ja = "現況確認"
receiver = "pension"
items = ["address"]
kinds = ["standing", "items"]
valid_from = 2006-10-01
"""
GRANT = BODY[BODY.index("[[grant]]") :]


def test_the_small_schedule_of_these_tests_is_well_formed():
    assert parse(BODY)["1-73"].items == {Item.ADDRESS}


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        pytest.param("row = ", "schedule: ", id="no TOML"),
        pytest.param("", "[[receiver]] and [[grant]]", id="nothing"),
        pytest.param(BODY + "[other]\n", "and nothing else", id="another table"),
        pytest.param(BODY + GRANT, "row 1-73 stands twice", id="a row twice"),
        pytest.param(
            BODY[: BODY.index("[[grant]]")] * 2 + GRANT,
            "receiver pension stands twice",
            id="a receiver twice",
        ),
        pytest.param(
            BODY.replace('receiver = "pension"', 'receiver = "police"'),
            "row 1-73 names no receiver of the list",
            id="a receiver that is not there",
        ),
        pytest.param(
            BODY.replace("4011305001653", "4011305001654"),
            "receiver pension: corporate number: check digit",
            id="a corporate number with a wrong check digit",
        ),
        pytest.param(
            BODY.replace('id = "pension"', 'id = "Pension Service"'),
            "want an id of a-z and hyphens",
            id="an id that is none",
        ),
        pytest.param(
            BODY.replace('name_ja = "年金"', 'name_ja = ""'),
            "receiver pension: want its name in both languages",
            id="a receiver without its Japanese name",
        ),
        pytest.param(
            BODY.replace("table = 1", "table = 6"), "row 6-73: want table 1-5", id="table 6"
        ),
        pytest.param(BODY.replace("row = 73", "row = 0"), "row 1-0: want table 1-5", id="row 0"),
        pytest.param(
            BODY.replace('receiver = "pension"', 'receiver = "town"'),
            "row 1-73: Table 1 is for national bodies",
            id="a town in Table 1",
        ),
        pytest.param(
            BODY.replace("table = 1", "table = 2"),
            "row 2-73: Table 1 is for national bodies",
            id="a national body in Table 2",
        ),
        pytest.param(
            BODY.replace('["standing", "items"]', "[]"),
            "row 1-73 allows no kind of question",
            id="no kind",
        ),
        pytest.param(
            BODY.replace('["address"]', "[]"),
            "row 1-73: items, and a kind of question that needs them",
            id="a question about items, and none",
        ),
        pytest.param(
            BODY.replace('["standing", "items"]', '["standing"]'),
            "row 1-73: items, and a kind of question that needs them",
            id="an item that no question needs",
        ),
        pytest.param(
            BODY.replace('"address"', '"household"'), "row 1-73: Invalid enum", id="no such item"
        ),
        pytest.param(
            BODY.replace('"address"', '"code"'), "row 1-73: Invalid enum", id="the code as an item"
        ),
        pytest.param(
            BODY.replace('"standing"', '"list"'), "row 1-73: Invalid enum", id="no such kind"
        ),
        pytest.param(
            BODY.replace("2006-10-01", '"2006"'), "row 1-73: Invalid RFC3339", id="no day"
        ),
        pytest.param(
            BODY + "valid_to = 2006-10-01\n",
            "row 1-73: it ends before it is in force",
            id="never in force",
        ),
        pytest.param(
            BODY.replace('affair = "that the payee lives"', 'affair = ""'),
            "row 1-73: want its affair in both languages",
            id="no affair",
        ),
        pytest.param(
            BODY.replace("that the payee lives", "x" * (AFFAIR_BYTES_MAX + 1)),
            "row 1-73: want its affair in both languages",
            id="an affair that does not fit into a leaf's body",
        ),
        pytest.param(
            BODY + 'purpose = "any"\n', "row 1-73: Object contains unknown field", id="a new field"
        ),
        pytest.param(
            BODY.replace("ordinance_item", "ordinance"), "row 1-73: ", id="a field is missing"
        ),
    ],
)
def test_a_schedule_that_is_not_well_formed_is_refused_by_row_and_rule(wrong, names):
    with pytest.raises(Malformed) as refused:
        parse(wrong)
    assert names in str(refused.value)


def test_there_are_twenty_two_rows_of_all_five_tables():
    assert len(ROWS) == 22
    assert {grant.table for grant in ROWS} == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("receiver", RECEIVERS, ids=lambda one: one.id)
def test_a_receiver_has_a_corporate_number(receiver):
    assert corporate_number.parse(receiver.corporate_number).digits == receiver.corporate_number


@pytest.mark.parametrize("receiver", RECEIVERS, ids=lambda one: one.id)
def test_a_receiver_has_a_row(receiver):
    assert any(grant.receiver == receiver.id for grant in ROWS)


@pytest.mark.parametrize("grant", ROWS, ids=lambda one: one.id)
def test_a_row_is_well_formed(grant: Grant):
    assert grant.receiver in load().receivers
    assert grant.sector == f"{grant.receiver}/{grant.table}-{grant.row}"
    assert load()[grant.id] is grant
    assert grant.kinds
    assert grant.affair.isascii()
    assert any("\u3040" < letter < "\u9fff" for letter in grant.affair_ja)
    assert grant.valid_from >= date(2002, 8, 5), "the network's first day"


@pytest.mark.parametrize("grant", ROWS, ids=lambda one: one.id)
def test_a_row_never_allows_all_of_a_person(grant: Grant):
    """Every row of the samples that allows all four items is the passport's, which prints them."""
    assert grant.items < set(Item) or grant.receiver == "passport"


@pytest.mark.parametrize("grant", ROWS, ids=lambda one: one.id)
def test_the_largest_body_of_a_row_fits_beside_its_leaf(grant: Grant):
    body = leaf.Body(
        agency=grant.receiver,
        official="9" * 40,
        row=grant.id,
        affair=grant.affair.ljust(AFFAIR_BYTES_MAX, "."),
        kind=max((kind.value for kind in Kind), key=len),
        items=leaf.item_names(Item),
        subject="search",
        inquiry="f" * 64,
    )
    assert len(body.encode()) <= leaf.BODY_TEXT_MAX


def test_samples_are_marked():
    assert TEXT.count("# sample") == 3


@pytest.mark.parametrize(
    ("day", "in_force"),
    [
        pytest.param(date(2002, 12, 12), False, id="the day before the first"),
        pytest.param(date(2002, 12, 13), True, id="the first day"),
        pytest.param(date(2020, 3, 31), True, id="the last day"),
        pytest.param(date(2020, 4, 1), False, id="the day it has ended"),
    ],
)
def test_a_row_is_in_force_from_its_first_day_to_its_last(day, in_force):
    assert load()["1-91"].in_force(day) is in_force


def test_a_row_without_an_end_stays_in_force():
    assert load()["1-73"].in_force(date.max)
