"""Transfers: a person moves between towns, in whatever order papers, people and letters come."""

from datetime import timedelta

import pytest

from jukinet.law import notification as law
from jukinet.law.notice import Reason
from jukinet.law.protection import SupportMeasure, Threat
from jukinet.law.record import DeletionCause, parse_relationship
from jukinet.names import era
from jukinet.nodes.message import Filed, NotFiled
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.register import book, codes
from jukinet.register.certificates import RESIDENCE
from support import (
    CHIYODA,
    DAY,
    SAPPORO_CHUO,
    SAPPORO_KITA,
    SHINJUKU,
    YOKOHAMA_TSURUMI,
    address,
    entrant,
    filed,
    name,
)
from towns import Country, OnLine, everybody, items

BORN = era.parse_iso("1990-01-01")


def on(days):
    return DAY + timedelta(days=days)


class Movers(Country):
    """A country in which one person moves about."""

    def __init__(self, *towns):
        super().__init__(*(towns or (CHIYODA, SHINJUKU, YOKOHAMA_TSURUMI)))

    @property
    def today(self):
        return self.line.now.date()

    def filed(self, event=None, **more):
        return filed(event or self.today, self.today, **more)

    def settle(self, town):
        """The person is entered somewhere for the first time."""
        (person,) = town.household(entrant(birth_date=BORN))
        return person

    def move_out(self, town, person, to, *, on=None, **more):
        destination = None if to is None else town_code(to)
        return town.accept(
            law.MoveOut(
                filed=self.filed(on, **more),
                persons=(person,),
                destination=destination,
            )
        )

    def try_in(self, town, code, came_from, *, on=None, born=BORN, **more):
        return town.file(
            law.MoveIn(
                filed=self.filed(on, **more),
                movers=(entrant(code=code, birth_date=born),),
                address=address(town.node.name),
                household=None,
                came_from=None if came_from is None else town_code(came_from),
            )
        )

    def move_in(self, *words, **more):
        reply = self.try_in(*words, **more)
        assert isinstance(reply, Filed), reply.reason
        return reply.persons[0]

    def cancel(self, town, number):
        return town.file(law.Cancellation(filed=self.filed(), cancels=number))

    def measure(self, town, person, step=law.MeasureStep.BEGIN):
        return town.accept(
            law.MeasureRequest(
                filed=self.filed(),
                persons=(person,),
                step=step,
                threat=Threat.VIOLENCE,
                until=self.today + timedelta(days=300),
            )
        )

    def lives_in(self):
        """The towns in which the books have a live record; where the centre believes they live."""
        live = [
            town.node.name for town in self for kept in everybody(town).values() if kept.record.live
        ]
        believed = [
            told.notice.person.address.municipality
            for told in self.believed().values()
            if told.notice.live
        ]
        return live, believed


def town_code(town):
    return MunicipalityCode(town.node.name if isinstance(town, OnLine) else town)


@pytest.fixture
def country():
    return Movers()


def code_of(town, person):
    return town.record(person).code


# --- both orders ------------------------------------------------------------------------------------


def test_certificate_first_then_the_mover(country):
    a, b, _ = country
    person = country.settle(a)
    country.move_out(a, person, b, on=on(5))
    country.until(on(6))
    here = country.move_in(b, code_of(a, person), a)
    assert country.lives_in() == ([SHINJUKU], [SHINJUKU])
    old, new = a.record(person), b.record(here)
    assert (old.deleted.cause, old.deleted.destination) == (DeletionCause.MOVED_OUT, town_code(b))
    assert old.deleted.on == on(6)
    assert (new.code, new.individual_number) == (old.code, old.individual_number)
    assert new.attachment == old.attachment
    assert old.version < new.version == 2 * RESIDENCE


