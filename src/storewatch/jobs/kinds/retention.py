"""Retention: delete old observations, finished reports, rejected rows and versions of the lake."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from storewatch.catalog import Catalog, Job
from storewatch.domain.enums import JobKind
from storewatch.domain.errors import InvalidInputError
from storewatch.jobs.handler import MAINTENANCE, JobHandler, JobServices, Parameters, StoredData
from storewatch.jobs.running import JobResult, RunningJob
from storewatch.lake import Lake
from storewatch.reports.archive.runs import Reports


@dataclass(frozen=True, kw_only=True)
class RetentionLimits:
    """How many days data are kept; None is for ever. Observations are kept by whole UTC days.

    rejects_days: of the rows that imports rejected; their number stays.
    """

    observations_days: int | None = None
    reports_days: int | None = None
    lake_versions_days: int | None = None
    rejects_days: int | None = None

    def __post_init__(self) -> None:
        if any(days is not None and not 1 <= days <= 36_500 for days in vars(self).values()):
            raise InvalidInputError("Retention is counted in whole days, from 1 to 36500.")

    def parameters(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "RetentionLimits":
        """Read what `parameters` returned. Raises InvalidInputError for anything else."""
        if unknown := parameters.keys() - cls.__dataclass_fields__.keys():
            raise InvalidInputError(f"Retention has no parameter {', '.join(sorted(unknown))}.")
        if any(not (days is None or type(days) is int) for days in parameters.values()):
            raise InvalidInputError("Retention is counted in whole days, from 1 to 36500.")
        return cls(**parameters)


@dataclass(frozen=True, kw_only=True)
class RetentionResult:
    """How much retention removes, or removed. lake_files: files that no kept version of the lake needs."""

    observations: int = 0
    reports: int = 0
    lake_files: int = 0
    rejects: int = 0

    def result(self) -> dict[str, Any]:
        return dict(vars(self))


def preview_retention(limits: RetentionLimits, *, catalog: Catalog, lake: Lake, now: datetime) -> RetentionResult:
    """Return what `apply_retention` would remove at this moment, and change nothing.

    lake_files leaves out the files of the observations that are still to be removed.
    """
    observations = lake_files = 0
    if limits.observations_days is not None:
        observations = lake.rows_before((now.astimezone(UTC) - timedelta(days=limits.observations_days)).date())
    if limits.lake_versions_days is not None:
        lake_files = lake.files_unused(timedelta(days=limits.lake_versions_days))
    reports = len(_old_reports(limits, catalog, now))
    rejects = catalog.imports.count_rejects_before(_day(limits.rejects_days, now))
    return RetentionResult(observations=observations, reports=reports, lake_files=lake_files, rejects=rejects)


def apply_retention(
    limits: RetentionLimits,
    *,
    catalog: Catalog,
    lake: Lake,
    reports: Reports,
    now: datetime,
    check: Callable[[], None],
) -> RetentionResult:
    """Remove what is older than the limits. `check` is called between the parts; its errors stop the work there."""
    observations = lake_files = removed = 0
    if limits.observations_days is not None:
        observations = lake.delete_before((now.astimezone(UTC) - timedelta(days=limits.observations_days)).date())
    check()
    rejects = catalog.imports.delete_rejects_before(_day(limits.rejects_days, now))
    check()
    for report in _old_reports(limits, catalog, now):
        removed += catalog.jobs.delete(report.job_id)
        reports.remove_files(report.job_id)
        check()
    if limits.lake_versions_days is not None:
        kept = timedelta(days=limits.lake_versions_days)
        lake_files = lake.optimize(now=now, retention=kept, progress=lambda *_: check()).files_vacuumed
    return RetentionResult(observations=observations, reports=removed, lake_files=lake_files, rejects=rejects)


def run(running: RunningJob, services: JobServices) -> JobResult:
    """Apply the retention of the parameters."""
    removed = apply_retention(
        RetentionLimits.from_parameters(running.job.parameters),
        catalog=services.catalog,
        lake=services.lake,
        reports=services.reports,
        now=services.clock(),
        check=running.check,
    )
    return JobResult(result=removed.result())


def check_parameters(parameters: Parameters, stored: StoredData | None) -> dict[str, Any]:  # noqa: ARG001
    """Check the limits. At least one is required."""
    limits = RetentionLimits.from_parameters(parameters)
    if limits == RetentionLimits():
        raise InvalidInputError("Retention needs at least one number of days; without any it keeps everything.")
    return limits.parameters()


def _day(days: int | None, now: datetime) -> datetime | None:
    return None if days is None else now - timedelta(days=days)


def _old_reports(limits: RetentionLimits, catalog: Catalog, now: datetime) -> list[Job]:
    if limits.reports_days is None:
        return []
    return catalog.jobs.list_finished_before(now - timedelta(days=limits.reports_days), JobKind.REPORT)


HANDLER = JobHandler(
    kind=JobKind.RETENTION,
    lane=MAINTENANCE,
    help="Delete observations, reports, rejected rows and versions of the lake older than so many days.",
    parameters_help=", ".join(RetentionLimits.__dataclass_fields__),
    run=run,
    check_parameters=check_parameters,
)
