"""Notification (届出) or ex officio act (職権): what happened, when, and who said so.

One class for each kind that facts of life take at a desk (Act, arts. 8, 22-25, 30-4; notices of the
family register and of the Ministry of Justice). Each carries `filed`: its number at the desk, the
day of the event (異動日), the day of the notification (届出日), who appeared and how identity was
proved. The same number twice is the same notification.
"""

from datetime import date
from enum import StrEnum

from jukinet.law.identity import Attachment, Name, Sex
from jukinet.law.personal import Personal
from jukinet.law.protection import SupportMeasure, Threat
from jukinet.law.record import FamilyRegister, Foreigner, Relationship
from jukinet.names.address import Address
from jukinet.names.era import PartialDate
from jukinet.numbers.individual_number import IndividualNumber
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.numbers.resident_code import ResidentCode


class Who(StrEnum):
    """Who appeared at the desk."""

    SELF = "self"  # 本人
    HOUSEHOLD = "household"  # 世帯員
    PROXY = "proxy"  # 代理人
    OFFICE = "office"  # 職権, other office's notice


class Proof(StrEnum):
    """How whoever appeared proved who they are (本人確認)."""

    NUMBER_CARD = "number_card"  # 個人番号カード
    DRIVING_LICENCE = "driving_licence"  # 運転免許証
    PASSPORT = "passport"  # 旅券
    RESIDENCE_CARD = "residence_card"  # 在留カード
    TWO_PAPERS = "two_papers"  # 二点確認
    OFFICE_PAPER = "office_paper"  # 公文書


class Filed(Personal, frozen=True, kw_only=True):
    """What every notification says of itself."""

    number: str
    event_date: date
    notice_date: date
    who: Who = Who.SELF
    proof: Proof = Proof.NUMBER_CARD


class Entrant(Personal, frozen=True, kw_only=True):
    """A person to be entered: everything that a new record needs from the paper at the desk."""

    name: Name
    birth_date: PartialDate
    sex: Sex
    relationship: Relationship
    family_register: FamilyRegister | None = None
    foreigner: Foreigner | None = None
    code: ResidentCode | None = None  # the code that the person had before; None: has none yet
    individual_number: IndividualNumber | None = None
    resident_since: date | None = None  # import only: older than the entry
    address_since: date | None = None
    previous_address: str = ""
    measures: tuple[SupportMeasure, ...] = ()


class Placement(Personal, frozen=True, kw_only=True):
    """Where a person stands after a change: in which household, as what."""

    person: int
    relationship: Relationship
    household: int | None = None  # None: all such placements of a notification make one new one


class MoveIn(Personal, frozen=True, kw_only=True, tag="move_in"):
    """Move-in (転入, art. 22), within 14 days after; from another town or from abroad."""

    filed: Filed
    movers: tuple[Entrant, ...]
    address: Address
    household: int | None  # None: a new household
    came_from: MunicipalityCode | None  # None: from abroad


class MoveInside(Personal, frozen=True, kw_only=True, tag="move_inside"):
    """Move inside the town (転居, art. 23), within 14 days after."""

    filed: Filed
    placements: tuple[Placement, ...]
    address: Address
    staying: tuple[Placement, ...] = ()  # of those left behind, who stands otherwise now


class MoveOut(Personal, frozen=True, kw_only=True, tag="move_out"):
    """Move-out (転出, art. 24), beforehand: the event date is the planned day."""

    filed: Filed
    persons: tuple[int, ...]
    destination: MunicipalityCode | None  # None: abroad


class HouseholdChange(Personal, frozen=True, kw_only=True, tag="household_change"):
    """Change of household or head (世帯変更, art. 25), within 14 days after."""

    filed: Filed
    placements: tuple[Placement, ...]


class Birth(Personal, frozen=True, kw_only=True, tag="birth"):
    """Birth (出生): a new record with a new code in a household of the town."""

    filed: Filed
    child: Entrant
    household: int


class Death(Personal, frozen=True, kw_only=True, tag="death"):
    """Death (死亡), by the family register's notice. A new head may be named at once."""

    filed: Filed
    person: int
    placements: tuple[Placement, ...] = ()


class ExOfficioEntry(Personal, frozen=True, kw_only=True, tag="ex_officio_entry"):
    """Ex officio entry (職権記載, art. 8), after a survey or with the first filling of a book."""

    filed: Filed
    entrants: tuple[Entrant, ...]
    address: Address
    household: int | None


class ExOfficioCorrection(Personal, frozen=True, kw_only=True, tag="ex_officio_correction"):
    """Ex officio correction (職権修正, art. 8): what was written wrongly, put right."""

    filed: Filed
    person: int
    name: Name | None = None
    birth_date: PartialDate | None = None
    sex: Sex | None = None
    address: Address | None = None
    relationship: Relationship | None = None
    family_register: FamilyRegister | None = None


