"""Jobs of every kind, for operators; and what the resources that are jobs share."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from storewatch.catalog import Job
from storewatch.domain.enums import JobKind, JobState
from storewatch.domain.instants import format_instant, parse_instant
from storewatch.installation import Installation
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor
from storewatch.web.parameters import field
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator


class JobModel(BaseModel):
    """A job of any kind."""

    job_id: str
    kind: JobKind
    state: JobState
    progress: Annotated[float, Field(ge=0, le=1)]
    created_at: Annotated[str, Field(examples=["2026-03-01T09:30:00Z"])]
    started_at: str | None
    finished_at: str | None
    retry_at: Annotated[str | None, Field(description="When a job that failed for now is tried again.")]
    attempts: int
    cancel_requested: bool
    created_by: Annotated[str | None, Field(description="The key that asked for it; null where none was asked for.")]
    parameters: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None


def jobs_routes(parts: Installation) -> APIRouter:
    router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

    @router.get("", operation_id="list_jobs", responses=problem_responses(422))
    def list_jobs(
        caller: Operator,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        kind: Annotated[JobKind | None, Query(description="Only those of this kind.")] = None,
        state: Annotated[JobState | None, Query(description="Only those in this state.")] = None,
    ) -> Page[JobModel]:
        """List jobs of every kind, the newest first."""
        found = parts.catalog.jobs.list_(
            kind=kind,
            states=[JobState(state)] if state else [],
            scope=caller.scope,
            after=page_after(cursor),
            limit=limit + 1,
        )
        page = Page[Job].of(found, limit, job_place)
        return Page[JobModel](items=[_model(job) for job in page.items], next=page.next)

    return router


def job_place(job: Job) -> tuple[str, str]:
    """The place of a job in a list of jobs, for its cursor."""
    return format_instant(job.created_at), job.job_id


def page_after(cursor: str | None) -> tuple[datetime, str] | None:
    """Read the cursor of a list of jobs."""
    place = decode_cursor(cursor, str, str)
    if place is None:
        return None
    with field("query", "cursor"):
        return parse_instant(place[0]), place[1]


def _model(job: Job) -> JobModel:
    times = {
        name: format_instant(value) if (value := getattr(job, name)) else None
        for name in ("started_at", "finished_at", "retry_at")
    }
    return JobModel(
        job_id=job.job_id,
        kind=job.kind,
        state=job.state,
        progress=job.progress,
        created_at=format_instant(job.created_at),
        **times,
        attempts=job.attempts,
        cancel_requested=job.cancel_requested,
        created_by=job.created_by,
        parameters=job.parameters,
        result=job.result,
        error=job.error,
    )
