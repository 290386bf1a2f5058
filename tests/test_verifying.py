"""Verify: a sound folder is found sound; one changed byte, row or file is named with its place."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace
from sqlalchemy import MetaData
from sqlcipher3 import dbapi2 as sqlcipher

from jukinet.errors import JukinetError, Refused
from jukinet.keys import ratchet
from jukinet.keys.sign import SigningKey
from jukinet.law import notification as law
from jukinet.law.identity import Item, Sex
from jukinet.law.inquiry import ByHandle, BySearch, Claim
from jukinet.law.leaf import DisclosureLeaf, Holder, Words, leaf_time
from jukinet.law.protection import Threat
from jukinet.law.record import FamilyRegister, Foreigner, ResidentClass
from jukinet.law.schedule import Kind
from jukinet.ledger.writer import Draft
from jukinet.merkle import policy
from jukinet.names import era, legal
from jukinet.nodes import agency as agency_node
from jukinet.nodes import keeper as keeper_node
from jukinet.nodes import mass_changes, municipality
from jukinet.nodes import witness as witness_node
from jukinet.nodes.centre import shelves
from jukinet.nodes.centre.inspection import DECOY
from jukinet.nodes.keyring import AgencyRing, Directory
from jukinet.nodes.looking import Looking
from jukinet.nodes.message import (
    CENTRE,
    DESK,
    ChangeCodes,
    DrawSample,
    Filed,
    Filing,
    GiveViewKey,
    Message,
    Objection,
    ObjectionStands,
    SampleDone,
    ViewKeyStands,
)
from jukinet.nodes.passes import Passes
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.register import book, codes
from jukinet.store.disk import RealDisk
from jukinet.store.engine import Store, connect_sqlite
from jukinet.store.rows import Rows
from jukinet.tasks.folder import Folder, Mark
from jukinet.tasks.network import KEEPERS, WITNESSES, Network, create, open_network
from jukinet.tasks.verifying import Finding, Report, verify
from support import (
    CHIYODA,
    DAY,
    JST,
    NOON,
    SAPPORO_CHUO,
    SAPPORO_KITA,
    SHINJUKU,
    address,
    chance,
    entrant,
    filed,
    new_folder,
    unlocked,
)
from support import (
    name as naming,
)

TOWNS = (SAPPORO_CHUO, SAPPORO_KITA, CHIYODA, SHINJUKU)
AGENCIES = ("pension", "tax", "passport", "town-welfare")
LATER = datetime(2027, 1, 2, 12, tzinfo=JST)  # the year of the first days is over


# --- a small country, and what happens in it --------------------------------------------------


class Country:
    """A network whose desks and agencies are called like functions."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._desk = network.line.listen(DESK)

    def file(self, town: str, notification: law.Notification) -> tuple[int, ...]:
        """Hand in a notification that must be accepted, and let the line run."""
        body = Filing(notification=notification)
        self.network.line.post(Message(sender=DESK, receiver=town, body=body))
        self.network.line.run()
        reply = self._desk.pop().body
        assert isinstance(reply, Filed), reply.reason
        return reply.persons

    def enter(self, town: str, *people: law.Entrant, number: str) -> tuple[int, ...]:
        return self.file(
            town,
            law.ExOfficioEntry(
                filed=filed(number=number, who=law.Who.OFFICE),
                entrants=people,
                address=address(town),
                household=None,
            ),
        )

    def home(self, town: str, person: int) -> int:
        return self.record(town, person).household

    def record(self, town: str, person: int):
        with self.network.towns[town].store.begin() as tx:
            return book.records(tx, [person])[person].record

    def move(self, one: str, person: int, other: str, *, number: str, day: date = DAY) -> int:
        """From one town to another, with a certificate."""
        record = self.record(one, person)
        destination = MunicipalityCode(other)
        self.file(
            one,
            law.MoveOut(
                filed=filed(day, day, number=f"{number}/out"),
                persons=(person,),
                destination=destination,
            ),
        )
        (there,) = self.file(other, self.move_in(record, one, other, number=number, day=day))
        return there

    def move_in(self, record, one: str, other: str, *, number: str, day: date = DAY) -> law.MoveIn:
        mover = entrant(
            name=record.name,
            birth_date=record.birth_date,
            sex=record.sex,
            code=record.code,
            family_register=record.family_register,
            foreigner=record.foreigner,
        )
        return law.MoveIn(
            filed=filed(day, day, number=f"{number}/in"),
            movers=(mover,),
            address=address(other, block="2番2号"),
            household=None,
            came_from=MunicipalityCode(one),
        )

    def ask(self, agency: str, row: str, kind: Kind, subject, **more) -> bytes:
        """Ask, take the answer, and give the handle in it."""
        node = self.network.agencies[agency]
        line = self.network.line
        more.setdefault("numbered", isinstance(subject, BySearch))
        line.post(node.ask(row=row, kind=kind, subject=subject, now=line.now, **more))
        line.run()
        node.keep()
        content = node.outcomes[-1].content
        return content.handle if content else b""

    def ask_many(self, agency: str, row: str, kind: Kind, subjects, **more) -> int:
        """Ask an order of many, and take the answers; under which leaf they are."""
        node = self.network.agencies[agency]
        line = self.network.line
        line.post(node.ask_many(row=row, kind=kind, subjects=subjects, now=line.now, **more))
        line.run()
        node.keep()
        return node.outcomes[-1].leaf

    def say(self, sender: str, body):
        """Say something to the centre, and take its reply."""
        heard = self.network.line.listen(sender)
        self.network.line.post(Message(sender=sender, receiver=CENTRE, body=body))
        self.network.line.run()
        return heard.pop().body

    def entries(self, record) -> list[tuple[int, bytes, bytes]]:
        """Leaf, label and key of each entry on a person's chain."""
        found, state = [], record.attachment.seed
        while (leaf := self.network.centre.ledger.stands(ratchet.label(state))) is not None:
            found.append((leaf, ratchet.label(state), ratchet.entry_key(state)))
            state = ratchet.next_state(state)
        return found

    def object(self, entry: tuple[int, bytes, bytes]) -> int:
        """Object to an entry; the leaf of the objection."""
        leaf, label, key = entry
        text = "私はこの照会に心当たりがありません"
        body = Objection(request=b"1", entry=leaf, label=label, entry_key=key, text=text)
        reply = self.say("resident", body)
        assert isinstance(reply, ObjectionStands), reply.reason
        return reply.receipt.index

    def answer_objection(self, agency: str, objection: int) -> None:
        node = self.network.agencies[agency]
        text = "The inquiry was for the yearly notice."
        self.network.line.post(node.answer_objection(objection, outcome="explained", text=text))
        self.network.line.run()

    def give_view_key(self, town: str, record) -> None:
        """A desk has it written down that it gives a view key."""
        desk = Keys(self.network.towns[town])
        self.network.line.join(desk)
        body = GiveViewKey(
            request=b"1",
            locator=record.attachment.locator,
            official="official-7",
            holder=Holder.SELF,
            past=True,
            valid_to=str(DAY + timedelta(days=90)),
        )
        self.network.line.post(Message(sender=town, receiver=CENTRE, body=body))
        self.network.line.run()
        assert isinstance(desk.heard, ViewKeyStands)
        self.network.line.join(desk.town)


