"""Messages between nodes: who to whom, and one body of a closed list.

A node is driven by `step(message, now)` and answers with messages and wakes; it owns no clock, no
chance and no line. `Wake(at)` asks to be given a `Tick` once that time has come and everything
that was sent before has been delivered: so a node that is told `Wake(now)` collects a group.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from jukinet.errors import Malformed
from jukinet.feed.link import Batch
from jukinet.law.inquiry import UNREADABLE, Answer, Receipt, Refusal
from jukinet.law.leaf import Holder
from jukinet.law.notification import Notification
from jukinet.law.order import SignedOrder
from jukinet.law.personal import Personal

CENTRE, DESK = "centre", "desk"
HISTORY_MAX = 64  # states that one question about changes may open
NO_ORDER = -1  # of a task that no agency has asked for


class Tick(Personal, frozen=True, tag="tick"):
    """The time that a node asked to be woken at has come."""


class Filing(Personal, frozen=True, kw_only=True, tag="filing"):
    """A clerk hands a notification to the register (届出)."""

    notification: Notification


class Filed(Personal, frozen=True, kw_only=True, tag="filed"):
    """The register's word that a notification is accepted, durably (受理).

    `persons` are the record numbers that it touched, in its own order, `households` the household
    that each is in by it; `again` says that it had been accepted before.
    """

    number: str
    persons: tuple[int, ...]
    households: tuple[int, ...]
    late: bool
    again: bool


class NotFiled(Personal, frozen=True, kw_only=True, tag="not_filed"):
    """The register's word that a notification is not accepted (不受理), and why."""

    number: str
    malformed: bool
    reason: str


class OrderCodes(Personal, frozen=True, kw_only=True, tag="order_codes"):
    """A desk has its town ask the centre for codes by hand, for what lies ahead."""

    count: int


class ChangeCodes(Personal, frozen=True, kw_only=True, tag="change_codes"):
    """A desk has the next persons of an approved mass change be given other codes."""

    number: str
    count: int


class CodesChanged(Personal, frozen=True, kw_only=True, tag="codes_changed"):
    """How many persons of a mass change are done by this group, and how many wait.

    `short` says that none was done, since the pool has too few codes.
    """

    number: str
    done: int
    left: int
    short: bool


class Feed(Personal, frozen=True, kw_only=True, tag="feed"):
    """Some items of a feed."""

    batch: Batch


class FeedAck(Personal, frozen=True, kw_only=True, tag="feed_ack"):
    """Everything up to a number is applied; send what follows (also the answer to a gap)."""

    stream: str
    last: int
    gap: bool = False


class Compare(Personal, frozen=True, kw_only=True, tag="compare"):
    """Reconciliation: a town's digest of what it told, up to a number of its feed."""

    town: str
    last: int
    count: int
    root: bytes


class Compared(Personal, frozen=True, kw_only=True, tag="compared"):
    """The centre's digest of what it holds of a town, up to a number of the town's feed."""

    town: str
    last: int
    count: int
    root: bytes


class Ask(Personal, frozen=True, kw_only=True, tag="ask"):
    """An agency's order, signed (law.order), and its questions, which no keeper sees."""

    agency: str
    order: bytes
    signature: bytes
    questions: tuple[bytes, ...]


class Rejected(Personal, frozen=True, kw_only=True, tag="rejected"):
    """What was sent is not an inquiry of a known agency; nothing was asked and nothing written."""

    nonce: bytes
    reason: str


class AskRows(Personal, frozen=True, tag="ask_rows"):
    """An agency asks under which rows it may ask, as they stand in the log."""


class RowLeaves(Personal, frozen=True, kw_only=True, tag="row_leaves"):
    """The leaves of an agency's rows, each proved to stand in the log, in the log's order."""

    receipts: tuple[Receipt, ...]


class GiveViewKey(Personal, frozen=True, kw_only=True, tag="give_view_key"):
    """A desk is about to give a person's view key to somebody; it is to stand in the log first."""

    request: bytes
    locator: bytes
    official: str
    holder: Holder
    past: bool  # whether it opens what stands under the chain already
    valid_to: str


