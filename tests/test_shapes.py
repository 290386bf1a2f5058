"""Shapes: each variant belongs to one group, and the table is as large as it claims to be."""

from collections import Counter

import pytest

from jukinet.names.shapes import GROUPS, ORDINARY

NEEDED = (
    "辺邊邉 斉齊齋斎 高髙 崎﨑嵜 吉𠮷 沢澤 浜濱濵 広廣 国國 桜櫻 島嶋嶌 恵惠 竜龍 真眞 "
    "栄榮 徳德 瀬瀨 富冨 円圓 条條 蔵藏 岳嶽 桧檜 滝瀧"
)


def test_no_character_is_in_two_groups():
    counted = Counter(character for group in GROUPS.split() for character in group)
    assert [character for character, times in counted.items() if times > 1] == []


def test_folding_twice_is_folding_once():
    assert not set(ORDINARY.values()) & {chr(code) for code in ORDINARY}


def test_the_table_has_the_pairs_that_names_need():
    assert len(ORDINARY) >= 150


@pytest.mark.parametrize("shapes", NEEDED.split())
def test_shapes_of_one_name_fold_into_one(shapes):
    assert set(shapes.translate(ORDINARY)) == {shapes[0]}
