from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from sqlalchemy import select

from storewatch.catalog import ApiKey, Catalog, Job, StoreChanges, WorkerRecord, labels_frame
from storewatch.catalog.db.schema import job_names
from storewatch.domain.enums import JobKind, JobState
from storewatch.domain.errors import TooManyQueuedJobsError
from storewatch.domain.labels import Label, Scope

NOW = datetime(2023, 1, 25, 18, 13, 22, 479_220, tzinfo=UTC)
LATER = NOW + timedelta(seconds=2)
PARAMETERS: dict[str, Any] = {"policy": "fill", "as_of": None, "max_gap_us": 604_800_000_000, "stores": ["é", "b"]}
ACME = Scope(label=Label("owner", "acme"))
KEY = ApiKey(key_id="k1", name="shop", role="operator", sha256="0", created_at=NOW)
QUEUED = Job(job_id="j1", kind=JobKind.REPORT, state=JobState.QUEUED, parameters=PARAMETERS, created_at=NOW)
WORKER = WorkerRecord(worker_id="w1", host="here", pid=7, started_at=NOW, beat_at=NOW)


def add(catalog: Catalog, job_id: str = "j1", kind: JobKind = JobKind.REPORT, at: datetime = NOW, **more: Any) -> None:
    catalog.jobs.create(job_id, kind, PARAMETERS, at, **more)


def claim(catalog: Catalog, worker_id: str = "w1", kind: JobKind = JobKind.REPORT, now: datetime = NOW) -> Job:
    job = catalog.jobs.claim(worker_id, [kind], now)
    assert job is not None
    return job


def test_job_is_queued_when_accepted(catalog: Catalog, database_url: str) -> None:
    add(catalog)
    other = Catalog.open(database_url)
    assert other.jobs.find("j1") == QUEUED
    other.close()


def test_job_that_does_not_exist(catalog: Catalog) -> None:
    assert catalog.jobs.find("j1") is None
    assert catalog.jobs.find_finished("f1") is None
    assert catalog.jobs.claim("w1", list(JobKind), NOW) is None
    assert not catalog.jobs.request_cancel("j1", NOW)
    assert not catalog.jobs.delete("j1")
    assert not catalog.jobs.complete(replace(QUEUED, worker_id="w1", attempts=1), {}, NOW)
    assert catalog.jobs.oldest_queued_at() is None
    assert catalog.jobs.count() == {}


def test_claim_takes_the_oldest_of_its_kinds(catalog: Catalog) -> None:
    for job_id, kind, seconds in (("b", JobKind.REPORT, 5), ("c", JobKind.REPORT, 3), ("a", JobKind.IMPORT, 1)):
        add(catalog, job_id, kind, NOW + timedelta(seconds=seconds))
    assert [claim(catalog).job_id for _ in range(2)] == ["c", "b"]
    assert catalog.jobs.claim("w1", [JobKind.REPORT, JobKind.OPTIMIZE], NOW) is None
    assert claim(catalog, kind=JobKind.IMPORT).job_id == "a"


def test_claimed_job_runs(catalog: Catalog) -> None:
    add(catalog)
    job = claim(catalog, now=LATER)
    assert job == replace(QUEUED, state=JobState.RUNNING, worker_id="w1", attempts=1, started_at=LATER)
    assert catalog.jobs.find("j1") == job
    assert catalog.jobs.list_held("w1") == {("j1", 1): False}


def test_job_claimed_by_many_threads_is_won_by_one(catalog: Catalog) -> None:
    for number in range(3):
        add(catalog, f"j{number}")
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda number: catalog.jobs.claim(f"w{number}", [JobKind.REPORT], NOW), range(8)))
    assert sorted(job.job_id for job in won if job) == ["j0", "j1", "j2"]


def test_job_completes_once(catalog: Catalog) -> None:
    add(catalog)
    job = claim(catalog)
    assert catalog.jobs.complete(job, {"rows": 3}, LATER, fingerprint="f1")
    assert not catalog.jobs.complete(job, {"rows": 4}, LATER)
    assert not catalog.jobs.fail(job, "too late", LATER)
    done = replace(
        job,
        state=JobState.COMPLETE,
        worker_id=None,
        finished_at=LATER,
        result={"rows": 3},
        fingerprint="f1",
        progress=1.0,
    )
    assert catalog.jobs.find("j1") == done
    assert catalog.jobs.find_finished("f1") == done
    assert not catalog.jobs.request_cancel("j1", LATER)


def test_job_fails_once_with_a_reason_that_can_be_stored(catalog: Catalog) -> None:
    add(catalog)
    job = claim(catalog)
    assert catalog.jobs.fail(job, "bad \0 byte", LATER)
    assert not catalog.jobs.complete(job, {}, LATER)
    failed = replace(job, state=JobState.FAILED, worker_id=None, finished_at=LATER, error="bad \ufffd byte")
    assert catalog.jobs.find("j1") == failed


