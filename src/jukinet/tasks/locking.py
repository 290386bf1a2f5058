"""Locking (施錠): how a folder's master key rests, and how a folder is opened and closed.

`lock.json` in the folder holds the master key, wrapped by passphrase or token (`keys.wrap`); a name
for the folder that goes with its copies; and a sign by which to know the right key. Whoever has
lost the passphrase, or this file, has lost the folder: keep the file with the back-ups, and the
passphrase apart from them.

A passphrase is drawn, not thought up: eight words of BIP-39's English list of 2048, 88 bits.
A changed passphrase wraps the same master key anew. Somebody who has kept an old copy of
`lock.json` and knows the old passphrase still opens the folder with them.

Source: BIP-39 (the list of words).
"""

from datetime import datetime
from functools import cache
from pathlib import Path
from secrets import token_bytes
from typing import Final

import msgspec

from jukinet.errors import Damaged, Refused
from jukinet.keys import wrap
from jukinet.keys.chance import Chance, below, drawn
from jukinet.keys.master import SIGN_SIZE, MasterKey
from jukinet.keys.seal import equal
from jukinet.keys.secret import Secret
from jukinet.store.lock import only_one
from jukinet.tasks import unlocked
from jukinet.tasks.folder import LOCK, Folder

WORDS: Final = 8
NAME_SIZE: Final = 16


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """What `lock.json` says."""

    folder: str  # names the folder and its copies, 16 random bytes in hex
    sign: str  # of the master key, in hex
    wrapped: bytes

    @property
    def way(self) -> wrap.Wrapped:
        """How the key is wrapped; raises Damaged."""
        return wrap.read(self.wrapped)

    @property
    def context(self) -> bytes:
        """What binds the wrapped key to this lock."""
        return f"jukinet folder {self.folder} {self.sign}".encode()


def begin(folder: Folder, lock: wrap.Lock, *, chance: Chance = token_bytes) -> Folder:
    """Draw a master key for a new folder and write its lock; the folder, open.

    Raises Refused where something of ours is there already, or being made by somebody else.
    """
    key = MasterKey.draw(chance)
    found = _locked(drawn(NAME_SIZE, chance).hex(), key, lock)
    folder.root.mkdir(parents=True, exist_ok=True)
    with only_one(folder.root):
        if folder.exists:
            raise Refused(f"{folder.root}: there is a network already; name another folder")
        folder.put_lock(found)
    return Folder(folder.root, key)


def refuse_other(folder: Folder) -> None:
    """Refused where an open folder has meanwhile got another lock; a folder without one passes."""
    if folder.lock_file.exists() and read(folder.root).sign != folder.master.sign.hex():
        raise Refused(f"{folder.root}: another jukinet has begun it anew; wait for that one")


def open_with(root: Path, lock: wrap.Lock) -> Folder:
    """The folder, open; Refused where the lock is not the one, Damaged where the file decayed."""
    found = read(root)
    try:
        with lock.unwrap(found.wrapped, context=found.context) as raw:
            key = MasterKey(raw.reveal())
    except Refused as error:
        raise Refused(f"{root}: {error}") from None
    return Folder(root, _fitting(key, found, root))


def recalled(root: Path, now: datetime) -> Folder | None:
    """The folder, open, where it is unlocked on this machine; else None."""
    found = read(root)
    try:
        key = unlocked.recall(found.folder, unlocked.place(), now)
    except Refused:  # nothing is in memory here, so it cannot be unlocked
        return None
    if key is None or not equal(key.sign, bytes.fromhex(found.sign)):
        return None
    return Folder(root, key)


def remember(folder: Folder, *, until: datetime | None = None) -> None:
    """Keep an open folder's key in memory, for the commands to come."""
    unlocked.remember(read(folder.root).folder, folder.master, unlocked.place(), until=until)


def forget(root: Path) -> bool:
    """Lock a folder again: its key leaves the memory of this machine; whether it was there."""
    return unlocked.forget(read(root).folder, unlocked.place())


def change(folder: Folder, lock: wrap.Lock) -> None:
    """Wrap an open folder's key by another passphrase or token.

    The file is replaced whole or not at all: a crash leaves the old lock or the new one.
    """
    found = read(folder.root)
    folder.put_lock(_locked(found.folder, _fitting(folder.master, found, folder.root), lock))


def read(root: Path) -> Lock:
    """A folder's lock; Refused where there is none, Damaged where it decayed."""
    folder = Folder(root)
    if not folder.lock_file.exists():
        raise Refused(
            f"{root}: there is no {LOCK}; name a folder that Jukinet made, or restore that file "
            "from a back-up: without it the folder's key is lost"
        )
    found = folder.lock(Lock)
    _ = found.way
    if (len(_bytes(found.folder)), len(_bytes(found.sign))) != (NAME_SIZE, SIGN_SIZE):
        raise Damaged(f"{folder.lock_file}: is not what Jukinet writes; restore it")
    return found


def draw_passphrase(chance: Chance = token_bytes) -> str:
    """Eight words with spaces between, 88 bits."""
    words = _words()
    return " ".join(words[below(len(words), chance)] for _ in range(WORDS))


@cache
def _words() -> tuple[str, ...]:
    from mnemonic import Mnemonic  # only where a passphrase is drawn

    return tuple(Mnemonic("english").wordlist)


def _locked(folder: str, key: MasterKey, lock: wrap.Lock) -> Lock:
    bare = Lock(folder=folder, sign=key.sign.hex(), wrapped=b"")
    with Secret(key.reveal()) as raw:
        wrapped = lock.wrap(raw, context=bare.context)
    return msgspec.structs.replace(bare, wrapped=wrapped)


def _bytes(text: str) -> bytes:
    """Bytes in lower-case hex, or none."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        return b""
    return found if found.hex() == text else b""


def _fitting(key: MasterKey, found: Lock, root: Path) -> MasterKey:
    if not equal(key.sign, bytes.fromhex(found.sign)):
        raise Damaged(f"{root / LOCK}: wraps another key than the folder's; restore it")
    return key
