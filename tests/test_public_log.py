"""The public log as people use it: schedules, objections, samples, auditors, witnesses elsewhere."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support import new_folder, unlocked

from jukinet.errors import Refused
from jukinet.store.lock import only_one
from jukinet.tasks.demo import Size, run
from jukinet.tasks.network import open_network
from support import NOON

DEMO = Size(towns=3, residents=400, inquiries=960)
AS_OF = ("--as-of", "2026-01-01T12:00:00+09:00")


def jukinet(*words):
    return subprocess.run(
        [sys.executable, "-m", "jukinet", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )


def given(*words):
    done = jukinet(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A demo's folder, and what it came to."""
    folder = tmp_path_factory.mktemp("public") / "small"
    return folder, run(new_folder(folder), 7, DEMO)


@pytest.fixture
def demo(made, tmp_path):
    """A demo's folder of one's own."""
    return Path(shutil.copytree(made[0], tmp_path / "small"))


def leaves(folder):
    """How many leaves of each kind an auditor counts."""
    log = folder / "centre" / "log"
    found = given(
        "audit", log, "--policy", log / "policy", "--state", folder.parent / "audit", *AS_OF
    )
    assert found["lie"] is None
    return found["leaves"]


# --- a year in the log ---------------------------------------------------------------------------


def test_a_year_has_every_kind_of_leaf_and_no_lie(made):
    counts = leaves(made[0])
    for kind in ("grant", "key", "inquiry", "disclosure", "bundle", "deferred", "opening"):
        assert counts[kind] > 0, kind
    for kind in ("run", "refusal", "view_key", "objection", "objection_answer"):
        assert counts[kind] > 0, kind
    assert made[1].problems == []


def test_three_witnesses_have_signed_what_is_published(made):
    log = made[0] / "centre" / "log"
    found = given("audit", log, "--policy", log / "policy", "--state", log.parent / "a", *AS_OF)
    assert set(found["cosigned"]) == {"w1", "w2", "w3"}
    assert all(found["cosigned"].values())


def test_a_changed_byte_of_an_entry_is_a_lie_with_evidence(demo, tmp_path):
    log = demo / "centre" / "log"
    bundle = log / "tile" / "entries" / "000"
    content = bytearray(bundle.read_bytes())
    content[content.index(b'"time":"2025') + 8] ^= 1
    bundle.write_bytes(content)
    state = tmp_path / "state"
    done = jukinet("audit", log, "--policy", log / "policy", "--state", state, *AS_OF)
    assert done.returncode == 1
    assert list((state / "evidence").iterdir())


def test_nobody_else_writes_while_the_log_has_its_writer(demo):
    folder = unlocked(demo)
    with (
        only_one(folder.log),
        pytest.raises(Refused, match="another jukinet is at work"),
        open_network(folder, NOON),
    ):
        raise AssertionError("two writers")
    with open_network(folder, NOON) as network:
        assert network.centre.ledger.log.size


# --- schedules -----------------------------------------------------------------------------------


def test_every_row_stands_in_the_log_with_how_often_it_was_used(made):
    found = given("schedules", "--history", "--dir", made[0])
    assert len(found["rows"]) == 22
    assert {row["change"] for row in found["rows"]} == {"new"}
    counts = leaves(made[0])
    used = sum(row["disclosures"] for row in found["rows"])
    used += sum(found["disclosures_by_table"].values())
    bundled = used - counts["disclosure"] - counts["deferred"]
    assert bundled >= counts["bundle"]


def test_schedules_are_read_from_any_copy_of_the_log(made, tmp_path):
    copy = shutil.copytree(made[0] / "centre" / "log", tmp_path / "copy")
    assert given("schedules", "--log", copy) == given("schedules", "--dir", made[0])


# --- objections ----------------------------------------------------------------------------------


