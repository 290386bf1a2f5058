"""A keeper: works on an agency's order and a spent receipt of the right leaf, and on nothing else."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.forgetful_disk import ForgetfulDisk
from tests.nation import Nation, copied, search
from tests.support import CHIYODA, NOON, SHINJUKU, agency_ring, dealt, entrant, keeper_ring, name

from jukinet.client.receipts import LogKey
from jukinet.disclosure.pseudonyms import MAC_BYTES
from jukinet.errors import Damaged, Malformed
from jukinet.keys import group, kem, threshold
from jukinet.keys.seal import OpenKey as Opening
from jukinet.keys.seal import lock
from jukinet.keys.sign import SigningKey
from jukinet.keys.threshold import Parts
from jukinet.law.inquiry import ByHandle
from jukinet.law.schedule import load, parse
from jukinet.merkle.note import VerifierKey
from jukinet.nodes import keeper, keeper_log, keeping
from jukinet.nodes.keeper import BUDGETS, CHECKED_MAX, FRESH_FOR, SPENT, SPENT_ALREADY
from jukinet.nodes.keyring import INDEX, key_names
from jukinet.nodes.message import (
    CENTRE,
    HISTORY_MAX,
    NO_ORDER,
    Health,
    KeeperOrder,
    MakeNumber,
    Message,
    OpenKey,
    Prove,
    Tick,
)
from jukinet.nodes.sealing import context_of, open_payload

ELEMENT = group.hash_to_group(b"somebody", b"test")


@pytest.fixture(scope="module")
def base():
    """Orders as the centre sends them, of a nation that has spent none of them."""
    nation = Nation((CHIYODA,), ("pension", "tax", "town-welfare"))
    (person,) = nation.enter(CHIYODA, entrant(name=name("山田 花子")))
    asked = search(nation.record(CHIYODA, person))
    handle = nation.ask("pension", "1-73", "standing", asked).content.handle
    fresh = copied(nation.stores["keeper-1"])
    orders = {}
    for what, question in {
        "standing": ("pension", "1-73", "standing", asked),
        "changes": ("pension", "1-73", "changes", asked),
        "tax": ("tax", "1-40", "standing", asked),
        "welfare": ("town-welfare", "2-3", "standing", asked),
        "handle": ("pension", "1-73", "standing", ByHandle(handle=handle)),
    }.items():
        with nation.carried() as carried:
            nation.ask(*question)
        mine = [one for one in carried if one.receiver == "keeper-1"]
        orders[what] = [one for one in mine if isinstance(one.body, KeeperOrder)]
    return nation, orders, handle, fresh


@pytest.fixture
def node(base):
    nation, _, _, fresh = base
    return nation.keeper("keeper-1", copied(fresh))


def reply_of(node, order, now=NOON, **changed):
    body = replace(order.body, **changed)
    (reply,) = node.step(Message(sender=CENTRE, receiver=node.name, body=body), now)
    assert reply.receiver == CENTRE
    assert reply.body.order == body.order
    return reply.body


def done(node, order, now=NOON, **changed):
    """What a keeper does with an order: values and refusals."""
    reply = reply_of(node, order, now, **changed)
    return reply.values, reply.refused


def numbered(order, **changed):
    """The task of a number, on an order's own receipt and order."""
    fields = {
        "receipt": 0,
        "order": 0,
        "question": 0,
        "agency": "pension",
        "sector": "pension/1-73",
        "blinded": ELEMENT,
    }
    return MakeNumber(**{**fields, **changed})


def test_what_a_leaf_allows_is_done(base, node):
    _, orders, _, _ = base
    for what, several in orders.items():
        for order in several:
            values, refused = done(node, order)
            assert None not in values, (what, refused)
            assert refused == ()


# --- once ----------------------------------------------------------------------------------------


def test_a_leaf_is_spent_once_for_each_step(base, node):
    opening = base[1]["standing"][0]
    assert done(node, opening)[0] != (None,)
    assert done(node, opening) == ((None,), (SPENT_ALREADY,))


