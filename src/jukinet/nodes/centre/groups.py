"""Groups (まとめ書き): what is to be written at one moment is written at once.

What waits for the ledger is staged with its drafts and with what comes next. A group goes to the
ledger whole; one is under way at a time, until the witnesses have signed. Then its receipts are
given out, and what follows from it goes to the keepers as one (`keepers`).
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from jukinet.law.inquiry import Receipt
from jukinet.law.standing import day_of
from jukinet.ledger.closing import Closing, closing
from jukinet.ledger.writer import Draft, Group, Ledger

Written = Callable[[tuple[Receipt, ...]], None]


class Staged(NamedTuple):
    """Something that waits for the ledger; what is written in its place if it was taken before."""

    drafts: tuple[Draft, ...]
    then: Written
    again: Callable[[], "Staged"] | None = None


class Groups:
    """What waits for the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._staged: list[Staged] = []
        self._waiting = 0
        self._group: list[Staged] = []  # being written; after an error it is written again
        self._closed_on: date | None = None  # the day whose yesterday is closed
        self._ended: Closing | None = None  # a day that is being closed, likewise
        self._written: Group | None = None  # it waits for the witnesses

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


def _weight(staged: Staged) -> int:
    return max(1, sum(max(draft.receipts, len(draft.taken)) for draft in staged.drafts))
