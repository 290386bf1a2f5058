"""A mirror elsewhere (写しの読取り): the public log's files from any web server, or from a folder.

A reader gives the bytes of a path, or None where there is no such file. Nothing of it is believed:
who asked proves it (`client.proved`). Over HTTP a file that is late, too long or answered with an
error is asked for again a few times, then an error says so; a file that is not there is no error.

Redirects are followed, proxies and netrc of the environment are not: whoever reads a log shows the
server which files are wanted, and should know whom.
"""

from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Final
from weakref import finalize

import httpx

from jukinet.errors import Malformed, OutOfStep
from jukinet.merkle.runs import Read

FILE_BYTES_MAX: Final = 256 * (2 + 0xFFFF)
"""The longest file that a log has: a bundle of 256 entries of 65,535 bytes behind their lengths."""
TIMEOUT_SECONDS: Final = 10.0
WHOLE_SECONDS: Final = 60.0
"""For one file, however steadily it drips."""
TRIES: Final = 3
_AGAIN: Final = {408, 425, 429, 500, 502, 503, 504}
_ABSENT: Final = {404, 410}


def reader(source: str, *, pause: Callable[[float], None] = sleep) -> Read:
    """Reads a log's files from a folder or below an http(s) URL.

    Raises Malformed where the source is neither. Reading raises OutOfStep, naming the file, where a
    server does not serve or a disk does not read.
    """
    if _is_url(source):
        return _Web(source, pause)
    folder = Path(source)
    if not folder.is_dir():
        raise Malformed(f"log: there is no folder {source}; name one, or an address (https://...)")
    return _Folder(folder)


def fetch(source: str, *, pause: Callable[[float], None] = sleep) -> bytes:
    """One file or address (an auditor's checkpoint, say), or Malformed where there is none."""
    if _is_url(source):
        found = _Web(source, pause)("")
    else:
        path = Path(source)
        found = _Folder(path.parent)(path.name)
    if found is None:
        raise Malformed(f"{source}: there is nothing; name a file, or an address (https://...)")
    return found


class _Folder:
    """A log's files in a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __call__(self, path: str) -> bytes | None:
        try:
            with (self._root / path).open("rb") as file:
                found = file.read(FILE_BYTES_MAX + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise OutOfStep(
                f"{path}: cannot be read ({error.strerror}); try another copy"
            ) from None
        _refuse_long(path, len(found))
        return found


class _Web:
    """A log's files below an address."""

    def __init__(self, source: str, pause: Callable[[float], None]) -> None:
        self._prefix = source.rstrip("/")
        self._pause = pause
        self._client = httpx.Client(
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            follow_redirects=True,
            headers={"Accept-Encoding": "identity"},
        )
        finalize(self, self._client.close)

    def __call__(self, path: str) -> bytes | None:
        reason = ""
        for attempt in range(TRIES):
            if attempt:
                self._pause(2.0 ** (attempt - 1))
            try:
                return self._once(path)
            except _Again as error:
                reason = str(error)
        raise OutOfStep(
            f"{path or self._prefix}: the server {reason}, {TRIES} times; try later, or another "
            "mirror"
        )

    def _once(self, path: str) -> bytes | None:
        url = f"{self._prefix}/{path}" if path else self._prefix
        try:
            with self._client.stream("GET", url) as response:
                if response.status_code in _ABSENT:
                    return None
                _refuse_status(path or url, response.status_code)
                return _whole(path or url, response)
        except httpx.TimeoutException:
            raise _Again("was late") from None
        except httpx.TooManyRedirects:
            raise OutOfStep(f"{path or url}: the server redirects in a circle") from None
        except httpx.HTTPError as error:
            raise _Again(f"could not be reached or broke off ({type(error).__name__})") from None


class _Again(Exception):
    """What another try may cure."""


def _is_url(source: str) -> bool:
    """Whether a source is an address; Malformed for one that is of no use."""
    if "://" not in source:
        return False
    try:
        url = httpx.URL(source)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise Malformed("log: an address wants to be http://... or https://..., without ? and #")
    return True


def _refuse_status(path: str, status: int) -> None:
    if status in _AGAIN:
        raise _Again(f"answered {status}")
    if status != 200:
        raise OutOfStep(f"{path}: the server answered {status}; try another mirror")


def _whole(path: str, response: httpx.Response) -> bytes:
    """The content, if it is not too long and comes in time."""
    ends = monotonic() + WHOLE_SECONDS
    found = bytearray()
    for part in response.iter_raw():
        found += part
        _refuse_long(path, len(found))
        if monotonic() > ends:
            raise _Again("was late")
    return bytes(found)


def _refuse_long(path: str, size: int) -> None:
    if size > FILE_BYTES_MAX:
        raise OutOfStep(f"{path}: is longer than any file of a log; try another mirror")
