"""Acceptance: what each notification does to the book, what it tells, and what the law refuses."""

import re
from datetime import date, timedelta

import msgspec
import pytest

from jukinet.law import notification as law
from jukinet.law.identity import Attachment, Name, Sex
from jukinet.law.notice import Reason
from jukinet.law.protection import SupportMeasure, Threat
from jukinet.law.record import (
    DeletionCause,
    FamilyRegister,
    Foreigner,
    ResidentClass,
    parse_relationship,
)
from jukinet.law.transfer import (
    MeasuresNotice,
    MoveInNotice,
    TransferCertificate,
    TransferRequest,
    TransferWithdrawn,
)
from jukinet.names import era, legal
from jukinet.nodes.message import Filed, NotFiled
from jukinet.numbers import individual_number, resident_code
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.register import book
from jukinet.register.certificates import RESIDENCE
from jukinet.register.entries import EntryKind
from support import (
    CHIYODA,
    DAY,
    SAPPORO_CHUO,
    SHINJUKU,
    Town,
    address,
    entrant,
    filed,
    name,
)
from towns import counts, deliver, homes, image, later, letters, notices

ELSEWHERE = MunicipalityCode(SHINJUKU)
OFF_THE_NETWORK = MunicipalityCode("472018")
NOWHERE = MunicipalityCode("999999")
CODE = resident_code.complete("0123456789")
REGISTER = FamilyRegister(place="東京都千代田区千代田1", first_named="山田 花子")
STUDENT = Foreigner(
    nationality="X国",
    resident_class=ResidentClass.MID_LONG_TERM,
    status="留学",
    period_until=date(2027, 3, 31),
)
BEGAN = DAY - timedelta(days=60)
HEAD, WIFE, CHILD, GUEST, HERMIT = 1, 2, 3, 4, 5
FAMILY, SINGLE, ALONE = 1, 2, 3


def foreign(kind=ResidentClass.MID_LONG_TERM, until=None, status="留学"):
    return Foreigner(nationality="X国", resident_class=kind, status=status, period_until=until)


@pytest.fixture
def town():
    """A family of three, a foreign resident, and a person alone; all came two months ago."""
    town = Town()
    came = {"event": BEGAN, "notice": BEGAN}
    town.household(
        entrant(birth_date=era.parse_iso("1980-05-05")),
        entrant("妻", birth_date=era.parse_iso("1982-02-02")),
        entrant("子", birth_date=era.parse_iso("2016-07-07")),
        **came,
    )
    town.household(entrant(family_register=None, foreigner=STUDENT), **came)
    town.household(entrant(), **came)
    town.before = len(notices(town))
    return town


def placed(person, relationship="世帯主", household=None):
    return law.Placement(
        person=person, relationship=parse_relationship(relationship), household=household
    )


def certificate(**fields):
    return TransferCertificate(
        **{
            "name": name("川本 一郎"),
            "birth_date": era.parse_iso("1990-01-01"),
            "sex": Sex.MALE,
            "code": CODE,
            "individual_number": individual_number.complete("12345678901"),
            "family_register": REGISTER,
            "foreigner": None,
            "former_address": "東京都新宿区西新宿1",
            "planned_on": DAY,
            "attachment": Attachment(locator=b"l" * 16, root=b"r" * 16, epoch=0, seed=b"s" * 32),
            "version": 2 * RESIDENCE,
            "measures": (),
            **fields,
        }
    )


def mover(relationship="世帯主", **fields):
    return entrant(
        relationship,
        **{"code": CODE, "birth_date": era.parse_iso("1990-01-01"), **fields},
    )


def move_in(*movers, came_from=ELSEWHERE, household=None, where=None, **more):
    return law.MoveIn(
        filed=filed(**more),
        movers=movers or (mover(),),
        address=where or address(),
        household=household,
        came_from=came_from,
    )


def move_out(*persons, destination=ELSEWHERE, **more):
    return law.MoveOut(filed=filed(**more), persons=persons, destination=destination)


def household_change(*placements, **more):
    return law.HouseholdChange(filed=filed(**more), placements=placements)


def birth(household=FAMILY, event=DAY, **fields):
    fields = {"birth_date": era.from_date(event), **fields}
    return law.Birth(filed=filed(event), child=entrant("子", **fields), household=household)


def death(person=HEAD, *placements, **more):
    return law.Death(filed=filed(**more), person=person, placements=placements)


def measure(*persons, step=law.MeasureStep.BEGIN, until=DAY + timedelta(days=365), **more):
    return law.MeasureRequest(
        filed=filed(**more), persons=persons, step=step, threat=Threat.STALKING, until=until
    )


def correction(person=HEAD, **fields):
    return law.ExOfficioCorrection(filed=filed(), person=person, **fields)


def since(town):
    """The notices told since the households were entered."""
    return [told.notice for told in notices(town)[town.before :]]


# --- what an accepted notification tells -------------------------------------------------------

