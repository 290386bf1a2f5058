"""Entering (世帯ごとの職権記載): the staged households, page by page, through the town's desk.

Households in which everybody brings a code come first, so that no code is drawn which a later row
brings along. Where the pool's next codes are ones that rows of the file bring, their households
come before those that draw, and their own members without a code wait for the next import.

Each page is looked up first: what an earlier import has filed, which codes the register knows. What
is then handed in should be accepted; where acceptance refuses all the same, its word is the reason.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import islice
from typing import Final, NamedTuple

from jukinet.law import notification as law
from jukinet.nodes.message import NotFiled
from jukinet.nodes.municipality import GROUP_MAX
from jukinet.tasks.importing import homes
from jukinet.tasks.importing.desk import Kept, Reply, TownDesk
from jukinet.tasks.importing.homes import HOUSEHOLD_MAX, Household, Member
from jukinet.tasks.importing.report import Report
from jukinet.tasks.importing.resident import Fault, fault_of
from jukinet.tasks.importing.staging import Home, Staging

PAGE: Final = GROUP_MAX


class Job(NamedTuple):
    """A notification to be handed in: a new household, or new members of one that stands."""

    household: Household
    part: int = 1
    home: int | None = None  # the register's number of a household that stands

    @property
    def draws(self) -> int:
        """How many codes it needs from the pool."""
        return sum(member.resident.draws for member in self.household.members)

    def notification(self, day: date) -> law.ExOfficioEntry:
        """The entry, as filed on a day."""
        number = homes.number_of(self.household.number, self.part)
        return law.ExOfficioEntry(
            filed=homes.filed_on(day, number),
            entrants=tuple(member.resident.entered_on(day) for member in self.household.members),
            address=self.household.address,
            household=self.home,
        )


class Entering:
    """One import's way through its households."""

    def __init__(
        self, desk: TownDesk, staged: Staging, report: Report, *, today: date, dry_run: bool
    ) -> None:
        self._desk = desk
        self._staged = staged
        self._report = report
        self._today = today
        self._dry_run = dry_run

    def enter(self, progress: Callable[[str, int, int | None], None]) -> None:
        """See to every household that waits."""
        done, total = 0, self._staged.households
        for drawing in (False, True):
            for page in self._staged.waiting(drawing=drawing, limit=PAGE):
                bearers = self._bearers_of_next_codes(page) if drawing else []
                rest = [home for home in page if home not in bearers]
                self._settle(bearers, may_draw=False)
                self._settle(rest, may_draw=True)
                done += len(bearers) + len(rest)
                progress("households", done, total)

    def reject(self, line: int, fault: Fault) -> None:
        """Count a row as rejected, once."""
        if self._staged.reject(line, fault):
            self._report.reject(fault)

    def _bearers_of_next_codes(self, page: Sequence[Home]) -> list[Home]:
        """Households that bring along codes which this page would have drawn."""
        return self._staged.bearing(self._desk.next_codes(sum(home.draws for home in page)))

    def _settle(self, page: Sequence[Home], *, may_draw: bool) -> None:
        """See to some households: sort out, look up, hand in."""
        sorted_out = [one for home in page if (one := self._sorted_out(home)) is not None]
        jobs = self._beside_the_register(sorted_out)
        jobs = self._free_of_known_codes(jobs, may_draw=may_draw)
        ahead = iter(jobs)
        while group := list(islice(ahead, PAGE)):
            self._hand_in(group)
        self._staged.settle(page)

    def _sorted_out(self, home: Home) -> Household | None:
        if home.size > HOUSEHOLD_MAX:
            for line in self._staged.lines(home):
                self.reject(line, homes.too_many(home.size))
            return None
        found = homes.sort_out(home.number, self._staged.rows(home))
        for reject in found.rejects:
            self.reject(*reject)
        return found.household

    # --- looking up -------------------------------------------------------------------------

    def _beside_the_register(self, households: Sequence[Household]) -> list[Job]:
        """What is to be handed in of some households, after what is filed of them already."""
        filed = self._filed(households)
        jobs = []
        for household in households:
            before = filed.get(household.number)
            job = Job(household) if before is None else self._added(household, before)
            if job is not None:
                jobs.append(job)
        return jobs

    def _filed(self, households: Iterable[Household]) -> dict[str, list[Kept]]:
        """The entries of earlier imports by household, in the order of their parts."""
        found: dict[str, list[Kept]] = {}
        open_, part = [household.number for household in households], 1
        while open_:
            numbers = {homes.number_of(number, part): number for number in open_}
            kept = self._desk.kept(numbers)
            for number, one in kept.items():
                found.setdefault(numbers[number], []).append(one)
            open_, part = [numbers[number] for number in kept], part + 1
        return found

    def _added(self, household: Household, before: Sequence[Kept]) -> Job | None:
        """New members of a household that an earlier import entered, if all else is as it was."""
        if any(kept.cancelled for kept in before):
            self._reject_all(household.members, homes.CANCELLED)
            return None
        beside = homes.compare(household, [kept.notification for kept in before])
        self._report.already_there += len(beside.there)
        self._reject_all(beside.changed, homes.CHANGED)
        if not beside.new:
            return None
        head = self._desk.head_entered_as(homes.number_of(household.number))
        if head is None or not homes.stands_as_entered(head, household.address):
            self._reject_all(beside.new, homes.MOVED_ON)
            return None
        added = household._replace(members=beside.new)
        return Job(added, part=len(before) + 1, home=head.household)

    def _free_of_known_codes(self, jobs: Sequence[Job], *, may_draw: bool) -> list[Job]:
        """The jobs without the people whose code is a record's, or who have to wait for one."""
        brought = [
            member.resident.entrant.code
            for job in jobs
            for member in job.household.members
            if member.resident.entrant.code is not None
        ]
        known = self._desk.taken(brought) if brought else {}
        left = []
        for job in jobs:
            faults = {
                member.line: fault
                for member in job.household.members
                if (fault := _code_fault(member, known, may_draw=may_draw)) is not None
            }
            for line, fault in faults.items():
                self.reject(line, fault)
            rest = homes.without(job.household, faults)
            for reject in rest.rejects:
                self.reject(*reject)
            if rest.household is not None:
                left.append(job._replace(household=rest.household))
        return left

    def _reject_all(self, members: Iterable[Member], fault: Fault) -> None:
        for member in members:
            self.reject(member.line, fault)

    # --- handing in -------------------------------------------------------------------------

    def _hand_in(self, group: Sequence[Job]) -> None:
        replies = self._rehearsed(group) if self._dry_run else self._filed_now(group)
        for job, reply in zip(group, replies, strict=True):
            members = job.household.members
            if isinstance(reply, NotFiled):
                self._reject_all(members, fault_of(reply.reason))
            elif reply.again:
                self._report.already_there += len(members)
            else:
                self._report.entered += len(members)
                self._report.codes_drawn += job.draws
                self._report.households_entered += job.part == 1

    def _rehearsed(self, group: Sequence[Job]) -> list[Reply]:
        return self._desk.check([job.notification(self._today) for job in group])

    def _filed_now(self, group: Sequence[Job]) -> list[Reply]:
        """Hand in together those for whom the pool has codes; then the others, one at a time.

        Each commit lets the town ask for more codes, so a second try may find them there.
        """
        ready = self._within_the_pool(group)
        notifications = [job.notification(self._today) for job in group]
        replies = self._desk.file(notifications[:ready]) if ready else []
        for job, notification in zip(group[ready:], notifications[ready:], strict=True):
            (reply,) = self._desk.file([notification])
            if isinstance(reply, NotFiled) and self._within_the_pool([job]):
                (reply,) = self._desk.file([notification])
            replies.append(reply)
        return replies

    def _within_the_pool(self, group: Sequence[Job]) -> int:
        """How many of some jobs, from the first on, the pool has codes for."""
        wanted = sum(job.draws for job in group)
        left = len(self._desk.next_codes(wanted)) if wanted else 0
        for place, job in enumerate(group):
            left -= job.draws
            if left < 0:
                return place
        return len(group)


def _code_fault(member: Member, known: dict[str, int], *, may_draw: bool) -> Fault | None:
    """What stands against a person's code, or against drawing one now."""
    code = member.resident.entrant.code
    if code is None:
        return None if may_draw else homes.CODE_DUE
    person = known.get(code.digits)
    return None if person is None else homes.taken(person)
