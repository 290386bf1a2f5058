"""Wording (文言): what papers and terminal say of a statement, in Japanese and in English.

The sentence that a statement is complete is said only if it is; else it says what is missing.
"""

from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from jukinet.client.statement import Statement
from jukinet.law.leaf import JAPAN
from jukinet.law.schedule import load
from jukinet.names.era import to_era


class Both(NamedTuple):
    """The same in Japanese and in English."""

    ja: str
    en: str


KINDS: Final = {
    "confirm": Both("照合（同じか違うか）", "comparison (the same, or different)"),
    "standing": Both("居住の確認", "whether resident, moved or dead"),
    "items": Both("項目の提供", "items"),
    "changes": Both("変更情報の提供", "what has changed since a day"),
    "convert": Both("情報連携（他機関の符号への変換）", "conversion to another's number"),
}
ITEMS: Final = {
    "name": Both("氏名", "name"),
    "birth_date": Both("生年月日", "date of birth"),
    "sex": Both("性別", "sex"),
    "address": Both("住所", "address"),
}
HOLDERS: Final = {
    "self": Both("本人", "the resident"),
    "guardian": Both("法定代理人", "a legal representative"),
    "proxy": Both("任意代理人", "a proxy"),
}
OUTCOMES: Final = {
    "upheld": Both("申出を認めました", "the objection is upheld"),
    "explained": Both("説明します", "explained"),
    "rejected": Both("申出を認めません", "the objection is rejected"),
}


def day(when: date) -> Both:
    """A day, with its era."""
    return Both(to_era(when), f"{when.day} {when:%B %Y}")


def moment(when: datetime) -> Both:
    """A time in Japan, with its era."""
    local = when.astimezone(JAPAN)
    on = day(local.date())
    return Both(f"{on.ja} {local:%H:%M}", f"{on.en}, {local:%H:%M}")


def listed(names: tuple[str, ...], words: dict[str, Both]) -> Both:
    """Some words, or a dash."""
    found = [words.get(name, Both(name, name)) for name in names]
    return Both("、".join(one.ja for one in found) or "－", ", ".join(o.en for o in found) or "-")


def agency(name: str) -> Both:
    """An agency as the schedules name it; one that is not there, or a prefecture's, as it is."""
    receiver = load().receivers.get(name)
    return Both(receiver.name_ja, receiver.name) if receiver else Both(name, name)


def affair(row: str, said: str | None) -> Both:
    """What a row is for; what the entry says of it, where the schedules say another thing now."""
    grant = load().grants.get(row)
    if grant and said in (None, grant.affair):
        return Both(f"{grant.affair_ja}（{row}）", f"{grant.affair} ({row})")
    return Both(f"{said or ''}（{row}）", f"{said or ''} ({row})".strip())


def completeness(found: Statement) -> Both:
    """How far a statement is known to go, and by what."""
    root = found.root.hex()
    head = Both(
        f"公開台帳 {found.size:,} 葉（根 {root}）",
        f"size {found.size:,}, root {root}",
    )
    if not found.complete:
        missing = "; ".join(found.missing)
        return Both(
            f"完全とは確認できません。確認できなかったもの：{missing}（{head.ja}）",
            f"NOT known to be complete ({head.en}). Missing: {missing}",
        )
    how, signed = _how(found), _cosigned(found)
    return Both(
        f"完全：{how.ja}。{head.ja}、{signed.ja}。", f"Complete: {how.en}; {head.en}, {signed.en}."
    )


def kept_back(found: Statement, today: date) -> Both:
    """What is known of entries that nobody may see yet."""
    if found.kept_back is None:
        return Both(
            "開示が猶予されている記録の件数は数えていません（台帳全体を読むとき、または監査人が数えます）。",
            "Entries that are kept back for now were not counted: whoever reads the whole log "
            "counts them (--whole), and so do the auditors.",
        )
    count, overdue = len(found.kept_back), found.overdue(today)
    return Both(
        f"台帳全体で開示猶予中の記録は {count} 件、うち期日を過ぎたもの {overdue} 件です"
        "（どなたの記録かは分かりません）。",
        f"In the whole log {count} entries are kept back, {overdue} of them past their day; whose "
        "they are is not to be seen.",
    )


def no_witness(warning: str) -> Both:
    """That the log's signature alone was checked, and why."""
    return Both(
        f"注意：立会人の署名は確認していません（{warning}）。",
        f"Warning: no witness was checked, the log's own signature only: {warning}.",
    )


def _how(found: Statement) -> Both:
    """By which runs, and what was read."""
    read = ", ".join(f"{first:,}-{end - 1:,}" for first, end in found.read if end > first)
    if not found.runs:
        return Both("すべての葉を読みました", "every leaf was read")
    last = found.runs[-1]
    tail = Both(f"、葉 {read} を一つずつ読みました", f", and leaves {read} were read one by one")
    return Both(
        f"索引 {last.leaf.name}（葉 {last.number:,}）までの {len(found.runs)} 索引で次の符号がない"
        f"ことを証明し{tail.ja if read else 'ました'}",
        f"to run {last.leaf.name} (leaf {last.number:,}) the next label is proved absent from all "
        f"{len(found.runs)} runs{tail.en if read else ''}",
    )


def _cosigned(found: Statement) -> Both:
    if not found.cosigned:
        return Both("立会人の署名なし", "cosigned by nobody")
    times = [
        (one.name, moment(datetime.fromtimestamp(one.time_seconds, UTC))) for one in found.cosigned
    ]
    return Both(
        "立会人 " + "、".join(f"{name}（{when.ja}）" for name, when in times),
        "cosigned by " + ", ".join(f"{name} at {when.en}" for name, when in times),
    )
