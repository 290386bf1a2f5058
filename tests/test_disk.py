"""Disks: the real one and the one that forgets do the same, until the power is cut."""

import errno
import os
from random import Random

import pytest
from tests.forgetful_disk import ForgetfulDisk, PowerCut

from jukinet.errors import Malformed
from jukinet.store.disk import SPARES_MAX, Batch, Disk, RealDisk, parent, publish, remove_all


@pytest.fixture(params=["real", "forgetful"])
def disk(request, tmp_path) -> Disk:
    return RealDisk(tmp_path / "root") if request.param == "real" else ForgetfulDisk()


def test_what_was_written_is_read(disk):
    disk.write("a", b"content")
    assert disk.read("a") == b"content"
    assert disk.read_at("a", offset=3, size=2) == b"te"
    assert disk.read_at("a", offset=5, size=100) == b"nt"
    assert disk.read_at("a", offset=100, size=1) == b""


def test_a_shorter_content_leaves_nothing_of_the_longer_one(disk):
    disk.write("a", b"long content")
    disk.write("a", b"short")
    assert disk.read("a") == b"short"
    disk.write("a", b"")
    assert disk.read("a") == b""


def test_a_part_is_overwritten_in_place(disk):
    disk.write("a", b"abcdef")
    disk.write_at("a", b"XY", offset=2)
    assert disk.read("a") == b"abXYef"


def test_a_part_beyond_the_end_has_zeros_before_it(disk):
    disk.write_at("a", b"X", offset=3)
    assert disk.read("a") == b"\x00\x00\x00X"


def test_names_are_listed_in_order(disk):
    disk.mkdir("d")
    disk.mkdir("d/e")
    for name in ("d/b", "d/a", "c"):
        disk.write(name, b"")
    assert disk.listdir("d") == ["a", "b", "e"]
    assert disk.listdir("") == ["c", "d"]


def test_a_rename_takes_the_place_of_a_file(disk):
    disk.write("a", b"new")
    disk.write("b", b"old")
    disk.rename("a", to="b")
    assert disk.read("b") == b"new"
    assert not disk.exists("a")


def test_a_directory_moves_with_its_files(disk):
    disk.mkdir("d")
    disk.mkdir("e")
    disk.write("d/a", b"x")
    disk.rename("d", to="e/d")
    assert disk.read("e/d/a") == b"x"
    assert not disk.exists("d")


def test_a_linked_file_has_two_names_and_one_content(disk):
    disk.write("a", b"one")
    disk.link("a", to="b")
    disk.write("a", b"two")
    assert disk.read("b") == b"two"
    disk.remove("a")
    assert disk.read("b") == b"two"


def test_a_link_does_not_take_a_name_that_is_used(disk):
    disk.write("a", b"")
    disk.write("b", b"")
    with pytest.raises(FileExistsError):
        disk.link("a", to="b")


def test_directories_are_made_once_and_removed_empty(disk):
    disk.mkdir("d")
    disk.mkdir("d")
    disk.write("d/a", b"")
    with pytest.raises(OSError, match=str(errno.ENOTEMPTY)):
        disk.rmdir("d")
    disk.remove("d/a")
    disk.rmdir("d")
    assert not disk.exists("d")


@pytest.mark.parametrize(
    "does",
    [
        lambda disk: disk.read("a"),
        lambda disk: disk.read_at("a", offset=0, size=1),
        lambda disk: disk.fsync("a"),
        lambda disk: disk.fsync_dir("a"),
        lambda disk: disk.rename("a", to="b"),
        lambda disk: disk.link("a", to="b"),
        lambda disk: disk.remove("a"),
        lambda disk: disk.listdir("a"),
        lambda disk: disk.rmdir("a"),
        lambda disk: disk.write("a/b", b""),
        lambda disk: disk.mkdir("a/b"),
    ],
    ids=lambda does: "",
)
def test_what_is_not_there_is_not_found(disk, does):
    with pytest.raises(FileNotFoundError):
        does(disk)


def test_what_was_written_is_made_safe(disk):
    disk.mkdir("d")
    disk.write("a", b"x" * 10_000)
    disk.write("d/b", b"y")
    disk.fsync("a", "d/b")
    disk.fsync_dir("", "d")
    disk.fsync()
    assert disk.read("a") == b"x" * 10_000


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "..", "a/../b", "a//b", "a/", "./a", "a/.", "a\x00b"]
)
def test_no_path_leads_out_of_the_root(tmp_path, path):
    real = RealDisk(tmp_path / "root")
    with pytest.raises(Malformed):
        real.write(path, b"")
    with pytest.raises(Malformed):
        real.read(path)
    assert os.listdir(tmp_path / "root") == []


def test_publishing_replaces_a_file_and_leaves_no_other(disk):
    publish(disk, "a", b"one")
    publish(disk, "a", b"two")
    disk.fsync_dir("")
    assert disk.read("a") == b"two"
    assert disk.listdir("") == ["a"]


def published(disk):
    publish(disk, "a", b"the new one")
    disk.fsync_dir("")


@pytest.mark.parametrize("keeps", ["nothing", "everything", "some"])
@pytest.mark.parametrize("when", ["before", "middle", "after"])
def test_a_published_file_is_the_old_or_the_new_one_whatever_fails(when, keeps):
    for at in range(4):
        for seed in range(10):
            disk = ForgetfulDisk()
            publish(disk, "a", b"old")
            disk.fsync_dir("")
            disk.fail(at, when)
            with pytest.raises(PowerCut):
                published(disk)
            found = disk.after_crash(keeps, Random(seed)).read("a")
            assert found in (b"old", b"the new one")
            assert found == b"old" or at >= 2