def test_a_resident_objects_and_reads_the_answer(demo):
    key = demo / "residents" / "resident-2.viewkey"
    entry = given("statement", "--dir", demo, "--view-key", key)["entries"][0]
    filed = given(
        *("objection", "file", "--dir", demo, "--view-key", key),
        *("--entry", entry["place"], "--text", "私は申請していません。"),
    )
    agency = entry["agency"]
    (waiting,) = given("objection", "list", "--dir", demo, "--agency", agency)["waiting"]
    assert waiting["objection"] == filed["objection"]
    assert waiting["text"] == "私は申請していません。"
    answered = jukinet(
        *("objection", "answer", "--dir", demo, "--agency", agency),
        *("--objection", filed["objection"], "--outcome", "upheld", "--text", "誤りでした。"),
    )
    assert answered.returncode == 0, answered.stderr
    assert given("objection", "list", "--dir", demo, "--agency", agency)["waiting"] == []
    read = json.dumps(given("statement", "--dir", demo, "--view-key", key), ensure_ascii=False)
    assert "誤りでした。" in read


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(("--entry", "999", "--text", "x"), "there is no entry 999", id="no entry"),
        pytest.param(("--entry", "0", "--text", " "), "say in a sentence", id="nothing said"),
        pytest.param(("--entry", "0", "--text", "語" * 400), "say it shorter", id="too long"),
    ],
)
def test_an_objection_that_cannot_be_gets_a_sentence(made, words, sentence):
    key = made[0] / "residents" / "resident-2.viewkey"
    done = jukinet("objection", "file", "--dir", made[0], "--view-key", key, *words)
    assert done.returncode in (1, 2)
    assert sentence in done.stderr.replace("\n", " ")


# --- samples -------------------------------------------------------------------------------------


def test_a_months_answers_stand_under_the_chains_of_those_they_are_about(demo):
    words = ("sample", "--dir", demo, "--month", "2025-06", "--randomness", "5f" * 32)
    found = given(*words)
    assert found["agree"] > 0
    assert (found["differ"], found["not_shown"]) == ([], [])
    assert given(*words)["agree"] == found["agree"], "the same randomness picks the same"


def test_a_month_that_is_not_over_has_no_sample(demo):
    done = jukinet("sample", "--dir", demo, "--month", "2031-01")
    assert done.returncode == 1
    assert "its run is not made yet" in done.stderr.replace("\n", " ")


# --- witnesses elsewhere -------------------------------------------------------------------------


@contextmanager
def witness(root, port):
    """A witness's process, until the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "jukinet", "witness", "run", "--dir", root, "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_network_answers_when_two_of_three_witnesses_elsewhere_have_signed(tmp_path):
    lines, ports = [], {}
    for name in ("w1", "w2", "w3"):
        made = given("witness", "init", "--dir", tmp_path / name, "--name", f"{name}.test")
        ports[name] = free_port()
        url = f"http://127.0.0.1:{ports[name]}/"
        lines += [f"witness {name}-{n} {key} {url}" for n, key in enumerate(made["keys"])]
        lines.append(f"group {name} any {name}-0 {name}-1")
    lines += ["group two 2 w1 w2 w3", "quorum two", ""]
    (tmp_path / "witnesses.txt").write_text("\n".join(lines))
    net = tmp_path / "net"
    done = jukinet(
        *("town", "init", "--dir", net, "--towns", "131016"),
        *("--witnesses", tmp_path / "witnesses.txt"),
    )
    assert done.returncode == 0, done.stderr
    policy = net / "centre" / "log" / "policy"
    for name in ports:
        assert jukinet("witness", "trust", "--dir", tmp_path / name, policy).returncode == 0
    question = (
        *("ask", "--dir", net, "--agency", "pension", "--row", "1-73", "--kind", "standing"),
        *("--name", "誰 でもない", "--birth", "1980-05-05", "--place", "131016"),
    )
    with witness(tmp_path / "w1", ports["w1"]):
        alone = jukinet(*question)
        assert alone.returncode == 1
        assert "have not opened its keys yet" in alone.stdout.replace("\n", " ")
        with witness(tmp_path / "w3", ports["w3"]):
            assert given(*question)["standing"] == "unknown"
    found = given("audit", policy.parent, "--policy", policy, "--state", tmp_path / "audit")
    assert {name for name, at in found["cosigned"].items() if at} == {
        *("w1-0", "w1-1", "w3-0", "w3-1")
    }
