"""Entries (開示の各件): the leaf under a label, what stands sealed beside it, and objections.

An entry is a disclosure, one of a bundle's, or the opening of one that was kept back; beside it may
stand the resident's objection and its answer, under labels that come from the entry's own key. The
giving out of a view key and the wish for fresh numbers stand on the chain, too, and are none.

A body is shown only if the entry's key opens it and the leaf commits to it: a mirror may delete or
alter one, and cannot hide that it did.
"""

from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from jukinet.client.cover import Cover, Spot
from jukinet.client.mirror import Mirror
from jukinet.client.proved import ProvedLog, ProvedRun
from jukinet.errors import Damaged, JukinetError
from jukinet.keys import ratchet
from jukinet.law import leaf as leaves
from jukinet.law.leaf import (
    Body,
    BundleLeaf,
    DeferredLeaf,
    DisclosureLeaf,
    FreshNumberLeaf,
    KeyGiven,
    Leaf,
    NumberChanged,
    ObjectionAnswerLeaf,
    ObjectionLeaf,
    OpeningLeaf,
    ViewKeyLeaf,
    Words,
)
from jukinet.merkle.runs import LABEL_BYTES, Found
from jukinet.merkle.tiles import TILE_WIDTH

L = TypeVar("L", ViewKeyLeaf, FreshNumberLeaf, ObjectionLeaf, ObjectionAnswerLeaf)
B = TypeVar("B", Body, KeyGiven, NumberChanged, Words)


class Sealed(NamedTuple, Generic[L, B]):
    """A leaf, and what stands sealed beside it."""

    leaf_index: int
    leaf: L
    body: B | None  # None: deleted; or altered
    proof: bytes  # a tlog-proof text
    altered: bool = False  # there is a body, and it is not the one that the leaf commits to


class Entry(NamedTuple):
    """One disclosure about the person."""

    place: int  # in the person's chain
    leaf_index: int  # in the log
    leaf: DisclosureLeaf | OpeningLeaf | BundleLeaf
    body: Body | None  # None: deleted; or altered, which a mirror may do and cannot hide
    proof: bytes  # a tlog-proof text
    altered: bool = False  # there is a body, and it is not the one that the leaf commits to
    record: Found | None = None  # its place in the bundle, proved
    deferred: DeferredLeaf | None = None  # what an opening opens
    objection: Sealed[ObjectionLeaf, Words] | None = None
    answer: Sealed[ObjectionAnswerLeaf, Words] | None = None


Key = Sealed[ViewKeyLeaf, KeyGiven]
"""That a view key of this chain was given to somebody."""


Renewal = Sealed[FreshNumberLeaf, NumberChanged]
"""That the sector numbers of this chain's person were made anew."""


