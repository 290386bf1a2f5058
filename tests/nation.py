"""A small nation for tests: towns, centre, keeper and agencies on one line, all of it in memory.

Its stores can be copied whole and its disk forgets, so that one state can be gone on from in many
ways: with another question, or after a crash.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from msgspec.structs import replace
from tests.forgetful_disk import ForgetfulDisk
from tests.support import (
    CHIYODA,
    DAY,
    KEEPERS,
    NOON,
    SAPPORO_CHUO,
    SHINJUKU,
    address,
    agency_ring,
    centre_ring,
    chance,
    dealt,
    directory_of,
    entrant,
    filed,
    keeper_ring,
    memory,
    town_ring,
)

from jukinet.client.audit import Auditor
from jukinet.client.mirror import Mirror
from jukinet.client.receipts import LogKey
from jukinet.client.statement import ViewKey
from jukinet.keys.sign import SigningKey
from jukinet.law import leaf as leaves
from jukinet.law import notification as law
from jukinet.law import order as orders
from jukinet.law.identity import Item
from jukinet.law.inquiry import BySearch, Claim, Inquiry
from jukinet.law.notification import MeasureStep
from jukinet.law.record import Record
from jukinet.law.schedule import Kind, Schedule, load
from jukinet.ledger.log import Log
from jukinet.ledger.writer import Ledger
from jukinet.merkle import policy as policies
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.policy import Witness as Known
from jukinet.nodes import agency, keeper, municipality, witness
from jukinet.nodes.agency import Agency, Outcome
from jukinet.nodes.centre import shelves
from jukinet.nodes.centre.node import Centre
from jukinet.nodes.centre.shelves import Shelves
from jukinet.nodes.keeper import HeldShares, Keeper
from jukinet.nodes.keyring import key_names
from jukinet.nodes.message import DESK, Filed, Filing, KeeperOrder, Message, Node
from jukinet.nodes.municipality import Municipality
from jukinet.nodes.witness import Witness, verifier_of
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.register import book
from jukinet.store.engine import Store, open_store
from jukinet.wire.line import Line

TOWNS = (CHIYODA, SHINJUKU, SAPPORO_CHUO)
AGENCIES = ("pension", "tax", "passport", "mutual-aid", "labour", "town-welfare")


class Crash(Exception):
    """The machine is gone, between two writes."""


class Nation:
    """All nodes on one line; `now` moves only by `nation.line`."""

    def __init__(
        self,
        towns: tuple[str, ...] = TOWNS,
        agencies: tuple[str, ...] = AGENCIES,
        seed: object = 1,
        *,
        now: datetime = NOON,
        stores: dict[str, Store] | None = None,
        disk: ForgetfulDisk | None = None,
        keeper_disks: dict[str, ForgetfulDisk] | None = None,
        cut: frozenset[str] = frozenset(),
        witnesses: int = 0,
        wanted: int = 0,
        schedule: Schedule | None = None,
    ) -> None:
        self.names = (towns, agencies)
        self.witnessing = (witnesses, wanted)
        self.schedule = schedule or load()
        self.seed = seed
        self.chance = chance(seed)
        self.centre_ring = centre_ring(towns)
        self.rings = {town: town_ring(self.centre_ring, town) for town in towns}
        self.directory = directory_of(
            list(towns),
            self.centre_ring,
            self.rings,
            [Known(f"w{at}", verifier_of(*witness_key(at))) for at in range(witnesses)],
            wanted,
            self.schedule,
        )
        self.stores = stores or fresh_stores(towns, agencies, witnesses)
        self.disk = disk or ForgetfulDisk()
        self.keeper_disks = keeper_disks or {name: ForgetfulDisk() for name in KEEPERS}
        self.desk: list[Message] = []
        self.cut = cut  # nodes that no line leads to
        self.up(now)

    # --- up and down ------------------------------------------------------------------------

    def up(self, now: datetime) -> None:
        """Bring all nodes up over what the stores and the disk hold."""
        towns, agencies = self.names
        prefectures = sorted({town[:2] for town in towns})
        shelf = Shelves(
            {one: self.stores[one] for one in prefectures},
            self.stores["national"],
            self.stores["chains"],
        )
        ledger = Ledger(self.log(), shelf.chains, self.chance, reopen=self.log)
        schedule = self.schedule
        self.line = Line(now)
        self.centre = Centre(shelf, ledger, self.centre_ring, self.directory, schedule, self.chance)
        vkey = self.directory.policy
        self.keepers = {name: self.keeper(name) for name in KEEPERS}
        self.witnesses = [self.witness(at) for at in range(self.witnessing[0])]
        self.towns = {
            town: Municipality(
                town, self.stores[town], self.rings[town], self.directory, self.chance
            )
            for town in towns
        }
        self.agencies = {
            name: Agency(
                name,
                schedule.receivers[name],
                self.directory.agencies[name].prefecture,
                self.stores[name],
                agency_ring(name),
                LogKey.parse(vkey),
                self.directory,
                self.chance,
            )
            for name in agencies
        }
        offices = (*self.keepers.values(), *self.witnesses, self.centre)
        for node in (*offices, *self.towns.values(), *self.agencies.values()):
            if node.name not in self.cut:
                self.line.join(node)
        self.desk = self.line.listen(DESK)
        self.line.run()

    def witness(self, at: int) -> Witness:
        name, key = witness_key(at)
        return Witness(name, self.stores[name], [key], [VerifierKey.parse(self.directory.log)])

    def log(self) -> Log:
        key = SigningKey(self.centre_ring.log)
        return Log.open(self.disk, origin=self.directory.origin, key=key)

    def keeper(self, name: str, store: Store | None = None, **more: Any) -> Keeper:
        """A keeper of this nation, on its own store and disk unless another store is given."""
        _, shares = dealt(tuple(key_names(self.schedule)))
        fields: dict[str, Any] = {
            "store": store or self.stores[name],
            "disk": ForgetfulDisk() if store else self.keeper_disks[name],
            "shares": HeldShares(shares[KEEPERS.index(name)]),
            "ring": keeper_ring(name),
            "log_key": LogKey.parse(self.directory.policy),
            "directory": self.directory,
            "chance": self.chance,
            "schedule": self.schedule,
            **more,
        }
        return Keeper(name, **fields)

    def keepers_refuse(self, *steps: str) -> None:
        """From now on no keeper does these steps."""
        for node in self.keepers.values():
            node.step = partial(_without, node.step, steps)

    def copy(self) -> Nation:
        """The same nation once more, on stores and a disk of its own."""
        stores = {name: copied(store) for name, store in self.stores.items()}
        disks = {name: disk.copy() for name, disk in self.keeper_disks.items()}
        return self._again(stores, self.disk.copy(), disks)

    def crashed(self, keeps: str = "nothing") -> Nation:
        """What comes up after a crash of all nodes."""
        disks = {name: disk.after_crash(keeps) for name, disk in self.keeper_disks.items()}
        return self._again(self.stores, self.disk.after_crash(keeps), disks)

    def restarted(self, schedule: Schedule | None = None) -> Nation:
        """What comes up after everything was stopped in order; with other schedules, if given."""
        self.schedule = schedule or self.schedule
        return self._again(self.stores, self.disk, self.keeper_disks)

    def _again(
        self, stores: dict[str, Store], disk: ForgetfulDisk, keeper_disks: dict[str, ForgetfulDisk]
    ) -> Nation:
        towns, agencies = self.names
        # Other chance than before: a machine that comes up draws afresh.
        return Nation(
            towns,
            agencies,
            f"{self.seed} again",
            now=self.line.now,
            stores=stores,
            disk=disk,
            keeper_disks=keeper_disks,
            cut=self.cut,
            witnesses=self.witnessing[0],
            wanted=self.witnessing[1],
            schedule=self.schedule,
        )

    def cut_off(self, *names: str) -> None:
        """From now on no line leads to some nodes; what is sent to them is lost."""
        self.cut |= {*names}
        for name in names:
            del self.line._nodes[name]

    def back(self, node: Node) -> None:
        """A node is on the line again, or another in its place."""
        self.cut -= {node.name}
        self.line.join(node)

    def later(self, **time: int) -> None:
        """Let time pass, and deliver what follows."""
        self.line.until(self.line.now + timedelta(**time))
        self.line.run()

    @contextmanager
    def carried(self):
        """The messages that the line delivers meanwhile."""
        found: list[Message] = []
        deliver = self.line._deliver

        def noted(message: Message) -> None:
            found.append(message)
            deliver(message)

        self.line._deliver = noted
        try:
            yield found
        finally:
            del self.line._deliver

    # --- desks ------------------------------------------------------------------------------

    def accept(self, town: str, notification: law.Notification) -> tuple[int, ...]:
        """Hand in a notification that must be accepted; everything that follows is delivered."""
        self.desk.clear()
        body = Filing(notification=notification)
        self.line.post(Message(sender=DESK, receiver=town, body=body))
        self.line.run()
        (reply,) = (one.body for one in self.desk)
        assert isinstance(reply, Filed), reply.reason
        return reply.persons

    def enter(self, town: str, *people: law.Entrant) -> tuple[int, ...]:
        """A household, entered ex officio."""
        return self.accept(
            town,
            law.ExOfficioEntry(
                filed=filed(self.today),
                entrants=people or (entrant(),),
                address=address(town),
                household=None,
            ),
        )

    def move(
        self, person: int, town: str, to: str, on: date | None = None, block: str = "2番2号"
    ) -> int:
        """A person moves to another town, with a certificate; the record there."""
        on = on or self.today
        code = self.record(town, person).code
        self.accept(
            town,
            law.MoveOut(filed=filed(on, on), persons=(person,), destination=MunicipalityCode(to)),
        )
        return self.move_in(self.record(town, person), code, town, to, on, block)

    def move_in(
        self, record: Record, code, town: str, to: str, on: date, block: str = "2番2号"
    ) -> int:
        mover = entrant(
            name=record.name,
            birth_date=record.birth_date,
            sex=record.sex,
            code=code,
            family_register=record.family_register,
        )
        (there,) = self.accept(
            to,
            law.MoveIn(
                filed=filed(on, on),
                movers=(mover,),
                address=address(to, block),
                household=None,
                came_from=MunicipalityCode(town),
            ),
        )
        return there

    def hide(self, town: str, person: int) -> None:
        """A support measure."""
        until = self.today + timedelta(days=365)
        self.accept(
            town,
            law.MeasureRequest(
                filed=filed(self.today, self.today),
                persons=(person,),
                step=MeasureStep.BEGIN,
                until=until,
            ),
        )

    def record(self, town: str, person: int) -> Record:
        with self.stores[town].begin() as tx:
            return book.records(tx, [person])[person].record

    @property
    def today(self) -> date:
        return self.line.now.date()

    # --- agencies ---------------------------------------------------------------------------

    def question(self, name: str, row: str, kind: Kind | str, subject, **more: Any) -> Message:
        """A question as an agency signs it; items and claim as the kind wants them."""
        kind = Kind(kind)
        claim = more.get("claim")
        if claim is not None:
            more["items"] = claim.items
        elif kind in (Kind.ITEMS, Kind.CHANGES):
            more.setdefault("items", self.schedule.grants[row].items)
        if kind is Kind.CHANGES:
            more.setdefault("since", date(2000, 1, 1))
        more.setdefault("now", self.line.now)
        more.setdefault("numbered", isinstance(subject, BySearch))
        return self.agencies[name].ask(row=row, kind=kind, subject=subject, **more)

    def ask(self, name: str, row: str, kind: Kind | str, subject, **more: Any) -> Outcome:
        """Ask, and take what comes of it."""
        self.line.post(self.question(name, row, kind, subject, **more))
        self.line.run()
        (outcome,) = self.outcomes(name)
        return outcome

    def outcomes(self, name: str) -> list[Outcome]:
        """What came of the questions since the last time."""
        node = self.agencies[name]
        assert node.distrusted == []
        found = list(node.outcomes)
        node.outcomes.clear()
        node.keep()
        return found

    # --- the ledger -------------------------------------------------------------------------

    def leaves(self) -> list[leaves.Leaf]:
        log = self.centre.ledger.log
        return [leaves.decode(log.entry(index)) for index in range(log.size)]

    def mirror(self) -> Mirror:
        return Mirror(lambda path: self.disk.read(path) if self.disk.exists(path) else None)

    def audited(self) -> Auditor:
        """The auditor who has followed the whole log, and found no lie."""
        disk, policy = self.disk, policies.parse(self.directory.policy)
        auditor = Auditor(
            lambda path: disk.read(path) if disk.exists(path) else None,
            lambda note: policy.open(note).checkpoint,
            now=self.line.now,
        )
        auditor.follow()
        return auditor

    def view_key(self, town: str, person: int) -> ViewKey:
        attachment = self.record(town, person).attachment
        assert attachment is not None
        return ViewKey(
            log=self.directory.log,
            epoch=attachment.epoch,
            place=0,
            state=attachment.seed.hex(),
        )

    def images(self) -> dict[str, bytes]:
        """Every store, row by row."""
        return {name: dumped(store) for name, store in self.stores.items()}


def fresh_stores(
    towns: Iterable[str], agencies: Iterable[str], witnesses: int = 0
) -> dict[str, Store]:
    """A store for each node and shelf, with empty tables."""
    prefectures = sorted({town[:2] for town in towns})
    return {
        **{one: memory(*shelves.PREFECTURE) for one in prefectures},
        "national": memory(*shelves.NATIONAL),
        "chains": memory(*shelves.CHAINS),
        **{name: memory(*keeper.METADATA) for name in KEEPERS},
        **{town: memory(*municipality.METADATA) for town in towns},
        **{name: memory(*agency.METADATA) for name in agencies},
        **{witness_key(at)[0]: memory(*witness.METADATA) for at in range(witnesses)},
    }


def witness_key(at: int) -> tuple[str, SigningKey]:
    """The name and the key of a witness."""
    return f"witness.test/w{at}", SigningKey(bytes([at + 1]) * 32)


def copied(store: Store) -> Store:
    """A store with the same pages."""
    found = open_store("sqlite://")
    store._connected().backup(found._connected())
    return found


def put_back(store: Store, image: Store) -> None:
    """A store restored from an older copy."""
    image._connected().backup(store._connected())


def dumped(store: Store) -> str:
    """Everything that a store holds, as text."""
    return "\n".join(store._connected().iterdump())


@contextmanager
def recorded_commits():
    """The stores that commit, in order."""
    found: list[Store] = []
    commit = Store.commit

    def noted(self: Store, driver: Any) -> None:
        commit(self, driver)
        found.append(self)

    Store.commit = noted
    try:
        yield found
    finally:
        Store.commit = commit


@contextmanager
def crashing(at: int, when: str, error: type[Exception] | Exception = Crash):
    """Crash, or fail, before or after commit number `at`."""
    count = 0
    commit = Store.commit

    def crash(self: Store, driver: Any) -> None:
        nonlocal count
        count += 1
        if count - 1 == at and when == "before":
            raise error
        commit(self, driver)
        if count - 1 == at:
            raise error

    Store.commit = crash
    try:
        yield
    finally:
        Store.commit = commit


def _without(step, steps, message, now):
    """A keeper to whom some steps look like none."""
    if isinstance(message.body, KeeperOrder):
        tasks = tuple(
            replace(task, step="none such") if getattr(task, "step", "number") in steps else task
            for task in message.body.tasks
        )
        message = replace(message, body=replace(message.body, tasks=tasks))
    return step(message, now)


def inquiry_of(message: Message, place: int = 0) -> Inquiry:
    """One of the inquiries of an order, as the centre reads it."""
    body = message.body
    return orders.questions(orders.decode(body.order), body.questions)[place]


def search(record: Record, place: str | None = None, **more: Any) -> BySearch:
    """A person as an agency names one."""
    fields = {"name": record.name.legal, "birth_date": record.birth_date, **more}
    return BySearch(place=MunicipalityCode(place or record.address.municipality), **fields)


def claim(record: Record, *items: Item) -> Claim:
    """What an agency rightly believes of a person."""
    every = {
        Item.NAME: record.name.legal,
        Item.BIRTH_DATE: record.birth_date,
        Item.SEX: record.sex,
        Item.ADDRESS: record.address,
    }
    return Claim(**{item.value: every[item] for item in items or (Item.NAME, Item.BIRTH_DATE)})


__all__ = [name for name in dir() if not name.startswith("_")]
_ = DAY
