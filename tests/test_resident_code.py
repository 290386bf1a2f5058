"""Resident record code: vectors, slips of the pen, and nothing shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Malformed
from jukinet.numbers import resident_code
from jukinet.numbers.resident_code import ResidentCode, check_digit, complete, parse

TEN = st.text("0123456789", min_size=10, max_size=10)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("12345678903", id="rising"),
        pytest.param("98765432103", id="falling"),
        pytest.param("01234567892", id="a leading zero"),
        pytest.param("10000000030", id="remainder 0"),
        pytest.param("10000000090", id="remainder 1"),
        pytest.param("24727059608", id="specimen, remainder 3"),
        pytest.param("24846016224", id="specimen, remainder 7"),
        pytest.param("25208017643", id="specimen, remainder 8"),
    ],
)
def test_known_codes_are_read(text):
    assert parse(text).digits == text


def test_the_wrong_check_digit_is_named_and_the_code_is_not():
    with pytest.raises(Malformed, match="check digit is 4, digits ask for 3") as error:
        parse("25208017644")
    assert "2520801764" not in str(error.value)


@pytest.mark.parametrize("text", ["1234567890", "123456789012", "1234567890X", "", "１２３４"])
def test_what_is_no_code_is_refused(text):
    with pytest.raises(Malformed, match=r"^resident code: want 11 digits"):
        parse(text)


@pytest.mark.parametrize(
    "ten", ["123456789", "12345678901", "123456789x", "１２３４５６７８９０", ""]
)
def test_a_code_is_not_completed_from_anything_but_ten_digits(ten):
    with pytest.raises(Malformed):
        complete(ten)


@given(TEN)
def test_a_completed_code_is_read_again(ten):
    code = complete(ten)
    assert code.digits[:10] == ten
    assert parse(code.digits) == code


@given(TEN, st.integers(0, 9))
def test_no_other_check_digit_passes(ten, last):
    if str(last) != check_digit(ten):
        with pytest.raises(Malformed):
            parse(ten + str(last))


@given(TEN)
def test_a_swap_six_places_apart_goes_unseen_as_documented(ten):
    swapped = ten[6] + ten[1:6] + ten[0] + ten[7:]
    assert check_digit(swapped) == check_digit(ten)


def test_the_formula_is_provisional_and_can_be_replaced():
    assert resident_code.CHECK_DIGIT_IS_PROVISIONAL
    code = complete("1234567890", scheme=lambda ten: ten[-1])
    assert code.digits == "12345678900"
    assert parse("1234567890-0", scheme=lambda ten: ten[-1]) == code


def test_a_mask_shows_two_digits():
    assert parse("12345678903").masked == "*********03"


def test_no_repr_shows_a_code():
    code = parse("12345678903")
    assert repr(code) == str(code) == f"{code}" == "ResidentCode()"


def test_codes_are_values():
    code = parse("12345678903")
    assert code == ResidentCode("12345678903")
    assert len({code, ResidentCode("12345678903")}) == 1
    with pytest.raises(AttributeError):
        code.digits = "0"
    assert not hasattr(code, "__dict__")
