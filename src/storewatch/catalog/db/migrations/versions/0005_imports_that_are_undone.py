"""Imports that can be undone: their key in the lake, and the states before them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("imports", sa.Column("import_key", sa.BigInteger()))
    op.add_column("imports", sa.Column("undone_at", INSTANT))
    op.create_index("ix_imports_import_key", "imports", ["import_key"])
    op.create_table(
        "import_states",
        sa.Column("import_id", BIG_ID, sa.ForeignKey("imports.import_id"), primary_key=True),
        sa.Column("subject", sa.Text(), primary_key=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
