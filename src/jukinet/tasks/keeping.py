"""Keeping (保管者の置き場所): where one keeper stands on a machine, and with whom it works.

    public/keeper.json     its name and public keys
    public/directory.json  for which network it works; its own keepers and keys it knows better
    keys/keeper.json       the seeds of its keys, sealed under the folder's master key
    keys/trusted.json      the keepers that its operator told it to work with; sealed, so that
                           nobody without the key adds one
    papers/                its shares and what it knows of ceremonies, each paper sealed
    keeper.db              what has been spent (nodes.keeper); sealed
    log/                   its own log (nodes.keeper_log), plain
    lock.json              the master key, wrapped; not where the folder stands in a network's

One process works in the folder at a time (`store.lock`). The keys are written first and the public
file last: a folder without it is no keeper yet, and is made again.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from secrets import token_bytes
from typing import Final, NamedTuple

import msgspec

from jukinet.client.receipts import LogKey
from jukinet.errors import Malformed, Refused
from jukinet.keys.chance import Chance
from jukinet.keys.master import MasterKey
from jukinet.keys.seal import KEY_SIZE, NONCE_SIZE, OpenKey
from jukinet.keys.sign import SigningKey
from jukinet.keys.threshold import KeyShare
from jukinet.nodes import keeper
from jukinet.nodes.keeper import HeldShares, Keeper
from jukinet.nodes.keeper_log import KeeperLog
from jukinet.nodes.keyring import Directory, KeeperEntry, KeeperRing
from jukinet.nodes.office import EPOCH, NOBODY, Office, Sharing, Trusted, shares_in
from jukinet.nodes.seat import Seat
from jukinet.store.disk import ROOT, Disk, RealDisk, publish
from jukinet.store.engine import Store, open_store
from jukinet.store.lock import only_one
from jukinet.store.migrate import migrate
from jukinet.tasks.folder import Folder

NONCE: Final = 16
PAPERS: Final = "papers"
KEEPER, TRUSTED, DIRECTORY, ADDRESSES = "keeper", "trusted", "directory", "keepers"

_SCRIPTS = Path(keeper.__file__).parent / "migrations" / "keeper"
_OURS = {".lock", "lock.json", "keys", "public", PAPERS}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}")


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody may know of a keeper; its place it has among others."""

    name: str
    verify: bytes
    seal: bytes

    def line(self, url: str = "") -> str:
        """Its line in a file of keepers."""
        return f"keeper {self.name} {(self.verify + self.seal).hex()} {url}".rstrip()

    def entry(self, index: int) -> KeeperEntry:
        """Itself in a place."""
        return KeeperEntry(name=self.name, index=index, verify=self.verify, seal=self.seal)


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where a network's keepers are that stand elsewhere, by name."""

    urls: dict[str, str] = {}


class Keepers(NamedTuple):
    """Keepers that work together, and where each is; no address: in the network's own folder."""

    trusted: Trusted
    urls: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """In the order of their places."""
        return [one.name for one in self.trusted.keepers]


# --- a keeper's folder -----------------------------------------------------------------------


def create(folder: Folder, name: str, *, chance: Chance = token_bytes) -> Card:
    """Draw a keeper's keys and make its folder.

    Raises Malformed for a name that no keeper has, Refused for a folder that is in use.
    """
    refuse_unfit(folder.root, name)
    for part in ("public", "keys", PAPERS):
        (folder.root / part).mkdir(parents=True, exist_ok=True)
    os.chmod(folder.root / "keys", 0o700)
    ring = KeeperRing(signing=chance(KEY_SIZE), opening=chance(KEY_SIZE))
    verify, seal = public_halves(ring)
    made = Card(name=name, verify=verify, seal=seal)
    with only_one(folder.root):
        folder.put_ring(KEEPER, ring)
        folder.put_ring(TRUSTED, NOBODY)
        folder.put_public(KEEPER, made)
    return made


def refuse_unfit(root: Path, name: str) -> None:
    """Malformed for a name that no keeper has, Refused for a folder that is in use."""
    if not _NAME.fullmatch(name):
        raise Malformed("name: wants up to 64 letters, digits, points and dashes, as in keeper-1")
    if root.exists() and not root.is_dir():
        raise Refused(f"{root}: it is not a folder; name another")
    if stands(root):
        raise Refused(f"{root}: there is a keeper already; name another folder")
    if root.is_dir() and any(path.name not in _OURS for path in root.iterdir()):
        raise Refused(f"{root}: it holds something else; name an empty or new folder")


