"""A folder's lock: one process writes at a time, and a killed one holds nothing.

The kernel keeps the lock (flock) with the open file, so kill -9 gives it back; a lock file by
its mere existence would not.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jukinet.errors import Refused

NAME = ".lock"


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold a folder for this process, or Refused when another has it.

    OSError where there is no such folder, or its file system knows no locks.
    """
    descriptor = os.open(folder / NAME, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                f"{folder}: another jukinet is at work in this folder; wait for it or stop it"
            ) from None
        yield
    finally:
        os.close(descriptor)
