"""Inquiries answered and logged, in process, on one core: agency, centre, ledger and keeper.

What is timed is everything between a signed question and the verified answer: the centre's checks,
the search, the leaf made durable and public, the parts of two keepers, the answer, and the agency's
verification of its receipt. Questions come 64 at a time, as from a busy agency, which signs those
of one moment together; each has leaves of its own.
"""

import tempfile
from pathlib import Path
from random import Random

import net
from bare import beside_bare
from figure import Figure, of_rounds
from jukinet.law.identity import Item
from jukinet.law.inquiry import ByHandle, Claim
from jukinet.law.schedule import Kind
from jukinet.nodes.message import Message
from jukinet.nodes.seat import Seat
from jukinet.store.engine import Store
from jukinet.tasks.asking import search
from jukinet.tasks.living import Living
from jukinet.tasks.network import Network
from jukinet.world.people import Person

COUNT, ROUNDS, AT_ONCE, RESIDENTS = 2048, 3, 64, 5_000


def figures() -> list[Figure]:
    """The figures of this script."""
    with net.network(3, RESIDENTS) as network:
        living = Living(network, network.folder.mark())
        living.build()
        assert living.world is not None
        people = [one for one in living.world.people.values() if one.measure is None]
        enrol(network, people[:500])
        return [
            _figure(network, people, "inquiries answered and logged, standing by search", standing),
            _figure(network, people, "inquiries answered and logged, confirm by search", confirm),
            _figure(network, people, "inquiries answered and logged, items by handle", by_handle),
        ]


def _figure(network: Network, people: list[Person], what: str, ask) -> Figure:  # type: ignore[no-untyped-def]
    rng = Random(net.SEED)
    rounds = []
    for _ in range(ROUNDS):
        asked = [
            message
            for _ in range(COUNT // AT_ONCE)
            for message in ask(network, [rng.choice(people) for _ in range(AT_ONCE)], rng)
        ]
        rounds.append(_round(network, asked))
    return of_rounds(what, COUNT, rounds, at_least=2_000 if "search" in what else None)


def _round(network: Network, questions: list[Message]) -> tuple[float, float]:
    shelves = network.centre.shelves
    stores = [
        *shelves.prefectures.values(),
        shelves.national,
        shelves.chains,
        *_stores_of_keepers(network),
    ]
    agency = network.agencies["pension"]

    def work() -> None:
        for start in range(0, len(questions), AT_ONCE):
            network.line.post(*questions[start : start + AT_ONCE])
            network.line.run()

    before = agency.verified
    with tempfile.TemporaryDirectory() as scratch:
        timed = beside_bare(stores, Path(scratch) / "bare", work)
    assert agency.verified - before == len(questions), agency.distrusted[:1]
    agency.outcomes.clear()
    agency.keep()
    return timed


def _stores_of_keepers(network: Network) -> list[Store]:
    """Those of the keepers that stand in this folder."""
    seats = [seat for seat in network.keepers.values() if isinstance(seat, Seat)]
    return [seat.keeper.store for seat in seats if seat.keeper is not None]


def enrol(network: Network, people: list[Person]) -> None:
    """Have numbers and handles of some people, to ask by."""
    agency = network.agencies["pension"]
    order = agency.ask_many(
        row="1-73",
        kind=Kind.STANDING,
        subjects=[search(one) for one in people],
        now=network.line.now,
        numbered=True,
    )
    network.line.post(order)
    network.line.run()
    agency.outcomes.clear()
    agency.keep()


def standing(network: Network, people: list[Person], rng: Random) -> list[Message]:
    """Questions whether some people live where they are said to."""
    return network.agencies["pension"].ask_each(
        row="1-73",
        kind=Kind.STANDING,
        subjects=[search(one) for one in people],
        now=network.line.now,
    )


def confirm(network: Network, people: list[Person], rng: Random) -> list[Message]:
    """Questions whether names and birth dates are the register's."""
    subjects = [search(one) for one in people]
    claims = [Claim(name=one.name, birth_date=one.birth_date) for one in subjects]
    return network.agencies["pension"].ask_each(
        row="1-77",
        kind=Kind.CONFIRM,
        subjects=subjects,
        now=network.line.now,
        items=claims[0].items,
        claims=claims,
    )


def by_handle(network: Network, people: list[Person], rng: Random) -> list[Message]:
    """Questions for the address of people whose handles the agency has."""
    agency = network.agencies["pension"]
    known = agency.subjects("pension/1-73")
    return agency.ask_each(
        row="1-73",
        kind=Kind.ITEMS,
        subjects=[ByHandle(handle=rng.choice(known).handle) for _ in people],
        now=network.line.now,
        items=frozenset({Item.ADDRESS}),
    )
