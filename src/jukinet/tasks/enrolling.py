"""Enrolment (符号の一括付番): an agency's own people, by name, birth date and place, get numbers.

An agency that begins with a file of people asks for each by an order of many, under a row of the
schedules, and keeps the number and the handle of each. What comes of a file:

    FILE.enrolled.csv    line, id, number, handle: one row for each person who was found
    FILE.rejects.csv     line, field, reason: one row for each who was not, with the way out

Both grow under other names (`.part`), order by order, and take their names when all is done. The
file is read row by row, so its size does not matter. The same command goes on behind the last row
of an order that was answered. The answers to an order that was cut short are lost, and it is asked
again; residents see both.

Order of work, and what a crash does: an order is asked and answered; the agency's store keeps its
receipts, numbers and handles (one commit); the rows are appended to both tables and fsynced; then
it is written down to which line the file is done, and how long the tables are. A crash before that
cuts the tables back and asks again for people whom the store may know already, which changes
nothing there.
"""

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, TextIO
from unicodedata import normalize

import duckdb
import msgspec

from jukinet.errors import Malformed, OutOfStep
from jukinet.law.identity import Item, Sex
from jukinet.law.inquiry import BySearch, Claim
from jukinet.law.order import ORDER_MAX
from jukinet.law.schedule import Grant, Kind, load
from jukinet.names import era, legal
from jukinet.nodes.agency import Agency, Outcome
from jukinet.numbers import municipality_code
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.tasks.importing import text
from jukinet.tasks.importing.rejects import inert
from jukinet.wire.line import Line

AT_ONCE: Final = 2_000
ENROLLED, REJECTS, PART = ".enrolled.csv", ".rejects.csv", ".part"
PARQUET: Final = ".parquet"
ENROLLED_TITLES: Final = ("line", "id", "number", "handle")
REJECTS_TITLES: Final = ("行 (line)", "項目 (field)", "理由 (reason)")
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("id", "整理番号", "受給者番号"),
    "name": ("name", "氏名"),
    "kana": ("kana", "フリガナ", "カナ氏名"),
    "birth": ("birth", "生年月日", "birth_date"),
    "place": ("place", "住所地", "市区町村"),
    "sex": ("sex", "性別"),
}
NEEDED: Final = ("birth", "place")
NOT_FOUND: Final = (
    "nobody of this name, birth date and place is found, or may be shown; look at the spelling, or "
    "ask the town: that somebody is not found proves nothing"
)
NO_ANSWER: Final = "no answer came; run the same command again"

Progress = Callable[[str, int, int | None], None]
Rows = Iterator[tuple[int, list[str]]]


class Person(NamedTuple):
    """A row of the file: whom it means, and by what the agency knows it itself."""

    line: int
    id: str
    subject: BySearch

    def __repr__(self) -> str:
        """Shows nobody."""
        return "<Person>"


class Reject(NamedTuple):
    """A row that is not enrolled, and why."""

    line: int
    field: str
    reason: str


class Enrolment:
    """What came of a file, in numbers."""

    def __init__(self, *, dry_run: bool) -> None:
        self.dry_run = dry_run
        self.rows = 0
        self.enrolled = 0
        self.rejected = 0
        self.before = 0  # rows that an earlier run had done
        self.orders = 0
        self.file: Path | None = None
        self.rejects: Path | None = None

    def as_dict(self) -> dict[str, object]:
        """As JSON has it."""
        return {**vars(self), "file": self.file and str(self.file), "rejects": _text(self.rejects)}


