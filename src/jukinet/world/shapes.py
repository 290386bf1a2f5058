"""Shapes (世帯の姿): which people live together, as relation, sex and age, before they have names.

A pool of plausible households is drawn once, with parents older than their children; then each
shape gets a weight, so that the pool as a whole has the census's kinds and sizes of household
and exactly the age and sex structure of the year (raking, Deming and Stephan 1940, in its
exponential form).

>>> pool = weighted(2025)
>>> round(sum(w for w, s in zip(pool.weights, pool.shapes) if s.kind == "single"), 3)
0.38
"""

from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from random import Random
from typing import NamedTuple

import numpy as np

from jukinet.world import ages
from jukinet.world.ages import Floats
from jukinet.world.people import (
    CHILD,
    CHILDS_HUSBAND,
    CHILDS_WIFE,
    FATHER,
    FEMALE,
    GRANDCHILD,
    HEAD,
    HUSBAND,
    HUSBAND_UNREGISTERED,
    LODGER,
    MALE,
    MOTHER,
    RELATIVE,
    WIFE,
    WIFE_UNREGISTERED,
)

KINDS: dict[str, float] = {
    "single": 0.380,
    "couple": 0.200,
    "couple with children": 0.250,
    "single parent": 0.090,
    "three generations": 0.042,
    "other kin": 0.028,
    "not kin": 0.010,
}
"""Kinds of household and their share of all households (census 2020, private households)."""

SIZES: dict[int, float] = {3: 0.166, 4: 0.119, 5: 0.038}
"""Households of three, four and five and their share (census 2020); one person is "single"."""

NOBODY = -1
ABSENT = -2

_POOL_SIZE = 24_000
_UNREGISTERED = 0.025  # of couples living together
_WIFE_HEADS = 0.05  # of couples


class Slot(NamedTuple):
    """One place in a shape; `spouse`, `mother`, `father` are indices, NOBODY or ABSENT.

    ABSENT is a parent who lives elsewhere or is dead, shared by brothers and sisters.
    """

    relation: str
    sex: str
    age: int
    spouse: int = NOBODY
    mother: int = NOBODY
    father: int = NOBODY

    @property
    def unregistered(self) -> bool:
        """Whether this place is that of a common-law wife or husband."""
        return self.relation in (WIFE_UNREGISTERED, HUSBAND_UNREGISTERED)


