"""The least answer: what each kind of question gives, and that nothing else is in it."""

from datetime import date, datetime, timedelta
from itertools import combinations

import msgspec
import pytest
from msgspec.structs import replace
from tests.nation import Nation, claim, search
from tests.support import CHIYODA, NOON, SAPPORO_CHUO, SHINJUKU, address, entrant, filed

from jukinet.disclosure.minimise import Seen, agrees, answers, nothing, standing
from jukinet.disclosure.pseudonyms import Issued
from jukinet.law import notification as law
from jukinet.law.identity import Identification, Item, Name, Sex
from jukinet.law.inquiry import BySearch, Claim, Content, Inquiry, Standing, Verdict
from jukinet.law.notice import Notice, Reason
from jukinet.law.schedule import Kind
from jukinet.names import address as addresses
from jukinet.names import era, legal
from jukinet.nodes import message
from jukinet.numbers import individual_number, resident_code
from jukinet.numbers.municipality_code import MunicipalityCode

DAY = date(2026, 4, 1)
# Values that stand nowhere else, each in its own item.
MARKS = {
    Item.NAME: ("龘田 鼬", "ウンジャク イタチ", "VERSALIUS", "ヴェルサリウス", "靐"),
    Item.BIRTH_DATE: ("1913-07-23",),
    Item.SEX: ("unstated",),
    Item.ADDRESS: ("131016", "9998877", "鷽替町", "８７番地の９", "鷹匠荘"),
}
NAME, READING, ALIAS, ALIAS_READING, FORMER = MARKS[Item.NAME]
PERSON = Identification(
    name=Name(
        legal=legal.parse(NAME),
        reading=legal.parse_reading(READING),
        alias=legal.parse(ALIAS),
        alias_reading=legal.parse_reading(ALIAS_READING),
        former_surname=legal.parse(FORMER),
    ),
    birth_date=era.parse_iso("1913-07-23"),
    sex=Sex.UNSTATED,
    address=addresses.parse(
        municipality="131016",
        postal_code="9998877",
        town="鷽替町",
        block="８７番地の９",
        building="鷹匠荘",
    ),
    code=resident_code.complete("8675309867"),
    individual_number=individual_number.complete("31415926535"),
)
NEVER = (PERSON.code.digits, PERSON.individual_number.digits, "ROOT" * 4)
NOTICE = Notice(
    person=PERSON,
    reason=Reason.MOVE_IN,
    event_date=DAY,
    live=True,
    hidden=False,
    root=b"ROOT" * 4,
)
SETS = [frozenset(some) for n in range(1, 5) for some in combinations(Item, n)]


def inquiry(kind, items=frozenset(), **more):
    return Inquiry(
        agency="pension",
        official="1",
        row="1-73",
        kind=kind,
        items=frozenset(items),
        subject=search_of(PERSON),
        asked_at=NOON,
        nonce=bytes(16),
        **more,
    )


def search_of(person):
    return BySearch(
        place=MunicipalityCode(CHIYODA), birth_date=person.birth_date, name=person.name.legal
    )


def answer(asked, seen=None):
    return answers(asked, seen or Seen(now=NOTICE), known_at=NOON, issued=Issued(handle=b"H"))


def marks_in(content: bytes):
    return {
        item
        for item, texts in MARKS.items()
        for text in texts
        if text.encode() in content and text not in ("131016", "unstated")
    } | {item for item in (Item.SEX,) if b"unstated" in content}


# --- nothing but what was asked for --------------------------------------------------------------


@pytest.mark.parametrize("items", SETS, ids=lambda items: "+".join(sorted(items)))
def test_items_that_were_not_asked_for_are_not_in_the_bytes(items):
    content = answer(inquiry(Kind.ITEMS, items)).encode()
    assert marks_in(content) == items
    assert not [mark for mark in NEVER if mark.encode() in content]


