"""The worksheet (受理の下書き): one notification being worked out, before anything is written.

It holds the drafts of entries and the records as they become with each. `finishing.finish` settles
the households and hands over the whole; where a rule raises on the way, nothing has happened.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from jukinet.errors import Refused
from jukinet.law import notification as law
from jukinet.law.identity import Attachment
from jukinet.law.notice import Reason
from jukinet.law.personal import Personal
from jukinet.law.record import Deletion, Record
from jukinet.law.transfer import Letter, TransferCertificate
from jukinet.numbers.individual_number import IndividualNumber
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register.certificates import RESIDENCE as RESIDENCE
from jukinet.register.codes import Bearer
from jukinet.register.entries import Changes, Entry, EntryKind, apply, fold, standing
from jukinet.register.households import Household
from jukinet.register.lateness import NOTICE_PERIOD_DAYS as NOTICE_PERIOD_DAYS
from jukinet.register.lateness import bears_on, entered_on, later_events, not_yet


class Draw(Protocol):
    """A supply of fresh numbers (付番); what is not used is given back."""

    def person(self) -> int: ...  # the next record number
    def household(self) -> int: ...  # the next household number
    def code(self) -> tuple[ResidentCode, IndividualNumber]: ...  # from the pool; Refused if empty
    def claim(self, code: ResidentCode) -> None: ...  # a stated code: it is not drawn; once only
    def attachment(self) -> Attachment: ...  # fresh locator, root and seed
    def seed(self) -> bytes: ...  # a fresh seed for a new chain


class Situation(Personal, frozen=True, kw_only=True):
    """What the town knows of the people and households that a notification concerns."""

    town: MunicipalityCode
    today: date
    people: Mapping[int, Record]
    last_events: Mapping[int, date]
    entries: Mapping[int, Sequence[Entry]]  # of those whom an earlier event may concern
    homes: Mapping[int, Household] = {}  # the households, as they stand
    network: frozenset[str] = frozenset()  # the towns to which letters go
    bearers: Mapping[str, Record] = {}  # who bears or bore a code that is stated
    certificates: Mapping[str, TransferCertificate] = {}  # by the code that is stated
    withdrawn: frozenset[str] = frozenset()  # stated codes whose certificate was taken back
    namesakes: Mapping[bytes, Sequence[Record]] = {}  # this town's records of a locator
    twins: Mapping[int, int] = {}  # the live record of a person whose deleted one may come back
    cancelled: Sequence[Entry] = ()  # the entries of the notification to be cancelled


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
    bearers: tuple[Bearer, ...]
    released: tuple[ResidentCode, ...]
    used: tuple[ResidentCode, ...]  # whose certificate has found its mover
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
    letters: list[tuple[MunicipalityCode, Letter]] = field(default_factory=list)
    bearers: list[Bearer] = field(default_factory=list)
    released: list[ResidentCode] = field(default_factory=list)
    used: list[ResidentCode] = field(default_factory=list)
    reason: Reason | None = None
    may_be_open: bool = False
    new_household: int | None = None
    filed: law.Filed = field(init=False)
    on: date = field(init=False)  # the day as of which it is entered

    def __post_init__(self) -> None:
        """What every entry bears."""
        self.filed = self.notification.filed
        self.on = entered_on(self.filed)

    def record(self, person: int) -> Record:
        """A record as it stands on this sheet, or Refused where the town has none."""
        found = self.after.get(person) or self.situation.people.get(person)
        if found is None:
            raise Refused(f"record {person}: this town has none of that number; search for it")
        return found

    def refuse_twin(self, person: int) -> None:
        """Refused where a record would come back beside another live one of the same person."""
        twin = self.situation.twins.get(person)
        if twin is not None:
            raise Refused(f"record {person}: record {twin} of the same person stands; see to that")

    def live(self, person: int) -> Record:
        """A live record, or Refused."""
        record = self.record(person)
        if record.deleted is not None:
            raise Refused(
                f"record {person}: it was deleted ({record.deleted.cause}); "
                "restore it first (回復), or make a new entry"
            )
        return record

    # --- entries ---------------------------------------------------------------------------

    def enter(self, changes: Changes, *, version: int | None = None) -> Record:
        """Enter a new record (記載)."""
        person = self.draw.person()
        version = RESIDENCE if version is None else version
        record = self.write(EntryKind.ENTRY, person, changes, version=version)
        self.bear(record)
        return record

    def correct(
        self, person: int, changes: Changes, *, version: int | None = None, on: date | None = None
    ) -> Record:
        """Correct a record (修正)."""
        self.record(person)
        return self.write(EntryKind.CORRECTION, person, changes, version=version, on=on)

    def delete(self, person: int, deletion: Deletion, *, on: date | None = None) -> Record:
        """Delete a record (消除), as of the event or of an earlier day; it stays in the book."""
        self.live(person)
        changes = Changes(deleted=deletion, planned=None)
        return self.write(EntryKind.DELETION, person, changes, on=on)

    def reverse(
        self,
        person: int,
        numbers: tuple[int, ...],
        changes: Changes | None = None,
        *,
        version: int | None = None,
    ) -> Record:
        """Reverse entries (取消): they stay in the book and count no more."""
        changes = changes or Changes()
        return self.write(EntryKind.REVERSAL, person, changes, version=version, reverses=numbers)

    def write(
        self,
        kind: EntryKind,
        person: int,
        changes: Changes,
        *,
        version: int | None = None,
        reverses: tuple[int, ...] = (),
        on: date | None = None,
    ) -> Record:
        """Draft an entry, unless later events stand against it; the record after it."""
        on = on or self.on
        before = self.after.get(person) or self.situation.people.get(person)
        if version is None:
            assert before is not None
            version = before.version + 1
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
        late = self._comes_late(entry)
        self.entries.append(entry)
        last = self.last_events.get(person) or self.situation.last_events.get(person)
        self.last_events[person] = max(on, last) if last else on
        new = fold(self.history(person)) if late or reverses else apply(before, entry)
        assert new is not None
        self.after[person] = new
        return new

    def history(self, person: int) -> list[Entry]:
        """All entries of a person, with those of this sheet."""
        mine = [entry for entry in self.entries if entry.person == person]
        return [*self.situation.entries.get(person, ()), *mine]

    def _comes_late(self, entry: Entry) -> bool:
        """Whether later events stand on record; Refused where they bear on the same items."""
        last = self.situation.last_events.get(entry.person)
        if last is None or last <= entry.event_date:
            return False
        history = self.situation.entries[entry.person]
        first = min(history, key=lambda other: other.number)
        if first.event_date > entry.event_date:
            raise Refused(f"record {entry.person}: {not_yet(first)}")
        clash = [
            other
            for other in standing(history)
            if other.event_date > entry.event_date
            and other.number not in entry.reverses
            and bears_on(entry.changes, other.changes)
        ]
        if clash:
            raise Refused(f"record {entry.person}: {later_events(clash)}")
        return True

    # --- households ------------------------------------------------------------------------

    def home(self, household: int | None) -> int:
        """A household's number; None stands for the one new household of this notification."""
        if household is not None:
            if household not in self.situation.homes and not self.members(household):
                raise Refused(f"household {household}: this town has none; leave it out for a new")
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
                changes = Changes(household=home, relationship=placement.relationship)
                self.correct(placement.person, changes)

    # --- codes and letters -----------------------------------------------------------------

    def bear(self, record: Record) -> None:
        """Write down that a record bears its code from now on."""
        self.bearers.append(Bearer(record.code, record.individual_number, record.number))

    def tell(self, town: MunicipalityCode | None, letter: Letter) -> None:
        """Write a letter to another town; one that is not on the network gets paper instead."""
        if town is not None and town.digits in self.situation.network:
            self.letters.append((town, letter))
