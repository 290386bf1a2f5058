"""`jukinet enrol`: numbers and handles for a file of people, as an agency begins."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

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
from jukinet.cli.opening import opened
from jukinet.errors import Malformed
from jukinet.tasks.enrolling import AT_ONCE, Enrolment
from jukinet.tasks.enrolling import enrol as enrol_people
from jukinet.tasks.network import open_network

EXAMPLES = """Examples:
  jukinet enrol --agency pension --row 1-73 --dry-run people.csv
  jukinet enrol --agency pension --row 1-73 people.csv
  jukinet enrol --agency pension --row 1-73 --at-once 10000 --json people.parquet
Columns: id (整理番号), name (氏名), kana (フリガナ), birth (生年月日), place (住所地),
sex (性別)"""


def enrol(
    file: Annotated[Path, Parameter(help="CSV (UTF-8 or CP932) or Parquet.")],
    *,
    agency: Annotated[str, Parameter(help="Whose people they are: pension, tax.")],
    row: Annotated[str, Parameter(help="Table and row of the schedule, such as 1-73.")],
    dir: InFolder = DEFAULT_FOLDER,
    at_once: Annotated[int, Parameter(help="How many people one order has.")] = AT_ONCE,
    official: Annotated[str, Parameter(help="The official's own number.")] = "official-1",
    dry_run: Annotated[bool, Parameter(negative=(), help="Read all, ask nothing.")] = False,
    as_json: AsJson = False,
) -> int:
    """Have sector numbers and handles for a file of people, by name, birth date and place.

    Writes FILE.enrolled.csv and FILE.rejects.csv. It can be stopped at any time; the same command
    goes on behind the last order that was answered. Exit 1 where a row was rejected.
    """
    with open_network(opened(dir), now(), only_towns=()) as network, progress() as report:
        if agency not in network.agencies:
            raise Malformed(f"--agency: this folder has {', '.join(network.agencies)}")
        found = enrol_people(
            network.agencies[agency],
            network.line,
            file,
            row=row,
            clock=now,
            at_once=at_once,
            official=official,
            dry_run=dry_run,
            progress=report,
        )
    give(found.as_dict(), as_json=as_json, show=lambda: _show(found))
    return DIFFERS if found.rejected else DONE


def _show(found: Enrolment) -> None:
    would = "could be asked for" if found.dry_run else "enrolled"
    paper.print(
        f"{found.rows:,} rows: {found.enrolled:,} {would} in {found.orders:,} orders, "
        f"{found.rejected:,} rejected"
    )
    if found.before:
        paper.print(f"Gone on behind line {found.before:,}, where the last run was stopped.")
    for what, path in (("Numbers and handles", found.file), ("Rejected rows", found.rejects)):
        if path is not None:
            paper.print(f"{what}: {path}", markup=False)
