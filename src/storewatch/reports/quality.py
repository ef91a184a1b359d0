"""Poll quality: how often stores were polled, and when the feed itself was blind."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from storewatch.catalog import Catalog
from storewatch.engine.availability import POLL_GAPS, blind_spots, count_unpolled, poll_gaps
from storewatch.engine.columns import MINUTE_US, Int64s
from storewatch.reports.collecting import Plan
from storewatch.reports.content import BLIND_SPOTS, QUALITY, Table
from storewatch.reports.figures import Shard
from storewatch.reports.request import TableName

_POLLS, _OUTSIDE, _MEDIAN, _LONGEST = (
    POLL_GAPS.index(name) for name in ("polls", "outside", "median_gap_us", "longest_gap_us")
)
_COLUMNS: Final = [_POLLS, _OUTSIDE, len(POLL_GAPS), _MEDIAN, _LONGEST]


class QualityCollector:
    """The polls of every store in every window and the gaps between them; the blind spots of all stores together.

    duplicates: repeats of a poll that the lake still holds (it drops them when it is optimized). In the summary the
    median gap is the lower median of those of the stores. A blind spot is looked for from the earliest beginning to the
    latest end that the window has in any zone; its share is the highest in it.
    """

    lookaround_us = 0
    cells = 0

    def __init__(self, plan: Plan, _catalog: Catalog) -> None:
        spans_us = plan.windows.spans_us
        self._plan = plan
        # POLL_GAPS, then the duplicates.
        self._counted = np.zeros((plan.stores, len(plan.windows.names), len(POLL_GAPS) + 1), np.int64)
        bounds_us = np.zeros((len(plan.windows.names), 2), np.int64)
        if len(spans_us):
            bounds_us[:, 0], bounds_us[:, 1] = spans_us[:, :, 0].min(axis=0), spans_us[:, :, 1].max(axis=0)
        self._bounds_us: list[list[int]] = bounds_us.tolist()
        minutes = [-((from_us - to_us) // MINUTE_US) for from_us, to_us in self._bounds_us]
        self._unpolled, self._opened = ([np.zeros(count + 1, np.int64) for count in minutes] for _ in range(2))

    def add(self, shard: Shard) -> None:
        if shard.first == shard.last:
            return
        as_of_us = self._plan.basis.as_of_us
        for window, (from_us, to_us) in enumerate(self._bounds_us):
            counted = self._counted[shard.first : shard.last, window]
            spans_us = self._plan.windows.spans_us[:, window]
            counted[:, :-1] = poll_gaps(shard.evidence, shard.sessions, spans_us, shard.zone_of, as_of_us=as_of_us)
            counted[:, -1] = _count_rows(shard, spans_us[shard.zone_of], as_of_us) - counted[:, _POLLS]
            count_unpolled(
                shard.evidence,
                shard.sessions,
                from_us,
                to_us,
                self._unpolled[window],
                self._opened[window],
                as_of_us=as_of_us,
            )

    def store_columns(self) -> pl.DataFrame:
        counted = self._counted[..., _COLUMNS].reshape(-1, len(QUALITY))
        gaps = pl.col("median_gap_us", "longest_gap_us")
        return pl.DataFrame(counted, schema=QUALITY, orient="row").with_columns(pl.when(gaps >= 0).then(gaps))

    def summary_columns(self) -> pl.DataFrame:
        windows = len(self._plan.windows.names)
        of_window = np.tile(np.arange(windows), self._plan.stores)
        added = pl.col("polls", "polls_outside_hours", "duplicates").sum()
        median, longest = pl.col("median_gap_us").quantile(0.5, "lower"), pl.col("longest_gap_us").max()
        summed = self.store_columns().with_columns(window=of_window).group_by("window").agg(added, median, longest)
        every = pl.DataFrame({"window": np.arange(windows)})
        return (
            every.join(summed, on="window", how="left", maintain_order="left")
            .select(
                pl.col("polls", "polls_outside_hours", "duplicates").fill_null(0), "median_gap_us", "longest_gap_us"
            )
            .cast(QUALITY)
        )

    def tables(self) -> Mapping[TableName, Table]:
        table = Table(schema=BLIND_SPOTS)
        for name, (from_us, _), unpolled, opened in zip(
            self._plan.windows.names, self._bounds_us, self._unpolled, self._opened, strict=True
        ):
            shares = np.cumsum(unpolled) / np.maximum(np.cumsum(opened), 1)
            found = blind_spots(unpolled, opened)
            rows = {
                "start_at": [from_us + start * MINUTE_US for start, _, _ in found],
                "end_at": [from_us + end * MINUTE_US for _, end, _ in found],
                "unpolled_share": [float(shares[start:end].max()) for start, end, _ in found],
            }
            table.append(pl.DataFrame(rows).with_columns(pl.lit(name).alias("window")))
        return {TableName.BLIND_SPOTS: table}


def _count_rows(shard: Shard, spans_us: Int64s, as_of_us: int) -> Int64s:
    """Count what the lake gave of each store in its window, int64[n,2], repeats included: int64[n]."""
    store, at_us = shard.rows.store_index, shard.rows.observed_us
    inside = (at_us >= spans_us[store, 0]) & (at_us < spans_us[store, 1]) & (at_us <= as_of_us)
    return np.bincount(store[inside], minlength=len(spans_us))
