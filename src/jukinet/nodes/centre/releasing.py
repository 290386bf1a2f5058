"""Releasing (標識鍵の開封): the keys of the search tags, opened by the keepers at the start.

At rest the keys under which people are found are sealed to the keepers, so that neither the disks
of the centre nor whoever administers it can look anybody up. When the centre comes up it writes a
leaf that says so; on that leaf k keepers open the keys, into memory alone. Until they have, no
question is taken, and what the towns send waits.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from jukinet.errors import OutOfStep
from jukinet.law.inquiry import Receipt
from jukinet.law.leaf import ReleaseLeaf, leaf_time
from jukinet.ledger.writer import Draft
from jukinet.nodes import keeping
from jukinet.nodes.centre.groups import Groups, Staged
from jukinet.nodes.centre.keepers import Keepers, Wanted
from jukinet.nodes.keyring import RELEASE, CentreRing, TagKeys, read_tag_keys, release_context
from jukinet.nodes.message import NO_ORDER, OpenKey

AGAIN_AFTER: Final = timedelta(minutes=1)
NOT_YET: Final = "index: the keepers have not opened its keys yet; ask again in a minute"


class Releasing:
    """The keys of the tags, once the keepers have opened them."""

    def __init__(
        self, groups: Groups, keepers: Keepers, ring: CentreRing, out_of_step: list[str]
    ) -> None:
        self.out_of_step = out_of_step
        self._groups = groups
        self._keepers = keepers
        self._sealed = ring.released
        self._keys: dict[str, TagKeys] = {}
        self._again_at: datetime | None = None

    @property
    def done(self) -> bool:
        """Whether the keys are here."""
        return self._keys.keys() == self._sealed.keys()

    def of(self, prefecture: str) -> TagKeys:
        """The keys of a prefecture's tags; OutOfStep while they are sealed."""
        if prefecture not in self._keys:
            raise OutOfStep(NOT_YET)
        return self._keys[prefecture]

    def begin(self, now: datetime) -> None:
        """Have it written down that the keys are wanted, then opened."""
        if not self._sealed:
            return
        leaf = ReleaseLeaf(time=leaf_time(now), count=len(self._sealed))
        self._groups.stage(Staged((Draft(leaf),), partial(self._stands, now)))

    def tick(self, now: datetime) -> datetime | None:
        """Begin again where the keepers would not; when to look next, where they are awaited."""
        if self.done or self._again_at is None:
            return None
        if now >= self._again_at:
            self._again_at = None
            self.begin(now)
            return None
        return self._again_at

    def _stands(self, now: datetime, receipts: tuple[Receipt, ...]) -> None:
        wanted = [
            Wanted(
                OpenKey(
                    receipt=0,
                    order=NO_ORDER,
                    question=0,
                    step=f"release-{place}",
                    key=RELEASE,
                    sealed=sealed[: keeping.ELEMENT_BYTES],
                ),
                sealed,
                release_context(prefecture),
            )
            for place, (prefecture, sealed) in enumerate(sorted(self._sealed.items()))
        ]
        self._keepers.order(wanted, receipts, partial(self._opened, now))

    def _opened(self, now: datetime, values: Sequence[bytes | None]) -> None:
        for prefecture, value in zip(sorted(self._sealed), values, strict=True):
            if value is not None:
                self._keys[prefecture] = read_tag_keys(value)
        if not self.done:
            self.out_of_step.append("index: the keepers have not opened all keys of its tags")
            self._again_at = now + AGAIN_AFTER
