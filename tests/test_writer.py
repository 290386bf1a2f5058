"""The writer: log and chains never disagree, whatever fails, and no label stands twice."""

import errno
from collections import Counter
from functools import cache
from random import Random

import pytest
from tests.forgetful_disk import ForgetfulDisk, PowerCut
from tests.nation import Crash, copied, crashing, put_back
from tests.support import NOON, chance, memory

from jukinet.client.receipts import LogKey, check_receipt
from jukinet.errors import OutOfStep
from jukinet.keys import ratchet
from jukinet.keys.sign import SigningKey
from jukinet.law import leaf as leaves
from jukinet.law.leaf import Body, DisclosureLeaf, InquiryLeaf, RefusalLeaf
from jukinet.law.notice import ChainStart
from jukinet.ledger import chains
from jukinet.ledger.chains import CHAINS, LABELS, Nonce
from jukinet.ledger.log import Log
from jukinet.ledger.writer import Draft, Ledger

ORIGIN = "example.org/ledger"
KEY = SigningKey(bytes(range(32)))
TIME = leaves.leaf_time(NOON)
PEOPLE = "abcde"
FULL = OSError(errno.ENOSPC, "No space left on device")


def locator(who: str) -> bytes:
    return who.encode().ljust(16, b"-")


def seed(who: str, epoch: int = 0) -> bytes:
    return f"{who} {epoch}".encode().ljust(32, b".")


def body(n: int = 0) -> Body:
    return Body(
        agency="pension",
        official=str(n),
        row="1-73",
        affair="that the payee lives",
        kind="standing",
        items=(),
        subject="search",
        inquiry="0" * 64,
    )


def disclosure(who: str, n: int = 0, nonce: Nonce | None = None) -> Draft:
    leaf = DisclosureLeaf(
        time=TIME,
        agency="pension",
        row="1-73",
        kind="standing",
        items=(),
        count=1,
        labels=(),
        commitment="",
        inquiry=None,
    )
    return Draft(leaf, body(n), locator(who), nonce)


def refusal() -> Draft:
    leaf = RefusalLeaf(
        time=TIME,
        agency="pension",
        row="1-73",
        kind="standing",
        rule="stale",
        commitment="",
        inquiry=None,
    )
    return Draft(leaf, body())


def inquiry() -> Draft:
    leaf = InquiryLeaf(
        time=TIME,
        agency="pension",
        row="1-73",
        kind="standing",
        items=(),
        count=1,
        order="0" * 64,
    )
    return Draft(leaf)


class Writer:
    """A ledger on a disk that forgets, with what its chains began with."""

    def __init__(self, disk=None, store=None, draws=0):
        self.disk = disk or ForgetfulDisk()
        self.store = store or memory(chains.METADATA)
        self.ledger = Ledger(self.log(), self.store, chance(draws), reopen=self.log)

    def log(self) -> Log:
        return Log.open(self.disk, origin=ORIGIN, key=KEY)

    def start(self, *people: str, epoch: int = 0) -> None:
        starts = [
            (locator(who), ChainStart(epoch=epoch, seed=seed(who, epoch), sealed_seed=b"s" * 80))
            for who in people
        ]
        with self.store.begin() as tx:
            chains.start(tx, starts)

    def crashed(self, keeps: str = "nothing", rng: Random | None = None) -> "Writer":
        return Writer(self.disk.after_crash(keeps, rng), self.store, draws="again")

    def labels(self) -> list[bytes]:
        """The labels that stand in the log, in order."""
        found = []
        for index in range(self.ledger.log.size):
            leaf = leaves.decode(self.ledger.log.entry(index))
            if isinstance(leaf, DisclosureLeaf):
                found += map(bytes.fromhex, leaf.labels)
        return found

    def check(self) -> None:
        """Chains stand where the log leads to; no label stands twice; nothing is missing here."""
        labels = self.labels()
        assert max(Counter(labels).values(), default=1) == 1
        with self.store.begin() as tx:
            assert chains.taken_in(tx) == self.ledger.log.size
            assert {row.label for row in LABELS.everything(tx)} == {*labels}
            for row in CHAINS.everything(tx):
                who = row.locator.rstrip(b"-").decode()
                state, place = seed(who, row.epoch), 0
                while ratchet.label(state) in labels:
                    state, place = ratchet.next_state(state), place + 1
                assert (row.place, row.state, row.label) == (place, state, ratchet.label(state))


