"""Closed days (締めた日): every run that the log speaks of, made again from the leaves themselves.

A day's run begins where the last day's ended and holds every label of its stretch; a month's is
over the same leaves as its days', a year's as its months'. With a month's run stands a file of
statistics. Roots, counts and every file are compared with what the leaves give.

It reads the leaves since the last closed day once, as they come; of closed ones it keeps only the
run leaves, and merges months from the days' files, which their roots hold fast.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import numpy as np

from jukinet.client.lies import Lie, Rule
from jukinet.errors import Damaged
from jukinet.law import statistics
from jukinet.law.leaf import Leaf, RunLeaf
from jukinet.law.statistics import Statistics
from jukinet.merkle import runs
from jukinet.merkle.runs import RECORD_BYTES, Read, Run

_PARTS: Final = {"month": ("day", 7), "year": ("month", 4)}

Past = Callable[[int], Leaf]
"""A leaf that stands in the log already."""


class Closed(NamedTuple):
    """A run that stands in the log and was found right."""

    number: int  # the run leaf's index
    leaf: RunLeaf


class Days:
    """The runs so far, and what the leaves since the last closed day will make."""

    def __init__(self, read: Read) -> None:
        self.closed: list[Closed] = []
        self.fresh = bytearray()  # records of labels, in the order of the leaves
        self.day = Statistics()  # of the leaves since the last closed day
        self.months: dict[str, Statistics] = {}  # of closed days whose month is not
        self._read = read

    @property
    def end(self) -> int:
        """Where the next day's run begins."""
        return next((one.leaf.end for one in reversed(self.closed) if one.leaf.span == "day"), 0)

    def take(self, index: int, leaf: Leaf, labels: Sequence[bytes]) -> None:
        """Take in a leaf that is to stand in a later day's run."""
        for place, label in enumerate(labels):
            self.fresh += runs.pack(label, index, place)
        self.day.take(leaf)

    def close(self, index: int, leaf: RunLeaf, past: Past) -> None:
        """Take in a run leaf; raises Lie where it is not the run of its stretch."""
        if not leaf.first <= leaf.end <= index:
            raise self._lie(leaf, f"is over leaves {leaf.first} to {leaf.end}, and is leaf {index}")
        try:
            if leaf.span == "day":
                self._close_day(index, leaf, past)
            else:
                self._close_longer(leaf)
        except Damaged as error:
            raise self._lie(leaf, str(error)) from None
        self.closed.append(Closed(index, leaf))

    def _close_day(self, index: int, leaf: RunLeaf, past: Past) -> None:
        days = [one.leaf for one in self.closed if one.leaf.span == "day"]
        if leaf.first != self.end:
            raise self._lie(
                leaf, f"begins with leaf {leaf.first}; the last day ended at {self.end}"
            )
        if len(leaf.name) != 10 or (days and days[-1].name >= leaf.name):
            raise self._lie(leaf, "is not the name of a day after the last")
        if any(one.leaf.span == "month" and one.leaf.name >= leaf.name[:7] for one in self.closed):
            raise self._lie(leaf, "comes after the run of its month")
        if leaf.statistics is not None:
            raise self._lie(leaf, "has statistics; only a month's run has them")
        cut = self._cut(leaf.end)
        records = _sorted(bytes(self.fresh[:cut]))
        self._compare(leaf, lambda: records)
        del self.fresh[:cut]
        later = Statistics()
        for one in map(past, range(leaf.end, index)):
            later.take(one)
        self.day.less(later)
        self.months.setdefault(leaf.name[:7], Statistics()).more(self.day)
        self.day = later

    def _close_longer(self, leaf: RunLeaf) -> None:
        span, length = _PARTS[leaf.span]
        parts = [
            one.leaf
            for one in self.closed
            if one.leaf.span == span and one.leaf.name.startswith(leaf.name)
        ]
        if len(leaf.name) != length or not parts:
            raise self._lie(leaf, f"has no {span}s")
        if any(one.leaf.name == leaf.name for one in self.closed):
            raise self._lie(leaf, "stands twice")
        if (leaf.first, leaf.end) != (parts[0].first, parts[-1].end):
            raise self._lie(leaf, f"is over other leaves than its {span}s")
        self._compare(leaf, lambda: runs.merged(*map(self._records, parts)))
        if leaf.span == "month":
            self._compare_statistics(leaf)
        elif leaf.statistics is not None:
            raise self._lie(leaf, "has statistics; only a month's run has them")

    def _compare(self, leaf: RunLeaf, records: Callable[[], Iterable[bytes]]) -> None:
        """Root, count and every file of a run, against the records that it ought to have."""
        count = 0
        root = runs.root_of_run(records()).hex()
        if root != leaf.root:
            raise self._lie(leaf, f"has the root {leaf.root}; its leaves make {root}")
        for path, content in runs.files(folder(leaf.name), records()):
            count += len(content) // RECORD_BYTES if "/entries/" in path else 0
            self._compare_file(leaf, path, content)
        if count != leaf.count:
            raise self._lie(leaf, f"says {leaf.count} labels; its leaves have {count}")

    def _compare_file(self, leaf: RunLeaf, path: str, content: bytes) -> None:
        found = self._read(path)
        if found != content:
            what = "is missing" if found is None else "is not what the leaves make"
            rule = Rule.STATISTICS if path.startswith("statistics/") else Rule.RUN
            raise Lie(rule, path, f"{what}, for the run {leaf.name}", {path: found or b""})

    def _compare_statistics(self, leaf: RunLeaf) -> None:
        counted = self.months.pop(leaf.name, Statistics()).csv(leaf.name)
        path = statistics.path(leaf.name)
        if leaf.statistics != sha256(counted).hexdigest():
            raise Lie(
                Rule.STATISTICS,
                f"run {leaf.name}",
                "its statistics are not what its leaves count to",
                {path: self._read(path) or b""},
            )
        self._compare_file(leaf, path, counted)

    def _records(self, leaf: RunLeaf) -> Iterator[bytes]:
        return Run(
            self._read, folder(leaf.name), count=leaf.count, root=bytes.fromhex(leaf.root)
        ).records()

    def _cut(self, end: int) -> int:
        """The bytes of fresh records whose leaf stands before `end`."""
        places = range(len(self.fresh) // RECORD_BYTES)
        return RECORD_BYTES * bisect_left(places, end, key=self._leaf_at)

    def _leaf_at(self, place: int) -> int:
        return runs.unpack(
            bytes(self.fresh[place * RECORD_BYTES : (place + 1) * RECORD_BYTES])
        ).leaf

    def _lie(self, leaf: RunLeaf, sentence: str) -> Lie:
        return Lie(Rule.RUN, f"run {leaf.name}", sentence)


def folder(name: str) -> str:
    """Where a run's files stand beside the log."""
    return f"runs/{name}"


def _sorted(records: bytes) -> list[bytes]:
    rows = np.frombuffer(records, f"S{RECORD_BYTES}").copy()
    rows.sort()
    joined = rows.tobytes()
    return [joined[at : at + RECORD_BYTES] for at in range(0, len(joined), RECORD_BYTES)]