def test_the_mover_first_then_the_certificate(country):
    a, b, _ = country
    person = country.settle(a)
    country.hold(a, b)  # certificate and answer wait
    country.move_out(a, person, b)
    told = len(country.relay.told)
    here = country.move_in(b, code_of(a, person), a, on=on(0))
    record = b.record(here)
    assert (record.attachment, record.individual_number) == (None, None)
    assert len(country.relay.told) == told, "nothing is told of a person who is known by no locator"
    country.until(on(3))
    country.let_go(a, b)
    record = b.record(here)
    assert record.attachment == a.record(person).attachment
    assert record.individual_number == a.record(person).individual_number
    assert country.lives_in() == ([SHINJUKU], [SHINJUKU])
    told_of = country.believed()[record.attachment.locator].notice
    assert told_of.reason is Reason.MOVE_IN
    assert told_of.event_date == on(0), "the move-in's own day, not the certificate's"


def test_a_mover_who_never_notified_the_move_out_is_asked_for_and_refused(country):
    a, b, _ = country
    person = country.settle(a)
    here = country.move_in(b, code_of(a, person), a)
    assert b.record(here).attachment is None
    assert b.node.set_aside == [
        "record 1: town 131016 has no move-out for that code and birth date; ask there, or cancel "
        "the move-in (art. 22)"
    ]
    assert country.lives_in() == ([CHIYODA, SHINJUKU], [CHIYODA])
    country.move_out(a, person, b)  # the clerks have spoken; it is notified late
    assert b.record(here).attachment is not None
    assert country.lives_in() == ([SHINJUKU], [SHINJUKU])


def test_a_late_notice_of_the_move_in_deletes_as_of_the_move(country):
    a, b, _ = country
    person = country.settle(a)
    country.move_out(a, person, b, on=on(2))
    country.until(on(3))
    country.hold(b, a)
    country.move_in(b, code_of(a, person), a, on=on(2))
    country.until(on(40))
    assert a.record(person).live, "the planned move-out stands overdue"
    assert country.lives_in()[1] == [SHINJUKU], "the higher version counts already"
    country.let_go(b, a)
    assert a.record(person).deleted.on == on(2)
    assert country.lives_in() == ([SHINJUKU], [SHINJUKU])


def test_a_late_notice_that_later_events_stand_against_deletes_as_of_today(country):
    a, b, _ = country
    person = country.settle(a)
    country.move_out(a, person, b, on=on(2))
    country.until(on(3))
    country.hold(b, a)
    country.move_in(b, code_of(a, person), a, on=on(2))
    country.until(on(9))
    a.accept(
        law.NameChange(
            filed=country.filed(on(8)),
            person=person,
            name=name("川本 花子"),
            cause=law.NameCause.OTHER,
        )
    )
    country.let_go(b, a)
    assert a.record(person).deleted.on == on(9)
    assert a.node.set_aside == []


# --- three towns -----------------------------------------------------------------------------------------


def test_from_a_to_c_with_b_planned_and_never_registered(country):
    a, b, c = country
    person = country.settle(a)
    country.move_out(a, person, b, on=on(2))
    country.until(on(4))
    country.move_in(c, code_of(a, person), a)
    assert country.lives_in() == ([YOKOHAMA_TSURUMI], [YOKOHAMA_TSURUMI])
    assert a.record(person).deleted.destination == town_code(c)
    reply = country.try_in(b, code_of(a, person), a)
    assert isinstance(reply, NotFiled), "the certificate in B counts no more"
    assert "taken this certificate back" in reply.reason


def test_from_a_over_b_to_c_before_the_first_certificate_came(country):
    a, b, c = country
    person = country.settle(a)
    country.hold(a, b)
    country.move_out(a, person, b)
    in_b = country.move_in(b, code_of(a, person), a)
    country.until(on(10))
    country.move_out(b, in_b, c, on=on(10))
    in_c = country.move_in(c, code_of(a, person), b)
    assert c.record(in_c).attachment is None
    country.let_go(a, b)
    assert country.lives_in() == ([YOKOHAMA_TSURUMI], [YOKOHAMA_TSURUMI])
    versions = [a.record(person).version, b.record(in_b).version, c.record(in_c).version]
    assert versions == sorted(versions)
    assert c.record(in_c).version == 3 * RESIDENCE


