"""The writer (記帳): the only one that appends to the log and advances the chains.

What is to be written comes as drafts; `write` writes a whole group with one round of fsyncs and one
signature. The order of writes:

1. files beside the log (bundles, runs), entries, bodies and tiles, then the checkpoint
   (`ledger.log`): from here on the disclosure is public;
2. the chains' new places, the labels, the nonces of the inquiries (`ledger.chains`) and what is to
   be remembered (`ledger.noted`), in one transaction;
3. the witnesses' signatures on the checkpoint (`cosigned`): from here on its receipts are valid.

A crash before the checkpoint leaves nothing, and no answer has left. A crash between 1 and 2 leaves
leaves without an answer: the resident sees a disclosure that never happened, never the other way
round; the next writer does step 2 for them from the log itself. A crash before 3 is the same, and
the witnesses are asked again. A writer that goes on after an error (a full disk) looks what became
of its group first: either all of it stands in the log, and then it is not written twice, or nothing
of it does.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, count
from typing import Any, NamedTuple, Protocol

from msgspec.structs import replace

from jukinet.errors import OutOfStep
from jukinet.keys import ratchet
from jukinet.keys.chance import Chance
from jukinet.law import leaf as leaves
from jukinet.law.inquiry import Receipt
from jukinet.law.leaf import BundleLeaf, Leaf, RefusalLeaf, RunLeaf
from jukinet.ledger import chains, noted
from jukinet.ledger.chains import Chain, LabelRow, Nonce
from jukinet.ledger.log import Log
from jukinet.merkle import runs, tree
from jukinet.merkle.tiles import TILE_WIDTH
from jukinet.store.engine import Store, Transaction

AT_ONCE = 4096  # leaves in memory while chains catch up


class Encodable(Protocol):
    """What can stand sealed beside a leaf."""

    def encode(self) -> bytes:
        """Its bytes."""
        ...


class Written(NamedTuple):
    """A body that was written out before."""

    content: bytes

    def encode(self) -> bytes:
        """Its bytes."""
        return self.content

    def __repr__(self) -> str:
        """Shows nothing."""
        return "<Written>"


class Part(NamedTuple):
    """One disclosure of a bundle: what its resident may read, and on whose chain it stands."""

    body: Encodable
    locator: bytes


class Draft(NamedTuple):
    """A leaf to be written, without what only the writer knows: label, commitment, place.

    `locator` says on whose chain it stands, or whom a deferred one is about; `keepers`, to which
    of their keys a deferred one is sealed; `apart`, label and key of a leaf that is on no chain (an
    objection's); `parts`, the disclosures of a bundle; `nonce` is that of an order whose first leaf
    it is, and `nonces` are those of several.
    """

    leaf: Leaf
    body: Encodable | None = None
    locator: bytes | None = None
    nonce: Nonce | None = None
    keepers: bytes | None = None
    apart: tuple[bytes, bytes] | None = None
    parts: tuple[Part, ...] = ()
    nonces: tuple[Nonce, ...] = ()

    @property
    def taken(self) -> tuple[Nonce, ...]:
        """The nonces that are taken with it."""
        return self.nonces if self.nonce is None else (self.nonce, *self.nonces)

    @property
    def receipts(self) -> int:
        """How many receipts it comes to."""
        return len(self.parts) or 1


class _Entry(NamedTuple):
    """A draft as it is written: the leaf, what is sealed beside it, and what opens it."""

    leaf: Leaf
    entry: bytes
    sealed: bytes | None
    opens: tuple[tuple[bytes, bytes], ...]  # salt and body of each receipt
    labels: tuple[bytes, ...]
    bundle: "_Bundle | None" = None


class _Bundle(NamedTuple):
    """The sorted records of a bundle, their sealed bodies, and where each part came to stand."""

    records: list[bytes]
    sealed: list[bytes]
    places: list[int]


class Group(NamedTuple):
    """Drafts that are written together, from place `first` on, and the chains after them."""

    drafts: tuple[Draft, ...]
    first: int
    entries: tuple[_Entry, ...]
    moved: tuple[Chain, ...]
    labels: tuple[LabelRow, ...]

    def __repr__(self) -> str:
        """Shows nothing of what is in it."""
        return f"<Group of {len(self.drafts)}>"


class Ledger:
    """The log and the chains under one writer.

    `reopen` opens the log's files anew; without it a writer cannot go on after an error.
    """

    def __init__(
        self, log: Log, store: Store, chance: Chance, reopen: Callable[[], Log] | None = None
    ) -> None:
        self.log = log
        self.chainless: frozenset[bytes] = frozenset()
        self._store = store
        self._chance = chance
        self._reopen = reopen
        self._unfinished: Group | None = None
        self._uncertain = False  # whether the last lines of witnesses were published
        with store.begin() as tx:
            _catch_up(tx, log)
            self.noted = noted.read(tx)
            settled = noted.settled(tx)
        self._read_fresh(settled)

    def repeated(self, nonces: Iterable[Nonce]) -> set[Nonce]:
        """Which inquiries were taken before."""
        with self._store.begin() as tx:
            return chains.repeated(tx, nonces)

    def stands(self, label: bytes) -> int | None:
        """The index of the leaf that bears a label, or None."""
        with self._store.begin() as tx:
            row = chains.LABELS.get(tx, label)
        return row.leaf if row else None

    def receipt(self, index: int) -> Receipt:
        """That a leaf stands in the log, without what opens its commitment."""
        leaf, proof = self.log.entry(index), self.log.receipt(index)
        return Receipt(index=index, leaf=leaf, proof=proof, salt=b"", body=b"")

    def labels(self, index: int, leaf: Leaf) -> Sequence[bytes]:
        """The labels of a leaf; those of a bundle from its file."""
        return _labels(self.log, index, leaf)

    def sealed(self, index: int, leaf: Leaf, label: bytes) -> bytes | None:
        """What stands sealed beside an entry under this label, or None."""
        if not isinstance(leaf, BundleLeaf):
            return self.log.body(index) if label in leaves.labels_of(leaf) else None
        found = _bundle(self.log, index, leaf).find(label)
        if isinstance(found, runs.Absent):
            return None
        content = self.log.beside(leaves.bundle_bodies(index, found.place)) or b""
        first = found.place % TILE_WIDTH * leaves.BODY_BYTES
        body = content[first : first + leaves.BODY_BYTES]
        return body if any(body) else None

    def write(
        self,
        drafts: Sequence[Draft],
        now: datetime | None = None,
        *,
        beside: Callable[[], Iterable[tuple[str, bytes]]] = tuple,
    ) -> Group:
        """Write a group down; when this returns, all of it is durable and public.

        Where a locator has no chain (its town is to send its feed again), the leaf stands under a
        label that nobody will find; `chainless` names such locators, and nothing may be opened.
        Raises OSError or OutOfStep where a disk cannot write. Call it then with the same drafts
        until it returns: a group that came to stand in the log all the same is not written twice.
        """
        group = self._found_finished(tuple(drafts))
        if group is None:
            with self._store.begin() as tx:
                group = self._unfinished = self._prepared(tx, tuple(drafts))
                files = chain(beside(), *map(_bundle_files, count(group.first), group.entries))
                self.log.append([one.entry for one in group.entries], _bodies(group), files)
                self._record(tx, group)
                if now is not None:
                    chains.forget(tx, int(now.timestamp()))
            self._take(group)
        self._unfinished = None
        return group

    def cosigned(self, lines: Sequence[str]) -> None:
        """The witnesses have signed the checkpoint as it stands; publish that.

        Raises OSError or OutOfStep where a disk cannot write; call it then again.
        """
        if self._uncertain and self._reopen is not None:
            self.log = self._reopen()
        self._uncertain = True
        self.log.cosign(lines)
        self._uncertain = False

    def receipts(self, group: Group) -> list[Receipt]:
        """The receipts of a group, one for each draft or part, under the checkpoint as it is."""
        return [
            receipt
            for index, one in enumerate(group.entries, start=group.first)
            for receipt in _receipts(index, one, self.log.receipt(index))
        ]

    def commit(self, drafts: Sequence[Draft], now: datetime | None = None) -> list[Receipt]:
        """Write a group and give its receipts, where no witness is to be asked."""
        return self.receipts(self.write(drafts, now))

    # --- a group ----------------------------------------------------------------------------

    def _prepared(self, tx: Transaction, drafts: tuple[Draft, ...]) -> Group:
        """All that is to be written, in memory; two drafts for one person get labels in a row."""
        steps = _Steps(tx, drafts, self._chance)
        entries = tuple(self._written_out(draft, steps) for draft in drafts)
        self.chainless = steps.chainless
        labels = [
            LabelRow(label, place)
            for place, one in enumerate(entries, start=self.log.size)
            for label in one.labels
        ]
        return Group(drafts, self.log.size, entries, tuple(steps.moved.values()), tuple(labels))

    def _written_out(self, draft: Draft, steps: "_Steps") -> _Entry:
        """A draft as it is written."""
        if draft.parts:
            return self._bundled(draft, steps)
        if draft.body is None:
            return _Entry(draft.leaf, leaves.encode(draft.leaf), None, ((b"", b""),), ())
        salt, body = self._chance(leaves.SALT_BYTES), draft.body.encode()
        label, sealed = self._sealed(draft, steps, salt, body)
        changes: dict[str, Any] = {"commitment": leaves.commitment(salt, body)}
        if label:
            changes["labels"] = (label.hex(),)
        leaf = replace(draft.leaf, **changes)
        labels = (label,) if label else ()
        return _Entry(leaf, leaves.encode(leaf), sealed, ((salt, body),), labels)

    def _sealed(
        self, draft: Draft, steps: "_Steps", salt: bytes, body: bytes
    ) -> tuple[bytes, bytes | None]:
        """The label of a leaf and what stands sealed beside it; a refusal has neither."""
        if draft.apart is not None:
            label, key = draft.apart
            return label, leaves.seal_under(key, label, salt, body)
        if draft.keepers is not None:
            assert draft.locator is not None
            kept = leaves.seal_deferred(draft.keepers, draft.locator, salt, body, self._chance)
            return leaves.deferred_label(kept), kept
        if isinstance(draft.leaf, RefusalLeaf):
            return b"", None
        assert draft.locator is not None, "a search that finds nobody finds the decoy"
        state = steps.next(draft.locator)
        return ratchet.label(state), leaves.seal_body(state, salt, body)

    def _bundled(self, draft: Draft, steps: "_Steps") -> _Entry:
        """A bundle: each part on its chain, all of them sorted by label."""
        opens, found = [], []
        for place, part in enumerate(draft.parts):
            state, salt = steps.next(part.locator), self._chance(leaves.SALT_BYTES)
            body = part.body.encode()
            record = ratchet.label(state) + bytes.fromhex(leaves.commitment(salt, body))
            found.append((record, leaves.seal_body(state, salt, body), place))
            opens.append((salt, body))
        found.sort()
        records = [record for record, _, _ in found]
        places = [0] * len(found)
        for at, (_, _, place) in enumerate(found):
            places[place] = at
        root = runs.root_of_run(records).hex()
        leaf = replace(draft.leaf, count=len(records), root=root)
        labels = tuple(record[: ratchet.LABEL_BYTES] for record in records)
        bundle = _Bundle(records, [sealed for _, sealed, _ in found], places)
        return _Entry(leaf, leaves.encode(leaf), None, tuple(opens), labels, bundle)

    def _record(self, tx: Transaction, group: Group) -> None:
        entries = group.entries
        chains.record(tx, group.moved, group.labels, group.first + len(entries))
        if any(isinstance(one.leaf, RunLeaf) for one in entries):
            noted.put_settled(tx, self.noted.settled(group.first))
        chains.remember(tx, [nonce for one in group.drafts for nonce in one.taken])
        noted.write(tx, group.first, [one.entry for one in entries], [one.leaf for one in entries])

    def _take(self, group: Group) -> None:
        """Have in memory what has been written."""
        for index, one in enumerate(group.entries, start=group.first):
            self.noted.take(index, one.entry, one.leaf, one.labels)

    def _read_fresh(self, settled: int) -> None:
        """Read the labels that no day's run has yet, and open inquiries, from the log."""
        ended = self.noted.end_of_days()
        for index in range(min(settled, ended), self.log.size):
            leaf = leaves.decode(self.log.entry(index))
            if index < ended:
                self.noted.look(index, leaf)
                continue
            self.noted.read_again(index, leaf, _labels(self.log, index, leaf))

    # --- after an error ---------------------------------------------------------------------

    def _found_finished(self, drafts: tuple[Draft, ...]) -> Group | None:
        """The group of an append that failed, where it stands in the log and is this one."""
        group = self._unfinished
        if group is None:
            return None
        if self._reopen is None:
            raise OutOfStep("ledger: its last group did not finish; open log and chains again")
        self.log = self._reopen()
        entries = [one.entry for one in group.entries]
        places = range(group.first, min(self.log.size, group.first + len(entries)))
        stands = [self.log.entry(place) for place in places] == entries
        if stands:
            with self._store.begin() as tx:
                self._record(tx, group)
            self._take(group)
        self._unfinished = None
        return group if stands and group.drafts == drafts else None


class _Steps:
    """The chains of some drafts, each a step further with every label that is taken."""

    def __init__(self, tx: Transaction, drafts: Iterable[Draft], chance: Chance) -> None:
        wanted = {locator for draft in drafts for locator in _on_chains(draft)}
        self._stand = chains.of(tx, wanted)
        self._chance = chance
        self.chainless = frozenset(wanted - self._stand.keys())
        self.moved: dict[bytes, Chain] = {}

    def next(self, locator: bytes) -> bytes:
        """The state that a person's next entry stands under."""
        found = self._stand.get(locator)
        if found is None:
            return self._chance(ratchet.STATE_BYTES)
        self._stand[locator] = self.moved[locator] = chains.stepped(found)
        return found.state


def _on_chains(draft: Draft) -> list[bytes]:
    if draft.parts:
        return [part.locator for part in draft.parts]
    on_chain = draft.locator is not None and draft.keepers is None
    return [draft.locator] if on_chain and draft.locator is not None else []


def _receipts(index: int, one: _Entry, proof: bytes) -> list[Receipt]:
    found = [
        Receipt(index=index, leaf=one.entry, proof=proof, salt=salt, body=body)
        for salt, body in one.opens
    ]
    if one.bundle is None:
        return found
    records, places = one.bundle.records, one.bundle.places
    nodes = runs.nodes_of(records)
    return [
        replace(
            receipt,
            record=records[place],
            place=place,
            path=tuple(tree.inclusion(index=place, size=len(records), nodes=nodes)),
        )
        for receipt, place in zip(found, places, strict=True)
    ]


def _bundle_files(index: int, one: _Entry) -> Iterator[tuple[str, bytes]]:
    """The files of a bundle, for a leaf at this index."""
    if one.bundle is not None:
        yield from runs.files(leaves.bundle_folder(index), one.bundle.records)
        for first in range(0, len(one.bundle.sealed), TILE_WIDTH):
            part = one.bundle.sealed[first : first + TILE_WIDTH]
            yield leaves.bundle_bodies(index, first), b"".join(part)


def _catch_up(tx: Transaction, log: Log) -> None:
    """Bring the chains to where the log is (after a crash, or a restore of the store)."""
    first = chains.taken_in(tx)
    if first > log.size:
        raise OutOfStep(
            f"ledger: its log has {log.size} leaves and its chains have seen {first}; "
            "the log was put back to an older state, restore it from a mirror"
        )
    while first < log.size:
        last = min(first + AT_ONCE, log.size)
        entries = [log.entry(place) for place in range(first, last)]
        said = [leaves.decode(entry) for entry in entries]
        seen = [_labels(log, place, leaf) for place, leaf in enumerate(said, start=first)]
        chains.catch_up(tx, first, seen)
        noted.write(tx, first, entries, said)
        if any(isinstance(leaf, RunLeaf) for leaf in said):
            noted.put_settled(tx, noted.settled(tx))
        first = last


def _bodies(group: Group) -> list[bytes | None]:
    return [one.sealed for one in group.entries]


def _labels(log: Log, index: int, leaf: Leaf) -> Sequence[bytes]:
    """The labels of a leaf; those of a bundle from its file."""
    if not isinstance(leaf, BundleLeaf):
        return leaves.labels_of(leaf)
    return [record[: ratchet.LABEL_BYTES] for record in _bundle(log, index, leaf).records()]


def _bundle(log: Log, index: int, leaf: BundleLeaf) -> runs.Run:
    return runs.Run(
        log.beside,
        leaves.bundle_folder(index),
        count=leaf.count,
        root=bytes.fromhex(leaf.root),
        record_bytes=leaves.BUNDLE_RECORD_BYTES,
    )
