"""What the commands share: where they print, how they show progress, how they end.

Results go to standard output (one JSON object with `--json`), progress and errors to standard
error. Exit codes: 0 done; 1 something differs or was refused; 2 the command was not understood;
130 interrupted.
"""

import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jukinet.errors import JukinetError, Malformed
from jukinet.tasks.network import JST

DONE, DIFFERS, MISUNDERSTOOD, INTERRUPTED = 0, 1, 2, 130

screen = Console(stderr=True, highlight=False)
paper = Console(highlight=False, width=None if sys.stdout.isatty() else 140)

AsJson = Annotated[bool, Parameter(name="--json", negative=(), help="Print one JSON object.")]
InFolder = Annotated[Path, Parameter(name="--dir", help="The folder of the network.")]
DEFAULT_FOLDER = Path("demo")


def run(app: App) -> NoReturn:
    """Run a command line and end the process with what it came to."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = app(result_action="return_value")
    except Malformed as error:
        fail(str(error), MISUNDERSTOOD)
    except JukinetError as error:
        fail(str(error), DIFFERS)
    except KeyboardInterrupt:
        fail("stopped; nothing is half written, the same command goes on from here", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(DONE)
    sys.exit(code if isinstance(code, int) else DONE)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def fail(sentence: str, code: int) -> NoReturn:
    """Say why, and end."""
    screen.print(f"jukinet: {sentence}", style="red", markup=False, soft_wrap=True)
    sys.exit(code)


def give(result: Mapping[str, Any], *, as_json: bool, show: Callable[[], None]) -> None:
    """Print a result: as JSON, or as a person reads it."""
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False, default=str) + "\n")
        sys.stdout.flush()
    else:
        show()


@contextmanager
def progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """Progress bars on standard error: one for each thing that is being done."""
    bars = Progress(
        TextColumn("{task.description:>12}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=screen,
        transient=False,
        refresh_per_second=4,
    )
    tasks: dict[str, Any] = {}

    def report(what: str, done: int, total: int | None) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=total)
        bars.update(tasks[what], completed=done, total=total)

    with bars:
        yield report


def now() -> datetime:
    """The time of day, in Japan."""
    return datetime.now(JST)


def parse_day(text: str, field: str) -> date:
    """A day that somebody typed, or Malformed."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Malformed(f"{field}: want a day such as 2025-04-01") from None
