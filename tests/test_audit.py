"""The auditor: an honest log passes, and each kind of lie is told from it and named."""

from datetime import date, timedelta
from functools import cache
from itertools import chain
from random import Random

import pytest
from msgspec.structs import replace
from tests.audited import BEGIN, KEY, ORIGIN, Written, month, of_the_real_writer
from tests.forgetful_disk import ForgetfulDisk

from jukinet.client.audit import Auditor
from jukinet.client.lies import Lie, Rule
from jukinet.errors import Damaged, OutOfStep
from jukinet.keys.sign import SigningKey
from jukinet.law import leaf as leaves
from jukinet.law.leaf import KeyLeaf, SampleLeaf, SampleResultLeaf, leaf_time
from jukinet.law.schedule import load
from jukinet.law.standing import StandingRows
from jukinet.ledger.log import Log
from jukinet.merkle import runs
from jukinet.merkle.tree import EMPTY_ROOT


@pytest.fixture
def log() -> Written:
    return Written().found()


@cache
def honest() -> Written:
    return month()


@cache
def written() -> Written:
    return of_the_real_writer()


def caught(log: Written, rule: Rule, place: str, *, files=None, state=None) -> Lie:
    with pytest.raises(Lie) as found:
        log.auditor(files, state).follow()
    assert found.value.rule is rule
    assert found.value.place.startswith(place)
    assert "checkpoint" in found.value.files
    return found.value


# An honest log.


def test_an_honest_log_passes_with_everything_that_may_stand_in_it():
    log = honest()
    auditor = log.auditor()
    head = auditor.follow()
    assert (head.size, head.root) == (log.log.size, log.log.root)
    assert auditor.rules.counts["disclosure"] == sum(
        type(leaf).__name__ == "DisclosureLeaf" for leaf in log.leaves
    )
    assert {one.leaf.span for one in auditor.rules.days.closed} == {"day", "month"}
    assert not auditor.rules.inquiries
    assert not auditor.rules.objections


def test_a_log_of_the_real_writer_passes():
    auditor = written().auditor()
    assert auditor.follow().size == written().log.size
    assert {one.leaf.span for one in auditor.rules.days.closed} == {"day", "month"}
    kinds = {path.split("/")[0] for path in written().files}
    assert kinds == {"checkpoint", "tile", "bundle", "runs", "statistics"}


def test_an_empty_log_passes():
    assert Written().auditor().follow().size == 0


@pytest.mark.parametrize("steps", [1, 7, 100])
def test_an_audit_that_goes_on_comes_to_what_one_that_began_anew_comes_to(steps):
    """Every few leaves the auditor stops, and another goes on from its state."""
    log, state = Written().found(), None
    asked = None
    for number in range(3 * steps):
        if number == 2 * steps:
            log.later(days=1).close("day", "2026-04-01")
        asked = log.inquiry() if number % 2 == 0 else log.disclosure(asked)
        if number % steps == 0:
            auditor = log.auditor(state=state)
            auditor.follow()
            state = auditor.state
    on, anew = log.auditor(state=state), log.auditor()
    on.follow()
    anew.follow()
    assert on.state.kept == anew.state.kept
    assert on.state.fresh == anew.state.fresh
    assert sorted(chain(*on.state.labels)) == sorted(chain(*anew.state.labels))


def test_an_audit_goes_on_over_months(log):
    states = []
    for day in range(1, 40):
        log.later(days=1)
        log.disclosure()
        name = date(2026, 4, 1) + timedelta(days=day)
        log.close("day", str(name))
        if name.day == 1:
            log.close("month", "2026-04")
        auditor = log.auditor(state=states[-1] if states else None)
        auditor.follow()
        states.append(auditor.state)
    assert {one.leaf.span for one in auditor.rules.days.closed} == {"day", "month"}


# A thousand changes.


