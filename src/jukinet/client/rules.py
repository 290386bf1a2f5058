"""Rules of the log (台帳の規則): what each leaf must keep to, given all the leaves before it.

One leaf after the other is taken in. What later leaves are held against is kept: inquiries without
an answer, entries kept back, objections that wait, samples, rows, runs. Everything else is read
again from the log when a leaf speaks of it. docs/spec/audit.md has the rules as a table.

What only other people's keys can open (whose a disclosure is, what was given on it) is beyond it:
residents see the first, samples the second.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import singledispatchmethod
from typing import Final, get_args

from jukinet.client.days import Closed, Days, Past
from jukinet.client.labels import Labels
from jukinet.client.lies import Lie, Rule
from jukinet.errors import Damaged, Malformed, Refused
from jukinet.law import leaf as leaves
from jukinet.law.leaf import (
    BundleLeaf,
    DeferredLeaf,
    DisclosureLeaf,
    GrantLeaf,
    InquiryLeaf,
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
from jukinet.law.standing import Asking, StandingRows, day_of
from jukinet.merkle import runs
from jukinet.merkle.runs import Found, Read, Run

ANSWERED_WITHIN: Final = timedelta(days=1)
"""An inquiry leaf is followed by a disclosure or a refusal that names it, in this time."""

CLOCKS_DIFFER: Final = timedelta(days=1)
"""How far a leaf's time may lie before an earlier leaf's, or after the auditor's own clock."""

TYPES: Final = {kind: str(kind.__struct_config__.tag) for kind in get_args(Leaf)}
_ANSWERS_KEPT: Final = 10_000

Answering = DisclosureLeaf | RefusalLeaf | BundleLeaf | DeferredLeaf


