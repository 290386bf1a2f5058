"""Receipts: what an agency's client refuses, and that it shows nothing then."""

from base64 import b64encode
from datetime import timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.nation import Nation, claim, inquiry_of, search
from tests.support import CHIYODA, NOON, entrant, name

from jukinet.client.receipts import LogKey, check_receipt, open_answer
from jukinet.errors import JukinetError, Malformed, OutOfStep, Refused
from jukinet.keys.seal import pad
from jukinet.keys.sign import SigningKey
from jukinet.law import leaf as leaves
from jukinet.law import order as orders
from jukinet.law.identity import Item
from jukinet.law.inquiry import Answer, ByHandle, Content, Inquiry, Refusal, Standing
from jukinet.law.schedule import Kind, Receiver, load
from jukinet.merkle import note, proof
from jukinet.merkle.checkpoint import Checkpoint, parse


class Given(NamedTuple):
    """A question and what came of it."""

    inquiry: Inquiry
    order: str
    answer: Answer | Refusal
    receiver: Receiver


@pytest.fixture(scope="module")
def nation():
    return Nation((CHIYODA,), ("pension", "tax", "town-welfare"))


@pytest.fixture(scope="module")
def given_answers(nation):
    """One of each kind, all of them in one log."""
    (person,) = nation.enter(CHIYODA)
    record = nation.record(CHIYODA, person)
    (other,) = nation.enter(CHIYODA, entrant(name=name("佐藤 太郎", "サトウ タロウ")))
    somebody, another = search(record), search(nation.record(CHIYODA, other))
    questions = {
        "items": ("pension", "1-73", "items", somebody, {}),
        "changes": ("pension", "1-73", "changes", somebody, {}),
        "standing": ("pension", "1-73", "standing", somebody, {}),
        "another": ("pension", "1-73", "standing", another, {}),
        "other row": ("pension", "1-78", "standing", somebody, {}),
        "confirm": ("tax", "1-39", "confirm", somebody, {"claim": claim(record)}),
        "tax": ("tax", "1-40", "standing", somebody, {}),
        "welfare": ("town-welfare", "2-3", "standing", somebody, {}),
        "refused": ("pension", "1-40", "standing", somebody, {}),
        "stale": ("pension", "1-73", "standing", somebody, {"now": NOON - timedelta(hours=1)}),
    }
    found = {what: asked(nation, *question) for what, question in questions.items()}
    handle = opened(nation, found["items"]).handle
    found["handle"] = asked(nation, "pension", "1-73", "standing", ByHandle(handle=handle), {})
    return found


def asked(nation, agency, row, kind, subject, more) -> Given:
    question = nation.question(agency, row, kind, subject, **more)
    with nation.carried() as carried:
        nation.line.post(question)
        nation.line.run()
    order = orders.signed_digest(question.body.order)
    return Given(inquiry_of(question), order, carried[-1].body, load().receivers[agency])


def opened(
    nation, one: Given, answer=None, *, log=None, prefecture="13", place=0
) -> Content | None:
    return open_answer(
        answer or one.answer,
        one.inquiry,
        order=one.order,
        place=place,
        log=log or LogKey.parse(nation.directory.log),
        receiver=one.receiver,
        prefecture=prefecture,
        rows=nation.centre.ledger.noted.rows,
    )


GOOD = [
    "items",
    "changes",
    "standing",
    "another",
    "other row",
    "confirm",
    "tax",
    "welfare",
    "handle",
]


@pytest.mark.parametrize("what", GOOD)
def test_an_answer_that_verifies_is_shown(nation, given_answers, what):
    content = opened(nation, given_answers[what])
    assert content is not None
    assert content.kind is given_answers[what].inquiry.kind
    assert content.handle


@pytest.mark.parametrize("what", ["refused", "stale"])
def test_a_refusal_that_verifies_shows_no_content(nation, given_answers, what):
    assert opened(nation, given_answers[what]) is None


# --- what does not fit the question --------------------------------------------------------------

SWAPS = [
    pytest.param("standing", "another", "to another inquiry", id="another nonce"),
    pytest.param("items", "standing", "to another inquiry", id="another question of one's own"),
]


@pytest.mark.parametrize(("mine", "theirs", "says"), SWAPS)
def test_an_answer_to_another_question_is_refused(nation, given_answers, mine, theirs, says):
    with pytest.raises(Refused, match=says):
        opened(nation, given_answers[mine], given_answers[theirs].answer)