@pytest.mark.parametrize(
    ("made", "changes"),
    [pytest.param(written, 1_000, id="the real writer's"), pytest.param(honest, 300, id="ours")],
)
def test_no_byte_of_any_file_changes_unnoticed(made, changes):
    """Of everything that the checkpoint covers: entries, hashes, bundles, runs, statistics, itself."""
    log = made()
    files, rng = log.files, Random(1)
    unnoticed = []
    for number in range(changes):
        path = rng.choice(sorted(files))
        content = bytearray(files[path])
        place = rng.randrange(len(content))
        content[place] ^= rng.randrange(1, 256)
        try:
            log.auditor(files | {path: bytes(content)}).follow()
        except (Lie, OutOfStep):
            continue
        unnoticed.append((number, path, place))
    assert unnoticed == []


@pytest.mark.parametrize("path", honest().files)
def test_a_file_that_is_missing_is_named(path):
    files = {one: content for one, content in honest().files.items() if one != path}
    with pytest.raises(OutOfStep, match=path):
        honest().auditor(files).follow()


# Lies of the tree.


def test_a_checkpoint_that_another_has_signed(log):
    forged = Log.open(ForgetfulDisk(), origin=ORIGIN, key=SigningKey(bytes(32)))
    caught(log, Rule.SIGNATURE, "checkpoint", files=log.files | {"checkpoint": forged.checkpoint})


def test_a_second_root_of_the_same_size(log):
    auditor = log.auditor()
    auditor.follow()
    forked = Written()
    for leaf in log.leaves[:-1]:
        forked.say(leaf)
    forked.view_key()
    lie = caught(forked, Rule.FORK, "checkpoint", state=auditor.state)
    assert lie.files["checkpoint.last"] == log.log.checkpoint
    assert lie.files["checkpoint"] == forked.log.checkpoint


def test_a_longer_log_that_does_not_begin_with_what_was_seen(log):
    auditor = log.auditor()
    auditor.follow()
    forked = Written()
    for leaf in log.leaves[:-1]:
        forked.say(leaf)
    for _ in range(300):
        forked.view_key()
    caught(forked, Rule.FORK, "checkpoint", state=auditor.state)


def test_a_shorter_log_is_not_taken_for_a_lie_unless_it_is_another(log):
    before = log.files
    log.disclosure()
    auditor = log.auditor()
    auditor.follow()
    behind = before | {path: content for path, content in log.files.items() if path != "checkpoint"}
    with pytest.raises(OutOfStep, match="another mirror"):
        log.auditor(behind, auditor.state).follow()
    forked = Written()
    for leaf in log.leaves[:-2]:
        forked.say(leaf)
    forked.view_key()
    other = log.files | {"checkpoint": forked.log.checkpoint}
    caught(log, Rule.FORK, "checkpoint", files=other, state=auditor.state)


def test_what_is_no_copy_of_a_log(log):
    with pytest.raises(Damaged, match="no copy of a log"):
        log.auditor({}).follow()


def test_a_bundle_of_entries_that_changes_behind_the_auditors_back(log):
    """What was read in an earlier round is still what it was, as far as it is read again."""
    auditor = log.auditor()
    auditor.follow()
    log.disclosure()
    changed = log.log.size
    path = f"tile/entries/000.p/{changed}"
    files = log.files
    files[path] = files[path].replace(b"pension", b"penzion", 1)
    caught(log, Rule.TREE, path, files=files, state=auditor.state)


def test_a_mirrors_bad_disk_is_not_taken_for_a_lie_of_a_leaf():
    files = honest().files
    path = "tile/entries/001"
    files[path] = files[path].replace(b"standing", b"changes!", 1)
    lie = caught(honest(), Rule.TREE, "tile/0/001", files=files)
    assert lie.files[path] == files[path]


