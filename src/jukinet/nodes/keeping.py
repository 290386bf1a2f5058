"""Keeping (保管者との約束): what the centre and the keepers both compute of an order to keepers.

A keeper signs what it did as a whole: which order, with the shares of which epoch, together with
whom, which element each task brought and which part came of it. Whoever holds that can hold the
keeper to it.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from jukinet.errors import Malformed
from jukinet.keys import group
from jukinet.law.inquiry import UNREADABLE
from jukinet.law.personal import Personal
from jukinet.nodes.keyring import number_key, opening_key
from jukinet.nodes.message import KeeperOrder, MakeNumber, OpenHandle, Task

ELEMENT_BYTES: Final = 32
STAND_IN: Final = group.base(group.scalar_of(1))
"""The element of what was shredded: the keepers work as for anybody, and nothing comes of it."""

_SAID: Final = b"jukinet keeper said v1\x00"


class Said(Personal, frozen=True, kw_only=True, array_like=True):
    """All that a keeper signs of an order."""

    order: int
    keeper: str
    epoch: int
    among: tuple[int, ...]
    keys: tuple[str, ...]  # of each task
    elements: tuple[bytes, ...]
    values: tuple[bytes | None, ...]
    refused: tuple[str, ...]
    packages: tuple[bytes, ...]

    def encode(self) -> bytes:
        """The bytes that it signs."""
        return _SAID + _encode(self)


def decode(content: bytes) -> Said:
    """What a keeper has signed, or Malformed."""
    try:
        if content.startswith(_SAID):
            return _decode(content[len(_SAID) :])
    except UNREADABLE:
        pass
    raise Malformed("keeper: these bytes are not what a keeper signs")


def key_of(task: Task) -> str:
    """Which of the keepers' keys a task is for."""
    if isinstance(task, OpenHandle):
        return opening_key(task.sector)
    return number_key(task.sector) if isinstance(task, MakeNumber) else task.key


def element_of(task: Task) -> bytes:
    """The element that a share is to be used on."""
    if isinstance(task, OpenHandle):
        return task.handle[:ELEMENT_BYTES]
    return task.blinded if isinstance(task, MakeNumber) else task.sealed[:ELEMENT_BYTES]


def said(
    order: KeeperOrder,
    keeper: str,
    *,
    values: Sequence[bytes | None],
    refused: Iterable[str],
    packages: Iterable[bytes],
) -> Said:
    """What a keeper signs of an order."""
    return Said(
        order=order.order,
        keeper=keeper,
        epoch=order.epoch,
        among=order.among,
        keys=tuple(map(key_of, order.tasks)),
        elements=tuple(map(element_of, order.tasks)),
        values=tuple(values),
        refused=tuple(refused),
        packages=tuple(packages),
    )


class Parcel(NamedTuple):
    """The numbers of one agency's sector that an order asks for, by the places of their tasks."""

    agency: str
    sector: str
    places: list[int]


def parcels(tasks: Sequence[Task]) -> list[Parcel]:
    """What is sealed together: the numbers that one signed order asks for, in order."""
    found: dict[tuple[int, str, str], Parcel] = {}
    for place, task in enumerate(tasks):
        if isinstance(task, MakeNumber):
            name = (task.order, task.agency, task.sector)
            parcel = found.setdefault(name, Parcel(task.agency, task.sector, []))
            parcel.places.append(place)
    return list(found.values())


class Parts(Personal, frozen=True, kw_only=True, array_like=True):
    """A keeper's parts of some numbers, and one proof for all of them: only the agency reads it."""

    among: tuple[int, ...]
    elements: tuple[bytes, ...]  # as they were blinded
    values: tuple[bytes, ...]  # empty where the keeper would not
    proof: bytes

    def encode(self) -> bytes:
        """Its bytes."""
        return _encode(self)


def decode_parts(content: bytes) -> Parts:
    """A keeper's parts, or Malformed."""
    try:
        return _decode_parts(content)
    except UNREADABLE:
        raise Malformed("parts: what a keeper has sealed is none") from None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Said).decode
_decode_parts = msgspec.msgpack.Decoder(Parts).decode
