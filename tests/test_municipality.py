"""A municipality's node: groups, numbers that come twice, failures half-way, and silence."""

from datetime import date, datetime, timedelta
from typing import get_args

import msgspec
import pytest

from jukinet.errors import Malformed
from jukinet.feed import inbox, outbox
from jukinet.feed.link import Item
from jukinet.keys.sign import SigningKey
from jukinet.law import notification as law
from jukinet.law.identity import Attachment, Name, Sex
from jukinet.law.protection import SupportMeasure, Threat
from jukinet.law.record import (
    FamilyRegister,
    Foreigner,
    ResidentClass,
    parse_relationship,
)
from jukinet.law.transfer import (
    MeasuresNotice,
    MoveInNotice,
    MoveInWithdrawn,
    TransferCertificate,
    TransferRefused,
    TransferRequest,
    TransferWithdrawn,
)
from jukinet.names import era, legal
from jukinet.names.address import Address
from jukinet.nodes import telling
from jukinet.nodes.letters import Relayed, seal_letter
from jukinet.nodes.message import (
    CENTRE,
    DESK,
    Ask,
    Filed,
    Filing,
    Message,
    NotFiled,
    Tick,
    Wake,
)
from jukinet.nodes.municipality import GROUP_MAX, Municipality
from jukinet.nodes.pools import PoolGrant
from jukinet.numbers import individual_number, resident_code
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.register import book, codes, writing
from support import (
    CHIYODA,
    DAY,
    JST,
    SAPPORO_CHUO,
    SHINJUKU,
    Town,
    address,
    entrant,
    filed,
    fresh_codes,
    name,
    town_ring,
)
from towns import counts, deliver, hand_over, homes, image, items, later, letters, notices

ELSEWHERE = MunicipalityCode(SHINJUKU)


@pytest.fixture
def town():
    return Town()


def entry(*people, **more):
    return law.ExOfficioEntry(
        filed=filed(**more), entrants=people or (entrant(),), address=address(), household=None
    )


def handed_in(town, *notifications):
    """Give the node some notifications at once; what it sends at the tick that it asked for."""
    out = []
    for notification in notifications:
        body = Filing(notification=notification)
        out += town.node.step(Message(sender=DESK, receiver=town.node.name, body=body), town.now)
    return out


def ticked(town):
    return town.node.step(
        Message(sender=town.node.name, receiver=town.node.name, body=Tick()), town.now
    )


def replies(out):
    return [one.body for one in out if isinstance(one, Message) and one.receiver == DESK]


# --- groups ----------------------------------------------------------------------------------------------


def test_what_arrives_together_is_accepted_together_after_one_wake(town):
    out = handed_in(town, entry(), entry(), entry())
    assert out == [Wake(at=town.now)]
    assert counts(town)["entry"] == 0
    assert [reply.persons for reply in replies(ticked(town))] == [(1,), (2,), (3,)]


def test_a_full_group_does_not_wait(town):
    out = handed_in(town, *[entry() for _ in range(GROUP_MAX)])
    assert len(replies(out)) == GROUP_MAX
    assert replies(ticked(town)) == []


def test_a_refusal_in_a_group_leaves_the_others_accepted_and_the_numbers_without_a_gap(town):
    handed_in(town, entry(), entry(entrant("子")), entry())
    first, refused, last = replies(ticked(town))
    assert isinstance(refused, NotFiled)
    assert (first.persons, last.persons) == ((1,), (2,))
    assert [town.record(person).household for person in (1, 2)] == [1, 2]
    assert town.entries(2)[0].number == 2


def test_a_person_whom_no_notice_has_room_for_is_refused_alone(town):
    long = name("邉" * 100, "ア" * 100)
    address_too = Address(
        municipality=CHIYODA, postal_code="1000001", town="町" * 100, block="番" * 100, building=""
    )
    crowded = law.ExOfficioEntry(
        filed=filed(), entrants=(entrant(name=long),), address=address_too, household=None
    )
    handed_in(town, entry(), crowded, entry())
    first, refused, last = replies(ticked(town))
    assert isinstance(refused, NotFiled)
    assert refused.malformed
    assert refused.reason.startswith("name, address: together")
    assert (first.persons, last.persons) == ((1,), (2,))
    assert counts(town)["entry"] == 2
    assert len(notices(town)) == 2


def test_a_notification_may_build_on_another_of_its_group(town):
    handed_in(town, entry(), law.CodeChange(filed=filed(), person=1))
    assert all(isinstance(reply, Filed) for reply in replies(ticked(town)))
    assert town.record(1).code.digits == fresh_codes(2, 1)[1][0]


