"""Mass change (住民票コードの一斉変更): whose codes are changed after an incident, and how far.

A plan is fixed before anybody approves it: which records, and which code each bore then. An
approval is of that plan and no other (its digest), and two officials must have given one. Each
person of it stands in one state; the state changes in the transaction that changes the code, so
whatever ends the process, each person's code is changed once. Who has had another code since, or is
gone, is left as he or she is.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import MetaData, bindparam, func, select

from jukinet.errors import Malformed, Refused
from jukinet.names.match import name_key
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register import book, codes
from jukinet.store.engine import Statement, Transaction
from jukinet.store.rows import Rows, blob, integer, text

METADATA = MetaData()

APPROVALS_WANTED: Final = 2
INCIDENT_MAX: Final = 500
OFFICIAL_MAX: Final = 60

WAITING, CHANGED, SINCE, GONE, REFUSED = "waiting", "changed", "since", "gone", "refused"
STATES: Final = (WAITING, CHANGED, SINCE, GONE, REFUSED)


class MassChange(NamedTuple):
    """One plan, as it was fixed."""

    number: str
    incident: str
    planned_on: str
    persons: int
    digest: bytes  # over every record and code of it
    ended_on: str  # "" while somebody waits

    def __repr__(self) -> str:
        return f"<MassChange {self.number}>"


PLANS = Rows(
    "mass_change",
    METADATA,
    MassChange,
    [
        text("number", key=True),
        text("incident"),
        text("planned_on"),
        integer("persons"),
        blob("digest"),
        text("ended_on"),
    ],
)


class Approval(NamedTuple):
    """That an official approved a plan, as it stood."""

    number: str
    official: str
    digest: bytes
    given_at: str


APPROVALS = Rows(
    "mass_change_approval",
    METADATA,
    Approval,
    [text("number", key=True), text("official", key=True), blob("digest"), text("given_at")],
)


class Planned(NamedTuple):
    """A person of a plan: the code that is to go, and what became of it."""

    number: str
    person: int
    code: str
    state: str
    reason: str  # of a refusal

    def __repr__(self) -> str:
        return "<Planned>"


PERSONS = Rows(
    "mass_change_person",
    METADATA,
    Planned,
    [
        text("number", key=True),
        integer("person", key=True),
        text("code"),
        text("state"),
        text("reason"),
    ],
    indexes=[("number", "state", "person")],
)

_LIVE = book.RECORDS.query(book.RECORDS.table.c.live == 1, order_by=[book.RECORDS.table.c.person])
_NEXT = PERSONS.query(
    PERSONS.table.c.number == bindparam("number"),
    PERSONS.table.c.state == WAITING,
    order_by=[PERSONS.table.c.person],
    limit=True,
)
_IN_STATE = PERSONS.query(
    PERSONS.table.c.number == bindparam("number"),
    PERSONS.table.c.state == bindparam("state"),
    order_by=[PERSONS.table.c.person],
)
_ALL = PERSONS.query(
    PERSONS.table.c.number == bindparam("number"), order_by=[PERSONS.table.c.person]
)
_APPROVED = APPROVALS.query(
    APPROVALS.table.c.number == bindparam("number"), order_by=[APPROVALS.table.c.given_at]
)
_COUNTS = Statement(
    select(PERSONS.table.c.state, func.count())
    .where(PERSONS.table.c.number == bindparam("number"))
    .group_by(PERSONS.table.c.state)
)


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a change would concern; counts alone."""

    persons: int
    protected: int  # whom a support measure hides: their letters are handed over at the desk
    moving_out: int  # with a planned move-out
    certificate_to_come: int  # nothing is told of them before the former town's certificate
    not_here: int  # codes of the list that no live record bears today
    codes_free: int

    @property
    def codes_to_ask_for(self) -> int:
        """How many codes the centre has to allot before it begins; the day's need comes on top."""
        return max(0, self.persons + codes.LOW - self.codes_free)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far a change is: how many persons are in each state, and who approved it."""

    number: str
    incident: str
    planned_on: str
    ended_on: str
    persons: int
    waiting: int
    changed: int
    since: int
    gone: int
    refused: int
    approved_by: tuple[str, ...]

    @property
    def approved(self) -> bool:
        """Whether two officials have approved it."""
        return len(self.approved_by) >= APPROVALS_WANTED


def check_incident(incident: str) -> str:
    """The words for an incident, or Malformed."""
    incident = " ".join(incident.split())
    if not (1 <= len(incident) <= INCIDENT_MAX and incident.isprintable()):
        raise Malformed(f"incident: say in 1-{INCIDENT_MAX} characters what happened")
    return incident


def number_of(town: str, incident: str, stated: Sequence[ResidentCode] | None) -> str:
    """The number of a change: the same for the same town, incident and list."""
    scope = "town" if stated is None else "\n".join(sorted({code.digits for code in stated}))
    content = "\x00".join(("jukinet mass change v1", town, check_incident(incident), scope))
    return sha256(content.encode()).hexdigest()[:16]


def concerned(tx: Transaction, stated: Sequence[ResidentCode] | None) -> list[book.RecordRow]:
    """The live records whose codes are to be changed: all, or those that bear some codes today."""
    if stated is None:
        return _LIVE.all(tx)
    digits = {code.digits for code in stated}
    rows = book.RECORDS.get_many(tx, "code", digits, live=1)
    return sorted(rows, key=lambda row: row.person)


def preview(
    tx: Transaction, rows: Sequence[book.RecordRow], stated: Sequence[ResidentCode] | None
) -> Preview:
    """What a change of these records' codes would concern."""
    here = {row.code for row in rows}
    return Preview(
        persons=len(rows),
        protected=sum(bool(row.measures_until) for row in rows),
        moving_out=sum(bool(row.planned_on) for row in rows),
        certificate_to_come=sum(not row.locator for row in rows),
        not_here=len({code.digits for code in stated or ()} - here),
        codes_free=codes.level(tx),
    )


