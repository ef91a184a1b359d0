"""The names under which reports are downloaded."""

import re
from datetime import UTC, datetime
from typing import Final

from storewatch.reports.request import ReportRequest, TableName

_LONGEST_ID: Final = 40


def file_name(request: ReportRequest, as_of: datetime) -> str:
    """Name a report's file for people, such as `storewatch_2023-01-25_last-week_by-day.xlsx`; the date is as_of's."""
    windows = request.windows
    if not windows:
        window = "classic"
    elif len(windows) == 1:
        window = windows[0].replace("_", "-").replace("/", "-to-")
    else:
        window = f"{len(windows)}-windows"
    parts = ["storewatch", as_of.astimezone(UTC).date().isoformat(), window]
    if request.by is not None:
        parts.append(f"by-{request.by}")
    if request.store_ids is not None and len(request.store_ids) == 1:
        parts.append(request.store_ids[0][:_LONGEST_ID])
    if request.table is not TableName.STORES:
        parts.append(request.table.replace("_", "-"))
    name = "_".join(re.sub(r"[^A-Za-z0-9.-]+", "-", part).strip("-.") or "x" for part in parts)
    return f"{name}.{request.format.suffix}"
