"""Unlocked (解錠中): where a folder's master key is while it need not be asked for, in memory only.

One small file a folder, in a directory that the kernel keeps in memory (tmpfs): $XDG_RUNTIME_DIR,
or /dev/shm where there is none. Whether it is in memory is asked of the kernel, not believed. The
file can be read by its owner alone, has the name of a hash of the folder's own, and is gone when
the machine restarts, when its time has run out, or when it is removed (`forget`), which overwrites
it.

It is not on the disk that the folder is on, so who carries that disk away has no key. Who reads
this machine's memory, or is its root, has it; so has who finds it in swap, where a machine swaps
tmpfs to an unencrypted disk (`swaps` tells).

>>> file_system("23 1 0:21 / /dev/shm rw,nosuid shared:4 - tmpfs tmpfs rw,size=64k", (0, 21))
'tmpfs'
"""

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from jukinet.errors import Refused
from jukinet.keys.master import SIZE, MasterKey

MAGIC = b"jukinet unlocked 1\n"
UNTIL_SIZE = 8
IN_MEMORY = ("tmpfs", "ramfs")
SHARED = "/dev/shm"

_MOUNTS = Path("/proc/self/mountinfo")
_SWAPS = Path("/proc/swaps")


def place(environment: Mapping[str, str] = os.environ) -> Path:
    """The directory for unlocked keys, made if need be; this user's alone.

    Raises Refused where this machine has no directory that is in memory.
    """
    tried = []
    for name, own in ((environment.get("XDG_RUNTIME_DIR", ""), ""), (SHARED, f"-{os.getuid()}")):
        if name and Path(name).is_dir():
            tried.append(name)
            if in_memory(Path(name)):
                return _private(Path(name) / f"jukinet{own}")
    raise Refused(
        f"unlocked keys: {' and '.join(tried) or 'this machine'} "
        f"{'are' if len(tried) > 1 else 'is'} not in memory (tmpfs), and a key is never written to "
        "a disk; give the passphrase to each command, by JUKINET_PASSPHRASE_FILE"
    )


def remember(folder: str, key: MasterKey, where: Path, *, until: datetime | None = None) -> None:
    """Keep a folder's key, until a time or the machine's end; `folder` as its lock names it."""
    ends = 0 if until is None else int(until.timestamp())
    content = bytearray(MAGIC + ends.to_bytes(UNTIL_SIZE, "big"))
    content += key.reveal()
    path = where / _name(folder)
    fresh = path.with_suffix(f".{os.getpid()}")
    with suppress(FileNotFoundError):
        fresh.unlink()
    number = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    try:
        os.write(number, content)
    finally:
        os.close(number)
        content[:] = bytes(len(content))
    forget(folder, where)
    os.rename(fresh, path)


def recall(folder: str, where: Path, now: datetime) -> MasterKey | None:
    """A folder's key, where it is unlocked; one whose time has run out is forgotten."""
    try:
        number = os.open(where / _name(folder), os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with open(number, "rb", buffering=0) as file:
        if not _ours_alone(os.fstat(number)):
            return None
        content = bytearray(len(MAGIC) + UNTIL_SIZE + SIZE)
        size = file.readinto(content)
    try:
        if size != len(content) or not content.startswith(MAGIC):
            return None
        ends = int.from_bytes(content[len(MAGIC) : -SIZE], "big")
        if ends and now.timestamp() >= ends:
            forget(folder, where)
            return None
        return MasterKey(memoryview(content)[-SIZE:])
    finally:
        content[:] = bytes(len(content))


def forget(folder: str, where: Path) -> bool:
    """Overwrite a folder's key and remove it; whether it was there."""
    path = where / _name(folder)
    try:
        number = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        os.pwrite(number, bytes(os.fstat(number).st_size), 0)
    finally:
        os.close(number)
    path.unlink(missing_ok=True)
    return True


def in_memory(directory: Path) -> bool:
    """Whether the kernel keeps a directory in memory, as it says itself."""
    with suppress(OSError, UnicodeDecodeError):
        device = directory.stat().st_dev
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        return file_system(mounts, (os.major(device), os.minor(device))) in IN_MEMORY
    return False


def swaps() -> bool:
    """Whether this machine may write memory to a disk; a device in memory (zram) is none."""
    with suppress(OSError, UnicodeDecodeError):
        lines = _SWAPS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()[1:]
        return any(not Path(line.split()[0]).name.startswith("zram") for line in lines if line)
    return False


def file_system(mounts: str, device: tuple[int, int]) -> str:
    """The kind of file system that a device is mounted as, or nothing.

    `mounts` is /proc/self/mountinfo: the third field is the device, the first after the dash alone
    the kind (proc_pid_mountinfo(5)).
    """
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if len(fields) > 2 and fields[2] == f"{device[0]}:{device[1]}":
            return kinds[0]
    return ""


def _name(folder: str) -> str:
    return sha256(b"jukinet unlocked\x00" + folder.encode()).hexdigest()[:32]


def _private(directory: Path) -> Path:
    """A directory of this user's alone; Refused where somebody else made it first."""
    with suppress(FileExistsError):
        os.mkdir(directory, 0o700)
    if not _ours_alone(os.lstat(directory), directory=True):
        raise Refused(
            f"{directory}: is not a directory of this user's alone (want mode 0700); whoever made "
            "it could take the keys; remove it"
        )
    return directory


def _ours_alone(found: os.stat_result, *, directory: bool = False) -> bool:
    kind = stat.S_ISDIR if directory else stat.S_ISREG
    return kind(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
