import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from support.importing import import_file
from support.scene import REPORT, import_scene, settings_in

from storewatch import __version__
from storewatch.domain.columns import OBSERVATIONS
from storewatch.domain.enums import PolicyName, ReportFormat, ReportTable
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.timezones import TZDATA_VERSION
from storewatch.installation import Installation, compute_report, open_installation
from storewatch.reports.archive.runs import write_file
from storewatch.reports.request.request import ReportRequest


def written(app: Installation, request: ReportRequest, file: Path) -> str:
    with compute_report(app, request) as content:
        write_file(content, file)
    return file.read_text()


def ids_in_report(app: Installation) -> list[str]:
    with compute_report(app, ReportRequest()) as content:
        return content.tables[ReportTable.STORES].read()["store_id"].unique(maintain_order=True).to_list()


def test_classic_report_of_the_scene_to_the_letter(app: Installation, tmp_path: Path) -> None:
    assert written(app, ReportRequest(), tmp_path / "report.csv") == REPORT


def test_json_report_carries_exact_figures_and_what_it_takes_to_run_again(app: Installation, tmp_path: Path) -> None:
    request = ReportRequest(policy=PolicyName.OBSERVED, format=ReportFormat.JSON)
    report = json.loads(written(app, request, tmp_path / "report.json"))
    header = report["report"]
    names = ("as_of", "policy", "max_gap_seconds", "tzdata_version", "software_version")
    assert {name: header[name] for name in names} == {
        "as_of": "2023-01-23T18:00:00Z",
        "policy": "observed",
        "max_gap_seconds": 10_800,
        "tzdata_version": TZDATA_VERSION,
        "software_version": __version__,
    }
    assert (header["lake_version"], header["catalog_version"]) == (app.lake.snapshot().version, app.catalog.version())
    assert header["windows"]["last_hour"] == {"from": "2023-01-23T17:00:00Z", "to": "2023-01-23T18:00:00Z"}
    names = ("store_id", "hours_source", "timezone", "timezone_source")
    assert [tuple(row[name] for name in names) for row in report["stores"]] == [
        ("bar", "default", "America/Chicago", "default"),
        ("cafe", "given", "America/New_York", "given"),
        ("ghost", "given", "America/Chicago", "default"),
    ]
    # bar under 3 h: unknown until 09:00, up 09:00-15:00, then down, because the poll of 17:30 reaches back to 14:30.
    assert report["stores"][0]["windows"]["last_day"] == {
        "from": "2023-01-22T18:00:00Z",
        "to": "2023-01-23T18:00:00Z",
        "business_seconds": 86_400.0,
        "up_seconds": 6 * 3600.0,
        "down_seconds": 3 * 3600.0,
        "unknown_seconds": 15 * 3600.0,
        "planned_seconds": 0.0,
        "availability": 6 / 9,
        "coverage": 9 / 24,
        "availability_lowest": 6 / 24,
        "availability_highest": 21 / 24,
    }
    assert report["stores"][2]["windows"]["last_hour"]["availability"] is None


def test_json_totals_are_ratios_of_sums(app: Installation, tmp_path: Path) -> None:
    request = ReportRequest(format=ReportFormat.JSON)
    report = json.loads(written(app, request, tmp_path / "report.json"))
    totals = report["report"]["totals"]["last_day"]
    rows = [row["windows"]["last_day"] for row in report["stores"]]
    for name in ("business_seconds", "up_seconds", "down_seconds", "unknown_seconds"):
        assert totals[name] == sum(row[name] for row in rows)
    assert totals["availability"] == totals["up_seconds"] / (totals["up_seconds"] + totals["down_seconds"])
    # bar was up 23.5 of 24 h, cafe 2.25 of 3 h; ghost was open and never seen.
    assert totals["availability_median"] == pytest.approx((23.5 / 24 + 0.75) / 2)
    assert (totals["share_without_downtime"], totals["stores_without_known_time"]) == (0, 1)


def test_report_as_of_before_the_first_poll_knows_nothing(app: Installation) -> None:
    request = ReportRequest(as_of=datetime(2022, 1, 1, tzinfo=UTC))
    with compute_report(app, request) as content:
        known = content.tables[ReportTable.STORES].read().select("up_us", "down_us").sum().row(0)
    assert known == (0, 0)


def test_report_of_an_empty_installation_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with (
        open_installation(settings_in(tmp_path)) as empty,
        pytest.raises(InvalidInputError, match="Import polls first"),
        compute_report(empty, ReportRequest()),
    ):
        raise AssertionError("nothing was observed")


def test_import_of_the_same_files_again_changes_no_figure(app: Installation, tmp_path: Path) -> None:
    with compute_report(app, ReportRequest()) as before:
        import_scene(app, tmp_path / "again")
        with compute_report(app, ReportRequest()) as after:
            assert_frame_equal(after.tables[ReportTable.STORES].read(), before.tables[ReportTable.STORES].read())
            assert after.versions.catalog == before.versions.catalog


def test_new_store_and_zone_reach_the_next_report(app: Installation, tmp_path: Path) -> None:
    assert ids_in_report(app) == ["bar", "cafe", "ghost"]
    (tmp_path / "zones.csv").write_text("store_id,timezone_str\nbistro,Europe/Paris\n")
    import_file(tmp_path / "zones.csv", catalog=app.catalog, lake=app.lake, now=datetime.now(UTC))
    assert ids_in_report(app) == ["bar", "bistro", "cafe", "ghost"]


def test_polls_that_another_engine_appended_are_in_the_report(app: Installation) -> None:
    seen = datetime(2023, 1, 23, 17, 59, tzinfo=UTC)
    rows = {"store_id": ["stranger"], "observed_at": [seen], "active": [True], "loaded_at": [seen]}
    app.lake.append([pl.DataFrame(rows, OBSERVATIONS)])
    assert "stranger" in ids_in_report(app)
