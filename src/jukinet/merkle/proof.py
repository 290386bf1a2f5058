"""Proof (c2sp.org/tlog-proof): entry number, hashes and checkpoint in one text, checked offline.

Whoever holds the entry, this text and the keys of the log and its witnesses can check, without
asking anybody, that the entry is in the log: a receipt.

It is not a statement that the entry is true, nor the last word on the log's size.

Source: C2SP tlog-proof, version 1.

>>> print(Proof(index=0, hashes=(), checkpoint=b"...").head, end="")
c2sp.org/tlog-proof@v1
index 0
"""

from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass

from jukinet.errors import Malformed
from jukinet.merkle.checkpoint import Checkpoint, open_checkpoint, parse_hash, parse_number
from jukinet.merkle.note import NOTE_SIZE_MAX, VerifierKey, unbase64
from jukinet.merkle.tree import leaf_hash, verify_inclusion

_TITLE = "c2sp.org/tlog-proof@v1"
_HASHES_MAX = 63
EXTRA_SIZE_MAX = 65_536
_HEAD_SIZE_MAX = 4 * EXTRA_SIZE_MAX


@dataclass(frozen=True, slots=True)
class Proof:
    """What the text holds; `checkpoint` is the signed note as the log gave it, `extra` unsigned."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    @property
    def head(self) -> str:
        """The lines before the checkpoint."""
        return proof_head(self.index, self.hashes, self.extra).decode()

    def __bytes__(self) -> bytes:
        """The text of the proof."""
        return proof_head(self.index, self.hashes, self.extra) + b"\n" + self.checkpoint

    def verify(
        self,
        entry: bytes,
        *,
        log: VerifierKey,
        witnesses: Sequence[VerifierKey] = (),
        quorum: int = 0,
    ) -> Checkpoint:
        """Returns the checkpoint only if `entry` is in the log that it signs.

        Raises Malformed for impossible numbers, Refused when a signature is missing or does not
        fit, OutOfStep when the hashes lead to another root.
        """
        checkpoint = open_checkpoint(self.checkpoint, log=log, witnesses=witnesses, quorum=quorum)
        verify_inclusion(
            leaf_hash(entry),
            index=self.index,
            size=checkpoint.size,
            proof=self.hashes,
            root=checkpoint.root,
        )
        return checkpoint


def parse(text: bytes) -> Proof:
    """The proof of a text, nothing verified. Raises Malformed for any other spelling."""
    head, blank, checkpoint = text.partition(b"\n\n")
    if not blank:
        raise Malformed("proof: no empty line before the checkpoint")
    if len(head) > _HEAD_SIZE_MAX or len(checkpoint) > NOTE_SIZE_MAX:
        raise Malformed("proof: too long")
    try:
        title, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Malformed("proof: is not ASCII before the checkpoint") from None
    if title != _TITLE:
        raise Malformed(f"proof: does not begin with {_TITLE}")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = unbase64("extra", lines.pop(0).removeprefix("extra "))
    if not lines or not lines[0].startswith("index "):
        raise Malformed("proof: no index line")
    index = parse_number("index", lines.pop(0).removeprefix("index "))
    if len(lines) > _HASHES_MAX:
        raise Malformed(f"proof: at most {_HASHES_MAX} hashes, got {len(lines)}")
    return Proof(index, tuple(parse_hash("proof", line) for line in lines), checkpoint, extra)


def proof_head(index: int, hashes: Sequence[bytes], extra: bytes | None = None) -> bytes:
    """The lines before the empty line and the checkpoint; Malformed for too long an extra."""
    if extra is not None and len(extra) > EXTRA_SIZE_MAX:
        raise Malformed(f"extra: at most {EXTRA_SIZE_MAX} bytes, got {len(extra)}")
    before = b"" if extra is None else b"extra " + b2a_base64(extra)
    numbered = b"%s\n%sindex %d\n" % (_TITLE.encode(), before, index)
    return numbered + b"".join(map(b2a_base64, hashes))
