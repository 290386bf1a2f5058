"""Status (在留資格等): what a foreign resident's record adds; grounds for support measures.

Shares follow the Immigration Services Agency's count of residents at the end of 2023. Classes
are those of 法第30条の45: mid- to long-term residents, special permanent residents, temporary
refuge and provisional stay, and transitional residents by birth or by loss of nationality.

>>> from random import Random
>>> len(card(Random(1))), a_year_after(date(2024, 2, 29))
(12, datetime.date(2025, 2, 28))
"""

from bisect import bisect
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from random import Random

from jukinet.world import naming
from jukinet.world.people import (
    MALE,
    MID_TO_LONG_TERM,
    PROVISIONAL_STAY,
    SPECIAL_PERMANENT,
    TEMPORARY_REFUGE,
    TRANSITIONAL_BY_BIRTH,
    TRANSITIONAL_BY_LOSS,
    Foreign,
    Name,
    Surname,
)

PERMANENT = "永住者"
OF_A_JAPANESE = "日本人の配偶者等"
OF_A_PERMANENT = "永住者の配偶者等"
DEPENDANT = "家族滞在"
SETTLED = "定住者"
TRANSITION_DAYS = 60

# Newly come adults by status, thousands at the end of 2023; permanent residents come from settled
# homes, spouses and dependants from families.
_ADULTS: dict[str, int] = {
    "技能実習": 405,
    "技術・人文知識・国際業務": 362,
    "留学": 341,
    "特定技能": 208,
    SETTLED: 190,
    "特定活動": 74,
    "経営・管理": 38,
    "技能": 43,
    "高度専門職": 24,
    "介護": 9,
    "教育": 15,
}
SHORT: dict[str, str] = {
    "技能実習": "特定技能",
    "留学": "技術・人文知識・国際業務",
    "特定活動": "特定技能",
}
"""A status that is not for staying, and the one that those who stay most often change to."""

_NAMES = list(_ADULTS)
_CUMULATIVE = list(accumulate(_ADULTS.values()))

_YEARS: dict[str, tuple[int, ...]] = {
    "技能実習": (1, 1, 2),
    "留学": (1, 2, 2),
    "特定技能": (1, 1, 3),
    "特定活動": (1,),
    "技能": (1, 3),
}
_USUAL_YEARS = (1, 3, 3, 5)

# Share with an alias (通称) by nationality, of those who are no special permanent residents.
_ALIAS = {
    "韓国": 0.15,
    "朝鮮": 0.3,
    "中国": 0.08,
    "台湾": 0.06,
    "フィリピン": 0.1,
    "ブラジル": 0.08,
    "ペルー": 0.08,
}
_ALIAS_SPECIAL = 0.75

_LETTERS = "ABCDEFGHJKLMNPQRSTUWXYZ"
_GROUNDS = ("配偶者暴力", "ストーカー行為等", "児童虐待", "その他前記に準ずる行為")


@dataclass(frozen=True, slots=True)
class Role:
    """What decides a status: nationality, sex, birth (ordinal), Japanese kin, a settled home."""

    nationality: str
    sex: str
    born: int
    mixed: bool = False
    settled: bool = False


def special_share(nationality: str | None, age: int) -> float:
    """Share of special permanent residents among households of that nationality and head's age."""
    if nationality != "韓国":
        return 0.0
    return 0.35 if age < 30 else 0.5 if age < 45 else 0.8


def resident(rng: Random, role: Role, alias: Surname, *, special: bool, today: int) -> Foreign:
    """The foreign part of a record as it stands on `today` (ordinal)."""
    age = (today - role.born) // 365
    if special:
        return _special(rng, role, alias)
    if 0 <= today - role.born < 30:
        return by_birth(role.nationality, date.fromordinal(role.born))
    if rng.random() < 0.0012 and not role.mixed:
        return _provisional(rng, role, today)
    return admitted(rng, role, _status(rng, role, age), today - int(rng.random() * 360), alias)


