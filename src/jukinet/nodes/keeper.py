"""A keeper (符号鍵の保管者): opens and numbers on a spent receipt, and on nothing else.

Each task cites the receipt of a leaf that stands in the public log. The keeper checks the log's
signature and the proof itself, and spends the leaf once for each step; so nothing is opened for
which there is no public leaf, and no leaf serves twice.

Provisional: one keeper, who holds whole keys. It is a process of its own already and answers
messages.

Order of writes: what is spent is committed before any value is given.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import MetaData

from jukinet.client.receipts import LogKey, check_receipt
from jukinet.disclosure.pseudonyms import sector_context, sector_number
from jukinet.errors import JukinetError, Malformed, Refused
from jukinet.keys.seal import OpenKey as Opening
from jukinet.law.leaf import DisclosureLeaf, InquiryLeaf, Leaf
from jukinet.nodes.keyring import (
    KeeperRing,
    payload_opening,
    sector_number_key,
    sector_opening,
)
from jukinet.nodes.message import (
    KeeperOrder,
    KeeperReply,
    MakeNumber,
    Message,
    OpenHandle,
    OpenKey,
    Out,
    Task,
)
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


class Keeper:
    """One keeper's node."""

    def __init__(self, name: str, store: Store, ring: KeeperRing, log_key: LogKey) -> None:
        self.name = name
        self.store = store
        self._ring = ring
        self._log_key = log_key
        self._payload = payload_opening(ring)
        self._sectors: dict[str, tuple[Opening, bytes]] = {}

    def start(self, now: datetime) -> Out:
        """A keeper waits to be asked."""
        return []

    def step(self, message: Message, now: datetime) -> Out:
        """Do what an order asks, as far as its receipts allow."""
        order = message.body
        if not isinstance(order, KeeperOrder):
            raise Malformed(f"message: a keeper takes no {type(order).__name__}")
        leaves = [check_receipt(receipt, self._log_key) for receipt in order.receipts]
        indexes = [receipt.index for receipt in order.receipts]
        with self.store.begin() as tx:
            reasons = self._spend(tx, order, indexes)
        values: list[bytes | None] = []
        refused = []
        for task, reason in zip(order.tasks, reasons, strict=True):
            try:
                if reason:
                    raise Refused(reason)
                values.append(self._do(task, leaves[task.receipt]))
            except JukinetError as error:
                values.append(None)
                refused.append(str(error))
        reply = KeeperReply(order=order.order, values=tuple(values), refused=tuple(refused))
        return [Message(sender=self.name, receiver=message.sender, body=reply)]

    def _spend(self, tx: Transaction, order: KeeperOrder, indexes: list[int]) -> list[str]:
        """Spend the leaves; for each task why it may not be done, or an empty text."""
        wanted = [Spent(indexes[task.receipt], _step(task)) for task in order.tasks]
        spent = set(SPENT.get_many(tx, "leaf", indexes))
        reasons = []
        for one in wanted:
            reasons.append("receipt: this leaf has been spent" if one in spent else "")
            spent.add(one)
        fresh = [one for one, reason in zip(wanted, reasons, strict=True) if not reason]
        SPENT.add(tx, *fresh)
        return reasons

    def _do(self, task: Task, leaf: Leaf) -> bytes:
        if isinstance(task, OpenHandle):
            if not isinstance(leaf, InquiryLeaf):
                raise Refused("receipt: a handle is opened on the leaf of its inquiry")
            opening, _ = self._sector(task.sector)
            return opening.open(task.sealed, context=sector_context(task.sector))
        if not isinstance(leaf, DisclosureLeaf):
            raise Refused("receipt: payloads and numbers need the leaf of a disclosure")
        if isinstance(task, MakeNumber):
            _, number_key = self._sector(task.sector)
            return sector_number(number_key, task.sector, task.root).encode()
        return self._payload.open(task.wrapped, context=task.context)

    def _sector(self, sector: str) -> tuple[Opening, bytes]:
        if sector not in self._sectors:
            self._sectors[sector] = (
                sector_opening(self._ring, sector),
                sector_number_key(self._ring, sector),
            )
        return self._sectors[sector]


def _step(task: Task) -> str:
    if isinstance(task, OpenHandle):
        return "handle"
    return task.step if isinstance(task, OpenKey) else "number"
