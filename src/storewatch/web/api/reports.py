"""Reports: asked for, watched, downloaded, cancelled, deleted."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from storewatch.access import Principal
from storewatch.catalog import ENDED, Job, JobKind, JobState
from storewatch.engine.columns import SECOND_US
from storewatch.errors import (
    JobEndedError,
    JobNotEndedError,
    ReportNotReadyError,
    UnknownReportError,
    UnknownStoreError,
)
from storewatch.reports.request import ReportFormat, ReportRequest, choose_policy, format_instant
from storewatch.web.api.jobs import MAX_STORES, Labels, StateName, StoreId, job_place, page_after
from storewatch.web.audit import audited
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from storewatch.web.parameters import field, instant
from storewatch.web.parts import Parts
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator, Viewer

MEDIA_TYPES: Final = {"csv": "text/csv", "json": "application/json"}
# How often /events looks into the catalog, and how long a connection is silent at most.
LOOK_SECONDS: Final = 0.25


class ReportBody(BaseModel):
    """The report that is wanted; an empty object is the classic one on the data of this moment."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"policy": "observed", "labels": {"brand": "acme"}, "format": "json"}]},
    )

    as_of: Annotated[
        str | None,
        Field(description="The report's now; null: the newest observation.", examples=["2023-01-25T18:13:22Z"]),
    ] = None
    policy: Annotated[
        Literal["fill", "observed"], Field(description="How far a poll speaks for the time around it.")
    ] = "fill"
    max_gap: Annotated[
        str | None, Field(max_length=20, description="Longest reach of a poll, such as 90m; null: the policy's.")
    ] = None
    store_ids: Annotated[
        list[StoreId] | None, Field(min_length=1, max_length=MAX_STORES, description="Only these stores.")
    ] = None
    labels: Annotated[Labels, Field(description="Only stores that carry all of these.")] = {}
    format: Annotated[Literal["csv", "json"], Field(description="csv: the classic seven columns.")] = "csv"

    def request(self) -> ReportRequest:
        as_of = instant(self.as_of, "body", "as_of")
        with field("body", "max_gap"):
            policy = choose_policy(self.policy, self.max_gap)
        with field("body", "as_of"):
            return ReportRequest(
                as_of=as_of,
                policy=policy,
                format=ReportFormat(self.format),
                store_ids=None if self.store_ids is None else tuple(dict.fromkeys(self.store_ids)),
                labels=tuple(sorted(self.labels.items())),
            )


class ReportParameters(BaseModel):
    """A report as it was asked for."""

    as_of: str | None
    policy: str
    max_gap_seconds: float
    store_ids: list[str] | None
    labels: dict[str, str]
    format: Literal["csv", "json"]


class ReportFigures(BaseModel):
    """What a finished report says about itself."""

    rows: Annotated[int, Field(description="How many stores.", examples=[14092])]
    as_of: Annotated[str | None, Field(examples=["2023-01-25T18:13:22.47922Z"])] = None
    lake_version: int
    catalog_version: int
    seconds: Annotated[float | None, Field(description="How long the run took.", examples=[0.112])] = None
    sha256: Annotated[str, Field(description="Of the file; also its ETag.")]


class ReportModel(BaseModel):
    """A report and how far it is."""

    report_id: Annotated[str, Field(examples=["1f0c2a52-7d1c-4a55-9a33-6a4a4f4d1c5e"])]
    state: StateName
    progress: Annotated[float, Field(ge=0, le=1)]
    created_at: Annotated[str, Field(examples=["2026-03-01T09:30:00Z"])]
    started_at: str | None
    finished_at: str | None
    attempts: Annotated[int, Field(description="How often it was begun.", examples=[1])]
    cancel_requested: bool
    parameters: ReportParameters
    figures: Annotated[ReportFigures | None, Field(description="Of a complete report.")]
    error: Annotated[str | None, Field(description="Why it failed, or why it has to be tried again.")]


class ReportProgress(BaseModel):
    """An event of a report: `progress`, or at its end the name of its last state."""

    state: StateName
    progress: Annotated[float, Field(ge=0, le=1)]
    error: str | None


