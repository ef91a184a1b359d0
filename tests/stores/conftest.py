from collections.abc import Iterator
from pathlib import Path

import pytest
from scene import import_scene, settings_in

from storewatch.installation import Installation, open_installation


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[Installation]:
    """An installation that holds the scene, on each kind of database."""
    with open_installation(settings_in(tmp_path, database_url)) as app:
        import_scene(app, tmp_path / "files")
        yield app
