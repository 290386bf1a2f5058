"""A keeper's own log (保管者の記録): which leaf has served for how much, one line for each order.

It is kept by the keeper alone, so that its work can be held against the public log: nothing is
opened that does not stand there. It says nothing of whom a task was about, and no root, handle,
element or value is in it. Each line has the hash of the one before; a line is safe on the disk
before any value is given. A line that a crash cut short is written over by the next.

Files of 4096 lines, `log/000000` and so on, JSON.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from jukinet.errors import Damaged
from jukinet.law.inquiry import UNREADABLE
from jukinet.law.leaf import leaf_time
from jukinet.store.disk import ROOT, Disk

FOLDER: Final = "log"
LINES: Final = 4096
FIRST: Final = "0" * 64
"""What stands in the place of the hash before the first line."""


class Served(NamedTuple):
    """A leaf of the public log, and for how many tasks it has served."""

    leaf: int
    tasks: int


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One order that was served; or, with `said`, what the keeper did in a ceremony."""

    number: int
    time: str
    order: int
    served: tuple[Served, ...]
    before: str  # SHA-256 of the line before, hexadecimal
    said: str = ""


class KeeperLog:
    """The lines of one keeper, appended to one by one."""

    def __init__(self, disk: Disk, size: int, last: str, offset: int) -> None:
        self.size = size
        self._disk = disk
        self._last = last
        self._offset = offset  # in the newest file

    @classmethod
    def open(cls, disk: Disk) -> "KeeperLog":
        """Go on where the log ends; its newest file is read and must hang together."""
        if not disk.exists(FOLDER):
            disk.mkdir(FOLDER)
            disk.fsync_dir(ROOT)
        names = disk.listdir(FOLDER)
        if not names:
            return cls(disk, 0, FIRST, 0)
        number = len(names) - 1
        last = FIRST
        if number:
            *_, (last, _) = _lines(disk, number - 1, None)
        found = list(_lines(disk, number, last))
        offset = sum(length for _, length in found)
        last = found[-1][0] if found else last
        return cls(disk, number * LINES + len(found), last, offset)

    def note(self, text: str, now: datetime) -> None:
        """A line about a ceremony."""
        self.append(0, (), now, said=text)

    def append(
        self, order: int, served: Sequence[Served], now: datetime, *, said: str = ""
    ) -> None:
        """One line more; when this returns it is safe."""
        number, place = divmod(self.size, LINES)
        offset = self._offset if place else 0
        line = _encode(
            Line(
                number=self.size,
                time=leaf_time(now),
                order=order,
                served=tuple(served),
                before=self._last,
                said=said,
            )
        )
        path = _path(number)
        self._disk.write_at(path, line + b"\n", offset=offset)
        self._disk.fsync(path)
        if not place:
            self._disk.fsync_dir(FOLDER)
        self.size += 1
        self._offset = offset + len(line) + 1
        self._last = sha256(line).hexdigest()


def lines(disk: Disk) -> Iterator[Line]:
    """Every line, in order; raises Damaged where one does not follow from the one before."""
    last = FIRST
    for number in range(len(disk.listdir(FOLDER)) if disk.exists(FOLDER) else 0):
        for content in _whole(disk.read(_path(number))):
            line = _read(content)
            if line is None or line.before != last:
                raise Damaged(f"{_path(number)}: a line does not follow from the one before")
            last = sha256(content).hexdigest()
            yield line


def _lines(disk: Disk, number: int, last: str | None) -> Iterator[tuple[str, int]]:
    """The hash and the length of each whole line of a file; what was cut short ends it."""
    for content in _whole(disk.read(_path(number))):
        line = _read(content)
        if line is None or (last is not None and line.before != last):
            raise Damaged(
                f"{_path(number)}: a line does not follow from the one before; restore the "
                "keeper's log from its back-up"
            )
        last = sha256(content).hexdigest()
        yield last, len(content) + 1


def _whole(content: bytes) -> list[bytes]:
    """The lines that end; of what a crash has cut short, or left as zeros, nothing."""
    return content.rstrip(b"\x00").split(b"\n")[:-1]


def _read(content: bytes) -> Line | None:
    try:
        return _decode(content)
    except UNREADABLE:
        return None


def _path(number: int) -> str:
    return f"{FOLDER}/{number:06d}"


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode
