"""Notices and letters: every item of a town's outbox is opened and compared with the book.

A notice is opened with the keepers' key and must say just what the book said after the filing that
caused it: six items, reason, day, whether live and hidden, root; its tags are made again with the
town's keys; a sealed seed must open to the book's. Letters are opened where they arrive (arrivals).
"""

from collections.abc import Mapping
from hashlib import blake2b, sha256
from typing import NamedTuple

import msgspec

from jukinet.errors import JukinetError
from jukinet.feed import reconcile
from jukinet.feed.outbox import ItemRow
from jukinet.law.notice import Notice, SealedNotice
from jukinet.law.tags import code_tag, tags_of
from jukinet.nodes.keyring import INDEX, SEED, TownRing
from jukinet.nodes.letters import Posted
from jukinet.nodes.pools import PoolRequest
from jukinet.nodes.sealing import context_of, open_payload, seed_context
from jukinet.tasks.verifying.findings import UNREADABLE, listed, short
from jukinet.tasks.verifying.persons import Expected
from jukinet.tasks.verifying.quorum import Quorum
from jukinet.tasks.verifying.stores import Shelf


class Told(NamedTuple):
    """A notice as the town told it: what the index must have of it."""

    town: str
    number: int  # of the item in the town's feed
    locator: bytes
    version: int
    live: bool
    digest: bytes  # of the item
    payload: bytes  # `mark` of it
    wrapped: bytes  # `mark` of it
    code_tag: bytes
    tags: tuple[bytes, ...]
    root: bytes
    epoch: int  # of the chain that it begins, or -1
    seed: bytes
    sealed_seed: bytes


class Posting(NamedTuple):
    """A letter as the town gave it to the centre."""

    number: int
    receiver: str


def mark(content: bytes) -> bytes:
    """Enough of a hash to compare long values by."""
    return blake2b(content, digest_size=16).digest()


class Outgoing:
    """The items of one town's outbox, taken one after the other."""

    def __init__(
        self,
        shelf: Shelf,
        town: str,
        wanted: dict[tuple[bytes, int], Expected],
        ring: TownRing | None,
        quorum: Quorum | None,
    ) -> None:
        self.told: list[Told] = []
        self.letters: dict[bytes, Posting] = {}  # by the mark of what is sealed
        self.requests: dict[int, int] = {}  # how many codes were asked for, by number
        self._shelf = shelf
        self._town = town
        self._wanted = dict(wanted)
        self._ring = ring
        self._quorum = quorum

    def take(self, row: ItemRow) -> None:
        """Decode, open and compare one item."""
        about = f"item {row.number} of {row.stream}"
        kinds = {"notice": self._notice, "letter": self._letter, "pool_request": self._request}
        if row.kind not in kinds or row.stream != f"{self._town}>centre":
            self._shelf.note(about, "is of a kind or stream that towns do not send")
            return
        try:
            kinds[row.kind](row, about)
        except UNREADABLE:
            self._shelf.note(about, f"cannot be decoded as a {row.kind}")

    def untold(self) -> list[Expected]:
        """What the book says must have been told, and was not."""
        return list(self._wanted.values())

    # --- notices --------------------------------------------------------------------------

    def _notice(self, row: ItemRow, about: str) -> None:
        sealed = _decode_notice(row.body)
        wanted = self._wanted.pop((sealed.locator, sealed.version), None)
        if wanted is None:
            self._shelf.note(about, "tells of what no entry of the book explains")
        notice = self._opened(sealed, about)
        wrong = _unlike_outside(sealed, wanted, self._town) if wanted else []
        if notice is not None:
            wrong += _unlike(notice, wanted) if wanted else []
            wrong += _unlike_tags(sealed, notice, self._ring) if self._ring else []
        if wrong:
            self._shelf.note(about, f"the book makes another {listed(wrong)} of it")
        chain = sealed.chain
        self.told.append(
            Told(
                town=self._town,
                number=row.number,
                locator=sealed.locator,
                version=sealed.version,
                live=sealed.live,
                digest=sha256(row.body).digest(),
                payload=mark(sealed.payload),
                wrapped=mark(sealed.wrapped),
                code_tag=sealed.code_tag,
                tags=sealed.search_tags,
                root=notice.root if notice else b"",
                epoch=chain.epoch if chain else -1,
                seed=chain.seed if chain else b"",
                sealed_seed=mark(chain.sealed_seed) if chain else b"",
            )
        )

    def _opened(self, sealed: SealedNotice, about: str) -> Notice | None:
        """What is sealed in a notice, and in the seed that it brings."""
        if self._quorum is None:
            return None
        context = context_of(sealed.town, sealed.locator, sealed.version)
        try:
            key = self._quorum.open(INDEX, sealed.wrapped, context=context)
            notice = open_payload(key, sealed.payload, context)
        except JukinetError:
            self._shelf.note(about, "its payload does not open with the keepers' key")
            return None
        if sealed.chain is not None:
            _check_seed(self._shelf, self._quorum, sealed, about)
        return notice

    # --- letters and pools ----------------------------------------------------------------

    def _letter(self, row: ItemRow, _about: str) -> None:
        posted = _decode_posted(row.body)
        self.letters[mark(posted.sealed)] = Posting(row.number, posted.receiver)

    def _request(self, row: ItemRow, _about: str) -> None:
        self.requests[row.number] = _decode_request(row.body).count


