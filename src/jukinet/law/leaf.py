"""Leaf (公開台帳の葉): what the public sees of all that concerns a disclosure, for ever.

A leaf is one line of JSON in UTF-8, its fields in a fixed order, so that anybody's tools read it.
It says when, which agency, under which row, which kind of question, which classes of items, how
many: never a value, never a person. A disclosure stands under a label that only the resident's
view key can compute. What the resident may read besides (who exactly, for which affair) is the
body, sealed under the entry's own key and bound to the leaf by a salted commitment; it stands
beside the log and can be deleted, the leaf cannot.

Questions and answers: inquiry, disclosure, bundle, deferred, opening, refusal. What the resident
does: view_key, fresh_number, objection, with its objection_answer. What makes the log checkable:
grant and key, which say under which rows and keys anything counts; run, which proves that a label
is not there; sample and sample_result, by which answers are held against the chain that they stand
under; release, which says when the keepers opened the keys of the centre's search tags.

A municipal asker appears as its prefecture and the table only: in a small town "who asked" may say
"about whom"; the exact office and row are in the body.

docs/spec/leaf.md lists the fields, byte for byte.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from jukinet.errors import Damaged, Malformed
from jukinet.keys import kem, ratchet
from jukinet.keys.chance import Chance
from jukinet.keys.seal import SEAL_OVERHEAD, lock, pad, unlock, unpad
from jukinet.law.identity import LOCATOR_BYTES, Item
from jukinet.law.inquiry import UNREADABLE, BySearch, Inquiry
from jukinet.law.personal import Personal
from jukinet.law.schedule import Grant, Receiver
from jukinet.merkle.tiles import TILE_WIDTH, suffix

JAPAN: Final = timezone(timedelta(hours=9))
SALT_BYTES: Final = 32
BODY_BYTES: Final = 512  # as it stands beside the log
_PLAIN_BYTES: Final = BODY_BYTES - 16  # the AEAD's tag
BUNDLE_RECORD_BYTES: Final = 48  # label and commitment
BODY_TEXT_MAX: Final = _PLAIN_BYTES - SALT_BYTES - 1
"""How long a body's JSON may be, so that salt, text and padding fit."""

T = TypeVar("T")

DEFERRED_CONTEXT: Final = b"jukinet deferred v2\x00"
_DEFERRED_LABEL: Final = b"jukinet deferred label v1\x00"
_COMMITMENT: Final = b"jukinet commitment v1"
_NONCE: Final = bytes(12)  # an entry's key serves once

_DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_Time = Annotated[str, Meta(pattern=rf"\A{_DAY}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}Z\Z")]
_Hash = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Label = Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
_Date = Annotated[str, Meta(pattern=rf"\A{_DAY}\Z")]
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
    order: _Hash  # SHA-256 of the signed order, hexadecimal


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


class BundleLeaf(msgspec.Struct, frozen=True, kw_only=True, tag="bundle", tag_field="type"):
    """Many disclosures of one order at once: label and commitment of each stand in the bundle.

    The bundle (law.bundle) is a file beside the log, sorted by label; `root` is its tree's.
    """

    v: Literal[1] = 1
    time: _Time
    agency: str
    row: str
    kind: str
    items: tuple[str, ...]
    count: _Count
    root: _Hash
    inquiry: _Index | None


class DeferredLeaf(msgspec.Struct, frozen=True, kw_only=True, tag="deferred", tag_field="type"):
    """A disclosure whose resident is not to see it before a day (an investigation).

    The label is random and on nobody's chain; the entry is opened on its day by an opening leaf.
    """

    v: Literal[1] = 1
    time: _Time
    agency: str
    row: str
    kind: str
    items: tuple[str, ...]
    labels: Annotated[tuple[_Label, ...], Meta(min_length=1, max_length=1)]
    commitment: _Hash
    inquiry: _Index | None
    open_on: _Date


