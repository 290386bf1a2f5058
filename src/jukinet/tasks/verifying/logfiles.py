"""Log files: the public log read as a mirror would read it, as far as it can be read.

`ledger.log.check` says whether every hash is what the entries make, and stops at the first that is
not; here entries and bodies are read bundle by bundle, so that what is whole can still be compared.
Every signature below the checkpoint must fit; that too few witnesses have signed it yet is under
way. The scratch names of former checkpoints, and spare files, hold nothing and are not looked at.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from jukinet.errors import JukinetError, Malformed
from jukinet.ledger import log
from jukinet.merkle import tiles, tree
from jukinet.merkle.checkpoint import Checkpoint
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.tiles import ENTRIES, TILE_WIDTH, Tile, TileTree
from jukinet.store.disk import RealDisk
from jukinet.tasks.verifying.findings import UNREADABLE, Findings

PLACE = "centre/log"
BESIDE = ("runs", "bundle", "statistics")


class Reader(Protocol):
    """Reads signed checkpoints."""

    def read(self, note: bytes) -> Checkpoint:
        """The checkpoint of a note; Refused or Malformed where any line of it does not fit."""
        ...

    def enough(self, note: bytes) -> bool:
        """Whether as many witnesses have signed a note as are wanted."""
        ...


class Body(NamedTuple):
    """The slot of a sealed body: whether its file reaches so far, and what is in it."""

    there: bool
    content: bytes


class LogFiles:
    """A log's files at its checkpoint."""

    def __init__(self, root: Path, head: Checkpoint) -> None:
        self.head = head
        self.entries: list[bytes | None] = []
        self._root = root
        self._bodies: tuple[int, bytes | None] = (-1, None)
        self._tree: TileTree | None = None
        self._roots: dict[int, bytes] = {}

    @property
    def size(self) -> int:
        """How many entries the checkpoint says there are."""
        return self.head.size

    def read(self, findings: Findings) -> None:
        """Every entry; None for those that cannot be read."""
        for tile in tiles.new_bundles(0, self.size):
            try:
                found: list[bytes | None] = [*self._bundle(tile)]
            except UNREADABLE:
                findings.note(PLACE, tile.path, "is missing, or no bundle of entries")
                found = [None] * tile.width
            self.entries += found

    def body(self, index: int) -> Body:
        """The slot of an entry's body."""
        number, place = divmod(index, TILE_WIDTH)
        if self._bodies[0] != number:
            path = self._root / "bodies" / tiles.suffix(number)
            self._bodies = number, path.read_bytes() if path.is_file() else None
        content = (self._bodies[1] or b"")[place * log.BODY_SIZE : (place + 1) * log.BODY_SIZE]
        return Body(len(content) == log.BODY_SIZE, content)

    def beside(self, path: str) -> bytes | None:
        """A file that stands beside the log, or None."""
        place = self._root / path
        return place.read_bytes() if place.is_file() else None

    def all_beside(self) -> Iterator[str]:
        """The paths of the files of runs, bundles and statistics."""
        for name in BESIDE:
            for place in (self._root / name).rglob("*"):
                if place.is_file():
                    yield place.relative_to(self._root).as_posix()

    def root_at(self, size: int) -> bytes:
        """The root over the first `size` entries; raises Malformed where they cannot be read."""
        if size not in self._roots:
            self._roots[size] = tree.root(size, self._nodes())
        return self._roots[size]

    def _nodes(self) -> TileTree:
        if self._tree is None:
            if None in self.entries:
                raise Malformed("log: some of its entries cannot be read")
            leaves = [tree.leaf_hash(entry) for entry in self.entries if entry is not None]
            self._tree = TileTree(self._missing, cache_tiles=len(leaves) // 128 + 64)
            self._tree.grow(leaves)
        return self._tree

    def _missing(self, tile: Tile) -> bytes:
        raise Malformed(f"{tile.path}: is not in memory")

    def _bundle(self, tile: Tile) -> list[bytes]:
        """The entries of a bundle, or of the full one that has taken its place."""
        for one in (tile, Tile(ENTRIES, tile.index)):
            path = self._root / one.path
            if path.is_file():
                return tiles.decode_bundle(path.read_bytes(), width=one.width)[: tile.width]
        raise Malformed(f"{tile.path}: is missing")


def open_log(root: Path, key: VerifierKey, reader: Reader, findings: Findings) -> LogFiles | None:
    """The files of a log, checked hash by hash; None where there is no checkpoint to go by."""
    path = root / log.CHECKPOINT
    if not path.is_file():
        findings.note(PLACE, log.CHECKPOINT, "is missing")
        return None
    try:
        note = path.read_bytes()
        head = reader.read(note)
    except (JukinetError, OSError):
        findings.note(PLACE, log.CHECKPOINT, "is not one that the log and its witnesses signed")
        return None
    findings.counts["checkpoints_to_cosign"] += head.size > 0 and not reader.enough(note)
    try:
        log.check(RealDisk(root), key)
    except UNREADABLE as error:
        name = str(error).partition(":")[0]
        findings.note(PLACE, name[:80], "is not what the entries and the checkpoint make")
    files = LogFiles(root, head)
    files.read(findings)
    findings.counts["leaves"] += len(files.entries)
    return files
