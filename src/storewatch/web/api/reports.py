"""Reports: asked for, watched, downloaded, cancelled, deleted."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from storewatch.access import Principal
from storewatch.catalog import Job
from storewatch.domain.enums import ENDED, JobKind, JobState, ReportFormat
from storewatch.domain.errors import (
    JobEndedError,
    JobNotEndedError,
    ReportNotReadyError,
    ScopedKeyError,
    UnknownReportError,
)
from storewatch.domain.instants import instant_of
from storewatch.installation import Installation
from storewatch.reports.archive.manifest import Manifest
from storewatch.reports.archive.runs import check_stores
from storewatch.reports.request.definitions import resolve_definition
from storewatch.reports.request.request import ReportRequest, read_request
from storewatch.web.api.jobs import job_place, page_after
from storewatch.web.api.report_models import ManifestModel, ReportBody, ReportModel, ReportProgress
from storewatch.web.audit import audited
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from storewatch.web.parameters import field, instant, members
from storewatch.web.problems import problem_responses
from storewatch.web.report_files import FILE_CONTENT, download, download_name
from storewatch.web.security import Operator, Viewer

# How often /events looks into the catalog, and how long a connection is silent at most.
LOOK_SECONDS: Final = 0.25


def reports_routes(parts: Installation) -> APIRouter:
    """Build /v1/reports. Under a key with a scope only its own reports exist, and they cover only its stores."""
    router = APIRouter(prefix="/v1/reports", tags=["reports"])

    @router.post(
        "",
        operation_id="create_report",
        status_code=202,
        responses=problem_responses(422, s404="One of store_ids, or the definition, does not exist."),
        dependencies=[audited("report.create", "report")],
    )
    def create_report(body: ReportBody, caller: Operator, request: Request, response: Response) -> ReportModel:
        """Ask for a report. It is computed in the background and not lost, whatever happens to this service.

        What its form cannot hold is refused at once. With a scope a report cannot be asked for by `definition`.
        """
        wanted = _wanted(parts, body, caller)
        report_id = parts.jobs.accept(JobKind.REPORT, wanted.parameters(), caller)
        request.state.audit_object = report_id
        response.headers["Location"] = f"/v1/reports/{report_id}"
        return ReportModel.of(parts.reports.find(report_id))

    @router.get("", operation_id="list_reports", responses=problem_responses(422))
    def list_reports(
        caller: Viewer,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        state: Annotated[JobState | None, Query(description="Only those in this state.")] = None,
    ) -> Page[ReportModel]:
        """List the reports, the newest first."""
        found = parts.catalog.jobs.list_(
            kind=JobKind.REPORT,
            states=[JobState(state)] if state else [],
            scope=caller.scope,
            after=page_after(cursor),
            limit=limit + 1,
        )
        page = Page[Job].of(found, limit, job_place)
        return Page[ReportModel](items=[ReportModel.of(job) for job in page.items], next=page.next)

    @router.get("/{report_id}", operation_id="get_report_state", responses=problem_responses(404, 422))
    def get_report_state(report_id: str, caller: Viewer) -> ReportModel:
        """Give a report's state and progress and, when it is complete, its figures."""
        return ReportModel.of(parts.reports.find(report_id, caller.scope))

    @router.post(
        "/{report_id}/cancel",
        operation_id="cancel_report",
        status_code=202,
        responses=problem_responses(404, 422, s409="The report has ended already."),
        dependencies=[audited("report.cancel", "report")],
    )
    def cancel_report(report_id: str, caller: Operator) -> ReportModel:
        """Cancel a report: at once while it is queued, within two seconds when it runs."""
        report = parts.reports.find(report_id, caller.scope)
        if not parts.jobs.cancel(report_id):
            raise JobEndedError(report_id, report.state)
        return ReportModel.of(parts.reports.find(report_id, caller.scope))

    @router.delete(
        "/{report_id}",
        operation_id="delete_report",
        status_code=204,
        responses=problem_responses(404, 422, s409="The report has not ended yet."),
        dependencies=[audited("report.delete", "report")],
    )
    def delete_report(report_id: str, caller: Operator) -> None:
        """Delete a report that has ended, and its file."""
        report = parts.reports.find(report_id, caller.scope)
        if not parts.catalog.jobs.delete(report_id):
            raise JobNotEndedError(report_id, report.state)
        parts.reports.remove_files(report_id)

    _add_file(router, parts)
    _add_events(router, parts)
    return router


