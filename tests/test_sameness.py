"""Hidden, unknown and not there at all: one answer, and one way to it.

From one state of the nation the same question is asked about different people. Everything that
somebody at the centre, at a keeper, on the line or at the agency can count is compared: statements
of each store, commits, uses of keys, tasks, leaves, messages, and the answer itself.
"""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from tests.nation import Nation, inquiry_of, recorded_commits, search
from tests.support import CHIYODA, NOON, SAPPORO_CHUO, SHINJUKU, entrant, name

from jukinet.client.receipts import LogKey, open_answer
from jukinet.disclosure.pseudonyms import Meant, fresh_handle
from jukinet.keys import group, kem, seal, sign, threshold
from jukinet.law import leaf as leaves
from jukinet.law import order as orders
from jukinet.law.inquiry import Answer, ByHandle, BySearch, Claim, Content, Standing
from jukinet.law.schedule import Kind, load
from jukinet.names import era, legal
from jukinet.nodes import message
from jukinet.nodes.keyring import opening_key
from jukinet.nodes.message import KeeperOrder, KeeperReply
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.store import engine

BORN = era.parse_iso("1980-05-05")
HERE, THERE, UNTOLD, NEAR = (
    "隠 花子",
    "移 花子",
    "遠 花子",
    "近 花子",
)  # hidden, each in another way
NOBODY = "誰 花子"
ROWS = {
    Kind.CONFIRM: "1-39",
    Kind.STANDING: "1-40",
    Kind.ITEMS: "1-39",
    Kind.CHANGES: "1-39",
    Kind.CONVERT: "1-121",
}
BY_SEARCH = [kind for kind in Kind if kind is not Kind.CONVERT]


class Seen(NamedTuple):
    """All that can be counted of one question, and what the agency reads in the end."""

    statements: dict[str, list[str]]  # of each store, in order
    commits: list[str]
    keys: dict[str, int]
    tasks: list[tuple[Any, ...]]
    messages: list[tuple[str, str, str, int]]
    leaves: list[bytes]
    content: bytes
    opened: Content


@pytest.fixture(scope="module")
def base():
    """Two towns in Tokyo, one in Hokkaido; somebody is hidden in every way, and was asked about."""
    nation = Nation((CHIYODA, SHINJUKU, SAPPORO_CHUO), ("tax",))
    people, handles = {}, {}
    for text in (HERE, THERE, UNTOLD, NEAR):
        (people[text],) = nation.enter(CHIYODA, entrant(name=name(text, "カクレ ハナコ")))
        asked = search(nation.record(CHIYODA, people[text]))
        for row in ("1-39", "1-40", "1-121"):
            kind = "items" if row == "1-39" else "standing"
            handles[row, text] = nation.ask("tax", row, kind, asked).content.handle
    nation.line.until(NOON + timedelta(days=30))
    nation.hide(CHIYODA, people[HERE])
    nation.hide(SAPPORO_CHUO, nation.move(people[THERE], CHIYODA, SAPPORO_CHUO))
    nation.hide(SHINJUKU, nation.move(people[NEAR], CHIYODA, SHINJUKU))
    far = nation.move(people[UNTOLD], CHIYODA, SAPPORO_CHUO)
    nation.cut_off(CHIYODA)  # so the former town does not hear of the measure
    nation.hide(SAPPORO_CHUO, far)
    return nation, handles


def named(text: str, place: str = CHIYODA) -> BySearch:
    return BySearch(place=MunicipalityCode(place), birth_date=BORN, name=legal.parse(text))


# --- what is counted -----------------------------------------------------------------------------


class Recorded:
    """A driver's cursor that keeps what it is asked."""

    def __init__(self, cursor: Any, kept: list[str]) -> None:
        self._cursor = cursor
        self._kept = kept

    def execute(self, sql: str, values: Any = ()) -> Any:
        self._kept.append(f"{sql} with {len(values)}")
        return self._cursor.execute(sql, values)

    def executemany(self, sql: str, rows: Any) -> Any:
        self._kept.append(f"{sql} with {[len(row) for row in rows]}")
        return self._cursor.executemany(sql, rows)

    def __getattr__(self, what: str) -> Any:
        return getattr(self._cursor, what)


