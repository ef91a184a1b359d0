"""Heartbeats: record that a worker is alive, and put the jobs of dead workers back into the queue."""

import os
import platform
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from storewatch.catalog import Catalog, WorkerRecord
from storewatch.domain.enums import JobKind


def this_machine() -> str:
    """Return the name of this machine: process ids can be checked only on one machine. Each container has a name."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{platform.node()}/{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return platform.node()


def new_worker(now: datetime) -> WorkerRecord:
    return WorkerRecord(worker_id=uuid4().hex, host=this_machine(), pid=os.getpid(), started_at=now, beat_at=now)


class Presence:
    """Write the heartbeats of one worker, and watch those of the others.

    Another worker is dead when its process is gone, if that can be seen from here, or when it has had no heartbeat for
    `dead_after` of this machine's time: clocks of different machines are never compared.
    """

    def __init__(
        self, *, catalog: Catalog, worker: WorkerRecord, dead_after: timedelta, max_attempts: Mapping[JobKind, int]
    ) -> None:
        """max_attempts: how often a job of each kind is tried when its process dies."""
        self._catalog = catalog
        self._max_attempts = max_attempts
        self._worker = worker
        self._dead_after = dead_after
        self._seen: dict[str, tuple[datetime, datetime]] = {}  # by worker_id: its last beat, and when it was first seen

    def beat(self, now: datetime) -> None:
        """Write a heartbeat."""
        self._catalog.workers.beat(self._worker, now)

    def sweep(self, now: datetime, *, is_alive: Callable[[int], bool] | None = None) -> int:
        """Put the jobs of dead workers back into the queue. Return how many."""
        is_alive = is_alive or _process_exists
        released = 0
        for other in self._catalog.workers.list_():
            if other.worker_id == self._worker.worker_id:
                continue
            beat_at, since = self._seen.get(other.worker_id, (other.beat_at, now))
            if beat_at != other.beat_at:
                since = now
            self._seen[other.worker_id] = (other.beat_at, since)
            gone = other.host == self._worker.host and not is_alive(other.pid)
            if gone or now - since >= self._dead_after:
                released += self._catalog.workers.remove(other, max_attempts=self._max_attempts, now=now)
                del self._seen[other.worker_id]
        return released

    def release_orphans(self, now: datetime) -> int:
        """Put the running jobs of workers that are not registered back into the queue. Return how many."""
        return self._catalog.workers.release_orphans(max_attempts=self._max_attempts, now=now)

    def release_lost(self, running: Collection[str], now: datetime) -> int:
        """Return to the queue the jobs that are assigned to this worker but not run by it. Return how many."""
        return self._catalog.jobs.release_lost(
            self._worker.worker_id, running, max_attempts=self._max_attempts, now=now
        )

    def leave(self, now: datetime) -> None:
        """Record that this worker has ended. Jobs that it still holds go back into the queue."""
        for worker in self._catalog.workers.list_():
            if worker.worker_id == self._worker.worker_id:
                self._catalog.workers.remove(worker, max_attempts=self._max_attempts, now=now)


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
