"""Every form read back by another program's reader: the same header, the same totals, the same figures of stores."""

import csv
import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from content_scene import (
    AS_OF,
    STORES,
    VERSIONS,
    classic_content,
    empty_content,
    expected_totals,
    many_content,
    plain_content,
    sheet_content,
    whole_content,
)

from storewatch.domain.enums import ReportFormat, ReportTable
from storewatch.domain.instants import HOUR_US, MINUTE_US, SECOND_US
from storewatch.reports.compute.content import FIGURES, SPREAD, Content
from storewatch.reports.exports import EXCEL_ROWS, EXCEL_SHEET_ROWS, PDF_STORES, WRITERS, too_large
from storewatch.reports.exports.header import header, stamps
from storewatch.reports.request.request import ReportRequest

GOLDEN = Path(__file__).with_name("golden")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?$")

Figures = dict[str, Any]
Make = Callable[..., Content]


def write(content: Content, folder: Path) -> Path:
    file = folder / f"{content.request.only_table}.{content.request.format.suffix}"
    WRITERS[content.request.format](content, file)
    return file


def in_us(name: str, value: Any, unit_us: int = SECOND_US) -> Any:
    """Turn a figure of a form back into whole microseconds; ratios stay."""
    return value if value is None or not name.endswith("_us") else round(value * unit_us)


def read_json(make: Make, folder: Path) -> tuple[Figures, Figures]:
    report = json.loads(write(make(format=ReportFormat.JSON), folder).read_text())
    totals = {window: _from_seconds(row) for window, row in report["report"]["totals"].items()}
    stores = {
        (store["store_id"], window): _from_seconds(row)
        for store in report["stores"]
        for window, row in store["windows"].items()
    }
    return totals, stores


def read_ndjson(make: Make, folder: Path) -> tuple[Figures, Figures]:
    lines = [json.loads(line) for line in write(make(format=ReportFormat.NDJSON), folder).read_text().splitlines()]
    rows = {name: [line for line in lines if line["table"] == name] for name in ("summary", "stores")}
    return (
        {row["window"]: _from_seconds(row) for row in rows["summary"]},
        {(row["store_id"], row["window"]): _from_seconds(row) for row in rows["stores"]},
    )


def read_parquet(make: Make, folder: Path) -> tuple[Figures, Figures]:
    summary, stores = (
        pl.read_parquet(write(make(format=ReportFormat.PARQUET, table=table), folder)).to_dicts()
        for table in (ReportTable.SUMMARY, ReportTable.STORES)
    )
    return (
        {row["window"]: _from_seconds(row) for row in summary},
        {(row["store_id"], row["window"]): _from_seconds(row) for row in stores},
    )


def read_wide_csv(make: Make, folder: Path) -> tuple[Figures, Figures]:
    summary, stores = (
        list(csv.DictReader(StringIO(write(make(format=ReportFormat.WIDE_CSV, table=table), folder).read_text())))
        for table in (ReportTable.SUMMARY, ReportTable.STORES)
    )
    numbers = [
        [
            row | {name: float(value) if value else None for name, value in row.items() if _is_figure(name)}
            for row in rows
        ]
        for rows in (summary, stores)
    ]
    return (
        {row["window"]: _from_seconds(row) for row in numbers[0]},
        {(row["store_id"].removeprefix("'"), row["window"]): _from_seconds(row) for row in numbers[1]},
    )


def read_excel(make: Make, folder: Path) -> tuple[Figures, Figures]:
    content = make(format=ReportFormat.XLSX)
    book = openpyxl.load_workbook(write(content, folder))
    rows = {row[0]: row[1:] for row in book["Summary"].iter_rows(values_only=True) if row[0]}
    windows = list(content.request.windows)
    totals = {
        window: {
            name: in_us(name, rows[EXCEL_TITLES[name].replace("(min)", "(h)")][place], HOUR_US) for name in EXCEL_TITLES
        }
        for place, window in enumerate(windows)
    }
    head, *cells = book["Stores"].iter_rows(values_only=True)
    stores, names = {}, {"Last 7 days": "last_7_days", "Yesterday": "yesterday"}
    for row in (dict(zip(head, values, strict=True)) for values in cells):
        named = {name: in_us(name, row[title], MINUTE_US) for name, title in EXCEL_TITLES.items() if title in row}
        stores[row["Store"], names[row["Window"]]] = named
    return totals, stores


