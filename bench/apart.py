"""Keepers in processes of their own, for a network that is made on the spot.

Not a figure itself: `inquiries.py` and the tests start their keepers with it.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes

from jukinet.keys.wrap import Cost, PassphraseLock
from jukinet.law.schedule import load
from jukinet.nodes.keyring import Directory, key_names
from jukinet.nodes.office import Trusted
from jukinet.tasks import ceremonies, keeping, locking
from jukinet.tasks.folder import Folder, Mark
from jukinet.tasks.keeping import DIRECTORY, Keepers
from jukinet.tasks.network import Kept, create

WORDS = "a passphrase of these keepers"
QUICK = Cost(memory_kib=64, passes=1, lanes=1)


def made_apart(root: Path, *, count: int = 2, wanted: int = 2) -> tuple[list[Folder], Keepers]:
    """Keepers in folders of their own below `root`, each told of the others; they hold nothing."""
    lock = PassphraseLock(WORDS, token_bytes, cost=QUICK)
    folders, entries, urls = [], [], {}
    for index in range(1, count + 1):
        name = f"keeper-{index}"
        folders.append(locking.begin(Folder(root / name), lock))
        entries.append(keeping.create(folders[-1], name).entry(index))
        urls[name] = f"http://127.0.0.1:{_free_port()}/"
    keepers = Keepers(Trusted(threshold=wanted, keepers=tuple(entries)), urls)
    for folder in folders:
        keeping.trust(folder, keepers.trusted)
    return folders, keepers


def held_here(folders: Sequence[Folder], keepers: Keepers) -> Kept:
    """Their ceremony, held before they have processes."""
    with ExitStack() as stack:
        seats = [stack.enter_context(keeping.open_seat(folder)) for folder in folders]
        round_ = ceremonies.Round(seats, datetime.now(UTC))
        plan = ceremonies.generation(keepers.trusted, key_names(load()), 0, token_bytes)
        ceremonies.refuse_unagreed(round_.hold(plan))
        sharing = ceremonies.shared(round_.standings(keepers.names), keepers)
    assert sharing is not None
    return Kept(sharing, keepers.urls)


@contextmanager
def running(folder: Folder, url: str) -> Iterator[subprocess.Popen[str]]:
    """`jukinet keeper run` in a process of its own, until the end."""
    command = [sys.executable, "-m", "jukinet", "keeper", "run", str(folder.root)]
    with subprocess.Popen(
        [*command, "--port", url.rstrip("/").rpartition(":")[2]],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "JUKINET_PASSPHRASE": WORDS},
    ) as process:
        try:
            assert process.stdout is not None
            if url not in process.stdout.readline():
                raise RuntimeError(f"{folder.root}: its keeper did not start")
            yield process
        finally:
            process.kill()


@contextmanager
def network_with_keepers_apart(
    folder: Folder, mark: Mark, root: Path, *, count: int = 2, wanted: int = 2
) -> Iterator[list[subprocess.Popen[str]]]:
    """Make a network whose keepers run in processes of their own, until the end."""
    folders, keepers = made_apart(root, count=count, wanted=wanted)
    create(folder, mark, kept=held_here(folders, keepers))
    directory = folder.public(DIRECTORY, Directory)
    with ExitStack() as stack:
        processes = []
        for name, each in zip(keepers.names, folders, strict=True):
            keeping.join(each, directory)
            processes.append(stack.enter_context(running(each, keepers.urls[name])))
        yield processes


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port
