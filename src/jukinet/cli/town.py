"""`jukinet town`: a municipality's own commands."""

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
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
    parse_day,
    progress,
)
from jukinet.cli.opening import begun, opened
from jukinet.errors import Malformed, Refused
from jukinet.law.leaf import Holder
from jukinet.law.notification import DoubleRegistration, Filed, Proof, Who
from jukinet.law.record import Record, written_out
from jukinet.law.schedule import load
from jukinet.merkle import policy
from jukinet.merkle.policy import Policy
from jukinet.names.era import to_era
from jukinet.nodes.counter import VALID_DAYS
from jukinet.nodes.keyring import key_names
from jukinet.nodes.municipality import Municipality
from jukinet.numbers import municipality_code
from jukinet.register import book, codes
from jukinet.tasks.asking import AGENCIES
from jukinet.tasks.ceremonies import gathered, shared
from jukinet.tasks.code_changes import file
from jukinet.tasks.folder import Folder, Mark
from jukinet.tasks.importing import LineDesk, import_residents
from jukinet.tasks.importing import Report as ImportReport
from jukinet.tasks.keeping import read_keepers
from jukinet.tasks.network import Kept, Network, create, open_network
from jukinet.tasks.papers.view_key import view_key_sheet
from jukinet.tasks.residents import give_view_key, write_down_union

app = App(
    name="town", help="A municipality's desk: import, look, view keys, two records of one person."
)

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
    with open_network(opened(dir), now()) as network:
        if not town:
            result: dict[str, Any] = {"towns": [_town(one) for one in network.towns.values()]}
        elif not record:
            result = _town(_of(network, town))
        else:
            result = _record(_of(network, town), record, as_of, known_on, history)
    give(result, as_json=as_json, show=lambda: _show(result))
    return DONE


INIT_EXAMPLES = """Examples:
  jukinet town init --dir mine --towns 131016
  jukinet town init --dir three --towns 131016,141011,011011
  jukinet town init --dir mine --towns 131016 --witnesses witnesses.txt
  jukinet town init --dir mine --towns 131016 --keepers keepers.txt"""


@app.command(help_epilogue=INIT_EXAMPLES)
def init(
    *,
    towns: Annotated[str, Parameter(help="Municipality codes, with commas between.")],
    witnesses: Annotated[
        Path | None, Parameter(help="Witnesses elsewhere: a policy file without a log.")
    ] = None,
    keepers: Annotated[
        Path | None, Parameter(help="Keepers elsewhere, who have held their ceremony: their file.")
    ] = None,
    dir: InFolder = DEFAULT_FOLDER,
) -> int:
    """Make a folder for towns whose books are empty: to import into, or to fill at their desks.

    All keys are drawn anew. Codes come from the centre's pools. Without --witnesses the folder has
    three witnesses of its own; witnesses elsewhere must first be told to trust this log:
    `jukinet witness trust --dir W DIR/centre/log/policy`. Without --keepers it has three keepers of
    its own; keepers elsewhere hold their ceremony first (`jukinet keeper ceremony`), and are then
    given the directory: `jukinet keeper join K DIR/public/directory.json`.
    """
    folder = Folder(Path(dir))
    folder.refuse_foreign()
    if folder.exists:
        raise Refused(f"{dir}: there is a network already; name another folder with --dir")
    codes_named = [municipality_code.parse(one) for one in towns.split(",") if one.strip()]
    known = [municipality_code.municipality(one) for one in codes_named]
    if not known:
        raise Malformed("--towns: name at least one municipality by its six digits")
    mark = Mark(towns=tuple(one.code.digits for one in known), agencies=AGENCIES)
    witnessed = _witnessed(witnesses)
    kept = _kept(keepers)
    create(begun(dir), mark, witnessed=witnessed, kept=kept)
    paper.print(f"{dir}: {', '.join(one.full_name for one in known)}")
    return DONE


def _witnessed(file: Path | None) -> Policy | None:
    """The witnesses of a policy file, each with its address."""
    if file is None:
        return None
    if not file.is_file():
        raise Malformed(f"--witnesses: there is no file {file}")
    found = policy.parse(file.read_bytes())
    if any(not one.url for one in found.witnesses):
        raise Malformed("--witnesses: each line ends with the address of the witness")
    return found


def _kept(file: Path | None) -> Kept | None:
    """What the keepers of a file hold, each with its address."""
    if file is None:
        return None
    who = read_keepers(file)
    with gathered(who, None, now()) as round_:
        found = shared(round_.caught_up(who.names), who)
    lacking = set(key_names(load())) - {key.name for key in (found.keys if found else ())}
    if found is None or lacking:
        raise Refused(
            "--keepers: they do not hold shares of all keys; hold their ceremony first, with "
            f"`jukinet keeper ceremony --keepers {file}`"
        )
    return Kept(found, who.urls)


IMPORT_EXAMPLES = """Examples:
  jukinet town import --dir mine --town 131016 --dry-run residents.csv
  jukinet town import --dir mine --town 131016 residents.csv
  jukinet town import --dir mine --town 131016 --rejects out.csv --json residents.csv"""


