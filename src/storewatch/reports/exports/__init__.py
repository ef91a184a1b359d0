"""The forms of a report, one file for each form. They write the computed tables and do no arithmetic."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from storewatch.domain.enums import ReportFormat, ReportTable
from storewatch.reports.compute.content import Content
from storewatch.reports.exports.parquet import write_parquet
from storewatch.reports.exports.text.classic_csv import write_classic_csv
from storewatch.reports.exports.text.json_report import write_json
from storewatch.reports.exports.text.ndjson import write_ndjson
from storewatch.reports.exports.text.wide_csv import write_wide_csv
from storewatch.reports.request.request import ReportRequest

# The most rows of one Excel sheet below its header, and the most rows of all sheets that still open quickly.
EXCEL_SHEET_ROWS: Final = 1_048_575
EXCEL_ROWS: Final = 2_000_000
# A PDF lists the worst stores only, but reads all of them: a million take 0.6 s and 400 MB.
PDF_STORES: Final = 1_000_000


def _write_xlsx(content: Content, file: Path) -> None:
    from storewatch.reports.exports.excel import write_excel  # noqa: PLC0415 - 60 ms that only this form needs

    write_excel(content, file)


def _write_typst_pdf(content: Content, file: Path) -> None:
    from storewatch.reports.exports.pdf import write_pdf  # noqa: PLC0415 - loads Typst, which only this form needs

    write_pdf(content, file)


WRITERS: Final[dict[ReportFormat, Callable[[Content, Path], None]]] = {
    ReportFormat.CSV: write_classic_csv,
    ReportFormat.WIDE_CSV: write_wide_csv,
    ReportFormat.JSON: write_json,
    ReportFormat.NDJSON: write_ndjson,
    ReportFormat.PARQUET: write_parquet,
    ReportFormat.XLSX: _write_xlsx,
    ReportFormat.PDF: _write_typst_pdf,
}


def too_large(request: ReportRequest, rows: Mapping[ReportTable, int]) -> str | None:
    """Return why the form cannot hold the report and which form to use instead, None when it can.

    rows: row counts of the tables, as far as they are known. STORE_FIGURES has a row for each store and window.
    """
    if request.format is ReportFormat.XLSX:
        for table, height in rows.items():
            if height > EXCEL_SHEET_ROWS:
                return (
                    f"The table {table} has {height:,} rows and an Excel sheet holds {EXCEL_SHEET_ROWS:,}. Use "
                    f"parquet or wide_csv with table={table}, fewer stores or windows, or a coarser breakdown."
                )
        if (total := sum(rows.values())) > EXCEL_ROWS:
            return (
                f"The report has {total:,} rows, more than a usable Excel file holds ({EXCEL_ROWS:,}). Use "
                "parquet or wide_csv, one table at a time, or ndjson."
            )
    stores = rows.get(ReportTable.STORES, 0) // max(1, len(request.windows) or 3)
    if request.format is ReportFormat.PDF and stores > PDF_STORES:
        return (
            f"The report covers {stores:,} stores and a PDF holds {PDF_STORES:,}. Use worst=100, some labels, "
            "or parquet or wide_csv."
        )
    return None
