"""Code changes (住民票コードの変更): one on request, many after an incident, and pools by hand.

A mass change goes on in groups until everybody of it is done, no faster than its throttle, and
never far ahead of what the centre has acknowledged: the day's own notices and questions have room.
Each group is one commit of the town's; whatever ends the process, the same call goes on from there.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from math import ceil
from pathlib import Path
from typing import Any, Final

import msgspec

from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.feed import outbox
from jukinet.law import notification as law
from jukinet.law.record import Record
from jukinet.nodes.centre import inspection
from jukinet.nodes.mass_changes import GROUP, KEPT_BACK
from jukinet.nodes.message import (
    ChangeCodes,
    CodesChanged,
    Filed,
    Filing,
    Message,
    NotFiled,
    OrderCodes,
)
from jukinet.nodes.municipality import Municipality
from jukinet.numbers import resident_code
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register import book, codes
from jukinet.register.codes import PoolLevel
from jukinet.register.mass_change import Preview, Standing
from jukinet.tasks.network import Network

DESK: Final = "code desk"
A_SECOND: Final = 200
"""Codes changed a second, unless somebody says otherwise: 300,000 persons in 25 minutes."""
UNACKNOWLEDGED_MAX: Final = 500
LIST_BYTES_MAX: Final = 64 * 1024 * 1024

Progress = Callable[[str, int, int | None], None]
Wait = Callable[[float], None]  # seconds


# --- pools ----------------------------------------------------------------------------------------


def levels(network: Network) -> dict[str, PoolLevel]:
    """How the pool of each town stands today."""
    found = {}
    for name, town in network.towns.items():
        with town.store.begin() as tx:
            found[name] = codes.level_of(tx, network.line.now.date())
    return found


def given_out(network: Network) -> int:
    """How many codes the centre has allotted to all towns together, ever; at most 10^10."""
    with network.centre.shelves.national.begin() as tx:
        rows = list(inspection.allotments(lambda table: table.everything(tx)))
    return rows[0].next if rows else 0


def order_codes(network: Network, town: Municipality, count: int) -> PoolLevel:
    """Have a town ask the centre for codes by hand; how its pool stands then."""
    order = OrderCodes(count=count)
    network.line.post(Message(sender=DESK, receiver=town.name, body=order))
    network.line.run()
    return levels(network)[town.name]


# --- one code -------------------------------------------------------------------------------------


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of one code is, or would be; codes are masked."""

    town: str
    record: int
    number: str
    before: str
    after: str  # "" where it was not done
    hidden: bool  # the letter is handed over at the desk
    done: bool


def change_code(
    network: Network,
    town: Municipality,
    person: int,
    *,
    number: str,
    who: law.Who = law.Who.SELF,
    proof: law.Proof = law.Proof.NUMBER_CARD,
    ex_officio: bool = False,
    dry_run: bool = False,
) -> Change:
    """Change one resident's code on request (art. 30-4); Refused or Malformed where it cannot be.

    `number` is the desk's own of the notification: the same one twice changes the code once.
    """
    before = live_record(town, person)
    shown = Change(
        town=town.name,
        record=person,
        number=number,
        before=before.code.masked,
        after="",
        hidden=before.hidden,
        done=False,
    )
    if dry_run:
        with town.store.begin() as tx:
            if not codes.level(tx):
                raise Refused("code: this town's pool is empty; `jukinet code allot` fills it")
        return shown
    today = network.line.now.date()
    filed = law.Filed(number=number, event_date=today, notice_date=today, who=who, proof=proof)
    file(network, town, law.CodeChange(filed=filed, person=person, ex_officio=ex_officio))
    after = live_record(town, person)
    return msgspec.structs.replace(shown, after=after.code.masked, done=True)


def file(network: Network, town: Municipality, notification: law.Notification) -> Filed:
    """Hand a notification in at a town's desk; Malformed or Refused as the register says."""
    replies = _posted(network, town, Filing(notification=notification))
    for reply in replies:
        if isinstance(reply, NotFiled):
            raise Malformed(reply.reason) if reply.malformed else Refused(reply.reason)
        if isinstance(reply, Filed):
            return reply
    raise OutOfStep("desk: no answer from the register; hand it in again, under the same number")


def live_record(town: Municipality, person: int) -> Record:
    """A live record of a town, or Refused."""
    with town.store.begin() as tx:
        kept = book.records(tx, [person]).get(person)
    if kept is None or not kept.record.live:
        raise Refused(f"record {person}: this town has no live record of that number")
    return kept.record


def _posted(network: Network, town: Municipality, body: Any) -> list[Any]:
    box = network.line.listen(DESK)
    box.clear()
    network.line.post(Message(sender=DESK, receiver=town.name, body=body))
    network.line.run()
    return [message.body for message in box]


