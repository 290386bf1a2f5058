"""Family (戸籍の届出): births, deaths, marriages, divorces and other changes of name.

The town learns of them by the family register's notices, so nobody appears. A wedding or a
divorce is often followed by moves, which are planned here and are notified by the couple.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random

from jukinet.world import ages, naming, rates, status
from jukinet.world.day import Day, plan_stay
from jukinet.world.events import Birth, Death, Divorce, Event, Marriage, NameChange
from jukinet.world.moves import leave_open, may_stay, parents_home, relocate
from jukinet.world.people import (
    FEMALE,
    LODGER,
    MALE,
    Foreign,
    Name,
    Person,
    Registry,
    Surname,
    Ties,
)
from jukinet.world.population import surname_of
from jukinet.world.shapes import weighted
from jukinet.world.towns import draw_place

_UNMARRIED_MOTHERS = 0.024
_TWINS = 0.01
_DAYS_BETWEEN_BIRTHS = 300
_HEAD_NAMED_AT_ONCE = 0.7
_HUSBANDS_NAME = 0.95
_KEEPS_MARRIED_NAME = 0.4
_FORMER_SURNAME_AT_WEDDING = 0.03
_MOVES_AFTER_WEDDING = 0.85
_CHILDREN_STAY_WITH_MOTHER = 0.87


# --- births and deaths ------------------------------------------------------------------------


def births(day: Day) -> list[Event]:
    """Children of whom the town hears today; they were born within the last 14 days."""
    rng = day.rng("births")
    of_wives, of_others = _bearing(day.today.year)
    peak = max(of_wives)
    events: list[Event] = []
    for _ in range(day.count(rng, peak, rates.any_hours(day.today))):
        woman = day.pick(rng)
        if woman.sex != FEMALE or not 14 <= (age := day.age(woman.id)) <= 50:
            continue
        paired = day.people.with_mate(woman.id) is not None
        if rng.random() * peak < (of_wives if paired else of_others)[age] and _may_bear(day, woman):
            events.append(_birth(day, rng, woman))
            if rng.random() < _TWINS:
                events.append(_birth(day, rng, woman))
    return events


@cache
def _bearing(year: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Births per woman and year by age: of women living with a husband or partner, of others."""
    wives = [min(max(share, 0.02), 0.98) for share in weighted(year).wives()]
    rates_by_age = ages.bearing(year)
    married = (r * (1 - _UNMARRIED_MOTHERS) / w for r, w in zip(rates_by_age, wives, strict=True))
    others = (r * _UNMARRIED_MOTHERS / (1 - w) for r, w in zip(rates_by_age, wives, strict=True))
    return tuple(min(rate, 0.6) for rate in married), tuple(others)


def _may_bear(day: Day, woman: Person) -> bool:
    if not day.is_free(woman.id):
        return False
    last = day.people.last_births.get(woman.id)
    if last is not None:
        return (day.today - last).days >= _DAYS_BETWEEN_BIRTHS + 14
    children = day.people.children_at_home(woman.id, under=2, on=day.today)
    return all(
        (day.today - day.people.people[child].birth).days >= _DAYS_BETWEEN_BIRTHS + 14
        for child in children
    )


def _birth(day: Day, rng: Random, woman: Person) -> Event:
    people, home = day.people, day.people.home_of(woman.id)
    born = day.people.last_births.get(woman.id)
    if born is None or (day.today - born).days > 14:
        born = day.happened(14 * rng.random(), home)
    day.people.last_births[woman.id] = born
    father = people.with_mate(woman.id)
    sex = MALE if rng.random() < 0.512 else FEMALE
    number = people.new_person()
    name, registry, foreign = _newborns_papers(day, rng, woman, father, sex)
    child = Person(
        id=number,
        household=home.id,
        relation=LODGER,
        name=name,
        sex=sex,
        birth=born,
        birth_known="day",
        address=home.address,
        resident_since=born,
        address_since=born,
        notified=day.today,
        previous=None,
        registry=registry,
        foreign=foreign if foreign is None else status.by_birth(foreign.nationality, born),
        ties=Ties(mother=woman.id, father=father),
    )
    home.members.append(number)
    people.enter(child)
    people.relate(home, (number,))
    plan_stay(day, rng, child)
    filed = day.filed(rng, home, born, (number,), office=True)
    return Birth(
        **filed,
        persons=(number,),
        records=people.changed(),
        household=home.id,
        mother=woman.id,
    )


