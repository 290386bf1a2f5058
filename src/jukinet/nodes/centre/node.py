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

Order of writes, for an inquiry: the leaf is durable and public (`ledger.writer`), then enough
witnesses have signed, then the keepers are asked, then the answer leaves. What waits for a witness
or a keeper is lost in a crash: a leaf stands, no answer was given, and the agency asks again. Where
the ledger cannot write, what waits for it is tried again, and what comes meanwhile is turned away.
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from jukinet.errors import Malformed, OutOfStep
from jukinet.feed.link import Batch, stream_name
from jukinet.index.generations import Generations
from jukinet.keys.chance import Chance
from jukinet.law.inquiry import Receipt
from jukinet.law.leaf import JAPAN
from jukinet.law.schedule import Schedule
from jukinet.ledger.writer import Ledger
from jukinet.merkle import policy
from jukinet.nodes.centre.decoy import place_decoys
from jukinet.nodes.centre.founding import cut_off, founding
from jukinet.nodes.centre.groups import Groups, Staged
from jukinet.nodes.centre.inquiries import Inquiries
from jukinet.nodes.centre.intake import Intake
from jukinet.nodes.centre.keepers import Keepers
from jukinet.nodes.centre.opening import Openings
from jukinet.nodes.centre.releasing import NOT_YET, Releasing
from jukinet.nodes.centre.residents import Residents
from jukinet.nodes.centre.samples import Samples
from jukinet.nodes.centre.searching import Searching
from jukinet.nodes.centre.shelves import Shelves
from jukinet.nodes.centre.witnesses import Witnesses
from jukinet.nodes.feeding import Sender
from jukinet.nodes.keyring import CentreRing, Directory, signing_key
from jukinet.nodes.message import (
    CENTRE,
    AnswerObjection,
    Ask,
    AskRows,
    Body,
    Compare,
    Cosigned,
    DrawSample,
    Feed,
    FeedAck,
    FreshNumber,
    GiveViewKey,
    MergeRecords,
    Message,
    Objection,
    Out,
    RowLeaves,
    ShownAnswers,
    Tick,
    Wake,
)
from jukinet.nodes.sealing import Seals

