"""A mass change: counted first, approved by two, throttled, and each person's code changed once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from tests.nation import Crash, Nation
from tests.support import CHIYODA, DAY, NOON, SHINJUKU, Town, address, entrant, filed, unlocked
from tests.test_pools import dying
from tests.towns import items, notices

from jukinet.cli.common import now
from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.law import notification as law
from jukinet.law.notice import Reason
from jukinet.nodes.message import NotFiled
from jukinet.numbers import resident_code
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.register import book, codes, mass_change
from jukinet.tasks import code_changes
from jukinet.tasks.network import open_network
from jukinet.tasks.verifying import verify

INCIDENT = "名簿の盗難"


@pytest.fixture
def town():
    """Five people: one protected, one about to leave, and a pool that suffices."""
    town = Town(pool=900)
    for _ in range(5):
        town.household()
    until = DAY + timedelta(days=90)
    town.accept(
        law.MeasureRequest(filed=filed(), persons=(2,), step=law.MeasureStep.BEGIN, until=until)
    )
    town.accept(
        law.MoveOut(
            filed=filed(DAY + timedelta(days=3), DAY),
            persons=(3,),
            destination=MunicipalityCode(SHINJUKU),
        )
    )
    return town


def approved(town, stated=None, officials=("佐藤", "鈴木")):
    standing = None
    for official in officials:
        standing = town.node.mass_changes.approve(INCIDENT, stated, official, town.now)
    return standing


def go_on(town, number, count=50):
    return town.node.mass_changes.go_on(number, count, town.now)


def codes_of(town):
    with town.store.begin() as tx:
        return {kept.record.number: kept.record.code for kept in book.everybody(tx)}


def states(town, number):
    with town.store.begin() as tx:
        found = mass_change.standing(tx, number)
    return {state: getattr(found, state) for state in mass_change.STATES if getattr(found, state)}


# --- before it begins -----------------------------------------------------------------------------


def test_a_preview_counts_and_writes_nothing(town):
    with town.store.begin() as tx:
        before = mass_change.PLANS.count(tx), book.ENTRIES.count(tx)
    found = town.node.mass_changes.preview(None, town.now)
    assert (found.persons, found.protected, found.moving_out, found.not_here) == (5, 1, 1, 0)
    with town.store.begin() as tx:
        assert (mass_change.PLANS.count(tx), book.ENTRIES.count(tx)) == before


def test_a_preview_of_a_list_counts_whom_it_does_not_find(town):
    stated = [codes_of(town)[1], codes_of(town)[4], resident_code.complete("0000000001")]
    found = town.node.mass_changes.preview(stated, town.now)
    assert (found.persons, found.not_here) == (2, 1)


def test_a_preview_says_how_many_codes_are_to_be_asked_for(town):
    with town.store.begin() as tx:
        spare = codes.free(tx, 890)
        codes.hold(tx, [codes.Bearer(one.code, one.individual_number, 99) for one in spare])
    found = town.node.mass_changes.preview(None, town.now)
    assert found.codes_to_ask_for == 5 + codes.LOW - found.codes_free


@pytest.mark.parametrize(
    "officials",
    [
        pytest.param((), id="nobody"),
        pytest.param(("佐藤",), id="one"),
        pytest.param(("佐藤", "佐藤"), id="one, twice"),
        pytest.param(("Sato Hana", "  SATO   hana "), id="one, written otherwise"),
    ],
)
def test_without_the_approval_of_two_nothing_is_changed(town, officials):
    before = codes_of(town)
    approved(town, officials=officials)
    number = town.node.mass_changes.number_of(INCIDENT, None)
    with pytest.raises(Refused, match="approval of 2 officials"):
        go_on(town, number)
    assert codes_of(town) == before


@pytest.mark.parametrize("official", ["", "  ", "佐" * 61, "a\x00b"])
def test_an_official_has_a_name(town, official):
    with pytest.raises(Malformed, match="official"):
        approved(town, officials=(official,))


@pytest.mark.parametrize("incident", ["", "x" * 501, "a\x07"])
def test_an_incident_is_said_in_words(town, incident):
    with pytest.raises(Malformed, match="incident"):
        town.node.mass_changes.number_of(incident, None)


def test_a_plan_is_of_those_whom_the_first_official_saw(town):
    approved(town, officials=("佐藤",))
    town.household()
    standing = approved(town, officials=("鈴木",))
    assert standing.persons == 5
    go_on(town, standing.number)
    assert states(town, standing.number) == {"changed": 5}


def test_a_plan_to_which_somebody_was_added_is_not_approved(town):
    standing = approved(town, officials=("佐藤",))
    (six,) = town.household()
    with town.store.begin() as tx:
        more = mass_change.Planned(standing.number, six, "", mass_change.WAITING, "")
        mass_change.PERSONS.add(tx, more)
    with pytest.raises(Refused, match="not those that were fixed"):
        approved(town, officials=("鈴木",))


def test_where_nobody_is_concerned_there_is_no_plan(town):
    with pytest.raises(Refused, match="nothing to change"):
        approved(town, [resident_code.complete("0000000001")])


def test_a_desk_cannot_file_under_a_mass_changes_number(town):
    reply = town.file(law.CodeChange(filed=filed(number="mass/x/1"), person=1))
    assert isinstance(reply, NotFiled)
    assert reply.malformed


# --- doing it -------------------------------------------------------------------------------------


def test_everybody_has_another_code_and_no_former_one_is_anybodys_again(town):
    before = codes_of(town)
    standing = approved(town)
    done = go_on(town, standing.number)
    after = codes_of(town)
    assert (done.done, done.left, done.short) == (5, 0, False)
    assert not set(before.values()) & set(after.values())
    with town.store.begin() as tx:
        for person, code in before.items():
            row = codes.CODES.get(tx, code.digits)
            assert (row.state, row.person) == (codes.FORMER, person)
            assert codes.formerly(tx, person) == [code]
    for _ in range(20):
        town.household()
    assert not set(before.values()) & set(codes_of(town).values())


def test_each_notice_says_that_the_code_was_changed_ex_officio(town):
    count = len(notices(town))
    standing = approved(town)
    go_on(town, standing.number)
    told = notices(town)[count:]
    assert [one.notice.reason for one in told] == [Reason.EX_OFFICIO_CODE] * 5
    assert [one.notice.person.code for one in told] == list(codes_of(town).values())


def test_the_words_of_the_incident_stay_in_the_town(town):
    standing = approved(town)
    go_on(town, standing.number)
    assert not [item for item in items(town) if INCIDENT.encode() in item.body]


def test_a_change_goes_on_in_groups(town):
    standing = approved(town)
    assert [go_on(town, standing.number, 2).left for _ in range(3)] == [3, 1, 0]
    assert states(town, standing.number) == {"changed": 5}
    again = go_on(town, standing.number)
    assert (again.done, again.left) == (0, 0)


def test_a_list_concerns_those_who_bear_its_codes_and_nobody_else(town):
    before = codes_of(town)
    standing = approved(town, [before[1], before[4]])
    go_on(town, standing.number)
    after = codes_of(town)
    assert [person for person in before if before[person] != after[person]] == [1, 4]


def test_who_has_had_another_code_since_is_left_with_it(town):
    standing = approved(town)
    town.accept(law.CodeChange(filed=filed(), person=1))
    mine = codes_of(town)[1]
    go_on(town, standing.number)
    assert codes_of(town)[1] == mine
    assert states(town, standing.number) == {"changed": 4, "since": 1}


def test_who_is_gone_is_left_alone(town):
    standing = approved(town)
    town.accept(law.Death(filed=filed(), person=4))
    before = codes_of(town)[4]
    go_on(town, standing.number)
    assert codes_of(town)[4] == before
    assert states(town, standing.number) == {"changed": 4, "gone": 1}


def test_a_pool_that_is_short_keeps_codes_for_the_newborn(town):
    standing = approved(town)
    with town.store.begin() as tx:
        spare = codes.free(tx, codes.level(tx) - 104)
        codes.hold(tx, [codes.Bearer(one.code, one.individual_number, 99) for one in spare])
    done = go_on(town, standing.number)
    assert (done.done, done.left, done.short) == (0, 5, True)
    town.household()


def test_a_commit_that_fails_leaves_nobody_changed(town):
    standing = approved(town)
    before = codes_of(town)
    with dying(1, "before"), pytest.raises(Crash):
        go_on(town, standing.number)
    assert codes_of(town) == before
    assert states(town, standing.number) == {"waiting": 5}
    go_on(town, standing.number)
    assert states(town, standing.number) == {"changed": 5}


# --- over the line, with its letters --------------------------------------------------------------


class Both:
    """What a task needs of a network, over a nation in memory."""

    def __init__(self, nation: Nation) -> None:
        self.line, self.towns, self.centre = nation.line, nation.towns, nation.centre
        self.directory = nation.directory


def quiet(_what, _done, _total) -> None:
    pass


def carried_out(nation, number, waited=None, **more):
    wait = (waited if waited is not None else []).append
    return code_changes.carry_out(
        Both(nation), nation.towns[CHIYODA], number, wait=wait, progress=quiet, **more
    )


@pytest.fixture
def nation():
    nation = Nation((CHIYODA,), ())
    for _ in range(3):
        nation.enter(CHIYODA, entrant(), *[entrant("子")] * 39)
    return nation


def number_at(nation, officials=("A", "B")):
    for official in officials:
        standing = nation.towns[CHIYODA].mass_changes.approve(INCIDENT, None, official, NOON)
    return standing.number


def test_codes_are_asked_for_ahead_and_everybody_is_changed_and_told(nation):
    with nation.stores[CHIYODA].begin() as tx:
        spare = codes.free(tx, 700)
        codes.hold(tx, [codes.Bearer(one.code, one.individual_number, 9999) for one in spare])
    number = number_at(nation)
    told = nation.centre.notices_applied
    found = carried_out(nation, number)
    assert (found.changed, found.waiting, found.ended_on) == (120, 0, str(DAY))
    assert nation.centre.notices_applied == told + 120
    with nation.stores[CHIYODA].begin() as tx:
        assert codes.level(tx) >= codes.LOW


def test_a_change_waits_between_its_groups_as_its_throttle_says(nation):
    waited: list[float] = []
    carried_out(nation, number_at(nation), waited, a_second=10)
    assert waited == [5.0, 5.0]


def test_a_cut_line_holds_a_change_up_and_it_goes_on_when_the_line_is_back(nation, monkeypatch):
    monkeypatch.setattr(code_changes, "UNACKNOWLEDGED_MAX", 10)
    number = number_at(nation)
    nation.cut_off("centre")
    with pytest.raises(OutOfStep, match="goes on"):
        carried_out(nation, number)
    nation.back(nation.centre)
    nation.later(minutes=2)
    assert carried_out(nation, number).changed == 120


def test_without_approval_no_code_is_asked_for(nation):
    number = number_at(nation, officials=("A",))
    with pytest.raises(Refused, match="two officials"):
        carried_out(nation, number)


def test_whatever_commit_everything_dies_at_each_code_is_changed_once(nation):
    """Before and after each of the first commits of a change; then the same call goes on."""
    number = number_at(nation)
    for at in range(1, 9):
        for when in ("before", "after"):
            one = nation.copy()
            before = {row.person: row.code for row in _planned(one, number)}
            try:
                with dying(at, when):
                    carried_out(one, number)
            except Crash:
                one = one.crashed("everything")
            assert carried_out(one, number).changed == 120
            with one.stores[CHIYODA].begin() as tx:
                for person, code in before.items():
                    entries = book.entries_of(tx, person)
                    assert [entry.cause for entry in entries].count("code_change") == 1
                    assert codes.formerly(tx, person) == [resident_code.ResidentCode(code)]


def _planned(nation, number):
    with nation.stores[CHIYODA].begin() as tx:
        return [row for row in mass_change.PERSONS.everything(tx) if row.number == number]


# --- the list -------------------------------------------------------------------------------------


def test_a_list_is_read_as_people_write_it(tmp_path):
    file = tmp_path / "list"
    file.write_text("\ufeff12345-678903\n\n　０１２３４５６７８９２\n", encoding="utf-8")
    assert [code.digits for code in code_changes.read_list(file)] == ["12345678903", "01234567892"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(
            b"12345678903\n12345678904\n", "line 2: resident code: check digit", id="slip"
        ),
        pytest.param(b"\n \n", "names no code", id="nothing"),
        pytest.param(b"\xff\xfe", "cannot be read", id="no text"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_and_shows_no_code(tmp_path, content, sentence):
    file = tmp_path / "list"
    file.write_bytes(content)
    with pytest.raises(Malformed, match=sentence) as refused:
        code_changes.read_list(file)
    assert "1234567890" not in str(refused.value)


# --- kill -9 --------------------------------------------------------------------------------------

DRIVER = """
import os, signal, sys
from jukinet.store.engine import Store
from jukinet.cli import app

