"""A complete classic report in the form that a client accepts: a CSV download, or JSON."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from storewatch.catalog import Job
from storewatch.domain.enums import ReportFormat
from storewatch.domain.media_types import CSV, JSON
from storewatch.web.accepting import accepts, names_media_type
from storewatch.web.report_files import download

ROWS_AT_ONCE: Final = 1_000
_HEADERS: Final = {"X-Report-Status": "Complete", "Vary": "Accept"}


def complete_report(request: Request, report: Job, file: Path) -> Response:
    """Return the file of a report as a download; as JSON for a client that accepts JSON and not CSV.

    The Content-Type is `text/csv` without a charset for a client whose Accept names `text/csv`.
    """
    if report.parameters["format"] != ReportFormat.CSV:
        return download(report, file, _HEADERS)
    if accepts(request, JSON) and not accepts(request, CSV):
        return StreamingResponse(_json_parts(request, report, file), media_type=JSON, headers=_HEADERS)
    return download(report, file, _HEADERS | ({"Content-Type": CSV} if names_media_type(request, CSV) else {}))


def _json_parts(request: Request, report: Job, file: Path) -> Iterator[str]:
    """Yield the rows of the file as JSON objects. Numbers are written as in the file; an empty cell is null."""
    url = f"{request.base_url}get_report?report_id={report.job_id}"
    head = {"status": "Complete", "report_id": report.job_id, "url": url}
    yield json.dumps(head)[:-1] + ', "data": ['
    with file.open(encoding="utf-8", newline="") as text:
        rows = csv.reader(text)
        columns = [json.dumps(column) for column in next(rows)]
        part: list[str] = []
        separator = ""
        for store_id, *figures in rows:
            values = [json.dumps(store_id), *(figure or "null" for figure in figures)]
            part.append("{" + ", ".join(f"{name}: {value}" for name, value in zip(columns, values, strict=True)) + "}")
            if len(part) == ROWS_AT_ONCE:
                yield separator + ", ".join(part)
                separator, part = ", ", []
    yield (separator if part else "") + ", ".join(part) + "]}"