def test_a_leaf_is_spent_for_the_same_thing_once_more_among_others(base, node):
    """One of the keepers was silent; the others go on without it."""
    opening = base[1]["standing"][0]
    assert done(node, opening, among=(1, 2))[0] != (None,)
    other = replace(opening.body.tasks[0], sealed=ELEMENT)
    assert done(node, opening, among=(1, 3), tasks=(other,))[1] == (SPENT_ALREADY,)
    assert done(node, opening, among=(1, 3))[0] != (None,)
    assert done(node, opening, among=(1, 3))[1] == (SPENT_ALREADY,)


def test_a_leaf_serves_once_within_an_order_too(base, node):
    opening = base[1]["standing"][0]
    values, refused = done(node, opening, tasks=opening.body.tasks * 3)
    assert [value is None for value in values] == [False, True, True]
    assert len(refused) == 2


def test_a_leaf_is_spent_for_good(base):
    nation, orders, _, fresh = base
    store, opening = copied(fresh), orders["standing"][0]
    assert done(nation.keeper("keeper-1", store), opening)[0] != (None,)
    assert done(nation.keeper("keeper-1", store), opening)[0] == (None,)


def test_the_spending_is_durable_before_a_value_is_given(base):
    nation, orders, _, fresh = base
    store, opening = copied(fresh), orders["standing"][0]
    disk = ForgetfulDisk()
    node = nation.keeper("keeper-1", store, disk=disk)
    node._values = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        done(node, opening)
    index = opening.body.receipts[0].index
    with store.begin() as tx:
        assert SPENT.get(tx, index, "open-1", "1 2")
    (line,) = keeper_log.lines(disk.after_crash("nothing"))
    assert line.served == ((index, 1),)


# --- its own log ---------------------------------------------------------------------------------


def test_its_log_says_which_leaf_has_served_for_how_much_and_not_for_whom(base):
    nation, orders, handle, fresh = base
    disk = ForgetfulDisk()
    node = nation.keeper("keeper-1", copied(fresh), disk=disk)
    for order in (*orders["standing"], *orders["handle"]):
        done(node, order)
    lines = list(keeper_log.lines(disk))
    assert [line.number for line in lines] == list(range(4))
    assert node.log.size == 4
    assert [one.tasks for line in lines for one in line.served] == [1, 1, 1, 1]
    content = disk.read("log/000000")
    for order in (*orders["standing"], *orders["handle"]):
        for task in order.body.tasks:
            element = keeping.element_of(task)
            for shown in (element, element.hex().encode(), handle):
                assert shown not in content


def test_its_log_goes_on_after_a_crash_and_says_where_it_does_not_hang_together(base):
    nation, orders, _, fresh = base
    disk, store = ForgetfulDisk(), copied(fresh)
    done(nation.keeper("keeper-1", store, disk=disk), orders["standing"][0])
    disk.write_at("log/000000", b'{"number":', offset=len(disk.read("log/000000")))
    again = nation.keeper("keeper-1", store, disk=disk)
    assert again.log.size == 1
    done(again, orders["tax"][0])
    assert [line.number for line in keeper_log.lines(disk)] == [0, 1]
    content = disk.read("log/000000")
    disk.write("log/000000", content.replace(b",1]]", b",2]]", 1))
    with pytest.raises(Damaged, match="does not follow"):
        list(keeper_log.lines(disk))
    with pytest.raises(Damaged, match="back-up"):
        nation.keeper("keeper-1", store, disk=disk)


def test_its_log_goes_on_in_a_next_file(base, monkeypatch):
    nation, orders, _, fresh = base
    monkeypatch.setattr(keeper_log, "LINES", 2)
    disk, store = ForgetfulDisk(), copied(fresh)
    every = [order for several in orders.values() for order in several]
    for at, order in enumerate(every):
        node = nation.keeper("keeper-1", store, disk=disk)
        assert node.log.size == at
        done(node, order)
    assert len(disk.listdir("log")) == (len(every) + 1) // 2
    assert len(list(keeper_log.lines(disk))) == len(every)


# --- what it says --------------------------------------------------------------------------------


def test_an_answer_is_signed_as_a_whole(base, node):
    order = base[1]["standing"][0]
    reply = reply_of(node, order)
    key = SigningKey(keeper_ring("keeper-1").signing).public
    said = keeping.said(
        order.body,
        "keeper-1",
        values=reply.values,
        refused=reply.refused,
        packages=reply.packages,
    )
    key.verify(said.encode(), reply.signature)
    assert keeping.decode(said.encode()) == said


