"""Schedules (別表): which body may receive which items for which affair (事務).

A grant is one row: table, row, ordinance item, affair, receiver, items, kinds of question, and the
days between which it is in force. The rows are data (schedule.toml beside this file); nobody can
ask under a row that is not there. A sector is exactly one receiver's one affair: within it, and
nowhere else, a person has one sector number (符号).

>>> schedule = load()
>>> grant = schedule["1-77"]
>>> grant.receiver, sorted(grant.items)
('pension', [<Item.ADDRESS: 'address'>, <Item.BIRTH_DATE: 'birth_date'>, <Item.NAME: 'name'>])
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from jukinet.errors import Malformed
from jukinet.law.identity import Item


class Kind(StrEnum):
    """The kinds of question (照会の種別)."""

    CONFIRM = "confirm"  # are these items the same, or different?
    STANDING = "standing"  # resident, moved, dead, unknown
    ITEMS = "items"  # the items that the affair needs
    CHANGES = "changes"  # what changed since a date


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """A body that a schedule names (利用機関)."""

    id: str
    name: str
    name_ja: str
    corporate_number: str
    municipal: bool = False  # a municipal asker is shown to the public by prefecture only


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a schedule (別表の項)."""

    table: int
    row: int
    ordinance_item: str
    affair: str
    affair_ja: str
    receiver: str
    items: frozenset[Item]
    kinds: frozenset[Kind]
    valid_from: date
    valid_to: date | None = None

    @property
    def id(self) -> str:
        """How an inquiry names the row: table and row, such as `1-77`."""
        return f"{self.table}-{self.row}"

    @property
    def sector(self) -> str:
        """The receiver's one affair, within which a person has one number."""
        return f"{self.receiver}/{self.id}"

    def in_force(self, on: date) -> bool:
        """Whether the row may be used on a day."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """All rows and the bodies they name."""

    receivers: Mapping[str, Receiver]
    grants: Mapping[str, Grant]

    def __getitem__(self, row: str) -> Grant:
        return self.grants[row]


def parse(text: str) -> Schedule:
    """Read schedules from TOML, or raise Malformed naming the row and the rule."""
    try:
        written: dict[str, Any] = tomllib.loads(text)
        receivers = msgspec.convert(written["receiver"], list[Receiver])
        grants = msgspec.convert(written["grant"], list[Grant])
    except (tomllib.TOMLDecodeError, KeyError, msgspec.ValidationError) as error:
        raise Malformed(f"schedule: {error}") from None
    known = {receiver.id: receiver for receiver in receivers}
    rows: dict[str, Grant] = {}
    for grant in grants:
        if grant.receiver not in known:
            raise Malformed(f"schedule: row {grant.id} names no receiver of the list")
        if grant.id in rows:
            raise Malformed(f"schedule: row {grant.id} stands twice")
        if not grant.kinds or (Kind.ITEMS in grant.kinds and not grant.items):
            raise Malformed(f"schedule: row {grant.id} allows no kind of question, or no item")
        rows[grant.id] = grant
    return Schedule(receivers=known, grants=rows)


@cache
def load() -> Schedule:
    """The schedules that come with the package."""
    return parse(files("jukinet.law").joinpath("schedule.toml").read_text(encoding="utf-8"))
