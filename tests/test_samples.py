"""Samples: answers held against their chains; a leaf under another person's chain does not pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.nation import Nation, copied, search
from tests.support import CHIYODA, KEEPERS, NOON, entrant, name

from jukinet.client.receipts import LogKey, check_receipt
from jukinet.law.inquiry import ByHandle
from jukinet.law.leaf import SampleLeaf, SampleResultLeaf
from jukinet.law.sampling import SAMPLE_MAX, picked
from jukinet.law.schedule import Kind
from jukinet.ledger.writer import Part
from jukinet.nodes.centre import inquiries
from jukinet.nodes.centre.inquiries import Inquiries
from jukinet.nodes.message import (
    CENTRE,
    NO_ORDER,
    DrawSample,
    KeeperOrder,
    MakeNumber,
    Message,
    NotGiven,
    SampleDone,
    ShowAnswers,
    Shown,
    ShownAnswers,
)

CITIZEN, MONTH = "citizen", "2026-04"
COUNTED = bytes(range(32))
AGENCIES = ("pension", "tax", "town-welfare", "prefecture")


# --- the picks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("randomness", "among", "count", "picks"),
    [
        pytest.param(bytes(32), range(100), 3, (8, 62, 68), id="three of a hundred"),
        pytest.param(COUNTED, range(1000), 5, (137, 497, 541, 732, 790), id="five of a thousand"),
        pytest.param(COUNTED, range(7), 20, (0, 1, 2, 3, 4, 5, 6), id="more than there are"),
        pytest.param(b"\xff" * 32, range(40, 60), 4, (40, 46, 53, 55), id="not from nought on"),
        pytest.param(COUNTED, [], 20, (), id="of none"),
        pytest.param(COUNTED, range(9), 0, (), id="none"),
    ],
)
def test_the_picks_are_these(randomness, among, count, picks):
    """Made by another program, in another language, from the module's description."""
    assert picked(randomness, among, count) == picks


@given(
    st.binary(min_size=32, max_size=32), st.lists(st.integers(0), unique=True), st.integers(0, 30)
)
def test_as_many_as_wanted_are_picked_each_once_and_in_order(randomness, among, count):
    found = picked(randomness, among, count)
    assert len(found) == min(count, len(among))
    assert sorted({*found}) == [*found]
    assert {*found} <= {*among}
    assert picked(randomness, among, count) == found


def test_another_randomness_picks_others():
    picks = {picked(bytes([n]) * 32, range(1000)) for n in range(100)}
    assert len(picks) == 100
    every = [one for some in picks for one in some]
    assert len({*every}) > 800  # nowhere is left out


# --- a month, and a sample of it ---------------------------------------------------------------------


def asked(nation, person, kind="standing", asker="pension", row="1-73", **more):
    return nation.ask(asker, row, kind, search(nation.record(CHIYODA, person)), **more)


def ordered(nation, people) -> None:
    subjects = [search(nation.record(CHIYODA, one)) for one in people]
    agency = nation.agencies["tax"]
    nation.line.post(
        agency.ask_many(row="1-40", kind=Kind.STANDING, subjects=subjects, now=nation.line.now)
    )
    nation.line.run()
    nation.outcomes("tax")


@pytest.fixture(scope="module")
def april():
    """A few people, and all ways of asking about them; the month is not over."""
    nation = Nation((CHIYODA,), AGENCIES)
    names = ("山田 花子", "佐藤 太郎", "鈴木 一郎")
    people = [nation.enter(CHIYODA, entrant(name=name(one)))[0] for one in names]
    for one in people:
        handle = asked(nation, one).content.handle
        nation.ask("pension", "1-73", "standing", ByHandle(handle=handle))
    asked(nation, people[0], asker="town-welfare", row="2-3")
    asked(nation, people[0], row="1-999")
    return nation, people


def sample(nation, month=MONTH, randomness=COUNTED) -> SampleResultLeaf:
    """Draw a sample; what it came to, proved to stand in the log."""
    (done,) = drawn(nation, month, randomness)
    assert isinstance(done, SampleDone), done.reason
    leaf = check_receipt(done.receipt, LogKey.parse(nation.directory.log))
    assert (type(leaf), leaf.sample) == (SampleResultLeaf, done.sample)
    nation.audited()
    return leaf


