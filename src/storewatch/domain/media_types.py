"""Media types of what storewatch reads and writes."""

from typing import Final

from storewatch.domain.enums import ReportFormat

CSV: Final = "text/csv"
HTML: Final = "text/html"
FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
PARQUET: Final = "application/vnd.apache.parquet"
ARROW: Final = "application/vnd.apache.arrow.stream"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PDF: Final = "application/pdf"
PROBLEM: Final = "application/problem+json"
EVENTS: Final = "text/event-stream"

REPORT_MEDIA_TYPES: Final[dict[ReportFormat, str]] = {
    ReportFormat.CSV: CSV,
    ReportFormat.WIDE_CSV: CSV,
    ReportFormat.JSON: JSON,
    ReportFormat.NDJSON: NDJSON,
    ReportFormat.PARQUET: PARQUET,
    ReportFormat.XLSX: XLSX,
    ReportFormat.PDF: PDF,
}
