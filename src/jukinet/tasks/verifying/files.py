"""Small files: the mark, the directory and the key rings, and whether they belong together.

The witnesses' own folders are among them, as far as they stand here and not elsewhere.

Each must be byte for byte what Jukinet writes; every public key of the directory and of its policy
must be that of a ring; what a town shares with the centre must be the same on both sides. A file
that cannot be read is noted, and what needs it is left unchecked.
"""

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from jukinet.errors import Damaged, Malformed
from jukinet.keys.threshold import KeyShare
from jukinet.law.schedule import load
from jukinet.law.tags import town_key
from jukinet.merkle import policy as policies
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.policy import Policy
from jukinet.nodes.keyring import (
    RELEASE,
    AgencyRing,
    CentreRing,
    Directory,
    KeeperRing,
    TagKeys,
    TownRing,
    read_tag_keys,
    release_context,
)
from jukinet.nodes.office import Trusted
from jukinet.nodes.witness import verifier_of
from jukinet.tasks import locking
from jukinet.tasks.folder import LOCK, MARK, Checked, Folder, Mark, Sealed
from jukinet.tasks.keeping import (
    ADDRESSES,
    KEEPER,
    TRUSTED,
    Addresses,
    public_halves,
    read_shares,
    sharing_of,
)
from jukinet.tasks.keeping import Card as KeeperCard
from jukinet.tasks.network import WITNESSES_WANTED
from jukinet.tasks.network import directory as directory_of
from jukinet.tasks.verifying.findings import UNREADABLE, Findings
from jukinet.tasks.verifying.quorum import Quorum
from jukinet.tasks.witnessing import KINDS, Card, WitnessRing

T = TypeVar("T")

DIRECTORY = "public/directory.json"
ANOTHER = "is not what the key rings make it"
FOREIGN = "is no file of this network's"
UNFIT = "does not fit its check, or is not what Jukinet wrote"


class Held(NamedTuple):
    """What of the small files could be read."""

    towns: tuple[str, ...]
    agencies: tuple[str, ...]
    directory: Directory | None
    centre: CentreRing | None
    quorum: Quorum | None  # of the keepers' shares, where as many stand here as must work together
    tags: dict[str, TagKeys]  # by prefecture, as the quorum opens them
    rings: dict[str, TownRing]
    policy: Policy | None
    witnesses: dict[str, Card]  # those that stand in this folder
    keepers: frozenset[str]  # the same

    @property
    def prefectures(self) -> list[str]:
        """The prefectures in which there are towns."""
        return sorted({town[:2] for town in self.towns})


def check_files(folder: Folder, findings: Findings) -> Held:
    """Read and compare the small files."""
    mark = _mark(folder, findings)
    _check_lock(folder, findings)
    directory = _read(folder, DIRECTORY, Directory, findings)
    towns, agencies = _who(folder, mark, directory)
    centre = _ring(folder, "centre", CentreRing, findings)
    names = tuple(directory.keepers) if directory else ()
    addresses = _read(folder, f"public/{ADDRESSES}.json", Addresses, findings)
    here = [name for name in names if addresses is None or name not in addresses.urls]
    findings.counts["keepers_elsewhere"] += len(names) - len(here)
    shares = _keepers(folder, directory, here, findings) if directory else {}
    rings = _rings(folder, "towns", towns, TownRing, findings)
    askers = _rings(folder, "agencies", agencies, AgencyRing, findings)
    quorum = _quorum(shares, directory)
    tags = _tags(centre, quorum, findings) if centre and quorum else {}
    if centre is not None:
        _check_shared(centre, tags, rings, findings)
    whole = len(rings) == len(towns) and len(askers) == len(agencies)
    if directory and centre and whole:
        made = directory_of(centre, sharing_of(directory), rings, askers, load())
        _check_directory(directory, made, findings)
    policy = _policy(directory, findings) if directory else None
    witnesses = _witnesses(folder, policy, directory, findings) if policy and directory else {}
    _check_folders(folder, towns, agencies, here, findings)
    here_all = frozenset(here)
    return Held(
        towns, agencies, directory, centre, quorum, tags, rings, policy, witnesses, here_all
    )


