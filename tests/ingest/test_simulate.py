"""Simulate files: the same bytes for the same seed, and values like those of real files."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from storewatch.catalog import Catalog
from storewatch.domain.enums import ReportTable
from storewatch.domain.errors import InvalidInputError
from storewatch.ingest import ImportOptions, find_files, import_files, simulate
from storewatch.ingest.simulate import CLASSIC_FILES, END
from storewatch.installation import Installation, compute_report
from storewatch.lake import Lake
from storewatch.reports.request.request import read_request


def _contents(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in (*CLASSIC_FILES, "stores.csv", "sales.csv")]


def _read(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(folder / name, infer_schema=False)


def test_simulate_writes_the_same_bytes_for_the_same_seed(tmp_path: Path) -> None:
    for folder, seed in [("a", 1), ("b", 1), ("c", 2)]:
        simulate(tmp_path / folder, stores=40, days=2, seed=seed)
    assert _contents(tmp_path / "a") == _contents(tmp_path / "b")
    assert all(one != other for one, other in zip(_contents(tmp_path / "a"), _contents(tmp_path / "c"), strict=True))


def test_simulate_is_imported_without_rejects(tmp_path: Path, sqlite_catalog: Catalog, lake: Lake) -> None:
    rows = simulate(tmp_path / "data", stores=300, days=8, seed=3)
    now = datetime.now(UTC)
    files = find_files([tmp_path / "data"]).files
    results = import_files(files, catalog=sqlite_catalog, lake=lake, now=now, options=ImportOptions(strict=True)).tables
    # stores.csv also has dates in business: three tables.
    assert sum(result.accepted for result in results) - 6 == sum(rows.values())
    assert [result.rejected for result in results] == [0] * 9
    snapshot = lake.snapshot()
    assert snapshot.newest_us() == round((END - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6)
    assert snapshot.rows == rows["store_status.csv"]
    assert sqlite_catalog.stores.read_all().frame.height <= 300


def test_simulate_looks_like_the_real_data(tmp_path: Path) -> None:
    # More stores than are simulated at a time.
    rows = simulate(tmp_path, stores=6_000, days=8, seed=5, classic=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(CLASSIC_FILES)
    polls = _read(tmp_path, "store_status.csv")
    per_store = polls.group_by("store_id").agg(pl.len(), active=(pl.col("status") == "active").mean())
    assert (polls.height, polls.columns) == (
        rows["store_status.csv"],
        ["store_id", "status", "timestamp_utc"],
    )
    assert per_store["len"].mean() == pytest.approx(0.7 * 192, rel=0.01)
    assert (polls["status"] == "active").mean() == pytest.approx(0.93, abs=0.04)
    assert 5_800 < per_store.height < 5_950  # some were never polled
    assert 50 < (per_store["active"] == 0).sum() < 150  # and some were never online
    assert polls["store_id"].str.len_chars().min() > 10  # type: ignore[operator]
    zones = _read(tmp_path, "timezones.csv")
    assert zones.columns == ["store_id", "timezone_str"]
    assert zones["store_id"].n_unique() == zones.height == rows["timezones.csv"] < 5_900
    assert 0.4 < (zones["timezone_str"] == "America/New_York").mean() < 0.55  # type: ignore[operator]
    hours = _read(tmp_path, "menu_hours.csv")
    assert hours.columns == ["store_id", "day", "start_time_local", "end_time_local"]
    assert hours.height == rows["menu_hours.csv"]
    assert hours["store_id"].n_unique() == pytest.approx(5_100, abs=150)  # the others are open 24x7 without rows
    assert {"23:59:00", "00:00:00", "02:00:00", "22:30:00"} <= set(hours["end_time_local"])


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 400 stores over 40 days."""
    folder = tmp_path_factory.mktemp("fleet")
    simulate(folder, stores=400, days=40, seed=7)
    return folder


