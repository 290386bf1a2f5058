"""Towns and names of a false world: real places, invented block numbers, plausible names."""

from collections import Counter
from random import Random

import pytest

from jukinet.errors import Malformed
from jukinet.names import legal
from jukinet.names.address import parse as parse_address
from jukinet.world import naming
from jukinet.world.name_tables import FOREIGN, GIVEN, NATIONALITIES
from jukinet.world.towns import (
    DESIGNATED_CITIES,
    PREFECTURES,
    SIZES,
    choose,
    draw_address,
    draw_place,
    find,
    municipality_code,
    renumbered,
    share,
)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("011002", id="Sapporo"),
        pytest.param("131016", id="Chiyoda"),
        pytest.param("131041", id="Shinjuku: remainder 0 gives 1"),
        pytest.param("131130", id="Shibuya: remainder 1 gives 0"),
        pytest.param("131091", id="Shinagawa: remainder 10 gives 1"),
        pytest.param("272094", id="Moriguchi"),
    ],
)
def test_the_check_digit_of_a_municipality_code(code):
    assert municipality_code(code[:5]) == code


def test_every_town_of_the_table_is_a_town_of_japan_post():
    towns = {(t.prefecture, (t.city or "") + t.name) for t in choose(1_892, 47)}
    table = {(prefecture, name) for prefecture, names in SIZES.items() for name in names}
    assert table <= towns
    assert len(table) > 60


def test_all_municipalities_have_a_code_a_kind_and_a_postal_area():
    towns = choose(1_892, 47)
    assert len({town.code for town in towns}) == 1_892
    assert {town.kind for town in towns} == {"special ward", "ward", "city", "town", "village"}
    assert all(area.name and len(area.postal) == 7 for town in towns for area in town.areas)
    assert any(area.has_chome for town in towns for area in town.areas)
    assert all((area.chome is not None) == area.has_chome for t in towns for area in t.areas)
    assert 110e6 < sum(town.population for town in towns) < 140e6


def test_the_default_choice_has_every_kind_of_town():
    towns = choose()
    assert len(towns) == 12
    assert len({town.prefecture for town in towns}) == 3
    wards = [town for town in towns if town.kind == "ward"]
    assert len(wards) >= 2
    assert {(town.city, town.city_code) for town in wards} == {("横浜市", "141003")}
    assert {"special ward", "city", "town", "village"} < {town.kind for town in towns}


def test_a_ward_names_its_city_and_a_village_its_county():
    names = {town.name: town for town in choose()}
    assert names["鶴見区"].place == "神奈川県横浜市鶴見区"
    assert names["檜原村"].place == "東京都西多摩郡檜原村"
    assert names["千代田区"].city is None


def test_designated_cities_are_wards_only():
    wards = {town.city: town.city_code for town in choose(1_892, 47) if town.city}
    assert set(wards) == set(DESIGNATED_CITIES)
    for city, code in wards.items():
        assert code == municipality_code(DESIGNATED_CITIES[city])


def test_chosen_towns_are_spread_over_the_prefectures():
    counts = Counter(town.prefecture for town in choose(30, 7))
    assert sum(counts.values()) == 30
    assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize(
    ("count", "prefectures"),
    [
        pytest.param(2, 3, id="a prefecture without a town"),
        pytest.param(5, 0, id="no prefecture"),
        pytest.param(60, 48, id="more prefectures than there are"),
        pytest.param(500, 1, id="more towns than the prefecture has"),
    ],
)
def test_what_cannot_be_chosen_is_refused(count, prefectures):
    with pytest.raises(Malformed):
        choose(count, prefectures)


@pytest.mark.parametrize("code", ["131017", "990001", "x", ""])
def test_a_code_without_a_town_is_refused(code):
    with pytest.raises(Malformed):
        find([code])


def test_found_towns_are_the_chosen_ones():
    assert tuple(find(town.code for town in choose()).values()) == tuple(
        sorted(choose(), key=lambda town: town.code)
    )


@pytest.mark.parametrize("residents", [1, 11, 12, 100, 3_000, 1_000_003])
def test_residents_are_shared_out_to_the_last_one(residents):
    counts = share(residents, choose())
    assert sum(counts) == residents
    assert min(counts) >= (residents >= 12)


def test_larger_towns_get_more_residents():
    towns = choose()
    counts = dict(zip((town.name for town in towns), share(100_000, towns), strict=True))
    assert counts["鶴見区"] > counts["松本市"] > counts["箱根町"] > counts["檜原村"]


def test_addresses_read_as_the_register_takes_them():
    rng = Random(1)
    for town in choose(300, 47):
        address = draw_address(rng, town)
        assert address.text.startswith(town.place)
        assert address.town == town.code
        parse_address(
            municipality=address.town,
            postal_code=address.postal,
            town=address.area,
            block=address.block,
            building=address.building,
        )


