"""Groups (まとめ書き): what inquiries want written at one moment is written at once.

An inquiry that waits for the ledger is staged with its drafts and with what comes next; one that
waits for the keepers is ordered with its tasks. A group goes to the ledger whole, and the orders
that follow from it to the keepers as one.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from jukinet.disclosure.door import Pending
from jukinet.keys.chance import Chance
from jukinet.law.inquiry import Receipt
from jukinet.ledger.writer import Draft, Ledger
from jukinet.nodes.message import CENTRE, KEEPER, KeeperOrder, KeeperReply, Message, Task

Written = Callable[[Pending, tuple[Receipt, ...]], None]
Kept = Callable[[Pending, Sequence[bytes | None]], None]


class Staged(NamedTuple):
    """An inquiry that waits for the ledger."""

    pending: Pending
    drafts: tuple[Draft, ...]
    then: Written


class Ordered(NamedTuple):
    """An inquiry that waits for the keepers."""

    pending: Pending
    tasks: tuple[Task, ...]  # their `receipt` is a place in `receipts`
    receipts: tuple[Receipt, ...]
    then: Kept


class Groups:
    """What waits for the ledger, and what waits for the keepers."""

    def __init__(
        self, ledger: Ledger, chance: Chance, repeated: Callable[[Pending], Staged]
    ) -> None:
        """`repeated` says what is written down for an inquiry that was taken before."""
        self._ledger = ledger
        self._repeated = repeated
        self._staged: list[Staged] = []
        self._group: list[Staged] = []  # being written; after an error it is written again
        self._ordered: list[Ordered] = []
        self._orders: dict[int, list[Ordered]] = {}
        # A reply to an order from before a crash must not be taken for one to an order of now.
        self._next_order = int.from_bytes(chance(6), "big")

    @property
    def staged(self) -> int:
        """How many inquiries wait for the ledger."""
        return len(self._staged) + len(self._group)

    def stage(self, pending: Pending, drafts: tuple[Draft, ...], then: Written) -> None:
        """Have drafts written with the next group."""
        self._staged.append(Staged(pending, drafts, then))

    def order(
        self, pending: Pending, tasks: tuple[Task, ...], receipts: tuple[Receipt, ...], then: Kept
    ) -> None:
        """Have the keepers do some tasks."""
        self._ordered.append(Ordered(pending, tasks, receipts, then))

    def write(self, now: datetime) -> None:
        """Write what is staged as one group, and go on with each inquiry.

        Raises what the ledger raises; the group then stays as it is, for the next call.
        """
        if not self._group:
            self._group = self._without_repeats(self._staged)
            self._staged = []
        if not self._group:
            return
        drafts = [draft for one in self._group for draft in one.drafts]
        receipts = self._ledger.commit(drafts, now)
        group, self._group = self._group, []
        start = 0
        for one in group:
            end = start + len(one.drafts)
            one.then(one.pending, tuple(receipts[start:end]))
            start = end

    def _without_repeats(self, staged: Sequence[Staged]) -> list[Staged]:
        """The group, in which an inquiry that was taken before is refused."""
        nonces = [draft.nonce for one in staged for draft in one.drafts if draft.nonce]
        taken = self._ledger.repeated(nonces) if nonces else set()
        group = []
        for one in staged:
            mine = {draft.nonce for draft in one.drafts if draft.nonce}
            group.append(self._repeated(one.pending) if mine & taken else one)
            taken |= mine
        return group

    def orders(self) -> list[Message]:
        """The order to the keepers for all that was ordered since the last time."""
        ordered, self._ordered = self._ordered, []
        if not ordered:
            return []
        receipts: list[Receipt] = []
        tasks: list[Task] = []
        for one in ordered:
            first = len(receipts)
            receipts += one.receipts
            tasks += [replace(task, receipt=first + task.receipt) for task in one.tasks]
        order = KeeperOrder(order=self._next_order, receipts=tuple(receipts), tasks=tuple(tasks))
        self._orders[self._next_order] = ordered
        self._next_order += 1
        return [Message(sender=CENTRE, receiver=KEEPER, body=order)]

    def kept(self, reply: KeeperReply) -> None:
        """The keepers have answered; go on with each inquiry."""
        ordered = self._orders.pop(reply.order, [])
        values = reply.values
        if len(values) != sum(len(one.tasks) for one in ordered):
            values = (None,) * sum(len(one.tasks) for one in ordered)
        start = 0
        for one in ordered:
            end = start + len(one.tasks)
            one.then(one.pending, values[start:end])
            start = end
