"""Poll quality: how often stores were polled, and the gaps between polls."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from storewatch.domain.columns import Int64s
from storewatch.engine.polling import POLL_GAPS, poll_gaps
from storewatch.reports.compute.collectors import Part, SectionResult
from storewatch.reports.compute.content import QUALITY, REJECTED
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.shards import Shard

# A shard's figures are POLL_GAPS, then the duplicates.
_FIGURES: Final = len(POLL_GAPS) + 1
_POLLS, _OUTSIDE, _MEDIAN, _LONGEST = (
    POLL_GAPS.index(name) for name in ("polls", "outside", "median_gap_us", "longest_gap_us")
)
_COLUMNS: Final = [_POLLS, _OUTSIDE, len(POLL_GAPS), _MEDIAN, _LONGEST]


@dataclass(frozen=True, kw_only=True, eq=False)
class QualityCollector:
    """The polls of every store in every window and the gaps between them.

    duplicates: repeats of a poll that are still in the lake (`optimize` drops them). In the summary the median gap is
    the lower median of the stores' medians. rejected: REJECTED of the stores.
    """

    stores: int
    rejected: tuple[int, int]
    spans_us: Int64s
    lookaround_us: int = 0
    cells: int = 0

    @classmethod
    def of(cls, context: ReportContext) -> "QualityCollector":
        return cls(stores=context.stores, rejected=_rejected(context), spans_us=context.windows.spans_us)

    def collect(self, shard: Shard) -> Part[Int64s]:
        """Count the polls and gaps of each store: int64[N,W,_FIGURES]."""
        counted = np.zeros((shard.last - shard.first, self.spans_us.shape[1], _FIGURES), np.int64)
        for window in range(self.spans_us.shape[1]):
            spans_us = self.spans_us[:, window]
            counted[:, window, :-1] = poll_gaps(
                shard.evidence, shard.sessions, spans_us, shard.zone_of, as_of_us=shard.as_of_us
            )
            rows = _count_rows(shard, spans_us[shard.zone_of])
            counted[:, window, -1] = rows - counted[:, window, _POLLS]
        return Part(first=shard.first, last=shard.last, values=counted)

    def merge(self, parts: Iterable[Part[Int64s]]) -> SectionResult:
        counted = np.zeros((self.stores, self.spans_us.shape[1], _FIGURES), np.int64)
        for part in parts:
            counted[part.first : part.last] = part.values
        gaps = pl.col("median_gap_us", "longest_gap_us")
        columns = pl.DataFrame(counted[..., _COLUMNS].reshape(-1, len(QUALITY)), schema=QUALITY, orient="row")
        columns = columns.with_columns(pl.when(gaps >= 0).then(gaps))
        return SectionResult(store_columns=columns, summary_columns=self._summary(columns))

    def _summary(self, store_columns: pl.DataFrame) -> pl.DataFrame:
        windows = self.spans_us.shape[1]
        of_window = np.tile(np.arange(windows), self.stores)
        counts = pl.col("polls", "polls_outside_hours", "duplicates")
        median, longest = pl.col("median_gap_us").quantile(0.5, "lower"), pl.col("longest_gap_us").max()
        summed = store_columns.with_columns(window=of_window).group_by("window").agg(counts.sum(), median, longest)
        every = pl.DataFrame({"window": np.arange(windows)})
        return (
            every.join(summed, on="window", how="left", maintain_order="left")
            .select(counts.fill_null(0), "median_gap_us", "longest_gap_us")
            .cast(QUALITY)
            .with_columns(
                pl.lit(count, pl.Int64).alias(name) for name, count in zip(REJECTED, self.rejected, strict=True)
            )
        )


def _rejected(context: ReportContext) -> tuple[int, int]:
    """Count the stores with default hours or zone because their rows were rejected, and these rows."""
    of_report = pl.col("store_id").is_in(context.store_ids.implode())
    found = context.inputs.store_list.fallbacks.filter(~pl.col("keeps_older"), of_report)
    return found["store_id"].n_unique(), int(found["rejected_rows"].sum())


def _count_rows(shard: Shard, spans_us: Int64s) -> Int64s:
    """Count the rows of the lake, repeats included, of each store in its window, int64[N,2]: int64[N]."""
    store, at_us = shard.rows.store_index, shard.rows.observed_us
    inside = (at_us >= spans_us[store, 0]) & (at_us < spans_us[store, 1]) & (at_us <= shard.as_of_us)
    return np.bincount(store[inside], minlength=len(spans_us))