def _newborns_papers(
    day: Day, rng: Random, woman: Person, father: int | None, sex: str
) -> tuple[Name, Registry | None, Foreign | None]:
    """Name, family register, and a parent's foreign part: a child of a citizen is a citizen."""
    man = day.people.people[father] if father is not None else None
    married = day.people.mate(woman.id) == father and father is not None
    parents = [man, woman] if married and man is not None else [woman, man]
    citizen = next((p for p in parents if p is not None and p.foreign is None), None)
    if citizen is None:
        elder = man or woman
        assert elder.foreign is not None
        if not elder.name.latin:
            return _in_kanji(rng, elder, sex), None, elder.foreign
        given = naming.foreign(rng, _known(elder.foreign.nationality), sex)
        name = replace(given, surname=elder.name.surname, surname_kana=elder.name.surname_kana)
        return replace(name, kanji=""), None, elder.foreign
    name = naming.japanese(rng, sex, day.today.year, surname_of(citizen))
    return name, citizen.registry, None


def _in_kanji(rng: Random, elder: Person, sex: str) -> Name:
    name = naming.in_kanji(rng, "韓国", sex)
    return replace(name, surname=elder.name.surname, surname_kana=elder.name.surname_kana)


def _known(nationality: str) -> str:
    """The nationality whose names are drawn; 朝鮮 has those of 韓国."""
    return "韓国" if nationality == "朝鮮" else nationality


def deaths(day: Day) -> list[Event]:
    """Deaths of which the town hears today; they are notified within seven days."""
    rng = day.rng("deaths")
    peak = 0.5
    factor = rates.season(rates.DEATHS_BY_MONTH, day.today) * rates.any_hours(day.today)
    events: list[Event] = []
    for _ in range(day.count(rng, peak, factor)):
        person = day.pick(rng)
        risk = ages.dying(person.sex)[min(day.age(person.id), ages.OLDEST)]
        if rng.random() * peak < risk and day.is_free(person.id):
            events.append(_death(day, rng, person.id))
    return events


def _death(day: Day, rng: Random, person: int) -> Event:
    people, home = day.people, day.people.home_of(person)
    on = day.happened(8 * rng.random() ** 3, home)
    was_head, number = home.head == person, home.id
    filed = day.filed(rng, home, on, (person,), office=True)
    people.leave((person,))
    people.dead.add(person)
    head = None
    is_open = people.settle(home, day.today)
    if is_open and rng.random() < _HEAD_NAMED_AT_ONCE:
        people.lead(home, people.heir(home, day.today, before=person))
        is_open = False
    if is_open:
        leave_open(day, rng, home, on)
    elif was_head and home.members:
        head = home.head
    return Death(
        **filed,
        persons=(person,),
        records=people.changed(),
        household=number,
        new_head=head,
        head_open=is_open,
    )


# --- weddings -------------------------------------------------------------------------------------


def marriages(day: Day) -> list[Event]:
    """Couples of whose wedding the town hears today."""
    rng = day.rng("marriages")
    factor = rates.season(rates.MARRIAGES_BY_MONTH, day.today) * rates.any_hours(day.today)
    events: list[Event] = []
    for _ in range(day.count(rng, rates.MARRIAGES, factor)):
        bride = day.search(rng, _bride(day), tries=3_000)
        if bride is None:
            continue
        partner = day.people.partner(bride.id)
        if partner is None:
            groom = day.search(rng, _groom(day, bride), tries=3_000)
        else:
            groom = day.people.people.get(partner)
        if groom is not None and day.is_free(groom.id):
            events.append(_marriage(day, rng, groom, bride))
    return events