EXCEL_TITLES = {
    "business_us": "Business time (min)",
    "up_us": "Up (min)",
    "down_us": "Down (min)",
    "unknown_us": "Unknown (min)",
    "planned_us": "Planned (min)",
    "availability": "Availability",
    "coverage": "Coverage",
    "availability_lowest": "Availability at least",
    "availability_highest": "Availability at most",
    "availability_median": "Median of stores",
    "availability_p5": "5th percentile",
    "availability_p95": "95th percentile",
    "share_without_downtime": "Stores without downtime",
    "stores_without_known_time": "Stores without known time",
}


def _is_figure(name: str) -> bool:
    return name.replace("_seconds", "_us") in {**FIGURES, **SPREAD}


def _from_seconds(row: Figures) -> Figures:
    named = {name.replace("_seconds", "_us"): value for name, value in row.items()}
    return {name: in_us(name, named[name]) for name in EXCEL_TITLES if name in named}


def expected_stores(content: Content) -> Figures:
    rows = content.tables[ReportTable.STORES].read().to_dicts()
    return {(row["store_id"], row["window"]): {name: row[name] for name in FIGURES} for row in rows}


def as_excel_keeps(figures: Figures) -> Figures:
    """Round ratios to the 16 digits that a number in an Excel file has; microseconds are whole and exact."""
    return {
        key: {name: float(f"{value:.16G}") if isinstance(value, float) else value for name, value in row.items()}
        for key, row in figures.items()
    }


@pytest.mark.parametrize("make", [whole_content, sheet_content, plain_content])
@pytest.mark.parametrize("read", [read_json, read_ndjson, read_parquet, read_wide_csv, read_excel])
def test_form_read_back_equals_the_content(
    read: Callable[[Make, Path], tuple[Figures, Figures]], make: Make, tmp_path: Path
) -> None:
    content = make()
    expected: tuple[Figures, Figures] = (expected_totals(content), expected_stores(content))
    if read is read_excel:
        expected = as_excel_keeps(expected[0]), as_excel_keeps(expected[1])
    assert read(make, tmp_path) == expected


def test_classic_csv_to_the_letter(tmp_path: Path) -> None:
    assert write(classic_content(), tmp_path).read_text() == (
        "store_id,uptime_last_hour(in minutes),uptime_last_day(in hours),update_last_week(in hours),"
        "downtime_last_hour(in minutes),downtime_last_day(in hours),downtime_last_week(in hours)\n"
        "'=1+1,60.0,23.99,168.0,0.01,0.01,0.0\n"
        "store,58.98,23.0,142.98,1.02,1.01,25.02\n"
    )


@pytest.mark.parametrize("make", [whole_content, plain_content, empty_content])
@pytest.mark.parametrize("form", [ReportFormat.JSON, ReportFormat.NDJSON])
def test_text_forms_are_as_in_the_golden_files(form: ReportFormat, make: Make, tmp_path: Path) -> None:
    written = write(make(format=form), tmp_path)
    assert written.read_text() == (GOLDEN / f"{make.__name__}.{form}").read_text()


@pytest.mark.parametrize("table", ReportTable)
def test_wide_csv_is_as_in_the_golden_file(table: ReportTable, tmp_path: Path) -> None:
    written = write(whole_content(format=ReportFormat.WIDE_CSV, table=table), tmp_path)
    assert written.read_text() == (GOLDEN / f"{table}.csv").read_text()


@pytest.mark.parametrize("table", ReportTable)
def test_parquet_equals_the_wide_csv(table: ReportTable, tmp_path: Path) -> None:
    parquet, wide = (
        write(whole_content(format=form, table=table), tmp_path)
        for form in (ReportFormat.PARQUET, ReportFormat.WIDE_CSV)
    )
    rows = pl.read_parquet(parquet)
    read = pl.read_csv(wide, schema_overrides=[pl.String] * len(rows.columns))
    assert (read.columns, read.height) == (rows.columns, rows.height)
    seconds = [name for name in rows.columns if name.endswith("_seconds")]
    assert read.select(pl.col(seconds).cast(pl.Float64)).equals(rows.select(seconds))


