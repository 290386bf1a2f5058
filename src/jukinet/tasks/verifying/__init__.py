"""Verify (検証): everything in a folder is recomputed, and what differs is named.

Books are folded again from their entries, notices opened and compared with the books, links of the
feeds, the index, chains of labels, the tree of the public log and every receipt made again; so are
runs, bundles and statistics beside the log, and whom each answer was about; every sealed body is
opened, every leaf held to the rules that auditors go by, every witness's store to its signatures.
One changed byte of any stored value is noticed. It needs all keys of the folder, starts no node,
takes the folder's lock, and writes nothing.

What is merely under way (not yet acknowledged or cosigned, or cut short by a crash between two of
the centre's writes) is counted and is no finding: the next start mends it. Files beside the log
that no leaf speaks of are counted, too.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from jukinet.errors import Refused
from jukinet.store.lock import only_one
from jukinet.tasks.folder import Folder
from jukinet.tasks.verifying.centre import Verification
from jukinet.tasks.verifying.files import check_files
from jukinet.tasks.verifying.findings import Finding, Findings, Progress, Report


def quiet(_what: str, _done: int, _total: int | None) -> None:
    """Report to nobody."""


def verify(folder: Folder, *, progress: Progress = quiet) -> Report:
    """Recompute everything in a folder; the report names what differs.

    Raises Refused where there is no network in the folder, it is locked, or another process is at
    work in it.
    """
    if not folder.exists and not (folder.root / "keys").is_dir():
        raise Refused(f"{folder.root}: there is no network in this folder; name another")
    _ = folder.master
    findings = Findings()
    with only_one(folder.root), _without_collector():
        progress("files", 0, 1)
        held = check_files(folder, findings)
        progress("files", 1, 1)
        Verification(folder, held, findings, progress).run()
    return findings.report()


@contextmanager
def _without_collector() -> Iterator[None]:
    """Let Python look for no cycles meanwhile: there are none, and it would look at every row."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


__all__ = ["Finding", "Report", "quiet", "verify"]
