"""`jukinet statement`: who asked about me, read from any copy of the public log."""

import os
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from jukinet.cli.common import (
    DEFAULT_FOLDER,
    DIFFERS,
    DONE,
    AsJson,
    InFolder,
    give,
    now,
    paper,
    progress,
)
from jukinet.client import comparing
from jukinet.client.comparing import Compared
from jukinet.client.mirror import Mirror
from jukinet.client.statement import Statement
from jukinet.client.statement import statement as made_from
from jukinet.client.trust import POLICY, Trust, trust
from jukinet.client.view_key import ViewKey, parse_view_key, refuse_expired
from jukinet.errors import Malformed, Refused
from jukinet.law.leaf import JAPAN
from jukinet.merkle.note import VerifierKey
from jukinet.tasks.folder import Folder
from jukinet.tasks.papers.proofs import entry_with_proof, with_proofs
from jukinet.tasks.papers.statement import statement_page
from jukinet.tasks.papers.wording import Both, completeness, kept_back, no_witness
from jukinet.wire.mirror_reader import fetch, reader

EXAMPLES = """Examples:
  jukinet statement --dir demo --view-key demo/residents/resident-1.viewkey
  jukinet statement --view-key mine.viewkey --log https://log.example.org/ --html mine.html
  jukinet statement --view-key mine.viewkey --log copy/ --whole --json
  jukinet statement --view-key mine.viewkey --compare https://auditor.example.org/checkpoint"""


def statement(
    *,
    view_key: Annotated[Path, Parameter(help="The view key that the desk gave you.")],
    log: Annotated[str, Parameter(help="A copy of the public log: a folder or an address.")] = "",
    dir: InFolder = DEFAULT_FOLDER,
    policy: Annotated[Path | None, Parameter(help="Which witnesses you want.")] = None,
    compare: Annotated[str, Parameter(help="An auditor's checkpoint: a file or an address.")] = "",
    html: Annotated[Path | None, Parameter(help="Write a page to be printed.")] = None,
    whole: Annotated[bool, Parameter(negative=(), help="Read every leaf of the log.")] = False,
    expired_too: Annotated[bool, Parameter(negative=(), help="Though the key is over.")] = False,
    as_json: AsJson = False,
) -> int:
    """Who asked about me: every disclosure under my view key, each proved against the log.

    Only the public log's files are read, from any copy, and nothing of them is believed without its
    proof. Ends with 1 where the statement is not known to be complete, and says what is missing.
    """
    key = _key(view_key)
    at = now() if log else _now_of(Folder(Path(dir)))
    if not expired_too:
        refuse_expired(key, at.date())
    read = reader(log or str(Folder(Path(dir)).log))
    mirror = Mirror(read)
    trusted = trust(key, given=_content(policy), found=read(POLICY))
    compared = _compared(mirror, key, compare, html) if compare else None
    with progress() as report:
        found = made_from(key, mirror, trusted.policy, whole=whole, progress=report)
    if html is not None:
        _write(html, _page(found, key, at, trusted, compared).encode())
    give(
        with_proofs(found, at.date(), warning=trusted.warning, compared=compared),
        as_json=as_json,
        show=lambda: _show(found, at.date(), trusted, compared, html),
    )
    return DONE if found.complete else DIFFERS


def _key(path: Path) -> ViewKey:
    if not path.is_file():
        raise Malformed(f"--view-key: there is no file {path}")
    return parse_view_key(path.read_bytes())


def _now_of(folder: Folder) -> datetime:
    """The time of day; in a false world, the last day that it has lived."""
    day = folder.mark().lived_to if folder.exists else None
    return now() if day is None else datetime.combine(day, time(23, 59), JAPAN)


def _content(path: Path | None) -> bytes | None:
    if path is None:
        return None
    if not path.is_file():
        raise Malformed(f"--policy: there is no file {path}")
    return path.read_bytes()


# --- beside an auditor's checkpoint --------------------------------------------------------------


def _compared(mirror: Mirror, key: ViewKey, source: str, html: Path | None) -> Compared:
    """Two checkpoints of one log; of a forked one they are written down, and it is refused."""
    theirs = fetch(source)
    found = comparing.compare(mirror, theirs, VerifierKey.parse(key.log))
    if found.forked:
        folder = html.parent if html else Path()
        ours = _write(folder / f"fork-ours-{found.ours.size}.checkpoint", mirror.checkpoint)
        other = _write(folder / f"fork-theirs-{found.theirs.size}.checkpoint", theirs)
        raise Refused(
            f"--compare: the log has signed two histories, of {found.ours.size} and of "
            f"{found.theirs.size} leaves; {ours} and {other} prove it to everybody: give them "
            "to the auditor and to the press"
        )
    return found


def _same_log(compared: Compared) -> Both:
    ours, theirs = compared.ours.size, compared.theirs.size
    return Both(
        f"監査人のチェックポイント（{theirs:,} 葉）とこの写し（{ours:,} 葉）は同じ台帳のものです。",
        f"The auditor's checkpoint (size {theirs:,}) and this copy (size {ours:,}) are proved "
        "to be of one log.",
    )


# --- on paper ------------------------------------------------------------------------------------


def _page(
    found: Statement, key: ViewKey, at: datetime, trusted: Trust, compared: Compared | None
) -> str:
    more = (_same_log(compared),) if compared else ()
    return statement_page(found, key, at, warning=trusted.warning, more=more)


def _write(path: Path, content: bytes) -> Path:
    """A file that its owner alone can read."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return path


def _show(
    found: Statement, today: date, trusted: Trust, compared: Compared | None, html: Path | None
) -> None:
    table = Table("when", "who asked", "row", "for", "kind", "items", "leaf")
    for entry in map(entry_with_proof, found.entries):
        table.add_row(
            entry["time"],
            entry["agency"],
            entry["row"],
            entry["affair"] or f"(sealed part {'altered' if entry['altered'] else 'deleted'})",
            entry["kind"],
            ", ".join(entry["items"]) or "-",
            str(entry["leaf"]),
        )
    paper.print(table)
    paper.print(
        f"{len(found.entries)} disclosures, each proved to stand in the public log; "
        f"{len(found.keys)} view keys given"
    )
    said = [completeness(found), kept_back(found, today)]
    said += [no_witness(trusted.warning)] if trusted.warning else []
    said += [_same_log(compared)] if compared else []
    for sentence in (*(one.en for one in said), *(f"Remarked: {one}" for one in found.remarks)):
        paper.print(sentence, markup=False, soft_wrap=True)
    if html is not None:
        paper.print(f"written to {html}", markup=False)
