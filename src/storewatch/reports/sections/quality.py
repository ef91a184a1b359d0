"""Poll quality: how often stores were polled."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from storewatch.catalog import Catalog
from storewatch.domain.columns import Int64s
from storewatch.domain.enums import ReportTable
from storewatch.engine.polling import POLL_GAPS, poll_gaps
from storewatch.reports.compute.collecting import ReportContext
from storewatch.reports.compute.content import QUALITY, Table
from storewatch.reports.compute.figures import Shard

_POLLS, _OUTSIDE, _MEDIAN, _LONGEST = (
    POLL_GAPS.index(name) for name in ("polls", "outside", "median_gap_us", "longest_gap_us")
)
_COLUMNS: Final = [_POLLS, _OUTSIDE, len(POLL_GAPS), _MEDIAN, _LONGEST]


class QualityCollector:
    """The polls of every store in every window and the gaps between them.

    duplicates: repeats of a poll that the lake still holds (it drops them when it is optimized). In the summary the
    median gap is the lower median of those of the stores.
    """

    lookaround_us = 0
    cells = 0

    def __init__(self, context: ReportContext, _catalog: Catalog) -> None:
        self._context = context
        # POLL_GAPS, then the duplicates.
        self._counted = np.zeros((context.stores, len(context.windows.names), len(POLL_GAPS) + 1), np.int64)

    def add(self, shard: Shard) -> None:
        if shard.first == shard.last:
            return
        as_of_us = self._context.inputs.as_of_us
        for window in range(len(self._context.windows.names)):
            counted = self._counted[shard.first : shard.last, window]
            spans_us = self._context.windows.spans_us[:, window]
            counted[:, :-1] = poll_gaps(shard.evidence, shard.sessions, spans_us, shard.zone_of, as_of_us=as_of_us)
            counted[:, -1] = _count_rows(shard, spans_us[shard.zone_of], as_of_us) - counted[:, _POLLS]

    def store_columns(self) -> pl.DataFrame:
        counted = self._counted[..., _COLUMNS].reshape(-1, len(QUALITY))
        gaps = pl.col("median_gap_us", "longest_gap_us")
        return pl.DataFrame(counted, schema=QUALITY, orient="row").with_columns(pl.when(gaps >= 0).then(gaps))

    def summary_columns(self) -> pl.DataFrame:
        windows = len(self._context.windows.names)
        of_window = np.tile(np.arange(windows), self._context.stores)
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

    def tables(self) -> Mapping[ReportTable, Table]:
        return {}


def _count_rows(shard: Shard, spans_us: Int64s, as_of_us: int) -> Int64s:
    """Count what the lake gave of each store in its window, int64[n,2], repeats included: int64[n]."""
    store, at_us = shard.rows.store_index, shard.rows.observed_us
    inside = (at_us >= spans_us[store, 0]) & (at_us < spans_us[store, 1]) & (at_us <= as_of_us)
    return np.bincount(store[inside], minlength=len(spans_us))
