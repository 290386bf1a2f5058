"""The door: the only place where personal data leaves Jukinet (本人確認情報の提供).

Four steps, always in this order: is it allowed, what is least, write it down, answer. The receipt
comes before the answer. If we crash between the two, the resident sees a disclosure that never
happened; the other order would hide one that did.

An inquiry is kept as a frozen `Pending` while the ledger writes and the keepers work; each function
here takes one and gives the next. Nothing here waits for anybody.

A person who is hidden (支援措置) and one who is unknown are asked for, written down, opened and
answered in exactly the same way; see `needs_second_round`.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from msgspec.structs import replace

from jukinet.disclosure.minimise import Seen, answers, differs, nothing
from jukinet.disclosure.pseudonyms import Issued
from jukinet.errors import Refused
from jukinet.law.inquiry import ByHandle, BySearch, Content, Inquiry, Receipt
from jukinet.law.leaf import (
    JAPAN,
    Body,
    BundleLeaf,
    DeferredLeaf,
    DisclosureLeaf,
    GrantLeaf,
    InquiryLeaf,
    RefusalLeaf,
    body_of,
    item_names,
    leaf_time,
    public_asker,
)
from jukinet.law.notice import Notice
from jukinet.law.order import SignedOrder
from jukinet.law.personal import Personal
from jukinet.law.schedule import Grant, Kind, Receiver, Schedule
from jukinet.law.standing import StandingRows

ASKED_WITHIN = timedelta(minutes=10)


class Candidate(Personal, frozen=True, kw_only=True):
    """Somebody whom an inquiry may mean, still sealed."""

    prefecture: str
    town: str  # that told the newest state
    locator: bytes
    payload: bytes
    wrapped: bytes
    context: bytes  # what both seals are bound to
    gone_to: str = ""  # a newer state stands in this prefecture
    decoy: bool = False  # nobody: it stands in for somebody
    heard_at: datetime | None = None  # the last news of that town, where it was read besides


class Pending(Personal, frozen=True, kw_only=True):
    """An inquiry on its way through the four steps."""

    asker: str  # the node that waits for the answer
    inquiry: Inquiry
    signed: SignedOrder
    order: str  # SHA-256 of the signed order, hexadecimal
    place: int  # which of its questions this is
    of_many: bool = False  # its order has others
    receiver: Receiver
    asker_prefecture: str
    received_at: datetime
    grant: Grant | None = None
    known_at: datetime | None = None
    inquiry_receipt: Receipt | None = None
    candidates: tuple[Candidate, ...] = ()
    receipts: tuple[Receipt, ...] = ()  # one for each candidate
    opened: tuple[Notice | None, ...] = ()  # what the first round has opened
    elsewhere: tuple[Candidate, ...] = ()  # who is opened in the second
    person: Candidate | None = None  # the one who may be shown, where the newest state stands
    seen: Seen | None = None  # as opened
    chosen: int = 0  # which of the candidates that is
    past: tuple[Candidate, ...] = ()  # the states before, for a question about changes
    generation: int = 0  # of the numbers of the one who may be shown
    blind: bytes = b""  # by which the number is blinded
    renumbered: bool = False  # the handle was of a record that has become one with another
    answered: bool = False  # another leaf answers the inquiry's (that of an order)
    rule: str = ""
    reason: str = ""

    @property
    def body(self) -> Body:
        """What the resident may read of it."""
        return body_of(self.inquiry, self.order, self.place, self.grant)

    @property
    def sector(self) -> str:
        """The receiver's one affair."""
        assert self.grant is not None
        return self.grant.sector

    @property
    def receipt(self) -> Receipt:
        """The receipt that goes with the answer."""
        return self.receipts[self.chosen]


def day(now: datetime) -> date:
    """The day in Japan, by which rows are in force and handles expire."""
    return now.astimezone(JAPAN).date()


# --- step one: is it allowed? -----------------------------------------------------------------