TELLS = [
    pytest.param(
        lambda: law.ExOfficioEntry(
            filed=filed(), entrants=(entrant(), entrant("妻")), address=address(), household=None
        ),
        [Reason.EX_OFFICIO_ENTRY] * 2,
        id="an ex officio entry tells of each person entered",
    ),
    pytest.param(
        lambda: move_in(mover(code=None), came_from=None),
        [Reason.MOVE_IN],
        id="a move-in from abroad tells of the person",
    ),
    pytest.param(
        lambda: move_in(came_from=OFF_THE_NETWORK),
        [Reason.MOVE_IN],
        id="a move-in from a town off the network tells of the person",
    ),
    pytest.param(move_in, [], id="a move-in ahead of its certificate tells nobody of anybody"),
    pytest.param(birth, [Reason.BIRTH], id="a birth tells of the child alone"),
    pytest.param(
        lambda: death(HEAD, placed(WIFE, household=FAMILY)),
        [Reason.DEATH],
        id="a death tells of the dead, and not of the new head",
    ),
    pytest.param(
        lambda: law.ExOfficioDeletion(filed=filed(), person=HERMIT),
        [Reason.EX_OFFICIO_DELETION],
        id="an ex officio deletion tells of the person",
    ),
    pytest.param(
        lambda: law.MovedInElsewhere(filed=filed(), person=HERMIT, town=ELSEWHERE),
        [Reason.MOVE_OUT],
        id="a move-in elsewhere tells that the person moved out",
    ),
    pytest.param(lambda: move_out(HERMIT), [], id="a planned move-out tells the centre nothing"),
    pytest.param(
        lambda: law.MoveInside(
            filed=filed(),
            placements=(placed(HEAD), placed(WIFE, "妻"), placed(CHILD, "子")),
            address=address(block="9番"),
        ),
        [Reason.MOVE_INSIDE] * 3,
        id="a move inside tells of each mover",
    ),
    pytest.param(
        lambda: household_change(
            placed(WIFE, household=FAMILY), placed(HEAD, "夫", FAMILY), placed(CHILD, "子", FAMILY)
        ),
        [],
        id="a change of head tells nobody",
    ),
    pytest.param(
        lambda: law.NameChange(
            filed=filed(), person=WIFE, name=name("川本 花子"), cause=law.NameCause.DIVORCE
        ),
        [Reason.EX_OFFICIO_CORRECTION],
        id="a divorce reads as a correction",
    ),
    pytest.param(
        lambda: correction(address=address(block="8番")),
        [Reason.EX_OFFICIO_CORRECTION],
        id="a corrected address is told",
    ),
    pytest.param(
        lambda: correction(birth_date=era.parse_iso("1980-05-06")),
        [Reason.EX_OFFICIO_CORRECTION],
        id="a corrected birth date is told",
    ),
    pytest.param(
        lambda: correction(sex=Sex.MALE),
        [Reason.EX_OFFICIO_CORRECTION],
        id="a corrected sex is told",
    ),
    pytest.param(
        lambda: correction(WIFE, relationship=parse_relationship("妻(未届)")),
        [],
        id="a corrected relationship is told to nobody",
    ),
    pytest.param(
        lambda: correction(
            family_register=FamilyRegister(place="京都府京都市1", first_named="山田 太郎")
        ),
        [],
        id="a corrected family register is told to nobody",
    ),
    pytest.param(
        lambda: law.Naturalisation(
            filed=filed(), person=GUEST, name=name("江戸 進"), family_register=REGISTER
        ),
        [Reason.EX_OFFICIO_ENTRY],
        id="a naturalisation tells the new name",
    ),
    pytest.param(
        lambda: law.Naturalisation(
            filed=filed(), person=GUEST, name=name(), family_register=REGISTER
        ),
        [],
        id="a naturalisation without a new name tells nobody",
    ),
    pytest.param(
        lambda: law.LossOfNationality(
            filed=filed(), person=HERMIT, name=name("SMITH JANE"), foreigner=STUDENT
        ),
        [Reason.EX_OFFICIO_ENTRY],
        id="a loss of nationality tells the new name",
    ),
    pytest.param(
        lambda: law.StatusChange(filed=filed(), person=GUEST, foreigner=foreign(status="特定技能")),
        [],
        id="a change of status is told to nobody",
    ),
    pytest.param(
        lambda: law.CodeChange(filed=filed(), person=HEAD),
        [Reason.CODE_CHANGE],
        id="a change of code on request says so",
    ),
    pytest.param(
        lambda: law.CodeChange(filed=filed(), person=HEAD, ex_officio=True),
        [Reason.EX_OFFICIO_CODE],
        id="a change of code ex officio says so",
    ),
    pytest.param(
        lambda: measure(HEAD, CHILD),
        [Reason.EX_OFFICIO_CORRECTION] * 2,
        id="support measures hide each person",
    ),
    pytest.param(
        lambda: law.MeasuresArrived(
            filed=filed(),
            person=HEAD,
            measures=(SupportMeasure(threat=Threat.OTHER, since=DAY, until=DAY),),
        ),
        [Reason.EX_OFFICIO_CORRECTION],
        id="another town's word on measures hides the person",
    ),
]


@pytest.mark.parametrize(("make", "reasons"), TELLS)
def test_the_centre_hears_what_changed_of_the_six_items_and_a_coarse_reason(town, make, reasons):
    notification = make()
    town.accept(notification)
    told = since(town)
    assert [notice.reason for notice in told] == reasons
    assert {notice.event_date for notice in told} <= {notification.filed.event_date}