@pytest.mark.parametrize("keeps", ["nothing", "some"])
def test_what_was_not_fsynced_can_be_lost(keeps):
    disk = ForgetfulDisk()
    disk.write("a", b"safe")
    disk.fsync("a")
    disk.fsync_dir("")
    disk.write("a", b"not so")
    disk.write("b", b"nor this")
    found = [disk.after_crash(keeps, Random(seed)) for seed in range(40)]
    assert any(one.read("a") == b"safe" for one in found)
    assert any(not one.exists("b") for one in found)


def test_a_disk_in_the_dark_does_nothing():
    disk = ForgetfulDisk()
    disk.fail(0)
    with pytest.raises(PowerCut):
        disk.write("a", b"")
    for does in (lambda: disk.read("a"), lambda: disk.exists("a"), lambda: disk.mkdir("d")):
        with pytest.raises(PowerCut):
            does()


def test_the_parent_of_a_path():
    assert [parent(path) for path in ("a", "a/b", "a/b/c")] == ["", "a", "a/b"]


def test_a_batch_makes_directories_and_makes_safe_all_names_above():
    disk = ForgetfulDisk()
    batch = Batch(disk, spare="spare")
    batch.write("a/b/c", b"x")
    batch.write_at("d/e", b"y", offset=1)
    batch.settle()
    found = disk.after_crash("nothing")
    assert found.read("a/b/c") == b"x"
    assert found.read("d/e") == b"\x00y"


def test_a_batch_makes_safe_the_directories_that_another_run_made_and_did_not():
    disk = ForgetfulDisk()
    disk.mkdir("a")
    disk.mkdir("a/b")
    batch = Batch(disk, spare="spare")
    batch.write("a/b/c", b"x")
    batch.settle()
    assert disk.after_crash("nothing").read("a/b/c") == b"x"


def test_a_batch_that_was_not_settled_can_be_lost():
    disk = ForgetfulDisk()
    Batch(disk, spare="spare").write("a", b"x")
    assert not disk.after_crash("nothing").exists("a")


def test_a_grown_file_is_made_safe_each_time():
    disk = ForgetfulDisk()
    batch = Batch(disk, spare="spare")
    for place in range(3):
        batch.write_at("a", b"x", offset=place)
        batch.settle()
        assert disk.after_crash("nothing").read("a") == b"x" * (place + 1)


def test_files_that_lost_their_use_are_written_over_and_not_removed(disk):
    batch = Batch(disk, spare="spare")
    batch.write("old/a", b"a" * 9_000)
    batch.write("old/b", b"b")
    batch.settle()
    batch.recycle("old")
    assert not disk.exists("old")
    batch.write("new/a", b"c")
    batch.write("new/b", b"d" * 10_000)
    batch.write("new/c", b"e")
    batch.settle()
    assert disk.read("new/a") == b"c"
    assert disk.read("new/b") == b"d" * 10_000
    assert disk.read("new/c") == b"e"
    assert disk.listdir("spare") == []


def test_the_spare_nearest_in_size_is_taken():
    disk = ForgetfulDisk()
    batch = Batch(disk, spare="spare")
    for name, size in (("large", 50_000), ("small", 10), ("middle", 20_000)):
        batch.write(f"old/{name}", bytes(size))
    batch.settle()
    numbers = {name: disk.names[f"old/{name}"] for name in ("large", "small", "middle")}
    batch.recycle("old")
    batch.write("new/1", bytes(21_000))
    batch.write("new/2", bytes(90_000))
    batch.write("new/3", bytes(90_000))
    assert [disk.names[f"new/{n}"] for n in (1, 2, 3)] == [
        numbers["large"],
        numbers["middle"],
        numbers["small"],
    ]


def test_a_lasting_file_does_not_become_a_spare(disk):
    batch = Batch(disk, spare="spare")
    batch.write("old/a", b"x", lasting=True)
    batch.recycle("old")
    assert not disk.exists("old")
    assert not disk.exists("spare")


def test_spares_of_a_former_run_are_removed(disk):
    batch = Batch(disk, spare="spare")
    batch.write("old/a", b"x")
    batch.recycle("old")
    assert disk.listdir("spare") == ["0"]
    Batch(disk, spare="spare")
    assert disk.listdir("spare") == []


def test_files_of_a_former_run_are_removed_and_not_written_over():
    disk = ForgetfulDisk()
    Batch(disk, spare="spare").write("old/a", b"x")
    disk.link("old/a", to="b")
    batch = Batch(disk, spare="spare")
    batch.write("old/c", b"y")
    batch.recycle("old")
    batch.write("new", b"z")
    assert not disk.exists("old")
    assert disk.read("b") == b"x"


def test_beyond_a_thousand_spares_files_are_removed():
    disk = ForgetfulDisk()
    batch = Batch(disk, spare="spare")
    for name in range(SPARES_MAX):
        batch.write(f"old/{name}", b"")
    batch.write("more/a", b"")
    batch.recycle("old")
    batch.recycle("more")
    assert not disk.exists("more")
    assert len(disk.listdir("spare")) == 1
    assert sum(path.startswith("spare/") for path in disk.names) == SPARES_MAX


def test_what_is_not_there_is_removed_without_a_word(disk):
    remove_all(disk, "d")
    disk.mkdir("d")
    disk.write("d/a", b"")
    remove_all(disk, "d")
    assert disk.listdir("") == []
