"""Fresh shares of old keys: the work stays, old shares are worth nothing, lost ones come back."""

from itertools import combinations, product

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremonies import NAMES, Room, generation, member, shares_of, signed
from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.keys import ceremony, group, refresh, threshold
from jukinet.keys.ceremony import Agreement, Dealing, Handing
from jukinet.keys.refresh import Recovery, Resharing
from jukinet.keys.seal import SealKey

ELEMENT = group.base(group.scalar_of(77))
NONCE = b"n" * 16
ONE, TWO, THREE, FOUR, FIVE = NAMES[:5]


def first_shares(k=2, n=3, seed=1):
    return shares_of(Room(generation(k, n), seed=seed).run().outcomes())


def keys_of(held):
    return tuple(share.public for share in next(iter(held.values())).values())


def resharing(held, dealers, holders, *, k=2, size=None):
    """A plan in which some hand on, as {member: share} before and after."""
    numbers = sorted({*dealers, *holders})
    return Resharing(
        nonce=NONCE,
        keys=keys_of(held),
        threshold=k,
        size=size or len(holders),
        members=tuple(
            member(number, deals=dealers.get(number, 0), holds=holders.get(number, 0))
            for number in numbers
        ),
    )


def recovery(held, helpers=(1, 2), lost=3, loser=3):
    helping = tuple(
        member(number, deals=number, holds=place) for place, number in enumerate(helpers, start=1)
    )
    return Recovery(
        nonce=NONCE,
        keys=keys_of(held),
        threshold=len(helpers),
        lost=lost,
        members=(*helping, member(loser)),
    )


def worked(shares):
    """What some holders' shares make of an element together."""
    among = tuple(share.index for share in shares)
    return threshold.combine([threshold.partial(share, among, ELEMENT) for share in shares])


def work_of(held, name="index"):
    """The work of every k holders of a key; one element when all is well."""
    shares = [mine[name] for mine in held.values()]
    return {worked(some) for some in combinations(shares, shares[0].public.threshold)}


HELD = first_shares()
(WORK,) = work_of(HELD)


# A new epoch.


@settings(max_examples=20)
@given(st.integers(1, 4).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))), st.data())
def test_any_k_shares_of_one_epoch_work_as_the_key_and_no_mixture_does(size, data):
    k, n = size
    old = first_shares(k, n, seed=data.draw(st.integers(0, 99)))
    dealers = data.draw(st.permutations(range(1, n + 1)))[:k]
    everybody = {number: number for number in range(1, n + 1)}
    plan = resharing(old, {number: number for number in dealers}, everybody, k=k)
    outcomes = Room(plan, seed=data.draw(st.integers(0, 99)), hold=old).run().outcomes()
    new = shares_of(outcomes)
    for before, after in zip(keys_of(old), keys_of(new), strict=True):
        assert (after.public, after.epoch) == (before.public, before.epoch + 1)
        after.check()
    assert work_of(new) == work_of(old)
    for among in combinations(NAMES[:n], k):
        for epochs in product((old, new), repeat=k):
            shares = [held[name]["index"] for held, name in zip(epochs, among, strict=True)]
            if len({share.epoch for share in shares}) > 1:
                refused_mixture(shares, new)


def refused_mixture(shares, new):
    """What the mixture makes is not the key's, and is refused before that."""
    among = tuple(share.index for share in shares)
    lots = [threshold.partials(share, among, [ELEMENT]) for share in shares]
    with pytest.raises(OutOfStep):
        threshold.combine_each(lots, among)
    for lot, share in product(lots, shares):
        if lot.epoch != share.epoch:
            with pytest.raises(OutOfStep):
                threshold.verify_partials(share.public, among, [ELEMENT], lot)
    assert worked(shares) not in work_of(new)


def test_every_share_is_another_one_and_the_key_the_same():
    room = Room(resharing(HELD, {1: 1, 2: 2}, {1: 1, 2: 2, 3: 3}), hold=HELD).run()
    new = shares_of(room.outcomes())
    for name in NAMES[:3]:
        for key in ("index", "number/pension"):
            assert new[name][key].secret != HELD[name][key].secret
            new[name][key].check()
    room.members[ONE].outcome().certificate.check(room.plan)


