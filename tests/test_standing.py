"""Standing rows: what is new or wider counts after thirty days, for everybody; what is less, at once."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.nation import Nation, search
from tests.support import CHIYODA, DAY, NOON

from jukinet.client.lies import Lie
from jukinet.errors import Refused
from jukinet.law.identity import Item
from jukinet.law.leaf import (
    JAPAN,
    DisclosureLeaf,
    GrantLeaf,
    RefusalLeaf,
    ReleaseLeaf,
    RunLeaf,
)
from jukinet.law.schedule import Kind, Schedule, load
from jukinet.law.standing import NOTICE_DAYS, StandingRows, same_row, wider

ROW = "1-41"  # tax: standing and items, address, may be kept back
GRANT = load()[ROW]
COUNTS = DAY + timedelta(days=NOTICE_DAYS)


def written(*, without=(), **rows) -> Schedule:
    """The schedules with other rows, by table and row: `written(row_1_41=...)`."""
    changed = {row.removeprefix("row_").replace("_", "-"): grant for row, grant in rows.items()}
    grants = {**load().grants, **changed}
    return Schedule(
        receivers=load().receivers,
        grants={row: grant for row, grant in grants.items() if row not in without},
    )


def stood(now=NOON, *grants) -> StandingRows:
    """A log with its founding rows, in which somebody has asked."""
    rows = StandingRows()
    for number, grant in enumerate(grants or (GRANT,)):
        rows.take(number, rows.announced(load(), grant, now))
    rows.founded()
    return rows


def announce(rows: StandingRows, grant, now=NOON, **changed) -> GrantLeaf:
    leaf = replace(rows.announced(written(), grant, now), **changed)
    rows.take(len(list(rows.history())), leaf)
    return leaf


# --- the days ------------------------------------------------------------------------------------


def test_what_stands_before_anybody_asks_counts_at_once():
    rows = StandingRows()
    leaf = announce(rows, GRANT)
    assert leaf.counts_from == str(DAY)
    assert rows.in_effect(ROW, DAY) == leaf
    assert rows.in_effect(ROW, DAY - timedelta(days=1)) is None


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(
            RefusalLeaf(
                time="2026-04-01T03:00:00Z",
                agency="tax",
                row="9-9",
                kind="items",
                rule="no-such-row",
                commitment="0" * 64,
                inquiry=None,
            ),
            id="even a question that is refused",
        ),
        pytest.param(
            DisclosureLeaf(
                time="2026-04-01T03:00:00Z",
                agency="tax",
                row=ROW,
                kind="standing",
                items=(),
                count=1,
                labels=("0" * 32,),
                commitment="0" * 64,
                inquiry=None,
            ),
            id="a disclosure",
        ),
    ],
)
def test_the_first_question_ends_the_founding(asked):
    rows = StandingRows()
    rows.take(0, asked)
    assert announce(rows, GRANT).counts_from == str(COUNTS)


@pytest.mark.parametrize(
    ("time", "from_"),
    [
        pytest.param("2026-04-01T03:00:00Z", "2026-05-01", id="noon"),
        pytest.param("2026-04-01T14:59:59Z", "2026-05-01", id="a second before midnight in Japan"),
        pytest.param("2026-04-01T15:00:00Z", "2026-05-02", id="midnight in Japan"),
        pytest.param("2026-03-31T15:00:00Z", "2026-05-01", id="the day before, in Greenwich"),
    ],
)
def test_a_new_row_counts_after_thirty_days_of_japan(time, from_):
    rows = stood(datetime(2026, 3, 1, tzinfo=UTC), load()["1-73"])
    leaf = announce(rows, GRANT, datetime.fromisoformat(time))
    assert leaf.counts_from == from_
    first = date.fromisoformat(from_)
    assert rows.in_effect(ROW, first - timedelta(days=1)) is None
    assert rows.in_effect(ROW, first) == leaf


def test_a_leaf_that_makes_a_new_row_count_a_day_early_is_refused():
    rows = stood(NOON, load()["1-73"])
    early = str(COUNTS - timedelta(days=1))
    with pytest.raises(Refused, match="30 days after its leaf"):
        announce(rows, GRANT, counts_from=early)
    assert rows.newest(ROW) is None
    announce(rows, GRANT, counts_from=str(COUNTS))


# --- wider, narrower -----------------------------------------------------------------------------

WIDER = [
    pytest.param({"items": GRANT.items | {Item.NAME}}, id="an item more"),
    pytest.param({"kinds": GRANT.kinds | {Kind.CHANGES}}, id="a kind more"),
    pytest.param({"deferral_days": 181}, id="kept back for a day more"),
    pytest.param({"valid_from": date(2018, 3, 31)}, id="in force a day earlier"),
    pytest.param({"valid_to": date(2031, 1, 1)}, id="in force a day longer"),
    pytest.param({"valid_to": None}, id="without a last day"),
    pytest.param({"receiver": "pension"}, id="another receiver's"),
    pytest.param({"affair": "another affair"}, id="for another affair"),
    pytest.param({"affair_ja": "別の事務"}, id="for another affair, in Japanese"),
    pytest.param(
        {"items": frozenset({Item.NAME}), "deferral_days": 0}, id="less here and more there"
    ),
]
NARROWER = [
    pytest.param({"items": frozenset(), "kinds": {Kind.STANDING}}, id="an item less"),
    pytest.param({"kinds": frozenset({Kind.ITEMS})}, id="a kind less"),
    pytest.param({"deferral_days": 179}, id="kept back for a day less"),
    pytest.param({"valid_from": date(2026, 6, 1)}, id="in force later"),
    pytest.param({"valid_to": date(2026, 6, 1)}, id="in force shorter"),
    pytest.param({"ordinance_item": "41(2)"}, id="under another item of the ordinance"),
]
LASTING = replace(GRANT, valid_to=date(2030, 12, 31))


@pytest.mark.parametrize("change", WIDER)
def test_a_row_that_allows_more_counts_after_thirty_days_and_as_before_until_then(change):
    rows = stood(NOON, LASTING)
    before = rows.newest(ROW)
    leaf = announce(rows, replace(LASTING, **change))
    assert leaf.counts_from == str(COUNTS)
    assert rows.in_effect(ROW, COUNTS - timedelta(days=1)) == before
    assert rows.in_effect(ROW, COUNTS) == leaf


@pytest.mark.parametrize("change", NARROWER)
def test_a_row_that_allows_less_counts_at_once(change):
    rows = stood(NOON, LASTING)
    leaf = announce(rows, replace(LASTING, **change))
    assert leaf.counts_from == str(DAY)
    assert rows.in_effect(ROW, DAY) == leaf


def test_a_row_that_ends_ends_at_once_and_begins_again_after_thirty_days():
    rows = stood()
    rows.take(1, rows.ended(ROW, NOON))
    assert rows.in_effect(ROW, DAY).valid_to == str(DAY)
    assert rows.standing(NOON) == []
    assert announce(rows, GRANT).counts_from == str(COUNTS)


def test_what_was_taken_back_must_wait_again():
    rows = stood()
    announce(rows, replace(GRANT, kinds=frozenset({Kind.STANDING}), items=frozenset()))
    assert announce(rows, GRANT).counts_from == str(COUNTS)


# --- a row that waits, and is changed meanwhile ---------------------------------------------------

MORE = replace(GRANT, items=GRANT.items | {Item.NAME, Item.SEX})
LESS_MORE = replace(GRANT, items=GRANT.items | {Item.NAME})
MOST = replace(GRANT, items=frozenset(Item))
TENTH = NOON + timedelta(days=9)


def test_a_row_that_waits_lends_its_width_to_none_before_its_day():
    """What is narrower than a row that does not count yet can still be wider than what counts."""
    rows = stood()
    announce(rows, MORE)
    leaf = announce(rows, LESS_MORE, TENTH)
    assert leaf.counts_from == str(COUNTS)
    assert rows.in_effect(ROW, COUNTS - timedelta(days=1)).items == ("address",)
    assert rows.in_effect(ROW, COUNTS) == leaf


def test_what_a_later_leaf_does_not_repeat_never_counts():
    rows = stood()
    announce(rows, MORE)
    announce(rows, GRANT, TENTH)
    assert rows.in_effect(ROW, COUNTS).items == ("address",)


def test_what_is_wider_than_a_row_that_waits_begins_its_own_thirty_days():
    rows = stood()
    announce(rows, MORE)
    leaf = announce(rows, MOST, TENTH)
    assert leaf.counts_from == str(COUNTS + timedelta(days=9))
    assert rows.in_effect(ROW, COUNTS).items == ("address",)


def permitted(leaf: GrantLeaf | None, day: date) -> set[tuple[str, ...]]:
    """Every single thing that a row allows on a day."""
    if leaf is None or not leaf.valid_from <= str(day) < (leaf.valid_to or "9999"):
        return set()
    whose = (leaf.receiver, leaf.affair)
    kept = [("kept back", str(days)) for days in range(leaf.deferral_days + 1)]
    every = [*kept, *(("item", one) for one in leaf.items), *(("kind", one) for one in leaf.kinds)]
    return {(*whose, *one) for one in every}


a_grant = st.builds(
    replace,
    st.just(GRANT),
    items=st.frozensets(st.sampled_from([*Item]), min_size=1),
    kinds=st.frozensets(st.sampled_from([*Kind]), min_size=1),
    deferral_days=st.integers(0, 2),
    affair=st.sampled_from(["one affair", "another"]),
    valid_to=st.sampled_from([None, DAY + timedelta(days=50), DAY + timedelta(days=70)]),
)


@given(st.lists(st.tuples(st.integers(0, 40), st.one_of(st.none(), a_grant)), max_size=7))
def test_nothing_is_allowed_that_has_not_stood_for_thirty_days(steps):
    """But for what counts already: a permission that is new on a day has stood in every leaf of
    the row for thirty days, whatever was announced, taken back or ended in between.
    """
    rows, now = stood(), NOON
    for days, grant in steps:
        now += timedelta(days=days)
        if grant is not None:
            announce(rows, grant, now)
        elif rows.standing(now):
            rows.take(len(list(rows.history())), rows.ended(ROW, now))
    before = permitted(rows.in_effect(ROW, DAY), DAY)
    for day in (DAY + timedelta(days=number) for number in range(1, 330)):
        allowed = permitted(rows.in_effect(ROW, day), day)
        for one in allowed - before:
            assert stands_since(rows, one, day) <= day - timedelta(days=NOTICE_DAYS)
        before = allowed


def stands_since(rows: StandingRows, permission, day: date) -> date:
    """Since when every leaf of the row, to the day before, has had a permission."""
    since = day
    for _, leaf in reversed(list(rows.history())):
        said = datetime.fromisoformat(leaf.time).astimezone(JAPAN).date()
        if said >= day:
            continue
        if permission not in permitted(leaf, day):
            break
        since = said
    return since


@given(a_grant, a_grant)
def test_of_two_rows_that_differ_one_is_wider(one, other):
    rows = StandingRows()
    first, second = (rows.announced(load(), grant, NOON) for grant in (one, other))
    assert wider(first, second) or wider(second, first) or same_row(first, second)


# --- the whole nation ----------------------------------------------------------------------------

NEW = replace(load()["1-73"], row=500, affair="something new", affair_ja="新しい事務")


@pytest.fixture(scope="module")
def base():
    """A nation in which somebody has asked."""
    nation = Nation((CHIYODA,), ("pension", "tax"))
    (person,) = nation.enter(CHIYODA)
    record = nation.record(CHIYODA, person)
    nation.ask("pension", "1-73", "standing", search(record))
    return nation, record


@pytest.fixture
def somebody(base):
    return base[0].copy(), base[1]


def rows_of(nation, row) -> list[GrantLeaf]:
    return [leaf for leaf in nation.leaves() if isinstance(leaf, GrantLeaf) and leaf.row == row]


def test_the_log_begins_with_every_row_and_key(base):
    nation, _ = base
    founding = nation.leaves()[: len(load().grants)]
    assert [leaf.row for leaf in founding] == [*load().grants]
    assert {leaf.counts_from for leaf in founding} == {str(DAY)}
    keys = [leaf for leaf in nation.leaves() if leaf.__struct_config__.tag == "key"]
    offices = [key.office for key in keys]
    assert (offices.count("agency"), offices.count("keepers"), offices.count("witnesses")) == (
        len(load().receivers),
        1,
        1,
    )


def test_a_restart_without_a_change_announces_nothing(somebody):
    nation, _ = somebody
    size = nation.centre.ledger.log.size
    assert [type(leaf) for leaf in nation.restarted().leaves()[size:]] == [ReleaseLeaf]


def test_a_changed_schedule_is_announced_once_however_often_it_comes_up(somebody):
    nation, _ = somebody
    nation = nation.restarted(written(row_1_500=NEW))
    assert [leaf.counts_from for leaf in rows_of(nation, "1-500")] == [str(COUNTS)]
    size = nation.centre.ledger.log.size
    for _ in range(3):
        nation = nation.restarted()
        nation.later(days=1)
    assert len(rows_of(nation, "1-500")) == 1
    runs = 1  # of the first day; the others had no news but that the centre came up
    fresh = [leaf for leaf in nation.leaves()[size:] if not isinstance(leaf, ReleaseLeaf)]
    assert [type(leaf) for leaf in fresh] == [RunLeaf] * (runs + 2)
    nation.audited()


def test_a_new_row_is_refused_at_the_door_until_its_day_and_answered_from_then_on(somebody):
    nation, record = somebody
    nation = nation.restarted(written(row_1_500=NEW))
    outcome = nation.ask("pension", "1-500", "standing", search(record))
    assert outcome.rule == "notice-period"
    assert f"counts from {COUNTS} on" in outcome.refused
    nation.later(days=NOTICE_DAYS - 1)
    assert nation.today == COUNTS - timedelta(days=1)
    nation.later(hours=11, minutes=59)
    assert nation.ask("pension", "1-500", "standing", search(record)).rule == "notice-period"
    nation.later(minutes=1)
    assert nation.ask("pension", "1-500", "standing", search(record)).content is not None
    nation.audited()


WIDENED = {  # what is asked that only the wider row allows
    "a kind more": ({"kinds": GRANT.kinds | {Kind.CHANGES}}, "tax", {"kind": Kind.CHANGES}),
    "an item more": (
        {"items": GRANT.items | {Item.NAME}},
        "tax",
        {"kind": Kind.ITEMS, "items": frozenset({Item.NAME})},
    ),
    "kept back for longer": (
        {"deferral_days": 200},
        "tax",
        {"kind": Kind.ITEMS, "defer_to": DAY + timedelta(days=190)},
    ),
    "another receiver": ({"receiver": "pension"}, "pension", {"kind": Kind.ITEMS}),
    "another affair": ({"affair": "another affair"}, "tax", {"kind": Kind.ITEMS}),
}


@pytest.mark.parametrize("how", WIDENED)
def test_what_only_a_widened_row_allows_is_refused_until_its_day(somebody, how):
    nation, record = somebody
    change, asker, question = WIDENED[how]
    nation = nation.restarted(written(row_1_41=replace(GRANT, **change)))
    asked = {"subject": search(record), **question}
    assert nation.ask(asker, ROW, **asked).rule == "notice-period"
    nation.later(days=NOTICE_DAYS)
    assert nation.ask(asker, ROW, **asked).content is not None
    nation.audited()


def test_a_row_whose_last_day_is_put_off_ends_on_the_old_day_until_the_new_one_counts(base):
    _, record = base
    ends = DAY + timedelta(days=3)
    nation = Nation((CHIYODA,), ("tax",), schedule=written(row_1_41=replace(GRANT, valid_to=ends)))
    nation.enter(CHIYODA)
    assert nation.ask("tax", ROW, "items", search(record)).content is not None
    nation = nation.restarted(written(row_1_41=GRANT))
    nation.later(days=3)
    assert nation.ask("tax", ROW, "items", search(record)).rule == "notice-period"
    nation.later(days=NOTICE_DAYS - 3)
    assert nation.ask("tax", ROW, "items", search(record)).content is not None
    nation.audited()


def test_what_a_widened_row_allowed_before_is_answered_meanwhile(somebody):
    nation, record = somebody
    nation = nation.restarted(written(row_1_41=MORE))
    address = frozenset({Item.ADDRESS})
    assert nation.ask("tax", ROW, "items", search(record), items=address).content is not None


def test_a_row_that_allows_less_is_less_at_once(somebody):
    nation, record = somebody
    less = replace(GRANT, kinds=frozenset({Kind.STANDING}), items=frozenset())
    nation = nation.restarted(written(row_1_41=less))
    address = frozenset({Item.ADDRESS})
    outcome = nation.ask("tax", ROW, "items", search(record), items=address)
    assert outcome.rule == "kind-not-allowed"
    assert [leaf.counts_from for leaf in rows_of(nation, ROW)] == [str(DAY)] * 2


def test_a_row_that_is_written_no_more_ends_in_the_log_too(somebody):
    nation, record = somebody
    nation = nation.restarted(written(without=[ROW]))
    assert rows_of(nation, ROW)[-1].valid_to == str(DAY)
    assert nation.ask("tax", ROW, "standing", search(record)).rule == "no-such-row"
    assert len(rows_of(nation.restarted(), ROW)) == 2
    nation = nation.restarted(load())
    assert rows_of(nation, ROW)[-1].counts_from == str(COUNTS)
    assert nation.ask("tax", ROW, "standing", search(record)).rule == "notice-period"
    nation.audited()


@pytest.mark.parametrize("row", ["1-500", ROW])
def test_a_row_that_is_taken_back_while_it_waits_never_counts(somebody, row):
    nation, record = somebody
    wider_rows = written(row_1_500=NEW, row_1_41=MORE)
    nation = nation.restarted(wider_rows)
    nation.later(days=3)
    nation = nation.restarted(written(without=[ROW]))
    nation = nation.restarted()
    nation.later(days=NOTICE_DAYS)
    today = nation.today
    assert permitted(nation.centre.ledger.noted.rows.in_effect(row, today), today) == set()
    asker = "tax" if row == ROW else "pension"
    assert nation.ask(asker, row, "standing", search(record)).rule == "no-such-row"
    nation.audited()


# --- a centre that lies --------------------------------------------------------------------------


class Lenient(StandingRows):
    """Rows that count as soon as they stand, and those that stand nowhere, too."""

    def in_effect(self, row, day):
        return super().newest(row)


def lies(nation, rows: StandingRows) -> None:
    """From now on the centre goes by other rows than the log's."""
    for index, leaf in enumerate(nation.leaves()):
        if isinstance(leaf, GrantLeaf):
            rows.take(index, leaf)
        elif isinstance(leaf, RefusalLeaf | DisclosureLeaf):
            rows.founded()
    nation.centre.ledger.noted.rows = rows


