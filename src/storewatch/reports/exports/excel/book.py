"""A workbook in the style of the report: its formats, and sheets with one table each."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import polars as pl
from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from storewatch.domain.enums import Paper
from storewatch.reports.compute.content import Content, ContentTable
from storewatch.reports.exports.excel.columns import Column, Look, cells, columns_of
from storewatch.reports.exports.header import summary
from storewatch.reports.exports.window_words import spoken

# More rows are not printed unless somebody clears the print area: a sheet for filtering would be hundreds of pages.
MOST_PRINTED_ROWS: Final = 250
_FOOTER: Final = "&L&9storewatch&R&9&P / &N"
# Characters that a landscape page can show. Wider sheets continue on further pages.
_WIDEST_PRINT: Final = 320
INK: Final = "#1B2A3A"
ACCENT: Final = "#1F5F99"
DOWN: Final = "#D9772B"
QUIET: Final = "#5F6B76"
ALARM: Final = "#A3420B"
_PAPERS: Final = {Paper.A4: 9, Paper.LETTER: 1}
HEAD: Final = {"bold": True, "font_color": "#FFFFFF", "bg_color": INK}
# From 90 % to 100 %. Everything below 90 % has the darkest shade.
SHADES: Final = {
    "type": "2_color_scale",
    "min_type": "num",
    "min_value": 0.9,
    "min_color": "#E8965A",
    "max_type": "num",
    "max_value": 1,
    "max_color": "#FFFFFF",
}
# Not data bars: those of Excel 2007 show a bar at zero, those of 2010 are an extension that other readers warn of.
_HEAT: Final = {
    "type": "2_color_scale",
    "min_type": "num",
    "min_value": 0,
    "min_color": "#FFFFFF",
    "max_type": "max",
    "max_color": "#F0B07C",
}


@dataclass(kw_only=True)
class Book:
    """An Excel file that is being written, each sheet from top to bottom, without keeping rows in memory."""

    workbook: Workbook
    paper: Paper
    currency: str | None
    window_width: float
    _formats: dict[tuple[tuple[str, Any], ...], Format] = field(default_factory=dict)

    @classmethod
    def create(cls, file: Path, content: Content, scratch: str) -> "Book":
        options = {
            "tmpdir": scratch,
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        names = [len(spoken(window)) for window in summary(content)["window"]]
        window_width = max(12, *(length + 2 for length in names))
        return cls(
            workbook=Workbook(str(file), options),
            paper=content.request.paper,
            currency=content.request.currency,
            window_width=window_width,
        )

    def format(self, look: Look | None = None, **style: Any) -> Format:
        """Return the format of a look, with further properties under the names of xlsxwriter."""
        number = look.value if look else ""
        if look is Look.MONEY and self.currency:
            number = f"[${self.currency}] #,##0.00;-[${self.currency}] #,##0.00"
        properties = ({"num_format": number} if number else {}) | {"valign": "vcenter"} | style
        key = tuple(sorted(properties.items()))
        if key not in self._formats:
            self._formats[key] = self.workbook.add_format(properties)
        return self._formats[key]

    def add_sheet(self, title: str, *, landscape: bool = True) -> Worksheet:
        """Add a sheet that prints as wide as the paper."""
        sheet = self.workbook.add_worksheet(title)
        if landscape:
            sheet.set_landscape()
        sheet.set_paper(_PAPERS[self.paper])
        sheet.set_margins(left=0.5, right=0.5, top=0.7, bottom=0.6)
        sheet.fit_to_pages(1, 0)
        sheet.set_header("&L&9&A")
        sheet.set_footer(_FOOTER)
        return sheet

    def put(self, sheet: Worksheet, row: int, column: int, value: Any, look: Look, **style: Any) -> None:
        """Write one cell. For None the cell is empty and keeps its style."""
        if value is None:
            sheet.write_blank(row, column, None, self.format(look, **style))
        else:
            _method(sheet, look)(row, column, value, self.format(look, **style))

    def fill_table(self, sheet: Worksheet, table: ContentTable) -> None:
        """Write a header and all rows, ready to filter and to print."""
        columns = [
            replace(column, width=self.window_width) if column.name == "window" else column
            for column in columns_of(table.schema)
        ]
        sheet.set_row(0, 36)
        for number, column in enumerate(columns):
            sheet.set_column(number, number, column.width)
            place = {"indent": 1} if column.is_text else {"align": "right"}
            self.put(sheet, 0, number, column.title, Look.TEXT, **HEAD, **place, text_wrap=True)
        first = 1
        for rows in table.frames():
            self.write_rows(sheet, first, rows, columns)
            first += rows.height
        names = sum(column.name in ("store_id", "name", "group") for column in columns)
        sheet.freeze_panes(1, names)
        sheet.autofilter(0, 0, max(1, table.height), len(columns) - 1)
        sheet.repeat_rows(0)
        if table.height > MOST_PRINTED_ROWS:
            sheet.print_area(0, 0, MOST_PRINTED_ROWS, len(columns) - 1)
            left_out = f"the first {MOST_PRINTED_ROWS} of {table.height:,} rows; clear the print area to print all"
            sheet.set_footer(_FOOTER.replace("storewatch", f"storewatch: {left_out}"))
        if sum(column.width for column in columns) > _WIDEST_PRINT:
            sheet.fit_to_pages(0, 0)
            sheet.set_print_scale(55)
            sheet.repeat_columns(0, max(0, names - 1))
        for number, column in enumerate(columns):
            for rule in self._colours(column):
                sheet.conditional_format(1, number, max(1, table.height), number, rule)

    def write_rows(self, sheet: Worksheet, first: int, rows: pl.DataFrame, columns: list[Column]) -> None:
        """Write rows from row `first` on, each column in its look."""
        plan = [
            (number, _method(sheet, column.look), self.format(column.look, **({"indent": 1} if column.is_text else {})))
            for number, column in enumerate(columns)
        ]
        lists = (column.to_list() for column in cells(rows, columns))
        for row, values in enumerate(zip(*lists, strict=True), first):
            for (number, write, form), value in zip(plan, values, strict=True):
                if value is not None:
                    write(row, number, value, form)

    def _colours(self, column: Column) -> list[dict[str, Any]]:
        bad = self.format(font_color=ALARM, bold=True)
        if column.name in ("availability", "availability_corrected"):
            return [SHADES]
        if column.name in ("down_us", "longest_outage_us"):
            return [_HEAT]
        if column.name == "target_met":
            return [{"type": "cell", "criteria": "==", "value": '"no"', "format": bad}]
        if column.look is Look.CHANGE or column.name == "error_budget_left_us":
            return [{"type": "cell", "criteria": "<", "value": 0, "format": bad}]
        return []


def _method(sheet: Worksheet, look: Look) -> Callable[..., object]:
    """Return the method of the sheet that writes a look. Text never becomes a formula or a link."""
    method: Callable[..., object] = sheet.write_string if look in (Look.TEXT, Look.FLAG) else sheet.write_number
    return method
