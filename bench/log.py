"""The public log: durable appends, proofs from tiles, and a day's run.

An append is durable when it returns: entries, hashes and signed checkpoint. Beside it stands what
the disk alone does: the same bytes written to one file, with one fsync for each batch.
"""

import os
from hashlib import sha256
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from figure import Figure
from jukinet.keys.sign import SigningKey
from jukinet.law.leaf import ViewKeyLeaf, encode
from jukinet.ledger.log import Log
from jukinet.merkle import runs, tree
from jukinet.merkle.tiles import Tile, TileTree
from jukinet.store.disk import RealDisk

KEY = SigningKey(bytes(32))
ORIGIN = "bench.example/log"
ROUNDS = 5
BATCHES = ((1, 2_000, 1_000), (100, 50_000, 60_000), (1_000, 200_000, 200_000))
TREE_SIZE = 10_000_000
PROOFS = 2_000
LABELS = 1_000_000
GROWN_AT_ONCE = 1 << 16


def figures() -> list[Figure]:
    """All figures of the public log."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        return [
            *(_appends(root, *batch) for batch in BATCHES),
            *_proofs(root / "tree"),
            _run_of_a_day(),
        ]


def leaf(number: int) -> bytes:
    """A leaf of about 200 bytes, as the log has them."""
    label = sha256(number.to_bytes(8, "big")).hexdigest()
    return encode(
        ViewKeyLeaf(
            time="2026-04-01T03:00:00Z",
            issuer="municipal/13",
            labels=(label[:32],),
            commitment=label,
        )
    )


def _appends(root: Path, batch: int, count: int, at_least: int) -> Figure:
    """Appends of ready leaves, `batch` at once, to a log that has some already."""
    ready = [leaf(number) for number in range(batch)]
    bodies = [None] * batch
    log = Log.open(RealDisk(root / f"log-{batch}"), origin=ORIGIN, key=KEY)
    for _ in range(max(1, 3_000 // batch) if batch > 1 else 500):
        log.append(ready, bodies)
    rounds = []
    for _ in range(ROUNDS):
        began = perf_counter()
        for _ in range(count // batch):
            log.append(ready, bodies)
        rounds.append(
            (perf_counter() - began, _bare(root / "bare", b"".join(ready), count // batch))
        )
    return Figure(
        f"durable appends to the log, {batch:,} a batch",
        count / median(ours for ours, _ in rounds),
        bare=count / median(bare for _, bare in rounds),
        bare_is="one file, write + fsync",
        at_least=at_least,
    )


def _bare(path: Path, content: bytes, times: int) -> float:
    """Seconds for the same bytes at the end of one file, made safe each time."""
    number = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    began = perf_counter()
    for _ in range(times):
        os.write(number, content)
        os.fsync(number)
    seconds = perf_counter() - began
    os.close(number)
    return seconds


def _proofs(root: Path) -> list[Figure]:
    """Inclusion proofs out of the tiles of a tree of ten million leaves."""
    _put_tiles(root)
    rng = Random(1)
    indexes = [rng.randrange(TREE_SIZE) for _ in range(PROOFS)]
    cold = TileTree.at(TREE_SIZE, lambda tile: _tile(root, tile), cache_tiles=2)
    kept = TileTree.at(TREE_SIZE, lambda tile: _tile(root, tile), cache_tiles=2 * PROOFS + 200)
    for index in indexes:
        tree.inclusion(index=index, size=TREE_SIZE, nodes=kept)
    return [
        Figure(
            f"inclusion proofs at {TREE_SIZE:,} leaves, no tile in memory",
            PROOFS / median(_prove(cold, indexes) for _ in range(ROUNDS)),
            at_least=2_000,
        ),
        Figure(
            f"inclusion proofs at {TREE_SIZE:,} leaves, tiles in memory",
            PROOFS / median(_prove(kept, indexes) for _ in range(ROUNDS)),
            at_least=10_000,
        ),
    ]


def _prove(nodes: TileTree, indexes: list[int]) -> float:
    began = perf_counter()
    for index in indexes:
        tree.inclusion(index=index, size=TREE_SIZE, nodes=nodes)
    return perf_counter() - began


def _put_tiles(root: Path) -> None:
    """The hash tiles over leaf hashes that are drawn: what was hashed does not matter here."""
    rng = Random(2)
    grown = TileTree(lambda tile: _tile(root, tile))
    while grown.size < TREE_SIZE:
        count = min(GROWN_AT_ONCE, TREE_SIZE - grown.size)
        drawn = rng.randbytes(32 * count)
        for tile, content in grown.grow([drawn[at : at + 32] for at in range(0, len(drawn), 32)]):
            path = root / tile.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _tile(root: Path, tile: Tile) -> bytes:
    return (root / tile.path).read_bytes()


def _run_of_a_day() -> Figure:
    """Sort, root and every file of a million labels, in memory."""
    rng = Random(3)
    records = [runs.pack(rng.randbytes(16), leaf=n, position=0) for n in range(LABELS)]
    rounds = []
    for _ in range(3):
        began = perf_counter()
        ordered = runs.in_order(records)
        runs.root_of_run(ordered)
        for _ in runs.files("runs/day", ordered):
            pass
        rounds.append(perf_counter() - began)
    return Figure(
        f"labels into a day's run of {LABELS:,}",
        LABELS / median(rounds),
        bare=LABELS / _hashed(records),
        bare_is="hashlib's SHA-256, leaf and node of each",
        at_least=LABELS / 5,
    )


def _hashed(records: list[bytes]) -> float:
    """Seconds of SHA-256 alone: one hash of a record and one of two hashes, for each."""
    pair = bytes(65)
    began = perf_counter()
    for record in records:
        sha256(record).digest()
        sha256(pair).digest()
    return perf_counter() - began
