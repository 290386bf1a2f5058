"""Individual number (個人番号): twelve digits, made from the code, with no way back.

Eleven digits and one check digit. Unlike the resident record code it is meant to stay for life
and changes only after a leak. Jukinet keeps it in the registers: no agency is answered with it.

Sources: Number Act (番号法), art. 8; MIC Ordinance 85/2014, art. 5 (check digit).

>>> parse("6214 9832 0257").masked
'**********57'
>>> parse("621498320258")  # doctest: +ELLIPSIS
Traceback (most recent call last):
...
jukinet.errors.Malformed: individual number: check digit is 8, digits ask for 7; compare with ...
"""

from dataclasses import dataclass, field
from typing import Final

from jukinet.numbers import digits as typed

FIELD: Final = "individual number"
LENGTH: Final = 12
WEIGHTS: Final = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)


@dataclass(frozen=True, slots=True, order=True)
class IndividualNumber:
    """A number whose check digit has been verified. Its repr never shows it."""

    digits: str = field(repr=False)

    @property
    def masked(self) -> str:
        """The last two digits, enough for a clerk to tell two papers apart."""
        return "*" * 10 + self.digits[-2:]


def check_digit(eleven: str) -> str:
    """The twelfth digit (検査用数字) for the first eleven."""
    remainder = typed.weighted_sum(WEIGHTS, eleven, field=FIELD) % 11
    return str(0 if remainder <= 1 else 11 - remainder)


def parse(text: str) -> IndividualNumber:
    """Read a number as people write it, or raise Malformed."""
    digits = typed.read(text, length=LENGTH, field=FIELD)
    typed.compare(check_digit=digits[11], wanted=check_digit(digits[:11]), field=FIELD)
    return IndividualNumber(digits)


def complete(eleven: str) -> IndividualNumber:
    """The number whose first eleven digits are these."""
    return IndividualNumber(eleven + check_digit(eleven))
