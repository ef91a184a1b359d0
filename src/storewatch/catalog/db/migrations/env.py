"""Run by Alembic: migrate over the connection, and inside the transaction, that `catalog.db.database` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
