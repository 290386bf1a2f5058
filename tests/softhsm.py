"""Tokens for the tests: SoftHSM, where this machine has it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PLACES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")

softhsm = pytest.mark.skipif(
    not (shutil.which("softhsm2-util") and any(map(os.path.exists, PLACES))),
    reason="no SoftHSM on this machine; `make test` as root installs it (apt-get install softhsm2)",
)
PIN = "123456"


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    """Two tokens of SoftHSM. One configuration a process: PKCS#11 libraries are loaded once."""
    root = tmp_path_factory.mktemp("softhsm")
    (root / "tokens").mkdir()
    (root / "conf").write_text(f"directories.tokendir = {root / 'tokens'}\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(root / "conf")
    for name in ("keeper-1", "keeper-2"):
        words = f"--init-token --free --label {name} --pin {PIN} --so-pin 654321".split()
        subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)
    yield next(Path(place) for place in PLACES if os.path.exists(place))
    if before is None:
        del os.environ["SOFTHSM2_CONF"]
    else:
        os.environ["SOFTHSM2_CONF"] = before
