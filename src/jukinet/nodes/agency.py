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
from jukinet.keys.seal import OpenKey
from jukinet.law import objection as objections
from jukinet.law import signing
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
)
from jukinet.law.leaf import Given as GivenLeaf
from jukinet.law.leaf import ObjectionAnswerLeaf
from jukinet.law.objection import ObjectionAnswer
from jukinet.law.order import handle_of, nonce_of, order_of, signed_digest
from jukinet.law.schedule import Kind, Receiver
from jukinet.law.standing import StandingRows
from jukinet.nodes.keyring import AgencyRing, Directory, signing_key
from jukinet.nodes.message import (
    CENTRE,
    AnswerObjection,
    Ask,
    AskRows,
    Converted,
    Message,
    NotGiven,
    NumberParts,
    Objected,
    ObjectionAnswered,
    Out,
    Rejected,
    RowLeaves,
    ShowAnswers,
    Shown,
    ShownAnswers,
)
from jukinet.nodes.numbers import Numbers, package_of
from jukinet.store.engine import Store, Transaction
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
    indexes=[("handle",)],
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
    """Whom the answer under a leaf was about: by number, by a ticket alone, or nobody."""

    leaf: int
    sector: str
    number: str
    ticket: bytes

    def __repr__(self) -> str:
        """Shows no number."""
        return "<Given>"