class Keys:
    """A town, and the word that a view key may be given."""

    def __init__(self, town: municipality.Municipality) -> None:
        self.name = town.name
        self.town = town
        self.heard: object = None

    def start(self, now: datetime):
        return self.town.start(now)

    def step(self, message: Message, now: datetime):
        if not isinstance(message.body, ViewKeyStands):
            return self.town.step(message, now)
        self.heard = message.body
        return []


def search(record, **more) -> BySearch:
    return BySearch(
        place=MunicipalityCode(record.address.municipality),
        birth_date=record.birth_date,
        name=record.name.legal,
        **more,
    )


def nobody(town: str) -> BySearch:
    return BySearch(
        place=MunicipalityCode(town),
        birth_date=era.parse_iso("1901-01-01"),
        name=legal.parse("無有 名"),
    )


def person(text: str, reading: str, born: str = "1980-05-05", **more) -> law.Entrant:
    return entrant(name=naming(text, reading), birth_date=era.parse_iso(born), **more)


def live(country: Country) -> None:
    """Everything that makes a kind of row somewhere: a few weeks of a few people."""
    family = country.enter(
        CHIYODA,
        person("山田 花子", "ヤマダ ハナコ"),
        person("山田 太郎", "ヤマダ タロウ", "1979-01-02", relationship="夫", sex=Sex.MALE),
        person("山田 一郎", "ヤマダ イチロウ", "2015-03-04", relationship="子", sex=Sex.MALE),
        number="e1",
    )
    (single,) = country.enter(SHINJUKU, person("鈴木 次郎", "スズキ ジロウ"), number="e2")
    (abroad,) = country.enter(SAPPORO_KITA, person("佐藤 三郎", "サトウ サブロウ"), number="e3")
    (foreign,) = country.enter(
        CHIYODA,
        person(
            "NGUYEN VAN A",
            "グエン ヴァン ア",
            family_register=None,
            foreigner=Foreigner(
                nationality="VNM", resident_class=ResidentClass.SPECIAL_PERMANENT, status=""
            ),
        ),
        number="e4",
    )
    country.enter(SAPPORO_CHUO, person("鈴木 次郎", "スズキ ジロウ"), number="e5")
    home = country.home(CHIYODA, family[0])
    newborn = entrant(
        "子", name=naming("山田 二郎", "ヤマダ ジロウ"), birth_date=era.parse_iso("2026-04-01")
    )
    country.file(CHIYODA, law.Birth(filed=filed(number="b1"), child=newborn, household=home))
    country.file(CHIYODA, law.Death(filed=filed(number="d1"), person=family[0]))
    country.file(
        CHIYODA,
        law.NameChange(
            filed=filed(number="c1"),
            person=family[1],
            name=naming("田中 太郎", "タナカ タロウ"),
            cause=law.NameCause.OTHER,
        ),
    )
    country.file(CHIYODA, law.CodeChange(filed=filed(number="c2"), person=family[2]))
    country.file(CHIYODA, law.CodeChange(filed=filed(number="c3"), person=family[1]))
    country.file(CHIYODA, law.Cancellation(filed=filed(number="x1"), cancels="c3"))
    country.file(
        CHIYODA,
        law.Naturalisation(
            filed=filed(number="n1"),
            person=foreign,
            name=naming("新井 明", "アライ アキラ"),
            family_register=FamilyRegister(place="東京都千代田区", first_named="新井 明"),
        ),
    )
    country.file(
        SHINJUKU,
        law.MeasureRequest(
            filed=filed(number="m1"),
            persons=(single,),
            step=law.MeasureStep.BEGIN,
            threat=Threat.VIOLENCE,
            until=DAY + timedelta(days=300),
        ),
    )
    moved = country.move(CHIYODA, family[2], SAPPORO_CHUO, number="t1")
    country.move(SHINJUKU, single, CHIYODA, number="t2")
    country.file(
        SAPPORO_KITA,
        law.MoveOut(filed=filed(number="o1"), persons=(abroad,), destination=None),
    )
    country.network.line.until(NOON + timedelta(days=1))
    _certificate_late(country, foreign)
    country.file(
        CHIYODA,
        law.MoveOut(
            filed=filed(number="o2"), persons=(family[1],), destination=MunicipalityCode(SHINJUKU)
        ),
    )
    country.file(CHIYODA, law.Cancellation(filed=filed(number="x2"), cancels="o2"))
    country.enter(SHINJUKU, person("高橋 四郎", "タカハシ シロウ"), number="e6")
    country.file(SHINJUKU, law.Cancellation(filed=filed(number="x3"), cancels="e6"))
    _united_and_changed(country)
    _asked(country, moved)
    _written_down(country, moved)


def _united_and_changed(country: Country) -> None:
    """Two records of one person united; then everybody's code changed after an incident."""
    for number in ("e7", "e8"):
        country.enter(SAPPORO_KITA, person("伊藤 五月", "イトウ サツキ"), number=number)
    form = law.DoubleRegistration(filed=filed(number="u1"), person=3, kept=2)
    country.file(SAPPORO_KITA, form)
    line, changes = country.network.line, country.network.towns[SAPPORO_KITA].mass_changes
    for official in ("official-1", "official-2"):
        number = changes.approve("a list was stolen", None, official, line.now).number
    body = ChangeCodes(number=number, count=50)
    line.post(Message(sender=DESK, receiver=SAPPORO_KITA, body=body))
    line.run()
    country._desk.clear()


def _certificate_late(country: Country, person: int) -> None:
    """A mover who comes before the certificate does."""
    record = country.record(CHIYODA, person)
    country.file(SHINJUKU, country.move_in(record, CHIYODA, SHINJUKU, number="t3"))
    country.file(
        CHIYODA,
        law.MoveOut(
            filed=filed(number="t3/out"), persons=(person,), destination=MunicipalityCode(SHINJUKU)
        ),
    )


