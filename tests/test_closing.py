"""Closing: every label stands in its day's run, days in months, months in years, through every crash."""

import csv
from collections import Counter
from datetime import datetime, timedelta
from hashlib import sha256
from io import StringIO

import pytest
from tests.forgetful_disk import PowerCut
from tests.nation import Nation, search
from tests.support import CHIYODA, DAY, JST, SAPPORO_CHUO, entrant, name

from jukinet.law import statistics
from jukinet.law.inquiry import ByHandle
from jukinet.law.leaf import (
    BundleLeaf,
    DeferredLeaf,
    DisclosureLeaf,
    InquiryLeaf,
    RefusalLeaf,
    RunLeaf,
)
from jukinet.law.schedule import Kind
from jukinet.ledger.closing import run_folder
from jukinet.merkle import runs
from jukinet.merkle.runs import Absent, Found


@pytest.fixture(scope="module")
def base():
    """A nation on its first day, in which something of every kind has happened."""
    nation = Nation((CHIYODA, SAPPORO_CHUO), ("pension", "tax", "town-welfare"))
    people = [
        nation.enter(CHIYODA, entrant(name=name(one)))[0]
        for one in ("山田 花子", "佐藤 太郎", "鈴木 一郎")
    ]
    first = search(nation.record(CHIYODA, people[0]))
    handle = nation.ask("pension", "1-73", "standing", first).content.handle
    nation.ask("pension", "1-73", "standing", ByHandle(handle=handle))
    nation.ask("pension", "1-40", "standing", first)
    nation.ask("tax", "1-41", "items", first, defer_to=DAY + timedelta(days=40))
    nation.ask("town-welfare", "2-3", "standing", first)
    order(nation, people)
    return nation, people


@pytest.fixture
def nation(base):
    return base[0].copy()


def order(nation, people) -> None:
    subjects = [search(nation.record(CHIYODA, one)) for one in people]
    agency = nation.agencies["tax"]
    nation.line.post(
        agency.ask_many(row="1-40", kind=Kind.STANDING, subjects=subjects, now=nation.line.now)
    )
    nation.line.run()
    assert len(nation.outcomes("tax")) == len(people)


def news(nation, base, who=0) -> None:
    subject = search(nation.record(CHIYODA, base[1][who]))
    assert nation.ask("pension", "1-73", "standing", subject).content is not None


def until(nation, *day, hour=0) -> None:
    """The clocks show an hour of a day in Japan, and everything has followed."""
    nation.line.until(datetime(*day, hour, tzinfo=JST))
    nation.line.run()


def closed(nation, span=None) -> list[RunLeaf]:
    found = [leaf for leaf in nation.leaves() if isinstance(leaf, RunLeaf)]
    return [leaf for leaf in found if span in (None, leaf.span)]


def run_of(nation, leaf: RunLeaf) -> runs.Run:
    beside = nation.centre.ledger.log.beside
    folder, root = run_folder(leaf.name), bytes.fromhex(leaf.root)
    return runs.Run(beside, folder, count=leaf.count, root=root)


def labels(nation) -> list[tuple[bytes, int, int]]:
    """Every label of the log, with its leaf and its place there."""
    ledger = nation.centre.ledger
    return [
        (label, at, place)
        for at, leaf in enumerate(nation.leaves())
        for place, label in enumerate(ledger.labels(at, leaf))
    ]


def held_to_word(nation) -> None:
    """Days follow on one another, and each run holds the labels of its stretch and no others."""
    end = 0
    for leaf in closed(nation, "day"):
        assert leaf.first == end
        end = leaf.end
    for leaf in closed(nation):
        inside = [one for one in labels(nation) if leaf.first <= one[1] < leaf.end]
        assert [*run_of(nation, leaf).records()] == sorted(runs.pack(*one) for one in inside)
        assert leaf.count == len(inside)
    nation.audited()


# --- days --------------------------------------------------------------------------------------------


def test_a_day_is_closed_when_the_next_begins_in_japan_and_not_before(nation):
    size = nation.centre.ledger.log.size
    nation.later(hours=11, minutes=59, seconds=59)
    assert closed(nation) == []
    nation.later(seconds=1)
    (leaf,) = closed(nation)
    assert (leaf.span, leaf.name, leaf.first, leaf.end) == ("day", str(DAY), 0, size)
    assert nation.leaves()[-1] == leaf
    held_to_word(nation)


