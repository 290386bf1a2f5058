"""Desks (窓口の取次ぎ): what happens in a false world, as notifications at real desks.

The world has numbers of its own for people and households; a town's book has others. This keeps
the two together, learning the book's numbers from the register's answers. A notification's number
is the world's own key of the event, so a world that is lived again after a crash files the same
notifications again, and the register recognises those that it has.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import NamedTuple

from jukinet.errors import OutOfStep
from jukinet.law import notification as law
from jukinet.law.identity import Name, Sex
from jukinet.law.protection import SupportMeasure, Threat
from jukinet.law.record import (
    FamilyRegister,
    Foreigner,
    Record,
    ResidentClass,
    parse_relationship,
)
from jukinet.names import legal
from jukinet.names.address import Address
from jukinet.names.era import PartialDate
from jukinet.nodes.message import Filed
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.numbers.resident_code import ResidentCode
from jukinet.world import events, people

_CLASSES = {
    people.MID_TO_LONG_TERM: ResidentClass.MID_LONG_TERM,
    people.SPECIAL_PERMANENT: ResidentClass.SPECIAL_PERMANENT,
    people.TEMPORARY_REFUGE: ResidentClass.PROVISIONAL,
    people.PROVISIONAL_STAY: ResidentClass.PROVISIONAL,
    people.TRANSITIONAL_BY_BIRTH: ResidentClass.TRANSITIONAL,
    people.TRANSITIONAL_BY_LOSS: ResidentClass.TRANSITIONAL,
}
_SEXES = {people.FEMALE: Sex.FEMALE, people.MALE: Sex.MALE}
_THREATS = {
    "配偶者暴力": Threat.VIOLENCE,
    "ストーカー行為等": Threat.STALKING,
    "児童虐待": Threat.CHILD_ABUSE,
}
_NAME_CAUSES = {"adoption": law.NameCause.ADOPTION}


class Call(NamedTuple):
    """One notification to be filed at a town's desk, and what to learn from its answer."""

    town: str
    notification: law.Notification
    entered: tuple[people.Person, ...] = ()  # who gets a new record by it, in order
    after: tuple[people.Person, ...] = ()  # who stands in which of the world's households then


class Where(NamedTuple):
    """A person's record in a town's book."""

    town: str
    record: int


