"""Migrations: each kind of store has a row of numbered scripts, and a store knows its number.

Alembic runs them inside one transaction where the engine can roll back a change of tables (both
can), so a crash leaves the old tables or the new ones. A store that is newer than this program
is refused, not guessed at.
"""

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import text

from jukinet.errors import OutOfStep
from jukinet.store.engine import Store


def migrate(store: Store, scripts: Path) -> str:
    """Bring a store to the newest script of its kind; returns that script's number.

    Raises OutOfStep where the store holds a number that is not among the scripts.
    """
    directory = ScriptDirectory(str(scripts), version_locations=[str(scripts)])
    head = directory.get_current_head()
    assert head is not None, scripts
    with store.connection() as connection:
        if store.dialect == "sqlite":
            connection.execute(text("BEGIN IMMEDIATE"))
        context = MigrationContext.configure(connection)
        now = context.get_current_revision()
        if now == head:
            connection.rollback()
            return head
        if now is not None and now not in {
            script.revision for script in directory.walk_revisions()
        }:
            raise OutOfStep(f"store: its tables are of version {now}, this program knows {head}")
        with Operations.context(context):
            for script in reversed(list(directory.iterate_revisions(head, now or "base"))):
                script.module.upgrade()
                context._ensure_version_table()
                context.stamp(directory, script.revision)
        connection.commit()
    return head


def version(store: Store) -> str | None:
    """The number of the last script that a store has been brought to."""
    with store.connection() as connection:
        return MigrationContext.configure(connection).get_current_revision()
