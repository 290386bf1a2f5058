"""A witness: signs what continues what it signed, keeps what does not, and forgets neither."""

from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.support import NOON

from jukinet.errors import Malformed, OutOfStep
from jukinet.keys.sign import LatticeKey, SigningKey
from jukinet.merkle import note
from jukinet.merkle.checkpoint import Checkpoint
from jukinet.merkle.note import Note, VerifierKey
from jukinet.merkle.policy import Witness as Known
from jukinet.merkle.policy import m_of_n
from jukinet.merkle.tree import EMPTY_ROOT, Edge, consistency, leaf_hash, node_hash
from jukinet.merkle.witnessing import (
    BAD,
    CONFLICT,
    COSIGNED,
    FORBIDDEN,
    INCONSISTENT,
    UNABLE,
    UNKNOWN,
    Question,
    parse_question,
)
from jukinet.nodes import witness
from jukinet.nodes.message import AddCheckpoint, Cosigned, Message, Tick
from jukinet.nodes.witness import FORK, RULE, SEEN, UNJOINED, Witness, verifier_of
from jukinet.store.engine import Store
from jukinet.store.migrate import migrate
from jukinet.wire.line import Line

ORIGIN, NAME = "example.org/log", "witness.example/w1"
LOG, OTHER = SigningKey(bytes([1]) * 32), SigningKey(bytes([2]) * 32)
LOG_KEY = VerifierKey(ORIGIN, LOG.public_bytes)
KEYS = (SigningKey(bytes([3]) * 32), LatticeKey(bytes([4]) * 32))
POLICY = m_of_n(
    LOG_KEY,
    [Known(f"w{at}", verifier_of(NAME, key)) for at, key in enumerate(KEYS)],
    1,
)


class Tree:
    """A log's leaves; two trees of one seed agree in their first leaves, of two seeds in none."""

    def __init__(self, *names):
        self.leaves = [leaf_hash(str(name).encode()) for name in names]

    def node(self, level, index):
        if not level:
            return self.leaves[index]
        return node_hash(self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1))

    def root(self, size):
        edge = Edge()
        edge.extend(self.leaves[:size])
        return edge.root

    def checkpoint(self, size, *extensions, key=LOG, origin=ORIGIN):
        text = Checkpoint(origin, size, self.root(size), extensions).text
        return bytes(Note(text, (note.sign(text, name=origin, key=key),)))

    def proof(self, old, new):
        return tuple(consistency(old_size=old, new_size=new, nodes=self.node)) if old else ()

    def ask(self, old, new, **more):
        return Question(old, self.proof(old, new), self.checkpoint(new, **more)).encode()


TREE, FORKED = Tree(*range(40)), Tree(*range(5), *"abcdefghijklmnopq")


@pytest.fixture
def store(store):
    migrate(store, witness_scripts())
    return store


def witness_scripts():
    return Path(witness.__file__).parent / "migrations" / "witness"


@pytest.fixture
def node(store):
    return Witness(NAME, store, KEYS, [LOG_KEY])


def status(node, content, now=NOON):
    return node.add_checkpoint(content, now).status


def why(node):
    return [row.why for row in node.evidence()]


def opened(question, reply):
    """The checkpoint with the witness's lines below it, as a client reads it."""
    return POLICY.open(parse_question(question).checkpoint + reply.body)


# --- what is signed ------------------------------------------------------------------------------


def test_a_checkpoint_that_continues_the_last_is_cosigned_with_every_key(node):
    for old, new in ((0, 3), (3, 7), (7, 8), (8, 40)):
        question = TREE.ask(old, new)
        reply = node.add_checkpoint(question, NOON)
        assert reply.status == COSIGNED
        found = opened(question, reply)
        assert found.names == ("w0", "w1")
        assert {one.time_seconds for one in found.cosigned} == {int(NOON.timestamp())}
    assert [(row.origin, row.size) for row in node.seen()] == [(ORIGIN, 40)]
    assert node.evidence() == []


def test_the_same_size_is_cosigned_again_at_its_new_time(node):
    node.add_checkpoint(TREE.ask(0, 7), NOON)
    question = TREE.ask(7, 7)
    reply = node.add_checkpoint(question, NOON + timedelta(seconds=9))
    times = {one.time_seconds for one in opened(question, reply).cosigned}
    assert times == {int(NOON.timestamp()) + 9}


