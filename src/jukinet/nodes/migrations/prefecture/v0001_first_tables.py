"""A prefecture's share of the index: the first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "person",
        sa.Column("prefecture", sa.Text(), primary_key=True),
        sa.Column("locator", sa.LargeBinary(), primary_key=True),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("town", sa.Text(), nullable=False),
        sa.Column("gone_to", sa.Text(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "residence",
        sa.Column("prefecture", sa.Text(), primary_key=True),
        sa.Column("town", sa.Text(), primary_key=True),
        sa.Column("locator", sa.LargeBinary(), primary_key=True),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("live", WHOLE, nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "state",
        sa.Column("prefecture", sa.Text(), primary_key=True),
        sa.Column("locator", sa.LargeBinary(), primary_key=True),
        sa.Column("version", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("town", sa.Text(), primary_key=True),
        sa.Column("live", WHOLE, nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("received_at", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "tag",
        sa.Column("prefecture", sa.Text(), primary_key=True),
        sa.Column("tag", sa.LargeBinary(), primary_key=True),
        sa.Column("locator", sa.LargeBinary(), primary_key=True),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "wrapped_key",
        sa.Column("prefecture", sa.Text(), primary_key=True),
        sa.Column("locator", sa.LargeBinary(), primary_key=True),
        sa.Column("version", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("town", sa.Text(), primary_key=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inbox_stream",
        sa.Column("stream", sa.Text(), primary_key=True),
        sa.Column("last", WHOLE, nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("heard_at", sa.Text(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "outbox_item",
        sa.Column("stream", sa.Text(), primary_key=True),
        sa.Column("number", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "outbox_stream",
        sa.Column("stream", sa.Text(), primary_key=True),
        sa.Column("last", WHOLE, nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("acknowledged", WHOLE, nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "handed_on",
        sa.Column("stream", sa.Text(), primary_key=True),
        sa.Column("number", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
