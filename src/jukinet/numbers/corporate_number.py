"""Corporate number (法人番号): thirteen digits, check digit first; names an agency.

It is public and names no person, so its repr shows it. The check digit stands in front and is
never 0, so that no spreadsheet loses it.

Sources: Number Act (番号法), art. 39; MOF Ordinance 70/2014 (check digit).

>>> parse("T7000012050002")
Traceback (most recent call last):
...
jukinet.errors.Malformed: corporate number: want 13 digits, with spaces and hyphens at most
>>> parse("7000-0120-50002")
CorporateNumber(digits='7000012050002')
>>> complete("000012050002").masked
'***********02'
"""

from dataclasses import dataclass
from typing import Final

from jukinet.numbers import digits as typed

FIELD: Final = "corporate number"
LENGTH: Final = 13
WEIGHTS: Final = (2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1)


@dataclass(frozen=True, slots=True, order=True)
class CorporateNumber:
    """A number whose check digit has been verified. It is public."""

    digits: str

    @property
    def masked(self) -> str:
        """The last two digits: the same word as for the other numbers."""
        return "*" * 11 + self.digits[-2:]


def check_digit(twelve: str) -> str:
    """The first digit (検査用数字) for the twelve that follow it."""
    return str(9 - typed.weighted_sum(WEIGHTS, twelve, field=FIELD) % 9)


def parse(text: str) -> CorporateNumber:
    """Read a number as people write it, or raise Malformed."""
    digits = typed.read(text, length=LENGTH, field=FIELD)
    typed.compare(check_digit=digits[0], wanted=check_digit(digits[1:]), field=FIELD)
    return CorporateNumber(digits)


def complete(twelve: str) -> CorporateNumber:
    """The number whose last twelve digits are these."""
    return CorporateNumber(check_digit(twelve) + twelve)
