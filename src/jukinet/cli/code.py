"""`jukinet code`: resident record codes: pools, changes of one and of many, letters."""

import os
import time
from datetime import date
from pathlib import Path
from secrets import token_bytes
from typing import Annotated, Any

import msgspec
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
from jukinet.cli.opening import opened
from jukinet.errors import Malformed, Refused
from jukinet.keys.seal import OpenKey, SealKey
from jukinet.law.notification import Proof, Who
from jukinet.law.record import Record
from jukinet.nodes.municipality import Municipality
from jukinet.numbers import resident_code
from jukinet.numbers.resident_code import ResidentCode
from jukinet.tasks import code_changes, code_letters
from jukinet.tasks.network import Network, open_network
from jukinet.tasks.papers.code_letter import Why, letters_page, opened_letters

app = App(name="code", help="Resident record codes (住民票コード): pools, changes, letters.")

TownCode = Annotated[str, Parameter(name="--town", help="Six digits of the municipality.")]

EXAMPLES = """Examples:
  jukinet code check 12345678903
  jukinet code check "１２３４５－６７８９０３\""""


@app.command(help_epilogue=EXAMPLES)
def check(
    code: Annotated[str, Parameter(help="Eleven digits; spaces and hyphens may stand between.")],
    *,
    as_json: AsJson = False,
) -> int:
    """Whether a code is well formed: eleven digits, the last one fitting the others.

    A well-formed code need not belong to anybody, and proves nothing about whoever recites it. The
    rule of the check digit is provisional: the official notice (MIC 436/2002) was not read.
    """
    found = resident_code.parse(code)
    result = {"well_formed": True, "masked": found.masked, "check_digit_is_provisional": True}
    give(result, as_json=as_json, show=lambda: paper.print(f"{found.masked}: well formed"))
    return DONE


# --- pools ----------------------------------------------------------------------------------------

LEVELS_EXAMPLES = """Examples:
  jukinet code levels demo
  jukinet code levels --dir demo --json"""


@app.command(help_epilogue=LEVELS_EXAMPLES)
def levels(dir: InFolder = DEFAULT_FOLDER, *, as_json: AsJson = False) -> int:
    """How each town's pool of codes stands: what is left, for how many days, what was asked for.

    A town asks ahead: when what is left would not last 14 days at the rate of late, or 200 codes.
    """
    with open_network(opened(dir), now()) as network:
        found = code_changes.levels(network)
        given = code_changes.given_out(network)
    towns = [{"town": town, **msgspec.to_builtins(level)} for town, level in found.items()]
    result = {"towns": towns, "given_out_by_the_centre": given}
    give(result, as_json=as_json, show=lambda: _show_levels(towns, given))
    return DONE


def _show_levels(towns: list[dict[str, Any]], given: int) -> None:
    table = Table(*(name.replace("_", " ") for name in towns[0])) if towns else Table()
    for one in towns:
        table.add_row(*map(_cell, one.values()))
    paper.print(table)
    paper.print(f"The centre has given out {given:,} of 10,000,000,000 codes.")


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else f"{value:,}" if isinstance(value, int | float) else str(value)


ALLOT_EXAMPLES = """Examples:
  jukinet code allot demo 131016 5000
  jukinet code allot --dir demo --town 131016 --count 5000 --json"""


@app.command(help_epilogue=ALLOT_EXAMPLES)
def allot(
    dir: InFolder,
    town: TownCode,
    count: Annotated[int, Parameter(help="How many codes.")],
    *,
    as_json: AsJson = False,
) -> int:
    """Have the centre allot a town codes by hand, for what lies ahead.

    No two towns are ever given the same code, and none is given twice.
    """
    with open_network(opened(dir), now()) as network:
        level = code_changes.order_codes(network, _of(network, town), count)
    result = {"town": town, **msgspec.to_builtins(level)}
    free = f"{town}: {level.free:,} codes are free"
    give(result, as_json=as_json, show=lambda: paper.print(free))
    return DONE


