"""Characters (文字): what a text of the register may hold, whatever it is a text of.

A register shows a text to one clerk, prints it for another and compares it for a third; nothing in
it may look other than it is. So control characters, bidirectional controls, invisible and
unpaired code points, spaces of other widths and private-use characters (外字) are refused here,
and a variation selector must follow an ideograph. Nothing is normalised or repaired.

Sources: The Unicode Standard, chapter 23 (special areas) and UTS 37 (ideographic variation).

>>> refuse_unfit("千代田", field="town", length_max=100)
>>> refuse_unfit("千代\\u202e田", field="town", length_max=100)
Traceback (most recent call last):
...
jukinet.errors.Malformed: town: character 3 changes the direction of the text; leave it out
"""

import re
from typing import Final

from jukinet.errors import Malformed

# Fragments of character classes, for the patterns here and beside.
IDEOGRAPHS: Final = (
    "\u3005-\u3007\u303b"  # 々 〆 〇 and the vertical iteration mark
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0002fffd\U00030000-\U0003fffd"  # both planes are kept for ideographs
)
SELECTORS: Final = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
HIRAGANA: Final = "\u3041-\u3096"
KATAKANA: Final = "\u30a1-\u30f6"
SPACES: Final = " \u3000"

_LATER_PLANES_LAST_TWO: Final = "".join(
    chr(plane << 16 | last) for plane in range(1, 17) for last in (0xFFFE, 0xFFFF)
)
_RULES: Final = tuple(
    (re.compile(pattern), what)
    for pattern, what in (
        (r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", "is a control character; leave it out"),
        (r"[\ud800-\udfff]", "is half of a surrogate pair; send the text as UTF-8"),
        (
            r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]",
            "changes the direction of the text; leave it out",
        ),
        (
            r"[\ufdd0-\ufdef\ufffe\uffff" + _LATER_PLANES_LAST_TWO + "]",
            "is a noncharacter of Unicode; leave it out",
        ),
        (
            r"[\ue000-\uf8ff\U000f0000-\U0010ffff]",
            "is a private-use character (外字); use a registered shape",
        ),
        (
            r"[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u206f\u3164"
            r"\ufeff\uffa0\ufff0-\ufffd\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]",
            "is invisible or a replacement mark; leave it out",
        ),
        (
            r"[\t\u00a0\u1680\u2000-\u200a\u202f\u205f]",
            "is a space of another width; use the ordinary or the full-width space",
        ),
        (r"[\u2e80-\u2fdf]", "is a radical; use the ideograph that looks the same"),
        (
            rf"(?<![{IDEOGRAPHS}])[{SELECTORS}]",
            "is a variation selector without an ideograph before it; leave it out",
        ),
    )
)
_TWO_SPACES: Final = re.compile(f"[{SPACES}]{{2}}")
_UNFIT: Final = re.compile("|".join(pattern.pattern for pattern, _ in _RULES))


def refuse_unfit(text: str, *, field: str, length_max: int) -> None:
    """Raise Malformed, with the rule, unless the text is fit for any field of the register."""
    if not text:
        raise Malformed(f"{field}: want at least one character, got none")
    if len(text) > length_max:
        raise Malformed(f"{field}: want at most {length_max} code points, got {len(text)}")
    if _UNFIT.search(text):
        _name_the_rule(text, field)
    if text[0] in SPACES or text[-1] in SPACES:
        raise Malformed(f"{field}: begins or ends with a space; leave it out")
    if _TWO_SPACES.search(text):
        raise Malformed(f"{field}: has two spaces together; leave one out")


def _name_the_rule(text: str, field: str) -> None:
    found = ((pattern.search(text), what) for pattern, what in _RULES)
    for match, what in found:
        if match:
            raise Malformed(f"{field}: character {match.start() + 1} {what}")
