"""Sessions (認証後の状態): who has signed in, as what, since when; nothing of it is on a disk.

The browser holds a random token, we hold its hash: who reads our memory cannot sign in with it. A
session ends when nothing was done for its idle time, after a day at the latest, when it is signed
out, and when the server stops. Forms carry a token made from the session's, so that no other site
can send one in the visitor's name.

>>> sessions = Sessions(bytes)
>>> from datetime import UTC
>>> noon = datetime(2026, 4, 1, 12, tzinfo=UTC)
>>> token = sessions.begin(Who(role=Role.CLERK, id="clerk-1", name="", town="131016"), noon)
>>> sessions.of(token, noon).who.role, sessions.of(token, noon + timedelta(hours=1)) is None
(<Role.CLERK: 'clerk'>, True)
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac
from typing import Any

from jukinet.keys.chance import Chance

TOKEN_BYTES = 32
IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=10)
CHALLENGED = timedelta(minutes=5)
SESSIONS_MAX = 10_000
DRAFTS_MAX = 20


class Role(StrEnum):
    """As what somebody comes. Every page names the roles that may see it."""

    ANYBODY = "anybody"
    RESIDENT = "resident"  # 本人
    CLERK = "clerk"  # 市区町村の職員


@dataclass(frozen=True, kw_only=True)
class Who:
    """Who has signed in. Its repr shows nobody."""

    role: Role
    id: str = field(repr=False)  # an official's number; town and record number of a resident
    name: str = field(repr=False)
    town: str = ""
    person: int = field(default=0, repr=False)


@dataclass
class Session:
    """One signed-in browser."""

    id: str = field(repr=False)  # what the list of sessions calls it
    who: Who
    since: datetime
    seen: datetime
    opened: set[int] = field(default_factory=set, repr=False)  # protected records, by step-up
    kept: dict[str, Any] = field(default_factory=dict, repr=False)

    def keep(self, name: str, what: Any) -> None:
        """Keep something for the next page; the oldest of too many is forgotten."""
        self.kept[name] = what
        while len(self.kept) > DRAFTS_MAX:
            del self.kept[next(iter(self.kept))]


class Sessions:
    """All sessions of a server."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._secret = chance(TOKEN_BYTES)
        self._by_hash: dict[bytes, Session] = {}
        self._challenges: dict[str, tuple[bytes, datetime]] = {}

    def fresh_token(self) -> str:
        """A token that nobody else has."""
        return urlsafe_b64encode(self._chance(TOKEN_BYTES)).decode().rstrip("=")

    def begin(self, who: Who, now: datetime) -> str:
        """Sign somebody in; the token that the browser is to keep."""
        self._forget(now)
        token = self.fresh_token()
        id = sha256(b"id" + token.encode()).hexdigest()[:16]
        self._by_hash[_hash(token)] = Session(id=id, who=who, since=now, seen=now)
        return token

    def of(self, token: str, now: datetime) -> Session | None:
        """The session of a token, where it stands; it was just used."""
        found = self._by_hash.get(_hash(token))
        if found is None or _over(found, now):
            return None
        found.seen = now
        return found

    def end(self, session: Session) -> None:
        """Sign one out."""
        self._by_hash = {hash: one for hash, one in self._by_hash.items() if one is not session}

    def end_all(self, who: Who) -> None:
        """Sign somebody out everywhere."""
        self._by_hash = {hash: one for hash, one in self._by_hash.items() if one.who != who}

    def all_of(self, who: Who, now: datetime) -> Iterator[Session]:
        """Somebody's sessions, the newest first."""
        mine = [one for one in self._by_hash.values() if one.who == who and not _over(one, now)]
        yield from sorted(mine, key=lambda one: one.since, reverse=True)

    def challenge(self, browser: str, now: datetime) -> bytes:
        """A fresh challenge for a passkey of one browser; the one before counts no more."""
        self._challenges = {
            name: one for name, one in self._challenges.items() if now - one[1] <= CHALLENGED
        }
        while len(self._challenges) >= SESSIONS_MAX:
            del self._challenges[next(iter(self._challenges))]
        fresh = self._chance(TOKEN_BYTES)
        self._challenges[browser] = (fresh, now)
        return fresh

    def take_challenge(self, browser: str, now: datetime) -> bytes | None:
        """The challenge that a browser was given, once; None where there is none, or it is old."""
        found = self._challenges.pop(browser, None)
        return found[0] if found and now - found[1] <= CHALLENGED else None

    def form_token(self, token: str) -> str:
        """What a form carries that was made for the holder of a token."""
        return hmac(self._secret, token.encode(), "sha256").hex()[:32]

    def form_is_ours(self, token: str, form_token: str) -> bool:
        """Whether a form was made by us, for the holder of the token."""
        return bool(token) and compare_digest(self.form_token(token), form_token)

    def _forget(self, now: datetime) -> None:
        """What is over goes; so do the oldest where there are too many."""
        standing = [(hash, one) for hash, one in self._by_hash.items() if not _over(one, now)]
        self._by_hash = dict(standing[-(SESSIONS_MAX - 1) :])


def _over(session: Session, now: datetime) -> bool:
    return now - session.seen > IDLE or now - session.since > LONGEST


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
