"""Transfers (転出証明書情報の控え): certificates from other towns, and what became of them.

A certificate waits for its mover at the desk; one that comes after the mover completes the record
that was entered ahead of it. A withdrawn one counts no more. Where a person's code changes before
the move, a certificate with the new one takes the older one's place, and the code that the mover's
paper has still leads to it.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from sqlalchemy import MetaData, bindparam

from jukinet.law.transfer import TransferCertificate
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.store.engine import Transaction
from jukinet.store.rows import Rows, blob, text

METADATA = MetaData()

WAITING, USED, WITHDRAWN = "waiting", "used", "withdrawn"
REPLACED = "replaced"  # by one that bears the person's newer code


class CertificateRow(NamedTuple):
    """A certificate as it came."""

    code: str
    locator: bytes
    town: str
    planned_on: str
    state: str
    content: bytes

    def __repr__(self) -> str:
        return "<CertificateRow>"


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
    """Keep a certificate; a newer one of the same person takes the older one's place.

    One of an older residence comes too late. One of the same residence, whose mover has come,
    stays used.
    """
    state = WAITING
    for row in _BY_LOCATOR.all(tx, locator=certificate.attachment.locator):
        before = _decode(row.content).version
        if before > certificate.version:
            return
        if before == certificate.version and row.state == USED:
            state = USED
        if row.code != certificate.code.digits and row.state != WITHDRAWN:
            CERTIFICATES.put(tx, row._replace(state=REPLACED))
    CERTIFICATES.put(
        tx,
        CertificateRow(
            certificate.code.digits,
            certificate.attachment.locator,
            town,
            certificate.planned_on.isoformat(),
            state,
            _encode(certificate),
        ),
    )


class Came(NamedTuple):
    """What has come from a town for some codes, by the code."""

    waiting: dict[str, TransferCertificate]
    withdrawn: frozenset[str]


def of_codes(tx: Transaction, codes: Iterable[str], town: MunicipalityCode) -> Came:
    """The certificates that a town has sent for some codes, former ones too."""
    waiting, withdrawn = {}, set()
    for stated in CERTIFICATES.get_many(tx, "code", codes):
        row = _newest(tx, stated)
        if row.town != town.digits:
            continue
        if row.state == WAITING:
            waiting[stated.code] = _decode(row.content)
        elif row.state == WITHDRAWN:
            withdrawn.add(stated.code)
    return Came(waiting, frozenset(withdrawn))


def _newest(tx: Transaction, row: CertificateRow) -> CertificateRow:
    """The certificate that has taken a replaced one's place."""
    if row.state != REPLACED:
        return row
    rows = _BY_LOCATOR.all(tx, locator=row.locator)
    return next((other for other in rows if other.state != REPLACED), row)


def all_waiting(tx: Transaction) -> list[CertificateRow]:
    """All certificates whose mover has not come yet, by planned day."""
    return _WAITING.all(tx)


def content_of(row: CertificateRow) -> TransferCertificate:
    """What a certificate says."""
    return _decode(row.content)


def use(tx: Transaction, code: str) -> None:
    """The mover has come."""
    row = CERTIFICATES.get(tx, code)
    if row is not None:
        CERTIFICATES.put(tx, row._replace(state=USED))


def withdraw(tx: Transaction, locator: bytes, town: str) -> None:
    """The town that sent it has taken it back, and the mover has not come."""
    for row in _BY_LOCATOR.all(tx, locator=locator):
        if row.state in (WAITING, REPLACED) and row.town == town:
            CERTIFICATES.put(tx, row._replace(state=WITHDRAWN))
