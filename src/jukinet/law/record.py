"""Resident record (住民票), household (世帯), relationship (続柄), retention.

The record holds what article 7 lists, as far as the network needs it; the insurance and pension
items stay in the town's other registers. A record is never built by hand: it is the fold of the
entries of the book (`register.book`). A deleted record (除票) is kept 150 years (Order, art. 34).
"""

from datetime import date
from enum import StrEnum

from jukinet.errors import Malformed
from jukinet.law.identity import Attachment, Identification, Name, Sex
from jukinet.law.personal import Personal
from jukinet.law.protection import SupportMeasure
from jukinet.names.address import Address
from jukinet.names.era import PartialDate
from jukinet.numbers.individual_number import IndividualNumber
from jukinet.numbers.municipality_code import MunicipalityCode, municipality
from jukinet.numbers.resident_code import ResidentCode

DELETED_RECORD_RETENTION_YEARS = 150

HEAD = "世帯主"
STEPS = frozenset(
    (
        *(HEAD, "夫", "妻", "夫(未届)", "妻(未届)", "子", "父", "母", "養子", "養父", "養母"),
        *("兄", "弟", "姉", "妹", "兄弟姉妹", "祖父", "祖母", "曾祖父", "曾祖母", "孫"),
        *("甥", "姪", "叔父", "叔母", "伯父", "伯母", "配偶者", "縁故者", "同居人"),
    )
)


class Relationship(Personal, frozen=True):
    """A relationship to the head (続柄): `世帯主`, or a chain such as `子の妻`."""

    text: str

    @property
    def is_head(self) -> bool:
        """Whether this is the head (世帯主)."""
        return self.text == HEAD


def parse_relationship(text: str) -> Relationship:
    """Read a relationship, at most four steps joined by の, or raise Malformed.

    >>> parse_relationship("子の妻").is_head
    False
    >>> parse_relationship("隣人")
    Traceback (most recent call last):
    ...
    jukinet.errors.Malformed: relationship: want 世帯主 or steps such as 妻, 子, 子の妻 (art. 7 iv)
    """
    steps = text.replace("（", "(").replace("）", ")").split("の")
    if not 1 <= len(steps) <= 4 or any(step not in STEPS for step in steps) or HEAD in steps[1:]:
        raise Malformed("relationship: want 世帯主 or steps such as 妻, 子, 子の妻 (art. 7 iv)")
    return Relationship(text="の".join(steps))


def written_out(address: Address) -> str:
    """An address as papers have it, with prefecture and municipality in front."""
    place = municipality(MunicipalityCode(address.municipality))
    return f"{place.full_name}{address.one_line}"


class FamilyRegister(Personal, frozen=True, kw_only=True):
    """Where a citizen's family register is kept (本籍) and who stands first in it (筆頭者)."""

    place: str
    first_named: str


class ResidentClass(StrEnum):
    """The four classes of foreign residents (Act, art. 30-45)."""

    MID_LONG_TERM = "mid_long_term"  # 中長期在留者
    SPECIAL_PERMANENT = "special_permanent"  # 特別永住者
    PROVISIONAL = "provisional"  # 一時庇護許可者, 仮滞在許可者
    TRANSITIONAL = "transitional"  # 経過滞在者, at most 60 days


class Foreigner(Personal, frozen=True, kw_only=True):
    """What a foreign resident's record has in the place of a family register (art. 30-45).

    Status and period stay in the town; nothing of this leaves it.
    """

    nationality: str
    resident_class: ResidentClass
    status: str = ""
    period_until: date | None = None
    card_number: str = ""


class DeletionCause(StrEnum):
    """Why a record was deleted (消除の事由)."""

    MOVED_OUT = "moved_out"  # 転出
    DIED = "died"  # 死亡
    EX_OFFICIO = "ex_officio"  # 職権消除
    NEVER_WAS = "never_was"  # 異動の取消: the entry itself was taken back
    UNITED = "united"  # 二重登録の統合: another record of the same person is kept


class Deletion(Personal, frozen=True, kw_only=True):
    """When and why a record was deleted, and where a person who moved out went.

    Of a record that was united with another one of the same person, `kept` is that one's locator.
    """

    cause: DeletionCause
    on: date
    destination: MunicipalityCode | None = None
    kept: bytes = b""


class PlannedMoveOut(Personal, frozen=True, kw_only=True):
    """A move-out that was notified beforehand (転出予定, art. 24): a deletion that is planned.

    It ends when the new town's notice of the move-in comes (or on the day, where the person
    leaves the country), when it is cancelled, or it stands as overdue.
    """

    on: date
    destination: MunicipalityCode | None  # None: abroad
    filed_as: str  # the notification that planned it


class Record(Personal, frozen=True, kw_only=True):
    """One person's resident record (住民票) on some day, as known on some day."""

    number: int  # the town's own record number (宛名番号); it never leaves the town
    code: ResidentCode
    individual_number: IndividualNumber | None
    name: Name
    birth_date: PartialDate
    sex: Sex
    address: Address
    household: int
    relationship: Relationship
    resident_since: date
    address_since: date
    previous_address: str = ""
    family_register: FamilyRegister | None = None
    foreigner: Foreigner | None = None
    planned: PlannedMoveOut | None = None
    deleted: Deletion | None = None
    measures: tuple[SupportMeasure, ...] = ()
    attachment: Attachment | None = None  # None: entered while the former town was not to be had
    former_town: MunicipalityCode | None = None
    version: int = 0  # the person version: raised by every entry, moves with the person

    @property
    def live(self) -> bool:
        """Whether the person is a resident of this town by this record."""
        return self.deleted is None

    @property
    def kept(self) -> bytes:
        """The locator of the record that is kept, where this one was united with it; else none."""
        return self.deleted.kept if self.deleted else b""

    @property
    def is_head(self) -> bool:
        """Whether the person is the head of the household."""
        return self.relationship.is_head

    @property
    def hidden(self) -> bool:
        """Whether a support measure hides the person from everybody who asks."""
        return any(measure.hides for measure in self.measures)

    @property
    def identification(self) -> Identification:
        """The six items, and nothing else, of this record."""
        return Identification(
            name=self.name,
            birth_date=self.birth_date,
            sex=self.sex,
            address=self.address,
            code=self.code,
            individual_number=self.individual_number,
        )
