"""Folder (置き場所): where a whole network of nodes stands on one machine.

    jukinet.json             that this folder is ours, and what it was made with
    lock.json                the folder's master key, wrapped (tasks.unlocking)
    public/directory.json    who is who, and the public keys
    keys/                    each node's secrets, sealed under the master key
    towns/131016.db          a town is one file
    centre/13.db ...         the index, one file a prefecture; national.db; chains.db
    centre/log/              the public log: plain files that any mirror can serve
    keepers/keeper-1/        a keeper's folder (tasks.keeping), as it stands anywhere else
    witnesses/w1/            a witness's folder (tasks.witnessing), as it stands anywhere else
    agencies/pension.db      what an agency keeps

Every store (`.db`) is sealed under a key of its own, derived from the master key; so is each file
of secrets. Who has the folder and not the key reads the mark, the directory and the public log.

One process works in a folder at a time (`store.lock`). A folder that is not ours is never touched.
"""

import os
import shutil
from collections.abc import Iterable
from datetime import date
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes
from typing import Any, TypeVar

import msgspec

from jukinet.errors import Damaged, Refused
from jukinet.keys.master import MasterKey
from jukinet.keys.seal import NONCE_SIZE
from jukinet.store.disk import ROOT, RealDisk, publish

FORMAT = 3
MARK = "jukinet.json"
LOCK = "lock.json"
OURS = frozenset(
    {"public", "keys", "towns", "centre", "keeper", "keepers", "witnesses", "agencies"}
)
"""The folders in a folder that are made when it is."""

