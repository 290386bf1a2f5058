"""A town lives through whatever desks and letters bring; after each step its book is in order."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jukinet.law import notification as law
from jukinet.law.identity import Attachment
from jukinet.law.protection import SupportMeasure, Threat
from jukinet.law.record import (
    DeletionCause,
    FamilyRegister,
    Foreigner,
    Record,
    ResidentClass,
    parse_relationship,
)
from jukinet.law.transfer import (
    MeasuresNotice,
    MoveInNotice,
    MoveInWithdrawn,
    TransferCertificate,
    TransferRequest,
    TransferWithdrawn,
)
from jukinet.names import era
from jukinet.names.era import from_date
from jukinet.nodes.message import Filed, NotFiled
from jukinet.numbers import resident_code
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.register import book, codes
from jukinet.register.certificates import RESIDENCE
from support import CHIYODA, DAY, SAPPORO_CHUO, SHINJUKU, Town, address, entrant, filed, name
from towns import deliver, image, later, letters, notices

OFF_THE_NETWORK = "472018"
RELATIONS = ("世帯主", "世帯主", "世帯主", "妻", "夫", "子", "母", "同居人")
SURNAMES = ("秘山", "匿川", "隠田", "忍野")
PRIVATE = (*SURNAMES, "ヒミツ", "内緒町", "東京都千代田区内緒")
REGISTER = FamilyRegister(place="東京都千代田区内緒1", first_named="秘山 太郎")
FOREIGN = {
    ResidentClass.MID_LONG_TERM: Foreigner(
        nationality="X国", resident_class=ResidentClass.MID_LONG_TERM, status="留学"
    ),
    ResidentClass.SPECIAL_PERMANENT: Foreigner(
        nationality="X国", resident_class=ResidentClass.SPECIAL_PERMANENT
    ),
}

picks = st.integers(0, 2**16)
days_ago = st.sampled_from((0, 0, 0, 0, 1, 2, 5, 9, 20))
relations = st.sampled_from(RELATIONS)
ages = st.sampled_from((0, 3, 14, 15, 16, 30, 45, 80))


class Register(RuleBasedStateMachine):
    """One town, its desk, and letters from two other towns."""

    def __init__(self) -> None:
        super().__init__()
        self.town = Town(pool=400)
        self.today = DAY
        self.done: list[law.Notification] = []
        self.views: dict[tuple[int, date, date], Record | None] = {}
        self.bearing: dict[str, set[int]] = defaultdict(set)
        self.cancelled = False
        self.highest: dict[int, int] = {}
        self.checked = 0

    # --- the desk ------------------------------------------------------------------------------

    def filed(self, ago: int = 0, ahead: int = 0) -> law.Filed:
        event = self.today - timedelta(days=ago) + timedelta(days=ahead)
        return filed(event, self.today)

    def file(self, notification: law.Notification) -> Filed | NotFiled:
        """Hand it in; what is refused writes nothing, and no answer names anybody."""
        before = image(self.town)
        reply = self.town.file(notification)
        if isinstance(reply, NotFiled):
            assert image(self.town) == before, "a refusal has written something"
            self.refuse_private(reply.reason)
        elif not reply.again:
            self.done.append(notification)
            self.cancelled |= isinstance(notification, law.Cancellation)
        return reply

    def refuse_private(self, text: str) -> None:
        assert not any(word in text for word in PRIVATE), text
        assert not any(digits in text for digits in self.bearing), text

    def deliver(self, letter: object, sender: str = SHINJUKU) -> None:
        deliver(self.town, letter, sender)
        for text in self.town.node.set_aside:
            self.refuse_private(text)

    # --- who is there -----------------------------------------------------------------------------

    def everybody(self) -> dict[int, Record]:
        with self.town.store.begin() as tx:
            return {kept.record.number: kept.record for kept in book.everybody(tx)}

    def person(self, pick: int, *, live: bool | None = True) -> int:
        people = self.everybody()
        some = [n for n, r in people.items() if live is None or r.live is live]
        return some[pick % len(some)] if some else 10**6

    def home_of(self, pick: int) -> int | None:
        homes = sorted({r.household for r in self.everybody().values()})
        return homes[pick % len(homes)] if homes else 10**6

    def born(self, age: int, pick: int) -> str:
        day = self.today - timedelta(days=age * 365 + age // 4 + pick % 300)
        return day.isoformat()

    def entrant(self, relation: str, age: int, pick: int, **more) -> law.Entrant:
        text = f"{SURNAMES[pick % 4]} 花子"
        foreign = list(FOREIGN.values())[pick % 2] if pick % 7 == 0 else None
        fields = {
            "name": name(text, "ヒミツ ハナコ"),
            "birth_date": from_date(date.fromisoformat(self.born(age, pick))),
            "foreigner": foreign,
            "family_register": None if foreign else REGISTER,
            **more,
        }
        return entrant(relation, **fields)

    def placement(self, pick: int, relation: str, to: int) -> law.Placement:
        """Into the person's own household, another one, or a new one."""
        person = self.person(pick)
        own = self.everybody()[person].household if person in self.everybody() else None
        home = (own, own, None, self.home_of(pick))[to % 4]
        return law.Placement(
            person=person, relationship=parse_relationship(relation), household=home
        )

    def placements(self, some) -> tuple[law.Placement, ...]:
        """Mostly of different people; the form refuses one who is named twice."""
        placed = [self.placement(*one) for one in some]
        if some[0][0] % 8:
            placed = list({one.person: one for one in placed}.values())
        return tuple(placed)

    # --- rules: time ------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        """Two households that have stood for long, so that late events have room."""
        long_ago = {"event": DAY - timedelta(days=90), "notice": DAY}
        teenager = era.parse_iso("2012-02-29")
        self.town.household(
            entrant(name=name("秘山 太郎")),
            entrant("妻"),
            entrant("子", birth_date=teenager),
            **long_ago,
        )
        self.town.household(entrant(), entrant("子"), **long_ago)

    @rule(days=st.sampled_from((1, 1, 1, 3, 8, 20)))
    def a_night_passes(self, days: int) -> None:
        """What is known of the day that ends is kept, to be compared for ever after."""
        for person, entries in self.histories().items():
            for as_of in {self.today, self.today - timedelta(days=3), entries[0].event_date}:
                view = book.fold(entries, as_of=as_of, known_on=self.today)
                self.views[person, as_of, self.today] = view
        self.today += timedelta(days=days)
        later(self.town, self.today)
        self.town.node._due(self.town.now)

    # --- rules: people come -------------------------------------------------------------------------

    @rule(
        people=st.lists(st.tuples(relations, ages, picks), min_size=1, max_size=3),
        ago=days_ago,
        to=picks,
    )
    def ex_officio_entry(self, people, ago, to):
        home = self.home_of(to) if to % 3 == 0 else None
        entrants = tuple(self.entrant(*one) for one in people)
        self.file(
            law.ExOfficioEntry(
                filed=self.filed(ago), entrants=entrants, address=address(), household=home
            )
        )

    @rule(pick=picks, ago=days_ago)
    def birth(self, pick, ago):
        child = self.entrant("子", 0, pick, birth_date=from_date(self.today - timedelta(days=ago)))
        home = self.home_of(pick)
        self.file(law.Birth(filed=self.filed(ago), child=child, household=home))

    @rule(
        pick=picks,
        relation=relations,
        age=ages,
        ago=days_ago,
        town=st.sampled_from((None, SHINJUKU, SAPPORO_CHUO, OFF_THE_NETWORK, CHIYODA)),
        returns=st.booleans(),
    )
    def move_in(self, pick, relation, age, ago, town, returns):
        code, born = resident_code.complete(f"{Random(pick).randrange(10**10):010d}"), None
        if returns:
            left = self.everybody().get(self.person(pick, live=False))
            if left is not None:
                code, born = left.code, left.birth_date
        mover = self.entrant(relation, age, pick, code=code)
        if born is not None:
            mover = self.entrant(relation, age, pick, code=code, birth_date=born)
        self.file(
            law.MoveIn(
                filed=self.filed(ago),
                movers=(mover,),
                address=address(),
                household=self.home_of(pick) if pick % 2 else None,
                came_from=MunicipalityCode(town) if town else None,
            )
        )

    # --- rules: people move and go --------------------------------------------------------------------

    @rule(
        some=st.lists(st.tuples(picks, relations, picks), min_size=1, max_size=3),
        staying=st.lists(st.tuples(picks, relations), max_size=1),
        ago=days_ago,
        block=st.sampled_from(("2番", "3番", "4番")),
    )
    def move_inside(self, some, staying, ago, block):
        placements = self.placements(some)
        others = tuple(self.placement(pick, relation, 0) for pick, relation in staying)
        self.file(
            law.MoveInside(
                filed=self.filed(ago),
                placements=placements,
                address=address(block=block),
                staying=others,
            )
        )

    @rule(some=st.lists(st.tuples(picks, relations, picks), min_size=1, max_size=3), ago=days_ago)
    def household_change(self, some, ago):
        placements = self.placements(some)
        self.file(law.HouseholdChange(filed=self.filed(ago), placements=placements))

    @rule(pick=picks, ago=days_ago)
    def another_head_is_named(self, pick, ago):
        """Somebody of the household becomes head, and the head something else."""
        person = self.person(pick)
        people = self.everybody()
        if person not in people:
            return
        home = people[person].household
        heads = [r.number for r in people.values() if r.live and r.household == home and r.is_head]
        placed = [(person, "世帯主"), *((head, "父") for head in heads if head != person)]
        self.file(
            law.HouseholdChange(
                filed=self.filed(ago),
                placements=tuple(
                    law.Placement(
                        person=number, relationship=parse_relationship(text), household=home
                    )
                    for number, text in placed
                ),
            )
        )

    @rule(
        pick=picks,
        ago=days_ago,
        ahead=st.sampled_from((0, 0, 3, 10)),
        to=st.sampled_from((None, SHINJUKU, SAPPORO_CHUO, OFF_THE_NETWORK)),
    )
    def move_out(self, pick, ago, ahead, to):
        self.file(
            law.MoveOut(
                filed=self.filed(ago, ahead),
                persons=(self.person(pick),),
                destination=MunicipalityCode(to) if to else None,
            )
        )

    @rule(pick=picks, ago=days_ago, head=st.booleans())
    def death(self, pick, ago, head):
        person, placements = self.person(pick), ()
        people = self.everybody()
        if head and person in people:
            home = people[person].household
            rest = [r for r in people.values() if r.live and r.household == home]
            rest = [r for r in rest if r.number != person]
            if rest:
                next_one = rest[pick % len(rest)]
                placements = (
                    law.Placement(
                        person=next_one.number,
                        relationship=parse_relationship("世帯主"),
                        household=home,
                    ),
                )
        self.file(law.Death(filed=self.filed(ago), person=person, placements=placements))

    @rule(pick=picks, ago=days_ago)
    def ex_officio_deletion(self, pick, ago):
        self.file(law.ExOfficioDeletion(filed=self.filed(ago), person=self.person(pick)))

    @rule(pick=picks, relation=relations, ago=days_ago, to=picks)
    def re_registration(self, pick, relation, ago, to):
        person = self.person(pick, live=False)
        people = self.everybody()
        home = None if to % 2 or person not in people else people[person].household
        placement = law.Placement(
            person=person, relationship=parse_relationship(relation), household=home
        )
        self.file(law.ReRegistration(filed=self.filed(ago), person=person, placement=placement))

    @rule(pick=picks, town=st.sampled_from((SHINJUKU, OFF_THE_NETWORK)), ago=days_ago)
    def moved_in_elsewhere_on_paper(self, pick, town, ago):
        self.file(
            law.MovedInElsewhere(
                filed=self.filed(ago), person=self.person(pick), town=MunicipalityCode(town)
            )
        )

    # --- rules: items change ---------------------------------------------------------------------------

    @rule(pick=picks, ago=days_ago)
    def name_change(self, pick, ago):
        self.file(
            law.NameChange(
                filed=self.filed(ago),
                person=self.person(pick),
                name=name(f"{SURNAMES[pick % 4]} 月子", "ヒミツ ツキコ"),
                cause=law.NameCause.MARRIAGE,
            )
        )

    @rule(pick=picks, ago=days_ago, relation=st.none() | relations)
    def correction(self, pick, ago, relation):
        self.file(
            law.ExOfficioCorrection(
                filed=self.filed(ago),
                person=self.person(pick),
                address=address(block=f"{pick % 3}番") if relation is None else None,
                relationship=parse_relationship(relation) if relation else None,
            )
        )

    @rule(pick=picks, ago=days_ago)
    def nationality(self, pick, ago):
        person, paper = self.person(pick), name("秘山 新子")
        record = self.everybody().get(person)
        if record is not None and record.foreigner:
            form = law.Naturalisation(
                filed=self.filed(ago), person=person, name=paper, family_register=REGISTER
            )
        else:
            form = law.LossOfNationality(
                filed=self.filed(ago),
                person=person,
                name=paper,
                foreigner=FOREIGN[ResidentClass.MID_LONG_TERM],
            )
        self.file(form)

    @rule(pick=picks, ago=days_ago)
    def status_change(self, pick, ago):
        self.file(
            law.StatusChange(
                filed=self.filed(ago),
                person=self.person(pick),
                foreigner=FOREIGN[ResidentClass.SPECIAL_PERMANENT],
            )
        )

    @rule(pick=picks, ago=days_ago, ex_officio=st.booleans())
    def code_change(self, pick, ago, ex_officio):
        self.file(
            law.CodeChange(filed=self.filed(ago), person=self.person(pick), ex_officio=ex_officio)
        )

    @rule(pick=picks, ago=days_ago, step=st.sampled_from(law.MeasureStep))
    def measure(self, pick, ago, step):
        self.file(
            law.MeasureRequest(
                filed=self.filed(ago),
                persons=(self.person(pick),),
                step=step,
                until=self.today + timedelta(days=pick % 370),
            )
        )

    # --- rules: taken back, done again, done wrongly -------------------------------------------------------

    @precondition(lambda self: self.done)
    @rule(pick=picks, ago=days_ago)
    def cancellation(self, pick, ago):
        last = self.done[-1 - pick % min(len(self.done), 6)]
        self.file(law.Cancellation(filed=self.filed(ago), cancels=last.filed.number))

    @precondition(lambda self: self.done)
    @rule(pick=picks)
    def the_same_again(self, pick):
        before = image(self.town)
        reply = self.file(self.done[pick % len(self.done)])
        assert isinstance(reply, Filed)
        assert reply.again
        assert image(self.town) == before

    @precondition(lambda self: self.done)
    @rule(pick=picks)
    def another_under_the_same_number(self, pick):
        number = self.done[pick % len(self.done)].filed.number
        filing = law.Filed(number=number, event_date=self.today, notice_date=self.today)
        reply = self.file(law.MeasuresArrived(filed=filing, person=self.person(pick), measures=()))
        assert isinstance(reply, NotFiled)

    @rule(pick=picks, ahead=st.sampled_from((1, 400)))
    def an_event_of_the_future(self, pick, ahead):
        reply = self.file(law.Death(filed=self.filed(ahead=ahead), person=self.person(pick)))
        assert isinstance(reply, NotFiled)

    # --- rules: letters ------------------------------------------------------------------------------------

    def certificate(self, record: Record, pick: int) -> TransferCertificate:
        return TransferCertificate(
            name=record.name,
            birth_date=record.birth_date,
            sex=record.sex,
            code=record.code,
            individual_number=None,
            family_register=record.family_register,
            foreigner=record.foreigner,
            former_address="東京都千代田区内緒",
            planned_on=self.today,
            attachment=record.attachment
            or Attachment(
                locator=Random(record.code.digits).randbytes(16),
                root=b"r" * 16,
                epoch=0,
                seed=b"s" * 32,
            ),
            version=(2 + pick % 2) * RESIDENCE,
            measures=(SupportMeasure(threat=Threat.OTHER, since=self.today, until=self.today),)
            if pick % 3 == 0
            else (),
        )

    @rule(pick=picks)
    def a_certificate_comes(self, pick):
        waiting = [r for r in self.everybody().values() if r.attachment is None]
        record = (
            waiting[pick % len(waiting)]
            if waiting
            else self.everybody().get(self.person(pick, live=None))
        )
        if record is not None:
            sender = record.former_town.digits if record.former_town else SHINJUKU
            if sender in (SHINJUKU, SAPPORO_CHUO):
                self.deliver(self.certificate(record, pick), sender)

    @rule(pick=picks, kind=st.sampled_from(("moved in", "withdrawn", "taken back", "measures")))
    def another_letter_comes(self, pick, kind):
        some = [r for r in self.everybody().values() if r.attachment]
        if not some:
            return
        record = some[pick % len(some)]
        locator = record.attachment.locator
        day = self.today - timedelta(days=pick % 4)
        measures = (SupportMeasure(threat=Threat.OTHER, since=day, until=day),)
        self.deliver(
            {
                "moved in": MoveInNotice(locator=locator, moved_on=day),
                "withdrawn": MoveInWithdrawn(locator=locator),
                "taken back": TransferWithdrawn(locator=locator),
                "measures": MeasuresNotice(locator=locator, measures=measures),
            }[kind]
        )

    @rule(pick=picks, town=st.sampled_from((SHINJUKU, SAPPORO_CHUO)))
    def a_certificate_is_asked_for(self, pick, town):
        record = self.everybody().get(self.person(pick, live=None))
        if record is not None:
            request = TransferRequest(
                code=record.code, birth_date=record.birth_date, moved_on=self.today
            )
            self.deliver(request, town)

    # --- what must hold after each step -----------------------------------------------------------------------

    def histories(self) -> dict[int, list[book.Entry]]:
        found = defaultdict(list)
        with self.town.store.begin() as tx:
            for entry in book.all_entries(tx):
                found[entry.person].append(entry)
        return found

    @invariant()
    def the_book_is_in_order(self):
        with self.town.store.begin() as tx:
            last = book.last(tx)
        if last.entry == self.checked:
            return
        self.checked = last.entry
        histories = self.histories()
        self.entries_follow_each_other(histories)
        self.records_are_the_fold_of_their_entries(histories)
        self.households_are_what_records_say(histories)
        self.one_head_at_every_instant(histories)
        self.codes_are_unique_for_ever(histories)
        self.one_live_record_a_person()
        self.past_knowledge_stays(histories)

    def entries_follow_each_other(self, histories):
        entries = sorted((e for own in histories.values() for e in own), key=lambda e: e.number)
        assert [e.number for e in entries] == list(range(1, len(entries) + 1))
        assert all(a.recorded_on <= b.recorded_on for a, b in pairwise(entries))
        for own in histories.values():
            assert all(a.version < b.version for a, b in pairwise(own)), "a version went back"

    def records_are_the_fold_of_their_entries(self, histories):
        with self.town.store.begin() as tx:
            rows = {row.person: row for row in book.RECORDS.everything(tx)}
        assert rows.keys() == histories.keys()
        for person, entries in histories.items():
            record = book.fold(entries)
            assert record is not None
            made = book.record_row(record, max(e.event_date for e in entries))
            assert tuple(rows[person]) == tuple(made)
            assert record.version >= self.highest.get(person, 0)
            self.highest[person] = record.version

    def households_are_what_records_say(self, histories):
        with self.town.store.begin() as tx:
            rows = {row.number: row for row in book.HOUSEHOLDS.everything(tx)}
            kept = book.households(tx, rows)
        living = defaultdict(list)
        for record in self.everybody().values():
            if record.live:
                living[record.household].append(record)
        assert living.keys() <= rows.keys()
        for number, row in rows.items():
            heads = [r.number for r in living[number] if r.is_head]
            assert len(heads) <= 1
            assert row.head == (heads[0] if heads else None)
            assert row.members == len(living[number])
            assert bool(row.head_due) == bool(living[number] and not heads)
            here = {r.number for r in living[number]}
            assert self.ever_in(number, histories) - here <= set(kept[number].former)

    def ever_in(self, number, histories):
        days = {entry.event_date for own in histories.values() for entry in own}
        return {
            person
            for person, own in histories.items()
            if any(e.changes.household == number for e in own)
            for record in (book.fold(own, as_of=day) for day in days)
            if record is not None and record.live and record.household == number
        }

    def one_head_at_every_instant(self, histories):
        days = sorted({entry.event_date for own in histories.values() for entry in own})
        begun: set[int] = set()
        for day in days:
            homes = defaultdict(list)
            for own in histories.values():
                record = book.fold(own, as_of=day)
                if record is not None and record.live:
                    homes[record.household].append(record)
            for number, members in homes.items():
                heads = sum(record.is_head for record in members)
                assert heads <= 1, f"household {number} has {heads} heads on {day}"
                if not heads and not self.cancelled:
                    # It stands open: somebody has gone, on that day or before.
                    gone = number in begun or self.gone_from(number, histories, day)
                    assert gone, f"household {number} begins without a head"
            begun |= homes.keys()

    def gone_from(self, number, histories, day):
        """Whether anybody who was in a household is gone from it at the end of a day."""
        return any(
            any(e.changes.household == number for e in own)
            and any(e.event_date <= day for e in own)
            and not (record.live and record.household == number)
            for own in histories.values()
            if (record := book.fold(own, as_of=day)) is not None
        )

    def codes_are_unique_for_ever(self, histories):
        people = self.everybody()
        for person, own in histories.items():
            for entry in own:
                if isinstance(entry.changes.code, resident_code.ResidentCode):
                    self.bearing[entry.changes.code.digits].add(person)
        for digits, persons in self.bearing.items():
            borne = [people[person] for person in persons]
            kept = [r for r in borne if not never_was(r)]
            assert len({r.birth_date for r in kept}) <= 1, "a code was another person's"
            assert sum(r.live and r.code.digits == digits for r in borne) <= 1
        with self.town.store.begin() as tx:
            rows = {row.code: row for row in codes.CODES.everything(tx)}
        for record in people.values():
            row = rows[record.code.digits]
            assert row.state == codes.HELD or not record.live
            assert row.person == record.number or not record.live

    def one_live_record_a_person(self):
        live = [r for r in self.everybody().values() if r.live]
        locators = [r.attachment.locator for r in live if r.attachment]
        assert len(set(locators)) == len(locators)
        assert len({r.code for r in live}) == len(live)

    def past_knowledge_stays(self, histories):
        for (person, as_of, known_on), view in self.views.items():
            assert book.fold(histories[person], as_of=as_of, known_on=known_on) == view

    # --- what must hold in the end ----------------------------------------------------------------------------

    def teardown(self):
        """The newest notice of everybody says what the newest record says."""
        newest = {}
        for told in notices(self.town):
            before = newest.get(told.sealed.locator)
            assert before is None or told.sealed.version != before.sealed.version
            if before is None or told.sealed.version > before.sealed.version:
                newest[told.sealed.locator] = told
        records = {}
        for record in self.everybody().values():
            if record.attachment:
                before = records.get(record.attachment.locator)
                if before is None or record.version > before.version:
                    records[record.attachment.locator] = record
        assert newest.keys() == records.keys()
        for locator, record in records.items():
            notice = newest[locator].notice
            assert notice.person == record.identification
            assert (notice.live, notice.hidden) == (record.live, record.hidden)
        letters(self.town)  # all of them open
        super().teardown()


def never_was(record: Record) -> bool:
    return record.deleted is not None and record.deleted.cause is DeletionCause.NEVER_WAS


Register.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestRegister = Register.TestCase


class LongRegister(Register):
    """The same, for longer."""


LongRegister.TestCase.settings = settings(
    max_examples=2000,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.long
class TestRegisterForLong(LongRegister.TestCase):
    """The long profile."""
