"""The classic contract, unchanged: trigger a report, poll for it, download seven columns.

Under a key with a scope the report covers only the stores of the scope. Clients write these requests in several ways;
all of them are accepted.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Final
from uuid import uuid4

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from storewatch.access import Principal
from storewatch.domain.enums import JobKind
from storewatch.domain.media_types import FORM, JSON
from storewatch.installation import Installation
from storewatch.reports.request.request import ReportRequest
from storewatch.web.api.classic.complete import complete_report
from storewatch.web.api.classic.models import ReportIdBody, Running, Triggered
from storewatch.web.api.jobs.models import EXAMPLE_ID
from storewatch.web.audit import audited
from storewatch.web.dependencies import NEEDS_FREE_SPACE, HeadOnly, Installed
from storewatch.web.parameters import invalid
from storewatch.web.problems import problem_responses
from storewatch.web.report_files import FILE_CONTENT
from storewatch.web.security import Operator, Viewer

router = APIRouter(tags=["classic"])

_DOWNLOAD: Final = audited("report.download", "report")
_REPORT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "`Running`, or the finished CSV as a download with `X-Report-Status: Complete`. "
        "`X-As-Of-Warning` is present if as_of does not fit the polls.",
        "model": Running | dict[str, Any],  # a report of /v1/reports may be JSON
        "content": {kind: content for kind, content in FILE_CONTENT.items() if kind != JSON},
    },
    **problem_responses(
        s404="No report has this id.",
        s410="The file of the report was removed.",
        s422="report_id is missing.",
        s500="The report failed or was cancelled; `detail` holds the reason.",
    ),
}
_TRIGGER: Final[dict[str, Any]] = {
    "responses": problem_responses(),
    "dependencies": [audited("report.create", "report"), NEEDS_FREE_SPACE],
}


@router.get("/trigger_report", operation_id="triggerReport", **_TRIGGER)
@router.post("/trigger_report", operation_id="triggerReportByPost", **_TRIGGER)
def trigger_report(
    request: Request, response: Response, caller: Operator, installation: Installed, head_only: HeadOnly
) -> Triggered:
    """Start the classic report on the current data, and return its id at once."""
    if head_only:  # the answer is sent without its body, so no client sees this id
        report_id = str(uuid4())
    else:
        report_id = installation.jobs.accept(JobKind.REPORT, ReportRequest().parameters(), caller)
    request.state.audit_object = report_id
    response.headers["Cache-Control"] = "no-store"
    return Triggered(report_id=report_id)


@router.get(
    "/get_report",
    operation_id="getClassicReport",
    response_model=None,
    responses=_REPORT,
    dependencies=[_DOWNLOAD],
)
def get_report(
    request: Request,
    caller: Viewer,
    report_id: Annotated[str, Query(description="The id that /trigger_report returned.", examples=[EXAMPLE_ID])],
    installation: Installed,
) -> Response:
    """Return `Running`, or the CSV when the report is ready."""
    return _status_or_file(request, caller, report_id, installation)


@router.get("/get_report/{report_id}", include_in_schema=False, response_model=None, dependencies=[_DOWNLOAD])
def get_report_by_path(request: Request, caller: Viewer, report_id: str, installation: Installed) -> Response:
    """Return what /get_report returns for this id."""
    return _status_or_file(request, caller, report_id, installation)


async def _report_id(request: Request) -> str:
    """Return the report_id of the query, or of a body that is JSON or a form."""
    sent: object = request.query_params
    if "report_id" not in request.query_params:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == JSON:
            with suppress(ValueError):  # invalid JSON or UTF-8
                sent = await request.json()
        else:
            async with request.form() as form:
                sent = form
    try:
        return ReportIdBody.model_validate(dict(sent) if isinstance(sent, Mapping) else sent).report_id
    except ValidationError:
        raise invalid("send report_id in the query or the body", "body", "report_id") from None


@router.post(
    "/get_report",
    operation_id="getClassicReportByPost",
    response_model=None,
    responses=_REPORT,
    dependencies=[_DOWNLOAD],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": ReportIdBody.model_json_schema()} for kind in (JSON, FORM)},
        }
    },
)
def get_report_by_post(
    request: Request, caller: Viewer, report_id: Annotated[str, Depends(_report_id)], installation: Installed
) -> Response:
    """Return what /get_report returns for the report_id of the body."""
    return _status_or_file(request, caller, report_id, installation)


def _status_or_file(request: Request, caller: Principal, report_id: str, installation: Installation) -> Response:
    request.state.audit_object = report_id
    report = installation.reports.find(report_id, caller.scope)
    file = installation.reports.finished_file(report)
    if file is None:
        request.state.audit = None  # nothing was downloaded
        return JSONResponse(Running().model_dump(), headers={"Cache-Control": "no-store"})
    return complete_report(request, report, file)
