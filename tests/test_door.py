"""The door: what is refused and how, that nothing leaves without a leaf, and that nothing repeats."""

import errno
from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace
from tests.forgetful_disk import PowerCut
from tests.nation import Crash, Nation, claim, crashing, inquiry_of, recorded_commits, search
from tests.support import (
    CHIYODA,
    JST,
    KEEPERS,
    NOON,
    SAPPORO_CHUO,
    SHINJUKU,
    YOKOHAMA_TSURUMI,
    address,
    agency_ring,
    chance,
    entrant,
    standing_rows,
)

from jukinet.disclosure import door
from jukinet.disclosure.pseudonyms import HANDLE_DAYS
from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.index import people
from jukinet.keys.sign import SigningKey
from jukinet.law import leaf as leaves
from jukinet.law import order as orders
from jukinet.law.identity import Item, Sex
from jukinet.law.inquiry import Answer, ByHandle, BySearch, Refusal, Standing, Verdict
from jukinet.law.leaf import DisclosureLeaf, InquiryLeaf, RefusalLeaf
from jukinet.law.schedule import Kind, load
from jukinet.ledger.chains import NONCES
from jukinet.names import era, legal
from jukinet.nodes import agency as agencies
from jukinet.nodes.centre import searching
from jukinet.nodes.keeper import SPENT, Spent
from jukinet.nodes.message import (
    CENTRE,
    KeeperOrder,
    KeeperReply,
    Message,
    Rejected,
    Tick,
)
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.register import book

AGENCIES = ("pension", "tax", "labour", "town-welfare")
FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(scope="module")
def base():
    """A nation with one person at Chiyoda, whom pension has asked about once."""
    nation = Nation((CHIYODA, SAPPORO_CHUO), AGENCIES)
    (person,) = nation.enter(CHIYODA)
    record = nation.record(CHIYODA, person)
    handle = nation.ask("pension", "1-73", "items", search(record)).content.handle
    return nation, record, handle


@pytest.fixture
def somebody(base):
    nation, record, handle = base
    return nation.copy(), record, handle


def last_leaf(nation):
    return nation.leaves()[-1]


# --- what is refused -----------------------------------------------------------------------------

REFUSALS = [
    pytest.param(
        "pension", "1-999", "standing", {}, "no-such-row", "no schedule has it", id="no such row"
    ),
    pytest.param(
        "pension", "1-40", "standing", {}, "not-your-row", "it is for tax", id="another's row"
    ),
    pytest.param(
        "town-welfare",
        "1-73",
        "standing",
        {},
        "not-your-row",
        "it is for pension",
        id="a town asks as pension",
    ),
    pytest.param(
        "labour", "1-91", "standing", {}, "not-in-force", "to 2020-04-01", id="a row that ended"
    ),
    pytest.param(
        "tax",
        "1-39",
        "standing",
        {},
        "kind-not-allowed",
        "ask changes, confirm, items",
        id="a kind too many",
    ),
    pytest.param(
        "tax",
        "1-40",
        "items",
        {"items": frozenset({Item.NAME})},
        "kind-not-allowed",
        "ask standing",
        id="items for a row that gives none",
    ),
    pytest.param(
        "pension",
        "1-73",
        "items",
        {"items": frozenset({Item.ADDRESS, Item.NAME})},
        "items-not-allowed",
        "no more than these items: address",
        id="an item too many",
    ),
    pytest.param(
        "pension",
        "1-73",
        "changes",
        {"items": frozenset({Item.SEX})},
        "items-not-allowed",
        "no more than these items: address",
        id="changes of another item",
    ),
    pytest.param(
        "pension",
        "1-73",
        "standing",
        {"now": NOON - timedelta(minutes=10, seconds=1)},
        "stale",
        "ask again with the time",
        id="ten minutes and a second old",
    ),
    pytest.param(
        "pension",
        "1-73",
        "standing",
        {"now": NOON + timedelta(minutes=10, seconds=1)},
        "stale",
        "older or newer",
        id="signed for later",
    ),
    pytest.param(
        "pension",
        "1-73",
        "standing",
        {"subject": ByHandle(handle=chance("made up")(86))},
        "not-your-handle",
        "not given to you",
        id="a made-up handle",
    ),
    pytest.param(
        "pension",
        "1-73",
        "standing",
        {"subject": ByHandle(handle=b"")},
        "not-your-handle",
        "not given to you",
        id="no handle",
    ),
    pytest.param(
        "pension",
        "1-78",
        "standing",
        {"subject": "handle"},
        "not-your-handle",
        "not given to you",
        id="a handle of another affair of one's own",
    ),
    pytest.param(
        "tax",
        "1-39",
        "items",
        {"subject": "handle"},
        "not-your-handle",
        "not given to you",
        id="a handle of another agency",
    ),
    pytest.param(
        "pension",
        "1-73",
        "standing",
        {"place": YOKOHAMA_TSURUMI},
        "place-not-connected",
        "prefecture 14",
        id="a place that is not connected",
    ),
]


