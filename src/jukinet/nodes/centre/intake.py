"""Intake (受信): apply the towns' feeds, each item once and in order; hand letters on.

A batch is read whole before anything of it is written: one item that is not what it should be, and
nothing is applied. The order of writes is the centre's (see `node`); every step but the last can be
done twice without harm.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

import msgspec

from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.feed import inbox, reconcile
from jukinet.feed.inbox import New
from jukinet.feed.link import Batch, Item, stream_name
from jukinet.index import numbering, people, whereabouts
from jukinet.index.generations import Generations
from jukinet.index.people import Arrived
from jukinet.keys.seal import SEAL_OVERHEAD
from jukinet.law.identity import SEED_BYTES
from jukinet.law.inquiry import UNREADABLE
from jukinet.law.notice import SealedNotice
from jukinet.law.tags import TAG_BYTES, stored
from jukinet.ledger import chains
from jukinet.nodes.centre.decoy import DECOY
from jukinet.nodes.centre.releasing import Releasing
from jukinet.nodes.centre.shelves import Shelves
from jukinet.nodes.keyring import CentreRing, Directory
from jukinet.nodes.letters import Posted, Relayed
from jukinet.nodes.message import CENTRE, Compare, Compared, FeedAck
from jukinet.nodes.pools import GRANT_MAX, PoolGrant, PoolRequest
from jukinet.nodes.relay import Handed, hand_on, handed

LETTER_BYTES_MAX = 16_384
VERSION_MAX = 2**60


class Applied(NamedTuple):
    """What became of a batch."""

    ack: FeedAck
    told: frozenset[str] = frozenset()  # towns for whom something was put into the feed
    notices: int = 0


class _Read(NamedTuple):
    """A batch's new items, by kind, each with its number in the feed."""

    notices: list[Arrived]
    letters: list[tuple[int, Posted]]
    requests: list[tuple[int, PoolRequest]]


