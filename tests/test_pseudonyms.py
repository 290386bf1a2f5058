"""Sector numbers and handles: one person, another name for every agency."""

from datetime import date, timedelta
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.nation import Nation, search
from tests.support import CHIYODA, SAPPORO_CHUO, chance, dealt, entrant, name

from jukinet.client.statement import statement
from jukinet.disclosure.pseudonyms import (
    HANDLE_BYTES,
    HANDLE_DAYS,
    MAC_BYTES,
    TICKET_BYTES,
    Meant,
    blinded,
    check_handle,
    fresh_handle,
    handle_context,
    lasts,
    meant,
    open_ticket,
    read,
    sector_number,
    ticket,
)
from jukinet.errors import Damaged, Malformed, Refused
from jukinet.keys import crockford, group, kem, threshold
from jukinet.law.inquiry import ByHandle, Standing
from jukinet.law.leaf import RefusalLeaf
from jukinet.law.schedule import Kind, load
from jukinet.nodes import message
from jukinet.nodes.agency import ASKED, SUBJECTS
from jukinet.nodes.keyring import key_names, number_key, opening_key
from jukinet.nodes.message import Converted

DAY = date(2026, 4, 1)
DOOR = b"d" * 32
LOCATOR = bytes(range(16))
SECTORS = sorted(grant.sector for grant in load().grants.values())
PENSION, TAX = "pension/1-73", "tax/1-39"
KEYS, SHARES = dealt(tuple(key_names(load())))
DRAW = chance("handles")


def asker(sector):
    return sector.partition("/")[0]


def handle(sector=PENSION, locator=LOCATOR, prefecture="13", on=DAY, door=DOOR, generation=0):
    means = Meant(locator, prefecture, lasts(on), generation)
    public = KEYS[opening_key(sector)].public
    return fresh_handle(public, door, sector, asker(sector), means=means, chance=DRAW)


def opened(sector, sealed, among=(1, 2)):
    """What two keepers open."""
    key = opening_key(sector)
    context = handle_context(sector, asker(sector), KEYS[key].public)
    element = kem.check_proof(sealed, context=context)
    parts = [threshold.partial(SHARES[n - 1][key], among, element) for n in among]
    return kem.open_proved(threshold.combine(parts), sealed, context=context)


def number(sector, root, generation=0, among=(1, 2)):
    """What two keepers and the agency make."""
    blind = group.draw_scalar(DRAW).publish()
    element = blinded(sector, root, generation, blind)
    key = number_key(sector)
    parts = [threshold.partial(SHARES[n - 1][key], among, element) for n in among]
    return sector_number(sector, threshold.combine(parts), blind)


# --- numbers -------------------------------------------------------------------------------------


@settings(max_examples=5)
@given(st.binary(min_size=16, max_size=16))
def test_a_person_has_another_number_in_every_sector_and_the_same_one_each_time(root):
    numbers = {sector: number(sector, root) for sector in SECTORS}
    assert len(set(numbers.values())) == len(SECTORS)
    assert numbers == {sector: number(sector, root) for sector in SECTORS}


@pytest.mark.parametrize("among", [(1, 3), (2, 3)])
def test_any_two_keepers_make_the_same_number(among):
    assert number(PENSION, LOCATOR, among=among) == number(PENSION, LOCATOR)


def test_another_generation_has_another_number():
    assert len({number(PENSION, LOCATOR, generation) for generation in range(4)}) == 4


def test_what_the_keepers_are_shown_says_nothing_of_the_person():
    """For every blind it is another element; and any element could be anybody's."""
    blinds = [group.draw_scalar(DRAW).publish() for _ in range(8)]
    assert len({blinded(PENSION, LOCATOR, 0, blind) for blind in blinds}) == 8


def test_a_number_is_what_a_person_can_read_out():
    written = number(PENSION, bytes(16))
    assert crockford.parse(written)
    assert len(written.replace("-", "")) == 21


