"""Objection (異議の申出): a resident objects to an entry, and the agency must answer in time.

Whoever objects shows the key that opens the entry's sealed part; only its resident has it. The
objection is a leaf of the public log, and so is the answer; what both say is sealed beside them,
for the resident and the agency alone. An answer that does not come in time is overdue, and all
can see it.
"""

from datetime import date, timedelta
from typing import Final, Literal

import msgspec

from jukinet.errors import Malformed
from jukinet.law.inquiry import UNREADABLE
from jukinet.law.leaf import BODY_TEXT_MAX, Words
from jukinet.law.personal import Personal

ANSWER_DAYS: Final = 30

Outcome = Literal["upheld", "explained", "rejected"]


class ObjectionAnswer(Personal, frozen=True, kw_only=True):
    """What an agency answers to an objection; it signs these bytes."""

    objection: int  # index of the objection's leaf
    outcome: Outcome
    official: str
    text: str

    def encode(self) -> bytes:
        """The bytes that the agency signs."""
        return _encode(self)


def answer_by(today: date) -> date:
    """The last day on which an objection of today is answered in time."""
    return today + timedelta(days=ANSWER_DAYS)


def words(official: str, text: str) -> Words:
    """What stands sealed beside a leaf; Malformed where there is nothing, or no room for it."""
    said = Words(official=official, text=text)
    if not text.strip():
        raise Malformed("text: say in a sentence what is wrong, or what is answered")
    if len(said.encode()) > BODY_TEXT_MAX:
        raise Malformed(
            f"text: it has room for about {BODY_TEXT_MAX - 60} bytes (a kanji takes three); "
            "say it shorter, or write to the agency besides"
        )
    return said


def decode(content: bytes) -> ObjectionAnswer:
    """The answer that an agency signed, or Malformed."""
    try:
        return _decode(content)
    except UNREADABLE:
        raise Malformed("answer: these bytes are no answer to an objection") from None


_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_decode = msgspec.msgpack.Decoder(ObjectionAnswer).decode
