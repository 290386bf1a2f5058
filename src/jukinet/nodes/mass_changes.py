"""Mass changes (住民票コードの一斉変更) at a town's node: planned, approved by two, done in groups.

A group is one transaction: the codes that are drawn, the entries, the notices, and that these
persons are done. A crash leaves all of it or none, and the next group goes on from there; nobody's
code is changed twice, and nobody is left out. Nothing is drawn from a pool that the day's births
would then lack: the change waits until the centre has allotted more.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Final

from jukinet.errors import Refused
from jukinet.law import notification as law
from jukinet.nodes.message import CodesChanged, Filed
from jukinet.nodes.reception import MASS, Reception, by_office
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register import book, codes
from jukinet.register import mass_change as register
from jukinet.register.mass_change import Planned, Preview, Standing
from jukinet.store.engine import Transaction

GROUP: Final = 50
KEPT_BACK: Final = 100
"""So many codes a change leaves in the pool for whoever is born meanwhile."""

Begin = Callable[[datetime], AbstractContextManager[Transaction]]


class MassChanges:
    """A town's changes of many codes at once."""

    def __init__(self, town: str, begin: Begin, reception: Reception) -> None:
        self._town = town
        self._begin = begin
        self._reception = reception

    def number_of(self, incident: str, stated: Sequence[ResidentCode] | None) -> str:
        """The number of the change that this incident and list mean; the same each time."""
        return register.number_of(self._town, incident, stated)

    def preview(self, stated: Sequence[ResidentCode] | None, now: datetime) -> Preview:
        """What a change would concern; nothing is written."""
        with self._begin(now) as tx:
            return register.preview(tx, register.concerned(tx, stated), stated)

    def standing(self, number: str, now: datetime) -> Standing | None:
        """How far a change is."""
        with self._begin(now) as tx:
            return register.standing(tx, number)

    def approve(
        self, incident: str, stated: Sequence[ResidentCode] | None, official: str, now: datetime
    ) -> Standing:
        """An official approves a change; the first one's approval fixes whom it concerns."""
        number = self.number_of(incident, stated)
        with self._begin(now) as tx:
            if register.PLANS.get(tx, number) is None:
                rows = register.concerned(tx, stated)
                register.plan(tx, number, incident, rows, now.date())
            register.approve(tx, number, official, now)
            standing = register.standing(tx, number)
        assert standing is not None
        return standing

    def go_on(self, number: str, count: int, now: datetime) -> CodesChanged:
        """Change the codes of the next persons; Refused without two officials' approval."""
        with self._begin(now) as tx:
            standing = register.standing(tx, number)
            if standing is None or not standing.approved:
                raise Refused(
                    f"mass change {number}: want the approval of {register.APPROVALS_WANTED} "
                    "officials; have another one give it"
                )
            waiting = register.next_ones(tx, number, max(1, min(count, GROUP)))
            short = codes.runs_low(tx, len(waiting) + KEPT_BACK)
            settled = [] if short else self._change(tx, waiting, now.date())
            register.settle(tx, settled, now.date())
        left = standing.waiting - len(settled)
        return CodesChanged(number=number, done=len(settled), left=left, short=short and left > 0)

    def _change(self, tx: Transaction, waiting: Sequence[Planned], today: date) -> list[Planned]:
        kept = book.records(tx, [one.person for one in waiting])
        return [self._one(tx, one, kept.get(one.person), today) for one in waiting]

    def _one(self, tx: Transaction, one: Planned, kept: book.Kept | None, today: date) -> Planned:
        if kept is None or not kept.record.live:
            return one._replace(state=register.GONE)
        if kept.record.code.digits != one.code:
            return one._replace(state=register.SINCE)
        filed = by_office(f"{MASS}{one.number}/{one.person}", today, today)
        change = law.CodeChange(filed=filed, person=one.person, ex_officio=True)
        reply = self._reception.accept(tx, change, today)
        if isinstance(reply, Filed):
            return one._replace(state=register.CHANGED)
        return one._replace(state=register.REFUSED, reason=reply.reason)

    def changed(self, number: str, now: datetime) -> list[int]:
        """The records whose codes a change has changed."""
        with self._begin(now) as tx:
            return register.changed(tx, number)

    def all(self, now: datetime) -> list[Standing]:
        """All changes of the town, and how far each is."""
        with self._begin(now) as tx:
            return register.plans(tx)
