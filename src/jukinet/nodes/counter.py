"""The counter (窓口): a town gives out view keys, each after its leaf stands in the log.

The town holds the seed of a person's chain, the centre knows how far the chain has come. The desk
asks the centre to write down who is given the key, and from which place on; then the key is
computed here, from the seed, and handed over. A guardian gets one from the present place on: it
opens nothing of the past. Without the line no key is given: it could not be written down.

Only one's own record is asked about, by whoever stands at the desk with its papers.
"""

from datetime import date, timedelta
from hashlib import sha256

from jukinet.client.receipts import LogKey, check_receipt
from jukinet.client.view_key import ViewKey
from jukinet.errors import JukinetError, Malformed, Refused
from jukinet.keys import ratchet
from jukinet.keys.chance import Chance
from jukinet.law.leaf import Holder, ViewKeyLeaf
from jukinet.law.record import Record
from jukinet.nodes.keyring import Directory
from jukinet.nodes.message import CENTRE, GiveViewKey, Message, NotGiven, ViewKeyStands

REQUEST_BYTES = 16
VALID_DAYS = 365
VALID_DAYS_MAX = 3 * 365


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


class Counter:
    """Where a town gives out view keys."""

    def __init__(self, town: str, directory: Directory, chance: Chance) -> None:
        self._town = town
        self._log = directory.log
        self._policy = directory.policy
        self._trusted = LogKey.parse(directory.policy)
        self._chance = chance
        self._requests: dict[bytes, Given] = {}

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
        if record.attachment is None or not record.live:
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

    def answered(self, reply: ViewKeyStands | NotGiven) -> None:
        """The centre has written it down, or has not."""
        given = self._requests.pop(reply.request, None)
        if given is None:
            return
        if isinstance(reply, NotGiven):
            given.refused = reply.reason
            return
        try:
            leaf = check_receipt(reply.receipt, self._trusted)
        except JukinetError as error:
            given.refused = str(error)
            return
        attachment = given.record.attachment
        assert attachment is not None
        if not isinstance(leaf, ViewKeyLeaf) or reply.epoch != attachment.epoch:
            given.refused = "view key: the centre has another chain of this person; reconcile first"
            return
        given.leaf = reply.receipt.index
        given.key = self._key(attachment.seed, reply, given.asked)

    def _key(self, seed: bytes, reply: ViewKeyStands, asked: GiveViewKey) -> ViewKey:
        state = seed
        for _ in range(reply.place):
            state = ratchet.next_state(state)
        return ViewKey(
            log=self._log,
            policy=sha256(self._policy.encode()).hexdigest(),
            epoch=reply.epoch,
            place=reply.place,
            state=state.hex(),
            valid_to=asked.valid_to,
            holder=asked.holder,
        )
