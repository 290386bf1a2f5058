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
        sa.Column("agency", sa.Text(), primary_key=True),
        sa.Column("nonce", sa.LargeBinary(), primary_key=True),
        sa.Column("until", WHOLE, nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("nonce_by_until", "nonce", ["until"])
