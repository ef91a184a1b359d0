from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storewatch.catalog import Catalog, Definition, Schedule
from storewatch.domain.enums import JobKind, ReportFormat
from storewatch.domain.errors import InvalidInputError, UnknownDefinitionError
from storewatch.jobs.handler import StoredData
from storewatch.jobs.schedules import fire_due, latest_due, new_schedule, next_run
from storewatch.lake import Lake
from storewatch.reports.request.request import ReportRequest


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def stored(catalog: Catalog, tmp_path: Path) -> StoredData:
    return StoredData(catalog=catalog, lake=Lake(str(tmp_path / "lake")))


def schedule(cron: str, timezone: str = "UTC", at: str = "2024-01-01 00:00", **more: Any) -> Schedule:
    asked = {"kind": JobKind.OPTIMIZE, "parameters": {}} | more
    return new_schedule(name="s", cron=cron, timezone=timezone, created_by=None, now=utc(at), **asked)


@pytest.mark.parametrize(
    ("cron", "timezone", "after", "due"),
    [
        ("17 3 * * *", "UTC", "2024-01-01 03:17", "2024-01-02 03:17"),
        ("17 3 * * *", "America/Chicago", "2024-01-01 00:00", "2024-01-01 09:17"),
        ("0 6 * * mon", "Europe/Berlin", "2024-01-01 12:00", "2024-01-08 05:00"),
        ("*/15 * * * *", "UTC", "2024-01-01 00:01", "2024-01-01 00:15"),
        ("0 0 29 2 *", "UTC", "2024-03-01 00:00", "2028-02-29 00:00"),
        # New York skips 02:00-03:00 on 2024-03-10 (due at the jump) and reads 01:00-02:00 twice on 2024-11-03.
        ("30 2 * * *", "America/New_York", "2024-03-10 00:00", "2024-03-10 07:00"),
        ("30 1 * * *", "America/New_York", "2024-11-03 00:00", "2024-11-03 05:30"),
        ("30 1 * * *", "America/New_York", "2024-11-03 05:30", "2024-11-04 06:30"),
        ("30 1 * * *", "America/New_York", "2024-11-03 06:10", "2024-11-04 06:30"),
    ],
)
def test_next_run_is_on_the_wall_clock_of_the_zone(cron: str, timezone: str, after: str, due: str) -> None:
    assert next_run(cron, timezone, utc(after)) == utc(due)


def test_missed_runs_are_due_once_as_the_latest() -> None:
    daily = schedule("17 3 * * *")
    assert latest_due(daily, utc("2024-01-01 03:16")) is None
    assert latest_due(daily, utc("2024-01-01 03:17")) == utc("2024-01-01 03:17")
    assert latest_due(daily, utc("2024-01-05 12:00")) == utc("2024-01-05 03:17")


@pytest.mark.parametrize("hour", ["05:30", "05:59", "06:29", "06:30", "12:00"])
def test_run_in_a_repeated_hour_is_due_once(hour: str) -> None:
    first = utc("2024-11-03 05:30")
    nightly = schedule("30 1 * * *", "America/New_York", "2024-11-02 12:00")
    assert latest_due(nightly, utc(f"2024-11-03 {hour}")) == first
    assert latest_due(Schedule(**{**vars(nightly), "last_run_at": first}), utc(f"2024-11-03 {hour}")) is None


def test_schedule_fires_once_and_only_when_due(catalog: Catalog) -> None:
    catalog.schedules.delete("optimize")
    catalog.schedules.create(schedule("0 * * * *"))
    fired = [fire_due(catalog, utc(f"2024-01-01 {time}")) for time in ("00:59", "01:00", "01:00", "01:30", "04:10")]
    assert fired == [0, 1, 0, 0, 1]
    found = catalog.schedules.find("s")
    assert found is not None
    assert found.last_run_at == utc("2024-01-01 04:00")
    assert [job.kind for job in catalog.jobs.list_()] == [JobKind.OPTIMIZE] * 2


def definition(**parameters: Any) -> Definition:
    return Definition(name="monday", parameters=parameters, created_at=utc("2024-01-01 00:00"))


def test_schedule_creates_the_report_of_its_definition_when_due(catalog: Catalog, stored: StoredData) -> None:
    catalog.schedules.delete("optimize")
    catalog.definitions.replace(definition(policy="observed", format="pdf"))
    asked = {"definition": "monday", "format": "json"}
    made = schedule("0 * * * *", kind=JobKind.REPORT, parameters=asked, stored=stored)
    assert made.parameters == asked
    catalog.schedules.create(made)
    catalog.definitions.replace(definition(windows=["last_week"], format="pdf"))
    assert fire_due(catalog, utc("2024-01-01 01:00")) == 1
    wanted = ReportRequest(windows=("last_week",), format=ReportFormat.JSON)
    assert [job.parameters for job in catalog.jobs.list_()] == [wanted.parameters()]