def test_the_parts_of_two_open_what_was_sealed_and_one_alone_nothing(base):
    nation, orders, _, fresh = base
    order = orders["standing"][0]
    values = []
    for one in ("keeper-1", "keeper-2"):
        ((value,), _) = done(nation.keeper(one, copied(fresh)), order)
        values.append(value)
    (task,) = order.body.tasks
    nobody = group.base(group.scalar_of(5))
    sealed = kem.seal(nation.directory.public(INDEX), b"text", context=b"", chance=nation.chance)
    shared = threshold.combine(values)
    assert shared not in values
    assert task.sealed != sealed[:32]
    opened = [done_alone(nation, one, sealed[:32]) for one in (1, 2)]
    assert kem.open_with(threshold.combine(opened), sealed, context=b"") == b"text"
    for one in (*opened, nobody):
        with pytest.raises(Damaged):
            kem.open_with(one, sealed, context=b"")


def done_alone(nation, index, element):
    _, shares = dealt(tuple(key_names(nation.schedule)))
    return threshold.partial(shares[index - 1][INDEX], (1, 2), element)


def test_a_number_goes_to_its_agency_alone(base, node):
    order = base[1]["standing"][1]
    reply = reply_of(node, order)
    assert reply.values == (b"",)
    (package,) = reply.packages
    opening = Opening(agency_ring("pension").enrol)
    context = keeper.parts_context("pension/1-73", "pension", "keeper-1", 0)
    parts = keeping.decode_parts(opening.open(package, context=context))
    assert parts.elements == (order.body.tasks[0].blinded,)
    threshold.verify_partials(
        base[0].directory.group_keys["number/pension/1-73"],
        (1, 2),
        parts.elements,
        Parts(1, 0, parts.values, parts.proof),
    )
    with pytest.raises(Damaged):
        Opening(agency_ring("tax").enrol).open(package, context=context)


def test_it_proves_what_it_has_signed_and_nothing_else(base, node):
    order = base[1]["standing"][0]
    reply = reply_of(node, order)
    said = keeping.said(order.body, "keeper-1", values=reply.values, refused=(), packages=())

    def proof(content=None, signature=None, places=(0,)):
        asked = Prove(
            order=7,
            said=content or said.encode(),
            signature=signature or reply.signature,
            places=places,
        )
        (out,) = node.step(Message(sender=CENTRE, receiver="keeper-1", body=asked), NOON)
        assert out.body.order == 7
        return out.body.proof

    elements, key = said.elements, base[0].directory.group_keys[INDEX]
    threshold.verify_partials(key, (1, 2), elements, Parts(1, 0, reply.values, proof()))
    other = replace(said, elements=(ELEMENT,)).encode()
    assert proof(content=other) == b""
    assert proof(signature=bytes(64)) == b""
    assert proof(content=b"nothing") == b""
    assert proof(places=(1,)) == b""
    assert proof(places=()) == b""


def test_it_says_that_it_works(base, node):
    body = Health(asked=3)
    (out,) = node.step(Message(sender=CENTRE, receiver="keeper-1", body=body), NOON)
    assert (out.body.asked, out.body.epoch, out.body.logged) == (3, 0, 0)


# --- together with whom --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "among", [(2, 3), (1,), (1, 2, 3), (1, 1), ()], ids=lambda among: str(among)
)
def test_it_works_with_as_many_as_are_wanted_and_with_nobody_else(base, node, among):
    values, (reason,) = done(node, base[1]["standing"][0], among=among)
    assert values == (None,)
    assert "among" in reason


def test_it_works_with_shares_of_its_own_epoch_alone(base, node):
    values, (reason,) = done(node, base[1]["standing"][0], epoch=1)
    assert values == (None,)
    assert "epoch" in reason


# --- what an agency has signed -------------------------------------------------------------------