def _add_file(router: APIRouter, parts: Installation) -> None:
    @router.get(
        "/{report_id}/file",
        operation_id="get_report_file",
        response_class=FileResponse,
        responses={
            200: {
                "description": "The file; its ETag is its SHA-256.",
                "content": FILE_CONTENT,
            },
            304: {"description": "It is still the file whose ETag was sent in If-None-Match."},
            **problem_responses(404, 422, s409="The report is not complete.", s410="The file was removed."),
        },
        dependencies=[audited("report.download", "report")],
    )
    def get_report_file(report_id: str, caller: Viewer, request: Request) -> Response:
        """Download the file of a complete report."""
        report = parts.reports.find(report_id, caller.scope)
        if report.state is not JobState.COMPLETE:
            raise ReportNotReadyError(report_id, report.state)
        file = parts.reports.finished_file(report)
        assert file is not None and report.result is not None  # noqa: S101, PT018 - complete
        etag = f'"{report.result["sha256"]}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        sent = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if etag in sent or "*" in sent:
            return Response(status_code=304, headers=headers)
        return download(report, file, headers)

    @router.get(
        "/{report_id}/manifest",
        operation_id="get_report_manifest",
        responses=problem_responses(404, 422, s409="The report is not complete."),
    )
    def get_report_manifest(report_id: str, caller: Viewer) -> ManifestModel:
        """Give what it takes to make the file of a complete report again, and its SHA-256."""
        report = parts.reports.find(report_id, caller.scope)
        if report.state is not JobState.COMPLETE or report.result is None:
            raise ReportNotReadyError(report_id, report.state)
        manifest = Manifest.of_report(download_name(report), report.parameters, report.result, report.scope)
        return ManifestModel.model_validate(manifest.as_json())


def _add_events(router: APIRouter, parts: Installation) -> None:
    async def report_events(report_id: str, caller: Viewer) -> AsyncIterator[ServerSentEvent]:
        """Send the progress of a report as it changes, until it has ended; comments keep the connection open.

        Each event's data is a ReportProgress; the last event is named after the last state.
        """
        last: ReportProgress | None = None
        while not parts.stopping.is_set():
            try:
                report = await run_in_threadpool(parts.reports.find, report_id, caller.scope)
            except UnknownReportError:  # deleted meanwhile
                return
            now = ReportProgress(state=report.state, progress=report.progress, error=report.error)
            ended = report.state in ENDED
            if now != last:
                yield ServerSentEvent(data=now.model_dump(), event=report.state.value if ended else "progress")
                last = now
            if ended:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def existing(report_id: str, caller: Viewer) -> None:
        await run_in_threadpool(parts.reports.find, report_id, caller.scope)

    router.get(
        "/{report_id}/events",
        operation_id="report_events",
        response_class=EventSourceResponse,
        responses=problem_responses(404, 422),
        dependencies=[Depends(existing)],
    )(report_events)


def _wanted(parts: Installation, body: ReportBody, caller: Principal) -> ReportRequest:
    """Read what is wanted and refuse what cannot be.

    A definition may name stores of anybody, so a key with a scope asks for its report by its members.
    """
    if body.definition is not None and caller.scope.is_limited:
        raise ScopedKeyError
    as_of = instant(body.as_of, "body", "as_of")
    with field("body"), members("body"):
        wanted = read_request(resolve_definition(body.given(), parts.catalog), as_of=as_of)
    check_stores(wanted, parts.catalog, caller.scope)
    needs_look = wanted.windows or wanted.group_by or wanted.peers
    if needs_look or wanted.format in (ReportFormat.XLSX, ReportFormat.PDF):
        _check(parts, wanted, caller)
    return wanted


def _check(parts: Installation, wanted: ReportRequest, caller: Principal) -> None:
    """Refuse windows and labels that are not there, forms too small; where nothing was observed yet the job will."""
    moment = parts.stores.moment(caller.scope)
    now = wanted.as_of or (None if moment.as_of_us is None else instant_of(moment.as_of_us))
    if now is not None:
        with field("body"), members("body"):
            parts.reports.check(wanted.at(now), moment.snapshot, caller.scope)
