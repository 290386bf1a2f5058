"""Hiding: a mother flees with her child; the protection goes ahead of every paper."""

from datetime import timedelta

import pytest

from jukinet.law import notification as law
from jukinet.law.protection import MeasureStanding, Threat
from jukinet.law.record import parse_relationship
from jukinet.names import era
from jukinet.numbers.municipality_code import MunicipalityCode
from support import CHIYODA, DAY, SHINJUKU, YOKOHAMA_TSURUMI, address, entrant, filed
from towns import Country

FATHER, MOTHER, CHILD = 1, 2, 3


@pytest.fixture
def country():
    country = Country(CHIYODA, SHINJUKU, YOKOHAMA_TSURUMI)
    chiyoda, *_ = country
    chiyoda.household(
        entrant(birth_date=era.parse_iso("1985-03-03")),
        entrant("妻", birth_date=era.parse_iso("1986-06-06")),
        entrant("子", birth_date=era.parse_iso("2015-01-01")),
        event=DAY - timedelta(days=90),
        notice=DAY - timedelta(days=90),
    )
    return country


def today(country):
    return country.line.now.date()


def measure(country, town, *persons, step=law.MeasureStep.BEGIN):
    town.accept(
        law.MeasureRequest(
            filed=filed(today(country), today(country)),
            persons=persons,
            step=step,
            threat=Threat.VIOLENCE,
            until=today(country) + timedelta(days=365),
        )
    )


def flee(country, away, to, persons, *, relationships=("世帯主", "子")):
    """Mother and child are entered at the new desk, with or without their certificate."""
    movers = tuple(
        entrant(text, code=away.record(person).code, birth_date=away.record(person).birth_date)
        for person, text in zip(persons, relationships, strict=True)
    )
    return to.accept(
        law.MoveIn(
            filed=filed(today(country), today(country)),
            movers=movers,
            address=address(to.node.name),
            household=None,
            came_from=MunicipalityCode(away.node.name),
        )
    )


def hidden(country):
    """Whom the centre hides, of those whom it believes to live."""
    believed = country.believed().values()
    return sorted(t.notice.hidden for t in believed if t.notice.live)


def plan(country, town, persons, to):
    town.accept(
        law.MoveOut(
            filed=filed(today(country), today(country)),
            persons=persons,
            destination=MunicipalityCode(to.node.name),
        )
    )


def test_protected_before_the_flight(country):
    chiyoda, shinjuku, _ = country
    measure(country, chiyoda, MOTHER, CHILD)
    plan(country, chiyoda, (MOTHER, CHILD), shinjuku)
    mother, child = flee(country, chiyoda, shinjuku, (MOTHER, CHILD))
    assert shinjuku.record(mother).hidden
    assert shinjuku.record(child).hidden
    assert chiyoda.record(MOTHER).hidden, "the record left behind is closed, too"
    assert hidden(country) == [False, True, True]


def test_protected_on_arrival_before_the_former_town_has_answered(country):
    chiyoda, shinjuku, _ = country
    country.hold(chiyoda, shinjuku)
    plan(country, chiyoda, (MOTHER, CHILD), shinjuku)
    persons = flee(country, chiyoda, shinjuku, (MOTHER, CHILD))
    measure(country, shinjuku, *persons)
    country.until(DAY + timedelta(days=2))
    country.let_go(chiyoda, shinjuku)
    assert all(shinjuku.record(person).hidden for person in persons)
    assert chiyoda.record(MOTHER).hidden
    assert chiyoda.record(CHILD).hidden
    assert hidden(country) == [False, True, True]


def test_found_and_fled_again(country):
    """A third town; what ends there ends in every book."""
    chiyoda, shinjuku, yokohama = country
    measure(country, chiyoda, MOTHER, CHILD)
    plan(country, chiyoda, (MOTHER, CHILD), shinjuku)
    second = flee(country, chiyoda, shinjuku, (MOTHER, CHILD))
    country.until(DAY + timedelta(days=40))
    plan(country, shinjuku, second, yokohama)
    third = flee(country, shinjuku, yokohama, second)
    assert hidden(country) == [False, True, True]

    country.until(DAY + timedelta(days=500))  # it has expired, and nobody has asked her
    (held,) = yokohama.record(third[0]).measures
    assert held.standing(today(country)) is MeasureStanding.EXPIRED
    assert yokohama.record(third[0]).hidden

    measure(country, yokohama, *third, step=law.MeasureStep.END)
    assert hidden(country) == [False, False, False]
    books = [(chiyoda, MOTHER), (shinjuku, second[0]), (yokohama, third[0])]
    assert [town.record(person).hidden for town, person in books] == [False] * 3


def test_whoever_held_the_old_view_key_follows_nobody(country):
    """The chain of labels begins anew with the protection, and the centre is told so once."""
    chiyoda, shinjuku, _ = country
    old = chiyoda.record(MOTHER).attachment
    measure(country, chiyoda, MOTHER, CHILD)
    plan(country, chiyoda, (MOTHER, CHILD), shinjuku)
    mother, _ = flee(country, chiyoda, shinjuku, (MOTHER, CHILD))
    new = shinjuku.record(mother).attachment
    assert new.seed != old.seed
    assert (new.locator, new.root, new.epoch) == (old.locator, old.root, old.epoch + 1)
    assert shinjuku.record(mother).relationship == parse_relationship("世帯主")
