"""Search tags: who is found by them, and how little they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.support import CHIYODA, SAPPORO_CHUO, SHINJUKU, address

from jukinet.law.identity import Identification, Name, Sex
from jukinet.law.inquiry import BySearch
from jukinet.law.tags import (
    TAG_BYTES,
    code_tag,
    second_name,
    stored,
    tags_of,
    tags_sought,
    town_key,
)
from jukinet.names import era, legal
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.numbers.resident_code import complete

BORN = era.parse_iso("1980-05-05")
TOKYO, HOKKAIDO = b"t" * 32, b"h" * 32
KEY = town_key(TOKYO, CHIYODA)
LOCATOR = bytes(range(16))
NAME = Name(legal=legal.parse("渡邊 花子"), reading=legal.parse_reading("ワタナベ ハナコ"))
PERSON = Identification(
    name=NAME,
    birth_date=BORN,
    sex=Sex.FEMALE,
    address=address(),
    code=complete("1234567890"),
)


def search(name: str = "", reading: str = "", born: str = "1980-05-05") -> BySearch:
    return BySearch(
        place=MunicipalityCode(CHIYODA),
        birth_date=era.parse_iso(born),
        name=legal.parse(name) if name else None,
        reading=legal.parse_reading(reading) if reading else None,
    )


def found(sought: BySearch, person: Identification = PERSON, key: bytes = KEY) -> bool:
    return bool({*tags_of(KEY, person, LOCATOR)} & {*tags_sought(key, sought)})


def called(**names) -> Identification:
    return replace(PERSON, name=replace(NAME, **names))


@pytest.mark.parametrize(
    ("sought", "person"),
    [
        pytest.param(search("渡邊 花子"), PERSON, id="as written"),
        pytest.param(search("渡辺 花子"), PERSON, id="in the ordinary shape"),
        pytest.param(search("渡邉花子"), PERSON, id="in another shape, without the space"),
        pytest.param(search(reading="わたなべ はなこ"), PERSON, id="by the reading"),
        pytest.param(
            search("佐藤 花子", "ワタナベ ハナコ"), PERSON, id="the reading right, the name wrong"
        ),
        pytest.param(
            search("木村 花子"),
            called(former_surname=legal.parse("木村")),
            id="by the former surname",
        ),
        pytest.param(
            search("SMITH HANAKO"), called(alias=legal.parse("Smith Hanako")), id="by the alias"
        ),
        pytest.param(
            search(reading="スミス"),
            called(alias=legal.parse("Smith"), alias_reading=legal.parse_reading("スミス")),
            id="by the alias's reading",
        ),
    ],
)
def test_a_person_is_found(sought, person):
    assert found(sought, person)


@pytest.mark.parametrize(
    "sought",
    [
        pytest.param(search("渡邊 花子", born="1980-05-06"), id="another birth date"),
        pytest.param(search("渡邊 花子", born="1980-05-00"), id="the birth date in part"),
        pytest.param(search("渡邊"), id="the surname alone"),
        pytest.param(search("山田 花子"), id="another name"),
        pytest.param(search(reading="ハナコ"), id="half of the reading"),
    ],
)
def test_a_person_is_not_found(sought):
    assert not found(sought)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(town_key(TOKYO, SHINJUKU), id="in another town"),
        pytest.param(town_key(HOKKAIDO, SAPPORO_CHUO), id="in another prefecture"),
        pytest.param(TOKYO, id="with the prefecture's own key"),
    ],
)
def test_a_person_is_not_found_elsewhere(key):
    assert not found(search("渡邊 花子"), key=key)


@given(st.booleans(), st.booleans(), st.sampled_from(["", "木村"]), st.sampled_from(["", "Smith"]))
def test_a_person_has_four_different_tags_of_one_size_always(reading, alias_reading, former, alias):
    person = called(
        reading=NAME.reading if reading else None,
        former_surname=legal.parse(former) if former else None,
        alias=legal.parse(alias) if alias else None,
        alias_reading=legal.parse_reading("スミス") if alias and alias_reading else None,
    )
    tags = tags_of(KEY, person, LOCATOR)
    assert len(set(tags)) == 4
    assert {len(tag) for tag in tags} == {TAG_BYTES}


def test_fillers_differ_from_person_to_person_and_lead_nobody_to_anybody():
    one, other = tags_of(KEY, PERSON, LOCATOR), tags_of(KEY, PERSON, bytes(16))
    assert one[:2] == other[:2]
    assert not {*one[2:]} & {*other[2:]}
    assert not {*one[2:]} & {*tags_sought(KEY, search("渡邊 花子"))}


def test_a_search_always_looks_for_two_tags():
    for sought in (search("渡邊 花子"), search(reading="ワタナベ ハナコ"), search("a", "ア")):
        assert len(set(tags_sought(KEY, sought))) == 2


def test_the_index_keeps_another_tag_than_the_town_sends():
    tag = tags_of(KEY, PERSON, LOCATOR)[0]
    kept = stored(b"i" * 32, tag)
    assert len(kept) == TAG_BYTES
    assert kept != tag
    assert kept != stored(b"j" * 32, tag)


def test_a_tag_says_nothing_that_a_plain_hash_would():
    """Without the town's key not even somebody who knows everything can make it."""
    assert not {*tags_of(KEY, PERSON, LOCATOR)} & {*tags_of(b"x" * 32, PERSON, LOCATOR)}


def test_a_code_tag_tells_the_same_code_again_and_no_other():
    key = b"c" * 32
    assert code_tag(key, "12345678903") == code_tag(key, "12345678903")
    assert code_tag(key, "12345678903") != code_tag(key, "12345678911")
    assert b"1234" not in code_tag(key, "12345678903")


@pytest.mark.parametrize(
    ("name", "second"),
    [
        pytest.param(NAME, ("", ""), id="none"),
        pytest.param(
            replace(NAME, former_surname=legal.parse("木村")), ("木村 花子", ""), id="旧氏"
        ),
        pytest.param(
            replace(NAME, legal=legal.parse("渡邊\u3000花子"), former_surname=legal.parse("木村")),
            ("木村 花子", ""),
            id="旧氏 with a full-width space",
        ),
        pytest.param(
            replace(NAME, alias=legal.parse("Smith"), former_surname=legal.parse("木村")),
            ("Smith", ""),
            id="通称 comes first",
        ),
    ],
)
def test_the_name_that_may_stand_beside_the_legal_one(name, second):
    assert second_name(name) == second