nth, when = int(sys.argv[1]), sys.argv[2]
count = 0
commit = Store.commit
def counted(self, driver):
    global count
    count += "/towns/" in self.url
    if count == nth and "/towns/" in self.url and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    commit(self, driver)
    if count == nth and "/towns/" in self.url:
        os.kill(os.getpid(), signal.SIGKILL)
Store.commit = counted
app(sys.argv[3:], result_action="return_value")
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A town of three hundred people, in a folder."""
    folder = tmp_path_factory.mktemp("mass") / "town"
    made = jukinet("town", "init", "--dir", folder, "--towns", CHIYODA)
    assert made.returncode == 0, made.stderr
    with open_network(unlocked(folder), now()) as network:
        today = network.line.now.date()
        for _ in range(6):
            form = law.ExOfficioEntry(
                filed=filed(today, today),
                entrants=(entrant(), *[entrant("子")] * 49),
                address=address(),
                household=None,
            )
            code_changes.file(network, network.towns[CHIYODA], form)
    return folder


def jukinet(*words):
    command = [sys.executable, "-m", "jukinet", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_killed_again_and_again_each_code_is_changed_once(built):
    words = ["code", "mass-change", str(built), "--town", CHIYODA, "--incident", INCIDENT]
    words += ["--per-second", "100000", "--json", "--official"]
    assert jukinet(*words, "佐藤").returncode == 0
    for nth, when in ((9, "after"), (12, "before"), (10, "after")):
        killed = subprocess.run(
            [sys.executable, "-c", DRIVER, str(nth), when, *words, "鈴木"],
            capture_output=True,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-500:]
    done = jukinet(*words, "鈴木")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["towns"]
    assert (found["changed"], found["waiting"]) == (300, 0)
    again = json.loads(jukinet(*words, "鈴木").stdout)["towns"][0]
    assert again["changed"] == 300
    with open_network(unlocked(built), now()) as network:
        node = network.towns[CHIYODA]
        with node.store.begin() as tx:
            for kept in book.everybody(tx):
                assert len(codes.formerly(tx, kept.record.number)) == 1
    report = verify(unlocked(built))
    assert report.ok, report.findings
