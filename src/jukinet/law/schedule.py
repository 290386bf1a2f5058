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

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeVar

import msgspec

from jukinet.errors import Malformed
from jukinet.law.identity import Item
from jukinet.numbers import corporate_number

AFFAIR_BYTES_MAX: Final = 80
"""How long an affair's name may be: it stands in the sealed body of a leaf, which has one size."""

DEFERRAL_DAYS_MAX: Final = 730
"""For how long an entry may be kept from its resident at most."""

_RECEIVER: Final = re.compile("[a-z][a-z-]{1,15}")
T = TypeVar("T")


class Kind(StrEnum):
    """The kinds of question (照会の種別)."""

    CONFIRM = "confirm"  # are these items the same, or different?
    STANDING = "standing"  # resident, moved, dead, unknown
    ITEMS = "items"  # the items that the affair needs
    CHANGES = "changes"  # what changed since a date
    CONVERT = "convert"  # another receiver is given its own numbers of these people (情報連携)


class Receiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body that a schedule names (利用機関)."""

    id: str
    name: str
    name_ja: str
    corporate_number: str
    municipal: bool = False  # a municipal asker is shown to the public by prefecture only


class Grant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
    deferral_days: int = 0  # how long the resident may be kept from seeing it (investigations)
    to: str = ""  # of a row that allows conversion: the row in whose numbers it ends

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
    """Read schedules from TOML, or raise Malformed naming the receiver or row and the rule."""
    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Malformed(f"schedule: {error}") from None
    if sorted(written) != ["grant", "receiver"]:
        raise Malformed("schedule: want tables [[receiver]] and [[grant]], and nothing else")
    receivers: dict[str, Receiver] = {}
    for entry in written["receiver"]:
        receiver = _read(entry, Receiver, f"receiver {entry.get('id', 'without an id')}")
        _check_receiver(receiver)
        if receiver.id in receivers:
            raise Malformed(f"schedule: receiver {receiver.id} stands twice")
        receivers[receiver.id] = receiver
    grants: dict[str, Grant] = {}
    for entry in written["grant"]:
        grant = _read(entry, Grant, f"row {entry.get('table', '?')}-{entry.get('row', '?')}")
        _check_grant(grant, receivers)
        if grant.id in grants:
            raise Malformed(f"schedule: row {grant.id} stands twice")
        grants[grant.id] = grant
    for grant in grants.values():
        _check_conversion(grant, grants)
    return Schedule(receivers=receivers, grants=grants)


def _read(entry: dict[str, Any], kind: type[T], which: str) -> T:
    try:
        return msgspec.convert(entry, kind, strict=True)
    except msgspec.ValidationError as error:
        raise Malformed(f"schedule: {which}: {error}") from None


def _check_receiver(receiver: Receiver) -> None:
    which = f"schedule: receiver {receiver.id}"
    if not _RECEIVER.fullmatch(receiver.id):
        raise Malformed(f"{which}: want an id of a-z and hyphens, at most 16")
    if not receiver.name or not receiver.name_ja:
        raise Malformed(f"{which}: want its name in both languages")
    try:
        corporate_number.parse(receiver.corporate_number)
    except Malformed as error:
        raise Malformed(f"{which}: {error}") from None


def _check_grant(grant: Grant, receivers: Mapping[str, Receiver]) -> None:
    which = f"schedule: row {grant.id}"
    receiver = receivers.get(grant.receiver)
    if receiver is None:
        raise Malformed(f"{which} names no receiver of the list")
    if not (1 <= grant.table <= 5 and 1 <= grant.row <= 999):
        raise Malformed(f"{which}: want table 1-5 and row 1-999")
    if receiver.municipal is (grant.table == 1):
        raise Malformed(f"{which}: Table 1 is for national bodies, Tables 2-5 for local ones")
    if not grant.kinds:
        raise Malformed(f"{which} allows no kind of question")
    if bool(grant.items) is not bool(grant.kinds - {Kind.STANDING, Kind.CONVERT}):
        raise Malformed(f"{which}: items, and a kind of question that needs them, or neither")
    if not grant.affair_ja or not 1 <= len(grant.affair.encode()) <= AFFAIR_BYTES_MAX:
        raise Malformed(f"{which}: want its affair in both languages, {AFFAIR_BYTES_MAX} bytes")
    if not 0 <= grant.deferral_days <= DEFERRAL_DAYS_MAX:
        raise Malformed(f"{which}: want deferral_days of 0 to {DEFERRAL_DAYS_MAX}")
    if grant.valid_to is not None and grant.valid_to <= grant.valid_from:
        raise Malformed(f"{which}: it ends before it is in force")


def _check_conversion(grant: Grant, grants: Mapping[str, Grant]) -> None:
    which = f"schedule: row {grant.id}"
    if (Kind.CONVERT in grant.kinds) is not bool(grant.to):
        raise Malformed(f"{which}: kind convert, and the row that it leads to, or neither")
    if grant.to and (grant.to not in grants or grants[grant.to].receiver == grant.receiver):
        raise Malformed(f"{which}: it leads to a row of another receiver")


@cache
def load() -> Schedule:
    """The schedules that come with the package."""
    return parse(files("jukinet.law").joinpath("schedule.toml").read_text(encoding="utf-8"))
