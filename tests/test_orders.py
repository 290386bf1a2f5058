"""Orders of many: one leaf speaks for all, each is answered by itself, and nothing is opened twice."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.nation import (
    Crash,
    Nation,
    copied,
    crashing,
    put_back,
    recorded_commits,
    search,
)
from tests.support import CHIYODA, DAY, NOON, SAPPORO_CHUO, entrant, name

from jukinet.client.statement import statement
from jukinet.disclosure.pseudonyms import Meant, fresh_handle
from jukinet.law import leaf as leaves
from jukinet.law.inquiry import Answer, ByHandle, BySearch, Refusal, Standing
from jukinet.law.leaf import BundleLeaf, DisclosureLeaf, InquiryLeaf, RefusalLeaf
from jukinet.law.order import decode, signed_digest
from jukinet.law.schedule import Kind
from jukinet.ledger.chains import CHAINS, LABELS
from jukinet.nodes.keyring import opening_key
from jukinet.nodes.message import (
    CENTRE,
    KeeperOrder,
    MakeNumber,
    Message,
    OpenHandle,
)
from jukinet.numbers.municipality_code import MunicipalityCode

NAMES = ("山田 花子", "佐藤 太郎", "鈴木 一郎", "高橋 次郎", "田中 三郎")
SECTOR = "pension/1-73"


@pytest.fixture(scope="module")
def base():
    """Five people, each with a handle of the pension's; two of Sapporo bear one name."""
    nation = Nation((CHIYODA, SAPPORO_CHUO), ("pension", "tax"))
    people = [nation.enter(CHIYODA, entrant(name=name(one)))[0] for one in NAMES]
    for _ in range(2):
        nation.enter(SAPPORO_CHUO, entrant(name=name("同姓 同名")))
    records = [nation.record(CHIYODA, one) for one in people]
    handles = [
        nation.ask("pension", "1-73", "standing", search(one)).content.handle for one in records
    ]
    return nation, people, records, handles


@pytest.fixture
def nation(base):
    return base[0].copy()


def by_search(base, *which) -> list[BySearch]:
    return [search(base[2][one]) for one in which or range(len(NAMES))]


def by_handle(base, *which) -> list[ByHandle]:
    return [ByHandle(handle=base[3][one]) for one in which or range(len(NAMES))]


def ordered(nation, subjects, asker="pension", row="1-73", kind="standing", **more) -> Message:
    return nation.agencies[asker].ask_many(
        row=row,
        kind=Kind(kind),
        subjects=subjects,
        now=nation.line.now,
        **{"numbered": True, **more},
    )


def order(nation, subjects, asker="pension", **more):
    """Send an order, and take what comes of it."""
    nation.line.post(ordered(nation, subjects, asker, **more))
    nation.line.run()
    return nation.outcomes(asker)


def since(nation, size) -> list[leaves.Leaf]:
    return nation.leaves()[size:]


def size(nation) -> int:
    return nation.centre.ledger.log.size


def shown(nation, base, person):
    return statement(nation.view_key(CHIYODA, base[1][person]), nation.mirror())


# --- one leaf for all ------------------------------------------------------------------------------


def test_an_order_by_search_is_one_bundle_leaf_and_each_is_answered(nation, base):
    before = size(nation)
    outcomes = order(nation, by_search(base))
    assert [one.content.standing for one in outcomes] == [Standing.RESIDENT] * 5
    assert len({one.number for one in outcomes}) == 5
    (leaf,) = since(nation, before)
    assert isinstance(leaf, BundleLeaf)
    assert (leaf.agency, leaf.row, leaf.count, leaf.inquiry) == ("pension", "1-73", 5, None)
    assert {one.leaf for one in outcomes} == {before}
    nation.audited()


def test_an_order_by_handle_has_one_inquiry_leaf_with_its_count_and_one_bundle(nation, base):
    before = size(nation)
    outcomes = order(nation, by_handle(base))
    assert [one.content.standing for one in outcomes] == [Standing.RESIDENT] * 5
    inquiry, bundle = since(nation, before)
    assert isinstance(inquiry, InquiryLeaf)
    assert isinstance(bundle, BundleLeaf)
    assert (inquiry.count, bundle.count, bundle.inquiry) == (5, 5, before)
    nation.audited()


