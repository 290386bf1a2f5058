"""Observatory (公開台帳): what anybody may see of the whole, and how to check it oneself.

Nobody signs in here, no cookie is set, and nothing on these pages is about a person. Everything is
there as JSON and CSV, too, and the public log's own files stand below /log/ for any mirror.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, Final, NamedTuple

from jukinet.feed import outbox
from jukinet.law.schedule import load
from jukinet.nodes.municipality import Municipality
from jukinet.numbers.municipality_code import MunicipalityCode, municipality, prefecture_name
from jukinet.register import codes
from jukinet.web.charts import TILES, Point, Tile, bar, columns, japan
from jukinet.web.house import House
from jukinet.web.marks import mark
from jukinet.web.routes import Routes
from jukinet.web.tables import as_csv, as_json
from jukinet.web.tongues import Tongue
from jukinet.web.visit import Content, Missing, Page, Reply, Role, Visit
from jukinet.web.watching import Counted, Seen

routes = Routes()

COLUMNS: Final = ("month", "agency", "row", "kind", "inquiries", "disclosures", "deferred")
QUESTION_COLUMNS: Final = (*COLUMNS, "refusals")
TOWN_COLUMNS: Final = (
    *("town", "name", "state", "notices", "acknowledged", "waiting", "heard_at", "codes_in_pool"),
)
CHARGE_COLUMNS: Final = ("number", "charge", "state", "answer", "command")
LOG_PATH: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*(/[a-zA-Z0-9][a-zA-Z0-9._-]*)*")
LEAF_NAMES: Final = {
    "inquiry": mark("questions by handle, written down before anything is opened"),
    "disclosure": mark("answers that were given"),
    "bundle": mark("answers to many at once"),
    "refusal": mark("questions that were refused"),
    "deferred": mark("answers whose showing is kept back for now"),
    "opening": mark("answers whose keeping back has ended"),
    "view_key": mark("view keys given to residents"),
    "objection": mark("objections of residents"),
    "objection_answer": mark("answers to objections"),
    "grant": mark("rows of the schedules, before they count"),
    "key": mark("keys, before they count"),
    "release": mark("keys released to the centre by the keepers"),
    "fresh_number": mark("sector numbers made anew on request"),
    "run": mark("closed days, months and years"),
    "sample": mark("samples that were drawn"),
    "sample_result": mark("results of samples"),
}


# --- pages --------------------------------------------------------------------------------------


@routes.get("/observatory", Role.ANYBODY)
def overview(visit: Visit) -> Reply:
    """The log's size, root and witnesses, and where to go from here."""
    seen = visit.house.watch.look(visit.now)
    return Page("observatory/overview.html", {"seen": seen, "leaf_names": LEAF_NAMES})


@routes.get("/observatory/log.json", Role.ANYBODY)
def log_json(visit: Visit) -> Reply:
    """The same, for machines."""
    seen = visit.house.watch.look(visit.now)._asdict()
    seen["witnesses"] = [one._asdict() for one in seen["witnesses"]]
    del seen["counted"]
    return as_json(seen)


@routes.get("/observatory/questions", Role.ANYBODY)
def questions(visit: Visit) -> Reply:
    """How often each agency asked, by month and row."""
    counted = visit.house.watch.look(visit.now).counted
    months = _sums(counted, lambda one: one.month)
    return Page(
        "observatory/questions.html",
        {
            "chart": columns(
                [Point(_short(month), count) for month, count in months],
                title=visit.tongue.say("Questions per month"),
            ),
            "months": _barred(months),
            "agencies": _barred(
                (agency_name(id, visit.tongue), count)
                for id, count in _most(counted, lambda one: one.agency)
            ),
            "affairs": [
                (_row(row, visit.tongue), *affair_of(row, visit.tongue), count, picture)
                for row, count, picture in _barred(_most(counted, lambda one: one.row))
            ],
            "total": sum(one.asked for one in counted),
            "refused": sum(one.refusals for one in counted),
            "answered": sum(one.disclosures for one in counted),
        },
    )


@routes.get("/observatory/questions.json", Role.ANYBODY)
def questions_json(visit: Visit) -> Reply:
    """The same rows, for machines."""
    return as_json([one._asdict() for one in visit.house.watch.look(visit.now).counted])


