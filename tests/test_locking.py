"""Locks: what opens a folder, what does not, where an unlocked key is, and what a crash leaves."""

from __future__ import annotations

import copy
import json
import os
import pickle
import pty
import shutil
import stat
import subprocess
import sys
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.softhsm import PIN, softhsm, tokens
from tests.support import CHIYODA, JST, NOON, PASSPHRASE, by_words, chance, new_folder, unlocked

from jukinet.errors import Damaged, Malformed, OutOfStep, Refused
from jukinet.keys.master import MasterKey
from jukinet.keys.wrap import PassphraseLock
from jukinet.store.engine import open_store
from jukinet.tasks import folder as folders
from jukinet.tasks import locking
from jukinet.tasks import unlocked as memory
from jukinet.tasks.folder import Folder, Mark
from jukinet.tasks.network import create, open_network
from jukinet.tasks.verifying import verify

MASTER = bytes(range(32))
__all__ = ["tokens"]  # a fixture


def jukinet(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "jukinet", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


@pytest.fixture
def locked(tmp_path) -> Path:
    """A folder with a lock, not unlocked."""
    return locking.begin(Folder(tmp_path / "mine"), by_words()).root


# --- the master key ------------------------------------------------------------------------------


def test_each_file_and_store_has_a_key_of_its_own():
    master = MasterKey(MASTER)
    keys = [
        master.store_key("towns/131016"),
        master.store_key("towns/131041"),
        bytes(master.within("towns/131016").reveal()),
        master.within("witnesses/w1").store_key("witness"),
        master.within("witnesses/w2").store_key("witness"),
        MasterKey(bytes(32)).store_key("towns/131016"),
    ]
    assert len(set(keys)) == len(keys)
    assert MASTER not in keys


@given(st.binary(max_size=200), st.integers(0, 10**6), st.integers(1, 255))
def test_a_sealed_file_with_one_byte_changed_does_not_open(text, place, mask):
    sealed = bytearray(MasterKey(MASTER).seal("centre", text, nonce=bytes(12)))
    sealed[place % len(sealed)] ^= mask
    with pytest.raises(Damaged, match="does not open with this folder's key"):
        MasterKey(MASTER).open("centre", bytes(sealed))


@given(st.binary(max_size=40))
def test_no_bytes_open_by_chance(sealed):
    with pytest.raises(Damaged):
        MasterKey(MASTER).open("centre", sealed)


def test_a_master_key_does_not_show_itself_and_is_not_copied():
    master = MasterKey(MASTER)
    assert MASTER.hex()[:8] not in repr(master)
    for write_out in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(Refused, match="not pickled or copied"):
            write_out(master)
    with pytest.raises(TypeError):
        hash(master)


def test_a_wiped_key_is_overwritten_and_opens_nothing():
    master = MasterKey(MASTER)
    inner = master.reveal()
    master.wipe()
    assert inner == bytes(32)
    assert repr(master) == "<MasterKey, wiped>"
    for use in (master.reveal, lambda: master.store_key("x"), lambda: master.sign):
        with pytest.raises(Refused, match="was wiped"):
            use()


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_master_key_has_32_bytes(size):
    with pytest.raises(Malformed, match="wants 32 bytes"):
        MasterKey(bytes(size))


# --- the lock ------------------------------------------------------------------------------------


def test_the_passphrase_opens_a_folder_and_no_other_does(locked):
    one, two = locking.open_with(locked, by_words()), locking.open_with(locked, by_words())
    assert one.master == two.master
    for wrong in (PASSPHRASE.upper(), PASSPHRASE + "x", "entirely another one"):
        with pytest.raises(Refused, match="it is not the one") as caught:
            locking.open_with(locked, by_words(wrong))
        assert wrong not in str(caught.value)


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param("  a passphrase  of the tests\n", id="other spaces"),
        pytest.param("\uff41 passphrase of the tests", id="a full-width letter"),
        pytest.param("a\u3000passphrase of the tests", id="an ideographic space"),
    ],
)
def test_a_passphrase_may_be_spelled_as_keyboards_do(locked, spelling):
    assert locking.open_with(locked, by_words(spelling))


