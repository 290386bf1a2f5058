"""The centre's node: takes messages apart and hands them to intake and inquiries.

Order of writes, for a batch of a town's feed (each step is idempotent, so a crash anywhere is
mended by the town's sending again what was not acknowledged):

1. the chains of labels that it starts (chain store);
2. in other prefectures: that a person now has a newer state here; then codes in use and
   whereabouts (national store), from which it follows who is to be told: so they are told again
   until it is written that they were;
3. letters and pools, into the feeds of the towns that they are for, each once; codes are allotted
   (national store) before they are handed on, so a crash between the two wastes them and never
   gives them twice;
4. in the town's own prefecture, one transaction: states, tags, and how far the feed is applied.

Order of writes, for an inquiry: the leaf is durable and public (`ledger.writer`), then the keepers
are asked, then the answer leaves. What waits for a keeper is lost in a crash: a leaf stands, no
answer was given, and the agency asks again. Where the ledger cannot write, what waits for it is
tried again, and what comes meanwhile is turned away.
"""

from datetime import datetime, timedelta

from jukinet.errors import Malformed, OutOfStep
from jukinet.feed.link import Batch, stream_name
from jukinet.keys.chance import Chance
from jukinet.keys.seal import SealKey
from jukinet.law.schedule import Schedule
from jukinet.ledger.writer import Ledger
from jukinet.nodes.centre.decoy import place_decoys
from jukinet.nodes.centre.inquiries import Inquiries
from jukinet.nodes.centre.intake import Intake
from jukinet.nodes.centre.shelves import Shelves
from jukinet.nodes.feeding import Sender
from jukinet.nodes.keyring import CentreRing, Directory, signing_key
from jukinet.nodes.message import (
    CENTRE,
    KEEPER,
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

GROUP_MAX = 256
RETRY_AFTER = timedelta(seconds=5)


class Centre:
    """The centre's node. `out_of_step` is for the operator: what was refused or did not work."""

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
        self._directory = directory
        self._chance = chance
        self._intake = Intake(shelves, ring, directory)
        self._inquiries = Inquiries(shelves, ledger, ring, directory, schedule, chance)
        self._retry_at: datetime | None = None  # the ledger could not write
        self.out_of_step = self._inquiries.out_of_step
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
        if isinstance(body, KeeperReply) and message.sender == KEEPER:
            return self._group(self._inquiries.kept(body), now)
        if isinstance(body, Feed):
            return self._receive(message.sender, body.batch, now)
        if isinstance(body, FeedAck):
            return self._acknowledged(message.sender, body, now)
        if isinstance(body, Compare):
            return self._compared(message.sender, body)
        if isinstance(body, Tick):
            ticked = [one for feed in self._feeds.values() for one in feed.tick(now)]
            return [*self._write(now), *ticked]
        raise Malformed(f"message: the centre takes no {type(body).__name__} from {message.sender}")

    # --- inquiries --------------------------------------------------------------------------

    def _ask(self, sender: str, ask: Ask, now: datetime) -> Out:
        first = not self._inquiries.staged
        out = self._inquiries.ask(sender, ask, now)
        if self._inquiries.staged >= GROUP_MAX:
            return [*out, *self._write(now)]
        return [*out, Wake(at=now)] if first and self._inquiries.staged else out

    def _write(self, now: datetime) -> Out:
        """Write what is staged. Where a disk cannot, nothing leaves, and it is tried again."""
        if self._retry_at is not None and now < self._retry_at:
            return []
        try:
            out = self._inquiries.write(now)
        except (OSError, OutOfStep) as error:
            self.out_of_step.append(f"ledger: {error}")
            self._inquiries.closed = "ledger: it cannot be written now; ask again in a minute"
            self._retry_at = now + RETRY_AFTER
            return [Wake(at=self._retry_at)]
        self._retry_at, self._inquiries.closed = None, ""
        return self._group(out, now)

    def _group(self, out: Out, now: datetime) -> Out:
        """What is staged meanwhile is written when all that was sent has been delivered."""
        return [*out, Wake(at=now)] if self._inquiries.staged else out

    # --- feeds ------------------------------------------------------------------------------

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
        if feed is None or ack.stream != feed.stream:
            return []
        try:
            return feed.acknowledged(ack, now)
        except OutOfStep as error:
            self.out_of_step.append(str(error))
            return []

    def _compared(self, sender: str, asked: Compare) -> Out:
        try:
            reply = self._intake.compared(sender, asked)
        except OutOfStep as error:
            self.out_of_step.append(str(error))
            return []
        return [Message(sender=CENTRE, receiver=sender, body=reply)]
