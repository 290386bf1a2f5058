"""Whereabouts: moves across prefectures end the same in any order and after any crash."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jukinet.feed.link import START, Batch, Item, follow, stream_name
from jukinet.index import people, whereabouts
from jukinet.index.generations import Generations
from jukinet.index.people import Person
from jukinet.index.whereabouts import Left, Whereabout
from jukinet.keys.sign import SigningKey
from jukinet.law.notice import SealedNotice
from jukinet.nodes.centre import shelves
from jukinet.nodes.centre.intake import Intake
from jukinet.nodes.centre.releasing import Releasing
from jukinet.nodes.centre.shelves import Shelves
from jukinet.nodes.message import CENTRE
from jukinet.store.engine import Store
from support import (
    CHIYODA,
    NOON,
    SAPPORO_CHUO,
    SAPPORO_KITA,
    SHINJUKU,
    TAGS,
    YOKOHAMA_TSURUMI,
    centre_ring,
    directory_of,
    memory,
    town_ring,
)
from test_people import locator, notice

TOWNS = [CHIYODA, SHINJUKU, SAPPORO_CHUO, SAPPORO_KITA, YOKOHAMA_TSURUMI]
CENTRE_RING = centre_ring(TOWNS)
RINGS = {town: town_ring(CENTRE_RING, town) for town in TOWNS}
DIRECTORY = directory_of(TOWNS, CENTRE_RING, RINGS)


# --- one table --------------------------------------------------------------------------------


@pytest.fixture
def nation(store):
    with store.begin() as tx:
        tx.create(*whereabouts.METADATA.sorted_tables)
    return store


def move(store, prefecture: str, *versions: tuple[int, int]) -> tuple[Left, ...]:
    with store.begin() as tx:
        found = whereabouts.moves(tx, prefecture, [(locator(n), v) for n, v in versions])
        whereabouts.note(tx, found)
    return found.left


def where(store, person: int = 1) -> tuple[int, str]:
    with store.begin() as tx:
        return whereabouts.WHEREABOUTS.get(tx, locator(person))[1:]


def test_a_first_state_stands_where_it_was_told(nation):
    assert move(nation, "13", (1, 5)) == ()
    assert where(nation) == (5, "13")


def test_a_newer_state_in_the_same_prefecture_moves_nobody(nation):
    move(nation, "13", (1, 5))
    assert move(nation, "13", (1, 7)) == ()
    assert move(nation, "13", (1, 6)) == ()
    assert where(nation) == (7, "13")


def test_a_newer_state_elsewhere_has_the_last_prefecture_told(nation):
    move(nation, "13", (1, 5))
    assert move(nation, "01", (1, 6)) == (Left("13", locator(1), 6, "01"),)
    assert where(nation) == (6, "01")


def test_an_older_state_that_comes_late_is_told_where_the_newer_one_stands(nation):
    move(nation, "13", (1, 5))
    assert move(nation, "01", (1, 4)) == (Left("01", locator(1), 5, "13"),)
    assert where(nation) == (5, "13")


@pytest.mark.parametrize("order", [("13", "01"), ("01", "13")])
def test_of_two_as_new_the_lower_prefecture_stands(nation, order):
    for prefecture in order:
        left = move(nation, prefecture, (1, 5))
    assert left == (Left("13", locator(1), 5, "01"),)
    assert where(nation) == (5, "01")


def test_of_one_person_in_a_batch_only_the_newest_counts(nation):
    move(nation, "13", (1, 5), (1, 9), (1, 7), (2, 1))
    assert where(nation) == (9, "13")
    assert where(nation, 2) == (1, "13")


def test_nothing_is_written_before_those_whom_it_concerns_were_told(nation):
    move(nation, "13", (1, 5))
    with nation.begin() as tx:
        first = whereabouts.moves(tx, "01", [(locator(1), 6)])
        assert whereabouts.moves(tx, "01", [(locator(1), 6)]) == first
        assert first.rows == (Whereabout(locator(1), 6, "01"),)
    assert where(nation) == (5, "13")


# --- the whole centre -------------------------------------------------------------------------


def released() -> Releasing:
    """The keys of the tags, as the keepers have opened them."""
    found = Releasing.__new__(Releasing)
    found._keys = {town[:2]: TAGS[town[:2]] for town in TOWNS}
    return found


class Killed(Exception):
    """The process is killed at a commit."""


class Centre:
    """The centre's intake over stores in memory, killed at any of its commits."""

    def __init__(self) -> None:
        self.shelves = Shelves(
            prefectures={town[:2]: memory(*shelves.PREFECTURE) for town in TOWNS},
            national=memory(*shelves.NATIONAL),
            chains=memory(*shelves.CHAINS),
        )
        self.intake = Intake(
            self.shelves, CENTRE_RING, DIRECTORY, released(), Generations(self.shelves.national)
        )
        self.commits_left = -1
        for store in self.stores:
            store.commit = self.commit

    @property
    def stores(self) -> list[Store]:
        return [*self.shelves.prefectures.values(), self.shelves.national, self.shelves.chains]

    def commit(self, driver) -> None:
        """A commit that comes about, or the process is killed just before it."""
        if self.commits_left == 0:
            raise Killed
        self.commits_left -= 1
        driver.commit()

    def receive(self, batch: Batch, commits: int) -> None:
        """Take a batch in; where the process is killed after some commits, begin again with it."""
        self.commits_left = commits
        try:
            self.intake.receive(batch.stream.partition(">")[0], batch, NOON + timedelta(days=1))
        except Killed:
            self.commits_left = -1
            self.intake = Intake(
                self.shelves, CENTRE_RING, DIRECTORY, released(), Generations(self.shelves.national)
            )
            self.intake.receive(batch.stream.partition(">")[0], batch, NOON + timedelta(days=2))
        self.commits_left = -1

    def close(self) -> None:
        for store in self.stores:
            store.close()