@pytest.mark.parametrize("named", [by_search, by_handle])
def test_an_order_of_one_is_an_order(nation, base, named):
    (outcome,) = order(nation, named(base, 0))
    assert outcome.number == nation_number(base, 0)
    nation.audited()


def nation_number(base, who) -> str:
    """The number by which the pension knows somebody."""
    nation = base[0].copy()
    return nation.ask("pension", "1-73", "standing", by_search(base, who)[0]).number


def test_each_answer_is_about_whom_its_own_question_named(nation, base):
    numbers = [nation_number(base, one) for one in range(3)]
    for named in (by_search, by_handle):
        outcomes = order(nation, named(base, 2, 0, 1))
        assert [one.number for one in outcomes] == [numbers[2], numbers[0], numbers[1]]


def test_each_resident_sees_ones_own_and_nothing_else(nation, base):
    order(nation, by_search(base, 0, 1, 0), official="X-1")
    found = shown(nation, base, 0)
    assert [one.body.official for one in found.entries] == ["official-1", "X-1", "X-1"]
    assert [one.record is None for one in found.entries] == [True, False, False]
    assert len(shown(nation, base, 1).entries) == 2
    assert len(shown(nation, base, 2).entries) == 1
    assert found.complete


def test_people_of_one_name_stand_in_the_bundle_and_none_is_shown(nation, base):
    twins = BySearch(
        place=MunicipalityCode(SAPPORO_CHUO),
        birth_date=base[2][0].birth_date,
        name=name("同姓 同名").legal,
    )
    before = size(nation)
    outcomes = order(nation, [*by_search(base, 0), twins])
    assert {one.rule for one in outcomes} == {"", "more-than-one"}
    bundle, refusal = since(nation, before)
    assert bundle.count == 3
    assert (refusal.rule, refusal.inquiry) == ("more-than-one", None)
    nation.audited()


# --- answers that are not what the leaf speaks of --------------------------------------------------


@pytest.fixture(scope="module")
def answers(base):
    """The answers to an order as they were on the line; the agency has not had them."""
    nation = base[0].copy()
    message = ordered(nation, by_search(base))
    nation.cut_off("pension")
    nation.line.post(message)
    nation.line.run()
    found = [one for one in nation.line.listen("pension") if isinstance(one.body, Answer)]
    assert len(found) == 5
    return nation, found


def with_receipt(message, **changed):
    receipt = replace(message.body.receipt, **changed)
    return replace(message, body=replace(message.body, receipt=receipt))


def bit(content: bytes, at=0) -> bytes:
    return bytes([*content[:at], content[at] ^ 1, *content[at + 1 :]])


