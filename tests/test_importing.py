"""Import: every row of a municipality's own export is entered once or rejected once, with a reason."""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))  # run as a program, by the tests that kill it


from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.feed import outbox
from jukinet.law import notification as law
from jukinet.law.identity import Sex
from jukinet.law.protection import Threat
from jukinet.law.record import ResidentClass
from jukinet.names.address import Address
from jukinet.nodes import municipality
from jukinet.numbers import individual_number, resident_code
from jukinet.register import book
from jukinet.register import codes as pool
from jukinet.store.engine import Store, open_store
from jukinet.store.migrate import migrate
from jukinet.tasks import importing
from jukinet.tasks.folder import Mark
from jukinet.tasks.importing import text
from jukinet.tasks.importing.columns import COLUMNS, read_header
from jukinet.tasks.importing.homes import HOUSEHOLD_MAX
from jukinet.tasks.importing.rejects import TITLES, inert
from jukinet.tasks.importing.staging import staged_rows, staging_file
from jukinet.tasks.network import create, open_network
from support import (
    CHIYODA,
    DAY,
    JST,
    NOON,
    SHINJUKU,
    Town,
    centre_ring,
    chance,
    directory_of,
    filed,
    fresh_codes,
    new_folder,
    town_ring,
)

DATA = Path(__file__).parent / "data"
DOCS = Path(__file__).parent.parent / "docs"

CODES = [resident_code.complete(f"{number:010d}").digits for number in range(7_000_000, 7_000_100)]
NUMBERS = [individual_number.complete(f"{number:011d}").digits for number in range(100)]

GOOD = {
    "世帯番号": "0001",
    "氏名": "山田 花子",
    "振り仮名": "ヤマダ　ハナコ",
    "生年月日": "昭和55年5月5日",
    "性別": "女",
    "続柄": "世帯主",
    "住民票コード": "",
    "個人番号": "",
    "郵便番号": "100-0005",
    "住所": "千代田",
    "番地": "1番1号",
    "方書": "",
    "住民となった日": "平成20年4月1日",
    "住所を定めた日": "",
    "前住所": "",
    "本籍": "東京都千代田区千代田1番",
    "筆頭者": "山田 太郎",
    "国籍": "",
    "在留区分": "",
    "在留資格": "",
    "在留期間の満了日": "",
    "在留カード番号": "",
    "通称": "",
    "通称の振り仮名": "",
    "旧氏": "",
    "支援措置の期限": "",
    "支援措置の開始日": "",
    "支援措置の種別": "",
}
FOREIGN = {
    "本籍": "",
    "筆頭者": "",
    "国籍": "ベトナム",
    "在留区分": "中長期在留者",
    "在留資格": "技術・人文知識・国際業務",
}
WIFE = {"続柄": "妻", "氏名": "山田 桃子", "振り仮名": "ヤマダ　モモコ"}
CHILD = {"続柄": "子", "氏名": "山田 一郎", "振り仮名": "ヤマダ　イチロウ", "性別": "男"}


def row(*changes: dict[str, str], **more: str) -> dict[str, str]:
    made = dict(GOOD)
    for change in (*changes, more):
        made |= change
    return made


def sheet(*rows: dict[str, str], separator: str = ",", end: str = "\r\n") -> str:
    out = io.StringIO()
    table = csv.DictWriter(out, list(rows[0]), delimiter=separator, lineterminator=end)
    table.writeheader()
    table.writerows(rows)
    return out.getvalue()


class Office:
    """A town, a folder, and one import after another into it."""

    def __init__(self, folder: Path, pool: int = 20) -> None:
        self.folder = folder
        self.town = Town(pool=pool)
        self.file = folder / "residents.csv"
        self.desk = importing.NodeDesk(self.town.node, folder, NOON)

    @property
    def store(self) -> Store:
        return self.town.store

    def enter(self, *rows: dict[str, str] | str | bytes, today: date = DAY, **more):
        (first, *_) = rows
        if isinstance(first, dict):
            first = sheet(*rows)
        self.file.write_bytes(first if isinstance(first, bytes) else first.encode())
        return importing.import_residents(self.desk, self.file, today=today, **more)

    def rejects(self) -> dict[int, tuple[str, str]]:
        """The table of rejects: line, (field, reason)."""
        table = importing.rejects_file(self.file)
        if not table.exists():
            return {}
        content = table.read_text("utf-8-sig")
        titles, *lines = csv.reader(io.StringIO(content, newline=""))
        assert tuple(titles) == TITLES
        assert len({line for line, _, _ in lines}) == len(lines), "a line stands there twice"
        return {int(line): (field, reason) for line, field, reason in lines}

    def records(self) -> list:
        with self.store.begin() as tx:
            return [kept.record for kept in book.everybody(tx)]

    def names(self) -> list[str]:
        return [record.name.legal.text for record in self.records()]

    def tables(self) -> dict[str, list]:
        return tables_of(self.store)