GIVEN = Rows(
    "given",
    KEPT_METADATA,
    Given,
    [
        integer("leaf", key=True),
        text("sector", key=True),
        text("number", key=True),
        blob("ticket", key=True),
    ],
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
    GIVEN.table.c.leaf == bindparam("leaf"),
    order_by=[GIVEN.table.c.number.desc(), GIVEN.table.c.ticket.desc()],
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
    number: str = ""  # by which this affair knows the person, where one was wanted

    def __repr__(self) -> str:
        """Shows nothing of what was answered."""
        return "<Outcome>"


_Question = tuple[BySearch | ByHandle, Claim | None]


class _Asked(NamedTuple):
    """A question that waits for its answer."""

    inquiry: Inquiry
    order: str  # SHA-256 of the signed order, hexadecimal
    place: int


class _Answered(NamedTuple):
    """A question and its verified answer, to be kept."""

    inquiry: Inquiry
    answer: Answer | Refusal
    content: Content | None
    number: str


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
        directory: Directory,
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
        self._numbers = Numbers(name, OpenKey(ring.enrol), directory)
        self.converted: list[tuple[int, Subject]] = []  # since `keep`, with the leaf of each
        self._rows = StandingRows()
        self._asked: dict[bytes, _Asked] = {}
        self._waiting: dict[bytes, list[Answer]] = {}  # answers, for the parts of their numbers
        self._answering: dict[int, str] = {}
        self._answered: list[_Answered] = []

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
        numbered: bool = False,
    ) -> Message:
        """The message of one question; raises Malformed where the form is not whole.

        `numbered` says whether a number is wanted, with a handle to ask again by.
        """
        (message,) = self._ordered(
            [[(subject, claim)]],
            row=row,
            kind=kind,
            asked_at=now,
            items=items,
            since=since,
            official=official,
            defer_to=defer_to,
            numbered=numbered,
        )
        return message

    def ask_each(
        self,
        *,
        row: str,
        kind: Kind,
        subjects: Sequence[BySearch | ByHandle],
        now: datetime,
        items: frozenset[Item] = frozenset(),
        claims: Sequence[Claim] = (),
        official: str = "official-1",
        numbered: bool = False,
    ) -> list[Message]:
        """The messages of some questions of one moment: each an order of its own, signed at once.

        Each has leaves of its own, as if it had been asked alone.
        """
        return self._ordered(
            [[(one, claims[place] if claims else None)] for place, one in enumerate(subjects)],
            row=row,
            kind=kind,
            asked_at=now,
            items=items,
            official=official,
            numbered=numbered,
        )

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
        numbered: bool = False,
    ) -> Message:
        """The message of an order of many questions of one kind, each answered by itself."""
        (message,) = self._ordered(
            [[(one, claims[place] if claims else None) for place, one in enumerate(subjects)]],
            row=row,
            kind=kind,
            asked_at=now,
            items=items,
            since=since,
            official=official,
            numbered=numbered,
        )
        return message

    def _ordered(self, asked: Sequence[Sequence[_Question]], **more: Any) -> list[Message]:
        """Orders of this agency's, signed together; their questions wait for their answers."""
        made = [self._written(questions, **more) for questions in asked]
        signatures = signing.sign(self._signing, [content for content, _ in made])
        return [
            Message(
                sender=self.name,
                receiver=CENTRE,
                body=Ask(agency=self.name, order=content, signature=signature, questions=questions),
            )
            for (content, questions), signature in zip(made, signatures, strict=True)
        ]

    def _written(self, asked: Sequence[_Question], **more: Any) -> tuple[bytes, tuple[bytes, ...]]:
        """An order and its questions, as they go to the centre."""
        inquiries = [
            Inquiry(
                agency=self.name,
                nonce=self._chance(NONCE_BYTES),
                subject=subject,
                claim=claim,
                **more,
            )
            for subject, claim in asked
        ]
        order, questions = order_of(inquiries, nonce=self._chance(NONCE_BYTES))
        content = order.encode()
        digest = signed_digest(content)
        for place, inquiry in enumerate(inquiries):
            self._asked[inquiry.nonce] = _Asked(inquiry, digest, place)
        return content, questions

    def nonces_of(self, message: Message) -> list[bytes]:
        """By which nonces the questions of an order of this agency's are answered, in order."""
        assert isinstance(message.body, Ask)
        return [nonce_of(question) for question in message.body.questions]

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
                self._take(body, self._asked[body.nonce])
        elif isinstance(body, NumberParts):
            self._take_parts(body)
        elif isinstance(body, Converted):
            self._take_converted(body)
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
                    handle = known.handle if known else given.ticket
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

    def _take_parts(self, body: NumberParts) -> None:
        """The keepers' parts of some numbers: verified, before an answer needs them."""
        try:
            self._numbers.take(body)
        except JukinetError as error:
            self.distrusted.append(str(error))
            return
        for answer in self._waiting.pop(body.package, ()):
            if answer.nonce in self._asked:
                self._take(answer, self._asked[answer.nonce])

    def _take_converted(self, body: Converted) -> None:
        """Its own numbers of people whom another agency had converted; in their own order."""
        sector = f"{self.receiver.id}/{body.row}"
        try:
            leaf = check_receipt(body.receipt, self._log)
            if not isinstance(leaf, GivenLeaf) or leaf.kind != Kind.CONVERT:
                raise Refused("receipt: its leaf is not of a conversion")
            found = [
                Subject(sector, self._numbers.number(sector, one.parts, one.blind), one.handle)
                for one in body.people
            ]
        except JukinetError as error:
            self.distrusted.append(str(error))
            return
        found.sort(key=lambda one: one.number)
        self.converted += [(body.receipt.index, one) for one in found]

    def _take(self, answer: Answer | Refusal, asked: _Asked) -> None:
        inquiry, number = asked.inquiry, ""
        try:
            content = open_answer(
                answer,
                inquiry,
                order=asked.order,
                place=asked.place,
                log=self._log,
                receiver=self.receiver,
                prefecture=self.prefecture,
                rows=self._rows,
            )
            if content is not None and content.parts:
                if not self._numbers.has(content.parts):
                    self._waiting.setdefault(package_of(content.parts), []).append(answer)  # type: ignore[arg-type]  # a refusal has no content
                    return
                sector = f"{self.receiver.id}/{inquiry.row}"
                number = self._numbers.number(sector, content.parts, content.blind)
        except JukinetError as error:
            self.distrusted.append(str(error))
            return
        self.verified += 1
        index = answer.receipt.index
        if isinstance(answer, Answer):
            self.outcomes.append(Outcome(answer.nonce, content, "", "", index, number))
        else:
            self.outcomes.append(Outcome(answer.nonce, None, answer.reason, answer.rule, index))
            if answer.rule == REPEATED:  # the line gave it to the centre twice; the answer is due
                return
        del self._asked[answer.nonce]
        self._answered.append(_Answered(inquiry, answer, content, number))

    def keep(self) -> None:
        """Keep the receipts, numbers and handles of what was answered since the last time."""
        answered, self._answered = self._answered, []
        converted, self.converted = self.converted, []
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
            for inquiry, answer, _, _ in answered
        ]
        with self.store.begin() as tx:
            asked_by = [handle_of(one.inquiry) for one in answered if handle_of(one.inquiry)]
            known = {one.handle: one for one in SUBJECTS.get_many(tx, "handle", asked_by)}
            for one in answered:
                if one.content is not None:
                    self._keep(tx, one, one.content, known)
            ASKED.put(tx, *rows)
            SUBJECTS.put(tx, *[one for _, one in converted])
            GIVEN.put(tx, *[Given(leaf, one.sector, one.number, b"") for leaf, one in converted])

    def _keep(
        self, tx: Transaction, one: _Answered, content: Content, known: dict[bytes, Subject]
    ) -> None:
        """Whom an answer was about: under a new number, or under the one that is known."""
        sector = f"{self.receiver.id}/{one.inquiry.row}"
        asked_by = handle_of(one.inquiry)
        before = known.get(asked_by) if asked_by else None
        number = one.number or (before.number if before and content.handle else "")
        if number and content.handle:
            if before is not None and before.number != number:
                SUBJECTS.remove(tx, before.sector, before.number)
            subject = Subject(sector, number, content.handle)
            SUBJECTS.put(tx, subject)
            known[content.handle] = known[asked_by] = subject
        GIVEN.put(tx, Given(one.answer.receipt.index, sector, number, content.ticket))

    def subjects(self, sector: str) -> list[Subject]:
        """The people whom an affair knows."""
        with self.store.begin() as tx:
            return _IN_SECTOR.all(tx, sector=sector)

    @property
    def waiting(self) -> int:
        """How many questions wait for their answer."""
        return len(self._asked)