def _mark(folder: Folder, findings: Findings) -> Mark | None:
    if not folder.exists:
        findings.note(MARK, "file", "is missing")
        return None
    try:
        mark = folder.mark()
    except Damaged:
        findings.note(MARK, "file", UNFIT)
        return None
    _check_bytes(folder, MARK, mark, findings)
    findings.counts["files"] += 1
    return mark


def _check_lock(folder: Folder, findings: Findings) -> None:
    """The lock wraps this folder's key, as far as its sign says; the passphrase nobody asks."""
    if _missing(folder, LOCK, findings, ""):
        return
    try:
        lock = locking.read(folder.root)
        check = msgspec.json.decode(folder.lock_file.read_bytes(), type=Checked).check
    except UNREADABLE:
        findings.note(LOCK, "file", UNFIT)
        return
    body = msgspec.Raw(msgspec.json.encode(lock))
    _check_bytes(folder, LOCK, Checked(body=body, check=check), findings)
    if lock.sign != folder.master.sign.hex():
        findings.note(LOCK, "sign", "is of another key than the folder's")
    _check_owner(folder, LOCK, findings)
    findings.counts["files"] += 1


def _check_owner(folder: Folder, name: str, findings: Findings, within: str = "") -> None:
    if stat.S_IMODE((folder.root / name).stat().st_mode) != 0o600:
        findings.note(
            within + name, "permissions", "may be read by others than its owner (want 0600)"
        )


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


def _read(
    folder: Folder, name: str, kind: type[T], findings: Findings, within: str = ""
) -> T | None:
    """The content of a small file that everybody may read, byte for byte as it is written."""
    if _missing(folder, name, findings, within):
        return None
    try:
        found = folder.public(Path(name).stem, kind)
        body = msgspec.Raw(msgspec.json.encode(found))
        check = msgspec.json.decode((folder.root / name).read_bytes(), type=Checked).check
    except UNREADABLE:
        findings.note(within + name, "file", UNFIT)
        return None
    _check_bytes(folder, name, Checked(body=body, check=check), findings, within)
    findings.counts["files"] += 1
    return found


def _missing(folder: Folder, name: str, findings: Findings, within: str) -> bool:
    if (folder.root / name).exists():
        return False
    findings.note(within + name, "file", "is missing")
    return True


def _check_bytes(
    folder: Folder, name: str, value: Any, findings: Findings, within: str = ""
) -> None:
    if (folder.root / name).read_bytes() != msgspec.json.encode(value) + b"\n":
        findings.note(within + name, "file", "is not written as Jukinet writes it")


def _ring(
    folder: Folder, name: str, kind: type[T], findings: Findings, within: str = ""
) -> T | None:
    """A node's secrets: the sealed file, and what is in it, byte for byte as they are written."""
    path = f"keys/{name}.json"
    if _missing(folder, path, findings, within):
        return None
    try:
        text = folder.ring_text(name)
        ring = folder.ring(name, kind)
        file = msgspec.json.decode((folder.root / path).read_bytes(), type=Sealed)
    except UNREADABLE:
        findings.note(within + path, "file", f"{UNFIT}, or another key sealed it")
        return None
    _check_bytes(folder, path, file, findings, within)
    if text != msgspec.json.encode(ring):
        findings.note(within + path, "file", "is not written as Jukinet writes it")
    _check_owner(folder, path, findings, within)
    findings.counts["files"] += 1
    return ring


def _rings(
    folder: Folder, group: str, names: Iterable[str], kind: type[T], findings: Findings
) -> dict[str, T]:
    read = {name: _ring(folder, f"{group}/{name}", kind, findings) for name in names}
    return {name: ring for name, ring in read.items() if ring is not None}


# --- keepers -----------------------------------------------------------------------------------


