"""Rates (発生率): how often things happen, per resident and year, and when in the year and week.

Sources and assumptions stand in docs/data.md. Deaths, births and moves go by age (`ages`); what is
here are the totals. A month's or weekday's factor is relative to the mean of a year or week.

>>> round(sum(season(MOVES_BY_MONTH, date(2025, 1, 1) + timedelta(days=i)) for i in range(365)))
365
"""

from datetime import date, timedelta

BETWEEN_TOWNS = 0.040  # moves in from another municipality (2023: 4.83 M of 124.9 M residents)
WITHIN_TOWN = 0.032  # moves inside the municipality (assumed; they are not published nationwide)
MARRIAGES = 0.0040  # couples (2023: 474,717)
DIVORCES = 0.0015  # couples (2023: 183,808)
ABROAD = 0.0035  # moves abroad, three of four by foreign residents
FROM_ABROAD = 0.0052  # arrivals, six of seven of them foreign
NATURALISATIONS = 8_800 / 124.9e6
LOSSES_OF_NATIONALITY = 1_700 / 124.9e6
OTHER_NAME_CHANGES = 0.00030  # adoption, 氏・名の変更, 旧氏, 通称
HOUSEHOLD_CHANGES = 0.0045  # new head, split, merger
CODE_CHANGES = 0.0002
MEASURES_BEGUN = 0.00024  # measures; each covers one or more persons
CORRECTIONS = 0.0002  # households
DELETIONS = 0.00010  # ex officio, after a survey

RETURN_AFTER_DELETION = 0.4  # of those deleted ex officio are restored later
RENEWED_MEASURE = 0.7
CODE_AFTER_MEASURE = 0.3
WITHDRAWN_MOVE_OUT = 0.02
MISTAKEN_MOVE_INSIDE = 0.006  # of moves inside of whole households
ELSEWHERE_AFTER_ALL = 0.01  # of movers register in a third town, never in the one they named

# Share of a month against an even year.
MOVES_BY_MONTH = (0.72, 0.80, 2.05, 1.66, 0.88, 0.84, 0.90, 0.88, 0.86, 0.86, 0.78, 0.77)
DEATHS_BY_MONTH = (1.16, 1.10, 1.03, 0.97, 0.93, 0.89, 0.91, 0.94, 0.93, 0.98, 1.03, 1.13)
MARRIAGES_BY_MONTH = (0.90, 0.98, 1.20, 0.93, 1.08, 0.90, 0.93, 0.92, 0.86, 0.97, 1.32, 1.01)

_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def season(by_month: tuple[float, ...], day: date) -> float:
    """The factor of a day's month, scaled so that a year's mean is 1."""
    mean = sum(f * n for f, n in zip(by_month, _MONTH_DAYS, strict=True)) / 365
    return by_month[day.month - 1] / mean


def desk_hours(day: date) -> float:
    """Notifications at a desk: five days a week. Public holidays are left out."""
    return 7 / 5 if is_desk_day(day) else 0.0


def any_hours(day: date) -> float:
    """Notices of the family register: the night window takes them on any day, but few come."""
    return 1.24 if is_desk_day(day) else 0.4


def is_desk_day(day: date) -> bool:
    """Whether the town hall is open: Monday to Friday."""
    return day.weekday() < 5


def desk_day(day: date) -> date:
    """The first day from `day` on at which the town hall is open."""
    while not is_desk_day(day):
        day += timedelta(days=1)
    return day