T = TypeVar("T")


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder was made with, and how far its world has lived."""

    format: int = FORMAT
    towns: tuple[str, ...]
    agencies: tuple[str, ...] = ()
    seed: int | None = None  # None: no world, the towns fill their books themselves
    residents: int = 0
    begins: date | None = None  # the day on which the world begins
    fingerprint: str = ""  # of the data that the world was made from
    built: int = 0  # residents entered when the books were filled
    lived_to: date | None = None  # the last day that has been lived wholly
    living_to: date | None = None  # the day to which it is to be lived
    check: str = ""


class Folder:
    """The paths and small files of one folder; with its master key, what is sealed there too."""

    def __init__(self, root: Path, master: MasterKey | None = None) -> None:
        self.root = root
        self._master = master

    def __repr__(self) -> str:
        return f"<Folder {self.root}>"

    @property
    def master(self) -> MasterKey:
        """The folder's master key; Refused where it was opened without."""
        if self._master is None:
            raise Refused(
                f"{self.root}: it is locked; `jukinet unlock {self.root}` opens it until the "
                "machine is restarted"
            )
        return self._master

    def within(self, name: str) -> "Folder":
        """A folder that stands in this one and has no lock of its own, such as `witnesses/w1`."""
        return Folder(self.root / name, self.master.within(name))

    def store_key(self, path: Path) -> bytes:
        """What a store of this folder is sealed with; `path` as the folder gives it."""
        return self.master.store_key(path.relative_to(self.root).with_suffix("").as_posix())

    @property
    def exists(self) -> bool:
        """Whether the folder holds a network of ours."""
        return (self.root / MARK).exists()

    @property
    def unfinished(self) -> bool:
        """Whether it is one of ours that was not made to its end: a lock, no mark, no book yet."""
        books = (any(self.root.glob(f"{name}/*.db")) for name in ("towns", "centre", "agencies"))
        return (self.root / LOCK).exists() and not self.exists and not any(books)

    def refuse_foreign(self) -> None:
        """Refused where the folder holds something that is not ours."""
        if self.root.exists() and not self.root.is_dir():
            raise Refused(f"{self.root}: it is not a folder; name another with --dir")
        known = self.exists or self.unfinished
        if self.root.is_dir() and not known and any(_foreign(self.root)):
            raise Refused(
                f"{self.root}: it holds something else; name an empty or new folder with --dir"
            )

    def require(self) -> Mark:
        """The mark of a folder that must be there."""
        if not self.exists:
            raise Refused(
                f"{self.root}: there is no network in this folder; make one with "
                "`jukinet demo --dir` or `jukinet world build --dir`"
            )
        return self.mark()

    def mark(self) -> Mark:
        """What the folder was made with; raises Damaged."""
        mark = _read(self.root / MARK, Mark)
        if mark.check != _check(mark):
            raise Damaged(f"{self.root / MARK}: its check does not fit what it says")
        if mark.format != FORMAT:
            raise Refused(
                f"{self.root}: made by another version of Jukinet (format {mark.format}, this one "
                f"has {FORMAT}); make a new one, or use the version that made it"
            )
        return mark

    def put_mark(self, mark: Mark) -> None:
        """Write the mark, whole or not at all."""
        checked = msgspec.structs.replace(mark, check=_check(mark))
        _write(self.root / MARK, checked, private=False)

    # --- paths ----------------------------------------------------------------------------

    def town(self, code: str) -> Path:
        """A town's file."""
        return self.root / "towns" / f"{code}.db"

    def prefecture(self, prefecture: str) -> Path:
        """A prefecture's file of the index."""
        return self.root / "centre" / f"{prefecture}.db"

    @property
    def national(self) -> Path:
        """The centre's national file."""
        return self.root / "centre" / "national.db"

    @property
    def chains(self) -> Path:
        """The ledger's chains."""
        return self.root / "centre" / "chains.db"

    @property
    def log(self) -> Path:
        """The public log."""
        return self.root / "centre" / "log"

    def keeper(self, name: str) -> Path:
        """A keeper's folder; `within` opens it."""
        return self.root / self.keeper_name(name)

    @staticmethod
    def keeper_name(name: str) -> str:
        """A keeper's folder, by its path below this one."""
        return f"keepers/{name}"

    def witness(self, name: str) -> Path:
        """A witness's folder; `within` opens it."""
        return self.root / self.witness_name(name)

    @staticmethod
    def witness_name(name: str) -> str:
        """A witness's folder, by its path below this one."""
        return f"witnesses/{name}"

    def agency(self, name: str) -> Path:
        """An agency's file."""
        return self.root / "agencies" / f"{name}.db"

    def clear(self) -> None:
        """Remove what a creation that was cut short has left, under a key that may be another."""
        for path in self.root.iterdir() if self.unfinished else ():
            if path.is_dir() and path.name in OURS:
                shutil.rmtree(path)

    def make_folders(self) -> None:
        """All folders that the files stand in."""
        for path in (self.town("x"), self.national, self.log / "x", self.agency("x")):
            path.parent.mkdir(parents=True, exist_ok=True)
        for name in ("public", "keys/towns", "keys/agencies"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        os.chmod(self.root / "keys", 0o700)

    def put_policy(self, content: bytes) -> None:
        """Put the policy file beside the public log, for whoever reads the log."""
        disk = RealDisk(self.log)
        publish(disk, "policy", content)
        disk.fsync_dir(ROOT)

    # --- keys and directory ---------------------------------------------------------------

    def put_ring(self, name: str, ring: Any) -> None:
        """Write a node's secrets, sealed; `name` such as `centre` or `towns/131016`."""
        text = msgspec.json.encode(ring)
        sealed = self.master.seal(name, text, nonce=token_bytes(NONCE_SIZE))
        _write(self._ring_path(name), Sealed(sealed=sealed), private=True)

    def ring(self, name: str, kind: type[T]) -> T:
        """A node's secrets; raises Damaged, Refused where the folder is locked."""
        return _decoded(self._ring_path(name), self.ring_text(name), kind)

    def ring_text(self, name: str) -> bytes:
        """What was sealed as a node's secrets, as it was written; raises as `ring`."""
        path = self._ring_path(name)
        file = _read(path, Sealed)
        if _digest(file.checked) != file.check:
            raise Damaged(f"{path}: its check does not fit what it says")
        return self.master.open(name, file.sealed)

    def _ring_path(self, name: str) -> Path:
        return self.root / "keys" / f"{name}.json"

    @property
    def lock_file(self) -> Path:
        """The folder's lock."""
        return self.root / LOCK

    def put_lock(self, lock: Any) -> None:
        """Write the lock, whole or not at all."""
        self.root.mkdir(parents=True, exist_ok=True)
        _write(self.lock_file, Checked(body=_body(lock)), private=True)

    def lock(self, kind: type[T]) -> T:
        """The lock; raises Damaged."""
        return _checked(self.lock_file, kind)

    def put_public(self, name: str, value: Any) -> None:
        """Write something that everybody may read."""
        _write(self.root / "public" / f"{name}.json", Checked(body=_body(value)), private=False)

    def public(self, name: str, kind: type[T]) -> T:
        """Something that everybody may read; raises Damaged."""
        return _checked(self.root / "public" / f"{name}.json", kind)


def read_public(path: Path, kind: type[T]) -> T:
    """A file that some folder's `put_public` wrote, wherever it is now; raises Damaged."""
    return _checked(path, kind)


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A small file's content with its check."""

    body: msgspec.Raw
    check: str = ""

    @property
    def checked(self) -> bytes:
        """What the check is made of."""
        return bytes(self.body)


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A small file's sealed content with its check, which finds decay without the key."""

    sealed: bytes
    check: str = ""

    @property
    def checked(self) -> bytes:
        """What the check is made of."""
        return self.sealed


def _foreign(root: Path) -> Iterable[Path]:
    return (path for path in root.iterdir() if path.name != ".lock")


def _body(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def _check(mark: Mark) -> str:
    return _digest(msgspec.json.encode(msgspec.structs.replace(mark, check="")))


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _checked(path: Path, kind: type[T]) -> T:
    file = _read(path, Checked)
    if _digest(file.checked) != file.check:
        raise Damaged(f"{path}: its check does not fit what it says")
    return _decoded(path, file.checked, kind)


def _decoded(path: Path, text: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError:
        raise Damaged(f"{path}: another version of Jukinet wrote it; use that one") from None


def _read(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise Damaged(f"{path}: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Damaged(f"{path}: it is not what Jukinet wrote") from None


def _write(path: Path, value: Any, *, private: bool) -> None:
    """Write a small file, whole or not at all: a new one, fsynced, in the old one's place."""
    if isinstance(value, Checked | Sealed):
        value = msgspec.structs.replace(value, check=_digest(value.checked))
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600 if private else 0o644)
    try:
        os.write(descriptor, msgspec.json.encode(value) + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(new, path)
    parent = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
