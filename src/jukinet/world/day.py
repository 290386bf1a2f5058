"""A day (一日) of a false world: its date, its chance, its plans, and the forms that are filled in.

Chance comes from the seed, the date and a purpose, so that a day's events depend on nothing but
the seed and the state before it. What is decided today and happens later is a plan; plans stand
in the order of their day, and in the order in which they were made on one day.

>>> Plans().due(date(2025, 1, 1))
[]
"""

import heapq
import math
from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import accumulate
from random import Random
from typing import Any, NamedTuple, TypedDict

from jukinet.world import rates
from jukinet.world.people import Person, age_on
from jukinet.world.population import Home, Population
from jukinet.world.towns import Town


class Plan(NamedTuple):
    """Something under way: the day (ordinal), a serial number, what it is, and its particulars."""

    due: int
    serial: int
    kind: str
    args: tuple[Any, ...]


@dataclass(slots=True)
class Plans:
    """All that is under way."""

    waiting: list[Plan] = field(default_factory=list)
    made: int = 0

    def add(self, due: date, kind: str, *args: object) -> None:
        """Something to be done on the day `due`."""
        self.made += 1
        heapq.heappush(self.waiting, Plan(due.toordinal(), self.made, kind, args))

    def due(self, day: date) -> list[Plan]:
        """What is to be done by `day`, in order; it is taken off."""
        taken: list[Plan] = []
        while self.waiting and self.waiting[0].due <= day.toordinal():
            taken.append(heapq.heappop(self.waiting))
        return taken


class Atlas:
    """The towns of a world, and how likely people are to move from one to another."""

    def __init__(self, towns: dict[str, Town]) -> None:
        self.towns = towns
        self.codes = sorted(towns)
        self._sizes = list(accumulate(towns[code].population for code in self.codes))
        self._ways: dict[str, list[float]] = {}

    def elsewhere(self, rng: Random, origin: str) -> str:
        """Another town: by size, neighbours in one prefecture three times as often."""
        if origin not in self._ways:
            weights = (self._pull(origin, code) for code in self.codes)
            self._ways[origin] = list(accumulate(weights))
        ways = self._ways[origin]
        return self.codes[bisect(ways, rng.random() * ways[-1])]

    def any_town(self, rng: Random) -> str:
        """Any town, by size."""
        return self.codes[bisect(self._sizes, rng.random() * self._sizes[-1])]

    def _pull(self, origin: str, code: str) -> float:
        if code == origin:
            return 0.0
        return self.towns[code].population * (3.0 if code[:2] == origin[:2] else 1.0)


class Filed(TypedDict):
    """What every event has besides its persons and records."""

    key: str
    town: str
    event_date: date
    notice_date: date
    who: str
    proof: str
    appeared: int | None


class Day:
    """One day at all desks of a world."""

    def __init__(
        self, seed: int, today: date, people: Population, atlas: Atlas, plans: Plans
    ) -> None:
        self.seed, self.today = seed, today
        self.people, self.atlas, self.plans = people, atlas, plans
        self.serial = 0

    def rng(self, purpose: str) -> Random:
        """The day's chance for one purpose."""
        return Random(f"{self.seed}/{self.today.isoformat()}/{purpose}")

    # --- drawing ----------------------------------------------------------------------------

    def count(self, rng: Random, yearly: float, factor: float = 1.0) -> int:
        """How often something happens today that happens `yearly` times a resident and year."""
        return poisson(rng, len(self.people.residents) * yearly * factor / 365)

    def pick(self, rng: Random) -> Person:
        """Any resident."""
        residents = self.people.residents
        return self.people.people[residents[int(rng.random() * len(residents))]]

    def search(
        self, rng: Random, suits: Callable[[Person], float], tries: int = 500
    ) -> Person | None:
        """A resident at leisure whom `suits` accepts with the chance it returns, or None."""
        if not self.people.residents:
            return None
        for _ in range(tries):
            person = self.pick(rng)
            if rng.random() < suits(person) and self.is_free(person.id):
                return person
        return None

    def is_free(self, person: int) -> bool:
        """Whether nothing else is under way in the person's household."""
        return not self.people.home_of(person).busy

    def age(self, person: int) -> int:
        """A resident's age today."""
        return age_on(self.today, self.people.people[person].birth)

    # --- dates ------------------------------------------------------------------------------

    def happened(self, days_ago: float, *homes: Home) -> date:
        """A day in the past on which something can have happened to these households."""
        day = self.today - timedelta(days=int(days_ago))
        return max([day, *(home.last for home in homes)])

    def later(self, days: float) -> date:
        """A day to come, tomorrow at the earliest."""
        return self.today + timedelta(days=max(int(days), 1))

    def later_at_desk(self, days: float) -> date:
        """A day to come on which the town hall is open."""
        return rates.desk_day(self.later(days))

    # --- forms ------------------------------------------------------------------------------

    def filed(
        self, rng: Random, home: Home, event_date: date, persons: Sequence[int], *, office: bool
    ) -> Filed:
        """A form at the desk of the household's town; `office` for what no resident notifies."""
        home.last = max(home.last, min(event_date, self.today))
        who, appeared = ("office", None) if office else self._appeared(rng, home, persons)
        self.serial += 1
        return Filed(
            key=f"{self.today.isoformat()}/{self.serial}",
            town=home.address.town,
            event_date=event_date,
            notice_date=self.today,
            who=who,
            proof="office_paper" if office else self._proof(rng, appeared),
            appeared=appeared,
        )

    def _appeared(self, rng: Random, home: Home, persons: Sequence[int]) -> tuple[str, int | None]:
        """Mostly one of those concerned comes, else somebody of the household, else a proxy."""
        own = self.people.adults(persons, self.today, 15)
        others = [m for m in self.people.adults(home.members, self.today) if m not in persons]
        chance = rng.random()
        if own and chance < (0.7 if others else 0.92):
            return "self", own[0]
        if others and chance < 0.92:
            return "household", others[0]
        return "proxy", None

    def _proof(self, rng: Random, appeared: int | None) -> str:
        chance = rng.random()
        if appeared is not None and self.people.people[appeared].foreign is not None:
            return "residence_card" if chance < 0.85 else "number_card"
        if chance < 0.55:
            return "number_card"
        if chance < 0.85:
            return "driving_licence"
        return "passport" if chance < 0.9 else "two_papers"


def late(rng: Random) -> float:
    """Days between a move and its notification: 14 at most, but late for one in sixteen."""
    if rng.random() < 0.06:
        return min(15 + rng.expovariate(1 / 20), 120.0)
    return 12.9 * math.pow(rng.random(), 1.6)


def poisson(rng: Random, mean: float) -> int:
    """A Poisson count (Knuth's product of uniforms, in pieces that do not underflow).

    >>> counts = [poisson(Random(seed), 80.0) for seed in range(200)]
    >>> poisson(Random(1), 0.0), sum(counts) // 200 in (79, 80)
    (0, True)
    """
    count = 0
    while mean > 0:
        piece = min(mean, 30.0)
        mean -= piece
        floor, product = math.exp(-piece), rng.random()
        while product > floor:
            count += 1
            product *= rng.random()
    return count


def plan_stay(day: Day, rng: Random, person: Person) -> None:
    """Plan the renewal of a foreign resident's stay that ends, some weeks before it does."""
    if person.foreign is not None and person.foreign.until is not None:
        due = person.foreign.until - timedelta(days=int(5 + rng.random() * 55))
        due = max(due, day.later(1 + rng.random() * 5))
        day.plans.add(rates.desk_day(due), "stay", person.id, person.foreign.until)
