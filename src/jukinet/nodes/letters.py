"""Letters between towns (転出証明書情報, 転入通知), sealed and signed, carried by the centre.

The letter is signed by the sending town and sealed to the receiving one, so the centre, which
carries it, can neither read nor make one. It is padded to one size, so that a length does not say
whether somebody moves or hides. It is numbered by the feeds that carry it.
"""

from typing import Final

import msgspec

from jukinet.errors import Damaged, OutOfStep
from jukinet.keys.seal import OpenKey, pad, unpad
from jukinet.keys.sign import SigningKey
from jukinet.law.inquiry import UNREADABLE
from jukinet.law.personal import Personal
from jukinet.law.transfer import Letter
from jukinet.nodes.keyring import Directory

SIZES: Final = (2048, 12288)
"""A letter has the first of these sizes; only names and addresses of the longest need the other."""


class Posted(Personal, frozen=True, kw_only=True, array_like=True):
    """A letter as its sender gives it to the centre."""

    receiver: str
    sealed: bytes


class Relayed(Personal, frozen=True, kw_only=True, array_like=True):
    """A letter as the centre hands it on."""

    sender: str
    sealed: bytes


class Signed(Personal, frozen=True, kw_only=True, array_like=True):
    """What is inside the seal."""

    content: bytes
    signature: bytes


def seal_letter(
    letter: Letter, sender: str, receiver: str, key: SigningKey, directory: Directory
) -> Posted:
    """Sign a letter and seal it to the receiving town."""
    if receiver not in directory.towns:
        raise OutOfStep(f"letter: the directory has no town {receiver}")
    content = _encode(letter)
    signature = key.sign(_bound(sender, receiver, content))
    signed = _encode(Signed(content=content, signature=signature))
    plain = pad(signed, next((size for size in SIZES if len(signed) < size), SIZES[-1]))
    sealed = directory.town_seal(receiver).seal(plain, context=_context(sender, receiver))
    return Posted(receiver=receiver, sealed=sealed)


def open_letter(relayed: Relayed, receiver: str, key: OpenKey, directory: Directory) -> Letter:
    """Open a letter and check who wrote it; raises Damaged or OutOfStep."""
    sender = relayed.sender
    opened = key.open(relayed.sealed, context=_context(sender, receiver))
    try:
        signed = _decode_signed(unpad(opened))
        letter: Letter = _decode(signed.content)
    except UNREADABLE:
        raise Damaged("letter: what was sealed is not a letter") from None
    if sender not in directory.towns:
        raise OutOfStep(f"letter: the directory has no town {sender}")
    directory.town_verify(sender).verify(_bound(sender, receiver, signed.content), signed.signature)
    return letter


def _context(sender: str, receiver: str) -> bytes:
    return b"jukinet letter v1\x00" + sender.encode() + b">" + receiver.encode()


def _bound(sender: str, receiver: str, content: bytes) -> bytes:
    return _context(sender, receiver) + b"\x00" + content


_encode = msgspec.msgpack.Encoder().encode
_decode_signed = msgspec.msgpack.Decoder(Signed).decode
_decode = msgspec.msgpack.Decoder(Letter).decode
