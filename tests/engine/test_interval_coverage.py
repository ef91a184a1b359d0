"""The 95 % interval holds on simulated stores as often as it says; benchmarks/interval_coverage.py has all fleets."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

STORES = 4_000 if os.environ.get("STOREWATCH_NIGHTLY") else 1_000


def load() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "interval_coverage.py"
    spec = importlib.util.spec_from_file_location("interval_coverage", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


BENCHMARK = load()


@pytest.mark.parametrize(
    ("fleet", "windows"),
    [
        ("all stores alike", ("day", "week", "month")),
        ("stores that differ", ("day", "week")),
        ("stores that differ, three polls of ten missing", ("day", "week")),
    ],
)
def test_interval_covers_the_truth_95_times_of_100(fleet: str, windows: tuple[str, ...]) -> None:
    [kind] = [each for each in BENCHMARK.FLEETS if each.name == fleet]
    found = BENCHMARK.measure(kind, STORES)
    for window in windows:
        assert 0.93 <= found[window].stores <= 0.97, window
        assert found[window].expected == pytest.approx(found[window].true, abs=0.003)


def test_interval_of_outages_of_one_length_is_nearly_right() -> None:
    [kind] = [each for each in BENCHMARK.FLEETS if each.name == "outages of one length"]
    found = BENCHMARK.measure(kind, STORES)
    assert all(0.92 <= found[window].stores <= 0.98 for window in found)
