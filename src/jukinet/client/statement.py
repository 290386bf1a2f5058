"""Statement (本人への開示): who asked about me, read from the public log with my view key alone.

The view key holds a chain's seed (or a later state of it). From it come the labels under which each
disclosure about the person stands, one after the other, and the keys that open the sealed bodies.
The statement reads a plain copy of the log's files and trusts none of them: it reads *every* entry
and makes the tree anew, so an entry that was left out or put in another's place shows, whoever's
it is. Only then does it look for the labels.

It lists every leaf that stands under the chain, to the size that the checkpoint says. That no
answer was given *without* a leaf rests on the agencies' clients, which refuse such an answer.
"""

from typing import NamedTuple

import msgspec

from jukinet.client.mirror import Mirror
from jukinet.client.receipts import LogKey, check_receipt
from jukinet.errors import Damaged, JukinetError, Malformed
from jukinet.keys import ratchet
from jukinet.law import leaf as leaves
from jukinet.law.inquiry import Receipt
from jukinet.law.leaf import Body, DisclosureLeaf
from jukinet.law.personal import Personal
from jukinet.merkle.checkpoint import Checkpoint
from jukinet.merkle.tree import Edge, leaf_hash


class ViewKey(Personal, frozen=True, kw_only=True):
    """A resident's view key (閲覧鍵): opens one's own entries, from a place of the chain on."""

    log: str  # the log's verifier key
    epoch: int
    place: int
    state: str  # hexadecimal

    def encode(self) -> bytes:
        """The file that a resident keeps."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


def parse_view_key(content: bytes) -> ViewKey:
    """The view key of a file, or Malformed."""
    try:
        key = msgspec.json.decode(content, type=ViewKey)
        if len(bytes.fromhex(key.state)) != ratchet.STATE_BYTES:
            raise ValueError
        LogKey.parse(key.log)
    except (msgspec.MsgspecError, ValueError):
        raise Malformed(
            "view key: this file is not one; fetch it anew at the desk or in the portal"
        ) from None
    return key


class Entry(NamedTuple):
    """One disclosure about the person."""

    place: int  # in the person's chain
    leaf_index: int  # in the log
    leaf: DisclosureLeaf
    body: Body | None  # None: deleted; or altered, which a mirror may do and cannot hide
    proof: bytes  # a tlog-proof text
    altered: bool = False  # there is a body, and it is not the one that the leaf commits to


class Statement(NamedTuple):
    """Everything that stands under a chain, to a size of the log."""

    size: int
    root: bytes
    entries: tuple[Entry, ...]


def statement(key: ViewKey, mirror: Mirror) -> Statement:
    """All disclosures under a view key, each proved.

    Raises Damaged where the mirror's files are not the log that the checkpoint signs, Refused where
    the checkpoint is not the log's.
    """
    log = LogKey.parse(key.log)
    checkpoint = log.open(mirror.checkpoint)
    places = _labels(mirror, checkpoint)
    entries: list[Entry] = []
    state, place = bytes.fromhex(key.state), key.place
    while found := places.get(ratchet.label(state)):
        entries += [_entry(place, state, *one, mirror, log) for one in found]
        state, place = ratchet.next_state(state), place + 1
    return Statement(checkpoint.size, checkpoint.root, tuple(entries))


def _labels(
    mirror: Mirror, checkpoint: Checkpoint
) -> dict[bytes, list[tuple[int, DisclosureLeaf]]]:
    """Every label of the log with its leaves (one, in an honest log), the whole tree checked."""
    edge = Edge()
    places: dict[bytes, list[tuple[int, DisclosureLeaf]]] = {}
    for index, entry in enumerate(mirror.entries(checkpoint.size)):
        edge.append(leaf_hash(entry))
        leaf = leaves.decode(entry)
        if isinstance(leaf, DisclosureLeaf):
            for label in leaf.labels:
                places.setdefault(bytes.fromhex(label), []).append((index, leaf))
    if (edge.size, edge.root) != (checkpoint.size, checkpoint.root):
        raise Damaged(
            f"log: these files are not the {checkpoint.size} entries that its checkpoint signs; "
            "try another mirror, and tell the log's witnesses"
        )
    return places


def _entry(
    place: int, state: bytes, index: int, leaf: DisclosureLeaf, mirror: Mirror, log: LogKey
) -> Entry:
    proof = mirror.receipt(index, log.open(mirror.checkpoint).size)
    receipt = Receipt(index=index, leaf=leaves.encode(leaf), proof=proof, salt=b"", body=b"")
    check_receipt(receipt, log)
    sealed = mirror.body(index)
    body = None if sealed is None else _body(state, leaf, sealed)
    return Entry(place, index, leaf, body, proof, altered=sealed is not None and body is None)


def _body(state: bytes, leaf: DisclosureLeaf, sealed: bytes) -> Body | None:
    """What stands sealed beside a leaf, where it opens and the leaf commits to it."""
    try:
        salt, content = leaves.open_body(state, sealed)
        fits = leaves.commitment(salt, content) == leaf.commitment
        return leaves.decode_body(content) if fits else None
    except JukinetError:
        return None
