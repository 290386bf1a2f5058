"""People in the index: the newest state counts, whatever arrives first and however often."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jukinet.errors import OutOfStep
from jukinet.index import people
from jukinet.index.people import Arrived, Person, Residence
from jukinet.law.notice import PAYLOAD_BYTES, ChainStart, SealedNotice
from support import CHIYODA, SHINJUKU, memory

TOKYO = "13"
ADACHI = "131211"
AT = "2026-04-01T12:00:00+09:00"


def locator(n: int) -> bytes:
    return sha256(b"person %d" % n).digest()[:16]


def notice(
    town: str = CHIYODA, person: int = 1, version: int = 1000, live: bool = True, **more
) -> SealedNotice:
    told = f"{town} {person} {version} {live}".encode()
    fields = {
        "town": town,
        "locator": locator(person),
        "version": version,
        "live": live,
        "code_tag": sha256(b"code" + told).digest()[:16],
        "search_tags": tuple(sha256(b"%d" % n + told).digest()[:16] for n in range(4)),
        "payload": told.ljust(PAYLOAD_BYTES, b"."),
        "wrapped": told.ljust(80, b"."),
        "chain": None,
    }
    return SealedNotice(**{**fields, **more})


def arrived(one: SealedNotice, number: int = 1) -> Arrived:
    return Arrived(number, sha256(one.payload).digest(), one, one.search_tags)


def take_in(store, *notices: SealedNotice) -> list[Person]:
    with store.begin() as tx:
        return people.take_in(tx, TOKYO, [arrived(n, k) for k, n in enumerate(notices, 1)], AT)


def found(store, person: int = 1) -> Person | None:
    with store.begin() as tx:
        return people.found(tx, TOKYO, locator(person))


@pytest.fixture
def index(store):
    with store.begin() as tx:
        tx.create(*people.METADATA.sorted_tables)
    return store


# --- the newest state -------------------------------------------------------------------------


def test_a_first_notice_makes_a_person(index):
    assert take_in(index, notice(version=5)) == [Person(TOKYO, locator(1), 5, CHIYODA, "")]
    with index.begin() as tx:
        person = people.found(tx, TOKYO, locator(1))
        state, wrapped = people.state(tx, person)
        assert (state.version, state.town, state.live, state.received_at) == (5, CHIYODA, 1, AT)
        assert state.payload == notice(version=5).payload
        assert wrapped == notice(version=5).wrapped
        assert people.newest_here(tx, TOKYO, locator(1)) == (state, wrapped)
        assert people.history(tx, TOKYO, locator(1)) == [(state, wrapped)]


def test_a_notice_that_comes_again_makes_nobody_newer(index):
    assert len(take_in(index, notice(version=5))) == 1
    assert take_in(index, notice(version=5)) == []
    assert take_in(index, notice(version=4), notice(version=5)) == []


def test_a_late_deletion_by_the_former_town_does_not_remove_the_newer_record(index):
    take_in(index, notice(CHIYODA, version=1000))
    take_in(index, notice(SHINJUKU, version=2000))
    assert take_in(index, notice(CHIYODA, version=1001, live=False)) == []
    assert found(index) == Person(TOKYO, locator(1), 2000, SHINJUKU, "")
    with index.begin() as tx:
        assert people.newest_here(tx, TOKYO, locator(1)).state.live == 1
        versions = [one.state.version for one in people.history(tx, TOKYO, locator(1))]
        assert versions == [1000, 1001, 2000]
        (left,) = people.told_by(tx, TOKYO, CHIYODA)
        assert (left.version, left.live) == (1001, 0)


def test_of_several_notices_in_one_batch_the_newest_counts(index):
    batch = [notice(version=v) for v in (3, 7, 5)] + [notice(person=2, version=1)]
    newest = take_in(index, *batch)
    assert sorted((p.locator, p.version) for p in newest) == sorted(
        [(locator(1), 7), (locator(2), 1)]
    )
    assert found(index).version == 7


told = st.tuples(st.sampled_from([CHIYODA, SHINJUKU, ADACHI]), st.integers(1, 2), st.integers(0, 4))


@given(st.lists(told, min_size=1, max_size=12), st.data())
@settings(deadline=None)
def test_in_any_order_and_however_often_the_same_state_is_the_newest(events, data):
    """The highest version; of two towns with the same one, the one with the lower code."""
    notices = [notice(town, person, version) for town, person, version in events]
    order = data.draw(st.permutations(notices + notices[: data.draw(st.integers(0, 12))]))
    store = memory(people.METADATA)
    while order:
        size = data.draw(st.integers(1, 5))
        take_in(store, *order[:size])
        order = order[size:]
    for person in {person for _, person, _ in events}:
        mine = {(version, town) for town, one, version in events if one == person}
        version, town = min(mine, key=lambda one: (-one[0], one[1]))
        assert found(store, person) == Person(TOKYO, locator(person), version, town, "")
        with store.begin() as tx:
            history = people.history(tx, TOKYO, locator(person))
            newest = people.newest_here(tx, TOKYO, locator(person))
            assert people.state(tx, people.found(tx, TOKYO, locator(person))) == newest
        assert [(one.state.version, one.state.town) for one in history] == sorted(mine)
        assert (newest.state.version, newest.state.town) == (version, town)
    store.close()


def test_whoever_is_unknown_is_nobody(index):
    take_in(index, notice())
    with index.begin() as tx:
        assert people.found(tx, TOKYO, locator(2)) is None
        assert people.found(tx, "01", locator(1)) is None
        assert people.newest_here(tx, "01", locator(1)) is None
        assert people.history(tx, TOKYO, locator(2)) == []
        assert people.state(tx, Person(TOKYO, locator(1), 7, CHIYODA, "")) is None


def test_a_shredded_state_has_no_key(index):
    take_in(index, notice(version=5), notice(version=6))
    with index.begin() as tx:
        people.WRAPPED.remove(tx, TOKYO, locator(1), 5, CHIYODA)
        keys = [one.wrapped for one in people.history(tx, TOKYO, locator(1))]
    assert keys == [b"", notice(version=6).wrapped]


# --- who has gone -----------------------------------------------------------------------------


def gone(store, *news: tuple[int, int, str]) -> Person | None:
    with store.begin() as tx:
        people.forward(tx, TOKYO, [(locator(n), version, where) for n, version, where in news])
    return found(store)


def test_whoever_has_gone_points_to_the_prefecture_that_has_the_newer_state(index):
    take_in(index, notice(version=5))
    away = Person(TOKYO, locator(1), 6, "", "01")
    assert gone(index, (1, 6, "01")) == away
    assert gone(index, (1, 6, "01")) == away
    assert gone(index, (1, 5, "14")) == away
    with index.begin() as tx:
        assert people.newest_here(tx, TOKYO, locator(1)).state.version == 5


def test_news_of_somebody_unknown_makes_nobody(index):
    assert gone(index, (1, 6, "01")) is None


def test_of_two_pieces_of_news_at_once_the_newer_counts(index):
    take_in(index, notice(version=5))
    assert gone(index, (1, 9, "01"), (1, 7, "14")).gone_to == "01"


def test_whoever_comes_back_stands_here_again(index):
    take_in(index, notice(version=5))
    gone(index, (1, 6, "01"))
    take_in(index, notice(SHINJUKU, version=8))
    assert found(index) == Person(TOKYO, locator(1), 8, SHINJUKU, "")
    assert gone(index, (1, 7, "14")) == found(index)


def test_a_late_notice_of_whoever_has_gone_brings_nobody_back(index):
    take_in(index, notice(version=5))
    gone(index, (1, 9, "01"))
    assert take_in(index, notice(version=6, live=False)) == []
    assert found(index) == Person(TOKYO, locator(1), 9, "", "01")


@pytest.mark.parametrize(("where", "stands"), [("01", "01"), ("14", "")])
def test_of_two_prefectures_with_the_same_version_the_lower_code_stands(index, where, stands):
    take_in(index, notice(version=5))
    assert gone(index, (1, 5, where)).gone_to == stands


# --- what towns told --------------------------------------------------------------------------


def test_what_a_town_told_last_of_everybody_is_listed_and_of_no_other_town(index):
    take_in(index, notice(person=1, version=1), notice(person=2, version=1))
    take_in(index, notice(person=1, version=2, live=False), notice(SHINJUKU, 1, 3))
    with index.begin() as tx:
        rows = list(people.told_by(tx, TOKYO, CHIYODA))
        assert sorted((r.locator, r.version, r.live, r.number) for r in rows) == sorted(
            [(locator(1), 2, 0, 1), (locator(2), 1, 1, 2)]
        )
        assert all(row.digest for row in rows)
        assert [row.locator for row in people.told_by(tx, TOKYO, SHINJUKU)] == [locator(1)]
        assert list(people.told_by(tx, TOKYO, ADACHI)) == []


def test_whoever_lives_in_two_towns_is_found(index):
    take_in(index, notice(CHIYODA, 1, 5), notice(CHIYODA, 2, 5), notice(CHIYODA, 3, 5))
    take_in(index, notice(SHINJUKU, 1, 5), notice(SHINJUKU, 2, 6, live=False))
    take_in(index, notice(ADACHI, 1, 7), notice(ADACHI, 3, 4, live=False))
    with index.begin() as tx:
        rows = [
            row for town in (SHINJUKU, CHIYODA, ADACHI) for row in people.told_by(tx, TOKYO, town)
        ]
    assert people.live_elsewhere(rows) == {locator(1): [CHIYODA, SHINJUKU, ADACHI]}


residences = st.lists(
    st.builds(
        lambda town, n, live: Residence(town[:2], town, locator(n), 1, live, 1, b""),
        st.sampled_from([CHIYODA, SHINJUKU, "011011"]),
        st.integers(0, 3),
        st.integers(0, 1),
    ),
    unique_by=lambda row: (row.town, row.locator),
)


@given(residences)
def test_whoever_is_live_in_more_than_one_town_and_nobody_else(rows):
    found = people.live_elsewhere(rows)
    for one in {row.locator for row in rows}:
        towns = sorted(row.town for row in rows if row.locator == one and row.live)
        assert found.get(one, []) == (towns if len(towns) > 1 else [])


# --- tags -------------------------------------------------------------------------------------


def test_a_tag_leads_to_all_who_have_it_each_once(index):
    shared = b"shared".ljust(16, b".")
    tags = notice().search_tags
    take_in(index, notice(person=1, search_tags=(shared, *tags[1:])))
    take_in(index, notice(person=2, search_tags=(shared, *tags[1:])))
    take_in(index, notice(SHINJUKU, person=1, search_tags=(shared, *tags[1:])))
    with index.begin() as tx:
        both = sorted([locator(1), locator(2)])
        assert people.by_tags(tx, TOKYO, [shared, tags[1], b"none".ljust(16)]) == both
        assert people.by_tags(tx, "01", [shared]) == []
        assert people.by_tags(tx, TOKYO, [b"none".ljust(16)]) == []
        assert people.by_tags(tx, TOKYO, []) == []


# --- what a notice must be --------------------------------------------------------------------


def test_a_notice_of_the_right_form_passes():
    people.check(notice(), CHIYODA)
    chain = ChainStart(epoch=0, seed=b"s" * 32, sealed_seed=b"x" * 80)
    people.check(notice(version=0, chain=chain), CHIYODA)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param({"town": SHINJUKU}, "speaks for 131041", id="another town's"),
        pytest.param({"locator": b"x" * 15}, "locator of 15 bytes, want 16", id="locator"),
        pytest.param({"payload": b"x"}, "payload of 1 bytes", id="payload"),
        pytest.param({"code_tag": b""}, "code tag of 0 bytes, want 16", id="code tag"),
        pytest.param({"search_tags": (b"x",) * 4}, "search tag of 4 bytes", id="search tags"),
        pytest.param({"wrapped": b"x" * 81}, "wrapped key of 81 bytes", id="wrapped key"),
        pytest.param({"version": -1}, "negative person version", id="version"),
        pytest.param(
            {"chain": ChainStart(epoch=0, seed=b"x", sealed_seed=b"")}, "seed of 1", id="seed"
        ),
    ],
)
def test_a_notice_of_another_form_is_refused(changed, message):
    with pytest.raises(OutOfStep, match=message):
        people.check(notice(**changed), CHIYODA)