def test_nothing_is_done_without_an_order_that_its_agency_has_signed(base, node):
    order = base[1]["standing"][0]
    (signed,) = order.body.orders
    (task,) = order.body.tasks
    forged = replace(signed, signature=bytes(64))
    other = replace(signed, content=signed.content.replace(b"official-1", b"official-2"))
    for orders in ((), (forged,), (other,), (replace(signed, content=b"x"),)):
        values, (reason,) = done(node, order, orders=orders)
        assert values == (None,), reason
    values, (reason,) = done(node, order, tasks=(replace(task, order=NO_ORDER),))
    assert "cites none" in reason


def test_an_order_serves_its_own_leaf_alone(base, node):
    order, other = base[1]["standing"][0], base[1]["changes"][0]
    for one, signed in ((order, other), (other, order)):
        values, (reason,) = done(node, one, orders=signed.body.orders)
        assert values == (None,), reason
    values, (reason,) = done(node, order, tasks=(replace(order.body.tasks[0], question=1),))
    assert "no such question" in reason


def test_a_signed_order_does_not_serve_twice(base, node):
    """The centre writes a second leaf for it: that is public, and opens nothing."""
    nation = base[0].copy()
    who = search(nation.record(CHIYODA, 1))
    question = nation.question("pension", "1-73", "standing", who)
    sent = []
    for another_first in (False, True):
        centre = nation.copy()
        if another_first:
            centre.ask("tax", "1-40", "standing", who)
        with centre.carried() as carried:
            centre.line.post(question)
            centre.line.run()
        sent += [next(one for one in carried if isinstance(one.body, KeeperOrder))]
    one, other = sent
    assert one.body.orders == other.body.orders
    assert one.body.receipts[0].index != other.body.receipts[0].index
    assert done(node, one)[0] != (None,)
    assert done(node, other)[1] == ("order: it has served on another leaf",)


@pytest.mark.parametrize(
    ("passed", "served"),
    [(timedelta(0), True), (FRESH_FOR, True), (FRESH_FOR + timedelta(seconds=1), False)],
)
def test_an_order_serves_for_an_hour(base, node, passed, served):
    values, _ = done(node, base[1]["standing"][0], NOON + passed)
    assert (values != (None,)) is served


def test_an_agency_has_a_budget_an_hour(base):
    nation, orders, _, fresh = base
    with fresh.begin() as tx:
        had = sum(row.used for row in BUDGETS.everything(tx) if row.agency == "pension")
    node = nation.keeper("keeper-1", copied(fresh), budget=had + 2)
    assert [done(node, one)[1] for one in orders["standing"]] == [(), ()]
    values, (reason,) = done(node, orders["changes"][0])
    assert values == (None,)
    assert "budget" in reason
    assert done(node, orders["tax"][0])[0] != (None,), "another agency's is its own"
    assert done(node, orders["changes"][0], NOON + timedelta(minutes=59))[0] == (None,)
    later = NOON + timedelta(hours=1)
    assert done(node, orders["changes"][0], later)[0] != (None,), (
        "and what was refused, was not spent"
    )


def test_what_is_refused_is_not_spent(base, node):
    opening = base[1]["standing"][0]
    (task,) = opening.body.tasks
    refused = done(node, opening, tasks=(replace(task, step="open-9"),))
    assert refused[0] == (None,)
    assert done(node, opening)[0] != (None,)


# --- what a leaf does not allow ------------------------------------------------------------------


def key_of(base):
    (task,) = base[1]["standing"][0].body.tasks
    return task


def test_a_handle_is_not_opened_on_a_disclosure(base, node):
    orders = base[1]
    task = replace(orders["handle"][0].body.tasks[0], order=0)
    values, (reason,) = done(node, orders["standing"][0], tasks=(task,))
    assert values == (None,)
    assert "the leaf of its inquiry" in reason


def test_nobody_is_opened_or_numbered_on_an_inquiry(base, node):
    order = base[1]["handle"][0]
    values, reasons = done(node, order, tasks=(key_of(base), numbered(order)))
    assert values == (None, None)
    assert all("the leaf of a disclosure" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("what", "sector"),
    [
        pytest.param("standing", "pension/1-77", id="another row of its own"),
        pytest.param("standing", "tax/1-40", id="another agency's"),
        pytest.param("standing", "tax/1-73", id="a sector that no schedule has"),
        pytest.param("standing", "pension/9-99", id="a row that no schedule has"),
        pytest.param("standing", "", id="no sector"),
        pytest.param("standing", "town-welfare/2-3", id="a town's, on a national leaf"),
        pytest.param("welfare", "pension/1-73", id="a national one, on a town's leaf"),
        pytest.param("welfare", "town-welfare/4-1", id="another table of a town's"),
    ],
)
def test_no_number_of_another_sector_is_made(base, node, what, sector):
    order = base[1][what][0]
    task = numbered(order, agency=sector.partition("/")[0] or "pension", sector=sector)
    values, reasons = done(node, order, tasks=(task,))
    assert values == (None,), reasons


