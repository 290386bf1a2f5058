"""Sampling (抽出検査): which answers of a month are held against their chains.

That an answer stands under the right person's chain, nobody can see from the log. So each month
some entries are picked by randomness that nobody chooses (a lottery's numbers, a public beacon),
the agencies show whom they were answered about, and the centre and the keepers show the chain.
Whoever knows the randomness gets the same picks from the same log.

>>> picked(bytes(32), range(100), 3)
(8, 62, 68)
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

SAMPLE_MAX: Final = 20


def picked(randomness: bytes, among: Sequence[int], count: int = SAMPLE_MAX) -> tuple[int, ...]:
    """Up to `count` of some indexes, in order; SHA-256 of randomness and a counter picks each."""
    left = list(among)
    found: list[int] = []
    while left and len(found) < count:
        drawn = sha256(b"jukinet sample v1\x00" + randomness + len(found).to_bytes(4, "big"))
        found.append(left.pop(int.from_bytes(drawn.digest(), "big") % len(left)))
    return tuple(sorted(found))
