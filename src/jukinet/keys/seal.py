"""Sealing: to a public key (HPKE), under a shared key (AES-256-GCM), in one size; and derived keys.

Whoever seals to a key cannot open again; whoever opens must say the same context, which is not
secret but binds the sealed bytes to their place: a body moved to another record does not open.
Texts are padded to one size before they are locked, so that a length says nothing.

It is not a key store: where keys rest, and for how long, others decide.

Source: RFC 9180 (HPKE, base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM);
NIST SP 800-38D (GCM); RFC 5869, section 2.3 (HKDF-Expand); RFC 2104 (HMAC); ISO/IEC 7816-4 padding.

>>> keeper = OpenKey(bytes(range(32)))
>>> sealed = keeper.public.seal(b"text", context=b"record 5")
>>> keeper.open(sealed, context=b"record 5")
b'text'
>>> keeper.open(sealed, context=b"record 6")
Traceback (most recent call last):
    ...
jukinet.errors.Damaged: sealed text: does not open with this key and context; ...
"""

import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from jukinet.errors import Damaged, Malformed, Refused
from jukinet.keys.chance import Chance, drawn

KEY_SIZE: Final = 32
NONCE_SIZE: Final = 12
TAG_SIZE: Final = 16
SEAL_OVERHEAD: Final = 32 + TAG_SIZE
"""Bytes that a sealed text is longer than the text: the encapsulated key and the tag."""

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class SealKey:
    """The public half: anybody may seal to it."""

    __slots__ = ("_key", "raw")

    def __init__(self, raw: bytes) -> None:
        """Raises Malformed unless there are 32 bytes."""
        if len(raw) != KEY_SIZE:
            raise Malformed(f"seal key: wants {KEY_SIZE} bytes, got {len(raw)}")
        self.raw = bytes(raw)
        self._key = X25519PublicKey.from_public_bytes(self.raw)

    def seal(self, plaintext: bytes | memoryview, context: bytes) -> bytes:
        """Encapsulated key, ciphertext and tag; another one each time, from the library's chance.

        Raises Malformed when nothing can be sealed to this key, as it is one of the few weak ones.
        """
        try:
            return _SUITE.encrypt(plaintext, self._key, info=context)
        except ValueError:
            raise Malformed("seal key: is one of the weak points of the curve") from None

    def __eq__(self, other: object) -> bool:
        """Keys are equal when their bytes are."""
        return isinstance(other, SealKey) and self.raw == other.raw

    def __hash__(self) -> int:
        """As bytes."""
        return hash(self.raw)

    def __repr__(self) -> str:
        """Public, so shown."""
        return f"SealKey({self.raw.hex()})"


class OpenKey:
    """The private half. Prints only its public one."""

    __slots__ = ("_key", "public")

    def __init__(self, secret: bytes) -> None:
        """Raises Malformed unless there are 32 bytes."""
        if len(secret) != KEY_SIZE:
            raise Malformed(f"open key: wants {KEY_SIZE} bytes, got {len(secret)}")
        self._key = X25519PrivateKey.from_private_bytes(secret)
        self.public = SealKey(self._key.public_key().public_bytes_raw())

    @classmethod
    def draw(cls, chance: Chance) -> "OpenKey":
        """A new key."""
        return cls(drawn(KEY_SIZE, chance))

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The text. Raises Damaged unless it was sealed to this key, in this context, just so."""
        try:
            return _SUITE.decrypt(sealed, self._key, info=context)
        except (InvalidTag, ValueError):
            raise Damaged(
                "sealed text: does not open with this key and context; ask for it again"
            ) from None

    def reveal_secret(self) -> bytes:
        """The 32 bytes that the key is made of, to be sealed and never to be shown."""
        return self._key.private_bytes_raw()

    def __reduce__(self) -> str:
        """Raises Refused: a key is not written out by accident."""
        raise Refused("open key: is not pickled or copied; seal what reveal_secret returns")

    def __repr__(self) -> str:
        """The public half only."""
        return f"OpenKey(public={self.public.raw.hex()})"


def lock(key: bytes, plaintext: bytes, *, nonce: bytes, context: bytes) -> bytes:
    """Ciphertext and tag, 16 bytes longer than the text. A nonce never comes twice under one key.

    Raises Malformed unless the key has 32 bytes and the nonce 12.
    """
    _refuse_lengths(key, nonce)
    return AESGCM(key).encrypt(nonce, plaintext, context)


def unlock(key: bytes, locked: bytes, *, nonce: bytes, context: bytes) -> bytes:
    """The text. Raises Damaged when key, nonce, context or a single bit is another."""
    _refuse_lengths(key, nonce)
    if len(locked) < TAG_SIZE:
        raise Damaged(f"locked text: is shorter than its tag of {TAG_SIZE} bytes")
    try:
        return AESGCM(key).decrypt(nonce, locked, context)
    except InvalidTag:
        raise Damaged("locked text: does not open with this key, nonce and context") from None


def pad(text: bytes, size: int) -> bytes:
    """The text, 0x80, and zeros up to `size` bytes. Raises Malformed when that does not fit."""
    if len(text) >= size:
        raise Malformed(f"text: at most {size - 1} bytes fit into {size}, got {len(text)}")
    return (text + b"\x80").ljust(size, b"\x00")


def unpad(padded: bytes) -> bytes:
    """The text before the padding. Raises Damaged when there is none."""
    text, mark, zeros = padded.rpartition(b"\x80")
    if not mark or zeros.strip(b"\x00"):
        raise Damaged("padded text: does not end in 0x80 and zeros")
    return text


def hkdf(key: bytes | memoryview, *labels: bytes) -> bytes:
    """A key of 32 bytes derived from a uniform key; other labels give an unrelated one.

    HKDF-Expand with SHA-256, the labels behind their lengths as info. Raises Malformed for a key
    shorter than 32 bytes or no label.
    """
    if not labels:
        raise Malformed("derived key: wants a label that says what it is for")
    return _hmac(key, _joined(labels) + b"\x01")


def mac(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA256 over parts behind their lengths, so that no two lists of parts look the same.

    Raises Malformed for a key shorter than 32 bytes or no part.
    """
    if not parts:
        raise Malformed("mac: wants a part")
    return _hmac(key, _joined(parts))


def equal(left: bytes, right: bytes) -> bool:
    """Whether two secrets are the same, in a time that does not say how far they are."""
    return hmac.compare_digest(left, right)


def _hmac(key: bytes | memoryview, message: bytes) -> bytes:
    if len(key) < KEY_SIZE:
        raise Malformed(f"key: wants {KEY_SIZE} bytes or more, got {len(key)}")
    return hmac.digest(key, message, "sha256")


def _joined(parts: tuple[bytes, ...]) -> bytes:
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def _refuse_lengths(key: bytes, nonce: bytes) -> None:
    if len(key) != KEY_SIZE:
        raise Malformed(f"key: wants {KEY_SIZE} bytes, got {len(key)}")
    if len(nonce) != NONCE_SIZE:
        raise Malformed(f"nonce: wants {NONCE_SIZE} bytes, got {len(nonce)}")
