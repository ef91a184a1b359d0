"""Heartbeats: a worker says that it lives, and takes their jobs from those that no longer do."""

import os
import platform
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from storewatch.catalog import Catalog, WorkerRecord
from storewatch.jobs.failures import MAX_ATTEMPTS


def this_machine() -> str:
    """Name the processes whose ids mean something to us: two containers of one machine are two."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{platform.node()}/{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return platform.node()


def new_worker(now: datetime) -> WorkerRecord:
    return WorkerRecord(worker_id=uuid4().hex, host=this_machine(), pid=os.getpid(), started_at=now, beat_at=now)


class Presence:
    """The beats of one worker, and its eye on the others.

    Another worker is dead when its process is gone, if that can be seen from here, or when it has not beaten for
    `dead_after` of this machine's time: clocks of different machines are never compared.
    """

    def __init__(self, *, catalog: Catalog, worker: WorkerRecord, dead_after: timedelta) -> None:
        self._catalog = catalog
        self._worker = worker
        self._dead_after = dead_after
        self._seen: dict[str, tuple[datetime, datetime]] = {}  # by worker_id: its last beat, and when we saw it first

    def beat(self, now: datetime) -> None:
        self._catalog.workers.beat(self._worker, now)

    def sweep(self, now: datetime, *, is_alive: Callable[[int], bool] | None = None) -> int:
        """Put the jobs of dead workers back into the queue; return how many."""
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
                released += self._catalog.workers.remove(other, max_attempts=MAX_ATTEMPTS, now=now)
                del self._seen[other.worker_id]
        return released + self._catalog.workers.release_orphans(max_attempts=MAX_ATTEMPTS, now=now)

    def leave(self, now: datetime) -> None:
        """Say that this worker is gone; what it still held goes back into the queue."""
        for mine in self._catalog.workers.list_():
            if mine.worker_id == self._worker.worker_id:
                self._catalog.workers.remove(mine, max_attempts=MAX_ATTEMPTS, now=now)


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
