"""The mirror: entries, bodies and proofs from plain files, over the end of a bundle, too."""

import pytest
from tests.forgetful_disk import ForgetfulDisk

from jukinet.client.mirror import Mirror
from jukinet.errors import Damaged, JukinetError
from jukinet.keys.sign import SigningKey
from jukinet.ledger.log import BODY_SIZE, Log
from jukinet.merkle import proof
from jukinet.merkle.tiles import ENTRIES, Tile
from jukinet.merkle.tree import leaf_hash, root_of

KEY = SigningKey(bytes(range(32)))
ORIGIN = "example.org/ledger"


def entry(number: int) -> bytes:
    return b"entry %d" % number


def body(number: int) -> bytes | None:
    return None if number % 3 else (b"body %d" % number).ljust(BODY_SIZE, b"*")


def written(size: int) -> tuple[ForgetfulDisk, Log]:
    disk = ForgetfulDisk()
    log = Log.open(disk, origin=ORIGIN, key=KEY)
    log.append([entry(n) for n in range(size)], [body(n) for n in range(size)])
    return disk, log


def mirror(disk: ForgetfulDisk, **changed: bytes | None) -> Mirror:
    files = {path: disk.read(path) for path in disk.names} | changed
    return Mirror(files.get)


SIZES = [1, 2, 255, 256, 257, 511, 600]


@pytest.mark.parametrize("size", SIZES)
def test_all_entries_are_read_in_order(size):
    disk, log = written(size)
    found = [*mirror(disk).entries(size)]
    assert found == [entry(n) for n in range(size)]
    assert root_of(map(leaf_hash, found)) == log.root


@pytest.mark.parametrize("size", SIZES)
def test_bodies_are_read_where_they_are(size):
    disk, log = written(size)
    copy = mirror(disk)
    assert [copy.body(n) for n in range(size)] == [body(n) for n in range(size)]
    log.erase_body(0)
    assert mirror(disk).body(0) is None


@pytest.mark.parametrize("size", SIZES)
def test_a_receipt_made_from_tiles_is_the_logs_own(size):
    disk, log = written(size)
    copy = mirror(disk)
    for index in {0, size // 2, size - 1, min(255, size - 1), min(256, size - 1)}:
        assert copy.receipt(index, size) == log.receipt(index)
        proof.parse(copy.receipt(index, size)).verify(entry(index), log=log.verifier_key)


def test_a_partial_file_that_became_a_full_one_meanwhile_serves():
    """A mirror takes the checkpoint first; the log grows while it copies the rest."""
    disk, log = written(250)
    checkpoint = disk.read("checkpoint")
    log.append([entry(n) for n in range(250, 600)], [None] * 350)
    assert not disk.exists(Tile(ENTRIES, 0, 250).path)
    copy = mirror(disk, checkpoint=checkpoint)
    assert [*copy.entries(250)] == [entry(n) for n in range(250)]
    shown = proof.parse(copy.receipt(7, 250))
    assert shown.verify(entry(7), log=log.verifier_key).size == 250


def test_a_folder_without_a_checkpoint_is_no_mirror():
    with pytest.raises(Damaged, match="is no copy of a log"):
        Mirror({}.get)


@pytest.mark.parametrize("level", [ENTRIES, 0])
def test_a_missing_file_is_named(level):
    disk, _ = written(300)
    path = Tile(level, 1, 44).path
    copy = mirror(disk, **{path: None})
    with pytest.raises(Damaged, match=path):
        copy.receipt(299, 300) if level == 0 else [*copy.entries(300)]


@pytest.mark.parametrize("content", [b"", b"\x00", b"\xff" * 9])
def test_a_file_that_is_none_is_refused(content):
    disk, _ = written(3)
    path = Tile(ENTRIES, 0, 3).path
    with pytest.raises(JukinetError):
        [*mirror(disk, **{path: content}).entries(3)]
