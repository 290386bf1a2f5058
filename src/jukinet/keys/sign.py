"""Signing: Ed25519 and ML-DSA-44 keys that cannot print themselves.

A signing key shows its public half and nothing else: not in repr, not in a format, not in an
error. Its seed leaves only when asked for by name, to be sealed.

It is not a certificate: whose key it is, others say.

Source: RFC 8032, section 5.1 (Ed25519); FIPS 204 (ML-DSA-44).

>>> key = SigningKey(bytes(32))
>>> key
SigningKey(public=3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29)
>>> key.public.verify(b"message", key.sign(b"message"))
"""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from jukinet.errors import Malformed, Refused
from jukinet.keys.chance import Chance, drawn

SEED_SIZE: Final = 32
PUBLIC_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64


class VerifyKey:
    """The public half: anybody may hold it and see what was signed."""

    __slots__ = ("_key", "raw")

    def __init__(self, raw: bytes) -> None:
        """Raises Malformed unless there are 32 bytes."""
        if len(raw) != PUBLIC_SIZE:
            raise Malformed(f"verify key: wants {PUBLIC_SIZE} bytes, got {len(raw)}")
        self.raw = bytes(raw)
        self._key = Ed25519PublicKey.from_public_bytes(self.raw)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Returns only if this key signed this message; raises Refused otherwise.

        It returns nothing, so that forgetting to look at the result cannot let a forgery through.
        """
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            raise Refused("signature: is not by this key over this message") from None

    def __eq__(self, other: object) -> bool:
        """Keys are equal when their bytes are."""
        return isinstance(other, VerifyKey) and self.raw == other.raw

    def __hash__(self) -> int:
        """As bytes."""
        return hash(self.raw)

    def __repr__(self) -> str:
        """Public, so shown."""
        return f"VerifyKey({self.raw.hex()})"


class SigningKey:
    """The private half. Prints only its public one."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        """Raises Malformed unless there are 32 bytes."""
        if len(seed) != SEED_SIZE:
            raise Malformed(f"signing key: a seed has {SEED_SIZE} bytes, got {len(seed)}")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = VerifyKey(self._key.public_key().public_bytes_raw())

    @classmethod
    def draw(cls, chance: Chance) -> "SigningKey":
        """A new key."""
        return cls(drawn(SEED_SIZE, chance))

    @property
    def public_bytes(self) -> bytes:
        """The public key, 32 bytes."""
        return self.public.raw

    def sign(self, message: bytes) -> bytes:
        """64 bytes; the same for the same message."""
        return self._key.sign(message)

    def reveal_seed(self) -> bytes:
        """The 32 bytes that the key is made of, to be sealed and never to be shown."""
        return self._key.private_bytes_raw()

    def __reduce__(self) -> str:
        """Raises Refused: a key is not written out by accident."""
        raise Refused("signing key: is not pickled or copied; seal what reveal_seed returns")

    def __repr__(self) -> str:
        """The public half only."""
        return f"SigningKey(public={self.public.raw.hex()})"


class LatticeKey:
    """An ML-DSA-44 key (FIPS 204), for cosignatures that outlive quantum computers.

    Prints only its public half.
    """

    __slots__ = ("_key", "public_bytes")

    def __init__(self, seed: bytes) -> None:
        """Raises Malformed unless there are 32 bytes."""
        if len(seed) != SEED_SIZE:
            raise Malformed(f"lattice key: a seed has {SEED_SIZE} bytes, got {len(seed)}")
        self._key = MLDSA44PrivateKey.from_seed_bytes(seed)
        self.public_bytes = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """2,420 bytes; another one each time."""
        return self._key.sign(message)

    def __reduce__(self) -> str:
        """Raises Refused: a key is not written out by accident."""
        raise Refused("lattice key: is not pickled or copied")

    def __repr__(self) -> str:
        """The beginning of the public half only."""
        return f"LatticeKey(public={self.public_bytes[:8].hex()}...)"
