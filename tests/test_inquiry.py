"""Inquiry: its form, its bytes, and what no form can ask."""

from dataclasses import replace as changed
from datetime import date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.support import CHIYODA, NOON, address

from jukinet.errors import Malformed, Refused
from jukinet.keys.sign import SigningKey
from jukinet.law import inquiry as law
from jukinet.law import order as orders
from jukinet.law import signing
from jukinet.law.identity import Item, Sex
from jukinet.law.inquiry import Answer, ByHandle, BySearch, Claim, Inquiry, Receipt, Refusal
from jukinet.law.schedule import Kind
from jukinet.names import era, legal
from jukinet.names.legal import LegalName, Reading
from jukinet.numbers.municipality_code import MunicipalityCode

BORN = era.parse_iso("1980-05-05")
NAME = legal.parse("山田 花子")
SUBJECT = BySearch(place=MunicipalityCode(CHIYODA), birth_date=BORN, name=NAME)
STANDING = Inquiry(
    agency="pension",
    official="A-17",
    row="1-73",
    kind=Kind.STANDING,
    items=frozenset(),
    subject=SUBJECT,
    asked_at=NOON,
    nonce=bytes(16),
)
CONFIRM = replace(
    STANDING,
    kind=Kind.CONFIRM,
    items=frozenset({Item.NAME}),
    claim=Claim(name=NAME),
)
ITEMS = replace(STANDING, kind=Kind.ITEMS, items=frozenset({Item.ADDRESS}))
CHANGES = replace(ITEMS, kind=Kind.CHANGES, since=date(2025, 1, 1))


def of(subject):
    return replace(STANDING, subject=subject)


def named(text):
    return of(replace(SUBJECT, name=LegalName(text)))


def written(*inquiries, nonce=bytes(16)):
    """What an agency signs for some inquiries, and the questions beside it, checked by nobody."""
    asked = [orders.Question(nonce=q.nonce, subject=q.subject, claim=q.claim) for q in inquiries]
    first = inquiries[0]
    order = orders.Order(
        **{name: getattr(first, name) for name in SHARED},
        by="handle" if isinstance(first.subject, ByHandle) else "search",
        nonce=nonce,
        digests=b"".join(orders.digest(orders.handle_of(q), orders.beside(q)) for q in asked),
    )
    return order.encode(), [question.encode() for question in asked]


def read(content, questions):
    return orders.questions(orders.decode(content), questions)


SHARED = (
    *("agency", "official", "row", "kind", "items", "asked_at"),
    *("since", "defer_to", "numbered"),
)
HANDLED = of(ByHandle(handle=b"h" * 154))


@pytest.mark.parametrize(
    "inquiry", [STANDING, CONFIRM, ITEMS, CHANGES, HANDLED], ids=lambda i: i.kind
)
def test_an_inquiry_is_read_as_it_was_signed(inquiry):
    order, questions = orders.order_of([inquiry], nonce=bytes(16))
    assert read(order.encode(), questions) == (inquiry,)
    assert (order.encode(), list(questions)) == written(inquiry)
    assert orders.decode(order.encode()) == order


def test_many_are_read_as_they_were_signed():
    many = [replace(STANDING, nonce=bytes([n]) * 16) for n in range(9)]
    order, questions = orders.order_of(many, nonce=bytes(16))
    assert order.count == 9
    assert read(order.encode(), questions) == tuple(many)
    assert order.digest(9) == order.digest(-1) == b""


@pytest.mark.parametrize(
    "other",
    [
        replace(ITEMS, nonce=b"1" * 16),
        replace(STANDING, official="another", nonce=b"1" * 16),
        replace(STANDING, numbered=True, nonce=b"1" * 16),
        replace(HANDLED, nonce=b"1" * 16),
        replace(STANDING, asked_at=NOON + timedelta(seconds=1), nonce=b"1" * 16),
    ],
    ids=["items", "official", "numbers", "by handle", "another time"],
)
def test_one_order_is_of_one_kind(other):
    with pytest.raises(Malformed, match="of one row, kind and items"):
        orders.order_of([STANDING, other], nonce=bytes(16))


def test_questions_that_are_not_the_orders_are_refused():
    one, two = STANDING, replace(STANDING, nonce=b"1" * 16)
    content, questions = written(one, two)
    for wrong in (questions[:1], questions[::-1], [questions[0]] * 2, [*questions, questions[0]]):
        with pytest.raises(Malformed):
            read(content, wrong)
    with pytest.raises(Malformed, match="the same nonce"):
        read(*written(one, one))
    mixed, asked = written(one, replace(HANDLED, nonce=b"1" * 16))
    with pytest.raises(Malformed, match="in one way"):
        read(mixed, asked)


