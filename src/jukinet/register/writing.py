"""Writing (記載): everything that an accepted notification amounts to, in one transaction.

What leaves the town because of it (notices, letters) is the node's to add in the same transaction.
"""

from collections.abc import Mapping
from datetime import date

import msgspec

from jukinet.law import notification as law
from jukinet.register import book, codes, transfers
from jukinet.register.worksheet import Accepted
from jukinet.store.engine import Transaction


def write(
    tx: Transaction,
    notification: law.Notification,
    accepted: Accepted,
    *,
    today: date,
    drawn: Mapping[str, codes.CodeRow],
) -> None:
    """Entries, the records and households as they then stand, codes, certificates, the filing.

    `drawn` are the rows of the pool from which codes were drawn for it, as they stand there.
    """
    number = notification.filed.number
    book.append(tx, accepted.entries)
    book.put(tx, accepted.after, accepted.last_events)
    book.put_households(tx, accepted.households)
    codes.hold(tx, accepted.bearers, drawn)
    for code in accepted.released:
        codes.release(tx, code)
    for code in accepted.used:
        transfers.use(tx, code.digits)
    book.FILINGS.add(
        tx,
        book.FilingRow(
            number=number,
            kind=accepted.entries[0].cause,
            recorded_on=today.isoformat(),
            late=int(accepted.late),
            cancelled_by="",
            persons=_encode((accepted.persons, homes(accepted))),
            content=content_of(notification),
        ),
    )
    if isinstance(notification, law.Cancellation):
        cancelled = book.FILINGS.get(tx, notification.cancels)
        assert cancelled is not None
        book.FILINGS.put(tx, cancelled._replace(cancelled_by=number))


def homes(accepted: Accepted) -> tuple[int, ...]:
    """The household that each of the persons touched is in by a notification."""
    return tuple(accepted.after[person].household for person in accepted.persons)


def content_of(notification: law.Notification) -> bytes:
    """The bytes as which a notification is kept; the same twice means the same notification."""
    return _encode(notification)


def touched_by(row: book.FilingRow) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The records that a filing touched, and the household of each."""
    return _decode(row.persons)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[tuple[int, ...], tuple[int, ...]]).decode
