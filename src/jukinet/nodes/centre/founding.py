"""Founding (掲載): rows and keys stand in the log before they count.

When the centre comes up it compares what is written in the schedules and in the directory with what
the log has, and has the difference written: new, changed and ended rows, and keys that are new. So
nothing can come into force quietly, and the log's own first leaves say by whose keys it began.

It also has a refusal written for what a crash left without an answer.
"""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Literal, NamedTuple

import msgspec

from jukinet.law.leaf import GrantLeaf, KeyLeaf, Leaf, RefusalLeaf, leaf_time
from jukinet.law.schedule import Schedule
from jukinet.law.standing import same_row
from jukinet.ledger.noted import Noted
from jukinet.ledger.writer import Draft, Written
from jukinet.nodes.keyring import Directory

Office = Literal["agency", "keepers", "witnesses"]


class _Key(NamedTuple):
    office: Office
    name: str
    content: bytes


def founding(
    noted: Noted, schedule: Schedule, directory: Directory, now: datetime
) -> tuple[Draft, ...]:
    """The leaves that the log lacks."""
    leaves: list[Leaf] = [*_rows(noted, schedule, now), *_new_keys(noted, directory, now)]
    return tuple(Draft(leaf) for leaf in leaves)


def cut_off(noted: Noted, now: datetime) -> tuple[Draft, ...]:
    """A refusal for every inquiry that the last crash left without an answer.

    Its asker was given nothing and asks again. What it had asked is not known any more, so the
    leaf commits to nothing.
    """
    return tuple(
        Draft(
            RefusalLeaf(
                time=leaf_time(now),
                agency=leaf.agency,
                row=leaf.row,
                kind=leaf.kind,
                rule="cut-off",
                commitment="",
                inquiry=index,
            ),
            Written(b""),
        )
        for index, leaf in sorted(noted.inquiries.items())
    )


def _rows(noted: Noted, schedule: Schedule, now: datetime) -> Iterator[GrantLeaf]:
    for grant in schedule.grants.values():
        announced = noted.rows.announced(schedule, grant, now)
        newest = noted.rows.newest(grant.id)
        if newest is None or not same_row(announced, newest):
            yield announced
    for row in noted.rows.standing(now):
        if row not in schedule.grants:
            yield noted.rows.ended(row, now)


def _new_keys(noted: Noted, directory: Directory, now: datetime) -> Iterator[KeyLeaf]:
    for key in _keys(directory):
        digest = sha256(key.content).hexdigest()
        if noted.keys.get((key.office, key.name)) != digest:
            yield KeyLeaf(time=leaf_time(now), office=key.office, name=key.name, digest=digest)


def _keys(directory: Directory) -> Iterator[_Key]:
    for entry in directory.agencies.values():
        yield _Key("agency", entry.id, entry.verify + entry.enrol)
    yield _Key("keepers", "1", keepers_content(directory))
    yield _Key("witnesses", "1", directory.policy.encode())


def keepers_content(directory: Directory) -> bytes:
    """The keepers as they work together, in bytes: who they are, how many must, and their keys."""
    keepers = sorted(directory.keepers.values(), key=lambda one: one.index)
    keys = sorted(directory.group_keys.values(), key=lambda one: one.name)
    return _encode((directory.threshold, keepers, keys))


_encode = msgspec.msgpack.Encoder(order="deterministic").encode