def test_days_follow_on_one_another_and_hold_every_label(nation, base):
    for day in range(2, 8):
        until(nation, 2026, 4, day, hour=9)
        news(nation, base, day % 3)
    until(nation, 2026, 4, 8)
    assert [leaf.name for leaf in closed(nation)] == [f"2026-04-0{day}" for day in range(1, 8)]
    ends = closed(nation)[-1].end
    assert {one[1] for one in labels(nation)} <= {*range(ends)}
    held_to_word(nation)


def test_a_day_without_news_has_no_run_and_that_one_was_made_is_none(nation, base):
    until(nation, 2026, 4, 5, hour=9)
    assert [leaf.name for leaf in closed(nation)] == ["2026-04-01"]
    news(nation, base)
    until(nation, 2026, 4, 9)
    assert [leaf.name for leaf in closed(nation)] == ["2026-04-01", "2026-04-05"]
    held_to_word(nation)


def test_what_is_written_as_the_day_begins_belongs_to_it(nation, base):
    nation.later(hours=11, minutes=59, seconds=59)
    subject = search(nation.record(CHIYODA, base[1][0]))
    asked = [nation.question("pension", "1-73", "standing", subject) for _ in range(2)]
    nation.line.post(asked[0])
    nation.line.run()
    nation.line.now += timedelta(seconds=1)
    nation.line.post(asked[1])
    nation.line.run()
    first, second = nation.outcomes("pension")
    (leaf,) = closed(nation)
    assert first.leaf < leaf.end <= second.leaf
    held_to_word(nation)


def test_a_label_of_a_bundle_is_in_the_run_and_one_that_stands_nowhere_is_not(nation):
    until(nation, 2026, 4, 2)
    ((at, bundle),) = [
        (at, leaf) for at, leaf in enumerate(nation.leaves()) if isinstance(leaf, BundleLeaf)
    ]
    run = run_of(nation, closed(nation)[0])
    mine = nation.centre.ledger.labels(at, bundle)
    assert len(mine) == 3
    for place, label in enumerate(mine):
        found = run.find(label)
        assert isinstance(found, Found)
        assert (runs.unpack(found.record).leaf, runs.unpack(found.record).position) == (at, place)
    assert isinstance(run.find(sha256(b"nowhere").digest()[:16]), Absent)


# --- months and years --------------------------------------------------------------------------------


def test_a_month_is_closed_over_its_days_when_it_is_over(nation, base):
    until(nation, 2026, 4, 30, hour=9)
    news(nation, base)
    assert closed(nation, "month") == []
    until(nation, 2026, 5, 1)
    (month,) = closed(nation, "month")
    days = closed(nation, "day")
    assert (month.name, month.first, month.end) == ("2026-04", days[0].first, days[-1].end)
    assert month.count == sum(leaf.count for leaf in days)
    until(nation, 2026, 5, 20)
    assert closed(nation, "month") == [month]
    held_to_word(nation)


def test_a_month_whose_last_day_had_no_news_is_closed_too(nation):
    until(nation, 2026, 5, 1)
    assert [leaf.name for leaf in closed(nation)] == ["2026-04-01", "2026-04"]
    held_to_word(nation)


def test_a_month_without_news_has_no_run(nation, base):
    until(nation, 2026, 7, 3, hour=9)
    news(nation, base)
    until(nation, 2026, 8, 1)
    # In May what had been kept back was opened.
    names = [leaf.name for leaf in closed(nation, "month")]
    assert names == ["2026-04", "2026-05", "2026-07"]
    held_to_word(nation)


def test_a_year_is_closed_over_its_months(nation, base):
    until(nation, 2026, 12, 30, hour=9)
    news(nation, base)
    assert closed(nation, "year") == []
    until(nation, 2027, 1, 1)
    (year,) = closed(nation, "year")
    months = closed(nation, "month")
    assert [leaf.name for leaf in months] == ["2026-04", "2026-05", "2026-12"]
    assert (year.name, year.first, year.end) == ("2026", 0, months[-1].end)
    until(nation, 2027, 1, 5, hour=9)
    news(nation, base)
    until(nation, 2027, 2, 1)
    assert len(closed(nation, "year")) == 1
    held_to_word(nation)