def _bride(day: Day) -> Callable[[Person], float]:
    weights = ages.brides()

    def suits(person: Person) -> float:
        if person.sex != FEMALE or day.people.mate(person.id) is not None:
            return 0.0
        age = day.age(person.id)
        return weights[age] if 18 <= age <= ages.OLDEST else 0.0

    return suits


def _groom(day: Day, bride: Person) -> Callable[[Person], float]:
    """Single, of about her age, no kin, not of her household, and mostly of her nationality."""
    own, line = day.age(bride.id), day.people.lineage[bride.id]

    def suits(person: Person) -> float:
        if person.sex != MALE or person.household == bride.household:
            return 0.0
        people, age = day.people, day.age(person.id)
        if age < 18 or people.mate(person.id) is not None or people.partner(person.id) is not None:
            return 0.0
        theirs = people.lineage[person.id]
        parents = {line.mother, line.father} - {None}
        if parents & {theirs.mother, theirs.father} or person.id in parents:
            return 0.0
        fits = math.pow(0.75, abs(age - own - 1.7))
        return fits * (0.06 if (person.foreign is None) != (bride.foreign is None) else 1.0)

    return suits


def _marriage(day: Day, rng: Random, groom: Person, bride: Person) -> Event:
    people = day.people
    homes = (people.home_of(groom.id), people.home_of(bride.id))
    on = day.happened(12 * rng.random() ** 2, *homes)
    for home in homes:
        home.last = on
    taker = groom if rng.random() >= _HUSBANDS_NAME else bride
    giver = bride if taker is groom else groom
    renamed = _wed_name(rng, taker, giver)
    registry = Registry(draw_place(rng, (day.atlas.towns[giver.town],)), giver.name.text)
    for person, other in ((groom, bride), (bride, groom)):
        value = renamed if renamed is not None and person is taker else person
        maiden = surname_of(person) if renamed is not None and person is taker else None
        ties = replace(person.ties, spouse=other.id, partner=None, maiden=maiden)
        value = replace(value, ties=ties, registry=registry if person.foreign is None else None)
        people.put(value)
    if homes[0] is homes[1]:
        if homes[0].head:
            people.relate(homes[0], homes[0].members)
    elif rng.random() < _MOVES_AFTER_WEDDING:
        day.plans.add(day.later_at_desk(rng.random() * 45), "join", groom.id, bride.id, 0)
    filed = day.filed(rng, homes[0], on, (groom.id, bride.id), office=True)
    return Marriage(
        **filed,
        persons=(groom.id, bride.id),
        records=people.changed(),
        renamed=taker.id if renamed is not None else None,
    )


def _wed_name(rng: Random, taker: Person, giver: Person) -> Person | None:
    """The one of a Japanese couple who takes the other's surname, or None if nothing changes."""
    if taker.foreign or giver.foreign or taker.name.surname == giver.name.surname:
        return None
    former = surname_of(taker) if rng.random() < _FORMER_SURNAME_AT_WEDDING else None
    name = naming.renamed(taker.name, surname_of(giver))
    return replace(taker, name=name, former_surname=former or taker.former_surname)


def join(day: Day, rng: Random, husband: int, wife: int, tries: int) -> list[Event]:
    """Newly-weds who live apart move together: to him, to her, or he first takes a home."""
    people = day.people
    if husband not in people.people or wife not in people.people:
        return []
    if (
        people.mate(husband) != wife
        or people.people[husband].household == people.people[wife].household
    ):
        return []
    his, hers = people.home_of(husband), people.home_of(wife)
    if his.busy or hers.busy or not (his.head and hers.head):
        if tries < 8:
            due = day.later_at_desk(4 + rng.random() * 8)
            day.plans.add(due, "join", husband, wife, tries + 1)
        return []
    of_him, of_her = _with_children(day, husband), _with_children(day, wife)
    if len(of_him) == len(his.members) or rng.random() < 0.12:
        return relocate(day, rng, of_her, join=his.id) if may_stay(day, hers, of_her) else []
    if len(of_her) == len(hers.members):
        return relocate(day, rng, of_him, join=hers.id) if may_stay(day, his, of_him) else []
    if not may_stay(day, his, of_him) or tries >= 8:
        return []
    due = day.later_at_desk(1 + rng.random() * 12)
    day.plans.add(due, "join", husband, wife, tries + 1)
    return relocate(day, rng, of_him)


