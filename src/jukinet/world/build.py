"""Build (人口の生成): the residents of chosen towns on a chosen day, household by household.

Each town is drawn by itself, from the seed and its code, and streamed: nothing but the tables is
held in memory. Persons and households are numbered in the order in which they come. What is real
and what is invented stands in docs/data.md.

>>> from datetime import date
>>> from jukinet.world.towns import choose
>>> home = next(build(7, choose(), 1_000, date(2025, 1, 1)))
>>> home.members[0].relation, home.members[0].id, home.town
('世帯主', 1, '131016')
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, partial
from random import Random

from jukinet.errors import Malformed
from jukinet.world import naming, status
from jukinet.world.people import (
    CHILD,
    CHILDS_HUSBAND,
    FEMALE,
    GRANDCHILD,
    LODGER,
    MALE,
    RELATIVE,
    Address,
    Foreign,
    Household,
    Measure,
    Name,
    Person,
    Registry,
    Surname,
    Ties,
)
from jukinet.world.shapes import ABSENT, NOBODY, Shape, Slot, weighted
from jukinet.world.towns import Town, draw_address, draw_place, share

__all__ = ["Household", "Person", "build"]

FOREIGN_SHARE = 0.026
"""Residents of foreign nationality (register of 1 January 2024: 3,323,374 of 124,885,175)."""

MEASURE_SHARE = 1 / 800
"""Residents under support measures (about 154,000 on 1 December 2020, co-residents included)."""

_MIXED = 0.012  # of married couples under sixty, one of whom is foreign
_FORMER_SURNAME = 0.008  # of married women of 25 to 64, who have asked for it
_UNKNOWN_DAY_FOREIGN, _UNKNOWN_DAY_OLD = 0.003, 0.0025  # together about 1 in 3,000
_MOVED_WITHIN = 0.35  # of households: the last move was inside the town
_REGISTER_HERE = 0.5  # of citizens' family registers: in the town of residence
_FOREIGNERS_ENTER = date(2012, 7, 9)  # the day foreign residents entered the register


def build(seed: int, towns: Sequence[Town], residents: int, on: date) -> Iterator[Household]:
    """Exactly `residents` people of `towns` as they are on `on`, in households, town by town.

    Streams in the order of `towns`; ids count from 1. Raises Malformed for no town or fewer than
    one resident.
    """
    if not towns or residents < 1:
        raise Malformed(f"want a town and a resident at least, got {len(towns)} and {residents}")
    numbers = _Numbers()
    for town, count in zip(towns, share(residents, towns), strict=True):
        yield from _Maker(seed, town, on, numbers).households(count)


@dataclass(slots=True)
class _Numbers:
    """The next free numbers of a household and a person."""

    household: int = 1
    person: int = 1


@dataclass(frozen=True, slots=True)
class _Chances:
    """For each kind of household, how likely it is to be foreign or under a measure."""

    foreign: Callable[[Shape], float]
    measure: Callable[[Shape], float]


@cache
def _chances(year: int) -> _Chances:
    pool = weighted(year)
    size = pool.mean(lambda shape: len(shape.slots))
    foreign = pool.mean(lambda shape: _foreign_leaning(shape) * len(shape.slots)) / size
    mixed = pool.mean(lambda shape: _MIXED * _may_be_mixed(shape)) / size
    covered = pool.mean(lambda shape: _measure_leaning(shape) * len(_covered(shape))) / size
    to_foreign = (FOREIGN_SHARE - mixed) / foreign
    to_measure = MEASURE_SHARE / covered
    return _Chances(
        foreign=lambda shape: to_foreign * _foreign_leaning(shape),
        measure=lambda shape: to_measure * _measure_leaning(shape),
    )


def _foreign_leaning(shape: Shape) -> float:
    """Foreign residents are young and live alone, in couples, or shared by work or school."""
    age = shape.slots[0].age
    of_kind = {
        "single": 1.3,
        "couple": 0.8,
        "couple with children": 0.7,
        "single parent": 0.4,
        "three generations": 0.05,
        "other kin": 0.3,
        "not kin": 3.0,
    }[shape.kind]
    return of_kind * (1.0, 0.85, 0.5, 0.3, 0.1)[min(max(age - 20, 0) // 10, 4)]


def _may_be_mixed(shape: Shape) -> bool:
    first = shape.slots[0]
    return first.spouse >= 0 and not shape.slots[1].unregistered and first.age < 60


def _measure_leaning(shape: Shape) -> float:
    """Mothers alone with children most of all, then women alone, seldom whole families."""
    first = shape.slots[0]
    if shape.kind == "single parent":
        return 8.0 if first.sex == FEMALE and first.age < 60 else 0.5
    if shape.kind == "single":
        return 1.5 if first.sex == FEMALE and first.age < 70 else 0.2
    return 0.15


def _covered(shape: Shape) -> tuple[int, ...]:
    """Places under a measure: the whole family, or the head alone."""
    return tuple(range(len(shape.slots))) if shape.kind != "not kin" else (0,)


@dataclass(frozen=True, slots=True)
class _Origin:
    """Whence the members come: nationality of each (None for citizens), how settled they are."""

    nations: tuple[str | None, ...]
    special: bool = False
    settled: bool = False

    @property
    def foreign(self) -> bool:
        """Whether all of them are foreign."""
        return all(self.nations)

    @property
    def recent(self) -> bool:
        """Whether they are newcomers, on a status that few hold for long."""
        return self.foreign and not (self.special or self.settled)


@dataclass(frozen=True, slots=True)
class _Home:
    """What the members of a household share."""

    address: Address
    since: int
    resident_since: int
    previous: str | None
    notified_days: int


class _Maker:
    """Draws one town. Each purpose has its own generator, so that one cannot disturb another."""

    def __init__(self, seed: int, town: Town, on: date, numbers: _Numbers) -> None:
        def rng(purpose: str) -> Random:
            return Random(f"{seed}/{town.code}/{purpose}")

        self.town, self.on, self.today, self.numbers = town, on, on.toordinal(), numbers
        self.pool, self.chances = weighted(on.year), _chances(on.year)
        self.shape_rng, self.birth_rng, self.name_rng = rng("shapes"), rng("births"), rng("names")
        self.place_rng, self.move_rng, self.class_rng = rng("places"), rng("moves"), rng("classes")
        self.birthdays = [_years_before(on, age) for age in range(125)]

    def households(self, count: int) -> Iterator[Household]:
        while count > 0:
            shape = self._shape(count)
            count -= len(shape.slots)
            yield self._household(shape)

    def _shape(self, at_most: int) -> Shape:
        while True:
            shape = self.pool.draw(self.shape_rng)
            if len(shape.slots) <= at_most:
                return shape

    def _household(self, shape: Shape) -> Household:
        number, first = self.numbers.household, self.numbers.person
        self.numbers.household += 1
        self.numbers.person += len(shape.slots)
        births = [self._birth(slot.age) for slot in shape.slots]
        origin = self._origin(shape)
        names = self._names(shape, births, origin)
        registries = self._registries(shape, names, origin.nations)
        foreigners = self._foreigners(shape, births, origin)
        covered = self._measure(shape)
        home = self._home(shape, origin)
        members = tuple(
            self._person(
                first + i,
                number,
                slot,
                home,
                births[i],
                names[i],
                registries[i],
                foreigners[i],
                covered if i in _covered(shape) else None,
                _ties(shape, slot, first),
            )
            for i, slot in enumerate(shape.slots)
        )
        return Household(number, self.town.code, shape.kind, home.address, members)

    def _birth(self, age: int) -> int:
        return self.birthdays[age] - int(self.birth_rng.random() * 365)

    def _person(
        self,
        number: int,
        household: int,
        slot: Slot,
        home: _Home,
        born: int,
        name: Name,
        registry: Registry | None,
        foreign: Foreign | None,
        measure: Measure | None,
        ties: Ties,
    ) -> Person:
        birth = date.fromordinal(born)
        known = "day"
        odds = _UNKNOWN_DAY_FOREIGN if foreign else _UNKNOWN_DAY_OLD if slot.age >= 80 else 0.0
        if odds and self.birth_rng.random() < odds:
            known = "month" if self.birth_rng.random() < 0.6 else "year"
            birth = birth.replace(day=1) if known == "month" else birth.replace(month=1, day=1)
        since, resident = max(home.since, born), max(home.resident_since, born)
        if foreign is not None and resident < _ENTERED:
            resident, since = _ENTERED, max(since, _ENTERED)
        notified = min(since + home.notified_days, self.today)
        former = self._former_surname(slot) if registry is not None and ties.spouse else None
        previous = home.previous if since > born else None
        return Person(
            number,
            household,
            slot.relation,
            name,
            slot.sex,
            birth,
            known,
            home.address,
            date.fromordinal(resident),
            date.fromordinal(since),
            date.fromordinal(notified),
            previous,
            registry,
            former,
            foreign,
            measure,
            ties,
        )

    def _former_surname(self, slot: Slot) -> Surname | None:
        asked = slot.sex == FEMALE and 25 <= slot.age < 65
        if asked and self.name_rng.random() < _FORMER_SURNAME:
            return naming.surname(self.name_rng)
        return None

    def _home(self, shape: Shape, origin: _Origin) -> _Home:
        rng = self.move_rng
        since = self.today - int(self._years_here(shape, origin) * 365.2425)
        resident, previous = since, None
        if origin.recent and rng.random() < 0.5:
            previous = origin.nations[0]
        elif rng.random() < _MOVED_WITHIN:
            longer = rng.expovariate(1 / 8)
            resident = since - int(min(longer, max(shape.slots[0].age - 24, 0)) * 365.2425)
            previous = draw_place(rng, (self.town,))
        elif rng.random() < 0.97:
            previous = draw_place(rng)
        address = draw_address(self.place_rng, self.town)
        return _Home(address, since, resident, previous, int(rng.random() ** 2 * 15))

    def _years_here(self, shape: Shape, origin: _Origin) -> float:
        age = shape.slots[0].age
        if origin.recent:
            return self.move_rng.random() * min(age, 4.5)
        longest = age - 24 if len(shape.slots) > 1 else age - 17 if age < 60 else age - 10
        return max(min(self.move_rng.expovariate(1 / _tenure(age)), longest), 0.05)

    def _origin(self, shape: Shape) -> _Origin:
        rng, count = self.class_rng, len(shape.slots)
        if rng.random() < self.chances.foreign(shape):
            nation = naming.nationality(rng)
            special = rng.random() < status.special_share(nation, shape.slots[0].age)
            settled = rng.random() < (0.2 if shape.slots[0].age < 50 else 0.8)
            return _Origin((nation,) * count, special, settled)
        nations: list[str | None] = [None] * count
        if _may_be_mixed(shape) and rng.random() < _MIXED:
            wife = 0 if shape.slots[0].sex == FEMALE else 1
            nations[wife if rng.random() < 0.7 else 1 - wife] = naming.nationality(rng)
        return _Origin(tuple(nations))

    def _names(self, shape: Shape, births: list[int], origin: _Origin) -> list[Name]:
        if origin.nations[0] is not None and origin.foreign:
            return self._foreign_names(shape, origin.nations[0], origin.special)
        surnames = self._surnames(shape)
        names: list[Name] = []
        people = zip(shape.slots, births, origin.nations, surnames, strict=True)
        for slot, born, nation, family in people:
            if nation is not None:
                names.append(naming.foreign(self.name_rng, nation, slot.sex))
                continue
            year = date.fromordinal(born).year
            draw = partial(naming.japanese, self.name_rng, slot.sex, year, family)
            names.append(_unlike(names, draw))
        return names

    def _foreign_names(self, shape: Shape, nation: str, special: bool) -> list[Name]:
        """Children take their father's family name; wives take it where that is the custom."""
        rng = self.name_rng
        own = nation in _WIVES_KEEP_NAMES
        families: list[naming.Entry] = []
        for i, slot in enumerate(shape.slots):
            donor = slot.father if slot.father >= 0 else slot.mother
            if donor < 0 and not own and 0 <= slot.spouse < i:
                donor = slot.spouse
            known = 0 <= donor < i
            families.append(families[donor] if known else naming.foreign_family(rng, nation))
        draw = naming.in_kanji if special else naming.foreign
        names: list[Name] = []
        for slot, family in zip(shape.slots, families, strict=True):
            names.append(_unlike(names, partial(draw, rng, nation, slot.sex, family)))
        return names

    def _surnames(self, shape: Shape) -> list[Surname]:
        rng = self.name_rng
        head = naming.surname(rng)
        surnames: list[Surname] = []
        for i, slot in enumerate(shape.slots):
            surnames.append(self._surname(shape, i, slot, head, surnames))
        return surnames

    def _surname(
        self, shape: Shape, i: int, slot: Slot, head: Surname, before: list[Surname]
    ) -> Surname:
        """Families of a household mostly share one surname; who stays apart is told by the slot."""
        rng = self.name_rng
        if i == 0:
            return head
        if slot.relation in (LODGER, RELATIVE) or slot.unregistered:
            return naming.surname(rng)
        if slot.relation == CHILD and _takes_husbands_name(shape, i) and rng.random() < 0.7:
            return naming.surname(rng)
        if slot.relation == GRANDCHILD or slot.relation == CHILDS_HUSBAND:
            return before[_first(slot.spouse, slot.father, slot.mother)]
        if slot.relation == CHILD and shape.slots[1].unregistered:
            return before[slot.mother]
        if slot.relation in ("妻の父", "妻の母"):
            if slot.spouse == i - 1:
                return before[i - 1]
            return head if rng.random() < 0.15 else naming.surname(rng)
        return head

    def _registries(
        self, shape: Shape, names: list[Name], nations: Sequence[str | None]
    ) -> list[Registry | None]:
        """A couple's register, their unmarried children in it; others in one of their own kin."""
        found: list[Registry | None] = []
        for i, slot in enumerate(shape.slots):
            registry = None if nations[i] else self._registry(shape, i, slot, names, nations, found)
            found.append(registry)
        return found

    def _registry(
        self,
        shape: Shape,
        i: int,
        slot: Slot,
        names: list[Name],
        nations: Sequence[str | None],
        before: list[Registry | None],
    ) -> Registry:
        married = _is_married(shape, slot)
        if married and nations[slot.spouse] is None:
            known = before[slot.spouse] if slot.spouse < i else None
            return known or self._new_registry(self._first_named(shape, i, slot, names))
        for parent in (slot.father, slot.mother):
            if not married and 0 <= parent < i and shape.slots[i].relation in (CHILD, GRANDCHILD):
                registry = before[parent]
                if registry is not None and names[parent].surname == names[i].surname:
                    return registry
        if married or slot.age >= 50 or self.name_rng.random() < 0.3:
            return self._new_registry(names[i].text)
        father, _ = naming.given(self.name_rng, MALE, self.on.year - slot.age - 31)
        return self._new_registry(f"{names[i].surname}　{father}")

    def _first_named(self, shape: Shape, i: int, slot: Slot, names: list[Name]) -> str:
        """The husband, where the couple bears his name: 19 couples of 20."""
        husband = i if slot.sex == MALE else slot.spouse
        wife = slot.spouse if slot.sex == MALE else i
        return names[husband if self.name_rng.random() < 0.95 else wife].text

    def _new_registry(self, first: str) -> Registry:
        rng = self.place_rng
        here = (self.town,) if rng.random() < _REGISTER_HERE else ()
        return Registry(draw_place(rng, here), first)

    def _foreigners(self, shape: Shape, births: list[int], origin: _Origin) -> list[Foreign | None]:
        if not any(origin.nations):
            return [None] * len(origin.nations)
        rng = self.class_rng
        alias = naming.surname(rng)
        found: list[Foreign | None] = []
        for slot, born, nation in zip(shape.slots, births, origin.nations, strict=True):
            if nation is None:
                found.append(None)
                continue
            role = status.Role(nation, slot.sex, born, not origin.foreign, origin.settled)
            found.append(
                status.resident(rng, role, alias, special=origin.special, today=self.today)
            )
        return found

    def _measure(self, shape: Shape) -> Measure | None:
        rng = self.class_rng
        if rng.random() >= self.chances.measure(shape):
            return None
        since = date.fromordinal(self.today - int(rng.random() * 365))
        ground = status.ground(rng, single=shape.kind == "single")
        return Measure(ground, since, status.a_year_after(since))


