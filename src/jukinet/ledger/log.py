"""The log: append, then publish tiles and checkpoint in the order that survives a crash.

One writer adds entries; everybody reads. The files are those of C2SP tlog-tiles, so that any mirror
can serve them and other people's tools can verify them; beside them stand the sealed bodies, which
the checkpoint does not cover and which can be erased. docs/spec/log.md has the whole layout.

The order of one append, and what a crash does:

1. write entry bundles, bodies and hash tiles for the new size, and fsync them all
                            crash: the old state; what was written is swept or written over
2. fsync the directories that got new names                                crash: the same
3. write the signed checkpoint under a scratch name, and fsync it
                            crash: the old state, or the new one if the scratch file is whole
4. rename it to `checkpoint`, and fsync the directory                      crash: the new state

A checkpoint that anybody may have read is whole under its scratch name first, so recovery goes on
to 4 and never forgets what was seen: there are never two checkpoints of one size with different
roots. Recovery runs the same steps: it grows the tree from the entries that it finds, compares
where an append writes, and settles as an append does.

The last few checkpoints take turns as scratch files, and partial tiles that a full one has replaced
become the next ones (store.disk.Batch), so that appending removes no files.

It takes no lock (that there is one writer is the caller's duty) and does not know what an entry
says.

Source: C2SP tlog-tiles, tlog-checkpoint and tlog-proof.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> from jukinet.merkle import proof
>>> from jukinet.store.disk import RealDisk
>>> with TemporaryDirectory() as folder:
...     log = Log.open(RealDisk(Path(folder)), origin="example.org", key=SigningKey(bytes(32)))
...     numbers = log.append([b"one", b"two"], [None, None])
...     receipt = proof.parse(log.receipt(1))
...     numbers, receipt.verify(b"two", log=log.verifier_key).size
(range(0, 2), 2)
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from jukinet.errors import Damaged, JukinetError, Malformed, OutOfStep
from jukinet.keys.sign import SigningKey
from jukinet.merkle import checkpoint as checkpoints
from jukinet.merkle import note, tiles, tree
from jukinet.merkle.checkpoint import Checkpoint
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.proof import proof_head
from jukinet.merkle.tiles import ENTRIES, ENTRY_SIZE_MAX, TILE_WIDTH, Tile, TileTree
from jukinet.merkle.tree import HASH_SIZE, leaf_hash, leaf_hashes
from jukinet.store.disk import ROOT, Batch, Disk, parent, remove_all

BODY_SIZE: Final = 512
"""Bytes of every sealed body; a slot of zeros is no body, or an erased one."""

CHECKPOINT: Final = "checkpoint"
SCRATCH: Final = tuple(f"checkpoint.{number}" for number in range(16))
SPARE: Final = "spare"

_NO_BODY: Final = bytes(BODY_SIZE)
_BUNDLES_KEPT: Final = 64
_LEVELS: Final = (ENTRIES, *range(8))

_Grown: TypeAlias = list[tuple[Tile, bytes]]


class Log:
    """A log under its one writer. Open it with Log.open."""

    __slots__ = (
        "_bundle",
        "_bundles",
        "_checkpoint",
        "_disk",
        "_entries",
        "_files",
        "_head",
        "_key",
        "_tree",
        "_turns",
        "_unsettled",
        "_vkey",
    )

    def __init__(self, disk: Disk, *, origin: str, key: SigningKey) -> None:
        """A log that has read nothing yet; Log.open makes one."""
        self._disk = disk
        self._files = Batch(disk, spare=SPARE)
        self._turns = _Turns(disk)
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

    def append(
        self,
        entries: Sequence[bytes],
        bodies: Sequence[bytes | None],
        beside: Iterable[tuple[str, bytes]] = (),
    ) -> range:
        """Add entries, each with a sealed body or None; returns their numbers.

        `beside` are whole files that stand beside the log (bundles, runs), safe before the entries
        that speak of them are published; a crash leaves them as litter that is written over.

        When it returns, all of them are durable and published under one checkpoint. Raises
        Malformed, and writes nothing, for an entry of more than 65,535 bytes or a body of another
        size than 512. After any other error (OSError from the disk) it is not known whether they
        are in the log: further appends raise OutOfStep until it is opened again.
        """
        _refuse_forms(entries, bodies)
        if self._unsettled:
            raise OutOfStep("log: an append did not finish; open it again to see what is in it")
        numbers = range(self.size, self.size + len(entries))
        if entries:
            self._unsettled = True
            for path, content in beside:
                self._files.write(path, content, lasting=True)
            bundles, hashes = self._grow(entries)
            self._write(bundles)
            self._write_bodies(numbers.start, bodies)
            self._write(hashes)
            self._settle(numbers.stop)
        return numbers

    def cosign(self, lines: Sequence[str]) -> None:
        """Publish the checkpoint with witnesses' signature lines below its own.

        Size and root stay. A crash before the rename leaves the checkpoint without them, and the
        witnesses are asked again.
        """
        if self._unsettled:
            raise OutOfStep("log: an append did not finish; open it again to see what is in it")
        signed = _with_lines(self._checkpoint, lines)
        if signed == self._checkpoint:
            return
        self._unsettled = True
        self._turns.show(self._turns.intend(signed))
        self._checkpoint = signed
        self._unsettled = False

    def beside(self, path: str) -> bytes | None:
        """A file that stands beside the log, or None."""
        return self._disk.read(path) if self._disk.exists(path) else None

    def entry(self, index: int) -> bytes:
        """Entry number `index`. Raises Malformed when there is none."""
        self._refuse_index(index)
        number, place = divmod(index, TILE_WIDTH)
        if number == self._tree.size // TILE_WIDTH:
            return self._entries[place]
        found = self._bundles.pop(number, None) or _bundle(self._disk, Tile(ENTRIES, number))
        self._keep(number, found)
        return found[place]

    def body(self, index: int) -> bytes | None:
        """The sealed body of entry `index`, or None when it had none or was erased."""
        self._refuse_index(index)
        path, offset = _slot(index)
        try:
            found = self._disk.read_at(path, offset=offset, size=BODY_SIZE)
        except FileNotFoundError:
            return None
        return found if len(found) == BODY_SIZE and found != _NO_BODY else None

    def erase_body(self, index: int) -> None:
        """Overwrite the body of entry `index` with zeros; they are safe when this returns.

        It stood in this one place only. What a device keeps of overwritten blocks, and copies that
        others made, are out of reach: that is why bodies are sealed.
        """
        self._refuse_index(index)
        path, offset = _slot(index)
        if self._disk.exists(path):
            self._disk.write_at(path, _NO_BODY, offset=offset)
            self._disk.fsync(path)

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

    # One append.

    def _grow(self, entries: Sequence[bytes]) -> tuple[_Grown, _Grown]:
        """The tree with these entries, in memory: the bundles and the hash tiles that change."""
        bundles = []
        number = self._tree.size // TILE_WIDTH
        position = 0
        while position < len(entries):
            taken = entries[position : position + TILE_WIDTH - len(self._entries)]
            position += len(taken)
            self._entries += taken
            self._bundle += tiles.encode_bundle(taken)
            tile = Tile(ENTRIES, number, len(self._entries))
            bundles.append((tile, bytes(self._bundle)))
            if not tile.partial:
                self._keep(number, self._entries)
                self._entries, self._bundle = [], bytearray()
                number += 1
        return bundles, self._tree.grow(leaf_hashes(entries))

    def _write(self, grown: _Grown) -> None:
        for tile, content in grown:
            if tile.partial and _edge(tile.level, self.size) < (tile.index, 1):
                remove_all(self._disk, parent(tile.path))  # of an unfinished append
            self._files.write(tile.path, content, lasting=not tile.partial)

    def _write_bodies(self, first: int, bodies: Sequence[bytes | None]) -> None:
        position = 0
        while position < len(bodies):
            number, place = divmod(first + position, TILE_WIDTH)
            part = bodies[position : position + TILE_WIDTH - place]
            self._write_slots(number, place, part)
            position += len(part)

    def _write_slots(self, number: int, place: int, part: Sequence[bytes | None]) -> None:
        """Slots of one file. What is beyond its end is empty, so empty slots need no file."""
        path = _body_path(number)
        if place == 0 and self._disk.exists(path):
            self._disk.remove(path)  # of an unfinished append
        if any(body is not None for body in part):
            content = b"".join(body or _NO_BODY for body in part)
            self._files.write_at(path, content, offset=place * BODY_SIZE)

    def _settle(self, size: int, *, intent: str | None = None) -> None:
        """Make safe what was written, then publish it: steps 1 to 4 but for the writing.

        Recovery says under which scratch name (`intent`) it has found the checkpoint.
        """
        head = Checkpoint(self._vkey.name, size, tree.root(size, self._tree))
        signed = self._signed(head)
        self._files.settle()
        self._turns.show(self._turns.intend(signed, found=intent))
        old_size = self.size
        self._head, self._checkpoint = head, signed
        self._unsettled = False
        self._retire(old_size)

    def _signed(self, head: Checkpoint) -> bytes:
        signature = note.sign(head.text, name=head.origin, key=self._key)
        return bytes(note.Note(head.text, (signature,)))

    def _retire(self, old_size: int) -> None:
        """Take away the partial tiles of an old size that full ones have replaced.

        Not before they are replaced: whoever holds an older checkpoint may still ask for them (C2SP
        tlog-tiles, "Partial Tiles"). One that does not go is litter and harms nobody, so the append
        is none the worse for it.
        """
        for level in _LEVELS:
            index, width = _edge(level, old_size)
            if index == _edge(level, self.size)[0]:
                break
            if width:
                with suppress(OSError):
                    self._files.recycle(_partials(level, index))

    # Recovery.

    def _recover(self) -> None:
        """Bring log and disk into one state: the published one, or the one that was about to be."""
        if not self._disk.exists(CHECKPOINT):
            self._begin()
            return
        self._load(self._opened(CHECKPOINT))
        # Another run may have named what is read from here on, and not have come to the fsync.
        self._disk.fsync_dir(ROOT)
        held = self._turns.held(self._opened)
        for old_size in held.values():
            self._retire(min(old_size, self.size))
        ahead = {name: size for name, size in held.items() if size > self.size}
        self._turns.clear(keep=ahead)
        for name, size in sorted(ahead.items(), key=lambda item: item[1]):
            self._go_on(name, size)
        self._sweep()

    def _begin(self) -> None:
        """An empty log, if there are no tiles; otherwise it would begin a second time."""
        if self._disk.exists("tile"):
            raise Damaged("checkpoint: is missing, and there are tiles; restore it from a mirror")
        self._turns.clear(keep=())
        self._settle(0)

    def _load(self, head: Checkpoint) -> None:
        """What stands at the right edge of the published tree, each file against the next."""
        self._tree = TileTree.at(head.size, self._read_tile)
        if tree.root(head.size, self._tree) != head.root:
            paths = ", ".join(tile.path for tile in tiles.open_tiles(head.size))
            raise Damaged(f"{paths}: lead to another root than the checkpoint's; use a mirror's")
        number, width = _edge(ENTRIES, head.size)
        if width:
            tile = Tile(ENTRIES, number, width)
            self._entries = _bundle(self._disk, tile)
            self._bundle = bytearray(tiles.encode_bundle(self._entries))
            leaves = [self._tree(0, number * TILE_WIDTH + place) for place in range(width)]
            if [leaf_hash(entry) for entry in self._entries] != leaves:
                raise Damaged(f"{tile.path}: does not fit its hash tile; use a mirror's")
        self._head = head
        self._checkpoint = self._disk.read(CHECKPOINT)

    def _go_on(self, name: str, size: int) -> None:
        """Finish the append whose checkpoint is whole under a scratch name."""
        entries: list[bytes] = []
        for tile in tiles.new_bundles(self.size, size):
            begin = max(0, self.size - tile.index * TILE_WIDTH)
            entries += _bundle(self._disk, tile)[begin:]
        bundles, hashes = self._grow(entries)
        for tile, content in bundles + hashes:
            if self._disk.read(tile.path) != content:
                raise Damaged(f"{tile.path}: is not what its entries make; use a mirror's")
            self._files.add(tile.path)
        self._settle(size, intent=name)

    def _sweep(self) -> None:
        """Remove what an unfinished append has left at the right edge, and its bodies.

        What it has left further on is written over, or removed (`_write`), when its turn comes.
        """
        for level in _LEVELS:
            index, width = _edge(level, self.size)
            if self._disk.exists(Tile(level, index).path):
                self._disk.remove(Tile(level, index).path)
            directory = _partials(level, index)
            for name in self._disk.listdir(directory) if self._disk.exists(directory) else ():
                if int(name) > width:
                    self._disk.remove(f"{directory}/{name}")
        self._zero_bodies()

    def _zero_bodies(self) -> None:
        number, place = _edge(ENTRIES, self.size)
        path, offset = _body_path(number), place * BODY_SIZE
        if place and self._disk.exists(path):
            left = self._disk.read_at(path, offset=offset, size=TILE_WIDTH * BODY_SIZE)
            if left.strip(b"\x00"):
                self._disk.write_at(path, bytes(len(left)), offset=offset)
                self._disk.fsync(path)

    # What both need.

    def _opened(self, path: str) -> Checkpoint:
        return _opened(path, self._disk.read(path), self._vkey)

    def _read_tile(self, tile: Tile) -> bytes:
        return _hashes(self._disk, tile)

    def _keep(self, number: int, entries: list[bytes]) -> None:
        self._bundles[number] = entries
        if len(self._bundles) > _BUNDLES_KEPT:
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


class _Turns:
    """The last few checkpoints: the oldest is written over to become the next.

    So a reader that has opened `checkpoint` would have to sleep through fifteen appends before the
    file could change under it.
    """

    __slots__ = ("_begun", "_disk", "_free", "_old")

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._free = list(SCRATCH)
        self._old: deque[str] = deque()
        self._begun = disk.exists(CHECKPOINT)

    def intend(self, signed: bytes, *, found: str | None = None) -> str:
        """The checkpoint, safe under a scratch name: from here on the append is not undone."""
        fresh = found is None and len(self._free) > 1
        name = found or (self._free.pop() if fresh else self._old.popleft())
        if found is None:
            self._disk.write(name, signed)
        self._disk.fsync(name)
        if fresh:
            self._disk.fsync_dir(ROOT)
        return name

    def show(self, name: str) -> None:
        """Publish what is under a scratch name; the former checkpoint keeps one for its turn."""
        if self._begun:
            second = self._free.pop()
            self._disk.link(CHECKPOINT, to=second)
            self._old.append(second)
        self._disk.rename(name, to=CHECKPOINT)
        self._disk.fsync_dir(ROOT)
        self._free.append(name)
        self._begun = True

    def held(self, opened: Callable[[str], Checkpoint]) -> dict[str, int]:
        """The sizes under the scratch names that have a whole checkpoint."""
        sizes = {}
        for name in SCRATCH:
            with suppress(Damaged, FileNotFoundError):
                sizes[name] = opened(name).size
        return sizes

    def clear(self, *, keep: Container[str]) -> None:
        """All scratch names are free, but for those to be kept."""
        self._free = [name for name in SCRATCH if name not in keep]
        self._old.clear()
        for name in self._free:
            if self._disk.exists(name):
                self._disk.remove(name)


def _with_lines(signed: bytes, lines: Sequence[str]) -> bytes:
    """A note with more signature lines; a new one takes the place of an older one by its key."""
    found = note.parse(signed)
    added = note.parse(found.text.encode() + b"\n" + "".join(lines).encode()) if lines else found
    by_key = {(one.name, one.key_id): one for one in (*found.signatures, *added.signatures)}
    return bytes(note.Note(found.text, tuple(by_key.values())))


def check(disk: Disk, key: VerifierKey) -> Checkpoint:
    """The checkpoint of a log's files, when every hash in them is what the entries make.

    Reads all entries and needs nothing of the writer: it may run beside it, or on a mirror. Raises
    Damaged, naming the file, for anything that is missing or another, and when the checkpoint is
    not signed by `key`. The sealed bodies are not covered by it.
    """
    head = _opened(CHECKPOINT, _checkpoint_note(disk), key)
    grown = TileTree(lambda tile: _hashes(disk, tile))
    last = set(tiles.open_tiles(head.size))
    for tile, content in _rebuilt(disk, head.size, grown):
        if not tile.partial or tile in last:
            _check_tile(disk, tile, content, head)
        if tile in last:
            _check_narrower(disk, tile, content)
    number, width = _edge(ENTRIES, head.size)
    if width:
        tile = Tile(ENTRIES, number, width)
        _check_narrower(disk, tile, tiles.encode_bundle(_bundle(disk, tile)))
    if tree.root(head.size, grown) != head.root:
        raise Damaged(f"{CHECKPOINT}: its root is not that of its {head.size} entries")
    return head


def recompute(disk: Disk) -> tuple[int, bytes]:
    """Size and root of a log, from its entries alone; for the size the checkpoint is believed."""
    size = checkpoints.parse(note.parse(_checkpoint_note(disk)).text).size
    grown = TileTree(lambda tile: _hashes(disk, tile))
    for _ in _rebuilt(disk, size, grown):
        pass
    return size, tree.root(size, grown)


def _rebuilt(disk: Disk, size: int, grown: TileTree) -> Iterator[tuple[Tile, bytes]]:
    """The hash tiles over all entries, bundle by bundle, as `grown` grows."""
    for bundle in tiles.new_bundles(0, size):
        yield from grown.grow(leaf_hashes(_bundle(disk, bundle)))


def _check_tile(disk: Disk, tile: Tile, content: bytes, head: Checkpoint) -> None:
    found = _hashes(disk, tile)
    if found != content:
        entries = Tile(ENTRIES, tile.index, tile.width).path
        path = entries if tile.level == 0 and _stands(disk, tile, found, head) else tile.path
        raise Damaged(f"{path}: is not what the checkpoint was signed for; use a mirror's")


def _stands(disk: Disk, tile: Tile, found: bytes, head: Checkpoint) -> bool:
    """Whether leaf hashes fit what lies above them, so that their entries are the wrong ones."""
    if tile.partial:
        stored = TileTree.at(head.size, lambda one: _hashes(disk, one))
        return tree.root(head.size, stored) == head.root
    number, place = divmod(tile.index, TILE_WIDTH)
    width = min(TILE_WIDTH, head.size // TILE_WIDTH - number * TILE_WIDTH)
    above = tiles.decode_hashes(_hashes(disk, Tile(1, number, width)), width=width)
    return above[place] == tree.root_of(tiles.decode_hashes(found, width=TILE_WIDTH))


def _check_narrower(disk: Disk, tile: Tile, content: bytes) -> None:
    """The narrower partial files beside a partial one are its beginnings."""
    directory = parent(tile.path)
    for name in disk.listdir(directory) if disk.exists(directory) else ():
        if int(name) < tile.width:
            narrower = Tile(tile.level, tile.index, int(name))
            if disk.read(narrower.path) != _beginning(content, narrower):
                raise Damaged(f"{narrower.path}: is not the beginning of {tile.path}")


def _beginning(content: bytes, tile: Tile) -> bytes:
    """The part of a wider tile's content that a narrower one has."""
    if tile.level != ENTRIES:
        return content[: tile.width * HASH_SIZE]
    end = 0
    for _ in range(tile.width):
        end += 2 + int.from_bytes(content[end : end + 2], "big")
    return content[:end]


