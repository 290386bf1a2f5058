"""An agency (利用機関): asks, keeps its own sector numbers, and believes only what verifies.

Each question is signed and kept until an answer comes whose receipt the client has verified; what
does not verify is not shown, and the question goes on waiting. What the agency keeps of a person is
the sector number and a handle to ask again; not a code.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import MetaData, bindparam

from jukinet.client.receipts import LogKey, check_receipt, open_answer
from jukinet.errors import JukinetError, Malformed, Refused
from jukinet.keys.chance import Chance
from jukinet.law import objection as objections
from jukinet.law.identity import Item
from jukinet.law.inquiry import (
    NONCE_BYTES,
    Answer,
    ByHandle,
    BySearch,
    Claim,
    Content,
    Inquiry,
    Refusal,
    check_form,
    encode_order,
)
from jukinet.law.leaf import ObjectionAnswerLeaf
from jukinet.law.objection import ObjectionAnswer
from jukinet.law.schedule import Kind, Receiver
from jukinet.law.standing import StandingRows
from jukinet.nodes.keyring import AgencyRing, signing_key
from jukinet.nodes.message import (
    CENTRE,
    AnswerObjection,
    Ask,
    AskMany,
    AskRows,
    Message,
    NotGiven,
    Objected,
    ObjectionAnswered,
    Out,
    Rejected,
    RowLeaves,
    ShowAnswers,
    Shown,
    ShownAnswers,
)
from jukinet.store.engine import Store
from jukinet.store.rows import Rows, blob, integer, text

KEPT_METADATA = MetaData()


class Subject(NamedTuple):
    """A person as this agency's affair knows one."""

    sector: str
    number: str
    handle: bytes

    def __repr__(self) -> str:
        """Shows neither number nor handle."""
        return "<Subject>"


SUBJECTS = Rows(
    "subject",
    KEPT_METADATA,
    Subject,
    [text("sector", key=True), text("number", key=True), blob("handle")],
    compact=True,
)


class AskedRow(NamedTuple):
    """An answered question: the proof that it was in the ledger when the answer came."""

    nonce: bytes
    row: str
    outcome: str  # answered, refused
    rule: str
    leaf: int
    receipt: bytes  # tlog-proof
    entry: bytes


ASKED = Rows(
    "asked",
    KEPT_METADATA,
    AskedRow,
    [
        blob("nonce", key=True),
        text("row"),
        text("outcome"),
        text("rule"),
        integer("leaf"),
        blob("receipt"),
        blob("entry"),
    ],
)


class Given(NamedTuple):
    """Whom the answer under a leaf was about, as this agency's affair knows one; "" for nobody."""

    leaf: int
    sector: str
    number: str

    def __repr__(self) -> str:
        """Shows no number."""
        return "<Given>"


GIVEN = Rows(
    "given",
    KEPT_METADATA,
    Given,
    [integer("leaf", key=True), text("sector", key=True), text("number", key=True)],
    compact=True,
)


class ObjectedRow(NamedTuple):
    """An objection to one of this agency's inquiries, and what it answered ("": nothing yet)."""

    objection: int
    inquiry: str
    row: str
    text: str
    answer_by: str
    outcome: str

    def __repr__(self) -> str:
        """Shows nothing of what a resident wrote."""
        return "<ObjectedRow>"


OBJECTED = Rows(
    "objected",
    KEPT_METADATA,
    ObjectedRow,
    [
        integer("objection", key=True),
        text("inquiry"),
        text("row"),
        text("text"),
        text("answer_by"),
        text("outcome"),
    ],
)

REPEATED = "repeated"

_GIVEN_UNDER = GIVEN.query(
    GIVEN.table.c.leaf == bindparam("leaf"), order_by=[GIVEN.table.c.number.desc()]
)
_IN_SECTOR = SUBJECTS.query(
    SUBJECTS.table.c.sector == bindparam("sector"), order_by=[SUBJECTS.table.c.number]
)

METADATA = (KEPT_METADATA,)


class Outcome(NamedTuple):
    """What became of a question."""

    nonce: bytes
    content: Content | None
    refused: str  # why, for a refusal
    rule: str
    leaf: int


