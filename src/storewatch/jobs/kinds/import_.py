"""Imports: read an uploaded file into the catalog and the lake."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from storewatch.catalog import Catalog, Job
from storewatch.domain.enums import JobKind
from storewatch.domain.errors import InvalidInputError
from storewatch.ingest import import_file
from storewatch.jobs.handler import JobHandler, JobServices, Lane, Parameters
from storewatch.jobs.running import JobResult, RunningJob

# An upload that no job names yet may still be under way.
LONGEST_UPLOAD: Final = timedelta(days=1)


def run(running: RunningJob, services: JobServices) -> JobResult:
    """Import the file, unless an earlier attempt died after its last commit."""
    job = running.job
    imported = services.catalog.imports.find_by_job(job.job_id)
    if imported is None:
        _import_upload(running, services)
        imported = services.catalog.imports.find_by_job(job.job_id)
    kept = ("import_id", "table_name", "rows", "accepted", "rejected", "lake_version")
    return JobResult(result={name: getattr(imported, name) for name in kept})


def check_parameters(parameters: Parameters, catalog: Catalog | None) -> dict[str, Any]:  # noqa: ARG001
    """Refuse every schedule."""
    raise InvalidInputError("An import cannot be scheduled: each has a file of its own.")


def clean_up(job_id: str, job: Job | None, services: JobServices) -> None:  # noqa: ARG001
    """Remove the uploaded file."""
    (services.uploads / job_id).unlink(missing_ok=True)


def remove_left_uploads(services: JobServices, now: datetime) -> None:
    """Remove uploads that no worker removed: of imports that were cancelled in the queue, or whose worker died."""
    if not services.uploads.is_dir():
        return
    for upload in services.uploads.iterdir():
        job = services.catalog.jobs.find(upload.name)
        if job.has_ended if job is not None else _is_old(upload, now):
            upload.unlink(missing_ok=True)


def _is_old(upload: Path, now: datetime) -> bool:
    return now.timestamp() - upload.stat().st_mtime > LONGEST_UPLOAD.total_seconds()


def _import_upload(running: RunningJob, services: JobServices) -> None:
    job, upload = running.job, services.uploads / running.job.job_id
    name, valid_from = str(job.parameters["file"]), job.parameters.get("valid_from")
    try:
        import_file(
            upload,
            catalog=services.catalog,
            lake=services.lake,
            # Of two files the one accepted later wins, whichever is imported first.
            now=job.created_at,
            strict=job.parameters["strict"],
            progress=running.progress,
            name=name,
            job_id=job.job_id,
            scope=job.scope,
            valid_from=date.fromisoformat(valid_from) if valid_from else None,
        )
    except InvalidInputError as error:
        raise InvalidInputError(str(error).replace(str(upload), name)) from error


HANDLER = JobHandler(
    kind=JobKind.IMPORT,
    lane=Lane(name="imports", slots=1),
    help="Import an uploaded file.",
    parameters_help="those of POST /v1/imports",
    is_schedulable=False,
    run=run,
    check_parameters=check_parameters,
    clean_up=clean_up,
    maintain=remove_left_uploads,
)
