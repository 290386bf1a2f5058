"""Answering (回答): an answer, a refusal or a rejection as it leaves the centre.

Answers are padded to one of a few sizes, so that a length says no more than about how much was
asked for.
"""

from typing import Final

from jukinet.disclosure import door
from jukinet.disclosure.door import Candidate, Pending
from jukinet.disclosure.pseudonyms import Issued
from jukinet.errors import JukinetError, OutOfStep, Refused
from jukinet.keys.seal import pad
from jukinet.law.inquiry import Answer, Receipt, Refusal
from jukinet.law.notice import Notice
from jukinet.nodes.message import CENTRE, Message, Rejected
from jukinet.nodes.sealing import open_payload

NOTHING_ISSUED: Final = Issued()
SIZES: Final = (1024, 4096, 16384, 65536, 262144)


def answer(pending: Pending, issued: Issued = NOTHING_ISSUED) -> Message:
    """What is given, with its receipt."""
    content = door.content(pending, issued).encode()
    size = next(size for size in SIZES if len(content) < size)
    body = Answer(nonce=pending.inquiry.nonce, content=pad(content, size), receipt=pending.receipt)
    return Message(sender=CENTRE, receiver=pending.asker, body=body)


def refusal(pending: Pending, receipt: Receipt) -> Message:
    """Why nothing is given, with the receipt of the refusal's own leaf."""
    body = Refusal(
        nonce=pending.inquiry.nonce, reason=pending.reason, rule=pending.rule, receipt=receipt
    )
    return Message(sender=CENTRE, receiver=pending.asker, body=body)


def rejection(asker: str, nonce: bytes, reason: str) -> Message:
    """Why what came is no inquiry at all; nothing is written down."""
    return Message(sender=CENTRE, receiver=asker, body=Rejected(nonce=nonce, reason=reason))


def unsealed(candidate: Candidate, key: bytes | None) -> Notice | None:
    """The notice of a candidate; None where its key was shredded.

    Raises Refused where the keepers would not open it, OutOfStep where what they opened is no
    notice: that somebody cannot be read is not the same as that nobody is there.
    """
    if not candidate.wrapped:
        return None
    if key is None:
        raise Refused("payload: the keepers would not open it; ask again", rule="not-opened")
    try:
        return open_payload(key, candidate.payload, candidate.context)
    except JukinetError:
        raise OutOfStep(f"notice of {candidate.town}: what is sealed in it is none") from None