# --- one code -------------------------------------------------------------------------------------

CHANGE_EXAMPLES = """Examples:
  jukinet code change --dir demo --town 131016 --record 17 --dry-run
  jukinet code change --dir demo --town 131016 --record 17 --letter letter.html
  jukinet code change --dir demo --town 131016 --record 17 --who proxy --proof two_papers --json"""


@app.command(help_epilogue=CHANGE_EXAMPLES)
def change(
    dir: InFolder = DEFAULT_FOLDER,
    *,
    town: TownCode,
    record: Annotated[int, Parameter(help="A record number.")],
    number: Annotated[
        str, Parameter(help="The desk's number of the notification; the same one changes once.")
    ] = "",
    who: Annotated[Who, Parameter(help="Who appeared.")] = Who.SELF,
    proof: Annotated[Proof, Parameter(help="How identity was proved.")] = Proof.NUMBER_CARD,
    letter: Annotated[
        Path | None, Parameter(help="Write the letter that tells the new code (HTML).")
    ] = None,
    dry_run: Annotated[bool, Parameter(negative=(), help="Look, and change nothing.")] = False,
    as_json: AsJson = False,
) -> int:
    """Change a resident's code, on request; no reason is asked (Act, art. 30-4).

    The former code is never given to anybody again. Here codes are masked; the letter has the new.
    """
    moment = now()
    named = number or f"code/{record}/{moment:%Y%m%d%H%M%S}"
    with open_network(opened(dir), moment) as network:
        node = _of(network, town)
        done = code_changes.change_code(
            network, node, record, number=named, who=who, proof=proof, dry_run=dry_run
        )
        if letter is not None and done.done:
            someone = [code_changes.live_record(node, record)]
            made = code_letters.of(
                network, town, someone, series=f"{town}-{record}", why=Why.ON_REQUEST
            )
            _write(letter, letters_page(list(made)).encode())
    result = msgspec.to_builtins(done)
    give(result, as_json=as_json, show=lambda: paper.print(_changed(done), markup=False))
    return DONE


def _changed(done: code_changes.Change) -> str:
    letter = "; the letter is handed over at the desk alone" if done.hidden else ""
    if not done.done:
        return f"record {done.record}: {done.before} would be changed{letter}; nothing was written"
    return f"record {done.record}: {done.before} is now {done.after}{letter}"


# --- many codes -----------------------------------------------------------------------------------

MASS_EXAMPLES = """Examples:
  jukinet code mass-change demo --town 131016 --incident "a list of codes was stolen"
  jukinet code mass-change demo --list codes.txt --incident "..." --official "Sato Hana"
  jukinet code mass-change demo --list codes.txt --incident "..." --official "Suzuki Ken\""""


@app.command(name="mass-change", help_epilogue=MASS_EXAMPLES)
def mass_change(
    dir: InFolder = DEFAULT_FOLDER,
    *,
    incident: Annotated[str, Parameter(help="What happened; it stays in the town's book.")],
    town: TownCode = "",
    list_file: Annotated[
        Path | None, Parameter(name="--list", help="Codes to be changed, one a line.")
    ] = None,
    official: Annotated[str, Parameter(help="Who approves; two different officials must.")] = "",
    per_second: Annotated[int, Parameter(help="At most so many a second.")] = code_changes.A_SECOND,
    dry_run: Annotated[bool, Parameter(negative=(), help="Count, and write nothing.")] = False,
    as_json: AsJson = False,
) -> int:
    """Change the codes of a whole town, or of a list, after an incident.

    Without --official it counts whom it would concern. The first official's approval fixes whom it
    concerns; the same command by another official begins. It may be stopped at any time: the same
    command goes on, and each person's code is changed once. Exit 1 where somebody's was refused.
    """
    if not town and list_file is None:
        raise Malformed("--town or --list: say whose codes are to be changed")
    stated = code_changes.read_list(list_file) if list_file is not None else None
    with open_network(opened(dir), now()) as network:
        nodes = [_of(network, town)] if town else list(network.towns.values())
        scope = _Scope(network, incident, stated, official="" if dry_run else official)
        towns = scope.of_all(nodes, per_second)
    result = {"incident": incident, "towns": towns}
    give(result, as_json=as_json, show=lambda: _show_mass(towns))
    return DIFFERS if any(one.get("refused") for one in towns) else DONE


