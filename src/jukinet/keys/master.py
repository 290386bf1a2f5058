"""Master key (親鍵): one key a folder, of which every other key that rests there is derived.

From its 32 bytes HKDF makes a key for each store and each small file of secrets, by purpose and
name; and the master key of a folder that stands inside another. So one wrapped key opens a folder,
and one that is forgotten closes it. A file that was put in another's place does not open there.

It is not a lock: how it is wrapped while it rests, and where it is while it does not, others say.
Its bytes are a Secret, which is overwritten (`wipe`); what is derived of it goes to AES and
SQLCipher, and is as short-lived as their callers make it.

Source: RFC 5869, section 2.3 (HKDF-Expand); NIST SP 800-38D (GCM).

>>> master = MasterKey(bytes(range(32)))
>>> sealed = master.seal("towns/131016", b"secrets", nonce=bytes(12))
>>> master.open("towns/131016", sealed)
b'secrets'
>>> master.open("towns/131041", sealed)
Traceback (most recent call last):
    ...
jukinet.errors.Damaged: towns/131041: does not open with this folder's key
>>> master
<MasterKey 9b1fecfe>
"""

from typing import Final

from jukinet.errors import Damaged, Malformed, Refused
from jukinet.keys.chance import Chance, drawn
from jukinet.keys.seal import NONCE_SIZE, hkdf, lock, unlock
from jukinet.keys.secret import Secret

SIZE: Final = 32
SIGN_SIZE: Final = 16


class MasterKey:
    """The key of a folder. Prints only the beginning of its sign."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes | bytearray | memoryview) -> None:
        """Keeps a copy of its own. Raises Malformed unless there are 32 bytes."""
        if len(secret) != SIZE:
            raise Malformed(f"master key: wants {SIZE} bytes, got {len(secret)}")
        self._secret = Secret(secret)

    @classmethod
    def draw(cls, chance: Chance) -> "MasterKey":
        """A new one."""
        return cls(drawn(SIZE, chance))

    @property
    def sign(self) -> bytes:
        """Sixteen bytes by which to know the key, and which tell nothing else of it."""
        return self._derived("sign")[:SIGN_SIZE]

    def store_key(self, name: str) -> bytes:
        """The key of 32 bytes for a store's file."""
        return self._derived("store", name)

    def within(self, name: str) -> "MasterKey":
        """The master key of a folder that stands in this one."""
        return MasterKey(self._derived("folder", name))

    def seal(self, name: str, text: bytes, *, nonce: bytes) -> bytes:
        """The content of a small file, sealed: the nonce of 12 bytes, ciphertext and tag.

        A nonce never comes twice for one name.
        """
        return nonce + lock(self._derived("file", name), text, nonce=nonce, context=name.encode())

    def open(self, name: str, sealed: bytes) -> bytes:
        """What was sealed under this name; Damaged for another key, another name, another bit."""
        try:
            nonce, locked = sealed[:NONCE_SIZE], sealed[NONCE_SIZE:]
            key = self._derived("file", name)
            return unlock(key, locked, nonce=nonce, context=name.encode())
        except (Damaged, Malformed):
            raise Damaged(f"{name}: does not open with this folder's key") from None

    def reveal(self) -> memoryview:
        """The 32 bytes as they lie here, to be wrapped and never to be shown."""
        return self._secret.reveal()

    def wipe(self) -> None:
        """Overwrite it; nothing opens with it any more."""
        self._secret.wipe()

    def __eq__(self, other: object) -> bool:
        """Keys are equal when their bytes are."""
        return isinstance(other, MasterKey) and self._secret == other._secret

    __hash__ = None  # type: ignore[assignment]  # nothing is filed under a secret

    def __reduce__(self) -> str:
        """Raises Refused: a key is not written out by accident."""
        raise Refused("master key: is not pickled or copied; wrap what reveal returns")

    def __repr__(self) -> str:
        """The beginning of its sign only."""
        return f"<MasterKey {self.sign[:4].hex()}>" if self._secret else "<MasterKey, wiped>"

    def _derived(self, purpose: str, name: str = "") -> bytes:
        key = self._secret.reveal()
        return hkdf(key, b"jukinet at rest", purpose.encode(), name.encode())