@pytest.mark.parametrize(
    ("mine", "theirs", "says"),
    [
        pytest.param("standing", "tax", "another agency or row", id="another agency"),
        pytest.param("standing", "other row", "another agency or row", id="another row"),
        pytest.param("standing", "welfare", "another agency or row", id="a town's"),
        pytest.param("welfare", "standing", "another agency or row", id="a town's, the other way"),
        pytest.param("items", "standing", "other items", id="other items"),
        pytest.param("standing", "items", "other items", id="other items, the other way"),
        pytest.param(
            "standing", "another", "commits to another inquiry", id="about another person"
        ),
        pytest.param("items", "changes", "another kind", id="another kind"),
        pytest.param("standing", "handle", "named in another way", id="by handle"),
        pytest.param("handle", "standing", "named in another way", id="by search"),
        pytest.param("standing", "refused", "not of a disclosure", id="a refusal's"),
    ],
)
def test_a_receipt_of_another_leaf_is_refused(nation, given_answers, mine, theirs, says):
    """A door that has written something else down, and answers all the same."""
    one = given_answers[mine]
    forged = replace(one.answer, receipt=given_answers[theirs].answer.receipt)
    with pytest.raises(Refused, match=says):
        opened(nation, one, forged)


def test_another_prefectures_town_is_refused(nation, given_answers):
    with pytest.raises(Refused, match="another agency or row"):
        opened(nation, given_answers["welfare"], prefecture="14")


@pytest.mark.parametrize(
    ("what", "rule"), [("refused", "stale"), ("stale", "not-your-row"), ("stale", "")]
)
def test_a_refusal_by_another_rule_than_its_leafs_is_refused(nation, given_answers, what, rule):
    with pytest.raises(Refused, match="another rule"):
        opened(nation, given_answers[what], replace(given_answers[what].answer, rule=rule))


def test_a_refusal_on_the_leaf_of_a_disclosure_is_refused(nation, given_answers):
    one = given_answers["standing"]
    refusal = Refusal(nonce=one.inquiry.nonce, reason="", rule="stale", receipt=one.answer.receipt)
    with pytest.raises(Refused, match="not of a refusal"):
        opened(nation, one, refusal)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            Content(kind=Kind.STANDING, known_at=NOON, items={Item.NAME: ("山田",)}),
            id="an item that was not asked for",
        ),
        pytest.param(Content(kind=Kind.ITEMS, known_at=NOON), id="another kind"),
    ],
)
def test_more_than_was_asked_for_is_not_shown(nation, given_answers, content):
    one = given_answers["standing"]
    forged = replace(one.answer, content=pad(content.encode(), 1024))
    with pytest.raises(Refused, match="something else than was asked for"):
        opened(nation, one, forged)


@pytest.mark.parametrize(
    "content", [b"", bytes(1024), b"\x80" + bytes(1023), pad(b"\xff\xff", 1024)], ids=lambda c: ""
)
def test_content_that_is_none_is_refused(nation, given_answers, content):
    one = given_answers["standing"]
    with pytest.raises(JukinetError):
        opened(nation, one, replace(one.answer, content=content))


# --- the commitment ------------------------------------------------------------------------------


def test_another_salt_or_body_is_refused(nation, given_answers):
    one, other = given_answers["standing"], given_answers["another"]
    receipt = one.answer.receipt
    for forged in (
        replace(receipt, salt=bytes(32)),
        replace(receipt, body=other.answer.receipt.body),
        replace(receipt, body=receipt.body + b" "),
    ):
        with pytest.raises(Refused, match="does not commit to what was given"):
            opened(nation, one, replace(one.answer, receipt=forged))


def test_a_commitment_to_another_inquiry_is_refused(nation, given_answers):
    one = given_answers["standing"]
    with pytest.raises(Refused, match="commits to another inquiry"):
        opened(nation, one._replace(order=given_answers["another"].order))
    with pytest.raises(Refused, match="commits to another inquiry"):
        opened(nation, one, place=1)


# --- the proof -----------------------------------------------------------------------------------


def resigned(receipt, key, *, text=None):
    """A receipt whose checkpoint is signed by another key, or says something else."""
    proved = proof.parse(receipt.proof)
    found = note.parse(proved.checkpoint)
    text = text or found.text
    signature = note.sign(text, name=text.split("\n")[0], key=key)
    head = proof.proof_head(proved.index, proved.hashes)
    return replace(receipt, proof=head + b"\n" + bytes(note.Note(text, (signature,))))


def test_a_proof_of_another_leaf_is_refused(nation, given_answers):
    one, other = given_answers["standing"], given_answers["another"]
    stolen = replace(one.answer.receipt, proof=other.answer.receipt.proof)
    for forged in (stolen, replace(stolen, index=other.answer.receipt.index)):
        with pytest.raises((Refused, OutOfStep, Malformed)):
            opened(nation, one, replace(one.answer, receipt=forged))


def test_a_receipt_that_says_another_index_than_its_proof_is_refused(nation, given_answers):
    """A keeper spends the leaf by this number."""
    receipt = given_answers["standing"].answer.receipt
    for index in (receipt.index + 1, receipt.index - 1, 0):
        with pytest.raises(Refused, match="of another leaf"):
            check_receipt(replace(receipt, index=index), LogKey.parse(nation.directory.log))