@pytest.mark.parametrize(("agency", "row", "kind", "more", "rule", "says"), REFUSALS)
def test_a_question_is_refused_by_its_rule_written_down_and_answered_precisely(
    somebody, agency, row, kind, more, rule, says
):
    nation, record, handle = somebody
    more = dict(more)
    subject = more.pop("subject", None) or search(record)
    if subject == "handle":
        subject = ByHandle(handle=handle)
    if place := more.pop("place", None):
        subject = replace(subject, place=MunicipalityCode(place))
    before = nation.centre.ledger.log.size
    with nation.carried() as carried:
        outcome = nation.ask(agency, row, kind, subject, **more)
    assert outcome.content is None
    assert outcome.rule == rule
    assert says in outcome.refused
    assert nation.centre.ledger.log.size == before + 1
    leaf = last_leaf(nation)
    assert isinstance(leaf, RefusalLeaf)
    receiver = load().receivers[agency]
    shown = leaves.public_asker(receiver, "13", row)
    assert (leaf.agency, leaf.row, leaf.kind, leaf.rule) == (*shown, kind, rule)
    assert outcome.leaf == before
    assert not [one for one in carried if one.receiver in KEEPERS], "nothing was opened"


def test_several_people_are_refused_and_told_apart_by_sex_or_address(base):
    nation = base[0].copy()
    record = base[1]
    twin = entrant(sex=Sex.MALE)
    (other,) = nation.enter(CHIYODA, twin)
    outcome = nation.ask("pension", "1-73", "standing", search(record))
    assert outcome.rule == "more-than-one"
    assert "2 people" in outcome.refused
    assert isinstance(last_leaf(nation), RefusalLeaf)
    disclosed = [one for one in nation.leaves()[-3:-1] if isinstance(one, DisclosureLeaf)]
    assert len({one.labels for one in disclosed}) == 2, "each of the two can see it"
    told = nation.ask("pension", "1-73", "items", search(record, sex=Sex.FEMALE))
    assert told.number
    theirs = nation.ask("pension", "1-73", "items", search(record, sex=Sex.MALE))
    assert theirs.number not in ("", told.number)
    assert nation.record(CHIYODA, other).sex is Sex.MALE


def test_too_many_people_of_one_name_are_refused_before_anything_is_written_about_them(
    base, monkeypatch
):
    nation, record = base[0].copy(), base[1]
    monkeypatch.setattr(searching, "CANDIDATES_MAX", 1)
    assert nation.ask("pension", "1-73", "standing", search(record)).content
    nation.enter(CHIYODA, entrant(sex=Sex.MALE))
    size = nation.centre.ledger.log.size
    outcome = nation.ask("pension", "1-73", "standing", search(record))
    assert (outcome.rule, nation.centre.ledger.log.size) == ("more-than-one", size + 1)


def test_a_row_for_which_the_keepers_have_no_keys_yet_is_refused(base):
    nation, record = base[0].copy(), base[1]
    keys = dict(nation.directory.group_keys)
    del keys["open/pension/1-73"]
    nation.centre._inquiries._directory = replace(nation.directory, group_keys=keys)
    assert nation.ask("pension", "1-73", "standing", search(record)).rule == "no-keys"


