"""An agency: what it asks, what it keeps, and what it does not believe."""

import pytest
from msgspec.structs import replace
from tests.nation import Nation, inquiry_of, search
from tests.support import CHIYODA, NOON, entrant, name

from jukinet.errors import Malformed
from jukinet.keys.sign import VerifyKey
from jukinet.law import order as orders
from jukinet.law.inquiry import Answer, ByHandle, Refusal
from jukinet.law.schedule import Kind
from jukinet.merkle import proof
from jukinet.merkle.note import VerifierKey
from jukinet.nodes.agency import ASKED, GIVEN, SUBJECTS, Subject
from jukinet.nodes.message import CENTRE, Ask, FeedAck, Message, Rejected


@pytest.fixture(scope="module")
def base():
    nation = Nation((CHIYODA,), ("pension", "tax"))
    (person,) = nation.enter(CHIYODA)
    nation.enter(CHIYODA, entrant(name=name("佐藤 太郎")))
    return nation, search(nation.record(CHIYODA, person))


@pytest.fixture
def nation(base):
    return base[0].copy()


def rows(nation, table, agency="pension"):
    with nation.stores[agency].begin() as tx:
        return list(table.everything(tx))


def answered(nation, *questions):
    """The messages that the centre sends for some questions; the agency has not had them yet."""
    with nation.carried() as carried:
        nation.line.post(*questions)
        nation.line.run()
    return [one for one in carried if isinstance(one.body, Answer | Refusal | Rejected)]


def unnumbered(nation, who):
    """A question for which no number and no handle are wanted."""
    return nation.question("pension", "1-73", "standing", who, numbered=False)


def test_a_question_is_signed_by_the_agency_and_says_who_asks(base, nation):
    message = nation.question("pension", "1-73", "standing", base[1], official="X-9")
    assert (message.sender, message.receiver) == ("pension", CENTRE)
    entry = nation.directory.agencies["pension"]
    VerifyKey(entry.verify).verify(message.body.order, message.body.signature)
    inquiry = inquiry_of(message)
    assert (inquiry.agency, inquiry.official) == ("pension", "X-9")


def test_what_is_signed_says_nothing_of_whom_it_is_about(base, nation):
    order = nation.question("pension", "1-73", "standing", base[1]).body.order
    for told in (base[1].name.text, base[1].birth_date.iso, CHIYODA):
        assert told.encode() not in order
    again = nation.question("pension", "1-73", "standing", base[1]).body.order
    assert orders.decode(order).digests != orders.decode(again).digests, "nothing can be guessed"


def test_no_two_questions_have_one_nonce(base, nation):
    questions = [nation.question("pension", "1-73", "standing", base[1]) for _ in range(50)]
    assert len({inquiry_of(one).nonce for one in questions}) == 50


def test_a_form_that_is_not_whole_is_not_sent(base, nation):
    node = nation.agencies["pension"]
    with pytest.raises(Malformed, match="items: "):
        node.ask(row="1-73", kind=Kind.ITEMS, subject=base[1], now=NOON)
    assert node.waiting == 0


# --- what it keeps -------------------------------------------------------------------------------


def test_it_keeps_number_and_handle_of_whom_it_asked_about_and_no_name(base, nation):
    outcome = nation.ask("pension", "1-73", "items", base[1])
    kept = Subject("pension/1-73", outcome.number, outcome.content.handle)
    assert rows(nation, SUBJECTS) == [kept]
    for table in (SUBJECTS, ASKED, GIVEN):
        held = repr([tuple(row) for row in rows(nation, table)])
        assert "山田" not in held
        assert "千代田" not in held


def test_a_later_answer_takes_the_place_of_the_handle_before(base, nation):
    first = nation.ask("pension", "1-73", "standing", base[1])
    subject = ByHandle(handle=first.content.handle)
    second = nation.ask("pension", "1-73", "standing", subject)
    assert second.number == "", "the agency has it"
    assert nation.agencies["pension"].subjects("pension/1-73") == [
        Subject("pension/1-73", first.number, second.content.handle)
    ]
    assert first.content.handle != second.content.handle


def test_it_knows_people_by_affair(base, nation):
    nation.ask("pension", "1-73", "standing", base[1])
    nation.ask("pension", "1-78", "standing", base[1])
    node = nation.agencies["pension"]
    assert len(node.subjects("pension/1-73")) == len(node.subjects("pension/1-78")) == 1
    assert node.subjects("pension/1-77") == []


