"""Display names: what ordinary fonts have, and never the name itself."""
# ruff: noqa: RUF001 - characters that look alike are the subject

import pytest

from jukinet.names.display import display_name
from jukinet.names.legal import LegalName


@pytest.mark.parametrize(
    ("legal", "shown"),
    [
        pytest.param("山田 花子", "山田 花子", id="nothing to do"),
        pytest.param("渡邉\U000e0107", "渡邉", id="the selector goes, the shape stays"),
        pytest.param("山﨑", "山﨑", id="in JIS X 0213"),
        pytest.param("髙橋", "高橋", id="not in JIS X 0213"),
        pytest.param("𠮷田", "吉田", id="outside the BMP"),
        pytest.param("\ufa19田", "神田", id="compatibility ideograph"),
        pytest.param("\U0002f81a", "冬", id="compatibility ideograph of plane 2"),
        pytest.param("\U00030000田", "\U00030000田", id="unknown to the table"),
        pytest.param("NGUYỄN", "NGUYỄN", id="Latin with two marks"),
        pytest.param("ＳＭＩＴＨ", "ＳＭＩＴＨ", id="full-width Latin stays"),
    ],
)
def test_a_rare_character_is_shown_as_an_ordinary_one(legal, shown):
    name = LegalName(legal)
    assert display_name(name) == shown
    assert name.text == legal