@pytest.mark.parametrize(("make", "reasons"), TELLS)
def test_a_notice_says_what_the_record_says(town, make, reasons):
    town.accept(make())
    by_locator = {told.sealed.locator: told for told in notices(town)}
    with town.store.begin() as tx:
        records = [kept.record for kept in book.everybody(tx) if kept.record.attachment]
    assert len(by_locator) == len(records)
    for record in records:
        sealed, notice = by_locator[record.attachment.locator]
        assert notice.person == record.identification
        assert (notice.live, notice.hidden) == (record.live, record.hidden)
        assert (sealed.live, sealed.version <= record.version) == (record.live, True)


# --- what it does to the book -------------------------------------------------------------------


def test_an_ex_officio_entry_makes_a_household_with_a_head(town):
    people = (entrant(), entrant("子"))
    head, child = town.accept(
        law.ExOfficioEntry(filed=filed(), entrants=people, address=address(), household=None)
    )
    record = town.record(child)
    assert record.household == town.record(head).household == 4
    assert (record.resident_since, record.address_since) == (DAY, DAY)
    assert record.version == RESIDENCE
    row = homes(town)[4]
    assert (row.head, row.members, row.head_due) == (head, 2, "")


def test_an_entry_keeps_the_dates_of_an_imported_record(town):
    old = entrant(resident_since=date(1999, 1, 1), address_since=date(2005, 5, 5))
    (person,) = town.household(old)
    record = town.record(person)
    assert record.resident_since == date(1999, 1, 1)
    assert record.address_since == date(2005, 5, 5)
    assert town.entries(person)[0].event_date == DAY


def test_a_birth_is_entered_at_the_parents_address_with_a_code_of_its_own(town):
    (child,) = town.accept(birth())
    record = town.record(child)
    assert (record.household, record.address) == (FAMILY, address())
    assert record.code not in {town.record(person).code for person in (HEAD, WIFE, CHILD)}
    assert record.individual_number is not None


def test_a_death_deletes_the_record_and_keeps_it(town):
    assert town.accept(death(HEAD, placed(WIFE, household=FAMILY))) == (HEAD, WIFE)
    dead = town.record(HEAD)
    assert (dead.deleted.cause, dead.deleted.on) == (DeletionCause.DIED, DAY)
    assert dead.name == name()
    assert [entry.kind for entry in town.entries(HEAD)] == [EntryKind.ENTRY, EntryKind.DELETION]
    assert town.record(WIFE).is_head


def test_a_move_inside_keeps_the_address_before(town):
    town.accept(
        law.MoveInside(filed=filed(), placements=(placed(HERMIT),), address=address(block="9番"))
    )
    record = town.record(HERMIT)
    assert record.address == address(block="9番")
    assert record.address_since == DAY
    assert record.resident_since == BEGAN
    assert record.previous_address == "東京都千代田区千代田1番1号"


def test_those_who_stay_behind_may_be_named_with_the_move(town):
    town.accept(
        law.MoveInside(
            filed=filed(),
            placements=(placed(HEAD),),
            address=address(block="9番"),
            staying=(placed(WIFE, household=FAMILY),),
        )
    )
    assert town.record(WIFE).is_head
    assert town.record(WIFE).address == address()
    assert homes(town)[FAMILY].members == 2


def test_a_planned_move_out_leaves_the_resident_a_resident(town):
    day = DAY + timedelta(days=9)
    town.accept(move_out(HERMIT, event=day, notice=DAY))
    record = town.record(HERMIT)
    assert record.live
    assert (record.planned.on, record.planned.destination) == (day, ELSEWHERE)
    assert [entry.event_date for entry in town.entries(HERMIT)] == [BEGAN, DAY]


def test_naturalisation_and_its_reverse_keep_the_code_and_the_number(town):
    before = town.record(GUEST)
    town.accept(
        law.Naturalisation(
            filed=filed(), person=GUEST, name=name("江戸 進"), family_register=REGISTER
        )
    )
    citizen = town.record(GUEST)
    assert (citizen.foreigner, citizen.family_register) == (None, REGISTER)
    town.accept(
        law.LossOfNationality(
            filed=filed(), person=GUEST, name=name("SMITH JANE"), foreigner=STUDENT
        )
    )
    after = town.record(GUEST)
    assert (after.foreigner, after.family_register) == (STUDENT, None)
    assert after.code == citizen.code == before.code
    assert after.individual_number == before.individual_number
    assert after.attachment == before.attachment
    kinds = [entry.kind for entry in town.entries(GUEST)]
    assert kinds[1:] == [EntryKind.DELETION, EntryKind.ENTRY] * 2


def test_restoration_brings_the_same_record_back_with_the_same_code(town):
    before = town.record(HERMIT)
    town.accept(law.ExOfficioDeletion(filed=filed(), person=HERMIT))
    town.accept(
        law.ReRegistration(filed=filed(), person=HERMIT, placement=placed(HERMIT, household=ALONE))
    )
    after = town.record(HERMIT)
    assert after.live
    assert (after.code, after.attachment) == (before.code, before.attachment)
    assert [notice.live for notice in since(town)] == [False, True]
    assert since(town)[-1].reason is Reason.EX_OFFICIO_ENTRY


