"""Audit (監査): the whole public log followed, leaf by leaf, and held to its word.

An auditor needs a copy of the log's files and the log's key (and witnesses' keys), and no leave of
anybody. Each round begins where the last one ended. It opens the checkpoint, makes the tree anew
from the entries, compares every hash tile byte by byte, holds each leaf against the rules
(rules.py), every bundle, run and statistics file against the leaves, and the checkpoint against
the one that it saw last. The first lie ends it, with what proves the lie.

Leaves are judged only when the tree over them has been found to be the signed one, so that a
mirror's bad disk is not taken for a lie of the log.

What it cannot see: whose a label is (residents do), whether an answer left without a leaf (the
agencies' clients do, and so do samples), what the sealed bodies say.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from jukinet.client.labels import Labels, Sorted
from jukinet.client.lies import Lie, Rule
from jukinet.client.rules import Rules, leaf_file
from jukinet.errors import Damaged, JukinetError, Malformed, OutOfStep
from jukinet.law import leaf as leaves
from jukinet.law.leaf import Leaf
from jukinet.law.statistics import Row, Statistics
from jukinet.merkle import tiles, tree
from jukinet.merkle.checkpoint import Checkpoint
from jukinet.merkle.runs import Read
from jukinet.merkle.tiles import ENTRIES, TILE_WIDTH, Tile, TileTree
from jukinet.merkle.tree import EMPTY_ROOT, HASH_SIZE, leaf_hash, leaf_hashes

CHECKPOINT: Final = "checkpoint"
LAST: Final = "checkpoint.last"
"""What the checkpoint of the round before is called among the evidence."""

_BUNDLES_KEPT: Final = 64

Opener = Callable[[bytes], Checkpoint]
"""The checkpoint of a note, where log and witnesses have signed it.

Raises OutOfStep where witnesses have still to sign, any other JukinetError where the log has not.
"""

Progress = Callable[[int, int], None]
"""Told how many leaves of how many have been read."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What an auditor knows after a round, but for labels."""

    v: int = 1
    checkpoint: str
    size: int
    root: str
    counts: dict[str, int]
    newest: datetime
    asked_at: int | None
    leaves: dict[int, str]
    day: list[Row]
    months: dict[str, list[Row]]


class State(NamedTuple):
    """All that an auditor goes on from."""

    kept: Kept
    fresh: bytes  # records of labels since the last closed day
    labels: tuple[Sorted, ...]


