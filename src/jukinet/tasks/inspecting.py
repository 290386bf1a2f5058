"""Inspecting (立会い前の検査): a witness that looks at the log's own leaves before it cosigns.

Any witness refuses a fork. One that inspects reads the new leaves, too, from wherever the log's
files are to be had, and holds them to the rules as an auditor does: a disclosure under a row that
has not stood for its notice, a label twice, a wrong run. What breaks a rule it does not sign, and
keeps.

It goes on in memory from checkpoint to checkpoint; after a restart it reads the log once more.
Inquiries without an answer are the auditors' to count: a crash of the door leaves some.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from sys import maxsize

from jukinet.client.audit import Auditor
from jukinet.client.lies import Lie
from jukinet.errors import OutOfStep
from jukinet.merkle.checkpoint import Checkpoint
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.policy import NONE, Log, Policy
from jukinet.merkle.runs import Read
from jukinet.nodes.witness import Inspector


def inspector(read: Read, logs: Iterable[VerifierKey], clock: Callable[[], datetime]) -> Inspector:
    """What looks at a log's files up to a checkpoint; the sentence of the first lie, or "".

    It raises OutOfStep where the files are behind the checkpoint, or cannot be read now.
    """
    found = _Inspector(read, Policy(NONE, tuple(Log(key) for key in logs)), clock)
    return found.look


class _Inspector:
    def __init__(self, read: Read, policy: Policy, clock: Callable[[], datetime]) -> None:
        self._read = read
        self._policy = policy
        self._clock = clock
        self._auditor: Auditor | None = None

    def look(self, offered: Checkpoint) -> str:
        auditor = self._auditor or Auditor(self._read, self._open, now=self._clock())
        self._auditor = None  # whatever fails below, begin anew
        auditor.at(self._clock())
        try:
            head = auditor.follow(orphans_allowed=maxsize)
        except Lie as lie:
            return str(lie)
        if (head.size, head.root) != (offered.size, offered.root):
            raise OutOfStep("log: its files are not of the checkpoint that is to be cosigned")
        self._auditor = auditor
        return ""

    def _open(self, note: bytes) -> Checkpoint:
        return self._policy.open(note).checkpoint