def test_a_correction_touches_what_it_names_and_nothing_else(town):
    before = town.record(WIFE)
    town.accept(correction(WIFE, sex=Sex.UNSTATED))
    after = town.record(WIFE)
    assert msgspec.structs.replace(after, sex=before.sex, version=before.version) == before


@pytest.mark.parametrize(
    ("days", "who", "late"),
    [
        pytest.param(14, law.Who.SELF, False, id="on the fourteenth day"),
        pytest.param(15, law.Who.SELF, True, id="on the fifteenth"),
        pytest.param(50, law.Who.OFFICE, False, id="another office is never late"),
    ],
)
def test_a_notification_is_late_after_fourteen_days(town, days, who, late):
    filing = filed(DAY - timedelta(days=days), DAY, who=who)
    reply = town.file(household_change_of(filing))
    assert isinstance(reply, Filed)
    assert reply.late is late


def household_change_of(filing):
    return law.HouseholdChange(filed=filing, placements=(placed(WIFE, "妻(未届)", FAMILY),))


# --- letters --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "kinds"),
    [
        pytest.param([lambda: move_out(HERMIT)], [TransferCertificate], id="a planned move-out"),
        pytest.param([lambda: move_out(HERMIT, destination=None)], [], id="a move abroad"),
        pytest.param(
            [lambda: move_out(HERMIT, destination=OFF_THE_NETWORK)],
            [],
            id="a move to a town off the network: the certificate is on paper",
        ),
        pytest.param([move_in], [TransferRequest], id="a move-in ahead of its certificate"),
        pytest.param(
            [lambda: move_in(came_from=OFF_THE_NETWORK)], [], id="a move-in from off the network"
        ),
        pytest.param([lambda: move_in(mover(), came_from=None)], [], id="a move-in from abroad"),
        pytest.param(
            [
                lambda: move_out(HERMIT),
                lambda: law.CodeChange(filed=filed(), person=HERMIT),
            ],
            [TransferCertificate, TransferCertificate],
            id="a certificate goes out anew when it reads differently",
        ),
        pytest.param(
            [
                lambda: move_out(HERMIT),
                lambda: correction(HERMIT, relationship=parse_relationship("世帯主")),
            ],
            [TransferCertificate],
            id="and only then",
        ),
        pytest.param(
            [lambda: move_out(HERMIT), lambda: measure(HERMIT)],
            [TransferCertificate, TransferCertificate],
            id="support measures that begin before the move travel, too",
        ),
        pytest.param(
            [lambda: move_out(HERMIT), lambda: death(HERMIT)],
            [TransferCertificate, TransferWithdrawn],
            id="a death before the move withdraws the certificate",
        ),
        pytest.param(
            [
                lambda: move_out(HERMIT),
                lambda: law.MovedInElsewhere(filed=filed(), person=HERMIT, town=ELSEWHERE),
            ],
            [TransferCertificate],
            id="the mover's arrival withdraws nothing",
        ),
        pytest.param(
            [
                lambda: move_out(HERMIT, destination=MunicipalityCode(SAPPORO_CHUO)),
                lambda: law.MovedInElsewhere(filed=filed(), person=HERMIT, town=ELSEWHERE),
            ],
            [TransferCertificate, TransferWithdrawn],
            id="an arrival elsewhere than planned withdraws the certificate",
        ),
        pytest.param(
            [lambda: measure(HERMIT)],
            [],
            id="measures of one who came from nowhere are told to none",
        ),
    ],
)
def test_letters_go_to_the_towns_that_the_law_names(town, steps, kinds):
    for step in steps:
        town.accept(step())
    assert [type(letter) for _, letter in letters(town)] == kinds


def test_a_certificate_says_what_the_record_says_and_counts_from_the_next_residence(town):
    day = DAY + timedelta(days=5)
    town.accept(move_out(HERMIT, event=day, notice=DAY))
    record = town.record(HERMIT)
    ((receiver, letter),) = letters(town)
    assert receiver == SHINJUKU
    assert (letter.name, letter.code, letter.attachment) == (
        record.name,
        record.code,
        record.attachment,
    )
    assert letter.former_address == "東京都千代田区千代田1番1号"
    assert (letter.planned_on, letter.version) == (day, 2 * RESIDENCE)


def test_a_mover_with_a_certificate_brings_code_number_attachment_and_measures(town):
    held = SupportMeasure(threat=Threat.VIOLENCE, since=DAY, until=DAY + timedelta(days=300))
    paper = certificate(measures=(held,))
    deliver(town, paper)
    (person,) = town.accept(move_in())
    record = town.record(person)
    assert (record.code, record.individual_number) == (CODE, paper.individual_number)
    assert (record.attachment, record.version) == (paper.attachment, paper.version)
    assert (record.measures, record.hidden) == ((held,), True)
    assert record.previous_address == paper.former_address
    assert record.former_town == ELSEWHERE
    assert letters(town) == [(SHINJUKU, MoveInNotice(locator=b"l" * 16, moved_on=DAY))]
    (told,) = notices(town)[town.before :]
    assert (told.notice.reason, told.notice.hidden) == (Reason.MOVE_IN, True)
    assert told.sealed.chain is None