def _unlike_outside(sealed: SealedNotice, wanted: Expected, town: str) -> list[str]:
    """The open fields of a notice that are not what the book makes."""
    attachment, chain = wanted.after.attachment, sealed.chain
    assert attachment is not None
    begun = None if chain is None else (chain.epoch, chain.seed)
    begins = (attachment.epoch, attachment.seed) if wanted.begins_chain else None
    same = {
        "town": sealed.town == town,
        "live": sealed.live == wanted.after.live,
        "kept": sealed.kept == wanted.after.kept,
        "chain": begun == begins,
    }
    return [name for name, is_same in same.items() if not is_same]


def _unlike(notice: Notice, wanted: Expected) -> list[str]:
    """The sealed fields of a notice that are not what the book makes."""
    record = wanted.after
    assert record.attachment is not None
    same = {
        "person": notice.person.pack() == record.identification.pack(),
        "reason": notice.reason == wanted.reason,
        "event_date": notice.event_date == wanted.event_date,
        "live": notice.live == record.live,
        "hidden": notice.hidden == record.hidden,
        "root": notice.root == record.attachment.root,
    }
    return [name for name, is_same in same.items() if not is_same]


def _unlike_tags(sealed: SealedNotice, notice: Notice, ring: TownRing) -> list[str]:
    """Which tags are not those that the town's keys make."""
    same = {
        "code_tag": sealed.code_tag == code_tag(ring.codes, notice.person.code.digits),
        "search_tags": sealed.search_tags == tags_of(ring.tags, notice.person, sealed.locator),
    }
    return [name for name, is_same in same.items() if not is_same]


def _check_seed(shelf: Shelf, quorum: Quorum, sealed: SealedNotice, about: str) -> None:
    assert sealed.chain is not None
    try:
        context = seed_context(sealed.locator)
        seed = quorum.open(SEED, sealed.chain.sealed_seed, context=context)
    except JukinetError:
        seed = b""
    if seed != sealed.chain.seed:
        shelf.note(about, "its sealed seed does not open to the seed")


def check_told(shelf: Shelf, told: list[Told], locators: Mapping[int, bytes]) -> None:
    """The rows of `told` against the last notice of each person, and the record each is of."""
    last = {one.locator: one for one in told}
    stored = shelf.all_of(reconcile.TOLD, lambda row: row.person)
    rows = {row.locator: row for row in sorted(stored.values(), key=lambda row: row.number)}
    for kept in stored.values():
        if locators.get(kept.person) != kept.locator:
            shelf.note(f"told {short(kept.locator)}", "is not of the record that it names")
    for locator in sorted({*rows, *last}):
        row, one = rows.get(locator), last.get(locator)
        if row is None or one is None:
            what = "is told of in no notice" if row else "is missing: there are notices of it"
            shelf.note(f"told {short(locator)}", what)
        elif row[2:] != (one.version, one.number, one.digest):
            shelf.note(f"told {short(locator)}", "is not what the last notice makes")


_decode_notice = msgspec.msgpack.Decoder(SealedNotice).decode
_decode_posted = msgspec.msgpack.Decoder(Posted).decode
_decode_request = msgspec.msgpack.Decoder(PoolRequest).decode
