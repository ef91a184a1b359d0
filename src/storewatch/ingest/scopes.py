"""Reject rows of stores outside the scope of their sender."""

from collections.abc import Callable

import polars as pl

from storewatch.ingest.cells import CheckedRows

# Of some store ids those that may be written.
Allowed = Callable[[pl.Series], pl.Series]


def within_scope(checked: CheckedRows, columns: pl.DataFrame, allowed: Allowed) -> CheckedRows:
    """Turn the good rows of other stores into bad ones, in the same words for a store of somebody else and for none.

    columns: what was checked, with its column store_id as it was found.
    """
    if checked.good.is_empty():
        return checked
    ids = checked.good["store_id"].unique()
    visible = allowed(ids)
    if visible.len() == ids.len():
        return checked
    outside = (
        columns.select(row=pl.int_range(pl.len(), dtype=pl.Int64), store_id=pl.col("store_id").str.strip_chars())
        .join(checked.bad, on="row", how="anti", maintain_order="left")
        .filter(~pl.col("store_id").is_in(visible.implode()))
        .select("row", reason=pl.format("there is no store '{}' for this key", pl.col("store_id").str.slice(0, 60)))
    )
    good = checked.good.filter(pl.col("store_id").is_in(visible.implode()))
    return CheckedRows(good=good, bad=pl.concat([checked.bad, outside]).sort("row"))
