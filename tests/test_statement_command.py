"""`jukinet statement`: what it prints and writes, and with which code it ends."""

import json
import subprocess
import sys
from hashlib import sha256

import pytest
from msgspec.structs import replace
from tests.logbook import Logbook
from tests.test_comparing import forked

from jukinet.cli import resident
from jukinet.client.view_key import parse_view_key
from jukinet.errors import Malformed, Refused
from jukinet.keys.sign import SigningKey
from jukinet.law.leaf import decode
from jukinet.merkle import note, proof
from jukinet.merkle.note import COSIGNATURE_V1, VerifierKey
from jukinet.merkle.policy import Witness, m_of_n


def put(files, root):
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


@pytest.fixture
def book():
    found = Logbook()
    found.give_key("a")
    found.ask("a", "b", official="<b>O'Hara & Söhne</b>")
    found.object(1, "a", 1, text="誰も頼んでいません <script>")
    found.close()
    found.answer(2 + 1, "a", 1)
    found.ask("a")
    return found


@pytest.fixture
def mine(book, tmp_path):
    """The words of a command that reads a's statement."""
    log = put(book.files(), tmp_path / "log")
    key = tmp_path / "mine.viewkey"
    key.write_bytes(book.key("a").encode())
    return {"view_key": key, "log": str(log)}


def ran(capsys, **words):
    code = resident.statement(**words)
    return code, capsys.readouterr().out


def as_json(capsys, **words):
    code, out = ran(capsys, as_json=True, **words)
    return code, json.loads(out)


# --- what it says --------------------------------------------------------------------------------


def test_it_prints_who_asked_and_that_the_statement_is_complete(mine, capsys):
    code, out = ran(capsys, **mine)
    assert code == 0
    assert "2 disclosures, each proved to stand in the public log; 1 view keys given" in out
    assert "Complete: to run 2026-03-30 (leaf 4)" in out
    assert "Warning: no witness was checked" in out
    assert "were not counted" in out


def test_the_whole_log_says_the_same_and_counts_what_is_kept_back(mine, capsys):
    _, by_runs = as_json(capsys, **mine)
    _, whole = as_json(capsys, whole=True, **mine)
    assert by_runs["entries"] == whole["entries"]
    assert (by_runs["kept_back"], whole["kept_back"]) == (None, 0)
    assert whole["sentence"].startswith("Complete: every leaf was read; size 7")


def test_the_proofs_in_json_are_for_anybodys_tools(mine, book, capsys):
    _, found = as_json(capsys, **mine)
    log = VerifierKey.parse(book.vkey)
    shown = [*found["entries"], *found["view_keys"], *found["runs"]]
    shown += [found["entries"][0][part] for part in ("objection", "answer")]
    assert len(shown) == 6
    for one in shown:
        proof.parse(one["proof"].encode()).verify(one["text"].encode(), log=log)
        decode(one["text"].encode())


def test_a_statement_that_may_lack_something_ends_with_1_and_says_what(book, tmp_path, capsys):
    index = book.bundle("a", "b")
    files = {p: c for p, c in book.files().items() if not p.startswith("bundle/")}
    key = tmp_path / "mine.viewkey"
    key.write_text(book.key("a").text)
    log = put(files, tmp_path / "log")
    code, out = ran(capsys, view_key=key, log=str(log))
    assert code == 1
    assert "NOT known to be complete" in out
    assert f"bundle of leaf {index}" in out
    assert "Complete:" not in out


def test_the_page_stands_alone_and_nothing_that_was_said_is_markup(mine, tmp_path, capsys):
    page = tmp_path / "mine.html"
    ran(capsys, html=page, **mine)
    text = page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600
    for said in (
        "令和8年3月30日 09:00",
        "日本年金機構",
        "異議の申出",
        "完全：",
        "O&#39;Hara &amp;",
    ):
        assert said in text
    for never in ("<script", "<b>O", "src=", "href=", "url("):
        assert never not in text


# --- keys and witnesses --------------------------------------------------------------------------


def test_a_key_that_is_over_is_refused_until_told_otherwise(mine, book, capsys):
    mine["view_key"].write_bytes(replace(book.key("a"), valid_to="2026-03-31").encode())
    with pytest.raises(Refused, match="its last day was 2026-03-31"):
        resident.statement(**mine)
    assert ran(capsys, expired_too=True, **mine)[0] == 0


WITNESSES = {name: SigningKey(name.encode().ljust(32, b".")) for name in ("w1", "w2", "w3")}


