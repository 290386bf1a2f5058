"""Borders (国外転出入): who leaves Japan, and who comes, for the first time or again.

A move abroad is notified beforehand and takes effect on its day without a further notice. Of
those who come, six of seven are foreign; a Japanese who lived in this world before comes back
as the same person, by the same id.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from jukinet.world import naming, rates, status
from jukinet.world.day import Day, late, plan_stay
from jukinet.world.events import Arrival, Event, MoveAbroad
from jukinet.world.moves import may_stay
from jukinet.world.people import FEMALE, MALE, Foreign, Name, Person, Registry, Ties, age_on
from jukinet.world.population import Home
from jukinet.world.towns import draw_address, draw_place

_FOREIGN_LEAVERS = 0.75
_JAPANESE_COMERS = 1 / 7
_COUPLES, _WITH_CHILD = 0.1, 0.4
_PERSONS_AN_ARRIVAL = 1.12
_PERSONS_A_DEPARTURE = 1.4
_LEAVE_AT_THE_END_OF_A_STAY = 0.00045


def abroad(day: Day) -> list[Event]:
    """Moves abroad that are notified today."""
    rng = day.rng("moves abroad")
    events: list[Event] = []
    yearly = rates.ABROAD / _PERSONS_A_DEPARTURE - _LEAVE_AT_THE_END_OF_A_STAY
    for _ in range(day.count(rng, yearly, rates.desk_hours(day.today))):
        person = day.search(rng, _leaver(day, rng.random() < _FOREIGN_LEAVERS))
        if person is not None:
            events += move_abroad(day, rng, person.id)
    return events


def arrivals(day: Day) -> list[Event]:
    """People who come from abroad and are notified today."""
    rng = day.rng("arrivals")
    yearly = rates.FROM_ABROAD / _PERSONS_AN_ARRIVAL
    count = day.count(rng, yearly, rates.desk_hours(day.today))
    return [_arrival(day, rng) for _ in range(count)]


def move_abroad(day: Day, rng: Random, person: int) -> list[Event]:
    """Notify a move abroad, of one person or the whole household, and plan the day of leaving."""
    home = day.people.home_of(person)
    group = _group(day, home, person)
    if not group:
        return []
    foreign = day.people.people[person].foreign
    country = foreign.nationality if foreign else naming.nationality(rng)
    leaves = day.later(1 + rng.random() * 14)
    home.busy = True
    filed = day.filed(rng, home, leaves, group, office=False)
    day.plans.add(leaves, "depart", home.id, group)
    return [MoveAbroad(**filed, persons=group, household=home.id, country=country)]


def depart(day: Day, rng: Random, home: int, group: tuple[int, ...]) -> list[Event]:
    """The day of leaving Japan: the book's plan takes effect, nobody notifies anything."""
    place = day.people.homes[home]
    place.busy = False
    place.last = max(place.last, day.today)
    for value in day.people.leave(group):
        day.people.abroad[value.id] = value
    return []


def _leaver(day: Day, foreign: bool) -> Callable[[Person], float]:
    def suits(person: Person) -> float:
        if (person.foreign is not None) != foreign:
            return 0.0
        age = day.age(person.id)
        return 0.0 if age < 18 else 1.0 if age < 40 else 0.4 if age < 60 else 0.08

    return suits


def _group(day: Day, home: Home, person: int) -> tuple[int, ...]:
    """One grown member alone, or with the head a household that is not large."""
    if person == home.head:
        return tuple(home.members) if len(home.members) <= 4 else ()
    children = day.people.children_at_home(person, under=18, on=day.today)
    alone = day.age(person) >= 18 and not children and may_stay(day, home, (person,))
    return (person,) if alone else ()


def _arrival(day: Day, rng: Random) -> Event:
    code = day.atlas.any_town(rng)
    home = day.people.new_home(draw_address(rng, day.atlas.towns[code]), day.today)
    on = day.today - timedelta(days=int(late(rng) / 2))
    if rng.random() >= _JAPANESE_COMERS:
        return _enter(day, rng, home, on, _foreigners(day, rng, home, on))
    former = sorted(person.id for person in day.people.abroad.values() if not person.foreign)
    if former and rng.random() < 0.6:
        person = day.people.abroad[former[int(rng.random() * len(former))]]
        return _enter(day, rng, home, on, [_back(rng, person, home, on)], returning=True)
    return _enter(day, rng, home, on, [_citizen(day, rng, home, on)])


