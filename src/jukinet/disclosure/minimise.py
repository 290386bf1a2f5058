"""Least answer: same, moved, dead or not found, where the affair needs no more.

Given the newest notice of the one person whom an inquiry means, and the wanted items, this gives
the content of the answer; nothing that was not asked for is in it, whatever else was opened.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from jukinet.disclosure.pseudonyms import Issued
from jukinet.law.identity import Item, Name, items_of
from jukinet.law.inquiry import Change, Claim, Content, Inquiry, Standing, Verdict
from jukinet.law.notice import Notice, Reason
from jukinet.law.personal import Personal
from jukinet.law.schedule import Kind
from jukinet.law.tags import second_name
from jukinet.names.match import MatchKey, name_key


class Seen(Personal, frozen=True, kw_only=True):
    """What was opened of the one person: the newest notice and, where asked for, those before."""

    now: Notice
    history: tuple[Notice, ...] = ()


_STANDINGS: Mapping[Reason, Standing] = {
    Reason.DEATH: Standing.DEAD,
    Reason.MOVE_OUT: Standing.MOVED,
    Reason.EX_OFFICIO_DELETION: Standing.UNKNOWN,
}


def standing(notice: Notice) -> Standing:
    """Resident, moved, dead, or unknown (deleted ex officio: it is not known where)."""
    if notice.live:
        return Standing.RESIDENT
    return _STANDINGS.get(notice.reason, Standing.UNKNOWN)


def nothing(inquiry: Inquiry, *, known_at: datetime | None) -> Content:
    """The content of an answer about nobody; whoever is hidden gets the same."""
    verdict = Verdict.DIFFERENT if inquiry.kind is Kind.CONFIRM else None
    return Content(kind=inquiry.kind, known_at=known_at, verdict=verdict)


def answers(
    inquiry: Inquiry,
    seen: Seen,
    *,
    known_at: datetime | None,
    issued: Issued,
) -> Content:
    """The content of an answer about the person who was found."""
    parts = _KINDS[inquiry.kind](inquiry, seen)
    return Content(
        kind=inquiry.kind,
        known_at=known_at,
        handle=issued.handle,
        ticket=issued.ticket,
        blind=issued.blind,
        parts=issued.parts,
        renumbered=issued.renumbered,
        **parts,  # type: ignore[arg-type]  # each kind fills its own fields
    )


def differs(inquiry: Inquiry, notice: Notice) -> bool:
    """Whether a claim is not what the register has: then nothing at all is given of the person."""
    return inquiry.claim is not None and not (notice.live and agrees(inquiry.claim, notice))


def _confirm(_inquiry: Inquiry, _seen: Seen) -> dict[str, object]:
    return {"verdict": Verdict.SAME}


def _standing(_inquiry: Inquiry, seen: Seen) -> dict[str, object]:
    return {"standing": standing(seen.now)}


def _items(inquiry: Inquiry, seen: Seen) -> dict[str, object]:
    return {"standing": standing(seen.now), "items": wanted(inquiry, seen.now)}


def _changes(inquiry: Inquiry, seen: Seen) -> dict[str, object]:
    assert inquiry.since is not None
    changes, before = [], None
    for notice in seen.history:
        if notice.hidden:  # a time in hiding stays hidden when it is over
            continue
        after = (standing(notice), wanted(inquiry, notice))
        if notice.event_date >= inquiry.since and after != before:
            changes.append(Change(event_date=notice.event_date, standing=after[0], items=after[1]))
        before = after
    return {"standing": standing(seen.now), "changes": tuple(changes)}


def _convert(_inquiry: Inquiry, _seen: Seen) -> dict[str, object]:
    return {}


_KINDS: Mapping[Kind, Callable[[Inquiry, Seen], dict[str, object]]] = {
    Kind.CONFIRM: _confirm,
    Kind.STANDING: _standing,
    Kind.ITEMS: _items,
    Kind.CHANGES: _changes,
    Kind.CONVERT: _convert,
}


def wanted(inquiry: Inquiry, notice: Notice) -> dict[Item, tuple[str, ...]]:
    """The wanted items and no more."""
    return {item: texts for item, texts in items_of(notice.person).items() if item in inquiry.items}


def agrees(claim: Claim, notice: Notice) -> bool:
    """Whether every claimed item is what the notice has (names by key, addresses by key)."""
    person = notice.person
    return (
        (claim.name is None or name_key(claim.name.text) in _name_keys(person.name))
        and (claim.birth_date is None or claim.birth_date == person.birth_date)
        and (claim.sex is None or claim.sex is person.sex)
        and (claim.address is None or claim.address.key() == person.address.key())
    )


def _name_keys(name: Name) -> set[MatchKey]:
    """The keys of the legal name and of the one that may stand beside it."""
    second, _ = second_name(name)
    return {name_key(text) for text in (name.legal.text, second) if text}
