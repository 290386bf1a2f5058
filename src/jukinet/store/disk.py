"""Disk: files below one directory, and the order of writes that survives a crash.

Everything outside a database is written through the Disk Protocol, so that the simulator can make
it fail at any byte. It promises what POSIX does and no more:

- what was written is lost, whole or in part, until fsync of the file has returned;
- a name that was made, renamed or removed is so for good only when fsync_dir of its directory has
  returned; until then the old or the new name may be there after a crash, or both;
- a rename never shows half a file to a reader, but after a crash the new name may lead to a file
  without content, unless the file was fsynced before it was renamed.

So a file is published in this order (`publish` does the first three):

1. write the content under another name      crash: the old file is there, and a stray one
2. fsync that file                           crash: the same
3. rename it to its name                     crash: the old or the new file, each of them whole
4. fsync the directory (the caller; one call for all files of a directory)      the new file

It is not a database and takes no locks. Paths are relative, POSIX, and stay below the root.

Source: POSIX.1-2024, fsync() and rename().

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     disk = RealDisk(Path(folder))
...     publish(disk, "name", b"content")
...     disk.fsync_dir(ROOT)
...     disk.listdir(ROOT), disk.read("name")
(['name'], b'content')
"""

import os
from bisect import bisect_left, insort
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from jukinet.errors import Malformed

ROOT = ""
"""The path of the directory that all others are below."""

SPARES_MAX = 1_000

_BLOCK = 4_096


