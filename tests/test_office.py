"""A ceremony counts at all keepers or at none; whoever convenes it gains nothing by it."""

import msgspec
import pytest
from tests.offices import (
    Desk,
    Killed,
    desks,
    generation,
    hold,
    recovery,
    resharing,
    trusted,
)

from jukinet.errors import Refused
from jukinet.keys import ceremony as words
from jukinet.keys import group, threshold
from jukinet.keys.refresh import encode_plan
from jukinet.nodes.message import Convene, Mail, Said
from jukinet.nodes.office import NO_EPOCH, NOBODY, agreements, ceremonies, proved

ELEMENT = group.base(group.scalar_of(7))


def works(keepers, among=(1, 2), name="index"):
    """What the shares of some keepers make together of an element."""
    parts = [
        threshold.partial(keeper.office.shares()[name], among, ELEMENT)
        for keeper in keepers
        if keeper.office.shares()[name].index in among
    ]
    return threshold.combine(parts)


@pytest.fixture
def three():
    keepers = desks()
    assert hold(generation(trusted()), keepers).agreed
    return keepers


def test_a_ceremony_gives_each_keeper_its_share_and_any_two_do_what_the_key_does(three):
    assert [keeper.epoch for keeper in three] == [0, 0, 0]
    assert works(three, (1, 2)) == works(three, (1, 3)) == works(three, (2, 3))
    assert {frozenset(keeper.office.shares()) for keeper in three} == {
        frozenset({"index", "open/pension"})
    }


def test_a_refresh_changes_every_share_and_no_key(three):
    before, shares = works(three), [keeper.office.shares()["index"].secret for keeper in three]
    assert hold(resharing(three[0]), three).agreed
    assert [keeper.epoch for keeper in three] == [1, 1, 1]
    assert works(three, (2, 3)) == before
    assert all(
        keeper.office.shares()["index"].secret != old
        for keeper, old in zip(three, shares, strict=True)
    )


def test_what_came_of_it_is_there_after_a_restart(three):
    before = works(three)
    for keeper in three:
        keeper.up()
    assert (works(three), three[0].epoch) == (before, 0)


@pytest.mark.parametrize(
    ("count", "wanted"), [pytest.param(5, 3, id="more of more"), pytest.param(2, 1, id="fewer")]
)
def test_the_number_of_keepers_and_how_many_must_work_can_be_changed(three, count, wanted):
    before = works(three)
    after = trusted(count, wanted)
    everybody = [*three, *(Desk(at, after) for at in range(4, count + 1))]
    plan = resharing(three[0], after)
    for keeper in everybody:
        keeper.told(after)
    taking = [one for one in everybody if one.name in {member.name for member in plan.members}]
    assert hold(plan, taking).agreed
    among = tuple(range(count - wanted + 1, count + 1))
    assert works(everybody[:count], among) == before


def test_a_lost_share_comes_back_from_two_others_and_to_its_keeper_alone(three):
    before = works(three)
    after = trusted(versions=[(3, 1)])
    fresh = Desk(3, after, version=1)
    for keeper in three[:2]:
        keeper.told(after)
    plan = recovery(three[0], 3, after, (1, 2))
    assert hold(plan, [*three[:2], fresh]).agreed
    assert works([three[0], fresh], (1, 3)) == before
    assert fresh.epoch == 0


def test_no_share_goes_to_a_key_that_the_operators_have_not_told_them_to_trust(three):
    thief = Desk(3, trusted(versions=[(3, 9)]), version=9)
    ended = hold(recovery(three[0], 3, trusted(versions=[(3, 9)]), (1, 2)), [*three[:2], thief])
    assert set(ended.refused) == {"keeper-1", "keeper-2"}
    assert "keeper trust" in ended.refused["keeper-1"]
    assert thief.epoch == NO_EPOCH


REFUSED = [
    pytest.param(lambda three: generation(trusted(4)), "not those", id="a fourth keeper"),
    pytest.param(lambda three: generation(trusted(3, 1)), "work together", id="one alone works"),
    pytest.param(
        lambda three: generation(trusted(versions=[(2, 5)])), "not those", id="another's key"
    ),
    pytest.param(lambda three: generation(trusted()), "hold already", id="keys that are there"),
    pytest.param(
        lambda three: generation(trusted(), ("new",), 4), "is of epoch 4", id="another epoch"
    ),
    pytest.param(
        lambda three: resharing(three[0], trusted(3, 3)), "work together", id="other thresholds"
    ),
    pytest.param(lambda three: resharing(three[0], trusted(2)), "not those", id="one left out"),
]