FORGED = {
    "another label": lambda one, other: with_receipt(one, record=bit(one.body.receipt.record)),
    "another commitment": lambda one, other: with_receipt(
        one, record=bit(one.body.receipt.record, 47)
    ),
    "no record": lambda one, other: with_receipt(one, record=b""),
    "a longer record": lambda one, other: with_receipt(one, record=one.body.receipt.record + b"x"),
    "another place": lambda one, other: with_receipt(one, place=other.body.receipt.place),
    "a place below nothing": lambda one, other: with_receipt(one, place=-1),
    "a place beyond the end": lambda one, other: with_receipt(one, place=5),
    "another path": lambda one, other: with_receipt(one, path=other.body.receipt.path),
    "no path": lambda one, other: with_receipt(one, path=()),
    "a longer path": lambda one, other: with_receipt(one, path=(*one.body.receipt.path, bytes(32))),
    "another's record, place and path": lambda one, other: with_receipt(
        one,
        record=other.body.receipt.record,
        place=other.body.receipt.place,
        path=other.body.receipt.path,
    ),
    "another's receipt": lambda one, other: replace(
        one, body=replace(one.body, receipt=other.body.receipt)
    ),
    "another salt": lambda one, other: with_receipt(one, salt=bit(one.body.receipt.salt)),
    "another body": lambda one, other: with_receipt(one, body=other.body.receipt.body),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_an_answer_whose_record_is_another_is_not_believed(answers, forgery):
    nation, (one, other, *_) = answers
    agency = nation.agencies["pension"]
    waiting = agency.waiting
    agency.step(FORGED[forgery](one, other), NOON)
    (reason,) = agency.distrusted
    agency.distrusted.clear()
    assert reason
    assert (agency.outcomes, agency.waiting) == ([], waiting)


def test_what_the_forgeries_are_made_from_is_believed(base):
    nation = base[0].copy()
    message = ordered(nation, by_search(base))
    nation.cut_off("pension")
    nation.line.post(message)
    nation.line.run()
    for one in nation.line.listen("pension"):
        nation.agencies["pension"].step(one, NOON)
    assert len(nation.outcomes("pension")) == 5


# --- mixtures --------------------------------------------------------------------------------------


def old_handle(nation, record) -> ByHandle:
    """A handle that the door made fourteen months ago."""
    made = fresh_handle(
        nation.directory.public(opening_key(SECTOR)),
        nation.centre_ring.door,
        SECTOR,
        "pension",
        means=Meant(record.attachment.locator, "13", DAY - timedelta(days=30), 0),
        chance=nation.chance,
    )
    return ByHandle(handle=made)


def answered_once(nation, before) -> None:
    """Each inquiry leaf is named by one leaf, and not by two."""
    found = since(nation, before)
    asked = [before + at for at, leaf in enumerate(found) if isinstance(leaf, InquiryLeaf)]
    named = [leaf.inquiry for leaf in found if getattr(leaf, "inquiry", None) is not None]
    assert sorted(named) == asked


def test_those_that_may_not_be_answered_are_refused_each_and_the_others_answered(nation, base):
    before = size(nation)
    nation.keepers_refuse("handle-1")
    subjects = [
        *by_handle(base, 0, 1),
        ByHandle(handle=bytes(200)),
        old_handle(nation, base[2][2]),
        *by_handle(base, 3),
    ]
    outcomes = order(nation, subjects)
    assert sorted(one.rule for one in outcomes) == [
        "", "", "handle-expired", "handle-not-opened", "not-your-handle",
    ]  # fmt: skip
    found = since(nation, before)
    refusals = [leaf for leaf in found if isinstance(leaf, RefusalLeaf)]
    assert sorted(leaf.rule for leaf in refusals) == [
        "handle-expired", "handle-not-opened", "not-your-handle",
    ]  # fmt: skip
    (inquiry,) = [leaf for leaf in found if isinstance(leaf, InquiryLeaf)]
    assert inquiry.count == 4  # the forged handle is seen from outside
    (bundle,) = [leaf for leaf in found if isinstance(leaf, BundleLeaf)]
    assert bundle.count == 2
    answered_once(nation, before)
    nation.audited()


@pytest.mark.parametrize("steps", [("handle-0", "handle-1"), ("handle-0",), ("handle-1",), ()])
def test_the_inquiry_leaf_is_answered_once_whoever_is_not_opened(nation, base, steps):
    before = size(nation)
    nation.keepers_refuse(*steps)
    outcomes = order(nation, by_handle(base, 0, 1))
    assert sum(one.rule == "handle-not-opened" for one in outcomes) == len(steps)
    assert sum(one.content is not None for one in outcomes) == 2 - len(steps)
    answered_once(nation, before)
    nation.audited()


def test_those_of_a_place_that_is_not_connected_are_refused_each(nation, base):
    elsewhere = search(base[2][1], place="141011")
    before = size(nation)
    outcomes = order(nation, [*by_search(base, 0), elsewhere, *by_search(base, 2)])
    assert [one.rule for one in outcomes if one.rule] == ["place-not-connected"]
    assert len(outcomes) == 3
    (bundle,) = [leaf for leaf in since(nation, before) if isinstance(leaf, BundleLeaf)]
    assert bundle.count == 2


@pytest.mark.parametrize("named", [by_search, by_handle])
def test_an_order_that_no_row_covers_is_refused_member_by_member(nation, base, named):
    before = size(nation)
    outcomes = order(nation, named(base), row="1-40")
    assert [one.rule for one in outcomes] == ["not-your-row"] * 5
    assert [type(leaf) for leaf in since(nation, before)] == [RefusalLeaf] * 5


def test_one_that_the_keeper_will_not_open_is_refused_after_the_bundle(nation, base):
    before = size(nation)
    nation.keepers_refuse("open-1")
    outcomes = order(nation, by_handle(base))
    assert [one.rule for one in outcomes] == ["not-opened"] * 5
    answered_once(nation, before)
    nation.audited()


# --- the same order twice --------------------------------------------------------------------------


def opened(carried) -> list:
    """What one of the keepers was asked to do about people."""
    mine = [one.body for one in carried if one.receiver == "keeper-1"]
    orders = [body for body in mine if isinstance(body, KeeperOrder) and body.orders]
    return [task for body in orders for task in body.tasks]


@pytest.mark.parametrize("named", [by_search, by_handle])
@pytest.mark.parametrize("when", ["at once", "later", "after a restart", "after a crash"])
def test_the_same_order_again_is_refused_and_opens_nothing(nation, base, named, when):
    message = ordered(nation, named(base))
    before = size(nation)
    with nation.carried() as carried:
        nation.line.post(*[message] * (2 if when == "at once" else 1))
        nation.line.run()
    first = len(opened(carried))
    if when != "at once":
        nation.outcomes("pension")
        if when != "later":
            up = nation.restarted() if when == "after a restart" else nation.crashed()
            up.agencies["pension"]._asked = nation.agencies["pension"]._asked
            nation = up
        with nation.carried() as carried:
            nation.line.post(message)
            nation.line.run()
        assert opened(carried) == []
    rounds = 3 if named is by_handle else 2  # handle, payload, number
    assert first == 5 * rounds
    found = since(nation, before)
    assert sum(isinstance(leaf, BundleLeaf) for leaf in found) == 1
    assert [leaf.rule for leaf in found if isinstance(leaf, RefusalLeaf)] == ["repeated"] * 5
    nation.audited()


def test_an_order_of_another_agency_or_with_another_signature_is_rejected(nation, base):
    message = ordered(nation, by_search(base))
    before = size(nation)
    nation.line.post(
        replace(message, sender="tax"),
        replace(message, body=replace(message.body, signature=bytes(64))),
        replace(message, body=replace(message.body, order=message.body.order + b"x")),
        replace(message, sender="tax", body=replace(message.body, agency="tax")),
    )
    nation.line.run()
    rejected = nation.outcomes("pension") + nation.outcomes("tax")
    assert [one.rule for one in rejected] == ["rejected"] * 4
    assert size(nation) == before


# --- who is hidden, what is kept back --------------------------------------------------------------


def test_a_hidden_person_in_an_order_looks_as_nobody(nation, base):
    nation.hide(CHIYODA, base[1][1])
    nobody = BySearch(
        place=MunicipalityCode(CHIYODA),
        birth_date=base[2][0].birth_date,
        name=name("誰 でもない").legal,
    )
    with nation.carried() as carried:
        outcomes = order(nation, [*by_search(base, 1), nobody, *by_search(base, 0)])
    given = [one.body.content for one in carried if isinstance(one.body, Answer)]
    assert (len(given), len({*given}), len({*map(len, given)})) == (3, 2, 1)
    standings = sorted(one.content.standing for one in outcomes)
    assert standings == [Standing.RESIDENT, Standing.UNKNOWN, Standing.UNKNOWN]
    nation.audited()


def test_an_order_is_never_kept_from_its_residents(nation, base):
    agency = nation.agencies["tax"]
    later = DAY + timedelta(days=30)
    message = ordered(nation, by_search(base, 0, 1), "tax", "1-41", numbered=False)
    signed = replace(decode(message.body.order), defer_to=later).encode()
    body = replace(message.body, order=signed, signature=agency._signing.sign(signed))
    for nonce, one in agency._asked.items():
        agency._asked[nonce] = one._replace(order=signed_digest(signed))
    before = size(nation)
    nation.line.post(replace(message, body=body))
    nation.line.run()
    assert [one.rule for one in nation.outcomes("tax")] == ["no-deferral"] * 2
    assert [type(leaf) for leaf in since(nation, before)] == [RefusalLeaf] * 2


# --- the keeper ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keeper_orders(base):
    """What the centre asked the keeper for an order by handle, of a keeper that has spent none."""
    nation = base[0].copy()
    fresh = copied(nation.stores["keeper-1"])
    with nation.carried() as carried:
        order(nation, by_handle(base), numbered=True)
    handles, payloads, numbers = orders_of(carried)
    return nation, fresh, handles, payloads, numbers


def orders_of(carried) -> list[KeeperOrder]:
    """What one of the keepers was asked."""
    mine = [one.body for one in carried if one.receiver == "keeper-1"]
    return [body for body in mine if isinstance(body, KeeperOrder)]


@pytest.fixture
def keeper(keeper_orders):
    nation, fresh, *_ = keeper_orders
    return nation.keeper("keeper-1", copied(fresh))


def done(keeper, body):
    (reply,) = keeper.step(Message(sender=CENTRE, receiver=keeper.name, body=body), NOON)
    return [value is not None for value in reply.body.values], reply.body.refused


def test_a_place_of_a_bundle_is_spent_once_for_each_step(keeper, keeper_orders):
    _, _, _, payloads, numbers = keeper_orders
    for body in (payloads, numbers):
        assert done(keeper, body)[0] == [True] * 5
        again = done(keeper, body)
        assert again == ([False] * 5, ("receipt: this leaf has been spent",) * 5)


def test_the_receipt_of_one_place_opens_no_more_than_one(keeper, keeper_orders):
    _, _, _, payloads, _ = keeper_orders
    tasks = tuple(replace(task, receipt=0) for task in payloads.tasks)
    assert done(keeper, replace(payloads, tasks=tasks))[0] == [True, False, False, False, False]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda one, other: {"place": other.place}, id="another place"),
        pytest.param(lambda one, other: {"record": other.record}, id="another record"),
        pytest.param(lambda one, other: {"path": other.path}, id="another path"),
        pytest.param(lambda one, other: {"record": b"", "place": 0, "path": ()}, id="no record"),
        pytest.param(lambda one, other: {"record": one.record[:16]}, id="the label alone"),
    ],
)
def test_a_record_that_is_not_in_the_bundle_opens_nothing(keeper, keeper_orders, change):
    _, _, _, payloads, _ = keeper_orders
    one, other, *_ = payloads.receipts
    forged = replace(one, **change(one, other))
    body = replace(payloads, receipts=(forged,), tasks=payloads.tasks[:1])
    assert done(keeper, body)[0] == [False]
    assert done(keeper, payloads)[0] == [True] * 5