def stands(root: Path) -> bool:
    """Whether there is a keeper in a folder."""
    return (root / "public" / f"{KEEPER}.json").exists()


def card(root: Path) -> Card:
    """Who a folder's keeper is; Refused where there is none, Damaged where it decayed."""
    if not stands(root):
        raise Refused(
            f"{root}: there is no keeper in this folder; make one with "
            f"`jukinet keeper init {root} --name NAME`"
        )
    return Folder(root).public(KEEPER, Card)


def trust(folder: Folder, trusted: Trusted) -> None:
    """Work with these from now on, and with no others.

    Raises Refused where the keeper itself is not among them, with its own keys.
    """
    own = card(folder.root)
    if not any(one == own.entry(one.index) for one in trusted.keepers):
        raise Refused(
            f"{own.name}: is not among these keepers, or with other keys; its line is\n{own.line()}"
        )
    with only_one(folder.root):
        folder.put_ring(TRUSTED, trusted)


def trusted_by(folder: Folder) -> Trusted:
    """Whom a folder's keeper was told to work with."""
    return folder.ring(TRUSTED, Trusted)


def join(folder: Folder, directory: Directory) -> None:
    """Work for a network from now on: its agencies, its log and its witnesses."""
    own = card(folder.root)
    known = directory.keepers.get(own.name)
    if known is None or known != own.entry(known.index):
        raise Refused(f"{own.name}: is none of this network's keepers, or with other keys")
    with only_one(folder.root):
        folder.put_public(DIRECTORY, directory)


def joined(folder: Folder) -> str:
    """The name of the log of the network that a keeper works for; empty for none."""
    found = _directory(folder)
    return found.origin if found else ""


def forget(folder: Folder) -> int:
    """Give up the ceremonies that came to no end; how many there were."""
    with open_seat(folder) as seat:
        return seat.office.forget()


class SealedPapers:
    """A keeper's papers on a disk, each sealed under the folder's master key.

    A paper is published whole (store.disk): a crash leaves the old one or the new one.
    """

    def __init__(self, disk: Disk, master: MasterKey, chance: Chance = token_bytes) -> None:
        self._disk = disk
        self._master = master
        self._chance = chance
        if not disk.exists(PAPERS):
            disk.mkdir(PAPERS)
            disk.fsync_dir(ROOT)

    def get(self, name: str) -> bytes | None:
        """As nodes.office.Papers says."""
        path = f"{PAPERS}/{name}"
        if not self._disk.exists(path):
            return None
        return self._master.open(path, self._disk.read(path))

    def put(self, name: str, content: bytes) -> None:
        """As nodes.office.Papers says."""
        path = f"{PAPERS}/{name}"
        sealed = self._master.seal(path, content, nonce=self._chance(NONCE_SIZE))
        publish(self._disk, path, sealed)
        self._disk.fsync_dir(PAPERS)

    def remove(self, name: str) -> None:
        """As nodes.office.Papers says."""
        path = f"{PAPERS}/{name}"
        if self._disk.exists(path):
            self._disk.remove(path)
            self._disk.fsync_dir(PAPERS)

    def names(self) -> list[str]:
        """As nodes.office.Papers says."""
        return [name for name in self._disk.listdir(PAPERS) if not name.endswith(".new")]


@contextmanager
def open_seat(
    folder: Folder,
    *,
    directory: Directory | None = None,
    chance: Chance = token_bytes,
    looking: bool = False,
) -> Iterator[Seat]:
    """The keeper of a folder, until the end; who is only `looking` needs not be the only one.

    It works for the network of `directory`, or of the one that it was given.
    """
    own = card(folder.root)
    ring = folder.ring(KEEPER, KeeperRing)
    disk = RealDisk(folder.root)
    with ExitStack() as stack:
        stack.enter_context(nullcontext() if looking else only_one(folder.root))
        path = folder.root / "keeper.db"
        store = open_store(path, key=folder.store_key(path))
        stack.callback(store.close)
        migrate(store, _SCRIPTS)
        seats: list[Seat] = []

        def log() -> KeeperLog:
            daily = seats[0].keeper if seats else None
            return daily.log if daily else KeeperLog.open(disk)

        office = Office(
            own.name,
            SigningKey(ring.signing),
            own.seal,
            SealedPapers(disk, folder.master),
            trusted_by(folder),
            chance,
            lambda text, now: log().note(text, now),
        )
        network = directory or _directory(folder)
        seats.append(
            Seat(
                office,
                lambda office: _daily(office, store, disk, ring, network, chance),
                lambda: log().size,
            )
        )
        yield seats[0]


