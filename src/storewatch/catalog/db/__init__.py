"""The database of the catalog: its engine, its tables, its migrations, and rows in and out of it."""
