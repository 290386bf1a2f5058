"""Cover (符号索引による網羅): where in the log a label stands, and that it stands nowhere, by runs.

A run has all labels of a stretch of the log in order. The fewest runs that follow each other from
leaf 0 on are years, then months, then days; what comes after the last of them is read leaf by leaf.
The runs' leaves are found from the end: the last day's run is not further back than a day; the run
before it ends where it begins, and its leaf stands there, so a few bundles are read for each run.

    leaf 0 |------- 2026 -------|-- 2027-01 --|- 02-01 -|- 02-02 -|.......| size
                                                                   read leaf by leaf

Where no run covers a stretch, or one whose files do not fit its leaf, the stretch is read leaf by
leaf too, if it is not too long; else it is named as unread, and nothing is claimed of it.

That a run has every label of its stretch, and each label once in the whole log, is the log's claim;
whoever reads the stretch checks it (the auditors do, and so does reading the whole log).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from jukinet.client.mirror import Mirror
from jukinet.client.proved import ProvedLog, ProvedRun
from jukinet.errors import Damaged, JukinetError
from jukinet.law import leaf as leaves
from jukinet.law.leaf import BundleLeaf, DeferredLeaf, Leaf, OpeningLeaf, RunLeaf
from jukinet.merkle.runs import Absent, unpack
from jukinet.merkle.tree import Edge, leaf_hash

Progress = Callable[[str, int, int | None], None]

READ_MAX: Final = 1 << 20
"""Leaves of one stretch that are read one by one, unless all are to be read."""
_NEAR: Final = 4096  # leaves between the end of a run and the run's own leaf
_RUN: Final = b'{"type":"run",'
_SHOWN_EVERY: Final = 1024


def quiet(what: str, done: int, total: int | None) -> None:
    """Show no progress."""


class Spot(NamedTuple):
    """Where a label stands: the number of its leaf, and its position in that leaf."""

    leaf: int
    position: int


class Searched(NamedTuple):
    """A run in which a label is not, with all that proves it."""

    number: int  # of the run's leaf
    leaf: RunLeaf
    receipt: bytes  # a tlog-proof of the run's leaf
    absent: Absent


class Unread(NamedTuple):
    """A stretch that could be neither searched nor read."""

    first: int
    end: int

    def find(self, label: bytes) -> list[Spot]:
        """Nothing."""
        return []


class Covering(NamedTuple):
    """A run's leaf and its number in the log."""

    number: int
    leaf: RunLeaf


