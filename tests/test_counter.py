"""View keys at a town's counter: none without its leaf on the person's own chain, whatever anybody says."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.nation import Nation, search
from tests.support import CHIYODA, DAY, NOON, SAPPORO_CHUO, SHINJUKU, entrant, name

from jukinet.client.statement import statement
from jukinet.client.view_key import ViewKey, parse_view_key
from jukinet.errors import Malformed, Refused
from jukinet.keys import ratchet
from jukinet.law import leaf as leaves
from jukinet.law.leaf import Holder, KeyGiven, ViewKeyLeaf
from jukinet.ledger.chains import CHAINS
from jukinet.nodes.centre import residents
from jukinet.nodes.counter import VALID_DAYS_MAX
from jukinet.nodes.message import CENTRE, GiveViewKey, Message, NotGiven, ViewKeyStands

GUARDIAN = {"holder": Holder.GUARDIAN, "past": False}


@pytest.fixture(scope="module")
def base():
    """Two people, one of them asked about three times."""
    nation = Nation((CHIYODA, SHINJUKU, SAPPORO_CHUO), ("pension", "tax"))
    (person,) = nation.enter(CHIYODA)
    (other,) = nation.enter(CHIYODA, entrant(name=name("佐藤 太郎")))
    for _ in range(3):
        asked(nation, person)
    return nation, person, other


@pytest.fixture
def nation(base):
    return base[0].copy()


def asked(nation, person, official="official-1", town=CHIYODA) -> None:
    subject = search(nation.record(town, person))
    outcome = nation.ask("pension", "1-73", "standing", subject, official=official)
    assert outcome.content is not None


def request(nation, person, town=CHIYODA, **more):
    """What a desk asks the centre, and what is to become of it."""
    record = nation.record(town, person)
    return nation.towns[town].counter.ask(record, nation.today, official="D-1", **more)


def give(nation, person, town=CHIYODA, **more):
    given, message = request(nation, person, town, **more)
    nation.line.post(message)
    nation.line.run()
    return given


def shown(nation, key):
    return statement(key, nation.mirror())


def key_leaves(nation) -> list[int]:
    return [at for at, leaf in enumerate(nation.leaves()) if isinstance(leaf, ViewKeyLeaf)]


# --- the leaf first ----------------------------------------------------------------------------------


def test_the_leaf_stands_before_the_desk_has_a_key(nation, base):
    given, message = request(nation, base[1])
    with nation.carried() as carried:
        nation.line.post(message)
        assert given.key is None
        nation.line.run()
    (stands,) = [one.body for one in carried if isinstance(one.body, ViewKeyStands)]
    assert given.key is not None
    assert [given.leaf] == key_leaves(nation) == [stands.receipt.index]
    assert nation.centre.ledger.log.size == given.leaf + 1
    nation.audited()


def test_a_crash_after_the_leaf_leaves_a_leaf_and_no_key(nation, base):
    given, message = request(nation, base[1])
    nation.cut_off(CHIYODA)
    nation.line.post(message)
    nation.line.run()
    assert len(key_leaves(nation)) == 1
    assert (given.key, given.refused) == (None, "")
    nation.cut = frozenset()
    up = nation.crashed()
    again = give(up, base[1])
    assert again.key is not None
    assert len(shown(up, again.key).keys) == 2


def test_without_the_line_there_is_no_key(nation, base):
    nation.cut_off(CENTRE)
    given = give(nation, base[1])
    assert (given.key, given.leaf) == (None, -1)


def test_the_public_sees_the_prefecture_and_nothing_of_whom(nation, base):
    given = give(nation, base[1])
    leaf = nation.leaves()[given.leaf]
    assert leaf.issuer == "municipal/13"
    entry = nation.centre.ledger.log.entry(given.leaf)
    for secret in (b"D-1", CHIYODA.encode(), b"self"):
        assert secret not in entry


# --- the key -----------------------------------------------------------------------------------------


def test_the_key_begins_where_the_towns_seed_does_and_opens_everything(nation, base):
    _, person, _ = base
    given = give(nation, person)
    attachment = nation.record(CHIYODA, person).attachment
    key = given.key
    assert (key.epoch, key.place, key.state) == (attachment.epoch, 0, attachment.seed.hex())
    assert key.valid_to == str(DAY + timedelta(days=365))
    assert key.policy != ""
    assert len(shown(nation, key).entries) == 3
    assert parse_view_key(key.encode()) == parse_view_key(key.text.encode()) == key


def test_a_key_without_the_past_is_what_the_centres_chain_had(nation, base):
    _, person, _ = base
    locator = nation.record(CHIYODA, person).attachment.locator
    with nation.stores["chains"].begin() as tx:
        chain = CHAINS.get(tx, locator)
    key = give(nation, person, past=False).key
    assert (key.epoch, key.place, key.state) == (chain.epoch, chain.place, chain.state.hex())


def test_a_guardians_key_opens_nothing_of_the_past(nation, base):
    _, person, _ = base
    key = give(nation, person, **GUARDIAN).key
    assert key.holder is Holder.GUARDIAN
    assert shown(nation, key).entries == ()
    asked(nation, person, official="LATER")
    (entry,) = shown(nation, key).entries
    assert entry.body.official == "LATER"
    assert len(shown(nation, nation.view_key(CHIYODA, person)).entries) == 4


def test_a_guardians_key_opens_nothing_that_was_written_at_the_same_moment_before_it(nation, base):
    _, person, _ = base
    given, message = request(nation, person, **GUARDIAN)
    subject = search(nation.record(CHIYODA, person))
    nation.line.post(nation.question("pension", "1-73", "standing", subject), message)
    nation.line.run()
    assert nation.outcomes("pension")[0].content is not None
    assert isinstance(nation.leaves()[given.leaf], ViewKeyLeaf)
    assert shown(nation, given.key).entries == ()


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({}, id="oneself"),
        pytest.param({"past": False}, id="oneself, from now on"),
        pytest.param({"holder": Holder.PROXY}, id="a proxy"),
        pytest.param(GUARDIAN, id="a guardian"),
    ],
)
def test_every_giving_stands_on_the_persons_own_statement(nation, base, how):
    _, person, other = base
    own = nation.view_key(CHIYODA, person)
    given = give(nation, person, **how)
    found = shown(nation, own)
    (key,) = found.keys
    assert (key.body.town, key.body.official) == (CHIYODA, "D-1")
    assert key.body.holder is how.get("holder", Holder.SELF)
    assert (key.leaf_index, key.body.place) == (given.leaf, given.key.place)
    assert len(found.entries) == 3
    assert shown(nation, nation.view_key(CHIYODA, other)).keys == ()


def test_whoever_has_a_key_sees_the_next_one_given(nation, base):
    first = give(nation, base[1], **GUARDIAN).key
    give(nation, base[1])
    assert [key.body.holder for key in shown(nation, first).keys] == ["guardian", "self"]


def test_after_a_support_measure_an_old_key_sees_nothing_new(nation, base):
    _, person, _ = base
    old = give(nation, person).key
    nation.hide(CHIYODA, person)
    new = give(nation, person).key
    assert new.epoch == old.epoch + 1
    subject = search(nation.record(CHIYODA, person))
    nation.ask("tax", "1-40", "standing", subject)
    assert [len(shown(nation, key).entries) for key in (old, new)] == [3, 1]
    assert [len(shown(nation, key).keys) for key in (old, new)] == [1, 1]


def test_a_person_who_moved_gets_the_same_key_at_the_new_town(nation, base):
    _, person, _ = base
    old = give(nation, person).key
    there = nation.move(person, CHIYODA, SAPPORO_CHUO)
    new = give(nation, there, SAPPORO_CHUO).key
    assert new.state == old.state
    assert [key.body.town for key in shown(nation, new).keys] == [CHIYODA, SAPPORO_CHUO]


# --- who gets none -----------------------------------------------------------------------------------


def test_a_record_that_is_not_live_here_has_no_key(nation, base):
    _, person, _ = base
    nation.move(person, CHIYODA, SAPPORO_CHUO)
    with pytest.raises(Refused, match="not live here"):
        request(nation, person)


def test_before_the_former_towns_certificate_has_come_there_is_no_key(nation, base):
    (person,) = nation.enter(SHINJUKU, entrant(name=name("遅い 手紙")))
    record = nation.record(SHINJUKU, person)
    nation.cut_off(SHINJUKU)
    there = nation.move_in(record, record.code, SHINJUKU, CHIYODA, nation.today)
    with pytest.raises(Refused, match="has not come yet"):
        request(nation, there)


def test_somebody_of_whom_the_centre_has_not_heard_has_no_key(nation, base):
    node = nation.towns[CHIYODA]
    nation.cut_off(CENTRE)
    (person,) = nation.enter(CHIYODA, entrant(name=name("新しい 人")))
    nation.back(nation.centre)
    given, message = request(nation, person)
    reply = nation.centre.step(message, NOON)
    (refused,) = [one.body for one in reply if isinstance(one, Message)]
    assert isinstance(refused, NotGiven)
    node.counter.answered(refused)
    assert (given.key, given.refused) == (None, refused.reason)
    assert "no such person yet" in refused.reason


def test_a_hidden_person_gets_ones_own_key(nation, base):
    nation.hide(CHIYODA, base[1])
    assert give(nation, base[1]).key is not None


def test_nobody_but_a_town_has_a_key_written_down(nation, base):
    _, message = request(nation, base[1])
    size = nation.centre.ledger.log.size
    for sender in ("pension", "desk", "", "999999"):
        (reply,) = [
            one.body
            for one in nation.centre.step(replace(message, sender=sender), NOON)
            if isinstance(one, Message)
        ]
        assert isinstance(reply, NotGiven)
    nation.later(seconds=1)
    assert nation.centre.ledger.log.size == size


@pytest.mark.parametrize("days", [0, -1, VALID_DAYS_MAX + 1])
def test_a_key_for_no_day_or_for_too_many_is_malformed(nation, base, days):
    with pytest.raises(Malformed, match="valid days"):
        request(nation, base[1], valid_days=days)


def test_what_is_too_long_to_be_written_down_is_refused_and_stops_nobody(nation, base):
    _, message = request(nation, base[1])
    long = replace(message, body=replace(message.body, official="D" * 500))
    nation.line.post(long)
    nation.line.run()
    assert key_leaves(nation) == []
    assert give(nation, base[1]).key is not None
    assert nation.centre.out_of_step == []


# --- a centre that lies ------------------------------------------------------------------------------


class Desk:
    """A request whose true reply has not been delivered."""

    def __init__(self, nation, person, **more) -> None:
        self.nation, self.counter = nation, nation.towns[CHIYODA].counter
        self.given, message = request(nation, person, **more)
        self.true = replied(nation, message)

    def hears(self, reply) -> str:
        self.counter.answered(reply)
        return self.given.refused


def replied(nation, message) -> ViewKeyStands:
    """What the centre truly says, and the town does not hear."""
    nation.cut_off(CHIYODA)
    nation.line.post(message)
    nation.line.run()
    reply = nation.line.listen(CHIYODA).pop()
    nation.line._nodes[CHIYODA] = nation.towns[CHIYODA]
    assert isinstance(reply.body, ViewKeyStands)
    return reply.body


def with_receipt(desk, receipt) -> ViewKeyStands:
    return replace(desk.true, receipt=receipt)


def of_another(desk, base):
    return with_receipt(desk, replied(desk.nation, request(desk.nation, base[2])[1]).receipt)


def of_another_holder(desk, base):
    other = request(desk.nation, base[1], holder=Holder.PROXY)[1]
    return with_receipt(desk, replied(desk.nation, other).receipt)


def of_a_disclosure(desk, base):
    index = next(at for at, leaf in enumerate(desk.nation.leaves()) if hasattr(leaf, "inquiry"))
    receipt = desk.nation.centre.ledger.receipt(index)
    return with_receipt(desk, replace(receipt, salt=desk.true.receipt.salt))


LIES = {
    "another person's leaf": of_another,
    "the leaf of another holder's key": of_another_holder,
    "the leaf of a disclosure": of_a_disclosure,
    "no receipt": lambda desk, base: with_receipt(desk, replace(desk.true.receipt, proof=b"")),
    "another index": lambda desk, base: with_receipt(
        desk, replace(desk.true.receipt, index=desk.true.receipt.index - 1)
    ),
    "a leaf that was changed": lambda desk, base: with_receipt(
        desk,
        replace(desk.true.receipt, leaf=desk.true.receipt.leaf.replace(b"al/13", b"al/14")),
    ),
    "another salt": lambda desk, base: with_receipt(
        desk, replace(desk.true.receipt, salt=bytes(32))
    ),
    "another body": lambda desk, base: with_receipt(
        desk, replace(desk.true.receipt, body=desk.true.receipt.body.replace(b"D-1", b"D-2"))
    ),
    "another epoch": lambda desk, base: replace(desk.true, epoch=desk.true.epoch + 1),
    "another place": lambda desk, base: replace(desk.true, place=desk.true.place + 1),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("how", [{}, GUARDIAN], ids=["oneself", "a guardian"])
def test_no_key_is_given_on_a_receipt_that_is_not_of_its_own_leaf(nation, base, lie, how):
    desk = Desk(nation, base[1], **how)
    assert desk.hears(LIES[lie](desk, base))
    assert (desk.given.key, desk.given.leaf) == (None, -1)


@pytest.mark.parametrize("how", [{}, GUARDIAN], ids=["oneself", "a guardian"])
def test_what_the_lies_are_made_from_is_believed(nation, base, how):
    desk = Desk(nation, base[1], **how)
    assert desk.hears(desk.true) == ""
    assert desk.given.key is not None


def test_a_leaf_serves_for_one_key(nation, base):
    first, second = Desk(nation, base[1]), Desk(nation, base[1])
    assert first.hears(first.true) == ""
    assert "does not say" in second.hears(replace(second.true, receipt=first.true.receipt))
    assert second.given.key is None


def test_a_centre_cannot_make_a_guardians_key_open_the_past(nation, base):
    """The leaf's own place is where it begins, whatever place is named."""
    give_key = nation.centre._residents.give_key

    def from_the_start(sender, body, now):
        give_key(sender, replace(body, past=True), now)

    nation.centre._residents.give_key = from_the_start
    given = give(nation, base[1], **GUARDIAN)
    assert shown(nation, given.key).entries == ()


