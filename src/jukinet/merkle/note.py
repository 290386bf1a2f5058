"""Signed notes (c2sp.org/signed-note): text with signature lines, and witnesses' cosignatures.

A note is text, an empty line, and one line for each signature: "— <key name> <base64>". A key is
known by its name and four bytes of a hash of name, kind and public key; signatures of unknown keys
are kept and ignored, so that logs can change keys and witnesses can add lines. Three kinds are
understood: Ed25519 over the text (0x01); and two cosignatures, by which a witness says: at this
time this was the largest consistent tree that I had seen. Those are cosignature/v1 (0x04), Ed25519
over a time and the text, and subtree/v1 (0x06), ML-DSA-44 over a time, the witness's name, and
origin, size and root of the checkpoint, which will hold against quantum computers, too.

It is not a way to show text to people: what no trusted key has signed is not to be looked at.

Source: C2SP signed-note; C2SP tlog-cosignature; FIPS 204 (ML-DSA-44).

>>> key = VerifierKey.parse(
...     "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
>>> key.name, key.key_id.hex()
('PeterNeumann', 'c74f20a3')
"""

import re
from base64 import b64encode
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from jukinet.errors import Malformed, Refused

ED25519 = 0x01
COSIGNATURE_V1 = 0x04
SUBTREE_V1 = 0x06

NOTE_SIZE_MAX = 1_000_000
"""Bytes of a note: room for a hundred signatures of five kilobytes, and for long text."""
SIGNATURES_MAX = 100
TIME_MAX = 2**63 - 1

_DASH = "— "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_PUBLIC_SIZES = {ED25519: 32, COSIGNATURE_V1: 32, SUBTREE_V1: 1312}
_SUBTREE_LABEL = b"subtree/v1\n\0"
_TIME_SIZE = 8
_ID_SIZE = 4


class Signer(Protocol):
    """What signs: an Ed25519 or ML-DSA-44 key that shows its public half and nothing else."""

    @property
    def public_bytes(self) -> bytes:
        """The public key, 32 or 1,312 bytes; the length says which kind it is."""
        ...

    def sign(self, message: bytes) -> bytes:
        """A signature, 64 or 2,420 bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: whose it says it is, and the bytes behind the key id."""

    name: str
    key_id: bytes
    payload: bytes

    @property
    def line(self) -> str:
        """The line as a note has it, with its newline."""
        return f"{_DASH}{self.name} {b64encode(self.key_id + self.payload).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """Text and the signatures that stand below it, none of them verified."""

    text: str
    signatures: tuple[Signature, ...]

    def __bytes__(self) -> bytes:
        """The note as it is stored and sent."""
        lines = "".join(signature.line for signature in self.signatures)
        return f"{self.text}\n{lines}".encode()


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name it signs under; its text form is called a vkey."""

    name: str
    public: bytes
    kind: int = ED25519

    def __post_init__(self) -> None:
        """Raises Malformed for a name, kind or key that no note could carry."""
        refuse_name(self.name)
        wanted = _PUBLIC_SIZES.get(self.kind)
        if wanted is None:
            raise Malformed(f"verifier key: kind {self.kind} is not one of 1, 4 and 6")
        if len(self.public) != wanted:
            raise Malformed(f"verifier key: wants {wanted} bytes, got {len(self.public)}")

    @property
    def key_id(self) -> bytes:
        """Four bytes by which a signature line names its key; no proof of anything."""
        return _key_id(self.name, self.kind, self.public)

    def __str__(self) -> str:
        """The vkey: name, key id and key, joined by plus signs."""
        key = b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    @classmethod
    def parse(cls, vkey: str) -> "VerifierKey":
        """The key of a vkey. Raises Malformed unless every part is there and the key id fits."""
        parts = vkey.split("+", 2)
        if len(parts) != 3:
            raise Malformed("verifier key: wants <name>+<key id>+<key>")
        name, key_id, encoded = parts
        decoded = unbase64("verifier key", encoded)
        key = cls(name=name, public=decoded[1:], kind=decoded[0] if decoded else 0)
        if key.key_id.hex() != key_id:
            raise Malformed(f"verifier key: key id is {key_id[:8]}, the key asks for another")
        return key

    def verify(self, text: str, signature: Signature) -> int | None:
        """Returns only if `signature` is by this key over `text`, else raises Refused.

        What it returns is the time of a cosignature (POSIX seconds), or None.
        """
        payload, time_seconds = signature.payload, None
        message = text.encode()
        if signature.name != self.name or signature.key_id != self.key_id:
            raise Refused(f"note: this signature is not by {self.name}")
        if self.kind != ED25519:
            time_seconds = int.from_bytes(payload[:_TIME_SIZE], "big")
            payload = payload[_TIME_SIZE:]
            message = _cosigned_message(self.kind, self.name, text, time_seconds)
        key = (MLDSA44PublicKey if self.kind == SUBTREE_V1 else Ed25519PublicKey).from_public_bytes(
            self.public
        )
        try:
            key.verify(payload, message)
        except InvalidSignature:
            raise Refused(f"note: the signature of {self.name} does not fit the text") from None
        if time_seconds is not None and time_seconds > TIME_MAX:
            raise Refused(f"note: the time of {self.name} is beyond {TIME_MAX}")
        return time_seconds


