"""Index: everything that a prefecture holds is explained by a notice that it has applied.

Each notice has one state, one wrapped key, four tags and a share in the residence of its town and
in the person's row; nothing else stands there but the decoy. The payloads were opened where the
towns told them (notices); here the index's copies are compared with those.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from jukinet.law.tags import TAGS, stored
from jukinet.nodes.centre import inspection
from jukinet.nodes.centre.inspection import DECOY, Person, Residence, State, Tag, WrappedKey
from jukinet.nodes.keyring import INDEX
from jukinet.nodes.sealing import context_of, open_payload
from jukinet.tasks.verifying.findings import UNREADABLE, listed, short
from jukinet.tasks.verifying.notices import Told, mark
from jukinet.tasks.verifying.quorum import Quorum
from jukinet.tasks.verifying.stores import Shelf

R = TypeVar("R", State, WrappedKey, Residence, Person, Tag)

UNEXPLAINED = "is explained by no notice that was applied"
MISSING = "is missing: a notice that was applied explains it"


class Nobody(NamedTuple):
    """What a prefecture holds of its decoy."""

    states: list[State]
    wrapped: list[WrappedKey]
    residences: list[Residence]
    people: list[Person]
    tags: list[bytes]

    @property
    def stands(self) -> bool:
        """Whether anything of it is there."""
        return any(self)


def check_index(
    shelf: Shelf,
    prefecture: str,
    applied: Sequence[Told],
    *,
    begun: bool,
    index_key: bytes | None,
    quorum: Quorum | None,
) -> tuple[list[Person], bool]:
    """Compare a prefecture's index with the notices that it has applied, in each feed's order.

    `begun` says that some feed was applied, so that the decoy must stand. Returns the rows of
    people, for what spans prefectures, and whether the decoy stands.
    """
    nobody = Nobody([], [], [], [], [])
    _check_states(shelf, prefecture, applied, nobody)
    _check_wrapped(shelf, prefecture, applied, nobody)
    _check_residences(shelf, prefecture, applied, nobody)
    _check_tags(shelf, prefecture, applied, index_key, nobody)
    people = _check_people(shelf, prefecture, applied, nobody)
    if nobody.stands or begun:
        _check_nobody(shelf, prefecture, nobody, quorum)
    return people, nobody.stands


def _check_states(shelf: Shelf, prefecture: str, applied: Sequence[Told], nobody: Nobody) -> None:
    wanted = {(one.locator, one.version, one.town): one for one in applied}
    for row in _here(shelf, inspection.states(shelf.rows), prefecture):
        shelf.findings.counts["states"] += 1
        if row.locator == DECOY:
            nobody.states.append(row)
            continue
        about = _state(row.locator, row.version, row.town)
        one = wanted.pop((row.locator, row.version, row.town), None)
        if one is None:
            shelf.note(about, UNEXPLAINED)
            continue
        same = {
            "live": row.live == one.live,
            "number": row.number == one.number,
            "digest": row.digest == one.digest,
            "payload": mark(row.payload) == one.payload,
        }
        wrong = [name for name, is_same in same.items() if not is_same]
        if wrong:
            shelf.note(about, f"has another {listed(wrong)} than its notice")
        with shelf.findings.reading(shelf.place, about, "its time cannot be read"):
            datetime.fromisoformat(row.received_at)
    _note_missing(shelf, (_state(*key) for key in wanted))


def _check_wrapped(shelf: Shelf, prefecture: str, applied: Iterable[Told], nobody: Nobody) -> None:
    wanted = {(one.locator, one.version, one.town): one for one in applied}
    for row in _here(shelf, inspection.wrapped_keys(shelf.rows), prefecture):
        if row.locator == DECOY:
            nobody.wrapped.append(row)
            continue
        key = (row.locator, row.version, row.town)
        one = wanted.pop(key, None)
        if one is None:
            shelf.note(f"wrapped key of {_state(*key)}", UNEXPLAINED)
        elif mark(row.wrapped) != one.wrapped:
            shelf.note(f"wrapped key of {_state(*key)}", "is not that of its notice")
    _note_missing(shelf, (f"wrapped key of {_state(*key)}" for key in wanted))


def _check_residences(
    shelf: Shelf, prefecture: str, applied: Iterable[Told], nobody: Nobody
) -> None:
    wanted = {(one.town, one.locator): one for one in applied}  # the last one counts
    for row in _here(shelf, inspection.residences(shelf.rows), prefecture):
        if row.locator == DECOY:
            nobody.residences.append(row)
            continue
        about = _residence(row.town, row.locator)
        one = wanted.pop((row.town, row.locator), None)
        if one is None:
            shelf.note(about, UNEXPLAINED)
        elif row[3:] != (one.version, one.live, one.number, one.digest):
            shelf.note(about, "is not what its town told last")
    _note_missing(shelf, (_residence(*key) for key in wanted))


def _check_tags(
    shelf: Shelf,
    prefecture: str,
    applied: Iterable[Told],
    index_key: bytes | None,
    nobody: Nobody,
) -> None:
    wanted: set[tuple[bytes, bytes]] = set()
    if index_key is not None:
        wanted = {(stored(index_key, tag), one.locator) for one in applied for tag in one.tags}
    for row in _here(shelf, inspection.tags(shelf.rows), prefecture):
        shelf.findings.counts["tags"] += 1
        if row.locator == DECOY:
            nobody.tags.append(row.tag)
        elif index_key is not None and (row.tag, row.locator) not in wanted:
            shelf.note(f"tag {short(row.tag)}", UNEXPLAINED)
        wanted.discard((row.tag, row.locator))
    _note_missing(shelf, (f"tag {short(tag)}" for tag, _ in wanted))


def _check_people(
    shelf: Shelf, prefecture: str, applied: Iterable[Told], nobody: Nobody
) -> list[Person]:
    """Each person's row points to the highest version told here, or to where a newer one is."""
    newest: dict[bytes, tuple[int, set[str]]] = {}
    for one in applied:
        version, towns = newest.get(one.locator, (-1, set()))
        if one.version >= version:
            others = towns if one.version == version else set()
            newest[one.locator] = one.version, {*others, one.town}
    people = []
    for row in _here(shelf, inspection.people(shelf.rows), prefecture):
        shelf.findings.counts["people"] += 1
        if row.locator == DECOY:
            nobody.people.append(row)
            continue
        about = f"person {short(row.locator)}"
        known = newest.pop(row.locator, None)
        if known is None:
            shelf.note(about, UNEXPLAINED)
            continue
        version, towns = known
        here = not row.gone_to and row.version == version and row.town in towns
        gone = bool(row.gone_to) and row.version >= version and row.town == ""
        if not here and not gone:
            shelf.note(about, "does not point to the newest state")
        people.append(row)
    _note_missing(shelf, (f"person {short(locator)}" for locator in newest))
    return people