def test_a_short_passphrase_is_refused(tmp_path):
    with pytest.raises(Malformed, match="wants 12 characters"):
        locking.begin(Folder(tmp_path / "x"), by_words("secret"))
    assert not (tmp_path / "x" / "lock.json").exists()


def test_a_lock_shows_neither_key_nor_passphrase_and_is_its_owners_alone(locked):
    path = locked / "lock.json"
    content = path.read_bytes()
    key = bytes(locking.open_with(locked, by_words()).master.reveal())
    for form in (key, key.hex().encode(), PASSPHRASE.encode()):
        assert form not in content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"sign": "zz" * 16}, id="a sign that is none"),
        pytest.param({"sign": ""}, id="no sign"),
        pytest.param({"sign": "00" * 16}, id="another key's sign"),
        pytest.param({"folder": "00" * 16}, id="another folder's name"),
        pytest.param({"folder": "0" * 31}, id="a name that is none"),
        pytest.param({"wrapped": b"short"}, id="a wrapped key that is none"),
    ],
)
def test_a_lock_that_was_tampered_with_is_refused_or_damaged(locked, change):
    folder = Folder(locked)
    folder.put_lock(msgspec.structs.replace(folder.lock(locking.Lock), **change))
    with pytest.raises((Damaged, Refused)):
        locking.open_with(locked, by_words())


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_one_changed_byte_of_a_lock_opens_nothing(place, mask):
    root = Path(os.environ["XDG_RUNTIME_DIR"]) / "changed"
    shutil.rmtree(root, ignore_errors=True)
    locking.begin(Folder(root), by_words())
    content = bytearray((root / "lock.json").read_bytes())
    at = place % (len(content) - 1)  # not the end of the line
    content[at] ^= mask
    (root / "lock.json").write_bytes(content)
    with pytest.raises((Damaged, Refused)):
        locking.open_with(root, by_words())


def test_a_folder_without_its_lock_says_that_the_key_is_lost(tmp_path):
    with pytest.raises(Refused, match="restore that file from a back-up"):
        locking.open_with(tmp_path, by_words())


def test_a_drawn_passphrase_is_eight_words_of_2048():
    words = locking._words()
    assert len(set(words)) == 2048
    drawn = locking.draw_passphrase(chance("words")).split(" ")
    assert len(drawn) == 8
    assert set(drawn) <= set(words)
    assert locking.draw_passphrase() != locking.draw_passphrase()


# --- another passphrase --------------------------------------------------------------------------


def test_a_changed_passphrase_opens_the_same_key_and_the_old_one_nothing(locked):
    before = locking.open_with(locked, by_words())
    locking.change(before, by_words("another passphrase"))
    assert locking.open_with(locked, by_words("another passphrase")).master == before.master
    with pytest.raises(Refused):
        locking.open_with(locked, by_words())


@pytest.mark.parametrize("step", ["write", "fsync", "rename"])
def test_a_change_that_is_cut_short_leaves_a_lock_that_opens(locked, monkeypatch, step):
    """Before each step, with the new file whole, in part, or not there."""

    class Cut(Exception):
        pass

    def cut(*arguments):
        if step == "write":
            os_write(arguments[0], arguments[1][:40])
        raise Cut

    folder, os_write = locking.open_with(locked, by_words()), os.write
    with monkeypatch.context() as patch:
        patch.setattr(folders.os, step, cut)
        with pytest.raises(Cut):
            locking.change(folder, by_words("another passphrase"))
    assert locking.open_with(locked, by_words()).master == folder.master
    locking.change(folder, by_words("another passphrase"))
    assert locking.open_with(locked, by_words("another passphrase")).master == folder.master