def test_no_number_goes_to_another_agency(base, node):
    order = base[1]["standing"][1]
    values, _ = done(node, order, tasks=(replace(order.body.tasks[0], agency="tax"),))
    assert values == (None,)


def test_a_handle_of_another_sector_is_not_opened(base, node):
    order = base[1]["handle"][0]
    task = replace(order.body.tasks[0], sector="pension/1-78")
    values, (reason,) = done(node, order, tasks=(task,))
    assert values == (None,)
    assert "another agency or row" in reason


@pytest.mark.parametrize("at", [0, 31, 32, 95, 96, 137, 153])
def test_a_handle_that_was_mauled_is_not_opened_even_where_its_order_has_it(base, node, at):
    """The agency has signed for it and the centre has let it pass: its proof does not fit."""
    _, orders_sent, handle, _ = base
    order = orders_sent["handle"][0]
    mauled = bytes([*handle[:at], handle[at] ^ 1, *handle[at + 1 :]])
    (task,) = order.body.tasks
    values, (reason,) = done(node, order, tasks=(replace(task, handle=mauled),))
    assert values == (None,)
    assert "not the one that the agency asks by" in reason
    if at < len(handle) - MAC_BYTES:
        why_not = keeper._why_not_proved(replace(task, handle=mauled), node)
        assert "not made for this agency" in why_not


@pytest.mark.parametrize(
    ("what", "step", "allowed"),
    [
        pytest.param("standing", "open-1", True, id="the first round"),
        pytest.param("standing", "open-2", True, id="the second"),
        pytest.param("standing", "open-3", False, id="a third"),
        pytest.param("standing", "number", False, id="a number's step"),
        pytest.param("standing", "deferred", False, id="what is kept back"),
        pytest.param("standing", "history-0", False, id="history without a question about changes"),
        pytest.param("changes", "history-0", True, id="history"),
        pytest.param("changes", f"history-{HISTORY_MAX - 1}", True, id="the last of history"),
        pytest.param("changes", f"history-{HISTORY_MAX}", False, id="more history"),
        pytest.param("changes", "history-00", False, id="history under another name"),
    ],
)
def test_a_leaf_has_few_steps(base, node, what, step, allowed):
    order = base[1][what][0]
    values, _ = done(node, order, tasks=(replace(order.body.tasks[0], step=step),))
    assert (values != (None,)) is allowed


@pytest.mark.parametrize("place", [-1, 1, 99])
def test_a_task_that_cites_no_receipt_is_not_done(base, node, place):
    order = base[1]["standing"][0]
    values, (reason,) = done(node, order, tasks=(replace(key_of(base), receipt=place),))
    assert values == (None,)
    assert "cites none" in reason


def test_a_receipt_that_does_not_verify_opens_nothing_and_stops_nobody_else(base, node):
    _, orders, _, _ = base
    good, bad = orders["standing"][0].body, orders["tax"][0].body
    forged = replace(bad.receipts[0], leaf=bad.receipts[0].leaf.replace(b"tax", b"pen"))
    order = replace(
        orders["standing"][0],
        body=replace(
            good,
            receipts=(forged, *good.receipts),
            orders=(*bad.orders, *good.orders),
            tasks=(bad.tasks[0], replace(good.tasks[0], receipt=1, order=1)),
        ),
    )
    values, reasons = done(node, order)
    assert values[0] is None
    assert values[1] is not None
    assert len(reasons) == 1


def test_a_receipt_of_another_log_opens_nothing(base):
    nation, orders, _, fresh = base
    other = str(VerifierKey("jukinet.test/ledger", SigningKey(bytes(32)).public_bytes))
    node = nation.keeper("keeper-1", copied(fresh), log_key=LogKey.parse(other))
    values, _ = done(node, orders["standing"][0])
    assert values == (None,)