@pytest.mark.parametrize("table", ReportTable)
def test_instants_of_parquet_are_timestamps(table: ReportTable, tmp_path: Path) -> None:
    parquet, wide = (
        write(whole_content(format=form, table=table), tmp_path)
        for form in (ReportFormat.PARQUET, ReportFormat.WIDE_CSV)
    )
    (row, *_) = csv.DictReader(StringIO(wide.read_text()))
    zones = {name: "UTC" if value.endswith("Z") else None for name, value in row.items() if INSTANT.match(value)}
    schema = pl.read_parquet_schema(parquet)
    assert {name: kind for name, kind in schema.items() if kind.is_temporal()} == {
        name: pl.Datetime("us", zone) for name, zone in zones.items()
    } | {name: schema[name] for name in ("opened_at", "closed_at") if name in schema and name not in zones}
    assert pl.read_parquet(parquet)["as_of"].unique().to_list() == [AS_OF]


@pytest.mark.parametrize("table", ReportTable)
def test_numbers_of_wide_csv_have_the_types_of_parquet(table: ReportTable, tmp_path: Path) -> None:
    """A reader that guesses the types of CSV takes decimals as decimals also where all of them are whole."""
    parquet, wide = (
        write(whole_content(format=form, table=table), tmp_path)
        for form in (ReportFormat.PARQUET, ReportFormat.WIDE_CSV)
    )
    numbers = {name: kind for name, kind in pl.read_parquet_schema(parquet).items() if kind.is_numeric()}
    rows = pl.read_csv(wide)
    assert {name: rows.schema[name] for name in numbers if rows[name].null_count() < rows.height} == {
        name: kind for name, kind in numbers.items() if rows[name].null_count() < rows.height
    }


@pytest.mark.parametrize("table", ReportTable)
def test_ndjson_of_one_table_has_the_rows_of_parquet(table: ReportTable, tmp_path: Path) -> None:
    ndjson, parquet = (
        write(whole_content(format=form, table=table), tmp_path) for form in (ReportFormat.NDJSON, ReportFormat.PARQUET)
    )
    lines = [json.loads(line) for line in ndjson.read_text().splitlines()]
    rows = pl.read_parquet(parquet)
    assert {tuple(line) for line in lines} == {tuple(rows.columns)}
    for name, kind in rows.schema.items():
        if not kind.is_temporal():
            assert [line[name] for line in lines] == rows[name].to_list(), name
    assert {line["as_of"] for line in lines} == {"2023-01-25T18:13:22.479220Z"}


