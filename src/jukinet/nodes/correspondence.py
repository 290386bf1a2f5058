"""Correspondence (文通): what a town does with the letters of other towns.

Each letter becomes a notification like any other, filed by the office itself under the letter's
own number, so that a letter that is read twice is done once. What cannot be done without a clerk
is set aside, in words that name record and town and nobody.
"""

from datetime import date
from typing import NamedTuple

import msgspec

from jukinet.errors import JukinetError
from jukinet.keys.seal import OpenKey
from jukinet.law import notification as law
from jukinet.law.record import DeletionCause, Record
from jukinet.law.transfer import (
    Letter,
    MeasuresNotice,
    MoveInNotice,
    MoveInWithdrawn,
    TransferCertificate,
    TransferRefused,
    TransferRequest,
    TransferWithdrawn,
)
from jukinet.names.era import PartialDate
from jukinet.nodes.keyring import Directory
from jukinet.nodes.letters import Relayed, open_letter
from jukinet.nodes.reception import LETTER, Reception, by_office
from jukinet.nodes.telling import Teller
from jukinet.numbers.municipality_code import MunicipalityCode, same_city
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register import book, codes, transfers
from jukinet.register.certificates import certificate_of
from jukinet.register.entries import EntryKind, standing
from jukinet.register.measures import together
from jukinet.store.engine import Transaction


class Mail(NamedTuple):
    """A letter that is being read: in which transaction, from whom, and when."""

    tx: Transaction
    town: MunicipalityCode
    number: str
    today: date

    def filed(self, event_date: date | None = None, part: str = "") -> law.Filed:
        """How what the letter means is filed."""
        return by_office(self.number + part, event_date or self.today, self.today)