def test_a_town_gives_no_certificate_for_somebody_who_moved_elsewhere_since(country):
    a, b, c = country
    person = country.settle(a)
    country.move_out(a, person, b)
    country.move_in(b, code_of(a, person), a)
    in_c = country.move_in(c, code_of(a, person), a)
    assert c.record(in_c).attachment is None
    assert "town 131016 has no move-out" in c.node.set_aside[0]
    assert country.lives_in()[1] == [SHINJUKU]


def test_the_dead_get_no_certificate(country):
    a, b, _ = country
    person = country.settle(a)
    a.accept(law.Death(filed=country.filed(), person=person))
    here = country.move_in(b, code_of(a, person), a)
    assert b.record(here).attachment is None
    assert len(b.node.set_aside) == 1


def test_a_mover_who_dies_before_the_certificate_comes_is_told_of_as_dead(country):
    a, b, _ = country
    person = country.settle(a)
    country.hold(a, b)
    country.move_out(a, person, b)
    here = country.move_in(b, code_of(a, person), a)
    country.until(on(2))
    b.accept(law.Death(filed=country.filed(), person=here))
    country.let_go(a, b)
    assert country.lives_in() == ([], [])
    (told,) = country.believed().values()
    assert (told.notice.reason, told.notice.event_date) == (Reason.DEATH, on(2))


# --- taken back --------------------------------------------------------------------------------------------


def test_a_cancelled_move_out_withdraws_the_certificate(country):
    a, b, _ = country
    person = country.settle(a)
    country.move_out(a, person, b, number="planned")
    assert isinstance(country.cancel(a, "planned"), Filed)
    assert a.record(person).planned is None
    reply = country.try_in(b, code_of(a, person), a)
    assert isinstance(reply, NotFiled)
    assert reply.reason.endswith("must be notified there anew (art. 24)")
    country.move_out(a, person, b)
    country.move_in(b, code_of(a, person), a)
    assert country.lives_in() == ([SHINJUKU], [SHINJUKU])


def test_cancelling_something_else_withdraws_nothing(country):
    a, b, _ = country
    person = country.settle(a)
    country.move_out(a, person, b)
    a.accept(
        law.NameChange(
            filed=country.filed(number="named"),
            person=person,
            name=name("川本 花子"),
            cause=law.NameCause.OTHER,
        )
    )
    country.cancel(a, "named")
    country.move_in(b, code_of(a, person), a)
    assert country.lives_in() == ([SHINJUKU], [SHINJUKU])


def test_a_cancelled_move_in_brings_the_former_record_back(country):
    a, b, _ = country
    person = country.settle(a)
    country.move_out(a, person, b)
    here = country.move_in(b, code_of(a, person), a, number="moved in")
    assert not a.record(person).live
    assert isinstance(country.cancel(b, "moved in"), Filed)
    assert b.record(here).deleted.cause is DeletionCause.NEVER_WAS
    back = a.record(person)
    assert back.live
    assert back.planned is not None
    assert country.lives_in() == ([CHIYODA], [CHIYODA])
    again = country.move_in(b, code_of(a, person), a)
    assert country.lives_in() == ([SHINJUKU], [SHINJUKU])
    assert b.record(again).version > back.version


def test_a_move_in_is_entered_anew_before_the_former_town_has_heard_of_its_cancellation(country):
    a, b, _ = country
    person = country.settle(a)
    country.move_out(a, person, b)
    country.move_in(b, code_of(a, person), a, number="moved in")
    country.hold(b, a)
    country.cancel(b, "moved in")
    again = country.move_in(b, code_of(a, person), a)
    assert b.record(again).attachment is None
    country.let_go(b, a)
    assert country.lives_in() == ([SHINJUKU], [SHINJUKU])


def test_what_came_from_another_town_is_not_cancelled_at_this_ones_desk(country):
    a, b, _ = country
    person = country.settle(a)
    country.move_out(a, person, b)
    country.move_in(b, code_of(a, person), a)
    with a.store.begin() as tx:
        (letter,) = [r.number for r in book.FILINGS.everything(tx) if r.number[0] == "l"]
    reply = country.cancel(a, letter)
    assert isinstance(reply, NotFiled)
    assert reply.reason.startswith("cancels: that came from another town")


