"""Witnesses (立会人) as the centre asks them: enough signatures before anything is given.

After a group is written, every witness of the policy is asked to cosign the checkpoint; as soon as
enough have, it is published with their lines, and the group's receipts are valid. A witness that
does not answer is not waited for unless it is needed; then it is asked again after a while. Nothing
is given meanwhile.

What a witness knows of the log's size is remembered while the centre runs; one that knows another
size says so, and is asked again with the proof from there. One that knows of *more* than there is
has seen a log that was put back since: nothing may be written until that is mended.
"""

from datetime import datetime, timedelta
from typing import Final

from jukinet.errors import Malformed, OutOfStep
from jukinet.ledger.log import Log
from jukinet.merkle import note as notes
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.policy import Policy
from jukinet.merkle.witnessing import COSIGNED, Question, Reply
from jukinet.nodes.message import CENTRE, AddCheckpoint, Cosigned, Message, Out, Wake

ASK_AGAIN: Final = timedelta(seconds=5)


class Witnesses:
    """The witnesses of a policy, and what they have said of the checkpoint that stands."""

    def __init__(self, policy: Policy, out_of_step: list[str]) -> None:
        self.out_of_step = out_of_step
        self._policy = policy
        self._keys = [one.key for one in policy.witnesses]
        self._names = {one.key: one.name for one in policy.witnesses}
        self._known = {key.name: 0 for key in self._keys}  # by witness, who may have two keys
        self._round = 0
        self._asked_again: set[str] = set()  # witnesses who have named another size
        self._signed: dict[VerifierKey, str] = {}  # the checkpoint that was asked about
        self._again_at: datetime | None = None

    @property
    def enough(self) -> bool:
        """Whether enough have signed what they were last asked about."""
        return self._policy.met_by(self._names[key] for key in self._signed)

    @property
    def lines(self) -> list[str]:
        """The signature lines for the checkpoint that was asked about."""
        return list(self._signed.values())

    def come_up(self, log: Log, now: datetime) -> Out:
        """Ask them about the checkpoint that stands, though enough may have signed it already.

        So one that has seen more of the log is heard before anything is written.
        """
        if not log.size:
            return []
        asked = self.ask(log, now)
        fitting = notes.fitting(notes.parse(log.checkpoint), self._keys)
        self._signed = {one.key: one.signature.line for one in fitting}
        return asked

    def ask(self, log: Log, now: datetime) -> Out:
        """Ask all witnesses to sign the checkpoint as it stands."""
        self._round += 1
        self._signed = {}
        self._asked_again.clear()
        if not self._known:
            return []
        self._again_at = now + ASK_AGAIN
        return [*(self._question(name, log) for name in self._known), Wake(at=self._again_at)]

    def tick(self, log: Log, now: datetime) -> Out:
        """Ask those again who have not signed in time, where they are needed."""
        if self.enough or self._again_at is None or now < self._again_at:
            return []
        self._again_at = now + ASK_AGAIN
        self._asked_again.clear()
        silent = self._known.keys() - {key.name for key in self._signed}
        return [*(self._question(name, log) for name in sorted(silent)), Wake(at=self._again_at)]

    def answered(self, sender: str, reply: Cosigned, log: Log) -> Out:
        """A witness has answered. Raises OutOfStep where it has seen a longer log than there is."""
        if sender not in self._known:
            return []
        size = Reply(reply.status, reply.content).known_size
        if size is not None and size > log.size:
            raise OutOfStep(
                f"witness {sender}: it has signed {size} entries of this log, and there are "
                f"{log.size}; the log was put back to an older state, restore it from a mirror"
            )
        if reply.asked != self._round:
            return []
        if reply.status == COSIGNED:
            self._take(sender, reply.content, log)
            return []
        if size is None or size == self._known[sender] or sender in self._asked_again:
            self.out_of_step.append(f"witness {sender}: it did not sign (status {reply.status})")
            return []
        self._known[sender] = size
        self._asked_again.add(sender)
        return [self._question(sender, log)]

    def _question(self, name: str, log: Log) -> Message:
        known = self._known[name]
        proof = tuple(log.consistency(known)) if 0 < known < log.size else ()
        asked = Question(old_size=known, proof=proof, checkpoint=log.checkpoint)
        body = AddCheckpoint(asked=self._round, content=asked.encode())
        return Message(sender=CENTRE, receiver=name, body=body)

    def _take(self, sender: str, content: bytes, log: Log) -> None:
        """Keep the lines of a witness that its keys have made for this checkpoint."""
        keys = [key for key in self._keys if key.name == sender]
        try:
            signed = notes.parse(log.checkpoint + content)
        except Malformed as error:
            self.out_of_step.append(f"witness {sender}: {error}")
            return
        same = signed.text == notes.parse(log.checkpoint).text  # and not one line more
        fitting = notes.fitting(signed, keys) if same else ()
        self._signed |= {one.key: one.signature.line for one in fitting}
        if fitting:
            self._known[sender] = log.size
        else:
            self.out_of_step.append(f"witness {sender}: its signature does not fit")
