"""Demo (実演): a small Japan lives through a year, is asked about, and is checked.

The books of some towns are filled from a synthetic population; a year of events happens at their
desks; each month agencies ask; at the end every town's book is compared with the index, and a
resident's statement is read from the public log.

A demo that was interrupted goes on when it is called again with the same folder.
"""

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, NamedTuple

from jukinet.client.statement import Statement, ViewKey, statement
from jukinet.errors import Refused
from jukinet.feed import outbox
from jukinet.law.record import Record
from jukinet.ledger.chains import CHAINS
from jukinet.nodes.agency import ASKED
from jukinet.nodes.counter import VALID_DAYS_MAX
from jukinet.nodes.municipality import Municipality
from jukinet.register import book
from jukinet.tasks.asking import AGENCIES, Askers, problems
from jukinet.tasks.folder import Folder, Mark
from jukinet.tasks.living import Living, Progress, fingerprint, quiet
from jukinet.tasks.network import JST, Network, create, open_network
from jukinet.tasks.residents import (
    answer_objection,
    entries_of,
    give_view_key,
    object_to,
    public_log,
)
from jukinet.world.towns import choose

BEGINS = date(2025, 1, 1)
ENDS = date(2025, 12, 31)
VIEW_KEYS = 5


class Size(NamedTuple):
    """How large a demo is."""

    towns: int = 12
    residents: int = 50_000
    inquiries: int = 2_000


class Outcome(NamedTuple):
    """What a demo came to."""

    towns: int
    residents: int
    events: int
    notices_written: int
    notices_applied: int
    index_equals_registers: bool
    inquiries: int
    answered: int
    refused: int
    ledger_size: int
    ledger_root: str
    receipts_verified: int
    not_filed: int
    events_by_kind: dict[str, int]
    refused_by_rule: dict[str, int]
    view_keys: list[str]
    problems: list[str]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return self._asdict()


def mark_of(seed: int, size: Size) -> Mark:
    """The mark of a new demo's folder."""
    return Mark(
        towns=tuple(town.code for town in choose(size.towns, min(3, size.towns))),
        agencies=AGENCIES,
        seed=seed,
        residents=size.residents,
        begins=BEGINS,
        fingerprint=fingerprint(),
    )


def begin(folder: Folder, seed: int, size: Size) -> Mark:
    """Make a demo's folder, or take up the one that is there."""
    folder.refuse_foreign()
    wanted = mark_of(seed, size)
    if not folder.exists:
        create(folder, wanted)
        return folder.mark()
    found = folder.mark()
    same = (found.seed, found.towns, found.residents) == (seed, wanted.towns, size.residents)
    if not same:
        raise Refused(
            f"{folder.root}: it holds another world (seed {found.seed}, {len(found.towns)} towns, "
            f"{found.residents} residents); name another folder with --dir"
        )
    return found


def run(folder: Folder, seed: int, size: Size, progress: Progress = quiet) -> Outcome:
    """Run a demo, or the rest of one."""
    mark = begin(folder, seed, size)
    opens = datetime.combine(mark.lived_to or BEGINS, time(9), JST)
    with open_network(folder, opens) as network:
        living = Living(network, mark, progress)
        living.build()
        askers = Askers(network, seed)
        monthly = _monthly(living, askers, size.inquiries - _asked(network))
        living.live(ENDS, monthly=monthly)
        network.line.run()
        return _outcome(network, living, progress)


def _monthly(living: Living, askers: Askers, inquiries: int) -> Callable[[date], None]:
    """Each month its share of the questions, about whoever lives then."""

    def ask(day: date) -> None:
        assert living.world is not None
        share = inquiries * day.month // 12 - inquiries * (day.month - 1) // 12
        people = list(living.world.people.values())
        if share > 0:
            askers.ask(share, people, day)

    return ask


def _asked(network: Network) -> int:
    """How many questions were answered or refused before (by an interrupted demo)."""
    total = 0
    for agency in network.agencies.values():
        with agency.store.begin() as tx:
            total += ASKED.count(tx)
    return total


