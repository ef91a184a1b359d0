"""The files of reports as downloads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fastapi.responses import FileResponse

from storewatch.catalog import Job
from storewatch.domain.enums import ReportFormat
from storewatch.domain.instants import parse_instant
from storewatch.reports.request.file_names import file_name
from storewatch.reports.request.request import ReportRequest

MEDIA_TYPES: Final = {
    ReportFormat.CSV: "text/csv",
    ReportFormat.WIDE_CSV: "text/csv",
    ReportFormat.JSON: "application/json",
    ReportFormat.NDJSON: "application/x-ndjson",
    ReportFormat.PARQUET: "application/vnd.apache.parquet",
    ReportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ReportFormat.PDF: "application/pdf",
}
_TEXTS: Final = ("text/csv", "application/x-ndjson")

# For the `responses` of a route.
FILE_CONTENT: Final[dict[str, Any]] = {
    media_type: {
        "schema": {"type": "object"}
        if media_type == "application/json"
        else {"type": "string"} | ({} if media_type in _TEXTS else {"format": "binary"})
    }
    for media_type in MEDIA_TYPES.values()
}


def download_name(report: Job) -> str:
    """Give the name of a complete report's file, for people."""
    assert report.result is not None  # noqa: S101 - it is complete
    return file_name(ReportRequest.from_parameters(report.parameters), parse_instant(report.result["as_of"]))


def download(report: Job, file: Path, headers: Mapping[str, str]) -> FileResponse:
    """Answer with a complete report's file."""
    media_type = MEDIA_TYPES[ReportFormat(report.parameters["format"])]
    return FileResponse(file, media_type=media_type, filename=download_name(report), headers=headers)
