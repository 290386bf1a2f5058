"""What spans prefectures: whereabouts, codes in use, allotments, and letters handed on.

All of it follows from what the towns told. What a crash between two of the centre's writes has left
ahead of a feed is explained by the items that are under way, and is no finding.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from jukinet.nodes.centre import inspection
from jukinet.nodes.centre.inspection import Person
from jukinet.nodes.keyring import CentreRing
from jukinet.nodes.pools import GRANT_MAX
from jukinet.nodes.relay import HANDED
from jukinet.tasks.verifying.arrivals import Incoming
from jukinet.tasks.verifying.findings import Findings, short
from jukinet.tasks.verifying.notices import Told
from jukinet.tasks.verifying.numbers import Pair
from jukinet.tasks.verifying.stores import Shelf
from jukinet.tasks.verifying.towns import Spoken


class Version(NamedTuple):
    """A state of a person as some town told it."""

    number: int
    prefecture: str
    applied: bool


ToldOf = Mapping[bytes, Sequence[Version]]


def versions(told: Iterable[Told], applied: Mapping[str, int]) -> dict[bytes, list[Version]]:
    """Every state of every person that any town told, by locator."""
    found: dict[bytes, list[Version]] = {}
    for one in told:
        version = Version(one.version, one.town[:2], one.number <= applied.get(one.town, 0))
        found.setdefault(one.locator, []).append(version)
    return found


def check_generations(
    shelf: Shelf, told: ToldOf
) -> tuple[dict[tuple[bytes, str], int], dict[bytes, bytes]]:
    """Who has other numbers than at first, and who is one with whom: people whom a town told of."""
    generations: dict[tuple[bytes, str], int] = {}
    for row in inspection.generations(shelf.rows):
        generations[row.locator, row.sector] = row.generation
        if row.locator not in told or row.generation < 1:
            shelf.note(f"generation of {short(row.locator)}", "is of nobody whom a town told of")
    merged: dict[bytes, bytes] = {}
    for one in inspection.merged(shelf.rows):
        merged[one.locator] = one.kept
        if one.locator not in told or one.kept not in told:
            shelf.note(f"merger of {short(one.locator)}", "is of nobody whom a town told of")
    return generations, merged


def check_whereabouts(shelf: Shelf, told: ToldOf) -> dict[bytes, tuple[int, str]]:
    """The newest state of each locator; what is under way may have been noted already."""
    where: dict[bytes, tuple[int, str]] = {}
    for row in inspection.whereabouts(shelf.rows):
        shelf.findings.counts["whereabouts"] += 1
        where[row.locator] = row.version, row.prefecture
        known = told.get(row.locator, ())
        newest = max((one.number for one in known if one.applied), default=-1)
        explained = any((one.number, one.prefecture) == row[1:] for one in known)
        if not explained or row.version < newest:
            shelf.note(f"whereabouts of {short(row.locator)}", "are not those of the newest state")
    for locator, known in told.items():
        if locator not in where and any(one.applied for one in known):
            shelf.note(f"whereabouts of {short(locator)}", "are missing")
    return where


def check_gone(
    findings: Findings,
    place: str,
    prefecture: str,
    people: Iterable[Person],
    told: ToldOf,
    where: Mapping[bytes, tuple[int, str]],
) -> None:
    """The people of a prefecture who have a newer state elsewhere point there."""
    for row in people:
        known = told.get(row.locator, ())
        about = f"person {short(row.locator)}"
        if row.gone_to:
            told_there = (row.version, row.gone_to) in {(v.number, v.prefecture) for v in known}
            if not told_there or row.gone_to == prefecture:
                findings.note(place, about, "points to where no town has told of it")
            continue
        version, newest = where.get(row.locator, (-1, prefecture))
        elsewhere = newest != prefecture and version > row.version
        if elsewhere and Version(version, newest, True) in known:
            findings.note(place, about, "does not point to its newer state elsewhere")


def check_codes_in_use(shelf: Shelf, told: Iterable[Told], applied: Mapping[str, int]) -> None:
    """Every code that was told of is in use by whoever it was told of, and by nobody else."""
    bearers: dict[bytes, set[bytes]] = {}
    due: set[bytes] = set()
    for one in told:
        bearers.setdefault(one.code_tag, set()).add(one.locator)
        if one.number <= applied.get(one.town, 0):
            due.add(one.code_tag)
    for row in inspection.codes_in_use(shelf.rows):
        shelf.findings.counts["codes_in_use"] += 1
        due.discard(row.tag)
        if row.locator not in bearers.get(row.tag, ()):
            shelf.note(f"code in use {short(row.tag)}", "is told by no town of that person")
    for tag in due:
        shelf.note(f"code in use {short(tag)}", "is missing: a town told of it")
    for tag, locators in bearers.items():
        if len(locators) > 1:
            shelf.note(f"code in use {short(tag)}", "is told of two people")


def check_allotments(
    shelf: Shelf, pools: Mapping[str, Sequence[Sequence[Pair]]], ring: CentreRing
) -> None:
    """No code was given out twice, each with its own number, and the counter is not behind."""
    rows = {row.name: row.next for row in inspection.allotments(shelf.rows)}
    if set(rows) - {"codes"}:
        shelf.note("allotment", "there are others than that of the codes")
    pairs = [(town, pair) for town, own in pools.items() for pool in own for pair in pool]
    codes = [code for _, (code, _) in pairs]
    made = dict(inspection.individual_numbers(codes, ring.numbers))
    seen: set[int] = set()
    last = -1
    places = inspection.positions(codes, ring.pool)
    for (town, (code, number)), position in zip(pairs, places, strict=True):
        if position in seen:
            shelf.note(f"code {position} of all", f"was given out twice, once to {town}")
        if made[code] != number:
            shelf.note(f"code {position} of all", "was given out with another individual number")
        seen.add(position)
        last = max(last, position)
    if rows.get("codes", 0) <= last:
        shelf.note("allotment codes", "is behind what has been given out")


# --- the relay -----------------------------------------------------------------------------------


def read_handed(shelf: Shelf) -> set[tuple[str, int]]:
    """Which items have been handed on into a prefecture's feeds: (feed, number)."""
    return {(row.stream, row.number) for row in shelf.rows(HANDED)}