def _enter(
    day: Day,
    rng: Random,
    home: Home,
    on: date,
    persons: list[Person],
    *,
    returning: bool = False,
) -> Event:
    for person in persons:
        day.people.abroad.pop(person.id, None)
        home.members.append(person.id)
        day.people.enter(replace(person, notified=day.today))
    home.last = on
    day.people.lead(home, persons[0].id)
    ids = tuple(person.id for person in persons)
    filed = day.filed(rng, home, on, ids, office=False)
    return Arrival(
        **filed,
        persons=ids,
        records=day.people.changed(),
        household=home.id,
        country=persons[0].previous or "",
        returning=returning,
    )


def _back(rng: Random, person: Person, home: Home, on: date) -> Person:
    """Somebody who lived here before; no support measure outlives a life abroad."""
    return replace(
        person,
        household=home.id,
        address=home.address,
        resident_since=max(on, person.address_since),
        address_since=max(on, person.address_since),
        previous=naming.nationality(rng),
        measure=None,
    )


def _citizen(day: Day, rng: Random, home: Home, on: date) -> Person:
    sex, birth = _sex(rng), _born(rng, on, 22 + int(rng.random() * 38))
    name = naming.japanese(rng, sex, birth.year)
    registry = Registry(draw_place(rng), name.text)
    return _newcomer(day, home, on, sex, birth, name, naming.nationality(rng), registry=registry)


def _foreigners(day: Day, rng: Random, home: Home, on: date) -> list[Person]:
    """One young adult, or a couple, sometimes with a small child."""
    nation, sex = naming.nationality(rng), _sex(rng)
    head = _foreigner(day, rng, home, on, nation, sex, 19 + int(rng.random() ** 1.7 * 26))
    if rng.random() >= _COUPLES:
        return [head]
    age = max(age_on(on, head.birth) + int(rng.random() * 5) - 2, 20)
    other = FEMALE if sex == MALE else MALE
    mate = _foreigner(day, rng, home, on, nation, other, age, status.DEPENDANT)
    head = replace(head, ties=Ties(spouse=mate.id))
    mate = replace(mate, ties=Ties(spouse=head.id))
    if rng.random() >= _WITH_CHILD or min(age, age_on(on, head.birth)) < 24:
        return [head, mate]
    mother, father = (mate, head) if sex == MALE else (head, mate)
    years = int(rng.random() * (min(age, age_on(on, head.birth)) - 21))
    child = _foreigner(day, rng, home, on, nation, _sex(rng), years, status.DEPENDANT)
    return [head, mate, replace(child, ties=Ties(mother=mother.id, father=father.id))]


def _foreigner(
    day: Day,
    rng: Random,
    home: Home,
    on: date,
    nation: str,
    sex: str,
    years: int,
    granted: str = "",
) -> Person:
    birth = _born(rng, on, years)
    role = status.Role(nation, sex, birth.toordinal())
    foreign = status.admitted(rng, role, granted or status.newcomer(rng), on.toordinal())
    name = naming.foreign(rng, nation, sex)
    person = _newcomer(day, home, on, sex, birth, name, nation, foreign=foreign)
    plan_stay(day, rng, person)
    return person


def _newcomer(
    day: Day,
    home: Home,
    on: date,
    sex: str,
    birth: date,
    name: Name,
    country: str,
    *,
    registry: Registry | None = None,
    foreign: Foreign | None = None,
) -> Person:
    return Person(
        id=day.people.new_person(),
        household=home.id,
        relation="",
        name=name,
        sex=sex,
        birth=birth,
        birth_known="day",
        address=home.address,
        resident_since=on,
        address_since=on,
        notified=on,
        previous=country,
        registry=registry,
        foreign=foreign,
    )


def _born(rng: Random, on: date, years: int) -> date:
    return on - timedelta(days=int(years * 365.2425 + 1 + rng.random() * 364))


def _sex(rng: Random) -> str:
    return MALE if rng.random() < 0.52 else FEMALE
