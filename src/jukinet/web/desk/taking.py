"""Taking (届出の受付): from an empty form to an accepted notification, in steps without a script.

A form is sent to its own address with a step: look an address up, add a person, check, show what
the register will read, accept. Everything typed comes along in the form itself, so a clerk can go
back and nothing is kept on the server. The number of the notification is drawn with the empty form:
sent twice, it is one notification.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.law import notification as law
from jukinet.law.record import STEPS as RELATIONSHIPS
from jukinet.law.record import Record, ResidentClass
from jukinet.nodes.message import Filed, Filing, Message, NotFiled
from jukinet.register import book, transfers, writing
from jukinet.register.finding import Question
from jukinet.register.looks import Screen
from jukinet.register.worksheet import Accepted
from jukinet.web.desk import reading
from jukinet.web.desk.reading import About, movers_of
from jukinet.web.desk.records import CAUSES, SEXES, opened
from jukinet.web.desk.saying import changes, tried
from jukinet.web.desk.search import looking, node_of, number_of, town_name
from jukinet.web.forms import Form
from jukinet.web.marks import mark
from jukinet.web.postal import Area, areas
from jukinet.web.routes import Routes
from jukinet.web.visit import Live, Missing, Moved, Page, Reply, Role, Visit

routes = Routes()

DESK: Final = "desk"
FIRST: Final = ("世帯主", "妻", "夫", "子", "父", "母", "子の妻", "子の夫", "子の子")


class Kind(NamedTuple):
    """A kind of notification that this desk takes."""

    id: str
    title: str
    lead: str
    read: Callable[[Form, About], law.Notification | None]
    needs_record: bool = True
    enters: bool = False  # it makes new records


KINDS: Final = {
    kind.id: kind
    for kind in (
        Kind(
            "move-in",
            mark("Move-in"),
            mark("Within 14 days after the move (art. 22)."),
            reading.move_in,
            needs_record=False,
            enters=True,
        ),
        Kind(
            "move-inside",
            mark("Move inside the town"),
            mark("Within 14 days after the move (art. 23)."),
            reading.move_inside,
        ),
        Kind(
            "move-out",
            mark("Move-out"),
            mark("Beforehand; the record stands until the new town's notice comes (art. 24)."),
            reading.move_out,
        ),
        Kind(
            "birth",
            mark("Birth"),
            mark("A new record with a new code, in the household of a parent."),
            reading.birth,
            enters=True,
        ),
        Kind(
            "death",
            mark("Death"),
            mark("By the family register's notice; a head's household may name the next one."),
            reading.death,
        ),
        Kind(
            "household-change",
            mark("Change of household"),
            mark("Within 14 days after the change (art. 25)."),
            reading.household_change,
        ),
        Kind(
            "measures",
            mark("Support measures"),
            mark("The person and those who live with them are hidden from whoever asks (art. 12)."),
            reading.measures,
        ),
        Kind(
            "code-change",
            mark("Change of the code"),
            mark("At any time, and no reason is asked (art. 30-4)."),
            reading.code_change,
        ),
    )
}
# The first words of a refusal, and the field that they are about.
BLAMED: Final = {
    "event date": "event_date",
    "notice date": "event_date",
    "postal code": "postal",
    "address": "town",
    "household": "household",
    "destination": "destination",
    "municipality": "came_from",
    "code": "m0_code",
    "birth date": "m0_birth",
    "relationship": "m0_rel",
    "status": "m0_status",
    "period": "m0_until",
    "persons": "goes",
    "placements": "goes",
    "until": "until",
}


@routes.get("/desk/take/{kind:str}", Role.CLERK, takes="record")
def empty(visit: Visit) -> Reply:
    """An empty form."""
    kind = _kind(visit)
    form = Form(number=f"{DESK}-{visit.sessions.fresh_token()[:16]}", record=visit.asked("record"))
    about = _about(visit, kind, form)
    if kind.id == "birth":
        _as_the_parents(form, about)
    if kind.id in ("move-inside", "household-change"):
        for one in about.members:  # most often a household moves as it is
            form.put(f"rel_{one.number}", one.relationship.text)
    return _form_page(visit, kind, form, about)


@routes.post("/desk/take/{kind:str}", Role.CLERK)
def taken(visit: Visit) -> Reply:
    """A step of a form."""
    kind, form = _kind(visit), Form(visit.form)
    about = _about(visit, kind, form)
    step = _STEPS.get(form["step"], _confirm)
    return step(visit, kind, form, about)


@routes.get("/desk/filings/{number:path}", Role.CLERK)
def filing(visit: Visit) -> Reply:
    """A notification that was accepted, and what it touched."""
    number = str(visit.params["number"]).removeprefix("/")
    return Page("desk/filing.html", _filing(visit, number))


@routes.get("/desk/cancel", Role.CLERK, takes="number")
def cancel(visit: Visit) -> Reply:
    """Whether a notification is really to be cancelled."""
    return Page("desk/cancel.html", {**_filing(visit, visit.asked("number")), "refused": ""})


@routes.post("/desk/cancel", Role.CLERK)
def cancelled(visit: Visit) -> Reply:
    """A notification is cancelled, by further entries."""
    number = visit.sent("number")
    today = visit.today
    filed = law.Filed(
        number=visit.sent("own"), event_date=today, notice_date=today, who=law.Who.OFFICE,
        proof=law.Proof.OFFICE_PAPER,
    )  # fmt: skip
    refused = _file(visit, law.Cancellation(filed=filed, cancels=number))
    if refused:
        return Page("desk/cancel.html", {**_filing(visit, number), "refused": refused})
    return Moved(f"/desk/filings/{number}")


# --- steps --------------------------------------------------------------------------------------


def _edit(visit: Visit, kind: Kind, form: Form, about: About) -> Reply:
    return _form_page(visit, kind, form, about)


def _look_up(visit: Visit, kind: Kind, form: Form, about: About) -> Reply:
    """An address from its postal code, where it lies in this town."""
    here = _areas_here(form, about)
    if here:
        form.put("town", here[0].town)
    else:
        form.amiss["postal"] = NOT_HERE
    return _form_page(visit, kind, form, about)


def _more(visit: Visit, kind: Kind, form: Form, about: About) -> Reply:
    form.put("count", str(min(len(movers_of(form)) + 1, reading.MOVERS_MAX)))
    return _form_page(visit, kind, form, about)


def _take_over(visit: Visit, kind: Kind, form: Form, about: About) -> Reply:
    """The people of the certificates that were ticked."""
    with node_of(visit).store.begin() as tx:
        waiting = {row.code: row for row in transfers.all_waiting(tx)}
    ticked = [waiting[code] for code in form.all("take") if code in waiting]
    reading.from_certificates(form, ((row.town, transfers.content_of(row)) for row in ticked))
    return _form_page(visit, kind, form, about)


def _check(visit: Visit, kind: Kind, form: Form, about: About) -> Reply:
    """What is amiss so far, while the clerk types."""
    _try(visit, kind, form, about)
    shows = {"form": form, "kind": kind, "labels": LABELS}
    if visit.live is Live.PART:
        return Page("desk/checks.html", shows)
    return _form_page(visit, kind, form, about)


def _confirm(visit: Visit, kind: Kind, form: Form, about: About) -> Reply:
    """What the register will read, and who may be the same person."""
    accepted = _try(visit, kind, form, about)
    if accepted is None:
        return _form_page(visit, kind, form, about)
    return _confirm_page(visit, kind, form, about, accepted)


def _accept(visit: Visit, kind: Kind, form: Form, about: About) -> Reply:
    """It is filed, unless somebody alike has not been looked at; filed twice, it is one."""
    if _stands(visit, form["number"]):
        return Moved(f"/desk/filings/{form['number']}")
    accepted = _try(visit, kind, form, about)
    if accepted is None:
        return _form_page(visit, kind, form, about)
    if _alike(visit, accepted) and form["apart"] != "yes":
        form.amiss["apart"] = LOOK_FIRST
        return _confirm_page(visit, kind, form, about, accepted)
    notification = kind.read(form, about)
    assert notification is not None
    refused = _file(visit, notification)
    if refused:
        form.blame(refused, BLAMED)
        return _form_page(visit, kind, form, about)
    return Moved(f"/desk/filings/{notification.filed.number}")


_STEPS: Final[Mapping[str, Callable[[Visit, Kind, Form, About], Reply]]] = {
    "edit": _edit,
    "postal": _look_up,
    "more": _more,
    "take": _take_over,
    "check": _check,
    "confirm": _confirm,
    "accept": _accept,
}
NOT_HERE: Final = mark("this postal code has no area in this town; type the town's name below")
LOOK_FIRST: Final = mark("look at them first, and say that it is another person")
LABELS: Final = {
    "event_date": mark("Day of the event"),
    "who": mark("Who appeared"),
    "proof": mark("How identity was proved"),
    "name": mark("Name"),
    "kana": mark("Reading of the name"),
    "birth": mark("Birth date"),
    "sex": mark("Sex"),
    "rel": mark("Relationship to the head"),
    "code": mark("Resident record code"),
    "domicile": mark("Family register: place"),
    "first": mark("Family register: first named"),
    "nationality": mark("Nationality"),
    "class": mark("Class of residence"),
    "status": mark("Status of residence"),
    "until": mark("End of the period"),
    "postal": mark("Postal code"),
    "town": mark("Town area"),
    "block": mark("Block and number"),
    "building": mark("Building and room"),
    "household": mark("Household number"),
    "came_from": mark("Former town"),
    "destination": mark("New town"),
    "goes": mark("Who"),
    "apart": mark("Alike"),
    "measure": mark("What is to be done"),
    "threat": mark("Protection from"),
}
CLASSES: Final = {
    ResidentClass.MID_LONG_TERM: mark("mid- or long-term resident"),
    ResidentClass.SPECIAL_PERMANENT: mark("special permanent resident"),
    ResidentClass.PROVISIONAL: mark("provisional stay"),
    ResidentClass.TRANSITIONAL: mark("transitional (60 days)"),
}


# --- what the steps share --------------------------------------------------------------------


def _kind(visit: Visit) -> Kind:
    kind = KINDS.get(visit.params["kind"])
    if kind is None:
        raise Missing("desk: there is no such form")
    return kind


def _about(visit: Visit, kind: Kind, form: Form) -> About:
    """Whom the form is about; the look at the record is written down."""
    town = node_of(visit).town
    if not kind.needs_record:
        return About(town, visit.today, None, ())
    number = number_of(form["record"])
    if not opened(visit, number):
        raise Refused(f"record {number}: it is protected; open the record first and say why")
    shown = looking(visit).look(number, screen=Screen.FORM)
    return About(town, visit.today, shown.today, shown.members)


def _try(visit: Visit, kind: Kind, form: Form, about: About) -> Accepted | None:
    """What the form would amount to, or None and the form says why not."""
    notification = kind.read(form, about)
    if notification is None:
        return None
    try:
        return tried(node_of(visit), notification, visit.house.directory.towns, visit.today)
    except (Malformed, Refused) as error:
        form.blame(str(error), BLAMED)
        return None


def _file(visit: Visit, notification: law.Notification) -> str:
    """Hand a notification to the town's node; why it was refused, or nothing."""
    line, town = visit.house.line, visit.signed_in.who.town
    box = line.listen(DESK)
    box.clear()
    line.post(Message(sender=DESK, receiver=town, body=Filing(notification=notification)))
    line.run()
    for message in box:
        body = message.body
        if isinstance(body, Filed) and body.number == notification.filed.number:
            return ""
        if isinstance(body, NotFiled) and body.number == notification.filed.number:
            return body.reason
    raise OutOfStep("desk: no word from the town's node; look whether it was accepted, then again")


