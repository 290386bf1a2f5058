"""The counter (窓口): view keys and fresh sector numbers, each after its leaf stands in the log.

The town holds the seed of a person's chain, the centre knows how far the chain has come. The desk
asks the centre to write down who is given the key, and from which place on; then the key is
computed here, from the seed, and handed over. That the leaf stands on this person's own chain, and
says just this, is seen here, too: else a key might be given of which its owner hears nothing. A
guardian gets one from the leaf's own place on: it opens nothing of the past. Without the line no
key is given: it could not be written down.

A fresh sector number (符号の変更) is asked for in the same way: the resident names one sector, no
reason is needed, and it counts once its leaf stands on the resident's own chain.

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
from jukinet.law.leaf import Holder, KeyGiven, Leaf, ViewKeyLeaf
from jukinet.law.record import Record
from jukinet.nodes.keyring import Directory
from jukinet.nodes.message import (
    CENTRE,
    FreshNumber,
    FreshNumberStands,
    GiveViewKey,
    Message,
    NotGiven,
    ViewKeyStands,
)

REQUEST_BYTES = 16
VALID_DAYS = 365
VALID_DAYS_MAX = 3 * 365
SECTOR_MAX = 64
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


class Freshened:
    """One request for a fresh sector number, and what became of it."""

    def __init__(self, record: Record, asked: FreshNumber) -> None:
        self.record = record
        self.asked = asked
        self.generation: int | None = None  # None: nothing stands
        self.leaf = -1
        self.refused = ""

    def __repr__(self) -> str:
        """Shows not whose it is."""
        return "<Freshened>"


class Counter:
    """Where a town gives out view keys and asks for fresh sector numbers."""

    def __init__(self, town: str, directory: Directory, chance: Chance) -> None:
        self._town = town
        self._log = directory.log
        self._policy = directory.policy
        self._trusted = LogKey.parse(directory.policy)
        self._chance = chance
        self._requests: dict[bytes, Given | Freshened] = {}
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

    def ask_fresh_number(
        self, record: Record, sector: str, *, official: str
    ) -> tuple[Freshened, Message]:
        """What the desk asks the centre, for a resident who wants another number in a sector.

        Refused for a person whom the network does not know, or whose record is not live here;
        Malformed without a sector.
        """
        if record.attachment is None or not record.live:
            raise Refused(
                f"record {record.number}: no sector number can be made anew; the record is not "
                "live here, or the former town's certificate has not come yet"
            )
        if not 1 <= len(sector) <= SECTOR_MAX or not sector.isprintable():
            raise Malformed("sector: name one agency's one affair, such as pension/1-73")
        asked = FreshNumber(
            request=self._chance(REQUEST_BYTES),
            locator=record.attachment.locator,
            sector=sector,
            official=official,
        )
        found = self._requests[asked.request] = Freshened(record, asked)
        return found, Message(sender=self._town, receiver=CENTRE, body=asked)

    def answered(self, reply: ViewKeyStands | FreshNumberStands | NotGiven) -> None:
        """The centre has written it down, or has not."""
        asked = self._requests.pop(reply.request, None)
        if asked is None:
            return
        if isinstance(reply, NotGiven):
            asked.refused = reply.reason
            return
        try:
            if isinstance(asked, Given) and isinstance(reply, ViewKeyStands):
                asked.key = self._key(asked, self._place(asked, reply))
            elif isinstance(asked, Freshened) and isinstance(reply, FreshNumberStands):
                asked.generation = self._generation(asked, reply)
            else:
                raise Refused("receipt: it answers another question than was asked")
        except JukinetError as error:
            asked.refused = str(error)
            return
        self._leaves.add(reply.receipt.index)
        asked.leaf = reply.receipt.index

    def _generation(self, asked: Freshened, reply: FreshNumberStands) -> int:
        """The generation that counts now; Refused unless its leaf stands on the person's chain."""
        attachment, receipt = asked.record.attachment, reply.receipt
        assert attachment is not None
        leaf = check_receipt(receipt, self._trusted)
        if reply.sector != asked.asked.sector or receipt.index in self._leaves:
            raise Refused("receipt: its leaf says nothing of this sector and request")
        if reply.generation < 1:
            raise Refused("generation: the first fresh number is of generation 1")
        _place_of(leaf, attachment.seed)
        return reply.generation

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


def _place_of(leaf: Leaf, seed: bytes) -> int:
    """The place on a chain at which a leaf stands; Refused where it stands on another or none."""
    label = next(iter(leaves.labels_of(leaf)), None)
    state = seed
    for place in range(PLACES_MAX):
        if ratchet.label(state) == label:
            return place
        state = ratchet.next_state(state)
    raise Refused("receipt: its leaf stands on another person's chain")
