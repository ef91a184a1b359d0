"""An import may have several files, a job several imports; notes of imports; defaults because of rejected rows."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("imports", sa.Column("notes", sa.JSON()))
    op.drop_index("ix_imports_job_id", "imports")
    op.create_index("imports_by_job", "imports", ["job_id", "table_name"], unique=True)
    op.add_column("rejects", sa.Column("file", sa.Text()))
    op.drop_index("rejects_by_import", "rejects")
    op.create_index("rejects_by_import", "rejects", ["import_id", "reject_id"])
    op.create_table(
        "fallbacks",
        sa.Column("store_id", BYTEWISE, primary_key=True),
        sa.Column("setting", sa.Text(), primary_key=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sqlite_with_rowid=False,
    )