class Cover:
    """The log from leaf 0 to its end, as stretches in which labels are looked for."""

    def __init__(
        self,
        mirror: Mirror,
        log: ProvedLog,
        *,
        read_max: int = READ_MAX,
        progress: Progress = quiet,
    ) -> None:
        """Nothing yet: see `by_runs` and `whole`."""
        self.remarks: list[str] = []
        self._mirror = mirror
        self._log = log
        self._read_max = read_max
        self._progress = progress
        self._parts: list[_InRun | _LeafByLeaf | Unread] = []
        self._last = 0  # the part in which the last label was found

    def by_runs(self) -> "Cover":
        """By runs as far as there are any. Raises Damaged for a copy that is not the log."""
        runs = covering(self._log, self._read_max)
        self._read(0, runs[0].leaf.first if runs else self._log.size)
        for run in runs:
            self._take(run)
        if runs:
            self._read(runs[-1].leaf.end, self._log.size)
        return self

    def whole(self) -> "Cover":
        """By reading every leaf, and making the tree anew."""
        size = self._log.size
        anew = _shown(_anew(self._mirror, self._log), size, self._progress)
        self._parts.append(_LeafByLeaf(self._mirror, 0, size, anew))
        return self

    def find(self, label: bytes) -> list[Spot]:
        """Where a label stands (once, in an honest log), or nothing.

        A chain runs forward in the log, so the search begins where the last one ended; a label that
        is nowhere has been looked for everywhere. One that stands again among leaves that were read
        is seen; for the runs the auditors look.
        """
        ahead = range(self._last, len(self._parts))
        for at in (*ahead, *range(self._last)):
            if spots := self._look(at, label):
                self._last = at
                return sorted({*spots, *self._read_too(label)})
        return []

    def find_after(self, label: bytes, leaf: int) -> list[Spot]:
        """Where a label stands that cannot stand before a leaf, or nothing."""
        for at, part in enumerate(self._parts):
            if part.end > leaf and (spots := self._look(at, label)):
                return spots
        return []

    def searched(self, label: bytes) -> tuple[Searched, ...]:
        """The proofs that a label which was not found is in none of the runs."""
        for at in range(len(self._parts)):
            self._look(at, label, proved=True)
        return tuple(part.searched(label) for part in self._parts if isinstance(part, _InRun))

    @property
    def read(self) -> tuple[tuple[int, int], ...]:
        """The stretches that were read leaf by leaf, first and end."""
        return tuple((one.first, one.end) for one in self._parts if isinstance(one, _LeafByLeaf))

    @property
    def unread(self) -> tuple[Unread, ...]:
        """The stretches of which nothing is known."""
        return tuple(part for part in self._parts if isinstance(part, Unread))

    @property
    def shut(self) -> tuple[str, ...]:
        """Bundles among the leaves read that could not be looked into, and why."""
        return tuple(
            reason
            for part in self._parts
            if isinstance(part, _LeafByLeaf)
            for reason in part.shut.values()
        )

    @property
    def kept_back(self) -> tuple[str, ...] | None:
        """The days on which deferred entries without an opening are to be opened.

        None where not every leaf was read: no run tells.
        """
        deferred: dict[int, str] = {}
        for part in self._parts:
            if not isinstance(part, _LeafByLeaf):
                return None
            deferred |= part.deferred
        for part in self._parts:
            assert isinstance(part, _LeafByLeaf)
            for index in part.opened:
                deferred.pop(index, None)
        return tuple(sorted(deferred.values()))

    def _look(self, at: int, label: bytes, *, proved: bool = False) -> list[Spot]:
        """Look in one part; a run that does not fit its leaf is replaced by its leaves."""
        part = self._parts[at]
        try:
            if proved and isinstance(part, _InRun):
                part.searched(label)
            return part.find(label)
        except _Unfit as error:
            assert isinstance(part, _InRun)
            self._parts[at] = self._instead(part.run, error)
            return self._parts[at].find(label)

    def _read_too(self, label: bytes) -> Iterator[Spot]:
        for part in self._parts:
            if isinstance(part, _LeafByLeaf):
                yield from part.labels.get(label, ())

    def _take(self, run: Covering) -> None:
        try:
            self._parts.append(_InRun(self._mirror, self._log, run))
        except _Unfit as error:
            self._parts.append(self._instead(run, error))

    def _instead(self, run: Covering, error: Exception) -> "_LeafByLeaf | Unread":
        self.remarks.append(f"run {run.leaf.name} (leaf {run.number}) cannot be used: {error}")
        return self._stretch(run.leaf.first, run.leaf.end)

    def _read(self, first: int, end: int) -> None:
        if first < end:
            self._parts.append(self._stretch(first, end))

    def _stretch(self, first: int, end: int) -> "_LeafByLeaf | Unread":
        if end - first > self._read_max:
            return Unread(first, end)
        found = _shown(self._log.leaves(first, end), end - first, self._progress)
        return _LeafByLeaf(self._mirror, first, end, found)


def covering(log: ProvedLog, reach: int = READ_MAX) -> list[Covering]:
    """The fewest runs that follow each other to the last day's, in the order of the log.

    Empty where no day's run stands among the last `reach` leaves. They begin with leaf 0, unless a
    run's leaf is missing.
    """
    last = _last_day(log, reach)
    if last is None:
        return []
    found: list[Covering] = []
    end, until = last.leaf.end, log.size
    while end > 0:
        widest = min(_ending_at(log, end, until), key=lambda one: one.leaf.first, default=None)
        if widest is None or widest.leaf.first >= end:
            break
        found.append(widest)
        end, until = widest.leaf.first, widest.number
    return found[::-1]


class _Unfit(JukinetError):
    """A run's files are missing, or are not what its leaf says."""


