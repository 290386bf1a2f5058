"""Small things that many tests need: chance from a seed, people, and a town on a line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from functools import cache
from itertools import count
from pathlib import Path
from random import Random

from jukinet.keys import group, kem, threshold
from jukinet.keys.chance import Chance
from jukinet.keys.seal import OpenKey
from jukinet.keys.secret import Secret
from jukinet.keys.sign import SigningKey
from jukinet.keys.threshold import GroupKey, KeyShare
from jukinet.keys.wrap import Cost, PassphraseLock
from jukinet.law import notification as law
from jukinet.law.identity import Name, Sex
from jukinet.law.record import FamilyRegister, parse_relationship
from jukinet.law.schedule import Schedule, load
from jukinet.law.standing import StandingRows
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.policy import Witness, m_of_n
from jukinet.names import era, legal
from jukinet.names.address import Address
from jukinet.nodes import municipality
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
from jukinet.nodes.message import DESK, Filed, Filing, Message, NotFiled, Tick, Wake
from jukinet.numbers import individual_number, resident_code
from jukinet.register import book, codes
from jukinet.store.engine import Store, open_store
from jukinet.tasks import locking
from jukinet.tasks.folder import Folder

JST = timezone(timedelta(hours=9))
DAY = date(2026, 4, 1)
NOON = datetime(2026, 4, 1, 12, tzinfo=JST)
CHIYODA, SHINJUKU, SAPPORO_CHUO, SAPPORO_KITA, YOKOHAMA_TSURUMI = (
    "131016",
    "131041",
    "011011",
    "011029",
    "141011",
)

_numbers = count(1)


def chance(seed: object) -> Chance:
    """Chance that is the same for the same seed."""
    return Random(str(seed)).randbytes


def memory(*metadatas) -> Store:
    """A store in memory with some stations' tables."""
    store = open_store("sqlite://")
    with store.begin() as tx:
        tx.create(*[table for metadata in metadatas for table in metadata.sorted_tables])
    return store


def key_of(url: str | Path) -> bytes | None:
    """The key of a store of the tests: those of the name `sealed` have one."""
    return b"sealed".ljust(32, b".") if str(url).endswith("sealed.db") else None


def reopened(url: str | Path, **more) -> Store:
    """A store of the tests by its address, with its key if it has one."""
    return open_store(url, key=key_of(url), **more)


PASSPHRASE = "a passphrase of the tests"
CHEAP = Cost(memory_kib=8, passes=1, lanes=1)


def by_words(passphrase: str = PASSPHRASE) -> PassphraseLock:
    """A lock that costs no time."""
    return PassphraseLock(passphrase, os.urandom, cost=CHEAP)


def new_folder(root: Path) -> Folder:
    """A new folder with a lock that costs no time, unlocked for the command line too."""
    made = locking.begin(Folder(root), by_words())
    locking.remember(made)
    return made


def unlocked(root: Path) -> Folder:
    """A folder that was made so or by the command line, or a copy of it, open."""
    found = locking.recalled(root, NOON)
    assert found is not None, root
    return found


def name(text: str = "山田 花子", reading: str = "ヤマダ ハナコ") -> Name:
    return Name(legal=legal.parse(text), reading=legal.parse_reading(reading))


def address(town: str = CHIYODA, block: str = "1番1号") -> Address:
    return Address(
        municipality=town, postal_code="1000001", town="千代田", block=block, building=""
    )


def entrant(relationship: str = "世帯主", **fields) -> law.Entrant:
    fields = {
        "name": name(),
        "birth_date": era.parse_iso("1980-05-05"),
        "sex": Sex.FEMALE,
        "family_register": FamilyRegister(place="東京都千代田区千代田1", first_named="山田 花子"),
        **fields,
    }
    return law.Entrant(relationship=parse_relationship(relationship), **fields)


def filed(event: date = DAY, notice: date | None = None, number: str = "", **more) -> law.Filed:
    return law.Filed(
        number=number or f"n{next(_numbers)}",
        event_date=event,
        notice_date=max(event, DAY) if notice is None else notice,
        **more,
    )


def standing_rows(now: datetime = NOON, schedule: Schedule | None = None) -> StandingRows:
    """All rows of the schedules, as founding leaves have them."""
    rows, schedule = StandingRows(), schedule or load()
    for number, grant in enumerate(schedule.grants.values()):
        rows.take(number, rows.announced(schedule, grant, now))
    return rows


KEEPERS = ("keeper-1", "keeper-2", "keeper-3")
KEEPERS_WANTED = 2


def keeper_ring(name: str) -> KeeperRing:
    return KeeperRing(signing=name.encode().ljust(32, b"s"), opening=name.encode().ljust(32, b"o"))


def agency_ring(name: str) -> AgencyRing:
    return AgencyRing(signing=name.encode().ljust(32, b"."), enrol=name.encode().ljust(32, b"e"))


@cache
def dealt(names: tuple[str, ...]) -> tuple[dict[str, GroupKey], tuple[dict[str, KeyShare], ...]]:
    """Keys in shares, two of three, all drawn by one dealer: the ceremony is tested elsewhere."""
    rng = Random("keepers")
    keys: dict[str, GroupKey] = {}
    shares: tuple[dict[str, KeyShare], ...] = tuple({} for _ in KEEPERS)
    for key in names:
        secret, slope = (rng.randrange(1, group.ORDER) for _ in range(KEEPERS_WANTED))
        values = [(secret + slope * at) % group.ORDER for at in range(len(KEEPERS) + 1)]
        public = [group.base(group.scalar_of(value)) for value in values]
        keys[key] = GroupKey(
            name=key,
            epoch=0,
            threshold=KEEPERS_WANTED,
            public=public[0],
            shares=tuple(public[1:]),
        )
        for at, held in enumerate(shares, start=1):
            held[key] = KeyShare(at, Secret(group.scalar_of(values[at])), keys[key])
    return keys, shares


