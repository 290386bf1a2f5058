"""Bodies (本文): what stands sealed beside each leaf is opened, and held against its leaf.

What stands on a chain opens under the chain's state; an objection and its answer under keys that
come from the entry objected to; what is kept from its resident for a while, under the keepers'. A
body of zeros was erased, and is counted.
"""

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from jukinet.errors import JukinetError
from jukinet.keys import ratchet
from jukinet.law import leaf as leaves
from jukinet.law.leaf import (
    BODY_BYTES,
    Bodied,
    Body,
    BundleLeaf,
    DeferredLeaf,
    DisclosureLeaf,
    FreshNumberLeaf,
    InquiryLeaf,
    KeyGiven,
    Leaf,
    NumberChanged,
    ObjectionAnswerLeaf,
    ObjectionLeaf,
    OpeningLeaf,
    ViewKeyLeaf,
    Words,
)
from jukinet.law.schedule import load
from jukinet.merkle.tiles import TILE_WIDTH
from jukinet.nodes.keyring import DEFERRED, Directory
from jukinet.tasks.verifying.findings import UNREADABLE
from jukinet.tasks.verifying.ledger import Ledger
from jukinet.tasks.verifying.quorum import Quorum

Tick = Callable[[int], None]
Entry = DisclosureLeaf | OpeningLeaf | BundleLeaf | DeferredLeaf

CHAINLESS = "its label belongs to no chain that a town began"


class Kept(NamedTuple):
    """What was kept from a resident for a while: whose it is, and its body."""

    locator: bytes
    content: bytes


