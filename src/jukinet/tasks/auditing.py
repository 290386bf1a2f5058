"""Auditing (監査の実施): a log followed round by round, with what is known kept in a folder.

    state.json             the last round: checkpoint, counts, and leaves that wait for others
    labels-<size>-<n>      labels of the log, sorted, 16 bytes each; a few files, small ones merged
    fresh-<size>           records of the labels since the last closed day
    evidence/<size>-<rule>/   what proves a lie: the checkpoints, the leaf, the file

Labels and records are made safe first; `state.json` names them and is renamed last, so that an
audit that is cut short goes on from the round before. A round with a lie is not kept: the
next audit finds it again.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np
from msgspec.structs import asdict

from jukinet.client.audit import Auditor, Kept, State
from jukinet.client.labels import DTYPE
from jukinet.client.lies import Lie
from jukinet.errors import Damaged, Malformed, OutOfStep, Refused
from jukinet.law.standing import day_of
from jukinet.merkle import policy as policies
from jukinet.merkle.checkpoint import Checkpoint
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.policy import NONE, Policy, Witnessed, m_of_n
from jukinet.merkle.runs import Read
from jukinet.store.disk import ROOT, RealDisk, publish
from jukinet.store.lock import only_one

STATE: Final = "state.json"
EVIDENCE: Final = "evidence"
PREFIX: Final = "jukinet_audit"

Progress = Callable[[int, int], None]


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """What a round came to; of a round with a lie, what the one before it came to."""

    size: int
    root: str
    new_leaves: int
    leaves: dict[str, int]
    labels: int
    days_closed: int
    leaves_since_closed: int
    inquiries_open: int
    orphans: int
    objections_open: int
    objections_overdue: int
    deferred_open: int
    deferred_overdue: int
    age_seconds: float | None  # of the last cosignature, or of the newest leaf
    cosigned: dict[str, int]  # by witness: the second of its cosignature; 0 where there is none
    lie: str | None = None
    evidence: str | None = None


class Watched(NamedTuple):
    """A log that is audited: its files, who must sign, where the state is kept."""

    read: Read
    policy: Policy
    state: Path
    orphans_allowed: int = 0


def policy_of(text: str) -> Policy:
    """The policy of a file that exists, or one that wants a log's key alone."""
    path = Path(text)
    if path.is_file():
        return policies.parse(path.read_bytes())
    try:
        return m_of_n(VerifierKey.parse(text), (), 0)
    except Malformed:
        raise Malformed("--policy: wants a policy file, or a log's verifier key") from None


def audit(
    watched: Watched, now: datetime, *, progress: Progress = lambda done, of: None
) -> Audited:
    """One round, kept when it has found no lie; the result names the lie, if there is one.

    Raises OutOfStep where the copy is behind or cannot be read, or witnesses have still to sign.
    """
    watched.state.mkdir(parents=True, exist_ok=True)
    with only_one(watched.state):
        disk = RealDisk(watched.state)
        before = _load(disk, watched.state)
        gate = _Gate(watched.policy)
        auditor = Auditor(watched.read, gate, now=now, state=before)
        size = before.kept.size if before else 0
        try:
            auditor.follow(orphans_allowed=watched.orphans_allowed, progress=progress)
        except Lie as lie:
            return _lied(watched, gate, now, before, lie)
        if before is None or auditor.note.decode() != before.kept.checkpoint:
            _save(disk, auditor.state)
        return _audited(auditor, gate, now, new=auditor.state.kept.size - size)


