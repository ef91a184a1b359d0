"""Reject rows by what the catalog holds: of other scopes, of unknown targets, of stores that would close too early."""

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from storewatch.catalog import TargetKey
from storewatch.domain.columns import TARGET_KEY
from storewatch.ingest.cells import CheckedRows, dates, stripped

# Of some store ids those that may be written.
Allowed = Callable[[pl.Series], pl.Series]
# Of some targets (columns.TARGET_KEY) those that do not exist, with the reason.
UnknownTargets = Callable[[pl.DataFrame], dict[TargetKey, str]]


def reject_outside_scope(checked: CheckedRows, columns: pl.DataFrame, allowed: Allowed) -> CheckedRows:
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
        columns.select(row=pl.int_range(pl.len(), dtype=pl.Int64), store_id=stripped("store_id"))
        .join(checked.bad, on="row", how="anti", maintain_order="left")
        .filter(~pl.col("store_id").is_in(visible.implode()))
        .select("row", reason=pl.format("there is no store '{}' for this key", pl.col("store_id").str.slice(0, 60)))
    )
    good = checked.good.filter(pl.col("store_id").is_in(visible.implode()))
    return replace(checked, good=good, bad=pl.concat([checked.bad, outside]).sort("row"))


def reject_unknown_targets(checked: CheckedRows, columns: pl.DataFrame, unknown: UnknownTargets) -> CheckedRows:
    """Turn the good rows of entries whose store or label does not exist into bad ones; the reason has nearest names.

    columns: what was checked.
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
    """Turn the good dates that would have a store close before it opens into bad rows.

    columns: what was checked. known: store_id and the other date of stores, which counts where a row does not hold it.
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
