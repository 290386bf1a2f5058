"""Chains (本人の符鎖): for each person (n, s_n), and nothing from which the past can be computed.

Only the log's writer advances a chain. The order is: the leaf under label_n is durable in the log,
then the chain moves to n+1 here. After a crash between the two, or after a restore from an older
back-up, `catch_up` reads the leaves that this store has not seen, finds each chain by the label
that it was to use next, and advances it: the same step as ever. A chain that began after that
back-up is begun anew by its seed, past the labels that it had used.

Beside the chains stand the nonces of what was asked of late, so that the same signed inquiry is not
answered twice; they are written in the same transaction.
"""

from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

from sqlalchemy import MetaData, bindparam, delete

from jukinet.keys import ratchet
from jukinet.law.notice import ChainStart
from jukinet.store.engine import Statement, Transaction
from jukinet.store.rows import Rows, blob, integer, text

METADATA = MetaData()


class Chain(NamedTuple):
    """One person's chain as it stands: its epoch, its place, its state, the label to come."""

    locator: bytes
    epoch: int
    place: int
    state: bytes
    label: bytes
    sealed_seed: bytes  # s_0, sealed to the keepers

    def __repr__(self) -> str:
        """Shows neither whose it is nor its state."""
        return "<Chain>"


CHAINS = Rows(
    "chain",
    METADATA,
    Chain,
    [
        blob("locator", key=True),
        integer("epoch"),
        integer("place"),
        blob("state"),
        blob("label"),
        blob("sealed_seed"),
    ],
    indexes=[("label",)],
)


class LabelRow(NamedTuple):
    """A label that stands in the log, and the index of its leaf."""

    label: bytes
    leaf: int


LABELS = Rows("label", METADATA, LabelRow, [blob("label", key=True), integer("leaf")], compact=True)


class Progress(NamedTuple):
    """How many leaves of the log this store has taken in."""

    name: str
    size: int


PROGRESS = Rows("progress", METADATA, Progress, [text("name", key=True), integer("size")])


class Nonce(NamedTuple):
    """An inquiry that has been taken; until when (POSIX seconds) a repeat would not be stale.

    The same signed bytes say the same time. It stands first in the key: what is new is written
    beside what was new just before, and what is old lies together.
    """

    until: int
    agency: str
    nonce: bytes


NONCES = Rows(
    "nonce",
    METADATA,
    Nonce,
    [integer("until", key=True), text("agency", key=True), blob("nonce", key=True)],
    compact=True,
)

_BY_LABEL = CHAINS.query(CHAINS.table.c.label == bindparam("label"))
_FORGET = Statement(delete(NONCES.table).where(NONCES.table.c.until < bindparam("now")))


def start(tx: Transaction, starts: Iterable[tuple[bytes, ChainStart]]) -> None:
    """Begin chains, or fresh ones after a new seed; news that is not newer is ignored."""
    news: dict[bytes, ChainStart] = {}
    for locator, begun in starts:
        if locator not in news or begun.epoch > news[locator].epoch:
            news[locator] = begun
    known = {row.locator: row.epoch for row in CHAINS.get_many(tx, "locator", news)}
    fresh = [
        _from_seed(locator, begun)
        for locator, begun in news.items()
        if begun.epoch > known.get(locator, -1)
    ]
    used = {row.label for row in LABELS.get_many(tx, "label", [chain.label for chain in fresh])}
    CHAINS.put(tx, *[_unused(tx, chain) if chain.label in used else chain for chain in fresh])


def _from_seed(locator: bytes, begun: ChainStart) -> Chain:
    label = ratchet.label(begun.seed)
    return Chain(locator, begun.epoch, 0, begun.seed, label, begun.sealed_seed)


def _unused(tx: Transaction, chain: Chain) -> Chain:
    """A chain past every label that stands in the log already (after a restore)."""
    while LABELS.get(tx, chain.label) is not None:
        chain = stepped(chain)
    return chain


def of(tx: Transaction, locators: Iterable[bytes]) -> dict[bytes, Chain]:
    """The chains of some people."""
    return {row.locator: row for row in CHAINS.get_many(tx, "locator", locators)}


def stepped(chain: Chain) -> Chain:
    """The chain after its label was used."""
    state = ratchet.next_state(chain.state)
    return chain._replace(place=chain.place + 1, state=state, label=ratchet.label(state))


def record(tx: Transaction, chains: Iterable[Chain], labels: Iterable[LabelRow], size: int) -> None:
    """Write down how chains stand after the log has grown to a size."""
    CHAINS.put(tx, *chains)
    LABELS.put(tx, *labels)
    PROGRESS.put(tx, Progress("log", size))


def repeated(tx: Transaction, nonces: Iterable[Nonce]) -> set[Nonce]:
    """Which inquiries were taken before."""
    return {one for one in nonces if NONCES.get(tx, *one) is not None}


def remember(tx: Transaction, nonces: Iterable[Nonce]) -> None:
    """Write down which inquiries were taken."""
    NONCES.put(tx, *nonces)


def forget(tx: Transaction, now: int) -> int:
    """Forget inquiries that would be stale by now (POSIX seconds); how many."""
    return tx.run(_FORGET, now=now)


def taken_in(tx: Transaction) -> int:
    """How many leaves of the log this store has taken in."""
    row = PROGRESS.get(tx, "log")
    return row.size if row else 0


def catch_up(tx: Transaction, first: int, labels: Sequence[Sequence[bytes]]) -> None:
    """Take in the labels of leaves that this store has not seen, in order.

    Within a leaf they may stand in any order: those of one person in a bundle do.
    """
    rows: list[LabelRow] = []
    moved: dict[bytes, Chain] = {}  # by the label that each is to use next
    for leaf, ones in enumerate(labels, start=first):
        together = set(ones)
        for label in ones:
            rows.append(LabelRow(label, leaf))
            chain = moved.pop(label, None) or _BY_LABEL.one(tx, label=label)
            if chain is not None:
                moved.update(_past(chain, together))
    record(tx, moved.values(), rows, first + len(labels))


def _past(chain: Chain, used: Set[bytes]) -> dict[bytes, Chain]:
    """A chain after the labels that it has used, by the one that it is to use next."""
    while chain.label in used:
        chain = stepped(chain)
    return {chain.label: chain}
