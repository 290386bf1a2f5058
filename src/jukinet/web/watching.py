"""Watching (台帳の見張り): the public log as this server's own auditor has found it.

The observatory shows nothing that it was told: an auditor (client.audit) follows the log's files,
makes every hash, run and statistic anew, and holds each leaf against the rules. What the pages show
is what the leaves count to. It goes on from where it was, so a look costs what has been added.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from jukinet.client.audit import CHECKPOINT, Auditor, State
from jukinet.client.lies import Lie
from jukinet.errors import OutOfStep
from jukinet.law import statistics
from jukinet.law.leaf import JAPAN
from jukinet.law.standing import day_of
from jukinet.merkle.checkpoint import Checkpoint
from jukinet.merkle.policy import Cosigned, Policy
from jukinet.merkle.runs import Read


class Counted(NamedTuple):
    """How often an agency asked under a row in a month, by kind of question."""

    month: str
    agency: str
    row: str
    kind: str
    inquiries: int
    disclosures: int
    deferred: int
    refusals: int

    @property
    def asked(self) -> int:
        """All that came to something: given, kept back or refused."""
        return self.disclosures + self.deferred + self.refusals


class Signed(NamedTuple):
    """A witness of the policy, and when it signed the newest checkpoint; None: it has not."""

    name: str
    at: datetime | None


class Seen(NamedTuple):
    """The log as it was found."""

    size: int
    root: str
    origin: str
    vkey: str
    checkpoint: str
    witnesses: tuple[Signed, ...]
    wanted: int
    leaves: dict[str, int]
    inquiries_open: int
    orphans: int
    deferred_open: int
    deferred_overdue: int
    objections_open: int
    objections_overdue: int
    days_closed: int
    counted: tuple[Counted, ...]
    lie: str = ""


class Watch:
    """Follows a log, and remembers what it has found."""

    def __init__(self, read: Read, policy: Policy) -> None:
        self._read = read
        self.policy = policy
        self._cosigned: dict[str, Cosigned] = {}
        self._auditor: Auditor | None = None
        self._state: State | None = None
        self._lie = ""

    def look(self, now: datetime) -> Seen:
        """The log as it is now; a lie that was found stays, and is said."""
        if self._auditor is None:
            self._auditor = Auditor(self._read, self._open, now=now)
        self._auditor.at(now)
        if self._read(CHECKPOINT) != self._auditor.note and not self._lie:
            try:
                self._auditor.follow(orphans_allowed=2**31)
            except Lie as lie:
                self._lie = str(lie)
        return self._seen(self._auditor, now)

    def _open(self, note: bytes) -> Checkpoint:
        witnessed = self.policy.open(note)
        self._cosigned = {one.name: one for one in witnessed.cosigned}
        return witnessed.checkpoint

    def _seen(self, auditor: Auditor, now: datetime) -> Seen:
        rules, head = auditor.rules, auditor.head
        if head is None:
            raise OutOfStep(f"log: {self._lie or 'it has no checkpoint yet; try again later'}")
        key = self.policy.logs[0].key
        return Seen(
            size=head.size,
            root=head.root.hex(),
            origin=key.name,
            vkey=str(key),
            checkpoint=auditor.note.decode(),
            witnesses=tuple(self._witnesses()),
            wanted=self._wanted(),
            leaves=dict(sorted(rules.counts.items())),
            inquiries_open=len(rules.inquiries),
            orphans=len(rules.orphans(now)),
            deferred_open=len(rules.deferred),
            deferred_overdue=len(rules.overdue_deferred(day_of(now))),
            objections_open=len(rules.objections),
            objections_overdue=len(rules.overdue_objections(day_of(now))),
            days_closed=sum(one.leaf.span == "day" for one in rules.days.closed),
            counted=tuple(self._counted(auditor)),
            lie=self._lie,
        )

    def _witnesses(self) -> Iterator[Signed]:
        for name in dict.fromkeys(witness.name for witness in self.policy.witnesses):
            found = self._cosigned.get(name)
            yield Signed(name, datetime.fromtimestamp(found.time_seconds, UTC) if found else None)

    def _wanted(self) -> int:
        """How many witnesses must sign; 0 where the policy says it otherwise than by a number."""
        return next((group.wanted for group in self.policy.groups), 0)

    def _counted(self, auditor: Auditor) -> Iterator[Counted]:
        """Closed months from their files, which the auditor has made anew; then the rest."""
        days = auditor.rules.days
        for one in days.closed:
            if one.leaf.span == "month":
                yield from self._published(one.leaf.name)
        open_months: dict[str, statistics.Statistics] = defaultdict(statistics.Statistics)
        for month, counts in days.months.items():
            open_months[month].more(counts)
        open_months[self._newest(auditor)].more(days.day)
        for month, counts in sorted(open_months.items()):
            yield from (Counted(month, *row) for row in counts.rows())

    def _published(self, month: str) -> Iterator[Counted]:
        text = (self._read(statistics.path(month)) or b"").decode()
        for row in list(csv.reader(text.splitlines()))[1:]:
            yield Counted(*row[:4], *map(int, row[4:]))  # type: ignore[arg-type]

    def _newest(self, auditor: Auditor) -> str:
        return f"{auditor.rules.newest.astimezone(JAPAN):%Y-%m}"
