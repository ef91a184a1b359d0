"""What an installation forgets, when it is told to: old observations, finished reports, versions of the lake."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from storewatch.catalog import Catalog, Job
from storewatch.domain.enums import JobKind
from storewatch.domain.errors import InvalidInputError
from storewatch.lake import Lake
from storewatch.reports.archive.runs import Reports


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How many days things are kept; None is for ever. Of observations whole UTC days are kept."""

    observations_days: int | None = None
    reports_days: int | None = None
    lake_versions_days: int | None = None

    def __post_init__(self) -> None:
        if any(days is not None and not 1 <= days <= 36_500 for days in vars(self).values()):
            raise InvalidInputError("Retention is counted in whole days, from 1 to 36500.")

    def parameters(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "Limits":
        """Read what `parameters` gave; raises InvalidInputError for anything else."""
        if unknown := parameters.keys() - cls.__dataclass_fields__.keys():
            raise InvalidInputError(f"Retention does not know {', '.join(sorted(unknown))}.")
        if any(not (days is None or type(days) is int) for days in parameters.values()):
            raise InvalidInputError("Retention is counted in whole days, from 1 to 36500.")
        return cls(**parameters)


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What retention removes, or removed. lake_files: that no kept version of the lake needs."""

    observations: int = 0
    reports: int = 0
    lake_files: int = 0

    def result(self) -> dict[str, Any]:
        return dict(vars(self))


def preview_retention(limits: Limits, *, catalog: Catalog, lake: Lake, now: datetime) -> Removed:
    """Tell what `apply_retention` would remove at this moment, and change nothing.

    The files of observations that are still there cannot be counted among lake_files.
    """
    observations = lake_files = 0
    if limits.observations_days is not None:
        observations = lake.rows_before((now.astimezone(UTC) - timedelta(days=limits.observations_days)).date())
    if limits.lake_versions_days is not None:
        lake_files = lake.files_unused(timedelta(days=limits.lake_versions_days))
    reports = len(_old_reports(limits, catalog, now))
    return Removed(observations=observations, reports=reports, lake_files=lake_files)


def apply_retention(
    limits: Limits,
    *,
    catalog: Catalog,
    lake: Lake,
    reports: Reports,
    now: datetime,
    check: Callable[[], None],
) -> Removed:
    """Remove what is older than the limits; `check` is called between the parts and may stop it there."""
    observations = lake_files = removed = 0
    if limits.observations_days is not None:
        observations = lake.delete_before((now.astimezone(UTC) - timedelta(days=limits.observations_days)).date())
    check()
    for report in _old_reports(limits, catalog, now):
        removed += catalog.jobs.delete(report.job_id)
        reports.remove_files(report.job_id)
        check()
    if limits.lake_versions_days is not None:
        kept = timedelta(days=limits.lake_versions_days)
        lake_files = lake.optimize(now=now, retention=kept, progress=lambda *_: check()).files_vacuumed
    return Removed(observations=observations, reports=removed, lake_files=lake_files)


def _old_reports(limits: Limits, catalog: Catalog, now: datetime) -> list[Job]:
    if limits.reports_days is None:
        return []
    return catalog.jobs.list_finished_before(now - timedelta(days=limits.reports_days), JobKind.REPORT)
