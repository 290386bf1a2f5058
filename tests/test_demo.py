"""The demo: a small Japan lives through a year, is asked about, and is checked."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support import unlocked

from jukinet.tasks.demo import Size, run
from jukinet.tasks.verifying import verify

SMALL = Size(towns=3, residents=400, inquiries=60)
NAMES = {
    "towns",
    "residents",
    "events",
    "notices_written",
    "notices_applied",
    "index_equals_registers",
    "inquiries",
    "answered",
    "refused",
    "ledger_size",
    "ledger_root",
    "receipts_verified",
    "seconds",
}


def jukinet(*words, **more):
    return subprocess.run(
        [sys.executable, "-m", "jukinet", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        **more,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A demo's folder and what it printed as JSON."""
    folder = tmp_path_factory.mktemp("demo") / "small"
    done = jukinet(
        *("demo", "--json", "--dir", folder, "--towns", SMALL.towns),
        *("--residents", SMALL.residents, "--inquiries", SMALL.inquiries),
    )
    assert done.returncode == 0, done.stderr
    return folder, done


def test_json_goes_to_stdout_as_one_object_with_the_promised_names(demo):
    _, done = demo
    result = json.loads(done.stdout)
    assert set(result) >= NAMES
    assert "building" in done.stderr


def test_books_and_index_agree_and_every_receipt_verifies(demo):
    result = json.loads(demo[1].stdout)
    assert result["index_equals_registers"] is True
    assert result["notices_applied"] == result["notices_written"] > SMALL.residents
    assert result["receipts_verified"] == result["inquiries"] == SMALL.inquiries
    assert result["answered"] + result["refused"] == result["inquiries"]
    assert result["ledger_size"] >= result["inquiries"]
    assert result["not_filed"] == 0, result["problems"]


def test_some_inquiries_were_unlawful_and_were_refused(demo):
    result = json.loads(demo[1].stdout)
    assert result["refused"] > 0
    assert sum(result["refused_by_rule"].values()) == result["refused"]


def test_what_the_demo_leaves_verifies(demo):
    report = verify(unlocked(demo[0]))
    assert report.ok, report.findings


def test_a_second_call_finds_the_demo_done_and_says_only_that_it_came_up(demo):
    folder, done = demo
    again = run(unlocked(folder), 1, SMALL).as_dict()
    first = json.loads(done.stdout)
    assert again["ledger_size"] == first["ledger_size"] + 1, "its keepers opened the tags' keys"
    assert again["notices_written"] == first["notices_written"]


def test_another_world_does_not_go_into_a_demos_folder(demo):
    done = jukinet("demo", "--dir", demo[0], "--seed", 2, "--towns", 3, "--residents", 400)
    assert done.returncode == 1
    assert "holds another world" in done.stderr


def test_a_foreign_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    done = jukinet("demo", "--dir", tmp_path, "--towns", 3, "--residents", 400)
    assert done.returncode == 1
    assert "holds something else" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_interrupted_it_leaves_a_folder_that_verifies_and_a_second_call_goes_on(tmp_path):
    folder = tmp_path / "cut"
    words = ("--json", "--dir", folder, "--towns", 3, "--residents", 2500, "--inquiries", 60)
    process = subprocess.Popen(
        [sys.executable, "-m", "jukinet", "demo", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not _lives(folder) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, spoken = process.communicate(timeout=60)
    assert process.returncode == 130, spoken
    assert b"goes on from here" in spoken
    assert verify(unlocked(folder)).ok
    done = jukinet("demo", *words)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["index_equals_registers"] is True
    assert result["inquiries"] == 60
    assert verify(unlocked(folder)).ok


def _lives(folder):
    mark = Path(folder) / "jukinet.json"
    return mark.exists() and '"lived_to":"2025-0' in mark.read_text()


def test_a_resident_lists_who_asked_from_the_log_alone(demo, tmp_path):
    folder, done = demo
    key = folder / json.loads(done.stdout)["view_keys"][0]
    mirror = tmp_path / "mirror"
    (mirror / "centre").mkdir(parents=True)
    os.symlink(folder / "centre" / "log", mirror / "centre" / "log")
    read = jukinet("statement", "--dir", mirror, "--view-key", key, "--json")
    assert read.returncode == 0, read.stderr
    entries = json.loads(read.stdout)["entries"]
    assert entries
    assert all(entry["affair"] and entry["proof"].startswith("c2sp.org/") for entry in entries)
    assert [entry["place"] for entry in entries] == list(range(len(entries)))