def test_a_leaf_without_a_bundle_has_no_record(base):
    nation = base[0].copy()
    fresh = copied(nation.stores["keeper-1"])
    with nation.carried() as carried:
        nation.ask("pension", "1-73", "standing", by_search(base, 0)[0])
    opening = orders_of(carried)[0]
    keeper = nation.keeper("keeper-1", fresh)
    for place in range(3):
        receipt = replace(opening.receipts[0], record=bytes(48), place=place)
        assert done(keeper, replace(opening, receipts=(receipt,)))[0] == [False]


def test_an_inquiry_leaf_opens_as_many_handles_as_it_counts(keeper, keeper_orders):
    _, _, handles, _, _ = keeper_orders
    task = handles.tasks[0]
    tasks = tuple(replace(task, step=f"handle-{place}") for place in range(1, 7))
    assert done(keeper, replace(handles, tasks=tasks))[0] == [False] * 6, "each by its place"
    others = ("handle", "handle-00", "handle--1", "open-1", "")
    tasks = tuple(replace(task, step=step) for step in others)
    assert done(keeper, replace(handles, tasks=tasks))[0] == [False] * 5
    assert done(keeper, handles)[0] == [True] * 5


@pytest.mark.parametrize("many", [False, True])
def test_the_inquiry_leaf_of_one_opens_one_handle_whatever_the_steps_are_called(base, many):
    nation = base[0].copy()
    fresh = copied(nation.stores["keeper-1"])
    with nation.carried() as carried:
        if many:
            order(nation, by_handle(base, 0))
        else:
            nation.ask("pension", "1-73", "standing", by_handle(base, 0)[0])
    opening = orders_of(carried)[0]
    (task,) = opening.tasks
    assert isinstance(task, OpenHandle)
    keeper = nation.keeper("keeper-1", fresh)
    steps = ("handle", "handle-0", "handle-1", "more", "")
    tasks = tuple(replace(task, step=step) for step in steps)
    assert sum(done(keeper, replace(opening, tasks=tasks))[0]) == 1


