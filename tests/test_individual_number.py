"""Individual number: python-stdnum is the oracle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.jp import in_

from jukinet.errors import Malformed
from jukinet.numbers.individual_number import check_digit, complete, parse

ELEVEN = st.text("0123456789", min_size=11, max_size=11)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("621498320257", id="python-stdnum"),
        pytest.param("983205673214", id="published example"),
        pytest.param("379474484458", id="published example 2"),
        pytest.param("454972364860", id="remainder 0"),
        pytest.param("507957100721", id="remainder 10"),
        pytest.param("123456789018", id="rising"),
    ],
)
def test_known_numbers_are_read(text):
    assert parse(text).digits == text
    assert in_.is_valid(text)


@pytest.mark.parametrize("text", ["621498320258", "983205673210", "507957100722"])
def test_known_wrong_numbers_are_refused(text):
    with pytest.raises(Malformed, match="check digit"):
        parse(text)


@given(ELEVEN)
def test_the_check_digit_is_that_of_the_oracle(eleven):
    assert check_digit(eleven) == in_.calc_check_digit(eleven)
    assert parse(complete(eleven).digits) == complete(eleven)


@given(st.text("0123456789", min_size=12, max_size=12))
def test_what_the_oracle_refuses_is_refused(text):
    if in_.is_valid(text):
        assert parse(text).digits == text
    else:
        with pytest.raises(Malformed):
            parse(text)


def test_a_mask_shows_two_digits_and_the_repr_none():
    number = parse("６２１４ ９８３２ ０２５７")
    assert number.masked == "**********57"
    assert repr(number) == "IndividualNumber()"


def test_a_resident_code_is_no_individual_number():
    with pytest.raises(Malformed, match="want 12 digits, got 11"):
        parse("12345678903")
