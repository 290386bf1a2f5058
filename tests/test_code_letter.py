"""Letters of codes: nothing of a code outside, nothing by post to who is protected, one number twice."""

import re
import stat
from html.parser import HTMLParser

import msgspec
import pytest
from tests.support import CHIYODA, DAY, Town, entrant, filed, name

from jukinet.errors import Damaged, Refused
from jukinet.keys.seal import OpenKey
from jukinet.law import notification as law
from jukinet.tasks import code_letters
from jukinet.tasks.papers.code_letter import (
    Letters,
    Why,
    letter_of,
    letters_of,
    letters_page,
    opened_letters,
    sealed_letters,
)

PRINTER = OpenKey(bytes(range(32)))


@pytest.fixture(scope="module")
def records():
    """Two residents, the second one protected."""
    town = Town()
    town.household(entrant(name=name("秘山 花子", "ヒヤマ ハナコ")))
    town.household(entrant(name=name("匿川 次郎", "カクレガワ ジロウ")))
    until = DAY.replace(month=12)
    town.accept(
        law.MeasureRequest(filed=filed(), persons=(2,), step=law.MeasureStep.BEGIN, until=until)
    )
    return [town.record(1), town.record(2)]


@pytest.fixture
def letters(records):
    return list(letters_of(records, series="131016-x", town="千代田区", why=Why.INCIDENT, on=DAY))


class Thirds(HTMLParser):
    """The text of each third of each sheet."""

    def __init__(self) -> None:
        super().__init__()
        self.sheets: list[list[str]] = []

    def handle_starttag(self, tag, attrs) -> None:
        kind = dict(attrs).get("class", "")
        if kind.startswith("sheet"):
            self.sheets.append([])
        elif kind == "third":
            self.sheets[-1].append("")

    def handle_data(self, data) -> None:
        if self.sheets and self.sheets[-1]:
            self.sheets[-1][-1] += data


def thirds(letters):
    parser = Thirds()
    parser.feed(letters_page(letters))
    return parser.sheets


def digits(text):
    return re.sub(r"\D", "", text)


def test_the_outer_third_and_the_back_show_nothing_of_the_code(letters):
    for letter, (outer, middle, inner), back in zip(
        letters, thirds(letters)[::2], thirds(letters)[1::2], strict=True
    ):
        assert letter.code in digits(inner)
        assert letter.code not in digits(outer)
        assert letter.code not in digits(middle)
        assert back == []
        for part in (letter.code[:4], letter.code[-3:]):
            assert part not in digits(outer.replace(letter.number, ""))


def test_address_and_code_bear_one_number_which_is_no_number_of_the_person(letters, records):
    for letter, record, (outer, _, inner) in zip(
        letters, records, thirds(letters)[::2], strict=True
    ):
        assert letter.number in outer
        assert letter.number in inner
        assert record.code.digits not in digits(letter.number)
    assert len({letter.number for letter in letters}) == len(letters)


def test_who_is_protected_gets_no_address_on_any_sheet(letters, records):
    protected = letters[1]
    assert (protected.at_desk, protected.address, protected.postal_code) == (True, "", "")
    page = letters_page([protected])
    assert records[1].address.block not in page
    assert "窓口交付" in page


def test_who_is_not_protected_gets_the_letter_at_the_address_of_the_record(letters):
    assert not letters[0].at_desk
    assert "千代田区" in letters[0].address


def test_what_is_written_on_a_letter_is_no_markup(letters):
    made = msgspec.structs.replace(letters[0], address="<b>千代田区</b>", name="<i>")
    page = letters_page([made])
    assert "<b>" not in page
    assert "<i>" not in page


def test_a_page_asks_nobody_for_anything(letters):
    page = letters_page(letters)
    assert not re.search(r"<(script|img|link|iframe)|https?://|url\(", page)


def test_the_sheet_says_nothing_of_household_birth_or_number(letters, records):
    page = letters_page(letters)
    assert records[0].individual_number.digits not in digits(page)
    for word in (records[0].birth_date.iso, "世帯主"):
        assert word not in page


def test_no_letter_prints_itself(letters):
    shown = repr((letters, Letters(town=CHIYODA, letters=tuple(letters))))
    assert "秘山" not in shown
    assert letters[0].code not in shown


@pytest.mark.parametrize("why", list(Why))
def test_each_letter_says_why(records, why):
    letter = letter_of(records[0], number="1", town="千代田区", why=why, on=DAY)
    assert "30" in letters_page([letter])


# --- sealed ---------------------------------------------------------------------------------------


def test_only_the_printer_opens_the_letters_of_a_town(letters):
    wanted = Letters(town=CHIYODA, letters=tuple(letters))
    sealed = sealed_letters(wanted, PRINTER.public)
    assert opened_letters(sealed, CHIYODA, PRINTER) == wanted
    assert letters[0].code.encode() not in sealed
    for town, key in ((CHIYODA, OpenKey(bytes(32))), ("131041", PRINTER)):
        with pytest.raises(Damaged):
            opened_letters(sealed, town, key)


# --- written out ----------------------------------------------------------------------------------


def test_what_goes_by_post_and_what_waits_stand_in_files_apart(letters, tmp_path):
    report = code_letters.write(tmp_path / "out", CHIYODA, letters, key=None)
    assert (report["by_post"], report["at_desk"]) == (1, 1)
    assert set(report["sha256"]) == {"by-post-0001.html", "at-desk-0001.html"}
    post, desk = (
        (tmp_path / "out" / file).read_text() for file in ("by-post-0001.html", "at-desk-0001.html")
    )
    assert letters[1].name not in post
    assert letters[0].name.split()[0] not in desk


def test_files_are_for_their_owner_alone_and_the_report_names_nobody(letters, tmp_path):
    out = tmp_path / "out"
    code_letters.write(out, CHIYODA, letters, key=None)
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in out.iterdir()} == {0o600}
    report = (out / code_letters.REPORT).read_text()
    assert letters[0].code not in report
    assert "秘山" not in report


def test_sealed_letters_are_written_sealed_alone(letters, tmp_path):
    out = tmp_path / "out"
    code_letters.write(out, CHIYODA, letters, key=PRINTER.public)
    assert {file.name for file in out.iterdir()} == {
        "by-post.sealed",
        "at-desk.sealed",
        code_letters.REPORT,
    }
    opened = opened_letters((out / "by-post.sealed").read_bytes(), CHIYODA, PRINTER)
    assert opened.letters == (letters[0],)
    assert not any(letters[0].code.encode() in file.read_bytes() for file in out.iterdir())


def test_many_letters_stand_in_files_of_a_size_that_a_printer_takes(letters, tmp_path):
    many = [msgspec.structs.replace(letters[0], number=str(n)) for n in range(1201)]
    report = code_letters.write(tmp_path / "out", CHIYODA, many, key=None)
    assert sorted(report["sha256"]) == [f"by-post-{n:04d}.html" for n in (1, 2, 3)]


def test_letters_are_never_written_over_others(letters, tmp_path):
    code_letters.write(tmp_path / "out", CHIYODA, letters, key=None)
    with pytest.raises(Refused, match="there already"):
        code_letters.write(tmp_path / "out", CHIYODA, letters, key=None)
