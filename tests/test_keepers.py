"""Keepers together: any two of three are enough, a slow one costs once, and a cheat is named."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.nation import Nation, search
from tests.support import CHIYODA, KEEPERS, keeper_ring

from jukinet.index import people
from jukinet.keys import group
from jukinet.keys.sign import SigningKey
from jukinet.law.inquiry import Answer, ByHandle, Standing
from jukinet.law.leaf import ReleaseLeaf
from jukinet.law.schedule import Kind
from jukinet.nodes import keeping
from jukinet.nodes.centre import keepers
from jukinet.nodes.centre.keepers import HEALTH_AFTER, PATIENCE
from jukinet.nodes.message import (
    Health,
    KeeperOrder,
    KeeperReply,
    Message,
    NumberParts,
    Proof,
    Prove,
)


@pytest.fixture(scope="module")
def base():
    nation = Nation((CHIYODA,), ("pension",))
    (person,) = nation.enter(CHIYODA)
    asked = search(nation.record(CHIYODA, person))
    return nation, asked, nation.ask("pension", "1-73", "standing", asked)


@pytest.fixture
def nation(base):
    return base[0].copy()


def ask(nation, base, **more):
    return nation.ask("pension", "1-73", "standing", base[1], **more)


def asked_of(carried) -> list[str]:
    return [one.receiver for one in carried if isinstance(one.body, KeeperOrder)]


class Cheat:
    """A keeper whose answers are changed on the way out, and signed by it all the same."""

    def __init__(self, node, change) -> None:
        self.name = node.name
        self.node = node
        self._change = change

    def start(self, now):
        return []

    def step(self, message, now):
        (out,) = self.node.step(message, now)
        if isinstance(out.body, KeeperReply):
            out = replace(out, body=self._signed(message.body, self._change(out.body)))
        return [out]

    def _signed(self, order, reply):
        said = keeping.said(
            order,
            self.name,
            values=reply.values,
            refused=reply.refused,
            packages=reply.packages,
        )
        key = SigningKey(keeper_ring(self.name).signing)
        return replace(reply, signature=key.sign(said.encode()))


def another_part(reply):
    values = [group.base(group.scalar_of(9)) if one else one for one in reply.values]
    return replace(reply, values=tuple(values))


def no_part(reply):
    return replace(reply, values=tuple(b"\xff" * 32 if one else one for one in reply.values))


# --- any two are enough --------------------------------------------------------------------------


@pytest.mark.parametrize("dead", KEEPERS)
def test_any_two_of_three_answer(nation, base, dead):
    nation.cut_off(dead)
    nation.line.post(nation.question("pension", "1-73", "standing", base[1]))
    nation.line.run()
    nation.later(seconds=PATIENCE.seconds)
    (outcome,) = nation.outcomes("pension")
    assert outcome.content.standing is Standing.RESIDENT
    assert outcome.number == base[2].number
    by_handle = ByHandle(handle=outcome.content.handle)
    nation.line.post(nation.question("pension", "1-73", "standing", by_handle))
    nation.line.run()
    (outcome,) = nation.outcomes("pension")
    assert outcome.content.handle
    nation.audited()


def test_one_alone_answers_nothing_and_that_is_refused_and_said(nation, base):
    nation.cut_off(*KEEPERS[:2])
    nation.line.post(nation.question("pension", "1-73", "standing", base[1]))
    nation.line.run()
    nation.later(seconds=PATIENCE.seconds)
    (outcome,) = nation.outcomes("pension")
    assert (outcome.content, outcome.rule) == (None, "not-opened")
    assert any("1 of 2 work" in one for one in nation.centre.out_of_step)
    assert ask(nation, base).rule == "not-opened", "at once, for nobody is waited for"
    nation.audited()


def test_a_silent_keeper_costs_its_time_once_and_is_asked_again_when_it_works(nation, base):
    nation.cut_off("keeper-2")
    nation.line.post(nation.question("pension", "1-73", "standing", base[1]))
    nation.line.run()
    assert nation.outcomes("pension") == []
    nation.later(seconds=PATIENCE.seconds)
    assert len(nation.outcomes("pension")) == 1
    with nation.carried() as carried:
        assert ask(nation, base).content
    assert {*asked_of(carried)} == {"keeper-1", "keeper-3"}
    with nation.carried() as carried:
        nation.later(seconds=HEALTH_AFTER.seconds)
    assert [one.receiver for one in carried if isinstance(one.body, Health)] == ["keeper-2"]
    nation.back(nation.keepers["keeper-2"])
    nation.later(seconds=HEALTH_AFTER.seconds)
    with nation.carried() as carried:
        assert ask(nation, base).content
    assert {*asked_of(carried)} == {"keeper-1", "keeper-2"}


def test_what_a_slow_keeper_says_when_others_have_answered_is_not_taken(nation, base):
    nation.cut_off("keeper-2")
    nation.line.post(nation.question("pension", "1-73", "standing", base[1]))
    nation.line.run()
    nation.later(seconds=PATIENCE.seconds)
    before = nation.centre.ledger.log.size
    for late in nation.line.listen("keeper-2"):
        if isinstance(late.body, KeeperOrder):
            nation.line.post(*nation.keepers["keeper-2"].step(late, nation.line.now))
    nation.line.run()
    assert len(nation.outcomes("pension")) == 1
    assert nation.centre.ledger.log.size == before


def test_one_who_refuses_what_another_does_is_passed_over_for_that(nation, base):
    nation.keepers["keeper-1"]._budget = 0
    outcome = ask(nation, base)
    assert outcome.number == base[2].number
    assert any("keeper-1: budget" in one for one in nation.centre.out_of_step)
    with nation.carried() as carried:
        ask(nation, base)
    assert "keeper-1" in asked_of(carried), "for the next order it is asked again"


def test_more_than_the_keepers_can_do_is_turned_away(nation, base, monkeypatch):
    monkeypatch.setattr(keepers, "WAITING_MAX", 1)
    nation.cut_off(*KEEPERS)
    nation.line.post(nation.question("pension", "1-73", "standing", base[1]))
    nation.line.run()
    outcome = ask(nation, base)
    assert outcome.rule == "rejected"
    assert "do not keep up" in outcome.refused


def test_an_order_of_more_tasks_than_a_message_has_goes_in_several(nation, base, monkeypatch):
    monkeypatch.setattr(keepers, "TASKS_MAX", 3)
    order = nation.agencies["pension"].ask_many(
        row="1-73", kind=Kind.STANDING, subjects=[base[1]] * 8, now=nation.line.now, numbered=True
    )
    with nation.carried() as carried:
        nation.line.post(order)
        nation.line.run()
    assert {one.number for one in nation.outcomes("pension")} == {base[2].number}
    orders = [one.body for one in carried if one.receiver == "keeper-1"]
    assert [len(one.tasks) for one in orders] == [3, 3, 2] * 2
    assert len([one for one in carried if isinstance(one.body, NumberParts)]) == 3


# --- a keeper that cheats ------------------------------------------------------------------------


@pytest.mark.parametrize("change", [another_part, no_part], ids=["another part", "no element"])
@pytest.mark.parametrize("cheat", KEEPERS[:2])
def test_a_keeper_that_cheats_is_named_and_the_answer_comes_all_the_same(
    nation, base, cheat, change
):
    nation.line.join(Cheat(nation.keepers[cheat], change))
    with nation.carried() as carried:
        outcome = ask(nation, base)
    assert outcome.content.standing is Standing.RESIDENT
    assert outcome.number == base[2].number
    named = [one for one in nation.centre.out_of_step if "cannot prove" in one]
    assert named == [f"{cheat}: it cannot prove what it has signed, and is asked no more"]
    assert {type(one.body) for one in carried} >= {Prove, Proof}
    with nation.carried() as carried:
        assert ask(nation, base).content
    assert cheat not in asked_of(carried)
    nation.audited()


def test_a_keeper_that_cheats_with_a_handle_is_named(nation, base):
    nation.line.join(Cheat(nation.keepers["keeper-2"], another_part))
    outcome = nation.ask("pension", "1-73", "standing", ByHandle(handle=base[2].content.handle))
    assert outcome.content.standing is Standing.RESIDENT
    assert any(one.startswith("keeper-2: it cannot prove") for one in nation.centre.out_of_step)


def test_where_all_have_proved_their_parts_whoever_sealed_it_is_at_fault(nation, base):
    locator = nation.record(CHIYODA, 1).attachment.locator
    with nation.stores["13"].begin() as tx:
        for row in list(people.WRAPPED.everything(tx)):
            if row.locator == locator:
                wrapped = row.wrapped[:-1] + bytes([row.wrapped[-1] ^ 1])
                people.WRAPPED.put(tx, row._replace(wrapped=wrapped))
    outcome = ask(nation, base)
    assert (outcome.content, outcome.rule) == (None, "not-opened")
    assert "who sealed it is at fault" in nation.centre.out_of_step[-1]
    assert not [one for one in nation.centre.out_of_step if "keeper-" in one]


def test_an_answer_that_its_keeper_has_not_signed_is_not_taken(nation, base):
    deliver = nation.line._deliver

    def forged(message):
        if isinstance(message.body, KeeperReply) and message.sender == "keeper-1":
            message = replace(message, body=another_part(message.body))
        deliver(message)

    nation.line._deliver = forged
    assert ask(nation, base).number == base[2].number
    assert "keeper-1: its answer is not signed by it" in nation.centre.out_of_step


def test_a_keeper_that_cheats_with_a_number_is_named_by_the_agency(nation, base):
    """The door cannot see it: the parts are sealed to the agency, and so is their proof."""
    node = nation.keepers["keeper-1"]
    share = node._shares.share("number/tax/1-40")
    node._shares._shares = {**node._shares._shares, "number/pension/1-73": share}
    nation.line.post(nation.question("pension", "1-73", "standing", base[1]))
    nation.line.run()
    agency = nation.agencies["pension"]
    assert any("holder 1" in one for one in agency.distrusted)
    assert agency.outcomes == []
    assert agency.waiting == 1
    agency.distrusted.clear()


# --- parts that come in another order --------------------------------------------------------------


def test_an_answer_waits_for_the_parts_of_its_number(nation, base):
    question = nation.question("pension", "1-73", "standing", base[1])
    nation.cut_off("pension")
    nation.line.post(question)
    nation.line.run()
    came = [
        one for one in nation.line.listen("pension") if isinstance(one.body, Answer | NumberParts)
    ]
    node = nation.agencies["pension"]
    for one in reversed(came):
        assert node.outcomes == []
        node.step(one, nation.line.now)
    (outcome,) = node.outcomes
    assert outcome.number == base[2].number


# --- coming up -----------------------------------------------------------------------------------


def test_until_the_keys_of_the_tags_are_open_no_question_is_taken_and_feeds_wait(base):
    nation = base[0].copy()
    nation.cut = frozenset(KEEPERS)
    nation = nation.restarted()
    assert ask(nation, base).rule == "rejected"
    (other,) = nation.enter(CHIYODA)
    applied = nation.centre.notices_applied
    for node in nation.keepers.values():
        nation.back(node)
    nation.later(minutes=3)
    assert nation.centre.notices_applied == applied + 1
    assert ask(nation, base).rule == "more-than-one"
    assert nation.record(CHIYODA, other).live
    assert sum(isinstance(one, ReleaseLeaf) for one in nation.leaves()) >= 3
    nation.audited()


def test_the_keys_of_the_tags_do_not_rest_at_the_centre(nation):
    releasing = nation.centre._releasing
    ring = repr(vars(nation.centre)) + str(nation.centre_ring.released)
    for keys in releasing._keys.values():
        for secret in (keys.tags, keys.index):
            assert secret not in b"".join(nation.centre_ring.released.values())
            assert secret.hex() not in ring
            for name, image in nation.images().items():
                assert secret.hex().upper() not in image.upper() or name in nation.towns


def test_a_reply_of_nobodys_is_not_taken(nation, base):
    body = KeeperReply(order=1, epoch=0, values=(), refused=(), packages=(), signature=b"")
    for sender in KEEPERS:
        nation.line.post(Message(sender=sender, receiver="centre", body=body))
        nation.line.post(Message(sender=sender, receiver="centre", body=Proof(order=1, proof=b"")))
    nation.line.run()
    assert ask(nation, base).content
    assert nation.centre.out_of_step == []


def test_patience_is_shorter_than_an_inquirys_life():
    assert timedelta(0) < PATIENCE < keepers.HEALTH_AFTER < timedelta(minutes=10)