class _InRun:
    """A stretch that a run covers."""

    def __init__(self, mirror: Mirror, log: ProvedLog, run: Covering) -> None:
        self.run = run
        self.first, self.end = run.leaf.first, run.leaf.end
        self._log = log
        try:
            self._records = ProvedRun.of(mirror.read, run.leaf)
        except Damaged as error:
            raise _Unfit(str(error)) from None

    def find(self, label: bytes) -> list[Spot]:
        """Where the run says that a label stands, and it does stand there."""
        try:
            place = self._records.find(label)
            record = None if place is None else unpack(self._records[place])
        except Damaged as error:
            raise _Unfit(str(error)) from None
        if record is None:
            return []
        if not self.first <= record.leaf < self.end:
            raise _Unfit(f"it names leaf {record.leaf}, which is not of its stretch")
        leaf = self._log.leaf(record.leaf)
        borne = leaves.labels_of(leaf)
        if not isinstance(leaf, BundleLeaf) and borne[record.position :][:1] != (label,):
            raise _Unfit(f"it names leaf {record.leaf}, which does not bear the label")
        return [Spot(record.leaf, record.position)]

    def searched(self, label: bytes) -> Searched:
        """The proof that a label is not in the run."""
        try:
            absent = self._records.absent(label)
        except Damaged as error:
            raise _Unfit(str(error)) from None
        return Searched(*self.run, self._log.receipt(self.run.number), absent)


class _LeafByLeaf:
    """A stretch that is read leaf by leaf; the bundles in it are searched, not read."""

    def __init__(
        self, mirror: Mirror, first: int, end: int, found: Iterable[tuple[int, Leaf]]
    ) -> None:
        self.first, self.end = first, end
        self.deferred: dict[int, str] = {}
        self.opened: list[int] = []
        self.shut: dict[int, str] = {}
        self.labels: dict[bytes, list[Spot]] = {}
        self._bundles: dict[int, ProvedRun] = {}
        for index, leaf in found:
            if isinstance(leaf, BundleLeaf):
                self._bundles[index] = ProvedRun.bundle(mirror.read, index, leaf)
            elif isinstance(leaf, DeferredLeaf):
                self.deferred[index] = leaf.open_on
            elif isinstance(leaf, OpeningLeaf):
                self.opened.append(leaf.deferred)
            for position, label in enumerate(leaves.labels_of(leaf)):
                self.labels.setdefault(label, []).append(Spot(index, position))

    def find(self, label: bytes) -> list[Spot]:
        """Every place where a label stands, in order."""
        return sorted([*self.labels.get(label, ()), *self._in_bundles(label)])

    def _in_bundles(self, label: bytes) -> Iterator[Spot]:
        for index, bundle in self._bundles.items():
            try:
                place = bundle.find(label)
            except Damaged as error:
                self.shut[index] = f"bundle of leaf {index}: {error}"
            else:
                if place is not None:
                    yield Spot(index, place)


def _last_day(log: ProvedLog, reach: int) -> Covering | None:
    """The last day's run, looked for from the end of the log."""
    for index in range(log.size - 1, max(-1, log.size - 1 - reach), -1):
        run = _run_at(log, index)
        if run is not None and run.leaf.span == "day":
            return run
    return None


def _ending_at(log: ProvedLog, end: int, until: int) -> list[Covering]:
    """The runs that end at a leaf: their own leaves stand there or soon after, side by side."""
    found: list[Covering] = []
    for index in range(end, min(until, end + _NEAR)):
        run = _run_at(log, index)
        if run is not None and run.leaf.end == end:
            found.append(run)
        elif found:
            break
    return found


def _run_at(log: ProvedLog, index: int) -> Covering | None:
    """The run leaf of a number, unless it speaks of what comes after it."""
    entry = log[index]
    leaf = leaves.decode(entry) if entry.startswith(_RUN) else None
    return Covering(index, leaf) if isinstance(leaf, RunLeaf) and leaf.end <= index else None


def _anew(mirror: Mirror, log: ProvedLog) -> Iterator[tuple[int, Leaf]]:
    """Every leaf; ends with Damaged where they do not make the checkpoint's root."""
    edge = Edge()
    for index, entry in enumerate(mirror.entries(log.size)):
        edge.append(leaf_hash(entry))
        yield index, leaves.decode(entry)
    if (edge.size, edge.root) != (log.size, log.root):
        raise Damaged(
            f"log: these files are not the {log.size} entries that its checkpoint signs; "
            "try another mirror, and tell the log's witnesses"
        )


def _shown(
    found: Iterable[tuple[int, Leaf]], total: int, progress: Progress
) -> Iterator[tuple[int, Leaf]]:
    """The same, with progress shown."""
    for done, one in enumerate(found, start=1):
        if done % _SHOWN_EVERY == 0 or done == total:
            progress("reading", done, total)
        yield one
