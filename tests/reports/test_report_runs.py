import hashlib
from datetime import UTC, datetime

import pytest
from scene import REPORT

from storewatch.app import App
from storewatch.catalog import ReportState
from storewatch.errors import FailedReportError, MissingReportFileError, UnknownReportError
from storewatch.reports.request import ReportRequest

NOW = datetime(2023, 1, 24, tzinfo=UTC)


def run(app: App) -> str:
    report_id = app.reports.request(ReportRequest(), NOW)
    assert app.reports.run(report_id, app.lake.snapshot(), lambda: NOW)
    return report_id


def test_run_stores_a_whole_file_with_its_hash(app: App) -> None:
    report = app.reports.find(run(app))
    file = app.reports.finished_file(report)
    assert file is not None
    assert (file.read_text(), report.state, report.rows) == (REPORT, ReportState.COMPLETE, 3)
    assert report.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert [entry.name for entry in app.reports.folder.iterdir()] == [report.file]


def test_run_with_the_same_data_takes_the_finished_file(app: App) -> None:
    first = app.reports.find(run(app))
    file = app.reports.finished_file(first)
    assert file is not None
    before = file.stat()
    second = app.reports.find(run(app))
    assert (second.file, second.sha256, file.stat().st_ino) == (first.file, first.sha256, before.st_ino)


def test_run_whose_equal_lost_its_file_writes_it_again(app: App) -> None:
    file = app.reports.finished_file(app.reports.find(run(app)))
    assert file is not None
    file.unlink()
    assert app.reports.finished_file(app.reports.find(run(app))) == file


def test_run_whose_equal_has_a_damaged_file_writes_it_again(app: App) -> None:
    file = app.reports.finished_file(app.reports.find(run(app)))
    assert file is not None
    file.write_text("store_id,upt")
    run(app)
    assert file.read_text() == REPORT


@pytest.mark.parametrize("report_id", ["nope", "\0", "x" * 5_000, "../catalog.sqlite3"])
def test_report_with_an_impossible_id_is_unknown(app: App, report_id: str) -> None:
    with pytest.raises(UnknownReportError, match=r"^.{1,120}$"):
        app.reports.find(report_id)


def test_second_run_of_a_report_loses_normally(app: App) -> None:
    report_id = run(app)
    assert not app.reports.run(report_id, app.lake.snapshot(), lambda: NOW)


def test_report_that_does_not_exist_is_unknown(app: App) -> None:
    with pytest.raises(UnknownReportError, match="no report with the id 'nope'"):
        app.reports.find("nope")


def test_report_that_failed_gives_its_reason(app: App) -> None:
    report_id = app.reports.request(ReportRequest(), NOW)
    app.catalog.fail_report(report_id, "the lake is gone", NOW)
    with pytest.raises(FailedReportError, match="the lake is gone"):
        app.reports.finished_file(app.reports.find(report_id))


def test_report_whose_file_was_removed_says_so(app: App) -> None:
    report = app.reports.find(run(app))
    file = app.reports.finished_file(report)
    assert file is not None
    file.unlink()
    with pytest.raises(MissingReportFileError, match="is not in this service's home"):
        app.reports.finished_file(report)
