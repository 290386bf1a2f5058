"""An agency (利用機関): asks, keeps its own sector numbers, and believes only what verifies.

Each question is signed and kept until an answer comes whose receipt the client has verified; what
does not verify is not shown, and the question goes on waiting. What the agency keeps of a person is
the sector number and a handle to ask again; not a code.
"""

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import MetaData, bindparam

from jukinet.client.receipts import LogKey, open_answer
from jukinet.errors import JukinetError, Malformed
from jukinet.keys.chance import Chance
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
)
from jukinet.law.schedule import Kind, Receiver
from jukinet.nodes.keyring import AgencyRing, signing_key
from jukinet.nodes.message import CENTRE, Ask, Message, Out, Rejected
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

REPEATED = "repeated"

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
        self._asked: dict[bytes, tuple[Inquiry, bytes]] = {}
        self._answered: list[tuple[Inquiry, Answer | Refusal, Content | None]] = []

    def start(self, now: datetime) -> Out:
        """An agency asks when its officials do."""
        return []

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
    ) -> Message:
        """The message of one question; raises Malformed where the form is not whole."""
        inquiry = Inquiry(
            agency=self.name,
            official=official,
            row=row,
            kind=kind,
            items=items,
            subject=subject,
            asked_at=now,
            nonce=self._chance(NONCE_BYTES),
            claim=claim,
            since=since,
        )
        check_form(inquiry)
        signed = inquiry.encode()
        self._asked[inquiry.nonce] = (inquiry, signed)
        body = Ask(agency=self.name, inquiry=signed, signature=self._signing.sign(signed))
        return Message(sender=self.name, receiver=CENTRE, body=body)

    def step(self, message: Message, now: datetime) -> Out:
        """Take an answer, a refusal or a rejection from the centre."""
        body = message.body
        if message.sender != CENTRE or not isinstance(body, Answer | Refusal | Rejected):
            raise Malformed(
                f"message: an agency takes no {type(body).__name__} from {message.sender}"
            )
        if isinstance(body, Rejected):
            self._asked.pop(body.nonce, None)
            self.outcomes.append(Outcome(body.nonce, None, body.reason, "rejected", -1))
        elif body.nonce in self._asked:  # otherwise it is an answer that came twice
            self._take(body, *self._asked[body.nonce])
        return []

    def _take(self, answer: Answer | Refusal, inquiry: Inquiry, signed: bytes) -> None:
        try:
            content = open_answer(
                answer,
                inquiry,
                signed,
                log=self._log,
                receiver=self.receiver,
                prefecture=self.prefecture,
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
        with self.store.begin() as tx:
            SUBJECTS.put(tx, *subjects)
            ASKED.put(tx, *rows)

    def subjects(self, sector: str) -> list[Subject]:
        """The people whom an affair knows."""
        with self.store.begin() as tx:
            return _IN_SECTOR.all(tx, sector=sector)

    @property
    def waiting(self) -> int:
        """How many questions wait for their answer."""
        return len(self._asked)