def test_a_cosignatures_time_never_goes_back(node):
    node.add_checkpoint(TREE.ask(0, 7), NOON)
    question = TREE.ask(7, 8)
    reply = node.add_checkpoint(question, NOON - timedelta(days=1))
    times = {one.time_seconds for one in opened(question, reply).cosigned}
    assert times == {int(NOON.timestamp())}


def test_a_log_that_begins_again_with_further_lines_is_cosigned_with_them(node):
    question = Question(0, (), TREE.checkpoint(3, "a line of the log's own")).encode()
    reply = node.add_checkpoint(question, NOON)
    assert opened(question, reply).checkpoint.extensions == ("a line of the log's own",)


def test_lines_of_others_are_neither_needed_nor_kept(node):
    stray = note.sign(Checkpoint(ORIGIN, 3, TREE.root(3)).text, name="stray", key=OTHER).line
    assert status(node, TREE.ask(0, 3) + stray.encode()) == COSIGNED
    assert b"stray" not in node.seen()[0].note


def test_each_log_has_its_own_size_and_any_of_its_keys_may_sign(store):
    logs = [LOG_KEY, VerifierKey(ORIGIN, OTHER.public_bytes), VerifierKey("b", LOG.public_bytes)]
    node = Witness(NAME, store, KEYS, logs)
    assert status(node, TREE.ask(0, 3)) == COSIGNED
    assert status(node, TREE.ask(3, 4, key=OTHER)) == COSIGNED
    assert status(node, TREE.ask(0, 9, origin="b")) == COSIGNED
    assert {(row.origin, row.size) for row in node.seen()} == {(ORIGIN, 4), ("b", 9)}


# --- what is not ---------------------------------------------------------------------------------


class Case(NamedTuple):
    """What a witness that knows seven leaves says to a question."""

    content: bytes
    status: int
    why: tuple = ()
    body: bytes | None = None