def test_an_agency_of_which_the_schedules_know_nothing_is_rejected(base):
    nation, record = base[0].copy(), base[1]
    entry = nation.directory.agencies["pension"]
    nation.directory.agencies["pension"] = replace(entry, receiver="police")
    try:
        (out,) = nation.centre.step(asked(nation, record), NOON)
    finally:
        nation.directory.agencies["pension"] = entry
    assert isinstance(out.body, Rejected)


def test_a_handle_that_has_expired_is_refused_after_its_inquiry_was_written_down(somebody):
    nation, _, handle = somebody
    nation.line.until(NOON + timedelta(days=HANDLE_DAYS))
    assert nation.ask("pension", "1-73", "standing", ByHandle(handle=handle)).content
    nation.line.until(NOON + timedelta(days=HANDLE_DAYS + 1))
    outcome = nation.ask("pension", "1-73", "standing", ByHandle(handle=handle))
    assert outcome.rule == "handle-expired"
    inquiry, refusal = nation.leaves()[-2:]
    assert isinstance(inquiry, InquiryLeaf)
    assert isinstance(refusal, RefusalLeaf)
    assert refusal.inquiry == nation.centre.ledger.log.size - 2


def inquiry_at(now, row="1-91"):
    nation = Nation((CHIYODA,), ("labour",), now=now)
    message = nation.agencies["labour"].ask(
        row=row, kind=Kind.STANDING, subject=search_nobody(), now=now
    )
    return inquiry_of(message)


def search_nobody():
    return BySearch(
        place=MunicipalityCode(CHIYODA),
        birth_date=era.parse_iso("1900-01-01"),
        name=legal.parse("誰 もいない"),
    )


@pytest.mark.parametrize(
    ("now", "allowed"),
    [
        pytest.param(datetime(2002, 12, 12, 23, 59, 59, tzinfo=JST), False, id="the second before"),
        pytest.param(datetime(2002, 12, 13, tzinfo=JST), True, id="the first second"),
        pytest.param(datetime(2020, 3, 31, 23, 59, 59, tzinfo=JST), True, id="the last second"),
        pytest.param(datetime(2020, 4, 1, tzinfo=JST), False, id="the second after"),
        pytest.param(datetime(2020, 3, 31, 14, 59, 59, tzinfo=UTC), True, id="the last, in UTC"),
        pytest.param(datetime(2020, 3, 31, 15, tzinfo=UTC), False, id="the second after, in UTC"),
    ],
)
def test_a_row_is_in_force_by_the_days_of_japan(now, allowed):
    asked = inquiry_at(now)
    receiver = load().receivers["labour"]
    if allowed:
        assert (
            door.covering(asked, receiver, load(), standing_rows(now - timedelta(days=1)), now).id
            == "1-91"
        )
        return
    with pytest.raises(Refused) as refused:
        door.covering(asked, receiver, load(), standing_rows(now - timedelta(days=1)), now)
    assert refused.value.rule == "not-in-force"


@pytest.mark.parametrize("seconds", [-600, 0, 600])
def test_ten_minutes_either_way_are_not_stale(somebody, seconds):
    nation, record, _ = somebody
    asked = search(record)
    outcome = nation.ask(
        "pension", "1-73", "standing", asked, now=NOON + timedelta(seconds=seconds)
    )
    assert outcome.content.standing is Standing.RESIDENT


# --- what is no inquiry --------------------------------------------------------------------------


def asked(nation, record, **more):
    return nation.question("pension", "1-73", "standing", search(record), **more)


def test_what_is_not_signed_by_the_agency_is_rejected_and_not_written_down(somebody):
    nation, record, _ = somebody
    message = asked(nation, record)
    forged = replace(message.body, signature=SigningKey(bytes(32)).sign(message.body.order))
    changed = replace(message.body, order=message.body.order + b"\x00")
    other = replace(message.body, questions=asked(nation, record).body.questions)
    more = replace(message.body, questions=message.body.questions * 2)
    unknown = replace(message.body, agency="police")
    before = nation.centre.ledger.log.size
    for body, sender in (
        (forged, "pension"),
        (changed, "pension"),
        (other, "pension"),
        (more, "pension"),
        (unknown, "police"),
        (message.body, "tax"),
        (replace(message.body, agency="tax"), "tax"),
    ):
        out = nation.centre.step(Message(sender=sender, receiver=CENTRE, body=body), NOON)
        (rejected,) = out
        assert isinstance(rejected.body, Rejected), sender
        assert rejected.receiver == sender
    assert nation.centre.ledger.log.size == before


