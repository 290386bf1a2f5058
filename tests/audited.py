"""A log for the auditor: written leaf by leaf as it should be, or as it should not."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count

from msgspec.structs import replace
from tests.forgetful_disk import ForgetfulDisk
from tests.support import chance, memory

from jukinet.client.audit import Auditor, State
from jukinet.keys.sign import SigningKey
from jukinet.law import leaf as leaves
from jukinet.law import statistics
from jukinet.law.leaf import (
    JAPAN,
    Body,
    BundleLeaf,
    DeferredLeaf,
    DisclosureLeaf,
    InquiryLeaf,
    ObjectionAnswerLeaf,
    ObjectionLeaf,
    OpeningLeaf,
    RefusalLeaf,
    RunLeaf,
    ViewKeyLeaf,
    leaf_time,
)
from jukinet.law.notice import ChainStart
from jukinet.law.schedule import load
from jukinet.law.standing import StandingRows
from jukinet.law.statistics import Statistics
from jukinet.ledger import chains
from jukinet.ledger.closing import closing
from jukinet.ledger.log import Log
from jukinet.ledger.writer import Draft, Ledger, Part
from jukinet.merkle import runs, tiles
from jukinet.merkle.checkpoint import open_checkpoint

ORIGIN = "example.org/ledger"
KEY = SigningKey(bytes(range(32)))
BEGIN = datetime(2026, 4, 1, 12, tzinfo=JAPAN)
ROW, AGENCY = "1-73", "pension"
PEOPLE = [bytes([n]) * 16 for n in range(20)]
BODY = Body(
    agency=AGENCY,
    official="official-1",
    row=ROW,
    affair="that the payee lives",
    kind="standing",
    items=(),
    subject="search",
    inquiry="0" * 64,
)
DEFERRING = next(row for row in load().grants.values() if row.deferral_days)


class Written:
    """A log that keeps the rules, as long as it is let."""

    def __init__(self) -> None:
        self.disk = ForgetfulDisk()
        self.log = Log.open(self.disk, origin=ORIGIN, key=KEY)
        self.now = BEGIN
        self.leaves: list[object] = []
        self.labels: list[tuple[int, bytes]] = []  # leaf and label, in order
        self.beside: dict[str, bytes] = {}
        self.closed: list[RunLeaf] = []
        self._numbers = count()

    def found(self) -> Written:
        """All rows stand before anybody asks."""
        rows = StandingRows()
        for grant in load().grants.values():
            self.say(rows.announced(load(), grant, self.now))
        return self

    def say(self, leaf, *labels: bytes) -> int:
        """Append a leaf, with the labels of its bundle."""
        index = self.log.append([leaves.encode(leaf)], [None]).start
        self.leaves.append(leaf)
        self.labels += [(index, one) for one in (labels or leaves.labels_of(leaf))]
        return index

    def label(self) -> bytes:
        return sha256(b"label %d" % next(self._numbers)).digest()[:16]

    def later(self, **time) -> Written:
        self.now += timedelta(**time)
        return self

    # --- leaves -------------------------------------------------------------------------------

    def inquiry(self, **changes) -> int:
        return self.say(replace(InquiryLeaf(order="0" * 64, count=1, **self._asked()), **changes))

    def disclosure(self, inquiry: int | None = None, **changes) -> int:
        leaf = DisclosureLeaf(count=1, **self._asked(), **self._labelled(), inquiry=inquiry)
        return self.say(replace(leaf, **changes))

    def refusal(self, inquiry: int | None = None, **changes) -> int:
        asked = self._asked()
        del asked["items"]
        leaf = RefusalLeaf(**asked, rule="stale", commitment="0" * 64, inquiry=inquiry)
        return self.say(replace(leaf, **changes))

    def deferred(self, **changes) -> int:
        leaf = DeferredLeaf(
            **self._deferring(),
            **self._labelled(),
            inquiry=None,
            open_on=str((self.now + timedelta(days=30)).date()),
        )
        return self.say(replace(leaf, **changes))

    def opening(self, deferred: int, **changes) -> int:
        leaf = OpeningLeaf(**self._deferring(), **self._labelled(), deferred=deferred)
        return self.say(replace(leaf, **changes))

    def view_key(self) -> int:
        return self.say(ViewKeyLeaf(time=self._time, issuer="municipal/13", **self._labelled()))

    def objection(self, entry: int, about: bytes, **changes) -> int:
        leaf = ObjectionLeaf(
            time=self._time,
            agency=AGENCY,
            row=ROW,
            **self._labelled(),
            entry=entry,
            about=about.hex(),
            answer_by=str((self.now + timedelta(days=30)).date()),
        )
        return self.say(replace(leaf, **changes))

    def objection_answer(self, objection: int) -> int:
        leaf = ObjectionAnswerLeaf(
            time=self._time, **self._labelled(), objection=objection, outcome="explained"
        )
        return self.say(leaf)

    def bundle(self, size: int, **changes) -> int:
        records = sorted(self.label() + sha256(b"%d" % n).digest() for n in range(size))
        folder = leaves.bundle_folder(self.log.size)
        self.beside.update(runs.files(folder, records))
        leaf = BundleLeaf(
            **self._asked(), count=size, root=runs.root_of_run(records).hex(), inquiry=None
        )
        return self.say(replace(leaf, **changes), *(record[:16] for record in records))

    # --- runs ---------------------------------------------------------------------------------

    def close(self, span: str, name: str, /, **changes) -> int:
        """The run of a day, a month or a year, with its files."""
        days = [one for one in self.closed if one.span == "day"]
        inside = [one for one in days if one.name.startswith(name)]
        first = inside[0].first if inside else days[-1].end if days else 0
        end = inside[-1].end if inside else self.log.size
        records = self.records(first, end)
        counted = self.counted(first, end, name) if span == "month" else None
        leaf = RunLeaf(
            time=self._time,
            span=span,
            name=name,
            first=first,
            end=end,
            count=len(records),
            root=runs.root_of_run(records).hex(),
            statistics=sha256(counted).hexdigest() if counted else None,
        )
        leaf = replace(leaf, **changes)
        self.beside.update(runs.files(f"runs/{name}", records))
        if counted:
            self.beside[statistics.path(name)] = counted
        self.closed.append(leaf)
        return self.say(leaf)

    def records(self, first: int, end: int) -> list[bytes]:
        places: dict[int, int] = {}
        found = []
        for index, label in self.labels:
            place = places[index] = places.get(index, -1) + 1
            if first <= index < end:
                found.append(runs.pack(label, index, place))
        return sorted(found)

    def counted(self, first: int, end: int, month: str) -> bytes:
        found = Statistics()
        for leaf in self.leaves[first:end]:
            found.take(leaf)
        return found.csv(month)

    # --- the auditor's side -------------------------------------------------------------------

    @property
    def files(self) -> dict[str, bytes]:
        """Every public file that the checkpoint covers, no stale partial tiles."""
        paths = ["checkpoint", *covered(self.log.size)]
        return {path: self.disk.read(path) for path in paths} | self.beside

    def auditor(self, files: dict[str, bytes] | None = None, state: State | None = None) -> Auditor:
        held = self.files if files is None else files
        now = self.now.astimezone(JAPAN)
        return Auditor(held.get, self.opener, now=now, state=state)

    def opener(self, note: bytes):
        return open_checkpoint(note, log=self.log.verifier_key)

    @property
    def _time(self) -> str:
        return leaf_time(self.now)

    def _asked(self) -> dict:
        return {"time": self._time, "agency": AGENCY, "row": ROW, "kind": "standing", "items": ()}

    def _deferring(self) -> dict:
        return {
            "time": self._time,
            "agency": DEFERRING.receiver,
            "row": DEFERRING.id,
            "kind": "items",
            "items": leaves.item_names(DEFERRING.items),
        }

    def _labelled(self) -> dict:
        return {"labels": (self.label().hex(),), "commitment": "1" * 64}


def covered(size: int) -> list[str]:
    return [tile.path for tile in tiles.new_bundles(0, size) + tiles.new_tiles(0, size)]


def month(questions: int = 500) -> Written:
    """A month in which everything happens that may happen, and the day after it."""
    log = Written().found()
    for number in range(questions):
        if number % 50 == 0:
            log.later(days=2).close("day", str((log.now - timedelta(days=1)).date()))
        if number % 3 == 0:
            asked = log.inquiry()
            log.refusal(asked) if number % 2 else log.disclosure(asked)
        else:
            log.disclosure()
    log.bundle(300)
    entry = log.disclosure()
    waits = log.objection(entry, log.labels[-1][1])
    log.view_key()
    kept = log.deferred()
    log.later(days=31).close("day", "2026-05-21")
    log.close("month", "2026-04")
    log.objection_answer(waits)
    log.opening(kept)
    log.disclosure()
    return log


def of_the_real_writer(questions: int = 450) -> Written:
    """A log that the centre's own writer has written: chains, bundles, closed days and a month."""
    found = Written()
    store = memory(chains.METADATA)
    with store.begin() as tx:
        starts = [(who, ChainStart(epoch=0, seed=who * 2, sealed_seed=b"s" * 80)) for who in PEOPLE]
        chains.start(tx, starts)
    ledger = Ledger(found.log, store, chance("audited"))
    rows = StandingRows()
    ledger.commit([Draft(rows.announced(load(), one, found.now)) for one in load().grants.values()])
    asked = found._asked()
    for number in range(0, questions, 5):
        if number % 100 == 0:
            found.later(days=11)
            closed = closing(ledger, found.now)
            if closed is not None:
                ledger.write(closed.drafts, beside=closed.files)
        asked = {**found._asked(), "count": 1}
        at = ledger.commit([Draft(InquiryLeaf(**asked, order="0" * 64))])[0].index
        who = PEOPLE[number % len(PEOPLE)]
        given = DisclosureLeaf(**asked, labels=(), commitment="", inquiry=None)
        ledger.commit(
            [Draft(replace(given, inquiry=at), BODY, who)]
            + [Draft(given, BODY, PEOPLE[(number + n) % len(PEOPLE)]) for n in range(3)]
        )
    many = BundleLeaf(**asked, root="", inquiry=None)
    ledger.commit([Draft(many, parts=tuple(Part(BODY, PEOPLE[n % 7]) for n in range(300)))])
    found.later(days=31)
    closed = closing(ledger, found.now)
    assert closed is not None
    ledger.write(closed.drafts, beside=closed.files)
    found.beside = {
        path: found.disk.read(path)
        for path in found.disk.names
        if path.startswith(("bundle/", "runs/", "statistics/")) and "/bodies/" not in path
    }
    return found
