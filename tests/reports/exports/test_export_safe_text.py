"""Text of others that a spreadsheet could run: neutralised in CSV and Excel, as it is in forms for programs."""

import csv
import json
from pathlib import Path

import openpyxl
import polars as pl
from content_scene import whole_content

from storewatch.domain.enums import ReportFormat, ReportTable
from storewatch.reports.exports import WRITERS

HOSTILE = '=HYPERLINK("http://x")'


def test_wide_csv_has_no_cell_that_begins_like_a_formula_but_numbers(tmp_path: Path) -> None:
    for table in ReportTable:
        WRITERS[ReportFormat.WIDE_CSV](whole_content(format=ReportFormat.WIDE_CSV, table=table), tmp_path / "a.csv")
        with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        risky = [cell for cell in cells if cell[:1] in tuple("=+-@\t\r\n")]
        assert all(float(cell) < 0 for cell in risky)


def test_csv_with_raw_text_is_as_it_was_sent(tmp_path: Path) -> None:
    content = whole_content(format=ReportFormat.WIDE_CSV, raw_text=True)
    WRITERS[ReportFormat.WIDE_CSV](content, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["name"] == HOSTILE


def test_excel_keeps_formulas_as_text_and_makes_no_link(tmp_path: Path) -> None:
    WRITERS[ReportFormat.XLSX](whole_content(format=ReportFormat.XLSX), tmp_path / "a.xlsx")
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.number_format for cell in cells if cell.value == HOSTILE} == {"@"}
    assert {cell.data_type for cell in cells if cell.value == HOSTILE} == {"s"}
    assert [cell for cell in cells if cell.data_type == "f" or cell.hyperlink] == []


def test_forms_for_programs_carry_text_as_it_is(tmp_path: Path) -> None:
    for form in (ReportFormat.JSON, ReportFormat.NDJSON, ReportFormat.PARQUET):
        WRITERS[form](whole_content(format=form), tmp_path / f"a.{form}")
    assert json.loads((tmp_path / "a.json").read_text())["stores"][0]["name"] == HOSTILE
    lines = [json.loads(line) for line in (tmp_path / "a.ndjson").read_text().splitlines()]
    assert next(line["name"] for line in lines if line["table"] == "stores") == HOSTILE
    assert pl.read_parquet(tmp_path / "a.parquet")["name"][0] == HOSTILE
