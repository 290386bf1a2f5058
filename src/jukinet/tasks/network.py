"""Network (全体): every node of a folder, on one line, in one process.

`create` draws all keys and makes the folder; `open_network` brings the nodes up from it. The same
folder opened again continues where it was, whatever ended the last process.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from secrets import token_bytes
from typing import NamedTuple

from msgspec.structs import replace

from jukinet.client.receipts import LogKey
from jukinet.keys.chance import Chance
from jukinet.keys.seal import OpenKey
from jukinet.keys.sign import SigningKey
from jukinet.law.schedule import Schedule, load
from jukinet.ledger.log import Log
from jukinet.ledger.writer import Ledger
from jukinet.merkle import policy as policies
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.policy import Policy, Witness, m_of_n
from jukinet.nodes import municipality
from jukinet.nodes.agency import Agency
from jukinet.nodes.centre.node import Centre
from jukinet.nodes.centre.shelves import Shelves
from jukinet.nodes.keyring import (
    RELEASE,
    AgencyEntry,
    AgencyRing,
    CentreRing,
    Directory,
    TownEntry,
    TownRing,
    key_names,
    new_centre_ring,
    new_tag_keys,
    new_town_ring,
)
from jukinet.nodes.message import Node
from jukinet.nodes.municipality import Municipality
from jukinet.nodes.office import Sharing
from jukinet.nodes.seat import Seat
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.numbers.municipality_code import municipality as place_of
from jukinet.store.disk import RealDisk
from jukinet.store.engine import Store, open_store
from jukinet.store.lock import only_one
from jukinet.store.migrate import migrate
from jukinet.tasks import keeping, locking, witnessing
from jukinet.tasks.ceremonies import adopted, found_own
from jukinet.tasks.folder import Folder, Mark
from jukinet.tasks.inspecting import inspector
from jukinet.tasks.keeping import ADDRESSES, Addresses
from jukinet.wire.line import Line
from jukinet.wire.mirror_reader import reader
from jukinet.wire.remote_keeper import RemoteKeeper
from jukinet.wire.remote_witness import RemoteWitness

JST = timezone(timedelta(hours=9))
ORIGIN = "jukinet.example/ledger"
WITNESSES = {"w1": "ed25519", "w2": "ed25519", "w3": "ml-dsa-44"}
WITNESSES_WANTED = 2
KEEPERS = ("keeper-1", "keeper-2", "keeper-3")
KEEPERS_WANTED = 2
INSPECTING = "w1"
MIGRATIONS = Path(municipality.__file__).parent / "migrations"


class Kept(NamedTuple):
    """Keepers elsewhere: what they hold, and where each is."""

    sharing: Sharing
    urls: Mapping[str, str]


class Network:
    """All nodes of one folder."""

    def __init__(
        self,
        folder: Folder,
        line: Line,
        towns: dict[str, Municipality],
        centre: Centre,
        keepers: dict[str, Seat | RemoteKeeper],
        agencies: dict[str, Agency],
        directory: Directory,
    ) -> None:
        self.folder = folder
        self.line = line
        self.towns = towns
        self.centre = centre
        self.keepers = keepers
        self.agencies = agencies
        self.directory = directory

    def __repr__(self) -> str:
        return f"<Network of {len(self.towns)} towns>"


def create(
    folder: Folder,
    mark: Mark,
    *,
    chance: Chance = token_bytes,
    witnessed: Policy | None = None,
    kept: Kept | None = None,
) -> None:
    """Draw all keys and make a folder for some towns and agencies.

    `witnessed` says which witnesses are to sign, its logs left out; without it the folder has
    three of its own, of whom two must. `kept` says which keepers elsewhere hold which shares;
    without it the folder has three of its own, of whom two must work together.
    The mark is written last: a folder without it holds nothing yet and is made again.
    """
    folder.refuse_foreign()
    folder.root.mkdir(parents=True, exist_ok=True)
    with only_one(folder.root):
        locking.refuse_other(folder)
        _create(folder, mark, chance, witnessed, kept)


def _create(
    folder: Folder, mark: Mark, chance: Chance, witnessed: Policy | None, kept: Kept | None
) -> None:
    folder.clear()
    folder.make_folders()
    schedule = load()
    keys = key_names(schedule)
    sharing = kept.sharing if kept else found_own(folder, KEEPERS, KEEPERS_WANTED, keys, chance)
    release = next(key.public for key in sharing.keys if key.name == RELEASE)
    tags = new_tag_keys(chance, mark.towns)
    centre = new_centre_ring(chance, mark.towns, tags, release)
    towns = {town: new_town_ring(chance, centre, tags[town[:2]], town) for town in mark.towns}
    agencies = {name: AgencyRing(signing=chance(32), enrol=chance(32)) for name in mark.agencies}
    folder.put_ring("centre", centre)
    for town, ring in towns.items():
        folder.put_ring(f"towns/{town}", ring)
    for name, held in agencies.items():
        folder.put_ring(f"agencies/{name}", held)
    log_key = VerifierKey(ORIGIN, SigningKey(centre.log).public_bytes)
    public = directory(centre, sharing, towns, agencies, schedule)
    if witnessed is None:
        own = _witnesses(folder, log_key, chance)
        policy = m_of_n(log_key, own, WITNESSES_WANTED)
    else:
        policy = dataclasses.replace(witnessed, logs=(policies.Log(log_key),))
    folder.put_public("directory", replace(public, policy=str(policy)))
    folder.put_public(ADDRESSES, Addresses(urls=dict(kept.urls) if kept else {}))
    folder.put_policy(bytes(policy))
    folder.put_mark(mark)


def _witnesses(folder: Folder, log: VerifierKey, chance: Chance) -> list[Witness]:
    """The network's own witnesses, each in a folder that could stand anywhere."""
    found = []
    for name, kind in WITNESSES.items():
        own = folder.within(folder.witness_name(name))
        witnessing.create(own, f"{name}.{ORIGIN}", kind, chance=chance)
        witnessing.trust(own.root, log)
        with witnessing.open_witness(own, looking=True) as node:
            found += [Witness(name, VerifierKey.parse(vkey)) for vkey in node.vkeys]
    return found


