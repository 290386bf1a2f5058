"""Population (住民): who lives where in a false world, with at most one head to a household.

It knows no chance and no calendar: others decide what happens, this applies it, keeps persons,
households and ties in step, and remembers whose record reads differently since it was last asked.

>>> from datetime import date
>>> from jukinet.world.build import build
>>> from jukinet.world.towns import choose
>>> people = Population(build(3, choose(), 100, date(2025, 1, 1)), date(2025, 1, 1))
>>> len(people.residents), people.breaches()
(100, [])
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from jukinet.world.kinship import Line, relation
from jukinet.world.people import (
    HEAD,
    LODGER,
    RELATIVE,
    Address,
    Household,
    Person,
    Surname,
    Ties,
    age_on,
)

HEAD_AGE_YEARS = 15


@dataclass(slots=True)
class Home:
    """A household as it changes.

    `head` is a person's id, 0 while one is to be named. `busy`: something about it is under way
    (a planned move, a head to be named), so nothing else may happen to its members. `last` is the
    day of its latest event; nothing older can still come to light.
    """

    id: int
    kind: str
    address: Address = field(repr=False)
    members: list[int]
    head: int
    last: date
    busy: bool = False


class Population:
    """All residents of a world, and the memory of those who were."""

    def __init__(self, households: Iterable[Household], on: date) -> None:
        self.people: dict[int, Person] = {}
        self.homes: dict[int, Home] = {}
        self.residents: list[int] = []  # in an order that depends on what happened only
        self.lineage: dict[int, Line] = {}
        self.dead: set[int] = set()
        self.abroad: dict[int, Person] = {}
        self.vanished: dict[int, Person] = {}
        self.last_births: dict[int, date] = {}  # of mothers since the world began
        self._seat: dict[int, int] = {}
        self._before: dict[int, Person | None] = {}
        for household in households:
            self._take_in(household, on)
        self.next_person = max(self.people, default=0) + 1
        self.next_home = max(self.homes, default=0) + 1
        self._before.clear()

    def _take_in(self, household: Household, on: date) -> None:
        ids = [person.id for person in household.members]
        head = 0 if household.head_open else ids[0]
        home = Home(household.id, household.kind, household.address, ids, head, on)
        self.homes[home.id] = home
        for person in household.members:
            self.enter(person)

    # --- who is who -------------------------------------------------------------------------

    def home_of(self, person: int) -> Home:
        """The household of a resident."""
        return self.homes[self.people[person].household]

    def mate(self, person: int) -> int | None:
        """The living spouse of a person, wherever he or she is."""
        spouse = self.lineage[person].spouse
        return spouse if spouse in self.lineage and spouse not in self.dead else None

    def partner(self, person: int) -> int | None:
        """The living common-law spouse of a person."""
        partner = self.lineage[person].partner
        return partner if partner in self.lineage and partner not in self.dead else None

    def with_mate(self, person: int) -> int | None:
        """Spouse or partner in the same household."""
        other = self.mate(person) or self.partner(person)
        if other is None or other not in self.people:
            return None
        return other if self.people[other].household == self.people[person].household else None

    def children_at_home(self, parent: int, *, under: int, on: date) -> list[int]:
        """A person's own children in the same household who are younger than `under`."""
        return [
            member
            for member in self.home_of(parent).members
            if parent in (self.lineage[member].mother, self.lineage[member].father)
            and age_on(on, self.people[member].birth) < under
        ]

    def adults(self, members: Iterable[int], on: date, years: int = 18) -> list[int]:
        """Those of `members` who are of age, in the same order."""
        return [m for m in members if age_on(on, self.people[m].birth) >= years]

    # --- changes ----------------------------------------------------------------------------

    def enter(self, person: Person) -> None:
        """A new resident: a value whose household exists and lists him or her already."""
        self._before.setdefault(person.id, None)
        self._seat[person.id] = len(self.residents)
        self.residents.append(person.id)
        self._write(person)

    def put(self, person: Person) -> None:
        """A resident's new value."""
        self._before.setdefault(person.id, self.people[person.id])
        self._write(person)

    def tie(self, person: int, ties: Ties) -> None:
        """New ties of somebody who lives here or abroad."""
        for place in (self.people, self.abroad, self.vanished):
            if person in place:
                place[person] = replace(place[person], ties=ties)
                self.lineage[person] = _line(place[person])

    def leave(self, persons: Sequence[int]) -> list[Person]:
        """Residents no more: out of their home, which ends when it is empty. Their last values."""
        values = [self.people[person] for person in persons]
        for person in persons:
            self._out_of_home(person)
            self._unseat(person)
            del self.people[person]
            self._before.pop(person, None)
        return values

    def rehouse(self, persons: Sequence[int], home: Home) -> None:
        """Members of one household go to another, and to its address."""
        for person in persons:
            self._out_of_home(person)
            home.members.append(person)
            value = self.people[person]
            self.put(replace(value, household=home.id, address=home.address))

    def new_home(self, address: Address, on: date, kind: str = "") -> Home:
        """An empty household."""
        home = Home(self.next_home, kind, address, [], 0, on)
        self.homes[home.id] = home
        self.next_home += 1
        return home

    def new_person(self) -> int:
        """The next person's id."""
        self.next_person += 1
        return self.next_person - 1

    def lead(self, home: Home, head: int) -> None:
        """Make a member the head, and write everybody's relation anew."""
        home.head = head
        home.members.remove(head)
        home.members.insert(0, head)
        self.relate(home, home.members)

    def open_head(self, home: Home) -> None:
        """Leave the household without a head; relations stay as they are written."""
        home.head = 0

    def relate(self, home: Home, members: Collection[int]) -> None:
        """Write the relation of these members to the head."""
        head = self.people[home.head]
        for member in list(members):
            value = self.people[member]
            strangers = LODGER in (head.relation, value.relation)
            word = relation(
                self.lineage,
                head=home.head,
                member=member,
                otherwise=LODGER if strangers else RELATIVE,
            )
            if word != value.relation:
                self.put(replace(value, relation=word))

    def estrange(self, home: Home) -> None:
        """After a divorce: who was kin of the head by it alone is a lodger until he or she goes."""
        for member in home.members:
            value = self.people[member]
            word = relation(self.lineage, head=home.head, member=member, otherwise="")
            if not word:
                word = value.relation if value.relation == RELATIVE else LODGER
            if word != value.relation:
                self.put(replace(value, relation=word))

    def settle(self, home: Home, on: date) -> bool:
        """After somebody left: a last member of fifteen or more is head; else whether one lacks."""
        if not home.members or home.head in home.members:
            return False
        if len(home.members) == 1 and self.adults(home.members, on, HEAD_AGE_YEARS):
            self.lead(home, home.members[0])
            return False
        self.open_head(home)
        return True

    def heir(self, home: Home, on: date, before: int = 0, leaving: Collection[int] = ()) -> int:
        """Who would be head next: the spouse of the one before, a grown child, the eldest."""
        stay = [m for m in home.members if m != before and m not in leaving]
        grown = self.adults(stay, on) or stay
        spouse = self.lineage[before].spouse if before else None
        if spouse in grown and spouse is not None:
            return spouse
        kin = [m for m in grown if self.people[m].relation not in (LODGER, RELATIVE)] or grown
        own = [m for m in kin if before in (self.lineage[m].mother, self.lineage[m].father)]
        return min(own or kin, key=lambda m: (self.people[m].birth, m))

    def changed(self) -> tuple[Person, ...]:
        """Whose record reads differently since the last call, as it reads now."""
        found = tuple(
            self.people[person]
            for person, before in self._before.items()
            if person in self.people and self.people[person] != before
        )
        self._before.clear()
        return found

    # --- seen from outside ------------------------------------------------------------------

    def household(self, number: int) -> Household:
        """A household as a value, the head first."""
        home = self.homes[number]
        members = tuple(self.people[member] for member in home.members)
        town = home.address.town
        return Household(home.id, town, home.kind, home.address, members, home.head == 0)

    def households(self) -> Iterator[Household]:
        """All households, in the order of their numbers."""
        return (self.household(number) for number in sorted(self.homes))

    def breaches(self) -> list[str]:
        """Every rule that the population breaks, told in numbers only; empty when it is sound."""
        return [*self._breaches_of_homes(), *self._breaches_of_persons()]

    def _breaches_of_homes(self) -> Iterator[str]:
        for home in self.homes.values():
            heads = [m for m in home.members if self.people[m].relation == HEAD]
            if not home.members:
                yield f"household {home.id} is empty"
            if heads != ([home.head] if home.head else []):
                yield f"household {home.id} has the heads {heads}, not {home.head}"
            for member in home.members:
                value = self.people[member]
                if (value.household, value.address) != (home.id, home.address):
                    yield f"person {member} is written elsewhere than in household {home.id}"
                if home.head and not self._is_related(home, member):
                    yield f"person {member} is not that to the head of household {home.id}"

    def _is_related(self, home: Home, member: int) -> bool:
        told = self.people[member].relation
        word = relation(self.lineage, head=home.head, member=member, otherwise=told)
        return word == told and (told != HEAD or member == home.head)

    def _breaches_of_persons(self) -> Iterator[str]:
        listed = [member for home in self.homes.values() for member in home.members]
        if len(listed) != len(set(listed)) or set(listed) != set(self.people):
            yield "households and people do not list the same persons once each"
        if set(self.residents) != set(self.people) or len(self.residents) != len(self.people):
            yield "the roll of residents is not that of the people"
        for person in self.people:
            if person in self.dead or person in self.abroad or person in self.vanished:
                yield f"person {person} is a resident and is gone"
            spouse = self.mate(person)
            if spouse is not None and self.lineage[spouse].spouse != person:
                yield f"person {person} is married to {spouse}, who is not to {person}"

    def _write(self, person: Person) -> None:
        self.people[person.id] = person
        self.lineage[person.id] = _line(person)

    def _out_of_home(self, person: int) -> None:
        home = self.home_of(person)
        home.members.remove(person)
        if not home.members:
            del self.homes[home.id]

    def _unseat(self, person: int) -> None:
        seat, last = self._seat.pop(person), self.residents.pop()
        if last != person:
            self.residents[seat] = last
            self._seat[last] = seat


def _line(person: Person) -> Line:
    ties, born = person.ties, person.birth.toordinal()
    return Line(person.sex, born, ties.mother, ties.father, ties.spouse, ties.partner)


def surname_of(person: Person) -> Surname:
    """A person's surname with its reading."""
    return Surname(person.name.surname, person.name.surname_kana)