def test_nobody_is_housed_in_the_palace_or_a_park():
    areas = {area.name for town in choose() for area in town.areas}
    assert not areas & {"千代田", "皇居外苑", "日比谷公園", "北の丸公園"}


def test_a_renumbered_address_differs_in_one_number_only():
    rng = Random(2)
    for town in choose():
        address = draw_address(rng, town)
        other = renumbered(rng, address)
        assert other != address
        assert (other.area, other.building, other.postal) == (
            address.area,
            address.building,
            address.postal,
        )


def test_places_far_away_are_somewhere_in_japan():
    rng = Random(3)
    places = [draw_place(rng) for _ in range(300)]
    assert all(place.startswith(PREFECTURES) for place in places)
    assert len({place[:3] for place in places}) > 20


def test_addresses_print_nothing():
    address = draw_address(Random(4), choose()[0])
    assert address.area not in repr(address)
    assert address.block not in repr(address)


# --- names ------------------------------------------------------------------------------------


def test_names_and_readings_are_legal_names():
    rng = Random(5)
    for year in range(1912, 2026, 3):
        for sex in ("男", "女"):
            name = naming.japanese(rng, sex, year)
            assert legal.parse(name.text).text == name.text
            assert legal.parse_reading(name.kana).text == name.kana


def test_names_of_foreign_residents_are_legal_names():
    rng = Random(6)
    for nation in NATIONALITIES:
        for sex in ("男", "女"):
            name = naming.foreign(rng, nation, sex)
            assert name.text.isascii()
            assert legal.parse(name.text).text == name.text
            assert legal.parse_reading(name.kana).text == name.kana
    assert legal.parse(naming.in_kanji(rng, "韓国", "女").text)


def test_every_nationality_has_names_of_its_own():
    assert set(FOREIGN) == set(NATIONALITIES)
    assert all(len(names) >= 5 for tables in FOREIGN.values() for names in tables)


def test_each_decade_has_its_popular_names_once():
    for decades in GIVEN.values():
        assert list(decades) == list(range(1910, 2030, 10))
        assert all(len(set(names)) == len(names) >= 16 for names in decades.values())


def test_surnames_come_by_their_counts_in_their_many_shapes():
    rng = Random(7)
    counts = Counter(naming.surname(rng).text for _ in range(150_000))
    assert {name for name, _ in counts.most_common(4)} == {"佐藤", "鈴木", "高橋", "田中"}
    for usual, rare in [
        ("渡辺", "渡邊"),
        ("渡辺", "渡邉"),
        ("斎藤", "齋藤"),
        ("斎藤", "斉藤"),
        ("斎藤", "齊藤"),
        ("高橋", "髙橋"),
        ("吉田", "𠮷田"),
        ("山崎", "山﨑"),
        ("浜田", "濱田"),
        ("辻", "辻\U000e0100"),
        ("葛西", "葛\U000e0100西"),
        ("渡邉", "渡邉\U000e0104"),
    ]:
        assert 0 < counts[rare] < counts[usual], (usual, rare)


def test_a_compatibility_ideograph_stays_what_it_is():
    rng = Random(8)
    shapes = {char for _ in range(150_000) for char in naming.surname(rng).text}
    assert "\ufa10" in shapes


def test_names_follow_the_decade_of_birth():
    rng = Random(9)
    old = Counter(naming.given(rng, "女", 1935)[0] for _ in range(20_000))
    new = Counter(naming.given(rng, "女", 2015)[0] for _ in range(20_000))
    assert old["和子"] > 100
    assert new["和子"] == 0
    assert new["陽菜"] > 100
    assert old["陽菜"] == 0
    assert sum(n for name, n in old.items() if name.endswith("子")) > 10_000
    assert sum(n for name, n in new.items() if name.endswith("子")) < 2_000


def test_a_renamed_person_keeps_the_given_name():
    rng = Random(10)
    before = naming.japanese(rng, "女", 1990)
    after = naming.renamed(before, naming.surname(rng))
    assert (after.given, after.given_kana) == (before.given, before.given_kana)
    assert after.surname != before.surname


@pytest.mark.parametrize(
    ("kana", "latin"),
    [("オオノ", "ONO"), ("チバ", "CHIBA"), ("キョウコ", "KYOKO"), ("イッペイ", "IPPEI")],
)
def test_a_reading_in_latin_letters(kana, latin):
    name = naming.japanese(Random(11), "男", 1980)
    assert naming.romanised(
        type(name)(surname="", given="", surname_kana=kana, given_kana="シン")
    ).text == (f"{latin} SHIN")
