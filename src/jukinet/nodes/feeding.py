"""Feeding (送信): put a node's outbox on the line until all of it is acknowledged.

At most WINDOW items are under way. What is not acknowledged in time is sent again from the last
acknowledged item. A receiver that reports a gap is sent at once what it wants, even where it had
acknowledged more before: it was restored from an older copy, and the outbox keeps everything.
Repeats do no harm, since the inbox knows them.
"""

from datetime import datetime, timedelta

import msgspec

from jukinet.feed import outbox
from jukinet.keys.sign import SigningKey
from jukinet.nodes.message import Feed, FeedAck, Message, Out, Wake
from jukinet.store.engine import Store

BATCH_MAX = 500
WINDOW = 4000
RESEND_AFTER = timedelta(seconds=30)


class Sender:
    """One stream of a node's outbox on its way to one receiver."""

    def __init__(
        self, store: Store, stream: str, *, sender: str, receiver: str, key: SigningKey
    ) -> None:
        self.stream = stream
        self._store = store
        self._sender = sender
        self._receiver = receiver
        self._key = key
        self._sent = 0
        self._acknowledged = 0
        self._resend_at: datetime | None = None

    def start(self, now: datetime) -> Out:
        """Begin again from what is acknowledged."""
        with self._store.begin() as tx:
            self._sent = self._acknowledged = outbox.standing(tx, self.stream).acknowledged
        return self.push(now)

    def push(self, now: datetime) -> Out:
        """Put on the line what was not put there yet, as far as the window lets."""
        out: Out = []
        with self._store.begin() as tx:
            while self._sent - self._acknowledged < WINDOW:
                batch = outbox.batch(tx, self.stream, after=self._sent, size=BATCH_MAX)
                if batch is None:
                    break
                signature = self._key.sign(batch.signed)
                body = Feed(batch=msgspec.structs.replace(batch, signature=signature))
                out.append(Message(sender=self._sender, receiver=self._receiver, body=body))
                self._sent = batch.last
        if out and self._resend_at is None:
            self._resend_at = now + RESEND_AFTER
            out.append(Wake(at=self._resend_at))
        return out

    def acknowledged(self, ack: FeedAck, now: datetime) -> Out:
        """The receiver has applied up to a number; send what follows, or what it wants again."""
        with self._store.begin() as tx:
            outbox.acknowledge(tx, self.stream, ack.last)
            applied = max(0, min(ack.last, outbox.standing(tx, self.stream).last))
        if ack.gap:
            self._sent = self._acknowledged = applied
        self._acknowledged = max(self._acknowledged, applied)
        if self._acknowledged >= self._sent:
            self._resend_at = None
        return self.push(now)

    def tick(self, now: datetime) -> Out:
        """Send again what was not acknowledged in time."""
        if self._resend_at is None or now < self._resend_at:
            return []
        self._resend_at = None
        self._sent = self._acknowledged
        return self.push(now)
