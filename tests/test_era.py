"""Era dates: every way of writing a day, the traps between eras, and what nobody knows."""
# ruff: noqa: RUF001 - full-width digits, as people type them

import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Malformed
from jukinet.names.era import (
    ERAS,
    UNKNOWN,
    PartialDate,
    from_date,
    parse,
    parse_iso,
    to_era,
    to_era_short,
)

DAYS = st.dates(datetime.date(1873, 1, 1), datetime.date(2150, 12, 31))
PARTIAL = st.one_of(
    DAYS.map(from_date),
    DAYS.map(lambda day: PartialDate(day.year, day.month)),
    DAYS.map(lambda day: PartialDate(day.year)),
    st.just(UNKNOWN),
)


@pytest.mark.parametrize(
    ("typed", "iso"),
    [
        pytest.param("平成31年4月30日", "2019-04-30", id="the last day of Heisei"),
        pytest.param("令和元年5月1日", "2019-05-01", id="the first day of Reiwa"),
        pytest.param("令和1年5月1日", "2019-05-01", id="a first year as 1"),
        pytest.param("R1.5.1", "2019-05-01", id="letter and points"),
        pytest.param("r01/05/01", "2019-05-01", id="small letter and slashes"),
        pytest.param("R元.5.1", "2019-05-01", id="letter and gannen"),
        pytest.param("H31.4.30", "2019-04-30", id="Heisei by letter"),
        pytest.param("H310430", "2019-04-30", id="letter and six digits"),
        pytest.param("昭31.4.1", "1956-04-01", id="the era's first character"),
        pytest.param("㍻2年1月1日", "1990-01-01", id="the era in one character"),
        pytest.param("昭和64年1月7日", "1989-01-07", id="the last day of Showa"),
        pytest.param("平成元年1月8日", "1989-01-08", id="the first day of Heisei"),
        pytest.param("大正15年12月25日", "1926-12-25", id="the last day of Taisho"),
        pytest.param("昭和元年12月25日", "1926-12-25", id="the first day of Showa"),
        pytest.param("明治45年7月30日", "1912-07-30", id="the last day of Meiji"),
        pytest.param("大正元年7月30日", "1912-07-30", id="the first day of Taisho"),
        pytest.param("明治6年1月1日", "1873-01-01", id="the first Gregorian day"),
        pytest.param("2019-05-01", "2019-05-01", id="ISO"),
        pytest.param("20190501", "2019-05-01", id="eight digits"),
        pytest.param("2019年5月1日", "2019-05-01", id="Gregorian with kanji"),
        pytest.param("2019/5/1", "2019-05-01", id="Gregorian with slashes"),
        pytest.param("2019・5・1", "2019-05-01", id="Gregorian with middle dots"),
        pytest.param("１９３１年４月１日", "1931-04-01", id="full-width digits"),
        pytest.param("Ｓ６．４．１", "1931-04-01", id="full-width letters and points"),
        pytest.param("　昭和 6年 4月 1日　", "1931-04-01", id="spaces"),
        pytest.param("1872-12-31", "1872-12-31", id="Gregorian before 1873"),
        pytest.param("2000-02-29", "2000-02-29", id="a leap day"),
        pytest.param("昭和6年4月日不詳", "1931-04-00", id="day unknown"),
        pytest.param("昭和6年4月不詳", "1931-04-00", id="day unknown, shorter"),
        pytest.param("昭和6年月日不詳", "1931-00-00", id="month unknown"),
        pytest.param("昭和6年不詳", "1931-00-00", id="month unknown, shorter"),
        pytest.param("1931年月日不明", "1931-00-00", id="Gregorian, month unknown"),
        pytest.param("1931-04-00", "1931-04-00", id="ISO, day unknown"),
        pytest.param("19310400", "1931-04-00", id="eight digits, day unknown"),
        pytest.param("不詳", "0000-00-00", id="wholly unknown"),
        pytest.param("生年月日不詳", "0000-00-00", id="wholly unknown, in full"),
        pytest.param("0000-00-00", "0000-00-00", id="ISO, wholly unknown"),
        pytest.param("平成31年月日不詳", "2019-00-00", id="a year of two eras by the first"),
        pytest.param("令和元年月日不詳", "2019-00-00", id="a year of two eras by the second"),
        pytest.param("昭和元年12月日不詳", "1926-12-00", id="a month of two eras"),
    ],
)
def test_dates_as_people_type_them_are_read(typed, iso):
    date = parse(typed)
    assert date.iso == iso
    assert date.written == typed
    assert parse_iso(iso) == date


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        pytest.param(
            "平成32年1月1日", "平成 ended on 平成31年4月30日; write 令和2年", id="Heisei 32"
        ),
        pytest.param("平成31年5月1日", "平成 ended .*; write 令和元年", id="a day after Heisei"),
        pytest.param(
            "昭和64年1月8日", "昭和 ended on 昭和64年1月7日; write 平成元年", id="after Showa"
        ),
        pytest.param("昭和65年3月3日", "write 平成2年", id="Showa 65"),
        pytest.param(
            "大正15年12月26日", "大正 ended on 大正15年12月25日; write 昭和元年", id="after Taisho"
        ),
        pytest.param(
            "明治45年7月31日", "明治 ended on 明治45年7月30日; write 大正元年", id="after Meiji"
        ),
        pytest.param(
            "令和元年4月30日", "令和 began on 令和元年5月1日; write 平成31年", id="before Reiwa"
        ),
        pytest.param(
            "平成元年1月7日", "平成 began on 平成元年1月8日; write 昭和64年", id="before Heisei"
        ),
        pytest.param(
            "昭和元年12月24日", "昭和 began on 昭和元年12月25日; write 大正15年", id="before Showa"
        ),
        pytest.param(
            "大正元年7月29日", "大正 began on 大正元年7月30日; write 明治45年", id="before Taisho"
        ),
        pytest.param("平成31年5月日不詳", "write 令和元年", id="a month after Heisei"),
        pytest.param("平成32年月日不詳", "write 令和2年", id="a year after Heisei"),
        pytest.param("令和元年4月日不詳", "write 平成31年", id="a month before Reiwa"),
        pytest.param(
            "明治5年12月2日", "lunisolar; enter the Gregorian date", id="the last lunisolar day"
        ),
        pytest.param("明治元年9月8日", "lunisolar", id="Meiji 1"),
        pytest.param("M1.1.1", "lunisolar", id="Meiji 1 by letter"),
        pytest.param("明治3年月日不詳", "lunisolar", id="Meiji 3, month unknown"),
        pytest.param(
            "明治5年12月3日", "no such day, .* followed by 明治6年1月1日", id="a day that never was"
        ),
        pytest.param("明治5年12月31日", "no such day", id="another day that never was"),
        pytest.param("令和0年1月1日", "count from 1", id="year zero of an era"),
        pytest.param("昭和6年4月", "the day is missing; write it, or 日不詳", id="day left out"),
        pytest.param("昭和6年", "month and day are missing", id="month left out"),
        pytest.param("昭和6年0月1日", "count from 1", id="month zero"),
        pytest.param("2019.5.0", "count from 1", id="day zero"),
        pytest.param("1.5.1", "write the era before the year", id="no era"),
        pytest.param("31年5月1日", "write the era before the year", id="no era, with kanji"),
        pytest.param("元年5月1日", "write the era before the year", id="a first year of nothing"),
        pytest.param("2019-13-01", "month from 1 to 12", id="month 13"),
        pytest.param("2019-02-29", "no such day", id="no leap year"),
        pytest.param("1900-02-29", "no such day", id="no leap year, by the century"),
        pytest.param("平成30年2月29日", "no such day", id="no leap year of an era"),
        pytest.param("2019-04-31", "no such day", id="April 31"),
        pytest.param("2019-00-01", "needs its", id="a day without its month"),
        pytest.param("0000-04-01", "needs its", id="a month without its year"),
        pytest.param("", "want a date like", id="nothing"),
        pytest.param("昨日", "want a date like", id="a word"),
        pytest.param("慶応3年1月1日", "want a date like", id="an era before"),
        pytest.param("X1.5.1", "want a date like", id="no era's letter"),
        pytest.param("R1-5-1-1", "want a date like", id="four parts"),
        pytest.param("01/05/2019", "want a date like", id="the day first"),
        pytest.param("2019-05-01T00:00", "want a date like", id="with a time"),
        pytest.param("2019-05-01\n", "want a date like", id="line end"),
        pytest.param("-2019-05-01", "want a date like", id="a sign"),
        pytest.param("٢٠١٩-٠٥-٠١", "want a date like", id="Arabic-Indic digits"),
        pytest.param(
            "令和" + "9" * 1_000_000 + "年1月1日", "want a date like", id="a million digits"
        ),
        pytest.param("令和9999年1月1日", "want a year", id="a year beyond the calendar"),
    ],
)
def test_what_is_no_date_is_refused_with_its_rule(typed, rule):
    with pytest.raises(Malformed, match=rf"^birth date: .*{rule}"):
        parse(typed, field="birth date")


