"""A small real network in a temporary folder, for benchmarks."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path

from jukinet.keys.master import MasterKey
from jukinet.law import notification as law
from jukinet.merkle.policy import NONE, Policy
from jukinet.nodes.message import DESK, Message, OrderCodes, Tick
from jukinet.tasks.asking import AGENCIES
from jukinet.tasks.desks import Desks
from jukinet.tasks.folder import Folder, Mark
from jukinet.tasks.living import fingerprint
from jukinet.tasks.network import JST, Network, create, open_network
from jukinet.world.build import build
from jukinet.world.towns import choose

DAY = date(2025, 4, 1)
NOON = datetime.combine(DAY, time(12), JST)
SEED = 20020805
MASTER = bytes(range(32))
NOBODY = Policy(NONE)


class Unsealed(Folder):
    """A folder whose stores are not sealed: what sealing costs is seen beside it."""

    def store_key(self, path: Path) -> bytes:
        """None: a store is opened without a key, as no folder of the package can have it."""
        return None  # type: ignore[return-value]  # the package has no way to say "not sealed"


@contextmanager
def network(
    towns: int = 1,
    residents: int = 0,
    *,
    witnessed: Policy | None = NOBODY,
    kind: type[Folder] = Folder,
) -> Iterator[Network]:
    """A network whose towns have empty books; by itself no witness is asked."""
    with folder(towns, residents, witnessed=witnessed, kind=kind) as made, opened(made) as found:
        yield found


@contextmanager
def folder(
    towns: int = 1,
    residents: int = 0,
    *,
    witnessed: Policy | None = NOBODY,
    kind: type[Folder] = Folder,
) -> Iterator[Folder]:
    """The folder of such a network."""
    with tempfile.TemporaryDirectory(prefix="jukinet-bench-") as name:
        made = kind(Path(name) / "net", MasterKey(MASTER))
        mark = Mark(
            towns=tuple(town.code for town in choose(towns, min(3, towns))),
            agencies=AGENCIES,
            seed=SEED,
            residents=residents,
            begins=DAY,
            fingerprint=fingerprint(),
        )
        create(made, mark, witnessed=witnessed)
        yield made


@contextmanager
def opened(made: Folder) -> Iterator[Network]:
    """The network of a folder, all its nodes up."""
    with open_network(made, NOON) as found:
        yield found


def single_entries(town: str, count: int) -> list[law.ExOfficioEntry]:
    """Notifications that enter one person each, made from the world's people."""
    desks = Desks(lambda where: None)  # type: ignore[arg-type, return-value]  # nobody moves
    places = [one for one in choose(1, 1) if one.code == town]
    found = []
    for home in build(SEED, places, count * 12, DAY):
        if len(home.members) == 1 and not home.members[0].measure:
            notification = desks.household(home, DAY).notification
            assert isinstance(notification, law.ExOfficioEntry)
            found.append(notification)
        if len(found) == count:
            return found
    raise AssertionError("too few households of one")


def tick(name: str) -> Message:
    """The wake that a node has asked for."""
    return Message(sender=name, receiver=name, body=Tick())


def refill(network: Network, town: str, count: int) -> None:
    """Have the centre allot a town a pool large enough that it need not ask again."""
    network.line.post(Message(sender=DESK, receiver=town, body=OrderCodes(count=count)))
    network.line.run()
