"""Small files: the mark, the directory and the key rings, and whether they belong together.

Each must be byte for byte what Jukinet writes; every public key of the directory must be that of a
ring; what a town shares with the centre must be the same on both sides. A file that cannot be read
is noted, and what needs it is left unchecked.
"""

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from jukinet.errors import Damaged
from jukinet.law.schedule import load
from jukinet.law.tags import town_key
from jukinet.nodes.keyring import AgencyRing, CentreRing, Directory, KeeperRing, TownRing
from jukinet.tasks.folder import MARK, Checked, Folder, Mark
from jukinet.tasks.network import directory as directory_of
from jukinet.tasks.verifying.findings import UNREADABLE, Findings

T = TypeVar("T")

DIRECTORY = "public/directory.json"
ANOTHER = "is not what the key rings make it"
FOREIGN = "is no file of this network's"


class Held(NamedTuple):
    """What of the small files could be read."""

    towns: tuple[str, ...]
    agencies: tuple[str, ...]
    directory: Directory | None
    centre: CentreRing | None
    keeper: KeeperRing | None
    rings: dict[str, TownRing]

    @property
    def prefectures(self) -> list[str]:
        """The prefectures in which there are towns."""
        return sorted({town[:2] for town in self.towns})


def check_files(folder: Folder, findings: Findings) -> Held:
    """Read and compare the small files."""
    mark = _mark(folder, findings)
    directory = _read(folder, DIRECTORY, Directory, findings)
    towns, agencies = _who(folder, mark, directory)
    centre = _ring(folder, "centre", CentreRing, findings)
    keeper = _ring(folder, "keeper", KeeperRing, findings)
    rings = _rings(folder, "towns", towns, TownRing, findings)
    askers = _rings(folder, "agencies", agencies, AgencyRing, findings)
    if centre is not None:
        _check_shared(centre, rings, findings)
    whole = len(rings) == len(towns) and len(askers) == len(agencies)
    if directory and centre and keeper and whole:
        _check_directory(directory, centre, keeper, rings, askers, findings)
    _check_folders(folder, towns, agencies, findings)
    return Held(towns, agencies, directory, centre, keeper, rings)


def _mark(folder: Folder, findings: Findings) -> Mark | None:
    if not folder.exists:
        findings.note(MARK, "file", "is missing")
        return None
    try:
        mark = folder.mark()
    except Damaged:
        findings.note(MARK, "file", "does not fit its check, or is not what Jukinet wrote")
        return None
    _check_bytes(folder, MARK, mark, findings)
    findings.counts["files"] += 1
    return mark


def _who(
    folder: Folder, mark: Mark | None, directory: Directory | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which towns and agencies there are, from what can be read; from the files if need be."""
    if mark is not None:
        return mark.towns, mark.agencies
    if directory is not None:
        return tuple(directory.towns), tuple(directory.agencies)
    return _stems(folder.town("x").parent), _stems(folder.agency("x").parent)


def _stems(path: Path) -> tuple[str, ...]:
    return tuple(sorted(one.stem for one in path.glob("*.db")))


# --- each file ---------------------------------------------------------------------------------


def _read(folder: Folder, name: str, kind: type[T], findings: Findings) -> T | None:
    """The content of a small file with a check, byte for byte as it is written."""
    path = folder.root / name
    if not path.exists():
        findings.note(name, "file", "is missing")
        return None
    try:
        parts = Path(name).with_suffix("").parts
        reader = folder.public if parts[0] == "public" else folder.ring
        found: T = reader("/".join(parts[1:]), kind)
        body = msgspec.Raw(msgspec.json.encode(found))
        check = msgspec.json.decode(path.read_bytes(), type=Checked).check
    except UNREADABLE:
        findings.note(name, "file", "does not fit its check, or is not what Jukinet wrote")
        return None
    _check_bytes(folder, name, Checked(body=body, check=check), findings)
    findings.counts["files"] += 1
    return found


def _check_bytes(folder: Folder, name: str, value: Any, findings: Findings) -> None:
    if (folder.root / name).read_bytes() != msgspec.json.encode(value) + b"\n":
        findings.note(name, "file", "is not written as Jukinet writes it")


def _ring(folder: Folder, name: str, kind: type[T], findings: Findings) -> T | None:
    path = f"keys/{name}.json"
    ring = _read(folder, path, kind, findings)
    if ring is not None and stat.S_IMODE((folder.root / path).stat().st_mode) != 0o600:
        findings.note(path, "permissions", "may be read by others than its owner (want 0600)")
    return ring


def _rings(
    folder: Folder, group: str, names: Iterable[str], kind: type[T], findings: Findings
) -> dict[str, T]:
    read = {name: _ring(folder, f"{group}/{name}", kind, findings) for name in names}
    return {name: ring for name, ring in read.items() if ring is not None}


# --- do they belong together? --------------------------------------------------------------------


def _check_shared(centre: CentreRing, rings: dict[str, TownRing], findings: Findings) -> None:
    """What a town shares with the centre."""
    for town, ring in rings.items():
        tags = centre.tags.get(town[:2])
        shared = {
            "search tag key": tags is not None and ring.tags == town_key(tags, town),
            "code tag key": ring.codes == centre.codes,
            "reconciliation key": ring.reconcile == centre.reconcile.get(town),
        }
        for name, same in shared.items():
            if not same:
                findings.note(f"keys/towns/{town}.json", name, "is not the centre's")


def _check_directory(
    directory: Directory,
    centre: CentreRing,
    keeper: KeeperRing,
    towns: dict[str, TownRing],
    agencies: dict[str, AgencyRing],
    findings: Findings,
) -> None:
    """Every public key and name, made again from the rings."""
    made = directory_of(centre, keeper, towns, agencies, load())
    for field in ("origin", "log", "centre", "payload_seal"):
        if getattr(directory, field) != getattr(made, field):
            findings.note(DIRECTORY, field, ANOTHER)
    for field in ("sector_seals", "towns", "agencies"):
        there, here = getattr(directory, field), getattr(made, field)
        for name in sorted({*there, *here}):
            if there.get(name) != here.get(name):
                findings.note(DIRECTORY, f"{field} {name}", ANOTHER)


def _check_folders(
    folder: Folder, towns: Iterable[str], agencies: Iterable[str], findings: Findings
) -> None:
    """No file stands among a network's own that is not its own."""
    towns, agencies = list(towns), list(agencies)
    prefectures = {town[:2] for town in towns}
    own = {
        "towns": {f"{town}.db" for town in towns},
        "agencies": {f"{agency}.db" for agency in agencies},
        "keeper": {"keeper.db"},
        "centre": {*(f"{one}.db" for one in prefectures), "national.db", "chains.db", "log"},
        "public": {"directory.json"},
        "keys": {"centre.json", "keeper.json", "towns", "agencies"},
        "keys/towns": {f"{town}.json" for town in towns},
        "keys/agencies": {f"{agency}.json" for agency in agencies},
    }
    for name, wanted in own.items():
        path = folder.root / name
        for one in sorted(path.iterdir()) if path.is_dir() else ():
            if _plain(one.name) not in wanted:
                findings.note(f"{name}/{one.name}", "file", FOREIGN)
    keys = folder.root / "keys"
    if keys.is_dir() and stat.S_IMODE(keys.stat().st_mode) != 0o700:
        findings.note("keys", "permissions", "may be entered by others than its owner (want 0700)")


def _plain(name: str) -> str:
    """The file that a log, an index of a log or an unfinished new version belongs to."""
    for end in ("-wal", "-shm"):
        name = name.removesuffix(end)
    return name[:-4] + ".json" if name.endswith(".new") else name
