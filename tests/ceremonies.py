"""A room for ceremonies: members, and a carrier of messages that a test may corrupt."""

from random import Random

from jukinet.keys import ceremony, refresh
from jukinet.keys.ceremony import Generation, Member
from jukinet.keys.sign import SigningKey

NAMES = tuple(f"keeper-{number}" for number in range(1, 10))
SIGNING = {name: SigningKey(Random(name).randbytes(32)) for name in NAMES}


def member(number, *, deals=0, holds=0):
    name = NAMES[number - 1]
    return Member(name=name, verify=SIGNING[name].public_bytes, deals=deals, holds=holds)


def generation(k=2, n=3, *, names=("index", "number/pension"), nonce=bytes(16)):
    return Generation(
        nonce=nonce,
        names=names,
        threshold=k,
        members=tuple(member(number, deals=number, holds=number) for number in range(1, n + 1)),
    )


class Room:
    """All members of a plan; `hold` brings shares to those who deal old ones."""

    def __init__(self, plan, *, seed=1, hold=None):
        self.rng = Random(seed)
        self.plan = plan
        self.members = {
            each.name: refresh.Participant(
                plan,
                each.name,
                signing=SIGNING[each.name],
                chance=self.rng.randbytes,
                shares=(hold or {}).get(each.name),
            )
            for each in plan.members
        }

    def run(self, meddle=lambda message, to: [message], *, shuffled=False):
        """Carry every message to every member, until none is left.

        `meddle` gives what arrives instead of a message to one member. Messages go over the wire
        as bytes.
        """
        waiting = [said for each in self.members.values() for said in each.start()]
        while waiting:
            place = self.rng.randrange(len(waiting)) if shuffled else 0
            said = ceremony.decode(ceremony.encode(waiting.pop(place)))
            for name, each in self.members.items():
                for heard in meddle(said, name):
                    waiting += each.take(heard)
        return self

    def outcomes(self):
        return {name: each.outcome() for name, each in self.members.items()}

    def blamed(self):
        """Whom each member blames; nobody where it is done or waits."""
        return {
            name: each.blamed.names if each.blamed else () for name, each in self.members.items()
        }


def shares_of(outcomes):
    """What each member holds, to be brought to the next ceremony."""
    return {name: outcome.shares for name, outcome in outcomes.items() if outcome.shares}


def signed(message):
    """A message signed anew by its sender, as only the sender could."""
    return ceremony.sign(message, SIGNING[message.sender])
