"""Households (世帯): at every instant at most one head, and exactly one or a head to be named.

When a head dies or leaves, the household may stand without one until the day by which the family
names it (Act, art. 25: 14 days). Where one person of fifteen or more is left, that person *is* the
head; otherwise no relationship is guessed. "At every instant" holds for the past, too: an event
that is entered late, or taken back, is weighed against every later day of the household.

>>> born = PartialDate(2011, 4, 1)
>>> reached_fifteen(born, date(2026, 3, 31)), reached_fifteen(born, date(2026, 4, 1))
(False, True)
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from jukinet.errors import Refused
from jukinet.law.personal import Personal
from jukinet.law.record import Record
from jukinet.names.era import PartialDate
from jukinet.register.entries import Entry, fold

HEAD_TO_BE_NAMED_DAYS = 14
HEAD_AGE_YEARS = 15

Histories = Mapping[int, Sequence[Entry]]


class Household(Personal, frozen=True, kw_only=True):
    """A household as it stands: its head, or the day by which one is to be named."""

    number: int
    head: int | None
    members: int
    head_due: date | None = None
    last_event: date = date.min  # on which anybody came, went or stood otherwise in it
    former: tuple[int, ...] = ()  # the records of those who lived in it and do not now


def settle(
    number: int,
    people: Iterable[Record],
    *,
    may_be_open: bool,
    event_date: date,
    latest: date,
    before: Household | None = None,
    left: Iterable[int] = (),
) -> Household:
    """What a household amounts to after a change, or Refused where the change is not lawful.

    `people` are its live members; `may_be_open` says whether this kind of event may leave the
    household without a head for the time being, from `event_date`; `latest` is the latest day of
    which anything is entered; `before` is how the household stood, where it stood; `left` are those
    who live in it no more.
    """
    people = list(people)
    heads = sorted(person.number for person in people if person.is_head)
    due = before.head_due if before else None
    if len(heads) > 1:
        raise Refused(
            f"household {number}: records {heads[0]} and {heads[1]} would both be head; "
            "give one of them a relationship to the other (art. 7 iv)"
        )
    headless = bool(people) and not heads
    if headless and not may_be_open and due is None:
        raise Refused(
            f"household {number}: nobody would be head; say who of its {len(people)} members is, "
            "and how the others are related (art. 7 iv)"
        )
    in_fourteen_days = event_date + timedelta(days=HEAD_TO_BE_NAMED_DAYS)
    return Household(
        number=number,
        head=heads[0] if heads else None,
        members=len(people),
        head_due=(due or in_fourteen_days) if headless else None,
        last_event=max(event_date, latest, before.last_event if before else latest),
        former=tuple(sorted({*before.former, *left} if before else set(left))),
    )


def sole_head(people: Iterable[Record], on: date) -> Record | None:
    """The one member left who is head without anybody naming it, or None."""
    people = list(people)
    if len(people) != 1 or people[0].is_head:
        return None
    return people[0] if reached_fifteen(people[0].birth_date, on) else None


def reached_fifteen(born: PartialDate, on: date) -> bool:
    """Whether a person is surely fifteen on a day, whatever of the birth date is unknown."""
    latest = born.latest
    years = on.year - latest.year - ((on.month, on.day) < (latest.month, latest.day))
    return years >= HEAD_AGE_YEARS


# --- a household's past ------------------------------------------------------------------------


def days_since(histories: Histories, since: date) -> list[date]:
    """A day and every later one on which something of some people's records changed."""
    later = {
        entry.event_date
        for entries in histories.values()
        for entry in entries
        if entry.event_date > since
    }
    return sorted({since, *later})


def members_on(number: int, histories: Histories, day: date) -> list[Record]:
    """Who lived in a household at the end of a day, by the entries of all who ever did."""
    folded = [fold(entries, as_of=day) for entries in histories.values()]
    return [record for record in folded if record and record.live and record.household == number]


def broken_day(
    number: int, before: Histories, after: Histories, since: date, *, may_be_open: bool
) -> date | None:
    """The first day on which a household would break the rule of heads, or None.

    A day without a head is no breach where there was none before either, or where the event may
    leave the household open.
    """
    for day in days_since(after, since):
        members = members_on(number, after, day)
        heads = sum(record.is_head for record in members)
        if heads > 1:
            return day
        if members and not heads and not may_be_open:
            were = members_on(number, before, day)
            if not were or any(record.is_head for record in were):
                return day
    return None


def alone_since(number: int, person: int, histories: Histories, since: date) -> date:
    """The day, not before `since`, from which one person has been a household's only member."""
    alone = since
    for day in reversed(days_since(histories, since)):
        members = members_on(number, histories, day)
        if [record.number for record in members] != [person]:
            break
        alone = day
    return alone