def tables_of(store: Store) -> dict[str, list]:
    with store.begin() as tx:
        names = [
            name for (name,) in tx.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        return {name: sorted(tx.execute(f"SELECT * FROM {name}"), key=repr) for name in names}


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


# --- the columns ------------------------------------------------------------------------------


def test_the_table_of_columns_in_the_docs_is_the_one_that_is_read():
    lines = (DOCS / "import.md").read_text("utf-8").splitlines()
    shown = [line for line in lines if line.startswith("| ") and "`" in line.split("|")[2]]
    wanted = [
        f"| {column.name} | `{column.english}` | {'yes' if column.required else ''} | "
        f"{column.meaning} | {column.form} | {', '.join(column.also)} |"
        for column in COLUMNS
    ]
    assert [" ".join(line.split()) for line in shown] == [" ".join(line.split()) for line in wanted]


def test_no_two_columns_have_a_title_in_common():
    titles = [title for column in COLUMNS for title in (column.name, column.english, *column.also)]
    assert len(titles) == len(set(titles))
    raw = tomllib.loads((Path(importing.__file__).parent / "columns.toml").read_text("utf-8"))
    assert len(raw["column"]) == len(COLUMNS)


@pytest.mark.parametrize(
    "title",
    [
        pytest.param("birth_date", id="the English alias"),
        pytest.param("Birth Date", id="in capitals, with a space"),
        pytest.param("生年月日 ", id="with padding"),
        pytest.param("出生年月日", id="another name seen"),
    ],
)
def test_a_column_is_found_by(office: Office, title: str):
    one = {title if name == "生年月日" else name: value for name, value in row().items()}
    assert office.enter(one).entered == 1


def test_half_width_titles_are_the_same_titles():
    assert read_header([*[c.name for c in COLUMNS if c.required], "ﾌﾘｶﾞﾅ"]).places["reading"] == 8


def test_all_missing_columns_are_named_at_once_and_nothing_is_begun(office: Office):
    with pytest.raises(Malformed) as caught:
        office.enter({"世帯番号": "1", "氏名": "山田 花子", "余分": "x"})
    for name in ("生年月日", "性別", "続柄", "郵便番号", "住所", "住民となった日"):
        assert name in str(caught.value)
    assert "余分" not in str(caught.value)
    assert os.listdir(office.folder) == ["residents.csv"]


def test_unknown_columns_are_named(office: Office):
    with pytest.raises(Malformed, match=r"余分.*備考.*--ignore-columns"):
        office.enter(row({"余分": "x", "備考": "y"}))


def test_an_unknown_column_cannot_write_to_the_terminal(office: Office):
    with pytest.raises(Malformed) as caught:
        office.enter(row({"\x1b[2J" + "長" * 60: "x"}))
    assert "?[2J" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert "長" * 41 not in str(caught.value)


def test_unknown_columns_are_left_out_when_asked(office: Office):
    assert office.enter(row({"余分": "x"}), ignore_columns=True).entered == 1


def test_a_column_that_is_there_twice_is_refused(office: Office):
    with pytest.raises(Malformed, match=r"more than once.*氏名"):
        office.enter(row({"漢字氏名": "山田 花子"}))


def test_a_file_without_a_header_is_refused_without_repeating_a_person(office: Office):
    with pytest.raises(Malformed) as caught:
        office.enter(",".join(row().values()) + "\r\n")
    assert "山田" not in str(caught.value)
    assert "header" in str(caught.value)


@pytest.mark.parametrize("content", ["", "\r\n\r\n", "\ufeff"], ids=["empty", "blank", "a mark"])
def test_a_file_with_nothing_in_it_is_refused(office: Office, content: str):
    with pytest.raises(Malformed, match="nothing is in it"):
        office.enter(content)


def test_a_header_alone_is_an_import_of_nobody(office: Office):
    report = office.enter(sheet(row()).splitlines()[0])
    assert (report.rows, report.entered, report.rejected) == (0, 0, 0)


# --- the text ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        pytest.param("utf-8", "utf-8", id="UTF-8"),
        pytest.param("utf-8-sig", "utf-8-sig", id="UTF-8 with a byte order mark"),
        pytest.param("cp932", "cp932", id="CP932"),
    ],
)
@pytest.mark.parametrize("separator", [",", "\t"], ids=["comma", "tab"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_an_export_is_read_as(office: Office, encoding: str, said: str, separator: str, end: str):
    content = sheet(row(), row(WIFE), separator=separator, end=end).encode(encoding)
    report = office.enter(content)
    assert report.entered == 2
    assert (report.encoding, report.dialect) == (said, text.SEPARATORS[separator])
    assert office.names() == ["山田 花子", "山田 桃子"]


def test_the_samples_in_utf_8_and_cp932_give_the_same_books(tmp_path: Path):
    books = []
    for sample in ("import-utf8.csv", "import-cp932.csv", "import-utf8.tsv"):
        folder = tmp_path / sample
        folder.mkdir()
        office = Office(folder)
        office.enter((DATA / sample).read_bytes())
        assert office.rejects().keys() == {9, 10}
        books.append([msgspec.structs.replace(one, attachment=None) for one in office.records()])
    assert len(books[0]) == 7
    assert books[0] == books[1] == books[2]


# Microsoft's table of code page 932; the first three are where Unicode's SHIFTJIS.TXT differs.
@pytest.mark.parametrize(
    ("bytes_", "point"),
    [
        pytest.param(b"\x81\x60", 0xFF5E, id="wave dash is the full-width tilde"),
        pytest.param(b"\x81\x61", 0x2225, id="double vertical line is the parallel sign"),
        pytest.param(b"\x81\x7c", 0xFF0D, id="minus is the full-width hyphen"),
        pytest.param(b"\xfb\xfc", 0x9AD9, id="ladder taka, IBM's"),
        pytest.param(b"\xee\xe0", 0x9AD9, id="ladder taka, as NEC selected it"),
        pytest.param(b"\xfa\xb1", 0xFA11, id="standing saki, IBM's"),
        pytest.param(b"\xed\x95", 0xFA11, id="standing saki, as NEC selected it"),
        pytest.param(b"\xfa\x5c", 0x7E8A, id="the first of IBM's own kanji"),
        pytest.param(b"\x87\x8a", 0x3231, id="NEC's share company"),
        pytest.param(b"\x95\x5c", 0x8868, id="a character whose second byte is a backslash"),
    ],
)
def test_cp932_has(office: Office, bytes_: bytes, point: int):
    assert bytes_.decode(text.CP932) == chr(point)
    content = sheet(row(方書="中ビル!")).encode("cp932").replace(b"!", bytes_)
    assert office.enter(content).entered == 1
    assert office.records()[0].address.building == "中ビル" + chr(point)


def test_a_users_own_character_of_cp932_is_a_fault_of_its_row_alone(office: Office):
    content = sheet(row(氏名="山田 子!"), row(世帯番号="2")).encode("cp932")
    report = office.enter(content.replace(b"!", b"\xf0\x40"))
    assert report.entered == 1
    assert office.rejects()[2] == (
        "氏名 (name)",
        "name: character 5 is a private-use character (外字); use a registered shape",
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"\xff\xfea\x00", "UTF-16", id="UTF-16, little end first"),
        pytest.param(b"\xfe\xff\x00a", "UTF-16", id="UTF-16, big end first"),
        pytest.param(b"PK\x03\x04rest", "workbook", id="a workbook"),
        pytest.param(b"\xd0\xcf\x11\xe0", "old workbook", id="an old workbook"),
        pytest.param(
            "世帯\n山".encode() + b"\x81 ",
            r"UTF-8 \(line 2, column 2 is not\) nor CP932 \(line 2, column 3 is not\)",
            id="a byte that neither has",
        ),
        pytest.param(
            "household,name\n1,髙橋 一二三四五六".encode() + b"\xfe",
            "UTF-8 up to line 2, column 12",
            id="damaged UTF-8 that CP932 would read as other characters",
        ),
        pytest.param(
            "\ufeff世帯,氏名\r\n1,".encode() + b"\x8e",
            "UTF-8 up to line 2, column 3",
            id="a mark of UTF-8 and bytes of another",
        ),
        pytest.param(
            "世帯,氏名\r\n1,田".encode("cp932") + b"\x81",
            r"CP932 \(line 2, column 4 is not\)",
            id="CP932 cut in the middle of a character",
        ),
    ],
)
def test_a_file_that_is_no_text_is_refused(office: Office, content: bytes, words: str):
    with pytest.raises(Malformed, match=words):
        office.enter(content)


@given(
    content=st.binary(max_size=40) | st.text(max_size=20).map(lambda one: one.encode()),
    encoding=st.sampled_from([text.UTF_8, text.CP932]),
    chunk=st.integers(1, 9),
)
def test_the_first_unfit_byte_is_found_whatever_the_chunks(
    tmp_path_factory, content, encoding, chunk
):
    file = tmp_path_factory.getbasetemp() / "bytes"
    file.write_bytes(content)
    try:
        content.decode(encoding)
        wanted = None
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding)
        wanted = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    spot = text.first_unfit(file, encoding, chunk=chunk)
    assert (spot and spot[:2]) == wanted


def test_a_line_without_end_is_refused_before_it_fills_the_memory(office: Office):
    with pytest.raises(Malformed, match="line 2: longer than"):
        office.enter(sheet(row()).splitlines()[0] + "\n" + "x" * 70_000)
    assert office.names() == []


def test_a_cell_in_quotes_may_have_separators_quotes_and_line_breaks(office: Office):
    report = office.enter(row(備考='一,"二"\r\n三'), row(WIFE), ignore_columns=True)
    assert report.entered == 2


def test_a_line_break_in_a_cell_that_is_read_is_a_fault_with_the_line_the_row_begins_on(
    office: Office,
):
    report = office.enter(row(), row(WIFE, 方書="一\n二"), row(CHILD))
    assert report.entered == 2
    (line,) = office.rejects()
    assert line == 3
    assert office.rejects()[3][0] == "方書 (building)"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(
            lambda line: line.replace("山田 桃子", '"山田 桃子'), "quotes", id="a quote left open"
        ),
        pytest.param(
            lambda line: line.replace("山田 桃子", '"山田" 桃子'), "quotes", id="text after a quote"
        ),
        pytest.param(
            lambda line: line.replace("山田 桃子", "山田\r桃子"),
            "quotes",
            id="a lone carriage return",
        ),
        pytest.param(lambda line: line + ",", "cells", id="a cell too many"),
        pytest.param(lambda line: line.rpartition(",")[0], "cells", id="a cell too few"),
    ],
)
def test_a_spoilt_line_costs_that_line_alone(office: Office, spoil, words: str):
    lines = sheet(row(), row(WIFE), row(CHILD), row(世帯番号="2")).splitlines()
    lines[2] = spoil(lines[2])
    report = office.enter("\r\n".join(lines))
    assert (report.rows, report.entered) == (4, 3)
    assert office.rejects().keys() == {3}
    assert words in office.rejects()[3][1]


