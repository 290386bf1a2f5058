"""Closing the day (締め): the day's labels become a run, days a month's, months a year's.

A day is closed when the next one begins, or when the centre comes up later; what was written on the
day itself waits for its end, however often the centre comes up. A day without news has no run.

The files are made first, then the leaf that speaks of them; a crash between the two leaves files
that are written over when the day is closed again.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import chain
from typing import Literal, NamedTuple

from msgspec.structs import replace

from jukinet.law import leaf as leaves
from jukinet.law import statistics
from jukinet.law.leaf import RunLeaf
from jukinet.law.standing import day_of
from jukinet.law.statistics import Statistics
from jukinet.ledger.noted import Noted
from jukinet.ledger.writer import Draft, Ledger
from jukinet.merkle import runs

Span = Literal["day", "month", "year"]
Files = Iterable[tuple[str, bytes]]


class Closing(NamedTuple):
    """What closing a day writes: run leaves, and the files that they speak of."""

    drafts: tuple[Draft, ...]
    files: Callable[[], Files]


class _Made(NamedTuple):
    leaf: RunLeaf
    records: Callable[[], Iterable[bytes]]
    more: tuple[tuple[str, bytes], ...] = ()


def closing(ledger: Ledger, now: datetime) -> Closing | None:
    """What there is to close before the day of `now` begins, or None."""
    today = day_of(now)
    made = list(_day(ledger, today, now))
    days = [*_standing(ledger, "day"), *made]
    made += _merged(ledger, days, "month", str(today)[:7], now)
    months = [*_standing(ledger, "month"), *(one for one in made if one.leaf.span == "month")]
    made += _merged(ledger, months, "year", str(today)[:4], now)
    if not made:
        return None
    return Closing(tuple(Draft(one.leaf) for one in made), partial(_files, made))


def run_folder(name: str) -> str:
    """Where a run's files stand beside the log."""
    return f"runs/{name}"


def _day(ledger: Ledger, today: date, now: datetime) -> Iterator[_Made]:
    """The last day's run, where anything but runs was written since the one before."""
    noted = ledger.noted
    name = _name(noted, today)
    if name:
        records = runs.in_order(noted.fresh)
        leaf = _leaf("day", name, noted.end_of_days(), ledger.log.size, len(records), now)
        yield _rooted(leaf, lambda: records)


def _name(noted: Noted, today: date) -> str:
    """The day that is to be closed: that of its first leaf; "" where there is none before today.

    What was taken just before a midnight and written after it belongs to the day that it was
    written on: days have a run each, and none comes after the run of its month.
    """
    yesterday = today - timedelta(days=1)
    days = [run.name for run in noted.runs if run.span == "day"]
    months = [run.name for run in noted.runs if run.span == "month"]
    said = noted.news or today
    for day in (said, yesterday) if said < today else ():
        name = str(day)
        if name > max(days, default="") and name[:7] > max(months, default=""):
            return name
    return ""


def _merged(
    ledger: Ledger, parts: list[_Made], span: Span, current: str, now: datetime
) -> Iterator[_Made]:
    """The runs of months (or years) that are over and have none yet."""
    have = {run.name for run in ledger.noted.runs if run.span == span}
    names = sorted({part.leaf.name[: len(current)] for part in parts} - have)
    for name in names:
        of = [part for part in parts if part.leaf.name.startswith(name)]
        if name >= current:
            continue
        first, end = of[0].leaf.first, of[-1].leaf.end
        count = sum(part.leaf.count for part in of)
        leaf = _leaf(span, name, first, end, count, now)
        records = partial(_merge, of)
        if span == "month":
            counted = _counted(ledger, name, first, end)
            leaf = replace(leaf, statistics=sha256(counted).hexdigest())
            yield _rooted(leaf, records, ((statistics.path(name), counted),))
        else:
            yield _rooted(leaf, records)


def _merge(parts: list[_Made]) -> Iterator[bytes]:
    return runs.merged(*[part.records() for part in parts])


def _counted(ledger: Ledger, month: str, first: int, end: int) -> bytes:
    found = Statistics()
    for index in range(first, end):
        found.take(leaves.decode(ledger.log.entry(index)))
    return found.csv(month)


def _standing(ledger: Ledger, span: str) -> list[_Made]:
    """The runs that stand already, to be read from their files."""
    return [
        _Made(run, partial(_read, ledger, run)) for run in ledger.noted.runs if run.span == span
    ]


def _read(ledger: Ledger, run: RunLeaf) -> Iterator[bytes]:
    folder, root = run_folder(run.name), bytes.fromhex(run.root)
    return runs.Run(ledger.log.beside, folder, count=run.count, root=root).records()


def _leaf(span: Span, name: str, first: int, end: int, count: int, now: datetime) -> RunLeaf:
    return RunLeaf(
        time=leaves.leaf_time(now),
        span=span,
        name=name,
        first=first,
        end=end,
        count=count,
        root="",
        statistics=None,
    )


def _rooted(
    leaf: RunLeaf,
    records: Callable[[], Iterable[bytes]],
    more: tuple[tuple[str, bytes], ...] = (),
) -> _Made:
    root = runs.root_of_run(records()).hex()
    return _Made(replace(leaf, root=root), records, more)


def _files(made: list[_Made]) -> Files:
    for one in made:
        yield from chain(runs.files(run_folder(one.leaf.name), one.records()), one.more)
