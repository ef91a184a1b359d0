"""Turn rows of weekly hours on the local clock into intervals of the local week, and back (SEMANTICS 2)."""

from collections.abc import Iterable

import polars as pl

from storewatch.domain.columns import INTERVALS
from storewatch.domain.instants import DAY_SECONDS, END_OF_DAY_FROM_S, WEEK_SECONDS


def end_of_row() -> pl.Expr:
    """Return the end of a row of hours by SEMANTICS 2, in seconds from the midnight before `start_s`, up to 172,800.

    Reads the columns start_s and end_s as written; null where they are null. Rows with start == end other than
    00:00-00:00 have no end, and the caller must have rejected them.
    """
    end_s = pl.when(pl.col("end_s") >= END_OF_DAY_FROM_S).then(DAY_SECONDS).otherwise(pl.col("end_s"))
    return end_s + pl.when(end_s <= pl.col("start_s")).then(DAY_SECONDS).otherwise(0)


def weekly_intervals(rows: pl.DataFrame) -> pl.DataFrame:
    """Normalise rows of weekly hours by SEMANTICS 2.

    rows: columns.WEEKLY_HOURS, any order; rows with start == end other than 00:00-00:00 must not be among them.
    Returns one row a store, sorted: store_id, intervals (list of {start_s, end_s} in seconds of the local week,
    0 <= start_s < end_s <= 604,800, disjoint, not touching, sorted; empty for a store that is closed all week).
    """
    midnight_s = pl.col("day").cast(pl.Int32) * DAY_SECONDS
    closed = rows.filter(pl.col("start_s").is_null())
    rows = rows.filter(pl.col("start_s").is_not_null())
    spans = rows.select("store_id", start_s=midnight_s + pl.col("start_s"), end_s=midnight_s + end_of_row())
    into_monday = spans.filter(pl.col("end_s") > WEEK_SECONDS).with_columns(
        start_s=pl.lit(0, pl.Int32), end_s=pl.col("end_s") - WEEK_SECONDS
    )
    covered_until = pl.col("end_s").cum_max().shift(1).over("store_id")
    intervals = (
        pl.concat([spans.with_columns(pl.col("end_s").clip(upper_bound=WEEK_SECONDS)), into_monday])
        .sort("store_id", "start_s")
        .with_columns(begins=(pl.col("start_s") > covered_until).fill_null(value=True).cum_sum())
        .group_by("store_id", "begins", maintain_order=True)
        .agg(pl.col("start_s").min(), pl.col("end_s").max())
        .group_by("store_id", maintain_order=True)
        .agg(intervals=pl.struct(pl.col("start_s", "end_s").cast(pl.Int32)))
    )
    closed_all_week = closed.select("store_id").unique().join(intervals, on="store_id", how="anti")
    if closed_all_week.is_empty():
        return intervals
    none_open = closed_all_week.select("store_id", intervals=pl.lit([], INTERVALS))
    return pl.concat([intervals, none_open]).sort("store_id")


def weekly_rows(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Return intervals of `weekly_intervals` as rows of (day, start_s, end_s), cut at each midnight."""
    return [
        (day, max(start_s - midnight, 0), min(end_s - midnight, DAY_SECONDS))
        for start_s, end_s in intervals
        for day in range(start_s // DAY_SECONDS, -(-end_s // DAY_SECONDS))
        for midnight in [day * DAY_SECONDS]
    ]
