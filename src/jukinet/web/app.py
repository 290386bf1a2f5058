"""The application (受付): from a request to a page, and from what goes wrong to words.

Of each request, in this order: is there such a page; may this role see it; are its parameters
known; was the form made by us for this browser. Only then the page is asked, in the house's one
thread. What no page has foreseen is answered with a page, too, and says nothing of anybody.
"""

import json
import traceback
from asyncio import to_thread
from collections.abc import Callable, Iterable
from datetime import datetime
from http import HTTPStatus
from secrets import token_bytes
from time import monotonic
from typing import Any, Final

from litestar import Litestar, Request, Response
from litestar.datastructures import Cookie
from litestar.enums import HttpMethod
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import HTTPRouteHandler

from jukinet.errors import JukinetError, Malformed, OutOfStep, Refused
from jukinet.keys.chance import Chance
from jukinet.law.leaf import JAPAN
from jukinet.web import front, observatory, passkeys, portal
from jukinet.web.desk import records, search, taking, work
from jukinet.web.guard import LOOPBACK, Bucket, Guard
from jukinet.web.house import House, Worker
from jukinet.web.pages import MEDIA_TYPES, made, static
from jukinet.web.routes import Route
from jukinet.web.sessions import Role, Session, Sessions
from jukinet.web.tongues import DEFAULT, choose, tongue
from jukinet.web.visit import (
    Content,
    Live,
    Missing,
    Moved,
    Page,
    Reply,
    SignedIn,
    SignedOut,
    Visit,
)

BODY_BYTES_MAX: Final = 256 * 1024
FIELDS_MAX: Final = 500
TONGUE, SESSION = "jukinet-lang", "jukinet-session"
FORM_TOKEN: Final = "form_token"
HTML: Final = "text/html; charset=utf-8"
PROBLEM: Final = "application/problem+json"

AnyRequest = Request[Any, Any, Any]


def routes() -> list[Route]:
    """Every page there is."""
    tables = (front, passkeys, observatory, search, records, taking, work, portal)
    return [route for module in tables for route in module.routes]


class Reception:
    """What the pages of one server share."""

    def __init__(self, worker: Worker, *, chance: Chance = token_bytes) -> None:
        self.worker = worker
        self.sessions = Sessions(chance)

    async def answer(self, route: Route, request: AnyRequest) -> Response[bytes]:
        """The reply to one request."""
        token = request.cookies.get(SESSION, "")
        form = await _form(request) if route.method == "POST" else {}

        def work(house: House, now: Any) -> Response[bytes]:
            session = self.sessions.of(token, now) if token else None
            visit = self._visit(house, now, request, token, session, form)
            try:
                turned = self._turned_away(route, visit, token)
                reply = turned or route.answer(visit)
            except JukinetError as error:
                reply = _trouble(error, visit)
            response = self._response(reply, visit)
            if "token" in request.state:
                response.set_cookie(_cookie(SESSION, request.state["token"], visit))
            return response

        return await to_thread(self.worker.run, work)

    def trouble(self, request: AnyRequest, status: int) -> Response[bytes]:
        """The reply to a request that no page has taken; it asks the house nothing."""
        visit = self._visit(self.worker.house, datetime.now(JAPAN), request, "", None, {})
        return self._response(_error_page(status, visit), visit)

    def _visit(
        self,
        house: House,
        now: Any,
        request: AnyRequest,
        token: str,
        session: Session | None,
        form: dict[str, list[str]],
    ) -> Visit:
        query = {name: request.query_params[name] for name in request.query_params}
        spoken = query.get("lang") or request.cookies.get(TONGUE, "")
        return Visit(
            path=request.url.path,
            house=house,
            tongue=tongue(choose(spoken, request.headers.get("accept-language", DEFAULT))),
            now=now,
            session=session,
            params=request.path_params,
            query=query,
            form=form,
            form_token=lambda: self.sessions.form_token(self._token(request)),
            sessions=self.sessions,
            live=Live.PART if request.headers.get("hx-request") else Live.WHOLE,
            address=request.client.host if request.client else "",
            origin=f"{request.url.scheme}://{request.url.netloc}",
        )

    def _token(self, request: AnyRequest) -> str:
        """The token of a browser; one that has none is given one, once a page has a form for it."""
        given = request.cookies.get(SESSION)
        if given:
            return str(given)
        fresh: str = request.state.setdefault("token", self.sessions.fresh_token())
        return fresh

    def _turned_away(self, route: Route, visit: Visit, token: str) -> Reply | None:
        """Why a page is not even asked, or None."""
        role = visit.session.who.role if visit.session else Role.ANYBODY
        if not route.open_to(role):
            if visit.session is None and route.method == "GET" and visit.live is Live.WHOLE:
                return Moved("/sign-in")
            return _error_page(HTTPStatus.FORBIDDEN, visit)
        if unknown := sorted(set(visit.query) - route.takes):
            raise Malformed(f"{unknown[0][:40]}: this page knows no such parameter")
        if route.method == "POST" and not self.sessions.form_is_ours(token, visit.sent(FORM_TOKEN)):
            return _error_page(HTTPStatus.FORBIDDEN, visit, "form")
        return None

    def _response(self, reply: Reply, visit: Visit) -> Response[bytes]:
        response = self._plain(reply, visit)
        if "lang" in visit.query and visit.query["lang"] == visit.tongue.code:
            response.set_cookie(_cookie(TONGUE, visit.tongue.code, visit, days=365))
        if isinstance(reply, SignedIn):
            response.set_cookie(_cookie(SESSION, reply.token, visit))
        elif isinstance(reply, SignedOut):
            response.delete_cookie(SESSION)
        return response

    def _plain(self, reply: Reply, visit: Visit) -> Response[bytes]:
        if isinstance(reply, Page):
            return Response(
                made(reply, visit).encode(), status_code=reply.status, headers=_typed(HTML)
            )
        if isinstance(reply, Content):
            headers = _typed(reply.media_type)
            if reply.name:
                headers["content-disposition"] = f'attachment; filename="{reply.name}"'
            return Response(reply.content, status_code=reply.status, headers=headers)
        return Response(b"", status_code=303, headers={"location": reply.to})