class Desks:
    """The world's numbers beside the books'."""

    def __init__(self, code_of: Callable[[Where], ResidentCode]) -> None:
        self.records: dict[int, Where] = {}
        self.homes: dict[tuple[str, int], int] = {}
        self._people: dict[Where, int] = {}
        self._code_of = code_of

    def learn(self, call: Call, filed: Filed) -> None:
        """Take the book's numbers from the register's answer."""
        entered = iter(call.entered)
        homes = {person.id: person.household for person in (*call.entered, *call.after)}
        for record, household in zip(filed.persons, filed.households, strict=True):
            where = Where(call.town, record)
            if where not in self._people:
                person = next(entered, None)
                if person is None:
                    raise OutOfStep(f"desk: notification {filed.number} entered somebody unknown")
                self._people[where] = person.id
                self.records[person.id] = where
            home = homes.get(self._people[where])
            if home is not None:
                self.homes[call.town, home] = household

    # --- the first filling of the books ---------------------------------------------------

    def household(self, home: people.Household, on: date) -> Call:
        """A household that the world begins with, entered ex officio."""
        filed = law.Filed(
            number=f"world/{home.id}",
            event_date=on,
            notice_date=on,
            who=law.Who.OFFICE,
            proof=law.Proof.OFFICE_PAPER,
        )
        notification = law.ExOfficioEntry(
            filed=filed,
            entrants=tuple(entrant(person, keep_dates=True) for person in home.members),
            address=address(home.address),
            household=None,
        )
        return Call(home.town, notification, entered=home.members)

    # --- events ---------------------------------------------------------------------------

    def calls(self, event: events.Event) -> list[Call]:
        """The notifications that an event means, in the order in which they are filed."""
        return _EVENTS[type(event)](self, event)

    def _filed(self, event: events.Event, part: str = "") -> law.Filed:
        return law.Filed(
            number=event.key + part,
            event_date=event.event_date,
            notice_date=event.notice_date,
            who=law.Who(event.who),
            proof=law.Proof(event.proof),
        )

    def _record(self, person: int) -> int:
        return self.records[person].record

    def _home(self, town: str, home: int) -> int | None:
        """The book's number of a household; None where it is new."""
        return self.homes.get((town, home))

    def _placements(self, town: str, persons: Iterable[people.Person]) -> tuple[law.Placement, ...]:
        return tuple(
            law.Placement(
                person=self._record(person.id),
                relationship=parse_relationship(person.relation),
                household=self._home(town, person.household),
            )
            for person in persons
        )

    def _call(
        self,
        event: events.Event,
        notification: law.Notification,
        *,
        entered: Sequence[people.Person] = (),
        town: str = "",
    ) -> Call:
        return Call(town or event.town, notification, tuple(entered), event.records)

    def _others(self, event: events.Event) -> list[people.Person]:
        """Those whom an event is not about and whose place in a household is another by it."""
        return [
            person
            for person in event.records
            if person.id not in event.persons and person.town == event.town
        ]

    def _those(self, event: events.Event) -> list[people.Person]:
        """Those whom an event is about, as they are after it, in its order."""
        after = {person.id: person for person in event.records}
        return [after[person] for person in event.persons if person in after]

    def _birth(self, event: events.Birth) -> list[Call]:
        (child,) = self._those(event)
        home = self._home(event.town, event.household)
        assert home is not None
        notification = law.Birth(filed=self._filed(event), child=entrant(child), household=home)
        return [self._call(event, notification, entered=[child])]

    def _death(self, event: events.Death) -> list[Call]:
        notification = law.Death(
            filed=self._filed(event),
            person=self._record(event.persons[0]),
            placements=self._placements(event.town, self._others(event)),
        )
        return [self._call(event, notification)]

    def _move_out(self, event: events.MoveOut) -> list[Call]:
        notification = law.MoveOut(
            filed=self._filed(event),
            persons=tuple(map(self._record, event.persons)),
            destination=MunicipalityCode(event.to_town),
        )
        return [self._call(event, notification)]

    def _move_abroad(self, event: events.MoveAbroad) -> list[Call]:
        notification = law.MoveOut(
            filed=self._filed(event),
            persons=tuple(map(self._record, event.persons)),
            destination=None,
        )
        return [self._call(event, notification)]

    def _move_in(self, event: events.MoveIn) -> list[Call]:
        movers = self._those(event)
        notification = law.MoveIn(
            filed=self._filed(event),
            movers=tuple(
                entrant(mover, code=self._code_of(self.records[mover.id])) for mover in movers
            ),
            address=address(movers[0].address),
            household=self._home(event.town, event.household) if event.joined else None,
            came_from=MunicipalityCode(event.from_town),
        )
        return [self._call(event, notification, entered=movers)]

    def _arrival(self, event: events.Arrival) -> list[Call]:
        """From abroad; whoever lived here before brings the code, and the town that knew it."""
        arrived = self._those(event)
        before = [self.records.get(person.id) for person in arrived]
        returning = [where for where in before if where is not None]
        notification = law.MoveIn(
            filed=self._filed(event),
            movers=tuple(
                entrant(person, code=self._code_of(where) if where else None)
                for person, where in zip(arrived, before, strict=True)
            ),
            address=address(arrived[0].address),
            household=self._home(event.town, event.household),
            came_from=MunicipalityCode(returning[0].town) if returning else None,
        )
        return [self._call(event, notification, entered=arrived)]

    def _move_inside(self, event: events.MoveInside) -> list[Call]:
        movers = self._those(event)
        notification = law.MoveInside(
            filed=self._filed(event),
            placements=self._placements(event.town, movers),
            address=address(movers[0].address),
            staying=self._placements(event.town, self._others(event)),
        )
        return [self._call(event, notification)]

    def _household_change(self, event: events.HouseholdChange) -> list[Call]:
        placed = list(event.records)
        notification = law.HouseholdChange(
            filed=self._filed(event), placements=self._placements(event.town, placed)
        )
        return [self._call(event, notification)]

    def _marriage(self, event: events.Marriage) -> list[Call]:
        return self._renamed(event, law.NameCause.MARRIAGE)

    def _divorce(self, event: events.Divorce) -> list[Call]:
        return self._renamed(event, law.NameCause.DIVORCE)

    def _name_change(self, event: events.NameChange) -> list[Call]:
        return self._renamed(event, _NAME_CAUSES.get(event.cause, law.NameCause.OTHER))

    def _renamed(self, event: events.Event, cause: law.NameCause) -> list[Call]:
        """Each record whose name or family register reads differently, in its own town's book."""
        return [
            self._call(
                event,
                law.NameChange(
                    filed=self._filed(event, f"/{place}"),
                    person=self._record(person.id),
                    name=name(person),
                    cause=cause,
                    family_register=family_register(person),
                ),
                town=person.town,
            )
            for place, person in enumerate(event.records)
        ]

    def _naturalisation(self, event: events.Naturalisation) -> list[Call]:
        calls = []
        for place, person in enumerate(self._those(event)):
            register = family_register(person)
            assert register is not None
            notification = law.Naturalisation(
                filed=self._filed(event, f"/{place}"),
                person=self._record(person.id),
                name=name(person),
                family_register=register,
            )
            calls.append(self._call(event, notification))
        return calls

    def _loss(self, event: events.LossOfNationality) -> list[Call]:
        calls = []
        for place, person in enumerate(self._those(event)):
            held = foreigner(person)
            assert held is not None
            notification = law.LossOfNationality(
                filed=self._filed(event, f"/{place}"),
                person=self._record(person.id),
                name=name(person),
                foreigner=held,
            )
            calls.append(self._call(event, notification))
        return calls

    def _status_change(self, event: events.StatusChange) -> list[Call]:
        calls = []
        for place, person in enumerate(self._those(event)):
            held = foreigner(person)
            assert held is not None
            notification = law.StatusChange(
                filed=self._filed(event, f"/{place}"),
                person=self._record(person.id),
                foreigner=held,
            )
            calls.append(self._call(event, notification))
        return calls

    def _code_change(self, event: events.CodeChange) -> list[Call]:
        return [
            self._call(
                event,
                law.CodeChange(filed=self._filed(event, f"/{place}"), person=self._record(person)),
            )
            for place, person in enumerate(event.persons)
        ]

    def _measure(self, event: events.SupportMeasure) -> list[Call]:
        notification = law.MeasureRequest(
            filed=self._filed(event),
            persons=tuple(map(self._record, event.persons)),
            step=law.MeasureStep(event.step),
            threat=_THREATS.get(event.ground, Threat.OTHER),
            until=event.until,
        )
        return [self._call(event, notification)]

    def _correction(self, event: events.Correction) -> list[Call]:
        return [
            self._call(
                event,
                law.ExOfficioCorrection(
                    filed=self._filed(event, f"/{place}"),
                    person=self._record(person.id),
                    address=address(person.address),
                ),
            )
            for place, person in enumerate(self._those(event))
        ]

    def _deletion(self, event: events.Deletion) -> list[Call]:
        others = self._placements(event.town, self._others(event))
        return [
            self._call(
                event,
                law.ExOfficioDeletion(
                    filed=self._filed(event, f"/{place}"),
                    person=self._record(person),
                    placements=others if person == event.persons[-1] else (),
                ),
            )
            for place, person in enumerate(event.persons)
        ]

    def _re_registration(self, event: events.ReRegistration) -> list[Call]:
        """The first of them is restored into a household of its own again, the others join it."""
        calls = []
        for place, person in enumerate(self._those(event)):
            (placement,) = self._placements(event.town, [person])
            notification = law.ReRegistration(
                filed=self._filed(event, f"/{place}"),
                person=self._record(person.id),
                placement=placement,
            )
            calls.append(self._call(event, notification))
        return calls

    def _cancellation(self, event: events.Cancellation) -> list[Call]:
        notification = law.Cancellation(filed=self._filed(event), cancels=event.of)
        return [self._call(event, notification)]


