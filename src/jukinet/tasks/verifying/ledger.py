"""Ledger: every leaf decoded, every bundle read, every chain of labels walked from its seed.

A chain begins with a seed that a town told, or with the decoy's; walking it over the log gives its
place, its state and the label to come, and leads to every entry that stands under it. A leaf whose
label no chain leads to would be one that no resident could find.

Where the log is ahead of the chain store (`leaves_to_take_in`), a crash came between the two; the
labels and places must then agree as far as the store has taken the log in.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from jukinet.errors import JukinetError
from jukinet.keys import ratchet
from jukinet.law import leaf as leaves
from jukinet.law.inquiry import NONCE_BYTES
from jukinet.law.leaf import BundleLeaf, Leaf
from jukinet.ledger.chains import CHAINS, LABELS, NONCES, Chain
from jukinet.merkle import runs
from jukinet.nodes.centre.inspection import DECOY
from jukinet.nodes.keyring import SEED
from jukinet.nodes.sealing import seed_context
from jukinet.tasks.verifying.findings import UNREADABLE, Findings, short
from jukinet.tasks.verifying.logfiles import PLACE, LogFiles
from jukinet.tasks.verifying.notices import Told, mark
from jukinet.tasks.verifying.quorum import Quorum
from jukinet.tasks.verifying.stores import Shelf


class Start(NamedTuple):
    """The start of a chain as a town told it."""

    seed: bytes
    sealed_seed: bytes  # `mark` of it
    applied: bool


class Walked(NamedTuple):
    """A chain over the whole log: the leaf of each label that was used, and its states."""

    leaves: list[int]
    states: list[bytes]  # one more than leaves: the last is the state to come


class Owner(NamedTuple):
    """On whose chain a label stands, where, and the state that it comes from."""

    locator: bytes
    epoch: int
    place: int
    state: bytes

    @property
    def entry_key(self) -> bytes:
        """What opens the body that stands under the label."""
        return ratchet.entry_key(self.state)


Starts = dict[tuple[bytes, int], list[Start]]


def starts_of(told: Iterable[Told], applied: Mapping[str, int]) -> Starts:
    """Every start of a chain, by locator and epoch."""
    starts: Starts = {}
    for one in told:
        if one.epoch >= 0:
            begun = Start(one.seed, one.sealed_seed, one.number <= applied.get(one.town, 0))
            starts.setdefault((one.locator, one.epoch), []).append(begun)
    return starts


class Ledger:
    """The log's leaves, and the chains over them."""

    def __init__(self, log: LogFiles, findings: Findings) -> None:
        self.log = log
        self.findings = findings
        self.leaves: dict[int, Leaf] = {}
        self.bundles: dict[int, list[bytes]] = {}  # the records of each, in order
        self.borne: dict[int, Sequence[bytes]] = {}  # labels by leaf, those of bundles too
        self.labels: dict[bytes, int] = {}
        self.owners: dict[bytes, Owner] = {}  # by label, as far as chains lead to it

    def note(self, index: int, sentence: str) -> None:
        """Note a finding about a leaf."""
        self.findings.note(PLACE, f"leaf {index}", sentence)

    def decode(self) -> None:
        """Every entry of the log as a leaf, with the labels that it bears or bundles."""
        for index, entry in enumerate(self.log.entries):
            if entry is None:
                continue
            try:
                leaf = self.leaves[index] = leaves.decode(entry)
            except UNREADABLE:
                self.note(index, "is not written as leaves are")
                continue
            if isinstance(leaf, BundleLeaf):
                self._read_bundle(index, leaf)
            elif labels := leaves.labels_of(leaf):
                self.borne[index] = labels
            for label in self.borne.get(index, ()):
                if self.labels.setdefault(label, index) != index:
                    self.note(index, "stands under the label of an earlier leaf")
            if isinstance(leaf, leaves.Given):
                self.findings.counts["disclosures"] += getattr(leaf, "count", 1)

    def _read_bundle(self, index: int, leaf: BundleLeaf) -> None:
        """The records of a bundle, every file of it compared with what they make."""
        folder, root, size = leaves.bundle_folder(index), leaf.root, leaves.BUNDLE_RECORD_BYTES
        read, made = self.log.beside, bytes.fromhex(root)
        try:
            runs.check(read, folder, count=leaf.count, root=made, record_bytes=size)
            run = runs.Run(read, folder, count=leaf.count, root=made, record_bytes=size)
            records = self.bundles[index] = list(run.records())
        except UNREADABLE as error:
            path = str(error).partition(":")[0]
            self.findings.note(PLACE, path[:80], "is not what its bundle's leaf was made for")
            return
        self.borne[index] = [record[: ratchet.LABEL_BYTES] for record in records]
        self.findings.counts["bundles"] += 1

    def whole(self, index: int) -> bool:
        """Whether a leaf and the labels of its bundle could be read."""
        leaf = self.leaves.get(index)
        return leaf is not None and (not isinstance(leaf, BundleLeaf) or index in self.bundles)

    def walk(self, seed: bytes, locator: bytes, epoch: int) -> Walked:
        """A chain from its seed over the log."""
        state, states = seed, [seed]
        found: list[int] = []
        while (index := self.labels.get(label := ratchet.label(state))) is not None:
            self.owners[label] = Owner(locator, epoch, len(found), state)
            found.append(index)
            state = ratchet.next_state(state)
            states.append(state)
        return Walked(found, states)

    # --- chains -----------------------------------------------------------------------------

    def check_chains(
        self,
        shelf: Shelf,
        starts: Starts,
        quorum: Quorum | None,
        *,
        decoys: bool,
        askers: Collection[str],
        size: int,
    ) -> None:
        """The rows of the chain store against seeds and the first `size` leaves of the log."""
        walked = {
            key: [self.walk(one.seed, *key) for one in begun] for key, begun in starts.items()
        }
        newest: dict[bytes, int] = {}
        for (locator, epoch), begun in starts.items():
            if any(one.applied for one in begun):
                newest[locator] = max(epoch, newest.get(locator, -1))
        for row in shelf.rows(CHAINS):
            self.findings.counts["chains"] += 1
            about = f"chain {short(row.locator)}"
            key = row.locator, row.epoch
            if row.locator == DECOY:
                decoys = False
                found = self._decoy(shelf, row, quorum)
            else:
                found = self._begun(shelf, row, starts.get(key, []), walked.get(key, []))
                if row.epoch < newest.pop(row.locator, -1):
                    shelf.note(about, "is of an older seed than the newest that was told")
            if found is not None and not _stands(row, found, size):
                shelf.note(about, "is not where its seed and the log lead to")
        for locator in newest:
            shelf.note(f"chain {short(locator)}", "is missing: a town told of its seed")
        if decoys:
            shelf.note("chain of the decoy", "is missing")
        self._check_labels(shelf, size)
        self._check_nonces(shelf, askers)

    def _begun(
        self, shelf: Shelf, row: Chain, begun: list[Start], walked: list[Walked]
    ) -> Walked | None:
        for start, found in zip(begun, walked, strict=True):
            if mark(row.sealed_seed) == start.sealed_seed:
                return found
        shelf.note(f"chain {short(row.locator)}", "begins with a seed that no town told")
        return None

    def _decoy(self, shelf: Shelf, row: Chain, quorum: Quorum | None) -> Walked | None:
        if row.epoch != 0:
            shelf.note("chain of the decoy", "begins with a seed that no decoy brought")
        if quorum is None:
            return None
        try:
            seed = quorum.open(SEED, row.sealed_seed, context=seed_context(DECOY))
        except JukinetError:
            shelf.note("chain of the decoy", "its sealed seed does not open")
            return None
        return self.walk(seed, DECOY, 0)

    def _check_labels(self, shelf: Shelf, size: int) -> None:
        due = {label: index for label, index in self.labels.items() if index < size}
        for row in shelf.rows(LABELS):
            if due.pop(row.label, None) != row.leaf:
                shelf.note(f"label {short(row.label)}", "does not stand in that leaf of the log")
        for label, index in due.items():
            shelf.note(f"label {short(label)}", f"is missing: it stands in leaf {index}")

    def _check_nonces(self, shelf: Shelf, askers: Collection[str]) -> None:
        """Inquiries that were taken of late; which those were, their askers alone know."""
        for row in shelf.rows(NONCES):
            if row.agency not in askers or len(row.nonce) != NONCE_BYTES or row.until <= 0:
                shelf.note(f"nonce {short(row.nonce)}", "is of no inquiry that could be taken")


def _stands(row: Chain, walked: Walked, size: int) -> bool:
    """Whether a chain stands where its labels in the first `size` leaves lead to."""
    place = sum(index < size for index in walked.leaves)
    state = walked.states[place]
    return row[2:5] == (place, state, ratchet.label(state))