def covering(
    inquiry: Inquiry,
    receiver: Receiver,
    schedule: Schedule,
    rows: StandingRows,
    now: datetime,
) -> Grant:
    """The row that covers an inquiry, or Refused with the rule that forbids it.

    It must be written in the schedule, and stand in the public log for its notice.
    """
    if abs(now - inquiry.asked_at) > ASKED_WITHIN:
        raise Refused(
            "asked_at: the inquiry is older or newer than ten minutes; ask again with the time "
            "of now",
            rule="stale",
        )
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
    if not grant.in_force(day(now)):
        raise Refused(
            f"row {inquiry.row}: it is in force from {grant.valid_from} to "
            f"{grant.valid_to or 'further notice'}, not today",
            rule="not-in-force",
        )
    _refuse_too_much(inquiry, grant)
    _refuse_deferral(inquiry, grant, day(now))
    _refuse_unannounced(inquiry, grant, rows, day(now))
    return grant


def _refuse_unannounced(inquiry: Inquiry, grant: Grant, rows: StandingRows, today: date) -> None:
    """What the log does not have yet, or not for long enough, does not count."""
    stood, newest = rows.in_effect(grant.id, today), rows.newest(grant.id)
    if stood is None or not _announced(inquiry, grant, stood, today):
        when = f"counts from {newest.counts_from} on" if newest else "is not in the public log yet"
        raise Refused(
            f"row {inquiry.row}: it is new or was widened, and {when}; until then nobody may ask "
            "so under it",
            rule="notice-period",
        )


def _announced(inquiry: Inquiry, grant: Grant, stood: GrantLeaf, today: date) -> bool:
    """Whether a row as the log has it allows an inquiry that the row as it is written allows."""
    last = today + timedelta(days=stood.deferral_days)
    return (
        (stood.receiver, stood.affair, stood.affair_ja)
        == (grant.receiver, grant.affair, grant.affair_ja)
        and stood.valid_from <= str(today) < (stood.valid_to or "9999")
        and inquiry.kind in stood.kinds
        and set(item_names(inquiry.items)) <= set(stood.items)
        and (inquiry.defer_to or last) <= last
    )


def _refuse_deferral(inquiry: Inquiry, grant: Grant, today: date) -> None:
    """An entry may be kept from its resident where the row says so, and no longer than it says."""
    if inquiry.defer_to is None:
        return
    last = today + timedelta(days=grant.deferral_days)
    if not today < inquiry.defer_to <= last:
        way = f"until {last} at most" if grant.deferral_days else "not at all"
        raise Refused(
            f"row {inquiry.row}: the entry may be kept from the resident {way} (defer_to)",
            rule="no-deferral",
        )


def _refuse_too_much(inquiry: Inquiry, grant: Grant) -> None:
    """The kind of question and the items: no more than the affair needs."""
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


# --- step three: write it down (two leaves for a handle, one for a search) ----------------------