def test_what_is_signed_and_no_form_is_rejected_by_its_field(somebody):
    nation, record, _ = somebody
    body = signed_again(asked(nation, record), official="山田")
    (out,) = nation.centre.step(Message(sender="pension", receiver=CENTRE, body=body), NOON)
    assert "official: " in out.body.reason
    assert "山田" not in out.body.reason


def signed_again(message, **changed):
    """What an agency may sign, whatever its own node would say."""
    signed = replace(orders.decode(message.body.order), **changed).encode()
    key = SigningKey(agency_ring("pension").signing)
    return replace(message.body, order=signed, signature=key.sign(signed))


def test_an_inquiry_in_another_agencys_name_is_rejected(somebody):
    nation, record, _ = somebody
    body = signed_again(asked(nation, record), agency="tax")
    (out,) = nation.centre.step(Message(sender="pension", receiver=CENTRE, body=body), NOON)
    assert "names another" in out.body.reason


def test_a_reply_that_is_not_the_keepers_is_not_taken(somebody):
    """Whoever could answer for the keeper could say whom a handle means."""
    nation, _, handle = somebody
    nation.line._queue.clear()
    centre = nation.centre
    question = nation.question("pension", "1-73", "standing", ByHandle(handle=handle))
    centre.step(question, NOON)
    out = centre.step(Message(sender=CENTRE, receiver=CENTRE, body=Tick()), NOON)
    order, _ = (one.body for one in out if isinstance(one, Message))
    forged = KeeperReply(
        order=order.order,
        epoch=0,
        values=(bytes(32),),
        refused=(),
        packages=(),
        signature=bytes(64),
    )
    with pytest.raises(Malformed):
        centre.step(Message(sender="pension", receiver=CENTRE, body=forged), NOON)


def test_a_reply_from_before_a_crash_is_not_taken_for_one_of_now(somebody):
    nation, record, _ = somebody
    nation.centre.step(asked(nation, record), NOON)
    out = nation.centre.step(Message(sender=CENTRE, receiver=CENTRE, body=Tick()), NOON)
    order, _ = (one for one in out if isinstance(one, Message))
    (late,) = nation.keepers["keeper-1"].step(order, NOON)
    again = nation.crashed("everything")
    again.centre.step(asked(again, record), NOON)
    again.centre.step(Message(sender=CENTRE, receiver=CENTRE, body=Tick()), NOON)
    assert again.centre.step(late, NOON) == []


# --- nothing leaves without a leaf ---------------------------------------------------------------


def staged(nation, record):
    """A question that waits for the ledger."""
    out = nation.centre.step(asked(nation, record), NOON)
    assert not [one for one in out if isinstance(one, Message)]


def tick(nation, now=NOON):
    return nation.centre.step(Message(sender=CENTRE, receiver=CENTRE, body=Tick()), now)


def messages(out):
    return [one for one in out if isinstance(one, Message)]


def questions(nation):
    """The leaves of questions and answers: a centre that comes up writes others."""
    return [type(leaf).__name__ for leaf in nation.leaves() if isinstance(leaf, leaves.Question)]


def operations(base):
    """How many operations of the disk one group takes."""
    nation = base[0].copy()
    staged(nation, base[1])
    before = len(nation.disk.trace)
    tick(nation)
    return len(nation.disk.trace) - before


@pytest.mark.parametrize("when", ["before", "middle", "after"])
def test_nothing_leaves_when_the_disk_is_full_and_the_question_goes_on_when_it_is_not(base, when):
    """At each operation of the disk: no order, no answer; later one leaf and one answer."""
    count = operations(base)
    assert count > 8
    for at in range(count):
        nation, record = base[0].copy(), base[1]
        before = nation.centre.ledger.log.size
        staged(nation, record)
        nation.disk.fail(at, when, FULL)
        out = tick(nation)
        if not messages(out):  # only tidying up after the append may fail without a word
            assert "No space left" in nation.centre.out_of_step[-1]
            later = out[-1].at
            assert later > NOON
            assert tick(nation, NOON) == [], "it waits"
            out = tick(nation, later)
        order, other = messages(out)
        assert isinstance(order.body, KeeperOrder)
        nation.line.post(order, other)
        nation.line.run()
        (outcome,) = nation.outcomes("pension")
        assert outcome.content.standing is Standing.RESIDENT
        assert outcome.leaf == before
        assert nation.centre.ledger.log.size == before + 1, "its leaf stands once"


