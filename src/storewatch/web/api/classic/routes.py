"""The classic contract, to the letter: trigger a report, poll for it, download seven columns.

Under a key with a scope the report covers the stores of the scope only.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from storewatch.domain.enums import JobKind
from storewatch.domain.media_types import JSON
from storewatch.reports.request.request import ReportRequest
from storewatch.web.api.classic.models import Running, Triggered
from storewatch.web.audit import audited
from storewatch.web.dependencies import Installed
from storewatch.web.problems import problem_responses
from storewatch.web.report_files import FILE_CONTENT, download
from storewatch.web.security import Operator, Viewer

router = APIRouter(tags=["classic"])

_TRIGGER: Final[dict[str, Any]] = {
    "responses": problem_responses(),
    "dependencies": [audited("report.create", "report")],
}


@router.get("/trigger_report", operation_id="triggerReport", **_TRIGGER)
@router.post("/trigger_report", operation_id="triggerReportByPost", **_TRIGGER)
def trigger_report(request: Request, response: Response, caller: Operator, installation: Installed) -> Triggered:
    """Start the classic report on the data of this moment and return its id at once."""
    report_id = installation.jobs.accept(JobKind.REPORT, ReportRequest().parameters(), caller)
    request.state.audit_object = report_id
    response.headers["Cache-Control"] = "no-store"
    return Triggered(report_id=report_id)


@router.api_route("/get_report", methods=["HEAD"], include_in_schema=False, response_model=None)
@router.get(
    "/get_report",
    operation_id="getClassicReport",
    response_model=None,
    responses={
        200: {
            "description": "`Running`, or the finished CSV as a download with `X-Report-Status: Complete`.",
            "model": Running | dict[str, Any],  # a report of /v1/reports may be JSON
            "content": {kind: content for kind, content in FILE_CONTENT.items() if kind != JSON},
        },
        **problem_responses(
            s404="No report has this id.",
            s410="The file of the report was removed.",
            s422="report_id is missing.",
            s500="The report failed or was cancelled; `detail` holds the reason.",
        ),
    },
    dependencies=[audited("report.download", "report")],
)
def get_report(
    request: Request,
    caller: Viewer,
    report_id: Annotated[str, Query(description="The id that /trigger_report returned.")],
    installation: Installed,
) -> Response:
    """Return `Running`, or the CSV when the report is ready."""
    request.state.audit_object = report_id
    report = installation.reports.find(report_id, caller.scope)
    file = installation.reports.finished_file(report)
    if file is None:
        request.state.audit = None  # nothing was downloaded
        return JSONResponse(Running().model_dump(), headers={"Cache-Control": "no-store"})
    return download(report, file, {"X-Report-Status": "Complete"})