def opened_by_keepers(key: str, sealed: bytes, context: bytes) -> bytes:
    """What is sealed to one of the keepers' keys, opened by two of them."""
    _, shares = dealt(tuple(key_names(load())))
    element = kem.encapsulated(sealed)
    parts = [threshold.partial(held[key], (1, 2), element) for held in shares[:2]]
    return kem.open_with(threshold.combine(parts), sealed, context=context)


TAGS = new_tag_keys(chance("tags"), [f"{one:02d}0000" for one in range(1, 48)])


def centre_ring(towns: Sequence[str]) -> CentreRing:
    """The centre's secrets; the keys of its tags are opened by the keepers of tests."""
    keys, _ = dealt(tuple(key_names(load())))
    tags = {one: TAGS[one] for one in sorted({town[:2] for town in towns})}
    return new_centre_ring(chance("centre"), towns, tags, keys[RELEASE].public)


def town_ring(centre: CentreRing, town: str) -> TownRing:
    return new_town_ring(chance(town), centre, TAGS[town[:2]], town)


def directory_of(
    towns: list[str],
    centre: CentreRing,
    rings: dict[str, TownRing],
    witnesses: Sequence[Witness] = (),
    wanted: int = 0,
    schedule: Schedule | None = None,
) -> Directory:
    """A directory of towns, three keepers, and an agency for each receiver of the schedules."""
    log = VerifierKey("jukinet.test/ledger", SigningKey(centre.log).public_bytes)
    schedule = schedule or load()
    keys, _ = dealt(tuple(key_names(schedule)))
    return Directory(
        origin="jukinet.test/ledger",
        log=str(log),
        policy=str(m_of_n(log, witnesses, wanted)),
        centre=SigningKey(centre.signing).public_bytes,
        threshold=KEEPERS_WANTED,
        keepers={
            name: KeeperEntry(
                name=name,
                index=index,
                verify=SigningKey(keeper_ring(name).signing).public_bytes,
                seal=OpenKey(keeper_ring(name).opening).public.raw,
            )
            for index, name in enumerate(KEEPERS, start=1)
        },
        group_keys=keys,
        towns={
            town: TownEntry(
                code=town,
                name=town,
                verify=SigningKey(ring.signing).public_bytes,
                seal=OpenKey(ring.opening).public.raw,
            )
            for town, ring in rings.items()
        },
        agencies={
            receiver: AgencyEntry(
                id=receiver,
                receiver=receiver,
                prefecture="13" if entry.municipal else "",
                verify=SigningKey(agency_ring(receiver).signing).public_bytes,
                enrol=OpenKey(agency_ring(receiver).enrol).public.raw,
            )
            for receiver, entry in schedule.receivers.items()
        },
    )


class Town:
    """A town whose desk is called like a function; the line is cut."""

    def __init__(self, code: str = CHIYODA, seed: object = 1, pool: int = 300) -> None:
        towns = [CHIYODA, SHINJUKU, SAPPORO_CHUO, SAPPORO_KITA, YOKOHAMA_TSURUMI]
        self.centre_ring = centre_ring(towns)
        rings = {town: town_ring(self.centre_ring, town) for town in towns}
        self.store = memory(*municipality.METADATA)
        self.directory = directory_of(towns, self.centre_ring, rings)
        self.node = municipality.Municipality(
            code, self.store, rings[code], self.directory, chance(seed)
        )
        self.now = NOON
        self.sent: list[Message] = []
        with self.store.begin() as tx:
            codes.allot(tx, fresh_codes(pool, seed))
        self.node.start(self.now)

    def file(self, notification: law.Notification) -> Filed | NotFiled:
        """Hand in a notification; what goes onto the line is kept in `sent`."""
        out = self.node.step(
            Message(sender=DESK, receiver=self.node.name, body=Filing(notification=notification)),
            self.now,
        )
        for one in out:
            assert isinstance(one, Wake)
        out = self.node.step(
            Message(sender=self.node.name, receiver=self.node.name, body=Tick()), self.now
        )
        reply = next(m.body for m in out if isinstance(m, Message) and m.receiver == DESK)
        self.sent += [m for m in out if isinstance(m, Message) and m.receiver != DESK]
        assert isinstance(reply, Filed | NotFiled)
        return reply

    def accept(self, notification: law.Notification) -> tuple[int, ...]:
        """Hand in a notification that must be accepted; the records it touched."""
        reply = self.file(notification)
        assert isinstance(reply, Filed), reply.reason
        return reply.persons

    def household(self, *people: law.Entrant, **more) -> tuple[int, ...]:
        """A household entered ex officio."""
        return self.accept(
            law.ExOfficioEntry(
                filed=filed(**more),
                entrants=people or (entrant(),),
                address=address(self.node.name),
                household=None,
            )
        )

    def record(self, person: int):
        with self.store.begin() as tx:
            return book.records(tx, [person])[person].record

    def entries(self, person: int):
        with self.store.begin() as tx:
            return book.entries_of(tx, person)


def fresh_codes(number: int, seed: object) -> list[tuple[str, str]]:
    """Codes and individual numbers that no other seed gives."""
    rng = Random(f"codes {seed}")
    return [
        (
            resident_code.complete(f"{rng.randrange(10**10):010d}").digits,
            individual_number.complete(f"{rng.randrange(10**11):011d}").digits,
        )
        for _ in range(number)
    ]