CHECKPOINT = TREE.checkpoint(9)
CASES = [
    pytest.param(Case(b"", BAD), id="nothing"),
    pytest.param(Case(b"old 7\n\nhello\n", BAD), id="no note"),
    pytest.param(
        Case(b"old 7\n\n" + bytes(Note("hello\n", (note.sign("hello\n", name="x", key=LOG),))), BAD),
        id="a note that is no checkpoint",
    ),
    pytest.param(Case(TREE.ask(7, 9, origin="b"), UNKNOWN), id="a log that is not known"),
    pytest.param(Case(TREE.ask(7, 9, key=OTHER), FORBIDDEN), id="a key that is not known"),
    pytest.param(
        Case(TREE.ask(7, 9, origin="b", key=OTHER), UNKNOWN), id="neither: the log is looked at first"
    ),
    pytest.param(
        Case(TREE.ask(7, 9).replace(b"\n9\n", b"\n8\n"), FORBIDDEN), id="a text that was changed"
    ),
    pytest.param(Case(Question(7, (), TREE.checkpoint(6)).encode(), BAD), id="an old size above"),
    pytest.param(
        Case(Question(9, (), TREE.checkpoint(8, key=OTHER)).encode(), FORBIDDEN),
        id="above, and not signed: the key is looked at first",
    ),
    pytest.param(Case(TREE.ask(0, 9), CONFLICT, body=b"7\n"), id="no old size"),
    pytest.param(Case(TREE.ask(3, 9), CONFLICT, body=b"7\n"), id="an old size that is past"),
    pytest.param(Case(TREE.ask(8, 9), CONFLICT, body=b"7\n"), id="an old size to come"),
    pytest.param(Case(TREE.ask(3, 5), CONFLICT, body=b"7\n"), id="a checkpoint that is past"),
    pytest.param(Case(TREE.ask(0, 0), CONFLICT, body=b"7\n"), id="the empty tree"),
    pytest.param(Case(Question(7, (), CHECKPOINT).encode(), INCONSISTENT, (UNJOINED,)), id="no proof"),
    pytest.param(
        Case(Question(7, TREE.proof(7, 9)[::-1], CHECKPOINT).encode(), INCONSISTENT, (UNJOINED,)),
        id="hashes in another order",
    ),
    pytest.param(
        Case(Question(7, TREE.proof(7, 9), TREE.checkpoint(7)).encode(), INCONSISTENT, (UNJOINED,)),
        id="a proof to the same size",
    ),
    pytest.param(Case(FORKED.ask(7, 9), INCONSISTENT, (UNJOINED,)), id="another history, longer"),
    pytest.param(Case(FORKED.ask(7, 7), CONFLICT, (FORK,), b"7\n"), id="another history of the size"),
    pytest.param(
        Case(FORKED.ask(3, 7), CONFLICT, (FORK,), b"7\n"), id="another, and an old size that is past"
    ),
    pytest.param(Case(FORKED.ask(0, 7), CONFLICT, (FORK,), b"7\n"), id="another, and no old size"),
    pytest.param(
        Case(Question(7, TREE.proof(7, 9), FORKED.checkpoint(7)).encode(), INCONSISTENT, (FORK,)),
        id="another, and a proof to the same size",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_continue_is_refused_by_its_number_and_changes_nothing(node, case):
    assert status(node, TREE.ask(0, 7)) == COSIGNED
    before = node.seen()
    reply = node.add_checkpoint(case.content, NOON)
    assert reply.status == case.status
    assert "—" not in reply.body.decode()
    assert case.body is None or reply.body == case.body
    assert why(node) == [*case.why]
    assert node.seen() == before
    assert status(node, TREE.ask(7, 9)) == COSIGNED


# What another implementation of the protocol says of small trees.
EMPTY = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
WRONG = Checkpoint(ORIGIN, 0, leaf_hash(b"leaf"))
ONE = Checkpoint(ORIGIN, 1, leaf_hash(b"leaf"))
SMALL = [
    pytest.param(False, 0, (), EMPTY, COSIGNED, id="an empty tree"),
    pytest.param(False, 0, (), WRONG, INCONSISTENT, id="an empty tree with a leaf's root"),
    pytest.param(False, 0, (), Checkpoint(ORIGIN, 0, bytes(32)), INCONSISTENT, id="... of zeros"),
    pytest.param(False, 0, (ONE.root,), EMPTY, INCONSISTENT, id="an empty tree with a proof"),
    pytest.param(False, 0, (), ONE, COSIGNED, id="a first leaf"),
    pytest.param(False, 0, (ONE.root,), ONE, INCONSISTENT, id="a first leaf with a proof"),
    pytest.param(True, 0, (ONE.root,), ONE, CONFLICT, id="an old size that is past"),
    pytest.param(True, 1, (), EMPTY, BAD, id="an old size above"),
]


@pytest.mark.parametrize(("known", "old", "proof", "offered", "wanted"), SMALL)
def test_small_trees(node, known, old, proof, offered, wanted):
    def ask(old, proof, checkpoint):
        signed = note.sign(checkpoint.text, name=ORIGIN, key=LOG)
        return Question(old, proof, bytes(Note(checkpoint.text, (signed,)))).encode()

    if known:
        assert status(node, ask(0, (), ONE)) == COSIGNED
    assert status(node, ask(old, proof, offered)) == wanted
    again = offered.size if wanted == COSIGNED else old
    assert status(node, ask(again, proof, offered)) == wanted


# A request that another witness's tests send, with its log's key.
SIGSUM = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562"
SIGSUM_KEY = "ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f"
REQUESTS = [
    f"""old 0

{SIGSUM}
1
KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

— {SIGSUM} UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=
""",
    f"""old 1
KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=
KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

{SIGSUM}
5
QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=

— {SIGSUM} UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=
""",
    f"""old 1
KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

{SIGSUM}
3
RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=

— {SIGSUM} UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=
""",
]


def test_requests_of_another_log_are_read_and_a_late_one_does_not_roll_back(store):
    node = Witness(NAME, store, KEYS, [VerifierKey(SIGSUM, bytes.fromhex(SIGSUM_KEY))])
    replies = [node.add_checkpoint(request.encode(), NOON) for request in REQUESTS]
    assert [reply.status for reply in replies] == [COSIGNED, COSIGNED, CONFLICT]
    assert replies[2].known_size == 5
    assert node.seen()[0].size == 5


# --- evidence ------------------------------------------------------------------------------------


def test_a_fork_is_proved_by_two_notes_that_the_log_signed(node):
    node.add_checkpoint(TREE.ask(0, 7), NOON)
    node.add_checkpoint(FORKED.ask(7, 7), NOON)
    (row,) = node.evidence()
    kept, offered = (Checkpoint(ORIGIN, 7, tree.root(7)).text for tree in (TREE, FORKED))
    assert note.open_note(row.kept, [LOG_KEY]).text == kept
    assert note.open_note(row.offered, [LOG_KEY]).text == offered
    assert parse_question(row.question).old_size == 7
    assert row.offered_seconds == int(NOON.timestamp())


def test_one_checkpoint_is_kept_once_however_often_and_whoever_signed_it_besides(node):
    node.add_checkpoint(TREE.ask(0, 7), NOON)
    stray = note.sign(Checkpoint(ORIGIN, 7, FORKED.root(7)).text, name="stray", key=OTHER).line
    for content in (FORKED.ask(7, 7), FORKED.ask(0, 7), FORKED.ask(7, 7) + stray.encode()):
        assert status(node, content) == CONFLICT
    assert why(node) == [FORK]
    assert b"stray" not in node.evidence()[0].question


def test_a_bad_proof_is_forgotten_when_a_good_one_comes(node):
    node.add_checkpoint(TREE.ask(0, 7), NOON)
    assert status(node, Question(7, (), TREE.checkpoint(9)).encode()) == INCONSISTENT
    assert why(node) == [UNJOINED]
    assert status(node, TREE.ask(7, 9)) == COSIGNED
    assert why(node) == []


def test_what_could_not_be_joined_is_a_fork_when_another_of_its_size_is(node):
    node.add_checkpoint(TREE.ask(0, 7), NOON)
    assert status(node, FORKED.ask(7, 9)) == INCONSISTENT
    assert status(node, TREE.ask(7, 9)) == COSIGNED
    (row,) = node.evidence()
    assert (row.why, row.size) == (FORK, 9)
    assert note.open_note(row.kept, [LOG_KEY]).text == Checkpoint(ORIGIN, 9, TREE.root(9)).text


def test_nobody_but_the_log_can_make_evidence(node):
    node.add_checkpoint(TREE.ask(0, 7), NOON)
    node.add_checkpoint(FORKED.ask(7, 7, key=OTHER), NOON)
    assert node.evidence() == []


def test_evidence_of_one_log_has_a_bound(node, monkeypatch):
    monkeypatch.setattr(witness, "EVIDENCE_MAX", 2)
    node.add_checkpoint(TREE.ask(0, 7), NOON)
    for name in "abcd":
        assert status(node, Tree(*name * 7).ask(7, 7)) == CONFLICT
    assert [row.number for row in node.evidence()] == [1, 2]


# --- an inspector --------------------------------------------------------------------------------


def test_what_an_inspector_objects_to_is_not_signed_and_kept(store):
    node = Witness(
        NAME, store, KEYS, [LOG_KEY], lambda found: "leaf 8: no row" if found.size > 8 else ""
    )
    assert status(node, TREE.ask(0, 7)) == COSIGNED
    reply = node.add_checkpoint(TREE.ask(7, 9), NOON)
    assert (reply.status, reply.body) == (FORBIDDEN, b"leaf 8: no row\n")
    (row,) = node.evidence()
    assert (row.why, row.sentence, row.size) == (RULE, "leaf 8: no row", 9)
    assert row.kept == TREE.checkpoint(7)
    assert row.offered == TREE.checkpoint(9)
    assert [one.size for one in node.seen()] == [7]
    assert status(node, TREE.ask(7, 8)) == COSIGNED


def test_an_inspector_sees_only_what_could_be_signed(store):
    looked = []
    node = Witness(NAME, store, KEYS, [LOG_KEY], lambda found: looked.append(found.size) or "")
    for content in (
        TREE.ask(0, 7),
        FORKED.ask(7, 7),
        FORKED.ask(7, 9),
        TREE.ask(3, 9),
        TREE.ask(7, 9),
    ):
        node.add_checkpoint(content, NOON)
    assert looked == [7, 9]


def test_an_inspector_that_cannot_tell_is_no_reason_against_the_log(store):
    def inspect(found):
        raise OutOfStep("mirror: it is behind")

    node = Witness(NAME, store, KEYS, [LOG_KEY], inspect)
    reply = node.add_checkpoint(TREE.ask(0, 7), NOON)
    assert (reply.status, reply.body) == (UNABLE, b"mirror: it is behind\n")
    assert node.seen() == node.evidence() == []


# --- the order of writes -------------------------------------------------------------------------


class Pen:
    """Signs, and tells beforehand."""

    def __init__(self, tell):
        self.public_bytes = KEYS[0].public_bytes
        self._tell = tell

    def sign(self, message):
        self._tell()
        return KEYS[0].sign(message)


def test_a_checkpoint_is_committed_before_it_is_signed(store):
    known = []

    def tell():
        with store.begin() as tx:  # raises where the transaction of the question is still open
            known.append(SEEN.get(tx, ORIGIN).size)

    node = Witness(NAME, store, [Pen(tell)], [LOG_KEY])
    assert status(node, TREE.ask(0, 7)) == COSIGNED
    assert known == [7]


def test_a_commit_that_fails_signs_nothing(store, monkeypatch):
    signed = []
    node = Witness(NAME, store, [Pen(lambda: signed.append(1))], [LOG_KEY])

    def fail(self, driver):
        raise OutOfStep("store: the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "commit", fail)
        with pytest.raises(OutOfStep, match="full"):
            node.add_checkpoint(TREE.ask(0, 7), NOON)
    assert signed == node.seen() == []


def test_a_crash_between_commit_and_signing_costs_one_question_more(store):
    def crash():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Witness(NAME, store, [Pen(crash)], [LOG_KEY]).add_checkpoint(TREE.ask(0, 7), NOON)
    node = Witness(NAME, store, KEYS, [LOG_KEY])
    assert status(node, FORKED.ask(0, 7)) == CONFLICT
    assert node.add_checkpoint(TREE.ask(0, 7), NOON).known_size == 7
    assert status(node, TREE.ask(7, 7)) == COSIGNED


def test_a_witness_that_comes_up_again_still_refuses_a_fork(store):
    Witness(NAME, store, KEYS, [LOG_KEY]).add_checkpoint(TREE.ask(0, 7), NOON)
    store.close()
    node = Witness(NAME, store, KEYS, [LOG_KEY])
    assert status(node, FORKED.ask(7, 7)) == CONFLICT
    assert why(node) == [FORK]


def test_a_decayed_row_signs_nothing(node, store):
    node.add_checkpoint(TREE.ask(0, 7), NOON)
    with store.begin() as tx:
        tx.execute("UPDATE seen SET size = 5")
    with pytest.raises(OutOfStep, match="seen: the check"):
        node.add_checkpoint(TREE.ask(5, 7), NOON)


# --- on the line ---------------------------------------------------------------------------------


def test_a_witness_answers_on_the_line(node):
    line = Line(NOON)
    line.join(node)
    answers = line.listen("centre")
    body = AddCheckpoint(asked=3, content=TREE.ask(0, 7))
    line.post(Message(sender="centre", receiver=NAME, body=body))
    line.run()
    (answer,) = answers
    assert isinstance(answer.body, Cosigned)
    assert (answer.sender, answer.body.asked, answer.body.status) == (NAME, 3, COSIGNED)


def test_a_witness_takes_nothing_else(node):
    with pytest.raises(Malformed, match="takes no Tick"):
        node.step(Message(sender="centre", receiver=NAME, body=Tick()), NOON)


def test_the_public_keys_are_of_both_kinds_and_the_node_shows_no_others(node):
    kinds = [VerifierKey.parse(vkey).kind for vkey in node.vkeys]
    assert kinds == [note.COSIGNATURE_V1, note.SUBTREE_V1]
    assert sha256(bytes([3]) * 32).hexdigest() not in repr(node)
