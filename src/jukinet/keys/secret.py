"""Secret: bytes in a place of our own that is zeroed when nobody needs them any more.

A secret shows nothing of itself, is not copied, pickled or hashed, and two are compared in a time
that does not say how far they are the same. C functions read and write it where it lies.

It is not a promise that no copy exists, and CPython allows none: what chance or a cipher hands us
comes as `bytes`, which live until they are collected and are not zeroed; pages may be swapped out.
So a secret enters a Secret at once, its arithmetic stays inside, and it leaves by name only.

>>> with Secret(b"of 16 bytes long") as key:
...     len(key), key
(16, Secret())
>>> key.reveal()
Traceback (most recent call last):
    ...
jukinet.errors.Refused: secret: was wiped; ask for it again
"""

from ctypes import Array, c_char
from hmac import compare_digest
from typing import Self

from jukinet.errors import Refused


class Secret:
    """Some bytes, until they are wiped. C functions take it as a pointer to them."""

    __slots__ = ("_as_parameter_", "_held", "_wiped")

    def __init__(self, content: bytes | bytearray | memoryview) -> None:
        """A copy; whoever has the original wipes it, where it can be wiped."""
        self._held = bytearray(content)
        # While this view lives the bytearray cannot grow, so it is never moved and left behind.
        self._as_parameter_: Array[c_char] = (c_char * len(self._held)).from_buffer(self._held)
        self._wiped = False

    def reveal(self) -> memoryview:
        """The bytes as they lie here, to be read and not kept. Raises Refused once wiped."""
        if self._wiped:
            raise Refused("secret: was wiped; ask for it again")
        return memoryview(self._held).toreadonly()

    def write(self, start: int, part: "Secret") -> None:
        """Another secret's bytes, copied into this one. Raises Refused when they do not fit in."""
        if start < 0 or start + len(part) > len(self):
            raise Refused("secret: has no room for the other one there")
        self._held[start : start + len(part)] = part.reveal()

    def publish(self) -> bytes:
        """A copy that is nobody's secret any more, such as the answer in a proof."""
        return bytes(self.reveal())

    def wipe(self) -> None:
        """Zeros in the place of the bytes."""
        self._held[:] = bytes(len(self._held))
        self._wiped = True

    def __len__(self) -> int:
        """How many bytes; none once wiped, so that no function takes the zeros for a key."""
        return 0 if self._wiped else len(self._held)

    def __bool__(self) -> bool:
        """Whether it still holds anything."""
        return len(self) > 0

    def __enter__(self) -> Self:
        """Itself, until the block ends."""
        return self

    def __exit__(self, *ended: object) -> None:
        """Wiped, whatever ended the block."""
        self.wipe()

    def __del__(self) -> None:
        """Wiped, when nothing refers to it."""
        if hasattr(self, "_held"):
            self._held[:] = bytes(len(self._held))

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same, in a time that does not say how far."""
        return isinstance(other, Secret) and compare_digest(self.reveal(), other.reveal())

    __hash__ = None  # type: ignore[assignment]  # A hash would say something of the bytes.

    def __reduce__(self) -> str:
        """Raises Refused: a secret is not written out by accident."""
        raise Refused("secret: is not pickled or copied; seal what reveal shows")

    def __repr__(self) -> str:
        """Nothing of it."""
        return "Secret()"
