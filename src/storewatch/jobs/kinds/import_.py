"""Imports: read uploaded files into the catalog and the lake."""

from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl

from storewatch.catalog import Job, StoreFilter
from storewatch.domain.enums import JobKind, WeekdayCounting
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instants import parse_instant
from storewatch.ingest import Imported, ImportOptions, InputFile, import_files
from storewatch.jobs.handler import JobHandler, JobServices, Lane, Parameters, StoredData
from storewatch.jobs.running import JobResult, RunningJob
from storewatch.stores.gaps import find_gaps

# An upload that belongs to no job yet may still be running.
LONGEST_UPLOAD: Final = timedelta(days=1)
JOB_ID_LENGTH: Final = 36


def run(running: RunningJob, services: JobServices) -> JobResult:
    """Import the files, unless an earlier attempt has committed them already."""
    job = running.job
    own_before = _own_stores(job, services)
    imported = services.catalog.imports.list_by_job(job.job_id)
    left_out: tuple[str, ...] = ()
    if not imported:
        left_out = _import_uploads(running, services).left_out
        imported = services.catalog.imports.list_by_job(job.job_id)
    kept = ("import_id", "file", "table_name", "rows", "accepted", "rejected", "lake_version")
    tables = [{name: getattr(each, name) for name in kept} | asdict(each.notes) for each in imported]
    own = _own_stores(job, services)
    gaps = find_gaps(services.catalog, services.lake.snapshot(), own)
    return JobResult(
        result={"tables": tables, "left_out": list(left_out), "inputs": list(gaps.lines())},
        store_ids=None if own is None or own_before is None else pl.concat([own_before, own]).unique(),
    )


def check_parameters(parameters: Parameters, stored: StoredData | None) -> dict[str, Any]:  # noqa: ARG001
    """Raise InvalidInputError: an import cannot be scheduled."""
    raise InvalidInputError("An import cannot be scheduled: each import has its own files.")


def clean_up(job_id: str, job: Job | None, services: JobServices) -> None:  # noqa: ARG001
    """Remove the uploaded files."""
    for upload in services.uploads.glob(f"{job_id}*"):
        upload.unlink(missing_ok=True)


def remove_left_uploads(services: JobServices, now: datetime) -> None:
    """Remove uploads that no worker removed: their imports were cancelled in the queue, or their worker died."""
    if not services.uploads.is_dir():
        return
    for upload in services.uploads.iterdir():
        job = services.catalog.jobs.find(job_of(upload.name))
        if job.has_ended if job is not None else _is_old(upload, now):
            upload.unlink(missing_ok=True)


def upload_name(job_id: str, number: int) -> str:
    """Return the name of the file that holds an upload of a job; `number` counts the job's files from 0."""
    return f"{job_id}-{number}" if number else job_id


def job_of(upload: str) -> str:
    """Return the id of the job in a name that `upload_name` returned."""
    return upload[:JOB_ID_LENGTH]


def _is_old(upload: Path, now: datetime) -> bool:
    return now.timestamp() - upload.stat().st_mtime > LONGEST_UPLOAD.total_seconds()


def _own_stores(job: Job, services: JobServices) -> pl.Series | None:
    """Return the stores of the scope of a job: its creator must not see others. None without a scope."""
    return services.catalog.stores.list_ids(StoreFilter(labels=job.scope.labels)) if job.scope.is_limited else None


def _import_uploads(running: RunningJob, services: JobServices) -> Imported:
    job = running.job
    valid_from, weekdays = job.parameters.get("valid_from"), job.parameters.get("weekdays")
    # Jobs of earlier versions have one file.
    names = job.parameters.get("files", [job.parameters["file"]])
    files = [
        InputFile(path=services.uploads / upload_name(job.job_id, number), name=str(name))
        for number, name in enumerate(names)
    ]
    return import_files(
        files,
        catalog=services.catalog,
        lake=services.lake,
        # Of two files the file accepted later wins, in whatever order they are imported.
        now=job.created_at,
        options=ImportOptions(
            strict=job.parameters["strict"],
            progress=running.progress,
            job_id=job.job_id,
            loaded_at=parse_instant(text) if (text := job.parameters.get("loaded_at")) else job.created_at,
            scope=job.scope,
            valid_from=date.fromisoformat(valid_from) if valid_from else None,
            weekdays=WeekdayCounting(weekdays) if weekdays else None,
            allow_unknown=job.parameters.get("allow_unknown", False),
            columns=job.parameters.get("columns", {}),
        ),
    )


HANDLER = JobHandler(
    kind=JobKind.IMPORT,
    lane=Lane(name="imports", slots=1),
    help="Import uploaded files.",
    parameters_help="those of POST /v1/imports",
    is_schedulable=False,
    run=run,
    check_parameters=check_parameters,
    clean_up=clean_up,
    maintain=remove_left_uploads,
)