def inquiry_leaf(pending: Pending, *, count: int = 1) -> InquiryLeaf:
    """The leaf of a question by handle, or of an order of many, before anything is opened."""
    agency, row = _public(pending)
    return InquiryLeaf(
        time=leaf_time(pending.received_at),
        agency=agency,
        row=row,
        kind=pending.inquiry.kind.value,
        items=item_names(pending.inquiry.items),
        count=count,
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


def deferred_leaf(pending: Pending, open_on: date) -> DeferredLeaf:
    """The leaf of a disclosure that its resident may see on a later day."""
    agency, row = _public(pending)
    return DeferredLeaf(
        time=leaf_time(pending.received_at),
        agency=agency,
        row=row,
        kind=pending.inquiry.kind.value,
        items=item_names(pending.inquiry.items),
        labels=(),
        commitment="",
        inquiry=pending.inquiry_receipt.index if pending.inquiry_receipt else None,
        open_on=str(open_on),
    )


def bundle_leaf(pending: Pending) -> BundleLeaf:
    """The leaf of all disclosures of an order; count and root are the writer's."""
    agency, row = _public(pending)
    return BundleLeaf(
        time=leaf_time(pending.received_at),
        agency=agency,
        row=row,
        kind=pending.inquiry.kind.value,
        items=item_names(pending.inquiry.items),
        count=0,
        root="",
        inquiry=pending.inquiry_receipt.index if pending.inquiry_receipt else None,
    )


def refusal_leaf(pending: Pending) -> RefusalLeaf:
    """The leaf of a refusal; it names the inquiry's unless a disclosure's does already."""
    agency, row = _public(pending)
    asked = None if pending.receipts or pending.answered else pending.inquiry_receipt
    return RefusalLeaf(
        time=leaf_time(pending.received_at),
        agency=agency,
        row=row,
        kind=pending.inquiry.kind.value,
        rule=pending.rule,
        commitment="",
        inquiry=asked.index if asked else None,
    )


def _public(pending: Pending) -> tuple[str, str]:
    return public_asker(pending.receiver, pending.asker_prefecture, pending.inquiry.row)


# --- steps two and four: what is least, and the answer ------------------------------------------


def needs_second_round(pending: Pending, opened: Sequence[Notice | None]) -> bool:
    """Whether a second round of opening follows the first.

    It does where a newer state stands in another prefecture, and it does, with decoys, where
    nobody may be shown: so a person who is hidden here, hidden there, or not there at all costs
    the same statements and key operations.
    """
    gone = any(candidate.gone_to for candidate in pending.candidates)
    return gone or not _shown(pending, opened)


def decide(pending: Pending, opened: Sequence[Notice | None]) -> Pending:
    """The inquiry with the one person it shows, or with nobody; Refused where there are several.

    Nobody is shown, either, where the claim of a question of kind confirm is not what the register
    has: "different" says nothing else, and gives no number and no handle.
    """
    shown = _shown(pending, opened)
    if len(shown) > 1:
        raise Refused(
            f"name: {len(shown)} people have this name, birth date and place; add sex or address "
            "and ask again",
            rule="more-than-one",
        )
    if not shown or differs(pending.inquiry, shown[0][2]):
        return pending
    ((place, person, notice),) = shown
    return replace(pending, chosen=place, person=person, seen=Seen(now=notice))


def _shown(
    pending: Pending, opened: Sequence[Notice | None]
) -> list[tuple[int, Candidate, Notice]]:
    """The candidates who may be shown and whom the inquiry fits, each as the newest state has it.

    That is what the second round has opened, unless a decoy stood in.
    """
    first = pending.opened or opened
    newest = list(zip(pending.candidates, first, strict=True))
    if pending.elsewhere:
        second = zip(pending.elsewhere, opened, strict=True)
        newest = [
            before if now[0].decoy else now for before, now in zip(newest, second, strict=True)
        ]
    return [
        (place, candidate, notice)
        for place, (candidate, notice) in enumerate(newest)
        if notice is not None
        and not notice.hidden
        and _fits(pending.inquiry.subject, notice, first[place])
    ]


def _fits(subject: BySearch | ByHandle, notice: Notice, before: Notice | None) -> bool:
    """Whether sex and address, where given, are the person's; the address may be the one left."""
    if isinstance(subject, ByHandle):
        return True
    if subject.sex is not None and subject.sex is not notice.person.sex:
        return False
    if subject.address is None:
        return True
    wanted = subject.address.key()
    known = (one for one in (notice, before) if one is not None and not one.hidden)
    return any(one.person.address.key() == wanted for one in known)


def with_history(pending: Pending, history: Sequence[Notice | None]) -> Pending:
    """The inquiry with the states before, as opened; a shredded one is left out."""
    assert pending.seen is not None
    notices = tuple(notice for notice in history if notice is not None)
    return replace(pending, seen=replace(pending.seen, history=notices))


def content(pending: Pending, issued: Issued) -> Content:
    """What is given: the least that the kind of question needs."""
    inquiry, known_at = pending.inquiry, pending.known_at
    if pending.seen is None:
        return nothing(inquiry, known_at=known_at)
    return answers(inquiry, pending.seen, known_at=known_at, issued=issued)


def needs_handle(pending: Pending) -> bool:
    """Whether a handle goes with the answer: the question came by one, or wants a number."""
    return pending.inquiry.numbered or isinstance(pending.inquiry.subject, ByHandle)


def needs_number(pending: Pending) -> bool:
    """Whether a number goes with the answer: it is wanted, or the one before counts no more.

    What is converted is numbered for another, and once more for nobody.
    """
    if pending.inquiry.kind is Kind.CONVERT:
        return False
    return pending.inquiry.numbered or pending.renumbered
