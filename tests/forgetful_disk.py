"""A disk that forgets: it loses what was not fsynced, and fails at any operation that one likes.

It keeps two pictures: what a program sees now, and what is safe. A crash takes the safe one and
adds, from what was done since, nothing, everything, or any part that a coin picks: files torn in
the middle, and of the names that were not made safe each for itself, in no order.
"""

import errno
from collections.abc import Callable
from random import Random


class PowerCut(Exception):
    """The machine is gone; nothing more can be done on this disk."""


class ForgetfulDisk:
    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.directories = {""}
        self.files: dict[int, bytes] = {}
        self.safe_names: dict[str, int] = {}
        self.safe_directories = {""}
        self.safe_files: dict[int, bytes] = {}
        self.pending: list[tuple[set[str], tuple]] = []
        self.number = 0
        self.trace: list[tuple] = []
        self.fails_at: int | None = None
        self.fails = "before"
        self.error: Exception | None = None
        self.dead = False
        self.watch: Callable[[], None] = lambda: None

    # What a test does with it.

    def copy(self) -> "ForgetfulDisk":
        """Another disk in the same state, that is watched by nobody and will not fail."""
        found = ForgetfulDisk()
        found.names, found.safe_names = dict(self.names), dict(self.safe_names)
        found.directories = set(self.directories)
        found.safe_directories = set(self.safe_directories)
        found.files, found.safe_files = dict(self.files), dict(self.safe_files)
        found.pending, found.number = list(self.pending), self.number
        return found

    def fail(self, at: int, when: str = "before", error: Exception | None = None) -> None:
        """Fail operation number `at` from now: before, in the middle of or after it.

        With an error of the system it goes on afterwards; without one it is a power cut.
        """
        self.fails_at, self.fails, self.error = len(self.trace) + at, when, error

    def after_crash(self, keeps: str, rng: Random | None = None) -> "ForgetfulDisk":
        """What is found when the machine is up again; `keeps` is nothing, everything or some."""
        rng = rng or Random(0)
        keep = {"nothing": lambda: False, "everything": lambda: True}.get(
            keeps, lambda: rng.random() < 0.5
        )
        found = ForgetfulDisk()
        names, directories = dict(self.safe_names), set(self.safe_directories)
        for _, operation in self.pending:
            if keep():
                apply(operation, names, directories)
        standing = {d for d in directories if all(above in directories for above in aboves(d))}
        found.names = {path: n for path, n in names.items() if parent(path) in standing}
        found.directories = standing
        for number in set(found.names.values()):
            safe, now = self.safe_files.get(number, b""), self.files[number]
            found.files[number] = torn(safe, now, rng) if keeps == "some" else now
            if keeps == "nothing":
                found.files[number] = safe
        found.safe_names, found.safe_directories = dict(found.names), set(found.directories)
        found.safe_files = dict(found.files)
        found.number = self.number
        return found

    def restarted(self) -> "ForgetfulDisk":
        """The program was killed and begins again; the machine has lost nothing, and saved nothing."""
        self.dead, self.fails_at, self.trace = False, None, []
        return self

    def flip(self, path: str, at: int, bit: int = 0) -> None:
        content = bytearray(self.files[self.names[path]])
        content[at] ^= 1 << bit
        self.put(path, bytes(content))

    def put(self, path: str, content: bytes) -> None:
        self.files[self.names[path]] = content

    # What a program does with it.

    def read(self, path: str) -> bytes:
        return self.files[self._found(path)]

    def read_at(self, path: str, *, offset: int, size: int) -> bytes:
        return self.read(path)[offset : offset + size]

    def exists(self, path: str) -> bool:
        self._alive()
        return path in self.names or path in self.directories

    def listdir(self, path: str) -> list[str]:
        self._alive()
        if path not in self.directories:
            raise FileNotFoundError(path)
        found = [*self.names, *(self.directories - {""})]
        return sorted(one.rpartition("/")[2] for one in found if parent(one) == path)

    def write(self, path: str, content: bytes) -> None:
        def half() -> None:
            number = self._made(path)
            cut = len(content) // 2
            self.files[number] = content[:cut] + self.files[number][cut:]

        def whole() -> None:
            self.files[self._made(path)] = bytes(content)

        self._do(("write", path), whole, half)

    def write_at(self, path: str, content: bytes, *, offset: int) -> None:
        def part(size: int) -> None:
            number = self._made(path)
            old = self.files[number].ljust(offset, b"\x00")
            self.files[number] = old[:offset] + content[:size] + old[offset + size :]

        self._do(
            ("write_at", path, offset),
            lambda: part(len(content)),
            lambda: part(len(content) // 2),
        )

    def fsync(self, *paths: str) -> None:
        def sync(some: tuple[str, ...]) -> None:
            for path in some:
                number = self._found(path)
                self.safe_files[number] = self.files[number]

        self._do(("fsync", *paths), lambda: sync(paths), lambda: sync(paths[: len(paths) // 2]))

    def fsync_dir(self, *paths: str) -> None:
        def sync(some: tuple[str, ...]) -> None:
            for path in some:
                if path not in self.directories:
                    raise FileNotFoundError(path)
                left = []
                for touched, operation in self.pending:
                    if path in touched:
                        apply(operation, self.safe_names, self.safe_directories)
                    else:
                        left.append((touched, operation))
                self.pending = left

        self._do(("fsync_dir", *paths), lambda: sync(paths), lambda: sync(paths[: len(paths) // 2]))

    def rename(self, path: str, *, to: str) -> None:
        def whole() -> None:
            if path in self.directories:
                self._change(("move all", path, to), path, to)
            else:
                self._change(("move", path, to, self._found(path)), path, to)

        self._do(("rename", path, to), whole)

    def link(self, path: str, *, to: str) -> None:
        def whole() -> None:
            if to in self.names:
                raise FileExistsError(to)
            self._change(("add", to, self._found(path)), to)

        self._do(("link", path, to), whole)

    def remove(self, path: str) -> None:
        def whole() -> None:
            self._found(path)
            self._change(("drop", path), path)

        self._do(("remove", path), whole)

    def mkdir(self, path: str) -> None:
        def whole() -> None:
            if parent(path) not in self.directories:
                raise FileNotFoundError(path)
            if path not in self.directories:
                self._change(("mkdir", path), path)

        self._do(("mkdir", path), whole)

    def rmdir(self, path: str) -> None:
        def whole() -> None:
            if self.listdir(path):
                raise OSError(errno.ENOTEMPTY, path)
            self._change(("rmdir", path), path)

        self._do(("rmdir", path), whole)

    # How.

    def _alive(self) -> None:
        if self.dead:
            raise PowerCut

    def _do(
        self,
        what: tuple,
        whole: Callable[[], None],
        half: Callable[[], None] = lambda: None,
    ) -> None:
        self._alive()
        at = len(self.trace)
        self.trace.append(what)
        if at != self.fails_at:
            whole()
            self.watch()
            return
        {"before": lambda: None, "middle": half, "after": whole}[self.fails]()
        self.watch()
        if self.error is not None:
            raise self.error
        self.dead = True
        raise PowerCut

    def _found(self, path: str) -> int:
        self._alive()
        if path not in self.names:
            raise FileNotFoundError(path)
        return self.names[path]

    def _made(self, path: str) -> int:
        if path not in self.names:
            if parent(path) not in self.directories:
                raise FileNotFoundError(path)
            self.number += 1
            self.files[self.number] = b""
            self._change(("add", path, self.number), path)
        return self.names[path]

    def _change(self, operation: tuple, *paths: str) -> None:
        apply(operation, self.names, self.directories)
        self.pending.append(({parent(path) for path in paths}, operation))


def apply(operation: tuple, names: dict[str, int], directories: set[str]) -> None:
    match operation:
        case ("add", path, number):
            names[path] = number
        case ("drop", path):
            names.pop(path, None)
        case ("move", path, to, number):
            names.pop(path, None)
            names[to] = number
        case ("move all", path, to):
            for one in [one for one in names if one.startswith(path + "/")]:
                names[to + one.removeprefix(path)] = names.pop(one)
            if path in directories:
                directories.discard(path)
                directories.add(to)
        case ("mkdir", path):
            directories.add(path)
        case ("rmdir", path):
            directories.discard(path)


def torn(safe: bytes, now: bytes, rng: Random) -> bytes:
    """The old content, the new one, or one that is new only to some place."""
    cut = rng.choice([0, len(now), rng.randint(0, len(now))])
    return now if cut == len(now) else now[:cut] + safe[cut:]


def parent(path: str) -> str:
    return path.rpartition("/")[0]


def aboves(path: str) -> list[str]:
    found = []
    while path:
        path = parent(path)
        found.append(path)
    return found
