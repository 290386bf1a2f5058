"""The in-memory line (一つの機械の中の回線): carries messages between nodes of one process.

Everything is delivered once and in order, so one run of a world is like every other with the same
seed. Time is what the driver says it is. A wake for now is delivered after all that was sent
before it: so nodes that collect a group collect what is there to collect.

A node may stand for one elsewhere (wire.remote_keeper): what it was given goes out at once, and the
line waits for the reply when nothing else is to be done. While it waits the line's clock goes on as
the world's does, so a time-out that a node has set comes in its real time. Where it is known that
no reply will come, nobody waits: the clock goes on to the time-out. Without such nodes the line
has no clock but its driver's.
"""

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from heapq import heappop, heappush

from jukinet.nodes.message import Message, Node, Out, Tick, Wake
from jukinet.wire.elsewhere import Elsewhere, Remote


class Line:
    """Nodes on one line, and the messages and wakes under way."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.delivered = 0
        self._nodes: dict[str, Node] = {}
        self._queue: deque[Message] = deque()
        self._wakes: list[tuple[datetime, int, str]] = []
        self._order = 0
        self._kept: dict[str, list[Message]] = {}
        self._elsewhere = Elsewhere()
        self._owed_until = now

    def join(self, node: Node) -> None:
        """Put a node on the line and bring it up."""
        self._nodes[node.name] = node
        if isinstance(node, Remote):
            node.connect(self._elsewhere)
        self._take(node.name, node.start(self.now))

    def leave(self, name: str) -> None:
        """Take a node off the line; what was under way to it is kept for who listens."""
        self._nodes.pop(name, None)

    def listen(self, name: str) -> list[Message]:
        """Messages for a name that is no node are kept in this list (a desk, a test)."""
        return self._kept.setdefault(name, [])

    def post(self, *messages: Message) -> None:
        """Send messages."""
        self._queue.extend(messages)

    def run(self) -> None:
        """Deliver everything that is under way now, and what follows from it, until it is quiet."""
        while True:
            while self._queue:
                self._deliver(self._queue.popleft())
            if self._wakes and self._wakes[0][0] <= self.now:
                _, _, name = heappop(self._wakes)
                self._deliver(Message(sender=name, receiver=name, body=Tick()))
            elif self._elsewhere.under_way:
                self._wait()
            elif self._wakes and self._wakes[0][0] <= self._owed_until:
                self.now = self._wakes[0][0]
            else:
                return

    def until(self, then: datetime) -> None:
        """Let time pass to a moment, waking nodes on the way."""
        self.run()
        while self._wakes and self._wakes[0][0] <= then:
            self.now = max(self.now, self._wakes[0][0])
            self.run()
        self.now = max(self.now, then)

    def _wait(self) -> None:
        """For a reply from elsewhere, but not longer than to the next wake."""
        until = (self._wakes[0][0] - self.now).total_seconds() if self._wakes else None
        come = self._elsewhere.wait(until)
        self.now += timedelta(seconds=come.after_seconds)
        self._queue.extend(come.messages)
        if come.owed_seconds is not None:
            owed = self.now + timedelta(seconds=come.owed_seconds)
            self._owed_until = max(self._owed_until, owed)

    def _deliver(self, message: Message) -> None:
        self.delivered += 1
        node = self._nodes.get(message.receiver)
        if node is None:
            self.listen(message.receiver).append(message)
            return
        self._take(message.receiver, node.step(message, self.now))

    def _take(self, name: str, out: Out) -> None:
        for one in out:
            if isinstance(one, Wake):
                self._order += 1
                heappush(self._wakes, (one.at, self._order, name))
            else:
                self._queue.append(one)

    @property
    def nodes(self) -> Iterable[Node]:
        """The nodes on the line."""
        return self._nodes.values()