def _directory(folder: Folder) -> Directory | None:
    if not (folder.root / "public" / f"{DIRECTORY}.json").exists():
        return None
    return folder.public(DIRECTORY, Directory)


def _daily(
    office: Office,
    store: Store,
    disk: Disk,
    ring: KeeperRing,
    directory: Directory | None,
    chance: Chance,
) -> Keeper | None:
    """The keeper that works with the shares that count; none without shares, or for nobody."""
    held = office.held
    if held is None or not held.shares or directory is None:
        return None
    return Keeper(
        office.name,
        store,
        disk,
        HeldShares(office.shares()),
        ring,
        LogKey.parse(directory.policy),
        with_sharing(directory, held.sharing),
        chance,
    )


def with_sharing(directory: Directory, sharing: Sharing) -> Directory:
    """A directory as it is when a sharing counts."""
    return msgspec.structs.replace(
        directory,
        threshold=sharing.among.threshold,
        keepers={one.name: one for one in sharing.among.keepers},
        group_keys={key.name: key for key in sharing.keys},
    )


def sharing_of(directory: Directory) -> Sharing:
    """What a directory says of its keepers."""
    entries = sorted(directory.keepers.values(), key=lambda one: one.index)
    return Sharing(
        epoch=directory.epoch,
        among=Trusted(threshold=directory.threshold, keepers=tuple(entries)),
        keys=tuple(directory.group_keys.values()),
    )


def public_halves(ring: KeeperRing) -> tuple[bytes, bytes]:
    """What everybody may know of a keeper's keys: with which it signs, to which one seals."""
    return SigningKey(ring.signing).public_bytes, OpenKey(ring.opening).public.raw


def read_shares(folder: Folder) -> Mapping[str, KeyShare]:
    """The shares that count at a folder's keeper, for who verifies; none where it has none."""
    content = SealedPapers(RealDisk(folder.root), folder.master).get(EPOCH)
    return {} if content is None else shares_in(content)


# --- a file of keepers -----------------------------------------------------------------------


def read_keepers(file: Path) -> Keepers:
    """The keepers of a file; Malformed where it cannot be read, or is none."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Malformed(f"--keepers: {file} cannot be read; wants a file of keepers") from None
    return parse_keepers(text)


def parse_keepers(text: str) -> Keepers:
    """Keepers from their file: `threshold K`, and for each `keeper NAME KEY [URL]`, in order.

    Raises Malformed, which names the line.
    """
    threshold, entries, urls = 0, list[KeeperEntry](), dict[str, str]()
    for number, line in enumerate(text.splitlines(), start=1):
        match line.partition("#")[0].split():
            case []:
                pass
            case ["threshold", count] if count.isdecimal() and not threshold:
                threshold = int(count)
            case ["keeper", name, key, *url] if len(url) < 2 and _NAME.fullmatch(name):
                entries.append(_card(number, name, key).entry(len(entries) + 1))
                urls |= dict.fromkeys([name][: len(url)], "".join(url))
            case _:
                raise Malformed(
                    f"line {number}: wants `threshold K` once, or `keeper NAME KEY URL`"
                )
    names = {one.name for one in entries}
    if len(names) < len(entries) or len({one.verify for one in entries}) < len(entries):
        raise Malformed("keepers: each has a name and keys of its own")
    if not 1 <= threshold <= len(entries):
        raise Malformed(f"threshold: wants 1 to {len(entries)}, as many keepers as there are")
    return Keepers(Trusted(threshold=threshold, keepers=tuple(entries)), urls)


def _card(number: int, name: str, key: str) -> Card:
    try:
        raw = bytes.fromhex(key)
    except ValueError:
        raw = b""
    if len(raw) != 2 * KEY_SIZE:
        raise Malformed(
            f"line {number}: the key wants {4 * KEY_SIZE} hexadecimal digits, as "
            "`jukinet keeper show` prints them"
        )
    return Card(name=name, verify=raw[:KEY_SIZE], seal=raw[KEY_SIZE:])


def write_keepers(keepers: Keepers) -> str:
    """The file of some keepers."""
    lines = [f"threshold {keepers.trusted.threshold}"]
    for one in keepers.trusted.keepers:
        made = Card(name=one.name, verify=one.verify, seal=one.seal)
        lines.append(made.line(keepers.urls.get(one.name, "")))
    return "".join(f"{line}\n" for line in lines)
