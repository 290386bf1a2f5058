"""People (本人確認情報ファイル): by locator, as of any version; an absent town is not an empty one.

Every table carries the prefecture first in its key, and no transaction crosses prefectures. What
is readable here is only this: which town last told of a locator, with which person version,
whether the record lives, and blind tags. Everything else is sealed.

The highest person version counts, whatever arrives first: a former town's late deletion never
removes the newer record. Where two towns both hold a live record, both are kept and the person is
in conflict until a clerk settles it; of two states of the same version the one whose prefecture
and town have the lower codes stands, again whatever arrives first.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import MetaData, bindparam, func, select

from jukinet.errors import OutOfStep
from jukinet.law.notice import PAYLOAD_BYTES, SealedNotice
from jukinet.store.engine import Transaction
from jukinet.store.rows import Rows, blob, integer, text

METADATA = MetaData()


class State(NamedTuple):
    """One notice as it arrived: the sealed six items, and the key to them, sealed too."""

    prefecture: str
    locator: bytes
    version: int
    town: str
    live: int
    number: int  # of the item in the town's feed
    received_at: str
    digest: bytes
    payload: bytes


STATES = Rows(
    "state",
    METADATA,
    State,
    [
        text("prefecture", key=True),
        blob("locator", key=True),
        integer("version", key=True),
        text("town", key=True),
        integer("live"),
        integer("number"),
        text("received_at"),
        blob("digest"),
        blob("payload"),
    ],
)


class WrappedKey(NamedTuple):
    """The data key of one state's payload, sealed to the keepers; shredding removes it."""

    prefecture: str
    locator: bytes
    version: int
    town: str
    wrapped: bytes


WRAPPED = Rows(
    "wrapped_key",
    METADATA,
    WrappedKey,
    [
        text("prefecture", key=True),
        blob("locator", key=True),
        integer("version", key=True),
        text("town", key=True),
        blob("wrapped"),
    ],
    compact=True,
)


class Residence(NamedTuple):
    """What one town last told of one person."""

    prefecture: str
    town: str
    locator: bytes
    version: int
    live: int
    number: int
    digest: bytes


RESIDENCES = Rows(
    "residence",
    METADATA,
    Residence,
    [
        text("prefecture", key=True),
        text("town", key=True),
        blob("locator", key=True),
        integer("version"),
        integer("live"),
        integer("number"),
        blob("digest"),
    ],
    compact=True,
)


class Person(NamedTuple):
    """Where a person's newest state stands; `gone_to` is the prefecture that has a newer one."""

    prefecture: str
    locator: bytes
    version: int
    town: str
    gone_to: str


PEOPLE = Rows(
    "person",
    METADATA,
    Person,
    [
        text("prefecture", key=True),
        blob("locator", key=True),
        integer("version"),
        text("town"),
        text("gone_to"),
    ],
    compact=True,
)


class Tag(NamedTuple):
    """A blind tag and a locator that it leads to."""

    prefecture: str
    tag: bytes
    locator: bytes


TAGS = Rows(
    "tag",
    METADATA,
    Tag,
    [text("prefecture", key=True), blob("tag", key=True), blob("locator", key=True)],
    compact=True,
)

_STATES_OF = STATES.query(
    STATES.table.c.prefecture == bindparam("prefecture"),
    STATES.table.c.locator == bindparam("locator"),
    order_by=[STATES.table.c.version, STATES.table.c.town],
)
_NEWEST = STATES.query(
    STATES.table.c.prefecture == bindparam("prefecture"),
    STATES.table.c.locator == bindparam("locator"),
    STATES.table.c.version
    == select(func.max(STATES.table.c.version))
    .where(
        STATES.table.c.prefecture == bindparam("prefecture"),
        STATES.table.c.locator == bindparam("locator"),
    )
    .scalar_subquery(),
    order_by=[STATES.table.c.town],
    limit=True,
)
_OF_TOWN = RESIDENCES.query(
    RESIDENCES.table.c.prefecture == bindparam("prefecture"),
    RESIDENCES.table.c.town == bindparam("town"),
)


class Arrived(NamedTuple):
    """A notice with its number in the town's feed and the digest of its item."""

    number: int
    digest: bytes
    notice: SealedNotice
    stored_tags: Sequence[bytes]


def check(notice: SealedNotice, town: str) -> None:
    """What must hold of a notice whatever is sealed in it; raises OutOfStep (the 2013 lesson)."""
    chain = notice.chain
    if notice.town != town:
        raise OutOfStep(f"notice: it speaks for {notice.town}, and the feed is {town}'s")
    sizes = {
        "locator": (len(notice.locator), 16),
        "payload": (len(notice.payload), PAYLOAD_BYTES),
        "code tag": (len(notice.code_tag), 16),
        "search tag": (len(b"".join(notice.search_tags)), 64),
        "wrapped key": (len(notice.wrapped), 80),
        "seed": (len(chain.seed) if chain else 32, 32),
        "kept locator": (len(notice.kept or notice.locator), 16),
    }
    wrong = [
        f"{name} of {got} bytes, want {want}" for name, (got, want) in sizes.items() if got != want
    ]
    if notice.kept and (notice.live or notice.kept == notice.locator):
        raise OutOfStep("notice: only a record that is gone leads to another one that is kept")
    if wrong or notice.version < 0:
        raise OutOfStep("notice: " + ("; ".join(wrong) or "a negative person version"))