@routes.get("/observatory/questions.csv", Role.ANYBODY)
def questions_csv(visit: Visit) -> Reply:
    """The same rows, for a spreadsheet."""
    rows = [one._asdict() for one in visit.house.watch.look(visit.now).counted]
    return as_csv(rows, QUESTION_COLUMNS, "questions.csv")


@routes.get("/observatory/towns", Role.ANYBODY)
def towns(visit: Visit) -> Reply:
    """Which towns are connected, how far the centre has heard them, and their pools of codes."""
    standing = [_town(visit.house, node) for node in visit.house.towns.values()]
    return Page(
        "observatory/towns.html",
        {
            "towns": standing,
            "map": japan(_tiles(standing, visit.tongue), title=visit.tongue.say("Map of Japan")),
            "waiting": sum(town.waiting for town in standing),
            "low": codes.LOW,
            "states": STATES,
        },
    )


@routes.get("/observatory/towns.json", Role.ANYBODY)
def towns_json(visit: Visit) -> Reply:
    """The same, for machines."""
    return as_json([_town(visit.house, node)._asdict() for node in visit.house.towns.values()])


@routes.get("/observatory/towns.csv", Role.ANYBODY)
def towns_csv(visit: Visit) -> Reply:
    """The same, for a spreadsheet."""
    rows = [_town(visit.house, node)._asdict() for node in visit.house.towns.values()]
    return as_csv(rows, TOWN_COLUMNS, "towns.csv")


@routes.get("/observatory/charges", Role.ANYBODY)
def charges(visit: Visit) -> Reply:
    """The nine charges of 2002, and how far each is answered."""
    return Page(
        "observatory/charges.html",
        {"charges": nine(), "titles": CHARGES, "states": CHARGE_STATES},
    )


@routes.get("/observatory/charges.json", Role.ANYBODY)
def charges_json(visit: Visit) -> Reply:
    """The same, for machines."""
    return as_json([one._asdict() for one in nine()])


@routes.get("/observatory/charges.csv", Role.ANYBODY)
def charges_csv(visit: Visit) -> Reply:
    """The same, for a spreadsheet."""
    return as_csv([one._asdict() for one in nine()], CHARGE_COLUMNS, "charges.csv")


@routes.get("/observatory/check", Role.ANYBODY)
def check(visit: Visit) -> Reply:
    """How to check it all oneself, with commands that work."""
    seen = visit.house.watch.look(visit.now)
    return Page("observatory/check.html", {"seen": seen, "log": f"{visit.origin}/log/"})


@routes.get("/log/{file:path}", Role.ANYBODY)
def log_file(visit: Visit) -> Reply:
    """A file of the public log as it is, for mirrors, witnesses and auditors."""
    path = str(visit.params["file"]).lstrip("/")
    content = visit.house.read(path) if LOG_PATH.fullmatch(path) else None
    if content is None:
        raise Missing("log: there is no such file")
    readable = path in ("checkpoint", "policy") or path.startswith("statistics/")
    return Content(content, "text/plain; charset=utf-8" if readable else "application/octet-stream")


TOWNS_OF: Final = mark("Towns and prefecture:")
IN_THE_BODY: Final = mark("a town's or prefecture's affair; only the resident reads which")
TABLE: Final = mark("Table")
NO_SUCH_ROW: Final = mark("there is no such row; refused")

# --- questions ------------------------------------------------------------------------------------


def agency_name(id: str, tongue: Tongue) -> str:
    """An agency as the schedules name it; one that is not there, or a prefecture's, as it is."""
    receiver = load().receivers.get(id)
    kind, _, prefecture = id.partition("/")
    if receiver is None and kind == "municipal" and prefecture in TILES:
        return f"{tongue.say(TOWNS_OF)} {prefecture_name(prefecture)}"
    if receiver is None:
        return id
    return receiver.name_ja if tongue.japanese else receiver.name


def affair_of(row: str, tongue: Tongue) -> tuple[str, str]:
    """Whose row it is, and for which affair."""
    grant = load().grants.get(row)
    if grant is None and row.startswith("table "):
        return "", tongue.say(IN_THE_BODY)
    if grant is None:
        return "", tongue.say(NO_SUCH_ROW)
    affair = grant.affair_ja if tongue.japanese else grant.affair
    return agency_name(grant.receiver, tongue), affair


def _row(row: str, tongue: Tongue) -> str:
    """A row as a page names it; of a town's or prefecture's the table alone is public."""
    kind, _, number = row.partition(" ")
    return f"{tongue.say(TABLE)} {number}" if kind == "table" else row