@pytest.mark.parametrize("items", SETS, ids=lambda items: "+".join(sorted(items)))
def test_changes_of_items_that_were_not_asked_for_are_not_in_the_bytes(items):
    asked = inquiry(Kind.CHANGES, items, since=DAY)
    content = answer(asked, Seen(now=NOTICE, history=(NOTICE,))).encode()
    assert marks_in(content) == items
    assert not [mark for mark in NEVER if mark.encode() in content]


@pytest.mark.parametrize(
    "asked",
    [
        inquiry(Kind.STANDING),
        inquiry(
            Kind.CONFIRM,
            Item,
            claim=Claim(
                name=PERSON.name.legal,
                birth_date=PERSON.birth_date,
                sex=PERSON.sex,
                address=PERSON.address,
            ),
        ),
    ],
    ids=lambda asked: asked.kind,
)
def test_standing_and_confirm_give_no_item_at_all(asked):
    content = answer(asked)
    assert marks_in(content.encode()) == set()
    assert content.items == {}
    assert content.changes == ()


@pytest.mark.parametrize("kind", Kind)
def test_an_answer_has_only_the_fields_of_its_kind(kind):
    items = {} if kind is Kind.STANDING else {Item.NAME}
    more = {"claim": Claim(name=PERSON.name.legal)} if kind is Kind.CONFIRM else {}
    more |= {"since": DAY} if kind is Kind.CHANGES else {}
    found = answer(inquiry(kind, items, **more), Seen(now=NOTICE, history=(NOTICE,)))
    filled = {
        name
        for name in ("standing", "verdict", "items", "changes")
        if getattr(found, name) != getattr(Content(kind=kind, known_at=None), name)
    }
    assert (
        filled
        == {
            Kind.CONFIRM: {"verdict"},
            Kind.STANDING: {"standing"},
            Kind.ITEMS: {"standing", "items"},
            Kind.CHANGES: {"standing", "changes"},
        }[kind]
    )


@pytest.mark.parametrize("kind", Kind)
def test_an_answer_about_nobody_is_empty(kind):
    more = {"claim": Claim(name=PERSON.name.legal)} if kind is Kind.CONFIRM else {}
    found = nothing(inquiry(kind, **more), known_at=NOON)
    verdict = Verdict.DIFFERENT if kind is Kind.CONFIRM else None
    assert found == Content(kind=kind, known_at=NOON, verdict=verdict)
    assert found.standing is Standing.UNKNOWN
    assert (found.handle, found.ticket, found.blind, found.parts) == (b"",) * 4


def test_a_message_of_the_whole_network_holds_no_item_that_was_not_asked_for():
    nation = Nation((CHIYODA,), ("passport", "pension"))
    (person,) = nation.enter(
        CHIYODA,
        entrant(
            name=replace(PERSON.name, alias=None, alias_reading=None),
            birth_date=PERSON.birth_date,
            sex=PERSON.sex,
        ),
    )
    record = nation.record(CHIYODA, person)
    for row, name, items in (
        ("1-32", "passport", {Item.SEX}),
        ("1-32", "passport", {Item.BIRTH_DATE}),
        ("1-73", "pension", {Item.ADDRESS}),
    ):
        with nation.carried() as carried:
            outcome = nation.ask(name, row, "items", search(record), items=frozenset(items))
        assert set(outcome.content.items) == items
        (answered,) = (one for one in carried if one.receiver == name)
        assert marks_in(message.encode(answered)) == items - {Item.ADDRESS}
        for digits in (record.code.digits, record.individual_number.digits):
            assert digits.encode() not in message.encode(answered)


# --- standing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "live", "wanted"),
    [
        *[pytest.param(reason, True, Standing.RESIDENT, id=f"live: {reason}") for reason in Reason],
        pytest.param(Reason.DEATH, False, Standing.DEAD, id="died"),
        pytest.param(Reason.MOVE_OUT, False, Standing.MOVED, id="moved out"),
        pytest.param(Reason.EX_OFFICIO_DELETION, False, Standing.UNKNOWN, id="nobody lives there"),
        pytest.param(Reason.EX_OFFICIO_CORRECTION, False, Standing.UNKNOWN, id="taken back"),
    ],
)
def test_the_standing_follows_from_the_newest_notice(reason, live, wanted):
    assert standing(replace(NOTICE, reason=reason, live=live)) is wanted


