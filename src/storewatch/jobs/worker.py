"""Takes jobs from the queue and runs them, on threads: kernels, readers and SQL release the GIL."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from storewatch.catalog import Catalog
from storewatch.domain.enums import JobKind, JobState
from storewatch.domain.errors import CatalogUnavailableError, StorewatchError
from storewatch.jobs.failures import FIRST_PAUSE, MAX_ATTEMPTS, can_pass, pause_after, reason_of
from storewatch.jobs.presence import Presence, new_worker
from storewatch.jobs.run import Outcome, Run, Stop, StoppedError
from storewatch.jobs.schedules import fire_due
from storewatch.telemetry import JOB_RETRIES, JOB_SECONDS, bound

log = logging.getLogger(__name__)


class Work(Protocol):
    """What a worker can do."""

    def do(self, run: Run) -> Outcome:
        """Do the job of a run."""

    def tidy(self, job_id: str) -> None:
        """Called when a run of the job is over, however."""

    def keep_house(self, now: datetime) -> None:
        """Called at the start and then once a minute."""


# How many jobs of these kinds a process runs at once: a report waits for two reports at most, never for an import.
LANES: Final[tuple[tuple[frozenset[JobKind], int], ...]] = (
    (frozenset({JobKind.REPORT}), 2),
    (frozenset({JobKind.IMPORT}), 1),
    (frozenset({JobKind.OPTIMIZE, JobKind.RETENTION}), 1),
)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How often a worker looks, and how long it waits.

    A dead worker's job starts again within dead_after + look_around.
    poll: for jobs accepted by other processes (those of this one wake it at once); tend: for cancelled jobs, and to
    note progress; look_around: for dead workers and due schedules.
    """

    poll: timedelta = timedelta(milliseconds=50)
    tend: timedelta = timedelta(milliseconds=500)
    look_around: timedelta = timedelta(seconds=1)
    beat: timedelta = timedelta(seconds=5)
    dead_after: timedelta = timedelta(seconds=20)
    first_pause: timedelta = FIRST_PAUSE
    finish: timedelta = timedelta(seconds=3)
    hand_back: timedelta = timedelta(seconds=1)