def test_of_a_question_by_handle_a_keeper_needs_the_handle_and_a_hash():
    order, _ = orders.order_of([HANDLED], nonce=bytes(16))
    beside = orders.beside(HANDLED)
    assert orders.digest(HANDLED.subject.handle, beside) == order.digest(0)
    assert orders.digest(b"another", beside) != order.digest(0)
    assert orders.beside(replace(HANDLED, nonce=b"1" * 16)) != beside


def test_what_is_signed_holds_nobody():
    content, _ = written(CONFIRM)
    for text in ("山田", "1980", CHIYODA):
        assert text.encode() not in content


def test_orders_of_any_number_are_signed_together_and_stand_each_by_itself():
    key = SigningKey(b"k" * 32)
    for count in (1, 2, 3, 7, 8, 64):
        contents = [b"order %d" % n for n in range(count)]
        found = signing.Signatures({"pension": key.public})
        made = signing.sign(key, contents)
        for content, signature in zip(contents, made, strict=True):
            found.verify("pension", content, signature)
            with pytest.raises(Refused):
                found.verify("pension", content + b"x", signature)
            for at in range(0, len(signature), 7):
                mauled = bytes([*signature[:at], signature[at] ^ 1, *signature[at + 1 :]])
                with pytest.raises(Refused):
                    found.verify("pension", content, mauled)
    another = signing.Signatures({"pension": SigningKey(b"o" * 32).public})
    with pytest.raises(Refused):
        another.verify("pension", contents[0], made[0])


def test_the_same_inquiry_has_the_same_bytes():
    one = replace(ITEMS, items=frozenset([Item.NAME, Item.SEX, Item.ADDRESS]))
    other = replace(ITEMS, items=frozenset([Item.ADDRESS, Item.NAME, Item.SEX]))
    assert written(one) == written(other)


@pytest.mark.parametrize(
    ("inquiry", "field"),
    [
        pytest.param(replace(STANDING, nonce=bytes(15)), "nonce: want 16", id="a short nonce"),
        pytest.param(
            replace(STANDING, kind=Kind.CONVERT), "handle: ", id="a conversion of a person by name"
        ),
        pytest.param(
            replace(STANDING, asked_at=datetime(2026, 4, 1)), "asked_at", id="a time without zone"
        ),
        pytest.param(replace(STANDING, official=""), "official: want", id="nobody asks"),
        pytest.param(replace(STANDING, official="山田"), "official: want", id="a name as a number"),
        pytest.param(
            replace(STANDING, official="\x01" * 40),
            "official: want",
            id="an official who would not fit into a body",
        ),
        pytest.param(replace(STANDING, official="9" * 41), "official: want", id="41 digits"),
        pytest.param(replace(STANDING, row="pension"), "row: want", id="a row that is none"),
        pytest.param(replace(STANDING, row="1-" + "9" * 50), "row: want", id="a long row"),
        pytest.param(replace(STANDING, row="1-73\n"), "row: want", id="a row and a newline"),
        pytest.param(
            replace(STANDING, items=frozenset({Item.NAME})), "items", id="items with standing"
        ),
        pytest.param(replace(STANDING, claim=CONFIRM.claim), "claim", id="a claim with standing"),
        pytest.param(replace(STANDING, since=date(2025, 1, 1)), "since", id="since with standing"),
        pytest.param(replace(CHANGES, since=None), "since", id="changes since when"),
        pytest.param(replace(ITEMS, items=frozenset()), "items", id="no items"),
        pytest.param(replace(CHANGES, items=frozenset()), "items", id="changes of nothing"),
        pytest.param(replace(CONFIRM, claim=None), "claim", id="confirm what"),
        pytest.param(replace(CONFIRM, claim=Claim(), items=frozenset()), "claim", id="empty claim"),
        pytest.param(
            replace(CONFIRM, items=frozenset({Item.NAME, Item.SEX})),
            "items",
            id="an item that is not claimed",
        ),
        pytest.param(
            replace(CONFIRM, claim=Claim(name=NAME, sex=Sex.MALE)),
            "items",
            id="a claim that is not among the items",
        ),
        pytest.param(of(replace(SUBJECT, name=None)), "name: want", id="no name"),
        pytest.param(
            of(replace(SUBJECT, place=MunicipalityCode("139998"))),
            "no municipality",
            id="no such place",
        ),
        pytest.param(named("山田\u202e花子"), "name: ", id="a name that runs backwards"),
        pytest.param(named("山" * 101), "name: ", id="a name of 101 characters"),
        pytest.param(named(""), "name: ", id="an empty name"),
        pytest.param(
            of(replace(SUBJECT, reading=Reading("やまだ"))), "reading: want", id="hiragana"
        ),
        pytest.param(
            of(replace(SUBJECT, address=changed(address(), postal_code="100-0001"))),
            "address: want",
            id="a postal code with a hyphen",
        ),
        pytest.param(
            of(replace(SUBJECT, address=changed(address(), town="千" * 101))),
            "town: ",
            id="a long address",
        ),
        pytest.param(
            replace(CONFIRM, claim=Claim(name=LegalName("\x07"))), "name: ", id="a claimed bell"
        ),
        pytest.param(of(ByHandle(handle=bytes(257))), "handle: ", id="a handle of 257 bytes"),
    ],
)
def test_a_form_that_no_row_could_allow_is_refused_by_its_field(inquiry, field):
    for check in (lambda: law.check_form(inquiry), lambda: read(*written(inquiry))):
        with pytest.raises(Malformed) as refused:
            check()
        assert field in str(refused.value)