def enrol(
    agency: Agency,
    line: Line,
    file: Path,
    *,
    row: str,
    clock: Callable[[], datetime],
    at_once: int = AT_ONCE,
    official: str = "official-1",
    dry_run: bool = False,
    progress: Progress = lambda _what, _done, _total: None,
) -> Enrolment:
    """Have numbers and handles for the people of a file; what became of each row.

    A dry run reads everything, asks nothing and leaves only the table of what could not be read.
    Raises Malformed where the file or its header cannot be read, or where the row gives nothing of
    whoever is looked up; OutOfStep where the answers do not verify. The same call then goes on.
    """
    if not 1 <= at_once <= ORDER_MAX:
        raise Malformed(f"at once: want 1 to {ORDER_MAX} people in an order")
    grant = _grant(agency, row)
    found = Enrolment(dry_run=dry_run)
    columns, rows = opened(file)
    with _tables(file, dry_run=dry_run) as tables:
        found.before = done = tables.done
        people: list[Person] = []
        bad: list[Reject] = []
        for number, cells in rows:
            found.rows += 1
            if number <= done:
                continue
            one = _read(number, cells, columns)
            (people if isinstance(one, Person) else bad).append(one)  # type: ignore[arg-type]  # each into its own
            if len(people) + len(bad) >= at_once:
                _batch(agency, line, grant, people, bad, tables, found, clock, official)
                people, bad = [], []
                progress("people", found.rows, None)
        _batch(agency, line, grant, people, bad, tables, found, clock, official)
        progress("people", found.rows, found.rows)
    found.file, found.rejects = tables.named
    return found


def _batch(
    agency: Agency,
    line: Line,
    grant: Grant,
    people: Sequence[Person],
    bad: Sequence[Reject],
    tables: "_Tables",
    found: Enrolment,
    clock: Callable[[], datetime],
    official: str,
) -> None:
    """Ask for some people, and write down what came of them and of the rows between them."""
    rejects, enrolled = list(bad), []
    if people and not found.dry_run:
        found.orders += 1
        for person, outcome in _asked(agency, line, grant, people, clock, official):
            if outcome is not None and outcome.number and outcome.content is not None:
                enrolled.append((person, outcome.number, outcome.content.handle))
            else:
                rejects.append(_why(person, outcome))
    found.enrolled += len(people) if found.dry_run else len(enrolled)
    found.rejected += len(rejects)
    if people or bad:
        last = max([person.line for person in people] + [one.line for one in bad])
        tables.write(last, enrolled, sorted(rejects))


def _asked(
    agency: Agency,
    line: Line,
    grant: Grant,
    people: Sequence[Person],
    clock: Callable[[], datetime],
    official: str,
) -> list[tuple[Person, Outcome | None]]:
    """What an order of many comes to, person by person."""
    line.until(max(line.now, clock()))
    agency.outcomes.clear()
    subjects = [person.subject for person in people]
    kind = Kind.STANDING if Kind.STANDING in grant.kinds else Kind.CONFIRM
    claims = [] if kind is Kind.STANDING else [_claim(one, grant) for one in subjects]
    message = agency.ask_many(
        row=grant.id,
        kind=kind,
        subjects=subjects,
        claims=claims,
        items=claims[0].items if claims else frozenset(),
        now=line.now,
        official=official,
        numbered=True,
    )
    nonces = agency.nonces_of(message)
    line.post(message)
    line.run()
    for reason in agency.distrusted:
        raise OutOfStep(f"the answers are not taken, they do not verify: {reason}")
    came = {one.nonce: one for one in agency.outcomes}
    agency.outcomes.clear()
    agency.keep()
    return [(person, came.get(nonce)) for person, nonce in zip(people, nonces, strict=True)]


def _grant(agency: Agency, row: str) -> Grant:
    grant = load().grants.get(row)
    if grant is None or grant.receiver != agency.receiver.id:
        raise Malformed(
            f"--row: {agency.receiver.id} has no such row; `jukinet schedules` lists it"
        )
    claimable = grant.items & {Item.NAME, Item.BIRTH_DATE}
    if Kind.STANDING not in grant.kinds and not (Kind.CONFIRM in grant.kinds and claimable):
        raise Malformed("--row: it allows no question by which people can be enrolled")
    return grant


