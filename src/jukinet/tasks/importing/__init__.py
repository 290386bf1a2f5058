"""Import (一括取込): a municipality's own export, entered ex officio household by household.

A town that joins has its residents in another system, which can export them as a table of text.
Each household becomes one ex officio entry (職権記載, art. 8) that the office files at the town's
own node, in groups of fifty. So acceptance checks what it checks at a desk, a notice of each person
goes into the outbox in the same commit, existing codes are kept and leave the pool, and people
without a code have one drawn. docs/import.md has the columns, the text formats and the rules.

It is not a copy of another system's tables: what the register has no item for is not read, and
nothing that stands in the register is ever overwritten. The order of work, and what a crash does:

1. recognise the text, read the header               a crash leaves nothing
2. read every row into the staging file              leaves that file; the next import removes it
3. file households in groups of fifty, each group    leaves whole groups; the next import finds them
   one commit of the town's store                    by their numbers and goes on after them
4. write the table of rejects, under its name last   leaves no table; the next import writes it

Sources: Basic Resident Registration Act, arts. 5 to 8 and 30-45.

>>> from jukinet.tasks.importing.homes import number_of
>>> number_of("0012345")
'import/0012345/1'
"""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Final

from jukinet.errors import Malformed
from jukinet.numbers.municipality_code import municipality
from jukinet.tasks.importing import homes, text
from jukinet.tasks.importing.columns import Header, read_header
from jukinet.tasks.importing.desk import LineDesk, NodeDesk, TownDesk
from jukinet.tasks.importing.entering import Entering
from jukinet.tasks.importing.rejects import rejects_at, rejects_file
from jukinet.tasks.importing.report import Report
from jukinet.tasks.importing.resident import Fault, Reader, joined
from jukinet.tasks.importing.staging import Staging, staged_rows, sweep

__all__ = [
    "LineDesk",
    "NodeDesk",
    "Report",
    "TownDesk",
    "import_residents",
    "rejects_file",
    "sweep",
]

Progress = Callable[[str, int, int | None], None]

STEP: Final = 1000  # rows between two words of progress


def import_residents(
    town: TownDesk,
    file: Path,
    *,
    today: date,
    rejects: Path | None = None,
    dry_run: bool = False,
    progress: Progress = lambda _what, _done, _total: None,
    ignore_columns: bool = False,
) -> Report:
    """Enter the residents of a file into a town's register, and say what became of every row.

    Rows that cannot be entered go into a table (`FILE.rejects.csv` unless `rejects` says another
    place); none is left where no row is rejected. A `dry_run` checks everything and writes that
    table alone. `progress` hears "rows" or "households", how many are done, and of how many.

    Raises Malformed where the file cannot be read or its header lacks something, Refused where the
    table would overwrite something else, OutOfStep where disk or node fails; nothing has been
    entered then unless households were under way, and importing again goes on from there.
    """
    rows, header, report = _opened(file, ignore_columns=ignore_columns)
    report.dry_run = dry_run
    with (
        rejects_at(rejects or rejects_file(file)) as table,
        staged_rows(town.folder, town.town.digits) as staged,
    ):
        entering = Entering(town, staged, report, today=today, dry_run=dry_run)
        reader = Reader(header, municipality(town.town), today)
        for row in rows:
            report.rows += 1
            _stage(row, header, reader, staged, entering)
            if report.rows % STEP == 0:
                progress("rows", report.rows, None)
        progress("rows", report.rows, report.rows)
        staged.all_in()
        report.households = staged.households
        entering.enter(progress)
        if report.rejected:
            table.write(staged.rejects())
            report.rejects = table.path
    return report


def _opened(file: Path, *, ignore_columns: bool) -> tuple[Iterator[text.Row], Header, Report]:
    """The rows after the header, the header, and a report that knows the text's form."""
    try:
        encoding = text.recognise(file)
        separator = text.separator(file, encoding)
        rows = text.rows(text.lines(file, encoding), separator)
        first = next(rows, None)
    except OSError as error:
        raise Malformed(f"file: {file}: {error.strerror}; name a file that can be read") from None
    if first is None:
        raise Malformed("file: nothing is in it; export it again")
    if first.cells is None:
        raise Malformed(f"file: {text.UNPAIRED}")
    header = read_header(first.cells, ignore_columns=ignore_columns)
    report = Report(encoding=encoding, dialect=text.SEPARATORS[separator])
    return rows, header, report


def _stage(
    row: text.Row, header: Header, reader: Reader, staged: Staging, entering: Entering
) -> None:
    """Put a row where it waits for its household, or among the rejects."""
    if row.cells is None or len(row.cells) != header.width:
        entering.reject(row.line, _unlike_a_row(row, header))
        return
    reading = reader.read(row.cells)
    clash = staged.claim(row.line, reading.numbers, "\x1f".join(row.cells))
    if clash is not None and clash.same:
        entering.reject(row.line, homes.repeated(clash.line))
        return
    if reading.faults:
        entering.reject(row.line, joined(reading.faults))
    if clash is not None:
        entering.reject(clash.line, homes.twice(row.line))
        entering.reject(row.line, homes.twice(clash.line))
    if reading.household:
        resident = None if clash is not None else reading.resident
        staged.put(row.line, reading.household, head=reading.head, resident=resident)


def _unlike_a_row(row: text.Row, header: Header) -> Fault:
    if row.cells is None:
        return Fault("", text.UNPAIRED)
    return Fault(
        "",
        f"want {header.width} cells as the header has, got {len(row.cells)}; a cell with a "
        "separator in it stands in quotes",
    )
