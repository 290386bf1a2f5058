"""Keepers as processes of their own: ceremonies over HTTP, kills, and a network that works by them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import msgspec
import pytest
from tests.support import CHIYODA, NOON, new_folder

from apart import (
    WORDS,
    held_here,
    made_apart,
    network_with_keepers_apart,
    running,
)
from jukinet.errors import Malformed, Refused
from jukinet.keys.refresh import encode_plan
from jukinet.nodes.message import (
    AskStanding,
    Convene,
    Health,
    Message,
    Standing,
    decode_all,
    encode,
    encode_all,
)
from jukinet.nodes.office import proved
from jukinet.tasks import ceremonies, keeping
from jukinet.tasks.folder import Folder, Mark
from jukinet.tasks.keeping import write_keepers
from jukinet.tasks.network import open_network
from jukinet.tasks.verifying import verify
from jukinet.wire import keeper_server, serving
from jukinet.wire.line import Line
from jukinet.wire.remote_keeper import RemoteKeeper


def jukinet(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "jukinet", "keeper", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "JUKINET_PASSPHRASE": WORDS, **environment},
    )


def begun(*words):
    return subprocess.Popen(
        [sys.executable, "-m", "jukinet", "keeper", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def three(tmp_path):
    """Three keepers, running, who hold nothing; and their file."""
    folders, keepers = made_apart(tmp_path, count=3)
    file = tmp_path / "keepers.txt"
    file.write_text(write_keepers(keepers))
    with ExitStack() as stack:
        processes = [
            stack.enter_context(running(folder, keepers.urls[name]))
            for folder, name in zip(folders, keepers.names, strict=True)
        ]
        yield folders, keepers, file, processes


def post(url, message):
    content = message if isinstance(message, bytes) else encode(message)
    return httpx.post(f"{url}step", content=content, timeout=30, trust_env=False)


def ask(name="keeper-1", body=None, sender="x"):
    return Message(sender=sender, receiver=name, body=body or AskStanding())


# --- ceremonies ----------------------------------------------------------------------------------


def test_a_ceremony_and_a_refresh_over_http(three):
    _, _, file, _ = three
    none = jukinet("refresh", "--keepers", file)
    assert (none.returncode, "jukinet keeper ceremony" in none.stderr) == (1, True)
    dry = json.loads(jukinet("ceremony", "--keepers", file, "--dry-run", "--json").stdout)
    assert (dry["epoch"], dry["done"]) == (None, False)
    done = json.loads(jukinet("ceremony", "--keepers", file, "--json").stdout)
    assert (done["epoch"], done["threshold"], done["done"]) == (0, 2, True)
    assert done["keys"] > 40
    fresh = json.loads(jukinet("refresh", "--keepers", file, "--json").stdout)
    assert (fresh["epoch"], fresh["keys"]) == (1, done["keys"])
    again = json.loads(jukinet("ceremony", "--keepers", file, "--json").stdout)
    assert again == fresh


@pytest.mark.parametrize("wait_seconds", [0.05, 0.2, 0.4, 0.7])
def test_a_keeper_that_is_killed_in_a_refresh_comes_back_and_the_epoch_counts_at_all(
    three, wait_seconds
):
    folders, keepers, file, processes = three
    assert jukinet("ceremony", "--keepers", file).returncode == 0
    victim = processes[1]
    with begun("refresh", "--keepers", file, "--json") as refreshing:
        while refreshing.poll() is None and not _under_way(folders[1]):
            time.sleep(0.01)
        time.sleep(wait_seconds * 0.2)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        with running(folders[1], keepers.urls["keeper-2"]):
            refreshing.communicate()
            found = json.loads(jukinet("refresh", "--keepers", file, "--json").stdout)
            health = jukinet("health", "--keepers", file, "--json")
    assert health.returncode == 0, health.stdout
    assert {row["epoch"] for row in json.loads(health.stdout)["keepers"]} == {found["epoch"]}


def _under_way(folder):
    return any(path.name.startswith("ceremony-") for path in (folder.root / "papers").iterdir())


def test_a_keeper_that_is_away_leaves_the_old_epoch_whole_and_is_named(three):
    _, _, file, processes = three
    assert jukinet("ceremony", "--keepers", file).returncode == 0
    processes[2].kill()
    processes[2].wait()
    done = jukinet("refresh", "--keepers", file)
    assert (done.returncode, "keeper-3: does not answer" in done.stderr) == (1, True)
    health = jukinet("health", "--keepers", file, "--json")
    assert health.returncode == 1
    assert [row["epoch"] for row in json.loads(health.stdout)["keepers"]] == [0, 0, None]


def test_a_keeper_whose_folder_is_gone_gets_its_shares_from_the_others(three, tmp_path):
    folders, keepers, file, processes = three
    assert jukinet("ceremony", "--keepers", file).returncode == 0
    for process in processes:
        process.kill()
        process.wait()
    line = jukinet("init", tmp_path / "new", "--name", "keeper-3").stdout.strip()
    *kept, _ = file.read_text().splitlines()
    file.write_text("\n".join([*kept, f"{line} {keepers.urls['keeper-3']}"]))
    standing = [folders[0], folders[1], Folder(tmp_path / "new")]
    for folder in standing:
        assert jukinet("trust", folder.root, "--keepers", file).returncode == 0
    with ExitStack() as stack:
        for folder, name in zip(standing, keepers.names, strict=True):
            stack.enter_context(running(folder, keepers.urls[name]))
        lost = jukinet("refresh", "--keepers", file)
        assert (lost.returncode, "keeper recover" in lost.stderr) == (1, True)
        done = jukinet("recover", "--lost", "keeper-3", "--keepers", file, "--json")
        assert json.loads(done.stdout)["epoch"] == 0, done.stderr
        assert json.loads(jukinet("refresh", "--keepers", file, "--json").stdout)["epoch"] == 1


def test_other_keepers_hold_the_same_keys(three, tmp_path):
    folders, keepers, file, processes = three
    assert jukinet("ceremony", "--keepers", file).returncode == 0
    for process in processes:
        process.kill()
        process.wait()
    fourth, more = made_apart(tmp_path / "more", count=4)
    after = keeping.Keepers(
        keeping.Trusted(threshold=3, keepers=(*keepers.trusted.keepers, more.trusted.keepers[3])),
        {**keepers.urls, "keeper-4": more.urls["keeper-4"]},
    )
    new = tmp_path / "four.txt"
    new.write_text(write_keepers(after))
    standing = [*folders, fourth[3]]
    for folder in standing:
        assert jukinet("trust", folder.root, "--keepers", new).returncode == 0
    with ExitStack() as stack:
        for folder, name in zip(standing, after.names, strict=True):
            stack.enter_context(running(folder, after.urls[name]))
        done = jukinet("change", "--old", file, "--keepers", new, "--json")
        assert (json.loads(done.stdout)["epoch"], json.loads(done.stdout)["threshold"]) == (1, 3)
        assert jukinet("health", "--keepers", new).returncode == 0


# --- the server ----------------------------------------------------------------------------------


def test_what_is_no_message_for_this_keeper_is_refused(three):
    _, keepers, _, _ = three
    url = keepers.urls["keeper-1"]
    assert post(url, b"hello").status_code == keeper_server.NO_MESSAGE
    assert post(url, ask("keeper-2")).status_code == keeper_server.NO_MESSAGE
    no_shares = post(url, ask(body=Health(asked=1), sender="centre"))
    assert no_shares.status_code == keeper_server.NOT_ALLOWED
    assert "ceremony" in no_shares.text
    assert httpx.get(f"{url}schema", trust_env=False).status_code == 404
    (standing,) = decode_all(post(url, ask()).content)
    assert isinstance(standing.body, Standing)
    assert httpx.get(f"{url}health", trust_env=False).status_code == keeper_server.UNABLE
    shown = httpx.get(url, trust_env=False).text
    assert "epoch none" in shown
    metrics = httpx.get(f"{url}metrics", trust_env=False).text
    assert 'jukinet_keeper_replies_total{status="400"} 2' in metrics
    assert "jukinet_keeper_epoch -1" in metrics


def test_a_message_that_is_too_long_is_not_read_to_its_end(three):
    _, keepers, _, _ = three
    parts = (bytes(1_000_000) for _ in range(keeper_server.MESSAGE_SIZE_MAX // 1_000_000 + 2))
    url = keepers.urls["keeper-1"]
    try:
        status = httpx.post(f"{url}step", content=parts, timeout=30, trust_env=False).status_code
    except httpx.HTTPError:
        return  # it hung up, which is a refusal, too
    assert status == 413


def test_where_the_disk_fails_nothing_is_said_and_the_answer_is_503(tmp_path):
    (folder,), _ = made_apart(tmp_path, count=1, wanted=1)
    with keeping.open_seat(folder) as seat:
        desk = keeper_server.Desk(seat, lambda: NOON)

        def full(name, content):
            raise OSError(28, "No space left on device")

        seat.office._papers.put = full
        plan = ceremonies.generation(keeping.trusted_by(folder), ["index"], 0, os.urandom)
        body = Convene(number=0, plan=encode_plan(plan))
        reply = desk.answer(encode(ask(body=body)))
    assert (reply.status, reply.body) == (503, b"its disk fails; see to it\n")


def test_a_keeper_that_is_told_to_stop_stops_and_says_nothing(tmp_path):
    (folder,), keepers = made_apart(tmp_path, count=1, wanted=1)
    with running(folder, keepers.urls["keeper-1"]) as process:
        assert post(keepers.urls["keeper-1"], ask()).status_code == 200
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()
        assert (process.returncode, out) == (0, "")


# --- the node that stands for it -----------------------------------------------------------------


class Slow(BaseHTTPRequestHandler):
    """A server that takes a message, and its time."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(time.monotonic())
        self.server.until.wait(20)
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *words):
        pass


