"""The house (網の窓): what pages need of an open network, and the one thread in which it lives.

Pages reach the nodes through `House` alone; whoever serves brings a real one. Nodes do one thing
at a time, so all that touches them is done by one worker thread, one piece of work after the other;
before each piece the line's clock is brought to now, so that timers go off.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from jukinet.client.view_key import ViewKey
from jukinet.feed.inbox import Incoming
from jukinet.law.record import Record
from jukinet.merkle.runs import Read
from jukinet.nodes.keyring import Directory
from jukinet.nodes.message import Message
from jukinet.nodes.municipality import Municipality
from jukinet.web.watching import Watch

T = TypeVar("T")


class Line(Protocol):
    """The line on which the nodes are."""

    now: datetime

    def post(self, *messages: Message) -> None: ...
    def listen(self, name: str) -> list[Message]: ...
    def run(self) -> None: ...
    def until(self, then: datetime) -> None: ...


class Sample(NamedTuple):
    """A synthetic person who may be played in a demo."""

    town: str
    person: int

    def __repr__(self) -> str:
        return "<Sample>"


class House(Protocol):
    """An open network, as pages reach it."""

    @property
    def directory(self) -> Directory: ...  # who is who
    @property
    def towns(self) -> Mapping[str, Municipality]: ...
    @property
    def line(self) -> Line: ...
    @property
    def read(self) -> Read: ...  # the files of the public log
    @property
    def synthetic(self) -> bool: ...  # whether everybody in it is made up
    @property
    def watch(self) -> Watch: ...  # the public log, audited
    def heard(self, town: str) -> Incoming: ...  # how far the centre has applied a town's feed
    def samples(self) -> Sequence[Sample]: ...  # none where real people live
    def object_to(self, key: ViewKey, place: int, text: str) -> None: ...  # to one entry
    def view_key(self, town: str, record: Record) -> ViewKey: ...  # given anew, with its leaf


class Worker:
    """The thread in which a house is opened, worked in and closed."""

    def __init__(
        self, opening: Callable[[], AbstractContextManager[House]], clock: Callable[[], datetime]
    ) -> None:
        self._opening = opening
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "house")
        self._open = ExitStack()
        self._house: House | None = None

    def open(self) -> None:
        """Open the house; what goes wrong is raised here."""
        self._thread.submit(self._enter).result()

    def close(self) -> None:
        """Close the house when the work under way is done."""
        self._thread.submit(self._open.close).result()
        self._thread.shutdown()

    @property
    def house(self) -> House:
        """The open house; outside its thread, ask it only what never changes."""
        assert self._house is not None, "the worker has not been opened"
        return self._house

    def run(self, work: Callable[[House, datetime], T]) -> T:
        """Do a piece of work in the house and wait for it; call it from any other thread."""
        return self._thread.submit(self._do, work).result()

    def _enter(self) -> None:
        self._house = self._open.enter_context(self._opening())

    def _do(self, work: Callable[[House, datetime], T]) -> T:
        now = self._clock()
        self.house.line.until(now)
        return work(self.house, now)
