"""The files of reports as downloads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fastapi.responses import FileResponse

from storewatch.catalog import Job
from storewatch.domain.enums import ReportFormat
from storewatch.domain.instants import parse_instant
from storewatch.domain.media_types import CSV, JSON, NDJSON, REPORT_MEDIA_TYPES
from storewatch.reports.request.file_names import file_name
from storewatch.reports.request.request import ReportRequest

_TEXTS: Final = (CSV, NDJSON)

# For the `responses` of a route.
FILE_CONTENT: Final[dict[str, Any]] = {
    media_type: {
        "schema": {"type": "object"}
        if media_type == JSON
        else {"type": "string"} | ({} if media_type in _TEXTS else {"format": "binary"})
    }
    for media_type in REPORT_MEDIA_TYPES.values()
}


def download_name(report: Job) -> str:
    """Return the file name under which people download a complete report."""
    assert report.result is not None  # noqa: S101 - the report is complete
    return file_name(ReportRequest.from_parameters(report.parameters), parse_instant(report.result["as_of"]))


def download(report: Job, file: Path, headers: Mapping[str, str]) -> FileResponse:
    """Return the answer that sends the file of a complete report, with a header if as_of does not fit the polls."""
    warning = (report.result or {}).get("as_of_warning")
    if warning is not None:
        headers = {**headers, "X-As-Of-Warning": warning["text"]}
    media_type = REPORT_MEDIA_TYPES[ReportFormat(report.parameters["format"])]
    return FileResponse(file, media_type=media_type, filename=download_name(report), headers=headers)
