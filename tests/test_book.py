"""The book: two dates, entries that stay, and what was known on a past day."""

from datetime import timedelta

import pytest

from jukinet.law import notification as law
from jukinet.law.notice import Reason
from jukinet.law.protection import Threat
from jukinet.law.record import (
    DeletionCause,
    FamilyRegister,
    Foreigner,
    ResidentClass,
    parse_relationship,
)
from jukinet.names import era
from jukinet.nodes.message import NotFiled
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.register import book
from jukinet.register.book import EntryRow, FilingRow, RecordRow
from jukinet.register.codes import CodeRow
from jukinet.register.entries import EntryKind
from jukinet.register.transfers import CertificateRow
from support import DAY, SHINJUKU, Town, address, entrant, filed, name
from towns import homes, image, later, notices

HEAD, WIFE, CHILD = 1, 2, 3
FAMILY = 1
BEGAN = DAY - timedelta(days=60)
REGISTER = FamilyRegister(place="東京都千代田区千代田1", first_named="山田 花子")


@pytest.fixture
def town():
    town = Town()
    town.household(
        entrant(birth_date=era.parse_iso("1980-05-05")),
        entrant("妻", birth_date=era.parse_iso("1982-02-02")),
        entrant("子", birth_date=era.parse_iso("2016-07-07")),
        event=BEGAN,
        notice=BEGAN,
    )
    return town


def on(days):
    return DAY + timedelta(days=days)


def at(event, notice, number=""):
    return filed(on(event), on(notice), number)


def renamed(text, event, notice, person=HEAD, number=""):
    return law.NameChange(
        filed=at(event, notice, number), person=person, name=name(text), cause=law.NameCause.OTHER
    )


def moved(block, event, notice, person=HEAD):
    """The whole family moves inside the town."""
    return law.MoveInside(
        filed=at(event, notice),
        placements=tuple(
            placed(one, text) for one, text in ((HEAD, "世帯主"), (WIFE, "妻"), (CHILD, "子"))
        ),
        address=address(block=block),
    )


def placed(person, text, home=FAMILY):
    return law.Placement(person=person, relationship=parse_relationship(text), household=home)


def died(event, notice, person=HEAD, *placements, number=""):
    return law.Death(filed=at(event, notice, number), person=person, placements=placements)


def cancelled(number, event, notice):
    return law.Cancellation(filed=at(event, notice), cancels=number)


def as_of(town, event, known, person=HEAD):
    with town.store.begin() as tx:
        return book.record_as(tx, person, as_of=on(event), known_on=on(known))


def accept(town, notification):
    later(town, notification.filed.notice_date)
    return town.accept(notification)


# --- two dates --------------------------------------------------------------------------------------


def test_the_record_of_a_day_as_known_on_a_day(town):
    accept(town, renamed("川本 花子", 3, 9))
    table = {
        (event, known): as_of(town, event, known).name.legal.text
        for event in (2, 3, 9)
        for known in (2, 8, 9)
    }
    new, old = "川本 花子", "山田 花子"
    assert table == {
        (2, 2): old, (2, 8): old, (2, 9): old,
        (3, 2): old, (3, 8): old, (3, 9): new,
        (9, 2): old, (9, 8): old, (9, 9): new,
    }  # fmt: skip


def test_before_the_entry_there_was_no_record(town):
    assert as_of(town, -61, 5) is None
    assert as_of(town, -60, 5) is not None


def test_before_the_book_knew_of_it_there_was_no_record(town):
    later(town, on(4))
    (person,) = town.household(event=on(1), notice=on(4))
    assert as_of(town, 4, 3, person) is None
    assert as_of(town, 1, 4, person) is not None


NIGHTS = [
    pytest.param(lambda: renamed("川本 花子", 2, 5, person=WIFE), id="a late name"),
    pytest.param(lambda: moved("9番", -3, 5), id="a late move"),
    pytest.param(lambda: died(3, 5), id="a late death"),
    pytest.param(lambda: cancelled("named", 5, 5), id="a cancellation"),
    pytest.param(lambda: law.CodeChange(filed=at(5, 5), person=HEAD), id="a change of code"),
]


@pytest.mark.parametrize("make", NIGHTS)
def test_what_was_known_on_a_past_day_never_changes(town, make):
    accept(town, renamed("江戸 花子", 1, 2, number="named"))
    later(town, on(4))

    def known_then():
        return [as_of(town, event, 4, one) for event in range(-4, 5) for one in (HEAD, WIFE)]

    before = known_then()
    accept(town, make())
    assert known_then() == before


# --- late events ------------------------------------------------------------------------------------