def test_the_largest_inquiry_that_is_well_formed_can_be_read():
    home = changed(address(), town="𠮷" * 100, block="𠮷" * 100, building="𠮷" * 100)
    largest = replace(
        CONFIRM,
        official="9" * 40,
        items=frozenset(Item),
        subject=BySearch(
            place=MunicipalityCode(CHIYODA),
            birth_date=BORN,
            name=LegalName("𠮷" * 100),
            reading=Reading("ヤ" * 100),
            address=home,
        ),
        claim=Claim(name=LegalName("𠮷" * 100), birth_date=BORN, sex=Sex.FEMALE, address=home),
    )
    assert read(*written(largest)) == (largest,)


def test_more_bytes_than_the_largest_are_not_read():
    with pytest.raises(Malformed, match="at most"):
        orders.decode(bytes(orders.ORDER_BYTES_MAX + 1))
    content, _ = written(STANDING)
    with pytest.raises(Malformed, match="at most 4096 bytes"):
        read(content, [bytes(4097)])


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(content):
    with pytest.raises(Malformed):
        orders.decode(content)
    with pytest.raises(Malformed):
        orders.nonce_of(content)
    with pytest.raises(Malformed):
        read(written(STANDING)[0], [content])


@given(st.data())
def test_no_changed_byte_does_more_than_be_refused(data):
    content, (question,) = written(CONFIRM)
    parts = [bytearray(content), bytearray(question)]
    which = data.draw(st.sampled_from([0, 1]))
    at = data.draw(st.integers(0, len(parts[which]) - 1))
    parts[which][at] ^= data.draw(st.integers(1, 255))
    said = ""
    try:
        read(bytes(parts[0]), [bytes(parts[1])])
    except Malformed as error:
        said = str(error)
    assert said or which == 0, "a question is bound by its digest"
    assert "山田" not in said
    assert "1980" not in said


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "山田"), ("row", 7), ("by", "山田"), ("items", ["山田"])],
)
def test_an_error_says_where_and_never_what(field, value):
    content = msgspec.msgpack.decode(written(STANDING)[0])
    with pytest.raises(Malformed) as refused:
        orders.decode(msgspec.msgpack.encode({**content, field: value}))
    assert field in str(refused.value)
    assert "山田" not in str(refused.value)


def test_nobody_can_be_asked_for_by_code():
    assert {name for one in (BySearch, ByHandle) for name in one.__struct_fields__} == {
        "place",
        "birth_date",
        "name",
        "reading",
        "sex",
        "address",
        "handle",
    }
    assert {item.value for item in Item} == {"name", "birth_date", "sex", "address"}


@pytest.mark.parametrize("kind", [Answer, Refusal])
def test_there_is_no_answer_without_a_receipt(kind):
    fields = dict.fromkeys(kind.__struct_fields__)
    del fields["receipt"]
    with pytest.raises(TypeError):
        kind(**fields)
    assert kind.__struct_defaults__ == ()


@pytest.mark.parametrize(
    "value",
    [
        CONFIRM,
        SUBJECT,
        ByHandle(handle=b"secret"),
        CONFIRM.claim,
        Receipt(index=1, leaf=b"", proof=b"", salt=b"", body=b"secret"),
        law.Content(kind=Kind.ITEMS, known_at=NOON, items={Item.NAME: ("山田 花子",)}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_of_a_question_or_an_answer_prints_itself(value):
    assert repr(value) == f"<{type(value).__name__}>"
    assert str([value]) == f"[<{type(value).__name__}>]"


@given(st.integers(-600, 600))
def test_time_and_nonces_are_part_of_what_is_signed(seconds):
    later = replace(STANDING, asked_at=NOON + timedelta(seconds=seconds))
    assert (written(later) == written(STANDING)) is (seconds == 0)
    assert written(replace(STANDING, nonce=b"n" * 16))[0] != written(STANDING)[0]
    assert written(STANDING, nonce=b"n" * 16)[0] != written(STANDING)[0]
