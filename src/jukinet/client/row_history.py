"""The history of rows (別表の沿革): every row that ever stood in the log, and how often it served.

Between 1999 and 2002 the list of affairs grew from 93 to 264, and few saw it grow. Here each row's
leaves stand in the public log, so anybody can list them: since when a row counts, what it allowed
before, how often it was used. The whole log is read, and its tree made anew.
"""

from typing import NamedTuple

from jukinet.client.mirror import Mirror
from jukinet.errors import Damaged
from jukinet.law import leaf as leaves
from jukinet.law.leaf import BundleLeaf, DeferredLeaf, DisclosureLeaf, GrantLeaf, RefusalLeaf
from jukinet.law.standing import StandingRows, wider
from jukinet.merkle.policy import Policy
from jukinet.merkle.tree import Edge, leaf_hash


class RowState(NamedTuple):
    """A row as one leaf has it."""

    number: int  # of the leaf
    leaf: GrantLeaf
    change: str  # new, wider, narrower, the same
    disclosures: int  # under it, until the next leaf of the row
    refusals: int


class RowHistory(NamedTuple):
    """All states of all rows, to a size of the log."""

    size: int
    root: bytes
    states: tuple[RowState, ...]  # in the order of the log
    by_table: dict[str, int]  # disclosures of municipal askers, whose rows are shown by table only


def row_history(mirror: Mirror, policy: Policy) -> RowHistory:
    """Every row that ever stood; Damaged where the files are not the log that was signed.

    Raises Refused where the checkpoint is not the log's, or a row counted before its notice.
    """
    checkpoint = policy.open(mirror.checkpoint).checkpoint
    rows, edge, counts = StandingRows(), Edge(), _Counts()
    for index, entry in enumerate(mirror.entries(checkpoint.size)):
        edge.append(leaf_hash(entry))
        leaf = leaves.decode(entry)
        if isinstance(leaf, GrantLeaf):
            before = rows.newest(leaf.row)
            counts.begin(index, leaf, _change(leaf, before))
        elif isinstance(leaf, DisclosureLeaf | BundleLeaf | DeferredLeaf | RefusalLeaf):
            counts.use(leaf)
        rows.take(index, leaf)
    if (edge.size, edge.root) != (checkpoint.size, checkpoint.root):
        raise Damaged("log: these files are not the entries that its checkpoint signs; try another")
    return RowHistory(checkpoint.size, checkpoint.root, counts.states(), counts.by_table)


class _Counts:
    def __init__(self) -> None:
        self._states: list[RowState] = []
        self._newest: dict[str, int] = {}
        self.by_table: dict[str, int] = {}

    def begin(self, index: int, leaf: GrantLeaf, change: str) -> None:
        """A row's leaf."""
        self._newest[leaf.row] = len(self._states)
        self._states.append(RowState(index, leaf, change, 0, 0))

    def use(self, leaf: DisclosureLeaf | BundleLeaf | DeferredLeaf | RefusalLeaf) -> None:
        """Something that was given or refused under a row."""
        count = leaf.count if isinstance(leaf, DisclosureLeaf | BundleLeaf) else 1
        refused = isinstance(leaf, RefusalLeaf)
        if leaf.row.startswith("table "):
            self.by_table[leaf.row] = self.by_table.get(leaf.row, 0) + (0 if refused else count)
            return
        at = self._newest.get(leaf.row)
        if at is not None:
            one = self._states[at]
            self._states[at] = one._replace(
                disclosures=one.disclosures + (0 if refused else count),
                refusals=one.refusals + refused,
            )

    def states(self) -> tuple[RowState, ...]:
        return tuple(self._states)


def _change(leaf: GrantLeaf, before: GrantLeaf | None) -> str:
    if before is None:
        return "new"
    if wider(leaf, before):
        return "wider"
    return "narrower" if wider(before, leaf) else "the same"