def drawn(nation, month=MONTH, randomness=COUNTED):
    nation.line.post(
        Message(
            sender=CITIZEN, receiver=CENTRE, body=DrawSample(month=month, randomness=randomness)
        )
    )
    nation.line.run()
    listened = nation.line.listen(CITIZEN)
    found = [one.body for one in listened]
    listened.clear()
    return found


def over(nation) -> Nation:
    """The month is over, and its run is made."""
    nation.later(days=31)
    return nation


@pytest.fixture
def nation(april):
    return april[0].copy()


def picks_of(nation) -> list[int]:
    (leaf,) = [one for one in nation.leaves() if isinstance(one, SampleLeaf)]
    return [*leaf.picked]


def test_in_an_honest_nation_all_agree(nation, april):
    ordered(nation, april[1])
    ordered(nation, april[1] * 2)
    over(nation)
    result = sample(nation)
    assert len(picks_of(nation)) == 9
    assert (result.agree, result.differ, result.nobody, result.not_shown) == (9, (), 0, ())


def test_what_is_picked_follows_from_the_randomness_and_stands_before_anybody_is_asked(
    nation, april
):
    for _ in range(25):
        asked(nation, april[1][1])
    size = over(nation).centre.ledger.log.size
    with nation.carried() as carried:
        result = sample(nation)
    leaf = nation.leaves()[size]
    assert isinstance(leaf, SampleLeaf)
    entries = [at for at, one in enumerate(nation.leaves()[:size]) if hasattr(one, "labels")]
    assert leaf.picked == picked(COUNTED, entries)
    assert (len(leaf.picked), result.agree) == (SAMPLE_MAX, SAMPLE_MAX)
    first = next(one.body for one in carried if isinstance(one.body, ShowAnswers))
    assert first.sample == size


def test_a_sample_can_be_drawn_again_and_agrees_again(nation):
    over(nation)
    results = [sample(nation, randomness=bytes([n]) * 32) for n in range(3)]
    assert {(one.agree, one.differ) for one in results} == {(7, ())}
    assert len({one.sample for one in results}) == 3


def test_a_month_without_an_answer_has_an_empty_sample():
    nation = Nation((CHIYODA,), ("pension",))
    nation.enter(CHIYODA)
    over(nation)
    result = sample(nation)
    assert (result.agree, result.differ, result.nobody, result.not_shown) == (0, (), 0, ())


# --- answers under the wrong chain -------------------------------------------------------------------


def wrong_chain(nation, monkeypatch, person) -> None:
    """From now on the centre writes every disclosure under this person's chain."""
    locator = nation.record(CHIYODA, person).attachment.locator
    disclosure = Inquiries._disclosure
    monkeypatch.setattr(
        Inquiries,
        "_disclosure",
        lambda *of: disclosure(*of)._replace(locator=locator),
    )
    monkeypatch.setattr(inquiries, "Part", lambda body, _: Part(body, locator))


def test_an_answer_that_stands_under_another_persons_chain_differs(nation, april, monkeypatch):
    _, people = april
    wrong_chain(nation, monkeypatch, people[2])
    wrong = asked(nation, people[0]).leaf
    also = asked(nation, people[1], asker="tax", row="1-40").leaf
    right = asked(nation, people[2]).leaf
    over(nation)
    result = sample(nation)
    assert result.differ == (wrong, also)
    assert right in picks_of(nation)
    assert result.agree == 8


def test_a_bundle_that_stands_under_another_persons_chain_differs(nation, april, monkeypatch):
    _, people = april
    wrong_chain(nation, monkeypatch, people[2])
    index = nation.centre.ledger.log.size
    ordered(nation, people[:2])
    over(nation)
    assert sample(nation).differ == (index,)


def test_a_bundle_with_nobody_in_it_is_held_against_somebody(nation, april, monkeypatch):
    """One who was not found does not speak for the bundle."""
    _, people = april
    wrong_chain(nation, monkeypatch, people[2])
    nation.hide(CHIYODA, people[0])
    index = nation.centre.ledger.log.size
    ordered(nation, people[:2])
    over(nation)
    assert index in sample(nation).differ


# --- what cannot be seen -----------------------------------------------------------------------------


def test_an_answer_that_gave_nothing_of_anybody_is_nobodys(nation, april):
    person = april[1][1]
    nation.ask("pension", "1-73", "standing", replace(
        search(nation.record(CHIYODA, person)), name=name("誰 でもない").legal
    ))  # fmt: skip
    over(nation)
    result = sample(nation)
    assert (result.agree, result.nobody, result.differ) == (7, 1, ())


