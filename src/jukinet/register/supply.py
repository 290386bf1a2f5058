"""Supply (付番): fresh numbers for one acceptance; they count only once the book is written.

Codes come from the pool in the order of allotment. One that the same notification states for
somebody is passed over, so that it is nobody else's.
"""

from jukinet.errors import Malformed, Refused
from jukinet.keys.chance import Chance
from jukinet.law.identity import LOCATOR_BYTES, ROOT_BYTES, SEED_BYTES, Attachment
from jukinet.numbers.individual_number import IndividualNumber
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register import book, codes


class Supply:
    """What one acceptance draws from (worksheet.Draw).

    `passed_over` is how many codes of the stock are meant for others already.
    """

    def __init__(
        self, stock: codes.Stock, last: book.Last, chance: Chance, *, passed_over: int = 0
    ) -> None:
        self.last_person = last.person
        self.last_household = last.household
        self._stock = stock
        self._chance = chance
        self._place = passed_over
        self.from_pool: dict[str, codes.CodeRow] = {}
        self._taken: set[str] = set()

    def person(self) -> int:
        """The next record number."""
        self.last_person += 1
        return self.last_person

    def household(self) -> int:
        """The next household number."""
        self.last_household += 1
        return self.last_household

    def code(self) -> tuple[ResidentCode, IndividualNumber]:
        """The next code of the pool, or Refused where the pool is empty."""
        while (row := self._stock.at(self._place)) is not None:
            self._place += 1
            if row.code not in self._taken:
                self._taken.add(row.code)
                self.from_pool[row.code] = row
                return ResidentCode(row.code), IndividualNumber(row.individual_number)
        raise Refused(
            "code: this town's pool is empty; connect to the centre to have it refilled, the "
            "notification can wait (art. 30-2)"
        )

    def claim(self, code: ResidentCode) -> None:
        """Keep a stated code out of the draw; Malformed where it is stated or drawn already."""
        if code.digits in self._taken:
            raise Malformed(
                "code: two people of this notification would bear the same; compare the papers"
            )
        self._taken.add(code.digits)

    def attachment(self) -> Attachment:
        """A fresh locator, root and seed."""
        return Attachment(
            locator=self._chance(LOCATOR_BYTES),
            root=self._chance(ROOT_BYTES),
            epoch=0,
            seed=self.seed(),
        )

    def seed(self) -> bytes:
        """A fresh seed."""
        return self._chance(SEED_BYTES)