class _Scope:
    """A mass change over some towns."""

    def __init__(
        self,
        network: Network,
        incident: str,
        stated: list[ResidentCode] | None,
        *,
        official: str,
    ) -> None:
        self._network = network
        self._incident = incident
        self._stated = stated
        self._official = official

    def of_all(self, nodes: list[Municipality], a_second: int) -> list[dict[str, Any]]:
        """What it comes to in each town that it concerns."""
        found = [one for node in nodes if (one := self._of(node, a_second)) is not None]
        if not found:
            raise Refused("mass change: no live record here is concerned; nothing to change")
        return found

    def _of(self, node: Municipality, a_second: int) -> dict[str, Any] | None:
        changes, moment = node.mass_changes, self._network.line.now
        number = changes.number_of(self._incident, self._stated)
        standing = changes.standing(number, moment)
        shown: dict[str, Any] = {"town": node.name, "number": number}
        if standing is None:
            preview = changes.preview(self._stated, moment)
            if not preview.persons:
                return None
            shown |= msgspec.to_builtins(preview)
            shown["codes_to_ask_for"] = preview.codes_to_ask_for
            shown["seconds_at_least"] = code_changes.seconds_for(preview, a_second)
        if self._official:
            standing = changes.approve(self._incident, self._stated, self._official, moment)
        if self._official and standing is not None and standing.approved:
            with progress() as report:
                standing = code_changes.carry_out(
                    self._network,
                    node,
                    number,
                    wait=time.sleep,
                    a_second=a_second,
                    progress=report,
                )
        if standing is not None:
            shown |= msgspec.to_builtins(standing)
        return shown


def _show_mass(towns: list[dict[str, Any]]) -> None:
    for one in towns:
        paper.print(_mass_line(one), markup=False)
        for name, value in one.items():
            if name not in ("town", "number", "incident"):
                shown = ", ".join(value) if isinstance(value, list | tuple) else _cell(value)
                paper.print(f"{name.replace('_', ' '):>24}  {shown}", markup=False)


def _mass_line(one: dict[str, Any]) -> str:
    number = f"{one['town']}: change {one['number']}"
    if "approved_by" not in one:
        return f"{number} is not prepared; approve it with --official"
    if len(one["approved_by"]) < 2:
        return f"{number} waits for another official's approval"
    return f"{number} has ended" if one["ended_on"] else f"{number} goes on"


# --- letters --------------------------------------------------------------------------------------

LETTERS_EXAMPLES = """Examples:
  jukinet code letters demo --town 131016 --record 17 --out letters
  jukinet code letters demo --town 131016 --since 2026-04-01 --out letters
  jukinet code letters demo --town 131016 --change 0123456789abcdef --out letters
  jukinet code letters demo --town 131016 --since 2026-04-01 --out sealed --seal-to printer.pub"""


