"""Resident record code (住民票コード): eleven digits without meaning, changeable on request.

Ten digits drawn at random and one check digit. It is not a secret, says nothing about the
person, and proves nothing about whoever recites it: with 125 million living people, one random
well-formed code in 80 belongs to somebody. The check digit only catches slips of the pen, and not
all of them: two digits six places apart have the same weight, so swapping them goes unseen.

The formula of the check digit is provisional (`CHECK_DIGIT_IS_PROVISIONAL`). The notice that
fixes it (Official Gazette of 25 July 2002) could not be read, nor any text that quotes it; the
formula of the individual number is used, shortened by one digit. What speaks for it is indirect:
public code that says one routine serves both, and a product's page that calls the code's check a
position-weighted modulus 11, without the weights. What remains open is the weights and what stands
for the remainders 0 and 1. The formula stands in `check_digit` alone, and `parse` and `complete`
take another as `scheme`: whoever has the notice changes one line, before the first code is drawn.

Sources: Basic Resident Registration Act, art. 7 (xiii) and 30-2 to 30-4;
         Enforcement Regulation, art. 1. Check digit: MIC Notice 436/2002 (provisional).

>>> parse("12345-678903").masked
'*********03'
>>> complete("0123456789").digits
'01234567892'
>>> parse("12345678904")
Traceback (most recent call last):
...
jukinet.errors.Malformed: resident code: check digit is 4, digits ask for 3; compare with the paper
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from jukinet.numbers import digits as typed

FIELD: Final = "resident code"
LENGTH: Final = 11
WEIGHTS: Final = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
CHECK_DIGIT_IS_PROVISIONAL: Final = True


@dataclass(frozen=True, slots=True, order=True)
class ResidentCode:
    """A code whose check digit has been verified. Its repr never shows it."""

    digits: str = field(repr=False)

    @property
    def masked(self) -> str:
        """The last two digits, enough for a clerk to tell two papers apart."""
        return "*" * 9 + self.digits[-2:]


def check_digit(ten: str) -> str:
    """The eleventh digit (検査数字) for the first ten. Provisional, see above."""
    remainder = typed.weighted_sum(WEIGHTS, ten, field=FIELD) % 11
    return str(0 if remainder <= 1 else 11 - remainder)


def parse(text: str, *, scheme: Callable[[str], str] = check_digit) -> ResidentCode:
    """Read a code as people write it, or raise Malformed."""
    digits = typed.read(text, length=LENGTH, field=FIELD)
    typed.compare(check_digit=digits[10], wanted=scheme(digits[:10]), field=FIELD)
    return ResidentCode(digits)


def complete(ten: str, *, scheme: Callable[[str], str] = check_digit) -> ResidentCode:
    """The code whose first ten digits are these: for whoever draws them (付番)."""
    return ResidentCode(ten + scheme(ten))
