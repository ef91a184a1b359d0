from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from storewatch.catalog import Catalog, Schedule
from storewatch.domain.enums import JobKind, JobState

NOW = datetime(2023, 1, 25, 18, tzinfo=UTC)
WEEKLY = Schedule(
    name="weekly",
    kind=JobKind.REPORT,
    cron="0 6 * * 1",
    timezone="Europe/Berlin",
    parameters={"policy": "fill"},
    enabled=True,
    created_at=NOW,
    created_by="key",
)


def test_new_installation_optimizes_every_night(new_database_url: str) -> None:
    begun = datetime.now(UTC)
    catalog = Catalog.open(new_database_url)
    [nightly] = catalog.schedules.list_()
    catalog.close()
    assert (nightly.name, nightly.kind, nightly.cron, nightly.timezone) == (
        "optimize",
        JobKind.OPTIMIZE,
        "17 3 * * *",
        "UTC",
    )
    assert begun - timedelta(seconds=1) <= nightly.created_at <= datetime.now(UTC) + timedelta(seconds=1)


def test_schedule_is_created_once_found_and_deleted(catalog: Catalog) -> None:
    assert catalog.schedules.create(WEEKLY)
    assert not catalog.schedules.create(replace(WEEKLY, cron="* * * * *"))
    assert catalog.schedules.find("weekly") == WEEKLY
    assert [schedule.name for schedule in catalog.schedules.list_()] == ["optimize", "weekly"]
    assert catalog.schedules.delete("weekly")
    assert not catalog.schedules.delete("weekly")
    assert catalog.schedules.find("weekly") is None


def test_name_with_nul_is_no_schedules_name(catalog: Catalog) -> None:
    replaced = replace(WEEKLY, name="weekly\ufffd")
    assert catalog.schedules.create(replaced)
    assert catalog.schedules.find("weekly\0") is None
    assert not catalog.schedules.delete("weekly\0")
    assert catalog.schedules.find("weekly\ufffd") == replaced


def test_run_fired_by_many_is_accepted_once(catalog: Catalog) -> None:
    catalog.schedules.create(WEEKLY)
    with ThreadPoolExecutor(8) as threads:
        fired = list(threads.map(lambda number: catalog.schedules.run(WEEKLY, NOW, f"j{number}", NOW), range(8)))
    assert sorted(fired) == [False] * 7 + [True]
    [job] = catalog.jobs.list_()
    assert (job.kind, job.state, job.parameters, job.created_by) == (
        JobKind.REPORT,
        JobState.QUEUED,
        {"policy": "fill"},
        "key",
    )
    assert catalog.schedules.find("weekly") == replace(WEEKLY, last_run_at=NOW)


def test_run_of_a_schedule_that_was_replaced_meanwhile_is_not_accepted(catalog: Catalog) -> None:
    catalog.schedules.create(replace(WEEKLY, created_at=NOW + timedelta(seconds=1)))
    assert not catalog.schedules.run(WEEKLY, NOW, "j1", NOW)
    assert catalog.jobs.list_() == []
