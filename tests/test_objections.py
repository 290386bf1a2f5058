"""Objections: by whoever has the entry's key, each once, told and answered, and seen by its resident."""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace
from tests.nation import Crash, Nation, crashing, recorded_commits, search
from tests.support import CHIYODA, DAY, NOON, entrant, name

from jukinet.client.receipts import LogKey, check_receipt
from jukinet.client.statement import statement
from jukinet.errors import Malformed
from jukinet.keys import ratchet
from jukinet.law.inquiry import ByHandle
from jukinet.law.leaf import (
    BODY_TEXT_MAX,
    BundleLeaf,
    DeferredLeaf,
    InquiryLeaf,
    ObjectionAnswerLeaf,
    ObjectionLeaf,
    OpeningLeaf,
    RefusalLeaf,
    ViewKeyLeaf,
)
from jukinet.law.objection import ANSWER_DAYS, ObjectionAnswer
from jukinet.law.schedule import Kind
from jukinet.ledger.waiting import WAITING
from jukinet.nodes.message import (
    CENTRE,
    AnswerObjection,
    Message,
    NotGiven,
    Objected,
    Objection,
    ObjectionAnswered,
    ObjectionStands,
)

TEXT = "この照会の理由が分かりません"
RESIDENT = "portal"
ANSWER_BY = DAY + timedelta(days=ANSWER_DAYS)


@pytest.fixture(scope="module")
def base():
    """Somebody who was asked about in every way, and somebody else."""
    nation = Nation((CHIYODA,), ("pension", "tax"))
    (person,) = nation.enter(CHIYODA)
    (other,) = nation.enter(CHIYODA, entrant(name=name("佐藤 太郎")))
    mine, theirs = (search(nation.record(CHIYODA, one)) for one in (person, other))
    handle = nation.ask("pension", "1-73", "standing", mine).content.handle
    nation.ask("tax", "1-40", "standing", theirs)
    nation.ask("pension", "1-73", "standing", ByHandle(handle=handle))
    nation.ask("pension", "1-40", "standing", mine)
    nation.ask("tax", "1-41", "standing", mine, defer_to=DAY + timedelta(days=1))
    order = nation.agencies["tax"].ask_many(
        row="1-40", kind=Kind.STANDING, subjects=[mine, theirs], now=NOON
    )
    nation.line.post(order)
    nation.line.run()
    nation.outcomes("tax")
    nation.towns[CHIYODA].counter.ask(nation.record(CHIYODA, person), DAY, official="D-1")
    nation.later(minutes=1)
    return nation, person, other


@pytest.fixture
def nation(base):
    return base[0].copy()


def entries(nation, person):
    return statement(nation.view_key(CHIYODA, person), nation.mirror(), whole=True).entries


def objection(nation, person, which=0, text=TEXT, request=b"r" * 16, **changed) -> Objection:
    """What the portal makes of a view key and an entry of the statement."""
    entry, state = entries(nation, person)[which], nation.record(CHIYODA, person).attachment.seed
    for _ in range(entry.place):
        state = ratchet.next_state(state)
    made = Objection(
        request=request,
        entry=entry.leaf_index,
        label=ratchet.label(state),
        entry_key=ratchet.entry_key(state),
        text=text,
    )
    return replace(made, **changed)


def send(nation, *bodies, sender=RESIDENT):
    """Send objections or answers, and take what the sender hears."""
    nation.line.post(*[Message(sender=sender, receiver=CENTRE, body=body) for body in bodies])
    nation.line.run()
    return heard(nation, sender)


def heard(nation, who=RESIDENT):
    listened = nation.line.listen(who)
    found = [one.body for one in listened]
    listened.clear()
    return found


def stands(nation, person, which=0, **more) -> ObjectionStands:
    (reply,) = send(nation, objection(nation, person, which, **more))
    assert isinstance(reply, ObjectionStands), reply.reason
    return reply


def answer(nation, number, agency="pension", outcome="explained", text="年金の現況確認です"):
    nation.line.post(nation.agencies[agency].answer_objection(number, outcome=outcome, text=text))
    nation.line.run()


def of_kind(nation, kind):
    return [(at, leaf) for at, leaf in enumerate(nation.leaves()) if isinstance(leaf, kind)]


