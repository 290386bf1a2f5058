"""Distributed key generation: all agree on keys that nobody holds, or on who prevented it."""

import traceback
from itertools import combinations
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremonies import NAMES, SIGNING, Room, generation, signed
from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.keys import ceremony, dkg, group, threshold
from jukinet.keys.ceremony import (
    Accusation,
    Agreement,
    Blamed,
    Dealing,
    Generation,
    Joining,
    Member,
)
from jukinet.keys.seal import OpenKey, SealKey
from jukinet.keys.sign import SigningKey

ELEMENT = group.base(group.scalar_of(77))
CHEAT, VICTIM, OTHER = NAMES[:3]
sizes = st.integers(1, 4).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n)))


def change(message, **fields):
    return signed(msgspec.structs.replace(message, **fields))


def only(kind, sender, to, alter):
    """A carrier that alters one sender's message of a kind, on the way to some members."""
    altered = {}

    def meddle(message, name):
        if isinstance(message, kind) and message.sender == sender and name in to:
            if message.signature not in altered:
                altered[message.signature] = alter(message)
            return altered[message.signature]
        return [message]

    return meddle


# When all is well.


@settings(max_examples=25)
@given(sizes, st.integers(0, 2**32), st.booleans())
def test_any_k_members_do_the_work_of_a_key_that_nobody_holds(size, seed, shuffled):
    k, n = size
    room = Room(generation(k, n), seed=seed).run(shuffled=shuffled)
    outcomes = room.outcomes()
    certificates = [outcome.certificate for outcome in outcomes.values()]
    assert all(each == certificates[0] for each in certificates)
    certificates[0].check(room.plan)
    for key in certificates[0].keys:
        key.check()
        shares = [outcome.shares[key.name] for outcome in outcomes.values()]
        for share in shares:
            share.check()
        worked = {
            threshold.combine(
                [threshold.partial(shares[index - 1], among, ELEMENT) for index in among]
            )
            for among in combinations(range(1, n + 1), k)
        }
        assert len(worked) == 1


def test_the_keys_of_one_ceremony_and_of_two_are_all_different():
    first, second = (Room(generation(), seed=seed).run().outcomes() for seed in (1, 2))
    keys = [key.public for found in (first, second) for key in found[CHEAT].keys]
    assert len(set(keys)) == 4


def test_a_message_may_come_as_often_as_it_likes():
    room = Room(generation()).run(lambda message, name: [message] * 3)
    assert room.outcomes().keys() == set(NAMES[:3])


def test_nobody_who_carries_the_messages_sees_a_share():
    seen = bytearray()

    def listen(message, name):
        seen.extend(ceremony.encode(message))
        return [message]

    outcomes = Room(generation()).run(listen).outcomes()
    for outcome in outcomes.values():
        for share in outcome.shares.values():
            assert share.secret.publish() not in seen


def test_hundreds_of_keys_are_made_in_one_ceremony():
    names = tuple(f"number/{sector}" for sector in range(60))
    outcomes = Room(generation(names=names)).run().outcomes()
    assert set(outcomes[CHEAT].shares) == set(names)


# A wrong share.


def sealed_anew(dealing, receiver, plain):
    """The dealing with other values for a receiver, sealed as the dealer would."""
    names = [joining.sender for joining in dealing.joinings]
    seals = dealing.joinings[names.index(receiver)].seals
    key = SealKey(seals[names.index(dealing.sender)])
    context = msgspec.msgpack.encode((dealing.ceremony, dealing.sender, receiver))
    sealed = list(dealing.sealed)
    sealed[names.index(receiver)] = key.seal(plain, context)
    return change(dealing, sealed=tuple(sealed))


@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(
            lambda dealing: sealed_anew(dealing, VICTIM, group.scalar_of(5) * 2), id="another value"
        ),
        pytest.param(lambda dealing: sealed_anew(dealing, VICTIM, bytes(64)), id="zeros"),
        pytest.param(lambda dealing: sealed_anew(dealing, VICTIM, b"\xff" * 64), id="no scalars"),
        pytest.param(
            lambda dealing: sealed_anew(dealing, VICTIM, group.scalar_of(5)), id="too few values"
        ),
        pytest.param(
            lambda dealing: change(
                dealing, sealed=(dealing.sealed[0], dealing.sealed[2], dealing.sealed[2])
            ),
            id="another's",
        ),
        pytest.param(
            lambda dealing: change(dealing, sealed=(dealing.sealed[0], b"", dealing.sealed[2])),
            id="nothing",
        ),
    ],
)
def test_who_deals_one_member_a_wrong_share_is_named_by_all(alter):
    room = Room(generation()).run(only(Dealing, CHEAT, NAMES, lambda said: [alter(said)]))
    assert set(room.blamed().values()) == {(CHEAT,)}
    for each in room.members.values():
        with pytest.raises(Blamed, match="keeper-1 dealt a wrong share"):
            each.outcome()


