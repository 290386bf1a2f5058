"""The line: once and in order, by the driver's clock; and a node's outbox on it."""

import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import NOON, memory

from jukinet.feed import outbox
from jukinet.feed.link import Item
from jukinet.keys.sign import SigningKey, VerifyKey
from jukinet.nodes.feeding import BATCH_MAX, RESEND_AFTER, WINDOW, Sender
from jukinet.nodes.message import FeedAck, Message, Tick, Wake
from jukinet.wire.line import Line


class Echo:
    """A node that does what it was told for each message, and keeps what came."""

    def __init__(self, name, *answers, start=()):
        self.name = name
        self.seen = []
        self.answers = list(answers)
        self.begins = list(start)

    def start(self, now):
        return [one(now) if callable(one) else one for one in self.begins]

    def step(self, message, now):
        self.seen.append((what(message), now))
        answer = self.answers.pop(0) if self.answers else []
        return [one(now) if callable(one) else one for one in answer]


def what(message):
    return "tick" if isinstance(message.body, Tick) else message.body.last


def note(receiver, number, sender="x"):
    return Message(sender=sender, receiver=receiver, body=FeedAck(stream="", last=number))


def wake(seconds):
    return lambda now: Wake(at=now + timedelta(seconds=seconds))


def seen(node):
    return [one for one, _ in node.seen]


@given(st.lists(st.integers(), max_size=30))
def test_messages_are_delivered_once_and_in_order(numbers):
    line, node = Line(NOON), Echo("a")
    line.join(node)
    line.post(*(note("a", number) for number in numbers))
    line.run()
    assert seen(node) == numbers
    line.run()
    assert seen(node) == numbers
    assert line.delivered == len(numbers)


def test_what_follows_from_a_message_comes_after_what_was_sent_before():
    line = Line(NOON)
    a, b = Echo("a", [note("b", 10)]), Echo("b")
    line.join(a)
    line.join(b)
    line.post(note("a", 1), note("b", 2), note("b", 3))
    line.run()
    assert seen(b) == [2, 3, 10]


def test_a_wake_for_now_comes_after_all_that_was_sent():
    """So a node that collects a group collects what there is to collect."""
    line = Line(NOON)
    node = Echo("a", [wake(0)])
    line.join(node)
    line.post(*(note("a", number) for number in range(4)))
    line.run()
    assert seen(node) == [0, 1, 2, 3, "tick"]


def test_a_wake_waits_for_its_time():
    line, node = Line(NOON), Echo("a", start=[wake(5), wake(1)])
    line.join(node)
    line.run()
    assert seen(node) == []
    line.until(NOON + timedelta(seconds=1))
    assert node.seen == [("tick", NOON + timedelta(seconds=1))]
    line.until(NOON + timedelta(seconds=60))
    assert node.seen[1:] == [("tick", NOON + timedelta(seconds=5))]
    assert line.now == NOON + timedelta(seconds=60)


def test_a_wake_of_the_past_comes_now_and_sets_no_clock_back():
    line, node = Line(NOON), Echo("a", start=[wake(-60)])
    line.join(node)
    line.until(NOON + timedelta(seconds=1))
    assert node.seen == [("tick", NOON)]
    assert line.now == NOON + timedelta(seconds=1)


def test_wakes_of_one_time_come_in_the_order_in_which_they_were_asked_for():
    line = Line(NOON)
    order = []
    for name in "cab":
        node = Echo(name, start=[wake(3)])
        node.step = lambda message, now, name=name: order.append(name) or []
        line.join(node)
    line.until(NOON + timedelta(seconds=3))
    assert order == ["c", "a", "b"]


def test_what_is_sent_on_a_wake_is_delivered_before_the_next_one():
    line = Line(NOON)
    order = []
    a = Echo("a", start=[wake(1), wake(2)])
    a.step = lambda message, now: order.append("wake") or [note("b", 0)]
    b = Echo("b")
    b.step = lambda message, now: order.append("note") or []
    line.join(a)
    line.join(b)
    line.until(NOON + timedelta(seconds=9))
    assert order == ["wake", "note", "wake", "note"]


def test_time_does_not_go_back():
    line = Line(NOON)
    line.until(NOON - timedelta(days=1))
    assert line.now == NOON


def test_a_name_that_is_no_node_is_listened_to():
    line = Line(NOON)
    kept = line.listen("desk")
    line.post(note("desk", 1), note("desk", 2))
    line.run()
    assert [what(one) for one in kept] == [1, 2]
    assert line.listen("desk") is kept


