"""Statement (本人への開示): who asked about me, read from the public log with my view key alone.

The view key holds a chain's seed (or a later state of it). From it come the labels under which each
disclosure about the person stands, one after the other, and the keys that open the sealed bodies.
The statement reads a plain copy of the log's files and trusts none of them; it needs no secret of
anybody else's.

By runs (`cover`): every label of the chain is found in the runs or in what was read leaf by leaf,
and the first one that is not found is proved to be in no run, by its two neighbours in each. Or
`whole`: every entry is read and the tree made anew, so an entry that was left out or put in
another's place shows, whoever's it is; then no run need be believed.

By runs, whoever serves the copy learns which files were asked for, and can guess whose entries they
are; whoever minds takes a copy of all files first, or reads the whole.

It lists every leaf that stands under the chain, to the size that the checkpoint says. That no
answer was given *without* a leaf rests on the agencies' clients, which refuse such an answer. What
is kept back until a day is on nobody's chain yet; `kept_back` says how many such entries there are.
"""

from datetime import date
from typing import NamedTuple, TypeGuard

from jukinet.client.cover import READ_MAX, Cover, Progress, Searched, quiet
from jukinet.client.entries import Entry, Key, Reading, Renewal, Sealed
from jukinet.client.mirror import Mirror
from jukinet.client.proved import ProvedLog
from jukinet.client.trust import bare
from jukinet.client.view_key import ViewKey, parse_view_key
from jukinet.errors import Refused
from jukinet.keys import ratchet
from jukinet.law.leaf import FreshNumberLeaf, ViewKeyLeaf
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.policy import Cosigned, Policy, Witnessed

__all__ = ["Entry", "Key", "Renewal", "Statement", "ViewKey", "parse_view_key", "statement"]


class Statement(NamedTuple):
    """Everything that stands under a chain, to a size of the log."""

    size: int
    root: bytes
    entries: tuple[Entry, ...]
    keys: tuple[Key, ...]  # who was given a view key of this chain
    renewals: tuple[Renewal, ...]  # when the sector numbers were made anew
    checkpoint: bytes  # the signed note
    cosigned: tuple[Cosigned, ...]  # by which witnesses, and when
    runs: tuple[Searched, ...]  # in which the next label is proved not to be
    read: tuple[tuple[int, int], ...]  # stretches that were read leaf by leaf, first and end
    kept_back: tuple[str, ...] | None  # days of unopened deferred entries; None: not all was read
    missing: tuple[str, ...]  # why it may lack something
    remarks: tuple[str, ...]  # what was found amiss, and lacks nothing

    @property
    def complete(self) -> bool:
        """Whether everything under the chain is in it, to its size."""
        return not self.missing

    def overdue(self, today: date) -> int | None:
        """How many entries that were kept back should have been opened by now; None: not known."""
        return None if self.kept_back is None else sum(on < str(today) for on in self.kept_back)


def statement(
    key: ViewKey,
    mirror: Mirror,
    policy: Policy | None = None,
    *,
    whole: bool = False,
    read_max: int = READ_MAX,
    progress: Progress = quiet,
) -> Statement:
    """All disclosures under a view key, each proved.

    `policy` says which witnesses are wanted (`trust`); without it, the log's signature counts.
    Raises Damaged where the mirror's files are not the log that the checkpoint signs, Refused where
    the checkpoint is not the log's or too few witnesses have cosigned it.
    """
    witnessed = _opened(key, mirror, policy or bare(key))
    log = ProvedLog(mirror, witnessed.checkpoint)
    cover = Cover(mirror, log, read_max=read_max, progress=progress)
    cover = cover.whole() if whole else cover.by_runs()
    reading = Reading(mirror, log, cover)
    found: list[Entry | Key | Renewal | None] = []
    state, place = bytes.fromhex(key.state), key.place
    while spots := cover.find(ratchet.label(state)):
        found += [reading.read(place, state, spot) for spot in spots]
        state, place = ratchet.next_state(state), place + 1
        progress("entries", len(found), None)
    searched = cover.searched(ratchet.label(state))
    return Statement(
        size=log.size,
        root=log.root,
        entries=tuple(one for one in found if isinstance(one, Entry)),
        keys=tuple(one for one in found if _is_key(one)),
        renewals=tuple(one for one in found if _is_renewal(one)),
        checkpoint=mirror.checkpoint,
        cosigned=witnessed.cosigned,
        runs=searched,
        read=cover.read,
        kept_back=cover.kept_back,
        missing=(*map(_unread, cover.unread), *cover.shut),
        remarks=(*cover.remarks, *reading.remarks),
    )


def _is_key(one: Entry | Key | Renewal | None) -> TypeGuard[Key]:
    return isinstance(one, Sealed) and isinstance(one.leaf, ViewKeyLeaf)


def _is_renewal(one: Entry | Key | Renewal | None) -> TypeGuard[Renewal]:
    return isinstance(one, Sealed) and isinstance(one.leaf, FreshNumberLeaf)


def _opened(key: ViewKey, mirror: Mirror, policy: Policy) -> Witnessed:
    witnessed = policy.open(mirror.checkpoint)
    if witnessed.log.key != VerifierKey.parse(key.log):
        raise Refused("checkpoint: it is another log's than the view key's; take that log's copy")
    return witnessed


def _unread(stretch: tuple[int, int]) -> str:
    first, end = stretch
    return (
        f"leaves {first} to {end - 1}: no run covers them, and they are too many to be read one by "
        "one; try another mirror, or read the whole log (--whole)"
    )