def test_while_the_ledger_cannot_write_new_questions_are_turned_away(base):
    nation, record = base[0].copy(), base[1]
    staged(nation, record)
    nation.disk.fail(0, "before", FULL)
    (wake,) = tick(nation)
    (turned,) = nation.centre.step(asked(nation, record), NOON)
    assert isinstance(turned.body, Rejected)
    assert "cannot be written" in turned.body.reason
    assert turned.body.nonce, "so the agency knows which of its questions it was"
    assert messages(tick(nation, wake.at))
    assert not messages(nation.centre.step(asked(nation, record), wake.at))
    assert messages(tick(nation, wake.at))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", [0, 1], ids=["looking for repeats", "writing"])
def test_nothing_leaves_when_the_chains_cannot_be_written(base, at, when):
    nation, record = base[0].copy(), base[1]
    before = nation.centre.ledger.log.size
    staged(nation, record)
    with crashing(at, when), pytest.raises(Crash):
        tick(nation)
    order, _ = messages(tick(nation))
    assert isinstance(order.body, KeeperOrder)
    assert nation.centre.ledger.log.size == before + 1, "its leaf stands once"
    assert order.body.receipts[0].index == before


@pytest.mark.parametrize("at", [0, 1], ids=["looking for repeats", "writing"])
def test_a_full_disk_under_the_chains_is_gone_on_from_when_it_is_not(base, at):
    nation, record = base[0].copy(), base[1]
    before = nation.centre.ledger.log.size
    staged(nation, record)
    with crashing(at, "before", OutOfStep("store: the disk is full")):
        (wake,) = tick(nation)
    assert "the disk is full" in nation.centre.out_of_step[-1]
    order, _ = messages(tick(nation, wake.at))
    assert isinstance(order.body, KeeperOrder)
    assert nation.centre.ledger.log.size == before + 1


@pytest.mark.parametrize("keeps", ["nothing", "everything"])
@pytest.mark.parametrize("when", ["before", "middle", "after"])
def test_a_crash_anywhere_leaves_no_answer_without_a_leaf(base, when, keeps):
    """At each operation of the disk the machine goes: nothing has left, and it can be asked again."""
    for at in range(operations(base)):
        nation, record = base[0].copy(), base[1]
        before_asked = len(questions(nation))
        staged(nation, record)
        nation.disk.fail(at, when)
        with pytest.raises(PowerCut):  # the step never returned, so nothing has left
            tick(nation)
        again = nation.crashed(keeps)
        assert questions(again)[before_asked:] in ([], ["DisclosureLeaf"])
        outcome = again.ask("pension", "1-73", "standing", search(record))
        assert outcome.content.standing is Standing.RESIDENT
        assert outcome.leaf == again.centre.ledger.log.size - 1


def test_a_crash_between_leaf_and_answer_leaves_a_leaf_and_no_answer(base):
    nation, record = base[0].copy(), base[1]
    before = len(questions(nation))
    staged(nation, record)
    assert messages(tick(nation))
    again = nation.crashed()
    again.line.run()
    assert questions(again)[before:] == ["DisclosureLeaf"]
    assert again.outcomes("pension") == []
    assert again.ask("pension", "1-73", "standing", search(record)).content


def test_the_leaf_is_public_before_the_keeper_is_asked_and_before_the_answer_leaves(base):
    nation, record = base[0].copy(), base[1]
    seen = []
    with nation.carried() as carried:
        deliver = nation.line._deliver

        def noted(message):
            if isinstance(message.body, KeeperOrder | Answer | Refusal):
                seen.append((type(message.body).__name__, nation.mirror().checkpoint))
            deliver(message)

        nation.line._deliver = noted
        nation.ask("pension", "1-73", "standing", search(record))
        nation.line._deliver = deliver
    assert [name for name, _ in seen] == ["KeeperOrder"] * 4 + ["Answer"]
    sizes = [int(checkpoint.split(b"\n")[1]) for _, checkpoint in seen]
    assert sizes == [nation.centre.ledger.log.size] * 5
    assert carried


