"""The sheets of a workbook that are not plain tables: the pattern of a week, and the description of the report."""

from typing import Any, Final

import polars as pl
from xlsxwriter.worksheet import Worksheet

from storewatch.domain.clock_words import WEEKDAYS
from storewatch.domain.instants import MINUTE_US
from storewatch.reports.compute.content import Content
from storewatch.reports.exports.columns import divided
from storewatch.reports.exports.excel.book import ACCENT, INK, MOST_PRINTED_ROWS, QUIET, SHADES, Book
from storewatch.reports.exports.excel.columns import Look
from storewatch.reports.exports.header import header
from storewatch.reports.exports.window_words import spoken
from storewatch.reports.exports.wording import rules

_CELLS: Final = {
    "Stores without downtime": "The share of stores without any down time, among the stores with known time.",
    "Instants": "Columns marked (UTC) have UTC times. Columns marked (local) have times of the store's own clock.",
    "Printing": f"A sheet with more than {MOST_PRINTED_ROWS} rows prints the first ones only, as its footer says. "
    "Clear the print area to print all. Pages repeat the header row.",
    "Numbers": "Cells hold unrounded numbers; the format rounds them. Durations are in minutes (min) or hours (h).",
}
_QUIET_ZERO: Final = '#,##0.0;-#,##0.0;"·"'
_HEAT: Final = {"type": "3_color_scale", "min_color": "#FFFFFF", "mid_color": "#F6C9A0", "max_color": "#DE7A32"}


def fill_pattern(book: Book, sheet: Worksheet, pattern: pl.DataFrame) -> None:
    """Write two grids for each window, weekdays by local hours: minutes down, and availability."""
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 14)
    sheet.set_column(1, 24, 7.8)
    row = 0
    for window in pattern["window"].unique(maintain_order=True):
        hours = pattern.filter(pl.col("window") == window)
        down = hours.select("weekday", "hour", value=divided(hours["down_us"], MINUTE_US))
        row = _grid(book, sheet, row, f"{spoken(window)}: minutes down by local hour", down, Look.MINUTES)
        shares = hours.select("weekday", "hour", value="availability")
        row = _grid(book, sheet, row, f"{spoken(window)}: availability by local hour", shares, Look.SHARE)


def _grid(book: Book, sheet: Worksheet, row: int, title: str, hours: pl.DataFrame, look: Look) -> int:
    """Write a grid of weekday, hour, value from a row on, and return the row after it."""
    book.put(sheet, row, 0, title, Look.TEXT, bold=True, font_size=12, font_color=INK)
    values = {(weekday, hour): value for weekday, hour, value in hours.iter_rows()}
    sheet.write_row(row + 1, 0, ["", *range(24)], book.format(Look.COUNT, bold=True, font_color=QUIET, align="center"))
    style: dict[str, Any] = {"font_size": 8, "align": "center", "border": 1, "border_color": "#E3E6E9"}
    if look is Look.MINUTES:
        style["num_format"] = _QUIET_ZERO
    for weekday, name in enumerate(WEEKDAYS):
        book.put(sheet, row + 2 + weekday, 0, name, Look.TEXT)
        for hour in range(24):
            book.put(sheet, row + 2 + weekday, 1 + hour, values.get((weekday, hour)), look, **style)
    sheet.conditional_format(row + 2, 1, row + 8, 24, _HEAT if look is Look.MINUTES else SHADES)
    return row + 10


def fill_about(book: Book, sheet: Worksheet, content: Content) -> None:
    """Write the requested parameters, the versions of the data, and how to read the report."""
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, 1, 96)
    row = 0
    for title, lines in (("About this report", _header_lines(content)), ("How to read it", rules(content) | _CELLS)):
        sheet.set_row(row, 24)
        book.put(sheet, row, 0, title, Look.TEXT, bold=True, font_size=14, font_color=ACCENT)
        for name, text in lines.items():
            row += 1
            sheet.set_row(row, 15 * max(1, -(-len(text) // 95)))
            book.put(sheet, row, 0, name, Look.TEXT, bold=True, valign="top", font_color=INK)
            book.put(sheet, row, 1, text, Look.TEXT, text_wrap=True, valign="top")
        row += 2


def _header_lines(content: Content) -> dict[str, str]:
    """Return the header as lines of a name and a text. Parameters without a value have a dash."""
    values = header(content)
    values.pop("as_of_warning", None)  # the rules and the summary have its text
    windows, selection = values.pop("windows"), values.pop("selection")
    lines = {name: _text(value) for name, value in values.items()}
    lines |= {f"window {spoken(name)}": f"{ends['from']} to {ends['to']}" for name, ends in windows.items()}
    return lines | {f"selection {name}": _text(value) for name, value in selection.items()}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        value = [f"{name}={each}" for name, each in value.items()]
    if isinstance(value, list):
        value = ", ".join(value)
    return "-" if value in (None, "") else str(value)
