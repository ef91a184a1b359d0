"""The forms of a report, one file a form; they write figures and have no arithmetic of their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from storewatch.reports.exports.classic_csv import write_classic_csv
from storewatch.reports.exports.json_report import write_json
from storewatch.reports.figures import Figures
from storewatch.reports.request import ReportFormat

WRITERS: Final[dict[ReportFormat, Callable[[Figures, Path], None]]] = {
    ReportFormat.CSV: write_classic_csv,
    ReportFormat.JSON: write_json,
}