class ViewKeyStands(Personal, frozen=True, kw_only=True, tag="view_key_stands"):
    """The leaf stands: the desk may give the key of this place of the chain."""

    request: bytes
    epoch: int
    place: int
    receipt: Receipt


class FreshNumber(Personal, frozen=True, kw_only=True, tag="fresh_number"):
    """A desk asks for fresh sector numbers for a person who wants that."""

    request: bytes
    locator: bytes
    official: str
    sector: str  # for one affair; "" for all


class MergeRecords(Personal, frozen=True, kw_only=True, tag="merge_records"):
    """A desk says that two records are of one person; the one leads to the other from now on."""

    request: bytes
    locator: bytes
    kept: bytes
    official: str


class NumberIsFresh(Personal, frozen=True, kw_only=True, tag="number_is_fresh"):
    """The leaf stands, and what was numbered before is so no more."""

    request: bytes
    receipt: Receipt


class NotGiven(Personal, frozen=True, kw_only=True, tag="not_given"):
    """A view key, a fresh number, an objection or its answer was not taken, and why."""

    request: bytes
    reason: str


class Objection(Personal, frozen=True, kw_only=True, tag="objection"):
    """A resident objects to an entry, and shows that it is one's own by the key that opens it."""

    request: bytes
    entry: int
    label: bytes
    entry_key: bytes
    text: str


class ObjectionStands(Personal, frozen=True, kw_only=True, tag="objection_stands"):
    """The objection's leaf stands; by when it is to be answered."""

    request: bytes
    answer_by: str
    receipt: Receipt


class Objected(Personal, frozen=True, kw_only=True, tag="objected"):
    """An agency is told of an objection to one of its inquiries."""

    objection: int
    inquiry: str  # SHA-256 of the signed inquiry, hexadecimal
    row: str
    text: str
    answer_by: str


class AnswerObjection(Personal, frozen=True, kw_only=True, tag="answer_objection"):
    """An agency's answer to an objection, signed (law.objection)."""

    agency: str
    answer: bytes
    signature: bytes


class ObjectionAnswered(Personal, frozen=True, kw_only=True, tag="objection_answered"):
    """The answer's leaf stands."""

    objection: int
    receipt: Receipt


class DrawSample(Personal, frozen=True, kw_only=True, tag="draw_sample"):
    """Somebody asks that a month's entries be sampled, by randomness that all can check."""

    month: str
    randomness: bytes


class ShowAnswers(Personal, frozen=True, kw_only=True, tag="show_answers"):
    """The centre asks an agency for whom its answers under some leaves are."""

    sample: int
    leaves: tuple[int, ...]


class Shown(Personal, frozen=True, kw_only=True):
    """For whom the answer under a leaf was; no handle: it gave nothing of anybody."""

    leaf: int
    sector: str
    handle: bytes


class ShownAnswers(Personal, frozen=True, kw_only=True, tag="shown_answers"):
    """What an agency shows; an answer that it does not have is left out."""

    sample: int
    shown: tuple[Shown, ...]


class SampleDone(Personal, frozen=True, kw_only=True, tag="sample_done"):
    """What a sample came to."""

    sample: int
    receipt: Receipt


class OpenHandle(Personal, frozen=True, kw_only=True, tag="open_handle"):
    """Open a handle of a sector, on the receipt of the inquiry's leaf (or a sample's)."""

    receipt: int
    order: int  # which of the signed orders asks for it; NO_ORDER on a sample's leaf
    question: int  # which of that order's questions
    agency: str
    sector: str
    handle: bytes
    beside: bytes  # with the handle it makes the question's digest
    step: str = "handle"


