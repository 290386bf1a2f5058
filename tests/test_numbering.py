"""Numbering: pools do not overlap, codes in use are skipped, nothing is given out twice."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import reopened

from jukinet.errors import OutOfStep
from jukinet.index import numbering
from jukinet.index.numbering import Allotment, CodeInUse
from jukinet.law.tags import code_tag
from jukinet.numbers import individual_number, resident_code
from support import memory

KEYS = {"code_key": b"c" * 32, "number_key": b"n" * 32, "tag_key": b"t" * 32}


@pytest.fixture
def nation(store):
    with store.begin() as tx:
        tx.create(*numbering.METADATA.sorted_tables)
    return store


def allot(store, count: int, **keys) -> tuple[tuple[str, str], ...]:
    with store.begin() as tx:
        return numbering.allot(tx, count, **{**KEYS, **keys}).pairs


def locator(n: int) -> bytes:
    return sha256(b"person %d" % n).digest()[:16]


def note(store, *bearers: tuple[str, int]) -> list[tuple[bytes, bytes, bytes]]:
    with store.begin() as tx:
        return numbering.note_codes(tx, [(tag(code), locator(n)) for code, n in bearers])


def tag(code: str) -> bytes:
    return code_tag(KEYS["tag_key"], code)


@pytest.mark.parametrize("sizes", [[1], [0, 1, 0], [300, 1, 1000, 7], [1] * 40])
def test_no_two_pools_overlap_and_each_is_of_the_size_that_was_asked_for(nation, sizes):
    pools = [allot(nation, size) for size in sizes]
    assert [len(pool) for pool in pools] == sizes
    pairs = [pair for pool in pools for pair in pool]
    assert len({code for code, _ in pairs}) == len({number for _, number in pairs}) == len(pairs)


def test_every_code_and_every_number_has_its_check_digit(nation):
    for code, number in allot(nation, 500):
        assert resident_code.parse(code).digits == code
        assert individual_number.parse(number).digits == number


def test_the_same_keys_give_the_same_pools_whatever_their_sizes():
    one, other = memory(numbering.METADATA), memory(numbering.METADATA)
    assert allot(one, 30) + allot(one, 70) == allot(other, 55) + allot(other, 45)


def test_a_vector_of_pools():
    """A later program must go on from here without giving a code out twice."""
    assert allot(memory(numbering.METADATA), 3) == (
        ("59099333760", "334617300910"),
        ("95847243660", "035572979006"),
        ("75197983914", "815394887017"),
    )


@pytest.mark.parametrize("key", ["code_key", "number_key"])
def test_other_keys_give_other_numbers(key):
    mine = allot(memory(numbering.METADATA), 100)
    theirs = allot(memory(numbering.METADATA), 100, **{key: b"x" * 32})
    assert not {number for _, number in mine} & {number for _, number in theirs}
    assert ({code for code, _ in mine} == {code for code, _ in theirs}) == (key == "number_key")


def test_neither_codes_nor_numbers_tell_the_order_in_which_they_were_given(nation):
    codes = [int(code) for code, _ in allot(nation, 400)]
    numbers = [int(number) for _, number in allot(nation, 400)]
    for series in (codes, numbers):
        rising = sum(a < b for a, b in pairwise(series))
        assert 150 < rising < 250
        assert min(series) < max(series) // 10


def test_the_number_follows_from_the_code_alone():
    pairs = allot(memory(numbering.METADATA), 50)
    codes = [code for code, _ in pairs]
    assert numbering.individual_numbers(codes, KEYS["number_key"]) == list(pairs)
    assert numbering.individual_numbers(codes[::-1], KEYS["number_key"]) == list(pairs)[::-1]
    assert numbering.individual_numbers([], KEYS["number_key"]) == []


# --- codes in use -----------------------------------------------------------------------------


def test_codes_that_came_into_use_otherwise_are_skipped(nation):
    coming = [code for code, _ in allot(memory(numbering.METADATA), 60)]
    note(nation, *[(code, n) for n, code in enumerate(coming) if n % 3 == 0])
    pool = [code for code, _ in allot(nation, 40)]
    assert pool == [code for n, code in enumerate(coming) if n % 3][:40]


@given(st.sets(st.integers(0, 80)), st.lists(st.integers(0, 20), max_size=8))
@settings(deadline=None, max_examples=50)
def test_whatever_is_in_use_pools_are_whole_and_apart(used, sizes):
    coming = [code for code, _ in allot(memory(numbering.METADATA), 81)]
    store = memory(numbering.METADATA)
    note(store, *[(coming[n], n) for n in used])
    pools = [allot(store, size) for size in sizes]
    codes = [code for pool in pools for code, _ in pool]
    assert [len(pool) for pool in pools] == sizes
    assert len(set(codes)) == len(codes)
    assert not set(codes) & {coming[n] for n in used}
    store.close()


def test_a_code_is_noted_once_and_repeated_news_is_no_news(nation):
    assert note(nation, ("1", 1), ("2", 2), ("1", 1)) == []
    assert note(nation, ("1", 1)) == []
    with nation.begin() as tx:
        assert sorted(numbering.CODES_IN_USE.everything(tx)) == sorted(
            [CodeInUse(tag("1"), locator(1)), CodeInUse(tag("2"), locator(2))]
        )


def test_a_code_that_somebody_else_bears_is_told_and_stays_theirs(nation):
    note(nation, ("1", 1))
    assert note(nation, ("1", 2), ("3", 3)) == [(tag("1"), locator(2), locator(1))]
    assert note(nation, ("1", 1)) == []


def test_two_who_come_with_one_code_at_once_are_told(nation):
    assert note(nation, ("1", 1), ("1", 2)) == [(tag("1"), locator(2), locator(1))]
    assert note(nation, ("1", 1)) == []


def test_nobodys_codes_are_no_news(nation):
    assert note(nation) == []


# --- the counter ------------------------------------------------------------------------------


def test_the_counter_survives_the_process(nation):
    first = allot(nation, 20)
    nation.close()
    again = reopened(nation.url)
    assert not set(first) & set(allot(again, 20))
    again.close()


def test_what_was_not_committed_was_not_given_out(nation):
    given_out = []

    def interrupted():
        with nation.begin() as tx:
            given_out.append(numbering.allot(tx, 20, **KEYS).pairs)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert allot(nation, 20) == given_out[0]


def test_when_all_codes_are_given_out_no_more_are(nation):
    with nation.begin() as tx:
        numbering.ALLOTMENTS.put(tx, Allotment("codes", 10**10 - 3))
    with pytest.raises(OutOfStep, match="all ten-digit codes have been given out"):
        allot(nation, 4)
    assert len(allot(nation, 3)) == 3
    assert allot(nation, 0) == ()
    with pytest.raises(OutOfStep, match="all ten-digit codes"):
        allot(nation, 1)
