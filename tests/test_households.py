"""Households: at every instant at most one head, and exactly one or a head to be named."""

from datetime import date, timedelta

import pytest

from jukinet.errors import Refused
from jukinet.law import notification as law
from jukinet.law.record import parse_relationship
from jukinet.names import era
from jukinet.nodes.message import Filed, NotFiled
from jukinet.register import book
from jukinet.register.households import Household, reached_fifteen, settle, sole_head
from support import CHIYODA, DAY, Town, address, entrant, filed, name
from towns import everybody, homes, later

HEAD, WIFE, CHILD = 1, 2, 3
FAMILY = 1
BEGAN = DAY - timedelta(days=60)
GROWN = era.parse_iso("1990-05-05")


@pytest.fixture
def town():
    return Town()


def on(days):
    return DAY + timedelta(days=days)


def family(town, *more, born="2016-07-07"):
    """A head, a spouse and a child, since long ago."""
    return town.household(
        entrant(birth_date=era.parse_iso("1980-05-05")),
        entrant("妻", birth_date=era.parse_iso("1982-02-02")),
        entrant("子", birth_date=era.parse_iso(born)),
        *more,
        event=BEGAN,
        notice=BEGAN,
    )


def couple(town, second="妻", born="1982-02-02"):
    return town.household(
        entrant(birth_date=era.parse_iso("1980-05-05")),
        entrant(second, birth_date=era.parse_iso(born)),
        event=BEGAN,
        notice=BEGAN,
    )


def placed(person, text="世帯主", home=FAMILY):
    return law.Placement(person=person, relationship=parse_relationship(text), household=home)


def change(*placements, event=0, notice=None):
    notice = event if notice is None else notice
    return law.HouseholdChange(filed=filed(on(event), on(notice)), placements=placements)


def died(person, *placements, event=0, notice=None, number=""):
    notice = event if notice is None else notice
    return law.Death(
        filed=filed(on(event), on(notice), number), person=person, placements=placements
    )


def entered(*people, home=FAMILY, event=0, notice=None):
    notice = event if notice is None else notice
    return law.MoveIn(
        filed=filed(on(event), on(notice)),
        movers=people,
        address=address(),
        household=home,
        came_from=None,
    )


def accept(town, notification):
    later(town, notification.filed.notice_date)
    return town.accept(notification)


def refused(town, notification):
    later(town, notification.filed.notice_date)
    reply = town.file(notification)
    assert isinstance(reply, NotFiled)
    return reply.reason


def heads(town, day, home=FAMILY):
    """The heads of a household as of a day, as known today."""
    with town.store.begin() as tx:
        folded = [book.record_as(tx, person, as_of=day) for person in everybody_of(tx)]
    return [r.number for r in folded if r and r.live and r.household == home and r.is_head]


def everybody_of(tx):
    return [kept.record.number for kept in book.everybody(tx)]


# --- when a head dies ------------------------------------------------------------------------------------


def test_a_heads_death_leaves_the_household_open_for_fourteen_days(town):
    family(town)
    accept(town, died(HEAD, event=2, notice=5))
    row = homes(town)[FAMILY]
    assert (row.head, row.members, row.head_due) == (None, 2, on(2 + 14).isoformat())
    assert [town.record(p).relationship.text for p in (WIFE, CHILD)] == ["妻", "子"]


def test_the_family_names_the_head(town):
    family(town)
    accept(town, died(HEAD))
    accept(town, change(placed(WIFE), placed(CHILD, "子"), event=3))
    row = homes(town)[FAMILY]
    assert (row.head, row.members, row.head_due) == (WIFE, 2, "")


def test_the_due_day_stays_while_the_household_stays_open(town):
    family(town)
    accept(town, died(HEAD))
    accept(
        town,
        law.Birth(
            filed=filed(on(5), on(6)),
            child=entrant("子", birth_date=era.from_date(on(5))),
            household=FAMILY,
        ),
    )
    assert homes(town)[FAMILY].head_due == on(14).isoformat()
    accept(town, died(WIFE, event=8))
    assert homes(town)[FAMILY].head_due == on(14).isoformat()


def test_an_open_household_is_found_by_its_due_day(town):
    family(town)
    accept(town, died(HEAD))
    with town.store.begin() as tx:
        (home,) = [h for h in book.households(tx, [FAMILY]).values() if h.head_due]
    assert home.head_due == on(14)


@pytest.mark.parametrize(
    ("born", "alone"),
    [
        pytest.param("2011-04-01", True, id="fifteen on the very day"),
        pytest.param("2011-04-02", False, id="fifteen tomorrow"),
        pytest.param("2011-03-00", True, id="born some day of March"),
        pytest.param("2011-00-00", False, id="born some day of a year that ends too late"),
        pytest.param("2010-00-00", True, id="born some day of a year that ends in time"),
        pytest.param("0000-00-00", False, id="born nobody knows when"),
        pytest.param("1930-01-01", True, id="old"),
    ],
)
def test_the_one_left_of_fifteen_or_more_is_head(town, born, alone):
    couple(town, "子", born)
    persons = accept(town, died(HEAD))
    row = homes(town)[FAMILY]
    if alone:
        assert persons == (HEAD, WIFE)
        assert town.record(WIFE).relationship.text == "世帯主"
        assert (row.head, row.head_due) == (WIFE, "")
    else:
        assert persons == (HEAD,)
        assert town.record(WIFE).relationship.text == "子"
        assert (row.head, row.head_due) == (None, on(14).isoformat())