def test_a_wrong_share_is_shown_without_any_right_one():
    """The accuser opens what the cheat sealed to it and nothing else."""
    heard = []

    wrong = only(
        Dealing, CHEAT, NAMES, lambda said: [sealed_anew(said, VICTIM, group.scalar_of(5) * 2)]
    )
    room = Room(generation()).run(lambda said, name: heard.append(said) or wrong(said, name))
    (accusation,) = {said.opened: said for said in heard if isinstance(said, Accusation)}.values()
    opening = OpenKey(accusation.opened)
    honest = next(said for said in heard if isinstance(said, Dealing) and said.sender == OTHER)
    joining = next(said for said in heard if isinstance(said, Joining) and said.sender == VICTIM)
    assert joining.seals[0] == opening.public.raw
    assert opening.public.raw not in joining.seals[1:]
    context = msgspec.msgpack.encode((room.plan.id(), OTHER, VICTIM))
    with pytest.raises(OutOfStep):
        opening.open(honest.sealed[1], context)
    assert accusation.opened.hex() not in repr(accusation)


# What all can see.


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        pytest.param(
            lambda said: {"proofs": (said.proofs[1], said.proofs[0])}, "proved", id="another proof"
        ),
        pytest.param(lambda said: {"proofs": ()}, "proved", id="no proof"),
        pytest.param(lambda said: {"proofs": (b"", b"")}, "proved", id="empty proofs"),
        pytest.param(
            lambda said: {
                "commitments": tuple((group.plus(c[0], ELEMENT), c[1]) for c in said.commitments)
            },
            "proved",
            id="a key with no proof of possession",
        ),
        pytest.param(
            lambda said: {"commitments": tuple((group.IDENTITY, c[1]) for c in said.commitments)},
            "no element",
            id="the identity",
        ),
        pytest.param(
            lambda said: {"commitments": tuple((c[0], b"\xff" * 32) for c in said.commitments)},
            "no element",
            id="no element",
        ),
        pytest.param(
            lambda said: {"commitments": tuple((*c, c[1]) for c in said.commitments)},
            "another number",
            id="a polynomial of a higher degree",
        ),
        pytest.param(
            lambda said: {"commitments": tuple(c[:1] for c in said.commitments)},
            "another number",
            id="a polynomial of a lower degree",
        ),
        pytest.param(
            lambda said: {"commitments": said.commitments[:1], "proofs": said.proofs[:1]},
            "another number",
            id="a key too few",
        ),
        pytest.param(
            lambda said: {"sealed": said.sealed[:2]}, "another number", id="a share too few"
        ),
        pytest.param(lambda said: {"joinings": said.joinings[:2]}, "other members", id="to two"),
        pytest.param(
            lambda said: {
                "joinings": (
                    *said.joinings[:2],
                    msgspec.structs.replace(said.joinings[2], seals=said.joinings[0].seals),
                )
            },
            "made up",
            id="with a joining that nobody signed",
        ),
    ],
)
def test_who_deals_wrongly_for_all_to_see_is_named_by_all(alter, reason):
    meddle = only(Dealing, CHEAT, NAMES, lambda said: [change(said, **alter(said))])
    room = Room(generation()).run(meddle)
    assert set(room.blamed().values()) == {(CHEAT,)}
    with pytest.raises(Blamed, match=reason):
        room.members[OTHER].outcome()


