"""Codes: drawn in order, kept for life, changed on request, and never another person's."""

import msgspec
import pytest

from jukinet.errors import Malformed, Refused
from jukinet.feed.link import Item
from jukinet.law import notification as law
from jukinet.law.record import parse_relationship
from jukinet.names import era
from jukinet.nodes.message import Filed, NotFiled
from jukinet.nodes.pools import PoolGrant
from jukinet.numbers import individual_number, resident_code
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.register import book, codes
from jukinet.register.codes import FORMER, FREE, HELD
from jukinet.register.supply import Supply
from support import DAY, SHINJUKU, Town, address, entrant, filed, fresh_codes
from towns import hand_over, items, notices

BORN = era.parse_iso("1990-01-01")
CODE = resident_code.complete("0123456789")
NUMBER = individual_number.complete("12345678901")


@pytest.fixture
def town():
    return Town(pool=20)


@pytest.fixture
def pool():
    return [resident_code.ResidentCode(code) for code, _ in fresh_codes(20, 1)]


def row(town, code):
    with town.store.begin() as tx:
        return codes.CODES.get(tx, code.digits)


def code_of(town, person):
    return town.record(person).code


def entry(*people, number=""):
    return law.ExOfficioEntry(
        filed=filed(number=number), entrants=people, address=address(), household=None
    )


def changed(person, **more):
    return law.CodeChange(filed=filed(**more), person=person)


def moved_in(code, came_from=None, born=BORN):
    return law.MoveIn(
        filed=filed(),
        movers=(entrant(code=code, birth_date=born),),
        address=address(),
        household=None,
        came_from=MunicipalityCode(came_from) if came_from else None,
    )


# --- the order of drawing ----------------------------------------------------------------------------------


def test_codes_are_drawn_in_the_order_of_allotment(town, pool):
    (first,) = town.household()
    family = town.household(entrant(), entrant("子"), entrant("子"))
    assert [code_of(town, person) for person in (first, *family)] == pool[:4]


def test_each_code_comes_with_its_individual_number(town):
    (person,) = town.household()
    assert town.record(person).individual_number.digits == fresh_codes(20, 1)[0][1]


def test_a_refusal_draws_nothing(town, pool):
    town.file(entry(entrant(), entrant()))  # two heads
    (person,) = town.household()
    assert code_of(town, person) == pool[0]


def test_a_second_pool_follows_the_first(town):
    more = fresh_codes(5, "more")
    with town.store.begin() as tx:
        assert codes.allot(tx, more) == 5
        assert codes.allot(tx, more) == 0, "a pool that comes twice is taken in once"
        assert [drawn.code.digits for drawn in codes.free(tx, 25)][20:] == [c for c, _ in more]


def test_a_pool_that_names_a_code_twice_is_taken_in(town):
    code, number = fresh_codes(1, "twice")[0]
    with town.store.begin() as tx:
        assert codes.allot(tx, [(code, number), (code, number)]) == 1


def test_a_code_that_somebody_bears_is_taken_out_of_a_pool_that_brings_it(town):
    town.household(entrant(code=CODE, individual_number=NUMBER))
    with town.store.begin() as tx:
        assert codes.allot(tx, [(CODE.digits, NUMBER.digits)]) == 0
        assert codes.CODES.get(tx, CODE.digits).state == HELD


def test_an_imported_code_is_taken_out_of_the_pool(town, pool):
    (imported,) = town.household(entrant(code=pool[0], individual_number=NUMBER))
    (drawn,) = town.household()
    assert code_of(town, imported) == pool[0]
    assert town.record(imported).individual_number == NUMBER
    assert code_of(town, drawn) == pool[1]


def test_a_stated_code_is_not_drawn_for_another_of_the_same_notification(town, pool):
    drawn, imported, other = town.household(entrant(), entrant("妻", code=pool[0]), entrant("子"))
    found = [code_of(town, person) for person in (drawn, imported, other)]
    assert found == [pool[1], pool[0], pool[2]]


def test_an_empty_pool_says_what_to_do_and_writes_nothing():
    town = Town(pool=1)
    town.household()
    reply = town.file(entry(entrant()))
    assert isinstance(reply, NotFiled)
    assert reply.reason == (
        "code: this town's pool is empty; connect to the centre to have it refilled, the "
        "notification can wait (art. 30-2)"
    )
    with town.store.begin() as tx:
        codes.allot(tx, fresh_codes(1, "later"))
    town.household()