class OpeningLeaf(msgspec.Struct, frozen=True, kw_only=True, tag="opening", tag_field="type"):
    """A deferred disclosure that its resident may see from now on, on the resident's chain."""

    v: Literal[1] = 1
    time: _Time
    agency: str
    row: str
    kind: str
    items: tuple[str, ...]
    labels: Annotated[tuple[_Label, ...], Meta(min_length=1, max_length=1)]
    commitment: _Hash
    deferred: _Index  # the index of the deferred leaf


class ViewKeyLeaf(msgspec.Struct, frozen=True, kw_only=True, tag="view_key", tag_field="type"):
    """A view key was given out; it stands on the chain that it opens, so nobody does it unseen."""

    v: Literal[1] = 1
    time: _Time
    issuer: str  # a town by its prefecture, such as municipal/13
    labels: Annotated[tuple[_Label, ...], Meta(min_length=1, max_length=1)]
    commitment: _Hash


class ObjectionLeaf(msgspec.Struct, frozen=True, kw_only=True, tag="objection", tag_field="type"):
    """A resident objects to an entry (異議の申出); the agency is to answer within its time."""

    v: Literal[1] = 1
    time: _Time
    agency: str  # as the entry's leaf has it
    row: str
    labels: Annotated[tuple[_Label, ...], Meta(min_length=1, max_length=1)]
    commitment: _Hash
    entry: _Index  # the index of the leaf that is objected to
    about: _Label  # its label
    answer_by: _Date


class ObjectionAnswerLeaf(
    msgspec.Struct, frozen=True, kw_only=True, tag="objection_answer", tag_field="type"
):
    """The agency's answer to an objection."""

    v: Literal[1] = 1
    time: _Time
    labels: Annotated[tuple[_Label, ...], Meta(min_length=1, max_length=1)]
    commitment: _Hash
    objection: _Index
    outcome: Literal["upheld", "explained", "rejected"]


class GrantLeaf(msgspec.Struct, frozen=True, kw_only=True, tag="grant", tag_field="type"):
    """A row of the schedules (別表の項), as it counts from a day on."""

    v: Literal[1] = 1
    time: _Time
    row: str
    ordinance_item: str
    affair: str
    affair_ja: str
    receiver: str
    municipal: bool
    items: tuple[str, ...]
    kinds: tuple[str, ...]
    to: str | None = None  # of a row that allows conversion: the row in whose numbers it ends
    deferral_days: _Index
    valid_from: _Date
    valid_to: _Date | None
    counts_from: _Date


class KeyLeaf(msgspec.Struct, frozen=True, kw_only=True, tag="key", tag_field="type"):
    """A key that counts from now on: an agency's, the keepers' together, the witnesses' policy."""

    v: Literal[1] = 1
    time: _Time
    office: Literal["agency", "keepers", "witnesses"]
    name: str
    digest: _Hash  # SHA-256: of the public keys; of the keepers and theirs; of the policy file


class RunLeaf(msgspec.Struct, frozen=True, kw_only=True, tag="run", tag_field="type"):
    """All labels of a stretch of the log, sorted (merkle.runs): what is not there, is nowhere."""

    v: Literal[1] = 1
    time: _Time
    span: Literal["day", "month", "year"]
    name: Annotated[str, Meta(pattern=r"\A[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?\Z")]
    first: _Index  # the stretch: leaves first to end - 1
    end: _Index
    count: _Index
    root: _Hash
    statistics: _Hash | None  # of a month: SHA-256 of the statistics file (law.statistics)


class SampleLeaf(msgspec.Struct, frozen=True, kw_only=True, tag="sample", tag_field="type"):
    """Entries picked by public randomness, whose answers are held against their chains."""

    v: Literal[1] = 1
    time: _Time
    month: Annotated[str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}\Z")]
    randomness: _Hash
    picked: tuple[_Index, ...]


