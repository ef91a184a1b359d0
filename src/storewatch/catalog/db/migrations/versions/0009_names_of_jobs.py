"""The stores and labels that jobs of a scope name."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "job_names",
        sa.Column("names_id", sa.Text(), primary_key=True),
        sa.Column("store_id", BYTEWISE, primary_key=True),
        sa.Column("label", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.add_column("jobs", sa.Column("names_id", sa.Text()))
    op.create_index("ix_jobs_names_id", "jobs", ["names_id"])