@pytest.mark.parametrize("part", ["tile/", "bundle/", "runs/", "statistics/"])
def test_a_server_that_fails_is_no_lie(part):
    log = honest()

    def read(path):
        if path.startswith(part):
            raise OutOfStep(f"{path}: the server says 503; ask again")
        return log.files.get(path)

    with pytest.raises(OutOfStep) as failed:
        Auditor(read, log.opener, now=log.now).follow()
    assert not isinstance(failed.value, Lie)


# Lies of leaves.


def test_a_leaf_that_is_not_written_in_the_one_way(log):
    log.log.append([leaves.encode(log.leaves[0]).replace(b":", b": ", 1)], [None])
    caught(log, Rule.FORM, f"leaf {log.log.size - 1}")


@pytest.mark.parametrize("entry", [b"", b"{}", b'{"type":"view_key"}', b"\xff"])
def test_an_entry_that_is_no_leaf(log, entry):
    log.log.append([entry], [None])
    lie = caught(log, Rule.FORM, f"leaf {log.log.size - 1}")
    assert lie.files[f"leaf-{log.log.size - 1}.json"] == entry


def test_a_day_that_no_calendar_has(log):
    index = log.disclosure(time="2026-13-32T25:00:00Z")
    caught(log, Rule.FORM, f"leaf {index}")


def test_a_time_long_before_an_earlier_leafs(log):
    log.later(days=5).view_key()
    log.later(days=-1).view_key()
    log.auditor().follow()
    index = log.later(seconds=-1).view_key()
    log.later(days=30)
    caught(log, Rule.TIME, f"leaf {index}")


def test_a_time_that_is_still_to_come(log):
    index = log.later(days=2).view_key()
    log.later(days=-2)
    caught(log, Rule.TIME, f"leaf {index}")


def test_a_label_that_stands_twice(log):
    first = log.disclosure()
    label = log.labels[-1][1]
    second = log.disclosure(labels=(label.hex(),))
    lie = caught(log, Rule.LABEL, f"leaf {second}")
    assert f"leaf {first}" in str(lie)
    assert {f"leaf-{first}.json", f"leaf-{second}.json"} <= set(lie.files)


def test_a_label_that_stood_in_an_earlier_round(log):
    log.disclosure()
    auditor = log.auditor()
    auditor.follow()
    index = log.disclosure(labels=(log.labels[-1][1].hex(),))
    caught(log, Rule.LABEL, f"leaf {index}", state=auditor.state)


def test_a_label_of_a_bundle_that_stands_in_a_leaf(log):
    log.bundle(10)
    index = log.disclosure(labels=(log.labels[4][1].hex(),))
    caught(log, Rule.LABEL, f"leaf {index}")


def test_an_inquiry_without_an_answer_in_its_time(log):
    index = log.inquiry()
    log.auditor().follow()
    log.later(days=2)
    caught(log, Rule.ORPHAN, f"leaf {index}")
    log.auditor().follow(orphans_allowed=1)


def test_an_inquiry_is_no_orphan_once_it_is_answered(log):
    log.disclosure(log.inquiry())
    log.refusal(log.inquiry())
    log.later(days=2).auditor().follow()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"agency": "tax"}, id="another agency"),
        pytest.param({"row": "1-77"}, id="another row"),
        pytest.param({"kind": "items"}, id="another kind"),
    ],
)
def test_a_refusal_of_another_question_than_its_inquiry(log, changes):
    index = log.refusal(log.inquiry(), **changes)
    caught(log, Rule.INQUIRY, f"leaf {index}")


def test_a_disclosure_of_another_row_than_its_inquiry(log):
    asked = log.inquiry()
    index = log.disclosure(asked, row="1-77", kind="items", items=("address",))
    caught(log, Rule.INQUIRY, f"leaf {index}")


def test_a_disclosure_of_more_items_than_its_inquiry(log):
    wider = {"row": "1-77", "kind": "items"}
    asked = log.inquiry(**wider, items=("address",))
    index = log.disclosure(asked, **wider, items=("address", "name"))
    caught(log, Rule.INQUIRY, f"leaf {index}")


