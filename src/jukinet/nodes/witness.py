"""A witness (立会人): signs a checkpoint only if it continues the last one that it signed.

It keeps, for each log that it knows, the last checkpoint that it cosigned, and nothing else of the
log. What a log signed and the witness did not is kept as evidence, of one of three kinds:

- fork: two checkpoints of one size with two roots, both signed by the log, which proves that the
  log shows two people two histories (of a tree without leaves there is one root only, so there one
  checkpoint is enough);
- rule: a checkpoint that an inspector of the log's entries objects to, and the objection;
- unjoined: a checkpoint whose proof did not lead to it. It may be the sender's mistake, and anybody
  can make it; so it is forgotten when the same checkpoint is joined after all, and becomes a fork
  when another one of its size is.

An inspector is a function that looks at the log's own entries up to a checkpoint and says what is
wrong with them, or nothing. A witness that has one signs nothing that it objects to.

Order of writes: the new checkpoint is committed, then it is signed. A crash between the two costs
one question more (the same size is cosigned again); the other order could sign two forks. A
cosignature's time never goes back, even where the clock does.

Source: C2SP tlog-witness; C2SP tlog-cosignature.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import MetaData, bindparam

from jukinet.errors import JukinetError, Malformed
from jukinet.merkle import note
from jukinet.merkle.checkpoint import Checkpoint
from jukinet.merkle.checkpoint import parse as parse_checkpoint
from jukinet.merkle.note import Note, Signer, VerifierKey
from jukinet.merkle.tree import EMPTY_ROOT, verify_consistency
from jukinet.merkle.witnessing import (
    BAD,
    CONFLICT,
    COSIGNED,
    FORBIDDEN,
    INCONSISTENT,
    UNABLE,
    UNKNOWN,
    Question,
    Reply,
    parse_question,
)
from jukinet.nodes.message import AddCheckpoint, Cosigned, Message, Out
from jukinet.store.engine import Store, Transaction
from jukinet.store.rows import Rows, blob, integer, text

WITNESS_METADATA = MetaData()


class Seen(NamedTuple):
    """The last checkpoint of a log that was cosigned, with the log's own signature alone."""

    origin: str
    size: int
    root: bytes
    note: bytes
    cosigned_seconds: int  # POSIX


SEEN = Rows(
    "seen",
    WITNESS_METADATA,
    Seen,
    [
        text("origin", key=True),
        integer("size"),
        blob("root"),
        blob("note"),
        integer("cosigned_seconds"),
    ],
)


class Evidence(NamedTuple):
    """What a log signed and the witness did not."""

    origin: str
    number: int
    why: str  # fork, rule, unjoined
    sentence: str  # an inspector's objection
    offered_seconds: int  # POSIX
    size: int
    root: bytes
    kept: bytes  # the note that had been cosigned; empty where there was none
    question: bytes  # as it was asked, without signatures of others

    @property
    def offered(self) -> bytes:
        """The note that was not cosigned."""
        return parse_question(self.question).checkpoint


EVIDENCE = Rows(
    "evidence",
    WITNESS_METADATA,
    Evidence,
    [
        text("origin", key=True),
        integer("number", key=True),
        text("why"),
        text("sentence"),
        integer("offered_seconds"),
        integer("size"),
        blob("root"),
        blob("kept"),
        blob("question"),
    ],
)

_column = EVIDENCE.table.c
_OF_SIZE = EVIDENCE.query(_column.origin == bindparam("origin"), _column.size == bindparam("size"))
_NEWEST = EVIDENCE.query(
    _column.origin == bindparam("origin"), order_by=[_column.number.desc()], limit=True
)

METADATA = (WITNESS_METADATA,)

FORK, RULE, UNJOINED = "fork", "rule", "unjoined"
EVIDENCE_MAX = 1_000
"""Of one log; a log that signed a thousand such checkpoints is not tried for one more."""

