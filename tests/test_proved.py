"""Proved files: every label is found, no other is, and a file that does not fit is named."""

from bisect import bisect_left
from random import Random

import pytest

from jukinet.client.proved import ProvedRun
from jukinet.errors import Damaged
from jukinet.merkle import runs
from jukinet.merkle.tree import EMPTY_ROOT

SIZES = [1, 2, 255, 256, 257, 700, 3000]


def labels(size: int, even: bool) -> list[bytes]:
    """Labels that are hashes; or ones that all but one begin alike, as no hashes do."""
    rng = Random(f"{size} {even}")
    found = {rng.randbytes(16) if even else bytes(10) + rng.randbytes(6) for _ in range(size - 1)}
    return sorted(found | {b"\xff" * 16})


def run(found: list[bytes], **changed):
    records = [runs.pack(label, n, 0) for n, label in enumerate(found)]
    files = dict(runs.files("run", records)) | changed
    return ProvedRun(files.get, "run", size=len(found), root=runs.root_of_run(records)), files


def everything(found: ProvedRun) -> None:
    for at in range(found.size):
        found.found(at)


@pytest.mark.parametrize("even", [True, False], ids=["hashes", "no hashes"])
@pytest.mark.parametrize("size", SIZES)
def test_every_label_is_found_where_it_stands_and_no_other(size, even):
    there = labels(size, even)
    found, _ = run(there)
    assert [found.find(label) for label in there] == [*range(size)]
    rng = Random(size)
    others = [bytes(16), b"\xff" * 15 + b"\xfe", *(rng.randbytes(16) for _ in range(100))]
    for label in (other for other in others if other not in there):
        assert found.find(label) is None
        before, after = found.absent(label)
        place = bisect_left(there, label)
        assert (before.place if before else -1) == place - 1
        assert (after.place if after else size) == place


@pytest.mark.parametrize("size", SIZES)
def test_each_file_that_does_not_fit_is_named(size):
    there = labels(size, True)
    _, files = run(there)
    for path, content in files.items():
        for changed in (None, content[:-1], content[:-1] + bytes([content[-1] ^ 1])):
            found, _ = run(there, **{path: changed})
            with pytest.raises(Damaged, match="run/"):
                everything(found)


def test_of_many_labels_few_files_are_read():
    there = labels(3000, True)
    found, files = run(there)
    asked = []
    found._read = lambda path: asked.append(path) or files.get(path)
    found.find(there[1234])
    assert len([path for path in asked if "entries" in path]) <= 3


def test_a_run_of_nothing_has_no_label_and_no_other_root():
    empty = ProvedRun({}.get, "run", size=0, root=EMPTY_ROOT)
    assert empty.find(bytes(16)) is None
    assert empty.absent(bytes(16)) == (None, None)
    with pytest.raises(Damaged, match="no labels, and a root as if it had"):
        ProvedRun({}.get, "run", size=0, root=bytes(32))
