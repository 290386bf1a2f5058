"""`jukinet world`: synthetic people, and their lives at the desks of towns."""

from datetime import date, timedelta
from time import perf_counter
from typing import Annotated

from cyclopts import App, Parameter

from jukinet.cli.common import (
    DEFAULT_FOLDER,
    DIFFERS,
    DONE,
    AsJson,
    InFolder,
    give,
    paper,
    parse_day,
    progress,
    screen,
)
from jukinet.cli.opening import begun, opened
from jukinet.errors import Malformed
from jukinet.tasks.asking import AGENCIES
from jukinet.tasks.folder import Mark
from jukinet.tasks.living import Living, fingerprint, opens
from jukinet.tasks.network import create, open_network
from jukinet.world.towns import choose

app = App(name="world", help="Synthetic people, made from public statistics, and their lives.")

BUILD_EXAMPLES = """Examples:
  jukinet world build --dir w --residents 100000
  jukinet world build --dir tiny --towns 3 --residents 500 --seed 42"""

LIVE_EXAMPLES = """Examples:
  jukinet world live --dir w --years 1
  jukinet world live --dir w --days 30"""


@app.command(help_epilogue=BUILD_EXAMPLES)
def build(
    *,
    dir: InFolder = DEFAULT_FOLDER,
    seed: Annotated[int, Parameter(help="The same seed gives the same world.")] = 1,
    towns: Annotated[int, Parameter(help="Municipalities, of three prefectures.")] = 12,
    residents: Annotated[int, Parameter(help="Residents at the beginning.")] = 50_000,
    begins: Annotated[str, Parameter(name="--from", help="The world's first day.")] = "2025-01-01",
    as_json: AsJson = False,
) -> int:
    """Make a population and fill the towns' books with it.

    Every household is entered ex officio at its town's desk; codes come from the pools, and the
    notices reach the national index. Interrupted, it goes on when it is called again.
    """
    if not 1 <= towns <= 200 or residents < towns:
        raise Malformed("--towns, --residents: want 1 to 200 towns and a resident in each")
    first_day = parse_day(begins, "--from")
    folder = begun(dir)
    mark = Mark(
        towns=tuple(town.code for town in choose(towns, min(3, towns))),
        agencies=AGENCIES,
        seed=seed,
        residents=residents,
        begins=first_day,
        fingerprint=fingerprint(),
    )
    if not folder.exists:
        create(folder, mark)
    began = perf_counter()
    with open_network(folder, opens(folder.mark())) as network, progress() as report:
        living = Living(network, folder.mark(), report)
        living.build()
        known = len(network.towns)
    seconds = perf_counter() - began
    mark = folder.mark()
    result = {
        "towns": known,
        "residents": mark.built,
        "not_filed": len(living.not_filed),
        "seconds": round(seconds, 1),
        "residents_a_second": round(mark.built / seconds),
    }
    give(
        result,
        as_json=as_json,
        show=lambda: paper.print(
            f"{mark.built:,} residents in {known} towns, {mark.built / seconds:,.0f} a second"
        ),
    )
    return _say(living)


@app.command(help_epilogue=LIVE_EXAMPLES)
def live(
    *,
    dir: InFolder = DEFAULT_FOLDER,
    years: Annotated[int, Parameter(help="Years to live.")] = 0,
    days: Annotated[int, Parameter(help="Days to live.")] = 0,
    as_json: AsJson = False,
) -> int:
    """Live on: events at real rates, notified at the towns' desks.

    The world is lived from its first day; what the registers have already is recognised. So it
    goes on after an interruption, and after a crash, by the same way.
    """
    if years < 0 or days < 0 or years + days == 0:
        raise Malformed("--years, --days: say how long to live, such as --years 1")
    folder = opened(dir)
    mark = folder.require()
    assert mark.begins is not None
    since = mark.lived_to or mark.begins
    to = _later(since, years) + timedelta(days=days)
    if mark.living_to is not None and mark.living_to > since:
        to = mark.living_to  # what was begun is finished first
    began = perf_counter()
    with open_network(folder, opens(mark)) as network, progress() as report:
        living = Living(network, mark, report)
        living.build()
        living.live(to)
    result = {
        "lived_to": to,
        "events": sum(living.events.values()),
        "events_by_kind": dict(living.events.most_common()),
        "filed_before": living.filed_again,
        "not_filed": len(living.not_filed),
        "seconds": round(perf_counter() - began, 1),
    }
    kinds = ", ".join(f"{count} {name}" for name, count in living.events.most_common())
    give(result, as_json=as_json, show=lambda: paper.print(f"lived to {to}: {kinds}"))
    return _say(living)


def _say(living: Living) -> int:
    for sentence in living.not_filed:
        screen.print(sentence, style="yellow", markup=False)
    return DIFFERS if living.not_filed else DONE


def _later(day: date, years: int) -> date:
    """The same day some years on; 29 February becomes the 28th."""
    return day.replace(
        year=day.year + years, day=28 if (day.month, day.day) == (2, 29) else day.day
    )
