"""A witness over HTTP: a process of its own, asked by a client and by the node that stands for it."""

import json
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from tests.support import NOON, new_folder, unlocked
from tests.test_witness import FORKED, LOG_KEY, NAME, ORIGIN, OTHER, TREE

from jukinet.errors import Damaged, Malformed, Refused
from jukinet.merkle import note
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.policy import Witness as Known
from jukinet.merkle.policy import m_of_n
from jukinet.merkle.witnessing import (
    COSIGNED,
    NO_ANSWER,
    PATH,
    QUESTION_SIZE_MAX,
    REPLY_SIZE_MAX,
    SIZE_TYPE,
    UNABLE,
    parse_question,
)
from jukinet.nodes.message import AddCheckpoint, FeedAck, Message, Tick, Wake
from jukinet.nodes.witness import FORK
from jukinet.tasks import witnessing
from jukinet.tasks.witnessing import open_witness
from jukinet.wire import witness_server
from jukinet.wire.line import Line
from jukinet.wire.remote_witness import REST, RemoteWitness


def jukinet(*words):
    return subprocess.run(
        [sys.executable, "-m", "jukinet", "witness", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def running(folder):
    """`jukinet witness run` in a process of its own, and where it listens."""
    command = [sys.executable, "-m", "jukinet", "witness", "run", "--dir", folder, "--port", "0"]
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            said = process.stdout.readline()
            assert said.startswith(f"{NAME} at http://127.0.0.1:"), process.stderr.read()
            yield process, said.split()[-1]
        finally:
            process.kill()


@pytest.fixture
def folder(tmp_path):
    """A witness with keys of both kinds that knows one log."""
    root = tmp_path / "w"
    witnessing.create(new_folder(root), NAME)
    witnessing.trust(root, LOG_KEY)
    return root


def policy_of(folder):
    with open_witness(unlocked(folder), looking=True) as node:
        keys = [VerifierKey.parse(vkey) for vkey in node.vkeys]
    return m_of_n(LOG_KEY, [Known(f"w{at}", key) for at, key in enumerate(keys)], 1)


def post(url, content, **more):
    return httpx.post(f"{url}{PATH}", content=content, timeout=30, trust_env=False, **more)


def get(url, path=""):
    return httpx.get(f"{url}{path}", timeout=30, trust_env=False)


# --- the process ---------------------------------------------------------------------------------


def test_a_witness_cosigns_over_http_and_the_client_believes_its_lines(folder):
    with running(folder) as (_, url):
        question = TREE.ask(0, 7)
        answer = post(url, question)
        assert answer.status_code == COSIGNED
        opened = policy_of(folder).open(parse_question(question).checkpoint + answer.content)
        assert (opened.checkpoint.size, opened.names) == (7, ("w0", "w1"))
        conflict = post(url, TREE.ask(3, 9))
        assert (conflict.status_code, conflict.content) == (409, b"7\n")
        assert conflict.headers["content-type"] == SIZE_TYPE


@pytest.mark.parametrize(
    ("content", "status"),
    [
        pytest.param(b"hello", 400, id="no question"),
        pytest.param(TREE.ask(0, 7, key=OTHER), 403, id="not signed by the log"),
        pytest.param(TREE.ask(0, 7, origin="b"), 404, id="another log"),
        pytest.param(bytes(QUESTION_SIZE_MAX + 1), 413, id="too long"),
    ],
)
def test_what_is_refused_has_its_status(server, content, status):
    assert post(server, content).status_code == status


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One process for questions that change nothing."""
    root = tmp_path_factory.mktemp("server") / "w"
    witnessing.create(new_folder(root), NAME)
    witnessing.trust(root, LOG_KEY)
    with running(root) as (_, url):
        yield url


def test_a_body_without_a_length_is_cut_off_too(server):
    parts = (bytes(100_000) for _ in range(20))
    assert post(server, parts).status_code == 413


def test_other_paths_and_methods_are_nothing(server):
    assert get(server, "nowhere").status_code == 404
    assert get(server, PATH).status_code == 405
    assert get(server, "schema").status_code == 404


def test_a_witness_that_was_killed_still_refuses_the_fork(folder):
    with running(folder) as (process, url):
        assert post(url, TREE.ask(0, 7)).status_code == COSIGNED
        process.kill()
        process.wait()
    with running(folder) as (_, url):
        for old in (7, 0):
            answer = post(url, FORKED.ask(old, 7))
            assert (answer.status_code, answer.content) == (409, b"7\n")
        assert f'evidence{{origin="{ORIGIN}",why="fork"}} 1\n' in get(url, "metrics").text
        assert post(url, TREE.ask(7, 9)).status_code == COSIGNED


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_witness_that_is_told_to_stop_stops_and_says_nothing(folder, told):
    with running(folder) as (process, url):
        assert post(url, TREE.ask(0, 7)).status_code == COSIGNED
        process.send_signal(told)
        out, err = process.communicate()
        assert (process.returncode, out, err) == (0, "", "")


def test_only_one_process_works_in_a_folder_and_others_may_look(folder):
    with running(folder) as (_, url):
        post(url, TREE.ask(0, 7))
        second = jukinet("run", "--dir", folder, "--port", 0)
        assert (second.returncode, "another jukinet is at work" in second.stderr) == (1, True)
        with pytest.raises(Refused, match="another jukinet"):
            witnessing.trust(folder, VerifierKey("b", OTHER.public_bytes))
        shown = json.loads(jukinet("show", "--dir", folder, "--json").stdout)
        assert [log["size"] for log in shown["logs"]] == [7]


def test_questions_at_once_are_answered_one_after_the_other(folder):
    with running(folder) as (_, url):
        statuses = []
        asked = [
            threading.Thread(
                target=lambda n=n: statuses.append(post(url, TREE.ask(0, n)).status_code)
            )
            for n in range(1, 13)
        ]
        for one in asked:
            one.start()
        for one in asked:
            one.join()
    assert sorted(statuses) == [COSIGNED] + [409] * 11


def test_status_and_metrics_show_how_it_stands(folder):
    with running(folder) as (_, url):
        post(url, TREE.ask(0, 7))
        post(url, TREE.ask(0, 7))
        shown = get(url).text
        assert f"witness {NAME}\n" in shown
        assert f"log {ORIGIN} 7\n" in shown
        answer = get(url, "metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        'replies_total{status="200"} 1',
        'replies_total{status="409"} 1',
        'replies_total{status="422"} 0',
        f'size{{origin="{ORIGIN}"}} 7',
        f'evidence{{origin="{ORIGIN}",why="fork"}} 0',
    ):
        assert f"jukinet_witness_{line}\n" in answer.text
    sample = re.compile(r'jukinet_witness_\w+\{\w+="[^"]*"(,\w+="[^"]*")*\} \d+|# (HELP|TYPE) .+')
    assert all(sample.fullmatch(line) for line in answer.text.splitlines())


def test_where_the_store_fails_nothing_is_signed_and_the_answer_is_503(folder):
    with open_witness(unlocked(folder)) as node:
        desk = witness_server.Desk(node, lambda: NOON)
        desk.answer(TREE.ask(0, 7))
        with node.store.begin() as tx:
            tx.execute("UPDATE seen SET size = 5")
        reply = desk.answer(TREE.ask(5, 7))
    assert (reply.status, b"check" in reply.body) == (UNABLE, True)


def test_a_port_that_is_taken_is_refused_with_a_way_out(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = jukinet("run", "--dir", folder, "--port", taken.getsockname()[1])
    assert (done.returncode, "--port" in done.stderr) == (1, True)


# --- the folder ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "kinds"),
    [
        ("ed25519", [note.COSIGNATURE_V1]),
        ("ml-dsa-44", [note.SUBTREE_V1]),
        ("both", [note.COSIGNATURE_V1, note.SUBTREE_V1]),
    ],
)
def test_a_new_witness_prints_its_public_keys_and_hides_the_others(tmp_path, kind, kinds):
    root = tmp_path / "w"
    done = jukinet("init", "--dir", root, "--name", NAME, "--kind", kind)
    assert done.returncode == 0, done.stderr
    vkeys = [VerifierKey.parse(vkey) for vkey in done.stdout.splitlines()]
    assert [(key.name, key.kind) for key in vkeys] == [(NAME, kind) for kind in kinds]
    assert stat.S_IMODE((root / "keys" / "witness.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((root / "keys").stat().st_mode) == 0o700
    with open_witness(unlocked(root)) as node:
        assert node.vkeys == done.stdout.splitlines()


WRONG = [
    pytest.param(("init", "--dir", "{w}", "--name", NAME), 1, "a witness already", id="again"),
    pytest.param(("init", "--dir", "{empty}", "--name", "a b"), 2, "key name", id="a name"),
    pytest.param(("init", "--dir", "{empty}", "--name", "é" * 128), 2, "255 bytes", id="long"),
    pytest.param(("init", "--dir", "{empty}", "--name", "a", "--kind", "rsa"), 2, "kind", id="kind"),
    pytest.param(("init", "--dir", "{file}", "--name", "a"), 1, "not a folder", id="a file"),
    pytest.param(("init", "--dir", "{foreign}", "--name", "a"), 1, "something else", id="foreign"),
    pytest.param(("run", "--dir", "{empty}"), 1, "no witness in this folder", id="run what?"),
    pytest.param(("show", "--dir", "{empty}"), 1, "no witness in this folder", id="show what?"),
    pytest.param(("evidence", "--dir", "{empty}"), 1, "no witness in this folder", id="of what?"),
    pytest.param(("trust", "--dir", "{empty}", str(LOG_KEY)), 1, "no witness", id="trust whom?"),
    pytest.param(("trust", "--dir", "{w}", "nobody"), 2, "no policy file of that name", id="nobody"),
    pytest.param(("trust", "--dir", "{w}", "{file}"), 2, "policy", id="no policy"),
    pytest.param(("trust", "--dir", "{w}", "{none}"), 2, "names no log", id="no log"),
    pytest.param(
        ("trust", "--dir", "{w}", str(VerifierKey("w", OTHER.public_bytes, 4))), 2, "wants a log's",
        id="a witness's key",
    ),
    pytest.param(("run", "--dir", "{w}", "--port", "70000"), 1, "--port", id="no port"),
    pytest.param(("run", "--dir", "{w}", "--host", "nowhere.invalid"), 1, "--host", id="no host"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "code", "sentence"), WRONG)
def test_wrong_input_gets_a_sentence_and_a_code(folder, tmp_path, words, code, sentence):
    named = {
        "w": folder,
        **{name: tmp_path / name for name in ("empty", "file", "foreign", "none")},
    }
    named["file"].write_text("hello")
    named["none"].write_text("quorum none\n")
    (named["foreign"] / "things").mkdir(parents=True)
    done = jukinet(*(str(word).format(**named) for word in words))
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_set_up_that_was_interrupted_is_made_again(tmp_path):
    root = tmp_path / "w"
    witnessing.create(new_folder(root), NAME)
    (root / "public" / "witness.json").unlink()
    assert witnessing.create(new_folder(root), NAME)


def test_a_witness_trusts_a_key_or_the_logs_of_a_policy_once(folder, tmp_path):
    other = VerifierKey("b", OTHER.public_bytes)
    (tmp_path / "policy").write_text(f"log {LOG_KEY}\nlog {other} https://b/\nquorum none\n")
    for words, new in ((tmp_path / "policy", ["b"]), (other, []), (LOG_KEY, [])):
        done = jukinet("trust", "--dir", folder, "--json", words)
        assert json.loads(done.stdout) == {"new": new}
    assert [key.partition("+")[0] for key in witnessing.card(folder).logs] == [ORIGIN, "b"]


def test_a_ring_of_keys_that_decayed_is_noticed(folder):
    path = folder / "keys" / "witness.json"
    path.write_text(path.read_text().replace("A", "B"))
    with pytest.raises(Damaged, match="check"), open_witness(unlocked(folder)):
        pass


def test_evidence_ends_with_1_where_it_proves_something_and_is_written_out(folder, tmp_path):
    nothing = jukinet("evidence", "--dir", folder)
    assert (nothing.returncode, "nothing is held" in nothing.stdout) == (0, True)
    with open_witness(unlocked(folder)) as node:
        node.add_checkpoint(TREE.ask(0, 7), NOON)
        node.add_checkpoint(FORKED.ask(7, 9), NOON)
    unjoined = jukinet("evidence", "--dir", folder)
    assert (unjoined.returncode, "may be the sender's mistake" in unjoined.stdout) == (0, True)
    with open_witness(unlocked(folder)) as node:
        node.add_checkpoint(FORKED.ask(7, 7), NOON)
    done = jukinet("evidence", "--dir", folder, "--out", tmp_path / "proof", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    (fork,) = [row for row in found["evidence"] if row["why"] == FORK]
    roots = {
        note.open_note(fork[name].encode(), [LOG_KEY]).text
        for name in ("kept_note", "offered_note")
    }
    assert len(roots) == 2
    assert len(found["files"]) == 6
    kept = (tmp_path / "proof" / "example.org_log-2-fork-kept.note").read_text()
    assert kept == fork["kept_note"]
    shown = jukinet("show", "--dir", folder).stdout
    assert "1 held: two histories" in shown


# --- the node that stands for it -----------------------------------------------------------------


class Slow(BaseHTTPRequestHandler):
    """A witness that says what its test wants, after its test lets it."""

    def do_POST(self):
        self.server.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.server.let.wait(60):
            return
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_):
        pass


@contextmanager
def slow(status=COSIGNED, body=b"line\n", let=True):
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as made:
        made.asked, made.status, made.body, made.let = [], status, body, threading.Event()
        if let:
            made.let.set()
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        made.url = f"http://127.0.0.1:{made.server_address[1]}/prefix/"
        try:
            yield made
        finally:
            made.let.set()
            made.shutdown()
            thread.join()


@contextmanager
def standing(*witnesses, now=NOON):
    """A line with nodes that stand for witnesses; what they answer."""
    line = Line(now)
    for one in witnesses:
        line.join(one)
    try:
        yield line, line.listen("centre")
    finally:
        for one in witnesses:
            one.close()


def ask(line, *names, content=b"question"):
    for number, name in enumerate(names):
        body = AddCheckpoint(asked=number, content=content)
        line.post(Message(sender="centre", receiver=name, body=body))
    line.run()


def said(answers):
    found = [(answer.sender, answer.body.asked, answer.body.status) for answer in answers]
    answers.clear()
    return found


def test_a_witness_is_asked_through_the_node_that_stands_for_it(folder):
    with (
        running(folder) as (_, url),
        standing(RemoteWitness(NAME, url, timeout_seconds=30)) as (line, answers),
    ):
        question = TREE.ask(0, 7)
        ask(line, NAME, content=question)
        (answer,) = answers
        assert answer.body.status == COSIGNED
        opened = policy_of(folder).open(parse_question(question).checkpoint + answer.body.content)
        assert opened.names == ("w0", "w1")


def test_all_witnesses_of_a_round_are_asked_before_the_first_is_waited_for():
    with slow(let=False) as one, slow(let=False) as two, slow(let=False) as three:
        servers = {"a": one, "b": two, "c": three}

        def let_all():
            while not all(server.asked for server in servers.values()):
                time.sleep(0.005)
            for server in servers.values():
                server.let.set()

        nodes = [RemoteWitness(name, s.url, timeout_seconds=60) for name, s in servers.items()]
        with standing(*nodes) as (line, answers):
            letting = threading.Thread(target=let_all)
            letting.start()
            ask(line, *servers)
            letting.join()
            assert said(answers) == [("a", 0, 200), ("b", 1, 200), ("c", 2, 200)]


@pytest.mark.parametrize("status", [200, 400, 403, 404, 409, 422, 500, 503, 301])
def test_every_status_is_handed_on_as_it_is(status):
    with (
        slow(status, b"7\n") as server,
        standing(RemoteWitness("a", server.url)) as (line, answers),
    ):
        ask(line, "a", content=b"the question")
        assert (answers[0].body.status, answers[0].body.content) == (status, b"7\n")
        assert server.asked == [b"the question"]


def test_a_witness_that_does_not_answer_in_time_is_asked_once_in_thirty_seconds():
    with (
        slow(let=False) as server,
        standing(RemoteWitness("a", server.url, timeout_seconds=0.1)) as (line, answers),
    ):
        ask(line, "a", "a", "a")
        assert said(answers) == [("a", n, NO_ANSWER) for n in range(3)]
        line.until(NOON + REST - timedelta(seconds=1))
        ask(line, "a")
        assert said(answers) == [("a", 0, NO_ANSWER)]
        assert len(server.asked) == 1
        server.let.set()
        line.until(NOON + REST)
        ask(line, "a")
        assert len(server.asked) == 2
        assert said(answers) == [("a", 0, COSIGNED)]


def test_a_witness_that_is_not_there_is_left_alone_and_the_others_are_not(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    gone = RemoteWitness("gone", nobody)
    tried, posted = [], gone._post
    monkeypatch.setattr(gone, "_post", lambda content: tried.append(1) or posted(content))
    with slow() as server, standing(gone, RemoteWitness("a", server.url)) as (line, answers):
        for _ in range(3):
            ask(line, "gone", "a")
            assert said(answers) == [("gone", 0, NO_ANSWER), ("a", 1, COSIGNED)]
        assert (len(tried), len(server.asked)) == (1, 3)


def test_a_witness_that_sends_a_little_now_and_then_is_late_all_the_same():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        stop = threading.Event()

        def drip():
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")
                while not stop.wait(0.02):
                    connection.sendall(b"x")

        dripping = threading.Thread(target=drip)
        dripping.start()
        node = RemoteWitness("a", url, timeout_seconds=0.3)
        with standing(node) as (line, answers):
            ask(line, "a", "a")
            assert said(answers) == [("a", 0, NO_ANSWER), ("a", 1, NO_ANSWER)]
            stop.set()
            dripping.join()


def test_an_answer_without_an_end_is_none():
    with (
        slow(body=bytes(REPLY_SIZE_MAX + 1)) as server,
        standing(RemoteWitness("a", server.url)) as (line, answers),
    ):
        ask(line, "a")
        assert said(answers) == [("a", 0, NO_ANSWER)]


def test_a_question_waits_for_the_tick_and_a_stray_tick_is_nothing():
    with slow() as server, standing(node := RemoteWitness("a", server.url)):
        tick = Message(sender="a", receiver="a", body=Tick())
        assert node.step(tick, NOON) == []
        body = AddCheckpoint(asked=1, content=b"")
        assert node.step(Message(sender="x", receiver="a", body=body), NOON) == [Wake(at=NOON)]
        (answer,) = node.step(tick, NOON)
        assert (answer.receiver, answer.body.status) == ("x", COSIGNED)


def test_it_takes_nothing_else():
    with slow() as server, standing(node := RemoteWitness("a", server.url)):
        stray = Message(sender="x", receiver="a", body=FeedAck(stream="", last=1))
        with pytest.raises(Malformed, match="takes no FeedAck"):
            node.step(stray, NOON)


@pytest.mark.parametrize("url", ["", "w.example", "ftp://w.example", "http://", "\x00"])
def test_a_url_that_is_none_is_malformed(url):
    with pytest.raises(Malformed, match="URL"):
        RemoteWitness("a", url)