def check_relay(
    findings: Findings,
    spoken: Mapping[str, Spoken],
    applied: Mapping[str, int],
    handed: Mapping[str, set[tuple[str, int]]],
    incoming: Mapping[str, Incoming],
) -> None:
    """Every letter and every pool went where it was to go, once; nothing else went anywhere."""
    wanted: dict[str, set[tuple[str, int]]] = {prefecture: set() for prefecture in handed}
    gone: Counter[tuple[str, str]] = Counter()
    for town, said in spoken.items():
        to = {one.number: one.receiver for one in said.letters.values()}
        for number, receiver in (to | dict.fromkeys(said.requests, town)).items():
            key = (said.stream, number)
            wanted.setdefault(receiver[:2], set()).add(key)
            done = key in handed.get(receiver[:2], set())
            gone[town, receiver] += done and number in to
            if number <= applied.get(town, 0) and not done:
                about = f"item {number} of {said.stream}"
                findings.note(f"centre/{receiver[:2]}.db", about, "was not handed on")
    for prefecture, rows in handed.items():
        for stream, number in sorted(rows - wanted[prefecture]):
            about = f"item {number} of {stream}"
            findings.note(f"centre/{prefecture}.db", about, "is handed on, and is not to be")
    for town, came in incoming.items():
        here = handed.get(town[:2], set())
        arrived = _check_letters(findings, town, came, spoken, here)
        _check_pools(findings, town, came, spoken[town], here)
        for sender in spoken:
            if gone[sender, town] != arrived[sender]:
                about = f"letters of {sender} to {town}"
                findings.note(f"centre/{town[:2]}.db", about, "are not as many as were handed on")


def _check_letters(
    findings: Findings,
    town: str,
    came: Incoming,
    spoken: Mapping[str, Spoken],
    handed: set[tuple[str, int]],
) -> Counter[str]:
    """The letters in a town's feed are those that were posted to it, each sender's in order."""
    place = f"centre/{town[:2]}.db"
    last: dict[str, int] = {}
    count: Counter[str] = Counter()
    for number, sender, sealed in came.marks():
        count[sender] += 1
        about = f"item {number} of {came.stream}"
        said = spoken.get(sender)
        posted = said.letters.get(sealed) if said else None
        if said is None or posted is None or posted.receiver != town:
            findings.note(place, about, "is a letter that no town posted")
            continue
        if posted.number <= last.get(sender, 0) or (said.stream, posted.number) not in handed:
            findings.note(place, about, "is a letter that was handed on twice, or out of order")
        last[sender] = posted.number
    return count


def _check_pools(
    findings: Findings, town: str, came: Incoming, said: Spoken, handed: set[tuple[str, int]]
) -> None:
    """As many codes as were asked for, and as often."""
    asked = [
        count for number, count in sorted(said.requests.items()) if (said.stream, number) in handed
    ]
    given = [len(pairs) for _, pairs in came.pools]
    if given != [max(1, min(count, GRANT_MAX)) for count in asked]:
        about = f"pools of {town}"
        findings.note(f"centre/{town[:2]}.db", about, "are not those that the town asked for")
