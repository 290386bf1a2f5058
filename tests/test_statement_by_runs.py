"""The statement by runs: what the whole log says, from a few of its files, and what is not proved."""

from datetime import date, datetime

import pytest
from msgspec.structs import replace
from tests.logbook import Logbook, state
from tests.support import JST

from jukinet.client.mirror import Mirror
from jukinet.client.statement import statement
from jukinet.errors import Damaged, JukinetError, Refused
from jukinet.keys import ratchet
from jukinet.keys.sign import SigningKey
from jukinet.law import leaf as leaves
from jukinet.law.leaf import BundleLeaf, DeferredLeaf, RunLeaf
from jukinet.merkle import note, policy, proof, runs
from jukinet.merkle.note import COSIGNATURE_V1, VerifierKey
from jukinet.merkle.policy import Witness
from jukinet.merkle.tree import leaf_hash, verify_inclusion


@pytest.fixture(scope="module")
def winter():
    """Four months and some days: everything that can stand on a's chain does."""
    found = Logbook(now=datetime(2025, 11, 30, 9, tzinfo=JST))
    for _ in range(30):
        found.ask("e")
        found.close()
    found.give_key("a")
    first = found.ask("a", "b", "a")
    found.close()
    found.close()  # a day without news
    kept = found.keep_back("a", "2026-02-01")
    found.bundle("a", "b", "c", "d", "a")
    while found.now < datetime(2026, 4, 3, tzinfo=JST):
        found.fill(3)
        found.ask("b")
        if found.now.day == 10:
            found.ask("a", official=f"A-{found.now.month}")
        if str(found.now.date()) == "2026-02-01":
            found.open(kept, "a")
        if str(found.now.date()) == "2026-02-11":
            objection = found.object(first, "a", 1)
        if str(found.now.date()) == "2026-03-15":
            found.answer(objection, "a", 1)
        found.close()
    found.keep_back("b", "2026-04-30")
    found.ask("a", official="today")
    found.fill(2)
    return found


def said(found):
    return [(entry.place, entry.leaf_index, entry.body) for entry in found.entries]


# --- both ways say the same ----------------------------------------------------------------------


@pytest.mark.parametrize("who", "abcde")
def test_by_runs_and_by_the_whole_log_the_entries_are_the_same(winter, who):
    by_runs = statement(winter.key(who), winter.mirror())
    whole = statement(winter.key(who), winter.mirror(), whole=True)
    assert by_runs.complete
    assert whole.complete
    assert (by_runs.entries, by_runs.keys) == (whole.entries, whole.keys)
    assert (by_runs.size, by_runs.root) == (winter.log.size, winter.log.root)
    assert by_runs.remarks == whole.remarks == ()


def test_everything_under_the_chain_is_there_each_as_what_it_is(winter):
    found = statement(winter.key("a"), winter.mirror())
    assert [entry.body.official for entry in found.entries] == [
        *("A-1", "A-1", "bundle a", "bundle a", "A-1", "D-1", "A-2", "A-3", "today")
    ]
    assert [key.body.holder for key in found.keys] == ["self"]
    opened = found.entries[5]
    assert opened.deferred.open_on == "2026-02-01"
    assert isinstance(opened.deferred, DeferredLeaf)


def test_an_objection_and_its_answer_stand_with_their_entry_and_with_no_other(winter):
    entries = statement(winter.key("a"), winter.mirror()).entries
    objected = [entry for entry in entries if entry.objection]
    assert [entry.place for entry in objected] == [1]
    assert objected[0].objection.body.text == "I was never paid"
    assert objected[0].answer.leaf.outcome == "upheld"
    assert objected[0].answer.body.text == "we erred"


def test_an_objection_without_an_answer_says_until_when():
    found = Logbook()
    found.object(found.ask("a"), "a", 0)
    (entry,) = statement(found.key("a"), found.mirror()).entries
    assert (entry.objection.leaf.answer_by, entry.answer) == ("2026-05-01", None)


