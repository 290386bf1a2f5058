"""Every string of the pages, and what the catalogues lack: `python scripts/catalogues.py`.

Strings stand in templates as `_("...")` and in Python as `mark("...")`. Refusals are the sentences
with which the register, the names and the numbers raise Malformed and Refused; the holes of their
f-strings are written {}.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from jukinet.names import characters

SOURCE = Path(__file__).parent.parent / "src" / "jukinet"
CATALOGUES = SOURCE / "web" / "catalogues"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2.ext:babel_extract")]
REFUSING = (
    *(
        "register",
        "names",
        "numbers",
        "law/record.py",
        "law/objection.py",
        "nodes/reception.py",
        "nodes/counter.py",
    ),
    *("nodes/looking.py", "nodes/passes.py", "client/view_key.py", "client/mirror.py", "web"),
)
# Halves of sentences, which functions beside the rules make.
HALVES = (
    "later events stand on record: {}; "
    "cancel those first, or correct the record ex officio (art. 8)",
    "it begins only with {}; "
    "enter the event as of that day, or correct what was entered ex officio (art. 8)",
    "that month has no such day",
    "want a month from 1 to 12",
    "a known month needs its year, a known day its month",
)
RAISED = ("Malformed", "Refused", "Missing")
WHOLE = ("ja",)  # the tongues that must have every string


def strings() -> list[str]:
    """Every string of the pages, in the order in which they stand."""
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2), "mark": None}
    found = extract_from_dir(str(SOURCE / "web"), METHODS, keywords=keywords)
    said: dict[str, None] = {}
    for _, _, message, _, _ in found:
        for one in message if isinstance(message, tuple) else (message,):
            said[one] = None
    return list(said)


def refusals() -> list[str]:
    """Every sentence with which the desk can be refused, its holes as {}."""
    said: dict[str, None] = {}
    for name in REFUSING:
        place = SOURCE / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            for sentence in _raised(ast.parse(path.read_text(encoding="utf-8"))):
                said[sentence] = None
    unfit = [what for _, what in characters._RULES]  # what is said of a single character
    return [*dict.fromkeys([*said, *HALVES, *unfit])]


def _raised(tree: ast.Module) -> Iterator[str]:
    named = {
        node.target.id: _text(node.value)
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
            continue
        said = node.args[0]
        sentence = named.get(said.id, "{}") if isinstance(said, ast.Name) else _text(said)
        if node.func.id in RAISED and re.search("[a-z]", sentence):
            yield sentence


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return "{}"


def said_in(name: str) -> dict[str, str]:
    """What a catalogue has."""
    path = CATALOGUES / name
    if not path.exists():
        return {}
    with path.open("rb") as opened:
        return {str(one.id): str(one.string) for one in read_po(opened) if one.id}


def lacking(name: str, wanted: list[str]) -> list[str]:
    """The strings that a catalogue has no words for."""
    said = said_in(name)
    return [one for one in wanted if not said.get(one)]


def obsolete(name: str, wanted: list[str]) -> list[str]:
    """What stands in a catalogue and is said nowhere."""
    return [one for one in said_in(name) if one not in wanted]


if __name__ == "__main__":
    for tongue in WHOLE:
        for name, wanted in ((f"{tongue}.po", strings()), (f"refusals.{tongue}.po", refusals())):
            for one in lacking(name, wanted):
                sys.stdout.write(f"{name} lacks: {one!r}\n")
            for one in obsolete(name, wanted):
                sys.stdout.write(f"{name} says for nothing: {one!r}\n")
