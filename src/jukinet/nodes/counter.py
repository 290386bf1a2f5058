"""The counter (窓口): a town gives out view keys and has numbers made anew, after a leaf stands.

The town holds the seed of a person's chain, the centre knows how far the chain has come. The desk
asks the centre to write down who is given the key, and from which place on; then the key is
computed here, from the seed, and handed over. That the leaf stands on this person's own chain, and
says just this, is seen here, too: else a key might be given of which its owner hears nothing. A
guardian gets one from the leaf's own place on: it opens nothing of the past. Without the line no
key is given: it could not be written down.

Whoever wants other sector numbers (符号の変更) gets them without a reason, for one affair or for
all; handles that agencies hold lead nowhere then. Where two records turn out to be of one person,
the one leads to the other: agencies are given the number of the kept one when they ask next.

Only one's own record is asked about, by whoever stands at the desk with its papers. One that was
united with another still has the past of its own chain, so its view key can be given.
"""

from datetime import date, timedelta
from hashlib import sha256

from jukinet.client.receipts import LogKey, check_receipt
from jukinet.client.view_key import ViewKey
from jukinet.errors import JukinetError, Malformed, Refused
from jukinet.keys import ratchet
from jukinet.keys.chance import Chance
from jukinet.law import leaf as leaves
from jukinet.law.inquiry import Receipt
from jukinet.law.leaf import FreshNumberLeaf, Holder, KeyGiven, NumberChanged, ViewKeyLeaf
from jukinet.law.record import Record
from jukinet.nodes.keyring import Directory
from jukinet.nodes.message import (
    CENTRE,
    FreshNumber,
    GiveViewKey,
    MergeRecords,
    Message,
    NotGiven,
    NumberIsFresh,
    ViewKeyStands,
)

REQUEST_BYTES = 16
VALID_DAYS = 365
VALID_DAYS_MAX = 3 * 365
PLACES_MAX = 100_000  # how many entries of one chain are looked at for the leaf


class Given:
    """One request, and what became of it: a view key, or why there is none."""

    def __init__(self, record: Record, asked: GiveViewKey) -> None:
        self.record = record
        self.asked = asked
        self.key: ViewKey | None = None
        self.leaf = -1
        self.refused = ""

    def __repr__(self) -> str:
        """Shows neither the key nor whose it is."""
        return "<Given>"


class Renewed:
    """One request for fresh numbers, or that two records become one, and what became of it."""

    def __init__(self, record: Record, asked: FreshNumber | MergeRecords) -> None:
        self.record = record
        self.asked = asked
        self.leaf = -1
        self.refused = ""

    def __repr__(self) -> str:
        """Shows nobody."""
        return "<Renewed>"


