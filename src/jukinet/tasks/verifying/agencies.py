"""Agencies: every receipt proved again, every number and handle made again.

A receipt must verify against the log's key and its witnesses', and its checkpoint be one of this
very log; its entry must be the log's. A number must be what the keepers' keys make of the root of
whoever the handle means, and of whoever's chain the leaf of the answer stands on. What residents
objected to must be as it stands in the log, and sealed beside it.

Beyond it: what was answered, which nobody keeps; and which of a bundle's people was answered about
in which question, since the question is not kept either.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from jukinet.disclosure.pseudonyms import check_handle, open_ticket, read
from jukinet.errors import JukinetError
from jukinet.law.leaf import (
    DeferredLeaf,
    Given,
    Leaf,
    ObjectionAnswerLeaf,
    ObjectionLeaf,
    RefusalLeaf,
    public_asker,
)
from jukinet.law.schedule import Kind, Receiver, load
from jukinet.merkle import proof
from jukinet.merkle.tree import leaf_hash, verify_inclusion
from jukinet.nodes.agency import ASKED, GIVEN, OBJECTED, SUBJECTS, AskedRow, ObjectedRow, Subject
from jukinet.nodes.agency import Given as GivenRow
from jukinet.nodes.keyring import AgencyEntry
from jukinet.tasks.verifying.bodies import Bodies
from jukinet.tasks.verifying.findings import UNREADABLE
from jukinet.tasks.verifying.keeper import Used
from jukinet.tasks.verifying.ledger import Ledger
from jukinet.tasks.verifying.quorum import Quorum
from jukinet.tasks.verifying.stores import Shelf
from jukinet.tasks.verifying.witnesses import Cosignatures

CHAINS = "centre/chains.db"
Answers = Counter[tuple[int, str]]
"""How many questions were answered under a leaf and a row."""


class Bearer(NamedTuple):
    """Whom a handle may mean: the root that numbers are made from, and where states stand."""

    root: bytes
    prefectures: frozenset[str]


class Known(NamedTuple):
    """By what numbers, handles and tickets are made again."""

    bearers: Mapping[bytes, Bearer]
    generations: Mapping[tuple[bytes, str], int]
    merged: Mapping[bytes, bytes]
    quorum: Quorum
    door: bytes

    def numbers(self, locator: bytes, sector: str) -> set[str]:
        """Every number that a person has or had in a sector, in all generations."""
        found: set[str] = set()
        newest = sum(self.generations.get((locator, one), 0) for one in (sector, ""))
        for generation in range(newest + 1):
            root = self.bearers[locator].root
            found.add(self.quorum.number(sector, root, generation))
        return found

    def superseded(self, sector: str) -> set[str]:
        """The numbers of records that have become one with others."""
        return {
            number
            for locator in self.merged
            if locator in self.bearers
            for number in self.numbers(locator, sector)
        }

    def __repr__(self) -> str:
        """Shows nobody."""
        return "<Known>"


class Receipts:
    """Receipts of all agencies against one log and its witnesses."""

    def __init__(self, ledger: Ledger, cosignatures: Cosignatures) -> None:
        self._ledger = ledger
        self._cosignatures = cosignatures

    def proved(self, row: AskedRow) -> str:
        """What is wrong with a receipt, or nothing."""
        log = self._ledger.log
        try:
            proved = proof.parse(row.receipt)
            checkpoint = self._cosignatures.read(proved.checkpoint)
            enough = self._cosignatures.enough(proved.checkpoint)
            verify_inclusion(
                leaf_hash(row.entry),
                index=proved.index,
                size=checkpoint.size,
                proof=proved.hashes,
                root=checkpoint.root,
            )
        except JukinetError:
            return "its receipt does not verify"
        if not enough:
            return "its receipt has fewer witnesses than the policy wants"
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


def check_asked(shelf: Shelf, entry: AgencyEntry, receipts: Receipts, ledger: Ledger) -> Answers:
    """The questions of an agency; the leaves and rows under which it was answered."""
    answered: Answers = Counter()
    receiver = load().receivers[entry.receiver]
    for row in shelf.rows(ASKED):
        about = f"question about leaf {row.leaf}"
        wrong = receipts.proved(row)
        if wrong:
            shelf.note(about, wrong)
        elif not _fits(row, ledger.leaves.get(row.leaf), receiver, entry.prefecture):
            shelf.note(about, "is not what its leaf says")
        elif row.outcome == "answered":
            answered[row.leaf, row.row] += 1
        shelf.findings.counts["receipts"] += 1
    return answered


def _fits(row: AskedRow, leaf: Leaf | None, receiver: Receiver, prefecture: str) -> bool:
    """Whether a question and its leaf speak of one thing."""
    if isinstance(leaf, Given):
        said = ("answered", "")
    elif isinstance(leaf, RefusalLeaf):
        said = ("refused", leaf.rule)
    else:
        return False
    asker = public_asker(receiver, prefecture, row.row)
    return (row.outcome, row.rule) == said and asker == (leaf.agency, leaf.row)


# --- numbers and handles -------------------------------------------------------------------------


def check_subjects(shelf: Shelf, entry: AgencyEntry, known: Known) -> set[tuple[str, str]]:
    """The people whom an agency knows, by number and handle; their sectors and numbers."""
    found: set[tuple[str, str]] = set()
    for place, row in enumerate(shelf.rows(SUBJECTS), start=1):
        sector = row.sector
        found.add((sector, row.number))
        grant = load().grants.get(sector.partition("/")[2])
        if grant is None or grant.sector != sector or grant.receiver != entry.receiver:
            shelf.note(f"subject in place {place}", "is of a sector that is not this agency's")
            continue
        wrong = _wrong(row, entry, known)
        if wrong:
            shelf.note(f"subject in place {place}", wrong)
        shelf.findings.counts["subjects"] += 1
    return found


def _wrong(row: Subject, entry: AgencyEntry, known: Known) -> str:
    try:
        sealed = check_handle(known.door, row.sector, entry.id, row.handle)
        whom = read(known.quorum.open_handle(row.sector, entry.id, sealed))
    except UNREADABLE:
        return "its handle is not one that the door has made for this sector"
    bearer = known.bearers.get(whom.locator) if whom else None
    if whom is None or bearer is None or whom.prefecture not in bearer.prefectures:
        return "its handle means nobody whom a town told of"
    if known.quorum.number(row.sector, bearer.root, whom.generation) != row.number:
        return "its number is not what the keepers' keys make"
    return ""


# --- whom answers were about ---------------------------------------------------------------------


class Numbers:
    """Whom the answer under a leaf may have been about, made again from its chains."""

    def __init__(self, ledger: Ledger, bodies: Bodies, known: Known) -> None:
        self.known = known
        self._ledger = ledger
        self._bodies = bodies
        self._made: dict[tuple[int, str], set[str] | None] = {}

    def of(self, index: int, sector: str) -> set[str] | None:
        """The numbers that they have or had; None where a label of the leaf leads to nobody."""
        if (index, sector) not in self._made:
            locators = self.locators(index)
            self._made[index, sector] = (
                None
                if None in locators
                else {
                    number
                    for one in locators
                    if one is not None and one in self.known.bearers
                    for number in self.known.numbers(one, sector)
                }
            )
        return self._made[index, sector]

    def leaf(self, index: int) -> Leaf | None:
        """A leaf of the log."""
        return self._ledger.leaves.get(index)

    def locators(self, index: int) -> set[bytes | None]:
        """On whose chains a leaf stands, or whom a deferred one is about; None for nobody."""
        if isinstance(self._ledger.leaves.get(index), DeferredLeaf):
            kept = self._bodies.kept.get(index)
            return {kept.locator if kept else None}
        owners = [self._ledger.owners.get(one) for one in self._ledger.borne.get(index, ())]
        return {owner.locator if owner else None for owner in owners}


def check_given(
    shelf: Shelf,
    entry: AgencyEntry,
    answers: Answers,
    subjects: set[tuple[str, str]],
    numbers: Numbers,
) -> Used:
    """Whom the answers were about: one of those on whose chains the leaf stands, or nobody."""
    given: Answers = Counter()
    named: Answers = Counter()
    seen: set[tuple[str, str]] = set()
    for row in shelf.rows(GIVEN):
        receiver, _, under = row.sector.partition("/")
        given[row.leaf, under] += 1
        named[row.leaf, under] += bool(row.number) and _is_search(numbers, row.leaf)
        seen.add((row.sector, row.number))
        allowed = answers[row.leaf, under] or _is_converted(numbers.leaf(row.leaf), under)
        wrong = _wrong_given(row, entry, allowed, subjects, numbers)
        if wrong or receiver != entry.receiver:
            shelf.note(f"given {row.leaf}", wrong or "is of a sector that is not this agency's")
        shelf.findings.counts["given"] += 1
    for (index, under), count in answers.items():
        if not given[index, under]:
            shelf.note(f"given {index}", "is missing: a question was answered under this leaf")
        elif named[index, under] > count:
            shelf.note(f"given {index}", "names more people than were asked about")
    if lost := len(subjects - seen):
        shelf.note("given", f"is missing for {lost} of the people whom the agency knows")
    return Used(_by_leaf(answers), _by_leaf(named))


def _is_search(numbers: Numbers, index: int) -> bool:
    """Whether whoever is named under a leaf was looked up: then the number was made for it."""
    leaf = numbers.leaf(index)
    return isinstance(leaf, Given) and leaf.inquiry is None


def _is_converted(leaf: Leaf | None, under: str) -> bool:
    """Whether a leaf is of a conversion that ends in this row."""
    if not isinstance(leaf, Given) or leaf.kind != Kind.CONVERT:
        return False
    grant = load().grants.get(leaf.row)
    return grant is not None and grant.to == under


def _wrong_given(
    row: GivenRow,
    entry: AgencyEntry,
    answers: int | bool,
    subjects: set[tuple[str, str]],
    numbers: Numbers,
) -> str:
    if not answers:
        return "is of a leaf under which nothing was answered"
    if row.ticket:
        return _wrong_ticket(row, entry, numbers)
    if not row.number:
        return ""
    known = numbers.known
    if (row.sector, row.number) not in subjects:
        if row.number not in known.superseded(row.sector):
            return "names somebody whom the agency does not know"
        return ""
    possible = numbers.of(row.leaf, row.sector)
    if possible is not None and row.number not in possible:
        return "names somebody on whose chain the leaf does not stand"
    return ""


def _wrong_ticket(row: GivenRow, entry: AgencyEntry, numbers: Numbers) -> str:
    """A ticket is the door's, and leads to somebody on whose chain the leaf stands."""
    try:
        locator = open_ticket(numbers.known.door, row.sector, entry.id, row.ticket)
    except UNREADABLE:
        return "has a ticket that the door has not made for this sector"
    locators = numbers.locators(row.leaf)
    if None not in locators and locator not in locators:
        return "names somebody on whose chain the leaf does not stand"
    return ""


