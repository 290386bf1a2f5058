"""Residents (本人) at the centre: view keys, fresh numbers, and objections to entries.

A view key is given at a town's desk; that it is given stands on the person's own chain first, so
that a key which somebody else fetched is seen by its owner. So does the wish for fresh sector
numbers, and that two records are of one person. An objection comes with the key that opens the
entry objected to: only its resident has it. The agency is told, and its signed answer is written
down like the objection.

What waits for an answer is kept with the entry's key (`ledger.waiting`), so that the answer can be
sealed for the resident; it is removed with the answer, or by the next start after a crash between
the two. An objection that is sent again is told to the agency again, in the words that stand, and
stands once.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from msgspec.structs import replace

from jukinet.errors import Damaged, JukinetError, Malformed, Refused
from jukinet.index import whereabouts
from jukinet.index.generations import Generations
from jukinet.keys import ratchet
from jukinet.keys.sign import VerifyKey
from jukinet.law import leaf as leaves
from jukinet.law import objection as objections
from jukinet.law.inquiry import Receipt
from jukinet.law.leaf import (
    Body,
    BundleLeaf,
    DisclosureLeaf,
    FreshNumberLeaf,
    KeyGiven,
    NumberChanged,
    ObjectionAnswerLeaf,
    ObjectionLeaf,
    OpeningLeaf,
    ViewKeyLeaf,
    Words,
)
from jukinet.law.standing import day_of
from jukinet.ledger import chains, waiting
from jukinet.ledger.waiting import Waiting
from jukinet.ledger.writer import Draft, Ledger
from jukinet.nodes.centre.groups import Groups, Staged
from jukinet.nodes.centre.shelves import Shelves
from jukinet.nodes.keyring import Directory, opening_key
from jukinet.nodes.message import (
    CENTRE,
    AnswerObjection,
    FreshNumber,
    GiveViewKey,
    MergeRecords,
    Message,
    NotGiven,
    NumberIsFresh,
    Objected,
    Objection,
    ObjectionAnswered,
    ObjectionStands,
    Out,
    ViewKeyStands,
)
from jukinet.nodes.message import (
    Body as Said,
)

OPENING = opening_key("")
Objectionable = DisclosureLeaf | OpeningLeaf | BundleLeaf


class Residents:
    """What residents have written down."""

    def __init__(
        self,
        ledger: Ledger,
        groups: Groups,
        shelves: Shelves,
        generations: Generations,
        directory: Directory,
    ) -> None:
        self.closed = ""  # why nothing is taken just now
        self._ledger = ledger
        self._groups = groups
        self._shelves = shelves
        self._store = shelves.chains
        self._generations = generations
        self._sectors = {
            name.removeprefix(OPENING) for name in directory.group_keys if name.startswith(OPENING)
        }
        self._verify: Mapping[str, VerifyKey] = {
            name: VerifyKey(entry.verify) for name, entry in directory.agencies.items()
        }
        self._towns = directory.towns
        self._objecting: dict[bytes, list[tuple[str, bytes]]] = {}  # by label: who asked, for what
        self._answering: set[int] = set()
        self._out: Out = []

    def start(self) -> None:
        """Tell the agencies of answers that stand, of which a crash kept them from hearing."""
        with self._store.begin() as tx:
            rows = list(waiting.WAITING.everything(tx))
        for row in rows:
            label, _ = ratchet.objection_answer(row.entry_key)
            index = self._ledger.stands(label)
            if index is not None:
                self._groups.stage(Staged((), partial(self._answered_before, row, index)))

    def take_out(self) -> Out:
        """The replies that are ready."""
        out, self._out = self._out, []
        return out

    def _say(self, receiver: str, body: Said) -> None:
        self._out.append(Message(sender=CENTRE, receiver=receiver, body=body))

    # --- view keys --------------------------------------------------------------------------

    def give_key(self, sender: str, asked: GiveViewKey, now: datetime) -> None:
        """Have it written down that a desk gives a view key."""
        with self._store.begin() as tx:
            chain = chains.of(tx, [asked.locator]).get(asked.locator)
        if self.closed or sender not in self._towns or chain is None:
            unknown = "view key: the network knows no such person yet; try again tomorrow"
            self._say(sender, NotGiven(request=asked.request, reason=self.closed or unknown))
            return
        place = 0 if asked.past else chain.place
        body = KeyGiven(
            town=sender,
            official=asked.official,
            holder=asked.holder,
            epoch=chain.epoch,
            place=place,
            valid_to=asked.valid_to,
        )
        if len(body.encode()) > leaves.BODY_TEXT_MAX:
            reason = "official: it is too long to be written down"
            self._say(sender, NotGiven(request=asked.request, reason=reason))
            return
        leaf = ViewKeyLeaf(
            time=leaves.leaf_time(now),
            issuer=f"municipal/{sender[:2]}",
            labels=(),
            commitment="",
        )
        then = partial(self._key_stands, sender, asked, chain.epoch, place)
        self._groups.stage(Staged((Draft(leaf, body, asked.locator),), then))

    def _key_stands(
        self,
        sender: str,
        asked: GiveViewKey,
        epoch: int,
        place: int,
        receipts: tuple[Receipt, ...],
    ) -> None:
        (receipt,) = receipts
        self._say(
            sender,
            ViewKeyStands(request=asked.request, epoch=epoch, place=place, receipt=receipt),
        )

    # --- fresh numbers, and records that become one -----------------------------------------

    def fresh_number(self, sender: str, asked: FreshNumber, now: datetime) -> None:
        """Have it written down that a person has other numbers from now on."""
        try:
            self._refuse_unknown(sender, asked.locator)
            if asked.sector and asked.sector not in self._sectors:
                raise Refused("sector: the keepers have keys for none such")
        except Refused as error:
            self._say(sender, NotGiven(request=asked.request, reason=str(error)))
            return
        body = NumberChanged(town=sender, official=asked.official, sector=asked.sector)
        then = partial(self._renewed, sender, asked)
        self._change(sender, asked.request, body, (asked.locator,), then, now)

    def merge(self, sender: str, asked: MergeRecords, now: datetime) -> None:
        """Have it written down that two records are of one person, on the chains of both."""
        try:
            for locator in (asked.locator, asked.kept):
                self._refuse_unknown(sender, locator)
            with self._shelves.national.begin() as tx:
                kept = whereabouts.WHEREABOUTS.get(tx, asked.kept)
            if kept is None:
                raise Refused("merge: the network knows nothing of the record that is to be kept")
            self._generations.refuse_circle(asked.locator, asked.kept)
        except Refused as error:
            self._say(sender, NotGiven(request=asked.request, reason=str(error)))
            return
        body = NumberChanged(town=sender, official=asked.official, sector="", merged=True)
        then = partial(self._merged, sender, asked, kept.prefecture)
        self._change(sender, asked.request, body, (asked.locator, asked.kept), then, now)

    def _refuse_unknown(self, sender: str, locator: bytes) -> None:
        self._refuse_closed()
        with self._store.begin() as tx:
            known = chains.of(tx, [locator])
        if sender not in self._towns or not known:
            raise Refused("record: the network knows no such person yet; try again tomorrow")

    def _change(
        self,
        sender: str,
        request: bytes,
        body: NumberChanged,
        locators: tuple[bytes, ...],
        then: Callable[[tuple[Receipt, ...]], None],
        now: datetime,
    ) -> None:
        if len(body.encode()) > leaves.BODY_TEXT_MAX:
            reason = "official: it is too long to be written down"
            self._say(sender, NotGiven(request=request, reason=reason))
            return
        leaf = FreshNumberLeaf(
            time=leaves.leaf_time(now),
            issuer=f"municipal/{sender[:2]}",
            labels=(),
            commitment="",
        )
        self._groups.stage(Staged(tuple(Draft(leaf, body, one) for one in locators), then))

    def _renewed(self, sender: str, asked: FreshNumber, receipts: tuple[Receipt, ...]) -> None:
        self._generations.renew(asked.locator, asked.sector)
        self._say(sender, NumberIsFresh(request=asked.request, receipt=receipts[0]))

    def _merged(
        self, sender: str, asked: MergeRecords, prefecture: str, receipts: tuple[Receipt, ...]
    ) -> None:
        self._generations.merge(asked.locator, asked.kept, prefecture)
        self._say(sender, NumberIsFresh(request=asked.request, receipt=receipts[0]))

    # --- objections -------------------------------------------------------------------------

    def object(self, sender: str, asked: Objection, now: datetime) -> None:
        """Have an objection written down, and tell the agency."""
        try:
            self._refuse_closed()
            leaf, body = self._entry(asked)
            words = objections.words("", asked.text)
        except JukinetError as error:
            self._say(sender, NotGiven(request=asked.request, reason=str(error)))
            return
        label, _ = apart = ratchet.objection(asked.entry_key)
        if label in self._objecting:
            self._objecting[label].append((sender, asked.request))
            return
        stands = self._ledger.stands(label)
        if stands is not None:
            self._stands_already(sender, asked, body, label, stands)
            return
        objection = ObjectionLeaf(
            time=leaves.leaf_time(now),
            agency=leaf.agency,
            row=leaf.row,
            labels=(),
            commitment="",
            entry=asked.entry,
            about=asked.label.hex(),
            answer_by=str(objections.answer_by(day_of(now))),
        )
        self._objecting[label] = [(sender, asked.request)]
        then = partial(self._objected, asked, body, label, objection.answer_by)
        self._groups.stage(Staged((Draft(objection, words, apart=apart),), then))

    def _refuse_closed(self) -> None:
        if self.closed:
            raise Refused(self.closed)

    def _entry(self, asked: Objection) -> tuple[Objectionable, Body]:
        """The entry that is objected to, opened by the key that the resident shows."""
        log = self._ledger.log
        if not 0 <= asked.entry < log.size:
            raise Malformed("entry: the log has no leaf of this number")
        leaf = leaves.decode(log.entry(asked.entry))
        if not isinstance(leaf, Objectionable):
            raise Refused("entry: this leaf is no disclosure, and can be objected to by nobody")
        sealed = self._ledger.sealed(asked.entry, leaf, asked.label)
        if sealed is None:
            raise Refused("entry: its sealed part was erased; object in writing, at the desk")
        try:
            _salt, body = leaves.open_under(asked.entry_key, asked.label, sealed)
        except Damaged:
            raise Refused("entry: this key does not open it; it is another person's") from None
        return leaf, leaves.decode_body(body)

    def _stands_already(
        self, sender: str, asked: Objection, body: Body, label: bytes, index: int
    ) -> None:
        """It was sent before: say so again, and tell the agency again while it has not answered."""
        waits = self._ledger.noted.objections.get(index)
        if waits is None:
            reason = f"objection: it stands in leaf {index}, and is answered; see your statement"
            self._say(sender, NotGiven(request=asked.request, reason=reason))
            return
        self._objecting[label] = [(sender, asked.request)]
        said = replace(asked, text=self._text(asked, label, index))
        then = partial(self._stood, said, body, label, waits.answer_by, index)
        self._groups.stage(Staged((), then))

    def _text(self, asked: Objection, label: bytes, index: int) -> str:
        """What an objection that stands says; as it was sent now, where that was erased."""
        _, key = ratchet.objection(asked.entry_key)
        try:
            _, words = leaves.open_under(key, label, self._ledger.log.body(index) or b"")
            return leaves.read_body(words, Words).text
        except Damaged:
            return asked.text

    def _stood(
        self,
        asked: Objection,
        body: Body,
        label: bytes,
        answer_by: str,
        index: int,
        _receipts: tuple[Receipt, ...],
    ) -> None:
        self._objected(asked, body, label, answer_by, (self._ledger.receipt(index),))

    def _objected(
        self,
        asked: Objection,
        body: Body,
        label: bytes,
        answer_by: str,
        receipts: tuple[Receipt, ...],
    ) -> None:
        (receipt,) = receipts
        row = Waiting(receipt.index, body.agency, asked.entry_key)
        with self._store.begin() as tx:
            waiting.WAITING.put(tx, row)
        told = Objected(
            objection=receipt.index,
            inquiry=body.inquiry,
            row=body.row,
            text=asked.text,
            answer_by=answer_by,
        )
        self._say(body.agency, told)
        for sender, request in self._objecting.pop(label):
            stands = ObjectionStands(request=request, answer_by=answer_by, receipt=receipt)
            self._say(sender, stands)

    def answer(self, sender: str, asked: AnswerObjection, now: datetime) -> None:
        """Have an agency's answer to an objection written down."""
        try:
            self._refuse_closed()
            key = self._verify.get(asked.agency)
            if key is None or sender != asked.agency:
                raise Refused("agency: it is not in the directory")
            key.verify(asked.answer, asked.signature)
            answer = objections.decode(asked.answer)
            words = objections.words(answer.official, answer.text)
            row = self._waits_for(sender, answer.objection)
        except JukinetError as error:
            self._say(sender, NotGiven(request=b"", reason=str(error)))
            return
        leaf = ObjectionAnswerLeaf(
            time=leaves.leaf_time(now),
            labels=(),
            commitment="",
            objection=answer.objection,
            outcome=answer.outcome,
        )
        apart = ratchet.objection_answer(row.entry_key)
        self._answering.add(answer.objection)
        then = partial(self._answered, sender, answer.objection)
        self._groups.stage(Staged((Draft(leaf, words, apart=apart),), then))

    def _waits_for(self, agency: str, objection: int) -> Waiting:
        """An objection that waits for an agency's answer; Refused where none does."""
        row = None
        if objection in self._ledger.noted.objections:
            with self._store.begin() as tx:
                row = waiting.WAITING.get(tx, objection)
        if row is None or row.agency != agency:
            raise Refused("objection: none of this number waits for your answer")
        if objection in self._answering:
            raise Refused("objection: it is answered already")
        return row

    def _answered(self, sender: str, objection: int, receipts: tuple[Receipt, ...]) -> None:
        with self._store.begin() as tx:
            waiting.WAITING.remove(tx, objection)
        self._answering.discard(objection)
        self._say(sender, ObjectionAnswered(objection=objection, receipt=receipts[0]))

    def _answered_before(self, row: Waiting, index: int, _receipts: tuple[Receipt, ...]) -> None:
        self._answered(row.agency, row.leaf, (self._ledger.receipt(index),))