def test_an_open_quote_swallows_no_row_behind_it(office: Office):
    lines = sheet(
        *[row(世帯番号=str(n), 氏名=f"山田 {chr(0x30A2 + n)}") for n in range(60)]
    ).splitlines()
    lines[3] = lines[3].replace("山田", '"山田')
    report = office.enter("\r\n".join(lines), dry_run=True)
    assert (report.rows, report.rejected) == (60, 1 + 39)  # the pool has twenty codes
    assert "quotes" in office.rejects()[4][1]


def test_lines_without_any_text_are_no_rows(office: Office):
    head, *rest = sheet(row(), row(WIFE)).splitlines()
    blank = "," * head.count(",")
    report = office.enter("\r\n".join([head, "", rest[0], blank, rest[1], ""]))
    assert (report.rows, report.entered) == (2, 2)


# --- what is entered --------------------------------------------------------------------------


def test_a_citizens_row_becomes_a_record_with_all_its_items(office: Office):
    office.enter(
        row(
            住民票コード=CODES[0],
            個人番号=NUMBERS[0],
            住所="東京都千代田区千代田",
            方書="千代田ビル　101号室",
            住所を定めた日="2015-06-07",
            前住所="東京都新宿区西新宿二丁目8番1号",
            旧氏="佐藤",
        )
    )
    (record,) = office.records()
    assert record.name.legal.text == "山田 花子"
    assert record.name.reading.text == "ヤマダ　ハナコ"
    assert record.name.former_surname.text == "佐藤"
    assert (record.birth_date.iso, record.birth_date.written) == ("1980-05-05", "昭和55年5月5日")
    assert record.sex is Sex.FEMALE
    assert record.is_head
    assert record.code.digits == CODES[0]
    assert record.individual_number.digits == NUMBERS[0]
    assert record.address == Address(
        municipality=CHIYODA,
        postal_code="1000005",
        town="千代田",
        block="1番1号",
        building="千代田ビル　101号室",
    )
    assert record.resident_since == date(2008, 4, 1)
    assert record.address_since == date(2015, 6, 7)
    assert record.previous_address == "東京都新宿区西新宿二丁目8番1号"
    assert record.family_register.place == "東京都千代田区千代田1番"
    assert record.family_register.first_named == "山田 太郎"
    assert record.foreigner is None
    assert record.measures == ()


def test_a_foreign_residents_row_becomes_a_record_with_all_its_items(office: Office):
    office.enter(
        row(
            FOREIGN,
            {"氏名": "NGUYEN VAN AN", "振り仮名": "グエン　ヴァン　アン", "性別": "1"},
            在留期間の満了日="2027年3月31日",
            在留カード番号="\uff21\uff2212345678\uff23\uff24",
            通称="阮 安",
            通称の振り仮名="ゲン アン",
        )
    )
    (record,) = office.records()
    assert record.name.alias.text == "阮 安"
    assert record.name.alias_reading.text == "ゲン　アン"
    assert record.foreigner.nationality == "ベトナム"
    assert record.foreigner.resident_class is ResidentClass.MID_LONG_TERM
    assert record.foreigner.status == "技術・人文知識・国際業務"
    assert record.foreigner.period_until == date(2027, 3, 31)
    assert record.foreigner.card_number == "AB12345678CD"
    assert record.family_register is None
    assert record.address_since == record.resident_since == date(2008, 4, 1)


@pytest.mark.parametrize(
    ("cells", "since", "threat"),
    [
        pytest.param({}, DAY, Threat.OTHER, id="with its last day alone"),
        pytest.param(
            {"支援措置の開始日": "R8.1.5"}, date(2026, 1, 5), Threat.OTHER, id="with its first day"
        ),
        pytest.param({"支援措置の種別": "DV"}, DAY, Threat.VIOLENCE, id="with its kind"),
    ],
)
def test_a_support_measure_hides_the_person_from_the_first_notice_on(
    office: Office, cells, since, threat
):
    office.enter(row(cells, 支援措置の期限="令和9年1月4日"))
    (record,) = office.records()
    assert record.hidden
    (measure,) = record.measures
    assert (measure.since, measure.until, measure.threat) == (since, date(2027, 1, 4), threat)


def test_a_measure_that_ran_out_still_hides_the_person(office: Office):
    office.enter(row(支援措置の期限="令和2年1月4日"))
    assert office.records()[0].hidden


@pytest.mark.parametrize(
    ("typed", "iso"),
    [
        pytest.param("昭和6年4月日不詳", "1931-04-00", id="the day unknown"),
        pytest.param("1931年月日不詳", "1931-00-00", id="month and day unknown"),
        pytest.param("不詳", "0000-00-00", id="all unknown"),
        pytest.param("S６.4.１", "1931-04-01", id="an era letter, digits of two widths"),
        pytest.param("19310401", "1931-04-01", id="eight digits"),
    ],
)
def test_a_birth_date_may_be(office: Office, typed: str, iso: str):
    assert office.enter(row(生年月日=typed)).entered == 1
    assert office.records()[0].birth_date.iso == iso


@pytest.mark.parametrize(
    ("typed", "sex"),
    [
        ("男", Sex.MALE),
        ("1", Sex.MALE),
        ("１", Sex.MALE),
        ("女", Sex.FEMALE),
        ("2", Sex.FEMALE),
        ("f", Sex.FEMALE),
        ("不明", Sex.UNSTATED),
        ("9", Sex.UNSTATED),
    ],
)
def test_sex_may_be(office: Office, typed: str, sex: Sex):
    office.enter(row(性別=typed))
    assert office.records()[0].sex is sex


def test_rows_of_one_household_need_not_stand_together(office: Office):
    office.enter(row(世帯番号="１"), row(世帯番号="2", 氏名="佐藤 次郎"), row(WIFE, 世帯番号="1"))
    first, wife, other = office.records()
    assert first.household == wife.household != other.household
    assert (first.is_head, wife.relationship.text) == (True, "妻")


def test_padding_around_a_cell_is_left_out_and_nothing_else(office: Office):
    office.enter(row(氏名="山田 花子　　　", 方書=" ", 番地="1番1号 "))
    (record,) = office.records()
    assert (record.name.legal.text, record.address.block) == ("山田 花子", "1番1号")


def test_a_legal_name_keeps_every_code_point(office: Office):
    name = "\u9089\U000e0101 \ufa11子"
    office.enter(row(氏名=name))
    assert office.names() == [name]


def test_head_as_self_and_nationality_japan_are_read_as_they_are_meant(office: Office):
    office.enter(row(続柄="本人", 国籍="日本"))
    (record,) = office.records()
    assert record.is_head
    assert record.foreigner is None


def test_each_household_is_filed_by_the_office_under_its_own_number(office: Office):
    office.enter(row(), row(WIFE), row(世帯番号="A-2"))
    with office.store.begin() as tx:
        filings = list(book.FILINGS.everything(tx))
    assert [one.number for one in filings] == ["import/0001/1", "import/A-2/1"]
    entry = msgspec.msgpack.decode(filings[0].content, type=law.ExOfficioEntry)
    assert (entry.filed.who, entry.filed.proof) == (law.Who.OFFICE, law.Proof.OFFICE_PAPER)
    assert [one.late for one in filings] == [0, 0]


