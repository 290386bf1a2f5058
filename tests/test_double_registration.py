"""Two records of one person: one is kept, the other leads to it, and nobody who is hidden is shown."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.nation import Nation, search
from tests.support import CHIYODA, DAY, SHINJUKU, Town, address, entrant, filed, name
from tests.towns import everybody, notices

from jukinet.errors import OutOfStep, Refused
from jukinet.index import people
from jukinet.law import notification as law
from jukinet.law.inquiry import ByHandle, Standing
from jukinet.law.leaf import FreshNumberLeaf
from jukinet.law.notice import Reason
from jukinet.law.record import DeletionCause, parse_relationship
from jukinet.names import era
from jukinet.nodes.message import NotFiled
from jukinet.numbers import resident_code
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.register import codes


@pytest.fixture
def town():
    """Records 1 and 2 are of one person, 3 of another."""
    town = Town()
    town.household()
    town.household(entrant(name=name("山田 華子")))
    town.household(entrant(birth_date=era.parse_iso("1981-01-01")))
    return town


def united(person=2, kept=1, **more):
    return law.DoubleRegistration(filed=filed(**more), person=person, kept=kept)


def test_one_record_is_deleted_and_leads_to_the_other(town):
    kept = town.record(1)
    town.accept(united())
    gone = town.record(2)
    assert gone.deleted.cause is DeletionCause.UNITED
    assert gone.kept == kept.attachment.locator
    assert town.record(1) == kept, "the one that is kept stands as it stood"


def test_the_notice_names_the_one_that_is_kept_and_nothing_else_is_told(town):
    count = len(notices(town))
    kept = town.record(1).attachment.locator
    town.accept(united())
    (told,) = notices(town)[count:]
    assert (told.sealed.live, told.sealed.kept) == (False, kept)
    assert told.sealed.locator == town.record(2).attachment.locator
    assert told.notice.reason is Reason.EX_OFFICIO_DELETION


def test_a_notice_of_anything_else_names_no_other_record(town):
    town.accept(law.ExOfficioDeletion(filed=filed(), person=2))
    assert {told.sealed.kept for told in notices(town)} == {b""}


def test_the_codes_of_both_stay_this_persons_and_are_given_to_nobody(town):
    code = town.record(2).code
    town.accept(united())
    reply = town.file(
        law.ExOfficioEntry(
            filed=filed(), entrants=(entrant(code=code),), address=address(), household=None
        )
    )
    assert isinstance(reply, NotFiled)
    with town.store.begin() as tx:
        assert codes.CODES.get(tx, code.digits).state != codes.FREE


def test_who_moves_in_with_the_code_of_the_record_that_went_is_sent_to_the_other(town):
    code = town.record(2).code
    town.accept(united())
    reply = town.file(
        law.MoveIn(
            filed=filed(),
            movers=(entrant(code=code),),
            address=address(),
            household=None,
            came_from=MunicipalityCode(SHINJUKU),
        )
    )
    assert isinstance(reply, NotFiled)
    assert "was united with another record of the same person" in reply.reason
    assert code.digits not in reply.reason


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        pytest.param(united(3, 1), "birth date or sex differ", id="two people"),
        pytest.param(united(1, 1), "named twice", id="one record with itself"),
        pytest.param(united(9, 1), "has none of that number", id="nobody"),
        pytest.param(united(1, 9), "has none of that number", id="with nobody"),
    ],
)
def test_what_is_not_two_records_of_one_person_is_not_united(town, form, sentence):
    reply = town.file(form)
    assert isinstance(reply, NotFiled)
    assert sentence in reply.reason


@pytest.mark.parametrize("gone", [1, 2])
def test_a_deleted_record_is_not_united(town, gone):
    town.accept(law.Death(filed=filed(), person=gone))
    assert isinstance(town.file(united()), NotFiled)


def test_a_record_whose_certificate_is_still_to_come_waits_for_it(town):
    (ahead,) = town.accept(
        law.MoveIn(
            filed=filed(),
            movers=(entrant(code=resident_code.complete("0000000017")),),
            address=address(),
            household=None,
            came_from=MunicipalityCode(SHINJUKU),
        )
    )
    for form in (united(ahead, 1), united(1, ahead)):
        reply = town.file(form)
        assert isinstance(reply, NotFiled)
        assert "certificate has not come" in reply.reason


def hide(town, person):
    until = DAY + timedelta(days=90)
    town.accept(
        law.MeasureRequest(
            filed=filed(), persons=(person,), step=law.MeasureStep.BEGIN, until=until
        )
    )


def test_whoever_was_hidden_by_the_record_that_went_is_hidden_by_the_one_kept(town):
    hide(town, 2)
    before = town.record(1)
    count = len(notices(town))
    town.accept(united())
    after = town.record(1)
    assert after.hidden
    assert after.attachment.epoch == before.attachment.epoch + 1, "old view keys end"
    assert after.attachment.locator == before.attachment.locator
    reasons = {told.sealed.locator: told.notice.reason for told in notices(town)[count:]}
    assert reasons == {
        town.record(2).attachment.locator: Reason.EX_OFFICIO_DELETION,
        after.attachment.locator: Reason.EX_OFFICIO_CORRECTION,
    }


def test_whoever_is_hidden_by_the_one_kept_stays_so_on_the_same_chain(town):
    hide(town, 1)
    before = town.record(1)
    town.accept(united())
    assert town.record(1) == before


def test_a_head_who_goes_may_name_the_next(town):
    parent, child = town.household(entrant(name=name("山田 花江")), entrant("子"))
    head = law.Placement(
        person=child,
        relationship=parse_relationship("世帯主"),
        household=town.record(child).household,
    )
    form = law.DoubleRegistration(filed=filed(), person=parent, kept=1, placements=(head,))
    town.accept(form)
    assert town.record(child).is_head


def test_a_union_that_was_a_mistake_is_cancelled_and_leads_nowhere_any_more(town):
    town.accept(united(number="united"))
    town.accept(law.Cancellation(filed=filed(), cancels="united"))
    record = town.record(2)
    assert (record.live, record.kept) == (True, b"")
    told = notices(town)[-1]
    assert (told.sealed.live, told.sealed.kept) == (True, b"")


def test_a_union_is_undone_by_its_cancellation_and_by_no_restoration(town):
    town.accept(united())
    placement = law.Placement(person=2, relationship=parse_relationship("世帯主"), household=None)
    reply = town.file(law.ReRegistration(filed=filed(), person=2, placement=placement))
    assert isinstance(reply, NotFiled)
    assert "cancel that notification" in reply.reason


def test_one_live_record_is_left_of_the_person(town):
    town.accept(united())
    assert [kept.record.number for kept in everybody(town).values() if kept.record.live] == [1, 3]


# --- at the centre's gate, and at the counter -----------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"live": True}, id="a live record"),
        pytest.param({"kept": b"short"}, id="no locator"),
        pytest.param({"kept": None}, id="itself"),
    ],
)
def test_a_notice_that_leads_astray_is_not_taken_in(town, change):
    town.accept(united())
    sealed = notices(town)[-1].sealed
    people.check(sealed, CHIYODA)
    change = {name: sealed.locator if value is None else value for name, value in change.items()}
    with pytest.raises(OutOfStep):
        people.check(replace(sealed, **change), CHIYODA)


@pytest.fixture(scope="module")
def base():
    nation = Nation((CHIYODA,), ("pension",))
    nation.enter(CHIYODA)
    nation.enter(CHIYODA, entrant(name=name("山田 華子")))
    return nation


@pytest.fixture
def nation(base):
    return base.copy()


def test_the_past_of_the_record_that_went_is_read_with_its_own_view_key(nation):
    nation.accept(CHIYODA, united())
    given, message = nation.towns[CHIYODA].counter.ask(
        nation.record(CHIYODA, 2), nation.today, official="D-1"
    )
    nation.line.post(message)
    nation.line.run()
    assert given.key is not None, given.refused


# --- at the centre, with what agencies hold -------------------------------------------------------


def known(nation, person):
    """The number and the handle by which an agency knows a person."""
    outcome = nation.ask("pension", "1-73", "standing", search(nation.record(CHIYODA, person)))
    assert outcome.content.standing is Standing.RESIDENT
    return outcome.number, outcome.content.handle


def again(nation, handle):
    """What an agency is told that asks again by a handle, and wants a number with it."""
    subject = ByHandle(handle=handle)
    return nation.ask("pension", "1-73", "standing", subject, numbered=True)


def test_a_handle_of_the_record_that_went_answers_with_the_number_of_the_one_kept(nation):
    (kept, _), (gone, handle) = known(nation, 1), known(nation, 2)
    nation.accept(CHIYODA, united())
    found = again(nation, handle)
    assert found.content.standing is Standing.RESIDENT
    assert (found.number, kept != gone) == (kept, True)


def test_a_cancelled_union_leads_nowhere_any_more(nation):
    gone, handle = known(nation, 2)
    nation.accept(CHIYODA, united(number="united"))
    nation.accept(CHIYODA, law.Cancellation(filed=filed(), cancels="united"))
    assert again(nation, handle).number == gone


def test_a_union_is_known_to_a_centre_that_comes_up_again(nation):
    (kept, _), (_, handle) = known(nation, 1), known(nation, 2)
    nation.accept(CHIYODA, united())
    assert again(nation.restarted(), handle).number == kept


def test_a_record_that_is_kept_may_be_united_later(nation):
    nation.enter(CHIYODA, entrant(name=name("山田 花江")))
    (last, _), (_, handle) = known(nation, 3), known(nation, 2)
    nation.accept(CHIYODA, united(2, 1))
    nation.accept(CHIYODA, united(1, 3))
    assert again(nation, handle).number == last


def written_down(nation):
    asked, message = nation.towns[CHIYODA].counter.merge(
        nation.record(CHIYODA, 2), nation.record(CHIYODA, 1), official="D-1"
    )
    nation.line.post(message)
    nation.line.run()
    return asked


def test_that_two_records_are_united_stands_in_the_log_however_often_it_is_said(nation):
    nation.accept(CHIYODA, united())
    first, second = written_down(nation), written_down(nation)
    assert (first.refused, second.refused) == ("", "")
    assert second.leaf > first.leaf
    kinds = [leaf for leaf in nation.leaves() if isinstance(leaf, FreshNumberLeaf)]
    assert len(kinds) == 4, "one on each of the two chains, each time"


def test_who_is_not_live_here_gets_no_fresh_number(nation):
    nation.accept(CHIYODA, united())
    with pytest.raises(Refused, match="not live"):
        nation.towns[CHIYODA].counter.renew(nation.record(CHIYODA, 2), official="D-1")
