"""Keepers (保管者) as the centre asks them: k of them together, and each held to what it signed.

What is to be opened or numbered is collected and goes out as one order to k keepers that work. The
parts that come back make, together, what opens the seal; the centre sees nothing of a number but
packages, which it hands on. A keeper that does not answer in time costs that time once: the order
goes to others, and it is passed over until it says that it works. One that refuses what another
does is passed over for this order.

Where what came does not open the seal, every keeper of the order is asked to prove the very values
that it signed. One that cannot is named, and asked no more; where all can, whoever sealed it is to
blame.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from msgspec.structs import replace

from jukinet.errors import JukinetError
from jukinet.keys import kem, threshold
from jukinet.keys.chance import Chance
from jukinet.keys.sign import VerifyKey
from jukinet.keys.threshold import Parts
from jukinet.law.inquiry import Receipt
from jukinet.law.order import SignedOrder
from jukinet.nodes import keeping
from jukinet.nodes.keyring import Directory, KeeperEntry
from jukinet.nodes.message import (
    CENTRE,
    NO_ORDER,
    Body,
    Health,
    Healthy,
    KeeperOrder,
    KeeperReply,
    MakeNumber,
    Message,
    NumberParts,
    Out,
    Proof,
    Prove,
    Task,
    Wake,
)

TASKS_MAX: Final = 4096  # in one order
WAITING_MAX: Final = 65_536  # that wait for the keepers; then no question is taken
PATIENCE: Final = timedelta(seconds=5)
HEALTH_AFTER: Final = timedelta(seconds=30)
PACKAGE_BYTES: Final = 16

Kept = Callable[[Sequence[bytes | None]], None]


class Wanted(NamedTuple):
    """A task, and the seal that the parts of it open; a number's parts open none here."""

    task: Task  # its `receipt` is a place in the receipts beside it
    sealed: bytes = b""
    context: bytes = b""
    proved: bool = False  # the seal carries a proof of its maker's (keys.kem)

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to open: the work is done all the same, as for anybody."""
        return not self.sealed and not isinstance(self.task, MakeNumber)


class _Collected:
    """What was ordered at once, and what came of it so far."""

    def __init__(self, count: int, then: Kept) -> None:
        self.results: list[bytes | None] = [None] * count
        self.missing = count
        self.then = then


class _Entry(NamedTuple):
    """One task under way."""

    of: _Collected
    place: int
    wanted: Wanted
    receipt: Receipt
    order: SignedOrder | None

    def __repr__(self) -> str:
        """Shows nothing of it."""
        return "<Entry>"


class _Job:
    """An order under way to some keepers."""

    def __init__(self, entries: list[_Entry], without: frozenset[str]) -> None:
        self.entries = entries
        self.without = without  # keepers that are passed over for it
        self.among: tuple[KeeperEntry, ...] = ()
        self.body = KeeperOrder(order=0, epoch=0, among=(), orders=(), receipts=(), tasks=())
        self.until: datetime | None = None
        self.replies: dict[str, KeeperReply] = {}
        self.proving: set[int] = set()  # the proofs that are still to come
        self.doubted: list[int] = []  # places of tasks whose parts open nothing
        self.guilty: set[str] = set()


class _Asked(NamedTuple):
    """A proof that a keeper is asked for."""

    job: _Job
    keeper: str
    key: str
    places: tuple[int, ...]


class Keepers:
    """The keepers of the directory, and what is under way to them."""

    def __init__(self, directory: Directory, chance: Chance, out_of_step: list[str]) -> None:
        self.out_of_step = out_of_step
        self._directory = directory
        self._chance = chance
        self._all = sorted(directory.keepers.values(), key=lambda one: one.index)
        self._verify = {one.name: VerifyKey(one.verify) for one in self._all}
        self._ask_at: dict[str, datetime] = {}  # the silent, and when to ask for their health
        self._named: set[str] = set()  # that could not prove what they had signed
        self._collected: list[_Entry] = []
        self._jobs: dict[int, _Job] = {}
        self._proofs: dict[int, _Asked] = {}
        self._wake_at: datetime | None = None
        self._out: Out = []
        # A reply to an order from before a crash must not be taken for one to an order of now.
        self._next = int.from_bytes(chance(6), "big")

    @property
    def full(self) -> bool:
        """Whether so much waits for the keepers that nothing more is to be taken."""
        return sum(len(job.entries) for job in self._jobs.values()) >= WAITING_MAX

    def order(
        self,
        wanted: Sequence[Wanted],
        receipts: Sequence[Receipt],
        then: Kept,
        order: SignedOrder | None = None,
    ) -> None:
        """Have the keepers do some tasks; `order` is what an agency signed for them."""
        collected = _Collected(len(wanted), then)
        if not wanted:
            then(())
        self._collected += [
            _Entry(collected, place, one, receipts[one.task.receipt], order)
            for place, one in enumerate(wanted)
        ]

    def take_out(self, now: datetime) -> Out:
        """What is to leave: orders for all that was ordered since, and what follows from replies.

        Whoever is told of a number has its parts before it.
        """
        while self._collected:
            entries, self._collected = self._collected, []
            for start in range(0, len(entries), TASKS_MAX):
                self._begin(_Job(entries[start : start + TASKS_MAX], frozenset()), now)
        out, self._out = self._out, []
        return out

    def step(self, sender: str, body: Body, now: datetime) -> bool:
        """Take what a keeper says; whether it was a keeper's."""
        if sender not in self._verify:
            return False
        if isinstance(body, KeeperReply):
            self._replied(sender, body, now)
        elif isinstance(body, Proof):
            self._proved(sender, body, now)
        elif isinstance(body, Healthy):
            self._ask_at.pop(sender, None)
        else:
            return False
        return True

    def tick(self, now: datetime) -> None:
        """Go on without those who are silent for too long, and ask whether they work again."""
        self._wake_at = None
        for number, job in [*self._jobs.items()]:
            if job.until is not None and now >= job.until:
                del self._jobs[number]
                self._overdue(job, now)
        for name, at in self._ask_at.items():
            if now >= at:
                self._ask_at[name] = now + HEALTH_AFTER
                self._say(name, Health(asked=self._number()))
        waits = [*self._ask_at.values(), *(one.until for one in self._jobs.values() if one.until)]
        if waits:
            self._wake(min(waits))

    # --- an order goes out ------------------------------------------------------------------

    def _begin(self, job: _Job, now: datetime) -> None:
        """Send an order to k keepers that work; where there are not so many, nothing is done."""
        able = [
            one
            for one in self._all
            if one.name not in self._ask_at
            and one.name not in self._named
            and one.name not in job.without
        ]
        job.among = tuple(able[: self._directory.threshold])
        if len(job.among) < self._directory.threshold:
            self.out_of_step.append(
                f"keepers: {len(job.among)} of {self._directory.threshold} work; "
                "nothing is opened until more do"
            )
            self._finish(job.entries, [None] * len(job.entries))
            return
        number = self._number()
        job.body = _body(job, number, self._directory.epoch)
        job.until = now + PATIENCE
        job.replies.clear()
        self._jobs[number] = job
        self._wake(job.until)
        for one in job.among:
            self._say(one.name, job.body)

    def _number(self) -> int:
        self._next += 1
        return self._next

    def _say(self, receiver: str, body: Body) -> None:
        self._out.append(Message(sender=CENTRE, receiver=receiver, body=body))

    def _wake(self, at: datetime) -> None:
        """One wake at a time is under way."""
        if self._wake_at is None or at < self._wake_at:
            self._wake_at = at
            self._out.append(Wake(at=at))

    def _overdue(self, job: _Job, now: datetime) -> None:
        """Some have not answered: they are passed over until they say that they work."""
        proving = {self._proofs.pop(number).keeper for number in job.proving}
        silent = proving or {one.name for one in job.among} - job.replies.keys()
        for name in sorted(silent):
            self.out_of_step.append(f"{name}: it has not answered in {PATIENCE.seconds} seconds")
            self._ask_at[name] = now + HEALTH_AFTER
        self._wake(now + HEALTH_AFTER)
        if proving:
            self._again(job, job.doubted, frozenset(proving), now)
        else:
            self._begin(_Job(job.entries, job.without), now)

    # --- replies ----------------------------------------------------------------------------

    def _replied(self, sender: str, reply: KeeperReply, now: datetime) -> None:
        job = self._jobs.get(reply.order)
        if job is None or sender not in {one.name for one in job.among}:
            return
        wrong = self._wrong(sender, job.body, reply)
        if wrong:
            self.out_of_step.append(f"{sender}: {wrong}")
            self._named.add(sender)
            del self._jobs[reply.order]
            self._begin(_Job(job.entries, job.without), now)
            return
        job.replies[sender] = reply
        if len(job.replies) == len(job.among):
            del self._jobs[reply.order]
            self._taken(job, now)

    def _wrong(self, sender: str, order: KeeperOrder, reply: KeeperReply) -> str:
        """Why a reply cannot be one to this order, or an empty text."""
        if len(reply.values) != len(order.tasks) or reply.epoch != order.epoch:
            return "its answer is not one to what it was asked"
        if len(reply.refused) != reply.values.count(None):
            return "its answer does not say why it would not"
        said = _said(sender, order, reply)
        try:
            self._verify[sender].verify(said.encode(), reply.signature)
        except JukinetError:
            return "its answer is not signed by it"
        return ""

    def _taken(self, job: _Job, now: datetime) -> None:
        """All have answered: what their parts open is given, the rest is looked into."""
        replies = [job.replies[one.name] for one in job.among]
        results: list[bytes | None] = [None] * len(job.entries)
        refused: list[int] = []
        for place, entry in enumerate(job.entries):
            parts = [reply.values[place] for reply in replies]
            if None in parts:
                refused.append(place)
            elif entry.wanted.nothing:
                results[place] = b""
            elif not isinstance(entry.wanted.task, MakeNumber):
                results[place] = _opened(entry.wanted, parts)  # type: ignore[arg-type]
                if results[place] is None:
                    job.doubted.append(place)
        self._hand_on(job, replies, results)
        waits = {*job.doubted, *self._asked_of_others(job, refused, now)}
        done = [place for place in range(len(job.entries)) if place not in waits]
        self._finish([job.entries[place] for place in done], [results[place] for place in done])
        if job.doubted:
            self._ask_proofs(job, now)

    def _asked_of_others(self, job: _Job, refused: Sequence[int], now: datetime) -> Sequence[int]:
        """What one keeper refused and another did not is asked of others, once for each keeper."""
        if not refused:
            return ()
        unwilling = set()
        for name, reply in job.replies.items():
            if any(reply.values[place] is None for place in refused):
                unwilling.add(name)
                self.out_of_step.append(f"{name}: {reply.refused[0]}")
        if len(unwilling) == len(job.among):
            return ()
        self._again(job, refused, frozenset(unwilling), now)
        return refused

    def _again(
        self, job: _Job, places: Sequence[int], without: frozenset[str], now: datetime
    ) -> None:
        """Ask other keepers for some of an order."""
        self._begin(_Job([job.entries[place] for place in places], job.without | without), now)

    def _hand_on(
        self, job: _Job, replies: Sequence[KeeperReply], results: list[bytes | None]
    ) -> None:
        """The parts of numbers, to the agencies that they are sealed to."""
        for at, parcel in enumerate(keeping.parcels(job.body.tasks)):
            if any(len(reply.packages) <= at for reply in replies):
                continue
            package = self._chance(PACKAGE_BYTES)
            parts = tuple(
                (one.name, reply.packages[at])
                for one, reply in zip(job.among, replies, strict=True)
            )
            body = NumberParts(package=package, sector=parcel.sector, parts=parts)
            self._say(parcel.agency, body)
            for number, place in enumerate(parcel.places):
                if all(reply.values[place] is not None for reply in replies):
                    results[place] = package + number.to_bytes(4, "big")

    def _finish(self, entries: Sequence[_Entry], results: Sequence[bytes | None]) -> None:
        """Give out what came; whoever has all that was ordered goes on."""
        for entry, result in zip(entries, results, strict=True):
            collected = entry.of
            collected.results[entry.place] = result
            collected.missing -= 1
            if not collected.missing:
                collected.then(collected.results)

    # --- what does not open -----------------------------------------------------------------

    def _ask_proofs(self, job: _Job, now: datetime) -> None:
        """Every keeper is to prove the values that it signed."""
        by_key: dict[str, list[int]] = {}
        for place in job.doubted:
            by_key.setdefault(keeping.key_of(job.body.tasks[place]), []).append(place)
        job.until = now + PATIENCE
        self._wake(job.until)
        self._jobs[self._number()] = job
        for one in job.among:
            said = _said(one.name, job.body, job.replies[one.name]).encode()
            for key, places in by_key.items():
                number = self._number()
                self._proofs[number] = _Asked(job, one.name, key, tuple(places))
                job.proving.add(number)
                signature = job.replies[one.name].signature
                self._say(
                    one.name,
                    Prove(order=number, said=said, signature=signature, places=tuple(places)),
                )

    def _proved(self, sender: str, proof: Proof, now: datetime) -> None:
        asked = self._proofs.get(proof.order)
        if asked is None or asked.keeper != sender:
            return
        del self._proofs[proof.order]
        job = asked.job
        job.proving.discard(proof.order)
        if not self._stands(asked, proof.proof):
            job.guilty.add(sender)
        if job.proving:
            return
        for number in [number for number, one in self._jobs.items() if one is job]:
            del self._jobs[number]
        for name in sorted(job.guilty):
            self.out_of_step.append(
                f"{name}: it cannot prove what it has signed, and is asked no more"
            )
        self._named |= job.guilty
        if job.guilty:
            self._again(job, job.doubted, frozenset(), now)
            return
        self.out_of_step.append(
            "seal: the keepers have proved their parts; who sealed it is at fault"
        )
        entries = [job.entries[place] for place in job.doubted]
        self._finish(entries, [None] * len(entries))

    def _stands(self, asked: _Asked, proof: bytes) -> bool:
        job = asked.job
        index = self._directory.keepers[asked.keeper].index
        given = job.replies[asked.keeper].values
        values = tuple(given[place] or b"" for place in asked.places)
        try:
            threshold.verify_partials(
                self._directory.group_keys[asked.key],
                job.body.among,
                [keeping.element_of(job.body.tasks[place]) for place in asked.places],
                Parts(index, job.body.epoch, values, proof),
            )
        except JukinetError:
            return False
        return True