def _outcome(
    network: Network,
    living: Living,
    progress: Progress,
) -> Outcome:
    view_keys = residents_act(network)
    asked, answered = 0, 0
    for agency in network.agencies.values():
        with agency.store.begin() as tx:
            rows = list(ASKED.everything(tx))
        asked += len(rows)
        answered += sum(row.outcome == "answered" for row in rows)
    written, applied = 0, 0
    for town in network.towns.values():
        with town.store.begin() as tx:
            standing = outbox.standing(tx, town.to_centre)
            written += sum(item.kind == "notice" for item in outbox.items(tx, town.to_centre))
            acknowledged = standing.acknowledged
            applied += sum(
                item.kind == "notice" and item.number <= acknowledged
                for item in outbox.items(tx, town.to_centre)
            )
    log = network.centre.ledger.log
    return Outcome(
        towns=len(network.towns),
        residents=living_residents(network),
        events=sum(living.events.values()),
        notices_written=written,
        notices_applied=applied,
        index_equals_registers=reconcile(network, progress),
        inquiries=asked,
        answered=answered,
        refused=asked - answered,
        ledger_size=log.size,
        ledger_root=log.root.hex(),
        receipts_verified=asked,
        not_filed=len(living.not_filed),
        events_by_kind=dict(living.events.most_common()),
        refused_by_rule=_by_rule(network),
        view_keys=view_keys,
        problems=[*living.not_filed, *problems(network.agencies.values())],
    )


def _by_rule(network: Network) -> dict[str, int]:
    rules: dict[str, int] = {}
    for agency in network.agencies.values():
        with agency.store.begin() as tx:
            for row in ASKED.everything(tx):
                if row.outcome == "refused":
                    rules[row.rule] = rules.get(row.rule, 0) + 1
    return dict(sorted(rules.items()))


def living_residents(network: Network) -> int:
    """How many people have a live record in some town."""
    total = 0
    for town in network.towns.values():
        with town.store.begin() as tx:
            total += sum(kept.record.live for kept in book.everybody(tx))
    return total


def reconcile(network: Network, progress: Progress = quiet) -> bool:
    """The night's reconciliation of every town with the index: are all roots equal?"""
    equal = True
    for place, town in enumerate(network.towns.values(), start=1):
        asked = town.compare()
        network.line.post(asked)
        network.line.run()
        reply = town.compared
        assert reply is not None
        body: Any = asked.body
        equal &= (reply.last, reply.count, reply.root) == (body.last, body.count, body.root)
        progress("comparing", place, len(network.towns))
    return equal


# --- residents -------------------------------------------------------------------------------


def residents_act(network: Network) -> list[str]:
    """Give view keys to the residents who were asked about most; the first of them objects.

    What an earlier call has done already stays. The names of the files, below the folder.
    """
    directory = network.folder.root / "residents"
    directory.mkdir(mode=0o700, exist_ok=True)
    names = []
    for place, (town, record) in enumerate(asked_about(network), start=1):
        path = directory / f"resident-{place}.viewkey"
        if not path.exists():
            key = give_view_key(network, town, record, valid_days=VALID_DAYS_MAX)
            if place == 1:
                _object(network, key)
            path.write_bytes(key.encode())
            path.chmod(0o600)
        names.append(str(path.relative_to(network.folder.root)))
    return names


def _object(network: Network, key: ViewKey) -> None:
    """A resident objects to the first entry, and the agency explains itself."""
    first = entries_of(network, key).entries[0]
    object_to(network, key, first.place, "I have nothing to do with this office. Why me?")
    for agency in network.agencies.values():
        for waiting in agency.objections():
            answer_objection(
                network,
                agency,
                waiting.objection,
                outcome="explained",
                text="Our letter came back from your old address; we asked for the new one.",
                official="official-1",
            )


def asked_about(network: Network) -> list[tuple[Municipality, Record]]:
    """Some residents, those with the longest chains first."""
    with network.centre.shelves.chains.begin() as tx:
        longest = sorted(CHAINS.everything(tx), key=lambda row: (-row.place, row.locator))
    found: list[tuple[Municipality, Record]] = []
    for chain in longest[1 : 50 * VIEW_KEYS]:
        for town in network.towns.values():
            with town.store.begin() as tx:
                kept = book.by_locator(tx, chain.locator)
            if kept and kept[0].record.live and not kept[0].record.hidden:
                found.append((town, kept[0].record))
                break
        if len(found) == VIEW_KEYS:
            break
    return found


def resident_statement(folder: Folder, key: ViewKey) -> Statement:
    """A resident's statement from the folder's public log."""
    return statement(key, public_log(folder))
