"""Corporate number: python-stdnum is the oracle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.jp import cn

from jukinet.errors import Malformed
from jukinet.numbers.corporate_number import check_digit, complete, parse

TWELVE = st.text("0123456789", min_size=12, max_size=12)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("5835678256246", id="python-stdnum"),
        pytest.param("8700110005901", id="example of the tax agency"),
        pytest.param("7000012050002", id="the tax agency"),
    ],
)
def test_known_numbers_are_read(text):
    assert parse(text).digits == text
    assert cn.is_valid(text)


@given(TWELVE)
def test_the_check_digit_is_that_of_the_oracle(twelve):
    assert check_digit(twelve) == cn.calc_check_digit(twelve)
    assert parse(complete(twelve).digits) == complete(twelve)


@given(TWELVE)
def test_the_check_digit_is_never_zero(twelve):
    assert check_digit(twelve) != "0"
    with pytest.raises(Malformed):
        parse("0" + twelve)


@pytest.mark.parametrize("text", ["T7000012050002", "7000012050003", "700001205000", ""])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(Malformed, match=r"^corporate number: "):
        parse(text)


def test_a_mask_shows_two_digits():
    assert parse("7-0000-1205-0002").masked == "***********02"
