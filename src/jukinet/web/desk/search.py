"""Search (検索): the desk's first page, and those whom a question may mean.

Every list of people is written down, each person in it, and so is a search without a hit.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from jukinet.errors import Malformed
from jukinet.names import era, legal
from jukinet.nodes.looking import Looking
from jukinet.nodes.municipality import Municipality
from jukinet.numbers import resident_code
from jukinet.numbers.municipality_code import MunicipalityCode, municipality
from jukinet.register.finding import Question
from jukinet.web.forms import Form
from jukinet.web.routes import Routes
from jukinet.web.visit import Page, Reply, Role, Visit

routes = Routes()
T = TypeVar("T")

NUMBER_DIGITS_MAX: Final = 15
ABOUT: Final = {"search": "name"}


def node_of(visit: Visit) -> Municipality:
    """The town of the clerk who has signed in; there is no other for the desk."""
    return visit.house.towns[visit.signed_in.who.town]


def looking(visit: Visit) -> Looking:
    """What this clerk sees, each look written down."""
    return Looking(node_of(visit).store, visit.signed_in.who.id, visit.now)


def town_name(visit: Visit) -> str:
    """The clerk's town in full."""
    return municipality(MunicipalityCode(visit.signed_in.who.town)).full_name


@routes.get("/desk", Role.CLERK)
def desk(visit: Visit) -> Reply:
    """The desk's first page: the search, and what can be taken."""
    return Page("desk/search.html", {"form": Form(), "found": None, "town": town_name(visit)})


@routes.post("/desk/search", Role.CLERK)
def search(visit: Visit) -> Reply:
    """Those who may be meant. It is a form that is sent: no name stands in an address."""
    form = Form(visit.form)
    found = None
    question = _question(form)
    if form.sound:
        try:
            found = looking(visit).find(question)
        except Malformed as error:
            form.blame(str(error), ABOUT)
    return Page("desk/search.html", {"form": form, "found": found, "town": town_name(visit)})


def _question(form: Form) -> Question:
    return Question(
        name=form.read("name", _name, need=False) or "",
        kana=form.read("kana", _kana, need=False) or "",
        birth=form.read("birth", _parsed(era.parse, "birth date"), need=False),
        code=form.read("code", resident_code.parse, need=False),
        number=form.read("number", number_of, need=False) or 0,
    )


def _name(text: str) -> str:
    return legal.parse(text).text


def _kana(text: str) -> str:
    return legal.parse_reading(text).text


def _parsed(parse: Callable[..., T], field: str) -> Callable[[str], T]:
    return lambda text: parse(text, field=field)


def number_of(text: str) -> int:
    """A record or household number as a form has it, or Malformed."""
    if not (text.isascii() and text.isdecimal() and len(text) <= NUMBER_DIGITS_MAX and int(text)):
        raise Malformed("number: records and households are numbered 1, 2, 3, ...; look it up")
    return int(text)
