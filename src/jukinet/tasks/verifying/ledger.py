"""Ledger: every chain of labels walked from its seed, every leaf decoded, every body opened.

A chain begins with a seed that a town told, or with the decoy's; walking it over the log gives its
place, its state and the label to come, and leads to every disclosure that stands under it. A leaf
whose label no chain leads to would be one that no resident could find.

Where the log is ahead of the chain store (`leaves_to_take_in`), a crash came between the two; the
labels and places must then agree as far as the store has taken the log in.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from jukinet.errors import JukinetError
from jukinet.keys import ratchet
from jukinet.keys.seal import OpenKey
from jukinet.law import leaf as leaves
from jukinet.law.inquiry import NONCE_BYTES
from jukinet.law.leaf import DisclosureLeaf, Given, InquiryLeaf, Leaf, RefusalLeaf
from jukinet.law.schedule import load
from jukinet.ledger.chains import CHAINS, LABELS, NONCES, PROGRESS, Chain
from jukinet.nodes.centre.inspection import DECOY
from jukinet.nodes.keyring import Directory
from jukinet.nodes.sealing import seed_context
from jukinet.tasks.verifying.findings import UNREADABLE, Findings, short
from jukinet.tasks.verifying.logfiles import PLACE, LogFiles
from jukinet.tasks.verifying.notices import Told, mark
from jukinet.tasks.verifying.stores import Shelf

Tick = Callable[[int], None]


class Start(NamedTuple):
    """The start of a chain as a town told it."""

    seed: bytes
    sealed_seed: bytes  # `mark` of it
    applied: bool


class Walked(NamedTuple):
    """A chain over the whole log: the leaf of each label that was used, and its states."""

    leaves: list[int]
    states: list[bytes]  # one more than leaves: the last is the state to come


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
        self.labels: dict[bytes, int] = {}
        self._states: dict[int, bytes] = {}  # of disclosures: the state that opens their body

    def note(self, index: int, sentence: str) -> None:
        """Note a finding about a leaf."""
        self.findings.note(PLACE, f"leaf {index}", sentence)

    def decode(self) -> None:
        """Every entry of the log as a leaf."""
        for index, entry in enumerate(self.log.entries):
            if entry is None:
                continue
            try:
                leaf = leaves.decode(entry)
                labels = leaf.labels if isinstance(leaf, DisclosureLeaf) else ()
                for label in map(bytes.fromhex, labels):
                    if self.labels.setdefault(label, index) != index:
                        self.note(index, "stands under the label of an earlier leaf")
            except UNREADABLE:
                self.note(index, "is not written as leaves are")
                continue
            self.leaves[index] = leaf
            if isinstance(leaf, DisclosureLeaf):
                self.findings.counts["disclosures"] += 1

    def walk(self, seed: bytes) -> Walked:
        """A chain from its seed over the log."""
        state, found, states = seed, [], [seed]
        while (index := self.labels.get(ratchet.label(state))) is not None:
            found.append(index)
            self._states[index] = state
            state = ratchet.next_state(state)
            states.append(state)
        return Walked(found, states)

    # --- chains -----------------------------------------------------------------------------

    def check_chains(
        self,
        shelf: Shelf,
        starts: Starts,
        keeper: OpenKey | None,
        *,
        decoys: bool,
        askers: Collection[str],
    ) -> None:
        """The rows of the chain store against seeds and log."""
        size = self._check_progress(shelf)
        walked = {key: [self.walk(one.seed) for one in begun] for key, begun in starts.items()}
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
                found = self._decoy(shelf, row, keeper)
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

    def _decoy(self, shelf: Shelf, row: Chain, keeper: OpenKey | None) -> Walked | None:
        if row.epoch != 0:
            shelf.note("chain of the decoy", "begins with a seed that no decoy brought")
        if keeper is None:
            return None
        try:
            seed = keeper.open(row.sealed_seed, context=seed_context(DECOY))
        except JukinetError:
            shelf.note("chain of the decoy", "its sealed seed does not open")
            return None
        return self.walk(seed)

    def _check_progress(self, shelf: Shelf) -> int:
        """How many leaves the chain store has taken in."""
        rows = {row.name: row.size for row in shelf.rows(PROGRESS)}
        size = rows.pop("log", 0)
        if rows or not 0 <= size <= self.log.size:
            shelf.note("progress", "is beyond the log, which was cut short or put back")
        self.findings.counts["leaves_to_take_in"] += max(0, self.log.size - size)
        return size

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

    # --- leaves -----------------------------------------------------------------------------

    def check_leaves(self, directory: Directory | None, tick: Tick) -> None:
        """Every leaf against what it refers to, and against what is sealed beside it."""
        answered: set[int] = set()
        for index, leaf in self.leaves.items():
            if isinstance(leaf, RefusalLeaf | Given) and leaf.inquiry is not None:
                asked = self.leaves.get(leaf.inquiry)
                if not _answers(leaf, asked) or leaf.inquiry >= index:
                    self.note(index, "answers no inquiry of the same asker, row and kind")
                if leaf.inquiry in answered:
                    self.note(index, "answers an inquiry that was answered before")
                answered.add(leaf.inquiry)
            if isinstance(leaf, DisclosureLeaf):
                self._check_body(index, leaf, directory)
            elif self.log.body(index).content.strip(b"\x00"):
                self.note(index, "has a body, and is of a kind that has none")
            if index % 1000 == 0:
                tick(index)
        inquiries = {i for i, leaf in self.leaves.items() if isinstance(leaf, InquiryLeaf)}
        self.findings.counts["inquiries_unanswered"] += len(inquiries - answered)

    def _check_body(self, index: int, leaf: DisclosureLeaf, directory: Directory | None) -> None:
        body = self.log.body(index)
        if not body.there:
            self.note(index, "the place of its sealed body is missing")
            return
        if not body.content.strip(b"\x00"):
            self.findings.counts["bodies_erased"] += 1
            return
        state = self._states.get(index)
        if state is None:
            self.note(index, "its label belongs to no chain that a town began")
            return
        try:
            salt, content = leaves.open_body(state, body.content)
            fits = leaves.commitment(salt, content) == leaf.commitment
            said = leaves.decode_body(content)
        except JukinetError:
            self.note(index, "its sealed body does not open under its chain")
            return
        asked = self.leaves.get(leaf.inquiry) if leaf.inquiry is not None else None
        if not fits or not _says(said, leaf, asked, directory):
            self.note(index, "its sealed body is not what it commits to")
        self.findings.counts["bodies"] += 1


def _stands(row: Chain, walked: Walked, size: int) -> bool:
    """Whether a chain stands where its labels in the first `size` leaves lead to."""
    place = sum(index < size for index in walked.leaves)
    state = walked.states[place]
    return row[2:5] == (place, state, ratchet.label(state))


def _answers(leaf: RefusalLeaf | Given, asked: Leaf | None) -> bool:
    if not isinstance(asked, InquiryLeaf):
        return False
    same = (leaf.agency, leaf.row, leaf.kind) == (asked.agency, asked.row, asked.kind)
    return same and (isinstance(leaf, RefusalLeaf) or leaf.items == asked.items)


def _says(
    body: leaves.Body, leaf: DisclosureLeaf, asked: Leaf | None, directory: Directory | None
) -> bool:
    """Whether a body and its leaf speak of the same question."""
    by_handle = leaf.inquiry is not None
    if (body.kind, body.items) != (leaf.kind, leaf.items):
        return False
    if body.subject != ("handle" if by_handle else "search"):
        return False
    if isinstance(asked, InquiryLeaf) and asked.order != body.inquiry:
        return False
    if directory is None:
        return True
    entry = directory.agencies.get(body.agency)
    if entry is None:
        return False
    receiver = load().receivers[entry.receiver]
    return leaves.public_asker(receiver, entry.prefecture, body.row) == (leaf.agency, leaf.row)
