"""Centre: prefecture by prefecture the towns and the index of them, then what spans them all."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from jukinet.feed.link import stream_name
from jukinet.nodes.centre.inspection import Person
from jukinet.nodes.keyring import payload_opening
from jukinet.nodes.message import CENTRE
from jukinet.tasks.folder import Folder
from jukinet.tasks.verifying.agencies import (
    Bearer,
    Receipts,
    check_asked,
    check_spent,
    check_subjects,
)
from jukinet.tasks.verifying.arrivals import Arrivals, Incoming
from jukinet.tasks.verifying.feeds import Stream, check_received, follow_streams, read_inbox
from jukinet.tasks.verifying.files import Held
from jukinet.tasks.verifying.findings import Findings, Progress
from jukinet.tasks.verifying.index import check_index
from jukinet.tasks.verifying.ledger import Ledger, starts_of
from jukinet.tasks.verifying.logfiles import PLACE, open_log
from jukinet.tasks.verifying.national import (
    check_allotments,
    check_codes_in_use,
    check_gone,
    check_relay,
    check_whereabouts,
    read_handed,
    versions,
)
from jukinet.tasks.verifying.notices import Told
from jukinet.tasks.verifying.stores import Shelf, opened
from jukinet.tasks.verifying.towns import Spoken, check_town, silent

UNVERIFIED = "cannot be verified to its end"


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
        self._keeper = payload_opening(held.keeper) if held.keeper else None

    @property
    def told(self) -> Iterator[Told]:
        """Every notice that any town has told, town by town in the order of its feed."""
        return chain.from_iterable(said.told for said in self.spoken.values())

    def run(self) -> None:
        """All steps, each on what those before it have found."""
        for prefecture in self.held.prefectures:
            self._prefecture(prefecture)
        self._national()
        ledger = self._ledger()
        self._agencies(ledger)
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
        centre = self.held.centre
        self._people[prefecture], decoy = check_index(
            shelf,
            prefecture,
            applied,
            begun=bool(rows),
            index_key=centre.index.get(prefecture) if centre else None,
            keeper=self._keeper,
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
            check_codes_in_use(shelf, self.told, self.applied)
            if self.held.centre is not None:
                pools = {
                    town: [pairs for _, pairs in came.pools] for town, came in self.incoming.items()
                }
                check_allotments(shelf, pools, self.held.centre)
            for prefecture, people in self._people.items():
                place = f"centre/{prefecture}.db"
                check_gone(self.findings, place, prefecture, people, told, where)

    def _ledger(self) -> Ledger | None:
        ledger = self._log()
        with self._opened(self.folder.chains, "centre/chains.db", "chains") as shelf:
            if shelf is not None and ledger is not None:
                starts = starts_of(self.told, self.applied)
                ledger.check_chains(
                    shelf,
                    starts,
                    self._keeper,
                    decoys=self._decoys,
                    askers=self.held.agencies,
                )
        if ledger is not None:
            size = ledger.log.size
            with self.findings.reading(PLACE, "leaves", UNVERIFIED):
                ledger.check_leaves(
                    self.held.directory, lambda done: self.progress("ledger", done, size)
                )
            self.progress("ledger", size, size)
        return ledger

    def _log(self) -> Ledger | None:
        """The leaves of the public log, every hash checked."""
        directory = self.held.directory
        if not any((self.folder.log / name).exists() for name in ("checkpoint", "tile")):
            self._missing.append((PLACE, ""))
            return None
        log = open_log(self.folder.log, directory.log, self.findings) if directory else None
        if log is None:
            return None
        ledger = Ledger(log, self.findings)
        ledger.decode()
        return ledger

    def _agencies(self, ledger: Ledger | None) -> None:
        answered: set[int] = set()
        bearers = self._bearers()
        for done, name in enumerate(self.held.agencies, start=1):
            place = f"agencies/{name}.db"
            with self._opened(self.folder.agency(name), place, "agency") as shelf:
                if shelf is not None:
                    answered |= self._agency(shelf, name, ledger, bearers)
            self.progress("agencies", done, len(self.held.agencies))
        with self._opened(self.folder.keeper, "keeper/keeper.db", "keeper") as shelf:
            if shelf is not None and ledger is not None:
                check_spent(shelf, ledger, answered)

    def _agency(
        self, shelf: Shelf, name: str, ledger: Ledger | None, bearers: dict[bytes, Bearer]
    ) -> set[int]:
        held, directory = self.held, self.held.directory
        if ledger is None or directory is None or name not in directory.agencies:
            return set()
        entry = directory.agencies[name]
        if held.centre is not None and held.keeper is not None:
            check_subjects(shelf, entry, bearers, held.centre, held.keeper)
        return check_asked(shelf, entry, Receipts(ledger, directory.log), ledger)

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
    def _opened(self, path: Path, place: str, kind: str, town: str = "") -> Iterator[Shelf | None]:
        """A store; what nobody foresaw of a damaged one ends its own block only."""
        if not path.is_file():
            self._missing.append((place, town))
            yield None
            return
        with (
            opened(path, place, kind, self.findings) as shelf,
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
