"""Closed days (締めた日): every run and every file of statistics made again from the leaves.

A run is the labels of its stretch, whatever it is of: so days, months and years are all made from
the leaves themselves. Where some of these cannot be read, the run's files are held against its own
root. What was picked for a sample is picked again.

Files beside the log that no leaf speaks of are litter: an append was cut short before its
checkpoint, or they are written over when the day is closed again. They are counted.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256

from jukinet.law import leaf as leaves
from jukinet.law import statistics
from jukinet.law.leaf import BundleLeaf, DisclosureLeaf, Leaf, RunLeaf, SampleLeaf
from jukinet.law.sampling import picked
from jukinet.law.standing import day_of
from jukinet.law.statistics import Statistics
from jukinet.ledger.closing import run_folder
from jukinet.merkle import runs
from jukinet.merkle.tiles import TILE_WIDTH
from jukinet.tasks.verifying.findings import UNREADABLE
from jukinet.tasks.verifying.ledger import Ledger
from jukinet.tasks.verifying.logfiles import PLACE

OTHER = "is missing, or is not what the leaves of its stretch make"
PARTS = {"month": "day", "year": "month"}
LENGTHS = {"day": 10, "month": 7, "year": 4}


def check_closed(ledger: Ledger) -> None:
    """Every run leaf and sample of the log, and every file beside it."""
    closed = ClosedDays(ledger)
    for index, leaf in ledger.leaves.items():
        if isinstance(leaf, RunLeaf):
            closed.check(index, leaf)
        elif isinstance(leaf, SampleLeaf):
            closed.check_sample(index, leaf)
    spoken_of = {*closed.files, *_bundled(ledger)}
    litter = sum(path not in spoken_of for path in ledger.log.all_beside())
    ledger.findings.counts["litter"] += litter


class ClosedDays:
    """The runs so far, and the files that they speak of."""

    def __init__(self, ledger: Ledger) -> None:
        self.files: set[str] = set()
        self._ledger = ledger
        self._closed: list[RunLeaf] = []

    def check(self, index: int, leaf: RunLeaf) -> None:
        """A run leaf, and the files of its run."""
        wrong = self._why_not(index, leaf)
        if wrong:
            self._ledger.note(index, wrong)
        self._closed.append(leaf)
        stretch = range(leaf.first, min(leaf.end, index))
        if all(map(self._ledger.whole, stretch)):
            self._check_whole(index, leaf, stretch)
        else:
            self._check_alone(leaf)
        self._ledger.findings.counts["runs"] += 1

    def _why_not(self, index: int, leaf: RunLeaf) -> str:
        """What is wrong with the stretch, the name or the time of a run, or nothing."""
        day = day_of(datetime.fromisoformat(leaf.time))
        length = LENGTHS[leaf.span]
        if not leaf.first <= leaf.end <= index:
            return "is a run over leaves that did not stand before it"
        if len(leaf.name) != length or leaf.name > str(day - timedelta(days=1))[:length]:
            return "is a run of a time that was not over"
        if leaf.span == "day":
            return self._why_no_day(leaf, str(day - timedelta(days=1)))
        parts = [one for one in self._of(PARTS[leaf.span]) if one.name.startswith(leaf.name)]
        if any(one.name == leaf.name for one in self._of(leaf.span)):
            return "is a run that stands already"
        if not parts or (leaf.first, leaf.end) != (parts[0].first, parts[-1].end):
            return f"is a run over other leaves than its {PARTS[leaf.span]}s"
        return ""

    def _why_no_day(self, leaf: RunLeaf, yesterday: str) -> str:
        last = max(((one.end, one.name) for one in self._of("day")), default=(0, ""))
        if leaf.first != last[0] or leaf.name <= last[1]:
            return "is a day's run that does not follow the last one"
        return "" if leaf.name == yesterday else "is a day's run of another day than the last"

    def _of(self, span: str) -> list[RunLeaf]:
        return [one for one in self._closed if one.span == span]

    # --- its files --------------------------------------------------------------------------

    def _check_whole(self, index: int, leaf: RunLeaf, stretch: range) -> None:
        """Root, count and files against what the leaves of the stretch make."""
        borne = self._ledger.borne
        records = sorted(
            runs.pack(label, number, place)
            for number in stretch
            for place, label in enumerate(borne.get(number, ()))
        )
        made = len(records), runs.root_of_run(records).hex()
        if made != (leaf.count, leaf.root):
            self._ledger.note(index, "is not the run of its leaves")
        self._compare(runs.files(run_folder(leaf.name), records))
        counted = _counted(self._ledger.leaves[number] for number in stretch)
        content = counted.csv(leaf.name) if leaf.span == "month" else None
        if leaf.statistics != (None if content is None else sha256(content).hexdigest()):
            self._ledger.note(index, "has other statistics than its leaves count to")
        if content is not None:
            self._compare([(statistics.path(leaf.name), content)])

    def _compare(self, made: Iterable[tuple[str, bytes]]) -> None:
        for path, content in made:
            self.files.add(path)
            if self._ledger.log.beside(path) != content:
                self._ledger.findings.note(PLACE, path, OTHER)

    def _check_alone(self, leaf: RunLeaf) -> None:
        """The files of a run against its own root."""
        folder, root = run_folder(leaf.name), bytes.fromhex(leaf.root)
        try:
            runs.check(self._ledger.log.beside, folder, count=leaf.count, root=root)
        except UNREADABLE as error:
            path = str(error).partition(":")[0]
            self._ledger.findings.note(PLACE, path[:80], OTHER)

    # --- samples ----------------------------------------------------------------------------

    def check_sample(self, index: int, leaf: SampleLeaf) -> None:
        """What was picked, picked again from the month's run."""
        month = next((one for one in self._of("month") if one.name == leaf.month), None)
        found = self._ledger.leaves
        among = [
            number
            for number in (range(month.first, month.end) if month else ())
            if isinstance(found.get(number), DisclosureLeaf | BundleLeaf)
        ]
        if month is None or leaf.picked != picked(bytes.fromhex(leaf.randomness), among):
            self._ledger.note(index, "has other picks than its randomness makes")


def _counted(stretch: Iterable[Leaf]) -> Statistics:
    found = Statistics()
    for leaf in stretch:
        found.take(leaf)
    return found


def _bundled(ledger: Ledger) -> Iterator[str]:
    """The paths of every file of every bundle."""
    for index, records in ledger.bundles.items():
        for path, _ in runs.files(leaves.bundle_folder(index), records):
            yield path
        for place in range(0, len(records), TILE_WIDTH):
            yield leaves.bundle_bodies(index, place)