def reports_routes(parts: Parts) -> APIRouter:
    """Build /v1/reports. Under a key with a scope only its own reports exist, and they cover only its stores."""
    router = APIRouter(prefix="/v1/reports", tags=["reports"])

    @router.post(
        "",
        operation_id="create_report",
        status_code=202,
        responses=problem_responses(422, s404="One of store_ids does not exist."),
        dependencies=[audited("report.create", "report")],
    )
    def create_report(body: ReportBody, caller: Operator, request: Request, response: Response) -> ReportModel:
        """Ask for a report. It is computed in the background and not lost, whatever happens to this service."""
        wanted = body.request()
        _check_stores(parts, wanted, caller)
        report_id = parts.jobs.accept(JobKind.REPORT, wanted.parameters(), caller)
        request.state.audit_object = report_id
        response.headers["Location"] = f"/v1/reports/{report_id}"
        return _model(parts.reports.find(report_id))

    @router.get("", operation_id="list_reports", responses=problem_responses(422))
    def list_reports(
        caller: Viewer,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        state: Annotated[StateName | None, Query(description="Only those in this state.")] = None,
    ) -> Page[ReportModel]:
        """List the reports, the newest first."""
        found = parts.catalog.jobs(
            kind=JobKind.REPORT,
            states=[JobState(state)] if state else [],
            scope=caller.label,
            after=page_after(cursor),
            limit=limit + 1,
        )
        page = Page[Job].of(found, limit, job_place)
        return Page[ReportModel](items=[_model(job) for job in page.items], next=page.next)

    @router.get("/{report_id}", operation_id="get_report_state", responses=problem_responses(404, 422))
    def get_report_state(report_id: str, caller: Viewer) -> ReportModel:
        """Give a report's state and progress and, when it is complete, its figures."""
        return _model(parts.reports.find(report_id, caller.label))

    @router.post(
        "/{report_id}/cancel",
        operation_id="cancel_report",
        status_code=202,
        responses=problem_responses(404, 422, s409="The report has ended already."),
        dependencies=[audited("report.cancel", "report")],
    )
    def cancel_report(report_id: str, caller: Operator) -> ReportModel:
        """Cancel a report: at once while it is queued, within two seconds when it runs."""
        report = parts.reports.find(report_id, caller.label)
        if not parts.jobs.cancel(report_id):
            raise JobEndedError(report_id, report.state)
        return _model(parts.reports.find(report_id, caller.label))

    @router.delete(
        "/{report_id}",
        operation_id="delete_report",
        status_code=204,
        responses=problem_responses(404, 422, s409="The report has not ended yet."),
        dependencies=[audited("report.delete", "report")],
    )
    def delete_report(report_id: str, caller: Operator) -> None:
        """Delete a report that has ended, and its file."""
        report = parts.reports.find(report_id, caller.label)
        if not parts.catalog.delete_job(report_id):
            raise JobNotEndedError(report_id, report.state)
        parts.reports.remove_files(report_id)

    _add_file(router, parts)
    _add_events(router, parts)
    return router


def _add_file(router: APIRouter, parts: Parts) -> None:
    @router.get(
        "/{report_id}/file",
        operation_id="get_report_file",
        response_class=FileResponse,
        responses={
            200: {
                "description": "The file; its ETag is its SHA-256.",
                "content": {
                    "text/csv": {"schema": {"type": "string"}},
                    "application/json": {"schema": {"type": "object"}},
                },
            },
            304: {"description": "It is still the file whose ETag was sent in If-None-Match."},
            **problem_responses(404, 422, s409="The report is not complete.", s410="The file was removed."),
        },
        dependencies=[audited("report.download", "report")],
    )
    def get_report_file(report_id: str, caller: Viewer, request: Request) -> Response:
        """Download the file of a complete report."""
        report = parts.reports.find(report_id, caller.label)
        if report.state is not JobState.COMPLETE:
            raise ReportNotReadyError(report_id, report.state)
        file = parts.reports.finished_file(report)
        assert file is not None and report.result is not None  # noqa: S101, PT018 - complete
        etag = f'"{report.result["sha256"]}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        sent = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if etag in sent or "*" in sent:
            return Response(status_code=304, headers=headers)
        suffix = report.parameters["format"]
        return FileResponse(
            file, media_type=MEDIA_TYPES[suffix], filename=f"storewatch_report_{report_id}.{suffix}", headers=headers
        )


def _add_events(router: APIRouter, parts: Parts) -> None:
    async def report_events(report_id: str, caller: Viewer) -> AsyncIterator[ServerSentEvent]:
        """Send the progress of a report as it changes, until it has ended; comments keep the connection open.

        Each event's data is a ReportProgress; the last event is named after the last state.
        """
        last: ReportProgress | None = None
        while not parts.stopping.is_set():
            try:
                report = await run_in_threadpool(parts.reports.find, report_id, caller.label)
            except UnknownReportError:  # deleted meanwhile
                return
            now = ReportProgress(state=report.state.value, progress=report.progress, error=report.error)
            ended = report.state in ENDED
            if now != last:
                yield ServerSentEvent(data=now.model_dump(), event=report.state.value if ended else "progress")
                last = now
            if ended:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def existing(report_id: str, caller: Viewer) -> None:
        await run_in_threadpool(parts.reports.find, report_id, caller.label)

    router.get(
        "/{report_id}/events",
        operation_id="report_events",
        response_class=EventSourceResponse,
        responses=problem_responses(404, 422),
        dependencies=[Depends(existing)],
    )(report_events)


def _check_stores(parts: Parts, wanted: ReportRequest, caller: Principal) -> None:
    if wanted.store_ids is None:
        return
    labels = (caller.label,) if caller.label else ()
    found = set(parts.catalog.select_stores(wanted.store_ids, labels).frame["store_id"])
    for store_id in wanted.store_ids:
        if store_id not in found:
            raise UnknownStoreError(store_id)


def _model(job: Job) -> ReportModel:
    result: dict[str, Any] | None = job.result if job.state is JobState.COMPLETE else None
    return ReportModel(
        report_id=job.job_id,
        state=job.state.value,
        progress=job.progress,
        created_at=format_instant(job.created_at),
        started_at=format_instant(job.started_at) if job.started_at else None,
        finished_at=format_instant(job.finished_at) if job.finished_at else None,
        attempts=job.attempts,
        cancel_requested=job.cancel_requested,
        parameters=_parameters(job.parameters),
        figures=ReportFigures.model_validate(result) if result else None,
        error=job.error,
    )


def _parameters(kept: dict[str, Any]) -> ReportParameters:
    return ReportParameters(
        as_of=kept["as_of"],
        policy=kept["policy"],
        max_gap_seconds=kept["max_gap_us"] / SECOND_US,
        store_ids=kept.get("store_ids"),
        labels=kept.get("labels", {}),
        format=kept["format"],
    )
