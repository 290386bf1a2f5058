"""Messages: every body comes out of its bytes as it went in, shows nothing, and has a bound."""

import inspect
from datetime import UTC, date, datetime
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.nation import TOWNS, Nation, claim, search
from tests.support import (
    CHIYODA,
    NOON,
    SAPPORO_CHUO,
    TAGS,
    address,
    agency_ring,
    centre_ring,
    entrant,
    filed,
    keeper_ring,
    name,
    town_ring,
)

from jukinet.errors import Damaged, Malformed, OutOfStep, Refused
from jukinet.feed.link import Batch, Item
from jukinet.keys.seal import OpenKey as Opening
from jukinet.keys.sign import SigningKey
from jukinet.law import notification as law
from jukinet.law import transfer
from jukinet.law.identity import Attachment
from jukinet.law.inquiry import Answer, ByHandle, Receipt, Refusal
from jukinet.law.leaf import Holder
from jukinet.law.order import QUESTION_BYTES_MAX, SignedOrder
from jukinet.law.personal import Personal
from jukinet.law.protection import SupportMeasure, Threat
from jukinet.nodes import letters, message
from jukinet.nodes.centre.answering import SIZES
from jukinet.nodes.centre.intake import LETTER_BYTES_MAX
from jukinet.nodes.centre.node import GROUP_MAX
from jukinet.nodes.feeding import BATCH_MAX
from jukinet.nodes.letters import Relayed, open_letter, seal_letter
from jukinet.nodes.message import (
    AddCheckpoint,
    AnswerObjection,
    Ask,
    AskRows,
    AskStanding,
    ChangeCodes,
    CodesChanged,
    Compare,
    Compared,
    Convene,
    Converted,
    ConvertedOne,
    Cosigned,
    DrawSample,
    Feed,
    FeedAck,
    Filed,
    Filing,
    FreshNumber,
    GiveViewKey,
    Health,
    Healthy,
    KeeperOrder,
    KeeperReply,
    Mail,
    MakeNumber,
    MergeRecords,
    Message,
    NotFiled,
    NotGiven,
    NotHeld,
    NumberIsFresh,
    NumberParts,
    Objected,
    Objection,
    ObjectionAnswered,
    ObjectionStands,
    OpenHandle,
    OpenKey,
    OrderCodes,
    Proof,
    Prove,
    Rejected,
    RowLeaves,
    Said,
    SampleDone,
    ShowAnswers,
    Shown,
    ShownAnswers,
    Standing,
    Tick,
    ViewKeyStands,
)
from jukinet.nodes.pools import PoolGrant, PoolRequest
from jukinet.numbers.individual_number import complete as individual
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.numbers.resident_code import complete