def test_each_desk_gets_its_own_answer(town):
    for desk in ("desk 1", "desk 2"):
        body = Filing(notification=entry(number=desk))
        town.node.step(Message(sender=desk, receiver=town.node.name, body=body), town.now)
    out = [one for one in ticked(town) if isinstance(one, Message) and one.receiver != CENTRE]
    assert [(one.receiver, one.body.number) for one in out] == [
        ("desk 1", "desk 1"),
        ("desk 2", "desk 2"),
    ]


# --- the same number twice ---------------------------------------------------------------------------------


def test_the_same_notification_twice_is_recognised_and_writes_nothing(town):
    form = entry(entrant(), entrant("妻"))
    first = town.file(form)
    before = image(town)
    again = town.file(form)
    assert again == msgspec.structs.replace(first, again=True)
    assert image(town) == before


def test_it_is_recognised_within_one_group(town):
    form = entry()
    handed_in(town, form, form)
    first, again = replies(ticked(town))
    assert (first.again, again.again) == (False, True)
    assert first.persons == again.persons
    assert counts(town)["record"] == 1


def test_it_is_recognised_after_a_restart_and_years_later(town):
    form = entry()
    first = town.file(form)
    town.node = Municipality(
        CHIYODA, town.store, town.node._ring, town.directory, town.node._reception._chance
    )
    later(town, DAY + timedelta(days=4000))
    town.node.start(town.now)
    assert town.file(form) == msgspec.structs.replace(first, again=True)


def test_the_first_answer_is_given_again_after_the_record_has_changed(town):
    first = town.file(entry(number="one"))
    town.accept(law.Death(filed=filed(), person=1))
    form = law.ExOfficioEntry(
        filed=filed(number="one"), entrants=(entrant(),), address=address(), household=None
    )
    assert town.file(form) == msgspec.structs.replace(first, again=True)


def test_a_number_with_other_content_is_refused(town):
    town.accept(entry(number="one"))
    before = image(town)
    reply = town.file(entry(entrant(name=name("川本 一郎")), number="one"))
    assert isinstance(reply, NotFiled)
    assert reply.reason == "number: another notification bears it already; give this one its own"
    assert image(town) == before


def test_a_refused_number_is_free_for_the_corrected_form(town):
    assert isinstance(town.file(entry(entrant("子"), number="one")), NotFiled)
    town.accept(entry(number="one"))


# --- failures half-way ------------------------------------------------------------------------------------------


class Cut(Exception):
    """A failure of the machine."""


def failing(monkeypatch, owner, method, after):
    """Let a function fail from some call on; the number of calls so far is counted."""
    whole, calls = getattr(owner, method), []

    def fails(*words, **more):
        calls.append(1)
        if len(calls) > after:
            raise Cut
        return whole(*words, **more)

    monkeypatch.setattr(owner, method, fails)


FAILURES = [
    pytest.param(lambda town: (town.store, "commit"), 0, id="the store's commit"),
    pytest.param(lambda town: (outbox, "append"), 0, id="what is told"),
    pytest.param(lambda town: (telling, "seal_notice"), 2, id="the third notice"),
    pytest.param(lambda town: (book.FILINGS, "add"), 1, id="the second filing"),
    pytest.param(lambda town: (book, "append"), 2, id="the third entry"),
    pytest.param(lambda town: (codes, "hold"), 1, id="the second code"),
    pytest.param(lambda town: (writing, "write"), 1, id="the second acceptance"),
]


@pytest.mark.parametrize(("owner", "after"), FAILURES)
def test_a_failure_in_a_group_leaves_nothing_written_and_no_number_used(
    town, monkeypatch, owner, after
):
    town.household()
    before = image(town)
    group = [entry(number=f"g{number}") for number in range(3)]
    with monkeypatch.context() as cut:
        failing(cut, *owner(town), after)
        handed_in(town, *group)
        with pytest.raises(Cut):
            ticked(town)
    assert image(town) == before
    handed_in(town, *group)  # the desk asks again
    assert [reply.persons for reply in replies(ticked(town))] == [(2,), (3,), (4,)]
    assert [town.record(person).household for person in (2, 3, 4)] == [2, 3, 4]
    assert [town.entries(person)[0].number for person in (2, 3, 4)] == [2, 3, 4]


def test_a_town_that_could_not_write_its_request_for_codes_asks_again(town, monkeypatch):
    town = Town(pool=200)
    with town.store.begin() as tx:
        codes.allot(tx, fresh_codes(1, "one more"))
    with monkeypatch.context() as cut:
        failing(cut, town.store, "commit", 0)
        handed_in(town, entry(), entry())
        with pytest.raises(Cut):
            ticked(town)
    asked = [item.kind for item in items(town)].count("pool_request")
    town.household()
    town.household()
    assert [item.kind for item in items(town)].count("pool_request") == asked + 1