class ExOfficioDeletion(Personal, frozen=True, kw_only=True, tag="ex_officio_deletion"):
    """Ex officio deletion (職権消除, art. 8): a survey found that nobody lives there."""

    filed: Filed
    person: int
    placements: tuple[Placement, ...] = ()


class DoubleRegistration(Personal, frozen=True, kw_only=True, tag="double_registration"):
    """Two records of one person united (二重登録の統合, art. 8): `person` goes, `kept` stays.

    Both are of this town; one of another town is brought here first, by a move-in.
    """

    filed: Filed
    person: int
    kept: int
    placements: tuple[Placement, ...] = ()


class NameCause(StrEnum):
    """Why a name changes; it stays in the town (what leaves says only "correction")."""

    MARRIAGE = "marriage"  # 婚姻
    DIVORCE = "divorce"  # 離婚
    ADOPTION = "adoption"  # 養子縁組
    OTHER = "other"  # 氏の変更, 名の変更, 旧氏・通称の記載等


class NameChange(Personal, frozen=True, kw_only=True, tag="name_change"):
    """Change of name (氏名の変更), by the family register's notice or on request (旧氏, 通称)."""

    filed: Filed
    person: int
    name: Name
    cause: NameCause
    family_register: FamilyRegister | None = None


class Naturalisation(Personal, frozen=True, kw_only=True, tag="naturalisation"):
    """Naturalisation (帰化) or acquisition of nationality: a citizen's record, the same code."""

    filed: Filed
    person: int
    name: Name
    family_register: FamilyRegister


class LossOfNationality(Personal, frozen=True, kw_only=True, tag="loss_of_nationality"):
    """Loss of nationality (国籍喪失): a foreign resident's record, the same code."""

    filed: Filed
    person: int
    name: Name
    foreigner: Foreigner


class StatusChange(Personal, frozen=True, kw_only=True, tag="status_change"):
    """A foreign resident's status or period (在留資格, 在留期間), by the Ministry of Justice."""

    filed: Filed
    person: int
    foreigner: Foreigner


class CodeChange(Personal, frozen=True, kw_only=True, tag="code_change"):
    """Change of the code (住民票コードの変更, art. 30-4): at any time, no reason asked."""

    filed: Filed
    person: int
    ex_officio: bool = False


class ReRegistration(Personal, frozen=True, kw_only=True, tag="re_registration"):
    """Restoration of a deleted record (回復): the same record, the same code."""

    filed: Filed
    person: int
    placement: Placement


class MeasureStep(StrEnum):
    """What is done with a support measure."""

    BEGIN = "begin"
    RENEW = "renew"
    END = "end"


class MeasureRequest(Personal, frozen=True, kw_only=True, tag="measure_request"):
    """Support measures (支援措置の申出) begun, renewed or ended for a person and co-residents."""

    filed: Filed
    persons: tuple[int, ...]
    step: MeasureStep
    threat: Threat = Threat.VIOLENCE
    until: date | None = None  # the last day; needed to begin and to renew


class Cancellation(Personal, frozen=True, kw_only=True, tag="cancellation"):
    """Cancellation of a notification (異動の取消): reversing entries, never an erasure."""

    filed: Filed
    cancels: str


class MovedInElsewhere(Personal, frozen=True, kw_only=True, tag="moved_in_elsewhere"):
    """The new town's notice that a person moved in there (転入通知, art. 9): deletes the record."""

    filed: Filed
    person: int
    town: MunicipalityCode
    address_known: bool = True


class MoveOutDue(Personal, frozen=True, kw_only=True, tag="move_out_due"):
    """The planned day of a move abroad has come (転出予定日の到来): deletes the records."""

    filed: Filed
    persons: tuple[int, ...]


class AttachmentArrived(Personal, frozen=True, kw_only=True, tag="attachment_arrived"):
    """The former town's certificate came after the move-in: the attachment is entered late.

    `code` is the one that the person has had since the paper that was shown at the desk.
    """

    filed: Filed
    person: int
    attachment: Attachment
    version: int
    code: ResidentCode | None = None
    individual_number: IndividualNumber | None = None
    measures: tuple[SupportMeasure, ...] = ()


class MeasuresArrived(Personal, frozen=True, kw_only=True, tag="measures_arrived"):
    """Another town's word that support measures hold for a person who lived here, too.

    Where that town has begun a fresh chain since the person moved, its attachment comes along.
    """

    filed: Filed
    person: int
    measures: tuple[SupportMeasure, ...]
    attachment: Attachment | None = None


Notification = (
    MoveIn
    | MoveInside
    | MoveOut
    | HouseholdChange
    | Birth
    | Death
    | ExOfficioEntry
    | ExOfficioCorrection
    | ExOfficioDeletion
    | DoubleRegistration
    | NameChange
    | Naturalisation
    | LossOfNationality
    | StatusChange
    | CodeChange
    | ReRegistration
    | MeasureRequest
    | Cancellation
    | MovedInElsewhere
    | MoveOutDue
    | AttachmentArrived
    | MeasuresArrived
)