def test_measures_are_told_to_the_former_town(town):
    deliver(town, certificate())
    (person,) = town.accept(move_in())
    town.accept(measure(person))
    ((_, _), (receiver, letter)) = letters(town)
    assert receiver == SHINJUKU
    assert letter == MeasuresNotice(locator=b"l" * 16, measures=town.record(person).measures)


# --- what the form does not allow, and what the law does not ---------------------------------------

LONG = Name(
    legal=legal.parse("漢" * 100),
    reading=legal.parse_reading("カ" * 100),
    former_surname=legal.parse("字" * 100),
)

REFUSALS = [
    # The form.
    pytest.param(lambda: death(number="x" * 65), "number: ", id="a number of 65 characters"),
    pytest.param(lambda: death(number="a\x00b"), "number: ", id="a number that does not print"),
    pytest.param(lambda: death(number="letter/131041/1"), "number: ", id="a number of the node's"),
    pytest.param(
        lambda: death(event=DAY, notice=DAY + timedelta(days=1)),
        "notice date: ",
        id="a notice of tomorrow",
    ),
    pytest.param(
        lambda: death(event=DAY + timedelta(days=1), notice=DAY),
        "event date: .*arts. 22-25",
        id="an event after its notice",
    ),
    pytest.param(lambda: death(0), "number: ", id="record number nought"),
    pytest.param(lambda: death(2**64), "number: ", id="a number that no store holds"),
    pytest.param(
        lambda: household_change(placed(WIFE, household=2**70)),
        "number: ",
        id="a household number that no store holds",
    ),
    pytest.param(
        lambda: household_change(placed(WIFE, "母", FAMILY), placed(WIFE, "子", FAMILY)),
        "persons: ",
        id="a person placed twice",
    ),
    pytest.param(lambda: move_out(HERMIT, HERMIT), "persons: ", id="a person named twice"),
    pytest.param(lambda: death(99), "record 99: ", id="a record that the town has not"),
    # Entries.
    pytest.param(
        lambda: law.ExOfficioEntry(filed=filed(), entrants=(), address=address(), household=None),
        "entrants: .*art. 8",
        id="an entry of nobody",
    ),
    pytest.param(
        lambda: law.ExOfficioEntry(
            filed=filed(), entrants=(entrant(),), address=address(SHINJUKU), household=None
        ),
        "address: .*art. 5",
        id="an address in another town",
    ),
    pytest.param(
        lambda: law.ExOfficioEntry(
            filed=filed(), entrants=(entrant(),), address=address(), household=77
        ),
        "household 77: ",
        id="into a household that is none",
    ),
    pytest.param(
        lambda: entry_of(entrant(birth_date=era.parse_iso("2026-04-02"))),
        r"birth date: .*art. 7 ii\)",
        id="born after the event",
    ),
    pytest.param(
        lambda: entry_of(entrant(family_register=None)),
        "family register: .*art. 7 v.*art. 30-45",
        id="neither citizen nor foreign resident",
    ),
    pytest.param(
        lambda: entry_of(entrant(foreigner=STUDENT)),
        "family register: .*art. 30-45",
        id="citizen and foreign resident",
    ),
    pytest.param(
        lambda: entry_of(entrant(name=aliased())),
        "alias: .*art. 30-16",
        id="a citizen's alias",
    ),
    pytest.param(
        lambda: entry_of(entrant(name=LONG)), "name, address: ", id="a name of no notice's size"
    ),
    pytest.param(
        lambda: entry_of(entrant(), entrant()),
        r"household 4: records 6 and 7 .*art. 7 iv\)",
        id="two heads",
    ),
    pytest.param(
        lambda: entry_of(entrant("妻"), entrant("子")),
        r"household 4: nobody .*art. 7 iv\)",
        id="no head",
    ),
    pytest.param(
        lambda: entry_of(entrant("子")), r"household 4: nobody .*art. 7 iv\)", id="a child of none"
    ),
    pytest.param(
        lambda: entry_of(mover(), mover("子")), "code: two people", id="one code for two people"
    ),
    # Foreign residents.
    *(
        pytest.param(
            lambda kind=kind, until=until, status=status: entry_of(
                entrant(family_register=None, foreigner=foreign(kind, until, status))
            ),
            f"{field}: .*art. 30-45",
            id=text,
        )
        for kind, until, status, field, text in (
            (ResidentClass.MID_LONG_TERM, None, "", "status", "mid-term without a status"),
            (ResidentClass.SPECIAL_PERMANENT, DAY, "", "period", "special permanent with an end"),
            (ResidentClass.PROVISIONAL, None, "", "period", "provisional without an end"),
            (ResidentClass.TRANSITIONAL, None, "", "period", "transitional without an end"),
            (
                ResidentClass.TRANSITIONAL,
                DAY + timedelta(days=61),
                "",
                "period",
                "transitional for 61 days",
            ),
            (
                ResidentClass.TRANSITIONAL,
                DAY - timedelta(days=1),
                "",
                "period",
                "transitional until yesterday",
            ),
        )
    ),
    # Moves.
    pytest.param(
        lambda: law.MoveIn(
            filed=filed(), movers=(), address=address(), household=None, came_from=ELSEWHERE
        ),
        "movers: .*art. 22",
        id="a move-in of nobody",
    ),
    pytest.param(
        lambda: move_in(where=address(SHINJUKU)), "address: .*art. 5", id="a move-in elsewhere"
    ),
    pytest.param(lambda: move_in(mover(code=None)), "code: .*art. 22", id="a mover without a code"),
    pytest.param(
        lambda: move_in(came_from=NOWHERE), "municipality code: ", id="from a town that is none"
    ),
    pytest.param(lambda: move_in(household=77), "household 77: ", id="a move-in into no household"),
    pytest.param(
        lambda: move_in(mover("世帯主"), household=FAMILY),
        r"household 1: records 1 and 6 .*art. 7 iv\)",
        id="a second head moves in",
    ),
    pytest.param(
        lambda: law.MoveInside(filed=filed(), placements=(), address=address(block="9番")),
        "placements: .*art. 23",
        id="a move inside of nobody",
    ),
    pytest.param(
        lambda: law.MoveInside(filed=filed(), placements=(placed(HERMIT),), address=address()),
        "record 5: that is the present address",
        id="a move to the same address",
    ),
    pytest.param(
        lambda: law.MoveInside(
            filed=filed(), placements=(placed(HEAD),), address=address(block="9番")
        ),
        r"household 1: nobody .*art. 7 iv\)",
        id="a head moves and names nobody",
    ),
    pytest.param(
        lambda: move_out(HERMIT, destination=MunicipalityCode(CHIYODA)),
        "destination: .*art. 23",
        id="a move-out to this town",
    ),
    pytest.param(
        lambda: move_out(HERMIT, destination=NOWHERE),
        "municipality code: ",
        id="a move-out to a town that is none",
    ),
    pytest.param(move_out, "persons: .*art. 24", id="a move-out of nobody"),
    pytest.param(
        lambda: law.MoveOutDue(filed=filed(), persons=(HERMIT,)),
        "record 5: no move abroad",
        id="due without a plan",
    ),
    pytest.param(
        lambda: law.MoveOutDue(filed=filed(), persons=()), "persons: ", id="due for nobody"
    ),
    # Households, births, deaths.
    pytest.param(household_change, "placements: .*art. 25", id="a household change of nobody"),
    pytest.param(
        lambda: household_change(placed(WIFE, "妻", FAMILY)),
        "placements: everybody stands",
        id="a household change that changes nothing",
    ),
    pytest.param(
        lambda: household_change(placed(WIFE, household=77)),
        "household 77: ",
        id="into a household that never was",
    ),
    pytest.param(lambda: birth(77), "household 77: ", id="a birth in no household"),
    pytest.param(lambda: birth(code=CODE), "code: .*art. 30-3", id="a newborn with a code"),
    pytest.param(
        lambda: birth(birth_date=era.parse_iso("2026-03-31")),
        r"birth date: .*art. 7 ii\)",
        id="a birth on another day than the birth",
    ),
    pytest.param(
        lambda: death(HEAD, placed(HEAD, household=FAMILY)),
        "persons: ",
        id="the dead named head",
    ),
    # Corrections and persons.
    pytest.param(correction, "correction: .*art. 8", id="a correction of nothing"),
    pytest.param(
        lambda: correction(address=address(SHINJUKU)),
        "address: .*art. 5",
        id="corrected into another town",
    ),
    pytest.param(
        lambda: correction(birth_date=era.parse_iso("2026-04-02")),
        "birth date: ",
        id="corrected to be born tomorrow",
    ),
    pytest.param(
        lambda: correction(name=aliased()),
        "alias: .*art. 30-16",
        id="a citizen corrected to an alias",
    ),
    pytest.param(
        lambda: correction(GUEST, family_register=REGISTER),
        "family register: .*art. 30-45",
        id="a foreign resident corrected to a family register",
    ),
    pytest.param(
        lambda: correction(HERMIT, relationship=parse_relationship("子")),
        r"household 3: nobody .*art. 7 iv\)",
        id="the only one corrected to a child",
    ),
    pytest.param(
        lambda: correction(WIFE, relationship=parse_relationship("世帯主")),
        r"household 1: records 1 and 2 .*art. 7 iv\)",
        id="corrected to a second head",
    ),
    pytest.param(
        lambda: law.NameChange(
            filed=filed(), person=HEAD, name=aliased(), cause=law.NameCause.OTHER
        ),
        "alias: .*art. 30-16",
        id="an alias for a citizen",
    ),
    pytest.param(
        lambda: law.NameChange(
            filed=filed(),
            person=GUEST,
            name=name(),
            cause=law.NameCause.MARRIAGE,
            family_register=REGISTER,
        ),
        "family register: .*art. 30-45",
        id="a family register for a foreign resident",
    ),
    pytest.param(
        lambda: law.Naturalisation(
            filed=filed(), person=HEAD, name=name(), family_register=REGISTER
        ),
        "record 1: ",
        id="a citizen naturalised",
    ),
    pytest.param(
        lambda: law.Naturalisation(
            filed=filed(), person=GUEST, name=aliased(), family_register=REGISTER
        ),
        "alias: ",
        id="naturalised with an alias",
    ),
    pytest.param(
        lambda: law.LossOfNationality(filed=filed(), person=GUEST, name=name(), foreigner=STUDENT),
        "record 4: ",
        id="a nationality lost twice",
    ),
    pytest.param(
        lambda: law.LossOfNationality(
            filed=filed(), person=HEAD, name=name(), foreigner=foreign(status="")
        ),
        "status: ",
        id="a nationality lost for no status",
    ),
    pytest.param(
        lambda: law.StatusChange(filed=filed(), person=HEAD, foreigner=STUDENT),
        "record 1: ",
        id="a citizen's status",
    ),
    # Restoration, measures, cancellation, letters.
    pytest.param(
        lambda: law.ReRegistration(filed=filed(), person=HERMIT, placement=placed(HERMIT)),
        "record 5: it stands",
        id="a record restored that stands",
    ),
    pytest.param(
        lambda: law.ReRegistration(filed=filed(), person=HERMIT, placement=placed(HEAD)),
        "placement: ",
        id="a placement of somebody else",
    ),
    pytest.param(lambda: measure(), "persons: ", id="measures for nobody"),
    pytest.param(lambda: measure(HEAD, until=None), "until: ", id="measures without an end"),
    pytest.param(
        lambda: measure(HEAD, until=DAY + timedelta(days=367)),
        "until: ",
        id="measures for longer than a year",
    ),
    pytest.param(lambda: measure(HEAD, until=DAY), "until: ", id="measures that end at once"),
    pytest.param(
        lambda: measure(HEAD, step=law.MeasureStep.RENEW),
        "record 1: no support measure",
        id="renewed without a measure",
    ),
    pytest.param(
        lambda: measure(HEAD, step=law.MeasureStep.END),
        "record 1: no support measure",
        id="ended without a measure",
    ),
    pytest.param(
        lambda: law.MeasuresArrived(filed=filed(), person=HEAD, measures=()),
        "record 1: ",
        id="measures that stand so already",
    ),
    pytest.param(
        lambda: law.Cancellation(filed=filed(), cancels="nothing"),
        "cancels: ",
        id="a cancellation of nothing",
    ),
    pytest.param(
        lambda: law.AttachmentArrived(
            filed=filed(),
            person=HEAD,
            attachment=Attachment(locator=b"l" * 16, root=b"r" * 16, epoch=0, seed=b"s" * 32),
            version=2 * RESIDENCE,
        ),
        "attachment: ",
        id="an attachment from a desk",
    ),
]


