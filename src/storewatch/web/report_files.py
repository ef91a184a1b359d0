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

_BINARY: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}
# The files that are text, with the first lines of an example.
_TEXTS: Final[dict[str, Any]] = {
    CSV: {
        "schema": {"type": "string"},
        "example": "store_id,uptime_last_hour(in minutes),uptime_last_day(in hours),update_last_week(in hours),"
        "downtime_last_hour(in minutes),downtime_last_day(in hours),downtime_last_week(in hours)\n"
        "cafe,0.0,2.25,2.25,0.0,0.75,0.75\n",
    },
    JSON: {
        "schema": {"type": "object"},
        "example": {
            "report": {"as_of": "2023-01-23T18:00:00Z", "policy": "observed", "stores": 1},
            "stores": [{"store_id": "cafe", "windows": {"last_week": {"availability": 0.96}}}],
        },
    },
    NDJSON: {
        "schema": {"type": "string"},
        "example": '{"table":"report","as_of":"2023-01-23T18:00:00Z","policy":"observed","stores":1}\n'
        '{"table":"stores","store_id":"cafe","window":"last_week","availability":0.96}\n',
    },
}

# For the `responses` of a route.
FILE_CONTENT: Final[dict[str, Any]] = {
    media_type: _TEXTS.get(media_type, _BINARY) for media_type in REPORT_MEDIA_TYPES.values()
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
