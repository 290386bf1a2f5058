"""Transfers (転出証明書情報の控え): certificates from other towns, and whether they were used.

A certificate waits for its mover at the desk; one that comes after the mover completes the record
that was entered ahead of it. A withdrawn one counts no more.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from sqlalchemy import MetaData, bindparam

from jukinet.law.transfer import TransferCertificate
from jukinet.store.engine import Transaction
from jukinet.store.rows import Rows, blob, text

METADATA = MetaData()

WAITING, USED, WITHDRAWN = "waiting", "used", "withdrawn"


class CertificateRow(NamedTuple):
    """A certificate as it came."""

    code: str
    locator: bytes
    town: str
    planned_on: str
    state: str
    content: bytes


CERTIFICATES = Rows(
    "certificate",
    METADATA,
    CertificateRow,
    [
        text("code", key=True),
        blob("locator"),
        text("town"),
        text("planned_on"),
        text("state"),
        blob("content"),
    ],
    indexes=[("locator",), ("state", "planned_on")],
)

_BY_LOCATOR = CERTIFICATES.query(CERTIFICATES.table.c.locator == bindparam("locator"))
_WAITING = CERTIFICATES.query(
    CERTIFICATES.table.c.state == WAITING, order_by=[CERTIFICATES.table.c.planned_on]
)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(TransferCertificate).decode


def keep(tx: Transaction, certificate: TransferCertificate, town: str) -> None:
    """Keep a certificate; a newer one of the same person takes the older one's place."""
    CERTIFICATES.put(
        tx,
        CertificateRow(
            certificate.code.digits,
            certificate.attachment.locator,
            town,
            certificate.planned_on.isoformat(),
            WAITING,
            _encode(certificate),
        ),
    )


def waiting(tx: Transaction, codes: Iterable[str]) -> dict[str, TransferCertificate]:
    """The certificates that wait for some codes."""
    rows = CERTIFICATES.get_many(tx, "code", codes)
    return {row.code: _decode(row.content) for row in rows if row.state == WAITING}


def all_waiting(tx: Transaction) -> list[CertificateRow]:
    """All certificates whose mover has not come yet, by planned day."""
    return _WAITING.all(tx)


def use(tx: Transaction, code: str) -> None:
    """The mover has come."""
    row = CERTIFICATES.get(tx, code)
    if row is not None:
        CERTIFICATES.put(tx, row._replace(state=USED))


def withdraw(tx: Transaction, locator: bytes, town: str) -> None:
    """The town that sent it has taken it back, and the mover has not come."""
    for row in _BY_LOCATOR.all(tx, locator=locator):
        if row.state == WAITING and row.town == town:
            CERTIFICATES.put(tx, row._replace(state=WITHDRAWN))
