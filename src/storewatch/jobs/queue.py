"""Accept jobs and cancel them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from storewatch.access import ANYONE, Principal
from storewatch.catalog import Catalog
from storewatch.domain.enums import JobKind
from storewatch.telemetry import current_request_id


def _wake_no_worker() -> None:
    """Do nothing: no worker runs in this process. Workers of other processes notice the job through the catalog."""


class JobQueue:
    """Accept jobs. A job whose id `accept` returned is in the catalog and will run, even if a process dies."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        clock: Callable[[], datetime],
        max_queued_per_key: int,
        wake: Callable[[], None] = _wake_no_worker,
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._max_queued_per_key = max_queued_per_key
        self._wake = wake

    def accept(self, kind: JobKind, parameters: Mapping[str, Any], principal: Principal = ANYONE) -> str:
        """Accept a job and return its id. Raises TooManyQueuedJobsError as `accept_all`."""
        job_id = str(uuid4())
        self.accept_all(kind, {job_id: parameters}, principal)
        return job_id

    def accept_all(self, kind: JobKind, parameters: Mapping[str, Mapping[str, Any]], principal: Principal) -> None:
        """Accept jobs, or none of them. parameters: of each job, by its id.

        Raises TooManyQueuedJobsError when too many jobs of the key would wait. Jobs without a key are not counted.
        """
        self._catalog.jobs.create_all(
            kind,
            parameters,
            self._clock(),
            created_by=principal.key_id,
            scope=principal.scope,
            request_id=current_request_id(),
            most_queued=self._max_queued_per_key,
        )
        self._wake()

    def cancel(self, job_id: str) -> bool:
        """Cancel a queued job, or make the worker stop a running one. Return False when the job had ended already."""
        requested = self._catalog.jobs.request_cancel(job_id, self._clock())
        self._wake()
        return requested
