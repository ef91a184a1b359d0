"""Open and migrate the catalog's database, and run transactions on it."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, inspect, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError

from storewatch.catalog.db.schema import HEAD, metadata
from storewatch.domain.error_families import ReadOnlyError, is_storage_full
from storewatch.domain.errors import CatalogUnavailableError, InvalidInputError, StorageFullError

MIGRATION_LOCK: Final = 0x73746F7265  # "store" in ASCII; any number that no other program locks in this database
LOCK_WAIT_SECONDS: Final = 30
CONNECT_WAIT_SECONDS: Final = 10
READ_ONLY: Final = "25006"  # the SQLSTATE of a write in a transaction that may only read


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    """Run one transaction. Raises CatalogUnavailableError when the database is locked, read-only or does not answer."""
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        if not _is_unavailable(error):
            raise
        if is_storage_full(error):
            raise StorageFullError from error
        reason = _hide_password(engine.url, " ".join(str(error.orig).split()))
        raise CatalogUnavailableError(
            f"The database {_display(engine.url)} cannot be used now: {reason}. Check it and try again."
        ) from error


def _is_unavailable(error: DBAPIError) -> bool:
    """Return whether the database does not answer or cannot be used now, rather than that a statement is wrong.

    A standby, or a server that was set to read only, is an internal error for psycopg.
    """
    is_read_only = getattr(error.orig, "sqlstate", None) == READ_ONLY
    return is_read_only or isinstance(error, OperationalError | InterfaceError)


# With PostgreSQL's default, READ COMMITTED, each query could see another state.
READ_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "sqlite": {"sqlite_begin": "BEGIN"},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}


class Database:
    """One open database. `reading()`, `writing()` and `recording()` start a transaction; a use case has one.

    read_only: refuse `writing()`.
    """

    def __init__(self, engine: Engine, *, read_only: bool = False) -> None:
        self._engine = engine
        self._read_only = read_only
        self._readers = engine.execution_options(**READ_OPTIONS[engine.dialect.name])

    @classmethod
    def open(cls, url: str, *, read_only: bool = False) -> Self:
        """Connect to `url` (sqlite:///FILE or postgresql://...) and bring its tables up to date.

        read_only: refuse `writing()` after the tables were brought up to date.
        Raises InvalidInputError when there is no usable database at `url`, CatalogVersionError when a newer storewatch
        wrote it.
        """
        parsed = _parse(url)
        try:
            database = cls(
                _create_sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _create_postgres(parsed)
            )
        except OSError as error:
            raise InvalidInputError(_unusable(parsed, str(error))) from error
        try:
            database._migrate(parsed)
        except (CatalogUnavailableError, DBAPIError) as error:
            database.close()
            cause = error.orig if isinstance(error, DBAPIError) else getattr(error.__cause__, "orig", error)
            raise InvalidInputError(_unusable(parsed, str(cause))) from error
        except BaseException:
            database.close()
            raise
        return cls(database.engine, read_only=True) if read_only else database

    @property
    def engine(self) -> Engine:
        """The engine, for connections outside of transactions."""
        return self._engine

    def close(self) -> None:
        """Close the connections. A connection that a thread still uses is closed when the thread returns it."""
        pool = self._engine.pool
        event.listen(pool, "checkin", _close_returned)
        self._engine.dispose()

    def reading(self) -> AbstractContextManager[Connection]:
        """Start a transaction that sees one state of the database from its first query to its last."""
        return _transaction(self._readers)

    def writing(self) -> AbstractContextManager[Connection]:
        """Start a transaction that is committed at the end of the block, or rolled back by an error in the block.

        Raises ReadOnlyError when the database was opened read-only.
        """
        if self._read_only:
            raise ReadOnlyError("The catalog was opened for reading only.")
        return _transaction(self._engine)

    def recording(self) -> AbstractContextManager[Connection]:
        """Start a transaction like `writing()` that a read-only database allows too.

        For rows that reading writes: entries of the audit log, and stores that are found in the lake.
        """
        return _transaction(self._engine)

    def is_up_to_date(self) -> bool:
        """Return whether the database answers and its tables are those that this code reads and writes."""
        with self.reading() as connection:
            return _revision(connection) == HEAD

    def damage(self) -> list[str]:
        """Read the whole database, and return what is damaged in it, at most 20 findings."""
        with self.reading() as connection:
            if connection.dialect.name == "sqlite":
                found = connection.exec_driver_sql("PRAGMA integrity_check(20)").scalars().all()
                missing = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                rows = [f"row {row[1]} of {row[0]} names a row of {row[2]} that does not exist" for row in missing[:20]]
                return [str(each) for each in found if each != "ok"] + rows
            for table in metadata.sorted_tables:  # PostgreSQL finds damaged pages when it reads them
                for _ in connection.execution_options(yield_per=10_000).execute(select(table)):
                    pass
        return []

    def _migrate(self, url: URL) -> None:
        if self.is_up_to_date():
            return
        with self.writing() as connection:
            if connection.dialect.name == "postgresql":  # on SQLite BEGIN IMMEDIATE has taken the lock already
                connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            if (revision := _revision(connection)) != HEAD:
                # Alembic is imported only here: a database that is up to date, the usual case, does not need it.
                from storewatch.catalog.db.upgrade import upgrade  # noqa: PLC0415

                upgrade(connection, revision, database=_display(url))


class Repository:
    """The objects of one subject in the database; each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database


def _close_returned(connection: Any, _record: object) -> None:
    if connection is not None:
        connection.close()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # their text may hold the password
        raise InvalidInputError(_WANTED_URL) from None
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:") and not parsed.host:
        return parsed
    raise InvalidInputError(_WANTED_URL)


_WANTED_URL: Final = (
    "The database URL cannot be used. Set STOREWATCH_DATABASE_URL to sqlite:///FILE or to "
    "postgresql://USER:PASSWORD@HOST/DATABASE (characters like @ and / of a password written as %40 and %2F)."
)


def _unusable(url: URL, reason: str) -> str:
    reason = _hide_password(url, reason)
    if url.get_backend_name() == "sqlite":
        advice = "Use the path of a storewatch catalog, or of a file that does not exist yet, in a folder you may write"
    else:
        advice = "Check that the server runs, that the database exists and that the user may use it"
    return (
        f"The database {_display(url)} cannot be used: {' '.join(reason.split())}. {advice} (STOREWATCH_DATABASE_URL)."
    )


def _display(url: URL) -> str:
    """Return the URL without user, password and query, which may hold secrets."""
    name = url.get_backend_name()
    return URL.create(name, host=_host(url), port=url.port, database=url.database).render_as_string()


def _host(url: URL) -> str | None:
    """Return the host. After an `@` that was not escaped, the end of the password would be part of it."""
    return url.host.rpartition("@")[2] if url.host else None


def _hide_password(url: URL, reason: str) -> str:
    if url.password:
        reason = reason.replace(str(url.password), "***")
    return reason.replace(url.host, str(_host(url))) if url.host else reason


def _create_sqlite(url: URL) -> Engine:
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    # The automatic BEGIN of sqlite3 comes too late: reads would not be repeatable, and writes could lose their lock.
    engine = create_engine(url, connect_args={"timeout": LOCK_WAIT_SECONDS, "isolation_level": None})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        # When several processes switch a new file to WAL at once, one may get "locked"; then another one switches it.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        # With NORMAL a power cut could lose the last commits, and with them reports that were already accepted.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN IMMEDIATE"))

    return engine


def _create_postgres(url: URL) -> Engine:
    if "connect_timeout" not in url.query:
        url = url.update_query_dict({"connect_timeout": str(CONNECT_WAIT_SECONDS)})
    return create_engine(url, pool_pre_ping=True)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