Inspector = Callable[[Checkpoint], str]
"""Looks at a log's entries up to a checkpoint: what is wrong with them, or an empty text.

Raises an error of ours where it cannot tell now; then nothing is signed and nothing is held against
the log.
"""


class _Asked(NamedTuple):
    """A question of a known log: what it offers, and itself without signatures of others."""

    offered: Checkpoint
    question: Question


class Witness:
    """One witness's node."""

    def __init__(
        self,
        name: str,
        store: Store,
        keys: Sequence[Signer],
        logs: Iterable[VerifierKey],
        inspect: Inspector | None = None,
    ) -> None:
        """A log is known by its key's name, which is its origin; it may have several keys."""
        self.name = name
        self.store = store
        self._keys = tuple(keys)
        self._logs = tuple(logs)
        self._inspect = inspect

    @property
    def vkeys(self) -> list[str]:
        """The public keys, as other people's tools read them."""
        return [str(verifier_of(self.name, key)) for key in self._keys]

    def start(self, now: datetime) -> Out:
        """A witness waits to be asked."""
        return []

    def step(self, message: Message, now: datetime) -> Out:
        """Answer one question of a log."""
        asked = message.body
        if not isinstance(asked, AddCheckpoint):
            raise Malformed(f"message: a witness takes no {type(asked).__name__}")
        reply = self.add_checkpoint(asked.content, now)
        body = Cosigned(asked=asked.asked, status=reply.status, content=reply.body)
        return [Message(sender=self.name, receiver=message.sender, body=body)]

    def add_checkpoint(self, content: bytes, now: datetime) -> Reply:
        """What tlog-witness says of add-checkpoint, in its order of checks.

        Raises OutOfStep where the witness's own store fails; then nothing was signed.
        """
        asked = self._read(content)
        if isinstance(asked, Reply):
            return asked
        try:
            objection = self._objection(asked)
        except JukinetError as error:
            return Reply(UNABLE, _line(str(error)))
        with self.store.begin() as tx:
            status, last = self._decide(tx, asked, objection, int(now.timestamp()))
        if status == COSIGNED:
            return Reply(status, self._cosign(asked.offered, last.cosigned_seconds))
        if status == CONFLICT:
            return Reply(status, b"%d\n" % last.size)
        return Reply(status, _line(objection or "proof: does not lead from the old size to this"))

    def seen(self) -> list[Seen]:
        """The last checkpoint that was cosigned, of each log."""
        with self.store.begin() as tx:
            return list(SEEN.everything(tx))

    def evidence(self) -> list[Evidence]:
        """All that is held against logs."""
        with self.store.begin() as tx:
            return list(EVIDENCE.everything(tx))

    def _read(self, content: bytes) -> _Asked | Reply:
        """The question of a known log whose signature fits; or what to say instead."""
        try:
            question = parse_question(content)
            parsed = note.parse(question.checkpoint)
            offered = parse_checkpoint(parsed.text)
        except Malformed as error:
            return Reply(BAD, _line(str(error)))
        keys = [key for key in self._logs if key.name == offered.origin]
        if not keys:
            return Reply(UNKNOWN, b"origin: this witness does not know the log\n")
        signed = note.fitting(parsed, keys)
        if not signed:
            return Reply(FORBIDDEN, b"checkpoint: no key of this log that is known has signed it\n")
        if question.old_size > offered.size:
            return Reply(BAD, b"old size: is above the checkpoint's\n")
        plain = bytes(Note(parsed.text, tuple(one.signature for one in signed)))
        return _Asked(offered, Question(question.old_size, question.proof, plain))

    def _objection(self, asked: _Asked) -> str:
        """What the inspector says of a checkpoint that could be signed; others it need not see."""
        if self._inspect is None:
            return ""
        with self.store.begin() as tx:
            status, _ = _compare(_last(tx, asked.offered.origin), asked)
        return self._inspect(asked.offered) if status == COSIGNED else ""

    def _decide(
        self, tx: Transaction, asked: _Asked, objection: str, seconds: int
    ) -> tuple[int, Seen]:
        """Compare with what was cosigned and write down; the status, and what is now the last."""
        offered = asked.offered
        last = _last(tx, offered.origin)
        status, why = _compare(last, asked)
        if status == COSIGNED and objection:
            status, why = FORBIDDEN, RULE
        if status != COSIGNED:
            if why:
                _keep(tx, why, objection, last, asked, seconds)
            return status, last
        seconds = max(seconds, last.cosigned_seconds)
        seen = Seen(offered.origin, offered.size, offered.root, asked.question.checkpoint, seconds)
        SEEN.put(tx, seen)
        _settle(tx, seen)
        return status, seen

    def _cosign(self, offered: Checkpoint, seconds: int) -> bytes:
        lines = [
            note.cosign(offered.text, name=self.name, key=key, time_seconds=seconds).line
            for key in self._keys
        ]
        return "".join(lines).encode()