# --- nothing is answered twice -------------------------------------------------------------------


@pytest.mark.parametrize("apart", ["in one group", "in two groups", "after a crash"])
def test_the_same_signed_question_is_answered_once_and_then_refused(base, apart):
    nation, record = base[0].copy(), base[1]
    question = asked(nation, record)
    before = len(questions(nation))
    if apart == "in one group":
        nation.line.post(question, question)
        nation.line.run()
    else:
        nation.line.post(question)
        nation.line.run()
        first = nation.outcomes("pension")
        if apart == "after a crash":
            nation = nation.crashed()
        node = nation.agencies["pension"]
        inquiry, digest = inquiry_of(question), orders.signed_digest(question.body.order)
        node._asked[inquiry.nonce] = agencies._Asked(inquiry, digest, 0)
        nation.line.post(question)
        nation.line.run()
        node.outcomes[:0] = first
    outcomes = nation.outcomes("pension")
    assert sorted(outcome.rule for outcome in outcomes) == ["", "repeated"]
    assert [outcome.content is not None for outcome in outcomes].count(True) == 1
    assert questions(nation)[before:] == ["DisclosureLeaf", "RefusalLeaf"]
    (refused,) = (one for one in outcomes if one.rule)
    assert "sign a new one" in refused.refused


def test_a_repeated_question_by_handle_opens_nothing(base):
    nation, _, handle = base[0].copy(), base[1], base[2]
    question = nation.question("pension", "1-73", "standing", ByHandle(handle=handle))
    nation.line.post(question)
    nation.line.run()
    with nation.carried() as carried:
        nation.line.post(question)
        nation.line.run()
    assert not [one for one in carried if isinstance(one.body, KeeperOrder)]
    assert last_leaf(nation).rule == "repeated"


def test_a_question_that_was_refused_is_not_taken_again_either(base):
    nation, record = base[0].copy(), base[1]
    question = nation.question("pension", "1-999", "standing", search(record))
    for _ in range(2):
        nation.line.post(question)
        nation.line.run()
    assert [leaf.rule for leaf in nation.leaves()[-2:]] == ["no-such-row", "repeated"]


def test_a_stale_question_is_not_remembered(base):
    """Dated to the year 9999, it would be remembered until then."""
    nation, record = base[0].copy(), base[1]
    far = datetime(9999, 12, 31, 23, 59, tzinfo=JST)
    for row in ("1-73", "1-999"):
        assert nation.ask("pension", row, "standing", search(record), now=far).rule == "stale"
    with nation.stores["chains"].begin() as tx:
        assert all(row.until < far.timestamp() for row in NONCES.everything(tx))


def test_two_agencies_may_draw_the_same_nonce(base):
    nation, record = base[0].copy(), base[1]
    one, other = nation.agencies["pension"], nation.agencies["tax"]
    one._chance = other._chance = lambda size: bytes(size)
    assert nation.ask("pension", "1-73", "standing", search(record)).content
    assert nation.ask("tax", "1-40", "standing", search(record)).content
    assert nation.ask("tax", "1-40", "standing", search(record)).rule == "repeated"


def test_old_nonces_are_forgotten_and_no_repeat_comes_through(base):
    nation, record = base[0].copy(), base[1]
    question = asked(nation, record, now=NOON + timedelta(minutes=10))
    nation.line.post(question)
    nation.line.run()

    def remembered():
        with nation.stores["chains"].begin() as tx:
            return {row.nonce for row in NONCES.everything(tx)}

    nonce = orders.decode(question.body.order).nonce
    assert nonce in remembered()
    nation.line.until(NOON + timedelta(minutes=20))
    nation.line.post(question)
    nation.line.run()
    assert last_leaf(nation).rule == "repeated", "the last moment at which it is not stale"
    nation.line.until(NOON + timedelta(minutes=20, seconds=1))
    nation.outcomes("pension")
    nation.ask("pension", "1-73", "standing", search(record))
    assert nonce not in remembered()
    nation.line.post(question)
    nation.line.run()
    assert last_leaf(nation).rule == "stale"


