"""A keeper: for what a leaf was spent and among whom, where orders serve, and budgets."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables anew: what one keeper alone had spent says nothing of several."""
    op.drop_table("spent")
    op.create_table(
        "spent",
        sa.Column("leaf", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("step", sa.Text(), primary_key=True),
        sa.Column("among", sa.Text(), primary_key=True),
        sa.Column("what", sa.LargeBinary(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "used",
        sa.Column("digest", sa.LargeBinary(), primary_key=True),
        sa.Column("what", sa.Text(), primary_key=True),
        sa.Column("leaf", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "budget",
        sa.Column("agency", sa.Text(), primary_key=True),
        sa.Column("hour", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("used", WHOLE, nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
