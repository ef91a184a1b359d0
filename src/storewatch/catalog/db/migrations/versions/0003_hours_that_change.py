"""Versions of weekly hours, special hours, closures, annotations, targets, sales and saved report definitions."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "hours_versions",
        sa.Column("store_id", BYTEWISE, sa.ForeignKey("stores.store_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("valid_from", sa.Date(), primary_key=True),
        sa.Column("weekly_hours_id", BIG_ID, sa.ForeignKey("weekly_hours.weekly_hours_id")),
        sqlite_with_rowid=False,
    )
    _create_entries()
    _create_closures()
    op.create_table(
        "report_definitions",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.Text()),
        sa.Column("created_at", INSTANT, nullable=False),
    )


def _target() -> tuple[sa.Column[str], ...]:
    return (
        sa.Column("store_id", BYTEWISE, sa.ForeignKey("stores.store_id", ondelete="CASCADE")),
        sa.Column("label", BYTEWISE),
        sa.Column("value", BYTEWISE),
    )


def _create_entries() -> None:
    op.create_table(
        "special_hours",
        sa.Column("special_hours_id", BIG_ID, primary_key=True),
        *_target(),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("start_s", sa.Integer()),
        sa.Column("end_s", sa.Integer()),
    )
    op.create_index("special_hours_by_store", "special_hours", ["store_id", "date"])
    op.create_index("special_hours_by_label", "special_hours", ["label", "value", "date"])
    op.create_table(
        "targets",
        sa.Column("target_id", BIG_ID, primary_key=True),
        *_target(),
        sa.Column("objective", sa.Float(), nullable=False),
    )
    op.create_index("targets_by_store", "targets", ["store_id"])
    op.create_index("targets_by_label", "targets", ["label", "value"])
    op.create_table(
        "sales",
        sa.Column("sale_id", BIG_ID, primary_key=True),
        *_target(),
        sa.Column("weekday", sa.Integer()),
        sa.Column("hour", sa.Integer()),
        sa.Column("amount_per_hour", sa.Float(), nullable=False),
    )
    op.create_index("sales_by_store", "sales", ["store_id"])
    op.create_index("sales_by_label", "sales", ["label", "value"])


def _create_closures() -> None:
    op.create_table(
        "closures",
        sa.Column("closure_id", BIG_ID, primary_key=True),
        *_target(),
        sa.Column("start_at", INSTANT, nullable=False),
        sa.Column("end_at", INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text()),
        sa.Column("created_at", INSTANT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("closures_by_store", "closures", ["store_id"])
    op.create_index("closures_by_label", "closures", ["label", "value"])
    op.create_table(
        "annotations",
        sa.Column("annotation_id", BIG_ID, primary_key=True),
        sa.Column("store_id", BYTEWISE, sa.ForeignKey("stores.store_id", ondelete="CASCADE"), nullable=False),
        sa.Column("start_at", INSTANT, nullable=False),
        sa.Column("end_at", INSTANT, nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.Column("reclassify_as", sa.Text()),
        sa.Column("created_by", sa.Text()),
        sa.Column("created_at", INSTANT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("annotations_by_store", "annotations", ["store_id"])
