"""The simulated files: the same for the same seed, and alike to the real ones."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from support.importing import import_file

from storewatch.catalog import Catalog
from storewatch.domain.errors import InvalidInputError
from storewatch.ingest import find_files, simulate
from storewatch.ingest.simulate import END
from storewatch.lake import Lake

NAMES = ["menu_hours.csv", "store_status.csv", "timezones.csv"]


def _contents(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in NAMES]


def test_simulate_gives_the_same_bytes_for_the_same_seed(tmp_path: Path) -> None:
    for folder, seed in [("a", 1), ("b", 1), ("c", 2)]:
        simulate(tmp_path / folder, stores=40, days=2, seed=seed)
    assert _contents(tmp_path / "a") == _contents(tmp_path / "b")
    assert all(one != other for one, other in zip(_contents(tmp_path / "a"), _contents(tmp_path / "c"), strict=True))


def test_simulate_is_imported_without_rejects(tmp_path: Path, sqlite_catalog: Catalog, lake: Lake) -> None:
    simulated = simulate(tmp_path / "data", stores=300, days=8, seed=3)
    now = datetime.now(UTC)
    results = [
        import_file(path, catalog=sqlite_catalog, lake=lake, now=now, strict=True)
        for path in find_files([tmp_path / "data"]).files
    ]
    assert [result.accepted for result in results] == [simulated.hours, simulated.polls, simulated.zones]
    snapshot = lake.snapshot()
    assert snapshot.newest_us() == round((END - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6)
    assert snapshot.rows == simulated.polls
    assert sqlite_catalog.stores.read_all().frame.height <= 300


def test_simulate_looks_like_the_real_data(tmp_path: Path) -> None:
    # More stores than are drawn at once.
    simulated = simulate(tmp_path, stores=6_000, days=8, seed=5)
    polls = pl.read_csv(simulated.polls_file, infer_schema=False)
    per_store = polls.group_by("store_id").agg(pl.len(), active=(pl.col("status") == "active").mean())
    assert (polls.height, polls.columns) == (simulated.polls, ["store_id", "status", "timestamp_utc"])
    assert per_store["len"].mean() == pytest.approx(0.7 * 192, rel=0.01)
    assert (polls["status"] == "active").mean() == pytest.approx(0.93, abs=0.04)
    assert 5_800 < per_store.height < 5_950  # some were never polled
    assert 50 < (per_store["active"] == 0).sum() < 150  # and some were never online
    assert polls["store_id"].str.len_chars().min() > 10  # type: ignore[operator]
    zones = pl.read_csv(simulated.zones_file, infer_schema=False)
    assert zones.columns == ["store_id", "timezone_str"]
    assert zones["store_id"].n_unique() == zones.height == simulated.zones < 5_900
    assert 0.4 < (zones["timezone_str"] == "America/New_York").mean() < 0.55  # type: ignore[operator]
    hours = pl.read_csv(simulated.hours_file, infer_schema=False)
    assert hours.columns == ["store_id", "day", "start_time_local", "end_time_local"]
    assert hours.height == simulated.hours
    assert hours["store_id"].n_unique() == pytest.approx(5_100, abs=150)  # the others are open 24x7 without rows
    assert {"23:59:00", "00:00:00", "02:00:00", "22:30:00"} <= set(hours["end_time_local"])


def test_simulate_ends_when_it_is_told(tmp_path: Path) -> None:
    end = datetime(2026, 3, 8, 7, 30, tzinfo=UTC)
    seen: list[tuple[int, int]] = []
    simulated = simulate(
        tmp_path, stores=1, days=0.5, seed=-1, end=end, progress=lambda done, total: seen.append((done, total))
    )
    assert (
        pl.read_csv(simulated.polls_file, infer_schema=False)["timestamp_utc"].max() == "2026-03-08 07:30:00.000000 UTC"
    )
    assert seen == [(1, 1)]


@pytest.mark.parametrize(
    ("stores", "days"), [(0, 1), (10**20, 1), (1, 0), (1, -1), (1, 0.01), (1, 1e9), (1, float("nan"))]
)
def test_simulate_refuses_nothing(stores: int, days: float, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="There must be between one and 10,000,000 stores"):
        simulate(tmp_path / "out", stores=stores, days=days, seed=1)
    assert not (tmp_path / "out").exists()
