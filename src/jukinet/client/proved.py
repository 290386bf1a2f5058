"""Proved files (照合済みの写し): a tree's files, of which nothing is handed out that does not fit.

The log, a run of labels and a bundle are the same thing: bundles of entries, and hash tiles above
them to one root. The open tiles must make the root; every full tile must make the hash that stands
above it; every entry must make the hash that stands for it. So whoever knows the root reads single
entries from any copy, and no proof need be carried about; it is made when somebody wants to see it.

Nothing is remembered from one run of the program to the next.

>>> from jukinet.merkle import runs
>>> records = [bytes([n]) * 24 for n in range(200)]
>>> copy = dict(runs.files("runs/x", records))
>>> found = ProvedRun(copy.get, "runs/x", size=200, root=runs.root_of_run(records))
>>> found.find(bytes([77]) * 16), found.find(bytes(15) + b"x")
(77, None)
>>> copy["runs/x/entries/000.p/200"] = bytes(200 * 24)
>>> ProvedRun(copy.get, "runs/x", size=200, root=runs.root_of_run(records))[0] == records[0]
Traceback (most recent call last):
    ...
jukinet.errors.Damaged: runs/x/entries/000.p/200: entry 1 is not the one that its root covers; ...
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from jukinet.client.mirror import Mirror
from jukinet.errors import Damaged, Malformed
from jukinet.law import leaf as leaves
from jukinet.law.leaf import BundleLeaf, Leaf, RunLeaf
from jukinet.merkle import tiles, tree
from jukinet.merkle.checkpoint import Checkpoint
from jukinet.merkle.proof import proof_head
from jukinet.merkle.runs import LABEL_BYTES, RECORD_BYTES, Absent, Found, Read
from jukinet.merkle.tiles import ENTRIES, TILE_HEIGHT, TILE_WIDTH, Tile, TileTree
from jukinet.merkle.tree import EMPTY_ROOT, HASH_SIZE, leaf_hash

_BUNDLES_KEPT: Final = 256


class ProvedFiles:
    """The entries below a root, and the nodes between. Every reading may raise Damaged."""

    def __init__(
        self,
        read: Read,
        folder: str,
        *,
        size: int,
        root: bytes,
        split: Callable[[bytes, int], list[bytes]],
    ) -> None:
        self.size = size
        self.root = root
        self._read = read
        self._folder = folder
        self._split = split
        self._tree: TileTree | None = None
        self._bundles: OrderedDict[int, list[bytes]] = OrderedDict()

    def __getitem__(self, index: int) -> bytes:
        """Entry number `index`."""
        number, place = divmod(index, TILE_WIDTH)
        return self._bundle(number)[place]

    def nodes(self, level: int, index: int) -> bytes:
        """A complete node of the tree."""
        if self._tree is None:
            self._tree = self._opened()
        return self._tree(level, index)

    def proof(self, index: int) -> list[bytes]:
        """The hashes from an entry to the root."""
        return tree.inclusion(index=index, size=self.size, nodes=self.nodes)

    def _opened(self) -> TileTree:
        """The tree with its open tiles, which must make the root."""
        found = TileTree.at(self.size, self._hashes)
        if tree.root(self.size, found) != self.root:
            blame = [self._path(tile) for tile in tiles.open_tiles(self.size)] or [self._folder]
            raise Damaged(f"{', '.join(blame)}: does not make the root; try another mirror")
        return found

    def _hashes(self, tile: Tile) -> bytes:
        """A hash tile; a full one must make the hash above it."""
        content, _ = self._content(tile)
        hashes = content[: tile.width * HASH_SIZE]
        if len(hashes) < tile.width * HASH_SIZE:
            raise Damaged(f"{self._path(tile)}: is cut off; try another mirror")
        if self._tree is not None:
            below = tiles.decode_hashes(hashes, width=tile.width)
            if tree.root_of(below) != self.nodes(TILE_HEIGHT * (tile.level + 1), tile.index):
                raise Damaged(
                    f"{self._path(tile)}: does not make the hash above; try another mirror"
                )
        return hashes

    def _bundle(self, number: int) -> list[bytes]:
        """The entries of a bundle; each must make its hash."""
        found = self._bundles.get(number)
        if found is None:
            found = self._bundles[number] = self._proved(number)
            if len(self._bundles) > _BUNDLES_KEPT:
                self._bundles.popitem(last=False)
        return found

    def _proved(self, number: int) -> list[bytes]:
        first = number * TILE_WIDTH
        wanted = min(TILE_WIDTH, self.size - first)
        tile = Tile(ENTRIES, number, wanted)
        content, width = self._content(tile)
        try:
            found = self._split(content, width)[:wanted]
        except Malformed as error:
            raise Damaged(f"{self._path(tile)}: {error}; try another mirror") from None
        for index, entry in enumerate(found, start=first):
            if leaf_hash(entry) != self.nodes(0, index):
                raise Damaged(
                    f"{self._path(tile)}: entry {index} is not the one that its root covers; "
                    "try another mirror"
                )
        return found

    def _content(self, tile: Tile) -> tuple[bytes, int]:
        """A file and its width: a partial one may have become a full one meanwhile."""
        for one in (tile, Tile(tile.level, tile.index)):
            content = self._read(self._path(one))
            if content is not None:
                return content, one.width
        raise Damaged(f"{self._path(tile)}: is missing; try another mirror")

    def _path(self, tile: Tile) -> str:
        return self._folder + tile.path.removeprefix("tile")


class ProvedLog(ProvedFiles):
    """The log under one checkpoint, leaf by leaf."""

    def __init__(self, mirror: Mirror, checkpoint: Checkpoint) -> None:
        super().__init__(
            mirror.read,
            "tile",
            size=checkpoint.size,
            root=checkpoint.root,
            split=lambda content, width: tiles.decode_bundle(content, width=width),
        )
        self._note = mirror.checkpoint

    def leaf(self, index: int) -> Leaf:
        """Leaf number `index`; Damaged where the log has none."""
        if not 0 <= index < self.size:
            raise Damaged(f"leaf {index}: the log has {self.size} leaves")
        return leaves.decode(self[index])

    def leaves(self, first: int, end: int) -> Iterator[tuple[int, Leaf]]:
        """The leaves from `first` to `end` - 1 with their numbers."""
        return ((index, leaves.decode(self[index])) for index in range(first, end))

    def receipt(self, index: int) -> bytes:
        """The tlog-proof of an entry under the checkpoint."""
        return proof_head(index, self.proof(index)) + b"\n" + self._note


class ProvedRun(ProvedFiles):
    """Records in the order of their labels: a run's, or a bundle's.

    That they are in order, no root says; whoever reads the whole run sees it (`merkle.runs`).
    """

    def __init__(
        self, read: Read, folder: str, *, size: int, root: bytes, record_bytes: int = RECORD_BYTES
    ) -> None:
        """Raises Damaged where a run without records has another root than the empty one's."""
        if size == 0 and root != EMPTY_ROOT:
            raise Damaged(f"{folder}: has no labels, and a root as if it had")
        super().__init__(
            read,
            folder,
            size=size,
            root=root,
            split=lambda content, width: _records(content, width, record_bytes),
        )

    @classmethod
    def of(cls, read: Read, leaf: RunLeaf) -> "ProvedRun":
        """The run that a leaf speaks of."""
        root = bytes.fromhex(leaf.root)
        return cls(read, f"runs/{leaf.name}", size=leaf.count, root=root)

    @classmethod
    def bundle(cls, read: Read, index: int, leaf: BundleLeaf) -> "ProvedRun":
        """The bundle of a bundle leaf."""
        return cls(
            read,
            leaves.bundle_folder(index),
            size=leaf.count,
            root=bytes.fromhex(leaf.root),
            record_bytes=leaves.BUNDLE_RECORD_BYTES,
        )

    def find(self, label: bytes) -> int | None:
        """The place of a label, or None."""
        place = self._place(label)
        return place if place < self.size and self[place][:LABEL_BYTES] == label else None

    def found(self, place: int) -> Found:
        """A record with its proof, to be shown."""
        return Found(self[place], place, self.proof(place))

    def absent(self, label: bytes) -> Absent:
        """The neighbours that leave no place for a label that is not there, to be shown."""
        place = self._place(label)
        return Absent(
            self.found(place - 1) if place else None,
            self.found(place) if place < self.size else None,
        )

    def _place(self, label: bytes) -> int:
        """Where a label stands or would stand.

        Labels are hashes, so its bundle is guessed from the label; every other guess is the middle,
        so that labels that are none do no harm.
        """
        wanted, guess = _number(label), True
        low, high, below, above = 0, -(-self.size // TILE_WIDTH), 0, 1 << 8 * LABEL_BYTES
        while low < high:
            share = (wanted - below) / (above - below) if guess else 0.5
            at = min(low + int(share * (high - low)), high - 1)
            records = self._bundle(at)
            if records[-1] < label:
                low, below = at + 1, _number(records[-1])
            elif label <= records[0]:
                high, above = at, max(_number(records[0]), below + 1)
            else:
                return at * TILE_WIDTH + bisect_left(records, label)
            guess = not guess
        return min(low * TILE_WIDTH, self.size)


def _number(record: bytes) -> int:
    return int.from_bytes(record[:LABEL_BYTES], "big")


def _records(content: bytes, width: int, record_bytes: int) -> list[bytes]:
    if len(content) != width * record_bytes:
        raise Malformed(f"wants {width * record_bytes} bytes, got {len(content)}")
    return [content[at : at + record_bytes] for at in range(0, len(content), record_bytes)]
