"""The centre's national store: the first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "allotment",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("next", WHOLE, nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "code_in_use",
        sa.Column("tag", sa.LargeBinary(), primary_key=True),
        sa.Column("locator", sa.LargeBinary(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "whereabout",
        sa.Column("locator", sa.LargeBinary(), primary_key=True),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("prefecture", sa.Text(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