class Agency:
    """One agency's node."""

    def __init__(
        self,
        name: str,
        receiver: Receiver,
        prefecture: str,
        store: Store,
        ring: AgencyRing,
        log: LogKey,
        chance: Chance,
    ) -> None:
        self.name = name
        self.receiver = receiver
        self.prefecture = prefecture
        self.store = store
        self.outcomes: list[Outcome] = []
        self.verified = 0
        self.distrusted: list[str] = []
        self._log = log
        self._chance = chance
        self._signing = signing_key(ring.signing)
        self._rows = StandingRows()
        self._asked: dict[bytes, tuple[Inquiry, bytes]] = {}
        self._answering: dict[int, str] = {}
        self._answered: list[tuple[Inquiry, Answer | Refusal, Content | None]] = []

    def start(self, now: datetime) -> Out:
        """An agency asks when its officials do; first it wants its rows as the log has them."""
        return [Message(sender=self.name, receiver=CENTRE, body=AskRows())]

    def ask(
        self,
        *,
        row: str,
        kind: Kind,
        subject: BySearch | ByHandle,
        now: datetime,
        items: frozenset[Item] = frozenset(),
        claim: Claim | None = None,
        since: date | None = None,
        official: str = "official-1",
        defer_to: date | None = None,
    ) -> Message:
        """The message of one question; raises Malformed where the form is not whole."""
        inquiry = self._inquiry(
            row=row,
            kind=kind,
            subject=subject,
            asked_at=now,
            items=items,
            claim=claim,
            since=since,
            official=official,
            defer_to=defer_to,
        )
        signed = self._asked[inquiry.nonce][1]
        body = Ask(agency=self.name, inquiry=signed, signature=self._signing.sign(signed))
        return Message(sender=self.name, receiver=CENTRE, body=body)

    def ask_many(
        self,
        *,
        row: str,
        kind: Kind,
        subjects: Sequence[BySearch | ByHandle],
        now: datetime,
        items: frozenset[Item] = frozenset(),
        claims: Sequence[Claim] = (),
        since: date | None = None,
        official: str = "official-1",
    ) -> Message:
        """The message of an order of many questions of one kind, each answered by itself."""
        asked = [
            self._inquiry(
                row=row,
                kind=kind,
                subject=subject,
                asked_at=now,
                items=items,
                claim=claims[place] if claims else None,
                since=since,
                official=official,
            )
            for place, subject in enumerate(subjects)
        ]
        order = encode_order([self._asked[inquiry.nonce][1] for inquiry in asked])
        body = AskMany(agency=self.name, order=order, signature=self._signing.sign(order))
        return Message(sender=self.name, receiver=CENTRE, body=body)

    def _inquiry(self, **more: Any) -> Inquiry:
        """An inquiry of this agency's, kept until it is answered."""
        inquiry = Inquiry(agency=self.name, nonce=self._chance(NONCE_BYTES), **more)
        check_form(inquiry)
        self._asked[inquiry.nonce] = (inquiry, inquiry.encode())
        return inquiry

    def answer_objection(
        self,
        objection: int,
        *,
        outcome: objections.Outcome,
        text: str,
        official: str = "official-1",
    ) -> Message:
        """The message of an answer to an objection; raises Malformed where there is none."""
        with self.store.begin() as tx:
            if OBJECTED.get(tx, objection) is None:
                raise Malformed(f"objection {objection}: this agency was told of none such")
        answer = ObjectionAnswer(
            objection=objection, outcome=outcome, official=official, text=text
        ).encode()
        body = AnswerObjection(
            agency=self.name, answer=answer, signature=self._signing.sign(answer)
        )
        self._answering[objection] = outcome
        return Message(sender=self.name, receiver=CENTRE, body=body)

    def objections(self) -> list[ObjectedRow]:
        """The objections that wait for an answer."""
        with self.store.begin() as tx:
            return [row for row in OBJECTED.everything(tx) if not row.outcome]

    def step(self, message: Message, now: datetime) -> Out:
        """Take an answer, a refusal or a rejection from the centre, or what it wants to know."""
        body = message.body
        if message.sender != CENTRE:
            raise Malformed(f"message: an agency hears the centre alone, not {message.sender}")
        if isinstance(body, Rejected):
            self._asked.pop(body.nonce, None)
            self.outcomes.append(Outcome(body.nonce, None, body.reason, "rejected", -1))
        elif isinstance(body, Answer | Refusal):
            if body.nonce in self._asked:  # otherwise it is an answer that came twice
                self._take(body, *self._asked[body.nonce])
        elif isinstance(body, RowLeaves):
            self._take_rows(body)
        elif isinstance(body, ShowAnswers):
            return [Message(sender=self.name, receiver=CENTRE, body=self._shown(body))]
        elif isinstance(body, Objected):
            self._objected(body)
        elif isinstance(body, ObjectionAnswered):
            self._answered_objection(body)
        elif isinstance(body, NotGiven):
            self.distrusted.append(body.reason)
        else:
            raise Malformed(f"message: an agency takes no {type(body).__name__}")
        return []

    def _take_rows(self, body: RowLeaves) -> None:
        """The rows under which this agency may ask, each proved to stand in the log."""
        rows = StandingRows()
        try:
            for receipt in body.receipts:
                rows.take(receipt.index, check_receipt(receipt, self._log))
        except JukinetError as error:
            self.distrusted.append(str(error))
            return
        self._rows = rows

    def _shown(self, asked: ShowAnswers) -> ShownAnswers:
        """For whom the answers under some leaves were; one person of a bundle speaks for it."""
        shown = []
        with self.store.begin() as tx:
            for leaf in asked.leaves:
                given = _GIVEN_UNDER.one(tx, leaf=leaf)
                if given is not None:
                    known = SUBJECTS.get(tx, given.sector, given.number)
                    handle = known.handle if known else b""
                    shown.append(Shown(leaf=leaf, sector=given.sector, handle=handle))
        return ShownAnswers(sample=asked.sample, shown=tuple(shown))

    def _objected(self, told: Objected) -> None:
        row = ObjectedRow(
            told.objection, told.inquiry, told.row, told.text, told.answer_by, outcome=""
        )
        with self.store.begin() as tx:
            if OBJECTED.get(tx, told.objection) is None:
                OBJECTED.add(tx, row)

    def _answered_objection(self, body: ObjectionAnswered) -> None:
        try:
            leaf = check_receipt(body.receipt, self._log)
            if not isinstance(leaf, ObjectionAnswerLeaf) or leaf.objection != body.objection:
                raise Refused("receipt: its leaf is not of an answer to this objection")
            if self._answering.pop(body.objection, leaf.outcome) != leaf.outcome:
                raise Refused("receipt: its leaf says another answer than was given")
        except JukinetError as error:
            self.distrusted.append(str(error))
            return
        with self.store.begin() as tx:
            row = OBJECTED.get(tx, body.objection)
            if row is not None:
                OBJECTED.put(tx, row._replace(outcome=leaf.outcome))

    def _take(self, answer: Answer | Refusal, inquiry: Inquiry, signed: bytes) -> None:
        try:
            content = open_answer(
                answer,
                inquiry,
                signed,
                log=self._log,
                receiver=self.receiver,
                prefecture=self.prefecture,
                rows=self._rows,
            )
        except JukinetError as error:
            self.distrusted.append(str(error))
            return
        self.verified += 1
        index = answer.receipt.index
        if isinstance(answer, Answer):
            self.outcomes.append(Outcome(answer.nonce, content, "", "", index))
        else:
            self.outcomes.append(Outcome(answer.nonce, None, answer.reason, answer.rule, index))
            if answer.rule == REPEATED:  # the line gave it to the centre twice; the answer is due
                return
        del self._asked[answer.nonce]
        self._answered.append((inquiry, answer, content))

    def keep(self) -> None:
        """Keep the receipts, numbers and handles of what was answered since the last time."""
        answered, self._answered = self._answered, []
        subjects = [
            Subject(f"{self.receiver.id}/{inquiry.row}", content.number, content.handle)
            for inquiry, _, content in answered
            if content is not None and content.number
        ]
        rows = [
            AskedRow(
                answer.nonce,
                inquiry.row,
                "refused" if isinstance(answer, Refusal) else "answered",
                answer.rule if isinstance(answer, Refusal) else "",
                answer.receipt.index,
                answer.receipt.proof,
                answer.receipt.leaf,
            )
            for inquiry, answer, _ in answered
        ]
        given = [
            Given(answer.receipt.index, f"{self.receiver.id}/{inquiry.row}", content.number)
            for inquiry, answer, content in answered
            if content is not None
        ]
        with self.store.begin() as tx:
            SUBJECTS.put(tx, *subjects)
            GIVEN.put(tx, *given)
            ASKED.put(tx, *rows)

    def subjects(self, sector: str) -> list[Subject]:
        """The people whom an affair knows."""
        with self.store.begin() as tx:
            return _IN_SECTOR.all(tx, sector=sector)

    @property
    def waiting(self) -> int:
        """How many questions wait for their answer."""
        return len(self._asked)