def test_a_notice_of_each_person_stands_in_the_outbox(office: Office):
    office.enter(row(), row(WIFE), row(CHILD))
    with office.store.begin() as tx:
        items = list(outbox.items(tx, office.town.node.to_centre))
    assert [item.kind for item in items].count("notice") == 3


def test_progress_is_told(office: Office):
    heard = []
    office.enter(row(), row(世帯番号="2"), progress=lambda *word: heard.append(word))
    assert heard == [("rows", 2, 2), ("households", 2, 2)]


# --- bad rows ---------------------------------------------------------------------------------

CITIZEN_COLUMNS = "本籍 (family_register)"

BAD = [
    pytest.param({"世帯番号": ""}, "household", "empty", id="no household"),
    pytest.param({"世帯番号": "1/2"}, "household", "letters", id="a slash in the household"),
    pytest.param({"世帯番号": "9" * 41}, "household", "1 to 40", id="a household of 41 digits"),
    pytest.param({"氏名": ""}, "name", "empty", id="no name"),
    pytest.param({"氏名": "山田  花子"}, "name", "two spaces", id="two spaces in a name"),
    pytest.param({"氏名": "山田 1子"}, "name", "character 4", id="a digit in a name"),
    pytest.param({"氏名": "山田 \ue000子"}, "name", "外字", id="a private-use character in a name"),
    pytest.param({"氏名": "あ" * 101}, "name", "at most 100", id="a name of 101 characters"),
    pytest.param({"振り仮名": "山田"}, "reading", "kana", id="a reading in kanji"),
    pytest.param({"生年月日": ""}, "birth_date", "empty", id="no birth date"),
    pytest.param({"生年月日": "昭和65年1月1日"}, "birth_date", "昭和 ended", id="a year after the era's end"),
    pytest.param({"生年月日": "2001-02-29"}, "birth_date", "no such day", id="29 February of a common year"),
    pytest.param({"生年月日": "昭和55年"}, "birth_date", "missing", id="a year alone"),
    pytest.param({"生年月日": "36650"}, "birth_date", "want a date", id="a spreadsheet's number of days"),
    pytest.param({"生年月日": "2030-01-01"}, "birth_date", "after the day of the import", id="born after the import"),
    pytest.param({"性別": ""}, "sex", "empty", id="no sex"),
    pytest.param({"性別": "3"}, "sex", "want 男", id="another digit as sex"),
    pytest.param({"続柄": ""}, "relationship", "empty", id="no relationship"),
    pytest.param({"続柄": "隣人"}, "relationship", "want 世帯主", id="a relationship that is none"),
    pytest.param({"続柄": "長男"}, "relationship", "want 世帯主", id="a relationship of before 1995"),
    pytest.param({"住民票コード": "12345678904"}, "code", "check digit", id="a code whose check digit is wrong"),
    pytest.param({"住民票コード": "1234567890"}, "code", "got 10", id="a code that lost its leading zero"),
    pytest.param({"住民票コード": "1.2E+10"}, "code", "want 11 digits", id="a code as a spreadsheet rounds it"),
    pytest.param({"個人番号": "621498320258", "住民票コード": CODES[9]}, "individual_number", "check digit", id="an individual number whose check digit is wrong"),
    pytest.param({"個人番号": "621498320257"}, "code", "beside an individual number", id="an individual number without a code"),
    pytest.param({"郵便番号": ""}, "postal_code", "empty", id="no postal code"),
    pytest.param({"郵便番号": "60001"}, "postal_code", "seven digits", id="a postal code that lost zeros"),
    pytest.param({"住所": ""}, "town", "empty", id="no town"),
    pytest.param({"住所": "東京都新宿区西新宿"}, "town", "outside", id="an address of another municipality"),
    pytest.param({"住所": "大阪府大阪市北区"}, "town", "outside", id="an address of another prefecture"),
    pytest.param({"住所": "東京都千代田区"}, "town", "at least one", id="the municipality's name and no town"),
    pytest.param({"住所": "町" * 101}, "town", "at most 100", id="a town of 101 characters"),
    pytest.param({"方書": "A\u202eB"}, "building", "direction", id="a building that turns the text round"),
    pytest.param({"住民となった日": ""}, "resident_since", "empty", id="no day of becoming a resident"),
    pytest.param({"住民となった日": "昭和55年月日不詳"}, "resident_since", "whole date", id="becoming a resident on an unknown day"),
    pytest.param({"住民となった日": "2026-04-02"}, "resident_since", "after the day of the import", id="becoming a resident tomorrow"),
    pytest.param({"住民となった日": "昭和50年1月1日"}, "resident_since", "before the birth", id="a resident before birth"),
    pytest.param({"住所を定めた日": "令和99年1月1日"}, "address_since", "after the day", id="an address taken in the future"),
    pytest.param({"前住所": "町" * 201}, "previous_address", "at most 200", id="a former address of 201 characters"),
    pytest.param({"本籍": ""}, "family_register", "empty", id="a citizen without a family register"),
    pytest.param({"筆頭者": ""}, "first_named", "empty", id="a family register without its first-named"),
    pytest.param({"国籍": "ベトナム"}, "resident_class", "empty", id="a nationality without a class"),
    pytest.param({**FOREIGN, "国籍": ""}, "nationality", "empty", id="a class without a nationality"),
    pytest.param({**FOREIGN, "国籍": "日本"}, "nationality", "citizen", id="a citizen with a class"),
    pytest.param({**FOREIGN, "本籍": "東京都"}, "family_register", "not both", id="a foreign resident with a family register"),
    pytest.param({**FOREIGN, "在留区分": "旅行者"}, "resident_class", "中長期在留者", id="a class that is none"),
    pytest.param({**FOREIGN, "在留資格": ""}, "status", "30-45", id="a mid-term resident without a status"),
    pytest.param({**FOREIGN, "在留区分": "特別永住者", "在留期間の満了日": "2027-01-01"}, "period_until", "has none", id="a special permanent resident with a period"),
    pytest.param({**FOREIGN, "在留区分": "経過滞在者"}, "period_until", "60 days", id="a transitional resident without a period"),
    pytest.param({**FOREIGN, "在留区分": "経過滞在者", "在留期間の満了日": "2026-06-01"}, "period_until", "60 days", id="a transitional resident of 61 days"),
    pytest.param({**FOREIGN, "在留カード番号": "AB-12"}, "card_number", "letters and digits", id="a card number with a hyphen"),
    pytest.param({"通称": "木村 花子"}, "alias", "foreign resident", id="a citizen's alias"),
    pytest.param({**FOREIGN, "通称の振り仮名": "キムラ"}, "alias_reading", "no alias", id="an alias's reading without the alias"),
    pytest.param({"旧氏": "@"}, "former_surname", "character 1", id="a former surname that is no name"),
    pytest.param({"支援措置の期限": "来年"}, "measure_until", "want a date", id="a measure without an end"),
    pytest.param({"支援措置の開始日": "2026-01-01"}, "measure_until", "empty", id="a measure with a beginning alone"),
    pytest.param({"支援措置の期限": "2026-05-01", "支援措置の開始日": "2026-04-02"}, "measure_since", "after the day", id="a measure that begins tomorrow"),
    pytest.param({"支援措置の期限": "2025-05-01", "支援措置の開始日": "2025-05-02"}, "measure_since", "last day", id="a measure that ends before it begins"),
    pytest.param({"支援措置の期限": "2027-01-01", "支援措置の種別": "火災"}, "measure_threat", "want 配偶者", id="a measure against something else"),
    pytest.param({"氏名": "あ" * 100, "振り仮名": "ア" * 100, "方書": "あ" * 100, "番地": "あ" * 100}, "name", "longer than a notice", id="texts that no notice has room for"),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "column", "words"), BAD)
