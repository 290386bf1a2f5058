"""How a pool is drawn from by day; and changes of many codes at once, with who approved them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "pool_day",
        sa.Column("day", sa.Text(), primary_key=True),
        sa.Column("requests", WHOLE, nullable=False),
        sa.Column("requested", WHOLE, nullable=False),
        sa.Column("grants", WHOLE, nullable=False),
        sa.Column("granted", WHOLE, nullable=False),
        sa.Column("drawn", WHOLE, nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "mass_change",
        sa.Column("number", sa.Text(), primary_key=True),
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("planned_on", sa.Text(), nullable=False),
        sa.Column("persons", WHOLE, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("ended_on", sa.Text(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "mass_change_approval",
        sa.Column("number", sa.Text(), primary_key=True),
        sa.Column("official", sa.Text(), primary_key=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("given_at", sa.Text(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "mass_change_person",
        sa.Column("number", sa.Text(), primary_key=True),
        sa.Column("person", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index(
        "mass_change_person_by_number_state_person",
        "mass_change_person",
        ["number", "state", "person"],
    )