@app.command(help_epilogue=LETTERS_EXAMPLES)
def letters(
    dir: InFolder = DEFAULT_FOLDER,
    *,
    town: TownCode,
    out: Annotated[Path, Parameter(help="A new folder for the letters, for its owner alone.")],
    record: Annotated[tuple[int, ...], Parameter(help="Record numbers.")] = (),
    since: Annotated[str, Parameter(help="Whoever was given a code since this day.")] = "",
    change: Annotated[str, Parameter(help="The number of a mass change.")] = "",
    seal_to: Annotated[
        Path | None, Parameter(help="The printer's key: the data is sealed to it, not printed.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Letters that tell residents their codes: sheets to print, or data sealed to a printer.

    What goes by post and what waits at the desk (support measures) stands in files apart.
    """
    if (bool(record), bool(since), bool(change)).count(True) != 1:
        raise Malformed("--record, --since or --change: say whose letters, by one of them")
    with open_network(opened(dir), now()) as network:
        node = _of(network, town)
        people, why, series = _whose(network, node, record, since, change)
        made = code_letters.of(network, town, people, series=series, why=why)
        key = None if seal_to is None else SealKey(_hexadecimal(seal_to, "--seal-to"))
        report = code_letters.write(out, town, made, key=key)
    give(report, as_json=as_json, show=lambda: _show_letters(report, out))
    return DONE


def _whose(
    network: Network, node: Municipality, record: tuple[int, ...], since: str, change: str
) -> tuple[list[Record], Why, str]:
    if record:
        people = [code_changes.live_record(node, one) for one in record]
        return people, Why.GIVEN, f"{node.name}-R{record[0]}"
    if since:
        day: date = parse_day(since, "--since")
        return code_changes.drawn_since(node, day), Why.GIVEN, f"{node.name}-{day:%Y%m%d}"
    return code_changes.of_change(network, node, change), Why.INCIDENT, f"{node.name}-{change[:8]}"


def _show_letters(report: dict[str, Any], out: Path) -> None:
    paper.print(
        f"{out}: {report['by_post']:,} letters to be sent, {report['at_desk']:,} to be handed over "
        "at the desk",
        markup=False,
    )


LETTER_KEY_EXAMPLES = """Examples:
  jukinet code letter-key printer.key"""


@app.command(name="letter-key", help_epilogue=LETTER_KEY_EXAMPLES)
def letter_key(
    file: Annotated[Path, Parameter(help="A new file for the secret key; FILE.pub has the other.")],
) -> int:
    """Draw the key of whoever prints letters: the office or firm itself keeps the secret half."""
    key = OpenKey.draw(token_bytes)
    _write(file, key.reveal_secret().hex().encode() + b"\n")
    _write(file.with_name(file.name + ".pub"), key.public.raw.hex().encode() + b"\n")
    paper.print(f"{file}: keep it; give {file}.pub to the town", markup=False)
    return DONE


OPEN_EXAMPLES = """Examples:
  jukinet code open-letters by-post.sealed --town 131016 --key printer.key --html sheets.html"""


@app.command(name="open-letters", help_epilogue=OPEN_EXAMPLES)
def open_letters(
    file: Annotated[Path, Parameter(help="Letters' data as a town has sealed it.")],
    *,
    town: TownCode,
    key: Annotated[Path, Parameter(help="The printer's secret key.")],
    html: Annotated[Path, Parameter(help="Where the sheets are written.")],
) -> int:
    """Open letters' data at the printer's, and make the sheets."""
    if not file.is_file():
        raise Malformed(f"letters: there is no file {file}")
    opened = opened_letters(file.read_bytes(), town, OpenKey(_hexadecimal(key, "--key")))
    _write(html, letters_page(opened.letters).encode())
    paper.print(f"{html}: {len(opened.letters):,} letters", markup=False)
    return DONE


def _hexadecimal(file: Path, field: str) -> bytes:
    try:
        return bytes.fromhex(file.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        raise Malformed(f"{field}: {file} is no key that `jukinet code letter-key` made") from None


def _write(path: Path, content: bytes) -> None:
    """Write a new file for its owner alone; Refused where one is there."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise Refused(f"{path}: it is there already; name another") from None
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _of(network: Network, town: str) -> Municipality:
    if town not in network.towns:
        raise Malformed(f"--town: this folder has {', '.join(network.towns)}")
    return network.towns[town]