@pytest.mark.parametrize(
    ("iso", "long", "short"),
    [
        pytest.param("2019-05-01", "令和元年5月1日", "R1.5.1", id="Reiwa"),
        pytest.param("2019-04-30", "平成31年4月30日", "H31.4.30", id="Heisei"),
        pytest.param("1989-01-07", "昭和64年1月7日", "S64.1.7", id="Showa"),
        pytest.param("1926-12-25", "昭和元年12月25日", "S1.12.25", id="the later of two names"),
        pytest.param("1926-12-24", "大正15年12月24日", "T15.12.24", id="Taisho"),
        pytest.param("1912-07-30", "大正元年7月30日", "T1.7.30", id="the later of two names again"),
        pytest.param("1873-01-01", "明治6年1月1日", "M6.1.1", id="Meiji"),
        pytest.param("1872-12-31", "1872年12月31日", "1872-12-31", id="before the calendar"),
        pytest.param("1931-04-00", "昭和6年4月日不詳", "1931-04-00", id="day unknown"),
        pytest.param("1931-00-00", "昭和6年月日不詳", "1931-00-00", id="month unknown"),
        pytest.param("1989-00-00", "1989年月日不詳", "1989-00-00", id="a year of two eras"),
        pytest.param("1989-01-00", "1989年1月日不詳", "1989-01-00", id="a month of two eras"),
        pytest.param("1989-02-00", "平成元年2月日不詳", "1989-02-00", id="a month of one era"),
        pytest.param("1926-12-00", "1926年12月日不詳", "1926-12-00", id="December 1926"),
        pytest.param("0000-00-00", "年月日不詳", "0000-00-00", id="wholly unknown"),
    ],
)
def test_papers_write_the_era_that_is_certain(iso, long, short):
    date = parse_iso(iso)
    assert to_era(date) == long
    assert to_era_short(date) == short
    assert parse(long) == date