@app.command(name="import", help_epilogue=IMPORT_EXAMPLES)
def import_file(
    file: Annotated[Path, Parameter(help="CSV or tab-separated, UTF-8 or CP932.")],
    *,
    town: TownCode,
    dir: InFolder = DEFAULT_FOLDER,
    rejects: Annotated[Path | None, Parameter(help="Where rejected rows are listed.")] = None,
    dry_run: Annotated[bool, Parameter(negative=(), help="Check all, write nothing.")] = False,
    ignore_columns: Annotated[
        bool, Parameter(negative=(), help="Leave out columns that are not known.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Enter a municipality's own export into its register.

    docs/import.md has the columns. A row that cannot be entered goes into the table of rejects,
    with line, field and reason; the others are entered. The same file twice changes nothing.
    Exit 1 where a row was rejected.
    """
    with open_network(opened(dir), now()) as network, progress() as report:
        node = _of(network, town)
        desk = LineDesk(node, network.folder.town(town).parent, network.line)
        found = import_residents(
            desk,
            file,
            today=network.line.now.date(),
            rejects=rejects,
            dry_run=dry_run,
            progress=report,
            ignore_columns=ignore_columns,
        )
    give(found.as_dict(), as_json=as_json, show=lambda: _show_import(found))
    return DIFFERS if found.rejected else DONE


def _show_import(found: ImportReport) -> None:
    would = "would be " if found.dry_run else ""
    paper.print(
        f"{found.rows:,} rows ({found.encoding}, {found.dialect}), "
        f"{found.households:,} households: {found.entered:,} {would}entered, "
        f"{found.already_there:,} there already, "
        f"{found.rejected:,} rejected",
        markup=False,
    )
    for reason, count in found.reasons.most_common():
        paper.print(f"{count:>8,}  {reason}", markup=False)
    if found.rejects is not None:
        paper.print(f"The rejected rows, each with its reason: {found.rejects}", markup=False)


VIEW_KEY_EXAMPLES = """Examples:
  jukinet town view-key --dir demo --town 131016 --record 17 > mine.viewkey
  jukinet town view-key --dir demo --town 131016 --record 17 --sheet mine.html
  jukinet town view-key --dir demo --town 131016 --record 17 --holder guardian --from-now-on"""


@app.command(name="view-key", help_epilogue=VIEW_KEY_EXAMPLES)
def view_key(
    *,
    town: TownCode,
    record: Annotated[int, Parameter(help="A record number.")],
    holder: Annotated[Holder, Parameter(help="To whom it is given.")] = Holder.SELF,
    from_now_on: Annotated[
        bool, Parameter(negative=(), help="It opens nothing of the past (for a guardian).")
    ] = False,
    valid_days: Annotated[int, Parameter(help="For how many days it is valid.")] = VALID_DAYS,
    official: Annotated[str, Parameter(help="Who gives it: the official's own number.")] = (
        "official-1"
    ),
    short: Annotated[bool, Parameter(negative=(), help="One line, as in the QR code.")] = False,
    sheet: Annotated[
        Path | None, Parameter(help="Write the sheet to hand out (HTML, with a QR code).")
    ] = None,
    dir: InFolder = DEFAULT_FOLDER,
) -> int:
    """Give a resident the view key, with which to read who asked.

    That it is given, by whom and to whom, stands on the person's own statement first. Give it to
    the person alone: whoever holds it reads the same. To renew one, give another.
    """
    with open_network(opened(dir), now()) as network:
        node = _of(network, town)
        key = give_view_key(
            network,
            node,
            _live(node, record),
            official=official,
            holder=holder,
            past=not from_now_on,
            valid_days=valid_days,
        )
        day = network.line.now.date()
        place = network.directory.towns[town].name
    if sheet is not None:
        sheet.write_text(view_key_sheet(key, place, day), encoding="utf-8")
        paper.print(f"{sheet}: print it and hand it over; it opens the person's entries")
    else:
        sys.stdout.write(key.text + "\n" if short else key.encode().decode())
    return DONE


UNITE_EXAMPLES = """Examples:
  jukinet town unite --dir demo --town 131016 --record 17 --kept 23"""


@app.command(help_epilogue=UNITE_EXAMPLES)
def unite(
    *,
    town: TownCode,
    record: Annotated[int, Parameter(help="The record that goes.")],
    kept: Annotated[int, Parameter(help="The record of the same person that is kept.")],
    number: Annotated[str, Parameter(help="The desk's number of the notification.")] = "",
    official: Annotated[str, Parameter(help="Who does it: the official's own number.")] = (
        "official-1"
    ),
    dir: InFolder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> int:
    """Unite two records of one person (二重登録の統合): one is deleted and leads to the other.

    Both are of this town; one of another town is brought here first, by a move-in. Agencies that
    knew the one learn the other's number with their next question. That it was done stands on the
    person's statements. Given again under the same --number it goes on; to undo it, cancel it.
    """
    moment = now()
    filed = Filed(
        number=number or f"unite/{record}/{kept}/{moment:%Y%m%d%H%M%S}",
        event_date=moment.date(),
        notice_date=moment.date(),
        who=Who.OFFICE,
        proof=Proof.OFFICE_PAPER,
    )
    with open_network(opened(dir), moment) as network:
        node = _of(network, town)
        file(network, node, DoubleRegistration(filed=filed, person=record, kept=kept))
        gone, stays = _live(node, record), _live(node, kept)
        done = write_down_union(network, node, gone, stays, official=official)
    result = {
        "town": town,
        "record": record,
        "kept": kept,
        "number": filed.number,
        "leaf": done.leaf,
    }
    said = f"record {record} leads to record {kept} (notification {filed.number})"
    give(result, as_json=as_json, show=lambda: paper.print(said, markup=False))
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
    """A record that stands, or whose past another one of the same person has taken over."""
    with node.store.begin() as tx:
        kept = book.records(tx, [number]).get(number)
    if kept is None or not (kept.record.live or kept.record.kept):
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
