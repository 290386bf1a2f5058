"""The centre: a batch that lies applies nothing; a crash anywhere is mended by sending again."""

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from itertools import count

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.structs import replace
from tests import support
from tests.nation import (
    Crash,
    Nation,
    copied,
    crashing,
    dumped,
    fresh_stores,
    put_back,
    recorded_commits,
    search,
)
from tests.support import CHIYODA, NOON, SAPPORO_CHUO, SHINJUKU, YOKOHAMA_TSURUMI, entrant, name

from jukinet.client.statement import statement
from jukinet.errors import Malformed
from jukinet.feed import inbox, outbox
from jukinet.feed.link import Batch, Item, follow, stream_name
from jukinet.index import people
from jukinet.index.numbering import ALLOTMENTS
from jukinet.keys import seal
from jukinet.keys.sign import SigningKey
from jukinet.law.identity import Item as Wanted
from jukinet.law.inquiry import ByHandle, Standing
from jukinet.law.notice import ChainStart, SealedNotice
from jukinet.ledger.chains import CHAINS
from jukinet.nodes.centre.decoy import DECOY
from jukinet.nodes.centre.intake import LETTER_BYTES_MAX, VERSION_MAX
from jukinet.nodes.letters import Posted
from jukinet.nodes.message import (
    CENTRE,
    Compare,
    Compared,
    Feed,
    FeedAck,
    Filing,
    Message,
    Tick,
)
from jukinet.nodes.pools import PoolGrant, PoolRequest
from jukinet.register import book

encode = msgspec.msgpack.encode
TOWNS = (CHIYODA, SHINJUKU, SAPPORO_CHUO)


@pytest.fixture(scope="module")
def base():
    """A person at Chiyoda whom the centre has been told of."""
    nation = Nation(TOWNS, ("pension", "tax"))
    (person,) = nation.enter(CHIYODA)
    return nation, person


@pytest.fixture
def nation(base):
    return base[0].copy()


def step(nation, sender, body, now=NOON):
    out = nation.centre.step(Message(sender=sender, receiver=CENTRE, body=body), now)
    return [one.body for one in out if isinstance(one, Message)]


def last_of(nation, town=CHIYODA):
    with nation.stores[town[:2]].begin() as tx:
        return inbox.standing(tx, stream_name(town, CENTRE))


def batch(nation, *items, town=CHIYODA, key=None, first=None, before=None, stream=None):
    """A batch that follows from what the centre has, signed by the town."""
    stands = last_of(nation, town)
    first = first or stands.last + 1
    stream = stream or stream_name(town, CENTRE)
    links = follow(stream, first, stands.link if before is None else before, items)
    made = Batch(stream=stream, first=first, items=tuple(items), link=links[-1])
    key = key or SigningKey(nation.rings[town].signing)
    return replace(made, signature=key.sign(made.signed))


def notice(nation, **changed) -> SealedNotice:
    """A notice as Chiyoda told it, changed."""
    with nation.stores[CHIYODA].begin() as tx:
        rows = list(outbox.items(tx, stream_name(CHIYODA, CENTRE)))
    found = msgspec.msgpack.decode(
        next(row.body for row in rows if row.kind == "notice"), type=SealedNotice
    )
    return replace(found, **{"version": found.version + 1, **changed})


def item(of) -> Item:
    kind = {SealedNotice: "notice", Posted: "letter", PoolRequest: "pool_request"}[type(of)]
    return Item(kind=kind, body=encode(of))


# --- a batch that lies ---------------------------------------------------------------------------

