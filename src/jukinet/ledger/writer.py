"""The writer (記帳): the only one that appends to the log and advances the chains.

What is to be written is staged as drafts; `commit` writes a whole group with one round of fsyncs
and one signature. The order of writes:

1. entries, bodies and tiles, then the checkpoint (`ledger.log`): from here on the disclosure is
   public, and its receipt is valid;
2. the chains' new places and the labels (`ledger.chains`), in one transaction.

A crash before the checkpoint leaves nothing, and no answer has left. A crash between 1 and 2 leaves
leaves without an answer: the resident sees a disclosure that never happened, never the other way
round. `open_ledger` then does step 2 for them from the log itself.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from jukinet.errors import OutOfStep
from jukinet.keys import ratchet
from jukinet.keys.chance import Chance
from jukinet.law import leaf as leaves
from jukinet.law.inquiry import Receipt
from jukinet.law.leaf import Body, DisclosureLeaf, InquiryLeaf, RefusalLeaf
from jukinet.ledger import chains
from jukinet.ledger.chains import Chain, LabelRow
from jukinet.ledger.log import Log
from jukinet.store.engine import Store


class Draft(NamedTuple):
    """A leaf to be written, without what only the writer knows: label, commitment, place.

    `locator` says on whose chain it stands; None where nobody was found (a random label then,
    which looks the same), and for leaves that are about nobody.
    """

    leaf: InquiryLeaf | DisclosureLeaf | RefusalLeaf
    body: Body | None = None
    locator: bytes | None = None


class Ledger:
    """The log and the chains under one writer."""

    def __init__(self, log: Log, store: Store, chance: Chance) -> None:
        self.log = log
        self._store = store
        self._chance = chance
        self._catch_up()

    def _catch_up(self) -> None:
        """Bring the chains to where the log is (after a crash, or a restore of the store)."""
        with self._store.begin() as tx:
            first = chains.taken_in(tx)
            if first > self.log.size:
                raise OutOfStep(
                    f"ledger: its log has {self.log.size} leaves and its chains have seen {first}; "
                    "the log was put back to an older state, restore it from a mirror"
                )
            while first < self.log.size:
                last = min(first + 4096, self.log.size)
                seen = [_labels(leaves.decode(self.log.entry(n))) for n in range(first, last)]
                chains.catch_up(tx, first, seen)
                first = last

    def commit(self, drafts: Sequence[Draft]) -> list[Receipt]:
        """Write a group down; when this returns, all of it is durable and public."""
        locators = [draft.locator for draft in drafts if draft.locator is not None]
        with self._store.begin() as tx:
            now = chains.of(tx, locators)
        entries, bodies, opened, labels = [], [], [], []
        moved: dict[bytes, Chain] = {}
        for place, draft in enumerate(drafts, start=self.log.size):
            chain = moved.get(draft.locator) or now.get(draft.locator) if draft.locator else None
            entry, body, salt = self._write_out(draft, chain)
            entries.append(entry)
            bodies.append(body)
            opened.append(salt)
            if isinstance(draft.leaf, DisclosureLeaf):
                label = chain.label if chain else _labels(leaves.decode(entry))[0]
                labels.append(LabelRow(label, place))
                if chain is not None:
                    moved[chain.locator] = chains.stepped(chain)
        places = self.log.append(entries, bodies)
        with self._store.begin() as tx:
            chains.record(tx, moved.values(), labels, self.log.size)
        return [
            Receipt(
                index=place,
                leaf=entry,
                proof=self.log.receipt(place),
                salt=salt,
                body=draft.body.encode() if draft.body else b"",
            )
            for place, entry, salt, draft in zip(places, entries, opened, drafts, strict=True)
        ]

    def _write_out(self, draft: Draft, chain: Chain | None) -> tuple[bytes, bytes | None, bytes]:
        """The entry, the sealed body and the salt of a draft."""
        if draft.body is None or isinstance(draft.leaf, InquiryLeaf):
            return leaves.encode(draft.leaf), None, b""
        salt = self._chance(leaves.SALT_BYTES)
        content = draft.body.encode()
        bound = leaves.commitment(salt, content)
        if isinstance(draft.leaf, RefusalLeaf):
            return leaves.encode(_with(draft.leaf, commitment=bound)), None, salt
        state = chain.state if chain else self._chance(ratchet.STATE_BYTES)
        label = ratchet.label(state).hex()
        entry = leaves.encode(_with(draft.leaf, commitment=bound, labels=(label,)))
        return entry, leaves.seal_body(state, salt, content), salt


def _with(leaf: DisclosureLeaf | RefusalLeaf, **fields: object) -> DisclosureLeaf | RefusalLeaf:
    return msgspec.structs.replace(leaf, **fields)


def _labels(leaf: leaves.Leaf) -> list[bytes]:
    return [bytes.fromhex(one) for one in leaf.labels] if isinstance(leaf, DisclosureLeaf) else []
