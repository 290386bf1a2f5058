"""Intake (受信): apply the towns' feeds, each item once and in order; hand letters on.

The order of writes is the centre's (see `node`): chains, then other prefectures, then the national
store, then the town's own prefecture together with how far the feed is applied. Every step but the
last can be done twice without harm: whereabouts are written only after those whom they concern have
been told, so a crash in between tells them again.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

import msgspec

from jukinet.errors import OutOfStep, Refused
from jukinet.feed import inbox, reconcile
from jukinet.feed.inbox import New
from jukinet.feed.link import Batch, Item, stream_name
from jukinet.index import numbering, people, whereabouts
from jukinet.index.people import Arrived
from jukinet.law.notice import SealedNotice
from jukinet.law.tags import stored
from jukinet.ledger import chains
from jukinet.nodes.centre.shelves import Shelves
from jukinet.nodes.keyring import CentreRing, Directory
from jukinet.nodes.letters import Posted, Relayed
from jukinet.nodes.message import CENTRE, Compare, Compared, FeedAck
from jukinet.nodes.pools import PoolGrant, PoolRequest
from jukinet.nodes.relay import Handed, hand_on

POOL_GRANT_MAX = 100_000


class Applied(NamedTuple):
    """What became of a batch."""

    ack: FeedAck
    told: frozenset[str]  # towns for whom something was put into the feed
    notices: int


class Intake:
    """The towns' feeds at the centre."""

    def __init__(self, shelves: Shelves, ring: CentreRing, directory: Directory) -> None:
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
            return Applied(
                FeedAck(stream=batch.stream, last=new.standing.last, gap=new.gap), frozenset(), 0
            )
        self._check_signature(town, batch)
        arrived = self._notices(town, new)
        self._begin_chains(arrived)
        moves = self._moves(town, arrived)
        told = self._hand_on(town, batch.stream, new)
        self._forward(town, moves.left)
        self._note_nationally(arrived, moves)
        with store.begin() as tx:
            people.take_in(tx, town[:2], arrived, new.standing.heard_at)
            own = [one for one in moves.left if one.prefecture == town[:2]]
            people.forward(tx, town[:2], [(one.locator, one.version, one.gone_to) for one in own])
            inbox.advance(tx, new.standing)
        ack = FeedAck(stream=batch.stream, last=new.standing.last)
        return Applied(ack, told, len(arrived))

    def _check_signature(self, town: str, batch: Batch) -> None:
        try:
            self._directory.town_verify(town).verify(batch.signed, batch.signature)
        except Refused:
            raise OutOfStep(f"feed {batch.stream}: the town has not signed this batch") from None

    def _notices(self, town: str, new: New) -> list[Arrived]:
        index_key = self._ring.index[town[:2]]
        arrived = []
        for number, item in new.items:
            if item.kind != "notice":
                continue
            try:
                notice = _decode_notice(item.body)
            except msgspec.MsgspecError as error:
                raise OutOfStep(f"feed: item {number} of {town} is no notice: {error}") from None
            people.check(notice, town)
            tags = [stored(index_key, tag) for tag in notice.search_tags]
            arrived.append(Arrived(number, sha256(item.body).digest(), notice, tags))
        return arrived

    def _begin_chains(self, arrived: Sequence[Arrived]) -> None:
        starts = [
            (one.notice.locator, one.notice.chain)
            for one in arrived
            if one.notice.chain is not None
        ]
        if starts:
            with self._shelves.chains.begin() as tx:
                chains.start(tx, starts)

    def _moves(self, town: str, arrived: Sequence[Arrived]) -> whereabouts.Moves:
        versions = [(one.notice.locator, one.notice.version) for one in arrived]
        with self._shelves.national.begin() as tx:
            return whereabouts.moves(tx, town[:2], versions)

    def _note_nationally(self, arrived: Sequence[Arrived], moves: whereabouts.Moves) -> None:
        if not arrived:
            return
        with self._shelves.national.begin() as tx:
            numbering.note_codes(tx, [(one.notice.code_tag, one.notice.locator) for one in arrived])
            whereabouts.note(tx, moves)

    def _forward(self, town: str, left: Sequence[whereabouts.Left]) -> None:
        """Tell other prefectures that people have a newer state here."""
        for prefecture in sorted({one.prefecture for one in left} - {town[:2]}):
            gone = [
                (one.locator, one.version, one.gone_to)
                for one in left
                if one.prefecture == prefecture
            ]
            with self._shelves.of(prefecture).begin() as tx:
                people.forward(tx, prefecture, gone)

    def _hand_on(self, town: str, stream: str, new: New) -> frozenset[str]:
        """Letters go into the receiving towns' feeds; pools into the asking town's."""
        told = set()
        for number, item in new.items:
            if item.kind == "letter":
                posted = _decode_posted(item.body)
                relayed = Relayed(sender=town, sealed=posted.sealed)
                receiver, answer = posted.receiver, Item(kind="letter", body=_encode(relayed))
            elif item.kind == "pool_request":
                receiver, answer = town, Item(kind="pool", body=self._grant(stream, number, item))
            else:
                continue
            with self._shelves.of(receiver[:2]).begin() as tx:
                hand_on(tx, Handed(stream, number), stream_name(CENTRE, receiver), [answer])
            told.add(receiver)
        return frozenset(told)

    def _grant(self, stream: str, number: int, item: Item) -> bytes:
        """The next codes; a crash before they are handed on wastes them, and never doubles them."""
        request = _decode_request(item.body)
        count = max(1, min(request.count, POOL_GRANT_MAX))
        with self._shelves.national.begin() as tx:
            pool = numbering.allot(
                tx,
                count,
                code_key=self._ring.pool,
                number_key=self._ring.numbers,
                tag_key=self._ring.codes,
            )
        return _encode(PoolGrant(pairs=pool.pairs))

    def compared(self, asked: Compare) -> Compared:
        """The digest of what the index holds of a town, for the night's reconciliation."""
        town = asked.town
        key = self._ring.reconcile[town]
        with self._shelves.of(town[:2]).begin() as tx:
            standing = inbox.standing(tx, stream_name(town, CENTRE))
            leaves = sorted(
                reconcile.leaf(key, row.locator, row.version, row.digest)
                for row in people.told_by(tx, town[:2], town)
            )
        digest = reconcile.digest(leaves)
        return Compared(town=town, last=standing.last, count=digest.size, root=digest.root)


_encode = msgspec.msgpack.Encoder().encode
_decode_notice = msgspec.msgpack.Decoder(SealedNotice).decode
_decode_posted = msgspec.msgpack.Decoder(Posted).decode
_decode_request = msgspec.msgpack.Decoder(PoolRequest).decode