# --- the newest state decides --------------------------------------------------------------------


def moved(base, **more):
    nation, record = base[0].copy(), base[1]
    with nation.stores[CHIYODA].begin() as tx:
        (kept,) = book.by_code(tx, record.code)
    there = nation.move(kept.record.number, CHIYODA, SAPPORO_CHUO, **more)
    return nation, record, nation.record(SAPPORO_CHUO, there)


@pytest.mark.parametrize("by", ["the old place", "the new place", "the old handle"])
def test_whoever_moved_to_another_prefecture_is_found(base, by):
    nation, old, new = moved(base)
    subject = {
        "the old place": search(old),
        "the new place": search(new),
        "the old handle": ByHandle(handle=base[2]),
    }[by]
    content = nation.ask("pension", "1-73", "items", subject).content
    assert content.standing is Standing.RESIDENT
    assert content.items[Item.ADDRESS][0] == SAPPORO_CHUO


@pytest.mark.parametrize("block", ["1番1号", "２番２号"], ids=["the address left", "the new one"])
def test_an_old_or_a_new_address_fits_whoever_moved(base, block):
    nation, old, _ = moved(base)
    town = CHIYODA if block == "1番1号" else SAPPORO_CHUO
    asked_for = search(old, address=address(town, block))
    assert (
        nation.ask("pension", "1-73", "standing", asked_for).content.standing is Standing.RESIDENT
    )


def test_another_address_fits_nobody(base):
    nation, old, _ = moved(base)
    outcome = nation.ask("pension", "1-73", "standing", search(old, address=address(CHIYODA, "9")))
    assert outcome.content.standing is Standing.UNKNOWN


def test_two_people_stay_two_when_one_of_them_has_moved_away(base):
    """The one who is elsewhere must not be answered for the one who stayed."""
    nation, old, _ = moved(base)
    nation.enter(CHIYODA, entrant(sex=Sex.MALE))
    outcome = nation.ask("pension", "1-73", "standing", search(old))
    assert outcome.rule == "more-than-one"
    assert (
        nation.ask("pension", "1-73", "items", search(old, sex=Sex.MALE)).content.items[
            Item.ADDRESS
        ][0]
        == CHIYODA
    )
    assert (
        nation.ask("pension", "1-73", "items", search(old, sex=Sex.FEMALE)).content.items[
            Item.ADDRESS
        ][0]
        == SAPPORO_CHUO
    )


def test_one_of_two_who_is_hidden_is_not_counted(base):
    nation, record = base[0].copy(), base[1]
    (other,) = nation.enter(CHIYODA, entrant(sex=Sex.MALE))
    nation.hide(CHIYODA, other)
    outcome = nation.ask("pension", "1-73", "items", search(record))
    assert outcome.number
    assert outcome.content.items[Item.ADDRESS][0] == CHIYODA


def test_between_two_towns_of_a_prefecture_the_newest_state_is_found_from_both():
    nation = Nation((CHIYODA, SHINJUKU), ("pension",))
    (person,) = nation.enter(CHIYODA)
    old = nation.record(CHIYODA, person)
    there = nation.move(person, CHIYODA, SHINJUKU)
    for subject in (search(old), search(nation.record(SHINJUKU, there))):
        content = nation.ask("pension", "1-73", "items", subject).content
        assert content.items[Item.ADDRESS][0] == SHINJUKU


def test_a_whole_city_is_searched_ward_by_ward():
    nation = Nation((SAPPORO_CHUO, "011029"), ("pension",))
    (person,) = nation.enter("011029")
    record = nation.record("011029", person)
    sapporo = search(record, place="011002")
    assert nation.ask("pension", "1-73", "standing", sapporo).content.standing is Standing.RESIDENT
    other_ward = search(record, place=SAPPORO_CHUO)
    assert (
        nation.ask("pension", "1-73", "standing", other_ward).content.standing is Standing.UNKNOWN
    )


# --- what cannot be read -------------------------------------------------------------------------


