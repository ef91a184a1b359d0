from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from storewatch.catalog import ImportRecord
from storewatch.domain.columns import FILE_REJECTS
from storewatch.domain.enums import JobKind
from storewatch.domain.errors import InvalidInputError
from storewatch.installation import Installation
from storewatch.jobs.kinds.retention import RetentionLimits, RetentionResult, apply_retention, preview_retention
from storewatch.reports.request.request import ReportRequest

NOW = datetime(2023, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def app(scene_on_each_database: Installation) -> Installation:
    return scene_on_each_database


def finish_report(app: Installation, job_id: str, at: datetime) -> None:
    app.catalog.jobs.create(job_id, JobKind.REPORT, ReportRequest().parameters(), at)
    job = app.catalog.jobs.claim("w", [JobKind.REPORT], at)
    assert job is not None
    done = app.reports.run(job, app.lake.snapshot())
    app.catalog.jobs.complete(job, done.result(), at, fingerprint=done.fingerprint)


def preview(app: Installation, limits: RetentionLimits, now: datetime = NOW) -> RetentionResult:
    return preview_retention(limits, catalog=app.catalog, lake=app.lake, now=now)


def apply(app: Installation, limits: RetentionLimits, now: datetime = NOW) -> RetentionResult:
    return apply_retention(limits, catalog=app.catalog, lake=app.lake, reports=app.reports, now=now, check=lambda: None)


def test_nothing_is_forgotten_by_default(app: Installation) -> None:
    finish_report(app, "r1", NOW - timedelta(days=9_000))
    assert (preview(app, RetentionLimits()), apply(app, RetentionLimits())) == (RetentionResult(), RetentionResult())
    assert app.lake.snapshot().rows == 6


def test_old_observations_go_by_whole_days(app: Installation) -> None:
    # The polls are of 2023-01-23, 37 days before 2023-03-01.
    assert preview(app, RetentionLimits(observations_days=37)) == RetentionResult()
    assert preview(app, RetentionLimits(observations_days=36)) == RetentionResult(observations=6)
    assert app.lake.snapshot().rows == 6
    assert apply(app, RetentionLimits(observations_days=36)) == RetentionResult(observations=6)
    assert apply(app, RetentionLimits(observations_days=36)) == RetentionResult()
    assert (app.lake.snapshot().rows, app.catalog.stores.read_all().frame.height) == (0, 3)


def test_old_reports_go_with_their_files(app: Installation) -> None:
    finish_report(app, "old", NOW - timedelta(days=10, seconds=1))
    finish_report(app, "new", NOW - timedelta(days=10))
    app.catalog.jobs.create("waiting", JobKind.REPORT, {}, NOW - timedelta(days=99))
    limits = RetentionLimits(reports_days=10)
    assert preview(app, limits) == apply(app, limits) == RetentionResult(reports=1)
    assert {job.job_id for job in app.catalog.jobs.list_()} == {"new", "waiting"}
    assert [file.name for file in app.reports.folder.iterdir()] == ["new.1.csv"]


def test_old_versions_of_the_lake_are_counted_and_kept_while_young(app: Installation) -> None:
    app.lake.optimize(now=datetime.now(UTC))
    assert preview(app, RetentionLimits(lake_versions_days=1), datetime.now(UTC)) == RetentionResult()
    assert apply(app, RetentionLimits(lake_versions_days=1), datetime.now(UTC)) == RetentionResult()


def test_retention_stops_between_its_parts(app: Installation) -> None:
    for number in range(2):
        finish_report(app, f"r{number}", NOW - timedelta(days=20))

    def stop() -> None:
        if len(app.catalog.jobs.list_()) == 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        apply_retention(
            RetentionLimits(reports_days=10),
            catalog=app.catalog,
            lake=app.lake,
            reports=app.reports,
            now=NOW,
            check=stop,
        )
    assert len(app.catalog.jobs.list_()) == 1


@pytest.mark.parametrize("days", [0, -1, 36_501])
def test_days_out_of_range_are_refused(days: int) -> None:
    with pytest.raises(InvalidInputError, match="from 1 to 36500"):
        RetentionLimits(reports_days=days)


def test_old_rejected_rows_go_and_their_number_stays(app: Installation) -> None:
    record = ImportRecord(file="polls.csv", table_name="polls", rows=2, accepted=0, rejected=2)
    rows = pl.DataFrame({"line": [1, 2], "row": ["a", "b"], "reason": ["x", "y"], "file": ["", ""]}, FILE_REJECTS)
    old = app.catalog.imports.create(record, [rows], now=NOW - timedelta(days=10, seconds=1))
    new = app.catalog.imports.create(record, [rows], now=NOW - timedelta(days=9))
    limits = RetentionLimits(rejects_days=10)
    assert preview(app, limits) == apply(app, limits) == RetentionResult(rejects=2)
    assert apply(app, limits) == RetentionResult()
    assert (app.catalog.imports.read_rejects(old).height, app.catalog.imports.read_rejects(new).height) == (0, 2)
    found = app.catalog.imports.find(old)
    assert found is not None
    assert found.rejected == 2