def test_a_household_that_the_pool_does_not_suffice_for_is_not_entered_in_part():
    town = Town(pool=2)
    assert isinstance(town.file(entry(entrant(), entrant("妻"), entrant("子"))), NotFiled)
    with town.store.begin() as tx:
        assert codes.level(tx) == 2
        assert book.RECORDS.count(tx) == 0


# --- changing ------------------------------------------------------------------------------------------------


def test_a_change_draws_the_next_code_and_keeps_the_number(town, pool):
    (person,) = town.household()
    before = town.record(person)
    town.accept(changed(person))
    after = town.record(person)
    assert (before.code, after.code) == (pool[0], pool[1])
    assert after.individual_number == before.individual_number
    assert after.attachment == before.attachment
    assert [row(town, code).state for code in pool[:3]] == [FORMER, HELD, FREE]
    assert [told.notice.person.code for told in notices(town)] == pool[:2]


def test_a_code_may_be_changed_again_and_again(town, pool):
    (person,) = town.household()
    for _ in range(3):
        town.accept(changed(person))
    assert code_of(town, person) == pool[3]
    with town.store.begin() as tx:
        assert codes.formerly(tx, person) == pool[:3]
        assert codes.bearer(tx, pool[0]) == person


def test_a_person_without_a_number_is_given_the_one_of_the_new_code(town):
    (person,) = town.household(entrant(code=CODE))
    assert town.record(person).individual_number is None
    town.accept(changed(person))
    assert town.record(person).individual_number.digits == fresh_codes(20, 1)[0][1]


def test_a_cancelled_change_leaves_the_new_code_used_up(town, pool):
    (person,) = town.household()
    town.accept(changed(person, number="changed"))
    town.accept(law.Cancellation(filed=filed(), cancels="changed"))
    assert code_of(town, person) == pool[0]
    assert [row(town, code).state for code in pool[:2]] == [HELD, FORMER]
    (other,) = town.household()
    assert code_of(town, other) == pool[2]


def test_a_move_inside_the_town_keeps_the_code(town, pool):
    (person,) = town.household()
    placement = law.Placement(person=person, relationship=parse_relationship("世帯主"), household=1)
    town.accept(
        law.MoveInside(filed=filed(), placements=(placement,), address=address(block="9番"))
    )
    assert code_of(town, person) == pool[0]


# --- never another person's ---------------------------------------------------------------------------------------


def gone(person):
    return {
        "a resident's": None,
        "a former one": changed(person),
        "of one who died": law.Death(filed=filed(), person=person),
        "of one who moved out": law.MovedInElsewhere(
            filed=filed(), person=person, town=MunicipalityCode(SHINJUKU)
        ),
        "of one who was not found": law.ExOfficioDeletion(filed=filed(), person=person),
    }


