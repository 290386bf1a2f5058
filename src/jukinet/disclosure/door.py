"""The door: the only place where personal data leaves Jukinet (本人確認情報の提供).

Four steps, always in this order: is it allowed, what is least, write it down, answer. The receipt
comes before the answer. If we crash between the two, the resident sees a disclosure that never
happened; the other order would hide one that did.

An inquiry is kept as a frozen `Pending` while the ledger writes and the keepers work; each function
here takes one and gives the next. Nothing here waits for anybody.

A person who is hidden (支援措置) and one who is unknown are asked for, written down, opened and
answered in exactly the same way; see `second_round`.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256

import msgspec

from jukinet.disclosure.minimise import Seen, answers
from jukinet.errors import Refused
from jukinet.law.inquiry import ByHandle, BySearch, Content, Inquiry, Receipt, Verdict
from jukinet.law.leaf import (
    Body,
    DisclosureLeaf,
    InquiryLeaf,
    RefusalLeaf,
    body_of,
    item_names,
    leaf_time,
    public_asker,
)
from jukinet.law.notice import Notice
from jukinet.law.personal import Personal
from jukinet.law.schedule import Grant, Kind, Receiver, Schedule

ASKED_WITHIN = timedelta(minutes=10)


class Candidate(Personal, frozen=True, kw_only=True):
    """Somebody whom an inquiry may mean, still sealed."""

    prefecture: str
    locator: bytes
    payload: bytes
    wrapped: bytes
    context: bytes  # what both seals are bound to
    gone_to: str = ""  # a newer state stands in this prefecture


class Pending(Personal, frozen=True, kw_only=True):
    """An inquiry on its way through the four steps."""

    asker: str  # the node that waits for the answer
    inquiry: Inquiry
    signed: bytes
    receiver: Receiver
    asker_prefecture: str
    received_at: datetime
    grant: Grant | None = None
    known_at: datetime | None = None
    inquiry_receipt: Receipt | None = None
    candidates: tuple[Candidate, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    round: int = 1
    seen: Seen | None = None  # the one person who may be shown
    chosen: int = 0  # which of the candidates that is
    history: tuple[Notice, ...] = ()
    rule: str = ""
    reason: str = ""

    @property
    def order(self) -> str:
        """SHA-256 of the signed inquiry, hexadecimal."""
        return sha256(self.signed).hexdigest()

    @property
    def body(self) -> Body:
        """What the resident may read of it."""
        return body_of(self.inquiry, self.signed, self.grant)

    @property
    def sector(self) -> str:
        """The receiver's one affair."""
        assert self.grant is not None
        return self.grant.sector


# --- step one: is it allowed? -----------------------------------------------------------------


def covering(inquiry: Inquiry, receiver: Receiver, schedule: Schedule, now: datetime) -> Grant:
    """The row that covers an inquiry, or Refused with the rule that forbids it."""
    grant = schedule.grants.get(inquiry.row)
    if grant is None:
        raise Refused(
            f"row {inquiry.row}: no schedule has it; name a row of Tables 1-5", rule="no-such-row"
        )
    if grant.receiver != receiver.id:
        raise Refused(
            f"row {inquiry.row}: it is for {grant.receiver}, not for {receiver.id} (art. 30-9)",
            rule="not-your-row",
        )
    if not grant.in_force(_day(now)):
        raise Refused(
            f"row {inquiry.row}: it is in force from {grant.valid_from} to "
            f"{grant.valid_to or 'further notice'}, not today",
            rule="not-in-force",
        )
    if inquiry.kind not in grant.kinds:
        allowed = ", ".join(sorted(grant.kinds))
        raise Refused(
            f"row {inquiry.row}: a question of kind {inquiry.kind} is not allowed; ask {allowed}",
            rule="kind-not-allowed",
        )
    if not inquiry.items <= grant.items:
        allowed = ", ".join(item_names(grant.items)) or "none"
        raise Refused(
            f"row {inquiry.row}: the affair needs no more than these items: {allowed}",
            rule="items-not-allowed",
        )
    if abs(now - inquiry.asked_at) > ASKED_WITHIN:
        raise Refused(
            "asked_at: the inquiry is older or newer than ten minutes; ask again with the time "
            "of now",
            rule="stale",
        )
    return grant


