"""Era dates (和暦): dates as people type them, with the parts that nobody knows left open.

A birth date of the register may lack its day, its month, or be wholly unknown (不詳). It is kept
as year, month and day of the Gregorian calendar; the text as it was typed may be kept beside it
and takes no part in comparing. It is a person's date, so its repr shows nothing.

Two days have two names: 30 July 1912 is 明治45年 and 大正元年, 25 December 1926 is 大正15年 and
昭和元年; both are read, the later is written. 昭和 ended on 7 January 1989, 平成 on 30 April 2019,
each era beginning the day after. Until 明治5年12月2日 the calendar was lunisolar, and the next day
was 明治6年1月1日, 1 January 1873; for older days this module reads and writes Gregorian dates only.

Sources: Era Name Act (元号法) and the Cabinet Orders of 1989 and 2019; Dajōkan Proclamation 337 of
         明治5年 (calendar).

>>> parse("平成31年4月30日").iso, parse("R1.5.1").iso, parse("昭和6年4月日不詳").iso
('2019-04-30', '2019-05-01', '1931-04-00')
>>> to_era(parse("20190501")), to_era_short(parse("2019-05-01"))
('令和元年5月1日', 'R1.5.1')
>>> parse("大正15年12月25日") == parse("昭和元年12月25日")
True
>>> parse("平成32年1月1日")
Traceback (most recent call last):
...
jukinet.errors.Malformed: date: 平成 ended on 平成31年4月30日; write 令和2年
"""

import datetime
import re
from calendar import monthrange
from dataclasses import dataclass, field
from functools import total_ordering
from typing import Final, NamedTuple, NoReturn
from unicodedata import normalize

from jukinet.errors import Malformed


class Era(NamedTuple):
    """An era (元号) and the days that bear its name, first and last included."""

    name: str
    letter: str
    year_one: int
    first: datetime.date
    last: datetime.date


_GREGORIAN_SINCE: Final = datetime.date(1873, 1, 1)
# Of 明治, only the days since the Gregorian calendar.
ERAS: Final = (
    Era("明治", "M", 1868, _GREGORIAN_SINCE, datetime.date(1912, 7, 30)),
    Era("大正", "T", 1912, datetime.date(1912, 7, 30), datetime.date(1926, 12, 25)),
    Era("昭和", "S", 1926, datetime.date(1926, 12, 25), datetime.date(1989, 1, 7)),
    Era("平成", "H", 1989, datetime.date(1989, 1, 8), datetime.date(2019, 4, 30)),
    Era("令和", "R", 2019, datetime.date(2019, 5, 1), datetime.date.max),
)
_ERA_TYPED: Final = {typed: era for era in ERAS for typed in (era.name, era.name[0], era.letter)}
_UNKNOWN_WORDS: Final = {
    words for part in ("", "年月日", "生年月日") for words in (part + "不詳", part + "不明")
}

_LENGTH_MAX: Final = 40
_SPACES: Final = re.compile("[ \u3000]+")
_ERA: Final = r"(?P<era>明治|大正|昭和|平成|令和|[明大昭平令]|[MTSHRmtshr])"
_YEAR: Final = rf"{_ERA}?(?P<year>元|[0-9]{{1,4}})"
_UNKNOWN: Final = "(?:不詳|不明)"
_WITH_KANJI: Final = re.compile(
    rf"{_YEAR}年(?:(?P<no_month>月?日?{_UNKNOWN})"
    rf"|(?P<month>[0-9]{{1,2}})月(?:(?P<no_day>日?{_UNKNOWN})|(?P<day>[0-9]{{1,2}})日)?)?"
)
_WITH_MARKS: Final = re.compile(
    rf"{_YEAR}[-./・\u2010\u2212](?P<month>[0-9]{{1,2}})[-./・\u2010\u2212](?P<day>[0-9]{{1,2}})"
)
_WITHOUT_MARKS: Final = re.compile(
    rf"(?:{_ERA}(?P<year>[0-9]{{2}})|(?P<gregorian>[0-9]{{4}}))"
    r"(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
)
_ISO: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


