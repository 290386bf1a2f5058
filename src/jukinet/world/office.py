"""Office (職権・申出): nationality, status of residence, codes, measures, and surveys.

What other offices tell the town, what residents ask of it without moving, and what it does of
its own accord (Act, arts. 8, 30-4 and 30-45 ff.).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from jukinet.world import naming, rates, status
from jukinet.world.borders import move_abroad
from jukinet.world.day import Day, plan_stay
from jukinet.world.events import (
    CodeChange,
    Correction,
    Deletion,
    Event,
    LossOfNationality,
    Naturalisation,
    ReRegistration,
    StatusChange,
    SupportMeasure,
)
from jukinet.world.moves import may_stay, relocate
from jukinet.world.people import (
    FEMALE,
    MID_TO_LONG_TERM,
    SPECIAL_PERMANENT,
    TRANSITIONAL_BY_BIRTH,
    TRANSITIONAL_BY_LOSS,
    Foreign,
    Measure,
    Person,
    Registry,
)
from jukinet.world.population import Home
from jukinet.world.towns import draw_place, renumbered

_FLEES_FIRST = 0.5
_LEAVES_AT_THE_END = 0.08
_BECOMES_PERMANENT = 0.07


# --- nationality and status ---------------------------------------------------------------------


def nationality(day: Day) -> list[Event]:
    """Naturalisations and losses of nationality, by the family register's notice."""
    rng = day.rng("nationality")
    factor = rates.desk_hours(day.today)
    events: list[Event] = []
    for _ in range(day.count(rng, rates.NATURALISATIONS, factor)):
        person = day.search(rng, _may_be_naturalised(day), tries=3_000)
        if person is not None:
            events.append(_naturalisation(day, rng, person))
    for _ in range(day.count(rng, rates.LOSSES_OF_NATIONALITY, factor)):
        person = day.search(rng, lambda p: float(not p.foreign and 22 <= day.age(p.id) < 60))
        if person is not None:
            events.append(_loss(day, rng, person))
    return events


def _may_be_naturalised(day: Day) -> Callable[[Person], float]:
    def suits(person: Person) -> float:
        if person.foreign is None or day.age(person.id) < 18:
            return 0.0
        settled = person.foreign.status in (status.PERMANENT, SPECIAL_PERMANENT)
        return 1.0 if settled else 0.15

    return suits


def _naturalisation(day: Day, rng: Random, person: Person) -> Event:
    home = day.people.home_of(person.id)
    on = day.happened(14 * rng.random(), home)
    assert person.foreign is not None
    name = person.foreign.alias or naming.japanese(rng, person.sex, person.birth.year)
    registry = Registry(draw_place(rng, (day.atlas.towns[person.town],)), name.text)
    day.people.put(replace(person, name=name, registry=registry, foreign=None))
    filed = day.filed(rng, home, on, (person.id,), office=True)
    return Naturalisation(**filed, persons=(person.id,), records=day.people.changed())


def _loss(day: Day, rng: Random, person: Person) -> Event:
    home = day.people.home_of(person.id)
    on = day.happened(14 * rng.random(), home)
    foreign = status.by_loss(naming.nationality(rng), on)
    name = naming.romanised(person.name)
    lost = replace(person, name=name, registry=None, former_surname=None, foreign=foreign)
    day.people.put(lost)
    plan_stay(day, rng, lost)
    filed = day.filed(rng, home, on, (person.id,), office=True)
    return LossOfNationality(**filed, persons=(person.id,), records=day.people.changed())


def stay(day: Day, rng: Random, person: int, until: date) -> list[Event]:
    """A stay nears its end: it is renewed, changed, or the person leaves Japan."""
    value = day.people.people.get(person)
    if value is None or value.foreign is None or value.foreign.until != until:
        return []
    if not day.is_free(person):
        day.plans.add(day.later_at_desk(3), "stay", person, until)
        return []
    if value.foreign.kind == MID_TO_LONG_TERM and rng.random() < _LEAVES_AT_THE_END:
        leaving = move_abroad(day, rng, person)
        if leaving:
            return leaving
    kind, foreign = _next_status(day, rng, value, value.foreign)
    changed = replace(value, foreign=foreign)
    day.people.put(changed)
    plan_stay(day, rng, changed)
    home = day.people.home_of(person)
    on = day.happened(7 * rng.random(), home)
    filed = day.filed(rng, home, on, (person,), office=True)
    return [StatusChange(**filed, persons=(person,), records=day.people.changed(), kind=kind)]


def _next_status(day: Day, rng: Random, person: Person, foreign: Foreign) -> tuple[str, Foreign]:
    """What follows the present period, and what the Minister's notice calls it."""
    role = status.Role(foreign.nationality, person.sex, person.birth.toordinal())
    if foreign.kind == TRANSITIONAL_BY_BIRTH:
        return "first", _first_status(day, rng, person, role)
    if foreign.kind == TRANSITIONAL_BY_LOSS:
        return "first", status.admitted(rng, role, status.SETTLED, day.today.toordinal())
    if foreign.kind != MID_TO_LONG_TERM:
        if rng.random() < 0.2:
            return "changed", status.admitted(rng, role, status.SETTLED, day.today.toordinal())
        return "renewed", replace(foreign, until=(foreign.until or day.today) + timedelta(days=180))
    if foreign.status not in status.SHORT and rng.random() < _BECOMES_PERMANENT:
        return "changed", status.renewed(rng, foreign, status.PERMANENT)
    if foreign.status in status.SHORT and rng.random() < 0.3:
        return "changed", status.renewed(rng, foreign, status.SHORT[foreign.status])
    return "renewed", status.renewed(rng, foreign, foreign.status)


