"""Catalogues: every string and every refusal is said in Japanese, with the same holes."""

import re
import runpy
from pathlib import Path

import pytest

from jukinet.web.tongues import DEFAULT, NAMES, choose, tongue

ROOT = Path(__file__).parent.parent
WEB = ROOT / "src" / "jukinet" / "web"
TOOL = runpy.run_path(str(ROOT / "scripts" / "catalogues.py"))
STRINGS, REFUSALS = TOOL["strings"](), TOOL["refusals"]()
HELP = "see: python scripts/catalogues.py"

_CODE = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_VERBATIM = re.compile(r"<(pre|code|script|style)\b.*?</\1>", re.DOTALL)
_TAG = re.compile(r'<[^<>]*>|\b[a-z-]+="[^"]*"', re.DOTALL)
_WORD = re.compile(r"[A-Za-z\u3040-\u30ff\u3400-\u9fff]{2,}")
NAMES_OF_THINGS = {"Jukinet", "JSON", "CSV", "MIT", "htmx", "BSD"}
SHOWN = re.compile(r'(?:aria-label|alt|placeholder|title)="([^"{]*)"')


def placeholders(text):
    return sorted(re.findall(r"%\(\w+\)s", text))


def test_strings_and_refusals_are_found():
    assert "Who asked about me" in STRINGS
    assert "record {}: no move abroad is planned" in REFUSALS
    assert len(STRINGS) > 300
    assert len(REFUSALS) > 100


@pytest.mark.parametrize(("name", "wanted"), [("ja.po", STRINGS), ("refusals.ja.po", REFUSALS)])
def test_nothing_is_untranslated_and_nothing_is_said_for_nothing(name, wanted):
    assert TOOL["lacking"](name, wanted) == [], HELP
    assert TOOL["obsolete"](name, wanted) == [], HELP


@pytest.mark.parametrize("name", ["ja.po", "ja-easy.po", "refusals.ja.po"])
def test_a_translation_fills_the_same_holes(name):
    for text, said in TOOL["said_in"](name).items():
        assert placeholders(text) == placeholders(said), text
        assert said.count("{") == text.count("{"), text


def test_easy_japanese_says_only_what_the_pages_say():
    assert TOOL["obsolete"]("ja-easy.po", STRINGS) == [], HELP


@pytest.mark.parametrize(
    "path", sorted((WEB / "templates").rglob("*.html")), ids=lambda path: path.stem
)
def test_no_template_says_a_word_that_is_in_no_catalogue(path):
    text = path.read_text(encoding="utf-8")
    said = _TAG.sub(" ", _VERBATIM.sub(" ", _CODE.sub(" ", text)))
    assert set(_WORD.findall(said)) - NAMES_OF_THINGS == set()
    assert [one for one in SHOWN.findall(_CODE.sub("{", text)) if _WORD.search(one)] == []


def test_a_refusal_is_said_with_what_fills_its_holes():
    ja = tongue("ja")
    assert ja.refusal("record 17: no move abroad is planned").startswith("記録 17：")
    late = (
        "record 5: later events stand on record: death (entry 4); "
        "cancel those first, or correct the record ex officio (art. 8)"
    )
    assert "職権で修正" in ja.refusal(late)
    assert ja.refusal("birth date: that month has no such day") != ""
    assert ja.refusal("what nobody has ever said") == "what nobody has ever said"


def test_easy_japanese_falls_back_to_japanese():
    easy, plain = tongue("ja-easy"), tongue("ja")
    own = TOOL["said_in"]("ja-easy.po")
    assert all(easy.say(text) == own.get(text, plain.say(text)) for text in STRINGS)
    assert (easy.html, easy.refusals) == ("ja", plain.refusals)


@pytest.mark.parametrize(
    ("asked", "accepted", "found"),
    [
        pytest.param("en", "ja", "en", id="what was asked for goes first"),
        pytest.param("xx", "en-GB,en;q=0.9", "en", id="an unknown one does not count"),
        pytest.param("", "fr,de;q=0.9", DEFAULT, id="none that we have"),
        pytest.param("", "en;q=0.2, ja;q=0.9", "ja", id="the dearest"),
        pytest.param("", "en;q=high, ja", "ja", id="a weight that is no number"),
        pytest.param("", ",;,;;q=", DEFAULT, id="nonsense"),
        pytest.param("../../etc", "", DEFAULT, id="a path is no tongue"),
    ],
)
def test_the_tongue_is_the_one_that_was_asked_for_else_the_best_accepted(asked, accepted, found):
    assert choose(asked, accepted) == found
    assert found in NAMES
