"""The jobs: the record of all background work, and the queue from which workers take jobs."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.schema import api_keys, jobs
from storewatch.catalog.job_names import forget_names, record_names, visible_ids
from storewatch.catalog.job_signals import JobSignals, notify_job_queued, open_job_signals
from storewatch.catalog.visibility import is_visible_job
from storewatch.domain.enums import ENDED, JobKind, JobState
from storewatch.domain.errors import TooManyQueuedJobsError
from storewatch.domain.labels import ALL_STORES, Label, Scope


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job. A field is None where it is not known, not known yet, or has no meaning in this state.

    The kind decides what `parameters` and `result` hold. progress: 0 ... 1.
    """

    job_id: str
    kind: JobKind
    state: JobState
    parameters: dict[str, Any]
    created_at: datetime
    created_by: str | None = None
    scope_label: str | None = None
    scope_value: str | None = None
    request_id: str | None = None
    retry_at: datetime | None = None
    worker_id: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    progress: float = 0.0
    attempts: int = 0
    cancel_requested: bool = False
    fingerprint: str | None = None
    result: dict[str, Any] | None = None
    error: str | None = None

    @property
    def has_ended(self) -> bool:
        """Return whether the job is complete, failed or cancelled."""
        return self.state in ENDED

    @property
    def scope(self) -> Scope:
        """The scope of the caller that created the job."""
        return Scope() if self.scope_label is None else Scope(label=Label(self.scope_label, self.scope_value or ""))