def test_a_row_is_rejected_for(office: Office, cells: dict[str, str], column: str, words: str):
    report = office.enter(row(世帯番号="good"), row(cells), row(世帯番号="good", **WIFE))
    assert (report.rows, report.entered, report.rejected) == (3, 2, 1)
    ((line, (field, reason)),) = office.rejects().items()
    assert line == 3
    assert f"({column})" in field
    assert words in reason
    assert report.rejects == importing.rejects_file(office.file)


def test_all_faults_of_a_row_are_said_at_once(office: Office):
    office.enter(row(性別="x", 生年月日="x", 郵便番号="x"))
    field, reason = office.rejects()[2]
    assert field == "郵便番号 (postal_code)"
    assert "生年月日: " in reason
    assert (
        len(office.enter(row(性別="x", 生年月日="x"), row(世帯番号="2", 生年月日="x")).reasons) == 1
    )
    assert "性別: " in reason


def test_another_municipalitys_row_is_rejected(office: Office):
    report = office.enter(
        row({"団体コード": CHIYODA}),
        row({"団体コード": SHINJUKU}, 世帯番号="2"),
        row({"団体コード": "13101"}, 世帯番号="3"),
    )
    assert report.entered == 2
    assert office.rejects().keys() == {3}


SECRET = "秘密"


@pytest.mark.parametrize("column", [name for name in GOOD if name not in ("世帯番号",)])
def test_nothing_of_a_bad_row_is_in_rejects_or_report(office: Office, column: str):
    spoilt = SECRET + "\u202e"  # unfit for any column
    office.enter(row(世帯番号="2"), row({column: spoilt}))
    report = office.enter(row(世帯番号="2"), row({column: spoilt}))
    assert report.rejected == 1
    written = importing.rejects_file(office.file).read_text("utf-8")
    for value in (SECRET, *(value for value in GOOD.values() if len(value) > 4)):
        assert value not in written
        assert value not in json.dumps(report.as_dict(), ensure_ascii=False)


def test_the_reasons_are_counted_without_what_differs_from_row_to_row(office: Office):
    report = office.enter(
        row(住民票コード="12345678904"),
        row(世帯番号="2", 住民票コード="98765432101"),
        row(世帯番号="3", 性別="x"),
    )
    assert report.as_dict()["reasons"] == {
        "code: resident code: check digit is N, digits ask for N; compare with the paper": 2,
        "sex: want 男 or N, 女 or N, 不明 or N": 1,
    }


# --- households -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "entered", "rejected"),
    [
        pytest.param([row(), row(WIFE, 性別="x"), row(CHILD)], [2, 4], {3: "want 男"}, id="one member is bad: the others are entered"),
        pytest.param([row(性別="x"), row(WIFE), row(CHILD)], [], {2: "want 男", 3: "line 2", 4: "line 2"}, id="the head is bad: nobody is entered"),
        pytest.param([row(WIFE), row(CHILD)], [], {2: "no row", 3: "no row"}, id="no head"),
        pytest.param([row(WIFE)], [], {2: "no row"}, id="one person who is no head"),
        pytest.param([row(), row(氏名="山田 次郎")], [], {2: "lines 2 and 3", 3: "lines 2 and 3"}, id="two heads"),
        pytest.param([row(), row(性別="x"), row(WIFE)], [], {2: "lines 2 and 3", 3: "want 男", 4: "lines 2 and 3"}, id="two heads, one of them bad"),
        pytest.param([row(), row(WIFE, 番地="9番9号")], [2], {3: "another address"}, id="a member elsewhere"),
        pytest.param([row(番地="1-1"), row(WIFE, 番地="１番１号")], [2, 3], {}, id="one address, written in two ways"),
        pytest.param([row(), row(WIFE), row(WIFE)], [2, 3], {4: "same row as line 3"}, id="a row twice"),
        pytest.param([row(), row()], [2], {3: "same row as line 2"}, id="the head's row twice"),
        pytest.param([row(), row(WIFE), row(WIFE, 番地="1-1")], [2, 3], {4: "those of line 3"}, id="a person twice, written in two ways"),
        pytest.param([row(), row(WIFE, 住民票コード=CODES[0]), row(CHILD, 住民票コード=CODES[0])], [2], {3: "line 4", 4: "line 3"}, id="two people with one code"),
        pytest.param([row(), row(WIFE, 住民票コード=CODES[0]), row(CHILD, 世帯番号="2", 続柄="世帯主", 住民票コード=CODES[0])], [2], {3: "line 4", 4: "line 3"}, id="two people of two households with one code"),
        pytest.param([row(住民票コード=CODES[0]), row(WIFE), row(世帯番号="2", 氏名="佐藤 次郎", 住民票コード=CODES[0])], [], {2: "line 4", 3: "line 2", 4: "line 2"}, id="a head with another's code"),
        pytest.param([row(住民票コード=CODES[0], 個人番号=NUMBERS[0]), row(世帯番号="2", 住民票コード=CODES[1], 個人番号=NUMBERS[0])], [], {2: "line 3", 3: "line 2"}, id="two people with one individual number"),
        pytest.param([row(住民票コード=CODES[0]), row(世帯番号="2", 性別="x", 住民票コード=CODES[0])], [], {2: "line 3", 3: "want 男"}, id="a bad row's code is no proof of the other's"),
        pytest.param([row(), row(WIFE, 世帯番号="")], [2], {3: "empty"}, id="a member without a household"),
        pytest.param([row(), row(CHILD, 住民票コード=CODES[0]), row(CHILD, 住民票コード=CODES[1])], [2, 3, 4], {}, id="two of one name with two codes are two"),
    ],
)  # fmt: skip
def test_household(office: Office, rows, entered: list[int], rejected: dict[int, str]):
    report = office.enter(*rows)
    assert (report.rows, report.entered, report.rejected) == (
        len(rows),
        len(entered),
        len(rejected),
    )
    assert office.names() == [rows[line - 2]["氏名"] for line in entered]
    assert office.rejects().keys() == rejected.keys()
    for line, words in rejected.items():
        assert words in office.rejects()[line][1]


def test_more_rows_than_any_household_has_are_rejected(office: Office):
    names = ["".join(pair) for pair in _pairs(HOUSEHOLD_MAX)]
    report = office.enter(row(), *[row(WIFE, 氏名=name) for name in names], row(世帯番号="2"))
    assert (report.entered, report.rejected) == (1, HOUSEHOLD_MAX + 1)
    assert "501 rows" in office.rejects()[2][1]


