"""Whatever one member says to whom, in whatever order it comes: no honest member is ever blamed."""

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremonies import NAMES, Room, generation, member, shares_of, signed
from jukinet.errors import JukinetError
from jukinet.keys.ceremony import Accusation, Agreement, Dealing, Handing, Joining
from jukinet.keys.refresh import Recovery, Resharing

HELD = shares_of(Room(generation()).run().outcomes())
KEYS = tuple(share.public for share in HELD[NAMES[0]].values())
PLANS = {
    "generation": generation(),
    "resharing": Resharing(
        nonce=bytes(16),
        keys=KEYS,
        threshold=2,
        size=3,
        members=(
            member(1, deals=1, holds=1),
            member(2, deals=2, holds=2),
            member(3, holds=3),
        ),
    ),
    "recovery": Recovery(
        nonce=bytes(16),
        keys=KEYS,
        threshold=2,
        lost=3,
        members=(member(1, deals=1, holds=1), member(2, deals=2, holds=2), member(3)),
    ),
}


class Cheat:
    """A member that spoils what it says, for each hearer in another way, and accuses at random."""

    def __init__(self, name, plan, rng, *, often):
        self.name, self.plan, self.rng, self.often = name, plan, rng, often
        self.heard = []

    def __call__(self, message, to):
        self.heard.append(message)
        if message.sender != self.name or to == self.name:
            return [message]
        chance = self.rng.random()
        if chance > self.often:
            return [message]
        if chance < self.often / 4:
            return [self.accusation(), message]
        if chance < self.often / 3:
            return [message, self.spoilt(message)]
        return [self.spoilt(message)]

    def spoilt(self, message):
        name = self.rng.choice([name for name in message.__struct_fields__ if name not in _KEPT])
        spoilt = self.other(getattr(message, name), name)
        return signed(msgspec.structs.replace(message, **{name: spoilt}))

    def other(self, value, name):
        """A value of the same type that is another one, mostly."""
        if isinstance(value, bytes):
            return bytes(byte ^ (self.rng.random() < 0.1) for byte in value) + (
                b"x" if self.rng.random() < 0.2 else b""
            )
        if isinstance(value, tuple) and value:
            place = self.rng.randrange(len(value))
            if self.rng.random() < 0.2 and name != "dealt":
                return value[:place] + value[place + 1 :]
            return (*value[:place], self.other(value[place], "dealt"), *value[place + 1 :])
        if isinstance(value, msgspec.Struct):
            return self.rng.choice([said for said in self.heard if isinstance(said, type(value))])
        return value

    def accusation(self):
        """Of somebody, by whatever was heard."""

        def some(kind):
            return [said for said in self.heard if isinstance(said, kind)]

        dealings = some(Dealing) or [None]
        return signed(
            Accusation(
                ceremony=self.plan.id(),
                sender=self.name,
                accused=self.rng.choice(NAMES[:3]),
                joinings=tuple(self.rng.choices(some(Joining), k=self.rng.randrange(3)))
                if some(Joining)
                else (),
                dealing=self.rng.choice(dealings),
                another=self.rng.choice(
                    [None, (bytes(32), bytes(64)), *(d.dealt[0] for d in some(Agreement))]
                ),
                agreements=tuple(some(Agreement)[: self.rng.randrange(2)]),
                opened=self.rng.choice([b"", bytes(32), b"short"]),
            )
        )


_KEPT = ("ceremony", "sender", "signature")


class Deaf(Room):
    """A room in which a word that is refused is passed over, as the carrier does."""

    def run_with(self, cheat):
        waiting = [said for each in self.members.values() for said in each.start()]
        while waiting:
            said = waiting.pop(self.rng.randrange(len(waiting)))
            for name, each in self.members.items():
                for heard in cheat(said, name):
                    try:
                        waiting += each.take(heard)
                    except JukinetError:
                        assert heard.sender == cheat.name
        return self


@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("kind", PLANS)
@given(
    number=st.integers(0, 2),
    seed=st.integers(0, 2**32),
    often=st.sampled_from([0.1, 0.4, 1.0]),
)
def test_no_honest_member_is_blamed_and_those_who_are_done_agree(kind, number, seed, often):
    plan = PLANS[kind]
    cheat = Cheat(NAMES[number], plan, Random(seed), often=often)
    room = Deaf(plan, seed=seed, hold=HELD).run_with(cheat)
    honest = {name: each for name, each in room.members.items() if name != cheat.name}
    for each in honest.values():
        assert each.blamed is None or each.blamed.names == (cheat.name,)
    done = [each.outcome() for each in honest.values() if each._outcome]
    assert len({outcome.keys for outcome in done}) <= 1
    for outcome in done:
        outcome.certificate.check(plan)
        for share in outcome.shares.values():
            share.check()


def test_the_cheat_of_these_tests_does_get_caught_and_does_get_through():
    """Of its runs some end in blame and some in keys: neither branch above is empty."""
    blamed = done = handed = 0
    for kind, plan in PLANS.items():
        for seed in range(12):
            cheat = Cheat(NAMES[0], plan, Random(seed), often=0.1)
            room = Deaf(plan, seed=seed, hold=HELD).run_with(cheat)
            blamed += sum(1 for each in room.members.values() if each.blamed)
            done += sum(1 for each in room.members.values() if each._outcome)
            handed += sum(1 for said in cheat.heard if isinstance(said, Handing))
            assert kind == "recovery" or not handed
    assert blamed
    assert done
    assert handed
