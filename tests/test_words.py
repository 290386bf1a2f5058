"""The word list holds every noun of the law, with its Japanese; and nothing that is not one."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import jukinet.law

ROOT = Path(__file__).parent.parent
WORDS = (ROOT / "docs" / "words.md").read_text(encoding="utf-8")
LISTED = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|", WORDS, re.MULTILINE)
NOUNS = sorted(
    {
        noun.__name__
        for module in pkgutil.iter_modules(jukinet.law.__path__)
        for _, noun in inspect.getmembers(
            importlib.import_module(f"jukinet.law.{module.name}"), inspect.isclass
        )
        if noun.__module__ == f"jukinet.law.{module.name}"
    }
)
ARTICLE = re.compile(r"-|\d+(-\d+)*( [ivx]+)?(, \d+(-\d+)*( [ivx]+)?|-\d+)*")
# Said of the law or of people; `response` and the like stand in tables that say never to say them.
NEVER = ("whitelist", "blacklist", "manual edit", "helper object", "pseudonymised id")


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_of_the_law_is_in_the_word_list_with_its_japanese(noun):
    japanese = {word: text for word, text, _ in LISTED}
    assert noun in japanese, f"add a row for `{noun}` to docs/words.md"
    assert re.search(r"[\u3040-\u9fff]", japanese[noun])


def test_the_word_list_holds_no_noun_that_the_law_does_not_have():
    assert [word for word, _, _ in LISTED if word not in NOUNS] == []


def test_the_word_list_is_in_order_and_each_word_stands_once():
    words = [word for word, _, _ in LISTED]
    assert words == sorted(words, key=lambda word: (word.lower(), word)) or words == sorted(words)
    assert len(words) == len(set(words))


@pytest.mark.parametrize(("word", "article"), [(word, article) for word, _, article in LISTED])
def test_an_article_is_a_number_or_a_dash(word, article):
    assert ARTICLE.fullmatch(article.strip()), f"{word}: {article}"


@pytest.mark.parametrize("path", sorted((ROOT / "src").rglob("*.py")), ids=lambda path: path.stem)
def test_the_source_never_says_what_the_list_forbids(path):
    text = path.read_text(encoding="utf-8").lower()
    assert [word for word in NEVER if word in text] == []