class Intake:
    """The towns' feeds at the centre."""

    def __init__(
        self,
        shelves: Shelves,
        ring: CentreRing,
        directory: Directory,
        releasing: Releasing,
        generations: Generations,
    ) -> None:
        self._releasing = releasing
        self._generations = generations
        self._shelves = shelves
        self._ring = ring
        self._directory = directory

    def receive(self, town: str, batch: Batch, now: datetime) -> Applied:
        """Apply what is new of a batch; raises OutOfStep, having applied nothing, where it lies."""
        if batch.stream != stream_name(town, CENTRE) or town not in self._directory.towns:
            raise OutOfStep(f"feed {batch.stream}: it is not the feed of {town}")
        store = self._shelves.of(town[:2])
        with store.begin() as tx:
            new = inbox.new_items(tx, batch, now)
        if not new.items:
            return Applied(FeedAck(stream=batch.stream, last=new.standing.last, gap=new.gap))
        self._check_signature(town, batch)
        read = self._read(town, new)
        self._begin_chains(read.notices)
        left = self._note_nationally(town, read.notices)
        self._unite(town, read.notices)
        told = self._hand_on(town, batch.stream, read)
        with store.begin() as tx:
            people.take_in(tx, town[:2], read.notices, new.standing.heard_at)
            people.forward(tx, town[:2], _gone(left, town[:2]))
            inbox.advance(tx, new.standing)
        ack = FeedAck(stream=batch.stream, last=new.standing.last)
        return Applied(ack, told, len(read.notices))

    # --- reading ------------------------------------------------------------------------------

    def _check_signature(self, town: str, batch: Batch) -> None:
        try:
            self._directory.town_verify(town).verify(batch.signed, batch.signature)
        except (Malformed, Refused):
            raise OutOfStep(f"feed {batch.stream}: the town has not signed this batch") from None

    def _read(self, town: str, new: New) -> _Read:
        """All items, parsed; raises OutOfStep where one is not what it should be."""
        read = _Read([], [], [])
        for number, item in new.items:
            try:
                if item.kind == "notice":
                    read.notices.append(self._notice(town, number, item))
                elif item.kind == "letter":
                    read.letters.append((number, self._letter(item)))
                elif item.kind == "pool_request":
                    read.requests.append((number, _decode_request(item.body)))
                else:
                    raise OutOfStep("it is of a kind that this centre does not know")
            except (OutOfStep, *UNREADABLE) as error:
                reason = str(error) if isinstance(error, OutOfStep) else "it cannot be read"
                raise OutOfStep(f"feed {town}: item {number}: {reason}") from None
        return read

    def _notice(self, town: str, number: int, item: Item) -> Arrived:
        notice = _decode_notice(item.body)
        people.check(notice, town)
        _check_sizes(notice)
        key = self._releasing.of(town[:2]).index
        tags = [stored(key, tag) for tag in notice.search_tags]
        return Arrived(number, sha256(item.body).digest(), notice, tags)

    def _letter(self, item: Item) -> Posted:
        posted = _decode_posted(item.body)
        if posted.receiver not in self._directory.towns:
            raise OutOfStep(f"the directory has no town {posted.receiver[:6]!r}")
        if len(posted.sealed) > LETTER_BYTES_MAX:
            raise OutOfStep(f"a letter has at most {LETTER_BYTES_MAX} bytes")
        return posted

    # --- writing ------------------------------------------------------------------------------

    def _begin_chains(self, arrived: Sequence[Arrived]) -> None:
        starts = [
            (one.notice.locator, one.notice.chain)
            for one in arrived
            if one.notice.chain is not None
        ]
        if starts:
            with self._shelves.chains.begin() as tx:
                chains.start(tx, starts)

    def _note_nationally(
        self, town: str, arrived: Sequence[Arrived]
    ) -> tuple[whereabouts.Left, ...]:
        """Codes and whereabouts; other prefectures are told before it is written that they were.

        Of those who moved here all others are told: one that a person left long ago points to where
        the person went then, and must not be a move behind.
        """
        if not arrived:
            return ()
        versions = [(one.notice.locator, one.notice.version) for one in arrived]
        with self._shelves.national.begin() as tx:
            moves = whereabouts.moves(tx, town[:2], versions)
            moved = [
                (one.locator, one.version, one.gone_to)
                for one in moves.left
                if one.gone_to == town[:2]
            ]
            for prefecture in (
                sorted(self._shelves.prefectures.keys() - {town[:2]}) if moved else ()
            ):
                with self._shelves.of(prefecture).begin() as other:
                    people.forward(other, prefecture, moved)
            numbering.note_codes(tx, [(one.notice.code_tag, one.notice.locator) for one in arrived])
            whereabouts.note(tx, moves)
        return moves.left

    def _unite(self, town: str, arrived: Sequence[Arrived]) -> None:
        """Records that were united with another lead to it; one that lives again does no more.

        Again does no harm, so a crash on the way is mended by the batch that is sent again.
        """
        for one in arrived:
            locator, kept = one.notice.locator, one.notice.kept
            if one.notice.live:
                self._generations.part(locator)
            elif kept and not self._circle(locator, kept):
                self._generations.merge(locator, kept, town[:2])

    def _circle(self, locator: bytes, kept: bytes) -> bool:
        """Whether a town's word would make records lead in a circle: then it is left aside."""
        end = self._generations.kept(kept)
        return end is not None and end.kept == locator

    def _hand_on(self, town: str, stream: str, read: _Read) -> frozenset[str]:
        """Letters go into the receiving towns' feeds; pools into the asking town's."""
        told = {posted.receiver for _, posted in read.letters}
        for prefecture in sorted({receiver[:2] for receiver in told}):
            with self._shelves.of(prefecture).begin() as tx:
                for number, posted in read.letters:
                    if posted.receiver[:2] == prefecture:
                        relayed = _encode(Relayed(sender=town, sealed=posted.sealed))
                        receiver = stream_name(CENTRE, posted.receiver)
                        item = Item(kind="letter", body=relayed)
                        hand_on(tx, Handed(stream, number), receiver, [item])
        for number, request in read.requests:
            with self._shelves.of(town[:2]).begin() as tx:
                source = Handed(stream, number)
                if not handed(tx, source):
                    item = Item(kind="pool", body=self._grant(request))
                    hand_on(tx, source, stream_name(CENTRE, town), [item])
            told.add(town)
        return frozenset(told)

    def _grant(self, request: PoolRequest) -> bytes:
        """The next codes; a crash before they are handed on wastes them, and never doubles them."""
        with self._shelves.national.begin() as tx:
            pool = numbering.allot(
                tx,
                max(1, min(request.count, GRANT_MAX)),
                code_key=self._ring.pool,
                number_key=self._ring.numbers,
                tag_key=self._ring.codes,
            )
        return _encode(PoolGrant(pairs=pool.pairs))

    # --- the night's reconciliation -----------------------------------------------------------

    def compared(self, sender: str, asked: Compare) -> Compared:
        """The digest of what the index holds of a town."""
        town = asked.town
        if sender != town or town not in self._ring.reconcile:
            raise OutOfStep(f"comparison: {sender[:6]!r} asks for a town that it is not")
        key = self._ring.reconcile[town]
        with self._shelves.of(town[:2]).begin() as tx:
            standing = inbox.standing(tx, stream_name(town, CENTRE))
            leaves = sorted(
                reconcile.leaf(key, row.locator, row.version, row.digest)
                for row in people.told_by(tx, town[:2], town)
            )
        digest = reconcile.digest(leaves)
        return Compared(town=town, last=standing.last, count=digest.size, root=digest.root)


def _check_sizes(notice: SealedNotice) -> None:
    """What the index would keep without looking, and what is the centre's own."""
    if notice.locator == DECOY:
        raise OutOfStep("notice: its locator is the decoy's")
    if any(len(tag) != TAG_BYTES for tag in notice.search_tags):
        raise OutOfStep(f"notice: a search tag has {TAG_BYTES} bytes")
    if notice.version > VERSION_MAX:
        raise OutOfStep("notice: a person version that no town reaches")
    chain = notice.chain
    if chain is not None and not 0 <= chain.epoch <= VERSION_MAX:
        raise OutOfStep("notice: a chain's epoch that no town reaches")
    if chain is not None and len(chain.sealed_seed) != SEAL_OVERHEAD + SEED_BYTES:
        raise OutOfStep(f"notice: a sealed seed has {SEAL_OVERHEAD + SEED_BYTES} bytes")


def _gone(left: Sequence[whereabouts.Left], prefecture: str) -> list[tuple[bytes, int, str]]:
    """Of whom a prefecture is to write down that a newer state stands elsewhere."""
    return [(one.locator, one.version, one.gone_to) for one in left if one.prefecture == prefecture]


_encode = msgspec.msgpack.Encoder().encode
_decode_notice = msgspec.msgpack.Decoder(SealedNotice).decode
_decode_posted = msgspec.msgpack.Decoder(Posted).decode
_decode_request = msgspec.msgpack.Decoder(PoolRequest).decode
