"""The log: what it says, what it survives, and what nobody can change in it unnoticed."""

import errno
import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.forgetful_disk import ForgetfulDisk, PowerCut

from jukinet.errors import Damaged, Malformed, OutOfStep
from jukinet.keys.sign import SigningKey
from jukinet.ledger.log import BODY_SIZE, Log, check, recompute
from jukinet.merkle import proof, tiles, tree
from jukinet.merkle.checkpoint import open_checkpoint
from jukinet.merkle.tiles import ENTRIES, Tile
from jukinet.merkle.tree import leaf_hash
from jukinet.store.disk import RealDisk

ORIGIN = "example.org/ledger"
KEY = SigningKey(bytes(range(32)))


def opened(disk, *, origin=ORIGIN, key=KEY):
    return Log.open(disk, origin=origin, key=key)


VKEY = opened(ForgetfulDisk()).verifier_key


def entry(number):
    """The entry of a number: their lengths differ, and some are empty."""
    return b"entry %d " % number * (number % 5)


def sealed(number):
    """The body of a number; every third has none."""
    return None if number % 3 == 0 else (b"body %d " % number).ljust(BODY_SIZE, b"*")


def grow(log, count):
    numbers = range(log.size, log.size + count)
    return log.append([entry(n) for n in numbers], [sealed(n) for n in numbers])


def grown(*steps):
    disk = ForgetfulDisk()
    log = opened(disk)
    for step in steps:
        grow(log, step)
    return disk


def root_of(size):
    return tree.root_of(leaf_hash(entry(n)) for n in range(size))


# What it says.


def test_an_empty_disk_becomes_an_empty_log_with_a_signed_checkpoint():
    disk = ForgetfulDisk()
    log = opened(disk)
    assert (log.size, log.root) == (0, tree.EMPTY_ROOT)
    assert disk.read("checkpoint") == log.checkpoint
    assert open_checkpoint(log.checkpoint, log=log.verifier_key).size == 0
    assert check(disk, VKEY).size == 0


def test_entries_get_numbers_in_order_and_are_all_there():
    log = opened(ForgetfulDisk())
    assert grow(log, 3) == range(3)
    assert grow(log, 600) == range(3, 603)
    assert [log.entry(n) for n in range(603)] == [entry(n) for n in range(603)]
    assert [log.body(n) for n in range(603)] == [sealed(n) for n in range(603)]
    assert log.root == root_of(603)


def test_nothing_appended_nothing_written():
    disk = grown(5)
    log = opened(disk)
    disk.trace.clear()
    assert log.append([], []) == range(5, 5)
    assert disk.trace == []


@pytest.mark.parametrize("steps", [(1, 2), (255, 1, 1), (256,), (300, 300), (70_000,)])
def test_the_files_are_those_of_the_specification(steps):
    disk = grown(*steps)
    size = sum(steps)
    for tile in tiles.new_tiles(0, size):
        span = 256**tile.level
        first = tile.index * 256 * span
        hashes = [leaf_hash(entry(n)) for n in range(first, first + tile.width * span)]
        wanted = b"".join(
            tree.root_of(hashes[at : at + span]) for at in range(0, len(hashes), span)
        )
        assert disk.read(tile.path) == wanted
    for bundle in tiles.new_bundles(0, size):
        first = bundle.index * 256
        wanted = [entry(n) for n in range(first, first + bundle.width)]
        assert tiles.decode_bundle(disk.read(bundle.path), width=bundle.width) == wanted
    assert check(disk, VKEY).size == size
    assert recompute(disk) == (size, root_of(size))


def test_partial_files_of_every_published_size_stay_until_the_full_one_replaces_them():
    disk = ForgetfulDisk()
    log = opened(disk)
    sizes = []
    for step in (1, 2, 250, 1, 1):
        grow(log, step)
        sizes.append(log.size)
        for size in sizes:
            for tile in [*tiles.open_tiles(size), *tiles.new_bundles(0, size)[-1:]]:
                assert disk.exists(tile.path)
    grow(log, 1)
    assert not disk.exists("tile/0/000.p")
    assert not disk.exists("tile/entries/000.p")
    assert disk.exists("tile/0/000")
    assert disk.exists("tile/1/000.p/1")