def waits(nation) -> list[int]:
    with nation.stores["chains"].begin() as tx:
        return [row.leaf for row in WAITING.everything(tx)]


# --- objected, told, answered ------------------------------------------------------------------------


def test_an_objection_stands_in_the_log_and_its_agency_is_told(nation, base):
    with nation.carried() as carried:
        reply = stands(nation, base[1])
    ((index, leaf),) = of_kind(nation, ObjectionLeaf)
    entry = entries(nation, base[1])[0]
    assert (leaf.agency, leaf.row, leaf.entry) == ("pension", "1-73", entry.leaf_index)
    assert leaf.answer_by == reply.answer_by == str(ANSWER_BY)
    log = LogKey.parse(nation.directory.log)
    assert (reply.receipt.index, check_receipt(reply.receipt, log)) == (index, leaf)
    (told,) = nation.agencies["pension"].objections()
    assert (told.objection, told.text, told.inquiry) == (index, TEXT, entry.body.inquiry)
    assert nation.agencies["tax"].objections() == []
    assert [one.receiver for one in carried if isinstance(one.body, Objected)] == ["pension"]
    nation.audited()


def test_both_appear_in_the_statement_and_in_nobody_elses(nation, base):
    _, person, other = base
    index = stands(nation, person).receipt.index
    answer(nation, index)
    entry, *rest = entries(nation, person)
    assert (entry.objection.body.text, entry.answer.body.text) == (TEXT, "年金の現況確認です")
    assert (entry.answer.body.official, entry.answer.leaf.outcome) == ("official-1", "explained")
    for one in (*rest, *entries(nation, other)):
        assert (one.objection, one.answer) == (None, None)
    assert nation.agencies["pension"].objections() == []
    nation.audited()


def test_the_public_reads_none_of_the_words(nation, base):
    answer(nation, stands(nation, base[1], text="my very words").receipt.index, text="their words")
    for path in nation.disk.names:
        assert b"words" not in nation.disk.read(path)


KINDS = {0: "single", 1: "by handle", 2: "bundle"}


@pytest.mark.parametrize("which", KINDS, ids=[*KINDS.values()])
def test_every_kind_of_entry_can_be_objected_to(nation, base, which):
    reply = stands(nation, base[1], which)
    agency = "tax" if which == 2 else "pension"
    answer(nation, reply.receipt.index, agency, outcome="upheld")
    entry = entries(nation, base[1])[which]
    assert isinstance(entry.leaf, BundleLeaf) is (which == 2)
    assert entry.answer.leaf.outcome == "upheld"
    nation.audited()


def test_an_entry_that_was_kept_back_can_be_objected_to_once_it_is_opened(nation, base):
    nation.later(hours=12)
    (which,) = [
        at for at, one in enumerate(entries(nation, base[1])) if isinstance(one.leaf, OpeningLeaf)
    ]
    reply = stands(nation, base[1], which)
    answer(nation, reply.receipt.index, "tax")
    assert entries(nation, base[1])[which].answer is not None
    nation.audited()


# --- who may not -------------------------------------------------------------------------------------


def refused(nation, body, says) -> None:
    size = nation.centre.ledger.log.size
    (reply,) = send(nation, body)
    assert isinstance(reply, NotGiven)
    assert reply.request == body.request
    assert says in reply.reason
    assert nation.centre.ledger.log.size == size
    assert nation.agencies["pension"].objections() == []
    assert waits(nation) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"entry_key": b"k" * 32}, "another person's", id="a guessed key"),
        pytest.param({"entry_key": b""}, "32 bytes", id="no key"),
        pytest.param({"entry_key": b"k" * 31}, "32 bytes", id="a short key"),
        pytest.param({"label": bytes(16)}, "erased", id="another label"),
        pytest.param({"label": b""}, "erased", id="no label"),
        pytest.param({"entry": -1}, "no leaf of this number", id="a number below nothing"),
        pytest.param({"entry": 10**9}, "no leaf of this number", id="a number beyond the log"),
        pytest.param({"entry": 2**63}, "no leaf of this number", id="a number beyond all"),
        pytest.param({"entry": 0}, "no disclosure", id="a row's leaf"),
        pytest.param({"text": ""}, "say in a sentence", id="no words"),
        pytest.param({"text": " \n\t"}, "say in a sentence", id="nothing but spaces"),
        pytest.param({"text": "長" * 200}, "say it shorter", id="too many words"),
    ],
)
def test_an_objection_that_is_none_is_refused_and_nothing_written(nation, base, change, says):
    refused(nation, objection(nation, base[1], **change), says)


