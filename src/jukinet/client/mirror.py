"""Mirror (公開台帳の写し): a copy of the log's files, read without trusting any of them.

The files may lie in a folder or come from any server that has them: whoever reads gives a function
from a path to bytes. Proofs are made from the tiles and checked against the signed checkpoint, so a
mirror that lies is found out, not believed (`proved`).
"""

from collections.abc import Iterator

from jukinet.errors import Damaged
from jukinet.law.leaf import BODY_BYTES
from jukinet.merkle import tiles, tree
from jukinet.merkle.proof import proof_head
from jukinet.merkle.runs import Read
from jukinet.merkle.tiles import ENTRIES, TILE_WIDTH, Tile, TileTree

CHECKPOINT = "checkpoint"


class Mirror:
    """A copy of the log at one checkpoint."""

    def __init__(self, read: Read) -> None:
        self.read = read
        found = read(CHECKPOINT)
        if found is None:
            raise Damaged(f"{CHECKPOINT}: is missing; this is no copy of a log")
        self.checkpoint = found
        self._tree: TileTree | None = None
        self._bodies: tuple[str, bytes] = ("", b"")

    def entries(self, size: int) -> Iterator[bytes]:
        """The first `size` entries, in order."""
        for number in range(-(-size // TILE_WIDTH)):
            width = min(TILE_WIDTH, size - number * TILE_WIDTH)
            content, found = self._tile(Tile(ENTRIES, number, width))
            yield from tiles.decode_bundle(content, width=found)[:width]

    def body(self, index: int) -> bytes | None:
        """The sealed body beside an entry, or None where there is none (any more)."""
        return self.sealed(f"bodies/{tiles.suffix(index // TILE_WIDTH)}", index % TILE_WIDTH)

    def sealed(self, path: str, place: int) -> bytes | None:
        """The sealed body in a slot of a file of bodies, or None where there is none (any more)."""
        if path != self._bodies[0]:
            self._bodies = path, self.read(path) or b""
        body = self._bodies[1][place * BODY_BYTES : (place + 1) * BODY_BYTES]
        return body if any(body) else None

    def receipt(self, index: int, size: int) -> bytes:
        """The tlog-proof of an entry under the checkpoint."""
        if self._tree is None or self._tree.size != size:
            self._tree = TileTree.at(size, self._hashes)
        hashes = tree.inclusion(index=index, size=size, nodes=self._tree)
        return proof_head(index, hashes) + b"\n" + self.checkpoint

    def _hashes(self, tile: Tile) -> bytes:
        content, _ = self._tile(tile)
        return content[: tile.width * tree.HASH_SIZE]

    def _tile(self, tile: Tile) -> tuple[bytes, int]:
        """A tile's content and width: a partial one may have become a full one meanwhile."""
        for one in (tile, Tile(tile.level, tile.index)):
            content = self.read(one.path)
            if content is not None:
                return content, one.width
        raise Damaged(f"{tile.path}: is missing; try another mirror")