def test_nobody_chooses_the_key_by_waiting_for_the_others():
    """The rogue key: a constant that cancels the others', with the proof that cannot be made."""
    known = {}

    def meddle(message, name):
        if isinstance(message, Dealing):
            known[message.sender] = message
            if message.sender == CHEAT and OTHER in known and VICTIM in known:
                mine = tuple(
                    (group.minus(group.minus(ELEMENT, others[0][0]), others[1][0]), own[1])
                    for own, *others in zip(
                        message.commitments,
                        known[VICTIM].commitments,
                        known[OTHER].commitments,
                        strict=True,
                    )
                )
                return [change(message, commitments=mine)]
        return [message] if not (isinstance(message, Dealing) and message.sender == CHEAT) else []

    room = Room(generation())
    spoken = room.members[CHEAT]
    first = [said for each in room.members.values() for said in each.start()]
    later = []
    for said in first:
        for each in room.members.values():
            later += each.take(said)
    later.sort(key=lambda said: said.sender == CHEAT)
    for said in later:
        for name, each in room.members.items():
            if each is not spoken:
                for heard in meddle(said, name):
                    each.take(heard)
    assert {room.blamed()[name] for name in (VICTIM, OTHER)} == {(CHEAT,)}


# Two faces.


def test_who_deals_in_two_ways_is_named_by_all():
    def another(said):
        return [change(said, sealed=(said.sealed[0], said.sealed[1], said.sealed[2] + b"x"))]

    room = Room(generation()).run(only(Dealing, CHEAT, (VICTIM,), another))
    assert set(room.blamed().values()) == {(CHEAT,)}
    with pytest.raises(Blamed, match="dealt in two ways"):
        room.members[OTHER].outcome()


def test_who_deals_in_two_ways_that_each_would_do_is_named_by_all():
    """A second run of the cheat with other chance: both dealings are faultless by themselves."""
    twin = dkg.Participant(generation(), CHEAT, signing=SIGNING[CHEAT], chance=Random(99).randbytes)
    twin.start()

    def both(message, name):
        if isinstance(message, Joining):
            for said in twin.take(message):
                both.dealt = said
        if isinstance(message, Dealing) and message.sender == CHEAT and name == VICTIM:
            return [both.dealt]
        return [message]

    room = Room(generation()).run(both)
    assert set(room.blamed().values()) == {(CHEAT,)}


def test_who_joins_in_two_ways_is_named_by_all():
    other = tuple(OpenKey(bytes([number]) * 32).public.raw for number in range(3))
    meddle = only(Joining, CHEAT, (VICTIM,), lambda said: [change(said, seals=other)])
    room = Room(generation()).run(meddle)
    assert set(room.blamed().values()) == {(CHEAT,)}
    with pytest.raises(Blamed, match="joined in two ways"):
        room.members[OTHER].outcome()


@pytest.mark.parametrize(
    "seals", [(bytes(32),) * 3, (b"short",) * 3, (), (bytes(range(32)),) * 2], ids=len
)
def test_who_joins_with_keys_for_nobody_is_named_by_all(seals):
    meddle = only(Joining, CHEAT, NAMES, lambda said: [change(said, seals=seals)])
    room = Room(generation()).run(meddle)
    assert {room.blamed()[name] for name in (VICTIM, OTHER)} == {(CHEAT,)}


@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(lambda said: {"keys": bytes(32)}, id="to other keys"),
        pytest.param(lambda said: {"dealt": said.dealt[::-1]}, id="to others' dealings"),
        pytest.param(lambda said: {"dealt": said.dealt[:2]}, id="to fewer"),
        pytest.param(
            lambda said: {"dealt": ((bytes(32), bytes(64)), *said.dealt[1:])}, id="to a made-up one"
        ),
    ],
)
@pytest.mark.parametrize("to", [NAMES, (VICTIM,)], ids=["all", "one"])
def test_who_agrees_to_something_else_is_named_by_all(alter, to):
    meddle = only(Agreement, CHEAT, to, lambda said: [change(said, **alter(said))])
    room = Room(generation()).run(meddle)
    assert {room.blamed()[name] for name in (VICTIM, OTHER)} <= {(CHEAT,), ()}
    assert room.blamed()[VICTIM] == (CHEAT,)


# False accusers.


