"""Checkpoint (c2sp.org/tlog-checkpoint): signed size and root, cosigned by witnesses.

Three lines: the log's origin, the number of leaves, the root in base64. As the text of a signed
note they are all that anybody needs to hold a log to its word. Lines after the third are kept, as
the signature covers them, but say nothing here.

It is not a proof that an entry is in the log: see proof.py.

Source: C2SP tlog-checkpoint; for the signatures, C2SP signed-note and tlog-cosignature.

>>> from jukinet.merkle.tree import EMPTY_ROOT
>>> print(Checkpoint("example.org/log", 0, EMPTY_ROOT).text, end="")
example.org/log
0
47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from jukinet.errors import Malformed, Refused
from jukinet.merkle.note import Opened, VerifierKey, open_note, unbase64
from jukinet.merkle.tree import HASH_SIZE, SIZE_MAX

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: origin, number of leaves, root (32 bytes), further lines."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises Malformed for what could not be written as lines."""
        if not 0 <= self.size <= SIZE_MAX:
            raise Malformed(f"checkpoint: size {self.size}; wants 0 to {SIZE_MAX}")
        if len(self.root) != HASH_SIZE:
            raise Malformed(f"checkpoint: root has {HASH_SIZE} bytes, got {len(self.root)}")
        if any(not line or "\n" in line for line in (self.origin, *self.extensions)):
            raise Malformed("checkpoint: origin and further lines are single lines, never empty")

    @property
    def text(self) -> str:
        """The text of the note, with its last newline."""
        lines = (self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)
        return "\n".join(lines) + "\n"


def parse(text: str) -> Checkpoint:
    """The checkpoint of a note's text. Raises Malformed for any spelling but that of `text`."""
    if not text.endswith("\n"):
        raise Malformed("checkpoint: the text does not end in a newline")
    lines = text[:-1].split("\n")
    if len(lines) < 3:
        raise Malformed(f"checkpoint: wants origin, size and root, got {len(lines)} lines")
    origin, size, root, *extensions = lines
    return Checkpoint(
        origin, parse_number("size", size), parse_hash("root", root), tuple(extensions)
    )


def open_checkpoint(
    note: bytes, *, log: VerifierKey, witnesses: Sequence[VerifierKey] = (), quorum: int = 0
) -> Checkpoint:
    """The checkpoint of a note that the log and at least `quorum` of the witnesses have signed.

    The log's key is known by the origin as its name. Raises Malformed for what is no checkpoint,
    Refused when the log has not signed, the origin is another's or too few witnesses have signed.
    """
    if not 0 <= quorum <= len(witnesses):
        raise Malformed(f"quorum: {quorum} of {len(witnesses)} witnesses")
    opened = open_note(note, [log, *witnesses])
    found = parse(opened.text)
    if found.origin != log.name:
        raise Refused(f"checkpoint: the origin is not {log.name}")
    count = _count(opened, log)
    if count < quorum:
        raise Refused(f"checkpoint: signed by {count} of the witnesses; wants {quorum}")
    return found


def parse_number(field: str, digits: str) -> int:
    """A whole number in ASCII digits without leading zeros. Raises Malformed, never shows it."""
    if not _NUMBER.fullmatch(digits) or int(digits) > SIZE_MAX:
        raise Malformed(f"{field}: wants digits without leading zeros, at most {SIZE_MAX}")
    return int(digits)


def parse_hash(field: str, encoded: str) -> bytes:
    """A hash in base64. Raises Malformed unless it has 32 bytes in their only spelling."""
    decoded = unbase64(field, encoded)
    if len(decoded) != HASH_SIZE:
        raise Malformed(f"{field}: wants {HASH_SIZE} bytes, got {len(decoded)}")
    return decoded


def _count(opened: Opened, log: VerifierKey) -> int:
    """The number of witnesses that have signed, beside the log itself, which must have."""
    signers = {verified.key for verified in opened.verified}
    if log not in signers:
        raise Refused(f"checkpoint: {log.name} has not signed it")
    return len(signers) - 1