class Reading:
    """The leaves that a chain leads to, read one after the other."""

    def __init__(self, mirror: Mirror, log: ProvedLog, cover: Cover) -> None:
        self.remarks: list[str] = []
        self._mirror = mirror
        self._log = log
        self._cover = cover
        self._bundles: dict[int, ProvedRun] = {}

    def read(self, place: int, state: bytes, spot: Spot) -> Entry | Key | Renewal | None:
        """What stands at a spot under a chain's state; None, and a remark, for what should not."""
        leaf, key, label = self._log.leaf(spot.leaf), ratchet.entry_key(state), ratchet.label(state)
        if isinstance(leaf, ViewKeyLeaf):
            return self._sealed(spot.leaf, leaf, key, label, KeyGiven)
        if isinstance(leaf, FreshNumberLeaf):
            return self._sealed(spot.leaf, leaf, key, label, NumberChanged)
        if isinstance(leaf, BundleLeaf):
            found = self._bundled(place, key, label, spot, leaf)
        elif isinstance(leaf, DisclosureLeaf | OpeningLeaf):
            sealed = self._mirror.body(spot.leaf)
            body = _opened(key, label, sealed, leaf.commitment, Body)
            altered = sealed is not None and body is None
            found = Entry(
                place, spot.leaf, leaf, body, self._log.receipt(spot.leaf), altered=altered
            )
        else:
            self.remarks.append(
                f"leaf {spot.leaf} stands on the chain and is no disclosure; tell the auditors"
            )
            return None
        return self._with_objection(self._with_deferred(found), key)

    def _bundled(self, place: int, key: bytes, label: bytes, spot: Spot, leaf: BundleLeaf) -> Entry:
        """One disclosure of a bundle; without its record where the bundle cannot be read."""
        proof = self._log.receipt(spot.leaf)
        try:
            record = self._bundle(spot.leaf, leaf).found(spot.position)
            if record.label != label:
                raise Damaged(f"place {spot.position} of the bundle bears another label")
        except Damaged as error:
            self.remarks.append(f"bundle of leaf {spot.leaf}: {error}")
            return Entry(place, spot.leaf, leaf, None, proof)
        path = leaves.bundle_bodies(spot.leaf, spot.position)
        sealed = self._mirror.sealed(path, spot.position % TILE_WIDTH)
        body = _opened(key, label, sealed, record.record[LABEL_BYTES:].hex(), Body)
        altered = sealed is not None and body is None
        return Entry(place, spot.leaf, leaf, body, proof, altered=altered, record=record)

    def _bundle(self, index: int, leaf: BundleLeaf) -> ProvedRun:
        if index not in self._bundles:
            self._bundles[index] = ProvedRun.bundle(self._mirror.read, index, leaf)
        return self._bundles[index]

    def _with_deferred(self, entry: Entry) -> Entry:
        """An opening together with the leaf that it opens."""
        if not isinstance(entry.leaf, OpeningLeaf):
            return entry
        opened = entry.leaf.deferred
        leaf = self._log.leaf(opened) if opened < entry.leaf_index else None
        if not isinstance(leaf, DeferredLeaf):
            self.remarks.append(
                f"leaf {entry.leaf_index} opens leaf {opened}, which was not kept back"
            )
            return entry
        return entry._replace(deferred=leaf)

    def _with_objection(self, entry: Entry, entry_key: bytes) -> Entry:
        """An entry together with the objection to it, and the answer to that."""
        label, key = ratchet.objection(entry_key)
        for index, leaf in self._after(label, entry.leaf_index):
            if isinstance(leaf, ObjectionLeaf) and leaf.entry == entry.leaf_index:
                objection = self._sealed(index, leaf, key, label, Words)
                answer = self._answer(index, entry_key)
                return entry._replace(objection=objection, answer=answer)
        return entry

    def _answer(
        self, objection: int, entry_key: bytes
    ) -> Sealed[ObjectionAnswerLeaf, Words] | None:
        label, key = ratchet.objection_answer(entry_key)
        for index, leaf in self._after(label, objection):
            if isinstance(leaf, ObjectionAnswerLeaf) and leaf.objection == objection:
                return self._sealed(index, leaf, key, label, Words)
        return None

    def _after(self, label: bytes, index: int) -> Iterator[tuple[int, Leaf]]:
        for spot in self._cover.find_after(label, index):
            yield spot.leaf, self._log.leaf(spot.leaf)

    def _sealed(self, index: int, leaf: L, key: bytes, label: bytes, kind: type[B]) -> Sealed[L, B]:
        sealed = self._mirror.body(index)
        body = _opened(key, label, sealed, leaf.commitment, kind)
        altered = sealed is not None and body is None
        return Sealed(index, leaf, body, self._log.receipt(index), altered)


def _opened(
    key: bytes, label: bytes, sealed: bytes | None, commitment: str, kind: type[B]
) -> B | None:
    """What stands sealed beside a leaf, where it opens and the leaf commits to it."""
    try:
        salt, content = leaves.open_under(key, label, sealed or b"")
        fits = leaves.commitment(salt, content) == commitment
        return leaves.read_body(content, kind) if fits else None
    except JukinetError:
        return None
