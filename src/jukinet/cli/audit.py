"""`jukinet audit`: follow a public log, and name the first lie."""

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from jukinet.cli.common import DIFFERS, DONE, AsJson, give, now, paper, progress, screen
from jukinet.errors import Damaged, Malformed, OutOfStep
from jukinet.store.disk import ROOT, RealDisk, publish
from jukinet.tasks import auditing
from jukinet.tasks.auditing import Audited, Watched
from jukinet.wire.mirror_reader import reader

EXAMPLES = """Examples:
  jukinet audit https://log.example/ --policy policy.txt --state my-audit
  jukinet audit demo/centre/log --policy jukinet.example/ledger+8c14a2d0+AQ...
  jukinet audit https://log.example/ --policy policy.txt --every 300 --metrics jukinet.prom"""


def audit(
    log: Annotated[str, Parameter(help="The log's address, or a folder with its files.")],
    *,
    policy: Annotated[str, Parameter(help="A policy file, or the log's verifier key.")],
    state: Annotated[Path, Parameter(help="Where this audit keeps what it knows.")] = Path("audit"),
    metrics: Annotated[Path | None, Parameter(help="A file for Prometheus to read.")] = None,
    every: Annotated[int, Parameter(help="Go on every so many seconds; 0: once.")] = 0,
    as_of: Annotated[
        str, Parameter(help="The time of a false world, such as 2026-04-01T12:00:00+09:00.")
    ] = "",
    orphans: Annotated[
        int, Parameter(help="So many inquiries may stay without an answer (crashes leave some).")
    ] = 0,
    as_json: AsJson = False,
) -> int:
    """Follow a public log from where the last audit ended; exit 1 at the first lie.

    Everything that is public is made anew from the entries: the tree, bundles, runs, statistics.
    What proves a lie is put into the state's folder, under evidence/. An audit that is cut short
    goes on from its last round.
    """
    if every < 0 or orphans < 0:
        raise Malformed("--every, --orphans: want 0 or more")
    watched = Watched(reader(log), auditing.policy_of(policy), state, orphans)
    while True:
        code = _round(watched, _time(as_of), metrics, as_json=as_json, patient=every > 0)
        if code != DONE or not every:
            return code
        time.sleep(every)


def _round(
    watched: Watched, at: datetime, metrics: Path | None, *, as_json: bool, patient: bool
) -> int:
    try:
        with progress() as report:
            found = auditing.audit(
                watched, at, progress=lambda done, of: report("leaves", done, of)
            )
    except OutOfStep as error:
        if not patient or isinstance(error, Damaged):
            raise
        screen.print(f"jukinet: {error}", style="yellow", markup=False, soft_wrap=True)
        return DONE
    if metrics is not None:
        _put(metrics, auditing.metrics(found))
    give(auditing.as_dict(found), as_json=as_json, show=lambda: _show(found))
    return DIFFERS if found.lie else DONE


def _put(path: Path, text: str) -> None:
    """Replace the file at once, so that a monitor never reads half of it."""
    disk = RealDisk(path.absolute().parent)
    publish(disk, path.name, text.encode())
    disk.fsync_dir(ROOT)


def _show(found: Audited) -> None:
    types = ", ".join(f"{count:,} {name}" for name, count in sorted(found.leaves.items()))
    paper.print(f"{found.size:,} leaves ({found.new_leaves:,} new), root {found.root}")
    paper.print(types or "no leaves", markup=False)
    paper.print(
        f"{found.labels:,} labels, {found.days_closed:,} days closed, "
        f"{found.leaves_since_closed:,} leaves since; "
        f"{found.inquiries_open:,} inquiries open, {found.orphans:,} without an answer; "
        f"{found.objections_open:,} objections open, {found.objections_overdue:,} overdue; "
        f"{found.deferred_open:,} entries kept back, {found.deferred_overdue:,} overdue"
    )
    signed = [name for name, at in found.cosigned.items() if at]
    if found.cosigned:
        paper.print(f"cosigned by {', '.join(signed) or 'nobody'}", markup=False)
    if found.lie:
        paper.print(f"a lie: {found.lie}", style="red", markup=False)
        paper.print(f"what proves it is in {found.evidence}", markup=False)
    else:
        paper.print("no lie was found", style="green")


def _time(text: str) -> datetime:
    if not text:
        return now()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = datetime.min
    if found.tzinfo is None:
        raise Malformed("--as-of: want a time with its zone, such as 2026-04-01T12:00:00+09:00")
    return found
