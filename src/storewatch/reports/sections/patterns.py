"""Patterns: the weekdays and local hours at which stores are down."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from storewatch.domain.columns import Int64s
from storewatch.domain.enums import Breakdown, ReportTable, Status
from storewatch.engine.availability import bucket_totals
from storewatch.reports.compute.collectors import Part, SectionResult
from storewatch.reports.compute.content import FIGURES, PATTERN, ContentTable, figures_frame
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.shards import Shard
from storewatch.reports.request.windows import Windows, cut

HOURS_OF_WEEK: Final = 7 * 24


@dataclass(frozen=True, kw_only=True, eq=False)
class HoursOfWeek:
    """The local hours of every window, with the hour of the local week, counted from Monday 00:00, of each.

    edges_us: int64[Z,H+1] of each window; hour_of: int64[Z,H] of each window.
    """

    edges_us: tuple[Int64s, ...]
    hour_of: tuple[Int64s, ...]

    @classmethod
    def of(cls, windows: Windows) -> "HoursOfWeek":
        cuts = [cut(windows, number, Breakdown.HOUR) for number in range(len(windows.names))]
        hour_of = []
        for buckets in cuts:
            hours = buckets.starts.astype("datetime64[h]")
            since_monday = hours.astype(np.int64) + 3 * 24  # 1970-01-01 was a Thursday
            hour_of.append(np.where(np.isnat(hours), 0, since_monday % HOURS_OF_WEEK))
        return cls(edges_us=tuple(buckets.edges_us for buckets in cuts), hour_of=tuple(hour_of))

    def totals(self, shard: Shard, window: int) -> Int64s:
        """Add up the statuses of every store of a shard by the hour of the week: int64[N,168,4]."""
        return bucket_totals(
            shard.engine_inputs,
            self.edges_us[window],
            shard.zone_of,
            cell_of=self.hour_of[window],
            cells=HOURS_OF_WEEK,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class PatternCollector:
    """The figures of all stores together by weekday and local hour; the window's clock decides the hour."""

    window_names: tuple[str, ...]
    hours: HoursOfWeek
    lookaround_us: int = 0
    cells: int = HOURS_OF_WEEK

    @classmethod
    def of(cls, context: ReportContext) -> "PatternCollector":
        return cls(window_names=context.windows.names, hours=HoursOfWeek.of(context.windows))

    def collect(self, shard: Shard) -> Part[Int64s]:
        """Return the sums over the stores of a shard: int64[W,168,4]."""
        sums = [self.hours.totals(shard, window).sum(axis=0) for window in range(len(self.window_names))]
        return Part(first=shard.first, last=shard.last, values=np.array(sums))

    def merge(self, parts: Iterable[Part[Int64s]]) -> SectionResult:
        all_us = np.zeros((len(self.window_names), HOURS_OF_WEEK, len(Status)), np.int64)
        for part in parts:
            all_us += part.values
        table = ContentTable(schema=PATTERN)
        weekday, hour = np.divmod(np.arange(HOURS_OF_WEEK), 24)
        for name, sums_us in zip(self.window_names, all_us, strict=True):
            rows = pl.DataFrame({"weekday": weekday, "hour": hour}).with_columns(pl.lit(name).alias("window"))
            table.append(rows.hstack(figures_frame(sums_us).select(FIGURES.names())))
        return SectionResult(tables={ReportTable.PATTERN: table})