@settings(max_examples=10)
@given(st.data())
def test_two_people_have_two_numbers(data):
    roots = data.draw(st.lists(st.binary(min_size=16, max_size=16), min_size=2, unique=True))
    assert len({number(PENSION, root) for root in roots}) == len(roots)


def test_numbers_of_two_sectors_have_nothing_in_common():
    """Neither a character more often than chance has it, nor the order of the people."""
    draw = chance("roots")
    roots = [draw(16) for _ in range(150)]
    one, other = (
        [number(sector, root).replace("-", "") for root in roots] for sector in (PENSION, TAX)
    )
    alike = sum(a == b for a, b in zip("".join(one), "".join(other), strict=True))
    assert 0.7 < alike * 32 / len("".join(one)) < 1.3
    ordered = [(one[i] < one[j]) == (other[i] < other[j]) for i, j in combinations(range(100), 2)]
    assert 0.4 < sum(ordered) / len(ordered) < 0.6


# --- handles -------------------------------------------------------------------------------------


@given(st.binary(min_size=16, max_size=16), st.integers(1, 47))
def test_a_handle_opens_to_whom_it_was_made_for(locator, prefecture):
    made = handle(locator=locator, prefecture=f"{prefecture:02}")
    assert len(made) == HANDLE_BYTES
    found = meant(opened(PENSION, check_handle(DOOR, PENSION, "pension", made)), DAY)
    assert (found.locator, found.prefecture) == (locator, f"{prefecture:02}")
    assert found.expires == DAY + timedelta(days=HANDLE_DAYS)


def test_two_handles_for_one_person_have_nothing_in_common():
    one, other = handle(), handle()
    assert one[:32] != other[:32]
    assert sum(a == b for a, b in zip(one, other, strict=True)) < 8


def test_a_handle_shows_nobody():
    assert LOCATOR not in handle()
    assert repr(meant(opened(PENSION, handle()[:-MAC_BYTES]), DAY)) == "<Meant>"


@pytest.mark.parametrize("sector", [one for one in SECTORS if one != PENSION])
def test_another_sectors_handle_is_refused_and_does_not_open(sector):
    made = handle()
    with pytest.raises(Refused) as refused:
        check_handle(DOOR, sector, asker(sector), made)
    assert refused.value.rule == "not-your-handle"
    with pytest.raises(Refused, match="proof does not fit"):
        opened(sector, made[:-MAC_BYTES])


def test_another_agencys_handle_of_one_sector_is_refused_and_does_not_open():
    """Where several agencies ask in one affair, as towns do."""
    made = handle()
    with pytest.raises(Refused, match="not given to you"):
        check_handle(DOOR, PENSION, "another", made)
    context = handle_context(PENSION, "another", KEYS[opening_key(PENSION)].public)
    with pytest.raises(Refused, match="proof does not fit"):
        kem.check_proof(made[:-MAC_BYTES], context=context)


MADE = handle()


@given(st.integers(0, HANDLE_BYTES * 8 - 1))
def test_a_handle_with_a_changed_bit_is_refused(bit):
    made = bytearray(MADE)
    made[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Refused, match="not given to you"):
        check_handle(DOOR, PENSION, "pension", bytes(made))
    if bit // 8 < HANDLE_BYTES - MAC_BYTES:
        with pytest.raises((Refused, Malformed)):
            opened(PENSION, bytes(made[:-MAC_BYTES]))


@given(st.binary(max_size=200))
def test_a_made_up_handle_is_refused(made):
    with pytest.raises(Refused, match="not given to you"):
        check_handle(DOOR, PENSION, "pension", made)


def test_a_handle_of_another_door_is_refused():
    with pytest.raises(Refused, match="not given to you"):
        check_handle(b"e" * 32, PENSION, "pension", handle())


@pytest.mark.parametrize(
    ("on", "expired"),
    [
        pytest.param(DAY, False, id="the day it is given"),
        pytest.param(DAY + timedelta(days=HANDLE_DAYS), False, id="the last day"),
        pytest.param(DAY + timedelta(days=HANDLE_DAYS + 1), True, id="the day after"),
    ],
)
def test_a_handle_lasts_thirteen_months(on, expired):
    inside = opened(PENSION, handle()[:-MAC_BYTES])
    if not expired:
        assert meant(inside, on).locator == LOCATOR
        return
    with pytest.raises(Refused) as refused:
        meant(inside, on)
    assert refused.value.rule == "handle-expired"


