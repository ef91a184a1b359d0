"""The rows of STORE_FIGURES by whole stores: the table has one row for each window of a store, store after store."""

from collections.abc import Iterator

import polars as pl

from storewatch.domain.enums import ReportTable
from storewatch.reports.compute.content import Content
from storewatch.reports.exports.header import summary


def whole_stores(content: Content) -> Iterator[pl.DataFrame]:
    """Return the rows of STORE_FIGURES in frames. No store is split between two frames."""
    stores, windows = content.tables[ReportTable.STORES], summary(content).height
    rest = stores.schema.to_frame()
    for frame in stores.frames():
        rows = pl.concat([rest, frame])
        whole = rows.height - rows.height % windows
        yield rows[:whole]
        rest = rows[whole:]


def store_names(content: Content, store_ids: pl.Series) -> dict[str, str]:
    """Return the names of these stores by id, without those that have no name."""
    wanted = store_ids.unique().implode()
    names: dict[str, str] = {}
    for frame in content.tables[ReportTable.STORES].frames() if len(store_ids) else ():
        named = frame.select("store_id", "name").filter(pl.col("store_id").is_in(wanted), pl.col("name").is_not_null())
        names |= dict(named.iter_rows())
    return names


def by_window(content: Content, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the rows of whole stores by window, in the order of SUMMARY. Each window has one row for each store."""
    windows = summary(content)["window"].to_list()
    return {window: rows.gather_every(len(windows), number) for number, window in enumerate(windows)}