def application(
    worker: Worker,
    *,
    chance: Chance = token_bytes,
    clock: Callable[[], float] = monotonic,
    bucket: Bucket | None = None,
    complain: Callable[[str], None] = lambda sentence: None,
    names: frozenset[str] = LOOPBACK,
) -> Guard:
    """The whole application, its guard before it; the worker is opened and closed elsewhere.

    `complain` is told where this program itself went wrong: a line that holds nothing of anybody.
    """
    reception = Reception(worker, chance=chance)

    def trouble(request: AnyRequest, error: Exception) -> Response[Any]:
        status = getattr(error, "status_code", 500)
        if status >= 500:
            complain(_where(error))
        return reception.trouble(request, status)

    app = Litestar(
        [*_handlers(reception, routes()), _static()],
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=None,
        logging_config=None,
        exception_handlers={HTTPException: trouble, 500: trouble},
    )
    return Guard(app, clock, bucket, names)  # type: ignore[arg-type]  # Litestar's own names of scopes


def _where(error: BaseException) -> str:
    """The kind of an unforeseen error and the line it came from; its text may hold anything."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    return f"{type(error).__name__} in {last.name}, line {last.lineno}" if last else ""


def _handlers(reception: Reception, table: Iterable[Route]) -> list[HTTPRouteHandler]:
    return [_handler(reception, route) for route in table]


def _handler(reception: Reception, route: Route) -> HTTPRouteHandler:
    async def page(request: AnyRequest) -> Response[bytes]:
        return await reception.answer(route, request)

    page.__annotations__ = {"request": AnyRequest, "return": Response[bytes]}
    method = HttpMethod(route.method)
    return HTTPRouteHandler(route.path, http_method=method, status_code=200)(page)


def _static() -> HTTPRouteHandler:
    async def got(request: AnyRequest) -> Response[bytes]:
        file = str(request.path_params["file"]).lstrip("/")
        content = static(file)
        if content is None:
            raise NotFoundException
        headers = _typed(MEDIA_TYPES.get(file.rpartition(".")[2], "application/octet-stream"))
        headers["cache-control"] = "public, max-age=31536000, immutable"
        return Response(content, headers=headers)

    return HTTPRouteHandler("/static/{file:path}", http_method=HttpMethod.GET)(got)


async def _form(request: AnyRequest) -> dict[str, list[str]]:
    """The fields of a form; files and what is no form are nothing."""
    kind = request.headers.get("content-type", "").partition(";")[0]
    if kind not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return {}
    found: dict[str, list[str]] = {}
    pairs = list((await request.form()).multi_items())
    for name, value in pairs[:FIELDS_MAX]:
        if isinstance(value, str):
            found.setdefault(name, []).append(value)
    return found


def _trouble(error: JukinetError, visit: Visit) -> Reply:
    """What went wrong, as a page says it."""
    if isinstance(error, Missing):
        return _error_page(HTTPStatus.NOT_FOUND, visit, str(error))
    if isinstance(error, Malformed):
        return _error_page(HTTPStatus.BAD_REQUEST, visit, str(error))
    if isinstance(error, Refused):
        return _error_page(HTTPStatus.CONFLICT, visit, str(error))
    assert isinstance(error, OutOfStep | JukinetError)
    return _error_page(HTTPStatus.SERVICE_UNAVAILABLE, visit, str(error))


def _error_page(status: int, visit: Visit, sentence: str = "") -> Reply:
    if visit.path.endswith((".json", ".csv")):
        return _problem(status, sentence)
    return Page("error.html", {"status": int(status), "sentence": sentence}, status=int(status))


def _problem(status: int, sentence: str) -> Content:
    """What went wrong, for machines (RFC 9457)."""
    phrase = HTTPStatus(status).phrase
    problem = {"type": "about:blank", "title": phrase, "status": int(status), "detail": sentence}
    return Content(json.dumps(problem).encode(), PROBLEM, status=int(status))


def _typed(media_type: str) -> dict[str, str]:
    return {"content-type": media_type}


def _cookie(name: str, value: str, visit: Visit, *, days: int | None = None) -> Cookie:
    return Cookie(
        name,
        "/",
        value=value,
        max_age=days and days * 86400,
        secure=visit.origin.startswith("https:"),
        httponly=True,
        samesite="strict",
    )