def test_what_does_not_open_is_refused_and_the_rest_is_done(base, node):
    order = base[1]["changes"][1]
    number, *history = order.body.tasks
    broken = replace(history[0], sealed=b"\xff" * 32)
    values, reasons = done(node, order, tasks=(number, broken))
    assert values[0] is not None
    assert values[1] is None
    assert len(reasons) == 1


@pytest.mark.parametrize("key", ["seed", "deferred", "release", "open/pension/1-73", "none such"])
def test_no_other_key_is_used_on_the_leaf_of_a_disclosure(base, node, key):
    """One key is no oracle for another."""
    task = replace(key_of(base), key=key)
    values, (reason,) = done(node, base[1]["standing"][0], tasks=(task,))
    assert values == (None,)
    assert "payloads are opened, and nothing else" in reason


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(context_of(SHINJUKU, bytes(16), 7), id="another town"),
        pytest.param(context_of(CHIYODA, b"o" * 16, 7), id="another person"),
        pytest.param(context_of(CHIYODA, bytes(16), 8), id="another version"),
    ],
)
def test_what_is_sealed_for_one_notice_opens_in_no_others_place(other):
    mine = context_of(CHIYODA, bytes(16), 7)
    secret = group.scalar_of(7)
    wrapped = kem.seal(group.base(secret), bytes(32), context=mine, chance=bytes_of_one)
    payload = bytes(12) + lock(bytes(32), b"\x80", nonce=bytes(12), context=mine)
    shared = group.times(secret, wrapped[:32])
    assert kem.open_with(shared, wrapped, context=mine) == bytes(32)
    with pytest.raises(Damaged):
        kem.open_with(shared, wrapped, context=other)
    with pytest.raises(Damaged):
        open_payload(bytes(32), payload, other)


def bytes_of_one(size):
    return b"\x01" * size


@pytest.mark.parametrize("sender", ["pension", CHIYODA, "keeper-2"])
def test_an_order_of_anybody_but_the_centre_is_not_taken(base, node, sender):
    order = replace(base[1]["standing"][0], sender=sender)
    with pytest.raises(Malformed, match=sender):
        node.step(order, NOON)


def test_a_keeper_takes_orders_alone(node):
    with pytest.raises(Malformed, match="takes no Tick"):
        node.step(Message(sender=CENTRE, receiver="keeper-1", body=Tick()), NOON)


def test_a_keeper_holds_its_own_copy_of_the_schedules(base):
    nation, orders, _, fresh = base
    text = """
[[receiver]]
id = "pension"
name = "Pension"
name_ja = "年金"
corporate_number = "4011305001653"

[[grant]]
table = 1
row = 1
ordinance_item = "1(1)"
affair = "another affair"
affair_ja = "別の事務"
receiver = "pension"
items = []
kinds = ["standing"]
valid_from = 2006-10-01
"""
    node = nation.keeper("keeper-1", copied(fresh), schedule=parse(text))
    numbering = orders["standing"][1]
    assert done(node, numbering)[0] == (None,)
    node = nation.keeper("keeper-1", copied(fresh), schedule=load())
    assert done(node, numbering)[0] != (None,)


def test_a_receipt_is_verified_once_for_several_orders_and_forgotten_in_time(
    base, node, monkeypatch
):
    verified = []
    monkeypatch.setattr(
        keeper,
        "check_receipt",
        lambda receipt, log, check=keeper.check_receipt: verified.append(1) or check(receipt, log),
    )
    for order in base[1]["standing"]:
        done(node, order)
    assert len(verified) == 1
    node._checked.update(dict.fromkeys(range(CHECKED_MAX)))
    done(node, base[1]["tax"][0])
    assert len(node._checked) == 1


def test_an_order_shows_nothing_of_itself(base):
    for order in base[1]["standing"]:
        assert repr(order) == "<Message>"
        assert repr(order.body) == "<KeeperOrder>"
        assert {repr(task) for task in order.body.tasks} <= {"<OpenKey>", "<MakeNumber>"}
    assert isinstance(key_of(base), OpenKey)
