"""Chance: randomness is an argument, a callable from a number of bytes to that many bytes.

The top floors hand in the operating system's; the simulator hands in one drawn from its seed, so
that a run can be replayed. Nothing below draws any other way.

It is not a generator itself.

>>> from itertools import cycle
>>> dice = cycle([255, 128])
>>> below(6, lambda size: bytes(next(dice) for _ in range(size)))
4
"""

from collections.abc import Callable
from typing import TypeAlias

from jukinet.errors import Malformed, OutOfStep

Chance: TypeAlias = Callable[[int], bytes]
"""Called with a number of bytes, returns that many, uniform and unpredictable."""

_DRAWS_MAX = 256


def below(bound: int, chance: Chance) -> int:
    """A uniform whole number from 0 to bound - 1, by drawing again what would favour some.

    Raises Malformed for a bound below 1, OutOfStep when chance is broken: 256 draws in a row too
    large happen once in 2**256.
    """
    if bound < 1:
        raise Malformed(f"bound: wants 1 or more, got {bound}")
    bits = (bound - 1).bit_length()
    size = -(-bits // 8)
    for _ in range(_DRAWS_MAX):
        number = int.from_bytes(drawn(size, chance), "big") >> (8 * size - bits)
        if number < bound:
            return number
    raise OutOfStep("chance: 256 draws in a row were too large; it is not random, replace it")


def drawn(size: int, chance: Chance) -> bytes:
    """`size` bytes of chance. Raises OutOfStep when it brings another number of them."""
    found = chance(size)
    if len(found) != size:
        raise OutOfStep(f"chance: asked for {size} bytes, got {len(found)}; replace it")
    return found
