"""Signing orders (照会書の署名): one signature for one order, or for all of one moment.

An agency that asks much signs its orders of a moment together: one Ed25519 signature over the root
of a tree whose leaves are the orders. With each order goes its way to the root, so each stands by
itself and shows nothing of the others; whoever verifies many verifies the signature once.

A signature alone has 64 bytes. One over a root has these 64, the order's place (two bytes), and the
hashes on its way, 32 bytes each. What is signed then begins with other bytes than an order does.

>>> key = SigningKey(bytes(32))
>>> together = sign(key, [b"one", b"two", b"three"])
>>> found = Signatures({"pension": key.public})
>>> for content, signature in zip([b"one", b"two", b"three"], together):
...     found.verify("pension", content, signature)
>>> [len(one) for one in together], len(sign(key, [b"one"])[0])
([130, 130, 130], 64)
"""

from collections.abc import Mapping, Sequence
from typing import Final

from jukinet.errors import Refused
from jukinet.keys.sign import SIGNATURE_SIZE, SigningKey, VerifyKey
from jukinet.merkle.tree import HASH_SIZE, leaf_hash, node_hash

TOGETHER_MAX: Final = 1 << 12
PLACE_BYTES: Final = 2
_ROOT: Final = b"jukinet orders v1\x00"
_EMPTY: Final = bytes(HASH_SIZE)
_KNOWN_MAX: Final = 1024


def sign(key: SigningKey, contents: Sequence[bytes]) -> list[bytes]:
    """A signature for each order; at most TOGETHER_MAX are signed together."""
    if len(contents) == 1:
        return [key.sign(contents[0])]
    found: list[bytes] = []
    for start in range(0, len(contents), TOGETHER_MAX):
        found += _together(key, contents[start : start + TOGETHER_MAX])
    return found


def _together(key: SigningKey, contents: Sequence[bytes]) -> list[bytes]:
    depth = (len(contents) - 1).bit_length()
    level = [leaf_hash(content) for content in contents]
    level += [_EMPTY] * ((1 << depth) - len(level))
    levels = [level]
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
        levels.append(level)
    signature = key.sign(_ROOT + level[0])
    return [
        signature
        + place.to_bytes(PLACE_BYTES, "big")
        + b"".join(one[place >> up ^ 1] for up, one in enumerate(levels[:-1]))
        for place in range(len(contents))
    ]


class Signatures:
    """The keys of those who sign orders, and the roots that were found to be signed by them."""

    def __init__(self, keys: Mapping[str, VerifyKey]) -> None:
        self._keys = keys
        self._known: set[tuple[str, bytes, bytes]] = set()

    def verify(self, signer: str, content: bytes, signature: bytes) -> None:
        """Returns only if this signer signed this order, alone or with others; else Refused."""
        if len(signature) == SIGNATURE_SIZE:
            self._keys[signer].verify(content, signature)
            return
        root = _climbed(content, signature[SIGNATURE_SIZE:])
        known = (signer, root, signature[:SIGNATURE_SIZE])
        if known in self._known:
            return
        self._keys[signer].verify(_ROOT + root, signature[:SIGNATURE_SIZE])
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known.add(known)


def _climbed(content: bytes, way: bytes) -> bytes:
    """The root that an order's way leads to."""
    place, hashes = int.from_bytes(way[:PLACE_BYTES], "big"), way[PLACE_BYTES:]
    count, rest = divmod(len(hashes), HASH_SIZE)
    if len(way) < PLACE_BYTES or rest or place >> count or count > TOGETHER_MAX.bit_length():
        raise Refused("signature: is not by this key over this message")
    found = leaf_hash(content)
    for at in range(count):
        other = hashes[at * HASH_SIZE : (at + 1) * HASH_SIZE]
        found = node_hash(other, found) if place >> at & 1 else node_hash(found, other)
    return found