@pytest.fixture
def slow():
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        server.asked, server.until = [], threading.Event()
        server.status, server.content = 200, b""
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.until.set()
        server.shutdown()
        thread.join()


def remote(server, **more):
    return RemoteKeeper("keeper-1", f"http://127.0.0.1:{server.server_port}/", **more)


def sent(node, line=None):
    line = line or Line(NOON)
    line.join(node)
    heard = line.listen("x")
    line.post(ask())
    line.run()
    return heard, line


def test_what_a_keeper_says_comes_back_over_the_line(slow):
    said = Message(sender="keeper-1", receiver="x", body=AskStanding())
    slow.content = encode_all([said])
    slow.until.set()
    node = remote(slow)
    heard, _ = sent(node)
    node.close()
    assert heard == [said]


@pytest.mark.parametrize(
    ("status", "content"),
    [
        pytest.param(200, b"hello", id="no messages"),
        pytest.param(500, b"", id="a failure"),
        pytest.param(
            200,
            b"\x91" + encode(Message(sender="keeper-2", receiver="x", body=AskStanding())),
            id="in another's name",
        ),
        pytest.param(
            200,
            b"\x91" + encode(Message(sender="keeper-1", receiver="y", body=AskStanding())),
            id="to another",
        ),
    ],
)
def test_what_a_keeper_may_not_say_is_as_nothing(slow, status, content):
    slow.status, slow.content = status, content
    slow.until.set()
    node = remote(slow)
    heard, _ = sent(node)
    node.close()
    assert heard == []
    assert len(slow.asked) == 1


