"""Witnesses: what each has signed stands in this log, and its store has not forgotten it.

A cosignature that is seen anywhere (below the checkpoint, in a receipt) says how far its witness
has followed the log, and until when; the witness's store must be as far, at a root that the log's
entries make. Evidence against the log is a finding, whatever it shows.

When a witness has last signed is a time of day: it can be checked in one direction only.
"""

from collections.abc import Iterable
from typing import NamedTuple

from jukinet.errors import JukinetError, Refused
from jukinet.merkle.checkpoint import Checkpoint, open_checkpoint
from jukinet.merkle.checkpoint import parse as parse_checkpoint
from jukinet.merkle.note import Verified, VerifierKey, open_note
from jukinet.merkle.note import parse as parse_note
from jukinet.merkle.policy import Policy
from jukinet.nodes.witness import EVIDENCE, SEEN, Seen
from jukinet.tasks.verifying.logfiles import LogFiles
from jukinet.tasks.verifying.stores import Shelf


class Signed(NamedTuple):
    """How far a witness has signed, and when it last did."""

    size: int = 0
    time_seconds: int = 0


class Cosignatures:
    """Checkpoints under a policy; each note is verified once, and every line of it."""

    def __init__(self, log: VerifierKey, policy: Policy) -> None:
        self.policy = policy
        self._log = log
        self._names = {one.key: one.name for one in policy.witnesses}
        self._read: dict[bytes, tuple[Checkpoint, bool]] = {}
        self._signed: dict[str, Signed] = {}

    def read(self, note: bytes) -> Checkpoint:
        """The checkpoint of a note; Refused or Malformed where any line of it does not fit."""
        return self._opened(note)[0]

    def enough(self, note: bytes) -> bool:
        """Whether as many witnesses have signed a note as the policy wants."""
        return self._opened(note)[1]

    def signed(self, witness: str) -> Signed:
        """How far a witness has signed, as far as was seen."""
        return self._signed.get(witness, Signed())

    def _opened(self, note: bytes) -> tuple[Checkpoint, bool]:
        if note not in self._read:
            opened = open_note(note, [self._log, *self._names])
            checkpoint = parse_checkpoint(opened.text)
            keys = {one.key for one in opened.verified}
            if opened.unknown or self._log not in keys or checkpoint.origin != self._log.name:
                raise Refused("checkpoint: has a line of somebody else's, or none of its log's")
            self._take(checkpoint, opened.verified)
            enough = self.policy.met_by(self._names[key] for key in keys - {self._log})
            self._read[note] = checkpoint, enough
        return self._read[note]

    def _take(self, checkpoint: Checkpoint, verified: Iterable[Verified]) -> None:
        for one in verified:
            name = self._names.get(one.key)
            if name is not None:
                last, time = self.signed(name), one.time_seconds or 0
                self._signed[name] = Signed(
                    max(last.size, checkpoint.size), max(last.time_seconds, time)
                )


def check_witness(
    shelf: Shelf, name: str, logs: Iterable[str], cosignatures: Cosignatures, log: LogFiles
) -> None:
    """The store of one witness, against the log and what is known of its signatures."""
    known = {key.name: key for key in map(VerifierKey.parse, logs)}
    signed = cosignatures.signed(name)
    size = 0
    for row in shelf.rows(SEEN):
        key = known.get(row.origin)
        if key is None or not _is_of(row, key):
            shelf.note(f"seen {row.origin}", "is no checkpoint that a log of this witness signed")
        elif row.origin == log.head.origin:
            size = row.size
            _check_seen(shelf, row, signed, log)
    if size < signed.size:
        shelf.note("seen", f"ends at {size} leaves; the witness has signed {signed.size}")
    for one in shelf.rows(EVIDENCE):
        if one.origin == log.head.origin:
            shelf.note(f"evidence {one.number}", f"is held against the log ({one.why})")
    shelf.findings.counts["witnesses"] += 1
    shelf.findings.counts["leaves_to_witness"] += max(0, log.size - size)


def _is_of(row: Seen, key: VerifierKey) -> bool:
    """Whether a row is what its note says, under the log's own signature and no other."""
    try:
        found = open_checkpoint(row.note, log=key)
        lines = len(parse_note(row.note).signatures)
    except JukinetError:
        return False
    return (found.size, found.root, lines) == (row.size, row.root, 1)


def _check_seen(shelf: Shelf, row: Seen, signed: Signed, log: LogFiles) -> None:
    if row.size > log.size:
        shelf.note(f"seen {row.origin}", "is of a larger log, which was cut short or put back")
    elif row.root != log.root_at(row.size):
        shelf.note(f"seen {row.origin}", "is of another log under the same key")
    if row.cosigned_seconds < signed.time_seconds:
        shelf.note(f"seen {row.origin}", "says an earlier time than the witness has signed")