def _stands(visit: Visit, number: str) -> bool:
    with node_of(visit).store.begin() as tx:
        return book.FILINGS.get(tx, number) is not None


def _alike(visit: Visit, accepted: Accepted) -> tuple[Record, ...]:
    """Those in the book who may be one of the people to be entered."""
    found: dict[int, Record] = {}
    for person in accepted.persons:
        record = accepted.after[person]
        if person in accepted.before:
            continue
        reading_ = record.name.reading
        for question in (
            Question(name=record.name.legal.text, birth=record.birth_date),
            Question(kana=reading_.text if reading_ else "", birth=record.birth_date),
        ):
            found |= {one.number: one for one in looking(visit).alike(question)}
    return tuple(found.values())


def _as_the_parents(form: Form, about: About) -> None:
    """A child's family register is most often the parents'; the clerk sees it and may change it."""
    for one in about.members:
        if one.family_register is not None:
            form.put("m0_domicile", one.family_register.place)
            form.put("m0_first", one.family_register.first_named)
            form.put("m0_rel", "子")
            return


# --- pages -----------------------------------------------------------------------------------


def _form_page(visit: Visit, kind: Kind, form: Form, about: About) -> Page:
    waiting: list[Any] = []
    if kind.id == "move-in":
        with node_of(visit).store.begin() as tx:
            waiting = [(row, transfers.content_of(row)) for row in transfers.all_waiting(tx)]
    return Page(
        "desk/take.html",
        {
            **_choices(),
            "kind": kind,
            "form": form,
            "about": about,
            "movers": movers_of(form),
            "waiting": waiting,
            "areas": _areas_here(form, about),
            "town": town_name(visit),
        },
        status=200 if form.sound else 422,
    )