def witnessed(book, *names):
    """A policy that wants two of three, and the log's files with these cosignatures."""
    known = [
        Witness(name, VerifierKey(f"example.org/{name}", key.public_bytes, COSIGNATURE_V1))
        for name, key in WITNESSES.items()
    ]
    policy = bytes(m_of_n(VerifierKey.parse(book.vkey), known, 2))
    text = note.parse(book.log.checkpoint).text
    lines = [
        note.cosign(text, name=f"example.org/{name}", key=WITNESSES[name], time_seconds=10**9).line
        for name in names
    ]
    checkpoint = book.log.checkpoint + "".join(lines).encode()
    return policy, {**book.files(), "checkpoint": checkpoint, "policy": policy}


def test_the_policy_that_the_key_names_is_taken_from_the_log(mine, book, tmp_path, capsys):
    policy, files = witnessed(book, "w1", "w3")
    put(files, tmp_path / "log")
    key = replace(book.key("a"), policy=sha256(policy).hexdigest())
    mine["view_key"].write_bytes(key.encode())
    code, found = as_json(capsys, **mine)
    assert code == 0
    assert [one["name"] for one in found["cosigned"]] == ["w1", "w3"]
    assert "cosigned by w1 at 9 September 2001, 10:46, w3 at" in found["sentence"]
    assert found["no_witness_because"] == ""


def test_too_few_witnesses_are_too_few(mine, book, tmp_path, capsys):
    policy, files = witnessed(book, "w2")
    put(files, tmp_path / "log")
    given = tmp_path / "mine.policy"
    given.write_bytes(policy)
    with pytest.raises(Refused, match="cosigned by 1 of 3"):
        resident.statement(policy=given, **mine)
    with pytest.raises(Malformed, match="--policy: there is no file"):
        resident.statement(policy=tmp_path / "none", **mine)


# --- beside an auditor's checkpoint --------------------------------------------------------------


def test_an_auditors_checkpoint_of_the_same_log_is_said_to_be_one(mine, book, tmp_path, capsys):
    theirs = tmp_path / "theirs"
    theirs.write_bytes(book.log.checkpoint)
    code, out = ran(capsys, compare=str(theirs), **mine)
    assert code == 0
    assert "proved to be of one log" in out


def test_a_fork_ends_with_1_and_leaves_both_notes_as_evidence(tmp_path):
    ours, other = forked(3, 9)
    log = put(ours.files(), tmp_path / "log")
    (tmp_path / "key").write_text(ours.key("a").text)
    (tmp_path / "theirs").write_bytes(other.log.checkpoint)
    done = jukinet(
        *("statement", "--view-key", tmp_path / "key", "--log", log),
        *("--compare", tmp_path / "theirs", "--html", tmp_path / "mine.html"),
    )
    assert done.returncode == 1
    assert "has signed two histories" in done.stderr
    assert (tmp_path / "fork-ours-9.checkpoint").read_bytes() == ours.log.checkpoint
    assert (tmp_path / "fork-theirs-9.checkpoint").read_bytes() == other.log.checkpoint
    assert not (tmp_path / "mine.html").exists()


# --- wrong input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        pytest.param(("--view-key", "none"), 2, "--view-key: there is no file", id="no key"),
        pytest.param(
            ("--view-key", "{key}", "--log", "/no/such"), 2, "log: there is no folder", id="no log"
        ),
        pytest.param(
            ("--view-key", "{key}", "--log", "{empty}"), 1, "is no copy of a log", id="empty folder"
        ),
        pytest.param(
            ("--view-key", "{key}", "--log", "{log}", "--compare", "{empty}/none"),
            2,
            "there is nothing",
            id="no checkpoint of an auditor",
        ),
    ],
)
def test_wrong_input_gets_a_sentence_and_a_code(mine, tmp_path, words, code, sentence):
    (tmp_path / "empty").mkdir()
    named = {"key": mine["view_key"], "log": mine["log"], "empty": tmp_path / "empty"}
    done = jukinet("statement", *[word.format(**named) for word in words])
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_the_key_may_be_in_either_form(mine, book, capsys):
    _, from_file = as_json(capsys, **mine)
    mine["view_key"].write_text(book.key("a").text + "\n")
    assert parse_view_key(mine["view_key"].read_bytes()) == book.key("a")
    assert as_json(capsys, **mine)[1] == from_file


def jukinet(*words):
    return subprocess.run(
        [sys.executable, "-m", "jukinet", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
