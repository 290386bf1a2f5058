"""Certificates (転出証明書情報): what goes with a person whose move-out is planned.

A certificate goes to the destination as soon as a move-out is planned, and again whenever it reads
differently since; it is withdrawn when the person is not going there any more. Both follow from
the record before and after, whatever the notification was.
"""

from datetime import date

from jukinet.law.record import DeletionCause, Record, written_out
from jukinet.law.transfer import Letter, TransferCertificate, TransferWithdrawn
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.numbers.resident_code import ResidentCode

RESIDENCE = 1 << 20  # a person version is residence * RESIDENCE + entry


def next_residence(version: int) -> int:
    """The first person version of the next residence: above all that this town will ever give.

    >>> next_residence(RESIDENCE + 3) == 2 * RESIDENCE
    True
    """
    return (version // RESIDENCE + 1) * RESIDENCE


def certificate_of(
    record: Record, *, asked_as: ResidentCode | None = None
) -> TransferCertificate | None:
    """The move-out certificate of a record whose move-out is planned or done (Order, art. 23).

    None where there is none to give: no move-out stands, the record's own attachment has not come
    yet, or the person died. `asked_as` is the code by which the other town asked.
    """
    day = _moving_out_on(record)
    if day is None or record.attachment is None:
        return None
    return TransferCertificate(
        name=record.name,
        birth_date=record.birth_date,
        sex=record.sex,
        code=record.code,
        individual_number=record.individual_number,
        family_register=record.family_register,
        foreigner=record.foreigner,
        former_address=written_out(record.address),
        planned_on=day,
        attachment=record.attachment,
        version=next_residence(record.version),
        measures=record.measures,
        asked_as=asked_as if asked_as != record.code else None,
    )


def _moving_out_on(record: Record) -> date | None:
    if record.deleted is None:
        return record.planned.on if record.planned else None
    if record.deleted.cause in (DeletionCause.MOVED_OUT, DeletionCause.EX_OFFICIO):
        return record.deleted.on
    return None


def letters(before: Record | None, after: Record) -> list[tuple[MunicipalityCode, Letter]]:
    """The certificate that goes out with a change of a record, or its withdrawal."""
    was = _bound_for(before) if before else None
    now = _bound_for(after)
    found: list[tuple[MunicipalityCode, Letter]] = []
    if was and was != (now or _arrived_at(after)):
        assert before is not None
        assert before.attachment is not None
        found.append((was, TransferWithdrawn(locator=before.attachment.locator)))
    if now:
        certificate = certificate_of(after)
        assert certificate is not None
        if before is None or was != now or certificate_of(before) != certificate:
            found.append((now, certificate))
    return found


def _bound_for(record: Record) -> MunicipalityCode | None:
    """The town to which a certificate of this record has gone, or is to go."""
    if record.deleted or record.planned is None or record.attachment is None:
        return None
    return record.planned.destination


def _arrived_at(record: Record) -> MunicipalityCode | None:
    return record.deleted.destination if record.deleted else None