class SampleResultLeaf(
    msgspec.Struct, frozen=True, kw_only=True, tag="sample_result", tag_field="type"
):
    """What a sample came to: how many answers stand under the right chain, and which do not."""

    v: Literal[1] = 1
    time: _Time
    sample: _Index
    agree: _Index
    differ: tuple[_Index, ...]
    nobody: _Index  # answers that gave nothing of anybody
    not_shown: tuple[_Index, ...]  # whose agency shows no answer


class ReleaseLeaf(msgspec.Struct, frozen=True, kw_only=True, tag="release", tag_field="type"):
    """The centre comes up: the keepers open the keys of its search tags, so many of them."""

    v: Literal[1] = 1
    time: _Time
    count: _Count


class FreshNumberLeaf(
    msgspec.Struct, frozen=True, kw_only=True, tag="fresh_number", tag_field="type"
):
    """A resident has other numbers from now on; it stands on the chain of whoever wanted that."""

    v: Literal[1] = 1
    time: _Time
    issuer: str  # a town by its prefecture, such as municipal/13
    labels: Annotated[tuple[_Label, ...], Meta(min_length=1, max_length=1)]
    commitment: _Hash


Leaf = (
    InquiryLeaf
    | DisclosureLeaf
    | RefusalLeaf
    | BundleLeaf
    | DeferredLeaf
    | OpeningLeaf
    | ViewKeyLeaf
    | ObjectionLeaf
    | ObjectionAnswerLeaf
    | GrantLeaf
    | KeyLeaf
    | RunLeaf
    | SampleLeaf
    | SampleResultLeaf
    | ReleaseLeaf
    | FreshNumberLeaf
)

Question = InquiryLeaf | DisclosureLeaf | RefusalLeaf | BundleLeaf | DeferredLeaf
"""Leaves by which somebody asked: before the first of them, everything is founding."""

Given = DisclosureLeaf | BundleLeaf | DeferredLeaf
"""Leaves on which something may be opened and given."""

Bodied = (
    DisclosureLeaf
    | DeferredLeaf
    | OpeningLeaf
    | ViewKeyLeaf
    | FreshNumberLeaf
    | ObjectionLeaf
    | ObjectionAnswerLeaf
)
"""Leaves beside which something stands sealed."""

OnChain = DisclosureLeaf | OpeningLeaf | ViewKeyLeaf | FreshNumberLeaf
"""Leaves that stand under the next label of a resident's chain."""


class Holder(StrEnum):
    """To whom a view key is given."""

    SELF = "self"
    GUARDIAN = "guardian"  # a legal representative (法定代理人)
    PROXY = "proxy"  # whom the resident sends (任意代理人)


class Body(Personal, frozen=True, kw_only=True):
    """What stands sealed beside a leaf, for the resident (and, by its salt, for the asker)."""

    agency: str
    official: str
    row: str
    affair: str
    kind: str
    items: tuple[str, ...]
    subject: str  # "search" or "handle"
    inquiry: str  # SHA-256 of the signed order, hexadecimal
    place: int = 0  # which of its questions

    def encode(self) -> bytes:
        """Its bytes (JSON)."""
        return msgspec.json.encode(self)


class KeyGiven(Personal, frozen=True, kw_only=True):
    """What stands sealed beside the leaf of a view key: who gave which key to whom."""

    town: str
    official: str
    holder: Holder
    epoch: int
    place: int  # what stands before it, the key does not open
    valid_to: str  # a day

    def encode(self) -> bytes:
        """Its bytes (JSON)."""
        return msgspec.json.encode(self)


class NumberChanged(Personal, frozen=True, kw_only=True):
    """What stands sealed beside the leaf of a fresh number: who had it made, and for which affair.

    `sector` is one affair, or empty for all; `merged` where two records of one person became one.
    """

    town: str
    official: str
    sector: str
    merged: bool = False

    def encode(self) -> bytes:
        """Its bytes (JSON)."""
        return msgspec.json.encode(self)


class Words(Personal, frozen=True, kw_only=True):
    """What stands sealed beside an objection or its answer: in somebody's own words."""

    official: str  # "" where the resident speaks
    text: str

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


