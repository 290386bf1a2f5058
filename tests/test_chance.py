"""Chance is an argument, and what is drawn from it is even."""

from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Malformed, OutOfStep
from jukinet.keys.chance import below, drawn


class Tape:
    """Chance that brings prepared bytes and counts what was taken."""

    def __init__(self, content):
        self.content = bytes(content)
        self.taken = 0

    def __call__(self, size):
        found = self.content[self.taken : self.taken + size]
        self.taken += size
        return found


@pytest.mark.parametrize("bound", [1, 2, 3, 5, 6, 10, 37, 100, 128, 200, 255, 256])
def test_every_number_below_a_bound_comes_equally_often(bound):
    counts = Counter()
    for byte in range(256):
        try:
            counts[below(bound, Tape([byte]))] += 1
        except OutOfStep:
            continue
    assert set(counts) == set(range(bound))
    assert len(set(counts.values())) == 1


def test_two_bytes_are_even_too():
    counts = Counter()
    for first, second in product(range(256), range(256)):
        try:
            counts[below(300, Tape([first, second]))] += 1
        except OutOfStep:
            continue
    assert set(counts) == set(range(300))
    assert len(set(counts.values())) == 1


@given(st.integers(1, 2**600), st.randoms(use_true_random=False))
def test_a_number_is_always_below_its_bound(bound, rng):
    assert 0 <= below(bound, rng.randbytes) < bound


def test_a_bound_of_one_needs_no_chance():
    tape = Tape(b"")
    assert below(1, tape) == 0
    assert tape.taken == 0


def test_what_is_too_large_is_drawn_again():
    assert below(10, Tape([0xFF, 0xAF, 0x90])) == 9


@pytest.mark.parametrize("bound", [0, -1])
def test_nothing_is_below_zero(bound):
    with pytest.raises(Malformed):
        below(bound, Tape(b"x"))


def test_broken_chance_does_not_draw_for_ever():
    with pytest.raises(OutOfStep):
        below(3, lambda size: b"\xff" * size)


@pytest.mark.parametrize("brought", [b"", b"x", b"xxx"])
def test_chance_that_brings_another_number_of_bytes_is_refused(brought):
    with pytest.raises(OutOfStep):
        drawn(2, lambda size: brought)