def _first_status(day: Day, rng: Random, person: Person, role: status.Role) -> Foreign:
    """A child born here has what the parents' standing gives it."""
    parents = (person.ties.mother, person.ties.father)
    known = [day.people.people[p] for p in parents if p in day.people.people and p is not None]
    standings = {parent.foreign.status for parent in known if parent.foreign is not None}
    if SPECIAL_PERMANENT in standings:
        return status.special_child(rng, role.nationality)
    granted = status.PERMANENT if status.PERMANENT in standings else status.DEPENDANT
    return status.admitted(rng, role, granted, day.today.toordinal())


# --- codes --------------------------------------------------------------------------------------


def code_changes(day: Day) -> list[Event]:
    """Requests for another code; no reason is asked."""
    rng = day.rng("codes")
    events: list[Event] = []
    for _ in range(day.count(rng, rates.CODE_CHANGES, rates.desk_hours(day.today))):
        person = day.search(rng, lambda p: float(day.age(p.id) >= 15))
        if person is not None:
            events.append(_code_change(day, rng, person.id, after_measure=False))
    return events


def code(day: Day, rng: Random, person: int) -> list[Event]:
    """A request that was in somebody's mind since support measures began."""
    if person not in day.people.people or not day.is_free(person):
        return []
    return [_code_change(day, rng, person, after_measure=True)]


def _code_change(day: Day, rng: Random, person: int, *, after_measure: bool) -> Event:
    home = day.people.home_of(person)
    filed = day.filed(rng, home, day.today, (person,), office=False)
    return CodeChange(**filed, persons=(person,), after_measure=after_measure)


# --- support measures ---------------------------------------------------------------------------


def measures(day: Day) -> list[Event]:
    """Support measures asked for; who lives with the opponent moves away first."""
    rng = day.rng("measures")
    events: list[Event] = []
    for _ in range(day.count(rng, rates.MEASURES_BEGUN, rates.desk_hours(day.today))):
        women = rng.random() < 0.85
        person = day.search(rng, _may_ask(day, women))
        if person is not None:
            events += _flee_or_ask(day, rng, person)
    return events


def _may_ask(day: Day, women: bool) -> Callable[[Person], float]:
    def suits(person: Person) -> float:
        asks = person.measure is None and (person.sex == FEMALE) == women
        return float(asks and 18 <= day.age(person.id) < 70)

    return suits


def _flee_or_ask(day: Day, rng: Random, person: Person) -> list[Event]:
    people, home = day.people, day.people.home_of(person.id)
    children = people.children_at_home(person.id, under=18, on=day.today)
    group = (person.id, *children)
    lives_with = people.with_mate(person.id) is not None
    if lives_with and rng.random() < _FLEES_FIRST + 0.4 and may_stay(day, home, group):
        away = rng.random() < 0.6 and len(day.atlas.codes) > 1
        town = day.atlas.elsewhere(rng, home.address.town) if away else ""
        return relocate(day, rng, group, town=town, then="measure")
    return begin(day, rng, group) if not lives_with else []


def begin(day: Day, rng: Random, group: tuple[int, ...]) -> list[Event]:
    """Support measures begin for a person and the children with her."""
    people = day.people
    free = [p for p in group if p in people.people and people.people[p].measure is None]
    if not free:
        return []
    home = people.home_of(free[0])
    persons = tuple(p for p in free if people.people[p].household == home.id)
    if home.busy:
        day.plans.add(day.later_at_desk(3), "measure", group)
        return []
    until = status.a_year_after(day.today)
    measure = Measure(status.ground(rng, single=len(persons) == 1), day.today, until)
    for person in persons:
        people.put(replace(people.people[person], measure=measure))
        if rng.random() < rates.CODE_AFTER_MEASURE:
            day.plans.add(day.later_at_desk(1 + rng.random() * 30), "code", person)
    plan_measure(day, rng, persons, until)
    return [_measure(day, rng, home, persons, "begin", measure)]


def plan_measure(day: Day, rng: Random, persons: tuple[int, ...], until: date) -> None:
    """Plan the renewal in the month before the end, or the end soon after it."""
    if rng.random() < rates.RENEWED_MEASURE:
        due = max(until - timedelta(days=int(2 + rng.random() * 28)), day.later(1))
        day.plans.add(rates.desk_day(due), "renew measure", persons, until)
    else:
        due = max(until + timedelta(days=1 + int(rng.random() * 6)), day.later(1))
        day.plans.add(rates.desk_day(due), "end measure", persons, until)


