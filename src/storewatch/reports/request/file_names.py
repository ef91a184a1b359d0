"""The file names of downloaded reports."""

import re
from datetime import UTC, datetime
from typing import Final

from storewatch.domain.enums import ReportFormat, ReportTable
from storewatch.domain.policies import FILL
from storewatch.reports.request.request import ReportRequest

_LONGEST_VALUE: Final = 40


def file_name(request: ReportRequest, as_of: datetime) -> str:
    """Name a report's file for people, such as `storewatch_2023-01-25_last-week_by-day_acme.xlsx`.

    The date is that of as_of. The name has the windows, the breakdown, the choice of stores, the policy and the table.
    Other parameters are not in it, so two reports can have the same name.
    """
    windows = request.windows
    if not windows:
        window = "classic"
    elif len(windows) == 1:
        window = windows[0].replace("_", "-").replace("/", "-to-")
    else:
        window = f"{len(windows)}-windows"
    parts = ["storewatch", as_of.astimezone(UTC).date().isoformat(), window]
    if request.format is ReportFormat.WIDE_CSV and not windows:
        parts.append("wide")
    if request.by is not None:
        parts.append(f"by-{request.by}")
    if request.store_ids is not None and len(request.store_ids) == 1:
        parts.append(request.store_ids[0][:_LONGEST_VALUE])
    parts += [value[:_LONGEST_VALUE] for _, value in request.labels]
    if request.zone is not None:
        parts.append(request.zone)
    if request.worst is not None:
        parts.append(f"worst-{request.worst}")
    if request.with_outages:
        parts.append("with-outages")
    if request.policy.value != FILL.name:
        parts.append(request.policy.value)
    # A table of stores is what a file with one table holds by itself.
    if request.table is not None and not (request.table is ReportTable.STORES and request.format.holds_one_table):
        parts.append(request.table.replace("_", "-"))
    name = "_".join(re.sub(r"[^A-Za-z0-9.-]+", "-", part).strip("-.") or "x" for part in parts)
    return f"{name}.{request.format.suffix}"
