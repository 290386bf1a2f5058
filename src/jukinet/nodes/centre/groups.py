"""Groups (まとめ書き): what is to be written at one moment is written at once.

What waits for the ledger is staged with its drafts and with what comes next; what waits for the
keepers is ordered with its tasks. A group goes to the ledger whole; one is under way at a time,
until the witnesses have signed. Then its receipts are given out, and the orders that follow from it
go to the keepers as one.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from msgspec.structs import replace

from jukinet.keys.chance import Chance
from jukinet.law.inquiry import Receipt
from jukinet.law.standing import day_of
from jukinet.ledger.closing import Closing, closing
from jukinet.ledger.writer import Draft, Group, Ledger
from jukinet.nodes.message import CENTRE, KEEPER, KeeperOrder, KeeperReply, Message, Task

Written = Callable[[tuple[Receipt, ...]], None]
Kept = Callable[[Sequence[bytes | None]], None]


class Staged(NamedTuple):
    """Something that waits for the ledger; what is written in its place if it was taken before."""

    drafts: tuple[Draft, ...]
    then: Written
    again: Callable[[], "Staged"] | None = None


class Ordered(NamedTuple):
    """Something that waits for the keepers."""

    tasks: tuple[Task, ...]  # their `receipt` is a place in `receipts`
    receipts: tuple[Receipt, ...]
    then: Kept


class Groups:
    """What waits for the ledger, and what waits for the keepers."""

    def __init__(self, ledger: Ledger, chance: Chance) -> None:
        self._ledger = ledger
        self._staged: list[Staged] = []
        self._waiting = 0
        self._group: list[Staged] = []  # being written; after an error it is written again
        self._closed_on: date | None = None  # the day whose yesterday is closed
        self._ended: Closing | None = None  # a day that is being closed, likewise
        self._written: Group | None = None  # it waits for the witnesses
        self._ordered: list[Ordered] = []
        self._orders: dict[int, list[Ordered]] = {}
        # A reply to an order from before a crash must not be taken for one to an order of now.
        self._next_order = int.from_bytes(chance(6), "big")

    @property
    def staged(self) -> int:
        """How many wait for the ledger."""
        return len(self._staged) + len(self._group)

    @property
    def waiting(self) -> int:
        """How many questions wait for the ledger; each of an order counts."""
        return self._waiting

    @property
    def under_way(self) -> bool:
        """Whether a group is written and waits for the witnesses."""
        return self._written is not None

    def stage(self, staged: Staged) -> None:
        """Have drafts written with the next group."""
        self._staged.append(staged)
        self._waiting += _weight(staged)

    def order(self, tasks: tuple[Task, ...], receipts: tuple[Receipt, ...], then: Kept) -> None:
        """Have the keepers do some tasks."""
        self._ordered.append(Ordered(tasks, receipts, then))

    def write(self, now: datetime) -> bool:
        """Write what is staged as one group; whether there was anything.

        A new day begins with the closing of the last, a group of its own. Raises what the ledger
        raises; the group then stays as it is, for the next call.
        """
        if self._written is not None:
            return False
        if not self._group:
            if self._ended is None and self._closed_on != day_of(now):
                self._ended = closing(self._ledger, now)
                self._closed_on = None if self._ended else day_of(now)
            if self._ended is not None:
                ended, files = self._ended
                self._written = self._ledger.write(ended, now, beside=files)
                self._ended, self._closed_on = None, day_of(now)
                return True
            self._group = self._without_repeats(self._staged)
            self._staged = []
        if not self._group:
            return False
        drafts = [draft for one in self._group for draft in one.drafts]
        self._written = self._ledger.write(drafts, now)
        return True

    def go_on(self) -> None:
        """Enough witnesses have signed: give the receipts out, and go on with each."""
        if self._written is None:
            return
        receipts = self._ledger.receipts(self._written)
        group, self._group, self._written = self._group, [], None
        self._waiting = sum(map(_weight, self._staged))
        start = 0
        for one in group:
            end = start + sum(draft.receipts for draft in one.drafts)
            one.then(tuple(receipts[start:end]))
            start = end

    def _without_repeats(self, staged: Sequence[Staged]) -> list[Staged]:
        """The group, in which an inquiry that was taken before is refused."""
        nonces = [nonce for one in staged for draft in one.drafts for nonce in draft.taken]
        taken = self._ledger.repeated(nonces) if nonces else set()
        group = []
        for one in staged:
            mine = {nonce for draft in one.drafts for nonce in draft.taken}
            group.append(one.again() if one.again and mine & taken else one)
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
        """The keepers have answered; go on with each."""
        ordered = self._orders.pop(reply.order, [])
        values = reply.values
        if len(values) != sum(len(one.tasks) for one in ordered):
            values = (None,) * sum(len(one.tasks) for one in ordered)
        start = 0
        for one in ordered:
            end = start + len(one.tasks)
            one.then(values[start:end])
            start = end


def _weight(staged: Staged) -> int:
    return max(1, sum(max(draft.receipts, len(draft.taken)) for draft in staged.drafts))