def _pairs(count: int) -> Iterator[tuple[str, str]]:
    kana = [chr(code) for code in range(0x30A2, 0x30DD)]
    return ((kana[n // len(kana)], kana[n % len(kana)]) for n in range(count))


# --- once more --------------------------------------------------------------------------------

FAMILY = [row(住民票コード=CODES[0]), row(WIFE), row(CHILD, 支援措置の期限="2027-01-01")]


@pytest.mark.parametrize("later", [0, 1, 400], ids=["the same day", "the day after", "next year"])
def test_the_same_file_twice_changes_nothing(office: Office, later: int):
    office.enter(*FAMILY, row(世帯番号="2", 性別="x"))
    before = office.tables()
    office.desk = importing.NodeDesk(office.town.node, office.folder, NOON + timedelta(days=later))
    report = office.enter(*FAMILY, row(世帯番号="2", 性別="x"), today=DAY + timedelta(days=later))
    assert (report.entered, report.already_there, report.rejected) == (0, 3, 1)
    assert office.tables() == before


def test_another_spelling_of_the_same_date_is_no_change(office: Office):
    office.enter(*FAMILY)
    report = office.enter(FAMILY[0] | {"生年月日": "1980/5/5"}, *FAMILY[1:])
    assert report.already_there == 3


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        pytest.param(lambda rows: [rows[0], rows[1] | {"氏名": "山田 梅子"}, rows[2]], {3}, id="a name"),
        pytest.param(lambda rows: [rows[0], rows[1] | {"生年月日": "昭和55年5月6日"}, rows[2]], {3}, id="a birth date"),
        pytest.param(lambda rows: [one | {"番地": "2番2号"} for one in rows], {2, 3, 4}, id="the address"),
        pytest.param(lambda rows: [rows[0] | {"続柄": "夫"}, rows[1] | {"続柄": "世帯主"}, rows[2]], {2, 3}, id="the head"),
        pytest.param(lambda rows: [rows[0], rows[1] | {"住民票コード": CODES[5]}, rows[2]], {3}, id="a code where there was none"),
        pytest.param(lambda rows: [rows[0] | {"住民票コード": ""}, *rows[1:]], {2}, id="no code where there was one"),
        pytest.param(lambda rows: [one | {"氏名": f"佐藤 {place}"} for place, one in zip("一二三", rows, strict=True)], {2, 3, 4}, id="other people under the same household number"),
        pytest.param(lambda rows: [rows[0], rows[1] | {"氏名": "山田 梅子"}], {3}, id="one member changed and one gone"),
    ],
)  # fmt: skip
def test_a_changed_row_is_a_matter_for_a_correction(office: Office, change, lines: set[int]):
    office.enter(*FAMILY)
    before = office.tables()
    report = office.enter(*change(FAMILY))
    assert report.entered == 0
    assert office.rejects().keys() == lines
    assert all("職権修正" in reason for _, reason in office.rejects().values())
    assert office.tables() == before


def test_a_row_that_is_gone_from_the_file_deletes_nobody(office: Office):
    office.enter(*FAMILY)
    before = office.tables()
    assert office.enter(*FAMILY[:2]).already_there == 2
    assert office.tables() == before


def test_a_household_under_another_number_is_not_entered_again(office: Office):
    office.enter(row(住民票コード=CODES[0]))
    report = office.enter(row(世帯番号="9", 住民票コード=CODES[0]))
    assert report.entered == 0
    assert "record 1" in office.rejects()[2][1]


def test_one_member_whose_code_is_a_records_costs_that_member_alone(office: Office):
    office.enter(row(住民票コード=CODES[0]))
    report = office.enter(row(世帯番号="9"), row(CHILD, 世帯番号="9", 住民票コード=CODES[0]))
    assert report.entered == 1
    assert office.rejects().keys() == {3}


def test_a_rejected_row_that_is_put_right_joins_its_household(office: Office):
    office.enter(FAMILY[0], FAMILY[1] | {"性別": "x"}, FAMILY[2])
    report = office.enter(*FAMILY, today=DAY + timedelta(days=0))
    assert (report.entered, report.already_there, report.rejected) == (1, 2, 0)
    assert {record.household for record in office.records()} == {1}
    assert office.names() == ["山田 花子", "山田 一郎", "山田 桃子"]
    before = office.tables()
    again = office.enter(*FAMILY)
    assert (again.entered, again.already_there) == (0, 3)
    assert office.tables() == before
    with office.store.begin() as tx:
        assert book.HOUSEHOLDS.get(tx, 1).members == 3


def test_a_rejected_head_who_is_put_right_brings_the_whole_household(office: Office):
    office.enter(FAMILY[0] | {"性別": "x"}, *FAMILY[1:])
    assert office.names() == []
    assert office.enter(*FAMILY).entered == 3


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(lambda filed: law.Death(filed=filed, person=1), id="the head has died"),
        pytest.param(
            lambda filed: law.MoveInside(
                filed=filed,
                placements=(),
                address=Address(
                    municipality=CHIYODA, postal_code="1000005", town="千代田", block="5番"
                ),
            ),
            id="the household has moved",
        ),
    ],
)
def test_nobody_is_added_to_a_household_that_has_changed_since(office: Office, event):
    office.enter(FAMILY[0], FAMILY[1], FAMILY[2] | {"性別": "x"})
    notification = event(filed())
    if isinstance(notification, law.MoveInside):
        records = office.records()
        notification = msgspec.structs.replace(
            notification,
            placements=tuple(
                law.Placement(
                    person=one.number, relationship=one.relationship, household=one.household
                )
                for one in records
            ),
        )
    office.town.accept(notification)
    report = office.enter(*FAMILY)
    assert (report.entered, report.already_there) == (0, 2)
    assert "has changed since" in office.rejects()[4][1]


def test_a_number_that_another_notification_bears_is_a_reason_to_reject(office: Office):
    office.enter(row(世帯番号="8", 住民票コード=CODES[0]))
    office.town.accept(law.ExOfficioDeletion(filed=filed(number="import/0001/1"), person=1))
    report = office.enter(row())
    assert (report.entered, report.rejected) == (0, 1)
    assert "another notification" in office.rejects()[2][1]


def test_a_cancelled_import_of_a_household_is_not_revived(office: Office):
    office.enter(*FAMILY)
    office.town.accept(law.Cancellation(filed=filed(), cancels="import/0001/1"))
    report = office.enter(*FAMILY)
    assert (report.entered, report.already_there, report.rejected) == (0, 0, 3)
    assert "異動の取消" in office.rejects()[2][1]


# --- codes ------------------------------------------------------------------------------------


def free_codes(office: Office) -> list[str]:
    with office.store.begin() as tx:
        return [one.code.digits for one in pool.free(tx, 1000)]


def test_existing_codes_are_kept_and_others_drawn_in_order(office: Office):
    first, *_ = free_codes(office)
    report = office.enter(row(住民票コード=CODES[0], 個人番号=NUMBERS[0]), row(WIFE))
    head, wife = office.records()
    assert (head.code.digits, wife.code.digits) == (CODES[0], first)
    assert wife.individual_number is not None
    assert report.codes_drawn == 1
    assert first not in free_codes(office)


def test_households_that_bring_all_their_codes_come_first(office: Office):
    office.enter(
        row(氏名="佐藤 次郎"),
        row(世帯番号="2", 住民票コード=CODES[0]),
        row(世帯番号="2", **CHILD),
        row(世帯番号="3", 氏名="鈴木 三郎", 住民票コード=CODES[1]),
    )
    assert office.names() == ["鈴木 三郎", "佐藤 次郎", "山田 花子", "山田 一郎"]


def test_a_code_of_the_pool_that_a_row_brings_along_is_never_drawn(office: Office):
    first, second, *_ = free_codes(office)
    report = office.enter(row(氏名="佐藤 次郎"), row(世帯番号="2", 住民票コード=first))
    assert report.entered == 2
    assert {one.code.digits for one in office.records()} == {first, second}


def test_a_code_of_the_pool_is_not_drawn_for_a_member_of_its_bearers_household(office: Office):
    first, *_ = free_codes(office)
    rows = [row(住民票コード=first), row(WIFE), row(世帯番号="2", 氏名="佐藤 次郎")]
    report = office.enter(*rows)
    assert report.entered == 2
    assert "import the file again" in office.rejects()[3][1]
    assert office.enter(*rows).entered == 1
    bearers = [(one.name.legal.text, one.code.digits) for one in office.records()]
    assert len({code for _, code in bearers}) == 3
    assert ("山田 花子", first) in bearers


