"""Records (住民票の画面): one record with its household, and its history as of any day.

"As of" is the day in the world, "as known on" the day in the book: together they show what the
register said then. A record under support measures is opened only after the clerk has said why, and
the reason stands in the log of looks.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from jukinet.errors import Malformed, Refused
from jukinet.law.record import DeletionCause, written_out
from jukinet.names import era
from jukinet.names.characters import refuse_unfit
from jukinet.nodes.looking import Shown
from jukinet.register.entries import Entry
from jukinet.register.looks import Screen
from jukinet.web.desk.search import looking, town_name
from jukinet.web.forms import Form
from jukinet.web.marks import mark
from jukinet.web.routes import Routes
from jukinet.web.visit import Missing, Moved, Page, Reply, Role, Visit

routes = Routes()

SEXES: Final = {"female": mark("female"), "male": mark("male"), "unstated": mark("not stated")}
WHY_MAX: Final = 200
DELETIONS: Final = {
    DeletionCause.MOVED_OUT: mark("moved out"),
    DeletionCause.DIED: mark("died"),
    DeletionCause.EX_OFFICIO: mark("deleted ex officio"),
    DeletionCause.NEVER_WAS: mark("the entry was taken back"),
    DeletionCause.UNITED: mark("united with another record of the same person"),
}
CAUSES: Final = {
    "move_in": mark("move-in"),
    "move_inside": mark("move inside the town"),
    "move_out": mark("move-out notified"),
    "household_change": mark("change of household"),
    "birth": mark("birth"),
    "death": mark("death"),
    "ex_officio_entry": mark("entry ex officio"),
    "ex_officio_correction": mark("correction ex officio"),
    "ex_officio_deletion": mark("deletion ex officio"),
    "double_registration": mark("two records united"),
    "name_change": mark("change of name"),
    "naturalisation": mark("naturalisation"),
    "loss_of_nationality": mark("loss of nationality"),
    "status_change": mark("change of status of residence"),
    "code_change": mark("change of the code"),
    "re_registration": mark("restoration"),
    "measure_request": mark("support measures"),
    "cancellation": mark("cancellation"),
    "moved_in_elsewhere": mark("moved in elsewhere"),
    "move_out_due": mark("planned move abroad came due"),
    "attachment_arrived": mark("the former town's certificate came"),
    "measures_arrived": mark("another town's word on support measures"),
}
FIELDS: Final = {
    "code": mark("Resident record code"),
    "individual_number": mark("Individual number"),
    "name": mark("Name"),
    "birth_date": mark("Birth date"),
    "sex": mark("Sex"),
    "address": mark("Address"),
    "household": mark("Household"),
    "relationship": mark("Relationship to the head"),
    "resident_since": mark("Resident since"),
    "address_since": mark("At this address since"),
    "previous_address": mark("Previous address"),
    "family_register": mark("Family register"),
    "foreigner": mark("Nationality and status"),
    "planned": mark("Planned move-out"),
    "deleted": mark("Deletion"),
    "measures": mark("Support measures"),
    "attachment": mark("Technical attachment"),
    "former_town": mark("Former town"),
}


@routes.get("/desk/records/{number:int}", Role.CLERK, takes="as_of known_on")
def record(visit: Visit) -> Reply:
    """One record and its household."""
    return _shown(visit, "desk/record.html", Screen.RECORD)


@routes.get("/desk/records/{number:int}/history", Role.CLERK, takes="as_of known_on")
def history(visit: Visit) -> Reply:
    """All entries of one record."""
    return _shown(visit, "desk/history.html", Screen.HISTORY)


@routes.post("/desk/records/{number:int}/open", Role.CLERK)
def open_protected(visit: Visit) -> Reply:
    """A clerk has said why a protected record is to be opened."""
    number, why = visit.params["number"], visit.sent("why")
    try:
        refuse_unfit(why, field="why", length_max=WHY_MAX)
    except Malformed as error:
        return _protected(number, error)
    looking(visit).look(number, why=why)
    visit.signed_in.opened.add(number)
    return Moved(f"/desk/records/{number}")


def opened(visit: Visit, number: int) -> bool:
    """Whether a record may be shown now: it is not protected, or the clerk has said why."""
    return number in visit.signed_in.opened or not looking(visit).hidden(number)


def _shown(visit: Visit, template: str, screen: Screen) -> Reply:
    number = visit.params["number"]
    if not opened(visit, number):
        return _protected(number)
    form = Form({name: [value] for name, value in visit.query.items()})
    as_of = _day(form, "as_of")
    known_on = _day(form, "known_on")
    try:
        shown = looking(visit).look(
            number,
            as_of=as_of if form.sound else None,
            known_on=known_on if form.sound else None,
            screen=screen,
        )
    except Refused as error:
        if not (as_of or known_on):
            raise Missing(str(error)) from None
        form.refused = str(error)
        shown = looking(visit).look(number, screen=screen)
        as_of = known_on = None
    return Page(
        template,
        {
            **_said(shown),
            "form": form,
            "then": (as_of, known_on) if as_of or known_on else None,
            "town": town_name(visit),
        },
    )


def _said(shown: Shown) -> Mapping[str, Any]:
    reversed_ = {number for entry in shown.entries for number in entry.reverses}
    return {
        "record": shown.record,
        "today": shown.today,
        "members": shown.members,
        "address": written_out(shown.record.address),
        "entries": [
            (entry, _sets(entry), entry.number in reversed_) for entry in reversed(shown.entries)
        ],
        "sexes": SEXES,
        "causes": CAUSES,
        "deletions": DELETIONS,
    }


def _sets(entry: Entry) -> list[str]:
    """The names of what an entry sets; what nobody at a desk needs to hear of is left out."""
    return [FIELDS[name] for name in entry.changes.fields() if name != "attachment"]


def _day(form: Form, name: str) -> date | None:
    found = form.read(name, lambda text: era.parse(text, field="day"), need=False)
    if found is not None and found.date is None:
        form.amiss[name] = "day: month and day are missing; write them, or 月日不詳"
        return None
    return found.date if found else None


def _protected(number: int, error: Malformed | None = None) -> Page:
    return Page("desk/protected.html", {"number": number, "sentence": str(error) if error else ""})