def _asked(country: Country, moved: int) -> None:
    """Questions of every kind, and some that are refused."""
    child = country.record(SAPPORO_CHUO, moved)
    address_only = frozenset({Item.ADDRESS})
    handle = country.ask("pension", "1-73", Kind.ITEMS, search(child), items=address_only)
    by_handle = ByHandle(handle=handle)
    country.ask(
        "pension", "1-73", Kind.CHANGES, by_handle, items=address_only, since=date(2026, 1, 1)
    )
    country.ask("pension", "1-73", Kind.STANDING, by_handle)
    country.ask("pension", "1-73", Kind.STANDING, search(country.record(SAPPORO_CHUO, 1)))
    country.ask("tax", "1-40", Kind.STANDING, by_handle)  # not its handle
    country.ask("tax", "9-99", Kind.STANDING, search(child))  # no such row
    country.ask("town-welfare", "9-99", Kind.STANDING, search(child))
    claim = Claim(name=child.name.legal)
    country.ask("town-welfare", "2-3", Kind.CONFIRM, search(child), items=claim.items, claim=claim)
    country.ask("pension", "1-73", Kind.STANDING, nobody(CHIYODA))
    elsewhere = search(child)
    elsewhere = BySearch(
        place=MunicipalityCode(CHIYODA), birth_date=child.birth_date, name=child.name.legal
    )
    country.ask("pension", "1-73", Kind.STANDING, elsewhere)  # found where she lived before


def _written_down(country: Country, moved: int) -> None:
    """Orders of many, entries kept back, view keys, objections, closed days, samples."""
    child, single = country.record(SAPPORO_CHUO, moved), country.record(SAPPORO_CHUO, 1)
    handles = [
        country.ask("pension", "1-73", Kind.STANDING, search(one)) for one in (child, single)
    ]
    people = [search(child), search(single), nobody(SAPPORO_CHUO)]
    bundle = country.ask_many("pension", "1-73", Kind.STANDING, people)
    country.ask_many(
        "pension", "1-73", Kind.STANDING, [ByHandle(handle=handle) for handle in handles]
    )
    kept_back(country, child, DAY + timedelta(days=10))
    country.give_view_key(SAPPORO_CHUO, child)
    pension = [one for one in country.entries(child) if one[0] <= bundle]
    country.answer_objection("pension", country.object(pension[0]))
    country.object(pension[-1])
    line = country.network.line
    line.until(NOON.replace(month=5))
    done = country.say("auditor", DrawSample(month="2026-04", randomness=bytes(32)))
    assert isinstance(done, SampleDone)
    line.until(LATER)
    kept_back(country, single, LATER.date() + timedelta(days=30))
    country.ask("pension", "1-73", Kind.STANDING, ByHandle(handle=handles[0]))
    _numbered_anew(country, child, single, handles)
    looked_at(country, SAPPORO_CHUO, child.number)


def _numbered_anew(country: Country, child, single, handles: list[bytes]) -> None:
    """Fresh numbers, records that become one, and people whom another agency has converted."""
    counter, line = country.network.towns[SAPPORO_CHUO].counter, country.network.line
    known = country.ask("tax", "1-121", Kind.STANDING, search(child))
    for renewed, asked in (
        counter.renew(child, official="official-7"),
        counter.renew(child, official="official-7", sector="pension/1-73"),
        counter.merge(single, child, official="official-7"),
    ):
        line.post(asked)
        line.run()
        assert renewed.refused == ""
    country.ask("pension", "1-73", Kind.STANDING, ByHandle(handle=handles[0]))  # of before
    country.ask("pension", "1-73", Kind.STANDING, search(child))
    country.ask("pension", "1-73", Kind.STANDING, ByHandle(handle=handles[1]))  # has become one
    country.ask("tax", "1-121", Kind.CONVERT, ByHandle(handle=known))  # of before
    known = country.ask("tax", "1-121", Kind.STANDING, search(child))
    country.ask("tax", "1-121", Kind.CONVERT, ByHandle(handle=known))
    country.network.agencies["pension"].keep()
    country.ask("pension", "1-73", Kind.STANDING, search(child), numbered=False)


LOOKED = 3
"""How often a record was looked at; of the last look nothing speaks yet."""


def looked_at(country: Country, town: str, person: int) -> None:
    """A clerk looks at a record, and its resident has a passkey."""
    store = country.network.towns[town].store
    for _ in range(LOOKED):
        Looking(store, "official-1", LATER).look(person)
    Passes(store).add(
        role="resident",
        holder=str(person),
        credential=b"credential",
        public_key=b"public key",
        counter=1,
        now=LATER,
    )


def kept_back(country: Country, record, until: date) -> None:
    """An investigation, of which the resident is told later."""
    country.ask(
        "tax",
        "1-41",
        Kind.ITEMS,
        search(record),
        items=frozenset({Item.ADDRESS}),
        defer_to=until,
    )


@contextmanager
def small_pools() -> Iterator[None]:
    """Pools of a few codes: there are fewer rows to read, and they are refilled more often."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codes, "LOW", 10)
        patch.setattr(mass_changes, "KEPT_BACK", 2)
        patch.setattr(municipality, "POOL_REFILL", 20)
        yield


def begin(root: Path) -> Folder:
    folder = new_folder(root)
    create(folder, Mark(towns=TOWNS, agencies=AGENCIES), chance=chance("keys"))
    return folder


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Folder:
    """A folder in which all of that has happened."""
    folder = begin(tmp_path_factory.mktemp("sound") / "country")
    with small_pools(), open_network(folder, NOON, chance=chance("life")) as network:
        network.line.run()
        live(Country(network))
    return folder


def places(report: Report) -> set[str]:
    return {finding.place for finding in report.findings}


def shown(report: Report) -> str:
    return "\n".join(map(str, report.findings))


# --- a sound folder ------------------------------------------------------------------------------


def test_a_sound_folder_is_found_sound(sound):
    report = verify(sound)
    assert report.ok, shown(report)


def test_it_counts_what_it_has_looked_at(sound):
    counts = verify(sound).counts
    assert counts["towns"] == len(TOWNS)
    assert counts["stores"] == len(TOWNS) + 2 + 2 + len((*KEEPERS, *AGENCIES, *WITNESSES))
    assert counts["notices_under_way"] == counts["items_under_way"] == 0
    for name in ("entries", "notices", "letters", "disclosures", "bodies", "receipts", "spent"):
        assert counts[name] > 5, name
    assert counts["states"] == counts["notices"] + 2  # a decoy in each prefecture


def test_it_writes_nothing(sound):
    before = image(sound.root)
    verify(sound)
    assert image(sound.root) == before


def test_it_waits_for_nobody_who_is_at_work_in_the_folder(sound):
    with open_network(sound, LATER), pytest.raises(Refused, match="another jukinet is at work"):
        verify(sound)


def test_a_folder_without_a_network_is_refused(tmp_path):
    with pytest.raises(Refused, match="no network in this folder"):
        verify(Folder(tmp_path))


def test_it_says_how_far_it_is(sound):
    said: list[tuple[str, int, int | None]] = []
    verify(sound, progress=lambda *step: said.append(step))
    assert {what for what, _, _ in said} == {"files", "towns", "index", "ledger", "agencies"}
    last = {what: (done, total) for what, done, total in said}
    assert all(done == total for done, total in last.values())


def test_the_report_can_be_written_as_json(sound):
    assert verify(sound).as_dict()["ok"] is True
    report = Report((Finding("towns/131016.db", "record 1", "is missing"),), {"records": 0})
    assert report.as_dict() == {
        "ok": False,
        "records": 0,
        "findings": [{"place": "towns/131016.db", "about": "record 1", "sentence": "is missing"}],
    }


def image(root: Path) -> dict[str, str]:
    """Every file below a folder, by the hash of its content."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


