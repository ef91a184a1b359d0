"""The one row that every change of what reports are made of passes: its lock, and the version that it moves."""

from sqlalchemy import Connection, select, update

from storewatch.catalog.db.schema import catalog_state


def lock_stores(connection: Connection) -> None:
    """Wait for other changes of stores, so that what is read after this is still true at the commit."""
    connection.execute(select(catalog_state.c.id).with_for_update())


def move_version(connection: Connection) -> None:
    connection.execute(update(catalog_state).values(version=catalog_state.c.version + 1))


def read_version(connection: Connection) -> int:
    version: int = connection.execute(select(catalog_state.c.version)).scalar_one()
    return version
