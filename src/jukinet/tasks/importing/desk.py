"""Desk (受付): what an import needs of a town's node, over a line or without one.

An import hands notifications in like any desk and gets the node's replies; besides it looks up what
the town has filed and which codes it knows. A rehearsal (`check`) asks acceptance itself, the pure
function, with numbers that count for nothing, and writes nothing at all.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import msgspec

from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.law import notification as law
from jukinet.law.record import HEAD, Record, Relationship
from jukinet.nodes.message import Filed, Filing, Message, NotFiled, Tick, Wake
from jukinet.nodes.municipality import Municipality
from jukinet.numbers.individual_number import IndividualNumber
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register import book, codes
from jukinet.register.acceptance import accept
from jukinet.register.gathering import gather
from jukinet.register.supply import Supply
from jukinet.register.worksheet import Situation
from jukinet.store.engine import Transaction
from jukinet.tasks.importing.resident import ANY_CODE, ANY_NUMBER
from jukinet.wire.line import Line

NAME: Final = "import"
NO_RECORD: Final = 1 << 62

Reply = Filed | NotFiled


class Kept(NamedTuple):
    """A notification that the town has filed, and whether it was cancelled since."""

    notification: law.ExOfficioEntry
    cancelled: bool


class TownDesk(Protocol):
    """A town as an import sees it."""

    @property
    def town(self) -> MunicipalityCode:
        """Whose register it is."""
        ...

    @property
    def folder(self) -> Path:
        """Where rows may wait: a folder as well guarded as the register itself."""
        ...

    @property
    def refills(self) -> bool:
        """Whether the centre answers during an import, and gives as many codes as are needed."""
        ...

    def file(self, group: Sequence[law.ExOfficioEntry]) -> list[Reply]:
        """Hand in up to fifty notifications, which are committed together; a reply to each."""
        ...

    def check(self, group: Sequence[law.ExOfficioEntry]) -> list[Reply]:
        """What the replies would be; nothing is written."""
        ...

    def kept(self, numbers: Iterable[str]) -> dict[str, Kept]:
        """What the town has filed under some numbers."""
        ...

    def taken(self, bearers: Iterable[ResidentCode]) -> dict[str, int]:
        """Which of some codes belong to records already: digits, record number."""
        ...

    def next_codes(self, count: int) -> list[ResidentCode]:
        """The codes that would be drawn next; fewer where the pool has fewer."""
        ...

    def head_entered_as(self, number: str) -> Record | None:
        """Today's record of the head whom a notification entered."""
        ...


