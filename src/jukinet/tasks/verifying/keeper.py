"""Keepers: what was spent are leaves of the log that allow it, and all that was used is spent.

A leaf that speaks of many (an order, a bundle, a sample) is spent once for each of them. What the
agencies hold, what the log answers and what was opened after its day could not be there without
a leaf that was spent for it, by as many keepers as must work together. A keeper's own log hangs
together, and speaks of nothing that it has not spent.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from jukinet.errors import JukinetError
from jukinet.law import leaf as leaves
from jukinet.law.leaf import (
    BundleLeaf,
    DeferredLeaf,
    Given,
    InquiryLeaf,
    Leaf,
    OpeningLeaf,
    ReleaseLeaf,
    SampleLeaf,
    SampleResultLeaf,
)
from jukinet.law.order import ORDER_MAX
from jukinet.law.schedule import Kind
from jukinet.nodes import keeper_log
from jukinet.nodes.keeper import (
    BUDGETS,
    HISTORY_STEPS,
    KEPT_STEP,
    OPEN_STEPS,
    SPENT,
    USED,
    Spent,
)
from jukinet.nodes.keyring import Directory, KeeperEntry
from jukinet.store.disk import Disk
from jukinet.tasks.verifying.bodies import Bodies
from jukinet.tasks.verifying.findings import Findings
from jukinet.tasks.verifying.ledger import Ledger
from jukinet.tasks.verifying.stores import Shelf

_PLACE = re.compile("0|[1-9][0-9]{0,6}")
FIRST, NUMBER, HANDLE = "open-1", "number", "handle"
Steps = defaultdict[int, set[str]]
"""For which steps leaves are spent."""


class Used(NamedTuple):
    """What agencies hold that the keepers must have worked for, by leaf."""

    answers: Counter[int]
    numbers: Counter[int]

    def and_of(self, other: "Used") -> "Used":
        """What two agencies hold together."""
        return Used(self.answers + other.answers, self.numbers + other.numbers)


class Keeper(NamedTuple):
    """What a keeper has spent: its place, its index, and for each leaf and step among whom."""

    place: str
    among: int  # its index in every sharing
    spent: Steps
    rows: tuple[Spent, ...]


def check_spent(
    shelf: Shelf, place: str, entry: KeeperEntry, ledger: Ledger, directory: Directory
) -> Keeper:
    """The rows of what a keeper has spent, against the log."""
    spent: Steps = defaultdict(set)
    rows = []
    known = {str(one.index) for one in directory.keepers.values()}
    for row in shelf.rows(SPENT):
        shelf.findings.counts["spent"] += 1
        rows.append(row)
        spent[row.leaf].add(row.step)
        if not _allows(ledger.leaves.get(row.leaf), row.step):
            shelf.note(f"leaf {row.leaf}", "is spent, and is no leaf of the log that allows it")
        among = row.among.split(" ")
        right = str(entry.index) in among and {*among} <= known
        if not right or len({*among}) != directory.threshold:
            shelf.note(f"leaf {row.leaf}", "is spent among others than work together")
    return Keeper(place, entry.index, spent, tuple(rows))


def check_orders(shelf: Shelf, keeper: Keeper, ledger: Ledger, bodies: Bodies) -> None:
    """Where signed orders have served: on the leaves that say so, and on all that were spent."""
    served = set()
    for row in shelf.rows(USED):
        leaf = ledger.leaves.get(row.leaf)
        served.add(row.leaf)
        said = _orders_of(row.leaf, leaf, bodies) if leaf else set()
        kind = "inquiry" if isinstance(leaf, InquiryLeaf) else "given"
        if row.what != kind or not isinstance(leaf, InquiryLeaf | Given):
            shelf.note(f"used {row.leaf}", "is of a leaf on which no order is served")
        elif said and row.digest.hex() not in said:
            shelf.note(f"used {row.leaf}", "is of another order than its leaf's")
    for index, steps in keeper.spent.items():
        asked = isinstance(ledger.leaves.get(index), InquiryLeaf | Given)
        if asked and steps - {KEPT_STEP} and index not in served:
            shelf.note(f"used {index}", "is missing: its leaf is spent")


def check_budgets(shelf: Shelf, agencies: Collection[str]) -> None:
    """What agencies have had in an hour: only those of the directory have had anything."""
    for row in shelf.rows(BUDGETS):
        if row.agency not in agencies or row.used < 1:
            shelf.note(f"budget of {row.hour}", "is of nobody who asks")


def _orders_of(index: int, leaf: Leaf, bodies: Bodies) -> set[str]:
    """The order that a leaf speaks of, where that can be read; of a bundle, from any of it."""
    if isinstance(leaf, InquiryLeaf):
        return {leaf.order}
    if isinstance(leaf, DeferredLeaf):
        kept = bodies.kept.get(index)
        return {leaves.decode_body(kept.content).inquiry} if kept else set()
    return bodies.orders(index)


def check_log(shelf: Shelf, disk: Disk, spent: Mapping[int, set[str]]) -> None:
    """A keeper's own log: whole, and of what it has spent."""
    try:
        logged = {served.leaf for line in keeper_log.lines(disk) for served in line.served}
    except JukinetError:
        shelf.note("log", "does not hang together")
        return
    for index in sorted(logged - spent.keys()):
        shelf.note(f"leaf {index}", "stands in the keeper's own log, and is not spent")