def test_an_entry_of_a_bundle_is_proved_in_its_bundle(winter):
    found = statement(winter.key("a"), winter.mirror())
    bundled = [entry for entry in found.entries if isinstance(entry.leaf, BundleLeaf)]
    assert len(bundled) == 2
    for entry in bundled:
        verify_inclusion(
            leaf_hash(entry.record.record),
            index=entry.record.place,
            size=entry.leaf.count,
            proof=entry.record.proof,
            root=bytes.fromhex(entry.leaf.root),
        )
        assert entry.record.label == ratchet.label(state("a", entry.place))


# --- the cover -----------------------------------------------------------------------------------


def test_the_cover_is_years_then_months_then_days_and_the_tail_is_read(winter):
    found = statement(winter.key("a"), winter.mirror())
    names = [one.leaf.name for one in found.runs]
    assert names == ["2025", "2026-01", "2026-02", "2026-03", "2026-04-01", "2026-04-02"]
    ends = [one.leaf.end for one in found.runs]
    assert [one.leaf.first for one in found.runs] == [0, *ends[:-1]]
    assert found.read == ((ends[-1], winter.log.size),)


def test_that_the_next_label_is_in_no_run_can_be_shown_to_anybody(winter):
    found = statement(winter.key("a"), winter.mirror())
    label = ratchet.label(state("a", len(found.entries) + len(found.keys)))
    log = VerifierKey.parse(winter.vkey)
    for one in found.runs:
        shown = proof.parse(one.receipt)
        assert shown.index == one.number
        shown.verify(leaves.encode(one.leaf), log=log)
        neighbours = [there for there in one.absent if there is not None]
        for there in neighbours:
            verify_inclusion(
                leaf_hash(there.record),
                index=there.place,
                size=one.leaf.count,
                proof=there.proof,
                root=bytes.fromhex(one.leaf.root),
            )
        before, after = one.absent
        assert (before.place if before else -1) + 1 == (after.place if after else one.leaf.count)
        assert before is None or before.label < label
        assert after is None or label < after.label


def test_by_runs_few_of_the_logs_files_are_read():
    found = Logbook()
    for _ in range(5):
        found.fill(700)
        found.ask("a", "b")
        found.close()
    asked = []

    def read(path):
        asked.append(path)
        return found.files().get(path)

    assert len(statement(found.key("b"), Mirror(read)).entries) == 5
    entries = {path for path in asked if path.startswith("tile/entries")}
    assert len(entries) < len([path for path in found.disk.names if "tile/entries" in path])
    assert len(asked) == len(set(asked)), "and none of them twice"


def test_a_log_without_runs_is_read_leaf_by_leaf():
    found = Logbook()
    found.ask("a", "b", "a")
    shown = statement(found.key("a"), found.mirror())
    assert (len(shown.entries), shown.runs, shown.read) == (2, (), ((0, 3),))
    assert shown.complete


def test_an_empty_log_is_a_complete_statement_of_nothing():
    found = Logbook()
    shown = statement(found.key("a"), found.mirror())
    assert (shown.size, shown.entries, shown.complete) == (0, (), True)


def test_what_is_kept_back_is_counted_where_every_leaf_was_read(winter):
    assert statement(winter.key("a"), winter.mirror()).kept_back is None
    whole = statement(winter.key("a"), winter.mirror(), whole=True)
    assert whole.kept_back == ("2026-04-30",)
    assert whole.overdue(date(2026, 4, 30)) == 0
    assert whole.overdue(date(2026, 5, 1)) == 1
    assert statement(winter.key("a"), winter.mirror()).overdue(date(2026, 5, 1)) is None


# --- what is not proved --------------------------------------------------------------------------


def run_files(found, name):
    return [path for path in found.files() if path.startswith(f"runs/{name}/")]


@pytest.mark.parametrize("what", ["missing", "one bit", "cut off", "of another day"])
@pytest.mark.parametrize("name", ["2025", "2026-02", "2026-04-02"])
def test_a_run_whose_files_do_not_fit_its_leaf_is_noticed_and_its_leaves_are_read(
    winter, name, what
):
    changed = {}
    for path in run_files(winter, name):
        content = winter.files()[path]
        changed[path] = {
            "missing": None,
            "one bit": content[:5] + bytes([content[5] ^ 1]) + content[6:],
            "cut off": content[:-1],
            "of another day": bytes(len(content)),
        }[what]
    found = statement(winter.key("a"), winter.mirror(**changed))
    whole = statement(winter.key("a"), winter.mirror(), whole=True)
    assert found.entries == whole.entries
    (remark,) = found.remarks
    assert f"run {name} " in remark
    assert name not in [one.leaf.name for one in found.runs]
    assert len(found.read) == 2