def _keepers(
    folder: Folder, directory: Directory, names: Iterable[str], findings: Findings
) -> dict[str, dict[str, KeyShare]]:
    """The shares of the keepers that stand here; their cards and keys are the directory's."""
    found = {}
    for name in names:
        own, within = folder.within(folder.keeper_name(name)), f"{folder.keeper_name(name)}/"
        card = _read(own, "public/keeper.json", KeeperCard, findings, within)
        ring = _ring(own, KEEPER, KeeperRing, findings, within)
        trusted = _ring(own, TRUSTED, Trusted, findings, within)
        _check_private(own.root / "keys", f"{within}keys", findings)
        entry = directory.keepers[name]
        if card is not None and card.entry(entry.index) != entry:
            findings.note(f"{within}public/keeper.json", "keys", ANOTHER)
        if (
            card is not None
            and ring is not None
            and public_halves(ring) != (card.verify, card.seal)
        ):
            findings.note(f"{within}keys/keeper.json", "keys", "are not those of the card")
        if trusted is not None and trusted != sharing_of(directory).among:
            findings.note(f"{within}keys/trusted.json", "keepers", "are not the directory's")
        try:
            found[name] = dict(read_shares(own))
        except UNREADABLE:
            findings.note(f"{within}papers/epoch", "shares", "are none")
            continue
        _check_shares(found[name], name, directory, findings)
    return found


def _quorum(shares: dict[str, dict[str, KeyShare]], directory: Directory | None) -> Quorum | None:
    if directory is None or len(shares) < directory.threshold:
        return None
    held = list(shares.values())[: directory.threshold]
    return Quorum(held) if all(one.keys() == held[0].keys() for one in held) else None


def _check_shares(
    held: dict[str, KeyShare], name: str, directory: Directory, findings: Findings
) -> None:
    """A share of every key of the directory, in the keeper's place, each behind its element."""
    place = f"keepers/{name}/papers/epoch"
    for key in sorted(directory.group_keys.keys() ^ held.keys()):
        findings.note(place, key, ANOTHER)
    for key, share in held.items():
        if share.public != directory.group_keys.get(key, share.public):
            findings.note(place, key, "is not the directory's")
        elif share.index != directory.keepers[name].index:
            findings.note(place, key, "is of another keeper's place")


# --- witnesses ---------------------------------------------------------------------------------


def _policy(directory: Directory, findings: Findings) -> Policy | None:
    """The policy of the directory; it must know the directory's log."""
    try:
        policy, key = policies.parse(directory.policy), VerifierKey.parse(directory.log)
    except Malformed:
        findings.note(DIRECTORY, "policy", "is none, or the log's key is none")
        return None
    if [one.key for one in policy.logs] != [key]:
        findings.note(DIRECTORY, "policy", "is of another log")
    return policy


def _witnesses(
    folder: Folder, policy: Policy, directory: Directory, findings: Findings
) -> dict[str, Card]:
    """The witnesses of a policy that stand in this folder; others stand elsewhere."""
    found: dict[str, Card] = {}
    names = list(dict.fromkeys(one.name for one in policy.witnesses))
    here = [name for name in names if folder.witness(name).is_dir()]
    findings.counts["witnesses_elsewhere"] += len(names) - len(here)
    for name in here:
        own, within = folder.within(folder.witness_name(name)), f"witnesses/{name}/"
        card = _read(own, "public/witness.json", Card, findings, within)
        ring = _ring(own, "witness", WitnessRing, findings, within)
        _check_private(own.root / "keys", f"{within}keys", findings)
        if card is not None:
            found[name] = card
            if directory.log not in card.logs:
                findings.note(f"{within}public/witness.json", "logs", "does not know this log")
        if card is not None and ring is not None:
            wanted = [one.key for one in policy.witnesses if one.name == name]
            if _keys(card, ring) != wanted:
                findings.note(
                    f"{within}keys/witness.json", "keys", "are not those that the policy names"
                )
    if len(here) == len(names):
        _check_policy(policy, findings)
    return found


def _keys(card: Card, ring: WitnessRing) -> list[VerifierKey]:
    try:
        return [verifier_of(card.name, KINDS[kind](seed)) for kind, seed in ring.seeds.items()]
    except UNREADABLE:
        return []


def _check_policy(policy: Policy, findings: Findings) -> None:
    """Of witnesses that all stand here, as many are wanted as when the network was made."""
    wanted = WITNESSES_WANTED if policy.witnesses else 0
    (log,) = policy.logs[:1] or (None,)
    if log is None or policy != policies.m_of_n(log.key, policy.witnesses, wanted):
        findings.note(DIRECTORY, "policy", "wants other witnesses than the network was made with")


