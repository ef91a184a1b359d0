"""Installations for tests, each in a folder of its own: empty ones, and copies of one that holds the scene.

Importing the scene takes 0.1 to 0.2 CPU-seconds, copying it 0.01. So each worker imports it once on each kind of
database.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from storewatch.installation import Installation, open_installation
from support.databases import Postgres
from support.scene import import_scene, settings_in

OpenInstallation = Callable[[Path], AbstractContextManager[Installation]]


@contextmanager
def _opened_copy(home: Path, folder: Path) -> Iterator[Installation]:
    shutil.copytree(home, folder / "home", dirs_exist_ok=True)
    with open_installation(settings_in(folder)) as installation:
        yield installation


@pytest.fixture(scope="session")
def open_empty(migrated_sqlite: Path) -> OpenInstallation:
    """Open a new installation in a folder: on SQLite, with empty tables."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Installation]:
        (folder / "home").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(migrated_sqlite, folder / "home" / "catalog.sqlite3")
        with open_installation(settings_in(folder)) as installation:
            yield installation

    return opened


@pytest.fixture(scope="session")
def scene_home(tmp_path_factory: pytest.TempPathFactory, open_empty: OpenInstallation) -> Path:
    """The home of an installation on SQLite that holds the scene, to be copied."""
    folder = tmp_path_factory.mktemp("scene")
    with open_empty(folder) as installation:
        import_scene(installation, folder / "files")
        return installation.settings.home


@pytest.fixture(scope="session")
def open_scene(scene_home: Path) -> OpenInstallation:
    """Open a new installation in a folder: on SQLite, with the scene."""

    def opened(folder: Path) -> AbstractContextManager[Installation]:
        return _opened_copy(scene_home, folder)

    return opened


@dataclass(frozen=True, kw_only=True)
class PostgresScene:
    """An installation on PostgreSQL that holds the scene, to be copied: its home and the name of its database."""

    home: Path
    database: str


@pytest.fixture(scope="session")
def postgres_scene(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, migrated_postgres: str
) -> PostgresScene:
    """An installation on PostgreSQL that holds the scene, to be copied."""
    folder = tmp_path_factory.mktemp("postgres-scene")
    url = postgres.create_template("scene", template=migrated_postgres)
    with open_installation(settings_in(folder, url)) as installation:
        import_scene(installation, folder / "files")
        return PostgresScene(home=installation.settings.home, database="scene")


@pytest.fixture
def installation(tmp_path: Path, open_empty: OpenInstallation) -> Iterator[Installation]:
    """An installation without data, on SQLite."""
    with open_empty(tmp_path) as installation:
        yield installation


@pytest.fixture
def scene(tmp_path: Path, open_scene: OpenInstallation) -> Iterator[Installation]:
    """An installation that holds the scene, on SQLite."""
    with open_scene(tmp_path) as installation:
        yield installation


@pytest.fixture
def _scene_on_postgres(tmp_path: Path, postgres: Postgres, postgres_scene: PostgresScene) -> Iterator[Installation]:
    with postgres.database(postgres_scene.database) as url:
        shutil.copytree(postgres_scene.home, tmp_path / "home")
        with open_installation(settings_in(tmp_path, url)) as installation:
            yield installation


@pytest.fixture(params=["sqlite", "postgresql"])
def scene_on_each_database(request: pytest.FixtureRequest) -> Installation:
    """An installation that holds the scene; a test that takes it runs once on each kind of database."""
    installation: Installation = request.getfixturevalue("scene" if request.param == "sqlite" else "_scene_on_postgres")
    return installation
