"""Notifications accepted and committed, durably, on one core: one by one, and in groups."""

import tempfile
from pathlib import Path

import net
from bare import beside_bare
from figure import Figure, of_rounds
from jukinet.nodes.message import DESK, Filing, Message
from jukinet.nodes.municipality import GROUP_MAX
from jukinet.tasks.folder import Folder
from jukinet.tasks.network import Network

COUNT, ROUNDS = 1000, 3


def figures() -> list[Figure]:
    """The figures of this script."""
    return [
        _figure(1, "notifications accepted and committed, one by one", 1_000),
        _figure(GROUP_MAX, f"notifications accepted and committed, {GROUP_MAX} a group", 3_000),
        _figure(1, "the same one by one, the town's file not sealed", None, net.Unsealed),
        _figure(GROUP_MAX, f"the same {GROUP_MAX} a group, not sealed", None, net.Unsealed),
    ]


def _figure(group: int, what: str, at_least: float | None, kind: type[Folder] = Folder) -> Figure:
    rounds = []
    with net.network(kind=kind) as network:
        (town,) = network.towns.values()
        entries = net.single_entries(town.name, COUNT * ROUNDS)
        _fill_pool(network, COUNT * ROUNDS)
        for start in range(0, len(entries), COUNT):
            messages = [
                Message(sender=DESK, receiver=town.name, body=Filing(notification=one))
                for one in entries[start : start + COUNT]
            ]
            rounds.append(_round(network, messages, group))
    return of_rounds(what, COUNT, rounds, at_least=at_least)


def _round(network: Network, messages: list[Message], group: int) -> tuple[float, float]:
    """The town alone: what it sends waits on the line and is delivered between the rounds."""
    (town,) = network.towns.values()
    sent = []

    def work() -> None:
        for start in range(0, len(messages), group):
            out = []
            for message in messages[start : start + group]:
                out += town.step(message, net.NOON)
            if group < GROUP_MAX:
                out += town.step(net.tick(town.name), net.NOON)
            sent.extend(out)

    with tempfile.TemporaryDirectory() as scratch:
        timed = beside_bare([town.store], Path(scratch) / "bare", work)
    network.line.post(*[one for one in sent if isinstance(one, Message)])
    network.line.run()
    return timed


def _fill_pool(network: Network, count: int) -> None:
    (town,) = network.towns.values()
    net.refill(network, town.name, count + 500)
