"""Order (照会書): what an agency signs, and all that a keeper may see of a question.

An order says who asks, under which row, which kind of question, which items, how often, and
whether numbers are wanted. Of the questions themselves it has digests alone: name, birth date and
claim travel beside it to the centre and no further. A digest covers 16 random bytes of its own, so
nothing that could be guessed is plainly hashed. Of a question by handle the keepers are shown the
handle, and the hash of the rest, and find its digest in the order.

>>> from datetime import UTC
>>> order = Order(agency="pension", official="A-17", row="1-73", kind=Kind.STANDING,
...     items=frozenset(), by="search", asked_at=datetime(2026, 4, 1, tzinfo=UTC),
...     nonce=bytes(16), digests=bytes(64))
>>> order.count, decode(order.encode()) == order
(2, True)
"""

from collections.abc import Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Final, Literal

import msgspec

from jukinet.errors import Malformed
from jukinet.law.identity import Item
from jukinet.law.inquiry import (
    NONCE_BYTES,
    UNREADABLE,
    ByHandle,
    BySearch,
    Claim,
    Inquiry,
    check_form,
)
from jukinet.law.personal import Personal
from jukinet.law.schedule import Kind

ORDER_MAX: Final = 10_000
"""How many questions one order may have."""

QUESTION_BYTES_MAX: Final = 4096
"""How long a question may be: three names and an address of the longest fit."""

DIGEST_BYTES: Final = 32
ORDER_BYTES_MAX: Final = ORDER_MAX * DIGEST_BYTES + 1024

_DIGEST: Final = b"jukinet question v1\x00"
_REST: Final = b"jukinet question beside v1\x00"


class Question(Personal, frozen=True, kw_only=True):
    """One question of an order: about whom, and what is believed of them."""

    nonce: bytes
    subject: BySearch | ByHandle
    claim: Claim | None = None

    def encode(self) -> bytes:
        """The bytes that go to the centre."""
        return _encode(self)


class Order(Personal, frozen=True, kw_only=True):
    """What an agency signs for some questions of one kind, under one row (照会書)."""

    agency: str
    official: str
    row: str
    kind: Kind
    items: frozenset[Item]
    by: Literal["search", "handle"]  # how its questions name people
    asked_at: datetime
    nonce: bytes
    digests: bytes  # of its questions, 32 bytes each
    since: date | None = None
    defer_to: date | None = None  # the day on which the resident may see it, where the row lets
    numbered: bool = False  # whether numbers are wanted, with handles to ask again

    @property
    def count(self) -> int:
        """How many questions it has."""
        return len(self.digests) // DIGEST_BYTES

    def digest(self, place: int) -> bytes:
        """The digest of one of its questions; an empty one where it has none such."""
        if not 0 <= place < self.count:
            return b""
        return self.digests[DIGEST_BYTES * place : DIGEST_BYTES * (place + 1)]

    def encode(self) -> bytes:
        """The bytes that the agency signs."""
        return _encode(self)


class SignedOrder(Personal, frozen=True, kw_only=True):
    """An order as it goes to the keepers: just what the agency has signed."""

    content: bytes
    signature: bytes


def decode(content: bytes) -> Order:
    """The order that an agency signed, or Malformed; its errors show no value."""
    if len(content) > ORDER_BYTES_MAX:
        raise Malformed(f"order: at most {ORDER_BYTES_MAX} bytes, got {len(content)}")
    try:
        order = _decode(content)
    except UNREADABLE as error:
        where = str(error).partition(" - at ")[2] or "its form"
        raise Malformed(f"order: {where} is not as an order has it") from None
    if len(order.nonce) != NONCE_BYTES:
        raise Malformed(f"nonce: want {NONCE_BYTES} random bytes, got {len(order.nonce)}")
    if order.asked_at.tzinfo is None:
        raise Malformed("asked_at: want a time with its zone")
    if not 1 <= order.count <= ORDER_MAX or len(order.digests) % DIGEST_BYTES:
        raise Malformed(f"order: 1 to {ORDER_MAX} questions, each by its digest; send several")
    return order


