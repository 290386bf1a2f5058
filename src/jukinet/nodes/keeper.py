"""A keeper (符号鍵の保管者): works with its shares on an agency's order and a spent receipt alone.

Each task cites the receipt of a leaf that stands in the public log, and the order that an agency
signed. The keeper checks the log's signature and its witnesses', the proof, and the agency's
signature itself; that leaf, order and task speak of the same, under a row of its own copy of the
schedules; and spends the leaf once for each of the few steps that a question has. An order serves
on its own leaves and on no others, for as long as it is fresh, within what its agency may ask in an
hour. So nothing is opened that no agency asked for and for which there is no public leaf.

A keeper holds one share of each key and opens nothing alone. What it gives are parts; those of a
number it gives sealed to the agency. It signs its answers, and keeps a log of its own: which leaf
has served for how much, never whom a task was about.

The same part of the same leaf is given again only where it is to be used among other keepers: the
centre asks for that when one of them is silent.

Order of writes: what is spent is committed, then logged, before any value is given.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple, Protocol

from sqlalchemy import MetaData

from jukinet.client.receipts import LogKey, check_receipt, check_record
from jukinet.disclosure.pseudonyms import MAC_BYTES, handle_context, parts_context
from jukinet.errors import JukinetError, Malformed, Refused
from jukinet.keys import kem, threshold
from jukinet.keys.chance import Chance
from jukinet.keys.seal import SealKey
from jukinet.keys.sign import VerifyKey
from jukinet.keys.threshold import KeyShare
from jukinet.law import leaf as leaves
from jukinet.law import order as orders
from jukinet.law.inquiry import Receipt
from jukinet.law.leaf import (
    BundleLeaf,
    DeferredLeaf,
    Given,
    InquiryLeaf,
    Leaf,
    ReleaseLeaf,
    SampleLeaf,
    item_names,
    labels_of,
    public_asker,
)
from jukinet.law.order import Order, SignedOrder
from jukinet.law.schedule import Kind, Schedule, load
from jukinet.law.signing import Signatures
from jukinet.law.standing import day_of
from jukinet.nodes import keeping
from jukinet.nodes.keeper_log import KeeperLog, Served
from jukinet.nodes.keyring import (
    DEFERRED,
    INDEX,
    RELEASE,
    SEED,
    AgencyEntry,
    Directory,
    KeeperRing,
    number_key,
    signing_key,
)
from jukinet.nodes.message import (
    CENTRE,
    HISTORY_MAX,
    Health,
    Healthy,
    KeeperOrder,
    KeeperReply,
    MakeNumber,
    Message,
    OpenHandle,
    OpenKey,
    Out,
    Proof,
    Prove,
    Task,
)
from jukinet.store.disk import Disk
from jukinet.store.engine import Store, Transaction
from jukinet.store.rows import Rows, blob, integer, text

SPENT_METADATA = MetaData()


class Spent(NamedTuple):
    """A leaf that has served for a step, among which keepers, and for what (a short hash)."""

    leaf: int
    step: str
    among: str
    what: bytes


SPENT = Rows(
    "spent",
    SPENT_METADATA,
    Spent,
    [
        integer("leaf", key=True),
        text("step", key=True),
        text("among", key=True),
        blob("what"),
    ],
    compact=True,
)


class Used(NamedTuple):
    """A leaf on which a signed order serves: as an inquiry, or as a disclosure."""

    digest: bytes
    what: str
    leaf: int


USED = Rows(
    "used",
    SPENT_METADATA,
    Used,
    [blob("digest", key=True), text("what", key=True), integer("leaf", key=True)],
    compact=True,
)


class Budget(NamedTuple):
    """How much an agency has had of this keeper in an hour (its number since 1970)."""

    agency: str
    hour: int
    used: int


BUDGETS = Rows(
    "budget",
    SPENT_METADATA,
    Budget,
    [text("agency", key=True), integer("hour", key=True), integer("used")],
    compact=True,
)

METADATA = (SPENT_METADATA,)

OPEN_STEPS = frozenset(("open-1", "open-2"))
HISTORY_STEPS = OPEN_STEPS | {f"history-{place}" for place in range(HISTORY_MAX)}
KEPT_STEP = "deferred"  # opens nothing but the leaf's own: again after a crash, and as often
CHECKED_MAX = 4096
FRESH_FOR: Final = timedelta(hours=1)
AHEAD_MAX: Final = timedelta(minutes=15)
LEAVES_OF_ONE: Final = 32  # that a search for one person may have
BUDGET: Final = 4_000_000
"""How many tasks a keeper does for an agency in an hour, where nothing else is said."""

NO_RECEIPT = "receipt: the order cites none"
SPENT_ALREADY = "receipt: this leaf has been spent"


class Shares(Protocol):
    """Where a keeper's shares are: of each key one, all of one epoch."""

    def share(self, name: str) -> KeyShare:
        """Its share of a key; raises Refused where it has none."""
        ...


