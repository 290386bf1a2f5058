"""The outbox and the links: numbered without a gap, bound to what came before, kept after all."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jukinet.errors import Damaged, Malformed, OutOfStep
from jukinet.feed import outbox
from jukinet.feed.link import START, Batch, Item, check, follow, link, stream_name
from jukinet.keys.sign import SigningKey, VerifyKey
from jukinet.nodes.message import FeedAck

STREAM, OTHER = "131016>centre", "centre>131016"

# The vectors of docs/spec/feed.md. The links were computed with printf and sha256sum.
ITEMS = (
    Item(kind="notice", body=b""),
    Item(kind="letter", body=bytes.fromhex("0001020304050607")),
    Item(kind="名", body=bytes.fromhex("ffffff")),
)
LINKS = (
    "e365225574aaba6001e2e4e3c0bdf12d39b8332eb0573bf06547c2021207881a",
    "2400db25c733c8152beab6fddadabb12baac617988c5d0d1d939678628413f52",
    "1cf433743bace87859ab6409c7cfb2f73eb742cff7172345e66120f6481f4a5f",
)
SIGNED = (
    "6a756b696e65742066656564207631"
    "0000000000000003"
    "1cf433743bace87859ab6409c7cfb2f73eb742cff7172345e66120f6481f4a5f"
    "3133313031363e63656e747265"
)
PUBLIC = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
SIGNATURE = (
    "562ce790bc30270f30e727d338cb9b8a0980f1a3240a6c847fd570ba848632a8"
    "9efff5fc645d4f7e13f20091bed7b0ab7eb1941c67e937ed31f4011d9c174d02"
)
ENCODED = (
    "85"
    "a673747265616d"
    "ad3133313031363e63656e747265"
    "a56669727374"
    "01"
    "a56974656d73"
    "93"
    "92a66e6f74696365c400"
    "92a66c6574746572c4080001020304050607"
    "92a3e5908dc403ffffff"
    "a46c696e6b"
    "c420" + LINKS[2] + "a97369676e6174757265"
    "c440" + SIGNATURE
)
ACKNOWLEDGED = (
    "84a474797065a8666565645f61636ba673747265616dad3133313031363e63656e747265a46c61737403a3676170c2"
)

BATCH = Batch(
    stream=STREAM,
    first=1,
    items=ITEMS,
    link=bytes.fromhex(LINKS[2]),
    signature=bytes.fromhex(SIGNATURE),
)


def test_the_links_are_those_of_the_page():
    assert tuple(one.hex() for one in follow(STREAM, 1, START, ITEMS)) == LINKS


def test_what_is_signed_is_that_of_the_page():
    assert BATCH.signed.hex() == SIGNED
    VerifyKey(bytes.fromhex(PUBLIC)).verify(BATCH.signed, BATCH.signature)
    assert SigningKey(bytes(range(32))).sign(BATCH.signed).hex() == SIGNATURE


def test_a_batch_and_an_acknowledgement_are_encoded_as_on_the_page():
    assert msgspec.msgpack.encode(BATCH).hex() == ENCODED
    assert msgspec.msgpack.decode(bytes.fromhex(ENCODED), type=Batch) == BATCH
    assert msgspec.msgpack.encode(FeedAck(stream=STREAM, last=3)).hex() == ACKNOWLEDGED


def test_the_page_has_these_vectors():
    page = (Path(__file__).parent.parent / "docs" / "spec" / "feed.md").read_text(encoding="utf-8")
    for vector in (*LINKS, SIGNED, PUBLIC, SIGNATURE, ENCODED, ACKNOWLEDGED):
        assert vector in page
    hashed = re.search("hashed for n = 1 +([0-9a-f]+)", page)[1]
    assert sha256(bytes.fromhex(hashed)).hexdigest() == LINKS[0]


def test_a_stream_is_named_by_both_its_ends():
    assert stream_name("131016", "centre") == STREAM
    assert stream_name("centre", "131016") == OTHER


@pytest.mark.parametrize("shown", [repr(BATCH), repr(ITEMS[1]), str(BATCH.items)])
def test_a_batch_shows_nothing_of_what_is_in_it(shown):
    assert "letter" not in shown
    assert "01020304" not in shown
    assert "x01" not in shown


def test_a_kind_or_a_name_that_its_length_has_no_room_for_is_refused():
    with pytest.raises(Malformed, match="at most 65535 bytes"):
        link(STREAM, 1, START, Item(kind="x" * 65536, body=b""))
    with pytest.raises(Malformed, match="at most 65535 bytes"):
        link("名" * 21846, 1, START, ITEMS[0])
    assert link(STREAM, 1, START, Item(kind="x" * 65535, body=b""))


parts = st.tuples(
    st.text(max_size=6),
    st.integers(1, 2**64 - 1),
    st.binary(min_size=32, max_size=32),
    st.text(max_size=6),
    st.binary(max_size=6),
)


def linked(stream: str, number: int, before: bytes, kind: str, body: bytes) -> bytes:
    return link(stream, number, before, Item(kind=kind, body=body))


@given(parts, parts)
def test_whatever_differs_makes_another_link(one, other):
    assume(one != other)
    assert linked(*one) != linked(*other)


@given(st.text(max_size=6), st.text(max_size=6), st.binary(max_size=6))
def test_what_moves_from_a_name_into_a_kind_or_a_body_makes_another_link(name, kind, body):
    base = linked(name, 1, START, kind, body)
    if name:
        assert linked(name[:-1], 1, START, name[-1] + kind, body) != base
    if kind:
        assert linked(name, 1, START, kind[:-1], kind[-1].encode() + body) != base


CHANGED = [
    pytest.param({"items": ITEMS[:2]}, id="the last item is cut off"),
    pytest.param({"items": ITEMS[1:]}, id="the first item is left out"),
    pytest.param({"items": (ITEMS[1], ITEMS[0], ITEMS[2])}, id="two items change places"),
    pytest.param({"items": (ITEMS[0], *ITEMS)}, id="an item comes twice"),
    pytest.param(
        {"items": (ITEMS[0], ITEMS[1], Item(kind="名", body=b"\xff\xff\xfe"))}, id="a body"
    ),
    pytest.param({"items": (ITEMS[0], ITEMS[1], Item(kind="各", body=b"\xff" * 3))}, id="a kind"),
    pytest.param({"stream": OTHER}, id="the stream"),
    pytest.param({"first": 2}, id="the numbers"),
    pytest.param({"link": bytes(32)}, id="the link"),
]


@pytest.mark.parametrize("changed", CHANGED)
def test_a_changed_batch_does_not_lead_to_its_link(changed):
    assert check(BATCH, START) == BATCH.link
    with pytest.raises(OutOfStep, match="do not follow from what was received before"):
        check(msgspec.structs.replace(BATCH, **changed), START)


def test_a_batch_after_another_beginning_does_not_lead_to_its_link():
    with pytest.raises(OutOfStep, match="do not follow"):
        check(BATCH, b"\x01" + bytes(31))


def test_the_part_of_a_batch_that_is_known_is_left_out():
    assert check(BATCH, bytes.fromhex(LINKS[0]), skip=1) == BATCH.link
    assert check(BATCH, bytes.fromhex(LINKS[1]), skip=2) == BATCH.link
    assert check(BATCH, BATCH.link, skip=3) == BATCH.link


# --- the tables -------------------------------------------------------------------------------


@pytest.fixture
def town(store):
    with store.begin() as tx:
        tx.create(*outbox.METADATA.sorted_tables)
    return store


def some(count: int, start: int = 0) -> list[Item]:
    return [Item(kind="notice", body=b"%d" % n) for n in range(start, start + count)]


def test_items_are_numbered_from_one_without_a_gap_across_calls(town):
    with town.begin() as tx:
        assert outbox.append(tx, STREAM, some(3)) == 3
        assert outbox.append(tx, OTHER, some(1)) == 1
    with town.begin() as tx:
        assert outbox.append(tx, STREAM, some(2, 3)) == 5
        assert outbox.append(tx, STREAM, []) == 5
        rows = list(outbox.items(tx, STREAM))
    assert [row.number for row in rows] == [1, 2, 3, 4, 5]
    assert [row.body for row in rows] == [b"0", b"1", b"2", b"3", b"4"]
    assert [row.link for row in rows] == follow(STREAM, 1, START, some(5))


def test_an_item_is_written_with_what_caused_it_or_not_at_all(town):
    def interrupted():
        with town.begin() as tx:
            outbox.append(tx, STREAM, some(2))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    with town.begin() as tx:
        assert outbox.standing(tx, STREAM) == outbox.Outgoing(STREAM, 0, START, 0)
        assert list(outbox.items(tx, STREAM)) == []
        assert outbox.append(tx, STREAM, some(1)) == 1


def test_a_new_stream_has_nothing(town):
    with town.begin() as tx:
        assert outbox.standing(tx, STREAM) == outbox.Outgoing(STREAM, 0, START, 0)
        assert outbox.batch(tx, STREAM, after=0, size=10) is None
        assert outbox.streams(tx) == []


@pytest.mark.parametrize("size", [1, 2, 7, 10, 500])
def test_batches_of_any_size_lead_through_the_whole_stream(town, size):
    with town.begin() as tx:
        outbox.append(tx, STREAM, some(10))
        outbox.append(tx, OTHER, some(3))
        after, before, bodies = 0, START, []
        while (batch := outbox.batch(tx, STREAM, after=after, size=size)) is not None:
            assert len(batch.items) <= size
            assert batch.first == after + 1
            before = check(batch, before)
            bodies += [item.body for item in batch.items]
            after = batch.last
    assert bodies == [b"%d" % n for n in range(10)]


def test_what_was_acknowledged_stays_and_can_be_sent_again(town):
    with town.begin() as tx:
        outbox.append(tx, STREAM, some(4))
        outbox.acknowledge(tx, STREAM, 3)
        assert outbox.standing(tx, STREAM).acknowledged == 3
        assert len(list(outbox.items(tx, STREAM))) == 4
        assert len(outbox.batch(tx, STREAM, after=0, size=9).items) == 4


def test_an_older_acknowledgement_changes_nothing(town):
    with town.begin() as tx:
        outbox.append(tx, STREAM, some(4))
        for number in (3, 2, 3, 0):
            outbox.acknowledge(tx, STREAM, number)
        assert outbox.standing(tx, STREAM).acknowledged == 3
        assert outbox.streams(tx) == [outbox.standing(tx, STREAM)]


def test_an_acknowledgement_of_more_than_was_written_tells_of_a_copy_put_back(town):
    with town.begin() as tx:
        outbox.append(tx, STREAM, some(4))
        with pytest.raises(OutOfStep, match="has 5 items and we have 4; our store was put back"):
            outbox.acknowledge(tx, STREAM, 5)
        assert outbox.standing(tx, STREAM).acknowledged == 0


@pytest.mark.parametrize("missing", [1, 3, 4])
def test_a_missing_item_is_told_and_nothing_is_sent_in_its_place(town, missing):
    with town.begin() as tx:
        outbox.append(tx, STREAM, some(5))
        outbox.ITEMS.remove(tx, STREAM, missing)
        with pytest.raises(OutOfStep, match="our own copy misses items after"):
            outbox.batch(tx, STREAM, after=0, size=5)


def test_a_decayed_item_is_not_sent(town):
    with town.begin() as tx:
        outbox.append(tx, STREAM, some(5))
        tx.execute("UPDATE outbox_item SET kind = 'letter' WHERE number = 3")
    with pytest.raises(Damaged), town.begin() as tx:
        outbox.batch(tx, STREAM, after=0, size=5)
    with town.begin() as tx:
        assert outbox.batch(tx, STREAM, after=0, size=2).last == 2