def _by_leaf(counted: Answers) -> Counter[int]:
    found: Counter[int] = Counter()
    for (index, _), count in counted.items():
        found[index] += count
    return found


# --- objections ----------------------------------------------------------------------------------


def check_objected(
    shelf: Shelf, entry: AgencyEntry, ledger: Ledger, bodies: Bodies, waiting: Iterable[int]
) -> None:
    """What residents objected to, against the log and what is sealed beside it."""
    outcomes = {
        leaf.objection: leaf.outcome
        for leaf in ledger.leaves.values()
        if isinstance(leaf, ObjectionAnswerLeaf)
    }
    told = set()
    for row in shelf.rows(OBJECTED):
        about = f"objected {row.objection}"
        told.add(row.objection)
        leaf = ledger.leaves.get(row.objection)
        outcome = outcomes.get(row.objection)
        if not isinstance(leaf, ObjectionLeaf) or not _is_told(row, leaf, entry, bodies):
            shelf.note(about, "is not what the objection in the log and its entry say")
        elif outcome is None and row.objection not in waiting:
            missing = f"waiting {row.objection}", "is missing: its agency was told of the objection"
            shelf.findings.note(CHAINS, *missing)
        if row.outcome not in ("", *((outcome, "answered") if outcome else ())):
            shelf.note(about, "has another outcome than its answer in the log")
        shelf.findings.counts["objections"] += 1
    for index in outcomes.keys() - told:
        objection = ledger.leaves.get(index)
        if isinstance(objection, ObjectionLeaf) and _asked_by(entry, objection, bodies):
            shelf.note(f"objected {index}", "is missing: this agency has answered it")


def _is_told(row: ObjectedRow, leaf: ObjectionLeaf, entry: AgencyEntry, bodies: Bodies) -> bool:
    """Whether an agency was told what stands in the log; what was erased says nothing."""
    receiver = load().receivers[entry.receiver]
    if public_asker(receiver, entry.prefecture, row.row) != (leaf.agency, leaf.row):
        return False
    body = bodies.body(leaf.entry, bytes.fromhex(leaf.about))
    if body is not None and (body.agency, body.inquiry, body.row) != (
        entry.id,
        row.inquiry,
        row.row,
    ):
        return False
    words = bodies.words(row.objection)
    return row.answer_by == leaf.answer_by and (words is None or words.text == row.text)


def _asked_by(entry: AgencyEntry, leaf: ObjectionLeaf, bodies: Bodies) -> bool:
    body = bodies.body(leaf.entry, bytes.fromhex(leaf.about))
    return body is not None and body.agency == entry.id
