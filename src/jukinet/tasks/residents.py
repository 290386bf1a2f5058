"""Residents (本人): what they do about the public log: view keys, objections, samples.

Each drives the nodes of an open network as a person at a desk or at home would, and waits for what
comes back.
"""

from secrets import token_bytes
from typing import TypeVar

from jukinet.client.mirror import Mirror
from jukinet.client.receipts import LogKey, check_receipt
from jukinet.client.statement import Statement, ViewKey, statement
from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.keys import ratchet
from jukinet.law.leaf import Holder, SampleResultLeaf
from jukinet.law.objection import Outcome
from jukinet.law.record import Record
from jukinet.law.schedule import load
from jukinet.nodes.agency import Agency
from jukinet.nodes.counter import VALID_DAYS, Renewed
from jukinet.nodes.message import (
    CENTRE,
    Body,
    DrawSample,
    Message,
    NotGiven,
    Objection,
    ObjectionStands,
    SampleDone,
)
from jukinet.nodes.municipality import Municipality
from jukinet.store.disk import RealDisk
from jukinet.tasks.folder import Folder
from jukinet.tasks.network import Network

RESIDENT, CITIZEN = "resident", "citizen"  # addresses on the line
REQUEST_BYTES = 16
T = TypeVar("T")


def give_view_key(
    network: Network,
    town: Municipality,
    record: Record,
    *,
    official: str = "official-1",
    holder: Holder = Holder.SELF,
    past: bool = True,
    valid_days: int = VALID_DAYS,
) -> ViewKey:
    """The view key that a desk gives to a person, once its leaf stands; Refused where it cannot."""
    given, message = town.counter.ask(
        record,
        network.line.now.date(),
        official=official,
        holder=holder,
        past=past,
        valid_days=valid_days,
    )
    network.line.post(message)
    network.line.run()
    if given.key is None:
        raise Refused(given.refused or "view key: no word from the centre; try again later")
    return given.key


def fresh_number(
    network: Network,
    town: Municipality,
    record: Record,
    sector: str,
    *,
    official: str = "official-1",
) -> Renewed:
    """Have a sector, or all of them (""), know a person by another number from now on.

    Refused where it cannot be; Malformed for a sector that the schedules do not have: an agency's
    one affair, such as `pension/1-73`.
    """
    if sector and sector not in {grant.sector for grant in load().grants.values()}:
        raise Malformed(f"--sector: the schedules know no {sector[:64]!r}; `jukinet schedules`")
    return _stood(network, *town.counter.renew(record, official=official, sector=sector))


def write_down_union(
    network: Network, town: Municipality, gone: Record, kept: Record, *, official: str
) -> Renewed:
    """Have it written down, on both chains, that two records of a town are of one person.

    Again does no harm: another leaf says the same.
    """
    return _stood(network, *town.counter.merge(gone, kept, official=official))


def _stood(network: Network, asked: Renewed, message: Message) -> Renewed:
    """Send what a desk asks, and wait for its leaf; Refused where none stands."""
    network.line.post(message)
    network.line.run()
    if asked.leaf < 0:
        raise Refused(asked.refused or "desk: no word from the centre; try again later")
    return asked


def public_log(folder: Folder) -> Mirror:
    """The folder's public log, read as a mirror would be."""
    disk = RealDisk(folder.log)
    return Mirror(lambda path: disk.read(path) if disk.exists(path) else None)


def entries_of(network: Network, key: ViewKey) -> Statement:
    """A resident's statement from the network's own log."""
    return statement(key, public_log(network.folder), LogKey.parse(network.directory.policy).policy)


def object_to(network: Network, key: ViewKey, place: int, text: str) -> ObjectionStands:
    """Object to the entry of a place of one's chain; Malformed or Refused where that cannot be."""
    found = next((one for one in entries_of(network, key).entries if one.place == place), None)
    if found is None:
        raise Malformed(f"--entry: under this view key there is no entry {place}")
    state = _state(key, place)
    asked = Objection(
        request=token_bytes(REQUEST_BYTES),
        entry=found.leaf_index,
        label=ratchet.label(state),
        entry_key=ratchet.entry_key(state),
        text=text,
    )
    return _asked(network, RESIDENT, asked, ObjectionStands)


def answer_objection(
    network: Network, agency: Agency, objection: int, *, outcome: Outcome, text: str, official: str
) -> None:
    """An agency answers an objection; Refused where its answer was not taken."""
    message = agency.answer_objection(objection, outcome=outcome, text=text, official=official)
    network.line.post(message)
    network.line.run()
    if any(row.objection == objection for row in agency.objections()):
        reasons = agency.distrusted or ["no word from the centre; try again later"]
        raise Refused(f"objection {objection}: {reasons[-1]}")


def draw_sample(network: Network, month: str, randomness: bytes) -> SampleResultLeaf:
    """Have a month's answers held against their chains; what it came to, as the log has it."""
    asked = DrawSample(month=month, randomness=randomness)
    done = _asked(network, CITIZEN, asked, SampleDone)
    leaf = check_receipt(done.receipt, LogKey.parse(network.directory.policy))
    if not isinstance(leaf, SampleResultLeaf) or leaf.sample != done.sample:
        raise OutOfStep("sample: the receipt is of another leaf")
    return leaf


def _asked(network: Network, who: str, body: Body, wanted: type[T]) -> T:
    """Send something to the centre and give its reply; Refused with the reason where it says no."""
    box = network.line.listen(who)
    box.clear()
    network.line.post(Message(sender=who, receiver=CENTRE, body=body))
    network.line.run()
    for message in box:
        if isinstance(message.body, NotGiven):
            raise Refused(message.body.reason)
        if isinstance(message.body, wanted):
            return message.body
    raise OutOfStep("centre: no word; try again later")


def _state(key: ViewKey, place: int) -> bytes:
    """The chain's state at a place."""
    state = bytes.fromhex(key.state)
    for _ in range(place - key.place):
        state = ratchet.next_state(state)
    return state