def test_anothers_entry_cannot_be_objected_to(nation, base):
    _, person, other = base
    mine, theirs = objection(nation, person), objection(nation, other)
    refused(nation, replace(mine, entry_key=theirs.entry_key), "another person's")
    refused(nation, replace(mine, entry=theirs.entry, label=theirs.label), "another person's")
    refused(nation, replace(mine, entry=theirs.entry), "erased")


def test_anothers_part_of_a_bundle_cannot_be_objected_to(nation, base):
    _, person, other = base
    mine, theirs = objection(nation, person, 2), objection(nation, other, 1)
    assert mine.entry == theirs.entry
    refused(nation, replace(mine, label=theirs.label), "another person's")


@pytest.mark.parametrize("kind", [RefusalLeaf, InquiryLeaf, DeferredLeaf])
def test_what_is_on_no_chain_cannot_be_objected_to(nation, base, kind):
    index, _ = of_kind(nation, kind)[0]
    refused(nation, objection(nation, base[1], entry=index), "no disclosure")


def test_that_a_view_key_was_given_cannot_be_objected_to(nation, base):
    record = nation.record(CHIYODA, base[1])
    _, message = nation.towns[CHIYODA].counter.ask(record, DAY, official="D-1")
    nation.line.post(message)
    nation.line.run()
    ((index, _),) = of_kind(nation, ViewKeyLeaf)
    refused(nation, objection(nation, base[1], entry=index), "no disclosure")


@pytest.mark.parametrize("which", [0, 2])
def test_an_entry_whose_sealed_part_was_erased_is_objected_to_at_the_desk(nation, base, which):
    body = objection(nation, base[1], which)
    if which == 0:
        nation.centre.ledger.log.erase_body(body.entry)
    else:
        (path,) = [one for one in nation.disk.names if "bundle" in one and "bodies" in one]
        nation.disk.put(path, bytes(len(nation.disk.read(path))))
    refused(nation, body, "at the desk")


def test_words_that_just_fit_stand(nation, base):
    overhead = len(b'{"official":"","text":""}')
    longest = "x" * (BODY_TEXT_MAX - overhead)
    refused(nation, objection(nation, base[1], text=longest + "x"), "say it shorter")
    stands(nation, base[1], text=longest)
    assert entries(nation, base[1])[0].objection.body.text == longest


# --- twice -------------------------------------------------------------------------------------------


def test_an_objection_that_is_sent_twice_at_once_stands_once_and_both_hear_it(nation, base):
    first, second = (objection(nation, base[1], request=one * 16) for one in (b"a", b"b"))
    replies = send(nation, first, second)
    assert {one.request for one in replies} == {b"a" * 16, b"b" * 16}
    assert all(isinstance(one, ObjectionStands) for one in replies)
    assert len(of_kind(nation, ObjectionLeaf)) == 1
    nation.audited()


@pytest.mark.parametrize("restart", [False, True])
def test_an_objection_that_is_sent_again_stands_once_and_is_told_again(nation, base, restart):
    first = stands(nation, base[1])
    if restart:
        nation = nation.restarted()
    nation.later(days=2)
    with nation.carried() as carried:
        again = stands(nation, base[1], text="other words")
    assert again.receipt.index == first.receipt.index
    assert again.answer_by == first.answer_by
    (told,) = [one.body for one in carried if isinstance(one.body, Objected)]
    assert (told.objection, told.text) == (first.receipt.index, TEXT)
    assert len(of_kind(nation, ObjectionLeaf)) == 1
    assert len(nation.agencies["pension"].objections()) == 1
    nation.audited()


def test_an_objection_that_is_answered_is_not_told_again(nation, base):
    index = stands(nation, base[1]).receipt.index
    answer(nation, index)
    with nation.carried() as carried:
        (reply,) = send(nation, objection(nation, base[1]))
    assert isinstance(reply, NotGiven)
    assert f"leaf {index}, and is answered" in reply.reason
    assert not [one for one in carried if isinstance(one.body, Objected)]


def test_two_entries_have_two_objections(nation, base):
    numbers = {stands(nation, base[1], which).receipt.index for which in (0, 1)}
    assert len(numbers) == 2
    assert len(nation.agencies["pension"].objections()) == 2


