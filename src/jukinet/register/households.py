"""Households (世帯): at every instant at most one head, and exactly one or a head to be named.

When a head dies or leaves, the household may stand without one until the day by which the family
names it (Act, art. 25: 14 days). Where one person of fifteen or more is left, that person *is* the
head; otherwise no relationship is guessed.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from jukinet.errors import Refused
from jukinet.law.personal import Personal
from jukinet.law.record import Record

HEAD_TO_BE_NAMED_DAYS = 14
HEAD_AGE_YEARS = 15


class Household(Personal, frozen=True, kw_only=True):
    """A household as it stands: its head, or the day by which one is to be named."""

    number: int
    head: int | None
    members: int
    head_due: date | None = None


def settle(
    number: int,
    people: Iterable[Record],
    *,
    may_be_open: bool,
    event_date: date,
    due: date | None = None,
) -> Household:
    """What a household amounts to after a change, or Refused where the change is not lawful.

    `people` are its live members; `may_be_open` says whether this kind of event may leave the
    household without a head for the time being; `due` is the day by which a head was to be named
    already, where the household stood open before.
    """
    people = list(people)
    heads = [person.number for person in people if person.is_head]
    if len(heads) > 1:
        raise Refused(
            f"household {number}: records {heads[0]} and {heads[1]} would both be head; "
            "give one of them a relationship to the other (art. 7 iv)"
        )
    if heads or not people:
        return Household(number=number, head=heads[0] if heads else None, members=len(people))
    if not may_be_open and due is None:
        raise Refused(
            f"household {number}: nobody would be head; say who of its {len(people)} members is, "
            "and how the others are related (art. 7 iv)"
        )
    return Household(
        number=number,
        head=None,
        members=len(people),
        head_due=due or event_date + timedelta(days=HEAD_TO_BE_NAMED_DAYS),
    )


def sole_head(people: Iterable[Record], on: date) -> Record | None:
    """The one member left who is head without anybody naming it, or None."""
    people = list(people)
    if len(people) != 1 or people[0].is_head:
        return None
    old_enough = (on - people[0].birth_date.latest).days >= HEAD_AGE_YEARS * 365.25
    return people[0] if old_enough else None
