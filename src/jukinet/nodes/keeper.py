"""A keeper (符号鍵の保管者): opens and numbers on a spent receipt, and on nothing else.

Each task cites the receipt of a leaf that stands in the public log. The keeper checks the log's
signature and the proof itself, that the leaf is of the right kind and of the sector whose key is to
be used, and spends the leaf once for each of the few steps that an inquiry has. So nothing is
opened for which there is no public leaf, and no leaf serves twice.

Provisional: one keeper, who holds whole keys. It is a process of its own already and answers
messages.

Order of writes: what is spent is committed before any value is given.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import MetaData

from jukinet.client.receipts import LogKey, check_receipt, check_record
from jukinet.disclosure.pseudonyms import sector_context, sector_number
from jukinet.errors import JukinetError, Malformed
from jukinet.keys.seal import OpenKey as Opening
from jukinet.law.inquiry import Receipt
from jukinet.law.leaf import (
    DeferredLeaf,
    Given,
    InquiryLeaf,
    Leaf,
    SampleLeaf,
    deferred_context,
    labels_of,
    public_asker,
)
from jukinet.law.schedule import Kind, Schedule, load
from jukinet.law.standing import day_of
from jukinet.nodes.keyring import (
    KeeperRing,
    payload_opening,
    sector_number_key,
    sector_opening,
)
from jukinet.nodes.message import (
    CENTRE,
    HISTORY_MAX,
    KeeperOrder,
    KeeperReply,
    MakeNumber,
    Message,
    OpenHandle,
    OpenKey,
    Out,
    Task,
)
from jukinet.nodes.sealing import PAYLOAD_CONTEXT, SEED_CONTEXT
from jukinet.store.engine import Store, Transaction
from jukinet.store.rows import Rows, integer, text

SPENT_METADATA = MetaData()


class Spent(NamedTuple):
    """A leaf that has served for a step."""

    leaf: int
    step: str


SPENT = Rows(
    "spent",
    SPENT_METADATA,
    Spent,
    [integer("leaf", key=True), text("step", key=True)],
    compact=True,
)

METADATA = (SPENT_METADATA,)

OPEN_STEPS = frozenset(("open-1", "open-2"))
HISTORY_STEPS = OPEN_STEPS | {f"history-{place}" for place in range(HISTORY_MAX)}
DEFERRED = "deferred"  # opens nothing but the leaf's own: again after a crash, and as often
CHECKED_MAX = 4096
NO_RECEIPT = "receipt: the order cites none"


class Keeper:
    """One keeper's node."""

    def __init__(
        self,
        name: str,
        store: Store,
        ring: KeeperRing,
        log_key: LogKey,
        schedule: Schedule | None = None,
    ) -> None:
        """A keeper reads the schedules itself: those of the package, unless others are given."""
        self.name = name
        self.store = store
        self._ring = ring
        self._log_key = log_key
        self._schedule = schedule or load()
        self._payload = payload_opening(ring)
        self._sectors: dict[str, tuple[Opening, bytes]] = {}
        self._checked: dict[Receipt, Leaf] = {}

    def start(self, now: datetime) -> Out:
        """A keeper waits to be asked."""
        return []

    def step(self, message: Message, now: datetime) -> Out:
        """Do what an order of the centre asks, as far as its receipts allow."""
        order = message.body
        if not isinstance(order, KeeperOrder) or message.sender != CENTRE:
            raise Malformed(
                f"message: a keeper takes no {type(order).__name__} from {message.sender}"
            )
        found = [self._leaf(receipt) for receipt in order.receipts]
        cited = [
            found[task.receipt] if 0 <= task.receipt < len(found) else NO_RECEIPT
            for task in order.tasks
        ]
        reasons = [
            leaf if isinstance(leaf, str) else self._why_not(task, leaf, now)
            for task, leaf in zip(order.tasks, cited, strict=True)
        ]
        with self.store.begin() as tx:
            reasons = _spend(tx, order, reasons)
        done = [
            (None, reason) if reason else self._do(task)
            for task, reason in zip(order.tasks, reasons, strict=True)
        ]
        reply = KeeperReply(
            order=order.order,
            values=tuple(value for value, _ in done),
            refused=tuple(reason for value, reason in done if value is None),
        )
        return [Message(sender=self.name, receiver=message.sender, body=reply)]

    def _leaf(self, receipt: Receipt) -> Leaf | str:
        """The leaf that a receipt proves to stand in the log, or why it proves none.

        An inquiry cites one receipt in several orders; it is verified once.
        """
        leaf = self._checked.get(receipt)
        if leaf is None:
            try:
                leaf = check_receipt(receipt, self._log_key)
                check_record(leaf, receipt)
            except JukinetError as error:
                return str(error)
            if len(self._checked) >= CHECKED_MAX:
                self._checked.clear()
            self._checked[receipt] = leaf
        return leaf

    def _why_not(self, task: Task, leaf: Leaf, now: datetime) -> str:
        """Why a leaf does not allow a task, or an empty text."""
        if isinstance(task, OpenHandle):
            if isinstance(leaf, SampleLeaf):
                return _why_not_step(task.step, "handle", len(leaf.picked))
            if not isinstance(leaf, InquiryLeaf):
                return "receipt: a handle is opened on the leaf of its inquiry"
            if leaf.count == 1:
                many = "" if task.step == "handle" else "step: the leaf allows one handle"
            else:
                many = _why_not_step(task.step, "handle", leaf.count)
            return many or self._why_not_sector(task.sector, leaf)
        if isinstance(leaf, SampleLeaf) and isinstance(task, OpenKey):
            if not task.context.startswith(SEED_CONTEXT):
                return "context: on a sample's leaf seeds of chains are opened, and nothing else"
            return _why_not_step(task.step, "seed", len(leaf.picked))
        if not isinstance(leaf, Given):
            return "receipt: payloads and numbers need the leaf of a disclosure"
        if isinstance(task, MakeNumber):
            return self._why_not_sector(task.sector, leaf)
        if task.step == DEFERRED:
            return _why_not_due(task, leaf, now)
        if not task.context.startswith(PAYLOAD_CONTEXT):
            return "context: on the leaf of a disclosure payloads are opened, and nothing else"
        wanted = HISTORY_STEPS if leaf.kind == Kind.CHANGES else OPEN_STEPS
        return "" if task.step in wanted else "step: an inquiry of this kind has none such"

    def _why_not_sector(self, sector: str, leaf: InquiryLeaf | Given) -> str:
        grant = self._schedule.grants.get(sector.partition("/")[2])
        if grant is None or grant.sector != sector:
            return "sector: the schedules have none such"
        receiver = self._schedule.receivers[grant.receiver]
        prefecture = leaf.agency.rpartition("/")[2]
        if public_asker(receiver, prefecture, grant.id) != (leaf.agency, leaf.row):
            return "receipt: its leaf is of another agency or row"
        return ""

    def _do(self, task: Task) -> tuple[bytes | None, str]:
        """The value of a task that is allowed, or why there is none."""
        try:
            if isinstance(task, OpenKey):
                return self._payload.open(task.wrapped, context=task.context), ""
            opening, number_key = self._sector(task.sector)
            if isinstance(task, MakeNumber):
                return sector_number(number_key, task.sector, task.root).encode(), ""
            return opening.open(task.sealed, context=sector_context(task.sector)), ""
        except JukinetError as error:
            return None, str(error)

    def _sector(self, sector: str) -> tuple[Opening, bytes]:
        if sector not in self._sectors:
            self._sectors[sector] = (
                sector_opening(self._ring, sector),
                sector_number_key(self._ring, sector),
            )
        return self._sectors[sector]