@pytest.mark.parametrize(("plan", "sentence"), REFUSED)
def test_a_keeper_takes_part_in_nothing_that_it_was_not_told_of(three, plan, sentence):
    ended = hold(plan(three), three)
    assert sentence in ended.refused["keeper-1"]
    assert not ended.counted
    assert [keeper.epoch for keeper in three] == [0, 0, 0]


def test_a_keeper_that_was_told_of_nobody_takes_no_part():
    keepers = desks()
    keepers[0].told(NOBODY)
    assert "does not know" in hold(generation(trusted()), keepers).refused["keeper-1"]


def test_keys_can_be_added_and_are_refreshed_with_the_others(three):
    assert hold(generation(trusted(), ("number/tax",)), three).agreed
    before = works(three, name="number/tax")
    assert hold(resharing(three[1]), three).agreed
    assert works(three, (2, 3), name="number/tax") == before
    assert len(three[0].office.shares()) == 3


# --- crashes -------------------------------------------------------------------------------------


class Kills:
    """Kills a keeper before the n-th time that it writes or removes a paper."""

    def __init__(self, nth):
        self.left = nth

    def __call__(self, name):
        self.left -= 1
        if self.left == 0:
            raise Killed


@pytest.mark.parametrize("comes_back", [True, False], ids=["it comes back", "it stays away"])
@pytest.mark.parametrize("nth", range(1, 9))
def test_a_keeper_that_is_killed_at_any_step_goes_on_and_the_epoch_counts_at_all_or_none(
    three, nth, comes_back
):
    before = works(three)
    victim = three[1]
    victim.drawer.before = Kills(nth)

    def watch(message):
        if victim.dead and comes_back:
            victim.drawer.before = lambda name: None
            victim.up()

    ended = hold(resharing(three[0]), three, watch)
    victim.drawer.before = lambda name: None
    victim.up()
    if comes_back:
        assert ended.agreed
    went_on = [keeper for keeper in three if keeper.epoch == 1]
    if went_on and victim.epoch == 0:  # it promised: with the others' agreements it goes on, too
        ((_, certificate),) = ceremonies(went_on[0].office.standing())
        assert victim.office.answer(agreements(certificate), None).epoch == 1
    assert len({keeper.epoch for keeper in three}) == 1
    assert works(three, (1, 2)) == works(three, (2, 3)) == before


def test_words_that_are_lost_are_brought_again(three):
    lost = set()

    plan = resharing(three[0])
    answer = three[2].step

    def step(message, now):
        key = (type(message.body), getattr(message.body, "number", 0))
        out = answer(message, now)
        if key in lost:
            return out
        lost.add(key)
        return []

    three[2].step = step
    assert hold(plan, three).agreed


def test_a_ceremony_that_was_promised_is_not_forgotten_for_another(three):
    """One keeper has all agreements; the others are called to another ceremony before they have."""
    before = works(three)
    plan, other = resharing(three[0]), resharing(three[0])
    agreed = set()

    def watch(message):
        if isinstance(message.body, Said):
            said = map(words.decode, message.body.letters)
            agreed.update(words.encode(one) for one in said if isinstance(one, words.Agreement))
        if len(agreed) == 3:
            raise Killed  # the coordinator

    with pytest.raises(Killed):
        hold(plan, three, watch)
    first = three[0]
    mail = Mail(number=0, ceremony=plan.id(), letters=tuple(agreed))
    assert first.office.answer(mail, None).epoch == 1
    ended = hold(other, three)
    assert not ended.counted
    assert "keeper-1" in ended.refused
    ((_, certificate),) = ceremonies(first.office.standing())
    for keeper in three[1:]:
        assert keeper.office.answer(agreements(certificate), None).epoch == 1
    assert works(three, (2, 3)) == before


def test_ceremonies_that_nobody_promised_make_room(three):
    for _ in range(5):
        plan = resharing(three[0])
        three[0].office.answer(Convene(number=0, plan=_encoded(plan)), None)
    assert len([one for one in three[0].drawer.names() if one.startswith("ceremony-")]) == 1
    assert three[0].office.forget() == 1


def _encoded(plan):
    return encode_plan(plan)