@pytest.fixture
def writer():
    found = Writer()
    found.start(*PEOPLE)
    return found


# --- one group -----------------------------------------------------------------------------------


def test_two_drafts_for_one_person_get_labels_in_a_row(writer):
    writer.ledger.commit([disclosure("a"), disclosure("b"), disclosure("a"), disclosure("a")])
    second = ratchet.next_state(seed("a"))
    third = ratchet.next_state(second)
    assert writer.labels() == [
        ratchet.label(seed("a")),
        ratchet.label(seed("b")),
        ratchet.label(second),
        ratchet.label(third),
    ]
    writer.check()


def test_a_group_has_one_checkpoint_and_a_receipt_for_each_draft(writer):
    drafts = [inquiry(), disclosure("a", 1), refusal(), disclosure("b", 2)]
    receipts = writer.ledger.commit(drafts)
    log = LogKey.parse(str(writer.ledger.log.verifier_key))
    assert [receipt.index for receipt in receipts] == [0, 1, 2, 3]
    for receipt, draft in zip(receipts, drafts, strict=True):
        leaf = check_receipt(receipt, log)
        assert type(leaf) is type(draft.leaf)
        assert receipt.body == (draft.body.encode() if draft.body else b"")
        if not isinstance(leaf, InquiryLeaf):
            assert leaf.commitment == leaves.commitment(receipt.salt, receipt.body)
    assert len({receipt.proof.split(b"\n\n", 1)[1] for receipt in receipts}) == 1


def test_only_a_disclosure_has_a_sealed_body_and_its_state_opens_it(writer):
    receipts = writer.ledger.commit([inquiry(), disclosure("a", 1), refusal()])
    log = writer.ledger.log
    assert (log.body(0), log.body(2)) == (None, None)
    assert leaves.open_body(seed("a"), log.body(1)) == (receipts[1].salt, body(1).encode())


def test_no_salt_is_drawn_twice(writer):
    receipts = writer.ledger.commit([disclosure("a") for _ in range(20)])
    assert len({receipt.salt for receipt in receipts}) == 20
    assert len({receipt.leaf for receipt in receipts}) == 20


def test_an_empty_group_writes_nothing(writer):
    before = writer.ledger.log.checkpoint
    assert writer.ledger.commit([]) == []
    assert writer.ledger.log.checkpoint == before


def test_nonces_are_remembered_with_the_group_and_old_ones_forgotten(writer):
    old, new = Nonce(int(NOON.timestamp()) - 1, "tax", b"o" * 16), Nonce(2**33, "tax", b"n" * 16)
    writer.ledger.commit([disclosure("a", nonce=old), disclosure("a", nonce=new)])
    assert writer.ledger.repeated([old, new]) == {old, new}
    writer.ledger.commit([refusal()], NOON)
    assert writer.ledger.repeated([old, new]) == {new}


def test_a_person_without_a_chain_is_named_and_the_leaf_is_nobodys(writer):
    (receipt,) = writer.ledger.commit([disclosure("z")])
    assert writer.ledger.chainless == {locator("z")}
    assert check_receipt(receipt, LogKey.parse(str(writer.ledger.log.verifier_key)))
    writer.ledger.commit([disclosure("a")])
    assert writer.ledger.chainless == frozenset()
    writer.check()


def test_a_disclosure_about_no_locator_cannot_be_written(writer):
    with pytest.raises(AssertionError):
        writer.ledger.commit([disclosure("a")._replace(locator=None)])


# --- crashes -------------------------------------------------------------------------------------

GROUP = [disclosure("a", 1), inquiry(), disclosure("b", 2), disclosure("a", 3), refusal()]


def writer_of(groups: int) -> Writer:
    """A ledger that has been written to; its log's edge is at `groups` times four entries."""
    found = grown(groups)
    return Writer(found.disk.copy(), copied(found.store), draws=groups)


@cache
def grown(groups: int) -> Writer:
    found = Writer()
    found.start(*PEOPLE)
    for n in range(groups):
        found.ledger.commit([disclosure(PEOPLE[n % 5], n), disclosure("a"), refusal(), inquiry()])
    found.disk = found.disk.after_crash("everything")  # all of it safe, and nothing remembered
    return found