def test_a_stretch_too_long_to_be_read_is_named_and_the_statement_is_not_complete(winter):
    changed = dict.fromkeys(run_files(winter, "2026-02"))
    found = statement(winter.key("a"), winter.mirror(**changed), read_max=50)
    assert not found.complete
    (missing,) = found.missing
    feb = next(
        one.leaf
        for one in statement(winter.key("a"), winter.mirror()).runs
        if one.leaf.name == "2026-02"
    )
    assert f"leaves {feb.first} to {feb.end - 1}: no run covers them" in missing
    assert len(found.entries) < 9


def test_a_tail_too_long_to_be_read_is_named():
    found = Logbook()
    found.fill(80)
    shown = statement(found.key("a"), found.mirror(), read_max=50)
    assert "leaves 0 to 79: no run covers them" in shown.missing[0]
    assert not shown.complete
    assert statement(found.key("a"), found.mirror(), read_max=50, whole=True).complete


def lying(found, name, forge):
    """A log that publishes a run of which the records are forged before they are sorted."""
    ledger = found.ledger
    honest = list(ledger.noted.fresh)
    ledger.noted.fresh[:] = forge(honest)
    found.close()
    return found


def test_a_log_that_leaves_a_label_out_of_a_run_is_found_out_by_who_reads_the_whole():
    """By runs it cannot be seen: that is what auditors make every run anew for."""
    found = Logbook()
    found.ask("a", "b", "c")
    mine = ratchet.label(state("a", 0))
    lying(found, "2026-03-30", lambda honest: [one for one in honest if one[:16] != mine])
    assert statement(found.key("a"), found.mirror()).entries == ()
    assert len(statement(found.key("a"), found.mirror(), whole=True).entries) == 1
    (leaf,) = [
        leaf
        for index in range(found.log.size)
        if isinstance(leaf := leaves.decode(found.log.entry(index)), RunLeaf)
    ]
    anew = [
        runs.pack(label, index, place)
        for index in range(leaf.first, leaf.end)
        for place, label in enumerate(leaves.labels_of(leaves.decode(found.log.entry(index))))
    ]
    assert runs.root_of_run(runs.in_order(anew)).hex() != leaf.root


@pytest.mark.parametrize("leaf", [1, 2, 700], ids=["another's", "of nobody", "beyond"])
def test_a_run_that_names_another_leaf_is_noticed_and_its_leaves_are_read(leaf):
    found = Logbook()
    found.ask("a", "b")
    found.fill(1)
    mine = ratchet.label(state("a", 0))
    wrong = runs.pack(mine, leaf, 0)
    lying(found, "2026-03-30", lambda honest: [*honest[1:], wrong])
    shown = statement(found.key("a"), found.mirror())
    assert [entry.leaf_index for entry in shown.entries] == [0]
    assert "cannot be used: it names leaf" in shown.remarks[0]


def test_a_bundle_that_cannot_be_opened_leaves_the_statement_incomplete():
    found = Logbook()
    index = found.bundle("a", "b")
    gone = dict.fromkeys(p for p in found.files() if p.startswith(f"bundle/{index:03}/entries"))
    shown = statement(found.key("a"), found.mirror(**gone))
    assert shown.entries == ()
    assert not shown.complete
    assert f"bundle of leaf {index}" in shown.missing[0]


def test_a_bundle_in_a_run_that_cannot_be_opened_shows_its_leaf():
    found = Logbook()
    index = found.bundle("a", "b")
    found.close()
    gone = dict.fromkeys(p for p in found.files() if p.startswith(f"bundle/{index:03}/entries"))
    shown = statement(found.key("a"), found.mirror(**gone))
    (entry,) = shown.entries
    assert (entry.leaf_index, entry.body, entry.record) == (index, None, None)
    assert f"bundle of leaf {index}" in shown.remarks[0]
    assert shown.complete