# --- many codes -----------------------------------------------------------------------------------


def read_list(path: Path) -> list[ResidentCode]:
    """The codes of a list, one a line; Malformed names the line, and never what stands in it."""
    try:
        if path.stat().st_size > LIST_BYTES_MAX:
            raise Malformed(f"--list: {path} is larger than {LIST_BYTES_MAX >> 20} MB")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise Malformed(f"--list: {path} cannot be read as UTF-8 text") from None
    found = []
    for place, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(resident_code.parse(line))
        except Malformed as error:
            raise Malformed(f"--list: line {place}: {error}") from None
    if not found:
        raise Malformed(f"--list: {path} names no code")
    return found


def seconds_for(preview: Preview, a_second: int) -> int:
    """How long a change takes, at least, at a throttle."""
    return ceil(preview.persons / a_second)


def carry_out(
    network: Network,
    town: Municipality,
    number: str,
    *,
    wait: Wait,
    a_second: int = A_SECOND,
    progress: Progress,
) -> Standing:
    """Go on with an approved change until everybody is done; the codes needed are asked for first.

    Refused without two approvals, or where the pool does not suffice and the centre sends no more.
    """
    if not 1 <= a_second <= 100_000:
        raise Malformed("--per-second: want 1 to 100,000 codes a second")
    standing = _standing(network, town, number)
    if not standing.approved:
        raise Refused(f"mass change {number}: want two officials' approval before it begins")
    _fill_pool(network, town, standing.waiting)
    while standing.waiting:
        done = _group(network, town, number)
        if done.short:
            raise Refused(
                f"mass change {number}: the pool has too few codes and the centre sent no more; "
                f"{done.left:,} persons wait; the same command goes on from there"
            )
        progress("changing", standing.persons - done.left, standing.persons)
        if not done.left:
            break
        wait(done.done / a_second)
        _let_the_line_follow(network, town, wait)
    return _standing(network, town, number)


def _standing(network: Network, town: Municipality, number: str) -> Standing:
    found = town.mass_changes.standing(number, network.line.now)
    if found is None:
        raise Refused(f"mass change {number}: town {town.name} has no such plan")
    return found


def _fill_pool(network: Network, town: Municipality, wanted: int) -> None:
    """Ask ahead for all that a change draws, unless the pool has it or it is on its way."""
    level = levels(network)[town.name]
    missing = wanted + KEPT_BACK + level.low - level.free
    if wanted and missing > 0:
        order_codes(network, town, missing)


def _group(network: Network, town: Municipality, number: str) -> CodesChanged:
    for reply in _posted(network, town, ChangeCodes(number=number, count=GROUP)):
        if isinstance(reply, CodesChanged):
            return reply
    raise OutOfStep(f"mass change {number}: no answer from the register; give the command again")


def _let_the_line_follow(network: Network, town: Municipality, wait: Wait) -> None:
    """Wait while the centre is far behind with what was told; a cut line holds the change up."""
    for _ in range(60):
        with town.store.begin() as tx:
            stream = outbox.standing(tx, town.to_centre)
        if stream.last - stream.acknowledged <= UNACKNOWLEDGED_MAX:
            return
        wait(1)
        network.line.run()
    raise OutOfStep(
        "mass change: the centre does not acknowledge what was told; the same command goes on "
        "when the line is back"
    )


# --- who gets a letter ----------------------------------------------------------------------------


def of_change(network: Network, town: Municipality, number: str) -> list[Record]:
    """The live records whose codes a mass change has changed, as they stand today."""
    persons = town.mass_changes.changed(number, network.line.now)
    return _live(town, persons)


def drawn_since(town: Municipality, day: date) -> list[Record]:
    """The live records that were given a code of the pool since a day: births, changes, entries."""
    with town.store.begin() as tx:
        persons = [
            entry.person
            for entry in book.entries_since(tx, day)
            if isinstance(entry.changes.code, ResidentCode)
        ]
        kept = book.records(tx, dict.fromkeys(persons))
        held = codes.CODES.get_many(tx, "code", [one.record.code.digits for one in kept.values()])
        from_pool = {row.code for row in held if row.ordinal}
    return [
        one.record
        for one in kept.values()
        if one.record.live and one.record.code.digits in from_pool
    ]


def _live(town: Municipality, persons: Iterable[int]) -> list[Record]:
    wanted: Sequence[int] = list(persons)
    with town.store.begin() as tx:
        kept = book.records(tx, wanted)
    return [kept[one].record for one in wanted if one in kept and kept[one].record.live]
