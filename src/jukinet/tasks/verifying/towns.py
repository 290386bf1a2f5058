"""Towns: the book folded again, and everything that the town told made again from it."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from jukinet.feed.link import stream_name
from jukinet.keys.seal import OpenKey
from jukinet.nodes.message import CENTRE
from jukinet.tasks.verifying.arrivals import Incoming, check_certificates, read_letters
from jukinet.tasks.verifying.entries import Filing, check_filings, read_entries, read_filings
from jukinet.tasks.verifying.feeds import Stream, check_received, follow_streams, read_inbox
from jukinet.tasks.verifying.files import Held
from jukinet.tasks.verifying.households import check_households
from jukinet.tasks.verifying.looks import check_looks
from jukinet.tasks.verifying.notices import Outgoing, Posting, Told, check_told
from jukinet.tasks.verifying.numbers import Numbered, Pair, check_codes, check_pool, read_codes
from jukinet.tasks.verifying.passkeys import check_passkeys
from jukinet.tasks.verifying.persons import (
    Person,
    check_entries,
    check_records,
    expected,
    follow,
)
from jukinet.tasks.verifying.pooled import (
    check_days,
    check_mass_changes,
    drawn_from_pool,
    requests_of,
)
from jukinet.tasks.verifying.stores import Shelf


class Spoken(NamedTuple):
    """What a town has said, for the centre's side to be compared with."""

    town: str
    sent: Stream
    told: list[Told]
    letters: dict[bytes, Posting]
    requests: dict[int, int]

    @property
    def stream(self) -> str:
        """The name of its feed."""
        return stream_name(self.town, CENTRE)


def silent(town: str) -> Spoken:
    """A town that has said nothing, or whose file cannot be read."""
    return Spoken(town, Stream([], 0), [], {}, {})


def check_town(shelf: Shelf, town: str, held: Held, incoming: Incoming) -> Spoken:
    """Recompute one town's store."""
    entries = read_entries(shelf)
    filings = read_filings(shelf, entries)
    people = follow(shelf, entries)
    check_entries(shelf, people.values())
    check_records(shelf, people)
    check_filings(shelf, filings, _homes(people.values()))
    check_households(shelf, people.values(), filings)
    check_looks(shelf)
    check_passkeys(shelf, people)
    codes, pools = _check_arrivals(shelf, town, held, incoming, people, filings)
    check_mass_changes(shelf, filings.keys())
    spoken = _check_told(shelf, town, held, people, filings)
    drawn = drawn_from_pool(codes, people.values(), filings)
    check_days(shelf, pools, requests_of(spoken.requests), drawn)
    shelf.findings.counts["towns"] += 1
    return spoken


def _homes(people: Collection[Person]) -> dict[tuple[str, int], int]:
    """The household of each person after each filing."""
    return {
        (step.filing, person.number): step.after.household
        for person in people
        for step in person.steps
        if step.after is not None
    }


def _check_arrivals(
    shelf: Shelf,
    town: str,
    held: Held,
    incoming: Incoming,
    people: Mapping[int, Person],
    filings: Mapping[str, Filing],
) -> tuple[Numbered, list[Sequence[Pair]]]:
    """Codes and certificates, against the records and what has come; the codes and the pools."""
    rows = read_inbox(shelf, [incoming.stream])
    applied = check_received(shelf, incoming.stream, incoming.sent, rows.get(incoming.stream))
    codes = read_codes(shelf)
    check_codes(shelf, codes, people)
    pools: list[Sequence[Pair]] = [pairs for number, pairs in incoming.pools if number <= applied]
    check_pool(shelf, codes, people, pools)
    ring = held.rings.get(town)
    letters = read_letters(
        shelf,
        town,
        incoming,
        applied=applied,
        opening=OpenKey(ring.opening) if ring else None,
        directory=held.directory,
    )
    check_certificates(shelf, letters, people.values(), filings.values())
    return codes, pools


def _locators(people: Mapping[int, Person]) -> dict[int, bytes]:
    """By what the network knows each record."""
    return {
        number: person.record.attachment.locator
        for number, person in people.items()
        if person.record is not None and person.record.attachment is not None
    }


def _check_told(
    shelf: Shelf,
    town: str,
    held: Held,
    people: Mapping[int, Person],
    filings: Mapping[str, Filing],
) -> Spoken:
    """What the town told, against what the book says must have been told."""
    outgoing = Outgoing(
        shelf,
        town,
        expected(shelf, people.values(), filings),
        ring=held.rings.get(town),
        quorum=held.quorum,
    )
    streams = follow_streams(shelf, outgoing.take)
    for one in outgoing.untold():
        shelf.note(f"record {one.person}", f"version {one.after.version} of it was never told")
    check_told(shelf, outgoing.told, _locators(people))
    shelf.findings.counts["notices"] += len(outgoing.told)
    sent = streams.get(stream_name(town, CENTRE), Stream([], 0))
    return Spoken(town, sent, outgoing.told, outgoing.letters, outgoing.requests)