def test_job_to_be_tried_again_waits_until_then(catalog: Catalog) -> None:
    add(catalog)
    assert catalog.jobs.retry(claim(catalog), "locked", LATER)
    assert catalog.jobs.claim("w2", [JobKind.REPORT], NOW) is None
    again = claim(catalog, "w2", now=LATER)
    assert (again.attempts, again.worker_id, again.error, again.retry_at) == (2, "w2", "locked", None)


def test_job_handed_back_was_not_tried(catalog: Catalog) -> None:
    add(catalog)
    assert catalog.jobs.hand_back(claim(catalog))
    assert catalog.jobs.find("j1") == replace(QUEUED, started_at=NOW)


def test_queued_job_is_cancelled_at_once_and_a_running_one_is_asked(catalog: Catalog) -> None:
    add(catalog)
    add(catalog, "j2", at=LATER)
    job = claim(catalog)
    assert catalog.jobs.request_cancel("j1", LATER)
    assert catalog.jobs.request_cancel("j2", LATER)
    assert catalog.jobs.list_held("w1") == {("j1", 1): True}
    assert catalog.jobs.cancel(job, LATER)
    states = {job.job_id: (job.state, job.cancel_requested) for job in catalog.jobs.list_()}
    assert states == {"j1": (JobState.CANCELLED, True), "j2": (JobState.CANCELLED, True)}
    assert not catalog.jobs.request_cancel("j1", LATER)


def test_only_an_ended_job_is_deleted(catalog: Catalog) -> None:
    add(catalog)
    assert not catalog.jobs.delete("j1")
    job = claim(catalog)
    assert not catalog.jobs.delete("j1")
    catalog.jobs.complete(job, {}, LATER)
    assert catalog.jobs.delete("j1")
    assert catalog.jobs.find("j1") is None


