"""Witnessing (立会人の置き場所): where one witness stands on a machine, and whom it cosigns for.

    public/witness.json    its name, and the keys of the logs that it knows
    keys/witness.json      the seeds of its keys, sealed under the folder's master key
    witness.db             the last checkpoint of each log, and evidence; sealed too
    lock.json              the master key, wrapped; not where the folder stands in a network's

One process works in the folder at a time (`store.lock`); others may look. The keys are written
first and the public file last: a folder without it is no witness yet, and is made again.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from secrets import token_bytes

import msgspec

from jukinet.errors import Malformed, Refused
from jukinet.keys.chance import Chance
from jukinet.keys.sign import SEED_SIZE, LatticeKey, SigningKey
from jukinet.law.personal import Personal
from jukinet.merkle import policy
from jukinet.merkle.note import ED25519, Signer, VerifierKey, refuse_name
from jukinet.nodes import witness
from jukinet.nodes.witness import Evidence, Inspector, Witness
from jukinet.store.engine import open_store
from jukinet.store.lock import only_one
from jukinet.store.migrate import migrate
from jukinet.tasks.folder import Folder

KINDS: dict[str, type[SigningKey] | type[LatticeKey]] = {
    "ed25519": SigningKey,
    "ml-dsa-44": LatticeKey,
}
BOTH = "both"
NAME_SIZE_MAX = 255

_SCRIPTS = Path(witness.__file__).parent / "migrations" / "witness"
_OURS = {".lock", "lock.json", "keys", "public"}
_NAME = "witness"


class WitnessRing(Personal, frozen=True, kw_only=True):
    """A witness's secrets: by kind, the seed of its key."""

    seeds: dict[str, bytes]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody may know of a witness."""

    name: str
    logs: tuple[str, ...] = ()  # verifier keys


def create(
    folder: Folder, name: str, kind: str = BOTH, *, chance: Chance = token_bytes
) -> list[str]:
    """Draw a witness's keys and make its folder; returns the public keys (vkeys).

    Raises Malformed for a name or kind that no key has, Refused for a folder that is in use.
    """
    refuse_unfit(folder.root, name, kind)
    root = folder.root
    for part in ("public", "keys"):
        (root / part).mkdir(parents=True, exist_ok=True)
    os.chmod(root / "keys", 0o700)
    kinds = list(KINDS) if kind == BOTH else [kind]
    ring = WitnessRing(seeds={one: chance(SEED_SIZE) for one in kinds})
    with only_one(root):
        folder.put_ring(_NAME, ring)
        folder.put_public(_NAME, Card(name=name))
    return [str(witness.verifier_of(name, key)) for key in _signers(ring)]


def refuse_unfit(root: Path, name: str, kind: str) -> None:
    """Malformed for a name or kind that no key has, Refused for a folder that is in use."""
    refuse_name(name)
    if len(name.encode()) > NAME_SIZE_MAX:
        raise Malformed(f"name: at most {NAME_SIZE_MAX} bytes; a domain and a path are usual")
    if kind not in (*KINDS, BOTH):
        raise Malformed(f"kind: wants {', '.join(KINDS)} or {BOTH}")
    _refuse_used(root)


def stands(root: Path) -> bool:
    """Whether there is a witness in a folder."""
    return (root / "public" / f"{_NAME}.json").exists()


def card(root: Path) -> Card:
    """What a folder's witness is; Refused where there is none, Damaged where it decayed."""
    if not stands(root):
        raise Refused(
            f"{root}: there is no witness in this folder; make one with "
            "`jukinet witness init --dir FOLDER --name NAME`"
        )
    return Folder(root).public(_NAME, Card)


def trust(root: Path, *logs: VerifierKey) -> list[VerifierKey]:
    """Cosign for these logs from now on, too; returns those that are new.

    Raises Malformed for a key that is no log's.
    """
    for log in logs:
        if log.kind != ED25519:
            raise Malformed(f"log: the key of {log.name} is a witness's; wants a log's (0x01)")
    found = card(root)
    new = [log for log in dict.fromkeys(logs) if str(log) not in found.logs]
    with only_one(root):
        all_logs = found.logs + tuple(map(str, new))
        Folder(root).put_public(_NAME, msgspec.structs.replace(found, logs=all_logs))
    return new


def logs_of(words: str) -> list[VerifierKey]:
    """The logs that somebody named: a verifier key, or a policy file. Raises Malformed."""
    if not Path(words).is_file():
        try:
            return [VerifierKey.parse(words)]
        except Malformed as error:
            raise Malformed(f"{error}; and there is no policy file of that name") from None
    found = policy.parse(Path(words).read_bytes()).logs
    if not found:
        raise Malformed(f"{words}: the policy names no log; add a line 'log <vkey>'")
    return [log.key for log in found]


@contextmanager
def open_witness(
    folder: Folder, *, inspect: Inspector | None = None, looking: bool = False
) -> Iterator[Witness]:
    """The witness of a folder, until the end; who is only `looking` needs not be the only one."""
    found = card(folder.root)
    ring = folder.ring(_NAME, WitnessRing)
    logs = [VerifierKey.parse(vkey) for vkey in found.logs]
    path = folder.root / "witness.db"
    with nullcontext() if looking else only_one(folder.root):
        store = open_store(path, key=folder.store_key(path))
        try:
            migrate(store, _SCRIPTS)
            yield Witness(found.name, store, _signers(ring), logs, inspect)
        finally:
            store.close()


def write_evidence(evidence: list[Evidence], out: Path) -> list[Path]:
    """Write the notes of some evidence, each a file of its own; returns the files."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for row in evidence:
        origin = re.sub(r"[^A-Za-z0-9.-]", "_", row.origin)[:80]
        for name, content in (
            ("kept.note", row.kept),
            ("offered.note", row.offered),
            ("question.txt", row.question),
        ):
            if content:
                path = out / f"{origin}-{row.number}-{row.why}-{name}"
                path.write_bytes(content)
                written.append(path)
    return written


def _signers(ring: WitnessRing) -> list[Signer]:
    return [KINDS[kind](seed) for kind, seed in ring.seeds.items()]


def _refuse_used(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise Refused(f"{root}: it is not a folder; name another with --dir")
    if (root / "public" / f"{_NAME}.json").exists():
        raise Refused(f"{root}: there is a witness already; name another folder with --dir")
    if root.is_dir() and any(path.name not in _OURS for path in root.iterdir()):
        raise Refused(f"{root}: it holds something else; name an empty or new folder with --dir")
