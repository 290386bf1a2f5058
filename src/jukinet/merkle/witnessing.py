"""Witnessing (立会い, c2sp.org/tlog-witness): what a log asks of a witness, and what it is told.

The question is the size that the witness is thought to know, a proof that the tree only grew from
there, and the new checkpoint as the log signed it. The answer is a status of HTTP's with signature
lines to append to the checkpoint (200), with the size that the witness really knows (409), or with
a sentence why not. A status of 0 is ours, said by whoever asked: the witness gave no answer.

Source: C2SP tlog-witness, add-checkpoint.

>>> Question(old_size=0, proof=(), checkpoint=b"...").encode()
b'old 0\\n\\n...'
"""

from binascii import b2a_base64
from dataclasses import dataclass

from jukinet.errors import Malformed
from jukinet.merkle.checkpoint import parse_hash, parse_number
from jukinet.merkle.note import NOTE_SIZE_MAX

PROOF_MAX = 63
QUESTION_SIZE_MAX = NOTE_SIZE_MAX + 64 * 64
REPLY_SIZE_MAX = 100_000
"""Bytes of an answer: room for a few keys' signature lines of three kilobytes."""

NO_ANSWER = 0
COSIGNED, BAD, FORBIDDEN, UNKNOWN, CONFLICT, INCONSISTENT = 200, 400, 403, 404, 409, 422
UNABLE = 503
STATUSES = (COSIGNED, BAD, FORBIDDEN, UNKNOWN, CONFLICT, INCONSISTENT, UNABLE)

PATH = "add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
TEXT_TYPE = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Question:
    """The body of add-checkpoint."""

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """The body as it is sent."""
        lines = b"".join(map(b2a_base64, self.proof))
        return b"old %d\n%s\n%s" % (self.old_size, lines, self.checkpoint)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a witness says: a status, and lines."""

    status: int
    body: bytes = b""

    @property
    def known_size(self) -> int | None:
        """The size that the witness knows, where it says that the question's was another."""
        if self.status != CONFLICT:
            return None
        try:
            return parse_number("size", self.body.decode("ascii").removesuffix("\n"))
        except (Malformed, UnicodeDecodeError):
            return None

    @property
    def media_type(self) -> str:
        """What the body is, in HTTP's words."""
        return SIZE_TYPE if self.status == CONFLICT else TEXT_TYPE


def parse_question(body: bytes) -> Question:
    """The question of a body, nothing verified. Raises Malformed for any other spelling."""
    if len(body) > QUESTION_SIZE_MAX:
        raise Malformed(f"{PATH}: at most {QUESTION_SIZE_MAX} bytes")
    head, blank, checkpoint = body.partition(b"\n\n")
    if not blank:
        raise Malformed(f"{PATH}: no empty line before the checkpoint")
    try:
        first, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Malformed(f"{PATH}: is not ASCII before the checkpoint") from None
    if not first.startswith("old "):
        raise Malformed(f"{PATH}: the first line is 'old <size>'")
    if len(lines) > PROOF_MAX:
        raise Malformed(f"{PATH}: at most {PROOF_MAX} hashes, got {len(lines)}")
    return Question(
        parse_number("old size", first.removeprefix("old ")),
        tuple(parse_hash("proof", line) for line in lines),
        checkpoint,
    )
