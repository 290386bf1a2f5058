"""Entries that are kept back: where a row lets, until a day, and from then on for their resident."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.forgetful_disk import PowerCut
from tests.nation import (
    Crash,
    Nation,
    copied,
    crashing,
    recorded_commits,
    search,
)
from tests.support import CHIYODA, DAY, KEEPERS, NOON, entrant, name

from jukinet.client.statement import statement
from jukinet.errors import Damaged
from jukinet.keys import kem, ratchet, threshold
from jukinet.law import leaf as leaves
from jukinet.law.inquiry import ByHandle
from jukinet.law.leaf import BODY_BYTES, DeferredLeaf, DisclosureLeaf, InquiryLeaf, OpeningLeaf
from jukinet.ledger.chains import CHAINS
from jukinet.nodes.centre import opening
from jukinet.nodes.centre.inquiries import Inquiries
from jukinet.nodes.message import CENTRE, KeeperOrder, Message

ROW = "1-41"  # may be kept back for 180 days
TOMORROW = DAY + timedelta(days=1)


@pytest.fixture(scope="module")
def base():
    """Two people, one of them asked about by somebody who investigates."""
    nation = Nation((CHIYODA,), ("pension", "tax"))
    (person,) = nation.enter(CHIYODA)
    (other,) = nation.enter(CHIYODA, entrant(name=name("佐藤 太郎")))
    outcome = ask(nation, person, official="INV-7")
    assert outcome.content is not None
    return nation, person, other, outcome


@pytest.fixture
def nation(base):
    return base[0].copy()


def ask(nation, person, kind="items", row=ROW, defer_to=TOMORROW, **more):
    asker = more.pop("asker", "tax")
    subject = more.pop("subject", None) or search(nation.record(CHIYODA, person))
    return nation.ask(asker, row, kind, subject, defer_to=defer_to, **more)


def of_kind(nation, kind) -> list[tuple[int, leaves.Leaf]]:
    return [(at, leaf) for at, leaf in enumerate(nation.leaves()) if isinstance(leaf, kind)]


def shown(nation, person, *, whole=True):
    return statement(nation.view_key(CHIYODA, person), nation.mirror(), whole=whole)


def tomorrow(nation) -> None:
    nation.later(hours=12)
    assert nation.today == TOMORROW


# --- where a row lets, and not longer ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("asker", "row", "days", "rule"),
    [
        pytest.param("tax", ROW, 1, "", id="a day"),
        pytest.param("tax", ROW, 180, "", id="as long as the row lets"),
        pytest.param("tax", ROW, 181, "no-deferral", id="a day longer"),
        pytest.param("tax", ROW, 0, "no-deferral", id="until today"),
        pytest.param("tax", ROW, -1, "no-deferral", id="until yesterday"),
        pytest.param("tax", "1-40", 1, "no-deferral", id="under a row that does not let"),
        pytest.param("pension", "1-73", 1, "no-deferral", id="by an agency that may not"),
    ],
)
def test_an_entry_is_kept_back_where_the_row_lets_and_no_longer(
    nation, base, asker, row, days, rule
):
    until = DAY + timedelta(days=days)
    outcome = ask(nation, base[2], "standing", row, until, asker=asker)
    assert outcome.rule == rule
    last = nation.leaves()[-1]
    assert isinstance(last, DeferredLeaf) is (rule == "")
    assert rule or last.open_on == str(until)
    nation.audited()


# --- what stands meanwhile ---------------------------------------------------------------------------


def test_the_leaf_stands_on_no_chain_and_says_until_when(base):
    nation, person, _, outcome = base
    ((index, leaf),) = of_kind(nation, DeferredLeaf)
    assert (index, leaf.open_on, leaf.row) == (outcome.leaf, str(TOMORROW), ROW)
    attachment = nation.record(CHIYODA, person).attachment
    state = attachment.seed
    for _ in range(50):
        assert ratchet.label(state) not in leaves.labels_of(leaf)
        state = ratchet.next_state(state)
    with nation.stores["chains"].begin() as tx:
        assert CHAINS.get(tx, attachment.locator).place == 0


def test_its_resident_sees_that_something_is_kept_back_and_not_of_whom(base):
    nation, person, other, _ = base
    for one in (person, other):
        found = shown(nation, one)
        assert (found.entries, found.kept_back) == ((), (str(TOMORROW),))
        assert found.overdue(TOMORROW) == 0
        assert found.overdue(TOMORROW + timedelta(days=1)) == 1


def test_no_two_labels_of_entries_kept_back_are_alike(nation, base):
    for _ in range(5):
        ask(nation, base[1])
    labels = [leaf.labels for _, leaf in of_kind(nation, DeferredLeaf)]
    assert len({*labels}) == 6


def test_what_stands_beside_it_has_the_size_of_every_body_and_no_view_key_opens_it(base):
    nation, person, _, outcome = base
    sealed = nation.centre.ledger.log.body(outcome.leaf)
    assert len(sealed) == BODY_BYTES
    locator = nation.record(CHIYODA, person).attachment.locator
    assert locator not in sealed
    with pytest.raises(Damaged):
        leaves.open_body(nation.record(CHIYODA, person).attachment.seed, sealed)


def test_by_handle_it_follows_its_inquiry(nation, base):
    handle = ask(nation, base[1]).content.handle
    before = nation.centre.ledger.log.size
    ask(nation, base[1], subject=ByHandle(handle=handle))
    inquiry, leaf = nation.leaves()[before:]
    assert isinstance(inquiry, InquiryLeaf)
    assert isinstance(leaf, DeferredLeaf)
    assert leaf.inquiry == before
    nation.audited()


# --- the agency's client ------------------------------------------------------------------------------


def another_day(inquiries, pending, candidate):
    draft = DISCLOSURE(inquiries, pending, candidate)
    return draft._replace(leaf=replace(draft.leaf, open_on=str(TOMORROW + timedelta(days=1))))


def at_once(inquiries, pending, candidate):
    plain = replace(pending, inquiry=replace(pending.inquiry, defer_to=None))
    return DISCLOSURE(inquiries, plain, candidate)._replace(body=pending.body)


def kept_back(inquiries, pending, candidate):
    kept = replace(pending, inquiry=replace(pending.inquiry, defer_to=TOMORROW))
    return DISCLOSURE(inquiries, kept, candidate)


DISCLOSURE = Inquiries._disclosure


@pytest.mark.parametrize(
    ("lie", "defer_to", "says"),
    [
        pytest.param(another_day, TOMORROW, "until another day", id="another day"),
        pytest.param(at_once, TOMORROW, "against what was asked", id="not kept back"),
        pytest.param(kept_back, None, "against what was asked", id="kept back unasked"),
    ],
)
def test_a_leaf_that_is_kept_back_otherwise_than_asked_is_not_believed(
    nation, base, monkeypatch, lie, defer_to, says
):
    monkeypatch.setattr(Inquiries, "_disclosure", lie)
    subject = search(nation.record(CHIYODA, base[1]))
    nation.line.post(nation.question("tax", ROW, "items", subject, defer_to=defer_to))
    nation.line.run()
    assert nation.agencies["tax"].outcomes == []
    (reason,) = nation.agencies["tax"].distrusted
    assert says in reason


# --- the keeper ----------------------------------------------------------------------------------------


@pytest.fixture
def opened(base):
    """The order that opens the entry, and a keeper that has not seen it."""
    nation = base[0].copy()
    fresh = copied(nation.stores["keeper-1"])
    with nation.carried() as carried:
        tomorrow(nation)
    (order,) = [one.body for one in carried if one.receiver == "keeper-1"]
    return nation.keeper("keeper-1", fresh), order, nation


def value(keeper, order, now):
    (reply,) = keeper.step(Message(sender=CENTRE, receiver="keeper-1", body=order), now)
    return reply.body.values[0], reply.body.refused


MIDNIGHT = NOON + timedelta(hours=12)


def test_the_keeper_opens_it_on_its_day_and_not_a_second_before(opened):
    keeper, order, nation = opened
    early = value(keeper, order, MIDNIGHT - timedelta(seconds=1))
    assert early == (None, (f"step: not before {TOMORROW}",))
    mine, _ = value(keeper, order, MIDNIGHT)
    theirs, _ = value(nation.keeper("keeper-2", copied(keeper.store)), order, MIDNIGHT)
    shared = threshold.combine([mine, theirs])
    found = kem.open_with(shared, order.tasks[0].sealed, context=leaves.DEFERRED_CONTEXT)
    assert leaves.read_body(leaves.read_deferred(found)[2], leaves.Body).official == "INV-7"


def test_the_keeper_opens_it_again_after_a_crash(opened):
    keeper, order, _ = opened
    first = value(keeper, order, MIDNIGHT)
    assert first[0] is not None
    assert value(keeper, order, MIDNIGHT + timedelta(days=1)) == first


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"key": "index"}, id="with another key"),
        pytest.param({"key": "seed"}, id="with the seeds' key"),
        pytest.param({"step": "open-1"}, id="as a payload"),
        pytest.param({"step": "seed-0"}, id="as a seed"),
        pytest.param({"step": "deferred-0"}, id="under another name"),
        pytest.param({"sealed": bytes(512)}, id="something else"),
    ],
)
def test_on_its_leaf_the_keeper_opens_its_own_sealed_part_and_nothing_else(opened, change):
    keeper, order, _ = opened
    (task,) = order.tasks
    assert value(keeper, replace(order, tasks=(replace(task, **change),)), MIDNIGHT)[0] is None


def test_no_other_leaf_opens_it(opened, base):
    keeper, order, _ = opened
    nation = base[0].copy()
    ask(nation, base[2])  # another that is kept back
    nation.ask("pension", "1-73", "standing", search(nation.record(CHIYODA, base[1])))
    receipt = nation.centre.ledger.receipt
    for index in range(nation.centre.ledger.log.size):
        found = value(keeper, replace(order, receipts=(receipt(index),)), MIDNIGHT)[0]
        assert (found is not None) is (index == order.receipts[0].index)


# --- on the day ------------------------------------------------------------------------------------------


def test_a_second_before_its_day_nothing_is_opened(nation, base):
    nation.later(hours=11, minutes=59, seconds=59)
    assert of_kind(nation, OpeningLeaf) == []


def test_on_its_day_it_stands_on_the_chain_and_the_statement_shows_it(nation, base):
    _, person, other, outcome = base
    tomorrow(nation)
    ((index, leaf),) = of_kind(nation, OpeningLeaf)
    assert leaf.deferred == outcome.leaf
    found = shown(nation, person)
    (entry,) = found.entries
    assert (entry.place, entry.leaf_index) == (0, index)
    assert (entry.body.official, entry.body.row) == ("INV-7", ROW)
    assert (entry.deferred.open_on, found.kept_back) == (str(TOMORROW), ())
    assert shown(nation, person, whole=False).entries == found.entries
    assert shown(nation, other).entries == ()
    nation.audited()


def test_it_is_opened_once_however_many_days_pass(nation, base):
    tomorrow(nation)
    nation.later(days=3)
    nation = nation.restarted()
    nation.later(days=3)
    assert len(of_kind(nation, OpeningLeaf)) == 1
    assert nation.centre.out_of_step == []
    nation.audited()


def test_a_centre_that_was_down_on_the_day_opens_it_when_it_comes_up(nation, base):
    nation.cut_off(CENTRE)
    nation.later(days=4)
    nation.cut = frozenset()
    nation = nation.restarted()
    assert len(of_kind(nation, OpeningLeaf)) == 1
    assert len(shown(nation, base[1]).entries) == 1


def test_more_than_are_opened_at_once_are_all_opened(nation, base, monkeypatch):
    monkeypatch.setattr(opening, "AT_ONCE", 2)
    for one in (1, 2, 2, 1, 2):
        ask(nation, base[one])
    tomorrow(nation)
    assert len(of_kind(nation, OpeningLeaf)) == 6
    assert [len(shown(nation, base[one]).entries) for one in (1, 2)] == [3, 3]
    nation.audited()


def test_of_two_people_of_one_name_both_see_it(nation, base):
    twins = [nation.enter(CHIYODA, entrant(name=name("同姓 同名")))[0] for _ in range(2)]
    assert ask(nation, twins[0]).rule == "more-than-one"
    tomorrow(nation)
    assert [len(shown(nation, one).entries) for one in twins] == [1, 1]
    nation.audited()


def test_after_a_support_measure_it_stands_on_the_fresh_chain(nation, base):
    _, person, _, _ = base
    old = nation.view_key(CHIYODA, person)
    nation.hide(CHIYODA, person)
    tomorrow(nation)
    assert len(shown(nation, person).entries) == 1
    assert statement(old, nation.mirror()).entries == ()


def test_one_whose_sealed_part_is_missing_is_reported_and_the_others_opened(nation, base):
    _, person, other, outcome = base
    ask(nation, other)
    nation.centre.ledger.log.erase_body(outcome.leaf)
    tomorrow(nation)
    assert [leaf.deferred for _, leaf in of_kind(nation, OpeningLeaf)] != [outcome.leaf]
    assert len(shown(nation, other).entries) == 1
    assert nation.centre.out_of_step == [f"leaf {outcome.leaf}: what is kept beside it is missing"]
    assert shown(nation, person).overdue(TOMORROW + timedelta(days=1)) == 1
    assert nation.ask("pension", "1-73", "standing", search(nation.record(CHIYODA, other))).content
    auditor = nation.audited()
    assert auditor.rules.overdue_deferred(TOMORROW + timedelta(days=1)) == [outcome.leaf]


def test_one_whose_sealed_part_was_altered_is_reported(nation, base):
    outcome = base[3]
    nation.disk.flip("bodies/000", outcome.leaf * BODY_BYTES + 100)
    tomorrow(nation)
    assert of_kind(nation, OpeningLeaf) == []
    assert f"leaf {outcome.leaf}: the keepers would not open it" in nation.centre.out_of_step


def test_what_the_keeper_could_not_do_on_the_day_is_done_on_the_next(nation, base):
    nation.cut_off(*KEEPERS)
    tomorrow(nation)
    lost = [one for one in nation.line.listen("keeper-1") if isinstance(one.body, KeeperOrder)]
    assert len(lost) == 1
    for node in nation.keepers.values():
        nation.back(node)
    nation.later(days=1)
    assert len(of_kind(nation, OpeningLeaf)) == 1
    nation.audited()


def test_a_late_reply_of_the_keeper_opens_nothing_a_second_time(nation, base):
    nation.cut_off(*KEEPERS)
    tomorrow(nation)
    for node in nation.keepers.values():
        nation.back(node)
    nation.later(days=1)
    for keeper, node in nation.keepers.items():
        for one in nation.line.listen(keeper):
            if isinstance(one.body, KeeperOrder):
                nation.line.post(*node.step(one, nation.line.now))
    nation.line.run()
    assert len(of_kind(nation, OpeningLeaf)) == 1
    nation.audited()


# --- crashes ---------------------------------------------------------------------------------------------


def opened_once(up, base) -> None:
    """Whatever a crash left, the entry is opened on the next day at the latest, and once."""
    up.later(days=2)
    ((_, leaf),) = of_kind(up, OpeningLeaf)
    assert leaf.deferred == base[3].leaf
    assert len(shown(up, base[1]).entries) == 1
    up.audited()


def test_a_crash_at_any_commit_opens_it_once(base):
    nation = base[0].copy()
    with recorded_commits() as commits:
        tomorrow(nation)
    centre = (nation.stores["chains"], nation.stores["keeper-1"])
    places = [at for at, store in enumerate(commits) if store in centre]
    assert len(places) >= 2
    for at in places:
        for when in ("before", "after"):
            crashed = base[0].copy()
            with crashing(at, when), pytest.raises(Crash):
                tomorrow(crashed)
            opened_once(crashed.crashed(), base)


@pytest.mark.parametrize("keeps", ["nothing", "everything", "some"])
def test_a_crash_at_any_step_of_the_disk_opens_it_once(base, keeps):
    nation = base[0].copy()
    nation.disk.trace.clear()
    tomorrow(nation)
    count = len(nation.disk.trace)
    assert count > 10
    for at in range(0, count, 3):
        crashed = base[0].copy()
        crashed.disk.fail(at, "middle")
        with pytest.raises(PowerCut):
            tomorrow(crashed)
        opened_once(crashed.crashed(keeps), base)


def test_an_entry_of_nobody_is_opened_like_any_other(nation, base):
    nobody = replace(search(nation.record(CHIYODA, base[1])), name=name("誰 でもない").legal)
    ask(nation, base[1], subject=nobody)
    tomorrow(nation)
    assert len(of_kind(nation, OpeningLeaf)) == 2
    assert len(shown(nation, base[1]).entries) == 1
    kinds = {type(leaf) for _, leaf in of_kind(nation, DisclosureLeaf)}
    assert kinds == set()