@pytest.mark.parametrize("inside", [None, b"", bytes(25), bytes(27), bytes(32)])
def test_what_opens_to_something_else_is_refused(inside):
    with pytest.raises(Refused) as refused:
        meant(inside, DAY)
    assert refused.value.rule == "handle-not-opened"


def test_a_handle_says_of_which_generation_it_is():
    found = read(opened(PENSION, handle(generation=7)[:-MAC_BYTES]))
    assert found is not None
    assert found.generation == 7


# --- tickets -------------------------------------------------------------------------------------


def test_a_ticket_is_read_by_its_door_for_its_own_sector_and_tells_two_of_one_person_apart():
    one, other = (ticket(DOOR, PENSION, "pension", LOCATOR, DRAW) for _ in range(2))
    assert len(one) == TICKET_BYTES
    assert open_ticket(DOOR, PENSION, "pension", one) == LOCATOR
    assert LOCATOR not in one
    assert sum(a == b for a, b in zip(one, other, strict=True)) < 6
    for wrong in (
        (b"e" * 32, PENSION, "pension", one),
        (DOOR, TAX, "pension", one),
        (DOOR, PENSION, "tax", one),
        (DOOR, PENSION, "pension", one[:-1]),
        (DOOR, PENSION, "pension", bytes([one[0] ^ 1, *one[1:]])),
    ):
        with pytest.raises(Damaged):
            open_ticket(*wrong)


# --- two agencies --------------------------------------------------------------------------------


def test_what_two_agencies_hold_of_one_person_cannot_be_joined():
    """Their numbers, handles and receipts differ; only the columns that both asked for agree."""
    nation = Nation((CHIYODA,), ("pension", "tax"))
    records = [nation.record(CHIYODA, nation.enter(CHIYODA)[0])]
    held = {}
    for agency, row in (("pension", "1-77"), ("tax", "1-39")):
        outcome = nation.ask(agency, row, "items", search(records[0]))
        with nation.stores[agency].begin() as tx:
            held[agency] = agency_rows(tx)
        assert outcome.number
    numbers = {name: {row.number for row in subjects} for name, (subjects, _) in held.items()}
    assert not numbers["pension"] & numbers["tax"]
    entries = {name: {row.entry for row in asked} for name, (_, asked) in held.items()}
    assert not entries["pension"] & entries["tax"]


def agency_rows(tx):
    return list(SUBJECTS.everything(tx)), list(ASKED.everything(tx))


def test_an_agency_finds_the_same_number_by_search_by_handle_and_after_a_move():
    nation = Nation((CHIYODA, SAPPORO_CHUO), ("pension",))
    (person,) = nation.enter(CHIYODA)
    first = nation.ask("pension", "1-73", "items", search(nation.record(CHIYODA, person)))
    subject = ByHandle(handle=first.content.handle)
    by_handle = nation.ask("pension", "1-73", "items", subject, numbered=True)
    nation.move(person, CHIYODA, SAPPORO_CHUO)
    moved = nation.ask("pension", "1-73", "items", subject, numbered=True)
    assert first.number == by_handle.number == moved.number != ""
    handles = {one.content.handle for one in (first, by_handle, moved)}
    assert len(handles) == 3
    assert first.content.items != moved.content.items


def test_two_rows_of_one_agency_are_two_sectors():
    nation = Nation((CHIYODA,), ("pension",))
    record = nation.record(CHIYODA, nation.enter(CHIYODA)[0])
    one = nation.ask("pension", "1-73", "standing", search(record))
    other = nation.ask("pension", "1-78", "standing", search(record))
    assert one.number != other.number
    subject = ByHandle(handle=one.content.handle)
    assert nation.ask("pension", "1-78", "standing", subject).rule == "not-your-handle"