@dataclass(frozen=True, slots=True)
class Verified:
    """A key whose signature stands below a note and fits; for a cosignature, since when."""

    key: VerifierKey
    time_seconds: int | None
    signature: Signature


@dataclass(frozen=True, slots=True)
class Opened:
    """A note that at least one trusted key has signed; `unknown` are the other signatures."""

    text: str
    verified: tuple[Verified, ...]
    unknown: tuple[Signature, ...]


def open_note(note: bytes, keys: Sequence[VerifierKey]) -> Opened:
    """Parse a note and verify every signature by one of `keys`; each key counts once.

    Raises Malformed for what is no note and for two keys that a line could not tell apart; Refused
    when a known key's signature does not fit, or when no known key has signed.
    """
    known = {(key.name, key.key_id): key for key in keys}
    if len(known) != len(keys):
        raise Malformed("note: two of the trusted keys have the same name and key id")
    parsed = parse(note)
    verified: dict[VerifierKey, Verified] = {}
    unknown = []
    for signature in parsed.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            unknown.append(signature)
        else:
            time_seconds = key.verify(parsed.text, signature)
            verified.setdefault(key, Verified(key, time_seconds, signature))
    if not verified:
        raise Refused("note: none of the trusted keys has signed it")
    return Opened(parsed.text, tuple(verified.values()), tuple(unknown))


def fitting(note: Note, keys: Iterable[VerifierKey]) -> tuple[Verified, ...]:
    """Whose signatures below a note fit, each key once; every other line is left aside.

    open_note refuses a note for one line of a known key that does not fit. Whoever counts
    signatures asks this instead: one witness must not spoil what others have signed.
    """
    found = (_first_fitting(note, key) for key in keys)
    return tuple(verified for verified in found if verified is not None)


def parse(note: bytes) -> Note:
    """The text and signature lines of a note, nothing verified.

    Raises Malformed unless the note is UTF-8 without control characters other than newline, at most
    NOTE_SIZE_MAX bytes, and ends in 1 to SIGNATURES_MAX signature lines.
    """
    if len(note) > NOTE_SIZE_MAX:
        raise Malformed(f"note: at most {NOTE_SIZE_MAX} bytes, got {len(note)}")
    try:
        whole = note.decode()
    except UnicodeDecodeError:
        raise Malformed("note: is not UTF-8") from None
    _refuse_controls(whole)
    text, blank, lines = whole.rpartition("\n\n")
    if not blank:
        raise Malformed("note: no empty line between text and signatures")
    if not lines.endswith("\n"):
        raise Malformed("note: the last line does not end in a newline")
    signatures = lines[:-1].split("\n")
    if len(signatures) > SIGNATURES_MAX:
        raise Malformed(f"note: at most {SIGNATURES_MAX} signatures, got {len(signatures)}")
    return Note(text + "\n", tuple(map(_parse_line, signatures)))


def sign(text: str, *, name: str, key: Signer) -> Signature:
    """An Ed25519 signature line under `name`. Raises Malformed for text that no note can hold."""
    _refuse_text(text)
    refuse_name(name)
    return Signature(name, _key_id(name, ED25519, key.public_bytes), key.sign(text.encode()))