@pytest.mark.parametrize("what", ["itself", "a later leaf", "no inquiry", "one beyond the end"])
def test_a_disclosure_that_names_what_is_no_inquiry(log, what):
    index = log.log.size
    named = {"itself": index, "a later leaf": index + 1, "no inquiry": 0}.get(what, 10**9)
    assert log.disclosure(named) == index
    log.disclosure()
    caught(log, Rule.INQUIRY, f"leaf {index}")


def test_one_inquiry_may_have_several_disclosures_in_other_rounds(log):
    asked = log.inquiry()
    log.disclosure(asked)
    auditor = log.auditor()
    auditor.follow()
    log.disclosure(asked)
    log.auditor(state=auditor.state).follow()


# Rows.


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"row": "1-999"}, id="a row that does not stand"),
        pytest.param({"agency": "tax"}, id="another receiver's row"),
        pytest.param({"kind": "confirm"}, id="a kind that it does not allow"),
        pytest.param({"items": ("sex",)}, id="items that it does not allow"),
    ],
)
def test_a_question_that_no_row_allows(log, changes):
    index = log.disclosure(**changes)
    caught(log, Rule.ROW, f"leaf {index}")


def test_a_row_that_is_used_before_its_notice_is_over(log):
    log.disclosure()
    rows, grant = StandingRows(), load()["1-73"]
    rows.founded()
    new = rows.announced(load(), grant, log.now)
    log.say(replace(new, row="1-998"))
    log.later(days=29)
    index = log.disclosure(row="1-998")
    caught(log, Rule.ROW, f"leaf {index}")


def test_a_row_may_be_used_when_its_notice_is_over(log):
    log.disclosure()
    rows = StandingRows()
    rows.founded()
    log.say(replace(rows.announced(load(), load()["1-73"], log.now), row="1-998"))
    log.later(days=31).disclosure(row="1-998")
    log.auditor().follow()


def test_a_row_that_counts_without_its_notice(log):
    log.disclosure()
    leaf = StandingRows().announced(load(), load()["1-73"], log.now)
    index = log.say(replace(leaf, row="1-998"))
    caught(log, Rule.ROW, f"leaf {index}")


def test_an_earlier_round_ends_the_founding(log):
    log.disclosure()
    auditor = log.auditor()
    auditor.follow()
    leaf = StandingRows().announced(load(), load()["1-73"], log.now)
    index = log.say(replace(leaf, row="1-998"))
    caught(log, Rule.ROW, f"leaf {index}", state=auditor.state)


# Bundles, entries kept back, objections, samples.


def test_a_bundle_whose_files_are_missing(log):
    index = log.bundle(300)
    log.beside.clear()
    caught(log, Rule.BUNDLE, f"leaf {index}")


def test_a_bundle_with_a_changed_file_is_kept_with_the_file(log):
    index = log.bundle(300)
    path = f"{leaves.bundle_folder(index)}/0/000"
    log.beside[path] = bytes(32) + log.beside[path][32:]
    lie = caught(log, Rule.BUNDLE, f"leaf {index}")
    assert lie.files[path] == log.beside[path]
    assert f"leaf-{index}.json" in lie.files


def test_a_bundle_with_another_root(log):
    index = log.bundle(300, root="0" * 64)
    caught(log, Rule.BUNDLE, f"leaf {index}")


def test_a_bundle_of_fewer_than_it_says(log):
    index = log.bundle(300, count=299)
    caught(log, Rule.BUNDLE, f"leaf {index}")


def test_a_bundle_that_is_not_in_order(log):
    records = [bytes([n]) * 48 for n in (2, 1)]
    folder = leaves.bundle_folder(log.log.size)
    index = log.bundle(2, root=runs.root_of_run(records).hex())
    log.beside.update(runs.files(folder, records))
    caught(log, Rule.BUNDLE, f"leaf {index}")