@pytest.mark.parametrize(
    ("dealers", "holders", "k"),
    [
        pytest.param({1: 1, 2: 2}, {1: 1, 2: 2, 3: 3, 4: 4, 5: 5}, 3, id="3 of 5"),
        pytest.param({2: 2, 3: 3}, {1: 1, 2: 2, 3: 3}, 3, id="3 of 3"),
        pytest.param({1: 1, 3: 3}, {1: 1, 2: 2, 3: 3}, 1, id="1 of 3"),
        pytest.param({1: 1, 3: 3}, {4: 1, 5: 2, 6: 3}, 2, id="others altogether"),
        pytest.param({1: 1, 3: 3}, {1: 3, 2: 2, 4: 1}, 2, id="one leaves, one comes"),
        pytest.param({1: 1, 2: 2}, {9: 1}, 1, id="1 of 1"),
    ],
)
def test_a_key_goes_to_another_k_and_n_and_other_holders(dealers, holders, k):
    room = Room(resharing(HELD, dealers, holders, k=k), hold=HELD).run()
    outcomes = room.outcomes()
    new = shares_of(outcomes)
    assert set(new) == {NAMES[number - 1] for number in holders}
    assert {name: mine["index"].index for name, mine in new.items()} == {
        NAMES[number - 1]: holds for number, holds in holders.items()
    }
    assert keys_of(new)[0].threshold == k
    assert work_of(new) == {WORK}


def test_many_epochs_later_the_work_is_the_same():
    held = HELD
    for dealers in ({1: 1, 2: 2}, {2: 2, 3: 3}, {1: 1, 3: 3}):
        plan = resharing(held, dealers, {1: 1, 2: 2, 3: 3})
        held = shares_of(Room(plan, hold=held).run().outcomes())
    assert keys_of(held)[0].epoch == 3
    assert work_of(held) == {WORK}


def test_who_was_away_gets_its_new_share_from_the_others():
    plan = resharing(HELD, {1: 1, 2: 2}, {1: 1, 2: 2}, size=3)
    new = shares_of(Room(plan, hold=HELD).run().outcomes())
    assert set(new) == {ONE, TWO}
    assert len(keys_of(new)[0].shares) == 3
    restored = Room(recovery(new), hold=new).run().outcomes()[THREE]
    assert work_of({**new, THREE: restored.shares}) == {WORK}


def test_nobody_deals_a_share_of_another_epoch_or_of_another_member():
    new = shares_of(
        Room(resharing(HELD, {1: 1, 2: 2}, {1: 1, 2: 2, 3: 3}), hold=HELD).run().outcomes()
    )
    plan = resharing(new, {1: 1, 2: 2}, {1: 1, 2: 2, 3: 3})
    for held in (HELD, {}, {ONE: new[TWO], TWO: new[ONE]}, {ONE: {"index": new[ONE]["index"]}}):
        with pytest.raises(Refused, match="epoch"):
            Room(plan, hold=held)


def altered(kind, sender, alter):
    """A carrier that gives all members another message than the sender's, signed by it."""
    done = {}

    def meddle(message, name):
        if isinstance(message, kind) and message.sender == sender:
            if message.signature not in done:
                changes = alter(message)
                done[message.signature] = signed(msgspec.structs.replace(message, **changes))
            return [done[message.signature]]
        return [message]

    return meddle


@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(
            lambda said: {
                "commitments": tuple((group.plus(c[0], ELEMENT), c[1]) for c in said.commitments)
            },
            id="another key",
        ),
        pytest.param(
            lambda said: {"commitments": tuple((ELEMENT, c[1]) for c in said.commitments)},
            id="a key of its own",
        ),
        pytest.param(lambda said: {"proofs": (bytes(64),) * 2}, id="a proof that nobody asked for"),
        pytest.param(lambda said: {"sealed": (said.sealed[0], b"", b"")}, id="no share"),
    ],
)
def test_who_deals_another_share_than_its_own_is_named_by_all(alter):
    plan = resharing(HELD, {1: 1, 2: 2}, {1: 1, 2: 2, 3: 3})
    room = Room(plan, hold=HELD).run(altered(Dealing, ONE, alter))
    assert set(room.blamed().values()) == {(ONE,)}
    assert work_of(HELD) == {WORK}


