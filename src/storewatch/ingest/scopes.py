"""Reject rows that do not fit the catalog: other scopes, unknown targets, stores that close before they open."""

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from storewatch.catalog import TargetKey
from storewatch.domain.columns import TARGET_KEY
from storewatch.ingest.cells import CheckedRows, dates, stripped

# Takes store ids. Returns those that the caller may write.
Allowed = Callable[[pl.Series], pl.Series]
# Takes targets (columns.TARGET_KEY). Returns those that do not exist, each with the reason.
UnknownTargets = Callable[[pl.DataFrame], dict[TargetKey, str]]


def reject_outside_scope(checked: CheckedRows, columns: pl.DataFrame, allowed: Allowed) -> CheckedRows:
    """Reject the good rows of stores that the caller may not write.

    The reason is the same whether the store exists or not. columns: the rows that were checked, with store_id as text.
    """
    if checked.good.is_empty():
        return checked
    ids = checked.good["store_id"].unique()
    visible = allowed(ids)
    if visible.len() == ids.len():
        return checked
    outside = (
        columns.select(row=pl.int_range(pl.len(), dtype=pl.Int64), store_id=stripped("store_id"))
        .join(checked.bad, on="row", how="anti", maintain_order="left")
        .filter(~pl.col("store_id").is_in(visible.implode()))
        .select("row", reason=pl.format("there is no store '{}' for this key", pl.col("store_id").str.slice(0, 60)))
    )
    good = checked.good.filter(pl.col("store_id").is_in(visible.implode()))
    return replace(checked, good=good, bad=pl.concat([checked.bad, outside]).sort("row"))


def reject_unknown_targets(checked: CheckedRows, columns: pl.DataFrame, unknown: UnknownTargets) -> CheckedRows:
    """Reject the good rows of entries whose store or label does not exist. The reason has the nearest names.

    columns: the rows that were checked.
    """
    if checked.good.is_empty():
        return checked
    targets = checked.good.select(TARGET_KEY.names()).unique(maintain_order=True)
    missing = [(*target, reason) for target, reason in unknown(targets).items()]
    if not missing:
        return checked
    reasons = pl.DataFrame(missing, {**TARGET_KEY, "reason": pl.String}, orient="row")
    places = columns.select(row=pl.int_range(pl.len(), dtype=pl.Int64)).join(
        checked.bad, on="row", how="anti", maintain_order="left"
    )
    rows = checked.good.with_columns(places["row"]).join(
        reasons, on=TARGET_KEY.names(), how="left", nulls_equal=True, maintain_order="left"
    )
    is_known = pl.col("reason").is_null()
    refused = rows.filter(~is_known).select("row", "reason")
    good = rows.filter(is_known).select(checked.good.columns)
    return replace(checked, good=good, bad=pl.concat([checked.bad, refused]).sort("row"))


def reject_reversed_dates(checked: CheckedRows, columns: pl.DataFrame, known: pl.DataFrame) -> CheckedRows:
    """Reject good rows of opened_on or closed_on by which a store would close before it opens.

    columns: the rows that were checked. known: store_id and the other date of stores; used where a row has no such
    date.
    """
    name, other = checked.good.columns[1], known.columns[1]
    own = columns[other] if other in columns.columns else pl.Series(other, [None] * columns.height, dtype=pl.String)
    rows = (
        columns.select("store_id", name)
        .with_columns(own)
        .select(stripped("store_id"), *(dates(each) for each in (name, other)), row=pl.int_range(pl.len()))
        .join(checked.bad, on="row", how="anti", maintain_order="left")
        .filter(pl.col(name).is_not_null())
        .join(known.rename({other: "known"}), on="store_id", how="left", maintain_order="left")
    )
    opened, closed = (name, "known") if name == "opened_on" else ("known", name)
    is_reversed = (pl.col(other).is_null() & (pl.col(closed) <= pl.col(opened))).fill_null(value=False)
    refused = rows.filter(is_reversed)
    if refused.is_empty():
        return checked
    reason = pl.format(f"closed_on must be a date after opened_on, and the {other} of this store is {{}}", "known")
    good = checked.good.filter(~rows.select(is_reversed).to_series())
    return replace(checked, good=good, bad=pl.concat([checked.bad, refused.select("row", reason=reason)]).sort("row"))