def test_the_last_one_out_leaves_an_empty_household(town):
    couple(town)
    accept(town, died(HEAD))
    accept(town, died(WIFE, event=1))
    row = homes(town)[FAMILY]
    assert (row.head, row.members, row.head_due) == (None, 0, "")


@pytest.mark.parametrize(
    "leave",
    [
        pytest.param(
            lambda: law.MoveInside(
                filed=filed(on(1), on(1)),
                placements=(placed(HEAD, home=None),),
                address=address(block="9番"),
            ),
            id="a move inside",
        ),
        pytest.param(lambda: change(placed(HEAD, home=None), event=1), id="a household change"),
        pytest.param(
            lambda: law.ExOfficioDeletion(filed=filed(on(1), on(1)), person=HEAD),
            id="an ex officio deletion",
        ),
    ],
)
def test_whoever_is_left_alone_by_whatever_is_head(town, leave):
    couple(town)
    accept(town, leave())
    assert town.record(WIFE).is_head
    assert homes(town)[FAMILY].head == WIFE


def test_whom_the_desk_calls_a_child_is_not_made_head_against_its_word(town):
    couple(town)
    reason = refused(
        town,
        law.MoveInside(
            filed=filed(on(1), on(1)),
            placements=(placed(HEAD, home=None),),
            address=address(block="9番"),
            staying=(placed(WIFE, "子"),),
        ),
    )
    assert "nobody would be head" in reason


def test_a_move_that_leaves_several_without_a_head_is_refused_until_one_is_named(town):
    family(town)
    move = law.MoveInside(
        filed=filed(), placements=(placed(HEAD, home=None),), address=address(block="9番")
    )
    assert "say who of its 2 members is" in refused(town, move)


# --- two heads -----------------------------------------------------------------------------------------------


def test_two_households_become_one(town):
    family(town)
    (single,) = town.household(event=BEGAN, notice=BEGAN)
    reason = refused(town, change(placed(single, home=FAMILY)))
    assert "records 1 and 4 would both be head" in reason
    accept(town, change(placed(single, "同居人")))
    assert (homes(town)[FAMILY].members, homes(town)[2].members) == (4, 0)


def test_a_household_is_parted(town):
    family(town)
    accept(town, change(placed(WIFE, home=None), placed(CHILD, "子", None)))
    assert (homes(town)[FAMILY].head, homes(town)[FAMILY].members) == (HEAD, 1)
    assert (homes(town)[2].head, homes(town)[2].members) == (WIFE, 2)


def test_head_and_spouse_change_places(town):
    family(town)
    accept(town, change(placed(WIFE), placed(HEAD, "夫")))
    assert homes(town)[FAMILY].head == WIFE


def test_no_number_of_a_household_is_given_twice(town):
    family(town)
    reason = refused(town, change(placed(CHILD, home=7)))
    assert reason.startswith("household 7: this town has none")
    numbers = set()
    for _ in range(3):
        (person,) = town.household()
        numbers.add(town.record(person).household)
    assert numbers == {2, 3, 4}


def test_members_follow_who_comes_and_goes(town):
    family(town)
    accept(town, entered(entrant("母", birth_date=GROWN), entrant("同居人", birth_date=GROWN)))
    accept(town, change(placed(5, home=None), event=1))
    accept(town, died(CHILD, event=2))
    with town.store.begin() as tx:
        home = book.households(tx, [FAMILY])[FAMILY]
    assert home == Household(
        number=FAMILY, head=HEAD, members=3, last_event=on(2), former=(CHILD, 5)
    )


# --- the past ----------------------------------------------------------------------------------------------------


def test_a_late_event_makes_nobody_a_second_head_in_the_past(town):
    """Today the household is open; while the head lived a second one would have stood beside."""
    family(town)
    accept(town, died(HEAD, event=10))
    reason = refused(town, entered(entrant(birth_date=GROWN), event=5, notice=11))
    assert "two heads at one time" in reason
    assert "death of 2026-04-11 (entry 4)" in reason
    accept(town, entered(entrant(birth_date=GROWN), event=11))
    assert [heads(town, on(day)) for day in (5, 9, 10, 11)] == [[HEAD], [HEAD], [], [4]]


def test_somebody_who_was_not_there_yet_counts_from_the_day_of_coming(town):
    """The one who comes into the household is weighed on every day since, too."""
    family(town)
    (other,) = town.household(event=BEGAN, notice=BEGAN)
    accept(town, died(HEAD, event=10))
    reason = refused(town, change(placed(other), event=5, notice=11))
    assert "two heads at one time" in reason