GROUP_MAX = 256
STAGED_MAX = 4096  # questions that wait for the witnesses; more are turned away
HELD_MAX = 1024  # batches of towns' feeds that wait for the keys of the tags
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
        self.out_of_step: list[str] = []  # for the operator
        self._directory = directory
        self._schedule = schedule
        self._chance = chance
        self._groups = Groups(ledger)
        self._keepers = Keepers(directory, chance, self.out_of_step)
        self._releasing = Releasing(self._groups, self._keepers, ring, self.out_of_step)
        self._generations = Generations(shelves.national)
        self._intake = Intake(shelves, ring, directory, self._releasing, self._generations)
        self._held: list[tuple[str, Batch]] = []  # until the keys of the tags are open
        self._witnesses = Witnesses(policy.parse(directory.policy), self.out_of_step)
        self._inquiries = Inquiries(
            Searching(shelves, ring, self._releasing),
            ledger,
            self._groups,
            self._keepers,
            self._generations,
            ring,
            directory,
            schedule,
            chance,
            self.out_of_step,
        )
        self._residents = Residents(ledger, self._groups, shelves, self._generations, directory)
        self._openings = Openings(ledger, self._groups, self._keepers, self.out_of_step)
        self._samples = Samples(
            ledger, self._groups, self._keepers, shelves.chains, ring, directory
        )
        self._retry_at: datetime | None = None  # the ledger could not write
        self._shut = ""  # why nothing is taken until it can
        self._rows_wanted: set[str] = set()  # agencies that ask for the leaves of their rows
        self._day_begins = False
        self._stopped = False  # a witness has seen more of the log than there is
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
        """Come up: what towns have not acknowledged is sent again, the log is brought up to date.

        Decoys are put in place, rows and keys are compared with the log, and the witnesses are
        asked about the checkpoint that stands: a crash may have come before they were, or the log
        have been put back to an older state since.
        """
        place_decoys(self.shelves, Seals.of(self._directory), self._chance, now)
        noted = self.ledger.noted
        drafts = founding(noted, self._schedule, self._directory, now) + cut_off(noted, now)
        if drafts:
            self._groups.stage(Staged(drafts, self._founded))
        self._releasing.begin(now)
        self._residents.start()
        sent = [one for feed in self._feeds.values() for one in feed.start(now)]
        asked = self._witnesses.come_up(self.ledger.log, now)
        return [*sent, *asked, Wake(at=now), _midnight(now)]

    def step(self, message: Message, now: datetime) -> Out:
        """One message at a time."""
        sender, body = message.sender, message.body
        if isinstance(body, Feed):
            return self._receive(sender, body.batch, now)
        if isinstance(body, FeedAck):
            return self._acknowledged(sender, body, now)
        if isinstance(body, Compare):
            return self._compared(sender, body)
        if isinstance(body, Tick):
            return self._tick(now)
        if isinstance(body, Cosigned):
            return self._cosigned(sender, body, now)
        if self._keepers.step(sender, body, now):
            return [*self._let_in(now), *self._sent(now)]
        if isinstance(body, AskRows) and sender in self._directory.agencies:
            self._rows_wanted.add(sender)
            return self._sent(now)
        first = not self._groups.staged
        self._take(sender, body, now)
        if self._groups.staged >= GROUP_MAX and not self._groups.under_way:
            return self._write(now)
        return self._sent(now, wake=first)

    def _take(self, sender: str, body: Body, now: datetime) -> None:
        """Take what somebody wants written down, as far as the ledger's next group."""
        closed = self._shut or self._full()
        self._residents.closed = self._samples.closed = closed
        self._inquiries.closed = closed or ("" if self._releasing.done else NOT_YET)
        if isinstance(body, Ask):
            self._inquiries.ask(sender, body, now)
        elif isinstance(body, GiveViewKey):
            self._residents.give_key(sender, body, now)
        elif isinstance(body, FreshNumber):
            self._residents.fresh_number(sender, body, now)
        elif isinstance(body, MergeRecords):
            self._residents.merge(sender, body, now)
        elif isinstance(body, Objection):
            self._residents.object(sender, body, now)
        elif isinstance(body, AnswerObjection):
            self._residents.answer(sender, body, now)
        elif isinstance(body, DrawSample):
            self._samples.draw(sender, body, now)
        elif isinstance(body, ShownAnswers):
            self._samples.shown(sender, body, now)
        else:
            raise Malformed(f"message: the centre takes no {type(body).__name__} from {sender}")

    # --- the ledger -------------------------------------------------------------------------

    def _tick(self, now: datetime) -> Out:
        """What waits is written, who is silent is asked again; a new day opens what is due."""
        out = [one for feed in self._feeds.values() for one in feed.tick(now)]
        if now.astimezone(JAPAN).time() == time(0):
            out.append(_midnight(now))
        self._day_begins = True
        self._samples.tick(now)
        self._keepers.tick(now)
        again = self._releasing.tick(now)
        out += [Wake(at=again)] if again else []
        out += self._keepers.take_out(now)
        out += self._witnesses.tick(self.ledger.log, now)
        return [*self._write(now), *out, *self._sent(now, wake=False)]

    def _write(self, now: datetime) -> Out:
        """Write what is staged. Where a disk cannot, nothing leaves, and it is tried again."""
        if self._stopped or (self._retry_at is not None and now < self._retry_at):
            return []
        try:
            asked = self._witnesses.ask(self.ledger.log, now) if self._groups.write(now) else []
            out = [*asked, *self._go_on(now)]
        except (OSError, OutOfStep) as error:
            return self._closed(f"ledger: {error}", now)
        self._retry_at, self._shut = None, ""
        return out

    def _closed(self, reason: str, now: datetime) -> Out:
        """The ledger cannot be written: questions are turned away until it can."""
        self.out_of_step.append(reason)
        self._shut = "ledger: it cannot be written now; ask again in a minute"
        self._retry_at = now + RETRY_AFTER
        return [Wake(at=self._retry_at)]

    def _cosigned(self, sender: str, reply: Cosigned, now: datetime) -> Out:
        """A witness has answered; with the one that makes them enough, the group goes on."""
        try:
            out = self._witnesses.answered(sender, reply, self.ledger.log)
            return [*out, *self._go_on(now)]
        except OutOfStep as error:
            self._stopped = True
            return self._closed(str(error), now)
        except OSError as error:
            return self._closed(f"ledger: {error}", now)

    def _go_on(self, now: datetime) -> Out:
        """Where enough witnesses have signed, publish that, and give the receipts out."""
        if self._stopped or not self._witnesses.enough:
            return []
        self.ledger.cosigned(self._witnesses.lines)
        self._groups.go_on()
        return self._sent(now, wake=True)

    def _full(self) -> str:
        """Why no more is taken while the witnesses are waited for; memory is not for queues."""
        if self._keepers.full:
            return "keepers: they do not keep up; ask again in a minute"
        if self._groups.waiting < STAGED_MAX:
            return ""
        return "ledger: its witnesses do not answer; ask again in a minute"

    def _sent(self, now: datetime, *, wake: bool = True) -> Out:
        """All that is ready to leave; what is staged is written when that has been delivered."""
        if self._proved and self._day_begins:
            self._day_begins = False
            self._openings.begin(now)
        out = [
            *self._keepers.take_out(now),
            *self._inquiries.take_out(),
            *self._residents.take_out(),
            *self._samples.take_out(),
            *(self._rows() if self._proved else ()),
        ]
        waits = self._groups.staged and not self._groups.under_way
        return [*out, Wake(at=now)] if wake and waits else out

    @property
    def _proved(self) -> bool:
        """Whether what stands in the log has its rows and its witnesses; nothing is under way."""
        idle = not self._groups.under_way and self.ledger.noted.grants
        return bool(idle) and self._witnesses.enough and not self._stopped

    def _founded(self, _receipts: tuple[Receipt, ...]) -> None:
        """Rows stand that did not before: every agency is told, whether it asks or not."""
        self._rows_wanted |= self._directory.agencies.keys()

    def _rows(self) -> Iterator[Message]:
        """To each agency that wants them the leaves of its own rows."""
        wanted, self._rows_wanted = self._rows_wanted, set()
        for agency in sorted(wanted):
            receiver = self._directory.agencies[agency].receiver
            mine = [
                self.ledger.receipt(stood.number)
                for stood in self.ledger.noted.rows.history()
                if stood.leaf.receiver == receiver
            ]
            body = RowLeaves(receipts=tuple(mine))
            yield Message(sender=CENTRE, receiver=agency, body=body)

    # --- feeds ------------------------------------------------------------------------------

    def _let_in(self, now: datetime) -> Out:
        """What the towns sent while the keys of the tags were sealed."""
        if not self._held or not self._releasing.done:
            return []
        held, self._held = self._held, []
        return [one for town, batch in held for one in self._receive(town, batch, now)]

    def _receive(self, town: str, batch: Batch, now: datetime) -> Out:
        if not self._releasing.done:
            if len(self._held) < HELD_MAX:  # what is not acknowledged, its town sends again
                self._held.append((town, batch))
            return []
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


def _midnight(now: datetime) -> Wake:
    """A tick as the next day begins in Japan."""
    tomorrow = now.astimezone(JAPAN).date() + timedelta(days=1)
    return Wake(at=datetime.combine(tomorrow, time(0), JAPAN))