def verifier_of(name: str, key: Signer) -> VerifierKey:
    """A witness's verifier key: cosignature/v1 for Ed25519, subtree/v1 for ML-DSA-44."""
    kind = note.COSIGNATURE_V1 if len(key.public_bytes) == 32 else note.SUBTREE_V1
    return VerifierKey(name, key.public_bytes, kind)


def _compare(last: Seen, asked: _Asked) -> tuple[int, str]:
    """What tlog-witness says of a question, and which kind of evidence it is, if any."""
    offered, question = asked
    why = FORK if offered.size == last.size and offered.root != last.root else ""
    if question.old_size != last.size:
        return CONFLICT, why
    if not _joins(last, offered, question.proof):
        return INCONSISTENT, why or UNJOINED
    return (CONFLICT if why else COSIGNED), why


def _joins(last: Seen, offered: Checkpoint, proof: Sequence[bytes]) -> bool:
    """Whether the proof leads from the last checkpoint to the offered one.

    From the empty tree and to the same size it has no hashes; that roots are equal is looked at
    elsewhere, but for the empty tree, whose root everybody knows.
    """
    if last.size in (0, offered.size):
        return not proof and (offered.size > 0 or offered.root == EMPTY_ROOT)
    try:
        verify_consistency(
            old_size=last.size,
            old_root=last.root,
            new_size=offered.size,
            new_root=offered.root,
            proof=proof,
        )
    except JukinetError:
        return False
    return True


def _last(tx: Transaction, origin: str) -> Seen:
    return SEEN.get(tx, origin) or Seen(origin, 0, EMPTY_ROOT, b"", 0)


def _keep(
    tx: Transaction, why: str, sentence: str, last: Seen, asked: _Asked, seconds: int
) -> None:
    """Keep what was not signed, each checkpoint once for each reason."""
    offered = asked.offered
    known = _OF_SIZE.all(tx, origin=offered.origin, size=offered.size)
    if any((row.root, row.why) == (offered.root, why) for row in known):
        return
    newest = _NEWEST.one(tx, origin=offered.origin, limit=1)
    number = newest.number + 1 if newest else 1
    if number <= EVIDENCE_MAX:
        row = Evidence(
            origin=offered.origin,
            number=number,
            why=why,
            sentence=sentence,
            offered_seconds=seconds,
            size=offered.size,
            root=offered.root,
            kept=last.note,
            question=asked.question.encode(),
        )
        EVIDENCE.add(tx, row)


def _settle(tx: Transaction, seen: Seen) -> None:
    """What a checkpoint that was cosigned says of those of its size that could not be joined."""
    for row in _OF_SIZE.all(tx, origin=seen.origin, size=seen.size):
        if row.why == UNJOINED and row.root == seen.root:
            EVIDENCE.remove(tx, row.origin, row.number)
        elif row.why == UNJOINED:
            EVIDENCE.put(tx, row._replace(why=FORK, kept=seen.note))


def _line(sentence: str) -> bytes:
    return f"{sentence}\n".encode()
