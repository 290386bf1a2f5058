"""Leaves, roots, and the proofs that a leaf is in and that a log only grew.

The tree is the one of RFC 6962, section 2.1 (unchanged in RFC 9162): SHA-256, a leaf is hashed
behind 0x00 and a node behind 0x01, a tree of n leaves has its largest power of two on the left.
Nodes are named by (level, index): level 0 are the leaves, node (l, i) covers the leaves from
i * 2**l to (i + 1) * 2**l and exists only when all of them do. Proofs are made from any reader of
such nodes and verified by functions that need nothing but the proof.

It is not a store: nothing here knows where a node is kept.

Source: RFC 6962, section 2.1; RFC 9162, sections 2.1.3 and 2.1.4.

>>> leaves = [leaf_hash(entry) for entry in (b"a", b"b", b"c")]
>>> top = root_of(leaves)
>>> proof = [leaves[0], leaves[2]]
>>> verify_inclusion(leaves[1], index=1, size=3, proof=proof, root=top)
>>> verify_inclusion(leaves[1], index=0, size=3, proof=proof, root=top)
Traceback (most recent call last):
    ...
jukinet.errors.OutOfStep: inclusion proof: leads to another root than the one given; ask for ...
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

from jukinet.errors import Malformed, OutOfStep

HASH_SIZE = 32
SIZE_MAX = 2**63 - 1

EMPTY_ROOT = sha256(b"").digest()
"""The root of the tree without leaves: the hash of nothing."""

Nodes = Callable[[int, int], bytes]
"""A reader of complete nodes: (level, index) -> 32 bytes."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry as a leaf: SHA-256(0x00 || entry)."""
    return sha256(b"\x00" + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """The hashes of many entries as leaves."""
    return [sha256(b"\x00" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two neighbours: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes, in order; EMPTY_ROOT for none."""
    edge = Edge()
    edge.extend(leaves)
    return edge.root


def root(size: int, nodes: Nodes) -> bytes:
    """The root of the first `size` leaves, from about log2(size) nodes."""
    _refuse_size("size", size, at_least=0)
    return _subtree(0, size, nodes) if size else EMPTY_ROOT


def inclusion(*, index: int, size: int, nodes: Nodes) -> list[bytes]:
    """The proof that leaf `index` is in the tree of `size` leaves: the leaf's sibling first.

    Raises Malformed when there is no such leaf.
    """
    _refuse_index(index, size)
    return list(_path(index, size, nodes, from_level=0))


def consistency(*, old_size: int, new_size: int, nodes: Nodes) -> list[bytes]:
    """The proof that the tree of `new_size` leaves begins with that of `old_size` leaves.

    Raises Malformed unless 0 < old_size <= new_size: of the empty tree there is nothing to prove.
    """
    _refuse_sizes(old_size, new_size)
    if old_size == new_size:
        return []
    level = _trailing_zeros(old_size)
    last = (old_size >> level) - 1
    start = [nodes(level, last)] if last else []
    return start + list(_path(old_size - 1, new_size, nodes, from_level=level))


def verify_inclusion(
    leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Returns only if `leaf` (a leaf hash) is number `index` of `size` leaves under `root`.

    Raises Malformed when a size, index, number of hashes or length of a hash is impossible, and
    OutOfStep when the proof leads to another root (RFC 9162, section 2.1.3.2).
    """
    _refuse_index(index, size)
    inner = (index ^ (size - 1)).bit_length()
    _refuse_count("inclusion proof", proof, inner + (index >> inner).bit_count())
    _refuse_hashes("inclusion proof", (leaf, root, *proof))
    found = _climb(leaf, index, proof, inner)
    if found != root:
        raise OutOfStep(
            "inclusion proof: leads to another root than the one given; ask for both again"
        )


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Returns only if the tree under `new_root` begins with the tree under `old_root`.

    Raises Malformed when a size, number of hashes or length of a hash is impossible (a size of 0
    too), and OutOfStep when the proof leads to another root (RFC 9162, section 2.1.4.2).
    """
    _refuse_sizes(old_size, new_size)
    level = _trailing_zeros(old_size)
    inner = ((old_size - 1) ^ (new_size - 1)).bit_length()
    border = ((old_size - 1) >> inner).bit_count()
    whole = old_size == 1 << level
    count = 0 if old_size == new_size else inner - level + border + (not whole)
    _refuse_count("consistency proof", proof, count)
    _refuse_hashes("consistency proof", (old_root, new_root, *proof))
    if old_size == new_size:
        found = (new_root, new_root)
    else:
        start, rest = (old_root, proof) if whole else (proof[0], proof[1:])
        index = (old_size - 1) >> level
        found = (
            _climb_left(start, index, rest, inner - level),
            _climb(start, index, rest, inner - level),
        )
    if found != (old_root, new_root):
        raise OutOfStep(
            "consistency proof: leads to another root than those given; keep the old checkpoint, "
            "ask for the new one and its proof again, and tell the witnesses if it stays so"
        )


class Edge:
    """The right edge of a tree: the few hashes that are enough to extend its root, and no leaves.

    Holds one hash for each 1 in the binary size, largest subtree first.

    >>> edge = Edge()
    >>> edge.append(leaf_hash(b""))
    >>> edge.root.hex()[:8], edge.size
    ('6e340b9c', 1)
    """

    __slots__ = ("_hashes", "_size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Raises Malformed unless there is one 32-byte hash for each 1 in the binary size."""
        _refuse_size("edge", size, at_least=0)
        _refuse_count("edge", hashes, size.bit_count())
        _refuse_hashes("edge", hashes)
        self._size = size
        self._hashes = list(hashes)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The roots of the complete subtrees, largest first."""
        return tuple(self._hashes)

    @property
    def root(self) -> bytes:
        """The root of the whole tree."""
        if not self._hashes:
            return EMPTY_ROOT
        *rest, found = self._hashes
        for left in reversed(rest):
            found = node_hash(left, found)
        return found

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        size = self._size
        while size & 1:
            leaf = sha256(b"\x01" + self._hashes.pop() + leaf).digest()
            size >>= 1
        self._hashes.append(leaf)
        self._size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes, in order."""
        for leaf in leaves:
            self.append(leaf)


def _path(index: int, size: int, nodes: Nodes, *, from_level: int) -> Iterator[bytes]:
    """The siblings on the way from the node above leaf `index` at `from_level` to the root.

    Below `inner` the way has not yet met the last leaf's, so it goes left and right, and only the
    topmost sibling can be ragged; from `inner` on it is the right border: siblings on the left.
    """
    inner = (index ^ (size - 1)).bit_length()
    for level in range(from_level, inner):
        begin = ((index >> level) ^ 1) << level
        yield _subtree(begin, min(begin + (1 << level), size), nodes)
    for level in range(inner, size.bit_length()):
        if index >> level & 1:
            yield nodes(level, (index >> level) - 1)


def _subtree(begin: int, end: int, nodes: Nodes) -> bytes:
    """The hash over the leaves from begin to end, where begin is the start of a subtree."""
    level = _trailing_zeros(end - begin)
    end -= 1 << level
    found = nodes(level, end >> level)
    while end > begin:
        level = _trailing_zeros(end - begin)
        end -= 1 << level
        found = node_hash(nodes(level, end >> level), found)
    return found


def _climb(start: bytes, index: int, proof: Sequence[bytes], inner: int) -> bytes:
    """Up from `start`: `inner` steps by the bits of index, then along the right border."""
    found = start
    for step, sibling in enumerate(proof):
        if step >= inner or index >> step & 1:
            found = sha256(b"\x01" + sibling + found).digest()
        else:
            found = sha256(b"\x01" + found + sibling).digest()
    return found


def _climb_left(start: bytes, index: int, proof: Sequence[bytes], inner: int) -> bytes:
    """The same way in the old tree, where nothing stood on the right yet."""
    found = start
    for step, sibling in enumerate(proof):
        if step >= inner or index >> step & 1:
            found = sha256(b"\x01" + sibling + found).digest()
    return found


def _trailing_zeros(number: int) -> int:
    return (number & -number).bit_length() - 1


def _refuse_index(index: int, size: int) -> None:
    _refuse_size("size", size, at_least=1)
    if not 0 <= index < size:
        raise Malformed(f"index: {index} is not in a tree of {size} leaves")


def _refuse_sizes(old_size: int, new_size: int) -> None:
    _refuse_size("old size", old_size, at_least=1)
    _refuse_size("new size", new_size, at_least=old_size)


def _refuse_size(field: str, size: int, *, at_least: int) -> None:
    if not at_least <= size <= SIZE_MAX:
        raise Malformed(f"{field}: {size} leaves; wants {at_least} to {SIZE_MAX}")


def _refuse_count(field: str, hashes: Sequence[bytes], wanted: int) -> None:
    if len(hashes) != wanted:
        raise Malformed(f"{field}: wants {wanted} hashes for these sizes, got {len(hashes)}")


def _refuse_hashes(field: str, hashes: Sequence[bytes]) -> None:
    for one in hashes:
        if len(one) != HASH_SIZE:
            raise Malformed(f"{field}: a hash has {HASH_SIZE} bytes, got {len(one)}")