def test_the_number_of_one_place_is_made_once(keeper, keeper_orders):
    _, _, _, _, numbers = keeper_orders
    assert all(isinstance(task, MakeNumber) for task in numbers.tasks)
    tasks = (numbers.tasks[0], replace(numbers.tasks[1], receipt=numbers.tasks[0].receipt))
    assert done(keeper, replace(numbers, tasks=tasks))[0] == [True, False]


# --- crashes ---------------------------------------------------------------------------------------


def chain_states(nation) -> tuple[dict, dict]:
    with nation.stores["chains"].begin() as tx:
        places = {row.locator: (row.place, row.label) for row in CHAINS.everything(tx)}
        labels = {row.label: row.leaf for row in LABELS.everything(tx)}
    return places, labels


TWICE = (0, 1, 0, 2, 0, 1, 0)  # some are asked about several times in one order


def test_a_store_of_chains_is_rebuilt_from_the_bundles(nation, base):
    older = copied(nation.stores["chains"])
    for _ in range(3):
        order(nation, by_search(base, *TWICE))
    order(nation, by_handle(base))
    stands = chain_states(nation)
    put_back(nation.stores["chains"], older)
    nation = nation.restarted()
    assert chain_states(nation) == stands
    order(nation, by_search(base, *TWICE))
    assert len(shown(nation, base, 0).entries) == 1 + 4 * 4 + 1
    nation.audited()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("named", [by_search, by_handle])