def test_a_failure_over_a_batch_of_the_centres_leaves_nothing_applied(town, monkeypatch):
    grant = Item(
        kind="pool", body=msgspec.msgpack.encode(PoolGrant(pairs=tuple(fresh_codes(3, "x"))))
    )
    before = image(town)
    with monkeypatch.context() as cut:
        failing(cut, inbox, "advance", 0)
        with pytest.raises(Cut):
            hand_over(town, grant)
    assert image(town) == before


def test_a_departure_that_could_not_be_written_falls_due_again(town, monkeypatch):
    (person,) = town.household()
    town.accept(law.MoveOut(filed=filed(), persons=(person,), destination=None))
    town.now = datetime(2026, 4, 2, tzinfo=JST)
    with monkeypatch.context() as cut:
        failing(cut, town.store, "commit", 0)
        with pytest.raises(Cut):
            ticked(town)
    assert town.record(person).live
    ticked(town)
    assert not town.record(person).live


def test_a_restart_goes_on_with_the_next_numbers(town):
    town.household(entrant(), entrant("妻"))
    town.node = Municipality(
        CHIYODA, town.store, town.node._ring, town.directory, town.node._reception._chance
    )
    town.node.start(town.now)
    (person,) = town.household()
    assert (person, town.record(person).household) == (3, 2)
    assert town.entries(person)[0].number == 3


# --- letters -------------------------------------------------------------------------------------------------------


def test_a_letter_that_does_not_open_is_set_aside_and_stops_nothing(town):
    bad = Item(kind="letter", body=msgspec.msgpack.encode(Relayed(sender=SHINJUKU, sealed=b"?")))
    worse = Item(kind="letter", body=b"\xff")
    grant = Item(
        kind="pool", body=msgspec.msgpack.encode(PoolGrant(pairs=tuple(fresh_codes(3, "x"))))
    )
    hand_over(town, bad, worse, grant)
    assert town.node.set_aside == [
        "letter 1: it does not open; have its town send it anew",
        "letter 2: it does not open; have its town send it anew",
    ]
    with town.store.begin() as tx:
        assert codes.level(tx) == 303


def test_a_letter_that_another_town_signed_is_set_aside(town):
    (person,) = town.household()
    locator = town.record(person).attachment.locator
    other = Town(SAPPORO_CHUO)
    deliver(other, MoveInNotice(locator=locator, moved_on=DAY))  # fits, and is unknown there
    assert other.node.set_aside == []
    from_elsewhere = MoveInNotice(locator=locator, moved_on=DAY)
    body = sealed_by(town, from_elsewhere, signer=SAPPORO_CHUO, sender=SHINJUKU)
    hand_over(town, Item(kind="letter", body=body))
    assert town.record(person).live
    assert len(town.node.set_aside) == 1


def sealed_by(town, letter, *, signer, sender):
    """A letter that says it is one town's and is signed by another."""
    key = SigningKey(town_ring(town.centre_ring, signer).signing)
    posted = seal_letter(letter, sender, town.node.name, key, town.directory)
    return msgspec.msgpack.encode(Relayed(sender=sender, sealed=posted.sealed))


def test_letters_about_people_whom_the_town_does_not_know_do_nothing(town):
    town.household()
    rows = counts(town)
    for letter in (
        MoveInNotice(locator=b"?" * 16, moved_on=DAY),
        MoveInWithdrawn(locator=b"?" * 16),
        TransferWithdrawn(locator=b"?" * 16),
        MeasuresNotice(locator=b"?" * 16, measures=()),
        TransferRefused(code=resident_code.complete("0123456789")),
    ):
        deliver(town, letter)
    assert counts(town) == rows | {"inbox_stream": 1}
    assert town.node.set_aside == []


@pytest.mark.parametrize(
    ("known", "born"),
    [
        pytest.param(False, "1980-05-05", id="an unknown code"),
        pytest.param(True, "1980-05-06", id="another birth date"),
        pytest.param(True, "1980-05-05", id="no move-out planned"),
    ],
)
def test_a_town_that_knows_no_move_out_gives_one_and_the_same_answer(town, known, born):
    (person,) = town.household(entrant(birth_date=era.parse_iso("1980-05-05")))
    code = town.record(person).code if known else resident_code.complete("0123456789")
    deliver(town, TransferRequest(code=code, birth_date=era.parse_iso(born), moved_on=DAY))
    assert letters(town) == [(SHINJUKU, TransferRefused(code=code))]


