"""Kinship (続柄): what a member of a household is to its head, told from ties alone.

The register writes a relation as a chain seen from the head: 子の妻, 妻の母, 弟の子. Where the
ties do not show one it writes 縁故者 for kin and 同居人 for others; nothing is guessed.
Source: 住民基本台帳事務処理要領 第1-2-(1)-エ (as municipalities quote it).

>>> lineage = {1: Line("男", 1950), 2: Line("女", 1952, spouse=1), 3: Line("男", 1980, 2, 1)}
>>> relation(lineage, head=1, member=3), relation(lineage, head=3, member=2)
('子', '母')
"""

from collections.abc import Mapping
from typing import NamedTuple

from jukinet.world.people import FEMALE, HEAD, LODGER, MALE


class Line(NamedTuple):
    """What kinship needs of a person: sex, a number that grows with the birth date, and ties."""

    sex: str
    born: int
    mother: int | None = None
    father: int | None = None
    spouse: int | None = None
    partner: int | None = None


Lineage = Mapping[int, Line]


def relation(lineage: Lineage, *, head: int, member: int, otherwise: str = LODGER) -> str:
    """The relation (続柄) of `member` to `head`; `otherwise` where no tie connects them."""
    if head == member:
        return HEAD
    own = _near(lineage, head, member)
    if own:
        return own
    mate = _mate(lineage, head)
    if mate is not None:
        theirs = _blood(lineage, mate, member)
        if theirs:
            return f"{_mates_word(lineage, head, mate)}の{theirs}"
    return otherwise


def _near(lineage: Lineage, head: int, member: int) -> str | None:
    """Spouse, blood, or the spouse of blood."""
    mate = _mate(lineage, head)
    if mate == member:
        return _mates_word(lineage, head, mate)
    blood = _blood(lineage, head, member)
    if blood:
        return blood
    theirs = _mate(lineage, member)
    if theirs is not None and theirs != head:
        through = _blood(lineage, head, theirs)
        if through:
            return f"{through}の{_mates_word(lineage, theirs, member)}"
    return None


def _blood(lineage: Lineage, head: int, member: int) -> str | None:
    """A relation by descent: down three steps, up two, aside one and down from there."""
    return (
        _down(lineage, head, member, 3)
        or _up(lineage, head, member)
        or _aside(lineage, head, member)
        or _niece(lineage, head, member)
    )


def _down(lineage: Lineage, head: int, member: int, steps: int) -> str | None:
    for parent in _parents(lineage, member):
        if parent == head:
            return "子"
        if steps > 1 and parent in lineage:
            above = _down(lineage, head, parent, steps - 1)
            if above:
                return f"{above}の子"
    return None


def _up(lineage: Lineage, head: int, member: int) -> str | None:
    for parent in _parents(lineage, head):
        if parent == member:
            return _parents_word(lineage, parent)
    for parent in _parents(lineage, head):
        if parent in lineage and member in _parents(lineage, parent):
            return f"{_parents_word(lineage, parent)}の{_parents_word(lineage, member)}"
    return None


def _aside(lineage: Lineage, head: int, member: int) -> str | None:
    if not set(_parents(lineage, head)) & set(_parents(lineage, member)):
        return None
    older = (lineage[member].born, member) < (lineage[head].born, head)
    return ("兄" if older else "弟") if lineage[member].sex == MALE else ("姉" if older else "妹")


def _niece(lineage: Lineage, head: int, member: int) -> str | None:
    for parent in _parents(lineage, member):
        if parent in lineage and parent != head:
            sibling = _aside(lineage, head, parent)
            if sibling:
                return f"{sibling}の子"
    return None


def _parents(lineage: Lineage, person: int) -> list[int]:
    line = lineage.get(person)
    if line is None:
        return []
    return [parent for parent in (line.mother, line.father) if parent is not None]


def _mate(lineage: Lineage, person: int) -> int | None:
    line = lineage[person]
    mate = line.spouse if line.spouse is not None else line.partner
    return mate if mate in lineage else None


def _mates_word(lineage: Lineage, person: int, mate: int) -> str:
    word = "妻" if lineage[mate].sex == FEMALE else "夫"
    return word if lineage[person].spouse == mate else f"{word}(未届)"


def _parents_word(lineage: Lineage, parent: int) -> str:
    return "母" if lineage[parent].sex == FEMALE else "父"
