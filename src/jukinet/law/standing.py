"""Standing rows (掲載された別表): a row counts only after it has stood in the log for its notice.

Function creep happens one quiet row at a time. So each row of the schedules is a leaf of the public
log (law.leaf.GrantLeaf), and one that is new, or allows more than before, counts only thirty days
after its leaf: until then door, client and auditor refuse it. A row that allows less counts at
once. The rows that the log begins with, before anybody has asked anything, count from the start.
Whatever stands before its time has come is replaced by the row's next leaf, and never counts; what
both allow keeps the day that the first one announced.

>>> from jukinet.law.schedule import load
>>> rows, founded = StandingRows(), datetime(2026, 4, 1, tzinfo=JAPAN)
>>> leaf = rows.announced(load(), load()["1-77"], founded)
>>> rows.take(0, leaf)
>>> rows.in_effect("1-77", date(2026, 4, 1)) == leaf, leaf.counts_from
(True, '2026-04-01')
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from msgspec.structs import replace

from jukinet.errors import Refused
from jukinet.law.leaf import (
    JAPAN,
    BundleLeaf,
    DeferredLeaf,
    DisclosureLeaf,
    GrantLeaf,
    InquiryLeaf,
    Leaf,
    Question,
    item_names,
    leaf_time,
)
from jukinet.law.schedule import Grant, Schedule

NOTICE_DAYS: Final = 30

Asking = InquiryLeaf | DisclosureLeaf | BundleLeaf | DeferredLeaf
"""Leaves that only a row allows."""


class Stood(NamedTuple):
    """A row as one leaf of the log has it."""

    number: int  # the leaf's index
    leaf: GrantLeaf


class StandingRows:
    """All rows that ever stood in the log, taken in leaf by leaf, in order."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Stood]] = {}
        self._founding = True

    def take(self, index: int, leaf: Leaf) -> None:
        """Take the next leaf in; Refused where a row would count before its notice is over."""
        if isinstance(leaf, Question):
            self._founding = False
        if isinstance(leaf, GrantLeaf):
            earliest = self._earliest(leaf)
            if date.fromisoformat(leaf.counts_from) < earliest:
                raise Refused(
                    f"row {leaf.row}: leaf {index} makes it count from {leaf.counts_from}; what is "
                    f"new or wider counts from {earliest} on, {NOTICE_DAYS} days after its leaf"
                )
            self._rows.setdefault(leaf.row, []).append(Stood(index, leaf))

    def founded(self) -> None:
        """From here on every row needs its notice: somebody has asked."""
        self._founding = False

    def in_effect(self, row: str, day: date) -> GrantLeaf | None:
        """The row as it counts on a day in Japan, or None."""
        today = str(day)
        found = [one for one in self._live(row) if one.counts_from <= today]
        return found[-1] if found else None

    def newest(self, row: str) -> GrantLeaf | None:
        """The row as its last leaf has it, whether that counts yet or not."""
        stood = self._rows.get(row)
        return stood[-1].leaf if stood else None

    def standing(self, now: datetime) -> list[str]:
        """The rows that have no last day before now."""
        today = str(day_of(now))
        return [
            row for row, stood in self._rows.items() if (stood[-1].leaf.valid_to or "9999") > today
        ]

    def history(self) -> Iterator[Stood]:
        """Every row that ever stood, in the order of the log."""
        return iter(sorted(one for stood in self._rows.values() for one in stood))

    def announced(self, schedule: Schedule, grant: Grant, now: datetime) -> GrantLeaf:
        """The leaf that announces a row as it is now written."""
        receiver = schedule.receivers[grant.receiver]
        leaf = GrantLeaf(
            time=leaf_time(now),
            row=grant.id,
            ordinance_item=grant.ordinance_item,
            affair=grant.affair,
            affair_ja=grant.affair_ja,
            receiver=grant.receiver,
            municipal=receiver.municipal,
            items=item_names(grant.items),
            kinds=tuple(sorted(grant.kinds)),
            to=grant.to or None,
            deferral_days=grant.deferral_days,
            valid_from=str(grant.valid_from),
            valid_to=str(grant.valid_to) if grant.valid_to else None,
            counts_from=str(day_of(now)),
        )
        return replace(leaf, counts_from=str(self._earliest(leaf)))

    def ended(self, row: str, now: datetime) -> GrantLeaf:
        """The leaf that ends a row which is not written any more."""
        today = day_of(now)
        last = self.in_effect(row, today) or self._rows[row][-1].leaf
        valid_to = min(str(today), last.valid_to or "9999")
        leaf = replace(last, time=leaf_time(now), valid_to=valid_to)
        return replace(leaf, counts_from=str(self._earliest(leaf)))

    def why_not(self, leaf: Asking) -> str:
        """Why no row allows what a leaf says was asked, or an empty text."""
        day = day_of(datetime.fromisoformat(leaf.time))
        if leaf.row.startswith("table "):
            table = leaf.row.removeprefix("table ")
            rows = [row for row in self._rows if row.partition("-")[0] == table]
        else:
            rows = [leaf.row]
        reasons = [self._why_not(row, leaf, day) for row in rows]
        return "" if "" in reasons else (reasons or ["no such row stands in the log"])[0]

    def _why_not(self, row: str, leaf: Asking, day: date) -> str:
        stood = self.in_effect(row, day)
        if stood is None:
            return f"row {row} does not count yet on {day}"
        if not stood.valid_from <= str(day) or (stood.valid_to and stood.valid_to <= str(day)):
            return f"row {row} is not in force on {day}"
        if not (stood.municipal or leaf.agency == stood.receiver):
            return f"row {row} is another receiver's"
        if leaf.kind not in stood.kinds:
            return f"row {row} does not allow a question of kind {leaf.kind}"
        if not set(leaf.items) <= set(stood.items):
            return f"row {row} does not allow all of these items"
        if isinstance(leaf, DeferredLeaf):
            last = day + timedelta(days=stood.deferral_days)
            if not str(day) < leaf.open_on <= str(last):
                return f"row {row} does not allow the entry to be kept back until {leaf.open_on}"
        return ""

    def _earliest(self, leaf: GrantLeaf) -> date:
        """The first day from which a row may count by the leaf."""
        day = _day(leaf)
        if self._founding:
            return day
        counting = self.in_effect(leaf.row, day)
        if counting is not None and not wider(leaf, counting):
            return day
        waiting = self.newest(leaf.row)
        if waiting is not None and waiting is not counting and not wider(leaf, waiting):
            return max(day, date.fromisoformat(waiting.counts_from))
        return day + timedelta(days=NOTICE_DAYS)

    def _live(self, row: str) -> list[GrantLeaf]:
        """A row's leaves, without those that another replaced before they counted."""
        said = [one.leaf for one in self._rows.get(row, ())]
        days = [str(_day(leaf)) for leaf in said]
        return [
            leaf
            for place, leaf in enumerate(said)
            if leaf.counts_from <= min(days[place + 1 :], default="9999")
        ]


def wider(leaf: GrantLeaf, before: GrantLeaf) -> bool:
    """Whether a row allows anything that it did not allow before."""
    return (
        (leaf.receiver, leaf.affair, leaf.affair_ja, leaf.municipal)
        != (before.receiver, before.affair, before.affair_ja, before.municipal)
        or not set(leaf.items) <= set(before.items)
        or not set(leaf.kinds) <= set(before.kinds)
        or leaf.to not in (None, before.to)
        or leaf.deferral_days > before.deferral_days
        or leaf.valid_from < before.valid_from
        or (leaf.valid_to or "9999") > (before.valid_to or "9999")
    )


def same_row(leaf: GrantLeaf, other: GrantLeaf) -> bool:
    """Whether two leaves say the same of a row, but for when."""
    return leaf == replace(other, time=leaf.time, counts_from=leaf.counts_from)


def _day(leaf: Leaf) -> date:
    return day_of(datetime.fromisoformat(leaf.time))


def day_of(now: datetime) -> date:
    """The day in Japan."""
    return now.astimezone(JAPAN).date()
