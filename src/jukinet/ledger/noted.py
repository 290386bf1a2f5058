"""Noted (控え): what the log says that its writer must remember, beside the chains.

Rows and keys that count, runs that were made, entries kept back, objections that wait, samples. All
of it stands in the log; it is kept here so that a writer that comes up need not read the whole log.
Each leaf is taken in once, in order, in the transaction in which the chains take it in.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import bindparam

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
from jukinet.law.standing import StandingRows, day_of
from jukinet.ledger.chains import METADATA, PROGRESS, Progress
from jukinet.merkle import runs
from jukinet.store.engine import Transaction
from jukinet.store.rows import Rows, blob, integer, text


class Note(NamedTuple):
    """A leaf that its writer must remember."""

    leaf: int
    kind: str
    entry: bytes


NOTES = Rows(
    "noted",
    METADATA,
    Note,
    [integer("leaf", key=True), text("kind"), blob("entry")],
    indexes=[("kind", "leaf")],
)

_NOTED = {
    GrantLeaf: "grant",
    KeyLeaf: "key",
    RunLeaf: "run",
    DeferredLeaf: "deferred",
    OpeningLeaf: "opening",
    ObjectionLeaf: "objection",
    ObjectionAnswerLeaf: "objection_answer",
    SampleLeaf: "sample",
    SampleResultLeaf: "sample_result",
}
_ALL = NOTES.query(NOTES.table.c.leaf >= bindparam("first"), order_by=[NOTES.table.c.leaf])
_ASKED, _SETTLED = "asked", "settled"


class Noted:
    """Everything noted, as it stands after the leaves taken in."""

    def __init__(self) -> None:
        self.rows = StandingRows()
        self.keys: dict[tuple[str, str], str] = {}  # office and name → digest
        self.runs: list[RunLeaf] = []
        self.deferred: dict[int, DeferredLeaf] = {}  # not opened yet
        self.objections: dict[int, ObjectionLeaf] = {}  # not answered yet
        self.samples: dict[int, SampleLeaf] = {}  # without a result yet
        self.grants: dict[int, bytes] = {}  # the entries of all rows' leaves
        self.fresh: list[bytes] = []  # records of labels since the last day's run
        self.news: date | None = None  # the day of the first leaf but runs since then
        self.inquiries: dict[int, InquiryLeaf] = {}  # that no leaf answers yet

    def take(self, index: int, entry: bytes, leaf: Leaf, labels: Sequence[bytes]) -> None:
        """Take the next leaf in, with the labels that it bears or that stand in its bundle."""
        if isinstance(leaf, GrantLeaf | Question):
            self.rows.take(index, leaf)
        if isinstance(leaf, GrantLeaf):
            self.grants[index] = entry
        elif isinstance(leaf, KeyLeaf):
            self.keys[leaf.office, leaf.name] = leaf.digest
        elif isinstance(leaf, DeferredLeaf):
            self.deferred[index] = leaf
        elif isinstance(leaf, OpeningLeaf):
            self.deferred.pop(leaf.deferred, None)
        elif isinstance(leaf, ObjectionLeaf):
            self.objections[index] = leaf
        elif isinstance(leaf, ObjectionAnswerLeaf):
            self.objections.pop(leaf.objection, None)
        elif isinstance(leaf, SampleLeaf):
            self.samples[index] = leaf
        elif isinstance(leaf, SampleResultLeaf):
            self.samples.pop(leaf.sample, None)
        elif isinstance(leaf, RunLeaf):
            self.runs.append(leaf)
            if leaf.span == "day":
                self.fresh.clear()
                self.news = None
        self.read_again(index, leaf, labels)

    def read_again(self, index: int, leaf: Leaf, labels: Sequence[bytes]) -> None:
        """What the next day's run will have of a leaf that was taken in before."""
        if self.news is None and not isinstance(leaf, RunLeaf):
            self.news = day_of(datetime.fromisoformat(leaf.time))
        self.look(index, leaf)
        self.fresh += [runs.pack(label, index, place) for place, label in enumerate(labels)]

    def look(self, index: int, leaf: Leaf) -> None:
        """Which inquiries by handle have still to be answered or refused."""
        if isinstance(leaf, InquiryLeaf):
            self.inquiries[index] = leaf
        elif isinstance(leaf, Given | RefusalLeaf) and leaf.inquiry is not None:
            self.inquiries.pop(leaf.inquiry, None)

    def settled(self, size: int) -> int:
        """Up to which leaf of so many every inquiry has its answer or refusal."""
        return min(self.inquiries, default=size)

    def end_of_days(self) -> int:
        """Where the next day's run begins."""
        return max((one.end for one in self.runs if one.span == "day"), default=0)

    def due(self, today: date) -> list[int]:
        """Entries kept back whose day has come."""
        return [index for index, leaf in self.deferred.items() if leaf.open_on <= str(today)]


def write(tx: Transaction, first: int, entries: Sequence[bytes], said: Sequence[Leaf]) -> None:
    """Write down what must be remembered of leaves from place `first` on."""
    NOTES.put(
        tx,
        *[
            Note(index, _NOTED[type(leaf)], entry)
            for index, (entry, leaf) in enumerate(zip(entries, said, strict=True), start=first)
            if type(leaf) in _NOTED
        ],
    )
    if PROGRESS.get(tx, _ASKED) is None:
        asked = [i for i, leaf in enumerate(said, start=first) if isinstance(leaf, Question)]
        if asked:
            PROGRESS.put(tx, Progress(_ASKED, asked[0]))


def put_settled(tx: Transaction, index: int) -> None:
    """Remember up to which leaf every inquiry has its answer or refusal."""
    PROGRESS.put(tx, Progress(_SETTLED, index))


def settled(tx: Transaction) -> int:
    """Up to which leaf every inquiry had its answer or refusal, when that was last written."""
    row = PROGRESS.get(tx, _SETTLED)
    return row.size if row else 0


def read(tx: Transaction) -> Noted:
    """What was noted, without the labels since the last run: those are read from the log."""
    noted = Noted()
    asked = PROGRESS.get(tx, _ASKED)
    for note in _ALL.all(tx, first=0):
        if asked is not None and note.leaf > asked.size:
            noted.rows.founded()
        noted.take(note.leaf, note.entry, leaves.decode(note.entry), ())
    if asked is not None:
        noted.rows.founded()
    noted.fresh.clear()
    noted.news = None
    return noted
