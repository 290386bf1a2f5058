"""Runs: what is in a run is found, what is not is proved absent, and no byte of it can change."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jukinet.errors import Damaged, Malformed, OutOfStep
from jukinet.merkle import runs, tree
from jukinet.merkle.runs import Absent, Found, Run
from jukinet.merkle.tree import EMPTY_ROOT, leaf_hash

LABELS = st.binary(min_size=16, max_size=16)


def label(number: int) -> bytes:
    return sha256(number.to_bytes(8, "big")).digest()[:16]


def some_records(count: int) -> list[bytes]:
    return runs.in_order(runs.pack(label(n), leaf=n, position=n % 3) for n in range(count))


def run_of(records, *, read=None):
    held = dict(runs.files("runs/day", records))
    return Run(
        read or held.get, "runs/day", count=len(records), root=runs.root_of_run(records)
    ), held


def prove(found: Found, *, count: int, root: bytes) -> None:
    tree.verify_inclusion(
        leaf_hash(found.record), index=found.place, size=count, proof=found.proof, root=root
    )


@given(LABELS, st.integers(0, 2**40 - 1), st.integers(0, 2**24 - 1))
def test_a_record_is_read_as_it_was_written(one, leaf, position):
    record = runs.pack(one, leaf, position)
    assert len(record) == runs.RECORD_BYTES
    assert runs.unpack(record) == (one, leaf, position)


@pytest.mark.parametrize(
    ("one", "leaf", "position"),
    [
        pytest.param(bytes(15), 0, 0, id="a short label"),
        pytest.param(bytes(17), 0, 0, id="a long label"),
        pytest.param(bytes(16), 2**40, 0, id="a leaf of more than 40 bits"),
        pytest.param(bytes(16), -1, 0, id="no leaf"),
        pytest.param(bytes(16), 0, 2**24, id="a position of more than 24 bits"),
    ],
)
def test_no_record_of_what_24_bytes_cannot_hold(one, leaf, position):
    with pytest.raises(Malformed):
        runs.pack(one, leaf, position)


@pytest.mark.parametrize("length", [0, 23, 25])
def test_no_record_of_another_length(length):
    with pytest.raises(Malformed, match="24 bytes"):
        runs.unpack(bytes(length))


def test_a_label_that_stands_twice_is_refused_and_both_leaves_are_named():
    twice = [runs.pack(label(7), leaf, 0) for leaf in (3, 90)] + some_records(5)
    with pytest.raises(Malformed, match="stands in leaf 3 and in leaf 90"):
        runs.in_order(twice)


@given(st.lists(LABELS, unique=True, max_size=40), st.integers(1, 5))
def test_days_merge_to_the_run_of_all(labels, days):
    records = [runs.pack(one, leaf, 0) for leaf, one in enumerate(labels)]
    parts = [runs.in_order(records[day::days]) for day in range(days)]
    assert list(runs.merged(*parts)) == runs.in_order(records)


@pytest.mark.parametrize("count", [0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537])
def test_the_root_is_that_of_rfc_6962_and_the_files_fit_it(count):
    records = some_records(count)
    run, held = run_of(records)
    assert runs.root_of_run(records) == tree.root_of(map(leaf_hash, records))
    assert list(run.records()) == records
    runs.check(held.get, "runs/day", count=count, root=runs.root_of_run(records))


def test_the_files_lie_as_those_of_the_log_do():
    _, held = run_of(some_records(600))
    assert list(held) == [
        "runs/day/entries/000",
        "runs/day/0/000",
        "runs/day/entries/001",
        "runs/day/0/001",
        "runs/day/entries/002.p/88",
        "runs/day/0/002.p/88",
        "runs/day/1/000.p/2",
    ]
    assert len(held["runs/day/entries/000"]) == 256 * 24


@given(st.lists(LABELS, unique=True, max_size=40), LABELS)
def test_every_label_is_found_or_proved_absent(labels, wanted):
    records = runs.in_order(runs.pack(one, leaf, 1) for leaf, one in enumerate(labels))
    run, _ = run_of(records)
    root = runs.root_of_run(records)
    for one in {wanted, *labels}:
        found = run.find(one)
        if one in labels:
            assert isinstance(found, Found)
            assert runs.unpack(found.record) == (one, labels.index(one), 1)
            prove(found, count=len(records), root=root)
        else:
            assert isinstance(found, Absent)
            stand_side_by_side(found, one, count=len(records), root=root)


def stand_side_by_side(absent: Absent, wanted: bytes, *, count: int, root: bytes) -> None:
    before, after = absent
    assert (before.place + 1 if before else 0) == (after.place if after else count)
    for neighbour in filter(None, absent):
        prove(neighbour, count=count, root=root)
    assert not before or before.label < wanted
    assert not after or wanted < after.label


def test_of_an_empty_run_only_the_empty_root_is_believed():
    run = Run({}.get, "runs/day", count=0, root=EMPTY_ROOT)
    assert run.find(label(1)) == Absent(None, None)
    assert list(run.records()) == []
    with pytest.raises(Damaged, match="runs/day"):
        Run({}.get, "runs/day", count=0, root=bytes(32))


def test_a_label_is_found_from_a_few_of_many_files():
    records = some_records(70_000)
    read: list[str] = []
    _, held = run_of(records)
    run = Run(
        lambda path: read.append(path) or held.get(path),
        "runs/day",
        count=len(records),
        root=runs.root_of_run(records),
    )
    assert isinstance(run.find(label(1234)), Found)
    assert len(read) <= 9 + 3 + 3


SMALL = some_records(600)
SMALL_ROOT = runs.root_of_run(SMALL)
SMALL_FILES = dict(runs.files("runs/day", SMALL))


@st.composite
def one_changed_byte(draw) -> tuple[str, dict[str, bytes]]:
    path = draw(st.sampled_from(sorted(SMALL_FILES)))
    content = bytearray(SMALL_FILES[path])
    content[draw(st.integers(0, len(content) - 1))] ^= draw(st.integers(1, 255))
    return path, SMALL_FILES | {path: bytes(content)}


@given(one_changed_byte())
def test_no_byte_of_any_file_changes_unnoticed(changed):
    _, held = changed
    with pytest.raises(Damaged, match="runs/day"):
        runs.check(held.get, "runs/day", count=len(SMALL), root=SMALL_ROOT)


@given(one_changed_byte(), st.integers(0, 1200))
@settings(max_examples=300)
def test_after_any_change_an_answer_is_the_true_one_or_names_a_file(changed, number):
    path, held = changed
    run = Run(held.get, "runs/day", count=len(SMALL), root=SMALL_ROOT)
    honest = Run(SMALL_FILES.get, "runs/day", count=len(SMALL), root=SMALL_ROOT)
    try:
        found = run.find(label(number))
    except Damaged as error:
        named = str(error)
    else:
        assert found == honest.find(label(number))
        return
    assert path in named


@pytest.mark.parametrize("path", SMALL_FILES)
def test_a_missing_file_is_named(path):
    held = {one: content for one, content in SMALL_FILES.items() if one != path}
    with pytest.raises(Damaged, match=path):
        runs.check(held.get, "runs/day", count=len(SMALL), root=SMALL_ROOT)


@pytest.mark.parametrize("path", SMALL_FILES)
@pytest.mark.parametrize("more", [b"\x00", None], ids=["longer", "shorter"])
def test_a_file_of_another_length_is_named(path, more):
    content = SMALL_FILES[path]
    held = SMALL_FILES | {path: content + more if more else content[:-1]}
    with pytest.raises(Damaged, match=path):
        runs.check(held.get, "runs/day", count=len(SMALL), root=SMALL_ROOT)


def test_a_run_that_is_not_sorted_is_refused_though_its_root_fits():
    records = [SMALL[1], SMALL[0], *SMALL[2:]]
    held = dict(runs.files("runs/day", records))
    with pytest.raises(OutOfStep, match=r"runs/day/entries/000: its labels are not in order"):
        runs.check(held.get, "runs/day", count=600, root=runs.root_of_run(records))


def test_a_run_that_has_a_label_twice_is_refused_though_its_root_fits():
    records = sorted([*SMALL, runs.pack(label(300), 999, 0)])
    held = dict(runs.files("runs/day", records))
    with pytest.raises(Damaged, match="each label once"):
        runs.check(held.get, "runs/day", count=601, root=runs.root_of_run(records))


def test_a_shortened_run_is_not_the_run():
    held = dict(runs.files("runs/day", SMALL[:-1]))
    with pytest.raises(Damaged):
        runs.check(held.get, "runs/day", count=599, root=SMALL_ROOT)
