"""The worksheet (受理の下書き): one notification being worked out, before anything is written.

It holds the drafts of entries and the records as they become with each. `finish` settles the
households and hands over the whole; where a rule raises on the way, nothing has happened.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Protocol

from jukinet.errors import Refused
from jukinet.law import notification as law
from jukinet.law.identity import Attachment
from jukinet.law.notice import Reason
from jukinet.law.personal import Personal
from jukinet.law.record import HEAD, Deletion, Record, Relationship
from jukinet.law.transfer import Letter, TransferCertificate
from jukinet.numbers.individual_number import IndividualNumber
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register import households
from jukinet.register.book import Changes, Entry, EntryKind, apply, fold
from jukinet.register.households import Household

NOTICE_PERIOD_DAYS = 14  # arts. 22, 23, 25
RESIDENCE = 1 << 20  # a person version is residence * RESIDENCE + entry


class Draw(Protocol):
    """A supply of fresh numbers (付番); what is not used is given back."""

    def person(self) -> int: ...  # the next record number
    def household(self) -> int: ...  # the next household number
    def code(self) -> tuple[ResidentCode, IndividualNumber]: ...  # from the pool; Refused if empty
    def claim(self, code: ResidentCode) -> None: ...  # Refused where it belongs to another record
    def attachment(self) -> Attachment: ...  # fresh locator, root and seed
    def seed(self) -> bytes: ...  # a fresh seed for a new chain


class Situation(Personal, frozen=True, kw_only=True):
    """What the town knows of the people and households that a notification concerns."""

    town: MunicipalityCode
    today: date
    people: Mapping[int, Record]
    last_events: Mapping[int, date]
    entries: Mapping[int, Sequence[Entry]]  # of those people whose last event is later than this
    due: Mapping[int, date]  # households that stand open, and until when
    certificates: Mapping[str, TransferCertificate] = {}  # by code
    cancelled: Sequence[Entry] = ()  # the entries of the notification to be cancelled
    residents: Mapping[bytes, int] = {}  # live records by locator, of those certificates


class Accepted(Personal, frozen=True, kw_only=True):
    """What an accepted notification amounts to."""

    entries: tuple[Entry, ...]  # numbered from the `first_entry` that was given
    persons: tuple[int, ...]  # the records touched, in the notification's own order
    before: Mapping[int, Record]
    after: Mapping[int, Record]
    last_events: Mapping[int, date]
    households: tuple[Household, ...]
    reason: Reason
    letters: tuple[tuple[MunicipalityCode, Letter], ...]
    bearers: tuple[tuple[ResidentCode, IndividualNumber | None, int], ...]  # codes newly borne
    released: tuple[ResidentCode, ...]
    late: bool


@dataclass
class Sheet:
    """One notification being worked out: drafts of entries, and the records as they become."""

    notification: law.Notification
    situation: Situation
    draw: Draw
    first_entry: int
    entries: list[Entry] = field(default_factory=list)
    after: dict[int, Record] = field(default_factory=dict)
    last_events: dict[int, date] = field(default_factory=dict)
    persons: list[int] = field(default_factory=list)
    letters: list[tuple[MunicipalityCode, Letter]] = field(default_factory=list)
    bearers: list[tuple[ResidentCode, IndividualNumber | None, int]] = field(default_factory=list)
    released: list[ResidentCode] = field(default_factory=list)
    reason: Reason | None = None
    may_be_open: bool = False
    new_household: int | None = None

    @property
    def filed(self) -> law.Filed:
        return self.notification.filed

    @property
    def on(self) -> date:
        """The day of the event; a planned move-out is entered on the day of its notice."""
        filed = self.filed
        return min(filed.event_date, filed.notice_date)

    def record(self, person: int) -> Record:
        """A record as it stands on this sheet, or Refused where the town has none."""
        found = self.after.get(person) or self.situation.people.get(person)
        if found is None:
            raise Refused(f"record {person}: this town has none of that number; search for it")
        return found

    def live(self, person: int) -> Record:
        """A live record, or Refused."""
        record = self.record(person)
        if record.deleted is not None:
            raise Refused(
                f"record {person}: it was deleted on {record.deleted.on} "
                f"({record.deleted.cause}); restore it first (回復), or make a new entry"
            )
        return record

    def enter(self, changes: Changes, *, version: int | None = None) -> Record:
        """Enter a new record (記載)."""
        person = self.draw.person()
        record = self.write(
            EntryKind.ENTRY, person, None, changes, RESIDENCE if version is None else version
        )
        number = record.individual_number
        self.bearers.append((record.code, number, person))
        return record

    def correct(self, person: int, changes: Changes, *, version: int | None = None) -> Record:
        """Correct a record (修正)."""
        return self.write(EntryKind.CORRECTION, person, self.record(person), changes, version)

    def delete(self, person: int, deletion: Deletion, *, on: date | None = None) -> Record:
        """Delete a record (消除), as of the event or of an earlier day; it stays in the book."""
        record = self.live(person)
        changes = Changes(deleted=deletion, planned=None)
        return self.write(EntryKind.DELETION, person, record, changes, None, on=on)

    def write(
        self,
        kind: EntryKind,
        person: int,
        record: Record | None,
        changes: Changes,
        version: int | None,
        reverses: tuple[int, ...] = (),
        on: date | None = None,
    ) -> Record:
        """Draft an entry, unless later events stand against it; the record after it."""
        on = on or self.on
        if version is None:
            assert record is not None
            version = record.version + 1
        entry = Entry(
            number=self.first_entry + len(self.entries),
            person=person,
            kind=kind,
            cause=str(type(self.notification).__struct_config__.tag),
            event_date=on,
            notice_date=self.filed.notice_date,
            recorded_on=self.situation.today,
            filed_as=self.filed.number,
            version=version,
            changes=changes,
            reverses=reverses,
        )
        later = self._later(person, changes, reverses, on)
        self.entries.append(entry)
        last = self.situation.last_events.get(person)
        self.last_events[person] = max(on, last) if last else on
        if later or reverses:
            mine = [one for one in self.entries if one.person == person]
            new = fold([*self.situation.entries[person], *mine])
        else:
            new = apply(record, entry)
        assert new is not None
        self.after[person] = new
        if person not in self.persons:
            self.persons.append(person)
        return new

    def _later(self, person: int, changes: Changes, reverses: tuple[int, ...], on: date) -> bool:
        """Whether later events stand on record; Refused where they changed the same items."""
        last = self.situation.last_events.get(person)
        if last is None or last <= on:
            return False
        mine = touched(changes)
        clash = [
            entry
            for entry in standing(self.situation.entries[person])
            if entry.event_date > on
            and (mine & touched(entry.changes) or entry.kind is EntryKind.ENTRY)
            and entry.number not in reverses
        ]
        if clash:
            raise Refused(later_events(person, clash))
        return True

    def reverse(self, person: int, numbers: tuple[int, ...]) -> Record:
        """Reverse entries (取消): they stay in the book and count no more."""
        return self.write(EntryKind.REVERSAL, person, self.record(person), Changes(), None, numbers)

    def home(self, household: int | None) -> int:
        """A household's number; None stands for the one new household of this notification."""
        if household is not None:
            return household
        if self.new_household is None:
            self.new_household = self.draw.household()
        return self.new_household

    def members(self, household: int) -> list[Record]:
        """The live members of a household as they stand on this sheet."""
        people = {**self.situation.people, **self.after}
        return [r for r in people.values() if r.household == household and r.live]

    def place(self, placements: Iterable[law.Placement]) -> None:
        """Put people into households, as what they are there."""
        for placement in placements:
            record = self.live(placement.person)
            home = self.home(placement.household)
            if (home, placement.relationship) != (record.household, record.relationship):
                self.correct(
                    placement.person,
                    Changes(household=home, relationship=placement.relationship),
                )

    def finish(self, reason: Reason) -> Accepted:
        """Settle the households and hand over what the notification amounts to."""
        homes = {record.household for record in (*self._before().values(), *self.after.values())}
        if any(_moves_house(entry.changes) or entry.reverses for entry in self.entries):
            settled = tuple(self._settle(number) for number in sorted(homes))
        else:
            settled = ()
        delay = self.situation.today - self.filed.event_date
        return Accepted(
            entries=tuple(self.entries),
            persons=tuple(self.persons),
            before=self._before(),  # of those, too, whom settling has made head
            after=self.after,
            last_events=self.last_events,
            households=settled,
            reason=self.reason or reason,
            letters=tuple(self.letters),
            bearers=tuple(self.bearers),
            released=tuple(self.released),
            late=delay > timedelta(days=NOTICE_PERIOD_DAYS) and self.filed.who != law.Who.OFFICE,
        )

    def _before(self) -> dict[int, Record]:
        """The records on this sheet as they stood before; new ones did not."""
        people = self.situation.people
        return {person: people[person] for person in self.after if person in people}

    def _settle(self, number: int) -> Household:
        alone = households.sole_head(self.members(number), self.on)
        if alone is not None:
            self.correct(alone.number, Changes(relationship=Relationship(text=HEAD)))
        return households.settle(
            number,
            self.members(number),
            may_be_open=self.may_be_open,
            event_date=self.on,
            due=self.situation.due.get(number),
        )


_HOUSE = frozenset({"household", "relationship", "deleted"})


def touched(changes: Changes) -> frozenset[str]:
    """The names of the fields that an entry sets."""
    return frozenset(changes.fields())


def _moves_house(changes: Changes) -> bool:
    return bool(touched(changes) & _HOUSE)


def standing(entries: Sequence[Entry]) -> list[Entry]:
    """The entries that no other one has reversed."""
    reversed_ = {number for entry in entries for number in entry.reverses}
    return [entry for entry in entries if entry.number not in reversed_]


def later_events(person: int, clash: Iterable[Entry]) -> str:
    """The sentence that names the later events in the way."""
    named = ", ".join(f"{e.cause} of {e.event_date} (entry {e.number})" for e in clash)
    return (
        f"record {person}: later events stand on record: {named}; "
        "cancel those first, or correct the record ex officio (art. 8)"
    )
