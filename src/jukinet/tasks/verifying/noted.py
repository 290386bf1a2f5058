"""Noted (控え): what the chain store remembers of the log, row by row against the log's own leaves.

How far the log is taken in, the first question, each leaf that its writer must remember, and the
objections that wait with the key of their entry. A crash may leave an objection that is answered
among those that wait, or one that its agency was never told of; both are counted: the first is
never given out again, the second is told when its resident sends it again.
"""

from jukinet.keys import ratchet
from jukinet.law import leaf as leaves
from jukinet.law.leaf import (
    DeferredLeaf,
    Given,
    GrantLeaf,
    InquiryLeaf,
    KeyLeaf,
    Leaf,
    ObjectionAnswerLeaf,
    ObjectionLeaf,
    OpeningLeaf,
    Question,
    RefusalLeaf,
    RunLeaf,
    SampleLeaf,
    SampleResultLeaf,
)
from jukinet.ledger.chains import PROGRESS
from jukinet.ledger.noted import NOTES, Note
from jukinet.ledger.waiting import WAITING, Waiting
from jukinet.tasks.verifying.bodies import Bodies
from jukinet.tasks.verifying.ledger import Ledger
from jukinet.tasks.verifying.stores import Shelf

REMEMBERED = (
    GrantLeaf
    | KeyLeaf
    | RunLeaf
    | DeferredLeaf
    | OpeningLeaf
    | ObjectionLeaf
    | ObjectionAnswerLeaf
    | SampleLeaf
    | SampleResultLeaf
)


def check_progress(shelf: Shelf, ledger: Ledger) -> int:
    """How many leaves the chain store has taken in."""
    rows = {row.name: row.size for row in shelf.rows(PROGRESS)}
    size, asked = rows.pop("log", 0), rows.pop("asked", None)
    if not _settled(ledger, size, rows.pop("settled", None)):
        shelf.note("progress settled", "is not where a day was closed with all inquiries answered")
    if rows or not 0 <= size <= ledger.log.size:
        shelf.note("progress", "is beyond the log, which was cut short or put back")
    first = next((i for i, leaf in ledger.leaves.items() if isinstance(leaf, Question)), size)
    if asked != (first if first < size else None):
        shelf.note("progress asked", "is not the first leaf by which somebody asked")
    ledger.findings.counts["leaves_to_take_in"] += max(0, ledger.log.size - size)
    return size


def _settled(ledger: Ledger, size: int, settled: int | None) -> bool:
    """Whether it is where a day was closed, or at an inquiry that was open then; or 0.

    Every inquiry before it has its answer or refusal; it is there once a day was closed.
    """
    closed = any(isinstance(leaf, RunLeaf) and i < size for i, leaf in ledger.leaves.items())
    if settled is None or not closed:
        return settled is None and not closed
    answered = {
        leaf.inquiry for leaf in ledger.leaves.values() if isinstance(leaf, RefusalLeaf | Given)
    }
    open_before = any(
        isinstance(leaf, InquiryLeaf) and i < settled and i not in answered
        for i, leaf in ledger.leaves.items()
    )
    stands = isinstance(ledger.leaves.get(settled), RunLeaf | InquiryLeaf)
    return settled < size and not open_before and (settled == 0 or stands)


def check_noted(shelf: Shelf, ledger: Ledger, size: int) -> None:
    """Every leaf that the writer must remember, and no other."""
    due = {
        index: Note(index, _kind(leaf), leaves.encode(leaf))
        for index, leaf in ledger.leaves.items()
        if index < size and isinstance(leaf, REMEMBERED)
    }
    for row in shelf.rows(NOTES):
        if due.pop(row.leaf, None) != row:
            shelf.note(f"noted {row.leaf}", "is not what that leaf of the log says")
    for index in due:
        shelf.note(f"noted {index}", "is missing: the log has the leaf")


def check_waiting(shelf: Shelf, ledger: Ledger, bodies: Bodies, size: int) -> set[int]:
    """The objections that wait for an answer; their numbers."""
    answered = {
        leaf.objection for leaf in ledger.leaves.values() if isinstance(leaf, ObjectionAnswerLeaf)
    }
    waiting = set()
    for row in shelf.rows(WAITING):
        waiting.add(row.leaf)
        leaf = ledger.leaves.get(row.leaf)
        if row.leaf >= size or not isinstance(leaf, ObjectionLeaf):
            shelf.note(f"waiting {row.leaf}", "is no objection that the log has")
        elif not _is_for(row, leaf, bodies):
            shelf.note(f"waiting {row.leaf}", "is not of the agency or the key of its entry")
    objections = {i for i, one in ledger.leaves.items() if isinstance(one, ObjectionLeaf)}
    ledger.findings.counts["objections_untold"] += len(objections - answered - waiting)
    ledger.findings.counts["objections_to_clear"] += len(waiting & answered)
    return waiting


def _is_for(row: Waiting, leaf: ObjectionLeaf, bodies: Bodies) -> bool:
    """Whether the key is that of the entry objected to, and the agency the one that asked."""
    about = bytes.fromhex(leaf.about)
    if ratchet.objection(row.entry_key)[0].hex() not in leaf.labels:
        return False
    if bodies.entry_key(about) not in (None, row.entry_key):
        return False
    body = bodies.body(leaf.entry, about, row.entry_key)
    return body is None or body.agency == row.agency


def _kind(leaf: Leaf) -> str:
    return str(leaf.__struct_config__.tag)