def test_with_an_empty_pool_those_with_a_code_are_entered_and_the_others_wait(tmp_path: Path):
    office = Office(tmp_path, pool=1)
    rows = [
        row(氏名="佐藤 次郎"),
        row(世帯番号="2", 氏名="佐藤 三郎"),
        row(世帯番号="3", 住民票コード=CODES[0]),
    ]
    report = office.enter(*rows)
    assert (report.entered, report.rejected) == (2, 1)
    assert "pool is empty" in office.rejects()[3][1]
    with office.store.begin() as tx:
        pool.allot(tx, fresh_codes(5, "more"))
    again = office.enter(*rows)
    assert (again.entered, again.already_there, again.rejected) == (1, 2, 0)


def test_on_a_line_with_the_centre_the_pool_is_filled_on_the_way(tmp_path: Path):
    folder = new_folder(tmp_path / "net")
    create(folder, Mark(towns=(CHIYODA,)), chance=chance("net"))
    file = tmp_path / "many.csv"
    write_many(file, 1500, brings_code=0.0)
    with open_network(folder, NOON, chance=chance("open")) as network:
        desk = importing.LineDesk(network.towns[CHIYODA], folder.town(CHIYODA).parent, network.line)
        report = importing.import_residents(desk, file, today=DAY)
        assert (report.entered, report.codes_drawn) == (1500, 1500)
        (town,) = network.towns.values()
        with town.store.begin() as tx:
            standing = outbox.standing(tx, town.to_centre)
        assert standing.last == standing.acknowledged >= 1500
    with open_network(folder, NOON, chance=chance("again")) as network:
        desk = importing.LineDesk(network.towns[CHIYODA], folder.town(CHIYODA).parent, network.line)
        assert importing.import_residents(desk, file, today=DAY).already_there == 1500


def test_an_empty_pool_is_filled_by_a_centre_on_the_line(tmp_path: Path):
    folder = new_folder(tmp_path / "net")
    create(folder, Mark(towns=(CHIYODA,)), chance=chance("net"))
    file = tmp_path / "few.csv"
    write_many(file, 10, brings_code=0.0)
    with open_network(folder, NOON, chance=chance("open")) as network:
        town = network.towns[CHIYODA]
        with town.store.begin() as tx:
            every = [(*drawn, 99) for drawn in pool.free(tx, 10_000)]
            pool.hold(tx, every)
        desk = importing.LineDesk(town, folder.town(CHIYODA).parent, network.line)
        assert importing.import_residents(desk, file, today=DAY).entered == 10


# --- rehearsal --------------------------------------------------------------------------------


def test_a_dry_run_reports_the_same_and_writes_nothing(office: Office):
    rows = [*FAMILY, row(世帯番号="2", 性別="x"), row(WIFE, 世帯番号="3"), row(世帯番号="4")]
    before = office.tables()
    rehearsed = office.enter(*rows, dry_run=True)
    table = office.rejects()
    assert office.tables() == before
    done = office.enter(*rows)
    assert rehearsed.as_dict() == done.as_dict() | {"dry_run": True}
    assert office.rejects() == table


def test_a_dry_run_over_a_book_that_has_the_file_says_so(office: Office):
    bad = FAMILY[2] | {"性別": "x"}
    office.enter(FAMILY[0], FAMILY[1], bad, row(世帯番号="8", 住民票コード=CODES[1]))
    before = office.tables()
    report = office.enter(*FAMILY, row(世帯番号="9", 住民票コード=CODES[1]), dry_run=True)
    assert (report.entered, report.already_there, report.rejected) == (1, 2, 1)
    assert office.tables() == before


def test_a_dry_run_counts_the_codes_that_the_pool_has(tmp_path: Path):
    office = Office(tmp_path, pool=2)
    rows = [row(世帯番号=str(n)) for n in range(4)]
    rehearsed = office.enter(*rows, dry_run=True)
    assert (rehearsed.entered, rehearsed.rejected) == (2, 2)
    assert rehearsed.as_dict() == office.enter(*rows).as_dict() | {"dry_run": True}


# --- the table of rejects ---------------------------------------------------------------------


def test_the_table_of_rejects_opens_in_a_spreadsheet_and_for_its_owner_alone(office: Office):
    office.enter(row(性別="x"))
    table = importing.rejects_file(office.file)
    content = table.read_bytes()
    assert content.startswith(codecs.BOM_UTF8)
    assert content.count(b"\r\n") == content.count(b"\n") == 2
    assert table.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("start", list("=+-@\t\r"))
def test_no_cell_of_it_is_a_formula(start: str):
    assert inert(f"{start}1+1") == f"'{start}1+1"


def test_there_is_none_where_nothing_was_rejected(office: Office):
    office.enter(row(性別="x"))
    report = office.enter(row())
    assert report.rejects is None
    assert sorted(os.listdir(office.folder)) == ["residents.csv"]


def test_it_goes_where_it_was_asked_to(office: Office):
    report = office.enter(row(性別="x"), rejects=office.folder / "other.csv")
    assert report.rejects == office.folder / "other.csv"
    assert (office.folder / "other.csv").exists()


def test_it_overwrites_no_other_file(office: Office):
    other = office.folder / "other.csv"
    other.write_text("行,項目\n", "utf-8")
    for place in (other, office.file, office.folder):
        with pytest.raises(Refused, match="not a table of rejects"):
            office.enter(row(性別="x"), rejects=place)
    assert other.read_text("utf-8") == "行,項目\n"


def test_a_place_where_it_cannot_be_written_is_found_out_before_anything_is_entered(office: Office):
    with pytest.raises(Malformed, match="--rejects"):
        office.enter(row(), rejects=office.folder / "none" / "r.csv")
    assert office.names() == []


@pytest.mark.parametrize("name", ["none.csv", "."], ids=["no such file", "a folder"])
def test_a_file_that_cannot_be_read_is_refused(office: Office, name: str):
    with pytest.raises(Malformed, match="name a file"):
        importing.import_residents(office.desk, office.folder / name, today=DAY)


# --- staging ----------------------------------------------------------------------------------


def test_rows_wait_in_a_file_that_its_owner_alone_can_read(office: Office):
    seen = []

    def progress(what: str, _done: int, _total: int | None) -> None:
        place = staging_file(office.folder, CHIYODA)
        seen.append((what, place.stat().st_mode & 0o777, sorted(os.listdir(office.folder))))

    office.enter(row(), row(WIFE), progress=progress)
    assert {mode for _, mode, _ in seen} == {0o600}
    assert {tuple(names) for _, _, names in seen} == {("131016.import", "residents.csv")}
    assert os.listdir(office.folder) == ["residents.csv"]


def test_the_file_goes_when_the_import_is_interrupted(office: Office):
    def interrupt(what: str, _done: int, _total: int | None) -> None:
        if what == "households":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        office.enter(row(住民票コード=CODES[0]), row(世帯番号="2"), progress=interrupt)
    assert os.listdir(office.folder) == ["residents.csv"]
    report = office.enter(row(住民票コード=CODES[0]), row(世帯番号="2"))
    assert (report.entered, report.already_there) == (1, 1)


def test_the_next_import_removes_what_a_crash_left(office: Office):
    staging_file(office.folder, CHIYODA).write_bytes(b"half a file")
    assert office.enter(row()).entered == 1
    assert os.listdir(office.folder) == ["residents.csv"]


def test_sweep_removes_what_crashes_left_and_nothing_else(tmp_path: Path):
    for name in ("131016.import", "131041.import", "131016.db", "notes.import"):
        (tmp_path / name).touch()
    assert [path.name for path in importing.sweep(tmp_path)] == ["131016.import", "131041.import"]
    assert sorted(os.listdir(tmp_path)) == ["131016.db", "notes.import"]


