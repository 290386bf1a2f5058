"""A resident's statement of ten thousand entries, each proved, beside the bare hashing.

The log has as many entries of others, so that the chain must be looked for; it lies on a disk, in
days of a thousand leaves, all but the last closed. The bare engine computes as many SHA-256 of 64
bytes as the statement needs at the least: for each entry label, key and next state, its leaf and
the hashes of its proof, and the label of the objection that is looked for.
"""

import tempfile
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from time import perf_counter

from msgspec.structs import replace

from figure import Figure, of_rounds
from jukinet.client.mirror import Mirror
from jukinet.client.statement import ViewKey, statement
from jukinet.keys.sign import SigningKey
from jukinet.law.leaf import JAPAN, Body, DisclosureLeaf, leaf_time
from jukinet.law.notice import ChainStart
from jukinet.ledger import chains
from jukinet.ledger.closing import closing
from jukinet.ledger.log import Log
from jukinet.ledger.writer import Draft, Ledger
from jukinet.store.disk import RealDisk
from jukinet.store.engine import open_store
from jukinet.wire.mirror_reader import reader

ENTRIES, A_DAY, ROUNDS = 10_000, 1_000, 3
SEED = bytes(32)
ME, OTHER = b"m" * 16, b"o" * 16
_BODY = Body(
    agency="pension",
    official="A-1",
    row="1-73",
    affair="survivors' pension: that the payee lives",
    kind="standing",
    items=(),
    subject="search",
    inquiry="0" * 64,
)


def figures() -> list[Figure]:
    """The figures of this script."""
    with tempfile.TemporaryDirectory(prefix="jukinet-bench-") as name:
        key = _written(Path(name))
        found = [_figure(Path(name), key, whole=whole) for whole in (False, True)]
    return [
        of_rounds(
            f"entries of a statement, {what}",
            ENTRIES,
            rounds,
            at_least=ENTRIES / 3,
            bare_is="hashlib, as many hashes",
        )
        for what, rounds in zip(("by runs", "the whole log read"), found, strict=True)
    ]


def _figure(root: Path, key: ViewKey, *, whole: bool) -> list[tuple[float, float]]:
    rounds = []
    for _ in range(ROUNDS):
        began = perf_counter()
        found = statement(key, Mirror(reader(str(root))), whole=whole)
        seconds = perf_counter() - began
        assert found.complete
        assert len(found.entries) == ENTRIES
        hashes = sum(6 + entry.proof.count(b"\n") for entry in found.entries)
        rounds.append((seconds, _bare(hashes)))
    return rounds


def _bare(hashes: int) -> float:
    content = bytes(64)
    began = perf_counter()
    for _ in range(hashes):
        sha256(content).digest()
    return perf_counter() - began


def _written(root: Path) -> ViewKey:
    """A log in which every other entry is about one person."""
    now = datetime(2026, 4, 1, 9, tzinfo=JAPAN)
    store = open_store("sqlite://")
    with store.begin() as tx:
        tx.create(*chains.METADATA.sorted_tables)
        start = ChainStart(epoch=0, seed=SEED, sealed_seed=bytes(80))
        chains.start(tx, [(ME, start), (OTHER, replace(start, seed=b"o" * 32))])
    log = Log.open(RealDisk(root), origin="example.org", key=SigningKey(SEED))
    ledger = Ledger(log, store, lambda size: bytes(size))
    for _ in range(0, 2 * ENTRIES, A_DAY):
        now += timedelta(days=1)
        made = closing(ledger, now)
        if made is not None:
            ledger.write(made.drafts, beside=made.files)
        leaf = _leaf(now)
        ledger.write([Draft(leaf, _BODY, who) for who in (ME, OTHER) * (A_DAY // 2)])
    return ViewKey(log=str(log.verifier_key), epoch=0, place=0, state=SEED.hex())


def _leaf(now: datetime) -> DisclosureLeaf:
    return DisclosureLeaf(
        time=leaf_time(now),
        agency="pension",
        row="1-73",
        kind="standing",
        items=(),
        count=1,
        labels=(),
        commitment="",
        inquiry=None,
    )