def _spend(tx: Transaction, order: KeeperOrder, reasons: Sequence[str]) -> list[str]:
    """Spend the leaves of what is allowed; for each task why it may not be done."""
    spent = set(SPENT.get_many(tx, "leaf", [receipt.index for receipt in order.receipts]))
    found, fresh = [], []
    for task, reason in zip(order.tasks, reasons, strict=True):
        if not reason:
            receipt = order.receipts[task.receipt]
            one = Spent(receipt.index, _step(task, receipt))
            if one not in spent:
                fresh.append(one)
                spent.add(one)
            elif one.step != DEFERRED:
                reason = "receipt: this leaf has been spent"
        found.append(reason)
    SPENT.add(tx, *fresh)
    return found


def _step(task: Task, receipt: Receipt) -> str:
    """What a leaf is spent for; of a bundle, each place by itself."""
    step = "number" if isinstance(task, MakeNumber) else task.step
    return f"{step}@{receipt.place}" if receipt.record else step


def _why_not_step(step: str, what: str, count: int) -> str:
    """A leaf that speaks of many serves once for each."""
    wanted = {f"{what}-{place}" for place in range(count)}
    return "" if step in wanted else f"step: the leaf allows {count} of {what}"


def _why_not_due(task: OpenKey, leaf: Given, now: datetime) -> str:
    """What is kept from its resident is opened on its own leaf, and not before its day."""
    if not isinstance(leaf, DeferredLeaf):
        return "step: nothing is kept back under this leaf"
    (label,) = labels_of(leaf)
    if task.context != deferred_context(label):
        return "context: on a deferred leaf its own sealed part is opened, and nothing else"
    return "" if leaf.open_on <= str(day_of(now)) else f"step: not before {leaf.open_on}"