# --- answers -----------------------------------------------------------------------------------------


def test_an_answer_that_is_sent_twice_at_once_stands_once(nation, base):
    index = stands(nation, base[1]).receipt.index
    agency = nation.agencies["pension"]
    nation.line.post(
        agency.answer_objection(index, outcome="rejected", text="first"),
        agency.answer_objection(index, outcome="rejected", text="second"),
    )
    nation.line.run()
    assert len(of_kind(nation, ObjectionAnswerLeaf)) == 1
    assert agency.distrusted == ["objection: it is answered already"]
    assert entries(nation, base[1])[0].answer.body.text == "first"
    nation.audited()


@pytest.mark.parametrize("restart", [False, True])
def test_an_answer_is_not_answered_again(nation, base, restart):
    index = stands(nation, base[1]).receipt.index
    answer(nation, index)
    if restart:
        nation = nation.restarted()
    size = nation.centre.ledger.log.size
    answer(nation, index, outcome="upheld")
    assert "none of this number waits" in nation.agencies["pension"].distrusted[0]
    assert nation.centre.ledger.log.size == size


def signed(nation, agency, number, by=None, **changed) -> AnswerObjection:
    content = ObjectionAnswer(
        objection=number, outcome="rejected", official="X", text="not theirs to say"
    )
    content = replace(content, **changed).encode()
    key = nation.agencies[by or agency]._signing
    return AnswerObjection(agency=agency, answer=content, signature=key.sign(content))


@pytest.mark.parametrize(
    ("sender", "agency", "by"),
    [
        pytest.param("tax", "tax", "tax", id="another agency"),
        pytest.param("tax", "pension", "tax", id="another in its name"),
        pytest.param("tax", "pension", "pension", id="another with its answer"),
        pytest.param("pension", "pension", "tax", id="with another's signature"),
        pytest.param(RESIDENT, "pension", "pension", id="not an agency"),
    ],
)
def test_nobody_answers_for_another_agency(nation, base, sender, agency, by):
    index = stands(nation, base[1]).receipt.index
    nation.line.post(
        Message(sender=sender, receiver=CENTRE, body=signed(nation, agency, index, by))
    )
    nation.line.run()
    assert of_kind(nation, ObjectionAnswerLeaf) == []
    assert waits(nation) == [index]
    answer(nation, index)
    assert len(of_kind(nation, ObjectionAnswerLeaf)) == 1


@pytest.mark.parametrize("number", [-1, 0, 10**6, 2**63, 2**64 - 1])
def test_an_answer_to_what_is_no_objection_is_refused(nation, base, number):
    stands(nation, base[1])
    nation.line.post(
        Message(sender="pension", receiver=CENTRE, body=signed(nation, "pension", number))
    )
    nation.line.run()
    (reason,) = nation.agencies["pension"].distrusted
    assert "none of this number" in reason


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        pytest.param({"text": ""}, "say in a sentence", id="no words"),
        pytest.param({"text": "長" * 200}, "say it shorter", id="too many words"),
        pytest.param({"official": "X" * 500}, "say it shorter", id="too long a name"),
        pytest.param({"outcome": "never"}, "no answer to an objection", id="no outcome"),
    ],
)
def test_an_answer_that_is_none_is_refused_and_can_be_given_again(nation, base, changed, says):
    index = stands(nation, base[1]).receipt.index
    body = signed(nation, "pension", index, **changed)
    nation.line.post(Message(sender="pension", receiver=CENTRE, body=body))
    nation.line.run()
    agency = nation.agencies["pension"]
    assert says in agency.distrusted.pop()
    answer(nation, index)
    assert agency.objections() == []


