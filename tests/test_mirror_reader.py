"""Mirrors: the same files from a folder and over HTTP, and a sentence for whatever goes wrong."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.logbook import Logbook

from jukinet.client.mirror import Mirror
from jukinet.client.statement import statement
from jukinet.errors import Malformed, OutOfStep
from jukinet.wire import mirror_reader as mirrors
from jukinet.wire.mirror_reader import fetch, reader


@pytest.fixture(scope="module")
def log():
    found = Logbook()
    found.ask("a", "b")
    found.fill(300)
    found.close()
    found.ask("a")
    return found


@contextmanager
def served(answer):
    """A server on this machine; `answer` gives (status, content) for each path asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked.append(self.path.lstrip("/"))
            status, content, *more = answer(asked[-1], len(asked))
            self.send_response(status)
            for name, value in more:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def files_of(log):
    files = log.files()

    def answer(path, _):
        return (200, files[path]) if path in files else (404, b"nothing")

    return answer


def no_pause(_):
    pass


def test_a_statement_over_http_is_the_one_from_the_files(log):
    with served(files_of(log)) as (url, _):
        found = statement(log.key("a"), Mirror(reader(url)))
    assert found == statement(log.key("a"), log.mirror())
    assert len(found.entries) == 2


def test_a_statement_from_a_folder_is_the_one_from_the_files(log, tmp_path):
    for path, content in log.files().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    found = statement(log.key("a"), Mirror(reader(str(tmp_path))))
    assert found == statement(log.key("a"), log.mirror())


def test_a_log_below_a_path_is_read_whether_the_address_ends_in_a_slash_or_not(log):
    def answer(path, _):
        return (200, path.encode())

    with served(answer) as (url, _):
        for end in ("", "/"):
            assert reader(f"{url}/logs/one{end}")("tile/0/000") == b"logs/one/tile/0/000"


def test_what_is_not_there_is_none(log, tmp_path):
    with served(files_of(log)) as (url, asked):
        assert reader(url)("tile/0/999") is None
        assert asked == ["tile/0/999"], "and is asked for once"
    (tmp_path / "file").write_bytes(b"")
    assert reader(str(tmp_path))("tile/0/999") is None
    assert reader(str(tmp_path))("file/below") is None
    assert reader(str(tmp_path))("") is None


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_asked_again(status):
    def answer(path, count):
        return (200, b"there") if count == 3 else (status, b"")

    pauses = []
    with served(answer) as (url, asked):
        assert reader(url, pause=pauses.append)("checkpoint") == b"there"
    assert asked == ["checkpoint"] * 3
    assert pauses == [1.0, 2.0]


def test_a_server_that_stays_in_trouble_is_said_to_be():
    with (
        served(lambda path, count: (503, b"")) as (url, asked),
        pytest.raises(OutOfStep, match=r"checkpoint: the server answered 503, 3 times"),
    ):
        reader(url, pause=no_pause)("checkpoint")
    assert len(asked) == 3


def test_an_answer_that_will_not_change_is_not_asked_for_again():
    with (
        served(lambda path, count: (403, b"")) as (url, asked),
        pytest.raises(OutOfStep, match="the server answered 403"),
    ):
        reader(url, pause=no_pause)("checkpoint")
    assert len(asked) == 1


def test_nobody_at_the_address_is_said_so():
    with served(lambda path, count: (200, b"")) as (url, _):
        pass
    with pytest.raises(OutOfStep, match="could not be reached"):
        reader(url, pause=no_pause)("checkpoint")


def test_a_late_server_is_said_to_be_late(monkeypatch):
    release = threading.Event()

    def answer(path, count):
        release.wait(30)
        return 200, b""

    monkeypatch.setattr(mirrors, "TIMEOUT_SECONDS", 0.05)
    with served(answer) as (url, _):
        with pytest.raises(OutOfStep, match="was late, 3 times"):
            reader(url, pause=no_pause)("checkpoint")
        release.set()


@pytest.mark.parametrize("where", ["web", "folder"])
def test_a_file_longer_than_any_of_a_log_is_not_read(monkeypatch, tmp_path, where):
    monkeypatch.setattr(mirrors, "FILE_BYTES_MAX", 100)
    (tmp_path / "checkpoint").write_bytes(bytes(101))
    with served(lambda path, count: (200, bytes(101))) as (url, _):
        source = url if where == "web" else str(tmp_path)
        with pytest.raises(OutOfStep, match="longer than any file of a log"):
            reader(source, pause=no_pause)("checkpoint")


def test_a_redirect_is_followed_and_a_circle_is_not_for_ever():
    def answer(path, count):
        if path.startswith("old"):
            return 301, b"", ("Location", f"/new/{path[4:]}")
        if path.startswith("round"):
            return 302, b"", ("Location", f"/{path}")
        return 200, path.encode()

    with served(answer) as (url, _):
        assert reader(f"{url}/old")("checkpoint") == b"new/checkpoint"
        with pytest.raises(OutOfStep, match="in a circle"):
            reader(f"{url}/round", pause=no_pause)("checkpoint")


@pytest.mark.parametrize(
    "source", ["ftp://example.org/log", "https://", "https://example.org/?a=b", "/no/such/folder"]
)
def test_a_source_that_is_none_gets_a_sentence(source):
    with pytest.raises(Malformed, match="log: "):
        reader(source)


def test_one_file_is_fetched_from_a_path_or_an_address(tmp_path):
    (tmp_path / "theirs").write_bytes(b"a note")
    assert fetch(str(tmp_path / "theirs")) == b"a note"
    with served(lambda path, count: (200, path.encode())) as (url, _):
        assert fetch(f"{url}/auditor/checkpoint") == b"auditor/checkpoint"
    with pytest.raises(Malformed, match="there is nothing"):
        fetch(str(tmp_path / "none"))