def take_in(
    tx: Transaction, prefecture: str, arrived: Sequence[Arrived], received_at: str
) -> list[Person]:
    """Write notices down, in order; the people whose newest state they are."""
    locators = [one.notice.locator for one in arrived]
    people = {
        row.locator: row for row in PEOPLE.get_many(tx, "locator", locators, prefecture=prefecture)
    }
    newest: dict[bytes, Person] = {}
    states, wrapped = [], []
    tags: set[Tag] = set()
    residences: dict[tuple[str, bytes], Residence] = {}
    for number, digest, notice, stored_tags in arrived:
        key = (prefecture, notice.locator, notice.version, notice.town)
        states.append(State(*key, int(notice.live), number, received_at, digest, notice.payload))
        wrapped.append(WrappedKey(*key, notice.wrapped))
        tags.update(Tag(prefecture, tag, notice.locator) for tag in stored_tags)
        residences[notice.town, notice.locator] = Residence(
            prefecture,
            notice.town,
            notice.locator,
            notice.version,
            int(notice.live),
            number,
            digest,
        )
        person = people.get(notice.locator)
        told = Person(prefecture, notice.locator, notice.version, notice.town, "")
        if person is None or _stands_before(told, person):
            people[notice.locator] = newest[notice.locator] = told
    STATES.put(tx, *states)
    WRAPPED.put(tx, *wrapped)
    TAGS.put(tx, *sorted(tags))
    RESIDENCES.put(tx, *residences.values())
    PEOPLE.put(tx, *newest.values())
    return list(newest.values())


def forward(tx: Transaction, prefecture: str, gone: Iterable[tuple[bytes, int, str]]) -> None:
    """Write down that people have a newer state in another prefecture: (locator, version, where).

    Idempotent; older news than what stands is ignored, and so are people whom nobody told of here.
    """
    news: dict[bytes, Person] = {}
    for locator, version, where in gone:
        told = Person(prefecture, locator, version, "", where)
        if locator not in news or _stands_before(told, news[locator]):
            news[locator] = told
    rows = PEOPLE.get_many(tx, "locator", news, prefecture=prefecture)
    PEOPLE.put(tx, *[news[row.locator] for row in rows if _stands_before(news[row.locator], row)])


def _stands_before(one: Person, other: Person) -> bool:
    """Whether a state is newer than another, or as new and of a lower prefecture and town."""
    return _order(one) < _order(other)


def _order(person: Person) -> tuple[int, str, str]:
    return -person.version, person.gone_to or person.prefecture, person.town


def found(tx: Transaction, prefecture: str, locator: bytes) -> Person | None:
    """Where a person's newest state stands, as this prefecture knows it."""
    return PEOPLE.get(tx, prefecture, locator)


class Sealed(NamedTuple):
    """A state and its wrapped key; a shredded one has none."""

    state: State
    wrapped: bytes


def newest_here(tx: Transaction, prefecture: str, locator: bytes) -> Sealed | None:
    """The newest state that this prefecture itself holds of a person; one row is read.

    Of two towns that told the same version it is the one that stands (`found`).
    """
    states = _NEWEST.all(tx, prefecture=prefecture, locator=locator, limit=1)
    return _sealed(tx, states[0]) if states else None


def state(tx: Transaction, person: Person) -> Sealed | None:
    """A person's newest state."""
    row = STATES.get(tx, person.prefecture, person.locator, person.version, person.town)
    return _sealed(tx, row) if row else None


def history(tx: Transaction, prefecture: str, locator: bytes) -> list[Sealed]:
    """All states that a prefecture holds of a person, oldest first."""
    rows = _STATES_OF.all(tx, prefecture=prefecture, locator=locator)
    return [_sealed(tx, row) for row in rows]


def _sealed(tx: Transaction, row: State) -> Sealed:
    key = WRAPPED.get(tx, row.prefecture, row.locator, row.version, row.town)
    return Sealed(row, key.wrapped if key else b"")


def by_tags(tx: Transaction, prefecture: str, tags: Sequence[bytes]) -> list[bytes]:
    """The locators to which any of some stored tags leads, each once, in a fixed order."""
    rows = TAGS.get_many(tx, "tag", tags, prefecture=prefecture)
    return sorted({row.locator for row in rows})


def told_by(tx: Transaction, prefecture: str, town: str) -> Iterator[Residence]:
    """What a town last told of everybody, streamed."""
    return _OF_TOWN.stream(tx, prefecture=prefecture, town=town)


def live_elsewhere(residences: Iterable[Residence]) -> Mapping[bytes, list[str]]:
    """The locators with a live record in more than one town (職権で解消すべき二重登録)."""
    towns: dict[bytes, list[str]] = {}
    for row in residences:
        if row.live:
            towns.setdefault(row.locator, []).append(row.town)
    return {locator: sorted(where) for locator, where in towns.items() if len(where) > 1}
