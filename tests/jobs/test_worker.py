"""One worker in this process, with work that the test controls; tests/processes really kills real workers."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from errno import ENOSPC, EROFS

import pytest
from sqlalchemy import text
from support.waiting import wait_for

from storewatch.catalog import Catalog, Job
from storewatch.domain.enums import ENDED, JobKind, JobState
from storewatch.domain.errors import (
    CatalogUnavailableError,
    InvalidInputError,
    LakeConflictError,
    StorageFullError,
    StorageUnavailableError,
)
from storewatch.jobs.handler import JobHandler, RetryRule
from storewatch.jobs.kinds import handlers
from storewatch.jobs.queue import JobQueue
from storewatch.jobs.running import JobResult, RunningJob
from storewatch.jobs.worker import Timing, Worker

QUICK = Timing(
    check_queue=timedelta(seconds=20),
    check_runs=timedelta(milliseconds=20),
    check_workers=timedelta(milliseconds=50),
    beat=timedelta(milliseconds=50),
    dead_after=timedelta(seconds=30),
    finish=timedelta(milliseconds=200),
    hand_back=timedelta(milliseconds=500),
)

UNEXPECTED = "The job failed because of an error in the service ({}); the log of the service has the details."
RETRY = RetryRule(first_pause=timedelta(milliseconds=20))


def clock() -> datetime:
    return datetime.now(UTC)


class Steered:
    """Work that the test controls; it remembers which jobs were begun and cleaned up."""

    def __init__(self, do: Callable[[RunningJob], dict[str, int] | None]) -> None:
        self.begun: list[str] = []
        self.tidied: list[str] = []
        self.maintained = threading.Event()
        self._do = do
        self.handlers: dict[JobKind, JobHandler] = {
            kind: replace(handler, retry=RETRY) for kind, handler in handlers().items()
        }

    def run(self, running: RunningJob) -> JobResult:
        self.begun.append(running.job.job_id)
        return JobResult(result=self._do(running) or {})

    def clean_up(self, job_id: str) -> None:
        self.tidied.append(job_id)

    def run_maintenance(self, _: datetime) -> None:
        self.maintained.set()


@contextmanager
def working(catalog: Catalog, work: Steered) -> Iterator[tuple[JobQueue, Worker]]:
    worker = Worker(catalog=catalog, runner=work, clock=clock, timing=QUICK)
    with ExitStack() as stopping:
        worker.start()
        stopping.callback(worker.stop)
        yield JobQueue(catalog=catalog, clock=clock, max_queued_per_key=100, wake=worker.wake), worker


def ended(catalog: Catalog, job_id: str) -> Job:
    def ask() -> Job | None:
        job = catalog.jobs.find(job_id)
        return job if job is not None and job.state in ENDED else None

    return wait_for(ask, 20)


def in_state(catalog: Catalog, job_id: str, state: JobState) -> Job:
    return wait_for(lambda: job if (job := catalog.jobs.find(job_id)) and job.state is state else None, 20)


def until_stopped(run: RunningJob) -> None:
    while True:
        run.progress(1, 4)
        threading.Event().wait(0.005)


def test_accepted_job_is_done(catalog: Catalog) -> None:
    work = Steered(lambda _: {"answer": 42})
    with working(catalog, work) as (queue, _):
        job = ended(catalog, queue.accept(JobKind.REPORT, {}))
        wait_for(lambda: work.tidied == [job.job_id])
        assert work.maintained.wait(10)
    assert (job.state, job.result, job.progress, job.attempts) == (JobState.COMPLETE, {"answer": 42}, 1.0, 1)


def test_job_accepted_by_another_process_is_done(catalog: Catalog) -> None:
    with working(catalog, Steered(lambda _: None)):
        elsewhere = JobQueue(catalog=catalog, clock=clock, max_queued_per_key=100)
        assert ended(catalog, elsewhere.accept(JobKind.REPORT, {})).state is JobState.COMPLETE


def test_progress_is_seen_from_outside(catalog: Catalog) -> None:
    with working(catalog, Steered(until_stopped)) as (queue, _):
        job_id = queue.accept(JobKind.IMPORT, {})
        assert wait_for(lambda: ((job := catalog.jobs.find(job_id)) and job.progress) or None) == 0.25
        queue.cancel(job_id)
        ended(catalog, job_id)


def test_running_job_is_cancelled_within_two_seconds(catalog: Catalog) -> None:
    work = Steered(until_stopped)
    with working(catalog, work) as (queue, _):
        job_id = queue.accept(JobKind.IMPORT, {})
        in_state(catalog, job_id, JobState.RUNNING)
        asked_at = clock()
        assert queue.cancel(job_id)
        job = ended(catalog, job_id)
        wait_for(lambda: work.tidied == [job_id])
    assert (job.state, job.error) == (JobState.CANCELLED, None)
    assert job.finished_at is not None
    assert job.finished_at - asked_at < timedelta(seconds=2)


@pytest.mark.parametrize(
    "error",
    [
        CatalogUnavailableError("the database is locked"),
        LakeConflictError("others kept winning"),
        OSError("Generic S3 error: Error performing PUT http://x: operation timed out"),
        ConnectionResetError("by peer"),
    ],
)
def test_failure_that_can_pass_is_tried_again_after_a_pause(catalog: Catalog, error: Exception) -> None:
    tries: list[datetime] = []

    def fail_once(run: RunningJob) -> None:
        tries.append(clock())
        if len(tries) == 1:
            raise error

    with working(catalog, Steered(fail_once)) as (queue, _):
        job = ended(catalog, queue.accept(JobKind.REPORT, {}))
    assert (job.state, job.attempts) == (JobState.COMPLETE, 2)
    assert tries[1] - tries[0] >= RETRY.first_pause


def test_failure_that_does_not_pass_is_tried_three_times(catalog: Catalog) -> None:
    def fail(run: RunningJob) -> None:
        raise TimeoutError("the store does not answer")

    with working(catalog, work := Steered(fail)) as (queue, _):
        job = ended(catalog, queue.accept(JobKind.REPORT, {}))
    assert (job.state, job.error) == (
        JobState.FAILED,
        UNEXPECTED.format("TimeoutError"),
    )
    assert len(work.begun) == 3


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InvalidInputError("This is no table."), "This is no table."),
        (InvalidInputError("polls.csv, line 1: 'timed out'"), "polls.csv, line 1: 'timed out'"),
        (
            ZeroDivisionError("by zero"),
            UNEXPECTED.format("ZeroDivisionError"),
        ),
    ],
)
def test_failure_that_cannot_pass_fails_at_once_with_its_reason(
    catalog: Catalog, error: Exception, reason: str
) -> None:
    def fail(run: RunningJob) -> None:
        raise error

    with working(catalog, work := Steered(fail)) as (queue, _):
        job = ended(catalog, queue.accept(JobKind.REPORT, {}))
    assert (job.state, job.error, len(work.begun)) == (JobState.FAILED, reason, 1)


def test_result_that_cannot_be_kept_fails_the_job(catalog: Catalog) -> None:
    with working(catalog, Steered(lambda _: {"not JSON": object()})) as (queue, _):  # type: ignore[dict-item]
        job = ended(catalog, queue.accept(JobKind.REPORT, {}))
    assert job.state is JobState.FAILED


def test_job_that_the_worker_claimed_without_learning_it_is_run(
    catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(catalog=catalog, runner=Steered(lambda _: {}), clock=clock, timing=QUICK)
    catalog.jobs.create("lost", JobKind.REPORT, {}, clock())
    assert catalog.jobs.claim(worker.worker_id, [JobKind.REPORT], clock()) is not None  # and the connection breaks
    with ExitStack() as stopping:
        worker.start()
        stopping.callback(worker.stop)
        rename_jobs(catalog, "jobs", "away")
        wait_for(lambda: worker.wake() or "looking for jobs failed" in caplog.text)
        rename_jobs(catalog, "away", "jobs")
        worker.wake()
        job = ended(catalog, "lost")
    assert (job.state, job.attempts) == (JobState.COMPLETE, 2)


def rename_jobs(catalog: Catalog, old: str, new: str) -> None:
    with catalog.database.writing() as connection:
        connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (ENOSPC, str(StorageFullError())),
        (
            EROFS,
            str(StorageUnavailableError()),
        ),
    ],
)
def test_disk_that_cannot_be_written_is_a_failure_that_can_pass(
    sqlite_catalog: Catalog, number: int, reason: str
) -> None:
    def fail(run: RunningJob) -> None:
        raise OSError(number, "of the disk", "/secret/path")

    with working(sqlite_catalog, work := Steered(fail)) as (queue, _):
        job = ended(sqlite_catalog, queue.accept(JobKind.REPORT, {}))
    assert (job.state, job.error, len(work.begun)) == (JobState.FAILED, reason, 3)


def test_report_does_not_wait_for_imports(catalog: Catalog) -> None:
    def do(run: RunningJob) -> None:
        if run.job.kind is JobKind.IMPORT:
            until_stopped(run)

    with working(catalog, Steered(do)) as (queue, _):
        imports = [queue.accept(JobKind.IMPORT, {}) for _ in range(3)]
        in_state(catalog, imports[0], JobState.RUNNING)
        assert ended(catalog, queue.accept(JobKind.REPORT, {})).state is JobState.COMPLETE
        assert [catalog.jobs.find(job_id).state for job_id in imports] == [  # type: ignore[union-attr]
            JobState.RUNNING,
            JobState.QUEUED,
            JobState.QUEUED,
        ]
        for job_id in reversed(imports):
            queue.cancel(job_id)
        ended(catalog, imports[0])


def test_stop_finishes_what_is_nearly_done(catalog: Catalog) -> None:
    entered = threading.Event()

    def do(run: RunningJob) -> None:
        entered.set()
        threading.Event().wait(0.05)

    with working(catalog, Steered(do)) as (queue, worker):
        job_id = queue.accept(JobKind.REPORT, {})
        assert entered.wait(10)
        worker.stop()
    assert ended(catalog, job_id).state is JobState.COMPLETE
    assert catalog.workers.list_() == []


def test_stop_hands_back_what_takes_longer(catalog: Catalog) -> None:
    with working(catalog, Steered(until_stopped)) as (queue, worker):
        job_id = queue.accept(JobKind.IMPORT, {})
        in_state(catalog, job_id, JobState.RUNNING)
        worker.stop()
    job = catalog.jobs.find(job_id)
    assert job is not None
    assert (job.state, job.attempts, job.worker_id) == (JobState.QUEUED, 0, None)


def test_stop_takes_the_job_from_work_that_does_not_listen(catalog: Catalog) -> None:
    deaf = threading.Event()
    with working(catalog, Steered(lambda _: deaf.wait(30) and None)) as (queue, worker):  # type: ignore[func-returns-value]
        job_id = queue.accept(JobKind.REPORT, {})
        in_state(catalog, job_id, JobState.RUNNING)
        worker.stop()
        job = catalog.jobs.find(job_id)
        deaf.set()
    assert job is not None
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)


def test_worker_whose_job_was_taken_stops_it_and_changes_nothing(catalog: Catalog) -> None:
    work = Steered(until_stopped)
    with working(catalog, work) as (queue, _):
        job_id = queue.accept(JobKind.OPTIMIZE, {})
        held = in_state(catalog, job_id, JobState.RUNNING)
        assert catalog.jobs.hand_back(held)
        wait_for(lambda: len(work.tidied) == 1)
        wait_for(lambda: len(work.begun) == 2)  # it is in the queue again, and the same worker takes it
        queue.cancel(job_id)
        assert ended(catalog, job_id).state is JobState.CANCELLED
