"""Opening (猶予の終了): what was kept from its resident for a while comes to stand on the chain.

Each day the centre looks which entries are due. The keepers open what stands sealed beside the
leaf, on the receipt of the leaf itself and not before its day; then the entry is written again, on
the resident's chain, and refers back. What a crash or a lost message leaves undone is due again on
the next day.
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial

from jukinet.errors import Damaged
from jukinet.law import leaf as leaves
from jukinet.law.inquiry import Receipt
from jukinet.law.leaf import DeferredLeaf, OpeningLeaf
from jukinet.law.standing import day_of
from jukinet.ledger.writer import Draft, Ledger, Written
from jukinet.nodes.centre.groups import Groups, Staged
from jukinet.nodes.centre.keepers import Keepers, Wanted
from jukinet.nodes.keyring import DEFERRED
from jukinet.nodes.message import NO_ORDER, OpenKey

AT_ONCE = 256


class Openings:
    """Deferred entries at the centre."""

    def __init__(
        self, ledger: Ledger, groups: Groups, keepers: Keepers, out_of_step: list[str]
    ) -> None:
        self.out_of_step = out_of_step
        self._keepers = keepers
        self._ledger = ledger
        self._groups = groups
        self._begun: dict[int, date] = {}  # by leaf, the day on which it was last taken up
        self._written: set[int] = set()  # that are to be written with the next group

    def begin(self, now: datetime) -> None:
        """Have the keepers open what is due."""
        today = day_of(now)
        due = [i for i in self._ledger.noted.due(today) if self._begun.get(i) != today]
        for index in due[:AT_ONCE]:
            leaf = self._ledger.noted.deferred[index]
            sealed = self._ledger.log.body(index)
            self._begun[index] = today
            if sealed is None:  # it stays overdue, for everybody to see
                self.out_of_step.append(f"leaf {index}: what is kept beside it is missing")
                continue
            task = OpenKey(
                receipt=0, order=NO_ORDER, question=0, step="deferred", key=DEFERRED, sealed=sealed
            )
            wanted = Wanted(task, sealed, leaves.DEFERRED_CONTEXT)
            then = partial(self._opened, index, leaf, now)
            self._keepers.order((wanted,), (self._ledger.receipt(index),), then)

    def _opened(
        self, index: int, leaf: DeferredLeaf, now: datetime, values: Sequence[bytes | None]
    ) -> None:
        (plain,) = values
        if index in self._written or index not in self._ledger.noted.deferred:
            return  # it was taken up twice
        try:
            if plain is None:
                raise Damaged("the keepers would not open it")
            locator, _, body = leaves.read_deferred(plain)
        except Damaged as error:
            self.out_of_step.append(f"leaf {index}: {error}")
            return
        opening = OpeningLeaf(
            time=leaves.leaf_time(now),
            agency=leaf.agency,
            row=leaf.row,
            kind=leaf.kind,
            items=leaf.items,
            labels=(),
            commitment="",
            deferred=index,
        )
        self._written.add(index)
        draft = Draft(opening, Written(body), locator)
        self._groups.stage(Staged((draft,), partial(self._stands, index)))

    def _stands(self, index: int, _receipts: tuple[Receipt, ...]) -> None:
        self._written.discard(index)
        self._begun.pop(index, None)
