"""Describe a kind of job: how it runs, with which other jobs, how often it is tried, and which parameters it has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from storewatch.catalog import Catalog, Job
from storewatch.domain.enums import JobKind
from storewatch.jobs.running import JobResult, RunningJob

if TYPE_CHECKING:
    from storewatch.lake import Lake
    from storewatch.reports.archive.runs import Reports

Parameters = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A group of kinds. At most `slots` jobs of the group run at once in one process."""

    name: str
    slots: int


MAINTENANCE: Final = Lane(name="maintenance", slots=1)


@dataclass(frozen=True, kw_only=True)
class RetryRule:
    """How often a job is tried when its failure is temporary or its process dies. Each pause is five times as long."""

    max_attempts: int = 3
    first_pause: timedelta = timedelta(seconds=2)

    def pause_after(self, attempts: int) -> timedelta:
        """Return how long to wait after the attempt with this number, from 1."""
        return self.first_pause * int(5 ** (attempts - 1))


@dataclass(frozen=True, kw_only=True)
class JobServices:
    """The parts of an installation that handlers use. uploads: folder of the files to import, named by their job."""

    catalog: Catalog
    lake: "Lake"
    reports: "Reports"
    uploads: Path
    clock: Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class StoredData:
    """The data that the parameters of a new schedule are checked against."""

    catalog: Catalog
    lake: "Lake"


def _unchanged(parameters: Parameters, stored: object) -> dict[str, Any]:  # noqa: ARG001
    return dict(parameters)


def _nothing_to_clean(job_id: str, job: Job | None, services: JobServices) -> None:
    pass


def _nothing_to_maintain(services: JobServices, now: datetime) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class JobHandler:
    """Everything about one kind of job. Each file of `jobs/kinds/` defines one handler as HANDLER.

    help: what a job of this kind does, for the help of commands and for the API; parameters_help: its parameters.
    run: do the work of a job and return its result; raises StoppedError where it has to stop before its end.
    is_schedulable: False for a kind whose check_parameters refuses every schedule.
    check_parameters: return the parameters of a new schedule as they are stored, or raise InvalidInputError. Names in
        them are checked against the StoredData, if there are any.
    resolve_parameters: return the parameters of the job of a schedule that is due now, or raise InvalidInputError.
    clean_up: remove what a job that has ended no longer needs; the job is None when it is not in the catalog.
    maintain: called when a worker starts and then once a minute.
    """

    kind: JobKind
    lane: Lane
    help: str
    run: Callable[[RunningJob, JobServices], JobResult]
    retry: RetryRule = RetryRule()
    parameters_help: str = "none"
    is_schedulable: bool = True
    check_parameters: Callable[[Parameters, StoredData | None], dict[str, Any]] = _unchanged
    resolve_parameters: Callable[[Parameters, Catalog], dict[str, Any]] = _unchanged
    clean_up: Callable[[str, Job | None, JobServices], None] = _nothing_to_clean
    maintain: Callable[[JobServices, datetime], None] = _nothing_to_maintain