# --- unlocked ------------------------------------------------------------------------------------


def test_an_unlocked_folder_and_its_copies_open_until_it_is_locked(locked, tmp_path):
    assert locking.recalled(locked, NOON) is None
    folder = locking.open_with(locked, by_words())
    locking.remember(folder)
    shutil.copytree(locked, tmp_path / "copy")
    for root in (locked, tmp_path / "copy"):
        assert locking.recalled(root, NOON).master == folder.master
    assert locking.forget(locked)
    assert not locking.forget(locked)
    assert locking.recalled(locked, NOON) is None


def test_the_unlocked_key_is_in_memory_its_owners_alone_and_not_by_the_folders_name(locked):
    folder = locking.open_with(locked, by_words())
    locking.remember(folder)
    place = memory.place()
    assert memory.in_memory(place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    holding = [
        path for path in place.iterdir() if bytes(folder.master.reveal()) in path.read_bytes()
    ]
    (path,) = holding
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lock = locking.read(locked)
    assert lock.folder not in path.name
    assert str(locked) not in path.name
    on_disk = [one.read_bytes() for one in locked.rglob("*") if one.is_file()]
    assert all(bytes(folder.master.reveal()) not in content for content in on_disk)


def test_the_time_runs_out_and_the_key_is_gone(locked):
    folder = locking.open_with(locked, by_words())
    locking.remember(folder, until=NOON + timedelta(minutes=5))
    assert locking.recalled(locked, NOON + timedelta(minutes=4))
    assert locking.recalled(locked, NOON + timedelta(minutes=5)) is None
    assert not locking.forget(locked)


def test_a_key_that_is_forgotten_is_overwritten_first(locked):
    folder = locking.open_with(locked, by_words())
    locking.remember(folder)
    (path,) = (
        one for one in memory.place().iterdir() if bytes(folder.master.reveal()) in one.read_bytes()
    )
    with path.open("rb") as still_open:
        locking.forget(locked)
        assert not still_open.read().strip(b"\x00")


def test_a_key_in_memory_that_others_could_have_read_or_written_is_not_used(locked):
    folder = locking.open_with(locked, by_words())
    locking.remember(folder)
    (path,) = (
        one for one in memory.place().iterdir() if bytes(folder.master.reveal()) in one.read_bytes()
    )
    path.chmod(0o640)
    assert locking.recalled(locked, NOON) is None
    path.chmod(0o600)
    assert locking.recalled(locked, NOON)
    path.write_bytes(path.read_bytes()[:-1])
    assert locking.recalled(locked, NOON) is None
    path.unlink()
    path.symlink_to("/dev/zero")
    assert locking.recalled(locked, NOON) is None
    path.unlink()


def test_the_key_of_a_folder_that_was_begun_anew_does_not_open_it(locked):
    locking.remember(locking.open_with(locked, by_words()))
    name = locking.read(locked).folder
    other = locking.begin(Folder(locked), by_words())
    lock = msgspec.structs.replace(locking.read(locked), folder=name)
    other.put_lock(lock)
    assert locking.recalled(locked, NOON) is None


def test_a_place_that_is_not_in_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "SHARED", str(tmp_path))
    monkeypatch.setattr(memory, "in_memory", lambda directory: False)
    with pytest.raises(Refused, match="JUKINET_PASSPHRASE_FILE"):
        memory.place({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def test_a_disk_is_not_in_memory():
    assert memory.in_memory(Path("/dev/shm"))
    assert not memory.in_memory(Path("/proc"))
    assert not memory.in_memory(Path("/nowhere/at/all"))


def test_a_place_that_somebody_else_made_is_refused(monkeypatch):
    shared = Path(os.environ["XDG_RUNTIME_DIR"]) / "shared"
    shared.mkdir()
    monkeypatch.setattr(memory, "SHARED", str(shared))
    own = shared / f"jukinet-{os.getuid()}"
    own.mkdir(mode=0o755)
    with pytest.raises(Refused, match="want mode 0700"):
        memory.place({})
    own.rmdir()
    own.symlink_to("/tmp")
    with pytest.raises(Refused, match="not a directory of this user's alone"):
        memory.place({})
    own.unlink()
    assert stat.S_IMODE(memory.place({}).stat().st_mode) == 0o700
    shutil.rmtree(shared)


MOUNTS = """22 1 254:0 / / rw,relatime - ext4 /dev/root rw
23 22 0:21 / /dev/shm rw,nosuid,nodev shared:4 - tmpfs tmpfs rw,size=64k
24 22 0:22 / /mnt/a\\040b rw - nfs4 host:/x rw
"""


@pytest.mark.parametrize(
    ("device", "kind"), [((254, 0), "ext4"), ((0, 21), "tmpfs"), ((0, 22), "nfs4"), ((9, 9), "")]
)
def test_the_kind_of_a_file_system_is_read_from_the_kernels_list(device, kind):
    assert memory.file_system(MOUNTS, device) == kind


@given(st.text())
def test_no_list_of_mounts_makes_trouble(text):
    assert memory.file_system(text + "\n" + MOUNTS, (254, 0)) in {"ext4", *text.split()}


# --- a network under lock ------------------------------------------------------------------------


@pytest.fixture
def network(tmp_path) -> Path:
    """A network with one town, unlocked."""
    folder = new_folder(tmp_path / "net")
    create(folder, Mark(towns=(CHIYODA,)), chance=chance("net"))
    with open_network(folder, NOON, chance=chance("open")):
        pass
    return folder.root


def test_a_locked_network_opens_for_nobody_and_says_what_to_do(network):
    for use in (lambda: verify(Folder(network)), open_network(Folder(network), NOON).__enter__):
        with pytest.raises(Refused, match=r"`jukinet unlock .*net` opens it"):
            use()


def test_with_another_key_nothing_opens(network):
    other = Folder(network, MasterKey(MASTER))
    with pytest.raises(Damaged, match="does not open with this folder's key"):
        other.ring("centre", dict)
    with pytest.raises(Damaged, match="does not open with this key"):
        open_store(other.town(CHIYODA), key=other.store_key(other.town(CHIYODA)))
    assert {one.place for one in verify(other).findings} >= {
        "lock.json",
        "keys/centre.json",
        f"towns/{CHIYODA}.db",
        "witnesses/w1/witness.db",
    }


def test_no_store_and_no_ring_of_a_network_is_readable_without_the_key(network):
    stores, rings = list(network.rglob("*.db")), list(network.rglob("keys/**/*.json"))
    town, centre, keepers, witnesses = 1, 3, 3, 3
    assert len(stores) == town + centre + keepers + witnesses
    assert len(rings) == 1 + town + 2 * keepers + witnesses
    for path in stores:
        assert not path.read_bytes().startswith(b"SQLite format 3")
        with pytest.raises(Damaged):
            open_store(path)
    for path in rings:
        assert set(json.loads(path.read_bytes())) == {"sealed", "check"}


def test_a_town_does_not_open_in_another_towns_place(network):
    folder = unlocked(network)
    other = folder.town("131041")
    shutil.copy(folder.town(CHIYODA), other)
    with pytest.raises(Damaged, match="another folder or key"):
        open_store(other, key=folder.store_key(other))


def test_a_creation_that_was_cut_short_is_made_again_under_another_key(tmp_path, monkeypatch):
    root = tmp_path / "net"

    def crash(*_):
        raise OutOfStep("the power fails")

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "put_mark", crash)
        with pytest.raises(OutOfStep):
            create(new_folder(root), Mark(towns=(CHIYODA,)), chance=chance("one"))
    folder = new_folder(root)
    create(folder, Mark(towns=(CHIYODA,)), chance=chance("two"))
    with open_network(folder, NOON, chance=chance("open")):
        pass
    assert verify(folder).ok


def test_whoever_makes_a_folder_that_another_has_begun_anew_meanwhile_is_refused(tmp_path):
    first = new_folder(tmp_path / "net")
    second = new_folder(tmp_path / "net")
    with pytest.raises(Refused, match="another jukinet has begun it anew"):
        create(first, Mark(towns=(CHIYODA,)), chance=chance("one"))
    create(second, Mark(towns=(CHIYODA,)), chance=chance("two"))


def test_a_folder_with_books_and_no_mark_is_not_taken_for_an_unfinished_one(network):
    (network / "jukinet.json").unlink()
    folder = unlocked(network)
    with pytest.raises(Refused, match="it holds something else"):
        folder.refuse_foreign()
    folder.clear()
    assert folder.town(CHIYODA).exists()


# --- the commands --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder as a command makes it, and what it said."""
    root = tmp_path_factory.mktemp("commands") / "mine"
    done = jukinet("town", "init", "--dir", root, "--towns", CHIYODA)
    assert done.returncode == 0, done.stderr
    return root, done


def passphrase_of(said: str) -> str:
    return next(line.strip() for line in said.splitlines() if line.startswith("    "))


def test_a_command_that_makes_a_folder_prints_a_passphrase_once_and_leaves_it_open(made):
    root, done = made
    passphrase = passphrase_of(done.stderr)
    assert len(passphrase.split()) == 8
    assert (done.stdout + done.stderr).count(passphrase) == 1
    assert locking.open_with(root, by_words(passphrase)).master == unlocked(root).master
    shown = jukinet("town", "show", "--dir", root)
    assert shown.returncode == 0, shown.stderr
    assert passphrase not in shown.stdout + shown.stderr


def test_a_locked_folder_is_opened_by_passphrase_file_or_words_and_by_unlocking(made, tmp_path):
    root, done = made
    passphrase = passphrase_of(done.stderr)
    file = tmp_path / "passphrase"
    file.write_text(passphrase + "\n")
    show = "town", "show", "--dir", root
    assert jukinet("lock", root).returncode == 0
    refused = jukinet(*show)
    assert refused.returncode == 1
    assert f"jukinet unlock {root}" in refused.stderr.replace("\n", " ")
    assert "JUKINET_PASSPHRASE_FILE" in refused.stderr
    assert jukinet(*show, JUKINET_PASSPHRASE_FILE=str(file)).returncode == 0
    assert jukinet(*show, JUKINET_PASSPHRASE=passphrase).returncode == 0
    assert jukinet(*show).returncode == 1
    wrong = jukinet("unlock", root, JUKINET_PASSPHRASE="another passphrase")
    assert (wrong.returncode, "it is not the one" in wrong.stderr) == (1, True)
    opened = jukinet("unlock", root, "--minutes", 5, "--passphrase-file", file)
    assert opened.returncode == 0, opened.stderr
    assert jukinet(*show).returncode == 0


def typed(words, *lines: str) -> tuple[int, str]:
    """A command at a terminal, at which somebody types."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "jukinet", *map(str, words)])
    said, waiting = b"", list(lines)
    with suppress(OSError):  # the end
        while chunk := os.read(terminal, 4096):
            said += chunk
            if said.endswith(b": "):  # a prompt; what is typed is not echoed
                os.write(terminal, waiting.pop(0).encode() + b"\n")
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), said.decode()


def test_at_a_terminal_the_passphrase_is_asked_for_and_not_shown(made):
    root, done = made
    passphrase = passphrase_of(done.stderr)
    jukinet("lock", root)
    code, said = typed(("unlock", root), passphrase)
    assert (code, "unlocked until this machine is restarted" in said) == (0, True), said
    assert passphrase not in said


def test_a_passphrase_is_changed_at_a_terminal_by_file_or_by_drawing(tmp_path):
    root = new_folder(tmp_path / "net").root
    key = unlocked(root).master
    code, said = typed(("passphrase", "change", root), PASSPHRASE, "the second one", "the secand")
    assert (code, "not the same" in said) == (2, True), said
    code, said = typed(
        ("passphrase", "change", root), PASSPHRASE, "the second one", "the second one"
    )
    assert (code, "the second one" in said) == (0, False), said
    (tmp_path / "third").write_text("the third one\n")
    words = "passphrase", "change", root, "--new-passphrase-file", tmp_path / "third"
    wrong = jukinet(*words, JUKINET_PASSPHRASE=PASSPHRASE)
    assert (wrong.returncode, "it is not the one" in wrong.stderr) == (1, True)
    assert jukinet(*words, JUKINET_PASSPHRASE="the second one").returncode == 0
    drawn = jukinet("passphrase", "change", root, "--draw", JUKINET_PASSPHRASE="the third one")
    assert drawn.returncode == 0, drawn.stderr
    assert locking.open_with(root, by_words(passphrase_of(drawn.stderr))).master == key


def test_a_witness_elsewhere_has_a_lock_of_its_own(tmp_path):
    root = tmp_path / "w"
    done = jukinet("witness", "init", "--dir", root, "--name", "witness.example/w1")
    assert done.returncode == 0, done.stderr
    assert len(passphrase_of(done.stderr).split()) == 8
    jukinet("lock", root)
    assert jukinet("witness", "show", "--dir", root).returncode == 1
    words = {"JUKINET_PASSPHRASE": passphrase_of(done.stderr)}
    assert jukinet("witness", "show", "--dir", root, **words).returncode == 0


def test_a_given_passphrase_is_taken_and_not_printed(tmp_path):
    words = "town", "init", "--dir", tmp_path / "net", "--towns", CHIYODA
    done = jukinet(*words, JUKINET_PASSPHRASE="given by the operator")
    assert done.returncode == 0, done.stderr
    assert "operator" not in done.stdout + done.stderr
    assert locking.recalled(tmp_path / "net", datetime(2026, 1, 1, tzinfo=JST)) is None
    assert locking.open_with(tmp_path / "net", by_words("given by the operator"))


@pytest.mark.parametrize("words", [("unlock",), ("lock",), ("passphrase", "change")], ids=" ".join)
def test_a_folder_that_is_none_of_ours_is_refused(tmp_path, words):
    done = jukinet(*words, tmp_path)
    assert (done.returncode, "there is no lock.json" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr


@softhsm
def test_a_folder_is_put_under_a_token_and_back(tmp_path, tokens):
    root = new_folder(tmp_path / "net").root
    create(unlocked(root), Mark(towns=(CHIYODA,)), chance=chance("net"))
    (tmp_path / "pin").write_text(f"{PIN}\n")
    token = "--pkcs11", tokens, "--pin-file", tmp_path / "pin"
    words = {"JUKINET_PASSPHRASE": PASSPHRASE}
    done = jukinet("passphrase", "change", root, "--new-token", "keeper-1", *token, **words)
    assert done.returncode == 0, done.stderr
    assert jukinet("lock", root).returncode == 0
    refused = jukinet("unlock", root, **words)
    assert (refused.returncode, "--pkcs11" in refused.stderr) == (1, True)
    device = {"JUKINET_PKCS11": str(tokens), "JUKINET_PIN_FILE": str(tmp_path / "pin")}
    shown = jukinet("town", "show", "--dir", root, **device)
    assert shown.returncode == 0, shown.stderr
    assert jukinet("unlock", root, *token).returncode == 0
    assert jukinet("town", "show", "--dir", root).returncode == 0
    back = jukinet("passphrase", "change", root, "--draw", **device)
    assert back.returncode == 0, back.stderr
    assert locking.open_with(root, PassphraseLock(passphrase_of(back.stderr), os.urandom))
    assert PIN not in "".join(one.stdout + one.stderr for one in (done, shown, back))
