"""Reports: compute one and store its file."""

import time
from typing import Any

from storewatch.catalog import Catalog, Job
from storewatch.domain.enums import JobKind
from storewatch.domain.errors import UnknownDefinitionError
from storewatch.jobs.handler import JobHandler, JobServices, Lane, Parameters, StoredData
from storewatch.jobs.running import JobResult, RunningJob
from storewatch.reports.request.definitions import resolve_definition
from storewatch.reports.request.names import check_names, check_polls
from storewatch.reports.request.request import read_request
from storewatch.stores.following import followed_snapshot
from storewatch.telemetry import REPORT_SECONDS


def run(running: RunningJob, services: JobServices) -> JobResult:
    """Compute the report on the polls of this moment."""
    begun = time.perf_counter()
    _refuse_unresolved(running.job.parameters, services.catalog)
    snapshot = followed_snapshot(services.catalog, services.lake, services.clock())
    done = services.reports.run(running.job, snapshot, running.progress)
    seconds = time.perf_counter() - begun
    REPORT_SECONDS.observe(seconds)
    result = done.result() | {"seconds": round(seconds, 3)}
    return JobResult(result=result, fingerprint=done.fingerprint, store_ids=done.store_ids)


def check_parameters(parameters: Parameters, stored: StoredData | None) -> dict[str, Any]:
    """Check a report as callers request it. The name of a definition stays: every run reads the definition again."""
    if stored is None:
        return read_request(parameters).parameters()
    request = read_request(resolve_definition(parameters, stored.catalog))
    check_names(request, stored.catalog)
    check_polls(request, stored.lake.snapshot(), stored.catalog)
    return request.parameters() if parameters.get("definition") is None else dict(parameters)


def resolve_parameters(parameters: Parameters, catalog: Catalog) -> dict[str, Any]:
    """Return the parameters with those of the named definition in place of its name.

    Raises UnknownDefinitionError, and InvalidInputError where the definition does not fit the other parameters.
    """
    return _with_definition(parameters, catalog) if "definition" in parameters else dict(parameters)


def clean_up(job_id: str, job: Job | None, services: JobServices) -> None:
    """Remove all files of the report except the finished one."""
    services.reports.remove_files(job_id, but=job.result["file"] if job and job.result else None)


def _with_definition(parameters: Parameters, catalog: Catalog) -> dict[str, Any]:
    return read_request(resolve_definition(parameters, catalog)).parameters()


def _refuse_unresolved(parameters: Parameters, catalog: Catalog) -> None:
    """Raise the reason why the definition of a scheduled report could not be used when the report was due."""
    if "definition" in parameters:
        _with_definition(parameters, catalog)
        raise UnknownDefinitionError(parameters["definition"])  # it exists again, too late for this report


HANDLER = JobHandler(
    kind=JobKind.REPORT,
    # A report waits for two reports at most, and never for an import.
    lane=Lane(name="reports", slots=2),
    help="Compute a report and store its file.",
    parameters_help=(
        "as for POST /v1/reports without as_of; `definition` names a saved report, which is read again for every run"
    ),
    run=run,
    check_parameters=check_parameters,
    resolve_parameters=resolve_parameters,
    clean_up=clean_up,
)
