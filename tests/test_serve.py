"""`jukinet serve`: a process that serves a folder; where real books are kept nobody can be played."""

import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest
from tests.web_server import TOKEN, Visitor


def jukinet(*words):
    return [sys.executable, "-m", "jukinet", *map(str, words)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A town with an empty book, and nobody made up."""
    root = tmp_path_factory.mktemp("serve") / "town"
    subprocess.run(
        jukinet("town", "init", "--dir", root, "--towns", "131016"), check=True, capture_output=True
    )
    return root


@contextmanager
def running(folder):
    """`jukinet serve` in a process of its own, and where it listens."""
    with subprocess.Popen(
        jukinet("serve", folder, "--port", "0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            said = process.stdout.readline()
            assert "http://localhost:" in said, process.stderr.read()
            url = next(word for word in said.split() if word.startswith("http://"))
            yield process, url.rstrip("/")
        finally:
            process.kill()


def test_a_folder_of_a_real_town_is_served_without_a_list_of_persons(folder):
    with running(folder) as (process, url):
        visitor = Visitor(url)
        page = visitor.get("/sign-in").text
        assert 'name="as"' not in page
        assert "Demonstration" not in page
        token = TOKEN.search(page)[1]
        sent = {"form_token": token, "as": "clerk:131016"}
        assert visitor.http.post("/sign-in", data=sent).status_code == 404
        assert visitor.get("/desk").url.path == "/sign-in"
        assert visitor.get("/observatory").status_code == 200
        assert visitor.get("/observatory/questions").status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_another_command_waits_while_the_folder_is_served(folder):
    with running(folder):
        done = subprocess.run(
            jukinet("town", "show", "--dir", folder), capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "another jukinet is at work" in done.stderr


def test_a_demo_is_not_served_to_the_world(tmp_path):
    demo = tmp_path / "demo"
    words = ("--towns", "1", "--residents", "20")
    made = jukinet("world", "build", "--dir", demo, *words)
    subprocess.run(made, check=True, capture_output=True)
    for more in (("--host", "0.0.0.0"), ("--name", "demo.example")):
        done = subprocess.run(
            jukinet("serve", demo, *more), capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 1
        assert "on this machine only" in " ".join(done.stderr.split())


def test_a_folder_without_a_network_is_refused(tmp_path):
    done = subprocess.run(
        jukinet("serve", tmp_path), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "there is no network in this folder" in " ".join(done.stderr.split())


def test_nobody_listens_when_the_server_has_stopped(folder):
    with running(folder) as (process, url):
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