def test_an_answer_under_a_row_that_does_not_count_yet_is_not_believed(somebody):
    nation, record = somebody
    nation = nation.restarted(written(row_1_500=NEW))
    lies(nation, Lenient())
    question = nation.question("pension", "1-500", "standing", search(record))
    nation.line.post(question)
    nation.line.run()
    agency = nation.agencies["pension"]
    assert agency.outcomes == []
    assert agency.waiting == 1
    (reason,) = agency.distrusted
    assert "row 1-500 does not count yet" in reason
    with pytest.raises(Lie, match="1-500 does not count yet"):
        nation.audited()


def test_an_answer_with_more_than_the_row_allows_yet_is_not_believed(somebody):
    nation, record = somebody
    nation = nation.restarted(written(row_1_41=MORE))
    lies(nation, Lenient())
    question = nation.question("tax", ROW, "items", search(record), items=frozenset({Item.NAME}))
    nation.line.post(question)
    nation.line.run()
    assert nation.agencies["tax"].outcomes == []
    (reason,) = nation.agencies["tax"].distrusted
    assert "does not allow all of these items" in reason


def test_rows_that_the_log_does_not_have_are_not_taken_from_a_centre(somebody):
    """Each row comes with the proof that it stands; one that does not changes none."""
    nation, record = somebody
    receipt = nation.centre.ledger.receipt
    nation.centre.ledger.receipt = lambda index: replace(
        receipt(index), leaf=receipt(index).leaf.replace(b'"kinds":["', b'"kinds":["confirm","')
    )
    nation.line.post(*nation.agencies["pension"].start(NOON))
    nation.line.run()
    (reason,) = nation.agencies["pension"].distrusted
    assert "proof" in reason
    nation.agencies["pension"].distrusted.clear()
    assert nation.ask("pension", "1-73", "standing", search(record)).content is not None