def test_a_reopened_log_is_the_same_and_goes_on():
    disk = grown(5, 254, 3)
    log = opened(disk)
    assert (log.size, log.root) == (262, root_of(262))
    assert [log.entry(n) for n in range(262)] == [entry(n) for n in range(262)]
    grow(log, 300)
    assert log.root == root_of(562)
    assert [log.body(n) for n in range(562)] == [sealed(n) for n in range(562)]
    assert check(disk, VKEY).size == 562


@pytest.mark.parametrize("steps", [(1,), (7, 250), (256,), (257, 300), (1_000,)])
def test_every_receipt_verifies_with_the_log_key_alone(steps):
    log = opened(grown(*steps))
    for index in {0, 1 % log.size, log.size // 2, 255 % log.size, log.size - 1}:
        receipt = proof.parse(log.receipt(index))
        head = receipt.verify(entry(index), log=VKEY)
        assert (head.size, head.root) == (log.size, log.root)
        with pytest.raises(OutOfStep):
            receipt.verify(entry(index) + b"x", log=VKEY)


def test_proofs_are_of_any_published_size():
    log = opened(grown(100, 300, 300))
    for size in (1, 100, 256, 400, 700):
        index = size - 1
        tree.verify_inclusion(
            leaf_hash(entry(index)),
            index=index,
            size=size,
            proof=log.inclusion(index, size),
            root=root_of(size),
        )
        tree.verify_consistency(
            old_size=size,
            old_root=root_of(size),
            new_size=700,
            new_root=log.root,
            proof=log.consistency(size),
        )
    tree.verify_consistency(
        old_size=100,
        old_root=root_of(100),
        new_size=400,
        new_root=root_of(400),
        proof=log.consistency(100, 400),
    )


@pytest.mark.parametrize(
    "asks",
    [
        lambda log: log.entry(3),
        lambda log: log.entry(-1),
        lambda log: log.body(3),
        lambda log: log.erase_body(3),
        lambda log: log.receipt(3),
        lambda log: log.receipt(-1),
        lambda log: log.inclusion(3),
        lambda log: log.inclusion(2, 2),
        lambda log: log.inclusion(0, 4),
        lambda log: log.inclusion(0, 0),
        lambda log: log.consistency(0),
        lambda log: log.consistency(4),
        lambda log: log.consistency(3, 2),
        lambda log: log.consistency(1, 4),
    ],
    ids=lambda asks: "",
)
def test_what_is_not_published_is_not_told(asks):
    with pytest.raises(Malformed):
        asks(opened(grown(3)))


@pytest.mark.parametrize(
    ("entries", "bodies"),
    [
        pytest.param([b"x"], [], id="a body too few"),
        pytest.param([b"x"], [None, None], id="a body too many"),
        pytest.param([b"x", bytes(65_536)], [None, None], id="an entry too long"),
        pytest.param([b"x", b"y"], [None, bytes(511)], id="a body too short"),
        pytest.param([b"x", b"y"], [None, bytes(513)], id="a body too long"),
        pytest.param([b"x"], [b""], id="an empty body"),
    ],
)
def test_what_does_not_fit_is_refused_whole(entries, bodies):
    disk = grown(3)
    log = opened(disk)
    disk.trace.clear()
    with pytest.raises(Malformed):
        log.append(entries, bodies)
    assert disk.trace == []
    assert log.size == 3
    grow(log, 1)


def test_the_longest_entry_fits():
    disk = ForgetfulDisk()
    log = opened(disk)
    log.append([bytes(65_535)], [None])
    assert opened(disk).entry(0) == bytes(65_535)
    assert check(disk, VKEY).size == 1


def test_bundles_long_ago_are_read_from_their_files():
    disk = grown(256 * 70)
    log = opened(disk)
    for number in (0, 69, 3, 0):
        assert log.entry(number * 256 + 7) == entry(number * 256 + 7)
    for number in range(70):
        log.entry(number * 256)
    assert log.entry(5) == entry(5)


def test_a_real_disk_holds_the_same_files(tmp_path):
    disk = RealDisk(tmp_path)
    log = opened(disk)
    for step in (1, 254, 1, 1, 300):
        grow(log, step)
    log.erase_body(1)
    again = opened(RealDisk(tmp_path))
    assert again.root == root_of(557)
    assert again.body(1) is None
    grow(again, 40)
    assert check(disk, VKEY).size == 597


# Bodies.


def test_an_erased_body_is_zeros_on_the_disk_and_nowhere_else():
    disk = grown(100, 1, 1)
    log = opened(disk)
    body = sealed(50)
    log.erase_body(50)
    assert log.body(50) is None
    assert log.body(49) == sealed(49)
    assert disk.read_at("bodies/000", offset=50 * BODY_SIZE, size=BODY_SIZE) == bytes(BODY_SIZE)
    for content in disk.after_crash("nothing").files.values():
        assert body not in content
    assert check(disk, VKEY).size == 102


def test_an_erased_body_stays_erased_when_the_log_grows():
    disk = grown(100)
    log = opened(disk)
    log.erase_body(50)
    grow(log, 300)
    assert log.body(50) is None
    assert opened(disk).body(50) is None


@pytest.mark.parametrize("index", [0, 3, 50])
def test_erasing_what_has_no_body_changes_nothing(index):
    log = opened(grown(100))
    log.erase_body(index)
    log.erase_body(index)
    assert log.body(index) is None
    assert log.body(index + 1) == sealed(index + 1)


def test_a_log_without_bodies_has_no_files_for_them():
    disk = ForgetfulDisk()
    log = opened(disk)
    log.append([b"x"] * 300, [None] * 300)
    log.erase_body(2)
    assert not disk.exists("bodies")
    assert log.body(2) is None


def test_the_first_body_of_a_bundle_may_come_late():
    disk = ForgetfulDisk()
    log = opened(disk)
    log.append([b"x"] * 10, [None] * 10)
    log.append([b"y"], [sealed(1)])
    assert log.body(10) == sealed(1)
    assert log.body(9) is None
    assert opened(disk).body(10) == sealed(1)


def test_bodies_of_an_unfinished_append_do_not_come_back_with_other_entries():
    """Slots that a crash left behind are emptied, in this bundle and in later ones."""
    for keeps in ("everything", "nothing"):
        disk = grown(200)
        log = opened(disk)
        disk.fail(at=next_checkpoint_write(disk, 700))
        with pytest.raises(PowerCut):
            grow(log, 700)
        again = opened(disk.after_crash(keeps))
        assert again.size == 200
        again.append([b"other"] * 800, [None] * 800)
        assert [again.body(n) for n in range(200, 1_000)] == [None] * 800


def test_bodies_of_an_unfinished_append_are_gone_for_good_when_the_log_is_open():
    disk = grown(200)
    log = opened(disk)
    disk.fail(at=next_checkpoint_write(disk, 20))
    with pytest.raises(PowerCut):
        grow(log, 20)
    again = disk.after_crash("everything")
    opened(again).append([b"other"] * 20, [None] * 20)
    last = opened(again.after_crash("nothing"))
    assert [last.body(n) for n in range(200, 220)] == [None] * 20


def next_checkpoint_write(disk, count):
    """How many operations an append of this size takes until its checkpoint is written."""
    twin = disk.copy()
    log = opened(twin)
    twin.trace.clear()
    grow(log, count)
    return next(at for at, what in enumerate(twin.trace) if is_scratch(what))


def is_scratch(what):
    return what[0] == "write" and what[1].startswith("checkpoint.")


# The order of writes.


def test_everything_is_safe_before_the_checkpoint_is_seen():
    disk = grown(254)
    log = opened(disk)
    grow(log, 1)
    disk.trace.clear()
    log.append([b"a", b"b"], [sealed(1), sealed(2)])
    done = disk.trace
    turn = next(
        at for at, what in enumerate(done) if what[0] == "rename" and what[2] == "checkpoint"
    )
    written = [what[1] for what in done[:turn] if what[0] in ("write", "write_at")]
    assert written == [
        "tile/entries/000",
        "tile/entries/001.p/1",
        "bodies/000",
        "bodies/001",
        "tile/0/000",
        "tile/0/001.p/1",
        "tile/1/000.p/1",
        done[turn][1],
    ]
    kinds = [what[0] for what in done if what[0] in ("fsync", "fsync_dir", "link", "rename")]
    assert kinds[:5] == ["fsync", "fsync_dir", "fsync", "fsync_dir", "link"]
    assert done[turn + 1] == ("fsync_dir", "")
    synced = [set(what[1:]) for what in done[:turn] if what[0] == "fsync"]
    assert synced == [set(written[:-1]), {done[turn][1]}]


def test_an_append_makes_and_removes_no_files_once_the_log_has_run_for_a_while():
    disk = ForgetfulDisk()
    log = opened(disk)
    for _ in range(256 + 17):
        grow(log, 1)
    before = disk.number
    for _ in range(100):
        grow(log, 1)
    assert disk.number == before
    assert not any(what[0] == "remove" for what in disk.trace)


# Crashes.


class Watcher:
    """Looks at the checkpoint after every operation, as any reader might."""

    def __init__(self, seen=()):
        self.seen = dict(seen)

    def branch(self):
        """What was seen up to here, for one of several ways to go on."""
        return Watcher(self.seen)

    def on(self, disk):
        disk.watch = lambda: self.look(disk)
        return disk

    def look(self, disk):
        if "checkpoint" in disk.names:
            head = open_checkpoint(disk.files[disk.names["checkpoint"]], log=VKEY)
            assert self.seen.setdefault(head.size, head.root) == head.root


STEPS = {
    "one entry": (250, 1),
    "one entry, the first of a bundle": (256, 1),
    "one entry, the last of a bundle": (255, 1),
    "one entry that reuses spares": (255, 1, 3, 1),
    "entries over a border": (250, 20),
    "entries over three bundles": (250, 600),
    "the very first": (3,),
}


@pytest.mark.parametrize("when", ["before", "middle", "after"])
@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS.keys())
def test_a_crash_at_any_operation_leaves_the_old_or_the_new_state(steps, when):
    for disk, log, watcher in every_operation(steps, when):
        old = log.size
        with pytest.raises(PowerCut):
            grow(log, steps[-1])
        for keeps, seed in (("nothing", 0), ("everything", 0), ("some", 1), ("some", 2)):
            later = watcher.branch()
            found = later.on(disk.after_crash(keeps, Random(seed)))
            again = opened(found)
            assert again.size in (old, old + steps[-1])
            assert again.size >= max(watcher.seen)
            assert_whole(found, again)