class Letterbox:
    """Reads letters, each in the transaction of the feed item that brought it."""

    def __init__(
        self,
        town: MunicipalityCode,
        *,
        opening: OpenKey,
        directory: Directory,
        reception: Reception,
        teller: Teller,
    ) -> None:
        self.set_aside: list[str] = []  # for the clerk
        self._town = town
        self._opening = opening
        self._directory = directory
        self._reception = reception
        self._teller = teller

    def receive(self, tx: Transaction, body: bytes, number: int, today: date) -> None:
        """Act on one letter; one that does not open harms no other that follows it."""
        try:
            relayed = _decode_relayed(body)
            letter = open_letter(relayed, self._town.digits, self._opening, self._directory)
        except (JukinetError, msgspec.MsgspecError):
            self.set_aside.append(f"letter {number}: it does not open; have its town send it anew")
            return
        town = MunicipalityCode(relayed.sender)
        self.read(Mail(tx, town, f"{LETTER}{town.digits}/{number}", today), letter)

    def read(self, mail: Mail, letter: Letter) -> None:
        """Act on a letter that was opened."""
        if isinstance(letter, TransferCertificate):
            self._certificate(mail, letter)
        elif isinstance(letter, TransferRequest):
            self._teller.post(mail.town.digits, self._answer(mail, letter))
        elif isinstance(letter, TransferRefused):
            self._refused(mail, letter)
        elif isinstance(letter, TransferWithdrawn):
            transfers.withdraw(mail.tx, letter.locator, mail.town.digits)
        elif isinstance(letter, MoveInNotice):
            self._moved_in(mail, letter)
        elif isinstance(letter, MoveInWithdrawn):
            self._move_in_withdrawn(mail, letter)
        elif isinstance(letter, MeasuresNotice):
            self._measures(mail, letter)

    def _file(self, mail: Mail, *attempts: law.Notification) -> bool:
        """File what a letter means, the first form that can be; what is refused is set aside."""
        refused = self._reception.first_of(mail.tx, attempts, mail.today)
        if refused is not None:
            self.set_aside.append(f"{mail.number}: {refused.reason}")
        return refused is None

    # --- to the new town --------------------------------------------------------------------

    def _certificate(self, mail: Mail, certificate: TransferCertificate) -> None:
        """It waits for its mover, or completes the record of one who came ahead of it."""
        transfers.keep(mail.tx, certificate, mail.town.digits)
        stated = certificate.asked_as or certificate.code
        for record in _bearing(mail.tx, stated, certificate.birth_date)[:1]:
            if _awaits(record, mail.town):
                newer = certificate.asked_as is not None and record.code == stated
                arrived = law.AttachmentArrived(
                    filed=mail.filed(),
                    person=record.number,
                    attachment=certificate.attachment,
                    version=certificate.version,
                    code=certificate.code if newer else None,
                    individual_number=certificate.individual_number,
                    measures=certificate.measures,
                )
                if self._file(mail, arrived):
                    transfers.use(mail.tx, certificate.code.digits)
                return
        self._protect(mail, certificate)

    def _protect(self, mail: Mail, certificate: TransferCertificate) -> None:
        """Measures that began in the former town while the mover was registered here already."""
        for kept in book.by_locator(mail.tx, certificate.attachment.locator):
            record, theirs = kept.record, certificate.attachment
            measures = together(record.measures, certificate.measures)
            if not record.live or record.attachment is None or measures == record.measures:
                continue
            newer = theirs if theirs.epoch > record.attachment.epoch else None
            self._file(
                mail,
                law.MeasuresArrived(
                    filed=mail.filed(),
                    person=record.number,
                    measures=measures,
                    attachment=newer,
                ),
            )

    def _refused(self, mail: Mail, refused: TransferRefused) -> None:
        for kept in book.by_code(mail.tx, refused.code):
            if _awaits(kept.record, mail.town):
                self.set_aside.append(
                    f"record {kept.record.number}: town {mail.town.digits} has no move-out for "
                    "that code and birth date; ask there, or cancel the move-in (art. 22)"
                )

    # --- to the former town -----------------------------------------------------------------

    def _answer(self, mail: Mail, request: TransferRequest) -> Letter:
        """A certificate where a move-out is planned or done, else the word that none is."""
        for record in _bearing(mail.tx, request.code, request.birth_date):
            if record.live and record.planned is None and same_city(self._town, mail.town):
                # Between the wards of one city no move-out is notified (Act, art. 38).
                moved = law.MoveOut(
                    filed=mail.filed(request.moved_on),
                    persons=(record.number,),
                    destination=mail.town,
                )
                today = msgspec.structs.replace(moved, filed=mail.filed())
                if self._file(mail, moved, today):
                    record = book.records(mail.tx, [record.number])[record.number].record
            certificate = certificate_of(record, asked_as=request.code)
            if certificate is not None and _may_go_to(record, mail.town):
                return certificate
        return TransferRefused(code=request.code)

    def _moved_in(self, mail: Mail, notice: MoveInNotice) -> None:
        """The record is deleted as of the move, or of today where later events stand on record."""
        for kept in book.by_locator(mail.tx, notice.locator):
            record = kept.record
            if not record.live or record.resident_since > notice.moved_on:
                continue  # deleted already, or back since: what comes late removes nothing newer
            moved = law.MovedInElsewhere(
                filed=mail.filed(notice.moved_on), person=record.number, town=mail.town
            )
            self._file(mail, moved, msgspec.structs.replace(moved, filed=mail.filed()))

    def _move_in_withdrawn(self, mail: Mail, withdrawn: MoveInWithdrawn) -> None:
        """The move-in there was cancelled: what deleted the record here is, too."""
        for kept in book.by_locator(mail.tx, withdrawn.locator)[:1]:
            deleted = kept.record.deleted
            if deleted is None or deleted.destination != mail.town:
                continue
            entries = standing(book.entries_of(mail.tx, kept.record.number))
            deletion = [entry for entry in entries if entry.kind is EntryKind.DELETION][-1]
            self._file(mail, law.Cancellation(filed=mail.filed(), cancels=deletion.filed_as))

    def _measures(self, mail: Mail, notice: MeasuresNotice) -> None:
        """Support measures hold for the records that the person has left behind here, too."""
        for kept in book.by_locator(mail.tx, notice.locator):
            record = kept.record
            if record.live or record.measures == notice.measures:
                continue
            self._file(
                mail,
                law.MeasuresArrived(
                    filed=mail.filed(part=f"/{record.number}"),
                    person=record.number,
                    measures=notice.measures,
                ),
            )


def _bearing(tx: Transaction, code: ResidentCode, birth_date: PartialDate) -> list[Record]:
    """The records that bear or bore a code and have the birth date, newest first."""
    found = {kept.record.number: kept.record for kept in book.by_code(tx, code)}
    person = codes.bearer(tx, code)
    if person is not None and person not in found:
        found |= {number: kept.record for number, kept in book.records(tx, [person]).items()}
    newest = sorted(found.values(), key=lambda record: -record.number)
    return [record for record in newest if record.birth_date == birth_date]


def _awaits(record: Record, town: MunicipalityCode) -> bool:
    """Whether a record was entered ahead of that town's certificate."""
    never = record.deleted is not None and record.deleted.cause is DeletionCause.NEVER_WAS
    return record.attachment is None and record.former_town == town and not never


def _may_go_to(record: Record, town: MunicipalityCode) -> bool:
    """Whoever has moved in somewhere else is to be asked for there."""
    deleted = record.deleted
    return deleted is None or deleted.destination in (None, town)


_decode_relayed = msgspec.msgpack.Decoder(Relayed).decode
