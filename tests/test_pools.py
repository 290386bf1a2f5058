"""Pools: refilled ahead, counted by day, and never two towns with one code, whatever the line does."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.nation import Crash, Nation
from tests.support import (
    CHIYODA,
    DAY,
    JST,
    NOON,
    SHINJUKU,
    Town,
    address,
    entrant,
    filed,
    fresh_codes,
)
from tests.towns import items, later

from jukinet.errors import Malformed
from jukinet.law import notification as law
from jukinet.nodes.message import DESK, Feed, FeedAck, Filing, Message, OrderCodes
from jukinet.nodes.pools import GRANT_MAX
from jukinet.register import codes
from jukinet.store.engine import Store


def level(town, day=DAY):
    with town.store.begin() as tx:
        return codes.level_of(tx, day)


def asked(town):
    return [item.kind for item in items(town)].count("pool_request")


# --- levels ---------------------------------------------------------------------------------------


def test_a_level_counts_what_was_asked_for_granted_drawn_and_left():
    nation = Nation((CHIYODA,), ())
    nation.enter(CHIYODA, entrant(), entrant("子"), entrant("子"))
    town = nation.towns[CHIYODA]
    found = level(town)
    assert (found.requests, found.requested, found.grants, found.granted) == (1, 1000, 1, 1000)
    assert (found.drawn, found.free, found.waiting) == (3, 997, False)


def test_an_imported_code_is_no_draw():
    town = Town(pool=300)
    town.household(entrant(code=codes_of(town)[0]))
    assert level(town).drawn == 0


def codes_of(town):
    with town.store.begin() as tx:
        return [drawn.code for drawn in codes.free(tx, 5)]


def test_a_refused_notification_counts_no_draw():
    town = Town(pool=300)
    town.file(
        law.ExOfficioEntry(
            filed=filed(),
            entrants=(entrant(), entrant()),  # two heads
            address=address(),
            household=None,
        )
    )
    assert level(town).drawn == 0


def lived(town, days, a_day):
    """Some days, with so many draws each."""
    for day in range(days):
        later(town, DAY + timedelta(days=day))
        for _ in range(a_day):
            town.household(event=DAY + timedelta(days=day), notice=DAY + timedelta(days=day))


def test_days_left_are_at_the_rate_of_late_without_the_two_busiest_days():
    town = Town(pool=300)
    lived(town, 10, 2)
    later(town, DAY + timedelta(days=10))
    found = level(town, DAY + timedelta(days=9))
    assert found.drawn_a_day == pytest.approx(16 / 10)
    assert found.days_left == pytest.approx(280 / 1.6)


def test_where_nothing_is_drawn_no_days_are_told():
    assert level(Town(pool=300)).days_left is None


def test_a_day_on_which_a_book_is_filled_makes_no_rate():
    town = Town(pool=900)
    for _ in range(40):
        town.household(*[entrant()] + [entrant("子")] * 9)
    assert level(town).drawn == 400
    assert level(town).low == codes.LOW


def test_what_many_days_of_draws_need_is_kept_ahead():
    town = Town(pool=900)
    with town.store.begin() as tx:
        for back in range(1, 28):
            codes.note(tx, DAY - timedelta(days=back), drawn=30)
    wanted = level(town).low
    assert wanted > codes.LOW
    before = asked(town)
    town.node.start(town.now)
    assert asked(town) == before
    with town.store.begin() as tx:
        rows = codes.free(tx, 900 - wanted + 1)
        codes.hold(tx, [codes.Bearer(one.code, one.individual_number, 77) for one in rows])
    town.node.start(town.now)
    assert asked(town) == before + 1


def test_the_low_mark_has_a_bound():
    assert codes.low_mark(10**6) == codes.LOW_MAX
    assert codes.low_mark(0) == codes.LOW


def test_a_town_that_comes_up_again_does_not_ask_twice_for_what_is_under_way():
    town = Town(pool=5)
    assert asked(town) == 1
    town.node.start(town.now)
    town.household()
    assert asked(town) == 1
    assert level(town).waiting


def test_the_need_is_looked_at_again_every_midnight():
    town = Town(pool=900)
    with town.store.begin() as tx:
        for back in range(1, 28):
            codes.note(tx, DAY - timedelta(days=back), drawn=90)
    before = asked(town)
    town.now = datetime.combine(DAY + timedelta(days=1), datetime.min.time(), JST)
    town.node._tick(town.now)
    assert asked(town) == before + 1


# --- by hand --------------------------------------------------------------------------------------


def ordered(nation, town, count):
    order = OrderCodes(count=count)
    nation.line.post(Message(sender=DESK, receiver=town, body=order))
    nation.line.run()


def test_a_town_may_be_allotted_codes_by_hand():
    nation = Nation((CHIYODA,), ())
    before = level(nation.towns[CHIYODA]).free
    ordered(nation, CHIYODA, 70)
    assert level(nation.towns[CHIYODA]).free == before + 70


def test_more_than_one_grant_holds_is_asked_for_in_several_requests():
    town = Town(pool=900)
    town.node.ask_for_codes(2 * GRANT_MAX + 1, NOON)
    found = level(town)
    assert (found.requests, found.requested) == (3, 2 * GRANT_MAX + 1)


@pytest.mark.parametrize("count", [0, -1, 10_000_001])
def test_no_codes_or_too_many_are_not_asked_for(count):
    town = Town(pool=900)
    with pytest.raises(Malformed, match="count"):
        town.node.ask_for_codes(count, NOON)
    assert asked(town) == 0


# --- one stock for one transaction ----------------------------------------------------------------


def test_a_stock_gives_the_codes_in_the_order_of_allotment_over_several_readings():
    town = Town(pool=200)
    wanted = [code for code, _ in fresh_codes(200, 1)]
    with town.store.begin() as tx:
        stock = codes.Stock(tx)
        assert [stock.at(place).code for place in range(200)] == wanted
        assert stock.at(200) is None


def test_what_is_held_is_drawn_no_more_from_the_stock():
    town = Town(pool=10)
    wanted = [code for code, _ in fresh_codes(10, 1)]
    with town.store.begin() as tx:
        stock = codes.Stock(tx)
        assert stock.at(0).code == wanted[0]
        stock.spent({wanted[0], wanted[2]}, {wanted[0]})
        assert [stock.at(place).code for place in range(3)] == [wanted[1], wanted[3], wanted[4]]
        assert stock.drawn == 1


def test_a_pool_that_comes_in_the_same_transaction_is_drawn_from_at_its_end():
    town = Town(pool=1)
    more = fresh_codes(1, "more")
    with town.store.begin() as tx:
        stock = codes.Stock(tx)
        assert stock.at(1) is None
        codes.allot(tx, more)
        assert stock.at(1).code == more[0][0]


# --- never two with one code, whatever the line and the machines do -------------------------------

FATES = ("as sent", "lost", "twice", "late")


@contextmanager
def dying(at: int, when: str):
    """The whole network is gone at some commit, before or after it."""
    commit, count = Store.commit, [0]

    def counted(self: Store, driver) -> None:
        count[0] += 1
        if count[0] == at and when == "before":
            raise Crash
        commit(self, driver)
        if count[0] == at:
            raise Crash

    Store.commit = counted
    try:
        yield
    finally:
        Store.commit = commit


class Allotting(RuleBasedStateMachine):
    """Two towns draw, ask and are granted over a line that lies, on machines that die."""

    @initialize()
    def begin(self) -> None:
        self.nation = Nation((CHIYODA, SHINJUKU), (), seed="allotting")
        self.drawn: set[str] = set()

    def disturbed(self, fates: list[str], *messages: Message) -> None:
        """Deliver what follows, each message of the feeds as its fate wants it."""
        line, waiting, late = self.nation.line, list(fates), []
        deliver = type(line)._deliver

        def fated(message: Message) -> None:
            fate = waiting.pop() if waiting and isinstance(message.body, Feed | FeedAck) else ""
            if fate == "lost":
                return
            if fate == "late":
                late.append(message)
                return
            deliver(line, message)
            if fate == "twice":
                deliver(line, message)

        line._deliver = fated
        line.post(*messages)
        line.run()
        line.post(*reversed(late))
        line.run()
        del line._deliver

    def order(self, town: str, count: int) -> Message:
        return Message(sender=DESK, receiver=town, body=OrderCodes(count=count))

    def household(self, town: str, size: int) -> Message:
        people = [entrant()] + [entrant("子")] * (size - 1)
        form = law.ExOfficioEntry(
            filed=filed(), entrants=tuple(people), address=address(town), household=None
        )
        return Message(sender=DESK, receiver=town, body=Filing(notification=form))

    fates = st.lists(st.sampled_from(FATES), max_size=8)
    towns = st.sampled_from((CHIYODA, SHINJUKU))

    @rule(town=towns, count=st.integers(1, 300), fates=fates)
    def asks(self, town, count, fates) -> None:
        self.disturbed(fates, self.order(town, count))

    @rule(town=towns, size=st.integers(1, 40), fates=fates)
    def draws(self, town, size, fates) -> None:
        self.disturbed(fates, self.household(town, size))

    @rule(
        town=towns,
        count=st.integers(1, 50),
        at=st.integers(1, 14),
        when=st.sampled_from(("before", "after")),
    )
    def dies(self, town, count, at, when) -> None:
        """Everything is gone at a commit while codes are asked for and drawn; then it comes up."""
        try:
            with dying(at, when):
                self.disturbed([], self.order(town, count), self.household(town, 3))
        except Crash:
            self.nation = self.nation.crashed("everything")

    @rule()
    def time_passes(self) -> None:
        self.nation.line.until(self.nation.line.now + timedelta(minutes=5))
        self.nation.line.run()

    @invariant()
    def no_code_is_in_two_pools(self) -> None:
        if not hasattr(self, "nation"):
            return
        pools = []
        for town in (CHIYODA, SHINJUKU):
            with self.nation.stores[town].begin() as tx:
                rows = list(codes.CODES.everything(tx))
            pools.append({row.code for row in rows})
            ordinals = sorted(row.ordinal for row in rows)
            assert ordinals == list(range(1, len(rows) + 1))
            numbers = [row.individual_number for row in rows]
            assert len(numbers) == len(set(numbers))
            held = {row.code for row in rows if row.state != codes.FREE}
            assert self.drawn & pools[-1] <= held, "a drawn code is free again"
            self.drawn |= held
            assert len([row for row in rows if row.person]) == len(held)
        assert not pools[0] & pools[1]

    def teardown(self) -> None:
        """On a line that is good again, every request is answered once and no more."""
        if not hasattr(self, "nation"):
            return
        for _ in range(4):
            self.time_passes()
        for town in (CHIYODA, SHINJUKU):
            with self.nation.stores[town].begin() as tx:
                found = codes.level_of(tx, date(2026, 4, 1))
            assert not found.waiting
            assert (found.requests, found.requested) == (found.grants, found.granted)
            assert found.free + found.drawn == found.granted


TestAllotting = Allotting.TestCase
TestAllotting.settings = settings(
    max_examples=12,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