def in_town(*steps):
    """A person at a desk to whom things happen; the nation, and the first record."""
    nation = Nation((CHIYODA, SAPPORO_CHUO), ("pension", "tax", "passport"))
    (person,) = nation.enter(CHIYODA)
    first = nation.record(CHIYODA, person)
    for step in steps:
        nation.accept(CHIYODA, step(person))
    return nation, person, first


def died(person):
    return law.Death(filed=filed(DAY), person=person)


def deleted(person):
    return law.ExOfficioDeletion(filed=filed(DAY), person=person)


def left(person):
    return law.MoveOut(filed=filed(DAY, DAY), persons=(person,), destination=None)


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        pytest.param((), Standing.RESIDENT, id="lives there"),
        pytest.param((died,), Standing.DEAD, id="died"),
        pytest.param((deleted,), Standing.UNKNOWN, id="deleted ex officio"),
    ],
)
def test_the_standing_of_a_person_as_an_agency_gets_it(steps, wanted):
    nation, _, record = in_town(*steps)
    assert nation.ask("pension", "1-73", "standing", search(record)).content.standing is wanted


def test_whoever_left_the_country_has_moved():
    nation, _, record = in_town(left)
    nation.line.until(nation.line.now + timedelta(days=1))
    assert (
        nation.ask("pension", "1-73", "standing", search(record)).content.standing is Standing.MOVED
    )


def test_whoever_moved_on_is_a_resident_where_the_new_town_is_connected():
    nation, person, record = in_town()
    nation.move(person, CHIYODA, SAPPORO_CHUO)
    assert (
        nation.ask("pension", "1-73", "standing", search(record)).content.standing
        is Standing.RESIDENT
    )


# --- confirm -------------------------------------------------------------------------------------


def confirmed(claimed: Claim, person: Identification = PERSON) -> bool:
    return agrees(claimed, replace(NOTICE, person=person))


WATANABE = replace(PERSON, name=Name(legal=legal.parse("渡邊 花子")))
HOME = replace(
    PERSON,
    address=addresses.parse(
        municipality="131016", postal_code="1000001", town="千代田一丁目", block="１番２－３号"
    ),
)


@pytest.mark.parametrize(
    ("claimed", "person", "same"),
    [
        pytest.param(Claim(name=legal.parse("渡辺 花子")), WATANABE, True, id="渡辺 for 渡邊"),
        pytest.param(
            Claim(name=legal.parse("渡邉花子")), WATANABE, True, id="渡邉 without a space"
        ),
        pytest.param(Claim(name=legal.parse("渡部 花子")), WATANABE, False, id="渡部 for 渡邊"),
        pytest.param(Claim(name=legal.parse("渡辺 花")), WATANABE, False, id="half of the name"),
        pytest.param(Claim(name=legal.parse("versalius")), PERSON, True, id="the alias"),
        pytest.param(
            Claim(name=legal.parse("木村 花子")),
            replace(WATANABE, name=replace(WATANABE.name, former_surname=legal.parse("木村"))),
            True,
            id="the former surname",
        ),
        pytest.param(
            Claim(
                address=addresses.parse(
                    municipality="131016", postal_code="1000001", town="千代田1丁目", block="1-2-3"
                )
            ),
            HOME,
            True,
            id="the address spelled differently",
        ),
        pytest.param(
            Claim(
                address=addresses.parse(
                    municipality="131016", postal_code="1000001", town="千代田1丁目", block="1-2-4"
                )
            ),
            HOME,
            False,
            id="the house next door",
        ),
        pytest.param(
            Claim(
                address=addresses.parse(
                    municipality="131041", postal_code="1000001", town="千代田1丁目", block="1-2-3"
                )
            ),
            HOME,
            False,
            id="the same street in another town",
        ),
        pytest.param(Claim(birth_date=era.parse_iso("1913-07-23")), PERSON, True, id="birth date"),
        pytest.param(Claim(birth_date=era.parse("大正2年7月23日")), PERSON, True, id="in the era"),
        pytest.param(Claim(birth_date=era.parse_iso("1913-07-00")), PERSON, False, id="in part"),
        pytest.param(Claim(sex=Sex.UNSTATED), PERSON, True, id="sex"),
        pytest.param(Claim(sex=Sex.MALE), PERSON, False, id="another sex"),
        pytest.param(
            Claim(name=PERSON.name.legal, sex=Sex.MALE), PERSON, False, id="one of two is wrong"
        ),
    ],
)
def test_a_claim_agrees_by_what_writers_differ_in(claimed, person, same):
    assert confirmed(claimed, person) is same


