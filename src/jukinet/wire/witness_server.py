"""A witness's server (立会人の受付): add-checkpoint over HTTP, and what its operator wants to see.

    POST /add-checkpoint    c2sp.org/tlog-witness; the statuses are in merkle.witnessing
    GET  /                  name, keys, and the last size of each log, as lines of text
    GET  /metrics           the same in numbers, as Prometheus reads them

Nothing that comes or goes is about a person. Questions are answered one at a time; one that is
longer than any can be is not read to its end (413). Where the witness's own store fails the answer
is 503, and nothing was signed.

It speaks plain HTTP: for the open net, put a server in front that speaks TLS. The question's
signature is the only authentication, as the protocol has it.

Source: C2SP tlog-witness; Prometheus text exposition format 0.0.4.
"""

from asyncio import to_thread
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from litestar import Litestar, Request, Response, get, post

from jukinet.errors import JukinetError
from jukinet.merkle.witnessing import PATH, QUESTION_SIZE_MAX, STATUSES, TEXT_TYPE, UNABLE, Reply
from jukinet.nodes.witness import FORK, RULE, UNJOINED, Witness

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Desk:
    """One witness, asked by many at once and answering one after the other."""

    def __init__(self, witness: Witness, clock: Callable[[], datetime]) -> None:
        self._witness = witness
        self._clock = clock
        self._one_at_a_time = Lock()
        self._replies: Counter[int] = Counter()

    def answer(self, content: bytes) -> Reply:
        """The reply to the body of a question."""
        with self._one_at_a_time:
            try:
                reply = self._witness.add_checkpoint(content, self._clock())
            except JukinetError as error:
                reply = Reply(UNABLE, f"{error}\n".encode())
            self._replies[reply.status] += 1
        return reply

    def status(self) -> str:
        """Name, keys and sizes."""
        with self._one_at_a_time:
            seen = self._witness.seen()
        lines = [
            f"witness {self._witness.name}",
            *[f"key {vkey}" for vkey in self._witness.vkeys],
            *[f"log {row.origin} {row.size}" for row in seen],
        ]
        return "".join(f"{line}\n" for line in lines)

    def metrics(self) -> str:
        """How often each status was said since the start; sizes and evidence as they stand."""
        with self._one_at_a_time:
            seen, evidence = self._witness.seen(), self._witness.evidence()
            replies = Counter(self._replies)
        held = Counter((row.origin, row.why) for row in evidence)
        origins = [row.origin for row in seen] + [row.origin for row in evidence]
        return "".join(
            [
                *_metric(
                    "replies_total",
                    "counter",
                    "Answers to add-checkpoint since the start, by status; 200 is cosigned.",
                    {f'status="{status}"': replies[status] for status in STATUSES},
                ),
                *_metric(
                    "size",
                    "gauge",
                    "The size of the last checkpoint that was cosigned.",
                    {f'origin="{_escaped(row.origin)}"': row.size for row in seen},
                ),
                *_metric(
                    "evidence",
                    "gauge",
                    "Checkpoints that a log signed and this witness did not; a fork is proved.",
                    {
                        f'origin="{_escaped(origin)}",why="{why}"': held[origin, why]
                        for origin in dict.fromkeys(origins)
                        for why in (FORK, RULE, UNJOINED)
                    },
                ),
            ]
        )


def application(
    witness: Witness, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Litestar:
    """The web application of one witness."""
    desk = Desk(witness, clock)

    @post(f"/{PATH}", status_code=200)
    async def add_checkpoint(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Cosign, or say why not."""
        reply = await to_thread(desk.answer, await request.body())
        return Response(
            reply.body,
            status_code=reply.status,
            headers={"Content-Type": reply.media_type},  # as it is: media_type adds a charset
        )

    @get("/", sync_to_thread=True)
    def status() -> Response[str]:
        """What a person wants to see."""
        return Response(desk.status(), media_type=TEXT_TYPE)

    @get("/metrics", sync_to_thread=True)
    def metrics() -> Response[str]:
        """What a monitor wants to see."""
        return Response(desk.metrics(), media_type=METRICS_TYPE)

    return Litestar(
        [add_checkpoint, status, metrics],
        request_max_body_size=QUESTION_SIZE_MAX,
        openapi_config=None,
        logging_config=None,
    )


def _metric(name: str, kind: str, says: str, values: dict[str, int]) -> Iterator[str]:
    full = f"jukinet_witness_{name}"
    yield f"# HELP {full} {says}\n# TYPE {full} {kind}\n"
    for labels, value in values.items():
        yield f"{full}{{{labels}}} {value}\n"


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"")