def directory(
    centre: CentreRing,
    sharing: Sharing,
    towns: dict[str, TownRing],
    agencies: dict[str, AgencyRing],
    schedule: Schedule,
) -> Directory:
    """What everybody may know of some nodes."""
    log_key = VerifierKey(ORIGIN, SigningKey(centre.log).public_bytes)
    prefecture = min(towns)[:2] if towns else ""
    return Directory(
        origin=ORIGIN,
        log=str(log_key),
        policy=str(m_of_n(log_key, (), 0)),
        centre=SigningKey(centre.signing).public_bytes,
        threshold=sharing.among.threshold,
        keepers={one.name: one for one in sharing.among.keepers},
        group_keys={key.name: key for key in sharing.keys},
        towns={
            town: TownEntry(
                code=town,
                name=place_of(MunicipalityCode(town)).name,
                verify=SigningKey(ring.signing).public_bytes,
                seal=OpenKey(ring.opening).public.raw,
            )
            for town, ring in towns.items()
        },
        agencies={
            name: AgencyEntry(
                id=name,
                receiver=name,
                prefecture=prefecture if schedule.receivers[name].municipal else "",
                verify=SigningKey(ring.signing).public_bytes,
                enrol=OpenKey(ring.enrol).public.raw,
            )
            for name, ring in agencies.items()
        },
    )


def _known(public: Directory) -> Iterator[Witness]:
    """The witnesses of the policy, each once, whatever keys it has."""
    seen = set()
    for one in policies.parse(public.policy).witnesses:
        if one.key.name not in seen:
            seen.add(one.key.name)
            yield one


