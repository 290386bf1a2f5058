"""Labels: none stands twice, in whatever round and array the first was."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.client import labels as module
from jukinet.client.labels import Again, Labels

LABEL = st.binary(min_size=16, max_size=16)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """A handful at a time, so that arrays are sorted and merged."""
    monkeypatch.setattr(module, "AT_ONCE", 4)


@given(st.lists(LABEL, unique=True), st.lists(st.integers(0, 60)))
def test_labels_that_each_stand_once_pass_and_are_all_kept(found, rounds):
    labels = Labels()
    for leaf, label in enumerate(found):
        labels.add(leaf, [label])
        if leaf in rounds:
            labels = Labels(labels.parts())
    assert labels.twice() is None
    kept = [bytes(one).ljust(16, b"\x00") for one in chain(*labels.parts())]
    assert sorted(kept) == sorted(found)
    assert len(labels) == len(found)


@given(st.lists(LABEL, unique=True, min_size=1, max_size=30), st.data())
def test_a_label_that_stands_twice_is_found_wherever_the_first_was(found, data):
    first = data.draw(st.integers(0, len(found) - 1))
    new_round = data.draw(st.integers(0, len(found)))
    labels = Labels()
    for leaf, label in enumerate([*found, found[first]]):
        if leaf == new_round:
            labels = Labels(labels.parts())
        labels.add(leaf, [label])
    again = labels.twice()
    assert again in (Again(found[first], len(found), first), Again(found[first], len(found), None))


def test_labels_that_differ_in_their_last_zeros_only_are_others():
    labels = Labels()
    labels.add(0, [b"a".ljust(16, b"\x00"), b"a".ljust(15, b"\x00") + b"b"])
    assert labels.twice() is None
