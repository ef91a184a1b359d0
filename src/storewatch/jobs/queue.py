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
        self, *, catalog: Catalog, clock: Callable[[], datetime], wake: Callable[[], None] = _wake_no_worker
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._wake = wake

    def accept(
        self,
        kind: JobKind,
        parameters: Mapping[str, Any],
        principal: Principal = ANYONE,
        *,
        job_id: str | None = None,
    ) -> str:
        """Accept a job and return its id (`job_id`, or a new one)."""
        job_id = job_id or str(uuid4())
        self._catalog.jobs.create(
            job_id,
            kind,
            parameters,
            self._clock(),
            created_by=principal.key_id,
            scope=principal.scope,
            request_id=current_request_id(),
        )
        self._wake()
        return job_id

    def cancel(self, job_id: str) -> bool:
        """Cancel a queued job, or make the worker stop a running one. Return False when the job had ended already."""
        requested = self._catalog.jobs.request_cancel(job_id, self._clock())
        self._wake()
        return requested
