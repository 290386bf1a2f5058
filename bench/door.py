"""The door with the whole design on two cores: two keepers in processes of their own.

What is timed is the same as in `inquiries.py`, from a signed question to its verified answer, but
every keeper is a process that is reached over HTTP on this machine, as another organisation's would
be over its line: so the centre goes on with other questions while the keepers work. Up to 1,024
questions are under way, 64 of them signed together, as from sixteen busy offices.

Below each figure stands how much of a second of a processor a thousand questions cost this process
and both keepers: that says where the time goes.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from random import Random

import inquiries
import net
from apart import network_with_keepers_apart
from bare import beside_bare
from figure import Figure, of_rounds
from jukinet.keys.master import MasterKey
from jukinet.nodes.message import Message
from jukinet.tasks.asking import AGENCIES
from jukinet.tasks.folder import Folder, Mark
from jukinet.tasks.living import Living, fingerprint
from jukinet.tasks.network import JST, Network, open_network
from jukinet.world.people import Person
from jukinet.world.towns import choose

COUNT, ROUNDS, AT_ONCE, RESIDENTS, ENROLLED = 4096, 3, 1024, 5_000, 500
TICKS = os.sysconf("SC_CLK_TCK")


def figures() -> list[Figure]:
    """The figures of this script."""
    with _network() as (network, keepers):
        living = Living(network, network.folder.mark())
        living.build()
        assert living.world is not None
        people = [one for one in living.world.people.values() if one.measure is None]
        inquiries.enrol(network, people[:ENROLLED])
        measured = Door(network, people, keepers)
        return [
            measured.figure("door on two cores, confirm by search", inquiries.confirm, 2_000),
            measured.figure("door on two cores, standing by search", inquiries.standing, None),
            measured.figure("door on two cores, items by handle", inquiries.by_handle, 800),
        ]


@contextmanager
def _network() -> Iterator[tuple[Network, list[int]]]:
    """A network of today, as its keepers go by the clock of this machine."""
    now = datetime.now(JST)
    with tempfile.TemporaryDirectory(prefix="jukinet-bench-") as name:
        folder = Folder(Path(name) / "net", MasterKey(net.MASTER))
        mark = Mark(
            towns=tuple(town.code for town in choose(3, 3)),
            agencies=AGENCIES,
            seed=net.SEED,
            residents=RESIDENTS,
            begins=now.date(),
            fingerprint=fingerprint(),
        )
        with (
            network_with_keepers_apart(folder, mark, Path(name) / "apart") as processes,
            open_network(folder, now) as network,
        ):
            yield network, [process.pid for process in processes]


class Door:
    """What is asked, and whose processors' time is counted."""

    def __init__(self, network: Network, people: list[Person], keepers: list[int]) -> None:
        self._network = network
        self._people = people
        self._keepers = keepers

    def figure(
        self, what: str, ask: Callable[..., list[Message]], at_least: float | None
    ) -> Figure:
        """One figure: so many questions a second, and what a thousand of them cost."""
        rng, rounds = Random(net.SEED), []
        own, theirs = 0.0, 0.0
        for _ in range(ROUNDS):
            asked = [
                message
                for _ in range(COUNT // inquiries.AT_ONCE)
                for message in ask(
                    self._network,
                    [rng.choice(self._people) for _ in range(inquiries.AT_ONCE)],
                    rng,
                )
            ]
            before = time.process_time(), self._of_keepers()
            rounds.append(self._round(asked))
            own += time.process_time() - before[0]
            theirs += self._of_keepers() - before[1]
        thousands = COUNT * ROUNDS / 1000
        told = f"{what} ({own / thousands:.2f} s + {theirs / thousands:.2f} s of keepers a 1,000)"
        return of_rounds(told, COUNT, rounds, at_least=at_least)

    def _round(self, asked: list[Message]) -> tuple[float, float]:
        shelves, line = self._network.centre.shelves, self._network.line
        agency = self._network.agencies["pension"]
        line.now = datetime.now(JST)

        def work() -> None:
            for start in range(0, len(asked), AT_ONCE):
                line.post(*asked[start : start + AT_ONCE])
                line.run()

        before = agency.verified
        stores = [*shelves.prefectures.values(), shelves.national, shelves.chains]
        with tempfile.TemporaryDirectory() as scratch:
            timed = beside_bare(stores, Path(scratch) / "bare", work)
        assert agency.verified - before == len(asked), agency.distrusted[:1]
        agency.outcomes.clear()
        agency.keep()
        return timed

    def _of_keepers(self) -> float:
        """Seconds of processors' time that the keepers have had."""
        return sum(_seconds(pid) for pid in self._keepers)


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
