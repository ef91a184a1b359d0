import pytest

from storewatch.installation import Installation


@pytest.fixture
def app(scene_on_each_database: Installation) -> Installation:
    """An installation that holds the scene, on each kind of database."""
    return scene_on_each_database