# --- one changed value ---------------------------------------------------------------------------

KINDS: dict[str, tuple[MetaData, ...]] = {
    "town": municipality.METADATA,
    "prefecture": shelves.PREFECTURE,
    "national": shelves.NATIONAL,
    "chains": shelves.CHAINS,
    "keeper": keeper_node.METADATA,
    "agency": agency_node.METADATA,
    "witness": witness_node.METADATA,
}


class Cell(NamedTuple):
    """A column of a table of a kind of store."""

    kind: str
    table: Rows[Any]
    column: str

    @property
    def name(self) -> str:
        return f"{self.kind}.{self.table.table.name}.{self.column}"


TABLES = [
    (kind, rows)
    for kind, metadatas in KINDS.items()
    for metadata in metadatas
    for rows in metadata.info["rows"]
    if rows is not witness_node.EVIDENCE  # of a sound log there is none
]
CELLS = [Cell(kind, rows, column.name) for kind, rows in TABLES for column in rows.table.columns]


def stores(root: Path, kind: str) -> list[Path]:
    """The files of a kind of store."""
    centre = root / "centre"
    return {
        "town": sorted((root / "towns").glob("*.db")),
        "prefecture": [centre / "01.db", centre / "13.db"],
        "national": [centre / "national.db"],
        "chains": [centre / "chains.db"],
        "keeper": [root / "keepers" / name / "keeper.db" for name in KEEPERS[:2]],
        "agency": sorted((root / "agencies").glob("*.db")),
        "witness": [root / "witnesses" / name / "witness.db" for name in WITNESSES],
    }[kind]


@contextmanager
def restored(path: Path) -> Iterator[Path]:
    """A file that may be changed, and is afterwards as it was."""
    before, mode = path.read_bytes(), path.stat().st_mode
    try:
        yield path
    finally:
        path.write_bytes(before)
        path.chmod(mode)


@contextmanager
def edited(path: Path) -> Iterator[Any]:
    """A store that may be changed by hand, and is afterwards as it was."""
    with restored(path), connected(path) as connection:
        yield connection


@contextmanager
def connected(path: Path, address: str = "") -> Iterator[Any]:
    """A sealed store's own connection, with its key and without what ours are set up with."""
    root = next(above for above in path.parents if (above / "lock.json").exists())
    folder = unlocked(root)
    if path.name in ("witness.db", "keeper.db"):
        folder = folder.within(str(path.parent.relative_to(root)))
    key = folder.store_key(path)
    connection, _ = connect_sqlite(address or str(path), key, pragmas=(), uri=bool(address))
    with closing(connection):
        yield connection


def rows_of(path: Path, table: Rows[Any]) -> list[tuple[Any, ...]]:
    keys = ", ".join(f'"{c.name}"' for c in table.table.columns if c.primary_key)
    with connected(path) as connection:
        return connection.execute(f'SELECT * FROM "{table.table.name}" ORDER BY {keys}').fetchall()


def fullest(root: Path, kind: str, table: Rows[Any]) -> tuple[Path, list[tuple[Any, ...]]]:
    """The file of a kind that has the most rows of a table, and those rows."""
    found = [(path, rows_of(path, table)) for path in stores(root, kind)]
    return max(found, key=lambda one: len(one[1]))


def put(connection: Any, table: Rows[Any], old: tuple, new: tuple) -> None:
    """Write a row in the place of another, whatever it says."""
    columns = [column.name for column in table.table.columns]
    keys = [(c.name, old[i]) for i, c in enumerate(table.table.columns) if c.primary_key]
    sets = ", ".join(f'"{name}" = ?' for name in columns)
    where = " AND ".join(f'"{name}" = ?' for name, _ in keys)
    done = connection.execute(
        f'UPDATE "{table.table.name}" SET {sets} WHERE {where}', [*new, *(v for _, v in keys)]
    )
    assert done.rowcount == 1


def other(value: Any) -> Any:
    """A value that differs by one byte or unit."""
    if value is None:
        return 1
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        middle = len(value) // 2
        return value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :] if value else b"1"
    last = value[-1:]
    if last.isdigit():
        return value[:-1] + str((int(last) + 5) % 10)  # not its neighbour
    return value[:-1] + ("y" if last == "x" else "x" if last else "1")


def changed(cell: Cell, row: tuple[Any, ...], *, checked: bool) -> tuple[Any, ...]:
    """A row with one column changed; `checked` makes its check fit again."""
    at = [column.name for column in cell.table.table.columns].index(cell.column)
    value = row[at]
    key = cell.table.table.columns[cell.column].primary_key
    far = value + 1000 if key and isinstance(value, int) else other(value)  # not its neighbour
    if cell.name == "keeper.spent.step":  # a sample has more steps than there are digits
        far = f"{value}x"
    new = (*row[:at], far, *row[at + 1 :])
    return (*new[:-1], cell.table.check(new[:-1])) if checked else new


def some(rows: list[Any]) -> list[Any]:
    """The first and the last."""
    return list({id(row): row for row in (rows[0], rows[-1])}.values())


