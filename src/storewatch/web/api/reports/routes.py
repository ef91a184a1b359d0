"""Reports: create, list, watch, download, cancel, delete.

A key with a scope sees only reports of the same scope, and its reports cover only stores of the scope.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request, Response
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
from storewatch.reports.request.definitions import resolve_definition
from storewatch.reports.request.names import check_names, check_polls
from storewatch.reports.request.request import ReportRequest, read_request
from storewatch.web import etags
from storewatch.web.api.jobs.models import EXAMPLE_ID
from storewatch.web.api.jobs.pages import StateFilter, page_of_jobs
from storewatch.web.api.report_models import ManifestModel, ReportBody, ReportModel, ReportProgress
from storewatch.web.audit import audited
from storewatch.web.dependencies import NEEDS_FREE_SPACE, Installed, State
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from storewatch.web.parameters import field, instant, members
from storewatch.web.problems import problem_responses
from storewatch.web.report_files import FILE_CONTENT, download, download_name
from storewatch.web.security import Operator, Viewer

# How often /events reads the report from the catalog.
POLLING_SECONDS: Final = 0.25
_NOT_COMPLETE: Final = "The report is not complete."

router = APIRouter(prefix="/v1/reports", tags=["reports"])

ReportPath = Annotated[str, Path(examples=[EXAMPLE_ID])]


@router.post(
    "",
    operation_id="createReport",
    status_code=202,
    responses=problem_responses(422, s404="One of store_ids, or the definition, does not exist."),
    dependencies=[audited("report.create", "report"), NEEDS_FREE_SPACE],
)
def create_report(
    body: ReportBody, caller: Operator, request: Request, response: Response, installation: Installed
) -> ReportModel:
    """Create a report. It is computed in the background, and not lost when the service stops or fails.

    The request is refused at once if the format cannot hold the report, or if a store, label or value does not exist;
    then the error names similar ones. A key with a scope cannot use `definition`.
    """
    wanted = _read(installation, body, caller)
    report_id = installation.jobs.accept(JobKind.REPORT, wanted.parameters(), caller)
    request.state.audit_object = report_id
    response.headers["Location"] = f"/v1/reports/{report_id}"
    return ReportModel.of(installation.reports.find(report_id), caller)


@router.get("", operation_id="listReports", responses=problem_responses(422))
def list_reports(
    caller: Viewer,
    installation: Installed,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    state: StateFilter = None,
) -> Page[ReportModel]:
    """List reports, the newest first."""
    return page_of_jobs(
        installation.catalog,
        caller,
        partial(ReportModel.of, caller=caller),
        kind=JobKind.REPORT,
        state=state,
        limit=limit,
        cursor=cursor,
    )


@router.get("/{report_id}", operation_id="getReport", responses=problem_responses(404, 422))
def get_report(report_id: ReportPath, caller: Viewer, installation: Installed) -> ReportModel:
    """Return the state and progress of a report and, when it is complete, its figures."""
    return ReportModel.of(installation.reports.find(report_id, caller.scope), caller)


@router.post(
    "/{report_id}/cancel",
    operation_id="cancelReport",
    status_code=202,
    responses=problem_responses(404, 422, s409="The report has ended already."),
    dependencies=[audited("report.cancel", "report")],
)
def cancel_report(report_id: ReportPath, caller: Operator, installation: Installed) -> ReportModel:
    """Cancel a report. A queued report stops at once, a running one within two seconds."""
    report = installation.reports.find(report_id, caller.scope)
    if not installation.jobs.cancel(report_id):
        raise JobEndedError(report_id, report.state)
    return ReportModel.of(installation.reports.find(report_id, caller.scope), caller)


@router.delete(
    "/{report_id}",
    operation_id="deleteReport",
    status_code=204,
    responses=problem_responses(404, 422, s409="The report has not ended yet."),
    dependencies=[audited("report.delete", "report")],
)
def delete_report(report_id: ReportPath, caller: Operator, installation: Installed) -> None:
    """Delete a report that has ended, and its file."""
    report = installation.reports.find(report_id, caller.scope)
    if not installation.catalog.jobs.delete(report_id):
        raise JobNotEndedError(report_id, report.state)
    installation.reports.remove_files(report_id)


@router.get(
    "/{report_id}/file",
    operation_id="getReportFile",
    response_class=FileResponse,
    responses={
        200: {"description": "The file; its ETag is its SHA-256.", "content": FILE_CONTENT},
        304: {"description": "The file still has the ETag that was sent in If-None-Match."},
        **problem_responses(404, 422, s409=_NOT_COMPLETE, s410="The file was removed."),
    },
    dependencies=[audited("report.download", "report")],
)
def get_report_file(report_id: ReportPath, caller: Viewer, request: Request, installation: Installed) -> Response:
    """Download the file of a complete report."""
    report = installation.reports.find(report_id, caller.scope)
    if report.state is not JobState.COMPLETE:
        raise ReportNotReadyError(report_id, report.state)
    file = installation.reports.finished_file(report)
    assert file is not None and report.result is not None  # noqa: S101, PT018 - complete
    etag = f'"{report.result["sha256"]}"'
    if (unchanged := etags.not_modified(request, etag)) is not None:
        return unchanged
    return download(report, file, etags.headers(etag))


@router.get(
    "/{report_id}/manifest",
    operation_id="getReportManifest",
    responses=problem_responses(404, 422, s409=_NOT_COMPLETE),
)
def get_report_manifest(report_id: ReportPath, caller: Viewer, installation: Installed) -> ManifestModel:
    """Return everything needed to compute the file of a complete report again, and the SHA-256 of the file."""
    report = installation.reports.find(report_id, caller.scope)
    if report.state is not JobState.COMPLETE or report.result is None:
        raise ReportNotReadyError(report_id, report.state)
    manifest = Manifest.of_report(download_name(report), report.parameters, report.result, report.scope)
    return ManifestModel.of(manifest, caller)


async def _existing_report(report_id: ReportPath, caller: Viewer, installation: Installed) -> Job:
    """Return the report, or raise a 404 before the events begin."""
    return await run_in_threadpool(installation.reports.find, report_id, caller.scope)


async def _counted_stream(request: Request, caller: Viewer, state: State) -> AsyncIterator[None]:
    """Count the stream while it is open. Raises TooManyStreamsError, which is a 503."""
    address = request.client.host if request.client else ""
    with state.event_streams.opened(caller.key_id or address):
        yield


@router.get(
    "/{report_id}/events",
    operation_id="streamReportEvents",
    response_class=EventSourceResponse,
    responses=problem_responses(404, 422),
    dependencies=[Depends(_existing_report), Depends(_counted_stream)],
)
async def stream_report_events(
    report_id: ReportPath, caller: Viewer, installation: Installed
) -> AsyncIterator[ServerSentEvent]:
    """Send the progress of a report as it changes, until it has ended. Comments keep the connection open.

    The data of each event is a ReportProgress. The last event has the name of the final state.
    """
    last: ReportProgress | None = None
    while not installation.stopping.is_set():
        try:
            report = await run_in_threadpool(installation.reports.find, report_id, caller.scope)
        except UnknownReportError:  # the report was deleted meanwhile
            return
        now = ReportProgress(state=report.state, progress=report.progress, error=report.error)
        ended = report.state in ENDED
        if now != last:
            yield ServerSentEvent(data=now.model_dump(), event=report.state.value if ended else "progress")
            last = now
        if ended:
            return
        await asyncio.sleep(POLLING_SECONDS)


def _read(installation: Installation, body: ReportBody, caller: Principal) -> ReportRequest:
    """Read the request for a report, and check that the report can be computed.

    A definition may name any store, so a key with a scope cannot use one.
    """
    if body.definition is not None and caller.scope.is_limited:
        raise ScopedKeyError
    as_of = instant(body.as_of, "body", "as_of")
    with field("body"), members("body"):
        wanted = read_request(resolve_definition(body.sent(), installation.catalog), as_of=as_of)
    with members("body"):
        check_names(wanted, installation.catalog, caller.scope)
        check_polls(wanted, installation.lake.snapshot(), installation.catalog, caller.scope)
    needs_data = wanted.windows or wanted.group_by or wanted.peers or wanted.labels or wanted.zone
    if needs_data or wanted.format in (ReportFormat.XLSX, ReportFormat.PDF):
        _check(installation, wanted, caller)
    return wanted


def _check(installation: Installation, wanted: ReportRequest, caller: Principal) -> None:
    """Refuse unknown windows and labels, and too small formats. Without any poll, the job checks this later."""
    moment = installation.stores.moment(caller.scope)
    now = wanted.as_of or (None if moment.as_of_us is None else instant_of(moment.as_of_us))
    if now is not None:
        with field("body"), members("body"):
            installation.reports.check(wanted.at(now), moment.snapshot, caller.scope)
