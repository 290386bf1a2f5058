"""Inquiry (照会), receipt (提供状況) and answer (提供).

An inquiry is one question about one person, by a named official, under a row of a schedule. The
agency names the person by the handle it was given, or by name, birth date *and* a place; never by
the code. An answer needs a receipt: there is no way to build one without it.
"""

import re
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import msgspec

from jukinet.errors import Malformed
from jukinet.law.identity import Item, Sex
from jukinet.law.personal import Personal
from jukinet.law.schedule import Kind
from jukinet.names import address, legal
from jukinet.names.address import Address
from jukinet.names.era import PartialDate
from jukinet.names.legal import LegalName, Reading
from jukinet.numbers.municipality_code import MunicipalityCode, municipality

NONCE_BYTES: Final = 16
HANDLE_BYTES_MAX: Final = 256
UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError)
"""What decoding raises where bytes are not what they should be."""

_ROW: Final = re.compile(r"[1-9][0-9]?-[1-9][0-9]{0,3}")
_OFFICIAL: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z./_-]{0,39}")


class BySearch(Personal, frozen=True, kw_only=True, tag="search"):
    """A person named by name (or its reading), birth date and a place (氏名・生年月日・住所地)."""

    place: MunicipalityCode
    birth_date: PartialDate
    name: LegalName | None = None
    reading: Reading | None = None
    sex: Sex | None = None
    address: Address | None = None


class ByHandle(Personal, frozen=True, kw_only=True, tag="handle"):
    """A person named by the handle of an earlier answer (照会用封筒)."""

    handle: bytes


class Claim(Personal, frozen=True, kw_only=True):
    """What the agency believes, for a question of kind `confirm`."""

    name: LegalName | None = None
    birth_date: PartialDate | None = None
    sex: Sex | None = None
    address: Address | None = None

    @property
    def items(self) -> frozenset[Item]:
        """Which items are claimed."""
        claimed = {
            Item.NAME: self.name,
            Item.BIRTH_DATE: self.birth_date,
            Item.SEX: self.sex,
            Item.ADDRESS: self.address,
        }
        return frozenset(item for item, value in claimed.items() if value is not None)


class Inquiry(Personal, frozen=True, kw_only=True):
    """One lawful question about one person (照会); how it is signed, see `law.order`."""

    agency: str
    official: str
    row: str
    kind: Kind
    items: frozenset[Item]
    subject: BySearch | ByHandle
    asked_at: datetime
    nonce: bytes
    claim: Claim | None = None
    since: date | None = None
    defer_to: date | None = None  # the day on which the resident may see it, where the row lets
    numbered: bool = False  # whether a number is wanted, with a handle to ask again


def check_form(inquiry: Inquiry) -> None:
    """Refuse a form that no row could allow: Malformed, naming the field and the way out."""
    if len(inquiry.nonce) != NONCE_BYTES:
        raise Malformed(f"nonce: want {NONCE_BYTES} random bytes, got {len(inquiry.nonce)}")
    if inquiry.asked_at.tzinfo is None:
        raise Malformed("asked_at: want a time with its zone")
    if not _OFFICIAL.fullmatch(inquiry.official):
        raise Malformed(
            "official: want the official's own number at the agency, 1-40 ASCII letters, digits "
            "and ./_-"
        )
    if not _ROW.fullmatch(inquiry.row):
        raise Malformed("row: want table and row of the schedules, such as 1-77")
    _check_kind(inquiry)
    _check_subject(inquiry.subject)
    if inquiry.claim is not None:
        _check_writing(inquiry.claim.name, None, inquiry.claim.address)


def _check_kind(inquiry: Inquiry) -> None:
    """What each kind of question needs, and what it has no room for."""
    kind, claim = inquiry.kind, inquiry.claim
    if kind is Kind.CONFIRM and (not claim or not claim.items):
        raise Malformed("claim: a question of kind confirm says what is believed of the person")
    if kind is Kind.CONFIRM and claim and inquiry.items != claim.items:
        raise Malformed("items: a question of kind confirm names just the items of its claim")
    if kind is not Kind.CONFIRM and claim:
        raise Malformed(f"claim: a question of kind {kind} has no claim")
    if (kind is Kind.CHANGES) is (inquiry.since is None):
        raise Malformed("since: a question of kind changes, and no other, says since which day")
    if kind in (Kind.ITEMS, Kind.CHANGES) and not inquiry.items:
        raise Malformed(f"items: a question of kind {kind} says which items it needs")
    if kind in (Kind.STANDING, Kind.CONVERT) and inquiry.items:
        raise Malformed(f"items: a question of kind {kind} names no items")
    if kind is Kind.CONVERT and not isinstance(inquiry.subject, ByHandle):
        raise Malformed("handle: a question of kind convert names people by their handles")