def entry_of(*people):
    return law.ExOfficioEntry(filed=filed(), entrants=people, address=address(), household=None)


def aliased():
    return Name(
        legal=legal.parse("SMITH JANE"),
        reading=legal.parse_reading("スミス　ジェーン"),
        alias=legal.parse("住友 純"),
    )


@pytest.mark.parametrize(("make", "says"), REFUSALS)
def test_a_refusal_says_field_rule_and_article_and_writes_nothing(town, make, says):
    rows, bytes_ = counts(town), image(town)
    reply = town.file(make())
    assert isinstance(reply, NotFiled)
    assert re.match(says, reply.reason), reply.reason
    assert counts(town) == rows
    assert image(town) == bytes_


@pytest.mark.parametrize(("make", "says"), REFUSALS)
def test_what_was_refused_leaves_its_numbers_to_the_next(town, make, says):
    town.file(make())
    (person,) = town.household()
    assert person == 6
    assert town.record(person).household == 4
    assert town.entries(person)[0].number == 6


DELETED = [
    pytest.param(lambda: death(HERMIT), id="died"),
    pytest.param(lambda: law.ExOfficioDeletion(filed=filed(), person=HERMIT), id="deleted"),
    pytest.param(
        lambda: law.MovedInElsewhere(filed=filed(), person=HERMIT, town=ELSEWHERE), id="moved out"
    ),
]
OF_THE_LIVING = [
    pytest.param(lambda: death(HERMIT), id="death"),
    pytest.param(lambda: move_out(HERMIT), id="move-out"),
    pytest.param(
        lambda: law.MoveInside(
            filed=filed(), placements=(placed(HERMIT),), address=address(block="9番")
        ),
        id="move inside",
    ),
    pytest.param(lambda: household_change(placed(HERMIT, "父", FAMILY)), id="household"),
    pytest.param(lambda: correction(HERMIT, sex=Sex.MALE), id="correction"),
    pytest.param(
        lambda: law.NameChange(
            filed=filed(), person=HERMIT, name=name("川本 花"), cause=law.NameCause.OTHER
        ),
        id="name",
    ),
    pytest.param(lambda: law.CodeChange(filed=filed(), person=HERMIT), id="code"),
    pytest.param(lambda: measure(HERMIT), id="measures"),
    pytest.param(lambda: law.ExOfficioDeletion(filed=filed(), person=HERMIT), id="deletion"),
    pytest.param(
        lambda: law.MovedInElsewhere(filed=filed(), person=HERMIT, town=ELSEWHERE), id="moved in"
    ),
    pytest.param(
        lambda: law.LossOfNationality(filed=filed(), person=HERMIT, name=name(), foreigner=STUDENT),
        id="nationality",
    ),
]


