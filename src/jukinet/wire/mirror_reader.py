"""A mirror elsewhere (写しの読取り): the public log's files from any web server, or from a folder.

Nothing that comes is believed here; whoever reads verifies it. A file that is not there is None,
and everything else that is no file is an error that says to ask again. No file of a log is longer
than a bundle of 256 entries of the longest; what is longer is not read to its end.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from jukinet.errors import Malformed, OutOfStep
from jukinet.merkle.tiles import ENTRY_SIZE_MAX, TILE_WIDTH

TIMEOUT_SECONDS: Final = 30.0
FILE_SIZE_MAX: Final = TILE_WIDTH * (2 + ENTRY_SIZE_MAX)

_MISSING: Final = (404, 410)


def reader(where: str) -> Callable[[str], bytes | None]:
    """A function from a path to the file's content, or None.

    Raises Malformed where there is neither such a folder nor an http:// or https:// address.
    """
    if where.startswith(("http://", "https://")):
        return _Remote(where)
    folder = Path(where)
    if not folder.is_dir():
        raise Malformed(f"{where}: want the address of a log, or a folder with its files")
    return lambda path: _read(folder / path)


def _read(place: Path) -> bytes | None:
    try:
        return place.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


class _Remote:
    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._client = httpx.Client(
            timeout=TIMEOUT_SECONDS, trust_env=False, headers={"Accept-Encoding": "identity"}
        )

    def __call__(self, path: str) -> bytes | None:
        try:
            with self._client.stream("GET", f"{self._address}/{path}") as answer:
                if answer.status_code in _MISSING:
                    return None
                if answer.status_code != 200:
                    raise OutOfStep(f"{path}: the server says {answer.status_code}; ask again")
                return self._content(path, answer)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OutOfStep(
                f"{path}: {type(error).__name__}; ask again, or another mirror"
            ) from None

    def _content(self, path: str, answer: httpx.Response) -> bytes:
        content = bytearray()
        for part in answer.iter_bytes():
            content += part
            if len(content) > FILE_SIZE_MAX:
                raise OutOfStep(f"{path}: is longer than any file of a log; ask another mirror")
        return bytes(content)