def test_a_late_event_is_entered_where_it_belongs(town):
    accept(town, moved("9番", 5, 5))
    accept(town, renamed("川本 花子", 2, 8))
    assert as_of(town, 1, 8).name == name()
    assert as_of(town, 2, 8).name == name("川本 花子")
    assert as_of(town, 4, 8).address == address()
    record = town.record(HEAD)
    assert (record.name, record.address) == (name("川本 花子"), address(block="9番"))
    assert [entry.event_date for entry in town.entries(HEAD)] == [BEGAN, on(5), on(2)]


CLASHES = [
    pytest.param(
        renamed("江戸 花子", 5, 5),
        lambda: renamed("川本 花子", 2, 8),
        "name_change of 2026-04-06 (entry 4)",
        id="a name under a later name",
    ),
    pytest.param(
        moved("9番", 5, 5),
        lambda: moved("8番", 2, 8),
        "move_inside of 2026-04-06 (entry 4)",
        id="a move under a later move",
    ),
    pytest.param(
        moved("9番", 5, 5),
        lambda: died(2, 8),
        "move_inside of 2026-04-06 (entry 4)",
        id="a death under a later move of the dead",
    ),
    pytest.param(
        law.CodeChange(filed=at(5, 5), person=HEAD),
        lambda: law.CodeChange(filed=at(2, 8), person=HEAD),
        "code_change of 2026-04-06 (entry 4)",
        id="a code under a later code",
    ),
    pytest.param(
        law.MoveOut(
            filed=filed(on(9), on(5)), persons=(HEAD,), destination=MunicipalityCode(SHINJUKU)
        ),
        lambda: law.MovedInElsewhere(filed=at(2, 8), person=HEAD, town=MunicipalityCode(SHINJUKU)),
        "move_out of 2026-04-06 (entry 4)",
        id="a deletion under a later plan",
    ),
    pytest.param(
        law.HouseholdChange(
            filed=at(5, 5), placements=(placed(WIFE, "世帯主"), placed(HEAD, "夫"))
        ),
        lambda: law.MoveIn(
            filed=at(2, 8),
            movers=(entrant("世帯主", birth_date=era.parse_iso("1990-01-01")),),
            address=address(),
            household=FAMILY,
            came_from=None,
        ),
        "would both be head",
        id="a second head among those of today",
    ),
    pytest.param(
        died(5, 5),
        lambda: law.MoveIn(
            filed=at(2, 8),
            movers=(entrant("世帯主", birth_date=era.parse_iso("1990-01-01")),),
            address=address(),
            household=FAMILY,
            came_from=None,
        ),
        "death of 2026-04-06 (entry 4)",
        id="a second head while the first one lived",
    ),
]


@pytest.mark.parametrize(("earlier", "make", "names"), CLASHES)
def test_a_late_event_is_refused_naming_what_stands_against_it(town, earlier, make, names):
    accept(town, earlier)
    late = make()
    later(town, late.filed.notice_date)
    before = image(town)
    reply = town.file(late)
    assert isinstance(reply, NotFiled)
    assert names in reply.reason
    assert image(town) == before


@pytest.mark.parametrize(("earlier", "make", "names"), CLASHES[:1])
def test_and_accepted_once_that_is_cancelled(town, earlier, make, names):
    accept(town, earlier)
    accept(town, cancelled(earlier.filed.number, 8, 8))
    accept(town, make())
    assert town.record(HEAD).name == name("川本 花子")


def test_an_event_before_the_record_began_is_refused_with_the_day(town):
    reply = town.file(renamed("川本 花子", -70, 0))
    assert isinstance(reply, NotFiled)
    assert "begins only with ex_officio_entry of 2026-01-31 (entry 1)" in reply.reason


def test_a_late_refusal_does_not_show_a_birth_date(town):
    (child,) = accept(
        town,
        law.Birth(
            filed=at(3, 3),
            child=entrant("子", birth_date=era.from_date(on(3))),
            household=FAMILY,
        ),
    )
    reply = town.file(renamed("川本 花子", 1, 3, person=child))
    assert isinstance(reply, NotFiled)
    assert "birth (entry 4)" in reply.reason
    assert on(3).isoformat() not in reply.reason


def test_a_late_death_passes_by_what_arrives_by_itself(town):
    accept(
        town,
        law.MeasureRequest(
            filed=at(5, 5),
            persons=(HEAD,),
            step=law.MeasureStep.BEGIN,
            threat=Threat.OTHER,
            until=on(100),
        ),
    )
    accept(town, died(2, 8))
    assert town.record(HEAD).deleted.on == on(2)
    assert town.record(HEAD).hidden


def test_a_day_that_goes_back_makes_no_day_of_the_book_earlier(town):
    accept(town, renamed("江戸 花子", 5, 5))
    later(town, on(2))
    town.accept(renamed("川本 花子", 2, 2, person=WIFE))
    assert [entry.recorded_on for entry in town.entries(WIFE)] == [DAY, on(5)]


# --- versions and numbers -------------------------------------------------------------------------------