SECRET = b"SECRET-VALUE"
RECEIPT = Receipt(index=7, leaf=SECRET, proof=SECRET, salt=SECRET, body=SECRET)
NOTIFICATION = law.MoveIn(
    filed=filed(date(2026, 4, 1), number="n-1"),
    movers=(entrant(code=complete("1234567890")),),
    address=address(),
    household=None,
    came_from=MunicipalityCode(SAPPORO_CHUO),
)
BODIES = [
    Tick(),
    Filing(notification=NOTIFICATION),
    Filed(number="n-1", persons=(1, 2), households=(1, 1), late=False, again=True),
    NotFiled(number="n-1", malformed=True, reason="SECRET-VALUE"),
    OrderCodes(count=5000),
    ChangeCodes(number="0123456789abcdef", count=50),
    CodesChanged(number="0123456789abcdef", done=50, left=7, short=False),
    Feed(
        batch=Batch(
            stream="131016>centre",
            first=1,
            items=(Item(kind="notice", body=SECRET),),
            link=bytes(32),
            signature=SECRET,
        )
    ),
    FeedAck(stream="131016>centre", last=9, gap=True),
    Compare(town=CHIYODA, last=9, count=3, root=SECRET),
    Compared(town=CHIYODA, last=9, count=3, root=SECRET),
    Ask(agency="pension", order=SECRET, signature=SECRET, questions=(SECRET,)),
    Answer(nonce=bytes(16), content=SECRET, receipt=RECEIPT),
    Refusal(nonce=bytes(16), reason="SECRET-VALUE", rule="stale", receipt=RECEIPT),
    Rejected(nonce=bytes(16), reason="SECRET-VALUE"),
    KeeperOrder(
        order=2**47,
        epoch=3,
        among=(1, 2),
        orders=(SignedOrder(content=SECRET, signature=SECRET),),
        receipts=(RECEIPT,),
        tasks=(
            OpenHandle(
                receipt=0,
                order=0,
                question=2,
                agency="pension",
                sector="pension/1-73",
                handle=SECRET,
                beside=SECRET,
            ),
            OpenKey(receipt=0, order=0, question=2, step="open-1", key="index", sealed=SECRET),
            MakeNumber(
                receipt=0,
                order=0,
                question=2,
                agency="pension",
                sector="pension/1-73",
                blinded=SECRET,
            ),
        ),
    ),
    KeeperReply(
        order=1,
        epoch=3,
        values=(None, SECRET),
        refused=("SECRET-VALUE",),
        packages=(SECRET,),
        signature=SECRET,
    ),
    Prove(order=1, said=SECRET, signature=SECRET, places=(0, 3)),
    Proof(order=1, proof=SECRET),
    Health(asked=1),
    Healthy(asked=1, epoch=3, logged=9),
    NumberParts(package=SECRET, sector="pension/1-73", parts=(("keeper-1", SECRET),)),
    Converted(
        row="1-73",
        people=(ConvertedOne(parts=SECRET, blind=SECRET, handle=SECRET),),
        receipt=RECEIPT,
    ),
    FreshNumber(request=bytes(16), locator=SECRET, official="SECRET-VALUE", sector=""),
    MergeRecords(request=bytes(16), locator=SECRET, kept=SECRET, official="SECRET-VALUE"),
    NumberIsFresh(request=bytes(16), receipt=RECEIPT),
    AskRows(),
    RowLeaves(receipts=(RECEIPT,)),
    GiveViewKey(
        request=bytes(16),
        locator=SECRET,
        official="SECRET-VALUE",
        holder=Holder.GUARDIAN,
        past=False,
        valid_to="2027-04-01",
    ),
    ViewKeyStands(request=bytes(16), epoch=0, place=3, receipt=RECEIPT),
    FreshNumber(request=bytes(16), locator=SECRET, sector="pension/1-73", official="SECRET-VALUE"),
    MergeRecords(request=bytes(16), locator=SECRET, kept=SECRET, official="SECRET-VALUE"),
    NumberIsFresh(request=bytes(16), receipt=RECEIPT),
    NotGiven(request=bytes(16), reason="SECRET-VALUE"),
    Objection(request=bytes(16), entry=7, label=SECRET, entry_key=SECRET, text="SECRET-VALUE"),
    ObjectionStands(request=bytes(16), answer_by="2026-05-01", receipt=RECEIPT),
    Objected(objection=8, inquiry="00", row="1-73", text="SECRET-VALUE", answer_by="2026-05-01"),
    AnswerObjection(agency="pension", answer=SECRET, signature=SECRET),
    ObjectionAnswered(objection=8, receipt=RECEIPT),
    DrawSample(month="2026-04", randomness=SECRET),
    ShowAnswers(sample=9, leaves=(1, 2)),
    ShownAnswers(sample=9, shown=(Shown(leaf=1, sector="pension/1-73", handle=SECRET),)),
    SampleDone(sample=9, receipt=RECEIPT),
    AddCheckpoint(asked=7, content=SECRET),
    Cosigned(asked=7, status=200, content=SECRET),
    Convene(number=0, plan=SECRET),
    Mail(number=3, ceremony=bytes(32), letters=(SECRET,)),
    Said(
        number=3,
        ceremony=bytes(32),
        letters=(SECRET,),
        epoch=-1,
        blamed=("keeper-2",),
        reason="SECRET-VALUE",
    ),
    NotHeld(number=3, ceremony=bytes(32), reason="SECRET-VALUE"),
    AskStanding(),
    Standing(verify=bytes(32), seal=bytes(32), epoch=4, sharing=SECRET, made=((SECRET, SECRET),)),
]


def test_every_body_is_tried_here():
    assert {type(body) for body in BODIES} == set(get_args(message.Body))


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
def test_a_message_comes_out_of_its_bytes_as_it_went_in(body):
    sent = Message(sender="a", receiver="b", body=body)
    assert message.decode(message.encode(sent)) == sent
    assert message.encode(message.decode(message.encode(sent))) == message.encode(sent)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
