"""The history of the schema, run by `catalog.database` when a database is behind it."""
