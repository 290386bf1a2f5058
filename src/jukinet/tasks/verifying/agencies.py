"""Agencies and keeper: every receipt proved again, every number and handle made again.

A receipt must verify against the log's key, and its checkpoint be one of this very log; its entry
must be the log's. A number must be what the keeper's key makes of the root of whoever the handle
means. What the keeper has spent must be leaves that allow it.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from jukinet.disclosure.pseudonyms import (
    check_handle,
    meant,
    sector_context,
    sector_number,
)
from jukinet.errors import JukinetError
from jukinet.keys.seal import OpenKey
from jukinet.law.leaf import DisclosureLeaf, InquiryLeaf, Leaf, RefusalLeaf, public_asker
from jukinet.law.schedule import Receiver, load
from jukinet.merkle import proof
from jukinet.merkle.checkpoint import Checkpoint, open_checkpoint
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.tree import leaf_hash, verify_inclusion
from jukinet.nodes.agency import ASKED, SUBJECTS, AskedRow, Subject
from jukinet.nodes.keeper import SPENT
from jukinet.nodes.keyring import (
    AgencyEntry,
    CentreRing,
    KeeperRing,
    sector_number_key,
    sector_opening,
)
from jukinet.tasks.verifying.findings import UNREADABLE
from jukinet.tasks.verifying.ledger import Ledger
from jukinet.tasks.verifying.stores import Shelf

_STEP = re.compile("handle|number|open-[12]|history-(0|[1-9][0-9]{0,5})")


class Bearer(NamedTuple):
    """Whom a handle may mean: the root that numbers are made from, and where states stand."""

    root: bytes
    prefectures: frozenset[str]


class Receipts:
    """Receipts of all agencies against one log; each checkpoint's signature is verified once."""

    def __init__(self, ledger: Ledger, vkey: str) -> None:
        self._ledger = ledger
        self._key = VerifierKey.parse(vkey)
        self._known: dict[bytes, Checkpoint] = {}

    def proved(self, row: AskedRow) -> str:
        """What is wrong with a receipt, or nothing."""
        log = self._ledger.log
        try:
            proved = proof.parse(row.receipt)
            checkpoint = self._opened(proved.checkpoint)
            verify_inclusion(
                leaf_hash(row.entry),
                index=proved.index,
                size=checkpoint.size,
                proof=proved.hashes,
                root=checkpoint.root,
            )
        except JukinetError:
            return "its receipt does not verify"
        if proved.index != row.leaf:
            return "its receipt is of another leaf"
        if checkpoint.size > log.size:
            return "its receipt is of a larger log, which was cut short or put back"
        if row.entry != log.entries[row.leaf]:
            return "its entry is not the log's"
        try:
            same = log.root_at(checkpoint.size) == checkpoint.root
        except JukinetError:
            return "its receipt cannot be compared with the log"
        return "" if same else "its receipt is of another log under the same key"

    def _opened(self, note: bytes) -> Checkpoint:
        if note not in self._known:
            self._known[note] = open_checkpoint(note, log=self._key)
        return self._known[note]


def check_asked(shelf: Shelf, entry: AgencyEntry, receipts: Receipts, ledger: Ledger) -> set[int]:
    """The questions of an agency; the leaves under which it was answered."""
    answered: set[int] = set()
    receiver = load().receivers[entry.receiver]
    for row in shelf.rows(ASKED):
        about = f"question about leaf {row.leaf}"
        wrong = receipts.proved(row)
        if wrong:
            shelf.note(about, wrong)
        elif not _fits(row, ledger.leaves.get(row.leaf), receiver, entry.prefecture):
            shelf.note(about, "is not what its leaf says")
        elif row.outcome == "answered":
            answered.add(row.leaf)
        shelf.findings.counts["receipts"] += 1
    return answered


def _fits(row: AskedRow, leaf: Leaf | None, receiver: Receiver, prefecture: str) -> bool:
    """Whether a question and its leaf speak of one thing."""
    if isinstance(leaf, DisclosureLeaf):
        said = ("answered", "")
    elif isinstance(leaf, RefusalLeaf):
        said = ("refused", leaf.rule)
    else:
        return False
    asker = public_asker(receiver, prefecture, row.row)
    return (row.outcome, row.rule) == said and asker == (leaf.agency, leaf.row)


# --- numbers and handles -------------------------------------------------------------------------


def check_subjects(
    shelf: Shelf,
    entry: AgencyEntry,
    bearers: Mapping[bytes, Bearer],
    centre: CentreRing,
    keeper: KeeperRing,
) -> None:
    """The people whom an agency knows, by number and handle."""
    keys: dict[str, tuple[OpenKey, bytes]] = {}
    for place, row in enumerate(shelf.rows(SUBJECTS), start=1):
        sector = row.sector
        grant = load().grants.get(sector.partition("/")[2])
        if grant is None or grant.sector != sector or grant.receiver != entry.receiver:
            shelf.note(f"subject in place {place}", "is of a sector that is not this agency's")
            continue
        if sector not in keys:
            keys[sector] = sector_opening(keeper, sector), sector_number_key(keeper, sector)
        wrong = _wrong(row, *keys[sector], bearers, centre.door)
        if wrong:
            shelf.note(f"subject in place {place}", wrong)
        shelf.findings.counts["subjects"] += 1


def _wrong(
    row: Subject,
    opening: OpenKey,
    number_key: bytes,
    bearers: Mapping[bytes, Bearer],
    door: bytes,
) -> str:
    try:
        sealed = check_handle(door, row.sector, row.handle)
        whom = meant(opening.open(sealed, context=sector_context(row.sector)), on=date.min)
    except UNREADABLE:
        return "its handle is not one that the door has made for this sector"
    bearer = bearers.get(whom.locator)
    if bearer is None or whom.prefecture not in bearer.prefectures:
        return "its handle means nobody whom a town told of"
    if sector_number(number_key, row.sector, bearer.root) != row.number:
        return "its number is not what the keeper's key makes"
    return ""


# --- the keeper ----------------------------------------------------------------------------------


def check_spent(shelf: Shelf, ledger: Ledger, answered: Iterable[int]) -> None:
    """What the keeper has spent: leaves of the log that allow it, and all that were answered."""
    spent: set[tuple[int, str]] = set()
    for row in shelf.rows(SPENT):
        shelf.findings.counts["spent"] += 1
        spent.add((row.leaf, row.step))
        leaf = ledger.leaves.get(row.leaf)
        wanted = InquiryLeaf if row.step == "handle" else DisclosureLeaf
        if not _STEP.fullmatch(row.step) or not isinstance(leaf, wanted):
            shelf.note(f"leaf {row.leaf}", "is spent, and is no leaf of the log that allows it")
    due = {(index, "open-1") for index in answered}
    due |= {(index, "open-1") for index, step in spent if step != "handle"}
    due |= {
        (leaf.inquiry, "handle")
        for leaf in ledger.leaves.values()
        if isinstance(leaf, DisclosureLeaf) and leaf.inquiry is not None
    }
    for index, _ in sorted(due - spent):
        shelf.note(f"leaf {index}", "was used, and is not spent")