@pytest.mark.parametrize("delete", DELETED)
@pytest.mark.parametrize("make", OF_THE_LIVING)
def test_nothing_is_entered_of_a_deleted_record(town, delete, make):
    town.accept(delete())
    reply = town.file(make())
    assert isinstance(reply, NotFiled)
    assert reply.reason.startswith("record 5: it was deleted")


@pytest.mark.parametrize(
    ("delete", "says"),
    [
        pytest.param(lambda: death(HERMIT), None, id="who was taken for dead may come back"),
        pytest.param(
            lambda: law.ExOfficioDeletion(filed=filed(), person=HERMIT),
            None,
            id="who was not found may come back",
        ),
        pytest.param(
            lambda: law.MovedInElsewhere(filed=filed(), person=HERMIT, town=ELSEWHERE),
            "record 5: the person moved out; .*art. 22",
            id="who moved out moves in again",
        ),
    ],
)
def test_restoration_by_the_cause_of_the_deletion(town, delete, says):
    town.accept(delete())
    reply = town.file(law.ReRegistration(filed=filed(), person=HERMIT, placement=placed(HERMIT)))
    if says is None:
        assert isinstance(reply, Filed)
    else:
        assert re.match(says, reply.reason), reply.reason


# --- support measures -------------------------------------------------------------------------------


