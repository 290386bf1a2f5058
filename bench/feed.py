"""Notices applied at the centre, on one core: batches of a town's feed, as they come."""

import tempfile
from pathlib import Path

import msgspec

import net
from bare import beside_bare
from figure import Figure, of_rounds
from jukinet.feed import outbox
from jukinet.feed.link import Batch
from jukinet.keys.sign import SigningKey
from jukinet.nodes.feeding import BATCH_MAX
from jukinet.nodes.keyring import TownRing
from jukinet.nodes.message import CENTRE, DESK, Feed, Filing, Message
from jukinet.tasks.network import Network

ROUNDS = 3
COUNT = BATCH_MAX * 4


def figures() -> list[Figure]:
    """The figures of this script."""
    rounds = []
    with net.network() as network:
        (town,) = network.towns.values()
        net.refill(network, town.name, COUNT * ROUNDS + 500)
        entries = net.single_entries(town.name, COUNT * ROUNDS)
        for start in range(0, len(entries), COUNT):
            for one in entries[start : start + COUNT]:
                town.step(_filing(town.name, one), net.NOON)
            rounds.append(_round(network))
    return [of_rounds("notices applied at the centre", COUNT, rounds, at_least=10_000)]


def _filing(town: str, notification: object) -> Message:
    return Message(sender=DESK, receiver=town, body=Filing(notification=notification))  # type: ignore[arg-type]


def _round(network: Network) -> tuple[float, float]:
    (town,) = network.towns.values()
    centre = network.centre
    batches = _batches(network)

    def work() -> None:
        for batch in batches:
            out = centre.step(batch, net.NOON)
            acks.extend(one for one in out if isinstance(one, Message))

    acks: list[Message] = []
    shelves = centre.shelves
    stores = [*shelves.prefectures.values(), shelves.national, shelves.chains]
    with tempfile.TemporaryDirectory() as scratch:
        timed = beside_bare(stores, Path(scratch) / "bare", work)
    network.line.post(*acks)
    network.line.run()
    assert not centre.out_of_step
    with town.store.begin() as tx:
        standing = outbox.standing(tx, town.to_centre)
    assert standing.acknowledged == standing.last
    return timed


def _batches(network: Network) -> list[Message]:
    """What the town would send, in batches of the usual size."""
    (town,) = network.towns.values()
    with town.store.begin() as tx:
        after = outbox.standing(tx, town.to_centre).acknowledged
        found = []
        while batch := outbox.batch(tx, town.to_centre, after=after, size=BATCH_MAX):
            found.append(batch)
            after = batch.last
    return [
        Message(sender=town.name, receiver=CENTRE, body=Feed(batch=_signed(network, batch)))
        for batch in found
    ]


def _signed(network: Network, batch: Batch) -> Batch:
    (town,) = network.towns
    key = SigningKey(network.folder.ring(f"towns/{town}", TownRing).signing)
    return msgspec.structs.replace(batch, signature=key.sign(batch.signed))