def test_a_paper_notice_of_a_town_off_the_network_is_the_desks_to_cancel(country):
    a, *_ = country
    person = country.settle(a)
    a.accept(
        law.MovedInElsewhere(
            filed=country.filed(number="paper"), person=person, town=MunicipalityCode("472018")
        )
    )
    assert isinstance(country.cancel(a, "paper"), Filed)
    assert a.record(person).live


# --- back again -------------------------------------------------------------------------------------------


def test_a_return_is_a_new_record_with_the_same_code(country):
    a, b, _ = country
    first = country.settle(a)
    country.move_out(a, first, b)
    in_b = country.move_in(b, code_of(a, first), a)
    country.until(on(30))
    country.move_out(b, in_b, a)
    second = country.move_in(a, code_of(b, in_b), b)
    assert second != first
    assert code_of(a, second) == code_of(a, first)
    assert a.record(second).attachment == a.record(first).attachment
    assert a.record(second).version == 3 * RESIDENCE
    assert country.lives_in() == ([CHIYODA], [CHIYODA])


def test_a_return_ahead_of_the_certificate(country):
    a, b, _ = country
    first = country.settle(a)
    country.move_out(a, first, b)
    in_b = country.move_in(b, code_of(a, first), a)
    country.until(on(30))
    country.hold(b, a)
    country.move_out(b, in_b, a)
    second = country.move_in(a, code_of(b, in_b), b)
    assert a.record(second).attachment is None
    country.let_go(b, a)
    assert country.lives_in() == ([CHIYODA], [CHIYODA])


def test_a_return_ahead_of_the_certificate_is_protected_all_the_same(country):
    a, b, _ = country
    first = country.settle(a)
    country.move_out(a, first, b)
    in_b = country.move_in(b, code_of(a, first), a)
    country.measure(b, in_b)
    country.hold(b, a)
    country.move_out(b, in_b, a)
    second = country.move_in(a, code_of(b, in_b), b)
    assert (a.record(second).attachment, a.record(second).hidden) == (None, True)
    country.let_go(b, a)
    assert len(a.record(second).measures) == 1
    assert a.record(second).attachment == b.record(in_b).attachment


def test_a_certificate_completes_the_record_of_the_one_who_is_there(country):
    """Entered ahead of it, gone on paper, back again; and only then it comes."""
    a, b, _ = country
    person = country.settle(a)
    country.hold(a, b)
    country.move_out(a, person, b)
    in_b = country.move_in(b, code_of(a, person), a)
    abroad = law.MovedInElsewhere(
        filed=country.filed(), person=in_b, town=MunicipalityCode("472018")
    )
    b.accept(abroad)
    again = country.move_in(b, code_of(a, person), None)
    country.let_go(a, b)
    assert b.record(in_b).attachment is None
    assert b.record(again).attachment == a.record(person).attachment
    assert country.lives_in() == ([SHINJUKU], [SHINJUKU])


def test_measures_that_begin_with_the_move_itself_are_told_to_the_former_town(country):
    a, b, _ = country
    person = country.settle(a)
    country.move_out(a, person, b)
    held = SupportMeasure(threat=Threat.OTHER, since=DAY, until=on(100))
    (here,) = b.accept(
        law.MoveIn(
            filed=country.filed(),
            movers=(entrant(code=code_of(a, person), birth_date=BORN, measures=(held,)),),
            address=address(SHINJUKU),
            household=None,
            came_from=town_code(a),
        )
    )
    assert b.record(here).hidden
    assert a.record(person).hidden
    assert b.record(here).attachment.epoch == a.record(person).attachment.epoch + 1


