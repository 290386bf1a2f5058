"""The map in ARCHITECTURE.md is the first lines of the docstrings, so it cannot go stale."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAP = runpy.run_path(str(ROOT / "scripts" / "map.py"))


def test_the_page_shows_the_map():
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert MAP["page"]() == page, "run: python scripts/map.py --write"


@pytest.mark.parametrize("line", MAP["lines"]())
def test_a_caption_is_one_sentence(line):
    assert line.endswith("."), line
    assert len(line) <= 130, line


def test_every_module_is_on_the_map():
    modules = [
        path
        for path in (ROOT / "src" / "jukinet").rglob("*.py")
        if not path.name.startswith("__") and "migrations" not in path.parts
    ]
    packages = list((ROOT / "src" / "jukinet").glob("*/**/__init__.py"))
    assert len(MAP["lines"]()) == len(modules) + len(packages)
