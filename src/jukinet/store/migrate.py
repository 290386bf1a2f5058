"""Migrations: each kind of store has a row of numbered scripts, and a store knows its number.

Alembic runs them inside one transaction, since both engines can roll back a change of tables: a
crash leaves the old tables or the new ones. One process at a time does it, and whoever waited finds
it done. A store that is newer than this program is refused, not guessed at.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import cast

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from jukinet.errors import OutOfStep
from jukinet.store.engine import SQLITE, Store
from jukinet.store.failures import in_our_words

LOCK = 0x6A756B69  # PostgreSQL's name for the lock: "juki"


def migrate(store: Store, scripts: Path) -> str:
    """Bring a store to the newest script of its kind; returns that script's number.

    Raises OutOfStep where the store holds a number that is not among the scripts, and where
    another process is at work in it.
    """
    directory = _directory(str(scripts))
    head = directory.get_current_head()
    assert head is not None, scripts
    with _our_words(), store.connection() as connection, _alone(store, connection):
        context = MigrationContext.configure(connection)
        now = context.get_current_revision()
        if now not in {None, *(script.revision for script in directory.walk_revisions())}:
            raise OutOfStep(
                f"store: its tables are of version {now}, this program knows {head}; "
                "use the program that made them, or a newer one"
            )
        if now != head:
            _upgrade(context, directory, now, head)
            connection.commit()
    return head


def version(store: Store) -> str | None:
    """The number of the last script that a store has been brought to."""
    with _our_words(), store.connection() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _upgrade(
    context: MigrationContext, directory: ScriptDirectory, now: str | None, head: str
) -> None:
    with Operations.context(context):
        for script in reversed(list(directory.iterate_revisions(head, now or "base"))):
            script.module.upgrade()
            context._ensure_version_table()
            context.stamp(directory, script.revision)


@contextmanager
def _alone(store: Store, connection: Connection) -> Iterator[None]:
    """A transaction beside which nobody else's migration runs.

    PostgreSQL's must begin after the lock is held, or it would not see what the last holder made.
    """
    if store.dialect == SQLITE:
        connection.execute(text("BEGIN IMMEDIATE"))
        yield
        return
    connection.execute(text(f"SELECT pg_advisory_lock({LOCK})"))
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text(f"SELECT pg_advisory_unlock({LOCK})"))
        connection.commit()


@contextmanager
def _our_words() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise in_our_words(cast(Exception, error.orig)) from None


@cache
def _directory(scripts: str) -> ScriptDirectory:
    return ScriptDirectory(scripts, version_locations=[scripts])