def test_an_entry_kept_back_is_opened_on_its_day_and_once(log):
    kept = log.deferred()
    log.later(days=30).opening(kept)
    log.auditor().follow()
    index = log.opening(kept)
    caught(log, Rule.DEFERRED, f"leaf {index}")


def test_an_entry_kept_back_that_is_opened_too_early(log):
    kept = log.deferred()
    index = log.later(days=29).opening(kept)
    caught(log, Rule.DEFERRED, f"leaf {index}")


def test_an_entry_kept_back_that_is_opened_as_something_else(log):
    kept = log.deferred()
    index = log.later(days=30).opening(kept, kind="standing")
    caught(log, Rule.DEFERRED, f"leaf {index}")


def test_an_entry_that_is_kept_back_for_longer_than_its_row_allows(log):
    index = log.deferred(open_on="2027-04-01")
    caught(log, Rule.ROW, f"leaf {index}")


def test_what_is_overdue_is_counted(log):
    log.deferred()
    log.objection(log.disclosure(), log.labels[-1][1])
    auditor = log.auditor()
    auditor.follow()
    day = BEGIN.date() + timedelta(days=30)
    assert auditor.rules.overdue_objections(day) == auditor.rules.overdue_deferred(day) == []
    later = day + timedelta(days=1)
    assert len(auditor.rules.overdue_objections(later)) == 1
    assert len(auditor.rules.overdue_deferred(later)) == 1


@pytest.mark.parametrize("entry", ["disclosure", "bundle"])
def test_an_objection_to_an_entry_passes_and_is_answered_once(log, entry):
    about = log.bundle(300) if entry == "bundle" else log.disclosure()
    log.objection_answer(log.objection(about, log.labels[-1][1]))
    log.auditor().follow()
    index = log.objection_answer(log.log.size - 1)
    caught(log, Rule.OBJECTION, f"leaf {index}")


def test_an_objection_to_a_label_that_its_entry_does_not_bear(log):
    entry = log.disclosure()
    index = log.objection(entry, bytes(16))
    caught(log, Rule.OBJECTION, f"leaf {index}")


def test_an_objection_that_names_another_agency(log):
    entry = log.disclosure()
    index = log.objection(entry, log.labels[-1][1], agency="tax")
    caught(log, Rule.OBJECTION, f"leaf {index}")


def sample(log: Written, *picked: int) -> int:
    return log.say(
        SampleLeaf(time=leaf_time(log.now), month="2026-04", randomness="0" * 64, picked=picked)
    )


def sampled(log: Written, of: int, **changes) -> int:
    leaf = SampleResultLeaf(
        time=leaf_time(log.now), sample=of, agree=1, differ=(), nobody=0, not_shown=()
    )
    return log.say(replace(leaf, **changes))


def test_a_sample_and_its_result_pass(log):
    sampled(log, sample(log, log.disclosure()))
    log.auditor().follow()


@pytest.mark.parametrize("changes", [{"agree": 2}, {"agree": 0, "differ": (1,)}, {"sample": 0}])
def test_a_result_that_is_not_of_its_sample(log, changes):
    index = sampled(log, sample(log, log.disclosure()), **changes)
    caught(log, Rule.SAMPLE, f"leaf {index}")


def test_a_sample_of_what_does_not_stand_yet(log):
    index = sample(log, 10**6)
    caught(log, Rule.SAMPLE, f"leaf {index}")


def test_a_key_passes(log):
    log.say(KeyLeaf(time=leaf_time(log.now), office="agency", name="tax", digest="0" * 64))
    log.auditor().follow()


