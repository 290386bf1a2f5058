"""Characters: every rule refuses what it names, at its place, and nothing lawful."""

import pytest

from jukinet.errors import Malformed
from jukinet.names.characters import refuse_unfit


@pytest.mark.parametrize(
    ("character", "rule"),
    [
        pytest.param("\x00", "control", id="NUL"),
        pytest.param("\n", "control", id="line feed"),
        pytest.param("\x7f", "control", id="delete"),
        pytest.param("\x85", "control", id="next line"),
        pytest.param("\u2028", "control", id="line separator"),
        pytest.param("\ud842", "surrogate", id="high surrogate"),
        pytest.param("\udfb7", "surrogate", id="low surrogate"),
        pytest.param("\u202e", "direction", id="right-to-left override"),
        pytest.param("\u2066", "direction", id="isolate"),
        pytest.param("\u200f", "direction", id="right-to-left mark"),
        pytest.param("\u061c", "direction", id="Arabic letter mark"),
        pytest.param("\ufdd0", "noncharacter", id="noncharacter of the BMP"),
        pytest.param("\uffff", "noncharacter", id="U+FFFF"),
        pytest.param("\U0002fffe", "noncharacter", id="noncharacter of plane 2"),
        pytest.param("\U0010ffff", "noncharacter", id="the last code point"),
        pytest.param("\ue000", "private-use", id="gaiji"),
        pytest.param("\U000f0000", "private-use", id="gaiji of plane 15"),
        pytest.param("\u200b", "invisible", id="zero-width space"),
        pytest.param("\u200d", "invisible", id="zero-width joiner"),
        pytest.param("\u2060", "invisible", id="word joiner"),
        pytest.param("\ufeff", "invisible", id="byte order mark"),
        pytest.param("\u00ad", "invisible", id="soft hyphen"),
        pytest.param("\u3164", "invisible", id="Hangul filler"),
        pytest.param("\ufffd", "replacement", id="replacement character"),
        pytest.param("\U000e0041", "invisible", id="tag letter"),
        pytest.param("\u00a0", "space of another width", id="no-break space"),
        pytest.param("\u2003", "space of another width", id="em space"),
        pytest.param("\u2f00", "radical", id="Kangxi radical one"),
        pytest.param("a\U000e0100", "variation selector", id="selector after a letter"),
        pytest.param("あ\ufe00", "variation selector", id="selector after a kana"),
        pytest.param("邉\U000e0100\U000e0101", "variation selector", id="two selectors"),
    ],
)
def test_what_looks_other_than_it_is_is_refused(character, rule):
    place = 2 + len(character)
    with pytest.raises(Malformed, match=rf"^town: character {place} .*{rule}"):
        refuse_unfit(f"千代{character}田", field="town", length_max=100)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param("", "got none", id="nothing"),
        pytest.param("田" * 11, "at most 10 code points, got 11", id="too long"),
        pytest.param(" 田", "begins or ends", id="space in front"),
        pytest.param("田\u3000", "begins or ends", id="full-width space behind"),
        pytest.param("田 \u3000田", "two spaces", id="two spaces of two kinds"),
        pytest.param("\U000e0100田", "variation selector", id="selector in front"),
    ],
)
def test_lengths_and_spaces(text, rule):
    with pytest.raises(Malformed, match=rule):
        refuse_unfit(text, field="town", length_max=10)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("邉\U000e0101", id="ideographic variation"),
        pytest.param("\U00020bb7\ufe00", id="standardized variation"),
        pytest.param("\ufa19", id="compatibility ideograph"),
        pytest.param("\U00030000", id="extension G"),
        pytest.param("〇々〆", id="marks that are used as ideographs"),
        pytest.param("(株)1-2", id="brackets and digits, which an address has"),
        pytest.param("\U0001f600", id="an emoji is visible, another module's rules decide"),
    ],
)
def test_what_is_visible_is_fit(text):
    refuse_unfit(text, field="town", length_max=10)