def test_a_full_disk_is_said_and_nothing_is_entered(office: Office, monkeypatch):
    from jukinet.tasks.importing import staging as module

    monkeypatch.setattr(module, "_PRAGMAS", (*module._PRAGMAS, "PRAGMA max_page_count=12"))
    with pytest.raises(OutOfStep, match="make room"):
        office.enter(*[row(世帯番号=str(n)) for n in range(200)])
    assert office.names() == []
    assert os.listdir(office.folder) == ["residents.csv"]


def test_an_empty_staging_has_no_rows(tmp_path: Path):
    with staged_rows(tmp_path, CHIYODA) as staged:
        assert staged.households == 0
        assert list(staged.waiting(drawing=False, limit=5)) == []
        assert list(staged.rejects()) == []


# --- any text at all --------------------------------------------------------------------------

cell = st.sampled_from(
    ["", "1", "2", "山田 花子", "女", "世帯主", "妻", "千代田", "1000001", "昭和55年5月5日", "2008-04-01",
     CODES[1], CODES[2], "本籍", "日本", '"', "\n", "\r", '"x', "=1", "\x00", "\ue000"]
) | st.text(max_size=4)  # fmt: skip
near_row = st.dictionaries(st.sampled_from(list(GOOD)), cell, max_size=3).map(row)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(near_row, min_size=1, max_size=6), cut=st.integers(0, 40))
def test_every_row_is_entered_or_rejected_once(tmp_path, rows, cut: int):
    office = Office(tmp_path, pool=20)
    content = sheet(*rows).encode("utf-8", "replace")
    try:
        report = office.enter(content[: len(content) - cut])
    except Malformed:
        assert cut
        return
    assert report.rows == report.entered + report.already_there + report.rejected
    assert report.rejected == len(office.rejects()) == sum(report.reasons.values())
    assert len(office.names()) == report.entered
    if not cut:
        assert report.rows == len(rows)
    again = office.enter(content[: len(content) - cut])
    assert (again.entered, again.already_there) == (0, report.entered)


HEADER = sheet(row()).splitlines()[0]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.text(st.sampled_from('1,"\n\r世帯主山\t \x00\ufeff\U000e0101'), max_size=80))
def test_any_text_behind_a_header_is_read_to_its_end(tmp_path, body: str):
    office = Office(tmp_path, pool=5)
    report = office.enter((HEADER + "\n" + body).encode())
    assert report.rows == report.entered + report.rejected
    assert report.rejected == len(office.rejects())


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(tmp_path, content: bytes):
    with pytest.raises(Malformed):
        Office(tmp_path, pool=1).enter(content)


# --- large files, in a process of their own ---------------------------------------------------


def write_many(
    file: Path, people: int, *, brings_code: float = 0.98, encoding: str = "utf-8"
) -> None:
    """A file of some people in households of one to five, some of them bad."""
    rng = Random(f"many {people}")
    with file.open("w", encoding=encoding, newline="") as out:
        table = csv.DictWriter(out, list(GOOD))
        table.writeheader()
        done = 0
        while done < people:
            size = min(rng.choice((1, 1, 2, 2, 3, 4, 5)), people - done)
            block = f"{rng.randrange(1, 40)}番{rng.randrange(1, 20)}号"
            for place in range(size):
                code = ""
                if rng.random() < brings_code:
                    code = resident_code.complete(f"{8_000_000_000 - done * 7919:010d}").digits
                table.writerow(
                    row(
                        世帯番号=f"{done - place:08d}",
                        氏名=f"髙橋 {'花桃梅桜松'[place]}{'子江美代枝'[done % 5]}",
                        続柄=("世帯主", "妻", "子", "子", "母")[place],
                        生年月日=f"昭和{rng.randrange(20, 63)}年{rng.randrange(1, 13)}月1日",
                        番地=block,
                        住民票コード=code,
                    )
                )
                done += 1


class Apart:
    """An import in a process of its own, into a town that is a file."""

    def __init__(self, folder: Path, file: Path) -> None:
        command = [sys.executable, __file__, str(folder), str(file)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.lines = iter(self.process.stdout.readline, "")

    def kill_when(self, what: str, done: int) -> None:
        for line in self.lines:
            word = json.loads(line)
            if word.get("what") == what and word["done"] >= done:
                break
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()
        assert self.process.returncode == -signal.SIGKILL

    def finish(self) -> dict:
        *_, last = self.lines
        self.process.communicate()
        assert self.process.returncode == 0
        return json.loads(last)


def counts(folder: Path) -> dict[str, int]:
    with sqlite3.connect(folder / f"{CHIYODA}.db") as db:
        names = [
            name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        found = {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
    db.close()
    return found


def books(folder: Path) -> list:
    store = open_store(folder / f"{CHIYODA}.db")
    with store.begin() as tx:
        found = [msgspec.structs.replace(one.record, attachment=None) for one in book.everybody(tx)]
    store.close()
    return found


@pytest.mark.parametrize(
    ("what", "done"),
    [
        pytest.param("rows", 2000, id="while rows are read"),
        pytest.param("households", 400, id="while households are entered"),
    ],
)
def test_an_import_that_was_killed_goes_on_where_it_was(tmp_path: Path, what: str, done: int):
    file = tmp_path / "many.csv"
    write_many(file, 3000, brings_code=0.9)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert Apart(whole, file).finish()["entered"] == 3000
    Apart(killed, file).kill_when(what, done)
    left = staging_file(killed, CHIYODA)
    assert left.stat().st_mode & 0o777 == 0o600
    if what == "households":  # all rows are in the file by then, and nobody has its key
        assert len(left.read_bytes()) > 3000 * 100
        assert "髙橋".encode() not in left.read_bytes()
        assert b"SQLite format" not in left.read_bytes()
    report = Apart(killed, file).finish()
    assert report["entered"] + report["already_there"] == 3000
    assert (report["already_there"] > 0) == (what == "households")
    assert not staging_file(killed, CHIYODA).exists()
    assert counts(killed) == counts(whole)
    assert books(killed) == books(whole)


def peak_memory() -> int:
    """Bytes that this process has had at most; `getrusage` would count those of its parent, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def imports_within(folder: Path, people: int, megabytes: int) -> None:
    file = folder / "many.csv"
    write_many(file, people, brings_code=0.99)
    report = Apart(folder / "town", file).finish()
    assert report["entered"] == people
    assert report["peak"] < megabytes << 20


def test_twenty_thousand_rows_stay_within_memory(tmp_path: Path):
    imports_within(tmp_path, 20_000, 300)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_two_hundred_thousand_rows_stay_within_memory(tmp_path: Path):
    imports_within(tmp_path, 200_000, 300)


def main(folder: Path, file: Path) -> None:
    """Import a file into a town that is a file; say how it goes on, and the report."""
    folder.mkdir(exist_ok=True)
    centre = centre_ring([CHIYODA])
    rings = {CHIYODA: town_ring(centre, CHIYODA)}
    store = open_store(folder / f"{CHIYODA}.db")
    migrate(store, Path(municipality.__file__).parent / "migrations" / "town")
    with store.begin() as tx:
        if not pool.CODES.count(tx):
            pool.allot(tx, fresh_codes(3000, "many"))
    directory = directory_of([CHIYODA], centre, rings)
    node = municipality.Municipality(CHIYODA, store, rings[CHIYODA], directory, os.urandom)
    now = datetime(2026, 4, 1, 12, tzinfo=JST)
    node.start(now)

    def progress(what: str, done: int, _total: int | None) -> None:
        print(json.dumps({"what": what, "done": done}), flush=True)

    desk = importing.NodeDesk(node, folder, now)
    report = importing.import_residents(desk, file, today=now.date(), progress=progress)
    store.close()
    peak = peak_memory()
    print(json.dumps(report.as_dict() | {"peak": peak}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
