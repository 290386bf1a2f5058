"""Centre: prefecture by prefecture the towns and the index of them, then what spans them all."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from jukinet.feed.link import stream_name
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.policy import NONE, Policy
from jukinet.nodes.centre.inspection import Person
from jukinet.nodes.message import CENTRE
from jukinet.store.disk import RealDisk
from jukinet.tasks.folder import Folder
from jukinet.tasks.verifying.agencies import (
    Bearer,
    Known,
    Numbers,
    Receipts,
    check_asked,
    check_given,
    check_objected,
    check_subjects,
)
from jukinet.tasks.verifying.arrivals import Arrivals, Incoming
from jukinet.tasks.verifying.auditing import check_keys, check_rules
from jukinet.tasks.verifying.bodies import Bodies
from jukinet.tasks.verifying.closed import check_closed
from jukinet.tasks.verifying.feeds import Stream, check_received, follow_streams, read_inbox
from jukinet.tasks.verifying.files import Held
from jukinet.tasks.verifying.findings import Findings, Progress
from jukinet.tasks.verifying.index import check_index
from jukinet.tasks.verifying.keeper import (
    Keeper,
    Used,
    check_budgets,
    check_log,
    check_orders,
    check_spent,
    check_used,
)
from jukinet.tasks.verifying.ledger import Ledger, starts_of
from jukinet.tasks.verifying.logfiles import PLACE, open_log
from jukinet.tasks.verifying.national import (
    check_allotments,
    check_codes_in_use,
    check_generations,
    check_gone,
    check_relay,
    check_renewed,
    check_whereabouts,
    read_handed,
    versions,
)
from jukinet.tasks.verifying.noted import check_noted, check_progress, check_waiting
from jukinet.tasks.verifying.notices import Told
from jukinet.tasks.verifying.stores import Shelf, opened
from jukinet.tasks.verifying.towns import Spoken, check_town, silent
from jukinet.tasks.verifying.witnesses import Cosignatures, check_witness

UNVERIFIED = "cannot be verified to its end"


class Public(NamedTuple):
    """The public log as it was read, for all who hold something of it."""

    ledger: Ledger
    bodies: Bodies
    cosignatures: Cosignatures
    waiting: frozenset[int] = frozenset()  # objections


class Verification:
    """One verification of a folder: what each step leaves for the next."""

    def __init__(self, folder: Folder, held: Held, findings: Findings, progress: Progress) -> None:
        self.folder = folder
        self.held = held
        self.findings = findings
        self.progress = progress
        self.spoken: dict[str, Spoken] = {}
        self.incoming: dict[str, Incoming] = {}
        self.applied: dict[str, int] = {}
        self._people: dict[str, list[Person]] = {}
        self._handed: dict[str, set[tuple[str, int]]] = {}
        self._decoys = False
        self._missing: list[tuple[str, str]] = []  # places without a file, and which town's
        self._quorum = held.quorum
        self._generations: dict[tuple[bytes, str], int] = {}
        self._merged: dict[bytes, bytes] = {}

    @property
    def told(self) -> Iterator[Told]:
        """Every notice that any town has told, town by town in the order of its feed."""
        return chain.from_iterable(said.told for said in self.spoken.values())

    def run(self) -> None:
        """All steps, each on what those before it have found."""
        for prefecture in self.held.prefectures:
            self._prefecture(prefecture)
        self._national()
        public = self._ledger()
        self._agencies(public)
        self._witnesses(public)
        self._note_missing()

    # --- towns and the index of them --------------------------------------------------------

    def _prefecture(self, prefecture: str) -> None:
        towns = [town for town in self.held.towns if town[:2] == prefecture]
        place = f"centre/{prefecture}.db"
        with self._opened(self.folder.prefecture(prefecture), place, "prefecture") as shelf:
            self._read_relay(shelf, prefecture, towns)
            for town in towns:
                self._town(town)
                self.progress("towns", len(self.spoken), len(self.held.towns))
            if shelf is not None:
                self._index(shelf, prefecture, towns)
            self.progress("index", len(self._people), len(self.held.prefectures))

    def _read_relay(self, shelf: Shelf | None, prefecture: str, towns: list[str]) -> None:
        """What the centre has put into the feeds of a prefecture's towns."""
        streams: dict[str, Stream] = {}
        names = {town: stream_name(CENTRE, town) for town in towns}
        arrivals = Arrivals(self.findings, f"centre/{prefecture}.db", names.values())
        if shelf is not None:
            streams = follow_streams(shelf, arrivals.take)
            self._handed[prefecture] = read_handed(shelf)
        for town, name in names.items():
            self.incoming[town] = arrivals.incoming(name, streams.get(name))

    def _town(self, town: str) -> None:
        self.spoken[town] = silent(town)
        with self._opened(self.folder.town(town), f"towns/{town}.db", "town", town) as shelf:
            if shelf is not None:
                self.spoken[town] = check_town(shelf, town, self.held, self.incoming[town])

    def _index(self, shelf: Shelf, prefecture: str, towns: list[str]) -> None:
        rows = read_inbox(shelf, [self.spoken[town].stream for town in towns])
        applied: list[Told] = []
        for town in towns:
            said = self.spoken[town]
            last = check_received(shelf, said.stream, said.sent, rows.get(said.stream))
            self.applied[town] = last
            applied += [one for one in said.told if one.number <= last]
            self.findings.counts["notices_under_way"] += sum(one.number > last for one in said.told)
        keys = self.held.tags.get(prefecture)
        self._people[prefecture], decoy = check_index(
            shelf,
            prefecture,
            applied,
            begun=bool(rows),
            index_key=keys.index if keys else None,
            quorum=self._quorum,
        )
        self._decoys |= decoy

    # --- what spans them --------------------------------------------------------------------

    def _national(self) -> None:
        told = versions(self.told, self.applied)
        check_relay(self.findings, self.spoken, self.applied, self._handed, self.incoming)
        with self._opened(self.folder.national, "centre/national.db", "national") as shelf:
            if shelf is None:
                return
            where = check_whereabouts(shelf, told)
            self._generations, self._merged = check_generations(shelf, told)
            check_codes_in_use(shelf, self.told, self.applied)
            if self.held.centre is not None:
                pools = {
                    town: [pairs for _, pairs in came.pools] for town, came in self.incoming.items()
                }
                check_allotments(shelf, pools, self.held.centre)
            for prefecture, people in self._people.items():
                place = f"centre/{prefecture}.db"
                check_gone(self.findings, place, prefecture, people, told, where)

    def _ledger(self) -> Public | None:
        """The public log, and the chain store beside it."""
        public = self._log()
        waiting: frozenset[int] = frozenset()
        with self._opened(self.folder.chains, "centre/chains.db", "chains") as shelf:
            if shelf is not None and public is not None:
                waiting = self._chains(shelf, public)
        if public is None:
            return None
        size = public.ledger.log.size
        with self.findings.reading(PLACE, "leaves", UNVERIFIED):
            public.bodies.check(lambda done: self.progress("ledger", done, size))
        check_renewed(self.findings, public.ledger, public.bodies, self._generations)
        with self.findings.reading(PLACE, "rules", UNVERIFIED):
            check_rules(public.ledger)
        with self.findings.reading(PLACE, "runs", UNVERIFIED):
            check_closed(public.ledger)
        if self.held.directory is not None:
            check_keys(public.ledger, self.held.directory)
        self.progress("ledger", size, size)
        return public._replace(waiting=waiting)

    def _chains(self, shelf: Shelf, public: Public) -> frozenset[int]:
        """The chain store; the objections that wait in it."""
        ledger = public.ledger
        size = check_progress(shelf, ledger)
        ledger.check_chains(
            shelf,
            starts_of(self.told, self.applied),
            self._quorum,
            decoys=self._decoys,
            askers=self.held.agencies,
            size=size,
        )
        check_noted(shelf, ledger, size)
        return frozenset(check_waiting(shelf, ledger, public.bodies, size))

    def _log(self) -> Public | None:
        """The leaves of the public log, every hash checked."""
        directory = self.held.directory
        if not any((self.folder.log / name).exists() for name in ("checkpoint", "tile")):
            self._missing.append((PLACE, ""))
            return None
        if directory is None:
            return None
        key = VerifierKey.parse(directory.log)
        cosignatures = Cosignatures(key, self.held.policy or Policy(NONE))
        log = open_log(self.folder.log, key, cosignatures, self.findings)
        if log is None:
            return None
        ledger = Ledger(log, self.findings)
        ledger.decode()
        return Public(ledger, Bodies(ledger, directory, self._quorum), cosignatures)

    # --- whoever asks, opens and cosigns ----------------------------------------------------

    def _agencies(self, public: Public | None) -> None:
        used = Used(Counter(), Counter())
        bearers = self._bearers()
        for done, name in enumerate(self.held.agencies, start=1):
            place = f"agencies/{name}.db"
            with self._opened(self.folder.agency(name), place, "agency") as shelf:
                if shelf is not None and public is not None:
                    used = used.and_of(self._agency(shelf, name, public, bearers))
            self.progress("agencies", done, len(self.held.agencies))
        self._keepers(public, used)

    def _keepers(self, public: Public | None, used: Used) -> None:
        """What each keeper has spent, and whether as many have as must work together."""
        directory = self.held.directory
        if directory is None:
            return
        found: list[Keeper] = []
        for name in directory.keepers:
            if name not in self.held.keepers:
                continue
            own = self.folder.within(self.folder.keeper_name(name))
            path, place = own.root / "keeper.db", f"keepers/{name}/keeper.db"
            with self._opened(path, place, "keeper", within=own) as shelf:
                if shelf is not None and public is not None:
                    ledger, entry = public.ledger, directory.keepers[name]
                    keeper = check_spent(shelf, place, entry, ledger, directory)
                    check_orders(shelf, keeper, ledger, public.bodies)
                    check_budgets(shelf, directory.agencies)
                    check_log(shelf, RealDisk(self.folder.keeper(name)), keeper.spent)
                    found.append(keeper)
        if public is not None and len(found) == len(directory.keepers):
            check_used(self.findings, public.ledger, found, used, directory.threshold)

    def _agency(
        self, shelf: Shelf, name: str, public: Public, bearers: dict[bytes, Bearer]
    ) -> Used:
        held, directory, ledger = self.held, self.held.directory, public.ledger
        if directory is None or name not in directory.agencies:
            return Used(Counter(), Counter())
        entry = directory.agencies[name]
        answers = check_asked(shelf, entry, Receipts(ledger, public.cosignatures), ledger)
        check_objected(shelf, entry, ledger, public.bodies, public.waiting)
        if held.centre is None or held.quorum is None:
            return Used(Counter(), Counter())
        known = Known(bearers, self._generations, self._merged, held.quorum, held.centre.door)
        subjects = check_subjects(shelf, entry, known)
        return check_given(shelf, entry, answers, subjects, Numbers(ledger, public.bodies, known))

    def _witnesses(self, public: Public | None) -> None:
        for name, card in self.held.witnesses.items():
            place = f"witnesses/{name}/witness.db"
            own = self.folder.within(self.folder.witness_name(name))
            with self._opened(own.root / "witness.db", place, "witness", within=own) as shelf:
                if shelf is not None and public is not None:
                    log = public.ledger.log
                    check_witness(shelf, name, card.logs, public.cosignatures, log)

    def _bearers(self) -> dict[bytes, Bearer]:
        """Whom a handle may mean."""
        bearers: dict[bytes, Bearer] = {}
        for one in self.told:
            known = bearers.get(one.locator)
            prefectures = known.prefectures if known else frozenset()
            bearers[one.locator] = Bearer(one.root, prefectures | {one.town[:2]})
        return bearers

    # --- files ------------------------------------------------------------------------------

    @contextmanager
    def _opened(
        self, path: Path, place: str, kind: str, town: str = "", within: Folder | None = None
    ) -> Iterator[Shelf | None]:
        """A store; what nobody foresaw of a damaged one ends its own block only."""
        if not path.is_file():
            self._missing.append((place, town))
            yield None
            return
        key = (within or self.folder).store_key(path)
        with (
            opened(path, place, kind, self.findings, key) as shelf,
            self.findings.reading(place, "file", UNVERIFIED),
        ):
            yield shelf

    def _note_missing(self) -> None:
        """A file may be missing only where nothing was ever in it.

        A network that is brought up for the first time makes its stores one after the other, and
        fills them when all are there; a town that was never brought up was never heard.
        """
        empty = not self.findings.counts["rows"] and not self.findings.counts["leaves"]
        for place, town in self._missing:
            sent = self.incoming[town].sent if town else None
            unheard = sent is not None and not sent.acknowledged and not self.applied.get(town)
            if empty or unheard:
                self.findings.counts["stores_not_begun"] += 1
            else:
                self.findings.note(place, "file", "is missing")