@pytest.mark.parametrize("now_it_says", [None, {"by": "day", "format": "json"}])
def test_definition_that_cannot_be_used_any_more_is_left_for_the_job_to_tell(
    catalog: Catalog, stored: StoredData, now_it_says: dict[str, Any] | None
) -> None:
    catalog.schedules.delete("optimize")
    catalog.definitions.replace(definition())
    asked = {"definition": "monday", "format": "csv"}
    catalog.schedules.create(schedule("0 * * * *", kind=JobKind.REPORT, parameters=asked, stored=stored))
    catalog.definitions.delete("monday")
    if now_it_says is not None:
        catalog.definitions.replace(definition(**now_it_says))
    assert fire_due(catalog, utc("2024-01-01 01:00")) == 1
    assert [job.parameters for job in catalog.jobs.list_()] == [asked]


def test_schedule_of_an_unknown_definition_is_refused(stored: StoredData) -> None:
    with pytest.raises(UnknownDefinitionError, match="no report saved as 'monday'"):
        schedule("0 6 * * 1", kind=JobKind.REPORT, parameters={"definition": "monday"}, stored=stored)


def test_two_processes_fire_each_run_exactly_once(catalog: Catalog, database_url: str) -> None:
    catalog.schedules.delete("optimize")
    catalog.schedules.create(schedule("* * * * *"))
    other = Catalog.open(database_url)
    for minute in range(1, 6):
        now = utc("2024-01-01 00:00") + timedelta(minutes=minute)
        assert sorted([fire_due(catalog, now), fire_due(other, now)]) == [0, 1]
    other.close()
    assert len(catalog.jobs.list_()) == 5


def test_report_schedule_keeps_what_a_report_is_asked_for() -> None:
    made = schedule("0 6 * * 1", kind=JobKind.REPORT, parameters={"policy": "observed", "labels": {"brand": "acme"}})
    assert made.parameters == {
        "as_of": None,
        "policy": "observed",
        "max_gap_us": 3 * 3600 * 10**6,
        "format": "csv",
        "store_ids": None,
        "labels": {"brand": "acme"},
    }


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"cron": "soon"}, "is not a cron expression"),
        ({"cron": "* * * * * *"}, "is not a cron expression"),
        ({"cron": "@daily"}, "is not a cron expression"),
        ({"cron": "R R * * *"}, "is not a cron expression"),
        ({"cron": "99 * * * *"}, "is not a cron expression"),
        ({"cron": "0 0 31 2 *"}, "a day that never comes"),
        ({"cron": "0 " * 300}, "is not a cron expression"),
        ({"timezone": "Mars/Olympus"}, "is not a time zone"),
        ({"timezone": "../../etc/passwd"}, "is not a time zone"),
        ({"kind": JobKind.IMPORT}, "An import cannot be scheduled"),
        ({"parameters": {"x": 1}}, "optimize takes no parameters"),
        ({"kind": JobKind.RETENTION}, "needs at least one number of days"),
        ({"kind": JobKind.RETENTION, "parameters": {"reports_days": 0}}, "whole days, from 1"),
        ({"kind": JobKind.RETENTION, "parameters": {"reports_days": "9"}}, "whole days, from 1"),
        ({"kind": JobKind.RETENTION, "parameters": {"reports_days": True}}, "whole days, from 1"),
        ({"kind": JobKind.RETENTION, "parameters": {"weeks": 9}}, "has no parameter weeks"),
        ({"kind": JobKind.REPORT, "parameters": {"policy": "guess"}}, "'guess' is not a value of policy"),
        ({"kind": JobKind.REPORT, "parameters": {"format": "doc"}}, "'doc' is not a value of format"),
        ({"kind": JobKind.REPORT, "parameters": {"format": ["csv"]}}, "is not a value of format"),
        ({"kind": JobKind.REPORT, "parameters": {"store_ids": []}}, "list with at least one"),
        ({"kind": JobKind.REPORT, "parameters": {"labels": {"a": 1}}}, "must be a text"),
        ({"kind": JobKind.REPORT, "parameters": {"when": "now"}}, "does not take when"),
    ],
)
def test_schedule_that_can_never_be_run_is_refused(asked: dict[str, Any], sentence: str) -> None:
    wanted = {"cron": "0 6 * * *", "timezone": "UTC"} | asked
    with pytest.raises(InvalidInputError, match=sentence):
        schedule(**wanted)


def test_zone_comes_from_the_pinned_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONTZPATH", str(tmp_path))
    assert next_run("0 0 * * *", "Asia/Kathmandu", utc("2024-01-01 00:00")) == utc("2024-01-01 18:15")