def _day(now: datetime) -> date:
    return now.date()


# --- step three: write it down (two leaves for a handle, one for a search) ----------------------


def inquiry_leaf(pending: Pending) -> InquiryLeaf:
    """The leaf of a question by handle, before anything is opened."""
    agency, row = _public(pending)
    return InquiryLeaf(
        time=leaf_time(pending.received_at),
        agency=agency,
        row=row,
        kind=pending.inquiry.kind.value,
        items=item_names(pending.inquiry.items),
        count=1,
        order=pending.order,
    )


def disclosure_leaf(pending: Pending) -> DisclosureLeaf:
    """The leaf of a disclosure about one candidate; label and commitment are the writer's."""
    agency, row = _public(pending)
    return DisclosureLeaf(
        time=leaf_time(pending.received_at),
        agency=agency,
        row=row,
        kind=pending.inquiry.kind.value,
        items=item_names(pending.inquiry.items),
        count=1,
        labels=(),
        commitment="",
        inquiry=pending.inquiry_receipt.index if pending.inquiry_receipt else None,
    )


def refusal_leaf(pending: Pending) -> RefusalLeaf:
    """The leaf of a refusal."""
    agency, row = _public(pending)
    return RefusalLeaf(
        time=leaf_time(pending.received_at),
        agency=agency,
        row=row[:40],
        kind=pending.inquiry.kind.value,
        rule=pending.rule,
        commitment="",
        inquiry=pending.inquiry_receipt.index if pending.inquiry_receipt else None,
    )


def _public(pending: Pending) -> tuple[str, str]:
    row = pending.grant.id if pending.grant else _safe_row(pending.inquiry.row)
    return public_asker(pending.receiver, pending.asker_prefecture, row)


def _safe_row(row: str) -> str:
    """A row that no schedule has is shown only as far as it looks like one."""
    table, dash, number = row.partition("-")
    looks_right = dash and table.isascii() and table.isdecimal()
    return row if looks_right and number.isascii() and number.isdecimal() else "none"


# --- steps two and four: what is least, and the answer ------------------------------------------


def visible(pending: Pending, opened: Sequence[Notice | None]) -> list[tuple[int, Notice]]:
    """The candidates who may be shown and whom the inquiry fits."""
    subject = pending.inquiry.subject
    return [
        (place, notice)
        for place, notice in enumerate(opened)
        if notice is not None and not notice.hidden and _fits(subject, notice)
    ]


def _fits(subject: BySearch | ByHandle, notice: Notice) -> bool:
    if isinstance(subject, ByHandle):
        return True
    person = notice.person
    return (subject.sex is None or subject.sex is person.sex) and (
        subject.address is None or subject.address.key() == person.address.key()
    )


def second_round(pending: Pending, opened: Sequence[Notice | None]) -> bool:
    """Whether a second round of opening follows the first.

    It does where a newer state stands in another prefecture, and it does, with decoys, where
    nobody may be shown: so a person who is hidden here, hidden there, or not there at all costs
    the same statements and key operations.
    """
    if pending.round > 1:
        return False
    shown = visible(pending, opened)
    return not shown or any(pending.candidates[place].gone_to for place, _ in shown)


def decide(pending: Pending, opened: Sequence[Notice | None]) -> Pending:
    """The inquiry with the one person it shows, with nobody, or with the reason to refuse."""
    shown = visible(pending, opened)
    if len(shown) > 1:
        return msgspec.structs.replace(
            pending,
            rule="more-than-one",
            reason=(
                f"{len(shown)} people have this name, birth date and place; "
                "add sex or address and ask again"
            ),
        )
    if not shown:
        return pending
    place, notice = shown[0]
    return msgspec.structs.replace(pending, seen=Seen(now=notice), chosen=place)


def content(pending: Pending, *, number: str, handle: bytes) -> Content:
    """What is given: the least that the kind of question needs."""
    inquiry = pending.inquiry
    if pending.seen is None:
        verdict = Verdict.DIFFERENT if inquiry.kind is Kind.CONFIRM else None
        return Content(kind=inquiry.kind, known_at=pending.known_at, verdict=verdict)
    seen = msgspec.structs.replace(pending.seen, history=pending.history)
    return answers(inquiry, seen, known_at=pending.known_at, number=number, handle=handle)