def questions(order: Order, contents: Sequence[bytes]) -> tuple[Inquiry, ...]:
    """The inquiries of an order, from the questions beside it; Malformed where they do not fit."""
    if len(contents) != order.count:
        raise Malformed(f"order: it is of {order.count} questions, and {len(contents)} came")
    found = tuple(_inquiry(order, place, content) for place, content in enumerate(contents))
    if len({inquiry.nonce for inquiry in found}) < len(found):
        raise Malformed("order: two of its questions have the same nonce")
    return found


def _inquiry(order: Order, place: int, content: bytes) -> Inquiry:
    if len(content) > QUESTION_BYTES_MAX:
        raise Malformed(f"question: at most {QUESTION_BYTES_MAX} bytes, got {len(content)}")
    try:
        question = _decode_question(content)
    except UNREADABLE as error:
        where = str(error).partition(" - at ")[2] or "its form"
        raise Malformed(f"question: {where} is not as a question has it") from None
    if digest(handle_of(question), beside(question)) != order.digest(place):
        raise Malformed("question: it is not the one whose digest the order has")
    if isinstance(question.subject, ByHandle) is (order.by == "search"):
        raise Malformed("order: its questions name people in one way")
    inquiry = of(order, question)
    check_form(inquiry)
    return inquiry


def of(order: Order, question: Question) -> Inquiry:
    """The inquiry that a question of an order is."""
    return Inquiry(
        agency=order.agency,
        official=order.official,
        row=order.row,
        kind=order.kind,
        items=order.items,
        subject=question.subject,
        asked_at=order.asked_at,
        nonce=question.nonce,
        claim=question.claim,
        since=order.since,
        defer_to=order.defer_to,
        numbered=order.numbered,
    )


def order_of(inquiries: Sequence[Inquiry], *, nonce: bytes) -> tuple[Order, tuple[bytes, ...]]:
    """The order of some inquiries of one kind, and its questions as they go beside it.

    Raises Malformed where they are not of one kind, or their forms are not whole.
    """
    first = inquiries[0]
    asked = []
    for one in inquiries:
        check_form(one)
        if _shape(one) != _shape(first):
            raise Malformed(
                "order: its inquiries are of one row, kind and items, and name people in one way"
            )
        asked.append(Question(nonce=one.nonce, subject=one.subject, claim=one.claim))
    order = Order(
        agency=first.agency,
        official=first.official,
        row=first.row,
        kind=first.kind,
        items=first.items,
        by="handle" if isinstance(first.subject, ByHandle) else "search",
        asked_at=first.asked_at,
        nonce=nonce,
        digests=b"".join(digest(handle_of(one), beside(one)) for one in asked),
        since=first.since,
        defer_to=first.defer_to,
        numbered=first.numbered,
    )
    return order, tuple(one.encode() for one in asked)


def _shape(one: Inquiry) -> tuple[object, ...]:
    return (
        *(one.agency, one.official, one.row, one.kind, one.items, one.asked_at),
        *(one.since, one.defer_to, one.numbered, type(one.subject)),
    )


def handle_of(question: Question | Inquiry) -> bytes:
    """The handle by which a question names somebody; an empty one where it does not."""
    return question.subject.handle if isinstance(question.subject, ByHandle) else b""


def nonce_of(question: bytes) -> bytes:
    """The nonce of a question, from its bytes; raises Malformed."""
    try:
        return _decode_question(question).nonce
    except UNREADABLE:
        raise Malformed("question: these bytes are none") from None


def beside(question: Question | Inquiry) -> bytes:
    """The hash of all that a question has besides a handle, 32 bytes."""
    subject = question.subject if isinstance(question.subject, BySearch) else None
    return sha256(_REST + question.nonce + _encode((subject, question.claim))).digest()


def digest(handle: bytes, beside: bytes) -> bytes:
    """The digest of a question, 32 bytes."""
    return sha256(_DIGEST + beside + handle).digest()


def signed_digest(content: bytes) -> str:
    """SHA-256 of a signed order, hexadecimal: as inquiry leaves and bodies name it."""
    return sha256(content).hexdigest()


_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_decode = msgspec.msgpack.Decoder(Order).decode
_decode_question = msgspec.msgpack.Decoder(Question).decode
