"""The centre's node: takes messages apart and hands them to intake and inquiries.

Order of writes, for a batch of a town's feed (each step is idempotent, so a crash anywhere is
mended by the town's sending again what was not acknowledged):

1. the chains of labels that it starts (chain store);
2. in other prefectures: that a person now has a newer state here; letters to towns there;
3. codes in use and whereabouts (national store);
4. in the town's own prefecture, one transaction: states, tags, and how far the feed is applied.

Order of writes, for an inquiry: the leaf is durable and public (`ledger.writer`), then the keepers
are asked, then the answer leaves. What waits for a keeper is lost in a crash: a leaf stands, no
answer was given, and the agency asks again.
"""

from datetime import datetime

from jukinet.errors import Malformed, OutOfStep
from jukinet.feed.link import Batch, stream_name
from jukinet.keys.chance import Chance
from jukinet.keys.seal import SealKey
from jukinet.law.schedule import Schedule
from jukinet.ledger.writer import Ledger
from jukinet.nodes.centre.decoy import place_decoys
from jukinet.nodes.centre.inquiries import GROUP_MAX, Inquiries
from jukinet.nodes.centre.intake import Intake
from jukinet.nodes.centre.shelves import Shelves
from jukinet.nodes.feeding import Sender
from jukinet.nodes.keyring import CentreRing, Directory, signing_key
from jukinet.nodes.message import (
    CENTRE,
    Ask,
    Compare,
    Feed,
    FeedAck,
    KeeperReply,
    Message,
    Out,
    Tick,
    Wake,
)


class Centre:
    """The centre's node."""

    name = CENTRE

    def __init__(
        self,
        shelves: Shelves,
        ledger: Ledger,
        ring: CentreRing,
        directory: Directory,
        schedule: Schedule,
        chance: Chance,
    ) -> None:
        self.shelves = shelves
        self.ledger = ledger
        self.notices_applied = 0
        self.out_of_step: list[str] = []
        self._ring = ring
        self._directory = directory
        self._chance = chance
        self._intake = Intake(shelves, ring, directory)
        self._inquiries = Inquiries(shelves, ledger, ring, directory, schedule)
        key = signing_key(ring.signing)
        self._feeds = {
            town: Sender(
                shelves.of(town[:2]),
                stream_name(CENTRE, town),
                sender=CENTRE,
                receiver=town,
                key=key,
            )
            for town in directory.towns
        }

    def start(self, now: datetime) -> Out:
        """Come up: decoys in place, and what towns have not acknowledged is sent again."""
        seal = SealKey(self._directory.payload_seal)
        place_decoys(self.shelves, seal, self._chance, now)
        return [one for feed in self._feeds.values() for one in feed.start(now)]

    def step(self, message: Message, now: datetime) -> Out:
        """One message at a time."""
        body = message.body
        if isinstance(body, Ask):
            return self._ask(message.sender, body, now)
        if isinstance(body, KeeperReply):
            return self._group(self._inquiries.kept(body), now)
        if isinstance(body, Feed):
            return self._receive(message.sender, body.batch, now)
        if isinstance(body, FeedAck):
            return self._acknowledged(message.sender, body, now)
        if isinstance(body, Compare):
            reply = self._intake.compared(body)
            return [Message(sender=CENTRE, receiver=message.sender, body=reply)]
        if isinstance(body, Tick):
            ticked = [one for feed in self._feeds.values() for one in feed.tick(now)]
            return [*self._group(self._inquiries.commit(), now), *ticked]
        raise Malformed(f"message: the centre takes no {type(body).__name__}")

    def _ask(self, sender: str, ask: Ask, now: datetime) -> Out:
        first = not self._inquiries.staged
        out = self._inquiries.ask(sender, ask, now)
        if self._inquiries.staged >= GROUP_MAX:
            return [*out, *self._group(self._inquiries.commit(), now)]
        return [*out, Wake(at=now)] if first and self._inquiries.staged else out

    def _group(self, out: Out, now: datetime) -> Out:
        """What is staged meanwhile is written when all that was sent has been delivered."""
        return [*out, Wake(at=now)] if self._inquiries.staged else out

    def _receive(self, town: str, batch: Batch, now: datetime) -> Out:
        try:
            applied = self._intake.receive(town, batch, now)
        except OutOfStep as error:
            self.out_of_step.append(str(error))  # for the operator; the town is not answered
            return []
        self.notices_applied += applied.notices
        ack = Message(sender=CENTRE, receiver=town, body=applied.ack)
        told = [one for other in sorted(applied.told) for one in self._feeds[other].push(now)]
        return [ack, *told]

    def _acknowledged(self, town: str, ack: FeedAck, now: datetime) -> Out:
        feed = self._feeds.get(town)
        return feed.acknowledged(ack, now) if feed and ack.stream == feed.stream else []