def _with_children(day: Day, parent: int) -> tuple[int, ...]:
    """A parent with the minor children at home who have no other parent there."""
    people = day.people
    mate = people.with_mate(parent)
    children = people.children_at_home(parent, under=18, on=day.today)
    both = {child for child in children if mate in _parents(day, child)} if mate else set()
    return (parent, *(child for child in children if child not in both))


def _parents(day: Day, child: int) -> tuple[int | None, int | None]:
    line = day.people.lineage[child]
    return line.mother, line.father


# --- divorces ---------------------------------------------------------------------------------


def divorces(day: Day) -> list[Event]:
    """Couples of whose divorce the town hears today."""
    rng = day.rng("divorces")
    events: list[Event] = []
    for _ in range(day.count(rng, rates.DIVORCES, rates.any_hours(day.today))):
        wife = day.search(rng, _divorcee(day), tries=1_000)
        husband = day.people.mate(wife.id) if wife is not None else None
        if wife is not None and husband is not None and day.is_free(husband):
            events.append(_divorce(day, rng, day.people.people[husband], wife))
    return events


def _divorcee(day: Day) -> Callable[[Person], float]:
    weights = ages.divorces()

    def suits(person: Person) -> float:
        if person.sex != FEMALE or day.people.mate(person.id) not in day.people.people:
            return 0.0
        return weights[min(day.age(person.id), ages.OLDEST)]

    return suits


def _divorce(day: Day, rng: Random, husband: Person, wife: Person) -> Event:
    people = day.people
    homes = (people.home_of(husband.id), people.home_of(wife.id))
    on = day.happened(10 * rng.random() ** 2, *homes)
    for home in homes:
        home.last = on
    taker = _name_taker(husband, wife)
    renamed = None
    for person in (husband, wife):
        value = person
        if person is taker:
            value = _single_again(day, rng, person)
            renamed = person.id if value.name != person.name else None
        people.put(replace(value, ties=replace(person.ties, spouse=None, maiden=None)))
    if homes[0] is homes[1]:
        people.estrange(homes[0])
        day.plans.add(day.later_at_desk(rng.random() * 30), "part", husband.id, wife.id, 0)
    filed = day.filed(rng, homes[0], on, (husband.id, wife.id), office=True)
    return Divorce(
        **filed,
        persons=(husband.id, wife.id),
        records=people.changed(),
        renamed=renamed,
    )


def _name_taker(husband: Person, wife: Person) -> Person | None:
    """Who leaves the couple's register: not its first-named person."""
    if husband.foreign or wife.foreign or husband.registry is None:
        return None
    return wife if husband.registry.first != wife.name.text else husband


def _single_again(day: Day, rng: Random, person: Person) -> Person:
    """A register of one's own, and the earlier surname unless the married one is kept."""
    name = person.name
    if rng.random() >= _KEEPS_MARRIED_NAME:
        name = naming.renamed(name, person.ties.maiden or naming.surname(rng))
    registry = Registry(draw_place(rng, (day.atlas.towns[person.town],)), name.text)
    return replace(person, name=name, registry=registry, former_surname=None)