def _hashes(disk: Disk, tile: Tile) -> bytes:
    """The content of a hash tile."""
    content, width = _content(disk, tile)
    if len(content) != width * HASH_SIZE:
        raise Damaged(f"{tile.path}: wants {width * HASH_SIZE} bytes, got {len(content)}")
    return content[: tile.width * HASH_SIZE]


def _bundle(disk: Disk, tile: Tile) -> list[bytes]:
    """The entries of a bundle."""
    content, width = _content(disk, tile)
    try:
        return tiles.decode_bundle(content, width=width)[: tile.width]
    except Malformed as error:
        raise Damaged(f"{tile.path}: {error}; use a mirror's") from None


def _content(disk: Disk, tile: Tile) -> tuple[bytes, int]:
    """The content and width of a tile, or of the full one that has replaced it."""
    for found in (tile, Tile(tile.level, tile.index)):
        with suppress(FileNotFoundError):
            return disk.read(found.path), found.width
    raise Damaged(f"{tile.path}: is missing; use a mirror's")


def _checkpoint_note(disk: Disk) -> bytes:
    try:
        return disk.read(CHECKPOINT)
    except FileNotFoundError:
        raise Damaged(f"{CHECKPOINT}: is missing; use a mirror's") from None


def _opened(path: str, signed: bytes, key: VerifierKey) -> Checkpoint:
    try:
        return checkpoints.open_checkpoint(signed, log=key)
    except JukinetError as error:
        raise Damaged(f"{path}: {error}; use a mirror's") from None