@contextmanager
def _witness(known: Witness, folder: Folder, line: Line) -> Iterator[Node]:
    """A witness on the line: elsewhere where the policy says its address, else the folder's own.

    The first of the folder's own inspects the log's leaves before it signs.
    """
    if known.url:
        remote = RemoteWitness(known.key.name, known.url)
        try:
            yield remote
        finally:
            remote.close()
        return
    own = folder.within(folder.witness_name(known.name))
    inspect = None
    if known.name == INSPECTING:
        logs = [VerifierKey.parse(vkey) for vkey in witnessing.card(own.root).logs]
        inspect = inspector(reader(str(folder.log)), logs, lambda: line.now)
    with witnessing.open_witness(own, inspect=inspect) as node:
        yield node


@contextmanager
def _keeper(
    folder: Folder, name: str, url: str, public: Directory, chance: Chance
) -> Iterator[Seat | RemoteKeeper]:
    """A keeper on the line: elsewhere where it has an address, else the folder's own."""
    if url:
        remote = RemoteKeeper(name, url)
        try:
            yield remote
        finally:
            remote.close()
        return
    own = folder.within(folder.keeper_name(name))
    with keeping.open_seat(own, directory=public, chance=chance) as seat:
        yield seat


@contextmanager
def open_network(
    folder: Folder,
    now: datetime,
    *,
    only_towns: Sequence[str] | None = None,
    chance: Chance = token_bytes,
) -> Iterator[Network]:
    """Bring all nodes of a folder up (or the centre and some towns), on one line, until the end."""
    mark = folder.require()
    with ExitStack() as stack:
        stack.enter_context(only_one(folder.root))
        stack.enter_context(only_one(folder.log))  # whoever else would write to this log

        def store(path: Path, kind: str) -> Store:
            opened = open_store(path, key=folder.store_key(path))
            stack.callback(opened.close)
            migrate(opened, MIGRATIONS / kind)
            return opened

        public = folder.public("directory", Directory)
        addresses = folder.public(ADDRESSES, Addresses).urls
        keepers = {
            name: stack.enter_context(
                _keeper(folder, name, addresses.get(name, ""), public, chance)
            )
            for name in public.keepers
        }
        seats = {name: one for name, one in keepers.items() if isinstance(one, Seat)}
        public = adopted(folder, public, seats)
        centre_ring = folder.ring("centre", CentreRing)
        line = Line(now)
        shelves = Shelves(
            prefectures={
                prefecture: store(folder.prefecture(prefecture), "prefecture")
                for prefecture in sorted({town[:2] for town in mark.towns})
            },
            national=store(folder.national, "national"),
            chains=store(folder.chains, "chains"),
        )

        def log() -> Log:
            key = SigningKey(centre_ring.log)
            return Log.open(RealDisk(folder.log), origin=public.origin, key=key)

        ledger = Ledger(log(), shelves.chains, chance, reopen=log)
        centre = Centre(shelves, ledger, centre_ring, public, load(), chance)
        towns = {
            town: Municipality(
                town,
                store(folder.town(town), "town"),
                folder.ring(f"towns/{town}", TownRing),
                public,
                chance,
            )
            for town in (mark.towns if only_towns is None else only_towns)
        }
        agencies = {
            name: Agency(
                name,
                load().receivers[public.agencies[name].receiver],
                public.agencies[name].prefecture,
                store(folder.agency(name), "agency"),
                folder.ring(f"agencies/{name}", AgencyRing),
                LogKey.parse(public.policy),
                public,
                chance,
            )
            for name in mark.agencies
        }
        witnesses = [stack.enter_context(_witness(one, folder, line)) for one in _known(public)]
        nodes: list[Node] = [
            *keepers.values(),
            *witnesses,
            centre,
            *towns.values(),
            *agencies.values(),
        ]
        for node in nodes:
            line.join(node)
        line.run()
        yield Network(folder, line, towns, centre, keepers, agencies, public)
