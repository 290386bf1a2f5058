"""Moves (転入, 転出, 転居, 世帯変更): who goes where, with whom, and who is head afterwards.

A household moves as a whole, or a grown child, a lodger, a young family of a larger household or,
seldom, a head alone. A move to another town is planned at one desk and ends at another; until
then nothing else happens to the household. A head who leaves others behind hands the headship
over before, or the household stands open for some days.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from random import Random

from jukinet.world import ages, rates
from jukinet.world.day import Day, late
from jukinet.world.events import (
    Cancellation,
    Event,
    HouseholdChange,
    MoveIn,
    MoveInside,
    MoveOut,
)
from jukinet.world.people import HEAD, LODGER, MALE, Address, Person
from jukinet.world.population import Home
from jukinet.world.shapes import NOBODY, Shape, weighted
from jukinet.world.towns import draw_address

# What weddings, divorces, flights and returns add is taken off the totals before scaling.
_BETWEEN_BY_OTHER_CAUSES = 0.0016
_WITHIN_BY_OTHER_CAUSES = 0.0042


def between_towns(day: Day) -> list[Event]:
    """Move-outs that are notified today."""
    if len(day.atlas.codes) < 2 or not rates.is_desk_day(day.today):
        return []
    season = rates.season(rates.MOVES_BY_MONTH, day.today)
    total = rates.BETWEEN_TOWNS - _BETWEEN_BY_OTHER_CAUSES
    rng = day.rng("moves between towns")
    return [
        event
        for group in _movers(day, rng, total, season, alone=True)
        for event in move_out(day, rng, group, *_destination(day, rng, group))
    ]


def within_town(day: Day) -> list[Event]:
    """Moves inside a town that are notified today."""
    if not rates.is_desk_day(day.today):
        return []
    season = 1 + (rates.season(rates.MOVES_BY_MONTH, day.today) - 1) / 2
    total = rates.WITHIN_TOWN - _WITHIN_BY_OTHER_CAUSES
    rng = day.rng("moves within towns")
    events: list[Event] = []
    for group in _movers(day, rng, total, season, alone=False):
        home = day.people.home_of(group[0])
        join = parents_home(day, rng, group, home.address.town, 0.08)
        events += move_inside(day, rng, group, join)
    return events


def household_changes(day: Day) -> list[Event]:
    """Heads handed over, households split and merged at one address."""
    rng = day.rng("household changes")
    events: list[Event] = []
    for _ in range(day.count(rng, rates.HOUSEHOLD_CHANGES, rates.desk_hours(day.today))):
        person = day.search(rng, lambda p: float(p.relation == HEAD and day.age(p.id) >= 18))
        if person is None:
            continue
        home = day.people.home_of(person.id)
        if rng.random() < 0.5:
            events += _new_head(day, rng, home)
        elif rng.random() < 0.75:
            events += _split(day, rng, home)
    return events


# --- the parts of a move, also used by weddings, divorces and flights -------------------------


def relocate(
    day: Day, rng: Random, group: Sequence[int], *, town: str = "", join: int = 0, then: str = ""
) -> list[Event]:
    """Move a group to a household, a town, or somewhere in the same town."""
    here = day.people.home_of(group[0]).address.town
    there = day.people.homes[join].address.town if join else town or here
    if there == here:
        events = move_inside(day, rng, group, join)
        if then:
            day.plans.add(day.later_at_desk(rng.random() * 6), then, tuple(group))
        return events
    return move_out(day, rng, group, there, join, then)


def move_out(
    day: Day, rng: Random, group: Sequence[int], town: str, join: int = 0, then: str = ""
) -> list[Event]:
    """Notify a move-out (art. 24), mostly beforehand, and plan what comes of it."""
    home = day.people.home_of(group[0])
    events: list[Event] = []
    if home.head in group and len(group) < len(home.members) and rng.random() < 0.5:
        events += hand_over(day, rng, home, group)
    planned = rng.random() < 0.85
    leaves = day.later(rng.random() * 14) if planned else day.happened(rng.random() * 10, home)
    address = draw_address(rng, day.atlas.towns[town])
    filed = day.filed(rng, home, leaves, group, office=False)
    event = MoveOut(
        **filed, persons=tuple(group), household=home.id, to_town=town, to_address=address.text
    )
    home.busy = True
    if planned and rng.random() < rates.WITHDRAWN_MOVE_OUT and not then:
        days = 1 + rng.random() * (leaves - day.today).days
        day.plans.add(day.later_at_desk(days), "withdraw", event.key, home.id, tuple(group))
        return [*events, event]
    if rng.random() < rates.ELSEWHERE_AFTER_ALL and len(day.atlas.codes) > 2:
        third = day.atlas.elsewhere(rng, town)
        if third != home.address.town:
            town, join = third, 0
            address = draw_address(rng, day.atlas.towns[town])
    arrives = leaves + timedelta(days=int(rng.random() * 2.5))
    notice = rates.desk_day(max(arrives, day.later(1)) + timedelta(days=int(late(rng))))
    args = (event.key, tuple(group), address, join, arrives.toordinal(), then)
    day.plans.add(notice, "arrive", *args)
    return [*events, event]


def arrive(
    day: Day,
    rng: Random,
    key: str,
    group: tuple[int, ...],
    address: Address,
    join: int,
    arrived: int,
    then: str,
) -> list[Event]:
    """Notify a move-in (art. 22): the new town enters, the old one deletes."""
    people, old = day.people, day.people.home_of(group[0])
    join = join if _can_join(day, join, address.town) else 0
    home = people.homes[join] if join else people.new_home(address, old.last)
    on = min(max(date.fromordinal(arrived), home.last, old.last), day.today)
    head, origin, left = old.head, old.address, old.id
    old.busy = False
    people.rehouse(group, home)
    for person in group:
        _moved(day, person, on, origin.text, new_town=True)
    _lead(day, home, group, head)
    is_open = left in people.homes and _left_behind(day, rng, people.homes[left], on)
    filed = day.filed(rng, home, on, group, office=False)
    event = MoveIn(
        **filed,
        persons=group,
        records=people.changed(),
        household=home.id,
        joined=bool(join),
        from_town=origin.town,
        from_household=left,
        move_out=key,
        head_open=is_open,
    )
    if then:
        day.plans.add(day.later_at_desk(rng.random() * 5), then, group)
    return [event]


def withdraw(day: Day, rng: Random, key: str, home: int, group: tuple[int, ...]) -> list[Event]:
    """The move-out is not to be: its notification is cancelled."""
    place = day.people.homes[home]
    place.busy = False
    filed = day.filed(rng, place, day.today, group, office=False)
    return [Cancellation(**filed, persons=group, of=key)]


def move_inside(day: Day, rng: Random, group: Sequence[int], join: int = 0) -> list[Event]:
    """Notify a move inside the town (art. 23), within 14 days after for the most part."""
    people, home = day.people, day.people.home_of(group[0])
    town = home.address.town
    join = join if join != home.id and _can_join(day, join, town) else 0
    whole = len(group) == len(home.members)
    if whole and not join:
        return _whole_home_inside(day, rng, home, tuple(group))
    events: list[Event] = []
    if home.head in group and not whole:
        events += hand_over(day, rng, home, group)
    target = people.homes[join] if join else None
    on = day.happened(late(rng), home, *([target] if target else []))
    if target is None:
        target = people.new_home(draw_address(rng, day.atlas.towns[town]), on)
    old, head, previous = home.id, home.head, home.address.text
    people.rehouse(group, target)
    for person in group:
        _moved(day, person, on, previous, new_town=False)
    _lead(day, target, group, head)
    home.last = max(home.last, on)
    filed = day.filed(rng, target, on, group, office=False)
    moved = MoveInside(
        **filed,
        persons=tuple(group),
        records=people.changed(),
        household=target.id,
        from_household=old,
        joined=bool(join),
    )
    return [*events, moved]


def undo_move(
    day: Day, rng: Random, key: str, home: int, before: tuple[Person, ...]
) -> list[Event]:
    """A move inside was entered by mistake: everything is as it was."""
    people, place = day.people, day.people.homes[home]
    place.busy, place.address = False, before[0].address
    for person in before:
        people.put(replace(person, ties=people.people[person.id].ties))
    group = tuple(person.id for person in before)
    filed = day.filed(rng, place, day.today, group, office=True)
    return [Cancellation(**filed, persons=group, records=people.changed(), of=key)]


def hand_over(day: Day, rng: Random, home: Home, leaving: Sequence[int] = ()) -> list[Event]:
    """Notify another head (art. 25), somebody who stays."""
    heir = day.people.heir(home, day.today, before=home.head, leaving=leaving)
    day.people.lead(home, heir)
    filed = day.filed(rng, home, day.today, (heir,), office=False)
    change = HouseholdChange(
        **filed,
        persons=(heir,),
        records=day.people.changed(),
        kind="head",
        household=home.id,
        from_household=home.id,
        new_head=heir,
    )
    return [change]


def leave_open(day: Day, rng: Random, home: Home, since: date) -> None:
    """Nobody is head for some days, at most 14 from the event where that is still possible."""
    home.busy = True
    rest = (since + timedelta(days=14) - day.today).days
    due = day.later(1 + rng.random() * max(rest - 3, 0))
    day.plans.add(rates.desk_day(due), "name head", home.id)


def name_head(day: Day, rng: Random, home: int) -> list[Event]:
    """The family names the head that it owed."""
    place = day.people.homes[home]
    place.busy = False
    heir = day.people.heir(place, day.today)
    day.people.lead(place, heir)
    filed = day.filed(rng, place, day.today, (heir,), office=False)
    change = HouseholdChange(
        **filed,
        persons=(heir,),
        records=day.people.changed(),
        kind="head",
        household=home,
        from_household=home,
        new_head=heir,
    )
    return [change]


# --- who moves ------------------------------------------------------------------------------


def _movers(
    day: Day, rng: Random, total: float, season: float, *, alone: bool
) -> list[tuple[int, ...]]:
    """Groups that move today, so that persons move at the yearly rate `total`."""
    by_age, scale = ages.moving(), total / _moving_share(day.today.year)
    peak = max(by_age)
    factor = season * rates.desk_hours(day.today)
    groups: list[tuple[int, ...]] = []
    taken: set[int] = set()
    for _ in range(day.count(rng, peak * scale, factor)):
        person = day.pick(rng)
        if rng.random() * peak >= by_age[min(day.age(person.id), ages.OLDEST)]:
            continue
        group = _group(day, rng, person, alone=alone) if day.is_free(person.id) else ()
        if group and person.household not in taken:
            taken.add(person.household)
            groups.append(group)
    return groups


@cache
def _moving_share(year: int) -> float:
    """Moves per resident if every initiator moved at the rate of `ages.moving`: heads take all."""
    pool, by_age = weighted(year), ages.moving()

    def persons(shape: Shape) -> float:
        head, *others = shape.slots
        grown = (s for s in others if s.age >= 18 and s.spouse == NOBODY)
        return by_age[head.age] * len(shape.slots) + sum(by_age[s.age] for s in grown)

    return pool.mean(persons) / pool.mean(lambda shape: len(shape.slots))


def _group(day: Day, rng: Random, person: Person, *, alone: bool) -> tuple[int, ...]:
    """Who moves if this person decides to; empty where that is not for him or her to decide."""
    people, home = day.people, day.people.home_of(person.id)
    if person.id == home.head:
        if (
            alone
            and people.with_mate(person.id)
            and day.age(person.id) < 62
            and rng.random() < 0.08
        ):
            return (person.id,)
        return tuple(home.members)
    if day.age(person.id) < 18:
        return ()
    mate = people.with_mate(person.id)
    if mate is not None and (mate == home.head or person.id > mate):
        return ()
    children = people.children_at_home(person.id, under=18 if mate is None else 30, on=day.today)
    group = (person.id, *([mate] if mate is not None else []), *children)
    return group if may_stay(day, home, group) else ()


def may_stay(day: Day, home: Home, leaving: Sequence[int]) -> bool:
    """Whether those who stay can: nobody, or somebody of age among them."""
    stay = [member for member in home.members if member not in leaving]
    return not stay or bool(day.people.adults(stay, day.today))


def _destination(day: Day, rng: Random, group: Sequence[int]) -> tuple[str, int]:
    """A town, and the household to join: now and then a grown child goes back to the parents."""
    here = day.people.home_of(group[0]).address.town
    if len(group) == 1:
        parents = parents_home(day, rng, group, "", 0.12)
        if parents and day.people.homes[parents].address.town != here:
            return day.people.homes[parents].address.town, parents
    return day.atlas.elsewhere(rng, here), 0


def parents_home(day: Day, rng: Random, group: Sequence[int], town: str, chance: float) -> int:
    """The household of a parent who lives apart, in `town` if it is given; 0 for none."""
    if len(group) != 1 or rng.random() >= chance:
        return 0
    here = day.people.people[group[0]].household
    line = day.people.lineage[group[0]]
    for parent in (line.mother, line.father):
        if parent in day.people.people and parent is not None:
            home = day.people.home_of(parent)
            if home.id != here and not home.busy and (not town or home.address.town == town):
                return home.id
    return 0


# --- helpers ----------------------------------------------------------------------------------


def _can_join(day: Day, join: int, town: str) -> bool:
    home = day.people.homes.get(join)
    return home is not None and not home.busy and home.head != 0 and home.address.town == town


def _moved(day: Day, person: int, on: date, previous: str, *, new_town: bool) -> None:
    value = day.people.people[person]
    moved = replace(value, address_since=on, notified=day.today, previous=previous)
    day.people.put(replace(moved, resident_since=on) if new_town else moved)


def _lead(day: Day, home: Home, group: Sequence[int], former_head: int) -> None:
    """In a new household the old head leads, or a husband, or the eldest; others are guests."""
    people = day.people
    if home.head:
        people.relate(home, group)
        return
    head = former_head if former_head in group else people.heir(home, day.today)
    mate = people.with_mate(head)
    if former_head not in group and mate is not None and people.people[mate].sex == MALE:
        head = mate
    people.lead(home, head)


def _left_behind(day: Day, rng: Random, home: Home, since: date) -> bool:
    """See to those who stay when others have gone; whether they now owe a head."""
    home.last = max(home.last, since)
    if not day.people.settle(home, day.today):
        return False
    leave_open(day, rng, home, since)
    return True


def _whole_home_inside(day: Day, rng: Random, home: Home, group: tuple[int, ...]) -> list[Event]:
    people = day.people
    before = tuple(people.people[person] for person in group)
    on, previous = day.happened(late(rng), home), home.address.text
    home.address = draw_address(rng, day.atlas.towns[home.address.town])
    for person in group:
        people.put(replace(people.people[person], address=home.address))
        _moved(day, person, on, previous, new_town=False)
    filed = day.filed(rng, home, on, group, office=False)
    event = MoveInside(
        **filed,
        persons=group,
        records=people.changed(),
        household=home.id,
        from_household=home.id,
        joined=False,
    )
    if rng.random() < rates.MISTAKEN_MOVE_INSIDE:
        home.busy = True
        due = day.later_at_desk(1 + rng.random() * 5)
        day.plans.add(due, "undo move", event.key, home.id, before)
    return [event]


def _new_head(day: Day, rng: Random, home: Home) -> list[Event]:
    grown = [m for m in day.people.adults(home.members, day.today) if m != home.head]
    return hand_over(day, rng, home) if grown else []


def _split(day: Day, rng: Random, home: Home) -> list[Event]:
    """A grown member who is not the head's spouse becomes a household of his or her own."""
    people = day.people
    apart = [
        member
        for member in people.adults(home.members, day.today)
        if member not in (home.head, people.with_mate(home.head))
    ]
    if not apart:
        return []
    person = apart[int(rng.random() * len(apart))]
    mate = people.with_mate(person)
    children = people.children_at_home(person, under=18, on=day.today)
    group = tuple(dict.fromkeys((person, *([mate] if mate else []), *children)))
    if home.head in group:
        return []
    lodger = people.people[person].relation == LODGER
    on = day.happened(late(rng), home)
    new = people.new_home(home.address, on)
    people.rehouse(group, new)
    _lead(day, new, group, 0)
    home.last = max(home.last, on)
    filed = day.filed(rng, new, on, group, office=False)
    event = HouseholdChange(
        **filed,
        persons=group,
        records=people.changed(),
        kind="split",
        household=new.id,
        from_household=home.id,
        new_head=new.head,
    )
    if rng.random() < 0.5 and not lodger:
        day.plans.add(day.later_at_desk(30 + rng.random() * 700), "merge", new.id, home.id)
    return [event]


def merge(day: Day, rng: Random, apart: int, into: int) -> list[Event]:
    """Two households at one address become one again, if they still are there."""
    people = day.people
    small, large = people.homes.get(apart), people.homes.get(into)
    if small is None or large is None or small.address != large.address:
        return []
    if small.busy or large.busy or not large.head or not small.head:
        return []
    group = tuple(small.members)
    on = day.happened(late(rng), small, large)
    people.rehouse(group, large)
    people.relate(large, group)
    filed = day.filed(rng, large, on, group, office=False)
    event = HouseholdChange(
        **filed,
        persons=group,
        records=people.changed(),
        kind="merge",
        household=large.id,
        from_household=apart,
        new_head=None,
    )
    return [event]
