"""The classic contract, to the letter: trigger a report, poll for it, download seven columns."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from storewatch.domain.enums import JobKind
from storewatch.installation import Installation
from storewatch.reports.request.request import ReportRequest
from storewatch.web.audit import audited
from storewatch.web.problems import problem_responses
from storewatch.web.report_files import FILE_CONTENT, download
from storewatch.web.security import Operator, Viewer


class Triggered(BaseModel):
    """The report was accepted and runs in the background."""

    report_id: str


class Running(BaseModel):
    """The report is not ready yet; ask again."""

    status: Literal["Running"] = "Running"


def classic_routes(parts: Installation) -> APIRouter:
    """Build /trigger_report and /get_report. Under a key with a scope the report covers its stores only."""
    router = APIRouter(tags=["classic"])

    def trigger_report(request: Request, response: Response, caller: Operator) -> Triggered:
        """Start the classic report on the data of this moment and give its id at once."""
        report_id = parts.jobs.accept(JobKind.REPORT, ReportRequest().parameters(), caller)
        request.state.audit_object = report_id
        response.headers["Cache-Control"] = "no-store"
        return Triggered(report_id=report_id)

    for method, operation_id in (("GET", "trigger_report"), ("POST", "trigger_report_by_post")):
        router.add_api_route(
            "/trigger_report",
            trigger_report,
            methods=[method],
            operation_id=operation_id,
            responses=problem_responses(),
            dependencies=[audited("report.create", "report")],
        )

    @router.api_route("/get_report", methods=["HEAD"], include_in_schema=False, response_model=None)
    @router.get(
        "/get_report",
        operation_id="get_report",
        response_model=None,
        responses={
            200: {
                "description": "`Running`, or the finished CSV as a download with `X-Report-Status: Complete`.",
                "model": Running | dict[str, Any],  # a report of /v1/reports may be JSON
                "content": {kind: content for kind, content in FILE_CONTENT.items() if kind != "application/json"},
            },
            **problem_responses(
                s404="No report has this id.",
                s410="The report's file was removed.",
                s422="report_id is missing.",
                s500="The report failed or was cancelled; `detail` is the reason.",
            ),
        },
        dependencies=[audited("report.download", "report")],
    )
    def get_report(
        request: Request,
        caller: Viewer,
        report_id: Annotated[str, Query(description="The id that /trigger_report gave.")],
    ) -> Response:
        """Give `Running`, or the CSV when the report is ready."""
        request.state.audit_object = report_id
        report = parts.reports.find(report_id, caller.scope)
        file = parts.reports.finished_file(report)
        if file is None:
            request.state.audit = None  # nothing was downloaded
            return JSONResponse(Running().model_dump(), headers={"Cache-Control": "no-store"})
        return download(report, file, {"X-Report-Status": "Complete"})

    return router
