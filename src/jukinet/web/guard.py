"""Guard (門番): what holds for every reply and every visitor, whatever the page.

Every reply tells the browser what it may do: no script and no style but our own files, nothing
from elsewhere, in nobody's frame, kept in no cache where a person may stand in it. A visitor who
asks faster than people do waits.

Sources: Content Security Policy Level 3; OWASP Secure Headers; RFC 6585 (429), RFC 9110 (Retry-
         After).
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-frame-options": "DENY",
}
NO_STORE: Final = "no-store"
HTTPS_ONLY: Final = "max-age=31536000"

A_SECOND: Final = 30.0
AT_ONCE: Final = 300.0
VISITORS_KEPT: Final = 10_000
LOOPBACK: Final = frozenset(("localhost", "127.0.0.1", "::1"))
TOO_MANY: Final = "少し待ってからお試しください。 Too many requests; wait a moment.\n"


class Bucket:
    """How much each visitor may still ask; it fills up again as time goes by."""

    def __init__(self, a_second: float, at_once: float) -> None:
        self._a_second = a_second
        self._at_once = at_once
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, visitor: str, now: float) -> bool:
        """Whether a visitor may ask once more; `now` in seconds, of any clock that goes on.

        >>> bucket = Bucket(1, 2)
        >>> [bucket.take("a", second) for second in (0, 0, 0, 1)], bucket.take("b", 0)
        ([True, True, False, True], True)
        """
        left, then = self._left.pop(visitor, (self._at_once, now))
        left = min(self._at_once, left + max(0.0, now - then) * self._a_second)
        may = left >= 1
        self._left[visitor] = (left - 1 if may else left, now)
        if len(self._left) > VISITORS_KEPT:
            self._left.popitem(last=False)
        return may


class Guard:
    """An application with the guard before it."""

    def __init__(
        self,
        app: App,
        clock: Callable[[], float],
        bucket: Bucket | None = None,
        names: frozenset[str] = LOOPBACK,
    ) -> None:
        """`clock` tells seconds and never goes back; `names` are those by which we may be asked.

        Under another name nobody is answered: a page elsewhere could have its own name lead here.
        """
        self._app = app
        self._names = names
        self._clock = clock
        self._bucket = bucket or Bucket(A_SECOND, AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visitor = scope["client"][0] if scope.get("client") else ""
        https = scope.get("scheme") == "https"

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with_headers(list(message["headers"]), https=https)
            await send(message)

        if _name(scope) not in self._names:
            await _plainly(send_on, 421, "This server does not answer to that name.\n")
            return
        if not self._bucket.take(visitor, self._clock()):
            await _plainly(send_on, 429, TOO_MANY, retry_after=b"5")
            return
        await self._app(scope, receive, send_on)


def _with_headers(headers: list[tuple[bytes, bytes]], *, https: bool) -> list[tuple[bytes, bytes]]:
    """A reply's headers with ours; a page that says how long it may be kept has said so."""
    said = {name.lower() for name, _ in headers}
    ours = {**HEADERS, "cache-control": NO_STORE}
    if https:
        ours["strict-transport-security"] = HTTPS_ONLY
    return headers + [
        (name.encode(), value.encode()) for name, value in ours.items() if name.encode() not in said
    ]


def _name(scope: Scope) -> str:
    """The name by which we are asked, without the port."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return urlsplit("//" + host.decode("latin-1")).hostname or ""


async def _plainly(send: Send, status: int, text: str, **more: bytes) -> None:
    """A reply without a page."""
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    headers += [(name.replace("_", "-").encode(), value) for name, value in more.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
