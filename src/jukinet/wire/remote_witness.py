"""A witness elsewhere (遠隔の立会人): on the line like a node, in truth asked over HTTP.

Whatever is asked in one round is under way at once: the question goes to a thread of the witness's
own, and the node asks to be woken now, which is after all questions of the round have been given
out; only then it waits. So three witnesses cost as long as the slowest.

A witness that gives no answer in time is answered for with status 0 (NO_ANSWER), and is left alone
until the line's clock has gone on by thirty seconds: it costs its time-out once. An answer that is
too long is none, either. Every other status, the witness's own or that of a server in front of it,
is handed on as it is.

What comes back is not believed here: whoever asked verifies the lines.
"""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from datetime import datetime, timedelta
from typing import NamedTuple

import httpx

from jukinet.errors import Malformed
from jukinet.merkle.witnessing import NO_ANSWER, PATH, REPLY_SIZE_MAX, Reply
from jukinet.nodes.message import AddCheckpoint, Cosigned, Message, Out, Tick, Wake

TIMEOUT_SECONDS = 2.0
REST = timedelta(seconds=30)
SILENT = Reply(NO_ANSWER)


class _Asked(NamedTuple):
    """A question under way: who asks, its number, when, and what is to come."""

    by: str
    number: int
    at: datetime
    reply: Future[Reply]


class RemoteWitness:
    """The node that stands on the line for a witness at a URL."""

    def __init__(self, name: str, url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """`url` is the submission prefix; Malformed unless it is http:// or https://."""
        self.name = name
        self._url = _address(name, url)
        self._timeout_seconds = timeout_seconds
        self._client = httpx.Client(
            timeout=timeout_seconds, trust_env=False, headers={"Accept-Encoding": "identity"}
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="witness")
        self._under_way: deque[_Asked] = deque()
        self._rests_until: datetime | None = None

    def start(self, now: datetime) -> Out:
        """It waits to be asked."""
        return []

    def step(self, message: Message, now: datetime) -> Out:
        """Give a question out; or, on the Tick that follows, wait for its answer."""
        body = message.body
        if isinstance(body, Tick):
            return [self._answer(self._under_way.popleft())] if self._under_way else []
        if not isinstance(body, AddCheckpoint):
            raise Malformed(f"message: a witness takes no {type(body).__name__}")
        reply = self._thread.submit(self._ask, body.content, now)
        self._under_way.append(_Asked(message.sender, body.asked, now, reply))
        return [Wake(at=now)]

    def close(self) -> None:
        """Ask nothing more. Waits for what is under way, at most its time-out."""
        self._thread.shutdown(cancel_futures=True)
        self._client.close()

    def _answer(self, asked: _Asked) -> Message:
        reply = self._waited_for(asked)
        body = Cosigned(asked=asked.number, status=reply.status, content=reply.body)
        return Message(sender=self.name, receiver=asked.by, body=body)

    def _waited_for(self, asked: _Asked) -> Reply:
        """A witness that sends a byte now and then is as late as one that sends none."""
        if asked.reply.done() or not self._rests(asked.at):
            try:
                return asked.reply.result(self._timeout_seconds)
            except Late:
                self._rests_until = asked.at + REST
        asked.reply.cancel()
        return SILENT

    def _rests(self, now: datetime) -> bool:
        return self._rests_until is not None and now < self._rests_until

    def _ask(self, content: bytes, now: datetime) -> Reply:
        """Ask over HTTP, in the thread; of one round, a witness that is silent is asked once."""
        if self._rests(now):
            return SILENT
        try:
            return self._post(content)
        except httpx.HTTPError:
            self._rests_until = now + REST
            return SILENT

    def _post(self, content: bytes) -> Reply:
        with self._client.stream("POST", self._url, content=content) as response:
            body = b""
            for part in response.iter_raw():
                body += part
                if len(body) > REPLY_SIZE_MAX:
                    return SILENT
            return Reply(response.status_code, body)


def _address(name: str, prefix: str) -> httpx.URL:
    """Where a witness takes questions, or Malformed."""
    try:
        url = httpx.URL(f"{prefix.rstrip('/')}/{PATH}")
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise Malformed(f"witness {name}: its URL wants to be http://... or https://...")
    return url