def test_a_node_that_joins_again_takes_the_place_of_the_one_before():
    line, old, new = Line(NOON), Echo("a"), Echo("a")
    line.join(old)
    line.join(new)
    line.post(note("a", 1))
    line.run()
    assert (seen(old), seen(new)) == ([], [1])
    assert list(line.nodes) == [new]


def test_what_a_node_sends_when_it_comes_up_is_delivered():
    line, b = Line(NOON), Echo("b")
    line.join(b)
    line.join(Echo("a", start=[note("b", 7)]))
    line.run()
    assert seen(b) == [7]


def test_a_node_that_fails_loses_its_message_and_no_other():
    line, node = Line(NOON), Echo("a")

    def fails(message, now):
        raise ZeroDivisionError

    keep, node.step = node.step, fails
    line.join(node)
    line.post(note("a", 1), note("a", 2))
    with pytest.raises(ZeroDivisionError):
        line.run()
    node.step = keep
    line.run()
    assert seen(node) == [2]


# --- feeding: an outbox on the line --------------------------------------------------------------

STREAM = "131016>centre"
KEY = SigningKey(bytes(range(32)))


@pytest.fixture
def feeding():
    """A sender, and its outbox of as many items as one asks for."""

    def made(items: int, acknowledged: int = 0):
        store = memory(outbox.METADATA)
        with store.begin() as tx:
            outbox.append(tx, STREAM, [Item(kind="k", body=b"%d" % n) for n in range(items)])
            outbox.acknowledge(tx, STREAM, acknowledged)
        return store, Sender(store, STREAM, sender="131016", receiver="centre", key=KEY)

    return made


def batches(out):
    """First and last number of each batch that is sent."""
    return [(one.body.batch.first, one.body.batch.last) for one in out if isinstance(one, Message)]


def wakes(out):
    return [one.at for one in out if isinstance(one, Wake)]


def ack(last, gap=False):
    return FeedAck(stream=STREAM, last=last, gap=gap)


def test_a_feed_goes_out_in_signed_batches_as_far_as_the_window(feeding):
    _, sender = feeding(WINDOW + 700)
    out = sender.start(NOON)
    assert batches(out) == [(n + 1, n + BATCH_MAX) for n in range(0, WINDOW, BATCH_MAX)]
    for one in out:
        if isinstance(one, Message):
            VerifyKey(KEY.public_bytes).verify(one.body.batch.signed, one.body.batch.signature)
    assert wakes(out) == [NOON + RESEND_AFTER]
    assert batches(sender.acknowledged(ack(BATCH_MAX), NOON)) == [(WINDOW + 1, WINDOW + BATCH_MAX)]
    assert batches(sender.acknowledged(ack(WINDOW), NOON)) == [
        (WINDOW + BATCH_MAX + 1, WINDOW + 700)
    ]


def test_it_begins_again_from_what_is_acknowledged(feeding):
    _, sender = feeding(20, acknowledged=12)
    assert batches(sender.start(NOON)) == [(13, 20)]


def test_an_empty_outbox_sends_nothing_and_wakes_nobody(feeding):
    _, sender = feeding(0)
    assert sender.start(NOON) == sender.push(NOON) == sender.tick(NOON) == []


def test_what_is_not_acknowledged_in_time_goes_out_again_from_there(feeding):
    _, sender = feeding(20)
    sender.start(NOON)
    sender.acknowledged(ack(7), NOON)
    assert sender.tick(NOON + RESEND_AFTER - timedelta(seconds=1)) == []
    out = sender.tick(NOON + RESEND_AFTER)
    assert batches(out) == [(8, 20)]
    assert wakes(out) == [NOON + 2 * RESEND_AFTER]


def test_what_is_acknowledged_does_not_go_out_again(feeding):
    store, sender = feeding(20)
    sender.start(NOON)
    assert sender.acknowledged(ack(20), NOON) == []
    assert sender.tick(NOON + RESEND_AFTER) == []
    with store.begin() as tx:
        assert outbox.standing(tx, STREAM).acknowledged == 20


def test_a_receiver_that_misses_something_is_sent_it_at_once(feeding):
    _, sender = feeding(20)
    sender.start(NOON)
    assert batches(sender.acknowledged(ack(3, gap=True), NOON)) == [(4, 20)]