def test_a_late_notice_of_the_first_move_does_not_delete_who_is_back(country):
    a, b, _ = country
    first = country.settle(a)
    country.move_out(a, first, b)
    in_b = country.move_in(b, code_of(a, first), a)
    notice = next(item for item in items(b) if item.kind == "letter")
    country.until(on(30))
    country.move_out(b, in_b, a)
    second = country.move_in(a, code_of(b, in_b), b)
    country.relay_again(b, notice)
    assert a.record(second).live
    assert country.lives_in() == ([CHIYODA], [CHIYODA])


def test_a_move_abroad_falls_due_and_the_return_keeps_code_and_locator(country):
    a, *_ = country
    first = country.settle(a)
    country.move_out(a, first, None, on=on(5))
    country.until(on(4))
    assert a.record(first).live
    country.until(on(5))
    assert a.record(first).deleted.on == on(5)
    assert country.lives_in() == ([], [])
    country.until(on(400))
    second = country.move_in(a, code_of(a, first), None)
    assert a.record(second).attachment == a.record(first).attachment
    assert a.record(second).individual_number == a.record(first).individual_number
    assert country.lives_in() == ([CHIYODA], [CHIYODA])


@pytest.mark.parametrize(
    "number", [pytest.param("a", id="a short number"), pytest.param("x" * 64, id="the longest")]
)
def test_a_departure_falls_due_whatever_number_planned_it(country, number):
    a, *_ = country
    person = country.settle(a)
    country.move_out(a, person, None, on=on(5), number=number)
    country.until(on(6))
    assert not a.record(person).live
    assert a.node.set_aside == []


def test_a_departure_falls_due_again_after_it_was_taken_back(country):
    a, *_ = country
    person = country.settle(a)
    country.move_out(a, person, None, on=on(5))
    country.until(on(6))
    with a.store.begin() as tx:
        (due,) = [r.number for r in book.FILINGS.everything(tx) if r.number.startswith("due/")]
    assert isinstance(country.cancel(a, due), Filed)
    assert a.record(person).live
    country.until(on(7))
    assert not a.record(person).live


def test_a_return_from_abroad_to_another_town_goes_by_the_last_one(country):
    a, b, _ = country
    person = country.settle(a)
    country.move_out(a, person, None, on=on(5))
    country.until(on(300))
    here = country.move_in(b, code_of(a, person), a)
    assert b.record(here).attachment == a.record(person).attachment
    assert country.lives_in() == ([SHINJUKU], [SHINJUKU])


def test_coming_back_to_the_town_that_one_left_for_abroad_may_name_that_town(country):
    a, *_ = country
    first = country.settle(a)
    country.move_out(a, first, None, on=on(1))
    country.until(on(50))
    second = country.move_in(a, code_of(a, first), a)
    assert a.record(second).attachment == a.record(first).attachment
    assert country.lives_in() == ([CHIYODA], [CHIYODA])


# --- codes on the way ----------------------------------------------------------------------------------------


def test_a_code_that_changed_between_the_paper_and_the_move(country):
    a, b, _ = country
    person = country.settle(a)
    on_paper = code_of(a, person)
    country.move_out(a, person, b)
    a.accept(law.CodeChange(filed=country.filed(), person=person))
    here = country.move_in(b, on_paper, a)
    assert code_of(b, here) == code_of(a, person) != on_paper
    assert country.lives_in() == ([SHINJUKU], [SHINJUKU])


def test_a_code_that_changed_before_the_certificate_was_asked_for(country):
    a, b, _ = country
    person = country.settle(a)
    on_paper = code_of(a, person)
    a.accept(law.CodeChange(filed=country.filed(), person=person))
    country.hold(a, b)
    country.move_out(a, person, b)
    here = country.move_in(b, on_paper, a)
    assert code_of(b, here) == on_paper
    country.let_go(a, b)
    assert code_of(b, here) == code_of(a, person)
    with b.store.begin() as tx:
        assert codes.CODES.get(tx, on_paper.digits).state == codes.FORMER
        assert codes.CODES.get(tx, code_of(a, person).digits).state == codes.HELD
    assert country.lives_in() == ([SHINJUKU], [SHINJUKU])


