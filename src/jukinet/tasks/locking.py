"""Locking (施錠): how a folder's master key rests, and how a folder is opened and closed.

`lock.json` in the folder holds the master key, wrapped under a passphrase (Argon2id); a name for
the folder that goes with its copies; and a sign by which to know the right key. Whoever has lost
the passphrase, or this file, has lost the folder: keep the file with the back-ups, and the
passphrase apart from them.

A passphrase is drawn, not thought up: eight words of BIP-39's English list of 2048, 88 bits.
A changed passphrase wraps the same master key anew. Somebody who has kept an old copy of
`lock.json` and knows the old passphrase still opens the folder with them.

Source: RFC 9106 (Argon2id; the second recommended choice: 64 MiB, 3 passes, 4 lanes); BIP-39.
"""

import unicodedata
from datetime import datetime
from functools import cache
from pathlib import Path
from secrets import token_bytes
from typing import Final

import msgspec
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from jukinet.errors import Damaged, Malformed, Refused
from jukinet.keys.chance import Chance, below, drawn
from jukinet.keys.master import MasterKey
from jukinet.keys.seal import KEY_SIZE, NONCE_SIZE, equal, lock, unlock
from jukinet.store.lock import only_one
from jukinet.tasks import unlocked
from jukinet.tasks.folder import LOCK, Folder

WORDS: Final = 8
PASSPHRASE_SIZE_MIN = 12
SALT_SIZE: Final = 16
NAME_SIZE: Final = 16

MEMORY_KIB_MAX: Final = 4 * 1024 * 1024
PASSES_MAX: Final = 100
LANES_MAX: Final = 64


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a guess at a passphrase costs: memory (KiB), passes over it, and lanes."""

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 4


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """What `lock.json` says."""

    folder: str  # names the folder and its copies, 16 random bytes in hex
    sign: str  # of the master key, in hex
    cost: Cost
    salt: bytes
    nonce: bytes
    wrapped: bytes


def begin(
    folder: Folder, passphrase: str, *, cost: Cost | None = None, chance: Chance = token_bytes
) -> Folder:
    """Draw a master key for a new folder and write its lock; the folder, open.

    Raises Refused where something of ours is there already, or being made by somebody else.
    """
    key = MasterKey.draw(chance)
    found = _lock(drawn(NAME_SIZE, chance).hex(), key, passphrase, cost or Cost(), chance)
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


def open_with(root: Path, passphrase: str) -> Folder:
    """The folder, open; Refused where the passphrase is another, Damaged where the lock decayed."""
    found = read(root)
    words = _normal(passphrase)
    try:
        raw = unlock(_stretched(words, found), found.wrapped, nonce=found.nonce, context=_of(found))
    except Damaged:
        raise Refused(f"{root}: this is not its passphrase") from None
    return Folder(root, _fitting(MasterKey(raw), found, root))


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


def change(
    folder: Folder, passphrase: str, *, cost: Cost | None = None, chance: Chance = token_bytes
) -> None:
    """Wrap an open folder's key under another passphrase.

    The lock is replaced whole or not at all: a crash leaves the old passphrase or the new one.
    """
    found = read(folder.root)
    key = _fitting(folder.master, found, folder.root)
    folder.put_lock(_lock(found.folder, key, passphrase, cost or Cost(), chance))


def read(root: Path) -> Lock:
    """A folder's lock; Refused where there is none, Damaged where it decayed."""
    folder = Folder(root)
    if not folder.lock_file.exists():
        raise Refused(
            f"{root}: there is no {LOCK}; name a folder that Jukinet made, or restore that file "
            "from a back-up: without it the folder's key is lost"
        )
    found = folder.lock(Lock)
    refuse_unfit(found)
    return found


def refuse_unfit(found: Lock) -> None:
    """Damaged for a lock that none of ours can be; a cost is not believed without bounds."""
    cost = found.cost
    fits = (
        1 <= cost.passes <= PASSES_MAX
        and 1 <= cost.lanes <= LANES_MAX
        and 8 * cost.lanes <= cost.memory_kib <= MEMORY_KIB_MAX
        and len(found.salt) == SALT_SIZE
        and len(found.nonce) == NONCE_SIZE
        and all(c in "0123456789abcdef" for c in found.folder + found.sign)
        and len(found.folder) == len(found.sign) == 2 * NAME_SIZE
    )
    if not fits:
        raise Damaged(f"{LOCK}: is not what Jukinet writes; restore it from a back-up")


def draw_passphrase(chance: Chance = token_bytes) -> str:
    """Eight words with spaces between, 88 bits."""
    words = _words()
    return " ".join(words[below(len(words), chance)] for _ in range(WORDS))


@cache
def _words() -> tuple[str, ...]:
    from mnemonic import Mnemonic  # only where a passphrase is drawn

    return tuple(Mnemonic("english").wordlist)


def _normal(passphrase: str) -> str:
    """A passphrase as it is stretched: NFKC, one space between words; Malformed for a short one."""
    words = " ".join(unicodedata.normalize("NFKC", passphrase).split())
    if len(words) < PASSPHRASE_SIZE_MIN:
        raise Malformed(f"passphrase: wants {PASSPHRASE_SIZE_MIN} characters or more")
    return words


def _lock(folder: str, key: MasterKey, passphrase: str, cost: Cost, chance: Chance) -> Lock:
    bare = Lock(
        folder=folder,
        sign=key.sign.hex(),
        cost=cost,
        salt=drawn(SALT_SIZE, chance),
        nonce=drawn(NONCE_SIZE, chance),
        wrapped=b"",
    )
    stretched = _stretched(_normal(passphrase), bare)
    wrapped = lock(stretched, key.reveal(), nonce=bare.nonce, context=_of(bare))
    return msgspec.structs.replace(bare, wrapped=wrapped)


def _stretched(words: str, found: Lock) -> bytes:
    cost = found.cost
    return Argon2id(
        salt=found.salt,
        length=KEY_SIZE,
        iterations=cost.passes,
        lanes=cost.lanes,
        memory_cost=cost.memory_kib,
    ).derive(words.encode())


def _of(found: Lock) -> bytes:
    return f"jukinet lock {found.folder} {found.sign}".encode()


def _fitting(key: MasterKey, found: Lock, root: Path) -> MasterKey:
    if not equal(key.sign, bytes.fromhex(found.sign)):
        raise Damaged(f"{root / LOCK}: wraps another key than the folder's; restore it")
    return key
