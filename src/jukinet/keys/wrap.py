"""Wrapping (鍵の包み): a key at rest opens by a passphrase, or by a token that is there.

A lock wraps a key of 32 bytes into some bytes that may lie about, and unwraps them again. What is
wrapped says itself how: with a passphrase the cost and salt of Argon2id stand beside it, so that
the cost can be raised without a flag day; with a token (PKCS#11) its name. The context is not
secret, but binds the wrapped key to its place: put into another folder it does not open.

A token keeps a key of its own that never leaves it and answers a question with an HMAC under that.
The wrapping key derives from the answer. Every token can do this; few can wrap as one wishes.

Changing a lock (`rewrap`) wraps the same key anew. Whoever kept an old copy and still has the old
passphrase or token opens with them: a key that may be known is drawn anew, not wrapped anew.

It is not a store: who writes the bytes, and in which order, others say.

Source: RFC 9106 (Argon2id; section 4, the second recommended choice: 64 MiB, 3 passes, 4 lanes);
PKCS #11 v3.1, section 6.21 (CKM_SHA256_HMAC); NIST SP 800-38D (GCM).

>>> quick = Cost(memory_kib=64, passes=1, lanes=1)
>>> lock = PassphraseLock("correct horse battery", lambda size: bytes(size), cost=quick)
>>> wrapped = lock.wrap(Secret(bytes(range(32))), context=b"keeper-1")
>>> lock.unwrap(wrapped, context=b"keeper-1")
Secret()
>>> PassphraseLock("another horse battery", bytes).unwrap(wrapped, context=b"keeper-1")
Traceback (most recent call last):
    ...
jukinet.errors.Refused: passphrase: it is not the one that this was wrapped with; ...
"""

import unicodedata
from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from jukinet.errors import Damaged, Malformed, Refused
from jukinet.keys.chance import Chance, drawn
from jukinet.keys.seal import KEY_SIZE, NONCE_SIZE, hkdf
from jukinet.keys.seal import lock as locked_with
from jukinet.keys.seal import unlock as unlocked_with
from jukinet.keys.secret import Secret

PASSPHRASE_SIZE_MIN: Final = 12
SALT_SIZE: Final = 16
MEMORY_KIB_MAX: Final = 4 * 1024 * 1024
PASSES_MAX: Final = 100
LANES_MAX: Final = 64
"""A wrapped key is read from a disk, so its cost is not believed without bounds."""

_LABEL = b"jukinet wrapped key v1"


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a guess at a passphrase costs: memory (KiB), passes over it, and lanes."""

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 4


class ByPassphrase(msgspec.Struct, frozen=True, kw_only=True, tag="passphrase"):
    """How a key is wrapped under a passphrase."""

    cost: Cost
    salt: bytes
    nonce: bytes
    sealed: bytes


class ByToken(msgspec.Struct, frozen=True, kw_only=True, tag="token"):
    """How a key is wrapped under a token's answer."""

    token: str
    salt: bytes
    nonce: bytes
    sealed: bytes


Wrapped = ByPassphrase | ByToken


class Lock(Protocol):
    """What wraps a key and unwraps it again."""

    def wrap(self, key: Secret, *, context: bytes) -> bytes:
        """The key of 32 bytes, wrapped; other bytes each time."""
        ...

    def unwrap(self, wrapped: bytes, *, context: bytes) -> Secret:
        """The key.

        Raises Refused where another passphrase or token wants to be used, Damaged where the bytes
        decayed.
        """
        ...


class Token(Protocol):
    """A device that keeps a key and answers questions with it."""

    name: str

    def answer(self, question: bytes) -> bytes:
        """HMAC-SHA256 of the question under the token's own key; Refused where it cannot."""
        ...


class PassphraseLock:
    """A lock that opens by a passphrase. Prints nothing of it."""

    __slots__ = ("_chance", "_cost", "_words")

    def __init__(self, passphrase: str, chance: Chance, *, cost: Cost | None = None) -> None:
        """Raises Malformed for a passphrase shorter than 12 characters, or a cost out of bounds."""
        self._words = Secret(_normal(passphrase).encode())
        self._chance = chance
        self._cost = cost or Cost()
        if not _within_bounds(self._cost):
            raise Malformed(
                f"cost: wants 1 to {PASSES_MAX} passes, 1 to {LANES_MAX} lanes, and 8 to "
                f"{MEMORY_KIB_MAX} KiB of memory a lane"
            )

    def wrap(self, key: Secret, *, context: bytes) -> bytes:
        """As Lock says."""
        salt, nonce = drawn(SALT_SIZE, self._chance), drawn(NONCE_SIZE, self._chance)
        sealed = _sealed(self._stretched(self._cost, salt), key, nonce, context)
        return _encoded(ByPassphrase(cost=self._cost, salt=salt, nonce=nonce, sealed=sealed))

    def unwrap(self, wrapped: bytes, *, context: bytes) -> Secret:
        """As Lock says; the cost is the one that stands beside the key."""
        found = read(wrapped)
        if not isinstance(found, ByPassphrase):
            raise Refused(f"passphrase: this key is wrapped by the token {found.token}; use that")
        try:
            return _opened(self._stretched(found.cost, found.salt), found, context)
        except Damaged:
            raise Refused(
                "passphrase: it is not the one that this was wrapped with; give the right one, or "
                "restore the file from a back-up if it decayed"
            ) from None

    def _stretched(self, cost: Cost, salt: bytes) -> Secret:
        stretching = Argon2id(
            salt=salt,
            length=KEY_SIZE,
            iterations=cost.passes,
            lanes=cost.lanes,
            memory_cost=cost.memory_kib,
        )
        return Secret(stretching.derive(self._words.publish()))

    def __reduce__(self) -> str:
        """Raises Refused: a passphrase is not written out by accident."""
        raise Refused("passphrase: is not pickled or copied")

    def __repr__(self) -> str:
        """Nothing of the passphrase."""
        return "PassphraseLock()"