_EVENTS: dict[type, Callable[..., list[Call]]] = {
    events.Birth: Desks._birth,
    events.Death: Desks._death,
    events.MoveOut: Desks._move_out,
    events.MoveIn: Desks._move_in,
    events.MoveAbroad: Desks._move_abroad,
    events.Arrival: Desks._arrival,
    events.MoveInside: Desks._move_inside,
    events.HouseholdChange: Desks._household_change,
    events.Marriage: Desks._marriage,
    events.Divorce: Desks._divorce,
    events.NameChange: Desks._name_change,
    events.Naturalisation: Desks._naturalisation,
    events.LossOfNationality: Desks._loss,
    events.StatusChange: Desks._status_change,
    events.CodeChange: Desks._code_change,
    events.SupportMeasure: Desks._measure,
    events.Correction: Desks._correction,
    events.Deletion: Desks._deletion,
    events.ReRegistration: Desks._re_registration,
    events.Cancellation: Desks._cancellation,
}


# --- a person of the world as the register's paper has one -----------------------------------


def entrant(
    person: people.Person, *, code: ResidentCode | None = None, keep_dates: bool = False
) -> law.Entrant:
    """What the desk takes from a person's papers."""
    return law.Entrant(
        name=name(person),
        birth_date=birth_date(person),
        sex=_SEXES.get(person.sex, Sex.UNSTATED),
        relationship=parse_relationship(person.relation),
        family_register=family_register(person),
        foreigner=foreigner(person),
        code=code,
        resident_since=person.resident_since if keep_dates else None,
        address_since=person.address_since if keep_dates else None,
        previous_address=person.previous or "",
        measures=measures(person) if keep_dates else (),
    )


