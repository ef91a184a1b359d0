"""The first sheet of a workbook: the report on one page."""

from typing import Any, Final

import polars as pl
from xlsxwriter.chart import Chart
from xlsxwriter.worksheet import Worksheet

from storewatch.domain.enums import Breakdown, ReportTable
from storewatch.reports.compute.content import (
    BEFORE,
    FEED,
    LOST_SALES,
    OPENINGS,
    OUTAGE_FIGURES,
    QUALITY,
    REJECTED,
    SAMPLING,
    Content,
)
from storewatch.reports.exports.excel.book import ACCENT, DOWN, HEAD, INK, QUIET, Book
from storewatch.reports.exports.excel.columns import FIGURES_IN_ORDER, Look, cells, column_of, columns_of
from storewatch.reports.exports.header import summary
from storewatch.reports.exports.window_words import spoken
from storewatch.reports.exports.wording import in_words, met_of, title

_RULED: Final = {"bottom": 1, "bottom_color": "#DDE1E5"}
# The rows of the figures, in the order on the page.
_ROWS: Final = (
    *FIGURES_IN_ORDER,
    "availability_median",
    "availability_p5",
    "availability_p95",
    "share_without_downtime",
    "stores_without_known_time",
    *SAMPLING,
    *BEFORE,
    "availability_change_certain",
    "stores_on_target",
    *OUTAGE_FIGURES,
    *OPENINGS,
    *QUALITY,
    *REJECTED,
    *FEED,
    *LOST_SALES,
    "stores",
    "from_at",
    "to_at",
)
_WORST: Final = 10
_CHART_ROWS: Final = 17


def fill_summary(book: Book, sheet: Worksheet, content: Content) -> None:
    """Write the title, the figures of every window, a chart, and the worst stores of the first window."""
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, 1, 28)  # names of the worst stores
    sheet.set_column(2, 10, 20)
    sheet.set_row(0, 30)
    book.put(sheet, 0, 0, title(content), Look.TEXT, bold=True, font_size=20, font_color=ACCENT)
    lines = in_words(content)
    for row, line in enumerate(lines, 1):
        book.put(sheet, row, 0, line, Look.TEXT, font_color=QUIET)
    row = _figures(book, sheet, len(lines) + 2, content)
    worst = _worst(content)
    chart = _trend(book, content) or _bars(book, row + _CHART_ROWS + 2, worst)
    if chart is not None:
        sheet.insert_chart(
            row, 0, chart, {"object_position": 1, "description": "The chart of the report's availability"}
        )
        row += _CHART_ROWS
    if not worst.is_empty():
        _list_worst(book, sheet, row, worst)


def _figures(book: Book, sheet: Worksheet, first: int, content: Content) -> int:
    """Write a column for each window and a row for each figure. Return the row after a gap."""
    rows = _with_targets_in_words(summary(content))
    columns = [column_of(name, rows.schema[name], in_hours=True) for name in _ROWS if name in rows.columns]
    shown = cells(rows, columns)
    book.put(sheet, first, 0, None, Look.TEXT, **HEAD)
    for number, window in enumerate(rows["window"], 1):
        book.put(sheet, first, number, spoken(window), Look.TEXT, **HEAD, align="right")
    for row, column in enumerate(columns, first + 1):
        style: dict[str, Any] = dict(_RULED)
        if column.name == "availability":
            sheet.set_row(row, 24)
            style |= {"bold": True, "font_size": 15}
        book.put(sheet, row, 0, column.title, Look.TEXT, **style)
        for number, value in enumerate(shown[column.name], 1):
            book.put(sheet, row, number, value, column.look, **style, align="right")
    return first + len(columns) + 2