class Counter:
    """Where a town gives out view keys, and has numbers made anew."""

    def __init__(self, town: str, directory: Directory, chance: Chance) -> None:
        self._town = town
        self._log = directory.log
        self._policy = directory.policy
        self._trusted = LogKey.parse(directory.policy)
        self._chance = chance
        self._requests: dict[bytes, Given] = {}
        self._renewals: dict[bytes, Renewed] = {}
        self._leaves: set[int] = set()  # that have served for a key

    def ask(
        self,
        record: Record,
        today: date,
        *,
        official: str,
        holder: Holder = Holder.SELF,
        past: bool = True,
        valid_days: int = VALID_DAYS,
    ) -> tuple[Given, Message]:
        """What the desk asks the centre before it gives a key; the reply fills the first.

        Refused for a person without a chain, or whose record is not live; Malformed for a key that
        would be valid for no day, or for longer than three years.
        """
        if record.attachment is None or not (record.live or record.kept):
            raise Refused(
                f"record {record.number}: no view key can be given; the record is not live here, "
                "or the former town's certificate has not come yet"
            )
        if not 1 <= valid_days <= VALID_DAYS_MAX:
            raise Malformed(f"valid days: want 1 to {VALID_DAYS_MAX}")
        asked = GiveViewKey(
            request=self._chance(REQUEST_BYTES),
            locator=record.attachment.locator,
            official=official,
            holder=holder,
            past=past,
            valid_to=str(today + timedelta(days=valid_days)),
        )
        given = self._requests[asked.request] = Given(record, asked)
        return given, Message(sender=self._town, receiver=CENTRE, body=asked)

    def renew(self, record: Record, *, official: str, sector: str = "") -> tuple[Renewed, Message]:
        """What the desk asks the centre for fresh numbers; the reply fills the first.

        Refused for a person whom the network does not know yet, or whose record is not live here.
        """
        if not record.live:
            raise Refused(f"record {record.number}: it is not live here; the desk that has it asks")
        asked = FreshNumber(
            request=self._chance(REQUEST_BYTES),
            locator=_locator(record),
            official=official,
            sector=sector,
        )
        return self._renewal(record, asked)

    def merge(self, record: Record, kept: Record, *, official: str) -> tuple[Renewed, Message]:
        """What the desk asks the centre where two records are of one person.

        Refused for a person whom the network does not know yet.
        """
        asked = MergeRecords(
            request=self._chance(REQUEST_BYTES),
            locator=_locator(record),
            kept=_locator(kept),
            official=official,
        )
        return self._renewal(record, asked)

    def _renewal(
        self, record: Record, asked: FreshNumber | MergeRecords
    ) -> tuple[Renewed, Message]:
        renewed = self._renewals[asked.request] = Renewed(record, asked)
        return renewed, Message(sender=self._town, receiver=CENTRE, body=asked)

    def renewed(self, reply: NumberIsFresh | NotGiven) -> None:
        """The centre has written it down, or has not; the leaf is one's own, or it counts not."""
        renewed = self._renewals.pop(reply.request, None)
        if renewed is None:
            return
        if isinstance(reply, NotGiven):
            renewed.refused = reply.reason
            return
        try:
            self._check_renewed(renewed, reply.receipt)
        except JukinetError as error:
            renewed.refused = str(error)
            return
        renewed.leaf = reply.receipt.index

    def _check_renewed(self, renewed: Renewed, receipt: Receipt) -> None:
        leaf, asked = check_receipt(receipt, self._trusted), renewed.asked
        says = NumberChanged(
            town=self._town,
            official=asked.official,
            sector=asked.sector if isinstance(asked, FreshNumber) else "",
            merged=isinstance(asked, MergeRecords),
        )
        if (
            not isinstance(leaf, FreshNumberLeaf)
            or leaf.commitment != leaves.commitment(receipt.salt, receipt.body)
            or leaves.read_body(receipt.body, NumberChanged) != says
        ):
            raise Refused("receipt: its leaf does not say that these numbers are made anew")
        assert renewed.record.attachment is not None
        _place_of(leaf, renewed.record.attachment.seed)

    def answered(self, reply: ViewKeyStands | NotGiven) -> None:
        """The centre has written it down, or has not."""
        given = self._requests.pop(reply.request, None)
        if given is None:
            return
        if isinstance(reply, NotGiven):
            given.refused = reply.reason
            return
        try:
            place = self._place(given, reply)
        except JukinetError as error:
            given.refused = str(error)
            return
        self._leaves.add(reply.receipt.index)
        given.leaf = reply.receipt.index
        given.key = self._key(given, place)

    def _place(self, given: Given, reply: ViewKeyStands) -> int:
        """From which place on the key may open, by its leaf; Refused where the leaf is another."""
        asked, attachment = given.asked, given.record.attachment
        assert attachment is not None
        receipt = reply.receipt
        leaf = check_receipt(receipt, self._trusted)
        if reply.epoch != attachment.epoch:
            raise Refused("view key: the centre has another chain of this person; reconcile first")
        says = KeyGiven(
            town=self._town,
            official=asked.official,
            holder=asked.holder,
            epoch=reply.epoch,
            place=reply.place,
            valid_to=asked.valid_to,
        )
        if (
            not isinstance(leaf, ViewKeyLeaf)
            or receipt.index in self._leaves
            or leaf.commitment != leaves.commitment(receipt.salt, receipt.body)
            or leaves.read_body(receipt.body, KeyGiven) != says
        ):
            raise Refused("receipt: its leaf does not say that this view key is given")
        place = _place_of(leaf, attachment.seed)
        if asked.past:
            return 0
        if reply.place > place:
            raise Refused("receipt: its leaf says a later place than its own")
        return place

    def _key(self, given: Given, place: int) -> ViewKey:
        asked, attachment = given.asked, given.record.attachment
        assert attachment is not None
        state = attachment.seed
        for _ in range(place):
            state = ratchet.next_state(state)
        return ViewKey(
            log=self._log,
            policy=sha256(self._policy.encode()).hexdigest(),
            epoch=attachment.epoch,
            place=place,
            state=state.hex(),
            valid_to=asked.valid_to,
            holder=asked.holder,
        )


def _locator(record: Record) -> bytes:
    if record.attachment is None:
        raise Refused(
            f"record {record.number}: the network does not know it yet; wait for the former town's "
            "certificate"
        )
    return record.attachment.locator


def _place_of(leaf: ViewKeyLeaf | FreshNumberLeaf, seed: bytes) -> int:
    """The place on a chain at which a leaf stands; Refused where it stands on another."""
    (label,) = leaves.labels_of(leaf)
    state = seed
    for place in range(PLACES_MAX):
        if ratchet.label(state) == label:
            return place
        state = ratchet.next_state(state)
    raise Refused("receipt: its leaf stands on another person's chain")
