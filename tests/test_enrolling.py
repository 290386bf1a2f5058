"""Enrolment of a file: each row becomes a number and a handle, or a reason; it goes on when cut."""

import csv

import duckdb
import pytest
from tests.nation import Nation, search
from tests.support import CHIYODA, NOON, entrant, name

from jukinet.errors import Malformed
from jukinet.law.inquiry import ByHandle, Standing
from jukinet.law.leaf import BundleLeaf
from jukinet.tasks import enrolling
from jukinet.tasks.enrolling import enrol

NAMES = ("山田 花子", "佐藤 太郎", "鈴木 一郎", "高橋 次郎", "田中 三郎")
SECTOR = "pension/1-73"


@pytest.fixture(scope="module")
def base():
    nation = Nation((CHIYODA,), ("pension", "passport"))
    for one in NAMES:
        nation.enter(CHIYODA, entrant(name=name(one)))
    return nation


@pytest.fixture
def nation(base):
    return base.copy()


def table(path, *people):
    """A file of people, each by an id and a name."""
    with path.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["整理番号", "氏名", "生年月日", "住所地"])
        rows.writerows([one, who, "昭和55年5月5日", "千代田区"] for one, who in people)
    return path


def everybody(path):
    return table(path, *((f"P-{at}", one) for at, one in enumerate(NAMES)))


def enrolled(nation, file, agency="pension", row="1-73", **more):
    node = nation.agencies[agency]
    return enrol(node, nation.line, file, row=row, clock=lambda: NOON, **more)


def read(path):
    with path.open(encoding="utf-8", newline="") as content:
        return list(csv.reader(content))


def test_everybody_who_is_found_gets_the_number_that_the_affair_knows_and_a_handle(
    nation, tmp_path
):
    found = enrolled(nation, everybody(tmp_path / "people.csv"))
    assert (found.rows, found.enrolled, found.rejected, found.orders) == (5, 5, 0, 1)
    titles, *rows = read(tmp_path / "people.csv.enrolled.csv")
    assert titles == ["line", "id", "number", "handle"]
    assert [row[:2] for row in rows] == [[str(2 + at), f"P-{at}"] for at in range(5)]
    known = {one.number: one.handle.hex() for one in nation.agencies["pension"].subjects(SECTOR)}
    assert {row[2]: row[3] for row in rows} == known
    subject = ByHandle(handle=bytes.fromhex(rows[3][3]))
    assert nation.ask("pension", "1-73", "standing", subject).content.standing is Standing.RESIDENT
    assert not (tmp_path / "people.csv.rejects.csv").exists()
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "people.csv",
        "people.csv.enrolled.csv",
    ]


def test_orders_have_as_many_people_as_is_said_and_one_leaf_each(nation, tmp_path):
    before = len(nation.leaves())
    found = enrolled(nation, everybody(tmp_path / "people.csv"), at_once=2)
    assert found.orders == 3
    assert [leaf.count for leaf in nation.leaves()[before:] if isinstance(leaf, BundleLeaf)] == [
        2,
        2,
    ], "an order of one has a disclosure leaf"


def test_whoever_is_not_found_or_not_well_written_is_rejected_with_the_way_out(nation, tmp_path):
    file = table(
        tmp_path / "people.csv", ("1", NAMES[0]), ("2", "誰 もいない"), ("=3", "\u202e"), ("4", "")
    )
    found = enrolled(nation, file)
    assert (found.enrolled, found.rejected) == (1, 3)
    _, *rows = read(tmp_path / "people.csv.rejects.csv")
    assert [row[0] for row in rows] == ["3", "4", "5"]
    assert "proves nothing" in rows[0][2]
    assert all("誰" not in "".join(row) for row in rows)


def test_a_trial_asks_nothing_and_writes_the_rejects_alone(nation, tmp_path):
    before = nation.centre.ledger.log.size
    file = table(tmp_path / "people.csv", ("1", NAMES[0]), ("2", ""))
    found = enrolled(nation, file, dry_run=True)
    assert (found.enrolled, found.rejected, found.orders) == (1, 1, 0)
    assert nation.centre.ledger.log.size == before
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "people.csv",
        "people.csv.rejects.csv",
    ]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_what_was_stopped_goes_on_behind_the_last_answered_order(nation, tmp_path, monkeypatch, at):
    file, count = everybody(tmp_path / "people.csv"), 0
    asked = enrolling._asked

    def stopped(*more):
        nonlocal count
        count += 1
        if count - 1 == at:
            raise KeyboardInterrupt
        return asked(*more)

    monkeypatch.setattr(enrolling, "_asked", stopped)
    with pytest.raises(KeyboardInterrupt):
        enrolled(nation, file, at_once=2)
    found = enrolled(nation, file, at_once=2)
    assert found.before == (0 if at == 0 else 1 + 2 * at)
    _, *rows = read(tmp_path / "people.csv.enrolled.csv")
    assert [row[1] for row in rows] == [f"P-{n}" for n in range(5)]
    assert len({row[2] for row in rows}) == 5


def test_what_was_written_beyond_the_mark_is_written_again(nation, tmp_path, monkeypatch):
    file = everybody(tmp_path / "people.csv")
    replace = enrolling.os.replace
    monkeypatch.setattr(enrolling.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        enrolled(nation, file, at_once=2)
    monkeypatch.setattr(enrolling.os, "replace", replace)
    enrolled(nation, file, at_once=2)
    assert len(read(tmp_path / "people.csv.enrolled.csv")) == 6


def test_a_parquet_file_is_read_like_a_table(nation, tmp_path):
    file = tmp_path / "people.parquet"
    duckdb.execute(
        "COPY (SELECT 'A-1' AS id, '山田 花子' AS name, DATE '1980-05-05' AS birth, "
        f"'{CHIYODA}' AS place) TO '{file}' (FORMAT parquet)"
    )
    assert enrolled(nation, file).enrolled == 1
    assert read(tmp_path / "people.parquet.enrolled.csv")[1][:2] == ["1", "A-1"]


def test_an_affair_that_only_compares_enrols_by_comparing(nation, tmp_path):
    found = enrolled(nation, everybody(tmp_path / "people.csv"), agency="passport", row="1-32")
    assert found.enrolled == 5
    assert len(nation.agencies["passport"].subjects("passport/1-32")) == 5


@pytest.mark.parametrize(
    ("row", "says"),
    [("1-40", "has no such row"), ("1-999", "has no such row")],
)
def test_a_row_that_is_not_the_agencys_is_refused_before_anything_is_read(
    nation, tmp_path, row, says
):
    with pytest.raises(Malformed, match=says):
        enrolled(nation, tmp_path / "nothing.csv", row=row)


def test_a_file_without_the_needed_columns_is_refused(nation, tmp_path):
    (tmp_path / "people.csv").write_text("氏名,住所地\n山田 花子,千代田区\n", encoding="utf-8")
    with pytest.raises(Malformed, match="生年月日"):
        enrolled(nation, tmp_path / "people.csv")
    (tmp_path / "people.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(Malformed, match="no Parquet"):
        enrolled(nation, tmp_path / "people.parquet")


def test_a_person_of_a_file_does_not_print_itself(base):
    subject = search(base.record(CHIYODA, 1))
    assert repr(enrolling.Person(2, "P-1", subject)) == "<Person>"
