"""The stores of rejected rows: they may fall back to a default or an older setting, so they are named."""

from collections.abc import Callable, Iterator
from typing import Final

import polars as pl

from storewatch.ingest.blocks import Block
from storewatch.ingest.cells import clean_ids, is_id, stripped
from storewatch.ingest.scopes import Allowed

REJECTED_STORES: Final = pl.Schema({"store_id": pl.String, "reason": pl.String, "rejected_rows": pl.Int64})
# The texts of so many rows are held at a time.
_ROWS_AT_ONCE: Final = 10_000
_FOUND: Final = pl.Schema({"line": pl.Int64, "store_id": pl.String, "reason": pl.String})


def rejected_stores(block: Block, bad: pl.DataFrame, allowed: Allowed | None) -> tuple[pl.DataFrame, int]:
    """Return REJECTED_STORES of the rows of a block that are rejected, and the number of rows without a readable id.

    bad: as in CheckedRows. allowed: of some ids those that may be written; None: all.
    """
    found = [_FOUND.to_frame(), _found(block.ids_in, block.broken)]
    for some in bad.iter_slices(_ROWS_AT_ONCE):
        lines, texts = block.origins(some["row"].to_numpy())
        rows = pl.DataFrame({"line": lines, "row": texts, "reason": some["reason"]}).cast({"line": pl.Int64})
        ids = clean_ids(block.columns["store_id"].gather(some["row"]))
        named = rows.select("line", ids.alias("store_id"), "reason")
        joined = rows.filter(pl.col("row").str.contains("\n", literal=True))
        found += [named.filter(rows["row"] != ""), _found(block.ids_in, joined).drop_nulls("store_id")]
    # A row of several weekdays is one row for each of them, and rows that a quote has joined have one line.
    every = pl.concat(found).unique(["line", "store_id"], keep="first", maintain_order=True)
    is_named = is_id().fill_null(value=False)
    stores = (
        every.filter(is_named)
        .group_by("store_id", maintain_order=True)
        .agg(pl.col("reason").first(), pl.len().cast(pl.Int64).alias("rejected_rows"))
    )
    if allowed is not None:
        stores = stores.filter(pl.col("store_id").is_in(allowed(stores["store_id"]).implode()))
    return stores, every.filter(~is_named).height


def unnamed_rows(count: int, title: str) -> Iterator[str]:
    """Yield a sentence if there are rejected rows without a readable id."""
    if count:
        rows = "1 rejected row" if count == 1 else f"{count:,} rejected rows"
        yield f"{rows} of {title} without a readable store_id may be of any store"


def merge_rejected(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Return REJECTED_STORES of several blocks as one frame with a row for each store."""
    rows = pl.concat([REJECTED_STORES.to_frame(), *parts])
    found = rows.group_by("store_id", maintain_order=True)
    return found.agg(pl.col("reason").first(), pl.col("rejected_rows").sum())


def _found(ids_in: Callable[[str], list[str]], rows: pl.DataFrame) -> pl.DataFrame:
    """Return _FOUND of rows that were not split into columns: a row for each id in their texts, null without one."""
    found = [
        (line, store_id, reason)
        for line, text, reason in rows.select("line", "row", "reason").iter_rows()
        for store_id in (*ids_in(text),) or (None,)
    ]
    return pl.DataFrame(found, _FOUND, orient="row").with_columns(stripped("store_id"))