class _Gate:
    """Opens checkpoints, and remembers which witnesses have signed the last."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.cosigned = {witness.name: 0 for witness in policy.witnesses}

    def __call__(self, note: bytes) -> Checkpoint:
        """As Opener says: OutOfStep where only witnesses are missing."""
        try:
            return self._seen(self._policy.open(note))
        except Refused as error:
            alone = Policy(NONE, self._policy.logs, self._policy.witnesses)
            self._seen(alone.open(note))
            raise OutOfStep(str(error)) from None

    def _seen(self, found: Witnessed) -> Checkpoint:
        self.cosigned.update({one.name: one.time_seconds for one in found.cosigned})
        return found.checkpoint


def metrics(found: Audited) -> str:
    """What a round came to, as Prometheus reads it from a file."""
    plain = {
        "size": ("Leaves of the log that have been audited.", found.size),
        "labels": ("Labels that stand in them.", found.labels),
        "leaves_since_closed": ("Leaves since the last closed day.", found.leaves_since_closed),
        "inquiries_open": ("Inquiries without an answer yet.", found.inquiries_open),
        "orphans": ("Inquiries without an answer in their time.", found.orphans),
        "objections_open": ("Objections without an answer yet.", found.objections_open),
        "objections_overdue": ("Objections without an answer.", found.objections_overdue),
        "deferred_open": ("Entries kept back.", found.deferred_open),
        "deferred_overdue": ("Entries kept back beyond their day.", found.deferred_overdue),
        "lies": ("1 where the last round has found a lie.", int(found.lie is not None)),
    }
    if found.age_seconds is not None:
        plain["age_seconds"] = ("Since the last cosignature or leaf.", round(found.age_seconds))
    lines = [
        line for name, (says, value) in plain.items() for line in _metric(name, says, {"": value})
    ]
    by_type = {f'{{type="{name}"}}': count for name, count in sorted(found.leaves.items())}
    lines += _metric("leaves", "Leaves by type.", by_type)
    by_witness = {f'{{witness="{_escaped(name)}"}}': at for name, at in found.cosigned.items()}
    lines += _metric("cosigned_seconds", "When a witness signed; 0 where it has not.", by_witness)
    return "".join(f"{line}\n" for line in lines)


def _metric(name: str, says: str, values: dict[str, int]) -> list[str]:
    full = f"{PREFIX}_{name}"
    return [
        f"# HELP {full} {says}",
        f"# TYPE {full} gauge",
        *(f"{full}{labels} {value}" for labels, value in values.items()),
    ]


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"")


def _audited(auditor: Auditor, gate: _Gate, now: datetime, *, new: int = 0) -> Audited:
    rules, kept = auditor.rules, auditor.state.kept
    last = max(gate.cosigned.values(), default=0)
    newest = datetime.fromtimestamp(last, UTC) if last else rules.newest if kept.leaves else None
    return Audited(
        size=kept.size,
        root=kept.root,
        new_leaves=new,
        leaves=dict(rules.counts),
        labels=len(rules.labels),
        days_closed=sum(one.leaf.span == "day" for one in rules.days.closed),
        leaves_since_closed=kept.size - rules.days.end,
        inquiries_open=len(rules.inquiries),
        orphans=len(rules.orphans(now)),
        objections_open=len(rules.objections),
        objections_overdue=len(rules.overdue_objections(day_of(now))),
        deferred_open=len(rules.deferred),
        deferred_overdue=len(rules.overdue_deferred(day_of(now))),
        age_seconds=(now - newest).total_seconds() if newest else None,
        cosigned=gate.cosigned,
    )


def _lied(watched: Watched, gate: _Gate, now: datetime, before: State | None, lie: Lie) -> Audited:
    """What the round before came to, with the lie, whose evidence is put away."""
    size = before.kept.size if before else 0
    folder = watched.state / EVIDENCE / f"{size}-{lie.rule}"
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in {**lie.files, "lie.txt": f"{lie}\n".encode()}.items():
        (folder / path.replace("/", "_")).write_bytes(content)
    auditor = Auditor(watched.read, gate, now=now, state=before)
    found = _audited(auditor, gate, now)
    return msgspec.structs.replace(found, lie=str(lie), evidence=str(folder))


# --- the folder -------------------------------------------------------------------------------


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What `state.json` says."""

    kept: Kept
    fresh: str
    labels: tuple[str, ...]


def _save(disk: RealDisk, state: State) -> None:
    """Write what is new, then the file that names all of it; then take away what has no name."""
    size = state.kept.size
    fresh = f"fresh-{size}"
    publish(disk, fresh, state.fresh)
    names = []
    for number, part in enumerate(state.labels):
        if isinstance(part, np.memmap):
            names.append(Path(str(part.filename)).name)
        else:
            names.append(f"labels-{size}-{number}")
            publish(disk, names[-1], part.tobytes())
    disk.fsync_dir(ROOT)
    written = Written(kept=state.kept, fresh=fresh, labels=tuple(names))
    publish(disk, STATE, msgspec.json.encode(written))
    disk.fsync_dir(ROOT)
    for name in disk.listdir(ROOT):
        if name.startswith(("labels-", "fresh-")) and name not in (*names, fresh):
            disk.remove(name)


def _load(disk: RealDisk, folder: Path) -> State | None:
    if not disk.exists(STATE):
        return None
    try:
        written = msgspec.json.decode(disk.read(STATE), type=Written)
        fresh = disk.read(written.fresh)
        labels = [np.memmap(folder / name, DTYPE, "r") for name in written.labels]
    except (msgspec.MsgspecError, OSError, ValueError):
        raise Damaged(
            f"{folder / STATE}: is not what an audit has kept; take the folder away and begin anew"
        ) from None
    return State(written.kept, fresh, tuple(labels))


def as_dict(found: Audited) -> dict[str, object]:
    """For JSON."""
    return asdict(found)