def test_measures_begin_with_a_fresh_seed_and_epoch_and_a_new_chain(town):
    before = town.record(HEAD).attachment
    town.accept(measure(HEAD))
    after = town.record(HEAD).attachment
    assert after.seed != before.seed
    assert after.epoch == before.epoch + 1
    assert (after.locator, after.root) == (before.locator, before.root)
    chain = notices(town)[-1].sealed.chain
    assert (chain.epoch, chain.seed) == (after.epoch, after.seed)


def test_measures_that_expire_stay_closed_until_they_are_ended(town):
    end = DAY + timedelta(days=30)
    town.accept(measure(HEAD, until=end))
    later(town, end + timedelta(days=100))
    assert town.record(HEAD).hidden
    day = town.now.date()
    town.accept(measure(HEAD, step=law.MeasureStep.END, event=day))
    assert not town.record(HEAD).hidden
    assert [notice.hidden for notice in since(town)] == [True, False]
    assert notices(town)[-1].sealed.chain is None


@pytest.mark.parametrize(
    ("days", "accepted"),
    [
        pytest.param(334, False, id="31 days before the last day"),
        pytest.param(335, True, id="30 days before"),
        pytest.param(365, True, id="on the last day"),
        pytest.param(400, True, id="too late, and still protected"),
    ],
)
def test_a_renewal_is_accepted_from_a_month_before_the_end(town, days, accepted):
    town.accept(measure(HEAD))
    later(town, DAY + timedelta(days=days))
    day = town.now.date()
    request = measure(
        HEAD,
        step=law.MeasureStep.RENEW,
        event=day,
        until=max(day, DAY + timedelta(days=365)) + timedelta(days=365),
    )
    reply = town.file(request)
    assert isinstance(reply, Filed) is accepted
    if accepted:
        (held,) = town.record(HEAD).measures
        assert (held.since, held.until) == (DAY, request.until)
        assert len(since(town)) == 1, "a renewal changes nothing that is told"


def test_measures_are_begun_once_and_again_after_they_were_ended(town):
    town.accept(measure(HEAD))
    assert isinstance(town.file(measure(HEAD)), NotFiled)
    town.accept(measure(HEAD, step=law.MeasureStep.END))
    town.accept(measure(HEAD))
    assert [held.hides for held in town.record(HEAD).measures] == [False, True]
    assert town.record(HEAD).attachment.epoch == 2


# --- foreign residents ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "until", "status"),
    [
        (ResidentClass.MID_LONG_TERM, None, "永住者"),
        (ResidentClass.MID_LONG_TERM, DAY + timedelta(days=90), "留学"),
        (ResidentClass.SPECIAL_PERMANENT, None, ""),
        (ResidentClass.PROVISIONAL, DAY + timedelta(days=180), ""),
        (ResidentClass.TRANSITIONAL, DAY, ""),
        (ResidentClass.TRANSITIONAL, DAY + timedelta(days=60), ""),
    ],
)
def test_each_class_of_foreign_residents_is_entered(town, kind, until, status):
    held = foreign(kind, until, status)
    (person,) = town.household(entrant(family_register=None, foreigner=held))
    assert town.record(person).foreigner == held


def test_a_foreign_residents_alias_is_told_and_taken_away_again(town):
    town.accept(
        law.NameChange(filed=filed(), person=GUEST, name=aliased(), cause=law.NameCause.OTHER)
    )
    plain = msgspec.structs.replace(aliased(), alias=None)
    town.accept(law.NameChange(filed=filed(), person=GUEST, name=plain, cause=law.NameCause.OTHER))
    assert [notice.person.name for notice in since(town)] == [aliased(), plain]


def test_a_naturalised_residents_alias_is_gone(town):
    town.accept(
        law.NameChange(filed=filed(), person=GUEST, name=aliased(), cause=law.NameCause.OTHER)
    )
    town.accept(
        law.Naturalisation(
            filed=filed(), person=GUEST, name=name("住友 純"), family_register=REGISTER
        )
    )
    assert town.record(GUEST).name.alias is None