def test_a_keeper_that_says_nothing_costs_its_time_out_and_the_line_goes_on(slow):
    node = remote(slow, timeout_seconds=0.3)
    heard, line = sent(node)
    assert heard == []
    assert line.now > NOON, "the line's clock has gone on with the world's"
    slow.until.set()
    node.close()


def test_an_address_that_is_none_is_refused():
    with pytest.raises(Malformed, match="http"):
        RemoteKeeper("keeper-1", "ftp://somewhere/")


# --- a network that works by them ----------------------------------------------------------------


def test_a_network_is_served_by_keepers_elsewhere_and_goes_on_when_one_dies(tmp_path):
    folder = new_folder(tmp_path / "net")
    mark = Mark(towns=(CHIYODA,), agencies=("pension",))
    keepers = network_with_keepers_apart(folder, mark, tmp_path / "keepers", count=3)
    with keepers as processes:
        with open_network(folder, NOON) as network:
            assert {one.__class__ for one in network.keepers.values()} == {RemoteKeeper}
        processes[0].kill()
        processes[0].wait()
        with open_network(folder, NOON) as network:
            assert network.centre._releasing.done
    assert verify(folder).findings == ()


def test_what_the_keepers_hold_together_is_proved_before_a_network_believes_it(tmp_path):
    folders, keepers = made_apart(tmp_path, count=2)
    kept = held_here(folders, keepers)
    with keeping.open_seat(folders[0]) as seat:
        standing = seat.office.standing()
    assert proved(standing, keepers.trusted) == kept.sharing
    _, strangers = made_apart(tmp_path / "strangers", count=2)
    with pytest.raises(Refused, match="have not signed"):
        proved(standing, strangers.trusted)
    assert msgspec.structs.asdict(kept.sharing)["epoch"] == 0


def test_a_server_sends_each_part_of_an_answer_at_once():
    with (
        serving.listen("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
