"""Three witnesses on the line, two wanted: nothing leaves before, whoever fails, lies or comes back."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from tests.forgetful_disk import ForgetfulDisk, PowerCut
from tests.nation import Nation, copied, put_back, search, witness_key
from tests.support import CHIYODA, NOON

from jukinet.client.comparing import compare
from jukinet.errors import JukinetError
from jukinet.keys.sign import SigningKey
from jukinet.law.inquiry import Answer, Refusal
from jukinet.law.schedule import Kind
from jukinet.ledger.log import Log
from jukinet.merkle import checkpoint as checkpoints
from jukinet.merkle import note, tree
from jukinet.merkle import policy as policies
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.witnessing import parse_question
from jukinet.nodes.centre import node as centre_node
from jukinet.nodes.message import (
    AddCheckpoint,
    Cosigned,
    GiveViewKey,
    KeeperOrder,
    Message,
    NotGiven,
    Objection,
    RowLeaves,
    Tick,
)

GIVEN = KeeperOrder | Answer | Refusal | RowLeaves
W0, W1, W2 = (witness_key(at)[0] for at in range(3))


@pytest.fixture(scope="module")
def base():
    """A nation under three witnesses, in which somebody has been asked about."""
    nation = Nation((CHIYODA,), ("pension", "tax"), witnesses=3, wanted=2)
    (person,) = nation.enter(CHIYODA)
    record = nation.record(CHIYODA, person)
    assert nation.ask("pension", "1-73", "standing", search(record)).content is not None
    return nation, record


@pytest.fixture
def somebody(base):
    return base[0].copy(), base[1]


def ask(nation, record, times=1) -> None:
    """Questions are sent; what comes of them is for the test to see."""
    for _ in range(times):
        nation.line.post(nation.question("pension", "1-73", "standing", search(record)))
    nation.line.run()


def answered(nation) -> int:
    return sum(one.content is not None for one in nation.outcomes("pension"))


def signers(nation) -> set[str]:
    policy = policies.parse(nation.directory.policy)
    return set(policy.open(nation.disk.read("checkpoint")).names)


def lost(nation, name) -> None:
    """What was sent to a node that no line led to is lost."""
    nation.line.listen(name).clear()


# --- enough, and not before ------------------------------------------------------------------------


def test_nothing_is_given_before_two_have_cosigned(somebody):
    nation, record = somebody
    with nation.carried() as carried:
        ask(nation, record)
    assert answered(nation) == 1
    round_, signed = -1, set()
    for one in carried:
        body = one.body
        if isinstance(body, AddCheckpoint) and body.asked != round_:
            round_, signed = body.asked, set()
        elif isinstance(body, Cosigned) and body.asked == round_:
            signed.add(one.sender)
        elif isinstance(body, GIVEN):
            assert len(signed) >= 2, type(body).__name__
    assert sum(isinstance(one.body, GIVEN) for one in carried) == 5, "two keepers, two rounds"


def test_every_receipt_is_under_a_checkpoint_that_two_have_signed(somebody):
    nation, record = somebody
    with nation.carried() as carried:
        ask(nation, record)
    policy = policies.parse(nation.directory.policy)
    for one in carried:
        receipts = getattr(one.body, "receipts", ())
        if isinstance(one.body, Answer):
            receipts = (one.body.receipt,)
        for receipt in receipts:
            assert len(policy.open(receipt.proof.partition(b"\n\n")[2]).names) >= 2
    assert nation.audited().head.size == nation.centre.ledger.log.size


def test_one_dead_witness_of_three_stops_nobody(somebody):
    nation, record = somebody
    nation.cut_off(W1)
    ask(nation, record, times=3)
    assert answered(nation) == 3
    assert signers(nation) == {"w0", "w2"}


def test_two_dead_witnesses_stop_everything_until_one_returns(somebody):
    nation, record = somebody
    nation.cut_off(W0, W1)
    with nation.carried() as carried:
        ask(nation, record)
        size = nation.centre.ledger.log.size
        ask(nation, record, times=5)
        nation.later(minutes=9)
    assert not [one for one in carried if isinstance(one.body, GIVEN)]
    assert nation.agencies["pension"].waiting == 6
    assert nation.centre.ledger.log.size == size
    nation.back(nation.witness(0))
    nation.later(seconds=10)
    assert answered(nation) == 6
    assert signers(nation) >= {"w0", "w2"}
    nation.audited()


def test_a_dead_witness_that_returns_is_brought_up_to_date_by_a_proof(somebody):
    nation, record = somebody
    nation.cut_off(W1)
    ask(nation, record, times=3)
    assert answered(nation) == 3
    nation.back(nation.witness(1))
    with nation.carried() as carried:
        ask(nation, record)
    assert answered(nation) == 1
    replies = [one.body.status for one in carried if one.sender == W1]
    assert {*replies} == {200}
    (seen,) = nation.witness(1).seen()
    assert seen.size == nation.centre.ledger.log.size


def test_a_restarted_centre_asks_again_with_the_size_that_a_witness_names(somebody):
    nation, record = somebody
    nation.cut = frozenset({W0})
    nation = nation.restarted()
    nation.cut_off(W1)
    nation.back(nation.witness(0))
    with nation.carried() as carried:
        ask(nation, record)
    assert answered(nation) == 1
    asked = [parse_question(one.body.content) for one in carried if one.receiver == W0]
    size = asked[0].old_size, asked[1].old_size, nation.centre.ledger.log.size
    assert size == (0, size[2] - 2, size[2]), "the restart has left a leaf of its own"
    assert (len(asked[0].proof), len(asked[1].proof) > 0) == (0, True)
    assert [one.body.status for one in carried if one.sender == W0] == [409, 200]
    assert nation.centre.out_of_step == []


# --- what piles up ---------------------------------------------------------------------------------


def stopped(nation, monkeypatch, record, most=8) -> None:
    """Two witnesses are dead, a group waits for them, and few more may wait."""
    monkeypatch.setattr(centre_node, "STAGED_MAX", most)
    nation.cut_off(W0, W1)
    ask(nation, record)


def test_more_questions_than_may_wait_are_turned_away_and_the_others_answered(
    somebody, monkeypatch
):
    nation, record = somebody
    stopped(nation, monkeypatch, record)
    ask(nation, record, times=20)
    rejected = nation.outcomes("pension")
    # The first group counts as long as it waits for the witnesses.
    assert [one.rule for one in rejected] == ["rejected"] * 13
    assert all("witnesses do not answer" in one.refused for one in rejected)
    nation.back(nation.witness(0))
    nation.later(seconds=10)
    assert answered(nation) == 8
    ask(nation, record)
    assert answered(nation) == 1


def test_an_order_counts_for_as_many_as_it_asks_about(somebody, monkeypatch):
    nation, record = somebody
    stopped(nation, monkeypatch, record)
    agency = nation.agencies["pension"]
    for _ in range(3):
        order = agency.ask_many(
            row="1-73", kind=Kind.STANDING, subjects=[search(record)] * 5, now=nation.line.now
        )
        nation.line.post(order)
    nation.line.run()
    assert len(nation.outcomes("pension")) == 5  # the third order is one too many
    assert nation.centre._groups.waiting == 11


@pytest.mark.parametrize(
    ("sender", "body"),
    [
        pytest.param(
            CHIYODA,
            GiveViewKey(
                request=b"r" * 16,
                locator=b"l" * 16,
                official="x",
                holder="self",
                past=True,
                valid_to="2027-01-01",
            ),
            id="a view key",
        ),
        pytest.param(
            "resident",
            Objection(request=b"r", entry=0, label=b"l" * 16, entry_key=b"k" * 32, text="wrong"),
            id="an objection",
        ),
    ],
)
def test_desks_and_residents_wait_no_longer_than_agencies(somebody, monkeypatch, sender, body):
    nation, record = somebody
    stopped(nation, monkeypatch, record, most=1)
    replies = nation.centre.step(
        Message(sender=sender, receiver="centre", body=body), nation.line.now
    )
    (reply,) = [one.body for one in replies if isinstance(one, Message)]
    assert isinstance(reply, NotGiven)
    assert "witnesses do not answer" in reply.reason


# --- witnesses that lie ------------------------------------------------------------------------------


class Says:
    """A witness that says what a test wants; `honest` is what a true one would."""

    def __init__(self, nation, at, reply: Callable[[Message, Cosigned], tuple[int, bytes]]) -> None:
        self.name = witness_key(at)[0]
        self._true = nation.witness(at)
        self._reply = reply
        self.asked = 0

    def start(self, now):
        return []

    def step(self, message, now):
        self.asked += 1
        (honest,) = self._true.step(message, now)
        status, content = self._reply(message, honest.body)
        body = Cosigned(asked=message.body.asked, status=status, content=content)
        return [Message(sender=self.name, receiver=message.sender, body=body)]


def lying(nation, at, reply) -> Says:
    nation.cut_off(witness_key(at)[0])
    liar = Says(nation, at, reply)
    nation.back(liar)
    return liar


def line_over(text, at, kind="cosigned") -> bytes:
    name, key = witness_key(at)
    return note.cosign(text, name=name, key=key, time_seconds=1).line.encode()


def text_of(message) -> str:
    content = message.body.content
    return note.parse(content[content.index(b"\n\n") + 2 :]).text


def another_text(message, honest):
    """Signed below the log's own signature, as if that were part of the text."""
    content = message.body.content
    whole = content[content.index(b"\n\n") + 2 :].decode()
    return 200, b"\n" + line_over(whole, 0)


