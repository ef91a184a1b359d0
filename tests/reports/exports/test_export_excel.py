"""The workbook: its cells against the golden file, its numbers and dates, and LibreOffice opening it."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from content_scene import empty_content, many_content, plain_content, sheet_content, table, whole_content
from openpyxl.workbook import Workbook

from storewatch.domain.enums import Paper, ReportFormat, ReportTable
from storewatch.reports.compute import content
from storewatch.reports.compute.content import Content
from storewatch.reports.exports.excel import write_excel

GOLDEN = Path(__file__).with_name("golden")
SHEETS = ["Summary", "Stores", "Groups", "Trend", "Days", "Outages", "Mass outages", "Pattern", "Blind spots"]


def written(made: Content, folder: Path) -> Workbook:
    write_excel(made, folder / "report.xlsx")
    return openpyxl.load_workbook(folder / "report.xlsx")


def test_every_table_has_a_sheet(tmp_path: Path) -> None:
    made = whole_content()
    assert set(made.tables) == set(ReportTable)
    assert len(written(made, tmp_path).sheetnames) == len(ReportTable) + len(["About"])


def dump(book: Workbook) -> dict[str, Any]:
    """Return every cell with content as its value and number format."""
    return {
        sheet.title: {
            cell.coordinate: [
                cell.value.isoformat() if isinstance(cell.value, datetime) else cell.value,
                cell.number_format,
            ]
            for row in sheet.iter_rows()
            for cell in row
            if cell.value is not None
        }
        for sheet in book
    }


def test_workbook_has_the_cells_of_the_golden_file(tmp_path: Path) -> None:
    cells = dump(written(whole_content(format=ReportFormat.XLSX), tmp_path))
    assert cells == json.loads((GOLDEN / "whole_content.xlsx.json").read_text())


def test_workbook_has_a_sheet_for_every_table_and_a_chart(tmp_path: Path) -> None:
    book = written(whole_content(format=ReportFormat.XLSX), tmp_path)
    assert book.sheetnames == [*SHEETS, "Hours doctor", "Reasons", "Rates", "About"]
    assert len(book["Summary"]._charts) == 1


def test_summary_sheet_has_the_figures_of_every_section(tmp_path: Path) -> None:
    sheet = written(whole_content(format=ReportFormat.XLSX), tmp_path)["Summary"]
    rows = {row[0]: row[1:3] for row in sheet.iter_rows(values_only=True) if row[0]}
    expected = {
        "Availability before": (0.98, 0.98),
        "Outages": (5, 3),
        "Outage time (h)": (24_960.345677 / 3600, 2.733333333),
        "Longest outage (h)": (12_299.999999 / 3600, 6000 / 3600),
        "Late openings": (4, 4),
        "Polls": (504, 504),
        "Repeated polls": (12, 12),
        "Lost sales": (3703.5, 3703.5),
        "Lost sales at most": (4502.25, 4502.25),
        "Outages not seen": (1.25, 1.25),
    }
    assert rows["Target met"] == ("0 of 3 (0\N{NO-BREAK SPACE}%)", "0 of 3 (0\N{NO-BREAK SPACE}%)")
    assert {title: rows[title] for title in expected} == {
        title: pytest.approx(values) for title, values in expected.items()
    }


def test_workbook_of_a_plain_report_draws_its_worst_stores(tmp_path: Path) -> None:
    book = written(plain_content(format=ReportFormat.XLSX), tmp_path)
    assert book.sheetnames == ["Summary", "Stores", "About"]
    assert len(book["Summary"]._charts) == 1


def test_workbook_without_any_row_has_headers_and_no_chart(tmp_path: Path) -> None:
    book = written(empty_content(format=ReportFormat.XLSX), tmp_path)
    assert (book["Stores"]["A1"].value, book["Stores"]["A2"].value) == ("Store", None)
    assert book["Summary"]._charts == []


def test_tables_freeze_their_header_filter_and_print_on_the_paper_asked_for(tmp_path: Path) -> None:
    book = written(whole_content(format=ReportFormat.XLSX, paper=Paper.LETTER), tmp_path)
    stores = book["Stores"]
    assert (stores.freeze_panes, stores.auto_filter.ref[:2], stores.print_title_rows) == ("C2", "A1", "$1:$1")
    assert {sheet.page_setup.paperSize for sheet in book} == {1}
    assert stores.page_setup.orientation == "landscape"
    assert len(stores.conditional_formatting) > 0


def test_long_tables_print_their_first_rows_and_the_footer_says_so(tmp_path: Path) -> None:
    book = written(many_content(100), tmp_path)
    assert book["Stores"].max_row == 301
    assert book["Stores"].print_area == "'Stores'!$A$1:$Q$251"
    assert book["Stores"].oddFooter.left.text == (
        "storewatch: the first 250 of 300 rows; clear the print area to print all"
    )
    assert (book["Summary"].print_area, book["Summary"].oddFooter.left.text) == ("", "storewatch")
    assert {sheet.oddFooter.right.text for sheet in book} == {"&P / &N"}


def test_every_sheet_prints_as_wide_as_its_paper_or_repeats_its_names(tmp_path: Path) -> None:
    for sheet in written(whole_content(format=ReportFormat.XLSX), tmp_path):
        fits = sheet.sheet_properties.pageSetUpPr is not None and sheet.sheet_properties.pageSetUpPr.fitToPage
        assert fits or sheet.print_title_cols == "$A:$B"


def test_lost_sales_are_shown_in_their_currency(tmp_path: Path) -> None:
    for currency, form in (("EUR", "[$EUR] #,##0.00;-[$EUR] #,##0.00"), (None, "#,##0.00;-#,##0.00;0.00")):
        book = written(whole_content(format=ReportFormat.XLSX, currency=currency), tmp_path)
        head = [cell.value for cell in book["Stores"][1]]
        columns = [head.index(title) + 1 for title in ("Lost sales", "Lost sales at least", "Lost sales at most")]
        assert {book["Stores"].cell(2, column).number_format for column in columns} == {form}


def test_mass_outages_have_the_names_of_their_stores(tmp_path: Path) -> None:
    sheet = written(whole_content(format=ReportFormat.XLSX), tmp_path)["Mass outages"]
    assert sheet["J2"].value == "Café da Graça · nº 7 (cafe-lisboa), 東京ラーメン 一号店 (tokyo-1)"


def test_workbook_has_the_time_of_the_report_and_not_of_the_clock(tmp_path: Path) -> None:
    book = written(whole_content(format=ReportFormat.XLSX), tmp_path)
    assert book.properties.created == datetime(2023, 1, 25, 18, 13, 22)  # noqa: DTZ001 - openpyxl reads UTC so


def test_text_longer_than_a_cell_is_cut_with_a_note(tmp_path: Path) -> None:
    made = whole_content(format=ReportFormat.XLSX)
    rows = made.tables[ReportTable.MASS_OUTAGES].read().to_dicts()
    rows[0]["store_ids"] = [f"store-{number:06}" for number in range(5_000)]
    tables = {**made.tables, ReportTable.MASS_OUTAGES: table(content.MASS_OUTAGES, rows)}
    long = replace(made, tables=tables)
    cell = written(long, tmp_path)["Mass outages"]["J2"].value
    assert (cell[:12], cell[-12:]) == ("store-000000", "… (cut here)")


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed; CI installs it")
@pytest.mark.parametrize("make", [whole_content, sheet_content, plain_content, empty_content])
def test_libreoffice_opens_and_prints_the_workbook(make: Callable[..., Content], tmp_path: Path) -> None:
    write_excel(make(format=ReportFormat.XLSX), tmp_path / "report.xlsx")
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    for form in ("pdf", "csv"):
        command = ["soffice", profile, "--headless", "--convert-to", form, "--outdir", str(tmp_path)]
        subprocess.run([*command, str(tmp_path / "report.xlsx")], check=True, capture_output=True, timeout=120)
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")
    summary = (tmp_path / "report.csv").read_text(errors="replace")
    assert "Availability" in summary
    assert not any(error in summary for error in ("#REF!", "#NAME?", "#VALUE!", "Err:5"))