# --- do they belong together? --------------------------------------------------------------------


def _tags(centre: CentreRing, quorum: Quorum, findings: Findings) -> dict[str, TagKeys]:
    """The keys of the tags, which rest sealed to the keepers."""
    found = {}
    for prefecture, sealed in centre.released.items():
        try:
            context = release_context(prefecture)
            found[prefecture] = read_tag_keys(quorum.open(RELEASE, sealed, context=context))
        except UNREADABLE:
            findings.note("keys/centre.json", f"tags of {prefecture}", "do not open")
    return found


def _check_shared(
    centre: CentreRing,
    keys: dict[str, TagKeys],
    rings: dict[str, TownRing],
    findings: Findings,
) -> None:
    """What a town shares with the centre."""
    for town, ring in rings.items():
        tags = keys.get(town[:2])
        shared = {
            "search tag key": not keys or (tags and ring.tags == town_key(tags.tags, town)),
            "code tag key": ring.codes == centre.codes,
            "reconciliation key": ring.reconcile == centre.reconcile.get(town),
        }
        for name, same in shared.items():
            if not same:
                findings.note(f"keys/towns/{town}.json", name, "is not the centre's")


def _check_directory(directory: Directory, made: Directory, findings: Findings) -> None:
    """Every public key and name, made again from the rings."""
    for field in ("origin", "log", "centre", "threshold"):
        if getattr(directory, field) != getattr(made, field):
            findings.note(DIRECTORY, field, ANOTHER)
    for field in ("keepers", "group_keys", "towns", "agencies"):
        there, here = getattr(directory, field), getattr(made, field)
        for name in sorted({*there, *here}):
            if there.get(name) != here.get(name):
                findings.note(DIRECTORY, f"{field} {name}", ANOTHER)


def _check_folders(
    folder: Folder,
    towns: Iterable[str],
    agencies: Iterable[str],
    keepers: Iterable[str],
    findings: Findings,
) -> None:
    """No file stands among a network's own that is not its own."""
    towns, agencies, keepers = list(towns), list(agencies), list(keepers)
    prefectures = {town[:2] for town in towns}
    own = {
        "towns": {f"{town}.db" for town in towns},
        "agencies": {f"{agency}.db" for agency in agencies},
        "keepers": set(keepers),
        **{
            f"keepers/{name}": {"keeper.db", "log", "public", "keys", "papers", ".lock"}
            for name in keepers
        },
        **{f"keepers/{name}/public": {"keeper.json", "directory.json"} for name in keepers},
        **{f"keepers/{name}/keys": {"keeper.json", "trusted.json"} for name in keepers},
        "centre": {*(f"{one}.db" for one in prefectures), "national.db", "chains.db", "log"},
        "public": {"directory.json", "keepers.json"},
        "keys": {"centre.json", "towns", "agencies"},
        "keys/towns": {f"{town}.json" for town in towns},
        "keys/agencies": {f"{agency}.json" for agency in agencies},
    }
    for name in _names(folder.witness("x").parent):
        own[f"witnesses/{name}"] = {"public", "keys", "witness.db", ".lock"}
        own[f"witnesses/{name}/public"] = own[f"witnesses/{name}/keys"] = {"witness.json"}
    for name, wanted in own.items():
        path = folder.root / name
        for one in sorted(path.iterdir()) if path.is_dir() else ():
            if _plain(one.name) not in wanted:
                findings.note(f"{name}/{one.name}", "file", FOREIGN)
    _check_private(folder.root / "keys", "keys", findings)


def _check_private(keys: Path, place: str, findings: Findings) -> None:
    if keys.is_dir() and stat.S_IMODE(keys.stat().st_mode) != 0o700:
        findings.note(place, "permissions", "may be entered by others than its owner (want 0700)")


def _names(path: Path) -> list[str]:
    return sorted(one.name for one in path.iterdir()) if path.is_dir() else []


def _plain(name: str) -> str:
    """The file that a log, an index of a log or an unfinished new version belongs to."""
    for end in ("-wal", "-shm"):
        name = name.removesuffix(end)
    return name[:-4] + ".json" if name.endswith(".new") else name
