"""A small demo behind its pages, on a port of this machine, for tests that come in by the door.

The clock stands still on a Monday morning after the demo's year, so that every page says the same in
every run.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx
import uvicorn
from tests.support import new_folder

from jukinet.law.leaf import JAPAN
from jukinet.tasks.demo import Size, run
from jukinet.tasks.serving import worker
from jukinet.web.app import application
from jukinet.web.guard import Bucket
from jukinet.web.house import Worker
from jukinet.wire.serving import listen

MONDAY = datetime(2026, 1, 5, 10, 0, tzinfo=JAPAN)
SIZE = Size(towns=3, residents=600, inquiries=120)
TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')


class Served:
    """A running server."""

    def __init__(self, url: str, working: Worker) -> None:
        self.url = url
        self.worker = working

    def ask(self, work):
        """Ask the house something, in its own thread."""
        return self.worker.run(lambda house, _now: work(house))

    @property
    def towns(self) -> list[str]:
        """The codes of its towns, the largest first."""
        return self.ask(_largest_first)


def _largest_first(house):
    from jukinet.register.book import RECORDS

    def people(code):
        with house.towns[code].store.begin() as tx:
            return RECORDS.count(tx)

    return sorted(house.towns, key=lambda code: -people(code))


class Visitor:
    """A browser without a script: it keeps cookies, follows on, and sends the forms it was given."""

    def __init__(self, url: str, tongue: str = "en") -> None:
        self.http = httpx.Client(
            base_url=url, follow_redirects=True, headers={"accept-language": tongue}, timeout=20
        )
        self._tokens: dict[str, str] = {}

    def __del__(self) -> None:
        """A browser that is forgotten is closed."""
        self.http.close()

    def get(self, path: str, **asked: str) -> httpx.Response:
        return self.http.get(path, params=asked or None)

    def token(self, page: str = "/sign-in") -> str:
        """What our forms carry: it stays the same as long as the session does."""
        session = self.http.cookies.get("jukinet-session", "")
        if session not in self._tokens or not session:
            found = TOKEN.search(self.get(page).text)
            assert found, page
            self._tokens[self.http.cookies["jukinet-session"]] = found[1]
            return found[1]
        return self._tokens[session]

    def post(self, path: str, sent: dict[str, object], page: str = "/sign-in") -> httpx.Response:
        return self.http.post(path, data={"form_token": self.token(page), **sent})

    def sign_in(self, who: str) -> Visitor:
        """As the first sample person of a kind, such as `resident` or `clerk:131016`."""
        text = self.get("/sign-in").text
        value = re.search(rf'name="as" value="({who}[^"]*)"', text)
        assert value, who
        reply = self.post("/sign-in", {"as": value[1]})
        assert reply.status_code == 200, reply.text
        return self


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """A demo in a folder, served until the end."""
    made = new_folder(folder)
    run(made, 1, SIZE)
    working = worker(made, lambda: MONDAY)
    working.open()
    complaints: list[str] = []
    app = application(working, bucket=Bucket(1e6, 1e6), complain=complaints.append)
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, server_header=False)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield Served(f"http://localhost:{port}", working)
        finally:
            server.should_exit = True
            thread.join()
            working.close()
        assert complaints == []