def _claim(subject: BySearch, grant: Grant) -> Claim:
    return Claim(
        name=subject.name if Item.NAME in grant.items else None,
        birth_date=subject.birth_date if Item.BIRTH_DATE in grant.items else None,
    )


def _why(person: Person, outcome: Outcome | None) -> Reject:
    if outcome is None:
        return Reject(person.line, "", NO_ANSWER)
    if outcome.content is None:
        return Reject(person.line, outcome.rule, outcome.refused)
    return Reject(person.line, "name", NOT_FOUND)


# --- reading --------------------------------------------------------------------------------------


def opened(file: Path) -> tuple[dict[str, int], Rows]:
    """Where each column stands in a file, and its rows with their lines; or Malformed."""
    if file.suffix.lower() == PARQUET:
        titles, rows = _parquet(file)
    else:
        titles, rows = _table(file)
    wanted = {_plain(one): name for name, ones in COLUMNS.items() for one in ones}
    columns = {wanted[title]: at for at, title in enumerate(titles) if title in wanted}
    missing = [name for name in NEEDED if name not in columns]
    if missing or not {"name", "kana"} & columns.keys():
        named = ", ".join(f"{COLUMNS[one][0]} ({COLUMNS[one][1]})" for one in missing or ["name"])
        raise Malformed(f"columns: missing are {named}; the first row has the columns' names")
    return columns, rows


def _table(file: Path) -> tuple[list[str], Rows]:
    encoding = text.recognise(file)
    rows = text.rows(text.lines(file, encoding), ",")
    first = next(rows, None)
    if first is None or first.cells is None:
        raise Malformed("file: its first row is to have the columns' names")
    return [_plain(cell) for cell in first.cells], ((one.line, one.cells or []) for one in rows)


def _parquet(file: Path) -> tuple[list[str], Rows]:
    if not file.is_file():
        raise Malformed(f"{file}: there is no such file")
    try:
        cursor = duckdb.connect().execute("SELECT * FROM read_parquet(?)", [str(file)])
    except duckdb.Error:
        raise Malformed(f"{file}: it is no Parquet file; write it again") from None
    titles = [_plain(str(column[0])) for column in cursor.description or ()]
    return titles, _fetched(cursor)


def _fetched(cursor: duckdb.DuckDBPyConnection) -> Rows:
    """The rows of a query, a thousand at a time in memory, numbered from 1."""
    number = 0
    while part := cursor.fetchmany(1000):
        for row in part:
            number += 1
            yield number, ["" if cell is None else str(cell) for cell in row]


def _plain(title: str) -> str:
    return normalize("NFKC", title).strip().casefold().replace(" ", "_")


def _read(line: int, cells: Sequence[str], columns: Mapping[str, int]) -> Person | Reject:
    """Whom a row means, or why it means nobody."""
    if len(cells) <= max(columns.values()):
        return Reject(line, "", text.UNPAIRED if not cells else "it has fewer cells than columns")
    cell = {name: cells[at].strip() for name, at in columns.items()}
    field = ""
    try:
        field = "place"
        place = _place(cell["place"])
        field = "birth"
        born = era.parse(cell["birth"], field="birth")
        field = "name"
        name = legal.parse(cell["name"]) if cell.get("name") else None
        field = "kana"
        kana = legal.parse_reading(cell["kana"]) if cell.get("kana") else None
        field = "sex"
        sex = Sex(cell["sex"]) if cell.get("sex") else None
    except Malformed as error:
        return Reject(line, field, str(error))
    except ValueError:
        return Reject(line, field, f"want one of {', '.join(Sex)}, or nothing")
    if name is None and kana is None:
        return Reject(line, "name", "want the name or its reading")
    subject = BySearch(place=place, birth_date=born, name=name, reading=kana, sex=sex)
    return Person(line, cell.get("id", ""), subject)