# Runs and statistics.


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"first": 1}, id="a gap before it"),
        pytest.param({"end": 1}, id="a leaf left out"),
        pytest.param({"end": 10**6}, id="leaves that do not stand yet"),
        pytest.param({"count": 1}, id="another count"),
        pytest.param({"root": EMPTY_ROOT.hex()}, id="another root"),
        pytest.param({"name": "2026-04"}, id="no day"),
        pytest.param({"statistics": "0" * 64}, id="statistics of a day"),
    ],
)
def test_a_run_that_is_not_that_of_its_leaves(log, changes):
    for _ in range(3):
        log.disclosure()
    log.later(days=1).close("day", "2026-04-01", **changes)
    lie = caught(log, Rule.RUN, "run 2026-04")
    assert f"leaf-{log.log.size - 1}.json" in lie.files


def test_a_run_that_leaves_a_label_out(log):
    log.disclosure()
    hidden = log.labels[-1]
    log.disclosure()
    log.labels.remove(hidden)
    log.later(days=1).close("day", "2026-04-01")
    caught(log, Rule.RUN, "run 2026-04-01")


def test_a_gap_between_two_days(log):
    log.disclosure()
    log.later(days=1).close("day", "2026-04-01")
    log.disclosure()
    log.later(days=1).close("day", "2026-04-02", first=log.log.size - 1)
    caught(log, Rule.RUN, "run 2026-04-02")


def test_a_day_that_is_closed_twice(log):
    log.disclosure()
    log.later(days=1).close("day", "2026-04-01")
    log.close("day", "2026-04-01")
    caught(log, Rule.RUN, "run 2026-04-01")


def test_a_day_that_is_closed_after_its_month(log):
    log.disclosure()
    log.later(days=1).close("day", "2026-04-01")
    log.later(days=30).close("month", "2026-04")
    log.close("day", "2026-04-02")
    caught(log, Rule.RUN, "run 2026-04-02")


def test_a_run_may_end_before_its_own_leaf(log):
    log.disclosure()
    end = log.log.size
    log.later(days=1).disclosure()
    records = log.records(0, end)
    log.beside.clear()
    log.close("day", "2026-04-01", end=end, count=1, root=runs.root_of_run(records).hex())
    log.beside.clear()
    log.beside.update(runs.files("runs/2026-04-01", records))
    log.later(days=1).close("day", "2026-04-02")
    log.later(days=30).close("month", "2026-04")
    log.close("year", "2026")
    log.auditor().follow()


@pytest.mark.parametrize("changes", [{"statistics": "0" * 64}, {"statistics": None}])
def test_a_month_whose_statistics_are_not_what_its_leaves_count_to(log, changes):
    log.disclosure()
    log.later(days=1).close("day", "2026-04-01")
    log.later(days=30).close("month", "2026-04", **changes)
    caught(log, Rule.STATISTICS, "run 2026-04")


def test_a_statistics_file_that_is_another(log):
    log.disclosure()
    log.later(days=1).close("day", "2026-04-01")
    log.later(days=30).close("month", "2026-04")
    log.beside["statistics/2026-04.csv"] += b"2026-04,tax,1-41,items,1,0,0,0\n"
    caught(log, Rule.STATISTICS, "statistics/2026-04.csv")


@pytest.mark.parametrize("changes", [{"first": 1}, {"end": 1}, {"count": 0}, {"name": "2026-05"}])
def test_a_month_that_is_not_its_days(log, changes):
    log.disclosure()
    log.later(days=1).close("day", "2026-04-01")
    log.later(days=30).close("month", "2026-04", **changes)
    caught(log, Rule.RUN, "run 2026-0")


def test_an_auditor_is_told_how_far_it_is():
    told = []
    honest().auditor().follow(progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (honest().log.size, honest().log.size)
    assert told == sorted(told)


def test_the_auditor_of_another_log_sees_no_log_at_all(log):
    other = Log.open(ForgetfulDisk(), origin="example.org/other", key=KEY)
    caught(log, Rule.SIGNATURE, "checkpoint", files=log.files | {"checkpoint": other.checkpoint})
