"""Run of labels (符号の索引): all labels of a stretch of the log, sorted, as a Merkle tree.

Sorted, because then two neighbours prove what is not between them: who looks for a label gets it
with its place and proof, or the two labels that stand side by side where it would stand. Nobody
needs to read the whole log for a "no". A record is a label (16 bytes), the number of its leaf in
the log (5, big-endian) and its position among that leaf's labels (3, big-endian).

A run is static files like the log's own (tiles.py) below a folder of its own; its bundles hold
records without lengths. Runs of days become the run of a month by merging, and months a year.

Other records that begin with a label (a bundle's) make the same kind of tree: `record_bytes` says
how long they are.

It is not a promise that the run holds every label of its stretch: whoever reads the stretch makes
the run anew and compares (`root_of_run`). Nor does a root say that its records are in order: a
reader who checks the files (`check`) sees that.

>>> records = in_order(pack(bytes([n]) * 16, leaf=n, position=0) for n in (3, 1))
>>> run = Run(dict(files("run", records)).get, "run", count=2, root=root_of_run(records))
>>> unpack(run.find(bytes([3]) * 16).record).leaf
3
>>> absent = run.find(bytes([2]) * 16)
>>> absent.before.place, absent.after.place
(0, 1)
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from itertools import islice, pairwise
from typing import Final, NamedTuple, TypeAlias

from jukinet.errors import Damaged, JukinetError, Malformed
from jukinet.merkle import tiles, tree
from jukinet.merkle.tiles import ENTRIES, TILE_HEIGHT, TILE_WIDTH, Tile, TileTree
from jukinet.merkle.tree import EMPTY_ROOT, HASH_SIZE, leaf_hash, leaf_hashes

LABEL_BYTES: Final = 16
LEAF_BYTES: Final = 5
POSITION_BYTES: Final = 3
RECORD_BYTES: Final = LABEL_BYTES + LEAF_BYTES + POSITION_BYTES

Read: TypeAlias = Callable[[str], bytes | None]
"""From a path to the content of its file, or None where there is none."""

_BUNDLES_KEPT: Final = 64


class Record(NamedTuple):
    """Where a label stands: the number of its leaf in the log, and its position in that leaf."""

    label: bytes
    leaf: int
    position: int


class Found(NamedTuple):
    """A record, its place in the run and the proof that it stands there."""

    record: bytes
    place: int
    proof: list[bytes]

    @property
    def label(self) -> bytes:
        """The record's label."""
        return self.record[:LABEL_BYTES]


class Absent(NamedTuple):
    """The neighbours between which a label would stand; None beyond an end of the run."""

    before: Found | None
    after: Found | None


def pack(label: bytes, leaf: int, position: int) -> bytes:
    """The 24 bytes of a record. Raises Malformed for what they cannot hold."""
    if len(label) != LABEL_BYTES:
        raise Malformed(f"label: has {LABEL_BYTES} bytes, got {len(label)}")
    try:
        number = leaf.to_bytes(LEAF_BYTES, "big")
        return label + number + position.to_bytes(POSITION_BYTES, "big")
    except OverflowError:
        raise Malformed(f"record: leaf {leaf}, position {position}; wants 40 and 24 bits") from None


def unpack(record: bytes) -> Record:
    """What a record says. Raises Malformed for another number of bytes than 24."""
    if len(record) != RECORD_BYTES:
        raise Malformed(f"record: has {RECORD_BYTES} bytes, got {len(record)}")
    leaf, position = record[LABEL_BYTES:-POSITION_BYTES], record[-POSITION_BYTES:]
    return Record(
        record[:LABEL_BYTES], int.from_bytes(leaf, "big"), int.from_bytes(position, "big")
    )


def in_order(records: Iterable[bytes]) -> list[bytes]:
    """The records by label. Raises Malformed where a label stands twice, naming both leaves."""
    found = sorted(records)
    labels = [record[:LABEL_BYTES] for record in found]
    if len(set(labels)) < len(labels):
        one = next(at for at in range(1, len(labels)) if labels[at - 1] == labels[at])
        first, second = unpack(found[one - 1]), unpack(found[one])
        raise Malformed(
            f"label {first.label.hex()}: stands in leaf {first.leaf} and in leaf {second.leaf}; "
            "a label stands once"
        )
    return found