def batch_of(town: str, told: list[SealedNotice], first: int, last: int) -> Batch:
    """Some items of a town's feed."""
    items = [Item(kind="notice", body=msgspec.msgpack.encode(one)) for one in told]
    stream = stream_name(town, CENTRE)
    link = follow(stream, 1, START, items[:last])[-1]
    batch = Batch(stream=stream, first=first, items=tuple(items[first - 1 : last]), link=link)
    signature = SigningKey(RINGS[town].signing).sign(batch.signed)
    return msgspec.structs.replace(batch, signature=signature)


events = st.lists(
    st.tuples(st.sampled_from(TOWNS), st.integers(1, 2), st.integers(0, 5)),
    min_size=1,
    max_size=14,
)


def deliver(centre: Centre, events: list, data) -> None:
    """All towns' feeds, in batches of any size, in any order of towns, with kills and repeats."""
    feeds: dict[str, list[SealedNotice]] = {}
    for town, person, version in events:
        feeds.setdefault(town, []).append(notice(town, person, version))
    done = dict.fromkeys(feeds, 0)
    while waiting := sorted(town for town in feeds if done[town] < len(feeds[town])):
        town = data.draw(st.sampled_from(waiting))
        first = data.draw(st.integers(1, done[town] + 1))
        last = data.draw(st.integers(done[town] + 1, len(feeds[town])))
        commits = data.draw(st.integers(-1, 8))
        centre.receive(batch_of(town, feeds[town], first, last), commits)
        done[town] = last


@given(events, st.data())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_in_any_order_with_any_kill_everybody_points_to_the_newest_state(events, data):
    check_moves(events, data)


@pytest.mark.long
@given(events, st.data())
@settings(deadline=None, max_examples=10_000, suppress_health_check=[HealthCheck.too_slow])
def test_in_any_order_with_any_kill_everybody_points_to_the_newest_state_for_long(events, data):
    check_moves(events, data)


def check_moves(events: list, data) -> None:
    centre = Centre()
    deliver(centre, events, data)
    for person in {person for _, person, _ in events}:
        states = {(-v, town[:2], town) for town, one, v in events if one == person}
        version, prefecture, town = min(states)
        with centre.shelves.national.begin() as tx:
            row = whereabouts.WHEREABOUTS.get(tx, locator(person))
        assert row == Whereabout(locator(person), -version, prefecture)
        for other, store in centre.shelves.prefectures.items():
            with store.begin() as tx:
                found = people.found(tx, other, locator(person))
            if other not in {where for _, where, _ in states}:
                assert found is None
            elif other == prefecture:
                assert found == Person(other, locator(person), -version, town, "")
            else:
                assert (found.gone_to, found.town) == (prefecture, "")
    centre.close()


def test_whoever_moved_twice_is_found_from_the_first_place_at_once():
    """An old handle leads to one prefecture, and from there it is one step and not two."""
    centre = Centre()
    for town, version in ((CHIYODA, 1), (SAPPORO_CHUO, 2), (YOKOHAMA_TSURUMI, 3)):
        centre.receive(batch_of(town, [notice(town, 1, version)], 1, 1), -1)
    gone = {}
    for prefecture, store in centre.shelves.prefectures.items():
        with store.begin() as tx:
            gone[prefecture] = people.found(tx, prefecture, locator(1)).gone_to
    centre.close()
    assert gone == {"13": "14", "01": "14", "14": ""}