def test_whoever_was_shredded_is_nobody(base):
    nation, record = base[0].copy(), base[1]
    with nation.stores["13"].begin() as tx:
        for row in list(people.WRAPPED.everything(tx)):
            if row.locator == record.attachment.locator:
                people.WRAPPED.remove(tx, row.prefecture, row.locator, row.version, row.town)
    for subject in (search(record), ByHandle(handle=base[2])):
        outcome = nation.ask("pension", "1-73", "standing", subject)
        assert outcome.content.standing is Standing.UNKNOWN
        assert outcome.number == ""
    assert nation.centre.out_of_step == []


def spend(nation, leaf, step):
    """All keepers have worked on a leaf already."""
    for name in KEEPERS:
        with nation.stores[name].begin() as tx:
            SPENT.add(tx, Spent(leaf, step, "1 2", bytes(8)))


def test_whom_the_keepers_will_not_open_is_not_said_to_be_nobody(base):
    nation, record = base[0].copy(), base[1]
    size = nation.centre.ledger.log.size
    spend(nation, size, "open-1")
    outcome = nation.ask("pension", "1-73", "standing", search(record))
    assert (outcome.content, outcome.rule) == (None, "not-opened")
    assert [type(leaf) for leaf in nation.leaves()[-2:]] == [DisclosureLeaf, RefusalLeaf]


@pytest.mark.parametrize("values", [(), (bytes(32),) * 3], ids=["none", "too many"])
def test_a_reply_with_another_number_of_values_opens_nobody(base, values):
    nation, record = base[0].copy(), base[1]
    deliver = nation.line._deliver

    def changed(message):
        if isinstance(message.body, KeeperReply):
            message = replace(message, body=replace(message.body, values=values))
        deliver(message)

    nation.line._deliver = changed
    assert nation.ask("pension", "1-73", "standing", search(record)).rule == "not-opened"


def test_whom_the_keepers_will_not_number_is_refused(base):
    nation, record = base[0].copy(), base[1]
    spend(nation, nation.centre.ledger.log.size, "number")
    assert nation.ask("pension", "1-73", "standing", search(record)).rule == "not-opened"


def test_a_payload_that_is_none_is_refused_and_told_to_the_operator(base):
    nation, record = base[0].copy(), base[1]
    with nation.stores["13"].begin() as tx:
        for row in list(people.STATES.everything(tx)):
            if row.locator == record.attachment.locator:
                people.STATES.put(tx, row._replace(payload=bytes(len(row.payload))))
    outcome = nation.ask("pension", "1-73", "standing", search(record))
    assert (outcome.content, outcome.rule) == (None, "out-of-step")
    assert CHIYODA in nation.centre.out_of_step[-1]
    assert "山田" not in nation.centre.out_of_step[-1] + outcome.refused


def test_a_row_that_decayed_is_refused_and_told_to_the_operator(base):
    nation, record = base[0].copy(), base[1]
    with nation.stores["13"].begin() as tx:
        tx.execute("UPDATE state SET version = version + 1 WHERE town = '131016'")
    outcome = nation.ask("pension", "1-73", "standing", search(record))
    assert (outcome.content, outcome.rule) == (None, "out-of-step")
    assert "check of a stored row" in nation.centre.out_of_step[-1]


# --- several at once -----------------------------------------------------------------------------


def test_questions_of_one_moment_are_one_group_and_one_order(base):
    nation, record = base[0].copy(), base[1]
    before = nation.mirror().checkpoint
    with recorded_commits() as commits, nation.carried() as carried:
        nation.line.post(
            asked(nation, record),
            nation.question("tax", "1-39", "confirm", search(record), claim=claim(record)),
            nation.question("pension", "1-999", "standing", search(record)),
        )
        nation.line.run()
    (pension, refused), (tax,) = nation.outcomes("pension"), nation.outcomes("tax")
    assert {pension.rule, refused.rule} == {"", "no-such-row"}
    assert tax.content.verdict is Verdict.SAME
    assert commits.count(nation.stores["chains"]) == 2, "looked for repeats, and written"
    orders = [one for one in carried if isinstance(one.body, KeeperOrder)]
    assert [len(one.body.tasks) for one in orders] == [2, 2, 2, 2]
    assert before != nation.mirror().checkpoint


def test_a_day_of_a_question_is_japans():
    assert door.day(datetime(2026, 3, 31, 15, tzinfo=UTC)) == date(2026, 4, 1)
