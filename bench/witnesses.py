"""The ledger's cost: whole disclosures, and what the witnesses' round trip adds to an answer.

A whole disclosure is chain, label, salted commitment, sealed body and append, durable, with the
chain store's transaction. An answer is timed alone: no witness; three in this process, the first of
which reads every leaf; three in processes of their own, over HTTP on loopback.
"""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_bytes
from statistics import median
from time import perf_counter, sleep

import net
from figure import Figure
from jukinet.keys.sign import SigningKey
from jukinet.keys.wrap import Cost, PassphraseLock
from jukinet.law import leaf as leaves
from jukinet.law.leaf import Body, DisclosureLeaf
from jukinet.law.notice import ChainStart
from jukinet.law.schedule import Kind
from jukinet.ledger import chains, noted, waiting
from jukinet.ledger.log import Log
from jukinet.ledger.writer import Draft, Ledger
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.policy import Group, Policy, Witness
from jukinet.store.disk import RealDisk
from jukinet.store.engine import open_store
from jukinet.tasks import locking, witnessing
from jukinet.tasks.asking import search
from jukinet.tasks.folder import Folder
from jukinet.tasks.living import Living
from jukinet.tasks.network import Network

BATCH, BATCHES, PEOPLE = 1_000, 20, 5_000
QUESTIONS, RESIDENTS = 150, 400
PASSPHRASE = "a bench's passphrase"
CHEAP = Cost(memory_kib=8, passes=1, lanes=1)
TABLES = (noted.NOTES, waiting.WAITING)  # named, so that the store has them too


def figures() -> list[Figure]:
    """The figures of this script."""
    alone = _latency(net.NOBODY)
    return [
        _disclosures(),
        _answer("one answer alone, no witness", alone, alone),
        _answer("one answer alone, three witnesses in process, one reads", _latency(None), alone),
        _answer("one answer alone, three witnesses over HTTP", _over_http(), alone),
    ]


def _answer(what: str, seconds: float, alone: float) -> Figure:
    return Figure(
        what, seconds * 1e6, unit=" us", bare=alone * 1e6, bare_is="the same without witnesses"
    )


# --- whole disclosures ---------------------------------------------------------------------------


def _disclosures() -> Figure:
    with tempfile.TemporaryDirectory() as name:
        store = open_store(Path(name) / "chains.db")
        with store.begin() as tx:
            tx.create(*[rows.table for rows in chains.METADATA.info["rows"]])
            locators = [number.to_bytes(16, "big") for number in range(PEOPLE)]
            starts = [
                (one, ChainStart(epoch=0, seed=one * 2, sealed_seed=bytes(80))) for one in locators
            ]
            chains.start(tx, starts)
        log = Log.open(RealDisk(Path(name) / "log"), origin="bench", key=SigningKey(bytes(32)))
        ledger = Ledger(log, store, lambda size: bytes(size))
        rounds = []
        for batch in range(BATCHES):
            drafts = [_draft(locators[(batch * BATCH + n) % PEOPLE]) for n in range(BATCH)]
            began = perf_counter()
            ledger.write(drafts)
            rounds.append(perf_counter() - began)
        store.close()
    return Figure(
        f"whole disclosures written, {BATCH:,} a batch", BATCH / median(rounds), at_least=10_000
    )


def _draft(locator: bytes) -> Draft:
    leaf = DisclosureLeaf(
        time=leaves.leaf_time(net.NOON),
        agency="pension",
        row="1-73",
        kind="standing",
        items=(),
        count=1,
        labels=(),
        commitment="",
        inquiry=None,
    )
    body = Body(
        agency="pension",
        official="official-1",
        row="1-73",
        affair="employees' pension: that the payee lives",
        kind="standing",
        items=(),
        subject="search",
        inquiry="0" * 64,
    )
    return Draft(leaf, body, locator)


# --- one answer alone ----------------------------------------------------------------------------


def _latency(witnessed: Policy | None) -> float:
    """Seconds from a signed question to the verified answer, the median."""
    with net.network(1, RESIDENTS, witnessed=witnessed) as network:
        return _asked(network)


def _asked(network: Network) -> float:
    living = Living(network, network.folder.mark())
    living.build()
    assert living.world is not None
    people = [one for one in living.world.people.values() if one.measure is None]
    agency, rounds = network.agencies["pension"], []
    for number in range(QUESTIONS):
        question = agency.ask(
            row="1-73",
            kind=Kind.STANDING,
            subject=search(people[number % len(people)]),
            now=network.line.now,
        )
        began = perf_counter()
        network.line.post(question)
        network.line.run()
        rounds.append(perf_counter() - began)
    assert agency.verified == QUESTIONS, agency.distrusted[:1]
    return median(rounds)


def _over_http() -> float:
    """The same, with three witnesses that are processes of their own."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        found = []
        for number in range(1, 4):
            root = Path(name) / f"w{number}"
            words = PassphraseLock(PASSPHRASE, token_bytes, cost=CHEAP)
            made = locking.begin(Folder(root), words)
            (vkey,) = witnessing.create(made, f"w{number}.bench", "ed25519")
            url = f"http://127.0.0.1:{_free_port()}/"
            found.append(Witness(f"w{number}", VerifierKey.parse(vkey), url))
        group = Group("two", 2, tuple(one.name for one in found))
        policy = Policy("two", (), tuple(found), (group,))
        folder = stack.enter_context(net.folder(1, RESIDENTS, witnessed=policy))
        for one in found:
            root = Path(name) / one.name
            witnessing.trust(root, *witnessing.logs_of(str(folder.log / "policy")))
            stack.enter_context(_running(root, one.url))
        with net.opened(folder) as network:
            return _asked(network)


@contextmanager
def _running(root: Path, url: str) -> Iterator[None]:
    port = int(url.rstrip("/").rpartition(":")[2])
    process = subprocess.Popen(
        [sys.executable, "-m", "jukinet", "witness", "run", "--dir", root, "--port", str(port)],
        env={**os.environ, "JUKINET_PASSPHRASE": PASSPHRASE},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
