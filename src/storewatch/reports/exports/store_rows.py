"""The rows of STORES a store at a time: they lie store by store, all windows of one in turn."""

from collections.abc import Iterator

import polars as pl

from storewatch.domain.enums import ReportTable
from storewatch.reports.compute.content import Content
from storewatch.reports.exports.header import summary


def whole_stores(content: Content) -> Iterator[pl.DataFrame]:
    """Give the rows of STORES frame by frame, no store split between two."""
    stores, windows = content.tables[ReportTable.STORES], summary(content).height
    rest = stores.schema.to_frame()
    for frame in stores.frames():
        rows = pl.concat([rest, frame])
        whole = rows.height - rows.height % windows
        yield rows[:whole]
        rest = rows[whole:]


def by_window(content: Content, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Take the rows of whole stores apart by window, in the order of SUMMARY, one row a store in each."""
    windows = summary(content)["window"].to_list()
    return {window: rows.gather_every(len(windows), number) for number, window in enumerate(windows)}
