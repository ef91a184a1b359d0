"""The classic contract, to the letter: trigger a report, poll for it, download seven columns."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel

from storewatch.jobs.runner import ReportRunner
from storewatch.reports.request import ReportRequest
from storewatch.reports.runs import Reports
from storewatch.web import problems


class Triggered(BaseModel):
    """The report was accepted and runs in the background."""

    report_id: str


class Running(BaseModel):
    """The report is not ready yet; ask again."""

    status: Literal["Running"] = "Running"


def classic_routes(reports: Reports, runner: ReportRunner) -> APIRouter:
    router = APIRouter(tags=["classic"])

    @router.post("/trigger_report", operation_id="trigger_report_by_post")
    @router.get("/trigger_report", operation_id="trigger_report")
    def trigger_report(response: Response) -> Triggered:
        """Start the classic report on the data of this moment and give its id at once."""
        response.headers["Cache-Control"] = "no-store"
        return Triggered(report_id=runner.trigger(ReportRequest()))

    @router.api_route("/get_report", methods=["HEAD"], include_in_schema=False, response_model=None)
    @router.get(
        "/get_report",
        response_model=None,
        responses={
            200: {
                "description": "`Running`, or the finished CSV as a download with `X-Report-Status: Complete`.",
                "model": Running,
                "content": {"text/csv": {"schema": {"type": "string"}}},
            },
            404: {"description": "No report has this id.", "content": {problems.MEDIA_TYPE: {}}},
            410: {"description": "The report's file was removed.", "content": {problems.MEDIA_TYPE: {}}},
            422: {"description": "report_id is missing.", "content": {problems.MEDIA_TYPE: {}}},
            500: {"description": "The report failed; `detail` is the reason.", "content": {problems.MEDIA_TYPE: {}}},
        },
    )
    def get_report(report_id: Annotated[str, Query(description="The id that /trigger_report gave.")]) -> Response:
        """Give `Running`, or the CSV when the report is ready."""
        report = reports.find(report_id)
        file = reports.finished_file(report)
        if file is None:
            return JSONResponse(Running().model_dump(), headers={"Cache-Control": "no-store"})
        return FileResponse(
            file,
            media_type="text/csv",
            filename=f"storewatch_report_{report.report_id}.csv",
            headers={"X-Report-Status": "Complete"},
        )

    return router