def test_a_code_that_changed_in_the_new_town_before_the_certificate_came(country):
    a, b, _ = country
    person = country.settle(a)
    country.hold(a, b)
    country.move_out(a, person, b)
    here = country.move_in(b, code_of(a, person), a)
    b.accept(law.CodeChange(filed=country.filed(), person=here))
    changed = code_of(b, here)
    assert b.record(here).individual_number is None, "it will come with the certificate"
    country.let_go(a, b)
    record = b.record(here)
    assert record.code == changed
    assert record.individual_number == a.record(person).individual_number
    assert country.lives_in() == ([SHINJUKU], [SHINJUKU])


@pytest.mark.parametrize("first", ["certificate", "mover"])
def test_another_birth_date_than_the_certificates_is_the_clerks_to_settle(country, first):
    a, b, _ = country
    person = country.settle(a)
    if first == "mover":
        country.hold(a, b)
    country.move_out(a, person, b)
    reply = country.try_in(b, code_of(a, person), a, born=era.parse_iso("1990-01-02"))
    if first == "certificate":
        assert isinstance(reply, NotFiled)
        assert reply.reason.startswith("birth date: the former town's certificate")
    else:
        country.let_go(a, b)
        assert b.record(reply.persons[0]).attachment is None
    assert country.lives_in()[1] == [CHIYODA]


def test_nobody_moves_in_twice_on_one_certificate(country):
    a, b, _ = country
    person = country.settle(a)
    country.move_out(a, person, b)
    country.move_in(b, code_of(a, person), a)
    reply = country.try_in(b, code_of(a, person), a)
    assert isinstance(reply, NotFiled)
    assert "belongs to record 1" in reply.reason


# --- wards of one city -----------------------------------------------------------------------------------------


def test_between_the_wards_of_one_city_no_move_out_is_notified():
    country = Movers(SAPPORO_CHUO, SAPPORO_KITA)
    chuo, kita = country
    person = country.settle(chuo)
    country.until(on(3))
    country.move_in(kita, code_of(chuo, person), chuo, on=on(2))
    assert country.lives_in() == ([SAPPORO_KITA], [SAPPORO_KITA])
    assert chuo.record(person).deleted.on == on(2)
    assert kita.record(1).version == 2 * RESIDENCE


def test_between_wards_a_person_whom_nobody_knows_is_refused():
    country = Movers(SAPPORO_CHUO, SAPPORO_KITA)
    chuo, kita = country
    person = country.settle(chuo)
    code = code_of(chuo, person)
    country.move_in(kita, code, chuo, born=era.parse_iso("1990-02-02"))
    assert "has no move-out for that code and birth date" in kita.node.set_aside[0]
    assert chuo.record(person).live


# --- support measures in both towns --------------------------------------------------------------------------------


def test_measures_travel_with_the_certificate(country):
    a, b, _ = country
    person = country.settle(a)
    country.measure(a, person)
    country.move_out(a, person, b)
    here = country.move_in(b, code_of(a, person), a)
    assert b.record(here).hidden
    (told,) = country.believed().values()
    assert told.notice.hidden


def test_measures_that_begin_after_the_plan_travel_too(country):
    a, b, _ = country
    person = country.settle(a)
    country.move_out(a, person, b)
    country.measure(a, person)
    here = country.move_in(b, code_of(a, person), a)
    assert b.record(here).hidden
    assert b.record(here).attachment == a.record(person).attachment


def test_measures_that_begin_in_the_new_town_reach_the_former_one(country):
    a, b, _ = country
    person = country.settle(a)
    country.move_out(a, person, b)
    here = country.move_in(b, code_of(a, person), a)
    country.measure(b, here)
    assert a.record(person).hidden
    country.until(on(1))
    country.measure(b, here, law.MeasureStep.END)
    assert not a.record(person).hidden
    assert country.lives_in() == ([SHINJUKU], [SHINJUKU])


