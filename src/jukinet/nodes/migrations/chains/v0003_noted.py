"""What the log says that its writer must remember, and objections that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "noted",
        sa.Column("leaf", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("noted_by_kind_leaf", "noted", ["kind", "leaf"])
    op.create_table(
        "waiting",
        sa.Column("leaf", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("entry_key", sa.LargeBinary(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
