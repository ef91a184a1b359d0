import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.scene import import_scene, settings_in

from storewatch.catalog import StoreChanges, labels_frame
from storewatch.installation import open_installation


@pytest.fixture(scope="session")
def labelled_scene_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scene")
    with open_installation(settings_in(folder)) as app:
        import_scene(app, folder / "files")
        owners = {"cafe": {"owner": "acme"}, "bar": {"owner": "acme"}, "ghost": {"owner": "other"}}
        app.catalog.stores.replace(StoreChanges(labels=labels_frame(owners)), now=datetime(2023, 1, 24, tzinfo=UTC))
        return app.settings.home


@pytest.fixture
def labelled_home(labelled_scene_home: Path, tmp_path: Path) -> Path:
    """An installation that holds the scene; cafe and bar belong to acme, ghost to another owner."""
    return Path(shutil.copytree(labelled_scene_home, tmp_path / "home"))
