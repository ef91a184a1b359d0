"""The fixtures that all tests of the HTTP service use."""

import pytest

from storewatch.installation import Installation


@pytest.fixture
def app(scene: Installation) -> Installation:
    """The installation that is served: the scene, where a module has none of its own."""
    return scene
