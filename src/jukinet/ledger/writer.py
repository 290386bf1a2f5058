"""The writer (記帳): the only one that appends to the log and advances the chains.

What is to be written comes as drafts; `commit` writes a whole group with one round of fsyncs and
one signature. The order of writes:

1. entries, bodies and tiles, then the checkpoint (`ledger.log`): from here on the disclosure is
   public, and its receipt is valid;
2. the chains' new places, the labels, and the nonces of the inquiries (`ledger.chains`), in one
   transaction.

A crash before the checkpoint leaves nothing, and no answer has left. A crash between 1 and 2 leaves
leaves without an answer: the resident sees a disclosure that never happened, never the other way
round; the next writer does step 2 for them from the log itself. A writer that goes on after an
error (a full disk) looks what became of its group first: either all of it stands in the log, and
then it is not written twice, or nothing of it does.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from jukinet.errors import OutOfStep
from jukinet.keys import ratchet
from jukinet.keys.chance import Chance
from jukinet.law import leaf as leaves
from jukinet.law.inquiry import Receipt
from jukinet.law.leaf import Body, DisclosureLeaf, InquiryLeaf, RefusalLeaf
from jukinet.ledger import chains
from jukinet.ledger.chains import Chain, LabelRow, Nonce
from jukinet.ledger.log import Log
from jukinet.store.engine import Store, Transaction

AT_ONCE = 4096  # leaves in memory while chains catch up


class Draft(NamedTuple):
    """A leaf to be written, without what only the writer knows: label, commitment, place.

    `locator` says on whose chain it stands; `nonce` is that of an inquiry whose first leaf it is.
    """

    leaf: InquiryLeaf | DisclosureLeaf | RefusalLeaf
    body: Body | None = None
    locator: bytes | None = None
    nonce: Nonce | None = None


class _Entry(NamedTuple):
    """A draft as it is written: the entry, what is sealed beside it, and what opens it."""

    entry: bytes
    sealed: bytes | None
    salt: bytes
    body: bytes


class _Group(NamedTuple):
    """Drafts that are written together, from place `first` on, and the chains after them."""

    drafts: tuple[Draft, ...]
    first: int
    entries: tuple[_Entry, ...]
    moved: tuple[Chain, ...]
    labels: tuple[LabelRow, ...]


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
        self._unfinished: _Group | None = None
        with store.begin() as tx:
            _catch_up(tx, log)

    def repeated(self, nonces: Iterable[Nonce]) -> set[Nonce]:
        """Which inquiries were taken before."""
        with self._store.begin() as tx:
            return chains.repeated(tx, nonces)

    def commit(self, drafts: Sequence[Draft], now: datetime | None = None) -> list[Receipt]:
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
                self.log.append([one.entry for one in group.entries], _bodies(group))
                self._record(tx, group)
                if now is not None:
                    chains.forget(tx, int(now.timestamp()))
        self._unfinished = None
        return self._receipts(group)

    # --- a group ----------------------------------------------------------------------------

    def _prepared(self, tx: Transaction, drafts: tuple[Draft, ...]) -> _Group:
        """All that is to be written, in memory; two drafts for one person get labels in a row."""
        locators = {one.locator for one in drafts if one.locator is not None}
        stand = chains.of(tx, locators)
        self.chainless = frozenset(locators - stand.keys())
        entries, labels = [], []
        moved: dict[bytes, Chain] = {}
        for place, draft in enumerate(drafts, start=self.log.size):
            state = None
            if isinstance(draft.leaf, DisclosureLeaf):
                assert draft.locator is not None, "a search that finds nobody finds the decoy"
                chain = stand.get(draft.locator)
                state = chain.state if chain else self._chance(ratchet.STATE_BYTES)
                labels.append(LabelRow(ratchet.label(state), place))
                if chain is not None:
                    stand[chain.locator] = moved[chain.locator] = chains.stepped(chain)
            entries.append(self._written_out(draft, state))
        return _Group(drafts, self.log.size, tuple(entries), tuple(moved.values()), tuple(labels))

    def _written_out(self, draft: Draft, state: bytes | None) -> _Entry:
        """A draft as it is written; `state` is that of the chain it stands on."""
        leaf = draft.leaf
        if draft.body is None or isinstance(leaf, InquiryLeaf):
            return _Entry(leaves.encode(leaf), None, b"", b"")
        salt, body = self._chance(leaves.SALT_BYTES), draft.body.encode()
        leaf = replace(leaf, commitment=leaves.commitment(salt, body))
        if state is None:
            return _Entry(leaves.encode(leaf), None, salt, body)
        leaf = replace(leaf, labels=(ratchet.label(state).hex(),))
        return _Entry(leaves.encode(leaf), leaves.seal_body(state, salt, body), salt, body)

    def _record(self, tx: Transaction, group: _Group) -> None:
        chains.record(tx, group.moved, group.labels, group.first + len(group.entries))
        chains.remember(tx, [one.nonce for one in group.drafts if one.nonce is not None])

    def _receipts(self, group: _Group) -> list[Receipt]:
        return [
            Receipt(
                index=place,
                leaf=one.entry,
                proof=self.log.receipt(place),
                salt=one.salt,
                body=one.body,
            )
            for place, one in enumerate(group.entries, start=group.first)
        ]

    # --- after an error ---------------------------------------------------------------------

    def _found_finished(self, drafts: tuple[Draft, ...]) -> _Group | None:
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
        self._unfinished = None
        return group if stands and group.drafts == drafts else None


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
        seen = [_labels(leaves.decode(log.entry(place))) for place in range(first, last)]
        chains.catch_up(tx, first, seen)
        first = last


def _bodies(group: _Group) -> list[bytes | None]:
    return [one.sealed for one in group.entries]


def _labels(leaf: leaves.Leaf) -> list[bytes]:
    return [bytes.fromhex(one) for one in leaf.labels] if isinstance(leaf, DisclosureLeaf) else []