def test_a_hidden_person_counts_as_nobody_too(nation, april):
    nation.hide(CHIYODA, april[1][1])
    asked(nation, april[1][1])
    over(nation)
    result = sample(nation)
    # Two answers were given before the chain began afresh; the third gave nothing.
    assert (result.agree, result.nobody, result.differ) == (5, 3, ())


def test_an_agency_that_has_lost_an_answer_does_not_show_it(nation, april):
    nation.line.post(
        nation.question("pension", "1-73", "standing", search(nation.record(CHIYODA, april[1][0])))
    )
    nation.line.run()
    ((outcome),) = nation.agencies["pension"].outcomes
    nation.agencies["pension"]._answered.clear()  # it crashed before it kept it
    over(nation)
    result = sample(nation)
    assert (result.not_shown, result.agree) == ((outcome.leaf,), 7)


def test_an_agency_that_says_nothing_shows_nothing_and_stops_nobody(nation):
    over(nation)
    nation.cut_off("town-welfare")
    assert drawn(nation) == []
    nation.later(days=2)
    (done,) = [one.body for one in nation.line.listen(CITIZEN)]
    leaf = check_receipt(done.receipt, LogKey.parse(nation.directory.log))
    assert (leaf.agree, len(leaf.not_shown)) == (6, 1)
    nation.audited()


# --- agencies that lie -------------------------------------------------------------------------------


def shows(nation, agency, lie) -> None:
    """An agency shows what a test wants in the place of what it has."""
    node = nation.agencies[agency]
    honest = node._shown

    def lying(asked: ShowAnswers) -> ShownAnswers:
        true = honest(asked)
        return replace(true, shown=tuple(lie(asked, true.shown)))

    node._shown = lying


def test_another_persons_handle_differs(nation):
    over(nation)
    shows(nation, "pension", lambda asked, shown: [
        replace(one, handle=shown[at - 2].handle) for at, one in enumerate(shown)
    ])  # fmt: skip
    result = sample(nation)
    assert (result.agree, len(result.differ)) == (1, 6)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"handle": b"h" * 100}, id="no handle"),
        pytest.param({"handle": b"h"}, id="a short one"),
        pytest.param({"sector": "tax/1-40"}, id="another sector"),
        pytest.param({"sector": "none"}, id="no sector"),
    ],
)
def test_a_handle_that_this_door_did_not_make_differs(nation, change):
    over(nation)
    shows(nation, "pension", lambda asked, shown: [replace(one, **change) for one in shown])
    result = sample(nation)
    assert (result.agree, len(result.differ)) == (1, 6)


@pytest.mark.parametrize("handle", [b"", b"h" * 100])
def test_no_agency_shows_for_another(nation, handle):
    over(nation)
    shows(nation, "town-welfare", lambda asked, shown: [
        *shown,
        *(Shown(leaf=at, sector="pension/1-73", handle=handle)
          for at in range(999) if at not in asked.leaves),
    ])  # fmt: skip
    result = sample(nation)
    assert (result.agree, result.differ, result.nobody) == (7, (), 0)


def test_what_nobody_asked_to_be_shown_is_nothing(nation):
    over(nation)
    size = nation.centre.ledger.log.size
    for number in (0, 10**6):
        body = ShownAnswers(sample=number, shown=())
        nation.line.post(Message(sender="pension", receiver=CENTRE, body=body))
    nation.line.run()
    assert nation.centre.ledger.log.size == size
    assert sample(nation).agree == 7


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("month", "randomness", "says"),
    [
        pytest.param("2026-05", COUNTED, "not made yet", id="a month that is not over"),
        pytest.param("2026-03", COUNTED, "not made yet", id="a month before there was a log"),
        pytest.param("2026-04-01", COUNTED, "not made yet", id="a day"),
        pytest.param("2026", COUNTED, "not made yet", id="a year"),
        pytest.param("", COUNTED, "not made yet", id="nothing"),
        pytest.param(MONTH, bytes(31), "32 bytes", id="too little randomness"),
        pytest.param(MONTH, bytes(33), "32 bytes", id="too much"),
    ],
)
def test_a_sample_that_cannot_be_drawn_is_refused_and_nothing_written(
    nation, month, randomness, says
):
    over(nation)
    size = nation.centre.ledger.log.size
    (reply,) = drawn(nation, month, randomness)
    assert isinstance(reply, NotGiven)
    assert says in reply.reason
    assert nation.centre.ledger.log.size == size