def test_measures_that_begin_before_the_certificate_came_are_not_lost(country):
    a, b, _ = country
    person = country.settle(a)
    country.hold(a, b)
    country.move_out(a, person, b)
    here = country.move_in(b, code_of(a, person), a)
    country.measure(b, here)
    country.let_go(a, b)
    record = b.record(here)
    assert record.hidden
    assert a.record(person).hidden
    assert record.attachment.epoch == a.record(person).attachment.epoch + 1
    chain = country.believed()[record.attachment.locator].sealed.chain
    assert (chain.epoch, chain.seed) == (record.attachment.epoch, record.attachment.seed)


def test_measures_that_begin_in_both_towns_at_once_hold_in_both(country):
    a, b, _ = country
    person = country.settle(a)
    country.move_out(a, person, b)
    country.hold(b, a)
    country.hold(a, b)
    here = country.move_in(b, code_of(a, person), a)
    country.measure(a, person)
    country.let_go(a, b)
    assert b.record(here).hidden
    assert b.record(here).attachment == a.record(person).attachment
    country.let_go(b, a)
    assert country.lives_in() == ([SHINJUKU], [SHINJUKU])
    (told,) = country.believed().values()
    assert told.notice.hidden


def test_measures_reach_every_town_that_a_person_has_lived_in(country):
    a, b, c = country
    in_a = country.settle(a)
    country.move_out(a, in_a, b)
    in_b = country.move_in(b, code_of(a, in_a), a)
    country.until(on(9))
    country.move_out(b, in_b, c)
    in_c = country.move_in(c, code_of(b, in_b), b)
    country.measure(c, in_c)
    assert (a.record(in_a).hidden, b.record(in_b).hidden) == (True, True)


def test_a_return_hides_the_record_left_behind_in_the_same_town(country):
    a, b, _ = country
    first = country.settle(a)
    country.move_out(a, first, b)
    in_b = country.move_in(b, code_of(a, first), a)
    country.until(on(9))
    country.move_out(b, in_b, a)
    second = country.move_in(a, code_of(b, in_b), b)
    country.measure(a, second)
    assert b.record(in_b).hidden
    assert a.record(first).hidden
    country.until(on(10))
    country.measure(a, second, law.MeasureStep.END)
    hidden = [a.record(first).hidden, a.record(second).hidden, b.record(in_b).hidden]
    assert hidden == [False] * 3


# --- households that are left --------------------------------------------------------------------------------------


def test_a_head_who_has_moved_leaves_the_household_open(country):
    a, b, _ = country
    head, _, _ = a.household(entrant(birth_date=BORN), entrant("妻"), entrant("母"))
    country.move_out(a, head, b)
    country.move_in(b, code_of(a, head), a)
    with a.store.begin() as tx:
        home = book.households(tx, [1])[1]
    assert (home.head, home.members, home.head_due) == (None, 2, on(14))


def test_a_family_moves_together(country):
    a, b, _ = country
    people = a.household(entrant(birth_date=BORN), entrant("妻"), entrant("子"))
    a.accept(law.MoveOut(filed=country.filed(), persons=people, destination=town_code(b)))
    movers = tuple(
        entrant(
            a.record(p).relationship.text, code=code_of(a, p), birth_date=a.record(p).birth_date
        )
        for p in people
    )
    arrived = b.accept(
        law.MoveIn(
            filed=country.filed(),
            movers=movers,
            address=address(SHINJUKU),
            household=None,
            came_from=town_code(a),
        )
    )
    assert [b.record(p).relationship.text for p in arrived] == ["世帯主", "妻", "子"]
    assert country.lives_in() == ([SHINJUKU] * 3, [SHINJUKU] * 3)
    with a.store.begin() as tx:
        assert book.households(tx, [1])[1].members == 0


def test_a_mover_joins_a_household(country):
    a, b, _ = country
    person = country.settle(a)
    b.household(entrant())
    country.move_out(a, person, b)
    (here,) = b.accept(
        law.MoveIn(
            filed=country.filed(),
            movers=(entrant("同居人", code=code_of(a, person), birth_date=BORN),),
            address=address(SHINJUKU),
            household=1,
            came_from=town_code(a),
        )
    )
    assert b.record(here).household == 1
    assert b.record(here).relationship == parse_relationship("同居人")
