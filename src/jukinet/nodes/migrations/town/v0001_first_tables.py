"""A town: the first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "entry",
        sa.Column("number", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("person", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("event_date", sa.Text(), nullable=False),
        sa.Column("notice_date", sa.Text(), nullable=False),
        sa.Column("recorded_on", sa.Text(), nullable=False),
        sa.Column("filed_as", sa.Text(), nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("entry_by_filed_as", "entry", ["filed_as"])
    op.create_index("entry_by_person", "entry", ["person"])
    op.create_table(
        "filing",
        sa.Column("number", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recorded_on", sa.Text(), nullable=False),
        sa.Column("late", WHOLE, nullable=False),
        sa.Column("cancelled_by", sa.Text(), nullable=False),
        sa.Column("persons", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "household",
        sa.Column("number", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("head", WHOLE),
        sa.Column("members", WHOLE, nullable=False),
        sa.Column("head_due", sa.Text(), nullable=False),
        sa.Column("last_event", sa.Text(), nullable=False),
        sa.Column("former", sa.LargeBinary(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("household_by_head_due", "household", ["head_due"])
    op.create_table(
        "record",
        sa.Column("person", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("live", WHOLE, nullable=False),
        sa.Column("household", WHOLE, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("locator", sa.LargeBinary(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("kana_key", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Text(), nullable=False),
        sa.Column("planned_on", sa.Text(), nullable=False),
        sa.Column("measures_until", sa.Text(), nullable=False),
        sa.Column("last_event", sa.Text(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("record_by_code", "record", ["code"])
    op.create_index("record_by_household", "record", ["household"])
    op.create_index("record_by_kana_key_birth_date", "record", ["kana_key", "birth_date"])
    op.create_index("record_by_locator", "record", ["locator"])
    op.create_index("record_by_name_key", "record", ["name_key"])
    op.create_index("record_by_planned_on", "record", ["planned_on"])
    op.create_table(
        "code",
        sa.Column("code", sa.Text(), primary_key=True),
        sa.Column("individual_number", sa.Text(), nullable=False),
        sa.Column("ordinal", WHOLE, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("person", WHOLE, nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("code_by_state_ordinal", "code", ["state", "ordinal"])
    op.create_table(
        "certificate",
        sa.Column("code", sa.Text(), primary_key=True),
        sa.Column("locator", sa.LargeBinary(), nullable=False),
        sa.Column("town", sa.Text(), nullable=False),
        sa.Column("planned_on", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("certificate_by_locator", "certificate", ["locator"])
    op.create_index("certificate_by_state_planned_on", "certificate", ["state", "planned_on"])
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
        "inbox_stream",
        sa.Column("stream", sa.Text(), primary_key=True),
        sa.Column("last", WHOLE, nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("heard_at", sa.Text(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "told",
        sa.Column("person", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("locator", sa.LargeBinary(), nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("chk", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
