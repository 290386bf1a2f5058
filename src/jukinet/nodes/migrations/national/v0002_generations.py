"""The centre's national store: fresh numbers, and records that have become one."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "generation",
        sa.Column("locator", sa.LargeBinary(), primary_key=True),
        sa.Column("sector", sa.Text(), primary_key=True),
        sa.Column("generation", WHOLE, nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "merged",
        sa.Column("locator", sa.LargeBinary(), primary_key=True),
        sa.Column("kept", sa.LargeBinary(), nullable=False),
        sa.Column("prefecture", sa.Text(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
