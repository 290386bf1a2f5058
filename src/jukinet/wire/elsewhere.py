"""Elsewhere (遠隔): what is under way to nodes on other machines, and what has come back.

Whoever sends in a thread of its own takes a ticket before, and gives it back with the replies, or
without any where none will come. A ticket has its time: what comes later is not taken any more, so
a node that answers a byte now and then costs no more than one that is silent.
"""

from collections.abc import Sequence
from itertools import count
from queue import Empty, SimpleQueue
from time import monotonic
from typing import NamedTuple, Protocol, runtime_checkable

from jukinet.nodes.message import Message


class Come(NamedTuple):
    """What came while somebody waited."""

    messages: Sequence[Message] = ()
    after_seconds: float = 0.0
    owed_seconds: float | None = None
    """Where no reply will come: how long whoever asked may still wait for it, at most."""


class Elsewhere:
    """The tickets of one line. `wait` and `ticket` are the line's own thread's, `come` is any's."""

    def __init__(self) -> None:
        self._back: SimpleQueue[tuple[int, Sequence[Message] | None]] = SimpleQueue()
        self._until: dict[int, float] = {}  # by ticket, on the machine's clock
        self._seconds: dict[int, float] = {}
        self._numbers = count()

    @property
    def under_way(self) -> bool:
        """Whether there is anything to wait for."""
        return bool(self._until)

    def ticket(self, seconds: float) -> int:
        """For something that is sent now and has this long to be answered."""
        number = next(self._numbers)
        self._until[number] = monotonic() + seconds
        self._seconds[number] = seconds
        return number

    def come(self, ticket: int, messages: Sequence[Message] | None) -> None:
        """The replies to what was sent; None where there will be none."""
        self._back.put((ticket, messages))

    def wait(self, seconds: float | None) -> Come:
        """The next reply, or that there is none; nothing where neither comes in so many seconds."""
        began = monotonic()
        latest = min(self._until.values())
        ends = latest if seconds is None else min(latest, began + seconds)
        try:
            ticket, messages = self._back.get(timeout=max(0.0, ends - monotonic()))
        except Empty:
            return self._late(began)
        now = monotonic()
        seconds = self._given_back(ticket)
        if messages is None:
            return Come((), now - began, seconds)
        return Come(() if seconds is None else messages, now - began)

    def _late(self, began: float) -> Come:
        """Give up what has had its time."""
        now = monotonic()
        late = [ticket for ticket, until in self._until.items() if until <= now]
        seconds = [found for ticket in late if (found := self._given_back(ticket)) is not None]
        return Come((), now - began, max(seconds, default=None))

    def _given_back(self, ticket: int) -> float | None:
        """The time that a ticket had; None where it was given up already."""
        self._until.pop(ticket, None)
        return self._seconds.pop(ticket, None)


@runtime_checkable
class Remote(Protocol):
    """A node that stands on the line for one elsewhere."""

    def connect(self, elsewhere: Elsewhere) -> None:
        """Its replies go here from now on."""
        ...