def test_a_right_claim_is_confirmed_and_gives_a_number():
    nation, _, record = in_town()
    found = nation.ask("tax", "1-39", "confirm", search(record), claim=claim(record))
    assert found.content.verdict is Verdict.SAME
    assert found.number


def test_no_number_and_no_handle_come_where_none_is_wanted():
    nation, _, record = in_town()
    asked = ("tax", "1-39", "confirm", search(record))
    found = nation.ask(*asked, claim=claim(record), numbered=False)
    assert found.content.verdict is Verdict.SAME
    assert (found.number, found.content.handle, found.content.blind) == ("", b"", b"")
    assert found.content.ticket


@pytest.mark.parametrize(
    ("steps", "claimed"),
    [
        pytest.param((), {"birth_date": era.parse_iso("1981-05-05")}, id="another birth date"),
        pytest.param((died,), {}, id="a dead person, rightly described"),
        pytest.param((deleted,), {}, id="a person who is not there any more"),
    ],
)
def test_different_says_nothing_else(steps, claimed):
    nation, _, record = in_town(*steps)
    asked = replace(claim(record), **claimed)
    found = nation.ask("tax", "1-39", "confirm", search(record), claim=asked).content
    known_at = found.known_at
    assert found == Content(kind=Kind.CONFIRM, known_at=known_at, verdict=Verdict.DIFFERENT)


# --- changes -------------------------------------------------------------------------------------


def seen(*notices):
    return Seen(now=notices[-1], history=notices)


def changes(history, since=DAY, items=(Item.ADDRESS,)):
    asked = inquiry(Kind.CHANGES, items, since=since)
    return [(one.event_date, one.standing) for one in answer(asked, history).changes]


BORN = replace(NOTICE, event_date=date(2020, 1, 1), reason=Reason.BIRTH)
RENAMED = replace(
    NOTICE,
    event_date=date(2024, 1, 1),
    reason=Reason.EX_OFFICIO_CORRECTION,
    person=replace(PERSON, name=Name(legal=legal.parse("山田"))),
)
MOVED = replace(
    RENAMED,
    event_date=DAY,
    reason=Reason.MOVE_INSIDE,
    person=replace(RENAMED.person, address=address(block="2番2号")),
)


@pytest.mark.parametrize(
    ("since", "items", "wanted"),
    [
        pytest.param(date(2000, 1, 1), (Item.ADDRESS,), [BORN, MOVED], id="addresses, since ever"),
        pytest.param(date(2000, 1, 1), (Item.NAME,), [BORN, RENAMED], id="names, since ever"),
        pytest.param(date(2000, 1, 1), Item, [BORN, RENAMED, MOVED], id="all, since ever"),
        pytest.param(date(2000, 1, 1), (Item.SEX,), [BORN], id="what never changed"),
        pytest.param(date(2024, 1, 1), (Item.NAME,), [RENAMED], id="from the very day"),
        pytest.param(date(2024, 1, 2), (Item.NAME,), [], id="from the day after"),
        pytest.param(DAY, (Item.ADDRESS,), [MOVED], id="today"),
        pytest.param(DAY + timedelta(days=1), (Item.ADDRESS,), [], id="from tomorrow"),
    ],
)
def test_changes_are_those_of_the_wanted_items_since_a_day(since, items, wanted):
    found = changes(seen(BORN, RENAMED, MOVED), since, items)
    assert found == [(one.event_date, Standing.RESIDENT) for one in wanted]


