"""Statement (本人への開示): who asked about me, read from the public log with my view key alone.

The view key holds a chain's seed (or a later state of it). From it come the labels under which each
disclosure about the person stands, one after the other, and the keys that open the sealed bodies.
The statement reads a plain copy of the log's files, trusts none of them, and proves each entry
against the checkpoint that the log signed.

It lists every leaf that stands under the chain, to the size that the checkpoint says. That no
answer was given *without* a leaf rests on the agencies' clients, which refuse such an answer.
"""

from collections.abc import Iterable, Iterator
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
    body: Body | None  # None: deleted, or it does not fit its leaf
    proof: bytes  # a tlog-proof text


class Statement(NamedTuple):
    """Everything that stands under a chain, to a size of the log."""

    size: int
    root: bytes
    entries: tuple[Entry, ...]


def statement(key: ViewKey, mirror: Mirror) -> Statement:
    """All disclosures under a view key, each proved; raises Refused where a proof fails."""
    log = LogKey.parse(key.log)
    checkpoint = log.open(mirror.checkpoint)
    places = dict(_labels(mirror.entries(checkpoint.size), checkpoint.size))
    entries = []
    state, place = bytes.fromhex(key.state), key.place
    while (found := places.get(ratchet.label(state))) is not None:
        index, leaf = found
        proof = mirror.receipt(index, checkpoint.size)
        receipt = Receipt(index=index, leaf=leaves.encode(leaf), proof=proof, salt=b"", body=b"")
        check_receipt(receipt, log)
        body = _body(state, leaf, mirror.body(index))
        entries.append(Entry(place, index, leaf, body, proof))
        state, place = ratchet.next_state(state), place + 1
    return Statement(checkpoint.size, checkpoint.root, tuple(entries))


def _labels(
    entries: Iterable[bytes], size: int
) -> Iterator[tuple[bytes, tuple[int, DisclosureLeaf]]]:
    """Every label of the log with its leaf."""
    count = 0
    for index, entry in enumerate(entries):
        count += 1
        leaf = leaves.decode(entry)
        if isinstance(leaf, DisclosureLeaf):
            for label in leaf.labels:
                yield bytes.fromhex(label), (index, leaf)
    if count != size:
        raise Damaged(f"log: its checkpoint says {size} entries and its files hold {count}")


def _body(state: bytes, leaf: DisclosureLeaf, sealed: bytes | None) -> Body | None:
    """What stands sealed beside a leaf, where it opens and the leaf commits to it."""
    if sealed is None:
        return None
    try:
        salt, content = leaves.open_body(state, sealed)
    except JukinetError:
        return None
    if leaves.commitment(salt, content) != leaf.commitment:
        return None
    return leaves.decode_body(content)
