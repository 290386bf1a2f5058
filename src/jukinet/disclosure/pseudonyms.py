"""Sector numbers (符号) and handles (照会用封筒): one person, another name for every agency.

A sector number is what an agency knows a person by within one affair; a handle is what it presents
to ask again. Both are made for a sector and mean nothing outside it.

A number is `OPRF[the sector's number key](domain, sector, root, generation)`, RFC 9497. The door
blinds, k keepers evaluate, and what comes is sealed by them to the agency, to whom the door hands
the blind alone: so the agency combines and unblinds, and the door never sees a number. Since the
agency does not know the root, the sector's public name stands in its place when it finishes.

A handle is a locator sealed to the sector's opening key, with a proof that whoever sealed it knows
what is in it, bound to sector, agency and key; then the door's own MAC. It says until when and for
which generation of the person's numbers it may be used.
"""

from datetime import date, timedelta
from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

from jukinet.errors import Damaged, Refused
from jukinet.keys import kem, oprf
from jukinet.keys.chance import Chance
from jukinet.keys.crockford import spell
from jukinet.keys.seal import NONCE_SIZE, TAG_SIZE, equal, hkdf, lock, mac, unlock
from jukinet.law.identity import LOCATOR_BYTES
from jukinet.law.personal import Personal

HANDLE_DAYS: Final = 396  # thirteen months
MAC_BYTES: Final = 16
NUMBER_BITS: Final = 100
_MEANT: Final = Struct(f">{LOCATOR_BYTES}sHII")  # locator, prefecture, last day, generation
HANDLE_BYTES: Final = kem.OVERHEAD_PROVED + _MEANT.size + MAC_BYTES
TICKET_BYTES: Final = NONCE_SIZE + LOCATOR_BYTES + TAG_SIZE
_INPUT: Final = b"jukinet sector number v2\x00"


class Meant(NamedTuple):
    """Whom a handle means, until when it may be used, and of which generation it is."""

    locator: bytes
    prefecture: str
    expires: date
    generation: int

    def __repr__(self) -> str:
        """Shows nobody."""
        return "<Meant>"


class Issued(Personal, frozen=True, kw_only=True):
    """By what an agency is to know the person of an answer from now on; nothing, where not asked.

    `blind` and `parts` make a number together with what the keepers sealed to the agency.
    """

    handle: bytes = b""
    ticket: bytes = b""
    blind: bytes = b""
    parts: bytes = b""
    renumbered: bool = False


# --- handles --------------------------------------------------------------------------------------


def handle_context(sector: str, agency: str, public: bytes) -> bytes:
    """What every handle of a sector is bound to; `public` is the sector's opening key."""
    return b"jukinet handle v2\x00" + "\x00".join((sector, agency, "")).encode() + public


def fresh_handle(
    public: bytes, door_key: bytes, sector: str, agency: str, *, means: Meant, chance: Chance
) -> bytes:
    """A handle for an agency's sector: sealed to its opening key, then the door's MAC."""
    plain = _MEANT.pack(
        means.locator, int(means.prefecture), means.expires.toordinal(), means.generation
    )
    context = handle_context(sector, agency, public)
    sealed = kem.seal_proved(public, plain, context=context, chance=chance)
    return sealed + _mac(door_key, sector, agency, sealed)


def lasts(on: date) -> date:
    """The last day of a handle that is made on a day."""
    return on + timedelta(days=HANDLE_DAYS)


def check_handle(door_key: bytes, sector: str, agency: str, handle: bytes) -> bytes:
    """The sealed part of a handle that this door made for this agency's sector, or Refused."""
    sealed, tag = handle[:-MAC_BYTES], handle[-MAC_BYTES:]
    made_here = len(handle) == HANDLE_BYTES
    if not equal(tag, _mac(door_key, sector, agency, sealed)) or not made_here:
        raise Refused(
            "handle: it was not given to you for this affair; ask by name, birth date and place",
            rule="not-your-handle",
        )
    return sealed


def meant(opened: bytes | None, on: date) -> Meant:
    """Whom an opened handle means, or Refused where it has expired."""
    found = read(opened or b"")
    if found is None:
        raise Refused("handle: the keepers would not open it; ask again", rule="handle-not-opened")
    if on > found.expires:
        raise Refused(
            "handle: it has expired (13 months); ask by name, birth date and place",
            rule="handle-expired",
        )
    return found


def read(opened: bytes) -> Meant | None:
    """What stands in an opened handle, however old; None in what is none."""
    if len(opened) != _MEANT.size:
        return None
    locator, prefecture, expires, generation = _MEANT.unpack(opened)
    return Meant(locator, f"{prefecture:02d}", date.fromordinal(expires), generation)


def ticket(door_key: bytes, sector: str, agency: str, locator: bytes, chance: Chance) -> bytes:
    """What an agency shows of an answer without a handle, where a sample picks it.

    It opens no question; only the door reads it, and no two of one person are alike.
    """
    nonce = chance(NONCE_SIZE)
    key, context = _ticket_key(door_key), _ticket_context(sector, agency)
    return nonce + lock(key, locator, nonce=nonce, context=context)


def open_ticket(door_key: bytes, sector: str, agency: str, content: bytes) -> bytes:
    """The locator in a ticket that this door gave; raises Damaged."""
    nonce, locked = content[:NONCE_SIZE], content[NONCE_SIZE:]
    if len(content) != TICKET_BYTES:
        raise Damaged("ticket: this is none")
    context = _ticket_context(sector, agency)
    return unlock(_ticket_key(door_key), locked, nonce=nonce, context=context)


@lru_cache(maxsize=4)
def _ticket_key(door_key: bytes) -> bytes:
    return hkdf(door_key, b"jukinet ticket v1")


def _ticket_context(sector: str, agency: str) -> bytes:
    return b"jukinet ticket v1\x00" + f"{sector}\x00{agency}".encode()


def _mac(door_key: bytes, sector: str, agency: str, sealed: bytes) -> bytes:
    parts = (sector.encode(), agency.encode(), sealed)
    return mac(door_key, b"jukinet handle mac v2", *parts)[:MAC_BYTES]


# --- numbers --------------------------------------------------------------------------------------


def number_input(sector: str, root: bytes, generation: int) -> bytes:
    """What a person's number in a sector is made from."""
    return _INPUT + sector.encode() + b"\x00" + root + generation.to_bytes(4, "big")


def blinded(sector: str, root: bytes, generation: int, blind: bytes) -> bytes:
    """What the keepers are shown of it: an element that says nothing without the blind."""
    return oprf.blind(number_input(sector, root, generation), blind)


def sector_number(sector: str, evaluated: bytes, blind: bytes) -> str:
    """The number, from what the keepers made together: 20 characters and a check character."""
    return spelled(sector, oprf.unblind(evaluated, blind))


def spelled(sector: str, unblinded: bytes) -> str:
    """The number of an element that is blinded no more."""
    value = oprf.output(sector.encode(), unblinded)
    return spell(int.from_bytes(value[:13], "big") >> (13 * 8 - NUMBER_BITS))


def parts_context(sector: str, agency: str, keeper: str, epoch: int) -> bytes:
    """What a keeper's parts of some numbers are bound to, as they are sealed to the agency."""
    return b"jukinet number parts v1\x00" + f"{sector}\x00{agency}\x00{keeper}\x00{epoch}".encode()
