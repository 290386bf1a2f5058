"""Statistics (利用状況の統計): how often each agency asked under each row, from the log alone.

Whoever counts the same leaves gets the same bytes, so the published file is checked by counting
again. A month's file counts the leaves of the month's run. It is CSV (RFC 4180) in UTF-8, lines in
the order of agency, row and kind.

>>> counted = Statistics()
>>> counted.take(InquiryLeaf(time="2026-04-01T03:00:00Z", agency="pension", row="1-73",
...     kind="items", items=(), count=2, order="0" * 64))
>>> print(counted.csv("2026-04").decode(), end="")
month,agency,row,kind,inquiries,disclosures,deferred,refusals
2026-04,pension,1-73,items,2,0,0,0
"""

from collections.abc import Iterable

from jukinet.law.leaf import (
    BundleLeaf,
    DeferredLeaf,
    DisclosureLeaf,
    InquiryLeaf,
    Leaf,
    RefusalLeaf,
)

Row = tuple[str, str, str, int, int, int, int]

HEAD = "month,agency,row,kind,inquiries,disclosures,deferred,refusals"


class Statistics:
    """Counts by agency, row and kind of question."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._counts: dict[tuple[str, str, str], list[int]] = {
            (agency, row, kind): [*counts] for agency, row, kind, *counts in rows
        }

    def take(self, leaf: Leaf) -> None:
        """Count a leaf; those by which nobody asks and nothing is given do not count."""
        if isinstance(leaf, InquiryLeaf):
            self._add(leaf, 0, leaf.count)
        elif isinstance(leaf, DisclosureLeaf | BundleLeaf):
            self._add(leaf, 1, leaf.count)
        elif isinstance(leaf, DeferredLeaf):
            self._add(leaf, 2, 1)
        elif isinstance(leaf, RefusalLeaf):
            self._add(leaf, 3, 1)

    def _add(
        self,
        leaf: InquiryLeaf | DisclosureLeaf | BundleLeaf | DeferredLeaf | RefusalLeaf,
        column: int,
        count: int,
    ) -> None:
        key = leaf.agency, leaf.row, leaf.kind
        self._counts.setdefault(key, [0, 0, 0, 0])[column] += count

    def more(self, other: "Statistics", *, times: int = 1) -> None:
        """Add what another has counted."""
        for key, counts in other._counts.items():
            mine = self._counts.setdefault(key, [0, 0, 0, 0])
            for column, count in enumerate(counts):
                mine[column] += times * count

    def less(self, other: "Statistics") -> None:
        """Take away what another has counted, of the same leaves."""
        self.more(other, times=-1)

    def rows(self) -> list[Row]:
        """What has been counted, in order: agency, row, kind and the four counts."""
        return [
            (*key, counts[0], counts[1], counts[2], counts[3])
            for key, counts in sorted(self._counts.items())
            if any(counts)
        ]

    def csv(self, month: str) -> bytes:
        """The file of a month."""
        lines = [",".join((month, *map(str, row))) for row in self.rows()]
        return "\n".join((HEAD, *lines, "")).encode()


def path(month: str) -> str:
    """Where a month's file stands beside the log."""
    return f"statistics/{month}.csv"
