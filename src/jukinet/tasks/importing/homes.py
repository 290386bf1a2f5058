"""Homes (世帯の組立て): the rows of one household as one notification, or why not.

A household is entered by one ex officio entry (職権記載). A row that cannot be entered costs its
own person alone, as long as the head's row is good: the others are entered, and the row can be put
right and imported again. Without the head nobody of the household is entered, since a relationship
says nothing without the person it relates to.

What an earlier import has filed is compared, never overwritten. A row that reads as it did is there
already. One that reads otherwise is a matter for a correction at the desk (職権修正). One that is
new is added to the household only where every row of the earlier import is there unchanged, and
the household still stands as it was entered.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final, NamedTuple

from jukinet.law import notification as law
from jukinet.law.record import Record
from jukinet.names.address import Address
from jukinet.tasks.importing.resident import Fault, Resident, fits_a_notice
from jukinet.tasks.importing.staging import Reject, Staged

HOUSEHOLD_MAX: Final = 500


class Member(NamedTuple):
    """A good row of a household."""

    line: int
    resident: Resident


class Household(NamedTuple):
    """A household that can be entered: its members in the order of the file, at one address."""

    number: str
    address: Address
    members: tuple[Member, ...]


class Sorted(NamedTuple):
    """What came of a household's rows: who can be entered, and who not."""

    household: Household | None
    rejects: tuple[Reject, ...]


class Compared(NamedTuple):
    """A household beside what an earlier import filed of it."""

    there: tuple[Member, ...]
    new: tuple[Member, ...]  # rows that the earlier import did not enter
    changed: tuple[Member, ...]


def number_of(household: str, part: int = 1) -> str:
    """The number at the desk of a household's entry; parts from 2 on are later additions."""
    return f"import/{household}/{part}"


def filed_on(day: date, number: str) -> law.Filed:
    """How an entry of the import is filed: by the office itself, upon its own paper."""
    return law.Filed(
        number=number,
        event_date=day,
        notice_date=day,
        who=law.Who.OFFICE,
        proof=law.Proof.OFFICE_PAPER,
    )


def sort_out(number: str, rows: Sequence[Staged]) -> Sorted:
    """Who of a household can be entered; every row that waits comes out in one place."""
    good = [Member(row.line, row.resident) for row in rows if row.resident is not None]
    heads = [row.line for row in rows if row.head]
    if len(heads) != 1:
        return Sorted(None, _all(good, Fault("relationship", _heads(heads))))
    head = next((member for member in good if member.line == heads[0]), None)
    if head is None:
        return Sorted(None, _all(good, without_head(heads[0])))
    members: list[Member] = []
    rejects: list[Reject] = []
    for member in good:
        fault = _against(member, head, members)
        if fault is None:
            members.append(member)
        else:
            rejects.append(Reject(member.line, fault))
    if head not in members:
        return Sorted(None, (*rejects, *_all(members, without_head(head.line))))
    return Sorted(Household(number, head.resident.address, tuple(members)), tuple(rejects))


def without(household: Household, lines: Iterable[int]) -> Sorted:
    """A household without the rows on some lines; without its head there is nobody left."""
    out = set(lines)
    left = tuple(member for member in household.members if member.line not in out)
    head = next((member for member in household.members if member.resident.is_head), None)
    if head is not None and head.line in out:
        return Sorted(None, _all(left, without_head(head.line)))
    return Sorted(household._replace(members=left) if left else None, ())


def without_head(line: int) -> Fault:
    """The fault of those whose head's row is rejected."""
    return Fault(
        "relationship",
        f"the row of the head (line {line}) cannot be entered, and nobody of a household is "
        "without its head; put that row right and import the file again",
    )


def _heads(lines: Sequence[int]) -> str:
    if not lines:
        return (
            "no row of this household is its head's; give one of them 世帯主 and import the file "
            "again (art. 7 iv)"
        )
    return (
        f"lines {lines[0]} and {lines[1]} are both 世帯主; a household has one head, so give one "
        "of them a relationship to the other, or another household (art. 7 iv)"
    )


