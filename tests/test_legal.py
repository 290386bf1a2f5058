"""Legal names and readings: kept code point by code point, or refused with the rule."""
# ruff: noqa: RUF001 - characters that look alike are the subject

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Malformed
from jukinet.names.legal import LegalName, Reading, parse, parse_reading

IDEOGRAPHS = st.sampled_from(
    "渡邉邊辺髙高﨑崎斉齊齋斎澤濵﨑々〇ヶ\ufa19\ufa11\uf91d𠮷\U0002f81a\U00030000"
)
SELECTORS = st.sampled_from(["", "", "\U000e0100", "\U000e0101", "\U000e01ef", "\ufe00"])
UNITS = st.one_of(
    st.builds(str.__add__, IDEOGRAPHS.filter(lambda c: c != "ヶ"), SELECTORS),
    st.sampled_from("さくらサクラーゝ"),
    st.sampled_from("ABÉéßøŁỆＡ"),
)
WORDS = st.lists(UNITS, min_size=1, max_size=8).map("".join).filter(lambda word: word.strip("ー"))
NAMES = st.builds("{}{}{}".format, WORDS, st.sampled_from(" \u3000"), WORDS) | WORDS
READINGS = st.text(
    [chr(code) for code in range(0x30A1, 0x30F7)] + ["ー", "・"], min_size=1, max_size=12
).map(lambda text: "ア" + text)


@given(NAMES)
def test_a_name_is_kept_code_point_by_code_point(text):
    name = parse(text)
    assert name.text == text
    assert name.text.encode() == text.encode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("山田 花子", id="one space"),
        pytest.param("山田　花子", id="one full-width space"),
        pytest.param("髙橋", id="ladder taka"),
        pytest.param("山﨑", id="standing saki"),
        pytest.param("𠮷田", id="tsuchi-yoshi, outside the BMP"),
        pytest.param("\uf91d内", id="compatibility ideograph"),
        pytest.param("渡邉\U000e0107", id="ideographic variation"),
        pytest.param("佐々木", id="repetition mark"),
        pytest.param("さくら", id="hiragana"),
        pytest.param("マリー・アンヌ", id="katakana with a dot"),
        pytest.param("SMITH JOHN PAUL", id="three Latin words"),
        pytest.param("O'BRIEN-SMITH, J.", id="hyphen, apostrophe, comma, period"),
        pytest.param("NGUYỄN THỊ", id="Vietnamese"),
        pytest.param("NGUYE\u0302\u0303N", id="marks of their own"),
        pytest.param("ＳＭＩＴＨ　ＪＯＨＮ", id="full-width Latin"),
        pytest.param("李 SMITH", id="both"),
        pytest.param("田" * 100, id="a hundred code points"),
    ],
)
def test_names_as_registers_have_them_are_kept(text):
    assert parse(text).text == text


def test_what_normal_forms_would_change_is_not_changed():
    text = "\ufa19\U0002f81a"
    assert unicodedata.normalize("NFC", text) != text
    assert parse(text).text == text


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param("", "got none", id="nothing"),
        pytest.param("田" * 101, "at most 100 code points, got 101", id="too long"),
        pytest.param(" 花子", "begins or ends", id="leading space"),
        pytest.param("花子　", "begins or ends", id="trailing full-width space"),
        pytest.param("山田  花子", "two spaces", id="two spaces"),
        pytest.param("山田 花 子", "at most one space", id="three words of ideographs"),
        pytest.param("花子\n", "control", id="line end"),
        pytest.param("花\u202e子", "direction", id="direction override"),
        pytest.param("花\udc00子", "surrogate", id="lone surrogate"),
        pytest.param("花\ufdd0子", "noncharacter", id="noncharacter"),
        pytest.param("\ue000田", "private-use", id="gaiji"),
        pytest.param("A\U000e0100", "variation selector", id="selector after a Latin letter"),
        pytest.param("花子3", "character 3 is no", id="a digit"),
        pytest.param("花子!", "character 3 is no", id="an exclamation"),
        pytest.param("花<b>子", "character 2 is no", id="markup"),
        pytest.param("김민준", "character 1 is no", id="Hangul"),
        pytest.param("Иванов", "character 1 is no", id="Cyrillic"),
        pytest.param("花\u3099", "character 2 is no", id="a voiced mark alone"),
        pytest.param("花\u0301", "character 2 is no", id="an accent on an ideograph"),
        pytest.param("花😀", "character 2 is no", id="an emoji"),
        pytest.param("- .", "at least one letter", id="points only"),
    ],
)
def test_what_is_no_name_is_refused_with_its_rule(text, rule):
    with pytest.raises(Malformed, match=rf"^name: .*{rule}"):
        parse(text)


def test_the_field_can_be_named():
    with pytest.raises(Malformed, match=r"^alias: "):
        parse("", field="alias")


@given(st.text(max_size=20))
def test_any_text_is_kept_as_it_is_or_malformed(text):
    try:
        outcome = parse(text).text
    except Malformed as error:
        outcome = str(error)
    assert outcome == text or outcome.startswith("name: ")


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        pytest.param("ヤマダ　ハナコ", "ヤマダ　ハナコ", id="as stored"),
        pytest.param("やまだ はなこ", "ヤマダ　ハナコ", id="hiragana"),
        pytest.param("ﾔﾏﾀﾞ ﾊﾅｺ", "ヤマダ　ハナコ", id="half-width, marks apart"),
        pytest.param("ｼﾞｮｰ", "ジョー", id="half-width long mark"),
        pytest.param("マリー･アンヌ", "マリー・アンヌ", id="half-width dot"),
        pytest.param("か\u3099", "ガ", id="combining voiced mark"),
        pytest.param("ゔぃ", "ヴィ", id="vu"),
        pytest.param("ヅヂヲヱヰ", "ヅヂヲヱヰ", id="rare kana"),
        pytest.param("スミス　ジョン　ポール", "スミス　ジョン　ポール", id="three words"),
    ],
)
def test_a_reading_is_stored_in_full_width_katakana(typed, stored):
    assert parse_reading(typed).text == stored


@given(READINGS)
def test_a_stored_reading_is_read_again(text):
    assert parse_reading(text).text == text
    hiragana = "".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヶ" else c for c in text)
    assert parse_reading(hiragana).text == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("山田", id="ideographs"),
        pytest.param("Smith", id="Latin"),
        pytest.param("ヤマダ-ハナコ", id="a hyphen for the long mark"),
        pytest.param("ーヤマダ", id="begins with the long mark"),
        pytest.param("ヤマダ ・", id="a word of a dot"),
        pytest.param("ヤマダ1", id="a digit"),
        pytest.param("ヤマダ\n", id="line end"),
        pytest.param("ヤ" * 101, id="too long"),
        pytest.param("ｶ" * 101, id="too long in half width"),
    ],
)
def test_what_is_no_reading_is_refused(text):
    with pytest.raises(Malformed, match=r"^reading: "):
        parse_reading(text)


def test_no_repr_shows_a_name():
    assert repr(parse("花子")) == "LegalName()"
    assert repr(parse_reading("ハナコ")) == "Reading()"
    assert str(LegalName("花子")) == f"{LegalName('花子')}" == "LegalName()"


def test_names_are_values():
    assert LegalName("花子") == parse("花子")
    assert LegalName("渡辺") != LegalName("渡邉")
    assert len({Reading("ハナコ"), parse_reading("はなこ")}) == 1
    with pytest.raises(AttributeError):
        parse("花子").text = "太郎"