def test_fleet_has_names_brands_owners_sales_and_targets(fleet: Path) -> None:
    stores = _read(fleet, "stores.csv")
    assert stores.columns == ["store_id", "name", "brand", "region", "owner", "opened_on", "closed_on"]
    assert stores["name"].n_unique() == stores.height == 400
    assert [stores[label].n_unique() for label in ("brand", "region", "owner")] == [5, 4, 10]
    assert stores["opened_on"].drop_nulls().to_list() == ["2023-01-10"] * 4
    assert stores["closed_on"].drop_nulls().to_list() == ["2023-01-15"] * 4
    assert set(_read(fleet, "targets.csv")["value"]) == set(stores["brand"])
    assert _read(fleet, "sales.csv")["store_id"].to_list() == stores["store_id"].to_list()
    assert _read(fleet, "special_hours.csv").rows() == [
        ("brand", "noodle-yard", "2023-01-16", None, None),
        ("brand", "sunny-diner", "2023-01-21", "10:00:00", "15:00:00"),
    ]


def test_polls_of_a_fleet_show_its_events(fleet: Path) -> None:
    stores = _read(fleet, "stores.csv")
    polls = _read(fleet, "store_status.csv").join(stores, on="store_id")
    at, active = pl.col("timestamp_utc"), pl.col("status") == "active"
    assert polls.filter(at.is_between(pl.lit("2023-01-19 16"), pl.lit("2023-01-19 19"))).is_empty()
    brand = polls.filter(pl.col("brand") == "casa-verde")
    assert brand.filter(at.is_between(pl.lit("2023-01-22 18"), pl.lit("2023-01-22 22")) & active).is_empty()
    assert not brand.filter(at.is_between(pl.lit("2023-01-23 18"), pl.lit("2023-01-23 22")) & active).is_empty()
    closed, opened = (polls.filter(pl.col(name).is_not_null())["timestamp_utc"] for name in ("closed_on", "opened_on"))
    assert str(closed.max()) < "2023-01-15 18:14"
    assert str(opened.min()) > "2023-01-10 18:13"
    assert polls.filter(active)["reason"].drop_nulls().is_empty()
    down = polls.filter(~active)
    assert set(down["reason"].drop_nulls()) == {
        *("out of hours", "paused by restaurant", "paused by platform", "not found", "error")
    }
    assert down["reason"].null_count() > 0
    assert set(polls["source"]) == {"ubereats", "doordash", "grubhub"}


def test_doctor_finds_the_stores_of_a_fleet_that_keep_other_hours(
    fleet: Path, tmp_path: Path, installation: Installation
) -> None:
    catalog, lake, now = installation.catalog, installation.lake, datetime.now(UTC)
    import_files(find_files([fleet]).files, catalog=catalog, lake=lake, now=now, options=ImportOptions())
    request = read_request({"windows": ["last_30_days"], "include": ["doctor", "outages"], "format": "json"})
    with compute_report(installation, request) as content:
        tables = {name: table.read() for name, table in content.tables.items()}
    ids = _read(fleet, "stores.csv")["store_id"].to_list()
    found = {
        (ids.index(store_id) % 100, finding)
        for store_id, finding in tables[ReportTable.DOCTOR]["store_id", "finding"].rows()
    }
    assert found == {(3, "late_open"), (11, "early_close"), (19, "stays_open"), (27, "wrong_zone")}
    mass = tables[ReportTable.MASS_OUTAGES]
    assert set(mass["label", "value"].rows()) == {("brand", "casa-verde")}
    assert set(mass["first_start_at"].dt.date()) == {date(2023, 1, 22)}
    silence = tables[ReportTable.BLIND_SPOTS]
    assert silence["start_at"].dt.date().to_list() == [date(2023, 1, 19)]
    assert tables[ReportTable.BLIND_SPOTS].height == 1


def test_simulate_ends_at_the_chosen_instant(tmp_path: Path) -> None:
    end = datetime(2026, 3, 8, 7, 30, tzinfo=UTC)
    seen: list[tuple[int, int]] = []
    simulate(tmp_path, stores=1, days=0.5, seed=-1, end=end, progress=lambda done, total: seen.append((done, total)))
    assert _read(tmp_path, "store_status.csv")["timestamp_utc"].max() == "2026-03-08 07:30:00.000000 UTC"
    assert seen == [(1, 1)]


@pytest.mark.parametrize(
    ("stores", "days"), [(0, 1), (10**20, 1), (1, 0), (1, -1), (1, 0.01), (1, 1e9), (1, float("nan"))]
)
def test_simulate_of_no_stores_or_days_is_refused(stores: int, days: float, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="There must be between one and 10,000,000 stores"):
        simulate(tmp_path / "out", stores=stores, days=days, seed=1)
    assert not (tmp_path / "out").exists()