def test_a_death_is_a_change_of_standing():
    death = replace(MOVED, event_date=date(2026, 5, 1), reason=Reason.DEATH, live=False)
    found = changes(seen(BORN, death), date(2026, 5, 1))
    assert found == [(date(2026, 5, 1), Standing.DEAD)]


def test_a_time_in_hiding_stays_hidden_when_it_is_over():
    hidden = replace(MOVED, hidden=True, person=replace(PERSON, address=address(block="9番9号")))
    after = replace(MOVED, event_date=date(2026, 6, 1), person=BORN.person)
    asked = inquiry(Kind.CHANGES, (Item.ADDRESS,), since=date(2000, 1, 1))
    found = answer(asked, seen(BORN, hidden, after))
    assert "9番9号".encode() not in found.encode()
    assert [one.event_date for one in found.changes] == [BORN.event_date]


def test_changes_across_two_towns_and_two_prefectures():
    nation = Nation((CHIYODA, SHINJUKU, SAPPORO_CHUO), ("pension",))
    (person,) = nation.enter(CHIYODA)
    record = nation.record(CHIYODA, person)
    nation.line.until(NOON + timedelta(days=10))
    person = nation.move(person, CHIYODA, SHINJUKU)
    nation.line.until(NOON + timedelta(days=20))
    nation.move(person, SHINJUKU, SAPPORO_CHUO)
    asked = nation.ask("pension", "1-73", "changes", search(record), since=date(2026, 4, 2)).content
    told = [(one.event_date, one.standing, one.items[Item.ADDRESS][0]) for one in asked.changes]
    assert told == [
        (date(2026, 4, 11), Standing.MOVED, CHIYODA),
        (date(2026, 4, 11), Standing.RESIDENT, SHINJUKU),
        (date(2026, 4, 21), Standing.MOVED, SHINJUKU),
        (date(2026, 4, 21), Standing.RESIDENT, SAPPORO_CHUO),
    ]
    assert asked.standing is Standing.RESIDENT


# --- how old it is -------------------------------------------------------------------------------


def test_an_answer_says_when_the_centre_last_heard_from_the_place():
    nation = Nation((CHIYODA, SAPPORO_CHUO), ("pension",))
    (person,) = nation.enter(CHIYODA)
    record = nation.record(CHIYODA, person)
    nation.line.until(NOON + timedelta(days=3))
    for asked in (search(record), search(record, name=legal.parse("誰 もいない"))):
        found = nation.ask("pension", "1-73", "standing", asked).content
        assert isinstance(found.known_at, datetime)
        assert found.known_at == NOON


def test_an_answer_about_whoever_moved_is_as_old_as_the_new_towns_news():
    nation = Nation((CHIYODA, SAPPORO_CHUO), ("pension",))
    (person,) = nation.enter(CHIYODA)
    record = nation.record(CHIYODA, person)
    nation.line.until(NOON + timedelta(days=3))
    nation.move(person, CHIYODA, SAPPORO_CHUO)
    moved_at = nation.line.now
    nation.line.until(NOON + timedelta(days=5))
    nation.enter(CHIYODA, entrant(name=Name(legal=legal.parse("後 から"))))
    found = nation.ask("pension", "1-73", "standing", search(record)).content
    assert found.known_at == moved_at


def test_content_reads_back():
    found = answer(inquiry(Kind.ITEMS, Item))
    assert msgspec.msgpack.decode(found.encode(), type=Content) == found
