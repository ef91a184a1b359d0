"""The history of the schema, run by `catalog.db.database` when a database is behind it."""
