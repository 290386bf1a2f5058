"""A keeper: opens and numbers on a spent receipt of the right leaf, and on nothing else."""

import pytest
from msgspec.structs import replace
from tests.nation import KEEPER_RING, Nation, copied, search
from tests.support import CHIYODA, NOON, SHINJUKU, entrant, name

from jukinet.client.receipts import LogKey
from jukinet.disclosure.pseudonyms import MAC_BYTES
from jukinet.errors import Damaged, Malformed
from jukinet.keys.seal import SealKey, lock
from jukinet.keys.sign import SigningKey
from jukinet.law.inquiry import ByHandle
from jukinet.law.schedule import load, parse
from jukinet.merkle.note import VerifierKey
from jukinet.nodes import keeper
from jukinet.nodes.keeper import CHECKED_MAX, SPENT, Keeper
from jukinet.nodes.keyring import payload_opening
from jukinet.nodes.message import (
    CENTRE,
    HISTORY_MAX,
    KEEPER,
    KeeperOrder,
    MakeNumber,
    Message,
    OpenHandle,
    OpenKey,
    Tick,
)
from jukinet.nodes.sealing import context_of, open_payload

ROOT = b"r" * 16


@pytest.fixture(scope="module")
def base():
    """Orders as the centre sends them, of a nation that has spent none of them."""
    nation = Nation((CHIYODA,), ("pension", "tax", "town-welfare"))
    (person,) = nation.enter(CHIYODA, entrant(name=name("山田 花子")))
    asked = search(nation.record(CHIYODA, person))
    handle = nation.ask("pension", "1-73", "standing", asked).content.handle
    fresh = copied(nation.stores["keeper"])
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
        orders[what] = [one for one in carried if isinstance(one.body, KeeperOrder)]
    return nation, orders, handle, fresh


@pytest.fixture
def node(base):
    nation, _, _, fresh = base
    return Keeper(KEEPER, copied(fresh), KEEPER_RING, LogKey.parse(nation.directory.log))


def done(node, order, **changed):
    """What a keeper does with an order: values and refusals."""
    body = replace(order.body, **changed)
    (reply,) = node.step(Message(sender=CENTRE, receiver=KEEPER, body=body), NOON)
    assert reply.receiver == CENTRE
    assert reply.body.order == body.order
    return reply.body.values, reply.body.refused


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
    assert done(node, opening) == ((None,), ("receipt: this leaf has been spent",))


def test_a_leaf_serves_once_within_an_order_too(base, node):
    opening = base[1]["standing"][0]
    values, refused = done(node, opening, tasks=opening.body.tasks * 3)
    assert [value is None for value in values] == [False, True, True]
    assert len(refused) == 2


def test_a_leaf_is_spent_for_good(base):
    nation, orders, _, fresh = base
    store, opening = copied(fresh), orders["standing"][0]
    log = LogKey.parse(nation.directory.log)
    assert done(Keeper(KEEPER, store, KEEPER_RING, log), opening)[0] != (None,)
    assert done(Keeper(KEEPER, store, KEEPER_RING, log), opening)[0] == (None,)


def test_the_spending_is_durable_before_a_value_is_given(base):
    nation, orders, _, fresh = base
    store, opening = copied(fresh), orders["standing"][0]
    node = Keeper(KEEPER, store, KEEPER_RING, LogKey.parse(nation.directory.log))
    node._do = lambda task: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        done(node, opening)
    with store.begin() as tx:
        assert SPENT.get(tx, opening.body.receipts[0].index, "open-1")


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
    _, orders, handle, _ = base
    task = OpenHandle(receipt=0, sector="pension/1-73", sealed=handle[:-MAC_BYTES])
    values, (reason,) = done(node, orders["standing"][0], tasks=(task,))
    assert values == (None,)
    assert "the leaf of its inquiry" in reason


def test_nobody_is_opened_or_numbered_on_an_inquiry(base, node):
    order = base[1]["handle"][0]
    number = MakeNumber(receipt=0, sector="pension/1-73", root=ROOT)
    values, reasons = done(node, order, tasks=(key_of(base), number))
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
    task = MakeNumber(receipt=0, sector=sector, root=ROOT)
    values, reasons = done(node, order, tasks=(task,))
    assert values == (None,), reasons


def test_a_handle_of_another_sector_is_not_opened(base, node):
    _, orders, handle, _ = base
    order = orders["handle"][0]
    task = OpenHandle(receipt=0, sector="pension/1-78", sealed=handle[:-MAC_BYTES])
    values, (reason,) = done(node, order, tasks=(task,))
    assert values == (None,)
    assert "another agency or row" in reason


@pytest.mark.parametrize(
    ("what", "step", "allowed"),
    [
        pytest.param("standing", "open-1", True, id="the first round"),
        pytest.param("standing", "open-2", True, id="the second"),
        pytest.param("standing", "open-3", False, id="a third"),
        pytest.param("standing", "number", False, id="a number's step"),
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
            tasks=(bad.tasks[0], replace(good.tasks[0], receipt=1)),
        ),
    )
    values, reasons = done(node, order)
    assert values[0] is None
    assert values[1] is not None
    assert len(reasons) == 1


def test_a_receipt_of_another_log_opens_nothing(base):
    _, orders, _, fresh = base
    other = str(VerifierKey("jukinet.test/ledger", SigningKey(bytes(32)).public_bytes))
    node = Keeper(KEEPER, copied(fresh), KEEPER_RING, LogKey.parse(other))
    values, _ = done(node, orders["standing"][0])
    assert values == (None,)


def test_what_does_not_open_is_refused_and_the_rest_is_done(base, node):
    order = base[1]["changes"][1]
    number, *history = order.body.tasks
    broken = replace(history[0], wrapped=bytes(80))
    values, reasons = done(node, order, tasks=(number, broken))
    assert values[0] is not None
    assert values[1] is None
    assert len(reasons) == 1


def test_a_key_is_opened_for_its_own_notice_alone(base, node):
    task = replace(key_of(base), context=key_of(base).context[:-1] + b"\x7f")
    assert done(node, base[1]["standing"][0], tasks=(task,))[0] == (None,)


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
    opening = payload_opening(KEEPER_RING)
    wrapped = SealKey(opening.public.raw).seal(bytes(32), context=mine)
    payload = bytes(12) + lock(bytes(32), b"\x80", nonce=bytes(12), context=mine)
    assert opening.open(wrapped, context=mine) == bytes(32)
    with pytest.raises(Damaged):
        opening.open(wrapped, context=other)
    with pytest.raises(Damaged):
        open_payload(bytes(32), payload, other)


@pytest.mark.parametrize("sender", ["pension", CHIYODA, KEEPER])
def test_an_order_of_anybody_but_the_centre_is_not_taken(base, node, sender):
    order = replace(base[1]["standing"][0], sender=sender)
    with pytest.raises(Malformed, match=sender):
        node.step(order, NOON)


def test_a_keeper_takes_orders_alone(node):
    with pytest.raises(Malformed, match="takes no Tick"):
        node.step(Message(sender=CENTRE, receiver=KEEPER, body=Tick()), NOON)


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
    log = LogKey.parse(nation.directory.log)
    node = Keeper(KEEPER, copied(fresh), KEEPER_RING, log, parse(text))
    numbering = orders["standing"][1]
    assert done(node, numbering)[0] == (None,)
    assert done(Keeper(KEEPER, copied(fresh), KEEPER_RING, log, load()), numbering)[0] != (None,)


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