CHAIN = ChainStart(epoch=9, seed=bytes(32), sealed_seed=bytes(80))
LIES: dict[str, tuple[Callable, str]] = {
    "not signed": (lambda n: replace(batch(n, item(notice(n))), signature=b""), "has not signed"),
    "signed by another town": (
        lambda n: batch(n, item(notice(n)), key=SigningKey(n.rings[SHINJUKU].signing)),
        "has not signed",
    ),
    "signed for another link": (
        lambda n: replace(
            batch(n, item(notice(n))), signature=batch(n, item(notice(n, live=False))).signature
        ),
        "has not signed",
    ),
    "a chain that does not follow": (
        lambda n: batch(n, item(notice(n)), before=bytes(32)),
        "do not follow",
    ),
    "an item that was changed": (
        lambda n: replace(batch(n, item(notice(n))), items=(item(notice(n, live=False)),)),
        "do not follow",
    ),
    "another town's stream": (
        lambda n: batch(n, item(notice(n)), stream=stream_name(SHINJUKU, CENTRE)),
        "not the feed of",
    ),
    "another receiver's stream": (
        lambda n: batch(n, item(notice(n)), stream=stream_name(CHIYODA, SHINJUKU)),
        "not the feed of",
    ),
    "no items": (lambda n: replace(batch(n, item(notice(n))), items=()), "a batch has items"),
    "a notice for another town": (
        lambda n: batch(n, item(notice(n, town=SHINJUKU))),
        f"it speaks for {SHINJUKU}",
    ),
    "the decoy's locator": (lambda n: batch(n, item(notice(n, locator=DECOY))), "the decoy's"),
    "a short locator": (lambda n: batch(n, item(notice(n, locator=bytes(15)))), "locator of 15"),
    "a short payload": (lambda n: batch(n, item(notice(n, payload=bytes(99)))), "payload of 99"),
    "a long payload": (lambda n: batch(n, item(notice(n, payload=bytes(9999)))), "payload of 9999"),
    "a long key": (lambda n: batch(n, item(notice(n, wrapped=bytes(81)))), "key of 81 bytes"),
    "a long code tag": (lambda n: batch(n, item(notice(n, code_tag=bytes(17)))), "code tag of 17"),
    "search tags of another size": (
        lambda n: batch(n, item(notice(n, search_tags=(bytes(61), b"1", b"2", b"3")))),
        "a search tag has 16 bytes",
    ),
    "a long search tag": (
        lambda n: batch(n, item(notice(n, search_tags=(bytes(17), *(bytes(16),) * 3)))),
        "search tag of 65 bytes",
    ),
    "a negative version": (lambda n: batch(n, item(notice(n, version=-1))), "person version"),
    "a version past all": (
        lambda n: batch(n, item(notice(n, version=VERSION_MAX + 1))),
        "no town reaches",
    ),
    "a version of 65 bits": (lambda n: batch(n, item(notice(n, version=2**63))), "no town reaches"),
    "a short seed": (
        lambda n: batch(n, item(notice(n, chain=replace(CHAIN, seed=bytes(31))))),
        "seed of 31",
    ),
    "a long sealed seed": (
        lambda n: batch(n, item(notice(n, chain=replace(CHAIN, sealed_seed=bytes(4096))))),
        "a sealed seed has 80 bytes",
    ),
    "a negative epoch": (
        lambda n: batch(n, item(notice(n, chain=replace(CHAIN, epoch=-1)))),
        "epoch",
    ),
    "no notice": (
        lambda n: batch(n, Item(kind="notice", body=b"\x93")),
        "item 3: it cannot be read",
    ),
    "a notice that is no text": (
        lambda n: batch(
            n, Item(kind="notice", body=encode(notice(n)).replace(b"131016", b"\xff31016"))
        ),
        "it cannot be read",
    ),
    "a kind that is unknown": (lambda n: batch(n, Item(kind="rumour", body=b"")), "does not know"),
    "a letter that is none": (
        lambda n: batch(n, Item(kind="letter", body=b"\x01")),
        "cannot be read",
    ),
    "a letter to no town": (
        lambda n: batch(n, item(Posted(receiver="999999", sealed=b""))),
        "no town '999999'",
    ),
    "a letter to a town of no prefecture": (
        lambda n: batch(n, item(Posted(receiver=YOKOHAMA_TSURUMI, sealed=b""))),
        "no town '141011'",
    ),
    "a letter that is too long": (
        lambda n: batch(n, item(Posted(receiver=SHINJUKU, sealed=bytes(LETTER_BYTES_MAX + 1)))),
        "at most",
    ),
    "a request that is none": (
        lambda n: batch(n, Item(kind="pool_request", body=b"\xa1x")),
        "cannot be read",
    ),
    "a good notice before a bad one": (
        lambda n: batch(n, item(notice(n, chain=CHAIN)), Item(kind="notice", body=b"")),
        "cannot be read",
    ),
    "a good letter before a bad one": (
        lambda n: batch(
            n,
            item(Posted(receiver=SHINJUKU, sealed=b"x")),
            item(PoolRequest(count=10, level=0)),
            item(Posted(receiver="999999", sealed=b"x")),
        ),
        "no town",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_batch_that_lies_applies_nothing_and_is_told_to_the_operator(base, lie):
    nation = base[0].copy()
    before = nation.images()
    made, says = LIES[lie]
    assert step(nation, CHIYODA, Feed(batch=made(nation))) == []
    assert nation.images() == before
    (reported,) = nation.centre.out_of_step
    assert says in reported
    assert "山田" not in reported


def test_what_the_lies_are_made_from_is_applied(nation):
    """So that each of them is refused for what it is and for nothing else."""
    good = batch(
        nation,
        item(notice(nation, chain=CHAIN)),
        item(Posted(receiver=SHINJUKU, sealed=bytes(LETTER_BYTES_MAX))),
        item(PoolRequest(count=10, level=0)),
    )
    (ack, *_) = step(nation, CHIYODA, Feed(batch=good))
    assert ack == FeedAck(stream=stream_name(CHIYODA, CENTRE), last=good.last)
    assert nation.centre.out_of_step == []


def test_a_batch_of_somebody_who_is_no_town_is_not_taken(nation):
    made = batch(nation, item(notice(nation)))
    for sender in (SHINJUKU, "pension", "999999", ""):
        assert step(nation, sender, Feed(batch=made)) == []
    assert len(nation.centre.out_of_step) == 4


def test_a_repeated_batch_is_acknowledged_and_changes_nothing(nation):
    made = Feed(batch=batch(nation, item(notice(nation))))
    (ack, *_) = step(nation, CHIYODA, made)
    before = nation.images()
    (again,) = step(nation, CHIYODA, made)
    assert again == ack
    assert nation.images() == before


def test_a_gap_is_asked_for_and_not_guessed(nation):
    stands = last_of(nation)
    made = batch(nation, item(notice(nation)), first=stands.last + 2)
    before = nation.images()
    (ack,) = step(nation, CHIYODA, Feed(batch=made))
    assert ack == FeedAck(stream=made.stream, last=stands.last, gap=True)
    assert nation.images() == before


@pytest.mark.parametrize("body", [Tick(), FeedAck(stream="x", last=1)])
def test_what_is_nothing_to_the_centre_changes_nothing(nation, body):
    before = nation.images()
    assert step(nation, "pension", body) == []
    assert nation.images() == before


def test_an_acknowledgement_of_more_than_was_sent_is_told_to_the_operator(nation):
    stream = stream_name(CENTRE, CHIYODA)
    assert step(nation, CHIYODA, FeedAck(stream=stream, last=10**9)) == []
    assert "put back" in nation.centre.out_of_step[-1]


def test_a_message_that_is_none_for_the_centre_is_malformed(nation):
    with pytest.raises(Malformed, match="takes no Filing"):
        step(nation, CHIYODA, Filing(notification=None))


# --- reconciliation ------------------------------------------------------------------------------


def test_a_town_and_the_centre_agree_at_night(base, nation):
    asked = nation.towns[CHIYODA].compare()
    (reply,) = step(nation, CHIYODA, asked.body)
    assert isinstance(reply, Compared)
    assert (reply.last, reply.count, reply.root) == (
        asked.body.last,
        asked.body.count,
        asked.body.root,
    )


@pytest.mark.parametrize(
    ("sender", "town"),
    [(SHINJUKU, CHIYODA), ("pension", "pension"), ("999999", "999999"), (CHIYODA, "")],
)
def test_nobody_compares_for_another(nation, sender, town):
    body = Compare(town=town, last=0, count=0, root=b"")
    assert step(nation, sender, body) == []
    assert "comparison" in nation.centre.out_of_step[-1]


# --- crashes -------------------------------------------------------------------------------------


def at_centre(nation) -> dict[str, str]:
    """What stands in the stores of the centre, row by row."""
    return {name: dumped(nation.stores[name]) for name in ("13", "01", "national", "chains")}


@pytest.fixture(scope="module")
def one_batch(base):
    """Sapporo is about to send one batch with everything in it; and how the centre stands after it.

    A person has moved there, so a letter goes back; another is entered, with a chain of its own;
    codes are asked for.
    """
    nation, person = base[0].copy(), base[1]
    deliver = nation.line._deliver
    nation.line._deliver = lambda message: (
        None
        if message.sender == SAPPORO_CHUO and isinstance(message.body, Feed)
        else deliver(message)
    )
    nation.move(person, CHIYODA, SAPPORO_CHUO)
    nation.enter(SAPPORO_CHUO, entrant(name=name("佐藤 太郎")))
    nation.cut_off(SAPPORO_CHUO)
    stream = stream_name(SAPPORO_CHUO, CENTRE)
    with nation.stores[SAPPORO_CHUO].begin() as tx:
        request = encode(PoolRequest(count=50, level=3))
        outbox.append(tx, stream, [Item(kind="pool_request", body=request)])
        whole = outbox.batch(tx, stream, after=last_of(nation, SAPPORO_CHUO).last, size=500)
    key = SigningKey(nation.rings[SAPPORO_CHUO].signing)
    signed = Feed(batch=replace(whole, signature=key.sign(whole.signed)))
    assert {one.kind for one in whole.items} == {"notice", "letter", "pool_request"}
    undisturbed = nation.copy()
    step(undisturbed, SAPPORO_CHUO, signed)
    return nation, signed, at_centre(undisturbed)


COMMITS = [
    "01",  # what is new of it is read
    "chains",
    "13",  # the town that the person left is told
    "national",
    "13",  # the letter is handed on
    "national",  # codes are allotted
    "01",  # and handed on
    "01",  # states, tags, and how far the feed is applied
]
AT = [pytest.param(at, id=f"{at + 1}: {name}") for at, name in enumerate(COMMITS)]


def test_a_batch_of_everything_commits_in_every_store_and_its_own_last(one_batch):
    nation, signed, _ = one_batch
    nation = nation.copy()
    names = {id(store): one for one, store in nation.stores.items()}
    with recorded_commits() as commits:
        nation.centre._intake.receive(SAPPORO_CHUO, signed.batch, NOON)
    assert [names[id(store)] for store in commits] == COMMITS


def crashed_at(one_batch, at, when):
    nation, signed, _ = one_batch
    nation = nation.copy()
    with crashing(at, when), pytest.raises(Crash):
        step(nation, SAPPORO_CHUO, signed)
    return nation, signed


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", AT)
def test_after_a_crash_at_any_commit_and_the_batch_again_all_is_as_if_nothing_had_happened(
    one_batch, at, when
):
    nation, signed = crashed_at(one_batch, at, when)
    step(nation, SAPPORO_CHUO, signed)
    undisturbed = one_batch[2]
    differing = {name for name, stands in at_centre(nation).items() if stands != undisturbed[name]}
    # Codes that were allotted and not handed on are never given out: others were, instead.
    wasted = (at, when) in ((5, "after"), (6, "before"))
    assert differing == ({"national", "01"} if wasted else set())


def pools_given(nation) -> list[str]:
    """All codes that the centre has put into feeds."""
    given: list[str] = []
    for town in TOWNS:
        with nation.stores[town[:2]].begin() as tx:
            for row in outbox.items(tx, stream_name(CENTRE, town)):
                if row.kind == "pool":
                    pairs = msgspec.msgpack.decode(row.body, type=PoolGrant).pairs
                    given += [code for code, _ in pairs]
    return given


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", AT)
def test_after_a_crash_at_any_commit_no_code_is_given_twice(one_batch, at, when):
    nation, signed = crashed_at(one_batch, at, when)
    step(nation, SAPPORO_CHUO, signed)
    given = pools_given(nation)
    assert len(given) == len(set(given)) == 3 * 1000 + 50
    with nation.stores["national"].begin() as tx:
        assert ALLOTMENTS.get(tx, "codes").next >= len(given)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", AT)
def test_after_a_crash_at_any_commit_everything_arrives_by_itself(one_batch, base, at, when):
    """The centre comes up, the town sends again what was not acknowledged; letters come once."""
    nation, _ = crashed_at(one_batch, at, when)
    nation.cut = frozenset()
    again = nation.crashed("everything")
    again.line.until(again.line.now + timedelta(minutes=5))
    assert again.centre.out_of_step == []
    for town in TOWNS:
        asked = again.towns[town].compare()
        (reply,) = step(again, town, asked.body)
        assert (reply.last, reply.root) == (asked.body.last, asked.body.root)
    handed = letters_for(again, CHIYODA)
    assert len(handed) == 1, "the notice of the move-in"
    assert not again.record(CHIYODA, base[1]).live
    held = [record.number for record in again_live(again, SAPPORO_CHUO)]
    assert len(held) == 2


def again_live(nation, town):
    with nation.stores[town].begin() as tx:
        return [kept.record for kept in book.everybody(tx) if kept.record.live]


def letters_for(nation, town):
    with nation.stores[town[:2]].begin() as tx:
        rows = outbox.items(tx, stream_name(CENTRE, town))
        return [row.body for row in rows if row.kind == "letter"]


# --- moves ---------------------------------------------------------------------------------------


def feeds_of(nation, do):
    """What towns send to the centre while something happens at their desks, and is held back."""
    kept: dict[str, list[Message]] = {}
    deliver = nation.line._deliver

    def held(message):
        if message.receiver == CENTRE and isinstance(message.body, Feed):
            kept.setdefault(message.sender, []).append(message)
        deliver(message)

    nation.line._deliver = held
    do()
    del nation.line._deliver
    return kept


def notices_alone(nation, message):
    """The notices of a feed's batch, as if nothing else stood in it."""
    return [one for one in message.body.batch.items if one.kind == "notice"]


@pytest.mark.parametrize("first", [CHIYODA, SAPPORO_CHUO], ids=["left first", "arrived first"])
def test_a_move_between_prefectures_ends_the_same_in_whichever_order_it_arrives(base, first):
    """The index's own part: deletion there, entry here, in both orders."""
    nation, person = base[0].copy(), base[1]
    record = nation.record(CHIYODA, person)
    fresh = nation.copy()
    held = feeds_of(nation, lambda: nation.move(person, CHIYODA, SAPPORO_CHUO))
    told = {
        town: [one for message in messages for one in notices_alone(nation, message)]
        for town, messages in held.items()
    }
    assert {town: len(items) for town, items in told.items()} == {CHIYODA: 1, SAPPORO_CHUO: 1}
    for town in sorted(told, key=lambda town: town != first):
        (ack, *_) = step(fresh, town, Feed(batch=batch(fresh, *told[town], town=town)))
        assert not ack.gap
    locator = record.attachment.locator
    with fresh.stores["13"].begin() as tx:
        assert people.found(tx, "13", locator).gone_to == "01"
    with fresh.stores["01"].begin() as tx:
        assert people.found(tx, "01", locator).town == SAPPORO_CHUO
    for place in (CHIYODA, SAPPORO_CHUO):
        content = fresh.ask("pension", "1-73", "items", search(record, place=place)).content
        assert content.standing is Standing.RESIDENT
        assert content.items[Wanted.ADDRESS][0] == SAPPORO_CHUO


def test_a_search_at_any_place_of_a_long_way_follows_to_the_end():
    nation = Nation((CHIYODA, SAPPORO_CHUO, YOKOHAMA_TSURUMI), ("pension",))
    (person,) = nation.enter(CHIYODA)
    record = nation.record(CHIYODA, person)
    person = nation.move(person, CHIYODA, SAPPORO_CHUO)
    person = nation.move(person, SAPPORO_CHUO, YOKOHAMA_TSURUMI)
    for place in (CHIYODA, SAPPORO_CHUO, YOKOHAMA_TSURUMI):
        content = nation.ask("pension", "1-73", "items", search(record, place=place)).content
        assert content.items[Wanted.ADDRESS][0] == YOKOHAMA_TSURUMI
    nation.move(person, YOKOHAMA_TSURUMI, CHIYODA)
    for place in (CHIYODA, SAPPORO_CHUO, YOKOHAMA_TSURUMI):
        content = nation.ask("pension", "1-73", "items", search(record, place=place)).content
        assert content.items[Wanted.ADDRESS][0] == CHIYODA


def test_an_old_handle_opens_after_every_move():
    nation = Nation((CHIYODA, SAPPORO_CHUO, YOKOHAMA_TSURUMI), ("pension",))
    (person,) = nation.enter(CHIYODA)
    first = nation.ask("pension", "1-73", "items", search(nation.record(CHIYODA, person)))
    place, numbers = CHIYODA, {first.number}
    for to in (SAPPORO_CHUO, YOKOHAMA_TSURUMI, CHIYODA, SAPPORO_CHUO):
        person, place = nation.move(person, place, to), to
        subject = ByHandle(handle=first.content.handle)
        outcome = nation.ask("pension", "1-73", "items", subject, numbered=True)
        assert outcome.content.items[Wanted.ADDRESS][0] == to
        numbers.add(outcome.number)
    assert len(numbers) == 1


# --- a missing chain -----------------------------------------------------------------------------


def test_nobody_is_shown_whose_chain_is_missing_and_nothing_of_them_is_opened(base):
    """After a restore of the chains alone: there would be a leaf that the person cannot find."""
    nation, person = base[0].copy(), base[1]
    record = nation.record(CHIYODA, person)
    with nation.stores["chains"].begin() as tx:
        CHAINS.remove(tx, record.attachment.locator)
    content = nation.ask("pension", "1-73", "items", search(record)).content
    assert content.standing is Standing.UNKNOWN
    assert "have the towns send their feeds again" in nation.centre.out_of_step[-1]


def test_a_decoy_without_a_chain_gets_one_when_the_centre_comes_up(base):
    nation = base[0].copy()
    with nation.stores["chains"].begin() as tx:
        CHAINS.remove(tx, DECOY)
    again = nation.copy()
    with again.stores["chains"].begin() as tx:
        assert CHAINS.get(tx, DECOY).place == 0


def test_a_crash_while_decoys_are_placed_leaves_none_without_a_chain():
    for at in range(4):
        stores = fresh_stores(TOWNS, ("pension",))
        with crashing(at, "after"), pytest.raises(Crash):
            Nation(TOWNS, ("pension",), stores=stores)
        nation = Nation(TOWNS, ("pension",), stores=stores)
        with stores["chains"].begin() as tx:
            assert CHAINS.get(tx, DECOY)
        for prefecture in ("13", "01"):
            with stores[prefecture].begin() as tx:
                assert people.found(tx, prefecture, DECOY)
        assert nation.centre.out_of_step == []


# --- restored copies -----------------------------------------------------------------------------


def test_a_prefecture_that_was_restored_from_an_older_copy_is_filled_from_the_towns_feeds(base):
    nation, person = base[0].copy(), base[1]
    older = copied(nation.stores["13"])
    (second,) = nation.enter(CHIYODA, entrant(name=name("佐藤 太郎")))
    third = nation.enter(SHINJUKU, entrant(name=name("鈴木 次郎")))[0]
    before = dumped_people(nation)
    put_back(nation.stores["13"], older)
    again = nation.crashed("everything")
    again.enter(CHIYODA, entrant(name=name("高橋 三郎")))
    again.enter(SHINJUKU, entrant(name=name("田中 四郎")))
    again.line.until(again.line.now + timedelta(minutes=5))
    assert before <= dumped_people(again)
    for town, record in ((CHIYODA, second), (SHINJUKU, third)):
        asked = search(again.record(town, record))
        assert again.ask("pension", "1-73", "standing", asked).content.standing is Standing.RESIDENT
    assert again.ask("pension", "1-73", "standing", search(again.record(CHIYODA, person))).content


def dumped_people(nation):
    with nation.stores["13"].begin() as tx:
        return {(row.locator, row.version, row.town) for row in people.STATES.everything(tx)}


# --- the same each time --------------------------------------------------------------------------


def life(seed):
    """A short life of a nation; what stands in its log, and what its line carried."""
    support._numbers = count(1)  # the desk's own numbers
    nation = Nation(TOWNS, ("pension", "tax"), seed)
    with nation.carried() as carried:
        (person,) = nation.enter(CHIYODA)
        record = nation.record(CHIYODA, person)
        handle = nation.ask("pension", "1-73", "items", search(record)).content.handle
        nation.line.until(NOON + timedelta(days=2))
        there = nation.move(person, CHIYODA, SAPPORO_CHUO)
        nation.ask("pension", "1-73", "standing", ByHandle(handle=handle))
        nation.line.post(
            nation.question("tax", "1-40", "standing", search(record)),
            nation.question("tax", "1-999", "standing", search(record)),
            nation.question("pension", "1-73", "changes", search(record)),
        )
        nation.line.run()
        assert len(nation.outcomes("tax") + nation.outcomes("pension")) == 3
        nation.hide(SAPPORO_CHUO, there)
        nation.ask("tax", "1-40", "standing", search(record))
    log = nation.centre.ledger.log
    order = [(one.sender, one.receiver, type(one.body).__name__) for one in carried]
    return [log.entry(index) for index in range(log.size)], order, log.root


@pytest.fixture
def own_chance_for_seals(monkeypatch):
    """HPKE draws from the library's chance; here it is drawn from a count."""

    class Counted:
        drawn = 0

        def encrypt(self, text, key, info):
            Counted.drawn += 1
            fresh = sha256(b"%d" % Counted.drawn).digest()
            return fresh + AESGCM(self.of(key, fresh)).encrypt(bytes(12), text, info)

        def decrypt(self, sealed, key, info):
            fresh = sealed[:32]
            box = AESGCM(self.of(key.public_key(), fresh))
            return box.decrypt(bytes(12), sealed[32:], info)

        def of(self, key, fresh):
            return sha256(key.public_bytes_raw() + fresh).digest()

    monkeypatch.setattr(seal, "_SUITE", Counted())

    def again():
        Counted.drawn = 0

    return again


def test_two_runs_with_one_seed_are_one_run(own_chance_for_seals):
    """Nodes have no clock and no chance of their own: leaves and messages are the same."""
    own_chance_for_seals()
    first = life("one")
    own_chance_for_seals()
    assert life("one") == first
    own_chance_for_seals()
    assert life("another")[0] != first[0]


def test_with_the_librarys_own_chance_only_seals_differ():
    first, second = life("one"), life("one")
    assert first[1] == second[1]
    assert [len(entry) for entry in first[0]] == [len(entry) for entry in second[0]]


def test_a_statement_of_two_runs_is_one_statement(own_chance_for_seals):
    found = []
    for _ in range(2):
        own_chance_for_seals()
        nation = Nation((CHIYODA,), ("tax",), "same")
        (person,) = nation.enter(CHIYODA)
        nation.ask("tax", "1-40", "standing", search(nation.record(CHIYODA, person)))
        found.append(statement(nation.view_key(CHIYODA, person), nation.mirror()))
    assert found[0] == found[1]
