"""Residents built, on one core: made from the statistics alone, and with their books and index."""

import tempfile
from pathlib import Path
from time import perf_counter

import net
from bare import beside_bare
from figure import Figure, of_rounds
from jukinet.tasks.living import Living
from jukinet.world.build import build
from jukinet.world.towns import choose

RESIDENTS, ROUNDS = 6_000, 3


def figures() -> list[Figure]:
    """The figures of this script."""
    return [_people(), _books()]


def _people() -> Figure:
    rounds = []
    for _ in range(ROUNDS):
        began = perf_counter()
        count = sum(len(home.members) for home in build(net.SEED, choose(), 50_000, net.DAY))
        rounds.append((perf_counter() - began, 0.0))
    return of_rounds("synthetic residents made, nothing stored", count, rounds)


def _books() -> Figure:
    rounds = []
    for _ in range(ROUNDS):
        with net.network(3, RESIDENTS) as network, tempfile.TemporaryDirectory() as scratch:
            shelves = network.centre.shelves
            stores = [
                *[town.store for town in network.towns.values()],
                *shelves.prefectures.values(),
                shelves.national,
                shelves.chains,
            ]
            living = Living(network, network.folder.mark())
            rounds.append(beside_bare(stores, Path(scratch) / "bare", living.build))
    what = "residents built, into books and index (100,000 a minute)"
    return of_rounds(what, RESIDENTS, rounds, at_least=1_667)
