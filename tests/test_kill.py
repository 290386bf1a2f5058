"""kill -9 at named write steps and by timer: nothing is lost, nothing half done.

A world of 500 people lives; the process is killed; the folder must verify, and living on must end
with books and index that agree. The named steps are the store's one commit, before and after it,
and the small file of the folder's mark.
"""

import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import date, datetime
from datetime import time as clock

import pytest
from tests.support import unlocked

from jukinet.tasks.demo import reconcile
from jukinet.tasks.folder import Folder
from jukinet.tasks.network import JST, open_network
from jukinet.tasks.verifying import verify

DAYS = 300
DRIVER = """
import os, signal, sys
from jukinet.store.engine import Store
from jukinet.tasks import folder as folders
from jukinet.cli import app

where, when, nth = sys.argv[1], sys.argv[2], int(sys.argv[3])
count = 0

def maybe(place, moment):
    global count
    if where in place and moment == when:
        count += 1
        if count == nth:
            os.kill(os.getpid(), signal.SIGKILL)

commit = Store.commit
def counted(self, driver):
    maybe(self.url, "before")
    commit(self, driver)
    maybe(self.url, "after")
Store.commit = counted

write = folders._write
def written(path, value, **more):
    maybe(str(path), "before")
    write(path, value, **more)
    maybe(str(path), "after")
folders._write = written

app(sys.argv[4:], result_action="return_value")
"""
STEPS = [
    pytest.param("/towns/", "before", 700, id="before a town's commit"),
    pytest.param("/towns/", "after", 1100, id="after a town's commit"),
    pytest.param("/centre/1", "before", 30, id="before a prefecture's commit"),
    pytest.param("/centre/1", "after", 80, id="after a prefecture's commit"),
    pytest.param("national", "after", 14, id="after the national commit"),
    pytest.param("chains", "after", 4, id="after the chains' commit"),
    pytest.param("jukinet.json", "before", 150, id="before the mark is written"),
]


def command(folder):
    return ["world", "live", "--dir", str(folder), "--days", str(DAYS)]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A town of 500 with two neighbours, its books just filled."""
    folder = tmp_path_factory.mktemp("kill") / "built"
    subprocess.run(
        [
            *(sys.executable, "-m", "jukinet", "world", "build", "--dir", str(folder)),
            *("--towns", "3", "--residents", "500", "--json"),
        ],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def folder(built, tmp_path):
    """A fresh copy of it."""
    copy = tmp_path / "world"
    shutil.copytree(built, copy)
    return copy


def check_and_live_on(folder):
    report = verify(unlocked(folder))
    assert report.ok, report.findings
    done = subprocess.run(
        [sys.executable, "-m", "jukinet", *command(folder), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = verify(unlocked(folder))
    assert report.ok, report.findings
    mark = Folder(folder).mark()
    assert mark.lived_to is not None
    assert mark.lived_to >= date(2025, 1, 1)
    with open_network(unlocked(folder), datetime.combine(mark.lived_to, clock(9), JST)) as network:
        assert reconcile(network)


@pytest.mark.parametrize(("where", "when", "nth"), STEPS)
def test_killed_at_a_write_step_nothing_is_lost(folder, where, when, nth):
    killed = subprocess.run(
        [sys.executable, "-c", DRIVER, where, when, str(nth), *command(folder)],
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-500:]
    check_and_live_on(folder)


def killed_by_timer(folder, seed):
    rng = random.Random(seed)
    process = subprocess.Popen(
        [sys.executable, "-m", "jukinet", *command(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(rng.uniform(1.0, 5.0))
    process.kill()
    process.wait()


@pytest.mark.parametrize("seed", range(3))
def test_killed_by_a_timer_nothing_is_lost(folder, seed):
    killed_by_timer(folder, seed)
    check_and_live_on(folder)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 190))
def test_killed_by_a_timer_again_and_again_nothing_is_lost(folder, seed):
    killed_by_timer(folder, seed)
    killed_by_timer(folder, seed + 1000)
    check_and_live_on(folder)