@dataclass(frozen=True, slots=True)
class Shape:
    """A household before it has names; the head stands first."""

    kind: str
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Pool:
    """Shapes and the share of all households that has each; `cumulative` ends at 1."""

    shapes: tuple[Shape, ...] = field(repr=False)
    weights: tuple[float, ...] = field(repr=False)
    cumulative: tuple[float, ...] = field(repr=False)

    def draw(self, rng: Random) -> Shape:
        """One shape, by weight."""
        spot = bisect(self.cumulative, rng.random() * self.cumulative[-1])
        return self.shapes[min(spot, len(self.shapes) - 1)]

    def mean(self, count: Callable[[Shape], float]) -> float:
        """Mean of `count` over all households."""
        return sum(w * count(s) for w, s in zip(self.weights, self.shapes, strict=True))

    def wives(self) -> tuple[float, ...]:
        """Share of women who live with a husband, by age 0 to ages.OLDEST, in five-year groups."""
        women, wives = [1e-9] * 22, [0.0] * 22
        for weight, shape in zip(self.weights, self.shapes, strict=True):
            for slot in shape.slots:
                if slot.sex == FEMALE:
                    women[slot.age // 5] += weight
                    wives[slot.age // 5] += weight * (slot.spouse >= 0)
        shares = [w / n for w, n in zip(wives, women, strict=True)]
        return tuple(shares[age // 5] for age in range(ages.OLDEST + 1))


@cache
def weighted(year: int) -> Pool:
    """The pool of shapes, weighted for the age and sex structure of `year`."""
    shapes = _pool()
    weights = _raked(shapes, year)
    return Pool(shapes, tuple(weights), tuple(accumulate(weights)))


def _raked(shapes: tuple[Shape, ...], year: int) -> list[float]:
    """Weights closest to the drawn shares that meet kinds, sizes and every cell of age and sex.

    Newton's method on the dual: w = w0 exp(A x), solved for A'w = b. A cell's column counts its
    members less its share of the household's size, so b is 0 there and the kind's share after.
    """
    counts = np.array([_cells(shape) for shape in shapes], dtype=float)
    cells = counts - np.outer(counts.sum(axis=1), _structure(year))
    kinds = np.array([[float(shape.kind == kind) for kind in KINDS] for shape in shapes])
    sizes = np.array([[float(len(shape.slots) == size) for size in SIZES] for shape in shapes])
    table = np.hstack([cells[:, 1:], kinds, sizes])
    want = np.array([0.0] * (cells.shape[1] - 1) + [*KINDS.values(), *SIZES.values()])
    drawn = kinds @ (np.array(list(KINDS.values())) / kinds.sum(axis=0))
    dual = np.zeros(table.shape[1])
    for _ in range(40):
        weights = drawn * np.exp(np.clip((table * dual).sum(axis=1), -30, 30))
        by_weight = table * weights[:, None]
        gap = by_weight.sum(axis=0) - want
        if np.abs(gap).max() < 1e-9:
            break
        slope = _product(table, by_weight) + 1e-9 * np.eye(len(dual))
        step = np.linalg.solve(slope, gap)
        dual -= step * min(1.0, 2.0 / np.abs((table * step).sum(axis=1)).max())
    # Rounded, so that another machine's linear algebra does not make another world.
    return [round(float(weight), 11) for weight in weights / weights.sum()]


def _product(left: Floats, right: Floats) -> Floats:
    """left.T @ right in small blocks, which a linear algebra library does in one thread.

    So the sums are the same on every machine, and a busy one is not slowed down by many threads.
    """
    blocks = range(0, len(left), 64)
    product: Floats = np.sum([left[i : i + 64].T @ right[i : i + 64] for i in blocks], axis=0)
    return product


# First ages of the groups: narrower where a year more makes dying much likelier.
_GROUPS = (*range(0, 80, 5), *range(80, 102, 3))


def _cell(sex: str, age: int) -> int:
    return (bisect(_GROUPS, age) - 1) * 2 + (sex == FEMALE)


def _cells(shape: Shape) -> list[int]:
    row = [0] * (len(_GROUPS) * 2)
    for slot in shape.slots:
        row[_cell(slot.sex, slot.age)] += 1
    return row


def _structure(year: int) -> list[float]:
    row = [0.0] * (len(_GROUPS) * 2)
    for age, (share, men) in enumerate(zip(ages.structure(year), ages.men(), strict=True)):
        row[_cell(MALE, age)] += share * men
        row[_cell(FEMALE, age)] += share * (1 - men)
    return row


@cache
def _pool() -> tuple[Shape, ...]:
    rng = Random("shapes of households")
    makers: dict[str, Callable[[Random], list[Slot]]] = {
        "single": _single,
        "couple": _couple,
        "couple with children": _family,
        "single parent": _single_parent,
        "three generations": _three_generations,
        "other kin": _other_kin,
        "not kin": _not_kin,
    }
    floor = 1_000
    return tuple(
        Shape(kind, tuple(makers[kind](rng)))
        for kind, share in KINDS.items()
        for _ in range(max(round(share * _POOL_SIZE), floor))
    )


def _single(rng: Random) -> list[Slot]:
    low, high = ((18, 34), (35, 64), (65, 102))[int(rng.random() * 3)]
    return [Slot(HEAD, _sex(rng), rng.randint(low, high))]


def _couple(rng: Random) -> list[Slot]:
    wife = rng.randint(21, 50) if rng.random() < 0.4 else round(rng.triangular(30, 94, 72))
    return _as_couple(rng, wife, max(_husbands_age(rng, wife), 20))


def _as_couple(rng: Random, wife: int, husband: int) -> list[Slot]:
    """Head and spouse; the husband is the head of most couples."""
    wed = rng.random() >= _UNREGISTERED
    if rng.random() < _WIFE_HEADS:
        second = HUSBAND if wed else HUSBAND_UNREGISTERED
        return [Slot(HEAD, FEMALE, wife, 1), Slot(second, MALE, husband, 0)]
    second = WIFE if wed else WIFE_UNREGISTERED
    return [Slot(HEAD, MALE, husband, 1), Slot(second, FEMALE, wife, 0)]


def _family(rng: Random) -> list[Slot]:
    wife, husband, children = _parents_and_children(rng, oldest_child=45)
    pair = _as_couple(rng, wife, husband)
    mother = 0 if pair[0].sex == FEMALE else 1
    young = [Slot(CHILD, _sex(rng), age, NOBODY, mother, 1 - mother) for age in children]
    return pair + young


def _single_parent(rng: Random) -> list[Slot]:
    mother, father, children = _parents_and_children(rng, oldest_child=66)
    sex, age = (FEMALE, mother) if rng.random() < 0.86 else (MALE, father)
    if children[0] >= 35 and rng.random() < 0.4:
        return _child_as_head(rng, sex, age, children[0])
    ties = (0, NOBODY) if sex == FEMALE else (NOBODY, 0)
    return [Slot(HEAD, sex, age)] + [Slot(CHILD, _sex(rng), a, NOBODY, *ties) for a in children]


def _child_as_head(rng: Random, sex: str, age: int, child: int) -> list[Slot]:
    ties = (1, NOBODY) if sex == FEMALE else (NOBODY, 1)
    head = Slot(HEAD, _sex(rng), child, NOBODY, *ties)
    return [head, Slot(MOTHER if sex == FEMALE else FATHER, sex, age)]


def _three_generations(rng: Random) -> list[Slot]:
    wife, husband, children = _parents_and_children(rng, oldest_child=24)
    sons_home = rng.random() < 0.8
    elders = _elders(rng, husband if sons_home else wife)
    if rng.random() < 0.5:
        return _grandparent_as_head(rng, elders, sons_home, wife, husband, children)
    return _parent_as_head(rng, elders, sons_home, wife, husband, children)


def _grandparent_as_head(
    rng: Random,
    elders: list[tuple[str, int]],
    sons_home: bool,
    wife: int,
    husband: int,
    children: list[int],
) -> list[Slot]:
    slots = [Slot(HEAD, *elders[0], 1 if len(elders) == 2 else NOBODY)]
    if len(elders) == 2:
        slots.append(Slot(WIFE, *elders[1], 0))
    mother = next((i for i, slot in enumerate(slots) if slot.sex == FEMALE), NOBODY)
    father = next((i for i, slot in enumerate(slots) if slot.sex == MALE), NOBODY)
    at = len(slots)
    alone = rng.random() < 0.2
    sex, age, other = (MALE, husband, wife) if sons_home else (FEMALE, wife, husband)
    slots.append(Slot(CHILD, sex, age, NOBODY if alone else at + 1, mother, father))
    if not alone:
        relation = CHILDS_WIFE if sons_home else CHILDS_HUSBAND
        slots.append(Slot(relation, FEMALE if sons_home else MALE, other, at))
    partner = NOBODY if alone else at + 1
    ties = (partner, at) if sons_home else (at, partner)
    return slots + [Slot(GRANDCHILD, _sex(rng), a, NOBODY, *ties) for a in children]


def _parent_as_head(
    rng: Random,
    elders: list[tuple[str, int]],
    sons_home: bool,
    wife: int,
    husband: int,
    children: list[int],
) -> list[Slot]:
    after = 2 + len(children)
    places = {sex: after + i for i, (sex, _) in enumerate(elders)}
    parents = (places.get(FEMALE, NOBODY), places.get(MALE, NOBODY))
    nobody = (NOBODY, NOBODY)
    slots = [
        Slot(HEAD, MALE, husband, 1, *(parents if sons_home else nobody)),
        Slot(WIFE, FEMALE, wife, 0, *(nobody if sons_home else parents)),
    ]
    slots += [Slot(CHILD, _sex(rng), age, NOBODY, 1, 0) for age in children]
    side = "" if sons_home else "妻の"
    pair = len(elders) == 2
    for i, (sex, age) in enumerate(elders):
        relation = side + (FATHER if sex == MALE else MOTHER)
        slots.append(Slot(relation, sex, age, after + 1 - i if pair else NOBODY))
    return slots


def _other_kin(rng: Random) -> list[Slot]:
    if rng.random() < 0.6:
        wife = rng.randint(38, 68)
        husband = _husbands_age(rng, wife)
        sons_home = rng.random() < 0.75
        elders = _elders(rng, husband if sons_home else wife)
        return _parent_as_head(rng, elders, sons_home, wife, husband, [])
    return _siblings(rng)


def _siblings(rng: Random) -> list[Slot]:
    age, sex = rng.randint(24, 88), _sex(rng)
    gap = rng.choice((-7, -5, -4, -3, -2, 2, 3, 4, 5, 7))
    other = _sex(rng)
    older = ("兄", "弟") if other == MALE else ("姉", "妹")
    head = Slot(HEAD, sex, age, NOBODY, ABSENT, ABSENT)
    return [head, Slot(older[gap < 0], other, age + gap, NOBODY, ABSENT, ABSENT)]


def _not_kin(rng: Random) -> list[Slot]:
    relation = LODGER if rng.random() < 0.7 else RELATIVE
    others = 1 if rng.random() < 0.85 else 2
    head = Slot(HEAD, _sex(rng), rng.randint(22, 80))
    return [head] + [Slot(relation, _sex(rng), rng.randint(19, 75)) for _ in range(others)]


def _parents_and_children(rng: Random, oldest_child: int) -> tuple[int, int, list[int]]:
    """Ages of mother, father and children (the eldest first), two years apart at least."""
    while True:
        youngest = int(rng.random() ** 1.5 * (oldest_child + 1))
        children = [youngest]
        while len(children) < 5 and rng.random() < (0.62, 0.25, 0.17, 0.12)[len(children) - 1]:
            children.append(children[-1] + 2 + int(rng.expovariate(1.1)))
        children.reverse()
        if youngest >= 25 and len(children) > 1 and rng.random() < 0.6:
            children = children[-1:]
        mother = children[0] + round(rng.gauss(29.5, 4.8))
        father = _husbands_age(rng, mother)
        grown = min(mother, father) - children[0] >= 18
        if grown and mother - youngest <= 46 and max(mother, father) <= 98:
            return mother, father, children


def _elders(rng: Random, child: int) -> list[tuple[str, int]]:
    """One or two parents of somebody aged `child`: sex and age, the man first."""
    woman = min(child + max(round(rng.gauss(27, 4)), 18), 102)
    man = min(max(_husbands_age(rng, woman), child + 18), 102)
    kind = rng.random()
    if kind < 0.45:
        return [(MALE, man), (FEMALE, woman)]
    return [(FEMALE, woman)] if kind < 0.88 else [(MALE, man)]


def _husbands_age(rng: Random, wife: int) -> int:
    return max(wife + round(rng.gauss(1.7, 3.3)), 18)


def _sex(rng: Random) -> str:
    return MALE if rng.random() < 0.5 else FEMALE