def test_a_crash_between_log_and_chains_loses_no_label_of_a_bundle(base, named, when):
    nation = base[0].copy()
    with recorded_commits() as commits:
        nation.line.post(ordered(nation, named(base, *TWICE)))
        nation.line.run()
    writes = [at for at, store in enumerate(commits) if store is nation.stores["chains"]]
    assert writes
    for at in writes:
        crashed = base[0].copy()
        crashed.line.post(ordered(crashed, named(base, *TWICE)))
        with crashing(at, when), pytest.raises(Crash):
            crashed.line.run()
        up = crashed.crashed()
        order(up, named(base, *TWICE))
        assert shown(up, base, 0).complete
        labels = [label for _, label in chain_states(up)[0].values()]
        assert not {*labels} & {*chain_states(up)[1]}
        up.audited()


def test_a_bundle_of_more_than_a_tile_is_found_whole(nation, base):
    subjects = by_search(base, *[at % 5 for at in range(300)])
    outcomes = order(nation, subjects)
    assert len(outcomes) == 300
    assert all(one.number for one in outcomes)
    assert len(shown(nation, base, 4).entries) == 1 + 60
    assert all(one.body is not None for one in shown(nation, base, 4).entries)
    nation.audited()


def test_single_disclosures_and_bundles_take_turns_on_a_chain(nation, base):
    order(nation, by_search(base, 0, 0))
    nation.ask("tax", "1-40", "standing", by_search(base, 0)[0])
    order(nation, by_handle(base, 0, 0))
    kinds = [type(one.leaf) for one in shown(nation, base, 0).entries]
    assert kinds == [DisclosureLeaf, *[BundleLeaf] * 2, DisclosureLeaf, *[BundleLeaf] * 2]


def test_a_refusal_in_an_order_is_bound_to_its_own_question(nation, base):
    message = ordered(nation, [*by_search(base, 0), search(base[2][1], place="141011")])
    nation.cut_off("pension")
    nation.line.post(message)
    nation.line.run()
    (refusal,) = [one for one in nation.line.listen("pension") if isinstance(one.body, Refusal)]
    agency = nation.agencies["pension"]
    other = next(nonce for nonce in agency._asked if nonce != refusal.body.nonce)
    agency.step(replace(refusal, body=replace(refusal.body, nonce=other)), NOON)
    assert "commits to another inquiry" in agency.distrusted[0]
    assert agency.outcomes == []
