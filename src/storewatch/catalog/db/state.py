"""The one row of catalog_state: the write lock on stores, and the version of the inputs of reports."""

from sqlalchemy import Connection, select, update

from storewatch.catalog.db.schema import catalog_state


def lock_stores(connection: Connection) -> None:
    """Take the write lock on stores until commit. What is read after this is still true at the commit."""
    connection.execute(select(catalog_state.c.id).with_for_update())


def move_version(connection: Connection) -> None:
    """Increase the version: inputs of reports have changed."""
    connection.execute(update(catalog_state).values(version=catalog_state.c.version + 1))


def read_version(connection: Connection) -> int:
    """Return the number of commits that changed inputs of reports other than polls."""
    version: int = connection.execute(select(catalog_state.c.version)).scalar_one()
    return version
