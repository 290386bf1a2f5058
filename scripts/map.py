"""The map of the package: each module with the first line of its docstring, roof first.

python scripts/map.py            print it
python scripts/map.py --write    write it into ARCHITECTURE.md
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent / "src" / "jukinet"
PAGE = Path(__file__).parent.parent / "ARCHITECTURE.md"
BLOCK = re.compile(r"(## The map\n\n```\n).*?(\n```\n)", re.DOTALL)
FLOORS = (
    "cli",
    "tasks",
    "web wire world",
    "nodes",
    "register feed index disclosure ledger client",
    "law",
    "names numbers merkle keys store",
    "errors",
)


def caption(path: Path) -> str:
    """The first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    if not text:
        sys.exit(f"{path}: a module opens with its caption")
    return text.splitlines()[0]


def lines() -> list[str]:
    """The map, line by line."""
    drawn: list[str] = []
    for name in " ".join(FLOORS).split():
        place = ROOT / name
        if place.is_dir():
            drawn.append(f"{name + '/':<20}{caption(place / '__init__.py')}")
            drawn += _inside(place, "  ")
        else:
            drawn.append(f"{name + '.py':<20}{caption(place.with_suffix('.py'))}")
    return drawn


def _inside(place: Path, indent: str) -> list[str]:
    drawn = []
    for path in sorted(place.iterdir()):
        if path.suffix == ".py" and path.stem != "__init__":
            drawn.append(f"{indent + path.stem:<20}{caption(path)}")
        elif (path / "__init__.py").exists():
            drawn.append(f"{indent + path.name + '/':<20}{caption(path / '__init__.py')}")
            drawn += _inside(path, indent + "  ")
    return drawn


def page() -> str:
    """ARCHITECTURE.md with the map as the docstrings are now."""
    drawn = "\n".join(lines())
    return BLOCK.sub(lambda found: found[1] + drawn + found[2], PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print("\n".join(lines()))