def test_who_only_receives_and_deals_all_the_same_is_not_heard():
    plan = resharing(HELD, {1: 1, 2: 2}, {1: 1, 2: 2, 3: 3})
    room = Room(plan, hold=HELD)
    dealing = Dealing(
        ceremony=plan.id(), sender=THREE, joinings=(), commitments=(), proofs=(), sealed=()
    )
    with pytest.raises(Malformed):
        room.members[ONE].take(signed(dealing))
    assert room.run().outcomes()


# A share that was lost.


@pytest.mark.parametrize(
    ("k", "n", "helpers", "lost"),
    [
        (1, 2, (2,), 1),
        (2, 3, (1, 2), 3),
        (2, 3, (3, 1), 2),
        (3, 5, (1, 3, 5), 4),
        (3, 3, None, None),
    ],
)
def test_k_others_bring_back_a_lost_share_and_nothing_else(k, n, helpers, lost):
    held = first_shares(k, n)
    if helpers is None:
        with pytest.raises(Malformed):
            recovery(held, (1, 2, 3), 3, 4).check()
        return
    loser = NAMES[lost - 1]
    outcomes = Room(recovery(held, helpers, lost, lost), hold=held).run(shuffled=True).outcomes()
    assert {name for name, outcome in outcomes.items() if outcome.shares} == {loser}
    for name, share in outcomes[loser].shares.items():
        assert share.secret == held[loser][name].secret
        assert share.public == held[loser][name].public
        share.check()


def test_a_lost_share_may_go_to_a_new_member():
    outcomes = Room(recovery(HELD, (1, 2), 3, loser=7), hold=HELD).run().outcomes()
    assert outcomes[NAMES[6]].shares["index"].secret == HELD[THREE]["index"].secret


def opened_by_the_loser(seed):
    """Everything that the one that lost its share ever decrypts: its helpers' values."""
    room = Room(recovery(HELD), seed=seed, hold=HELD)
    loser, seen = room.members[THREE], []
    keep = loser._unsealed
    loser._unsealed = lambda *args: seen.append([v.publish() for v in keep(*args)]) or keep(*args)
    room.run()
    return seen


def test_the_one_that_lost_its_share_sees_no_share_of_its_helpers():
    """What it sees is other each time, and only what it adds up to is the same."""
    runs = [opened_by_the_loser(seed) for seed in (1, 2)]
    shares = {share.secret.publish() for name in (ONE, TWO) for share in HELD[name].values()}
    weighed = {
        group.scalar_mul(threshold.lagrange(index, (1, 2), at=3), share.secret).publish()
        for index, name in ((1, ONE), (2, TWO))
        for share in HELD[name].values()
    }
    seen = [{value for values in run for value in values} for run in runs]
    assert all(len(values) == 4 for values in seen)
    assert seen[0].isdisjoint(seen[1])
    assert (seen[0] | seen[1]).isdisjoint(shares | weighed)


def test_who_hands_over_a_wrong_value_is_named_by_the_one_that_asked():
    room = Room(recovery(HELD), hold=HELD)
    joined = {}

    def meddle(message, name):
        if isinstance(message, ceremony.Joining):
            joined[message.sender] = message
        if isinstance(message, Handing) and message.sender == TWO:
            context = msgspec.msgpack.encode((message.ceremony, TWO, THREE))
            key = SealKey(joined[THREE].seals[1])
            return [signed(msgspec.structs.replace(message, sealed=key.seal(ELEMENT * 2, context)))]
        return [message]

    room.run(meddle)
    assert room.blamed() == {ONE: (), TWO: (), THREE: (TWO,)}


