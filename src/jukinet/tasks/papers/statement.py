"""Statement on paper (開示の紙面): when, who, why, which items, and how far it is complete."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import NamedTuple

from jukinet.client.entries import Entry, Key, Renewal
from jukinet.client.statement import Statement, ViewKey
from jukinet.law.leaf import JAPAN, BundleLeaf
from jukinet.merkle.note import VerifierKey
from jukinet.tasks.papers import TEMPLATES
from jukinet.tasks.papers.wording import (
    HOLDERS,
    ITEMS,
    KINDS,
    OUTCOMES,
    Both,
    affair,
    agency,
    completeness,
    day,
    kept_back,
    listed,
    moment,
    no_witness,
)


class Line(NamedTuple):
    """One entry as it is shown: its time, and rows of what and what of it."""

    when: Both
    rows: list[tuple[Both, Both]]


def statement_page(
    found: Statement, key: ViewKey, now: datetime, *, warning: str = "", more: tuple[Both, ...] = ()
) -> str:
    """A statement as one HTML page; `warning` says why no witness was checked, if none was."""
    today = now.astimezone(JAPAN).date()
    made = moment(now)
    return TEMPLATES.get_template("statement.html").render(
        made=Both(f"{made.ja} 作成", f"made on {made.en}"),
        sentence=completeness(found),
        complete=found.complete,
        notices=[*_notices(found, today, warning), *more],
        lines=[line(entry) for entry in found.entries],
        keys=[key_line(one) for one in found.keys],
        renewals=[renewal_line(one) for one in found.renewals],
        origin=VerifierKey.parse(key.log).name,
    )


def line(entry: Entry) -> Line:
    """A disclosure, as it is shown."""
    body, leaf = entry.body, entry.leaf
    rows = {
        Both("誰が", "who"): agency(body.agency if body else leaf.agency),
        Both("なぜ", "why"): _why(entry),
        Both("種別", "kind"): listed((leaf.kind,), KINDS),
        Both("項目", "items"): listed(leaf.items, ITEMS),
        Both("台帳の葉", "leaf"): Both(str(entry.leaf_index), str(entry.leaf_index)),
    }
    if body:
        rows[Both("担当者", "official")] = Both(body.official, body.official)
    return Line(moment(datetime.fromisoformat(leaf.time)), [*rows.items(), *_besides(entry)])


def key_line(key: Key) -> Line:
    """The giving out of a view key, as it is shown."""
    body = key.body
    if body is None:
        rows = [(Both("交付", "given"), _gone(key.altered))]
    else:
        valid = day(date.fromisoformat(body.valid_to))
        rows = [
            (Both("交付した市区町村", "by the town"), Both(body.town, body.town)),
            (Both("担当者", "official"), Both(body.official, body.official)),
            (Both("受領者", "to"), HOLDERS[body.holder]),
            (Both("有効期限", "last day"), valid),
        ]
    rows.append((Both("台帳の葉", "leaf"), Both(str(key.leaf_index), str(key.leaf_index))))
    return Line(moment(datetime.fromisoformat(key.leaf.time)), rows)


def renewal_line(one: Renewal) -> Line:
    """That numbers were made anew, as it is shown."""
    body = one.body
    if body is None:
        rows = [(Both("符号の変更", "fresh numbers"), _gone(one.altered))]
    else:
        every = Both("すべての事務", "all affairs")
        merged = Both("二つの記録の統合", "two records became one")
        sector = Both(body.sector, body.sector) if body.sector else every
        rows = [
            (Both("市区町村", "by the town"), Both(body.town, body.town)),
            (Both("担当者", "official"), Both(body.official, body.official)),
            (Both("範囲", "for"), merged if body.merged else sector),
        ]
    rows.append((Both("台帳の葉", "leaf"), Both(str(one.leaf_index), str(one.leaf_index))))
    return Line(moment(datetime.fromisoformat(one.leaf.time)), rows)


def _notices(found: Statement, today: date, warning: str) -> Iterator[Both]:
    if warning:
        yield no_witness(warning)
    yield kept_back(found, today)
    yield from (Both(f"気づいたこと：{one}", f"Remarked: {one}") for one in found.remarks)


def _why(entry: Entry) -> Both:
    """The affair and its row; without a body, the row alone."""
    body, leaf = entry.body, entry.leaf
    return affair(body.row, body.affair) if body else affair(leaf.row, None)


def _besides(entry: Entry) -> Iterator[tuple[Both, Both]]:
    """What few entries have."""
    if entry.body is None:
        yield Both("注意", "mind"), _gone(entry.altered)
    if isinstance(entry.leaf, BundleLeaf):
        count = entry.leaf.count
        yield (
            Both("一括", "bundle"),
            Both(
                f"{count:,} 人分をまとめた提供の一件", f"one of {count:,} that were asked at once"
            ),
        )
    if entry.deferred is not None:
        asked = moment(datetime.fromisoformat(entry.deferred.time))
        until = day(date.fromisoformat(entry.deferred.open_on))
        yield (
            Both("開示の猶予", "kept back"),
            Both(f"{asked.ja} の照会、{until.ja} まで", f"asked on {asked.en}, until {until.en}"),
        )
    if entry.objection is not None:
        said = entry.objection.body
        yield Both("異議", "your objection"), _quoted(said.text if said else "")
        if entry.answer is None:
            by = day(date.fromisoformat(entry.objection.leaf.answer_by))
            yield Both("回答", "answer"), Both(f"{by.ja} までに", f"due by {by.en}")
    if entry.answer is not None:
        outcome, words = OUTCOMES[entry.answer.leaf.outcome], entry.answer.body
        quoted = words.text if words else ""
        yield (
            Both("回答", "answer"),
            Both(f"{outcome.ja}：{quoted}", outcome.en),
        )


def _gone(altered: bool) -> Both:
    """Why a sealed part is not shown."""
    if altered:
        return Both(
            "封緘部分がこの写しで改変されています。別の写しで読んでください。",
            "its sealed part was altered in this copy; read another copy",
        )
    return Both(
        "封緘部分は消去されたか、この写しにありません。",
        "its sealed part was erased, or this copy lacks it",
    )


def _quoted(text: str) -> Both:
    return Both(f"「{text}」", "") if text else _gone(altered=False)