def every_operation(steps, when):
    """One disk for each operation of the last step, set to fail there."""
    base = grown(*steps[:-1])
    twin = base.copy()
    log = opened(twin)
    twin.trace.clear()
    grow(log, steps[-1])
    count = len(twin.trace)
    assert count > 10
    for at in range(count):
        watcher = Watcher()
        disk = base.copy()
        log = opened(disk)
        watcher.on(disk)
        watcher.look(disk)
        disk.fail(at, when)
        yield disk, log, watcher


def assert_whole(disk, log):
    """The log is what was appended, its files are right, and it goes on."""
    assert log.root == root_of(log.size)
    for number in {0, log.size // 2, 254, 255, 256, log.size - 2, log.size - 1}:
        if 0 <= number < log.size:
            assert log.entry(number) == entry(number)
            assert log.body(number) == sealed(number)
    assert check(disk, VKEY).size == log.size
    size = log.size
    log.append([b"another"] * 30, [None] * 30)
    assert [log.body(n) for n in range(size, size + 30)] == [None] * 30
    assert check(disk, VKEY).size == size + 30
    assert opened(disk.after_crash("nothing")).root == log.root


@pytest.mark.parametrize("when", ["before", "middle", "after"])
def test_a_crash_at_any_operation_of_recovery_forgets_nothing_that_was_seen(when):
    for steps in ((250, 20), (256, 1)):
        for disk, log, watcher in every_operation(steps, when="after"):
            with pytest.raises(PowerCut):
                grow(log, steps[-1])
            for keeps in ("everything", "some"):
                crash_in_recovery(disk, watcher, when, keeps)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_program_and_then_a_power_cut_forget_nothing_that_was_seen(when):
    """After a kill all is there and little of it is safe: recovery must make safe what it tells."""
    for steps in ((250, 20), (255, 1)):
        for disk, log, watcher in every_operation(steps, when):
            with pytest.raises(PowerCut):
                grow(log, steps[-1])
            killed = disk.restarted().copy()
            twin = killed.copy()
            opened(twin)
            for at in range(len(twin.trace) + 1):
                for keeps in ("nothing", "some"):
                    cut_after_kill(killed.copy(), watcher.branch(), at, keeps)


def cut_after_kill(disk, watcher, at, keeps):
    watcher.on(disk)
    disk.fail(at, "after")
    try:
        size = opened(disk).size
    except PowerCut:
        size = 0
    found = watcher.on(disk.after_crash(keeps, Random(at)))
    log = opened(found)
    assert log.size >= max(size, *watcher.seen)
    assert log.root == root_of(log.size)
    assert check(found, VKEY).size == log.size


def test_recovery_takes_away_the_partial_tiles_that_an_append_did_not_come_to():
    disk = grown(250)
    log = opened(disk)
    twin = disk.copy()
    grow(opened(twin), 20)
    published = [what[0] == "rename" and what[2] == "checkpoint" for what in twin.trace]
    disk.fail(published.index(True) - len(opening_trace(disk)) + 1, "after")
    with pytest.raises(PowerCut):
        grow(log, 20)
    found = disk.after_crash("nothing")
    assert found.exists("tile/0/000.p")
    assert opened(found).size == 270
    assert not found.exists("tile/0/000.p")
    assert not found.exists("tile/entries/000.p")
    assert found.listdir("tile/0/001.p") == ["14"]


def opening_trace(disk):
    twin = disk.copy()
    opened(twin)
    return twin.trace


def crash_in_recovery(disk, watcher, when, keeps):
    base = disk.after_crash(keeps, Random(3))
    twin = base.copy()
    opened(twin)
    for at in range(len(twin.trace)):
        later = watcher.branch()
        second = later.on(base.copy())
        second.fail(at, when)
        with pytest.raises(PowerCut):
            opened(second)
        third = later.on(second.after_crash(keeps, Random(at)))
        log = opened(third)
        assert log.size >= max(later.seen)
        assert log.root == root_of(log.size)
        assert check(third, VKEY).size == log.size


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_a_life_of_appends_erasures_and_crashes_keeps_every_promise(choice):
    """What was returned is there; what was seen never changes; what was erased is gone."""
    watcher = Watcher()
    disk = watcher.on(ForgetfulDisk())
    log = opened(disk)
    promised, erased = 0, set()
    for _ in range(choice.draw(st.integers(1, 8))):
        step = choice.draw(st.sampled_from([1, 1, 2, 100, 255, 256, 300]))
        if choice.draw(st.booleans()):
            disk.fail(choice.draw(st.integers(0, 40)), choice.draw(st.sampled_from(WHENS)))
        try:
            grow(log, step)
            promised = log.size
            victim = choice.draw(st.integers(0, log.size - 1))
            log.erase_body(victim)
            erased.add(victim)
        except PowerCut:
            keeps = choice.draw(st.sampled_from(["nothing", "everything", "some"]))
            seed = choice.draw(st.integers(0, 1_000))
            disk = watcher.on(disk.after_crash(keeps, Random(seed)))
            log = opened(disk)
        disk.fails_at = None
        assert log.size >= promised
        assert log.size >= max(watcher.seen)
        assert log.root == root_of(log.size)
        assert check(disk, VKEY).size == log.size
        assert all(log.body(n) is None for n in erased)


WHENS = ["before", "middle", "after"]


@pytest.mark.parametrize("steps", [(250, 20), (255, 1)])
def test_a_full_disk_at_any_operation_is_no_answer_and_no_harm(steps):
    """The error of the system comes through; then the log refuses to guess what is in it."""
    base = grown(*steps[:-1])
    twin = base.copy()
    log = opened(twin)
    twin.trace.clear()
    grow(log, steps[-1])
    refused = 0
    for at in range(len(twin.trace)):
        disk = base.copy()
        log = opened(disk)
        disk.fail(at, "middle", OSError(errno.ENOSPC, "no space left on device"))
        try:
            grow(log, steps[-1])
        except OSError:
            refused += 1
            assert log.size == steps[0]
            assert log.entry(steps[0] - 1) == entry(steps[0] - 1)
            proof.parse(log.receipt(0)).verify(entry(0), log=VKEY)
            with pytest.raises(OutOfStep):
                log.append([b"more"], [None])
            log = opened(disk)
        assert log.size in (steps[0], sum(steps))
        assert_whole(disk, log)
    assert refused > 8


def test_litter_that_cannot_be_moved_does_not_spoil_an_append():
    """The last operations of an append that fills a bundle only tidy up."""
    base = grown(255)
    twin = base.copy()
    log = opened(twin)
    twin.trace.clear()
    grow(log, 1)
    published = next(
        at for at, what in enumerate(twin.trace) if what[0] == "rename" and what[2] == "checkpoint"
    )
    disk = base.copy()
    log = opened(disk)
    disk.fail(published + 3, "before", OSError(errno.EIO, "input/output error"))
    assert grow(log, 1) == range(255, 256)
    grow(log, 1)
    assert check(disk, VKEY).size == 257


# Tampering.


def covered(disk):
    """The files that the checkpoint covers: all but bodies, spares and scratch files."""
    kinds = ("tile/", "checkpoint")
    return [p for p in disk.names if p.startswith(kinds) and not p.startswith("checkpoint.")]


LARGE = grown(3, 250, 3, 300, 200, 7, 1)


@pytest.mark.parametrize("path", sorted(covered(LARGE)))
def test_a_flipped_bit_in_any_covered_file_is_noticed_and_the_file_is_named(path):
    rng = Random(path)
    size = len(LARGE.read(path))
    for _ in range(6):
        disk = LARGE.copy()
        disk.flip(path, rng.randrange(size), rng.randrange(8))
        with pytest.raises(Damaged) as error:
            check(disk, VKEY)
        assert str(error.value).startswith(path + ":")


@settings(max_examples=200)
@given(st.sampled_from(sorted(covered(LARGE))), st.data())
def test_any_other_content_of_any_covered_file_is_noticed(path, choice):
    content = LARGE.read(path)
    other = choice.draw(
        st.one_of(
            st.integers(0, len(content) - 1).map(lambda cut: content[:cut]),
            st.binary(min_size=1, max_size=40).map(lambda more: content + more),
            st.binary(max_size=40),
        ).filter(lambda other: other != content)
    )
    disk = LARGE.copy()
    disk.put(path, other)
    with pytest.raises(Damaged) as error:
        check(disk, VKEY)
    assert str(error.value).startswith(path + ":")


def test_a_missing_file_is_noticed_and_named():
    size = opened(LARGE.copy()).size
    wanted = [*tiles.new_tiles(0, size), *tiles.new_bundles(0, size)]
    for path in ["checkpoint", *(tile.path for tile in wanted)]:
        disk = LARGE.copy()
        disk.remove(path)
        with pytest.raises(Damaged) as error:
            check(disk, VKEY)
        assert str(error.value).startswith(path + ":")


def test_a_log_with_another_past_does_not_pass_under_the_old_checkpoint():
    disk = grown(10)
    other = ForgetfulDisk()
    opened(other).append([b"other"] * 10, [None] * 10)
    other.put("checkpoint", disk.read("checkpoint"))
    with pytest.raises(Damaged) as error:
        check(other, VKEY)
    assert str(error.value).startswith("checkpoint:")


@pytest.mark.parametrize(
    ("origin", "key"),
    [
        pytest.param("example.org/other", KEY, id="another origin"),
        pytest.param(ORIGIN, SigningKey(bytes(32)), id="another key"),
    ],
)
def test_a_log_is_not_opened_or_checked_with(origin, key):
    disk = grown(3)
    with pytest.raises(Damaged):
        opened(disk, origin=origin, key=key)
    with pytest.raises(Damaged):
        check(disk, opened(ForgetfulDisk(), origin=origin, key=key).verifier_key)


@pytest.mark.parametrize("origin", ["", "with space", "with+plus", "line\nbreak"])
def test_an_origin_that_is_no_key_name_is_malformed(origin):
    with pytest.raises(Malformed):
        opened(ForgetfulDisk(), origin=origin)


@pytest.mark.parametrize(
    "path", ["checkpoint", "tile/0/002.p/252", "tile/1/000.p/2", "tile/entries/002.p/252"]
)
def test_a_log_with_a_damaged_edge_is_not_opened(path):
    for at in (0, len(LARGE.read(path)) - 2):
        disk = LARGE.copy()
        disk.flip(path, at, 3)
        with pytest.raises(Damaged):
            opened(disk)
    disk = LARGE.copy()
    disk.remove(path)
    with pytest.raises(Damaged):
        opened(disk)


def test_a_log_without_its_checkpoint_does_not_begin_again():
    disk = grown(3)
    for path in [path for path in disk.names if path.startswith("checkpoint")]:
        disk.remove(path)
    with pytest.raises(Damaged):
        opened(disk)


def test_recovery_does_not_go_on_with_files_that_are_not_what_was_signed():
    """Between the signature and the name something else has changed a file: no guess is made."""
    disk = grown(250)
    log = opened(disk)
    disk.fail(next_checkpoint_write(disk, 20) + 1, "after")
    with pytest.raises(PowerCut):
        grow(log, 20)
    found = disk.after_crash("everything")
    for tile in (Tile(ENTRIES, 0), Tile(0, 0), Tile(0, 1, 14), Tile(ENTRIES, 1, 14)):
        twin = found.copy()
        twin.flip(tile.path, 5)
        with pytest.raises(Damaged):
            opened(twin)
    assert opened(found).size == 270


def test_a_reader_beside_the_writer_finds_the_full_tile_when_the_partial_one_is_gone():
    """A checkpoint that was read before a bundle was full can still be checked afterwards."""
    disk = grown(10, 100)
    old = disk.read("checkpoint")
    grow(opened(disk), 300)
    disk.put("checkpoint", old)
    assert check(disk, VKEY).size == 110


@pytest.mark.parametrize("steps", [(), (1,), (3, 300), (256,)])
def test_the_programme_in_the_specification_finds_the_root(steps, tmp_path, monkeypatch):
    page = Path(__file__).parents[1] / "docs/spec/log.md"
    (programme,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    log = opened(RealDisk(tmp_path))
    for step in steps:
        grow(log, step)
    monkeypatch.chdir(tmp_path)
    exec(programme, {})
    path = tmp_path / "checkpoint"
    path.write_text(path.read_text().replace(f"\n{log.size}\n", f"\n{log.size + 1}\n"))
    with pytest.raises((AssertionError, FileNotFoundError)):
        exec(programme, {})


def test_nothing_of_the_key_is_on_the_disk():
    disk = grown(3, 300)
    for content in disk.files.values():
        assert KEY.reveal_seed() not in content