@pytest.mark.parametrize("cell", [pytest.param(cell, id=cell.name) for cell in CELLS])
def test_one_changed_byte_of_any_stored_value_is_noticed(sound, cell):
    path, rows = fullest(sound.root, cell.kind, cell.table)
    assert rows, "the small country must have a row of every table"
    place = str(path.relative_to(sound.root))
    row = rows[len(rows) // 2]
    with edited(path) as connection:
        put(connection, cell.table, row, changed(cell, row, checked=False))
        report = verify(sound)
    named = [finding for finding in report.findings if finding.place == place]
    assert any(
        finding.about.startswith(cell.table.table.name)
        and finding.sentence == "the check of this row does not fit its values"
        for finding in named
    ), shown(report)


# What a changed value with a check that fits is not noticed by, and why.
UNEXPLAINED = {
    "chains.nonce.nonce": "is drawn by the asker",
    "chains.nonce.until": "is a time of day; clocks may go back",
    "national.allotment.next": "may be ahead: a crash wastes codes, and never doubles them",
    "agency.asked.nonce": "is drawn by chance and stands nowhere else",
    "keeper.budget.hour": "is a time of day; clocks may go back",
    "keeper.budget.used": "counts what was refused, too",
    "town.passkey.credential": "is what a device said, and stands nowhere else",
    "town.passkey.public_key": "is what a device said, and stands nowhere else",
    "town.passkey.counter": "is what a device said, and stands nowhere else",
    "town.passkey.added_at": "is a time of day; clocks may go back",
    "town.passkey.used_at": "is a time of day; clocks may go back",
    "town.passkey.holder": "may be another person's who is in the book, too",
    "town.pool_day.day": "is a day; what is known elsewhere are the sums",
    "town.mass_change.ended_on": "is a day",
    "town.mass_change_approval.official": "is a name that an official gave",
    "town.mass_change_approval.given_at": "is a time of day; clocks may go back",
    "town.filing.content": "is recomputed only in number, kind, days, and what it cancels",
    "town.inbox_stream.heard_at": "is a time of day; clocks may go back",
    "prefecture.inbox_stream.heard_at": "is a time of day; clocks may go back",
    "prefecture.state.received_at": "is a time of day; clocks may go back",
    "prefecture.tag.tag": "of the decoy is drawn by chance",
    "witness.seen.cosigned_seconds": "may be later: a crash loses the signature, not the time",
}
RECOMPUTED = [c for c in CELLS if c.name not in UNEXPLAINED and c.column != "chk"]


@pytest.mark.parametrize("cell", [pytest.param(cell, id=cell.name) for cell in RECOMPUTED])
def test_a_wrong_value_whose_check_fits_is_noticed_by_recomputing(sound, cell):
    path, rows = fullest(sound.root, cell.kind, cell.table)
    place = str(path.relative_to(sound.root))
    for row in some(rows):
        with edited(path) as connection:
            put(connection, cell.table, row, changed(cell, row, checked=True))
            report = verify(sound)
        assert place in places(report), shown(report)


def test_a_counter_of_codes_that_fell_behind_is_noticed(sound):
    with edited(sound.national) as connection:
        (table,) = [rows for kind, rows in TABLES if rows.table.name == "allotment"]
        (row,) = rows_of(sound.national, table)
        values = (row[0], row[1] - 1)
        put(connection, table, row, (*values, table.check(values)))
        report = verify(sound)
    assert [finding.about for finding in report.findings] == ["allotment codes"]


# Rows that nothing else speaks of.
ALONE = {
    "town.passkey": "its holder may have removed it",
    "chains.nonce": "an inquiry that was taken of late, soon to be forgotten",
    "agency.asked": "the proof that an agency keeps for itself",
    "keeper.budget": "what was asked for in an hour; the hour is over",
    "national.generation": "a crash leaves the leaf without it, and the resident asks again",
    "national.merged": "a crash leaves the leaves without it, and the desk asks again",
}
WITH_ROWS = [
    pytest.param(kind, rows, id=f"{kind}.{rows.table.name}")
    for kind, rows in TABLES
    if f"{kind}.{rows.table.name}" not in ALONE
]


@pytest.mark.parametrize(("kind", "table"), WITH_ROWS)
def test_a_row_that_was_deleted_is_noticed(sound, kind, table):
    path, rows = fullest(sound.root, kind, table)
    rows = [row for row in rows if spoken_of(table.table.name, row)]
    keys = [column.name for column in table.table.columns if column.primary_key]
    where = " AND ".join(f'"{name}" = ?' for name in keys)
    for row in some(rows):
        with edited(path) as connection:
            connection.execute(f'DELETE FROM "{table.table.name}" WHERE {where}', row[: len(keys)])
            assert connection.execute("SELECT changes()").fetchone() == (1,)
            report = verify(sound)
        assert str(path.relative_to(sound.root)) in places(report), shown(report)


def spoken_of(table: str, row: tuple[Any, ...]) -> bool:
    """Whether something else says that a row must be there."""
    if table == "spent":  # a second or an earlier state was opened, and nothing else says so
        return row[1].partition("@")[0] in ("handle", "open-1", "deferred", "number")
    if table == "look":  # the end of the chain stands in no log yet
        return row[0] < LOOKED
    if table == "objected":  # without an answer, the agency may not have been told yet
        return row[5] != ""
    return True


SWAPPED = [
    pytest.param(kind, rows, id=f"{kind}.{rows.table.name}")
    for kind, rows in TABLES
    if f"{kind}.{rows.table.name}"
    in {
        *("town.entry", "town.record", "town.household", "town.filing", "town.code", "town.told"),
        *("town.certificate", "town.outbox_item", "prefecture.outbox_item", "prefecture.state"),
        *("prefecture.residence", "prefecture.person", "prefecture.wrapped_key"),
        *("national.whereabout", "national.code_in_use", "chains.chain", "chains.label"),
        "agency.subject",
    }
]


@pytest.mark.parametrize(("kind", "table"), SWAPPED)
def test_two_rows_that_changed_places_are_noticed(sound, kind, table):
    """Each keeps its key and takes the other's values, and both checks fit."""
    path, rows = fullest(sound.root, kind, table)
    keys = sum(column.primary_key for column in table.table.columns)
    one = rows[-1]
    two = next(row for row in rows if row[keys:-1] != one[keys:-1])
    new = [(*mine[:keys], *its[keys:-1]) for mine, its in ((one, two), (two, one))]
    with edited(path) as connection:
        for old, values in zip((one, two), new, strict=True):
            put(connection, table, old, (*values, table.check(values)))
        report = verify(sound)
    assert str(path.relative_to(sound.root)) in places(report), shown(report)


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_with_other_tables_is_noticed(sound, kind):
    path = stores(sound.root, kind)[0]
    with edited(path) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
        report = verify(sound)
    place = str(path.relative_to(sound.root))
    sentence = "is not the table or index that the migrations make"
    assert report.findings == (Finding(place, "notes", sentence),)


def test_a_store_of_another_version_is_noticed(sound):
    with edited(sound.town(CHIYODA)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        report = verify(sound)
    assert [finding.about for finding in report.findings] == ["alembic_version"]


def test_an_index_that_lost_an_entry_is_noticed(sound):
    path = sound.town(CHIYODA)
    with edited(path) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM record WHERE person = 1")
        report = verify(sound)
    assert "towns/131016.db" in places(report)


# --- one changed byte of a file ------------------------------------------------------------------


def dump(path: Path) -> object:
    """Everything that a store holds, or that it cannot be read."""
    try:
        with connected(path, f"file:{path}?immutable=1") as connection:
            connection.text_factory = bytes
            names = connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
            return {
                name: connection.execute(f'SELECT * FROM "{name.decode()}"').fetchall()
                for (name,) in names.fetchall()
            }
    except (sqlcipher.Error, JukinetError, UnicodeError):
        return "cannot be read"


FLIPS = 160


def test_a_flipped_byte_anywhere_in_a_store_is_noticed_if_it_changes_what_is_stored(sound):
    rng = Random(20020805)
    files = [path for kind in KINDS for path in stores(sound.root, kind)]
    told = 0
    for _ in range(FLIPS):
        path = rng.choice(files)
        with restored(path):
            before = dump(path)
            content = bytearray(path.read_bytes())
            at = rng.randrange(len(content))
            if not content[at]:  # mostly free space: look for a byte that says something
                at = next((n for n in range(at, len(content)) if content[n]), at)
            content[at] ^= rng.randrange(1, 256)
            path.write_bytes(content)
            if dump(path) == before:
                continue
            told += 1
            report = verify(sound)
            assert str(path.relative_to(sound.root)) in places(report), (path, at, shown(report))
    assert told > FLIPS / 2


def small_files(root: Path) -> list[str]:
    """The files other than stores whose every byte counts."""
    found = [
        root / "jukinet.json",
        root / "lock.json",
        *(root / "public").iterdir(),
        *(root / "keys").rglob("*.json"),
    ]
    found += (root / "witnesses").rglob("*.json")
    log = root / "centre" / "log"
    found += [log / "checkpoint"]
    for name in ("tile", "bodies", "bundle", "runs", "statistics"):
        found += [path for path in (log / name).rglob("*") if path.is_file()]
    return sorted(str(path.relative_to(root)) for path in found)


def test_a_flipped_byte_of_any_other_file_is_noticed(sound):
    rng = Random(19670725)
    names = small_files(sound.root)
    assert len(names) > 25
    for name in names:
        path = sound.root / name
        content = path.read_bytes()
        offsets = {0, len(content) - 1, rng.randrange(len(content))}
        with restored(path):
            for at in offsets:
                changed_byte = bytes([content[at] ^ rng.randrange(1, 256)])
                path.write_bytes(content[:at] + changed_byte + content[at + 1 :])
                report = verify(sound)
                place = "centre/log" if name.startswith("centre/log") else name
                assert place in places(report), (name, at, shown(report))


def test_a_byte_between_the_fields_of_a_small_file_is_noticed_too(sound):
    for name in ("jukinet.json", "lock.json", "public/directory.json", "keys/centre.json"):
        with restored(sound.root / name) as path:
            path.write_bytes(path.read_bytes()[:-1] + b" ")
            report = verify(sound)
        assert report.findings == (Finding(name, "file", "is not written as Jukinet writes it"),)


# --- files ---------------------------------------------------------------------------------------


def all_files(root: Path) -> list[str]:
    """Every file that must be there."""
    names = [name for name in small_files(root) if "000.p/" not in name]
    log = root / "centre" / "log" / "tile"
    for level in ("entries", "0"):
        newest = max((log / level / "000.p").iterdir(), key=lambda path: int(path.name))
        names.append(str(newest.relative_to(root)))
    return names + [str(path.relative_to(root)) for kind in KINDS for path in stores(root, kind)]


def test_a_file_that_is_missing_is_noticed(sound, tmp_path):
    for name in all_files(sound.root):
        path = sound.root / name
        path.rename(tmp_path / "away")
        report = verify(sound)
        (tmp_path / "away").rename(path)
        place = "centre/log" if name.startswith("centre/log") else name
        assert place in places(report), (name, shown(report))
    assert verify(sound).ok


def test_a_whole_log_that_is_missing_is_noticed(sound, tmp_path):
    sound.log.rename(tmp_path / "log")
    report = verify(sound)
    (tmp_path / "log").rename(sound.log)
    assert Finding("centre/log", "file", "is missing") in report.findings


@pytest.mark.parametrize("name", ["towns/132012.db", "keys/towns/132012.json", "centre/14.db"])
def test_a_file_that_is_not_this_networks_is_noticed(sound, name):
    path = sound.root / name
    path.write_bytes(b"?")
    report = verify(sound)
    path.unlink()
    assert report.findings == (Finding(name, "file", "is no file of this network's"),)


@pytest.mark.parametrize(
    "name", ["lock.json", "keys/agencies/pension.json", "keys/towns/131016.json", "keys"]
)
def test_keys_that_others_may_read_are_noticed(sound, name):
    path = sound.root / name
    mode = path.stat().st_mode
    path.chmod(mode | 0o044)
    report = verify(sound)
    path.chmod(mode)
    assert [(one.place, one.about) for one in report.findings] == [(name, "permissions")]


def test_keys_of_another_network_are_noticed(sound, tmp_path):
    """Whole files, whose checks fit, that belong elsewhere."""
    elsewhere = new_folder(tmp_path / "elsewhere")
    create(elsewhere, Mark(towns=TOWNS, agencies=AGENCIES), chance=chance("other keys"))
    for name in small_files(sound.root):
        if name == "jukinet.json" or name.startswith("centre/"):
            continue
        other = (elsewhere.root / name).read_bytes()
        if other == (sound.root / name).read_bytes():
            assert name == "public/keepers.json", "where keepers elsewhere are: both have none"
            continue
        with restored(sound.root / name) as path:
            path.write_bytes(other)
            report = verify(sound)
        assert {name, "public/directory.json"} & places(report), (name, shown(report))


def test_a_network_that_was_made_and_never_opened_is_sound(tmp_path):
    report = verify(begin(tmp_path / "new"))
    assert report.ok, shown(report)
    assert report.counts["stores_not_begun"] == 2 + 2 + 1 + len((*TOWNS, *AGENCIES))


def test_a_town_that_was_never_brought_up_may_have_no_file(tmp_path):
    folder = begin(tmp_path / "partly")
    with small_pools(), open_network(folder, NOON, only_towns=(CHIYODA,)):
        pass
    report = verify(folder)
    assert report.ok, shown(report)
    assert report.counts["stores_not_begun"] == len(TOWNS) - 1


# --- the log -------------------------------------------------------------------------------------


def lengthen(folder: Folder) -> None:
    """One more question, so one more leaf."""
    with small_pools(), open_network(folder, LATER, chance=chance("more")) as network:
        country = Country(network)
        subject = BySearch(
            place=MunicipalityCode(CHIYODA),
            birth_date=era.parse_iso("2015-03-04"),
            name=legal.parse("山田 一郎"),
        )
        country.ask("pension", "1-73", Kind.STANDING, subject)


@pytest.fixture
def copied(sound, tmp_path) -> Folder:
    """A copy that may be changed for good."""
    shutil.copytree(sound.root, tmp_path / "copy")
    return unlocked(tmp_path / "copy")


def test_a_log_that_was_put_back_is_noticed_wherever_it_was_known(copied, tmp_path):
    shutil.copytree(copied.log, tmp_path / "log")
    lengthen(copied)
    assert verify(copied).ok
    shutil.rmtree(copied.log)
    shutil.copytree(tmp_path / "log", copied.log)
    report = verify(copied)
    known = {"centre/chains.db", "agencies/pension.db", "keepers/keeper-1/keeper.db"}
    assert known | {f"witnesses/{name}/witness.db" for name in WITNESSES} <= places(report)


def test_an_older_checkpoint_put_back_is_noticed(copied):
    older = (copied.log / "checkpoint").read_bytes()
    lengthen(copied)
    (copied.log / "checkpoint").write_bytes(older)
    assert "centre/chains.db" in places(verify(copied))


def test_an_erased_body_is_counted_and_a_missing_one_is_a_finding(copied):
    slots = copied.log / "bodies" / "000"
    content = slots.read_bytes()
    first = next(at for at in range(0, len(content), 512) if any(content[at : at + 512]))
    slots.write_bytes(content[:first] + bytes(512) + content[first + 512 :])
    report = verify(copied)
    assert report.ok, shown(report)
    assert report.counts["bodies_erased"] == 1
    slots.write_bytes(content[:-1])
    last = len(content) // 512 - 1
    assert [finding.about for finding in verify(copied).findings] == [f"leaf {last}"]


def test_a_leaf_under_a_label_that_no_chain_leads_to_is_noticed(sound):
    """Whoever began a chain must have told its seed; without it nobody finds the leaf."""
    (chains,) = [rows for _, rows in TABLES if rows.table.name == "chain"]
    row = max(rows_of(sound.chains, chains), key=lambda row: (row[0] != bytes(16), row[2]))
    with edited(sound.chains) as connection:
        connection.execute("DELETE FROM chain WHERE locator = ?", (bytes(16),))
        report = verify(sound)
    assert row[2] > 0
    assert "its label belongs to no chain that a town began" in {
        finding.sentence for finding in report.findings
    }


def test_what_an_unfinished_append_has_left_beside_the_log_is_counted(copied):
    for name in ("runs/2027-01-02/entries/000.p/1", "bundle/900/bodies/000"):
        path = copied.log / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"litter")
    report = verify(copied)
    assert report.ok, shown(report)
    assert report.counts["litter"] == 2


def test_an_erased_body_of_a_bundle_is_counted(copied):
    slots = next((copied.log / "bundle").rglob("bodies/000"))
    slots.write_bytes(bytes(512) + slots.read_bytes()[512:])
    report = verify(copied)
    assert report.ok, shown(report)
    assert report.counts["bodies_erased"] == 1


@contextmanager
def silent_keepers() -> Iterator[None]:
    """Keepers who do not answer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeper_node.Keeper, "step", lambda *_: [])
        yield


def disclosure(**changes) -> DisclosureLeaf:
    leaf = DisclosureLeaf(
        time=leaf_time(LATER),
        agency="pension",
        row="1-73",
        kind="standing",
        items=(),
        count=1,
        labels=(),
        commitment="",
        inquiry=None,
    )
    return replace(leaf, **changes)


UNLAWFUL = [
    pytest.param(disclosure(row="9-99"), "no such row|does not count", id="under no row"),
    pytest.param(disclosure(agency="tax"), "another receiver's", id="under another body's row"),
    pytest.param(disclosure(kind="confirm"), "kind confirm", id="of a kind too many"),
    pytest.param(disclosure(items=("sex",)), "these items", id="of an item too many"),
    pytest.param(disclosure(inquiry=0), "is no inquiry", id="as the answer to no inquiry"),
    pytest.param(disclosure(time=leaf_time(NOON)), "earlier leaf's", id="of long before"),
]


@pytest.mark.parametrize(("leaf", "sentence"), UNLAWFUL)
def test_a_leaf_that_the_log_must_not_have_is_noticed(copied, leaf, sentence):
    """The centre itself writes it, and its chains and stores agree with it."""
    body = Words(official="official-1", text="?")
    with open_network(copied, LATER) as network:
        network.centre.ledger.write([Draft(leaf, body, DECOY)])
    found = [one for one in verify(copied).findings if re.search(sentence, one.sentence)]
    assert [one.place for one in found] == ["centre/log"], shown(verify(copied))


def test_an_entry_kept_back_beyond_its_day_is_noticed_when_two_days_have_gone_by(copied):
    with open_network(copied, LATER, chance=chance("kept")) as network:
        country = Country(network)
        kept_back(country, country.record(SAPPORO_CHUO, 1), LATER.date() + timedelta(days=1))
        leaf = network.agencies["tax"].outcomes[-1].leaf
    for days in range(1, 4):
        now = LATER + timedelta(days=days)
        with silent_keepers(), open_network(copied, now, chance=chance(days)) as network:
            Country(network).ask("pension", "9-99", Kind.STANDING, nobody(CHIYODA))
        overdue = [one for one in verify(copied).findings if "is not opened" in one.sentence]
        assert [one.about for one in overdue] == ([f"leaf {leaf}"] if days == 3 else [])


def test_evidence_against_the_log_is_noticed(sound):
    (seen,) = rows_of(sound.witness("w1") / "witness.db", witness_node.SEEN)
    row = (seen[0], 1, "fork", "", 1, 1, bytes(32), b"kept", b"question")
    with edited(sound.witness("w1") / "witness.db") as connection:
        values = (*row, witness_node.EVIDENCE.check(row))
        connection.execute(f"INSERT INTO evidence VALUES ({', '.join('?' * len(values))})", values)
        report = verify(sound)
    sentence = "is held against the log (fork)"
    assert report.findings == (Finding("witnesses/w1/witness.db", "evidence 1", sentence),)


def test_a_witness_that_has_forgotten_what_it_signed_is_noticed(copied):
    before = (copied.witness("w1") / "witness.db").read_bytes()
    lengthen(copied)
    (copied.witness("w1") / "witness.db").write_bytes(before)
    assert places(verify(copied)) == {"witnesses/w1/witness.db"}


def test_keys_that_do_not_stand_in_the_log_are_noticed(copied):
    """The directory and the key rings belong together, and the log knows other keys."""
    directory = copied.public("directory", Directory)
    enrol = copied.ring("agencies/pension", AgencyRing).enrol
    ring = AgencyRing(signing=bytes(range(32)), enrol=enrol)
    verify_key = SigningKey(ring.signing).public_bytes
    entry = replace(directory.agencies["pension"], verify=verify_key)
    agencies = {**directory.agencies, "pension": entry}
    copied.put_ring("agencies/pension", ring)
    copied.put_public("directory", replace(directory, agencies=agencies))
    (finding,) = verify(copied).findings
    assert (finding.place, finding.about) == ("public/directory.json", "agency pension")


def test_a_policy_that_wants_fewer_witnesses_is_noticed(copied):
    directory = copied.public("directory", Directory)
    found = policy.parse(directory.policy)
    fewer = policy.m_of_n(found.logs[0].key, found.witnesses, 1)
    copied.put_public("directory", replace(directory, policy=str(fewer)))
    abouts = [finding.about for finding in verify(copied).findings]
    assert abouts == ["policy", "witnesses 1"]


def test_an_answer_that_is_put_down_for_somebody_else_is_noticed(sound):
    path = sound.agency("pension")
    given = [row for row in rows_of(path, agency_node.GIVEN) if row[2]]
    one = given[0]
    other = next(row for row in given if row[2] != one[2])
    values = (*one[:2], other[2], one[3])
    with edited(path) as connection:
        put(connection, agency_node.GIVEN, one, (*values, agency_node.GIVEN.check(values)))
        report = verify(sound)
    assert "names somebody on whose chain the leaf does not stand" in {
        finding.sentence for finding in report.findings
    }


# --- findings ------------------------------------------------------------------------------------


def test_many_findings_of_one_kind_are_counted(sound):
    with edited(sound.town(CHIYODA)) as connection:
        connection.execute("UPDATE code SET person = person + 1")
        report = verify(sound)
    own = [one for one in report.findings if one.sentence.startswith("the check of this row")]
    assert len(own) == 11
    assert own[-1].about.endswith(" more")


def test_no_finding_says_anything_of_anybody(sound):
    """Every table is damaged; of what it holds nothing is shown."""
    (records,) = [rows for kind, rows in TABLES if rows.table.name == "record"]
    names = ("山田", "鈴木", "田中", "ヤマダ", "千代田", "1980", "2015-03-04")
    codes = [row[3] for path in stores(sound.root, "town") for row in rows_of(path, records)]
    for kind, table in TABLES:
        path, rows = fullest(sound.root, kind, table)
        with edited(path) as connection:
            for column in table.table.columns:
                if not column.primary_key and column.name != "chk":
                    cell = Cell(kind, table, column.name)
                    put(connection, table, rows[0], changed(cell, rows[0], checked=True))
            connection.execute(f"UPDATE \"{table.table.name}\" SET chk = x'00'")
            text = shown(verify(sound))
        assert not any(secret in text for secret in (*names, *codes)), text


# --- states that a kill leaves -------------------------------------------------------------------

SHORT_TOWNS, SHORT_AGENCIES = (SAPPORO_CHUO, CHIYODA), ("pension", "tax")


def live_briefly(country: Country) -> None:
    """A few days that make every kind of write at least once."""
    head, child = country.enter(
        CHIYODA,
        person("山田 花子", "ヤマダ ハナコ"),
        person("山田 一郎", "ヤマダ イチロウ", "2015-03-04", relationship="子", sex=Sex.MALE),
        number="e1",
    )
    country.file(CHIYODA, law.CodeChange(filed=filed(number="c1"), person=child))
    there = country.move(CHIYODA, head, SAPPORO_CHUO, number="t1")
    country.file(
        SAPPORO_CHUO,
        law.MeasureRequest(
            filed=filed(number="m1"),
            persons=(there,),
            step=law.MeasureStep.BEGIN,
            until=DAY + timedelta(days=300),
        ),
    )
    record = country.record(CHIYODA, child)
    needed = frozenset({Item.ADDRESS})
    handle = country.ask("pension", "1-73", Kind.ITEMS, search(record), items=needed)
    if handle:  # not where the agency had asked for it before the kill, and has it already
        country.ask("pension", "1-73", Kind.STANDING, ByHandle(handle=handle))
    country.ask("pension", "9-99", Kind.STANDING, search(record))
    hidden = country.record(SAPPORO_CHUO, there)
    country.ask("pension", "1-73", Kind.STANDING, search(hidden))


def until_morning(country: Country) -> None:
    """An order of many, an objection and its answer, and a night that opens and closes."""
    record = country.record(CHIYODA, 2)
    country.ask_many("pension", "1-73", Kind.STANDING, [search(record), nobody(CHIYODA)])
    kept_back(country, record, DAY + timedelta(days=1))
    leaf, label, key = country.entries(record)[0]
    body = Objection(request=b"1", entry=leaf, label=label, entry_key=key, text="なぜですか")
    country.say("resident", body)
    for waiting in country.network.agencies["pension"].objections():
        country.answer_objection("pension", waiting.objection)
    country.network.line.until(NOON + timedelta(hours=13))


def begin_briefly(root: Path) -> Folder:
    folder = new_folder(root)
    create(folder, Mark(towns=SHORT_TOWNS, agencies=SHORT_AGENCIES), chance=chance("keys"))
    return folder


def live_on(folder: Folder, seed: object) -> None:
    """Open a folder again and live the same days; what is known already is recognised."""
    with small_pools(), open_network(folder, NOON, chance=chance(seed)) as network:
        live_briefly(Country(network))


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> list[Path]:
    """The folder as a kill before each commit would leave it, write-ahead logs and all.

    And as one before each checkpoint is published: entries, bundles and runs are written by then.
    """
    images = tmp_path_factory.mktemp("killed")
    folder = begin_briefly(images / "life")
    commit, rename = Store.commit, RealDisk.rename
    taken: list[Path] = []

    def take() -> None:
        taken.append(images / str(len(taken)))
        shutil.copytree(folder.root, taken[-1])

    def imaged(store: Store, driver: Any) -> None:
        take()
        commit(store, driver)

    def published(disk: RealDisk, path: str, *, to: str) -> None:
        if to == "checkpoint":
            take()
        rename(disk, path, to=to)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "commit", imaged)
        patch.setattr(RealDisk, "rename", published)
        with small_pools(), open_network(folder, NOON, chance=chance("life")) as network:
            country = Country(network)
            live_briefly(country)
            until_morning(country)
    return taken


def under_way(report: Report) -> int:
    counts = report.counts
    names = "items_under_way", "leaves_to_take_in", "checkpoints_to_cosign", "leaves_to_witness"
    return sum(counts.get(name, 0) for name in names)


def test_whatever_a_kill_leaves_is_sound_and_what_was_begun_is_under_way(killed):
    assert len(killed) > 100
    left = 0
    for number, image_of in enumerate(killed):
        report = verify(unlocked(image_of))
        assert report.ok, (number, shown(report))
        left += bool(under_way(report))
    assert left > 20


def test_after_a_kill_the_next_start_ends_with_books_and_index_that_agree(killed):
    for number, image_of in list(enumerate(killed))[::3]:
        folder = unlocked(image_of)
        with small_pools(), open_network(folder, NOON, chance=chance(number)):
            pass
        report = verify(folder)
        assert report.ok, (number, shown(report))
        assert not under_way(report), number


@pytest.mark.parametrize("part", range(2))
def test_after_a_failed_commit_living_on_ends_as_if_nothing_had_been(tmp_path, part):
    """The n-th commit fails; the process ends; the same days are lived again."""
    commit = Store.commit
    for nth in range(part * 6, 1000, 12):
        folder = begin_briefly(tmp_path / str(nth))
        done = 0

        def failing(store: Store, driver: Any, nth: int = nth) -> None:
            nonlocal done
            done += 1
            if done > nth:
                raise OSError(28, "no space left on the device")
            commit(store, driver)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Store, "commit", failing)
            with suppress(OSError):
                live_on(folder, nth)
        if done <= nth:
            break  # there are no more commits
        report = verify(folder)
        assert report.ok, (nth, shown(report))
        live_on(folder, f"{nth} again")
        report = verify(folder)
        assert report.ok, (nth, shown(report))
        assert not under_way(report), nth
        assert report.counts["records"] == 3
    assert nth > 100
