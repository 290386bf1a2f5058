"""Letter of a code (住民票コード通知票): tells one person the own code, and nobody else.

One A4 sheet a person, never one a household, folded in three like a Z into an envelope with a
window. The outer third shows where it goes and the letter's number; the code stands on the inner
third, and neither the back of the sheet nor the third that lies against it is white where the code
stands: both bear a pattern, since letters of 2002 could be read against the light. Whom a support
measure hides gets no letter by post: that sheet bears no address and waits at the desk.

Each sheet is made from one record alone and bears one number in both places, so that whoever folds
can see that address and code belong together.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from jukinet.errors import Damaged
from jukinet.keys.seal import OpenKey, SealKey
from jukinet.law.personal import Personal
from jukinet.law.record import Record, written_out
from jukinet.tasks.papers import TEMPLATES
from jukinet.tasks.papers.wording import Both, day

CONTEXT: Final = b"jukinet code letters v1\x00"


class Why(StrEnum):
    """Why a letter is written."""

    GIVEN = "given"  # the first code of a record
    ON_REQUEST = "on_request"
    INCIDENT = "incident"


class CodeLetter(Personal, frozen=True, kw_only=True):
    """What one letter says; `postal_code` and `address` are empty where it waits at the desk."""

    number: str  # of the letter: on both thirds, and no number of the person
    town: str  # its name
    name: str
    postal_code: str
    address: str
    code: str
    why: Why
    on: date
    at_desk: bool


class Letters(Personal, frozen=True, kw_only=True):
    """The letters of one town, as they are sealed for whoever prints them."""

    format: int = 1
    town: str  # its code
    letters: tuple[CodeLetter, ...]


def letter_of(record: Record, *, number: str, town: str, why: Why, on: date) -> CodeLetter:
    """The letter of one record."""
    at_desk = record.hidden
    return CodeLetter(
        number=number,
        town=town,
        name=record.name.legal.text,
        postal_code="" if at_desk else record.address.postal_code,
        address="" if at_desk else written_out(record.address),
        code=record.code.digits,
        why=why,
        on=on,
        at_desk=at_desk,
    )


def letters_of(
    records: Iterable[Record], *, series: str, town: str, why: Why, on: date
) -> Iterator[CodeLetter]:
    """The letters of some records, numbered in their series."""
    for place, record in enumerate(records, start=1):
        yield letter_of(record, number=f"{series}-{place:06d}", town=town, why=why, on=on)


def letters_page(letters: Sequence[CodeLetter]) -> str:
    """Letters as HTML: two pages each, the sheet and its back."""
    return TEMPLATES.get_template("code_letter.html").render(
        letters=[(one, day(one.on), _WHY[one.why], grouped(one.code)) for one in letters]
    )


def grouped(code: str) -> str:
    """A code as it is read out: four, four, three.

    >>> grouped("12345678903")
    '1234 5678 903'
    """
    return f"{code[:4]} {code[4:8]} {code[8:]}"


def sealed_letters(letters: Letters, key: SealKey) -> bytes:
    """The letters' data, for one printer's key; bound to the town."""
    return key.seal(msgspec.json.encode(letters), context=CONTEXT + letters.town.encode())


def opened_letters(sealed: bytes, town: str, key: OpenKey) -> Letters:
    """The same, opened by whoever prints; raises Damaged."""
    content = key.open(sealed, context=CONTEXT + town.encode())
    try:
        return msgspec.json.decode(content, type=Letters)
    except msgspec.MsgspecError:
        raise Damaged("letters: what was sealed is none") from None


_WHY: Final = {
    Why.GIVEN: Both(
        "住民票を作成し、住民票コードを記載しましたのでお知らせします（住民基本台帳法第30条の3）。",
        "A resident record was made for you; it bears this code (Act, art. 30-3).",
    ),
    Why.ON_REQUEST: Both(
        "ご請求により住民票コードを変更しましたのでお知らせします（住民基本台帳法第30条の4）。"
        "前のコードは使えません。",
        "Your code was changed on your request (Act, art. 30-4). The former one counts no more.",
    ),
    Why.INCIDENT: Both(
        "住民票コードが他に知られたおそれのある出来事があったため、職権で変更しました。"
        "前のコードは使えません。お手続は必要ありません。",
        "Your former code may have become known to others, so it was changed ex officio. "
        "The former one counts no more; you need do nothing.",
    ),
}
