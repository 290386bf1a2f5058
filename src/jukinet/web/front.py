"""Front (玄関): the first page, signing in and out, and the list of one's own sessions.

In a demo, where everybody is made up, whoever comes may choose whom to play; each such page says
so. Where real people live there is no chooser, and nobody signs in without a passkey.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from jukinet.errors import Malformed
from jukinet.law.record import Record
from jukinet.names.display import display_name
from jukinet.nodes.municipality import Municipality
from jukinet.numbers.municipality_code import MunicipalityCode, municipality
from jukinet.register import book
from jukinet.web import passkeys
from jukinet.web.house import House, Sample
from jukinet.web.routes import Routes
from jukinet.web.sessions import Role, Who
from jukinet.web.visit import Missing, Moved, Page, Reply, SignedIn, SignedOut, Visit

routes = Routes()

HOME: Final = {Role.CLERK: "/desk", Role.RESIDENT: "/portal"}
SIGNED_IN: Final = (Role.CLERK, Role.RESIDENT)


class Town(NamedTuple):
    """A town, as a page names it."""

    code: str
    name: str


class Person(NamedTuple):
    """A sample resident who may be played."""

    id: str
    name: str
    town: str

    def __repr__(self) -> str:
        return "<Person>"


@routes.get("/", Role.ANYBODY)
def home(visit: Visit) -> Reply:
    """What there is, and for whom."""
    seen = visit.house.watch.look(visit.now)
    return Page("home.html", {"seen": seen, "towns": len(visit.house.towns)})


@routes.get("/licences", Role.ANYBODY)
def licences(visit: Visit) -> Reply:
    """What others made that these pages use."""
    return Page("licences.html")


@routes.get("/sign-in", Role.ANYBODY)
def sign_in(visit: Visit) -> Reply:
    """The chooser of sample persons; without a demo, why there is none."""
    if visit.session:
        return Moved(HOME[visit.session.who.role])
    return Page(
        "sign_in.html",
        {
            "towns": list(_towns(visit.house)),
            "people": list(_people(visit.house)),
            "options": passkeys.options_to_use(visit),
            "amiss": "",
        },
    )


@routes.post("/sign-in", Role.ANYBODY)
def signed_in(visit: Visit) -> Reply:
    """A sample person was chosen."""
    if not visit.house.synthetic:
        raise Missing("sign-in: there are no sample persons here")
    kind, _, id = visit.sent("as").partition(":")
    who = _clerk(visit.house, id) if kind == "clerk" else _resident(visit.house, id)
    begun = visit.begin(who)
    return SignedIn(begun, HOME[who.role])


@routes.get("/sessions", *SIGNED_IN)
def sessions(visit: Visit) -> Reply:
    """Where one is signed in."""
    return Page("sessions.html", {"sessions": visit.sessions_of(visit.signed_in.who)})


@routes.post("/sign-out", *SIGNED_IN)
def sign_out(visit: Visit) -> Reply:
    """Sign out here, or everywhere."""
    visit.end(everywhere=visit.sent("where") == "everywhere")
    return SignedOut("/")


def _towns(house: House) -> Iterator[Town]:
    for code in house.towns:
        yield Town(code, municipality(MunicipalityCode(code)).full_name)


def _people(house: House) -> Iterator[Person]:
    for sample in house.samples():
        record = _record(house.towns[sample.town], sample.person)
        if record is not None:
            town = municipality(MunicipalityCode(sample.town)).full_name
            yield Person(_id(sample), display_name(record.name.legal), town)


def _clerk(house: House, town: str) -> Who:
    if town not in house.towns:
        raise Malformed("as: choose one of the towns of the list")
    return Who(role=Role.CLERK, id="official-1", name="", town=town)


def _resident(house: House, id: str) -> Who:
    """Only who is on the list can be played."""
    for sample in house.samples():
        record = _record(house.towns[sample.town], sample.person)
        if _id(sample) == id and record is not None:
            name = display_name(record.name.legal)
            return Who(role=Role.RESIDENT, id=id, name=name, town=sample.town, person=sample.person)
    raise Malformed("as: choose one of the persons of the list")


def _record(node: Municipality, person: int) -> Record | None:
    with node.store.begin() as tx:
        kept = book.records(tx, [person]).get(person)
    return kept.record if kept and kept.record.live else None


def _id(sample: Sample) -> str:
    return f"{sample.town}-{sample.person}"
