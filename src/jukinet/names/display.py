"""Display name (表示用): rare characters replaced by ones that ordinary fonts have.

For screens and lists, where an empty box helps nobody. It is never stored as the name, printed on
a certificate or compared. Characters of JIS X 0213 stay, since ordinary fonts have them; variation
selectors go; compatibility ideographs become the ideograph that Unicode says they are; others
become the ordinary shape where `shapes` knows one, and stay as they are where it does not.

>>> display_name(LegalName("\\u9089\\U000e0101 \\U00020bb7子")) == "\\u9089 吉子"
True
"""

import re
from typing import Final
from unicodedata import normalize

from jukinet.names.characters import SELECTORS
from jukinet.names.legal import LegalName
from jukinet.names.shapes import ORDINARY

_SELECTORS: Final = re.compile(f"[{SELECTORS}]")


def display_name(name: LegalName) -> str:
    """The name as a screen shows it."""
    return "".join(_shown(character) for character in _SELECTORS.sub("", name.text))


def _shown(character: str) -> str:
    unified = normalize("NFC", character)
    if _in_ordinary_fonts(unified):
        return unified
    return ORDINARY.get(ord(unified), unified) if len(unified) == 1 else unified


def _in_ordinary_fonts(character: str) -> bool:
    try:
        character.encode("euc_jis_2004")
    except UnicodeEncodeError:
        return False
    return True
