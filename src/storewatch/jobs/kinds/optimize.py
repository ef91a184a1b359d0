"""Optimize: rewrite the lake's closed days sorted and without duplicates."""

from dataclasses import asdict
from typing import Any

from storewatch.domain.enums import JobKind
from storewatch.domain.errors import InvalidInputError
from storewatch.ingest.undoing import forget_old_imports
from storewatch.jobs.handler import MAINTENANCE, JobHandler, JobServices, Parameters, StoredData
from storewatch.jobs.running import JobResult, RunningJob


def run(running: RunningJob, services: JobServices) -> JobResult:
    """Optimize the lake, and delete what was kept to undo imports that can no longer be undone."""
    forget_old_imports(services.catalog, services.lake, services.clock())
    return JobResult(result=asdict(services.lake.optimize(now=services.clock(), progress=running.progress)))


def check_parameters(parameters: Parameters, stored: StoredData | None) -> dict[str, Any]:  # noqa: ARG001
    """Accept no parameters."""
    if parameters:
        raise InvalidInputError("optimize takes no parameters; leave them out.")
    return {}


HANDLER = JobHandler(
    kind=JobKind.OPTIMIZE,
    lane=MAINTENANCE,
    help="Rewrite the closed days of the lake sorted and without duplicates, and merge small files.",
    run=run,
    check_parameters=check_parameters,
)
