"""The ledger's chains: the nonces of inquiries that were taken of late."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "nonce",
        sa.Column("until", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("agency", sa.Text(), primary_key=True),
        sa.Column("nonce", sa.LargeBinary(), primary_key=True),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