def test_an_erased_body_of_a_bundle_shows_as_deleted_and_a_changed_one_as_altered():
    found = Logbook()
    index = found.bundle("a")
    path = leaves.bundle_bodies(index, 0)
    sealed = found.files()[path]
    (gone,) = statement(found.key("a"), found.mirror(**{path: None})).entries
    assert (gone.body, gone.altered) == (None, False)
    other = bytes([sealed[0] ^ 1]) + sealed[1:]
    (changed,) = statement(found.key("a"), found.mirror(**{path: other})).entries
    assert (changed.body, changed.altered) == (None, True)


def test_a_mirror_that_hides_the_tail_cannot_keep_the_checkpoint(winter):
    """It may show an older one; then the size says so."""
    older = Logbook()
    older.ask("a")
    before = older.files()
    older.ask("a")
    with pytest.raises(Damaged):
        statement(older.key("a"), Mirror({**before, "checkpoint": older.files()["checkpoint"]}.get))
    assert statement(older.key("a"), Mirror(before.get)).size == 1


@pytest.mark.parametrize("what", ["missing", "one bit", "cut off"])
def test_whatever_file_a_mirror_lacks_or_changes_no_statement_is_shorter_and_says_it_is_complete(
    what,
):
    found = Logbook()
    found.ask("a", "b", "a")
    found.bundle("a", "c")
    found.close()
    found.ask("a", "b")
    whole = statement(found.key("a"), found.mirror(), whole=True)
    noticed = 0
    for path, content in found.files().items():
        if not content:
            continue
        changed = {
            "missing": None,
            "one bit": bytes([content[0] ^ 1]) + content[1:],
            "cut off": content[:-1],
        }[what]
        try:
            got = statement(found.key("a"), found.mirror(**{path: changed}))
        except JukinetError:
            noticed += 1
            continue
        noticed += bool(got.remarks or got.missing)
        if got.complete:
            assert [one.leaf_index for one in got.entries] == [
                one.leaf_index for one in whole.entries
            ], path
    assert noticed > 4


def test_a_leaf_on_the_chain_that_is_no_disclosure_is_remarked():
    found = Logbook()
    found.object(0, "b", 0)
    entry = leaves.decode(found.log.entry(0))
    forged = replace(entry, labels=(ratchet.label(state("a", 0)).hex(),))
    found.log.append([leaves.encode(forged)], [None])
    shown = statement(found.key("a"), found.mirror())
    assert shown.entries == ()
    assert "leaf 1 stands on the chain and is no disclosure" in shown.remarks[0]


# --- witnesses -----------------------------------------------------------------------------------


def witness(name):
    key = SigningKey(name.encode().ljust(32, b"."))
    return Witness(name, VerifierKey(f"example.org/{name}", key.public_bytes, COSIGNATURE_V1)), key


def cosigned(found, *names, at=1_775_000_000):
    text = note.parse(found.log.checkpoint).text
    lines = [
        note.cosign(text, name=f"example.org/{one}", key=witness(one)[1], time_seconds=at).line
        for one in names
    ]
    return found.log.checkpoint + "".join(lines).encode()


def test_the_statement_says_who_has_cosigned_and_when(winter):
    wanted = policy.m_of_n(
        VerifierKey.parse(winter.vkey), [witness(one)[0] for one in ("w1", "w2", "w3")], 2
    )
    signed = cosigned(winter, "w1", "w3")
    found = statement(winter.key("a"), winter.mirror(checkpoint=signed), wanted)
    assert [(one.name, one.time_seconds) for one in found.cosigned] == [
        ("w1", 1_775_000_000),
        ("w3", 1_775_000_000),
    ]
    signed = cosigned(winter, "w2")
    with pytest.raises(Refused, match="cosigned by 1 of 3"):
        statement(winter.key("a"), winter.mirror(checkpoint=signed), wanted)


def test_a_policy_of_two_logs_does_not_let_the_other_logs_copy_pass(winter):
    other = Logbook(key=SigningKey(b"o" * 32))
    other.ask("a")
    log = policy.m_of_n(VerifierKey.parse(winter.vkey), (), 0)
    both = policy.parse(f"{log}".replace("quorum", f"log {other.vkey}\nquorum"))
    with pytest.raises(Refused, match="another log's"):
        statement(winter.key("a"), other.mirror(), both)