def recording_statements(stack: ExitStack, nation: Nation) -> dict[str, list[str]]:
    kept: dict[str, list[str]] = {name: [] for name in nation.stores}
    lists = {id(store._connected()): kept[name] for name, store in nation.stores.items()}
    made = engine.Transaction.__init__

    def noted(self: Any, dialect: str, fresh: Callable[..., Any], *rest: Any) -> None:
        said = lists[id(fresh.__self__)]
        said.append("begin")
        made(self, dialect, lambda **more: Recorded(fresh(**more), said), *rest)

    engine.Transaction.__init__ = noted
    stack.callback(setattr, engine.Transaction, "__init__", made)
    return kept


def counting_keys(stack: ExitStack) -> dict[str, int]:
    counts: dict[str, int] = {}

    def count(holder: Any, what: str) -> None:
        plain = getattr(holder, what)

        def call(*args: Any, **more: Any) -> Any:
            counts[what] = counts.get(what, 0) + 1
            return plain(*args, **more)

        setattr(holder, what, call)
        stack.callback(setattr, holder, what, plain)

    count(seal.SealKey, "seal")
    count(seal.OpenKey, "open")
    count(sign.SigningKey, "sign")
    count(sign.VerifyKey, "verify")
    count(seal, "_refuse_lengths")  # every lock and unlock
    count(seal, "_hmac")  # every mac and derived key
    count(group, "times")
    count(group, "base")
    count(kem, "open_with")
    count(kem, "open_proved")
    count(kem, "check_proof")
    count(kem, "seal")
    count(kem, "seal_proved")
    count(threshold, "combine")
    return counts


def tasks_of(body: Any) -> list[tuple[Any, ...]]:
    if isinstance(body, KeeperOrder):
        return [
            (
                type(task).__name__,
                getattr(task, "step", ""),
                task.receipt,
                task.order,
                task.question,
                len(getattr(task, "sealed", b"")),
                len(getattr(task, "handle", b"")),
            )
            for task in body.tasks
        ]
    if isinstance(body, KeeperReply):
        return [("reply", *(None if one is None else len(one) for one in body.values))]
    return []


def form_of(leaf: leaves.Leaf) -> bytes:
    """A leaf without what must differ: label, commitment, the hash of the question."""
    encoded = leaves.encode(leaf)
    secrets = [
        *getattr(leaf, "labels", ()),
        getattr(leaf, "commitment", ""),
        getattr(leaf, "order", ""),
    ]
    for secret in secrets:
        encoded = encoded.replace(secret.encode() or b"\x00", b"#" * len(secret))
    return encoded


def ask(nation: Nation, kind: Kind, subject: BySearch | ByHandle) -> Seen:
    """Ask on a copy of the nation, and note all that can be counted."""
    nation = nation.copy()
    claim = Claim(name=legal.parse(HERE), birth_date=BORN) if kind is Kind.CONFIRM else None
    question = nation.question(
        "tax", ROWS[kind], kind, subject, **({"claim": claim} if claim else {})
    )
    with ExitStack() as stack:
        statements = recording_statements(stack, nation)
        keys = counting_keys(stack)
        commits = stack.enter_context(recorded_commits())
        carried = stack.enter_context(nation.carried())
        nation.line.post(question)
        nation.line.run()
    answer = carried[-1].body
    assert isinstance(answer, Answer)
    names = {id(store): name for name, store in nation.stores.items()}
    return Seen(
        statements=statements,
        commits=[names[id(store)] for store in commits],
        keys=keys,
        tasks=[task for one in carried for task in tasks_of(one.body)],
        messages=[
            (one.sender, one.receiver, type(one.body).__name__, len(message.encode(one)))
            for one in carried
        ],
        leaves=[form_of(leaf) for leaf in nation.leaves()],
        content=answer.content,
        opened=opened(nation, question, answer),
    )