@pytest.mark.parametrize(
    "proof",
    [
        pytest.param(lambda room, said: {}, id="nothing"),
        pytest.param(lambda room, said: {"dealing": said[Dealing, OTHER]}, id="a right dealing"),
        pytest.param(
            lambda room, said: {
                "dealing": said[Dealing, OTHER],
                "opened": room.members[CHEAT]._opening[OTHER].reveal_secret(),
            },
            id="a right share",
        ),
        pytest.param(
            lambda room, said: {"dealing": said[Dealing, OTHER], "opened": bytes(range(32))},
            id="a share, opened with another key",
        ),
        pytest.param(
            lambda room, said: {"dealing": said[Dealing, OTHER], "opened": b"short"},
            id="a share, opened with no key",
        ),
        pytest.param(
            lambda room, said: {
                "dealing": msgspec.structs.replace(said[Dealing, OTHER], sealed=())
            },
            id="a dealing that was changed",
        ),
        pytest.param(
            lambda room, said: {"dealing": said[Dealing, OTHER], "another": (bytes(32), bytes(64))},
            id="another dealing that nobody signed",
        ),
        pytest.param(
            lambda room, said: {"joinings": (said[Joining, OTHER],) * 2}, id="one joining, twice"
        ),
        pytest.param(
            lambda room, said: {
                "joinings": (
                    said[Joining, OTHER],
                    msgspec.structs.replace(said[Joining, OTHER], seals=()),
                )
            },
            id="a joining that was changed",
        ),
    ],
)
def test_who_accuses_without_a_proof_is_named(proof):
    room, said = Room(generation()), {}

    def meddle(message, name):
        said[type(message), message.sender] = message
        ready = {(Dealing, OTHER), (Joining, OTHER)} <= said.keys()
        if isinstance(message, Agreement) and message.sender == CHEAT and ready:
            return [
                signed(
                    Accusation(
                        ceremony=room.plan.id(),
                        sender=CHEAT,
                        accused=OTHER,
                        **proof(room, said),
                    )
                )
            ]
        return [message] if name != CHEAT else []

    # The cheat keeps its own state, to have something to show.
    waiting = [word for each in room.members.values() for word in each.start()]
    while waiting:
        message = waiting.pop(0)
        for name, each in room.members.items():
            if name == CHEAT:
                waiting += each.take(message)
            else:
                for heard in meddle(message, name):
                    waiting += each.take(heard)
    assert {room.blamed()[name] for name in (VICTIM, OTHER)} == {(CHEAT,)}


# Words that count for nothing.


def test_words_of_another_ceremony_are_refused_and_change_nothing():
    old = []
    Room(generation(nonce=b"1" * 16), seed=5).run(
        lambda message, name: old.append(message) or [message]
    )
    room = Room(generation(nonce=b"2" * 16), seed=6)
    for message in old:
        with pytest.raises(OutOfStep, match="another"):
            room.members[VICTIM].take(message)
    assert room.run().outcomes().keys() == set(NAMES[:3])


def test_words_of_another_epoch_are_refused():
    first = generation()
    later = msgspec.structs.replace(first, first_epoch=1)
    assert first.id() != later.id()
    said = Room(first).members[CHEAT].start()
    with pytest.raises(OutOfStep):
        Room(later).members[VICTIM].take(said[0])


def test_words_that_the_carrier_changed_are_refused_and_blame_nobody():
    room = Room(generation())
    waiting = [said for each in room.members.values() for said in each.start()]
    kinds = set()
    while waiting:
        message = waiting.pop(0)
        kinds.add(type(message))
        for each in room.members.values():
            for changed in (
                msgspec.structs.replace(message, sender=OTHER, signature=bytes(64)),
                msgspec.structs.replace(message, signature=message.signature[::-1]),
                msgspec.structs.replace(message, signature=b""),
            ):
                with pytest.raises(Refused):
                    each.take(changed)
            waiting += each.take(message)
    assert kinds == {Joining, Dealing, Agreement}
    assert room.outcomes().keys() == set(NAMES[:3])


def test_the_word_of_a_stranger_is_malformed():
    room = Room(generation())
    said = msgspec.structs.replace(room.members[CHEAT].start()[0], sender="keeper-9")
    with pytest.raises(Malformed):
        room.members[VICTIM].take(signed(said))


@given(st.binary(max_size=60))
def test_bytes_that_are_no_message_are_malformed(raw):
    with pytest.raises(Malformed):
        ceremony.decode(raw)


# Silence.


@pytest.mark.parametrize("kind", [Joining, Dealing, Agreement])
def test_who_says_nothing_is_missing_and_named_when_the_time_is_over(kind):
    room = Room(generation()).run(only(kind, CHEAT, (VICTIM, OTHER), lambda said: []))
    for name in (VICTIM, OTHER):
        each = room.members[name]
        assert each.missing() == (CHEAT,)
        with pytest.raises(OutOfStep, match="keeper-1"):
            each.outcome()
        assert each.give_up().names == (CHEAT,)
        with pytest.raises(Blamed, match="in time"):
            each.outcome()


