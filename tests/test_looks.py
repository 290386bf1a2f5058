"""Looks: a record is shown only after the look is written down, and no look can be taken away."""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from jukinet.errors import OutOfStep, Refused
from jukinet.law.leaf import JAPAN
from jukinet.nodes import municipality
from jukinet.nodes.looking import Looking
from jukinet.register import looks
from jukinet.register.finding import Question
from jukinet.register.looks import Screen
from jukinet.store.engine import open_store
from jukinet.store.migrate import migrate
from jukinet.tasks.verifying.findings import Findings
from jukinet.tasks.verifying.looks import check_looks
from jukinet.tasks.verifying.stores import Shelf

NOON = datetime(2026, 4, 1, 12, tzinfo=JAPAN)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "town.db"


@pytest.fixture
def store(path):
    opened = open_store(path)
    migrate(opened, Path(municipality.__file__).parent / "migrations" / "town")
    yield opened
    opened.close()


def noted(store, *persons):
    with store.begin() as tx:
        looks.note(tx, persons, at=NOON, official="official-1", screen=Screen.RECORD)


def rows(store):
    with store.begin() as tx:
        return list(looks.LOOKS.everything(tx))


def findings_of(path):
    findings = Findings()
    with closing(sqlite3.connect(path)) as connection:
        check_looks(Shelf("town", connection, findings))
    return [str(one) for one in findings.report().findings]


def test_looks_are_numbered_and_each_follows_from_the_one_before(store, path):
    noted(store, 7, 8)
    noted(store, 7)
    assert [(row.number, row.person) for row in rows(store)] == [(1, 7), (2, 8), (3, 7)]
    with store.begin() as tx:
        assert looks.broken(tx) is None
        assert [row.number for row in looks.looks_at(tx, 7)] == [3, 1]
    assert findings_of(path) == []


@pytest.mark.parametrize("gone", [1, 2])
def test_a_look_that_was_taken_out_is_missed(store, path, gone):
    noted(store, 7, 8, 9)
    with store.begin() as tx:
        looks.LOOKS.remove(tx, gone)
        assert looks.broken(tx) is not None
    store.close()
    assert len(findings_of(path)) == 1


def test_a_look_that_was_written_over_is_noticed(store, path):
    noted(store, 7, 8, 9)
    row = rows(store)[1]
    with store.begin() as tx:
        looks.LOOKS.put(tx, row._replace(person=70))  # with a fitting check, by whoever can
        assert looks.broken(tx) == 2
    store.close()
    assert len(findings_of(path)) == 1


def test_a_look_at_nobody_is_written_down_and_nothing_is_shown(store):
    looking = Looking(store, "official-1", NOON)
    with pytest.raises(Refused, match="none of that number"):
        looking.look(7)
    assert looking.find(Question(name="山田")).records == ()
    assert [(row.person, row.screen) for row in rows(store)] == [(7, "record"), (0, "search")]


def test_where_the_look_cannot_be_written_nothing_is_shown(store):
    with store.begin() as tx:
        tx.execute("DROP TABLE look")
    with pytest.raises(OutOfStep):
        Looking(store, "official-1", NOON + timedelta(days=1)).find(Question(name="山田"))


def test_a_look_shows_nobody_when_it_is_printed(store):
    noted(store, 7)
    assert repr(rows(store)[0]) == "<LookRow>"
    assert repr(Question(name="山田")) == "<Question>"