class Auditor:
    """Follows one log."""

    def __init__(
        self, read: Read, opener: Opener, *, now: datetime, state: State | None = None
    ) -> None:
        """From the first leaf on, or from the state that an earlier auditor came to."""
        self.note = b""
        self.head: Checkpoint | None = None
        self._read = read
        self._open = opener
        self._now = now
        self._tree = TileTree(self._hashes)
        self._size = 0  # of the checkpoint that is being followed
        self._bundles: OrderedDict[int, list[bytes]] = OrderedDict()
        self._labels = Labels(state.labels if state else ())
        self.rules = Rules(read, self._past, self._labels, now=now)
        self._last = (0, EMPTY_ROOT)
        if state:
            self._go_on(state)

    def at(self, now: datetime) -> None:
        """The time of the next round, where an auditor goes on in memory."""
        self._now = self.rules.now = now

    @property
    def state(self) -> State:
        """What the next auditor goes on from; only after a round without a lie."""
        rules, (size, root) = self.rules, self._last
        kept = Kept(
            checkpoint=self.note.decode(),
            size=size,
            root=root.hex(),
            counts=dict(rules.counts),
            newest=rules.newest,
            asked_at=rules.asked_at,
            leaves={i: leaves.encode(leaf).decode() for i, leaf in rules.kept().items()},
            day=rules.days.day.rows(),
            months={name: one.rows() for name, one in rules.days.months.items()},
        )
        return State(kept, bytes(rules.days.fresh), self._labels.parts())

    def follow(
        self, *, orphans_allowed: int = 0, progress: Progress = lambda done, of: None
    ) -> Checkpoint:
        """One round: from the last checkpoint to the one that is published now.

        Raises Lie for what the log did wrong; OutOfStep where this copy is older than what was
        seen. After either, begin anew from the last state.
        """
        note = self._read(CHECKPOINT)
        if note is None:
            raise Damaged(f"{CHECKPOINT}: is missing; this is no copy of a log")
        evidence = {CHECKPOINT: note, **({LAST: self.note} if self.note else {})}
        try:
            head = self._opened(note)
            self._follow(head, orphans_allowed, progress)
        except Lie as lie:
            lie.files = evidence | lie.files
            raise
        self.note, self.head, self._last = note, head, (head.size, head.root)
        return head

    def _opened(self, note: bytes) -> Checkpoint:
        try:
            head = self._open(note)
        except OutOfStep:
            raise
        except JukinetError as error:
            raise Lie(Rule.SIGNATURE, CHECKPOINT, str(error)) from None
        size, root = self._last
        if head.size == size and head.root != root:
            raise Lie(Rule.FORK, CHECKPOINT, f"the log has signed two roots of {size} leaves")
        if head.size < size:
            self._refuse_older(head)
        return head

    def _refuse_older(self, head: Checkpoint) -> None:
        """Fewer leaves than were seen: a copy that is behind, or another log."""
        size, root = self._last
        seen = self._tree_at(size)
        if tree.root(size, seen) == root and tree.root(head.size, seen) != head.root:
            raise Lie(
                Rule.FORK,
                CHECKPOINT,
                f"signs another root of {head.size} leaves than the {size} seen begin with",
            )
        raise OutOfStep(
            f"{CHECKPOINT}: is of {head.size} leaves, and {size} were seen; ask again later, or "
            "another mirror"
        )

    def _follow(self, head: Checkpoint, orphans_allowed: int, progress: Progress) -> None:
        self._size = head.size
        size, root = self._last
        self._tree = self._tree_at(size)
        forked = tree.root(size, self._tree) != root
        lie: Lie | None = None
        for first, entries in self._grown(size):
            try:
                for index, entry in enumerate(entries if not lie else (), start=first):
                    self.rules.take(index, entry)
            except Lie as error:
                lie = error
            progress(first + len(entries), head.size)
        if tree.root(head.size, self._tree) != head.root:
            raise Lie(Rule.TREE, CHECKPOINT, "signs another root than its entries make")
        if forked:
            raise Lie(
                Rule.FORK, CHECKPOINT, f"its log does not begin with the {size} leaves seen before"
            )
        self._refuse_twice(lie)
        self._refuse_orphans(orphans_allowed)

    def _refuse_twice(self, lie: Lie | None) -> None:
        """The first lie: what a leaf has said, or a label that stands twice."""
        again = self._labels.twice()
        if lie is None and again is None:
            return
        if lie is not None:
            raise lie
        assert again is not None
        before = "an earlier leaf" if again.before is None else f"leaf {again.before}"
        numbers = [again.leaf] if again.before is None else [again.before, again.leaf]
        files = {leaf_file(number): leaves.encode(self._past(number)) for number in numbers}
        sentence = f"bears label {again.label.hex()}, which stands in {before}, too"
        raise Lie(Rule.LABEL, f"leaf {again.leaf}", sentence, files)

    def _refuse_orphans(self, allowed: int) -> None:
        orphans = self.rules.orphans(self._now)
        if len(orphans) > allowed:
            index = orphans[0]
            raise Lie(
                Rule.ORPHAN,
                f"leaf {index}",
                "is an inquiry, and neither a disclosure nor a refusal names it in its time",
                {leaf_file(index): leaves.encode(self.rules.inquiries[index])},
            )

    def _go_on(self, state: State) -> None:
        kept = state.kept
        self.note = kept.checkpoint.encode()
        self._last = (kept.size, bytes.fromhex(kept.root))
        rules = self.rules
        rules.counts.update(kept.counts)
        rules.newest = kept.newest
        rules.keep(
            {index: leaves.decode(entry.encode()) for index, entry in kept.leaves.items()},
            asked_at=kept.asked_at,
        )
        rules.days.fresh += state.fresh
        rules.days.day = Statistics(kept.day)
        rules.days.months = {name: Statistics(rows) for name, rows in kept.months.items()}

    # --- the tree -----------------------------------------------------------------------------

    def _tree_at(self, size: int) -> TileTree:
        self._size = max(self._size, size)
        return TileTree.at(size, self._hashes)

    def _grown(self, size: int) -> Iterator[tuple[int, list[bytes]]]:
        """The new entries bundle by bundle, once every hash tile over them has been compared."""
        last = set(tiles.open_tiles(self._size))
        for bundle in tiles.new_bundles(size, self._size):
            begin = max(0, size - bundle.index * TILE_WIDTH)
            entries = self._bundle(bundle)
            self._compare_seen(bundle, entries[:begin])
            for tile, content in self._tree.grow(leaf_hashes(entries[begin:])):
                if not tile.partial or tile in last:
                    self._compare(tile, content)
            yield bundle.index * TILE_WIDTH + begin, entries[begin:]

    def _compare(self, tile: Tile, content: bytes) -> None:
        found = self._hashes(tile)
        if found == content:
            return
        if tile.level:
            raise Lie(Rule.TREE, tile.path, "is not what its entries make", {tile.path: found})
        below = Tile(ENTRIES, tile.index, tile.width)
        files = {tile.path: found, below.path: self._content(below)[0]}
        sentence = f"is not what {below.path} makes; try another mirror"
        raise Lie(Rule.TREE, tile.path, sentence, files)

    def _compare_seen(self, bundle: Tile, entries: list[bytes]) -> None:
        """The entries of a bundle that were read in an earlier round, when it was narrower."""
        for place, entry in enumerate(entries):
            if leaf_hash(entry) != self._tree(0, bundle.index * TILE_WIDTH + place):
                raise Lie(Rule.TREE, bundle.path, f"entry {place} is another than it was")

    def _past(self, index: int) -> Leaf:
        """A leaf that stands already, proved to stand in the tree as it is."""
        number, place = divmod(index, TILE_WIDTH)
        width = min(TILE_WIDTH, self._size - number * TILE_WIDTH)
        entry = self._bundle(Tile(ENTRIES, number, width))[place]
        size = self._tree.size
        try:
            tree.verify_inclusion(
                leaf_hash(entry),
                index=index,
                size=size,
                proof=tree.inclusion(index=index, size=size, nodes=self._tree),
                root=tree.root(size, self._tree),
            )
        except JukinetError:
            raise Lie(
                Rule.TREE, f"leaf {index}", "is another than it was; try another mirror"
            ) from None
        return leaves.decode(entry)

    def _bundle(self, tile: Tile) -> list[bytes]:
        found = self._bundles.get(tile.index)
        if found is None or len(found) < tile.width:
            content, width = self._content(tile)
            try:
                found = tiles.decode_bundle(content, width=width)[: tile.width]
            except Malformed as error:
                raise Lie(Rule.TREE, tile.path, str(error), {tile.path: content}) from None
            self._bundles[tile.index] = found
            if len(self._bundles) > _BUNDLES_KEPT:
                self._bundles.popitem(last=False)
        return found

    def _hashes(self, tile: Tile) -> bytes:
        content, width = self._content(tile)
        if len(content) != width * HASH_SIZE:
            raise Lie(Rule.TREE, tile.path, f"wants {width} hashes; try another mirror")
        return content[: tile.width * HASH_SIZE]

    def _content(self, tile: Tile) -> tuple[bytes, int]:
        """A tile's content and width: a partial one may have become a wider or a full one."""
        span = TILE_WIDTH ** max(tile.level, 0)
        now = min(TILE_WIDTH, self._size // span - tile.index * TILE_WIDTH)
        for width in (tile.width, max(now, tile.width), TILE_WIDTH):
            content = self._read(Tile(tile.level, tile.index, width).path)
            if content is not None:
                return content, width
        raise Lie(Rule.TREE, tile.path, "is missing; try another mirror")
