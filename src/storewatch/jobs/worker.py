"""Run the jobs of the queue on threads of this process: kernels, readers and SQL release the GIL."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from storewatch.catalog import Catalog
from storewatch.catalog.job_signals import JobSignals
from storewatch.domain.enums import JobKind, JobState
from storewatch.domain.error_families import StorewatchError, UnavailableError
from storewatch.jobs.failures import is_temporary, reason_of
from storewatch.jobs.handler import JobHandler, Lane
from storewatch.jobs.presence import Presence, new_worker
from storewatch.jobs.running import JobResult, RunningJob, Stop, StoppedError
from storewatch.jobs.schedules import fire_due
from storewatch.telemetry import JOB_RETRIES, JOB_SECONDS, bound

log = logging.getLogger(__name__)

_NOT_RECORDED: Final = object()


class Runner(Protocol):
    """Runs the work of jobs for a worker (`runner.JobRunner`)."""

    @property
    def handlers(self) -> Mapping[JobKind, JobHandler]:
        """The kinds of jobs that can be run."""

    def run(self, running: RunningJob) -> JobResult:
        """Do the work of a job."""

    def clean_up(self, job_id: str) -> None:
        """Clean up after a run of the job, however it ended."""

    def run_maintenance(self, now: datetime) -> None:
        """Run maintenance. The worker calls this at its start and then once a minute."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How often a worker checks, and how long it waits.

    check_queue: for queued jobs, if the catalog sends no signal. check_runs: for cancelled jobs, and to write progress.
    check_workers: for dead workers and due schedules. beat: between heartbeats. A dead worker's job starts again within
    dead_after + check_workers. When the worker stops, jobs have `finish` to end, then `hand_back` to notice the stop.
    """

    check_queue: timedelta = timedelta(seconds=2)
    check_runs: timedelta = timedelta(milliseconds=500)
    check_workers: timedelta = timedelta(seconds=1)
    beat: timedelta = timedelta(seconds=5)
    dead_after: timedelta = timedelta(seconds=20)
    finish: timedelta = timedelta(seconds=3)
    hand_back: timedelta = timedelta(seconds=1)


class Worker:
    """Run jobs in this process from `start` to `stop`."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        runner: Runner,
        clock: Callable[[], datetime],
        timing: Timing | None = None,
    ) -> None:
        self._catalog = catalog
        self._runner = runner
        self._clock = clock
        self._timing = timing or Timing()
        self._record = new_worker(clock())
        self._presence = Presence(
            catalog=catalog,
            worker=self._record,
            dead_after=self._timing.dead_after,
            max_attempts={kind: handler.retry.max_attempts for kind, handler in runner.handlers.items()},
        )
        self._lanes: dict[Lane, list[JobKind]] = {}
        for kind, handler in runner.handlers.items():
            self._lanes.setdefault(handler.lane, []).append(kind)
        self._stopping = threading.Event()
        self._stop_lock, self._has_stopped = threading.Lock(), False
        self._signals: JobSignals | None = None  # from `start` on
        self._changed = threading.Condition()
        self._runs: set[RunningJob] = set()
        self._may_hold_lost = False  # whether a claim or an end may be stored otherwise than this worker knows
        self._threads = [
            threading.Thread(target=self._dispatch, name="jobs", daemon=True),
            threading.Thread(target=self._watch, name="jobs-watch", daemon=True),
        ]

    @property
    def worker_id(self) -> str:
        return self._record.worker_id

    def start(self) -> None:
        self._presence.beat(self._clock())
        self._signals = self._catalog.jobs.open_signals()
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Make the worker check the queue now."""
        if self._signals is not None:
            self._signals.wake()

    def stop(self) -> None:
        """Finish the running jobs. Jobs that take longer than the timing allows go back into the queue.

        A second call waits for the end of the first.
        """
        with self._stop_lock:
            if not self._has_stopped:
                self._stop()
                self._has_stopped = True

    def _stop(self) -> None:
        self._stopping.set()
        self.wake()
        for thread in self._threads:
            thread.join(timeout=1)
        if not self._wait_for_runs(self._timing.finish):
            for run in self._running():
                run.stop = run.stop or Stop.HANDED_BACK
            if not self._wait_for_runs(self._timing.hand_back):
                for run in self._running():
                    self._catalog.jobs.hand_back(run.job)
        self._presence.leave(self._clock())

    def _running(self) -> list[RunningJob]:
        with self._changed:
            return list(self._runs)

    def _wait_for_runs(self, patience: timedelta) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._runs, timeout=patience.total_seconds())

    def _dispatch(self) -> None:
        assert self._signals is not None  # noqa: S101 - set before this thread starts
        try:
            while not self._stopping.is_set():
                longest_s = self._log_errors(self._start_queued, "looking for jobs")
                if not isinstance(longest_s, float):
                    self._may_hold_lost = True
                    longest_s = self._timing.check_queue.total_seconds()
                self._signals.wait(longest_s)
        finally:
            self._signals.close()

    def _start_queued(self) -> float:
        """Start every queued job that can run now. Return how many seconds to wait for a signal, at most."""
        # The clock is read first: a retry that becomes due between the two queries must be in one of their results.
        now = self._clock()
        if self._may_hold_lost:
            self._release_lost(now)
        while self._start_next():
            pass
        retry_at = self._catalog.jobs.find_next_retry(now)
        longest_s = self._timing.check_queue.total_seconds()
        return longest_s if retry_at is None else min(longest_s, max(0.0, (retry_at - self._clock()).total_seconds()))

    def _release_lost(self, now: datetime) -> None:
        """Return to the queue the jobs that are assigned to this worker but not run by it.

        Only the thread that claims jobs does this, so no claim is under way.
        """
        self._may_hold_lost = False
        if released := self._presence.release_lost([run.job.job_id for run in self._running()], now):
            log.warning("%d jobs queued again, because their claim or their end was not recorded", released)

    def _start_next(self) -> bool:
        """Start one queued job. Return False when no job waits for a free lane."""
        busy = Counter(self._runner.handlers[run.job.kind].lane for run in self._running())
        free = [kind for lane, kinds in self._lanes.items() if busy[lane] < lane.slots for kind in kinds]
        job = self._catalog.jobs.claim(self._record.worker_id, free, self._clock()) if free else None
        if job is None:
            return False
        run = RunningJob(job=job)
        with self._changed:
            self._runs.add(run)
        threading.Thread(target=self._run, args=(run,), name=f"job-{job.kind}", daemon=True).start()
        return True

    def _run(self, run: RunningJob) -> None:
        job, begun = run.job, time.perf_counter()
        with bound(job_id=job.job_id, request_id=job.request_id):
            try:
                state = self._log_errors(lambda: self._try(run), "ending the job", otherwise=_NOT_RECORDED)
                self._may_hold_lost |= state is _NOT_RECORDED
                self._log_errors(lambda: self._runner.clean_up(job.job_id), "cleaning up")
            finally:
                with self._changed:
                    self._runs.discard(run)
                    self._changed.notify_all()
                self.wake()
            seconds = time.perf_counter() - begun
            if isinstance(state, JobState):
                JOB_SECONDS.labels(job.kind, state).observe(seconds)
                log.info(
                    "job %s", state, extra={"kind": job.kind, "attempt": job.attempts, "seconds": round(seconds, 3)}
                )

    def _try(self, run: RunningJob) -> JobState | None:
        """Run the job and record how it ended. Return None when it did not end."""
        job = run.job
        try:
            run.check()
            outcome = self._runner.run(run)
        except StoppedError:
            return self._stopped(run)
        except Exception as error:  # noqa: BLE001 - any error ends the job or its attempt
            return self._failed(run, error)
        try:
            done = self._record_end(
                lambda: self._catalog.jobs.complete(
                    job,
                    outcome.result,
                    self._clock(),
                    fingerprint=outcome.fingerprint,
                    store_ids=outcome.store_ids,
                )
            )
        except Exception as error:  # noqa: BLE001 - the catalog cannot store the result
            return self._failed(run, error)
        return JobState.COMPLETE if done else None

    def _stopped(self, run: RunningJob) -> JobState | None:
        if run.stop is Stop.CANCELLED:
            cancelled = self._record_end(lambda: self._catalog.jobs.cancel(run.job, self._clock()))
            return JobState.CANCELLED if cancelled else None
        if run.stop is Stop.HANDED_BACK:
            self._record_end(lambda: self._catalog.jobs.hand_back(run.job))
        return None

    def _failed(self, run: RunningJob, error: Exception) -> JobState | None:
        job, reason = run.job, reason_of(error)
        retry = self._runner.handlers[job.kind].retry
        if is_temporary(error) and job.attempts < retry.max_attempts:
            pause = retry.pause_after(job.attempts)
            log.warning("job failed, tried again in %s: %s", pause, reason, extra={"kind": job.kind})
            self._record_end(lambda: self._catalog.jobs.retry(job, reason, self._clock() + pause))
            JOB_RETRIES.labels(job.kind).inc()
            return None
        log.warning(
            "job failed: %s",
            reason,
            extra={"kind": job.kind},
            exc_info=None if isinstance(error, StorewatchError) else error,
        )
        failed = self._record_end(lambda: self._catalog.jobs.fail(job, reason, self._clock()))
        return JobState.FAILED if failed else None

    def _record_end(self, write: Callable[[], bool]) -> bool:
        """Record how a job ended. While the catalog cannot be written, try again until the worker stops."""
        while True:
            try:
                return write()
            except UnavailableError as error:
                if self._stopping.wait(1):
                    raise
                log.warning("the catalog cannot be written, the end of a job waits to be recorded: %s", error)

    def _watch(self) -> None:
        """Check the running jobs and the other workers again and again, until the worker stops."""
        due = dict.fromkeys(("check_workers", "beat", "maintenance"), 0.0)
        every = {
            "check_workers": self._timing.check_workers.total_seconds(),
            "beat": self._timing.beat.total_seconds(),
            "maintenance": 60.0,
        }
        tasks: dict[str, Callable[[datetime], object]] = {
            "check_workers": self._check_workers,
            "beat": self._beat,
            "maintenance": self._runner.run_maintenance,
        }
        while not self._stopping.wait(self._timing.check_runs.total_seconds()):
            self._log_errors(self._check_runs, "checking the running jobs")
            for name, task in tasks.items():
                if time.monotonic() >= due[name]:
                    due[name] = time.monotonic() + every[name]
                    self._log_errors(lambda task=task: task(self._clock()), name)  # type: ignore[misc]

    def _check_runs(self) -> None:
        runs = self._running()
        if not runs:
            return
        held = self._catalog.jobs.list_held(self._record.worker_id)
        for run in runs:
            cancelled = held.get((run.job.job_id, run.job.attempts))
            if cancelled is None:
                run.stop = Stop.LOST
            elif cancelled:
                run.stop = Stop.CANCELLED
            elif run.share > run.noted:
                run.noted = run.share
                self._catalog.jobs.set_progress(run.job, run.share)

    def _beat(self, now: datetime) -> None:
        self._presence.beat(now)
        if self._presence.release_orphans(now):
            self.wake()

    def _check_workers(self, now: datetime) -> None:
        if released := self._presence.sweep(now):
            log.warning("%d jobs taken from workers that died", released)
        if fire_due(self._catalog, now) or released:
            self.wake()

    def _log_errors(self, do: Callable[[], object], what: str, *, otherwise: object = None) -> object:
        """Call a function and return its value. Log an error and return `otherwise`: the caller's loop goes on."""
        try:
            return do()
        except Exception:
            log.exception("%s failed; tried again", what)
            return otherwise