def test_a_checkpoint_that_another_key_has_signed_is_refused(nation, given_answers):
    one = given_answers["standing"]
    forged = resigned(one.answer.receipt, SigningKey(b"another".ljust(32)))
    with pytest.raises(Refused, match="none of its 1 logs has signed"):
        opened(nation, one, replace(one.answer, receipt=forged))


def test_a_checkpoint_that_nobody_has_signed_is_refused(nation, given_answers):
    one = given_answers["standing"]
    receipt = one.answer.receipt
    text = receipt.proof.rpartition(b"\n\n")[0]
    forged = replace(receipt, proof=text + b"\n\n")
    with pytest.raises((Refused, Malformed)):
        opened(nation, one, replace(one.answer, receipt=forged))


def test_an_older_root_does_not_prove_a_later_leaf(nation, given_answers):
    """The checkpoint of an earlier answer is the log's own, and too small."""
    earlier, later = given_answers["items"], given_answers["handle"]
    old = proof.parse(earlier.answer.receipt.proof).checkpoint
    proved = proof.parse(later.answer.receipt.proof)
    head = proof.proof_head(proved.index, proved.hashes)
    forged = replace(later.answer.receipt, proof=head + b"\n" + old)
    with pytest.raises((Malformed, OutOfStep)):
        opened(nation, later, replace(later.answer, receipt=forged))


def test_a_leaf_that_was_changed_is_refused(nation, given_answers):
    one = given_answers["standing"]
    leaf = leaves.decode(one.answer.receipt.leaf)
    forged = replace(one.answer.receipt, leaf=leaves.encode(replace(leaf, kind="items")))
    with pytest.raises(OutOfStep, match="another root"):
        opened(nation, one, replace(one.answer, receipt=forged))


def test_two_roots_of_one_size_are_evidence(nation, given_answers):
    """A log that shows one client two histories is found out by it."""
    one = given_answers["standing"]
    log = LogKey.parse(nation.directory.log)
    check_receipt(one.answer.receipt, log)
    seen = parse(note.parse(proof.parse(one.answer.receipt.proof).checkpoint).text)
    fork = Checkpoint(seen.origin, seen.size, bytes(32))
    forged = resigned(one.answer.receipt, SigningKey(nation.centre_ring.log), text=fork.text)
    with pytest.raises(Refused, match="signed two roots"):
        check_receipt(forged, log)
    with pytest.raises(OutOfStep):
        check_receipt(forged, LogKey.parse(nation.directory.log))
    check_receipt(one.answer.receipt, log)


@given(data=st.data())
def test_a_changed_byte_of_a_receipt_is_refused(nation, given_answers, data):
    """Whatever is changed in leaf, proof, salt or body: nothing is shown, nothing breaks."""
    one = given_answers["standing"]
    field = data.draw(st.sampled_from(["leaf", "proof", "salt", "body"]))
    content = bytearray(getattr(one.answer.receipt, field))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    forged = replace(one.answer.receipt, **{field: bytes(content)})
    with pytest.raises(JukinetError):
        opened(nation, one, replace(one.answer, receipt=forged))


@given(content=st.binary(max_size=200))
def test_no_bytes_in_the_place_of_a_proof_do_more_than_be_refused(nation, given_answers, content):
    receipt = replace(given_answers["standing"].answer.receipt, proof=content)
    with pytest.raises(JukinetError):
        check_receipt(receipt, LogKey.parse(nation.directory.log))


def test_no_error_shows_what_was_in_the_answer(nation, given_answers):
    one = given_answers["items"]
    with pytest.raises(JukinetError) as refused:
        opened(nation, one, replace(one.answer, receipt=given_answers["tax"].answer.receipt))
    shown = str(refused.value) + repr(refused.value.args)
    assert "千代田" not in shown
    assert b64encode(one.answer.receipt.salt).decode() not in shown


# --- the agency's node ---------------------------------------------------------------------------


def test_a_forged_answer_is_not_shown_and_the_true_one_still_is(nation):
    again = nation.copy()
    record = search_somebody(again)
    question = again.question("pension", "1-73", "standing", record, numbered=False)
    node = again.agencies["pension"]
    deliver = again.line._deliver

    def forged_first(message):
        if message.receiver == "pension":
            wrong = replace(message.body.receipt, salt=bytes(32))
            deliver(replace(message, body=replace(message.body, receipt=wrong)))
        deliver(message)

    again.line._deliver = forged_first
    again.line.post(question)
    again.line.run()
    assert len(node.distrusted) == 1
    (outcome,) = node.outcomes
    assert outcome.content.standing is Standing.RESIDENT
    assert node.waiting == 0


def search_somebody(nation):
    return search(nation.record(CHIYODA, 1))
