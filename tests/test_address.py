"""Addresses: kept as written, compared as meant."""
# ruff: noqa: RUF001 - full-width digits and hyphens, as people type them

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Malformed
from jukinet.names.address import Address, parse


def address(town="千代田", block="", building="", municipality="131016", postal_code="1000001"):
    return parse(
        municipality=municipality,
        postal_code=postal_code,
        town=town,
        block=block,
        building=building,
    )


@pytest.mark.parametrize(
    ("town", "block"),
    [
        pytest.param("霞が関", "2-1-2", id="ASCII"),
        pytest.param("霞が関", "２－１－２", id="full-width"),
        pytest.param("霞が関二丁目", "1番2号", id="in full, kanji numeral"),
        pytest.param("霞が関２丁目", "１番２号", id="in full, full-width"),
        pytest.param("霞が関", "二丁目一番二号", id="all in kanji"),
        pytest.param("霞ヶ関", "2丁目1番地2", id="small ke, banchi"),
        pytest.param("霞ケ関", "2丁目1番地の2", id="large ke, banchi no"),
        pytest.param("霞が関", "2丁目1番地ノ2", id="banchi no in katakana"),
        pytest.param("霞が関", "2の1の2", id="no between digits"),
        pytest.param("霞が関", "2ー1ー2", id="long marks for hyphens"),
        pytest.param("霞が関", "2‐1−2", id="a hyphen and a minus"),
        pytest.param("霞が関2", "1-2", id="the chome in the town"),
        pytest.param("霞が関 2丁目", "1番 2号", id="spaces"),
        pytest.param("大字霞が関", "2-1-2", id="oaza"),
    ],
)
def test_one_place_has_one_key_however_it_is_written(town, block):
    assert address(town, block).key() == address("霞が関", "2-1-2").key()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("西新宿十二丁目", "3"), ("西新宿", "12-3"), id="twelve"),
        pytest.param(("西新宿二十丁目", "3"), ("西新宿", "20-3"), id="twenty"),
        pytest.param(("本町", "百二十三番地"), ("本町", "123"), id="a hundred and twenty-three"),
        pytest.param(("本町", "一〇三番地"), ("本町", "103"), id="by digits"),
        pytest.param(("澤田", "1番地"), ("沢田", "1"), id="a variant shape"),
        pytest.param(("三番町", "5番地"), ("三番町", "5"), id="a town whose name is a number"),
        pytest.param(("北一条西", "2丁目"), ("北一条西", "2"), id="a street of Sapporo"),
    ],
)
def test_numerals_and_shapes_are_folded(one, other):
    assert address(*one).key() == address(*other).key()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("本町", "1-2"), ("本町", "12"), id="two numbers and one"),
        pytest.param(("本町1", "2"), ("本町", "12"), id="two numbers across the fields"),
        pytest.param(("本町", "1-2"), ("本町", "2-1"), id="another order"),
        pytest.param(("本町", "1"), ("元町", "1"), id="another town"),
        pytest.param(("みのり", "1"), ("みり", "1"), id="a no inside a name"),
        pytest.param(("センター", "1"), ("センタ", "1"), id="a long mark inside a name"),
        pytest.param(("三番町", "1"), ("三町", "1"), id="a number inside a name"),
    ],
)
def test_two_places_have_two_keys(one, other):
    assert address(*one).key() != address(*other).key()


def test_municipality_and_building_belong_to_the_key():
    here = address("本町", "1")
    assert here.key() != address("本町", "1", municipality="131024").key()
    assert here.key() != address("本町", "1", "１０１号室").key()
    assert address("本町", "1", "A-101").key() == address("本町", "1", "Ａ－１０１").key()
    assert here.key() == address("本町", "1", postal_code="9999999").key()


@pytest.mark.parametrize(
    "typed", ["100-0001", "1000001", "〒100-0001", "１００－０００１", "100ー0001", " 100‐0001 "]
)
def test_a_postal_code_is_read_as_people_write_it(typed):
    assert address(postal_code=typed).postal_code == "1000001"


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        pytest.param({"municipality": "13101"}, "municipality: want", id="five digits"),
        pytest.param({"municipality": "１３１０１６"}, "municipality: want", id="full-width code"),
        pytest.param({"municipality": "千代田区"}, "municipality: want", id="a name for a code"),
        pytest.param({"postal_code": "100-001"}, "postal code: want", id="six digits"),
        pytest.param({"postal_code": ""}, "postal code: want", id="no postal code"),
        pytest.param({"postal_code": "1" * 1_000_000}, "postal code: want", id="a million digits"),
        pytest.param({"town": ""}, "town: want at least one", id="no town"),
        pytest.param({"town": " 千代田"}, "town: begins or ends", id="a leading space"),
        pytest.param({"town": "千\u202e代田"}, "town: character 2 changes", id="direction"),
        pytest.param({"block": "1\n2"}, "block: character 2 is a control", id="line end"),
        pytest.param({"block": "1" * 101}, "block: want at most 100", id="too long"),
        pytest.param({"building": "\ue000"}, "building: character 1 is a private", id="gaiji"),
    ],
)
def test_what_is_no_address_is_refused_with_its_field(wrong, rule):
    with pytest.raises(Malformed, match=rf"^{rule}"):
        address(**wrong)


@given(
    st.text("千代田霞ヶ関本町一二三十百丁目", min_size=1, max_size=12),
    st.text("0123456789１２３-－ー番地号の", max_size=12),
    st.text("ＡBC棟1２３号室・ー", max_size=12),
)
def test_an_address_is_kept_as_written_and_its_key_is_total(town, block, building):
    kept = address(town, block, building)
    assert (kept.town, kept.block, kept.building) == (town, block, building)
    assert kept.key().startswith("131016 ")
    assert kept.one_line.startswith(town + block)


def test_one_line_for_a_paper():
    assert address("千代田", "１番１号").one_line == "千代田１番１号"
    assert address("千代田", "１番１号", "皇居前ビル").one_line == "千代田１番１号　皇居前ビル"


def test_no_repr_shows_an_address():
    assert repr(address("千代田", "１番１号")) == "Address()"


def test_two_fields_of_one_type_cannot_be_swapped_silently():
    with pytest.raises(TypeError):
        Address("131016", "1000001", "千代田", "1", "")