def cosign(text: str, *, name: str, key: Signer, time_seconds: int) -> Signature:
    """A witness's cosignature of a checkpoint's text, at a POSIX time.

    The key decides the kind: cosignature/v1 for Ed25519, subtree/v1 for ML-DSA-44. Raises Malformed
    as sign does, and for a text that is no checkpoint's.
    """
    _refuse_text(text)
    refuse_name(name)
    if not 0 <= time_seconds <= TIME_MAX:
        raise Malformed(f"cosignature: time {time_seconds}; wants 0 to {TIME_MAX}")
    public = key.public_bytes
    kind = SUBTREE_V1 if len(public) == _PUBLIC_SIZES[SUBTREE_V1] else COSIGNATURE_V1
    signed = key.sign(_cosigned_message(kind, name, text, time_seconds))
    payload = time_seconds.to_bytes(_TIME_SIZE, "big") + signed
    return Signature(name, _key_id(name, kind, public), payload)


def refuse_name(name: str) -> None:
    """Raises Malformed for a key name that is empty or has spaces, pluses or control characters."""
    if not name or "+" in name or any(letter.isspace() or letter < " " for letter in name):
        raise Malformed("key name: wants text without spaces, plus signs and control characters")


def _first_fitting(note: Note, key: VerifierKey) -> Verified | None:
    wanted = (key.name, key.key_id)
    for signature in note.signatures:
        if (signature.name, signature.key_id) == wanted:
            with suppress(Refused, Malformed):
                return Verified(key, key.verify(note.text, signature), signature)
    return None


def _parse_line(line: str) -> Signature:
    parts = line.removeprefix(_DASH).split(" ")
    if not line.startswith(_DASH) or len(parts) != 2:
        raise Malformed("note: a signature line is '— <key name> <base64>'")
    name, encoded = parts
    refuse_name(name)
    decoded = unbase64("signature line", encoded)
    if len(decoded) <= _ID_SIZE:
        raise Malformed("signature line: is shorter than a key id and a signature")
    return Signature(name, decoded[:_ID_SIZE], decoded[_ID_SIZE:])


def unbase64(field: str, encoded: str) -> bytes:
    """Standard base64 in its only spelling: padded, and without stray bits at the end."""
    try:
        content = encoded.encode()
        decoded = a2b_base64(content, strict_mode=True)
    except ValueError:
        raise Malformed(f"{field}: is not base64") from None
    if b2a_base64(decoded, newline=False) != content:
        raise Malformed(f"{field}: is not base64 in its shortest spelling")
    return decoded


def _key_id(name: str, kind: int, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:_ID_SIZE]


def _cosigned_message(kind: int, name: str, text: str, time_seconds: int) -> bytes:
    """What a witness signs: all of the text, or origin, size and root in TLS presentation."""
    if kind == COSIGNATURE_V1:
        return f"cosignature/v1\ntime {time_seconds}\n{text}".encode()
    lines = text.split("\n")
    if len(lines) < 4 or not lines[1].isdecimal() or len(lines[1]) > 19:
        raise Malformed("cosignature: the text is not that of a checkpoint")
    size, root = int(lines[1]), unbase64("root", lines[2])
    if len(root) != 32 or size > TIME_MAX:
        raise Malformed("cosignature: the text is not that of a checkpoint")
    return b"".join(
        (
            *(_SUBTREE_LABEL, _short(name), time_seconds.to_bytes(8, "big"), _short(lines[0])),
            *((0).to_bytes(8, "big"), size.to_bytes(8, "big"), root),
        )
    )


def _short(text: str) -> bytes:
    """A text of 1 to 255 bytes after its length, as RFC 8446 writes it."""
    encoded = text.encode()
    if not 1 <= len(encoded) <= 255:
        raise Malformed("cosignature: name and origin have 1 to 255 bytes")
    return bytes([len(encoded)]) + encoded


def _refuse_text(text: str) -> None:
    if not text.endswith("\n"):
        raise Malformed("note: the text does not end in a newline")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Malformed("note: is not UTF-8") from None
    _refuse_controls(text)


def _refuse_controls(text: str) -> None:
    if _CONTROL.search(text):
        raise Malformed("note: has a control character other than newline")
