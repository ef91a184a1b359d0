"""How many rows were rejected of a store that has the default or an older setting because of that."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # Of earlier fallbacks it is known only that there was a row.
    op.add_column("fallbacks", sa.Column("rejected_rows", sa.Integer(), nullable=False, server_default="1"))