_ENTERED = _FOREIGNERS_ENTER.toordinal()
_WIVES_KEEP_NAMES = frozenset({"中国", "台湾", "韓国", "ベトナム", "ミャンマー", "インドネシア"})


def _unlike(names: Sequence[Name], draw: Callable[[], Name]) -> Name:
    """A name whose given name nobody in the household has yet, if that can be had."""
    name = draw()
    for _ in range(20):
        if all(name.given != other.given for other in names):
            break
        name = draw()
    return name


def _is_married(shape: Shape, slot: Slot) -> bool:
    if slot.spouse < 0:
        return False
    return not (slot.unregistered or shape.slots[slot.spouse].unregistered)


def _ties(shape: Shape, slot: Slot, first: int) -> Ties:
    """The slot's indices as person ids; an absent parent is a negative number of its household."""
    mate = first + slot.spouse if slot.spouse >= 0 else None
    married = _is_married(shape, slot)
    return Ties(
        mother=_parent(slot.mother, first, -2),
        father=_parent(slot.father, first, -1),
        spouse=mate if married else None,
        partner=None if married else mate,
    )


def _parent(index: int, first: int, offset: int) -> int | None:
    if index == NOBODY:
        return None
    return -2 * first + offset if index == ABSENT else first + index


def _takes_husbands_name(shape: Shape, i: int) -> bool:
    return i + 1 < len(shape.slots) and shape.slots[i + 1].relation == CHILDS_HUSBAND


def _first(*indices: int) -> int:
    return next(i for i in indices if i >= 0)


def _tenure(age: int) -> float:
    """Mean years at one address, by the head's age (Housing and Land Survey, smoothed)."""
    return min(max((age - 18) * 0.45, 1.5), 28.0)


def _years_before(on: date, years: int) -> int:
    day = on.day if (on.month, on.day) != (2, 29) else 28
    return (date(on.year - years, on.month, day) + timedelta(days=on.day - day)).toordinal()
