"""Searching (検索): whom an inquiry may mean, still sealed; the same reading for everybody.

Each function here reads the same number of rows by the same statements whether somebody is found,
nobody is, or the one who is found is hidden: where there is nobody, the prefecture's decoy is read
in the place of a person.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec.msgpack import encode
from msgspec.structs import replace

from jukinet.disclosure.door import Candidate
from jukinet.errors import OutOfStep, Refused
from jukinet.feed import inbox
from jukinet.feed.link import stream_name
from jukinet.index import people, search
from jukinet.index.people import Sealed
from jukinet.keys.seal import mac
from jukinet.law.inquiry import ByHandle, BySearch
from jukinet.nodes.centre.decoy import DECOY
from jukinet.nodes.centre.releasing import Releasing
from jukinet.nodes.centre.shelves import Shelves
from jukinet.nodes.keyring import CentreRing
from jukinet.nodes.message import CENTRE
from jukinet.nodes.sealing import context_of
from jukinet.numbers.municipality_code import wards_of
from jukinet.store.engine import Transaction

CANDIDATES_MAX = 32  # for each of them a leaf is written


class Searching:
    """The index, as the door may read it."""

    def __init__(self, shelves: Shelves, ring: CentreRing, releasing: Releasing) -> None:
        self._shelves = shelves
        self._ring = ring
        self._releasing = releasing

    def by_search(self, subject: BySearch) -> tuple[tuple[Candidate, ...], datetime | None]:
        """Who has this name and birth date at a place, and since when it is known."""
        prefecture = subject.place.prefecture
        self._refuse_unconnected(prefecture)
        wards = [ward.code.digits for ward in wards_of(subject.place)]
        towns = wards or [subject.place.digits]
        keys = self._releasing.of(prefecture)
        with self._shelves.of(prefecture).begin() as tx:
            locators = search.locators(
                tx,
                subject,
                prefecture_key=keys.tags,
                index_key=keys.index,
                towns=towns,
            )
            if len(locators) > CANDIDATES_MAX:
                raise Refused(
                    f"name: more than {CANDIDATES_MAX} people have this name, birth date and "
                    "place; ask by handle",
                    rule="more-than-one",
                )
            found = tuple(candidate(tx, prefecture, one) for one in locators or [DECOY])
            return found, _heard(tx, towns)

    def by_locator(self, prefecture: str, locator: bytes) -> Candidate:
        """Whom a handle means; whoever is not there any more is a decoy like any other."""
        self._refuse_unconnected(prefecture)
        with self._shelves.of(prefecture).begin() as tx:
            found = candidate(tx, prefecture, locator)
            return replace(found, heard_at=_heard(tx, [found.town]))

    def decoy(self, prefecture: str) -> Candidate:
        """Nobody."""
        return self.by_locator(prefecture, DECOY)

    def elsewhere(
        self, candidates: Sequence[Candidate], subject: BySearch | ByHandle
    ) -> tuple[Candidate, ...]:
        """The newer state in another prefecture, for each; where there is none, a decoy there.

        From which other prefecture a decoy is read follows from what was asked: for the same person
        it is the same each time, as for somebody who is there.
        """
        asked = encode(subject) if isinstance(subject, BySearch) else b""
        return tuple(self._elsewhere(one, asked) for one in candidates)

    def _elsewhere(self, one: Candidate, asked: bytes) -> Candidate:
        others = sorted(self._shelves.prefectures.keys() - {one.prefecture}) or [one.prefecture]
        drawn = mac(self._ring.door, b"jukinet decoy elsewhere v1", asked, one.locator)
        gone = one.gone_to in self._shelves.prefectures
        where = one.gone_to if gone else others[int.from_bytes(drawn, "big") % len(others)]
        with self._shelves.of(where).begin() as tx:
            return candidate(tx, where, one.locator if gone else DECOY)

    def past(self, locator: bytes, *, at_most: int) -> list[Candidate]:
        """The states of a person, from every prefecture that has any, oldest first."""
        states: list[tuple[str, Sealed]] = []
        for prefecture, store in self._shelves.prefectures.items():
            with store.begin() as tx:
                found = people.history(tx, prefecture, locator)
            states += [(prefecture, sealed) for sealed in found]
        states.sort(key=lambda one: (one[1].state.version, one[1].state.town))
        return [_of_state(*one) for one in states[-at_most:]]

    def heard(self, person: Candidate) -> datetime | None:
        """When the centre last heard from the town that told the newest state."""
        if person.heard_at is not None:
            return person.heard_at
        with self._shelves.of(person.prefecture).begin() as tx:
            return _heard(tx, [person.town])

    def _refuse_unconnected(self, prefecture: str) -> None:
        if prefecture not in self._shelves.prefectures:
            raise Refused(
                f"place: the index holds nothing of prefecture {prefecture}; "
                "ask the town itself, absence here proves nothing",
                rule="place-not-connected",
            )


def candidate(tx: Transaction, prefecture: str, locator: bytes) -> Candidate:
    """Somebody as one prefecture has them, or its decoy."""
    person = people.found(tx, prefecture, locator)
    if person is None:
        locator = DECOY
    sealed = people.newest_here(tx, prefecture, locator)
    if sealed is None:
        raise OutOfStep(f"index of prefecture {prefecture}: a person has no state")
    return _of_state(prefecture, sealed, gone_to=person.gone_to if person else "")


def _of_state(prefecture: str, sealed: Sealed, gone_to: str = "") -> Candidate:
    state = sealed.state
    return Candidate(
        prefecture=prefecture,
        town=state.town,
        locator=state.locator,
        payload=state.payload,
        wrapped=sealed.wrapped,
        context=context_of(state.town, state.locator, state.version),
        gone_to=gone_to,
        decoy=state.locator == DECOY,
    )


def _heard(tx: Transaction, towns: Sequence[str]) -> datetime | None:
    """Since when the centre has not heard of a place: the town that was silent longest."""
    heard = [inbox.standing(tx, stream_name(town, CENTRE)).heard_at for town in towns]
    return datetime.fromisoformat(min(heard)) if all(heard) else None
