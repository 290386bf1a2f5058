"""Match keys: equal where a clerk would look twice, different where nobody would."""
# ruff: noqa: RUF001 - characters that look alike are the subject

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.names import match
from jukinet.names.legal import parse, parse_reading
from jukinet.names.match import MatchKey, kana_key, name_key

LETTERS = "渡邉邊辺髙高﨑斉齊齋澤濵々〇\ufa19\uf91d𠮷\U0002f81aさくらサクラーゝABÉßøŁỆＡｶﾞﾟ'-,."
NAMES = st.text(LETTERS, min_size=1, max_size=12).map(lambda text: "田" + text)
READINGS = st.text([chr(code) for code in range(0x30A1, 0x30F7)] + ["ー", "・"], max_size=12).map(
    lambda text: "ア" + text
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("渡辺", "渡邊", id="watanabe, old form"),
        pytest.param("渡辺", "渡邉", id="watanabe, variant"),
        pytest.param("渡辺", "渡邉\U000e0107", id="watanabe, one of its IVS"),
        pytest.param("斉藤", "齋藤", id="saito"),
        pytest.param("斎藤", "齊藤", id="saito, the other two"),
        pytest.param("高橋", "髙𣘺", id="takahashi"),
        pytest.param("山崎", "山﨑", id="yamasaki"),
        pytest.param("山崎", "山嵜", id="yamasaki, variant"),
        pytest.param("吉田", "𠮷田", id="yoshida, outside the BMP"),
        pytest.param("沢田", "澤田", id="sawada"),
        pytest.param("浜田", "濵田", id="hamada"),
        pytest.param("神田", "\ufa19田", id="compatibility ideograph"),
        pytest.param("山田 花子", "山田花子", id="a space"),
        pytest.param("山田　花子", "山田 花子", id="two kinds of space"),
        pytest.param("佐々木", "佐佐木", id="repetition mark"),
        pytest.param("さくら", "サクラ", id="hiragana and katakana"),
        pytest.param("ｻｸﾗ", "サクラ", id="half-width"),
        pytest.param("三ヶ島", "三ケ島", id="small ke"),
        pytest.param("SMITH JOHN", "Smith, John", id="case and comma"),
        pytest.param("ＳＭＩＴＨ", "smith", id="full-width Latin"),
        pytest.param("O'BRIEN", "O\u2019Brien", id="two apostrophes"),
        pytest.param("STRASSE", "Straße", id="sharp s"),
        pytest.param("マリー・アンヌ", "マリーアンヌ", id="a middle dot"),
    ],
)
def test_variant_shapes_of_a_name_have_one_key(one, other):
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("渡辺", "渡部", id="two surnames of one sound"),
        pytest.param("大田", "太田", id="a dot more"),
        pytest.param("坂本", "阪本", id="two surnames by law"),
        pytest.param("花子", "花江", id="two given names"),
        pytest.param("佐々木", "佐木", id="a character less"),
        pytest.param("SMITH", "SMYTH", id="a letter"),
    ],
)
def test_two_names_have_two_keys(one, other):
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("シヅオ", "シズオ", id="same sound"),
        pytest.param("シヅオ", "シツオ", id="marks left out"),
        pytest.param("チヂワ", "チジワ", id="same sound, ji"),
        pytest.param("チヂワ", "チシワ", id="same sound, marks left out"),
        pytest.param("ナカジマ", "ナカシマ", id="voiced or not"),
        pytest.param("パク", "ハク", id="half-voiced"),
        pytest.param("キョウコ", "キヨウコ", id="small yo"),
        pytest.param("ハットリ", "ハツトリ", id="small tsu"),
        pytest.param("ヲダ", "オダ", id="wo"),
        pytest.param("チヱ", "チエ", id="we"),
        pytest.param("ヰト", "イト", id="wi"),
        pytest.param("ジョー", "ジョ", id="the long mark"),
        pytest.param("ヤマダ　ハナコ", "ヤマダハナコ", id="a space"),
        pytest.param("やまだ", "ﾔﾏﾀﾞ", id="hiragana and half-width"),
        pytest.param("ヴィ", "ウイ", id="vu"),
    ],
)
def test_spellings_of_a_reading_have_one_key(one, other):
    assert kana_key(one) == kana_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("オオノ", "オノ", id="a long vowel written out"),
        pytest.param("ユウコ", "ユコ", id="a long u"),
        pytest.param("ソノダ", "ンノダ", id="so and n look alike, but are not folded"),
        pytest.param("ハナコ", "ハナエ", id="two names"),
    ],
)
def test_two_readings_have_two_keys(one, other):
    assert kana_key(one) != kana_key(other)


@given(NAMES)
def test_a_name_key_folds_once(text):
    key = name_key(parse(text).text)
    assert key.value
    assert name_key(key.value) == key


@given(READINGS)
def test_a_kana_key_folds_once(text):
    key = kana_key(parse_reading(text).text)
    assert key.value
    assert kana_key(key.value) == key
    assert set(key.value) <= set(
        "アイウエオカキクケコサシスセソタテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン"
    )


@given(st.text(max_size=20))
def test_keys_are_total(text):
    assert isinstance(name_key(text).value, str)
    assert isinstance(kana_key(text).value, str)


def test_no_repr_shows_a_key():
    assert repr(name_key("花子")) == "MatchKey(version=1)"


def test_keys_of_two_versions_are_never_equal():
    assert match.VERSION == 1
    assert MatchKey("花子", version=1) != MatchKey("花子", version=2)