def check_used(
    findings: Findings, ledger: Ledger, keepers: Sequence[Keeper], used: Used, threshold: int
) -> None:
    """All that was used, against what as many keepers have spent as must work together."""
    counts: Counter[tuple[int, str]] = Counter()
    whats: defaultdict[tuple[int, str], set[bytes]] = defaultdict(set)
    for one in keepers:
        counts.update((leaf, step) for leaf, steps in one.spent.items() for step in steps)
        for row in one.rows:
            whats[row.leaf, row.step].add(row.what)
    together: Steps = defaultdict(set)
    for (leaf, step), count in counts.items():
        if count >= threshold:
            together[leaf].add(step)
    for index in sorted({*_due(ledger, together), *_lacking(together, used)}):
        for one in _at_fault(keepers, index):
            findings.note(one.place, f"leaf {index}", "was used, and is not spent")
    for (leaf, step), found in sorted(whats.items()):
        if len(found) > 1 and step != KEPT_STEP:
            for one in keepers:
                if step in one.spent.get(leaf, ()):
                    findings.note(one.place, f"leaf {leaf}", "is spent for two things at once")


def _at_fault(keepers: Sequence[Keeper], index: int) -> list[Keeper]:
    """The keepers of whom others say that they worked on a leaf, and who have not; else all."""
    steps = {step for one in keepers for step in one.spent.get(index, ())}
    said = {
        int(other)
        for one in keepers
        for row in one.rows
        if row.leaf == index
        for other in row.among.split(" ")
        if other.isdecimal()
    }
    lacking = [one for one in keepers if one.among in said and steps - one.spent.get(index, set())]
    return lacking or list(keepers)


def _allows(leaf: Leaf | None, step: str) -> bool:
    """Whether a leaf may be spent for a step; a bundle for each place by itself."""
    if isinstance(leaf, BundleLeaf):
        step, at, place = step.partition("@")
        return bool(at) and _below(place, leaf.count) and step in _steps(leaf.kind)
    if isinstance(leaf, InquiryLeaf):
        return step == HANDLE or _numbered(step, HANDLE, ORDER_MAX)
    if isinstance(leaf, ReleaseLeaf):
        return _numbered(step, "release", leaf.count)
    if isinstance(leaf, SampleLeaf):
        return any(_numbered(step, what, len(leaf.picked)) for what in (HANDLE, "seed"))
    if isinstance(leaf, DeferredLeaf) and step == "deferred":
        return True
    return isinstance(leaf, Given) and step in _steps(leaf.kind)


def _steps(kind: str) -> frozenset[str]:
    return (HISTORY_STEPS if kind == Kind.CHANGES else OPEN_STEPS) | {NUMBER}


def _numbered(step: str, what: str, count: int) -> bool:
    return step.startswith(f"{what}-") and _below(step.removeprefix(f"{what}-"), count)


def _below(place: str, count: int) -> bool:
    return bool(_PLACE.fullmatch(place)) and int(place) < count


# --- what must be spent --------------------------------------------------------------------------


def _due(ledger: Ledger, spent: Mapping[int, set[str]]) -> Iterator[int]:
    """Leaves that the log itself says were used, and that lack a step."""
    for leaf in ledger.leaves.values():
        if isinstance(leaf, Given) and leaf.inquiry is not None:
            if not _handles_opened(ledger.leaves.get(leaf.inquiry), spent.get(leaf.inquiry, set())):
                yield leaf.inquiry
        elif isinstance(leaf, OpeningLeaf) and "deferred" not in spent.get(leaf.deferred, ()):
            yield leaf.deferred
        elif isinstance(leaf, SampleResultLeaf):
            steps = spent.get(leaf.sample, set())
            seeds = sum(step.startswith("seed-") for step in steps)
            if not leaf.agree <= seeds:
                yield leaf.sample


def _handles_opened(inquiry: Leaf | None, steps: set[str]) -> bool:
    if not isinstance(inquiry, InquiryLeaf):
        return True  # the rules have said so
    return len(steps) == inquiry.count


def _lacking(spent: Mapping[int, set[str]], used: Used) -> Iterator[int]:
    """Leaves on which something was opened or made that comes later than what is not spent."""
    for index, steps in spent.items():
        for step in steps:
            name, at, place = step.partition("@")
            first = {NUMBER: FIRST, "open-2": FIRST}.get(name)
            if name.startswith("history-"):
                first = FIRST
            if first and f"{first}{at}{place}" not in steps:
                yield index
    for what, counts in ((FIRST, used.answers), (NUMBER, used.numbers)):
        for index, count in counts.items():
            steps = spent.get(index, set())
            if what not in steps and sum(one.startswith(f"{what}@") for one in steps) < count:
                yield index
