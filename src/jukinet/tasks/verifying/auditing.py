"""Auditing (監査): every leaf held against those before it, by the rules that auditors go by.

An auditor ends with the first lie; here each is a finding, and the rest is read on. Runs and
bundles are made again elsewhere (closed, ledger). What nobody but the centre is in step with is
looked at besides: that each key of the directory stands in the log, that no inquiry is answered
twice, and that what was kept back is opened.

An entry whose day has come is opened that day, or the next time that the centre comes up: so it is
overdue only when the log went on for two more days.
"""

from collections import Counter
from datetime import UTC, datetime

from jukinet.client.labels import Labels
from jukinet.client.lies import Lie, Rule
from jukinet.client.rules import CLOCKS_DIFFER, Rules
from jukinet.law import leaf as leaves
from jukinet.law.leaf import Given, InquiryLeaf, KeyLeaf, Leaf, RefusalLeaf, RunLeaf
from jukinet.law.schedule import load
from jukinet.law.standing import day_of
from jukinet.ledger.noted import Noted
from jukinet.nodes.centre.founding import founding
from jukinet.nodes.keyring import Directory
from jukinet.tasks.verifying.findings import NAMED_MAX, UNREADABLE
from jukinet.tasks.verifying.ledger import Ledger
from jukinet.tasks.verifying.logfiles import PLACE

DIRECTORY = "public/directory.json"
LAST_DAY = datetime(9999, 1, 1, tzinfo=UTC)  # verification has no clock: the log's own time counts
DAYS_TO_OPEN = 2


def check_rules(ledger: Ledger) -> None:
    """Every leaf against the leaves before it; nothing, where some of them cannot be read."""
    _check_answered_once(ledger)
    if len(ledger.leaves) < ledger.log.size:
        return
    rules = Rules(ledger.log.beside, ledger.leaves.__getitem__, Labels(), now=LAST_DAY)
    lies: Counter[Rule] = Counter()
    for index, leaf in ledger.leaves.items():
        if isinstance(leaf, RunLeaf):
            _check_closing_time(ledger, rules, index, leaf)
            continue
        try:
            rules.take(index, leaves.encode(leaf))
        except Lie as lie:
            lies[lie.rule] += 1
            if lie.rule is not Rule.BUNDLE and lies[lie.rule] <= NAMED_MAX:
                ledger.findings.note(PLACE, lie.place, _sentence(lie))
    _check_opened(ledger, rules)
    ledger.findings.counts["inquiries_unanswered"] += len(rules.inquiries)
    ledger.findings.counts["objections_unanswered"] += len(rules.objections)


def check_keys(ledger: Ledger, directory: Directory) -> None:
    """The directory's keys against the log, as the centre compares them when it comes up."""
    if not ledger.leaves:
        return
    noted = Noted()
    for index, leaf in ledger.leaves.items():
        try:
            noted.take(index, b"", leaf, ())
        except UNREADABLE:
            continue  # a row that counts too early: the rules have said so
    now = max(_time(leaf) for leaf in ledger.leaves.values())
    for draft in founding(noted, load(), directory, now):
        if isinstance(draft.leaf, KeyLeaf):
            about = f"{draft.leaf.office} {draft.leaf.name}"
            ledger.findings.note(DIRECTORY, about, "the log has no leaf, or another, of its key")
        else:
            ledger.findings.counts["rows_to_announce"] += 1


def _check_closing_time(ledger: Ledger, rules: Rules, index: int, leaf: RunLeaf) -> None:
    """A day is closed no earlier than what it closes was written."""
    if _time(leaf) + CLOCKS_DIFFER < rules.newest:
        ledger.note(index, "says a time long before an earlier leaf's")
    rules.newest = max(rules.newest, _time(leaf))


def _check_answered_once(ledger: Ledger) -> None:
    answered: set[int] = set()
    for index, leaf in ledger.leaves.items():
        if isinstance(leaf, RefusalLeaf | Given) and leaf.inquiry is not None:
            asked = ledger.leaves.get(leaf.inquiry)
            alone = isinstance(asked, InquiryLeaf) and asked.count == 1
            if leaf.inquiry in answered and alone:
                ledger.note(index, "answers an inquiry that was answered before")
            answered.add(leaf.inquiry)


def _check_opened(ledger: Ledger, rules: Rules) -> None:
    """What was kept back, and is not opened yet."""
    days = sorted({str(day_of(_time(leaf))) for leaf in ledger.leaves.values()})
    for index, leaf in rules.deferred.items():
        later = sum(day > leaf.open_on for day in days)
        if later >= DAYS_TO_OPEN:
            ledger.note(index, f"was kept back until {leaf.open_on}, and is not opened")
    ledger.findings.counts["entries_kept_back"] += len(rules.deferred)


def _time(leaf: Leaf) -> datetime:
    return datetime.fromisoformat(leaf.time)


def _sentence(lie: Lie) -> str:
    return str(lie).removeprefix(f"{lie.place}: ")
