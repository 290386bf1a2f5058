"""A log of twenty million leaves: how append, check and audit grow (`make bench-long`).

    python bench/biglog.py [MILLIONS [FOLDER]]

It needs about 6 GB in FOLDER (a temporary one, if not said), and takes it away again. What must be
hashed sets the limit: hashlib's own SHA-256, of the same leaves and nodes in this process, stands
beside each time. Seconds of the processor are given, too: they stay the same on a busy machine.
"""

import shutil
import sys
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from time import perf_counter, process_time

from jukinet.client.audit import Auditor
from jukinet.law.leaf import JAPAN
from jukinet.ledger.log import Log, check
from jukinet.merkle.checkpoint import open_checkpoint
from jukinet.store.disk import RealDisk
from jukinet.tasks.auditing import Watched, audit, policy_of
from log import KEY, ORIGIN, leaf

MILLION = 1_000_000
BATCH = 1_000
NOW = datetime(2026, 4, 1, 12, tzinfo=JAPAN)


def main() -> None:
    """Append, and at a quarter, a half and the whole look how long everything takes."""
    millions = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    given = sys.argv[2] if len(sys.argv) > 2 else None
    folder = Path(mkdtemp(prefix="biglog-", dir=given))
    try:
        for parts in (1, 2, 4):
            report(folder, millions * MILLION * parts // 4)
    finally:
        shutil.rmtree(folder)


def report(folder: Path, size: int) -> None:
    """Grow the log to a size, and print a line for each figure."""
    root = folder / "log"
    log = Log.open(RealDisk(root), origin=ORIGIN, key=KEY)
    added = size - log.size
    cpu = process_time()
    seconds = append(log, size)
    cpu = process_time() - cpu
    stored = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    print(f"--- {size:,} leaves, {stored / size:,.0f} bytes each on the disk")
    say("appended, durable", added, seconds, cpu)
    limit = hashing(leaf(0)) * size
    say("limit: SHA-256 alone", size, limit, limit)
    began = now()
    assert check(RealDisk(root), log.verifier_key).size == size
    say("check: every hash", size, *since(began), limit)
    began = now()
    auditor = Auditor(
        lambda path: read(root / path),
        lambda note: open_checkpoint(note, log=log.verifier_key),
        now=NOW,
    )
    assert auditor.follow().size == size
    say("audit from the first leaf", size, *since(began), limit)
    watched = Watched(
        lambda path: read(root / path), policy_of(str(log.verifier_key)), folder / "state"
    )
    began = now()
    assert audit(watched, NOW).new_leaves == added
    say("audit of what is new", added, *since(began))


def append(log: Log, size: int) -> float:
    """Seconds of appending alone, a thousand at once; making the leaves is not counted."""
    seconds, bodies = 0.0, [None] * BATCH
    while log.size < size:
        ready = [leaf(number) for number in range(log.size, log.size + BATCH)]
        began = perf_counter()
        log.append(ready, bodies)
        seconds += perf_counter() - began
    return seconds


def hashing(entry: bytes, times: int = 200_000) -> float:
    """Seconds of the processor for one leaf hash and one node hash."""
    pair = bytes(65)
    began = process_time()
    for _ in range(times):
        sha256(entry).digest()
        sha256(pair).digest()
    return (process_time() - began) / times


def now() -> tuple[float, float]:
    """The time of day and of the processor."""
    return perf_counter(), process_time()


def since(began: tuple[float, float]) -> tuple[float, float]:
    """Seconds of both since then."""
    return perf_counter() - began[0], process_time() - began[1]


def read(path: Path) -> bytes | None:
    """A file, or None."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def say(what: str, count: int, seconds: float, cpu: float, limit: float | None = None) -> None:
    """One line."""
    beside = f"   {cpu / limit:.1f} x the limit" if limit else ""
    times = f"{count / seconds:>10,.0f}/s {seconds:>8,.1f} s, processor {cpu:>7,.1f} s"
    print(f"{what:<28} {times}{beside}", flush=True)


if __name__ == "__main__":
    main()
