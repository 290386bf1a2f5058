"""Transfer (転出証明書情報, 転入通知): what one town tells another when a person moves.

A letter goes town to town through the centre's relay, sealed to the receiving town's key: the
centre carries it and cannot read it. These letters hold more than six items because the law's own
certificate does (Order, art. 23); they go nowhere else. docs/leaving.md lists every field, by test.
"""

from datetime import date

from jukinet.law.identity import Attachment, Name, Sex
from jukinet.law.personal import Personal
from jukinet.law.protection import SupportMeasure
from jukinet.law.record import FamilyRegister, Foreigner
from jukinet.names.era import PartialDate
from jukinet.numbers.individual_number import IndividualNumber
from jukinet.numbers.resident_code import ResidentCode


class TransferCertificate(Personal, frozen=True, kw_only=True, tag="transfer_certificate"):
    """The move-out certificate's content (転出証明書情報), from the former town to the new one.

    `version` is the person version after the former town's deletion, so that the new town's entry
    is the higher one whichever notice reaches the centre first. `asked_as` is the code by which the
    new town asked, where the person has had another one since.
    """

    name: Name
    birth_date: PartialDate
    sex: Sex
    code: ResidentCode
    individual_number: IndividualNumber | None
    family_register: FamilyRegister | None
    foreigner: Foreigner | None
    former_address: str
    planned_on: date
    attachment: Attachment
    version: int
    measures: tuple[SupportMeasure, ...]
    asked_as: ResidentCode | None = None


class TransferRequest(Personal, frozen=True, kw_only=True, tag="transfer_request"):
    """The new town asks for a certificate that has not come (転出証明書情報の請求)."""

    code: ResidentCode
    birth_date: PartialDate
    moved_on: date


class MoveInNotice(Personal, frozen=True, kw_only=True, tag="move_in_notice"):
    """The notice of the move-in (転入通知, art. 9), from the new town to the former one."""

    locator: bytes
    moved_on: date


class MoveInWithdrawn(Personal, frozen=True, kw_only=True, tag="move_in_withdrawn"):
    """The move-in was cancelled in the new town: the former town's record lives again."""

    locator: bytes


class MeasuresNotice(Personal, frozen=True, kw_only=True, tag="measures_notice"):
    """Support measures of a person, for the town that keeps the former record."""

    locator: bytes
    measures: tuple[SupportMeasure, ...]


class TransferRefused(Personal, frozen=True, kw_only=True, tag="transfer_refused"):
    """The former town has no planned move-out for that code: the clerk must ask there."""

    code: ResidentCode


class TransferWithdrawn(Personal, frozen=True, kw_only=True, tag="transfer_withdrawn"):
    """The planned move-out was cancelled: the certificate counts no more."""

    locator: bytes


Letter = (
    TransferCertificate
    | TransferRequest
    | TransferRefused
    | TransferWithdrawn
    | MoveInNotice
    | MoveInWithdrawn
    | MeasuresNotice
)