def opened(nation: Nation, question: message.Message, answer: Answer) -> Content:
    content = open_answer(
        answer,
        inquiry_of(question),
        order=orders.signed_digest(question.body.order),
        place=0,
        log=LogKey.parse(nation.directory.log),
        receiver=load().receivers["tax"],
        prefecture="",
        rows=nation.centre.ledger.noted.rows,
    )
    assert content is not None
    return content


def differences(one: Seen, other: Seen) -> list[str]:
    return [what for what in Seen._fields if getattr(one, what) != getattr(other, what)]


# --- by name, birth date and place ---------------------------------------------------------------

WAYS = [
    pytest.param(named(HERE), named(NOBODY), id="hidden here"),
    pytest.param(named(THERE), named(NOBODY), id="hidden in another prefecture, by the place left"),
    pytest.param(named(UNTOLD), named(NOBODY), id="the same, and the town left was not told"),
    pytest.param(named(NEAR), named(NOBODY), id="hidden in the next town, by the place left"),
    pytest.param(named(NEAR, SHINJUKU), named(NOBODY, SHINJUKU), id="and by the new place"),
    pytest.param(
        named(THERE, SAPPORO_CHUO),
        named(NOBODY, SAPPORO_CHUO),
        id="hidden in another prefecture, by the new place",
    ),
    pytest.param(
        named(NEAR, SHINJUKU), named(HERE, SHINJUKU), id="hidden, and asked about in another town"
    ),
]


@pytest.mark.parametrize("kind", BY_SEARCH)
@pytest.mark.parametrize(("hidden", "nobody"), WAYS)
def test_whoever_is_hidden_costs_looks_and_reads_like_nobody(base, kind, hidden, nobody):
    nation, _ = base
    found = ask(nation, kind, hidden)
    assert found.opened.standing is Standing.UNKNOWN
    assert not found.opened.handle
    assert differences(found, ask(nation, kind, nobody)) == []


@pytest.mark.parametrize("kind", BY_SEARCH)
def test_a_wrong_claim_or_an_open_person_can_be_told_from_nobody_by_what_is_counted(base, kind):
    """That what is counted tells anything at all."""
    nation, _ = base
    (person,) = (nation := nation.copy()).enter(SHINJUKU, entrant(name=name(HERE)))
    assert person
    assert differences(
        ask(nation, kind, named(HERE, SHINJUKU)), ask(nation, kind, named(NOBODY, SHINJUKU))
    )


# --- by handle -----------------------------------------------------------------------------------


def handle_of_nobody(nation: Nation, row: str) -> ByHandle:
    """A handle of somebody of whom the index holds nothing any more."""
    sector = f"tax/{row}"
    made = fresh_handle(
        nation.directory.public(opening_key(sector)),
        nation.centre_ring.door,
        sector,
        "tax",
        means=Meant(b"gone".ljust(16, b"!"), "13", NOON.date() + timedelta(days=396), 0),
        chance=nation.chance,
    )
    return ByHandle(handle=made)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("text", [HERE, THERE, UNTOLD, NEAR])
def test_a_handle_of_whoever_is_hidden_opens_like_one_of_nobody(base, kind, text):
    nation, handles = base
    row = ROWS[kind]
    found = ask(nation, kind, ByHandle(handle=handles[row, text]))
    assert found.opened.standing is Standing.UNKNOWN
    assert found.opened.known_at is None, "the day of the news would tell the town"
    assert differences(found, ask(nation, kind, handle_of_nobody(nation, row))) == []


# --- three prefectures ---------------------------------------------------------------------------


def test_where_a_decoy_is_read_from_is_the_same_for_the_same_question_and_spread_over_all():
    """Somebody hidden in a third prefecture is always read there; so is nobody, somewhere."""
    nation = Nation((CHIYODA, SAPPORO_CHUO, "141011", "271004"), ("tax",))
    read = {}
    for number in range(24):
        text = f"誰{'一二三四五六七八九十'[number % 10]} {'花' * (1 + number // 10)}子"
        first, again = (ask(nation, Kind.STANDING, named(text)).statements for _ in range(2))
        assert first == again
        others = [name for name in ("01", "14", "27") if first[name]]
        assert len(others) == 1
        read[text] = others[0]
    assert set(read.values()) == {"01", "14", "27"}