def test_versions_rise_with_every_entry_whatever_its_day(town):
    accept(town, moved("9番", 5, 5))
    accept(town, renamed("川本 花子", 2, 8, number="named"))
    accept(town, cancelled("named", 8, 9))
    versions = [entry.version for entry in town.entries(HEAD)]
    assert versions == sorted(set(versions))
    assert town.record(HEAD).version == versions[-1]


def test_entries_are_numbered_through_without_a_gap(town):
    accept(town, renamed("川本 花子", 1, 1))
    town.file(renamed("川本 花子", -90, 1))
    accept(town, died(2, 2))
    with town.store.begin() as tx:
        numbers = [entry.number for entry in book.all_entries(tx)]
    assert numbers == [1, 2, 3, 4, 5]


# --- cancellation -----------------------------------------------------------------------------------------


def test_a_cancellation_reverses_and_erases_nothing(town):
    before = town.record(HEAD)
    accept(town, renamed("川本 花子", 1, 1, number="named"))
    accept(town, cancelled("named", 3, 3))
    after = town.record(HEAD)
    assert after.name == before.name
    assert [entry.kind for entry in town.entries(HEAD)] == [
        EntryKind.ENTRY,
        EntryKind.CORRECTION,
        EntryKind.REVERSAL,
    ]
    assert town.entries(HEAD)[1].changes.name == name("川本 花子")
    assert [told.notice.person.name.legal.text for told in notices(town)[3:]] == [
        "川本 花子",
        "山田 花子",
    ]


def test_a_cancelled_birth_leaves_a_record_that_never_was(town):
    (child,) = accept(
        town,
        law.Birth(
            filed=at(1, 2, "born"),
            child=entrant("子", birth_date=era.from_date(on(1))),
            household=FAMILY,
        ),
    )
    code = town.record(child).code
    accept(town, cancelled("born", 4, 4))
    record = town.record(child)
    assert (record.deleted.cause, record.deleted.on) == (DeletionCause.NEVER_WAS, on(1))
    assert as_of(town, 3, 4, child).live is False
    assert as_of(town, 3, 3, child).live is True
    assert notices(town)[-1].notice.reason is Reason.EX_OFFICIO_DELETION
    (sibling,) = accept(
        town,
        law.Birth(
            filed=at(5, 5),
            child=entrant("子", birth_date=era.from_date(on(5))),
            household=FAMILY,
        ),
    )
    assert town.record(sibling).code != code


def test_a_cancelled_death_brings_the_person_back(town):
    accept(town, died(1, 1, CHILD, number="died"))
    accept(town, cancelled("died", 3, 3))
    assert town.record(CHILD).live
    assert [told.notice.live for told in notices(town)[3:]] == [False, True]
    assert notices(town)[-1].notice.reason is Reason.EX_OFFICIO_ENTRY


def test_cancelling_a_death_takes_the_new_head_back_with_it(town):
    accept(town, died(1, 1, HEAD, placed(WIFE, "世帯主"), number="died"))
    accept(town, cancelled("died", 3, 3))
    assert town.record(HEAD).is_head
    assert town.record(WIFE).relationship.text == "妻"


def test_cancelling_a_death_after_another_head_was_named_is_refused_with_a_way_out(town):
    accept(town, died(1, 1, number="died"))
    accept(
        town,
        law.HouseholdChange(filed=at(2, 2, "named"), placements=(placed(WIFE, "世帯主"),)),
    )
    later(town, on(3))
    reply = town.file(cancelled("died", 3, 3))
    assert isinstance(reply, NotFiled)
    assert "records 1 and 2 would both be head" in reply.reason
    accept(town, cancelled("named", 3, 3))
    accept(town, cancelled("died", 3, 3))
    assert town.record(HEAD).is_head


@pytest.mark.parametrize(
    ("first", "then", "names"),
    [
        pytest.param(
            lambda: renamed("川本 花子", 1, 1, number="first"),
            lambda: renamed("江戸 花子", 2, 2),
            "name_change of 2026-04-03 (entry 5)",
            id="a later name",
        ),
        pytest.param(
            lambda: law.CodeChange(filed=at(1, 1, "first"), person=HEAD),
            lambda: law.CodeChange(filed=at(2, 2), person=HEAD),
            "code_change of 2026-04-03 (entry 5)",
            id="a later code",
        ),
        pytest.param(
            lambda: law.MoveOut(
                filed=filed(on(1), on(1), "first"), persons=(HEAD,), destination=None
            ),
            lambda: law.MoveOutDue(filed=at(1, 2), persons=(HEAD,)),
            "move_out_due of 2026-04-02 (entry 5)",
            id="the departure that it planned",
        ),
        pytest.param(
            lambda: law.ExOfficioDeletion(filed=at(1, 1, "first"), person=HEAD),
            lambda: law.ReRegistration(
                filed=at(2, 2), person=HEAD, placement=placed(HEAD, "世帯主")
            ),
            "re_registration of 2026-04-03",
            id="the restoration of what it deleted",
        ),
    ],
)
def test_what_later_entries_build_on_is_not_cancelled(town, first, then, names):
    accept(town, first())
    accept(town, then())
    later(town, on(3))
    before = image(town)
    reply = town.file(cancelled("first", 3, 3))
    assert isinstance(reply, NotFiled)
    assert names in reply.reason
    assert image(town) == before