def test_a_number_in_the_place_of_a_handle_asks_for_nobody():
    nation = Nation((CHIYODA,), ("pension",))
    record = nation.record(CHIYODA, nation.enter(CHIYODA)[0])
    found = nation.ask("pension", "1-73", "standing", search(record))
    subject = ByHandle(handle=found.number.encode())
    assert nation.ask("pension", "1-73", "standing", subject).rule == "not-your-handle"


def test_the_door_and_each_keeper_see_no_number():
    """Everything that the line carried to them, and everything that they keep."""
    nation = Nation((CHIYODA,), ("pension",))
    record = nation.record(CHIYODA, nation.enter(CHIYODA)[0])
    with nation.carried() as carried:
        found = nation.ask("pension", "1-73", "standing", search(record))
    plain = crockford.parse(found.number).to_bytes(13, "big")
    shown = [message.encode(one) for one in carried]
    shown += [text.encode() for name, text in nation.images().items() if name != "pension"]
    for content in shown:
        assert found.number.encode() not in content
        assert plain not in content


# --- fresh numbers, and records that become one ---------------------------------------------------


def counter(nation):
    return nation.towns[CHIYODA].counter


def sent(nation, asked):
    renewed, out = asked
    nation.line.post(out)
    nation.line.run()
    return renewed


@pytest.fixture
def known():
    """Two people whom two affairs know."""
    nation = Nation((CHIYODA, SAPPORO_CHUO), ("pension", "tax"))
    people = [nation.enter(CHIYODA, entrant(name=name(one)))[0] for one in ("佐藤 一", "鈴木 二")]
    records = [nation.record(CHIYODA, one) for one in people]
    held = {
        (at, row): nation.ask(who, row, "standing", search(record))
        for at, record in enumerate(records)
        for who, row in (("pension", "1-73"), ("tax", "1-40"))
    }
    return nation, records, held


def by_handle(nation, outcome, who="pension", row="1-73", **more):
    return nation.ask(who, row, "standing", ByHandle(handle=outcome.content.handle), **more)


@pytest.mark.parametrize("sector", ["", "pension/1-73"])
def test_whoever_wants_fresh_numbers_gets_them_and_old_handles_are_refused(known, sector):
    nation, records, held = known
    renewed = sent(nation, counter(nation).renew(records[0], official="T-1", sector=sector))
    assert renewed.refused == ""
    refused = by_handle(nation, held[0, "1-73"])
    assert refused.rule == "old-generation"
    assert isinstance(nation.leaves()[refused.leaf], RefusalLeaf)
    fresh = nation.ask("pension", "1-73", "standing", search(records[0]))
    assert fresh.number not in ("", held[0, "1-73"].number)
    assert by_handle(nation, fresh).content.standing is Standing.RESIDENT
    theirs = by_handle(nation, held[0, "1-40"], "tax", "1-40")
    assert (theirs.rule == "old-generation") is (sector == ""), "one affair, or all of them"
    assert by_handle(nation, held[1, "1-73"]).content, "and nobody else"
    up = nation.restarted()
    assert by_handle(up, held[0, "1-73"]).rule == "old-generation", "for good"


def test_a_fresh_number_stands_on_the_residents_own_chain(known):
    nation, records, _ = known
    renewed = sent(nation, counter(nation).renew(records[0], official="T-1"))
    found = statement(nation.view_key(CHIYODA, records[0].number), nation.mirror())
    (one,) = found.renewals
    assert one.leaf_index == renewed.leaf
    assert (one.body.town, one.body.official, one.body.sector) == (CHIYODA, "T-1", "")
    other = statement(nation.view_key(CHIYODA, records[1].number), nation.mirror())
    assert other.renewals == ()
    assert other.complete
    nation.audited()