class Rules:
    """All leaves so far, as far as later ones are held against them."""

    def __init__(self, read: Read, past: Past, labels: Labels, *, now: datetime) -> None:
        self.counts: Counter[str] = Counter()
        self.rows = StandingRows()
        self.asked_at: int | None = None  # the first leaf by which somebody asks
        self.newest = datetime.min.replace(tzinfo=UTC)
        self.inquiries: dict[int, InquiryLeaf] = {}  # not answered yet
        self.deferred: dict[int, DeferredLeaf] = {}  # not opened yet
        self.objections: dict[int, ObjectionLeaf] = {}  # not answered yet
        self.samples: dict[int, SampleLeaf] = {}  # without a result yet
        self.grants: dict[int, GrantLeaf] = {}
        self.days = Days(read)
        self.labels = labels
        self._read = read
        self._past = past
        self.now = now
        self._lawful: dict[tuple[object, ...], str] = {}
        self._held = self._check  # bound once, as binding is slow

    def take(self, index: int, entry: bytes) -> None:
        """Take in the next entry; raises Lie for the first rule that it breaks."""
        try:
            leaf = leaves.decode(entry)
            time = datetime.fromisoformat(leaf.time)
        except ValueError as error:  # Malformed is one
            raise _lie(Rule.FORM, index, f"is no leaf: {error}", entry) from None
        try:
            self._check_time(time)
            self.take_leaf(leaf, index)
        except _Broken as error:
            raise _lie(error.rule, index, str(error), entry) from None
        except Lie as error:
            error.files.setdefault(leaf_file(index), entry)
            raise

    def take_leaf(self, leaf: Leaf, index: int) -> None:
        """Take in a leaf whose form is right."""
        self.counts[TYPES[type(leaf)]] += 1
        if self.asked_at is None and isinstance(leaf, Question):
            self.asked_at = index
            self.rows.founded()
        labels = leaves.labels_of(leaf)
        if isinstance(leaf, BundleLeaf):
            labels = tuple(record[: runs.LABEL_BYTES] for record in self._bundle(index, leaf))
        self._held(leaf, index)
        self.labels.add(index, labels)
        self.days.take(index, leaf, labels)

    def kept(self) -> dict[int, Leaf]:
        """The leaves that later ones are held against, by index."""
        found: dict[int, Leaf] = {}
        for some in (self.grants, self.inquiries, self.deferred, self.objections, self.samples):
            found.update(some)
        return found | {one.number: one.leaf for one in self.days.closed}

    def keep(self, kept: Mapping[int, Leaf], *, asked_at: int | None) -> None:
        """Go on where another has stopped, with what it kept."""
        self.asked_at = asked_at
        for index, leaf in sorted(kept.items()):
            if asked_at is not None and index > asked_at:
                self.rows.founded()
            if isinstance(leaf, GrantLeaf):
                self.rows.take(index, leaf)
                self.grants[index] = leaf
            elif isinstance(leaf, RunLeaf):
                self.days.closed.append(Closed(index, leaf))
            elif isinstance(leaf, InquiryLeaf):
                self.inquiries[index] = leaf
            elif isinstance(leaf, DeferredLeaf):
                self.deferred[index] = leaf
            elif isinstance(leaf, ObjectionLeaf):
                self.objections[index] = leaf
            elif isinstance(leaf, SampleLeaf):
                self.samples[index] = leaf
        if asked_at is not None:
            self.rows.founded()

    def orphans(self, now: datetime) -> list[int]:
        """The inquiry leaves whose time is over, without disclosure and refusal."""
        return [
            index
            for index, leaf in self.inquiries.items()
            if datetime.fromisoformat(leaf.time) + ANSWERED_WITHIN < now
        ]

    def overdue_objections(self, today: date) -> list[int]:
        """The objections whose day is over, without an answer."""
        return [index for index, one in self.objections.items() if one.answer_by < str(today)]

    def overdue_deferred(self, today: date) -> list[int]:
        """The entries kept back whose day is over, without an opening."""
        return [index for index, one in self.deferred.items() if one.open_on < str(today)]

    def _check_time(self, time: datetime) -> None:
        if time + CLOCKS_DIFFER < self.newest:
            raise _Broken(Rule.TIME, f"says a time long before an earlier leaf's, {self.newest}")
        if time > self.now + CLOCKS_DIFFER:
            raise _Broken(Rule.TIME, f"says a time that is still to come, at {self.now}")
        self.newest = max(self.newest, time)

    # --- leaf by leaf -------------------------------------------------------------------------

    @singledispatchmethod
    def _check(self, leaf: Leaf, index: int) -> None:
        """Nothing to hold it against: view keys, and the digests of keys."""

    @_check.register
    def _(self, leaf: InquiryLeaf, index: int) -> None:
        self._check_row(leaf)
        self.inquiries[index] = leaf

    @_check.register
    def _(self, leaf: DisclosureLeaf, index: int) -> None:
        self._check_row(leaf)
        self._answer(leaf, index)

    @_check.register
    def _(self, leaf: BundleLeaf, index: int) -> None:
        self._check_row(leaf)
        self._answer(leaf, index)

    @_check.register
    def _(self, leaf: DeferredLeaf, index: int) -> None:
        self._check_row(leaf)
        self._answer(leaf, index)
        self.deferred[index] = leaf

    @_check.register
    def _(self, leaf: RefusalLeaf, index: int) -> None:
        self._answer(leaf, index)

    @_check.register
    def _(self, leaf: OpeningLeaf, index: int) -> None:
        kept = self.deferred.pop(leaf.deferred, None)
        if kept is None:
            raise _Broken(Rule.DEFERRED, f"opens leaf {leaf.deferred}, where nothing is kept back")
        if _said(leaf) != _said(kept):
            raise _Broken(Rule.DEFERRED, f"says something else than leaf {leaf.deferred}")
        if _day(leaf) < kept.open_on:
            raise _Broken(Rule.DEFERRED, f"opens leaf {leaf.deferred} before {kept.open_on}")

    @_check.register
    def _(self, leaf: ObjectionLeaf, index: int) -> None:
        entry = self._before(leaf.entry, index, Rule.OBJECTION)
        asker = getattr(entry, "agency", None), getattr(entry, "row", None)
        if asker != (leaf.agency, leaf.row):
            raise _Broken(Rule.OBJECTION, f"names another agency or row than leaf {leaf.entry}")
        if not self._bears(entry, leaf.entry, bytes.fromhex(leaf.about)):
            raise _Broken(Rule.OBJECTION, f"is about a label that leaf {leaf.entry} does not bear")
        self.objections[index] = leaf

    @_check.register
    def _(self, leaf: ObjectionAnswerLeaf, index: int) -> None:
        if self.objections.pop(leaf.objection, None) is None:
            raise _Broken(Rule.OBJECTION, f"answers leaf {leaf.objection}, where none waits")

    @_check.register
    def _(self, leaf: GrantLeaf, index: int) -> None:
        try:
            self.rows.take(index, leaf)
        except (Refused, ValueError) as error:
            raise _Broken(Rule.ROW, str(error)) from None
        self.grants[index] = leaf
        self._lawful.clear()

    @_check.register
    def _(self, leaf: RunLeaf, index: int) -> None:
        self.days.close(index, leaf, self._past)

    @_check.register
    def _(self, leaf: SampleLeaf, index: int) -> None:
        if any(picked >= index for picked in leaf.picked):
            raise _Broken(Rule.SAMPLE, "picks leaves that do not stand yet")
        self.samples[index] = leaf

    @_check.register
    def _(self, leaf: SampleResultLeaf, index: int) -> None:
        sample = self.samples.pop(leaf.sample, None)
        if sample is None:
            raise _Broken(Rule.SAMPLE, f"is of leaf {leaf.sample}, where no sample waits")
        named = [*leaf.differ, *leaf.not_shown]
        if not set(named) <= set(sample.picked):
            raise _Broken(Rule.SAMPLE, "names leaves that were not picked")
        if leaf.agree + leaf.nobody + len(named) != len(sample.picked):
            raise _Broken(Rule.SAMPLE, "does not account for all that were picked")

    # --- what several kinds of leaf keep to ---------------------------------------------------

    def _check_row(self, leaf: Asking) -> None:
        """The row stands in the log, counts on the day, and allows kind and items."""
        until = getattr(leaf, "open_on", None)
        # Whatever hour it is, an hour lies within one day in Japan.
        key = leaf.agency, leaf.row, leaf.kind, leaf.items, until, leaf.time[:13]
        if key not in self._lawful:
            if len(self._lawful) >= _ANSWERS_KEPT:
                self._lawful.clear()
            self._lawful[key] = self.rows.why_not(leaf)
        if self._lawful[key]:
            raise _Broken(Rule.ROW, f"is unlawful: {self._lawful[key]}")

    def _answer(self, leaf: Answering, index: int) -> None:
        """What it names as its inquiry is one, and the same question."""
        if leaf.inquiry is None:
            return
        inquiry = self.inquiries.pop(leaf.inquiry, None)
        if inquiry is None:
            stood = self._before(leaf.inquiry, index, Rule.INQUIRY)
            if not isinstance(stood, InquiryLeaf):
                raise _Broken(Rule.INQUIRY, f"names leaf {leaf.inquiry}, which is no inquiry")
            inquiry = stood
        asked = (inquiry.agency, inquiry.row, inquiry.kind)
        if (leaf.agency, leaf.row, leaf.kind) != asked:
            raise _Broken(
                Rule.INQUIRY, f"is of another agency, row or kind than its inquiry, {leaf.inquiry}"
            )
        if not isinstance(leaf, RefusalLeaf) and leaf.items != inquiry.items:
            raise _Broken(Rule.INQUIRY, f"has other items than its inquiry, {leaf.inquiry}")

    def _before(self, named: int, index: int, rule: Rule) -> Leaf:
        """A leaf that another speaks of."""
        if named >= index:
            raise _Broken(rule, f"names leaf {named}, which does not stand before it")
        return self._past(named)

    def _bears(self, leaf: Leaf, index: int, label: bytes) -> bool:
        if isinstance(leaf, BundleLeaf):
            return isinstance(self._run(index, leaf).find(label), Found)
        return label in leaves.labels_of(leaf)

    def _bundle(self, index: int, leaf: BundleLeaf) -> Iterable[bytes]:
        """The records of a bundle, every file of it compared with what they make."""
        folder = leaves.bundle_folder(index)
        try:
            runs.check(
                self._read,
                folder,
                count=leaf.count,
                root=bytes.fromhex(leaf.root),
                record_bytes=leaves.BUNDLE_RECORD_BYTES,
            )
            return list(self._run(index, leaf).records())
        except (Damaged, Malformed) as error:
            path = str(error).partition(":")[0]
            files = {path: self._read(path) or b""} if path.startswith(folder) else {}
            raise Lie(Rule.BUNDLE, f"leaf {index}", f"its bundle: {error}", files) from None

    def _run(self, index: int, leaf: BundleLeaf) -> Run:
        return Run(
            self._read,
            leaves.bundle_folder(index),
            count=leaf.count,
            root=bytes.fromhex(leaf.root),
            record_bytes=leaves.BUNDLE_RECORD_BYTES,
        )


class _Broken(Malformed):
    """A rule that a leaf breaks, before it is known which leaf it is."""

    def __init__(self, rule: Rule, sentence: str) -> None:
        super().__init__(sentence)
        self.rule = rule


def _said(leaf: DeferredLeaf | OpeningLeaf) -> tuple[object, ...]:
    return leaf.agency, leaf.row, leaf.kind, leaf.items


def _day(leaf: Leaf) -> str:
    return str(day_of(datetime.fromisoformat(leaf.time)))


def _lie(rule: Rule, index: int, sentence: str, entry: bytes) -> Lie:
    return Lie(rule, f"leaf {index}", sentence, {leaf_file(index): entry})


def leaf_file(index: int) -> str:
    """What a leaf is called among the evidence."""
    return f"leaf-{index}.json"