# --- lies ----------------------------------------------------------------------------------------


def test_a_keeper_that_deals_wrong_shares_is_named_by_the_others_and_nothing_counts(three):
    liar = three[1]
    plan = resharing(three[0])

    def lies(said):
        if not isinstance(said, Said):
            return said
        letters = []
        for one in map(words.decode, said.letters):
            if isinstance(one, words.Dealing):
                sealed = (one.sealed[0], bytes(len(one.sealed[1])), bytes(len(one.sealed[2])))
                changed = msgspec.structs.replace(one, sealed=sealed)
                one = words.sign(changed, liar.office._signing)
            letters.append(words.encode(one))
        return msgspec.structs.replace(said, letters=tuple(letters))

    liar.lies = lies
    ended = hold(plan, three)
    assert not ended.agreed
    assert {names for names, _ in ended.blamed.values()} == {("keeper-2",)}
    assert [keeper.epoch for keeper in three] == [0, 0, 0]
    assert any("keeper-2" in line for line in three[0].noted)


@pytest.mark.parametrize("what", ["an accusation", "another agreement"])
def test_a_liar_cannot_leave_one_behind_that_has_agreed(three, what):
    """keeper-1 gets all agreements; keeper-2 is first told something else by keeper-3."""
    plan = resharing(three[0])
    agreed, everything = {}, {}

    def watch(message):
        if isinstance(message.body, Said):
            everything.update(dict.fromkeys(message.body.letters))
            for one in map(words.decode, message.body.letters):
                if isinstance(one, words.Agreement):
                    agreed[one.sender] = one
        if len(agreed) == 3:
            raise Killed

    with pytest.raises(Killed):
        hold(plan, three, watch)
    lie = (
        words.Accusation(ceremony=plan.id(), sender="keeper-3", accused="keeper-1")
        if what == "an accusation"
        else msgspec.structs.replace(agreed["keeper-3"], keys=bytes(32))
    )
    lie = words.encode(words.sign(lie, three[2].office._signing))
    letters = tuple(words.encode(one) for one in agreed.values())
    victim = three[1].office
    told = victim.answer(Mail(number=0, ceremony=plan.id(), letters=(*everything, lie)), None)
    assert (
        three[0].office.answer(Mail(number=0, ceremony=plan.id(), letters=letters), None).epoch == 1
    )
    three[1].up()
    assert told.epoch == 1 or (
        three[1].office.answer(Mail(number=0, ceremony=plan.id(), letters=letters), None).epoch == 1
    )
    assert works(three[:2], (1, 2)) is not None


def test_the_coordinator_sees_no_share(three):
    seen = []
    assert hold(resharing(three[0]), three, lambda message: seen.append(message)).agreed
    said = b"".join(letter for message in seen for letter in getattr(message.body, "letters", ()))
    for keeper in three:
        for share in keeper.office.shares().values():
            assert share.secret.publish() not in said


def test_a_word_that_somebody_made_up_is_not_believed(three):
    def watch(message):
        if isinstance(message.body, Mail):
            letters = tuple(one[:-1] + bytes([one[-1] ^ 1]) for one in message.body.letters)
            three[0].office.answer(
                Mail(number=0, ceremony=message.body.ceremony, letters=(*letters, b"x")), None
            )

    assert hold(resharing(three[0]), three, watch).agreed


def test_nothing_of_a_keeper_shows_a_share(three):
    office = three[0].office
    secret = office.shares()["index"].secret.publish()
    for shown in (repr(office), repr(office.held), str(office.shares())):
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown


def test_what_a_keeper_shows_is_believed_where_all_have_signed_it(three):
    hold(resharing(three[0]), three)
    hold(generation(trusted(), ("number/tax",), 1), three)
    shown = [proved(keeper.office.standing(), trusted()) for keeper in three]
    assert shown[0] == shown[1] == shown[2]
    assert (shown[0].epoch, len(shown[0].keys)) == (1, 3)
    other = trusted(versions=[(2, 1), (3, 1)])
    with pytest.raises(Refused, match="have not signed"):
        proved(three[0].office.standing(), other)
    assert proved(three[0].office.standing(), trusted(versions=[(3, 1)])).keys == shown[0].keys
    lying = msgspec.structs.replace(three[0].office.standing(), made=())
    with pytest.raises(Refused, match="have not signed"):
        proved(lying, trusted())