class NodeDesk:
    """The desk of a node that is driven by nobody else; what it tells others waits."""

    refills = False

    def __init__(self, node: Municipality, folder: Path, now: datetime) -> None:
        self.town = node.town
        self.folder = folder
        self._node = node
        self._now = now
        self._rehearsed = 0

    def file(self, group: Sequence[law.ExOfficioEntry]) -> list[Reply]:
        """As TownDesk says."""
        return _in_order(group, self._carry([self._letter(one) for one in group]))

    def _letter(self, notification: law.ExOfficioEntry) -> Message:
        return Message(
            sender=NAME, receiver=self._node.name, body=Filing(notification=notification)
        )

    def _carry(self, letters: Sequence[Message]) -> list[Message]:
        """Give the node its letters, and a tick to settle those that fill no group."""
        out: list[Message | Wake] = []
        for letter in letters:
            out += self._node.step(letter, self._now)
        name = self._node.name
        out += self._node.step(Message(sender=name, receiver=name, body=Tick()), self._now)
        return [one for one in out if isinstance(one, Message)]

    def check(self, group: Sequence[law.ExOfficioEntry]) -> list[Reply]:
        """As TownDesk says."""
        with self._node.store.begin() as tx:
            return [self._checked(tx, notification) for notification in group]

    def _checked(self, tx: Transaction, notification: law.ExOfficioEntry) -> Reply:
        number = notification.filed.number
        draw = Rehearsal(tx, self._rehearsed, refills=self.refills)
        try:
            accepted = accept(notification, self._situation(tx, notification), draw, first_entry=1)
        except Malformed as error:
            return NotFiled(number=number, malformed=True, reason=str(error))
        except Refused as error:
            return NotFiled(number=number, malformed=False, reason=str(error))
        self._rehearsed = draw.drawn
        return Filed(
            number=number,
            persons=accepted.persons,
            households=tuple(accepted.after[person].household for person in accepted.persons),
            late=accepted.late,
            again=False,
        )

    def _situation(self, tx: Transaction, notification: law.ExOfficioEntry) -> Situation:
        return gather(tx, notification, town=self.town, network=frozenset(), today=self._now.date())

    def kept(self, numbers: Iterable[str]) -> dict[str, Kept]:
        """As TownDesk says."""
        with self._node.store.begin() as tx:
            rows = book.FILINGS.get_many(tx, "number", numbers)
        return {row.number: _kept(row) for row in rows if row.kind == _KIND}

    def taken(self, bearers: Iterable[ResidentCode]) -> dict[str, int]:
        """As TownDesk says."""
        with self._node.store.begin() as tx:
            rows = codes.CODES.get_many(tx, "code", [code.digits for code in bearers])
        return {row.code: row.person for row in rows if row.person}

    def next_codes(self, count: int) -> list[ResidentCode]:
        """As TownDesk says."""
        with self._node.store.begin() as tx:
            return [drawn.code for drawn in codes.free(tx, count)]

    def head_entered_as(self, number: str) -> Record | None:
        """As TownDesk says."""
        with self._node.store.begin() as tx:
            entries = book.entries_filed_as(tx, number)
            heads = [one.person for one in entries if one.changes.relationship == _HEAD]
            kept = book.records(tx, heads[:1])
        return next((one.record for one in kept.values()), None)


class LineDesk(NodeDesk):
    """The desk of a node on a line with its centre, which hears of every group at once."""

    refills = True

    def __init__(self, node: Municipality, folder: Path, line: Line) -> None:
        super().__init__(node, folder, line.now)
        self._line = line

    def _carry(self, letters: Sequence[Message]) -> list[Message]:
        replies = self._line.listen(NAME)
        replies.clear()
        self._line.post(*letters)
        self._line.run()
        return list(replies)


class Rehearsal(Supply):
    """The node's own supply of numbers, of which nothing is used; none of them counts.

    `drawn` codes have been rehearsed before. Where the pool is refilled on the way, it is taken to
    have as many as are asked for.
    """

    def __init__(self, tx: Transaction, drawn: int, *, refills: bool) -> None:
        last = book.Last(0, NO_RECORD, NO_RECORD, "")
        super().__init__(codes.Stock(tx), last, bytes, passed_over=drawn)
        self.drawn = drawn
        self._refills = refills

    def code(self) -> tuple[ResidentCode, IndividualNumber]:
        """A code of the pool, or one that is none."""
        self.drawn += 1
        return (ANY_CODE, ANY_NUMBER) if self._refills else super().code()


def _in_order(group: Sequence[law.ExOfficioEntry], messages: Iterable[Message]) -> list[Reply]:
    """The reply to each notification."""
    replies = {
        message.body.number: message.body
        for message in messages
        if message.receiver == NAME and isinstance(message.body, Filed | NotFiled)
    }
    if len(replies) != len(group):
        raise OutOfStep(
            f"import: {len(group)} notifications were handed in and {len(replies)} answered; "
            "import the file again, what is entered stays"
        )
    return [replies[notification.filed.number] for notification in group]


def _kept(row: book.FilingRow) -> Kept:
    return Kept(_decode(row.content), bool(row.cancelled_by))


_KIND: Final = law.ExOfficioEntry.__struct_config__.tag
_HEAD: Final = Relationship(text=HEAD)
_decode = msgspec.msgpack.Decoder(law.ExOfficioEntry).decode