def test_a_leaf_that_says_less_than_its_key_opens_is_refused(nation, base, monkeypatch):
    monkeypatch.setattr(
        residents, "KeyGiven", lambda **said: KeyGiven(**{**said, "place": said["place"] + 5})
    )
    desk = Desk(nation, base[1], **GUARDIAN)
    assert "a later place" in desk.hears(replace(desk.true, place=desk.true.place + 5))
    assert desk.given.key is None


def test_while_the_centre_has_another_chain_there_is_no_key(nation, base):
    nation.cut_off(CENTRE)
    nation.hide(CHIYODA, base[1])
    nation.line.listen(CENTRE).clear()
    nation.line._nodes[CENTRE] = nation.centre
    assert "reconcile first" in give(nation, base[1]).refused


def test_a_reply_that_nobody_waits_for_is_nothing(nation, base):
    desk = Desk(nation, base[1])
    desk.hears(replace(desk.true, request=bytes(16)))
    assert (desk.given.key, desk.given.refused) == (None, "")
    desk.hears(desk.true)
    key = desk.given.key
    desk.hears(NotGiven(request=desk.true.request, reason="after all"))
    assert (desk.given.key, desk.given.refused) == (key, "")


def test_neither_key_nor_request_prints_itself(nation, base):
    given = give(nation, base[1])
    assert repr(given) == "<Given>"
    assert repr(given.key) == "<ViewKey>"
    assert isinstance(given.key, ViewKey)
    assert isinstance(given.asked, GiveViewKey)
    assert repr(given.asked) == "<GiveViewKey>"


def test_the_leaf_is_under_the_label_that_only_the_seed_makes(nation, base):
    given = give(nation, base[1])
    state = nation.record(CHIYODA, base[1]).attachment.seed
    for _ in range(3):
        state = ratchet.next_state(state)
    assert leaves.labels_of(nation.leaves()[given.leaf]) == (ratchet.label(state),)
