"""Run by Alembic: migrate on the connection, and inside the transaction, that `catalog.db.database` passes."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
