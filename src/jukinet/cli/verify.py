"""`jukinet verify`: recompute everything in a folder, and name what differs."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from jukinet.cli.common import DEFAULT_FOLDER, DIFFERS, DONE, AsJson, give, paper, progress
from jukinet.cli.opening import opened
from jukinet.tasks import verifying
from jukinet.tasks.verifying import Report

EXAMPLES = """Examples:
  jukinet verify demo
  jukinet verify --json demo"""


def verify(
    dir: Annotated[Path, Parameter(help="The folder of the network.")] = DEFAULT_FOLDER,
    *,
    as_json: AsJson = False,
) -> int:
    """Recompute everything in a folder; exit 1 naming what differs.

    Books against index, chains of notices, the tree of the public log, receipts, chains of labels:
    one changed byte of any stored value is noticed. Nothing is written.
    """
    with progress() as report:
        found = verifying.verify(opened(dir), progress=report)
    give(found.as_dict(), as_json=as_json, show=lambda: _show(found))
    return DONE if found.ok else DIFFERS


def _show(found: Report) -> None:
    for finding in found.findings:
        paper.print(f"{finding.place}: {finding.about}: {finding.sentence}", markup=False)
    counts = ", ".join(f"{count:,} {what}" for what, count in found.counts.items())
    paper.print(f"checked: {counts}", markup=False)
    verdict = "everything agrees" if found.ok else f"{len(found.findings)} findings"
    paper.print(verdict, style="green" if found.ok else "red")
