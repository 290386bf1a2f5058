"""Saying (確認の画面): what an accepted notification will make the register read, before it does.

The same function that accepts is asked on trial, in a transaction that writes nothing; what it
would enter is shown field by field, before and after.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from jukinet.law import notification as law
from jukinet.law.record import (
    Deletion,
    FamilyRegister,
    Foreigner,
    PlannedMoveOut,
    Record,
    Relationship,
    written_out,
)
from jukinet.names.address import Address
from jukinet.names.era import PartialDate
from jukinet.nodes.municipality import Municipality
from jukinet.numbers.municipality_code import MunicipalityCode, municipality
from jukinet.register import book
from jukinet.register.acceptance import accept
from jukinet.register.codes import Stock
from jukinet.register.gathering import gather
from jukinet.register.supply import Supply
from jukinet.register.worksheet import Accepted
from jukinet.web.desk.records import DELETIONS, FIELDS, SEXES
from jukinet.web.marks import mark
from jukinet.web.pages import day
from jukinet.web.tongues import Tongue

_UNSAID: Final = {"attachment", "individual_number", "former_town"}
_DRAWN: Final = mark("a new one is drawn from the pool")
_BROUGHT: Final = mark("as on the paper")
_NEW: Final = mark("a new household")


class Row(NamedTuple):
    """One field of a record, before and after."""

    field: str
    before: str
    after: str

    def __repr__(self) -> str:
        return "<Row>"


class Changed(NamedTuple):
    """One record as it will read."""

    name: str
    new: bool
    rows: list[Row]

    def __repr__(self) -> str:
        return "<Changed>"


def tried(
    node: Municipality, notification: law.Notification, network: Iterable[str], today: date
) -> Accepted:
    """What a notification would amount to today; Malformed or Refused, and nothing is written."""
    with node.store.begin() as tx:
        last = book.last(tx)
        if last.day:
            today = max(today, date.fromisoformat(last.day))
        situation = gather(
            tx, notification, town=node.town, network=frozenset(network), today=today
        )
        draw = Supply(Stock(tx), last, bytes)  # what is drawn is thrown away
        return accept(notification, situation, draw, first_entry=last.entry + 1)


def changes(accepted: Accepted, stated: Iterable[str], tongue: Tongue) -> list[Changed]:
    """Each record that an accepted notification touches; `stated` are the codes on the papers."""
    return [_changed(accepted, person, set(stated), tongue) for person in accepted.persons]


def _changed(accepted: Accepted, person: int, stated: set[str], tongue: Tongue) -> Changed:
    before, after = accepted.before.get(person), accepted.after[person]
    fields: dict[str, Any] = {}
    for entry in accepted.entries:
        if entry.person == person:
            fields |= entry.changes.fields()
    rows = list(_rows(fields, before, after, stated, tongue))
    return Changed(after.name.legal.text, before is None, rows)


def _rows(
    fields: Mapping[str, Any],
    before: Record | None,
    after: Record,
    stated: set[str],
    tongue: Tongue,
) -> Iterator[Row]:
    for name in FIELDS:
        if name not in fields or name in _UNSAID:
            continue
        was = said(getattr(before, name), tongue) if before else ""
        now = said(getattr(after, name), tongue)
        if name == "code":
            was = before.code.masked if before else ""
            now = tongue.say(_BROUGHT if after.code.digits in stated else _DRAWN)
        if name == "household" and before is None:
            now = f"{now}"
        if was != now:
            yield Row(FIELDS[name], was, now)


def said(value: Any, tongue: Tongue) -> str:
    """A value of the register in words."""
    if value is None or value == "" or value == ():
        return ""
    if isinstance(value, Address):
        return written_out(value)
    if isinstance(value, PartialDate | date):
        return day(value, tongue)
    if isinstance(value, Relationship):
        return value.text
    if isinstance(value, FamilyRegister):
        return f"{value.place}　{value.first_named}"
    if isinstance(value, Foreigner):
        return f"{value.nationality}　{value.status}".strip()
    if isinstance(value, PlannedMoveOut):
        return f"{day(value.on, tongue)}　{_place(value.destination, tongue)}"
    if isinstance(value, Deletion):
        return f"{tongue.say(DELETIONS[value.cause])}　{day(value.on, tongue)}"
    if isinstance(value, tuple):
        standing = [one for one in value if one.hides]
        return "、".join(f"{tongue.say(UNTIL)} {day(one.until, tongue)}" for one in standing)
    if hasattr(value, "legal"):
        reading = f"（{value.reading.text}）" if value.reading else ""
        return f"{value.legal.text}{reading}"
    return tongue.say(SEXES[value]) if value in SEXES else str(value)


def _place(code: MunicipalityCode | None, tongue: Tongue) -> str:
    return municipality(code).full_name if code else tongue.say(ABROAD)


ABROAD: Final = mark("abroad")
UNTIL: Final = mark("in force until")