def test_it_keeps_a_receipt_of_every_answer_and_refusal_that_proves_itself(base, nation):
    nation.ask("pension", "1-73", "standing", base[1])
    nation.ask("pension", "1-999", "standing", base[1])
    kept = rows(nation, ASKED)
    assert sorted((row.row, row.outcome, row.rule) for row in kept) == [
        ("1-73", "answered", ""),
        ("1-999", "refused", "no-such-row"),
    ]
    log = VerifierKey.parse(nation.directory.log)
    for row in kept:
        assert proof.parse(row.receipt).verify(row.entry, log=log)
        assert proof.parse(row.receipt).index == row.leaf


def test_what_is_kept_once_is_not_kept_again(base, nation):
    nation.ask("pension", "1-73", "standing", base[1])
    before = rows(nation, ASKED)
    nation.agencies["pension"].keep()
    assert rows(nation, ASKED) == before


def test_of_nobody_no_subject_is_kept(base, nation):
    nobody = replace(base[1], birth_date=replace_year(base[1].birth_date))
    assert nation.ask("pension", "1-73", "standing", nobody).content
    assert rows(nation, SUBJECTS) == []
    assert len(rows(nation, ASKED)) == 1


def replace_year(born):
    return type(born)(born.year - 1, born.month, born.day)


# --- what it does not believe --------------------------------------------------------------------


def test_an_answer_that_comes_twice_is_taken_once(base, nation):
    question = unnumbered(nation, base[1])
    (answer,) = answered(nation, question)
    node = nation.agencies["pension"]
    node.step(answer, NOON)
    assert len(node.outcomes) == node.verified == 1


def test_an_answer_to_no_question_is_not_taken(base, nation):
    (answer,) = answered(nation, unnumbered(nation, base[1]))
    other = nation.copy().agencies["pension"]
    other.step(answer, NOON)
    assert (other.outcomes, other.distrusted) == ([], [])


def test_a_question_waits_until_an_answer_verifies(base, nation):
    question = unnumbered(nation, base[1])
    (answer,) = answered(nation.copy(), question)
    node = nation.agencies["pension"]
    forged = replace(
        answer, body=replace(answer.body, receipt=replace(answer.body.receipt, salt=b""))
    )
    node.step(forged, NOON)
    assert (node.waiting, node.outcomes, len(node.distrusted)) == (1, [], 1)
    node.step(answer, NOON)
    assert (node.waiting, len(node.outcomes)) == (0, 1)


@pytest.mark.parametrize("sender", ["tax", "keeper-1", CHIYODA])
def test_only_the_centre_answers(base, nation, sender):
    question = unnumbered(nation, base[1])
    nonce = inquiry_of(question).nonce
    (answer,) = answered(nation.copy(), question)
    node = nation.agencies["pension"]
    for body in (answer.body, Rejected(nonce=nonce, reason="no")):
        with pytest.raises(Malformed, match=sender):
            node.step(Message(sender=sender, receiver="pension", body=body), NOON)
    assert node.waiting == 1


@pytest.mark.parametrize(
    "body", [FeedAck(stream="", last=0), Ask(agency="", order=b"", signature=b"", questions=())]
)
def test_it_takes_answers_alone(nation, body):
    with pytest.raises(Malformed, match="takes no"):
        nation.agencies["pension"].step(Message(sender=CENTRE, receiver="pension", body=body), NOON)


def test_a_rejection_ends_the_question(base, nation):
    question = unnumbered(nation, base[1])
    node = nation.agencies["pension"]
    nonce = inquiry_of(question).nonce
    rejected = Rejected(nonce=nonce, reason="agency: it is not in the directory")
    node.step(Message(sender=CENTRE, receiver="pension", body=rejected), NOON)
    (outcome,) = node.outcomes
    assert (outcome.rule, outcome.content, node.waiting) == ("rejected", None, 0)


def test_a_refusal_as_repeated_does_not_end_the_question(base, nation):
    """The line gave it to the centre twice: the refusal comes first, the answer after it."""
    question = unnumbered(nation, base[1])
    nation.line.post(question, question)
    nation.line.run()
    node = nation.agencies["pension"]
    assert [outcome.rule for outcome in node.outcomes] == ["repeated", ""]
    assert node.outcomes[1].content
    assert node.waiting == 0
    node.keep()
    assert [row.outcome for row in rows(nation, ASKED)] == ["answered"]


def test_nothing_of_a_person_prints_itself(base, nation):
    outcome = nation.ask("pension", "1-73", "items", base[1])
    (subject,) = nation.agencies["pension"].subjects("pension/1-73")
    shown = repr(outcome) + repr(subject) + repr(nation.agencies["pension"].outcomes)
    assert "千代田" not in shown
    assert outcome.number not in shown
    assert repr(outcome.content.handle)[2:20] not in shown