class TokenLock:
    """A lock that opens where a token is."""

    __slots__ = ("_chance", "_token")

    def __init__(self, token: Token, chance: Chance) -> None:
        self._token = token
        self._chance = chance

    def wrap(self, key: Secret, *, context: bytes) -> bytes:
        """As Lock says."""
        salt, nonce = drawn(SALT_SIZE, self._chance), drawn(NONCE_SIZE, self._chance)
        sealed = _sealed(self._derived(salt, context), key, nonce, context)
        return _encoded(ByToken(token=self._token.name, salt=salt, nonce=nonce, sealed=sealed))

    def unwrap(self, wrapped: bytes, *, context: bytes) -> Secret:
        """As Lock says."""
        found = read(wrapped)
        if not isinstance(found, ByToken):
            raise Refused("token: this key is wrapped under a passphrase; give that")
        try:
            return _opened(self._derived(found.salt, context), found, context)
        except Damaged:
            raise Refused(
                f"token {self._token.name}: it is not the one that this was wrapped with "
                f"({found.token}); put that one in, or restore the file if it decayed"
            ) from None

    def _derived(self, salt: bytes, context: bytes) -> Secret:
        with Secret(self._token.answer(_LABEL + salt)) as answer:
            return Secret(hkdf(answer.publish(), _LABEL, salt, context))

    def __repr__(self) -> str:
        """The token's name."""
        return f"TokenLock({self._token.name})"


def rewrap(wrapped: bytes, *, old: Lock, new: Lock, context: bytes) -> bytes:
    """The same key under another lock; raises as unwrapping with the old one does."""
    with old.unwrap(wrapped, context=context) as key:
        return new.wrap(key, context=context)


def read(wrapped: bytes) -> Wrapped:
    """How a key is wrapped; raises Damaged for bytes that no lock of ours writes."""
    try:
        found = _decode(wrapped)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Damaged("wrapped key: these bytes are none; restore it from a back-up") from None
    fits = len(found.salt) == SALT_SIZE and len(found.nonce) == NONCE_SIZE
    if not fits or (isinstance(found, ByPassphrase) and not _within_bounds(found.cost)):
        raise Damaged("wrapped key: is not as Jukinet writes it; restore it from a back-up")
    return found


def _within_bounds(cost: Cost) -> bool:
    return (
        1 <= cost.passes <= PASSES_MAX
        and 1 <= cost.lanes <= LANES_MAX
        and 8 * cost.lanes <= cost.memory_kib <= MEMORY_KIB_MAX
    )


def _normal(passphrase: str) -> str:
    """A passphrase as it is stretched: NFKC, one space between words; Malformed for a short one."""
    words = " ".join(unicodedata.normalize("NFKC", passphrase).split())
    if len(words) < PASSPHRASE_SIZE_MIN:
        raise Malformed(f"passphrase: wants {PASSPHRASE_SIZE_MIN} characters or more")
    return words


def _sealed(by: Secret, key: Secret, nonce: bytes, context: bytes) -> bytes:
    if len(key) != KEY_SIZE:
        raise Malformed(f"key: wants {KEY_SIZE} bytes, got {len(key)}")
    with by:
        return locked_with(by.publish(), key.publish(), nonce=nonce, context=_LABEL + context)


def _opened(by: Secret, found: Wrapped, context: bytes) -> Secret:
    with by:
        raw = unlocked_with(by.publish(), found.sealed, nonce=found.nonce, context=_LABEL + context)
    return Secret(raw)


_encoder = msgspec.msgpack.Encoder()
_decode: Callable[[bytes], Wrapped] = msgspec.msgpack.Decoder(Wrapped).decode


def _encoded(wrapped: Wrapped) -> bytes:
    return _encoder.encode(wrapped)
