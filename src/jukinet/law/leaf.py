"""Leaf (公開台帳の葉): what the public sees of an inquiry, a disclosure or a refusal, for ever.

A leaf is one line of JSON in UTF-8, its fields in a fixed order, so that anybody's tools read it.
It says when, which agency, under which row, which kind of question, which classes of items, how
many: never a value, never a person. A disclosure stands under a label that only the resident's
view key can compute. What the resident may read besides (who exactly, for which affair) is the
body, sealed under the entry's own key and bound to the leaf by a salted commitment; it stands
beside the log and can be deleted, the leaf cannot.

A municipal asker appears as its prefecture and the table only: in a small town "who asked" may say
"about whom"; the exact office and row are in the body.

docs/spec/leaf.md lists the fields, byte for byte.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from jukinet.errors import Damaged, Malformed
from jukinet.keys import ratchet
from jukinet.keys.seal import lock, pad, unlock, unpad
from jukinet.law.identity import Item
from jukinet.law.inquiry import UNREADABLE, BySearch, Inquiry
from jukinet.law.personal import Personal
from jukinet.law.schedule import Grant, Receiver

SALT_BYTES: Final = 32
BODY_BYTES: Final = 512  # as it stands beside the log
_PLAIN_BYTES: Final = BODY_BYTES - 16  # the AEAD's tag
BODY_TEXT_MAX: Final = _PLAIN_BYTES - SALT_BYTES - 1
"""How long a body's JSON may be, so that salt, text and padding fit."""

_COMMITMENT: Final = b"jukinet commitment v1"
_NONCE: Final = bytes(12)  # an entry's key serves once

_DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_Time = Annotated[str, Meta(pattern=rf"\A{_DAY}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}Z\Z")]
_Hash = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Label = Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
_Index = Annotated[int, Meta(ge=0)]
_Count = Annotated[int, Meta(ge=1)]


class InquiryLeaf(msgspec.Struct, frozen=True, kw_only=True, tag="inquiry", tag_field="type"):
    """A question by handle, written down before anything is opened."""

    v: Literal[1] = 1
    time: _Time
    agency: str
    row: str
    kind: str
    items: tuple[str, ...]
    count: _Count
    order: _Hash  # SHA-256 of the signed inquiry, hexadecimal


class DisclosureLeaf(msgspec.Struct, frozen=True, kw_only=True, tag="disclosure", tag_field="type"):
    """A disclosure, written down before payload, number and answer."""

    v: Literal[1] = 1
    time: _Time
    agency: str
    row: str
    kind: str
    items: tuple[str, ...]
    count: _Count
    labels: Annotated[tuple[_Label, ...], Meta(min_length=1)]  # 16 bytes each, hexadecimal
    commitment: _Hash
    inquiry: _Index | None  # the index of the inquiry's leaf; None: a search needs none


class RefusalLeaf(msgspec.Struct, frozen=True, kw_only=True, tag="refusal", tag_field="type"):
    """A question that was not answered, and the rule that forbade it."""

    v: Literal[1] = 1
    time: _Time
    agency: str
    row: str
    kind: str
    rule: str
    commitment: _Hash
    inquiry: _Index | None


Leaf = InquiryLeaf | DisclosureLeaf | RefusalLeaf


class Body(Personal, frozen=True, kw_only=True):
    """What stands sealed beside a leaf, for the resident (and, by its salt, for the asker)."""

    agency: str
    official: str
    row: str
    affair: str
    kind: str
    items: tuple[str, ...]
    subject: str  # "search" or "handle"
    inquiry: str  # SHA-256 of the signed inquiry, hexadecimal

    def encode(self) -> bytes:
        """Its bytes (JSON)."""
        return msgspec.json.encode(self)


def encode(leaf: Leaf) -> bytes:
    """The bytes of a leaf, as the log holds them."""
    return _encode(leaf)


def decode(entry: bytes) -> Leaf:
    """The leaf of an entry of the log; Malformed where it is none, or not written the one way."""
    try:
        leaf: Leaf = _decode(entry)
    except UNREADABLE as error:
        raise Malformed(f"leaf: {error}") from None
    if _encode(leaf) != entry:
        raise Malformed("leaf: it is not written in the one way that leaves are written")
    return leaf


def body_of(inquiry: Inquiry, signed: bytes, grant: Grant | None) -> Body:
    """What the resident may read of an inquiry."""
    return Body(
        agency=inquiry.agency,
        official=inquiry.official,
        row=inquiry.row,
        affair=grant.affair if grant else "",
        kind=inquiry.kind.value,
        items=item_names(inquiry.items),
        subject="search" if isinstance(inquiry.subject, BySearch) else "handle",
        inquiry=sha256(signed).hexdigest(),
    )


def commitment(salt: bytes, body: bytes) -> str:
    """The salted commitment to a body, hexadecimal."""
    return sha256(_COMMITMENT + salt + body).hexdigest()


def seal_body(state: bytes, salt: bytes, body: bytes) -> bytes:
    """A body and its salt, sealed under the entry key of a chain's state; always BODY_BYTES."""
    plain = pad(salt + body, _PLAIN_BYTES)
    return lock(ratchet.entry_key(state), plain, nonce=_NONCE, context=ratchet.label(state))


def open_body(state: bytes, sealed: bytes) -> tuple[bytes, bytes]:
    """The salt and the body; raises Damaged where the key does not open it."""
    plain = unpad(
        unlock(ratchet.entry_key(state), sealed, nonce=_NONCE, context=ratchet.label(state))
    )
    return plain[:SALT_BYTES], plain[SALT_BYTES:]


def decode_body(content: bytes) -> Body:
    """The body from its bytes; raises Damaged."""
    try:
        return msgspec.json.decode(content, type=Body)
    except UNREADABLE:
        raise Damaged("body: what was sealed beside the leaf is not a body") from None


def public_asker(receiver: Receiver, prefecture: str, row: str) -> tuple[str, str]:
    """How an asker and its row are shown to the public."""
    if receiver.municipal:
        return f"municipal/{prefecture}", f"table {row.partition('-')[0]}"
    return receiver.id, row


def item_names(items: Iterable[Item]) -> tuple[str, ...]:
    """Classes of items, in alphabetical order."""
    return tuple(sorted(item.value for item in items))


def leaf_time(now: datetime) -> str:
    """A time as leaves have it: UTC, whole seconds."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Leaf, strict=True).decode
