"""Tiles (c2sp.org/tlog-tiles): the tree as static files that any mirror can serve.

A tile holds 256 neighbouring hashes of every eighth level of the tree, so a proof needs only a
few files; an entry bundle holds the 256 entries below a tile of level 0. The last tile of a level
is partial: it is named with its width and never changes; a wider one, or the full one, is another
file. Hashes between the levels are not stored but computed again.

It is not a web server and writes no file: it names files, encodes and decodes them, and says which
of them are new when a tree grows.

Source: C2SP tlog-tiles, sections "Merkle Tree" and "Log entries".

>>> Tile(0, 1234067).path
'tile/0/x001/x234/067'
>>> parse_path("tile/entries/000.p/7")
Tile(level=-1, index=0, width=7)
>>> [tile.path for tile in new_tiles(255, 257)]
['tile/0/000', 'tile/0/001.p/1', 'tile/1/000.p/1']
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from jukinet.errors import Malformed
from jukinet.merkle.tree import HASH_SIZE, SIZE_MAX

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
LEVEL_MAX = 63
ENTRIES = -1
"""The level of an entry bundle, which stands below the leaf hashes."""

ENTRY_SIZE_MAX = 0xFFFF
"""Bytes of one entry: its length is written in two bytes."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One file of the tree: level (0 to 63, or ENTRIES), index within it, width (1 to 256)."""

    level: int
    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        """Raises Malformed when level, index or width is outside its range."""
        if not ENTRIES <= self.level <= LEVEL_MAX:
            raise Malformed(f"tile: level {self.level}; wants 0 to {LEVEL_MAX}, or {ENTRIES}")
        if not 0 <= self.index <= SIZE_MAX:
            raise Malformed(f"tile: index {self.index}; wants 0 to {SIZE_MAX}")
        if not 1 <= self.width <= TILE_WIDTH:
            raise Malformed(f"tile: width {self.width}; wants 1 to {TILE_WIDTH}")

    @property
    def partial(self) -> bool:
        """Whether the tile is not full."""
        return self.width < TILE_WIDTH

    @property
    def path(self) -> str:
        """The path below the log's prefix."""
        name = "entries" if self.level == ENTRIES else str(self.level)
        return f"tile/{name}/{suffix(self.index, self.width)}"


def suffix(index: int, width: int = TILE_WIDTH) -> str:
    """The end of a path: the index in groups of three digits, and the width of a partial file."""
    groups = f"{index % 1000:03}"
    while index >= 1000:
        index //= 1000
        groups = f"x{index % 1000:03}/{groups}"
    return groups if width == TILE_WIDTH else f"{groups}.p/{width}"


_PATH = re.compile(
    r"tile/(?:(entries)|([0-9]{1,2}))/((?:x[0-9]{3}/){0,6})([0-9]{3})(?:\.p/([0-9]{1,3}))?"
)


def parse_path(path: str) -> Tile:
    """The tile of a path. Raises Malformed for every spelling but the one that Tile.path has."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise Malformed("tile path: wants tile/<level or entries>/<index>[.p/<width>]")
    entries, level, groups, last, width = found.groups()
    tile = Tile(
        level=ENTRIES if entries else int(level),
        index=int(groups.replace("x", "").replace("/", "") + last),
        width=int(width) if width else TILE_WIDTH,
    )
    if tile.path != path:
        raise Malformed(f"tile path: this tile is spelled {tile.path}")
    return tile


def new_tiles(old_size: int, new_size: int) -> list[Tile]:
    """The hash tiles that a tree of `new_size` has and one of `old_size` has not, by level."""
    _refuse_shrinking(old_size, new_size)
    found: list[Tile] = []
    level = 0
    while old_size < new_size:
        found += _new_in_level(level, old_size, new_size)
        old_size >>= TILE_HEIGHT
        new_size >>= TILE_HEIGHT
        level += 1
    return found


def new_bundles(old_size: int, new_size: int) -> list[Tile]:
    """The entry bundles that a log of `new_size` has and one of `old_size` has not."""
    _refuse_shrinking(old_size, new_size)
    return _new_in_level(ENTRIES, old_size, new_size) if old_size < new_size else []


def open_tiles(size: int) -> list[Tile]:
    """The partial hash tiles of a tree of `size`, one for each level that has one."""
    found = []
    level = 0
    while size:
        if size % TILE_WIDTH:
            found.append(Tile(level, size // TILE_WIDTH, size % TILE_WIDTH))
        size >>= TILE_HEIGHT
        level += 1
    return found


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Entries behind their lengths (two bytes, big-endian).

    Raises Malformed for more than 256 entries or an entry of more than 65,535 bytes.
    """
    if len(entries) > TILE_WIDTH:
        raise Malformed(f"entry bundle: at most {TILE_WIDTH} entries, got {len(entries)}")
    longest = max(map(len, entries), default=0)
    if longest > ENTRY_SIZE_MAX:
        raise Malformed(f"entry: at most {ENTRY_SIZE_MAX} bytes, got {longest}")
    return b"".join([part for one in entries for part in (len(one).to_bytes(2, "big"), one)])


def decode_bundle(bundle: bytes, *, width: int) -> list[bytes]:
    """The `width` entries of a bundle. Raises Malformed for fewer, more or half of one."""
    entries = []
    position = 0
    while position < len(bundle):
        start = position + 2
        position = start + int.from_bytes(bundle[position:start], "big")
        entries.append(bundle[start:position])
        if start > len(bundle) or position > len(bundle):
            raise Malformed(f"entry bundle: ends within entry {len(entries) - 1}")
    if len(entries) != width:
        raise Malformed(f"entry bundle: wants {width} entries, got {len(entries)}")
    return entries


