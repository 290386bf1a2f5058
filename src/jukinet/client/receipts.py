"""Receipts (受領証の照合): an answer counts only when its leaf is proved to be in the public log.

The agency's client checks, before it shows anything: the log's signature on the checkpoint and
enough witnesses', the proof that the leaf is in the tree, that the leaf says what was asked
(agency, row, kind, items) or by which rule it was refused, that the log's own rows allow it, and
that its commitment is to this very inquiry. An answer that fails is not shown. Nor does a log show
two roots of one size to the same client: that is evidence.
"""

from jukinet.errors import Refused
from jukinet.keys.seal import unpad
from jukinet.law import leaf as leaves
from jukinet.law.inquiry import (
    Answer,
    BySearch,
    Content,
    Inquiry,
    Receipt,
    Refusal,
    decode_content,
)
from jukinet.law.leaf import BundleLeaf, DeferredLeaf, Given, Leaf, RefusalLeaf
from jukinet.law.schedule import Receiver
from jukinet.law.standing import StandingRows
from jukinet.merkle import policy as policies
from jukinet.merkle import proof
from jukinet.merkle.checkpoint import Checkpoint
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.policy import Log, Policy
from jukinet.merkle.tree import leaf_hash, verify_inclusion


class LogKey:
    """By what a log is known: its key, the witnesses that must have signed too, and the last
    checkpoint that was accepted.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._note = b""
        self._checkpoint: Checkpoint | None = None

    @classmethod
    def parse(cls, text: str) -> "LogKey":
        """From a policy file, or from the log's key alone: then no witness needs to have signed."""
        if "\n" in text:
            return cls(policies.parse(text))
        return cls(Policy(policies.NONE, (Log(VerifierKey.parse(text)),)))

    def open(self, note: bytes) -> Checkpoint:
        """The checkpoint of a signed note; its signatures are verified once for each text.

        Raises Refused or Malformed where the note is not the log's, too few witnesses have signed
        it, or it shows another root than the log has shown for the same size.
        """
        if self._checkpoint is None or note != self._note:
            found = self.policy.open(note).checkpoint
            last = self._checkpoint
            if last is not None and found.size == last.size and found.root != last.root:
                raise Refused(
                    f"log: it has signed two roots of {found.size} leaves; keep this answer and "
                    "the one before, they prove it"
                )
            self._checkpoint, self._note = found, note
        return self._checkpoint


def check_receipt(receipt: Receipt, log: LogKey) -> Leaf:
    """The leaf of a receipt, proved to stand in the log; raises Refused or Malformed."""
    proved = proof.parse(receipt.proof)
    checkpoint = log.open(proved.checkpoint)
    if proved.index != receipt.index:
        raise Refused("receipt: the proof is of another leaf")
    verify_inclusion(
        leaf_hash(receipt.leaf),
        index=proved.index,
        size=checkpoint.size,
        proof=proved.hashes,
        root=checkpoint.root,
    )
    return leaves.decode(receipt.leaf)


def open_answer(
    answer: Answer | Refusal,
    inquiry: Inquiry,
    *,
    order: str,
    place: int,
    log: LogKey,
    receiver: Receiver,
    prefecture: str,
    rows: StandingRows,
) -> Content | None:
    """The content of an answer whose receipt verifies; None for a refusal whose receipt does.

    `order` is SHA-256 of the signed order, hexadecimal, and `place` which of its questions this is;
    `rows` are the schedule's as the log has them. Raises Refused where anything does not fit; then
    nothing of the answer may be used.
    """
    if answer.nonce != inquiry.nonce:
        raise Refused("answer: it is to another inquiry")
    leaf = check_receipt(answer.receipt, log)
    if isinstance(answer, Refusal):
        _check_refused(leaf, answer.rule)
    else:
        _check_disclosed(leaf, inquiry, rows)
    assert isinstance(leaf, RefusalLeaf | Given)
    if (leaf.agency, leaf.row) != leaves.public_asker(receiver, prefecture, inquiry.row):
        raise Refused("receipt: its leaf says another agency or row")
    if leaf.kind != inquiry.kind.value:
        raise Refused("receipt: its leaf says another kind of question")
    _check_bound(leaf, answer.receipt, order, place)
    return None if isinstance(answer, Refusal) else _content(answer, inquiry)


def check_record(leaf: Leaf, receipt: Receipt) -> None:
    """Refused or Malformed where a receipt's record is not in the bundle of its leaf."""
    if isinstance(leaf, BundleLeaf):
        verify_inclusion(
            leaf_hash(receipt.record),
            index=receipt.place,
            size=leaf.count,
            proof=receipt.path,
            root=bytes.fromhex(leaf.root),
        )
    elif receipt.record or receipt.place or receipt.path:
        raise Refused("receipt: its leaf is no bundle's, and has no record")


def _content(answer: Answer, inquiry: Inquiry) -> Content:
    """What is given, if it is of the kind that was asked and no more than was asked for."""
    content = decode_content(unpad(answer.content))
    given = set(content.items).union(*(change.items for change in content.changes))
    if content.kind is not inquiry.kind or not given <= inquiry.items:
        raise Refused("answer: it gives something else than was asked for")
    return content


def _check_refused(leaf: Leaf, rule: str) -> None:
    if not isinstance(leaf, RefusalLeaf):
        raise Refused("receipt: its leaf is not of a refusal")
    if leaf.rule != rule:
        raise Refused("receipt: its leaf says that another rule forbids the inquiry")


def _check_disclosed(leaf: Leaf, inquiry: Inquiry, rows: StandingRows) -> None:
    if not isinstance(leaf, Given):
        raise Refused("receipt: its leaf is not of a disclosure")
    if leaf.items != leaves.item_names(inquiry.items):
        raise Refused("receipt: its leaf says other items")
    if (leaf.inquiry is None) is not isinstance(inquiry.subject, BySearch):
        raise Refused("receipt: its leaf says that the person was named in another way")
    if isinstance(leaf, DeferredLeaf) is (inquiry.defer_to is None):
        raise Refused(
            "receipt: its leaf is kept from the resident, or is not, against what was asked"
        )
    if isinstance(leaf, DeferredLeaf) and leaf.open_on != str(inquiry.defer_to):
        raise Refused("receipt: its leaf is kept from the resident until another day")
    reason = rows.why_not(leaf)
    if reason:
        raise Refused(f"receipt: by the log's own rows the answer is not lawful: {reason}")


def _check_bound(leaf: RefusalLeaf | Given, receipt: Receipt, order: str, place: int) -> None:
    check_record(leaf, receipt)
    committed = receipt.record[16:].hex() if isinstance(leaf, BundleLeaf) else leaf.commitment
    if leaves.commitment(receipt.salt, receipt.body) != committed:
        raise Refused("receipt: its leaf does not commit to what was given with it")
    body = leaves.decode_body(receipt.body)
    if (body.inquiry, body.place) != (order, place):
        raise Refused("receipt: its leaf commits to another inquiry")
