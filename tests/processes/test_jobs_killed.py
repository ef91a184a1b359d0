"""Jobs whose processes are really killed, on each kind of database, with shorter time constants than in production."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.scene import REPORT
from support.waiting import wait_for

from storewatch.access import ANYONE
from storewatch.catalog import Job
from storewatch.domain.enums import ENDED, JobKind, JobState
from storewatch.installation import Installation, prepare_service
from storewatch.jobs.queue import JobQueue
from storewatch.reports.request.request import ReportRequest

PROGRAM = Path(__file__).with_name("job_process.py")


@pytest.fixture
def app(scene_on_each_database: Installation) -> Installation:
    return scene_on_each_database


@pytest.fixture
def queue(app: Installation) -> JobQueue:
    """The queue of a process that runs no jobs."""
    return prepare_service(app, with_worker=False).jobs


@contextmanager
def worker(app: Installation, mode: str = "run") -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, str(PROGRAM), str(app.settings.home), app.settings.database_url, mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def ask_for_report(queue: JobQueue) -> str:
    return queue.accept(JobKind.REPORT, ReportRequest().parameters())


def ended(app: Installation, job_id: str) -> Job:
    def ask() -> Job | None:
        job = app.catalog.jobs.find(job_id)
        return job if job is not None and job.state in ENDED else None

    return wait_for(ask)


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def files_of(app: Installation) -> list[str]:
    return [file.name for file in app.reports.folder.iterdir()]


def test_job_of_a_killed_worker_is_taken_up_by_another_and_leaves_one_whole_file(
    app: Installation, queue: JobQueue
) -> None:
    with worker(app, "slow") as dying:
        job_id = ask_for_report(queue)
        assert line_of(dying) == f"slow {job_id} 1"
        app.reports.folder.mkdir(exist_ok=True)
        (app.reports.folder / f".{job_id}.1.csv.0.part").write_text("store_id,upt")  # as a writer leaves it
        with worker(app):
            dying.send_signal(signal.SIGKILL)
            dying.wait()
            killed_at = time.monotonic()
            job = ended(app, job_id)
            assert time.monotonic() - killed_at < 20  # by its process, not by its missing heartbeat
    file = app.reports.finished_file(job)
    assert file is not None
    assert (job.state, job.attempts, file.read_text(), files_of(app)) == (JobState.COMPLETE, 2, REPORT, [file.name])


def test_worker_that_hangs_loses_its_job_and_cannot_end_it_twice(app: Installation, queue: JobQueue) -> None:
    with worker(app, "slow") as hanging:
        job_id = ask_for_report(queue)
        assert line_of(hanging) == f"slow {job_id} 1"
        hanging.send_signal(signal.SIGSTOP)
        with worker(app):
            job = ended(app, job_id)
            hanging.send_signal(signal.SIGCONT)
            wait_for(lambda: len(app.catalog.workers.list_()) == 2)  # it is back, with nothing to do
            assert app.catalog.jobs.find(job_id) == job
    assert (job.state, job.attempts) == (JobState.COMPLETE, 2)


def test_job_that_kills_its_process_stops_after_three_tries_with_a_reason(app: Installation, queue: JobQueue) -> None:
    job_id = ask_for_report(queue)
    for attempt in (1, 2, 3):
        with worker(app, "die") as dying:
            assert line_of(dying) == f"die {job_id} {attempt}"
            dying.wait()
    with worker(app):
        job = ended(app, job_id)
        assert ended(app, ask_for_report(queue)).state is JobState.COMPLETE
    assert (job.state, job.attempts) == (JobState.FAILED, 3)
    assert job.error == "The process that ran it died; after 3 tries it is not tried again."


def test_running_job_of_another_process_is_cancelled_within_two_seconds(app: Installation, queue: JobQueue) -> None:
    with worker(app, "slow") as process:
        job_id = ask_for_report(queue)
        assert line_of(process) == f"slow {job_id} 1"
        asked_at = time.monotonic()
        assert queue.cancel(job_id)
        assert ended(app, job_id).state is JobState.CANCELLED
        assert time.monotonic() - asked_at < 2  # as docs/guides/jobs.md promises


def test_sigterm_hands_the_job_back_and_ends_within_ten_seconds(app: Installation, queue: JobQueue) -> None:
    with worker(app, "slow") as process:
        job_id = ask_for_report(queue)
        assert line_of(process) == f"slow {job_id} 1"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    job = app.catalog.jobs.find(job_id)
    assert job is not None
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)
    with worker(app):
        assert ended(app, job_id).state is JobState.COMPLETE


def test_import_killed_after_its_commits_is_imported_once(app: Installation, queue: JobQueue) -> None:
    polls = "store_id,status,timestamp_utc\n" + "".join(
        f"cafe,active,2023-01-23 15:{n // 60:02}:{n % 60:02} UTC\n" for n in range(900)
    )
    app.settings.uploads_dir.mkdir()
    (app.settings.uploads_dir / "upload-1").write_text(polls)
    queue.accept_all(JobKind.IMPORT, {"upload-1": {"file": "polls.csv", "strict": False}}, ANYONE)
    with worker(app, "die late") as dying:
        assert line_of(dying) == "die late upload-1 1"
        dying.wait()
    with worker(app):
        job = ended(app, "upload-1")
        wait_for(lambda: list(app.settings.uploads_dir.iterdir()) == [])
    assert (job.state, job.attempts) == (JobState.COMPLETE, 2)
    assert [record.job_id for record in app.catalog.imports.list_()].count("upload-1") == 1
    assert app.lake.snapshot().rows == 906


def test_report_killed_when_its_file_was_there_leaves_one_file(app: Installation, queue: JobQueue) -> None:
    job_id = ask_for_report(queue)
    with worker(app, "die late") as dying:
        dying.wait()
    assert files_of(app) == [f"{job_id}.1.csv"]
    with worker(app):
        assert ended(app, job_id).state is JobState.COMPLETE
    assert files_of(app) == [f"{job_id}.2.csv"]


def test_worker_command_does_jobs_and_ends_on_sigterm(app: Installation, queue: JobQueue) -> None:
    environment = os.environ | {
        "STOREWATCH_HOME": str(app.settings.home),
        "STOREWATCH_DATABASE_URL": app.settings.database_url,
    }
    command = [sys.executable, "-m", "storewatch", "worker"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            assert ended(app, ask_for_report(queue)).state is JobState.COMPLETE
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
    assert app.catalog.workers.list_() == []