def encode_hashes(hashes: Iterable[bytes]) -> bytes:
    """The content of a hash tile."""
    return b"".join(hashes)


def decode_hashes(content: bytes, *, width: int) -> list[bytes]:
    """The `width` hashes of a hash tile. Raises Malformed when the length is another."""
    if len(content) != width * HASH_SIZE:
        raise Malformed(f"tile: wants {width * HASH_SIZE} bytes, got {len(content)}")
    return [content[at : at + HASH_SIZE] for at in range(0, len(content), HASH_SIZE)]


class TileTree:
    """The nodes of a tiled tree: the open tiles in memory, full ones read when asked for.

    Call it with (level, index) to read a node, as tree.inclusion and tree.consistency do; nodes of
    smaller sizes stay right while it grows. `read` brings the content of a full tile; the last
    `cache_tiles` of them stay in memory, about 40 KB each.
    """

    __slots__ = ("_cache", "_cache_tiles", "_open", "_read", "_size")

    def __init__(self, read: Callable[[Tile], bytes], *, cache_tiles: int = 256) -> None:
        """The empty tree."""
        self._read = read
        self._cache: OrderedDict[tuple[int, int], _Interior] = OrderedDict()
        self._cache_tiles = cache_tiles
        self._open: list[_Interior] = [_Interior()]
        self._size = 0

    @classmethod
    def at(cls, size: int, read: Callable[[Tile], bytes], *, cache_tiles: int = 256) -> "TileTree":
        """The tree of `size`, its open tiles read. Raises Malformed when one has another length.

        What is read is believed: compare the root with a checkpoint.
        """
        tree = cls(read, cache_tiles=cache_tiles)
        tree._size = size
        levels = max(1, -(-size.bit_length() // TILE_HEIGHT))
        tree._open = [_Interior() for _ in range(levels)]
        for tile in open_tiles(size):
            tree._open[tile.level].extend(decode_hashes(read(tile), width=tile.width))
        return tree

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    def __call__(self, level: int, index: int) -> bytes:
        """The node (level, index), which must be complete."""
        tile_level, row = divmod(level, TILE_HEIGHT)
        tile_index = index >> (TILE_HEIGHT - row)
        if tile_index == self._size >> (TILE_HEIGHT * (tile_level + 1)):
            interior = self._open[tile_level]
        else:
            interior = self._full(tile_level, tile_index)
        return interior.rows[row][index & ((TILE_WIDTH >> row) - 1)]

    def grow(self, leaves: Sequence[bytes]) -> list[tuple[Tile, bytes]]:
        """Add leaf hashes; returns the new tiles with their content, as new_tiles orders them."""
        changed: list[tuple[Tile, bytes]] = []
        level = 0
        size = self._size
        carried = list(leaves)
        while carried:
            if level == len(self._open):
                self._open.append(_Interior())
            added = len(carried)
            carried = self._grow_level(level, size, carried, changed)
            size >>= TILE_HEIGHT
            level += 1
            if level == 1:
                self._size += added
        return changed

    def _grow_level(
        self, level: int, size: int, hashes: list[bytes], changed: list[tuple[Tile, bytes]]
    ) -> list[bytes]:
        """Add hashes to one level; returns those of the tiles that became full, for the next."""
        carried = []
        position = 0
        while position < len(hashes):
            interior = self._open[level]
            index, width = divmod(size + position, TILE_WIDTH)
            taken = hashes[position : position + TILE_WIDTH - width]
            interior.extend(taken)
            position += len(taken)
            tile = Tile(level, index, width + len(taken))
            changed.append((tile, encode_hashes(interior.rows[0])))
            if not tile.partial:
                carried.append(interior.rows[TILE_HEIGHT][0])
                self._keep((level, index), interior)
                self._open[level] = _Interior()
        return carried

    def _full(self, level: int, index: int) -> "_Interior":
        key = (level, index)
        interior = self._cache.get(key)
        if interior is None:
            content = self._read(Tile(level, index))
            interior = _Interior()
            interior.extend(decode_hashes(content, width=TILE_WIDTH))
            self._keep(key, interior)
        else:
            self._cache.move_to_end(key)
        return interior

    def _keep(self, key: tuple[int, int], interior: "_Interior") -> None:
        self._cache[key] = interior
        while len(self._cache) > self._cache_tiles:
            self._cache.popitem(last=False)


class _Interior:
    """The complete nodes within one tile: row 0 are its hashes, row 8 is the root of a full one."""

    __slots__ = ("rows",)

    def __init__(self) -> None:
        self.rows: list[list[bytes]] = [[] for _ in range(TILE_HEIGHT + 1)]

    def extend(self, hashes: Iterable[bytes]) -> None:
        """Add hashes, and every node that they complete."""
        self.rows[0].extend(hashes)
        for row, above in pairwise(self.rows):
            above += [
                sha256(b"\x01" + row[at] + row[at + 1]).digest()
                for at in range(2 * len(above), len(row) - 1, 2)
            ]


def _new_in_level(level: int, old_size: int, new_size: int) -> list[Tile]:
    first, last = old_size // TILE_WIDTH, new_size // TILE_WIDTH
    found = [Tile(level, index) for index in range(first, last)]
    if new_size % TILE_WIDTH:
        found.append(Tile(level, last, new_size % TILE_WIDTH))
    return found


def _refuse_shrinking(old_size: int, new_size: int) -> None:
    if not 0 <= old_size <= new_size <= SIZE_MAX:
        raise Malformed(f"tiles: a log does not go from {old_size} to {new_size} leaves")