class Worker:
    """One process's share of the work, from `start` to `stop`."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        work: Work,
        clock: Callable[[], datetime],
        timing: Timing | None = None,
    ) -> None:
        self._catalog = catalog
        self._work = work
        self._clock = clock
        self._timing = timing or Timing()
        self._record = new_worker(clock())
        self._presence = Presence(catalog=catalog, worker=self._record, dead_after=self._timing.dead_after)
        self._stopping = threading.Event()
        self._stop_lock, self._has_stopped = threading.Lock(), False
        self._woken = threading.Event()
        self._changed = threading.Condition()
        self._runs: set[Run] = set()
        self._threads = [
            threading.Thread(target=self._dispatch, name="jobs", daemon=True),
            threading.Thread(target=self._tend, name="jobs-tend", daemon=True),
        ]

    @property
    def worker_id(self) -> str:
        return self._record.worker_id

    def start(self) -> None:
        self._presence.beat(self._clock())
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look into the queue now."""
        self._woken.set()

    def stop(self) -> None:
        """Finish what runs, or hand back what takes longer than the timing allows; other workers go on with it.

        Called again, it waits for the end of the first call.
        """
        with self._stop_lock:
            if not self._has_stopped:
                self._stop()
                self._has_stopped = True

    def _stop(self) -> None:
        self._stopping.set()
        self._woken.set()
        for thread in self._threads:
            thread.join(timeout=1)
        if not self._wait_for_runs(self._timing.finish):
            for run in self._running():
                run.stop = run.stop or Stop.HANDED_BACK
            if not self._wait_for_runs(self._timing.hand_back):
                for run in self._running():
                    self._catalog.jobs.hand_back(run.job)
        self._presence.leave(self._clock())

    def _running(self) -> list[Run]:
        with self._changed:
            return list(self._runs)

    def _wait_for_runs(self, patience: timedelta) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._runs, timeout=patience.total_seconds())

    def _dispatch(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            if not self._shielded(self._start_waiting, "looking for jobs"):
                self._woken.wait(self._timing.poll.total_seconds())

    def _start_waiting(self) -> bool:
        """Start one job that waits; False when none does or nobody is free."""
        busy = Counter(run.job.kind for run in self._running())
        free = [kind for kinds, slots in LANES if sum(busy[kind] for kind in kinds) < slots for kind in kinds]
        job = self._catalog.jobs.claim(self._record.worker_id, free, self._clock()) if free else None
        if job is None:
            return False
        run = Run(job=job)
        with self._changed:
            self._runs.add(run)
        threading.Thread(target=self._run, args=(run,), name=f"job-{job.kind}", daemon=True).start()
        return True

    def _run(self, run: Run) -> None:
        job, begun = run.job, time.perf_counter()
        with bound(job_id=job.job_id, request_id=job.request_id):
            try:
                state = self._shielded(lambda: self._try(run), "ending the job")
                self._shielded(lambda: self._work.tidy(job.job_id), "tidying up")
            finally:
                with self._changed:
                    self._runs.discard(run)
                    self._changed.notify_all()
                self._woken.set()
            seconds = time.perf_counter() - begun
            if isinstance(state, JobState):
                JOB_SECONDS.labels(job.kind, state).observe(seconds)
                log.info(
                    "job %s", state, extra={"kind": job.kind, "attempt": job.attempts, "seconds": round(seconds, 3)}
                )

    def _try(self, run: Run) -> JobState | None:
        """Do the work and write down how it ended; None when it did not end."""
        job = run.job
        try:
            run.check()
            outcome = self._work.do(run)
        except StoppedError:
            return self._stopped(run)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the job's end or its retry
            return self._failed(run, error)
        try:
            done = self._insist(
                lambda: self._catalog.jobs.complete(job, outcome.result, self._clock(), fingerprint=outcome.fingerprint)
            )
        except Exception as error:  # noqa: BLE001 - a result that the catalog cannot keep
            return self._failed(run, error)
        return JobState.COMPLETE if done else None

    def _stopped(self, run: Run) -> JobState | None:
        if run.stop is Stop.CANCELLED:
            cancelled = self._insist(lambda: self._catalog.jobs.cancel(run.job, self._clock()))
            return JobState.CANCELLED if cancelled else None
        if run.stop is Stop.HANDED_BACK:
            self._insist(lambda: self._catalog.jobs.hand_back(run.job))
        return None

    def _failed(self, run: Run, error: Exception) -> JobState | None:
        job, reason = run.job, reason_of(error)
        if can_pass(error) and job.attempts < MAX_ATTEMPTS:
            pause = pause_after(job.attempts, self._timing.first_pause)
            log.warning("job failed, tried again in %s: %s", pause, reason, extra={"kind": job.kind})
            self._insist(lambda: self._catalog.jobs.retry(job, reason, self._clock() + pause))
            JOB_RETRIES.labels(job.kind).inc()
            return None
        log.warning(
            "job failed: %s",
            reason,
            extra={"kind": job.kind},
            exc_info=None if isinstance(error, StorewatchError) else error,
        )
        failed = self._insist(lambda: self._catalog.jobs.fail(job, reason, self._clock()))
        return JobState.FAILED if failed else None

    def _insist(self, write: Callable[[], bool]) -> bool:
        """Write down how a job ended; while the catalog is away, ask again until this process stops."""
        while True:
            try:
                return write()
            except CatalogUnavailableError as error:
                if self._stopping.wait(1):
                    raise
                log.warning("the catalog is away, a job's end waits for it: %s", error)

    def _tend(self) -> None:
        """Everything that is done by the clock."""
        due = dict.fromkeys(("look_around", "beat", "housekeeping"), 0.0)
        every = {
            "look_around": self._timing.look_around.total_seconds(),
            "beat": self._timing.beat.total_seconds(),
            "housekeeping": 60.0,
        }
        tasks: dict[str, Callable[[datetime], object]] = {
            "look_around": self._look_around,
            "beat": self._presence.beat,
            "housekeeping": self._work.keep_house,
        }
        while not self._stopping.wait(self._timing.tend.total_seconds()):
            self._shielded(self._tend_runs, "tending jobs")
            for name, task in tasks.items():
                if time.monotonic() >= due[name]:
                    due[name] = time.monotonic() + every[name]
                    self._shielded(lambda task=task: task(self._clock()), name)  # type: ignore[misc]

    def _tend_runs(self) -> None:
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

    def _look_around(self, now: datetime) -> None:
        if released := self._presence.sweep(now):
            log.warning("%d jobs taken from workers that died", released)
        if fire_due(self._catalog, now) or released:
            self._woken.set()

    def _shielded(self, do: Callable[[], object], what: str) -> object:
        """Whatever happens to one turn, the next one comes."""
        try:
            return do()
        except Exception:
            log.exception("%s failed; tried again", what)
            return None