@pytest.mark.parametrize("sheet", ["Stores", "Days", "Outages", "Hours doctor", "Reasons"])
def test_each_sheet_names_its_stores(sheet: str, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(write(whole_content(format=ReportFormat.XLSX), tmp_path))
    (first, second, *_), *rows = book[sheet].iter_rows(values_only=True)
    assert (first, second) == ("Store", "Name")
    named = {row[:2] for row in rows}
    assert named == {
        (store_id, about[0]) for store_id, about in STORES.items() if store_id in {row[0] for row in named}
    }


def test_parquet_carries_the_header_in_its_metadata(tmp_path: Path) -> None:
    content = whole_content(format=ReportFormat.PARQUET, table=ReportTable.OUTAGES)
    shown = json.loads(pl.read_parquet_metadata(write(content, tmp_path))["storewatch"])
    totals = {window: _from_seconds(row) for window, row in shown.pop("totals").items()}
    assert (shown, totals) == (header(content), expected_totals(content))


@pytest.mark.parametrize("form", [ReportFormat.WIDE_CSV, ReportFormat.PARQUET])
def test_each_row_names_the_stores_of_the_report(form: ReportFormat, tmp_path: Path) -> None:
    asked: dict[str, Any] = {
        "store_ids": ("a", "b", "c", "d"),
        "labels": (("brand", "acme"), ("city", "=Köln")),
        "zone": "Asia/Tokyo",
        "with_outages": True,
        "worst": 3,
    }
    names = ["report_timezone", "report_target", "min_duration", "selection"]

    def stamps(**more: Any) -> tuple[Any, ...]:
        file = write(whole_content(format=form, table=ReportTable.GROUPS, **more), tmp_path)
        rows = pl.read_csv(file) if form is ReportFormat.WIDE_CSV else pl.read_parquet(file)
        return rows.select(names).row(0)

    own = "each store's own"
    selection = "4 store_ids; labels brand=acme, city==Köln; zone Asia/Tokyo; with_outages; worst 3"
    assert stamps(**asked) == (own, 99.5, "5m", selection)
    none = stamps(timezone="Europe/Berlin", target=None, min_duration=None)
    assert none == ("Europe/Berlin", None, None, None)


@pytest.mark.parametrize("form", [ReportFormat.WIDE_CSV, ReportFormat.PARQUET])
@pytest.mark.parametrize("table", ReportTable)
def test_empty_table_keeps_its_columns(form: ReportFormat, table: ReportTable, tmp_path: Path) -> None:
    def columns(content: Content) -> list[str]:
        file = write(content, tmp_path)
        return (pl.read_csv(file) if form is ReportFormat.WIDE_CSV else pl.read_parquet(file)).columns

    empty, full = (columns(make(format=form, table=table)) for make in (empty_content, whole_content))
    assert empty == full
    assert set(stamps(ReportRequest)) <= set(empty)


@pytest.mark.parametrize("form", [form for form in ReportFormat if form not in (ReportFormat.CSV, ReportFormat.PDF)])
def test_form_of_frames_on_disk_is_that_of_frames_in_memory_to_the_byte(form: ReportFormat, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    in_memory, on_disk = (write(whole_content(folder, format=form), tmp_path) for folder in (None, tmp_path / "frames"))
    again = tmp_path / "again"
    WRITERS[form](whole_content(format=form), again)
    assert on_disk.read_bytes() == again.read_bytes()
    assert in_memory == on_disk


@pytest.mark.parametrize("rows_at_once", [1, 2, 7])
@pytest.mark.parametrize("form", [ReportFormat.CSV, ReportFormat.JSON])
def test_stores_are_whole_however_their_rows_are_cut(form: ReportFormat, rows_at_once: int, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"format": form, "windows": ()}
    content = many_content(7, None, **asked)
    whole = write(content, tmp_path).read_bytes()
    rows = content.tables[ReportTable.STORES].read()
    cut = content.tables[ReportTable.STORES]
    cut._frames[:] = rows.iter_slices(rows_at_once)
    assert write(content, tmp_path).read_bytes() == whole


def test_every_form_has_a_writer() -> None:
    assert set(WRITERS) == set(ReportFormat)


def test_header_states_the_report_and_its_versions() -> None:
    shown = header(plain_content())
    versions = [shown[f"{name}_version"] for name in ("lake", "catalog", "tzdata", "software")]
    assert versions == list(vars(VERSIONS).values())
    assert (shown["as_of"], shown["policy"], shown["max_gap_seconds"]) == (
        "2023-01-25T18:13:22.479220Z",
        "observed",
        10_800,
    )
    assert shown["windows"]["yesterday"] == {"from": "2023-01-23T15:00:00Z", "to": "2023-01-25T06:00:00Z"}


def test_header_states_every_member_of_the_request_but_its_form() -> None:
    shown = header(whole_content())
    form = {"format", "table", "paper", "raw_text", "allow_unknown", "rolling"}  # rolling is read into windows
    members = {*ReportRequest.model_fields, "max_gap_seconds"} - {"max_gap", *form}
    assert members <= {*shown, *shown["selection"]}


def test_report_that_a_form_cannot_hold_names_another_form() -> None:
    excel, pdf = (
        ReportRequest(format=form, windows=("today", "yesterday")) for form in (ReportFormat.XLSX, ReportFormat.PDF)
    )
    assert too_large(excel, {ReportTable.STORES: EXCEL_SHEET_ROWS, ReportTable.BUCKETS: 3}) is None
    reason = too_large(excel, {ReportTable.BUCKETS: EXCEL_SHEET_ROWS + 1})
    assert reason is not None
    assert reason.startswith("The table buckets has 1,048,576 rows")
    assert "parquet or wide_csv with table=buckets" in reason
    halves = {ReportTable.STORES: EXCEL_ROWS // 2, ReportTable.BUCKETS: EXCEL_ROWS // 2}
    assert too_large(excel, halves) is None
    assert "2,000,001 rows" in (too_large(excel, halves | {ReportTable.OUTAGES: 1}) or "")
    assert too_large(pdf, {ReportTable.STORES: 2 * PDF_STORES}) is None
    assert "worst=100" in (too_large(pdf, {ReportTable.STORES: 2 * PDF_STORES + 2}) or "")
    assert too_large(ReportRequest(format=ReportFormat.NDJSON), {ReportTable.STORES: 10**9}) is None