@given(DAYS)
def test_every_day_is_written_and_read_again(day):
    assert parse(to_era(day)).date == day
    assert parse(to_era_short(day)).date == day
    assert parse(day.isoformat()).date == day
    assert parse(day.strftime("%Y%m%d")).date == day


@given(PARTIAL)
def test_every_partial_date_is_written_and_read_again(date):
    assert parse_iso(date.iso) == date
    assert parse(date.iso) == date
    assert parse(to_era(date)) == date


@given(PARTIAL)
def test_bounds_enclose_the_date(date):
    assert date.earliest <= date.latest
    assert date.known == (date.date is not None) == (date.earliest == date.latest)


@given(PARTIAL, PARTIAL)
def test_dates_are_ordered_by_their_iso_text(a, b):
    assert (a < b) == (a.iso < b.iso)
    assert (a <= b) == (a.iso <= b.iso)
    assert sorted([a, b]) == sorted([b, a])


@given(st.text(max_size=20))
def test_any_text_is_a_date_or_malformed(text):
    try:
        outcome = parse(text).iso
    except Malformed as error:
        outcome = str(error)
    assert outcome.startswith("date: ") or parse_iso(outcome) == parse(text)


@pytest.mark.parametrize(
    ("iso", "earliest", "latest"),
    [
        pytest.param("2024-02-00", "2024-02-01", "2024-02-29", id="a leap February"),
        pytest.param("1931-00-00", "1931-01-01", "1931-12-31", id="a year"),
        pytest.param("1931-04-05", "1931-04-05", "1931-04-05", id="a day"),
        pytest.param("0000-00-00", "0001-01-01", "9999-12-31", id="nothing known"),
    ],
)
def test_bounds_of_what_is_unknown(iso, earliest, latest):
    date = parse_iso(iso)
    assert (date.earliest.isoformat(), date.latest.isoformat()) == (earliest, latest)


@pytest.mark.parametrize(
    "text",
    ["2019-5-1", "20190501", "２０１９-05-01", "2019-05-01 ", "2019/05/01", "", "2019-05-01\n"],
)
def test_iso_is_read_strictly(text):
    with pytest.raises(Malformed, match=r"^notice date: "):
        parse_iso(text, field="notice date")


@pytest.mark.parametrize(
    "parts", [(2019, 2, 29), (2019, 13), (2019, None, 1), (None, 1), (0,), (10000,), (2019, 0)]
)
def test_a_date_that_no_calendar_has_cannot_be_built(parts):
    with pytest.raises(Malformed, match=r"^date: "):
        PartialDate(*parts)


def test_the_text_as_written_takes_no_part_in_comparing():
    one, other = parse("大正15年12月25日"), parse("昭和元年12月25日")
    assert one.written != other.written
    assert one == other
    assert hash(one) == hash(other)
    assert not one < other


def test_no_repr_shows_a_date():
    assert repr(parse("昭和6年4月1日")) == str(parse("昭和6年4月1日")) == "PartialDate()"


def test_eras_follow_one_another_without_a_gap():
    for one, other in pairwise(ERAS):
        assert (other.first - one.last).days in (0, 1)
        assert other.first.year == other.year_one