def test_an_entry_that_something_was_done_with_is_not_cancelled(town):
    (person,) = town.household(number="entered")
    accept(town, renamed("川本 花子", 1, 1, person=person))
    reply = town.file(cancelled("entered", 1, 1))
    assert isinstance(reply, NotFiled)
    assert "name_change of 2026-04-02" in reply.reason


@pytest.mark.parametrize(
    "number", [pytest.param("twice", id="cancelled already"), pytest.param("undo", id="itself one")]
)
def test_what_is_cancelled_stays_cancelled(town, number):
    accept(town, renamed("川本 花子", 1, 1, number="twice"))
    accept(town, law.Cancellation(filed=at(2, 2, "undo"), cancels="twice"))
    reply = town.file(cancelled(number, 2, 2))
    assert isinstance(reply, NotFiled)
    assert reply.reason.startswith("cancels: ")


def test_a_cancelled_change_of_code_gives_the_old_code_back(town):
    before = town.record(HEAD).code
    accept(town, law.CodeChange(filed=at(1, 1, "changed"), person=HEAD))
    accept(town, cancelled("changed", 2, 2))
    assert town.record(HEAD).code == before
    assert notices(town)[-1].notice.reason is Reason.EX_OFFICIO_CODE


def test_a_chain_that_was_fresh_once_stays_fresh(town):
    begin = law.MeasureRequest(
        filed=at(1, 1, "begun"),
        persons=(HEAD,),
        step=law.MeasureStep.BEGIN,
        threat=Threat.OTHER,
        until=on(100),
    )
    accept(town, begin)
    fresh = town.record(HEAD).attachment
    accept(town, cancelled("begun", 2, 2))
    record = town.record(HEAD)
    assert (record.measures, record.hidden) == ((), False)
    assert record.attachment == fresh
    assert notices(town)[-1].sealed.chain is None


def test_cancelling_a_naturalisation_makes_a_foreign_resident_again(town):
    held = law.LossOfNationality(
        filed=at(1, 1, "lost"),
        person=HEAD,
        name=name("SMITH JANE"),
        foreigner=Foreigner(nationality="X国", resident_class=ResidentClass.SPECIAL_PERMANENT),
    )
    accept(town, held)
    accept(town, cancelled("lost", 2, 2))
    record = town.record(HEAD)
    assert (record.foreigner, record.family_register) == (None, REGISTER)
    assert record.name == name()


def test_a_person_comes_back_to_the_household_that_no_cancelled_entry_names(town):
    head, mother = town.household(entrant(), entrant("母"))
    home = town.record(head).household
    alone = law.HouseholdChange(
        filed=at(1, 1, "left"), placements=(placed(mother, "世帯主", None),)
    )
    accept(town, alone)
    assert homes(town)[home].members == 1
    accept(town, cancelled("left", 2, 2))
    assert (homes(town)[home].head, homes(town)[home].members) == (head, 2)
    assert homes(town)[town.record(mother).household + 1].members == 0


# --- nothing prints itself --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        RecordRow(1, 1, 1, "01234567892", b"", "山田", "ヤマダ", "1980-05-05", "", "", "", b""),
        EntryRow(1, 1, "", "", "1980-05-05", "", "", "", 1, b"01234567892"),
        FilingRow("1", "", "", 0, "", b"", b"1980-05-05"),
        CodeRow("01234567892", "", 1, "held", 1),
        CertificateRow("01234567892", b"", "", "1980-05-05", "", b""),
    ],
    ids=lambda row: type(row).__name__,
)
def test_a_row_of_the_book_does_not_print_what_is_in_it(row):
    assert repr(row) == f"<{type(row).__name__}>"
    assert not any(text in f"{row}" for text in ("01234567892", "1980", "山田", "ヤマダ"))


def test_the_record_of_any_day_is_the_fold_of_the_book(town):
    accept(town, renamed("川本 花子", 1, 4))
    accept(town, moved("9番", 2, 5))
    with town.store.begin() as tx:
        folded = {person: book.fold(book.entries_of(tx, person)) for person in (HEAD, WIFE, CHILD)}
        kept = book.records(tx, (HEAD, WIFE, CHILD))
    assert folded == {person: one.record for person, one in kept.items()}


def test_nobody_is_folded_from_nothing():
    assert book.fold([]) is None
