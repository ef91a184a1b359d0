"""The report as an Excel workbook, for people who filter, sort and calculate.

Text is written as text: stored text never becomes a formula or a link. Equal contents have equal bytes.
"""

import tempfile
from pathlib import Path
from typing import Final

import polars as pl

from storewatch.domain.enums import Breakdown, ReportTable
from storewatch.domain.instants import instant_of
from storewatch.reports.compute.content import Content, ContentTable
from storewatch.reports.exports.excel.book import Book
from storewatch.reports.exports.excel.pages import fill_about, fill_pattern
from storewatch.reports.exports.excel.summary import fill_summary
from storewatch.reports.exports.store_rows import store_names

_SHEETS: Final = {
    ReportTable.STORES: "Stores",
    ReportTable.GROUPS: "Groups",
    ReportTable.TREND: "Trend",
    ReportTable.BUCKETS: "Days",
    ReportTable.OUTAGES: "Outages",
    ReportTable.MASS_OUTAGES: "Mass outages",
    ReportTable.PATTERN: "Pattern",
    ReportTable.BLIND_SPOTS: "Blind spots",
    ReportTable.DOCTOR: "Hours doctor",
    ReportTable.REASONS: "Reasons",
    ReportTable.RATES: "Rates",
}
_BUCKETS: Final = {
    Breakdown.HOUR: "Hours",
    Breakdown.DAY: "Days",
    Breakdown.WEEK: "Weeks",
    Breakdown.MONTH: "Months",
}


def write_excel(content: Content, file: Path) -> None:
    """Write a summary, a sheet for every other table of the report, and a sheet about it."""
    with tempfile.TemporaryDirectory(prefix="storewatch-") as scratch:
        book = Book.create(file, content, scratch)
        _fill(book, content)
        book.workbook.close()


def _with_names(content: Content, events: ContentTable) -> ContentTable:
    """Return the mass outages with the name of each store before its id."""
    rows = events.read()
    names = store_names(content, rows["store_ids"].explode(empty_as_null=False))
    labels = [
        [f"{name} ({each})" if (name := names.get(each)) else each for each in store_ids]
        for store_ids in rows["store_ids"].to_list()
    ]
    table = ContentTable(schema=events.schema)
    table.append(rows.with_columns(store_ids=pl.Series(labels, dtype=pl.List(pl.String))))
    return table


def _fill(book: Book, content: Content) -> None:
    # A fixed time of creation: with the present time, equal contents would have different bytes.
    created = instant_of(content.as_of_us).replace(tzinfo=None)
    book.workbook.set_properties({"title": "Store availability", "author": "storewatch", "created": created})
    fill_summary(book, book.add_sheet("Summary", landscape=False), content)
    for name, title in _SHEETS.items():
        if name not in content.tables:
            continue
        by = content.request.by
        sheet = book.add_sheet(_BUCKETS[by] if name is ReportTable.BUCKETS and by else title)
        if name is ReportTable.PATTERN:
            fill_pattern(book, sheet, content.tables[name].read())
        elif name is ReportTable.MASS_OUTAGES:
            book.fill_table(sheet, _with_names(content, content.tables[name]))
        else:
            book.fill_table(sheet, content.tables[name])
    fill_about(book, book.add_sheet("About", landscape=False), content)
