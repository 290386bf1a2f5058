"""Links: each item of a feed is numbered and bound to the one before by its hash.

A link is SHA-256 over a fixed label, the stream's name, the item's number, the link before, its
kind and its body, each with its length. Whoever holds the last link holds, in effect, the whole
stream: a repeated, lost, changed or reordered item shows. docs/spec/feed.md has the bytes.

>>> first = link("131016", 1, START, Item(kind="notice", body=b"sealed"))
>>> first == link("131016", 1, START, Item(kind="notice", body=b"SEALED"))
False
"""

from collections.abc import Iterable
from hashlib import sha256
from struct import pack

from jukinet.errors import Malformed, OutOfStep
from jukinet.law.personal import Personal

START = bytes(32)
LABEL = b"jukinet feed v1"
NAME_BYTES_MAX = 2**16 - 1


class Item(Personal, frozen=True, kw_only=True, array_like=True):
    """One item of a feed: its kind and its encoded body."""

    kind: str
    body: bytes


class Batch(Personal, frozen=True, kw_only=True):
    """Some items in a row, signed once by their sender over the last link."""

    stream: str  # whose feed: the sender's name and the receiver's, as `stream_name` joins them
    first: int  # number of the first item
    items: tuple[Item, ...]
    link: bytes  # link of the last item
    signature: bytes = b""

    @property
    def last(self) -> int:
        """Number of the last item."""
        return self.first + len(self.items) - 1

    @property
    def signed(self) -> bytes:
        """The bytes that the sender signs."""
        return LABEL + pack(">Q", self.last) + self.link + self.stream.encode()


def stream_name(sender: str, receiver: str) -> str:
    """The name of the feed from one node to another."""
    return f"{sender}>{receiver}"


def link(stream: str, number: int, before: bytes, item: Item) -> bytes:
    """The link of an item that follows `before`; Malformed for a name or kind beyond 64 KiB."""
    name, kind = stream.encode(), item.kind.encode()
    if max(len(name), len(kind)) > NAME_BYTES_MAX:
        raise Malformed(
            f"feed: a stream's name or an item's kind has at most {NAME_BYTES_MAX} bytes"
        )
    return sha256(
        LABEL
        + pack(">HQ", len(name), number)
        + name
        + before
        + pack(">HI", len(kind), len(item.body))
        + kind
        + item.body
    ).digest()


def follow(stream: str, first: int, before: bytes, items: Iterable[Item]) -> list[bytes]:
    """The links of items in a row."""
    links = []
    for number, item in enumerate(items, start=first):
        before = link(stream, number, before, item)
        links.append(before)
    return links


def check(batch: Batch, before: bytes, *, skip: int = 0) -> bytes:
    """The last link of a batch that follows `before`, its first `skip` items left out.

    Raises OutOfStep where the chain does not lead to the batch's own link.
    """
    links = follow(batch.stream, batch.first + skip, before, batch.items[skip:])
    last = links[-1] if links else before
    if links:
        refuse_fork(batch, last)
    return last


def refuse_fork(batch: Batch, link: bytes) -> None:
    """OutOfStep where a batch ends in another link than the one that its receiver comes to."""
    if link != batch.link:
        raise OutOfStep(
            f"feed {batch.stream}: items {batch.first}-{batch.last} do not follow from what was "
            "received before; the sender's copy and ours differ"
        )
