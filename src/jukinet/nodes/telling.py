"""Telling (通知): what leaves a town because of an accepted notification.

A notice for everybody of whose six items, standing or seal the centre is to hear something new;
letters to other towns. What is to be told is made before anything is written, so that a notice
that cannot be made refuses its own notification and no other; all that one transaction tells goes
into the outbox at its end, in one piece.
"""

from collections.abc import Iterable
from datetime import date
from hashlib import sha256
from typing import NamedTuple

import msgspec

from jukinet.feed import outbox, reconcile
from jukinet.feed.link import Item
from jukinet.keys.chance import Chance
from jukinet.keys.sign import SigningKey
from jukinet.law.notice import Notice, Reason
from jukinet.law.record import Record
from jukinet.law.transfer import Letter
from jukinet.nodes.keyring import Directory, TownRing
from jukinet.nodes.letters import seal_letter
from jukinet.nodes.sealing import Seals, seal_notice
from jukinet.register.certificates import RESIDENCE
from jukinet.register.worksheet import Accepted
from jukinet.store.engine import Transaction


class Word(NamedTuple):
    """One thing to tell: the item, and of a notice the person's record after it."""

    item: Item
    of: Record | None


class Teller:
    """Makes a town's notices and letters, and writes them into its outbox."""

    def __init__(
        self,
        town: str,
        stream: str,
        *,
        ring: TownRing,
        signing: SigningKey,
        directory: Directory,
        chance: Chance,
    ) -> None:
        self._town = town
        self._stream = stream
        self._ring = ring
        self._signing = signing
        self._directory = directory
        self._chance = chance
        self._seals = Seals.of(directory)
        self._said: list[Word] = []

    def words_of(self, accepted: Accepted) -> list[Word]:
        """What an accepted notification has to tell; Malformed where no notice has room for it."""
        notices = [
            Word(self._notice(before, after, accepted), after)
            for person in accepted.persons
            if transmits(before := accepted.before.get(person), after := accepted.after[person])
        ]
        letters = [Word(self._letter(town.digits, one), None) for town, one in accepted.letters]
        return notices + letters

    def say(self, words: Iterable[Word]) -> None:
        """Tell this at the end of the transaction."""
        self._said += words

    def post(self, town: str, letter: Letter) -> None:
        """Tell another town this at the end of the transaction."""
        self._said.append(Word(self._letter(town, letter), None))

    def write(self, tx: Transaction) -> None:
        """The end of the transaction: everything said goes into the outbox."""
        words, self._said = self._said, []
        if not words:
            return
        last = outbox.append(tx, self._stream, [word.item for word in words])
        first = last - len(words) + 1
        reconcile.TOLD.put(
            tx,
            *[
                _told(word.of, number, word.item)
                for number, word in enumerate(words, start=first)
                if word.of is not None
            ],
        )

    def forget(self) -> None:
        """The transaction came to nothing: what was said in it is not told."""
        self._said = []

    def _letter(self, town: str, letter: Letter) -> Item:
        sealed = seal_letter(letter, self._town, town, self._signing, self._directory)
        return Item(kind="letter", body=_encode(sealed))

    def _notice(self, before: Record | None, after: Record, accepted: Accepted) -> Item:
        assert after.attachment is not None
        known = before.attachment if before else None
        notice = Notice(
            person=after.identification,
            reason=_reason(after, accepted.reason),
            event_date=_event_date(before, after, accepted),
            live=after.live,
            hidden=after.hidden,
            root=after.attachment.root,
        )
        sealed = seal_notice(
            notice,
            town=self._town,
            attachment=after.attachment,
            version=after.version,
            fresh_chain=known.epoch != after.attachment.epoch if known else _begins_chain(after),
            tag_key=self._ring.tags,
            code_key=self._ring.codes,
            seals=self._seals,
            chance=self._chance,
            kept=after.kept,
        )
        return Item(kind="notice", body=_encode(sealed))


def transmits(before: Record | None, after: Record) -> bool:
    """Whether the centre is to hear of a change: one of the six items, the standing, the seal.

    Of a person whose certificate is still to come nothing is told; then all that has become of it.
    """
    if after.attachment is None:
        return False
    if before is None or before.attachment is None:
        return True
    return _told_of(before) != _told_of(after)


def _told_of(record: Record) -> tuple[object, ...]:
    return (record.identification.pack(), record.live, record.hidden, record.attachment)


def _reason(after: Record, reason: Reason) -> Reason:
    """A notification that deletes one record corrects those that it touches besides."""
    if after.live and reason is Reason.EX_OFFICIO_DELETION:
        return Reason.EX_OFFICIO_CORRECTION
    return reason


def _event_date(before: Record | None, after: Record, accepted: Accepted) -> date:
    """The day of the event; of a move-in that waited for its certificate, the move-in's own."""
    if before is None or before.attachment is None:
        if accepted.reason is Reason.MOVE_IN:
            return after.resident_since
        if after.deleted is not None:
            return after.deleted.on
    return max(e.event_date for e in accepted.entries if e.person == after.number)


def _begins_chain(record: Record) -> bool:
    """Whether a person is new to the network, or has had a fresh seed since the certificate."""
    assert record.attachment is not None
    return record.version < 2 * RESIDENCE or record.attachment.epoch > 0


def _told(record: Record, number: int, item: Item) -> reconcile.Told:
    assert record.attachment is not None
    return reconcile.Told(
        record.number, record.attachment.locator, record.version, number, sha256(item.body).digest()
    )


_encode = msgspec.msgpack.Encoder().encode
