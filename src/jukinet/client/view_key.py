"""View key (閲覧鍵): what opens one's own entries of the public log, as a file or as a QR code.

It holds a state of the resident's chain, from which come the labels and keys of all entries from
there on; whose log it is, and which witnesses are to have cosigned it (the SHA-256 of the policy
file). It needs no secret of anybody else's, and nobody is asked. Whoever has it reads the same, so
its giving out stands on the chain itself.

Its last day is a rule, not a lock: a key that is over still computes, and the tool refuses it until
told otherwise. What ends a key for good is a fresh chain.

The short form is for paper: `JUKINET1:` and base64url of MessagePack with four bytes of SHA-256, so
that a letter typed wrongly is found, and does not open an empty chain.

>>> from jukinet.merkle.note import VerifierKey
>>> log = str(VerifierKey("example.org/log", bytes(32)))
>>> key = ViewKey(log=log, epoch=0, place=0, state="00" * 32, valid_to="2027-03-31")
>>> key, key.text[:12], len(key.text), parse_view_key(key.text.encode()) == key
(<ViewKey>, 'JUKINET1:mK9', 155, True)
"""

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import date
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from jukinet.errors import Malformed, Refused
from jukinet.keys import ratchet
from jukinet.law.leaf import Holder
from jukinet.law.personal import Personal
from jukinet.merkle.note import ED25519, VerifierKey

PREFIX: Final = "JUKINET1:"
_CHECK_BYTES: Final = 4
_Number = Annotated[int, Meta(ge=0)]
_Packed = tuple[str, bytes, bytes, _Number, _Number, bytes, str, Holder]


class ViewKey(Personal, frozen=True, kw_only=True):
    """A resident's view key: opens one's own entries, from a place of the chain on."""

    log: str  # the log's verifier key
    policy: str = ""  # SHA-256 of the policy file, hexadecimal; "" if there is none
    epoch: _Number
    place: _Number
    state: str  # hexadecimal
    valid_to: str = ""  # its last day; "" if it has none
    holder: Holder = Holder.SELF

    def encode(self) -> bytes:
        """The file that a resident keeps."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"

    @property
    def text(self) -> str:
        """The short form, for a QR code."""
        log = VerifierKey.parse(self.log)
        policy, state = bytes.fromhex(self.policy), bytes.fromhex(self.state)
        packed = msgspec.msgpack.encode(
            (
                *(log.name, log.public, policy, self.epoch, self.place),
                *(state, self.valid_to, self.holder),
            )
        )
        return PREFIX + urlsafe_b64encode(packed + _check(packed)).decode().rstrip("=")

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return bool(self.valid_to) and self.valid_to < str(today)


def parse_view_key(content: bytes) -> ViewKey:
    """The view key of a file in either form, or Malformed; spaces in the short one do not count."""
    try:
        text = "".join(content.decode().split())
        key = _unpacked(text) if text.startswith(PREFIX) else _decode(content)
        _refuse_impossible(key)
    except (msgspec.MsgspecError, ValueError, NotBase64):
        raise Malformed(
            "view key: this file is not one; fetch it anew at the desk or in the portal"
        ) from None
    return key


def refuse_expired(key: ViewKey, today: date) -> None:
    """Refused where the key's last day is over."""
    if key.expired(today):
        raise Refused(
            f"view key: its last day was {key.valid_to}; have a new one given at your town's desk "
            "or in the portal (the new one opens the same entries), or say --expired-too"
        )


def _unpacked(text: str) -> ViewKey:
    encoded = text.removeprefix(PREFIX)
    whole = b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    packed, check = whole[:-_CHECK_BYTES], whole[-_CHECK_BYTES:]
    if check != _check(packed):
        raise ValueError
    name, public, policy, epoch, place, state, valid_to, holder = _unpack(packed)
    return ViewKey(
        log=str(VerifierKey(name, public)),
        policy=policy.hex(),
        epoch=epoch,
        place=place,
        state=state.hex(),
        valid_to=valid_to,
        holder=holder,
    )


def _refuse_impossible(key: ViewKey) -> None:
    """ValueError for what no desk gives."""
    if len(bytes.fromhex(key.state)) != ratchet.STATE_BYTES:
        raise ValueError
    if len(bytes.fromhex(key.policy)) not in (0, sha256().digest_size):
        raise ValueError
    if key.valid_to and str(date.fromisoformat(key.valid_to)) != key.valid_to:
        raise ValueError
    if VerifierKey.parse(key.log).kind != ED25519:
        raise ValueError


def _check(packed: bytes) -> bytes:
    return sha256(packed).digest()[:_CHECK_BYTES]


_decode = msgspec.json.Decoder(ViewKey).decode
_unpack = msgspec.msgpack.Decoder(_Packed).decode
