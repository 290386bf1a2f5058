"""A sealed folder shows nothing of anybody: not while it runs, not after a kill, not at rest."""

from __future__ import annotations

import base64
import shutil
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from sqlcipher3 import dbapi2 as sqlcipher
from tests.readable import Finder, forms
from tests.support import CHIYODA, JST, address, entrant, filed, new_folder, unlocked

from jukinet.law import notification as law
from jukinet.law.record import Record
from jukinet.nodes.keyring import AgencyRing, CentreRing, TownRing
from jukinet.nodes.message import DESK, Filed, Filing, Message, Tick
from jukinet.register import book
from jukinet.tasks.demo import Size, run
from jukinet.tasks.folder import Folder
from jukinet.tasks.network import Network, open_network

SMALL = Size(towns=3, residents=150, inquiries=40)
AFTER = datetime(2026, 4, 2, 12, tzinfo=JST)


def everybody(network: Network) -> list[Record]:
    """All records of all towns, and each of their earlier states."""
    found = []
    for town in network.towns.values():
        with town.store.begin() as tx:
            for kept in book.everybody(tx):
                entries = book.entries_of(tx, kept.record.number)
                states = [book.fold(entries[:count]) for count in range(1, len(entries) + 1)]
                found += [one for one in states if one is not None]
    return found


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """A demo as it is while it runs, and at rest; and who is in it."""
    root = tmp_path_factory.mktemp("sealed")
    folder = new_folder(root / "demo")
    run(folder, 3, SMALL)
    with open_network(folder, AFTER) as network:
        for code, town in network.towns.items():
            write_something(network, code)
            assert Path(f"{folder.town(code)}-wal").stat().st_size > 0, town
        people = everybody(network)
        shutil.copytree(folder.root, root / "running")
    return root, people


def write_something(network: Network, town: str) -> None:
    entry = law.ExOfficioEntry(
        filed=filed(AFTER.date()),
        entrants=(entrant(),),
        address=address(town, "99番98号"),
        household=None,
    )
    node = network.towns[town]
    node.step(Message(sender=DESK, receiver=town, body=Filing(notification=entry)), AFTER)
    out = node.step(Message(sender=town, receiver=town, body=Tick()), AFTER)
    assert any(isinstance(one, Message) and isinstance(one.body, Filed) for one in out), getattr(
        out[-1].body, "reason", out
    )


@pytest.mark.parametrize("state", ["running", "demo"])
def test_no_file_of_a_demo_shows_a_personal_value(sealed, state):
    root, people = sealed
    finder = Finder(forms(people))
    assert len(finder.sought) > 10 * SMALL.residents
    assert finder.found_below(root / state) == {}


def test_the_same_search_finds_everybody_in_a_town_that_is_not_sealed(sealed, tmp_path):
    root, people = sealed
    folder = unlocked(root / "demo")
    for town in folder.root.glob("towns/*.db"):
        unseal(folder, town, tmp_path / town.name)
    finder = Finder(forms(people))
    found = set().union(*finder.found_below(tmp_path).values())
    names = {one.name.legal.text.encode() for one in people}
    assert len(names & found) > 0.95 * len(names)


def unseal(folder: Folder, path: Path, to: Path) -> None:
    """Copy a sealed store into a bare one."""
    driver = sqlcipher.connect(str(path), isolation_level=None)
    driver.set_key(b"x'" + folder.store_key(path).hex().encode() + b"'")
    driver.execute("PRAGMA cipher_hmac_algorithm=HMAC_SHA256")
    driver.execute("ATTACH DATABASE ? AS bare KEY ''", (str(to),))
    driver.execute("SELECT sqlcipher_export('bare')")
    driver.close()


@pytest.mark.parametrize("state", ["running", "demo"])
def test_no_file_shows_a_key(sealed, state):
    root, _ = sealed
    folder = unlocked(root / "demo")
    secrets = [bytes(folder.master.reveal()), folder.store_key(folder.town(CHIYODA))]
    for name in ("centre", f"towns/{CHIYODA}", "agencies/pension"):
        kind = {"c": CentreRing, "t": TownRing, "a": AgencyRing}[name[0]]
        secrets += all_bytes(msgspec.structs.asdict(folder.ring(name, kind)))
    assert len(secrets) > 15
    sought = [form for one in secrets for form in (one, one.hex().encode(), *in_base64(one))]
    assert Finder(sought).found_below(root / state) == {}


def all_bytes(value: object) -> list[bytes]:
    if isinstance(value, bytes):
        return [value]
    inner = value.values() if isinstance(value, dict) else ()
    return [found for one in inner for found in all_bytes(one)]


def in_base64(secret: bytes) -> list[bytes]:
    """As it would stand in base64, whatever stands before it."""
    return [base64.b64encode(bytes(shift) + secret)[4:-4] for shift in range(3)]
