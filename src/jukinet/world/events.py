"""Events (異動): what happened to whom, when, and who came to say so, in a false world.

An event is what a desk learns on one day, its `notice_date`; the day on which it happened is its
`event_date`. `records` are the persons whose record reads differently afterwards, as it then
reads: replacing these, and taking away those that `gone` names, turns the world of the morning
into that of the evening. Persons and households are numbers of the world.

>>> home = Correction(
...     key="2025-04-01/1", town="131016", who="office", proof="office_paper", persons=(7,),
...     event_date=date(2025, 4, 1), notice_date=date(2025, 4, 1), item="address", household=3,
... )
>>> gone(home), home.appeared is None
((), True)
"""

from dataclasses import dataclass, field
from datetime import date

from jukinet.world.people import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """What every event has.

    `key` is unique in a world and the same for the same seed. `town` is where it is notified, six
    digits; a record may lie in another town, see its address. `who` appeared: "self", "household",
    "proxy" or "office" (ex officio, or another office's notice), and `appeared` is that person's
    id, None for proxies and offices. `proof` is how identity was proved: "number_card",
    "driving_licence", "passport", "residence_card", "two_papers" or "office_paper". `persons` are
    those whom the event is about.
    """

    key: str
    town: str
    event_date: date
    notice_date: date
    who: str
    proof: str
    persons: tuple[int, ...]
    appeared: int | None = None
    records: tuple[Person, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth(Occurrence):
    """Birth (出生): `persons` is the child; the household is the mother's."""

    household: int
    mother: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Death(Occurrence):
    """Death (死亡). `new_head` is named at once, or is the only one left of fifteen or more.

    `head_open`: nobody is 世帯主 until a HouseholdChange names one.
    """

    household: int
    new_head: int | None = None
    head_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOut(Occurrence):
    """Move-out to another town (転出届): a plan; `event_date` is the planned day.

    The persons stay in this town's book until the MoveIn that names this key, which may be in a
    third town, or until a Cancellation.
    """

    household: int
    to_town: str
    to_address: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveIn(Occurrence):
    """Move-in from another town (転入届): the persons leave the book of `from_town` by it.

    `joined`: the household was there before. `head_open` tells of the household left behind;
    where one person of fifteen or more is left, `records` shows him or her as its head.
    """

    household: int
    joined: bool
    from_town: str
    from_household: int
    move_out: str
    head_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveAbroad(Occurrence):
    """Move abroad (国外転出): a plan; the persons are gone on `event_date` if that is later."""

    household: int
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival(Occurrence):
    """Move-in from abroad (国外転入). `returning`: they were residents before, by the same ids."""

    household: int
    country: str
    returning: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveInside(Occurrence):
    """Move inside the town (転居): `from_household` is `household` where all of it moves."""

    household: int
    from_household: int
    joined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdChange(Occurrence):
    """Change of household (世帯変更). `kind` is "head", "split" (`household` is new) or "merge"."""

    kind: str
    household: int
    from_household: int
    new_head: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Marriage(Occurrence):
    """Marriage (婚姻): `persons` are husband and wife; their records may lie in two towns.

    `renamed` is whose surname changed, None for nobody's.
    """

    renamed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Divorce(Occurrence):
    """Divorce (離婚): `persons` are husband and wife; `renamed` has an earlier surname again."""

    renamed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NameChange(Occurrence):
    """Another change of name.

    `cause` is "adoption" (養子縁組), "surname" (氏の変更), "given name" (名の変更), "alias"
    (通称の記載・変更) or "former surname" (旧氏の記載).
    """

    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Naturalisation(Occurrence):
    """Naturalisation (帰化): a citizen's record, with a new name and a family register."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossOfNationality(Occurrence):
    """Loss of nationality (国籍喪失): a foreign resident's record, transitional for 60 days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange(Occurrence):
    """Notice of the Minister of Justice (法務省通知): `kind` is "renewed", "changed" or "first"."""

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeChange(Occurrence):
    """Request for another resident record code (住民票コードの変更請求).

    `after_measure`: asked for since support measures began.
    """

    after_measure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportMeasure(Occurrence):
    """Support measures (支援措置) for `persons`: `step` is "begin", "renew" or "end"."""

    step: str
    ground: str = field(repr=False)
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction(Occurrence):
    """Ex officio correction (職権修正) of `item`, always "address": a mistyped block number."""

    item: str
    household: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion(Occurrence):
    """Ex officio deletion (職権消除) after a survey: nobody lives there."""

    household: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReRegistration(Occurrence):
    """Restoration (回復) of a record deleted ex officio: same town, address and person."""

    household: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation(Occurrence):
    """Cancellation (異動の取消) of the event with the key `of`, a MoveOut or a MoveInside."""

    of: str


Event = (
    Birth
    | Death
    | MoveOut
    | MoveIn
    | MoveAbroad
    | Arrival
    | MoveInside
    | HouseholdChange
    | Marriage
    | Divorce
    | NameChange
    | Naturalisation
    | LossOfNationality
    | StatusChange
    | CodeChange
    | SupportMeasure
    | Correction
    | Deletion
    | ReRegistration
    | Cancellation
)
"""Any event of a world."""


def gone(event: Event) -> tuple[int, ...]:
    """Who is no resident of any town by this event: at once, or on the day of a move abroad."""
    return event.persons if isinstance(event, Death | Deletion | MoveAbroad) else ()