def test_a_message_that_is_none_of_a_towns_is_refused(town):
    body = Ask(agency="x", order=b"", signature=b"", questions=())
    with pytest.raises(Malformed, match="takes no Ask"):
        town.node.step(Message(sender="x", receiver=CHIYODA, body=body), town.now)


# --- silence ---------------------------------------------------------------------------------------------------------

SECRET_CODE = resident_code.complete("7731905842")
SECRET_NUMBER = individual_number.complete("88776655443")
SECRET = Name(
    legal=legal.parse("匿名野 秘子"),
    reading=legal.parse_reading("トクメイノ　ヒミツコ"),
    former_surname=legal.parse("旧姓川"),
)
SECRET_ALIAS = Name(legal=legal.parse("XQSECRET MARY"), alias=legal.parse("通名山 麻里"))
HOME = Address(
    municipality=CHIYODA, postal_code="1019876", town="内緒町", block="七七七番", building="秘密荘"
)
BORN = era.parse_iso("1977-07-17")
REGISTER = FamilyRegister(place="京都府内緒市秘密町", first_named="筆頭田 一")
GUEST = Foreigner(
    nationality="内緒国",
    resident_class=ResidentClass.MID_LONG_TERM,
    status="秘密活動",
    card_number="QX98765432ZZ",
)
MEASURE = SupportMeasure(threat=Threat.CHILD_ABUSE, since=DAY, until=DAY + timedelta(days=77))
MARKERS = (
    *("匿名野", "秘子", "トクメイノ", "旧姓川", "XQSECRET", "通名山", "内緒", "七七七", "秘密荘"),
    *("1019876", "筆頭田", "秘密活動", "QX98765432ZZ", "1977", "07-17", "R59", "昭和"),
    *(SECRET_CODE.digits, SECRET_NUMBER.digits, b"secret locator!!".hex()),
)


def secret_entrant(relationship="世帯主", **fields):
    return law.Entrant(
        **{
            "name": SECRET,
            "birth_date": BORN,
            "sex": Sex.FEMALE,
            "relationship": parse_relationship(relationship),
            "family_register": REGISTER,
            "code": SECRET_CODE,
            "individual_number": SECRET_NUMBER,
            "previous_address": "内緒町七七七番",
            "measures": (MEASURE,),
            **fields,
        }
    )


def attachment():
    return Attachment(locator=b"secret locator!!", root=b"r" * 16, epoch=0, seed=b"s" * 32)


def placed(person, household=None):
    return law.Placement(person=person, relationship=parse_relationship("子"), household=household)


