"""A foreign verifier: other people's code, in another language, finds our log right, or names what is not.

tests/go/verify is built with golang.org/x/mod as Debian has it, without a network. Where it is
missing these tests are skipped, and say so; where the environment variable CI is set they fail
instead. `make test` gets it where it may.
"""

import os
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from jukinet.keys.sign import SigningKey
from jukinet.ledger.log import Log
from jukinet.merkle import tiles
from jukinet.merkle.note import VerifierKey
from jukinet.store.disk import RealDisk

SOURCE = Path(__file__).parent / "go" / "verify" / "main.go"
PACKAGES = Path("/usr/share/gocode")
MODULE = PACKAGES / "src" / "golang.org" / "x" / "mod" / "sumdb" / "tlog"
KEY = SigningKey(bytes(range(32)))
ORIGIN = "example.org/ledger"
SIZES = [0, 1, 255, 256, 257, 70_000]

Verify = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def verify(tmp_path_factory) -> Verify:
    """The program: called with its arguments, it returns how it ended."""
    go = shutil.which("go")
    if go is None or not MODULE.exists():
        notice = (
            "golang-go and golang-golang-x-mod-dev are missing: no foreign program checks the log"
        )
        (pytest.fail if os.environ.get("CI") else pytest.skip)(notice)
    folder = tmp_path_factory.mktemp("go")
    alone = {
        "GO111MODULE": "off",
        "GOPATH": str(PACKAGES),
        "GOFLAGS": "",
        "GOCACHE": str(folder / "cache"),
    }
    program = folder / "verify"
    subprocess.run(
        [go, "build", "-o", program, SOURCE], env={**os.environ, **alone}, check=True, cwd=folder
    )

    def run(*args) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *map(str, args)], capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture(scope="session", params=SIZES)
def log(request, tmp_path_factory) -> tuple[Path, Log]:
    """A log of each size, and its folder."""
    folder = tmp_path_factory.mktemp(f"log{request.param}")
    return folder, log_of(folder, request.param)


@pytest.fixture
def small(tmp_path) -> tuple[Path, Log]:
    """A log of 600 entries, to be changed."""
    folder = tmp_path / "small"
    return folder, log_of(folder, 600)


def log_of(folder: Path, size: int) -> Log:
    log = Log.open(RealDisk(folder), origin=ORIGIN, key=KEY)
    for begin in range(0, size, 997):
        count = min(997, size - begin)
        log.append([entry(begin + n) for n in range(count)], [None] * count)
    return log


def entry(number: int) -> bytes:
    return b"entry %d " % number * (number % 5)


def sure(ended: subprocess.CompletedProcess[str], size: int) -> None:
    assert (ended.stderr, ended.stdout, ended.returncode) == ("", f"{size}\n", 0)


def refused(ended: subprocess.CompletedProcess[str], because: str) -> None:
    assert (ended.stdout, ended.returncode) == ("", 1)
    assert because in ended.stderr


def test_go_finds_every_file_of_our_log_right(verify, log):
    folder, made = log
    sure(verify("log", folder, made.verifier_key), made.size)


def test_go_believes_our_receipts(verify, log, tmp_path):
    _, made = log
    for number in {0, made.size // 3, made.size // 2, made.size - 1} if made.size else ():
        sure(
            verify("entry", made.verifier_key, number, *receipt(tmp_path, made, number)), made.size
        )


def test_go_believes_our_proofs_of_growth(verify, log, tmp_path):
    _, made = log
    (tmp_path / "new").write_bytes(made.checkpoint)
    for old in {1, made.size // 2, made.size - 1, made.size} - {0, -1}:
        if old > made.size:
            continue
        (tmp_path / "old").write_bytes(log_of(tmp_path / f"log{old}", old).checkpoint)
        hashes = growth(tmp_path, made.consistency(old))
        paths = (tmp_path / "old", tmp_path / "new", hashes)
        sure(verify("growth", made.verifier_key, *paths), made.size)


def receipt(folder: Path, log: Log, number: int) -> tuple[Path, Path]:
    (folder / "entry").write_bytes(entry(number))
    (folder / "proof").write_bytes(log.receipt(number))
    return folder / "entry", folder / "proof"


def growth(folder: Path, hashes: list[bytes]) -> Path:
    (folder / "hashes").write_bytes(b"".join(b64encode(one) + b"\n" for one in hashes))
    return folder / "hashes"


COVERED = ["checkpoint"] + [
    tile.path for tile in tiles.new_bundles(0, 600) + tiles.new_tiles(0, 600)
]


@pytest.mark.parametrize("name", COVERED)
def test_go_refuses_a_changed_byte_in_any_file(verify, small, name):
    folder, made = small
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    refused(verify("log", folder, made.verifier_key), because=name)


@pytest.mark.parametrize("name", COVERED)
def test_go_refuses_a_log_that_lacks_a_file(verify, small, name):
    folder, made = small
    (folder / name).unlink()
    refused(verify("log", folder, made.verifier_key), because=f"{name}: no such file")


@pytest.mark.parametrize("name", [ORIGIN, "example.org/another"])
def test_go_refuses_another_key(verify, small, name):
    folder, _ = small
    another = VerifierKey(name, SigningKey(bytes(32)).public_bytes)
    refused(verify("log", folder, another), because="checkpoint: ")


def test_go_refuses_a_receipt_for_another_number(verify, small, tmp_path):
    _, made = small
    paths = receipt(tmp_path, made, 7)
    refused(verify("entry", made.verifier_key, 8, *paths), because="wanted is index 8")


def test_go_refuses_a_receipt_that_is_renumbered(verify, small, tmp_path):
    _, made = small
    paths = receipt(tmp_path, made, 7)
    paths[1].write_bytes(paths[1].read_bytes().replace(b"index 7\n", b"index 8\n"))
    refused(verify("entry", made.verifier_key, 8, *paths), because="proof")


def test_go_refuses_a_receipt_for_another_entry(verify, small, tmp_path):
    _, made = small
    paths = receipt(tmp_path, made, 7)
    paths[0].write_bytes(entry(8))
    refused(verify("entry", made.verifier_key, 7, *paths), because="proof")


def test_go_refuses_growth_out_of_another_log(verify, small, tmp_path):
    _, made = small
    (tmp_path / "new").write_bytes(made.checkpoint)
    forked = Log.open(RealDisk(tmp_path / "fork"), origin=ORIGIN, key=KEY)
    forked.append([b"another"] * 300, [None] * 300)
    (tmp_path / "old").write_bytes(forked.checkpoint)
    hashes = growth(tmp_path, made.consistency(300))
    ended = verify("growth", made.verifier_key, tmp_path / "old", tmp_path / "new", hashes)
    refused(ended, because="hashes: ")
