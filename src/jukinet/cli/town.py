"""`jukinet town`: a municipality's own commands."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.table import Table

from jukinet.cli.common import (
    DEFAULT_FOLDER,
    DONE,
    AsJson,
    InFolder,
    give,
    now,
    paper,
    parse_day,
)
from jukinet.errors import Malformed, Refused
from jukinet.law.record import Record, written_out
from jukinet.names.era import to_era
from jukinet.nodes.municipality import Municipality
from jukinet.register import book, codes
from jukinet.tasks.demo import view_key as view_key_of
from jukinet.tasks.folder import Folder
from jukinet.tasks.network import Network, open_network

app = App(name="town", help="A municipality's desk: import, look, view keys.")

TownCode = Annotated[str, Parameter(name="--town", help="Six digits of the municipality.")]

SHOW_EXAMPLES = """Examples:
  jukinet town show --dir demo
  jukinet town show --dir demo --town 131016
  jukinet town show --dir demo --town 131016 --record 17 --as-of 2025-04-01
  jukinet town show --dir demo --town 131016 --record 17 --known-on 2025-04-01 --history"""


@app.command(help_epilogue=SHOW_EXAMPLES)
def show(
    *,
    dir: InFolder = DEFAULT_FOLDER,
    town: TownCode = "",
    record: Annotated[int, Parameter(help="A record number.")] = 0,
    as_of: Annotated[str, Parameter(help="The record as of this day.")] = "",
    known_on: Annotated[str, Parameter(help="... as the book knew it on this day.")] = "",
    history: Annotated[bool, Parameter(negative=(), help="All entries of the record.")] = False,
    as_json: AsJson = False,
) -> int:
    """The towns of a folder; one town in numbers; or one record of its book.

    A record that a support measure hides is not shown here.
    """
    with open_network(Folder(Path(dir)), now()) as network:
        if not town:
            result: dict[str, Any] = {"towns": [_town(one) for one in network.towns.values()]}
        elif not record:
            result = _town(_of(network, town))
        else:
            result = _record(_of(network, town), record, as_of, known_on, history)
    give(result, as_json=as_json, show=lambda: _show(result))
    return DONE


VIEW_KEY_EXAMPLES = """Examples:
  jukinet town view-key --dir demo --town 131016 --record 17 > mine.viewkey"""


@app.command(name="view-key", help_epilogue=VIEW_KEY_EXAMPLES)
def view_key(
    *,
    town: TownCode,
    record: Annotated[int, Parameter(help="A record number.")],
    dir: InFolder = DEFAULT_FOLDER,
) -> int:
    """Give a resident the view key, with which to read who asked.

    Give it to the person alone: whoever holds it reads the same statement.
    """
    with open_network(Folder(Path(dir)), now()) as network:
        key = view_key_of(network, _live(_of(network, town), record))
    paper.print(key.encode().decode(), end="", markup=False)
    return DONE


def _of(network: Network, town: str) -> Municipality:
    if town not in network.towns:
        raise Malformed(f"--town: this folder has {', '.join(network.towns)}")
    return network.towns[town]


def _town(node: Municipality) -> dict[str, Any]:
    with node.store.begin() as tx:
        live = households = hidden = heads_due = 0
        for kept in book.everybody(tx):
            live += kept.record.live
            hidden += kept.record.live and kept.record.hidden
        for row in book.HOUSEHOLDS.everything(tx):
            households += row.members > 0
            heads_due += bool(row.head_due)
        last = book.last(tx)
        level = codes.level(tx)
    return {
        "town": node.name,
        "residents": live,
        "households": households,
        "heads_to_be_named": heads_due,
        "under_support_measures": hidden,
        "entries": last.entry,
        "last_day": last.day,
        "codes_in_pool": level,
    }


def _live(node: Municipality, number: int) -> Record:
    with node.store.begin() as tx:
        kept = book.records(tx, [number]).get(number)
    if kept is None or not kept.record.live:
        raise Refused(f"record {number}: this town has no live record of that number")
    return kept.record


def _record(
    node: Municipality, number: int, as_of: str, known_on: str, history: bool
) -> dict[str, Any]:
    with node.store.begin() as tx:
        today = book.records(tx, [number]).get(number)
        entries = book.entries_of(tx, number)
    found = book.fold(entries, as_of=_day(as_of, "--as-of"), known_on=_day(known_on, "--known-on"))
    # One answer for nobody and for somebody who is hidden: existence itself is hidden.
    if today is None or today.record.hidden or found is None:
        raise Refused(f"record {number}: this town has no record of that number on that day")
    shown = {"town": node.name, "record": number, **_fields(found)}
    if history:
        shown["history"] = [
            {
                "entry": entry.number,
                "kind": entry.kind.value,
                "cause": entry.cause,
                "event_date": entry.event_date,
                "recorded_on": entry.recorded_on,
                "sets": sorted(entry.changes.fields()),
                "reverses": list(entry.reverses),
            }
            for entry in entries
        ]
    return shown


def _day(text: str, field: str) -> date | None:
    return parse_day(text, field) if text else None


def _fields(record: Record) -> dict[str, Any]:
    name = record.name
    return {
        "name": name.legal.text,
        "reading": name.reading.text if name.reading else "",
        "birth_date": f"{record.birth_date.iso} ({to_era(record.birth_date)})",
        "sex": record.sex.value,
        "address": written_out(record.address),
        "household": record.household,
        "relationship": record.relationship.text,
        "resident_since": record.resident_since,
        "address_since": record.address_since,
        "previous_address": record.previous_address,
        "code": record.code.masked,
        "foreigner": bool(record.foreigner),
        "planned_move_out": record.planned.on if record.planned else "",
        "deleted": f"{record.deleted.on} ({record.deleted.cause})" if record.deleted else "",
    }


def _show(result: dict[str, Any]) -> None:
    if "towns" in result:
        table = Table(*result["towns"][0])
        for one in result["towns"]:
            table.add_row(
                *[f"{value:,}" if isinstance(value, int) else value for value in one.values()]
            )
        paper.print(table)
        return
    for name, value in result.items():
        if name != "history":
            paper.print(f"{name.replace('_', ' '):>24}  {value}", markup=False)
    for entry in result.get("history", ()):
        sets = ", ".join(entry["sets"]) or f"reverses {entry['reverses']}"
        paper.print(
            f"{entry['entry']:>8}  {entry['event_date']}  {entry['cause']} {entry['kind']}: {sets}",
            markup=False,
        )
