"""Visit (来訪): one request as a page sees it, and what a page may reply.

A page is a function from a visit to a reply. It knows nothing of HTTP: who may come, forms that
were not sent from our own pages, and unknown parameters were turned away before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from jukinet.errors import JukinetError
from jukinet.web.house import House
from jukinet.web.sessions import Role, Session, Sessions, Who
from jukinet.web.tongues import Tongue


class Missing(JukinetError):
    """There is no such page, or none that may be told of (404)."""


class Live(StrEnum):
    """How far the page's own script may help."""

    WHOLE = "whole"  # a page
    PART = "part"  # htmx asked for a part of one


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One request. Its repr shows nothing of what was typed."""

    path: str
    house: House = field(repr=False)
    tongue: Tongue = field(repr=False)
    now: datetime
    session: Session | None = field(default=None, repr=False)
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    form_token: Callable[[], str] = field(repr=False)
    sessions: Sessions = field(repr=False)
    live: Live = Live.WHOLE
    address: str = field(default="", repr=False)
    origin: str = ""  # scheme and host under which we were asked

    @property
    def today(self) -> date:
        """The day of the visit, in Japan."""
        return self.now.date()

    @property
    def signed_in(self) -> Session:
        """The session of a page that wants one."""
        assert self.session is not None, self.path
        return self.session

    def begin(self, who: Who) -> str:
        """Sign somebody in: the token of the new session; one that stood before ends."""
        if self.session is not None:
            self.sessions.end(self.session)
        return self.sessions.begin(who, self.now)

    def sessions_of(self, who: Who) -> list[Session]:
        """Somebody's sessions."""
        return list(self.sessions.all_of(who, self.now))

    def end(self, *, everywhere: bool) -> None:
        """Sign the visitor out."""
        if everywhere:
            self.sessions.end_all(self.signed_in.who)
        else:
            self.sessions.end(self.signed_in)

    def asked(self, name: str) -> str:
        """A parameter of the address, or nothing."""
        return self.query.get(name, "")

    def sent(self, name: str) -> str:
        """A field of the form that was sent, its last value, or nothing."""
        values = self.form.get(name, ())
        return values[-1].strip() if values else ""


@dataclass(frozen=True)
class Page:
    """A page to be made from a template."""

    template: str
    shows: Mapping[str, Any] = field(default_factory=dict, repr=False)
    status: int = 200


class Moved(NamedTuple):
    """The visitor is led to another page, which is got (303)."""

    to: str


class Content(NamedTuple):
    """Bytes as they are."""

    content: bytes
    media_type: str
    name: str = ""  # where it is to be kept as a file
    status: int = 200

    def __repr__(self) -> str:
        return "<Content>"


class SignedIn(NamedTuple):
    """A new session begins, and the visitor is led on."""

    token: str
    to: str

    def __repr__(self) -> str:
        return "<SignedIn>"


class SignedOut(NamedTuple):
    """The session has ended."""

    to: str


Reply = Page | Moved | Content | SignedIn | SignedOut

__all__ = [
    "Content",
    "Live",
    "Missing",
    "Moved",
    "Page",
    "Reply",
    "Role",
    "SignedIn",
    "SignedOut",
    "Visit",
]
