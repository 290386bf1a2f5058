"""Two checkpoints of a log: one history, or the proof of a fork; never a guess."""

import pytest
from tests.logbook import Logbook

from jukinet.client.comparing import compare
from jukinet.client.mirror import Mirror
from jukinet.errors import Damaged, Malformed, Refused
from jukinet.keys.sign import SigningKey
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.tree import verify_consistency


def grown(*sizes: int):
    """A log, and its files at each of these sizes."""
    log, files = Logbook(), []
    for size in sizes:
        log.fill(size - log.log.size)
        files.append(log.files())
    return log, files


def forked(at: int, size: int):
    """Two logs of one key that say the same up to a leaf, and not from there on."""
    found = []
    for who in "ab":
        log = Logbook()
        log.fill(at)
        log.ask(who)
        log.fill(size - log.log.size)
        found.append(log)
    return found


def key_of(log):
    return VerifierKey.parse(log.vkey)


@pytest.mark.parametrize(
    "sizes", [(1, 2), (3, 300), (255, 256), (256, 257), (300, 700), (512, 513)]
)
def test_a_log_that_only_grew_is_proved_to_be_one(sizes):
    log, (small, large) = grown(*sizes)
    theirs = small["checkpoint"]
    found = compare(Mirror(large.get), theirs, key_of(log))
    assert not found.forked
    assert (found.theirs.size, found.ours.size) == sizes
    verify_consistency(
        old_size=sizes[0],
        old_root=found.theirs.root,
        new_size=sizes[1],
        new_root=found.ours.root,
        proof=found.proof,
    )


def test_the_same_checkpoint_is_of_the_same_log():
    log, (files,) = grown(5)
    assert not compare(Mirror(files.get), files["checkpoint"], key_of(log)).forked


def test_an_empty_log_is_the_beginning_of_every_log():
    log = Logbook()
    empty = log.files()
    log.fill(3)
    assert not compare(log.mirror(), empty["checkpoint"], key_of(log)).forked


def test_a_copy_that_is_behind_the_auditor_but_has_the_files_is_compared():
    """The checkpoint is the last file that a mirror writes."""
    log, (small, large) = grown(300, 700)
    behind = Mirror({**large, "checkpoint": small["checkpoint"]}.get)
    found = compare(behind, large["checkpoint"], key_of(log))
    assert (found.ours.size, found.theirs.size, found.forked) == (300, 700, False)


def test_a_copy_that_is_behind_the_auditor_says_so():
    log, (small, large) = grown(300, 700)
    with pytest.raises(
        Damaged, match="copy of 300 leaves cannot be held against a checkpoint of 700"
    ):
        compare(Mirror(small.get), large["checkpoint"], key_of(log))


@pytest.mark.parametrize(("at", "ours", "theirs"), [(0, 9, 9), (5, 300, 6), (256, 400, 300)])
def test_a_fork_is_found_whoever_has_the_smaller_tree(at, ours, theirs):
    mine, other = forked(at, ours)
    _, other = forked(at, theirs)
    found = compare(mine.mirror(), other.log.checkpoint, key_of(mine))
    assert found.forked


def test_before_the_fork_there_is_none():
    mine, _ = forked(5, 300)
    log = Logbook()
    log.fill(5)
    assert not compare(mine.mirror(), log.log.checkpoint, key_of(mine)).forked


def test_a_mirror_cannot_feign_a_fork():
    """Its tiles must make the root that the log has signed."""
    log, (small, large) = grown(3, 300)
    for path in [path for path in large if path.startswith("tile/") and "entries" not in path]:
        content = large[path]
        changed = {**large, path: bytes([content[0] ^ 1]) + content[1:]}
        try:
            assert not compare(Mirror(changed.get), small["checkpoint"], key_of(log)).forked
        except Damaged:
            continue


def test_a_note_that_the_log_has_not_signed_proves_nothing():
    log = Logbook()
    log.fill(2)
    other = Logbook(key=SigningKey(b"o" * 32))
    other.fill(3)
    with pytest.raises(Refused):
        compare(log.mirror(), other.log.checkpoint, key_of(log))
    with pytest.raises(Malformed):
        compare(log.mirror(), b"no note", key_of(log))