def test_a_message_shows_nothing_of_what_is_in_it(body):
    sent = Message(sender="a", receiver="b", body=body)
    for shown in (repr(sent), repr(body), str([sent]), f"{body}"):
        assert "SECRET" not in shown
        assert "山田" not in shown
    assert repr(body) == f"<{type(body).__name__}>"


def test_whatever_a_message_may_hold_is_personal():
    """By type: no struct of a message's can print itself, unless nothing personal fits into it."""
    public = {PoolRequest}
    found = {
        noun
        for module in (message, letters, inspect.getmodule(PoolGrant), transfer)
        for _, noun in inspect.getmembers(module, inspect.isclass)
        if issubclass(noun, msgspec.Struct) and noun.__module__ == module.__name__
    }
    assert {noun for noun in found if not issubclass(noun, Personal)} == public


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(content):
    with pytest.raises(Malformed, match="message: "):
        message.decode(content)


@given(st.data())
def test_a_changed_byte_does_not_break_the_reader(data):
    body = data.draw(st.sampled_from(BODIES))
    content = bytearray(message.encode(Message(sender="a", receiver="b", body=body)))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    said = ""
    try:
        message.decode(bytes(content))
    except Malformed as error:
        said = str(error)
    assert "SECRET" not in said
    assert "山田" not in said


# --- sizes ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def traffic():
    """Everything that a nation's line carries in a day with every kind of question and letter."""
    nation = Nation((CHIYODA, SAPPORO_CHUO), ("pension", "tax", "passport"))
    with nation.carried() as carried:
        (person,) = nation.enter(CHIYODA)
        record = nation.record(CHIYODA, person)
        content = nation.ask("tax", "1-39", "items", search(record)).content
        nation.ask("tax", "1-39", "confirm", search(record), claim=claim(record))
        nation.ask("tax", "1-39", "items", ByHandle(handle=content.handle))
        nation.ask("pension", "1-999", "standing", search(record))
        there = nation.move(person, CHIYODA, SAPPORO_CHUO)
        nation.hide(SAPPORO_CHUO, there)
        nation.ask("tax", "1-39", "changes", search(record))
        for at in range(300):
            nation.line.post(
                nation.question("tax", "1-40", "standing", search(record))
            ) if at % 100 else nation.line.run()
        nation.line.run()
    return [(type(one.body), len(message.encode(one))) for one in carried]


BOUNDS = {
    Ask: QUESTION_BYTES_MAX + 600,
    Answer: SIZES[0] + 4_096,
    Refusal: 4_096,
    Rejected: 512,
    Feed: BATCH_MAX * 2_048 + 1_000 * 64,
    FeedAck: 128,
    KeeperOrder: GROUP_MAX * 4_096,
    KeeperReply: GROUP_MAX * 128,
}


@pytest.mark.parametrize("kind", BOUNDS, ids=lambda kind: kind.__name__)
def test_messages_of_a_kind_have_a_bound(traffic, kind):
    sizes = [size for found, size in traffic if found is kind]
    assert sizes or kind is Rejected
    assert max(sizes, default=0) <= BOUNDS[kind]


def test_answers_have_few_sizes_whatever_is_in_them():
    nation = Nation((CHIYODA,), ("passport",))
    sizes = set()
    for text in ("山 子", "山" * 40 + " " + "子" * 40):
        (person,) = nation.enter(CHIYODA, entrant(name=name(text, "ヤマ コ")))
        with nation.carried() as carried:
            nation.ask("passport", "1-32", "items", search(nation.record(CHIYODA, person)))
        sizes.add(len(carried[-1].body.content))
    assert sizes == {SIZES[0]}


# --- letters -------------------------------------------------------------------------------------

CERTIFICATE = transfer.TransferCertificate(
    name=name(),
    birth_date=entrant().birth_date,
    sex=entrant().sex,
    code=complete("1234567890"),
    individual_number=individual("31415926535"),
    family_register=entrant().family_register,
    foreigner=None,
    former_address="千代田区千代田1番1号",
    planned_on=date(2026, 4, 1),
    attachment=Attachment(locator=bytes(16), root=bytes(16), epoch=0, seed=bytes(32)),
    version=2**20,
    measures=(
        SupportMeasure(threat=Threat.VIOLENCE, since=date(2026, 1, 1), until=date(2026, 12, 31)),
    ),
)
LETTERS = [
    CERTIFICATE,
    transfer.TransferRequest(
        code=complete("1234567890"), birth_date=entrant().birth_date, moved_on=date(2026, 4, 1)
    ),
    transfer.TransferRefused(code=complete("1234567890")),
    transfer.TransferWithdrawn(locator=bytes(16)),
    transfer.MoveInNotice(locator=bytes(16), moved_on=date(2026, 4, 1)),
    transfer.MoveInWithdrawn(locator=bytes(16)),
    transfer.MeasuresNotice(locator=bytes(16), measures=CERTIFICATE.measures),
]


