"""Crockford's base 32: a number of 100 bits as twenty letters and a check, to be read aloud.

Capitals and digits without I, L, O and U; whoever reads it back may write small letters, hyphens,
o for 0, i or l for 1. The last letter is the number modulo 37, so any single wrong letter and any
two swapped neighbours are noticed.

It is not encryption: whoever sees the letters has the number.

Source: D. Crockford, "Base 32" (crockford.com/base32.html).

>>> spell(1234)
'00000-00000-00000-0016J-D'
>>> parse("0000 O-00000-00000-0016j-d".replace(" ", ""))
1234
"""

from typing import Final

from jukinet.errors import Malformed

LETTERS: Final = 20
BITS: Final = 5 * LETTERS
GROUP: Final = 5

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHECKS: Final = _ALPHABET + "*~$=U"
_VALUES: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_LOOKALIKES: Final = str.maketrans("OIL", "011")


def spell(number: int) -> str:
    """Twenty letters in groups of five, and the check. Raises Malformed beyond 100 bits."""
    if not 0 <= number < 1 << BITS:
        raise Malformed(f"number: has more than {BITS} bits, or is negative")
    letters = "".join(
        _ALPHABET[number >> shift & 31] for shift in range(BITS - GROUP, -GROUP, -GROUP)
    )
    groups = [letters[at : at + GROUP] for at in range(0, LETTERS, GROUP)]
    return "-".join([*groups, check_letter(number)])


def parse(text: str) -> int:
    """The number. Raises Malformed, without showing it, unless the letters and the check fit."""
    letters = text.upper().replace("-", "") if text.isascii() else ""
    if len(letters) != LETTERS + 1:
        raise Malformed(f"code: wants {LETTERS} letters and a check letter, hyphens as you like")
    number = 0
    for place, letter in enumerate(letters[:-1].translate(_LOOKALIKES), start=1):
        if letter not in _VALUES:
            raise Malformed(f"code: letter {place} is none of {_ALPHABET}")
        number = number << 5 | _VALUES[letter]
    if letters[-1].translate(_LOOKALIKES) != check_letter(number):
        raise Malformed("code: the check letter does not fit; read every letter again")
    return number


def check_letter(number: int) -> str:
    """The letter for the number modulo 37."""
    return _CHECKS[number % len(_CHECKS)]
