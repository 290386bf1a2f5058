"""A town: each look at a record."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "look",
        sa.Column("number", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("official", sa.Text(), nullable=False),
        sa.Column("person", WHOLE, nullable=False),
        sa.Column("screen", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("look_by_person", "look", ["person"])