class Disk(Protocol):
    """Files below one directory. What is missing or full raises OSError as the system does."""

    def read(self, path: str) -> bytes:
        """The whole file."""
        ...

    def read_at(self, path: str, *, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`; fewer at the end of the file."""
        ...

    def write(self, path: str, content: bytes) -> None:
        """Make a file, or overwrite one in place, so that it holds just this content."""
        ...

    def write_at(self, path: str, content: bytes, *, offset: int) -> None:
        """Overwrite a part in place; makes the file, and zeros before the part, if need be."""
        ...

    def fsync(self, *paths: str) -> None:
        """Return when the content of all these files is safe."""
        ...

    def fsync_dir(self, *paths: str) -> None:
        """Return when the names in all these directories are safe."""
        ...

    def rename(self, path: str, *, to: str) -> None:
        """Give a file another name; a file that had that name is gone. Directories move whole."""
        ...

    def link(self, path: str, *, to: str) -> None:
        """Give a file a second name, which must be free."""
        ...

    def remove(self, path: str) -> None:
        """Take a name away from a file."""
        ...

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory of that name."""
        ...

    def listdir(self, path: str) -> list[str]:
        """The names in a directory, sorted."""
        ...

    def mkdir(self, path: str) -> None:
        """Make a directory in one that exists; nothing if it is there already."""
        ...

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        ...


def publish(disk: Disk, path: str, content: bytes) -> None:
    """Replace a file so that a reader sees the old or the new one; then fsync its directory."""
    fresh = f"{path}.new"
    disk.write(fresh, content)
    disk.fsync(fresh)
    disk.rename(fresh, to=path)


def parent(path: str) -> str:
    """The directory that a path is in; ROOT for a path without a slash."""
    return path.rpartition("/")[0]


class RealDisk:
    """A directory of this machine."""

    __slots__ = ("_root",)

    def __init__(self, root: Path) -> None:
        """Makes the directory if it is not there."""
        root.mkdir(parents=True, exist_ok=True)
        self._root = str(root.absolute())

    def read(self, path: str) -> bytes:
        """As Disk says."""
        with open(self._place(path), "rb") as file:
            return file.read()

    def read_at(self, path: str, *, offset: int, size: int) -> bytes:
        """As Disk says."""
        with _opened(self._place(path), os.O_RDONLY) as number:
            return os.pread(number, size, offset)

    def write(self, path: str, content: bytes) -> None:
        """As Disk says; the file's old blocks are used again, not freed and asked for anew."""
        with _opened(self._place(path), os.O_WRONLY | os.O_CREAT) as number:
            _write_all(number, content, 0)
            if os.fstat(number).st_size > len(content):
                os.ftruncate(number, len(content))

    def write_at(self, path: str, content: bytes, *, offset: int) -> None:
        """As Disk says."""
        with _opened(self._place(path), os.O_WRONLY | os.O_CREAT) as number:
            _write_all(number, content, offset)

    def fsync(self, *paths: str) -> None:
        """As Disk says; all files are on their way before the first is waited for."""
        numbers = []
        try:
            for path in paths:
                numbers.append(os.open(self._place(path), os.O_RDONLY))
            if len(numbers) > 1:
                _hasten(numbers)
            for number in numbers:
                os.fsync(number)
        finally:
            for number in numbers:
                os.close(number)

    def fsync_dir(self, *paths: str) -> None:
        """As Disk says."""
        for path in paths:
            with _opened(self._place(path), os.O_RDONLY | os.O_DIRECTORY) as number:
                os.fsync(number)

    def rename(self, path: str, *, to: str) -> None:
        """As Disk says."""
        os.rename(self._place(path), self._place(to))

    def link(self, path: str, *, to: str) -> None:
        """As Disk says."""
        os.link(self._place(path), self._place(to))

    def remove(self, path: str) -> None:
        """As Disk says."""
        os.unlink(self._place(path))

    def exists(self, path: str) -> bool:
        """As Disk says."""
        return os.path.exists(self._place(path))

    def listdir(self, path: str) -> list[str]:
        """As Disk says."""
        return sorted(os.listdir(self._place(path)))

    def mkdir(self, path: str) -> None:
        """As Disk says."""
        with suppress(FileExistsError):
            os.mkdir(self._place(path))

    def rmdir(self, path: str) -> None:
        """As Disk says."""
        os.rmdir(self._place(path))

    def _place(self, path: str) -> str:
        """Where a path is on this machine. Raises Malformed for one that leads out of the root."""
        if path == ROOT:
            return self._root
        if "\x00" in path or any(part in ("", ".", "..") for part in path.split("/")):
            raise Malformed("path: wants names joined by single slashes, below the root")
        return f"{self._root}/{path}"


class Batch:
    """Files that are written together and made safe together; each in a spare, if there is one.

    A spare is a file that has lost its use (`recycle`): it is renamed and written over instead of
    being removed and another made, as file systems make files much more slowly while many have just
    been removed; and the one nearest in size is taken, as its blocks are there already. Directories
    are made as they are needed. One Batch is used again and again by the one writer of a tree of
    files, which names the directory for its spares.

    Only files that this Batch has written become spares: after a crash an older one may have a
    second name, under which it is still in use.
    """

    __slots__ = (
        "_blocks",
        "_count",
        "_disk",
        "_grown",
        "_known",
        "_left",
        "_named",
        "_spare",
        "_spares",
        "_written",
    )

    def __init__(self, disk: Disk, *, spare: str) -> None:
        """Nothing is written. `spare` is the directory for spares; what is in it is removed."""
        self._disk = disk
        self._spare = spare
        self._spares: list[tuple[int, str]] = []
        self._left: dict[str, int] = {}
        self._count = 0
        self._blocks: dict[str, int] = {}
        self._known = {ROOT}
        self._written: dict[str, None] = {}
        self._named: dict[str, None] = {}
        self._grown = ""
        for name in disk.listdir(spare) if disk.exists(spare) else ():
            remove_all(disk, f"{spare}/{name}")

    def write(self, path: str, content: bytes, *, lasting: bool = False) -> None:
        """Make a file or overwrite one; a lasting one is not remembered, and never a spare."""
        self.add(path)
        blocks = len(content) // _BLOCK
        if not lasting:
            self._blocks[path] = blocks
        if self._spares:
            self._reuse(blocks, path)
        self._disk.write(path, content)

    def write_at(self, path: str, content: bytes, *, offset: int) -> None:
        """Overwrite a part of a file, or begin one."""
        if path == self._grown:
            self._written[path] = None
        else:
            self.add(path)
        self._disk.write_at(path, content, offset=offset)
        self._grown = path

    def add(self, path: str) -> None:
        """A file that is to be made safe with the others, under its name and below its directories.

        The names of directories that were there before this Batch are made safe too, once: another
        run may have made them and stopped short of it.
        """
        self._written[path] = None
        directory = parent(path)
        self._named[directory] = None
        if directory not in self._known:
            self._make(directory)

    def settle(self) -> None:
        """Return when all of it is safe: first the content, then the names."""
        self._disk.fsync(*self._written)
        self._disk.fsync_dir(*self._named)
        self._written.clear()
        self._named.clear()

    def recycle(self, directory: str) -> None:
        """A directory is gone, and its files are spares; or removed, where those are a thousand."""
        names = self._disk.listdir(directory)
        blocks = [self._blocks.pop(f"{directory}/{name}", None) for name in names]
        if None in blocks or len(self._spares) + len(names) > SPARES_MAX:
            remove_all(self._disk, directory)
        else:
            moved = f"{self._spare}/{self._count}"
            self._count += 1
            self._disk.mkdir(self._spare)
            self._disk.rename(directory, to=moved)
            self._left[moved] = len(names)
            for count, name in zip(blocks, names, strict=True):
                insort(self._spares, (count or 0, f"{moved}/{name}"))
        self._known.discard(directory)

    def _reuse(self, blocks: int, path: str) -> None:
        nearest = bisect_left(self._spares, (blocks, ""))
        _, spare = self._spares.pop(min(nearest, len(self._spares) - 1))
        self._disk.rename(spare, to=path)
        directory = parent(spare)
        self._left[directory] -= 1
        if not self._left[directory]:
            del self._left[directory]
            self._disk.rmdir(directory)

    def _make(self, directory: str) -> None:
        above = parent(directory)
        self._named[above] = None
        if above not in self._known:
            self._make(above)
        self._disk.mkdir(directory)
        self._known.add(directory)


def remove_all(disk: Disk, directory: str) -> None:
    """Remove a directory of files, which may not be there."""
    if disk.exists(directory):
        for name in disk.listdir(directory):
            disk.remove(f"{directory}/{name}")
        disk.rmdir(directory)


@contextmanager
def _opened(place: str, flags: int) -> Iterator[int]:
    number = os.open(place, flags, 0o644)
    try:
        yield number
    finally:
        os.close(number)


def _write_all(number: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(number, view, offset)
        view, offset = view[written:], offset + written


def _hasten(numbers: list[int]) -> None:
    """Ask the system to begin writing all these files, so that one wait serves for all.

    A hint only, where the system knows it: what makes them safe is the fsync of each.
    """
    if hasattr(os, "posix_fadvise"):
        for number in numbers:
            os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