class OpenKey(Personal, frozen=True, kw_only=True, tag="open_key"):
    """Open what is sealed to one of the keepers' keys, on the receipt of a leaf.

    A payload's key on the leaf of a disclosure; a chain's seed on a sample's; what stands beside a
    deferred leaf on that leaf and its own day; a tag key on the centre's release leaf. `sealed` is
    its first 32 bytes, of a deferred one the whole.
    """

    receipt: int
    order: int
    question: int
    step: str  # a leaf is spent once for each step
    key: str  # which of the keepers' keys
    sealed: bytes


class MakeNumber(Personal, frozen=True, kw_only=True, tag="make_number"):
    """Evaluate a blinded root for a sector, on the receipt of the disclosure's leaf."""

    receipt: int
    order: int
    question: int
    agency: str  # to whom the parts are sealed
    sector: str
    blinded: bytes


Task = OpenHandle | OpenKey | MakeNumber


class KeeperOrder(Personal, frozen=True, kw_only=True, tag="keeper_order"):
    """What some keepers are asked to do together, and the orders and receipts that allow it."""

    order: int
    epoch: int  # of the shares that are to be used
    among: tuple[int, ...]  # the keepers that are asked, by their indexes
    orders: tuple[SignedOrder, ...]
    receipts: tuple[Receipt, ...]
    tasks: tuple[Task, ...]  # their `receipt` and `order` are places in the two above


class KeeperReply(Personal, frozen=True, kw_only=True, tag="keeper_reply"):
    """What a keeper did: its part for each task, or None where it would not, signed as a whole.

    Parts of numbers are not shown: they stand in the packages, each sealed to its agency.
    """

    order: int
    epoch: int
    values: tuple[bytes | None, ...]
    refused: tuple[str, ...]  # why, for each None in order
    packages: tuple[bytes, ...]
    signature: bytes


class Prove(Personal, frozen=True, kw_only=True, tag="prove"):
    """What came of some parts cannot be opened: each keeper is to prove what it has signed."""

    order: int
    said: bytes  # the bytes that the keeper signed (nodes.keeping)
    signature: bytes
    places: tuple[int, ...]  # of tasks for one key


class Proof(Personal, frozen=True, kw_only=True, tag="proof"):
    """A keeper's proof that some values are what its share makes; empty where it has none."""

    order: int
    proof: bytes


class Health(Personal, frozen=True, kw_only=True, tag="health"):
    """The centre asks a keeper whether it works."""

    asked: int


class Healthy(Personal, frozen=True, kw_only=True, tag="healthy"):
    """A keeper works: with the shares of which epoch, and how long its own log is."""

    asked: int
    epoch: int
    logged: int


class NumberParts(Personal, frozen=True, kw_only=True, tag="number_parts"):
    """The keepers' parts of some numbers of one sector, sealed to the agency they are for."""

    package: bytes
    sector: str
    parts: tuple[tuple[str, bytes], ...]  # by keeper


class Convene(Personal, frozen=True, kw_only=True, tag="convene"):
    """A keeper is called to a ceremony; its plan in bytes (keys.ceremony)."""

    number: int  # of what the coordinator has said, for the answer
    plan: bytes


class Mail(Personal, frozen=True, kw_only=True, tag="mail"):
    """What members of a ceremony have said, brought to one of them."""

    number: int
    ceremony: bytes
    letters: tuple[bytes, ...]


class Said(Personal, frozen=True, kw_only=True, tag="said"):
    """What a member has said in a ceremony so far, for all of them, and how far it has come.

    Whoever carries it reads no share. `epoch` is that of the shares it holds by this ceremony, -1
    while it goes on; `blamed` and `reason` say by whom it has ended without any.
    """

    number: int  # of what it answers
    ceremony: bytes
    letters: tuple[bytes, ...]
    epoch: int
    blamed: tuple[str, ...] = ()
    reason: str = ""


class NotHeld(Personal, frozen=True, kw_only=True, tag="not_held"):
    """A keeper takes no part in a ceremony, and why."""

    number: int
    ceremony: bytes
    reason: str


class AskStanding(Personal, frozen=True, tag="ask_standing"):
    """Somebody asks a keeper who it is, and which shares it holds."""