@pytest.fixture(scope="module")
def post():
    """Two towns' keys and the directory."""
    nation = Nation(TOWNS, ())
    keys = {town: SigningKey(ring.signing) for town, ring in nation.rings.items()}
    openings = {town: Opening(ring.opening) for town, ring in nation.rings.items()}
    return nation.directory, keys, openings


def sealed(post, letter=CERTIFICATE, sender=CHIYODA, receiver=SAPPORO_CHUO, key=None):
    directory, keys, _ = post
    posted = seal_letter(letter, sender, receiver, key or keys[sender], directory)
    return Relayed(sender=sender, sealed=posted.sealed)


def test_every_letter_is_tried_here():
    assert {type(letter) for letter in LETTERS} == set(get_args(transfer.Letter))


@pytest.mark.parametrize("letter", LETTERS, ids=lambda letter: type(letter).__name__)
def test_a_letter_comes_out_of_its_seal_as_it_went_in_and_the_centre_reads_nothing(post, letter):
    directory, _, openings = post
    relayed = sealed(post, letter)
    assert open_letter(relayed, SAPPORO_CHUO, openings[SAPPORO_CHUO], directory) == letter
    assert len(relayed.sealed) <= LETTER_BYTES_MAX
    for secret in ("1234567890", "千代田", "山田", "violence", "1980"):
        assert secret.encode() not in relayed.sealed
    assert repr(relayed) == "<Relayed>"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param(lambda post: (sealed(post), TOWNS[1]), Damaged, id="to another town"),
        pytest.param(
            lambda post: (msgspec.structs.replace(sealed(post), sender=TOWNS[1]), SAPPORO_CHUO),
            Damaged,
            id="from another town",
        ),
        pytest.param(
            lambda post: (
                msgspec.structs.replace(sealed(post), sealed=sealed(post).sealed[:-1] + b"\x00"),
                SAPPORO_CHUO,
            ),
            Damaged,
            id="a changed byte",
        ),
    ],
)
def test_a_letter_that_is_not_just_so_does_not_open(post, change, error):
    directory, _, openings = post
    relayed, receiver = change(post)
    with pytest.raises(error):
        open_letter(relayed, receiver, openings[receiver], directory)


def test_a_letter_that_another_has_signed_is_refused(post):
    """The centre can seal to a town, and cannot sign for one."""
    directory, keys, openings = post
    relayed = sealed(post, key=keys[TOWNS[1]])
    with pytest.raises(Refused, match="signature") as refused:
        open_letter(relayed, SAPPORO_CHUO, openings[SAPPORO_CHUO], directory)
    assert "山田" not in str(refused.value)


def test_a_letter_to_no_town_is_not_sealed(post):
    with pytest.raises(OutOfStep, match="no town"):
        sealed(post, receiver="999999")


def test_two_letters_with_one_content_are_two_texts(post):
    assert sealed(post).sealed != sealed(post).sealed


# --- pools and rings -----------------------------------------------------------------------------


def test_a_grant_of_codes_shows_none_of_them():
    assert repr(PoolGrant(pairs=(("12345678903", "314159265359"),))) == "<PoolGrant>"


def test_no_ring_of_keys_prints_itself():
    centre = centre_ring([CHIYODA])
    rings = (centre, town_ring(centre, CHIYODA), keeper_ring("keeper-1"), agency_ring("tax"))
    for ring in (*rings, TAGS["13"]):
        assert repr(ring) == f"<{type(ring).__name__}>"


def test_a_time_keeps_its_moment_on_the_line():
    """Zones are told as offsets; the moment is the same."""
    body = msgspec.msgpack.encode(NOON)
    assert msgspec.msgpack.decode(body, type=datetime) == NOON
    assert NOON.astimezone(UTC) == NOON
