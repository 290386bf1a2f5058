"""A public log for tests: people who are asked about, day by day, and runs where a day is closed."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.forgetful_disk import ForgetfulDisk
from tests.support import JST, chance, memory

from jukinet.client.mirror import Mirror
from jukinet.client.view_key import ViewKey
from jukinet.keys import group, ratchet
from jukinet.keys.sign import SigningKey
from jukinet.law import leaf as leaves
from jukinet.law.leaf import (
    Body,
    BundleLeaf,
    DeferredLeaf,
    DisclosureLeaf,
    Holder,
    InquiryLeaf,
    KeyGiven,
    ObjectionAnswerLeaf,
    ObjectionLeaf,
    OpeningLeaf,
    ViewKeyLeaf,
    Words,
)
from jukinet.law.notice import ChainStart
from jukinet.ledger import chains
from jukinet.ledger.closing import closing
from jukinet.ledger.log import Log
from jukinet.ledger.writer import Draft, Ledger, Part

ORIGIN = "example.org/ledger"
KEY = SigningKey(bytes(range(32)))
PEOPLE = "abcde"
MORNING = datetime(2026, 3, 30, 9, tzinfo=JST)


def locator(who: str) -> bytes:
    return who.encode().ljust(16, b"-")


def seed(who: str) -> bytes:
    return who.encode().ljust(32, b".")


def state(who: str, place: int) -> bytes:
    found = seed(who)
    for _ in range(place):
        found = ratchet.next_state(found)
    return found


def body(official: str = "A-1", row: str = "1-73") -> Body:
    return Body(
        agency="pension",
        official=official,
        row=row,
        affair="that the payee lives",
        kind="standing",
        items=(),
        subject="search",
        inquiry="0" * 64,
    )


class Logbook:
    """A ledger, and the day it has."""

    def __init__(
        self, people: str = PEOPLE, now: datetime = MORNING, key: SigningKey = KEY
    ) -> None:
        self.disk = ForgetfulDisk()
        self.now = now
        store = memory(chains.METADATA)
        self.log = Log.open(self.disk, origin=ORIGIN, key=key)
        self.ledger = Ledger(self.log, store, chance("logbook"))
        with store.begin() as tx:
            chains.start(
                tx,
                [
                    (locator(one), ChainStart(epoch=0, seed=seed(one), sealed_seed=b"s" * 80))
                    for one in people
                ],
            )

    # --- what happens -----------------------------------------------------------------------

    def ask(self, *people: str, official: str = "A-1") -> int:
        """A disclosure about each, in one group; the number of the first one's leaf."""
        leaf = self._leaf(DisclosureLeaf, count=1, labels=(), commitment="", inquiry=None)
        return self._write(*[Draft(leaf, body(official), locator(one)) for one in people])

    def fill(self, count: int) -> None:
        """Leaves without labels."""
        leaf = self._leaf(InquiryLeaf, count=1, order="0" * 64)
        self._write(*[Draft(leaf)] * count)

    def bundle(self, *people: str) -> int:
        leaf = self._leaf(BundleLeaf, count=len(people), root="", inquiry=None)
        parts = tuple(Part(body(f"bundle {one}"), locator(one)) for one in people)
        return self._write(Draft(leaf, parts=parts))

    def keep_back(self, who: str, open_on: str) -> int:
        leaf = self._leaf(DeferredLeaf, labels=(), commitment="", inquiry=None, open_on=open_on)
        keepers = group.base(group.scalar_of(7))
        return self._write(Draft(leaf, body("D-1"), locator(who), keepers=keepers))

    def open(self, deferred: int, who: str) -> int:
        leaf = self._leaf(OpeningLeaf, labels=(), commitment="", deferred=deferred)
        return self._write(Draft(leaf, body("D-1"), locator(who)))

    def give_key(self, who: str) -> int:
        leaf = ViewKeyLeaf(time=self.time, issuer="municipal/13", labels=(), commitment="")
        given = KeyGiven(
            town="131016",
            official="T-1",
            holder=Holder.SELF,
            epoch=0,
            place=0,
            valid_to="2027-03-31",
        )
        return self._write(Draft(leaf, given, locator(who)))

    def object(self, entry: int, who: str, place: int, text: str = "I was never paid") -> int:
        found = state(who, place)
        leaf = ObjectionLeaf(
            time=self.time,
            agency="pension",
            row="1-73",
            labels=(),
            commitment="",
            entry=entry,
            about=ratchet.label(found).hex(),
            answer_by="2026-05-01",
        )
        apart = ratchet.objection(ratchet.entry_key(found))
        return self._write(Draft(leaf, Words(official="", text=text), apart=apart))

    def answer(self, objection: int, who: str, place: int, text: str = "we erred") -> int:
        leaf = ObjectionAnswerLeaf(
            time=self.time, labels=(), commitment="", objection=objection, outcome="upheld"
        )
        apart = ratchet.objection_answer(ratchet.entry_key(state(who, place)))
        return self._write(Draft(leaf, Words(official="P-1", text=text), apart=apart))

    def close(self) -> None:
        """The day is over; what is to be closed is closed."""
        self.now += timedelta(days=1)
        made = closing(self.ledger, self.now)
        if made is not None:
            self.ledger.write(made.drafts, beside=made.files)

    # --- what is seen -----------------------------------------------------------------------

    @property
    def vkey(self) -> str:
        return str(self.log.verifier_key)

    def key(self, who: str) -> ViewKey:
        return ViewKey(log=self.vkey, epoch=0, place=0, state=seed(who).hex())

    def files(self) -> dict[str, bytes]:
        return {path: self.disk.read(path) for path in self.disk.names}

    def mirror(self, **changed: bytes | None) -> Mirror:
        return Mirror({**self.files(), **changed}.get)

    @property
    def time(self) -> str:
        return leaves.leaf_time(self.now)

    def _leaf(self, kind, **more):
        return kind(time=self.time, agency="pension", row="1-73", kind="standing", items=(), **more)

    def _write(self, *drafts: Draft) -> int:
        return self.ledger.write(drafts).first
