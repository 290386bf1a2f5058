"""Some keepers' offices on one line, for tests of ceremonies."""

from __future__ import annotations

import random
from datetime import timedelta

from tests.support import NOON

from jukinet.keys.ceremony import Member
from jukinet.keys.refresh import Generation, Recovery, Resharing
from jukinet.keys.seal import OpenKey
from jukinet.keys.sign import SigningKey
from jukinet.nodes.convening import Coordinator
from jukinet.nodes.keyring import KeeperEntry
from jukinet.nodes.message import AskStanding, Convene, Mail, Message
from jukinet.nodes.office import Office, Trusted
from jukinet.wire.line import Line

KEYS = ("index", "open/pension")


class Drawer:
    """Papers in memory; `before` is called before each is written or removed."""

    def __init__(self, papers=(), before=lambda name: None):
        self.papers = dict(papers)
        self.before = before

    def get(self, name):
        return self.papers.get(name)

    def put(self, name, content):
        self.before(name)
        self.papers[name] = content

    def remove(self, name):
        self.before(name)
        self.papers.pop(name, None)

    def names(self):
        return sorted(self.papers)


def signing(name, version=0):
    return SigningKey(f"{name}.{version}".encode().ljust(32, b"s"))


def opening(name):
    return OpenKey(name.encode().ljust(32, b"o"))


def entry(index, version=0):
    name = f"keeper-{index}"
    return KeeperEntry(
        name=name,
        index=index,
        verify=signing(name, version).public_bytes,
        seal=opening(name).public.raw,
    )


def trusted(count=3, wanted=2, versions=()):
    """Keepers 1 to `count`; `versions` says whose keys are newer ones."""
    return Trusted(
        threshold=wanted,
        keepers=tuple(entry(at, dict(versions).get(at, 0)) for at in range(1, count + 1)),
    )


class Desk:
    """A keeper on the line that takes part in ceremonies; killed and brought up as one likes."""

    def __init__(self, index, trusted, version=0, papers=()):
        self.name = f"keeper-{index}"
        self.drawer = Drawer(papers)
        self.trusted = trusted
        self.version = version
        self.dead = False
        self.lies = lambda said: said
        self.noted = []
        self.up()

    def up(self):
        """Come up from what is safe; whatever was in memory is gone."""
        self.dead = False
        self.office = Office(
            self.name,
            signing(self.name, self.version),
            opening(self.name).public.raw,
            self.drawer,
            self.trusted,
            random.Random(f"{self.name}{random.random()}").randbytes,
            lambda text, now: self.noted.append(text),
        )

    def told(self, trusted):
        """Its operator tells it whom to trust."""
        self.trusted = trusted
        self.up()

    def start(self, now):
        return []

    def step(self, message, now):
        assert isinstance(message.body, Convene | Mail | AskStanding)
        if self.dead:
            return []
        try:
            said = self.office.answer(message.body, now)
        except Killed:
            self.dead = True
            return []
        return [Message(sender=self.name, receiver=message.sender, body=self.lies(said))]

    @property
    def epoch(self):
        return self.office.epoch


class Killed(Exception):
    """kill -9."""


def desks(count=3, wanted=2):
    among = trusted(count, wanted)
    return [Desk(at, among) for at in range(1, count + 1)]


def hold(plan, keepers, watch=lambda message: None, seconds=60):
    """Hold a ceremony to whatever end it comes."""
    line = Line(NOON)
    for keeper in keepers:
        line.join(keeper)
    line.join(coordinator := Coordinator(plan))
    deliver = line._deliver

    def seen(message):
        watch(message)
        deliver(message)

    line._deliver = seen
    line.until(NOON + timedelta(seconds=seconds))
    return coordinator.ended


def nonce():
    return random.randbytes(16)


def generation(among, names=KEYS, epoch=0):
    return Generation(
        nonce=nonce(),
        names=names,
        threshold=among.threshold,
        members=among.members(),
        first_epoch=epoch,
    )


def resharing(keeper, among=None, deals=None):
    """The keys that a keeper knows, shared anew among those whom it trusts, or others."""
    sharing = keeper.office.held.sharing
    among = among or sharing.among
    deals = deals or {one.index for one in sharing.among.keepers[: sharing.among.threshold]}
    old = {
        one.name: Member(name=one.name, verify=one.verify, deals=one.index)
        for one in sharing.among.keepers
        if one.index in deals and one.name not in {new.name for new in among.keepers}
    }
    return Resharing(
        nonce=nonce(),
        keys=sharing.keys,
        threshold=among.threshold,
        size=len(among.keepers),
        members=(*among.members(deals=deals), *old.values()),
    )


def recovery(keeper, lost, among, helpers):
    """The share of a keeper that lost it, from others."""
    sharing = keeper.office.held.sharing
    entries = {one.index: one for one in among.keepers}
    return Recovery(
        nonce=nonce(),
        keys=sharing.keys,
        threshold=sharing.among.threshold,
        lost=lost,
        members=(
            *(
                Member(name=entries[at].name, verify=entries[at].verify, deals=at, holds=at)
                for at in helpers
            ),
            Member(name=entries[lost].name, verify=entries[lost].verify),
        ),
    )
