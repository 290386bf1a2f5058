"""The inbox: each item once and in order; a gap is told, a fork refused, nothing guessed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import msgspec
import pytest

from jukinet.errors import Damaged, OutOfStep
from jukinet.feed import inbox
from jukinet.feed.link import START, Batch, Item, follow, stream_name
from jukinet.keys.sign import SigningKey
from jukinet.nodes.message import CENTRE, Feed, FeedAck, Message
from support import CHIYODA, Town

STREAM = "131016>centre"
NOON = datetime(2026, 4, 1, 12, tzinfo=timezone(timedelta(hours=9)))
ITEMS = tuple(Item(kind="notice", body=b"%d" % n) for n in range(1, 10))
LINKS = [START, *follow(STREAM, 1, START, ITEMS)]


def batch(first: int, last: int, /, **changed) -> Batch:
    whole = Batch(stream=STREAM, first=first, items=ITEMS[first - 1 : last], link=LINKS[last])
    return msgspec.structs.replace(whole, **changed)


@pytest.fixture
def centre(store):
    with store.begin() as tx:
        tx.create(*inbox.METADATA.sorted_tables)
    return store


def receive(store, got: Batch, now: datetime = NOON) -> list[bytes]:
    """Apply what is new of a batch; the bodies of what was applied."""
    with store.begin() as tx:
        new = inbox.new_items(tx, got, now)
        if new.items:
            inbox.advance(tx, new.standing)
    return [item.body for _, item in new.items]


def last(store) -> int:
    with store.begin() as tx:
        standing = inbox.standing(tx, STREAM)
        assert standing.link == LINKS[standing.last]
        return standing.last


def test_of_a_new_stream_nothing_was_heard(centre):
    with centre.begin() as tx:
        assert inbox.standing(tx, STREAM) == inbox.Incoming(STREAM, 0, START, "")
        assert inbox.streams(tx) == []


def test_batches_in_order_are_applied_in_order(centre):
    assert receive(centre, batch(1, 3)) == [b"1", b"2", b"3"]
    assert receive(centre, batch(4, 4)) == [b"4"]
    assert last(centre) == 4
    with centre.begin() as tx:
        assert inbox.streams(tx) == [inbox.Incoming(STREAM, 4, LINKS[4], NOON.isoformat())]


def test_items_come_with_their_numbers(centre):
    receive(centre, batch(1, 3))
    with centre.begin() as tx:
        new = inbox.new_items(tx, batch(2, 5), NOON)
    assert new.items == ((4, ITEMS[3]), (5, ITEMS[4]))
    assert new.gap is False


@pytest.mark.parametrize(("first", "until"), [(1, 5), (1, 2), (3, 4), (5, 5)])
def test_what_comes_again_is_applied_no_second_time(centre, first, until):
    receive(centre, batch(1, 5))
    assert receive(centre, batch(first, until)) == []
    assert last(centre) == 5


@pytest.mark.parametrize("first", [1, 3, 5])
def test_of_a_batch_that_is_known_in_part_the_rest_is_applied(centre, first):
    receive(centre, batch(1, 5))
    assert receive(centre, batch(first, 8)) == [b"6", b"7", b"8"]
    assert last(centre) == 8


@pytest.mark.parametrize(("known", "first"), [(0, 2), (0, 9), (3, 5), (3, 9)])
def test_a_gap_is_told_and_nothing_beyond_it_applied(centre, known, first):
    if known:
        receive(centre, batch(1, known))
    with centre.begin() as tx:
        new = inbox.new_items(tx, batch(first, 9), NOON)
    assert new == inbox.New((), new.standing, gap=True)
    assert new.standing.last == known == last(centre)


FORGED = (Item(kind="notice", body=b"forged"),)


@pytest.mark.parametrize(
    "got",
    [
        pytest.param(batch(6, 8, items=ITEMS[5:7]), id="its end is cut off"),
        pytest.param(batch(6, 8, items=ITEMS[5:6] + ITEMS[7:8]), id="an item is left out"),
        pytest.param(batch(6, 8, items=FORGED + ITEMS[6:8]), id="an item is another"),
        pytest.param(batch(6, 8, items=ITEMS[5:8][::-1]), id="its order is another"),
        pytest.param(batch(6, 8, link=LINKS[7]), id="its link is an older one"),
        pytest.param(batch(6, 8, first=5), id="its numbers are others"),
        pytest.param(batch(4, 8, items=ITEMS[3:7] + FORGED), id="known in part, its end forged"),
        pytest.param(batch(4, 5, link=b"another".ljust(32, b".")), id="known, of a forked stream"),
        pytest.param(batch(5, 5, link=LINKS[4]), id="known, with an older link"),
        pytest.param(batch(6, 6, items=()), id="it is empty"),
        pytest.param(batch(6, 6, first=0), id="its first number is 0"),
        pytest.param(batch(6, 6, first=-(2**40)), id="its first number is negative"),
    ],
)
def test_what_does_not_follow_is_refused_and_nothing_of_it_applied(centre, got):
    receive(centre, batch(1, 5))
    with pytest.raises(OutOfStep, match=f"feed {STREAM}: "):
        receive(centre, got)
    assert last(centre) == 5
    assert receive(centre, batch(6, 8)) == [b"6", b"7", b"8"]


def test_a_forked_stream_is_refused_where_it_goes_on_beyond_ours(centre):
    receive(centre, batch(1, 5))
    others = ITEMS[:3] + tuple(Item(kind="notice", body=b"other %d" % n) for n in range(5))
    links = follow(STREAM, 1, START, others)
    for first in (1, 4, 6):
        fork = Batch(stream=STREAM, first=first, items=others[first - 1 :], link=links[-1])
        with pytest.raises(OutOfStep, match="the sender's copy and ours differ"):
            receive(centre, fork)
    assert last(centre) == 5


def test_a_stream_of_another_name_is_another_stream(centre):
    receive(centre, batch(1, 5))
    with pytest.raises(OutOfStep):
        receive(centre, batch(1, 3, stream="131041>centre"))
    items = ITEMS[:2]
    link = follow("131041>centre", 1, START, items)[-1]
    assert receive(centre, Batch(stream="131041>centre", first=1, items=items, link=link))
    assert last(centre) == 5


def test_a_crash_before_the_commit_leaves_the_batch_to_be_applied_again(centre):
    receive(centre, batch(1, 2))

    def interrupted():
        with centre.begin() as tx:
            new = inbox.new_items(tx, batch(3, 5), NOON)
            inbox.advance(tx, new.standing)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert last(centre) == 2
    assert receive(centre, batch(3, 5)) == [b"3", b"4", b"5"]


def test_a_decayed_standing_applies_nothing(centre):
    receive(centre, batch(1, 5))
    with centre.begin() as tx:
        tx.execute("UPDATE inbox_stream SET last = 4")
    with pytest.raises(Damaged):
        receive(centre, batch(5, 6))


def test_a_clock_that_is_put_back_does_not_put_back_when_a_stream_was_heard(centre):
    receive(centre, batch(1, 1), NOON)
    receive(centre, batch(2, 2), NOON - timedelta(days=1))
    with centre.begin() as tx:
        assert inbox.standing(tx, STREAM).heard_at == NOON.isoformat()


# --- a town's own inbox -----------------------------------------------------------------------


def from_centre(first: int, last: int, *, key: bytes, kind: str = "unknown") -> Message:
    """A batch of the centre's feed to a town, signed with a key."""
    stream = stream_name(CENTRE, CHIYODA)
    items = [Item(kind=kind, body=b"%d" % n) for n in range(1, last + 1)]
    link = follow(stream, 1, START, items)[-1]
    made = Batch(stream=stream, first=first, items=tuple(items[first - 1 :]), link=link)
    signature = SigningKey(key).sign(made.signed)
    body = Feed(batch=msgspec.structs.replace(made, signature=signature))
    return Message(sender=CENTRE, receiver=CHIYODA, body=body)


def acknowledged(out) -> FeedAck:
    return next(one.body for one in out if isinstance(one.body, FeedAck))


def test_a_town_applies_nothing_that_the_centre_has_not_signed():
    town = Town()
    for key in (b"f" * 32, town.centre_ring.log):
        with pytest.raises(OutOfStep, match="the centre has not signed this batch"):
            town.node.step(from_centre(1, 2, key=key), NOON)
    with town.store.begin() as tx:
        assert inbox.standing(tx, stream_name(CENTRE, CHIYODA)).last == 0
    ack = acknowledged(town.node.step(from_centre(1, 2, key=town.centre_ring.signing), NOON))
    assert (ack.last, ack.gap) == (2, False)


def test_a_town_tells_the_centre_of_a_gap():
    town = Town()
    ack = acknowledged(town.node.step(from_centre(3, 4, key=town.centre_ring.signing), NOON))
    assert (ack.last, ack.gap) == (0, True)