def _areas_here(form: Form, about: About) -> list[Area]:
    """The areas of the postal code that lie in this town."""
    return [one for one in areas(form["postal"]) if one.municipality == about.town.digits]


def _choices() -> Mapping[str, Any]:
    ordered = [*FIRST, *sorted(RELATIONSHIPS.difference(FIRST))]
    return {
        "who": reading.WHO,
        "proofs": reading.PROOFS,
        "sexes": SEXES,
        "classes": CLASSES,
        "steps": reading.STEPS,
        "threats": reading.THREATS,
        "relationships": ordered,
        "labels": LABELS,
    }


def _confirm_page(visit: Visit, kind: Kind, form: Form, about: About, accepted: Accepted) -> Page:
    stated = [form[f"{prefix}code"] for prefix in movers_of(form)]
    return Page(
        "desk/confirm.html",
        {
            "kind": kind,
            "form": form,
            "about": about,
            "changes": changes(accepted, _digits(stated), visit.tongue),
            "late": accepted.late,
            "alike": _alike(visit, accepted) if kind.enters else (),
            "who": reading.WHO,
            "proofs": reading.PROOFS,
            "event_date": accepted.entries[0].event_date,
            "town": town_name(visit),
        },
        status=200 if form.sound else 422,
    )


def _digits(stated: Iterable[str]) -> list[str]:
    return ["".join(one for one in text if one.isdecimal()) for text in stated]


def _filing(visit: Visit, number: str) -> Mapping[str, Any]:
    with node_of(visit).store.begin() as tx:
        row = book.FILINGS.get(tx, number)
        if row is None:
            raise Missing("desk: there is no notification of that number")
        persons, _ = writing.touched_by(row)
        kept = book.records(tx, persons)
    return {
        "filing": row,
        "cause": CAUSES.get(row.kind, row.kind),
        "records": [kept[person].record for person in persons if person in kept],
        "own": f"{DESK}-{visit.sessions.fresh_token()[:16]}",
        "town": town_name(visit),
    }