def labels_of(leaf: Leaf) -> tuple[bytes, ...]:
    """The labels that a leaf itself bears, in order; those of a bundle stand in its file."""
    return tuple(map(bytes.fromhex, getattr(leaf, "labels", ())))


def bundle_folder(index: int) -> str:
    """Where the bundle of a bundle leaf stands beside the log."""
    return f"bundle/{suffix(index)}"


def bundle_bodies(index: int, place: int) -> str:
    """The file beside the log that has the sealed body of a place in a bundle, 256 to a file."""
    return f"{bundle_folder(index)}/bodies/{suffix(place // TILE_WIDTH)}"


def body_of(inquiry: Inquiry, order: str, place: int, grant: Grant | None) -> Body:
    """What the resident may read of an inquiry; `order` and `place` say where it was signed."""
    return Body(
        agency=inquiry.agency,
        official=inquiry.official,
        row=inquiry.row,
        affair=grant.affair if grant else "",
        kind=inquiry.kind.value,
        items=item_names(inquiry.items),
        subject="search" if isinstance(inquiry.subject, BySearch) else "handle",
        inquiry=order,
        place=place,
    )


def commitment(salt: bytes, body: bytes) -> str:
    """The salted commitment to a body, hexadecimal."""
    return sha256(_COMMITMENT + salt + body).hexdigest()


def seal_body(state: bytes, salt: bytes, body: bytes) -> bytes:
    """A body and its salt, sealed under the entry key of a chain's state; always BODY_BYTES."""
    return seal_under(ratchet.entry_key(state), ratchet.label(state), salt, body)


def open_body(state: bytes, sealed: bytes) -> tuple[bytes, bytes]:
    """The salt and the body; raises Damaged where the key does not open it."""
    return open_under(ratchet.entry_key(state), ratchet.label(state), sealed)


def seal_under(key: bytes, label: bytes, salt: bytes, body: bytes) -> bytes:
    """A body and its salt, sealed under a key that serves this once; always BODY_BYTES.

    Raises Malformed for a body of more than BODY_TEXT_MAX bytes.
    """
    return lock(key, pad(salt + body, _PLAIN_BYTES), nonce=_NONCE, context=label)


def open_under(key: bytes, label: bytes, sealed: bytes) -> tuple[bytes, bytes]:
    """The salt and the body; raises Damaged where the key does not open it."""
    plain = unpad(unlock(key, sealed, nonce=_NONCE, context=label))
    return plain[:SALT_BYTES], plain[SALT_BYTES:]


def seal_deferred(public: bytes, locator: bytes, salt: bytes, body: bytes, chance: Chance) -> bytes:
    """What stands beside a deferred leaf: whose it is, salt and body, sealed to the keepers."""
    plain = pad(locator + salt + body, BODY_BYTES - SEAL_OVERHEAD)
    return kem.seal(public, plain, context=DEFERRED_CONTEXT, chance=chance)


def deferred_label(sealed: bytes) -> bytes:
    """The label of a deferred leaf: random to everybody, and of what stands beside it alone.

    So a keeper who is shown both knows that it opens the leaf's own part, and on its own day.
    """
    return sha256(_DEFERRED_LABEL + sealed).digest()[: ratchet.LABEL_BYTES]


def read_deferred(plain: bytes) -> tuple[bytes, bytes, bytes]:
    """Locator, salt and body of what the keepers opened; raises Damaged."""
    content = unpad(plain)
    end = LOCATOR_BYTES + SALT_BYTES
    return content[:LOCATOR_BYTES], content[LOCATOR_BYTES:end], content[end:]


def decode_body(content: bytes) -> Body:
    """The body of a disclosure from its bytes; raises Damaged."""
    return read_body(content, Body)


def read_body(content: bytes, kind: type[T]) -> T:
    """A body of a kind from its bytes; raises Damaged."""
    try:
        return msgspec.json.decode(content, type=kind)
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