class Bodies:
    """The sealed bodies of a log."""

    def __init__(self, ledger: Ledger, directory: Directory | None, quorum: Quorum | None) -> None:
        self.kept: dict[int, Kept] = {}  # by deferred leaf
        self._ledger = ledger
        self._directory = directory
        self._quorum = quorum
        self._file: tuple[str, bytes] = ("", b"")

    def check(self, tick: Tick) -> None:
        """Every leaf against what is sealed beside it."""
        for index, leaf in self._ledger.leaves.items():
            if isinstance(leaf, BundleLeaf):
                for place, record in enumerate(self._ledger.bundles.get(index, ())):
                    self._check(index, leaf, place, record[ratchet.LABEL_BYTES :].hex())
            elif isinstance(leaf, Bodied):
                self._check(index, leaf, 0, leaf.commitment)
            if not isinstance(leaf, Bodied) and any(self._ledger.log.body(index).content):
                self._ledger.note(index, "has a body, and is of a kind that has none")
            if index % 1000 == 0:
                tick(index)

    # --- for others -------------------------------------------------------------------------

    def entry_key(self, label: bytes) -> bytes | None:
        """The key of the entry under a label, where a chain leads to it."""
        owner = self._ledger.owners.get(label)
        return owner.entry_key if owner else None

    def body(self, index: int, label: bytes, key: bytes | None = None) -> Body | None:
        """The body of the entry under a label, where it opens (by its chain, or a key shown)."""
        key = key or self.entry_key(label)
        borne = self._ledger.borne.get(index, ())
        if key is None or label not in borne:
            return None
        try:
            sealed = self._sealed(index, borne.index(label))
            return leaves.decode_body(leaves.open_under(key, label, sealed)[1])
        except JukinetError:
            return None

    def words(self, index: int) -> Words | None:
        """What an objection or its answer says, where it opens."""
        leaf = self._ledger.leaves[index]
        label, key = self._apart(leaf) or (b"", b"")
        try:
            content = leaves.open_under(key, label, self._sealed(index, 0))[1] if key else b""
            return leaves.read_body(content, Words)
        except JukinetError:
            return None

    # --- one body ---------------------------------------------------------------------------

    def _check(self, index: int, leaf: Leaf, place: int, commitment: str) -> None:
        label = self._ledger.borne[index][place]
        key = self._key(index, leaf, label)
        sealed = self._sealed(index, place)
        counts = self._ledger.findings.counts
        if len(sealed) < BODY_BYTES:
            self._ledger.note(index, "the place of its sealed body is missing")
        elif not any(sealed):
            counts["bodies_erased"] += 1
        elif isinstance(leaf, DeferredLeaf):
            self._check_kept(index, leaf, label, sealed)
        elif key is None:
            counts["bodies_not_opened"] += 1
        else:
            self._check_opened(index, leaf, label, commitment, key, sealed)

    def _check_opened(
        self, index: int, leaf: Leaf, label: bytes, commitment: str, key: bytes, sealed: bytes
    ) -> None:
        try:
            salt, content = leaves.open_under(key, label, sealed)
            fits = leaves.commitment(salt, content) == commitment
        except JukinetError:
            self._ledger.note(index, "its sealed body does not open under its key")
            return
        if not fits or not self._says(index, leaf, label, content):
            self._ledger.note(index, "its sealed body is not what it commits to")
        self._ledger.findings.counts["bodies"] += 1

    def _check_kept(self, index: int, leaf: DeferredLeaf, label: bytes, sealed: bytes) -> None:
        if self._quorum is None:
            return
        try:
            plain = self._quorum.open(DEFERRED, sealed, context=leaves.DEFERRED_CONTEXT)
            locator, salt, content = leaves.read_deferred(plain)
        except JukinetError:
            self._ledger.note(index, "its sealed body does not open under the keepers' key")
            return
        self.kept[index] = Kept(locator, content)
        fits = leaves.commitment(salt, content) == leaf.commitment
        fits = fits and leaves.deferred_label(sealed) == label
        if not fits or not self._says(index, leaf, label, content):
            self._ledger.note(index, "its sealed body is not what it commits to")
        self._ledger.findings.counts["bodies"] += 1

    def _key(self, index: int, leaf: Leaf, label: bytes) -> bytes | None:
        """What opens the body under a label; a label that belongs nowhere is noted."""
        if isinstance(leaf, DeferredLeaf):
            return None
        if isinstance(leaf, ObjectionLeaf | ObjectionAnswerLeaf):
            apart = self._apart(leaf)
            if apart is not None and apart[0] != label:
                self._ledger.note(index, "its label is not that of the entry objected to")
            return apart[1] if apart else None
        key = self.entry_key(label)
        if key is None:
            self._ledger.note(index, CHAINLESS)
        return key

    def _apart(self, leaf: Leaf | None) -> tuple[bytes, bytes] | None:
        """Label and key of an objection or its answer, from the entry objected to."""
        if isinstance(leaf, ObjectionAnswerLeaf):
            objection = self._ledger.leaves.get(leaf.objection)
            key = self._entry_key_of(objection)
            return ratchet.objection_answer(key) if key else None
        key = self._entry_key_of(leaf)
        return ratchet.objection(key) if key else None

    def _entry_key_of(self, objection: Leaf | None) -> bytes | None:
        if not isinstance(objection, ObjectionLeaf):
            return None
        return self.entry_key(bytes.fromhex(objection.about))

    def _sealed(self, index: int, place: int) -> bytes:
        """The slot of a body; shorter where its file does not reach so far."""
        if not isinstance(self._ledger.leaves[index], BundleLeaf):
            return self._ledger.log.body(index).content
        path = leaves.bundle_bodies(index, place)
        if self._file[0] != path:
            self._file = path, self._ledger.log.beside(path) or b""
        first = place % TILE_WIDTH * BODY_BYTES
        return self._file[1][first : first + BODY_BYTES]

    # --- does it speak of the same? ---------------------------------------------------------

    def _says(self, index: int, leaf: Leaf, label: bytes, content: bytes) -> bool:
        """Whether a body and its leaf speak of the same."""
        try:
            if isinstance(leaf, Entry):
                return self._says_asked(leaf, label, content)
            if isinstance(leaf, ViewKeyLeaf):
                return self._says_given(leaf, label, leaves.read_body(content, KeyGiven))
            if isinstance(leaf, FreshNumberLeaf):
                return self._says_changed(leaf, leaves.read_body(content, NumberChanged))
            said = leaves.read_body(content, Words)
            by_agency = isinstance(leaf, ObjectionAnswerLeaf)
            return bool(said.official) is by_agency and bool(said.text.strip())
        except UNREADABLE:
            return False

    def _says_asked(self, leaf: Entry, label: bytes, content: bytes) -> bool:
        body = leaves.decode_body(content)
        asked = leaf
        if isinstance(leaf, OpeningLeaf):
            kept, owner = self.kept.get(leaf.deferred), self._ledger.owners[label]
            if kept is not None and kept != (owner.locator, content):
                return False
            deferred = self._ledger.leaves.get(leaf.deferred)
            if not isinstance(deferred, DeferredLeaf):
                return False
            asked = deferred
        assert not isinstance(asked, OpeningLeaf)
        inquiry = self._ledger.leaves.get(asked.inquiry) if asked.inquiry is not None else None
        return _is_of(body, asked, inquiry) and self._is_askers(body, asked)

    def _is_askers(self, body: Body, leaf: Entry) -> bool:
        """Whether the agency that a body names is shown to the public as the leaf has it."""
        if self._directory is None:
            return True
        entry = self._directory.agencies.get(body.agency)
        if entry is None:
            return False
        receiver = load().receivers[entry.receiver]
        return leaves.public_asker(receiver, entry.prefecture, body.row) == (leaf.agency, leaf.row)

    def _says_given(self, leaf: ViewKeyLeaf, label: bytes, given: KeyGiven) -> bool:
        """Whether a view key was given of the chain that its leaf stands on."""
        owner = self._ledger.owners[label]
        date.fromisoformat(given.valid_to)
        known = self._directory is None or given.town in self._directory.towns
        return (
            known
            and leaf.issuer == f"municipal/{given.town[:2]}"
            and given.epoch == owner.epoch
            and 0 <= given.place <= owner.place
        )

    def _says_changed(self, leaf: FreshNumberLeaf, changed: NumberChanged) -> bool:
        """Whether a fresh number was made for a town of the leaf's prefecture."""
        known = self._directory is None or changed.town in self._directory.towns
        return known and leaf.issuer == f"municipal/{changed.town[:2]}"


def _is_of(
    body: Body, leaf: DisclosureLeaf | BundleLeaf | DeferredLeaf, inquiry: Leaf | None
) -> bool:
    """Whether a body is of the question that its leaf answers; of an order, many have one leaf."""
    if (body.kind, body.items) != (leaf.kind, leaf.items):
        return False
    if body.subject != ("search" if leaf.inquiry is None else "handle"):
        return False
    return not isinstance(inquiry, InquiryLeaf) or inquiry.order == body.inquiry