@total_ordering
@dataclass(frozen=True, slots=True)
class PartialDate:
    """A Gregorian date whose day, month or year may be unknown. Its repr shows nothing.

    Ordered by its ISO text, so that an unknown part comes before every known one. Malformed where
    the day does not exist or a known part stands below an unknown one.
    """

    year: int | None = field(repr=False)
    month: int | None = field(default=None, repr=False)
    day: int | None = field(default=None, repr=False)
    written: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a date that no calendar has."""
        if rule := _broken_rule(self.year, self.month, self.day):
            raise Malformed(f"date: {rule}")

    def __lt__(self, other: "PartialDate") -> bool:
        """By year, month and day, the unknown first."""
        if not isinstance(other, PartialDate):
            return NotImplemented
        return self.iso < other.iso

    @property
    def iso(self) -> str:
        """The date as 1931-04-00; an unknown part is all zeros."""
        return f"{self.year or 0:04}-{self.month or 0:02}-{self.day or 0:02}"

    @property
    def known(self) -> bool:
        """Whether year, month and day are all known."""
        return self.day is not None

    @property
    def date(self) -> datetime.date | None:
        """The day, if it is known."""
        return self.earliest if self.known else None

    @property
    def earliest(self) -> datetime.date:
        """The first day it can have been; `date.min` where nothing is known."""
        if self.year is None:
            return datetime.date.min
        return datetime.date(self.year, self.month or 1, self.day or 1)

    @property
    def latest(self) -> datetime.date:
        """The last day it can have been; `date.max` where nothing is known."""
        if self.year is None:
            return datetime.date.max
        month = self.month or 12
        return datetime.date(self.year, month, self.day or monthrange(self.year, month)[1])


def from_date(day: datetime.date) -> PartialDate:
    """A day that is known."""
    return PartialDate(day.year, day.month, day.day)


def parse_iso(text: str, *, field: str = "date") -> PartialDate:
    """Read what `PartialDate.iso` writes, and nothing else."""
    if not _ISO.fullmatch(text):
        raise Malformed(f"{field}: want a date like 1931-04-00, the unknown part all zeros")
    return _made(text[:4], text[5:7], text[8:], written="", field=field)


def parse(text: str, *, field: str = "date") -> PartialDate:
    """Read a date as people type it, or raise Malformed.

    Era or Gregorian, with 年月日, or points, slashes and hyphens, or eight digits; the era in
    full, as its first character or as M T S H R; 元 or 1 for a first year; 不詳 for what nobody
    knows. The text is kept as `written`.
    """
    typed = _SPACES.sub("", normalize("NFKC", text)) if len(text) <= _LENGTH_MAX else ""
    if typed in _UNKNOWN_WORDS:
        return PartialDate(None, written=text)
    if _ISO.fullmatch(typed):
        return _made(typed[:4], typed[5:7], typed[8:], written=text, field=field)
    for pattern in (_WITH_KANJI, _WITH_MARKS, _WITHOUT_MARKS):
        if match := pattern.fullmatch(typed):
            return _read(match.groupdict(), written=text, field=field)
    raise Malformed(f"{field}: want a date like 令和元年5月1日, R1.5.1, 2019-05-01 or 20190501")


def to_era(day: PartialDate | datetime.date) -> str:
    """The date as papers write it, 令和元年5月1日; unknown parts as 不詳.

    Where the era is not certain, since it changed in the year or month that is known, and for days
    before 1873 the Gregorian year is written.
    """
    when = day if isinstance(day, PartialDate) else from_date(day)
    if when.year is None:
        return "年月日不詳"
    year = _year_text(when.earliest) if _era_throughout(when) else f"{when.year}年"
    if when.month is None:
        return f"{year}月日不詳"
    return f"{year}{when.month}月" + (f"{when.day}日" if when.day else "日不詳")


def to_era_short(day: PartialDate | datetime.date) -> str:
    """The date as lists write it, R1.5.1; as ISO text where a part or the era is not known."""
    when = day if isinstance(day, PartialDate) else from_date(day)
    era = _era_throughout(when)
    if not (when.known and era):
        return when.iso
    number = when.earliest.year - era.year_one + 1
    return f"{era.letter}{number}.{when.month}.{when.day}"


def _read(parts: dict[str, str | None], *, written: str, field: str) -> PartialDate:
    """The date that a pattern found, all its parts looked at."""
    era, year, gregorian = parts.get("era"), parts.get("year"), parts.get("gregorian")
    month, day = parts["month"], parts["day"]
    if gregorian:
        return _made(gregorian, month, day, written=written, field=field)
    _refuse_missing(parts, field)
    if era:
        number = 1 if year == "元" else int(year or 0)
        return _in_era(_ERA_TYPED[era.upper()], number, month, day, written=written, field=field)
    if year is None or len(year) != 4:
        raise Malformed(f"{field}: write the era before the year, or the year in four digits")
    return _made(year, month, day, written=written, field=field)


def _refuse_missing(parts: dict[str, str | None], field: str) -> None:
    """A part is given, or it is said to be unknown; nothing is left open by leaving it out."""
    month, day = parts["month"], parts["day"]
    if month is None and not parts.get("no_month"):
        raise Malformed(f"{field}: month and day are missing; write them, or 月日不詳")
    if month is not None and day is None and not parts.get("no_day"):
        raise Malformed(f"{field}: the day is missing; write it, or 日不詳")
    if any(part is not None and int(part) == 0 for part in (month, day)):
        raise Malformed(f"{field}: months and days count from 1; write 不詳 for what is unknown")


def _in_era(
    era: Era, number: int, month: str | None, day: str | None, *, written: str, field: str
) -> PartialDate:
    """The date in a year of an era, if the era has such a day."""
    if number == 0:
        raise Malformed(f"{field}: the years of an era count from 1 (元年)")
    year = era.year_one + number - 1
    if year < _GREGORIAN_SINCE.year:
        _refuse_lunisolar(number, month, day, field)
    when = _made(str(year), month, day, written=written, field=field)
    if when.latest < era.first:
        right = _year_text(when.latest)
        raise Malformed(f"{field}: {era.name} began on {to_era(era.first)}; write {right}")
    if when.earliest > era.last:
        ended = f"{_year_text(era.last, era)}{era.last.month}月{era.last.day}日"
        right = _year_text(when.earliest)
        raise Malformed(f"{field}: {era.name} ended on {ended}; write {right}")
    return when


def _refuse_lunisolar(number: int, month: str | None, day: str | None, field: str) -> NoReturn:
    if number == 5 and month and int(month) == 12 and day and int(day) > 2:
        raise Malformed(
            f"{field}: there was no such day, 明治5年12月2日 was followed by 明治6年1月1日; "
            "enter the Gregorian date"
        )
    raise Malformed(
        f"{field}: until 明治5年12月2日 the calendar was lunisolar; enter the Gregorian date"
    )


def _made(
    year: str, month: str | None, day: str | None, *, written: str, field: str
) -> PartialDate:
    """The date of three numbers; 0 and None are unknown."""
    parts = int(year) or None, int(month or 0) or None, int(day or 0) or None
    if rule := _broken_rule(*parts):
        raise Malformed(f"{field}: {rule}")
    return PartialDate(*parts, written=written)


def _broken_rule(year: int | None, month: int | None, day: int | None) -> str:
    """What no calendar has, or an empty text."""
    if (year is None and month is not None) or (month is None and day is not None):
        return "a known month needs its year, a known day its month"
    if year is not None and not 1 <= year <= 9999:
        return "want a year from 1 to 9999"
    if month is not None and not 1 <= month <= 12:
        return "want a month from 1 to 12"
    if year and month and day is not None and not 1 <= day <= monthrange(year, month)[1]:
        return "that month has no such day"
    return ""


def _era_of(day: datetime.date) -> Era | None:
    """The era of a day, the later one where it has two; None before 1873."""
    return next((era for era in reversed(ERAS) if era.first <= day), None)


def _era_throughout(when: PartialDate) -> Era | None:
    """The era of all days that the date can be, if it is one."""
    era = _era_of(when.earliest)
    return era if era is _era_of(when.latest) else None


def _year_text(day: datetime.date, era: Era | None = None) -> str:
    """The year of a day as 令和元年, or as 1872年 where no era is known or given."""
    era = era or _era_of(day)
    if era is None:
        return f"{day.year}年"
    number = day.year - era.year_one + 1
    return f"{era.name}{'元' if number == 1 else number}年"


UNKNOWN: Final = PartialDate(None)
"""The date of which nothing is known (不詳)."""