def operations(groups: int) -> int:
    found = writer_of(groups)
    before = len(found.disk.trace)
    found.ledger.commit(GROUP)
    return len(found.disk.trace) - before


EDGES = [
    pytest.param(0, id="first"),
    pytest.param(3, id="in a bundle"),
    pytest.param(63, id="over a bundle's end", marks=pytest.mark.long),  # 150 operations
]


@pytest.mark.parametrize("keeps", ["nothing", "everything", "some"])
@pytest.mark.parametrize("when", ["before", "middle", "after"])
@pytest.mark.parametrize("groups", EDGES)
def test_after_a_crash_at_any_operation_of_the_disk_chains_are_where_the_log_is(
    groups, when, keeps
):
    for at in range(operations(groups)):
        found = writer_of(groups)
        before = found.ledger.log.size
        found.disk.fail(at, when)
        with pytest.raises(PowerCut):
            found.ledger.commit(GROUP)
        again = found.crashed(keeps, Random(at))
        assert again.ledger.log.size in (before, before + len(GROUP))
        again.check()
        again.ledger.commit(GROUP)
        again.check()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("groups", [0, 3])
def test_after_a_crash_at_the_chains_commit_they_catch_up_from_the_log(groups, when):
    found = writer_of(groups)
    before = found.ledger.log.size
    with crashing(0, when), pytest.raises(Crash):
        found.ledger.commit(GROUP)
    again = found.crashed()
    assert again.ledger.log.size == before + len(GROUP)
    again.check()
    (receipt,) = again.ledger.commit([disclosure("a")])
    assert receipt.index == before + len(GROUP)
    again.check()


def test_a_crash_while_catching_up_is_caught_up_again():
    found = writer_of(3)
    with crashing(0, "before"), pytest.raises(Crash):
        found.ledger.commit(GROUP)
    with crashing(0, "before"), pytest.raises(Crash):
        found.crashed()
    found.crashed().check()


# --- errors that pass ----------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "middle", "after"])
def test_a_full_disk_at_any_operation_is_gone_on_from_and_no_group_stands_twice(when):
    for at in range(operations(3)):
        found = writer_of(3)
        before = found.ledger.log.size
        found.disk.fail(at, when, FULL)
        try:
            receipts = found.ledger.commit(GROUP)
        except OSError:
            receipts = found.ledger.commit(GROUP)
        assert [receipt.index for receipt in receipts] == [*range(before, before + len(GROUP))]
        assert found.ledger.log.size == before + len(GROUP)
        log = LogKey.parse(str(found.ledger.log.verifier_key))
        for receipt in receipts:
            check_receipt(receipt, log)
        found.check()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_failure_of_the_chains_is_gone_on_from_and_no_group_stands_twice(when):
    found = writer_of(3)
    before = found.ledger.log.size
    nonce = Nonce(2**33, "tax", b"n" * 16)
    group = [*GROUP, disclosure("c", nonce=nonce)]
    with crashing(0, when), pytest.raises(Crash):
        found.ledger.commit(group)
    receipts = found.ledger.commit(group)
    assert [receipt.index for receipt in receipts] == [*range(before, before + len(group))]
    assert found.ledger.log.size == before + len(group)
    assert found.ledger.repeated([nonce])
    found.check()


def test_another_group_after_a_failure_does_not_take_the_failed_ones_receipts():
    found = writer_of(3)
    before = found.ledger.log.size
    with crashing(0, "before"), pytest.raises(Crash):
        found.ledger.commit(GROUP)
    (receipt,) = found.ledger.commit([disclosure("e", 9)])
    assert receipt.index == before + len(GROUP), "the failed group stands in the log all the same"
    assert receipt.body == body(9).encode()
    found.check()


def test_a_ledger_that_cannot_reopen_its_log_stops():
    found = writer_of(1)
    ledger = Ledger(found.log(), found.store, chance(1))
    found.disk.fail(0, "before", FULL)
    with pytest.raises(OSError, match="No space"):
        ledger.commit(GROUP)
    with pytest.raises(OutOfStep, match="open log and chains again"):
        ledger.commit(GROUP)


# --- restored copies -----------------------------------------------------------------------------


