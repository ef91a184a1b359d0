"""Fixtures of all tests: databases and installations of tests/support, and the number of random worlds in a run.

The number of random worlds: STOREWATCH_HYPOTHESIS=ci (the default), few or thorough.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support.memory import keep_temporary_files_in_memory

# A module that imports another one stands after it.
pytest_plugins = [
    "support.databases",
    "support.forking",
    "support.installations",
    "support.faults",
]

keep_temporary_files_in_memory()

_SLOW_ON_PURPOSE = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile(
    "ci", max_examples=50, deadline=None, derandomize=True, suppress_health_check=_SLOW_ON_PURPOSE
)
settings.register_profile("few", settings.get_profile("ci"), max_examples=8)
settings.register_profile(
    "thorough", max_examples=3_000, deadline=None, database=None, suppress_health_check=_SLOW_ON_PURPOSE
)
settings.load_profile(os.environ.get("STOREWATCH_HYPOTHESIS", "ci"))


@pytest.fixture
def real_data() -> Path:
    """The public data set's hours and zones with a sample of its polls, where somebody put them beside the project."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the public data set is not beside the project")
    return folder