class Standing(Personal, frozen=True, kw_only=True, tag="standing"):
    """Who a keeper is, the epoch of its shares (-1: none), and the ceremonies that made them.

    Each ceremony by its plan and the certificate that all its members signed (nodes.office): they
    prove the keys, and with them a keeper that was cut off goes on.
    """

    verify: bytes
    seal: bytes
    epoch: int
    sharing: bytes  # the keepers and the public halves of their keys (nodes.office)
    made: tuple[tuple[bytes, bytes], ...]


class ConvertedOne(Personal, frozen=True, kw_only=True, array_like=True):
    """By what the receiver of a conversion knows one of its people: number and handle."""

    parts: bytes
    blind: bytes
    handle: bytes


class Converted(Personal, frozen=True, kw_only=True, tag="converted"):
    """Another agency has had its people converted: these are the receiver's own numbers of them.

    They stand in an order that says nothing (by their blinded roots), and nothing says which of
    the other's people each is.
    """

    row: str  # the receiver's own
    people: tuple[ConvertedOne, ...]
    receipt: Receipt  # of the disclosure's leaf, without what opens its commitment


class AddCheckpoint(Personal, frozen=True, kw_only=True, tag="add_checkpoint"):
    """A log asks a witness to cosign: the body of tlog-witness's add-checkpoint."""

    asked: int
    content: bytes


class Cosigned(Personal, frozen=True, kw_only=True, tag="cosigned"):
    """What a witness says: HTTP's status, and signature lines or a size."""

    asked: int
    status: int
    content: bytes


Body = (
    Tick
    | Filing
    | Filed
    | NotFiled
    | OrderCodes
    | ChangeCodes
    | CodesChanged
    | Feed
    | FeedAck
    | Compare
    | Compared
    | Ask
    | Answer
    | Refusal
    | Rejected
    | AskRows
    | RowLeaves
    | GiveViewKey
    | ViewKeyStands
    | FreshNumber
    | MergeRecords
    | NumberIsFresh
    | NotGiven
    | Objection
    | ObjectionStands
    | Objected
    | AnswerObjection
    | ObjectionAnswered
    | DrawSample
    | ShowAnswers
    | ShownAnswers
    | SampleDone
    | KeeperOrder
    | KeeperReply
    | Prove
    | Proof
    | Health
    | Healthy
    | NumberParts
    | Convene
    | Mail
    | Said
    | NotHeld
    | AskStanding
    | Standing
    | Converted
    | AddCheckpoint
    | Cosigned
)


class Message(Personal, frozen=True, kw_only=True):
    """One message; the line vouches for its sender."""

    sender: str
    receiver: str
    body: Body


class Wake(Personal, frozen=True, kw_only=True):
    """Give me a Tick at this time, after all that was sent before."""

    at: datetime


Out = list[Message | Wake]


class Node(Protocol):
    """What drives and is driven: a name, and a step."""

    name: str

    def step(self, message: Message, now: datetime) -> Out:
        """Take one message at a time; give the messages and wakes that follow from it."""
        ...

    def start(self, now: datetime) -> Out:
        """What a node sends when it comes up; whatever a crash left undone is taken up here."""
        ...


def encode(message: Message) -> bytes:
    """The bytes of a message on a line (MessagePack)."""
    return _encode(message)


def decode(content: bytes) -> Message:
    """The message from its bytes, or Malformed; shows nothing of them."""
    try:
        return _decode(content)
    except UNREADABLE:
        raise Malformed("message: these bytes are none") from None


def encode_all(messages: Sequence[Message]) -> bytes:
    """The bytes of some messages, such as the answer to one."""
    return _encode(tuple(messages))


def decode_all(content: bytes) -> tuple[Message, ...]:
    """The messages from their bytes, or Malformed; shows nothing of them."""
    try:
        return _decode_all(content)
    except UNREADABLE:
        raise Malformed("messages: these bytes are none") from None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode
_decode_all = msgspec.msgpack.Decoder(tuple[Message, ...]).decode