def _against(member: Member, head: Member, others: Sequence[Member]) -> Fault | None:
    """What stands against a member, beside the head and those before."""
    address, at = member.resident.address, head.resident.address
    if address != at and address.key() != at.key():
        return Fault(
            "town",
            f"another address than the head's (line {head.line}); a household lives in one home, "
            "so put the address right or give the person another household",
        )
    if not fits_a_notice(member.resident.entrant, at):
        return Fault(
            "name",
            "names and address together are longer than a notice holds; enter the person at the "
            "desk with a shorter building or alias",
        )
    twin = next((other for other in others if _twins(member.resident, other.resident)), None)
    if twin is not None:
        return Fault(
            "name",
            f"name, birth date and sex are those of line {twin.line}; leave one of the two out, "
            "or, if they are two people, enter the second at the desk",
        )
    return None


def _twins(one: Resident, other: Resident) -> bool:
    """Whether two rows are of one person, as far as rows without two codes can say."""
    a, b = one.entrant, other.entrant
    if a.code is not None and b.code is not None:
        return False
    return (a.name.legal, a.birth_date, a.sex) == (b.name.legal, b.birth_date, b.sex)


def _all(members: Sequence[Member], fault: Fault) -> tuple[Reject, ...]:
    return tuple(Reject(member.line, fault) for member in members)


# --- beside an earlier import -----------------------------------------------------------------


def compare(household: Household, filed: Sequence[law.ExOfficioEntry]) -> Compared:
    """The rows of a household beside the entries that earlier imports filed of it."""
    kept = {
        (part, place): entrant
        for part, entry in enumerate(filed)
        for place, entrant in enumerate(entry.entrants)
    }
    there, others = [], []
    same_home = filed[0].address == household.address
    for member in household.members:
        found = next(
            (
                place
                for place, entrant in kept.items()
                if same_home
                and entrant == member.resident.entered_on(filed[place[0]].filed.event_date)
            ),
            None,
        )
        if found is None:
            others.append(member)
        else:
            del kept[found]
            there.append(member)
    if kept:
        return Compared(tuple(there), (), tuple(others))
    return Compared(tuple(there), tuple(others), ())


def stands_as_entered(head: Record, address: Address) -> bool:
    """Whether a head's record still is what members can be added to."""
    return head.live and head.is_head and head.address == address


CHANGED: Final = Fault(
    "",
    "the household is in the register since an earlier import and reads otherwise there; an import "
    "overwrites nothing, so correct the record at the desk (職権修正, art. 8)",
)
CANCELLED: Final = Fault(
    "household",
    "the earlier import of this household was cancelled (異動の取消); enter it at the desk, or "
    "give it another household number",
)
MOVED_ON: Final = Fault(
    "household",
    "the household has changed since it was imported; enter the person at the desk (職権記載)",
)
CODE_DUE: Final = Fault(
    "code",
    "the next codes of the pool are ones that rows of this file bring along; those are entered "
    "now, so import the file again to have another code drawn",
)


def taken(person: int) -> Fault:
    """The fault of a row whose code somebody of the register bears."""
    return Fault(
        "code",
        f"it belongs to record {person} of this town already; if it is the same person, correct "
        "that record at the desk (職権修正), else compare the code with the paper",
    )


def too_many(size: int) -> Fault:
    """The fault of a household of more rows than any has."""
    return Fault(
        "household",
        f"{size} rows bear this number, and at most {HOUSEHOLD_MAX} can be one household; check "
        "that the column is the household's number",
    )


def twice(line: int) -> Fault:
    """The fault of two rows that bear one number."""
    return Fault(
        "code",
        f"code or individual number stands on line {line}, too, with another person; compare both "
        "with the paper, neither is entered",
    )


def repeated(line: int) -> Fault:
    """The fault of a row that is in the file a second time."""
    return Fault("", f"the same row as line {line}, word by word; leave it out")