def admitted(
    rng: Random, role: Role, status: str, since: int, alias: Surname | None = None
) -> Foreign:
    """A mid- to long-term resident with a status granted or renewed on `since` (ordinal)."""
    other = None
    if alias is not None and rng.random() < _ALIAS.get(role.nationality, 0.01):
        other = _alias(rng, role, alias)
    if status == PERMANENT:
        return Foreign(role.nationality, MID_TO_LONG_TERM, status, "", None, card(rng), other)
    options = _YEARS.get(status, _USUAL_YEARS)
    years = options[int(rng.random() * len(options))]
    until = date.fromordinal(since + round(years * 365.2425))
    return Foreign(
        role.nationality, MID_TO_LONG_TERM, status, f"{years}年", until, card(rng), other
    )


def renewed(rng: Random, foreign: Foreign, status: str) -> Foreign:
    """The next period after the present one, with a new card; the alias stays."""
    since = (foreign.until or date.min).toordinal()
    after = admitted(rng, Role(foreign.nationality, MALE, 0), status, since)
    return Foreign(
        foreign.nationality,
        MID_TO_LONG_TERM,
        after.status,
        after.period,
        after.until,
        after.card,
        foreign.alias,
    )


def newcomer(rng: Random) -> str:
    """The status of an adult who arrives from abroad."""
    return _NAMES[bisect(_CUMULATIVE, rng.random() * _CUMULATIVE[-1])]


def by_birth(nationality: str, birth: date) -> Foreign:
    """A child born to foreign parents: transitional for 60 days from birth."""
    until = birth + timedelta(days=TRANSITION_DAYS)
    return Foreign(nationality, TRANSITIONAL_BY_BIRTH, until=until)


def by_loss(nationality: str, lost: date) -> Foreign:
    """Somebody who has lost Japanese nationality: transitional for 60 days from that day."""
    until = lost + timedelta(days=TRANSITION_DAYS)
    return Foreign(nationality, TRANSITIONAL_BY_LOSS, until=until)


def special_child(rng: Random, nationality: str) -> Foreign:
    """A special permanent resident without an alias yet, such as a child of one."""
    return Foreign(nationality, SPECIAL_PERMANENT, SPECIAL_PERMANENT, card=card(rng))


def card(rng: Random) -> str:
    """A number as on a residence card or special permanent resident certificate."""
    letters = [_LETTERS[int(rng.random() * len(_LETTERS))] for _ in range(4)]
    return f"{letters[0]}{letters[1]}{int(rng.random() * 10**8):08d}{letters[2]}{letters[3]}"


def ground(rng: Random, *, single: bool) -> str:
    """The ground of a support measure; the shares are assumed."""
    weights = (0.5, 0.75, 0.8, 1.0) if single else (0.65, 0.72, 0.9, 1.0)
    return _GROUNDS[bisect(weights[:-1], rng.random())]


def a_year_after(day: date) -> date:
    """The last day of a year that begins with `day`; for 29 February, 28 February."""
    return day.replace(year=day.year + 1, day=min(day.day, 28) if day.month == 2 else day.day)


def _special(rng: Random, role: Role, alias: Surname) -> Foreign:
    nationality = "朝鮮" if rng.random() < 0.08 else role.nationality
    other = _alias(rng, role, alias) if rng.random() < _ALIAS_SPECIAL else None
    return Foreign(nationality, SPECIAL_PERMANENT, SPECIAL_PERMANENT, "", None, card(rng), other)


def _provisional(rng: Random, role: Role, today: int) -> Foreign:
    kind = PROVISIONAL_STAY if rng.random() < 0.8 else TEMPORARY_REFUGE
    until = date.fromordinal(today + 1 + int(rng.random() * 180))
    return Foreign(role.nationality, kind, "", "6月", until)


def _status(rng: Random, role: Role, age: int) -> str:
    if role.mixed:
        return PERMANENT if rng.random() < 0.55 else OF_A_JAPANESE
    if age < 18:
        return PERMANENT if role.settled else DEPENDANT if rng.random() < 0.8 else SETTLED
    if role.settled or age >= 60:
        return PERMANENT if rng.random() < 0.85 else OF_A_PERMANENT
    return newcomer(rng)


def _alias(rng: Random, role: Role, family: Surname) -> Name:
    return naming.japanese(rng, role.sex, date.fromordinal(role.born).year, family)