@pytest.mark.parametrize("sealed", [b"", bytes(200)])
def test_who_hands_over_nothing_is_named_by_the_one_that_asked(sealed):
    room = Room(recovery(HELD), hold=HELD).run(
        altered(Handing, TWO, lambda said: {"sealed": sealed})
    )
    assert room.blamed()[THREE] == (TWO,)


def test_who_does_not_hand_over_is_missing():
    room = Room(recovery(HELD), hold=HELD).run(
        lambda said, name: [] if isinstance(said, Handing) and said.sender == ONE else [said]
    )
    assert room.members[THREE].missing() == (ONE,)
    assert room.members[THREE].give_up().names == (ONE,)


def test_nothing_is_handed_over_before_all_have_agreed():
    heard = []
    room = Room(recovery(HELD), hold=HELD)
    room.run(
        lambda said, name: (
            heard.append(type(said))
            or (
                []
                if isinstance(said, Agreement) and said.sender == THREE and name != THREE
                else [said]
            )
        )
    )
    assert Handing not in heard
    assert not any(each._outcome for each in room.members.values())


def test_nothing_is_handed_over_in_a_resharing():
    plan = resharing(HELD, {1: 1, 2: 2}, {1: 1, 2: 2, 3: 3})
    room = Room(plan, hold=HELD)
    handing = signed(Handing(ceremony=plan.id(), sender=ONE, sealed=b""))
    with pytest.raises(Malformed):
        room.members[TWO].take(handing)


# Plans.


@pytest.mark.parametrize(
    ("dealers", "fields"),
    [
        pytest.param({1: 1}, {}, id="fewer than k dealers"),
        pytest.param({1: 1, 2: 2, 3: 3}, {}, id="more than k dealers"),
        pytest.param({1: 1, 2: 4}, {}, id="a dealer with no share"),
        pytest.param({1: 1, 2: 1}, {}, id="one share, dealt twice"),
        pytest.param({1: 1, 2: 2}, {"keys": ()}, id="no key"),
        pytest.param({1: 1, 2: 2}, {"size": 2}, id="more holders than shares"),
        pytest.param({1: 1, 2: 2}, {"threshold": 4}, id="a threshold above the holders"),
        pytest.param(
            {1: 1, 2: 2},
            {"keys": (msgspec.structs.replace(keys_of(HELD)[0], public=ELEMENT),)},
            id="a key with another's shares",
        ),
        pytest.param(
            {1: 1, 2: 2},
            {"keys": (keys_of(HELD)[0], msgspec.structs.replace(keys_of(HELD)[1], epoch=5))},
            id="keys of two epochs",
        ),
    ],
)
def test_a_resharing_that_cannot_be_carried_out_is_malformed(dealers, fields):
    plan = resharing(HELD, dealers, {1: 1, 2: 2, 3: 3})
    with pytest.raises(Malformed):
        msgspec.structs.replace(plan, **fields).check()


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"lost": 1}, id="a share that a helper has"),
        pytest.param({"lost": 4}, id="no share"),
        pytest.param({"lost": 0}, id="the key itself"),
        pytest.param({"threshold": 1}, id="another threshold"),
        pytest.param({"members": recovery(HELD).members[:2]}, id="nobody lost one"),
        pytest.param({"members": (*recovery(HELD).members, member(5))}, id="two lost one"),
    ],
)
def test_a_recovery_that_cannot_be_carried_out_is_malformed(fields):
    recovery(HELD).check()
    with pytest.raises(Malformed):
        msgspec.structs.replace(recovery(HELD), **fields).check()


@pytest.mark.parametrize(
    "plan",
    [generation(), resharing(HELD, {1: 1, 2: 2}, {1: 1, 2: 2, 3: 3}), recovery(HELD)],
    ids=["generation", "resharing", "recovery"],
)
def test_a_plan_is_read_as_it_was_written(plan):
    assert refresh.decode_plan(refresh.encode_plan(plan)) == plan
    assert refresh.decode_plan(refresh.encode_plan(plan)).id() == plan.id()
    for raw in (b"", refresh.encode_plan(plan)[:-1], b"\xc0"):
        with pytest.raises(Malformed):
            refresh.decode_plan(raw)