def _said(sender: str, order: KeeperOrder, reply: KeeperReply) -> keeping.Said:
    return keeping.said(
        order, sender, values=reply.values, refused=reply.refused, packages=reply.packages
    )


def _body(job: _Job, number: int, epoch: int) -> KeeperOrder:
    """The order that goes to each keeper; receipts and signed orders stand in it once."""
    receipts: dict[int, tuple[int, Receipt]] = {}
    orders: dict[int, tuple[int, SignedOrder]] = {}
    tasks = []
    for entry in job.entries:
        receipt, _ = receipts.setdefault(id(entry.receipt), (len(receipts), entry.receipt))
        order = NO_ORDER
        if entry.order is not None:
            order, _ = orders.setdefault(id(entry.order), (len(orders), entry.order))
        tasks.append(replace(entry.wanted.task, receipt=receipt, order=order))
    return KeeperOrder(
        order=number,
        epoch=epoch,
        among=tuple(one.index for one in job.among),
        orders=tuple(order for _, order in orders.values()),
        receipts=tuple(receipt for _, receipt in receipts.values()),
        tasks=tuple(tasks),
    )


def _opened(wanted: Wanted, parts: Sequence[bytes]) -> bytes | None:
    """What the parts of a task open; None where they do not."""
    try:
        opening = kem.open_proved if wanted.proved else kem.open_with
        return opening(threshold.combine(parts), wanted.sealed, context=wanted.context)
    except JukinetError:
        return None