def _with_targets_in_words(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of SUMMARY with the stores on target as words, such as `274 of 498 (55 %)`."""
    if "stores_on_target" not in rows.columns:
        return rows
    counts = rows.select("stores_on_target", "stores_with_target").iter_rows()
    return rows.with_columns(
        stores_on_target=pl.Series([met_of(met, judged) for met, judged in counts], dtype=pl.String)
    )


def _worst(content: Content) -> pl.DataFrame:
    """Return the stores that were down with the lowest availability in the first window. Empty for a single store."""
    first = summary(content)["window"][:1]
    rows = [content.tables[ReportTable.STORES].schema.to_frame()]
    for frame in content.tables[ReportTable.STORES].frames() if content.stores > 1 else ():
        down = frame.filter(pl.col("window").is_in(first.implode()), pl.col("down_us") > 0)
        rows.append(down.sort("availability", maintain_order=True).head(_WORST))
    return pl.concat(rows).sort("availability", maintain_order=True).head(_WORST)


def _list_worst(book: Book, sheet: Worksheet, first: int, worst: pl.DataFrame) -> None:
    window = spoken(worst["window"][0])
    book.put(sheet, first, 0, f"Lowest availability: {window}", Look.TEXT, bold=True, font_size=13, font_color=ACCENT)
    columns = [
        column_of(name, worst.schema[name], in_hours=True)
        for name in ("store_id", "name", "availability", "coverage", "down_us", "unknown_us")
    ]
    for number, column in enumerate(columns):
        place = {"indent": 1} if column.is_text else {"align": "right"}
        book.put(sheet, first + 1, number, column.title, Look.TEXT, **HEAD, **place)
    book.write_rows(sheet, first + 2, worst, columns)


def _trend(book: Book, content: Content) -> Chart | None:
    """Create a chart of the availability over the whole buckets of the first window. None with fewer than two."""
    table = content.tables.get(ReportTable.TREND)
    if table is None or table.height == 0:
        return None
    rows = table.read()
    of_window = rows.filter(pl.col("window") == rows["window"][0])
    # Only the first and the last ones are partial.
    whole = of_window.with_row_index("row", 1).filter(~pl.col("partial"))["row"]
    if len(whole) < 2:
        return None
    first, last, points = whole[0], whole[-1], len(whole)
    left_out = f"; partial {content.request.by}s left out" if points < of_window.height else ""
    names = [column.name for column in columns_of(table.schema)]
    begins, value = names.index("bucket"), names.index("availability")
    by_hour = content.request.by is Breakdown.HOUR
    return _chart(
        book.workbook.add_chart({"type": "line"}),
        f"Availability by {content.request.by}: {spoken(rows['window'][0])}{left_out}",
        categories=["Trend", first, begins, last, begins],
        values=["Trend", first, value, last, value],
        style={"line": {"color": ACCENT, "width": 2}, "marker": {"type": "none" if points > 60 else "circle"}},
        x_axis={
            "num_format": "mm-dd hh:mm" if by_hour else "yyyy-mm-dd",
            "text_axis": True,
            "major_gridlines": {"visible": False},
        },
        y_axis={"num_format": "0.0%", "max": 1},
    )


def _bars(book: Book, first: int, worst: pl.DataFrame) -> Chart | None:
    """Create a chart of the down time of the worst stores, listed from row `first` on."""
    if worst.is_empty():
        return None
    last = first + worst.height - 1
    return _chart(
        book.workbook.add_chart({"type": "bar"}),
        "Hours down of the stores with the lowest availability",
        categories=["Summary", first, 0, last, 0],
        values=["Summary", first, 4, last, 4],
        style={"fill": {"color": DOWN}, "gap": 60},
        x_axis={"num_format": "#,##0.0"},
        y_axis={"reverse": True, "crossing": "max", "major_gridlines": {"visible": False}},
    )


def _chart(
    chart: Chart,
    title: str,
    *,
    categories: list[Any],
    values: list[Any],
    style: dict[str, Any],
    x_axis: dict[str, Any],
    y_axis: dict[str, Any],
) -> Chart:
    quiet = {
        "num_font": {"color": QUIET, "size": 9},
        "line": {"color": "#B9C0C7"},
        "major_gridlines": {"visible": True, "line": {"color": "#E3E6E9"}},
    }
    chart.add_series({"name": title, "categories": categories, "values": values} | style)
    chart.set_title({"name": title, "name_font": {"size": 12, "color": INK}, "overlay": False})
    chart.set_legend({"none": True})
    chart.set_x_axis(quiet | x_axis)
    chart.set_y_axis(quiet | y_axis)
    chart.show_blanks_as("gap")
    chart.set_size({"width": 880, "height": 300})
    return chart