def name(person: people.Person) -> Name:
    """A person's name, reading, alias and former surname."""
    alias = person.foreign.alias if person.foreign else None
    former = person.former_surname
    return Name(
        legal=legal.parse(person.name.text),
        reading=legal.parse_reading(person.name.kana),
        alias=legal.parse(alias.text) if alias else None,
        alias_reading=legal.parse_reading(alias.kana) if alias else None,
        former_surname=legal.parse(former.text) if former else None,
    )


def birth_date(person: people.Person) -> PartialDate:
    """A birth date, with what of it is unknown."""
    born = person.birth
    month = None if person.birth_known == "year" else born.month
    return PartialDate(born.year, month, born.day if person.birth_known == "day" else None)


def address(there: people.Address) -> Address:
    """An address in its parts."""
    return Address(
        municipality=there.town,
        postal_code=there.postal,
        town=there.area,
        block=there.block,
        building=there.building,
    )


def family_register(person: people.Person) -> FamilyRegister | None:
    """A citizen's family register."""
    registry = person.registry
    return FamilyRegister(place=registry.place, first_named=registry.first) if registry else None


def foreigner(person: people.Person) -> Foreigner | None:
    """What a foreign resident's record has besides."""
    held = person.foreign
    if held is None:
        return None
    return Foreigner(
        nationality=held.nationality,
        resident_class=_CLASSES[held.kind],
        status=held.status,
        period_until=held.until,
        card_number=held.card,
    )


def measures(person: people.Person) -> tuple[SupportMeasure, ...]:
    """The support measure that the world begins with."""
    held = person.measure
    if held is None:
        return ()
    threat = _THREATS.get(held.ground, Threat.OTHER)
    return (SupportMeasure(threat=threat, since=held.since, until=held.until),)


def record_code(record: Record) -> ResidentCode:
    """The code that a mover reads off the paper."""
    return record.code
