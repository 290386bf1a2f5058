"""Comparing (見比べ): whether two checkpoints of a log are of one history, proved from its tiles.

A log that shows one face to residents and another to auditors signs two trees of which neither
begins with the other. So a resident who holds an auditor's checkpoint against the own one needs
only the tiles of the larger tree: they must make its root, and their beginning the smaller root. If
they make the larger root and not the smaller, the two signed notes are the proof of a fork, for
everybody; a mirror cannot feign that.
"""

from typing import NamedTuple

from jukinet.client.mirror import Mirror
from jukinet.client.proved import ProvedLog
from jukinet.errors import Damaged
from jukinet.merkle import tree
from jukinet.merkle.checkpoint import Checkpoint, open_checkpoint
from jukinet.merkle.note import VerifierKey


class Compared(NamedTuple):
    """Two checkpoints of a log."""

    ours: Checkpoint
    theirs: Checkpoint
    forked: bool  # the log has signed two histories
    proof: tuple[bytes, ...] = ()  # a consistency proof, from the smaller size to the larger


def compare(mirror: Mirror, theirs: bytes, log: VerifierKey) -> Compared:
    """Hold the mirror's checkpoint against somebody else's note of the same log.

    Raises Refused or Malformed for a note that the log has not signed, and Damaged where the copy
    lacks what the comparison needs: then nothing is known.
    """
    own, other = (open_checkpoint(note, log=log) for note in (mirror.checkpoint, theirs))
    small, large = sorted((own, other), key=lambda one: one.size)
    if small.size == large.size:
        return Compared(own, other, forked=small.root != large.root)
    try:
        found = ProvedLog(mirror, large)
        if tree.root(small.size, found.nodes) != small.root:
            return Compared(own, other, forked=True)
        return Compared(own, other, forked=False, proof=_proof(small, large, found))
    except Damaged as error:
        raise Damaged(
            f"comparing: the copy of {own.size} leaves cannot be held against a checkpoint of "
            f"{other.size} ({error}); take a newer copy, and tell the auditor if it stays so"
        ) from None


def _proof(small: Checkpoint, large: Checkpoint, found: ProvedLog) -> tuple[bytes, ...]:
    if small.size == 0:
        return ()
    proof = tree.consistency(old_size=small.size, new_size=large.size, nodes=found.nodes)
    tree.verify_consistency(
        old_size=small.size,
        old_root=small.root,
        new_size=large.size,
        new_root=large.root,
        proof=proof,
    )
    return tuple(proof)
