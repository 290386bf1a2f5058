"""`jukinet statement`: who asked about me, read from the public log."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.table import Table

from jukinet.cli.common import DEFAULT_FOLDER, DONE, AsJson, InFolder, give, paper
from jukinet.client.statement import Statement, parse_view_key
from jukinet.errors import Malformed
from jukinet.tasks.demo import resident_statement
from jukinet.tasks.folder import Folder

EXAMPLES = """Examples:
  jukinet statement --dir demo --view-key demo/residents/resident-1.viewkey
  jukinet town view-key --dir demo --town 131016 --record 17 > mine.viewkey
  jukinet statement --dir demo --view-key mine.viewkey --json"""


def statement(
    *,
    view_key: Annotated[Path, Parameter(help="The view key that the desk gave you.")],
    dir: InFolder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> int:
    """Who asked about me: every disclosure under my view key, each proved against the log.

    Only the public log's files are read, and nothing of them is believed without its proof.
    """
    if not view_key.exists():
        raise Malformed(f"--view-key: there is no file {view_key}")
    key = parse_view_key(view_key.read_bytes())
    found = resident_statement(Folder(Path(dir)), key)
    give(_result(found), as_json=as_json, show=lambda: _show(found))
    return DONE


def _result(found: Statement) -> dict[str, Any]:
    return {
        "log_size": found.size,
        "log_root": found.root.hex(),
        "entries": [
            {
                "place": entry.place,
                "leaf": entry.leaf_index,
                "time": entry.leaf.time,
                "agency": entry.body.agency if entry.body else entry.leaf.agency,
                "official": entry.body.official if entry.body else None,
                "row": entry.body.row if entry.body else entry.leaf.row,
                "affair": entry.body.affair if entry.body else None,
                "kind": entry.leaf.kind,
                "items": entry.leaf.items,
                "proof": entry.proof.decode(),
            }
            for entry in found.entries
        ],
    }


def _show(found: Statement) -> None:
    table = Table("when", "who asked", "row", "for", "kind", "items", "leaf")
    for entry in _result(found)["entries"]:
        items = ", ".join(entry["items"]) or "-"
        table.add_row(
            entry["time"],
            entry["agency"],
            entry["row"],
            entry["affair"] or "(sealed part deleted)",
            entry["kind"],
            items,
            str(entry["leaf"]),
        )
    paper.print(table)
    paper.print(
        f"{len(found.entries)} disclosures, each proved to stand in the public log of "
        f"{found.size:,} entries, root {found.root.hex()}"
    )
