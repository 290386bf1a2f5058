"""Looking (閲覧): a record is shown only after the look is written down, in one transaction.

The desk's screens read through here. Where the look cannot be written, nothing is shown.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from jukinet.errors import Refused
from jukinet.law.personal import Personal
from jukinet.law.record import Record
from jukinet.register import book, finding, looks
from jukinet.register.entries import Entry
from jukinet.register.finding import FOUND_MAX, Question
from jukinet.register.looks import Screen
from jukinet.store.engine import Store, Transaction


class Found(Personal, frozen=True, kw_only=True):
    """Those whom a question may mean."""

    records: tuple[Record, ...]
    more: bool  # there are others; the question is too wide


class Shown(Personal, frozen=True, kw_only=True):
    """A record, its history and its household, as they stood."""

    record: Record
    today: Record
    entries: tuple[Entry, ...]
    members: tuple[Record, ...]


class Looking:
    """What one official sees of one town's book."""

    def __init__(self, store: Store, official: str, now: datetime) -> None:
        self._store = store
        self._official = official
        self._now = now

    def find(self, question: Question) -> Found:
        """Those who may be meant; that each was listed is written down, and that nobody was."""
        with self._store.begin() as tx:
            numbers = finding.find(tx, question)
            kept = book.records(tx, numbers[:FOUND_MAX])
            listed = [number for number in numbers if number in kept]
            self._note(tx, listed or [looks.NOBODY], Screen.SEARCH)
        records = tuple(kept[number].record for number in listed)
        return Found(records=records, more=len(numbers) > FOUND_MAX)

    def look(
        self,
        person: int,
        *,
        as_of: date | None = None,
        known_on: date | None = None,
        screen: Screen = Screen.RECORD,
        why: str = "",
    ) -> Shown:
        """One record as of a day, as known on a day; Refused where there was none."""
        with self._store.begin() as tx:
            self._note(tx, [person], screen, why)
            today = book.records(tx, [person]).get(person)
            entries = book.entries_of(tx, person)
            found = book.fold(entries, as_of=as_of, known_on=known_on)
            home = book.members(tx, [today.record.household]) if today else {}
        if today is None or found is None:
            raise Refused(f"record {person}: this town has none of that number on that day")
        return Shown(
            record=found,
            today=today.record,
            entries=tuple(entries),
            members=tuple(_in_order(one.record for one in home.values())),
        )

    def hidden(self, person: int) -> bool:
        """Whether a support measure hides a person, so that more is asked before a look."""
        with self._store.begin() as tx:
            kept = book.records(tx, [person]).get(person)
        return kept is not None and kept.record.hidden

    def alike(self, question: Question, *, but: Sequence[int] = ()) -> tuple[Record, ...]:
        """Those in the book who may be the very person that is to be entered."""
        found = self.find(question).records
        return tuple(record for record in found if record.number not in but)

    def _note(self, tx: Transaction, persons: Sequence[int], screen: Screen, why: str = "") -> None:
        looks.note(tx, persons, at=self._now, official=self._official, screen=screen, why=why)


def _in_order(records: Iterable[Record]) -> list[Record]:
    """The head first, then by age."""
    return sorted(records, key=lambda one: (not one.is_head, one.birth_date))
