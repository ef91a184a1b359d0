from dataclasses import replace
from datetime import UTC, datetime, timedelta

from storewatch.catalog import Catalog, WorkerRecord
from storewatch.domain.enums import JobKind, JobState
from storewatch.jobs.presence import Presence, new_worker, this_machine

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ME = WorkerRecord(worker_id="me", host="a", pid=1, started_at=NOW, beat_at=NOW)
OTHER = WorkerRecord(worker_id="other", host="b", pid=2, started_at=NOW, beat_at=NOW)


def seconds(count: float) -> datetime:
    return NOW + timedelta(seconds=count)


def presence(catalog: Catalog) -> Presence:
    process = Presence(
        catalog=catalog, worker=ME, dead_after=timedelta(seconds=20), max_attempts=dict.fromkeys(JobKind, 3)
    )
    process.beat(NOW)
    return process


def alive(_: int) -> bool:
    return True


def give_job(catalog: Catalog, worker_id: str) -> None:
    catalog.jobs.create("j1", JobKind.REPORT, {}, NOW)
    assert catalog.jobs.claim(worker_id, [JobKind.REPORT], NOW) is not None


def test_worker_without_heartbeats_is_dead_on_any_clock(catalog: Catalog) -> None:
    process = presence(catalog)
    far_off = NOW - timedelta(days=400)
    catalog.workers.beat(OTHER, far_off)
    give_job(catalog, "other")
    assert [process.sweep(seconds(count), is_alive=alive) for count in (0, 10, 19)] == [0, 0, 0]
    catalog.workers.beat(OTHER, far_off + timedelta(seconds=5))
    assert [process.sweep(seconds(count), is_alive=alive) for count in (20, 39)] == [0, 0]
    assert process.sweep(seconds(40), is_alive=alive) == 1
    assert [worker.worker_id for worker in catalog.workers.list_()] == ["me"]
    assert [job.state for job in catalog.jobs.list_()] == [JobState.QUEUED]


def test_worker_of_this_machine_whose_process_is_gone_is_dead_at_once(catalog: Catalog) -> None:
    process = presence(catalog)
    catalog.workers.beat(replace(OTHER, host="a"), NOW)
    give_job(catalog, "other")
    assert process.sweep(NOW, is_alive=lambda pid: pid != 2) == 1


def test_worker_of_another_machine_is_not_judged_by_the_processes_of_this_one(catalog: Catalog) -> None:
    process = presence(catalog)
    catalog.workers.beat(OTHER, NOW)
    give_job(catalog, "other")
    assert process.sweep(NOW, is_alive=lambda _: False) == 0


def test_worker_that_leaves_gives_its_jobs_back(catalog: Catalog) -> None:
    process = presence(catalog)
    give_job(catalog, "me")
    process.leave(seconds(1))
    assert catalog.workers.list_() == []
    assert [job.state for job in catalog.jobs.list_()] == [JobState.QUEUED]


def test_new_worker_names_its_machine() -> None:
    worker = new_worker(NOW)
    assert (worker.host, worker.started_at, worker.beat_at) == (this_machine(), NOW, NOW)
    assert worker.worker_id != new_worker(NOW).worker_id