def test_jobs_are_listed_newest_first_in_pages(catalog: Catalog) -> None:
    for number in range(4):
        add(catalog, f"j{number}", at=NOW + timedelta(seconds=number // 2))
    first = catalog.jobs.list_(limit=3)
    assert [job.job_id for job in first] == ["j3", "j2", "j1"]
    assert [job.job_id for job in catalog.jobs.list_(after=(first[-1].created_at, "j1"))] == ["j0"]


def test_jobs_are_listed_and_counted_by_kind_state_and_scope(catalog: Catalog) -> None:
    add(catalog, "acme-job", scope=ACME, created_by="key")
    add(catalog, "theirs", scope=Scope(label=Label("owner", "other")))
    add(catalog, "import", JobKind.IMPORT)
    catalog.jobs.request_cancel("theirs", NOW)
    assert [job.job_id for job in catalog.jobs.list_(kind=JobKind.IMPORT)] == ["import"]
    assert [job.job_id for job in catalog.jobs.list_(states=[JobState.CANCELLED])] == ["theirs"]
    assert [(job.job_id, job.scope) for job in catalog.jobs.list_(scope=ACME)] == [("acme-job", ACME)]
    assert catalog.jobs.count(ACME) == {JobKind.REPORT: {JobState.QUEUED: 1}}
    assert catalog.jobs.count() == {
        JobKind.IMPORT: {JobState.QUEUED: 1},
        JobKind.REPORT: {JobState.CANCELLED: 1, JobState.QUEUED: 1},
    }


def test_finished_job_is_the_newest_complete_one(catalog: Catalog) -> None:
    for job_id, seconds in (("r1", 1), ("r2", 3), ("r3", 2)):
        add(catalog, job_id)
        catalog.jobs.complete(claim(catalog), {}, NOW + timedelta(seconds=seconds), fingerprint="f1")
    found = catalog.jobs.find_finished("f1")
    assert found is not None
    assert found.job_id == "r2"
    old = catalog.jobs.list_finished_before(NOW + timedelta(seconds=3), JobKind.REPORT)
    assert [job.job_id for job in old] == ["r1", "r3"]


def test_worker_that_beats_is_known(catalog: Catalog) -> None:
    catalog.workers.beat(WORKER, NOW)
    catalog.workers.beat(WORKER, LATER)
    assert catalog.workers.list_() == [replace(WORKER, beat_at=LATER)]


def test_jobs_of_a_dead_worker_go_to_another_and_its_late_results_are_refused(catalog: Catalog) -> None:
    catalog.workers.beat(WORKER, NOW)
    add(catalog)
    old = claim(catalog)
    assert catalog.workers.remove(WORKER, max_attempts=dict.fromkeys(JobKind, 3), now=LATER) == 1
    new = claim(catalog, "w2")
    assert (new.worker_id, new.attempts) == ("w2", 2)
    assert not catalog.jobs.complete(old, {"of": "the dead"}, LATER)
    assert not catalog.jobs.set_progress(old, 0.5)
    assert catalog.jobs.complete(new, {"of": "the living"}, LATER)


def test_worker_that_has_beaten_meanwhile_is_not_dead(catalog: Catalog) -> None:
    catalog.workers.beat(WORKER, LATER)
    add(catalog)
    job = claim(catalog)
    assert catalog.workers.remove(WORKER, max_attempts=dict.fromkeys(JobKind, 3), now=LATER) == 0
    assert catalog.jobs.find("j1") == job


@pytest.mark.parametrize(
    ("tries", "cancelled", "state"),
    [
        (1, False, JobState.QUEUED),
        (2, False, JobState.QUEUED),
        (3, False, JobState.FAILED),
        (1, True, JobState.CANCELLED),
    ],
)
def test_job_of_a_dead_worker(catalog: Catalog, tries: int, cancelled: bool, state: JobState) -> None:
    add(catalog)
    for number in range(tries):
        worker = replace(WORKER, worker_id=f"w{number}")
        catalog.workers.beat(worker, NOW)
        claim(catalog, worker.worker_id)
        if cancelled:
            catalog.jobs.request_cancel("j1", NOW)
        catalog.workers.remove(worker, max_attempts=dict.fromkeys(JobKind, 3), now=LATER)
    job = catalog.jobs.find("j1")
    assert job is not None
    assert (job.state, job.attempts, job.worker_id) == (state, tries, None)
    expected = "The process that ran it died; after 3 tries it is not tried again." if tries == 3 else None
    assert job.error == expected


def test_running_job_of_nobody_goes_back(catalog: Catalog) -> None:
    catalog.workers.beat(WORKER, NOW)
    add(catalog)
    add(catalog, "j2", at=LATER)
    claim(catalog, "w1")
    claim(catalog, "never registered")
    assert catalog.workers.release_orphans(max_attempts=dict.fromkeys(JobKind, 3), now=LATER) == 1
    assert catalog.workers.release_orphans(max_attempts=dict.fromkeys(JobKind, 3), now=LATER) == 0
    assert {job.job_id: job.state for job in catalog.jobs.list_()} == {"j1": JobState.RUNNING, "j2": JobState.QUEUED}


def test_names_of_jobs_of_a_scope_are_stored_once_and_deleted_with_the_last_job(catalog: Catalog) -> None:
    def stored() -> list[str]:
        with catalog.jobs._database.reading() as connection:
            return list(connection.execute(select(job_names.c.store_id).order_by(job_names.c.store_id)).scalars())

    for store_id in ("a", "b"):
        labels = labels_frame({store_id: {"owner": "acme"}})
        catalog.stores.create(store_id, StoreChanges(labels=labels), now=NOW)
    for number in (1, 2):
        add(catalog, f"j{number}", scope=ACME)
        job = claim(catalog)
        assert catalog.jobs.complete(job, {}, LATER, store_ids=pl.Series(["a", "gone"]))
    assert stored() == ["a", "gone"]
    assert catalog.jobs.find("j1", ACME) is None
    assert [catalog.jobs.delete(job_id) for job_id in ("j1", "j1")] == [True, False]
    assert stored() == ["a", "gone"]
    assert catalog.jobs.delete("j2")
    assert stored() == []
    add(catalog, "j3", scope=ACME)
    assert catalog.jobs.fail(claim(catalog), "No store is called c. Near: a, b.", LATER)
    assert stored() == ["a", "b"]
    assert catalog.jobs.find("j3", ACME) is not None
    add(catalog, "j4")
    assert catalog.jobs.fail(claim(catalog), "It failed.", LATER)
    assert stored() == ["a", "b"]


def test_waiting_jobs_of_a_key_are_bounded_with_many_requests_at_once(catalog: Catalog) -> None:
    catalog.keys.create(KEY)

    def ask(number: int) -> bool:
        try:
            catalog.jobs.create_all(JobKind.REPORT, {f"r{number}": {}}, NOW, created_by=KEY.key_id, most_queued=3)
        except TooManyQueuedJobsError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(ask, range(16))) == 3
    two: dict[str, dict[str, Any]] = {"a": {}, "b": {}}
    assert catalog.jobs.claim("w1", [JobKind.REPORT], NOW) is not None
    with pytest.raises(TooManyQueuedJobsError, match="At most 3 jobs of a key may wait"):
        catalog.jobs.create_all(JobKind.REPORT, two, NOW, created_by=KEY.key_id, most_queued=3)
    assert sum(sum(states.values()) for states in catalog.jobs.count().values()) == 3
    catalog.jobs.create_all(JobKind.REPORT, two, NOW, created_by="another", most_queued=3)
