"""Audits kept in a folder: they go on, they put evidence away, and say it in numbers."""

import http.server
import json
import subprocess
import sys
import threading
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from tests.audited import Written

from jukinet.errors import Damaged, Malformed, OutOfStep
from jukinet.keys.sign import SigningKey
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.policy import Witness, m_of_n
from jukinet.tasks import auditing
from jukinet.tasks.auditing import Watched
from jukinet.wire.mirror_reader import reader


@pytest.fixture
def log() -> Written:
    written = Written().found()
    for _ in range(300):
        written.disclosure(written.inquiry())
    return written


def put(log: Written, folder: Path) -> Path:
    """The log's files as a mirror has them."""
    for path, content in log.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def watched(log: Written, folder: Path) -> Watched:
    policy = auditing.policy_of(str(log.log.verifier_key))
    return Watched(reader(str(put(log, folder / "log"))), policy, folder / "state")


def test_an_audit_goes_on_from_its_folder(log, tmp_path):
    first = auditing.audit(watched(log, tmp_path), log.now)
    assert (first.size, first.new_leaves, first.lie) == (log.log.size, log.log.size, None)
    log.disclosure(log.inquiry())
    then = auditing.audit(watched(log, tmp_path), log.now)
    assert (then.size, then.new_leaves, then.labels) == (log.log.size, 2, 301)
    again = auditing.audit(watched(log, tmp_path), log.now)
    assert (again.size, again.new_leaves) == (log.log.size, 0)
    assert again.leaves == then.leaves
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == [
        ".lock",
        f"fresh-{then.size}",
        f"labels-{first.size}-0",
        f"labels-{then.size}-1",
        "state.json",
    ]


def test_a_label_of_the_first_round_is_known_after_many(log, tmp_path):
    early = log.labels[0][1]
    for _ in range(6):
        for _ in range(200):
            log.view_key()
        found = auditing.audit(watched(log, tmp_path), log.now)
    files = list((tmp_path / "state").glob("labels-*"))
    assert sum(path.stat().st_size for path in files) == 16 * found.labels == 16 * 1_500
    assert len(files) < 6
    log.disclosure(labels=(early.hex(),))
    found = auditing.audit(watched(log, tmp_path), log.now)
    assert "rule label" in found.lie


def test_an_audit_that_is_cut_short_goes_on_from_the_round_before(log, tmp_path):
    done = auditing.audit(watched(log, tmp_path), log.now)
    log.disclosure()

    def cut(_done, _of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        auditing.audit(watched(log, tmp_path), log.now, progress=cut)
    found = auditing.audit(watched(log, tmp_path), log.now)
    assert (found.size, found.new_leaves) == (done.size + 1, 1)


def test_a_lie_is_kept_with_what_proves_it_and_found_again(log, tmp_path):
    auditing.audit(watched(log, tmp_path), log.now)
    before = log.log.checkpoint
    lying = log.disclosure(row="1-999")
    for _ in range(2):
        found = auditing.audit(watched(log, tmp_path), log.now)
        assert f"leaf {lying}: is unlawful" in found.lie
        evidence = Path(found.evidence)
        assert (evidence / "checkpoint").read_bytes() == log.log.checkpoint
        assert (evidence / "checkpoint.last").read_bytes() == before
        assert b"1-999" in (evidence / f"leaf-{lying}.json").read_bytes()
        assert "1-999" in (evidence / "lie.txt").read_text()
    assert "jukinet_audit_lies 1" in auditing.metrics(found)


def test_a_checkpoint_that_witnesses_have_still_to_sign_is_no_lie(log, tmp_path):
    key = VerifierKey("witness.example/w", SigningKey(bytes(32)).public_bytes, kind=4)
    policy = m_of_n(log.log.verifier_key, [Witness("w", key)], 1)
    waiting = watched(log, tmp_path)._replace(policy=policy)
    with pytest.raises(OutOfStep, match="cosigned by 0 of 1"):
        auditing.audit(waiting, log.now)
    assert not (tmp_path / "state" / "state.json").exists()


def test_a_state_that_is_damaged_says_so(log, tmp_path):
    auditing.audit(watched(log, tmp_path), log.now)
    (tmp_path / "state" / "state.json").write_bytes(b"{}")
    with pytest.raises(Damaged, match="begin anew"):
        auditing.audit(watched(log, tmp_path), log.now)


def test_the_metrics_are_what_the_audit_came_to(log, tmp_path):
    log.inquiry()
    log.later(hours=1)
    found = auditing.audit(watched(log, tmp_path), log.now)
    lines = auditing.metrics(found).splitlines()
    assert f"jukinet_audit_size {log.log.size}" in lines
    assert 'jukinet_audit_leaves{type="disclosure"} 300' in lines
    assert "jukinet_audit_inquiries_open 1" in lines
    assert "jukinet_audit_age_seconds 3600" in lines
    assert "jukinet_audit_lies 0" in lines
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("text", ["", "no key", "/nowhere/policy.txt"])
def test_what_is_neither_policy_nor_key(text):
    with pytest.raises(Malformed, match="policy"):
        auditing.policy_of(text)


@pytest.fixture
def served(log, tmp_path):
    """The address of a web server that has the log's files."""
    put(log, tmp_path / "served")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    quiet = partial(Quiet, directory=tmp_path / "served")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_log_is_audited_from_any_web_server(log, served, tmp_path):
    policy = auditing.policy_of(str(log.log.verifier_key))
    found = auditing.audit(Watched(reader(served), policy, tmp_path / "state"), log.now)
    assert (found.size, found.lie) == (log.log.size, None)


def test_a_server_that_is_not_there_is_no_lie(log, tmp_path):
    policy = auditing.policy_of(str(log.log.verifier_key))
    with pytest.raises(OutOfStep, match="another mirror"):
        auditing.audit(Watched(reader("http://127.0.0.1:1"), policy, tmp_path / "state"), log.now)


def jukinet(*words):
    command = [sys.executable, "-m", "jukinet", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_ends_with_0_or_with_the_lie(log, tmp_path):
    put(log, tmp_path / "log")
    words = [
        "audit", tmp_path / "log", "--policy", log.log.verifier_key, "--state", tmp_path / "state",
        "--metrics", tmp_path / "log.prom", "--as-of", (log.now + timedelta(hours=1)).isoformat(),
    ]  # fmt: skip
    done = jukinet(*words, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["size"] == log.log.size
    assert "jukinet_audit_lies 0" in (tmp_path / "log.prom").read_text()
    index = log.disclosure(items=("sex",))
    put(log, tmp_path / "log")
    done = jukinet(*words)
    assert done.returncode == 1
    assert f"a lie: leaf {index}" in done.stdout
    assert "Traceback" not in done.stderr
    assert "jukinet_audit_lies 1" in (tmp_path / "log.prom").read_text()
