"""Convening (鍵生成の儀の招集): carries the words of a ceremony from keeper to keeper, and no more.

The coordinator writes the plan and brings what each says to all. It can read no share: those are
sealed inside to keys that their receivers drew. It can lose or delay words, and then the ceremony
comes to no end; it cannot change one, nor take part, nor name other keepers than their operators
have told them to trust. Whoever it is, the keepers need not trust it.

A keeper is given a word again until it answers, within a time: so one that was killed and is back
goes on where it was.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from jukinet.errors import Malformed
from jukinet.keys.ceremony import Plan
from jukinet.keys.refresh import encode_plan
from jukinet.nodes.message import Convene, Mail, Message, NotHeld, Out, Said, Tick, Wake
from jukinet.nodes.office import NO_EPOCH

COORDINATOR: Final = "coordinator"
AGAIN_AFTER: Final = timedelta(seconds=5)
PATIENCE: Final = timedelta(seconds=30)


class Ended(NamedTuple):
    """What a ceremony has come to."""

    counted: tuple[str, ...]  # keepers at whom it counts
    refused: dict[str, str]  # by keeper: why it takes no part
    blamed: dict[str, tuple[tuple[str, ...], str]]  # by keeper: whom it blames, and for what
    silent: tuple[str, ...]  # that have not answered the last word brought to them
    waiting: tuple[str, ...]  # for words that nobody has said

    @property
    def agreed(self) -> bool:
        """Whether it counts at all of them."""
        return not (self.refused or self.blamed or self.silent or self.waiting)


class Coordinator:
    """The node that carries the words of one ceremony."""

    name = COORDINATOR

    def __init__(self, plan: Plan, *, patience: timedelta = PATIENCE) -> None:
        self.ended: Ended | None = None
        self._plan = encode_plan(plan)
        self._ceremony = plan.id()
        self._names = [member.name for member in plan.members]
        self._patience = patience
        self._until = datetime.max
        self._letters: dict[bytes, None] = {}
        self._given: dict[str, int] = {}  # how many letters each has answered
        self._asked: dict[str, int] = {}  # how many are under way to it; the plan is none
        self._counted: dict[str, None] = {}
        self._refused: dict[str, str] = {}
        self._blamed: dict[str, tuple[tuple[str, ...], str]] = {}

    def start(self, now: datetime) -> Out:
        """Call everybody."""
        self._until = now + self._patience
        self._asked = dict.fromkeys(self._names, 0)
        return [*map(self._convene, self._names), Wake(at=now + min(AGAIN_AFTER, self._patience))]

    def step(self, message: Message, now: datetime) -> Out:
        """Take what a keeper says, and bring it to all."""
        if isinstance(message.body, Tick):
            return self._tick(now)
        if message.sender not in self._names:
            raise Malformed(f"message: {message.sender} takes no part in this ceremony")
        if isinstance(message.body, Said | NotHeld) and message.body.ceremony == self._ceremony:
            return self._heard(message.sender, message.body)
        raise Malformed(f"message: a coordinator takes no {type(message.body).__name__} here")

    def _heard(self, name: str, body: Said | NotHeld) -> Out:
        if isinstance(body, Said):
            self._letters.update(dict.fromkeys(body.letters))
            if body.epoch != NO_EPOCH:
                self._counted[name] = None
                self._blamed.pop(name, None)
            elif body.blamed:
                self._blamed[name] = (body.blamed, body.reason)
        elif name not in self._blamed:
            self._refused[name] = body.reason
        self._given[name] = max(self._given.get(name, 0), body.number)
        if self._asked.get(name) == body.number:
            del self._asked[name]
        return self._go_on()

    def _go_on(self) -> Out:
        """To everybody who is not waited for, what it has not been given yet."""
        if self.ended is None and not self._asked and not self._owing():
            self._end()
        if self.ended is not None:
            return []
        return [self._mail(name) for name in self._owing() if name not in self._asked]

    def _owing(self) -> list[str]:
        """Those to whom something is to be brought."""
        out = {*self._counted, *self._refused}
        return [
            name
            for name in self._names
            if name not in out and self._given.get(name, 0) < len(self._letters)
        ]

    def _tick(self, now: datetime) -> Out:
        """Ask those again who have not answered; in the end go without them."""
        if self.ended is not None:
            return []
        if now >= self._until:
            self._end()
            return []
        again = [
            self._mail(name) if name in self._given else self._convene(name)
            for name in list(self._asked)
        ]
        return [*again, Wake(at=min(now + AGAIN_AFTER, self._until))]

    def _end(self) -> None:
        heard = {*self._counted, *self._refused, *self._blamed}
        self.ended = Ended(
            counted=tuple(self._counted),
            refused=self._refused,
            blamed=self._blamed,
            silent=tuple(name for name in self._names if name in self._asked),
            waiting=tuple(
                name for name in self._names if name not in heard and name not in self._asked
            ),
        )

    def _convene(self, name: str) -> Message:
        return Message(sender=COORDINATOR, receiver=name, body=Convene(number=0, plan=self._plan))

    def _mail(self, name: str) -> Message:
        """All letters that a keeper has not answered yet."""
        letters: Sequence[bytes] = tuple(self._letters)
        new = letters[self._given.get(name, 0) :]
        self._asked[name] = len(letters)
        body = Mail(number=len(letters), ceremony=self._ceremony, letters=tuple(new))
        return Message(sender=COORDINATOR, receiver=name, body=body)