def part(day: Day, rng: Random, husband: int, wife: int, tries: int) -> list[Event]:
    """A divorced couple parts: who is not the head moves, the children mostly with the mother."""
    people = day.people
    if husband not in people.people or wife not in people.people:
        return []
    home = people.home_of(husband)
    if people.people[wife].household != home.id or people.mate(wife) == husband:
        return []
    if home.busy or not home.head:
        if tries < 8:
            day.plans.add(day.later_at_desk(4 + rng.random() * 8), "part", husband, wife, tries + 1)
        return []
    leaver = _leaver(day, husband, wife)
    with_children = (rng.random() < _CHILDREN_STAY_WITH_MOTHER) == (leaver == wife)
    children = people.children_at_home(leaver, under=18, on=day.today) if with_children else []
    group = (leaver, *children)
    if not may_stay(day, home, group):
        return []
    back = parents_home(day, rng, (leaver,), "", 0.2) if not children else 0
    away = rng.random() < 0.45 and len(day.atlas.codes) > 1
    town = day.atlas.elsewhere(rng, home.address.town) if away else ""
    return relocate(day, rng, group, town=town, join=back)


def _leaver(day: Day, husband: int, wife: int) -> int:
    """Not the head; in a household of others, the one who had married into it."""
    home = day.people.home_of(husband)
    if home.head in (husband, wife):
        return wife if home.head == husband else husband
    return wife if day.people.people[wife].relation == LODGER else husband


# --- other names ------------------------------------------------------------------------------

_CAUSES = (
    ("adoption", 0.35),
    ("given name", 0.55),
    ("surname", 0.7),
    ("former surname", 0.88),
    ("alias", 1.0),
)


def name_changes(day: Day) -> list[Event]:
    """Adoptions of adults, changes allowed by a court, 旧氏 and aliases entered on request."""
    rng = day.rng("names")
    events: list[Event] = []
    for _ in range(day.count(rng, rates.OTHER_NAME_CHANGES, rates.desk_hours(day.today))):
        chance = rng.random()
        cause = next(cause for cause, upto in _CAUSES if chance < upto)
        person = day.search(rng, _may_rename(day, cause), tries=2_000)
        if person is not None:
            events.append(_name_change(day, rng, cause, person))
    return events


def _may_rename(day: Day, cause: str) -> Callable[[Person], float]:
    def suits(person: Person) -> float:
        if (person.foreign is not None) != (cause == "alias"):
            return 0.0
        age, mate = day.age(person.id), day.people.mate(person.id)
        if cause == "former surname":
            return float(25 <= age < 65 and person.sex == FEMALE and mate is not None)
        if cause in ("adoption", "surname"):
            return float(18 <= age < 60 and mate is None)
        return float(18 <= age < 70)

    return suits


def _name_change(day: Day, rng: Random, cause: str, person: Person) -> Event:
    home = day.people.home_of(person.id)
    on_request = cause in ("former surname", "alias")
    on = day.today if on_request else day.happened(12 * rng.random(), home)
    day.people.put(_with_new_name(day, rng, cause, person))
    filed = day.filed(rng, home, on, (person.id,), office=not on_request)
    return NameChange(**filed, persons=(person.id,), records=day.people.changed(), cause=cause)


def _with_new_name(day: Day, rng: Random, cause: str, person: Person) -> Person:
    year = person.birth.year
    if cause == "alias":
        assert person.foreign is not None
        alias = naming.japanese(rng, person.sex, year)
        return replace(person, foreign=replace(person.foreign, alias=alias))
    if cause == "former surname":
        former = person.ties.maiden or _other_surname(rng, person)
        return replace(person, former_surname=former)
    if cause == "given name":
        text, kana = naming.given(rng, person.sex, year)
        return replace(person, name=replace(person.name, given=text, given_kana=kana))
    name = naming.renamed(person.name, _other_surname(rng, person))
    registry = Registry(draw_place(rng, (day.atlas.towns[person.town],)), name.text)
    return replace(person, name=name, registry=registry)


def _other_surname(rng: Random, person: Person) -> Surname:
    while True:
        surname = naming.surname(rng)
        if surname.text != person.name.surname:
            return surname