WAYS = list(gone(1))
STATES = [
    pytest.param(lambda code: entry(entrant(code=code, birth_date=BORN)), id="entered"),
    pytest.param(lambda code: moved_in(code), id="from abroad"),
    pytest.param(lambda code: moved_in(code, "472018"), id="from off the network"),
    pytest.param(lambda code: moved_in(code, SHINJUKU), id="from another town"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", STATES)
def test_a_code_is_never_given_to_anybody_else(town, way, make):
    (person,) = town.household(entrant(birth_date=era.parse_iso("1980-05-05")))
    code = code_of(town, person)
    if (event := gone(person)[way]) is not None:
        town.accept(event)
    reply = town.file(make(code))
    assert isinstance(reply, NotFiled)
    assert reply.reason.startswith("code: it belongs to record 1 of this town already")
    assert code.digits not in reply.reason


@pytest.mark.parametrize(
    ("way", "accepted"),
    [
        ("a resident's", False),
        ("of one who died", False),
        ("of one who moved out", True),
        ("of one who was not found", True),
    ],
)
@pytest.mark.parametrize("make", STATES[1:])
def test_a_person_who_comes_back_keeps_the_code(town, way, accepted, make):
    (person,) = town.household(entrant(birth_date=BORN))
    code = code_of(town, person)
    if (event := gone(person)[way]) is not None:
        town.accept(event)
    reply = town.file(make(code))
    assert isinstance(reply, Filed) is accepted
    if accepted:
        assert code_of(town, reply.persons[0]) == code
        assert row(town, code).person == reply.persons[0]


def test_who_comes_back_with_an_old_code_has_the_newer_one(town, pool):
    (person,) = town.household(entrant(birth_date=BORN))
    town.accept(changed(person))
    town.accept(law.ExOfficioDeletion(filed=filed(), person=person))
    (again,) = town.accept(moved_in(pool[0]))
    assert code_of(town, again) == pool[1]
    assert town.record(again).attachment == town.record(person).attachment


def test_one_code_is_not_stated_for_two(town):
    reply = town.file(entry(entrant(code=CODE), entrant("妻", code=CODE)))
    assert isinstance(reply, NotFiled)
    assert reply.malformed
    assert CODE.digits not in reply.reason


def test_a_restored_record_does_not_stand_beside_its_successor(town):
    (person,) = town.household(entrant(birth_date=BORN))
    code = code_of(town, person)
    town.accept(law.ExOfficioDeletion(filed=filed(number="gone"), person=person))
    (again,) = town.accept(moved_in(code))
    placement = law.Placement(
        person=person, relationship=parse_relationship("世帯主"), household=None
    )
    for form in (
        law.ReRegistration(filed=filed(), person=person, placement=placement),
        law.Cancellation(filed=filed(), cancels="gone"),
    ):
        reply = town.file(form)
        assert isinstance(reply, NotFiled)
        assert f"record {again} of the same person stands" in reply.reason


def test_a_restored_record_bears_its_code_again(town):
    (person,) = town.household(entrant(birth_date=BORN))
    code = code_of(town, person)
    town.accept(law.ExOfficioDeletion(filed=filed(), person=person))
    (again,) = town.accept(moved_in(code))
    town.accept(law.ExOfficioDeletion(filed=filed(), person=again))
    placement = law.Placement(
        person=person, relationship=parse_relationship("世帯主"), household=None
    )
    town.accept(law.ReRegistration(filed=filed(), person=person, placement=placement))
    assert row(town, code).person == person


def test_a_mistaken_newborns_code_is_nobodys(town, pool):
    (mother,) = town.household()
    town.accept(
        law.Birth(
            filed=filed(number="born"),
            child=entrant("子", birth_date=era.from_date(DAY)),
            household=town.record(mother).household,
        )
    )
    town.accept(law.Cancellation(filed=filed(), cancels="born"))
    (other,) = town.household()
    assert code_of(town, other) == pool[2]
    assert row(town, pool[1]).state == HELD


# --- refilling ----------------------------------------------------------------------------------------------------


def asked(town):
    return [item.kind for item in items(town)].count("pool_request")


def test_a_town_asks_for_codes_ahead_of_need_and_once():
    town = Town(pool=201)
    town.household()
    assert asked(town) == 0
    town.household()
    assert asked(town) == 1
    town.household()
    assert asked(town) == 1


def test_it_asks_again_when_what_came_runs_low():
    town = Town(pool=5)
    assert asked(town) == 1, "a town asks when it comes up"
    grant = PoolGrant(pairs=tuple(fresh_codes(10, "granted")))
    hand_over(town, Item(kind="pool", body=msgspec.msgpack.encode(grant)))
    with town.store.begin() as tx:
        assert codes.level(tx) == 15
    town.household()
    assert asked(town) == 2


# --- the supply -----------------------------------------------------------------------------------------------------


def test_a_supply_passes_over_what_is_meant_for_others(town, pool):
    with town.store.begin() as tx:
        supply = Supply(codes.Stock(tx), book.last(tx), bytes, passed_over=3)
        assert [supply.code()[0] for _ in range(2)] == pool[3:5]


def test_a_supply_refuses_a_code_that_it_has_drawn(town, pool):
    with town.store.begin() as tx:
        supply = Supply(codes.Stock(tx), book.last(tx), bytes)
        code, _ = supply.code()
        with pytest.raises(Malformed):
            supply.claim(code)


def test_a_taken_code_is_refused_by_the_pool_itself(town):
    (person,) = town.household()
    with town.store.begin() as tx, pytest.raises(Refused, match=f"record {person}"):
        codes.refuse_if_taken(tx, town_code(tx, person))


def town_code(tx, person):
    return book.records(tx, [person])[person].record.code


def test_nothing_of_codes_prints_itself(town):
    (person,) = town.household()
    town.accept(changed(person))
    with town.store.begin() as tx:
        rows = list(codes.CODES.everything(tx))
        shown = repr((rows, codes.free(tx, 3), codes.formerly(tx, person)))
    assert not any(digits in shown for pair in fresh_codes(20, 1) for digits in pair)
