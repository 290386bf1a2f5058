"""Reconciliation: equal books have equal roots; whoever differs is found, and nobody else."""

from __future__ import annotations

from hashlib import sha256
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jukinet.errors import Malformed
from jukinet.feed import reconcile
from jukinet.feed.reconcile import (
    Digest,
    Leaf,
    Told,
    children,
    differences,
    differing,
    digest,
    leaf,
)
from jukinet.merkle.tree import EMPTY_ROOT

KEY, ANOTHER = b"k" * 32, b"l" * 32
Book = dict[bytes, tuple[int, bytes]]
"""Of each locator the version and the digest of what was last told."""


def person(n: int) -> bytes:
    return sha256(b"person %d" % n).digest()[:16]


def book(size: int) -> Book:
    return {person(n): (n % 7, sha256(b"notice %d" % n).digest()) for n in range(size)}


def leaves(held: Book, key: bytes = KEY) -> list[Leaf]:
    return sorted(leaf(key, locator, *told) for locator, told in held.items())


def place(locator: bytes, key: bytes = KEY) -> bytes:
    return leaf(key, locator, 0, b"").place


def changed(held: Book, chance: Random, count: int) -> tuple[Book, set[bytes]]:
    """A book that differs in some persons: changed, missing, or there too many."""
    other, found = dict(held), set()
    for n in range(count):
        locator = person(10**6 + n) if n % 3 == 0 or not held else chance.choice(sorted(held))
        version, told = held.get(locator, (0, b""))
        found.add(locator)
        match n % 3:
            case 0:
                other[locator] = (1, b"too many")
            case 1:
                other.pop(locator, None)
            case 2:
                other[locator] = (version + 1, told)
    return other, found


SIZES = [0, 1, 2, 3, 15, 16, 17, 31, 33, 100, 255, 257, 1000, 5000]


@pytest.mark.parametrize("size", SIZES)
def test_equal_books_have_equal_roots_in_whatever_order_they_are_read(size):
    held = book(size)
    shuffled = list(held.items())
    Random(size).shuffle(shuffled)
    one, other = leaves(held), leaves(dict(shuffled))
    assert digest(one) == digest(other)
    assert digest(one).size == size
    assert differences(one, other) == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_whoever_differs_is_found_exactly(size, count):
    held = book(size)
    other, wanted = changed(held, Random(f"{size} {count}"), count)
    wanted = {locator for locator in wanted if held.get(locator) != other.get(locator)}
    found = differences(leaves(held), leaves(other))
    assert found == sorted(map(place, wanted)) == differences(leaves(other), leaves(held))
    assert digest(leaves(held)) != digest(leaves(other)) or not wanted


persons = st.dictionaries(
    st.integers(0, 60), st.tuples(st.integers(0, 3), st.sampled_from([b"a", b"b"])), max_size=60
)


@given(persons, persons)
@settings(deadline=None)
def test_any_two_books_differ_just_where_they_differ(one, other):
    one, other = ({person(n): told for n, told in each.items()} for each in (one, other))
    wanted = {locator for locator in {*one, *other} if one.get(locator) != other.get(locator)}
    assert differences(leaves(one), leaves(other)) == sorted(map(place, wanted))
    assert (digest(leaves(one)) == digest(leaves(other))) == (one == other)


def test_an_empty_book_differs_from_one_in_everybody():
    held = book(300)
    assert differences([], leaves(held)) == [one.place for one in leaves(held)]
    assert digest([]) == Digest("", 0, EMPTY_ROOT)


@pytest.mark.parametrize("size", [1, 20, 500])
def test_leaves_of_another_key_never_match(size):
    one, other = leaves(book(size)), leaves(book(size), ANOTHER)
    assert not {each.place for each in one} & {each.place for each in other}
    assert not {each.hash for each in one} & {each.hash for each in other}
    assert digest(one) != digest(other)
    assert len(differences(one, other)) == 2 * size


def test_a_leaf_is_of_one_person_one_version_and_one_notice():
    base = leaf(KEY, person(1), 5, b"digest")
    assert leaf(KEY, person(1), 5, b"digest") == base
    assert leaf(KEY, person(1), 6, b"digest").place == base.place
    others = [
        leaf(KEY, person(1), 6, b"digest"),
        leaf(KEY, person(1), 5, b"digesT"),
        leaf(KEY, person(2), 5, b"digest"),
        leaf(KEY, person(1) + b"\x00", 5, b"digest"),
        leaf(ANOTHER, person(1), 5, b"digest"),
    ]
    assert len({base.hash, *(one.hash for one in others)}) == 6


def test_a_leaf_shows_nothing_without_the_key():
    one = leaf(KEY, person(1), 5, b"digest")
    assert person(1) not in one.place + one.hash
    assert sha256(person(1)).digest()[:16] != one.place
    with pytest.raises(Malformed):
        leaf(b"short", person(1), 5, b"digest")


def test_sixteen_prefixes_make_up_the_one_above_them():
    held = leaves(book(400))
    for prefix in ("", "7", "a3"):
        parts = children(held, prefix)
        assert [part.prefix for part in parts] == [f"{prefix}{n:x}" for n in range(16)]
        assert sum(part.size for part in parts) == digest(held, prefix).size
        whole = [one for one in held if one.place.hex().startswith(prefix)]
        assert digest(held, prefix).size == len(whole)


def test_two_sides_that_exchange_digests_alone_find_the_same_as_one_that_has_both():
    """The exchange on the line: one asks prefix by prefix, the other answers with digests."""
    held = book(2000)
    other, _ = changed(held, Random(7), 12)
    mine, theirs = leaves(held), leaves(other)
    suspects, asked = [""], 0
    while any(len(prefix) < 4 for prefix in suspects):
        asked += len(suspects)
        suspects = [one for prefix in suspects for one in differing(mine, children(theirs, prefix))]
    places = differences(mine, theirs)
    assert sorted({one.hex()[:4] for one in places}) == sorted(suspects)
    assert asked <= 1 + 3 * len(places)


def test_leaves_at_one_place_end_the_search():
    """No two persons have one place; but a copy gone wrong must not send the search on for ever."""
    crowd = sorted(Leaf(bytes(16), bytes([n]) * 32) for n in range(40))
    assert differences(crowd, crowd[1:]) == [bytes(16)]


def test_a_town_makes_its_leaves_of_what_it_told(store):
    held = book(50)
    with store.begin() as tx:
        tx.create(*reconcile.METADATA.sorted_tables)
        rows = [
            Told(person, locator, version, 1, told)
            for person, (locator, (version, told)) in enumerate(held.items())
        ]
        reconcile.TOLD.put(tx, *[row._replace(version=0) for row in rows])
        reconcile.TOLD.put(tx, *rows)
        assert reconcile.leaves_told(tx, KEY) == leaves(held)


def test_who_came_back_is_as_was_told_last(store):
    locator = bytes(16)
    with store.begin() as tx:
        tx.create(*reconcile.METADATA.sorted_tables)
        first, back = Told(1, locator, 3, 7, b"first"), Told(2, locator, 9, 12, b"back")
        reconcile.TOLD.put(tx, first, back)
        assert reconcile.leaves_told(tx, KEY) == [reconcile.leaf(KEY, locator, 9, b"back")]
        reconcile.TOLD.put(tx, first._replace(version=11, number=13))
        assert reconcile.leaves_told(tx, KEY) == [reconcile.leaf(KEY, locator, 11, b"first")]