def _place(written: str) -> MunicipalityCode:
    today = [one for one in municipality_code.find(written) if one.valid_to is None]
    if len(today) > 1:
        raise Malformed("place: more than one municipality has that name; give its code")
    return today[0].code if today else municipality_code.parse(written)


# --- writing --------------------------------------------------------------------------------------


class _Done(NamedTuple):
    """How far a file is done, and how long the two tables were then."""

    line: int = 0
    enrolled: int = 0
    rejects: int = 0


class _Tables:
    """The two tables that grow, order by order, and how far they go."""

    def __init__(self, mark: Path, outs: Sequence[TextIO], done: _Done) -> None:
        self.done = done.line
        self.named: tuple[Path | None, Path | None] = (None, None)
        self._mark = mark
        self._outs = outs

    def write(
        self,
        line: int,
        enrolled: Iterable[tuple[Person, str, bytes]],
        rejects: Iterable[Reject],
    ) -> None:
        """Append some rows; they count when it is written down that the file is done to a line."""
        tables: tuple[list[tuple[str, ...]], list[tuple[str, ...]]] = (
            [(str(p.line), inert(p.id), number, handle.hex()) for p, number, handle in enrolled],
            [tuple(map(inert, map(str, one))) for one in rejects],
        )
        sizes = []
        for out, rows in zip(self._outs, tables, strict=True):
            csv.writer(out, lineterminator="\r\n").writerows(rows)
            out.flush()
            os.fsync(out.fileno())
            sizes.append(out.tell())
        new = self._mark.with_name(self._mark.name + ".new")
        new.write_bytes(msgspec.json.encode(_Done(line, *sizes)))
        os.replace(new, self._mark)
        self.done = line


@contextmanager
def _tables(file: Path, *, dry_run: bool) -> Iterator[_Tables]:
    """The tables of a file, gone on with where an earlier run has left them.

    A dry run begins its table of rejects anew, and leaves no other.
    """
    paths = [file.with_name(file.name + end) for end in (ENROLLED, REJECTS)]
    end = PART + ".dry" if dry_run else PART
    parts = [path.with_name(path.name + end) for path in paths]
    mark = file.with_name(file.name + ENROLLED + end + ".done")
    done = _Done() if dry_run else _read_done(mark)
    with ExitStack() as stack:
        outs = [
            stack.enter_context(_appended(part, size))
            for part, size in zip(parts, done[1:], strict=True)
        ]
        for out, titles in zip(outs, (ENROLLED_TITLES, REJECTS_TITLES), strict=True):
            if not out.tell():
                csv.writer(out, lineterminator="\r\n").writerow(titles)
        tables = _Tables(mark, outs, done)
        yield tables
    wanted = (not dry_run, _rows(parts[1]) > 1)
    for part, path, is_wanted in zip(parts, paths, wanted, strict=True):
        if is_wanted:
            os.replace(part, path)
        else:
            part.unlink()
    mark.unlink(missing_ok=True)
    tables.named = (paths[0] if wanted[0] else None, paths[1] if wanted[1] else None)


@contextmanager
def _appended(path: Path, size: int) -> Iterator[TextIO]:
    """A file of its owner's, open at its end; what was written beyond a size is taken away."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    with open(descriptor, "r+", encoding="utf-8", newline="") as out:
        os.ftruncate(descriptor, min(size, os.fstat(descriptor).st_size))
        out.seek(0, os.SEEK_END)
        yield out


def _read_done(mark: Path) -> _Done:
    """How far an earlier run came; nothing where there was none."""
    try:
        return msgspec.json.decode(mark.read_bytes(), type=_Done)
    except FileNotFoundError:
        return _Done()
    except msgspec.MsgspecError:
        raise Malformed(
            f"{mark}: it is not what an enrolment leaves; remove it to begin anew"
        ) from None


def _rows(path: Path) -> int:
    """How many lines a table has."""
    with path.open("rb") as content:
        return sum(1 for _ in content)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
