"""Portal (本人の窓): my record, who asked about me, and who looked at my record at the desk.

The list of who asked is read from the public log with the resident's own view key, each entry
proved, and its completeness with it; the page says how far it is complete, and by what. A look at
one's own record is written down, too, as one's own.
"""

from datetime import date, datetime
from typing import Any, Final, NamedTuple

from jukinet.client.entries import Entry, Key
from jukinet.client.mirror import Mirror
from jukinet.client.statement import Statement, statement
from jukinet.client.view_key import ViewKey
from jukinet.errors import Malformed, Refused
from jukinet.law.leaf import JAPAN, BundleLeaf
from jukinet.law.record import written_out
from jukinet.law.schedule import load
from jukinet.names.characters import refuse_unfit
from jukinet.nodes.looking import Looking, Shown
from jukinet.register import looks
from jukinet.register.looks import Screen
from jukinet.web.desk.records import DELETIONS, SEXES
from jukinet.web.desk.search import number_of
from jukinet.web.marks import mark
from jukinet.web.observatory import agency_name
from jukinet.web.routes import Routes
from jukinet.web.tongues import Tongue
from jukinet.web.visit import Content, Missing, Moved, Page, Reply, Role, Visit

routes = Routes()

VIEW_KEY: Final = "view_key"
WORDS_MAX: Final = 120
KINDS: Final = {
    "confirm": mark("whether what they have is the same"),
    "standing": mark("whether you live there"),
    "items": mark("these items"),
    "changes": mark("what has changed since a day"),
}
ITEMS: Final = {
    "name": mark("name"),
    "birth_date": mark("birth date"),
    "sex": mark("sex"),
    "address": mark("address"),
}
HOLDERS: Final = {
    "self": mark("to you"),
    "guardian": mark("to a legal representative"),
    "proxy": mark("to a proxy"),
}
SCREENS: Final = {
    Screen.SEARCH: mark("in a list of those found"),
    Screen.RECORD: mark("your record"),
    Screen.HISTORY: mark("its history"),
    Screen.FORM: mark("while a notification was taken"),
    Screen.CERTIFICATE: mark("for a certificate"),
    Screen.SELF: mark("you yourself, on this page"),
}


class Asked(NamedTuple):
    """One disclosure, as the resident reads it."""

    at: datetime
    agency: str
    affair: str
    row: str
    kind: str
    items: list[str]
    official: str
    leaf: int
    place: int  # in the chain, from 1
    many: bool
    gone: bool
    objection: str
    answer: str

    def __repr__(self) -> str:
        return "<Asked>"


class Given(NamedTuple):
    """A view key that was given out."""

    at: datetime
    holder: str
    valid_to: date | None
    leaf: int


@routes.get("/portal", Role.RESIDENT)
def mine(visit: Visit) -> Reply:
    """My own record, and what I can do here."""
    record = _mine(visit).today
    return Page(
        "portal/mine.html",
        {
            "record": record,
            "address": written_out(record.address),
            "sexes": SEXES,
            "deletions": DELETIONS,
        },
    )


@routes.get("/portal/asked", Role.RESIDENT)
def asked(visit: Visit) -> Reply:
    """Who asked about me, once there is a view key to read it with."""
    key = visit.signed_in.kept.get(VIEW_KEY)
    if not isinstance(key, ViewKey):
        return Page("portal/key.html", {"refused": ""})
    found = statement(key, Mirror(visit.house.read), visit.house.watch.policy)
    return Page("portal/asked.html", _said(found, visit))


@routes.post("/portal/asked", Role.RESIDENT)
def key_given(visit: Visit) -> Reply:
    """A view key is given for this session; that it was stands on the list itself."""
    who = visit.signed_in.who
    try:
        visit.signed_in.keep(VIEW_KEY, visit.house.view_key(who.town, _mine(visit).today))
    except Refused as error:
        return Page("portal/key.html", {"refused": str(error)}, status=409)
    return Moved("/portal/asked")


