"""Asking (照会の例): the questions that a demo's agencies ask, lawful ones and others.

Each is drawn from a seed: an agency, a row of the schedules, a person of the world (or nobody), by
search or by the handle of an earlier answer. About one in twelve is unlawful in one of the ways
that really occur: another body's row, an item too many, a kind that the row does not allow, a row
that has ended, a handle of another affair or of nobody, a question that is too old.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from jukinet.disclosure.pseudonyms import HANDLE_BYTES
from jukinet.law.identity import Item
from jukinet.law.inquiry import ByHandle, BySearch, Claim
from jukinet.law.schedule import Grant, Kind, load
from jukinet.names import legal
from jukinet.nodes.agency import Agency, Outcome
from jukinet.nodes.message import Message
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.tasks.desks import birth_date, name
from jukinet.tasks.network import Network
from jukinet.world.people import Person

UNLAWFUL = 1 / 12
NOBODY = 1 / 25
BY_HANDLE = 0.3
NUMBERED = 0.5  # of the questions by search
ORDER_LEAST = 8  # people in the month's order of many
AGENCIES = ("pension", "tax", "passport", "mutual-aid", "town-welfare")


class Askers:
    """Agencies that ask about the people of a world."""

    def __init__(self, network: Network, seed: int) -> None:
        self.asked = 0
        self.answered = 0
        self.refused: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self._network = network
        self._seed = seed
        self._known: dict[str, list[bytes]] = {}  # handles by sector

    def ask(self, count: int, people: Sequence[Person], day: date) -> None:
        """Ask some questions on a day about some people, and take the answers."""
        rng = Random(f"{self._seed}/inquiries/{day}")
        line = self._network.line
        many = count // 10 if count >= ORDER_LEAST * 10 else 0
        if many:
            line.post(self._order(rng, people, many))
            line.run()
            self._collect()
        for start in range(0, count - many, 200):
            for _ in range(min(200, count - many - start)):
                line.post(self._question(rng, people, day))
            line.run()
            self._collect()

    def _order(self, rng: Random, people: Sequence[Person], count: int) -> Message:
        """An order of many: do all of these payees still live?"""
        agency = self._network.agencies["mutual-aid"]
        grant = next(one for one in _rows(agency) if Kind.STANDING in one.kinds)
        handles = self._handles(agency, grant)
        subjects: list[BySearch | ByHandle] = [search(rng.choice(people)) for _ in range(count)]
        if len(handles) >= count:
            subjects = [ByHandle(handle=one) for one in rng.sample(handles, count)]
        return agency.ask_many(
            row=grant.id,
            kind=Kind.STANDING,
            subjects=subjects,
            now=self._network.line.now,
            official=f"official-{rng.randint(1, 9)}",
            numbered=isinstance(subjects[0], BySearch),
        )

    def _collect(self) -> None:
        for agency in self._network.agencies.values():
            for outcome in agency.outcomes:
                self._take(outcome)
            agency.outcomes.clear()
            agency.keep()

    def _take(self, outcome: Outcome) -> None:
        self.asked += 1
        if outcome.content is None:
            self.refused[outcome.rule] += 1
        else:
            self.answered += 1
            self.kinds[outcome.content.kind.value] += 1

    def _question(self, rng: Random, people: Sequence[Person], day: date) -> Message:
        agency = rng.choice(list(self._network.agencies.values()))
        grant = rng.choice(_rows(agency))
        if rng.random() < UNLAWFUL:
            return rng.choice(_UNLAWFUL)(self, rng, agency, grant, rng.choice(people), day)
        return self._lawful(rng, agency, grant, rng.choice(people), day)

    def _lawful(
        self, rng: Random, agency: Agency, grant: Grant, person: Person, day: date
    ) -> Message:
        kind = rng.choice(sorted(grant.kinds))
        subject: BySearch | ByHandle = search(person, nobody=rng.random() < NOBODY)
        handles = self._handles(agency, grant)
        if handles and rng.random() < BY_HANDLE:
            subject = ByHandle(handle=rng.choice(handles))
        claim = _claim(rng, grant, person) if kind is Kind.CONFIRM else None
        return agency.ask(
            row=grant.id,
            kind=kind,
            subject=subject,
            now=self._network.line.now,
            items=_items(grant, kind, claim),
            claim=claim,
            since=day - timedelta(days=365) if kind is Kind.CHANGES else None,
            official=f"official-{rng.randint(1, 9)}",
            numbered=isinstance(subject, BySearch) and rng.random() < NUMBERED,
            defer_to=day + timedelta(rng.randint(20, grant.deferral_days))
            if grant.deferral_days
            else None,
        )

    def _handles(self, agency: Agency, grant: Grant) -> list[bytes]:
        """The handles that an affair holds; read anew only now and then."""
        found = self._known.get(grant.sector, [])
        if not found or self.asked % 500 == 0:
            found = [one.handle for one in agency.subjects(grant.sector)]
            self._known[grant.sector] = found
        return found

    # --- what agencies must not ask ---------------------------------------------------------

    def _another_bodys_row(
        self, rng: Random, agency: Agency, grant: Grant, person: Person, day: date
    ) -> Message:
        others = [one for one in load().grants.values() if one.receiver != agency.receiver.id]
        return self._plain(agency, rng.choice(others).id, person)

    def _no_such_row(
        self, rng: Random, agency: Agency, grant: Grant, person: Person, day: date
    ) -> Message:
        return self._plain(agency, "1-999", person)

    def _item_too_many(
        self, rng: Random, agency: Agency, grant: Grant, person: Person, day: date
    ) -> Message:
        return agency.ask(
            row=grant.id,
            kind=Kind.ITEMS if Kind.ITEMS in grant.kinds else Kind.CHANGES,
            subject=search(person),
            now=self._network.line.now,
            items=frozenset(Item),
            since=day if Kind.ITEMS not in grant.kinds else None,
        )

    def _made_up_handle(
        self, rng: Random, agency: Agency, grant: Grant, person: Person, day: date
    ) -> Message:
        return self._plain(agency, grant.id, person, ByHandle(handle=rng.randbytes(HANDLE_BYTES)))

    def _another_affairs_handle(
        self, rng: Random, agency: Agency, grant: Grant, person: Person, day: date
    ) -> Message:
        for sector, handles in sorted(self._known.items()):
            if sector != grant.sector and handles:
                subject = ByHandle(handle=rng.choice(handles))
                return self._plain(agency, grant.id, person, subject)
        return self._made_up_handle(rng, agency, grant, person, day)

    def _too_old(
        self, rng: Random, agency: Agency, grant: Grant, person: Person, day: date
    ) -> Message:
        kind = min(grant.kinds - {Kind.CONFIRM, Kind.CHANGES} or grant.kinds)
        claim = _claim(rng, grant, person) if kind is Kind.CONFIRM else None
        return agency.ask(
            row=grant.id,
            kind=kind,
            subject=search(person),
            now=self._network.line.now - timedelta(hours=2),
            items=_items(grant, kind, claim),
            claim=claim,
            since=day if kind is Kind.CHANGES else None,
        )

    def _plain(
        self, agency: Agency, row: str, person: Person, subject: BySearch | ByHandle | None = None
    ) -> Message:
        return agency.ask(
            row=row,
            kind=Kind.STANDING,
            subject=subject or search(person),
            now=self._network.line.now,
        )


_UNLAWFUL: Sequence[Callable[[Askers, Random, Agency, Grant, Person, date], Message]] = (
    Askers._another_bodys_row,
    Askers._no_such_row,
    Askers._item_too_many,
    Askers._made_up_handle,
    Askers._another_affairs_handle,
    Askers._too_old,
)


def search(person: Person, *, nobody: bool = False) -> BySearch:
    """A person as an agency names one: by name, birth date and the place of residence."""
    text = name(person).legal
    return BySearch(
        place=MunicipalityCode(person.town),
        birth_date=birth_date(person),
        name=legal.parse(text.text + "ー") if nobody else text,  # fits kanji and Latin alike
    )


def _rows(agency: Agency) -> list[Grant]:
    grants = load().grants.values()
    return [
        one
        for one in grants
        if one.receiver == agency.receiver.id and one.valid_to is None and not one.to
    ]


def _claim(rng: Random, grant: Grant, person: Person) -> Claim:
    """What the agency believes of a person; one time in ten another birth date."""
    items = grant.items or frozenset({Item.BIRTH_DATE})
    born = birth_date(person)
    if rng.random() < 0.1 and born.year is not None:
        born = replace(born, year=born.year - 1, day=None)
    return Claim(
        name=name(person).legal if Item.NAME in items else None,
        birth_date=born if Item.BIRTH_DATE in items else None,
        sex=None,
        address=None,
    )


def _items(grant: Grant, kind: Kind, claim: Claim | None) -> frozenset[Item]:
    if claim is not None:
        return claim.items
    return grant.items if kind in (Kind.ITEMS, Kind.CHANGES) else frozenset()


def problems(agencies: Iterable[Agency]) -> list[str]:
    """Why agencies did not believe an answer; empty when every receipt verified."""
    return [reason for agency in agencies for reason in agency.distrusted]
