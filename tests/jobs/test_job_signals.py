"""A worker gets a signal of queued jobs without polling the queue, on each kind of database."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from support.waiting import wait_for

from storewatch.catalog import Catalog
from storewatch.catalog.job_signals import JobSignals
from storewatch.domain.enums import JobKind, JobState
from storewatch.jobs.kinds import handlers
from storewatch.jobs.running import JobResult, RunningJob
from storewatch.jobs.worker import Timing, Worker

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LONG_S = 60.0
SOON_S = 1.0  # normally 1 to 50 ms
ELSEWHERE = """
import sys
from datetime import UTC, datetime
from storewatch.catalog import Catalog
from storewatch.domain.enums import JobKind
catalog = Catalog.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
catalog.jobs.create("theirs", JobKind.REPORT, {}, datetime.now(UTC))
catalog.close()
"""


@pytest.fixture
def signals(catalog: Catalog) -> Iterator[JobSignals]:
    """The signals of a queue that was read already: nothing has changed since."""
    signals = catalog.jobs.open_signals()
    signals.wait(0)
    yield signals
    signals.close()


def seconds_waited(signals: JobSignals, timeout_s: float = LONG_S) -> float:
    begun = time.monotonic()
    signals.wait(timeout_s)
    return time.monotonic() - begun


def test_wait_lasts_while_nothing_happens(signals: JobSignals) -> None:
    assert seconds_waited(signals, 0.2) >= 0.19


def test_wake_ends_a_wait_and_is_not_lost_between_two(signals: JobSignals) -> None:
    signals.wake()
    assert seconds_waited(signals) < LONG_S
    threading.Timer(0.1, signals.wake).start()
    assert seconds_waited(signals) < LONG_S
    assert seconds_waited(signals, 0.2) >= 0.19


def test_everything_that_queues_a_job_ends_a_wait(catalog: Catalog, database_url: str, signals: JobSignals) -> None:
    other = Catalog.open(database_url)
    other.jobs.create("a", JobKind.REPORT, {}, NOW)
    assert seconds_waited(signals) < LONG_S
    for put_back in (
        other.jobs.hand_back,
        lambda job: other.jobs.retry(job, "away", NOW + timedelta(hours=1)),
    ):
        job = other.jobs.claim("w", [JobKind.REPORT], NOW)
        assert job is not None
        signals.wait(0.1)  # SQLite also counts the commit of the claim
        assert put_back(job)
        assert seconds_waited(signals) < LONG_S
    assert other.jobs.claim("gone", [JobKind.REPORT], NOW + timedelta(hours=2)) is not None
    signals.wait(0.1)
    assert other.workers.release_orphans(max_attempts=dict.fromkeys(JobKind, 9), now=NOW) == 1
    assert seconds_waited(signals) < LONG_S
    other.close()


def test_next_retry_is_the_earliest_that_lies_ahead(catalog: Catalog) -> None:
    assert catalog.jobs.find_next_retry(NOW) is None
    for number, minutes in enumerate((-1, 2, 1)):
        catalog.jobs.create(str(number), JobKind.REPORT, {}, NOW)
        job = catalog.jobs.claim("w", [JobKind.REPORT], NOW + timedelta(days=-1))
        assert job is not None
        catalog.jobs.retry(job, "away", NOW + timedelta(minutes=minutes))
    assert catalog.jobs.find_next_retry(NOW) == NOW + timedelta(minutes=1)


def test_lost_connection_is_replaced(postgres_url: str, caplog: pytest.LogCaptureFixture) -> None:
    catalog = Catalog.open(postgres_url)
    signals = catalog.jobs.open_signals()
    signals.wait(LONG_S)
    with psycopg.connect(postgres_url, autocommit=True) as killer:
        killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE query LIKE 'LISTEN%' AND datname = current_database()"
        )
    # The last words of the server end one wait, the end of the connection the next.
    assert seconds_waited(signals) + seconds_waited(signals) < LONG_S
    assert "queue is queried instead" in caplog.text
    assert seconds_waited(signals) < LONG_S  # connected again
    catalog.jobs.create("a", JobKind.REPORT, {}, NOW)
    assert seconds_waited(signals) < LONG_S
    signals.close()
    catalog.close()


class Echo:
    """Work that ends at once."""

    def __init__(self) -> None:
        self.handlers = handlers()
        self.begun_s: dict[str, float] = {}

    def run(self, running: RunningJob) -> JobResult:
        self.begun_s[running.job.job_id] = time.monotonic()
        return JobResult(result={})

    def clean_up(self, job_id: str) -> None:
        pass

    def run_maintenance(self, now: datetime) -> None:
        pass


def test_job_of_another_process_starts_at_once(catalog: Catalog, database_url: str) -> None:
    echo = Echo()
    timing = Timing(check_queue=timedelta(seconds=LONG_S))
    worker = Worker(catalog=catalog, runner=echo, clock=lambda: datetime.now(UTC), timing=timing)
    worker.start()
    command = [sys.executable, "-c", ELSEWHERE, database_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        other.stdin.write("go\n")
        other.stdin.flush()
        job = wait_for(lambda: catalog.jobs.find("theirs"))
        found_s = time.monotonic()
        wait_for(lambda: "theirs" in echo.begun_s)
        assert other.wait(30) == 0
    assert echo.begun_s["theirs"] - found_s < SOON_S
    assert wait_for(lambda: catalog.jobs.find(job.job_id).state is JobState.COMPLETE)  # type: ignore[union-attr]
    worker.stop()


def test_idle_worker_costs_little(catalog: Catalog) -> None:
    worker = Worker(catalog=catalog, runner=Echo(), clock=lambda: datetime.now(UTC))
    worker.start()
    assert worker.worker_id in [each.worker_id for each in catalog.workers.list_()]
    threading.Event().wait(1)  # what it does at its start
    begun, cpu = time.monotonic(), time.process_time()
    threading.Event().wait(4)
    share = (time.process_time() - cpu) / (time.monotonic() - begun)
    worker.stop()
    assert share < 0.1  # normally 0.007
