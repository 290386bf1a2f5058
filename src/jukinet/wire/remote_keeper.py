"""A keeper elsewhere (遠隔の保管者): on the line like a node, in truth asked over HTTP.

Each message goes out at once, in a thread of the keeper's own over a connection that is kept open,
so that keepers work beside each other and beside the centre. The line waits for the replies when it
has nothing else to do (wire.elsewhere); one that does not come in time costs its time-out, and
whoever asked goes on as it does when a keeper is silent.

What comes back is not believed here: parts are signed, and what they open shows what they are. Only
that each message is from this keeper and to the one who asked is seen to.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Event
from time import monotonic
from typing import Final

import httpx

from jukinet.errors import JukinetError, Malformed
from jukinet.nodes.message import Message, Out, decode_all, encode
from jukinet.wire.elsewhere import Elsewhere

PATH: Final = "step"
MEDIA_TYPE: Final = "application/x-msgpack"
TIMEOUT_SECONDS: Final = 5.0
REPLY_SIZE_MAX: Final = 64 * 1024 * 1024
AGAIN_SECONDS: Final = 0.2
OK: Final = 200


class RemoteKeeper:
    """The node that stands on the line for a keeper at a URL."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        patient: bool = False,
    ) -> None:
        """`url` is where its server is; Malformed unless it is http:// or https://.

        A `patient` one gives a message again within its time, where the line to the keeper breaks:
        for messages that a keeper may be given twice, as those of a ceremony.
        """
        self.name = name
        self._url = address(name, url, PATH)
        self._timeout_seconds = timeout_seconds
        self._patient = patient
        self._closed = Event()
        self._client = httpx.Client(
            timeout=timeout_seconds, trust_env=False, headers={"Content-Type": MEDIA_TYPE}
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._elsewhere = Elsewhere()

    def connect(self, elsewhere: Elsewhere) -> None:
        """Its replies go there from now on."""
        self._elsewhere = elsewhere

    def start(self, now: datetime) -> Out:
        """It waits to be asked."""
        return []

    def step(self, message: Message, now: datetime) -> Out:
        """Send a message on; its replies come over the line when they come."""
        ticket = self._elsewhere.ticket(self._timeout_seconds)
        until = monotonic() + self._timeout_seconds
        self._thread.submit(self._ask, ticket, message, self._elsewhere, until)
        return []

    def close(self) -> None:
        """Send nothing more. Waits for what is under way, at most its time-out."""
        self._closed.set()
        self._thread.shutdown(cancel_futures=True)
        self._client.close()

    def _ask(self, ticket: int, message: Message, elsewhere: Elsewhere, until: float) -> None:
        """Whatever happens in the thread, the ticket comes back: nobody waits for what is lost."""
        replies: Sequence[Message] | None = None
        try:
            replies = self._replies_by(message, until)
        finally:
            elsewhere.come(ticket, replies)

    def _replies_by(self, message: Message, until: float) -> Sequence[Message] | None:
        """What the keeper says; None where it says nothing that counts."""
        while True:
            try:
                return self._replies(message)
            except JukinetError:
                return None
            except httpx.HTTPError:
                left = until - monotonic()
                if not self._patient or left <= 0 or self._closed.wait(min(AGAIN_SECONDS, left)):
                    return None

    def _replies(self, message: Message) -> Sequence[Message]:
        """What the keeper says; Malformed where it is nothing that it may say."""
        with self._client.stream("POST", self._url, content=encode(message)) as response:
            body = bytearray()
            for part in response.iter_bytes():
                body += part
                if len(body) > REPLY_SIZE_MAX:
                    raise Malformed(f"keeper {self.name}: its reply is longer than any can be")
            if response.status_code != OK:
                raise Malformed(f"keeper {self.name}: it says {response.status_code}")
        replies = decode_all(bytes(body))
        if any((one.sender, one.receiver) != (self.name, message.sender) for one in replies):
            raise Malformed(f"keeper {self.name}: its reply is another's, or to another")
        return replies


def address(name: str, prefix: str, path: str) -> httpx.URL:
    """Where a keeper takes messages, or Malformed."""
    try:
        url = httpx.URL(f"{prefix.rstrip('/')}/{path}")
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise Malformed(f"keeper {name}: its URL wants to be http://... or https://...")
    return url