def test_a_receiver_that_was_restored_is_filled_from_where_it_stands(feeding):
    """It had acknowledged all of it, and knows of nothing now."""
    store, sender = feeding(20, acknowledged=20)
    assert sender.start(NOON) == []
    with store.begin() as tx:
        outbox.append(tx, STREAM, [Item(kind="k", body=b"new")])
    assert batches(sender.push(NOON)) == [(21, 21)]
    assert batches(sender.acknowledged(ack(0, gap=True), NOON)) == [(1, 21)]
    assert batches(sender.acknowledged(ack(5), NOON)) == []
    assert batches(sender.tick(NOON + RESEND_AFTER)) == [(6, 21)]
    assert sender.acknowledged(ack(21), NOON) == []


def test_an_old_acknowledgement_sets_nothing_back(feeding):
    _, sender = feeding(20)
    sender.start(NOON)
    sender.acknowledged(ack(15), NOON)
    sender.acknowledged(ack(4), NOON)
    assert batches(sender.tick(NOON + RESEND_AFTER)) == [(16, 20)]


# --- nodes elsewhere -----------------------------------------------------------------------------


class Afar:
    """A node that stands for one elsewhere; a thread answers after some seconds, or says no."""

    def __init__(self, name, *, after=0.0, seconds=2.0, says=lambda message: []):
        self.name = name
        self.after, self.seconds, self.says = after, seconds, says
        self.threads = []

    def connect(self, elsewhere):
        self.elsewhere = elsewhere

    def start(self, now):
        return []

    def step(self, message, now):
        ticket = self.elsewhere.ticket(self.seconds)

        def answer():
            self.elsewhere.come(ticket, self.says(message))

        thread = threading.Timer(self.after, answer)
        self.threads.append(thread)
        thread.start()
        return []

    def end(self):
        for thread in self.threads:
            thread.join()


def back(message):
    return [note(message.sender, message.body.last + 100, sender=message.receiver)]


def test_a_reply_from_elsewhere_is_waited_for_and_what_follows_from_it_delivered():
    line, far, near = Line(NOON), Afar("far", after=0.05, says=back), Echo("near", [note("b", 1)])
    line.join(far)
    line.join(near)
    kept = line.listen("b")
    line.post(note("far", 7, sender="near"))
    line.run()
    assert (seen(near), [what(one) for one in kept]) == ([107], [1])
    assert line.now > NOON


def test_nodes_elsewhere_are_waited_for_together():
    line, node = Line(NOON), Echo("a")
    both = threading.Barrier(2, timeout=20)

    def says(message):
        both.wait()  # neither answers before both were asked
        return back(message)

    for name in ("x", "y"):
        line.join(Afar(name, says=says, seconds=30))
    line.join(node)
    line.post(note("x", 1, sender="a"), note("y", 2, sender="a"))
    line.run()
    assert sorted(seen(node)) == [101, 102]


def test_a_time_out_comes_while_one_elsewhere_is_silent_and_the_late_reply_still_counts():
    line, far = Line(NOON), Afar("far", after=0.3, says=back)
    node = Echo("a", start=[wake(0.05)])
    line.join(node)
    line.join(far)
    line.post(note("far", 1, sender="a"))
    line.run()
    assert seen(node) == ["tick", 101]


def test_nobody_waits_for_a_reply_that_will_not_come():
    line, far = Line(NOON), Afar("far", says=lambda message: None, seconds=3600)
    node = Echo("a", start=[wake(1800)])
    line.join(node)
    line.join(far)
    line.post(note("far", 1, sender="a"))
    line.run()
    assert node.seen == [("tick", NOON + timedelta(seconds=1800))]
    far.end()


def test_a_reply_that_comes_after_its_time_is_not_taken():
    line, far, node = Line(NOON), Afar("far", after=0.4, seconds=0.05, says=back), Echo("a")
    line.join(node)
    line.join(far)
    line.post(note("far", 1, sender="a"))
    line.run()
    far.end()
    other = Afar("other", after=0.1, says=back)
    line.join(other)
    line.post(note("other", 2, sender="a"))
    line.run()
    assert seen(node) == [102]


def test_a_wake_that_is_far_away_is_not_brought_forward():
    line, far, node = (
        Line(NOON),
        Afar("far", after=0.02, says=back),
        Echo("a", start=[wake(86_400)]),
    )
    line.join(node)
    line.join(far)
    line.post(note("far", 1, sender="a"))
    line.run()
    assert seen(node) == [101]


def test_a_node_that_has_left_is_given_nothing_any_more():
    line, node = Line(NOON), Echo("a")
    line.join(node)
    line.leave("a")
    line.post(note("a", 1))
    line.run()
    assert (seen(node), [what(one) for one in line.listen("a")]) == ([], [1])