KINDS = {
    law.MoveIn: lambda f, p: law.MoveIn(
        filed=f,
        movers=(secret_entrant(),),
        address=HOME,
        household=None,
        came_from=ELSEWHERE,
    ),
    law.MoveInside: lambda f, p: law.MoveInside(filed=f, placements=(placed(p),), address=HOME),
    law.MoveOut: lambda f, p: law.MoveOut(filed=f, persons=(p,), destination=ELSEWHERE),
    law.HouseholdChange: lambda f, p: law.HouseholdChange(filed=f, placements=(placed(p),)),
    law.Birth: lambda f, p: law.Birth(filed=f, child=secret_entrant("子", code=None), household=1),
    law.Death: lambda f, p: law.Death(filed=f, person=p),
    law.ExOfficioEntry: lambda f, p: law.ExOfficioEntry(
        filed=f, entrants=(secret_entrant(),), address=HOME, household=None
    ),
    law.ExOfficioCorrection: lambda f, p: law.ExOfficioCorrection(
        filed=f,
        person=p,
        name=SECRET_ALIAS,
        birth_date=BORN,
        address=HOME,
        family_register=REGISTER,
    ),
    law.ExOfficioDeletion: lambda f, p: law.ExOfficioDeletion(filed=f, person=p),
    law.DoubleRegistration: lambda f, p: law.DoubleRegistration(filed=f, person=p, kept=p + 1),
    law.NameChange: lambda f, p: law.NameChange(
        filed=f, person=p, name=SECRET_ALIAS, cause=law.NameCause.OTHER, family_register=REGISTER
    ),
    law.Naturalisation: lambda f, p: law.Naturalisation(
        filed=f, person=p, name=SECRET, family_register=REGISTER
    ),
    law.LossOfNationality: lambda f, p: law.LossOfNationality(
        filed=f, person=p, name=SECRET_ALIAS, foreigner=GUEST
    ),
    law.StatusChange: lambda f, p: law.StatusChange(filed=f, person=p, foreigner=GUEST),
    law.CodeChange: lambda f, p: law.CodeChange(filed=f, person=p),
    law.ReRegistration: lambda f, p: law.ReRegistration(filed=f, person=p, placement=placed(p)),
    law.MeasureRequest: lambda f, p: law.MeasureRequest(
        filed=f, persons=(p,), step=law.MeasureStep.BEGIN, until=DAY + timedelta(days=30)
    ),
    law.Cancellation: lambda f, p: law.Cancellation(filed=f, cancels="entered"),
    law.MovedInElsewhere: lambda f, p: law.MovedInElsewhere(filed=f, person=p, town=ELSEWHERE),
    law.MoveOutDue: lambda f, p: law.MoveOutDue(filed=f, persons=(p,)),
    law.AttachmentArrived: lambda f, p: law.AttachmentArrived(
        filed=f, person=p, attachment=attachment(), version=1, individual_number=SECRET_NUMBER
    ),
    law.MeasuresArrived: lambda f, p: law.MeasuresArrived(filed=f, person=p, measures=(MEASURE,)),
}
SITUATIONS = {
    "as it should be": lambda town, kind: kind(filed(), 1),
    "about nobody": lambda town, kind: kind(filed(), 99),
    "too late": lambda town, kind: kind(filed(date(1990, 1, 1), DAY), 1),
    "before the birth": lambda town, kind: kind(filed(date(1970, 1, 1), DAY), 1),
    "of tomorrow": lambda town, kind: kind(filed(DAY + timedelta(days=1), DAY), 1),
    "after the death": lambda town, kind: (
        town.accept(law.Death(filed=filed(), person=1)),
        kind(filed(), 1),
    )[1],
    "under a number of another": lambda town, kind: kind(filed(number="entered"), 1),
    "twice": lambda town, kind: (town.file(form := kind(filed(), 1)), form)[1],
    "for a foreign resident": lambda town, kind: kind(filed(), 2),
    "where the code is known": lambda town, kind: (
        town.file(KINDS[law.ExOfficioEntry](filed(), 1)),
        kind(filed(), 3),
    )[1],
}


def test_every_kind_of_notification_is_tried():
    assert set(KINDS) == set(get_args(law.Notification))


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_answer_and_no_repr_names_anybody(kind, situation):
    town = Town()
    people = secret_entrant(code=None, measures=())
    town.household(people, number="entered")
    town.household(secret_entrant(code=None, family_register=None, foreigner=GUEST))
    form = SITUATIONS[situation](town, KINDS[kind])
    reply = town.file(form)
    texts = [str(reply), repr(reply), repr(form), f"{form}", repr(form.filed)]
    texts += [getattr(reply, "reason", ""), *town.node.set_aside]
    texts += [repr(vars(town.node)), repr(town.node._reception.last), repr(homes(town))]
    with town.store.begin() as tx:
        texts += [repr(list(book.everybody(tx))), repr(list(book.all_entries(tx)))]
        texts += [repr(list(rows.everything(tx))) for rows in (book.RECORDS, book.FILINGS)]
    for text in texts:
        assert not [marker for marker in MARKERS if marker in text], text


@pytest.mark.parametrize(
    "letter",
    [
        TransferCertificate(
            name=SECRET,
            birth_date=era.parse_iso("1977-07-18"),
            sex=Sex.FEMALE,
            code=SECRET_CODE,
            individual_number=SECRET_NUMBER,
            family_register=REGISTER,
            foreigner=None,
            former_address="内緒町七七七番",
            planned_on=DAY,
            attachment=attachment(),
            version=2**21,
            measures=(MEASURE,),
        ),
        TransferRefused(code=SECRET_CODE),
        TransferRequest(code=SECRET_CODE, birth_date=BORN, moved_on=DAY),
        MeasuresNotice(locator=b"secret locator!!", measures=(MEASURE,)),
    ],
    ids=lambda letter: type(letter).__name__,
)
def test_no_letter_makes_the_town_name_anybody(town, letter):
    town.accept(KINDS[law.MoveIn](filed(), 0))
    deliver(town, letter)
    texts = [*town.node.set_aside, repr(letter), f"{letter}"]
    for text in texts:
        assert not [marker for marker in MARKERS if marker in text], text


def test_notices_of_two_people_do_not_look_alike(town):
    town.household(entrant(), entrant("妻"))
    first, second = notices(town)
    assert first.sealed.locator != second.sealed.locator
    assert first.sealed.code_tag != second.sealed.code_tag
    assert len(first.sealed.payload) == len(second.sealed.payload)
