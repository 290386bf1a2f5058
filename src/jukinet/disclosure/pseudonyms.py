"""Sector numbers (符号) and handles (照会用封筒): one person, another name for every agency.

A sector number is what an agency knows a person by within one affair; a handle is what it presents
to ask again. Both are made for a sector and mean nothing outside it.

Provisional: one keeper holds, for each sector, a key that makes numbers (HMAC over the person's
root) and a key that opens handles (HPKE); the door sees both pass. The handle's outer form (sealed
to the keeper, bound to sector and agency, with the door's own MAC and an expiry) is the final one.
"""

from datetime import date, timedelta
from struct import pack, unpack
from typing import NamedTuple

from jukinet.errors import Refused
from jukinet.keys.crockford import spell
from jukinet.keys.seal import SEAL_OVERHEAD, SealKey, equal, mac
from jukinet.law.identity import LOCATOR_BYTES

HANDLE_DAYS = 396  # thirteen months
MAC_BYTES = 16
NUMBER_BITS = 100
_MEANT = LOCATOR_BYTES + 2 + 4  # locator, prefecture, last day
HANDLE_BYTES = SEAL_OVERHEAD + _MEANT + MAC_BYTES


class Meant(NamedTuple):
    """Whom a handle means, and until when it may be used."""

    locator: bytes
    prefecture: str
    expires: date

    def __repr__(self) -> str:
        """Shows nobody."""
        return "<Meant>"


def sector_context(sector: str) -> bytes:
    """What every seal of a sector is bound to."""
    return b"jukinet handle v1\x00" + sector.encode()


def fresh_handle(
    key: SealKey, door_key: bytes, sector: str, *, locator: bytes, prefecture: str, on: date
) -> bytes:
    """A handle for a sector: sealed to its opening key, then the door's MAC."""
    expires = (on + timedelta(days=HANDLE_DAYS)).toordinal()
    sealed = key.seal(
        locator + pack(">HI", int(prefecture), expires), context=sector_context(sector)
    )
    return sealed + _mac(door_key, sector, sealed)


def check_handle(door_key: bytes, sector: str, handle: bytes) -> bytes:
    """The sealed part of a handle that this door made for this sector, or Refused."""
    sealed, tag = handle[:-MAC_BYTES], handle[-MAC_BYTES:]
    made_here = len(handle) == HANDLE_BYTES
    if not equal(tag, _mac(door_key, sector, sealed)) or not made_here:
        raise Refused(
            "handle: it was not given to you for this affair; ask by name, birth date and place",
            rule="not-your-handle",
        )
    return sealed


def meant(opened: bytes, on: date) -> Meant:
    """Whom an opened handle means, or Refused where it has expired."""
    if len(opened) != _MEANT:
        raise Refused("handle: what the keepers opened is none", rule="handle-not-opened")
    prefecture, expires = unpack(">HI", opened[LOCATOR_BYTES:])
    found = Meant(opened[:LOCATOR_BYTES], f"{prefecture:02d}", date.fromordinal(expires))
    if on > found.expires:
        raise Refused(
            "handle: it has expired (13 months); ask by name, birth date and place",
            rule="handle-expired",
        )
    return found


def locator_of(opened: bytes) -> bytes:
    """The locator in an opened handle, however old; an empty one in what is none."""
    return opened[:LOCATOR_BYTES] if len(opened) == _MEANT else b""


def sector_number(number_key: bytes, sector: str, root: bytes) -> str:
    """The number by which a sector knows a person: 20 characters and a check character."""
    value = mac(number_key, b"jukinet sector number v1", sector.encode(), root)
    return spell(int.from_bytes(value[:13], "big") >> (13 * 8 - NUMBER_BITS))


def _mac(door_key: bytes, sector: str, sealed: bytes) -> bytes:
    return mac(door_key, b"jukinet handle mac v1", sector.encode(), sealed)[:MAC_BYTES]
