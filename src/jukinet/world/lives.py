"""Lives (異動の発生): day by day, what happens to the residents of a false world.

`World.day` draws what the desks of all towns learn on one day, at the rates of `rates` and `ages`,
and applies it to the world's own people, so that after each day they are what correct registers
would hold. A day's events depend on the seed and on the state before it, on nothing else.

Events reach the desk in an order that a register can accept: while something about a household
is under way (a planned move, a head to be named), nothing else happens to its members, and an
event is never older than the one before it in the same household.

>>> from jukinet.world.build import build
>>> from jukinet.world.towns import choose
>>> start = date(2025, 3, 31)
>>> world = World(5, build(5, choose(), 500, start), start)
>>> all(event.notice_date == world.on for event in world.day(date(2025, 4, 1)))
True
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

from jukinet.errors import OutOfStep
from jukinet.world import borders, family, moves, office
from jukinet.world.day import Atlas, Day, Plans, plan_stay
from jukinet.world.events import Event
from jukinet.world.people import Household, Person
from jukinet.world.population import Population
from jukinet.world.towns import find

__all__ = ["Event", "World"]

_DRAWS: tuple[Callable[[Day], list[Event]], ...] = (
    family.births,
    family.deaths,
    moves.within_town,
    moves.between_towns,
    borders.abroad,
    borders.arrivals,
    family.marriages,
    family.divorces,
    family.name_changes,
    moves.household_changes,
    office.nationality,
    office.code_changes,
    office.measures,
    office.ex_officio,
)

_PLANS: dict[str, Callable[..., list[Event]]] = {
    "arrive": moves.arrive,
    "withdraw": moves.withdraw,
    "undo move": moves.undo_move,
    "name head": moves.name_head,
    "merge": moves.merge,
    "depart": borders.depart,
    "join": family.join,
    "part": family.part,
    "stay": office.stay,
    "code": office.code,
    "measure": office.begin,
    "renew measure": office.renew,
    "end measure": office.end,
    "return": office.restore,
}


class World:
    """A population that lives, moves, marries and dies.

    `households` are its people as they are at the end of the day `on`, in any number of towns;
    days follow from the next one. It can be pickled and goes on where it was.
    """

    def __init__(self, seed: int, households: Iterable[Household], on: date) -> None:
        self.seed, self.on = seed, on
        self._population = Population(households, on)
        codes = {home.address.town for home in self._population.homes.values()}
        self._atlas = Atlas(find(codes))
        self._plans = Plans()
        self._plan_what_is_under_way()

    @property
    def people(self) -> dict[int, Person]:
        """All residents by id; not to be changed by the caller."""
        return self._population.people

    @property
    def towns(self) -> tuple[str, ...]:
        """The six-digit codes of the world's towns, in order."""
        return tuple(self._atlas.codes)

    def household(self, number: int) -> Household:
        """One household as it is now. Raises KeyError where it is no more."""
        return self._population.household(number)

    def households(self) -> Iterator[Household]:
        """All households as they are now, by number; enough to begin another world with.

        That one knows nothing of plans under way or of people who are gone, and may give their
        numbers again. To go on with this one later, pickle it.
        """
        return self._population.households()

    def breaches(self) -> list[str]:
        """Rules that the population breaks, in numbers only; empty when it is sound."""
        return self._population.breaches()

    def day(self, today: date) -> list[Event]:
        """What the desks learn today, in order; `today` must be the day after the last one.

        Raises OutOfStep for any other day.
        """
        if today != self.on + timedelta(days=1):
            raise OutOfStep(f"world: the day after {self.on} comes next, not {today}")
        self.on = today
        day = Day(self.seed, today, self._population, self._atlas, self._plans)
        events = self._carry_out_plans(day)
        for draw in _DRAWS:
            events += draw(day)
        return events

    def _carry_out_plans(self, day: Day) -> list[Event]:
        rng = day.rng("plans")
        events: list[Event] = []
        for plan in self._plans.due(day.today):
            events += _PLANS[plan.kind](day, rng, *plan.args)
        return events

    def _plan_what_is_under_way(self) -> None:
        """Stays and measures that end, and households whose head is still to be named."""
        rng = Random(f"{self.seed}/{self.on.isoformat()}/under way")
        day = Day(self.seed, self.on, self._population, self._atlas, self._plans)
        for number in sorted(self._population.people):
            plan_stay(day, rng, self._population.people[number])
        for number in sorted(self._population.homes):
            home = self._population.homes[number]
            for members in _by_measure(self._population, home.members).values():
                office.plan_measure(day, rng, members[0], members[1])
            if not home.head:
                moves.leave_open(day, rng, home, self.on)


def _by_measure(
    population: Population, members: list[int]
) -> dict[Any, tuple[tuple[int, ...], date]]:
    """Members of a household under one measure, and its last day."""
    found: dict[Any, tuple[tuple[int, ...], date]] = {}
    for member in members:
        measure = population.people[member].measure
        if measure is not None:
            others = found.get(measure, ((), measure.until))[0]
            found[measure] = ((*others, member), measure.until)
    return found
