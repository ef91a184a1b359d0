"""Pages of jobs, for the lists of jobs, reports and imports."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Query
from pydantic import BaseModel

from storewatch.access import Principal
from storewatch.catalog import Catalog, Job
from storewatch.domain.enums import JobKind, JobState
from storewatch.domain.instants import format_instant
from storewatch.web.paging import Page, decode_time_cursor

Model = TypeVar("Model", bound=BaseModel)

StateFilter = Annotated[JobState | None, Query(description="Only items in this state.")]


def page_of_jobs(
    catalog: Catalog,
    caller: Principal,
    model: Callable[[Job], Model],
    *,
    kind: JobKind | None,
    state: JobState | None,
    limit: int,
    cursor: str | None,
) -> Page[Model]:
    """Return a page of the jobs that the caller may see, the newest first."""
    found = catalog.jobs.list_(
        kind=kind,
        states=[state] if state else [],
        scope=caller.scope,
        after=decode_time_cursor(cursor),
        limit=limit + 1,
    )
    page = Page[Job].of(found, limit, lambda job: (format_instant(job.created_at), job.job_id))
    return Page[Model](items=[model(job) for job in page.items], next=page.next)