def _edge(level: int, size: int) -> tuple[int, int]:
    """Index and width of the tile at the right edge of a level; width 0 where none is open."""
    return divmod(size >> tiles.TILE_HEIGHT * max(level, 0), TILE_WIDTH)


def _partials(level: int, index: int) -> str:
    """The directory of a tile's partial files."""
    return f"{Tile(level, index).path}.p"


def _body_path(number: int) -> str:
    """The file with the bodies of one bundle's entries."""
    return f"bodies/{tiles.suffix(number)}"


def _slot(index: int) -> tuple[str, int]:
    """Where the body of an entry is: file, and bytes before it."""
    number, place = divmod(index, TILE_WIDTH)
    return _body_path(number), place * BODY_SIZE


def _refuse_forms(entries: Sequence[bytes], bodies: Sequence[bytes | None]) -> None:
    if len(entries) != len(bodies):
        raise Malformed(f"bodies: wants one or None for each of {len(entries)} entries")
    longest = max(map(len, entries), default=0)
    if longest > ENTRY_SIZE_MAX:
        raise Malformed(f"entry: at most {ENTRY_SIZE_MAX} bytes, got {longest}")
    for body in bodies:
        if body is not None and len(body) != BODY_SIZE:
            raise Malformed(f"body: wants {BODY_SIZE} bytes, got {len(body)}")