def merged(*runs: Iterable[bytes]) -> Iterator[bytes]:
    """The records of several runs as those of one, in order: days to a month, months to a year."""
    return merge(*runs)


def root_of_run(records: Iterable[bytes]) -> bytes:
    """The root over records that are in order; EMPTY_ROOT for none."""
    grown = TileTree(_no_tile)
    for some in _split(records, TILE_WIDTH**2):
        grown.grow(leaf_hashes(some))
    return tree.root(grown.size, grown)


def nodes_of(records: Iterable[bytes]) -> TileTree:
    """The tree over records that are in order, in memory: for many proofs at once."""
    kept: dict[Tile, bytes] = {}
    grown = TileTree(kept.__getitem__)
    for some in _split(records, TILE_WIDTH**2):
        kept.update(grown.grow(leaf_hashes(some)))
    return grown


def files(folder: str, records: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Path and content of every file of a run of records that are in order, as they are ready.

    The folder has `entries/<N>[.p/<W>]` with up to 256 records, and hash tiles `<L>/<N>[.p/<W>]`.
    """
    grown = TileTree(_no_tile)
    for number, some in enumerate(_split(records, TILE_WIDTH)):
        yield _path(folder, Tile(ENTRIES, number, len(some))), b"".join(some)
        for tile, content in grown.grow(leaf_hashes(some)):
            if not tile.partial:
                yield _path(folder, tile), content
    for tile in tiles.open_tiles(grown.size):
        yield _path(folder, tile), _open_hashes(grown, tile)


class Run:
    """A run as a reader has it: files from anywhere, believed as far as the root proves them."""

    def __init__(
        self,
        read: Read,
        folder: str,
        *,
        count: int,
        root: bytes,
        record_bytes: int = RECORD_BYTES,
    ) -> None:
        """Raises Damaged where a run without records has another root than the empty one's."""
        if count == 0 and root != EMPTY_ROOT:
            raise Damaged(
                f"{folder}: has no labels, and a root as if it had; ask the log's auditors"
            )
        self._read = read
        self._folder = folder
        self._count = count
        self._root = root
        self._size = record_bytes
        self._bundles: OrderedDict[int, bytes] = OrderedDict()
        self._tree: TileTree | None = None

    def find(self, label: bytes) -> Found | Absent:
        """The label's record, or the two neighbours that leave no place for it; both proved.

        Reads the bundles of a binary search and the hash tiles of the proofs. Raises Damaged,
        naming the file, where one is missing or does not fit the root.
        """
        place = bisect_left(
            range(self._count), label, key=lambda at: self._record(at)[:LABEL_BYTES]
        )
        after = self._proved(place) if place < self._count else None
        if after and after.label == label:
            return after
        before = self._proved(place - 1) if place else None
        return Absent(before, after)

    def records(self) -> Iterator[bytes]:
        """All records; the last comes only after order and root have been found right.

        Raises Damaged, naming the file, where they are not what the root was made over.
        """
        edge = tree.Edge()
        last = b""
        for number in range(-(-self._count // TILE_WIDTH)):
            bundle = self._bundle(number)
            some = [bundle[at : at + self._size] for at in range(0, len(bundle), self._size)]
            _refuse_disorder(_path(self._folder, self._bundle_tile(number)), last, some)
            edge.extend(leaf_hashes(some))
            last = some[-1]
            if edge.size == self._count and edge.root != self._root:
                raise Damaged(f"{self._folder}: its records make another root; use a mirror's")
            yield from some

    def _proved(self, place: int) -> Found:
        """The record at a place with its proof, verified."""
        record = self._record(place)
        nodes = self._nodes()
        proof = tree.inclusion(index=place, size=self._count, nodes=nodes)
        try:
            tree.verify_inclusion(
                leaf_hash(record), index=place, size=self._count, proof=proof, root=self._root
            )
        except JukinetError:
            raise Damaged(
                f"{self._unfit(place)}: does not fit the run's root; use a mirror's"
            ) from None
        return Found(record, place, proof)

    def _unfit(self, place: int) -> str:
        """The file that is to blame for a proof that fails: the topmost that does not fit."""
        nodes = self._nodes()
        if tree.root(self._count, nodes) != self._root:
            return ", ".join(_path(self._folder, tile) for tile in tiles.open_tiles(self._count))
        for level in reversed(range(-(-self._count.bit_length() // TILE_HEIGHT))):
            height = TILE_HEIGHT * (level + 1)
            index = place >> height
            if (index + 1) << height <= self._count:
                tile = Tile(level, index)
                hashes = tiles.decode_hashes(self._hashes(tile), width=TILE_WIDTH)
                if tree.root_of(hashes) != nodes(height, index):
                    return _path(self._folder, tile)
        return _path(self._folder, self._bundle_tile(place // TILE_WIDTH))

    def _nodes(self) -> TileTree:
        if self._tree is None:
            self._tree = TileTree.at(self._count, self._hashes)
        return self._tree

    def _hashes(self, tile: Tile) -> bytes:
        return _content(self._read, self._folder, tile, self._size)

    def _record(self, place: int) -> bytes:
        number, at = divmod(place, TILE_WIDTH)
        return self._bundle(number)[at * self._size : (at + 1) * self._size]

    def _bundle(self, number: int) -> bytes:
        found = self._bundles.get(number)
        if found is None:
            found = _content(self._read, self._folder, self._bundle_tile(number), self._size)
            self._bundles[number] = found
            if len(self._bundles) > _BUNDLES_KEPT:
                self._bundles.popitem(last=False)
        return found

    def _bundle_tile(self, number: int) -> Tile:
        return Tile(ENTRIES, number, min(TILE_WIDTH, self._count - number * TILE_WIDTH))


def check(
    read: Read, folder: str, *, count: int, root: bytes, record_bytes: int = RECORD_BYTES
) -> None:
    """Returns only if every file of a run is what its records make, and these are in order.

    Raises Damaged, naming the file, where one is missing or another.
    """
    run = Run(read, folder, count=count, root=root, record_bytes=record_bytes)
    for path, content in files(folder, run.records()):
        if read(path) != content:
            raise Damaged(f"{path}: is not what the run's records make; use a mirror's")


def _content(read: Read, folder: str, tile: Tile, record_bytes: int) -> bytes:
    """A file of the length that its name promises."""
    path = _path(folder, tile)
    found = read(path)
    if found is None:
        raise Damaged(f"{path}: is missing; try another mirror")
    wanted = tile.width * (record_bytes if tile.level == ENTRIES else HASH_SIZE)
    if len(found) != wanted:
        raise Damaged(f"{path}: wants {wanted} bytes, got {len(found)}; try another mirror")
    return found


def _path(folder: str, tile: Tile) -> str:
    """A tile's path below the run's folder instead of the log's `tile`."""
    return folder + tile.path.removeprefix("tile")


def _open_hashes(grown: TileTree, tile: Tile) -> bytes:
    first = tile.index * TILE_WIDTH
    level = tile.level * TILE_HEIGHT
    return tiles.encode_hashes(grown(level, first + place) for place in range(tile.width))


def _refuse_disorder(path: str, last: bytes, some: list[bytes]) -> None:
    labels = [last[:LABEL_BYTES], *(record[:LABEL_BYTES] for record in some)]
    if any(one >= other for one, other in pairwise(labels)):
        raise Damaged(
            f"{path}: its labels are not in order; a run is sorted and has each label once"
        )


def _split(records: Iterable[bytes], width: int) -> Iterator[list[bytes]]:
    rest = iter(records)
    while some := list(islice(rest, width)):
        yield some


def _no_tile(tile: Tile) -> bytes:
    raise AssertionError(f"{tile.path}: the right edge of a tree is in memory")
