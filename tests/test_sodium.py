"""The compiled library: the system's, or the wheel's, which leaves no file behind."""

import subprocess
import sys

import pytest

from jukinet.keys import sodium

BY_THE_WHEEL = """
import os, sys, tempfile
from jukinet.keys import sodium
sodium.NAMES = ("libnothing.so.0",)
from jukinet.keys import group
assert "rbcl._sodium" in sys.modules
print(group.base(group.scalar_of(5)).hex())
print(os.listdir(tempfile.gettempdir()))
"""


def test_the_wheel_gives_the_same_group_and_leaves_no_file(tmp_path):
    from jukinet.keys import group

    ran = subprocess.run(
        [sys.executable, "-c", BY_THE_WHEEL],
        env={"PYTHONPATH": ":".join(sys.path), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines() == [group.base(group.scalar_of(5)).hex(), "[]"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("names", [(), ("libnothing.so.0",), ("libc.so.6",)])
def test_a_system_without_the_group_has_none(names):
    assert sodium.of_system(names) is None