def test_records_that_become_one_have_one_number_and_the_agency_is_told(known):
    nation, records, held = known
    merged = sent(nation, counter(nation).merge(records[1], records[0], official="T-1"))
    assert merged.refused == ""
    found = by_handle(nation, held[1, "1-73"])
    assert found.content.renumbered
    assert found.number == held[0, "1-73"].number
    known_now = {one.number for one in nation.agencies["pension"].subjects("pension/1-73")}
    assert known_now == {found.number}
    again = by_handle(nation, found)
    assert (again.content.renumbered, again.number) == (False, "")
    kept = by_handle(nation, held[0, "1-73"])
    assert (kept.content.renumbered, kept.number) == (False, "")
    up = nation.restarted()
    assert by_handle(up, held[1, "1-40"], "tax", "1-40").number == held[0, "1-40"].number
    up.audited()


def test_records_are_not_merged_in_a_circle_nor_with_nobody(known):
    nation, records, _ = known
    assert sent(nation, counter(nation).merge(records[1], records[0], official="x")).leaf > 0
    for pair in ((1, 0), (0, 1), (0, 0)):
        of, into = (records[at] for at in pair)
        refused = sent(nation, counter(nation).merge(of, into, official="x")).refused
        assert "one with another already" in refused


@pytest.mark.parametrize("sender", ["pension", "nobody"])
def test_only_a_towns_desk_has_numbers_made_anew(known, sender):
    nation, records, held = known
    _, asked = counter(nation).renew(records[0], official="T-1")
    nation.line.post(replace(asked, sender=sender))
    nation.line.run()
    assert by_handle(nation, held[0, "1-73"]).content


def test_a_sector_that_nobody_has_is_not_renewed(known):
    nation, records, _ = known
    renewed = sent(nation, counter(nation).renew(records[0], official="x", sector="pension/9-9"))
    assert "keys for none such" in renewed.refused


# --- from one agency's people to another's ---------------------------------------------------------


def test_a_conversion_gives_the_other_its_own_numbers_in_no_order_and_the_asker_none(known):
    nation, records, held = known
    mine = [nation.ask("tax", "1-121", "standing", search(one)) for one in records]
    subjects = [ByHandle(handle=one.content.handle) for one in mine]
    order = nation.agencies["tax"].ask_many(
        row="1-121", kind=Kind.CONVERT, subjects=subjects, now=nation.line.now
    )
    with nation.carried() as carried:
        nation.line.post(order)
        nation.line.run()
    (told,) = [one for one in carried if isinstance(one.body, Converted)]
    assert told.receiver == "pension"
    assert (told.body.receipt.salt, told.body.receipt.body) == (b"", b"")
    outcomes = nation.outcomes("tax")
    assert [one.number for one in outcomes] == ["", ""]
    assert all(one.content.handle for one in outcomes)
    node = nation.agencies["pension"]
    numbers = [one.number for _, one in node.converted]
    assert numbers == sorted(held[at, "1-73"].number for at in range(2))
    handle_of_another = node.converted[0][1].handle
    node.keep()
    assert nation.ask(
        "pension", "1-73", "standing", ByHandle(handle=handle_of_another)
    ).content.handle
    refused = nation.ask("tax", "1-40", "standing", ByHandle(handle=handle_of_another))
    assert refused.rule == "not-your-handle"
    nation.audited()


def test_a_conversion_is_on_the_residents_chain_and_of_the_hidden_it_gives_nothing(known):
    nation, records, _ = known
    mine = [nation.ask("tax", "1-121", "standing", search(one)) for one in records]
    nation.hide(CHIYODA, records[1].number)
    for one in mine:
        nation.ask("tax", "1-121", "convert", ByHandle(handle=one.content.handle))
    node = nation.agencies["pension"]
    assert len(node.converted) == 1
    found = statement(nation.view_key(CHIYODA, records[0].number), nation.mirror())
    assert [one.body.kind for one in found.entries][-1] == "convert"


def test_no_other_row_converts(known):
    nation, _, held = known
    assert by_handle(nation, held[0, "1-73"]).content
    refused = nation.ask(
        "pension", "1-73", "convert", ByHandle(handle=held[0, "1-73"].content.handle)
    )
    assert refused.rule == "kind-not-allowed"
