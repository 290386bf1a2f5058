"""`jukinet demo`: a small Japan lives through a year."""

from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

from cyclopts import Parameter
from rich.table import Table

from jukinet.cli.common import (
    DEFAULT_FOLDER,
    DIFFERS,
    DONE,
    AsJson,
    InFolder,
    give,
    paper,
    progress,
    screen,
)
from jukinet.cli.opening import begun
from jukinet.errors import Malformed
from jukinet.tasks.demo import Outcome, Size, run

EXAMPLES = """Examples:
  jukinet demo
  jukinet demo --towns 12 --residents 5000 --dir small
  jukinet demo --json --seed 7 --dir seven > figures.json"""


def demo(
    *,
    dir: InFolder = DEFAULT_FOLDER,
    seed: Annotated[int, Parameter(help="The same seed gives the same world.")] = 1,
    towns: Annotated[int, Parameter(help="Municipalities, of three prefectures.")] = 12,
    residents: Annotated[int, Parameter(help="Residents at the beginning.")] = 50_000,
    inquiries: Annotated[int, Parameter(help="Questions that agencies ask in the year.")] = 2_000,
    as_json: AsJson = False,
) -> int:
    """A small Japan lives through a year, is asked about, and is checked.

    Births, deaths, moves and marriages are notified at municipal desks; the notices reach the
    national index; agencies ask; every answer is in the public log before it leaves. A demo that
    was interrupted goes on when it is called again.
    """
    _check(towns, residents, inquiries)
    began = perf_counter()
    folder = begun(dir)
    with progress() as report:
        outcome = run(folder, seed, Size(towns, residents, inquiries), report)
    seconds = round(perf_counter() - began, 1)
    result = {**outcome.as_dict(), "seconds": seconds}
    give(result, as_json=as_json, show=lambda: _show(outcome, seconds, Path(dir)))
    for problem in outcome.problems:
        screen.print(problem, markup=False, style="yellow")
    sound = outcome.index_equals_registers and not outcome.problems
    return DONE if sound else DIFFERS


def _check(towns: int, residents: int, inquiries: int) -> None:
    if not 1 <= towns <= 200:
        raise Malformed("--towns: want 1 to 200")
    if residents < 20 * towns:
        raise Malformed(f"--residents: want at least twenty a town, {20 * towns}")
    if inquiries < 0:
        raise Malformed("--inquiries: want none or more")


def _show(outcome: Outcome, seconds: float, where: Path) -> None:
    table = Table(show_header=False, box=None, padding=(0, 2))
    for name, value in _lines(outcome, seconds):
        table.add_row(name, value)
    paper.print(table)
    key = outcome.view_keys[0] if outcome.view_keys else ""
    paper.print(
        "\nWhat to look at next:\n"
        f"  jukinet verify {where}\n"
        f"  jukinet statement --dir {where} --view-key {where / key}\n"
        f"  jukinet town show --dir {where}",
        markup=False,
    )


def _lines(outcome: Outcome, seconds: float) -> list[tuple[str, Any]]:
    kinds = outcome.events_by_kind.items()
    events = ", ".join(f"{count} {name}" for name, count in kinds)
    refused = ", ".join(f"{count} {rule}" for rule, count in outcome.refused_by_rule.items())
    equal = "yes" if outcome.index_equals_registers else "NO"
    return [
        ("towns", f"{outcome.towns}"),
        ("residents", f"{outcome.residents:,}"),
        ("events", f"{outcome.events:,}: {events}"),
        ("notices", f"{outcome.notices_written:,} written, {outcome.notices_applied:,} applied"),
        ("index equals registers", equal),
        ("inquiries", f"{outcome.inquiries:,}: {outcome.answered:,} answered"),
        ("refused", f"{outcome.refused:,}: {refused}"),
        ("public log", f"{outcome.ledger_size:,} entries, root {outcome.ledger_root}"),
        ("receipts verified", f"{outcome.receipts_verified:,} of {outcome.inquiries:,}"),
        ("seconds", f"{seconds}"),
    ]