# --- statistics --------------------------------------------------------------------------------------


def recounted(nation, month: RunLeaf) -> bytes:
    """What the file should be, counted in another way."""
    columns = {InquiryLeaf: 0, DisclosureLeaf: 1, BundleLeaf: 1, DeferredLeaf: 2, RefusalLeaf: 3}
    counts: Counter = Counter()
    for leaf in nation.leaves()[month.first : month.end]:
        if type(leaf) in columns:
            key = (leaf.agency, leaf.row, leaf.kind)
            counts[key, columns[type(leaf)]] += getattr(leaf, "count", 1)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["month", "agency", "row", "kind", "inquiries", "disclosures", "deferred", "refusals"]
    )
    for key in sorted({key for key, _ in counts}):
        writer.writerow([month.name, *key, *(counts[key, column] for column in range(4))])
    return text.getvalue().encode()


def test_a_months_statistics_are_what_its_leaves_count_up_to(nation, base):
    until(nation, 2026, 4, 20, hour=9)
    order(nation, base[1] * 3)
    news(nation, base)
    until(nation, 2026, 5, 1)
    (month,) = closed(nation, "month")
    content = nation.centre.ledger.log.beside(statistics.path("2026-04"))
    assert content == recounted(nation, month)
    assert sha256(content).hexdigest() == month.statistics
    lines = content.decode().splitlines()[1:]
    assert "2026-04,municipal/13,table 2,standing,0,1,0,0" in lines
    assert "2026-04,pension,1-73,standing,1,3,0,0" in lines
    assert "2026-04,pension,1-40,standing,0,0,0,1" in lines
    assert "2026-04,tax,1-40,standing,0,12,0,0" in lines
    assert "2026-04,tax,1-41,items,0,0,1,0" in lines
    assert len(lines) == 5


def test_only_a_month_has_statistics(nation, base):
    until(nation, 2026, 12, 30, hour=9)
    news(nation, base)
    until(nation, 2027, 1, 1)
    assert {(leaf.span, leaf.statistics is None) for leaf in closed(nation)} == {
        ("day", True), ("month", False), ("year", True),
    }  # fmt: skip


# --- coming up again ---------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 3])
def test_a_restart_on_the_day_closes_nothing_before_its_end(nation, base, times):
    for _ in range(times):
        nation = nation.restarted()
        news(nation, base)
    assert closed(nation) == []
    until(nation, 2026, 4, 2)
    assert [leaf.name for leaf in closed(nation)] == ["2026-04-01"]
    held_to_word(nation)


def test_a_restart_after_a_quiet_day_does_not_close_today_as_yesterday(nation, base):
    until(nation, 2026, 4, 6, hour=9)
    news(nation, base)
    nation = nation.restarted()
    news(nation, base)
    assert [leaf.name for leaf in closed(nation)] == ["2026-04-01"]
    until(nation, 2026, 4, 7)
    assert [leaf.name for leaf in closed(nation)] == ["2026-04-01", "2026-04-06"]
    held_to_word(nation)


def test_a_restart_after_midnight_closes_nothing_twice(nation, base):
    until(nation, 2026, 5, 1)
    before = closed(nation)
    nation = nation.restarted().restarted()
    assert closed(nation) == before
    news(nation, base)
    until(nation, 2026, 5, 3)
    assert [leaf.name for leaf in closed(nation)] == ["2026-04-01", "2026-04", "2026-05-01"]
    held_to_word(nation)


def test_a_centre_that_was_down_over_the_end_of_a_month_closes_it_when_it_comes_up(nation, base):
    until(nation, 2026, 4, 29, hour=9)
    news(nation, base)
    nation.cut_off("centre")
    until(nation, 2026, 5, 3, hour=10)
    nation.cut = frozenset()
    nation = nation.restarted()
    assert [leaf.name for leaf in closed(nation)] == ["2026-04-01", "2026-04-29", "2026-04"]
    news(nation, base)
    until(nation, 2026, 5, 4)
    assert closed(nation)[-1].name == "2026-05-03"
    held_to_word(nation)


