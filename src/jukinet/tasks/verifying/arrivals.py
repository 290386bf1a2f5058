"""Arrivals: what the centre has put into a town's feed, and what the town has made of it.

Letters are opened with the town's key and must be signed by the town that is said to have sent
them; the certificates among them must stand in the town's table as they came. Pools are what its
codes are compared with (see numbers).
"""

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from jukinet.errors import JukinetError
from jukinet.feed.outbox import ItemRow
from jukinet.keys.seal import OpenKey
from jukinet.law import notification as law
from jukinet.law.transfer import Letter, TransferCertificate, TransferWithdrawn
from jukinet.nodes.keyring import Directory
from jukinet.nodes.letters import Relayed, open_letter
from jukinet.nodes.pools import PoolGrant
from jukinet.register.transfers import CERTIFICATES, USED, WAITING, WITHDRAWN, CertificateRow
from jukinet.tasks.verifying.entries import Filing
from jukinet.tasks.verifying.feeds import Stream
from jukinet.tasks.verifying.findings import UNREADABLE, Findings, listed
from jukinet.tasks.verifying.notices import mark
from jukinet.tasks.verifying.numbers import Pair
from jukinet.tasks.verifying.persons import Person
from jukinet.tasks.verifying.stores import Shelf


class Arrivals:
    """The items of a prefecture's outbox, for each town that it serves."""

    def __init__(self, findings: Findings, place: str, streams: Collection[str]) -> None:
        self.pools: dict[str, list[tuple[int, tuple[Pair, ...]]]] = {one: [] for one in streams}
        self.letters: dict[str, list[tuple[int, Relayed]]] = {one: [] for one in streams}
        self._findings = findings
        self._place = place

    def take(self, row: ItemRow) -> None:
        """Decode one item."""
        about = f"item {row.number} of {row.stream}"
        if row.kind not in ("pool", "letter") or row.stream not in self.pools:
            self._findings.note(
                self._place, about, "is of a kind or stream that the centre does not send"
            )
            return
        try:
            if row.kind == "pool":
                pairs = _decode_grant(row.body).pairs
                self.pools[row.stream].append((row.number, pairs))
            else:
                self.letters[row.stream].append((row.number, _decode_relayed(row.body)))
        except UNREADABLE:
            self._findings.note(self._place, about, f"cannot be decoded as a {row.kind}")

    def incoming(self, stream: str, sent: Stream | None) -> "Incoming":
        """What is sent to one town."""
        sent = sent or Stream([], 0)
        return Incoming(stream, sent, self.pools[stream], self.letters[stream])


class Incoming(NamedTuple):
    """What the centre has put into one town's feed."""

    stream: str
    sent: Stream
    pools: list[tuple[int, tuple[Pair, ...]]]
    letters: list[tuple[int, Relayed]]

    def marks(self) -> list[tuple[int, str, bytes]]:
        """Its letters: number, sender, and the mark of what is sealed."""
        return [(number, one.sender, mark(one.sealed)) for number, one in self.letters]


class Read(NamedTuple):
    """A letter that a town has opened."""

    number: int
    sender: str
    letter: Letter


def read_letters(
    shelf: Shelf,
    town: str,
    incoming: Incoming,
    *,
    applied: int,
    opening: OpenKey | None,
    directory: Directory | None,
) -> list[Read]:
    """The letters that a town has applied, opened."""
    if opening is None or directory is None:
        return []
    read = []
    for number, relayed in incoming.letters:
        if number > applied:
            break
        try:
            letter = open_letter(relayed, town, opening, directory)
        except JukinetError:
            about = f"item {number} of {incoming.stream}"
            shelf.note(about, "this letter does not open, or its sender has not signed it")
            continue
        read.append(Read(number, relayed.sender, letter))
    shelf.findings.counts["letters"] += len(read)
    return read


def check_certificates(
    shelf: Shelf, letters: list[Read], people: Collection[Person], filings: Collection[Filing]
) -> None:
    """The rows of `certificate` against the letters that brought them."""
    brought: dict[str, list[Read]] = {}
    withdrawn: dict[tuple[bytes, str], int] = {}
    for read in letters:
        if isinstance(read.letter, TransferCertificate):
            brought.setdefault(read.letter.code.digits, []).append(read)
        elif isinstance(read.letter, TransferWithdrawn):
            withdrawn[read.letter.locator, read.sender] = read.number
    moved_in, entered = _moved_in(filings, people), _entered(people)
    place = 0
    for place, row in enumerate(shelf.rows(CERTIFICATES), start=1):
        about = f"certificate in place {place}"
        came = brought.pop(row.code, None)
        if came is None:
            shelf.note(about, "came with no letter")
            continue
        certificate = came[-1].letter
        assert isinstance(certificate, TransferCertificate)
        wrong = _unlike(row, certificate, came[-1].sender)
        if wrong:
            shelf.note(about, f"its letter has another {listed(wrong)}")
        after = withdrawn.get((certificate.attachment.locator, came[-1].sender), 0)
        key = certificate.attachment.locator, certificate.version
        states = _states(
            moved_in=row.code in moved_in,
            entered=key in entered and len(came) == 1,
            withdrawn=after > came[-1].number,
        )
        if row.state not in states:
            shelf.note(about, f"is {_known(row.state)}, and the book says otherwise")
    shelf.findings.counts["certificates"] += place
    for came in brought.values():
        shelf.note(f"letter {came[-1].number}", "brought a certificate that is missing")


def _states(*, moved_in: bool, entered: bool, withdrawn: bool) -> set[str]:
    """How a certificate may stand: used by whoever moved in, else withdrawn, else waiting."""
    if entered:
        return {USED}
    states = {WITHDRAWN} if withdrawn else {WAITING}
    return states | {USED} if moved_in else states


def _known(state: str) -> str:
    return state if state in (USED, WAITING, WITHDRAWN) else "of no known standing"


def _moved_in(filings: Collection[Filing], people: Collection[Person]) -> set[str]:
    """The codes of those who have moved in, or whose certificate has completed a record."""
    codes = {
        mover.code.digits
        for filing in filings
        if isinstance(filing.notification, law.MoveIn)
        for mover in filing.notification.movers
        if mover.code is not None
    }
    for person in people:
        if any(entry.cause == "attachment_arrived" for entry in person.entries):
            codes |= {step.after.code.digits for step in person.steps if step.after is not None}
    return codes


def _entered(people: Collection[Person]) -> set[tuple[bytes, int]]:
    """The locators and person versions with which people were entered or completed."""
    return {
        (entry.changes.attachment.locator, entry.version)
        for person in people
        for entry in person.entries
        if entry.cause in ("move_in", "attachment_arrived") and entry.changes.attachment
    }


def _unlike(row: CertificateRow, certificate: TransferCertificate, sender: str) -> list[str]:
    made = CertificateRow(
        certificate.code.digits,
        certificate.attachment.locator,
        sender,
        certificate.planned_on.isoformat(),
        row.state,
        _encode(certificate),
    )
    return [name for name in row._fields if getattr(row, name) != getattr(made, name)]


_encode = msgspec.msgpack.Encoder().encode
_decode_grant = msgspec.msgpack.Decoder(PoolGrant).decode
_decode_relayed = msgspec.msgpack.Decoder(Relayed).decode
