"""Digits: what people type is read, what only looks like digits is not."""
# ruff: noqa: RUF001 - digits and dashes of all kinds are the subject

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Malformed
from jukinet.numbers.digits import HYPHENS, SPACES, read

FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
DIGITS = st.text("0123456789", min_size=11, max_size=11)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("12345678901", id="plain"),
        pytest.param("１２３４５６７８９０１", id="full-width"),
        pytest.param("1234 5678 901", id="groups of four"),
        pytest.param("　12345678901　", id="full-width spaces around"),
        pytest.param("1234--5678901", id="two hyphens"),
        *(pytest.param(f"123{mark}45678901", id=f"U+{ord(mark):04X}") for mark in HYPHENS + SPACES),
    ],
)
def test_what_people_type_is_read(text):
    assert read(text, length=11, field="number") == "12345678901"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("   ", id="spaces"),
        pytest.param("-----------", id="hyphens"),
        pytest.param("+12345678901", id="plus"),
        pytest.param("-12345678901", id="minus in front"),
        pytest.param("12345678901-", id="hyphen behind"),
        pytest.param("1234567890", id="one short"),
        pytest.param("123456789012", id="one long"),
        pytest.param("1234567890O", id="a letter"),
        pytest.param("1234567890.1", id="a point"),
        pytest.param("1,234,567,8901", id="commas"),
        pytest.param("1_2345678901", id="underscore, as int() would take"),
        pytest.param("١٢٣٤٥٦٧٨٩٠١", id="Arabic-Indic"),
        pytest.param("१२३४५६७८९०१", id="Devanagari"),
        pytest.param("¹²³⁴⁵⁶⁷⁸⁹⁰¹", id="superscript"),
        pytest.param("𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗𝟎𝟏", id="mathematical bold"),
        pytest.param("一二三四五六七八九〇一", id="ideographs"),
        pytest.param("①②③④⑤⑥⑦⑧⑨⓪①", id="circled"),
        pytest.param("12345678901\n", id="line end"),
        pytest.param("12345\t678901", id="tab"),
        pytest.param("12345\x00678901", id="NUL"),
        pytest.param("12345\u00a0678901", id="no-break space"),
        pytest.param("12345\u200b678901", id="zero-width space"),
        pytest.param("12345\u202e678901", id="direction override"),
        pytest.param("12345\ud800678901", id="lone surrogate"),
        pytest.param("1" * 1_000_000, id="a million digits"),
        pytest.param(" " * 1_000_000 + "12345678901", id="a million spaces"),
    ],
)
def test_nothing_else_is_read(text):
    with pytest.raises(Malformed):
        read(text, length=11, field="number")


@given(DIGITS, st.lists(st.sampled_from(HYPHENS + SPACES), min_size=10, max_size=10))
def test_any_digits_survive_any_writing(digits, marks):
    typed = digits[0] + "".join(m + d for m, d in zip(marks, digits[1:], strict=True))
    assert read(typed.translate(FULL_WIDTH), length=11, field="number") == digits


@given(st.text(max_size=30))
def test_either_ascii_digits_or_malformed(text):
    try:
        digits = read(text, length=6, field="number")
    except Malformed:
        return
    assert len(digits) == 6
    assert set(digits) <= set("0123456789")
