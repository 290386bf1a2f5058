"""An agency: tickets of answers without a handle, and people found by their handles."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table anew, and the index."""
    op.drop_table("given")
    op.create_table(
        "given",
        sa.Column("leaf", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("sector", sa.Text(), primary_key=True),
        sa.Column("number", sa.Text(), primary_key=True),
        sa.Column("ticket", sa.LargeBinary(), primary_key=True),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("subject_by_handle", "subject", ["handle"])
