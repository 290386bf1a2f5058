"""Samples (抽出検査): answers are held against the chains that their leaves stand under.

A month's entries are picked by public randomness, and the picks stand in the log before anybody is
asked. Each agency shows for whom its answer under a picked leaf was: by the handle it holds. The
keepers open that handle, and the seed of the person's chain, on the sample's own leaf; the leaf's
label is on that chain, or the entry stands under the wrong one. What it came to is a leaf again.

An agency that says nothing for a day has shown nothing.

It cannot see an answer that gave nothing of anybody, nor a chain that has begun afresh since.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from jukinet.disclosure import pseudonyms
from jukinet.errors import Damaged, Malformed, Refused
from jukinet.keys import ratchet
from jukinet.law import leaf as leaves
from jukinet.law.inquiry import Receipt
from jukinet.law.leaf import BundleLeaf, DisclosureLeaf, RunLeaf, SampleLeaf, SampleResultLeaf
from jukinet.law.sampling import picked
from jukinet.ledger import chains
from jukinet.ledger.chains import Chain
from jukinet.ledger.writer import Draft, Ledger
from jukinet.nodes import keeping
from jukinet.nodes.centre.groups import Groups, Staged
from jukinet.nodes.centre.keepers import Keepers, Wanted
from jukinet.nodes.keyring import SEED, CentreRing, Directory, opening_key
from jukinet.nodes.message import (
    CENTRE,
    NO_ORDER,
    DrawSample,
    Message,
    NotGiven,
    OpenHandle,
    OpenKey,
    Out,
    SampleDone,
    ShowAnswers,
    Shown,
    ShownAnswers,
)
from jukinet.nodes.sealing import seed_context
from jukinet.store.engine import Store

RANDOMNESS_BYTES = 32
SHOWN_WITHIN = timedelta(days=1)


class _Sample:
    """A sample under way: who asked for it, what was picked, what came of each."""

    def __init__(
        self, asker: str, picks: tuple[int, ...], receipt: Receipt, drawn: datetime
    ) -> None:
        self.asker = asker
        self.drawn = drawn
        self.picks = picks
        self.receipt = receipt
        self.waiting: dict[str, list[int]] = {}  # by agency, the leaves that it may show
        self.shown: dict[int, tuple[str, Shown]] = {}  # with the agency that shows it
        self.agree: set[int] = set()
        self.differ: set[int] = set()
        self.nobody: set[int] = set()


class _Meant(NamedTuple):
    pick: int
    chain: Chain


class Samples:
    """The samples under way at the centre. One that a crash cut short is drawn again."""

    def __init__(
        self,
        ledger: Ledger,
        groups: Groups,
        keepers: Keepers,
        store: Store,
        ring: CentreRing,
        directory: Directory,
    ) -> None:
        self.closed = ""  # why no sample is drawn just now
        self._ledger = ledger
        self._groups = groups
        self._keepers = keepers
        self._store = store
        self._ring = ring
        self._directory = directory
        self._agencies = directory.agencies
        self._under_way: dict[int, _Sample] = {}
        self._out: Out = []

    def take_out(self) -> Out:
        """The messages that are ready."""
        out, self._out = self._out, []
        return out

    def draw(self, sender: str, asked: DrawSample, now: datetime) -> None:
        """Pick a month's entries and have the picks written down."""
        try:
            if self.closed:
                raise Refused(self.closed)
            picks = picked(self._randomness(asked), self._entries(asked.month))
        except (Malformed, Refused) as error:
            self._say(sender, NotGiven(request=b"", reason=str(error)))
            return
        leaf = SampleLeaf(
            time=leaves.leaf_time(now),
            month=asked.month,
            randomness=asked.randomness.hex(),
            picked=picks,
        )
        self._groups.stage(Staged((Draft(leaf),), partial(self._picked, sender, picks, now)))

    def _say(self, receiver: str, body: NotGiven | ShowAnswers | SampleDone) -> None:
        self._out.append(Message(sender=CENTRE, receiver=receiver, body=body))

    def _randomness(self, asked: DrawSample) -> bytes:
        if len(asked.randomness) != RANDOMNESS_BYTES:
            raise Malformed(f"randomness: want {RANDOMNESS_BYTES} bytes")
        return asked.randomness

    def _entries(self, month: str) -> list[int]:
        """The leaves of a month's run under which something may have been given."""
        run = next((one for one in self._ledger.noted.runs if one.name == month), None)
        if not isinstance(run, RunLeaf) or run.span != "month":
            raise Refused(f"month {month}: its run is not made yet; sample a month that is over")
        return [
            index
            for index in range(run.first, run.end)
            if isinstance(leaves.decode(self._ledger.log.entry(index)), DisclosureLeaf | BundleLeaf)
        ]

    # --- the agencies show, the keepers open ------------------------------------------------

    def _picked(
        self, sender: str, picks: tuple[int, ...], now: datetime, receipts: tuple[Receipt, ...]
    ) -> None:
        sample = _Sample(sender, picks, receipts[0], now)
        self._under_way[receipts[0].index] = sample
        by_agency: dict[str, list[int]] = {}
        for pick in picks:
            leaf = leaves.decode(self._ledger.log.entry(pick))
            assert isinstance(leaf, DisclosureLeaf | BundleLeaf)
            for agency in self._named(leaf.agency):
                by_agency.setdefault(agency, []).append(pick)
        sample.waiting = dict(by_agency)
        for agency, of in sorted(by_agency.items()):
            self._say(agency, ShowAnswers(sample=receipts[0].index, leaves=tuple(of)))
        if not by_agency:
            self._result(receipts[0].index, sample, now)

    def _named(self, agency: str) -> list[str]:
        """The agencies that a leaf may mean: a municipal one is shown by prefecture only."""
        if not agency.startswith("municipal/"):
            return [agency] if agency in self._agencies else []
        prefecture = agency.partition("/")[2]
        return [name for name, one in self._agencies.items() if one.prefecture == prefecture]

    def shown(self, sender: str, shown: ShownAnswers, now: datetime) -> None:
        """An agency has shown for whom its answers were."""
        sample = self._under_way.get(shown.sample)
        if sample is None or sender not in sample.waiting:
            return
        asked = sample.waiting.pop(sender)
        for one in shown.shown:
            if one.leaf in asked and one.handle:
                sample.shown[one.leaf] = sender, one
            elif one.leaf in asked:
                sample.nobody.add(one.leaf)
        if not sample.waiting:
            self._open_handles(shown.sample, sample, now)

    def tick(self, now: datetime) -> None:
        """Go on without those who have been silent for too long."""
        for index, sample in self._under_way.items():
            if sample.waiting and now >= sample.drawn + SHOWN_WITHIN:
                sample.waiting.clear()
                self._open_handles(index, sample, now)

    def _open_handles(self, index: int, sample: _Sample, now: datetime) -> None:
        """The handles and tickets that are this door's; the others are of nobody here, and differ.

        Handles are opened by the keepers, tickets by the door itself.
        """
        wanted: list[Wanted] = []
        picks: list[int] = []
        found: list[tuple[int, bytes]] = []
        for pick, (agency, one) in sorted(sample.shown.items()):
            try:
                if len(one.handle) == pseudonyms.TICKET_BYTES:
                    key = self._ring.door
                    ticket = pseudonyms.open_ticket(key, one.sector, agency, one.handle)
                    found.append((pick, ticket))
                else:
                    wanted.append(self._handle(one, agency, len(picks)))
                    picks.append(pick)
            except (Refused, Damaged):
                sample.differ.add(pick)
        then = partial(self._handles_opened, index, sample, found, picks, now)
        self._keepers.order(wanted, (sample.receipt,), then)

    def _handle(self, shown: Shown, agency: str, place: int) -> Wanted:
        """A handle to be opened; Refused where this door has not made it for the agency."""
        sealed = pseudonyms.check_handle(self._ring.door, shown.sector, agency, shown.handle)
        public = self._directory.public(opening_key(shown.sector))
        task = OpenHandle(
            receipt=0,
            order=NO_ORDER,
            question=0,
            agency=agency,
            sector=shown.sector,
            handle=shown.handle,
            beside=b"",
            step=f"handle-{place}",
        )
        context = pseudonyms.handle_context(shown.sector, agency, public)
        return Wanted(task, sealed, context, proved=True)

    def _handles_opened(
        self,
        index: int,
        sample: _Sample,
        tickets: Sequence[tuple[int, bytes]],
        picks: Sequence[int],
        now: datetime,
        values: Sequence[bytes | None],
    ) -> None:
        """Whose the handles and tickets are, and the seeds of their chains."""
        locators = [*tickets]
        for pick, opened in zip(picks, values, strict=True):
            meant = pseudonyms.read(opened or b"")
            locators.append((pick, meant.locator if meant else b""))
        found: list[_Meant] = []
        for pick, locator in locators:
            with self._store.begin() as tx:
                chain = chains.of(tx, [locator]).get(locator)
            if chain is None:
                sample.differ.add(pick)
            else:
                found.append(_Meant(pick, chain))
        wanted = [_seed(one.chain, place) for place, one in enumerate(found)]
        then = partial(self._seeds_opened, index, sample, found, now)
        self._keepers.order(wanted, (sample.receipt,), then)

    def _seeds_opened(
        self,
        index: int,
        sample: _Sample,
        found: Sequence[_Meant],
        now: datetime,
        seeds: Sequence[bytes | None],
    ) -> None:
        """Whether each leaf's label is on the chain of the one whom the answer was about."""
        for one, seed in zip(found, seeds, strict=True):
            labels = self._labels(one.pick)
            if seed is not None and labels & _chain_labels(seed, one.chain.place):
                sample.agree.add(one.pick)
            elif one.chain.epoch > 0:
                sample.nobody.add(one.pick)  # the chain has begun afresh since
            else:
                sample.differ.add(one.pick)
        self._result(index, sample, now)

    def _labels(self, index: int) -> set[bytes]:
        leaf = leaves.decode(self._ledger.log.entry(index))
        return set(self._ledger.labels(index, leaf))

    # --- what it came to --------------------------------------------------------------------

    def _result(self, index: int, sample: _Sample, now: datetime) -> None:
        told = sample.agree | sample.differ | sample.nobody
        leaf = SampleResultLeaf(
            time=leaves.leaf_time(now),
            sample=index,
            agree=len(sample.agree),
            differ=tuple(sorted(sample.differ)),
            nobody=len(sample.nobody - sample.agree - sample.differ),
            not_shown=tuple(sorted(set(sample.picks) - told)),
        )
        self._groups.stage(Staged((Draft(leaf),), partial(self._told, index, sample)))

    def _told(self, index: int, sample: _Sample, receipts: tuple[Receipt, ...]) -> None:
        del self._under_way[index]
        self._say(sample.asker, SampleDone(sample=index, receipt=receipts[0]))


def _seed(chain: Chain, place: int) -> Wanted:
    task = OpenKey(
        receipt=0,
        order=NO_ORDER,
        question=0,
        step=f"seed-{place}",
        key=SEED,
        sealed=chain.sealed_seed[: keeping.ELEMENT_BYTES],
    )
    return Wanted(task, chain.sealed_seed, seed_context(chain.locator))


def _chain_labels(seed: bytes, count: int) -> set[bytes]:
    """The labels that a chain has used."""
    found, state = set(), seed
    for _ in range(count):
        found.add(ratchet.label(state))
        state = ratchet.next_state(state)
    return found