def _check_nobody(shelf: Shelf, prefecture: str, nobody: Nobody, quorum: Quorum | None) -> None:
    """The decoy, which no town has told of: one of each, four tags, sealed like anybody."""
    town = f"{prefecture}0000"
    states = [(one.version, one.town, one.live, one.number) for one in nobody.states]
    residences = [one[1:] for one in nobody.residences]
    people = [one[2:] for one in nobody.people]
    if (
        states != [(0, town, 1, 0)]
        or residences != [(town, DECOY, 0, 1, 0, bytes(32))]
        or people != [(0, town, "")]
        or [one[1:4] for one in nobody.wrapped] != [(DECOY, 0, town)]
        or len(nobody.tags) != TAGS
        or nobody.states[0].digest != bytes(32)
    ):
        shelf.note("decoy", "is not whole, or not as it was placed")
        return
    if quorum is None:
        return
    context = context_of(town, DECOY, 0)
    try:
        datetime.fromisoformat(nobody.states[0].received_at)
        key = quorum.open(INDEX, nobody.wrapped[0].wrapped, context=context)
        notice = open_payload(key, nobody.states[0].payload, context)
        same = notice.pack() == inspection.nobody(prefecture, notice.root).pack()
    except UNREADABLE:
        same = False
    if not same:
        shelf.note("decoy", "does not open to what a decoy holds")


def _here(shelf: Shelf, rows: Iterable[R], prefecture: str) -> Iterator[R]:
    """The rows of this prefecture; there are to be no others."""
    for row in rows:
        if row.prefecture == prefecture:
            yield row
        else:
            shelf.note(f"{type(row).__name__} {short(row.locator)}", "is of another prefecture")


def _note_missing(shelf: Shelf, names: Iterator[str]) -> None:
    for name in names:
        shelf.note(name, MISSING)


def _state(locator: bytes, version: int, town: str) -> str:
    return f"state {short(locator)} version {version} of {town}"


def _residence(town: str, locator: bytes) -> str:
    return f"residence of {short(locator)} in {town}"
