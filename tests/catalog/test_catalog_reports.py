from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from storewatch.catalog import Catalog, Report, ReportState

NOW = datetime(2023, 1, 25, 18, 13, 22, 479_220, tzinfo=UTC)
LATER = NOW + timedelta(seconds=2)
PARAMETERS = {"policy": "fill", "as_of": None, "max_gap_us": 604_800_000_000, "stores": ["é", "b"]}
RESULT: dict[str, Any] = {
    "fingerprint": "f1",
    "lake_version": 3,
    "catalog_version": 2,
    "file": "f1.parquet",
    "sha256": "00ff",
    "rows": 14_092,
}


def test_report_is_running_when_created(catalog: Catalog) -> None:
    catalog.create_report("r1", PARAMETERS, NOW)
    expected = Report(report_id="r1", parameters=PARAMETERS, state=ReportState.RUNNING, created_at=NOW)
    assert catalog.find_report("r1") == expected
    assert catalog.running_reports() == [expected]


def test_report_that_does_not_exist(catalog: Catalog) -> None:
    assert catalog.find_report("r1") is None
    assert catalog.finished_report("f1") is None
    assert catalog.running_reports() == []
    assert not catalog.complete_report("r1", **RESULT, now=LATER)
    assert not catalog.fail_report("r1", "no", LATER)


def test_report_completes_once(catalog: Catalog) -> None:
    catalog.create_report("r1", PARAMETERS, NOW)
    assert catalog.complete_report("r1", **RESULT, now=LATER)
    assert not catalog.complete_report("r1", **RESULT | {"file": "other"}, now=LATER)
    assert not catalog.fail_report("r1", "too late", LATER)
    assert catalog.find_report("r1") == Report(
        report_id="r1",
        parameters=PARAMETERS,
        state=ReportState.COMPLETE,
        created_at=NOW,
        finished_at=LATER,
        **RESULT,
    )
    assert catalog.running_reports() == []


def test_report_fails_once(catalog: Catalog) -> None:
    catalog.create_report("r1", PARAMETERS, NOW)
    assert catalog.fail_report("r1", "The disk is full.", LATER)
    assert not catalog.fail_report("r1", "again", LATER)
    assert not catalog.complete_report("r1", **RESULT, now=LATER)
    assert catalog.find_report("r1") == Report(
        report_id="r1",
        parameters=PARAMETERS,
        state=ReportState.FAILED,
        created_at=NOW,
        finished_at=LATER,
        error="The disk is full.",
    )


def test_report_completed_by_many_threads_is_won_by_one(catalog: Catalog) -> None:
    catalog.create_report("r1", PARAMETERS, NOW)
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda _: catalog.complete_report("r1", **RESULT, now=LATER), range(8)))
    assert sorted(won) == [False] * 7 + [True]


def test_running_reports_are_listed_oldest_first(catalog: Catalog) -> None:
    for report_id, minutes in (("r2", 5), ("r3", 1), ("r1", 3), ("done", 0)):
        catalog.create_report(report_id, {}, NOW + timedelta(minutes=minutes))
    catalog.fail_report("done", "no", LATER)
    assert [report.report_id for report in catalog.running_reports()] == ["r3", "r1", "r2"]


def test_finished_report_is_the_newest_complete_one(catalog: Catalog) -> None:
    for report_id, seconds in (("r1", 1), ("r2", 3), ("r3", 2)):
        catalog.create_report(report_id, {}, NOW)
        catalog.complete_report(report_id, **RESULT, now=NOW + timedelta(seconds=seconds))
    catalog.create_report("other", {}, NOW)
    catalog.complete_report("other", **RESULT | {"fingerprint": "f2"}, now=LATER)
    catalog.create_report("running", {}, NOW)
    assert catalog.finished_report("f1") == catalog.find_report("r2")
    assert catalog.finished_report("f2") == catalog.find_report("other")


def test_reports_are_there_for_another_process(catalog: Catalog, database_url: str) -> None:
    catalog.create_report("r1", PARAMETERS, NOW)
    other = Catalog.open(database_url)
    assert other.running_reports() == catalog.running_reports()
    other.close()
