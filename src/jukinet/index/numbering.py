"""Numbering (付番): code pools allotted to towns without overlap; which codes are in use.

A code is the n-th value of a keyed permutation of all ten-digit numbers (FF1, NIST SP 800-38G):
it looks random, no two n give the same code, and the centre need keep nothing but the next n. The
individual number is made from the code by a second permutation (Number Act, art. 8: converted from
the code, with no way back). A code that came into use otherwise (imported) is known by its tag and
skipped.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import MetaData

from jukinet.errors import OutOfStep
from jukinet.keys.ff1 import FF1
from jukinet.law.tags import code_tag
from jukinet.numbers import individual_number, resident_code
from jukinet.store.engine import Transaction
from jukinet.store.rows import Rows, blob, integer, text

METADATA = MetaData()
CODE_DIGITS = 10
NUMBER_DIGITS = 11


class Allotment(NamedTuple):
    """How far the permutation has been given out, and to whom the last part."""

    name: str
    next: int


ALLOTMENTS = Rows("allotment", METADATA, Allotment, [text("name", key=True), integer("next")])


class CodeInUse(NamedTuple):
    """A code's tag and the locator of the person who bears or bore it."""

    tag: bytes
    locator: bytes


CODES_IN_USE = Rows(
    "code_in_use", METADATA, CodeInUse, [blob("tag", key=True), blob("locator")], compact=True
)


class Pool(NamedTuple):
    """Codes with their individual numbers, in order of allotment."""

    pairs: tuple[tuple[str, str], ...]


def allot(
    tx: Transaction, count: int, *, code_key: bytes, number_key: bytes, tag_key: bytes
) -> Pool:
    """Give out the next codes, skipping those in use; the counter moves in the caller's commit."""
    row = ALLOTMENTS.get(tx, "codes") or Allotment("codes", 0)
    pairs: list[tuple[str, str]] = []
    position = row.next
    while len(pairs) < count:
        missing = count - len(pairs)
        if position + missing > 10**CODE_DIGITS:
            raise OutOfStep("code pool: all ten-digit codes have been given out")
        codes = FF1(code_key).encrypt_many(range(position, position + missing), CODE_DIGITS)
        position += missing
        drawn = [resident_code.complete(f"{code:0{CODE_DIGITS}d}").digits for code in codes]
        tags = {code_tag(tag_key, digits): digits for digits in drawn}
        taken = {tags[row.tag] for row in CODES_IN_USE.get_many(tx, "tag", tags)}
        pairs += individual_numbers([digits for digits in drawn if digits not in taken], number_key)
    ALLOTMENTS.put(tx, Allotment("codes", position))
    return Pool(tuple(pairs))


def individual_numbers(codes: Sequence[str], number_key: bytes) -> list[tuple[str, str]]:
    """Each code with the individual number that is made from it."""
    tens = [int(code[:CODE_DIGITS]) for code in codes]
    numbers = FF1(number_key).encrypt_many(tens, NUMBER_DIGITS) if tens else []
    return [
        (code, individual_number.complete(f"{number:0{NUMBER_DIGITS}d}").digits)
        for code, number in zip(codes, numbers, strict=True)
    ]


def note_codes(
    tx: Transaction, bearers: Iterable[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes, bytes]]:
    """Write down which codes are in use, as (tag, locator); repeated news is no news.

    Returns (tag, locator, other locator) for each code that another person bears already.
    """
    news = list(dict.fromkeys(bearers))
    known = {row.tag: row.locator for row in CODES_IN_USE.get_many(tx, "tag", [t for t, _ in news])}
    new: dict[bytes, bytes] = {}
    for tag, locator in news:
        if tag not in known:
            new.setdefault(tag, locator)
    CODES_IN_USE.add(tx, *[CodeInUse(tag, locator) for tag, locator in new.items()])
    known |= new
    return [(tag, locator, known[tag]) for tag, locator in news if known[tag] != locator]