@pytest.mark.parametrize("quiet", [True, False])
@pytest.mark.parametrize(
    ("day", "next_day"),
    [
        pytest.param(30, "2026-05-01", id="the last of a month"),
        pytest.param(10, "2026-04-11", id="another"),
    ],
)
def test_what_is_taken_before_midnight_and_written_after_it_belongs_to_the_next_day(
    nation, base, quiet, day, next_day
):
    until(nation, 2026, 4, day, hour=23)
    if not quiet:
        news(nation, base)
    nation.later(minutes=59, seconds=59)
    subject = search(nation.record(CHIYODA, base[1][0]))
    nation.centre.step(nation.question("pension", "1-73", "standing", subject), nation.line.now)
    nation.later(seconds=1)
    (outcome,) = nation.outcomes("pension")
    assert nation.leaves()[outcome.leaf].time == f"2026-04-{day}T14:59:59Z"
    assert all(leaf.end <= outcome.leaf for leaf in closed(nation))
    days = [leaf.name for leaf in closed(nation, "day")]
    nation = nation.restarted()
    nation.later(days=1)
    # Where its own day has no run yet, and the month none, it may still be closed as that; then
    # the day on which the centre came up again is closed besides.
    names = ["2026-04-10", "2026-04-11"] if quiet and day == 10 else [next_day]
    assert [leaf.name for leaf in closed(nation, "day")] == [*days, *names]
    held_to_word(nation)


# --- crashes -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def last_day(base):
    """A minute before a month is over; day and month are closed in one group."""
    nation = base[0].copy()
    until(nation, 2026, 4, 30, hour=23)
    news(nation, base)
    nation.later(minutes=59)
    return nation


def operations(last_day) -> list[tuple]:
    nation = last_day.copy()
    nation.disk.trace.clear()
    nation.later(minutes=1)
    assert [leaf.name for leaf in closed(nation)[-2:]] == ["2026-04-30", "2026-04"]
    return list(nation.disk.trace)


@pytest.mark.parametrize("keeps", ["nothing", "everything", "some"])
@pytest.mark.parametrize("when", ["before", "middle", "after"])
def test_a_crash_at_any_step_of_the_disk_closes_day_and_month_once(last_day, base, keeps, when):
    trace = operations(last_day)
    assert any("runs/2026-04/" in str(one) for one in trace)
    assert any("statistics/" in str(one) for one in trace)
    for at in range(len(trace)):
        nation = last_day.copy()
        nation.disk.fail(at, when)
        with pytest.raises(PowerCut):
            nation.later(minutes=1)
        up = nation.crashed(keeps)
        up.later(minutes=5)
        names = [leaf.name for leaf in closed(up)]
        assert names == ["2026-04-01", "2026-04-30", "2026-04"]
        if at % 5 == 0:
            news(up, base)
            until(up, 2026, 5, 2)
            assert closed(up)[-1].name == "2026-05-01"
        held_to_word(up)


def test_a_disk_that_fails_once_closes_day_and_month_a_little_later(last_day, base):
    for at in range(0, len(operations(last_day)), 2):
        nation = last_day.copy()
        nation.disk.fail(at, "middle", OSError(28, "No space left on device"))
        nation.later(minutes=2)
        assert [leaf.name for leaf in closed(nation)] == ["2026-04-01", "2026-04-30", "2026-04"]
        news(nation, base)
        held_to_word(nation)


def test_what_comes_while_a_day_cannot_be_closed_is_not_lost_and_comes_after(last_day, base):
    nation = last_day.copy()
    nation.disk.fail(0, "before", OSError(28, "No space left on device"))
    nation.later(minutes=1)
    subject = search(nation.record(CHIYODA, base[1][0]))
    assert nation.ask("pension", "1-73", "standing", subject).rule == "rejected"
    nation.later(minutes=1)
    news(nation, base)
    assert [leaf.name for leaf in closed(nation)] == ["2026-04-01", "2026-04-30", "2026-04"]
    held_to_word(nation)


def test_a_day_is_closed_once_however_long_the_witnesses_are_silent(base):
    nation = Nation((CHIYODA,), ("pension",), witnesses=3, wanted=2)
    nation.enter(CHIYODA)
    nation.cut_off("witness.test/w0", "witness.test/w1")
    until(nation, 2026, 4, 2, hour=1)
    assert [leaf.name for leaf in closed(nation)] == ["2026-04-01"]
    nation.back(nation.witness(0))
    until(nation, 2026, 4, 2, hour=2)
    assert [leaf.name for leaf in closed(nation)] == ["2026-04-01"]
    held_to_word(nation)