def test_a_restored_older_copy_of_the_chains_is_caught_up_from_the_log():
    found = writer_of(2)
    image = copied(found.store)
    for n in range(5):
        found.ledger.commit([disclosure("a", n), disclosure("c"), inquiry()])
    put_back(found.store, image)
    again = found.crashed("everything")
    again.check()
    again.ledger.commit(GROUP)
    again.check()


def test_a_chain_that_began_after_the_copy_restarts_past_its_used_labels():
    found = writer_of(2)
    image = copied(found.store)
    found.start("z")
    found.ledger.commit([disclosure("z"), disclosure("z"), disclosure("a")])
    put_back(found.store, image)
    again = found.crashed("everything")
    again.ledger.commit([disclosure("a")])
    again.start("z")  # the town sends its feed again
    again.ledger.commit([disclosure("z")])
    third = ratchet.next_state(ratchet.next_state(seed("z")))
    assert again.labels()[-1] == ratchet.label(third)
    again.check()


def test_a_fresh_epoch_ends_the_old_chain(writer):
    writer.ledger.commit([disclosure("a")])
    writer.start("a", epoch=1)
    writer.ledger.commit([disclosure("a")])
    assert writer.labels() == [ratchet.label(seed("a")), ratchet.label(seed("a", 1))]
    writer.check()


def test_an_epoch_that_began_after_the_copy_restarts_too():
    found = writer_of(2)
    image = copied(found.store)
    found.start("a", epoch=1)
    found.ledger.commit([disclosure("a"), disclosure("a")])
    put_back(found.store, image)
    again = found.crashed("everything")
    again.start("a", epoch=1)
    again.ledger.commit([disclosure("a")])
    assert again.labels()[-1] == ratchet.label(ratchet.next_state(ratchet.next_state(seed("a", 1))))
    again.check()


def test_chains_that_have_seen_more_than_the_log_are_refused():
    found, older = writer_of(2), writer_of(1)
    with pytest.raises(OutOfStep, match="put back to an older state"):
        Ledger(older.log(), found.store, chance(1))


# --- all of it, in any order ---------------------------------------------------------------------


@pytest.mark.parametrize("run", range(6))
def test_whatever_happens_in_whatever_order_log_and_chains_agree(run):
    lives(run, steps=25)


@pytest.mark.long
@pytest.mark.parametrize("run", range(100, 200))
def test_the_same_for_many_and_long_lives(run):
    lives(run, steps=150)


def lives(run: int, steps: int) -> None:
    rng = Random(f"writer {run}")
    found = Writer(draws=run)
    found.start(*PEOPLE)
    epochs = dict.fromkeys(PEOPLE, 0)
    images = []
    for step in range(steps):
        group = [rng.choice([disclosure, refusal, inquiry]) for _ in range(rng.randint(1, 6))]
        drafts = [
            make(rng.choice(PEOPLE), step) if make is disclosure else make() for make in group
        ]
        match rng.choice(["write", "write", "write", "cut", "full", "chains", "epoch", "restore"]):
            case "write":
                found.ledger.commit(drafts)
            case "cut":
                found.disk.fail(rng.randrange(12), rng.choice(["before", "middle", "after"]))
                try:
                    found.ledger.commit(drafts)
                    found.disk.fails_at = None
                except PowerCut:
                    found = found.crashed(rng.choice(["nothing", "everything", "some"]), rng)
            case "full":
                found.disk.fail(rng.randrange(12), rng.choice(["before", "middle", "after"]), FULL)
                try:
                    found.ledger.commit(drafts)
                    found.disk.fails_at = None
                except OSError:
                    found.ledger.commit(drafts)
            case "chains":
                with crashing(0, rng.choice(["before", "after"])), pytest.raises(Crash):
                    found.ledger.commit(drafts)
                if rng.random() < 0.5:
                    found = found.crashed("everything")
                else:
                    found.ledger.commit(drafts)
            case "epoch":
                images = []  # a copy from before a fresh epoch needs the town's feed again
                who = rng.choice(PEOPLE)
                epochs[who] += 1
                found.start(who, epoch=epochs[who])
            case "restore":
                if images:
                    put_back(found.store, rng.choice(images))
                    found = found.crashed("everything")
        images.append(copied(found.store))
        found.check()
