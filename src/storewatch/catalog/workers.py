"""The processes that run jobs, by their heartbeats."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.schema import jobs, workers
from storewatch.catalog.jobs import release_jobs
from storewatch.domain.enums import JobKind


@dataclass(frozen=True, kw_only=True)
class WorkerRecord:
    """A process that runs jobs. host: names the machine whose process `pid` is."""

    worker_id: str
    host: str
    pid: int
    started_at: datetime
    beat_at: datetime


class WorkerRepository(Repository):
    """The workers that are registered."""

    def beat(self, worker: WorkerRecord, now: datetime) -> None:
        """Record that a worker is alive. A worker that is not registered, or not any more, is registered."""
        with self._database.writing() as connection:
            beat = update(workers).where(workers.c.worker_id == worker.worker_id).values(beat_at=now)
            if connection.execute(beat).rowcount == 0:
                row = {
                    "worker_id": worker.worker_id,
                    "host": worker.host,
                    "pid": worker.pid,
                    "started_at": worker.started_at,
                    "beat_at": now,
                }
                connection.execute(insert(workers).values(row))

    def list_(self) -> list[WorkerRecord]:
        """List the registered workers, the oldest first."""
        query = select(workers).order_by(workers.c.started_at, workers.c.worker_id)
        with self._database.reading() as connection:
            return [WorkerRecord(**row) for row in connection.execute(query).mappings()]

    def remove(self, worker: WorkerRecord, *, max_attempts: Mapping[JobKind, int], now: datetime) -> int:
        """Remove a dead worker. Return how many of its jobs go back into the queue.

        Nothing happens when the worker had a heartbeat since `worker` was read.
        """
        same = (workers.c.worker_id == worker.worker_id) & (workers.c.beat_at == worker.beat_at)
        with self._database.writing() as connection:
            if connection.execute(delete(workers).where(same)).rowcount == 0:
                return 0
            return release_jobs(connection, jobs.c.worker_id == worker.worker_id, max_attempts=max_attempts, now=now)

    def release_orphans(self, *, max_attempts: Mapping[JobKind, int], now: datetime) -> int:
        """Queue again the running jobs of workers that are not registered, and return how many."""
        known = select(func.count()).where(workers.c.worker_id == jobs.c.worker_id).scalar_subquery()
        orphaned = (jobs.c.state == "running") & (known == 0)
        with self._database.reading() as connection:
            if connection.execute(select(jobs.c.job_id).where(orphaned).limit(1)).scalar() is None:
                return 0
        with self._database.writing() as connection:
            return release_jobs(connection, orphaned, max_attempts=max_attempts, now=now)
