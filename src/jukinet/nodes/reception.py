"""Reception (受付): one notification into the town's book, or a word why not.

A refusal writes nothing and uses up no number. The same number twice is the same notification: it
is answered as the first time, and nothing is written; the same number with other content is a
mistake of the desk's. What the town's own node files for other offices bears numbers that no desk
may use.
"""

from collections.abc import Iterable
from datetime import date

from jukinet.errors import Malformed, Refused
from jukinet.keys.chance import Chance
from jukinet.law import notification as law
from jukinet.nodes.message import Filed, NotFiled
from jukinet.nodes.telling import Teller
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.register import book, codes, writing
from jukinet.register.acceptance import accept, check_number
from jukinet.register.gathering import gather
from jukinet.register.supply import Supply
from jukinet.store.engine import Transaction

LETTER, DUE, MASS = "letter/", "due/", "mass/"


class Reception:
    """Where notifications are accepted, in a transaction that is the caller's."""

    def __init__(
        self, town: MunicipalityCode, network: frozenset[str], teller: Teller, chance: Chance
    ) -> None:
        self.last = book.Last(0, 0, 0, "")
        self._stock: codes.Stock | None = None
        self._town = town
        self._network = network
        self._teller = teller
        self._chance = chance

    def at_desk(
        self, tx: Transaction, notification: law.Notification, today: date
    ) -> Filed | NotFiled:
        """Accept what a clerk hands in, unless it is not a clerk's to hand in."""
        try:
            _refuse_other_offices(notification)
        except (Malformed, Refused) as error:
            return _not_filed(notification.filed.number, error)
        return self.accept(tx, notification, today)

    def accept(
        self, tx: Transaction, notification: law.Notification, today: date
    ) -> Filed | NotFiled:
        """Accept one notification; a refusal says why and writes nothing."""
        number = notification.filed.number
        if self.last.day:  # a clock that went back makes no day of the book earlier
            today = max(today, date.fromisoformat(self.last.day))
        try:
            check_number(number)
            again = book.FILINGS.get(tx, number)
            if again is not None:
                return _again(again, notification)
            situation = gather(
                tx, notification, town=self._town, network=self._network, today=today
            )
            stock = self.stock(tx)
            draw = Supply(stock, self.last, self._chance)
            accepted = accept(notification, situation, draw, first_entry=self.last.entry + 1)
            words = self._teller.words_of(accepted)
        except (Malformed, Refused) as error:
            return _not_filed(number, error)
        writing.write(tx, notification, accepted, today=today, drawn=draw.from_pool)
        held = {bearer.code.digits for bearer in accepted.bearers}
        stock.spent(held, draw.from_pool.keys())
        self._teller.say(words)
        self.last = book.Last(
            self.last.entry + len(accepted.entries),
            draw.last_person,
            draw.last_household,
            today.isoformat(),
        )
        return Filed(
            number=number,
            persons=accepted.persons,
            households=writing.homes(accepted),
            late=accepted.late,
            again=False,
        )

    def stock(self, tx: Transaction) -> codes.Stock:
        """The codes that a transaction draws from: one stock for all its notifications."""
        if self._stock is None or self._stock.tx is not tx:
            self._stock = codes.Stock(tx)
        return self._stock

    def first_of(
        self, tx: Transaction, attempts: Iterable[law.Notification], today: date
    ) -> NotFiled | None:
        """Accept the first of some forms that can be; None, or why the last one cannot."""
        refused = None
        for notification in attempts:
            reply = self.accept(tx, notification, today)
            if isinstance(reply, Filed):
                return None
            refused = reply
        return refused


def _refuse_other_offices(notification: law.Notification) -> None:
    """Refused where a desk would speak for another town, or for the calendar."""
    if notification.filed.number.startswith((LETTER, DUE, MASS)):
        raise Malformed(
            f"number: those with {LETTER}, {DUE} and {MASS} are the node's own; give another"
        )
    if isinstance(notification, law.AttachmentArrived):
        raise Malformed("attachment: it comes with the former town's certificate, by letter alone")
    if isinstance(notification, law.Cancellation) and notification.cancels.startswith(LETTER):
        raise Refused(
            "cancels: that came from another town by letter; it is cancelled there, and this town "
            "is told (art. 9)"
        )


def _again(row: book.FilingRow, notification: law.Notification) -> Filed:
    """The same number twice is the same notification, or a mistake of the desk's."""
    if row.content != writing.content_of(notification):
        raise Refused("number: another notification bears it already; give this one its own")
    persons, households = writing.touched_by(row)
    return Filed(
        number=row.number, persons=persons, households=households, late=bool(row.late), again=True
    )


def _not_filed(number: str, error: Malformed | Refused) -> NotFiled:
    return NotFiled(number=number, malformed=isinstance(error, Malformed), reason=str(error))


def by_office(number: str, event_date: date, today: date) -> law.Filed:
    """How a notification that another office sends is filed."""
    return law.Filed(
        number=number,
        event_date=min(event_date, today),
        notice_date=today,
        who=law.Who.OFFICE,
        proof=law.Proof.OFFICE_PAPER,
    )