def test_all_who_are_silent_are_named():
    room = Room(generation(2, 4))
    room.members[CHEAT].take(room.members[CHEAT].start()[0])
    assert room.members[CHEAT].give_up().names == NAMES[1:4]


def test_a_ceremony_that_is_done_is_not_given_up():
    room = Room(generation()).run()
    assert room.members[CHEAT].give_up() is None
    assert room.members[CHEAT].missing() == ()
    assert room.members[CHEAT].outcome().shares


# Plans and certificates.


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"nonce": b"short"}, id="a short nonce"),
        pytest.param({"names": ()}, id="no key"),
        pytest.param({"first_epoch": -1}, id="an epoch before the first"),
        pytest.param(
            {"members": (Member(name="x", verify=b"short", deals=1, holds=1),), "threshold": 1},
            id="a short signing key",
        ),
        pytest.param({"names": ("index", "index")}, id="a key twice"),
        pytest.param({"threshold": 0}, id="k = 0"),
        pytest.param({"threshold": 4}, id="k > n"),
        pytest.param({"members": ()}, id="nobody"),
        pytest.param({"members": generation().members[:1] * 2}, id="a member twice"),
        pytest.param({"members": generation().members[::-1]}, id="members out of order"),
        pytest.param(
            {
                "members": (
                    *generation().members[:2],
                    Member(name="x", verify=generation().members[0].verify, deals=3, holds=3),
                )
            },
            id="one key for two members",
        ),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_malformed(fields):
    with pytest.raises(Malformed):
        msgspec.structs.replace(generation(), **fields).check()


def test_nobody_takes_part_with_anothers_key_or_name():
    for name, signing in ((CHEAT, SIGNING[VICTIM]), ("keeper-9", SIGNING[CHEAT])):
        with pytest.raises(Malformed):
            dkg.Participant(generation(), name, signing=signing, chance=Random(1).randbytes)


def test_a_certificate_is_checked_against_its_plan_keys_and_signers():
    room = Room(generation()).run()
    certificate = room.members[CHEAT].outcome().certificate
    certificate.check(room.plan)
    other = Room(generation(), seed=9).run().members[CHEAT].outcome().certificate
    with pytest.raises(Malformed):
        certificate.check(generation(nonce=b"9" * 16))
    one, two, three = certificate.agreements
    replace = msgspec.structs.replace
    for fields in (
        {"keys": other.keys},
        {"agreements": (one, two, other.agreements[2])},
        {"agreements": (one, two, replace(three, signature=two.signature))},
        {"agreements": (one, two, change(three, dealt=other.agreements[2].dealt))},
    ):
        with pytest.raises(Refused):
            replace(certificate, **fields).check(room.plan)
    for agreements in ((one, two), (two, one, three), (one, two, three, three), (one, two, two)):
        with pytest.raises(Malformed):
            replace(certificate, agreements=agreements).check(room.plan)


def test_no_error_or_outcome_shows_a_share():
    room = Room(generation()).run()
    secrets = [
        share.secret.publish()
        for outcome in room.outcomes().values()
        for share in outcome.shares.values()
    ]
    shown = repr(room.outcomes()) + str(room.members) + repr(list(room.outcomes().values()))
    spoilt = Room(generation()).run(
        only(Dealing, CHEAT, NAMES, lambda said: [sealed_anew(said, VICTIM, secrets[0] * 2)])
    )
    for each in spoilt.members.values():
        with pytest.raises(Blamed) as error:
            each.outcome()
        shown += "".join(traceback.format_exception(error.value)) + repr(error.value)
    for secret in secrets:
        assert secret.hex() not in shown
        assert repr(secret)[2:14] not in shown


def test_a_ceremony_that_ended_leaves_no_share_behind():
    room = Room(generation())
    each = room.members[VICTIM]
    held = [secret._held for secret in each._constants]
    assert any(any(place) for place in held)
    room.run(only(Dealing, CHEAT, NAMES, lambda said: [change(said, proofs=())]))
    assert each.blamed
    assert not any(any(place) for place in held)
    assert each._opening == {}


def test_generation_is_a_plan_that_others_can_read():
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(generation()), type=Generation)
    assert SigningKey(bytes(32)).public_bytes