def test_a_sample_of_this_month_is_refused(nation):
    (reply,) = drawn(nation)
    assert isinstance(reply, NotGiven)


def test_a_sample_that_a_crash_cut_short_is_drawn_again(nation):
    over(nation)
    nation.cut_off(*KEEPERS)
    assert drawn(nation) == []
    nation.cut = frozenset()
    up = nation.crashed()
    assert up.centre.ledger.noted.samples.keys() == {
        at for at, one in enumerate(up.leaves()) if isinstance(one, SampleLeaf)
    }
    assert sample(up).agree == 7


# --- the keeper --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def orders(april):
    """What the centre asks the keeper for a sample, of a keeper that has spent none of it."""
    nation = over(april[0].copy())
    fresh = copied(nation.stores["keeper-1"])
    with nation.carried() as carried:
        sample(nation)
    handles, seeds = orders_of(carried)
    return nation, fresh, handles, seeds


def orders_of(carried) -> list[KeeperOrder]:
    """What one of the keepers was asked."""
    mine = [one.body for one in carried if one.receiver == "keeper-1"]
    return [body for body in mine if isinstance(body, KeeperOrder)]


@pytest.fixture
def keeper(orders):
    nation, fresh, *_ = orders
    return nation.keeper("keeper-1", copied(fresh))


def done(keeper, order, *tasks):
    body = replace(order, tasks=tasks or order.tasks)
    (reply,) = keeper.step(Message(sender=CENTRE, receiver=keeper.name, body=body), NOON)
    return [value is not None for value in reply.body.values]


def test_the_keeper_opens_what_was_picked_each_once(keeper, orders):
    _, _, handles, seeds = orders
    for order in (handles, seeds):
        assert done(keeper, order) == [True] * 7
        assert done(keeper, order) == [False] * 7


@pytest.mark.parametrize("step", ["handle-7", "handle-99", "handle--1", "handle", "handle-00", ""])
def test_the_keeper_opens_no_more_handles_than_were_picked(keeper, orders, step):
    _, _, handles, _ = orders
    assert done(keeper, handles, replace(handles.tasks[0], step=step)) == [False]


@pytest.mark.parametrize("step", ["seed-7", "seed--1", "seed", "seed-00", "handle-0", "open-1"])
def test_the_keeper_opens_no_more_seeds_than_were_picked(keeper, orders, step):
    _, _, _, seeds = orders
    assert done(keeper, seeds, replace(seeds.tasks[0], step=step)) == [False]


def test_on_a_samples_leaf_nobody_is_opened_and_numbered(keeper, orders, april):
    nation, _, handles, seeds = orders
    other = april[0].copy()
    with other.carried() as carried:
        asked(other, april[1][0])
    payload, *_ = orders_of(carried)
    for step in ("seed-0", "open-1"):
        assert done(keeper, seeds, replace(payload.tasks[0], step=step)) == [False]
    number = MakeNumber(
        receipt=0,
        order=NO_ORDER,
        question=0,
        agency="pension",
        sector="pension/1-73",
        blinded=seeds.tasks[0].sealed,
    )
    assert done(keeper, seeds, number) == [False]
    assert nation is not other
    assert handles.receipts == seeds.receipts


def test_on_a_disclosures_leaf_no_seed_is_opened(orders, april):
    _, fresh, _, seeds = orders
    other = april[0].copy()
    with other.carried() as carried:
        asked(other, april[1][0])
    payload, *_ = orders_of(carried)
    keeper = other.keeper("keeper-1", copied(fresh))
    for step in ("seed-0", "open-1", "open-2"):
        assert done(keeper, payload, replace(seeds.tasks[0], step=step)) == [False]


def test_the_results_leaf_is_of_its_own_time(nation):
    """So that an auditor, who allows clocks a day, is not misled by a slow agency."""
    over(nation)
    nation.cut_off("town-welfare")
    drawn(nation)
    nation.later(days=3)
    leaf = next(one for one in nation.leaves() if isinstance(one, SampleResultLeaf))
    start = next(one for one in nation.leaves() if isinstance(one, SampleLeaf))
    assert leaf.time[:10] > start.time[:10]
