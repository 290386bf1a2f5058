"""A keeper's seat (保管者の席): one keeper whole, in its ceremonies and at its daily work.

Words of a ceremony go to its office; everything else to the keeper that works with the shares that
count. Where another epoch begins to count, the keeper of the old one makes room for that of the new
one between two messages: old and new shares never work together. Until it holds shares and knows
whom it works for, a keeper takes part in ceremonies and answers nothing else.
"""

from collections.abc import Callable
from datetime import datetime

from jukinet.errors import Refused
from jukinet.nodes.keeper import Keeper
from jukinet.nodes.message import AskStanding, Convene, Mail, Message, Out
from jukinet.nodes.office import Office


class Seat:
    """One keeper's node."""

    def __init__(
        self, office: Office, daily: Callable[[Office], Keeper | None], logged: Callable[[], int]
    ) -> None:
        """`daily` gives the keeper for the shares that an office holds; None where it has none.

        `logged` tells how many lines its own log has.
        """
        self.name = office.name
        self.office = office
        self._daily = daily
        self.logged = logged
        self.keeper = daily(office)

    def start(self, now: datetime) -> Out:
        """A keeper waits to be asked."""
        return []

    def step(self, message: Message, now: datetime) -> Out:
        """A word of a ceremony, or an order."""
        body = message.body
        if not isinstance(body, AskStanding | Convene | Mail):
            if self.keeper is None:
                raise Refused(
                    f"{self.name}: it holds no shares, or was not told for which network; hold a "
                    "ceremony, and give it the directory with `jukinet keeper join`"
                )
            return self.keeper.step(message, now)
        before = self.office.held
        said = self.office.answer(body, now)
        if self.office.held is not before:
            self.keeper = self._daily(self.office)
        return [Message(sender=self.name, receiver=message.sender, body=said)]
