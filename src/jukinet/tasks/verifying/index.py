"""Index: everything that a prefecture holds is explained by a notice that it has applied.

Each notice has one state, one wrapped key, four tags and a share in the residence of its town and
in the person's row; nothing else stands there but the decoy. The payloads were opened where the
towns told them (notices); here the index's copies are compared with those.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from jukinet.keys.seal import OpenKey
from jukinet.law.tags import TAGS, stored
from jukinet.nodes.centre import inspection
from jukinet.nodes.centre.inspection import DECOY, Person, Residence, State
from jukinet.nodes.sealing import context_of, open_payload
from jukinet.tasks.verifying.findings import UNREADABLE, listed, short
from jukinet.tasks.verifying.notices import Told, mark
from jukinet.tasks.verifying.stores import Shelf

UNEXPLAINED = "is explained by no notice that was applied"
MISSING = "is missing: a notice that was applied explains it"


class Nobody(NamedTuple):
    """What a prefecture holds of its decoy."""

    states: list[State]
    wrapped: list[bytes]
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
    heard: Mapping[str, str],
    *,
    index_key: bytes | None,
    keeper: OpenKey | None,
) -> tuple[list[Person], bool]:
    """Compare a prefecture's index with the notices that it has applied, in each feed's order.

    `heard` says when each town was heard last. Returns the rows of people, for what spans
    prefectures, and whether the decoy stands.
    """
    nobody = Nobody([], [], [], [], [])
    _check_states(shelf, prefecture, applied, heard, nobody)
    _check_wrapped(shelf, applied, nobody)
    _check_residences(shelf, applied, nobody)
    _check_tags(shelf, applied, index_key, nobody)
    people = _check_people(shelf, applied, nobody)
    if nobody.stands or heard:
        _check_nobody(shelf, prefecture, nobody, keeper)
    return people, nobody.stands


def _check_states(
    shelf: Shelf,
    prefecture: str,
    applied: Sequence[Told],
    heard: Mapping[str, str],
    nobody: Nobody,
) -> None:
    wanted = {(one.locator, one.version, one.town): one for one in applied}
    times: dict[str, list[tuple[int, datetime]]] = {}
    for row in inspection.states(shelf.rows):
        shelf.findings.counts["states"] += 1
        if row.locator == DECOY:
            nobody.states.append(row)
            continue
        about = _state(row.locator, row.version, row.town)
        one = wanted.pop((row.locator, row.version, row.town), None)
        if one is None or row.prefecture != prefecture:
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
            received = datetime.fromisoformat(row.received_at)
            times.setdefault(row.town, []).append((row.number, received))
    _note_missing(shelf, (_state(*key) for key in wanted))
    for town, received_at in times.items():
        _check_times(shelf, town, sorted(received_at), heard.get(town, ""))


def _check_times(shelf: Shelf, town: str, times: list[tuple[int, datetime]], heard: str) -> None:
    """Notices arrive in the order of their numbers, none after the town was heard last."""
    with shelf.findings.reading(shelf.place, f"states of {town}", "their times do not compare"):
        last = datetime.fromisoformat(heard)
        for (_, before), (number, received) in zip(times, [*times[1:], (0, last)], strict=True):
            if before > received:
                after = f"state of item {number}" if number else "last state"
                shelf.note(f"{after} of {town}", "did not arrive in order")


def _check_wrapped(shelf: Shelf, applied: Iterable[Told], nobody: Nobody) -> None:
    wanted = {(one.locator, one.version, one.town): one for one in applied}
    for row in inspection.wrapped_keys(shelf.rows):
        if row.locator == DECOY:
            nobody.wrapped.append(row.wrapped)
            continue
        key = (row.locator, row.version, row.town)
        one = wanted.pop(key, None)
        if one is None:
            shelf.note(f"wrapped key of {_state(*key)}", UNEXPLAINED)
        elif mark(row.wrapped) != one.wrapped:
            shelf.note(f"wrapped key of {_state(*key)}", "is not that of its notice")
    _note_missing(shelf, (f"wrapped key of {_state(*key)}" for key in wanted))


def _check_residences(shelf: Shelf, applied: Iterable[Told], nobody: Nobody) -> None:
    wanted = {(one.town, one.locator): one for one in applied}  # the last one counts
    for row in inspection.residences(shelf.rows):
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
    shelf: Shelf, applied: Iterable[Told], index_key: bytes | None, nobody: Nobody
) -> None:
    wanted: set[tuple[bytes, bytes]] = set()
    if index_key is not None:
        wanted = {(stored(index_key, tag), one.locator) for one in applied for tag in one.tags}
    for row in inspection.tags(shelf.rows):
        shelf.findings.counts["tags"] += 1
        if row.locator == DECOY:
            nobody.tags.append(row.tag)
        elif index_key is not None and (row.tag, row.locator) not in wanted:
            shelf.note(f"tag {short(row.tag)}", UNEXPLAINED)
        wanted.discard((row.tag, row.locator))
    _note_missing(shelf, (f"tag {short(tag)}" for tag, _ in wanted))


def _check_people(shelf: Shelf, applied: Iterable[Told], nobody: Nobody) -> list[Person]:
    """Each person's row points to the highest version told here, or to where a newer one is."""
    newest: dict[bytes, tuple[int, set[str]]] = {}
    for one in applied:
        version, towns = newest.get(one.locator, (-1, set()))
        if one.version >= version:
            others = towns if one.version == version else set()
            newest[one.locator] = one.version, {*others, one.town}
    people = []
    for row in inspection.people(shelf.rows):
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


def _check_nobody(shelf: Shelf, prefecture: str, nobody: Nobody, keeper: OpenKey | None) -> None:
    """The decoy, which no town has told of: one of each, four tags, sealed like anybody."""
    town = f"{prefecture}0000"
    states = [(one.version, one.town, one.live, one.number) for one in nobody.states]
    residences = [one[1:] for one in nobody.residences]
    people = [one[2:] for one in nobody.people]
    if (
        states != [(0, town, 1, 0)]
        or residences != [(town, DECOY, 0, 1, 0, bytes(32))]
        or people != [(0, town, "")]
        or len(nobody.wrapped) != 1
        or len(nobody.tags) != TAGS
        or nobody.states[0].digest != bytes(32)
    ):
        shelf.note("decoy", "is not whole, or not as it was placed")
        return
    if keeper is None:
        return
    context = context_of(town, DECOY, 0)
    try:
        datetime.fromisoformat(nobody.states[0].received_at)
        key = keeper.open(nobody.wrapped[0], context=context)
        notice = open_payload(key, nobody.states[0].payload, context)
        same = notice.pack() == inspection.nobody(prefecture, notice.root).pack()
    except UNREADABLE:
        same = False
    if not same:
        shelf.note("decoy", "does not open to what a decoy holds")


def _note_missing(shelf: Shelf, names: Iterator[str]) -> None:
    for name in names:
        shelf.note(name, MISSING)


def _state(locator: bytes, version: int, town: str) -> str:
    return f"state {short(locator)} version {version} of {town}"


def _residence(town: str, locator: bytes) -> str:
    return f"residence of {short(locator)} in {town}"
