"""How many random worlds a run tries: STOREWATCH_HYPOTHESIS=ci (the default), few or thorough."""

import os

from hypothesis import HealthCheck, settings

_SLOW_ON_PURPOSE = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile(
    "ci", max_examples=50, deadline=None, derandomize=True, suppress_health_check=_SLOW_ON_PURPOSE
)
settings.register_profile("few", settings.get_profile("ci"), max_examples=8)
settings.register_profile(
    "thorough", max_examples=3_000, deadline=None, database=None, suppress_health_check=_SLOW_ON_PURPOSE
)
settings.load_profile(os.environ.get("STOREWATCH_HYPOTHESIS", "ci"))
