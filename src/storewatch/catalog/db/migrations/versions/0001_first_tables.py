"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_stores()
    _create_imports()
    _create_reports()


def _create_stores() -> None:
    op.create_table(
        "weekly_hours",
        sa.Column("weekly_hours_id", BIG_ID, primary_key=True),
        sa.Column("digest", sa.Text(), nullable=False, unique=True),
        sa.Column("intervals", sa.Text(), nullable=False),
    )
    op.create_table(
        "stores",
        sa.Column("store_id", BYTEWISE, primary_key=True),
        sa.Column("weekly_hours_id", BIG_ID, sa.ForeignKey("weekly_hours.weekly_hours_id")),
        sa.Column("timezone", sa.Text()),
        sa.Column("registered_at", INSTANT, nullable=False),
        sqlite_with_rowid=False,
    )
    state = op.create_table(
        "catalog_state",
        sa.Column("id", sa.Integer(), sa.CheckConstraint("id = 1", name="catalog_state_one_row"), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("lake_version_known", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(state, [{"id": 1, "version": 0, "lake_version_known": -1}])


def _create_imports() -> None:
    op.create_table(
        "imports",
        sa.Column("import_id", BIG_ID, primary_key=True),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("imported_at", INSTANT, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("lake_version", sa.BigInteger()),
    )
    op.create_table(
        "rejects",
        sa.Column("reject_id", BIG_ID, primary_key=True),
        sa.Column("import_id", BIG_ID, sa.ForeignKey("imports.import_id"), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("row", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_index("rejects_by_import", "rejects", ["import_id", "line"])


def _create_reports() -> None:
    op.create_table(
        "reports",
        sa.Column("report_id", sa.Text(), primary_key=True),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, index=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT),
        sa.Column("fingerprint", sa.Text(), index=True),
        sa.Column("lake_version", sa.BigInteger()),
        sa.Column("catalog_version", sa.BigInteger()),
        sa.Column("file", sa.Text()),
        sa.Column("sha256", sa.Text()),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("error", sa.Text()),
    )