def test_an_agency_answers_no_objection_that_it_was_not_told_of(nation, base):
    with pytest.raises(Malformed, match="told of none such"):
        nation.agencies["tax"].answer_objection(1, outcome="upheld", text="so be it")


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param(lambda nation, receipt: nation.centre.ledger.receipt(0), id="another leaf"),
        pytest.param(lambda nation, receipt: replace(receipt, proof=b""), id="no proof"),
        pytest.param(
            lambda nation, receipt: nation.centre.ledger.receipt(receipt.index - 1),
            id="the objection's own leaf",
        ),
    ],
)
def test_an_agency_does_not_believe_that_its_answer_stands_without_its_leaf(nation, base, lie):
    index = stands(nation, base[1]).receipt.index
    agency = nation.agencies["pension"]
    message = agency.answer_objection(index, outcome="upheld", text="so be it")
    nation.cut_off("pension")
    nation.line.post(message)
    nation.line.run()
    (told,) = [
        one for one in nation.line.listen("pension") if isinstance(one.body, ObjectionAnswered)
    ]
    forged = replace(told.body, receipt=lie(nation, told.body.receipt))
    agency.step(replace(told, body=forged), NOON)
    assert len(agency.distrusted) == 1
    assert len(agency.objections()) == 1
    agency.step(told, NOON)
    assert agency.objections() == []


# --- time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "late"),
    [
        pytest.param(ANSWER_DAYS, [], id="on the last day"),
        pytest.param(ANSWER_DAYS + 1, [0], id="a day late"),
    ],
)
def test_the_auditor_counts_what_is_overdue_until_it_is_answered(nation, base, days, late):
    index = stands(nation, base[1]).receipt.index
    nation.later(days=days)
    overdue = [index for _ in late]
    assert nation.audited().rules.overdue_objections(nation.today) == overdue
    answer(nation, index)
    assert nation.audited().rules.overdue_objections(nation.today + timedelta(days=99)) == []
    entry = entries(nation, base[1])[0]
    said = date.fromisoformat(entry.answer.leaf.time[:10])
    assert (said > ANSWER_BY) is bool(late)


# --- crashes -----------------------------------------------------------------------------------------


def writes(nation, *messages) -> list[int]:
    """The commits of the centre's chains that some messages come to."""
    with recorded_commits() as commits:
        nation.line.post(*messages)
        nation.line.run()
    return [at for at, store in enumerate(commits) if store is nation.stores["chains"]]


def objecting(nation, person) -> Message:
    return Message(sender=RESIDENT, receiver=CENTRE, body=objection(nation, person))


def answering(nation, number) -> Message:
    agency = nation.agencies["pension"]
    return agency.answer_objection(number, outcome="explained", text="so it is")


def crashed(nation, at, when, *messages) -> Nation:
    """What comes up after a crash at a commit."""
    nation.line.post(*messages)
    with crashing(at, when), pytest.raises(Crash):
        nation.line.run()
    return nation.crashed()


@pytest.mark.parametrize("when", ["before", "after"])
def test_after_a_crash_an_objection_sent_again_stands_once_and_is_told(base, when):
    trial = base[0].copy()
    places = writes(trial, objecting(trial, base[1]))
    assert len(places) >= 2
    for at in places:
        nation = base[0].copy()
        up = crashed(nation, at, when, objecting(nation, base[1]))
        reply = stands(up, base[1])
        assert len(of_kind(up, ObjectionLeaf)) == 1
        answer(up, reply.receipt.index)
        assert entries(up, base[1])[0].answer is not None
        up.audited()


@pytest.mark.parametrize("when", ["before", "after"])
def test_after_a_crash_an_answer_that_stands_is_told_and_its_key_is_gone(base, when):
    trial = base[0].copy()
    places = writes(trial, answering(trial, stands(trial, base[1]).receipt.index))
    assert len(places) >= 2
    for at in places:
        nation = base[0].copy()
        index = stands(nation, base[1]).receipt.index
        up = crashed(nation, at, when, answering(nation, index))
        if not of_kind(up, ObjectionAnswerLeaf):
            answer(up, index)
        assert waits(up) == []
        told = up.agencies["pension"].objections() == []
        # Only between the removal of the key and the word to the agency is the word lost.
        assert told is ((at, when) != (places[-1], "after"))
        assert len(of_kind(up, ObjectionAnswerLeaf)) == 1
        up.audited()


def test_an_answer_that_stands_is_told_under_a_checkpoint_of_its_own_time(base):
    """The agency verifies it like every receipt; a restart without news tells nothing again."""
    nation = base[0].copy()
    index = stands(nation, base[1]).receipt.index
    answer(nation, index)
    nation = nation.restarted()
    with nation.carried() as carried:
        nation.later(days=2)
    assert not [one for one in carried if isinstance(one.body, ObjectionAnswered)]
    assert nation.agencies["pension"].distrusted == []