class HeldShares:
    """Shares in memory."""

    def __init__(self, shares: Mapping[str, KeyShare]) -> None:
        self._shares = shares

    def share(self, name: str) -> KeyShare:
        """Its share of a key; raises Refused where it has none."""
        if name not in self._shares:
            raise Refused("share: this keeper has none of such a key; hold a ceremony for it")
        return self._shares[name]

    def __repr__(self) -> str:
        """Shows no share."""
        return f"<HeldShares of {len(self._shares)} keys>"


class _Asked(NamedTuple):
    """An agency's order, its signature verified, and what the schedules say of it."""

    order: Order
    digest: str
    agency: AgencyEntry
    sector: str
    shown: tuple[str, str]  # how asker and row are shown to the public


class Keeper:
    """One keeper's node."""

    def __init__(
        self,
        name: str,
        store: Store,
        disk: Disk,
        shares: Shares,
        ring: KeeperRing,
        log_key: LogKey,
        directory: Directory,
        chance: Chance,
        schedule: Schedule | None = None,
        *,
        budget: int = BUDGET,
    ) -> None:
        """A keeper reads the schedules itself: those of the package, unless others are given."""
        self.name = name
        self.store = store
        self.log = KeeperLog.open(disk)
        self._shares = shares
        self._signing = signing_key(ring.signing)
        self._log_key = log_key
        self._directory = directory
        self._chance = chance
        self._schedule = schedule or load()
        self._budget = budget
        self._index = directory.keepers[name].index
        self._signatures = Signatures(
            {one: VerifyKey(entry.verify) for one, entry in directory.agencies.items()}
        )
        self._seals: dict[str, SealKey] = {}
        self._checked: dict[Receipt, Leaf] = {}
        self._orders: dict[bytes, _Asked] = {}

    def start(self, now: datetime) -> Out:
        """A keeper waits to be asked."""
        return []

    def step(self, message: Message, now: datetime) -> Out:
        """Do what an order of the centre asks, as far as its receipts allow."""
        body = message.body
        reply: KeeperReply | Proof | Healthy
        if message.sender == CENTRE and isinstance(body, KeeperOrder):
            reply = self._done(body, now)
        elif message.sender == CENTRE and isinstance(body, Prove):
            reply = Proof(order=body.order, proof=self._proof(body))
        elif message.sender == CENTRE and isinstance(body, Health):
            reply = Healthy(asked=body.asked, epoch=self.epoch, logged=self.log.size)
        else:
            raise Malformed(
                f"message: a keeper takes no {type(body).__name__} from {message.sender}"
            )
        return [Message(sender=self.name, receiver=message.sender, body=reply)]

    def _done(self, order: KeeperOrder, now: datetime) -> KeeperReply:
        """The reply to an order: its parts, each allowed, spent and logged before it is made."""
        checking = _Checking(self, order, now)
        reasons = [checking.why_not(task) for task in order.tasks]
        with self.store.begin() as tx:
            reasons = self._spend(tx, order, checking, reasons, now)
        served = _served(order, reasons)
        if served:
            self.log.append(order.order, served, now)
        values, packages = self._values(order, reasons)
        refused = tuple(
            reason or "part: it cannot be made of what was sent"
            for reason, value in zip(reasons, values, strict=True)
            if value is None
        )
        said = keeping.said(order, self.name, values=values, refused=refused, packages=packages)
        return KeeperReply(
            order=order.order,
            epoch=order.epoch,
            values=said.values,
            refused=said.refused,
            packages=said.packages,
            signature=self._signing.sign(said.encode()),
        )

    # --- what is cited ----------------------------------------------------------------------

    def leaf(self, receipt: Receipt) -> Leaf | str:
        """The leaf that a receipt proves to stand in the log, or why it proves none.

        An inquiry cites one receipt in several orders; it is verified once.
        """
        found = self._checked.get(receipt)
        if found is None:
            try:
                found = check_receipt(receipt, self._log_key)
                check_record(found, receipt)
            except JukinetError as error:
                return str(error)
            _remember(self._checked, receipt, found)
        return found

    def asked(self, signed: SignedOrder) -> _Asked | str:
        """An agency's order, its signature verified once, or why it is none."""
        found = self._orders.get(signed.content)
        if found is None:
            try:
                found = self._read(signed)
            except JukinetError as error:
                return str(error)
            _remember(self._orders, signed.content, found)
        return found

    def _read(self, signed: SignedOrder) -> _Asked:
        order = orders.decode(signed.content)
        entry = self._directory.agencies.get(order.agency)
        grant = self._schedule.grants.get(order.row)
        if entry is None or grant is None or grant.receiver != entry.receiver:
            raise Refused("order: the schedules have no such row of this agency's")
        self._signatures.verify(order.agency, signed.content, signed.signature)
        receiver = self._schedule.receivers[grant.receiver]
        shown = public_asker(receiver, entry.prefecture, grant.id)
        return _Asked(order, orders.signed_digest(signed.content), entry, grant.sector, shown)

    def numbers_go_to(self, asked: _Asked) -> tuple[str, str]:
        """To which agency's sector the numbers of an order go; a conversion's to another."""
        if asked.order.kind is not Kind.CONVERT:
            return asked.agency.id, asked.sector
        target = self._schedule.grants[self._schedule.grants[asked.order.row].to]
        agencies = self._directory.agencies.values()
        of = [one.id for one in agencies if one.receiver == target.receiver]
        return (of[0] if len(of) == 1 else ""), target.sector

    @property
    def index(self) -> int:
        """Its place in every sharing."""
        return self._index

    @property
    def epoch(self) -> int:
        """Of which epoch its shares are."""
        return self._shares.share(INDEX).epoch

    @property
    def threshold(self) -> int:
        """How many keepers work together."""
        return self._directory.threshold

    def public(self, name: str) -> bytes:
        """The public half of a key that this keeper has a share of."""
        return self._directory.public(name)

    # --- what is spent ----------------------------------------------------------------------

    def _spend(
        self,
        tx: Transaction,
        order: KeeperOrder,
        checking: "_Checking",
        reasons: Sequence[str],
        now: datetime,
    ) -> list[str]:
        """Spend leaves, orders and budgets for what is allowed; for each task why it is not."""
        among = " ".join(map(str, order.among))
        spending = _Spending(tx, order, among)
        budgets = _Budgets(tx, self._budget, int(now.timestamp()) // 3600)
        found = []
        for task, reason in zip(order.tasks, reasons, strict=True):
            if not reason:
                receipt = order.receipts[task.receipt]
                asked = checking.order_of(task)
                if asked is not None:
                    reason = budgets.why_not(asked.order.agency)
                    reason = reason or spending.why_not_order(asked.digest, receipt, task)
                reason = reason or spending.why_not(task, receipt, checking.count_of(task))
            found.append(reason)
        spending.write()
        budgets.write()
        return found

    # --- what is given ----------------------------------------------------------------------

    def _values(
        self, order: KeeperOrder, reasons: Sequence[str]
    ) -> tuple[list[bytes | None], list[bytes]]:
        """The parts of what is allowed, key by key; numbers come in packages."""
        values: list[bytes | None] = [None] * len(order.tasks)
        by_key: dict[str, list[int]] = defaultdict(list)
        for place, (task, reason) in enumerate(zip(order.tasks, reasons, strict=True)):
            if not reason and not isinstance(task, MakeNumber):
                by_key[keeping.key_of(task)].append(place)
        for key, places in by_key.items():
            elements = [keeping.element_of(order.tasks[place]) for place in places]
            for place, value in zip(places, self._parts(key, order, elements), strict=True):
                values[place] = value
        packages = [
            self._package(order, parcel, reasons, values) for parcel in keeping.parcels(order.tasks)
        ]
        return values, packages

    def _parts(self, key: str, order: KeeperOrder, elements: Sequence[bytes]) -> list[bytes | None]:
        """A part of each element; None of what is no element."""
        try:
            share = self._shares.share(key)
        except Refused:
            return [None] * len(elements)
        try:
            return list(threshold.partials(share, order.among, elements).values)
        except JukinetError:
            return [self._part(share, order, element) for element in elements]

    def _part(self, share: KeyShare, order: KeeperOrder, element: bytes) -> bytes | None:
        try:
            return threshold.partial(share, order.among, element)
        except JukinetError:
            return None

    def _package(
        self,
        order: KeeperOrder,
        parcel: keeping.Parcel,
        reasons: Sequence[str],
        values: list[bytes | None],
    ) -> bytes:
        """The parts of some numbers with one proof, sealed to their agency; their values are empty.

        What this keeper would not do stands in the package as nothing.
        """
        elements = [keeping.element_of(order.tasks[place]) for place in parcel.places]
        allowed = [at for at, place in enumerate(parcel.places) if not reasons[place]]
        if not allowed:
            return b""
        try:
            share = self._shares.share(number_key(parcel.sector))
            made = threshold.partials(
                share,
                order.among,
                [elements[at] for at in allowed],
                proof=True,
                chance=self._chance,
            )
        except JukinetError:
            return b""
        parts = [b""] * len(elements)
        for at, value in zip(allowed, made.values, strict=True):
            parts[at] = value
            values[parcel.places[at]] = b""
        package = keeping.Parts(
            among=order.among, elements=tuple(elements), values=tuple(parts), proof=made.proof
        )
        context = parts_context(parcel.sector, parcel.agency, self.name, order.epoch)
        return self._seal(parcel.agency).seal(package.encode(), context=context)

    def _seal(self, agency: str) -> SealKey:
        if agency not in self._seals:
            self._seals[agency] = SealKey(self._directory.agencies[agency].enrol)
        return self._seals[agency]

    def _proof(self, asked: Prove) -> bytes:
        """The proof that values which this keeper has signed are what its share makes; or none."""
        try:
            self._signing.public.verify(asked.said, asked.signature)
            said = keeping.decode(asked.said)
            keys = {said.keys[place] for place in asked.places}
            if len(keys) != 1:
                return b""
            elements = [said.elements[place] for place in asked.places]
            share = self._shares.share(keys.pop())
            values = [said.values[place] or b"" for place in asked.places]
            return threshold.prove_partials(
                share, said.among, elements, values, chance=self._chance
            )
        except (JukinetError, IndexError):
            return b""


class _Checking:
    """What an order's receipts and signed orders allow, each looked at once."""

    def __init__(self, keeper: Keeper, order: KeeperOrder, now: datetime) -> None:
        self._keeper = keeper
        self._now = now
        self._receipts = order.receipts
        self._leaves = [keeper.leaf(receipt) for receipt in order.receipts]
        self._asked = [keeper.asked(signed) for signed in order.orders]
        self._bound: dict[tuple[int, int, int], str] = {}
        self._all = self._why_not_at_all(order)

    def why_not(self, task: Task) -> str:
        """Why a task is not to be done, or an empty text."""
        if self._all:
            return self._all
        if not 0 <= task.receipt < len(self._leaves):
            return NO_RECEIPT
        leaf = self._leaves[task.receipt]
        if isinstance(leaf, str):
            return leaf
        if isinstance(leaf, SampleLeaf):
            return _why_not_sampled(task, leaf, self._keeper)
        if isinstance(leaf, ReleaseLeaf):
            return _why_not_released(task, leaf)
        if isinstance(task, OpenKey) and task.step == KEPT_STEP:
            return _why_not_due(task, leaf, self._now)
        return self._why_not_asked(task, leaf)

    def order_of(self, task: Task) -> _Asked | None:
        """The signed order that a task is done for; of what no agency asked for there is none."""
        if not 0 <= task.order < len(self._asked):
            return None
        found = self._asked[task.order]
        return None if isinstance(found, str) else found

    def count_of(self, task: Task) -> int | None:
        """For how many steps the leaf of a task serves, where it says so."""
        leaf = self._leaves[task.receipt]
        return leaf.count if isinstance(leaf, InquiryLeaf | ReleaseLeaf) else None

    def _why_not_at_all(self, order: KeeperOrder) -> str:
        among = order.among
        if self._keeper.index not in among or len(set(among)) != self._keeper.threshold:
            return "among: this keeper works with as many others as the keepers' threshold wants"
        if order.epoch != self._keeper.epoch:
            return f"epoch: this keeper has shares of epoch {self._keeper.epoch} alone"
        return ""

    def _why_not_asked(self, task: Task, leaf: Leaf) -> str:
        """What an agency asked for: order, leaf and task speak of the same."""
        if not 0 <= task.order < len(self._asked):
            return "order: the task cites none that an agency has signed"
        asked = self._asked[task.order]
        if isinstance(asked, str):
            return asked
        name = (task.receipt, task.order, task.question)
        if name not in self._bound:
            self._bound[name] = self._why_not_bound(asked, leaf, task)
        return self._bound[name] or _why_not_task(task, leaf, asked, self._keeper)

    def _why_not_bound(self, asked: _Asked, leaf: Leaf, task: Task) -> str:
        order = asked.order
        if not -AHEAD_MAX <= self._now - order.asked_at <= FRESH_FOR:
            return "order: it is older or newer than what a keeper serves"
        if not isinstance(leaf, InquiryLeaf | Given):
            return "receipt: its leaf is none on which an agency is served"
        if (leaf.agency, leaf.row) != asked.shown:
            return "receipt: its leaf is of another agency or row"
        if (leaf.kind, leaf.items) != (order.kind.value, item_names(order.items)):
            return "receipt: its leaf is of another question"
        if not 0 <= task.question < order.count:
            return "order: it has no such question"
        if isinstance(leaf, InquiryLeaf):
            same = leaf.order == asked.digest and leaf.count <= order.count
            return "" if same else "receipt: its leaf is of another order"
        if (leaf.inquiry is None) is not (order.by == "search"):
            return "receipt: its leaf says that the person was named in another way"
        return self._why_not_body(asked, leaf, task)

    def _why_not_body(self, asked: _Asked, leaf: Given, task: Task) -> str:
        """A disclosure's leaf commits to the question that it is given on."""
        receipt = self._receipts[task.receipt]
        committed = receipt.record[16:].hex() if isinstance(leaf, BundleLeaf) else leaf.commitment
        if leaves.commitment(receipt.salt, receipt.body) != committed:
            return "receipt: its leaf does not commit to what came with it"
        try:
            body = leaves.decode_body(receipt.body)
        except JukinetError as error:
            return str(error)
        same = (body.inquiry, body.place) == (asked.digest, task.question)
        return "" if same else "receipt: its leaf commits to another question"


def _why_not_task(task: Task, leaf: Leaf, asked: _Asked, keeper: Keeper) -> str:
    """What each kind of leaf allows."""
    if isinstance(leaf, InquiryLeaf):
        return _why_not_handle(task, leaf, asked, keeper)
    if isinstance(task, OpenHandle):
        return "receipt: a handle is opened on the leaf of its inquiry"
    if isinstance(task, MakeNumber):
        mine = (task.agency, task.sector) == keeper.numbers_go_to(asked)
        return "" if mine else "sector: its leaf is of another agency or row"
    if task.key != INDEX:
        return "key: on the leaf of a disclosure payloads are opened, and nothing else"
    wanted = HISTORY_STEPS if asked.order.kind is Kind.CHANGES else OPEN_STEPS
    return "" if task.step in wanted else "step: an inquiry of this kind has none such"


def _why_not_handle(task: Task, leaf: InquiryLeaf, asked: _Asked, keeper: Keeper) -> str:
    """On an inquiry's leaf the handles of its own order are opened, each once."""
    if not isinstance(task, OpenHandle):
        return "receipt: payloads and numbers need the leaf of a disclosure"
    if (task.agency, task.sector) != (asked.agency.id, asked.sector):
        return "sector: its leaf is of another agency or row"
    alone = asked.order.count == 1
    if task.step != ("handle" if alone else f"handle-{task.question}"):
        return "step: each handle of an order is opened once, by its place"
    if orders.digest(task.handle, task.beside) != asked.order.digest(task.question):
        return "handle: it is not the one that the agency asks by"
    return _why_not_proved(task, keeper)


def _why_not_proved(task: OpenHandle, keeper: Keeper) -> str:
    """Whoever sealed a handle proves to know what is in it, for this sector and agency alone."""
    public = keeper.public(keeping.key_of(task))
    context = handle_context(task.sector, task.agency, public)
    try:
        kem.check_proof(task.handle[:-MAC_BYTES], context=context)
    except JukinetError:
        return "handle: it was not made for this agency's sector"
    return ""


def _why_not_sampled(task: Task, leaf: SampleLeaf, keeper: Keeper) -> str:
    """On a sample's leaf the handles that were shown are opened, and the chains they lead to."""
    count = len(leaf.picked)
    if isinstance(task, OpenHandle):
        try:
            return _why_not_step(task.step, "handle", count) or _why_not_proved(task, keeper)
        except KeyError:
            return "sector: the keepers have no key for it"
    if not isinstance(task, OpenKey) or task.key != SEED:
        return "key: on a sample's leaf seeds of chains are opened, and nothing else"
    return _why_not_step(task.step, "seed", count)


def _why_not_released(task: Task, leaf: ReleaseLeaf) -> str:
    """On a release leaf the keys of the centre's tags are opened, and nothing else."""
    if not isinstance(task, OpenKey) or task.key != RELEASE:
        return "key: on a release leaf keys of tags are opened, and nothing else"
    return _why_not_step(task.step, "release", leaf.count)


def _why_not_step(step: str, what: str, count: int) -> str:
    """A leaf that speaks of many serves once for each."""
    name, _, place = step.rpartition("-")
    allowed = name == what and place.isascii() and place.isdecimal()
    allowed = allowed and str(int(place)) == place and int(place) < count
    return "" if allowed else f"step: the leaf allows {count} of {what}"


def _why_not_due(task: OpenKey, leaf: Leaf, now: datetime) -> str:
    """What is kept from its resident is opened on its own leaf, and not before its day."""
    if not isinstance(leaf, DeferredLeaf) or task.key != DEFERRED:
        return "step: nothing is kept back under this leaf"
    if (leaves.deferred_label(task.sealed),) != labels_of(leaf):
        return "sealed: on a deferred leaf its own sealed part is opened, and nothing else"
    return "" if leaf.open_on <= str(day_of(now)) else f"step: not before {leaf.open_on}"


# --- spending -------------------------------------------------------------------------------------


class _Spending:
    """The leaves and orders that serve, as they were and as they become."""

    def __init__(self, tx: Transaction, order: KeeperOrder, among: str) -> None:
        self._tx = tx
        self._among = among
        indexes = [receipt.index for receipt in order.receipts]
        self._spent: dict[tuple[int, str], dict[str, bytes]] = {}
        for row in SPENT.get_many(tx, "leaf", indexes):
            self._spent.setdefault((row.leaf, row.step), {})[row.among] = row.what
        self._steps = Counter(leaf for leaf, _ in self._spent)
        self._used: dict[tuple[bytes, str], set[int]] = {}
        digests = [sha256(one.content).digest() for one in order.orders]
        for one in USED.get_many(tx, "digest", digests):
            self._used.setdefault((one.digest, one.what), set()).add(one.leaf)
        self._settled = frozenset(self._used)
        self._fresh: list[Spent] = []
        self._fresh_used: list[Used] = []

    def why_not(self, task: Task, receipt: Receipt, count: int | None) -> str:
        """A leaf serves a step once; for the same element among others once more.

        `count` is how many steps it may serve for, where the leaf says that.
        """
        step, what = _step(task, receipt), _what(task)
        if count is not None and (receipt.index, step) not in self._spent:
            if self._steps.get(receipt.index, 0) >= count:
                return SPENT_ALREADY
            self._steps[receipt.index] = self._steps.get(receipt.index, 0) + 1
        before = self._spent.setdefault((receipt.index, step), {})
        again = self._among in before or any(one != what for one in before.values())
        if again and step != KEPT_STEP:
            return SPENT_ALREADY
        if self._among not in before:
            before[self._among] = what
            self._fresh.append(Spent(receipt.index, step, self._among, what))
        return ""

    def why_not_order(self, digest: str, receipt: Receipt, task: Task) -> str:
        """An order serves on one inquiry leaf, and on the leaf of one disclosure.

        Where a search finds several people, on the leaf of each: on those of the first time.
        """
        name = bytes.fromhex(digest), "inquiry" if isinstance(task, OpenHandle) else "given"
        served = self._used.setdefault(name, set())
        if receipt.index in served:
            return ""
        several = name[1] == "given" and not receipt.record and name not in self._settled
        if served and not (several and len(served) < LEAVES_OF_ONE):
            return "order: it has served on another leaf"
        served.add(receipt.index)
        self._fresh_used.append(Used(*name, receipt.index))
        return ""

    def write(self) -> None:
        """Write down what has become spent."""
        SPENT.add(self._tx, *self._fresh)
        USED.add(self._tx, *self._fresh_used)


class _Budgets:
    """What agencies have had of this keeper in this hour."""

    def __init__(self, tx: Transaction, most: int, hour: int) -> None:
        self._tx = tx
        self._most = most
        self._hour = hour
        self._used: dict[str, int] = {}

    def why_not(self, agency: str) -> str:
        """Why an agency gets no more in this hour, or an empty text; one task more is counted."""
        if agency not in self._used:
            row = BUDGETS.get(self._tx, agency, self._hour)
            self._used[agency] = row.used if row else 0
        if self._used[agency] >= self._most:
            return f"budget: this agency has had {self._most} tasks in this hour; wait for the next"
        self._used[agency] += 1
        return ""

    def write(self) -> None:
        """Write down what was used."""
        rows = [Budget(agency, self._hour, used) for agency, used in self._used.items()]
        BUDGETS.put(self._tx, *rows)


def _step(task: Task, receipt: Receipt) -> str:
    """What a leaf is spent for; of a bundle, each place by itself."""
    step = "number" if isinstance(task, MakeNumber) else task.step
    return f"{step}@{receipt.place}" if receipt.record else step


def _what(task: Task) -> bytes:
    """Which element a leaf was spent for, so short that it says nothing of it."""
    return sha256(b"jukinet spent for v1\x00" + keeping.element_of(task)).digest()[:8]


def _served(order: KeeperOrder, reasons: Sequence[str]) -> tuple[Served, ...]:
    """How much each leaf serves for."""
    counts: dict[int, int] = {}
    for task, reason in zip(order.tasks, reasons, strict=True):
        if not reason:
            index = order.receipts[task.receipt].index
            counts[index] = counts.get(index, 0) + 1
    return tuple(Served(leaf, count) for leaf, count in counts.items())


def _remember(found: dict, key: object, value: object) -> None:  # type: ignore[type-arg]
    if len(found) >= CHECKED_MAX:
        found.clear()
    found[key] = value
