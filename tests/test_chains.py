"""Chains: one label after the other, never the same twice, and nothing of the past."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import memory

from jukinet.keys import ratchet
from jukinet.law.notice import ChainStart
from jukinet.ledger import chains
from jukinet.ledger.chains import CHAINS, LABELS, NONCES, Chain, LabelRow, Nonce


def seed(who: str, epoch: int = 0) -> bytes:
    return f"{who} {epoch}".encode().ljust(32, b".")


def locator(who: str) -> bytes:
    return who.encode().ljust(16, b"-")


def start(who: str, epoch: int = 0) -> tuple[bytes, ChainStart]:
    sealed = b"s" * 80
    return locator(who), ChainStart(epoch=epoch, seed=seed(who, epoch), sealed_seed=sealed)


def label(who: str, place: int, epoch: int = 0) -> bytes:
    state = seed(who, epoch)
    for _ in range(place):
        state = ratchet.next_state(state)
    return ratchet.label(state)


@pytest.fixture
def store():
    return memory(chains.METADATA)


def stands(tx, who: str) -> tuple[int, int]:
    """Epoch and place; state and label must be those that the seed leads to."""
    chain = chains.of(tx, [locator(who)])[locator(who)]
    state = seed(who, chain.epoch)
    for _ in range(chain.place):
        state = ratchet.next_state(state)
    assert chain.state == state
    assert chain.label == ratchet.label(state)
    return chain.epoch, chain.place


def test_a_chain_begins_at_its_seed(store):
    with store.begin() as tx:
        chains.start(tx, [start("a"), start("b")])
        assert (stands(tx, "a"), stands(tx, "b")) == ((0, 0), (0, 0))
        assert chains.of(tx, [locator("c")]) == {}


@given(st.permutations([0, 0, 1, 2, 2]))
def test_the_highest_epoch_counts_whatever_comes_first(epochs):
    with memory(chains.METADATA).begin() as tx:
        for epoch in epochs:
            chains.start(tx, [start("a", epoch)])
        assert stands(tx, "a") == (2, 0)
    with memory(chains.METADATA).begin() as tx:
        chains.start(tx, [start("a", epoch) for epoch in epochs])
        assert stands(tx, "a") == (2, 0)


def test_news_of_an_epoch_that_is_under_way_does_not_set_it_back(store):
    with store.begin() as tx:
        chains.start(tx, [start("a")])
        chains.catch_up(tx, 0, [[label("a", 0)]])
        chains.start(tx, [start("a")])
        assert stands(tx, "a") == (0, 1)


def test_a_fresh_epoch_ends_the_old_chain(store):
    with store.begin() as tx:
        chains.start(tx, [start("a")])
        chains.catch_up(tx, 0, [[label("a", 0)]])
        chains.start(tx, [start("a", 1)])
        assert stands(tx, "a") == (1, 0)
        chains.catch_up(tx, 1, [[label("a", 1)]])
        assert stands(tx, "a") == (1, 0), "the old chain's next label moves nothing"


def test_a_step_cannot_be_undone():
    chain = Chain(locator("a"), 0, 0, seed("a"), label("a", 0), b"")
    after = chains.stepped(chain)
    assert (after.place, after.label) == (1, label("a", 1))
    assert chain.state not in after
    assert ratchet.next_state(after.state) != chain.state


def test_leaves_of_many_people_advance_each_by_its_own(store):
    with store.begin() as tx:
        chains.start(tx, [start(who) for who in "abc"])
        leaves = [[label("a", 0)], [], [label("b", 0), label("a", 1)], [b"?" * 16], [label("a", 2)]]
        chains.catch_up(tx, 0, leaves)
        assert [stands(tx, who) for who in "abc"] == [(0, 3), (0, 1), (0, 0)]
        assert chains.taken_in(tx) == 5
        rows = {row.label: row.leaf for row in LABELS.everything(tx)}
        assert rows == {
            label("a", 0): 0,
            label("b", 0): 2,
            label("a", 1): 2,
            b"?" * 16: 3,
            label("a", 2): 4,
        }


@given(st.lists(st.sampled_from("abc"), max_size=12), st.integers(0, 12))
def test_catching_up_in_two_parts_is_catching_up_at_once(people, cut):
    places = dict.fromkeys("abc", 0)
    leaves = []
    for who in people:
        leaves.append([label(who, places[who])])
        places[who] += 1
    with memory(chains.METADATA).begin() as tx:
        chains.start(tx, [start(who) for who in "abc"])
        chains.catch_up(tx, 0, leaves[:cut])
        chains.catch_up(tx, min(cut, len(leaves)), leaves[cut:])
        assert {who: stands(tx, who)[1] for who in "abc"} == places
        assert chains.taken_in(tx) == len(leaves)


def test_a_chain_that_is_begun_again_goes_past_the_labels_it_has_used(store):
    """After a restore from before it began: the labels are in the log, the chain is not here."""
    with store.begin() as tx:
        chains.catch_up(tx, 0, [[label("a", 0)], [label("a", 1)], [label("b", 0)]])
        chains.start(tx, [start("a"), start("b"), start("c")])
        assert [stands(tx, who) for who in "abc"] == [(0, 2), (0, 1), (0, 0)]


def test_a_label_that_was_used_by_somebody_else_moves_nobody(store):
    with store.begin() as tx:
        chains.start(tx, [start("a"), start("b")])
        chains.catch_up(tx, 0, [[label("b", 5)]])
        assert stands(tx, "a") == stands(tx, "b") == (0, 0)


def test_the_store_holds_no_state_of_the_past(store):
    with store.begin() as tx:
        chains.start(tx, [start("a")])
        chains.catch_up(tx, 0, [[label("a", place)] for place in range(3)])
        (row,) = CHAINS.everything(tx)
        held = [value for value in row if isinstance(value, bytes)]
        past = [seed("a")]
        for _ in range(2):
            past.append(ratchet.next_state(past[-1]))
        assert not {*held} & {*past}


def test_a_chain_shows_neither_whose_it_is_nor_its_state():
    assert repr(Chain(locator("a"), 0, 0, seed("a"), label("a", 0), b"")) == "<Chain>"


# --- nonces --------------------------------------------------------------------------------------


def test_a_nonce_is_remembered_for_its_agency_alone(store):
    one, other = Nonce(100, "pension", b"n" * 16), Nonce(100, "tax", b"n" * 16)
    with store.begin() as tx:
        chains.remember(tx, [one])
        assert chains.repeated(tx, [one, other]) == {one}
        assert chains.repeated(tx, [other]) == set()
        chains.remember(tx, [one, other])
        assert chains.repeated(tx, [one, other]) == {one, other}
        assert chains.repeated(tx, []) == set()


@pytest.mark.parametrize(
    ("now", "left"),
    [
        pytest.param(100, 2, id="the last second of the first"),
        pytest.param(101, 1, id="the second after"),
        pytest.param(201, 0, id="both are over"),
    ],
)
def test_a_nonce_is_forgotten_when_a_repeat_would_be_stale(store, now, left):
    with store.begin() as tx:
        chains.remember(tx, [Nonce(100, "tax", b"a" * 16), Nonce(200, "tax", b"b" * 16)])
        chains.forget(tx, now)
        assert NONCES.count(tx) == left


def test_what_is_written_of_a_group_is_written_whole(store):
    with store.begin() as tx:
        chains.start(tx, [start("a")])
    (chain,) = _all(store)
    with store.begin() as tx:
        chains.record(tx, [chains.stepped(chain)], [LabelRow(chain.label, 7)], 8)
        assert stands(tx, "a") == (0, 1)
        assert chains.taken_in(tx) == 8
        assert LABELS.get(tx, label("a", 0)).leaf == 7


def _all(store):
    with store.begin() as tx:
        return list(CHAINS.everything(tx))
