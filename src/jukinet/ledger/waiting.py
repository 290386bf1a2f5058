"""Waiting (回答待ち): objections that an agency has still to answer, and what seals the answer.

The key is that of the one entry objected to; its resident has shown it. It goes with the answer.
"""

from typing import NamedTuple

from jukinet.ledger.chains import METADATA
from jukinet.store.rows import Rows, blob, integer, text


class Waiting(NamedTuple):
    """An objection that waits: the index of its leaf, who is to answer, the entry's key."""

    leaf: int
    agency: str
    entry_key: bytes

    def __repr__(self) -> str:
        """Shows no key."""
        return "<Waiting>"


WAITING = Rows(
    "waiting", METADATA, Waiting, [integer("leaf", key=True), text("agency"), blob("entry_key")]
)
