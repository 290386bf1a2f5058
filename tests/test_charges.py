"""The nine charges: each row's command runs, and says what the row says it says."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "charges.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (C\d) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
STATES = {"proved", "partly", "words only", "not yet"}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """The folders that commands name: a new one, and a small demo's."""
    base = tmp_path_factory.mktemp("charges")
    demo = base / "demo"
    run(f"jukinet demo --dir {demo} --towns 3 --residents 300 --inquiries 40")
    return {
        "dir": base,
        "demo": demo,
        "viewkey": demo / "residents" / "resident-1.viewkey",
    }


def run(command):
    words = shlex.split(command)
    program = {
        "jukinet": [sys.executable, "-m", "jukinet"],
        "python": [sys.executable],
        "pytest": [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
    }[words[0]]
    done = subprocess.run(
        [*program, *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_there_are_nine_charges():
    assert [number for number, *_ in ROWS] == [f"C{n}" for n in range(1, 10)]


@pytest.mark.parametrize(("number", "state"), [(row[0], row[2]) for row in ROWS])
def test_a_charge_says_how_far_it_is_answered(number, state):
    assert state in STATES


@pytest.mark.parametrize(("number", "state", "command"), [(row[0], row[2], row[4]) for row in ROWS])
def test_the_command_of_a_charge_runs(number, state, command, places):
    if command == "not yet":
        assert state == "not yet"
        return
    assert command.startswith("`")
    run(command.strip("`").format(**places))
