"""Reconciliation (整合性確認): digests that show where two nodes differ, and where exactly.

For each person a town and the centre each compute a leaf: an HMAC, under a key that the two share,
over locator, version and digest of the last notice. Sorted by an HMAC of the locator the leaves
form a Merkle tree; equal roots mean equal books. Where roots differ, both sides compare the
digests of ever longer prefixes (bisection) until the differing persons are found. Nothing of low
entropy is hashed plainly, so whoever sees the digests learns nothing.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import MetaData

from jukinet.keys.seal import mac
from jukinet.merkle.tree import root_of
from jukinet.store.engine import Transaction
from jukinet.store.rows import Rows, blob, integer

METADATA = MetaData()
LEAVES_AT_ONCE = 16  # up to so many leaves are compared one by one
PLACE_BYTES = 16
PLACE_DIGITS = 2 * PLACE_BYTES


class Told(NamedTuple):
    """What was last told of a person's record: kept by the town beside its outbox.

    By the record's own number, which grows: records that are told of together stand together, where
    locators lie anywhere. Who has come back to a town has two.
    """

    person: int
    locator: bytes
    version: int
    number: int  # of the item in the feed
    digest: bytes  # SHA-256 of the item's body


TOLD = Rows(
    "told",
    METADATA,
    Told,
    [
        integer("person", key=True),
        blob("locator"),
        integer("version"),
        integer("number"),
        blob("digest"),
    ],
    compact=True,
)


class Leaf(NamedTuple):
    """One person in the comparison: a place in the order, and what is compared."""

    place: bytes
    hash: bytes


class Digest(NamedTuple):
    """All leaves whose place starts with a prefix (hexadecimal), summed up."""

    prefix: str
    size: int
    root: bytes


def leaf(key: bytes, locator: bytes, version: int, digest: bytes) -> Leaf:
    """The leaf of one person."""
    return Leaf(
        mac(key, b"place", locator)[:PLACE_BYTES],
        mac(key, b"leaf", locator, version.to_bytes(8, "big"), digest),
    )


def leaves_told(tx: Transaction, key: bytes) -> list[Leaf]:
    """The leaves of everybody a town has ever told of, in order."""
    last: dict[bytes, Told] = {}
    for row in TOLD.everything(tx):
        if row.locator not in last or last[row.locator].number < row.number:
            last[row.locator] = row
    return sorted(leaf(key, row.locator, row.version, row.digest) for row in last.values())


def digest(leaves: Sequence[Leaf], prefix: str = "") -> Digest:
    """The digest of a prefix; `leaves` are in order."""
    part = _part(leaves, prefix)
    return Digest(prefix, len(part), root_of([one.hash for one in part]))


def children(leaves: Sequence[Leaf], prefix: str) -> list[Digest]:
    """The digests of the sixteen prefixes that are one longer."""
    return [digest(leaves, prefix + nibble) for nibble in "0123456789abcdef"]


def differing(mine: Sequence[Leaf], theirs: Iterable[Digest]) -> list[str]:
    """The prefixes whose digests are not ours."""
    return [other.prefix for other in theirs if digest(mine, other.prefix) != other]


def differences(mine: Sequence[Leaf], theirs: Sequence[Leaf]) -> list[bytes]:
    """The places at which two sets of leaves differ, found by bisection."""
    found, open_prefixes = [], [""]
    while open_prefixes:
        prefix = open_prefixes.pop()
        a, b = _part(mine, prefix), _part(theirs, prefix)
        if digest(a, prefix) == digest(b, prefix):
            continue
        if max(len(a), len(b)) <= LEAVES_AT_ONCE or len(prefix) == PLACE_DIGITS:
            found += sorted({one.place for one in set(a) ^ set(b)})
        else:
            open_prefixes += differing(mine, children(theirs, prefix))
    return sorted(found)


def _part(leaves: Sequence[Leaf], prefix: str) -> Sequence[Leaf]:
    low = bytes.fromhex(prefix.ljust(PLACE_DIGITS, "0"))
    high = bytes.fromhex(prefix.ljust(PLACE_DIGITS, "f")) + b"\x00"
    start = bisect_left(leaves, low, key=lambda one: one.place)
    end = bisect_left(leaves, high, key=lambda one: one.place)
    return leaves[start:end]