@routes.post("/portal/object", Role.RESIDENT)
def objected(visit: Visit) -> Reply:
    """I object to an entry; the agency must answer, and only I read what was said."""
    key, text = visit.signed_in.kept.get(VIEW_KEY), visit.sent("text")
    if not isinstance(key, ViewKey):
        return Moved("/portal/asked")
    try:
        refuse_unfit(text, field="text", length_max=WORDS_MAX)
        visit.house.object_to(key, number_of(visit.sent("place")) - 1, text)
    except (Malformed, Refused) as error:
        found = statement(key, Mirror(visit.house.read), visit.house.watch.policy)
        shows = {**_said(found, visit), "refused": str(error)}
        return Page("portal/asked.html", shows, status=422)
    return Moved("/portal/asked")


@routes.get("/portal/view-key", Role.RESIDENT)
def view_key(visit: Visit) -> Reply:
    """The view key as a file, to read the list elsewhere with other tools."""
    key = visit.signed_in.kept.get(VIEW_KEY)
    if not isinstance(key, ViewKey):
        raise Missing("view key: ask for one on the page before")
    return Content(key.encode(), "application/json", "mine.viewkey")


@routes.get("/portal/looked", Role.RESIDENT)
def looked(visit: Visit) -> Reply:
    """Who looked at my record at the desk."""
    who = visit.signed_in.who
    with visit.house.towns[who.town].store.begin() as tx:
        rows = looks.looks_at(tx, who.person)
    return Page(
        "portal/looked.html",
        {"looks": [(datetime.fromisoformat(row.at), row) for row in rows], "screens": SCREENS},
    )


def _mine(visit: Visit) -> Shown:
    who = visit.signed_in.who
    store = visit.house.towns[who.town].store
    return Looking(store, "self", visit.now).look(who.person, screen=Screen.SELF)


# --- the list -------------------------------------------------------------------------------------


def _said(found: Statement, visit: Visit) -> dict[str, Any]:
    entries = [_asked(entry, visit.tongue) for entry in found.entries]
    return {
        "found": found,
        "entries": sorted(entries, key=lambda one: one.at, reverse=True),
        "given": [_given(key) for key in found.keys],
        "agencies": sorted({one.agency for one in entries}),
        "witnesses": [
            (one.name, datetime.fromtimestamp(one.time_seconds, JAPAN)) for one in found.cosigned
        ],
        "holders": HOLDERS,
        "kinds": KINDS,
        "refused": "",
    }


def _asked(entry: Entry, tongue: Tongue) -> Asked:
    leaf, body = entry.leaf, entry.body
    row = body.row if body else leaf.row
    return Asked(
        at=datetime.fromisoformat(leaf.time),
        agency=agency_name(body.agency if body else leaf.agency, tongue),
        affair=_affair(row, body.affair if body else "", tongue),
        row=row,
        kind=leaf.kind,
        items=[ITEMS.get(item, item) for item in leaf.items],
        official=body.official if body else "",
        leaf=entry.leaf_index,
        place=entry.place + 1,
        many=isinstance(leaf, BundleLeaf),
        gone=body is None,
        objection=_words(entry.objection),
        answer=_words(entry.answer),
    )


def _affair(row: str, said: str, tongue: Tongue) -> str:
    """What the row is for: in Japanese where the schedules still say the same of it."""
    grant = load().grants.get(row)
    if grant is None or (said and said != grant.affair):
        return said
    return grant.affair_ja if tongue.japanese else grant.affair


def _words(one: Any) -> str:
    return str(one.body.text) if one and one.body else ""


def _given(key: Key) -> Given:
    body = key.body
    return Given(
        at=datetime.fromisoformat(key.leaf.time),
        holder=HOLDERS[body.holder] if body else "",
        valid_to=date.fromisoformat(body.valid_to) if body else None,
        leaf=key.leaf_index,
    )