def _sums(counted: Iterable[Counted], by: Any) -> list[tuple[str, int]]:
    sums: Counter[str] = Counter()
    for one in counted:
        sums[by(one)] += one.asked
    return sorted(sums.items())


def _most(counted: Iterable[Counted], by: Any) -> list[tuple[str, int]]:
    return sorted(_sums(counted, by), key=lambda pair: -pair[1])


def _barred(pairs: Iterable[tuple[str, int]]) -> list[tuple[str, int, str]]:
    rows = list(pairs)
    most = max((count for _, count in rows), default=0)
    return [(name, count, bar(count, most)) for name, count in rows]


def _short(month: str) -> str:
    """Months as a column of a chart has room for: the first of a year with the year."""
    year, number = month.split("-")
    return f"{year[2:]}/{int(number)}" if number == "01" else str(int(number))


# --- towns ----------------------------------------------------------------------------------------

CONNECTED, LAGGING, SILENT, ABSENT = "connected", "lagging", "silent", "absent"
STATES: Final = {
    CONNECTED: mark("connected"),
    LAGGING: mark("notices under way"),
    SILENT: mark("nothing was heard yet"),
    ABSENT: mark("not part of this network"),
}


class Standing(NamedTuple):
    """A town on the line, as everybody may know it."""

    town: str
    name: str
    state: str
    notices: int
    acknowledged: int
    waiting: int
    heard_at: datetime | None
    codes_in_pool: int


def _town(house: House, node: Municipality) -> Standing:
    with node.store.begin() as tx:
        out = outbox.standing(tx, node.to_centre)
        level = codes.level(tx)
    heard = house.heard(node.name).heard_at
    waiting = out.last - out.acknowledged
    return Standing(
        town=node.name,
        name=municipality(MunicipalityCode(node.name)).full_name,
        state=SILENT if not heard else LAGGING if waiting else CONNECTED,
        notices=out.last,
        acknowledged=out.acknowledged,
        waiting=waiting,
        heard_at=datetime.fromisoformat(heard) if heard else None,
        codes_in_pool=level,
    )


def _tiles(standing: Iterable[Standing], tongue: Tongue) -> Mapping[str, Tile]:
    """Each prefecture as the worst of its towns stands."""
    by_prefecture: dict[str, list[Standing]] = {}
    for town in standing:
        by_prefecture.setdefault(town.town[:2], []).append(town)
    found = {}
    for code in TILES:
        mine = by_prefecture.get(code, [])
        states = {town.state for town in mine}
        state = next((one for one in (SILENT, LAGGING, CONNECTED) if one in states), ABSENT)
        name = prefecture_name(code)
        says = f"{name}: {len(mine)} / {tongue.say(STATES[state])}"
        found[code] = Tile(name if name == "北海道" else name[:-1], state, says)
    return found


# --- charges --------------------------------------------------------------------------------------

CHARGES: Final = {
    "C1": mark("It numbers everybody"),
    "C2": mark("Municipalities' computers fail"),
    "C3": mark("It cannot cope with the volume"),
    "C4": mark("Personal information leaks by accident"),
    "C5": mark("Personal information leaks by malice"),
    "C6": mark("It becomes an internal passport"),
    "C7": mark("Law cannot prevent abuse, only citizens can"),
    "C8": mark("People boycott, cities disconnect, it should be dismantled"),
    "C9": mark("Vendors promise, administrators cannot"),
}
CHARGE_STATES: Final = {
    "proved": mark("proved"),
    "partly": mark("partly"),
    "words only": mark("words only"),
    "not yet": mark("not yet"),
}
_ROW: Final = re.compile(r"^\| (C\d) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


class Charge(NamedTuple):
    """A charge of 2002, how far it is answered, and the command that shows it."""

    number: str
    charge: str
    state: str
    answer: str
    command: str


@cache
def nine() -> tuple[Charge, ...]:
    """The nine charges as docs/charges.md has them (a copy stands beside this file)."""
    return tuple(_charges())


def _charges() -> Iterator[Charge]:
    page = resources.files("jukinet.web").joinpath("charges.md").read_text(encoding="utf-8")
    for row in _ROW.findall(page):
        number, charge, state, answer, command = row
        yield Charge(number, charge, state, answer, command.strip("`"))


__all__ = ["Seen", "routes"]