class JobRepository(Repository):
    """Create, claim, end, list and delete jobs.

    A worker holds the job that it runs, by (worker_id, attempts). After a job was taken from a worker that seemed dead,
    changes by that worker return False and change nothing.
    """

    def create(self, job_id: str, kind: JobKind, parameters: Mapping[str, Any], now: datetime, **creator: Any) -> None:
        """Accept a job. creator: as in `create_all`."""
        self.create_all(kind, {job_id: parameters}, now, **creator)

    def create_all(
        self,
        kind: JobKind,
        parameters: Mapping[str, Mapping[str, Any]],
        now: datetime,
        *,
        created_by: str | None = None,
        scope: Scope = ALL_STORES,
        request_id: str | None = None,
        most_queued: int | None = None,
    ) -> None:
        """Accept jobs, or none of them. After this returns, they will run even if this process dies.

        parameters: of each job, by its id. Raises TooManyQueuedJobsError when more than `most_queued` jobs of the key
        `created_by` would wait.
        """
        with self._database.writing() as connection:
            if created_by is not None and most_queued is not None:
                _check_queued(connection, created_by, len(parameters), most_queued)
            for number, (job_id, each) in enumerate(parameters.items()):
                accepted_at = now + timedelta(microseconds=number)  # they run in this order
                insert_job(
                    connection,
                    job_id,
                    kind,
                    each,
                    accepted_at,
                    created_by=created_by,
                    scope=scope,
                    request_id=request_id,
                )

    def find(self, job_id: str, scope: Scope = ALL_STORES) -> Job | None:
        """Return one job, None if the caller sees none with this id."""
        return next(iter(self._select(select(jobs).where(jobs.c.job_id == job_id, is_visible_job(scope)))), None)

    def list_(
        self,
        *,
        kind: JobKind | None = None,
        states: Collection[JobState] = (),
        scope: Scope = ALL_STORES,
        after: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[Job]:
        """List jobs, the newest first.

        scope: only those that the caller sees; after: (created_at, job_id) of the last one seen.
        """
        query = select(jobs).order_by(jobs.c.created_at.desc(), jobs.c.job_id.desc()).limit(limit)
        query = query.where(is_visible_job(scope))
        if kind is not None:
            query = query.where(jobs.c.kind == kind)
        if states:
            query = query.where(jobs.c.state.in_(states))
        if after is not None:
            query = query.where(tuple_(jobs.c.created_at, jobs.c.job_id) < tuple_(*after))
        return self._select(query)

    def count(self, scope: Scope = ALL_STORES) -> dict[JobKind, dict[JobState, int]]:
        """Count the jobs that the caller sees by kind and state; kinds and states without any are left out."""
        query = select(jobs.c.kind, jobs.c.state, func.count()).group_by(jobs.c.kind, jobs.c.state)
        query = query.where(is_visible_job(scope))
        counts: dict[JobKind, dict[JobState, int]] = {}
        with self._database.reading() as connection:
            for kind, state, count in connection.execute(query.order_by(jobs.c.kind, jobs.c.state)):
                counts.setdefault(JobKind(kind), {})[JobState(state)] = count
        return counts

    def oldest_queued_at(self) -> datetime | None:
        """Return when the oldest queued job was accepted; None when no job is queued."""
        with self._database.reading() as connection:
            query = select(jobs.c.created_at).where(jobs.c.state == JobState.QUEUED)
            return connection.execute(query.order_by(jobs.c.created_at).limit(1)).scalar()

    def find_finished(self, fingerprint: str) -> Job | None:
        """Return the newest complete job with this fingerprint, or None."""
        query = select(jobs).where(jobs.c.fingerprint == fingerprint, jobs.c.state == JobState.COMPLETE)
        return next(iter(self._select(query.order_by(jobs.c.finished_at.desc(), jobs.c.job_id).limit(1))), None)

    def list_finished_before(self, before: datetime, kind: JobKind) -> list[Job]:
        """List the jobs of a kind that ended before an instant, in any state, the oldest first."""
        query = select(jobs).where(jobs.c.kind == kind, jobs.c.state.in_(ENDED), jobs.c.finished_at < before)
        return self._select(query.order_by(jobs.c.finished_at, jobs.c.job_id))

    def claim(self, worker_id: str, kinds: Collection[JobKind], now: datetime) -> Job | None:
        """Mark the oldest queued job of these kinds that may run now as running. Return it, None when there is none."""
        due = and_(
            jobs.c.state == JobState.QUEUED,
            jobs.c.kind.in_(kinds),
            or_(jobs.c.retry_at.is_(None), jobs.c.retry_at <= now),
        )
        query = select(jobs.c.job_id).where(due).order_by(jobs.c.created_at, jobs.c.job_id).limit(1)
        with self._database.reading() as connection:  # usually no job waits, and then no lock is taken
            if connection.execute(query).scalar() is None:
                return None
        with self._database.writing() as connection:
            job_id = connection.execute(query.with_for_update(skip_locked=True)).scalar()
            if job_id is None:
                return None
            claimed = (
                update(jobs)
                .where(jobs.c.job_id == job_id, jobs.c.state == JobState.QUEUED)
                .values(
                    state=JobState.RUNNING,
                    worker_id=worker_id,
                    attempts=jobs.c.attempts + 1,
                    started_at=now,
                    retry_at=None,
                    progress=0.0,
                )
                .returning(*jobs.c)
            )
            return next((_job(row) for row in connection.execute(claimed).mappings()), None)

    def find_next_retry(self, now: datetime) -> datetime | None:
        """Return when the next queued job that must wait until after `now` may run; None when there is none."""
        query = select(func.min(jobs.c.retry_at)).where(jobs.c.state == JobState.QUEUED, jobs.c.retry_at > now)
        with self._database.reading() as connection:
            return connection.execute(query).scalar()

    def open_signals(self) -> JobSignals:
        """Return the signals by which one thread of a worker learns that a job may have been queued."""
        return open_job_signals(self._database.engine)

    def list_held(self, worker_id: str) -> dict[tuple[str, int], bool]:
        """Return the jobs that a worker holds, by (job_id, attempts), and whether their cancellation was requested."""
        query = select(jobs.c.job_id, jobs.c.attempts, jobs.c.cancel_requested).where(
            jobs.c.worker_id == worker_id, jobs.c.state == JobState.RUNNING
        )
        with self._database.reading() as connection:
            return {(job_id, attempts): requested for job_id, attempts, requested in connection.execute(query)}

    def release_lost(
        self, worker_id: str, running: Collection[str], *, max_attempts: Mapping[JobKind, int], now: datetime
    ) -> int:
        """Queue again the jobs that a worker holds and does not run, and return how many.

        A connection that breaks at a commit leaves such a job: the claim was stored, and the worker did not learn it.
        """
        lost = and_(jobs.c.worker_id == worker_id, jobs.c.job_id.not_in(running))
        with self._database.writing() as connection:
            return release_jobs(connection, lost, max_attempts=max_attempts, now=now)

    def set_progress(self, job: Job, progress: float) -> bool:
        """Set the progress of a held job, 0 ... 1. Return False when the job is not held any more."""
        with self._database.writing() as connection:
            return _change(connection, job, progress=progress)

    def complete(
        self,
        job: Job,
        result: Mapping[str, Any],
        now: datetime,
        *,
        fingerprint: str | None = None,
        store_ids: pl.Series | None = None,
    ) -> bool:
        """End a held job as complete. Return False when the job is not held any more.

        store_ids: the stores that the result names; None: any of the scope.
        """
        values = {"result": dict(result), "fingerprint": fingerprint, "progress": 1.0, "finished_at": now}
        return self._end_naming(job, store_ids, state=JobState.COMPLETE, **values)

    def fail(self, job: Job, error: str, now: datetime) -> bool:
        """End a held job as failed. Return False when the job is not held any more. The error may name any store."""
        return self._end_naming(job, None, state=JobState.FAILED, error=error, finished_at=now)

    def cancel(self, job: Job, now: datetime) -> bool:
        """End a held job as cancelled. Return False when the job is not held any more."""
        return self._end(job, state=JobState.CANCELLED, finished_at=now)

    def retry(self, job: Job, error: str, retry_at: datetime) -> bool:
        """Queue a held job again after a failed attempt. error: why it failed."""
        return self._end(job, state=JobState.QUEUED, error=error, retry_at=retry_at)

    def hand_back(self, job: Job) -> bool:
        """Queue a held job again. The attempt does not count."""
        return self._end(job, state=JobState.QUEUED, attempts=job.attempts - 1)

    def request_cancel(self, job_id: str, now: datetime) -> bool:
        """Cancel a queued job at once, or request that a running one stops. Return False when the job had ended."""
        this = jobs.c.job_id == job_id
        with self._database.writing() as connection:
            queued = (
                update(jobs)
                .where(this, jobs.c.state == JobState.QUEUED)
                .values(state=JobState.CANCELLED, cancel_requested=True, finished_at=now)
            )
            if connection.execute(queued).rowcount == 1:
                return True
            running = update(jobs).where(this, jobs.c.state == JobState.RUNNING).values(cancel_requested=True)
            return connection.execute(running).rowcount == 1

    def delete(self, job_id: str) -> bool:
        """Delete a job that has ended. Return False when no ended job has this id."""
        with self._database.writing() as connection:
            ended = and_(jobs.c.job_id == job_id, jobs.c.state.in_(ENDED))
            deleted = connection.execute(delete(jobs).where(ended).returning(jobs.c.names_id)).first()
            if deleted is not None and deleted.names_id is not None:
                forget_names(connection, deleted.names_id)
            return deleted is not None

    def _end(self, job: Job, **values: object) -> bool:
        with self._database.writing() as connection:
            return _change(connection, job, worker_id=None, **values)

    def _end_naming(self, job: Job, store_ids: pl.Series | None, **values: object) -> bool:
        """End a held job, and record which stores its result or error names. None: any of the scope."""
        with self._database.writing() as connection:
            if job.scope.is_limited:
                named = visible_ids(connection, job.scope) if store_ids is None else store_ids
                values["names_id"] = record_names(connection, job.scope, job.parameters, named)
            return _change(connection, job, worker_id=None, **values)

    def _select(self, query: Select[Any]) -> list[Job]:
        with self._database.reading() as connection:
            return [_job(row) for row in connection.execute(query).mappings()]


def _change(connection: Connection, job: Job, **values: object) -> bool:
    """Change a held job. Return False when the job is not held any more."""
    held = and_(
        jobs.c.job_id == job.job_id,
        jobs.c.state == JobState.RUNNING,
        jobs.c.worker_id == job.worker_id,
        jobs.c.attempts == job.attempts,
    )
    if connection.execute(update(jobs).where(held).values(values)).rowcount == 0:
        return False
    if values.get("state") is JobState.QUEUED:
        notify_job_queued(connection)
    return True


def insert_job(
    connection: Connection,
    job_id: str,
    kind: JobKind,
    parameters: Mapping[str, Any],
    now: datetime,
    *,
    created_by: str | None = None,
    scope: Scope = ALL_STORES,
    request_id: str | None = None,
) -> None:
    """Put a job into the queue within a transaction."""
    label, value = scope.label or (None, None)
    connection.execute(
        insert(jobs).values(
            job_id=job_id,
            kind=kind,
            state=JobState.QUEUED,
            parameters=dict(parameters),
            created_at=now,
            created_by=created_by,
            scope_label=label,
            scope_value=value,
            names_id=record_names(connection, scope, parameters, None),
            request_id=request_id,
            progress=0.0,
            attempts=0,
            cancel_requested=False,
        )
    )
    notify_job_queued(connection)


def _check_queued(connection: Connection, key_id: str, more: int, most: int) -> None:
    """Raise TooManyQueuedJobsError when with `more` jobs too many of a key would wait."""
    # Requests of the same key wait for each other here; SQLite has taken its lock already.
    connection.execute(select(api_keys.c.key_id).where(api_keys.c.key_id == key_id).with_for_update())
    queued = select(func.count()).where(jobs.c.state == JobState.QUEUED, jobs.c.created_by == key_id)
    if connection.execute(queued).scalar_one() + more > most:
        raise TooManyQueuedJobsError(most)


def release_jobs(
    connection: Connection, held: ColumnElement[bool], *, max_attempts: Mapping[JobKind, int], now: datetime
) -> int:
    """Queue again the running jobs of workers that ended, and return how many.

    A job that was tried as often as `max_attempts` allows for its kind fails: it may be the cause of the deaths. A job
    whose cancellation was requested is cancelled.
    """
    running = and_(held, jobs.c.state == JobState.RUNNING)
    cancelled = update(jobs).where(running, jobs.c.cancel_requested)
    connection.execute(cancelled.values(state=JobState.CANCELLED, worker_id=None, finished_at=now))
    for most in sorted(set(max_attempts.values())):
        kinds = [kind for kind, attempts in max_attempts.items() if attempts == most]
        reason = f"The process that ran it died; after {most} tries it is not tried again."
        poisoned = update(jobs).where(running, jobs.c.kind.in_(kinds), jobs.c.attempts >= most)
        connection.execute(poisoned.values(state=JobState.FAILED, worker_id=None, finished_at=now, error=reason))
    released = update(jobs).where(running).values(state=JobState.QUEUED, worker_id=None)
    count = connection.execute(released).rowcount
    if count:
        notify_job_queued(connection)
    return count


def _job(row: RowMapping) -> Job:
    shown = {name: value for name, value in row.items() if name != "names_id"}
    return Job(**shown | {"kind": JobKind(row["kind"]), "state": JobState(row["state"])})