def renew(day: Day, rng: Random, persons: tuple[int, ...], until: date) -> list[Event]:
    """Support measures are renewed for a year from today; too late for that, they end."""
    covered = _still_covered(day, persons, until)
    if not covered:
        return []
    home = day.people.home_of(covered[0])
    if home.busy:
        kind = "renew measure" if day.later(3) <= until else "end measure"
        day.plans.add(day.later_at_desk(3), kind, persons, until)
        return []
    together, apart = _by_town(day, covered)
    if apart:
        day.plans.add(day.later_at_desk(1), "renew measure", apart, until)
    if day.today > until:
        return _end(day, rng, home, together)
    later = status.a_year_after(day.today)
    measure = day.people.people[together[0]].measure
    assert measure is not None
    measure = replace(measure, until=later)
    for person in together:
        day.people.put(replace(day.people.people[person], measure=measure))
    plan_measure(day, rng, together, later)
    return [_measure(day, rng, home, together, "renew", measure)]


def end(day: Day, rng: Random, persons: tuple[int, ...], until: date) -> list[Event]:
    """Support measures are ended by an entry of their own, after the person was asked."""
    covered = _still_covered(day, persons, until)
    if not covered:
        return []
    home = day.people.home_of(covered[0])
    if home.busy:
        day.plans.add(day.later_at_desk(3), "end measure", persons, until)
        return []
    together, apart = _by_town(day, covered)
    if apart:
        day.plans.add(day.later_at_desk(1), "end measure", apart, until)
    return _end(day, rng, home, together)


def _end(day: Day, rng: Random, home: Home, persons: tuple[int, ...]) -> list[Event]:
    measure = day.people.people[persons[0]].measure
    assert measure is not None
    for person in persons:
        day.people.put(replace(day.people.people[person], measure=None))
    return [_measure(day, rng, home, persons, "end", measure)]


def _still_covered(day: Day, persons: tuple[int, ...], until: date) -> tuple[int, ...]:
    people = day.people.people
    here = [(p, people[p].measure) for p in persons if p in people]
    return tuple(p for p, measure in here if measure is not None and measure.until == until)


def _by_town(day: Day, persons: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Those of the first one's household, and the others, whose business is done apart."""
    home = day.people.people[persons[0]].household
    together = tuple(p for p in persons if day.people.people[p].household == home)
    return together, tuple(p for p in persons if p not in together)


def _measure(
    day: Day, rng: Random, home: Home, persons: tuple[int, ...], step: str, measure: Measure
) -> Event:
    filed = day.filed(rng, home, day.today, persons, office=False)
    return SupportMeasure(
        **filed,
        persons=persons,
        records=day.people.changed(),
        step=step,
        ground=measure.ground,
        until=measure.until,
    )


# --- surveys and slips ----------------------------------------------------------------------------


def ex_officio(day: Day) -> list[Event]:
    """Mistyped block numbers put right, and people of whom a survey found no trace."""
    rng = day.rng("ex officio")
    factor = rates.desk_hours(day.today)
    events: list[Event] = []
    for _ in range(day.count(rng, rates.CORRECTIONS, factor)):
        person = day.search(rng, lambda p: 1.0)
        if person is not None:
            events.append(_correction(day, rng, day.people.home_of(person.id)))
    for _ in range(day.count(rng, rates.DELETIONS, factor)):
        person = day.search(rng, lambda p: float(_lives_alone(day, p)), tries=2_000)
        if person is not None:
            events.append(_deletion(day, rng, person))
    return events


def _correction(day: Day, rng: Random, home: Home) -> Event:
    persons = tuple(home.members)
    home.address = renumbered(rng, home.address)
    for person in persons:
        day.people.put(replace(day.people.people[person], address=home.address))
    filed = day.filed(rng, home, day.today, persons, office=True)
    records = day.people.changed()
    return Correction(**filed, persons=persons, records=records, item="address", household=home.id)


def _lives_alone(day: Day, person: Person) -> bool:
    alone = len(day.people.home_of(person.id).members) == 1
    return alone and person.measure is None and day.age(person.id) >= 18


def _deletion(day: Day, rng: Random, person: Person) -> Event:
    home = day.people.home_of(person.id)
    filed = day.filed(rng, home, day.today, (person.id,), office=True)
    (value,) = day.people.leave((person.id,))
    day.people.vanished[value.id] = value
    if value.foreign is None and rng.random() < rates.RETURN_AFTER_DELETION:
        due = day.later_at_desk(60 + rng.random() * 600)
        day.plans.add(due, "return", value.id)
    return Deletion(**filed, persons=(value.id,), household=home.id)


def restore(day: Day, rng: Random, person: int) -> list[Event]:
    """The person has come to the desk: the record is restored as it was."""
    value = day.people.vanished.pop(person)
    home = day.people.new_home(value.address, day.today)
    home.members.append(person)
    day.people.enter(replace(value, household=home.id))
    day.people.lead(home, person)
    filed = day.filed(rng, home, day.today, (person,), office=True)
    records = day.people.changed()
    return [ReRegistration(**filed, persons=(person,), records=records, household=home.id)]
