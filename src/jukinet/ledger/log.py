"""The log: append, then publish tiles and checkpoint in the order that survives a crash.

One writer adds entries; everybody reads. The files are those of C2SP tlog-tiles, so that any mirror
can serve them and other people's tools can verify them; beside them stand the sealed bodies, which
the checkpoint does not cover and which can be erased. docs/spec/log.md has the whole layout.

The order of one append, and what a crash does:

1. write entry bundles, bodies and hash tiles for the new size, and fsync them all
                            crash: the old state; what was written is swept or written over
2. fsync the directories that got new names                                crash: the same
3. write the signed checkpoint under a scratch name, and fsync it
                            crash: the old state, or the new one once the scratch file is whole
4. rename it to `checkpoint`, and fsync the directory                      crash: the new state

Between 3 and 4 lies the point of no return: a checkpoint that anybody may have read is whole under
its scratch name on the disk, so recovery goes on to 4 and never forgets what was seen. Therefore
there are never two checkpoints of one size with different roots. Recovery runs the same steps: it
grows the tree from the entries it finds, compares instead of writing, and settles as an append does.

Files are used again, not removed and made anew: a partial tile that a full one has replaced becomes
a spare and then the next partial tile, and the last few checkpoints take turns. File systems make a
file much more slowly while many have just been removed.

It takes no lock (one writer is the caller's duty) and knows nothing of what an entry says.

Source: C2SP tlog-tiles, tlog-checkpoint and tlog-proof.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from jukinet.errors import Damaged, JukinetError, Malformed, OutOfStep
from jukinet.keys.sign import SigningKey
from jukinet.merkle import checkpoint as checkpoints
from jukinet.merkle import note, tiles, tree
from jukinet.merkle.checkpoint import Checkpoint
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.proof import proof_head
from jukinet.merkle.tiles import ENTRIES, ENTRY_SIZE_MAX, TILE_WIDTH, Tile, TileTree
from jukinet.merkle.tree import HASH_SIZE, leaf_hash
from jukinet.store.disk import ROOT, Disk, parent

BODY_SIZE: Final = 512
"""Bytes of every sealed body; a slot of zeros is no body, or an erased one."""

CHECKPOINT: Final = "checkpoint"
SCRATCH: Final = tuple(f"checkpoint.{number}" for number in range(16))
SPARE: Final = "spare"

_NO_BODY: Final = bytes(BODY_SIZE)
_BUNDLES_KEPT: Final = 64
_LEVELS: Final = 8


class Log:
    """A log under its one writer. Open it with Log.open."""

    __slots__ = (
        "_bundle",
        "_bundles",
        "_checkpoint",
        "_entries",
        "_files",
        "_head",
        "_key",
        "_tree",
        "_unsettled",
        "_vkey",
    )

    def __init__(self, disk: Disk, *, origin: str, key: SigningKey) -> None:
        """An unread log; only `open` makes one."""
        self._files = _Files(disk)
        self._key = key
        self._vkey = VerifierKey(origin, key.public_bytes)
        self._head = Checkpoint(origin, 0, tree.EMPTY_ROOT)
        self._checkpoint = b""
        self._tree = TileTree(self._read_tile)
        self._entries: list[bytes] = []
        self._bundle = bytearray()
        self._bundles: OrderedDict[int, list[bytes]] = OrderedDict()
        self._unsettled = False

    @classmethod
    def open(cls, disk: Disk, *, origin: str, key: SigningKey) -> "Log":
        """The log on this disk, recovered; an empty disk becomes an empty log.

        Raises Damaged, naming the file, when what is there does not fit the checkpoint or the
        checkpoint is not this key's; Malformed for an origin that cannot be a key name.
        """
        log = cls(disk, origin=origin, key=key)
        log._recover()
        return log

    @property
    def size(self) -> int:
        """The number of entries that are durable and published."""
        return self._head.size

    @property
    def root(self) -> bytes:
        """The root over them."""
        return self._head.root

    @property
    def checkpoint(self) -> bytes:
        """The signed note that is published for them."""
        return self._checkpoint

    @property
    def verifier_key(self) -> VerifierKey:
        """The key by which others know this log."""
        return self._vkey

    def append(self, entries: Sequence[bytes], bodies: Sequence[bytes | None]) -> range:
        """Add entries, each with a sealed body or None; returns their numbers.

        When it returns, all of them are durable and published under one checkpoint. Raises
        Malformed, and writes nothing, for an entry of more than 65,535 bytes or a body of another
        size than 512. After any other error (OSError from the disk) it is not known whether they
        are in the log: further appends raise OutOfStep until it is opened again.
        """
        _refuse_forms(entries, bodies)
        if self._unsettled:
            raise OutOfStep(
                "log: an append did not finish; open the log again to see what is in it"
            )
        first, size = self.size, self.size + len(entries)
        if entries:
            self._unsettled = True
            bundles, hashes = self._grow(entries)
            self._files.write(bundles)
            self._files.write_bodies(first, bodies)
            self._files.write(hashes)
            self._settle(size)
        return range(first, size)

    def entry(self, index: int) -> bytes:
        """Entry number `index`. Raises Malformed when there is none."""
        self._refuse_index(index)
        number, place = divmod(index, TILE_WIDTH)
        if number == self.size // TILE_WIDTH:
            return self._entries[place]
        found = self._bundles.get(number)
        if found is None:
            found = self._files.bundle(Tile(ENTRIES, number))
            self._keep(number, found)
        return found[place]

    def body(self, index: int) -> bytes | None:
        """The sealed body of entry `index`, or None when it had none or was erased."""
        self._refuse_index(index)
        return self._files.body(index)

    def erase_body(self, index: int) -> None:
        """Overwrite the body of entry `index` with zeros; it is gone when this returns.

        It stood in this one place only. What the device keeps of overwritten blocks, and copies
        that others made, are beyond its reach: bodies are sealed for that reason.
        """
        self._refuse_index(index)
        self._files.erase_body(index)

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """The hashes that prove entry `index` in the first `size` entries (all, if not said)."""
        size = self._published(size)
        return tree.inclusion(index=index, size=size, nodes=self._tree)

    def consistency(self, old_size: int, new_size: int | None = None) -> list[bytes]:
        """The hashes that prove that the first `new_size` entries begin with `old_size` of them."""
        size = self._published(new_size)
        return tree.consistency(old_size=old_size, new_size=size, nodes=self._tree)

    def receipt(self, index: int) -> bytes:
        """The tlog-proof of entry `index` under the published checkpoint."""
        hashes = tree.inclusion(index=index, size=self.size, nodes=self._tree)
        return proof_head(index, hashes) + b"\n" + self._checkpoint

    def _grow(self, entries: Sequence[bytes]) -> tuple[list[_File], list[_File]]:
        """The tree with these entries, in memory, and the files that they change."""
        bundles = []
        number = self.size // TILE_WIDTH
        position = 0
        while position < len(entries):
            taken = entries[position : position + TILE_WIDTH - len(self._entries)]
            position += len(taken)
            self._entries += taken
            self._bundle += tiles.encode_bundle(taken)
            width = len(self._entries)
            bundles.append((Tile(ENTRIES, number, width).path, bytes(self._bundle)))
            if width == TILE_WIDTH:
                self._keep(number, self._entries)
                self._entries, self._bundle = [], bytearray()
                number += 1
        grown = self._tree.grow([leaf_hash(entry) for entry in entries])
        return bundles, [(tile.path, content) for tile, content in grown]

    def _settle(self, size: int, *, intent: str | None = None) -> None:
        """Make the written files safe, then publish. `intent` is a scratch file that is whole."""
        head = Checkpoint(self._vkey.name, size, tree.root(size, self._tree))
        signed = _signed(head, self._key)
        self._files.settle()
        self._files.show(self._files.intend(signed) if intent is None else intent)
        old_size = self.size
        self._head, self._checkpoint = head, signed
        self._unsettled = False
        self._files.retire(old_size, size)

    def _recover(self) -> None:
        """Bring log and disk into one state: the published one, or the one that was being so."""
        self._files.clear_spares()
        if not self._files.exists(CHECKPOINT):
            self._begin()
            return
        self._load(self._open(CHECKPOINT))
        held = {name: self._held(name) for name in SCRATCH}
        sizes = {name: found.size for name, found in held.items() if found is not None}
        ahead = [name for name, size in sizes.items() if size > self.size]
        self._files.clear_scratch(keep=ahead)
        for name in ahead:
            self._go_on(name, sizes[name])
        for size in sizes.values():
            self._files.retire(min(size, self.size), self.size)
        self._files.sweep(self.size)

    def _begin(self) -> None:
        """An empty log; only where there are no tiles, or the log would begin a second time."""
        if self._files.exists("tile"):
            raise Damaged("checkpoint: is missing, and there are tiles; restore it from a mirror")
        self._files.clear_scratch(keep=())
        self._settle(0)

    def _load(self, head: Checkpoint) -> None:
        """What stands at the right edge of the published tree, each file against the next."""
        self._tree = TileTree.at(head.size, self._read_tile)
        if tree.root(head.size, self._tree) != head.root:
            paths = ", ".join(tile.path for tile in tiles.open_tiles(head.size))
            raise Damaged(f"{paths}: lead to another root than the checkpoint's; use a mirror's")
        number, width = divmod(head.size, TILE_WIDTH)
        if width:
            tile = Tile(ENTRIES, number, width)
            self._entries = self._files.bundle(tile)
            self._bundle = bytearray(tiles.encode_bundle(self._entries))
            leaves = [self._tree(0, number * TILE_WIDTH + place) for place in range(width)]
            if [leaf_hash(entry) for entry in self._entries] != leaves:
                raise Damaged(f"{tile.path}: does not fit its hash tile; use a mirror's")
        self._head = head
        self._checkpoint = self._files.read(CHECKPOINT)

    def _go_on(self, name: str, size: int) -> None:
        """Finish the append whose checkpoint is whole under a scratch name."""
        bundles, hashes = self._grow(list(self._files.entries(self.size, size)))
        self._files.compare(bundles + hashes)
        self._settle(size, intent=name)

    def _open(self, path: str) -> Checkpoint:
        return _opened(path, self._files.read(path), self._vkey)

    def _held(self, name: str) -> Checkpoint | None:
        """The checkpoint under a scratch name, or None for a torn one and for none."""
        try:
            return self._open(name)
        except (Damaged, FileNotFoundError):
            return None

    def _read_tile(self, tile: Tile) -> bytes:
        return self._files.hashes(tile)

    def _keep(self, number: int, entries: list[bytes]) -> None:
        self._bundles[number] = entries
        while len(self._bundles) > _BUNDLES_KEPT:
            self._bundles.popitem(last=False)

    def _published(self, size: int | None) -> int:
        if size is None:
            return self.size
        if size > self.size:
            raise Malformed(f"size: {size} entries; the log has published {self.size}")
        return size

    def _refuse_index(self, index: int) -> None:
        if not 0 <= index < self.size:
            raise Malformed(f"index: {index} is not in a log of {self.size} entries")
