"""Network (全体): every node of a folder, on one line, in one process.

`create` draws all keys and makes the folder; `open_network` brings the nodes up from it. The same
folder opened again continues where it was, whatever ended the last process.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from secrets import token_bytes

from msgspec.structs import replace

from jukinet.client.receipts import LogKey
from jukinet.keys import group
from jukinet.keys.chance import Chance
from jukinet.keys.seal import OpenKey
from jukinet.keys.secret import Secret
from jukinet.keys.sign import SigningKey
from jukinet.keys.threshold import GroupKey, KeyShare, read_share, write_share
from jukinet.law.personal import Personal
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
from jukinet.nodes.keeper import HeldShares, Keeper
from jukinet.nodes.keyring import (
    RELEASE,
    AgencyEntry,
    AgencyRing,
    CentreRing,
    Directory,
    KeeperEntry,
    KeeperRing,
    TownEntry,
    TownRing,
    key_names,
    new_centre_ring,
    new_tag_keys,
    new_town_ring,
)
from jukinet.nodes.message import Node
from jukinet.nodes.municipality import Municipality
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.numbers.municipality_code import municipality as place_of
from jukinet.store.disk import RealDisk
from jukinet.store.engine import Store, open_store
from jukinet.store.lock import only_one
from jukinet.store.migrate import migrate
from jukinet.tasks import locking, witnessing
from jukinet.tasks.folder import Folder, Mark
from jukinet.tasks.inspecting import inspector
from jukinet.wire.line import Line
from jukinet.wire.mirror_reader import reader
from jukinet.wire.remote_witness import RemoteWitness

JST = timezone(timedelta(hours=9))
ORIGIN = "jukinet.example/ledger"
WITNESSES = {"w1": "ed25519", "w2": "ed25519", "w3": "ml-dsa-44"}
WITNESSES_WANTED = 2
KEEPERS = ("keeper-1", "keeper-2", "keeper-3")
KEEPERS_WANTED = 2
INSPECTING = "w1"
MIGRATIONS = Path(municipality.__file__).parent / "migrations"


class Network:
    """All nodes of one folder."""

    def __init__(
        self,
        folder: Folder,
        line: Line,
        towns: dict[str, Municipality],
        centre: Centre,
        keepers: dict[str, Keeper],
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
    folder: Folder, mark: Mark, *, chance: Chance = token_bytes, witnessed: Policy | None = None
) -> None:
    """Draw all keys and make a folder for some towns and agencies.

    `witnessed` says which witnesses are to sign, its logs left out; without it the folder has
    three of its own, of whom two must.
    The mark is written last: a folder without it holds nothing yet and is made again.
    """
    folder.refuse_foreign()
    folder.root.mkdir(parents=True, exist_ok=True)
    with only_one(folder.root):
        locking.refuse_other(folder)
        _create(folder, mark, chance, witnessed)


def _create(folder: Folder, mark: Mark, chance: Chance, witnessed: Policy | None) -> None:
    folder.clear()
    folder.make_folders()
    schedule = load()
    keys, shares = _shared(key_names(schedule), chance)
    tags = new_tag_keys(chance, mark.towns)
    centre = new_centre_ring(chance, mark.towns, tags, keys[RELEASE].public)
    towns = {town: new_town_ring(chance, centre, tags[town[:2]], town) for town in mark.towns}
    agencies = {name: AgencyRing(signing=chance(32), enrol=chance(32)) for name in mark.agencies}
    folder.put_ring("centre", centre)
    keepers = {name: KeeperRing(signing=chance(32), opening=chance(32)) for name in KEEPERS}
    for (name, keeper), written in zip(keepers.items(), shares, strict=True):
        folder.keeper(name).mkdir(parents=True, exist_ok=True)
        folder.put_ring(f"keepers/{name}", keeper)
        folder.put_ring(f"keepers/{name}-shares", written)
    for town, ring in towns.items():
        folder.put_ring(f"towns/{town}", ring)
    for name, held in agencies.items():
        folder.put_ring(f"agencies/{name}", held)
    log_key = VerifierKey(ORIGIN, SigningKey(centre.log).public_bytes)
    public = directory(centre, keepers, keys, towns, agencies, schedule)
    if witnessed is None:
        own = _witnesses(folder, log_key, chance)
        policy = m_of_n(log_key, own, WITNESSES_WANTED)
    else:
        policy = dataclasses.replace(witnessed, logs=(policies.Log(log_key),))
    folder.put_public("directory", replace(public, policy=str(policy)))
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


class WrittenShares(Personal, frozen=True, kw_only=True):
    """A keeper's shares as they are written down."""

    shares: dict[str, bytes]


def read_shares(written: WrittenShares) -> dict[str, KeyShare]:
    """The shares that were written down; raises Malformed where one is none."""
    return {name: read_share(content) for name, content in written.shares.items()}


def _shared(
    names: Sequence[str], chance: Chance
) -> tuple[dict[str, GroupKey], list[WrittenShares]]:
    """Keys in shares: every keeper draws a polynomial for each, and their sums are the shares."""
    keys: dict[str, GroupKey] = {}
    shares: list[dict[str, bytes]] = [{} for _ in KEEPERS]
    for name in names:
        drawn = [
            [int.from_bytes(chance(64), "little") % group.ORDER for _ in range(KEEPERS_WANTED)]
            for _ in KEEPERS
        ]
        values = [
            sum(each * at**power for one in drawn for power, each in enumerate(one)) % group.ORDER
            for at in range(len(KEEPERS) + 1)
        ]
        public = [group.base(group.scalar_of(value)) for value in values]
        keys[name] = GroupKey(
            name=name,
            epoch=0,
            threshold=KEEPERS_WANTED,
            public=public[0],
            shares=tuple(public[1:]),
        )
        for at, held in enumerate(shares, start=1):
            share = KeyShare(at, Secret(group.scalar_of(values[at])), keys[name])
            held[name] = bytes(write_share(share))
    return keys, [WrittenShares(shares=one) for one in shares]


def directory(
    centre: CentreRing,
    keepers: dict[str, KeeperRing],
    keys: dict[str, GroupKey],
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
        threshold=KEEPERS_WANTED,
        keepers={
            name: KeeperEntry(
                name=name,
                index=index,
                verify=SigningKey(ring.signing).public_bytes,
                seal=OpenKey(ring.opening).public.raw,
            )
            for index, (name, ring) in enumerate(keepers.items(), start=1)
        },
        group_keys=keys,
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
        keepers = {
            name: Keeper(
                name,
                store(folder.keeper(name) / "keeper.db", "keeper"),
                RealDisk(folder.keeper(name)),
                HeldShares(read_shares(folder.ring(f"keepers/{name}-shares", WrittenShares))),
                folder.ring(f"keepers/{name}", KeeperRing),
                LogKey.parse(public.policy),
                public,
                chance,
            )
            for name in public.keepers
        }
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
