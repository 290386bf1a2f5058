"""Codes: allotted by the centre, taken in by a town, drawn, and changed after an incident."""

import tempfile
from pathlib import Path
from secrets import token_bytes
from time import perf_counter

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

import net
from bare import beside_bare
from figure import Figure, of_rounds
from jukinet.index import numbering
from jukinet.keys.ff1 import FF1
from jukinet.nodes.message import DESK, Filing, Message, OrderCodes
from jukinet.store.engine import open_store
from jukinet.tasks import code_changes
from jukinet.tasks.network import Network

COUNT, ROUNDS = 50_000, 3
ROUNDS_OF_FF1, BLOCK = 10, 16
CHANGED = 1_000


def figures() -> list[Figure]:
    """The figures of this script."""
    return [_ff1(), _allotted(), *_at_a_town()]


def _bare_aes(blocks: int) -> float:
    """Seconds that AES alone takes for some blocks, in one call."""
    content = token_bytes(BLOCK) * blocks
    began = perf_counter()
    Cipher(AES(token_bytes(32)), ECB()).encryptor().update(content)
    return perf_counter() - began


def _ff1() -> Figure:
    rounds = []
    for turn in range(ROUNDS):
        numbers = range(turn * COUNT, (turn + 1) * COUNT)
        began = perf_counter()
        FF1(bytes(32)).encrypt_many(numbers, 10)
        rounds.append((perf_counter() - began, _bare_aes(COUNT * ROUNDS_OF_FF1)))
    return of_rounds("ten digits encrypted by FF1", COUNT, rounds, bare_is="AES of 10 blocks each")


def _allotted() -> Figure:
    """Codes with individual numbers, checked against those in use, durable; FF1 alone beside it."""
    keys = {"code_key": bytes(32), "number_key": b"n" * 32, "tag_key": b"t" * 32}
    rounds = []
    with tempfile.TemporaryDirectory(prefix="jukinet-bench-") as scratch:
        store = open_store(Path(scratch) / "national.db")
        with store.begin() as tx:
            tx.create(*numbering.METADATA.sorted_tables)
        for turn in range(ROUNDS):
            began = perf_counter()
            with store.begin() as tx:
                numbering.allot(tx, COUNT, **keys)
            seconds = perf_counter() - began
            began = perf_counter()
            codes = FF1(bytes(32)).encrypt_many(range(turn * COUNT, (turn + 1) * COUNT), 10)
            FF1(b"n" * 32).encrypt_many(codes, 11)
            rounds.append((seconds, perf_counter() - began))
        store.close()
    what = "codes allotted by the centre, with individual numbers"
    return of_rounds(what, COUNT, rounds, at_least=50_000, bare_is="FF1 alone, two each")


def _at_a_town() -> list[Figure]:
    with net.network() as network:
        return [_granted(network), _changed(network)]


def _granted(network: Network) -> Figure:
    """Asked for, allotted, handed on, signed, applied by the town: everything durable."""
    (town,) = network.towns.values()
    shelves = network.centre.shelves
    stores = [town.store, shelves.national, shelves.of(town.name[:2])]
    rounds = []
    for _ in range(ROUNDS):

        def work() -> None:
            network.line.post(
                Message(sender=DESK, receiver=town.name, body=OrderCodes(count=COUNT))
            )
            network.line.run()

        with tempfile.TemporaryDirectory(prefix="jukinet-bench-") as scratch:
            rounds.append(beside_bare(stores, Path(scratch) / "bare", work))
    return of_rounds("codes asked for, allotted and taken in by a town", COUNT, rounds)


def _changed(network: Network) -> Figure:
    """A mass change without its throttle: entries, notices sealed and applied at the centre."""
    (town,) = network.towns.values()
    for entry in net.single_entries(town.name, CHANGED):
        network.line.post(Message(sender=DESK, receiver=town.name, body=Filing(notification=entry)))
    network.line.run()
    shelves = network.centre.shelves
    stores = [town.store, shelves.national, shelves.of(town.name[:2])]
    rounds = []
    for turn in range(ROUNDS):
        incident = f"incident {turn}"
        number = town.mass_changes.number_of(incident, None)
        for official in ("first", "second"):
            town.mass_changes.approve(incident, None, official, network.line.now)

        def work(number: str = number) -> None:
            code_changes.carry_out(
                network,
                town,
                number,
                wait=lambda _seconds: None,
                a_second=100_000,
                progress=lambda *_: None,
            )

        with tempfile.TemporaryDirectory(prefix="jukinet-bench-") as scratch:
            rounds.append(beside_bare(stores, Path(scratch) / "bare", work))
    return of_rounds("codes changed en masse and told, 50 a group", CHANGED, rounds)
