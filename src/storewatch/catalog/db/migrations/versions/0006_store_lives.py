"""The local dates between which stores are in business."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "store_lives",
        sa.Column("store_id", BYTEWISE, sa.ForeignKey("stores.store_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("opened_on", sa.Date()),
        sa.Column("closed_on", sa.Date()),
        sqlite_with_rowid=False,
    )