LIES = {
    "nothing": lambda message, honest: (200, b""),
    "garbage": lambda message, honest: (200, b"\xff\x00 garbage"),
    "half a line": lambda message, honest: (200, honest.content[:-5]),
    "another witness's line": lambda message, honest: (200, line_over(text_of(message), 1)),
    "a stranger's line": lambda message, honest: (200, line_over(text_of(message), 9)),
    "a line over another checkpoint": lambda message, honest: (
        200,
        line_over(checkpoints.Checkpoint("jukinet.test/ledger", 1, bytes(32)).text, 0),
    ),
    "a line over the signed note": another_text,
    "a thousand lines": lambda message, honest: (200, honest.content * 1000),
    "a megabyte": lambda message, honest: (200, bytes(1 << 20)),
    "an error": lambda message, honest: (503, b"my disk\n"),
    "a size that is none": lambda message, honest: (409, b"many\n"),
    "another size": lambda message, honest: (409, b"1\n"),
    "a size below nothing": lambda message, honest: (409, b"-1\n"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_what_a_lying_witness_says_does_no_harm(somebody, lie):
    nation, record = somebody
    lying(nation, 0, LIES[lie])
    ask(nation, record, times=2)
    assert answered(nation) == 2
    assert signers(nation) == {"w1", "w2"}
    assert any(W0 in one for one in nation.centre.out_of_step)


@pytest.mark.parametrize("lie", LIES)
def test_what_a_lying_witness_says_does_not_count(somebody, lie):
    nation, record = somebody
    lying(nation, 0, LIES[lie])
    nation.cut_off(W1)
    ask(nation, record)
    nation.later(seconds=20)
    assert nation.agencies["pension"].waiting == 1
    nation.back(nation.witness(1))
    nation.later(seconds=10)
    assert answered(nation) == 1


def test_good_lines_among_strangers_count(somebody):
    nation, record = somebody
    lying(
        nation,
        0,
        lambda message, honest: (
            honest.status,
            line_over(text_of(message), 9) + honest.content if honest.status == 200 else honest.content,
        ),
    )  # fmt: skip
    nation.cut_off(W1)
    ask(nation, record)
    assert answered(nation) == 1
    assert b"witness.test/w9" not in nation.disk.read("checkpoint")


def test_a_witness_that_names_one_size_after_the_other_is_asked_twice_and_left(somebody):
    nation, record = somebody
    sizes = iter(range(1, 10_000))
    liar = lying(nation, 0, lambda message, honest: (409, b"%d\n" % (next(sizes) % 5)))
    ask(nation, record)
    assert answered(nation) == 1
    assert liar.asked == 2


def test_a_late_reply_to_an_earlier_question_is_nothing(somebody):
    nation, record = somebody
    nation.cut_off(W0, W1)
    ask(nation, record)
    (late,) = nation.witness(0).step(nation.line.listen(W0)[-1], NOON)
    nation.later(minutes=1)
    late = replace(late, body=replace(late.body, asked=late.body.asked - 1))
    nation.line.post(late, replace(late, body=Cosigned(asked=0, status=409, content=b"1\n")))
    nation.line.run()
    assert nation.agencies["pension"].waiting == 1
    assert nation.centre.out_of_step == []


def test_nobody_but_a_witness_cosigns(somebody):
    nation, record = somebody
    nation.cut_off(W0, W1)
    ask(nation, record)
    asked = nation.line.listen(W0)[-1]
    (true,) = nation.witness(0).step(asked, NOON)
    nation.line.post(replace(true, sender="tax"), replace(true, sender=W1))
    nation.line.run()
    assert nation.agencies["pension"].waiting == 1
    nation.line.post(true)
    nation.line.run()
    assert answered(nation) == 1


# --- a log that was put back -------------------------------------------------------------------------


def put_back_a_question(base, *dead) -> tuple[Nation, object]:
    """A nation whose centre was restored from before a question that its witnesses have signed."""
    nation, record = base[0].copy(), base[1]
    shelves = ("13", "national", "chains")
    older, disk = {name: copied(nation.stores[name]) for name in shelves}, nation.disk.copy()
    ask(nation, record)
    assert answered(nation) == 1
    for name in shelves:
        put_back(nation.stores[name], older[name])
    nation.disk, nation.cut = disk, frozenset(dead)
    return nation.restarted(), record


def test_a_witness_that_knows_more_than_the_log_stops_the_centre_for_good(base):
    nation, record = put_back_a_question(base)
    size = nation.centre.ledger.log.size
    with nation.carried() as carried:
        ask(nation, record, times=3)
        nation.later(hours=13)
        ask(nation, record)
    assert any("put back to an older state" in one for one in nation.centre.out_of_step)
    assert not [one for one in carried if isinstance(one.body, GIVEN)]
    assert nation.centre.ledger.log.size == size
    assert [one.rule for one in nation.outcomes("pension")] == ["rejected"] * 4
    assert all(one.evidence() == [] for one in nation.witnesses)


@pytest.mark.parametrize("dead", [(W0, W1), (W1, W2), (W0, W2)])
def test_one_witness_alone_is_enough_to_notice_it(base, dead):
    nation, record = put_back_a_question(base, *dead)
    size = nation.centre.ledger.log.size
    ask(nation, record, times=3)
    assert nation.centre.ledger.log.size == size


def test_after_one_has_seen_more_the_signatures_of_the_others_do_not_help(base):
    nation, record = base[0].copy(), base[1]
    size = nation.centre.ledger.log.size
    lying(nation, 0, lambda message, honest: (409, b"%d\n" % (size + 99)))
    with nation.carried() as carried:
        ask(nation, record)
        nation.later(minutes=1)
    assert not [one for one in carried if isinstance(one.body, GIVEN)]
    written = nation.centre.ledger.log.size
    nation.later(hours=24)
    nation.centre.step(Message(sender="centre", receiver="centre", body=Tick()), nation.line.now)
    assert nation.centre.ledger.log.size == written


# --- a log with two faces ------------------------------------------------------------------------------


def forked(base) -> tuple[Nation, Nation]:
    """Two centres on copies of one disk, before the same witnesses; the second comes later."""
    first, second, record = base[0].copy(), base[0].copy(), base[1]
    ask(first, record)
    assert answered(first) == 1
    second.cut_off(W0, W1, W2)
    for one in first.witnesses:
        second.back(one)
    # Another question, so that there are two roots of one size.
    second.line.post(second.question("tax", "1-40", "standing", search(record)))
    second.line.run()
    second.later(seconds=30)
    return first, second


def test_a_forked_log_gets_no_second_signature_and_the_evidence_is_kept(base):
    first, second = forked(base)
    size = first.centre.ledger.log.size
    assert second.centre.ledger.log.size == size
    assert second.centre.ledger.log.root != first.centre.ledger.log.root
    assert second.agencies["tax"].outcomes == []
    assert second.agencies["tax"].waiting == 1
    log = VerifierKey.parse(first.directory.log)
    for witness in first.witnesses:
        (found,) = witness.evidence()
        assert (found.why, found.size) == ("fork", size)
        roots = {
            checkpoints.open_checkpoint(one, log=log).root for one in (found.kept, found.offered)
        }
        assert roots == {first.centre.ledger.log.root, second.centre.ledger.log.root}


def test_a_resident_who_compares_with_an_auditor_sees_the_fork(base):
    first, second = forked(base)
    log = VerifierKey.parse(first.directory.log)
    auditors = first.audited().note
    assert compare(second.mirror(), auditors, log).forked
    assert not compare(first.mirror(), auditors, log).forked
    older = base[0].disk.read("checkpoint")
    for nation in (first, second):
        assert not compare(nation.mirror(), older, log).forked


def test_a_fork_of_another_size_is_seen_from_the_tiles(base):
    first, second = forked(base)
    ask(first, base[1], times=2)
    log = VerifierKey.parse(first.directory.log)
    assert compare(first.mirror(), second.disk.read("checkpoint"), log).forked


# --- crashes --------------------------------------------------------------------------------------


def watch(disk: ForgetfulDisk, seen: dict[int, set[bytes]], log: VerifierKey) -> None:
    """Every checkpoint that is ever readable, by its size."""

    def look() -> None:
        if "checkpoint" in disk.names:
            try:
                found = checkpoints.open_checkpoint(disk.files[disk.names["checkpoint"]], log=log)
            except JukinetError:
                return  # torn, as a reader may find it; it reads again
            seen.setdefault(found.size, set()).add(found.root)

    disk.watch = look
    look()


def operations(base) -> int:
    """How many operations of the disk a question comes to."""
    nation, record = base[0].copy(), base[1]
    nation.disk.trace.clear()
    ask(nation, record)
    return len(nation.disk.trace)


@pytest.mark.parametrize("keeps", ["nothing", "everything", "some"])
def test_a_crash_at_any_step_of_the_disk_shows_no_second_root_and_no_answer_too_soon(base, keeps):
    log = VerifierKey.parse(base[0].directory.log)
    count = operations(base)
    assert count > 10
    for at in range(count):
        nation, record = base[0].copy(), base[1]
        seen: dict[int, set[bytes]] = {}
        watch(nation.disk, seen, log)
        nation.disk.fail(at, ("before", "middle", "after")[at % 3])
        with nation.carried() as carried, pytest.raises(PowerCut):
            ask(nation, record)
        assert not [one for one in carried if isinstance(one.body, Answer)]
        up = nation.crashed(keeps)
        watch(up.disk, seen, log)
        assert up.agencies["pension"].waiting == 0
        assert up.agencies["pension"].outcomes == []
        ask(up, record)
        assert answered(up) == 1
        assert len(signers(up)) == 3
        assert {len(roots) for roots in seen.values()} == {1}
        assert all(one.evidence() == [] for one in up.witnesses)
        up.audited()


def test_after_a_crash_before_the_witnesses_answer_the_same_checkpoint_is_cosigned(somebody):
    nation, record = somebody
    nation.cut_off(W0, W1, W2)
    ask(nation, record)
    stands = note.parse(nation.disk.read("checkpoint"))
    nation.cut = frozenset()
    up = nation.crashed("nothing")
    log, seen = up.centre.ledger.log, checkpoints.parse(stands.text)
    entries = [log.entry(index) for index in range(seen.size)]
    assert tree.root_of(tree.leaf_hashes(entries)) == seen.root
    assert log.size == seen.size + 1, "the restart has left a leaf of its own"
    assert len(signers(up)) == 3
    ask(up, record)
    assert answered(up) == 1
    up.audited()


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_disk_that_fails_once_under_the_witnesses_lines_is_tried_again(somebody, after):
    nation, record = somebody
    nation.cut_off(W2)
    nation.disk.trace.clear()
    cosign, failed = Log.cosign, []

    def fails(self, lines):
        if lines and not failed:
            failed.append(True)
            nation.disk.fail(after, "middle", OSError(28, "No space left on device"))
        cosign(self, lines)

    Log.cosign = fails
    try:
        ask(nation, record)
        assert failed
        assert answered(nation) == 0
        nation.later(seconds=20)
    finally:
        Log.cosign = cosign
    assert answered(nation) == 1
    assert len(signers(nation)) >= 2
    ask(nation, record)
    assert answered(nation) == 1
    nation.audited()


# --- the lines of a checkpoint ---------------------------------------------------------------------

KEY = SigningKey(bytes(range(32)))


def log_on(disk: ForgetfulDisk) -> Log:
    return Log.open(disk, origin="jukinet.test/ledger", key=KEY)


def cosigned(log: Log, at: int, seconds: int) -> str:
    name, key = witness_key(at)
    text = note.parse(log.checkpoint).text
    return note.cosign(text, name=name, key=key, time_seconds=seconds).line


@pytest.fixture
def log():
    disk = ForgetfulDisk()
    found = log_on(disk)
    found.append([b"one", b"two"], [None, None])
    return found, disk


def lines(content: bytes) -> list[tuple[str, bytes]]:
    return [(one.name, one.payload[:8]) for one in note.parse(content).signatures]


def at(seconds: int) -> bytes:
    return seconds.to_bytes(8, "big")


def test_cosigning_adds_lines_below_the_same_text(log):
    log, disk = log
    before = note.parse(log.checkpoint)
    log.cosign([cosigned(log, 0, 1), cosigned(log, 1, 1)])
    after = note.parse(disk.read("checkpoint"))
    assert after.text == before.text
    assert after.signatures[0] == before.signatures[0]
    assert disk.read("checkpoint") == log.checkpoint


def test_a_later_line_of_a_witness_takes_the_place_of_its_earlier_one(log):
    log, disk = log
    log.cosign([cosigned(log, 0, 1), cosigned(log, 1, 1)])
    log.cosign([cosigned(log, 0, 7)])
    assert lines(disk.read("checkpoint"))[1:] == [(W0, at(7)), (W1, at(1))]


def test_the_same_lines_again_write_nothing(log):
    log, disk = log
    log.cosign([cosigned(log, 0, 1)])
    count = len(disk.trace)
    log.cosign([cosigned(log, 0, 1)])
    log.cosign([])
    assert len(disk.trace) == count


def test_the_next_checkpoint_has_none_of_the_lines(log):
    log, disk = log
    log.cosign([cosigned(log, 0, 1)])
    log.append([b"three"], [None])
    assert len(lines(disk.read("checkpoint"))) == 1


def test_lines_are_still_there_when_the_log_is_opened_again(log):
    log, disk = log
    log.cosign([cosigned(log, 0, 1)])
    assert log_on(disk.after_crash("nothing")).checkpoint == log.checkpoint


@pytest.mark.parametrize("keeps", ["nothing", "everything", "some"])
@pytest.mark.parametrize("when", ["before", "middle", "after"])
def test_a_crash_at_any_step_leaves_all_the_lines_or_none(log, keeps, when):
    log, disk = log
    log.cosign([cosigned(log, 0, 1)])
    old, trial = log.checkpoint, disk.copy()
    count = len(trial.trace)
    log_on(trial).cosign([cosigned(log, 1, 1)])
    for step in range(len(trial.trace) - count):
        again = disk.copy()
        opened = log_on(again)
        begun = len(again.trace)
        again.fail(step, when)
        try:
            opened.cosign([cosigned(log, 1, 1)])
        except PowerCut:
            pass
        else:
            assert len(again.trace) - begun <= step
            continue
        up = log_on(again.after_crash(keeps))
        assert up.checkpoint in (old, note_with(old, cosigned(log, 1, 1)))
        assert (up.size, up.root) == (log.size, log.root)
        up.append([b"three"], [None])


def note_with(content: bytes, line: str) -> bytes:
    return content + line.encode()
