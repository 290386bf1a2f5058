"""Labels of the past (既出の符号): every label that stood in a log, to see that none stands twice.

A label is used up when it has stood once; a second leaf under it would be read for the first. The
labels are sixteen bytes each, sorted, in a few arrays that may lie on a disk; new ones are sorted a
quarter of a million at a time and looked up in all that came before. An array is merged with the
next when it is not twice as long, so that old ones are seldom written again.

>>> labels = Labels()
>>> for leaf, name in enumerate((b"one", b"two", b"one")):
...     labels.add(leaf, [name.ljust(16)])
>>> labels.twice()
Again(label=b'one             ', leaf=2, before=0)
"""

from array import array
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jukinet.merkle.runs import LABEL_BYTES

DTYPE: Final = np.dtype("S16")
AT_ONCE: Final = 1 << 18

Sorted: TypeAlias = NDArray[np.bytes_]


class Again(NamedTuple):
    """A label, a leaf that bears it, and the one that bore it before (None: long before)."""

    label: bytes
    leaf: int
    before: int | None


class Labels:
    """All labels so far. Those of earlier rounds come as sorted arrays, maybe on a disk."""

    def __init__(self, parts: Iterable[Sorted] = ()) -> None:
        self._parts = list(parts)
        self._fresh = bytearray()
        self._leaves = array("Q")
        self._again: Again | None = None

    def __len__(self) -> int:
        return sum(map(len, self._parts)) + len(self._leaves)

    def add(self, leaf: int, labels: Iterable[bytes]) -> None:
        """Take in the labels of a leaf."""
        for label in labels:
            self._fresh += label
            self._leaves.append(leaf)
        if len(self._leaves) >= AT_ONCE:
            self._sort()

    def twice(self) -> Again | None:
        """A label that stands twice, or None."""
        self._sort()
        return self._again

    def parts(self) -> tuple[Sorted, ...]:
        """Every label, in sorted arrays; those that came from earlier rounds are still the same."""
        self._sort()
        return tuple(self._parts)

    def _sort(self) -> None:
        """Sort what was added, look it up, and put it with the rest."""
        if not self._leaves or self._again:
            return
        found = np.frombuffer(bytes(self._fresh), DTYPE)
        order = found.argsort(kind="stable")
        fresh = found[order]
        self._again = self._within(fresh, order) or self._before(fresh, order)
        self._fresh, self._leaves = bytearray(), array("Q")
        self._parts.append(fresh)
        while len(self._parts) > 1 and len(self._parts[-2]) < 2 * len(self._parts[-1]):
            self._parts.append(_merge([self._parts.pop(), self._parts.pop()]))

    def _within(self, fresh: Sorted, order: NDArray[np.intp]) -> Again | None:
        same = np.flatnonzero(fresh[1:] == fresh[:-1])
        if not len(same):
            return None
        at = int(same[0])
        label = bytes(fresh[at]).ljust(LABEL_BYTES, b"\x00")
        return Again(label, self._leaves[order[at + 1]], self._leaves[order[at]])

    def _before(self, fresh: Sorted, order: NDArray[np.intp]) -> Again | None:
        for part in self._parts:
            places = np.minimum(np.searchsorted(part, fresh), len(part) - 1)
            same = np.flatnonzero(part[places] == fresh)
            if len(same):
                at = int(same[0])
                label = bytes(fresh[at]).ljust(LABEL_BYTES, b"\x00")
                return Again(label, self._leaves[order[at]], None)
        return None


def _merge(parts: list[Sorted]) -> Sorted:
    merged: Sorted = np.concatenate([np.asarray(part) for part in parts])  # not a file any more
    merged.sort(kind="stable")
    return merged