def plan(
    tx: Transaction, number: str, incident: str, rows: Sequence[book.RecordRow], today: date
) -> MassChange:
    """Fix a plan; one that stands already stays as it is. Refused where nobody is concerned."""
    stands = PLANS.get(tx, number)
    if stands is not None:
        return stands
    if not rows:
        raise Refused("mass change: no live record is concerned; there is nothing to change")
    persons = [Planned(number, row.person, row.code, WAITING, "") for row in rows]
    incident, day = check_incident(incident), today.isoformat()
    digest = digest_of(incident, day, persons)
    made = MassChange(number, incident, day, len(persons), digest, "")
    PLANS.add(tx, made)
    PERSONS.add(tx, *persons)
    return made


def approve(tx: Transaction, number: str, official: str, at: datetime) -> None:
    """An official approves a plan; twice is once, however the name is written.

    Refused where the plan is not what was fixed; Malformed without a name.
    """
    official = " ".join(official.split())
    if not (1 <= len(official) <= OFFICIAL_MAX and official.isprintable()):
        raise Malformed(f"official: name who approves, in 1-{OFFICIAL_MAX} characters")
    made = PLANS.get(tx, number)
    if made is None:
        raise Refused(f"mass change {number}: this town has no such plan; prepare it first")
    persons = _ALL.all(tx, number=number)
    if digest_of(made.incident, made.planned_on, persons) != made.digest:
        raise Refused(f"mass change {number}: its persons are not those that were fixed; stop here")
    given = {_same(row.official) for row in _APPROVED.all(tx, number=number)}
    if _same(official) not in given:
        APPROVALS.add(tx, Approval(number, official, made.digest, at.isoformat()))


def _same(official: str) -> str:
    """A name as it is compared: width, case, spaces and old shapes of characters do not count."""
    return name_key(official).value


def digest_of(incident: str, planned_on: str, persons: Iterable[Planned]) -> bytes:
    """What an approval is of: the incident, the day, and every record and code, in order."""
    content = sha256(f"jukinet mass change persons v1\n{planned_on} {incident}".encode())
    for one in persons:
        content.update(f"\n{one.person} {one.code}".encode())
    return content.digest()


def standing(tx: Transaction, number: str) -> Standing | None:
    """How far a change is; None where there is none of that number."""
    made = PLANS.get(tx, number)
    if made is None:
        return None
    counts = Counter(dict(tx.all(_COUNTS, number=number)))
    approved = [
        row.official for row in _APPROVED.all(tx, number=number) if row.digest == made.digest
    ]
    return Standing(
        number=number,
        incident=made.incident,
        planned_on=made.planned_on,
        ended_on=made.ended_on,
        persons=made.persons,
        approved_by=tuple(approved),
        **{state: counts[state] for state in STATES},
    )


def next_ones(tx: Transaction, number: str, count: int) -> list[Planned]:
    """Some persons who wait."""
    return _NEXT.all(tx, number=number, limit=count)


def settle(tx: Transaction, settled: Sequence[Planned], today: date) -> None:
    """Write down what became of some persons; the last of them ends the change."""
    PERSONS.put(tx, *settled)
    for number in {one.number for one in settled}:
        made = PLANS.get(tx, number)
        if made is not None and not made.ended_on and not next_ones(tx, number, 1):
            PLANS.put(tx, made._replace(ended_on=today.isoformat()))


def changed(tx: Transaction, number: str) -> list[int]:
    """The records whose codes a change has changed, in order."""
    return [row.person for row in _IN_STATE.all(tx, number=number, state=CHANGED)]


def plans(tx: Transaction) -> list[Standing]:
    """All changes of a town, and how far each is."""
    found = (standing(tx, made.number) for made in PLANS.everything(tx))
    return [one for one in found if one is not None]
