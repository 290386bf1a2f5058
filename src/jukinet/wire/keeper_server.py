"""A keeper's server (保管者の受付): messages of the line over HTTP, and what its operator sees.

    POST /step      a message (MessagePack), answered by a list of messages
    GET  /          name, key, epoch, and how long its own log is, as lines of text
    GET  /health    the same as JSON; 200 where it works, 503 where it has no shares yet
    GET  /metrics   in numbers, as Prometheus reads them

Messages are taken one at a time. One that is longer than any can be is not read to its end (413);
what is no message for this keeper is refused (400), what it may not do now, too (403). Where its
store or disk fails the answer is 503, and nothing was given.

It speaks plain HTTP: for the open net, put a server in front that speaks TLS. It believes nobody
for the way that he came: orders carry an agency's signature and a leaf of the public log, words of
a ceremony those of the keepers. Nothing that goes out is about a person.

Source: Prometheus text exposition format 0.0.4.
"""

from asyncio import to_thread
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock
from typing import Any, NamedTuple

import msgspec
from litestar import Litestar, Request, Response, get, post

from jukinet.errors import JukinetError, Malformed, Refused
from jukinet.nodes.message import Message, decode, encode_all
from jukinet.nodes.office import NO_EPOCH
from jukinet.nodes.seat import Seat
from jukinet.wire.remote_keeper import MEDIA_TYPE, OK, PATH

TEXT_TYPE = "text/plain; charset=utf-8"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MESSAGE_SIZE_MAX = 64 * 1024 * 1024
NO_MESSAGE, NOT_ALLOWED, UNABLE = 400, 403, 503
STATUSES = (OK, NO_MESSAGE, NOT_ALLOWED, UNABLE)


class Reply(NamedTuple):
    """What is answered."""

    status: int
    body: bytes
    media_type: str = MEDIA_TYPE


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a keeper stands."""

    name: str
    verify: str  # hexadecimal
    works: bool
    epoch: int
    keys: int
    logged: int


class Desk:
    """One keeper, asked by many at once and answering one after the other."""

    def __init__(self, seat: Seat, clock: Callable[[], datetime]) -> None:
        self._seat = seat
        self._clock = clock
        self._one_at_a_time = Lock()
        self._replies: Counter[int] = Counter()

    def answer(self, content: bytes) -> Reply:
        """The reply to the body of a message."""
        with self._one_at_a_time:
            try:
                reply = Reply(OK, self._step(content))
            except Malformed as error:
                reply = _said(NO_MESSAGE, error)
            except Refused as error:
                reply = _said(NOT_ALLOWED, error)
            except (JukinetError, OSError) as error:
                reply = _said(UNABLE, error)
            self._replies[reply.status] += 1
        return reply

    def _step(self, content: bytes) -> bytes:
        message = decode(content)
        if message.receiver != self._seat.name:
            raise Malformed(f"message: is not for {self._seat.name}, who is asked here")
        out = self._seat.step(message, self._clock())
        return encode_all([one for one in out if isinstance(one, Message)])

    def health(self) -> Health:
        """How the keeper stands."""
        with self._one_at_a_time:
            standing, keeper = self._seat.office.standing(), self._seat.keeper
            held, logged = self._seat.office.held, self._seat.logged()
        return Health(
            name=self._seat.name,
            verify=standing.verify.hex(),
            works=keeper is not None,
            epoch=standing.epoch,
            keys=len(held.sharing.keys) if held else 0,
            logged=logged,
        )

    def status(self) -> str:
        """The same, as a person reads it."""
        found = self.health()
        epoch = "none" if found.epoch == NO_EPOCH else f"{found.epoch}, {found.keys} keys"
        return (
            f"keeper {found.name}\nkey {found.verify}\nepoch {epoch}\n"
            f"works {'yes' if found.works else 'no'}\nlog {found.logged} lines\n"
        )

    def metrics(self) -> str:
        """How often each status was said since the start, and how it stands."""
        found = self.health()
        with self._one_at_a_time:
            replies = Counter(self._replies)
        lines = [
            "# HELP jukinet_keeper_replies_total Answers since the start, by status.",
            "# TYPE jukinet_keeper_replies_total counter",
            *[
                f'jukinet_keeper_replies_total{{status="{status}"}} {replies[status]}'
                for status in STATUSES
            ],
        ]
        for name, says, value in (
            ("epoch", "Of the shares that count; -1 where there are none.", found.epoch),
            ("works", "Whether it answers orders.", int(found.works)),
            ("log_lines", "Lines of its own log.", found.logged),
        ):
            full = f"jukinet_keeper_{name}"
            lines += [f"# HELP {full} {says}", f"# TYPE {full} gauge", f"{full} {value}"]
        return "".join(f"{line}\n" for line in lines)


def application(seat: Seat, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Litestar:
    """The web application of one keeper."""
    desk = Desk(seat, clock)

    @post(f"/{PATH}", status_code=OK)
    async def step(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Do what a message asks, or say why not."""
        reply = await to_thread(desk.answer, await request.body())
        return Response(reply.body, status_code=reply.status, media_type=reply.media_type)

    @get("/", sync_to_thread=True)
    def status() -> Response[str]:
        """What a person wants to see."""
        return Response(desk.status(), media_type=TEXT_TYPE)

    @get("/health", sync_to_thread=True)
    def health() -> Response[Health]:
        """Whether it works."""
        found = desk.health()
        return Response(found, status_code=OK if found.works else UNABLE)

    @get("/metrics", sync_to_thread=True)
    def metrics() -> Response[str]:
        """What a monitor wants to see."""
        return Response(desk.metrics(), media_type=METRICS_TYPE)

    return Litestar(
        [step, status, health, metrics],
        request_max_body_size=MESSAGE_SIZE_MAX,
        openapi_config=None,
        logging_config=None,
    )


def _said(status: int, error: Exception) -> Reply:
    sentence = str(error) if isinstance(error, JukinetError) else "its disk fails; see to it"
    return Reply(status, f"{sentence}\n".encode(), TEXT_TYPE)
