"""Digits as people type them (数字): full-width, spaced and hyphened; nothing else is accepted.

Japanese keyboards give full-width digits, and people set groups apart with whatever dash or
space is at hand. All of that is read here, at the edge, and inside there are only `0` to `9`.
Digits of other scripts, signs, letters, tabs and line ends are refused: `str.isdigit` would let
Arabic-Indic or superscript digits into a register.

>>> read("１２３４‐５６７８ 9", length=9, field="some number")
'123456789'
>>> read("12345", length=9, field="some number")
Traceback (most recent call last):
...
jukinet.errors.Malformed: some number: want 9 digits, got 5; compare with the paper
"""
# ruff: noqa: RUF002 - full-width digits and dashes are what is read here

from collections.abc import Sequence
from operator import mul
from typing import Final

from jukinet.errors import Malformed

SPACES: Final = " \u3000"
HYPHENS: Final = (
    "-"  # hyphen-minus, of any keyboard
    "\u2010\u2011\u2012\u2013\u2014\u2015"  # hyphens, figure dash, en and em dash, bar
    "\u2212"  # minus
    "\u30fc\uff70"  # the long mark of kana, next to the digits on a Japanese keyboard
    "\uff0d"  # full-width hyphen-minus
)
_FULL_WIDTH: Final = "０１２３４５６７８９"
_TYPED: Final = str.maketrans(_FULL_WIDTH, "0123456789", SPACES + HYPHENS)
# No number of the Act is longer than 13 digits, each with a space on both sides.
_TYPED_LENGTH_MAX: Final = 40


def read(text: str, *, length: int, field: str) -> str:
    """The `length` ASCII digits in what somebody typed, or Malformed.

    A hyphen in front of the first or after the last digit is a sign or a slip, and refused.
    """
    if len(text) == length and text.isascii() and text.isdecimal():
        return text
    typed = text.strip(SPACES) if len(text) <= _TYPED_LENGTH_MAX else ""
    if typed and (typed[0] in HYPHENS or typed[-1] in HYPHENS):
        typed = ""
    digits = typed.translate(_TYPED)
    if not (digits.isascii() and digits.isdecimal()):
        raise Malformed(f"{field}: want {length} digits, with spaces and hyphens at most")
    if len(digits) != length:
        raise Malformed(f"{field}: want {length} digits, got {len(digits)}; compare with the paper")
    return digits


def weighted_sum(weights: Sequence[int], digits: str, *, field: str) -> int:
    """The sum of each digit times its weight, from the left; as many digits as weights."""
    if not (len(digits) == len(weights) and digits.isascii() and digits.isdecimal()):
        raise Malformed(f"{field}: the check digit is made from {len(weights)} ASCII digits")
    # The bytes of ASCII digits are 48 to 57; taking 48 off once is faster than digit by digit.
    total: int = sum(map(mul, weights, digits.encode()))
    return total - 48 * sum(weights)


def compare(*, check_digit: str, wanted: str, field: str) -> None:
    """Refuse a number whose check digit (検査数字) is not the one its digits ask for."""
    if check_digit != wanted:
        raise Malformed(
            f"{field}: check digit is {check_digit}, digits ask for {wanted}; "
            "compare with the paper"
        )
