"""The pages: they name no machine and no registry, and what they name exists."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(path for path in ROOT.glob("**/*.md") if ".venv" not in path.parts)
TRACKED = subprocess.run(
    ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
).stdout.split("\0")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_names_only_files_that_exist(path):
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"\b((?:docs|tests|src|scripts|bench)/[\w./-]*\w)", text)
    missing = [name for name in named if not (ROOT / name).exists() and not name.endswith("test_")]
    assert missing == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_names_only_tests_that_exist(path):
    files = {one.stem for one in (ROOT / "tests").rglob("test_*.py")}
    named = set(re.findall(r"\btest_\w*\w\b", path.read_text(encoding="utf-8"))) - files
    assert path.name == "STYLE.md" or named == set()


@pytest.mark.parametrize("name", [name for name in TRACKED if name])
def test_no_tracked_file_names_a_registry_or_a_path_of_a_machine(name):
    path = ROOT / name
    if not path.is_file() or path.suffix in {".db", ".png"}:
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    hosts = ("pypi" + ".org", "python" + "hosted", "registry" + ".npmjs", "deb." + "debian")
    assert [host for host in hosts if host in text] == []
    assert not re.search(r"(?<![\w.])/(?:root|home)/\w", text), name


def test_the_readme_carries_the_two_commands():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in readme
    assert "make test" in readme


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_every_locked_package_has_hashes(lock):
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if re.match(r"^[a-z0-9]", line)]
    assert packages
    assert all("==" in line and line.rstrip().endswith("\\") for line in packages)


def test_every_dependency_has_its_line():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    names = [re.split(r"[\[<>=]", one)[0] for one in wanted]
    assert [name for name in names if name not in page] == []