def test_a_late_birth_finds_its_household_as_it_was(town):
    family(town)
    accept(town, died(HEAD, event=10))
    child = entrant("子", birth_date=era.from_date(on(8)))
    accept(town, law.Birth(filed=filed(on(8), on(12)), child=child, household=FAMILY))
    assert homes(town)[FAMILY].members == 3
    assert homes(town)[FAMILY].head_due == on(24).isoformat()


def test_a_birth_before_the_household_is_refused_naming_when_it_began(town):
    later(town, on(5))
    town.household(event=on(5), notice=on(5))
    child = entrant("子", birth_date=era.from_date(on(2)))
    reason = refused(town, law.Birth(filed=filed(on(2), on(6)), child=child, household=FAMILY))
    assert reason.startswith("household 1: ")
    assert "ex_officio_entry of 2026-04-06" in reason


def test_a_late_death_makes_head_whoever_was_left_from_the_day_of_being_left(town):
    family(town)
    accept(town, died(CHILD, event=10))
    accept(town, died(HEAD, event=5, notice=12))
    assert town.record(WIFE).is_head
    assert [heads(town, on(day)) for day in (4, 5, 9, 10, 12)] == [[HEAD], [], [], [WIFE], [WIFE]]


def test_a_cancelled_entry_leaves_the_other_alone_from_the_day_of_coming(town):
    family(town)
    later(town, on(5))
    wrong = town.household(entrant(birth_date=GROWN), event=on(5), notice=on(5), number="wrong")
    (other,) = accept(town, entered(entrant("同居人", birth_date=GROWN), home=2, event=7))
    accept(town, law.Cancellation(filed=filed(on(9), on(9)), cancels="wrong"))
    assert homes(town)[2].head == other
    assert [heads(town, on(day), 2) for day in (6, 7, 9)] == [[], [other], [other]]
    assert not town.record(wrong[0]).live


def test_cancelling_who_was_named_head_opens_the_household_again(town):
    family(town)
    accept(town, died(HEAD))
    accept(
        town,
        law.HouseholdChange(filed=filed(on(2), on(2), "named"), placements=(placed(WIFE),)),
    )
    accept(town, law.Cancellation(filed=filed(on(4), on(4)), cancels="named"))
    row = homes(town)[FAMILY]
    assert (row.head, row.head_due) == (None, on(18).isoformat())


def test_a_cancellation_is_weighed_against_the_days_since(town):
    """Only one would be head today, but two on the days between."""
    family(town)
    gone = law.ExOfficioDeletion(filed=filed(on(1), on(1), "gone"), person=HEAD)
    accept(town, gone)
    accept(town, change(placed(WIFE), event=2))
    accept(town, died(WIFE, event=4))
    reason = refused(town, law.Cancellation(filed=filed(on(9), on(9)), cancels="gone"))
    assert reason.startswith("household 1: it would have two heads at one time")
    assert "household_change of 2026-04-03" in reason


def test_and_accepted_where_no_day_stands_against_it(town):
    family(town)
    accept(town, law.ExOfficioDeletion(filed=filed(on(1), on(1), "gone"), person=HEAD))
    accept(town, died(WIFE, event=4))
    accept(town, law.Cancellation(filed=filed(on(9), on(9)), cancels="gone"))
    assert [heads(town, on(day)) for day in range(10)] == [[HEAD]] * 10
    assert homes(town)[FAMILY].head_due == ""


# --- the pure parts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "day", "reached"),
    [
        ("2011-04-01", date(2026, 3, 31), False),
        ("2011-04-01", date(2026, 4, 1), True),
        ("2005-01-01", date(2020, 1, 1), True),  # three leap days in fifteen years
        ("2004-02-29", date(2019, 2, 28), False),
        ("2004-02-29", date(2019, 3, 1), True),
    ],
)
def test_fifteen_is_reached_on_the_birthday(born, day, reached):
    assert reached_fifteen(era.parse_iso(born), day) is reached


def test_nobody_is_alone_in_an_empty_household():
    assert sole_head([], DAY) is None


def test_an_empty_household_is_settled():
    home = settle(1, [], may_be_open=False, event_date=DAY, latest=DAY)
    assert home == Household(number=1, head=None, members=0, last_event=DAY)


def test_a_household_does_not_print_itself(town):
    family(town)
    (record, *_) = [kept.record for kept in everybody(town).values()]
    assert repr(record) == "<Record>"
    assert f"{settle(1, [record], may_be_open=False, event_date=DAY, latest=DAY)}" == "<Household>"
    with pytest.raises(Refused) as error:
        settle(1, [record, record], may_be_open=True, event_date=DAY, latest=DAY)
    assert name().legal.text not in str(error.value)
    assert isinstance(town.file(died(WIFE)), Filed)
    assert town.node.name == CHIYODA
