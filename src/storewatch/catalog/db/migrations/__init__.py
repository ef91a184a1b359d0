"""The migrations of the schema. `catalog.db.database` runs them when a database is older than this code."""