def _check_subject(subject: BySearch | ByHandle) -> None:
    if isinstance(subject, ByHandle):
        if len(subject.handle) > HANDLE_BYTES_MAX:
            raise Malformed("handle: it is longer than any; give one as you got it")
        return
    municipality(subject.place)
    if not (subject.name or subject.reading):
        raise Malformed("name: want the name or its reading, with birth date and place")
    _check_writing(subject.name, subject.reading, subject.address)


def _check_writing(name: LegalName | None, reading: Reading | None, home: Address | None) -> None:
    """Names and addresses came over a line: they must be what our own parsers give."""
    if name is not None:
        legal.parse(name.text)
    if reading is not None and legal.parse_reading(reading.text) != reading:
        raise Malformed("reading: want full-width katakana, its words set apart by one such space")
    if home is not None:
        parts = msgspec.to_builtins(home)
        if address.parse(**parts) != home:
            raise Malformed("address: want its postal code as seven digits")


class Standing(StrEnum):
    """What an affair may learn of a person, where it needs no more (居住確認)."""

    RESIDENT = "resident"
    MOVED = "moved"
    DEAD = "dead"
    UNKNOWN = "unknown"  # of absence: it proves no lack of entitlement


class Verdict(StrEnum):
    """The answer to a question of kind confirm."""

    SAME = "same"
    DIFFERENT = "different"


class Change(Personal, frozen=True, kw_only=True):
    """One change since a date: its day and the wanted items after it."""

    event_date: date
    standing: Standing
    items: dict[Item, tuple[str, ...]]


class Content(Personal, frozen=True, kw_only=True):
    """What is given, by kind; fields that the kind does not have stay empty.

    `known_at` says when the centre last heard from the place that was asked about: "dead" and
    "unknown" are as old as that. Absence from the index proves no lack of entitlement.
    """

    kind: Kind
    known_at: datetime | None
    standing: Standing = Standing.UNKNOWN
    verdict: Verdict | None = None
    items: dict[Item, tuple[str, ...]] = msgspec.field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    handle: bytes = b""  # a fresh handle to ask again with, where one is wanted
    ticket: bytes = b""  # what shows, in a sample, for whom an answer without a handle was
    blind: bytes = b""  # what the sector number (符号) is blinded by; the agency takes it away
    parts: bytes = b""  # which keepers' parts make the number (nodes.message.NumberParts)
    renumbered: bool = False  # the number takes the place of the one that the handle came with

    def encode(self) -> bytes:
        """Its bytes, before padding."""
        return _encode(self)


def decode_content(content: bytes) -> Content:
    """The content of an answer, or Malformed."""
    try:
        return _decode_content(content)
    except UNREADABLE:
        raise Malformed("answer: its content is not as an answer has it") from None


class Receipt(Personal, frozen=True, kw_only=True):
    """Proof that a disclosure or refusal stands in the ledger; only the ledger makes these.

    `proof` is a `tlog-proof` text (leaf index, hashes, checkpoint); `leaf` is the entry itself;
    `body` and `salt` open the leaf's commitment for whoever asked. Where the leaf is a bundle's,
    `record` is the one of this disclosure, `place` where it stands, `path` the hashes to the root.
    """

    index: int
    leaf: bytes
    proof: bytes
    salt: bytes
    body: bytes
    record: bytes = b""
    place: int = 0
    path: tuple[bytes, ...] = ()


class Answer(Personal, frozen=True, kw_only=True, tag="answer"):
    """What the agency gets (提供). There is no answer without a receipt: no field has a default."""

    nonce: bytes
    content: bytes  # `Content`, padded to one of a few sizes
    receipt: Receipt


class Refusal(Personal, frozen=True, kw_only=True, tag="refusal"):
    """Why an inquiry is not answered (提供の拒否): precise for the asker, and in the ledger too."""

    nonce: bytes
    reason: str
    rule: str
    receipt: Receipt


_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_decode_content = msgspec.msgpack.Decoder(Content).decode
